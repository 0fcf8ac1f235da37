"""Reads what a sandbox hands out and believes none of it.

The stream is described in ``harness.py``. Foreign code shares the writer's process, so a name may
be a path, a number a NaN, a size a lie and the stream endless; whatever does not fit ends the step
with :class:`Violation`. Files are built here, in a folder that the sandbox never sees.
"""

from __future__ import annotations

import asyncio
import errno
import json
import math
import mimetypes
import re
import unicodedata
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from intentos.errors import StoreError
from intentos.raw_hash import RawHash
from intentos.types import Artifact, Json, Limits, Problem, Quantity

from .raw_hashes import RawFilm, archive_hash

LINE_BYTES = 2**20
"""Longest line; a reader of the stream is made with it."""
MAX_LINES = 200_000
MAX_FILES = 1_000
MAX_FILM_SIDE = 4096
MAX_FILM_BYTES = 2 * 1024**3
"""Of unpacked pictures, all films of a step together."""
PIECE_BYTES = 64 * 1024**2
VALUES_BYTES = 4 * 1024**2
"""All values of a step together: they are kept in memory and in the store's events."""

_MEDIA_TYPES = {
    ".npy": "application/x-npy", ".npz": "application/x-npz", ".csv": "text/csv",
    ".json": "application/json", ".txt": "text/plain", ".md": "text/markdown",
    ".png": "image/png", ".svg": "image/svg+xml", ".pdf": "application/pdf",
    ".gif": "image/gif", ".mp4": "video/mp4", ".wav": "audio/wav", ".html": "text/html",
}  # fmt: skip

_UNSEEN = {"Cc", "Cf", "Zl", "Zp"}
_JOINERS = re.compile("[\u200c\u200d]")
"""Marks that nobody sees make one name look like another; these two are parts of emoji."""

Save = Callable[[str, bytes | Path, str], Awaitable[Artifact]]


def size(count: int) -> str:
    """Return a number of bytes for a person."""
    return f"{count / 1024**2:.0f} MiB"


class Violation(Exception):
    """The sandbox broke a limit or the rules of the stream; the step is over."""

    def __init__(self, code: str, /, **arguments: Json) -> None:
        super().__init__(code, arguments)
        self.problem = Problem(code=code, arguments=arguments)


@dataclass(kw_only=True)
class Film:
    """Raw RGBA8 frames on disk, waiting to be encoded."""

    name: str
    raw: Path
    width: int
    height: int
    rate: float
    count: int = 0

    def to_hash(self) -> RawFilm:
        """Return it as what is hashed before it is encoded."""
        files = f"{self.name}.mp4", f"{self.name}.gif"
        size = {"width": self.width, "height": self.height, "count": self.count}
        return RawFilm(self.raw, name=self.name, files=files, **size)


