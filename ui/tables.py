"""Files with numbers as tables and charts: CSV and NumPy arrays, read no further than is shown.

What is in a file is a stranger's: it is read as text and numbers, never as objects, and none of
its names becomes a key of what a browser is sent.
"""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 10_000
"""Rows of a table that are shown."""
COLUMNS = 100
CELL = 500
"""Characters of a cell that are shown."""
LONGEST = 131_072
"""Characters from which on a cell is none."""
LINE = 10_000_000
"""Characters from which on a line is none of a table."""
COUNTED = 2_000_000
"""Rows that are counted; what is beyond is "more"."""
POINTS = 2_000
"""Points of one line of a chart; more would lie in the same pixel."""
LINES = 8
BARS = 60
WIDE = 16
"""Columns from which on an array is a field and no table."""
FIELD = 128
"""Cells of a field's picture along one side."""
_SEPARATORS = ",;\t"

Cell = float | int | str | None


class Unreadable(Exception):
    """The file is not what its name says."""


@dataclass(frozen=True)
class Table:
    """The first rows of a file."""

    columns: tuple[str, ...]
    rows: list[list[Cell]]
    total: int
    """Rows in the file, counted up to :data:`COUNTED`."""
    all_columns: int
    numeric: tuple[int, ...]
    """Which columns hold numbers and nothing else."""


@dataclass(frozen=True)
class Field:
    """A two-dimensional array, made small enough to look at."""

    shape: tuple[int, ...]
    cells: list[list[float]]
    """Rows from the top; each at most :data:`FIELD` long."""
    low: float
    high: float


@dataclass(frozen=True)
class Arrays:
    """What an archive or an array holds that is neither table nor field: names and shapes."""

    members: tuple[tuple[str, tuple[int, ...], str], ...]


@dataclass(frozen=True)
class Chart:
    """Lines over a common axis, or bars over names."""

    x_name: str
    x: list[Cell]
    lines: list[tuple[str, list[float | None]]]
    bars: bool = False


def _lines(file: TextIO) -> Iterator[str]:
    """Yield the lines of a file; raises csv.Error where one is no line of a table any more."""
    while line := file.readline(LINE):
        if len(line) == LINE:
            raise csv.Error(f"a line of more than {LINE:,} characters")
        yield line


def read_csv(path: Path) -> Table:
    """Return the first rows of a CSV file; raises Unreadable where it is none."""
    try:
        with path.open("r", encoding="utf-8-sig", errors="replace", newline="") as file:
            first = file.readline(100_000)
            file.seek(0)
            separator = max(_SEPARATORS, key=first.count)
            csv.field_size_limit(LINE)  # of the whole process; too long a line is stopped before
            delimiter = separator if separator in first else ","
            reader = csv.reader(_lines(file), delimiter=delimiter)
            kept = [row for row in islice(reader, ROWS + 1) if row]
            more = sum(1 for _ in islice(reader, COUNTED))
    except (csv.Error, OSError) as error:
        raise Unreadable(str(error)) from error
    if any(len(cell) > LONGEST for row in kept for cell in row):
        raise Unreadable(f"a cell of more than {LONGEST:,} characters")
    if not kept:
        return Table((), [], 0, 0, ())
    headed = len(kept) == 1 or not all(_is_number(cell) for cell in kept[0])
    body = kept[headed : ROWS + headed]
    wide = max(map(len, kept))
    names = kept[0] if headed else []
    titles = [names[i][:CELL] if i < len(names) else "" for i in range(min(wide, COLUMNS))]
    columns = tuple(title or str(i + 1) for i, title in enumerate(titles))
    cells: list[list[Cell]] = [
        [row[i][:CELL] if i < len(row) else None for i in range(len(columns))] for row in body
    ]
    numeric = tuple(i for i in range(len(columns)) if _make_numeric(cells, i))
    return Table(columns, cells, len(kept) - headed + more, wide, numeric)


def read_array(path: Path) -> Table | Field | Arrays:
    """Return what is in a ``.npy`` or ``.npz`` file; raises Unreadable where it is none."""
    import numpy as np

    try:
        with path.open("rb") as file:
            if file.read(2) == b"PK":
                return Arrays(tuple(_members(path)))
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise Unreadable(str(error)) from error
    shape = array.shape
    array = array.squeeze() if array.ndim > 2 else array  # one field among one is that field
    if array.dtype.names:
        columns = [array[name] for name in array.dtype.names if array[name].ndim == 1]
        if array.ndim == 1 and len(columns) == len(array.dtype.names):
            return _table(array.dtype.names, [column[:ROWS] for column in columns], len(array))
    elif array.dtype.kind in "biuf" and array.size:
        if array.ndim == 1:
            return _table(("value",), [array[:ROWS]], len(array))
        if array.ndim == 2 and array.shape[1] <= WIDE:
            names = [str(i + 1) for i in range(array.shape[1])]
            return _table(names, list(array[:ROWS].T), len(array))
        if array.ndim == 2:
            return _field(array)
    return Arrays((("", shape, str(array.dtype)),))


