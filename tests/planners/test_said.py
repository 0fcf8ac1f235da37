"""Which numbers a recipe has accounted for by what it is called."""

import pytest

from intentos.parameters import Parameter
from intentos.planners.linking import link
from intentos.types import Words

DEGREE = Parameter(
    name="degree",
    label=Words(en="Degree", zh="阶数"),
    kind="integer",
    default=13,
    minimum=1,
    maximum=60,
    aliases=("degree",),
)
MASS = Parameter(name="mass", label=Words(en="Mass", zh="质量"), default=1.0, unit="kg")
PHRASINGS = ("expand sin x in 8 steps", "two carts meet", "polynomials near a point")
CONTEXT = "\n".join(("Two galaxies", *PHRASINGS, "84 and 36 have a divisor"))


def left(text: str, *parameters: Parameter) -> list[str]:
    links = link(text, parameters, context=CONTEXT, title="Two galaxies", phrasings=PHRASINGS)
    return [m.text for m in links.left]


def test_a_number_of_one_phrasing_is_not_lost_where_a_parameter_could_take_it() -> None:
    links = link(
        "cos x in 8 steps or 9", [DEGREE], context=CONTEXT, title="Two galaxies",
        phrasings=PHRASINGS,
    )  # fmt: skip
    assert links.values == {"degree": 8} or "8" in [m.text for m in links.left]


@pytest.mark.parametrize("text", ["two carts meet", "two galaxies"])
def test_what_a_recipe_is_called_is_accounted_for(text: str) -> None:
    assert left(text, MASS) == []


def test_a_part_of_another_number_is_not_what_the_recipe_says() -> None:
    assert left("4 and 36 meet", MASS) != []
    assert "4" in left("take 4 and then 36", MASS)
