"""Processes: reaching others, escaping from one's own end, outliving the run."""

from __future__ import annotations

import os
import signal
import textwrap
from pathlib import Path

import pytest

from intentos.run import StepStatus
from intentos.testing import until

from .attack import Walls, called, succeeds_alone


async def test_signals_to_the_program_outside(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: pid namespace; numbers of processes outside mean nothing inside."""
    code = """
        import signal
        try:
            os.kill(parameters["pid"], signal.SIGUSR1)
            breach()
        except ProcessLookupError:
            print("nobody of that number")
        os.kill(os.getppid(), signal.SIGUSR1) if os.getppid() == 1 else None
    """
    got: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: got.append(number))
    try:
        values = {"pid": os.getpid()}
        succeeds_alone(code, values, folder=tmp_path, always=True)
        assert got == [signal.SIGUSR1]
        result = await walls.hold(code, values)
        assert got == [signal.SIGUSR1]
        assert "nobody of that number" in result.stdout
    finally:
        signal.signal(signal.SIGUSR1, before)


async def test_killing_everybody(walls: Walls) -> None:
    """Stopped by: pid namespace; kill(-1) ends the attacker's own processes only."""
    result = await walls.run("import signal\nos.kill(-1, signal.SIGKILL)\ntime.sleep(1)")
    assert result.status in (StepStatus.FAILED, StepStatus.OK)
    code = """
        child = os.fork()
        if child == 0:
            os.kill(-1, 9)
        print("its child ended by", os.waitpid(child, 0))
    """
    result = await walls.run(code)
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert result.error.code == "sandbox.killed"


DAEMON = """
    ctypes.CDLL(None).prctl(15, parameters["name"].encode(), 0, 0, 0)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (0, 1, 2):
                os.close(number)
            time.sleep(5)
        os._exit(0)
    os.wait()
    breach()
"""


async def test_a_daemon_that_outlives_the_run(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: the pid namespace ends with its first process, sessions or not."""
    name = f"ios-{os.getpid()}"
    succeeds_alone(DAEMON, {"name": name}, folder=tmp_path, always=True)
    assert called(name), "it ended with its parent"
    until(lambda: not called(name), "it is still there", seconds=20)
    result = await walls.run(DAEMON, {"name": name})
    assert result.status is StepStatus.OK, result.stderr
    assert "BREACH" in result.stdout, "it had begun"
    assert called(name) == []


async def test_tracing_a_process(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: seccomp; tracing would give the attacker another process's rights."""
    code = """
        pid = os.fork()
        if pid == 0:
            time.sleep(5)
            os._exit(0)
        attach = ctypes.CDLL(None, use_errno=True).ptrace
        if attach(16, pid, None, None) == 0:
            breach()
        os.kill(pid, 9)
    """
    succeeds_alone(code, folder=tmp_path)
    await walls.hold(code)


async def test_writing_into_another_process(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: pid namespace; /proc knows no process outside."""
    code = """
        try:
            os.close(os.open(f"/proc/{parameters['pid']}/mem", os.O_RDWR))
            breach()
        except OSError as error:
            print(error)
    """
    values = {"pid": os.getpid()}
    succeeds_alone(code, values, folder=tmp_path)
    await walls.hold(code, values)


async def test_handles_of_every_process_inside(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: nobody inside holds more than pipes; a folder or socket of ours is a way out.

    The first process of the sandbox may be of the same user, and then shows what it holds.
    """
    code = """
        for process in os.listdir("/proc"):
            try:
                handles = os.listdir(f"/proc/{process}/fd") if process.isdigit() else []
                for number in handles:
                    target = os.readlink(f"/proc/{process}/fd/{number}")
                    if not target.startswith(("pipe:", "anon_inode:[event", "/dev/null", "/proc/")):
                        breach((process, number, target))
            except OSError as error:
                print(error)
    """
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        succeeds_alone(code, folder=tmp_path, descriptors=[folder])
    finally:
        os.close(folder)
    await walls.hold(code)


async def test_becoming_root(walls: Walls, tmp_path: Path, as_root: None) -> None:
    """Stopped by: the user was changed for good, saved ids included."""
    code = """
        os.setuid(0)
        breach()
    """
    succeeds_alone(code, folder=tmp_path)
    await walls.hold(code)


async def test_what_runs_outside_is_not_told(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: pid namespace; names and arguments of other programs may hold secrets."""
    code = """
        seen = [name for name in os.listdir("/proc") if name.isdigit()]
        if len(seen) > 3:
            breach(len(seen))
    """
    succeeds_alone(code, folder=tmp_path)
    await walls.hold(code)


async def test_going_first(walls: Walls, tmp_path: Path) -> None:
    """Stopped by: no capability, RLIMIT_NICE of zero."""
    code = """
        os.setpriority(os.PRIO_PROCESS, 0, -5)
        breach()
    """
    if os.geteuid() == 0:
        succeeds_alone(code, folder=tmp_path)
    await walls.hold(code)


async def test_the_harness_killed_and_a_result_forged(walls: Walls) -> None:
    """Stopped by: a run that was killed is not completed, whatever was said in its name.

    A raw fork keeps the report's pipe; the child kills the harness and says that all went well.
    """
    code = """
        import json, signal, stat
        pipes = [n for n in range(3, 1024) if _is_pipe(n)]
        child = ctypes.CDLL(None).fork()
        if child == 0:
            for number in pipes:
                os.write(number, b'{"kind": "value", "name": "x", "value": 1, "unit": ""}\\n')
                os.write(number, b'{"kind": "done"}\\n')
            os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(20)
    """
    helper = """
        import stat
        def _is_pipe(number):
            try:
                return stat.S_ISFIFO(os.fstat(number).st_mode)
            except OSError:
                return False
    """
    result = await walls.run(textwrap.dedent(helper) + textwrap.dedent(code))
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert result.error.code == "sandbox.killed"


@pytest.mark.parametrize("last", ["value", "file", "error", "done"])
async def test_nothing_is_said_after_the_end(last: str, walls: Walls) -> None:
    """Stopped by: the reader of the report takes nothing after ``done``."""
    messages = {
        "value": b'{"kind": "value", "name": "x", "value": 1, "unit": ""}',
        "file": b'{"kind": "file", "name": "x.txt"}',
        "error": b'{"kind": "error", "reason": "exit", "what": "x", "line": 1}',
        "done": b'{"kind": "done"}',
    }
    code = f"""
        import stat
        for number in range(3, 1024):
            try:
                if stat.S_ISFIFO(os.fstat(number).st_mode):
                    os.write(number, b'{{"kind": "done"}}\\n' + {messages[last]!r} + b"\\n")
            except OSError:
                pass
        time.sleep(20)
    """
    result = await walls.run(code)
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert result.error.code == "sandbox.protocol"
    assert result.values == {}
