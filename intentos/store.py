"""The store: runs as events in SQLite, artifacts as files named by their hash.

Events are appended and never changed; a run is folded from them when it is asked for. An event that
names an artifact comes after the artifact's bytes are on the disk.
"""

from __future__ import annotations

import re
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from intentos.artifact_files import ArtifactFiles
from intentos.config import Settings
from intentos.database import Database
from intentos.errors import NotApproved, NotFound, StoreError, UsageError
from intentos.events import (
    DurableEvent,
    PlanApproved,
    PlanProposed,
    RunInterrupted,
    durable,
    fold,
)
from intentos.leftovers import tidy
from intentos.pending import waits
from intentos.plan import Approval, Plan
from intentos.presence import present
from intentos.queue import burying, file_lock, held
from intentos.run import Run
from intentos.standing import Standing
from intentos.talks import Talks
from intentos.types import Artifact, Value

ENDING = frozenset({"run_finished", "run_interrupted"})
ANSWERS = frozenset({"plan_approved", "plan_rejected"})


LOOKING_SECONDS = 0.1
"""How long somebody else who looks whether a run is owned may hold its lock."""
_HASH = re.compile(r"\b[0-9a-f]{64}\b")


class Naming(NamedTuple):
    """That a run names an artifact."""

    artifact: str
    run: str
    at: str
    """When, as ISO text in UTC."""
    attached: bool
    """Handed in by a person, as opposed to made by the run."""


