"""Finds recipes by what people say: English words, stemmed, and Chinese character bigrams."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from . import numbers
from .formulas import written
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


_BETWEEN = "\n¶\n"
_MATHEMATICAL = re.compile(r"[-+*/^=√²³|(]|\b(?:sin|cos|tan|log|ln|exp|sqrt)\b|\d\s*[,，、]\s*\d")
_SATURATION, _LENGTH = 1.2, 0.5
"""k1 and b of BM25 (S. Robertson and H. Zaragoza, The Probabilistic Relevance Framework, 2009)."""
_TITLE, _PHRASING, _DESCRIPTION, _KNOB, _CHARACTER = 1.5, 1.0, 0.5, 0.3, 0.3
"""What a word is worth by where it stands; a single Chinese character, next to its bigrams."""
_NEARNESS = 1.0
"""What a phrasing that is the text adds to the weight, as a share of it."""
_CHANCE = (-4.4, 1.4, 0.55)
"""Logistic regression of "the best one is meant" on log(1 + its weight) and log(1 + its lead),
fitted on the tuned cases of ``bench/intents``."""


_ONE_WORD = 0.6
"""What is left of the chance where only one of several words is the recipe's."""


@dataclass(frozen=True)
class Hit:
    """A recipe that may be meant."""

    recipe: Recipe
    score: float
    """0..1: how much of the wish it covers and how near its nearest phrasing is; 1: all of it."""
    weight: float = 0.0
    """BM25 of the wish in everything that the recipe says; the hits are in its order."""
    chance: float = 0.0
    """0..1, of the best hit: how likely it is the one that is meant."""


class Index:
    """An index over recipes, made once in memory; searching 250 takes a few milliseconds."""

    def __init__(self, recipes: Iterable[Recipe]) -> None:
        self._entries = [_entry(recipe) for recipe in recipes]
        counts: dict[str, int] = {}
        for entry in self._entries:
            for term in entry.weights:
                counts[term] = counts.get(term, 0) + 1
        total = len(self._entries)
        self._rarity = {term: math.log(1 + total / n) for term, n in counts.items()}
        self._unknown = math.log(1 + total)
        self._spoken = {
            words: entry.recipe for entry in reversed(self._entries) for words in entry.spoken
        }
        self._usual = sum(entry.length for entry in self._entries) / max(1, total)

    def search(self, text: str, limit: int = 24) -> list[Hit]:
        """Return the nearest recipes, best first; none that shares no word with the text."""
        hits = self._weighed(text, limit)
        spoken = self._spoken.get(_alike(without_values(text)))
        if spoken is None:
            return hits
        # Word by word what a recipe says of itself: then it is that one, whatever else is near.
        weight = max((hit.weight for hit in hits), default=0.0)
        others = [replace(hit, chance=0.0) for hit in hits if hit.recipe is not spoken]
        return [Hit(spoken, 1.0, weight, 1.0), *others][:limit]

    def _weighed(self, text: str, limit: int) -> list[Hit]:
        plain = without_values(without_formulas(text))
        asked = frozenset([*terms(plain), *_signs(text)])
        if not asked:
            return []
        said = min(1.0, self._weight(asked) / _ENOUGH_SAID)
        wanted = {**dict.fromkeys(asked, 1.0), **dict.fromkeys(_characters(plain), _CHARACTER)}
        weighed = [(said * self._relevance(wanted, entry), entry) for entry in self._entries]
        weighed = [pair for pair in weighed if pair[0] > 0]
        weighed.sort(key=lambda pair: (-pair[0], pair[1].recipe.id))
        hits = []
        for weight, entry in weighed[: 2 * limit]:
            # A recipe's own words stand above what only speaks of the same things.
            score = said * self._score(asked, entry)
            hits.append(Hit(entry.recipe, score, weight * (1 + _NEARNESS * score)))
        hits = sorted(hits, key=lambda hit: (-hit.weight, hit.recipe.id))[:limit]
        if hits:
            lead = hits[0].weight - (hits[1].weight if len(hits) > 1 else 0.0)
            bias, by_weight, by_lead = _CHANCE
            odds = bias + by_weight * math.log1p(hits[0].weight) + by_lead * math.log1p(lead)
            chance = 1 / (1 + math.exp(-odds))
            if self._by_one_word(asked, hits[0].recipe):
                chance *= _ONE_WORD
            hits[0] = replace(hits[0], chance=chance)
        return hits

    def _by_one_word(self, asked: frozenset[str], recipe: Recipe) -> bool:
        """Whether only one of several words that were said is the recipe's: baking a cake has
        little to do with the shape of a doughnut."""
        entry = next(entry for entry in self._entries if entry.recipe is recipe)
        strong = [term for term in asked if term not in _WEAK]
        return len(strong) > 2 and sum(term in entry.weights for term in strong) < 2

    def _relevance(self, wanted: Mapping[str, float], entry: _Entry) -> float:
        longer = 1 - _LENGTH + _LENGTH * entry.length / self._usual
        total = 0.0
        for term, worth in wanted.items():
            there = entry.weights.get(term, 0.0)
            if there:
                usual = _WEIGHT_OF_WEAK if term in _WEAK else 1.0
                grown = there * (_SATURATION + 1) / (there + _SATURATION * longer)
                total += worth * usual * self._rarity[term] * grown
        return total

    def _score(self, asked: frozenset[str], entry: _Entry) -> float:
        nearest = max(self._likeness(asked, phrase) for phrase in entry.phrases)
        shared = self._weight(term for term in asked if term in entry.weights)
        return 0.6 * nearest + 0.4 * shared / self._weight(asked)

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
    weights: Mapping[str, float]
    """Term → how often it is said, by where."""
    length: float
    phrases: tuple[frozenset[str], ...]
    spoken: tuple[str, ...]
    """Its phrasings word by word, without numbers and colours."""


