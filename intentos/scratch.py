"""Folders for files of a moment, known as abandoned when the process that made them was killed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PREFIX = "intentos-"
_LOCK = "in-use.lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Give an empty folder in the system's temporary one, and remove it after the block."""
    from intentos.queue import file_lock

    while True:
        with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as name:
            lock = file_lock(Path(name, _LOCK))
            lock.acquire(timeout=5)
            try:
                if not Path(name, _LOCK).exists():
                    continue  # taken for a dead one's between making and locking it
                folder = Path(name, "files")
                folder.mkdir()
                yield folder
                return
            finally:
                lock.release()


def bury_folder(folder: Path) -> None:
    """Remove an abandoned scratch folder, unless somebody holds it after all."""
    from intentos.queue import burying

    with burying(folder / _LOCK) as gone:
        if gone:
            shutil.rmtree(folder, ignore_errors=True)


def abandoned_folders() -> Iterator[Path]:
    """Yield this user's scratch folders that no living process holds."""
    from intentos.queue import held

    for entry in os.scandir(tempfile.gettempdir()):
        if not entry.name.startswith(PREFIX) or not entry.is_dir(follow_symlinks=False):
            continue
        try:
            status = entry.stat(follow_symlinks=False)
            if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
                continue
            lock = Path(entry.path, _LOCK)
            if lock.exists() and not held(lock):  # without a lock it is not one of ours
                yield Path(entry.path)
        except FileNotFoundError:  # its owner removed it just now
            continue
