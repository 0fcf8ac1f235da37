"""What bad code, bad files and full disks do to the command line: they end as a clear result."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from intentos.contract import descendants
from intentos.plan import Step
from intentos.plan_file import dump_plan
from intentos.types import Limits

from .parts import plan_of, write
from .test_cli import CITY, PRIMES, SMALL, intentos, one_object

LIMITS = Limits(wall_time=6, memory_bytes=512 * 1024**2, processes=24)
MARK = "intentos_hostile_mark"

HOSTILE = {
    "opens a socket": ("import socket\nsocket.create_connection(('1.1.1.1', 80), 2)", "failed"),
    "reads the home folder": (
        "import os, pathlib\nprint(list(pathlib.Path(os.path.expanduser('~')).iterdir()))",
        "failed",
    ),
    "allocates 100 GB": ("block = bytearray(100 * 1024**3)", "failed"),
    "never returns": ("while True: pass", "timed_out"),
    "forks without end": (
        f"import os, time\nmark = '{MARK}'\nfor n in range(200):\n    if os.fork() == 0:\n"
        "        time.sleep(30)\ntime.sleep(30)",
        "failed",
    ),
    "floods the output": ("while True: print('x' * 10000)", "timed_out"),
}


def plan_file(folder: Path, code: str) -> Path:
    """Write a plan of one Python step."""
    step = Step(id="bad", language="python", code=code, limits=LIMITS)
    return write(folder / "bad.yaml", dump_plan(plan_of(steps=(step,), origin="generated"), {}))


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.usefixtures("orphans_come_here")
def test_hostile_code_ends_as_a_result_with_a_reason(tmp_path: Path, name: str) -> None:
    code, status = HOSTILE[name]
    before = leftovers()
    done = intentos("run", str(plan_file(tmp_path, code)), "--yes", "--json")
    assert done.returncode == 1, done.stderr
    found = one_object(done)
    assert found["status"] == "failed"
    assert found["error"]["message"] != found["error"]["code"]
    shown = intentos("show", "last")
    assert found["error"]["message"].splitlines()[0][:30] in " ".join(shown.stderr.split())
    # A sandbox that an earlier test of this process keeps ready is not this command's.
    assert [process for process in leftovers() if process not in before] == []
    if status == "timed_out":
        assert found["error"]["code"] == "sandbox.timed_out"


@pytest.fixture
def orphans_come_here() -> Iterator[None]:
    """Let what a command leaves behind become a child of this process, and of no other."""
    if sys.platform != "linux":
        yield
        return
    set_child_subreaper, libc = 36, ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(set_child_subreaper, 1, 0, 0, 0) == 0
    before = set(zombies())
    yield
    libc.prctl(set_child_subreaper, 0, 0, 0, 0)
    for process in set(zombies()) - before:
        with suppress(ChildProcessError):
            os.waitpid(process, os.WNOHANG)


def zombies() -> Iterator[int]:
    """Yield the children of this process that are over and not buried."""
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, parent = (entry / "stat").read_text("utf-8").rpartition(")")[2].split()[:2]
            if state == "Z" and int(parent) == os.getpid():
                yield int(entry.name)


def leftovers() -> list[str]:
    """Return the sandboxes under this process: number and command line."""
    found = []
    for process in descendants():
        with suppress(OSError):
            line = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ")
            if b"/intentos/harness" in line:
                found.append(f"{process} {line.decode(errors='replace')[:200]}")
    return found


def test_the_program_goes_on_after_hostile_code(tmp_path: Path) -> None:
    bad = plan_file(tmp_path, "import os\nos._exit(7)")
    assert intentos("run", str(bad), "--yes").returncode == 1
    assert intentos(*PRIMES, "--yes").returncode == 0
    statuses = [run["status"] for run in json.loads(intentos("runs", "--json").stdout)]
    assert statuses == ["completed", "failed"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a cache folder without a model in it."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("INTENTOS_CACHE", str(folder))
    return folder


UNKNOWN = "how many different necklaces can be strung from 6 beads of 2 colours up to rotation?"


def test_a_missing_model_is_told_with_the_command_that_fetches_it(cache: Path) -> None:
    done = intentos("ask", UNKNOWN, "--yes", "--json")
    assert done.returncode == 4
    assert "intentos models pull" in " ".join(done.stderr.split())
    assert one_object(done)["error"]["code"] == "model.missing"
    assert intentos(*PRIMES, "--yes").returncode == 0  # the library does without


def test_a_truncated_model_is_told(cache: Path) -> None:
    file = cache / "models" / "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
    write(file, "GGUF and then nothing more")
    done = intentos("ask", UNKNOWN, "--yes", "--json")
    assert done.returncode == 4
    assert one_object(done)["error"]["code"].startswith("model.")
    assert intentos("doctor").returncode == 4
    assert file.exists()


def test_a_text_file_as_a_model_is_told(tmp_path: Path) -> None:
    file = write(tmp_path / "poem.gguf", "Shall I compare thee to a summer's day?\n" * 50)
    done = intentos("ask", UNKNOWN, "--model", str(file), "--yes")
    assert done.returncode == 4
    assert "poem.gguf" in done.stderr.replace("\n", "")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounting takes root")
def test_a_full_disk_ends_the_run_and_loses_nothing(home: Path) -> None:
    assert intentos(*PRIMES, "--yes").returncode == 0  # makes the folders
    target = home / "artifacts"
    before = {p: p.read_bytes() for p in target.rglob("*") if p.is_file()}
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(target)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount")
    try:
        done = intentos(*CITY, *SMALL, "--yes", "--json")
        assert done.returncode == 1, done.stderr
        found = one_object(done)
        assert found["status"] == "failed"
        assert "space" in found["error"]["message"]
        left = [p for p in target.rglob("*") if p.is_file()]
        assert all(whole(p) for p in left)
    finally:
        subprocess.run(["umount", str(target)], check=True)
    assert {p: p.read_bytes() for p in target.rglob("*") if p.is_file()} == before
    assert intentos("show", "last").returncode == 0


def whole(artifact: Path) -> bool:
    """Return whether a stored file has the bytes that its name promises."""
    import hashlib

    return hashlib.sha256(artifact.read_bytes()).hexdigest() == artifact.name


def test_two_commands_at_once_take_turns_at_the_gpu(home: Path) -> None:
    command = ["-m", "intentos", *CITY, *SMALL, "--yes", "--json"]
    import sys

    both: list[Any] = [
        subprocess.Popen(
            [sys.executable, *command, "--seed", str(seed)], stdout=subprocess.PIPE, text=True
        )
        for seed in (1, 2)
    ]
    results = [json.loads(process.communicate(timeout=200)[0]) for process in both]
    assert [result["status"] for result in results] == ["completed", "completed"]
    assert len(json.loads(intentos("runs", "--json").stdout)) == 2
