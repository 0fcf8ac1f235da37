"""How likely it is that a recipe is meant: words, numbers and formulas weighed together.

A conditional logit (D. McFadden, Conditional Logit Analysis of Qualitative Choice Behavior, 1974)
over the nearest recipes and "none of them". ``intentos bench finding --fit`` fits the weights.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from intentos.errors import IntentOSError

from . import evidence, numbers
from .asked import link_asked, wanted
from .formulas import Written
from .law import FIND, open_knob
from .library import Recipe
from .links import Links
from .numbers import Mention
from .units import named
from .words import QUOTED, mathematics

COMPARED = 10
"""How many of the nearest recipes are weighed against each other."""
_MANY, _MOST = 2, 3


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
    missing: float
    """0..1: rarity of the rarest word that it does not know and another recipe does."""
    usual: float
    """0..1: share of its phrasings that say a word of the wish, on average."""
    inside: float
    """0..1: greatest share of one of its phrasings that the wish says."""
    units: float
    """Numbers with units that one of its knobs takes; at most 2."""
    no_units: float
    """Numbers with units that none takes; at most 2."""
    bare: float
    """Numbers without a unit that one takes; at most 2."""
    no_bare: float
    """Numbers without a unit that none takes; at most 2."""
    formula: float
    """1 where the wish holds a formula and a knob takes it."""
    no_formula: float
    """1 where the wish holds a formula and none does."""
    row: float
    """1 where the wish holds a list of numbers, 2 where a quotation, and a knob takes it."""
    no_row: float
    """The same where none does."""
    placed: float
    """Numbers that are linked to a knob by what stands beside them; at most 3."""
    left: float
    """Numbers that are not linked at all; at most 3."""
    guessed: float
    """Numbers that go to a knob only because there is no other; at most 3."""
    outside: float
    """1 where a number is clearly meant for a knob but outside its range."""
    whole: float
    """1 where two numbers or more were said and each has found its knob, none by a guess."""
    tells: float
    """1 where the wish asks for a quantity (how fast, 几升) and the recipe tells one such."""
    tells_not: float
    """1 where the wish asks for one and the recipe tells none such."""
    unsaid: float
    """Quantities of a law that were not said, beside the open one; at most 3."""
    law: float
    """1 of a law: a recipe of the same subject tells and shows more."""
    silent: float
    """1 of a law to which no number was given: a law is asked with numbers."""

    @property
    def complete(self) -> bool:
        """Whether every number said has its place, none by a guess, and none is missing."""
        over = self.left or self.guessed or self.outside or self.unsaid or not self.tells
        return self.placed > 0 and not over


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
    english: float
    """log(1 + number of English words that no recipe says)."""
    chinese: float
    """The same of Chinese pairs of characters."""


FOR = Clues(
    5.61, 0.89, 0.70, 1.01, 1.31, 0.79, 0.69, 2.63, 0.36, 0.68, 1.09, 0.35, -0.79, 0.33,
    -0.30, -1.80, -0.53, -1.93, -0.92, -3.17, 0.8, 0.5, -0.5, -0.7, -0.6, -2.5,
)  # fmt: skip
AGAINST = Doubts(
    5.07, 0.87, 2.07, -0.33, 6.96, -0.91, -1.34,
)  # fmt: skip


@dataclass(frozen=True)
class Said:
    """The numbers, formulas, lists and quotations of a wish."""

    text: str
    numbers: tuple[Mention, ...]
    formulas: tuple[Written, ...]
    rows: int
    """2 with a quotation, 1 with a list."""


def said(text: str) -> Said:
    """Return what a wish holds beside words; a number inside a formula is none of its own."""
    found = mathematics(text)
    mentions = (m for m in numbers.read(text) if m.kind == "number" and not m.weak)
    apart = tuple(m for m in mentions if not any(w.start <= m.start < w.end for w in found))
    formulas = tuple(w for w in found if w.kind == "formula")
    rows = 2 if QUOTED.search(text) else int(len(found) > len(formulas))
    return Said(text, apart, formulas, rows)


def taken(recipe: Recipe, what: Said) -> tuple[float, ...]:
    """Return the last clues: which numbers, formulas and lists the recipe's knobs take."""
    knobs = [p for p in recipe.parameters if p.kind in ("number", "integer")]
    counts = {(unit, fits): 0 for unit in (True, False) for fits in (True, False)}
    for mention in what.numbers:
        unit = mention.unit is not None and mention.unit.dimension != "percent"
        counts[unit, any(evidence.accepts(mention, knob) for knob in knobs)] += 1
    kinds, wants = {p.kind for p in recipe.parameters}, wanted(what.text)
    formula, row = bool(what.formulas), bool(what.rows)
    placed = left = guessed = outside = whole = open_ones = 0.0
    told = False
    find = open_knob(recipe.parameters)
    tells = _told(recipe)
    if what.numbers or formula or row:
        try:
            links = linked(what.text, recipe)
        except IntentOSError:
            outside = 1.0
        else:
            guessed = min(len(links.guessed), _MOST)
            placed = min(max(0, len(links.taken) - len(links.guessed)), _MOST)
            left = min(len(links.unused), _MOST)
            told = bool(links.told)
            whole = float(placed >= _MANY and not left and not guessed)
            if find is not None:
                asked = str(links.values[FIND])
                tells = _dimensions_of((next(k.unit for k in knobs if k.name == asked),))
                open_ones = len({k.name for k in knobs} - {*links.values, asked, *recipe.constants})
    takes = "expression" in kinds or told
    holds = "text" in kinds or told
    return (
        min(counts[True, True], _MANY),
        min(counts[True, False], _MANY),
        min(counts[False, True], _MANY),
        min(counts[False, False], _MANY),
        float(formula and takes),
        float(formula and not takes),
        float(what.rows * holds),
        float(what.rows * (not holds)),
        placed,
        left,
        guessed,
        outside,
        whole,
        float(bool(wants & tells)),
        float(bool(wants) and not wants & tells),
        min(open_ones, _MOST),
        float(find is not None),
        float(find is not None and not placed),
    )


