"""Units in both languages, with what they are worth in SI."""

from __future__ import annotations

import re
from functools import cache

from .unit_table import POWERS, SIZE, TABLE, Unit

__all__ = ["Unit", "by_name", "convert", "named", "powers_of", "product", "read_unit"]


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
    for unit, names in TABLE:
        for name in (unit.symbol, *names.split()):
            found[name.replace("-", " ")] = unit
            found[name] = unit
    for name, unit in list(found.items()):
        if len(name) > 1:  # a T is no t
            found.setdefault(name.lower(), unit)
    for unit, _ in TABLE:
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
_PART_OF = {
    "安": "全装静排心置慰徽定", "巴": "士掌西黎", "丈": "夫人", "兆": "头",
    "成": "本为了交绩功分员长熟品", "欧": "元洲盟美", "升": "到至高降级学值温",
}  # fmt: skip
"""What follows a unit where it is the beginning of another word."""
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
    if (part := _PART_OF.get(match["other"] or "")) is not None and text[stop : stop + 1] in part:
        if stop < len(text):
            return None, end  # 3安全
    if match["other"] == "度" and text[stop : stop + 1] == "电":
        return by_name()["kWh"], stop + 1
    if unit.dimension == "angle":
        if said := re.compile(r"\s*(?:celsius|centigrade|C)\b", re.IGNORECASE).match(text, stop):
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
    power = _POWER.match(text, stop)
    if power is not None and power.group().startswith("-") and not text[stop - 1].isascii():
        power = None  # 3米-5米
    if power is not None and unit.dimension in ("length", "time"):
        parts = [(unit, _exponent(power))]
        stop = power.end()
    while (join := _JOIN.match(text, stop)) is not None:
        sign = 1 if join["dot"] else -1
        at, times = join.end(), 1
        if join["over"] and (chinese := _CN_POWER.match(text, at)) is not None:
            times, at = (3 if chinese[1] == "立方" else 2), chinese.end()
        if join["area"]:
            times = 3 if join["area"].startswith("cubic") else 2
        if (join["over"] or join["per"]) and (below := _below(text, at)) is not None:
            parts += [(other, -power) for other, power in below[0]]
            stop = below[1]
            continue
        further = _further().match(text, at)
        # "5 kg a day" is a mass that comes every day; only lengths make speeds in words.
        spoken = join["per"] or join["over"] == "每"
        if further is None or (spoken and not _makes_a_unit(unit, _named(further))):
            break
        other, stop = _degrees(_named(further), unit), further.end()
        if join["dot"] and other.dimension == "temperature" and parts[-1][1] < 0:
            sign = -1  # J/kg·K
        if (power := _POWER.match(text, stop)) is not None:
            times, stop = _exponent(power), power.end()
        parts.append((other, sign * times))
    if parts[-1][1] < 0 and (warmer := _PER_DEGREE.match(text, stop)) is not None:  # W/m²K
        parts.append((by_name()["K"], -1))
        stop = warmer.end()
    if _UNREAD.match(text, stop):  # "5 J/(kg K)" are no joules
        return Unit(f"{unit.symbol}/…", "unread"), stop
    return (unit, stop) if parts == [(unit, 1)] else (product(parts), stop)


_BELOW = re.compile(r"[(（]\s*")
_AND = re.compile(r"\s*[·⋅*×]\s*|\s+")
_PER_DEGREE = re.compile(r"\s?(?:K|°C)(?![A-Za-z])")
_CLOSED = re.compile(r"\s*[)）]")
_MINUTE = re.compile(r"(?:分|时)(?!之|[\u3400-\u9fff]*之)")


def _below(text: str, at: int) -> tuple[list[tuple[Unit, int]], int] | None:
    """Read what stands below the line: the "(kg·K)" of "J/(kg·K)", and 分 of 升/分."""
    short = _MINUTE.match(text, at)
    if short is not None and _further().match(text, at) is None:
        return [(by_name()["min" if short.group() == "分" else "h"], 1)], short.end()
    opened = _BELOW.match(text, at)
    if opened is None:
        return None
    parts, at = [], opened.end()
    while (further := _further().match(text, at)) is not None:
        at, times = further.end(), 1
        if (power := _POWER.match(text, at)) is not None:
            times, at = _exponent(power), power.end()
        unit = _named(further)
        parts.append((by_name()["K"] if further["other"] == "度" else unit, times))
        if (closed := _CLOSED.match(text, at)) is not None:
            return parts, closed.end()
        between = _AND.match(text, at)
        at = between.end() if between is not None else at
    return None


def _degrees(unit: Unit, of: Unit) -> Unit:
    """Return degrees as those of heat behind an energy or a power: 焦每千克每度."""
    hot = unit.symbol == "deg" and of.dimension in ("energy", "power")
    return by_name()["K"] if hot else unit


def _makes_a_unit(unit: Unit, other: Unit) -> bool:
    if other.dimension == "time":
        flows = unit.symbol == "m^2" and other.scale == 1  # of a diffusivity
        return flows or (unit.dimension in ("length", "angle", "speed") and other.scale <= 86400)
    return unit.dimension != "percent" and other.dimension not in ("percent", "angle")


def _exponent(match: re.Match[str]) -> int:
    if match[1]:
        return int(match[1])
    return _EXPONENTS.get(match[2], 1)


def product(parts: list[tuple[Unit, int]]) -> Unit:
    """Return the unit of a product of powers; one of the table where there is one."""
    powers, scale = [0] * SIZE, 1.0
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
    return tuple(unit for unit, _ in TABLE)


@cache
def powers_of(dimension: str) -> tuple[int, ...]:
    """Return the powers of the base dimensions that a dimension is made of."""
    own = POWERS.get(dimension)
    if own is None:
        own = tuple(int(n) for n in dimension.split(","))
    return own + (0,) * (SIZE - len(own))


@cache
def _dimension(powers: tuple[int, ...]) -> str:
    for name in POWERS:
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
    if target.dimension == "temperature" and (unit.dimension == "angle" or unit.symbol == "C"):
        unit = by_name()["°C"]  # "100 degrees" of heat
        if target == unit:
            return value
    if unit.dimension != target.dimension:
        return None
    # Ratios of these scales are exact in decimals; twelve digits keep 3.6 from being 3.5999….
    base = value * unit.scale + unit.offset
    return float(f"{(base - target.offset) / target.scale:.12g}")
