"""The owner comes back to a machine that is lent: it is theirs within a second."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from intentos.mesh import idle
from intentos.mesh.idle import Idle
from intentos.mesh.visitor import outcome_of

from .village import Village, job, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="seen on Linux only")


class Terminals:
    """A folder with one terminal, typed at when a test says so."""

    def __init__(self, folder: Path) -> None:
        self.dev = folder / "dev"
        (self.dev / "pts").mkdir(parents=True)
        self._file = self.dev / "pts" / "0"
        self._file.touch()
        os.utime(self._file, (time.time() - 3600,) * 2)

    def type(self) -> None:
        os.utime(self._file, (time.time(),) * 2)


async def test_the_owner_types_and_the_job_is_somebody_elses_within_a_second(
    village: Village, tmp_path: Path
) -> None:
    terminals = Terminals(tmp_path)
    bo = await village.join("bo")
    watching = Idle(away=180, dev=terminals.dev, proc=_calm(tmp_path))
    await village.lend(bo, idle=watching)
    ann = await village.join("ann")
    async with ann.line() as line:
        work = asyncio.create_task(outcome_of(line, job(line, "wait 9")))
        known = village.hub.roster.get(bo.identity.id)
        assert known is not None
        await until(lambda: known.running)
        terminals.type()
        assert await until(lambda: known.paused == "active" and not known.running) < 8
        carl = await village.join("carl")
        await village.lend(carl)
        other = village.hub.roster.get(carl.identity.id)
        assert other is not None
        await until(lambda: other.running)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def test_what_is_typed_at_a_real_terminal_is_seen() -> None:
    master, slave = os.openpty()
    try:
        path = os.ttyname(slave)
        os.utime(path, (time.time() - 3600,) * 2)
        watching = Idle(away=60)
        others = [p for p in Path("/dev/pts").glob("[0-9]*") if str(p) != path]
        if any(time.time() - p.stat().st_atime < 60 for p in others):
            pytest.skip("somebody is typing here")
        assert watching.why() != "active"
        os.write(master, b"x\n")
        os.read(slave, 10)
        assert watching.why() == "active"
    finally:
        os.close(master)
        os.close(slave)


def test_processor_time_of_others_counts_and_our_own_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc = _calm(tmp_path)
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    watching = Idle(proc=proc, dev=tmp_path)
    second = os.sysconf("SC_CLK_TCK") * (os.cpu_count() or 1)

    def after(others: float, own: float) -> str:
        """Return what is told a second later, when so much of all cores was taken."""
        clock[0] += 1
        _spend(proc, int(others * second), int(own * second))
        return watching.why()

    assert watching.why() == ""
    assert [after(0.1, 0.9) for _ in range(5)] == [""] * 5
    assert [after(0.4, 0.2) for _ in range(2)] == [""] * 2
    assert after(0.1, 0) == ""  # a moment is not enough
    assert [after(0.4, 0) for _ in range(3)] == ["", "", "busy"]
    assert after(0, 0) == "busy"  # and it is left alone for a while
    clock[0] += idle.CALM_SECONDS
    assert after(0, 0) == ""


def test_our_own_processes_are_found_with_what_their_ended_children_took() -> None:
    watching = Idle()
    _, before = watching._ticks()
    here = time.process_time()
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    with subprocess.Popen([sys.executable, "-c", burn + "\ninput()"], stdin=subprocess.PIPE) as one:
        second = os.sysconf("SC_CLK_TCK")
        began = time.monotonic()
        # What this process itself takes is not what is looked for.
        while watching._ticks()[1] - before < (0.2 + time.process_time() - here) * second:
            assert time.monotonic() - began < 10
            time.sleep(0.02)
        one.communicate(b"\n")
    total, own = watching._ticks()
    assert own - before >= (0.2 + time.process_time() - here) * second
    assert total > own


def _calm(folder: Path) -> Path:
    """Return a stand-in for /proc with two processes: this one, and somebody's."""
    proc = folder / "proc"
    (proc / str(os.getpid())).mkdir(parents=True)
    _spend(proc, 0, 0)
    return proc


def _spend(proc: Path, others: int, own: int) -> None:
    mine = proc / str(os.getpid()) / "stat"
    total = proc / "stat"
    before = int(mine.read_text().split()[14]) if mine.exists() else 0
    sum_ = int(total.read_text().split()[1]) if total.exists() else 0
    mine.write_text(f"1 (a b) S 1 {'0 ' * 9}{before + own} 0 0 0 0")
    total.write_text(f"cpu {sum_ + others + own} 0 0 9\ncpu0 0 0 0 0\n")
