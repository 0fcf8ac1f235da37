"""Small pictures of what a run left: the most telling frame, made to fit a card, as WebP.

Only pixels are looked at. Films are read by the ffmpeg that comes with imageio-ffmpeg; pictures by
Pillow, which is told the few formats that our own results have and how large one may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

WIDTH, HEIGHT = 320, 240
STILL_BYTES = 8_000
LIVING_BYTES = 150_000
LIVING_FRAMES = 60
FADE = 7
"""Frames at the end of what loops that fade into its beginning."""
MOST_PIXELS = 40_000_000
"""Of a picture that is opened at all."""
FORMATS = ("PNG", "GIF", "JPEG", "WEBP")
LOOKED_AT = 24
"""Frames of a film that are compared."""
EVEN = 3.0
"""How far an edge's shades may lie off smooth ones, on average, that goes on beyond the picture."""
SIDE = 640
"""Frames are made this wide at most before anything else."""


def film_frames(path: Path, count: int = LOOKED_AT) -> list[Image]:
    """Return about ``count`` frames of a film, evenly spread, the last among them."""
    import imageio_ffmpeg
    from PIL import Image

    total = max(1, imageio_ffmpeg.count_frames_and_secs(str(path))[0])
    wanted = spread(total, count)
    frames = imageio_ffmpeg.read_frames(str(path))
    size = next(frames)["size"]
    found = []
    for number, raw in enumerate(frames):
        if number in wanted:
            frame = Image.frombytes("RGB", size, raw)
            frame.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            found.append(frame)
    return found


def picture_frames(path: Path, count: int = LOOKED_AT) -> list[Image]:
    """Return the frames of a picture, about ``count`` of them where it moves.

    Raises:
        ValueError: it is none of the formats, too large, or not whole.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ValueError(f"a picture of {image.width} × {image.height} pixels")
            frames = []
            for number in sorted(spread(getattr(image, "n_frames", 1), count)):
                image.seek(number)
                frames.append(_opaque(image))
            return frames
    except (UnidentifiedImageError, OSError, SyntaxError, EOFError) as error:
        raise ValueError(str(error)) from error


def spread(total: int, count: int) -> frozenset[int]:
    """Return up to ``count`` of the numbers below ``total``, evenly spread, the last included."""
    count = min(count, total)
    return frozenset(round((k + 1) * total / count) - 1 for k in range(count))


def most_telling(frames: Sequence[Image]) -> int:
    """Return which frame shows most: contrast, shades, colours; of equals, the later."""
    scores = [telling(frame) * (1 + 0.1 * k / len(frames)) for k, frame in enumerate(frames)]
    return max(range(len(frames)), key=lambda k: scores[k])


def telling(frame: Image) -> float:
    """Return how much there is to see in a frame: 0 for one colour, about 3 for a rich picture."""
    import numpy as np

    small = np.asarray(frame.convert("RGB").resize((96, 72)), np.float32)
    grey = small.mean(axis=2)
    counts = np.histogram(grey, bins=48, range=(0, 256))[0] / grey.size
    shades = float(-(counts[counts > 0] * np.log2(counts[counts > 0])).sum())
    edges = float(np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean())
    warm, cold = small[..., 0] - small[..., 1], grey - small[..., 2]
    colours = float(warm.std() + cold.std())
    return float(grey.std()) / 60 + shades / 5 + min(edges, 40) / 40 + colours / 80


def fitted(frame: Image, width: int = WIDTH, height: int = HEIGHT, *, cut: bool = False) -> Image:
    """Return a frame made to fill ``width`` × ``height``.

    A picture on a ground of one colour (a plot, a planet in the dark) keeps all of it: its empty
    margin is cut, and the ground fills what is missing. One with even edges on the sides that are
    missing (a sky, a road) goes on there, unless it shall be ``cut``. Any other is cut to shape in
    its middle.
    """
    from PIL import Image, ImageOps

    ground = _ground(frame)
    if ground is None:
        whole = frame if cut else _extended(frame, width / height)
        return ImageOps.fit(whole, (width, height), Image.Resampling.LANCZOS)
    inner = _without_margin(frame, ground, width / height)
    inner = ImageOps.contain(inner, (width, height), Image.Resampling.LANCZOS)
    card = Image.new("RGB", (width, height), ground)
    card.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    return card


def still(frame: Image, most: int = STILL_BYTES) -> bytes:
    """Return a frame as WebP of at most ``most`` bytes, as good as they allow."""
    for quality in (88, 82, 76, 70, 62, 54, 46, 38, 30, 22, 14, 6, 0):
        stream = BytesIO()
        frame.save(stream, "WEBP", quality=quality, method=6)
        if stream.tell() <= most:
            break
    return stream.getvalue()


def living(frames: Sequence[Image], *, rate: float, most: int = LIVING_BYTES) -> bytes:
    """Return frames as a WebP of at most ``most`` bytes that loops without a jump: where it is as
    it was at the beginning, or at its end, it fades into that. ``rate``: frames a second."""
    from PIL import Image

    fade = min(FADE, len(frames) // 3)
    length = _likest(frames, len(frames) - fade)
    loop = list(frames[:length])
    for k in range(fade):
        loop[k] = Image.blend(frames[length + k], frames[k], k / fade)
    stream = BytesIO()
    for quality in (76, 68, 60, 52, 44, 36, 28, 20, 12, 4):
        stream = BytesIO()
        loop[0].save(
            stream,
            "WEBP",
            save_all=True,
            append_images=loop[1:],
            duration=round(1000 / rate),
            loop=0,
            quality=quality,
            method=4,
            minimize_size=True,
        )
        if stream.tell() <= most:
            break
    return stream.getvalue()


def _likest(frames: Sequence[Image], most: int) -> int:
    """Return which frame up to ``most`` is as the first one was, or ``most`` where none is: what
    only grows is shown to its end."""
    import numpy as np

    small = [np.asarray(frame.resize((80, 60)), np.float32) for frame in frames[: most + 1]]
    differ = {
        k: float(np.abs(small[k] - small[0]).mean()) for k in range(len(frames) // 2, most + 1)
    }
    nearest = min(differ, key=lambda k: differ[k])
    came_back = nearest > min(differ) and differ[nearest] < 0.6 * max(differ.values())
    return nearest if came_back else most


def _opaque(image: Image) -> Image:
    from PIL import Image as images

    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = images.new("RGBA", layer.size, "white")
        return images.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _ground(frame: Image) -> tuple[int, int, int] | None:
    """Return the colour of a frame's edge where it is one colour all around, else None."""
    import numpy as np

    pixels = np.asarray(frame.convert("RGB"), np.int16)
    edge = np.concatenate([pixels[:2].reshape(-1, 3), pixels[-2:].reshape(-1, 3)])
    edge = np.concatenate([edge, pixels[:, :2].reshape(-1, 3), pixels[:, -2:].reshape(-1, 3)])
    middle = np.median(edge, axis=0)
    same = (np.abs(edge - middle).max(axis=1) <= 6).mean()
    if same < 0.97:
        return None
    red, green, blue = (int(part) for part in middle)
    return red, green, blue


