"""Where runs and files disagree: artifacts that no run names, and runs whose artifacts are gone.

Looking hashes every file. Mending never deletes what a run names: bytes that are not what they were
are put aside, and where a copy lies among the results it takes their place.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from intentos import presence
from intentos.artifact_files import ArtifactFiles
from intentos.config import Settings
from intentos.errors import StoreError
from intentos.events import ArtifactsRemoved
from intentos.repair import rebuilt_at
from intentos.store import Store
from intentos.types import Frozen, Problem


class Orphan(Frozen):
    """One artifact with which something is wrong."""

    kind: Literal["unnamed", "missing", "damaged"]
    artifact: str
    runs: tuple[str, ...] = ()
    """That name it."""


def find(settings: Settings, looked: Callable[[float], None] = lambda part: None) -> list[Orphan]:
    """Return what is wrong; ``looked`` is told how much of the work is done, from 0 to 1.

    Raises:
        StoreError: the store cannot be read.
    """
    store = Store(settings)
    try:
        latest: dict[str, str] = {}
        runs: dict[str, set[str]] = defaultdict(set)
        for naming in store.names():
            latest[naming.artifact] = max(naming.at, latest.get(naming.artifact, ""))
            runs[naming.artifact].add(naming.run)
        known_as_gone = set()
        for event in store.about("artifacts_removed"):
            assert isinstance(event, ArtifactsRemoved)
            known_as_gone |= {(event.run_id, artifact) for artifact in event.artifacts}
    finally:
        store.close()
    start, rebuilt = presence.since(settings), rebuilt_at(settings)
    found = []
    files = {path.name: path for path in ArtifactFiles(settings.artifacts).every()}
    sizes = {name: _size(path) for name, path in files.items()}
    total, done = sum(sizes.values()) or 1, 0
    for name, path in sorted(files.items()):
        try:
            changed = path.stat().st_mtime_ns
            if name not in latest:
                # A living process may be about to name it; a mended database may have lost its run.
                if rebuilt <= changed < start:
                    found.append(Orphan(kind="unnamed", artifact=name))
            elif _hash(path) != name:
                found.append(Orphan(kind="damaged", artifact=name, runs=tuple(sorted(runs[name]))))
        except FileNotFoundError:  # cleaned just now
            pass
        done += sizes[name]
        looked(done / total)
    for artifact, at in sorted(latest.items()):
        lacking = [run for run in sorted(runs[artifact]) if (run, artifact) not in known_as_gone]
        if artifact not in files and lacking and at:
            found.append(Orphan(kind="missing", artifact=artifact, runs=tuple(lacking)))
    return found


def mend(settings: Settings, orphans: list[Orphan]) -> list[Problem]:
    """Mend what :func:`find` found and return, as sentences, what was done.

    Raises:
        StoreError: the store cannot be written.
    """
    store = Store(settings)
    try:
        return [_mend(settings, store, orphan) for orphan in orphans]
    finally:
        store.close()


def _mend(settings: Settings, store: Store, orphan: Orphan) -> Problem:
    files = ArtifactFiles(settings.artifacts, owner=store.owner)
    path, name = files.place(orphan.artifact), orphan.artifact[:12]
    runs = ", ".join(run[-8:] for run in orphan.runs)
    if orphan.kind == "unnamed":
        size = _size(path)
        with suppress(FileNotFoundError):
            path.unlink()
        return Problem(code="mended.unnamed", arguments={"name": name, "size": size})
    copy = _copy_among_results(settings, orphan)
    if copy is not None:
        files.put(copy, name=copy.name)
        return Problem(code="mended.restored", arguments={"name": name, "path": str(copy)})
    aside = settings.damaged / orphan.artifact
    if orphan.kind == "damaged":
        try:
            settings.damaged.mkdir(exist_ok=True)
            os.replace(path, aside)
        except OSError as error:
            what = error.strerror or str(error)
            raise StoreError(
                "store.cannot_write", name=name, path=str(settings.damaged), what=what
            ) from error
    for run in orphan.runs:
        store.append(ArtifactsRemoved(run_id=run, artifacts=(orphan.artifact,), why="lost"))
    if orphan.kind == "damaged":
        return Problem(
            code="mended.put_aside", arguments={"name": name, "path": str(aside), "runs": runs}
        )
    return Problem(code="mended.noted", arguments={"name": name, "runs": runs})


def _copy_among_results(settings: Settings, orphan: Orphan) -> Path | None:
    for run in orphan.runs:
        for path in (settings.home / "results" / run).glob("*"):
            with suppress(OSError):
                if path.is_file() and not path.is_symlink() and _hash(path) == orphan.artifact:
                    return path
    return None


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise
    except OSError:  # a sector that cannot be read any more
        return ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
