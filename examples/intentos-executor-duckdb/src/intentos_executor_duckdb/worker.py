"""Runs one query in a process of its own; needs DuckDB and the standard library only.

Reads a job as JSON on stdin; prints the result, and leaves ``result.csv`` and ``numbers.json``.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb

ROWS_PRINTED = 1000
ROWS_AT_ONCE = 10_000
SHARE_OF_MEMORY = 0.6
"""What DuckDB may use of the step's memory; the rest is Python's, and addresses not used."""


def main(job: dict[str, Any]) -> None:
    """Load the inputs, lock the doors, run the statements, write the last result."""
    database = duckdb.connect()
    # One thread: sums of floats in another order are other sums, and a seed would mean nothing.
    database.execute("SET threads = 1")
    database.execute(f"SET memory_limit = '{int(job['memory_bytes'] * SHARE_OF_MEMORY)}B'")
    database.execute("SET temp_directory = ''")
    for name, path in job["inputs"].items():
        load(database, name, path)
    for lock in (
        "python_enable_replacements = false",  # no variables of this program as tables
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "enable_external_access = false",
        "lock_configuration = true",
    ):
        database.execute(f"SET {lock}")
    database.execute("SELECT setseed(?)", [(job["seed"] % 2**32) / 2**31 - 1])
    for statement in database.extract_statements(job["code"]):
        wanted = statement.named_parameters
        if missing := sorted(wanted - job["parameters"].keys()):
            raise ValueError(f"the query names ${missing[0]}, which is no parameter of the plan")
        database.execute(statement, {name: job["parameters"][name] for name in wanted})
    write(database, job["artifact_bytes"])


def load(database: duckdb.DuckDBPyConnection, name: str, path: str) -> None:
    """Read a CSV file into a table; raises ValueError where it is none."""
    with open(path, "rb") as file:
        head = file.read(64)
    if b"\0" in head or head.startswith((b"\x89PNG", b"\x93NUMPY", b"RIFF")):
        raise ValueError(f"the input {name!r} is no table: sql works on CSV files")
    table = '"' + name.replace('"', '""') + '"'
    reading = "SELECT * FROM read_csv(?, header = true, sample_size = -1)"
    database.execute(f"CREATE TABLE {table} AS {reading}", [path])


def write(database: duckdb.DuckDBPyConnection, most: int) -> None:
    """Write what the last statement gave as CSV, print its first rows, keep its numbers."""
    columns = [column[0] for column in database.description or []]
    count, first = 0, None
    with open("result.csv", "w", encoding="utf-8", newline="") as file:
        writer, printer = csv.writer(file), csv.writer(sys.stdout, lineterminator="\n")
        for target in (writer, printer):
            target.writerow(columns)
        while rows := database.fetchmany(ROWS_AT_ONCE):
            first = first or rows[0]
            printer.writerows(rows[: max(0, ROWS_PRINTED - count)])
            writer.writerows(rows)
            count += len(rows)
            if file.tell() > most:
                raise ValueError(f"the result is larger than {most} bytes")
    numbers: dict[str, Any] = {"rows": count}
    if count == 1 and first is not None:
        numbers |= {
            c: n for c, v in zip(columns, first, strict=True) if (n := plain(v)) is not None
        }
    with open("numbers.json", "w", encoding="utf-8") as file:
        json.dump(numbers, file, allow_nan=False)


def plain(value: object) -> float | int | str | None:
    """Return what can be reported: finite numbers and dates."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) < 2**53 else float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, (date, datetime)) else None


if __name__ == "__main__":
    try:
        main(json.load(sys.stdin))
    except (duckdb.Error, ValueError, OSError, MemoryError) as error:
        print(str(error) or type(error).__name__, file=sys.stderr)
        sys.exit(1)
