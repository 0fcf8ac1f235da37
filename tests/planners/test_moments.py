"""Dates and times of day in both languages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.planners.moments import CLOCK, DATE, read_moments
from intentos.planners.numbers import read


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("2008年8月8日到2022年2月4日", [20080808, 20220204]),
        ("1 March 2020 to 15 June 2021", [20200301, 20210615]),
        ("born May 12th, 1990", [19900512]),
        ("on 21 December", [1221]),
        ("8月15号", [815]),
        ("二〇二四年十月一日", [20241001]),
        ("2024-02-29", [20240229]),
        ("32 May 1999 and 13月5日", []),
        ("3-4-5 triangle, 1/2 cup", []),
    ],
)
def test_dates(text: str, dates: list[int]) -> None:
    assert [m.value for m in read(text) if m.unit == DATE] == dates


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("a clock showing 3:45", 3.75),
        ("七点二十分", 7 + 1 / 3),
        ("四点半", 4.5),
        ("下午三点四十", 15 + 2 / 3),
        ("三点一刻", 3.25),
        ("at 6 pm", 18),
        ("12 am", 0),
        ("half past six in the evening", 18.5),
        ("a quarter to nine", 8.75),
        ("7 o'clock in the morning", 7),
        ("晚上八点", 20),
        ("the hands stand at twenty past four", 4 + 1 / 3),
        ("ten past ten", 10 + 1 / 6),
        ("a watch at twenty-five to seven", 6 + 35 / 60),
        ("five minutes to three", 2 + 55 / 60),
        ("three o'clock", 3),
        ("差五分三点", 2 + 55 / 60),
        ("九点差一刻", 8.75),
        ("两点半的钟面", 2.5),
    ],
)
def test_times_of_day(text: str, hours: float) -> None:
    (moment,) = [m for m in read(text) if m.unit == CLOCK]
    assert moment.value == pytest.approx(hours)


@pytest.mark.parametrize(
    "text", ["三点五", "3.5", "画三点", "0.5 at a time", "ratio 1:1000", "25:70"]
)
def test_what_is_no_time_of_day(text: str) -> None:
    assert [m for m in read(text) if m.unit == CLOCK] == []


@given(st.integers(0, 23), st.integers(0, 59))
def test_every_minute_of_the_day_is_read(hour: int, minute: int) -> None:
    for text in (f"{hour}:{minute:02d}", f"{hour}点{minute}分"):
        (moment,) = [m for m in read(text) if m.unit == CLOCK]
        assert moment.value == pytest.approx(hour + minute / 60)


@given(st.text(alphabet="0123456789:/-年月日号点分半 amp.MayJune十二三", max_size=30))
def test_any_text_can_be_read(text: str) -> None:
    for moment in read_moments(text):
        assert text[moment.start : moment.end] == moment.text


def test_odds_and_ranges_are_no_times_of_day() -> None:
    assert not [m for m in read("odds of ten to one, five to twelve people") if m.unit == CLOCK]
