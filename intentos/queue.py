"""Turns at what there is only one of: the language model and the GPU, across processes.

Each waiting process holds a *ticket*, a locked file whose name sorts by arrival, so that everybody
can count who is before them; the *lock* itself is a second file, which settles every race. The
operating system drops both when a process dies, so a crash never blocks the queue.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from intentos.config import Settings
from intentos.events import RunQueued

POLL_SECONDS = 0.05


@asynccontextmanager
async def turn(
    settings: Settings, resource: Literal["model", "gpu"], emit: Callable[[RunQueued], None]
) -> AsyncIterator[None]:
    """Hold the resource while the block runs; wait in line before it.

    Emits RunQueued with the place in line whenever it changes, and place 0 when a wait is over.
    """
    folder = settings.locks / resource
    folder.mkdir(parents=True, exist_ok=True)
    ticket = folder / f"{time.time_ns():020d}-{os.getpid()}-{uuid.uuid4().hex[:8]}.ticket"
    place = file_lock(ticket)
    place.acquire(timeout=5)
    lock = file_lock(folder / "lock")
    try:
        last = 0
        while not _take(lock, ahead := _ahead(folder, ticket.name)):
            ahead = max(ahead, 1)
            if ahead != last:
                emit(RunQueued(resource=resource, place=ahead))
                last = ahead
            await asyncio.sleep(POLL_SECONDS)
        if last:
            emit(RunQueued(resource=resource, place=0))
        yield
    finally:
        lock.release()
        place.release()
        with suppress(FileNotFoundError):
            ticket.unlink()


def busy(settings: Settings, resource: Literal["model", "gpu"]) -> bool:
    """Return whether somebody has the resource now."""
    lock = settings.locks / resource / "lock"
    return lock.exists() and held(lock)


def file_lock(path: Path) -> FileLock:
    """Return a lock on a file that the operating system drops when this process ends."""
    return FileLock(path, thread_local=False)


def held(path: Path, patience: float = 0.0) -> bool:
    """Return whether some living process holds the lock on ``path``.

    Looking takes the lock for an instant, so that of two who look at once each may take the other
    for its holder. ``patience``: seconds after which it is no instant.
    """
    lock = file_lock(path)
    try:
        lock.acquire(timeout=patience, poll_interval=POLL_SECONDS / 10)
    except Timeout:
        return True
    lock.release()
    return False


@contextmanager
def burying(path: Path) -> Iterator[bool]:
    """Hold a lock that its owner left behind, and remove its file after the block.

    False: somebody holds it. Who waits for a lock looks afterwards whether its file is still there.
    """
    lock = file_lock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
        with suppress(OSError):
            path.unlink()
    finally:
        lock.release()


def _take(lock: FileLock, ahead: int) -> bool:
    if ahead:
        return False
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def _ahead(folder: Path, own: str) -> int:
    count = 0
    for ticket in sorted(folder.glob("*.ticket")):
        if ticket.name >= own:
            break
        if held(ticket):
            count += 1
        else:
            with suppress(FileNotFoundError):
                ticket.unlink()
    return count
