"""A conversation on the command line: each intent on what the last one left on the table."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal

from intentos.cleaning import Cleaned, keep_to_budget
from intentos.config import Settings
from intentos.consent import Discloser, Sent
from intentos.errors import NotFound, StoreError, UsageError
from intentos.events import Event, FrameDrawn, PlanProposed, RunFinished
from intentos.placement import Where
from intentos.plan import Plan
from intentos.plan_opening import true_origin
from intentos.protocols import Approver, Table
from intentos.registry import Registry
from intentos.report import Timings
from intentos.run import Run, RunStatus
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import (
    MAX_INTENT_CHARACTERS,
    Attachment,
    Intent,
    Language,
    Mode,
    Need,
    Value,
    language_of,
    new_id,
)

Listener = Callable[[Event], None]
"""Hears every event of a run as it happens."""


@dataclass(kw_only=True)
class Options:
    """What the command line says about how to run."""

    values: Mapping[str, Value] = field(default_factory=dict)
    seed: int | None = None
    model: str | None = None
    allow: frozenset[Need] = frozenset()
    attachments: tuple[Attachment, ...] = ()
    """Of the first text and of all that follow it."""
    jury: bool = False
    send: frozenset[Sent] = frozenset()
    """What may go to somebody else's model without asking."""
    chosen: frozenset[str] | None = None
    """Which values the person has just set; see :meth:`Runtime.run`."""
    mode: Mode | None = None
    """When to ask; None: as the settings say."""
    unsafe_no_sandbox: bool = False
    where: Where = "here"
    """Whether steps may go to other machines."""


class Conversation:
    """Joins settings, store, registry and runtime, and runs one thing after another."""

    def __init__(
        self,
        settings: Settings,
        approver: Approver,
        *,
        called_at: float,
        discloser: Discloser | None = None,
    ) -> None:
        """Open the store; runs whose owner is gone are marked as interrupted on the way."""
        self.settings = settings
        self.store = Store(settings)
        self.store.sweep()
        self.registry = Registry(plugins=settings.plugins)
        self.runtime = Runtime(
            settings=settings,
            store=self.store,
            registry=self.registry,
            approver=approver,
            discloser=discloser,
        )
        self.timings = Timings()
        self.runs: list[str] = []
        self.cleaned: Cleaned | None = None
        """What was cleaned away beside the first run, to stay within the disk budget."""
        self._cleaning: asyncio.Task[Cleaned | None] | None = None
        self._id = new_id()
        self._called_at = called_at

    async def close(self) -> None:
        """End workers; the store stays open for what is to be told."""
        await self.runtime.close()
        if self._cleaning is not None:
            task, self._cleaning = self._cleaning, None
            with suppress(StoreError):  # it is tried again the next time; the run is what counts
                self.cleaned = await task

    async def ask(
        self,
        texts: Sequence[str],
        options: Options,
        listen: Listener,
        *,
        between: Callable[[Run], None] = lambda run: None,
    ) -> Run:
        """Run each text on what the one before left on the table; return the last run.

        ``options.values`` hold for the first text, which the others may change. ``between`` hears
        of every run but the last. The conversation ends at the first run that does not complete.
        """
        intents = [
            make_intent(text, conversation=self._id, attachments=options.attachments)
            for text in texts
        ]
        run: Run | None = None
        table: Table | None = None
        for intent in intents:
            if run is not None:
                between(run)
                options = replace(options, values={})
                table = table_of(run, table)
            run = await self.run(
                intent,
                options,
                listen,
                table=table,
                parent_run=run.id if run is not None else None,
            )
            if run.status is not RunStatus.COMPLETED:
                break
        assert run is not None
        return run

    async def run(
        self,
        intent: Intent,
        options: Options,
        listen: Listener,
        *,
        plan: Plan | None = None,
        table: Table | None = None,
        parent_run: str | None = None,
    ) -> Run:
        """Run one intent or plan to its end and return the run as it is stored."""
        self.timings = Timings()
        run_id = new_id()
        if not self.runs:
            work = asyncio.to_thread(keep_to_budget, self.settings)
            self._cleaning = asyncio.create_task(work, name="cleaning")
        self.runs.append(run_id)
        async for event in self.runtime.run(
            intent,
            plan=plan,
            values=options.values,
            seed=options.seed,
            model=options.model,
            allow=options.allow,
            table=table,
            parent_run=parent_run,
            run_id=run_id,
            jury=options.jury,
            send=options.send,
            chosen=options.chosen,
            mode=options.mode,
            unsafe_no_sandbox=options.unsafe_no_sandbox,
            where=options.where,
        ):
            self._time(event)
            listen(event)
        return self.store.run(run_id)

    async def answer(
        self,
        name: str,
        decision: Literal["approve", "reject"],
        options: Options,
        listen: Listener,
        *,
        approver: Approver | None = None,
    ) -> Run:
        """Answer for a plan that waits and return the run as it is then; see
        :meth:`Runtime.answer`."""
        self.timings = Timings()
        run_id = self.store.run(name).id
        self.runs.append(run_id)
        async for event in self.runtime.answer(
            run_id,
            decision,
            by="terminal",
            approver=approver,
            allow=options.allow,
            mode=options.mode,
            unsafe_no_sandbox=options.unsafe_no_sandbox,
        ):
            self._time(event)
            listen(event)
        return self.store.run(run_id)

    def with_true_origin(self, plan: Plan) -> Plan:
        """Return a plan from a file, called edited unless the library or the store holds it."""
        return true_origin(plan, self.store, self.registry, self.settings)

    def _time(self, event: Event) -> None:
        seconds = round(time.time() - self._called_at, 3)
        match event:
            case PlanProposed():
                self.timings.plan_s = seconds
            case FrameDrawn(index=0) if self.timings.first_frame_s is None:
                self.timings.first_frame_s = seconds
            case RunFinished():
                self.timings.run_s = seconds
            case _:
                pass


