"""Answers in the units that a person likes: the number stays, and theirs stands behind it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

Scale = tuple[float, float]
"""Factor and offset to the base unit: base = value · factor + offset."""

UNITS: Mapping[str, Mapping[str, Scale]] = {
    "speed": {
        "m/s": (1.0, 0.0), "km/h": (1 / 3.6, 0.0), "mph": (0.44704, 0.0), "km/s": (1000.0, 0.0),
    },
    "temperature": {"°C": (1.0, 0.0), "°F": (5 / 9, -32 * 5 / 9), "K": (1.0, -273.15)},
    "length": {
        "m": (1.0, 0.0), "km": (1000.0, 0.0), "cm": (0.01, 0.0), "mm": (0.001, 0.0),
        "mi": (1609.344, 0.0), "ft": (0.3048, 0.0), "in": (0.0254, 0.0),
        "AU": (149_597_870_700.0, 0.0), "ly": (9_460_730_472_580_800.0, 0.0),
    },
    "mass": {"kg": (1.0, 0.0), "g": (0.001, 0.0), "t": (1000.0, 0.0), "lb": (0.45359237, 0.0)},
    "volume": {
        "l": (1.0, 0.0), "ml": (0.001, 0.0), "m³": (1000.0, 0.0), "gal": (3.785411784, 0.0),
    },
    "force": {"N": (1.0, 0.0), "kN": (1000.0, 0.0), "lbf": (4.4482216152605, 0.0)},
    "pressure": {
        "Pa": (1.0, 0.0), "hPa": (100.0, 0.0), "kPa": (1000.0, 0.0), "bar": (1e5, 0.0),
        "atm": (101_325.0, 0.0), "mmHg": (133.322387415, 0.0), "psi": (6894.757293168, 0.0),
    },
    "energy": {
        "J": (1.0, 0.0), "kJ": (1000.0, 0.0), "MJ": (1e6, 0.0), "kWh": (3.6e6, 0.0),
        "kcal": (4184.0, 0.0),
    },
    "power": {
        "W": (1.0, 0.0), "kW": (1000.0, 0.0), "MW": (1e6, 0.0), "hp": (745.6998715822702, 0.0),
    },
}  # fmt: skip
"""Quantity → unit → its scale. Source: The International System of Units (BIPM, 2019); the feet,
pounds, gallons and horsepower of NIST SP 811 (2008); AU and light-year of the IAU (2012)."""

_SPELLED = {
    "米": "m", "千米": "km", "公里": "km", "厘米": "cm", "毫米": "mm", "千克": "kg", "公斤": "kg",
    "克": "g", "吨": "t", "℃": "°C", "米/秒": "m/s", "千米/秒": "km/s", "公里/秒": "km/s",
    "千米/小时": "km/h", "公里/小时": "km/h", "摄氏度": "°C", "天文单位": "AU", "光年": "ly",
    "升": "l", "毫升": "ml", "立方米": "m³", "牛": "N", "牛顿": "N", "千牛": "kN", "帕": "Pa",
    "千帕": "kPa", "百帕": "hPa", "焦": "J", "焦耳": "J", "千焦": "kJ", "千瓦时": "kWh",
    "大卡": "kcal", "瓦": "W", "千瓦": "kW", "兆瓦": "MW", "litres": "l", "light-years": "ly",
}  # fmt: skip
_LEAST, _MOST = 1e-3, 1e10
"""A number beyond these says less in the other unit: a wavelength in feet."""
_FAMILY = {unit: family for family, units in UNITS.items() for unit in units}
_FORMS = sorted({*_FAMILY, *_SPELLED}, key=len, reverse=True)
_MEASURE = re.compile(
    rf"(?<![\w.,])([-−]?\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|[-−]?\d+(?:\.\d+)?)\s?"
    rf"({'|'.join(map(re.escape, _FORMS))})(?![A-Za-z²³^/·*0-9每])"
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
        other = convert(number, unit, wanted)
        if other and family != "temperature" and not _LEAST <= abs(other) < _MOST:
            return match[0]
        return f"{match[0]} ({_plain(other)} {wanted})"

    return _MEASURE.sub(both, sentence)


def convert(number: float, unit: str, wanted: str) -> float:
    """Return a number of one unit in another of the same quantity."""
    units = UNITS[_FAMILY[unit]]
    factor, offset = units[unit]
    other_factor, other_offset = units[wanted]
    return (number * factor + offset - other_offset) / other_factor


def family_of(unit: str) -> tuple[str, str] | None:
    """Return the quantity of a unit and its one spelling; None for one that is not known here.

    ``in`` and ``t`` are mostly words and are not read as units; nor is ``g``, which may be a pull.
    """
    unit = _SPELLED.get(unit, unit)
    if unit in ("in", "t", "g", "C") or unit not in _FAMILY:
        return None
    return _FAMILY[unit], unit


def _plain(number: float) -> str:
    if number and math.log10(abs(number)) > 6:
        return f"{number:.4g}"
    return f"{number:,.4g}" if abs(number) < 1000 else f"{number:,.0f}"
