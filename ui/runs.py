"""The runs that go on in this process: started, followed, answered, stopped, in the workshop.

What a run is comes from the store's events; beside them only what passes by is kept.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any, get_args

from intentos.attachments import fitted
from intentos.cleaning import keep_to_budget
from intentos.config import Settings
from intentos.conversation import lineage, make_intent, table_of
from intentos.errors import IntentOSError, UsageError
from intentos.events import DurableEvent, Event, RunKept, apply
from intentos.pending import Left, waits
from intentos.plan import Plan, Step
from intentos.policy import choose_executor
from intentos.protocols import RecipeInfo, Table
from intentos.registry import Registry
from intentos.risk import assess
from intentos.run import Run, RunStatus
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import (
    MAX_INTENT_CHARACTERS,
    Attachment,
    Intent,
    Language,
    Mode,
    Problem,
    Value,
    new_id,
)

from .passing import Passing
from .questions import Question, Questions

Listener = Callable[[str, Event | None], None]
"""Hears a run's id and what happened to it; None: something that is no event, such as a question.
It must be quick and may not raise."""


SETTLING_SECONDS = 1.0
"""How long the first page has the machine for itself: what is made ready takes both its cores."""
LEAVING_SECONDS = 2.0
"""How long runs that wait for an answer may take to leave their question in the store."""


class Runs:
    """Starts, answers and stops the runs of all tabs; lives in the workshop's event loop."""

    def __init__(self, settings: Settings, tell: Listener) -> None:
        """Open the store; runs whose owner is gone are marked as interrupted on the way.

        ``tell`` hears of every change, in this thread.

        Raises:
            StoreError: the state folder cannot be written.
        """
        self._tell = tell
        self.settings = settings
        self.store = Store(settings)
        self.store.sweep()
        self.registry = Registry(plugins=settings.plugins)
        self.questions = Questions(self._look_into, lambda run: self._tell(run, None))
        self.runtime = Runtime(
            settings=settings,
            store=self.store,
            registry=self.registry,
            approver=self.questions.approver,
            discloser=self.questions,
            asks_needs=True,
        )
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.passing: dict[str, Passing] = {}
        """Of the runs that go on here, what passes by; read by other threads as well."""
        self.current: dict[str, Run] = {}
        """Those runs as they are now; read by other threads as well."""
        self._background: set[asyncio.Task[object]] = set()

    def open(self) -> None:
        """Make the first run quick, and keep to the disk's budget, both in the background."""
        self._beside(self._get_ready())

    async def close(self) -> None:
        """Interrupt what runs and end all workers; questions stay in the store."""
        self.runtime.leave()
        waiting = [task for run, task in self._tasks.items() if self.questions.open(run)]
        others = [task for task in self._tasks.values() if task not in waiting]
        self.questions.leave()
        for task in (*others, *self._background):
            task.cancel()
        if waiting:  # one that was answered at the last moment runs on
            await asyncio.wait(waiting, timeout=LEAVING_SECONDS)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, *others, *self._background, return_exceptions=True)
        await self.runtime.close()
        self.store.close()

    # ---- what a person does -------------------------------------------------------------------

    async def ask(
        self,
        text: str,
        *,
        conversation: str,
        on: str | None = None,
        language: Language | None = None,
        attachments: Sequence[Attachment] = (),
        spoken: bool = False,
        jury: bool = False,
        mode: Mode | None = None,
    ) -> str:
        """Start a run for a wish and return its id.

        ``on``: the run that the wish follows; None: the last one of the conversation that has
        completed, if there is one. ``mode``: when a person is asked; None: as the settings say.

        Raises:
            UsageError: the text is empty, too long, or no text.
            StoreError: the store cannot be written.
        """
        intent = make_intent(
            text, conversation=conversation, language=language, attachments=tuple(attachments)
        )
        if spoken:
            intent = intent.model_copy(update={"source": "spoken"})
        before = self.store.run(on) if on else self._last_completed(conversation)
        table = None if before is None else self._table(before)
        return await self._start(
            intent, table=table, parent=before.id if before else None, jury=jury, mode=mode
        )

    async def rerun(
        self, run_id: str, values: Mapping[str, Value], *, seed: int | None = None
    ) -> str:
        """Start a run of the same plan with other values and return its id.

        Raises:
            NotFound: there is no such run.
            UsageError: it has no plan.
            ValueOutOfRange: a value does not fit.
        """
        before = self.store.run(run_id)
        if before.plan is None:
            raise UsageError("rerun.no_plan", run=before.id)
        chosen = before.plan.accept({**before.values, **values})
        changed = frozenset(n for n, value in chosen.items() if before.values.get(n) != value)
        return await self._start(
            before.intent.model_copy(update={"id": new_id()}),
            plan=before.plan,
            values=chosen,
            parent=before.id,
            seed=before.seed if seed is None else seed,
            chosen=changed,
        )

    async def save(
        self, run_id: str, name: str, phrases: Sequence[str] = (), *, replace: bool = False
    ) -> RecipeInfo:
        """Keep what a completed run did as a recipe of the person's own.

        ``phrases``: how else it may be asked for, in either language.

        Raises:
            NotFound: there is no such run.
            UsageError: it has not completed, or the name is bad or taken.
            StoreError: the folder cannot be written.
        """
        run = self.store.run(run_id)
        wishes = [earlier.intent.text for earlier in lineage(self.store, run)]
        recipes = self.runtime.recipes
        return await asyncio.to_thread(
            lambda: recipes.save(run, name, wishes, phrases=phrases, replace=replace)
        )

    async def run_plan(
        self,
        plan: Plan,
        values: Mapping[str, Value],
        *,
        conversation: str,
        language: Language,
        attachments: Sequence[Attachment] = (),
        anew: bool = False,
    ) -> str:
        """Start a run of a plan that a person handed in, and return its id; it is asked about.

        ``anew``: whatever was approved before.

        Raises:
            UsageError: it works on files that are not among the ``attachments``.
            StoreError: the store cannot be written.
        """
        fitted(plan, attachments)  # said before anything has begun
        spoken = plan.spoken({**plan.defaults, **values}, language)
        title = plan.title.text(language, spoken).strip()[:MAX_INTENT_CHARACTERS] or plan.id
        intent = make_intent(
            title, conversation=conversation, language=language, attachments=tuple(attachments)
        )
        return await self._start(intent, plan=plan, values=values, anew=anew)

    async def try_recipe(self, id: str, *, conversation: str, language: Language) -> str:
        """Start a run of a recipe as it is, and return its id; what needs a file is given a small
        table.

        Raises:
            NotFound: there is no such recipe.
            UsageError, ExecutorUnavailable: its table cannot be taken in.
            StoreError: the store cannot be written.
        """
        proposal = await asyncio.to_thread(lambda: self.runtime.recipes.get(id))
        plan = proposal.plan
        files = await self.runtime.take_in_samples(proposal.samples) if proposal.samples else ()
        title = plan.title.text(language, plan.spoken(plan.defaults, language))
        intent = make_intent(title, conversation=conversation, language=language, attachments=files)
        return await self._start(intent, plan=plan, values=proposal.values)

    async def stop(self, run_id: str) -> None:
        """Stop a run: model, processes and GPU; what it has finished stays."""
        await self.runtime.cancel(run_id)

    def forget(self, name: str) -> bool:
        """Let a rule, or the approvals of a plan, hold no longer; return whether there were any.

        Raises:
            StoreError: the store cannot be written.
        """
        return self.store.standing.forget(name) > 0

    def keep(self, run_ids: Sequence[str], kept: bool) -> None:
        """Never clean away what runs made, or no longer so.

        Raises:
            StoreError: it cannot be written.
        """
        for run_id in run_ids:
            self.store.append(RunKept(run_id=run_id, kept=kept))
            self._tell(run_id, None)

    async def change(self, settings: Settings) -> None:
        """Let other settings hold for what begins from now on."""
        self.settings = settings
        await self.runtime.change(settings)

    def adopt(self, conversation: str) -> None:
        """Ask again about the plans of a conversation that a program which is gone asked about."""
        for run_id in self.store.talks.runs(conversation):
            if run_id in self._tasks or run_id not in self.store.unfinished():
                continue
            kinds = [event.kind for event in self.store.events(run_id)]
            if waits(kinds) and not self.store.owned(run_id):
                self.current[run_id] = self.store.run(run_id)
                approver = self.questions.approver
                going = self.runtime.answer(run_id, "approve", by="window", approver=approver)
                self._tasks[run_id] = asyncio.create_task(self._follow(run_id, going))

    # ---- inside -------------------------------------------------------------------------------

    async def _get_ready(self) -> None:
        await asyncio.sleep(SETTLING_SECONDS)
        self._beside(self.runtime.warm())
        self._beside(asyncio.to_thread(keep_to_budget, self.settings))
        # It takes a second or two, in which the window would answer nobody.
        await asyncio.to_thread(lambda: self.runtime.recipes.search("a"))

    async def _look_into(self, question: Question) -> None:
        """Find out what a card says besides the plan: the risk and the rule, then the cost."""
        gate = self.runtime.gate(question.run)
        plan, values = question.plan, question.values
        known = await gate.circumstances(plan, values)
        missing = [step for step in plan.steps if step.id not in known.places]
        question.places = known.places
        question.missing = await asyncio.to_thread(self._why_not, missing)
        question.rule = await gate.rule(plan, values)
        question.risk = assess(plan, known)
        self._tell(question.run, None)
        with suppress(IntentOSError):
            question.estimates = await self.runtime.estimate(question.run, plan, values)
        self._tell(question.run, None)

    async def _start(
        self,
        intent: Intent,
        *,
        plan: Plan | None = None,
        values: Mapping[str, Value] | None = None,
        table: Table | None = None,
        parent: str | None = None,
        seed: int | None = None,
        chosen: frozenset[str] | None = None,
        jury: bool = False,
        mode: Mode | None = None,
        anew: bool = False,
    ) -> str:
        run_id = new_id()
        events = self.runtime.run(
            intent,
            plan=plan,
            values=values,
            seed=seed,
            parent_run=parent,
            table=table,
            run_id=run_id,
            jury=jury,
            chosen=chosen,
            mode=mode,
            anew=anew,
        )
        begun = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._follow(run_id, events, begun))
        self._tasks[run_id] = task
        await asyncio.wait([task, begun], return_when=asyncio.FIRST_COMPLETED)
        if task.done() and (error := task.exception()) is not None:
            raise error
        return run_id

    async def _follow(
        self,
        run_id: str,
        events: AsyncIterator[Event],
        begun: asyncio.Future[None] | None = None,
    ) -> None:
        passing = self.passing[run_id] = Passing(time.monotonic())
        try:
            async for event in events:
                if isinstance(event, get_args(DurableEvent)):
                    self.current[run_id] = apply(self.current.get(run_id), event)
                passing.hear(event)
                if begun is not None and not begun.done():
                    begun.set_result(None)
                self._tell(run_id, event)
        except Left:
            pass
        finally:
            self._tasks.pop(run_id, None)
            self.passing.pop(run_id, None)
            self.current.pop(run_id, None)
            self.questions.forget(run_id)
            self._tell(run_id, None)

    def _why_not(self, steps: Sequence[Step]) -> dict[str, Problem]:
        found: dict[str, Problem] = {}
        for step in steps:
            try:
                choose_executor(step, self.registry)
            except IntentOSError as error:
                found[step.id] = error.problem()
        return found

    def _last_completed(self, conversation: str) -> Run | None:
        for run_id in reversed(self.store.talks.runs(conversation)):
            run = self.store.run(run_id)
            if run.status is RunStatus.COMPLETED:
                return run
        return None

    def _table(self, run: Run) -> Table | None:
        table: Table | None = None
        for one in lineage(self.store, run):
            table = table_of(one, table) or table
        return table

    def _beside(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
