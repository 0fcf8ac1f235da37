"""Links what was said to the knobs of a plan: by unit, by nearness of words, by range."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter
from intentos.types import Value

from . import numbers
from .formulas import written
from .numbers import Mention
from .search import stem, terms, without_values
from .units import convert

NEEDED = 2.0
"""Evidence that a link takes: a unit that fits, or a word for the parameter close by."""
_REACH = 24
_CLAUSE = re.compile(r"[,，;；。、]|\band\b|\bwith\b|\bat\b|和|并")
_WORD = re.compile(r"[A-Za-z]+")
_LIST = re.compile(r"[\d\s.,;:()（）+eE−-]+")
"""What the default of a text that holds numbers looks like."""
_QUOTED = re.compile(r"[\"“「『']([^\"”」』']{1,200})[\"”」』']")


@dataclass
class Links:
    """Which mention became which parameter's value, and what is left over."""

    values: dict[str, Value] = field(default_factory=dict)
    left: list[Mention] = field(default_factory=list)

    @property
    def unused(self) -> list[Mention]:
        """The numbers that a person would miss: no articles."""
        return [m for m in self.left if m.kind == "number" and not m.weak]


def link(text: str, parameters: Sequence[Parameter], *, context: str = "") -> Links:
    """Return the values that the text names; ``context`` holds texts whose numbers say nothing new
    (a recipe called "two galaxies" has accounted for the two).

    Raises:
        ValueOutOfRange: a number clearly meant for a parameter lies outside its range.
    """
    links = Links()
    text = _numbered_choices(_formulas(text, parameters, links), parameters, links)
    plain = numbers.normal(text)
    mentions = [m for m in numbers.read(text) if m.kind != "factor"]
    mentions = _ranges(plain, mentions, parameters, links)
    candidates = [
        (evidence(plain, mention, parameter, mentions), -index, i)
        for i, mention in enumerate(mentions)
        for index, parameter in enumerate(parameters)
        if parameter.name not in links.values
    ]
    taken: set[int] = set()
    for strength, index, i in sorted(candidates, reverse=True):
        parameter = parameters[-index]
        if strength < NEEDED or i in taken or parameter.name in links.values:
            continue
        if _in_context(plain, mentions[i], context) and not _accepts(mentions[i], parameter):
            continue  # "two streams of people" is what the recipe is called
        links.values[parameter.name] = accepted(mentions[i], parameter)
        taken.add(i)
    rest = [m for i, m in enumerate(mentions) if i not in taken]
    rest = _only_one_place(rest, parameters, links)
    rest = _counted(plain, rest, parameters, links)
    links.left = [m for m in rest if not _in_context(plain, m, context)]
    _quoted_text(text, parameters, links)
    _choices(text, parameters, links)
    return links


def spoken_choice(text: str, parameter: Parameter) -> str | None:
    """Return the one choice that the text names; where two do, the longer name's."""
    said = set(terms(without_values(text)))
    lowered = numbers.normal(text).lower()
    named: dict[str, int] = {}
    for choice in parameter.choices:
        for words in (choice.replace("_", " "), *parameter.choice_aliases.get(choice, ())):
            if re.search(r"\d", words):
                continue  # their words without the digits mean nothing
            wanted = set(terms(words))
            latin = words.isascii()
            if (wanted and wanted <= said) if latin else words.lower() in lowered:
                named[choice] = max(named.get(choice, 0), len(words))
    longest = [choice for choice, length in named.items() if length == max(named.values())]
    return longest[0] if len(longest) == 1 else None


def value_for(mention: Mention, parameter: Parameter) -> Value | None:
    """Return the mention's value in the parameter's unit, or None where the kinds do not fit."""
    if mention.kind == "colour":
        return mention.value if parameter.kind == "colour" else None
    if parameter.kind not in ("number", "integer"):
        return None
    if mention.unit is None:
        return mention.value
    if mention.unit.dimension == "percent" and parameter.unit != "%":
        share = parameter.minimum is not None and parameter.maximum is not None
        fits = share and (parameter.minimum or 0) >= 0 and (parameter.maximum or 0) <= 1
        return mention.number / 100 if fits else None
    value = convert(mention.number, mention.unit, parameter.unit)
    return None if value is None else numbers.whole(value)


