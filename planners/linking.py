"""Links what was said to the knobs of a plan: by unit, by nearness of words, by order, by range."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from intentos.parameters import Parameter
from intentos.types import Value

from . import numbers
from .assignment import by_order, counterparts, greater, search
from .choices import named_choices, numbered_choices, set_choices, spoken_choice
from .evidence import (
    NEEDED,
    Spans,
    accepted,
    accepts,
    evidence,
    occurrences,
    unit_of,
    value_for,
    words_of,
)
from .mention import Mention
from .moments import CLOCK, DATE
from .units import Unit, by_name, named
from .formulas import written
from .written import blank_formulas, quoted_text

__all__ = [
    "NEEDED", "Links", "accepted", "evidence", "link", "named_choices", "occurrences",
    "spoken_choice", "value_for",
]  # fmt: skip

@dataclass
class Links:
    """Which mention became which parameter's value, and what is left over."""

    values: dict[str, Value] = field(default_factory=dict)
    left: list[Mention] = field(default_factory=list)
    taken: dict[str, Mention] = field(default_factory=dict)
    """Parameter → the number or colour that it was given."""
    guessed: list[Mention] = field(default_factory=list)
    """Numbers of which neither a unit nor a word tells whose they are."""
    told: set[str] = field(default_factory=set)
    """Parameters whose value was read as a whole: a date, a formula's factors, a world's gravity."""
    plain: str = ""
    """The text without what was read as formulas, lists and choices."""
    unread: list[str] = field(default_factory=list)
    """Formulas that went nowhere, and what a model added."""

    @property
    def unused(self) -> list[Mention]:
        """The numbers that a person would miss: no articles."""
        return [m for m in self.left if m.kind == "number" and not m.weak]

    def give(self, parameter: Parameter, mention: Mention) -> None:
        """Make the mention the parameter's value; raises ValueOutOfRange."""
        self.values[parameter.name] = accepted(mention, parameter)
        self.taken[parameter.name] = mention


def link(text: str, parameters: Sequence[Parameter], *, context: str = "") -> Links:
    """Return the values that the text names; ``context`` holds texts whose numbers say nothing new
    (a recipe called "two galaxies" has accounted for the two).

    Raises:
        ValueOutOfRange: a number clearly meant for a parameter lies outside its range.
    """
    links = Links()
    blanked, sizes = blank_formulas(text, parameters, links.values)
    links.told |= links.values.keys()
    links.unread += _unread(text, blanked, context)
    text = blanked
    text = numbered_choices(text, parameters, links.values)
    links.plain = plain = numbers.normal(text)
    mentions = [m for m in numbers.read(text) if m.kind != "factor" or context]
    mentions = _inherited(plain, mentions)
    mentions = _moments(mentions, parameters, links)
    mentions = _watery(plain + context, mentions, parameters)
    mentions = _ranges(plain, mentions, parameters, links)
    mentions = _calls(plain, mentions, parameters, links)
    rest = _assigned(plain, mentions, parameters, links, context)
    rest = [m for m in rest if not (m.kind == "number" and m.unit is None and m.value in sizes)]
    _gravity(plain, parameters, links)
    rest = [m for m in rest if not _called(plain, m, context)]
    rest = _only_one_place(rest, parameters, links)
    rest = _counted(plain, rest, parameters, links)
    rest = _first(rest, parameters, links)
    links.left = [m for m in rest if m.kind != "factor"]
    quoted_text(text, parameters, links.values)
    set_choices(text, parameters, links.values)
    return links


# The best assignment ------------------------------------------------------------------------------


def _assigned(
    text: str, mentions: list[Mention], parameters: Sequence[Parameter], links: Links, context: str
) -> list[Mention]:
    """Link the mentions so that all together fit best; return those that fit nowhere."""
    places = [p for p in parameters if p.name not in links.values]
    spans = words_of(text, parameters)
    options = [_options(text, m, places, spans, mentions, context) for m in mentions]
    _share_in_rows(text, mentions, options, places)
    for option in options:
        _lend(option, places)
    best = search(text, mentions, options, places)
    for mention, option in zip(mentions, best, strict=True):
        if option is not None:
            links.give(places[option], mention)
    links.guessed += by_order(mentions, options, best, places)
    return [m for m, option in zip(mentions, best, strict=True) if option is None]


