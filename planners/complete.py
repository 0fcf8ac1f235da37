"""What goes before a likelier recipe that has no place for a measured number of the wish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from intentos.errors import IntentOSError

from .likelihood import linked

if TYPE_CHECKING:
    from .library import Recipe
    from .search import Hit

_LEAST = 0.08
"""Chance from which another is taken that has a place for every number."""
_NEAR = 0.25
"""Share of the first one's chance from which a number without a unit is enough for that."""


def complete_first(text: str, hits: Sequence[Hit]) -> list[Hit]:
    """Return the hits with the likeliest one first that reads the whole wish, where the first one
    leaves out a number with a unit: "swings once in 2 s, how long must it be" is no film of a
    pendulum of one metre."""
    found = list(hits)
    if not found or not found[0].left:
        return found
    other = next((hit for hit in found[1:] if hit.complete and hit.chance >= _LEAST), None)
    if other is None:
        return found
    near = other.chance >= _NEAR * found[0].chance
    if not _leaves_out(text, found[0].recipe, bare=near):
        return found
    first, second = replace(other, chance=found[0].chance), replace(found[0], chance=other.chance)
    rest = [hit for hit in found[1:] if hit is not other]
    return [first, second, *rest]


def _leaves_out(text: str, recipe: Recipe, *, bare: bool) -> bool:
    """Return whether a number with a unit has no place; or, where ``bare``, one in digits."""
    try:
        links = linked(text, recipe)
    except IntentOSError:
        return False
    return any(
        m.kind == "number" and (m.unit is not None or (bare and m.text[0].isdigit()))
        for m in links.unused
    )