def accepted(mention: Mention, parameter: Parameter) -> Value:
    """Return the mention as the parameter's value; raises ValueOutOfRange."""
    value = value_for(mention, parameter)
    if value is None:
        raise ValueOutOfRange("value.number", name=parameter.name, value=mention.text)
    if parameter.kind == "integer" and isinstance(value, float):
        value = round(value) if abs(value - round(value)) < 1e-9 else value
    return parameter.accept(value)


def evidence(text: str, mention: Mention, parameter: Parameter, others: Iterable[Mention]) -> float:
    """Return how strongly the mention speaks of the parameter; 0 where it cannot."""
    value = value_for(mention, parameter)
    if value is None:
        return 0.0
    strength = 0.0
    if mention.unit is not None and not mention.weak:
        strength += 3.0 if mention.unit.symbol == parameter.unit else 2.5
    near = nearness(text, mention, parameter, others)
    if mention.weak and (near < 3.5 or parameter.kind != "integer" or not _fits(value, parameter)):
        return 0.0
    strength += near
    if strength > 0 and not _fits(value, parameter):
        strength -= 0.4  # still meant for it: then the range is named
    return strength


def nearness(text: str, mention: Mention, parameter: Parameter, others: Iterable[Mention]) -> float:
    """Return 0..4: how close a word for the parameter stands, 4 right behind the mention."""
    spans = [(m.start, m.end) for m in others if m is not mention]
    best = 0.0
    for start, end in occurrences(text, parameter):
        if start >= mention.end:
            gap, base = text[mention.end : start], 4.0
        elif end <= mention.start:
            gap, base = text[end : mention.start], 3.5
        elif mention.start <= start and end <= mention.end:
            best = max(best, 3.0)  # the unit itself is a word for it
            continue
        else:
            continue
        between = (min(end, mention.end), max(start, mention.start))
        if len(gap) > _REACH or any(a >= between[0] and b <= between[1] for a, b in spans):
            continue
        words = len(_WORD.findall(gap)) + 0.5 * sum(c >= "\u3400" for c in gap)
        best = max(best, base - 0.4 * words - (1.5 if _CLAUSE.search(gap) else 0.0))
    return max(best, 0.0)


def occurrences(text: str, parameter: Parameter) -> list[tuple[int, int]]:
    """Return where words for the parameter stand: aliases, label and name."""
    found: list[tuple[int, int]] = []
    lowered = text.lower()
    tokens = [(stem(m.group().lower()), m.start(), m.end()) for m in _WORD.finditer(text)]
    for name in {*parameter.aliases, parameter.label.en, parameter.label.zh, parameter.name}:
        words = [stem(w.lower()) for w in _WORD.findall(name)]
        if words:
            for i in range(len(tokens) - len(words) + 1):
                if [t[0] for t in tokens[i : i + len(words)]] == words:
                    found.append((tokens[i][1], tokens[i + len(words) - 1][2]))
        elif name:
            found += [(m.start(), m.end()) for m in re.finditer(re.escape(name.lower()), lowered)]
    return found


def _accepts(mention: Mention, parameter: Parameter) -> bool:
    value = value_for(mention, parameter)
    return value is not None and _fits(value, parameter)


def _fits(value: Value, parameter: Parameter) -> bool:
    try:
        parameter.accept(value)
    except ValueOutOfRange:
        return False
    return True


