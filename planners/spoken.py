"""Reads amounts as people say them in English: "1 metre 20", "5 foot 11 and a half", "42 mpg"."""

from __future__ import annotations

import re

from .mention import Mention, number
from .numerals import ENGLISH, english_value
from .units import by_name

_METRES = re.compile(
    r"(?<![\w.])(?P<m>\d{1,2}|one|two|three)\s*(?:m|metres?|meters?)\s+(?P<cm>\d\d)(?![\w.%])"
    r"(?=\s*(?:$|[,;.?!)]|(?:tall|high|deep|long|wide|below|above|under|over|off|up|down|from|of|in|and"
    r"|to|at|away|or|for|thick|across)\b))",
    re.IGNORECASE,
)
_FEET_AND_HALF = re.compile(
    r"(?<![\w.])(?P<ft>\d)\s*(?:feet|foot|ft|['’′])\s*(?P<in>\d{1,2})\s+and\s+a\s+half\b",
    re.IGNORECASE,
)
_MONEY = re.compile(
    rf"(?<![\w.])(?P<whole>\d+|{ENGLISH.pattern})\s+(?P<coin>pounds?|quid|dollars?|bucks?|euros?)\s+"
    rf"(?:and\s+)?(?P<part>\d\d|(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
    rf"(?:[\s-](?:one|two|three|four|five|six|seven|eight|nine))?|ten|[a-z]+teen))(?![\w.])"
    rf"(?=\s*(?:$|[,;.?!)]|(?:an?|per|each|for|the|every|and|or|plus|in|to)\b))",
    re.IGNORECASE,
)
_PER_GALLON = re.compile(
    r"(?<![\w.])(?P<n>\d+(?:\.\d+)?)\s*(?:mpg|miles?\s+(?:to\s+the|per|a)\s+gallon)\b"
    r"(?:\s*\(?(?:(?P<us>us|u\.s\.|american)|uk|imperial|british)\b(?:\s+gallons?)?\)?)?",
    re.IGNORECASE,
)
_US_MPG, _UK_MPG = 235.2145833, 282.4809363
"""Litres per 100 km times miles per gallon: 378.5411784 / 1.609344, 454.609 / 1.609344."""
_UNIT_AND_HALF = re.compile(
    r"(?<!\bper )(?<!\bevery )(?<!\beach )(?<!\bhalf )(?<!\d )(?:(?:an?|one)\s+)?"
    r"\b(?P<u>hour|day|week|month|year|mile|kilo|pound|litre|liter)\s+and\s+a\s+half\b",
    re.IGNORECASE,
)


def read_spoken(text: str) -> list[Mention]:
    """Return those amounts; money has no unit."""
    names, found = by_name(), []
    for match in _FEET_AND_HALF.finditer(text):
        inches = 12 * float(match["ft"]) + float(match["in"]) + 0.5
        found.append(number(text, inches, *match.span(), names["inch"]))
    for match in _METRES.finditer(text):
        metres = _value(match["m"]) + float(match["cm"]) / 100
        found.append(number(text, metres, *match.span(), names["m"]))
    for match in _MONEY.finditer(text):
        sum_of_money = _value(match["whole"]) + _value(match["part"]) / 100
        found.append(number(text, float(f"{sum_of_money:.12g}"), *match.span(), None))
    for match in _PER_GALLON.finditer(text):
        per_gallon = float(match["n"])
        if per_gallon > 0:
            of_a_gallon = (
                _UK_MPG
                if re.search(r"\bU\.?K\b|imperial|£|pence|pounds?\b", text, re.I)
                else _US_MPG
            )
            of_a_gallon = _US_MPG if match["us"] else of_a_gallon
            litres = float(f"{of_a_gallon / per_gallon:.6g}")
            found.append(number(text, litres, *match.span(), names["l/100km"]))
    for match in _UNIT_AND_HALF.finditer(text):
        found.append(number(text, 1.5, *match.span(), names[match["u"].lower()]))
    return found


def _value(said: str) -> float:
    if said[0].isdigit():
        return float(said)
    return english_value(re.findall(r"[a-z]+", said.lower())) or 0.0
