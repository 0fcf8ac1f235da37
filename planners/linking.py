"""Links what was said to the knobs of a plan: by unit, by nearness of words, by order, by range."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from intentos.parameters import Parameter

from . import numbers, shares
from .assignment import by_order, contested, counterparts, greater, search
from .choices import named_choices, numbered_choices, set_choices, spoken_choice
from .each import of_each
from .evidence import COPULA, NEEDED, Spans, evidence, occurrences, words_of
from .fitting import accepted, accepts, unit_of, value_for
from .giving import worth_a_guess
from .idioms import (
    AND,
    all_of_them,
    calls,
    gravity,
    hours_between,
    inherited,
    moments,
    nothing_of,
    one_of_rate,
    one_of_time,
    progressions,
    proportions,
    ranges,
    referred,
    unitless,
    unread,
    watery,
)  # fmt: skip
from .letters import letter, unquoted
from .links import Links
from .mention import Mention
from .multiples import by_so_many, multiplied
from .percents import rates_of_change
from .radii import halved_or_doubled
from .repeats import frequencies, led_alike
from .said import Said
from .sides import dimensions
from .succession import count_steps
from .today import today
from .units import Unit
from .written import blank_formulas, half_given, quoted_text

__all__ = [
    "NEEDED", "Links", "accepted", "evidence", "link", "named_choices", "occurrences",
    "spoken_choice", "value_for",
]  # fmt: skip


def link(
    text: str,
    parameters: Sequence[Parameter],
    *,
    context: str = "",
    title: str = "",
    phrasings: Sequence[str] = (),
    absolute: bool = False,
) -> Links:
    """Return the values that the text names; ``context`` holds all that the recipe says of itself.

    Of its small numbers say nothing new those of its ``title`` ("two galaxies" has accounted for
    the two; without a title the context is one), and those of most of its ``phrasings``.
    ``absolute``: whether "5 % more" are 5 % and no change of what there is.

    Raises:
        ValueOutOfRange: a number clearly meant for a parameter lies outside its range.
    """
    links = Links()
    blanked, sizes = blank_formulas(text, parameters, links.values)
    links.told |= links.values.keys()
    links.unread += half_given(parameters, links.values)
    links.unread += unread(text, blanked, context)
    text = blanked
    text = numbered_choices(text, parameters, links.values)
    links.plain = plain = numbers.normal(text)
    mentions = by_so_many(plain, numbers.read(text))
    if absolute:
        mentions = [shares.plain_percent(m) for m in mentions]
    else:
        mentions = rates_of_change(plain, mentions, parameters)
    mentions = [m for m in mentions if m.kind != "factor" or context]
    mentions = referred(plain, mentions)
    mentions = led_alike(plain, inherited(plain, mentions))
    mentions = frequencies(plain, mentions, parameters)
    mentions = hours_between(plain, mentions, parameters)
    mentions = halved_or_doubled(plain, mentions, parameters)
    mentions = unitless(mentions, parameters)
    mentions = moments(mentions, parameters, links)
    today(plain, parameters, links)
    mentions = watery(plain + context, mentions, parameters)
    mentions = progressions(plain, mentions, parameters, links)
    mentions = ranges(plain, mentions, parameters, links)
    mentions = dimensions(plain, mentions, parameters, links)
    mentions = proportions(plain, mentions, parameters, links)
    mentions = calls(plain, mentions, parameters, links)
    said = Said(context, title or context, phrasings)
    rest = _assigned(plain, mentions, parameters, links, said)
    rest = [m for m in rest if not (m.kind == "number" and m.unit is None and m.value in sizes)]
    gravity(plain, parameters, links)
    all_of_them(plain, parameters, links)
    nothing_of(plain, parameters, links)
    count_steps(plain, parameters, links)
    rest = [m for m in rest if not _names_a_count(plain, m, parameters, links)]
    counted = of_each(plain, rest, parameters, links)
    rest = [m for m in rest if m not in counted]
    rest = [m for m in rest if not said.holds(plain, m, parameters, links.values)]
    rest = _only_one_place(rest, parameters, links)
    rest = _counted(plain, rest, parameters, links)
    rest = _first(rest, parameters, links)
    rest = [m for m in rest if not (one_of_time(plain, m) or one_of_rate(plain, m))]
    links.left = [m for m in rest if m.kind != "factor"]
    counts = multiplied(plain, parameters, links)
    links.left = [m for m in links.left if m not in counts]
    quoted_text(text, parameters, links.values)
    letter(text, parameters, links.values)
    set_choices(text, parameters, links.values)
    links.left = [m for m in links.left if not _chose(m, parameters, links)]
    unquoted(text, parameters, links.values, f"{title} {context if not phrasings else ''}")
    return links


_MANY = 60
"""Numbers that are looked at; what comes behind them is a table, and no wish."""

# The best assignment ------------------------------------------------------------------------------


def _assigned(
    text: str, mentions: list[Mention], parameters: Sequence[Parameter], links: Links, said: Said
) -> list[Mention]:
    """Link the mentions so that all together fit best; return those that fit nowhere."""
    places = [p for p in parameters if p.name not in links.values]
    mentions, more = mentions[:_MANY], mentions[_MANY:]
    spans = words_of(text, parameters)
    options = [_options(text, m, places, spans, mentions, said) for m in mentions]
    _share_in_rows(text, mentions, options, places)
    for choices in options:
        _lend(choices, places)
    best = search(text, mentions, options, places)
    for mention, option in zip(mentions, best, strict=True):
        if option is not None:
            links.give(places[option], mention)
    links.guessed += by_order(mentions, options, best, places)
    links.guessed += contested(mentions, options, best, places)
    rest = [m for m, option in zip(mentions, best, strict=True) if option is None]
    return rest + more


def _options(
    text: str,
    mention: Mention,
    places: Sequence[Parameter],
    spans: Spans,
    mentions: Sequence[Mention],
    said: Said,
) -> dict[int, float]:
    """Return the places that the mention may be for, with how strongly it speaks of each."""
    takers = [i for i, place in enumerate(places) if value_for(mention, place) is not None]
    if mention.unit is not None and len(_units_like(mention.unit, mentions)) > 1:
        # What has no unit of its own cannot be 3 m here and 40 cm there.
        takers = [i for i in takers if unit_of(places[i]) or places[i].kind == "colour"]
    if mention.unit is not None and mention.unit.dimension != "percent":
        # 70 kg are no number of METs where a mass is wanted too.
        measured = [i for i in takers if unit_of(places[i])]
        takers = measured or takers
    if mention.unit is None and not mention.share and _percents(mentions):
        takers = [i for i in takers if unit_of(places[i]) != "%"]  # "35 % off and another 10 off"
    alone = mention.unit is not None and len(takers) == 1
    found = {}
    spans = _in_turn(text, mention, spans, mentions)
    for index in takers:
        place = places[index]
        strength = evidence(text, mention, place, spans, mentions, alone=alone)
        if strength and mention.unit is None and said.usual(text, mention):
            strength -= 1.2  # the 3 of the 3n + 1 game
        if strength >= NEEDED:
            if not accepts(mention, place) and said.somewhere(text, mention):
                continue  # "two streams of people" is what the recipe is called
            found[index] = strength
    return found


def _in_turn(text: str, mention: Mention, spans: Spans, mentions: Sequence[Mention]) -> Spans:
    """Return the words without those that stand between two numbers and speak of the second:
    the sd of "mean 68 sd 12", where the first has a word of its own before it."""
    behind = [m for m in mentions if m.kind == "number" and m.start >= mention.end]
    following = min(behind, key=lambda m: m.start, default=None)
    if following is None or following.start - mention.end > _BETWEEN:
        return spans
    led = any(
        b <= mention.start and COPULA.fullmatch(text[b : mention.start])
        for one in spans.values() for _, b, generic, _ in one if not generic
    )  # fmt: skip
    if not led:
        return spans
    return {
        name: [
            span for span in one
            if not (
                span[0] >= mention.end
                and not span[2]
                and span[1] - span[0] >= 2
                and not text[mention.end : span[0]].strip()
                and span[1] <= following.start
                and not text[span[1] : following.start].strip()
            )
        ]
        for name, one in spans.items()
    }  # fmt: skip


_BETWEEN = 24


def _units_like(unit: Unit, mentions: Sequence[Mention]) -> set[Unit]:
    said = {m.unit for m in mentions if m.unit is not None}
    return {other for other in said if other.dimension == unit.dimension}


def _percents(mentions: Sequence[Mention]) -> bool:
    return any(m.unit is not None and m.unit.symbol == "%" for m in mentions)


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
        like = like and not (one.weak or other.weak)  # "hypotenuse 13 and one leg 5"
        if not like or not AND.fullmatch(text[one.end : other.start]):
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


# What is left -------------------------------------------------------------------------------------

_ASIDE = ("frames", "size", "seed", "reach", "degree")
"""Parameters that a number without any word is never meant for."""


def _only_one_place(
    rest: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link what is left where there is just one parameter of its kind and it fits."""
    for kinds in (("colour",), ("number", "integer")):
        places = [p for p in parameters if p.kind in kinds and p.name not in _ASIDE]
        colour = kinds == ("colour",)
        said = [m for m in rest if (m.kind == "colour") is colour and (colour or worth_a_guess(m))]
        if (
            colour
            and len(said) == 2 == len(places)
            and not {p.name for p in places} & links.taken.keys()
        ):
            for place, mention in zip(places, said, strict=True):
                links.give(place, mention)
            rest = [m for m in rest if m not in said]
            continue
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


