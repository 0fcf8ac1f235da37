"""Films and pictures, decoded again and compared with the raw frames."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from intentos.errors import ExecutorError, StoreError
from intentos.executors import film as film_module
from intentos.executors.film import encode_film, encode_png, gif_stride

Frames = np.ndarray[Any, Any]


def dots(count: int, width: int, height: int, *, size: int = 6) -> Frames:
    """A few coloured dots that move on a dark ground: what kernels draw."""
    frames = np.zeros((count, height, width, 4), np.uint8)
    frames[..., 3] = 255
    frames[..., :3] = (8, 6, 20)
    colours = [(255, 60, 60), (80, 255, 90), (90, 120, 255), (255, 220, 80)]
    for index in range(count):
        for dot, colour in enumerate(colours):
            x = (index * (dot + 2) + dot * 17) % (width - size)
            y = (index * (5 - dot) + dot * 29) % (height - size)
            frames[index, y : y + size, x : x + size, :3] = colour
    return frames


async def encode(frames: Frames, folder: Path, rate: float = 30) -> tuple[Path, Path]:
    raw = folder / "frames.rgba"
    raw.write_bytes(frames.tobytes())
    count, height, width, _ = frames.shape
    film, gif = await encode_film(
        raw, width=width, height=height, count=count, frames_per_second=rate, folder=folder
    )
    return film, gif


def decode(path: Path) -> tuple[str, Frames]:
    """What ffmpeg says about a film, and its frames."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo"]
    done = subprocess.run([*command, "-pix_fmt", "rgb24", "-"], capture_output=True, check=True)
    about = done.stderr.decode()
    stream = next(line for line in about.splitlines() if "Video: h264" in line)
    width, height = map(int, re.findall(r", (\d+)x(\d+)", stream)[0])
    return stream, np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def size(path: Path) -> int:
    return path.stat().st_size


def distinct(frames: Frames) -> int:
    return 1 + sum(not np.array_equal(a, b) for a, b in pairwise(frames))


def open_gif(path: Path) -> tuple[list[int], Frames, dict[str, Any]]:
    with Image.open(path) as image:
        info: dict[str, Any] = {str(key): value for key, value in image.info.items()}
        pictures, durations = [], []
        for index in range(getattr(image, "n_frames", 1)):
            image.seek(index)
            durations.append(int(image.info["duration"]))
            pictures.append(np.array(image.convert("RGB")))
    return durations, np.array(pictures), info


async def test_every_frame_is_in_the_film_with_its_colours(tmp_path: Path) -> None:
    frames = dots(50, 160, 120, size=16)
    film, _ = await encode(frames, tmp_path)
    about, seen = decode(film)
    assert "yuv420p(tv, bt709" in about
    assert "30 fps" in about
    assert seen.shape == (50, 120, 160, 3)
    assert distinct(seen) == 50
    difference = np.abs(seen.astype(int) - frames[..., :3])
    assert difference.mean() < 4  # chroma has half the resolution, so edges bleed
    for index in (0, 25, 49):  # the middle of a dot, away from the halved chroma at its edge
        x, y = index * 2 % 144, index * 5 % 104
        middle = seen[index, y + 6 : y + 10, x + 6 : x + 10].mean((0, 1))
        assert np.abs(middle - frames[index, y + 8, x + 8, :3]).max() < 16
    data = film.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert size(film) < 200_000
    assert names(tmp_path) == ["film.gif", "film.mp4", "frames.rgba"]


async def test_the_gif_loops_and_shows_distinct_frames_in_their_colours(tmp_path: Path) -> None:
    frames = dots(50, 160, 120)
    _, gif = await encode(frames, tmp_path)
    durations, seen, info = open_gif(gif)
    assert info["loop"] == 0
    assert len(seen) == distinct(seen) == 50
    assert sum(durations) == pytest.approx(50 / 30 * 1000, rel=0.05)
    assert min(durations) >= 20
    assert np.abs(seen.astype(int) - frames[..., :3]).mean() < 3
    assert np.abs(seen[10][40:46, 20:26].astype(int) - frames[10, 40:46, 20:26, :3]).max() < 24


