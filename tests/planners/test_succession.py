"""A row of names has so many steps; where a number of them is said, that goes before."""

from __future__ import annotations

import time

import pytest

from intentos.parameters import Parameter
from intentos.planners.linking import link
from intentos.planners.succession import named_steps
from intentos.types import Words

STEPS = Parameter(
    name="steps", label=Words(en="Steps", zh="传递次数"), default=2, minimum=1, maximum=9,
    aliases=("steps", "levels", "级"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("energy from clover to a rabbit to a fox, how much is left", 2),
        ("algae to shrimps, then to herring, and then to a seal to the orca", 4),
        ("plankton -> krill -> whale", 2),
        ("水草→小虾→小鱼→大鱼，最后剩多少", 3),
        ("水草传给小虾，再传给小鱼，再传给大鱼，剩多少", 3),
        ("小虾吃水草，小鱼吃小虾，大鱼吃小鱼", 3),
        ("mice eat corn, owls eat mice", 2),
        ("how much energy goes from grass to the cow", 0),
        ("从上海到北京多远", 0),
    ],
)
def test_steps_are_counted_by_their_names(text: str, steps: int) -> None:
    assert named_steps(text) == steps
    assert link(text, [STEPS]).values == ({"steps": steps} if steps else {})


def test_a_number_that_is_said_goes_before_and_other_steps_are_no_chain() -> None:
    assert link("3 steps: corn to mouse to owl", [STEPS]).values == {"steps": 3}
    other = STEPS.model_copy(update={"aliases": ("steps",)})
    assert link("corn to mouse to owl", [other]).values == {}


@pytest.mark.parametrize(
    "text", ["把" + "到" * 44 + "!", "猫到" * 9999 + "!", "a" * 20_000, "a to " * 4000]
)
def test_no_text_takes_for_ever(text: str) -> None:
    begun = time.monotonic()
    named_steps(text)
    assert time.monotonic() - begun < 30  # once hours: each name could be read in ever more ways