class Store:
    """Keeps runs and artifacts of one state folder; several processes may share it."""

    def __init__(self, settings: Settings) -> None:
        """Open the store, making and migrating it where needed.

        Raises:
            StoreError: the folder cannot be written, or a newer version of the program made it.
        """
        self._settings = settings
        try:
            for folder in (settings.home, settings.artifacts, settings.locks / "runs"):
                folder.mkdir(parents=True, exist_ok=True)
            self._presence = present(settings)
        except OSError as error:
            raise StoreError(
                "store.cannot_open", path=str(settings.home), what=str(error)
            ) from error
        self._database = Database(settings)
        self.standing = Standing(self._database)
        self.talks = Talks(self._database)
        self._files = ArtifactFiles(settings.artifacts, owner=self._presence.path.stem)

    @property
    def owner(self) -> str:
        """By what a folder's name tells, as ``owner~anything``, whose work is in it."""
        return self._presence.path.stem

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def append(self, event: DurableEvent) -> DurableEvent:
        """Store an event at the end of its run's stream and return it with its number.

        Raises:
            StoreError: the disk is full or the database is broken.
            NotApproved: an answer about a plan of a run that is over or was answered.
        """
        with self._database.transaction() as database:
            if event.kind in ANSWERS:
                _refuse_second_answer(database, event.run_id)
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
        rows = self._database.rows("SELECT body FROM events WHERE run_id = ? ORDER BY seq", run_id)
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
            found = self._database.rows("SELECT run_id FROM runs ORDER BY rowid DESC LIMIT 1")
        else:
            found = self._database.rows(
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
        for (run_id,) in self._database.rows(
            "SELECT run_id FROM runs ORDER BY rowid DESC LIMIT ?", limit
        ):
            try:
                found.append(fold(self.events(run_id)))
            except StoreError as error:
                if error.code == "store.broken":
                    raise
                warnings.warn(str(error), stacklevel=2)
        return found

    def approval(self, digest: str) -> Approval | None:
        """Return the newest approval that lets a plan run again without asking."""
        return self.standing.approval(digest)

    def unfinished(self) -> list[str]:
        """Return the ids of the runs that have no end, the oldest first."""
        query = "SELECT run_id FROM runs WHERE ended = 0 ORDER BY rowid"
        return [run_id for (run_id,) in self._database.rows(query)]

    def owned(self, run_id: str) -> bool:
        """Return whether a living process owns the run."""
        path = self._lock_path(run_id)
        return path.exists() and held(path, LOOKING_SECONDS)

    def plan(self, id: str) -> tuple[Plan, dict[str, Value]] | None:
        """Return the plan of that id with the values it was last proposed with, if there is one."""
        rows = self._database.rows(
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
        """Hold the run's lock, by which other processes know that it is alive.

        Raises:
            UsageError: another process holds it.
        """
        from filelock import Timeout

        lock = file_lock(self._lock_path(run_id))
        try:
            lock.acquire(timeout=5)
            while not self._lock_path(run_id).exists():  # tidied away between making and locking it
                lock.release()
                lock.acquire(timeout=5)
        except Timeout as error:
            raise UsageError("store.owned", run=run_id) from error
        try:
            yield
        finally:
            with suppress(OSError):
                self._lock_path(run_id).unlink()
            lock.release()

    def sweep(self) -> list[str]:
        """Mark runs whose owner is gone as interrupted, tidy after crashes; return the runs' ids.

        A run that is alive in another process holds its lock and is left alone; one whose plan
        waits for a person's answer goes on waiting, as nothing of it was going on.
        """
        swept = []
        for (run_id,) in self._database.rows("SELECT run_id FROM runs WHERE ended = 0"):
            with burying(self._lock_path(run_id)) as gone:
                if not gone:
                    continue
                # It may have ended between the query and the lock.
                query = "SELECT kind FROM events WHERE run_id = ? ORDER BY seq"
                kinds = [kind for (kind,) in self._database.rows(query, run_id)]
                if ENDING.isdisjoint(kinds) and not waits(kinds):
                    self.append(RunInterrupted(run_id=run_id))
                    swept.append(run_id)
                shutil.rmtree(self._settings.work / run_id, ignore_errors=True)
        tidy(self._settings)
        return swept

    def put(self, data: bytes | Path, *, name: str, media_type: str, step_id: str) -> Artifact:
        """Store bytes, or a file's bytes, and return the artifact that names them.

        Raises:
            StoreError: the disk is full or cannot be written; nothing half-written stays.
        """
        digest, size = self._files.put(data, name=name)
        return Artifact(id=digest, name=name, media_type=media_type, size=size, step_id=step_id)

    def path(self, artifact_id: str) -> Path:
        """Return the file that holds an artifact's bytes, which are what the hash says.

        Raises:
            NotFound: there is none.
            StoreError: its bytes are not those that were saved, or cannot be read.
        """
        return self._files.path(artifact_id)

    def artifact(self, artifact_id: str) -> Artifact:
        """Return what the run that saved an artifact first calls it.

        Raises:
            NotFound: no run has saved one with this hash.
        """
        query = "SELECT first_run FROM artifacts WHERE id = ?"
        for (run_id,) in self._database.rows(query, artifact_id):
            for artifact in self.run(run_id).artifacts:
                if artifact.id == artifact_id:
                    return artifact
        raise NotFound("store.no_artifact", name=artifact_id[:80])

    def has(self, artifact_id: str) -> bool:
        """Return whether an artifact's bytes are here, whole or not."""
        return self._files.place(artifact_id).is_file()

    def names(self) -> list[Naming]:
        """Return every place where a run names an artifact, as its own or as attached."""
        found = []
        # Whatever looks like a hash, so that a damaged record still protects what it named.
        for run_id, at, kind, body in self._database.rows(
            "SELECT run_id, at, kind, body FROM events "
            "WHERE kind IN ('artifact_saved', 'run_started')"
        ):
            for artifact in _HASH.findall(body):
                found.append(Naming(artifact, run_id, at, attached=kind == "run_started"))
        return found

    def about(self, kind: str) -> list[DurableEvent]:
        """Return all events of a kind in all runs; those that cannot be read are left out."""
        found: list[DurableEvent] = []
        for (body,) in self._database.rows("SELECT body FROM events WHERE kind = ?", kind):
            with suppress(ValidationError):
                found.append(durable.validate_json(body))
        return found

    def unended(self) -> dict[str, str]:
        """Return the runs that go on, each with all that its events say, as text."""
        return dict(
            self._database.rows(
                "SELECT run_id, group_concat(body) FROM events WHERE run_id IN "
                "(SELECT run_id FROM runs WHERE ended = 0) GROUP BY run_id"
            )
        )

    def latest(self) -> str | None:
        """Return the id of the run that began last."""
        rows = self._database.rows("SELECT run_id FROM runs ORDER BY rowid DESC LIMIT 1")
        return rows[0][0] if rows else None

    def knows(self, artifact_id: str) -> bool:
        """Return whether some run has saved an artifact with this hash."""
        return bool(self._database.rows("SELECT 1 FROM artifacts WHERE id = ?", artifact_id))

    def holds(self, folder: Path) -> bool:
        """Return whether a folder is one in which the store keeps artifacts."""
        return folder.resolve().is_relative_to(self._settings.artifacts.resolve())

    def _lock_path(self, run_id: str) -> Path:
        return self._settings.locks / "runs" / f"{run_id}.lock"


def _refuse_second_answer(database: sqlite3.Connection, run_id: str) -> None:
    """Keep one answer to one question, whoever answers; a run that was stopped takes none."""
    query = "SELECT kind FROM events WHERE run_id = ? ORDER BY seq"
    kinds = [kind for (kind,) in database.execute(query, (run_id,))]
    answered = "approval_requested" in kinds and not waits(kinds)
    for kind in reversed(kinds):
        if kind in ANSWERS or kind == "plan_proposed":
            answered = answered and kind in ANSWERS
            break
    if answered or not ENDING.isdisjoint(kinds):
        raise NotApproved("store.answered", run=run_id)
