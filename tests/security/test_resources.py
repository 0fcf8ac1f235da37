"""Bombs: code that takes all that a machine has, and code that never ends."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from intentos.run import StepStatus
from intentos.testing import PATIENCE

from .attack import Walls, alone, called, is_new, proven, succeeds_alone

MEGABYTE = 1024**2


@dataclass(frozen=True)
class Bomb:
    """Code that breaches once it holds far more than it was given."""

    stopped_by: str
    code: str
    ends: str
    """The errors that a person may be told."""
    limits: Mapping[str, float] = field(default_factory=dict)


MEMORY = {"memory_bytes": 256 * MEGABYTE}
BOMBS = {
    "forks": Bomb(
        "RLIMIT_NPROC, on a user of its own",
        """
        children = 0
        while children < 120:
            if os.fork() == 0:
                time.sleep(15)
                os._exit(0)
            children += 1
        breach()
        """,
        "sandbox.processes",
        {"processes": 20},
    ),
    "threads": Bomb(
        "RLIMIT_NPROC, which counts threads",
        """
        import threading
        threading.stack_size(65536)
        for _ in range(300):
            threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
        breach()
        """,
        "sandbox.processes",
        {"processes": 20},
    ),
    "memory": Bomb(
        "RLIMIT_AS",
        "block = bytearray(1200 * 1024**2); breach()",
        "sandbox.memory",
        MEMORY,
    ),
    "memory in small pieces": Bomb(
        "RLIMIT_AS and the watch over the sum",
        """
        pieces = []
        for _ in range(12_000):
            pieces.append(bytes(100_000))
        breach()
        """,
        "sandbox.memory sandbox.memory_together",
        MEMORY,
    ),
    "memory of many processes": Bomb(
        "the watch over the sum of the process tree",
        """
        for _ in range(5):
            if os.fork() == 0:
                block = b"x" * (150 * 1024**2)
                time.sleep(20)
        time.sleep(parameters['patience'])
        breach()
        """,
        "sandbox.memory_together",
        MEMORY,
    ),
    "memory of processes that hide theirs": Bomb(
        "seccomp refuses PR_SET_DUMPABLE, and the watch counts what it cannot look into",
        """
        ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
        for _ in range(5):
            if os.fork() == 0:
                ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
                block = b"x" * (150 * 1024**2)
                time.sleep(20)
        time.sleep(parameters['patience'])
        breach()
        """,
        "sandbox.memory_together",
        MEMORY,
    ),
    "memory behind local sockets": Bomb(
        "the watch counts sockets as the memory that they can hold",
        """
        import socket
        for process in range(8):
            if os.fork() == 0:
                pairs = []
                for _ in range(100):
                    pairs.append(socket.socketpair())
                    for end in pairs[-1]:
                        end.setblocking(False)
                        try:
                            while end.send(bytes(65536)):
                                pass
                        except BlockingIOError:
                            pass
                time.sleep(20)
        time.sleep(parameters['patience'])
        breach()
        """,
        "sandbox.memory_together",
        MEMORY,
    ),
    "shared memory": Bomb(
        "the size of the file system /dev/shm",
        """
        with open("/dev/shm/intentos-big", "wb") as file:
            os.unlink(file.name)
            for _ in range(100):
                file.write(bytes(1024**2))
        breach()
        """,
        "sandbox.storage",
    ),
    "one large file": Bomb(
        "RLIMIT_FSIZE",
        """
        with open("big", "wb") as file:
            for _ in range(60):
                file.write(bytes(1024**2))
        os.unlink("big")
        breach()
        """,
        "sandbox.storage",
        {"artifact_bytes": 20 * MEGABYTE},
    ),
    "many large files": Bomb(
        "the size of the work folder's file system",
        """
        for number in range(6):
            with open(f"big{number}", "wb") as file:
                file.write(bytes(10 * 1024**2))
        breach()
        """,
        "sandbox.storage",
        {"artifact_bytes": 20 * MEGABYTE},
    ),
    "a hole in a file": Bomb(
        "RLIMIT_FSIZE", "open('big', 'wb').truncate(10**11); breach()", "sandbox.storage"
    ),
    "100,000 files": Bomb(
        "the watch over the work folder's files",
        """
        for number in range(130_000):
            os.close(os.open(f"f{number}", os.O_CREAT))
        time.sleep(1)
        breach()
        """,
        "sandbox.many_files",
    ),
    "100,000 files in shared memory": Bomb(
        "the watch over the files in /dev/shm",
        """
        import shutil
        os.mkdir("/dev/shm/intentos-many")
        try:
            for number in range(130_000):
                os.close(os.open(f"/dev/shm/intentos-many/f{number}", os.O_CREAT))
            time.sleep(1)
            breach()
        finally:
            shutil.rmtree("/dev/shm/intentos-many")
        """,
        "sandbox.many_files",
    ),
    "file descriptors": Bomb(
        "RLIMIT_NOFILE",
        """
        import resource
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        handles = [os.open("/dev/null", os.O_RDONLY) for _ in range(1000)]
        breach()
        """,
        "sandbox.exception",
    ),
    "core dumps": Bomb(
        "RLIMIT_CORE",
        """
        import resource
        resource.setrlimit(resource.RLIMIT_CORE, (1024**2, 1024**2))
        breach()
        """,
        "sandbox.exception",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_is_told_as_what_it_is(name: str, walls: Walls, tmp_path: Path) -> None:
    bomb = BOMBS[name]
    if name == "core dumps" and resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        pytest.skip("nobody can dump core here")
    succeeds_alone(bomb.code, {"patience": 0.3}, folder=tmp_path)
    result = await walls.hold(bomb.code, {"patience": 20}, **bomb.limits)
    assert result.status is StepStatus.FAILED, bomb.stopped_by
    assert result.error is not None
    assert result.error.code in bomb.ends.split(), (bomb.stopped_by, result.error.text("en"))


ENDLESS = {
    "a loop": "print('begun', flush=True)\nwhile True: pass",
    "sleep": "print('begun', flush=True)\ntime.sleep(10**6)",
    "a loop in C": "print('begun', flush=True)\nsum(iter(int, 1))",
    "deaf to signals": """
        import signal
        for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_IGN)
        print("begun", flush=True)
        while True: time.sleep(1)
        """,
    "a regular expression": "import re\nprint('begun', flush=True)\nre.match('(a+)+$', 'a'*64+'b')",
    "a stopped process": """
        import signal
        print("begun", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(10**6)
        """,
    "children that never end": """
        for _ in range(4):
            os.fork()
        print("begun", flush=True)
        while True: time.sleep(1)
        """,
}  # fmt: skip


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_never_ends_is_ended(name: str, walls: Walls, tmp_path: Path) -> None:
    """Stopped by: the wall clock, and SIGKILL to the first process of the pid namespace."""
    if is_new(ENDLESS[name]):
        outcome = alone(ENDLESS[name], folder=tmp_path, seconds=2)
        assert "begun" in outcome.stdout, outcome.stderr
        assert outcome.returncode == -9, "it ended without help"
        proven(ENDLESS[name])
    begun = time.monotonic()
    result = await walls.run(ENDLESS[name], wall_time=2)
    assert result.status is StepStatus.TIMED_OUT
    assert "begun" in result.stdout
    assert result.error is not None
    assert result.error.code == "sandbox.timed_out"
    assert time.monotonic() - begun < PATIENCE


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
async def test_ten_gigabytes_of_output(stream: str, walls: Walls, tmp_path: Path) -> None:
    """Stopped by: output is read, counted and forgotten beyond its limit."""
    flood = f"""
        out, block = sys.{stream}.fileno(), b"x" * 65536
        for _ in range(parameters["blocks"]):
            os.write(out, block)
        print("the end")
    """
    outcome = alone(flood, {"blocks": 800}, folder=tmp_path)
    assert len(outcome.stdout + outcome.stderr) > 50 * MEGABYTE, "nobody counts it there"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = await walls.run(flood, {"blocks": 10 * 1024**3 // 65536}, wall_time=4)
    assert result.truncated
    assert len(result.stdout) + len(result.stderr) <= 2_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB
    assert sum(len(event.model_dump_json()) for event in walls.recorder.events) < 10 * MEGABYTE


async def test_stop_at_any_moment_leaves_nothing(walls: Walls) -> None:
    """Stopped by: whatever the moment, the executor buries the process tree before it returns."""
    name = f"stop-{os.getpid()}"
    code = """
        ctypes.CDLL(None).prctl(15, parameters["name"].encode(), 0, 0, 0)
        os.fork()
        os.fork()
        print("begun", flush=True)
        time.sleep(100)
    """
    seen = False
    for moment in (0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 2.0):
        task = asyncio.ensure_future(walls.run(code, {"name": name}))
        await asyncio.sleep(moment)
        seen = seen or bool(called(name))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert called(name) == [], f"canceled after {moment} s"
    assert seen, "it never began"
