"""Whether a machine's owner is at it: what was typed at its terminals, and how busy it is besides.

Seen on Linux: input at terminals (the kernel writes down when), and processor time that is not our
own. A desktop's mouse and keyboard are not among it, so this is asked for and no default.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from intentos.errors import UsageError

AWAY_SECONDS = 180.0
"""Without input, after which nobody is there."""
BUSY = 0.25
"""Share of all cores that others may take before nothing is lent."""
WINDOW_SECONDS = 1.0
TIMES = 3
"""Windows in a row that must be busy."""
CALM_SECONDS = 30.0
"""How long a machine that was busy is left alone."""


class Idle:
    """Watches the owner of one machine; asked several times a second."""

    def __init__(
        self, *, away: float = AWAY_SECONDS, proc: Path = Path("/proc"), dev: Path = Path("/dev")
    ) -> None:
        """``away``: seconds without input.

        Raises:
            UsageError: activity cannot be seen on this system.
        """
        if sys.platform != "linux":
            raise UsageError("mesh.no_idle_here")
        self._away = away
        self._proc = proc
        self._dev = dev
        self._before: tuple[float, int, int] | None = None
        self._row = 0
        self._busy_until = 0.0

    def why(self) -> str:
        """Return why nothing is lent now: ``active`` or ``busy``; empty: nobody is there."""
        if time.time() - self._last_input() < self._away:
            return "active"
        return "busy" if self._busy() else ""

    def _last_input(self) -> float:
        """Return when something was last typed, in seconds since 1970."""
        last = 0.0
        for folder, names in ((self._dev / "pts", "[0-9]*"), (self._dev, "tty[0-9]*")):
            for terminal in folder.glob(names):
                with suppress(OSError):  # closed meanwhile
                    last = max(last, terminal.stat().st_atime)
        return last

    def _busy(self) -> bool:
        now = time.monotonic()
        if self._before is None or now - self._before[0] >= WINDOW_SECONDS:
            before, (total, own) = self._before, self._ticks()
            self._before = (now, total, own)
            if before is not None:
                others = (total - before[1]) - max(0, own - before[2])
                ticks = os.sysconf("SC_CLK_TCK") * (now - before[0]) * (os.cpu_count() or 1)
                self._row = self._row + 1 if others > BUSY * ticks else 0
                if self._row >= TIMES:
                    self._busy_until = now + CALM_SECONDS
        return now < self._busy_until

    def _ticks(self) -> tuple[int, int]:
        """Return the processor time of all processes and of our own, in ticks."""
        first = (self._proc / "stat").read_text("ascii").split("\n", 1)[0].split()
        user, nice, system = (int(number) for number in first[1:4])
        spent: dict[int, int] = {}
        children: dict[int, list[int]] = {}
        for pid, parent, ticks in self._processes():
            spent[pid] = ticks
            children.setdefault(parent, []).append(pid)
        own, waiting = 0, [os.getpid()]
        while waiting:
            pid = waiting.pop()
            own += spent.get(pid, 0)
            waiting += children.get(pid, [])
        return user + nice + system, own

    def _processes(self) -> Iterator[tuple[int, int, int]]:
        """Yield pid, parent, and ticks with those of children that have ended."""
        for folder in self._proc.glob("[0-9]*"):
            with suppress(OSError, ValueError, IndexError):  # ended meanwhile
                text = (folder / "stat").read_text("utf-8", "replace")
                fields = text.rpartition(")")[2].split()
                yield int(folder.name), int(fields[1]), sum(map(int, fields[11:15]))