def chart_of(table: Table) -> Chart | None:
    """Return the table's numbers as lines over its first column where that only grows, else over
    the rows; as bars where the first column names them; None: it is better read as a table."""
    numbers = [i for i in table.numeric if any(row[i] is not None for row in table.rows)]
    if len(table.rows) < 2 or not numbers:
        return None
    if 0 not in table.numeric and len(table.rows) <= BARS:
        lines = [(table.columns[i], _numbers(table.rows, i)) for i in numbers[:LINES]]
        return Chart(table.columns[0], [row[0] for row in table.rows], lines, bars=True)
    rows = _thinned(table.rows)
    ordered = 0 in numbers and len(numbers) > 1 and _grows(_numbers(table.rows, 0))
    x: list[Cell] = [row[0] for row in rows] if ordered else _places(len(table.rows), len(rows))
    chosen = [i for i in numbers if not (ordered and i == 0)]
    # What never changes says nothing beside what does.
    chosen = ([i for i in chosen if len({row[i] for row in rows}) > 1] or chosen)[:LINES]
    lines = [(table.columns[i], _numbers(rows, i)) for i in chosen]
    return Chart(table.columns[0] if ordered else "", x, lines)


def of_one_scale(chart: Chart) -> bool:
    """Whether all lines can be told apart in one frame."""
    spans = []
    for _, values in chart.lines:
        known = [abs(v) for v in values if v is not None]
        spans.append(max(known, default=0.0))
    return min(spans, default=0.0) * 20 >= max(spans, default=0.0)


def _table(names: Any, columns: list[NDArray[Any]], total: int) -> Table:
    cells: list[list[Cell]] = [
        [_plain(cell) for cell in row] for row in zip(*(c.tolist() for c in columns), strict=True)
    ]
    numeric = tuple(i for i, column in enumerate(columns) if column.dtype.kind in "biuf")
    shown = tuple(str(name)[:CELL] for name in names)[:COLUMNS]
    return Table(shown, cells, total, len(columns), numeric)


def _field(array: NDArray[Any]) -> Field:
    import numpy as np

    rows, columns = (np.linspace(0, n - 1, min(n, FIELD)).astype(int) for n in array.shape)
    small = np.asarray(array[rows][:, columns], dtype=float)
    finite = small[np.isfinite(small)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    cells = np.nan_to_num(small, nan=low, posinf=high, neginf=low)
    return Field(array.shape, [[float(f"{v:.5g}") for v in row] for row in cells], low, high)


def _members(path: Path) -> list[tuple[str, tuple[int, ...], str]]:
    from numpy.lib import format as npy

    found = []
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist()[:COLUMNS]:
            try:
                with archive.open(name) as member:
                    version = npy.read_magic(member)
                    read = {(1, 0): npy.read_array_header_1_0}.get(
                        version, npy.read_array_header_2_0
                    )
                    shape, _, dtype = read(member)
            except (ValueError, EOFError, OSError, RuntimeError, NotImplementedError):
                continue
            found.append((name.removesuffix(".npy")[:CELL], tuple(shape), str(dtype)))
    return found


def _make_numeric(rows: list[list[Cell]], column: int) -> bool:
    """Turn a column of text into numbers where all of it is numbers; return whether it is."""
    if not all(_is_number(row[column]) for row in rows if row[column]) or not any(
        row[column] for row in rows
    ):
        return False
    for row in rows:
        text = str(row[column] or "").strip()
        row[column] = _plain(_number(text)) if text else None
    return True


def _is_number(cell: Cell) -> bool:
    try:
        float(str(cell))
    except ValueError:
        return False
    return "_" not in str(cell)


def _number(text: str) -> float | int:
    try:
        return int(text) if len(text) < 16 else float(text)
    except ValueError:
        return float(text)


def _plain(value: Any) -> Cell:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)  # a browser counts no further
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)  # JSON has no NaN
    return str(value)[:CELL]


def _numbers(rows: list[list[Cell]], column: int) -> list[float | None]:
    return [v if isinstance(v := row[column], int | float) else None for row in rows]


def _grows(values: list[float | None]) -> bool:
    known = [v for v in values if v is not None]
    return len(known) == len(values) and all(a <= b for a, b in pairwise(known))


def _places(total: int, kept: int) -> list[Cell]:
    if total == kept:
        return list(range(1, total + 1))
    return [1 + round(i * (total - 1) / (kept - 1)) for i in range(kept)]


def _thinned(rows: list[list[Cell]]) -> list[list[Cell]]:
    if len(rows) <= POINTS:
        return rows
    return [rows[round(i * (len(rows) - 1) / (POINTS - 1))] for i in range(POINTS)]
