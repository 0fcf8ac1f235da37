"""Replaying a run: may it be done, and did the same come out?"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from intentos.attachments import bind
from intentos.certificate import Certificate, StepProof, certificate
from intentos.checks import plain
from intentos.errors import InvalidPlan, Missing, NotFound, UsageError
from intentos.plan import RUN, Plan
from intentos.raw_hash import RawHash, Tolerance, first_difference, picture_distance
from intentos.registry import Registry
from intentos.run import Run, RunStatus
from intentos.store import Store
from intentos.types import Artifact, Frozen, Json, Problem, Quantity

if TYPE_CHECKING:
    import numpy

Verdict = Literal["identical", "within_tolerance", "different"]
_ORDER: tuple[Verdict, ...] = ("identical", "within_tolerance", "different")

OTHER_DEVICE = Tolerance(relative=1e-5, absolute=1e-6, pixels=1.0)
"""For steps whose executor tells no tolerance: what rounding may do to float32."""
LARGEST_TABLE = 64 * 1024**2


class Finding(Frozen):
    """What the comparison of one output, or one number, came to."""

    step: str
    output: str
    verdict: Verdict
    detail: Problem | None = None
    """What differs and by how much; None where nothing does."""


class Comparison(Frozen):
    """What a run and its replay have in common."""

    verdict: Verdict
    findings: tuple[Finding, ...]
    notes: tuple[Problem, ...]
    """What was not the same around the work: device, executor, versions."""

    @property
    def first(self) -> Finding | None:
        """The first of the worst findings, where anything differs."""
        found = [f for f in self.findings if f.verdict == self.verdict]
        return found[0] if found and self.verdict != "identical" else None


def replayable(run: Run, registry: Registry, store: Store) -> Plan:
    """Return the plan of a run that can be replayed: the same code, on the same content.

    Raises:
        UsageError: the run did not complete.
        Missing: it is too old for a certificate, its code is another one by now, or something that
            it worked on is gone.
    """
    if run.status is not RunStatus.COMPLETED or run.plan is None:
        raise UsageError("replay.not_completed", run=run.id)
    if certificate(run) is None:
        raise Missing("replay.no_certificate", run=run.id)
    for step in run.plan.steps:
        if step.language != "kernel":
            continue  # the text is its own identity and lies in the run
        try:
            now = registry.kernel(step.code).code_hash
        except InvalidPlan as error:
            raise Missing("replay.no_kernel", kernel=step.code) from error
        if now != step.code_hash:
            made_by = next(r.versions for r in run.results if r.step_id == step.id)
            raise Missing(
                "replay.code_changed",
                kernel=step.code,
                then=step.code_hash[:12],
                now=now[:12],
                version=made_by.get("intentos-runtime", "?"),
            )
    _refuse_missing_inputs(run, run.plan, store)
    return run.plan


def compare(before: Run, after: Run, store: Store) -> Comparison:
    """Compare a run with its replay; both have a certificate.

    Raises:
        StoreError: an artifact that must be looked at cannot be read.
    """
    ours, theirs = certificate(before), certificate(after)
    assert ours is not None
    assert theirs is not None
    look = _Look(before, after, store)
    findings = [
        finding
        for one, other in zip(ours.steps, theirs.steps, strict=True)
        for finding in look.step(one, other)
    ]
    verdict = max((f.verdict for f in findings), key=_ORDER.index, default="identical")
    return Comparison(verdict=verdict, findings=tuple(findings), notes=tuple(_notes(ours, theirs)))


def document(comparison: Comparison, before: Run, language: str) -> Json:
    """Return a comparison as JSON."""
    first = comparison.first
    return {
        "of": before.id,
        "verdict": comparison.verdict,
        "first": f"{first.step}/{first.output}" if first else None,
        "outputs": [
            {
                "step": f.step,
                "name": f.output,
                "verdict": f.verdict,
                "detail": f.detail.text(language) if f.detail else None,
            }
            for f in comparison.findings
        ],
        "notes": [note.text(language) for note in comparison.notes],
    }


class _Look:
    """Two runs beside each other, with their artifacts."""

    def __init__(self, before: Run, after: Run, store: Store) -> None:
        self._artifacts = _by_name(before), _by_name(after)
        self._store = store

    def step(self, before: StepProof, after: StepProof) -> Iterable[Finding]:
        tolerance = before.tolerance or after.tolerance or OTHER_DEVICE
        ours = {output.name: output for output in before.outputs}
        theirs = {output.name: output for output in after.outputs}
        for name in [*ours, *(name for name in theirs if name not in ours)]:
            one, other = ours.get(name), theirs.get(name)
            if one is None or other is None:
                code = "replay.missing" if other is None else "replay.unexpected"
                verdict, detail = _different(code, name=name)
            elif one.sha256 == other.sha256 and one.kind == other.kind:
                verdict, detail = _SAME
            else:
                verdict, detail = self._output(before.id, one, other, tolerance)
            yield Finding(step=before.id, output=name, verdict=verdict, detail=detail)
        yield from _numbers(before, after, tolerance)

    def _output(
        self, step: str, before: RawHash, after: RawHash, tolerance: Tolerance
    ) -> _Judgement:
        if before.kind != after.kind:
            return _different("replay.bytes", name=before.name)
        if before.kind == "film":
            return _film(before, after, tolerance)
        files = [
            self._path(side, step, output.files[0])
            for side, output in enumerate((before, after))
            if output.files
        ]
        if len(files) == 2 and all(files):
            one, other = (file for file in files if file is not None)
            name = before.files[0]
            if before.kind == "array" or name.endswith(".npy"):
                return _arrays(before.name, one, other, tolerance)
            if name.endswith(".csv"):
                return _tables(before.name, one, other, tolerance)
        return _different("replay.bytes", name=before.name)

    def _path(self, side: int, step: str, name: str) -> Path | None:
        artifact = self._artifacts[side].get((step, name))
        return self._store.path(artifact.id) if artifact is not None else None


_Judgement = tuple[Verdict, Problem | None]
_SAME: _Judgement = "identical", None


def _different(code: str, /, **arguments: Json) -> _Judgement:
    return "different", Problem(code=code, arguments=arguments)


def _judged(close: bool, code: str, /, **arguments: Json) -> _Judgement:
    verdict: Verdict = "within_tolerance" if close else "different"
    return verdict, Problem(code=code, arguments=arguments)


def _film(before: RawHash, after: RawHash, tolerance: Tolerance) -> _Judgement:
    if before.shape != after.shape:
        then, now = (" × ".join(map(str, shape)) for shape in (before.shape, after.shape))
        return _different("replay.film_shape", name=before.name, then=then, now=now)
    distance, frame = picture_distance(before, after), first_difference(before, after)
    if distance is None:
        return _different("replay.bytes", name=before.name)
    return _judged(
        distance <= tolerance.pixels,
        "replay.film",
        name=before.name,
        frame=frame or 0,
        distance=f"{distance:.2g}",
        allowed=f"{tolerance.pixels:g}",
    )


def _numbers(before: StepProof, after: StepProof, tolerance: Tolerance) -> Iterable[Finding]:
    if before.numbers_sha256 == after.numbers_sha256:
        for name in before.numbers:
            yield Finding(step=before.id, output=name, verdict="identical")
        return
    for name in [*before.numbers, *(n for n in after.numbers if n not in before.numbers)]:
        one, other = before.numbers.get(name), after.numbers.get(name)
        if one is None or other is None:
            code = "replay.missing" if other is None else "replay.unexpected"
            verdict, detail = _different(code, name=name)
        elif one == other:
            verdict, detail = _SAME
        else:
            verdict, detail = _number(name, one, other, tolerance)
        yield Finding(step=before.id, output=name, verdict=verdict, detail=detail)


def _number(name: str, before: Quantity, after: Quantity, tolerance: Tolerance) -> _Judgement:
    then, now = (plain(q.value)[:40] for q in (before, after))
    ours, theirs = _floats(before.value), _floats(after.value)
    if before.unit != after.unit or ours is None or theirs is None or len(ours) != len(theirs):
        return _different("replay.value", name=name, then=then, now=now)
    close = all(_close(a, b, tolerance) for a, b in zip(ours, theirs, strict=True))
    return _judged(
        close,
        "replay.number",
        name=name,
        then=then,
        now=now,
        distance=f"{max(map(_relative, ours, theirs), default=0.0):.2g}",
        allowed=f"{tolerance.relative:g}",
    )


def _floats(value: Json) -> list[float] | None:
    items = list(value) if isinstance(value, list | tuple) else [value]
    # Whole numbers and truth values are counted, not rounded: they are the same or they are not.
    return items if all(isinstance(item, float) for item in items) else None


def _close(a: float, b: float, tolerance: Tolerance) -> bool:
    return a == b or abs(a - b) <= tolerance.absolute + tolerance.relative * abs(a)


def _relative(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), abs(b)) if a != b and math.isfinite(a - b) else float(a != b)


def _arrays(name: str, before: Path, after: Path, tolerance: Tolerance) -> _Judgement:
    import numpy as np

    try:  # code of anybody's may have written them: nothing is unpickled, sizes are the file's
        one = np.load(before, mmap_mode="r", allow_pickle=False)
        other = np.load(after, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, MemoryError):
        return _different("replay.bytes", name=name)
    if one.shape != other.shape or one.dtype != other.dtype:
        then, now = (f"{a.dtype} {a.shape}" for a in (one, other))
        return _different("replay.array_shape", name=name, then=then, now=now)
    if one.dtype.kind not in "biufc":
        return _different("replay.bytes", name=name)
    off, most = _distance(one, other, tolerance)
    return _judged(
        off <= tolerance.outliers,
        "replay.array",
        name=name,
        distance=f"{most:.2g}",
        share=f"{off:.2%}",
        absolute=f"{tolerance.absolute:g}",
        relative=f"{tolerance.relative:g}",
    )


def _distance(
    one: numpy.ndarray[Any, Any], other: numpy.ndarray[Any, Any], tolerance: Tolerance
) -> tuple[float, float]:
    """Return the share of elements that are too far apart, and the largest distance."""
    import numpy as np

    wide = np.complex128 if one.dtype.kind == "c" else np.float64
    a, b = np.asarray(one, wide), np.asarray(other, wide)
    far = ~np.isclose(b, a, rtol=tolerance.relative, atol=tolerance.absolute, equal_nan=True)
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(a - b)
    finite = apart[np.isfinite(apart)]
    return float(far.mean()) if far.size else 0.0, float(finite.max()) if finite.size else math.inf


def _tables(name: str, before: Path, after: Path, tolerance: Tolerance) -> _Judgement:
    if max(before.stat().st_size, after.stat().st_size) > LARGEST_TABLE:
        return _different("replay.bytes", name=name)
    try:
        ours, theirs = (
            list(csv.reader(io.StringIO(path.read_text("utf-8")))) for path in (before, after)
        )
    except (UnicodeDecodeError, csv.Error):
        return _different("replay.bytes", name=name)
    far, most, line = 0, 0.0, 0
    for number, (row, other) in enumerate(itertools.zip_longest(ours, theirs), start=1):
        if row is None or other is None or len(row) != len(other):
            return _different("replay.table_shape", name=name, line=number)
        for cell, counterpart in zip(row, other, strict=True):
            if cell == counterpart:
                continue
            a, b = _floats_of(cell), _floats_of(counterpart)
            line = line or number
            if a is None or b is None:
                return _different("replay.table_shape", name=name, line=number)
            far += not _close(a, b, tolerance)
            most = max(most, _relative(a, b))
    return _judged(
        far == 0,
        "replay.table",
        name=name,
        line=line,
        distance=f"{most:.2g}",
        allowed=f"{tolerance.relative:g}",
    )


def _floats_of(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _notes(before: Certificate, after: Certificate) -> Iterable[Problem]:
    told: set[str] = set()
    for one, other in zip(before.steps, after.steps, strict=True):
        for what, then, now in (
            ("executor", one.executor, other.executor),
            ("device", one.device, other.device),
            *_versions(one.versions, other.versions),
        ):
            if then != now and what not in told:
                told.add(what)
                code = f"replay.other_{what}" if what in ("executor", "device") else ""
                yield Problem(
                    code=code or "replay.other_version",
                    arguments={"what": what, "then": then, "now": now},
                )


def _versions(
    before: Mapping[str, str], after: Mapping[str, str]
) -> Iterable[tuple[str, str, str]]:
    for package in sorted(before.keys() | after.keys()):
        yield package, before.get(package, "–"), after.get(package, "–")


def _by_name(run: Run) -> dict[tuple[str, str], Artifact]:
    return {(r.step_id, a.name): a for r in run.results for a in r.artifacts}


def _refuse_missing_inputs(run: Run, plan: Plan, store: Store) -> None:
    for attachment in bind(plan.attachments, run.intent.attachments).values():
        if not store.has(attachment.plain):
            raise Missing("replay.no_attachment", name=attachment.name)
    for source in {source for step in plan.steps for source in step.inputs.values()}:
        origin, _, name = source.partition("/")
        if not origin.startswith(RUN):
            continue
        try:
            earlier = store.run(origin.removeprefix(RUN))
            there = any(a.name == name and store.has(a.id) for a in earlier.artifacts)
        except NotFound:
            there = False
        if not there:
            raise Missing("replay.no_input", name=source)
