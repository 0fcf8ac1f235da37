"""What a first wish says of a scene without numbers."""

import pytest

from intentos.parameters import Parameter
from intentos.planners.links import Links
from intentos.planners.scenery import scenery
from intentos.types import Words


def knob(name: str, default: float, high: float, *aliases: str, live: bool = True) -> Parameter:
    return Parameter(
        name=name, label=Words(en=name, zh=aliases[-1]), default=default, minimum=0,
        maximum=high, live=live, aliases=aliases,
    )  # fmt: skip


KNOBS = (
    knob("hour", 16.0, 24, "hour", "时刻"),
    knob("wind", 0.2, 1, "wind", "breeze", "风"),
    knob("fog", 0.0, 0.1, "fog", "雾"),
    knob("heaviness", 0.3, 1, "heavy", "大雪", "雪量"),
    knob("speed", 5.0, 9, "wind speed", "速度", live=False),
)


def told(text: str, title: str = "A hill\n山坡") -> dict[str, object]:
    links = Links()
    scenery(text, KNOBS, links, title=title)
    return dict(links.values)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a hill at noon", {"hour": 12.0}),
        ("日落时的山坡", {"hour": 17.6}),
        ("a hill at night in a strong wind", {"hour": 22.0, "wind": 0.3}),
        ("浓雾里的山坡", {"fog": 0.045}),
        ("狂风中的山坡", {"wind": 0.5}),
        ("heavy snow on the hill", {"heaviness": 0.45}),
        ("a gentle breeze", {"wind": 0.133333}),
        ("how strong is a strong wind?", {}),
        ("day and night on a hill", {}),
        ("a strong man on the hill", {}),
        ("a windowless light", {}),
    ],
)
def test_words_for_times_and_weather_turn_the_knobs(text: str, values: dict[str, object]) -> None:
    assert told(text) == values


def test_a_scene_that_is_called_so_begins_as_it_is() -> None:
    assert told("the hill at sunset", title="A hill at sunset\n山坡落日") == {}


def test_what_a_number_has_set_stays() -> None:
    links = Links(values={"hour": 5.0})
    assert scenery("the hill at noon", KNOBS, links) == "the hill at noon"
    assert links.values == {"hour": 5.0}
