"""What is said of each, and of how many: "4 walls, each 4.2 m wide", 一只脚600平方厘米，四只脚."""

from __future__ import annotations

import re
from collections.abc import Sequence

from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter

from .fitting import own_words, value_for
from .links import Links
from .mention import Mention
from .words import stem

_EACH = re.compile(
    r"\b(?:each|every)(?:\s+(?P<noun>[a-z]+))?(?:\s+[a-z]+){0,2}?\s+$", re.IGNORECASE
)
_NOUN = re.compile(r"\s+(?P<noun>[a-z]{3,})", re.IGNORECASE)
_ONE_OF = re.compile(
    r"[一每](?P<of>[个只条根块张台辆枚片间层段扇口][\u3400-\u9fff])[\u3400-\u9fff]{0,8}$"
)
_FOR_ONE = re.compile(r"\beach\b|\bone\b|\bper\b|\bsingle\b|每|单个|一个|一块|一只")
"""Words of a quantity that is that of one anyhow."""
_ADDS_UP = frozenset({"mass", "volume", "energy", "power", "area", "charge", "amount", "length"})
_REACH, _BETWEEN = 32, 28


def of_each(
    text: str, counts: Sequence[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Multiply what was linked and said of each by how many there are; return the counts that did.

    Only where the plan has no place of its own for a count.
    """
    if any(p.kind == "integer" and p.name not in links.values for p in parameters):
        return []
    used: list[Mention] = []
    by_name = {p.name: p for p in parameters}
    for name, mention in sorted(links.taken.items(), key=lambda pair: pair[1].start):
        parameter = by_name.get(name)
        if parameter is None or parameter.kind != "number" or not _adds_up(mention):
            continue
        count = next((c for c in counts if c not in used and _of(text, c, mention)), None)
        one = value_for(mention, parameter)
        if count is None or one is None or _FOR_ONE.search(own_words(parameter)):
            continue
        try:
            links.values[name] = parameter.accept(float(f"{float(one) * count.number:.12g}"))
        except ValueOutOfRange:
            continue
        links.guessed.append(count)
        used.append(count)
    return used


def _of(text: str, count: Mention, mention: Mention) -> bool:
    """Return whether an amount is said of each of the things that a number counts."""
    whole = count.kind == "number" and count.unit is None and count.per is None
    if not whole or count.weak or not count.number == int(count.number) >= 2:
        return False
    led = text[max(0, mention.start - _REACH) : mention.start]
    if (one := _ONE_OF.search(led)) is not None:
        return text.startswith(one["of"], count.end)
    each = _EACH.search(led)
    noun = _NOUN.match(text, count.end)
    if each is None or noun is None or count.end > mention.start:
        return False
    if each["noun"] and stem(each["noun"].lower()) == stem(noun["noun"].lower()):
        return True
    near = mention.start - count.end <= _BETWEEN
    return near and re.search(r"\d", text[count.end : mention.start]) is None and not each["noun"]


def _adds_up(mention: Mention) -> bool:
    return mention.unit is not None and mention.unit.dimension in _ADDS_UP
