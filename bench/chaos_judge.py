"""What must hold of a store whose programs were killed."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from intentos import leftovers
from intentos.artifact_files import ArtifactFiles
from intentos.config import Settings
from intentos.errors import IntentOSError
from intentos.events import ArtifactSaved, DurableEvent, RunFinished, durable
from intentos.run import RunStatus
from intentos.store import Store

ALL = 10**6
RESTING = {*(s for s in RunStatus if s.ended), RunStatus.AWAITING_APPROVAL}
"""A plan that waits for a person goes on waiting when the program that asked is killed."""


@dataclass(frozen=True)
class Told:
    """What one program's caller had read when it ended."""

    what: str
    output: bytes


def judge(settings: Settings, told: Sequence[Told], temporary: Path) -> dict[str, Any]:
    """Return what was acknowledged, and lists of what is lost, damaged, endless or left behind.

    ``temporary`` is where the programs had their temporary files, and nobody else any.
    """
    usual, tempfile.tempdir = tempfile.tempdir, str(temporary)
    try:
        store = Store(settings)
        try:
            store.sweep()
            left = [f"{thing.kind}: {thing.path}" for thing in leftovers.find(settings)]
            left += [f"temporary: {path.name}" for path in temporary.iterdir()]
            left += [f"work: {path.name}" for path in settings.work.glob("*")]
            return {
                **_promises(store, told),
                "endless": [run.id for run in store.runs(ALL) if run.status not in RESTING],
                "ended": dict(Counter(run.status.value for run in store.runs(ALL))),
                "damaged": _damaged(settings),
                "left": left,
            }
        finally:
            store.close()
    finally:
        tempfile.tempdir = usual


def _promises(store: Store, told: Sequence[Told]) -> dict[str, Any]:
    acknowledged = {"runs": 0, "artifacts": 0, "events": 0}
    lost = []
    for one in told:
        for line in _whole_lines(one.output):
            try:
                event = durable.validate_json(line)
            except ValidationError:
                problems = _answer(store, json.loads(line), acknowledged)
            else:
                problems = _event(store, event, acknowledged)
            lost += [f"{one.what}: {problem}" for problem in problems]
    return {"acknowledged": acknowledged, "lost": lost}


def _event(store: Store, event: DurableEvent, count: dict[str, int]) -> Iterator[str]:
    count["events"] += 1
    if event not in store.events(event.run_id):
        yield f"event {event.seq} {event.kind} of {event.run_id}"
    if isinstance(event, ArtifactSaved):
        count["artifacts"] += 1
        yield from _artifact(store, event.artifact.id)
    count["runs"] += isinstance(event, RunFinished)


def _answer(store: Store, answer: dict[str, Any], count: dict[str, int]) -> Iterator[str]:
    if answer["run"] is None:  # refused before there was a run
        return
    count["runs"] += 1
    try:
        run = store.run(answer["run"])
    except IntentOSError as error:
        yield str(error)
        return
    if run.status.value != answer["status"]:
        yield f"{run.id} was told as {answer['status']} and is {run.status.value}"
    for artifact in answer["artifacts"]:
        count["artifacts"] += 1
        yield from _artifact(store, artifact["sha256"])
        if not Path(artifact["path"]).is_file():
            yield f"no file {artifact['path']}"


def _artifact(store: Store, artifact: str) -> Iterator[str]:
    try:
        store.path(artifact)
    except IntentOSError as error:
        yield str(error)


def _damaged(settings: Settings) -> list[str]:
    found = []
    for path in ArtifactFiles(settings.artifacts).every():
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != path.name:
                found.append(str(path))
    return found


def _whole_lines(output: bytes) -> list[bytes]:
    """Return the lines that were written to their end: a killed program may leave half of one."""
    return output.split(b"\n")[:-1]
