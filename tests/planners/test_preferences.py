"""Earlier choices fill what a wish leaves open, and are named."""

from __future__ import annotations

import pytest

from intentos.config import Settings
from intentos.conversation import make_intent
from intentos.planners.planner import DefaultPlanner
from intentos.planners.preferences import is_choice
from intentos.preferences import Preferences
from intentos.protocols import PlanningContext, Proposal, Table
from intentos.registry import Registry
from intentos.types import new_id

NO_MODEL = PlanningContext(trial=None, emit=lambda event: None, model="none")


@pytest.fixture
def planner(registry: Registry, settings: Settings) -> DefaultPlanner:
    """Return a planner of a person without any choices yet."""
    return DefaultPlanner(registry=registry, settings=settings)


async def ask(planner: DefaultPlanner, text: str, table: Table | None = None) -> Proposal:
    """Return what the planner proposes without a model."""
    context = PlanningContext(trial=None, emit=lambda event: None, model="none", table=table)
    return await planner.propose(make_intent(text, conversation=new_id()), context)


async def test_a_choice_is_the_default_next_time_and_the_digest_stays(
    planner: DefaultPlanner, settings: Settings
) -> None:
    before = await ask(planner, "a spiral galaxy")
    Preferences(settings).set("palette", "viridis")
    Preferences(settings).set("frames", 24)
    after = await ask(planner, "a spiral galaxy")
    assert after.values == {**before.values, "palette": "viridis", "frames": 24}
    assert after.plan.digest == before.plan.digest
    assert after.accounted == before.accounted
    notes = [a for a in after.plan.assumptions if is_choice(a)]
    assert {note.parameter for note in notes} == {"palette", "frames"}
    assert "viridis, as you chose before" in notes[0].text.en + notes[1].text.en


async def test_what_is_said_comes_first(planner: DefaultPlanner, settings: Settings) -> None:
    Preferences(settings).set("frames", 24)
    said = await ask(planner, "a spiral galaxy, 60 frames")
    assert said.values["frames"] == 60
    assert not any(is_choice(a) for a in said.plan.assumptions)


async def test_a_follow_up_keeps_what_lies_on_the_table(
    planner: DefaultPlanner, settings: Settings
) -> None:
    first = await ask(planner, "a spiral galaxy")
    table = Table(run="", plan=first.plan, values=first.plan.accept(first.values))
    Preferences(settings).set("palette", "viridis")
    after = await ask(planner, "with 5 arms", table)
    assert after.values == {**table.values, "arms": 5}


async def test_what_a_parameter_cannot_hold_is_left_out(
    planner: DefaultPlanner, settings: Settings
) -> None:
    Preferences(settings).set("palette", "unheard_of")
    Preferences(settings).set("frames", 99_999)
    proposal = await ask(planner, "a spiral galaxy")
    assert not proposal.values.keys() & {"palette", "frames"}


async def test_a_damaged_file_is_told_and_does_not_stop_anybody(
    planner: DefaultPlanner, settings: Settings
) -> None:
    settings.home.mkdir(parents=True, exist_ok=True)
    Preferences(settings).path.write_text("[]", "utf-8")
    with pytest.warns(UserWarning, match="forget --all"):
        assert (await ask(planner, "a spiral galaxy")).plan.recipe == "spiral_galaxy"
