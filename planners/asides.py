"""Numbers that are no amounts: the 1 of "skater 1", the 11 of 双十一, the 一 of 五块钱一斤."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .mention import Mention

_FOR_MONEY = re.compile(
    r"(?:[块元]\s?[\d一二三四五六七八九]|块钱?|元|毛钱?|角钱?|分钱)\s*[/／]?\s*$"
)
_FESTIVAL = re.compile(
    r"双(?:十一|十二|11|12)(?![\d个只条张块元点.])|(?:五一|十一|六一)(?=节|长?假|期间)"
)
_TWO_NUMBERS = re.compile(
    r"\btwo\s+(?:\w+\s+)?(?:whole\s+)?numbers\b(?<!consecutive numbers)|两个数(?!字|据)", re.I
)
_LABEL = re.compile(
    r"\b(?P<what>[a-z]{3,20})\s+(?P<n>[12])(?![\w%])(?=\s*(?:[:,;(=]|\.(?!\d)|$)|\s+(?:of|is|has|at|and|who"
    r"|which|with|hits|bumps|weighs|goes|going|moves|moving|starts|leaves|had|was|on|does|gets)\b)",
    re.IGNORECASE,
)
_NO_LABEL = frozenset(
    "about add and are around bag buy costs draw drink eat every exactly first for from get gets"
    " give has have into just least lose more most nearly need needs only over per plus roll"
    " roughly take than the times use win with".split()
)


def without_asides(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return the mentions without those that are names: of a price's measure, of a feast, of one
    of two like things."""
    names = [m.span() for form in (_FESTIVAL, _TWO_NUMBERS) for m in form.finditer(text)]
    names += _labels(text)
    return [
        m for m in mentions
        if not (m.kind == "number" and any(a <= m.start and m.end <= b for a, b in names))
        and not (
            m.kind == "number" and m.number == 1 and m.text.startswith("一")
            and _FOR_MONEY.search(text, max(0, m.start - 12), m.start)
        )
    ]  # fmt: skip


def _labels(text: str) -> list[tuple[int, int]]:
    """Return where the numbers of "skater 1 … skater 2" stand: one word leads both."""
    places: dict[str, dict[str, tuple[int, int]]] = {}
    for match in _LABEL.finditer(text):
        if (what := match["what"].lower()) not in _NO_LABEL:
            places.setdefault(what, {}).setdefault(match["n"], match.span("n"))
    return [span for both in places.values() if len(both) == 2 for span in both.values()]
