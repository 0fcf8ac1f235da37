"""Reads a file that a person handed in and writes it out plainly; runs inside the sandbox.

The file is hostile until it has been read here: nothing of it is parsed outside. It may be cut off,
empty, binary, called something else than it is, packed to burst, or in one of many encodings. What
comes out is one plain file (UTF-8 CSV with commas and ISO dates, PNG, 16-bit WAV, NPY, JSON) and a
profile: numbers, and names that have been cleaned of everything that could be taken for more.

Only the standard library is imported at the top: tables need no more, and start at once.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

MAX_COLUMNS = 1000
MAX_CELLS = 4_000_000
MAX_UNPACKED = 256 * 1024**2
MAX_PIXELS = 40_000_000
MAX_SIDE = 4096
NAME_LENGTH = 60
ENOUGH = 0.95
"""Share of a column's cells that must be numbers, or dates, for it to be a column of them."""

_MISSING = frozenset("na n/a #n/a nan null none nil - -- — . ? 无 空 缺失 缺测 未知".split()) | {""}
# Marks that a model, a shell or a template might take for more than a name; look-alikes stay
# readable and are what the plain file says as well.
_MARKS = str.maketrans('<>|`"{}\\', "‹›¦''()/")
_INSTRUCTION_TAG = re.compile(r"\[(/?)(INST|SYS\w*)\]", re.IGNORECASE)
_NUMBER = re.compile(
    r"[(]?[-+−]?\s*(?:[$€£¥￥]\s*)?(\d{1,3}(?:[, '\u00a0\u202f]\d{3})+|\d+)?(\.\d*)?"
    r"(?:[eE][-+]?\d+)?\s*(?:%|元|[$€£¥])?[)]?"
)
_CLOCK = r"(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?Z?)?"
_DATES = (
    (re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?" + _CLOCK), "ymd"),
    (re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})" + _CLOCK), "dmy"),
    (re.compile(r"(\d{4})[-/年](\d{1,2})月?()()()()"), "ymd"),
)


class Refused(Exception):
    """The file cannot be used: a code, and what belongs into its sentence."""

    def __init__(self, code: str, **arguments: object) -> None:
        super().__init__(code)
        self.code, self.arguments = code, arguments


class Found:
    """What came of a file: its profile and how to save it."""

    def __init__(self, kind: str, media_type: str, plain: str, data: Any, **profile: Any) -> None:
        self.plain, self.data = plain, data
        self.notes: list[str] = list(profile.pop("notes", ()))
        self.profile = {"kind": kind, "media_type": media_type, **profile}


def read(path: str, name: str) -> Found:
    """Return what a file holds, by its content; its name only settles what content leaves open.

    Raises:
        Refused: it is nothing that can be used.
    """
    with open(path, "rb") as file:
        head = file.read(16)
    if not head:
        raise Refused("empty")
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    found = _by_content(path, head, extension)
    usual = _EXTENSIONS[str(found.profile["kind"])]
    if extension and extension not in usual:
        found.notes.append("extension")
    return found


_EXTENSIONS = {
    "table": ("csv", "tsv", "txt", "dat", "json", "tab"),
    "document": ("json",),
    "image": ("png", "jpg", "jpeg", "webp"),
    "sound": ("wav", "wave"),
    "array": ("npy", "npz"),
}


def _by_content(path: str, head: bytes, extension: str) -> Found:
    if head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) or (
        head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    ):
        return _image(path)
    if head.startswith((b"RIFF", b"RIFX")) and head[8:12] == b"WAVE":
        return _sound(path)
    if head.startswith(b"\x93NUMPY"):
        return _array(path, "npy")
    if head.startswith(b"PK\x03\x04"):
        return _archive(path)
    with open(path, "rb") as file:
        text, encoding = _decoded(file.read())
    if not text.strip():
        raise Refused("empty")
    if extension == "json" or text.lstrip()[0] in "[{":
        try:
            return _json(text, encoding)
        except (ValueError, RecursionError):
            if extension == "json":
                raise Refused("damaged", what="JSON") from None
    return _table(text, encoding)


# -- text ------------------------------------------------------------------------------------------


