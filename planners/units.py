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
    (Unit("cm", "length", 1e-2), "cm centimeters centimetres centimeter centimetre 厘米 公分"),
    (Unit("mm", "length", 1e-3), "mm millimeters millimetres millimeter millimetre 毫米"),
    (Unit("µm", "length", 1e-6), "µm μm um micrometers micrometres micrometre microns 微米"),
    (Unit("nm", "length", 1e-9), "nm nanometers nanometres nanometre nanometer 纳米"),
    (Unit("mile", "length", 1609.344), "miles mile 英里"),
    (Unit("ft", "length", 0.3048), "ft feet foot 英尺"),
    (Unit("inch", "length", 0.0254), "inches inch ″ 英寸"),
    (Unit("yard", "length", 0.9144), "yards yard 码"),
    (Unit("AU", "length", 1.495978707e11), "AU au 天文单位"),
    (Unit("ly", "length", 9.4607304725808e15), "ly light-years light-year lightyears 光年"),
    (Unit("m/s", "speed"), "m/s mps 米/秒 米每秒"),
    (Unit("km/s", "speed", 1e3), "km/s 公里/秒 千米/秒 公里每秒 千米每秒"),
    (Unit("cm/s", "speed", 1e-2), "cm/s 厘米/秒 厘米每秒"),
    (Unit("km/h", "speed", 1 / 3.6), "km/h kmh kph 公里/小时 公里每小时 千米每小时 千米/小时"),
    (Unit("mph", "speed", 0.44704), "mph 英里/小时 英里每小时"),
    (Unit("knot", "speed", 0.5144444444444445), "knots knot kn"),
    (Unit("m/s^2", "acceleration"), "m/s^2 m/s² m/s2 m/s/s 米/秒² 米/秒^2 米每二次方秒 米每平方秒"),
    (Unit("ms", "time", 1e-3), "ms milliseconds millisecond 毫秒"),
    (Unit("s", "time"), "s sec secs seconds second 秒钟 秒"),
    (Unit("min", "time", 60), "min mins minutes minute 分钟"),
    (Unit("h", "time", 3600), "h hr hrs hours hour 个小时 小时 个钟头 钟头"),
    (Unit("day", "time", 86400), "days day 天 昼夜"),
    (Unit("week", "time", 604800), "weeks week 周 个星期 星期 个礼拜"),
    (Unit("month", "time", 2_629_800), "months month 个月"),
    (Unit("year", "time", 31_557_600), "years year yr yrs 年"),
    (Unit("kg", "mass"), "kg kilograms kilogram kilos 公斤 千克"),
    (Unit("g", "mass", 1e-3), "g grams gram 克"),
    (Unit("mg", "mass", 1e-6), "mg milligrams milligram 毫克"),
    (Unit("t", "mass", 1e3), "tonnes tonne tons ton 吨"),
    (Unit("lb", "mass", 0.45359237), "lb lbs pounds pound 磅"),
    (Unit("jin", "mass", 0.5), "斤"),
    (Unit("l", "volume", 1e-3), "l L litres litre liters liter 公升 升"),
    (Unit("ml", "volume", 1e-6), "ml mL millilitres milliliters millilitre 毫升"),
    (Unit("m^3", "volume"), "m^3 m³ 立方米"),
    (Unit("m^2", "area"), "m^2 m² ㎡ 平方米"),
    (Unit("km^2", "area", 1e6), "km^2 km² 平方公里 平方千米"),
    (Unit("cm^2", "area", 1e-4), "cm^2 cm² 平方厘米"),
    (Unit("ha", "area", 1e4), "ha hectares hectare 公顷"),
    (Unit("deg", "angle"), "deg ° degrees degree 角度 度角 度"),
    (Unit("rad", "angle", 57.29577951308232), "rad radians radian 弧度"),
    (Unit("°C", "temperature"), "°C ℃ celsius 摄氏度"),
    (Unit("K", "temperature", 1.0, -273.15), "K kelvin kelvins 开尔文"),
    (Unit("°F", "temperature", 5 / 9, -160 / 9), "°F ℉ fahrenheit 华氏度"),
    (Unit("Hz", "frequency"), "Hz hertz 赫兹 赫"),
    (Unit("kHz", "frequency", 1e3), "kHz kilohertz 千赫 千赫兹"),
    (Unit("MHz", "frequency", 1e6), "MHz megahertz 兆赫"),
    (Unit("rpm", "frequency", 1 / 60), "rpm 转/分 转每分钟"),
    (Unit("bpm", "frequency", 1 / 60), "bpm"),
    (Unit("fps", "frequency"), "fps 帧/秒 帧每秒"),
    (Unit("N", "force"), "N newtons newton 牛顿 牛"),
    (Unit("kN", "force", 1e3), "kN"),
    (Unit("J", "energy"), "J joules joule 焦耳 焦"),
    (Unit("kJ", "energy", 1e3), "kJ kilojoules 千焦"),
    (Unit("kWh", "energy", 3.6e6), "kWh 千瓦时"),
    (Unit("kcal", "energy", 4184), "kcal 千卡 大卡"),
    (Unit("eV", "energy", 1.602176634e-19), "eV 电子伏 电子伏特"),
    (Unit("keV", "energy", 1.602176634e-16), "keV"),
    (Unit("MeV", "energy", 1.602176634e-13), "MeV"),
    (Unit("W", "power"), "W watts watt 瓦特 瓦"),
    (Unit("kW", "power", 1e3), "kW kilowatts kilowatt 千瓦"),
    (Unit("Pa", "pressure"), "Pa pascals pascal 帕斯卡 帕"),
    (Unit("kPa", "pressure", 1e3), "kPa 千帕"),
    (Unit("bar", "pressure", 1e5), "bar"),
    (Unit("atm", "pressure", 101_325), "atm atmospheres atmosphere 个大气压 大气压"),
    (Unit("V", "voltage"), "V volts volt 伏特 伏"),
    (Unit("kV", "voltage", 1e3), "kV 千伏"),
    (Unit("mV", "voltage", 1e-3), "mV 毫伏"),
    (Unit("A", "current"), "A amperes ampere amps amp 安培"),
    (Unit("mA", "current", 1e-3), "mA 毫安"),
    (Unit("Ω", "resistance"), "Ω Ω ohms ohm 欧姆 欧"),
    (Unit("kΩ", "resistance", 1e3), "kΩ kΩ kohm kilohms kilohm 千欧"),
    (Unit("MΩ", "resistance", 1e6), "MΩ 兆欧"),
    (Unit("F", "capacitance"), "F farads farad 法拉"),
    (Unit("mF", "capacitance", 1e-3), "mF"),
    (Unit("µF", "capacitance", 1e-6), "µF μF uF microfarads microfarad 微法"),
    (Unit("nF", "capacitance", 1e-9), "nF nanofarads nanofarad 纳法"),
    (Unit("pF", "capacitance", 1e-12), "pF 皮法"),
    (Unit("H", "inductance"), "H henries henry 亨利 亨"),
    (Unit("mH", "inductance", 1e-3), "mH millihenries millihenry 毫亨"),
    (Unit("µH", "inductance", 1e-6), "µH μH uH 微亨"),
    (Unit("µC", "charge", 1e-6), "µC μC uC 微库仑 微库"),
    (Unit("nC", "charge", 1e-9), "nC 纳库"),
    (Unit("T", "magnetic field"), "T teslas tesla 特斯拉"),
    (Unit("mT", "magnetic field", 1e-3), "mT 毫特"),
    (Unit("mol", "amount"), "mol moles mole 摩尔 摩"),
    (Unit("mol/l", "concentration"), "mol/l mol/L 摩尔每升 摩尔/升 摩每升"),
    (Unit("px", "pixels"), "px pixels pixel 像素"),
    (Unit("%", "percent"), "% percent ％"),
    (Unit("‰", "percent", 0.1), "‰"),
    (Unit("成", "percent", 10), "成"),
)
"""What each is worth by its definition (SI brochure, 9th edition; IAU 2012 for the AU)."""

_PER = {"秒": "s", "小时": "h"}
_FAHRENHEIT = re.compile(r"华氏\s*$")
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
        if len(name) > 1:  # a T is no t
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
        rf"\s*-?\s*(?:(?P<latin>{latin})(?![A-Za-z0-9])(?P<per>{per})?|(?P<other>{other}))"
    )


def read_unit(text: str, start: int, end: int) -> tuple[Unit | None, int]:
    """Return the unit of the number at ``text[start:end]`` and where the unit ends."""
    match = pattern().match(text, end)
    if match is None:
        return None, end
    name = match["latin"] or match["other"]
    unit = by_name()[name if name in by_name() else name.lower()]
    stop = match.end()
    if unit.dimension == "angle":
        if said := re.compile(r"\s*(?:celsius|centigrade)\b", re.IGNORECASE).match(text, stop):
            unit, stop = by_name()["°C"], said.end()
        elif said := re.compile(r"\s*(?:fahrenheit|F)\b", re.IGNORECASE).match(text, stop):
            unit, stop = by_name()["°F"], said.end()
        elif _FAHRENHEIT.search(text, max(0, start - 4), start):
            unit = by_name()["°F"]
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
