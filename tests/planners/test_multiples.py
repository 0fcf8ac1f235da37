"""Eight people of 75 kg are 600 kg, where a plan has one place for the mass."""

from __future__ import annotations

import pytest

from intentos.parameters import Parameter
from intentos.planners import numbers
from intentos.planners.linking import link
from intentos.planners.multiples import by_so_many
from intentos.types import Words

KNOBS = (
    Parameter(
        name="mass", label=Words(en="Mass", zh="质量"), default=10, minimum=0, maximum=1e6,
        unit="kg", aliases=("carries", "lift", "mass"),
    ),
    Parameter(
        name="height", label=Words(en="Height", zh="高度"), default=1, minimum=0, maximum=1e4,
        unit="m", aliases=("up", "high", "高"),
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "mass", "left"),
    [
        ("A lift carries 8 people of 75 kg up 30 metres", 600, []),
        ("把4袋每袋25公斤的大米扛上6米", 100, []),
        ("电梯把8个75公斤的人送上30米", 600, []),
        ("lift 3 sacks weighing 50 kg by 2 m", 150, []),
        ("lift 20 kg by 3 m", 20, []),
        ("把两个人共150公斤送上6米", 150, ["两"]),
        ("lift 3 sacks of 50 kg in all by 2 m", 50, []),
        ("lift 20 kg by 3 m on 7 days", 20, ["7 days"]),
    ],
)
def test_a_count_before_an_amount_multiplies_it(text: str, mass: float, left: list[str]) -> None:
    links = link(text, KNOBS, title="lifting")
    assert links.values["mass"] == mass
    assert [m.text for m in links.left if not m.weak] == left


def test_the_product_is_a_reading_and_not_what_was_said() -> None:
    assert [m.text for m in link("lift 3 sacks of 50 kg by 2 m", KNOBS).guessed] == ["3"]


def test_so_many_at_a_time_are_one_number() -> None:
    plain = "石子五颗五颗数多两颗，六颗六颗数多六颗，7个8个"
    said = [m.number for m in by_so_many(plain, numbers.read(plain))]
    assert said == [5, 2, 6, 6, 7, 8]