def _decoded(data: bytes) -> tuple[str, str]:
    """Return the text and its encoding: by mark, then UTF-8, then what its bytes look like."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding.removesuffix("-sig")
    start = data[:4096]
    if start.count(0):
        low, high = start[::2], start[1::2]
        for encoding, zeros, others in (("utf-16-le", high, low), ("utf-16-be", low, high)):
            if zeros.count(0) > 0.3 * len(zeros) and not others.count(0):
                return data.decode(encoding, "replace"), encoding
        raise Refused("binary")
    try:
        text, encoding = data.decode(), "utf-8"
    except UnicodeDecodeError as error:
        if error.end >= len(data) - 3 and error.start > 0.9 * len(data):  # cut off in a character
            return data[: error.start].decode(), "utf-8"
        text, encoding = _old_encoding(data)
    odd = sum(unicodedata.category(c) == "Cc" and c not in "\t\n\r\f" for c in text[:4096])
    if odd > 0.02 * min(len(text), 4096):
        raise Refused("binary")
    return text, encoding


def _old_encoding(data: bytes) -> tuple[str, str]:
    # In Chinese text of GB 2312 both bytes of a character are high; in Western text they are rare.
    sample = data[:100_000]
    pairs = re.findall(rb"[\x81-\xfe][\x40-\xfe]", sample)
    high = sum(pair[1] >= 0xA1 for pair in pairs)
    if pairs and high >= 0.7 * len(pairs):
        return data.decode("gb18030", "replace"), "gb18030"
    return data.decode("cp1252", "replace"), "cp1252"


def clean_name(text: str) -> str:
    """Return a name of one line without control characters or marks of instructions."""
    kept = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text[:500])
    kept = _INSTRUCTION_TAG.sub(r"(\1\2)", kept).translate(_MARKS)
    return " ".join(kept.split())[:NAME_LENGTH].strip()


def _names(cells: Sequence[str], word: str = "column") -> list[str]:
    found: list[str] = []
    used: set[str] = set()
    for number, cell in enumerate(cells, 1):
        name = clean_name(cell) or f"{word} {number}"
        stem, again = name, 1
        while name in used:
            again += 1
            end = f" ({again})"
            name = stem[: NAME_LENGTH - len(end)] + end
        used.add(name)
        found.append(name)
    return found


# -- tables ----------------------------------------------------------------------------------------


def _table(text: str, encoding: str) -> Found:
    rows = _rows(text)
    notes = []
    width = Counter(len(row) for row in rows[:1000]).most_common(1)[0][0]
    width = max(width, len(rows[0])) if len(rows[0]) <= width + 1 else len(rows[0])
    if width > MAX_COLUMNS:
        raise Refused("many_columns", count=width, limit=MAX_COLUMNS)
    if width * len(rows) > MAX_CELLS:
        raise Refused("many_cells", rows=len(rows), columns=width, limit=MAX_CELLS)
    if any(len(row) != width for row in rows):
        notes.append("ragged")
        rows = [(row + [""] * width)[:width] for row in rows]
    header = _names(rows.pop(0)) if _has_header(rows) else _names([""] * width)
    return _columns(header, rows, "text/csv", encoding, notes)


def _rows(text: str) -> list[list[str]]:
    csv.field_size_limit(10_000_000)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    start = [line for line in lines[:200_000].split("\n")[:60] if line.strip()]
    if start and (said := re.fullmatch(r"sep=(.)", start[0].strip())):  # Excel's own mark
        lines = lines.split("\n", 1)[1]
        separator: str | None = said[1]
    else:
        separator = _separator(start)
    if separator is None:
        rows = [line.split() for line in lines.split("\n") if line.strip()]
    else:
        reader = csv.reader(io.StringIO(lines), delimiter=separator, skipinitialspace=True)
        try:
            rows = [row for row in reader if any(map(str.strip, row))]
        except csv.Error as error:
            raise Refused("damaged", what=f"CSV: {error}") from error
    if not rows:
        raise Refused("empty")
    return rows


def _separator(lines: Sequence[str]) -> str | None:
    """Return what separates cells; None: any space, where that alone makes a table of numbers."""
    best, score = ",", 0.0
    for candidate in (",", ";", "\t", "|"):
        try:
            counts = [len(r) for r in csv.reader(lines, delimiter=candidate) if r]
        except csv.Error:
            continue
        if not counts:
            continue
        common, times = Counter(counts).most_common(1)[0]
        # A comma in decimal numbers separates as well as the real mark, but not as evenly.
        value = times / len(counts) if common > 1 else 0.0
        if value > score + 0.01 or (value and candidate == ";" and value >= score):
            best, score = candidate, value
    if score == 0 and lines:
        counts = [len(line.split()) for line in lines]
        numeric = all(_number(cell) is not None for line in lines[1:] for cell in line.split())
        if min(counts) == max(counts) > 1 and numeric:
            return None
    return best


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    if len(rows) < 2:
        return not any(_number(cell) is not None for cell in rows[0])
    first, rest = rows[0], rows[1:50]
    if not any(_number(cell) is not None for cell in first):
        return any(cell.strip() for cell in first)
    for index, cell in enumerate(first):
        below = [row[index] for row in rest if row[index].strip().lower() not in _MISSING]
        numbers = sum(_number(value) is not None for value in below)
        if cell.strip() and _number(cell) is None and below and numbers > 0.8 * len(below):
            return True
    years = [cell for cell in first if re.fullmatch(r"(?:1[89]|20)\d\d", cell.strip())]
    return 1 < len(years) == len(set(years)) >= len(first) - 1


def _columns(
    header: list[str], rows: list[list[str]], media_type: str, encoding: str, notes: list[str]
) -> Found:
    if not rows:
        raise Refused("no_rows")
    columns, cells = [], []
    for index, name in enumerate(header):
        column, plain, odd = _column(name, [row[index] for row in rows])
        columns.append(column)
        cells.append(plain)
        if odd and "unreadable" not in notes:
            notes.append("unreadable")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    # A row of one empty cell would be an empty line, which readers skip.
    writer.writerows(["NA"] if row == ("",) else row for row in zip(*cells, strict=True))
    return Found(
        "table", media_type, "plain.csv", text.getvalue(),
        rows=len(rows), columns=columns, encoding=encoding, notes=notes,
    )  # fmt: skip


def _column(name: str, raw: Iterable[str]) -> tuple[dict[str, Any], list[str], bool]:
    """Return a column's profile, its cells in plain form, and whether some could not be read."""
    cells = [cell.strip() for cell in raw]
    present = [cell for cell in cells if cell.lower() not in _MISSING]
    profile: dict[str, Any] = {"name": name, "missing": len(cells) - len(present)}
    if not present:
        return profile | {"type": "empty"}, [""] * len(cells), False
    for kind, reading in (("number", _number_reader(present)), ("date", _date_reader(present))):
        known = {cell: reading(cell) for cell in set(present)}
        right = sum(known[cell] is not None for cell in present)
        if right < ENOUGH * len(present):
            continue
        plain = [_written(known.get(cell)) for cell in cells]
        values = [value for value in known.values() if value is not None]
        if kind == "number" and all(isinstance(value, int) for value in values):
            kind = "integer"
        profile |= {"type": kind, "minimum": min(values), "maximum": max(values)}
        profile |= {"missing": len(cells) - right, "distinct": len(set(values))}
        return profile, plain, right < len(present)
    texts = [cell if cell.lower() not in _MISSING else "" for cell in cells]
    return profile | {"type": "text", "distinct": len(set(present))}, texts, False


