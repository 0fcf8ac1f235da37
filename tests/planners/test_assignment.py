"""All numbers of a wish find their places together: by order, by sense, by neighbourhood."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter
from intentos.planners.linking import link
from intentos.types import Words

from .plans import TRAFFIC, knob

COLLISION = (
    knob("mass", "Mass", "质量", "mass 质量", 1, minimum=0.01, maximum=1000, unit="kg"),
    knob("speed", "Speed", "速度", "speed 速度", 3, minimum=0, maximum=1000, unit="m/s"),
    knob("other_mass", "Second mass", "另一质量", "second 另一个", 2, minimum=0.01, maximum=1000,
         unit="kg"),
    knob("other_speed", "Second speed", "另一速度", "oncoming 迎面", 0, minimum=0, maximum=1000,
         unit="m/s"),
)  # fmt: skip
SEESAW = (
    knob("left", "Weight on the left", "左边重物", "left 左边", 60, minimum=0, maximum=1e5,
         unit="kg"),
    knob("left_arm", "Left arm", "左臂", "arm", 1, minimum=0.05, maximum=20, unit="m"),
    knob("right", "Weight on the right", "右边重物", "right 右边", 25, minimum=0, maximum=1e5,
         unit="kg"),
    knob("right_arm", "Right arm", "右臂", "arm", 2, minimum=0.05, maximum=20, unit="m"),
)  # fmt: skip
MIXING = (
    knob("hot_mass", "Hot water", "热水", "热水", 2, minimum=0.01, maximum=1000, unit="kg"),
    knob("hot", "Hot", "热", "hot 热水", 80, minimum=0, maximum=100, unit="°C"),
    knob("cold_mass", "Cold water", "冷水", "冷水", 3, minimum=0.01, maximum=1000, unit="kg"),
    knob("cold", "Cold", "冷", "cold 冷水", 20, minimum=0, maximum=100, unit="°C"),
)  # fmt: skip
QUEUE = (
    knob("arrivals", "Customers an hour", "每小时顾客数", "customers 顾客", 50,
         minimum=1, maximum=600),
    knob("service", "Time for one", "每人时间", "takes 每人", 1, minimum=0.1, maximum=20,
         unit="min"),
    knob("rate", "Interest a year", "年利率", "interest 利率", 5, minimum=0, maximum=50, unit="%"),
    knob("share", "Vaccinated", "接种率", "vaccinated 接种", 0.5, minimum=0, maximum=1),
    knob("chance", "Chance", "概率", "chance 概率", 49, minimum=30, maximum=70, unit="%"),
)  # fmt: skip
SPRING = (
    knob("mass", "Mass", "质量", "mass 质量", 1, minimum=0.001, maximum=1e4, unit="kg"),
    knob("stiffness", "Stiffness (N/m)", "劲度系数（N/m）", "stiffness 劲度系数", 20, minimum=0.01,
         maximum=1e6),
    knob("gravity", "Gravity", "重力", "gravity 重力", 9.8, minimum=0.1, maximum=300, unit="m/s^2"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("3 kg cart rolling at 2.5 m/s runs into a 1.2 kg cart at rest",
         {"mass": 3, "speed": 2.5, "other_mass": 1.2}),
        ("0.5 kg at 6 m/s meets 1.5 kg at 2 m/s",
         {"mass": 0.5, "speed": 6, "other_mass": 1.5, "other_speed": 2}),
        ("质量2千克的球以4米每秒撞上静止的3千克小球", {"mass": 2, "speed": 4, "other_mass": 3}),
        ("500 grams and 0.8 kg collide", {"mass": 0.5, "other_mass": 0.8}),
        ("2 and 3 kg collide", {"mass": 2, "other_mass": 3}),
    ],
)  # fmt: skip
def test_what_is_said_first_is_the_first(text: str, values: dict[str, object]) -> None:
    links = link(text, COLLISION)
    assert links.values == pytest.approx(values)
    assert links.guessed == links.left == []


@pytest.mark.parametrize(
    "text",
    [
        "20 kg at 3 m on one side, 50 kg at 1.2 m on the other",
        "左边坐20公斤离中点3米，右边坐50公斤离中点1.2米",
        "右边坐50公斤离中点1.2米，左边坐20公斤离中点3米",
        "跷跷板左边坐20公斤离中点3米，右边坐50公斤离中点1.2米",
    ],
)
def test_what_stands_together_belongs_together(text: str) -> None:
    assert link(text, SEESAW).values == {"left": 20, "left_arm": 3, "right": 50, "right_arm": 1.2}


@pytest.mark.parametrize(
    "text",
    [
        "mix 5 litres of water at 10 degrees with 2 litres at 90 degrees",
        "三公斤70度的热水倒进两公斤15度的冷水里",
    ],
)
def test_hot_is_warmer_than_cold(text: str) -> None:
    values = link(text, MIXING).values
    assert float(values["hot"]) > float(values["cold"])
    expected = {90: (2, 5), 70: (3, 2)}[int(float(values["hot"]))]
    assert (values["hot_mass"], values["cold_mass"]) == expected


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("80 customers per hour", {"arrivals": 80}),
        ("2 customers per minute", {"arrivals": 120}),
        ("a chance of 1/2", {"chance": 50}),
        ("probability 0.4, a chance", {"chance": 40}),
        ("七成接种", {"share": 0.7}),
        ("six percent interest a year", {"rate": 6}),
        ("每人90秒", {"service": 1.5}),
    ],
)
def test_rates_and_shares_are_turned_into_the_parameters_own(
    text: str, values: dict[str, object]
) -> None:
    assert link(text, QUEUE, context="a queue").values == pytest.approx(values)


def test_interest_of_a_month_is_none_of_a_year() -> None:
    links = link("0.5% interest a month", QUEUE[2:3])
    assert links.values == {}
    assert [m.text for m in links.unused] == ["0.5%"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("m = 0.25 kg, k = 40", {"mass": 0.25, "stiffness": 40}),
        ("劲度系数80牛每米，挂一斤", {"stiffness": 80, "mass": 0.5}),
        ("弹簧每米要50牛", {"stiffness": 50}),
        ("on the moon", {"gravity": 1.62}),
        ("在火星上，g=3.7", {"gravity": 3.7}),
    ],
)
def test_symbols_compound_units_and_worlds(text: str, values: dict[str, object]) -> None:
    assert link(text, SPRING).values == pytest.approx(values)


def test_two_people_in_the_story_are_no_number_out_of_range() -> None:
    few = (knob("people", "People", "人数", "个人 人", 2000, minimum=400, kind="integer"),)
    assert link("随便两个人交换", few).values == {}
    with pytest.raises(ValueOutOfRange, match="400"):
        link("一共20个人", few)


def test_a_guess_is_told_apart() -> None:
    parameters = (knob("limit", "Limit", "上限", "below 以内", 100, minimum=1, kind="integer"),)
    links = link("primes 1000", parameters)
    assert links.values == {"limit": 1000}
    assert [m.text for m in links.guessed] == ["1000"]
    assert link("primes below 1000", parameters).guessed == []


def test_years_frames_and_small_words_are_no_guesses() -> None:
    parameters = (knob("grains", "Grains", "颗粒", "grains", 100, minimum=1, kind="integer"),)
    assert link("as Einstein saw in 1905", parameters).values == {}
    assert link("two of everything", parameters).values == {}


@given(st.text(alphabet="0123456789 .,kgm/s°C%halfleftright左右边公斤米热冷水的a=", max_size=50))
def test_every_value_is_one_that_the_parameter_takes(text: str) -> None:
    for parameters in (COLLISION, SEESAW, MIXING, QUEUE, SPRING, TRAFFIC.parameters):
        try:
            links = link(text, parameters, context="water")
        except ValueOutOfRange:
            continue
        for parameter in parameters:
            if parameter.name in links.values:
                assert parameter.accept(links.values[parameter.name]) is not None


def test_a_side_that_is_said_behind_a_comma_belongs_to_what_follows() -> None:
    values = link("right 30 kg at 2 m, left 50 kg at 1 m", SEESAW).values
    assert values == {"right": 30, "right_arm": 2, "left": 50, "left_arm": 1}


def test_a_count_that_two_parameters_claim_is_a_guess() -> None:
    cradle = [
        Parameter(
            name=name, label=Words(en=name, zh=zh), kind="integer", default=3, minimum=1,
            maximum=9, aliases=words,
        )
        for name, zh, words in (("balls", "球数", ("balls",)), ("lifted", "拉起", ("lift",)))
    ]  # fmt: skip
    assert [m.text for m in link("lift two balls", cradle).guessed] == ["two"]
    assert link("of six balls lift two", cradle).guessed == []


def test_forward_comes_before_backward() -> None:
    rates = [
        Parameter(
            name=name, label=Words(en=name, zh=zh), default=0.5, minimum=0, maximum=9,
            aliases=("rate",) if name == "forward" else ("reverse",),
        )
        for name, zh in (("forward", "正向"), ("backward", "逆向"))
    ]  # fmt: skip
    assert link("rates 0.8 and 0.2", rates).values == {"forward": 0.8, "backward": 0.2}


def test_one_leg_is_no_leg_of_length_one() -> None:
    sides = [
        Parameter(
            name=name, label=Words(en=name, zh=zh), default=5, minimum=0.001, maximum=99,
            aliases=(word,),
        )
        for name, zh, word in (("hypotenuse", "斜边", "hypotenuse"), ("a", "甲", "leg"))
    ]  # fmt: skip
    assert link("hypotenuse 13 and one leg 5", sides).values == {"hypotenuse": 13, "a": 5}


def test_a_fast_one_is_faster_than_a_slow_one_but_takes_less_time() -> None:
    def pair(unit: str) -> list[Parameter]:
        return [
            Parameter(
                name=name, label=Words(en=name, zh=zh), default=1, minimum=0, maximum=999, unit=unit
            )
            for name, zh in (("slow", "慢"), ("fast", "快"))
        ]

    assert link("80 km/h and 50 km/h", pair("km/h")).values == {"slow": 50, "fast": 80}
    assert link("5 h and 4 h", pair("h")).values == {"slow": 5, "fast": 4}


def test_what_is_measured_in_inches_is_by_chinese_inches_as_well() -> None:
    def wide(unit: str) -> list[Parameter]:
        return [
            Parameter(
                name="wide", label=Words(en="Wide", zh="宽"), default=1, minimum=0, maximum=999,
                unit=unit, aliases=("电视",),
            )
        ]  # fmt: skip

    assert link("电视65寸", wide("inch")).values == {"wide": 65}
    assert link("电视6寸", wide("cm")).values == {"wide": pytest.approx(20)}
