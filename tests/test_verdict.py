"""No way leads to a badge that is too kind; and a person is told why it is no better one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from intentos.config import Settings
from intentos.conversation import table_of
from intentos.parameters import Parameter
from intentos.plan import CheckSpec, Plan, Step
from intentos.protocols import Approver, PlanningContext, Proposal, StepContext, Table
from intentos.run import Run, RunStatus, StepResult
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Check, Intent, Quantity, Words

from .parts import FixedPlanner, HandRegistry, InstantExecutor, Reply, plan_of

WISH = Intent(text="say hello", language="en")
LENGTH = Parameter(name="length", label=Words(en="length"), default=2.0, minimum=1, maximum=9)
GOOD = CheckSpec(
    name="known", title=Words(en="The known value", zh="已知的值"), kind="oracle",
    expect="abs(period - 2) < 0.001",
)  # fmt: skip


class Library:
    """Recipes of which one is the house's own."""

    def __init__(self, *house: Plan) -> None:
        self._digests = {plan.digest for plan in house}

    def vouches(self, id: str, digest: str) -> bool:
        """Return whether it is that one, unchanged."""
        return digest in self._digests


class House:
    """A runtime whose planner proposes what it is given."""

    def __init__(self, settings: Settings) -> None:
        self.store = Store(settings)
        self.settings = settings
        self.executor = InstantExecutor()

    async def run(
        self,
        plan: Plan | None = None,
        *,
        proposed: Proposal | None = None,
        library: Library | None = None,
        approver: Approver | None = None,
        wish: Intent = WISH,
        **options: Any,
    ) -> Run:
        """Run to the end."""

        def propose(intent: Intent, context: PlanningContext) -> Proposal:
            assert proposed is not None
            return proposed

        planner = FixedPlanner(propose)
        planner.recipes = library
        runtime = Runtime(
            settings=self.settings,
            store=self.store,
            registry=HandRegistry(self.executor, planner=planner),
            approver=approver or Reply("approve", "approve"),
        )
        async for event in runtime.run(wish, plan=plan, **options):
            last = event
        run = self.store.run(last.run_id)
        assert run.status is RunStatus.COMPLETED, run.error
        assert (run.badge == "verified") == (not run.doubts)
        return run


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    """Return a house with an empty store."""
    house = House(settings)
    yield house
    house.store.close()


def recipe(code: str = "report period {length}", *checks: CheckSpec, **changes: Any) -> Plan:
    """Return the house's own recipe, with its check."""
    fields = {"parameters": (LENGTH,), "checks": checks or (GOOD,), "recipe": "pendulum"}
    return plan_of(code, **(fields | changes))


def proposal(plan: Plan, **changes: Any) -> Proposal:
    """Return what a planner proposes that has accounted for every word."""
    return Proposal(plan=plan, **({"accounted": True} | changes))


def codes(run: Run) -> list[str]:
    """Return why the badge is no better one."""
    return [doubt.code.removeprefix("doubt.") for doubt in run.doubts]


async def test_the_houses_recipe_with_a_known_value_is_verified(house: House) -> None:
    plan = recipe()
    run = await house.run(proposed=proposal(plan), library=Library(plan))
    assert (run.badge, codes(run)) == ("verified", [])


async def test_a_strangers_recipe_cannot_vouch_for_itself(house: House) -> None:
    # It brings the number, what it is compared with, and the word "oracle".
    plan = recipe("report period 7", CheckSpec(name="c", kind="oracle", expect="period == 7"))
    run = await house.run(proposed=proposal(plan), library=Library(recipe()))
    assert (run.badge, codes(run)) == ("plausible", ["stranger"])


@pytest.mark.parametrize("expect", ["true", "length == 2", "period == period", "1 < 2"])
async def test_a_check_that_cannot_fail_verifies_nothing(house: House, expect: str) -> None:
    plan = recipe("report period 7", CheckSpec(name="c", kind="oracle", expect=expect))
    run = await house.run(proposed=proposal(plan), library=Library(plan))
    assert (run.badge, codes(run)) == ("plausible", ["unknown", "only_generic"])


