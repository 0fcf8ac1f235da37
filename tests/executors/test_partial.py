"""What a stopped film leaves behind."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intentos.executors import partial
from intentos.executors.partial import Part, keep
from intentos.testing import Recorder

PATIENCE = 60.0


def part(folder: Path, frames: int = 30, side: int = 64, said: int | None = None) -> Part:
    """Return a film whose frame n is of the grey n."""
    raw = folder / "frames.rgba"
    with raw.open("wb") as file:
        for index in range(frames):
            frame = np.full((side, side, 4), index, np.uint8)
            frame[..., 3] = 255
            file.write(frame.tobytes())
    count = frames if said is None else said
    return Part(raw=raw, width=side, height=side, count=count, rate=30)


async def test_the_last_frame_and_a_film_of_all(tmp_path: Path) -> None:
    context = (recorder := Recorder(tmp_path)).context()
    await keep(part(tmp_path), context.save, seconds=PATIENCE)
    assert list(recorder.saved) == ["stopped.png", "stopped.mp4"]
    with Image.open(io.BytesIO(recorder.saved["stopped.png"][0])) as picture:
        assert picture.getpixel((5, 5)) == (29, 29, 29)
    assert _frames(tmp_path / "stopped.mp4") == 30


async def test_a_half_written_frame_is_left_out(tmp_path: Path) -> None:
    context = (recorder := Recorder(tmp_path)).context()
    cut = part(tmp_path, said=30)
    with cut.raw.open("r+b") as file:
        file.truncate(10 * 64 * 64 * 4 + 77)
    await keep(cut, context.save, seconds=PATIENCE)
    with Image.open(io.BytesIO(recorder.saved["stopped.png"][0])) as picture:
        assert picture.getpixel((5, 5)) == (9, 9, 9)
    assert _frames(tmp_path / "stopped.mp4") == 10


async def test_a_long_film_is_thinned_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partial, "MOST_PIXELS", 64 * 64 * 10)
    monkeypatch.setattr(partial, "PICTURE_PIXELS", 32 * 32)
    context = (recorder := Recorder(tmp_path)).context()
    await keep(part(tmp_path), context.save, seconds=PATIENCE)
    assert _frames(tmp_path / "stopped.mp4") == 10
    with Image.open(io.BytesIO(recorder.saved["stopped.png"][0])) as picture:
        assert picture.size == (32, 32)


async def test_nothing_drawn_leaves_nothing_and_no_time_is_no_error(tmp_path: Path) -> None:
    context = (recorder := Recorder(tmp_path)).context()
    await keep(part(tmp_path, said=0), context.save)
    await keep(part(tmp_path), context.save, seconds=0)
    gone = part(tmp_path)
    gone.raw.unlink()
    await keep(gone, context.save)
    assert recorder.saved == {}


def _frames(film: Path) -> int:
    from imageio_ffmpeg import count_frames_and_secs

    frames, _ = count_frames_and_secs(str(film))
    return int(frames)
