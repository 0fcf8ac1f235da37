"""One run on its way from RunStarted to RunFinished: plan, approval, steps, checks."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import get_args

from intentos import checks, made, policy
from intentos.answer_units import in_units
from intentos.attachments import fitted
from intentos.certificate import versions
from intentos.config import Settings
from intentos.errors import ExecutorUnavailable, IntentOSError, NotApproved, NotFound
from intentos.estimates import Durations, estimated, probed
from intentos.events import (
    ApprovalRequested,
    ArtifactSaved,
    CheckJudged,
    DurableEvent,
    Event,
    LiveEvent,
    PlanApproved,
    PlanProposed,
    PlanRejected,
    RunFinished,
    RunInterrupted,
    RunStarted,
    StepFinished,
    StepStarted,
    TrialRan,
)
from intentos.gate import Gate
from intentos.mesh.votes import agree
from intentos.pending import waiting
from intentos.placement import fallen_back
from intentos.plan import ATTACHMENT, Approval, Plan, Step
from intentos.preferences import How, remember, said
from intentos.protocols import (
    Approver,
    Executor,
    PlanningContext,
    Proposal,
    Side,
    StepContext,
    Table,
)
from intentos.queue import turn
from intentos.registry import Registry
from intentos.run import Run, RunStatus, StepResult, StepStatus
from intentos.stand_ins import stand_in
from intentos.step_inputs import attached, inputs_of
from intentos.store import Store
from intentos.trust import as_edited, earned, handed_in
from intentos.types import (
    Artifact,
    Estimate,
    Intent,
    Limits,
    Problem,
    Quantity,
    Value,
    canonical_json,
    new_id,
)
from intentos.verdict import verdict

TRIAL_SECONDS = 2.0
LIVE_EVENTS_WAITING = 256
"""Live events beyond this are dropped; durable ones never are."""

Save = Callable[[str, bytes | Path, str], Awaitable[Artifact]]
Propose = Callable[[Intent, PlanningContext], Awaitable[Proposal]]


class Execution:
    """One run on its way from RunStarted to RunFinished."""

    def __init__(
        self,
        *,
        run_id: str,
        intent: Intent,
        seed: int,
        gate: Gate,
        settings: Settings,
        store: Store,
        registry: Registry,
        approver: Approver,
        propose: Propose,
        jury: bool = False,
        chosen: frozenset[str] = frozenset(),
    ) -> None:
        """``chosen``: names of values that the person has set, and that may be remembered."""
        self.run_id = run_id
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()
        self._live_waiting = 0
        self._intent = intent
        self._seed = seed
        self.gate = gate
        self._settings = settings
        self._store = store
        self._registry = registry
        self._approver = approver
        self._propose = propose
        self._jury = jury
        self.leaving = False
        """The program that owns the run ends: what stops it now interrupts it, nobody canceled."""
        self._accounted = False
        self._vouched = False
        self._parent_run: str | None = None
        self._chosen: dict[str, How] = dict.fromkeys(chosen, "set")
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    async def next_event(self) -> Event | None:
        """Return the next event, or None when the run is over."""
        event = await self._queue.get()
        if event is not None and not isinstance(event, get_args(DurableEvent)):
            self._live_waiting -= 1
        return event

    async def main(
        self,
        plan: Plan | None,
        values: dict[str, Value],
        parent_run: str | None,
        table: Table | None,
        model: str | None,
    ) -> None:
        """Run everything; the events tell how it went."""
        self._parent_run = parent_run

        async def work() -> RunFinished:
            approved = await self._approve(*await self._plan(plan, values, table, model))
            return await self._finish(approved)

        started = RunStarted(
            run_id=self.run_id, intent=self._intent, parent_run=parent_run, seed=self._seed
        )
        await self._own(lambda: self._record(started), work)

    async def resume(self, decision: Approval) -> None:
        """Go on with a run whose plan waits for an answer, with this one."""
        waited: list[Run] = []

        async def work() -> RunFinished:
            run = waited[0]
            assert run.plan is not None
            self._accounted, self._vouched = run.accounted, run.vouched
            if decision.decision == "reject":
                self._record(PlanRejected(run_id=self.run_id, approval=decision))
                return await self._finish(None)
            if self._registry.pin(run.plan).digest != run.plan.digest:
                raise NotApproved("pending.changed", run=self.run_id)
            return await self._finish(await self._approve(run.plan, dict(run.values), asked=True))

        # Only its owner may look: somebody else may have answered a moment ago.
        await self._own(lambda: waited.append(waiting(self._store, self.run_id)), work)

    async def _own(
        self, begin: Callable[[], None], work: Callable[[], Awaitable[RunFinished]]
    ) -> None:
        try:
            with self._store.owning(self.run_id):
                try:
                    begin()
                    self._record(await self._guarded(work))
                finally:
                    shutil.rmtree(self._settings.work / self.run_id, ignore_errors=True)
        finally:
            self._queue.put_nowait(None)

    async def _finish(self, approved: tuple[Plan, dict[str, Value]] | None) -> RunFinished:
        if approved is None:
            return RunFinished(run_id=self.run_id, status=RunStatus.REJECTED)
        return await self._execute(*approved)

    async def _guarded(
        self, work: Callable[[], Awaitable[RunFinished]]
    ) -> RunFinished | RunInterrupted:
        try:
            return await work()
        except asyncio.CancelledError:
            if self.leaving:
                return RunInterrupted(run_id=self.run_id)
            return RunFinished(run_id=self.run_id, status=RunStatus.CANCELED)
        except NotApproved as error:
            problem = error.problem()
            return RunFinished(run_id=self.run_id, status=RunStatus.REJECTED, error=problem)
        except IntentOSError as error:
            problem = error.problem()
            return RunFinished(run_id=self.run_id, status=RunStatus.FAILED, error=problem)
        except Exception as error:
            # A bug in a planner or executor, ours or a plugin's, ends this run and not the program.
            problem = Problem(
                code="runtime.unexpected",
                arguments={"what": f"{type(error).__name__}: {error}"[:2000]},
            )
            return RunFinished(run_id=self.run_id, status=RunStatus.FAILED, error=problem)

    async def _plan(
        self, plan: Plan | None, values: dict[str, Value], table: Table | None, model: str | None
    ) -> tuple[Plan, dict[str, Value]]:
        if plan is not None:
            parent = None
            if self._parent_run is not None:
                with suppress(NotFound):
                    parent = self._store.run(self._parent_run)
            proposal = handed_in(self._registry.pin(plan), values, self._intent, parent)
        else:
            trial = self._trial if self.gate.may_try else None
            context = PlanningContext(
                trial=trial, emit=self._emit, table=table, model=model, jury=self._jury
            )
            proposal = await self._propose(self._intent, context)
        self._accounted, self._vouched = earned(proposal, table)
        words: dict[str, How] = dict.fromkeys(said(proposal, table), "words")
        self._chosen = words | self._chosen
        plan = fitted(proposal.plan, self._intent.attachments)
        accepted = plan.accept({**proposal.values, **values})
        self._record(
            PlanProposed(
                run_id=self.run_id,
                plan=plan,
                values=accepted,
                tokens=proposal.tokens,
                accounted=self._accounted,
                vouched=self._vouched,
                models=proposal.models,
            )
        )
        return plan, accepted

    async def _approve(
        self, plan: Plan, values: dict[str, Value], *, asked: bool = False
    ) -> tuple[Plan, dict[str, Value]] | None:
        """Return what may run; a person may have edited it meanwhile. ``asked``: they were asked
        about it before, by a program that is gone."""
        while True:
            approval = await self.gate.unasked(plan, values)
            if approval is None:
                why = self.gate.why(plan)
                if not asked:
                    request = ApprovalRequested(
                        run_id=self.run_id, plan_digest=plan.digest, why=why
                    )
                    self._record(request)
                asked = False
                decision = await self._approver.approve(plan, values, run=self.run_id, why=why)
                # Whatever an approver makes of being canceled: after Stop no answer counts.
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise asyncio.CancelledError
                if isinstance(decision, Proposal):
                    plan, values = self._edited(decision, plan, values)
                    continue
                if decision is not None:
                    approval = await self.gate.accepted(decision, plan, values)
                if approval is None:
                    self._record(PlanRejected(run_id=self.run_id, approval=decision))
                    return None
            self._record(PlanApproved(run_id=self.run_id, approval=approval))
            return plan, values

    def _edited(
        self, proposal: Proposal, plan: Plan, before: Mapping[str, Value]
    ) -> tuple[Plan, dict[str, Value]]:
        edited = fitted(self._registry.pin(proposal.plan), self._intent.attachments)
        # An edited plan's checks are as much the editor's as its steps.
        edited = as_edited(edited, plan)
        kept = (edited.digest, edited.answer) == (plan.digest, plan.answer)
        self._accounted, self._vouched = self._accounted and kept, self._vouched and kept
        values = edited.accept(proposal.values)
        self._chosen |= {n: "edited" for n, v in values.items() if before.get(n) != v}
        self._record(
            PlanProposed(
                run_id=self.run_id,
                plan=edited,
                values=values,
                accounted=self._accounted,
                vouched=self._vouched,
            )
        )
        return edited, values

    async def _execute(self, plan: Plan, values: dict[str, Value]) -> RunFinished:
        live = frozenset(p.name for p in plan.parameters if p.live)
        quantities: dict[str, Quantity] = {}
        results: list[StepResult] = []
        inputs = {
            # Their bytes are hashed before they are believed: large ones take a moment.
            name: await asyncio.to_thread(self._store.path, artifact)
            for name, artifact in attached(plan, self._intent.attachments, self._store).items()
        }
        for step in plan.steps:
            result = await self._step(step, values, live, inputs)
            if not result.versions:  # an executor of somebody else's need not tell
                result = result.model_copy(update={"versions": versions()})
            result = made.sound(result)
            self._record(StepFinished(run_id=self.run_id, result=result))
            if result.status is StepStatus.OK:
                await asyncio.to_thread(self._keep_time, plan, step, values, result)
            quantities |= result.values
            results.append(result)
            inputs |= {f"{step.id}/{a.name}": self._store.path(a.id) for a in result.artifacts}
            if result.status is not StepStatus.OK:
                await self._save_values(quantities, step.id)
                return RunFinished(run_id=self.run_id, status=RunStatus.FAILED, error=result.error)
        language = self._intent.language
        found = await asyncio.to_thread(
            verdict,
            plan,
            values,
            results,
            lambda artifact: self._store.path(artifact.id),
            accounted=self._accounted,
            vouched=self._vouched,
            language=language,
        )
        for check in found.checks:
            self._record(CheckJudged(run_id=self.run_id, check=check))
        await self._save_values(quantities, plan.steps[-1].id)
        answer = checks.answer(plan, values, quantities, language)
        wish, chosen = self._intent.text, self._chosen
        liked = await asyncio.to_thread(
            remember, self._settings, plan, chosen, values, run=self.run_id, wish=wish
        )
        return RunFinished(
            run_id=self.run_id,
            status=RunStatus.COMPLETED,
            badge=found.badge,
            doubts=found.doubts,
            answer=checks.presented(in_units(answer, liked), found.checks, values, language),
        )

    async def _step(
        self,
        step: Step,
        values: Mapping[str, Value],
        live: frozenset[str],
        there: Mapping[str, Path],
    ) -> StepResult:
        where = self.gate.where(step)
        if where != "here":
            try:
                result = await self._step_on(step, values, live, there, where)
                return await self._repeated(result, step, values, live, there)
            except ExecutorUnavailable as error:
                # The way there has failed; the step has not, and was approved to run here too.
                result = await self._step_on(step, values, live, there, "here")
                note = fallen_back(error, where, result.note, self._intent.language)
                return result.model_copy(update={"note": note})
        return await self._step_on(step, values, live, there, where)

    async def _repeated(
        self,
        result: StepResult,
        step: Step,
        values: Mapping[str, Value],
        live: frozenset[str],
        there: Mapping[str, Path],
    ) -> StepResult:
        """Return a neighbour's result; one that nobody else could repeat is repeated here, and
        what came out here is what counts."""
        if result.note is None or result.note.code != "mesh.ran_alone":
            return result
        own = await self._step_on(step, values, live, there, "here")
        code = "placement.repeated" if agree(result, own) else "placement.differs"
        return own.model_copy(update={"note": Problem(code=code, arguments={"node": result.node})})

    async def _step_on(
        self,
        step: Step,
        values: Mapping[str, Value],
        live: frozenset[str],
        there: Mapping[str, Path],
        where: Side,
    ) -> StepResult:
        executor = await self._choose(
            step, unsafe_no_sandbox=self.gate.unsafe_no_sandbox, where=where
        )
        self.gate.permit(step, executor)
        inputs = inputs_of(step, there)
        limits = step.limits
        if self._settings.wall_time:
            wall_time = min(limits.wall_time, self._settings.wall_time)
            limits = limits.model_copy(update={"wall_time": wall_time})
        # Elsewhere it takes a turn at the GPU that is there.
        async with self._gpu_turn(step) if where == "here" else nullcontext():
            self._record(
                StepStarted(
                    run_id=self.run_id,
                    step_id=step.id,
                    executor=executor.name,
                    isolation=executor.isolation,
                    where=where,
                )
            )
            with self._context(step.id, step, values, limits) as context:
                return await executor.execute(
                    step,
                    replace(context, live=live, inputs=inputs, save=self._saver(step.id)),
                )

    def _keep_time(
        self, plan: Plan, step: Step, values: Mapping[str, Value], result: StepResult
    ) -> None:
        if result.node != "here":  # what another machine takes says nothing of this one
            return
        durations = Durations(self._settings)
        with suppress(IntentOSError):  # nobody knows the executor any more: nothing to learn
            executor = self._registry.executor(result.executor)
            work = executor.estimate(step, values).work
            durations.add(durations.size(plan, step, values, executor, work), result.seconds)

    async def estimate(self, plan: Plan, values: Mapping[str, Value]) -> dict[str, Estimate]:
        """Return what each step will cost, from earlier runs; where nothing is known of it, from
        a probe with little of the work, of two seconds at most."""
        executors = {
            step.id: await self._choose(step, unsafe_no_sandbox=True) for step in plan.steps
        }
        durations = Durations(self._settings)
        found = await asyncio.to_thread(estimated, plan, values, executors, durations)
        for step in plan.steps:
            # With files of another size, or none yet, a probe would tell of other work.
            alone = not step.inputs and not step.needs - {"gpu"}
            if found[step.id].seconds is None and alone and self.gate.may_try:
                seconds = await probed(plan, step, values, self._trial, TRIAL_SECONDS)
                found[step.id] = found[step.id].model_copy(update={"seconds": seconds})
            if (placed := self.gate.placed(step)) is not None:
                told = {"where": placed.where, "placed": placed.why}
                found[step.id] = found[step.id].model_copy(update=told)
        return found

    async def _trial(
        self, step: Step, values: Mapping[str, Value], seconds: float = TRIAL_SECONDS
    ) -> StepResult:
        """Run code before approval: isolated, two seconds at most, no needs, nothing kept."""
        if not self.gate.may_try:
            raise NotApproved("policy.no_trial")
        if step.needs - {"gpu"}:
            raise NotApproved("policy.trial_needs", needs=", ".join(sorted(step.needs)))
        executor = await self._choose(step)
        # Its author's own limits may be lower, never higher: nobody has approved them yet.
        limits = step.limits.at_most(Limits(wall_time=seconds))
        started = time.monotonic()

        async with self._gpu_turn(step):
            with self._context(f"trial-{new_id()}", step, values, limits) as context:
                inputs = self._made_up(step, context.workdir.parent)
                result = await executor.execute(step, replace(context, inputs=inputs))
        if result.status is StepStatus.TIMED_OUT:
            # Two seconds of work without an error is all that a trial asks for.
            result = result.model_copy(update={"status": StepStatus.OK, "error": None})
        self._record(
            TrialRan(
                run_id=self.run_id,
                step_id=step.id,
                code_hash=step.code_hash,
                executor=executor.name,
                status=result.status,
                seconds=time.monotonic() - started,
            )
        )
        return result

    def _made_up(self, step: Step, folder: Path) -> dict[str, Path]:
        """Return stand-ins for what a step wants of a person's files."""
        given = {f"{ATTACHMENT}/{a.key}": a for a in self._intent.attachments}
        return {
            name: stand_in(given[source], folder)
            for name, source in step.inputs.items()
            if source in given
        }

    async def _choose(
        self,
        step: Step,
        *,
        unsafe_no_sandbox: bool = False,
        where: Side = "here",
    ) -> Executor:
        # check() may start a process or ask a driver, so it runs beside the event loop.
        return await asyncio.to_thread(
            policy.choose_executor,
            step,
            self._registry,
            unsafe_no_sandbox=unsafe_no_sandbox,
            where=where,
        )

    def _gpu_turn(self, step: Step) -> AbstractAsyncContextManager[None]:
        if "gpu" in step.needs:
            return turn(self._settings, "gpu", self._emit)
        return nullcontext()

    @contextmanager
    def _context(
        self, name: str, step: Step, values: Mapping[str, Value], limits: Limits
    ) -> Iterator[StepContext]:
        """Give a step a work folder that is gone when it ends; the context keeps nothing."""

        async def keep_nothing(name: str, data: bytes | Path, media_type: str) -> Artifact:
            return Artifact(id="0" * 64, name=name, media_type=media_type, size=0, step_id=step.id)

        workdir = self._settings.work / self.run_id / name
        workdir.mkdir(parents=True)
        try:
            yield StepContext(
                values=values,
                live=frozenset(),
                seed=self._seed,
                inputs={},
                workdir=workdir,
                limits=limits,
                emit=self._emit,
                save=keep_nothing,
                language=self._intent.language,
                run=self.run_id,
            )
        finally:
            shutil.rmtree(workdir, ignore_errors=True)

    def _saver(self, step_id: str) -> Save:
        async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
            artifact = await asyncio.to_thread(
                self._store.put, data, name=name, media_type=media_type, step_id=step_id
            )
            self._record(ArtifactSaved(run_id=self.run_id, artifact=artifact))
            return artifact

        return save

    async def _save_values(self, quantities: Mapping[str, Quantity], step_id: str) -> None:
        if quantities:
            numbers = {name: quantity.model_dump() for name, quantity in quantities.items()}
            data = canonical_json(numbers)
            await self._saver(step_id)("values.json", data, "application/json")

    def _record(self, event: DurableEvent) -> None:
        self._queue.put_nowait(self._store.append(event))

    def _emit(self, event: LiveEvent) -> None:
        if threading.get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self._emit, event)
        elif self._live_waiting < LIVE_EVENTS_WAITING:
            self._live_waiting += 1
            self._queue.put_nowait(event.model_copy(update={"run_id": self.run_id}))
