"""What a run left, as the stage offers it: one entry for each thing worth looking at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from intentos.plan import Step
from intentos.report import last_named
from intentos.run import Run
from intentos.types import Artifact

Kind = Literal["live", "film", "picture", "table", "array", "sound", "numbers", "text", "file"]
DRAWN = ("kernel", "wgsl")
"""Languages of the steps that draw."""
NUMBERS_FILE = "values.json"
"""Holds what :attr:`Run.quantities` says as well."""
_KINDS: dict[str, Kind] = {
    "video/mp4": "film",
    "image/gif": "film",
    "image/png": "picture",
    "image/webp": "picture",
    "image/jpeg": "picture",
    "text/csv": "table",
    "application/x-npy": "array",
    "application/x-npz": "array",
    "audio/wav": "sound",
    "audio/x-wav": "sound",
    "audio/mpeg": "sound",
    "application/json": "text",
    "text/plain": "text",
}
_ORDER: tuple[Kind, ...] = (
    "live", "film", "picture", "sound", "table", "numbers", "text", "array", "file",
)  # fmt: skip


@dataclass(frozen=True)
class Output:
    """One thing to look at."""

    kind: Kind
    artifact: Artifact | None = None
    """None for the live view and the numbers."""
    step: str = ""
    """Of the live view."""

    @property
    def key(self) -> str:
        """What tells it from the others of its run."""
        return self.artifact.name if self.artifact else self.kind


def drawn_step(run: Run) -> Step | None:
    """Return the step whose program is seen alive: the last one that draws."""
    steps = run.plan.steps if run.plan is not None else ()
    return next((step for step in reversed(steps) if step.language in DRAWN), None)


def outputs(run: Run) -> list[Output]:
    """Return what a run shows, the most telling first.

    A film hides the GIF and the still of the same name; the live view hides the film of its step;
    the numbers' own file is never shown beside them.
    """
    found: list[Output] = []
    drawn = drawn_step(run)
    if drawn is not None and run.approval is not None:
        found.append(Output("live", step=drawn.id))
    artifacts = last_named(run.artifacts)
    films = {_stem(a) for a in artifacts if a.media_type == "video/mp4"}
    for artifact in artifacts:
        kind = _KINDS.get(artifact.media_type, "file")
        if artifact.name == NUMBERS_FILE:
            continue
        if kind in ("film", "picture"):
            if drawn is not None and artifact.step_id == drawn.id:
                continue
            if artifact.media_type != "video/mp4" and _stem(artifact) in films:
                continue
        found.append(Output(kind, artifact))
    if run.quantities:
        found.append(Output("numbers"))
    return sorted(found, key=lambda output: _ORDER.index(output.kind))


def still_of(run: Run) -> Artifact | None:
    """Return the picture or film that stands for a run where there is little room."""
    artifacts = last_named(run.artifacts)
    for types in (("video/mp4",), ("image/png", "image/webp", "image/jpeg"), ("image/gif",)):
        for artifact in reversed(artifacts):
            if artifact.media_type in types and artifact.id not in run.removed:
                return artifact
    return None


def film_of(run: Run, step: str) -> Artifact | None:
    """Return what a step that draws left to be looked at: its film, else its picture."""
    own = [a for a in run.artifacts if a.step_id == step and a.id not in run.removed]
    for types in (("video/mp4",), ("image/gif",), ("image/png", "image/webp", "image/jpeg")):
        for artifact in reversed(own):
            if artifact.media_type in types:
                return artifact
    return None


def _stem(artifact: Artifact) -> str:
    return artifact.name.rpartition(".")[0]
