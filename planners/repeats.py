"""What repeats: so many waves in so many seconds are a frequency; "one at 70, one at 80 km/h" is a
row of speeds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace

from intentos.parameters import Parameter

from .fitting import unit_of
from .mention import Mention
from .units import by_name, named

_OF_WAVES = re.compile(
    r"\s*(?:full\s+|complete\s+|whole\s+)?(?:waves?|crests?|ripples?|beats?|swings?|oscillations?|cycles"
    r"|vibrations?|wing\s?beats?|times)\b|\s*个?(?:完整的?)?(?:波峰|波谷|波(?!长|速)|周期|全振动|来回|次)",
    re.IGNORECASE,
)
_IN = re.compile(
    r"(?:\s+[a-z]+){0,4}?\s+(?:in|within|during|every|over)\s+(?:just\s+|only\s+|about\s+)?",
    re.IGNORECASE,
)
_PASSED = re.compile(r"(?:钟|内|里|之内|时间)?[\u3400-\u9fff]{0,6}?")
_ONE_AFTER_THE_OTHER = re.compile(
    r"(一[辆个台列只艘架边头])$|\b(one|the other)(?:\s+at|\s+does|\s+doing)?\s+$", re.I
)
_BETWEEN = 16


def frequencies(
    text: str, mentions: Sequence[Mention], parameters: Sequence[Parameter]
) -> list[Mention]:
    """Return the mentions with "12 waves in 8 s" and 8秒过去12个波峰 as a frequency, where a plan
    has one place for that and none for a count."""
    units = [named(unit_of(p)) for p in parameters if unit_of(p)]
    places = sum(unit is not None and unit.dimension == "frequency" for unit in units)
    counts = any(p.kind == "integer" for p in parameters)
    if places != 1 or counts:
        return list(mentions)
    found = list(mentions)
    for one, other in itertools.pairwise(mentions):
        joined = _joined(text, one, other)
        if joined is None or one not in found or other not in found:
            continue
        count, time = joined
        assert time.unit is not None
        value = float(f"{count.number / (time.number * time.unit.scale):.12g}")
        whole = replace(one, value=value, unit=by_name()["Hz"], end=other.end, counted=False)
        found[found.index(one)] = whole
        found.remove(other)
    return found


def _joined(text: str, one: Mention, other: Mention) -> tuple[Mention, Mention] | None:
    """Return the count and the time of two numbers that tell how often."""
    gap = text[one.end : other.start]
    if len(gap) > 2 * _BETWEEN or one.kind != "number" or other.kind != "number":
        return None
    if _counts(one) and _lasts(other) and (waves := _OF_WAVES.match(text, one.end)) is not None:
        return (one, other) if _IN.fullmatch(text, waves.end(), other.start) else None
    if _lasts(one) and _counts(other) and _OF_WAVES.match(text, other.end) is not None:
        plain = _PASSED.fullmatch(gap) and len(gap) <= _BETWEEN
        return (other, one) if plain else None
    return None


def _counts(mention: Mention) -> bool:
    return mention.unit is None and not mention.weak and mention.number > 0


def _lasts(mention: Mention) -> bool:
    timed = mention.unit is not None and mention.unit.dimension == "time"
    return timed and mention.number > 0


def led_alike(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return the mentions with the unit that stands only behind the second of two that are led by
    the same words: "one at 70, one at 80 km/h", 一辆70一辆80公里每小时."""
    found = list(mentions)
    numbers = [i for i, m in enumerate(found) if m.kind == "number" and not m.weak]
    for i, j in itertools.pairwise(numbers):
        one, other = found[i], found[j]
        if one.unit is not None or one.share or other.unit is None:
            continue
        led = [
            _ONE_AFTER_THE_OTHER.search(text, max(0, m.start - 20), m.start) for m in (one, other)
        ]
        if led[0] is None or led[1] is None or bool(led[0][1]) is not bool(led[1][1]):
            continue
        between = text[one.end : led[1].start()]
        if led[0][1] == led[1][1] and re.fullmatch(r"\s*(?:[,，、和与]|and)?\s*", between):
            found[i] = replace(one, unit=other.unit)
    return found
