"""What the command line tells of a run: the one JSON object, and the folder of its artifacts."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from intentos.artifact_files import NO_SPACE
from intentos.config import Settings
from intentos.errors import NotFound, StoreError, UsageError
from intentos.model_use import total_cost
from intentos.run import Run, RunStatus
from intentos.store import Store
from intentos.types import Artifact, Problem

SCHEMA = 1
Why = Literal["cleaned", "missing", "damaged"]
LEFT_BY_FILE_MANAGERS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".directory"})
"""Files that appear in a folder when a person looks into it."""


@dataclass(kw_only=True)
class Timings:
    """Seconds since the call, and the model's tokens."""

    plan_s: float | None = None
    run_s: float | None = None
    first_frame_s: float | None = None


def report(
    run: Run, *, paths: dict[str, Path], timings: Timings, runs: Sequence[str], language: str
) -> dict[str, Any]:
    """Return the object that ``--json`` prints; ``paths`` says where each artifact lies."""
    plan = run.plan
    last = run.results[-1] if run.results else None
    spoken = plan.spoken(run.values, language) if plan else {}
    return {
        "schema": SCHEMA,
        "run": run.id,
        "parent_run": run.parent_run,
        "plan": plan.digest if plan else None,
        "status": run.status.value,
        "badge": run.badge,
        "doubts": [{"code": d.code, "message": d.text(language)} for d in run.doubts],
        "origin": plan.origin if plan else None,
        "title": plan.title.text(language, spoken) if plan else None,
        "interpretation": plan.interpretation.text(language, spoken) if plan else None,
        "assumptions": [
            {"text": a.text.text(language, spoken), "parameter": a.parameter}
            for a in (plan.assumptions if plan else ())
        ],
        "answer": run.answer,
        "values": {name: q.model_dump() for name, q in run.quantities.items()},
        "parameters": dict(run.values),
        "seed": run.seed,
        "artifacts": [
            {
                "name": a.name,
                "path": str(paths[a.name]),
                "media_type": a.media_type,
                "sha256": a.id,
            }
            for a in last_named(run.artifacts)
            if a.name in paths
        ],
        "checks": [
            {
                "name": c.name,
                "title": c.title.text(language, run.values) or c.name,
                "kind": c.kind,
                "status": c.status,
                "detail": c.detail,
            }
            for c in run.checks
        ],
        "timings": {
            "plan_s": timings.plan_s,
            "run_s": timings.run_s,
            "first_frame_s": timings.first_frame_s,
            "tokens": run.tokens,
            "cost": total_cost(run.models),
        },
        "models": [
            {
                "name": use.name,
                "host": use.host or "here",
                "tokens": use.tokens,
                "cost": use.cost,
                "why": use.why.text(language) if use.why else None,
            }
            for use in run.models
        ],
        "executor": last.executor if last else None,
        "device": last.device if last else None,
        "where": last.node if last else "here",
        "error": problem_object(run.error, language) if run.error else None,
        "runs": list(runs),
    }


def problem_object(problem: Problem, language: str) -> dict[str, Any]:
    """Return an error as JSON: its code, its sentence and its arguments."""
    return {
        "code": problem.code,
        "message": problem.text(language),
        "arguments": problem.arguments,
    }


def exit_code(run: Run) -> int:
    """Return what the process ends with; see the table in the documentation."""
    match run.status:
        case RunStatus.COMPLETED:
            return 1 if run.badge == "failed" else 0
        case RunStatus.REJECTED:
            return 3
        case RunStatus.CANCELED:
            return 130
        case _:
            return run.error.exit_code if run.error else 1


def last_named(artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Return one artifact for each name: the last that was saved under it."""
    return list({artifact.name: artifact for artifact in artifacts}.values())


def check_folder(folder: Path, store: Store) -> None:
    """Make sure that ``--out`` can hold exactly one run's artifacts.

    A folder that holds other people's files is refused; what an earlier run left is replaced.

    Raises:
        UsageError: it holds something else, or is no folder that can be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [p.name for p in _files(folder) if not _ours(p, store)]
    except OSError as error:
        what = error.strerror or str(error)
        raise UsageError("out.unusable", path=str(folder), what=what) from error
    if store.holds(folder):
        raise UsageError("out.not_empty", path=str(folder), others="artifacts")
    if others:
        raise UsageError("out.not_empty", path=str(folder), others=", ".join(others[:5]))


def export(run: Run, folder: Path, store: Store, *, link: bool = False) -> dict[str, Path]:
    """Make ``folder`` hold exactly the run's artifacts under their names, and return their paths.

    With ``link`` the files are second names of the store's own (read-only) files where the file
    system allows it, and cost no space.

    Raises:
        UsageError: the folder holds something else.
        StoreError: it cannot be written; no file in it is half an artifact.
    """
    check_folder(folder, store)
    paths: dict[str, Path] = {}
    try:
        for old in _files(folder):
            old.unlink(missing_ok=True)
        for artifact in last_named(run.artifacts):
            target = folder / artifact.name
            temporary = folder / f".{artifact.id}.tmp"
            _copy(store.path(artifact.id), temporary, link=link)
            os.replace(temporary, target)
            paths[artifact.name] = target.absolute()
    except OSError as error:
        for half in folder.glob(".*.tmp"):
            with suppress(OSError):
                half.unlink()
        code = "store.no_space" if error.errno in NO_SPACE else "store.cannot_write"
        what = error.strerror or str(error)
        raise StoreError(code, name=str(folder), path=str(folder), what=what) from error
    return paths


def results_folder(run: Run, settings: Settings, store: Store) -> dict[str, Path]:
    """Return paths under which a person finds the run's artifacts by their names.

    Artifacts that are :func:`lost` are left out.
    """
    there = tuple(a for a in run.artifacts if _why_lost(run, a, store) is None)
    if not there:
        return {}
    found = run.model_copy(update={"artifacts": there})
    return export(found, settings.home / "results" / run.id, store, link=True)


def lost(run: Run, store: Store) -> list[tuple[Artifact, Why]]:
    """Return the run's artifacts whose bytes are not here as they were saved, and why."""
    found = [(a, _why_lost(run, a, store)) for a in last_named(run.artifacts)]
    return [(artifact, why) for artifact, why in found if why is not None]


def _why_lost(run: Run, artifact: Artifact, store: Store) -> Why | None:
    try:
        store.path(artifact.id)
    except NotFound:
        return "cleaned" if run.removed.get(artifact.id) == "cleaned" else "missing"
    except StoreError:
        return "damaged"
    return None


def _copy(source: Path, target: Path, *, link: bool) -> None:
    if link:
        try:
            os.link(source, target)
        except OSError:
            link = False  # another file system, or one without hard links
    if not link:
        shutil.copyfile(source, target)


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.name not in LEFT_BY_FILE_MANAGERS]


def _ours(path: Path, store: Store) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if re.fullmatch(r"\.[0-9a-f]{64}\.tmp", path.name):  # half a file of one who was killed
        return True
    with path.open("rb") as file:
        return store.knows(hashlib.file_digest(file, "sha256").hexdigest())
