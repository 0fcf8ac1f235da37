"""Made-up files for trials: code is tried before anybody has approved it, so it sees no real data.

A stand-in has the shape that the profile tells (columns and types, pixels, samples) and invented
content within the ranges, so that code which would fail on the real file mostly fails on it too.
"""

from __future__ import annotations

import csv
import io
import json
import struct
import wave
import zlib
from datetime import date, timedelta
from pathlib import Path

from intentos.types import Attachment, Column, Profile

ROWS = 24
SIDE = 64
SECONDS = 0.5
ITEMS = 64


def stand_in(attachment: Attachment, folder: Path) -> Path:
    """Write a file in the form of the attachment's plain one into a folder and return its path."""
    profile = attachment.profile
    match profile.kind:
        case "table":
            data = _table(profile)
        case "image":
            data = _picture(min(profile.width, SIDE), min(profile.height, SIDE))
        case "sound":
            data = _sound(profile)
        case "array":
            data = _array(profile)
        case "document":
            data = json.dumps({column.name: 1 for column in profile.columns}).encode()
    path = folder / f"stand-in-{attachment.key}"
    path.write_bytes(data)
    return path


def _table(profile: Profile) -> bytes:
    rows = max(3, min(profile.rows, ROWS))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in profile.columns])
    for row in range(rows):
        # The last row is the one with gaps, where the real table has any.
        gap = row == rows - 1
        writer.writerow(["" if gap and c.missing else _cell(c, row, rows) for c in profile.columns])
    return text.getvalue().encode()


def _cell(column: Column, row: int, rows: int) -> str:
    # A golden-ratio sequence: spread over the range, and no two columns in step by accident.
    share = (row * 0.618034 + len(column.name) * 0.1) % 1
    match column.type:
        case "integer" | "number":
            low, high = float(column.minimum or 0), float(column.maximum or 0)
            value = low + share * (high - low)
            return str(round(value)) if column.type == "integer" else repr(value)
        case "date":
            begin, end = _day(column.minimum), _day(column.maximum)
            return (begin + timedelta(days=(end - begin).days * row // rows)).isoformat()
        case "text":
            return "abcdefghij"[row % min(max(column.distinct or 3, 1), 10)]
        case "empty":
            return ""


def _day(text: float | str | None) -> date:
    return date.fromisoformat(str(text)[:10])


def _picture(width: int, height: int) -> bytes:
    lines = b"".join(
        b"\0" + b"".join(bytes((x * 4 & 255, y * 4 & 255, x * y & 255)) for x in range(width))
        for y in range(height)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )  # fmt: skip


def _sound(profile: Profile) -> bytes:
    count = max(1, int(min(profile.seconds, SECONDS) * profile.rate))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(profile.channels)
        file.setsampwidth(2)
        file.setframerate(profile.rate)
        samples = ((index * 37 % 200 - 100) * 100 for index in range(count))
        file.writeframes(b"".join(struct.pack("<h", s) * profile.channels for s in samples))
    return out.getvalue()


def _array(profile: Profile) -> bytes:
    import numpy

    shape = tuple(min(side, ITEMS) for side in profile.shape)
    low, high = profile.minimum or 0.0, profile.maximum or 1.0
    values = numpy.linspace(low, high, int(numpy.prod(shape, dtype=int))).reshape(shape)
    out = io.BytesIO()
    numpy.save(out, values.astype(profile.dtype), allow_pickle=False)
    return out.getvalue()
