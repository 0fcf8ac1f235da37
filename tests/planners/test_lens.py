"""A follow-up about how a thing is looked at gives its plan the knob that is missing."""

from __future__ import annotations

import pytest

from intentos.config import Settings
from intentos.plan import Plan
from intentos.planners import lens
from intentos.planners.library import Library
from intentos.preferences import said
from intentos.protocols import Proposal, Table
from intentos.registry import Registry

_READ: list[Library] = []


@pytest.fixture
def library(registry: Registry, settings: Settings) -> Library:
    """Return the recipes of the house, read once."""
    if not _READ:
        _READ.append(Library(registry, settings))
    return _READ[0]


def looked(library: Library, registry: Registry, recipe: str, *said: str) -> Proposal | None:
    """Say one thing after the other of a recipe's picture; return what the last one gave."""
    known = library.get(recipe)
    plan = registry.pin(known.plan(registry))
    table, seen = Table(run="r", plan=plan, values=plan.defaults), None
    for text in said:
        seen = lens.look(text, table, registry, known)
        if seen is None:
            return None
        table = Table(run="r", plan=seen.plan, values=seen.plan.accept(seen.values))
    return seen


@pytest.mark.parametrize(
    ("recipe", "said", "argument", "value"),
    [
        ("rotating_heart", "bigger please", "distance", 2.0),
        ("rotating_heart", "make it twice as big", "distance", 1.5),
        ("rotating_heart", "小一点", "distance", 3.6),
        ("galaxies_collide", "从侧面看", "pitch", 0.0),
        ("galaxies_collide", "show it from above", "pitch", 90.0),
        ("lorenz_attractor", "stop turning it", "turns", 0.0),
        ("lorenz_attractor", "on a white background", "background", "#ffffff"),
        ("lorenz_attractor", "换成白色的背景", "background", "#ffffff"),
    ],
)
def test_what_no_knob_holds_becomes_one(
    library: Library, registry: Registry, recipe: str, said: str, argument: str, value: object
) -> None:
    before = library.get(recipe).plan(registry)
    seen = looked(library, registry, recipe, said)
    assert seen is not None
    assert seen.values[argument] == value
    assert seen.plan.steps[0].arguments[argument] == f"${argument}"
    # Other arguments are another plan: an approval of the old one does not cover it.
    assert seen.plan.digest != registry.pin(before).digest
    assert seen.plan.parent is not None
    Plan.model_validate_json(seen.plan.model_dump_json(by_alias=True))


def test_said_again_it_turns_the_knob_that_is_there(library: Library, registry: Registry) -> None:
    once = looked(library, registry, "rotating_heart", "bigger")
    twice = looked(library, registry, "rotating_heart", "bigger", "bigger")
    assert once is not None
    assert twice is not None
    assert twice.plan.digest == once.plan.digest
    assert len(twice.plan.parameters) == len(once.plan.parameters)
    assert float(twice.values["distance"]) < float(once.values["distance"])


def test_what_lay_there_before_was_not_said_now(library: Library, registry: Registry) -> None:
    plan = registry.pin(library.get("rotating_heart").plan(registry))
    table = Table(run="r", plan=plan, values={**plan.defaults, "colour": "#ffffff"})
    seen = lens.look("bigger", table, registry, library.get("rotating_heart"))
    assert seen is not None
    assert said(seen, table) == ["distance"]


def test_another_change_beside_it_is_made_too(library: Library, registry: Registry) -> None:
    seen = looked(library, registry, "rotating_heart", "make it blue and bigger")
    assert seen is not None
    assert (seen.values["colour"], seen.values["distance"]) == ("#1f6feb", 2.0)


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ("rotating_heart", "make it blue and twice as fast"),  # nothing of how it is looked at
        ("rotating_heart", "bigger, and add a dragon"),  # something it has no place for
        ("garden", "bigger trees"),  # of a thing in the picture, not of the picture
        ("garden", "树再大一点"),
        ("forest_fire", "bigger"),  # its kernel has no camera
        ("binary_stars", "from above"),  # it has a knob of its own for that
        ("rotating_heart", "how would it look from above?"),
    ],
)
def test_what_is_not_about_the_view_is_left_alone(
    library: Library, registry: Registry, recipe: str, said: str
) -> None:
    assert looked(library, registry, recipe, said) is None
