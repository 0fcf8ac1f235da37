"""The loop, on a small real executor: every way a run can end, and what is kept of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from intentos.config import Settings
from intentos.errors import ModelUnavailable, PlanningError, StoreError
from intentos.events import (
    Event,
    OutputWritten,
    PlanApproved,
    PlanProposed,
    RunFinished,
    RunInterrupted,
    StepStarted,
    TokenWritten,
    TrialRan,
)
from intentos.parameters import Parameter
from intentos.plan import CheckSpec, Plan, Step
from intentos.protocols import Approver, PlanningContext, Proposal, Table
from intentos.run import Run, RunStatus
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Limits, Words

from .parts import FixedPlanner, HandRegistry, InstantExecutor, Reply, plan_of

WISH = Intent(text="say hello", language="en")
CARS = Parameter(
    name="cars", label=Words(en="cars"), kind="integer", default=500, minimum=1, maximum=1000
)


class House:
    """A runtime with its store, on parts given by hand."""

    def __init__(self, settings: Settings, approver: Approver | None = None) -> None:
        self.settings = settings
        self.store = Store(settings)
        self.planner: FixedPlanner | None = None
        self.approver = approver or Reply("approve", "approve", "approve")

    async def run(self, plan: Plan | None = None, **options: Any) -> Run:
        """Run to the end and return what the store knows of it."""
        return fold_of(self.store, [event async for event in self.events(plan, **options)])

    async def events(self, plan: Plan | None = None, **options: Any) -> AsyncIterator[Event]:
        """Yield the events of a run."""
        registry = HandRegistry(InstantExecutor(), planner=self.planner)
        self.runtime = Runtime(
            settings=self.settings, store=self.store, registry=registry, approver=self.approver
        )
        async for event in self.runtime.run(WISH, plan=plan, **options):
            yield event


def fold_of(store: Store, events: list[Event]) -> Run:
    """Return the run of a stream as the store folds it."""
    return store.run(events[0].run_id)


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    """Return a house that says yes three times."""
    house = House(settings)
    yield house
    house.store.close()


async def test_a_plan_runs_and_answers(house: House) -> None:
    plan = plan_of(
        "report speed {cars}\nsave note.txt hello",
        parameters=(CARS,),
        answer=Words(en="{cars} cars at {speed:.0f} km/h"),
        checks=(CheckSpec(name="speed", kind="physical", expect="speed == cars"),),
    )
    run = await house.run(plan, values={"cars": "200"})

    assert run.status is RunStatus.COMPLETED
    assert run.answer == "200 cars at 200 km/h"
    assert run.badge == "plausible"  # verified takes words that are accounted for
    assert [a.name for a in run.artifacts] == ["note.txt", "values.json"]
    assert house.store.path(run.artifacts[0].id).read_bytes() == b"hello"


async def test_accounted_words_and_a_physical_check_make_it_verified(house: House) -> None:
    checks = (CheckSpec(name="one", kind="physical", expect="one == 1"),)
    plan = plan_of("report one 1", checks=checks)
    house.planner = FixedPlanner(lambda intent, context: Proposal(plan=plan, accounted=True))
    assert (await house.run()).badge == "verified"


async def test_a_failed_check_completes_with_a_failed_badge(house: House) -> None:
    checks = (CheckSpec(name="one", kind="physical", expect="one == 2"),)
    run = await house.run(plan_of("report one 1", checks=checks))
    assert (run.status, run.badge) == (RunStatus.COMPLETED, "failed")
    assert "one = 1" in run.checks[0].detail


async def test_failing_code_ends_the_run_and_later_steps_do_not_start(house: House) -> None:
    events = [e async for e in house.events(plan_of("save a.txt A", "nonsense", "say never"))]
    run = fold_of(house.store, events)
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert "no such word" in str(run.error.arguments)
    assert [e.step_id for e in events if isinstance(e, StepStarted)] == ["s1", "s2"]
    assert [a.name for a in run.artifacts] == ["a.txt"]


async def test_an_executor_that_breaks_ends_the_run_and_not_the_program(house: House) -> None:
    run = await house.run(plan_of("break"))
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error.code == "runtime.unexpected"
    assert (await house.run(plan_of("say fine"))).status is RunStatus.COMPLETED


async def test_a_step_reads_what_an_earlier_one_left(house: House) -> None:
    second = Step(id="s2", language="words", code="read text", inputs={"text": "s1/a.txt"})
    first = Step(id="s1", language="words", code="save a.txt from the first")
    run = await house.run(plan_of(steps=(first, second)))
    assert run.results[1].stdout == "from the first"


async def test_nothing_runs_without_a_yes(house: House) -> None:
    house.approver = Reply("reject")
    events = [event async for event in house.events(plan_of("say hello"))]
    assert fold_of(house.store, events).status is RunStatus.REJECTED
    assert not any(isinstance(event, StepStarted) for event in events)


async def test_an_approval_for_another_plan_is_worth_nothing(house: House) -> None:
    class Confused(Reply):
        async def approve(self, plan: Plan, values: Any, *, run: str, why: str) -> Any:
            return await super().approve(plan_of("say something else"), values, run=run, why=why)

    house.approver = Confused("approve")
    assert (await house.run(plan_of("say hello"))).status is RunStatus.REJECTED


async def test_the_same_plan_with_other_values_is_not_asked_about_again(house: House) -> None:
    approver = Reply("approve")
    house.approver = approver
    plan = plan_of("say {cars}", parameters=(CARS,))
    await house.run(plan)
    again = await house.run(plan, values={"cars": 7})
    assert again.results[0].stdout == "7\n"
    assert approver.asked == ["policy.why_first"]


async def test_an_edited_plan_is_asked_about_in_turn(house: House) -> None:
    edited = plan_of("say edited", origin="edited")
    approver = Reply(Proposal(plan=edited), "approve")
    house.approver = approver
    events = [event async for event in house.events(plan_of("say original"))]
    assert approver.asked == ["policy.why_first", "policy.why_edited"]
    assert [e.plan.origin for e in events if isinstance(e, PlanProposed)] == ["recipe", "edited"]
    assert fold_of(house.store, events).results[0].stdout == "edited\n"


async def test_wide_needs_must_be_allowed_by_name(house: House) -> None:
    step = Step(id="s1", language="words", code="say hi", needs=frozenset({"network"}))
    refused = await house.run(plan_of(steps=(step,)))
    assert refused.status is RunStatus.REJECTED
    assert refused.error is not None
    assert refused.error.exit_code == 3
    allowed = await house.run(plan_of(steps=(step,)), allow=frozenset({"network"}))
    assert allowed.status is RunStatus.COMPLETED


async def test_a_value_out_of_range_is_refused_before_anything_runs(house: House) -> None:
    run = await house.run(plan_of("say hi", parameters=(CARS,)), values={"cars": 5000})
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error.exit_code == 2
    assert "1 to 1000" in run.error.text("en")
    assert "1 到 1000" in run.error.text("zh")


@pytest.mark.parametrize("error", [PlanningError("x"), ModelUnavailable("x")])
async def test_what_the_planner_raises_ends_the_run(house: House, error: Exception) -> None:
    def fail(intent: Intent, context: PlanningContext) -> Proposal:
        raise error

    house.planner = FixedPlanner(fail)
    run = await house.run()
    assert run.status is RunStatus.FAILED
    assert run.error is not None
    assert run.error.exit_code == error.exit_code  # type: ignore[attr-defined]


async def test_the_planner_sees_the_table(house: House) -> None:
    plan = plan_of("say {cars}", parameters=(CARS,))

    def revise(intent: Intent, context: PlanningContext) -> Proposal:
        assert context.table is not None
        return Proposal(plan=context.table.plan, values={"cars": context.table.values["cars"]})

    house.planner = FixedPlanner(revise)
    table = Table(run="before", plan=plan, values={"cars": 12})
    run = await house.run(table=table, parent_run="before")
    assert run.values["cars"] == 12
    assert run.parent_run == "before"


async def test_a_trial_is_short_and_recorded_and_keeps_nothing(house: House) -> None:
    step = Step(id="s1", language="words", code="save x.txt secret\nwait 60")

    async def propose(intent: Intent, context: PlanningContext) -> Proposal:
        assert context.trial is not None
        result = await context.trial(step, {})
        assert result.status == "ok"  # running out of two seconds is a pass
        return Proposal(plan=plan_of("say done"))

    house.planner = FixedPlanner(propose)
    events = [event async for event in house.events()]
    trial = next(event for event in events if isinstance(event, TrialRan))
    assert 1.9 < trial.seconds < 30
    assert [a.name for a in fold_of(house.store, events).artifacts] == []


async def test_a_trial_may_need_nothing(house: House) -> None:
    step = Step(id="s1", language="words", code="say x", needs=frozenset({"network"}))

    async def propose(intent: Intent, context: PlanningContext) -> Proposal:
        assert context.trial is not None
        await context.trial(step, {})
        raise AssertionError("the trial ran")

    house.planner = FixedPlanner(propose)
    run = await house.run(allow=frozenset({"network"}))
    assert run.status is RunStatus.REJECTED
    assert run.error is not None
    assert run.error.code == "policy.trial_needs"


async def test_without_a_sandbox_nothing_is_tried_before_it_is_approved(house: House) -> None:
    async def propose(intent: Intent, context: PlanningContext) -> Proposal:
        assert context.trial is None
        return Proposal(plan=plan_of("say done"))

    house.planner = FixedPlanner(propose)
    assert (await house.run(unsafe_no_sandbox=True)).status is RunStatus.COMPLETED


async def test_cancel_keeps_what_was_finished(house: House) -> None:
    events: list[Event] = []
    async for event in house.events(plan_of("save a.txt A", "wait 60")):
        events.append(event)
        if isinstance(event, StepStarted) and event.step_id == "s2":
            asyncio.get_running_loop().create_task(house.runtime.cancel(event.run_id))
    assert isinstance(events[-1], RunFinished)
    run = fold_of(house.store, events)
    assert run.status is RunStatus.CANCELED
    assert [a.name for a in run.artifacts] == ["a.txt"]
    assert not (house.settings.work / run.id).exists()


async def test_the_end_of_the_program_interrupts_what_runs_and_keeps_what_was_finished(
    house: House,
) -> None:
    events: list[Event] = []
    async for event in house.events(plan_of("save a.txt A", "wait 60")):
        events.append(event)
        if isinstance(event, StepStarted) and event.step_id == "s2":
            house.runtime.leave()
            asyncio.get_running_loop().create_task(house.runtime.close())
    assert isinstance(events[-1], RunInterrupted)
    run = fold_of(house.store, events)
    assert run.status is RunStatus.INTERRUPTED
    assert [a.name for a in run.artifacts] == ["a.txt"]
    assert house.store.sweep() == []  # it has its end


async def test_leaving_the_stream_cancels_the_run(house: House) -> None:
    stream = house.events(plan_of("wait 60"))
    async for event in stream:
        if isinstance(event, StepStarted):
            break
    await stream.aclose()  # type: ignore[attr-defined]
    await house.runtime.close()
    assert house.store.run("last").status is RunStatus.CANCELED


async def test_live_events_are_dropped_when_nobody_listens_and_durable_ones_are_not(
    house: House,
) -> None:
    chatter = "\n".join(["say x"] * 2000)
    stream = house.events(plan_of(chatter))
    events = [await anext(stream)]
    await asyncio.sleep(0.2)  # nobody reads meanwhile
    events += [event async for event in stream]
    assert sum(isinstance(event, OutputWritten) for event in events) < 2000
    assert isinstance(events[-1], RunFinished)
    assert any(isinstance(event, PlanApproved) for event in events)


async def test_a_live_event_may_come_from_any_thread(house: House) -> None:
    async def propose(intent: Intent, context: PlanningContext) -> Proposal:
        await asyncio.to_thread(context.emit, TokenWritten(text="from a thread"))
        return Proposal(plan=plan_of("wait 0.05"))

    house.planner = FixedPlanner(propose)
    events = [event async for event in house.events()]
    assert [e.text for e in events if isinstance(e, TokenWritten)] == ["from a thread"]


async def test_limits_of_the_settings_hold(settings: Settings) -> None:
    house = House(settings.model_copy(update={"wall_time": 0.1}))
    run = await house.run(plan_of("wait 60"))
    house.store.close()
    assert run.results[0].status == "timed_out"


async def test_a_store_that_cannot_write_is_told_to_the_caller(house: House) -> None:
    stream = house.events(plan_of("say hello"))
    await anext(stream)
    house.store.close()
    with pytest.raises(StoreError):
        async for _ in stream:
            pass


async def test_python_never_runs_without_isolation(house: House) -> None:
    class Bare(InstantExecutor):
        name = "bare"
        languages = frozenset({"python"})

    step = Step(id="s1", language="python", code="say hi", limits=Limits())
    runtime = Runtime(
        settings=house.settings,
        store=house.store,
        registry=HandRegistry(Bare()),
        approver=Reply("approve"),
    )
    events = [event async for event in runtime.run(WISH, plan=plan_of(steps=(step,)))]
    run = fold_of(house.store, events)
    assert run.status is RunStatus.REJECTED
    assert run.error is not None
    assert run.error.code == "policy.no_sandbox"
