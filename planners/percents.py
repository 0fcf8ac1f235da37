"""Percentages said as a change: "shrinks by 0.2 %" is a rate's value where a plan has that rate."""

from __future__ import annotations

from collections.abc import Sequence

from intentos.parameters import Parameter

from .evidence import occurrences
from .fitting import unit_of
from .mention import Mention
from .shares import plain_percent
from .units import by_name

_NEAR = 8
"""Characters between the change and the rate's word: "loses every year 2 %"."""


def rates_of_change(
    text: str, mentions: Sequence[Mention], parameters: Sequence[Parameter]
) -> list[Mention]:
    """Return the mentions with those changes as plain percentages that a rate's own word is at.

    Others stay factors: "30 % more cars" multiplies the cars, whatever else is counted in percent.
    """
    percent = by_name()["%"].symbol
    rates = [p for p in parameters if unit_of(p) == percent]
    words = [span for rate in rates for span in occurrences(text, rate)]
    return [
        plain_percent(m)
        if any(start <= m.end + _NEAR and m.start - _NEAR <= end for start, end in words)
        else m
        for m in mentions
    ]
