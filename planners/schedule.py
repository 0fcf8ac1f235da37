"""From one time of day to another: how long, until when, or from when on.

Such wishes are about anything (sleep, trains, cakes), so no recipe's words find them. What they
have in common is a time of day or two, an amount of time, and the question for the third.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from intentos.types import Value

from . import numbers
from .mention import Mention
from .moments import CLOCK, between

RECIPE = "clock_times"
"""The recipe that tells and draws it."""

_HOW_LONG = re.compile(
    r"\bhow (?:long|much time|many (?:hours|minutes))\b|多久|多长时间"
    r"|[几多]少?个?(?:小时|钟头|分钟)",
    re.IGNORECASE,
)
_WHEN = re.compile(
    r"\b(?:when|(?:what|which) time|how (?:early|late))\b|几点|什么时[候间]|何时|多[早晚]", re.I
)
_BEGINS = re.compile(
    r"\b(?:leave|set (?:off|out)|start|begin|depart|get up|wake|go to bed|put|switch on|be in"
    r"|head out|go)\b|出发|动身|起床|起来|开始|出门|走|放进|下锅|睡|上路|启程",
    re.IGNORECASE,
)
_ENDS = re.compile(
    r"\b(?:arrive|get there|be there|reach|end|over|finish|finished|done|ready|land|out|back"
    r"|home)\b"
    r"|结束|到达|到家|[会能才]?到|完|散场|下课|放学|落地|好|熟|回来",
    re.IGNORECASE,
)
_SPEED = ("speed", "length")


def schedule(text: str) -> Mapping[str, Value] | None:
    """Return the values of the recipe; None where the text says more, or something else."""
    plain = numbers.normal(text)
    said = [m for m in numbers.read(plain) if not m.weak and not m.share]
    clocks = [m for m in said if m.unit == CLOCK or _on_the_hour(plain, m)]
    rest = [m for m in said if m not in clocks]
    if len(clocks) == 2 and not rest and _HOW_LONG.search(plain) is not None:
        start, end = clocks
        later = start.number + between(start.number, end.number)
        return {**_at("start", start.number), **_at("end", later), "find": "span"}
    minutes = _minutes(rest)
    if len(clocks) != 1 or minutes is None or (asked := _WHEN.search(plain)) is None:
        return None
    begins, ends = (_nearest(form, plain, asked) for form in (_BEGINS, _ENDS))
    known = {"span": minutes}
    if begins < ends:
        return {**_at("end", clocks[0].number), **known, "find": "start"}
    if ends < begins:
        return {**_at("start", clocks[0].number), **known, "find": "end"}
    return None


def _on_the_hour(plain: str, mention: Mention) -> bool:
    """Return whether a bare number is an hour beside another time of day: 从9点到下午5点半."""
    hour = mention.kind == "number" and mention.unit is None and mention.number in range(25)
    return hour and plain.startswith("点", mention.end)


def _minutes(said: list[Mention]) -> float | None:
    """Return the time that is said, also as a way and a speed; None where it is more than a day."""
    by_kind = {m.unit.dimension: m for m in said if m.unit is not None and m.kind == "number"}
    if len(by_kind) == len(said) == 2 and set(by_kind) == set(_SPEED):
        speed, way = (by_kind[kind] for kind in _SPEED)
        if speed.unit is None or way.unit is None or not speed.number > 0:
            return None
        found = way.number * way.unit.scale / (speed.number * speed.unit.scale) / 60
    elif said and all(m.unit is not None and m.unit.dimension == "time" for m in said):
        if any(m.per is not None for m in said):
            return None
        found = sum(m.number * m.unit.scale for m in said if m.unit is not None) / 60
    else:
        return None
    return float(f"{found:.9g}") if 0 < found <= 24 * 60 else None


def _nearest(form: re.Pattern[str], plain: str, asked: re.Match[str]) -> int:
    """Return how far behind the question word its verb is; far where there is none."""
    match = form.search(plain, asked.end())
    return match.start() - asked.end() if match is not None else len(plain) + 1


def _at(which: str, hours: float) -> dict[str, Value]:
    minutes = round(hours * 60) % (24 * 60)
    return {f"{which}_hour": minutes // 60, f"{which}_minute": minutes % 60}
