"""What was said finds its parameter: by unit, by word, by range."""

from __future__ import annotations

import pytest

from intentos.errors import ValueOutOfRange
from intentos.planners.linking import link

from .plans import HEART, HEAT, TRAFFIC


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("simulate the traffic of a city with 500 cars", {"cars": 500}),
        ("120 cars at 30 mph", {"cars": 120, "limit": 48.28032}),
        ("120辆车，限速80公里每小时", {"cars": 120, "limit": 80}),
        ("一千两百辆车", {"cars": 1200}),
        ("set the speed limit to 90", {"limit": 90}),
        ("a limit of 60 for two hundred vehicles", {"limit": 60, "cars": 200}),
    ],
)
def test_numbers_of_traffic(text: str, values: dict[str, object]) -> None:
    links = link(text, TRAFFIC.parameters)
    assert links.values == values
    assert links.unused == []


def test_units_are_converted_to_the_parameters() -> None:
    assert link("a corner at 500 K", HEAT.parameters).values == {"temperature": 226.85}
    assert link("热角300度", HEAT.parameters).values == {"temperature": 300}


def test_colours_go_to_the_thing_they_stand_beside() -> None:
    text = "a green heart on a white background with 50k points"
    assert link(text, HEART.parameters).values == {
        "colour": "#22a447", "background": "#ffffff", "points": 50_000, "shape": "heart",
    }  # fmt: skip
    assert link("改成绿色，背景白色", HEART.parameters).values == {
        "colour": "#22a447", "background": "#ffffff",
    }  # fmt: skip
    assert link("a blue one", HEART.parameters).values == {"colour": "#1f6feb"}


def test_a_number_that_fits_nowhere_is_left_over() -> None:
    links = link("traffic with 300 cars and 7 zebras", TRAFFIC.parameters)
    assert links.values == {"cars": 300}
    assert [m.text for m in links.unused] == ["7"]


def test_a_number_in_the_recipes_own_name_is_accounted_for() -> None:
    text = "two galaxies with 300 cars"
    assert link(text, TRAFFIC.parameters).unused != []
    assert link(text, TRAFFIC.parameters, context="Two galaxies collide").unused == []


def test_out_of_range_names_the_range() -> None:
    with pytest.raises(ValueOutOfRange, match="1 to 5000"):
        link("traffic with 9000 cars", TRAFFIC.parameters)


def test_a_length_is_no_speed() -> None:
    assert link("drive 60 km", TRAFFIC.parameters).values == {}
