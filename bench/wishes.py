"""Asks every wish of ``bench/intents`` for real, in one resident process, and judges what comes.

    intentos bench intents [--untouched|--tuned|--rehearsed|--all] [--model NAME] [--family F]

Each case is planned, approved and run by the program's own runtime, with a store of its own that is
gone at the end; the cases and the judging go through pydantic-evals.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic_evals import Case as EvalCase
from pydantic_evals import Dataset
from pydantic_evals.evaluators import EvaluationReason, Evaluator, EvaluatorContext

from intentos import config
from intentos.conversation import Conversation, Options
from intentos.events import ArtifactSaved, Event, FrameDrawn, LiveEvent, PlanProposed, RunStarted
from intentos.plan import Approval, Plan
from intentos.planners import numbers
from intentos.planners.library import Library
from intentos.protocols import Proposal
from intentos.report import Timings, last_named, report
from intentos.run import Run
from intentos.types import Value

from .cases import Case
from .looking import Look, look
from .oracles import Outcome, judge
from .summary import Row

SECONDS_EACH = 300.0
"""A sentence that takes longer than this counts as wrong."""
PICTURES = ("image/", "video/")
Report = Any
"""EvaluationReport[Case, list[Outcome], None]: its generics are not worth their length here."""


class Examiner:
    """Approves every plan, once it does no more work than was asked for.

    Where a wish says nothing of a parameter that scales the work, the recipe's small ``test`` value
    does: what is judged is whether the wish was understood, not how fast this machine is. A wish
    that is judged by its numbers runs in full.
    """

    def __init__(self, library: Library, *, full_size: bool) -> None:
        self._library = library
        self._full_size = full_size
        self._said: frozenset[float] = frozenset()
        self._on_table: str | None = None
        self.in_full = False
        """The case at hand is judged by its numbers."""

    def hear(self, text: str) -> None:
        """Take note of the numbers that the wish at hand says."""
        self._said = frozenset(m.number for m in numbers.read(text) if m.kind == "number")

    def forget(self) -> None:
        """Begin a new conversation: nothing is on the table."""
        self._on_table = None

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval | Proposal | None:
        """Return the plan with less work, or an approval of it for this once."""
        smaller = dict(values) | self._smaller(plan, values)
        if smaller != dict(values):
            return Proposal(plan=plan, values=smaller)
        self._on_table = plan.digest
        return Approval(plan_digest=plan.digest, decision="approve", by="bench", scope="once")

    def _smaller(self, plan: Plan, values: Mapping[str, Value]) -> dict[str, Value]:
        if self._full_size or self.in_full or plan.recipe is None:
            return {}
        if plan.digest == self._on_table:  # a follow-up goes on from what is there
            return {}
        test = self._library.get(plan.recipe).test
        return {
            p.name: p.accept(test[p.name])
            for p in plan.parameters
            if p.work
            and p.name in test
            and values[p.name] == p.default
            and p.default not in self._said
        }


class Times:
    """Hears the events of one conversation, and keeps when a plan and a picture first came."""

    def __init__(self, examiner: Examiner) -> None:
        self._examiner = examiner
        self._began = 0.0
        self.plans: list[float | None] = []
        self.frames: list[float | None] = []
        self.tokens: list[int] = []

    def hear(self, event: Event) -> None:
        """Take note of an event."""
        # What is stored tells its own moment, which is earlier than when it is heard.
        at = time.time() if isinstance(event, LiveEvent) else event.at.timestamp()
        since = round(at - self._began, 3)
        match event:
            case RunStarted():
                self._began = at
                self._examiner.hear(event.intent.text)
                self.plans.append(None)
                self.frames.append(None)
                self.tokens.append(0)
            case PlanProposed() if self.plans[-1] is None:
                self.plans[-1] = since
                self.tokens[-1] = event.tokens
            case FrameDrawn() if self.frames[-1] is None:
                # Frames before there is a plan are those of a trial, which nobody sees.
                self.frames[-1] = None if self.plans[-1] is None else since
            case ArtifactSaved() if self.frames[-1] is None:
                if event.artifact.media_type.startswith(PICTURES):
                    self.frames[-1] = since
            case _:
                pass


class Bench:
    """One resident program that is asked one case after the other."""

    def __init__(self, home: Path, model: str | None, *, full_size: bool) -> None:
        self.settings = config.load().model_copy(update={"home": home, "learn": False})
        self.model = model or self.settings.model
        self._options = Options(model=model)
        self._examiner: Examiner
        self._conversation = Conversation(self.settings, self, called_at=time.time())
        library = Library(self._conversation.registry, self.settings)
        self._examiner = Examiner(library, full_size=full_size)

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval | Proposal | None:
        """Answer as the examiner does."""
        return await self._examiner.approve(plan, values, run=run, why=why)

    async def warm(self) -> None:
        """Make the workers ready, as a program that stays does."""
        await self._conversation.runtime.warm()

    async def close(self) -> None:
        """End the workers."""
        await self._conversation.close()
        self._conversation.store.close()

    async def ask(self, case: Case) -> list[Outcome]:
        """Return what each sentence led to; fewer, where one of them did not complete."""
        runs: list[Run] = []
        self._examiner.forget()
        self._examiner.in_full = any(oracle.numbers for oracle in case.oracles)
        times = Times(self._examiner)
        async with asyncio.timeout(SECONDS_EACH * len(case.says)):
            runs.append(
                await self._conversation.ask(
                    case.says, self._options, times.hear, between=runs.append
                )
            )
        outcomes = [
            Outcome(
                report=self._report(run, case),
                words=words(run.plan, run.values) if run.plan else "",
                look=self._look(run),
                tokens=times.tokens[place],
                plan_s=times.plans[place],
                frame_s=times.frames[place],
            )
            for place, run in enumerate(runs)
        ]
        # Only now: two runs of a conversation may share a file.
        store = self._conversation.store
        for path in {store.path(a.id) for run in runs for a in run.artifacts if store.has(a.id)}:
            path.unlink(missing_ok=True)
        return outcomes

    def _report(self, run: Run, case: Case) -> dict[str, Any]:
        paths = {a.name: self._conversation.store.path(a.id) for a in run.artifacts}
        return report(run, paths=paths, timings=Timings(), runs=[run.id], language=case.language)

    def _look(self, run: Run) -> Look:
        """Look at what a run left."""
        store = self._conversation.store
        found = [(store.path(a.id), a) for a in last_named(run.artifacts) if store.has(a.id)]
        with TemporaryDirectory() as folder:
            files = {}
            for path, artifact in found:
                named = Path(folder) / artifact.name
                named.symlink_to(path)
                files[named] = artifact.media_type
            return look(files)


def words(plan: Plan, values: Mapping[str, Value]) -> str:
    """Return a plan's title and interpretation in both languages, and the choices that it made."""
    told = [
        each.text(language, values)
        for each in (plan.title, plan.interpretation)
        for language in ("en", "zh")
    ]
    chosen = [f"{values[p.name]}" for p in plan.parameters if p.kind in ("choice", "text")]
    return " ".join([*told, *chosen])


