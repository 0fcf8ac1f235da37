"""Today as one of two dates: "born on 12 March 1990, how many days old", "days until Christmas"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from intentos.parameters import Parameter
from intentos.types import Value

from .links import Links
from .moments import DATE, read_moments

_PARTS = ("year", "month", "day")
_SINCE = re.compile(
    r"\b(?:today|now|so far|since|am i|is (?:he|she|it)|are (?:we|you|they)"
    r"|have (?:i|we|passed|gone))\b"
    r"|到今[天日]?|至今|如今|现在|今天|多大|多少岁|已经|过去了",
    re.IGNORECASE,
)
_UNTIL = re.compile(
    r"\b(?:until|till|to go|left|away|before|from (?:today|now)|sleeps to)\b"
    r"|还有|还剩|距离?|离|之前|倒计时|从(?:今天|现在)",
    re.IGNORECASE,
)


_FEASTS = (
    (re.compile(r"\bchristmas\b(?! eve)|圣诞节?(?!前夜)", re.IGNORECASE), 12, 25),
    (re.compile(r"\bchristmas eve\b|平安夜", re.IGNORECASE), 12, 24),
    (re.compile(r"\bnew year(?:'s day)?\b(?!'s eve)|元旦|新年", re.IGNORECASE), 1, 1),
    (re.compile(r"\bnew year's eve\b|跨年夜", re.IGNORECASE), 12, 31),
    (re.compile(r"\bhallowe'?en\b|万圣节", re.IGNORECASE), 10, 31),
    (re.compile(r"\bvalentine'?s?(?: day)?\b|情人节", re.IGNORECASE), 2, 14),
    (re.compile(r"国庆节?|十一(?=放假|长假|黄金周|假期)"), 10, 1),
    (re.compile(r"劳动节|五一(?!班|路)"), 5, 1),
    (re.compile(r"儿童节|六一(?!班|路)"), 6, 1),
)
"""Days that have a name, and the same date every year."""


def today(text: str, parameters: Sequence[Parameter], links: Links) -> None:
    """Make today the other date, where a plan has two, one is said, and the text speaks of now."""
    names = {parameter.name: parameter for parameter in parameters}
    first, last = ([f"{which}_{part}" for part in _PARTS] for which in ("from", "to"))
    if not {*first, *last} <= names.keys():
        return
    ahead = _UNTIL.search(text) is not None
    now = date.today()
    if (told := _told_today(text, now)) is not None:
        now, other = told
        begins, ends = sorted([(now.year, now.month, now.day), other])
        _set(links, names, [*first, *last], [*begins, *ends])
        return
    if links.values.keys() & {*last}:
        return
    there = _there(text, [links.values.get(name) for name in first], links, ahead, now)
    if there is None or not (ahead or _SINCE.search(text)):
        return
    here = (now.year, now.month, now.day)
    begins, ends = (here, there) if ahead else (there, here)
    _set(links, names, [*first, *last], [*begins, *ends])


def _set(
    links: Links, names: Mapping[str, Parameter], places: Sequence[str], parts: Sequence[int]
) -> None:
    for name, value in zip(places, parts, strict=True):
        links.values[name] = names[name].accept(value)
        links.told.add(name)


_TODAY_IS = re.compile(
    r"(?:今[天日](?:就?是)?|\b(?:today|it)(?:'s| is| being)?(?: the)?)\s*$", re.I
)


def _told_today(text: str, now: date) -> tuple[date, tuple[int, int, int]] | None:
    """Return the day that the text says today is, and the other one; None where it says no two."""
    said = [m for m in read_moments(text) if m.unit == DATE]
    here = next((m for m in said if _TODAY_IS.search(text[: m.start])), None)
    if here is None:
        return None
    year, month, day = _parts(here.number)
    try:
        begins = date(year or now.year, month, day)
    except ValueError:  # 30 February
        return None
    apart = (m for m in said if m.end <= here.start or m.start >= here.end)
    others = [_parts(m.number) for m in apart]
    if not others:
        others = [(0, month, day) for form, month, day in _FEASTS if form.search(text)]
    if not others:
        return None
    year, month, day = others[0]
    if not year:
        year = begins.year + ((month, day) < (begins.month, begins.day))
    return begins, (year, month, day)


def _parts(number: float) -> tuple[int, int, int]:
    year, rest = divmod(int(number), 10_000)
    return year, *divmod(rest, 100)


def _there(
    text: str, said: Sequence[Value | None], links: Links, ahead: bool, now: date
) -> tuple[int, int, int] | None:
    """Return the date that is said or named; without a year the nearest one in that direction."""
    year, month, day = (None if part is None else int(part) for part in said)
    if month is None or day is None:
        feast = next((one for one in _FEASTS if one[0].search(text)), None)
        if feast is None:
            return None
        _, month, day = feast
    elif any(mention.unit == DATE for mention in links.guessed):
        year = None
    if year is None:
        behind = (month, day) < (now.month, now.day)
        year = now.year + (1 if ahead and behind else 0 if ahead or behind else -1)
    return year, month, day