def _written(value: int | float | str | None) -> str:
    return "" if value is None else value if isinstance(value, str) else repr(value)


def _number_reader(cells: Sequence[str]) -> Callable[[str], int | float | None]:
    """Return how to read this column's numbers; commas are decimal where no cell says otherwise."""
    decimal = [c for c in cells[:2000] if re.fullmatch(r"[-+−]?\d+,\d+", c)]
    thousands = [c for c in cells[:2000] if re.search(r"\d,\d{3}(?:\D|$)", c)]
    if decimal and any(not re.search(r",\d{3}$", c) for c in decimal):
        return lambda cell: _number(cell.replace(".", "").replace(",", "."))
    if decimal and not thousands:
        return lambda cell: _number(cell.replace(",", "."))
    return _number


def _number(cell: str) -> int | float | None:
    text = cell.strip()
    if not text or len(text) > 40 or "_" in text:
        return None
    try:
        value = float(text)
    except ValueError:
        match = _NUMBER.fullmatch(text)
        if not match or not (match[1] or match[2]):
            return None
        negative = text.startswith(("-", "−", "(-", "(−")) or (text[0] == "(" and text[-1] == ")")
        digits = re.sub(r"[^\d.eE+-]", "", text.lstrip("(-+−").strip("()"))
        try:
            value = float(digits)
        except ValueError:
            return None
        value = -value if negative else value
        text = repr(value)
    if not math.isfinite(value):
        return None
    if value == int(value) and abs(value) < 2**53 and not re.search(r"[.eE]", cell):
        return int(value)
    return value


