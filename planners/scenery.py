"""What a first wish says of a scene without numbers: "at night", "日落", "heavy snow", "浓雾"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from intentos.parameters import Parameter

from . import daytime
from .concepts import MUCH, USUAL, relatives
from .evidence import occurrences
from .links import Links
from .mention import normal

_NEAR = 0.5
"""Hours by which a scene may begin earlier or later than the word for the time says."""
_WEATHER = re.compile(
    r"(?:wind|breeze|gale|gust|rain|drizzle|snow|fog|mist|haze|wave|swell|surf|cloud|smoke|storm"
    r"|flame|fire|glow|moonlight|light|tide)s?|[风雨雪雾浪云烟火光潮]|波浪|海浪|雾气|雨量|积雪|风力",
    re.IGNORECASE,
)
"""What there is more or less of in a scene, and which is not counted."""
_STRENGTH = (
    (re.compile(r"[大浓强猛密厚烈](?=[风雨雪雾浪云烟火光潮])"), USUAL),
    (re.compile(r"[狂暴巨](?=[风雨雪雾浪云烟火光潮])"), MUCH),
    (re.compile(r"[小微薄淡轻细弱稀](?=[风雨雪雾浪云烟火光潮])"), 1 / USUAL),
)
_ASKED = re.compile(r"\bhow\b|多[大强快猛浓高]|[?？]", re.IGNORECASE)


def scenery(text: str, parameters: Sequence[Parameter], links: Links, *, title: str = "") -> str:
    """Set the hour, the month and the weather that words without numbers speak of.

    A recipe whose title says the word begins at the right time as it is. Returns the text without
    the words for times that were taken: how strong a strong wind is remains a guess.
    """
    plain = normal(text)
    rest = _times(plain, parameters, links, title)
    if not _ASKED.search(plain):
        _weather(plain, parameters, links)
    return rest


def _times(text: str, parameters: Sequence[Parameter], links: Links, title: str) -> str:
    rest = text
    for parameter in parameters:
        if parameter.name in links.values:
            continue
        if daytime.is_hour(parameter):
            found = daytime.hour(text)
            if found is None or _begins_so(text[found[1] : found[2]], found[0], parameter, title):
                continue
            value, start, end = found
            again = daytime.hour(text[:start] + " " * (end - start) + text[end:])
            if again is not None and again[0] != value:
                continue  # "day and night"
        elif daytime.is_month(parameter) and (named := daytime.month(text)) is not None:
            value, start, end = named
        else:
            continue
        rest = rest[:start] + " " * (end - start) + rest[end:]
        whole = round(value) if parameter.kind == "integer" else value
        links.values[parameter.name] = parameter.accept(whole)
        links.told.add(parameter.name)
    return rest


def _begins_so(said: str, hour: float, parameter: Parameter, title: str) -> bool:
    usual = float(parameter.default)
    if said.lower() in title.lower():
        return True
    if re.fullmatch(r"day\w*|broad daylight|白天|大白天|日间", said, re.IGNORECASE):
        return 8.0 <= usual <= 17.0
    if hour in (0.0, 22.0):
        return usual >= 20.0 or usual <= 4.5
    return min(abs(usual - hour), 24 - abs(usual - hour)) <= _NEAR


def _weather(text: str, parameters: Sequence[Parameter], links: Links) -> None:
    lowered = text.lower()
    beside: dict[int, tuple[int, float]] = {}
    """Where the thing begins that is strong → where the adjective does, and its factor."""
    for word in relatives(text):
        if (gap := re.match(r"\s+", lowered[word.end :])) is not None:
            beside[word.end + gap.end()] = (word.start, word.bare_factor)
    for form, factor in _STRENGTH:
        for match in form.finditer(lowered):
            beside[match.end()] = (match.start(), factor)
    open_ones = [
        (p, occurrences(text, p)) for p in parameters
        if p.kind == "number" and p.live and p.name not in links.values
    ]  # fmt: skip
    for thing, (adjective, factor) in beside.items():
        # The thing is the parameter's word ("strong wind"); else the adjective is ("heavy snow").
        for place in (thing, adjective):
            takers = [
                p for p, spans in open_ones
                if any(a == place and _thing(lowered, thing, max(b, thing + 1)) for a, b in spans)
            ]  # fmt: skip
            if takers:
                changed = _changed(takers[0], factor)
                links.values[takers[0].name] = takers[0].accept(changed)
                break


def _thing(text: str, start: int, end: int) -> bool:
    """Whether weather stands there, as a whole word, and reaches to the end."""
    match = _WEATHER.match(text, start)
    if match is None or match.end() < end:
        return False
    return not (match.group().isascii() and text[match.end() : match.end() + 1].isalpha())


def _changed(parameter: Parameter, factor: float) -> float:
    """Return the default by so much more or less; where there is none, a part of the range."""
    low, high = parameter.minimum, parameter.maximum
    value = float(parameter.default) * factor
    if not parameter.default and low is not None and high is not None:
        value = max(low, 0.0) + (0.45 if factor > 1 else 0.15) * (high - max(low, 0.0))
    value = value if low is None else max(value, low)
    return float(f"{value if high is None else min(value, high):.6g}")
