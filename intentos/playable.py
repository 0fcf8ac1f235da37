"""What a viewer's own GPU needs to play a step of a run: its program with the knobs left open.

Only what was approved is played: a program is code, wherever it runs.
"""

from __future__ import annotations

import atexit
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from intentos.bindings import bind
from intentos.errors import InvalidProgram, NotApproved, NotFound
from intentos.gpu_step import LANGUAGES, array_files, prepare
from intentos.input_arrays import InputArrays
from intentos.parameters import Parameter
from intentos.plan import Plan, Step
from intentos.program import GpuProgram
from intentos.quantity_names import with_names
from intentos.registry import Registry
from intentos.run import Run
from intentos.scratch import scratch_folder
from intentos.sketch import sketch_of
from intentos.step_inputs import attached, inputs_of
from intentos.store import Store
from intentos.types import Limits, Value

KEPT_BYTES = 512 * 1024**2
"""Of plain arrays, all steps together; the newest stay, whatever they weigh."""


@dataclass(frozen=True, kw_only=True)
class Playable:
    """A program and all that it is played with."""

    run: str
    step: str
    program: GpuProgram
    values: Mapping[str, Value]
    """Of every parameter that the program leaves open."""
    knobs: Mapping[str, Parameter]
    """Those of them that may change while it plays."""
    seed: int
    arrays: Mapping[str, Path]
    """sha256 → file with the bytes of a buffer's data, for a while (see ``KEPT_BYTES``)."""
    language: str
    """Of the step: ``kernel`` or ``wgsl``."""
    limits: Limits
    sketch: Mapping[str, Any] | None = None
    """What differs in a smaller picture, for a GPU that is slow; see ``sketch.py``."""

    @property
    def live(self) -> frozenset[str]:
        """Names of the knobs."""
        return frozenset(self.knobs)

    def accept(self, name: str, value: Value) -> Value:
        """Return a knob's new value.

        Raises:
            NotFound: the program has no such knob.
            ValueOutOfRange: the value does not fit it.
        """
        if name not in self.knobs:
            raise NotFound("play.no_knob", name=name[:64], known=", ".join(self.knobs) or "—")
        return self.knobs[name].accept(value)

    def as_json(self, url: Callable[[str], str]) -> dict[str, Any]:
        """Return it for ``program.js``; ``url`` tells where the bytes of a sha256 can be had.

        The seed is decimal text: JavaScript's numbers lose what is beyond 2^53.
        """
        return {
            "run": self.run,
            "step": self.step,
            "program": self.program.model_dump(mode="json"),
            "parameters": dict(self.values),
            "live": sorted(self.knobs),
            "seed": str(self.seed),
            "arrays": {sha: url(sha) for sha in self.arrays},
            "sketch": self.sketch,
        }


def playable(run: Run, step_id: str, registry: Registry, store: Store) -> Playable:
    """Return what it takes to play a step of a run with the run's values and seed.

    Reads and hashes input files, which takes a moment where they are large.

    Raises:
        NotFound: the run has no such step, or not yet, or a file of its is gone.
        NotApproved: nobody has approved its plan, or its kernel has changed since.
        InvalidProgram: the step makes no program, or none that draws.
        ExecutorError: an earlier step has not made yet what this one needs.
    """
    step = _approved(run, step_id)
    assert run.plan is not None
    there = _there(run, run.plan, step, store)
    open_ = frozenset(p.name for p in run.plan.parameters if p.live)
    inputs = inputs_of(step, there)
    with scratch_folder() as folder:
        work = prepare(step, run.values, open_, InputArrays(inputs, folder), registry)
        files = array_files(work, inputs) if inputs else {}
        wanted = {b.data.sha256: b.name for b in work.program.buffers if b.data is not None}
        for sha, buffer in wanted.items():
            if sha not in files:
                raise InvalidProgram("gpu.no_data", buffer=buffer, sha=sha)
        arrays = {sha: _plain.keep(sha, Path(files[sha])) for sha in wanted}
    if not work.program.draw:
        raise InvalidProgram("play.no_picture", step=step_id)
    names = {u.value[1:] for u in work.program.uniforms if isinstance(u.value, str)}
    values = {name: run.values[name] for name in sorted(names) if name in run.values}
    bind(work.program, values)  # a value that no uniform can hold is told now
    return Playable(
        run=run.id,
        step=step_id,
        program=with_names(work.program, run.plan),
        values=values,
        knobs={p.name: p for p in run.plan.parameters if p.name in open_ & names},
        seed=run.seed,
        arrays=arrays,
        language=step.language,
        limits=step.limits,
        sketch=sketch_of(work.program, work.arguments, work.kernel.build) if work.kernel else None,
    )


def playable_steps(run: Run) -> list[str]:
    """Return the ids of the steps that may be played, in their order, without building them."""
    if run.plan is None or not _consented(run):
        return []
    return [step.id for step in run.plan.steps if step.language in LANGUAGES]


def _approved(run: Run, step_id: str) -> Step:
    steps = run.plan.steps if run.plan is not None else ()
    step = next((one for one in steps if one.id == step_id), None)
    if step is None:
        known = ", ".join(one.id for one in steps) or "—"
        raise NotFound("play.no_step", run=run.id, step=step_id[:64], known=known)
    if not _consented(run):
        raise NotApproved("play.not_approved", run=run.id)
    if step.language not in LANGUAGES:
        raise InvalidProgram("play.no_program", step=step_id, language=step.language)
    return step


def _consented(run: Run) -> bool:
    approval = run.approval
    if run.plan is None or approval is None or approval.decision != "approve":
        return False
    return approval.plan_digest == run.plan.digest


def _there(run: Run, plan: Plan, step: Step, store: Store) -> dict[str, Path]:
    """Return the files that the step asks for, by where they come from."""
    wanted = set(step.inputs.values())
    if not wanted:
        return {}
    ids = attached(plan, run.intent.attachments, store)
    for result in run.results:
        ids |= {f"{result.step_id}/{a.name}": a.id for a in result.artifacts}
    return {source: store.path(id) for source, id in ids.items() if source in wanted}


class _Plain:
    """Plain bytes of arrays by their sha256, in a folder that goes with the process."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._folder: Path | None = None
        self._kept: dict[str, int] = {}

    def keep(self, sha: str, file: Path) -> Path:
        with self._lock:
            if self._folder is None:
                process = ExitStack()
                self._folder = process.enter_context(scratch_folder())
                atexit.register(process.close)
            place = self._folder / sha
            size = self._kept.pop(sha, 0)
            if not place.is_file():
                size = file.stat().st_size
                made = place.with_suffix(".part")
                shutil.copyfile(file, made)
                made.replace(place)
            self._kept[sha] = size
            while sum(self._kept.values()) > KEPT_BYTES and len(self._kept) > 1:
                oldest = next(iter(self._kept))
                del self._kept[oldest]
                with suppress(OSError):
                    (self._folder / oldest).unlink()
            return place


_plain = _Plain()
