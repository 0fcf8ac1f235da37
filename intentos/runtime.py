"""The loop: intent → plan → approval → steps → checks, as one stream of events.

The runtime joins the parts that only know protocols. It never runs a plan whose digest has no
approval, whoever asks. Canceling keeps what is there and leaves no process behind.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from intentos import intake
from intentos.config import Settings
from intentos.consent import Consents, Discloser, Disclosure, Sent, permit
from intentos.errors import NotFound, UsageError
from intentos.events import Event, LiveEvent
from intentos.execution import Execution
from intentos.gate import Gate
from intentos.pending import waiting
from intentos.placement import Where
from intentos.plan import Approval, Plan
from intentos.policy import Answered
from intentos.protocols import (
    Approver,
    Leavable,
    Models,
    Planner,
    PlanningContext,
    Proposal,
    Recipes,
    Resident,
    Table,
)
from intentos.registry import Registry
from intentos.scratch import scratch_folder
from intentos.store import Store
from intentos.types import Attachment, Estimate, Intent, Mode, Need, Value, new_id

NOT_PLANNED_BY = ("language", "seed", "mode", "disk_budget", "wall_time", "adapter")
"""Settings that no planner looks at."""


class Runtime:
    """Runs intents and plans; one for each process, used from one event loop."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        registry: Registry,
        approver: Approver,
        discloser: Discloser | None = None,
        asks_needs: bool = False,
    ) -> None:
        """``discloser`` is asked before anything leaves this machine; None: nobody can be.
        ``asks_needs``: the approver is a person who sees what reaches outside the sandbox, and
        may allow it for one run."""
        self._settings = settings
        self._store = store
        self._registry = registry
        self._approver = approver
        self._discloser = discloser
        self._asks_needs = asks_needs
        self._planner: Planner | None = None
        self._one_planner = threading.Lock()
        self._retired: list[Planner] = []
        """Of earlier settings; runs that go on may still be using them."""
        self._leaving = False
        self._warm: list[Resident] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._runs: dict[str, Execution] = {}

    async def warm(self) -> None:
        """Keep processes ready, for programs that stay: a step's first frame comes sooner."""
        for executor in self._registry.executors().values():
            if isinstance(executor, Resident) and not executor.substitute:
                self._warm.append(executor)
                await executor.warm()

    def leave(self) -> None:
        """Say that this program ends: what it stops from now on is interrupted, not canceled."""
        for run in self._runs.values():
            run.leaving = True
        self._leaving = True
        if self._planner is not None:  # else whoever makes it does this
            _leave(self._planner)

    async def close(self) -> None:
        """Cancel what runs and end all workers."""
        for run_id in list(self._tasks):
            await self.cancel(run_id)
        while self._warm:
            await self._warm.pop().cool()
        if self._planner is not None:
            await self._planner.close()
        await self._end_retired()

    async def change(self, settings: Settings) -> None:
        """Let other settings hold for runs from now on; those that go on keep theirs."""
        before, self._settings = self._settings, settings
        same = settings.model_copy(update={name: getattr(before, name) for name in NOT_PLANNED_BY})
        if self._planner is not None and same != before:  # else its model stays awake
            self._retired.append(self._planner)
            self._planner = None
        if not self._tasks:
            await self._end_retired()

    async def _end_retired(self) -> None:
        while self._retired:
            await self._retired.pop().close()

    async def take_in(
        self, paths: Sequence[Path], *, taken: Collection[str] = ()
    ) -> tuple[Attachment, ...]:
        """Return files as attachments of an intent; each is read in the sandbox and profiled.
        ``taken``: keys of other attachments of it.

        Raises:
            UsageError: one of them is not there, too large, or cannot be used.
            ExecutorUnavailable: no sandbox works here, and nothing else may read them.
        """
        if len(paths) > intake.MAX_FILES:
            raise UsageError("attachment.too_many", count=len(paths), limit=intake.MAX_FILES)
        found: list[Attachment] = []
        for path in paths:
            keys = {*taken, *(attachment.key for attachment in found)}
            found.append(
                await intake.take_in(
                    path,
                    settings=self._settings,
                    store=self._store,
                    registry=self._registry,
                    taken=keys,
                )
            )
        return tuple(found)

    async def take_in_samples(self, samples: Mapping[str, str]) -> tuple[Attachment, ...]:
        """Return small tables, name → CSV, as attachments of those names."""
        with scratch_folder() as folder:
            paths = [Path(folder, f"{name}.csv") for name in samples]
            for path, text in zip(paths, samples.values(), strict=True):
                await asyncio.to_thread(path.write_text, text, "utf-8")
            return await self.take_in(paths)

    async def propose(
        self,
        intent: Intent,
        *,
        table: Table | None = None,
        model: str | None = None,
        emit: Callable[[LiveEvent], None] = lambda event: None,
        send: frozenset[Sent] = frozenset(),
    ) -> Proposal:
        """Return a plan for the intent without running anything, not even a trial."""
        context = PlanningContext(trial=None, emit=emit, table=table, model=model)
        return await self._propose(intent, context, send=send)

    async def run(
        self,
        intent: Intent,
        *,
        plan: Plan | None = None,
        values: Mapping[str, Value] | None = None,
        seed: int | None = None,
        parent_run: str | None = None,
        table: Table | None = None,
        model: str | None = None,
        allow: frozenset[Need] = frozenset(),
        run_id: str | None = None,
        jury: bool = False,
        send: frozenset[Sent] = frozenset(),
        chosen: frozenset[str] | None = None,
        mode: Mode | None = None,
        unsafe_no_sandbox: bool = False,
        anew: bool = False,
        where: Where = "here",
    ) -> AsyncIterator[Event]:
        """Yield the run's events from RunStarted to RunFinished.

        Without ``plan`` the planner makes one, with ``table`` as the conversation so far.
        ``values`` overrule what the planner chose. ``jury``: where code is written for a number,
        several programs vote. ``send``: what may go to somebody else's model without asking.
        ``chosen``: which of the values the person has just set, and so may be remembered; None: all
        of them where a plan is made anew, none where one is handed in. ``mode``: when a person is
        asked; None: as the settings say. ``unsafe_no_sandbox``: Python may run without a sandbox
        where none works, once a person has approved just that. ``anew``: a person is asked whatever
        was approved before, as about a plan that somebody handed over. ``where``: ``peer`` sends
        steps to other machines, ``auto`` those that would have to wait here.
        Leaving the iteration early cancels the run.

        Raises:
            StoreError: the store cannot be written, so that nothing can be promised any more.
        """
        run = self._execution(
            run_id or new_id(),
            intent,
            self._settings.seed if seed is None else seed,
            self._approver,
            allow=allow,
            mode=mode,
            unsafe_no_sandbox=unsafe_no_sandbox,
            anew=anew,
            where=where,
            send=send,
            jury=jury,
            chosen=(frozenset() if plan else frozenset(values or {})) if chosen is None else chosen,
        )
        work = run.main(plan, dict(values or {}), parent_run, table, model)
        async for event in self._going_on(run, work):
            yield event

    async def answer(
        self,
        name: str,
        decision: Literal["approve", "reject"],
        *,
        by: str,
        approver: Approver | None = None,
        allow: frozenset[Need] = frozenset(),
        mode: Mode | None = None,
        unsafe_no_sandbox: bool = False,
    ) -> AsyncIterator[Event]:
        """Answer for a plan that waits in the store, and yield what follows, to RunFinished.

        The plan, its values and the seed are those that were asked about. ``approver`` is asked
        before a plan is approved that is not approved already; None: the answer is the decision.

        Raises:
            NotFound: no run, or more than one, is meant.
            NotApproved: the run was stopped, so that no approval counts any more.
            UsageError: its plan waits for nothing, or another program is asking about it.
            StoreError: the store cannot be written.
        """
        waited = waiting(self._store, name)
        if self._store.owned(waited.id):
            raise UsageError("store.owned", run=waited.id)
        assert waited.plan is not None
        answered = Approval(plan_digest=waited.plan.digest, decision=decision, by=by, scope="plan")
        run = self._execution(
            waited.id,
            waited.intent,
            waited.seed,
            approver or Answered(answered),
            allow=allow,
            mode=mode,
            unsafe_no_sandbox=unsafe_no_sandbox,
        )
        async for event in self._going_on(run, run.resume(answered)):
            yield event

    def _execution(
        self,
        run_id: str,
        intent: Intent,
        seed: int,
        approver: Approver,
        *,
        allow: frozenset[Need],
        mode: Mode | None,
        unsafe_no_sandbox: bool,
        anew: bool = False,
        where: Where = "here",
        send: frozenset[Sent] = frozenset(),
        jury: bool = False,
        chosen: frozenset[str] = frozenset(),
    ) -> Execution:
        gate = Gate(
            run=run_id,
            mode=mode or self._settings.mode,
            allow=allow,
            unsafe_no_sandbox=unsafe_no_sandbox,
            settings=self._settings,
            store=self._store,
            registry=self._registry,
            recipes=lambda: self._planner_of_this().recipes,
            asks_needs=self._asks_needs,
            anew=anew,
            where=where,
        )
        return Execution(
            run_id=run_id,
            intent=intent,
            seed=seed,
            gate=gate,
            settings=self._settings,
            store=self._store,
            registry=self._registry,
            approver=approver,
            propose=partial(self._propose, send=send),
            jury=jury,
            chosen=chosen,
        )

    async def _going_on(
        self, run: Execution, work: Coroutine[Any, Any, None]
    ) -> AsyncIterator[Event]:
        task = asyncio.create_task(work, name=f"run {run.run_id}")
        self._tasks[run.run_id] = task
        self._runs[run.run_id] = run
        try:
            while (event := await run.next_event()) is not None:
                yield event
            await task
        finally:
            await self.cancel(run.run_id)
            del self._tasks[run.run_id]
            del self._runs[run.run_id]
            if not self._tasks:
                await self._end_retired()

    def gate(self, run_id: str) -> Gate:
        """Return the gate of a living run: what it knows of the plan that a person is asked about.

        Raises:
            NotFound: no such run is going on in this process.
        """
        if run_id not in self._runs:
            raise NotFound("store.no_run", name=run_id)
        return self._runs[run_id].gate

    async def estimate(
        self, run_id: str, plan: Plan, values: Mapping[str, Value]
    ) -> dict[str, Estimate]:
        """Return what each step of a plan will cost that a person is asked about in a living run.

        Where earlier runs say nothing of it, a little of the work is tried, as a trial is: isolated
        and for two seconds at most.

        Raises:
            NotFound: no such run is going on in this process.
        """
        if run_id not in self._runs:
            raise NotFound("store.no_run", name=run_id)
        return await self._runs[run_id].estimate(plan, values)

    async def cancel(self, run_id: str) -> None:
        """Stop a run: model, processes and GPU; what it has finished stays."""
        task = self._tasks.get(run_id)
        if task is not None and not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])

    async def _propose(
        self, intent: Intent, context: PlanningContext, *, send: frozenset[Sent]
    ) -> Proposal:
        async def disclose(host: str, model: str) -> None:
            sent: list[Sent] = ["wish"] if model else ["neighbours"]
            if context.table is not None:
                sent.append("plan")
            if intent.attachments or (context.table and context.table.attachments):
                sent.append("attachments")
            disclosure = Disclosure(host=host, model=model, sent=tuple(sent))
            await permit(disclosure, Consents(self._settings), self._discloser, send)

        planner = self._planner_of_this()
        proposal = await planner.propose(intent, replace(context, disclose=disclose))
        plan = proposal.plan
        vouched = plan.recipe is None or planner.recipes.vouches(plan.recipe, plan.digest)
        return replace(proposal, vouched=vouched and plan.origin != "edited")

    @property
    def models(self) -> Models:
        """The language models that can be had."""
        return self._planner_of_this().models

    @property
    def recipes(self) -> Recipes:
        """The library; made ready in a second or two when it is first asked for, in any thread."""
        return self._planner_of_this().recipes

    def _planner_of_this(self) -> Planner:
        with self._one_planner:
            if self._planner is None:
                self._planner = self._registry.planner(settings=self._settings)
                if self._leaving:
                    _leave(self._planner)
            return self._planner


def _leave(planner: Planner) -> None:
    """Let go who waits for a planner's library to be read, which may take long."""
    if isinstance(planner.recipes, Leavable):
        planner.recipes.leave()
