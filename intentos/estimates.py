"""What a plan will cost: from what the same work took on this machine before, or from a probe.

How long steps took, for how much work, is kept in the cache. Where nothing is known the answer is
"unknown", never a guess.
"""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from statistics import median
from typing import Any

from intentos.config import Settings
from intentos.plan import Plan, Step
from intentos.protocols import Executor
from intentos.run import StepResult, StepStatus
from intentos.types import Estimate, Value, canonical_json, sha256

LimitedTrial = Callable[[Step, Mapping[str, Value], float], Awaitable[StepResult]]
"""``await trial(step, values, seconds)``: a trial of at most so long."""
Point = tuple[float, float]
"""Work and the seconds that it took."""
KEPT_POINTS = 12
KEPT_STEPS = 500
REACH = 3.0
"""How many times more or less work than ever measured, from one size, is still estimated."""
FAR = 100.0
"""The same where two sizes or more have shown how time grows with work."""
SMALL = 0.02
"""Share of the work that a first probe does."""
LARGER = 0.1
"""Share that a second one does, so that what starting takes is not multiplied."""


@dataclass(frozen=True)
class Size:
    """A step's work with the names under which its times are kept: this very step first, then
    what is built of the same code."""

    names: tuple[str, ...]
    work: float


class Durations:
    """How long steps took, in one small file of the cache that processes share by a lock."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.cache / "durations.json"
        self._adapter = settings.adapter

    def size(
        self,
        plan: Plan,
        step: Step,
        values: Mapping[str, Value],
        executor: Executor,
        work: float | None,
    ) -> Size:
        """Return how much work a step is; ``work``: in the executor's own unit, if it knows."""
        code = f"{executor.name} {self._adapter} {step.code_hash}"
        if work is not None:
            own = sha256(canonical_json([code, step.arguments]))[:24]
            return Size((own, sha256(code.encode())[:24]), work)
        own = sha256(canonical_json([code, plan.digest, step.id]))[:24]
        return Size((own,), work_of(plan, values))

    def add(self, size: Size, seconds: float) -> None:
        """Keep how long it took; a cache that cannot be written only costs knowledge."""
        from filelock import FileLock

        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self._path.with_suffix(".lock")):
                steps = self._read()
                for name in size.names:
                    points = [*steps.pop(name, []), [size.work, round(seconds, 4)]]
                    steps[name] = points[-KEPT_POINTS:]
                kept = dict(list(steps.items())[-KEPT_STEPS:])
                temporary = self._path.with_name(f"{self._path.name}.{os.getpid()}")
                temporary.write_text(json.dumps({"schema": 1, "steps": kept}), "utf-8")
                temporary.replace(self._path)

    def seconds(self, size: Size) -> float | None:
        """Return what so much work will take; None where too little is known."""
        steps = self._read()
        for name in size.names:
            found = predicted([(p[0], p[1]) for p in steps.get(name, [])], size.work)
            if found is not None:
                return found
        return None

    def _read(self) -> dict[str, list[list[float]]]:
        try:
            document: Any = json.loads(self._path.read_text("utf-8"))
            steps = document["steps"]
            whole = document["schema"] == 1 and isinstance(steps, dict)
            good = whole and all(
                isinstance(p, list) and len(p) == 2 and all(isinstance(n, int | float) for n in p)
                for points in steps.values()
                for p in points
            )
        except (OSError, ValueError, KeyError, TypeError):
            # Missing, half a file or of another version: then it is measured again.
            return {}
        return steps if good else {}


def predicted(points: Sequence[Point], work: float) -> float | None:
    """Return the seconds for some work, by a straight line through what was measured.

    Time is taken as a start and a part that grows with the work, neither below zero (least
    squares). From one size alone it is not known how much of the time was the start, so that only
    about that size can be estimated.
    """
    if not points or work <= 0:
        return None
    works = [point[0] for point in points]
    times = [point[1] for point in points]
    least, most = min(works), max(works)
    if most < 1.5 * least:
        usual, ratio = median(times), work / median(works)
        if not 1 / REACH <= ratio <= REACH:
            return None
        # Between all of it growing and none of it.
        return usual * (ratio + 1) / 2 if ratio < 1 else usual * ratio
    if work > FAR * most:
        return None
    mean_work, mean_time = sum(works) / len(works), sum(times) / len(times)
    spread = sum((w - mean_work) ** 2 for w in works)
    slope = sum((w - mean_work) * (t - mean_time) for w, t in points) / spread
    slope = max(slope, 0.0)
    start = mean_time - slope * mean_work
    if start < 0:
        start, slope = 0.0, sum(w * t for w, t in points) / sum(w * w for w in works)
    return start + slope * work


def estimated(
    plan: Plan,
    values: Mapping[str, Value],
    executors: Mapping[str, Executor],
    durations: Durations,
) -> dict[str, Estimate]:
    """Return what is known of each step's cost; ``executors``: step id → who will run it."""
    found = {}
    for step in plan.steps:
        executor = executors[step.id]
        known = executor.estimate(step, values)
        if known.seconds is None:
            seconds = durations.seconds(durations.size(plan, step, values, executor, known.work))
            known = known.model_copy(update={"seconds": seconds})
        found[step.id] = known
    return found


async def probed(
    plan: Plan, step: Step, values: Mapping[str, Value], trial: LimitedTrial, seconds: float
) -> float | None:
    """Return what a step will take by what little parts of it take; None where the seconds that a
    probe may have are not enough to tell."""
    points: list[Point] = []
    left = seconds
    for part in (SMALL, LARGER):
        turned = share(plan, values, part)
        result = await trial(step, turned or values, left)
        took = result.seconds
        if result.status is not StepStatus.OK or took >= left:
            return None
        if turned is None:
            return took  # all of it
        points.append((work_of(plan, turned), took))
        left -= took
        if left < took:
            break
    return predicted(points, work_of(plan, values)) if len(points) > 1 else None


def share(plan: Plan, values: Mapping[str, Value], part: float) -> dict[str, Value] | None:
    """Return the values with the work turned down to a part; None where nothing turns it down."""
    names = [p for p in plan.parameters if p.work and p.kind in ("number", "integer")]
    if not names:
        return None
    turned = dict(values)
    for parameter in names:
        number = float(values[parameter.name]) * part ** (1 / len(names))
        number = max(number, parameter.minimum if parameter.minimum is not None else 1.0)
        whole = parameter.kind == "integer"
        turned[parameter.name] = parameter.accept(max(1, round(number)) if whole else number)
    return turned


def work_of(plan: Plan, values: Mapping[str, Value]) -> float:
    """Return the work of a plan by its own parameters that scale it; 1 where it has none."""
    work = 1.0
    for parameter in plan.parameters:
        if parameter.work and parameter.kind in ("number", "integer"):
            work *= max(abs(float(values[parameter.name])), 1e-9)
    return work
