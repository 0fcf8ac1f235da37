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
    (
        Unit("AU", "length", 1.495978707e11),
        "AU au astronomical-units astronomical-unit 个天文单位 天文单位",
    ),
    (Unit("ly", "length", 9.4607304725808e15), "ly light-years light-year lightyears 个光年 光年"),
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
    (Unit("m^3", "volume"), "m^3 m³ m3 立方米"),
    (Unit("m^2", "area"), "m^2 m² m2 ㎡ 平方米"),
    (Unit("km^2", "area", 1e6), "km^2 km² km2 平方公里 平方千米"),
    (Unit("cm^2", "area", 1e-4), "cm^2 cm² cm2 平方厘米"),
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
    (Unit("mol/l", "concentration", 1e3), "mol/l mol/L M molar 摩尔每升 摩尔/升 摩每升"),
    (Unit("px", "pixels"), "px pixels pixel 像素"),
    (Unit("%", "percent"), "% percent ％"),
    (Unit("‰", "percent", 0.1), "‰"),
    (Unit("成", "percent", 10), "成"),
    (Unit("pm", "length", 1e-12), "picometres picometers 皮米"),
    (Unit("Å", "length", 1e-10), "Å Å angstrom angstroms ångström 埃"),
    (Unit("dm", "length", 0.1), "dm decimetres decimeters 分米"),
    (Unit("li", "length", 500), "华里 里地 里路"),
    (Unit("chi", "length", 1 / 3), "尺"),
    (Unit("cun", "length", 1 / 30), "寸"),
    (Unit("light second", "length", 299_792_458), "light-seconds light-second 光秒"),
    (Unit("light minute", "length", 299_792_458 * 60), "light-minutes light-minute 光分"),
    (Unit("pc", "length", 3.0856775814913673e16), "pc parsecs parsec 秒差距"),
    (Unit("kpc", "length", 3.0856775814913673e19), "kpc"),
    (Unit("µs", "time", 1e-6), "µs μs microseconds microsecond 微秒"),
    (Unit("ns", "time", 1e-9), "ns nanoseconds nanosecond 纳秒"),
    (Unit("ps", "time", 1e-12), "ps picoseconds 皮秒"),
    (Unit("fortnight", "time", 1_209_600), "fortnights fortnight"),
    (Unit("decade", "time", 315_576_000), "decades decade"),
    (Unit("century", "time", 3_155_760_000), "centuries century 个世纪 世纪"),
    (Unit("µg", "mass", 1e-9), "µg μg micrograms 微克"),
    (Unit("oz", "mass", 0.028349523125), "oz ounces ounce 盎司"),
    (Unit("liang", "mass", 0.05), "两"),
    (Unit("dm^3", "volume", 1e-3), "dm^3 dm³ dm3 立方分米"),
    (Unit("cm^3", "volume", 1e-6), "cm^3 cm³ cm3 cc 立方厘米"),
    (Unit("cl", "volume", 1e-5), "cl"),
    (Unit("gal", "volume", 3.785411784e-3), "gallons gallon 加仑"),
    (Unit("mm^2", "area", 1e-6), "mm^2 mm² mm2 平方毫米"),
    (Unit("mu", "area", 2000 / 3), "亩"),
    (Unit("acre", "area", 4046.8564224), "acres acre 英亩"),
    (Unit("GHz", "frequency", 1e9), "GHz gigahertz 吉赫"),
    (Unit("THz", "frequency", 1e12), "THz terahertz 太赫兹 太赫"),
    (Unit("mHz", "frequency", 1e-3), "mHz"),
    (Unit("mN", "force", 1e-3), "mN 毫牛"),
    (Unit("MN", "force", 1e6), "MN"),
    (Unit("mJ", "energy", 1e-3), "mJ 毫焦"),
    (Unit("MJ", "energy", 1e6), "MJ megajoules 兆焦"),
    (Unit("cal", "energy", 4.184), "cal calories calorie 卡路里"),
    (Unit("Wh", "energy", 3.6e3), "Wh 瓦时"),
    (Unit("meV", "energy", 1.602176634e-22), "meV"),
    (Unit("GeV", "energy", 1.602176634e-10), "GeV"),
    (Unit("mW", "power", 1e-3), "mW milliwatts 毫瓦"),
    (Unit("MW", "power", 1e6), "MW megawatts megawatt 兆瓦"),
    (Unit("GW", "power", 1e9), "GW gigawatts"),
    (Unit("hp", "power", 735.49875), "hp horsepower 马力"),
    (Unit("hPa", "pressure", 100), "hPa mbar millibar 百帕"),
    (Unit("MPa", "pressure", 1e6), "MPa 兆帕"),
    (Unit("mmHg", "pressure", 133.322387415), "mmHg torr 毫米汞柱 毫米水银柱"),
    (Unit("psi", "pressure", 6894.757293168), "psi"),
    (Unit("µA", "current", 1e-6), "µA μA uA 微安"),
    (Unit("kA", "current", 1e3), "kA 千安"),
    (Unit("mΩ", "resistance", 1e-3), "mΩ mΩ 毫欧"),
    (Unit("C", "charge"), "coulombs coulomb 库仑"),
    (Unit("mC", "charge", 1e-3), "mC 毫库仑 毫库"),
    (Unit("e", "charge", 1.602176634e-19), "个元电荷 元电荷"),
    (Unit("µT", "magnetic field", 1e-6), "µT μT uT 微特"),
    (Unit("nT", "magnetic field", 1e-9), "nT 纳特"),
    (Unit("G", "magnetic field", 1e-4), "G gauss 高斯"),
    (Unit("mmol", "amount", 1e-3), "mmol millimoles 毫摩尔 毫摩"),
    (Unit("mmol/l", "concentration", 1.0), "mmol/l mmol/L mM 毫摩尔每升 毫摩尔/升"),
    (Unit("dB", "level"), "dB decibels decibel 分贝"),
    (Unit("u", "mass", 1.66053906892e-27), "daltons dalton 原子质量单位"),
    (Unit("solar mass", "mass", 1.988416e30), "solar-masses solar-mass M☉ 倍太阳质量 个太阳质量"),
)
"""What each is worth by its definition (SI brochure, 9th edition; IAU 2012 for the AU)."""

