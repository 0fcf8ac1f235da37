"""Measures parts of the planner on ``bench/intents``: is the right value changed by a follow-up, is
the answer of a generated program right?

    intentos bench planner followups|generate [--model none] [--cases tuned|untouched|all]
                                              [--match PATTERN] [-o results.json]

Cases marked ``tuned`` were used to fit prompts and thresholds; the untouched ones tell the truth.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from intentos import config
from intentos.documents import read_document
from intentos.errors import IntentOSError, PlanningError
from intentos.plan import Step
from intentos.planners.generate import generate
from intentos.planners.model import Model
from intentos.planners.models import open_model
from intentos.planners.planner import DefaultPlanner
from intentos.planners.refusal import refuse
from intentos.protocols import PlanningContext, StepContext, Table
from intentos.registry import Registry
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, Intent, Value, language_of, sha256

KINDS = ("followups", "generate")
CASES = ("tuned", "untouched", "all")
INTENTS = Path(__file__).parent / "intents"
TRIAL_SECONDS = 2.0
Case = dict[str, Any]
Judged = tuple[bool, str]
"""Right or not, and what came out."""


class Bench:
    """One planner, asked one case after the other."""

    def __init__(self, model: str | None) -> None:
        self.settings = config.load()
        self.registry = Registry()
        self.planner = DefaultPlanner(registry=self.registry, settings=self.settings)
        self.model = model
        self._model: Model | None = None

    async def followups(self, case: Case) -> Judged:
        """Are the right values changed, or is a new wish taken for one?"""
        plan = self.planner.library.get(case["recipe"]).plan(self.registry)
        before = plan.accept(case.get("before", {}))
        table = Table(run="bench", plan=plan, values=before)
        try:
            proposal = await self.planner.propose(_intent(case), self._context(table=table))
        except PlanningError as error:
            # Without a model, a wish that no recipe fits cannot be written as a program.
            new = error.code == "planning.nothing_near" and "new" in case and case["new"] is None
            return new, str(error)
        if "new" in case:
            asked_anew = proposal.plan.id != plan.id
            return asked_anew and proposal.plan.recipe == case["new"], str(proposal.plan.recipe)
        values = proposal.plan.accept(proposal.values)
        changed = {k: v for k, v in values.items() if v != plan.defaults.get(k)}
        return proposal.plan.digest == plan.digest and changed == case["values"], f"{changed}"

    async def generate(self, case: Case) -> Judged:
        """Does the program that the model writes, run in the sandbox, give the right answer?"""
        intent = _intent(case)
        last: list[StepResult] = []

        async def trial(step: Step, values: Mapping[str, Value]) -> StepResult:
            last.append(await self._execute(step, values, TRIAL_SECONDS))
            if last[-1].status is StepStatus.TIMED_OUT:
                return last[-1].model_copy(update={"status": StepStatus.OK, "error": None})
            return last[-1]

        await refuse(intent, self._writer())
        proposal = await generate(intent, self._writer(), self._context(trial), lambda text: None)
        result = last[-1]
        if not (result.values or result.artifacts):
            step = proposal.plan.steps[0]
            result = await self._execute(step, proposal.values, step.limits.wall_time)
        names = {**proposal.values, **{k: q.value for k, q in result.values.items()}}
        task = proposal.plan.interpretation.text(intent.language, names)
        answer = proposal.plan.answer.text(intent.language, names)
        spoken = {language_of(text) for text in (task, answer)} == {intent.language}
        right = _right(case, answer, result)
        return right and spoken, answer + ("" if spoken else f" (language! {task})")

    async def close(self) -> None:
        """End the workers."""
        await self.planner.close()
        if self._model is not None:
            await self._model.close()

    def _writer(self) -> Model:
        if self._model is None:
            self._model = open_model(self.model or self.settings.model, self.settings)
        if self._model is None:
            raise PlanningError("planning.no_model")
        return self._model

    def _context(self, trial: Any = None, table: Table | None = None) -> PlanningContext:
        return PlanningContext(trial=trial, emit=lambda event: None, table=table, model=self.model)

    async def _execute(self, step: Step, values: Mapping[str, Value], seconds: float) -> StepResult:
        async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
            raw = data if isinstance(data, bytes) else await asyncio.to_thread(data.read_bytes)
            return Artifact(
                id=sha256(raw), name=name, media_type=media_type, size=len(raw), step_id=step.id
            )

        with TemporaryDirectory() as folder:
            context = StepContext(
                values=values,
                live=frozenset(),
                seed=1,
                inputs={},
                workdir=Path(folder),
                limits=step.limits.model_copy(update={"wall_time": seconds}),
                emit=lambda event: None,
                save=save,
            )
            return await self.registry.executor("sandbox").execute(step, context)


def _intent(case: Case) -> Intent:
    return Intent(text=case["text"], language=language_of(case["text"]))


def _right(case: Case, answer: str, result: StepResult) -> bool:
    if case.get("picture"):
        return any(a.media_type == "image/png" for a in result.artifacts)
    if "contains" in case:
        return case["contains"] in answer
    if "contains_any" in case:
        return any(text in answer for text in case["contains_any"])
    if "refused" in case:
        return False
    found = [float(n.replace(",", "")) for n in re.findall(r"-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?",
                                                          answer)]  # fmt: skip
    near = case.get("tolerance", 1e-6)

    def there(number: float) -> bool:
        return any(abs(n - number) <= near * abs(number) for n in found)

    if "numbers_any" in case:
        return any(map(there, case["numbers_any"]))
    return all(map(there, case.get("numbers", [case.get("number", 0)])))


async def measure(kind: str, model: str | None, which: str, match: str) -> dict[str, Any]:
    """Return what came out, case by case, with the share that is right."""
    cases = read_document((INTENTS / f"{kind}.yaml").read_text("utf-8"), kind)["cases"]
    bench = Bench(model)
    ask: Callable[[Case], Awaitable[Judged]] = getattr(bench, kind)
    rows = []
    try:
        for case in cases:
            if which != "all" and bool(case.get("tuned")) != (which == "tuned"):
                continue
            if not re.search(match, case["text"]):
                continue
            started = time.monotonic()
            try:
                right, got = await ask(case)
            except IntentOSError as error:
                right = bool(case.get("refused")) and error.code.startswith("refused.")
                got = f"{error.code}: {error}"
            seconds = round(time.monotonic() - started, 2)
            rows.append({"text": case["text"], "right": right, "got": got, "seconds": seconds})
            print("ok " if right else "BAD", seconds, case["text"], "→", got, flush=True)
    finally:
        await bench.close()
    return {
        "kind": kind,
        "model": model or bench.settings.model,
        "cases": which,
        "right": sum(row["right"] for row in rows),
        "of": len(rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
        "rows": rows,
    }