def _options(
    text: str,
    mention: Mention,
    places: Sequence[Parameter],
    spans: Spans,
    mentions: Sequence[Mention],
    context: str,
) -> dict[int, float]:
    """Return the places that the mention may be for, with how strongly it speaks of each."""
    takers = [i for i, place in enumerate(places) if value_for(mention, place) is not None]
    if mention.unit is not None and len(_units_like(mention.unit, mentions)) > 1:
        # What has no unit of its own cannot be 3 m here and 40 cm there.
        takers = [i for i in takers if unit_of(places[i]) or places[i].kind == "colour"]
    alone = mention.unit is not None and len(takers) == 1
    found = {}
    for index in takers:
        place = places[index]
        strength = evidence(text, mention, place, spans, mentions, alone=alone)
        if strength and mention.unit is None and _in_context(text, mention, context):
            strength -= 1.2  # the 3 of the 3n + 1 game
        if strength >= NEEDED:
            if not accepts(mention, place) and _in_context(text, mention, context):
                continue  # "two streams of people" is what the recipe is called
            found[index] = strength
    return found


def _units_like(unit: Unit, mentions: Sequence[Mention]) -> set[Unit]:
    said = {m.unit for m in mentions if m.unit is not None}
    return {other for other in said if other.dimension == unit.dimension}


def _share_in_rows(
    text: str,
    mentions: Sequence[Mention],
    options: Sequence[dict[int, float]],
    places: Sequence[Parameter],
) -> None:
    """Let words that stand at one end of "440 and 443 Hz" speak of both numbers."""
    for i, j in itertools.pairwise(range(len(mentions))):
        one, other = mentions[i], mentions[j]
        like = one.kind == other.kind and one.unit == other.unit
        if not like or not _AND.fullmatch(text[one.end : other.start]):
            continue
        for a, b in ((i, j), (j, i)):
            for index, strength in list(options[a].items()):
                if not accepts(mentions[b], places[index]):
                    continue
                place = places[index]
                twins = any(counterparts(place.name, p.name) or greater(place, p) for p in places)
                shared = strength if twins else 0.9 * strength
                if shared >= NEEDED:
                    options[b][index] = max(options[b].get(index, 0.0), shared)


def _lend(options: dict[int, float], places: Sequence[Parameter]) -> None:
    """Let what speaks of one of two like things speak, less, of the other: an index is an index."""
    for index, strength in list(options.items()):
        for other, place in enumerate(places):
            if other in options or place.kind != places[index].kind or not strength > NEEDED:
                continue
            if unit_of(place) == unit_of(places[index]) and counterparts(
                place.name, places[index].name
            ):
                options[other] = strength - 1.0


# What stands for several values -------------------------------------------------------------------

_AND = re.compile(r"\s*(?:[,，、]\s*)?(?:and|or|to|by|和|跟|与|或|到|至|以及|乘)\s*|\s*[、~～–—-]\s*")
_COMMA = re.compile(r"\s*[,，]\s*")


