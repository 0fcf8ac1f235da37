"""The loop: intent → plan → approval → steps → checks, as one stream of events.

The runtime joins the parts that only know protocols. It never runs a plan whose digest has no
approval, whoever asks. Canceling keeps what is there and leaves no process behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from intentos import intake
from intentos.config import Settings
from intentos.consent import Consents, Discloser, Disclosure, Sent, permit
from intentos.errors import NotFound, UsageError
from intentos.events import Event, LiveEvent
from intentos.execution import Execution
from intentos.plan import Plan
from intentos.protocols import (
    Approver,
    Planner,
    PlanningContext,
    Proposal,
    Resident,
    Table,
)
from intentos.registry import Registry
from intentos.store import Store
from intentos.types import Attachment, Estimate, Intent, Need, Value, new_id


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
    ) -> None:
        """``discloser`` is asked before anything leaves this machine; None: nobody can be."""
        self._settings = settings
        self._store = store
        self._registry = registry
        self._approver = approver
        self._discloser = discloser
        self._planner: Planner | None = None
        self._warm: list[Resident] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._runs: dict[str, Execution] = {}

    async def warm(self) -> None:
        """Keep processes ready, for programs that stay: a step's first frame comes sooner."""
        for executor in self._registry.executors().values():
            if isinstance(executor, Resident) and not executor.substitute:
                self._warm.append(executor)
                await executor.warm()

    async def close(self) -> None:
        """Cancel what runs and end all workers."""
        for run_id in list(self._tasks):
            await self.cancel(run_id)
        while self._warm:
            await self._warm.pop().cool()
        if self._planner is not None:
            await self._planner.close()

    async def take_in(self, paths: Sequence[Path]) -> tuple[Attachment, ...]:
        """Return files as attachments of an intent; each is read in the sandbox and profiled.

        Raises:
            UsageError: one of them is not there, too large, or cannot be used.
            ExecutorUnavailable: no sandbox works here, and nothing else may read them.
        """
        if len(paths) > intake.MAX_FILES:
            raise UsageError("attachment.too_many", count=len(paths), limit=intake.MAX_FILES)
        found: list[Attachment] = []
        for path in paths:
            keys = {attachment.key for attachment in found}
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
        with TemporaryDirectory(prefix="intentos-") as folder:
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
    ) -> AsyncIterator[Event]:
        """Yield the run's events from RunStarted to RunFinished.

        Without ``plan`` the planner makes one, with ``table`` as the conversation so far.
        ``values`` overrule what the planner chose. ``jury``: where code is written for a number,
        several programs vote. ``send``: what may go to somebody else's model without asking.
        ``chosen``: which of the values the person has just set, and so may be remembered; None: all
        of them where a plan is made anew, none where one is handed in.
        Leaving the iteration early cancels the run.

        Raises:
            StoreError: the store cannot be written, so that nothing can be promised any more.
        """
        run = Execution(
            run_id=run_id or new_id(),
            intent=intent,
            seed=self._settings.seed if seed is None else seed,
            allow=allow,
            settings=self._settings,
            store=self._store,
            registry=self._registry,
            approver=self._approver,
            propose=partial(self._propose, send=send),
            jury=jury,
            chosen=(frozenset() if plan else frozenset(values or {})) if chosen is None else chosen,
        )
        work = run.main(plan, dict(values or {}), parent_run, table, model)
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
        if self._planner is None:
            self._planner = self._registry.planner(settings=self._settings)

        async def disclose(host: str, model: str) -> None:
            sent: list[Sent] = ["wish"]
            if context.table is not None:
                sent.append("plan")
            if intent.attachments or (context.table and context.table.attachments):
                sent.append("attachments")
            disclosure = Disclosure(host=host, model=model, sent=tuple(sent))
            await permit(disclosure, Consents(self._settings), self._discloser, send)

        return await self._planner.propose(intent, replace(context, disclose=disclose))
