"""Answers in the units that a person likes: the number stays, and theirs stands behind it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

Scale = tuple[float, float]
"""Factor and offset to the base unit: base = value · factor + offset."""

UNITS: Mapping[str, Mapping[str, Scale]] = {
    "speed": {"m/s": (1.0, 0.0), "km/h": (1 / 3.6, 0.0), "mph": (0.44704, 0.0)},
    "temperature": {"°C": (1.0, 0.0), "°F": (5 / 9, -32 * 5 / 9)},
    "length": {
        "m": (1.0, 0.0), "km": (1000.0, 0.0), "cm": (0.01, 0.0),
        "mi": (1609.344, 0.0), "ft": (0.3048, 0.0), "in": (0.0254, 0.0),
    },
    "mass": {"kg": (1.0, 0.0), "g": (0.001, 0.0), "lb": (0.45359237, 0.0)},
}  # fmt: skip
"""Quantity → unit → its scale. Source: The International System of Units (BIPM, 2019)."""

_SPELLED = {
    "米": "m", "千米": "km", "公里": "km", "厘米": "cm", "千克": "kg", "公斤": "kg", "℃": "°C",
    "米/秒": "m/s", "千米/小时": "km/h", "公里/小时": "km/h", "摄氏度": "°C",
}  # fmt: skip
_FAMILY = {unit: family for family, units in UNITS.items() for unit in units}
_FORMS = sorted({*_FAMILY, *_SPELLED}, key=len, reverse=True)
_MEASURE = re.compile(
    rf"(?<![\w.,])([-−]?\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|[-−]?\d+(?:\.\d+)?)\s?"
    rf"({'|'.join(map(re.escape, _FORMS))})(?![A-Za-z²³^/·*0-9])"
)


def in_units(sentence: str, liked: Mapping[str, str]) -> str:
    """Return the sentence with every measure that it names repeated in the liked unit.

    ``liked``: quantity → unit, of :data:`UNITS`. What is in that unit already stays as it is, and
    so does ``3 in``, which is mostly no length.
    """

    def both(match: re.Match[str]) -> str:
        unit = _SPELLED.get(match[2], match[2])
        family = _FAMILY[unit]
        wanted = liked.get(family)
        if wanted is None or wanted == unit or unit == "in":
            return match[0]
        number = float(match[1].replace(",", "").replace("−", "-"))
        return f"{match[0]} ({_plain(convert(number, unit, wanted))} {wanted})"

    return _MEASURE.sub(both, sentence)


def convert(number: float, unit: str, wanted: str) -> float:
    """Return a number of one unit in another of the same quantity."""
    units = UNITS[_FAMILY[unit]]
    factor, offset = units[unit]
    other_factor, other_offset = units[wanted]
    return (number * factor + offset - other_offset) / other_factor


def _plain(number: float) -> str:
    if number and math.log10(abs(number)) > 6:
        return f"{number:.4g}"
    return f"{number:,.4g}" if abs(number) < 1000 else f"{number:,.0f}"
