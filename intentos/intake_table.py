"""Tables as people write them: CSV of every kind, and JSON; read into plain columns.

Part of what runs inside the sandbox (see ``intake_step.py``); only the standard library is
imported, so that it starts at once.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from intentos.intake_text import Found, Refused, names_of

MAX_COLUMNS = 1000
MAX_CELLS = 4_000_000
ENOUGH = 0.95
"""Share of a column's cells that must be numbers, or dates, for it to be a column of them."""

_MISSING = frozenset("na n/a #n/a nan null none nil - -- — . ? 无 空 缺失 缺测 未知".split()) | {""}
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


def table(text: str, encoding: str) -> Found:
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
    header = names_of(rows.pop(0)) if _has_header(rows) else names_of([""] * width)
    return columns_of(header, rows, "text/csv", encoding, notes)


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


def columns_of(
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


def json_file(text: str, encoding: str) -> Found:
    data = json.loads(text)
    table = _json_table(data)
    if table is not None:
        header, rows = table
        if len(header) > MAX_COLUMNS:
            raise Refused("many_columns", count=len(header), limit=MAX_COLUMNS)
        if len(header) * len(rows) > MAX_CELLS:
            raise Refused("many_cells", rows=len(rows), columns=len(header), limit=MAX_CELLS)
        return columns_of(names_of(header), rows, "application/json", encoding, [])
    if not isinstance(data, dict | list) or not data:
        raise Refused("no_rows")
    keys = list(data)[:MAX_COLUMNS] if isinstance(data, dict) else []
    columns = [{"name": name, "type": "text"} for name in names_of([str(k) for k in keys], "key")]
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