def make_intent(
    text: str,
    *,
    conversation: str,
    language: Language | None = None,
    attachments: tuple[Attachment, ...] = (),
) -> Intent:
    """Return the intent of a text.

    Raises:
        UsageError: it is empty, too long, or holds bytes that are no characters.
    """
    stripped = text.strip()
    if not stripped:
        raise UsageError("intent.empty")
    for position, character in enumerate(stripped):
        code = ord(character)
        # Python marks bytes that are not UTF-8 as lone surrogates.
        if (code < 32 and character not in "\t\n\r") or code == 127 or 0xD800 <= code <= 0xDFFF:
            raise UsageError("intent.binary", what=f"U+{code:04X} at {position + 1}")
    if len(stripped) > MAX_INTENT_CHARACTERS:
        raise UsageError("intent.too_long", size=len(stripped), limit=MAX_INTENT_CHARACTERS)
    return Intent(
        text=stripped,
        language=language or language_of(stripped),
        conversation=conversation,
        attachments=attachments,
    )


def table_of(run: Run, earlier: Table | None = None) -> Table | None:
    """Return what a run leaves on the table for the next intent; ``earlier`` lay there before.

    A run that only brought back what had been there before takes what came since off the table.
    """
    if run.plan is None:
        return None
    back = earlier
    while back is not None:
        if back.plan.digest == run.plan.digest and dict(back.values) == run.values:
            earlier = back.earlier
            break
        back = back.earlier
    return Table(
        run=run.id,
        plan=run.plan,
        values=run.values,
        attachments=run.intent.attachments,
        accounted=run.accounted,
        vouched=run.vouched,
        answer=run.answer,
        quantities=run.quantities,
        artifacts=run.artifacts,
        earlier=earlier,
    )


def lineage(store: Store, run: Run) -> list[Run]:
    """Return the runs that a run came from, the first one first, and itself."""
    found = [run]
    while (parent := found[0].parent_run) is not None and all(r.id != parent for r in found):
        try:
            found.insert(0, store.run(parent))
        except NotFound:  # what it came from is no longer there
            break
    return found


def assignments(texts: Sequence[str]) -> dict[str, Value]:
    """Return ``name=value`` texts as a mapping; raises UsageError for anything else."""
    found: dict[str, Value] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        readable = text.encode("utf-8", "replace").decode()
        if not sign or not name.strip() or readable != text:  # bytes that are no characters
            raise UsageError("value.not_an_assignment", text=readable[:80])
        found[name.strip()] = value.strip()
    return found
