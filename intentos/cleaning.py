"""Keeps the artifacts within a budget: the oldest go first, and nothing that somebody saved.

Never cleaned: artifacts of runs that go on, of the latest run, of runs that a person keeps or that
a saved recipe came from or works on, and what was attached in conversations of the last day. A run
whose artifacts are gone still tells what it did, and makes them again.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from intentos import presence
from intentos.artifact_files import TEMPORARY, ArtifactFiles
from intentos.config import Settings
from intentos.errors import StoreError
from intentos.events import ArtifactsRemoved, RunKept, RunStarted
from intentos.repair import rebuilt_at
from intentos.store import Naming, Store
from intentos.types import Frozen, new_id

GIGABYTE = 10**9
MOST_BYTES = 10 * GIGABYTE
ROOM = 0.9
"""Once the budget is passed, it is cleaned to this part of it, so as not to clean every time."""
OPEN_CONVERSATION = timedelta(days=1)
_RUN_ID = re.compile(r"\b[0-9a-z]{26}\b")


class Cleaned(Frozen):
    """What was cleaned, or would be."""

    artifacts: int
    runs: int
    """That named them."""
    bytes: int
    used: int
    """Bytes that artifacts take now."""
    wanted: int
    """Bytes that they were to take at most."""


def budget(settings: Settings) -> int:
    """Return how many bytes artifacts may take."""
    if settings.disk_budget:
        return int(settings.disk_budget * GIGABYTE)
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    return min(MOST_BYTES, shutil.disk_usage(folder).total // 10)


def keep_to_budget(settings: Settings) -> Cleaned | None:
    """Clean where artifacts take more than they may; None: they do not.

    Raises:
        StoreError: the store cannot be read.
    """
    most = budget(settings)
    if sum(size for size, _ in _files(settings).values()) <= most:
        return None
    return clean(settings, int(most * ROOM))


def clean(settings: Settings, to: int, *, dry_run: bool = False) -> Cleaned:
    """Remove artifacts, oldest first, until they take ``to`` bytes or only saved ones are left.

    Raises:
        StoreError: the store cannot be read or written.
    """
    store = Store(settings)
    try:
        with suppress(StoreError):  # a full disk takes no word; a broken one is told of below
            store.sweep()
        files = _files(settings)
        used = sum(size for size, _ in files.values())
        names = store.names()
        chosen: list[str] = []
        left = used
        for artifact in _oldest_first(names, files, _saved(settings, store, names), settings):
            if left <= to:
                break
            chosen.append(artifact)
            left -= files[artifact][0]
        by_run = _by_run(names, chosen)
        if dry_run:
            gone = chosen
        else:
            gone = _remove(settings, store, chosen, files, by_run)
        freed = sum(files[artifact][0] for artifact in gone)
        return Cleaned(
            artifacts=len(gone),
            runs=sum(bool(artifacts & set(gone)) for artifacts in by_run.values()),
            bytes=freed,
            used=used if dry_run else used - freed,
            wanted=to,
        )
    finally:
        store.close()


def _oldest_first(
    names: Iterable[Naming],
    files: dict[str, tuple[int, int]],
    saved: Collection[str],
    settings: Settings,
) -> list[str]:
    latest: dict[str, str] = {}
    for naming in names:
        latest[naming.artifact] = max(naming.at, latest.get(naming.artifact, ""))
    start, rebuilt = presence.since(settings), rebuilt_at(settings)
    found = []
    for artifact, (_, changed) in files.items():
        at = latest.get(artifact, "")
        # Written after it was last named: somebody is about to name it, or it was left by a crash.
        fresh = not at or changed > datetime.fromisoformat(at).timestamp() * 1e9
        # What lost its run when the database was damaged may be what somebody saved.
        unknown = not at and changed < rebuilt
        if artifact not in saved and not unknown and not (fresh and changed >= start):
            found.append((at, artifact))
    return [artifact for _, artifact in sorted(found)]


def _saved(settings: Settings, store: Store, names: Iterable[Naming]) -> set[str]:
    """Return the artifacts that are never cleaned away."""
    runs = {run for run in [store.latest()] if run}
    for run, said in store.unended().items():
        runs |= {run, *_RUN_ID.findall(said)}  # also what it came from and works on
    kept: dict[str, bool] = {}
    for event in store.about("run_kept"):
        assert isinstance(event, RunKept)
        kept[event.run_id] = event.kept
    for run in [run for run, wanted in kept.items() if wanted]:
        runs.add(run)
        with suppress(StoreError):
            runs.update(_RUN_ID.findall(" ".join(e.model_dump_json() for e in store.events(run))))
    for recipe in settings.recipes.glob("*.y*ml"):
        with suppress(OSError):
            runs.update(_RUN_ID.findall(recipe.read_text("utf-8", errors="replace")))
    recent = set()
    conversations: dict[str, list[str]] = {}
    for event in store.about("run_started"):
        assert isinstance(event, RunStarted)
        conversations.setdefault(event.intent.conversation, []).append(event.run_id)
        if datetime.now(UTC) - event.at < OPEN_CONVERSATION:
            recent.add(event.intent.conversation)
    open_runs = {run for conversation in recent for run in conversations[conversation]}
    return {n.artifact for n in names if n.run in runs or (n.attached and n.run in open_runs)}


def _remove(
    settings: Settings,
    store: Store,
    chosen: Collection[str],
    files: dict[str, tuple[int, int]],
    by_run: dict[str, set[str]],
) -> list[str]:
    """Remove files and say so in the runs that name them; what was saved anew meanwhile stays.

    The runs are told first: a crash in between leaves files that are cleaned the next time, and
    never a run that misses something without knowing why.
    """
    told = False
    with suppress(StoreError):  # a full disk takes no word before there is room
        _tell(store, by_run)
        told = True
    gone = []
    for artifact in chosen:
        links = _links(settings, artifact, by_run)
        if _take(settings, store, artifact, files[artifact][1]):
            gone.append(artifact)
            for link in links:
                with suppress(OSError):
                    link.unlink()
                    link.parent.rmdir()  # where it was the last
    if not told:
        _tell(store, {run: artifacts & set(gone) for run, artifacts in by_run.items()})
    return gone


def _tell(store: Store, by_run: dict[str, set[str]]) -> None:
    for run, artifacts in by_run.items():
        if artifacts:
            event = ArtifactsRemoved(run_id=run, artifacts=tuple(sorted(artifacts)), why="cleaned")
            store.append(event)


def _take(settings: Settings, store: Store, artifact: str, changed: int) -> bool:
    """Remove an artifact's file if it still is the one that was looked at."""
    path = ArtifactFiles(settings.artifacts).place(artifact)
    away = settings.artifacts / f".{store.owner}~{new_id()}{TEMPORARY}"
    try:
        os.replace(path, away)
        if away.stat().st_mtime_ns != changed:
            os.replace(away, path)  # somebody saved the same bytes again just now
            return False
        away.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        what = error.strerror or str(error)
        raise StoreError(
            "store.cannot_write", name=artifact, path=str(settings.artifacts), what=what
        ) from error
    return True


def _links(settings: Settings, artifact: str, by_run: dict[str, set[str]]) -> list[Path]:
    """Return the second names of an artifact's file under which people find results."""
    found = []
    with suppress(OSError):
        own = ArtifactFiles(settings.artifacts).place(artifact).stat()
        for run, artifacts in by_run.items():
            if artifact in artifacts:
                for path in (settings.home / "results" / run).glob("*"):
                    status = path.stat(follow_symlinks=False)
                    if (status.st_dev, status.st_ino) == (own.st_dev, own.st_ino):
                        found.append(path)
    return found


def _by_run(names: Iterable[Naming], chosen: Collection[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    wanted = set(chosen)
    for naming in names:
        if naming.artifact in wanted:
            found.setdefault(naming.run, set()).add(naming.artifact)
    return found


def _files(settings: Settings) -> dict[str, tuple[int, int]]:
    """Return artifact → size and time of its file."""
    found = {}
    for path in ArtifactFiles(settings.artifacts).every():
        with suppress(FileNotFoundError):
            status = path.stat()
            found[path.name] = (status.st_size, status.st_mtime_ns)
    return found
