"""Rates: so many a minute, for so long, make how many; or how long for so many.

A text with one rate and one other number that goes with it becomes a law made on the spot, whatever
is counted: pages, apples, litres. It is taken where no recipe is meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from intentos.protocols import Proposal
from intentos.registry import Registry
from intentos.types import Words

from . import numbers
from .asked import wanted
from .conversion import labels
from .law import Law, Measure
from .library import Recipe
from .mention import Mention
from .units import Unit, by_name

_QUESTION = re.compile(
    r"\bhow (?:many|much|long|far|soon|high|deep)\b|\bwhen\b|\bwhat (?:amount|distance|time)\b"
    r"|多少|几|多久|多长时间|什么时候|多[远高深重]",
    re.IGNORECASE,
)
_NOUN = re.compile(
    r"\s*(?:[个只页本件瓶箱次辆块杯袋张条颗]\s*)?([A-Za-z]{3,}|[\u3400-\u9fff]{1,2})"
)
_METRE, _KM, _SECOND, _HOUR = (by_name()[symbol] for symbol in ("m", "km", "s", "h"))
_FASTEST = 0.1
"""Metres a second up to which the way is told in metres."""


@dataclass(frozen=True)
class Rate:
    """So many a time, and the one of amount and time that is said."""

    number: float
    what: Unit | None
    """Of the amount; None where things are counted."""
    per: Unit
    amount: float | None
    time: float | None
    sure: bool
    """The same thing is named beside both numbers, or both have the unit."""


def rate(text: str, registry: Registry, *, surely: bool = False) -> Proposal | None:
    """Return the plan of a rate, or ``surely`` only of a plain one; None where there is none."""
    read = rate_of(text)
    if read is None or (surely and not read.sure):
        return None
    told = read.what if read.amount is None else read.per
    if (asked := wanted(text)) and (told is None or told.dimension not in asked):
        return None  # "how many hertz" of a length and a speed
    recipe = Recipe.model_validate(_law(read, text).recipe())
    plan = recipe.plan(registry).model_copy(update={"origin": "composed", "recipe": None})
    return Proposal(plan=plan, values=plan.defaults, accounted=False)


def rate_of(text: str) -> Rate | None:
    """Return the rate and what it is to be taken times, or into; None where more is said."""
    plain = numbers.normal(text)
    if _QUESTION.search(plain) is None:
        return None
    said = [m for m in numbers.read(plain) if m.kind == "number" and not m.weak]
    if len(said) != 2 or any(m.share or not m.number > 0 for m in said):
        return None
    for one, other in (said, said[::-1]):
        found = _split(one)
        if found is None or other.per is not None:
            continue
        number, what, per = found
        if other.unit is not None and other.unit.dimension == "time":
            time = other.number * other.unit.scale / per.scale
            return Rate(number, what, per, None, time, what is not None)
        if (other.unit is None) != (what is None):
            continue
        if other.unit is None or what is None:
            same = _noun(plain, one) == _noun(plain, other) is not None
            return Rate(number, None, per, other.number, None, same)
        if other.unit.dimension == what.dimension:
            amount = other.number * other.unit.scale / what.scale
            return Rate(number, what, per, amount, None, True)
    return None


def _split(mention: Mention) -> tuple[float, Unit | None, Unit] | None:
    """Return number, unit and time of a rate; None where the mention is none."""
    unit = mention.unit
    if mention.per is not None:
        if mention.per.dimension != "time" or (unit is not None and unit.dimension == "percent"):
            return None
        return mention.number, unit, mention.per
    if unit is None or unit.dimension != "speed":
        return None
    slow = unit.scale < _FASTEST
    length, time = (_METRE, _SECOND) if "s" in unit.symbol else (_METRE if slow else _KM, _HOUR)
    return mention.number * unit.scale * time.scale / length.scale, length, time


def _noun(text: str, mention: Mention) -> str | None:
    match = _NOUN.match(text, mention.end)
    return match[1].lower().rstrip("s") if match else None


def _law(read: Rate, text: str) -> Law:
    what = read.what
    unit = what.symbol if what is not None else ""
    named_per = labels(read.per)
    amount = read.amount if read.amount is not None else read.number * (read.time or 0.0)
    time = read.time if read.time is not None else amount / read.number
    return Law(
        id="rate_and_time",
        title=Words(en="At a steady rate", zh="按固定的速率"),
        description=Words(en="Amount is rate times time.", zh="总量等于速率乘时间。"),
        formula=r"N = r\,t",
        asks="amount" if read.amount is None else "time",
        quantities=(
            Measure(
                name="amount", symbol="N", label=Words(en="Amount", zh="总量"), unit=unit,
                example=amount, by="rate * time",
                aliases=("amount", "in all", "total", "总量", "一共"),
            ),
            Measure(
                name="rate", symbol="r", example=read.number, by="amount / time",
                label=Words(
                    en=f"Rate ({unit + ' ' if unit else ''}per {read.per.symbol})",
                    zh=f"速率（每{named_per.zh}{'，' + labels(what).zh if what else ''}）",
                ),
                aliases=("rate", "speed", "fast", "速率", "每"),
            ),
            Measure(
                name="time", symbol="t", label=Words(en="Time", zh="时间"), unit=read.per.symbol,
                example=time, by="amount / rate", aliases=("time", "long", "for", "时间", "多久"),
            ),
        ),
        phrasings={"en": (text[:200],), "zh": (text[:200],)},
    )  # fmt: skip
