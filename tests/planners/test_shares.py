"""Halves, fractions, tenths, discounts, sums of units, and rates."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.planners.numbers import read


def said(text: str) -> list[object]:
    """Return what the text says: value, or (value, unit)."""
    return [(m.value, m.unit.symbol) if m.unit else m.value for m in read(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("一米八 1米75 三块五", [(1.8, "m"), (1.75, "m"), 3.5]),
        ("两升半，一个半小时，半公斤", [(2.5, "l"), (1.5, "h"), (0.5, "kg")]),
        ("一分半钟", [(1.5, "min")]),
        ("电费五毛六一度", [0.56]),
        ("三块二毛五一斤，3块5毛，两毛五一张", [3.25, 3.5, 0.25]),
        ("8万2千人，3万5千米，12万5千3百块", [82_000, (35_000, "m"), 125_300]),
        ("1 h 20 min", [(1.33333333333, "h")]),
        ("2小时30分钟", [(2.5, "h")]),
        ("3斤2两", [(3.2, "jin")]),
        ("打八折，三成半，六成五", [(80, "%"), (35, "%"), (65, "%")]),
        ("千分之三，万分之五", [(0.3, "%"), (0.05, "%")]),
        ("1/2 kg", [(0.5, "kg")]),
        ("half a litre and half an hour", [(0.5, "l"), (0.5, "h")]),
        ("after a day", [(1, "day")]),
        ("6毛", [0.6]),
        ("5e14赫兹和6×10^14赫兹，3 x 10^-9 m", [(5e14, "Hz"), (6e14, "Hz"), (3e-9, "m")]),
        ("温度400K，20K颗星", [(400, "K"), 20_000]),
        ("100 220 470 and 1 500 000 or 15 200", [100, 220, 470, 1_500_000, 15_200]),
        ("标准差90，600分以上", [90, 600]),
        ("carbon-14 and 碘131", []),
        ("七八个人", []),
        ("一次方程", []),
        ("三两酒", [(3, "liang")]),
        ("a half-life of 3 h", [(3, "h")]),
    ],
)
def test_parts_and_sums(text: str, expected: list[object]) -> None:
    assert said(text) == expected


def test_three_and_five_are_not_eight() -> None:
    assert said("three and five") == [3, 5]
    assert said("two hundred and five") == [205]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("四分之三", 0.75), ("two thirds of the trees", 2 / 3), ("a quarter of its carbon", 0.25),
        ("1/4的机会", 0.25), ("with probability 0.3", 0.3), ("概率为0.2", 0.2), ("一半的人", 0.5),
    ],
)  # fmt: skip
def test_parts_of_a_whole_are_shares(text: str, share: float) -> None:
    (mention,) = read(text)
    assert mention.share
    assert mention.value == pytest.approx(share)


def test_pi_and_e_are_numbers_where_a_number_stands() -> None:
    assert said("from 0 to π") == [0, math.pi]
    assert said("between 1 and e") == [1, math.e]
    assert said("the e of email") == []


@pytest.mark.parametrize(
    ("text", "value", "per"),
    [
        ("80 customers per hour", 80, "h"),
        ("窗口每小时来40个人", 40, "h"),
        ("一小时来30个人", 30, "h"),
        ("6 percent a year", 6, "year"),
        ("月利率0.5%", 0.5, "month"),
        ("每月存1500元", 1500, "month"),
        ("infects 0.4 per day", 0.4, "day"),
        ("600 lines per millimetre", 600, "mm"),
        ("save 20 weekly", 20, None),
        ("a 2 kg ball hits a second ball", 2, None),
        ("每12小时吃药", 12, None),
    ],
)
def test_what_is_counted_by_something_says_so(text: str, value: float, per: str | None) -> None:
    (mention,) = [m for m in read(text) if not m.weak]
    assert mention.value == value
    assert (mention.per and mention.per.symbol) == (per if per else mention.per and "week")


@given(
    st.text(
        alphabet="0123456789.,/%半一两三个成折分之米斤小时天年月每 per halfoyrd毛块", max_size=40
    )
)
def test_mentions_lie_in_order_and_apart(text: str) -> None:
    mentions = read(text)
    assert all(0 <= m.start < m.end <= len(text) for m in mentions)
    assert all(a.end <= b.start for a, b in itertools.pairwise(mentions))
    assert all(isinstance(m.value, str) or math.isfinite(m.value) for m in mentions)