def _date_reader(cells: Sequence[str]) -> Callable[[str], str | None]:
    """Return how to read this column's dates; day before month unless that gives no dates."""
    month_first = False
    for cell in cells[:5000]:
        match = _DATES[1][0].fullmatch(cell)
        if match and int(match[1]) > 12:
            month_first = False
            break
        if match and (int(match[2]) > 12 or "/" in cell):
            month_first = True

    def reading(cell: str) -> str | None:
        for pattern, order in _DATES:
            match = pattern.fullmatch(cell)
            if not match:
                continue
            first, second, third, *clock = match.groups()
            if order == "ymd":
                year, month, day = int(first), int(second), int(third or 1)
            else:
                year, month, day = int(third), int(second), int(first)
                month, day = (day, month) if month_first else (month, day)
            try:
                written = date(year, month, day).isoformat()
            except ValueError:
                return None
            if clock[0]:
                hour, minute, second_ = (int(part or 0) for part in clock)
                if hour > 23 or minute > 59 or second_ > 59:
                    return None
                written += f"T{hour:02}:{minute:02}:{second_:02}"
            return written
        return None

    return reading


# -- JSON ------------------------------------------------------------------------------------------


def _json(text: str, encoding: str) -> Found:
    data = json.loads(text)
    table = _json_table(data)
    if table is not None:
        header, rows = table
        if len(header) > MAX_COLUMNS:
            raise Refused("many_columns", count=len(header), limit=MAX_COLUMNS)
        if len(header) * len(rows) > MAX_CELLS:
            raise Refused("many_cells", rows=len(rows), columns=len(header), limit=MAX_CELLS)
        return _columns(_names(header), rows, "application/json", encoding, [])
    if not isinstance(data, dict | list) or not data:
        raise Refused("no_rows")
    keys = list(data)[:MAX_COLUMNS] if isinstance(data, dict) else []
    columns = [{"name": name, "type": "text"} for name in _names([str(k) for k in keys], "key")]
    plain = json.dumps(data, ensure_ascii=False)
    return Found("document", "application/json", "plain.json", plain, columns=columns,
                 rows=len(data), encoding=encoding)  # fmt: skip


def _json_table(data: Any) -> tuple[list[str], list[list[str]]] | None:
    """Return JSON that is a table in one of the usual ways as header and rows."""
    if isinstance(data, list) and data:
        if all(isinstance(row, dict) for row in data):
            names = list(dict.fromkeys(str(key) for row in data for key in row))
            return names, [[_cell(row.get(name)) for name in names] for row in data]
        if all(isinstance(row, list) for row in data):
            rows = [[_cell(cell) for cell in row] for row in data]
            width = max(map(len, rows))
            rows = [row + [""] * (width - len(row)) for row in rows]
            header = rows.pop(0) if _has_header(rows) else [""] * width
            return header, rows
        if all(not isinstance(item, dict | list) for item in data):
            return ["value"], [[_cell(item)] for item in data]
    if isinstance(data, dict) and data and all(isinstance(v, list) for v in data.values()):
        lengths = {len(values) for values in data.values()}
        if len(lengths) == 1 and lengths != {0}:
            names = [str(name) for name in data]
            return names, [[_cell(c) for c in row] for row in zip(*data.values(), strict=True)]
    return None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)[:200]
    return str(value)[:10_000]


# -- arrays, pictures, sounds ----------------------------------------------------------------------


