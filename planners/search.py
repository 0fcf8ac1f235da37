"""Finds recipes by what people say: English words, stemmed, and Chinese character bigrams."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .complete import complete_first
from .entries import CHARACTER, entries
from .library import Recipe
from .likelihood import COMPARED, Clues, Doubts, chances, said, taken
from .synonyms import relatives
from .words import (
    WEAK,
    WEIGHT_OF_WEAK,
    alike,
    characters,
    signs,
    stem,
    terms,
    without_asides,
    without_formulas,
    without_quotes,
    without_values,
)

__all__ = ["Hit", "Index", "stem", "terms", "without_formulas", "without_values"]

_ENOUGH_SAID = 3.0
"""Weight of words below which a text says too little to choose by: "make it", "show me"."""
_SATURATION, _LENGTH = 1.2, 0.5
"""k1 and b of BM25 (S. Robertson and H. Zaragoza, The Probabilistic Relevance Framework, 2009)."""
_RELATED, _SIMILAR = 0.6, 0.6
"""What a word of the same family is worth, and one that is written much alike."""
_NEARNESS = 1.0
"""What a phrasing that is the text adds to the weight, as a share of it."""
_SHORTEST = 5
"""Letters of a word from which on it is compared with words that are written alike."""


@dataclass(frozen=True)
class Hit:
    """A recipe that may be meant."""

    recipe: Recipe
    score: float
    """0..1: how much of the wish it covers and how near its nearest phrasing is; 1: all of it."""
    weight: float = 0.0
    """BM25 of the wish in everything that the recipe says."""
    chance: float = 0.0
    """0..1: how likely it is the one that is meant; the hits are in its order."""
    left: int = 0
    """How many numbers of the wish it has no place for; at most 3."""
    complete: bool = False
    """Whether every number has found a place, none by a guess, and none is missing."""
    whole: bool = False
    """Whether two numbers or more were said and each has found its knob, none by a guess."""


@dataclass(frozen=True)
class Candidates:
    """The nearest recipes with what speaks for each, by weight, and what speaks for none."""

    hits: Sequence[Hit]
    clues: Sequence[Clues]
    """Of the first ones."""
    doubts: Doubts


class Index:
    """An index over recipes, made once in memory; searching 300 takes a few milliseconds."""

    def __init__(self, recipes: Iterable[Recipe], kept: Path | None = None) -> None:
        """``kept``: the file that remembers what recipes say, so that it need not be read anew."""
        self._entries = entries(recipes, kept)
        total = len(self._entries)
        usual = sum(entry.length for entry in self._entries) / max(1, total)
        self._postings: dict[str, dict[int, float]] = {}
        for place, entry in enumerate(self._entries):
            longer = _SATURATION * (1 - _LENGTH + _LENGTH * entry.length / usual)
            for term, there in entry.weights.items():
                grown = there * (_SATURATION + 1) / (there + longer)
                self._postings.setdefault(term, {})[place] = grown
        self._rarity = {
            term: math.log(1 + total / len(places)) for term, places in self._postings.items()
        }
        self._unknown = math.log(1 + total)
        # What was saved from a recipe repeats its words: they are the recipe's own all the same.
        own = sorted(reversed(self._entries), key=lambda entry: entry.recipe.base is None)
        self._spoken = {words: entry.recipe for entry in own for words in entry.spoken if words}
        for entry in self._entries:  # what it is called, where no other says that of itself
            title = entry.recipe.title
            for name in (title.en, title.zh, entry.recipe.id.replace("_", " ")):
                if name:
                    self._spoken.setdefault(alike(name), entry.recipe)
        self._heavy: dict[int, list[float]] = {}
        """Entry → the weight of each of its phrasings, once it was asked for."""
        self._by_letter: dict[str, list[str]] = {}
        for term in self._rarity:
            if term.isascii() and len(term) > 2:
                self._by_letter.setdefault(term[0], []).append(term)

    def search(self, text: str, limit: int = 24) -> list[Hit]:
        """Return the nearest recipes, likeliest first; none that shares no word with the text."""
        spoken = self._spoken.get(alike(without_values(text, factors=False)))
        found = self.candidates(text, limit, compared=0 if spoken is not None else COMPARED)
        likely = chances(found.clues, found.doubts) if found.clues else []
        whole = [bool(clue.whole) for clue in found.clues]
        more = len(found.hits) - len(likely)
        likely, whole = likely + [0.0] * more, whole + [False] * more
        clues = [*found.clues, *[None] * more]
        hits = [
            Hit(
                hit.recipe, hit.score, hit.weight, chance,
                left=int(clue.left) if clue else 0, complete=clue is not None and clue.complete,
                whole=every,
            )
            for hit, chance, every, clue in zip(found.hits, likely, whole, clues, strict=True)
        ]  # fmt: skip
        hits.sort(key=lambda hit: (-hit.chance, -hit.weight, hit.recipe.id))
        if spoken is None:
            return complete_first(text, hits)
        # Word by word what a recipe says of itself: then it is that one, whatever else is near.
        weight = max((hit.weight for hit in hits), default=0.0)
        others = [Hit(h.recipe, h.score, h.weight) for h in hits if h.recipe is not spoken]
        return [Hit(spoken, 1.0, weight, 1.0), *others][:limit]

    def candidates(self, text: str, limit: int = COMPARED, compared: int = COMPARED) -> Candidates:
        """Return the recipes that share words with the text, heaviest first, and the clues of so
        many of them as shall be ``compared``."""
        text = without_asides(text)
        plain = without_values(without_quotes(without_formulas(text)), factors=False)
        asked = frozenset([*terms(plain), *signs(text)])
        whole = self._weight(asked)
        if not whole:  # only words that say nothing of what is meant
            return Candidates([], [], Doubts(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0))
        enough = min(1.0, whole / _ENOUGH_SAID)
        relevance, found = self._relevance(plain, asked)
        heaviest = sorted(relevance.items(), key=lambda pair: (-pair[1], pair[0]))[: 2 * limit]
        weighed = []
        for place, weight in heaviest:
            entry = self._entries[place]
            # A recipe's own words stand above what only speaks of the same things.
            nearest, inside = self._nearest(asked, whole, place)
            covered, missing, usual = self._covered(found, whole, place)
            shared = [term for term in asked if term in entry.weights]
            score = enough * (0.6 * nearest + 0.4 * self._weight(shared) / whole)
            both = 1 + _NEARNESS * (0.6 * nearest + 0.4 * covered)
            count = sum(term not in WEAK for term in shared)
            hit = Hit(entry.recipe, score, enough * weight * both)
            weighed.append((hit, weight, covered, nearest, count, missing, usual, inside))
        weighed.sort(key=lambda item: (-item[0].weight, item[0].recipe.id))
        what = said(text)
        judged = weighed[: min(compared, limit)]
        clues = [
            Clues(
                math.log1p(enough * weight),
                math.log(hit.weight / weighed[0][0].weight),
                share,
                nearest,
                math.log1p(count),
                missing,
                usual,
                inside,
                *taken(hit.recipe, what),
            )
            for hit, weight, share, nearest, count, missing, usual, inside in judged
        ]
        strong = sum(term not in WEAK and term[0] != "·" for term in asked)
        doubts = Doubts(
            1.0,
            math.log1p(strong),
            math.log1p(whole),
            bool(what.numbers),
            enough,
            *self._strange(asked),
        )
        return Candidates([item[0] for item in weighed[:limit]], clues, doubts)

    def _relevance(
        self, plain: str, asked: frozenset[str]
    ) -> tuple[dict[int, float], dict[str, dict[int, float]]]:
        """Return BM25 by the place of the entry, and by term how much of it each entry covers.

        A term counts once, by the best of what stands for it: itself, or a word of its family.
        """
        relevance: dict[int, float] = {}
        covered: dict[str, dict[int, float]] = {}
        families = relatives(plain.lower(), asked)
        for term in asked:
            own = self._weight([term])
            worth = dict.fromkeys(families.get(term, ()), _RELATED)
            if term not in self._rarity:
                worth |= dict.fromkeys(self._written_alike(term), _SIMILAR)
            best: dict[int, tuple[float, float]] = {}
            for word, share in {**worth, term: 1.0}.items():
                weight = share * min(own, self._weight([word]))
                for place, grown in self._postings.get(word, {}).items():
                    best[place] = max(best.get(place, (0.0, 0.0)), (weight * grown, share))
            for place, (weight, _) in best.items():
                relevance[place] = relevance.get(place, 0.0) + weight
            covered[term] = {place: share for place, (_, share) in best.items()}
        for character in set(characters(plain)):
            for place, grown in self._postings.get(character, {}).items():
                weight = CHARACTER * self._rarity[character] * grown
                relevance[place] = relevance.get(place, 0.0) + weight
        return relevance, covered

    def _covered(
        self, found: Mapping[str, Mapping[int, float]], whole: float, place: int
    ) -> tuple[float, float, float]:
        """Return the share of the text that a recipe covers, the weightiest word that it does not,
        and how usual in its phrasings the words are that it does."""
        covered = missing = usual = 0.0
        said = self._entries[place].usual
        for term, places in found.items():
            own, share = self._weight([term]), places.get(place, 0.0)
            covered += share * own
            if term in self._rarity:
                missing = max(missing, (1 - share) * own / self._unknown)
            usual += own * said.get(term, 0.0)
        return covered / whole, missing, usual / whole

    def _strange(self, asked: Iterable[str]) -> tuple[float, float]:
        """Return how many words no recipe says, English and Chinese ones, as logarithms."""
        strange = [term for term in asked if term not in self._rarity]
        english = sum(term.isascii() for term in strange)
        return math.log1p(english), math.log1p(len(strange) - english)

    def _written_alike(self, term: str) -> set[str]:
        """Return known words for an English one that nobody says: the two of "snowfall", the one
        meant by "pendulm", the kin of "vibrations"."""
        if len(term) < _SHORTEST or not (term.isascii() and term.isalpha()):
            return set()
        found: set[str] = set()
        for cut in range(3, len(term) - 2):
            parts = {stem(term[:cut]), stem(term[cut:])}
            if parts <= self._rarity.keys():
                found |= parts
        return found | {
            word for word in self._by_letter.get(term[0], ()) if _alike_in_letters(word, term)
        }

    def _nearest(self, asked: frozenset[str], whole: float, place: int) -> tuple[float, float]:
        """Return the likeness of a recipe's phrasing that is most like the text, and the greatest
        share of a phrasing that the text says."""
        phrases = self._entries[place].phrases
        if place not in self._heavy:
            self._heavy[place] = [self._weight(phrase) for phrase in phrases]
        best = inside = 0.0
        for phrase, weight in zip(phrases, self._heavy[place], strict=True):
            if both := asked & phrase:
                shared = self._weight(both)
                best = max(best, 2 * shared / (whole + weight))
                inside = max(inside, shared / weight)
        return best, inside

    def _weight(self, words: Iterable[str]) -> float:
        return sum(
            self._rarity.get(word, self._unknown) * (WEIGHT_OF_WEAK if word in WEAK else 1)
            for word in words
        )


def _alike_in_letters(word: str, other: str) -> bool:
    """Whether two words share most of their beginning, or differ in one letter."""
    shorter, longer = sorted((word, other), key=len)
    if len(longer) - len(shorter) > 3:
        return False
    same = next((i for i, (a, b) in enumerate(zip(word, other, strict=False)) if a != b), None)
    same = len(shorter) if same is None else same
    if same >= 4 and same >= 0.7 * len(longer):
        return True
    if len(longer) <= _SHORTEST or len(longer) - len(shorter) > 1:
        return False
    if len(longer) > len(shorter):
        return shorter[same:] == longer[same + 1 :]
    swapped = word[same : same + 2] == other[same : same + 2][::-1]
    return word[same + 1 :] == other[same + 1 :] or (
        swapped and word[same + 2 :] == other[same + 2 :]
    )
