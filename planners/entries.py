"""What recipes say, as weighted terms: prepared once and kept, because reading takes a second."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intentos.errors import StoreError
from intentos.kept_file import write_kept

from .library import Recipe
from .words import alike, characters, signs, terms, without_quotes, without_values

CHARACTER = 0.3
"""What a single Chinese character is worth, next to its pairs."""
_TITLE, _PHRASING, _DESCRIPTION, _KNOB = 1.5, 1.0, 0.5, 0.3
"""What a word is worth by where it stands."""
_BETWEEN = "\n¶\n"


@dataclass(frozen=True)
class Entry:
    """A recipe as search sees it."""

    recipe: Recipe
    weights: Mapping[str, float]
    """Term → how often it is said, by where."""
    length: float
    usual: Mapping[str, float]
    """Term → the share of its phrasings that say it."""
    phrases: Sequence[frozenset[str]]
    spoken: Sequence[str]
    """Its phrasings word by word, without numbers and colours."""


def entries(recipes: Iterable[Recipe], kept: Path | None = None) -> list[Entry]:
    """Return what each recipe says; ``kept`` is the file that remembers it from last time."""
    old, new = _read(kept), {}
    code = _code()
    prepared = []
    for recipe in recipes:
        texts = _texts(recipe)
        stamp = hashlib.sha256(repr((code, texts)).encode()).hexdigest()
        data = old.get(recipe.id)
        if not (isinstance(data, dict) and data.get("stamp") == stamp):
            data = {"stamp": stamp, **_prepared(texts)}
        new[recipe.id] = data
        weights: dict[str, float] = data["weights"]
        phrases = tuple(map(frozenset, data["phrases"])) or (frozenset(),)
        prepared.append(
            Entry(
                recipe,
                weights,
                sum(weights.values()),
                data["usual"],
                phrases,
                tuple(data["spoken"]),
            )
        )
    if kept is not None and new != old:
        with suppress(OSError, StoreError):  # what cannot be written only costs time
            kept.parent.mkdir(parents=True, exist_ok=True)
            write_kept(kept, json.dumps(new, ensure_ascii=False))
    return prepared


def _read(kept: Path | None) -> dict[str, Any]:
    # It may be missing, or half a file: then it is made again.
    if kept is not None:
        with suppress(OSError, ValueError):
            data = json.loads(kept.read_text("utf-8"))
            if isinstance(data, dict):
                return data
    return {}


def _code() -> str:
    """Return the state of the modules that read texts: what they made before may be old."""
    stats = [(path.name, path.stat()) for path in sorted(Path(__file__).parent.glob("*.py"))]
    state = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return hashlib.sha256(repr(state).encode()).hexdigest()


def _texts(recipe: Recipe) -> list[tuple[float, str]]:
    """Return everything that a recipe says with its worth."""
    names = (recipe.title.en, recipe.title.zh)
    said = (*recipe.phrasings.en, *recipe.phrasings.zh, recipe.id.replace("_", " "))
    about = [recipe.description.en, recipe.description.zh]
    about += [recipe.interpretation.en, recipe.interpretation.zh]
    knobs: list[str] = []
    for parameter in recipe.parameters:
        knobs += [parameter.label.en, parameter.label.zh, *parameter.aliases, *parameter.choices]
        knobs += [word for group in parameter.choice_aliases.values() for word in group]
    worths = ((_TITLE, names), (_PHRASING, said), (_DESCRIPTION, about), (_KNOB, knobs))
    return [(worth, text) for worth, texts in worths for text in texts if text]


def _prepared(texts: Sequence[tuple[float, str]]) -> dict[str, Any]:
    # All at once: reading numbers out of thousands of short texts one by one takes far longer.
    plain = without_values(_BETWEEN.join(text for _, text in texts), factors=False).split(_BETWEEN)
    plain = [without_quotes(text) for text in plain]
    weights: dict[str, float] = {}
    phrases, spoken = [], []
    for (worth, text), bare in zip(texts, plain, strict=True):
        said = terms(bare)
        if worth == _PHRASING:
            said += signs(text)
            spoken.append(alike(bare))
        if worth >= _PHRASING and said:
            phrases.append(sorted(set(said)))
        for term in said:
            weights[term] = weights.get(term, 0.0) + worth
        for character in characters(bare):
            weights[character] = weights.get(character, 0.0) + worth * CHARACTER
    rounded = {term: round(weight, 3) for term, weight in weights.items()}
    usual = {
        term: round(times / len(phrases), 3)
        for term, times in Counter(term for phrase in phrases for term in phrase).items()
    }
    return {"usual": usual, "weights": rounded, "phrases": phrases, "spoken": spoken}
