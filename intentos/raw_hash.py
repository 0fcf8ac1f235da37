"""What a step left, by the hash of its raw content: frames, arrays and bytes, before any encoding.

Encoders write what they like (dates, their own version, more or fewer threads); the frames that
they were given are what a step computed, and what a replay is compared by.
"""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from intentos.types import Frozen, Sha256

MARK_BYTES = 8
MOST_MARKS = 1024
SKETCHED_FRAMES = 8
SKETCH_SIDE = 8
SKETCH_BYTES = SKETCH_SIDE * SKETCH_SIDE * 3


class Tolerance(Frozen):
    """How far off the same work may be on another device."""

    absolute: float = Field(0.0, ge=0)
    """On arrays and numbers, in their own unit."""
    relative: float = Field(0.0, ge=0)
    outliers: float = Field(0.0, ge=0, le=1)
    """Share of an array's elements that may be further off."""
    pixels: float = Field(0.0, ge=0, le=255)
    """Mean absolute difference of pictures, in levels from 0 to 255."""


class RawHash(Frozen):
    """One thing that a step left, hashed before it was encoded."""

    name: str = Field(min_length=1, max_length=200)
    kind: Literal["film", "array", "archive", "file"]
    """``film``: RGBA8 frames; ``array``: dtype, shape and bytes; ``archive``: the names and bytes
    of its members; ``file``: the file's bytes."""
    sha256: Sha256
    files: tuple[str, ...] = ()
    """The artifacts that it stands for."""
    shape: tuple[int, ...] = ()
    """Of a film (frames, height, width); of an array its own."""
    dtype: str = ""
    marks: Annotated[str, Field(max_length=16_384)] = ""
    """Base64: eight bytes of the hash of each block of frames, by which the first frame that
    differs is found; see :func:`block_of`."""
    sketch: Annotated[str, Field(max_length=4096)] = ""
    """Base64: a few frames as 8 x 8 mean colours, by which two films that differ are measured."""


def block_of(frames: int) -> int:
    """Return how many frames share one mark in a film of so many."""
    return max(1, -(-frames // MOST_MARKS))


def sketched(frames: int) -> tuple[int, ...]:
    """Return the indices of the frames that a film's sketch holds, first and last among them."""
    count = min(frames, SKETCHED_FRAMES)
    if count < 2:
        return tuple(range(count))
    return tuple(i * (frames - 1) // (count - 1) for i in range(count))


def first_difference(before: RawHash, after: RawHash) -> int | None:
    """Return the first frame, from 0, of the first block in which two films differ; None: in none
    that both have, or they cannot be compared frame by frame."""
    if before.shape[1:] != after.shape[1:] or not (before.marks and after.marks):
        return None
    size = block_of(before.shape[0])
    if size != block_of(after.shape[0]):
        return None
    ours, theirs = _decoded(before.marks), _decoded(after.marks)
    for start in range(0, max(len(ours), len(theirs)), MARK_BYTES):
        if ours[start : start + MARK_BYTES] != theirs[start : start + MARK_BYTES]:
            return start // MARK_BYTES * size
    return None


def picture_distance(before: RawHash, after: RawHash) -> float | None:
    """Return by how many levels from 0 to 255 the sketches of two films of one shape differ, as the
    mean over that frame in which they differ most; None where they have none."""
    if before.shape != after.shape:
        return None
    ours, theirs = _decoded(before.sketch), _decoded(after.sketch)
    if not ours or len(ours) != len(theirs) or len(ours) % SKETCH_BYTES:
        return None
    frames = [
        sum(
            abs(a - b)
            for a, b in zip(
                ours[start : start + SKETCH_BYTES],
                theirs[start : start + SKETCH_BYTES],
                strict=True,
            )
        )
        for start in range(0, len(ours), SKETCH_BYTES)
    ]
    return max(frames) / SKETCH_BYTES


def changes_in(film: RawHash) -> int:
    """Return how often a film's marks say that a block of frames differs from the one before."""
    marks = _decoded(film.marks)
    blocks = [marks[start : start + MARK_BYTES] for start in range(0, len(marks), MARK_BYTES)]
    return sum(one != other for one, other in pairwise(blocks))


def encoded(data: bytes) -> str:
    """Return bytes as the text that a raw hash holds."""
    return base64.b64encode(data).decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
