"""What a stopped film leaves: its last frame, and a film of the frames that had been drawn.

A person who stops wants to go on at once, so there is a fixed amount of work and of time for it:
where many frames were drawn the film skips some, and what is not ready in time is left out.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from intentos.errors import IntentOSError
from intentos.types import Artifact

SECONDS = 0.45
MOST_PIXELS = 15_000_000
"""Of all frames of the film together."""
PICTURE_PIXELS = 1_500_000
"""Of the last frame; a larger one is thinned out."""
PICTURE, FILM = "stopped.png", "stopped.mp4"

Save = Callable[[str, bytes | Path, str], Awaitable[Artifact]]


@dataclass(frozen=True, kw_only=True)
class Part:
    """Raw RGBA8 frames on disk, as far as they were drawn."""

    raw: Path
    width: int
    height: int
    count: int
    """Frames that a worker said it had drawn."""
    rate: float
    """Frames a second of the whole film."""

    @property
    def whole(self) -> int:
        """Frames that are really there."""
        with suppress(OSError):
            return min(self.count, self.raw.stat().st_size // (self.width * self.height * 4))
        return 0


async def keep(part: Part, save: Save, *, seconds: float = SECONDS) -> None:
    """Save what there is, within ``seconds``; nothing where that does not work."""
    count = part.whole
    if not count:
        return
    with suppress(TimeoutError, IntentOSError, OSError):
        async with asyncio.timeout(seconds):
            png = await asyncio.to_thread(_picture, part, count - 1)
            await save(PICTURE, png, "image/png")
            if count > 1:
                await save(FILM, await _film(part, count), "video/mp4")


def prepare() -> None:
    """Import what :func:`keep` needs, which would take most of its time."""
    for name in ("numpy", "PIL.PngImagePlugin", "intentos.executors.film"):
        import_module(name)


def _picture(part: Part, index: int) -> bytes:
    import numpy as np

    from .film import encode_png

    frame = _frame(part, index)
    every = max(1, math.ceil(math.sqrt(part.width * part.height / PICTURE_PIXELS)))
    pixels = np.frombuffer(frame, np.uint8).reshape(part.height, part.width, 4)[::every, ::every]
    return encode_png(pixels.tobytes(), pixels.shape[1], pixels.shape[0])


async def _film(part: Part, count: int) -> Path:
    from .film import encode_quickly

    size = part.width * part.height
    every = math.ceil(count / max(2, MOST_PIXELS // size))
    raw, frames = part.raw, count
    if every > 1 or part.raw.stat().st_size != count * size * 4:
        raw = part.raw.with_name("stopped.rgba")
        frames = await asyncio.to_thread(_thinned, part, raw, range(0, count, every))
    target = part.raw.with_name(FILM)
    rate = max(1.0, part.rate / every)
    await encode_quickly(raw, target, width=part.width, height=part.height, count=frames, rate=rate)
    return target


def _thinned(part: Part, target: Path, frames: range) -> int:
    with target.open("wb") as file:
        for index in frames:
            file.write(_frame(part, index))
    return len(frames)


def _frame(part: Part, index: int) -> bytes:
    size = part.width * part.height * 4
    with part.raw.open("rb") as file:
        file.seek(index * size)
        return file.read(size)