async def test_words_that_are_left_over_are_told(house: House) -> None:
    plan = recipe()
    run = await house.run(proposed=proposal(plan, accounted=False), library=Library(plan))
    assert (run.badge, codes(run)) == ("plausible", ["unaccounted"])
    assert "accounted for" in run.doubts[0].text("en")
    assert "都体现在计划中" in run.doubts[0].text("zh")


async def test_a_planner_cannot_vouch_for_its_plan(house: House) -> None:
    run = await house.run(proposed=proposal(recipe(), vouched=True), library=Library())
    assert run.badge == "plausible"


@pytest.mark.parametrize("origin", ["generated", "edited"])
async def test_a_programs_own_check_is_its_own_word(house: House, origin: Any) -> None:
    checks = (CheckSpec(name="c", kind="oracle", expect="period == exact"),)
    plan = plan_of("report period 7\nreport exact 7", origin=origin, checks=checks)
    run = await house.run(proposed=proposal(plan))
    assert (run.badge, codes(run)) == ("unchecked", [origin])


class Claiming(InstantExecutor):
    """An executor whose kernel compares with a value that the plan brought along."""

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Return the result with that check."""
        result = await super().execute(step, context)
        check = Check(name="exact", kind="oracle", status="passed", detail="7 = 7", given=True)
        return result.model_copy(update={"checks": (check,)})


@pytest.mark.parametrize("origin", ["composed", "edited", "generated"])
async def test_a_known_solution_that_the_plan_brought_is_its_word(
    house: House, origin: Any
) -> None:
    house.executor = Claiming()
    run = await house.run(proposed=proposal(plan_of("report period 7", origin=origin)))
    assert (run.badge, codes(run)) == ("unchecked", [origin])


async def test_the_houses_recipes_know_their_solutions(house: House) -> None:
    house.executor = Claiming()
    plan = recipe("report period 7", CheckSpec(name="g", expect="period > 0"))
    assert (await house.run(proposed=proposal(plan), library=Library(plan))).badge == "verified"


@pytest.mark.parametrize(
    "change",
    [
        {"checks": ()},
        {"checks": (CheckSpec(name="known", kind="oracle", expect="period > 0"),)},
        {"answer": Words(en="It takes 3 seconds.")},
        {"steps": (Step(id="s1", language="words", code="report period 7"),)},
    ],
)
async def test_what_a_person_edits_is_theirs(house: House, change: Mapping[str, Any]) -> None:
    plan = recipe()
    # The edited plan still says that it is a recipe.
    edited = Proposal(plan=plan.model_copy(update=dict(change)), values={}, accounted=True)
    answers = Reply(edited, "approve", "approve")
    run = await house.run(proposed=proposal(plan), library=Library(plan), approver=answers)
    assert run.plan is not None
    assert run.plan.origin == "edited"
    assert run.badge in ("unchecked", "failed")


async def test_a_plan_that_is_handed_in_is_nobodys_answer(house: House) -> None:
    run = await house.run(recipe())
    assert (run.badge, codes(run)) == ("plausible", ["stranger", "unaccounted"])


async def test_a_rerun_with_the_same_values_is_worth_what_the_run_was(house: House) -> None:
    plan = recipe()
    first = await house.run(proposed=proposal(plan), library=Library(plan))
    assert (await house.run(plan, values=first.values, parent_run=first.id)).badge == "verified"


async def test_a_rerun_with_other_values_or_words_is_not(house: House) -> None:
    wide = CheckSpec(name="known", kind="oracle", expect="abs(period - length) < 0.001")
    plan = recipe("report period {length}", wide)
    first = await house.run(proposed=proposal(plan), library=Library(plan))
    other = await house.run(plan, values={"length": 3.0}, parent_run=first.id)
    assert (other.badge, codes(other)) == ("plausible", ["unaccounted"])
    wish = WISH.model_copy(update={"text": "say something else"})
    other = await house.run(plan, values=first.values, parent_run=first.id, wish=wish)
    assert other.badge == "plausible"
    told = plan.model_copy(update={"answer": Words(en="It takes 3 seconds.")})
    other = await house.run(told, values=first.values, parent_run=first.id)
    assert other.badge == "plausible"
    other = await house.run(plan, values=first.values, parent_run="0" * 26)
    assert other.badge == "plausible"


async def test_a_rerun_of_what_was_not_verified_is_not(house: House) -> None:
    plan = recipe()
    first = await house.run(proposed=proposal(plan, accounted=False), library=Library(plan))
    assert (await house.run(plan, values=first.values, parent_run=first.id)).badge == "plausible"


async def test_going_back_does_not_make_good_what_was_left_out(house: House) -> None:
    plan, between = recipe(), recipe("report period 2\nsay more")
    library = Library(plan, between)
    first = await house.run(proposed=proposal(plan, accounted=False), library=library)
    table = table_of(first)
    second = await house.run(proposed=proposal(between), library=library, table=table)
    assert second.badge == "verified"
    # "Go back" brings the first plan to the table again, all of its own words accounted for.
    table = table_of(second, table)
    back = await house.run(proposed=proposal(plan), library=library, table=table)
    assert (back.badge, codes(back)) == ("plausible", ["unaccounted"])


async def test_a_follow_up_of_a_strangers_plan_is_a_strangers(house: House) -> None:
    plan = recipe(recipe=None)
    first = await house.run(plan)
    table: Table | None = table_of(first)
    assert table is not None
    run = await house.run(proposed=proposal(plan), table=table)
    assert run.badge == "plausible"


class Undefined(InstantExecutor):
    """An executor, a plugin's perhaps, that lets numbers through that are none."""

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Return a value that is no number beside a good one."""
        result = await super().execute(step, context)
        values = {**result.values, "error": Quantity(value=math.nan)}
        return result.model_copy(update={"values": values})


async def test_what_is_no_number_fails_the_run(house: House) -> None:
    house.executor = Undefined()
    plan = recipe()
    run = await house.run(proposed=proposal(plan), library=Library(plan))
    assert (run.badge, codes(run)) == ("failed", ["failed"])
    assert "error" not in run.quantities
    assert "error: not a finite number" in "".join(check.detail for check in run.checks)


async def test_an_answer_in_another_unit_fails(house: House) -> None:
    class Fast(InstantExecutor):
        async def execute(self, step: Step, context: StepContext) -> StepResult:
            result = await super().execute(step, context)
            values = {**result.values, "speed": Quantity(value=10.0, unit="m/s")}
            return result.model_copy(update={"values": values})

    house.executor = Fast()
    for said, badge in (("km/h", "failed"), ("m/s", "verified"), ("metres a second", "verified")):
        plan = recipe(answer=Words(en=f"It drives {{speed:.1f}} {said}."))
        run = await house.run(proposed=proposal(plan), library=Library(plan))
        assert run.badge == badge, said


async def test_a_broken_picture_keeps_the_badge_back(house: House) -> None:
    plan = recipe("report period 2\nsave picture.png no picture at all")
    run = await house.run(proposed=proposal(plan), library=Library(plan))
    assert (run.badge, codes(run)) == ("plausible", ["unknown"])
    assert "No picture is of one colour" in run.doubts[0].text("en")


async def test_of_two_steps_the_worse_file_counts(house: House) -> None:
    codes_ = ("report period 2\nsave a.csv nan", "save b.csv 7")
    plan = plan_of(*codes_, parameters=(LENGTH,), checks=(GOOD,), recipe="pendulum")
    run = await house.run(proposed=proposal(plan), library=Library(plan))
    assert run.badge == "failed"


async def test_a_run_that_is_stopped_has_no_badge(house: House) -> None:
    plan = recipe("report period 2\nwait 60")
    planner = FixedPlanner(lambda intent, context: proposal(plan))
    planner.recipes = Library(plan)
    runtime = Runtime(
        settings=house.settings,
        store=house.store,
        registry=HandRegistry(house.executor, planner=planner),
        approver=Reply("approve"),
    )
    async for event in runtime.run(WISH):
        run_id = event.run_id
        if type(event).__name__ == "StepStarted":
            await runtime.cancel(run_id)
    run = house.store.run(run_id)
    assert (run.status, run.badge, run.checks) == (RunStatus.CANCELED, None, ())