@dataclass
class Oracles(Evaluator[Case, list[Outcome], None]):
    """Everything that must hold, sentence by sentence."""

    def evaluate(
        self, ctx: EvaluatorContext[Case, list[Outcome], None]
    ) -> dict[str, EvaluationReason]:
        """Return a judgement for each thing that was asked."""
        case, outcomes = ctx.inputs, ctx.output
        found: dict[str, EvaluationReason] = {}
        for place, oracle in enumerate(case.oracles, start=1):
            prefix = f"{place} " if len(case.oracles) > 1 else ""
            if place > len(outcomes):
                found[f"{prefix}reached"] = EvaluationReason(value=False, reason="not reached")
                break
            for name, one in judge(oracle, outcomes[:place], case.language).items():
                found[prefix + name] = EvaluationReason(value=one.right, reason=one.found)
        return found


async def measure(
    cases: Sequence[Case],
    model: str | None,
    *,
    full_size: bool = False,
    tell: Callable[[str], None] = lambda text: None,
) -> tuple[str, list[Row]]:
    """Return the model's name and one row for each case, in their order.

    A case that crashes counts as wrong, and the others go on.
    """
    done = 0
    with TemporaryDirectory(prefix="intentos-bench-", ignore_cleanup_errors=True) as folder:
        bench = Bench(Path(folder), model, full_size=full_size)

        async def ask(case: Case) -> list[Outcome]:
            nonlocal done
            done += 1
            tell(f"{done}/{len(cases)} {case.family} ({case.language})")
            return await bench.ask(case)

        dataset: Dataset[Case, list[Outcome], None] = Dataset(
            name="intents",
            cases=[EvalCase(name=f"{n}", inputs=case) for n, case in enumerate(cases)],
            evaluators=[Oracles()],
        )
        try:
            await bench.warm()
            found = await dataset.evaluate(ask, max_concurrency=1, progress=False)
        finally:
            await bench.close()
        return bench.model, rows(cases, found)


def rows(cases: Sequence[Case], found: Report) -> list[Row]:
    """Return one row for each case from a report of pydantic-evals."""
    judged = {int(one.name): one for one in found.cases}
    crashed = {int(one.name): one.error_message for one in found.failures}
    made = []
    for place, case in enumerate(cases):
        one = judged.get(place)
        if one is None:
            why = [f"crashed: {crashed.get(place, 'never asked')}"]
            made.append(Row.of(case, wrong=why, crashed=True))
            continue
        wrong = [f"{n}: {a.reason}" for n, a in one.assertions.items() if not a.value]
        wrong += [f"{f.name}: {f.error_message}" for f in one.evaluator_failures]
        made.append(Row.of(case, wrong=wrong, outcomes=one.output))
    return made
