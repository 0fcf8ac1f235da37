"""Sides said in a row: "1.8 m by 90 cm", 5米乘4米; length and width, or the area that they make."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from intentos.parameters import Parameter

from .fitting import accepts, unit_of
from .links import Links
from .mention import Mention
from .units import named, product

_BY = re.compile(r"\s*(?:by|[x×*]|乘以?)\s*", re.IGNORECASE)
_SIDES = (
    ("length", "long", "long_side"),
    ("width", "wide", "breadth", "short_side"),
    ("height", "depth", "thickness", "thick", "deep"),
)


def dimensions(
    text: str, mentions: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link "1.8 m by 90 cm" and 5米乘4米 to length and width, and a third to the height; return the
    rest."""
    free = {
        p.name: p
        for p in parameters
        if p.kind in ("number", "integer") and p.name not in links.values and _is_length(p)
    }
    sides = [next((free[n] for n in names if n in free), None) for names in _SIDES]
    said = [m for m in mentions if m.kind == "number"]
    rows: list[list[Mention]] = []
    for one, other in itertools.pairwise(said):
        if _BY.fullmatch(text[one.end : other.start]) and _of_length(one) and _of_length(other):
            if rows and rows[-1][-1] is one:
                rows[-1].append(other)
            else:
                rows.append([one, other])
    if len(rows) == 2 and {"tile_length", "tile_width"} <= free.keys():
        rows.sort(key=_greatest)  # the stone is smaller than the floor
        wanted_by: tuple[list[Parameter | None], ...] = (
            sides,
            [free["tile_length"], free["tile_width"]],
        )
    else:
        rows, wanted_by = rows[:1], (sides,)
    if len(rows) == 1 and (made := _area(rows[0], free, parameters, links)) is not None:
        return [m for m in mentions if m not in made]
    given: list[Mention] = []
    for row, wanted in zip(rows[::-1], wanted_by, strict=False):
        places = [place for place in wanted[: len(row)] if place is not None]
        if not 2 <= len(row) == len(places) or not all(map(accepts, row, places)):
            continue
        for place, mention in zip(places, row, strict=True):
            links.give(place, mention)
            links.told.add(place.name)
        given += row
    return [m for m in mentions if m not in given]


def _greatest(row: Sequence[Mention]) -> float:
    return max(m.number * (m.unit.scale if m.unit is not None else 1.0) for m in row)


def _of_length(mention: Mention) -> bool:
    return mention.unit is not None and mention.unit.dimension == "length"


def _is_length(parameter: Parameter) -> bool:
    return _measures(parameter, "length")


def _measures(parameter: Parameter, dimension: str) -> bool:
    unit = named(unit_of(parameter)) if unit_of(parameter) else None
    return unit is not None and unit.dimension == dimension


def _area(
    row: Sequence[Mention],
    lengths: Mapping[str, Parameter],
    parameters: Sequence[Parameter],
    links: Links,
) -> list[Mention] | None:
    """Link two sides to the one area of a plan that has no place for the sides themselves."""
    wanted = [n for names in _SIDES[:2] for n in names if n in lengths]
    areas = [p for p in parameters if p.name not in links.values and _measures(p, "area")]
    one, other = row[:2]
    if wanted or len(areas) != 1 or one.unit is None or other.unit is None:
        return None
    unit = product([(one.unit, 1), (other.unit, 1)])
    value = float(f"{one.number * other.number:.12g}")
    whole = replace(one, value=value, unit=unit, end=other.end)
    if not accepts(whole, areas[0]):
        return None
    links.give(areas[0], whole)
    links.told.add(areas[0].name)
    return [one, other]
