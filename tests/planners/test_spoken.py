"""Amounts as people say them in English."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.planners import numbers
from intentos.planners.spoken import read_spoken
from intentos.planners.units import by_name, product


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("I am 5 foot 11 and a half", 71.5, "inch"),
        ("a hole 1 metre 20 below the water", 1.2, "m"),
        ("it costs two dollars fifty each", 2.5, None),
        ("one pound fifty-two a litre", 1.52, None),
        ("the car does 42 mpg (UK)", 282.4809363 / 42, "l/100km"),
        ("28 miles to the gallon", 235.2145833 / 28, "l/100km"),
        ("a year and a half later", 1.5, "year"),
        ("month and a half from now", 1.5, "month"),
        ("one point six seconds later", 1.6, "s"),
        ("six point oh two", 6.02, None),
        ("it brakes at 4 m/s per second", 4, "m/s^2"),
        ("刹车每秒能减4米每秒", 4, "m/s^2"),
        ("up to the tenth power", 10, None),
        ("墙一共四十六平", 46, "m^2"),
        ("边长一米的正三角形", 1, "m"),
        ("这样弄四回", 4, None),
        ("十四米五那么高", 14.5, "m"),
        ("一圈量了十二米五六，", 12.56, "m"),
        ("两公斤三", 2.3, "kg"),
    ],
)
def test_what_belongs_together_is_one_amount(text: str, value: float, unit: str | None) -> None:
    (said,) = (m for m in numbers.read(text) if m.kind == "number" and not m.weak)
    assert said.number == pytest.approx(value, rel=1e-5)
    assert (said.unit.symbol if said.unit else None) == unit


def test_a_density_is_said_once_and_meant_twice() -> None:
    said = numbers.read("冰每立方厘米0.917克，水是1克，共3克盐")
    assert [m.number for m in said] == [0.917, 1, 3]
    units = by_name()
    density = product([(units["kg"], 1), (units["立方米"], -1)]).dimension
    mass = units["g"].dimension
    assert [m.unit.dimension for m in said if m.unit] == [density, density, mass]


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("铁每立方厘米重7.9克，这块铁有100克", ["g·(cm^3)^-1", "g"]),
        ("球队5胜3平2负", [None, None, None]),
        ("客厅十平和二十平的房间", ["m^2", "m^2"]),
        ("a car does 30 mpg and weighs 3000 pounds", ["l/100km", "lb"]),
    ],
)
def test_what_is_something_else_stays_it(text: str, units: list[str | None]) -> None:
    said = [m for m in numbers.read(text) if m.kind == "number"]
    assert [m.unit.symbol if m.unit else None for m in said] == units


def test_an_american_gallon_is_smaller() -> None:
    (said, _) = numbers.read("a car does 30 mpg and weighs 3000 pounds")
    assert said.number == pytest.approx(235.2145833 / 30, rel=1e-5)


@pytest.mark.parametrize(
    "piece", ["9 mpg ", "每升重1克,水是1克,", "one hundred ", "9平", "1", "a "]
)
def test_long_texts_are_read_in_time(piece: str) -> None:
    text = (piece * 20_000)[:20_000]
    begun = time.monotonic()
    read_spoken(text)
    assert time.monotonic() - begun < 30  # once minutes, as each number looked at the whole text


@pytest.mark.parametrize("text", ["9" * 400 + "平的房子", "one hundred " * 400, "9" * 400 + " mpg"])
def test_numbers_without_end_are_left_alone(text: str) -> None:
    assert all(math.isfinite(m.number) for m in numbers.read(text) if m.kind == "number")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a rope of 5 m 20 turns", [5, 20]),
        ("5 pounds 12 apples", [5, 12]),
        ("三米五个", [3, 5]),
        ("hours every week and a half marathon", []),
    ],
)
def test_what_only_stands_side_by_side_is_not(text: str, values: list[float]) -> None:
    assert [m.number for m in numbers.read(text) if m.kind == "number"] == values


@given(st.text(st.sampled_from("0158 .footandahlfmpgqucients metr") | st.characters(), max_size=50))
def test_any_text_can_be_read(text: str) -> None:
    for mention in read_spoken(text):
        assert text[mention.start : mention.end] == mention.text
