"""Everything that happens is an event; a run is the fold of its events.

Events are past-tense facts. *Durable* ones are appended to the store with a sequence number;
*live* ones (frames, tokens, progress, queue places) only pass by, through bounded queues.
``apply(run, event)`` is pure and has no default case, so that the type checker finds a forgotten
event.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, assert_never

from pydantic import Field, TypeAdapter

from intentos.errors import StoreError
from intentos.model_use import ModelUse
from intentos.plan import Approval, Plan
from intentos.run import Run, RunStatus, StepResult, StepStatus
from intentos.types import Artifact, Badge, Check, Frozen, Intent, Problem, Value, now

SCHEMA = 1


class _Durable(Frozen):
    schema_number: Literal[1] = Field(1, alias="schema")
    run_id: str
    seq: int = 0
    """Position in the run's stream from 1; 0 until the store has numbered it."""
    at: datetime = Field(default_factory=now)


class RunStarted(_Durable):
    """A person said something, or asked for a plan to be run again."""

    kind: Literal["run_started"] = "run_started"
    intent: Intent
    parent_run: str | None = None
    seed: int


class PlanProposed(_Durable):
    """A planner made a plan, or a person handed one in, with the values to run it with."""

    kind: Literal["plan_proposed"] = "plan_proposed"
    plan: Plan
    values: dict[str, Value]
    tokens: int = 0
    accounted: bool = False
    """Whether every number and content word of the intent ended in the plan."""
    vouched: bool = False
    """Whether this house's planner and recipes made it, and nobody changed it since."""
    models: tuple[ModelUse, ...] = ()
    """Models that were asked for it, in their order."""


class TrialRan(_Durable):
    """Code ran for at most two seconds before approval, in isolation."""

    kind: Literal["trial_ran"] = "trial_ran"
    step_id: str
    code_hash: str
    executor: str
    status: StepStatus
    seconds: float


class ApprovalRequested(_Durable):
    """The plan waits for a person."""

    kind: Literal["approval_requested"] = "approval_requested"
    plan_digest: str
    why: str = ""


class PlanApproved(_Durable):
    """The plan may run."""

    kind: Literal["plan_approved"] = "plan_approved"
    approval: Approval


class PlanRejected(_Durable):
    """The plan may not run; ``approval`` is None where nobody could be asked."""

    kind: Literal["plan_rejected"] = "plan_rejected"
    approval: Approval | None = None


class StepStarted(_Durable):
    """An executor took up a step."""

    kind: Literal["step_started"] = "step_started"
    step_id: str
    executor: str
    isolation: str
    where: str = "here"


class ArtifactSaved(_Durable):
    """An artifact's bytes are safe on disk."""

    kind: Literal["artifact_saved"] = "artifact_saved"
    artifact: Artifact


class StepFinished(_Durable):
    """A step ended, one way or another."""

    kind: Literal["step_finished"] = "step_finished"
    result: StepResult


class CheckJudged(_Durable):
    """A check came to a judgement."""

    kind: Literal["check_judged"] = "check_judged"
    check: Check


class RunFinished(_Durable):
    """The run is over."""

    kind: Literal["run_finished"] = "run_finished"
    status: Literal[RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELED, RunStatus.REJECTED]
    badge: Badge | None = None
    doubts: tuple[Problem, ...] = ()
    """Why the badge is no better one."""
    answer: str = ""
    error: Problem | None = None


class RunInterrupted(_Durable):
    """The process that owned the run is gone: told as it went, or found by a later one."""

    kind: Literal["run_interrupted"] = "run_interrupted"


class ArtifactsRemoved(_Durable):
    """Bytes of the run's artifacts are no longer here; what it did is still known."""

    kind: Literal["artifacts_removed"] = "artifacts_removed"
    artifacts: tuple[str, ...]
    why: Literal["cleaned", "lost"]
    """``cleaned``: to save space; ``lost``: missing or damaged, and not to be mended."""


class RunKept(_Durable):
    """A person wants the run's artifacts never to be cleaned away, or no longer so."""

    kind: Literal["run_kept"] = "run_kept"
    kept: bool


