"""So many times so much: "8 people of 75 kg" are 600 kg where a plan has one place for the mass."""

from __future__ import annotations

import re
from collections.abc import Sequence

from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter

from .fitting import value_for
from .links import Links
from .mention import Mention

_OF_EACH = re.compile(
    r"\s+[a-z]+(?:\s[a-z]+)?\s+(?:of|at|with|each|weighing(?: each)?|holding)\s+(?:about\s+)?"
    r"|\s*[×x*]\s*|\s*[个只名位人台条辆件袋箱瓶桶头根块包]?[\u3400-\u9fff]{0,3}?(?:各|每[个人只袋箱瓶桶件]?)?(?:重|装|有|是)?",
    re.IGNORECASE,
)
_WHOLE = re.compile(r"[共总合]|加起来|\b(?:in all|together|altogether|in total)\b", re.IGNORECASE)
"""Says that the amount is that of all: 两个人共150公斤."""
_ADDS_UP = frozenset({"mass", "volume", "energy", "power", "area", "charge", "amount"})
"""Of such quantities so many times so much is meant as a whole."""


_COUNTER = re.compile(r"[个只颗枚张片根块粒件条支本]")


def by_so_many(plain: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return the mentions, those that are said twice to tell how many at a time once: 三个三个."""
    found: list[Mention] = []
    for mention in mentions:
        last = found[-1] if found else None
        if last is not None and last.kind == "number" and last.value == mention.value:
            counter = plain[last.end : mention.start]
            if _COUNTER.fullmatch(counter) and plain.startswith(counter, mention.end):
                found.pop()
        found.append(mention)
    return found


def multiplied(plain: str, parameters: Sequence[Parameter], links: Links) -> list[Mention]:
    """Multiply what was linked by a count that stands before it; return the counts that did."""
    used: list[Mention] = []
    for name, mention in list(links.taken.items()):
        parameter = next(p for p in parameters if p.name == name)
        if parameter.kind != "number":
            continue
        # The count itself may have been taken for the whole: "8 people" for 8 kg.
        swapped = _counts(mention)
        count = mention if swapped else _last(plain, mention, links.left)
        each = _next(plain, mention, links.left, parameter) if swapped else mention
        if count is None or each is None or not _adds_up(each):
            continue
        one = value_for(each, parameter)
        whole = _WHOLE.search(plain[count.end : each.end + 14]) is not None
        if one is None or (whole and not swapped):
            continue
        try:
            value = parameter.accept(float(one) * (1 if whole else count.number))
        except ValueOutOfRange:
            continue
        links.values[name], links.taken[name] = value, each
        links.guessed.append(count)
        used += [count, each]
    return used


def _last(plain: str, each: Mention, left: Sequence[Mention]) -> Mention | None:
    """Return the count that stands right before an amount."""
    before = [m for m in left if _counts(m) and m.end <= each.start]
    return before[-1] if before and _OF_EACH.fullmatch(plain[before[-1].end : each.start]) else None


def _next(
    plain: str, count: Mention, left: Sequence[Mention], parameter: Parameter
) -> Mention | None:
    """Return the amount that stands right behind a count and is of the parameter's kind."""
    behind = [m for m in left if m.start >= count.end]
    if not behind or not _OF_EACH.fullmatch(plain[count.end : behind[0].start]):
        return None
    return (
        behind[0] if _adds_up(behind[0]) and value_for(behind[0], parameter) is not None else None
    )


def _adds_up(mention: Mention) -> bool:
    return mention.unit is not None and mention.unit.dimension in _ADDS_UP


def _counts(mention: Mention) -> bool:
    whole = mention.kind == "number" and mention.unit is None and mention.per is None
    return whole and not mention.weak and mention.number == int(mention.number) >= 2
