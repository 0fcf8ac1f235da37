"""Whether a number that was said can be a parameter's value, and which: units, shares and rates."""

from __future__ import annotations

import re
from functools import lru_cache

from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter
from intentos.types import Value

from .mention import RATE, Mention, rate, whole
from .units import Unit, by_name, convert, named, product

_BRACKETS = re.compile(r"[(（]([^()（）,，]+)[,，)）]")
_IN = re.compile(r"\bin ([^\s,()]+)(?: an? \w+)?$")
_STATISTIC = re.compile(r"\bmean\b|average|deviation|平均|均值|标准差")
_MONTHLY = re.compile("月息")
"""What a yearly rate is also called where it is charged by the month: twelve of those make it."""
_OFF = re.compile(r"\boff\b|discount|reduc|优惠|降价|减价|让利")
_TIMES_AS = re.compile(r"\btimes\b|ratio|factor|倍|之比")


@lru_cache(4096)
def _unit(unit: str, english: str, chinese: str) -> str:
    if unit:
        return unit
    said: list[str] = [
        *_BRACKETS.findall(english),
        *_IN.findall(english),
        *_BRACKETS.findall(chinese),
    ]
    for symbol in said:
        known = named(symbol)
        if known is not None and known.dimension != "unread":
            return symbol
    return ""


_NO_UNITS = ("second", "bar", "mole", "foot", "degrees", "pound", "knot", "acre", "press")


@lru_cache(4096)
def _unit_words(name: str, aliases: tuple[str, ...]) -> frozenset[Unit]:
    if name.split("_")[-1] in ("hour", "minute", "day", "month", "year", "season"):
        return frozenset()
    known = {named(alias) for alias in aliases if len(alias) > 1 and alias not in _NO_UNITS}
    return frozenset(
        unit for unit in known if unit is not None and unit.dimension not in ("percent", "unread")
    )


def unit_of(parameter: Parameter) -> str:
    """Return the parameter's unit, which its label may hold: "Stiffness (N/m)"."""
    return _unit(parameter.unit, parameter.label.en, parameter.label.zh)


@lru_cache(4096)
def _counted_by(english: str, chinese: str) -> Unit | None:
    match = RATE.search(english) or RATE.search(chinese)
    return None if match is None else rate(match)


def per_of(parameter: Parameter) -> Unit | None:
    """Return what the parameter is counted by: the hour of "Customers an hour"."""
    return _counted_by(parameter.label.en, parameter.label.zh)


def value_for(mention: Mention, parameter: Parameter) -> Value | None:
    """Return the mention's value in the parameter's unit, or None where the kinds do not fit."""
    if mention.kind == "colour":
        return mention.value if parameter.kind == "colour" else None
    if parameter.kind not in ("number", "integer"):
        return None
    wanted = unit_of(parameter)
    if mention.kind == "factor" and not mention.share:
        return (
            whole(mention.number) if not wanted and _TIMES_AS.search(own_words(parameter)) else None
        )
    if mention.share:
        return _share(mention.number, parameter, wanted)
    if mention.unit is None:
        return _bare(mention, parameter, wanted)
    if mention.unit.dimension == "percent":
        return _percent(mention, parameter, wanted)
    if mention.unit.symbol == "c" and wanted in ("", "%"):
        return whole(mention.number * (100 if wanted else 1))  # as a share of the speed of light
    if not wanted:
        # Of a thing without a unit some aliases are units: it is counted in what is said.
        words = _unit_words(parameter.name, parameter.aliases)
        if mention.unit.dimension == "time" and mention.unit == per_of(parameter):
            return None  # an hour is no number of "cars an hour"
        abstract = not words and parameter.kind == "number" and wide(parameter)
        return whole(mention.number) if mention.unit in words or abstract else None
    if mention.unit.symbol == "cun" and wanted == "inch":
        return whole(mention.number)  # 65寸的电视: of what is measured in inches, 寸 is one
    metered = mention.unit.symbol == "deg" and mention.text.endswith("度")
    if metered and (kind := named(wanted)) is not None and kind.dimension == "energy":
        return convert(mention.number, by_name()["kWh"], wanted)  # 用电14度
    value = convert(mention.number, mention.unit, wanted)
    own, per = per_of(parameter), mention.per
    if value is None and wanted and per is not None:  # 每米要50牛
        value = convert(mention.number, product([(mention.unit, 1), (per, -1)]), wanted)
        return None if value is None else whole(value)
    if value is None and wanted and own is not None:  # "2 kg per metre" where a metre's kg are set
        value = convert(mention.number, mention.unit, f"{wanted}/{own.symbol}")
        return None if value is None else whole(value)
    return None if value is None else whole(_by(value, mention, parameter))


