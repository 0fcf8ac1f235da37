"""Raw content is hashed as it was computed: encoders, dates and file formats do not count."""

from __future__ import annotations

import asyncio
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intentos.executors.raw_hashes import RawFilm, archive_hash, array_hash, beside
from intentos.raw_hash import (
    MOST_MARKS,
    RawHash,
    block_of,
    first_difference,
    picture_distance,
    sketched,
)


def film(folder: Path, frames: np.ndarray[Any, Any], name: str = "a") -> RawFilm:
    raw = folder / f"{name}.rgba"
    raw.write_bytes(frames.tobytes())
    count, height, width, _ = frames.shape
    return RawFilm(raw, name="film", files=("film.mp4",), width=width, height=height, count=count)


def noise(count: int = 20, height: int = 24, width: int = 32) -> np.ndarray[Any, Any]:
    return np.random.default_rng(3).integers(0, 256, (count, height, width, 4), np.uint8)


def test_one_pixel_of_one_frame_changes_the_hash_and_names_the_frame(tmp_path: Path) -> None:
    frames = noise()
    before = film(tmp_path, frames).hash()
    assert before == film(tmp_path, frames, "b").hash()
    frames[13, 5, 7, 0] ^= 1
    after = film(tmp_path, frames).hash()
    assert before.sha256 != after.sha256
    assert first_difference(before, after) == 13
    assert first_difference(before, before) is None


def test_a_long_film_has_few_marks_and_names_the_block(tmp_path: Path) -> None:
    frames = noise(MOST_MARKS * 2 + 5, 1, 1)
    before = film(tmp_path, frames).hash()
    frames[-1, 0, 0, 0] ^= 1
    after = film(tmp_path, frames).hash()
    assert block_of(len(frames)) == 3
    assert first_difference(before, after) == (len(frames) - 1) // 3 * 3
    assert len(before.marks) < 16_384


def test_the_distance_of_two_films_is_in_levels(tmp_path: Path) -> None:
    frames = np.full((9, 30, 41, 4), 100, np.uint8)
    before = film(tmp_path, frames).hash()
    frames[4:, :, :, :3] += 3
    assert picture_distance(before, film(tmp_path, frames).hash()) == pytest.approx(3)
    assert picture_distance(before, film(tmp_path, frames[:5]).hash()) is None
    assert sketched(1) == (0,)
    assert sketched(300)[0] == 0
    assert sketched(300)[-1] == 299


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 500), (500, 3)])
def test_pictures_of_any_size_have_a_sketch(tmp_path: Path, height: int, width: int) -> None:
    frames = noise(2, height, width)
    hashed = film(tmp_path, frames).hash()
    assert picture_distance(hashed, hashed) == 0


def test_a_film_that_is_cut_short_has_no_hash(tmp_path: Path) -> None:
    cut = film(tmp_path, noise())
    with (tmp_path / "a.rgba").open("r+b") as raw:
        raw.truncate(1000)
    with pytest.raises(EOFError):
        cut.hash()


async def test_canceling_the_encoding_ends_the_hashing(tmp_path: Path) -> None:
    raw = tmp_path / "long.rgba"
    with raw.open("wb") as file:
        file.truncate(32 * 1024**3)  # a sparse file: half a minute of hashing
    long = RawFilm(raw, name="film", files=(), width=512, height=512, count=32768)
    before = threading.active_count()
    task = asyncio.create_task(beside(asyncio.sleep(60), long))
    await asyncio.sleep(0.2)
    begun = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.get_running_loop().shutdown_default_executor()
    assert time.monotonic() - begun < 10
    assert threading.active_count() <= before


def test_an_array_is_its_numbers_and_not_its_file() -> None:
    a = np.arange(12, dtype=np.float32).reshape(3, 4)
    same = array_hash("a", "a.npy", np.asfortranarray(a))
    assert same.sha256 == array_hash("a", "a.npy", a.astype(">f4")).sha256
    others: list[np.ndarray[Any, Any]] = [a.reshape(4, 3), a.astype(np.float64), a + 1]
    assert all(array_hash("a", "a.npy", other).sha256 != same.sha256 for other in others)
    assert array_hash("none", "none.npy", np.zeros((0, 3))).shape == (0, 3)


def test_an_archive_is_its_members_and_not_their_dates(tmp_path: Path) -> None:
    def archive(name: str, year: int, text: str, compression: int) -> RawHash | None:
        with zipfile.ZipFile(tmp_path / name, "w", compression) as file:
            file.writestr(zipfile.ZipInfo("x.npy", (year, 1, 1, 0, 0, 0)), text)
        return archive_hash("data.npz", tmp_path / name)

    first = archive("a.npz", 2020, "same", zipfile.ZIP_STORED)
    assert first is not None
    assert first == archive("b.npz", 2021, "same", zipfile.ZIP_DEFLATED)
    assert first != archive("c.npz", 2020, "other", zipfile.ZIP_STORED)
    assert (tmp_path / "a.npz").read_bytes() != (tmp_path / "b.npz").read_bytes()


def test_an_archive_of_an_enemy_gives_no_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.npz"
    path.write_bytes(b"PK\x03\x04 not really")
    assert archive_hash("bomb.npz", path) is None
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros.npy", bytes(3_000_000))
    monkeypatch.setattr("intentos.executors.raw_hashes.MOST_UNPACKED", 2_000_000)
    assert archive_hash("bomb.npz", path) is None
    monkeypatch.setattr("intentos.executors.raw_hashes.MOST_MEMBERS", 0)
    assert archive_hash("bomb.npz", path) is None
