"""Hashes what a step left, before it is encoded: see ``intentos/raw_hash.py``.

The frames of a film are read once more from the file that they lie in, beside the encoder, which
takes many times as long: live frames do not wait for it.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
import zipfile
import zlib
from collections.abc import Awaitable
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from intentos.raw_hash import (
    MARK_BYTES,
    SKETCH_SIDE,
    RawHash,
    block_of,
    encoded,
    sketched,
)

if TYPE_CHECKING:
    import numpy

CHUNK = 1024 * 1024
MOST_MEMBERS = 10_000
MOST_UNPACKED = 4 * 1024**3
"""Of an archive; what unpacks to more is hashed as the file it is."""

T = TypeVar("T")


async def beside(work: Awaitable[T], film: RawFilm) -> tuple[T, RawHash]:
    """Do ``work``, the encoding, while a film is hashed; whichever fails ends the other."""
    stop = threading.Event()
    hashing = asyncio.ensure_future(asyncio.to_thread(film.hash, stop))
    try:
        done = await work
        return done, await hashing
    finally:
        stop.set()
        hashing.cancel()


class RawFilm:
    """A file of raw RGBA8 frames that is to be hashed."""

    def __init__(
        self, raw: Path, *, name: str, files: tuple[str, ...], width: int, height: int, count: int
    ) -> None:
        """``files``: the artifacts that are made of it."""
        self._raw = raw
        self._name = name
        self._files = files
        self._width = width
        self._height = height
        self._count = count

    def hash(self, stop: threading.Event | None = None) -> RawHash:
        """Return the film's hash: sha256 over the sha256 of each frame.

        Raises:
            EOFError: the file holds fewer frames, or ``stop`` was set meanwhile.
        """
        size = self._width * self._height * 4
        block, wanted = block_of(self._count), set(sketched(self._count))
        whole, part = hashlib.sha256(), hashlib.sha256()
        marks, sketch = bytearray(), bytearray()
        frame = bytearray(size)
        with self._raw.open("rb", buffering=0) as file:
            for index in range(self._count):
                if (stop is not None and stop.is_set()) or _fill(file, frame) < size:
                    raise EOFError(self._raw.name)
                digest = hashlib.sha256(frame).digest()
                whole.update(digest)
                part.update(digest)
                if (index + 1) % block == 0 or index + 1 == self._count:
                    marks += part.digest()[:MARK_BYTES]
                    part = hashlib.sha256()
                if index in wanted:
                    sketch += _small(frame, self._width, self._height)
        return RawHash(
            name=self._name,
            kind="film",
            sha256=whole.hexdigest(),
            files=self._files,
            shape=(self._count, self._height, self._width),
            dtype="rgba8",
            marks=encoded(bytes(marks)),
            sketch=encoded(bytes(sketch)),
        )


def array_hash(name: str, file: str, array: numpy.ndarray[Any, Any]) -> RawHash:
    """Return the hash of an array: of its dtype, its shape and its bytes in row-major order."""
    import numpy as np

    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    digest = hashlib.sha256(f"{plain.dtype.str} {list(array.shape)}\n".encode())
    digest.update(plain.data.cast("B") if plain.size else b"")
    return RawHash(
        name=name,
        kind="array",
        sha256=digest.hexdigest(),
        files=(file,),
        shape=array.shape,
        dtype=plain.dtype.str,
    )


def archive_hash(name: str, path: Path) -> RawHash | None:
    """Return the hash of a zip archive by its members' names and bytes, without their dates.

    The file may be an enemy's: nothing is written, and what is no archive, has too many members or
    unpacks to too much gives None.
    """
    digest, room = hashlib.sha256(), MOST_UNPACKED
    try:
        with zipfile.ZipFile(path) as archive:
            members = sorted(archive.infolist(), key=lambda member: member.filename)
            if len(members) > MOST_MEMBERS:
                return None
            for member in members:
                inner = hashlib.sha256()
                with archive.open(member) as file:
                    while piece := file.read(CHUNK):
                        room -= len(piece)
                        if room < 0:
                            return None
                        inner.update(piece)
                digest.update(f"{member.filename!r} {inner.hexdigest()}\n".encode())
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        NotImplementedError,
        RuntimeError,  # a member that wants a password
        ValueError,
        OSError,
    ):
        return None
    return RawHash(name=name, kind="archive", sha256=digest.hexdigest(), files=(name,))


def _fill(file: FileIO, buffer: bytearray) -> int:
    view, done = memoryview(buffer), 0
    while done < len(buffer) and (got := file.readinto(view[done:])):
        done += got
    return done


def _small(frame: bytearray, width: int, height: int) -> bytes:
    """Return a frame as a few mean colours, row by row."""
    import numpy as np

    pixels = np.frombuffer(frame, np.uint8).reshape(height, width, 4)[:, :, :3]
    rows = np.array_split(pixels.astype(np.float32), SKETCH_SIDE, axis=0)
    cells = [cell for row in rows for cell in np.array_split(row, SKETCH_SIDE, axis=1)]
    means = [cell.mean(axis=(0, 1)) if cell.size else np.zeros(3) for cell in cells]
    return np.rint(means).astype(np.uint8).tobytes()
