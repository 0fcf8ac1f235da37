"""What is said as a whole: rows with one unit, ranges, dates, times of day, other worlds, calls."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from intentos.parameters import Parameter

from .fitting import accepts, unit_of
from .formulas import written
from .links import Links
from .mention import Mention
from .moments import CLOCK, DATE, between
from .units import Unit, by_name, named

AND = re.compile(
    r"\s*(?:[,，、]\s*)?(?:and|or|to|by|和|跟|与|或|到|至|以及|乘)\s*|\s*[、~～–—×xX*-]\s*"
)
_COMMA = re.compile(r"\s*[,，]\s*")


def inherited(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return the mentions with the unit that stands behind the last of a row: "2, 3 and 5 kg"."""
    found = list(mentions)
    for i in range(len(found) - 2, -1, -1):
        one, other = found[i], found[i + 1]
        if one.kind != "number" or other.unit is None or one.unit is not None or one.share:
            continue
        if other.unit.dimension in ("date", "clock") or one.weak:
            continue
        gap = text[one.end : other.start]
        joined = AND.fullmatch(gap) or (
            _COMMA.fullmatch(gap) and i + 2 < len(found) and found[i + 2].unit == other.unit
        )
        if joined:
            found[i] = replace(one, unit=other.unit)
    return _as_before(text, found)


_SAME = re.compile(r"\b(?:at|doing|driving|drive|drove|costs?)\s+$|(?:每小时|时速|开|跑|按|以)$")
ENDS_HERE = re.compile(r"\s*(?:[.,;:?!，。；？！、)]|$|and\b|then\b|but\b|for\b)")


def _as_before(text: str, mentions: list[Mention]) -> list[Mention]:
    """Return the mentions with the unit of one that an equal word leads: "half of it at 80 km/h
    and half at 120"."""
    led: dict[str, Unit] = {}
    found = []
    for mention in mentions:
        match = _SAME.search(text, max(0, mention.start - 10), mention.start)
        word = match.group().strip().lower() if match else ""
        plain = mention.kind == "number" and not mention.weak and not mention.share
        if word and plain and mention.unit is not None and mention.unit.dimension != "clock":
            led[word] = mention.unit
        elif word in led and plain and mention.unit is None and ENDS_HERE.match(text, mention.end):
            mention = replace(mention, unit=led[word])
        found.append(mention)
    return found


def watery(
    said: str, mentions: Sequence[Mention], parameters: Sequence[Parameter]
) -> list[Mention]:
    """Return litres as kilograms where water is spoken of and only masses can be set."""
    units = [named(unit_of(p)) for p in parameters if unit_of(p)]
    dimensions = {unit.dimension for unit in units if unit is not None}
    if "mass" not in dimensions or "volume" in dimensions:
        return list(mentions)
    if not re.search(r"water|tea\b|coffee|水|茶|咖啡", said, re.IGNORECASE):
        return list(mentions)
    kilogram = by_name()["kg"]
    return [
        replace(m, unit=replace(kilogram, scale=m.unit.scale * 1000, symbol="kg of water"))
        if m.unit is not None and m.unit.dimension == "volume"
        else m
        for m in mentions
    ]


def unread(text: str, blanked: str, context: str) -> list[str]:
    """Return the formulas that no parameter has taken and the recipe does not speak of."""
    squeezed = "".join(context.split()).lower()
    found = []
    for item in written(text):
        said = text[item.start : item.end]
        there = blanked[item.start : item.end].strip()
        if item.kind == "formula" and there and "".join(said.split()).lower() not in squeezed:
            found.append(said)
    return found


