"""A run is the fold of its events."""

from __future__ import annotations

import pytest

from intentos.errors import StoreError
from intentos.events import (
    ApprovalRequested,
    DurableEvent,
    PlanProposed,
    RunFinished,
    RunInterrupted,
    RunStarted,
    StepStarted,
    apply,
    durable,
    fold,
)
from intentos.run import RunStatus
from intentos.types import Intent

from .parts import plan_of

PLAN = plan_of("say hi")
START = RunStarted(run_id="r", intent=Intent(text="hi", language="en"), seed=1)
PROPOSED = PlanProposed(run_id="r", plan=PLAN, values={}, tokens=7)
STREAM: list[DurableEvent] = [
    START,
    PROPOSED,
    ApprovalRequested(run_id="r", plan_digest=PLAN.digest),
    StepStarted(run_id="r", step_id="s1", executor="instant", isolation="process"),
    RunFinished(run_id="r", status=RunStatus.COMPLETED, answer="done"),
]


def test_the_status_follows_the_stream() -> None:
    statuses = [fold(STREAM[: n + 1]).status.value for n in range(len(STREAM))]
    assert statuses == ["planning", "planning", "awaiting_approval", "running", "completed"]


def test_apply_is_pure() -> None:
    before = fold(STREAM[:2])
    copy = before.model_copy(deep=True)
    after = apply(before, RunInterrupted(run_id="r"))
    assert before == copy
    assert after.status is RunStatus.INTERRUPTED
    assert after.tokens == 7


def test_every_event_survives_json() -> None:
    for event in STREAM:
        assert durable.validate_json(event.model_dump_json()) == event


def test_a_stream_without_a_beginning_is_an_error() -> None:
    with pytest.raises(StoreError):
        fold(STREAM[1:])
    with pytest.raises(StoreError):
        fold([])