def _extended(frame: Image, shape: float) -> Image:
    """Return the frame in the card's shape, going on at those of its edges that are even."""
    import numpy as np
    from PIL import Image as images

    lying = frame.width > frame.height * shape
    turned = frame if lying else frame.transpose(images.Transpose.TRANSPOSE)
    missing = round(turned.width / (shape if lying else 1 / shape)) - turned.height
    pixels = np.asarray(turned.convert("RGB"), np.float32)
    above, below = _calm(pixels[:3].mean(axis=0)), _calm(pixels[-3:].mean(axis=0))
    if missing <= 0 or (above is None and below is None):
        return frame
    rows = missing if below is None else 0 if above is None else missing // 2
    parts = [pixels]
    if above is not None:
        parts.insert(0, np.repeat(above[None], rows, axis=0))
    if below is not None:
        parts.append(np.repeat(below[None], missing - rows, axis=0))
    whole = images.fromarray(np.concatenate(parts).round().astype(np.uint8))
    return whole if lying else whole.transpose(images.Transpose.TRANSPOSE)


def _calm(edge: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return an edge of a picture smoothed, if little is lost by that: it can go on beyond it."""
    import numpy as np

    wide = max(1, len(edge) // 16)
    padded = np.pad(edge, ((wide, wide), (0, 0)), mode="edge")
    sums = np.cumsum(np.pad(padded, ((1, 0), (0, 0))), axis=0)
    smooth = (sums[2 * wide + 1 :] - sums[: -2 * wide - 1]) / (2 * wide + 1)
    rough = float(np.abs(edge - smooth).mean())
    return smooth.astype(np.float32) if rough <= EVEN else None


def _without_margin(frame: Image, ground: tuple[int, int, int], shape: float) -> Image:
    """Return the frame without most of its empty margin, never cut beyond a small rest of it."""
    import numpy as np

    pixels = np.asarray(frame.convert("RGB"), np.int16)
    drawn = np.abs(pixels - np.array(ground, np.int16)).max(axis=2) > 12
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not rows.size:
        return frame
    room = round(0.03 * max(frame.size))
    top, bottom = rows[0] - room, rows[-1] + 1 + room
    left, right = columns[0] - room, columns[-1] + 1 + room
    # Grown to the card's shape where the frame has it to give: no ground need be made up.
    wide, high = right - left, bottom - top
    if wide < high * shape:
        grow = (high * shape - wide) / 2
        left, right = left - grow, right + grow
    else:
        grow = (wide / shape - high) / 2
        top, bottom = top - grow, bottom + grow
    box = (max(0, left), max(0, top), min(frame.width, right), min(frame.height, bottom))
    cut: Image = frame.crop(tuple(round(float(side)) for side in box))  # type: ignore[arg-type]
    return cut


def first_kind(paths: Iterable[tuple[str, Path]], kinds: Sequence[str]) -> Path | None:
    """Return the first file of the first media type that there is, of (type, file) pairs."""
    found = list(paths)
    return next((path for kind in kinds for media, path in found if media == kind), None)
