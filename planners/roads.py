"""Reads a network of roads from a text: "A-B 4, A-C 2, B to C 7, from A to C"."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence

from intentos.parameters import Parameter
from intentos.types import Value

ROADS, START, GOAL = "roads", "start", "goal"
"""The knobs that take them."""
_ROAD = re.compile(
    r"(?<![A-Za-z])(?P<a>[A-Z])\s*(?:[-–—−~→↔]|到|至|和|\bto\b|\band\b)?\s*(?P<b>[A-Z])(?![A-Za-z])"
    r"\s*(?:之间)?\s*(?:[:=：]|\b(?:is|are|takes|costs|has)\b|[有是为长要]|相距|距离)?\s*"
    r"(?P<length>\d+(?:\.\d+)?)\s*(?:km|m|kilomet\w+|min\w*|公里|千米|米|里|分钟|元)?(?![A-Za-z\d])"
)
_FROM = re.compile(
    r"(?<![A-Za-z])(?:[Ff]rom\s+|[Bb]etween\s+|从)?(?P<a>[A-Z])\s*(?:\bto\b|\band\b|→|[-–]|走到|到|至|和)\s*"
    r"(?P<b>[A-Z])(?![A-Za-z])"
)
_LEAST = 3


def network(text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]) -> str:
    """Set the roads, and the two places between which a way is asked for; return what is left."""
    places = {p.name: p for p in parameters if p.kind == "text"}
    if ROADS not in places:
        return text
    found = list(_ROAD.finditer(text))
    if len(found) < _LEAST:
        return text
    roads = ", ".join(f"{road['a']}-{road['b']} {road['length']}" for road in found)
    values[ROADS] = places[ROADS].accept(roads)
    for road in found:
        text = text[: road.start()] + " " * len(road.group()) + text[road.end() :]
    if (ends := _FROM.search(text)) is not None and {START, GOAL} <= places.keys():
        values[START] = places[START].accept(ends["a"])
        values[GOAL] = places[GOAL].accept(ends["b"])
        text = text[: ends.start()] + " " * len(ends.group()) + text[ends.end() :]
    return text
