"""Follow-ups change values, by rule where the words are plain and by the model where not."""

from __future__ import annotations

import json

import pytest

from intentos.errors import PlanningError, ValueOutOfRange
from intentos.plan import Plan
from intentos.planners import revise
from intentos.planners.model import Model, Prompt
from intentos.protocols import Table

from .plans import HEART, HEAT, RAINBOW, TRAFFIC


def table(plan: Plan) -> Table:
    """Return the plan as it lies on the table after a run with its defaults."""
    return Table(run="r", plan=plan, values=plan.defaults)


@pytest.mark.parametrize(
    ("plan", "text", "changed"),
    [
        (HEAT, "make it twice as hot", {"temperature": 200}),
        (HEAT, "两倍热", {"temperature": 200}),
        (HEAT, "温度降低一半", {"temperature": 50}),
        (HEAT, "更热一点", {"temperature": 120}),
        (HEAT, "twice as hot and half the diffusion", {"temperature": 200, "diffusivity": 0.1}),
        (HEAT, "set the temperature to 300 degrees", {"temperature": 300}),
        (HEAT, "without contour lines", {"contours": False}),
        (HEAT, "温度降到零下20度", {"temperature": -20}),
        (HEAT, "20 degrees below zero", {"temperature": -20}),
        (RAINBOW, "turn off the clouds", {"clouds": 0}),
        (RAINBOW, "turn the clouds off and make it brighter", {"clouds": 0, "brightness": 0.75}),
        (RAINBOW, "不要云", {"clouds": 0}),
        (HEART, "make it blue and twice as fast", {"colour": "#1f6feb", "speed": 60}),
        (HEART, "改成绿色，背景白色", {"colour": "#22a447", "background": "#ffffff"}),
        (HEART, "转得慢一点", {"speed": 25}),
        (HEART, "用10万个点", {"points": 100_000}),
        (HEART, "make it a sphere", {"shape": "sphere"}),
        (HEART, "twice as slow", {"speed": 15}),
        (TRAFFIC, "现在用120辆车", {"cars": 120}),
        (TRAFFIC, "twice as many cars", {"cars": 1000}),
        (TRAFFIC, "一半的车", {"cars": 250}),
        (TRAFFIC, "fewer cars please", {"cars": 333}),
        (TRAFFIC, "double the cars and half the speed", {"cars": 1000, "limit": 25}),
        (TRAFFIC, "increase the speed by 20%", {"limit": 60}),
        (TRAFFIC, "限速改为80公里每小时", {"limit": 80}),
    ],
)
async def test_plain_words_need_no_model(plan: Plan, text: str, changed: dict[str, object]) -> None:
    proposal = await revise.revise(text, table(plan), None)
    differences = {k: v for k, v in proposal.values.items() if v != plan.defaults[k]}
    assert differences == changed
    assert proposal.plan is plan
    assert proposal.tokens == 0


async def test_reset_goes_back_to_the_defaults() -> None:
    moved = Table(run="r", plan=TRAFFIC, values={"cars": 7, "limit": 9})
    assert (await revise.revise("reset", moved, None)).values == TRAFFIC.defaults
    partly = await revise.revise("恢复默认限速", moved, None)
    assert partly.values == {"cars": 7, "limit": 50}


async def test_an_explicit_value_out_of_range_is_an_error() -> None:
    with pytest.raises(ValueOutOfRange, match="-200 to 1000"):
        await revise.revise("temperature 5000 degrees", table(HEAT), None)


async def test_a_relative_change_stops_at_the_edge_and_says_so() -> None:
    proposal = await revise.revise("twenty times as hot", table(HEAT), None)
    assert proposal.values["temperature"] == 1000
    (note,) = proposal.plan.assumptions
    assert note.parameter == "temperature"
    assert "1000" in note.text.en
    assert "1000" in note.text.zh
    assert proposal.plan.digest == HEAT.digest
    again = await revise.revise(
        "half as hot", Table(run="r", plan=proposal.plan, values=proposal.values), None
    )
    assert again.values["temperature"] == 500
    assert again.plan.assumptions == ()


async def test_an_unused_number_is_named() -> None:
    proposal = await revise.revise("200 cars and 7 zebras", table(TRAFFIC), None)
    assert "7" in proposal.plan.assumptions[0].text.en
    assert not proposal.accounted


async def test_what_is_only_named_leaves_open_how_much() -> None:
    proposal = await revise.revise("more cars please", table(TRAFFIC), None)
    assert float(proposal.values["cars"]) > 100
    assert not (await revise.revise("let there be cars", table(TRAFFIC), None)).accounted


async def test_nothing_to_change_lists_what_there_is() -> None:
    with pytest.raises(PlanningError, match="cars, limit"):
        await revise.revise("make it prettier", table(TRAFFIC), None)


async def test_the_model_links_what_rules_cannot(model: Model) -> None:
    proposal = await revise.revise(
        "the spreading through the metal shall be set to 0.1", table(HEAT), model
    )
    assert proposal.values["diffusivity"] == 0.1
    assert proposal.tokens > 0


async def test_the_model_can_only_write_operations_that_exist(model: Model) -> None:
    operations, _ = await revise.ask("set everything to something wild", table(HEART), [], model)
    known = {parameter.name for parameter in HEART.parameters}
    assert {operation.parameter for operation in operations} <= known


async def test_the_grammar_holds_every_kind(model: Model) -> None:
    for plan in (HEAT, HEART, TRAFFIC):
        prompt = Prompt(system=revise.system(), user="Wish: change one thing")
        done = await model.complete(prompt, grammar=revise.grammar(plan.parameters), max_tokens=200)
        assert isinstance(json.loads(done.text)["operations"], list)


def test_a_fraction_that_stops_at_its_range_is_told() -> None:
    """Where the edge is near, a change that goes only half the way is still not what was said."""
    values, notes = revise.apply(
        [revise.Operation("brightness", "multiply", 3.0)], RAINBOW, {"brightness": 0.5}
    )
    assert values["brightness"] == 1
    assert [note.parameter for note in notes] == ["brightness"]
