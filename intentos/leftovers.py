"""What a killed process leaves behind: processes, half-written files, work folders, locks.

Everything here is found by a lock that nobody holds any more, or by the sign of a dead process,
and never by age or by a guess: what a living process uses is not touched.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

from intentos import presence
from intentos.artifact_files import TEMPORARY, ArtifactFiles
from intentos.config import Settings
from intentos.queue import burying, held
from intentos.scratch import abandoned_scratch, bury_scratch
from intentos.types import Frozen


class Leftover(Frozen):
    """One thing that nobody will ever use again."""

    kind: Literal["process", "folder", "scratch", "file", "lock"]
    path: Path
    """Of a process its folder in ``/proc``, of a scratch folder its lock."""
    sign: str = ""
    """Of a process: what it bears."""

    def remove(self) -> None:
        """Make it be gone; what went by itself meanwhile is well."""
        match self.kind:
            case "process":
                _kill(int(self.path.name), self.sign)
            case "folder":
                shutil.rmtree(self.path, ignore_errors=True)
            case "scratch":
                bury_scratch(self.path)
            case "file":
                with suppress(OSError):
                    self.path.unlink()
            case "lock":  # held meanwhile, so that nobody who takes it now loses it
                with burying(self.path):
                    pass


def tidy(settings: Settings) -> list[Leftover]:
    """Remove what crashes left, and return it; nothing is looked for where nobody crashed."""
    dead = presence.abandoned(settings)
    if not dead:
        return []
    found = find(settings)
    for leftover in found:
        leftover.remove()
    for sign in dead:
        with burying(sign):
            pass
    return found


def find(settings: Settings) -> list[Leftover]:
    """Return what crashes left."""
    dead = presence.abandoned(settings)
    return [
        *_processes(dead),
        *_files(settings, {sign.stem for sign in dead}),
        *_folders(settings, {sign.stem for sign in dead}),
        *_locks(settings),
    ]


def _processes(dead: Collection[Path]) -> Iterator[Leftover]:
    if sys.platform != "linux" or not dead:
        return
    signs = {str(sign) for sign in dead}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (sign := _sign_of(folder)) in signs:
            yield Leftover(kind="process", path=folder, sign=sign)


def _files(settings: Settings, dead: Collection[str]) -> Iterator[Leftover]:
    for path in ArtifactFiles(settings.artifacts).temporary():
        if path.name.removeprefix(".").partition("~")[0] in dead:
            yield Leftover(kind="file", path=path)
    # What a person asked for is written anew the next time; only halves are looked for.
    start = presence.since(settings)
    for path in (settings.home / "results").glob(f"*/.*{TEMPORARY}"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime_ns < start:
                yield Leftover(kind="file", path=path)


def _folders(settings: Settings, dead: Collection[str]) -> Iterator[Leftover]:
    for path in settings.work.glob("*"):
        owner, tilde, _ = path.name.partition("~")
        lock = settings.locks / "runs" / f"{path.name}.lock"
        if owner in dead if tilde else not (lock.exists() and held(lock)):
            yield Leftover(kind="folder", path=path)
    for path in abandoned_scratch():
        yield Leftover(kind="scratch", path=path)


def _locks(settings: Settings) -> Iterator[Leftover]:
    for path in [*settings.locks.glob("*/*.ticket"), *settings.locks.glob("runs/*.lock")]:
        if not held(path):
            yield Leftover(kind="lock", path=path)


def _sign_of(process: Path) -> str:
    """Return the sign that a process bears; empty: none, or it is another user's."""
    try:
        words = (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    start = f"{presence.MARK}=".encode()
    return next((os.fsdecode(w[len(start) :]) for w in words if w.startswith(start)), "")


def _kill(process: int, sign: str) -> None:
    """Kill a process if it still is the one that bears the sign: numbers are given again."""
    with suppress(OSError):
        handle = os.pidfd_open(process)
        try:
            if _sign_of(Path("/proc", str(process))) == sign:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
        finally:
            os.close(handle)
