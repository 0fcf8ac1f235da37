"""How many frames an MP4 film has, read from its table of samples; no frame is decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_INSIDE = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
MOST_BOXES = 10_000


def frames_in(path: Path) -> int | None:
    """Return the frames of an MP4 file's longest track; None where it is no whole one.

    Source: ISO/IEC 14496-12, §8.7.3 (the sample size box ``stsz``).
    """
    with path.open("rb") as file:
        counts = list(_samples(file, 0, path.stat().st_size))
    return max(counts, default=None)


def _samples(file: BinaryIO, start: int, end: int) -> Iterator[int]:
    waiting, looked = [(start, end, 0)], 0
    while waiting:
        start, end, depth = waiting.pop()
        while start + 8 <= end and looked < MOST_BOXES:
            looked += 1
            file.seek(start)
            head = file.read(16)
            if len(head) < 8:
                return
            size, kind = struct.unpack(">I4s", head[:8])
            body = start + 8
            if size == 1 and len(head) == 16:
                size, body = struct.unpack(">Q", head[8:])[0], start + 16
            elif size == 0:
                size = end - start
            if size < body - start or start + size > end:
                return
            if kind == b"stsz":
                file.seek(body)
                table = file.read(12)
                if len(table) == 12:
                    yield struct.unpack(">I", table[8:])[0]
            elif kind == _INSIDE[min(depth, len(_INSIDE) - 1)]:
                waiting.append((body, start + size, depth + 1))
            start += size
