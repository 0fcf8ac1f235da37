"""Who uses a state folder now, and who used it and was killed.

Each process that opens a store holds a locked *sign* in the folder. The operating system drops the
lock when the process dies, however it dies, so a sign without a lock was left by a crash: only then
is there anything to tidy, and what the dead process started still bears its sign.
"""

from __future__ import annotations

import os
import time
import uuid
import weakref
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import FileLock

    from intentos.config import Settings

MARK = "INTENTOS_OWNER"
"""Environment variable in which a worker, encoder or sandbox bears the sign of who started it."""

_ours: weakref.WeakValueDictionary[Path, Presence] = weakref.WeakValueDictionary()


class Presence:
    """This process's sign in one state folder; it is gone with the last who holds it."""

    def __init__(self, folder: Path) -> None:
        from intentos.queue import file_lock

        while True:
            name = f"{time.time_ns():020d}-{os.getpid()}-{uuid.uuid4().hex[:8]}.sign"
            self.path = folder / name
            self._lock = file_lock(self.path)
            self._lock.acquire(timeout=5)
            if self.path.exists():  # nobody took it for a dead one's between making and locking it
                break
            self._lock.release()
        self._end = weakref.finalize(self, _withdraw, self.path, self._lock, os.getpid())

    def withdraw(self) -> None:
        """Take the sign away."""
        self._end()


def present(settings: Settings) -> Presence:
    """Return this process's sign in the state folder, putting it up where there is none yet."""
    folder = settings.locks / "present"
    folder.mkdir(parents=True, exist_ok=True)
    found = _ours.get(folder)
    if found is None or not found.path.exists():
        found = _ours[folder] = Presence(folder)
    return found


def mark() -> dict[str, str]:
    """Return what the environment of a child gets, so that it is known should we be killed."""
    latest = max((sign.path for sign in _ours.values()), key=lambda path: path.name, default=None)
    return {} if latest is None else {MARK: str(latest)}


def abandoned(settings: Settings) -> list[Path]:
    """Return the signs of processes that ended without taking them away."""
    return [sign for sign in _signs(settings) if not _is_held(settings, sign)]


def since(settings: Settings) -> int:
    """Return when the first of the living processes came, in nanoseconds as files' times are."""
    times = [_time(sign) for sign in _signs(settings) if _is_held(settings, sign)]
    return min(times, default=time.time_ns())


def alone(settings: Settings) -> bool:
    """Return whether no other process uses the state folder."""
    own = _ours.get(settings.locks / "present")
    others = [sign for sign in _signs(settings) if own is None or sign != own.path]
    return not any(_is_held(settings, sign) for sign in others)


def _signs(settings: Settings) -> Iterator[Path]:
    yield from sorted((settings.locks / "present").glob("*.sign"))


def _is_held(settings: Settings, sign: Path) -> bool:
    from intentos.queue import held

    own = _ours.get(settings.locks / "present")
    if own is not None and own.path == sign:
        return True
    return sign.exists() and held(sign)


def _time(sign: Path) -> int:
    first = sign.name.partition("-")[0]
    return int(first) if first.isdecimal() else 0


def _withdraw(path: Path, lock: FileLock, process: int) -> None:
    if os.getpid() != process:  # a fork's copy: the sign is its parent's
        return
    with suppress(OSError):
        path.unlink()
    lock.release()
