"""A wish finds its recipe and its values."""

from __future__ import annotations

import json

import pytest

from intentos.errors import ValueOutOfRange
from intentos.planners import recall
from intentos.planners.library import Recipe, builtin_folder, read_recipe
from intentos.planners.model import Model, Prompt
from intentos.planners.search import Index
from intentos.registry import Registry
from intentos.types import language_of

from .plans import HEART, HEAT


def recipe(name: str) -> Recipe:
    """Return a recipe that comes with IntentOS."""
    return read_recipe(builtin_folder() / f"{name}.yaml")


@pytest.fixture(scope="module")
def index() -> Index:
    """Return an index of what comes with IntentOS."""
    return Index(read_recipe(path) for path in sorted(builtin_folder().glob("*.yaml")))


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("prime_count", "1到100万之间有多少个素数？", {"limit": 1_000_000}),
        ("thrown_ball", "a ball at 60 km/h and 30 degrees, blue line",
         {"speed": 16.6666666667, "angle": 30, "colour": "#1f6feb"}),
        ("thrown_ball", "以每秒25米、60度角抛球", {"speed": 25, "angle": 60}),
        ("thrown_ball", "throw a ball twice as fast", {"speed": 40}),
        ("pendulum", "单摆 长度2米", {"length": 2}),
    ],
)  # fmt: skip
async def test_values_are_read_by_code(
    registry: Registry, name: str, text: str, values: dict[str, object]
) -> None:
    proposal = await recall.fill(text, recipe(name), registry, None)
    assert proposal.values == pytest.approx(values)
    assert proposal.tokens == 0
    assert proposal.plan.recipe == name


async def test_a_number_without_a_place_is_named(registry: Registry) -> None:
    proposal = await recall.fill(
        "throw a ball past 7 zebras", recipe("thrown_ball"), registry, None
    )
    assert "7" in proposal.plan.assumptions[-1].text.en
    assert "7" in proposal.plan.assumptions[-1].text.zh
    assert not proposal.accounted


async def test_strange_words_are_not_accounted_for(registry: Registry) -> None:
    ball = recipe("thrown_ball")
    assert (await recall.fill("throw a ball at 20 m/s", ball, registry, None)).accounted
    on_titan = await recall.fill("throw a ball on Titan at 20 m/s", ball, registry, None)
    assert not on_titan.accounted


async def test_a_value_out_of_range_names_the_range(registry: Registry) -> None:
    with pytest.raises(ValueOutOfRange, match="20000 m/s"):
        await recall.fill("throw a ball at 90000 m/s", recipe("thrown_ball"), registry, None)


def test_search_alone_decides_only_where_it_is_sure(index: Index) -> None:
    sure = recall.decisive(index.search("how many primes are there below one million?"))
    assert sure is not None
    assert sure.id == "prime_count"
    assert recall.decisive(index.search("something about primes and balls")) is None
    assert recall.without_model(index.search("knit a woollen sweater")) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I'd like to see how an infection goes through a town", "sir_epidemic"),
        ("买房贷款每月要还多少钱", "loan"),
        ("what path does a stone take when I hurl it", "thrown_ball"),
        ("扔出去的石头会怎么飞，画出轨迹", "thrown_ball"),
        ("how many numbers below 300 are the same when read backwards?", None),
        ("what are the prime factors of 5040?", "prime_factors"),
    ],
)
async def test_the_model_chooses_or_says_none(
    index: Index, model: Model, text: str, expected: str | None
) -> None:
    choice = await recall.choose(text, index.search(text), model, language_of(text))
    assert (choice.recipe and choice.recipe.id) == expected
    assert choice.tokens > 0


async def test_the_model_sets_switches_under_a_grammar(model: Model) -> None:
    open_ones = [
        p for p in (*HEAT.parameters, *HEART.parameters) if p.kind in ("choice", "boolean")
    ]
    done = await model.complete(
        Prompt(system="Answer with JSON.", user="a torus, and hide the contours"),
        grammar=recall.switch_grammar(open_ones),
        max_tokens=60,
    )
    values = json.loads(done.text)
    assert values.keys() == {"contours", "shape"}
    for parameter in open_ones:
        parameter.accept(values[parameter.name])


@pytest.mark.parametrize(
    ("recipe", "text", "values"),
    [
        ("coin_flips", "half of the coins show heads", {}),
        ("sir_epidemic", "an illness that is 30% more catching", {}),
        ("predator_prey", "thrice as many rabbits", {"rabbits": 180.0}),
        ("pendulum", "the length is doubled", {"length": 2.0}),
    ],
)
async def test_a_factor_turns_only_what_it_is_said_of(
    recipe: str, text: str, values: dict[str, object]
) -> None:
    found = read_recipe(builtin_folder() / f"{recipe}.yaml")
    filled = await recall.fill(text, found, Registry(), None)
    assert filled.values == values


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("how many primes are there up to 90", True),
        ("哪些两位数的十位比个位大", False),
        ("list all numbers under 300 whose digits are all even", False),
    ],
)
def test_numbers_with_a_property_are_told_by_no_recipe_of_another_kind(
    index: Index, text: str, told: bool
) -> None:
    hits = recall.asked_of(text, index.search(text))
    assert bool(hits and hits[0].chance >= recall.LIKELY) is told