def _names_a_count(
    text: str, mention: Mention, parameters: Sequence[Parameter], links: Links
) -> bool:
    """Whether a colour is the word for a number that was linked: the red of "4 red balls"."""
    if mention.kind != "colour":
        return False
    counted = [p for p in parameters if p.kind in ("number", "integer") and p.name in links.taken]
    return any(
        start < mention.end and mention.start < end
        for p in counted
        for start, end in occurrences(text, p)
    )


def _chose(mention: Mention, parameters: Sequence[Parameter], links: Links) -> bool:
    """Whether a colour is the word by which a choice was made: the gold of "3 g of gold"."""
    if mention.kind != "colour":
        return False
    return any(
        mention.text.lower() in (choice, *map(str.lower, p.choice_aliases.get(str(choice), ())))
        for p in parameters
        if p.kind == "choice" and (choice := links.values.get(p.name)) is not None
    )


_NOUN = re.compile(
    r"\s*(?:[A-Za-z]{3,}|[个颗只辆条张幅次步圈层群位名座棵粒枚块台艘架根滴朵片对组行列格口家杯本支间]?[\u3400-\u9fff])"
)


def _counted(
    text: str, rest: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link the one count that is left ("40 wells") to the one thing that is counted."""
    counts = [
        m for m in rest
        if m.unit is None and worth_a_guess(m) and m.number == int(m.number)
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
    said = [m for m in rest if worth_a_guess(m)]
    if len(said) != 1 or said[0].unit is not None or links.taken or not parameters:
        return rest
    place = parameters[0]
    if unit_of(place) or place.name in links.values or not accepts(said[0], place):
        return rest
    links.give(place, said[0])
    links.guessed.append(said[0])
    return [m for m in rest if m is not said[0]]