_REPORTED = re.compile(r"^\s*report\(.*[\"']([^\"'\s]{1,16})[\"']\)\s*$", re.MULTILINE)


def _told(recipe: Recipe) -> frozenset[str]:
    """Return the dimensions of what a recipe tells."""
    return frozenset().union(*(_reported(step.code) for step in recipe.steps if step.code))


@lru_cache(2048)
def _reported(code: str) -> frozenset[str]:
    return _dimensions_of(tuple(_REPORTED.findall(code)))


@lru_cache(512)
def _dimensions_of(units: tuple[str, ...]) -> frozenset[str]:
    known = (named(unit) for unit in units)
    return frozenset(unit.dimension for unit in known if unit is not None)


def linked(text: str, recipe: Recipe) -> Links:
    """Return what a wish says of a recipe's parameters; raises ValueOutOfRange."""
    return link_asked(
        text,
        recipe.parameters,
        context=context(recipe),
        title=f"{recipe.title.en}\n{recipe.title.zh}",
        phrasings=(*recipe.phrasings.en, *recipe.phrasings.zh),
        constants=recipe.constants,
    )


def context(recipe: Recipe) -> str:
    """Return all that a recipe says of itself."""
    texts = [recipe.title, recipe.description]
    return "\n".join(
        [*(t.en for t in texts), *(t.zh for t in texts), *recipe.phrasings.en, *recipe.phrasings.zh]
    )


def chances(clues: Sequence[Clues], doubts: Doubts) -> list[float]:
    """Return the probability that each is meant; what is left to 1 is that none is."""
    odds = [sum(a * b for a, b in zip(FOR, clue, strict=True)) for clue in clues]
    none = sum(a * b for a, b in zip(AGAINST, doubts, strict=True))
    most = max(*odds, none) if odds else none
    shares = [math.exp(value - most) for value in odds]
    whole = sum(shares) + math.exp(none - most)
    return [share / whole for share in shares]
