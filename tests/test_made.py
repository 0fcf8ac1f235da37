"""What a run made is looked at itself: blank pictures, still films, short films, NaN, lies."""

from __future__ import annotations

import struct
import wave
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from intentos import made
from intentos.executors.film import encode_film
from intentos.film_length import frames_in
from intentos.types import Artifact, Quantity

SOME = np.arange(64 * 48 * 3, dtype=np.uint8).reshape(48, 64, 3)


def look(*paths: Path, frames: int | None = None) -> dict[str, str]:
    """Return check → status of files."""
    by_name = {path.name: path for path in paths}
    artifacts = [
        Artifact(id="0" * 64, name=name, media_type="a/b", size=0, step_id="s") for name in by_name
    ]
    found = made.of_artifacts(artifacts, lambda a: by_name[a.name], frames=frames)
    assert all(check.detail and check.kind == "generic" for check in found)
    return {check.name: check.status for check in found}


def png(path: Path, pixels: np.ndarray) -> Path:
    """Save a picture."""
    Image.fromarray(pixels).save(path)
    return path


def gif(path: Path, *frames: np.ndarray) -> Path:
    """Save a film."""
    first, *rest = [Image.fromarray(frame) for frame in frames]
    first.save(path, save_all=True, append_images=rest, duration=50)
    return path


def npy(path: Path, array: object, *, pickle: bool = False) -> Path:
    """Save an array."""
    np.save(path, array, allow_pickle=pickle)  # type: ignore[arg-type]
    return path


def test_a_picture_of_one_colour_is_no_picture(tmp_path: Path) -> None:
    assert look(png(tmp_path / "a.png", SOME)) == {"not_blank": "passed"}
    assert look(png(tmp_path / "b.png", np.full_like(SOME, 7))) == {"not_blank": "failed"}
    clear = np.dstack([SOME, np.zeros((48, 64), np.uint8)])
    assert look(png(tmp_path / "c.png", clear)) == {"not_blank": "failed"}
    # One good picture does not make up for a blank one.
    assert look(tmp_path / "a.png", tmp_path / "b.png") == {"not_blank": "failed"}


def test_a_film_moves_or_that_stays_open(tmp_path: Path) -> None:
    dark = np.zeros_like(SOME)
    moving = gif(tmp_path / "a.gif", dark, SOME, dark)
    assert look(moving) == {"not_blank": "passed", "moves": "passed"}
    # Pillow drops frames that repeat; a different duration keeps them.
    still = tmp_path / "b.gif"
    pictures = [Image.fromarray(SOME)] * 3
    pictures[0].save(still, save_all=True, append_images=pictures[1:], duration=[40, 50, 60])
    found = look(still)
    assert found["not_blank"] == "passed"
    assert found.get("moves", "unknown") == "unknown"


async def encoded(folder: Path, *frames: np.ndarray) -> list[Path]:
    """Return frames as an executor leaves them."""
    raw = folder / "raw"
    alpha = np.full((48, 64, 1), 255, np.uint8)
    raw.write_bytes(b"".join(np.dstack([f, alpha]).tobytes() for f in frames))
    return await encode_film(
        raw, width=64, height=48, count=len(frames), frames_per_second=20, folder=folder
    )


async def test_a_blank_film_fails(tmp_path: Path) -> None:
    found = look(*await encoded(tmp_path, *[np.full_like(SOME, 90)] * 5))
    assert (found["not_blank"], found["moves"]) == ("failed", "unknown")


async def test_a_film_has_the_frames_that_were_asked_for(tmp_path: Path) -> None:
    film, moving = await encoded(tmp_path, *[np.roll(SOME, k, 1) for k in range(9)])
    assert frames_in(film) == 9
    assert look(film, moving, frames=9)["frames"] == "passed"
    assert look(film, moving, frames=10)["frames"] == "failed"
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(film.read_bytes()[:-200])
    assert look(cut, frames=9)["frames"] in ("failed", "unknown")


def test_films_that_lie_about_themselves_are_no_films(tmp_path: Path) -> None:
    film = tmp_path / "a.mp4"
    for data in (
        b"",
        b"moov",
        struct.pack(">I4s", 2**31, b"moov"),
        struct.pack(">I4sQ", 1, b"moov", 2**63) + b"x" * 64,
        struct.pack(">I4s", 8, b"free") * 50_000,
        struct.pack(">I4s", 0, b"moov") * 50_000,
    ):
        film.write_bytes(data)
        assert look(film) == {"frames": "unknown"}