class Outbox:
    """Everything that one step handed out."""

    def __init__(
        self, folder: Path, limits: Limits, save: Save, on_progress: Callable[[float], None]
    ) -> None:
        self.started = False
        self.done = False
        self.error: Problem | None = None
        self.values: dict[str, Quantity] = {}
        self.artifacts: list[Artifact] = []
        self.films: list[Film] = []
        self.hashes: list[RawHash] = []
        self._folder = folder
        self._room = limits.artifact_bytes
        self._most = limits.artifact_bytes
        self._film_room = MAX_FILM_BYTES
        self._values_room = VALUES_BYTES
        self._save = save
        self._on_progress = on_progress
        self._file: FileIO | None = None
        self._name = ""
        self._film: Film | None = None
        self._files = 0

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Read to the end of the stream.

        Raises:
            Violation: the stream breaks its rules, or the step's artifacts are too large.
            StoreError: the disk is full, or cannot be written.
        """
        try:
            for _ in range(MAX_LINES):
                line = await _line(stream)
                if not line:
                    return
                await self._take(_parse(line), stream)
            raise Violation("sandbox.protocol", what=f"more than {MAX_LINES} messages")
        finally:
            self._drop()

    async def _take(self, message: dict[str, Json], stream: asyncio.StreamReader) -> None:
        if self.done or self.error is not None:
            raise Violation("sandbox.protocol", what="a message after the last one")
        match message.get("kind"):
            case "start":
                self.started = True
            case "progress":
                self._on_progress(min(1.0, max(0.0, _number(message, "fraction"))))
            case "value":
                self._keep_value(message)
            case "file" | "film" as kind:
                self._begin(kind, message)
            case "bytes":
                await self._append(await _piece(stream, message))
            case "end":
                await self._end()
            case "error":
                self.error = _error(message)
            case "done":
                self.done = True
            case other:
                raise Violation("sandbox.protocol", what=f"kind {str(other)[:50]!r}")

    def _keep_value(self, message: dict[str, Json]) -> None:
        name, value = _text(message, "name", 64), message.get("value")
        if not name.isidentifier() or len(self.values) >= 10_000:
            raise Violation("sandbox.protocol", what=f"value {name!r}")
        if isinstance(value, str):
            value = _text(message, "value", 100_000)
        elif isinstance(value, float):
            value = _number(message, "value")
        elif isinstance(value, list):
            if len(value) > 1000 or not all(_is_plain(item) for item in value):
                raise Violation("sandbox.protocol", what=f"value {name!r} is no flat, short list")
        elif not isinstance(value, bool | int):
            raise Violation("sandbox.protocol", what=f"value {name!r} is no number and no text")
        self._values_room -= len(json.dumps(value))
        if self._values_room < 0:
            raise Violation("sandbox.protocol", what=f"values of more than {size(VALUES_BYTES)}")
        self.values[name] = Quantity(value=value, unit=_text(message, "unit", 64))

    def _begin(self, kind: str, message: dict[str, Json]) -> None:
        self._drop()
        self._name = _file_name(message)
        self._files += 1
        if self._files > MAX_FILES:
            raise Violation("sandbox.protocol", what=f"more than {MAX_FILES} files")
        path = self._folder / f"{self._files}.part"
        if kind == "film":
            width, height = (int(_number(message, side)) for side in ("width", "height"))
            rate = _number(message, "rate")
            if not (1 <= width <= MAX_FILM_SIDE and 1 <= height <= MAX_FILM_SIDE):
                raise Violation("sandbox.film_size", name=self._name, width=width, height=height)
            if not 0 < rate <= 240:
                raise Violation("sandbox.protocol", what=f"{rate} frames a second")
            self._film = Film(name=self._name, raw=path, width=width, height=height, rate=rate)
        with _written(self._name, self._folder):
            self._file = path.open("xb", buffering=0)

    async def _append(self, piece: bytes) -> None:
        if self._file is None:
            raise Violation("sandbox.protocol", what="bytes of no file")
        self._room -= len(piece)
        if self._room < 0:
            raise Violation("sandbox.storage_together", storage=size(self._most))
        if self._film is not None:
            piece = await asyncio.to_thread(_unpack, piece, self._film)
            self._film_room -= len(piece)
            if self._film_room < 0:
                raise Violation("sandbox.film_long", storage=size(MAX_FILM_BYTES))
            self._film.count += 1
        with _written(self._name, self._folder):
            view = memoryview(piece)
            while view:
                view = view[self._file.write(view) :]

    async def _end(self) -> None:
        if self._file is None:
            raise Violation("sandbox.protocol", what="end of no file")
        self._file.close()
        path, film = Path(str(self._file.name)), self._film
        self._file = self._film = None
        if film is None:
            await self.keep(self._name, path)
        elif film.count:
            self.films.append(film)

    async def keep(self, name: str, path: Path) -> None:
        """Store a finished file as an artifact and remove it here."""
        extension = Path(name).suffix.lower()
        media_type = _MEDIA_TYPES.get(extension) or mimetypes.guess_type(name)[0]
        stored = await self._save(name, path, media_type or "application/octet-stream")
        self.artifacts.append(stored)
        if extension == ".npz":  # it holds the time of its making
            hashed = await asyncio.to_thread(archive_hash, stored.name, path)
            self.hashes += [hashed] if hashed is not None else []
        await asyncio.to_thread(path.unlink, missing_ok=True)

    def _drop(self) -> None:
        """Forget a file that was begun and never ended."""
        if self._file is not None:
            self._file.close()
            Path(str(self._file.name)).unlink(missing_ok=True)
        self._file = self._film = None


@contextmanager
def _written(name: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise StoreError("store.no_space", name=name, path=str(folder)) from error
        what = error.strerror or str(error)
        raise StoreError("store.cannot_write", name=name, path=str(folder), what=what) from error


async def _line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        if error.partial and len(error.partial) > LINE_BYTES:
            raise Violation("sandbox.protocol", what="a message without end") from error
        return b""  # the writer was stopped in the middle of a line
    except asyncio.LimitOverrunError as error:
        raise Violation("sandbox.protocol", what="a message that is too long") from error


async def _piece(stream: asyncio.StreamReader, message: dict[str, Json]) -> bytes:
    count = message.get("size")
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= PIECE_BYTES:
        raise Violation("sandbox.protocol", what="a piece of impossible size")
    try:
        return await stream.readexactly(count)
    except asyncio.IncompleteReadError:
        return b""  # stopped in the middle; the end never comes, so the file is dropped


def _parse(line: bytes) -> dict[str, Json]:
    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is no JSON")

    try:
        message = json.loads(line, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Violation("sandbox.protocol", what=f"not JSON: {line[:50]!r}") from error
    if not isinstance(message, dict):
        raise Violation("sandbox.protocol", what=f"not an object: {line[:50]!r}")
    return message


def _text(message: dict[str, Any], key: str, longest: int) -> str:
    text = message.get(key)
    if not isinstance(text, str) or len(text) > longest:
        raise Violation("sandbox.protocol", what=f"{key} is no text, or too long")
    return text.encode("utf-8", "replace").decode()  # lone surrogates break every writer after us


def _number(message: dict[str, Any], key: str) -> float:
    number = message.get(key)
    if isinstance(number, int | float) and not isinstance(number, bool) and abs(number) < 1e308:
        return float(number)
    raise Violation("sandbox.protocol", what=f"{key} is no finite number")


def _file_name(message: dict[str, Any]) -> str:
    name = _text(message, "name", 190)
    kinds = {unicodedata.category(character) for character in _JOINERS.sub("", name)}
    if kinds & _UNSEEN or not re.fullmatch(r"[^/\\.][^/\\]*", name):
        raise Violation("sandbox.protocol", what=f"file name {name!r}")
    if len(name.encode()) > 190:
        raise Violation("sandbox.protocol", what="a file name that is too long")
    return name


def _unpack(piece: bytes, film: Film) -> bytes:
    expected = film.width * film.height * 4
    unpacker = zlib.decompressobj()
    try:
        picture = unpacker.decompress(piece, expected + 1)
    except zlib.error as error:
        raise Violation("sandbox.protocol", what=f"a frame of {film.name!r}: {error}") from error
    if len(picture) != expected:
        raise Violation("sandbox.protocol", what=f"a frame of {film.name!r} has a wrong size")
    return picture


def _error(message: dict[str, Any]) -> Problem:
    what, line = _text(message, "what", 1000), message.get("line")
    reason = message.get("reason")
    if reason not in ("exception", "memory", "network", "storage", "processes", "exit"):
        raise Violation("sandbox.protocol", what="an unknown reason")
    placed = isinstance(line, int) and not isinstance(line, bool) and 0 < line < 10**9
    if reason == "exception" and not placed:
        return Problem(code="sandbox.exception_anywhere", arguments={"what": what})
    arguments = {"what": what, "line": line if placed else "?"}
    return Problem(code=f"sandbox.{reason}", arguments=arguments)


def _is_plain(item: Json) -> bool:
    if isinstance(item, float):
        return math.isfinite(item)
    return isinstance(item, bool | int) or (isinstance(item, str) and len(item) <= 1000)