def moments(
    mentions: Sequence[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link dates to year, month and day, and times of day to hour and minute; return the rest."""
    names = {p.name: p for p in parameters if p.kind in ("number", "integer")}
    beginnings = [n.removesuffix("month") for n in names if n.split("_")[-1] == "month"]
    rest = []
    years = _years(mentions, names, links)
    for mention in mentions:
        parts: dict[str, float] = {}
        if mention.unit == DATE and beginnings:
            value = int(mention.number)
            start = beginnings.pop(0)
            parts = {start + "day": value % 100, start + "month": value // 100 % 100}
            if start + "year" in names and years:
                parts[start + "year"] = years[mention]
            elif value >= 10_000:
                links.guessed.append(mention)
        elif mention.unit == CLOCK and "hour" in names and "hour" not in links.values:
            parts = {"hour": mention.number}
            if "minute" in names:
                minutes = round(mention.number * 60)
                parts = {"hour": minutes // 60 % 24, "minute": minutes % 60}
        if not parts.keys() or not parts.keys() <= names.keys():
            rest.append(mention)
            continue
        for name, value_ in parts.items():
            links.values[name] = names[name].accept(value_)
            links.taken[name] = mention
            links.told.add(name)
    return rest


_THAT = re.compile(r"\s*(?:的)?(?:那|这|处|档)|\s*(?:ones?|resistor|side|end|part|piece)\b")
_THE = re.compile(r"(?:那个?|这个?|\bthe\s+|\bthat\s+)$", re.IGNORECASE)


def referred(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return the mentions without those that only point back: "across *the 2 ohm one*", 2欧那个."""
    found: list[Mention] = []
    for mention in mentions:
        again = mention.unit is not None and any(
            (m.value, m.unit) == (mention.value, mention.unit) for m in found
        )
        points = _THAT.match(text, mention.end) or _THE.search(text, 0, mention.start)
        if not (again and points):
            found.append(mention)
    return found


_HOW_MUCH = re.compile(r"[\u3400-\u9fff]{0,6}?(?:多少|几|最多|能)")


_YIELDS = re.compile(
    r"[\u3400-\u9fff]{0,4}?(?:能|可以?|够|只?[刷跑走装盖铺涂撒喷])[\u3400-\u9fff]{0,4}?\s*\d"
    r"|\s*(?:\w+\s+){0,3}?(?:covers?|does|lasts?|makes?|feeds?|weighs?|holds?|is\s+enough\s+for)\b",
    re.IGNORECASE,
)


def one_of_rate(text: str, mention: Mention) -> bool:
    """Whether it is the one litre of 1升能刷9平方米, by which the next number is counted."""
    return (
        mention.kind == "number"
        and mention.number == 1
        and mention.unit is not None
        and _YIELDS.match(text, mention.end) is not None
    )


def one_of_time(text: str, mention: Mention) -> bool:
    """Whether it is the one hour of 一小时能过几辆车, which says what the answer is counted by."""
    return (
        mention.kind == "number"
        and mention.number == 1
        and mention.unit is not None
        and mention.unit.dimension == "time"
        and mention.text.startswith("一")
        and _HOW_MUCH.match(text, mention.end) is not None
    )


_OPERATION = r"\s*(?:[+＋×x*·乘加]|times|plus|乘以|加上|,|，|、)\s*"
_GOES_ON = (
    r"\s*(?:[+＋×x*·]\s*)?(?:\.{2,}|…+|⋯+|(?:and\s+)?so\s+(?:on|forth)|etc\.?|一直|这样|依次|直)"
    r"[^\d,，。;；?？]{0,12}"
)
ROW = re.compile(rf"(?:\d+{_OPERATION})+\d+{_GOES_ON}(?P<last>\d+)", re.IGNORECASE)


def progressions(
    text: str, mentions: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link "2 + 4 + 6 + … + 100" to the first, the step and the last; where there is no place for
    those, only the last says anything; return the rest."""
    match = ROW.search(text)
    if match is None:
        return mentions
    row = [m for m in mentions if match.start() <= m.start < match.end()]
    if len(row) < 3:
        return mentions
    names = {p.name: p for p in parameters if p.kind in ("number", "integer")}
    places = [
        next((names[name] for name in wanted if name in names), None)
        for wanted in (("first", "start"), ("step", "difference"), ("last", "end"))
    ]
    kept = [row[-1]]
    if all(place is not None and place.name not in links.values for place in places):
        values = (row[0].number, row[1].number - row[0].number, row[-1].number)
        for place, value in zip(places, values, strict=True):
            assert place is not None
            links.values[place.name] = place.accept(value)
            links.told.add(place.name)
        kept = []
    return [m for m in mentions if m not in row or m in kept]


def unitless(mentions: Sequence[Mention], parameters: Sequence[Parameter]) -> list[Mention]:
    """Return the mentions without their one unit where only plain whole numbers can be set: the
    common multiple of 4, 6 and 9 days."""
    places = [p for p in parameters if p.kind in ("number", "integer")]
    plain = [p for p in places if p.kind == "integer" and not unit_of(p)]
    measured = [m for m in mentions if m.kind == "number" and m.unit is not None]
    units = {m.unit for m in measured if m.number == int(m.number)}
    alike = len(units) == 1 and len(measured) >= 2 and all(m.number > 1 for m in measured)
    if not alike or len(places) != len(plain) or len(plain) < len(measured):
        return list(mentions)
    if any(accepts(m, p) for m in measured for p in plain):
        return list(mentions)
    return [replace(m, unit=None) if m in measured else m for m in mentions]


_RATIO = re.compile(
    r"(?<![\d.:：])\d+(?:\.\d+)?(?:\s*(?:[:：∶]|\bto\b|比)\s*\d+(?:\.\d+)?){1,2}(?![\d:：]|\s*的?比例尺)"
)
_RATIO_WORDS = frozenset(("ratio", "in the ratio", "比", "比例", "之比"))
_ONE_IN = re.compile(
    r"\b(?:1|one)\s+(?:person\s+)?(?:in|out\s+of)\s+(?:every\s+)?(?P<n>\d[\d,]*)(?![\d.])", re.I
)
_FRACTION = re.compile(r"(?<![A-Za-z\d./])(?P<a>\d+)\s?/\s?(?P<b>\d+)(?![A-Za-z\d/])")
_ABOVE, _BELOW = ("numerator", "分子"), ("denominator", "分母")


def proportions(
    text: str, mentions: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link "3:4" to the two parts of a ratio, and "3/7" to numerator and denominator; return the
    rest."""
    free = [p for p in parameters if p.name not in links.values and p.kind in ("number", "integer")]
    several = next((p for p in free if p.name == "one_in"), None)
    one_in = _ONE_IN.search(text)
    if several is not None and one_in is not None:
        said = [float(one_in["n"].replace(",", ""))]
        return _told([several], said, one_in.span(), mentions, links)
    parts = [p for p in free if _RATIO_WORDS & set(p.aliases)]
    for match in _RATIO.finditer(text):
        said = [float(value) for value in re.findall(r"\d+(?:\.\d+)?", match.group())]
        if len(said) == len(parts) and len(parts) > 1:
            return _told(parts, said, match.span(), mentions, links)
    above = [p for p in free if set(_ABOVE) & set(p.aliases)]
    below = [p for p in free if set(_BELOW) & set(p.aliases)]
    fraction = _FRACTION.search(text)
    if fraction is not None and len(above) == len(below) == 1:
        values = [float(fraction["a"]), float(fraction["b"])]
        return _told([*above, *below], values, fraction.span(), mentions, links)
    return mentions


def _told(
    places: Sequence[Parameter],
    values: Sequence[float],
    span: tuple[int, int],
    mentions: Sequence[Mention],
    links: Links,
) -> list[Mention]:
    for place, value in zip(places, values, strict=True):
        links.values[place.name] = place.accept(int(value) if place.kind == "integer" else value)
        links.told.add(place.name)
    return [m for m in mentions if not (m.start < span[1] and span[0] < m.end)]


_UNTIL = re.compile(
    r"\s*(?:点钟?|o'?clock)?\s*(?:and|to|till|until|到|至|和|~|～|-|—)\s*(?:the\s+)?", re.IGNORECASE
)


def hours_between(
    text: str, mentions: Sequence[Mention], parameters: Sequence[Parameter]
) -> list[Mention]:
    """Return two times of day as the time between them, where no parameter is a time of day:
    12点到1点 is an hour."""
    if any("hour" in p.name.split("_") for p in parameters):
        return list(mentions)
    clocks = [m for m in mentions if m.unit == CLOCK]
    if len(clocks) == 2 and not _UNTIL.fullmatch(text[clocks[0].end : clocks[1].start]):
        # "the bus leaves at 8:10 …, I at 8:25": only what lies between them can be of use.
        first, second = clocks
        span = replace(second, value=between(first.number, second.number), unit=by_name()["h"])
        return [span if m is second else m for m in mentions if m is not first]
    found: list[Mention] = []
    for mention in mentions:
        before = found[-1] if found else None
        if (
            before is not None
            and before.unit == mention.unit == CLOCK
            and _UNTIL.fullmatch(text[before.end : mention.start])
        ):
            later = between(before.number, mention.number)
            said = text[before.start : mention.end]
            unit = by_name()["h"]
            found[-1] = replace(before, value=later, end=mention.end, text=said, unit=unit)
        else:
            found.append(mention)
    return found


def _years(
    mentions: Sequence[Mention], names: Mapping[str, Parameter], links: Links
) -> dict[Mention, float]:
    """Return the year of each date; where none is said it is that of the other date, or the last
    one that the plan has, which is a guess."""
    dates = [m for m in mentions if m.unit == DATE]
    usual = [p for name, p in names.items() if name.split("_")[-1] == "year"]
    said = [int(m.number) // 10_000 for m in dates if m.number >= 10_000]
    if not dates or not usual:
        return {}
    if not said:
        links.guessed += dates
    other = said[-1] if said else float(usual[-1].default)
    return {m: int(m.number) // 10_000 if m.number >= 10_000 else other for m in dates}


_ON = r"\b(?:on|of|at)\s+(?:the\s+)?(?:planet\s+)?"
_WORLDS: tuple[tuple[re.Pattern[str], float], ...] = tuple(
    (re.compile(_ON + rf"(?:{en})\b|(?:{zh})(?:上|表面|的重力|那|里|$)", re.IGNORECASE), g)
    for en, zh, g in (
        ("moon", "月球|月亮", 1.62), ("mars", "火星", 3.71), ("venus", "金星", 8.87),
        ("mercury", "水星", 3.7), ("jupiter", "木星", 24.79), ("saturn", "土星", 10.44),
        ("uranus", "天王星", 8.69), ("neptune", "海王星", 11.15), ("pluto", "冥王星", 0.62),
        ("sun", "太阳", 274.0),
    )
)  # fmt: skip
"""Gravity at the surface, m/s². Source: NASA planetary fact sheets (D. R. Williams, 2024)."""


def gravity(text: str, parameters: Sequence[Parameter], links: Links) -> None:
    """Set what falls on another world to that world's gravity, where no number says another."""
    places = [p for p in parameters if p.unit == "m/s^2" and "grav" in p.label.en.lower()]
    if any(p.kind == "choice" and {"moon", "mars"} <= set(p.choices) for p in parameters):
        return  # the plan knows the worlds itself, and "and on Mars?" shall change all of it
    worlds = [g for form, g in _WORLDS if form.search(text)]
    if len(places) == 1 and len(worlds) == 1 and places[0].name not in links.values:
        mention = Mention("number", worlds[0], 0, 0, "", by_name()["m/s^2"])
        if accepts(mention, places[0]):
            links.give(places[0], mention)
            links.told.add(places[0].name)


ENDS = (
    ("low", "high"), ("lower", "upper"), ("start", "end"), ("left", "right"), ("from", "to"),
    ("minimum", "maximum"), ("min", "max"), ("old", "new"), ("before", "after"),
    ("first", "last"), ("begin", "end"), ("start", "stop"), ("start", "left"), ("start", "later"),
    ("first", "later"), ("initial", "final"), ("now", "later"),
)  # fmt: skip
_TO = re.compile(
    r"\s*(?:\band\b|\bto\b|(?:一直|一路)?(?:[积加画算变走跑取升降涨数乘]分?)?到|至|和|~|～|–|—|(?<=\d)-|,(?=[^,]*\]))\s*"
)


def ranges(
    text: str, mentions: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link "from 0 to 10", "between 2 and 5" and "在0到1之间" to two ends; return the rest."""
    names = {p.name: p for p in parameters if p.kind in ("number", "integer")}
    ends = [
        (names[beginning], names[name])
        for a, b in ENDS
        for name in names
        if b in name.split("_") and (beginning := name.replace(b, a)) in names
    ]
    said = [m for m in mentions if m.kind == "number"]
    limits = [p for name, p in names.items() if name in _LIMITS and name not in links.values]
    if not ends and len(limits) == 1:
        return _up_to(text, said, mentions, limits[0], links)
    if not ends:
        return mentions
    for one, other in itertools.pairwise(said):
        if not _between(text, one, other):
            continue
        low, high = ends[0]
        if not (accepts(one, low) and accepts(other, high)):
            continue
        links.give(low, one)
        links.give(high, other)
        return [m for m in mentions if m is not one and m is not other]
    return mentions


_LIMITS = ("limit", "upper", "maximum", "highest", "last", "up_to")


def _between(text: str, one: Mention, other: Mention) -> bool:
    opened = re.search(r"(?:between|from|in|on|\[|在|从)\s*$", text[: one.start], re.IGNORECASE)
    closed = re.match(r"\s*(?:之间|间|\])", text[other.end :])
    return _TO.fullmatch(text[one.end : other.start]) is not None and bool(opened or closed)


def _up_to(
    text: str, said: list[Mention], mentions: list[Mention], limit: Parameter, links: Links
) -> list[Mention]:
    """Link the upper end of "between 1 and 200" to the one limit; where it begins higher than the
    beginning of all counting, the lower end stays over."""
    for one, other in itertools.pairwise(said):
        if _between(text, one, other) and accepts(other, limit) and one.number < other.number:
            links.give(limit, other)
            links.told.add(limit.name)
            return [m for m in mentions if m is not other and (m is not one or one.number > 1)]
    return mentions


_NONE_OF = re.compile(
    r"\b(?:no|without(?:\s+any)?|free\s+of|neglect(?:ing)?|ignor(?:e|ing))\s+(?P<en>[a-z]+)\b"
    r"|\b(?P<less>friction)less\b|(?:没有?|无|不计|不考虑|忽略|不算)(?P<zh>[\u3400-\u9fff]{2,4})"
    r"|(?P<smooth>光滑的?(?:斜|坡|冰|水平|地|桌|平)|\bsmooth\s+(?:ramp|slope|plane|incline|table|ice))",
    re.IGNORECASE,
)
_RESTING = re.compile(
    r"\b(?:parked|stationary|motionless|at\s+rest|standing\s+still)\b|静止(?!开始)的|停着的|不动的",
    re.IGNORECASE,
)


def nothing_of(text: str, parameters: Sequence[Parameter], links: Links) -> None:
    """Set to zero what is said not to be there ("without friction", 没摩擦), and the one speed that
    nobody has said where something is at rest."""
    free = [
        p
        for p in parameters
        if p.name not in links.values and p.kind == "number" and (p.minimum or 0) <= 0
    ]
    for match in _NONE_OF.finditer(text):
        said = match["en"] or match["less"] or match["zh"] or "friction 摩擦"
        for p in free:
            own = {w.lower() for w in (p.name, p.label.en, p.label.zh) if w}
            words = said.lower().split()
            if p.name in words or any(
                word in own
                or any(len(word) > 1 and word.startswith(o[:2]) and o[:2] >= "\u3400" for o in own)
                for word in words
            ):
                links.values[p.name] = p.accept(0.0)
                links.told.add(p.name)
    speeds = [p for p in free if "speed" in p.name and p.name not in links.values]
    if len(speeds) == 1 and "second" in speeds[0].name and _RESTING.search(text):
        links.values[speeds[0].name] = speeds[0].accept(0.0)
        links.told.add(speeds[0].name)


_ALL_OF = re.compile(
    r"\ball\s+(?:of\s+)?(?:(?:the|his|her|my|our|their|its|them)\s+)?$|全部?$|所有$", re.IGNORECASE
)
_ALL_THEM = re.compile(
    r"\b(?:all|every\s+(?:single\s+)?one)\s+of\s+(?:them|these|those)\b|\bevery\s+(?:single\s+)?"
    r"(?:time|one|shot|question|throw|try)\b|全[都部]?[中进对成活胜赢]|[都个次][都全][中进对成活胜赢]|个个都",
    re.IGNORECASE,
)


def all_of_them(text: str, parameters: Sequence[Parameter], links: Links) -> None:
    """Set both the tries and the successes where "all five" or 五个全中 is said."""
    names = {p.name: p for p in parameters}
    if not {"tries", "hits"} <= names.keys() or {"tries", "hits"} <= links.values.keys():
        return
    given = next((n for n in ("tries", "hits") if n in links.values), None)
    if given is None:
        return
    mention = links.taken.get(given)
    other = names["hits" if given == "tries" else "tries"]
    said = mention is not None and _ALL_OF.search(text, 0, mention.start)
    if mention is None or not (said or _ALL_THEM.search(text)) or not accepts(mention, other):
        return
    links.give(other, mention)
    links.told.add(other.name)


_CALL = re.compile(r"(?<![A-Za-z])[A-Za-z]{1,4}\s*\(\s*$")


def calls(
    text: str, mentions: list[Mention], parameters: Sequence[Parameter], links: Links
) -> list[Mention]:
    """Link "C(12, 5)" and "gcd(84, 36)" to the first two whole numbers; return the rest."""
    places = [p for p in parameters if p.name not in links.values][:2]
    for one, other in itertools.pairwise(mentions):
        if not _CALL.search(text[: one.start]) or text[one.end : other.start].strip() not in ",，":
            continue
        if not re.match(r"\s*\)", text[other.end :]) or len(places) != 2:
            continue
        if all(p.kind == "integer" and not p.unit for p in places) and (
            accepts(one, places[0]) and accepts(other, places[1])
        ):
            for mention, place in ((one, places[0]), (other, places[1])):
                links.give(place, mention)
                links.told.add(place.name)
            return [m for m in mentions if m is not one and m is not other]
    return mentions
