"""What can be measured in a picture, a film or a sound, without knowing what it should show."""

from __future__ import annotations

import colorsys
import subprocess
import wave
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    Picture = numpy.ndarray[Any, Any]
    """uint8, shape (height, width, 3)."""

FRAMES = 8
"""At least so many frames are looked at, spread evenly over a film, where it has them."""
DIFFERS = 24
"""Levels of 255 by which a pixel must differ: more than the encoding of a film adds."""
MOVED = 0.0003
"""Share of pixels that must differ from one frame to another: the second hand of a clock does."""
HUE_STEP = 10
"""Degrees of one bin of the histogram of hues."""


@dataclass(frozen=True)
class Look:
    """What was seen and heard in everything that a run left behind."""

    pictures: int = 0
    """Pictures and films that are not blank."""
    moved: float = 0.0
    """Largest share of pixels that differ between two frames of one film."""
    hue: float | None = None
    """Degrees of the colour wheel (0 red, 120 green, 240 blue) of most of what is drawn; None:
    nothing has a colour."""
    left_right: float = 0.0
    """1: the picture is its own mirror image; 0: nothing of it is."""
    top_bottom: float = 0.0
    sounds: int = 0
    """Sounds that are not silent."""


def look(files: Mapping[Path, str]) -> Look:
    """Return what can be measured in files, given with their media types; broken ones show nothing.

    The film is measured if there is one, else the first picture.
    """
    films = [path for path, kind in files.items() if kind.startswith("video/")]
    films = films or [path for path, kind in files.items() if kind == "image/gif"]
    stills = [p for p, kind in files.items() if kind in ("image/png", "image/jpeg", "image/webp")]
    sounds = [path for path, kind in files.items() if kind.startswith("audio/")]
    seen = [frames for path in (*films, *stills) if (frames := _frames(path))]
    seen = [frames for frames in seen if not all(map(blank, frames))]
    heard = sum(not silent(path) for path in sounds)
    if not seen:
        return Look(sounds=heard)
    shown = [frame for frame in seen[0] if not blank(frame)]
    middle = shown[len(shown) // 2]
    return Look(
        pictures=len(seen),
        moved=max(map(moved, seen)),
        hue=hue(middle),
        left_right=max(mirrored(frame, axis=1) for frame in shown[:: max(1, len(shown) // 3)]),
        top_bottom=max(mirrored(frame, axis=0) for frame in shown[:: max(1, len(shown) // 3)]),
        sounds=heard,
    )


def blank(frame: Picture) -> bool:
    """Whether every pixel has (nearly) one colour."""
    return int(frame.max(axis=(0, 1)).max()) == 0 or float(frame.std(axis=(0, 1)).max()) < 1.0


def moved(frames: Sequence[Picture]) -> float:
    """Return the largest share of pixels that differ between two neighbouring frames."""
    import numpy as np

    shares = [
        float(np.mean(np.abs(b.astype(np.int16) - a).max(axis=2) > DIFFERS))
        for a, b in pairwise(frames)
        if a.shape == b.shape
    ]
    return max(shares, default=0.0)


def hue(frame: Picture) -> float | None:
    """Return the hue in degrees that most of what differs from the background has."""
    import numpy as np

    wheel = np.zeros(360 // HUE_STEP)
    drawn = frame[_drawn(frame)]
    if len(drawn) > 20_000:
        drawn = drawn[:: len(drawn) // 20_000 + 1]
    for red, green, blue in (drawn / 255.0).tolist():
        angle, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
        if saturation > 0.25 and value > 0.15:
            wheel[int(angle * 360 / HUE_STEP) % len(wheel)] += saturation * value
    if wheel.sum() == 0:
        return None
    smooth = wheel + 0.5 * (np.roll(wheel, 1) + np.roll(wheel, -1))
    return float((int(smooth.argmax()) + 0.5) * HUE_STEP)


def mirrored(frame: Picture, *, axis: int) -> float:
    """Return how far a picture is its own mirror image, about the line that suits it best.

    1 − Σ|a − b| / Σ(|a − g| + |b − g|) over the picture a, its mirror image b and the background
    colour g.
    """
    import numpy as np

    small = frame[:: max(1, frame.shape[0] // 160), :: max(1, frame.shape[1] // 160)]
    picture = small.astype(np.float64) - _background(small)
    mirror = np.flip(picture, axis=axis)
    whole = 2 * float(np.abs(picture).sum())
    reach = small.shape[axis] // 6
    least = min(
        float(np.abs(picture - np.roll(mirror, shift, axis=axis)).sum())
        for shift in range(-reach, reach + 1)
    )
    return 1 - least / whole if whole else 0.0


def silent(path: Path) -> bool:
    """Whether a WAV file holds no sound; one that cannot be read counts as silent."""
    try:
        with wave.open(str(path), "rb") as file:
            data = file.readframes(file.getnframes())
    except (OSError, EOFError, wave.Error):
        return True
    return len(set(data)) < 3


def _background(frame: Picture) -> Picture:
    import numpy as np

    border = np.concatenate([frame[0], frame[-1], frame[:, 0], frame[:, -1]])
    found: Picture = np.median(border, axis=0)
    return found


def _drawn(frame: Picture) -> Picture:
    import numpy as np

    away = np.abs(frame.astype(np.int16) - _background(frame)).max(axis=2)
    found: Picture = away > DIFFERS
    return found


def _frames(path: Path) -> list[Picture]:
    """Return some frames of a film, spread evenly, or the one picture; none of a broken file."""
    import imageio.v3 as iio
    import numpy as np

    if path.suffix == ".mp4":
        return _spread(_decoded(path))
    try:
        return _spread(_rgb(np.asarray(picture)) for picture in iio.imiter(path))
    except Exception:  # each of imageio's readers fails in its own way; the oracle sees no picture
        return []


def _spread(pictures: Iterable[Picture]) -> list[Picture]:
    """Return between ``FRAMES`` and twice as many of a long row of pictures, or all of them."""
    kept: list[Picture] = []
    every = 1
    for place, picture in enumerate(pictures):
        if place % every == 0:
            kept.append(picture)
        if len(kept) > 2 * FRAMES:
            kept, every = kept[::2], 2 * every
    return kept


def _decoded(path: Path) -> Iterator[Picture]:
    """Yield a film's frames as ffmpeg decodes them; none of a broken file."""
    import imageio_ffmpeg
    import numpy as np

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", "-i", str(path)]
    command += ["-f", "image2pipe", "-c:v", "ppm", "-"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        # A portable pixmap: "P6", width and height, 255, each on a line, then the pixels.
        while process.stdout.readline().strip() == b"P6":
            width, height = map(int, process.stdout.readline().split())
            process.stdout.readline()
            data = process.stdout.read(width * height * 3)
            if len(data) == width * height * 3:
                yield np.frombuffer(data, np.uint8).reshape(height, width, 3)


def _rgb(picture: Picture) -> Picture:
    import numpy as np

    if picture.ndim == 2:
        picture = np.stack([picture] * 3, axis=2)
    elif picture.shape[2] == 2:
        picture = np.repeat(picture[..., :1], 3, axis=2)
    if picture.dtype != np.uint8:
        picture = (picture / max(1, int(picture.max())) * 255).astype(np.uint8)
    return picture[..., :3]
