"""So many a minute, for so long, or how long for so many: whatever is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.planners.law import FIND
from intentos.planners.rates import rate, rate_of
from intentos.registry import Registry


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("a machine fills 18 jars a minute, how long for 450 jars", "time", 25),
        ("一袋米24斤，每天吃3斤，几天吃完", "time", 8),
        ("水龙头每分钟流8升，40分钟流多少", "amount", 320),
        ("a snail creeps 5 cm an hour. how long for 2 m", "time", 40),
        ("汽车时速90公里，2小时走多远", "amount", 180),
        ("a hen lays 5 eggs a week, how many in 12 weeks", "amount", 60),
    ],
)
def test_rates_are_solved(text: str, name: str, expected: float) -> None:
    proposal = rate(text, Registry())
    assert proposal is not None
    assert proposal.values[name] == pytest.approx(expected)
    assert proposal.values[FIND] == name
    assert not proposal.accounted


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("a machine fills 18 jars a minute, how long for 450 jars", True),
        ("a machine fills 18 jars a minute, how long for 450 lids", False),
        ("30 guests an hour and each stays 40 minutes, how many are inside", False),
    ],
)
def test_what_is_counted_twice_is_surely_meant(text: str, sure: bool) -> None:
    read = rate_of(text)
    assert read is not None
    assert read.sure is sure
    assert (rate(text, Registry(), surely=True) is not None) is sure


@pytest.mark.parametrize(
    "text",
    [
        "18 pages a minute",
        "how many primes per second",
        "5 % a year, how long for 450",
        "at 3 m/s and 4 m/s for 2 minutes, how far",
        "how long for 450 pages",
    ],
)
def test_other_texts_are_none(text: str) -> None:
    assert rate_of(text) is None


@given(
    st.text(st.sampled_from("5 a dayhowmnyl每天吃3个几多少升?,.") | st.characters(), max_size=40)
)
def test_any_text_can_be_read(text: str) -> None:
    read = rate_of(text)
    assert read is None or (read.amount is None) != (read.time is None)
