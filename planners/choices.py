"""Reads which choice of a parameter a text names: "merge sort", "在冰上", "rule 110"."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence

from intentos.parameters import Parameter
from intentos.types import Value

from . import numbers
from .words import terms, without_values


def named_choices(text: str, parameter: Parameter) -> dict[str, str]:
    """Return the choices that the text names, each with the longest of its words that it holds."""
    clauses = [_marked(clause) for clause in _CLAUSE.split(without_values(text))]
    colours = {m.text.lower() for m in numbers.read(text) if m.kind == "colour"}
    if parameter.name in ("palette", "colours"):
        colours = set()
    lowered = numbers.normal(text).lower()
    apart = _ASKS.sub("  ", lowered)
    found: dict[str, str] = {}
    for choice in parameter.choices:
        for words in (choice.replace("_", " "), *parameter.choice_aliases.get(choice, ())):
            if re.search(r"\d", words):
                continue  # their words without the digits mean nothing
            wanted = list(dict.fromkeys(_marked(words) if len(words) > 1 else terms(words)))
            latin = words.isascii()
            said = apart if len(words) == 1 else lowered
            there = _together(wanted, clauses) if latin else words.lower() in said
            there = there or words.lower() in colours
            if there and _denied(lowered, re.sub(r"^(?:with|in|on) ", "", words.lower())):
                continue
            if there and len(words) > len(found.get(choice, "")):
                found[choice] = words
    return found


_ASKS = re.compile(r"多[少久长远高大深重]|多多少少|大小|长短|高低|快慢")
"""Asks for an amount, and names neither of two opposites."""
_CLAUSE = re.compile(r"[,;:，；：。!?？！]|\.(?:\s|$)|\b(?:but|while|whereas)\b")
_APART = 3
"""Other words that may stand among those of one choice: "mother is of blood type A"."""


_CAPITAL = re.compile(r"(?<![A-Za-z])[A-Z](?![A-Za-z'’.])")


def _marked(text: str) -> list[str]:
    """Return the terms with capital letters that stand alone, also the A of a blood group."""
    found, at = [], 0
    for match in _CAPITAL.finditer(text):
        found += [*terms(text[at : match.end()]), f"·{match.group()}"]
        at = match.end()
    return [*found, *terms(text[at:])]


def _together(wanted: Sequence[str], clauses: Sequence[Sequence[str]]) -> bool:
    """Whether one clause says all the words, near each other."""
    if not wanted:
        return False
    if len(wanted) == 1:
        return any(wanted[0] in clause for clause in clauses)
    width = len(wanted) + _APART
    return any(
        set(wanted) <= set(clause[i : i + width])
        for clause in clauses
        for i in range(max(1, len(clause) - len(wanted) + 1))
    )


_NOT = (
    r"(?:\b(?:no|not|without|ignor\w+|neglect\w+|isn't|aren't)\s+(?:\w+\s+)?"
    r"|没有|没|不是|不要|不计|不算|不考虑|忽略|无)"
)


def _denied(text: str, words: str) -> bool:
    """Whether the words stand only behind a no: "no air" does not choose what "air" chooses."""
    body = re.escape(words)
    denied = len(re.findall(rf"{_NOT}{body}", text))
    return denied > 0 and denied == len(re.findall(body, text))


def spoken_choice(text: str, parameter: Parameter) -> str | None:
    """Return the one choice that the text names; where two do, the longer name's."""
    named = {choice: len(words) for choice, words in named_choices(text, parameter).items()}
    longest = [choice for choice, length in named.items() if length == max(named.values())]
    return longest[0] if len(longest) == 1 else None


def set_choices(
    text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]
) -> None:
    """Set every choice of which one's own words, and no other's, stand in the text."""
    for parameter in parameters:
        if parameter.kind == "choice" and parameter.name not in values:
            named = spoken_choice(text, parameter)
            if named is not None:
                values[parameter.name] = named


def numbered_choices(
    text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]
) -> str:
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
            values[parameter.name] = choice
            text = text[:start] + " " * (end - start) + text[end:]
    return text


def _spaced(words: str) -> str:
    """Return the pattern of a name with digits, which may stand apart: "rule 110" for rule110."""
    body = re.sub(r"(?<=[A-Za-z])(?=\d)|(?<=\d)(?=[A-Za-z])", r"\\s*", re.escape(words))
    return rf"(?<![A-Za-z\d.]){body}(?![A-Za-z\d.%])"
