"""Which quantity of a law is open: what is asked for, while the others are said."""

from __future__ import annotations

from pathlib import Path

import pytest

from intentos.config import Settings
from intentos.planners.asked import asks, link_asked, reopened, unsaid
from intentos.planners.law import FIND
from intentos.planners.library import Library, read_recipes
from intentos.protocols import Table
from intentos.registry import Registry
from intentos.types import Quantity, Value

LAW = read_recipes(Path(__file__).with_name("bend.yaml"))[0]


def read(text: str) -> dict[str, object]:
    """Return what a text says of the law, and what it asks for."""
    links = link_asked(text, LAW.parameters, title=LAW.title.en, constants=LAW.constants)
    return dict(links.values)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1500 kg at 20 m/s in a bend of 50 m, which force", {"mass": 1500, FIND: "force"}),
        ("tyres hold 5000 N, 1500 kg, radius 40 m: how fast", {FIND: "speed", "force": 5000}),
        ("8000牛的力，时速72公里，半径50米，车最多多重", {FIND: "mass", "speed": 20, "radius": 50}),
        ("1 t at 36 km/h, 2000 N: how many metres of radius", {FIND: "radius", "mass": 1000}),
        ("弯道半径要多少米，力只有3000牛，车重1吨，速度10米每秒", {FIND: "radius", "force": 3000}),
    ],
)  # fmt: skip
def test_what_is_said_and_what_is_asked(text: str, values: dict[str, object]) -> None:
    found = read(text)
    assert {name: found.get(name) for name in values} == values


def test_where_nothing_tells_it_is_what_the_law_mostly_asks() -> None:
    assert read("force in a bend")[FIND] == "force"


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("how fast may it go", "speed"),
        ("最快能开多快", "speed"),
        ("how many kilograms", "mass"),
        ("半径是多少", "radius"),
        ("what is the sideways force", "force"),
    ],
)
def test_questions_ask_for_one_quantity_more_than_for_others(text: str, quantity: str) -> None:
    strength = {p.name: asks(text, p) for p in LAW.parameters if p.name != FIND}
    assert max(strength, key=lambda name: strength[name]) == quantity
    assert strength[quantity] >= 1


def test_what_was_not_said_is_an_assumption_but_no_constant_is() -> None:
    assumed = unsaid(LAW.parameters, {FIND: "force", "mass": 900}, LAW.constants)
    assert [a.parameter for a in assumed] == ["speed", "radius"]
    assert assumed[0].text.text("en", {"speed": 15.0}) == "Speed was not said: 15 m/s is taken."


@pytest.mark.parametrize(
    ("was_open", "text", "values", "expected"),
    [
        # What was open is given: what the law mostly asks for is open now.
        ("mass", "and with 2000 kg", {"mass": 2000.0}, {FIND: "force", "mass": 2000.0}),
        ("speed", "what if the speed is 30 m/s", {"speed": 30.0}, {FIND: "force", "speed": 30.0}),
        # Another one is asked for: what was found before stays.
        ("speed", "how wide must the radius be at 9 kN", {"force": 9000.0},
         {FIND: "radius", "speed": 20.0}),
        ("speed", "再让力变成9000牛", {"force": 9000.0}, {FIND: "speed", "force": 9000.0}),
    ],
)  # fmt: skip
def test_a_follow_up_opens_what_it_asks_for(
    was_open: str, text: str, values: dict[str, Value], expected: dict[str, Value]
) -> None:
    lying = {p.name: p.default for p in LAW.parameters} | {FIND: was_open}
    found = {was_open: Quantity(value=20.0)}
    table = Table(run="r", plan=LAW.plan(Registry()), values=lying, quantities=found)
    after = reopened(text, table, {**lying, **values})
    assert {name: after[name] for name in expected} == expected


def test_a_choice_that_is_called_so_but_names_no_quantities_is_a_choice_like_others(
    registry: Registry, settings: Settings
) -> None:
    recipe = Library(registry, settings).get("clock_times")
    parameters = recipe.plan(registry).parameters
    assert any(one.name == FIND for one in parameters)
    assert link_asked("the Collatz sequence from 27", parameters).values.get(FIND) is None