def _archive(path: str) -> Found:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Refused("damaged", what="ZIP") from error
    if not members or not all(member.filename.endswith(".npy") for member in members):
        raise Refused("unknown")
    # The sizes that an archive tells of itself may be lies; reading stops at them all the same.
    if sum(member.file_size for member in members) > MAX_UNPACKED:
        raise Refused("bomb", limit=MAX_UNPACKED // 1024**2)
    return _array(path, "npz")


def _array(path: str, form: str) -> Found:
    import numpy

    notes = []
    try:
        with open(path, "rb") as file:
            loaded = numpy.load(file, allow_pickle=False)
            if form == "npz":
                names = list(loaded.files)
                array = loaded[names[0]]
                notes += ["cut"] if len(names) > 1 else []
            else:
                array = loaded
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, MemoryError) as error:
        raise Refused("damaged", what=f"NumPy: {str(error)[:80]}") from error
    if array.dtype.kind not in "biuf":
        raise Refused("not_numbers", what=clean_name(str(array.dtype)))
    if array.size == 0:
        raise Refused("no_rows")
    if array.nbytes > MAX_UNPACKED:
        raise Refused("bomb", limit=MAX_UNPACKED // 1024**2)
    array = numpy.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    finite = array[numpy.isfinite(array)] if array.dtype.kind == "f" else array
    span = (float(finite.min()), float(finite.max())) if finite.size else (None, None)
    return Found(
        "array", "application/x-npy", "plain.npy", array,
        shape=list(array.shape), dtype=str(array.dtype), minimum=span[0], maximum=span[1],
        missing=int(array.size - finite.size), notes=notes,
    )  # fmt: skip


def _image(path: str) -> Found:
    from PIL import Image, ImageOps, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    notes = []
    try:
        with open(path, "rb") as file, Image.open(file, formats=("PNG", "JPEG", "WEBP")) as image:
            if image.width * image.height > MAX_PIXELS:
                raise Refused("many_pixels", limit=MAX_PIXELS // 10**6)
            media_type = f"image/{str(image.format).lower()}"
            picture: Any = ImageOps.exif_transpose(image)
            alpha = "A" in picture.getbands() or "transparency" in picture.info
            picture = picture.convert("RGBA" if alpha else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Refused("many_pixels", limit=MAX_PIXELS // 10**6) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise Refused("damaged", what="PNG, JPEG, WebP") from error
    if max(picture.size) > MAX_SIDE:
        picture.thumbnail((MAX_SIDE, MAX_SIDE))
        notes.append("scaled")
    return Found("image", media_type, "plain.png", picture,
                 width=picture.width, height=picture.height, notes=notes)  # fmt: skip


def _sound(path: str) -> Found:
    import warnings

    import numpy
    from scipy.io import wavfile

    notes = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            rate, samples = wavfile.read(path)
    except Exception as error:  # scipy raises whatever the bytes lead it to
        raise Refused("damaged", what="WAV") from error
    if any("EOF" in str(w.message) or "truncated" in str(w.message) for w in caught):
        notes.append("cut")
    if samples.size == 0 or rate <= 0:
        raise Refused("no_rows")
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    if samples.dtype.kind == "u":
        samples = samples.astype(numpy.float64) / 128 - 1
    elif samples.dtype.kind == "i":
        samples = samples / float(2 ** (8 * samples.dtype.itemsize - 1))
    samples = numpy.clip(numpy.nan_to_num(samples.astype(numpy.float64)), -1, 1)
    plain = io.BytesIO()
    wavfile.write(plain, int(rate), numpy.round(samples * 32767).astype("<i2"))
    return Found(
        "sound", "audio/wav", "plain.wav", plain.getvalue(),
        rate=int(rate), channels=int(channels), seconds=len(samples) / rate, notes=notes,
    )  # fmt: skip


def main(names: dict[str, Any]) -> None:
    """Read the input and save what came of it, or report why not."""
    try:
        found = read(names["inputs"]["file"], names["parameters"]["name"])
    except Refused as error:
        names["save"]("refused.json", {"code": error.code, "arguments": error.arguments})
        return
    names["save"](found.plain, found.data)
    names["save"]("profile.json", found.profile | {"notes": found.notes})


if __name__ == "__main__":
    main(globals())