def test_undefined_numbers_are_found(tmp_path: Path) -> None:
    good = npy(tmp_path / "good.npy", np.arange(9.0))
    assert look(good) == {"data_finite": "passed"}
    some = npy(tmp_path / "some.npy", np.array([1, np.nan, np.inf]))
    assert look(some, good) == {"data_finite": "unknown"}
    assert look(npy(tmp_path / "all.npy", np.full((3, 3), np.nan))) == {"data_finite": "failed"}
    np.savez_compressed(tmp_path / "many.npz", a=np.arange(3), b=np.array([np.nan, 1j]))
    assert look(tmp_path / "many.npz") == {"data_finite": "unknown"}
    tables = {
        "x,y\n1,2\n,3\n": "passed",
        "x\n1\nnan\n": "unknown",
        "x,y\n-inf,NaN\n": "failed",
        "name\ninformation\n": "passed",
    }
    for text, status in tables.items():
        (tmp_path / "t.csv").write_text(text)
        assert look(tmp_path / "t.csv") == {"data_finite": status}, text


class Bomb:
    """Ends the process that unpickles it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("import os; os._exit(7)",)


def hostile(folder: Path) -> list[Path]:
    """Return files that are not what their names say."""
    pickled = npy(folder / "pickle.npy", np.array([Bomb()], object), pickle=True)
    archive = folder / "pickle.npz"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.write(pickled, "a.npy")
    long = folder / "long.npy"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,)}\n"
    long.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 80)
    deep = folder / "deep.npy"
    header = b"(" * 9000 + b"\n"
    deep.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    nested = folder / "zeros.npz"
    with zipfile.ZipFile(nested, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.npy", b"\0" * (made.MOST_BYTES + 1))
    named = folder / "text.npz"
    named.write_bytes(b"PK\x03\x04 no archive")
    return [pickled, archive, long, deep, nested, named]


def test_arrays_are_never_unpickled_nor_believed(tmp_path: Path) -> None:
    for path in hostile(tmp_path):
        assert look(path) == {"data_finite": "unknown"}, path.name


def test_picture_bombs_are_not_unpacked(tmp_path: Path) -> None:
    stream = BytesIO()
    Image.new("1", (30_000, 30_000)).save(stream, "PNG")
    bomb = tmp_path / "bomb.png"
    bomb.write_bytes(stream.getvalue())
    assert look(bomb) == {"not_blank": "unknown"}
    Image.new("1", (8000, 8000)).save(bomb)  # Pillow itself would unpack this one
    assert look(bomb) == {"not_blank": "unknown"}
    for name, data in (("cut.png", (stream.getvalue())[:200]), ("text.png", b"hello"),
                       ("empty.gif", b""), ("other.png", b"GIF89a")):  # fmt: skip
        (tmp_path / name).write_bytes(data)
        assert look(tmp_path / name) == {"not_blank": "unknown"}, name
    whole = png(tmp_path / "whole.png", SOME).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    assert look(tmp_path / "half.png") == {"not_blank": "unknown"}


def test_silence_is_no_sound(tmp_path: Path) -> None:
    for name, data in (("a.wav", bytes(range(200)) * 2), ("b.wav", b"\0" * 400)):
        with wave.open(str(tmp_path / name), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(data)
    assert look(tmp_path / "a.wav") == {"not_silent": "passed"}
    assert look(tmp_path / "b.wav") == {"not_silent": "failed"}
    (tmp_path / "c.wav").write_bytes(b"RIFF")
    assert look(tmp_path / "c.wav") == {"not_silent": "unknown"}


def test_numbers_are_finite() -> None:
    def status(*values: object) -> list[str]:
        named = {f"n{k}": Quantity(value=value) for k, value in enumerate(values)}
        return [check.status for check in made.of_numbers(named)]

    assert status(1, 2.5, [1.0, 2.0], "text", True) == ["passed"]
    assert status(1, float("nan")) == status([1.0, float("inf")]) == ["failed"]
    assert status("text", True) == status() == []


@pytest.mark.parametrize("name", ["a.txt", "a.json", "noextension", "a.pdf", "a.svg"])
def test_other_files_are_not_judged(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("anything")
    assert look(tmp_path / name) == {}