def _inherited(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return the mentions with the unit that stands behind the last of a row: "2, 3 and 5 kg"."""
    found = list(mentions)
    for i in range(len(found) - 2, -1, -1):
        one, other = found[i], found[i + 1]
        if one.kind != "number" or other.unit is None or one.unit is not None or one.share:
            continue
        if other.unit.dimension in ("date", "clock") or one.weak:
            continue
        gap = text[one.end : other.start]
        joined = _AND.fullmatch(gap) or (
            _COMMA.fullmatch(gap) and i + 2 < len(found) and found[i + 2].unit == other.unit
        )
        if joined:
            found[i] = replace(one, unit=other.unit)
    return found


def _watery(
    said: str, mentions: Sequence[Mention], parameters: Sequence[Parameter]
) -> list[Mention]:
    """Return litres as kilograms where water is spoken of and only masses can be set."""
    units = [named(unit_of(p)) for p in parameters if unit_of(p)]
    dimensions = {unit.dimension for unit in units if unit is not None}
    if "mass" not in dimensions or "volume" in dimensions:
        return list(mentions)
    if not re.search(r"water|tea\b|coffee|水|茶|咖啡", said, re.IGNORECASE):
        return list(mentions)
    kilogram = by_name()["kg"]
    return [
        replace(m, unit=replace(kilogram, scale=m.unit.scale * 1000, symbol="kg of water"))
        if m.unit is not None and m.unit.dimension == "volume"
        else m
        for m in mentions
    ]


def _unread(text: str, blanked: str, context: str) -> list[str]:
    """Return the formulas that no parameter has taken and the recipe does not speak of."""
    squeezed = "".join(context.split()).lower()
    found = []
    for item in written(text):
        said = text[item.start : item.end]
        there = blanked[item.start : item.end].strip()
        if item.kind == "formula" and there and "".join(said.split()).lower() not in squeezed:
            found.append(said)
    return found


def _moments(
    mentions: Sequence[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link dates to year, month and day, and times of day to hour and minute; return the rest."""
    names = {p.name: p for p in parameters if p.kind in ("number", "integer")}
    beginnings = [n.removesuffix("month") for n in names if n.split("_")[-1] == "month"]
    rest = []
    years = _years(mentions, names, links)
    for mention in mentions:
        parts: dict[str, float] = {}
        if mention.unit == DATE and beginnings:
            value = int(mention.number)
            start = beginnings.pop(0)
            parts = {start + "day": value % 100, start + "month": value // 100 % 100}
            if start + "year" in names and years:
                parts[start + "year"] = years[mention]
            elif value >= 10_000:
                links.guessed.append(mention)
        elif mention.unit == CLOCK and "hour" in names and "hour" not in links.values:
            parts = {"hour": mention.number}
            if "minute" in names:
                minutes = round(mention.number * 60)
                parts = {"hour": minutes // 60 % 24, "minute": minutes % 60}
        if not parts.keys() or not parts.keys() <= names.keys():
            rest.append(mention)
            continue
        for name, value_ in parts.items():
            links.values[name] = names[name].accept(value_)
            links.taken[name] = mention
            links.told.add(name)
    return rest


def _years(
    mentions: Sequence[Mention], names: Mapping[str, Parameter], links: Links
) -> dict[Mention, float]:
    """Return the year of each date; where none is said it is that of the other date, or the last
    one that the plan has, which is a guess."""
    dates = [m for m in mentions if m.unit == DATE]
    usual = [p for name, p in names.items() if name.split("_")[-1] == "year"]
    said = [int(m.number) // 10_000 for m in dates if m.number >= 10_000]
    if not dates or not usual:
        return {}
    if not said:
        links.guessed += dates
    other = said[-1] if said else float(usual[-1].default)
    return {m: int(m.number) // 10_000 if m.number >= 10_000 else other for m in dates}


_WORLDS: tuple[tuple[re.Pattern[str], float], ...] = tuple(
    (re.compile(rf"\b(?:on|of|at)\s+(?:the\s+)?(?:planet\s+)?(?:{en})\b|(?:{zh})(?:上|表面|的重力|那|里|$)", re.IGNORECASE), g)
    for en, zh, g in (
        ("moon", "月球|月亮", 1.62), ("mars", "火星", 3.71), ("venus", "金星", 8.87),
        ("mercury", "水星", 3.7), ("jupiter", "木星", 24.79), ("saturn", "土星", 10.44),
        ("uranus", "天王星", 8.69), ("neptune", "海王星", 11.15), ("pluto", "冥王星", 0.62),
        ("sun", "太阳", 274.0),
    )
)  # fmt: skip
"""Gravity at the surface, m/s². Source: NASA planetary fact sheets (D. R. Williams, 2024)."""


def _gravity(text: str, parameters: Sequence[Parameter], links: Links) -> None:
    """Set what falls on another world to that world's gravity, where no number says another."""
    places = [p for p in parameters if p.unit == "m/s^2" and "grav" in p.label.en.lower()]
    worlds = [g for form, g in _WORLDS if form.search(text)]
    if len(places) == 1 and len(worlds) == 1 and places[0].name not in links.values:
        mention = Mention("number", worlds[0], 0, 0, "", by_name()["m/s^2"])
        if accepts(mention, places[0]):
            links.give(places[0], mention)
            links.told.add(places[0].name)


# What is left -------------------------------------------------------------------------------------


_ASIDE = ("frames", "size", "seed", "reach", "degree")
"""Parameters that a number without any word is never meant for."""


def _worth_a_guess(mention: Mention) -> bool:
    """Whether a number may be given to a parameter that nothing links it to: "two" is mostly part
    of the story, and 1905 a year."""
    if re.fullmatch(r"1[89]\d\d|20\d\d", mention.text):
        return False
    few = 0 <= mention.number <= 3 if mention.kind == "number" else False
    spelled = not re.search(r"\d", mention.text)
    return mention.kind == "number" and not mention.weak and not (few and spelled)


def _only_one_place(
    rest: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link what is left where there is just one parameter of its kind and it fits."""
    for kinds in (("colour",), ("number", "integer")):
        places = [p for p in parameters if p.kind in kinds and p.name not in _ASIDE]
        colour = kinds == ("colour",)
        said = [m for m in rest if (m.kind == "colour") is colour and (colour or _worth_a_guess(m))]
        if colour:
            # The first colour of a plan is that of its subject.
            places = [p for p in places if p.name not in links.values][:1]
        if len(places) != 1 or len(said) != 1 or places[0].name in links.values:
            continue
        if said[0].kind != "factor" and accepts(said[0], places[0]):
            links.give(places[0], said[0])
            if not colour:
                links.guessed.append(said[0])
            rest = [m for m in rest if m is not said[0]]
    return rest


_ENDS = (
    ("low", "high"), ("lower", "upper"), ("start", "end"), ("left", "right"), ("from", "to"),
    ("minimum", "maximum"), ("min", "max"), ("old", "new"), ("before", "after"), ("first", "last"), ("begin", "end"), ("start", "stop"),
)  # fmt: skip
_TO = re.compile(r"\s*(?:\band\b|\bto\b|(?:一直|一路)?(?:[积加画算变走跑取升降涨数乘]分?)?到|至|和|~|～|–|—|(?<=\d)-|,(?=[^,]*\]))\s*")


def _ranges(
    text: str, mentions: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link "from 0 to 10", "between 2 and 5" and "在0到1之间" to two ends; return the rest."""
    names = {p.name: p for p in parameters if p.kind in ("number", "integer")}
    ends = [
        (names[beginning], names[name])
        for a, b in _ENDS
        for name in names
        if b in name.split("_") and (beginning := name.replace(b, a)) in names
    ]
    if not ends:
        return mentions
    said = [m for m in mentions if m.kind == "number"]
    for one, other in itertools.pairwise(said):
        between = text[one.end : other.start]
        opened = re.search(r"(?:between|from|in|on|\[|在|从)\s*$", text[: one.start], re.IGNORECASE)
        closed = re.match(r"\s*(?:之间|间|\])", text[other.end :])
        if not (_TO.fullmatch(between) and (opened or closed)):
            continue
        low, high = ends[0]
        if not (accepts(one, low) and accepts(other, high)):
            continue
        links.give(low, one)
        links.give(high, other)
        return [m for m in mentions if m is not one and m is not other]
    return mentions


_CALL = re.compile(r"(?<![A-Za-z])[A-Za-z]{1,4}\s*\(\s*$")


def _calls(
    text: str, mentions: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link "C(12, 5)" and "gcd(84, 36)" to the two whole numbers that come first; return the rest."""
    places = [p for p in parameters if p.name not in links.values][:2]
    for one, other in itertools.pairwise(mentions):
        if not _CALL.search(text[: one.start]) or text[one.end : other.start].strip() not in ",，":
            continue
        if not re.match(r"\s*\)", text[other.end :]) or len(places) != 2:
            continue
        if all(p.kind == "integer" and not p.unit for p in places) and (
            accepts(one, places[0]) and accepts(other, places[1])
        ):
            for mention, place in ((one, places[0]), (other, places[1])):
                links.give(place, mention)
                links.told.add(place.name)
            return [m for m in mentions if m is not one and m is not other]
    return mentions


_NOUN = re.compile(
    r"\s*(?:[A-Za-z]{3,}|[个颗只辆条张幅次步圈层群位名座棵粒枚块台艘架根滴朵片对组行列格口家杯本支间]?[\u3400-\u9fff])"
)


def _counted(
    text: str, rest: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link the one count that is left ("40 wells") to the one thing that is counted."""
    counts = [
        m for m in rest
        if m.unit is None and _worth_a_guess(m) and m.number == int(m.number)
        and m.number >= 2 and _NOUN.match(text, m.end)
    ]  # fmt: skip
    places = [
        p for p in parameters
        if p.kind == "integer" and not p.unit and p.name not in _ASIDE
    ]  # fmt: skip
    if len(counts) != 1 or not places:
        return rest
    first = parameters[0]
    place = places[0] if len(places) == 1 or places[0] is first else None
    if place is None or place.name in links.values or not accepts(counts[0], place):
        return rest
    links.give(place, counts[0])
    links.guessed.append(counts[0])
    return [m for m in rest if m is not counts[0]]


def _first(rest: list[Mention], parameters: Sequence[Parameter], links: Links) -> list[Mention]:
    """Give the only number of a wish to the parameter that the plan names first."""
    said = [m for m in rest if _worth_a_guess(m)]
    if len(said) != 1 or said[0].unit is not None or links.taken or not parameters:
        return rest
    place = parameters[0]
    if unit_of(place) or place.name in links.values or not accepts(said[0], place):
        return rest
    links.give(place, said[0])
    links.guessed.append(said[0])
    return [m for m in rest if m is not said[0]]


def _called(text: str, mention: Mention, context: str) -> bool:
    """Whether it is one of the few that the recipe speaks of: the two of two galaxies."""
    few = mention.kind == "number" and mention.unit is None and 0 <= mention.number <= 12
    return few and _in_context(text, mention, context)


def _in_context(text: str, mention: Mention, context: str) -> bool:
    """Whether the mention with the word behind it is part of what the recipe is called."""
    behind = re.match(r"\s*[A-Za-z]+|[\u3400-\u9fff]{1,2}", text[mention.end :])
    return behind is not None and (mention.text + behind.group()).lower() in context.lower()