def _entry(recipe: Recipe) -> _Entry:
    about = [recipe.description.en, recipe.description.zh]
    about += [recipe.interpretation.en, recipe.interpretation.zh]
    knobs: list[str] = []
    for parameter in recipe.parameters:
        knobs += [parameter.label.en, parameter.label.zh, *parameter.aliases, *parameter.choices]
        knobs += [word for group in parameter.choice_aliases.values() for word in group]
    titles = [t for t in (recipe.title.en, recipe.title.zh) if t]
    asked = [*recipe.phrasings.en, *recipe.phrasings.zh]
    signs = [_signs(text) for text in asked]
    # All at once: reading numbers out of 5,000 short texts one by one takes most of a second.
    texts = [*titles, *asked, *about, *knobs]
    plain = without_values(_BETWEEN.join(texts)).split(_BETWEEN)
    worths = [_TITLE] * len(titles) + [_PHRASING] * len(asked)
    worths += [_DESCRIPTION] * len(about) + [_KNOB] * len(knobs)
    weights: dict[str, float] = {}
    phrases = []
    for place, (text, worth) in enumerate(zip(plain, worths, strict=True)):
        said = terms(text)
        if len(titles) <= place < len(titles) + len(asked):
            said += signs[place - len(titles)]
        if place < len(titles) + len(asked):
            phrases.append(frozenset(said))
        for term in said:
            weights[term] = weights.get(term, 0.0) + worth
        for character in _characters(text):
            weights[character] = weights.get(character, 0.0) + worth * _CHARACTER
    kept = tuple(phrase for phrase in phrases if phrase) or (frozenset(),)
    spoken = tuple(map(_alike, plain[len(titles) : len(titles) + len(asked)]))
    return _Entry(recipe, weights, sum(weights.values()), kept, spoken)


def _signs(text: str) -> list[str]:
    """Return what kinds of mathematics a text holds, as terms: a formula, a list of numbers."""
    if not _MATHEMATICAL.search(text):
        return []
    return [f"·{'equation' if w.right and '=' in text else w.kind}" for w in written(text)]


def _alike(text: str) -> str:
    """Return what two texts share that differ in spaces, capitals and the end of the sentence."""
    return "".join(text.split()).lower().rstrip(".!?。！？")


def _characters(text: str) -> list[str]:
    """Return the Chinese characters of a text, marked apart from words of one character."""
    return [f"·{character}" for character in text if "\u3400" <= character <= "\u9fff"]


def without_values(text: str) -> str:
    """Return the text with numbers and colours blanked: they choose values, not recipes."""
    characters = list(text)
    for mention in numbers.read(text):
        characters[mention.start : mention.end] = " " * (mention.end - mention.start)
    return "".join(characters)


def without_formulas(text: str) -> str:
    """Return the text with formulas and lists of numbers blanked."""
    for item in written(text) if _MATHEMATICAL.search(text) else ():
        text = text[: item.start] + " " * (item.end - item.start) + text[item.end :]
    return text


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
