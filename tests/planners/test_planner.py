"""The planner as the runtime uses it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from intentos.config import Settings
from intentos.errors import ModelUnavailable, PlanningError
from intentos.events import LiveEvent, ProgressMade
from intentos.planners.chains import chain_of
from intentos.planners.library import Library
from intentos.planners.planner import DefaultPlanner
from intentos.planners.rates import rate_of
from intentos.planners.schedule import schedule
from intentos.protocols import PlanningContext, Proposal, Table
from intentos.registry import Registry
from intentos.types import Intent, language_of


class Talk:
    """A conversation with a planner."""

    def __init__(self, planner: DefaultPlanner, model: str | None) -> None:
        self.planner = planner
        self.model = model
        self.table: Table | None = None
        self.events: list[LiveEvent] = []

    async def say(self, text: str) -> Proposal:
        """Say something and put the answer on the table."""
        context = PlanningContext(
            trial=None, emit=self.events.append, table=self.table, model=self.model
        )
        intent = Intent(text=text, language=language_of(text))
        proposal = await self.planner.propose(intent, context)
        values = proposal.plan.accept(proposal.values)
        self.table = Table(run="r", plan=proposal.plan, values=values)
        return proposal


@pytest.fixture
async def planner(registry: Registry, settings: Settings) -> AsyncIterator[DefaultPlanner]:
    """Return the planner that the entry point names."""
    found = registry.planner("default", settings=settings)
    assert isinstance(found, DefaultPlanner)
    yield found
    await found.close()


async def test_a_conversation_without_any_model(planner: DefaultPlanner) -> None:
    talk = Talk(planner, "none")
    first = await talk.say("how far does a ball fly when thrown at 25 m/s and 30 degrees")
    assert first.plan.recipe == "thrown_ball"
    assert first.values == {"speed": 25, "angle": 30}
    assert isinstance(talk.events[0], ProgressMade)

    second = await talk.say("make it twice as fast")
    assert second.plan is first.plan
    assert second.values["speed"] == 50
    assert second.values["angle"] == 30

    third = await talk.say("角度改成60度")
    assert third.plan.digest == first.plan.digest
    assert third.values["angle"] == 60
    assert third.values["speed"] == 50

    other = await talk.say("1到5000之间有多少个素数")
    assert other.plan.recipe == "prime_count"
    assert other.values == {"limit": 5000}
    assert first.tokens == second.tokens == third.tokens == other.tokens == 0


@pytest.mark.parametrize(
    ("first", "then", "recipe"),
    [
        ("simulate the traffic of a city with 500 cars", "now draw a rotating heart",
         "rotating_heart"),
        ("heat spreading through a metal plate", "再模拟一下水面的波纹", "ripples"),
        ("simulate the traffic of a city with 500 cars", "now with 120 cars", "city_traffic"),
        ("draw the trajectory of a thrown ball", "throw it at 70 degrees", "thrown_ball"),
        ("draw the trajectory of a thrown ball", "halve the speed", "thrown_ball"),
    ],
)  # fmt: skip
async def test_a_new_wish_is_a_new_plan_and_a_change_is_not(
    planner: DefaultPlanner, first: str, then: str, recipe: str
) -> None:
    talk = Talk(planner, "none")
    before = await talk.say(first)
    after = await talk.say(then)
    assert after.plan.recipe == recipe
    assert (after.plan is before.plan) == (before.plan.recipe == recipe)


@pytest.mark.parametrize("text", ["make it twice as hot", "两倍热", "温度加倍"])
async def test_of_two_temperatures_the_hot_one_gets_hotter(
    planner: DefaultPlanner, text: str
) -> None:
    talk = Talk(planner, "none")
    first = await talk.say("heat spreading through a metal plate with a hot corner")
    before = first.plan.defaults
    second = await talk.say(text)
    assert second.plan.digest == first.plan.digest
    assert second.values == {**before, "temperature": float(before["temperature"]) * 2}


async def test_nothing_near_says_what_would_help(planner: DefaultPlanner) -> None:
    with pytest.raises(PlanningError, match="models pull"):
        await Talk(planner, "none").say("knit a woollen sweater")
    with pytest.raises(PlanningError):
        await Talk(planner, "none").say("   ")


async def test_what_will_be_drawn_is_no_wish_for_the_odds(planner: DefaultPlanner) -> None:
    with pytest.raises(PlanningError) as caught:
        await Talk(planner, "none").say("which numbers will win next week's lottery?")
    assert caught.value.code == "refused.fortune"


async def test_a_missing_model_is_needed_only_where_search_is_not_sure(
    registry: Registry, settings: Settings, home: object
) -> None:
    empty = settings.model_copy(update={"cache": settings.home / "nothing"})
    planner = DefaultPlanner(registry=registry, settings=empty)
    sure = await Talk(planner, None).say("how many primes are there below one million")
    assert sure.plan.recipe == "prime_count"
    with pytest.raises(ModelUnavailable, match="models pull"):
        await Talk(planner, None).say("knit a woollen sweater")


async def test_the_model_plans_what_no_recipe_holds(planner: DefaultPlanner) -> None:
    talk = Talk(planner, "embedded")
    proposal = await talk.say("how many numbers below 300 are the same when read backwards?")
    assert proposal.plan.origin == "generated"
    assert proposal.plan.steps[0].language == "python"
    assert "report(" in proposal.plan.steps[0].code
    assert proposal.tokens > 0
    assert any(event.kind == "token_written" for event in talk.events)


async def test_a_formula_is_computed_whole_or_not_at_all(planner: DefaultPlanner) -> None:
    whole = await Talk(planner, "none").say("这个公式在1000个样本下会怎样：sin(x)+x*randn")
    assert whole.plan.recipe == "formula_samples"
    assert whole.values == {"formula": "sin(x)+x*randn", "samples": 1000}
    with pytest.raises(PlanningError, match="wobble"):
        await Talk(planner, "none").say("how does sin(x) + wobble(x)*2 behave over 1000 samples")


async def test_ways_are_told_only_by_what_counts_ways(planner: DefaultPlanner) -> None:
    talk = Talk(planner, "none")
    stairs = await talk.say("10级楼梯一次上1或2级，有多少种走法")
    assert stairs.plan.recipe == "stairs_ways"
    with pytest.raises(PlanningError):
        await Talk(planner, "none").say("how many ways to tile a 3 by 8 board with dominoes")


async def test_what_may_be_another_wish_is_not_accounted_for(planner: DefaultPlanner) -> None:
    plain = await Talk(planner, "none").say("1到5000之间有多少个素数")
    doubtful = await Talk(planner, "none").say("shortest way through a town map")
    assert plain.accounted
    assert not doubtful.accounted


def test_rules_that_read_any_wish_break_on_none(registry: Registry, settings: Settings) -> None:
    """They see every wish, whatever it is about, before a recipe is chosen."""
    recipes = Library(registry, settings).all()
    texts = [text for one in recipes for text in (*one.phrasings.en, *one.phrasings.zh)]
    assert len(texts) > 5000
    taken = [text for text in texts if schedule(text) or chain_of(text) or rate_of(text)]
    assert 0 < len(taken) < len(texts) / 10
