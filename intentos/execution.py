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

from intentos import checks, policy
from intentos.answer_units import in_units
from intentos.attachments import bind, fitted
from intentos.config import Settings
from intentos.errors import ExecutorError, IntentOSError, NotApproved
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
    RunStarted,
    StepFinished,
    StepStarted,
    TrialRan,
)
from intentos.plan import ATTACHMENT, RUN, Approval, Plan, Step
from intentos.preferences import How, remember, said
from intentos.protocols import (
    Approver,
    Executor,
    PlanningContext,
    Proposal,
    StepContext,
    Table,
)
from intentos.queue import turn
from intentos.registry import Registry
from intentos.run import RunStatus, StepResult, StepStatus
from intentos.stand_ins import stand_in
from intentos.store import Store
from intentos.types import (
    Artifact,
    Check,
    Estimate,
    Intent,
    Limits,
    Need,
    Problem,
    Quantity,
    Value,
    canonical_json,
    new_id,
)

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
        allow: frozenset[Need],
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
        self._allow = allow
        self._settings = settings
        self._store = store
        self._registry = registry
        self._approver = approver
        self._propose = propose
        self._jury = jury
        self._accounted = False
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
        try:
            with self._store.owning(self.run_id):
                self._record(
                    RunStarted(
                        run_id=self.run_id,
                        intent=self._intent,
                        parent_run=parent_run,
                        seed=self._seed,
                    )
                )
                self._record(await self._guarded(plan, values, table, model))
        finally:
            shutil.rmtree(self._settings.work / self.run_id, ignore_errors=True)
            self._queue.put_nowait(None)

    async def _guarded(
        self, plan: Plan | None, values: dict[str, Value], table: Table | None, model: str | None
    ) -> RunFinished:
        try:
            plan, values = await self._plan(plan, values, table, model)
            approved = await self._approve(plan, values)
            if approved is None:
                return RunFinished(run_id=self.run_id, status=RunStatus.REJECTED)
            return await self._execute(*approved)
        except asyncio.CancelledError:
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
            proposal = Proposal(plan=self._registry.pin(plan), values={})
        else:
            # Where code may run without a sandbox it must not do so before anybody has read it.
            trial = None if self._settings.unsafe_no_sandbox else self._trial
            context = PlanningContext(
                trial=trial, emit=self._emit, table=table, model=model, jury=self._jury
            )
            proposal = await self._propose(self._intent, context)
        self._accounted = proposal.accounted
        if table is not None and proposal.plan.digest == table.plan.digest:
            # A change of values cannot make good what the plan left out before.
            self._accounted = self._accounted and table.accounted
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
                models=proposal.models,
            )
        )
        return plan, accepted

    async def _approve(
        self, plan: Plan, values: dict[str, Value]
    ) -> tuple[Plan, dict[str, Value]] | None:
        """Return what may run; a person may have edited it meanwhile."""
        while True:
            policy.refuse_needs(plan, self._allow)
            earlier = self._store.approval(plan.digest)
            if earlier is not None:
                self._record(PlanApproved(run_id=self.run_id, approval=policy.again(earlier)))
                return plan, values
            why = policy.why(plan)
            self._record(ApprovalRequested(run_id=self.run_id, plan_digest=plan.digest, why=why))
            decision = await self._approver.approve(plan, values, run=self.run_id, why=why)
            if isinstance(decision, Proposal):
                edited = fitted(self._registry.pin(decision.plan), self._intent.attachments)
                # An edited plan's checks are as much the editor's as its steps.
                self._accounted = self._accounted and edited.digest == plan.digest
                before, values = values, edited.accept(decision.values)
                self._chosen |= {n: "edited" for n, v in values.items() if before.get(n) != v}
                plan = edited
                self._record(
                    PlanProposed(
                        run_id=self.run_id, plan=plan, values=values, accounted=self._accounted
                    )
                )
                continue
            if decision is None or not _approves(decision, plan):
                self._record(PlanRejected(run_id=self.run_id, approval=decision))
                return None
            self._record(PlanApproved(run_id=self.run_id, approval=decision))
            return plan, values

    async def _execute(self, plan: Plan, values: dict[str, Value]) -> RunFinished:
        live = frozenset(p.name for p in plan.parameters if p.live)
        quantities: dict[str, Quantity] = {}
        judged: list[Check] = []
        inputs = self._attached(plan)
        for step in plan.steps:
            result = await self._step(step, values, live, inputs)
            self._record(StepFinished(run_id=self.run_id, result=result))
            if result.status is StepStatus.OK:
                await asyncio.to_thread(self._keep_time, plan, step, values, result)
            quantities |= result.values
            judged += result.checks
            inputs |= {f"{step.id}/{a.name}": self._store.path(a.id) for a in result.artifacts}
            if result.status is not StepStatus.OK:
                await self._save_values(quantities, step.id)
                return RunFinished(run_id=self.run_id, status=RunStatus.FAILED, error=result.error)
        judged += checks.judge(plan, values, quantities)
        for check in judged:
            self._record(CheckJudged(run_id=self.run_id, check=check))
        await self._save_values(quantities, plan.steps[-1].id)
        language = self._intent.language
        answer = checks.answer(plan, values, quantities, language)
        wish, chosen = self._intent.text, self._chosen
        liked = await asyncio.to_thread(
            remember, self._settings, plan, chosen, values, run=self.run_id, wish=wish
        )
        return RunFinished(
            run_id=self.run_id,
            status=RunStatus.COMPLETED,
            badge=checks.badge(plan.origin, judged, accounted=self._accounted),
            answer=checks.presented(in_units(answer, liked), judged, values, language),
        )

    async def _step(
        self,
        step: Step,
        values: Mapping[str, Value],
        live: frozenset[str],
        there: Mapping[str, Path],
    ) -> StepResult:
        unsafe = self._settings.unsafe_no_sandbox
        executor = await self._choose(step, unsafe_no_sandbox=unsafe)
        inputs = _inputs(step, there)
        limits = step.limits
        if self._settings.wall_time:
            wall_time = min(limits.wall_time, self._settings.wall_time)
            limits = limits.model_copy(update={"wall_time": wall_time})
        async with self._gpu_turn(step):
            self._record(
                StepStarted(
                    run_id=self.run_id,
                    step_id=step.id,
                    executor=executor.name,
                    isolation=executor.isolation,
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
            if found[step.id].seconds is None and alone and not self._settings.unsafe_no_sandbox:
                seconds = await probed(plan, step, values, self._trial, TRIAL_SECONDS)
                found[step.id] = found[step.id].model_copy(update={"seconds": seconds})
        return found

    async def _trial(
        self, step: Step, values: Mapping[str, Value], seconds: float = TRIAL_SECONDS
    ) -> StepResult:
        """Run code before approval: isolated, two seconds at most, no needs, nothing kept."""
        if step.needs - {"gpu"}:
            raise NotApproved("policy.trial_needs", needs=", ".join(sorted(step.needs)))
        executor = await self._choose(step)
        limits = step.limits.model_copy(update={"wall_time": seconds})
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

    def _attached(self, plan: Plan) -> dict[str, Path]:
        """Return the files that no step makes, by the names that steps give them: the plan's
        attachments, and what earlier runs left; raises NotFound for a run that is not here."""
        bound = bind(plan.attachments, self._intent.attachments)
        files = {f"{ATTACHMENT}/{slot}": self._store.path(a.plain) for slot, a in bound.items()}
        for source in {source for step in plan.steps for source in step.inputs.values()}:
            origin, _, name = source.partition("/")
            if origin.startswith(RUN):
                earlier = self._store.run(origin.removeprefix(RUN))
                for artifact in earlier.artifacts:
                    if artifact.name == name:
                        files[source] = self._store.path(artifact.id)
        return files

    def _made_up(self, step: Step, folder: Path) -> dict[str, Path]:
        """Return stand-ins for what a step wants of a person's files."""
        attached = {f"{ATTACHMENT}/{a.key}": a for a in self._intent.attachments}
        return {
            name: stand_in(attached[source], folder)
            for name, source in step.inputs.items()
            if source in attached
        }

    async def _choose(self, step: Step, *, unsafe_no_sandbox: bool = False) -> Executor:
        # check() may start a process or ask a driver, so it runs beside the event loop.
        return await asyncio.to_thread(
            policy.choose_executor,
            step,
            self._registry,
            unsafe_no_sandbox=unsafe_no_sandbox,
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


def _approves(decision: Approval, plan: Plan) -> bool:
    return decision.decision == "approve" and decision.plan_digest == plan.digest


def _inputs(step: Step, there: Mapping[str, Path]) -> dict[str, Path]:
    found = {}
    for name, source in step.inputs.items():
        if source in there:
            found[name] = there[source]
        elif not source.startswith(f"{ATTACHMENT}/"):  # one that is not there is an optional one
            known = ", ".join(sorted(there)) or "—"
            raise ExecutorError("runtime.no_input", name=source, known=known)
    return found
