"""The desk: what every tab talks to, so that closing one stops nothing and all show the same.

It holds no truth of its own: what a run is comes from the store's events. Runs are planned and
followed in the workshop's thread; this side only reads, hands over, and tells listeners.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from intentos import config_file
from intentos.config import Settings
from intentos.errors import IntentOSError
from intentos.events import Event
from intentos.plan import Plan
from intentos.plan_file import PlanFile
from intentos.plan_opening import open_shared
from intentos.protocols import Models, RecipeInfo, Recipes
from intentos.registry import Registry
from intentos.run import Run
from intentos.store import Store
from intentos.talks import Talk
from intentos.types import Attachment, Estimate, Language, Mode, Value

from .fetching import Fetching
from .machine import Machines
from .passing import Passing
from .questions import Consent, Question
from .reading import Reading
from .runs import Listener, Runs
from .workshop import Workshop

T = TypeVar("T")

RUNS_KEPT = 200
"""Ended runs in memory; the others are read again when they are looked at."""


@dataclass(frozen=True)
class Turn:
    """One run as a conversation shows it."""

    run: Run
    passing: Passing | None = None
    """What passes by while it goes on in this process."""
    question: Question | None = None
    consent: Consent | None = None


class Desk:
    """One for the process; used from the loop that serves the pages."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._ended: OrderedDict[str, Run] = OrderedDict()
        self._listeners: dict[str, set[Listener]] = {}
        self._talk_of: dict[str, str] = {}
        self.presented: str | None = None
        """The conversation that guests see."""
        self.opened: dict[str, str] = {}
        """Run → the file from which its plan was opened here."""
        self._watching: set[Callable[[], None]] = set()

    def open(self) -> None:
        """Open the store and start what works beside the pages; called in the pages' thread.

        Raises:
            StoreError: the state folder cannot be written.
        """
        loop = asyncio.get_running_loop()

        def tell(run_id: str, event: Event | None) -> None:
            with suppress(RuntimeError):  # the pages' loop has been closed
                loop.call_soon_threadsafe(self._tell, run_id, event)

        async def begin() -> Runs:
            runs = Runs(self.settings, tell)
            runs.open()
            return runs

        self._workshop = Workshop()
        self._runs = self._workshop.wait(begin)
        self.store = Store(self.settings)
        """For reading, in this thread."""
        self.registry: Registry = self._runs.registry
        self._reading = Reading(self.settings)

        def models() -> Models:
            return self._runs.runtime.models

        self.fetching = Fetching(models)
        """The model that is being fetched, if one is."""
        self.machines = Machines(lambda: self.settings, models)

    async def close(self) -> None:
        """Interrupt what runs and end all workers; questions stay in the store."""
        await self.fetching.close()
        await self.machines.close()
        await self._workshop.do(self._runs.close)
        await self._workshop.close()
        await self._reading.close()
        self.store.close()

    # ---- what there is ------------------------------------------------------------------------

    @property
    def recipes(self) -> Recipes:
        """The library; takes a second or two the first time: to be asked for in a thread."""
        return self._runs.runtime.recipes

    async def read(self, work: Callable[[Store], T]) -> T:
        """Return what work on the store returns, done in a thread that no page waits for."""
        return await self._reading.do(work)

    def talks(self, search: str = "", limit: int = 100) -> list[Talk]:
        """Return the conversations, the newest first; ``search``: those that mention it."""
        return self.store.talks.every(search, limit)

    def turns(self, conversation: str) -> list[Turn]:
        """Return the runs of a conversation, the oldest first, as far as they can be read."""
        found = []
        for run_id in self.store.talks.runs(conversation):
            with suppress(IntentOSError):
                found.append(self.turn(run_id))
        return found

    def turn(self, run_id: str) -> Turn:
        """Return one run as it is now.

        Raises:
            NotFound: there is none.
            StoreError: its record cannot be read.
        """
        run = self._runs.current.get(run_id) or self._ended.get(run_id)
        if run is None:  # or another program is at work on it
            run = self.store.run(run_id)
            if run.status.ended:
                self._keep(run)
        questions = self._runs.questions
        passing = self._runs.passing.get(run_id)
        return Turn(run, passing, questions.open(run_id), questions.consent(run_id))

    def before(self, plan: Plan) -> tuple[Plan, Mapping[str, Value]] | None:
        """Return the plan that another one came from, with the values it was proposed with."""
        with suppress(IntentOSError):
            return self.store.plan(plan.parent) if plan.parent else None
        return None

    def listen(self, conversation: str, listener: Listener) -> Callable[[], None]:
        """Tell a listener of every change in a conversation, ``""``: in all; return what ends
        that."""
        self._listeners.setdefault(conversation, set()).add(listener)

        def end() -> None:
            listeners = self._listeners.get(conversation, set())
            listeners.discard(listener)
            if not listeners:
                self._listeners.pop(conversation, None)

        return end

    def present(self, conversation: str | None) -> None:
        """Show guests a conversation, or none."""
        self.presented = conversation
        for watcher in list(self._watching):
            watcher()

    def on_presented(self, watcher: Callable[[], None]) -> Callable[[], None]:
        """Call a watcher when guests are shown something else; return what ends that."""
        self._watching.add(watcher)
        return lambda: self._watching.discard(watcher)

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
        """Start a run for a wish and return its id; see :meth:`Runs.ask`."""
        return await self._workshop.do(
            lambda: self._runs.ask(
                text,
                conversation=conversation,
                on=on,
                language=language,
                attachments=attachments,
                spoken=spoken,
                jury=jury,
                mode=mode,
            )
        )

    async def rerun(
        self, run_id: str, values: Mapping[str, Value], *, seed: int | None = None
    ) -> str:
        """Start a run of the same plan with other values; see :meth:`Runs.rerun`."""
        return await self._workshop.do(lambda: self._runs.rerun(run_id, values, seed=seed))

    async def save(
        self, run_id: str, name: str, phrases: Sequence[str] = (), *, replace: bool = False
    ) -> RecipeInfo:
        """Keep what a run did as a recipe of the person's own; see :meth:`Runs.save`."""
        return await self._workshop.do(
            lambda: self._runs.save(run_id, name, phrases, replace=replace)
        )

    async def ended(self, run_id: str) -> Run:
        """Wait until a run has ended, however that takes place, and return it."""
        changed = asyncio.Event()

        def hear(changed_run: str, _: Event | None) -> None:
            if changed_run == run_id:
                changed.set()

        stop = self.listen("", hear)
        try:
            while not (run := self.turn(run_id).run).status.ended:
                changed.clear()
                await changed.wait()
        finally:
            stop()
        return run

    async def run_plan(
        self,
        plan: Plan,
        values: Mapping[str, Value],
        *,
        conversation: str,
        language: Language,
        attachments: Sequence[Attachment] = (),
        file: str | None = None,
    ) -> str:
        """Start a run of a plan that a person handed in; see :meth:`Runs.run_plan`.

        ``file``: what it came from, where somebody else may have written it.
        """
        run = await self._workshop.do(
            lambda: self._runs.run_plan(
                plan,
                values,
                conversation=conversation,
                language=language,
                attachments=attachments,
                anew=file is not None,
            )
        )
        if file is not None:
            self.opened[run] = file
        return run

    async def read_plan(self, data: bytes, name: str) -> PlanFile:
        """Return the plan in a file that somebody handed over; see :func:`open_shared`."""
        registry, settings = self.registry, self.settings
        return await self.read(
            lambda store: open_shared(data, name, store=store, registry=registry, settings=settings)
        )

    async def try_recipe(self, id: str, *, conversation: str, language: Language) -> str:
        """Start a run of a recipe as it is; see :meth:`Runs.try_recipe`."""
        return await self._workshop.do(
            lambda: self._runs.try_recipe(id, conversation=conversation, language=language)
        )

    async def approve(
        self,
        run_id: str,
        values: Mapping[str, Value] | None = None,
        *,
        scope: Literal["once", "plan", "rule"] = "once",
    ) -> None:
        """Approve the plan that waits; see :meth:`Questions.approve`."""

        async def work() -> None:
            self._runs.questions.approve(run_id, values, scope=scope)

        await self._workshop.do(work)

    async def edit(self, run_id: str, plan: Plan, values: Mapping[str, Value]) -> None:
        """Put another plan in the place of the one that waits; see :meth:`Questions.edit`."""

        async def work() -> None:
            self._runs.questions.edit(run_id, plan, values)

        await self._workshop.do(work)

    async def reject(self, run_id: str) -> None:
        """Say no to the plan that waits; raises UsageError where none does."""

        async def work() -> None:
            self._runs.questions.reject(run_id)

        await self._workshop.do(work)

    async def allow(self, run_id: str, yes: bool) -> None:
        """Say whether the text that waits may leave this machine; raises UsageError where none
        does."""

        async def work() -> None:
            self._runs.questions.allow(run_id, yes)

        await self._workshop.do(work)

    async def take_in(self, path: Path, *, taken: Collection[str] = ()) -> Attachment:
        """Return a file as an attachment of a wish: read in the sandbox, and profiled.
        ``taken``: keys of other attachments of it.

        Raises:
            UsageError: it is too large, or nothing that can be used; the message says what.
            ExecutorUnavailable: no sandbox works here, and nothing else may read it.
            StoreError: the disk is full.
        """
        runtime = self._runs.runtime
        (attachment,) = await self._workshop.do(lambda: runtime.take_in([path], taken=taken))
        return attachment

    async def forget(self, name: str) -> bool:
        """Let a rule, or the approvals of a plan, hold no longer; return whether there were any.

        Raises:
            StoreError: the store cannot be written.
        """

        async def work() -> bool:
            return self._runs.forget(name)

        return await self._workshop.do(work)

    async def stop(self, run_id: str) -> None:
        """Stop a run: model, processes and GPU; what it has finished stays."""
        await self._workshop.do(lambda: self._runs.stop(run_id))

    async def keep(self, run_ids: Sequence[str], kept: bool) -> None:
        """Never clean away what runs made, or no longer so; see :meth:`Runs.keep`."""

        async def work() -> None:
            self._runs.keep(run_ids, kept)

        await self._workshop.do(work)
        for run_id in run_ids:
            self._ended.pop(run_id, None)

    async def change(self, changes: Mapping[str, Value | None]) -> None:
        """Change settings for all that begins from now on; None: back to the default.

        Raises:
            ConfigError: one of them is impossible, or the environment fixes it.
            StoreError: they cannot be written.
        """
        settings = await asyncio.to_thread(config_file.change, self.settings.home, changes)
        self.settings = settings
        await self._workshop.do(lambda: self._runs.change(settings))

    async def check_model(self, name: str) -> None:
        """Return where a model is called so; see :meth:`Models.check`."""
        await asyncio.to_thread(lambda: self._runs.runtime.models.check(name))

    async def estimate(self, run_id: str, values: Mapping[str, Value]) -> dict[str, Estimate]:
        """Return what the plan that waits will cost with other values; see
        :meth:`Runtime.estimate`."""
        plan = self.turn(run_id).run.plan
        if plan is None:
            return {}
        runtime = self._runs.runtime
        return await self._workshop.do(lambda: runtime.estimate(run_id, plan, plan.accept(values)))

    async def try_formulas(self, plan: Plan, values: Mapping[str, Value]) -> None:
        """Return where the kernels of a plan understand the formulas among its values.

        Raises:
            InvalidPlan: one does not; says where and why.
        """
        await asyncio.to_thread(_build, plan, values, self.registry)

    async def adopt(self, conversation: str) -> None:
        """Ask again about the plans of a conversation that a program which is gone asked about."""

        async def work() -> None:
            self._runs.adopt(conversation)

        await self._workshop.do(work)

    # ---- inside -------------------------------------------------------------------------------

    def _tell(self, run_id: str, event: Event | None) -> None:
        talk = self._talk_of.get(run_id)
        if talk is None:
            with suppress(IntentOSError):
                talk = self._talk_of[run_id] = self.turn(run_id).run.intent.conversation
        for name in ("", talk):
            for listener in list(self._listeners.get(name, ()) if name is not None else ()):
                listener(run_id, event)
        if run_id not in self._runs.current:
            self._talk_of.pop(run_id, None)

    def _keep(self, run: Run) -> None:
        self._ended[run.id] = run
        while len(self._ended) > RUNS_KEPT:
            self._ended.popitem(last=False)


def _build(plan: Plan, values: Mapping[str, Value], registry: Registry) -> None:
    """Make the programs of the steps into which a formula of the person's goes."""
    formulas = {p.name for p in plan.parameters if p.kind == "expression"}
    for step in plan.steps:
        if step.language == "kernel" and formulas & step.parameter_names:
            registry.kernel(step.code).build(step.resolved_arguments(values))
