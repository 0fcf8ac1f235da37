"""Mends a damaged database: a copy is put aside, and what can still be read is read into a new one.

Runs and artifacts follow from their events, which are read from both ends and run by run, so that
one damaged page costs what stood on it and no more. Standing approvals and rules do not follow from
events, as a person may have taken them back: those that cannot be read are asked about again.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from intentos import presence
from intentos.artifact_files import sync_folder
from intentos.config import Settings
from intentos.database import MIGRATIONS, READY, check
from intentos.errors import StoreError
from intentos.types import Frozen

_Row = tuple[Any, ...]
_STANDING = {
    "approvals": "SELECT plan_digest, at, body FROM approvals",
    "rules": "SELECT id, at, body FROM rules",
}


class Rebuilt(Frozen):
    """What became of a damaged database."""

    copy_folder: Path
    """Where it lies as it was found."""
    runs: int
    events: int
    """That could be read and are in the new one."""


def rebuilt_at(settings: Settings) -> int:
    """Return when a database was last put aside, in nanoseconds; 0: never."""
    times = [path.stat().st_mtime_ns for path in settings.damaged.glob("database-*")]
    return max(times, default=0)


def rebuild(settings: Settings) -> Rebuilt | None:
    """Replace a damaged database by one that holds what can be read of it; None: it is sound.

    Raises:
        StoreError: another program uses it now, or the disk is full; nothing is changed then.
    """
    if damage(settings) is None:
        return None
    if not presence.alone(settings):
        raise StoreError("store.in_use", path=str(settings.home))
    try:
        if settings.database.with_name(READY).exists():  # the one before us was killed
            _install(settings)
            return rebuild(settings) or Rebuilt(copy_folder=settings.damaged, runs=0, events=0)
        aside = settings.damaged / f"database-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
        aside.mkdir(parents=True)
        for path in _files(settings.database):
            shutil.copy2(path, aside / path.name)
        rows, standing = _readable(aside / settings.database.name)
        fresh = settings.database.with_name("rebuilding.db")
        fresh.unlink(missing_ok=True)
        runs = _write(fresh, rows, standing)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        # From here on nobody opens the old one, also where we are killed before the end.
        os.replace(fresh, settings.database.with_name(READY))
        sync_folder(settings.home)
        _install(settings)
    except OSError as error:
        what = error.strerror or str(error)
        raise StoreError(
            "store.cannot_write", name="rebuilt.db", path=str(settings.home), what=what
        ) from error
    except sqlite3.Error as error:
        raise StoreError(
            "store.cannot_write", name="rebuilt.db", path=str(settings.home), what=str(error)
        ) from error
    return Rebuilt(copy_folder=aside, runs=runs, events=len(rows))


def damage(settings: Settings) -> str | None:
    """Return what is wrong with the database; None: nothing, or there is none."""
    if settings.database.with_name(READY).exists():
        return READY
    return check(settings.database)


def _install(settings: Settings) -> None:
    for path in _files(settings.database)[1:]:
        path.unlink()  # else SQLite would play the old log into the new file
    os.replace(settings.database.with_name(READY), settings.database)
    sync_folder(settings.home)


def _files(database: Path) -> list[Path]:
    """Return the database and its log, as far as they are there."""
    names = [database, *(database.with_name(database.name + end) for end in ("-wal", "-shm"))]
    return [path for path in names if path.exists()]


def _readable(database: Path) -> tuple[list[_Row], dict[str, list[_Row]]]:
    """Return every event that can be read, each once, in order, and the rows of what stands."""
    found: dict[tuple[str, int], _Row] = {}
    with (
        tempfile.TemporaryDirectory(dir=database.parent) as folder,
        closing(_opened(database, Path(folder))) as connection,
    ):
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        everything = "SELECT run_id, seq, at, kind, body FROM events ORDER BY run_id {0}, seq {0}"
        for direction in ("ASC", "DESC"):
            for row in _until_damaged(connection, everything.format(direction)):
                found[row[0], row[1]] = row
        one = "SELECT run_id, seq, at, kind, body FROM events WHERE run_id = ? ORDER BY seq"
        for (run_id,) in list(_until_damaged(connection, "SELECT run_id FROM runs")):
            for row in _until_damaged(connection, one, run_id):
                found[row[0], row[1]] = row
        standing = {
            table: [row for row in _until_damaged(connection, query) if _is_object(row[2])]
            for table, query in _STANDING.items()
        }
    events = [row for _, row in sorted(found.items()) if _is_event(row)]
    # A run without its beginning tells nothing; what is left of it lies in the copy.
    begun = {row[0] for row in events if row[3] == "run_started"}
    return [row for row in events if row[0] in begun], standing


def _opened(database: Path, folder: Path) -> sqlite3.Connection:
    """Open a copy: SQLite plays the log into what it opens, and that may damage more."""
    for path in _files(database):
        shutil.copyfile(path, folder / path.name)
    return sqlite3.connect(folder / database.name)


def _until_damaged(
    connection: sqlite3.Connection, query: str, *arguments: object
) -> Iterator[_Row]:
    with suppress(sqlite3.Error):
        yield from connection.execute(query, arguments)


def _is_event(row: _Row) -> bool:
    return _is_object(row[4]) and json.loads(row[4]).get("kind") == row[3]


def _is_object(text: Any) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, TypeError):
        return False


def _write(path: Path, rows: list[_Row], standing: dict[str, list[_Row]]) -> int:
    """Write a database of these events, and return how many runs they make."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        for script in MIGRATIONS:
            for statement in script.split(";"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute(
            "INSERT INTO runs SELECT run_id, min(at), max(kind IN ('run_finished', "
            "'run_interrupted')) FROM events GROUP BY run_id ORDER BY min(at)"
        )
        for table, found in standing.items():
            connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?)", found)
        connection.execute(
            "INSERT OR IGNORE INTO artifacts SELECT json_extract(body, '$.artifact.id'), run_id "
            "FROM events WHERE kind = 'artifact_saved' ORDER BY at"
        )
        connection.execute("COMMIT")
        (count,) = connection.execute("SELECT count(*) FROM runs").fetchone()
    return int(count)
