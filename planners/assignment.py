"""The best way to give the numbers of a wish to the parameters of a plan, all together.

One after another, the surest first, goes wrong where two things are of one kind: of "a 3 kg cart
runs into one of 1.2 kg" both masses fit both places. What adds to the evidence for each alone is
order (what is said first is the first one), sense (hot is warmer than cold) and neighbourhood
(60 kg *at 1 m* on the left).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from intentos.parameters import Parameter

from .evidence import unit_of, value_for
from .mention import Mention

BEAM = 48
"""Assignments that are followed at once; with few numbers that is all of them."""
_LEAST = 1.0
"""What a link must be worth beyond: one sure link is better than two doubtful ones."""


def search(
    text: str,
    mentions: Sequence[Mention],
    options: Sequence[dict[int, float]],
    places: Sequence[Parameter],
) -> tuple[int | None, ...]:
    """Return for each mention the place it goes to, or None: the best of all together."""
    near = [0.0, *(_close(text[a.end : b.start]) for a, b in itertools.pairwise(mentions))]
    beam: list[tuple[float, tuple[int | None, ...]]] = [(0.0, ())]
    sides = _sides(places)
    for i, choices in enumerate(options):
        longer = [(score, (*chosen, None)) for score, chosen in beam]
        for score, chosen in beam:
            for place, strength in choices.items():
                if place in chosen:
                    continue
                gain = strength - _LEAST - 0.01 * place
                for j, earlier in enumerate(chosen):
                    if earlier is not None:
                        pair = (mentions[j], mentions[i])
                        gain += _together(
                            pair, places[earlier], places[place], i - j, sides, near[i]
                        )
                longer.append((score + gain, (*chosen, place)))
        longer.sort(key=lambda state: -state[0])
        beam = longer[:BEAM]
    return beam[0][1]


def _close(gap: str) -> float:
    """Return 0..1: how likely what stands on both sides of a gap is said of the same thing."""
    apart = max(0.25, 1 - len(gap) / 40)
    return apart * (0.25 if _PARTED.search(gap) else 1.0)


_PARTED = re.compile(
    r"[,，;；。]|\.\s|\b(?:into|hits?|meets?|strikes?|against|collides?|and|with|plus|an?other|second)\b"
    r"|撞|碰|遇|与|和|另|倒|加|兑",
    re.IGNORECASE,
)
"""What stands between two things, and not between two numbers of one."""


_SIDES = (
    "left right hot cold first second third other from to inside outside heavy light upper lower "
    "one two mother father start end"
).split()
_GREATER = {
    "hot": "cold", "high": "low", "heavy": "light", "upper": "lower", "highest": "lowest",
    "strong": "weak", "maximum": "minimum", "max": "min", "longest": "shortest", "n": "k",
    "fast": "slow",
}  # fmt: skip
_ORDINALS = {
    "a", "b", "c", "d", "x", "y", "z", "first", "second", "third", "other", "left", "right", "one",
    "two", "from", "to", "start", "end", "low", "high", "forward", "backward",
    "p", "q", "i", "ii", "1", "2", "3",
}  # fmt: skip


def _together(
    said: tuple[Mention, Mention],
    one: Parameter,
    other: Parameter,
    distance: int,
    sides: Mapping[str, str],
    near: float,
) -> float:
    """Return what it adds that one mention, and behind it another, go to these two parameters."""
    worth = 0.0
    alike = unit_of(one) == unit_of(other) and one.kind == other.kind
    if alike:
        warmer = greater(one, other)
        if warmer:
            first, second = value_for(said[0], one), value_for(said[1], other)
            assert isinstance(first, int | float)
            assert isinstance(second, int | float)
            worth += 0.3 if (first - second) * warmer > 0 else -0.3
        elif counterparts(one.name, other.name):
            worth += 0.2 if _before(one, other) else -0.2
    elif distance == 1 and (side := sides.get(one.name)) is not None:
        if side == sides.get(other.name):
            worth += 0.4 * near
    return worth


def greater(one: Parameter, other: Parameter) -> int:
    """Return 1 where the first is the greater of a pair such as hot and cold, -1 the less."""
    warm = unit_of(one) in ("°C", "K", "°F")
    for high, low in _GREATER.items():
        if high == "hot" and not warm:
            continue  # there may be less of what is hot
        if high == "fast" and unit_of(one) not in ("m/s", "km/h", "km/s", "mph", "knot"):
            continue  # what is fast takes less time
        if high in one.name.split("_") and other.name == one.name.replace(high, low):
            return 1
        if low in one.name.split("_") and one.name == other.name.replace(high, low):
            return -1
    return 0


def _before(one: Parameter, other: Parameter) -> bool:
    """Whether the first is said first where nothing else tells: left, first, a, no "other"."""
    a, b = _rank(one.name), _rank(other.name)
    return a <= b


def _rank(name: str) -> tuple[int, str]:
    tokens = name.split("_")
    for rank, word in enumerate(("first", "left", "from", "one", "start", "low")):
        if word in tokens:
            return (0, str(rank))
    for word in ("second", "right", "to", "two", "end", "other", "high", "backward", "third"):
        if word in tokens:
            return (2 if word == "third" else 1, "")
    return (0, name if len(name) == 1 else "")


@lru_cache(4096)
def counterparts(one: str, other: str) -> bool:
    """Whether two names differ only by which of two things they mean: mass and other_mass."""
    a, b = set(one.split("_")), set(other.split("_"))
    apart = a ^ b
    return bool(apart) and apart <= _ORDINALS


def _sides(places: Sequence[Parameter]) -> dict[str, str]:
    """Return which of two things each parameter is about: "other_mass" of the other, and "mass",
    because there is another, of the first."""
    found = {}
    for place in places:
        tokens = place.name.split("_")
        side = next((token for token in tokens if token in _SIDES), None)
        if side is None:
            more = (q for q in places if q is not place and counterparts(place.name, q.name))
            side = "" if any(more) else None
        if side is not None:
            found[place.name] = side
    return found


def by_order(
    mentions: Sequence[Mention],
    options: Sequence[dict[int, float]],
    best: Sequence[int | None],
    places: Sequence[Parameter],
) -> list[Mention]:
    """Return the numbers that only their order has given their places, where order says little:
    two lengths of which nothing tells which is the width."""
    found = []
    for i, j in itertools.combinations(range(len(mentions)), 2):
        a, b = best[i], best[j]
        if a is None or b is None or b not in options[i] or a not in options[j]:
            continue
        kept = options[i][a] + options[j][b]
        turned = options[i][b] + options[j][a]
        one, other = places[a], places[b]
        if kept - turned < 0.3 and not (greater(one, other) or counterparts(one.name, other.name)):
            found += [mentions[i], mentions[j]]
    return found


_RIVAL = 0.6


def contested(
    mentions: Sequence[Mention],
    options: Sequence[dict[int, float]],
    best: Sequence[int | None],
    places: Sequence[Parameter],
) -> list[Mention]:
    """Return the counts that speak hardly less of a place that got none: in "lift two balls" they
    may be all the balls, or those that are lifted."""
    found = []
    for mention, choices, option in zip(mentions, options, best, strict=True):
        if option is None or mention.unit is not None or mention.kind != "number":
            continue
        taken = places[option]
        for other, strength in choices.items():
            place = places[other]
            free = other != option and other not in best
            if free and place.kind == taken.kind and strength >= choices[option] - _RIVAL:
                if not counterparts(place.name, taken.name):
                    found.append(mention)
                    break
    return found
