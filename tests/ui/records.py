"""Runs as the store keeps them, without the time that running them takes: events, as the runtime
writes them, of plans from a few lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from intentos.events import (
    ArtifactSaved,
    ArtifactsRemoved,
    CheckJudged,
    DurableEvent,
    PlanApproved,
    PlanProposed,
    RunFinished,
    RunInterrupted,
    RunStarted,
    StepFinished,
    StepStarted,
    TrialRan,
)
from intentos.model_use import ModelUse
from intentos.parameters import Parameter
from intentos.plan import Approval, Plan, Step
from intentos.run import Run, RunStatus, StepResult, StepStatus
from intentos.store import Store
from intentos.types import Badge, Check, Intent, Problem, Quantity, Value, Words, new_id, now

TALK = "talk-1"


def plan_of(*, language: str = "python", code: str = "report('mean', 3.5)") -> Plan:
    """Return a plan with a live knob, one that is not, and one step."""
    return Plan(
        title=Words(en="Mean of three", zh="三个数的平均"),
        interpretation=Words(en="The mean of {count} numbers."),
        parameters=(
            Parameter(name="count", label=Words(en="Numbers", zh="个数"), kind="integer",
                      default=3, minimum=1, maximum=100),
            Parameter(name="speed", label=Words(en="Speed", zh="速度"), default=1.0, minimum=0,
                      maximum=10, unit="m/s", live=True),
        ),
        steps=(
            Step(id="work", title=Words(en="Compute the mean", zh="计算平均值"),
                 language=language, code=code),
        ),
        origin="recipe",
    )  # fmt: skip


def record(
    store: Store,
    *,
    plan: Plan | None = None,
    values: Mapping[str, Value] | None = None,
    files: Mapping[str, tuple[bytes, str]] | None = None,
    numbers: Mapping[str, Quantity] | None = None,
    status: RunStatus = RunStatus.COMPLETED,
    badge: Badge | None = None,
    checks: Sequence[Check] = (),
    doubts: Sequence[Problem] = (),
    answer: str = "",
    error: Problem | None = None,
    stdout: str = "",
    stderr: str = "",
    truncated: bool = False,
    removed: Sequence[str] = (),
    talk: str = TALK,
    parent: str | None = None,
    models: tuple[ModelUse, ...] = (),
    tried: bool = False,
    node: str = "here",
    text: str = "the mean of three numbers",
) -> Run:
    """Put a run into the store and return it; ``removed``: names of files that were cleaned away
    since."""
    run = new_id()

    def add(event: DurableEvent) -> None:
        store.append(event)

    intent = Intent(text=text, language="en", conversation=talk)
    add(RunStarted(run_id=run, intent=intent, seed=7, parent_run=parent))
    if plan is not None:
        chosen = plan.accept(values or {})
        add(PlanProposed(run_id=run, plan=plan, values=chosen, models=models, tokens=12))
        if tried:
            add(TrialRan(run_id=run, step_id="work", code_hash="", executor="sandbox",
                         status=StepStatus.FAILED, seconds=0.5))  # fmt: skip
        approval = Approval(plan_digest=plan.digest, decision="approve", by="window")
        add(PlanApproved(run_id=run, approval=approval))
        add(StepStarted(run_id=run, step_id="work", executor="sandbox", isolation="sandbox"))
        saved = []
        for name, (data, media_type) in (files or {}).items():
            artifact = store.put(data, name=name, media_type=media_type, step_id="work")
            saved.append(artifact)
            add(ArtifactSaved(run_id=run, artifact=artifact))
        failed = status is RunStatus.FAILED
        add(
            StepFinished(
                run_id=run,
                result=StepResult(
                    step_id="work", executor="sandbox", node=node, device="CPython 3.11",
                    status=StepStatus.FAILED if failed else StepStatus.OK,
                    stdout=stdout, stderr=stderr, truncated=truncated,
                    values=dict(numbers or {}), artifacts=tuple(saved), error=error,
                    versions={"numpy": "2.3.1"}, started_at=now(), finished_at=now(),
                ),
            )
        )  # fmt: skip
        for check in checks:
            add(CheckJudged(run_id=run, check=check))
    if status is RunStatus.INTERRUPTED:
        add(RunInterrupted(run_id=run))
    else:
        add(RunFinished(run_id=run, status=status, badge=badge, doubts=tuple(doubts),
                        answer=answer, error=error))  # fmt: skip
    if removed:
        gone = tuple(a.id for a in store.run(run).artifacts if a.name in removed)
        add(ArtifactsRemoved(run_id=run, artifacts=gone, why="cleaned"))
    return store.run(run)


def png(side: int = 8, shade: int = 120) -> bytes:
    """Return a small picture."""
    from io import BytesIO

    from PIL import Image

    out = BytesIO()
    Image.new("RGB", (side, side), (shade, 40, 200)).save(out, "PNG")
    return out.getvalue()
