"""Reads a network of roads from a text: "A-B 4, A-C 2, B to C 7, from A to C"."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence

from intentos.parameters import Parameter
from intentos.types import Value

from .units import read_unit

ROADS, START, GOAL = "roads", "start", "goal"
"""The knobs that take them."""
_ROAD = re.compile(
    r"(?<![A-Za-z])(?P<a>[A-Z])\s{0,3}(?:[-–—−~→↔]|到|至|和|\bto\b|\band\b)?\s{0,3}(?P<b>[A-Z])(?![A-Za-z])"
    r"\s{0,3}(?:之间)?\s{0,3}(?:[:=：]|\b(?:is|are|takes|costs|has)\b|[有是为长要]|相距|距离)?\s{0,3}"
    r"(?P<length>\d{1,12}(?:\.\d{1,9})?)\s?"
    r"(?P<unit>km|m|kilomet\w{2,4}|met\w{2,4}|min\w{0,6}|h(?:ours?)?|公里|千米|米|里|分钟|小时|元)?(?![A-Za-z\d])"
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
    lengths = _in_one_unit(found)
    if lengths is None:
        return text
    ends = ((road["a"], road["b"]) for road in found)
    roads = ", ".join(f"{a}-{b} {length:g}" for (a, b), length in zip(ends, lengths, strict=True))
    values[ROADS] = places[ROADS].accept(roads)
    for road in found:
        text = text[: road.start()] + " " * len(road.group()) + text[road.end() :]
    if (way := _FROM.search(text)) is not None and {START, GOAL} <= places.keys():
        values[START] = places[START].accept(way["a"])
        values[GOAL] = places[GOAL].accept(way["b"])
        text = text[: way.start()] + " " * len(way.group()) + text[way.end() :]
    return text


def _in_one_unit(roads: Sequence[re.Match[str]]) -> list[float] | None:
    """Return the lengths in the unit of the first one; None where they are of different kinds."""
    units = [read_unit(f"1 {road['unit']}", 0, 1)[0] if road["unit"] else None for road in roads]
    said = [float(road["length"]) for road in roads]
    first = next((unit for unit in units if unit is not None), None)
    if first is None:
        return said
    if any(unit is not None and unit.dimension != first.dimension for unit in units):
        return None
    scales = [first.scale if unit is None else unit.scale for unit in units]
    return [float(f"{n * s / first.scale:.12g}") for n, s in zip(said, scales, strict=True)]
