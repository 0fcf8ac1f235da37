"""Conversations that took place before a window is looked at, as the store keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from intentos.events import (
    ApprovalRequested,
    ArtifactSaved,
    PlanApproved,
    PlanProposed,
    RunFinished,
    RunStarted,
)
from intentos.plan import Approval, Plan, Step
from intentos.run import RunStatus
from intentos.store import Store
from intentos.types import Badge, Intent, Words, language_of, new_id


def plan_of(title: str, inputs: Mapping[str, str] | None = None) -> Plan:
    """Return a plan of one step that is never run here."""
    step = Step(id="draw", language="python", code="save('a.txt', 1)", inputs=dict(inputs or {}))
    words = Words(en=title, zh=title)
    return Plan(title=words, interpretation=words, steps=(step,), origin="generated")


def told(
    store: Store,
    text: str,
    *,
    conversation: str | None = None,
    badge: Badge | None = "verified",
    at: datetime | None = None,
    parent: str | None = None,
    inputs: Mapping[str, str] | None = None,
    waits: bool = False,
) -> str:
    """Let somebody have said something, and something have come of it; return the run's id.

    ``waits``: the plan is there and nobody has answered yet.
    """
    run, at = new_id(), at or datetime.now(UTC)
    talk = conversation or new_id()
    intent = Intent(text=text, language=language_of(text), conversation=talk)
    store.append(RunStarted(run_id=run, intent=intent, seed=1, at=at, parent_run=parent))
    plan = plan_of(text[:80], inputs)
    store.append(PlanProposed(run_id=run, plan=plan, values={}, at=at))
    store.append(ApprovalRequested(run_id=run, plan_digest=plan.digest, at=at))
    if waits:
        return run
    approval = Approval(plan_digest=plan.digest, decision="approve", by="window", scope="plan")
    store.append(PlanApproved(run_id=run, approval=approval, at=at))
    kept = store.put(f"of {run}".encode(), name="a.txt", media_type="text/plain", step_id="draw")
    store.append(ArtifactSaved(run_id=run, artifact=kept, at=at))
    status = RunStatus.FAILED if badge == "failed" else RunStatus.COMPLETED
    store.append(RunFinished(run_id=run, status=status, badge=badge, at=at))
    return run
