"""Generic checks of what a run made: pictures, films, sounds, arrays, tables and numbers.

They look at the bytes and not at what the code says of them, whichever executor it was. The files
come from code that nobody trusts: only formats that hold no code are opened, sizes are read before
anything is unpacked, and what is too large, or no file of its kind, says so.
"""

from __future__ import annotations

import math
import tokenize
import warnings
import wave
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from intentos.evidence import is_undefined
from intentos.film_length import frames_in
from intentos.run import StepResult
from intentos.types import Artifact, Check, Quantity, Words

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_PIXELS = 32_000_000
"""Of one picture that is unpacked; 128 MB."""
MOST_FRAMES = 2000
MOST_FILM_PIXELS = 200_000_000
"""Of all frames that are unpacked, where a film stands still."""
MOST_BYTES = 256 * 1024**2
"""Of arrays that are read from one file."""
MOST_TABLE_BYTES = 32 * 1024**2
MOST_MEMBERS = 10_000
PIECE = 4 * 1024**2
MOST_NAMED = 5

Status = Literal["passed", "failed", "unknown"]

FINITE = "numbers_finite"
BLANK = Words(en="No picture is of one colour", zh="没有单一颜色的画面")
MOVES = Words(en="The films move", zh="影片有变化")
DATA = Words(en="The saved data are finite numbers", zh="保存的数据都是有限的数")
WHOLE = Words(en="The films have all their frames", zh="影片的帧数完整")
SOUND = Words(en="The sounds are not silent", zh="声音不是无声的")
NUMBERS = Words(en="Every number is finite", zh="所有数值都是有限的")


@dataclass
class _Findings:
    """What a check found in each file."""

    title: Words
    seen: list[tuple[Status, str]] = field(default_factory=list)

    def add(self, status: Status, detail: str) -> None:
        self.seen.append((status, detail))

    def check(self, name: str) -> Iterator[Check]:
        """Yield the check, where there was anything to look at: the worst file decides."""
        for status in ("failed", "unknown", "passed"):
            told = [detail for how, detail in self.seen if how == status]
            if told:
                more = f" … {len(told) - MOST_NAMED} more" if len(told) > MOST_NAMED else ""
                detail = "; ".join(told[:MOST_NAMED]) + more
                yield Check(name=name, title=self.title, status=status, detail=detail)
                return


class _Odd(Exception):
    """A file is not what its name says, or too large to be looked into."""


def of_artifacts(
    artifacts: Iterable[Artifact],
    path_of: Callable[[Artifact], Path],
    *,
    frames: int | None = None,
) -> tuple[Check, ...]:
    """Judge files: pictures of more than one colour, films that move and are whole, finite data.

    ``frames``: how many were asked for, where that is known.
    """
    blank, moves, data, sound, whole = (
        _Findings(title) for title in (BLANK, MOVES, DATA, SOUND, WHOLE)
    )
    for artifact in artifacts:
        path, name = path_of(artifact), artifact.name
        kind = name.rpartition(".")[2].lower()
        looks = {"png": (_picture, blank), "npy": (_array, data), "npz": (_arrays, data)}
        looks |= {"csv": (_table, data), "wav": (_sound, sound)}
        try:
            if kind == "gif":
                _film(path, name, blank, moves)
            elif kind == "mp4":
                whole.add(*_length(path, name, frames))
            elif kind in looks:
                look, findings = looks[kind]
                findings.add(*look(path, name))
        except _Odd as odd:
            target = blank if kind == "gif" else looks[kind][1]
            target.add("unknown", f"{name}: {odd}")
    named = {"frames": whole, "not_blank": blank, "moves": moves}
    named |= {"data_finite": data, "not_silent": sound}
    return tuple(check for name, found in named.items() for check in found.check(name))


def sound(result: StepResult) -> StepResult:
    """Return a step's result without numbers that are none, and with the check that says so."""
    bad = {name for name, quantity in result.values.items() if is_undefined(quantity.value)}
    if not bad:
        return result
    values = {name: q for name, q in result.values.items() if name not in bad}
    checks = (*result.checks, *of_numbers(result.values))
    return result.model_copy(update={"values": values, "checks": checks})


def of_numbers(quantities: Mapping[str, Quantity]) -> tuple[Check, ...]:
    """Judge that the numbers that were computed are finite."""
    numbers = {n: q.value for n, q in quantities.items() if _is_number(q.value)}
    bad = [name for name, value in numbers.items() if is_undefined(value)]
    found = _Findings(NUMBERS)
    if bad:
        found.add("failed", f"{', '.join(bad[:MOST_NAMED])}: not a finite number")
    elif numbers:
        found.add("passed", f"{len(numbers)} numbers")
    return tuple(found.check(FINITE))


