"""Finds recipes by what people say: English words, stemmed, and Chinese character bigrams."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from . import numbers
from .library import Recipe

# Words that carry the sentence and not the wish.
_STOP = frozenset(
    "a an the of to in on at by for from with and or as is are was be been it its this that these "
    "those there here i me my we us our you your he she they them what which who how when where "
    "why do does did can could would should will shall may might must please let lets want like "
    "some any so if then than into onto up out about just also very really much more most s t "
    "now next instead again using use have has had get give need one two see look many".split()
)
# Words that say that something shall be shown, whatever it is: they count a little.
_WEAK = frozenset(
    "show draw plot make simulate simulation simulated create generate render display animate "
    "animation picture image video film movie watch compute calculate find count number run "
    "visualize visualise visualization model nice beautiful".split()
)
_WEIGHT_OF_WEAK = 0.25
_ENOUGH_SAID = 3.0
"""Weight of words below which a text says too little to choose by: "make it", "show me"."""
_CHINESE_STOP = re.compile(
    r"帮我|现在|然后|接着|接下来|请问|请|我想要?|想要|想看|想|给我|为我|让我|我|你|能不能|可以|能否|一下|看看|看|多少|什么|怎么样?"
    r"|怎样|如何|模拟|画出|画|绘制|显示|展示|演示|动画|生成|制作|做|计算|求出|求|算出|算|一个|一颗|一只|一条"
    r"|[再的了着吗呢吧啊在是有和与及把被让到用以从每为个颗只辆]"
)
_TOKEN = re.compile(r"[A-Za-z][A-Za-z0-9]*|[\u3400-\u9fff\uf900-\ufaff]+|\d+[A-Za-z]\w*")
_VOWEL = re.compile(r"[aeiouy]")


@dataclass(frozen=True)
class Hit:
    """A recipe that may be meant."""

    recipe: Recipe
    score: float
    """0..1: how much of the wish it covers and how near its nearest phrasing is; 1: all of it."""


class Index:
    """An index over recipes, made once in memory; searching 160 takes about a millisecond."""

    def __init__(self, recipes: Iterable[Recipe]) -> None:
        self._entries = [_entry(recipe) for recipe in recipes]
        counts: dict[str, int] = {}
        for entry in self._entries:
            for term in entry.words:
                counts[term] = counts.get(term, 0) + 1
        total = len(self._entries)
        self._rarity = {term: math.log(1 + total / n) for term, n in counts.items()}
        self._unknown = math.log(1 + total)

    def search(self, text: str, limit: int = 8) -> list[Hit]:
        """Return the nearest recipes, best first; none that shares no word with the text."""
        asked = frozenset(terms(without_values(text)))
        whole = self._weight(asked)
        hits = []
        for entry in self._entries:
            shared = self._weight(asked & entry.words)
            if shared > 0:
                nearest = max(self._likeness(asked, phrase) for phrase in entry.phrases)
                said = min(1.0, whole / _ENOUGH_SAID)
                hits.append(Hit(entry.recipe, said * (0.6 * nearest + 0.4 * shared / whole)))
        return sorted(hits, key=lambda hit: (-hit.score, hit.recipe.id))[:limit]

    def _likeness(self, asked: frozenset[str], phrase: frozenset[str]) -> float:
        both = self._weight(asked) + self._weight(phrase)
        return 2 * self._weight(asked & phrase) / both if both else 0.0

    def _weight(self, words: Iterable[str]) -> float:
        return sum(
            self._rarity.get(word, self._unknown) * (_WEIGHT_OF_WEAK if word in _WEAK else 1)
            for word in words
        )


@dataclass(frozen=True)
class _Entry:
    recipe: Recipe
    words: frozenset[str]
    phrases: tuple[frozenset[str], ...]


def _entry(recipe: Recipe) -> _Entry:
    asked = [recipe.title.en, recipe.title.zh, *recipe.phrasings.en, *recipe.phrasings.zh]
    phrases = tuple(frozenset(terms(without_values(text))) for text in asked)
    more = [recipe.description.en, recipe.description.zh]
    for parameter in recipe.parameters:
        more += [parameter.label.en, parameter.label.zh, *parameter.aliases, *parameter.choices]
        more += [word for group in parameter.choice_aliases.values() for word in group]
    words = frozenset().union(*phrases, *(terms(text) for text in more))
    return _Entry(recipe, words, tuple(p for p in phrases if p) or (frozenset(),))


def without_values(text: str) -> str:
    """Return the text with numbers and colours blanked: they choose values, not recipes."""
    characters = list(text)
    for mention in numbers.read(text):
        characters[mention.start : mention.end] = " " * (mention.end - mention.start)
    return "".join(characters)


def terms(text: str) -> list[str]:
    """Return the search terms of a text: English stems and Chinese bigrams, without filler."""
    found: list[str] = []
    for match in _TOKEN.finditer(numbers.normal(text)):
        token = match.group()
        if token[0] < "\u3400":
            word = token.lower()
            if word not in _STOP:
                found.append(word if word in _WEAK else stem(word))
        else:
            found += _bigrams(token)
    return found


def _bigrams(run: str) -> Iterator[str]:
    for part in _CHINESE_STOP.sub(" ", run).split():
        if len(part) == 1:
            yield part
        for i in range(len(part) - 1):
            yield part[i : i + 2]


def stem(word: str) -> str:
    """Return an English word without its ending: cars → car, flies → fly, colliding → collid."""
    if len(word) <= 3:
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        short = word.removesuffix(ending)
        if short != word and len(short) >= 3 and _VOWEL.search(short):
            word = short[:-1] if short[-1] == short[-2] and short[-1] not in "lsz" else short
            break
    if word.endswith(("tion", "sion")) and len(word) > 6:
        word = word[:-3]
    elif word.endswith("er") and len(word) > 5:
        word = word[:-2]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word