def wide(parameter: Parameter) -> bool:
    """Whether it is a number of anything, such as a mean: then it is counted in what is said."""
    low, high = parameter.minimum, parameter.maximum
    if low is None or high is None or (low < 0 and high - low >= 1e5):
        return True
    return high - low >= 1e5 and _STATISTIC.search(own_words(parameter)) is not None


def _share(number: float, parameter: Parameter, wanted: str) -> Value | None:
    if wanted == "%":
        return whole(float(f"{number * 100:.12g}"))
    return None if wanted or parameter.kind == "integer" else number


def _bare(mention: Mention, parameter: Parameter, wanted: str) -> Value | None:
    number = mention.number
    if mention.counted and wanted == "%":
        return None
    if mention.per is not None:
        known = named(wanted) if wanted else None
        if known is not None and known.dimension == "frequency":
            return whole(float(f"{number / mention.per.scale / known.scale:.12g}"))
    if wanted == "%" and 0 < number < 1 and not _fits(number, parameter):
        return whole(float(f"{number * 100:.12g}"))
    return whole(_by(number, mention, parameter))


def _percent(mention: Mention, parameter: Parameter, wanted: str) -> Value | None:
    assert mention.unit is not None
    number = mention.number * mention.unit.scale
    per, own = mention.per, per_of(parameter)
    if per is not None and per.symbol == "month" and _MONTHLY.search(own_words(parameter)):
        number = float(f"{12 * number:.12g}")  # the yearly rate of what is paid by the month
    elif per is not None and per != own and per.symbol != "year":
        return None  # 0.5 % a month are no rate of a year
    if "折" in mention.text and _OFF.search(own_words(parameter)):
        number = 100 - number  # 打七折 is 30 % off
    if wanted == "%":
        return whole(float(f"{number:.12g}"))
    low, high = parameter.minimum, parameter.maximum
    if wanted or parameter.kind == "integer" or low is None or high is None:
        return None
    value = float(f"{number / 100:.12g}")
    return (
        whole(value) if low >= 0 and (high <= 1 or (high <= 3 and low <= value <= high)) else None
    )


def _by(value: float, mention: Mention, parameter: Parameter) -> float:
    """Return so many a minute as so many an hour, where both say what they are counted by."""
    per, own = mention.per, per_of(parameter)
    if per is None or own is None or per == own or per.dimension != own.dimension:
        return value
    return float(f"{value * own.scale / per.scale:.12g}")


def other_rate(mention: Mention, parameter: Parameter) -> bool:
    """Whether the mention is counted by something that the parameter does not speak of."""
    if mention.per is None:
        return False
    own = per_of(parameter)
    if own is None and _speaks_of_rates(parameter.aliases):
        return False
    known = named(unit_of(parameter)) if unit_of(parameter) else None
    if known is not None and known.dimension == "frequency":
        return False
    if known is not None and mention.unit is not None and mention.unit.dimension != known.dimension:
        return False  # it fits only as so much in that time
    if own is None and mention.unit is not None and mention.unit.dimension == "percent":
        monthly = mention.per.symbol == "month" and _MONTHLY.search(own_words(parameter))
        return mention.per.symbol != "year" and not monthly
    return own is None or own.dimension != mention.per.dimension


@lru_cache(4096)
def _speaks_of_rates(aliases: tuple[str, ...]) -> bool:
    return any(RATE.search(alias) for alias in aliases)


def accepted(mention: Mention, parameter: Parameter) -> Value:
    """Return the mention as the parameter's value; raises ValueOutOfRange."""
    value = value_for(mention, parameter)
    if value is None:
        raise ValueOutOfRange("value.number", name=parameter.name, value=mention.text)
    if parameter.kind == "integer" and isinstance(value, float):
        value = round(value) if abs(value - round(value)) < 1e-9 else value
    return parameter.accept(value)


def _fits(value: Value, parameter: Parameter) -> bool:
    try:
        parameter.accept(value)
    except ValueOutOfRange:
        return False
    return True


def accepts(mention: Mention, parameter: Parameter) -> bool:
    """Whether the mention can be the parameter's value as it is."""
    value = value_for(mention, parameter)
    if (
        isinstance(value, float)
        and parameter.kind == "integer"
        and abs(value - round(value)) < 1e-9
    ):
        value = round(value)
    return value is not None and _fits(value, parameter)


def own_words(parameter: Parameter) -> str:
    return _own_words(parameter.name, parameter.label.en, parameter.label.zh, parameter.aliases)


@lru_cache(4096)
def _own_words(name: str, english: str, chinese: str, aliases: tuple[str, ...]) -> str:
    return " ".join((name, english.lower(), chinese, *(a.lower() for a in aliases)))
