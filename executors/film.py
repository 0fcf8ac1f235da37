"""Turns raw frames into films and pictures: H.264 in MP4, GIF, PNG.

ffmpeg comes with the package imageio-ffmpeg and runs as a child that can be killed at any moment.
"""

from __future__ import annotations

import asyncio
import errno
import math
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

from intentos.errors import ExecutorError, StoreError

from . import child

GIF_BYTES = 8_000_000
GIF_PIXELS = 10_000_000
"""Of all frames together, at the first try: about as much as fits into GIF_BYTES."""
GIF_FRAMES = 120
GIF_RATE = 34.0
"""Frames a second; browsers slow down frames that are shown for less than 20 ms."""
GIF_LEAST_FRAMES = 36
PALETTE_EVERY = 4
"""Of the GIF's frames, how many count for its colours: looking at all takes as long as a film."""

Progress = Callable[[float], None]


async def encode_film(
    raw: Path,
    *,
    width: int,
    height: int,
    count: int,
    frames_per_second: float,
    folder: Path,
    name: str = "film",
    progress: Progress = lambda fraction: None,
) -> list[Path]:
    """Encode ``count`` raw RGBA8 frames to ``<name>.mp4`` and ``<name>.gif`` in ``folder``.

    The film shows every frame; the GIF skips some where the film is long or fast, is made smaller
    where it would be heavy, and loops. Odd sizes get one row or column of black in the film.
    ``progress`` is told fractions from 0 to 1.

    Raises:
        StoreError: the disk is full.
        ExecutorError: the raw file has another size, or ffmpeg failed.
    """
    _check_size(raw, width * height * 4 * count)
    source = _source(raw, width, height, frames_per_second)
    film, gif = folder / f"{name}.mp4", folder / f"{name}.gif"
    shares = [0.0, 0.0]

    def share(which: int) -> Progress:
        def tell(fraction: float) -> None:
            shares[which] = fraction
            progress(sum(shares) / len(shares))

        return tell

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_run([*source, *_FILM], film, count, share(0)))
            group.create_task(_gif(source, gif, width, height, count, frames_per_second, share(1)))
    except ExceptionGroup as several:
        for path in (film, gif):
            _remove(path)
        raise several.exceptions[0] from several
    return [film, gif]


async def encode_quickly(
    raw: Path, film: Path, *, width: int, height: int, count: int, rate: float
) -> None:
    """Encode raw RGBA8 frames to a film that took as little time as possible, and more bytes.

    Raises: as :func:`encode_film` does.
    """
    _check_size(raw, width * height * 4 * count)
    source = _source(raw, width, height, rate)
    quick = ["ultrafast" if word == "veryfast" else word for word in _FILM]
    await _run([*source, *quick], film, count, lambda fraction: None)


def encode_png(pixels: bytes, width: int, height: int) -> bytes:
    """Return RGBA8 bytes as a PNG; an alpha channel that is opaque everywhere is left out."""
    from PIL import Image

    image = Image.frombytes("RGBA", (width, height), pixels)
    if image.getchannel("A").getextrema() == (255, 255):
        image = image.convert("RGB")
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


# crf 16: glowing dots on black show blocks at the usual 23. bt709 is said and done, because
# players guess the colours of an unmarked file by its size.
_FILM = [
    "-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv,format=yuv420p",
    "-c:v", "libx264", "-preset", "veryfast", "-crf", "16",
    "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709",
    "-movflags", "+faststart", "-fps_mode", "passthrough",
]  # fmt: skip


async def _gif(
    source: Sequence[str],
    path: Path,
    width: int,
    height: int,
    count: int,
    rate: float,
    progress: Progress,
) -> None:
    every = gif_stride(count, rate)
    frames = math.ceil(count / every)
    scale = min(1.0, math.sqrt(GIF_PIXELS / (frames * width * height)))
    for _ in range(4):
        w, h = (max(1, round(side * scale)) for side in (width, height))
        size = f",scale={w}:{h}:flags=area" if scale < 1 else ""
        graph = (
            f"[0:v]framestep={every}{size},split[a][b];"
            f"[a]framestep={PALETTE_EVERY},palettegen=stats_mode=full[p];"
            "[b][p]paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle"
        )
        # -loop 0: for ever.
        await _run([*source, "-filter_complex", graph, "-loop", "0"], path, frames, progress)
        heavy = _size(path) / GIF_BYTES
        if heavy <= 1:
            return
        scale *= min(0.8, 0.9 / math.sqrt(heavy))


def gif_stride(count: int, rate: float) -> int:
    """Return n where the GIF shows every n-th frame; at least 36 frames stay where there are."""
    wanted = max(math.ceil(rate / GIF_RATE), math.ceil(count / GIF_FRAMES))
    return max(1, min(wanted, count // GIF_LEAST_FRAMES))


async def _run(options: Sequence[str], path: Path, frames: int, progress: Progress) -> None:
    """Run ffmpeg; the file is there and whole, or not there."""
    from imageio_ffmpeg import get_ffmpeg_exe

    command = [get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
    command += [*options, "-progress", "pipe:1", "-stats_period", "0.2", str(path)]
    process = await child.start(child.tied(command), folder=path.parent)
    assert process.stdout is not None
    assert process.stderr is not None
    complaints = asyncio.create_task(process.stderr.read())
    whole = False
    try:
        async for line in process.stdout:
            if line.startswith(b"frame="):
                progress(min(1.0, int(line[6:]) / max(1, frames)))
        code = await process.wait()
        text = (await complaints).decode("utf-8", "replace")
        whole = code == 0
        if not whole:
            if "No space left" in text or f"error code: -{errno.ENOSPC}" in text:
                raise StoreError("film.no_space", path=path.name)
            raise ExecutorError("film.failed", what=(text.strip() or f"exit {code}")[-500:])
    finally:
        await child.end(process)
        complaints.cancel()
        if not whole:
            _remove(path)


def _source(raw: Path, width: int, height: int, rate: float) -> list[str]:
    source = ["-f", "rawvideo", "-pixel_format", "rgba", "-video_size", f"{width}x{height}"]
    return [*source, "-framerate", f"{rate:.6f}", "-i", str(raw)]


def _check_size(raw: Path, wanted: int) -> None:
    if (size := _size(raw)) != wanted:
        raise ExecutorError("film.bad_size", path=raw.name, size=size, wanted=wanted)


def _size(path: Path) -> int:
    return path.stat().st_size


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
