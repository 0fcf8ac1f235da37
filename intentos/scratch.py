"""Folders for files of a moment, known as abandoned when the process that made them was killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "intentos-"
_LOCK = ".lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty folder in the system's temporary one, and remove it after the block.

    Its lock stands beside it and is there first: however early its owner is killed, it is found.
    """
    with _lock() as lock:
        prefix = f"{lock.stem}-"
        with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as name:
            yield Path(name)


def bury_scratch(lock: Path) -> None:
    """Remove an abandoned scratch folder by its lock, unless somebody holds that after all."""
    from intentos.queue import burying

    with burying(lock) as gone:
        if gone:
            for folder in lock.parent.glob(f"{lock.stem}-*"):
                shutil.rmtree(folder, ignore_errors=True)


def abandoned_scratch() -> Iterator[Path]:
    """Yield the locks of this user's scratch folders that no living process holds."""
    from intentos.queue import held

    for entry in os.scandir(tempfile.gettempdir()):
        if not (entry.name.startswith(PREFIX) and entry.name.endswith(_LOCK)):
            continue
        try:
            status = entry.stat(follow_symlinks=False)
            if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
                continue
            if entry.is_file(follow_symlinks=False) and not held(Path(entry.path)):
                yield Path(entry.path)
        except FileNotFoundError:  # its owner removed it just now
            continue


@contextmanager
def _lock() -> Iterator[Path]:
    from intentos.queue import file_lock

    while True:
        handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=_LOCK)
        os.close(handle)
        lock, path = file_lock(Path(name)), Path(name)
        lock.acquire(timeout=5)
        try:
            if not path.exists():
                continue  # taken for a dead one's between making and locking it
            yield path
            return
        finally:
            path.unlink(missing_ok=True)
            lock.release()
