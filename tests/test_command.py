"""A program of the command line runs under limits, and nothing of it is left when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from intentos.command import CommandExecutor, Ended, run
from intentos.contract import Recorder, adopt_orphans, descendants
from intentos.errors import ExecutorUnavailable
from intentos.plan import Step
from intentos.run import StepResult, StepStatus
from intentos.samples import Samples
from intentos.testing import ExecutorContract, until
from intentos.types import Limits, Quantity


class ShellExecutor(CommandExecutor):
    """Runs ``sh``; a file called ``number`` is a value."""

    name = "shell"
    languages = frozenset({"sh"})
    program = "sh"

    def values(self, folder: Path) -> Mapping[str, Quantity]:
        file = folder / "number"
        if not file.exists():
            return {}
        number = float(file.read_text())
        file.unlink()
        return {"number": Quantity(value=number)}


class TestShell(ExecutorContract):
    samples = Samples(
        language="sh",
        hello="echo hello",
        fails="echo so far; echo no beads >&2; exit 3",
        complaint="no beads",
        sleeps="setsid sh -c 'sleep 100 & sleep 100' & trap '' TERM; sleep 100",
        starts=0.5,
        makes_file="echo 42 > answer.txt",
        floods="yes water | head -c 200000",
        meets="for d in . $TMPDIR $HOME; do test -e $d/trace && exit 1; done; touch trace; sleep 1",
        draws='echo "$SEED"',
        echoes="printf '%s' \"$words\"",
        reads_input='cat "$given"',
        takes_memory="x=$(head -c 1500000000 /dev/zero | tr '\\0' x); echo ${#x}",
        fills_disk="head -c 20000000 /dev/zero > big.bin",
    )

    @pytest.fixture
    def executor(self) -> ShellExecutor:
        return ShellExecutor()


async def execute(code: str, folder: Path, **changes: Any) -> StepResult:
    step = Step(id="s", language="sh", code=code)
    limits = Limits.model_validate({"wall_time": 60, **changes})
    return await ShellExecutor().execute(step, Recorder(folder).context(limits=limits))


async def test_numbers_become_values_and_files_artifacts(tmp_path: Path) -> None:
    code = "echo 6.5 > number; echo a > b.csv; echo c > .hidden; mkdir d; ln -s /etc/passwd link"
    result = await execute(code, tmp_path)
    assert result.values == {"number": Quantity(value=6.5)}
    assert [artifact.name for artifact in result.artifacts] == ["b.csv"]
    assert result.artifacts[0].media_type == "text/csv"


async def test_what_failing_code_left_is_kept(tmp_path: Path) -> None:
    result = await execute("echo half > half.txt; echo 1 > number; exit 1", tmp_path)
    assert result.status is StepStatus.FAILED
    assert result.values == {}
    assert {artifact.name for artifact in result.artifacts} == {"half.txt", "number"}


async def test_the_environment_holds_what_the_step_is_given_and_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    result = await execute("env | cut -d= -f1 | sort", tmp_path)
    assert set(result.stdout.split()) <= {
        "HOME", "LC_ALL", "PATH", "PWD", "OLDPWD", "SEED", "SHLVL", "TEMP", "TMPDIR", "_",
    }  # fmt: skip


async def test_a_program_killed_by_a_signal_failed(tmp_path: Path) -> None:
    result = await execute("kill -9 $$", tmp_path)
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert "137" in result.error.text("en")


async def test_output_that_is_no_text_is_replaced_and_stays_within_the_limit(
    tmp_path: Path,
) -> None:
    result = await execute(
        "head -c 5000 /dev/zero | tr '\\000' '\\377'", tmp_path, output_bytes=1024
    )
    assert result.truncated
    assert set(result.stdout) == {"�"}
    assert len(result.stdout.encode()) <= 1024


async def test_a_child_that_keeps_the_pipes_open_does_not_hold_the_step(tmp_path: Path) -> None:
    begun = time.monotonic()
    result = await execute("sleep 50 & echo done", tmp_path)
    assert result.stdout == "done\n"
    assert time.monotonic() - begun < 30


async def test_a_fork_bomb_ends_with_its_time(tmp_path: Path) -> None:
    adopt_orphans()
    before = descendants()
    code = "n() { sleep 1; (n) & (n) & wait; }; n"  # a slow one: 2, 4, 8 …
    result = await execute(code, tmp_path, wall_time=3.5)
    assert result.status is StepStatus.TIMED_OUT
    until(lambda: not descendants() - before, "processes are left")


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    ended = await run(["no-such-program"], folder=tmp_path, environment={}, stdin=b"",
                      limits=Limits())  # fmt: skip
    assert ended.status == 127
    assert "no-such-program" in ended.stderr

    class Lost(ShellExecutor):
        program = "no-such-program"
        remedy = "apt-get install it"

    with pytest.raises(ExecutorUnavailable, match="apt-get install it"):
        Lost().check()


async def test_a_program_that_fails_with_status_zero_can_be_known(tmp_path: Path) -> None:
    class Wordy(ShellExecutor):
        def failure(self, ended: Ended) -> str:
            return ended.stderr.strip()

    step = Step(id="s", language="sh", code="echo divided by zero >&2")
    result = await Wordy().execute(step, Recorder(tmp_path).context())
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert "divided by zero" in result.error.text("zh")


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux tells the child")
def test_the_program_ends_with_us_even_when_we_are_killed(tmp_path: Path) -> None:
    mark = f"{os.getpid()}.{time.monotonic_ns() % 1000}"
    script = f"""
import asyncio, pathlib
from intentos.command import run
from intentos.types import Limits
code = b"setsid sleep 1{mark} & touch there; sleep 1{mark}"
folder, environment = pathlib.Path({str(tmp_path)!r}), {{"PATH": "/usr/bin:/bin"}}
asyncio.run(run(["sh"], folder=folder, environment=environment, stdin=code, limits=Limits()))
"""
    process = subprocess.Popen([sys.executable, "-c", script])
    until(lambda: (tmp_path / "there").exists(), "it never began", 60)
    assert sleeping(mark)
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not sleeping(mark), "it sleeps on", 20)


def sleeping(mark: str) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            line = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if line.startswith(b"sleep\0") and mark.encode() in line:
            found.append(entry.name)
    return found


async def test_cancellation_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    before = descendants()
    for delay in (0, 0.001, 0.005, 0.01, 0.02):
        running = asyncio.ensure_future(execute("sleep 50", tmp_path))
        await asyncio.sleep(delay)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    until(lambda: not descendants() - before, "processes are left")