def _only_one_place(
    rest: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link what is left where there is just one parameter of its kind and it fits."""
    for kinds in (("colour",), ("number", "integer")):
        places = [p for p in parameters if p.kind in kinds]
        colour = kinds == ("colour",)
        said = [m for m in rest if (m.kind == "colour") is colour and not m.weak]
        if colour:
            # The first colour of a plan is that of its subject.
            places = [p for p in places if p.name not in links.values][:1]
        if len(places) != 1 or len(said) != 1 or places[0].name in links.values:
            continue
        value = value_for(said[0], places[0])
        if value is not None and _fits(value, places[0]):
            links.values[places[0].name] = accepted(said[0], places[0])
            rest = [m for m in rest if m is not said[0]]
    return rest


_ENDS = (
    ("low", "high"), ("lower", "upper"), ("start", "end"), ("left", "right"), ("from", "to"),
    ("minimum", "maximum"), ("min", "max"), ("first", "last"), ("begin", "end"), ("start", "stop"),
)  # fmt: skip
_TO = re.compile(r"\s*(?:\band\b|\bto\b|到|至|和|~|～|–|—|(?<=\d)-|,(?=[^,]*\]))\s*")


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
        named = re.search(r"(?:between|from|in|\[|在|从)\s*$", text[: one.start], re.IGNORECASE)
        closed = re.match(r"\s*(?:之间|间|\])", text[other.end :])
        if not (_TO.fullmatch(between) and (named or closed)):
            continue
        low, high = ends[0]
        pair = [value_for(one, low), value_for(other, high)]
        if None in pair or not (_fits(pair[0], low) and _fits(pair[1], high)):  # type: ignore[arg-type]
            continue
        links.values[low.name], links.values[high.name] = accepted(one, low), accepted(other, high)
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
        if m.kind == "number" and m.unit is None and not m.weak and m.number == int(m.number)
        and m.number >= 2 and _NOUN.match(text, m.end)
    ]  # fmt: skip
    places = [
        p for p in parameters
        if p.kind == "integer" and not p.unit and p.name not in ("frames", "size", "seed")
    ]  # fmt: skip
    if len(counts) != 1 or not places:
        return rest
    first = parameters[0]
    place = places[0] if len(places) == 1 or places[0] is first else None
    value = counts[0].number
    if place is None or place.name in links.values or not _fits(value, place):
        return rest
    links.values[place.name] = accepted(counts[0], place)
    return [m for m in rest if m is not counts[0]]


def _in_context(text: str, mention: Mention, context: str) -> bool:
    """Whether the mention with the word behind it is part of what the recipe is called."""
    behind = re.match(r"\s*[A-Za-z]+|[\u3400-\u9fff]{1,2}", text[mention.end :])
    return behind is not None and (mention.text + behind.group()).lower() in context.lower()


def _numbered_choices(text: str, parameters: Sequence[Parameter], links: Links) -> str:
    """Set choices whose names hold digits ("rule 110", "256列"); return the text without them."""
    for parameter in (p for p in parameters if p.kind == "choice"):
        found = [
            (len(words), choice, match.span())
            for choice in parameter.choices
            for words in (choice.replace("_", " "), *parameter.choice_aliases.get(choice, ()))
            if re.search(r"\d", words) and re.search(r"\D", words)
            for match in re.finditer(_spaced(words), numbers.normal(text), re.IGNORECASE)
        ]
        if found:
            _, choice, (start, end) = max(found)
            links.values[parameter.name] = choice
            text = text[:start] + " " * (end - start) + text[end:]
    return text


def _spaced(words: str) -> str:
    """Return the pattern of a name with digits, which may stand apart: "rule 110" for rule110."""
    body = re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", r"\\s*", re.escape(words))
    return rf"(?<![A-Za-z\d.]){body}(?![A-Za-z\d.%])"


def _choices(text: str, parameters: Sequence[Parameter], links: Links) -> None:
    """Set every choice of which one's own words, and no other's, stand in the text."""
    for parameter in parameters:
        if parameter.kind == "choice" and parameter.name not in links.values:
            named = spoken_choice(text, parameter)
            if named is not None:
                links.values[parameter.name] = named


def _formulas(text: str, parameters: Sequence[Parameter], links: Links) -> str:
    """Set what takes a formula or a list of numbers; return the text with those blanked."""
    places = {
        "formula": [p for p in parameters if p.kind == "expression"],
        "list": [p for p in parameters if p.kind == "text" and _LIST.fullmatch(str(p.default))],
    }
    for kind, parameter in [(kind, p) for kind, group in places.items() for p in group]:
        items = [item for item in written(text) if item.kind == kind]
        several = ";" in str(parameter.default) and len(places[kind]) == 1
        systems = "=" in str(parameter.default) and several
        if systems:
            items = [item for item in items if item.right]
        if not items:
            continue
        taken = items if several and (kind == "list" or systems) else items[:1]
        if systems:
            value = "; ".join(f"{item.left} = {item.right}" for item in taken)
        else:
            value = "; ".join(item.text for item in taken)
        links.values[parameter.name] = parameter.accept(value)
        for item in taken:
            text = text[: item.start] + " " * (item.end - item.start) + text[item.end :]
    return text


def _quoted_text(text: str, parameters: Sequence[Parameter], links: Links) -> None:
    places = [p for p in parameters if p.kind == "text"]
    quoted = _QUOTED.findall(text)
    if len(places) == 1 and len(quoted) == 1:
        links.values[places[0].name] = places[0].accept(quoted[0])