_POWERS: dict[str, tuple[int, ...]] = {
    "length": (1, 0, 0), "time": (0, 1, 0), "mass": (0, 0, 1), "area": (2, 0, 0),
    "volume": (3, 0, 0), "speed": (1, -1, 0), "acceleration": (1, -2, 0), "frequency": (0, -1, 0),
    "force": (1, -2, 1), "energy": (2, -2, 1), "power": (2, -3, 1), "pressure": (-1, -2, 1),
    "angle": (0, 0, 0, 1), "temperature": (0, 0, 0, 0, 1), "amount": (0, 0, 0, 0, 0, 1),
    "concentration": (-3, 0, 0, 0, 0, 1), "charge": (0, 1, 0, 0, 0, 0, 1),
    "current": (0, 0, 0, 0, 0, 0, 1), "voltage": (2, -3, 1, 0, 0, 0, -1),
    "resistance": (2, -3, 1, 0, 0, 0, -2), "capacitance": (-2, 4, -1, 0, 0, 0, 2),
    "inductance": (2, -2, 1, 0, 0, 0, -2), "magnetic field": (0, -2, 1, 0, 0, 0, -1),
    "pixels": (0, 0, 0, 0, 0, 0, 0, 1), "percent": (0, 0, 0, 0, 0, 0, 0, 0, 1),
    "level": (0, 0, 0, 0, 0, 0, 0, 0, 0, 1), "unread": (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
}  # fmt: skip
"""Dimension → powers of length, time, mass, angle, temperature, amount, current, pixels, …"""
_SIZE = 11
_PER = {"秒": "s", "秒钟": "s", "小时": "h"}
_FAHRENHEIT = re.compile(r"华氏\s*$")
BEFORE = re.compile(r"(?:每(?P<per>秒钟?|小时)|时速(?:为|是)?)\s*$")
"""What stands before a Chinese speed: 每小时60公里, 时速60公里."""
_HOURLY = re.compile(r"的?时速")
_EXPONENTS = {"²": 2, "³": 3, "⁻¹": -1, "⁻²": -2, "⁻³": -3}
_POWER = re.compile(r"\^?(-?\d)(?!\d)|(⁻?[¹²³])")
_JOIN = re.compile(
    r"\s*(?P<over>[/／每])\s*|\s+(?P<per>per|an?)\s+(?P<area>square\s+|cubic\s+)?|\s*(?P<dot>[·⋅*])\s*"
)
_UNREAD = re.compile(r"\s*[/·⋅]\s*[A-Za-z(]|\^")
_CN_POWER = re.compile(r"(平方|立方|二次方)")


@cache
def by_name() -> dict[str, Unit]:
    """Return every spelling of every unit; those in Latin letters also in lower case."""
    found: dict[str, Unit] = {}
    for unit, names in _TABLE:
        for name in (unit.symbol, *names.split()):
            found[name.replace("-", " ")] = unit
            found[name] = unit
    for name, unit in list(found.items()):
        if len(name) > 1:  # a T is no t
            found.setdefault(name.lower(), unit)
    for unit, _ in _TABLE:
        found[unit.symbol] = unit
    return found


@cache
def pattern() -> re.Pattern[str]:
    """Return a pattern that matches a unit right behind a number."""
    return re.compile(rf"\s*-?\s*{_one()}")


@cache
def _one() -> str:
    names = sorted(by_name(), key=len, reverse=True)
    latin = "|".join(re.escape(n) for n in names if n[0].isascii() and n[0].isalpha())
    other = "|".join(re.escape(n) for n in names if not (n[0].isascii() and n[0].isalpha()))
    return rf"(?:(?P<latin>{latin})(?![A-Za-z0-9])|(?P<other>{other}))"


@cache
def _further() -> re.Pattern[str]:
    return re.compile(_one())


_TWO = re.compile(r"[零一二三四五六七八九十百千万亿个只辆条张位名种次边头]")
"""What follows 两 where it is a number and no weight."""
_SQUARE = re.compile(r"\s*(?P<what>square|cubic|sq\.?)\s+(?=[a-z])", re.IGNORECASE)


def read_unit(text: str, start: int, end: int) -> tuple[Unit | None, int]:
    """Return the unit of the number at ``text[start:end]`` and where the unit ends."""
    squared = _SQUARE.match(text, end)
    if squared is not None:
        first = _further().match(text, squared.end())
        if first is None:
            return None, end
        power = 3 if squared["what"].lower() == "cubic" else 2
        return product([(_named(first), power)]), first.end()
    match = pattern().match(text, end)
    if match is None:
        return None, end
    unit, stop = _named(match), match.end()
    if match["other"] == "两" and (match.start("other") > end or _TWO.match(text, stop)):
        return None, end
    if unit.dimension == "angle":
        if said := re.compile(r"\s*(?:celsius|centigrade)\b", re.IGNORECASE).match(text, stop):
            unit, stop = by_name()["°C"], said.end()
        elif said := re.compile(r"\s*(?:fahrenheit|F)\b", re.IGNORECASE).match(text, stop):
            unit, stop = by_name()["°F"], said.end()
        elif _FAHRENHEIT.search(text, max(0, start - 4), start):
            unit = by_name()["°F"]
    unit, stop = _compound(text, unit, stop)
    behind = _HOURLY.match(text, stop)
    if behind is not None and unit.dimension == "length":
        return product([(unit, 1), (by_name()["h"], -1)]), behind.end()
    before = BEFORE.search(text, max(0, start - 8), start)
    if before is not None and unit.dimension == "length":
        per = by_name()[_PER[before["per"] or "小时"]]
        unit = product([(unit, 1), (per, -1)])
    return unit, stop


def _named(match: re.Match[str]) -> Unit:
    name = match["latin"] or match["other"]
    return by_name()[name if name in by_name() else name.lower()]


def _compound(text: str, unit: Unit, stop: int) -> tuple[Unit, int]:
    """Read on: "N/m", "kg/m³", "metres per second", "牛每米"; a rate of other things is no unit."""
    parts = [(unit, 1)]
    if (power := _POWER.match(text, stop)) is not None and unit.dimension in ("length", "time"):
        parts = [(unit, _exponent(power))]
        stop = power.end()
    while (join := _JOIN.match(text, stop)) is not None:
        sign = 1 if join["dot"] else -1
        at, times = join.end(), 1
        if join["over"] and (chinese := _CN_POWER.match(text, at)) is not None:
            times, at = (3 if chinese[1] == "立方" else 2), chinese.end()
        if join["area"]:
            times = 3 if join["area"].startswith("cubic") else 2
        further = _further().match(text, at)
        # "5 kg a day" is a mass that comes every day; only lengths make speeds in words.
        spoken = join["per"] or join["over"] == "每"
        if further is None or (spoken and not _makes_a_unit(unit, _named(further))):
            break
        other, stop = _named(further), further.end()
        if (power := _POWER.match(text, stop)) is not None:
            times, stop = _exponent(power), power.end()
        parts.append((other, sign * times))
    if _UNREAD.match(text, stop):  # "5 J/(kg K)" are no joules
        return Unit(f"{unit.symbol}/…", "unread"), stop
    return (unit, stop) if parts == [(unit, 1)] else (product(parts), stop)


def _makes_a_unit(unit: Unit, other: Unit) -> bool:
    if other.dimension == "time":
        return unit.dimension in ("length", "angle", "speed") and other.scale <= 86400
    return unit.dimension != "percent" and other.dimension not in ("percent", "angle")


def _exponent(match: re.Match[str]) -> int:
    if match[1]:
        return int(match[1])
    return _EXPONENTS.get(match[2], 1)


def product(parts: list[tuple[Unit, int]]) -> Unit:
    """Return the unit of a product of powers; one of the table where there is one."""
    powers, scale = [0] * _SIZE, 1.0
    for unit, power in parts:
        own = powers_of(unit.dimension)
        powers = [a + power * b for a, b in zip(powers, own, strict=True)]
        scale *= unit.scale**power
    dimension = _dimension(tuple(powers))
    for unit in _tabled():
        if unit.dimension == dimension and not unit.offset and abs(unit.scale / scale - 1) < 1e-9:
            return unit
    symbol = "·".join(u.symbol if n == 1 else f"({u.symbol})^{n}" for u, n in parts)
    return Unit(symbol, dimension, scale)


@cache
def _tabled() -> tuple[Unit, ...]:
    return tuple(unit for unit, _ in _TABLE)


@cache
def powers_of(dimension: str) -> tuple[int, ...]:
    """Return the powers of the base dimensions that a dimension is made of."""
    own = _POWERS.get(dimension)
    if own is None:
        own = tuple(int(n) for n in dimension.split(","))
    return own + (0,) * (_SIZE - len(own))


@cache
def _dimension(powers: tuple[int, ...]) -> str:
    for name in _POWERS:
        if powers_of(name) == powers:
            return name
    return ",".join(map(str, powers))


@cache
def named(symbol: str) -> Unit | None:
    """Return the unit with this symbol, which may be compound: "N/m", "1/day", "kg/m³"."""
    symbol = symbol.strip()
    if not symbol:
        return None
    if (unit := by_name().get(symbol)) is not None:
        return unit
    if symbol.startswith("1/"):
        below = named(symbol[2:])
        return None if below is None else product([(below, -1)])
    unit, stop = read_unit(f"1 {symbol}", 0, 1)
    return unit if unit is not None and stop == len(symbol) + 2 else None


def convert(value: float, unit: Unit, wanted: str) -> float | None:
    """Return ``value`` in the unit called ``wanted``, or None where the two do not fit."""
    target = named(wanted)
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
