"""The SQLite file of a state folder: opening it safely, migrating it, one transaction at a time.

Write-ahead log with ``synchronous = FULL``: a transaction that was committed is on the disk, also
when the power fails, and a reader never waits for a writer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from intentos.artifact_files import sync_folder
from intentos.config import Settings
from intentos.errors import StoreError

MIGRATIONS = (
    """
    CREATE TABLE events (
        run_id TEXT NOT NULL,
        seq INTEGER NOT NULL,
        at TEXT NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (run_id, seq)
    ) WITHOUT ROWID;
    CREATE TABLE runs (run_id TEXT PRIMARY KEY, started_at TEXT NOT NULL, ended INTEGER NOT NULL);
    CREATE TABLE approvals (plan_digest TEXT NOT NULL, at TEXT NOT NULL, body TEXT NOT NULL);
    CREATE INDEX approvals_by_digest ON approvals (plan_digest, at);
    CREATE TABLE artifacts (id TEXT PRIMARY KEY, first_run TEXT NOT NULL);
    """,
    # What an artifact is named by is asked for all at once when the disk is tidied.
    "CREATE INDEX events_by_kind ON events (kind)",
    "CREATE TABLE rules (id TEXT PRIMARY KEY, at TEXT NOT NULL, body TEXT NOT NULL)",
)
"""In order; ``PRAGMA user_version`` says how many have been applied."""


READY = "rebuilt.db"
"""A mended database that has not taken the damaged one's place yet."""


class Database:
    """One connection, for the thread that opened it; others in other processes are welcome."""

    def __init__(self, settings: Settings) -> None:
        """Open the file, making and migrating it where needed.

        Raises:
            StoreError: it cannot be written, is damaged, or a newer version of the program made it.
        """
        from filelock import FileLock

        self._path = settings.database
        try:
            if self._path.with_name(READY).exists():
                raise StoreError("store.broken", path=str(self._path), what=READY)
            new = not self._path.exists()
            self._connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
            # Changing the mode does not wait for others that are about to, whatever the timeout.
            with FileLock(settings.locks / "open.lock", timeout=30):
                self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            # Without it macOS calls a write done that still sits in the drive's own memory.
            self._connection.execute("PRAGMA fullfsync = ON")
        except sqlite3.DatabaseError as error:
            if not isinstance(error, sqlite3.OperationalError):
                raise StoreError("store.broken", path=str(self._path), what=str(error)) from error
            raise StoreError(
                "store.cannot_open", path=str(settings.home), what=str(error)
            ) from error
        except OSError as error:
            raise StoreError(
                "store.cannot_open", path=str(settings.home), what=str(error)
            ) from error
        self._migrate()
        if new:
            sync_folder(self._path.parent)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def rows(self, query: str, *arguments: object) -> list[Any]:
        """Return all rows of a query.

        Raises:
            StoreError: the database is damaged.
        """
        try:
            return self._connection.execute(query, arguments).fetchall()
        except sqlite3.Error as error:
            path = str(self._path)
            raise StoreError("store.broken", path=path, what=str(error)) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the one right to write; what the block wrote is on the disk when it has ended.

        Raises:
            StoreError: the disk is full, or the database is damaged; nothing was written then.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                if self._connection.in_transaction:  # SQLite itself rolls back on a full disk
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            code = "store.no_space" if "full" in str(error) else "store.cannot_write"
            raise StoreError(code, name="events", path=str(self._path), what=str(error)) from error
        except sqlite3.DatabaseError as error:
            raise StoreError("store.broken", path=str(self._path), what=str(error)) from error

    def _migrate(self) -> None:
        try:
            (version,) = self.rows("PRAGMA user_version")[0]
            if version == len(MIGRATIONS):  # looking takes no space on a full disk
                return
            with self.transaction() as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                if version > len(MIGRATIONS):
                    raise StoreError("store.newer", path=str(self._path), version=version)
                for script in MIGRATIONS[version:]:
                    for statement in script.split(";"):
                        connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        except StoreError:
            self._connection.close()
            raise


def check(path: Path) -> str | None:
    """Return what SQLite finds damaged in a database file; None: nothing, or there is no file."""
    if not path.exists():
        return None
    try:
        connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
        finally:
            connection.close()
    except sqlite3.Error as error:
        return str(error)
    return None if found == ["ok"] else "; ".join(found)