DurableEvent = (
    RunStarted
    | PlanProposed
    | TrialRan
    | ApprovalRequested
    | PlanApproved
    | PlanRejected
    | StepStarted
    | ArtifactSaved
    | StepFinished
    | CheckJudged
    | RunFinished
    | RunInterrupted
    | ArtifactsRemoved
    | RunKept
)


class _Live(Frozen):
    run_id: str = ""
    """Filled in by the runtime."""


class RunQueued(_Live):
    """The run waits for the one model or the one GPU."""

    kind: Literal["run_queued"] = "run_queued"
    resource: Literal["model", "gpu"]
    place: int
    """How many are before it; 0: its turn has come."""


class ProgressMade(_Live):
    """Long work went on; ``fraction`` is None where the end is not known."""

    kind: Literal["progress_made"] = "progress_made"
    stage: str
    """A message code: what is going on."""
    fraction: float | None = Field(default=None, ge=0, le=1)
    step_id: str | None = None


class TokenWritten(_Live):
    """The model wrote a piece of text."""

    kind: Literal["token_written"] = "token_written"
    text: str


class OutputWritten(_Live):
    """A step printed something."""

    kind: Literal["output_written"] = "output_written"
    step_id: str
    stream: Literal["stdout", "stderr"]
    text: str


class FrameDrawn(_Live):
    """A frame is ready; the pixels lie where ``reference`` says while the step runs."""

    kind: Literal["frame_drawn"] = "frame_drawn"
    step_id: str
    index: int
    count: int
    width: int
    height: int
    reference: str
    """Path of a raw RGBA8 file; the frame starts at byte index * width * height * 4."""


class ProbeRead(_Live):
    """A probe was read."""

    kind: Literal["probe_read"] = "probe_read"
    step_id: str
    name: str
    frame: int
    value: float


LiveEvent = RunQueued | ProgressMade | TokenWritten | OutputWritten | FrameDrawn | ProbeRead
Event = DurableEvent | LiveEvent

durable: TypeAdapter[DurableEvent] = TypeAdapter(
    Annotated[DurableEvent, Field(discriminator="kind")]
)


def apply(run: Run | None, event: DurableEvent) -> Run:
    """Return the run as it is after the event.

    Raises:
        StoreError: the first event of a stream is not RunStarted.
    """
    if isinstance(event, RunStarted):
        return Run(
            id=event.run_id,
            intent=event.intent,
            parent_run=event.parent_run,
            seed=event.seed,
            created_at=event.at,
        )
    if run is None:
        raise StoreError("store.no_start", run=event.run_id)
    return run.model_copy(update=_changes(run, event))


def fold(events: list[DurableEvent]) -> Run:
    """Return the run that a whole stream of events makes.

    Raises:
        StoreError: the stream is empty or does not begin with RunStarted.
    """
    run: Run | None = None
    for event in events:
        run = apply(run, event)
    if run is None:
        raise StoreError("store.no_start", run="?")
    return run


def _changes(run: Run, event: DurableEvent) -> dict[str, object]:
    match event:
        case RunStarted():
            raise AssertionError("handled by apply")
        case PlanProposed():
            return {
                "plan": event.plan,
                "values": event.values,
                "tokens": event.tokens,
                "accounted": event.accounted,
                "vouched": event.vouched,
                "models": (*run.models, *event.models),
            }
        case TrialRan():
            return {}
        case ApprovalRequested():
            return {"status": RunStatus.AWAITING_APPROVAL}
        case PlanApproved():
            return {"status": RunStatus.QUEUED, "approval": event.approval}
        case PlanRejected():
            return {"approval": event.approval}
        case StepStarted():
            return {"status": RunStatus.RUNNING}
        case ArtifactSaved():
            return {"artifacts": (*run.artifacts, event.artifact)}
        case StepFinished():
            return {"results": (*run.results, event.result)}
        case CheckJudged():
            return {"checks": (*run.checks, event.check)}
        case RunFinished():
            return {
                "status": event.status,
                "badge": event.badge,
                "doubts": event.doubts,
                "answer": event.answer,
                "error": event.error,
                "finished_at": event.at,
            }
        case RunInterrupted():
            return {"status": RunStatus.INTERRUPTED, "finished_at": event.at}
        case ArtifactsRemoved():
            return {"removed": run.removed | dict.fromkeys(event.artifacts, event.why)}
        case RunKept():
            return {"kept": event.kept}
        case _:
            assert_never(event)
