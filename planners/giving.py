"""Gives the numbers that nothing has placed to the quantities that nobody has said: guesses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from intentos.parameters import Parameter

from .evidence import by_a_unit
from .fitting import accepts, unit_of
from .idioms import ENDS
from .links import Links
from .mention import Mention
from .units import named


def worth_a_guess(mention: Mention) -> bool:
    """Whether a number may be given to a parameter that nothing links it to: "two" is mostly part
    of the story, and 1905 a year."""
    if re.fullmatch(r"1[89]\d\d|20\d\d", mention.text):
        return False
    few = 0 <= mention.number <= 3 if mention.kind == "number" else False
    spelled = not re.search(r"\d", mention.text)
    return mention.kind == "number" and not mention.weak and not (few and spelled)


def give_rest(links: Links, places: Sequence[Parameter]) -> None:
    """Give the numbers that nothing has placed to the quantities that nobody has said, in order,
    where there are as many of one as of the other and each fits; these are guesses."""
    rest = [m for m in links.unused if worth_a_guess(m)]
    if not rest or len(rest) != len(places) or len(rest) != len(links.unused):
        return
    if _mixes_percents(rest, places, links):
        return
    places = _in_turn(places)
    rest = [_like(m, p, links) for m, p in zip(rest, places, strict=True)]
    if any(by_a_unit(links.plain, m, p) for m, p in zip(rest, places, strict=True)):
        return
    if not all(accepts(m, p) for m, p in zip(rest, places, strict=True)):
        return
    if len(rest) > 1 and any(m.unit != rest[0].unit for m in rest):
        return
    for mention, place in zip(rest, places, strict=True):
        links.give(place, mention)
        links.guessed.append(mention)
    starts = {m.start for m in rest}
    links.left = [m for m in links.left if m.start not in starts]


def _mixes_percents(rest: Sequence[Mention], places: Sequence[Parameter], links: Links) -> bool:
    """Whether a bare number would be taken for a percentage where another is said as one."""
    said = any(m.unit is not None and m.unit.symbol == "%" for m in links.taken.values())
    bare = any(m.unit is None and not m.share for m in rest)
    return said and bare and any(unit_of(p) == "%" for p in places)


def _in_turn(places: Sequence[Parameter]) -> list[Parameter]:
    """Return the places with what is at the beginning before what is at the end: of a start and an
    end, the start is said first."""
    found = list(places)
    names = [p.name for p in found]
    for first, last in ENDS:
        if first in names and last in names and names.index(last) < names.index(first):
            i, j = names.index(last), names.index(first)
            found[i], found[j], names[i], names[j] = found[j], found[i], names[j], names[i]
    return found


def _like(mention: Mention, place: Parameter, links: Links) -> Mention:
    """Return a bare number with the unit in which another of its kind was said: "Ali in 12 days,
    Bo in 8"."""
    wanted = named(unit_of(place)) if unit_of(place) else None
    if mention.unit is not None or wanted is None:
        return mention
    for other in links.taken.values():
        if other.unit is not None and other.unit.dimension == wanted.dimension:
            return replace(mention, unit=other.unit)
    return mention
