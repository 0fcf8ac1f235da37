"""How likely it is that a recipe is meant: words, numbers and formulas weighed together.

A conditional logit (D. McFadden, Conditional Logit Analysis of Qualitative Choice Behavior, 1974)
over the nearest recipes and "none of them". ``intentos bench finding --fit`` fits the weights.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from . import evidence, numbers
from .formulas import Written
from .library import Recipe
from .numbers import Mention
from .words import mathematics

COMPARED = 10
"""How many of the nearest recipes are weighed against each other."""
_MANY = 2


class Clues(NamedTuple):
    """What speaks for a recipe."""

    weight: float
    """log(1 + BM25)."""
    lead: float
    """log of its weight as a share of the greatest; 0 of the best."""
    covered: float
    """0..1: how much of the wish's words, by rarity, are its own or of one family with its own."""
    nearest: float
    """0..1: likeness of its nearest phrasing."""
    shared: float
    """log(1 + number of words shared)."""
    units: float
    """Numbers with units that one of its knobs takes; at most 2."""
    no_units: float
    """Numbers with units that none takes; at most 2."""
    bare: float
    """Numbers without a unit that one takes; at most 2."""
    no_bare: float
    """Numbers without a unit that none takes; at most 2."""
    formula: float
    """1 where the wish holds a formula and a knob takes one."""
    no_formula: float
    """1 where the wish holds a formula and none does."""


class Doubts(NamedTuple):
    """What speaks for none of them."""

    always: float
    words: float
    """log(1 + number of words that tell what it is about)."""
    said: float
    """log(1 + their rarity together)."""
    numbers: float
    """1 where a number was said."""
    enough: float
    """0..1: whether enough was said to choose by."""


FOR = Clues(4.36, 1.85, 3.01, 3.17, -1.53, 1.48, -1.17, -0.31, -1.53, 2.34, 1.99)
AGAINST = Doubts(5.32, -2.36, 0.55, -0.81, 8.63)


@dataclass(frozen=True)
class Said:
    """The numbers and formulas of a wish."""

    numbers: tuple[Mention, ...]
    formulas: tuple[Written, ...]


def said(text: str) -> Said:
    """Return the numbers and formulas of a wish; a number inside a formula is none of its own."""
    found = mathematics(text)
    mentions = (m for m in numbers.read(text) if m.kind == "number" and not m.weak)
    apart = tuple(m for m in mentions if not any(w.start <= m.start < w.end for w in found))
    return Said(apart, tuple(w for w in found if w.kind == "formula"))


def taken(recipe: Recipe, what: Said) -> tuple[float, float, float, float, float, float]:
    """Return the six last clues: which numbers and formulas the recipe's knobs take."""
    knobs = [p for p in recipe.parameters if p.kind in ("number", "integer")]
    counts = {(unit, fits): 0 for unit in (True, False) for fits in (True, False)}
    for mention in what.numbers:
        unit = mention.unit is not None and mention.unit.dimension != "percent"
        counts[unit, any(evidence.accepts(mention, knob) for knob in knobs)] += 1
    formula = bool(what.formulas)
    takes = any(p.kind == "expression" for p in recipe.parameters)
    return (
        min(counts[True, True], _MANY),
        min(counts[True, False], _MANY),
        min(counts[False, True], _MANY),
        min(counts[False, False], _MANY),
        float(formula and takes),
        float(formula and not takes),
    )


def chances(clues: Sequence[Clues], doubts: Doubts) -> list[float]:
    """Return the probability that each is meant; what is left to 1 is that none is."""
    odds = [sum(a * b for a, b in zip(FOR, clue, strict=True)) for clue in clues]
    none = sum(a * b for a, b in zip(AGAINST, doubts, strict=True))
    most = max(*odds, none) if odds else none
    shares = [math.exp(value - most) for value in odds]
    whole = sum(shares) + math.exp(none - most)
    return [share / whole for share in shares]