def _is_number(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_is_number, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _opened(path: Path, form: str) -> Image:
    """Return a picture of one format, of which nothing is unpacked yet."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(path, formats=[form])
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise _Odd(f"no {form} ({type(error).__name__})") from error
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise _Odd(f"{image.width} × {image.height} pixels are too many to look at")
    return image


def _decoded(image: Image) -> tuple[bytes, bool]:
    """Return the picture that is due as RGB bytes, and whether it is of one colour."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = image.convert("RGBA")
        except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
            raise _Odd(f"broken ({type(error).__name__})") from error
    extremes: Any = picture.getextrema()
    clear = extremes[3][1] == 0
    one = clear or all(low == high for low, high in extremes)
    return picture.tobytes(), one


def _picture(path: Path, name: str) -> tuple[Status, str]:
    with _opened(path, "PNG") as image:
        _, one = _decoded(image)
        size = f"{image.width} × {image.height}"
    return ("failed", f"{name}: one colour") if one else ("passed", f"{name}: {size}")


def _film(path: Path, name: str, blank: _Findings, moves: _Findings) -> None:
    """Look at frames until one has several colours and one differs from the first."""
    with _opened(path, "GIF") as image:
        first, one = _decoded(image)
        count, moving = 1, False
        while (one or not moving) and _next(image, count):
            count += 1
            if count > MOST_FRAMES or count * image.width * image.height > MOST_FILM_PIXELS:
                raise _Odd(f"stands still or is blank for {count} frames, and goes on")
            pixels, same = _decoded(image)
            moving, one = moving or pixels != first, one and same
    blank.add("failed" if one else "passed", f"{name}: {'one colour' if one else 'drawn'}")
    if count > 1:
        still = f"all {count} frames are the same"
        moves.add("passed" if moving else "unknown", f"{name}: {'moves' if moving else still}")


def _length(path: Path, name: str, wanted: int | None) -> tuple[Status, str]:
    count = frames_in(path)
    if count is None:
        return "unknown", f"{name}: no whole MP4"
    if wanted is None:
        return ("passed" if count > 1 else "failed"), f"{name}: {count} frames"
    return ("passed" if count >= wanted else "failed"), f"{name}: {count} of {wanted} frames"


def _next(image: Image, frame: int) -> bool:
    try:
        image.seek(frame)
    except EOFError:
        return False
    except (OSError, ValueError, SyntaxError) as error:
        raise _Odd(f"broken at frame {frame} ({type(error).__name__})") from error
    return True


def _array(path: Path, name: str) -> tuple[Status, str]:
    with path.open("rb") as file:
        bad, count = _undefined_in(file, path.stat().st_size)
    return _told(name, bad, count)


_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def _arrays(path: Path, name: str) -> tuple[Status, str]:
    bad = count = 0
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > MOST_BYTES or len(members) > MOST_MEMBERS:
                raise _Odd("too large to look into")
            if any(member.compress_type not in _PACKED for member in members):
                raise _Odd("packed in an unusual way")
            for member in members:
                with archive.open(member) as file:
                    here, all_ = _undefined_in(file, member.file_size)
                bad, count = bad + here, count + all_
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, EOFError) as error:
        raise _Odd(f"no NPZ ({type(error).__name__})") from error
    return _told(name, bad, count)


_BAD_HEADER = (
    ValueError, OSError, EOFError, TypeError, SyntaxError, RecursionError, MemoryError,
    tokenize.TokenError,
)  # fmt: skip
"""What NumPy raises over a header; it reads one as a literal of Python."""


def _undefined_in(file: IO[bytes], size: int) -> tuple[int, int]:
    """Return how many numbers of an NPY file are not finite, and how many there are."""
    import numpy as np
    from numpy.lib import format as npy

    if size > MOST_BYTES:
        raise _Odd("too large to look into")
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
    except _BAD_HEADER as error:
        raise _Odd(f"no NPY ({type(error).__name__})") from error
    if dtype.hasobject or dtype.kind not in "biufc":
        raise _Odd(f"holds {dtype}, which are no numbers")
    count = math.prod(shape)
    if count < 0 or count * dtype.itemsize > size:
        raise _Odd(f"says it holds {count} numbers, and is shorter")
    bad, left = 0, count * dtype.itemsize
    step = PIECE // dtype.itemsize * dtype.itemsize
    while left:
        piece = file.read(min(step, left))
        if not piece or len(piece) % dtype.itemsize:
            raise _Odd(f"says it holds {count} numbers, and is shorter")
        left -= len(piece)
        if dtype.kind in "fc":
            bad += int((~np.isfinite(np.frombuffer(piece, dtype))).sum())
    return bad, count


def _told(name: str, bad: int, count: int) -> tuple[Status, str]:
    if bad == 0:
        return "passed", f"{name}: {count} numbers"
    # Some may be meant: the cells of a wall, the first days of a running mean.
    status: Status = "failed" if bad == count else "unknown"
    return status, f"{name}: {bad} of {count} numbers are not finite"


def _table(path: Path, name: str) -> tuple[Status, str]:
    """Count the cells of a CSV file that say NaN or infinity; empty ones are missing, not wrong."""
    if path.stat().st_size > MOST_TABLE_BYTES:
        raise _Odd("too large to look into")
    undefined = {"nan", "inf", "infinity"}
    bad = count = 0
    with path.open("r", encoding="utf-8", errors="replace") as file:
        while lines := file.readlines(PIECE):
            cells = "".join(lines).lower().replace("\n", ",").split(",")
            bad += sum(1 for cell in cells if cell.strip(' "+-\r') in undefined)
            count += sum(1 for cell in cells if cell[:1].isdigit() or cell[:1] in ("-", "+", "."))
            count += sum(1 for cell in cells if cell.strip(' "\r') in undefined)
    return _told(name, bad, count)


def _sound(path: Path, name: str) -> tuple[Status, str]:
    try:
        with wave.open(str(path), "rb") as sound:
            frames, first = 0, None
            heard = False
            width = sound.getsampwidth() * sound.getnchannels()
            while piece := sound.readframes(PIECE // width):
                first = piece[:width] if first is None else first
                heard = heard or piece != first * (len(piece) // width)
                frames += len(piece) // width
            seconds = frames / sound.getframerate()
    except (wave.Error, EOFError, OSError, ZeroDivisionError) as error:
        raise _Odd(f"no WAV ({type(error).__name__})") from error
    return ("passed" if heard else "failed"), f"{name}: {seconds:.2g} s"
