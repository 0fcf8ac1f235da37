"""Artifact bytes in files named by their hash, and never believed without a look.

A file is written to a temporary name, synced and renamed, so that no file is ever half an artifact.
When it is read, its bytes are hashed once in each process; afterwards its size, time and place on
the disk stand for them.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from intentos.errors import NotFound, StoreError
from intentos.types import new_id

CHUNK = 1024 * 1024
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
TEMPORARY = ".tmp"

_Stamp = tuple[int, int, int]


class ArtifactFiles:
    """The folder of artifacts; several processes may share it."""

    def __init__(self, folder: Path, *, owner: str = "") -> None:
        """``owner``: who is known to have left a file half written, should that happen."""
        self.folder = folder
        self._owner = owner
        self._verified: dict[str, _Stamp] = {}

    def put(self, data: bytes | Path, *, name: str) -> tuple[str, int]:
        """Store bytes, or a file's bytes, durably, and return their hash and size.

        ``name`` is what an error calls them.

        Raises:
            StoreError: the disk is full or cannot be written; nothing half-written stays.
        """
        temporary = self.folder / f".{self._owner}~{new_id()}{TEMPORARY}"
        try:
            digest, size = _write_synced(data, temporary)
            target = self.place(digest)
            if not target.parent.exists():
                target.parent.mkdir(exist_ok=True)
                sync_folder(self.folder)
            # Also where the bytes are there already: they may be damaged.
            os.replace(temporary, target)
            sync_folder(target.parent)
            self._verified[digest] = _stamp(target)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            code = "store.no_space" if error.errno in NO_SPACE else "store.cannot_write"
            what = error.strerror or str(error)
            raise StoreError(code, name=name, path=str(self.folder), what=what) from error
        return digest, size

    def path(self, artifact_id: str) -> Path:
        """Return the file that holds an artifact's bytes, which are what the hash says.

        Raises:
            NotFound: there is none.
            StoreError: its bytes are not those that were saved, or cannot be read.
        """
        path = self.place(artifact_id)
        try:
            whole = self._is_whole(artifact_id, path)
        except FileNotFoundError:
            raise NotFound("store.no_artifact", name=artifact_id[:80]) from None
        except OSError as error:
            what = error.strerror or str(error)
            raise StoreError("store.unreadable_artifact", path=str(path), what=what) from error
        if not whole:
            raise StoreError("store.damaged_artifact", path=str(path))
        return path

    def place(self, artifact_id: str) -> Path:
        """Return where an artifact's bytes lie, if they do."""
        return self.folder / artifact_id[:2] / artifact_id

    def every(self) -> Iterator[Path]:
        """Yield every file that is named like an artifact, in no order."""
        for folder in _entries(self.folder):
            if len(folder.name) == 2 and folder.is_dir(follow_symlinks=False):
                for entry in _entries(Path(folder.path)):
                    if len(entry.name) == 64 and entry.name.startswith(folder.name):
                        yield Path(entry.path)

    def temporary(self) -> Iterator[Path]:
        """Yield the files that were being written, by living processes or by dead ones."""
        for entry in _entries(self.folder):
            if entry.name.startswith(".") and entry.name.endswith(TEMPORARY):
                yield Path(entry.path)

    def _is_whole(self, artifact_id: str, path: Path) -> bool:
        stamp = _stamp(path)
        if self._verified.get(artifact_id) == stamp:
            return True
        with path.open("rb") as file:
            whole = hashlib.file_digest(file, "sha256").hexdigest() == artifact_id
        if whole:
            self._verified[artifact_id] = stamp
        return whole


def sync_folder(folder: Path) -> None:
    """Have the disk keep the names that a folder holds."""
    if os.name != "posix":  # Windows cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _stamp(path: Path) -> _Stamp:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except FileNotFoundError:
        return []


def _write_synced(data: bytes | Path, target: Path) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    with target.open("xb") as out:
        for chunk in _chunks(data):
            digest.update(chunk)
            size += out.write(chunk)
        out.flush()
        os.chmod(target, 0o444)
        os.fsync(out.fileno())
    return digest.hexdigest(), size


def _chunks(data: bytes | Path) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    with data.open("rb") as source:
        while chunk := source.read(CHUNK):
            yield chunk
