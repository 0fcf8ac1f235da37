"""So much of one unit in another, where a text says nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.planners.conversion import conversion, conversion_of, labels
from intentos.planners.law import FIND
from intentos.planners.unit_table import TABLE
from intentos.planners.units import named
from intentos.registry import Registry


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("how many feet in a mile", 5280),
        ("convert 180 miles per hour to kilometres per hour", 289.68192),
        ("98.6°F是多少摄氏度", 37),
        ("what is 36.5 degrees celsius in fahrenheit", 97.7),
        ("how many kelvin are 25 °C", 298.15),
        ("半小时有多少秒", 1800),
        ("how many cm is 5 ft 11", 180.34),
        ("把1050磅换算成公斤", 476.2719885),
        ("一亩地是多少平方米", 2000 / 3),
        ("换成厘米，6英寸", 15.24),
        ("半斤有几两", 5),
    ],
)
def test_conversions_are_told(text: str, expected: float) -> None:
    proposal = conversion(text, Registry())
    assert proposal is not None
    assert proposal.values["wanted"] == pytest.approx(expected, rel=1e-9)
    assert proposal.values[FIND] == "wanted"
    assert proposal.plan.origin == "composed"


@pytest.mark.parametrize(
    "text",
    [
        "how many minutes to walk 5 km",
        "I walk for 2 hours, how many metres",
        "how many miles is a marathon of 42.195 km",  # the marathon may matter
        "3英寸有多长",
        "10 dollars in euros",
        "5 km in 3 miles",
        "how many turns in 3 minutes",
        "",
    ],
)
def test_what_says_more_is_none(text: str) -> None:
    assert conversion_of(text) is None


@given(st.text(st.sampled_from("5 in tofmkgl°换成多少米斤.?") | st.characters(), max_size=40))
def test_any_text_can_be_read(text: str) -> None:
    read = conversion_of(text)
    assert read is None or read.unit.dimension == read.wanted.dimension


def test_every_unit_has_a_name_in_both_languages() -> None:
    for unit, _ in TABLE:
        words = labels(unit)
        assert words.en
        assert words.zh
    metre = named("m")
    assert metre is not None
    assert (labels(metre).en, labels(metre).zh) == ("Metres", "米")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("that comet is 0.3 light years off. what's that in kilometres, roughly", 2.838219e12),
        ("the oven only knows fahrenheit and shows 350, what is it in celsius", 176.6666667),
        ("5 foot 7 and a half in cm pls", 171.45),
        ("这匹布量出来12.5英尺，合多少米呀", 3.81),
    ],
)
def test_what_is_said_around_a_conversion_is_let_pass(text: str, expected: float) -> None:
    assert conversion(text, Registry()) is None
    proposal = conversion(text, Registry(), loosely=True)
    assert proposal is not None
    assert proposal.values["wanted"] == pytest.approx(expected, rel=1e-6)
    assert not proposal.accounted


@pytest.mark.parametrize(
    "text",
    [
        "a car drives 60 miles in an hour, how far does it get in 20 km",
        "walk 5 km in minutes",
        "每天走3英里，相当于多少公里一年",
        "a 5 kg stone and a 3 kg stone, what is that in pounds",
    ],
)
def test_where_more_is_asked_it_is_none(text: str) -> None:
    assert conversion(text, Registry(), loosely=True) is None
