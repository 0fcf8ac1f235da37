"""A question outlives the program that asked it; what was stopped can be answered no more."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from intentos.config import Settings
from intentos.errors import NotApproved, UsageError
from intentos.events import (
    ApprovalRequested,
    Event,
    PlanApproved,
    PlanProposed,
    RunFinished,
    RunStarted,
)
from intentos.pending import pending, waiting, waits
from intentos.plan import Approval, Plan, Step
from intentos.policy import AskNobody
from intentos.run import RunStatus
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, new_id

from .parts import HandRegistry, InstantExecutor, plan_of
from .test_cli import PRIMES, intentos, one_object
from .test_terminal import QUESTION, person, statuses

WISH = Intent(text="say hello", language="en")


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    """Return an open store."""
    store = Store(settings)
    yield store
    store.close()


def asked(store: Store, plan: Plan) -> str:
    """Leave a run in the store as the death of its owner at the question leaves it."""
    run_id = new_id()
    store.append(RunStarted(run_id=run_id, intent=WISH, seed=7))
    store.append(PlanProposed(run_id=run_id, plan=plan, values=plan.defaults, accounted=True))
    store.append(ApprovalRequested(run_id=run_id, plan_digest=plan.digest))
    return run_id


async def answered(
    store: Store, settings: Settings, run_id: str, decision: Any, **options: Any
) -> list[Event]:
    """Answer as another process would, and return what followed."""
    registry = options.pop("registry", HandRegistry(InstantExecutor()))
    runtime = Runtime(settings=settings, store=store, registry=registry, approver=AskNobody())
    return [e async for e in runtime.answer(run_id, decision, by="test", **options)]


def test_a_run_waits_from_the_question_to_the_answer() -> None:
    kinds = ["run_started", "plan_proposed", "approval_requested"]
    assert not waits(kinds[:2])
    assert waits(kinds)
    assert waits([*kinds, "trial_ran"])  # how long it takes is tried while the person reads
    for answer in ("plan_approved", "plan_rejected", "plan_proposed"):
        assert not waits([*kinds, answer])
    assert waits([*kinds, "plan_proposed", "approval_requested"])


async def test_a_question_is_left_open_when_others_are_interrupted(store: Store) -> None:
    open_one = asked(store, plan_of("say hi"))
    going_on = asked(store, plan_of("say ho"))
    digest = plan_of("say ho").digest
    approval = Approval(plan_digest=digest, decision="approve", by="test")
    store.append(PlanApproved(run_id=going_on, approval=approval))
    assert store.sweep() == [going_on]
    assert store.sweep() == []
    assert [one.run.id for one in pending(store)] == [open_one]
    assert not pending(store)[0].asked_elsewhere


async def test_yes_runs_exactly_what_was_asked_about(store: Store, settings: Settings) -> None:
    plan = plan_of("say hello\nreport x 1")
    run_id = asked(store, plan)
    events = await answered(store, settings, run_id, "approve")
    run = store.run(run_id)
    assert run.status is RunStatus.COMPLETED
    assert run.plan == plan
    assert (run.seed, run.results[0].stdout) == (7, "hello\n")
    assert run.approval is not None
    assert (run.approval.plan_digest, run.approval.by) == (plan.digest, "test")
    assert not any(isinstance(event, ApprovalRequested) for event in events)  # asked once
    assert isinstance(events[-1], RunFinished)
    assert pending(store) == []


async def test_no_runs_nothing_even_where_the_plan_is_approved_elsewhere(
    store: Store, settings: Settings
) -> None:
    run_id, twin = asked(store, plan_of("say hi")), asked(store, plan_of("say hi"))
    await answered(store, settings, twin, "approve")
    await answered(store, settings, run_id, "reject")
    run = store.run(run_id)
    assert (run.status, run.results) == (RunStatus.REJECTED, ())


async def test_one_question_takes_one_answer(store: Store, settings: Settings) -> None:
    run_id = asked(store, plan_of("say hi"))
    await answered(store, settings, run_id, "approve")
    with pytest.raises(UsageError, match="waits for no answer"):
        await answered(store, settings, run_id, "approve")

    raced = asked(store, plan_of("say ho"))
    approval = Approval(plan_digest=plan_of("say ho").digest, decision="approve", by="a")
    store.append(PlanApproved(run_id=raced, approval=approval))
    with pytest.raises(NotApproved, match="too late"):  # whatever locks say
        store.append(PlanApproved(run_id=raced, approval=approval))


async def test_a_question_that_somebody_is_asking_is_theirs(
    store: Store, settings: Settings
) -> None:
    run_id = asked(store, plan_of("say hi"))
    with store.owning(run_id):
        assert pending(store)[0].asked_elsewhere
        with pytest.raises(UsageError, match="another program"):
            await answered(store, settings, run_id, "approve")
    await answered(store, settings, run_id, "approve")


async def test_after_stop_it_is_void(store: Store) -> None:
    run_id = asked(store, plan_of("say hi"))
    store.append(RunFinished(run_id=run_id, status=RunStatus.CANCELED))
    assert pending(store) == []
    with pytest.raises(NotApproved, match="stopped"):
        waiting(store, run_id)


async def test_an_upgraded_kernel_is_not_what_was_asked_about(
    store: Store, settings: Settings
) -> None:
    class Upgraded:
        code_hash = "b" * 64

    plan = plan_of(steps=(Step(id="s", language="kernel", code="k", code_hash="a" * 64),))
    run_id = asked(store, plan)
    kernels: Any = {"k": Upgraded()}
    registry = HandRegistry(InstantExecutor(), kernels=kernels)
    await answered(store, settings, run_id, "approve", registry=registry)
    run = store.run(run_id)
    assert run.status is RunStatus.REJECTED
    assert run.error is not None
    assert run.error.code == "pending.changed"


async def test_mode_and_needs_hold_for_a_late_yes_as_well(store: Store, settings: Settings) -> None:
    run_id = asked(store, plan_of("say hi"))
    await answered(store, settings, run_id, "approve", mode="plan")
    error = store.run(run_id).error
    assert error is not None
    assert error.code == "policy.plan_only"

    step = Step(id="s", language="words", code="say hi", needs=frozenset({"network"}))
    wide = asked(store, plan_of(steps=(step,)))
    await answered(store, settings, wide, "approve")
    assert store.run(wide).status is RunStatus.REJECTED


# --- real processes


def test_a_killed_terminal_leaves_the_question_to_be_answered() -> None:
    with person(*PRIMES) as someone:
        assert someone.sees(QUESTION)
        os.kill(someone.process.pid, signal.SIGKILL)
        someone.process.wait()
    (one,) = json.loads(intentos("approvals", "--json").stdout)["pending"]
    assert one["text"] == PRIMES[1]
    listed = intentos("approvals").stdout
    assert f"intentos approve {one['run'][-8:]}" in listed

    done = intentos("approve", one["run"][-8:], "--json")
    assert done.returncode == 0, done.stderr
    found = one_object(done)
    assert (found["run"], found["plan"], found["status"]) == (one["run"], one["plan"], "completed")
    assert "168" in found["answer"]
    again = intentos("approve", one["run"])
    assert again.returncode == 2
    assert "waits for no answer" in again.stderr


def test_a_stopped_question_cannot_be_answered_any_more() -> None:
    with person(*PRIMES) as someone:
        assert someone.sees(QUESTION)
        someone.process.send_signal(signal.SIGINT)
        assert someone.leaves() == 130
    done = intentos("approve", "last")
    assert done.returncode == 3
    assert "was stopped" in done.stderr
    assert statuses() == ["canceled"]
