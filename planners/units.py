"""Units in both languages, with what they are worth in SI."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Unit:
    """A unit: its symbol, dimension, and how many SI units it is (``value * scale + offset``)."""

    symbol: str
    dimension: str
    scale: float = 1.0
    offset: float = 0.0


_TABLE: tuple[tuple[Unit, str], ...] = (
    (Unit("km", "length", 1e3), "km kilometers kilometres kilometer kilometre 千米 公里"),
    (Unit("m", "length"), "m meters metres meter metre 米"),
    (Unit("cm", "length", 1e-2), "cm centimeters centimetres centimeter centimetre 厘米"),
    (Unit("mm", "length", 1e-3), "mm millimeters millimetres millimeter millimetre 毫米"),
    (Unit("mile", "length", 1609.344), "miles mile 英里"),
    (Unit("m/s", "speed"), "m/s mps 米/秒 米每秒"),
    (Unit("km/h", "speed", 1 / 3.6), "km/h kmh kph 公里/小时 公里每小时 千米每小时 千米/小时"),
    (Unit("mph", "speed", 0.44704), "mph 英里/小时"),
    (Unit("ms", "time", 1e-3), "ms milliseconds millisecond 毫秒"),
    (Unit("s", "time"), "s sec secs seconds second 秒钟 秒"),
    (Unit("min", "time", 60), "min mins minutes minute 分钟"),
    (Unit("h", "time", 3600), "h hr hrs hours hour 个小时 小时"),
    (Unit("day", "time", 86400), "days day 天"),
    (Unit("year", "time", 31_557_600), "years year 年"),
    (Unit("kg", "mass"), "kg kilograms kilogram 公斤 千克"),
    (Unit("g", "mass", 1e-3), "g grams gram 克"),
    (Unit("deg", "angle"), "deg ° degrees degree 角度 度角 度"),
    (Unit("rad", "angle", 57.29577951308232), "rad radians radian 弧度"),
    (Unit("°C", "temperature"), "°C ℃ celsius 摄氏度"),
    (Unit("K", "temperature", 1.0, -273.15), "K kelvin kelvins 开尔文"),
    (Unit("Hz", "frequency"), "Hz hertz 赫兹 赫"),
    (Unit("fps", "frequency"), "fps 帧/秒 帧每秒"),
    (Unit("N", "force"), "N newtons newton 牛顿"),
    (Unit("J", "energy"), "J joules joule 焦耳"),
    (Unit("W", "power"), "W watts watt 瓦"),
    (Unit("Pa", "pressure"), "Pa pascals pascal 帕斯卡"),
    (Unit("px", "pixels"), "px pixels pixel 像素"),
    (Unit("%", "percent"), "% percent ％"),
)

_PER = {"秒": "s", "小时": "h"}
BEFORE = re.compile(r"(?:每(?P<per>秒|小时)|时速(?:为|是)?)\s*$")
"""What stands before a Chinese speed: 每小时60公里, 时速60公里."""


@cache
def by_name() -> dict[str, Unit]:
    """Return every spelling of every unit; those in Latin letters also in lower case."""
    found: dict[str, Unit] = {}
    for unit, names in _TABLE:
        for name in names.split():
            found[name] = unit
    for name, unit in list(found.items()):
        found.setdefault(name.lower(), unit)
    return found


@cache
def pattern() -> re.Pattern[str]:
    """Return a pattern that matches a unit right behind a number."""
    names = sorted(by_name(), key=len, reverse=True)
    latin = "|".join(re.escape(n) for n in names if n[0].isascii() and n[0].isalpha())
    other = "|".join(re.escape(n) for n in names if not (n[0].isascii() and n[0].isalpha()))
    per = r"(?:\s*(?:per|an?)\s+(?:second|hour)|/s\b|/h\b)"
    return re.compile(
        rf"\s*-?\s*(?:(?P<latin>{latin})(?![A-Za-z])(?P<per>{per})?|(?P<other>{other}))"
    )


def read_unit(text: str, start: int, end: int) -> tuple[Unit | None, int]:
    """Return the unit of the number at ``text[start:end]`` and where the unit ends."""
    match = pattern().match(text, end)
    if match is None:
        return None, end
    name = match["latin"] or match["other"]
    unit = by_name().get(name) or by_name()[name.lower()]
    stop = match.end()
    per = None
    if match["per"]:
        per = "h" if "h" in match["per"].replace("hour", "h") else "s"
    elif (before := BEFORE.search(text, max(0, start - 8), start)) is not None:
        per = _PER[before["per"] or "小时"]
    if per is not None and unit.dimension == "length":
        scale = unit.scale / (3600 if per == "h" else 1)
        unit = next((u for u in by_name().values() if _same(u, "speed", scale)), unit)
        if unit.dimension != "speed":
            unit = Unit(f"{name}/{per}", "speed", scale)
    return unit, stop


def convert(value: float, unit: Unit, wanted: str) -> float | None:
    """Return ``value`` in the unit called ``wanted``, or None where the two do not fit."""
    target = by_name().get(wanted)
    if target is None:
        return value if unit.symbol == wanted else None
    if unit == target:
        return value
    if unit.dimension == "angle" and target.dimension == "temperature":
        unit = by_name()["°C"]  # "100 degrees" of heat
        if target == unit:
            return value
    if unit.dimension != target.dimension:
        return None
    # Ratios of these scales are exact in decimals; twelve digits keep 3.6 from being 3.5999….
    base = value * unit.scale + unit.offset
    return float(f"{(base - target.offset) / target.scale:.12g}")


def _same(unit: Unit, dimension: str, scale: float) -> bool:
    return unit.dimension == dimension and abs(unit.scale / scale - 1) < 1e-9
