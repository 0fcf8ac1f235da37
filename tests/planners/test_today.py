"""Today as the other date of two."""

from __future__ import annotations

from datetime import date

import pytest

from intentos.config import Settings
from intentos.planners import today
from intentos.planners.library import Library
from intentos.planners.linking import link
from intentos.registry import Registry


class Stopped(date):
    """A calendar that has stopped on 23 November 2026."""

    @classmethod
    def today(cls) -> Stopped:
        """Return that day."""
        return cls(2026, 11, 23)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("how many days until 25 December 2026", (2026, 11, 23), (2026, 12, 25)),
        ("how many days until 3 March", (2026, 11, 23), (2027, 3, 3)),
        ("how many days until Christmas", (2026, 11, 23), (2026, 12, 25)),
        ("距离2027年元旦还有多少天", (2026, 11, 23), (2027, 1, 1)),
        ("还有多少天到2027年2月6日春节", (2026, 11, 23), (2027, 2, 6)),
        ("days since 20 July 1969", (1969, 7, 20), (2026, 11, 23)),
        ("我1988年6月5日出生，到今天多少天", (1988, 6, 5), (2026, 11, 23)),
        ("how old am I in days, born on 12 March 1990", (1990, 3, 12), (2026, 11, 23)),
        ("今天三月十七号，离十一放假还有多少天", (2026, 3, 17), (2026, 10, 1)),
        ("今天是2024年3月5日，离圣诞节还有几天", (2024, 3, 5), (2024, 12, 25)),
        ("today is 20 December, how many days until 4 February", (2026, 12, 20), (2027, 2, 4)),
        ("days from 3 May 2024 to 4 June 2025", (2024, 5, 3), (2025, 6, 4)),
    ],
)
def test_the_other_date_is_today(
    text: str,
    first: tuple[int, int, int],
    last: tuple[int, int, int],
    registry: Registry,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(today, "date", Stopped)
    plan = Library(registry, settings).get("date_difference").plan(registry)
    values = link(text, plan.parameters).values
    said = [values[f"{end}_{part}"] for end in ("from", "to") for part in ("year", "month", "day")]
    assert said == [*first, *last]


def test_a_date_alone_says_nothing_of_today(registry: Registry, settings: Settings) -> None:
    plan = Library(registry, settings).get("date_difference").plan(registry)
    values = link("weeks from 3 May 2024 on", plan.parameters).values
    assert "to_year" not in values