async def test_odd_sizes_become_even_and_one_pixel_is_a_film_too(tmp_path: Path) -> None:
    film, gif = await encode(dots(3, 33, 21), tmp_path)
    assert decode(film)[1].shape == (3, 22, 34, 3)
    assert open_gif(gif)[1].shape == (3, 21, 33, 3)
    folder = tmp_path / "one"
    folder.mkdir()
    pixel = np.full((2, 1, 1, 4), 255, np.uint8)
    film, _ = await encode(pixel, folder)
    assert decode(film)[1].shape == (2, 2, 2, 3)


async def test_noise_makes_the_gif_smaller_not_heavier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_module, "GIF_BYTES", 100_000)
    noise = np.random.default_rng(1).integers(0, 256, (40, 80, 80, 4), np.uint8)
    noise[..., 3] = 255
    _, gif = await encode(noise, tmp_path)
    assert 10_000 < size(gif) <= 100_000
    _, seen, _ = open_gif(gif)
    assert len(seen) == distinct(seen) == 40
    assert 20 < seen.shape[1] < 80


@pytest.mark.parametrize(
    ("count", "rate", "shown"),
    [(36, 30, 36), (60, 60, 60), (80, 60, 40), (120, 30, 120), (600, 30, 120), (10, 120, 10)],
)
def test_a_gif_keeps_36_frames_where_there_are(count: int, rate: float, shown: int) -> None:
    assert -(-count // gif_stride(count, rate)) == shown


async def test_a_full_disk_is_told_and_leaves_no_half_film(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").symlink_to("/dev/full")
    with pytest.raises(StoreError) as error:
        await encode(dots(40, 64, 64), tmp_path)
    assert error.value.code == "film.no_space"
    assert names(tmp_path) == ["frames.rgba"]


async def test_a_raw_file_of_another_size_is_refused(tmp_path: Path) -> None:
    raw = tmp_path / "frames.rgba"
    raw.write_bytes(bytes(64 * 64 * 4 - 1))
    with pytest.raises(ExecutorError) as error:
        await encode_film(raw, width=64, height=64, count=1, frames_per_second=30, folder=tmp_path)
    assert error.value.code == "film.bad_size"


async def test_canceling_leaves_neither_process_nor_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (60, 512, 512, 4), np.uint8)
    before = children()  # of other tests of this process
    task = asyncio.create_task(encode(noise, tmp_path))
    await asyncio.sleep(1)
    assert children() - before
    start = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - start < 10
    assert not children() - before
    assert names(tmp_path) == ["frames.rgba"]


def children() -> set[str]:
    command = ["ps", "--ppid", str(os.getpid()), "-o", "pid=,comm="]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return {line.strip() for line in listed.splitlines() if not line.endswith(" ps")}


async def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    frames = dots(60, 200, 200)
    raw = tmp_path / "frames.rgba"
    raw.write_bytes(frames.tobytes())
    told: list[float] = []
    await encode_film(
        raw,
        width=200,
        height=200,
        count=60,
        frames_per_second=30,
        folder=tmp_path,
        name="other",
        progress=told.append,
    )
    assert told == sorted(told)
    assert told[-1] > 0.9
    assert (tmp_path / "other.gif").exists()


@pytest.mark.parametrize("alpha", [255, 128])
def test_a_png_holds_exactly_the_pixels(alpha: int, tmp_path: Path) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (7, 5, 4), np.uint8)
    pixels[..., 3] = alpha
    path = tmp_path / "p.png"
    path.write_bytes(encode_png(pixels.tobytes(), 5, 7))
    with Image.open(path) as image:
        assert image.mode == ("RGB" if alpha == 255 else "RGBA")
        assert np.array_equal(np.array(image.convert("RGBA")), pixels)
