"""Words and letters spoken of themselves: "the letter s", "encrypt HELLO", "把 hello 加密"."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence

from intentos.parameters import Parameter
from intentos.types import Value

_LETTER = re.compile(
    r"\bletters?\s+['\"“‘]?(?P<a>[a-z])(?![a-z'])|字母\s*['\"“‘]?(?P<b>[a-z])(?![a-z])"
    r"|个\s*['\"“‘]?(?P<c>[a-z])(?![a-z])|\b(?:how many|count(?:\s+the)?)\s+['\"“‘]?(?P<d>[a-z])"
    r"(?:['’]?s)?['\"”’]?\s+(?:are|is|in|does|there)\b",
    re.IGNORECASE,
)
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_FOREIGN = re.compile(r"(?<![A-Za-z\d.])[A-Za-z]{2,}(?:[ '’-][A-Za-z]{1,})*(?![A-Za-z\d])")
_BEHIND = re.compile(
    r"\b(?P<cue>word|text|encrypt|encode|encipher|decrypt|decode|decipher|spell|phrase|sentence|"
    r"message|string|scramble)\s+(?:of\s+|is\s+)?(?P<said>[A-Za-z]{2,})(?![A-Za-z\d'])",
    re.IGNORECASE,
)
_IN = re.compile(
    r"\bin\s+(?:the\s+(?:word|name|string)\s+)?(?P<said>[A-Za-z]{3,})\s*[?.!]*\s*$", re.IGNORECASE
)
_CAPITALS = re.compile(r"(?<![A-Za-z\d])[A-Z]{2,}(?:\s+[A-Z]{2,})*(?![A-Za-z\d])")
_ROMAN = re.compile(
    r"(?<![A-Za-z\d])(?=[IVXLCDM]{2})M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})(?![A-Za-z\d])"
)
_SMALL = frozenset(
    "a an the this that it its my your his her our their some any one with by using for in on to "
    "of from at and or is are was message messages text texts word words sentence letters letter "
    "english german french latin caesar into back me secret code something everything please shift "
    "frequencies frequency says saying".split()
)


def letter(text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]) -> None:
    """Set the choice among single letters to the one that is spoken of."""
    match = _LETTER.search(text)
    if match is None:
        return
    said = next(group for group in match.groups() if group).lower()
    for parameter in parameters:
        singles = [choice for choice in parameter.choices if len(choice) == 1]
        if parameter.kind == "choice" and len(singles) > 9 and said in singles:
            values[parameter.name] = said


def unquoted(
    text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value], context: str
) -> None:
    """Set the one parameter for a text to the one word that can only be that text."""
    places = [p for p in parameters if p.kind == "text"]
    if len(places) != 1 or places[0].name in values:
        return
    place = places[0]
    roman = _ROMAN.findall(text)
    if "roman" in context.lower() and len(roman) == 1:
        values[place.name] = place.accept(roman[0])
        return
    if not re.search(r"[A-Za-z]{2}", str(place.default)):
        return  # it holds numbers
    known = {w.lower() for w in re.findall(r"[A-Za-z]+", context)} | _SMALL
    for parameter in parameters:
        words = (*parameter.aliases, *parameter.choices, parameter.name)
        known |= {w.lower() for w in words}
    counted = any(p.kind == "choice" and p.name in values and len(str(values[p.name])) == 1
                  for p in parameters)  # fmt: skip
    found = _behind(text, counted) or _capitals(text, known) or _foreign(text, known)
    if found is not None:
        values[place.name] = place.accept(found)


def _behind(text: str, counted: bool) -> str | None:
    said = [m["said"] for m in _BEHIND.finditer(text) if m["said"].lower() not in _SMALL]
    if not said and counted and (match := _IN.search(text)) is not None:
        said = [match["said"]] if match["said"].lower() not in _SMALL else []
    if len(said) != 1:
        return None
    capitals = [m.group() for m in _CAPITALS.finditer(text) if m.group().startswith(said[0])]
    return capitals[0] if capitals else said[0]


def _capitals(text: str, known: set[str]) -> str | None:
    said = [m.group() for m in _CAPITALS.finditer(text)]
    said = [s for s in said if not {w.lower() for w in s.split()} <= known]
    return said[0] if len(said) == 1 else None


def _foreign(text: str, known: set[str]) -> str | None:
    if not _CHINESE.search(text):
        return None
    said = [m.group() for m in _FOREIGN.finditer(text)]
    said = [s for s in said if not {w.lower() for w in s.split()} <= known]
    return said[0] if len(said) == 1 else None
