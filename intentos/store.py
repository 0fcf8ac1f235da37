"""The store: events in SQLite, artifact bytes in files named by their hash.

Events are appended and never changed; a run is folded from them when it is asked for. An artifact
is written to a temporary name, synced and renamed, so that no file is ever half an artifact.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from intentos.config import Settings
from intentos.errors import NotFound, StoreError
from intentos.events import (
    DurableEvent,
    PlanApproved,
    PlanProposed,
    RunInterrupted,
    durable,
    fold,
)
from intentos.plan import Approval, Plan
from intentos.run import Run
from intentos.types import Artifact, Value, new_id

if TYPE_CHECKING:
    from filelock import FileLock

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
)
"""In order; ``PRAGMA user_version`` says how many have been applied."""

ENDING = frozenset({"run_finished", "run_interrupted"})
CHUNK = 1024 * 1024


class Store:
    """Keeps runs and artifacts of one state folder; several processes may share it."""

    def __init__(self, settings: Settings) -> None:
        """Open the store, making and migrating it where needed.

        Raises:
            StoreError: the folder cannot be written, or a newer version of the program made it.
        """
        from filelock import FileLock

        self._settings = settings
        try:
            for folder in (settings.home, settings.artifacts, settings.locks / "runs"):
                folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(settings.database, timeout=30, isolation_level=None)
            # Changing the mode does not wait for others that are about to, whatever the timeout.
            with FileLock(settings.locks / "open.lock", timeout=30):
                self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                "store.cannot_open", path=str(settings.home), what=str(error)
            ) from error
        self._migrate()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def append(self, event: DurableEvent) -> DurableEvent:
        """Store an event at the end of its run's stream and return it with its number.

        Raises:
            StoreError: the disk is full or the database is broken.
        """
        with self._transaction() as database:
            row = database.execute(
                "SELECT coalesce(max(seq), 0) FROM events WHERE run_id = ?", (event.run_id,)
            ).fetchone()
            event = event.model_copy(update={"seq": row[0] + 1})
            at = event.at.isoformat()
            body = event.model_dump_json()
            database.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
                (event.run_id, event.seq, at, event.kind, body),
            )
            if event.kind == "run_started":
                database.execute("INSERT INTO runs VALUES (?, ?, 0)", (event.run_id, at))
            elif event.kind in ENDING:
                database.execute("UPDATE runs SET ended = 1 WHERE run_id = ?", (event.run_id,))
            elif isinstance(event, PlanApproved):
                database.execute(
                    "INSERT INTO approvals VALUES (?, ?, ?)",
                    (event.approval.plan_digest, at, event.approval.model_dump_json()),
                )
            elif event.kind == "artifact_saved":
                database.execute(
                    "INSERT OR IGNORE INTO artifacts VALUES (?, ?)",
                    (event.artifact.id, event.run_id),
                )
        return event

    def events(self, run_id: str) -> list[DurableEvent]:
        """Return a run's events in order; an unknown run has none.

        Raises:
            StoreError: one of them cannot be read.
        """
        rows = self._rows("SELECT body FROM events WHERE run_id = ? ORDER BY seq", run_id)
        try:
            return [durable.validate_json(body) for (body,) in rows]
        except ValidationError as error:
            what = error.errors(include_url=False)[0]["msg"]
            raise StoreError("store.damaged_run", run=run_id, what=what) from error

    def run(self, name: str) -> Run:
        """Return a run by its id, the beginning or end of its id, or ``last``.

        Raises:
            NotFound: no run, or more than one, is meant.
        """
        name = name.encode("utf-8", "replace").decode()  # the shell's odd bytes name no run
        if name == "last":
            # By rowid, the order of arrival: a clock that was set back gives lower ids.
            found = self._rows("SELECT run_id FROM runs ORDER BY rowid DESC LIMIT 1")
        else:
            found = self._rows(
                "SELECT run_id FROM runs WHERE substr(run_id, 1, length(?1)) = ?1 "
                "OR substr(run_id, -length(?1)) = ?1 LIMIT 2",
                name,
            )
        if name == "" or not found:
            raise NotFound("store.no_run", name=name[:80])
        if len(found) > 1:
            raise NotFound("store.ambiguous_run", name=name)
        return fold(self.events(found[0][0]))

    def runs(self, limit: int = 50) -> list[Run]:
        """Return the newest runs, newest first; a damaged one is left out with a warning."""
        found = []
        for (run_id,) in self._rows("SELECT run_id FROM runs ORDER BY rowid DESC LIMIT ?", limit):
            try:
                found.append(fold(self.events(run_id)))
            except StoreError as error:
                if error.code == "store.broken":
                    raise
                warnings.warn(str(error), stacklevel=2)
        return found

    def approval(self, digest: str) -> Approval | None:
        """Return the newest approval that lets a plan run again without asking."""
        rows = self._rows(
            "SELECT body FROM approvals WHERE plan_digest = ? ORDER BY at DESC", digest
        )
        for (body,) in rows:
            approval = Approval.model_validate_json(body)
            if approval.scope != "once" and approval.decision == "approve":
                return approval
        return None

    def plan(self, id: str) -> tuple[Plan, dict[str, Value]] | None:
        """Return the plan of that id with the values it was last proposed with, if there is one."""
        rows = self._rows(
            "SELECT body FROM events WHERE kind = 'plan_proposed' "
            "AND json_extract(body, '$.plan.id') = ? ORDER BY at DESC LIMIT 1",
            id,
        )
        for (body,) in rows:
            proposed = durable.validate_json(body)
            if isinstance(proposed, PlanProposed):
                return proposed.plan, proposed.values
        return None

    @contextmanager
    def owning(self, run_id: str) -> Iterator[None]:
        """Hold the run's lock, by which other processes know that it is alive."""
        lock = self._lock(run_id)
        lock.acquire(timeout=5)
        try:
            yield
        finally:
            lock.release()
            with suppress(OSError):
                self._lock_path(run_id).unlink()

    def sweep(self) -> list[str]:
        """Mark runs whose owner is gone as interrupted, clear their work folders; return their ids.

        A run that is alive in another process holds its lock and is left alone.
        """
        from filelock import Timeout

        swept = []
        for (run_id,) in self._rows("SELECT run_id FROM runs WHERE ended = 0"):
            lock = self._lock(run_id)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                # It may have ended between the query and the lock.
                kinds = self._rows("SELECT kind FROM events WHERE run_id = ?", run_id)
                if not any(kind in ENDING for (kind,) in kinds):
                    self.append(RunInterrupted(run_id=run_id))
                    swept.append(run_id)
                shutil.rmtree(self._settings.work / run_id, ignore_errors=True)
            finally:
                lock.release()
                with suppress(OSError):
                    self._lock_path(run_id).unlink()
        return swept

    def put(self, data: bytes | Path, *, name: str, media_type: str, step_id: str) -> Artifact:
        """Store bytes, or a file's bytes, and return the artifact that names them.

        Raises:
            StoreError: the disk is full or cannot be written; nothing half-written stays.
        """
        temporary = self._settings.artifacts / f".{new_id()}.tmp"
        try:
            digest, size = _write_synced(data, temporary)
            target = self._path(digest)
            target.parent.mkdir(exist_ok=True)
            os.chmod(temporary, 0o444)
            os.replace(temporary, target)
            _sync_folder(target.parent)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            code = "store.no_space" if error.errno in NO_SPACE else "store.cannot_write"
            raise StoreError(
                code,
                name=name,
                path=str(self._settings.artifacts),
                what=error.strerror or str(error),
            ) from error
        return Artifact(id=digest, name=name, media_type=media_type, size=size, step_id=step_id)

    def path(self, artifact_id: str) -> Path:
        """Return the file that holds an artifact's bytes.

        Raises:
            NotFound: there is none.
        """
        path = self._path(artifact_id)
        if not path.is_file():
            raise NotFound("store.no_artifact", name=artifact_id[:80])
        return path

    def has(self, artifact_id: str) -> bool:
        """Return whether an artifact's bytes are here."""
        return self._path(artifact_id).is_file()

    def knows(self, artifact_id: str) -> bool:
        """Return whether some run has saved an artifact with this hash."""
        return bool(self._rows("SELECT 1 FROM artifacts WHERE id = ?", artifact_id))

    def holds(self, folder: Path) -> bool:
        """Return whether a folder is one in which the store keeps artifacts."""
        return folder.resolve().is_relative_to(self._settings.artifacts.resolve())

    def _path(self, artifact_id: str) -> Path:
        return self._settings.artifacts / artifact_id[:2] / artifact_id

    def _lock_path(self, run_id: str) -> Path:
        return self._settings.locks / "runs" / f"{run_id}.lock"

    def _lock(self, run_id: str) -> FileLock:
        from intentos.queue import file_lock

        return file_lock(self._lock_path(run_id))

    def _rows(self, query: str, *arguments: object) -> list[Any]:
        try:
            return self._database.execute(query, arguments).fetchall()
        except sqlite3.Error as error:
            path = str(self._settings.database)
            raise StoreError("store.broken", path=path, what=str(error)) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                if self._database.in_transaction:  # SQLite itself rolls back on a full disk
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            code = "store.no_space" if "full" in str(error) else "store.cannot_write"
            raise StoreError(
                code, name="events", path=str(self._settings.database), what=str(error)
            ) from error
        except sqlite3.DatabaseError as error:
            raise StoreError(
                "store.broken", path=str(self._settings.database), what=str(error)
            ) from error

    def _migrate(self) -> None:
        try:
            with self._transaction() as database:
                (version,) = database.execute("PRAGMA user_version").fetchone()
                if version > len(MIGRATIONS):
                    raise StoreError(
                        "store.newer", path=str(self._settings.database), version=version
                    )
                for script in MIGRATIONS[version:]:
                    for statement in script.split(";"):
                        database.execute(statement)
                database.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        except StoreError:
            self._database.close()
            raise


NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def _write_synced(data: bytes | Path, target: Path) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    with target.open("xb") as out:
        for chunk in _chunks(data):
            digest.update(chunk)
            size += out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest(), size


def _chunks(data: bytes | Path) -> Iterator[bytes]:
    if isinstance(data, bytes):
        yield data
        return
    with data.open("rb") as source:
        while chunk := source.read(CHUNK):
            yield chunk


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
