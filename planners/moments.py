"""Reads dates and times of day: "8 August 2008", "2008年8月8日", "3:45", "下午四点半", "6 pm"."""

from __future__ import annotations

import re

from .mention import Mention
from .numerals import chinese_value
from .units import Unit, by_name

DATE = Unit("date", "date")
"""Of a mention whose value is year · 10,000 + month · 100 + day, with year 0 where none is said."""
CLOCK = Unit("o'clock", "clock")
"""Of a mention whose value is a time of day in hours."""

_MONTHS = (
    "january february march april may june july august september october november december".split()
)
_MONTH = "|".join([*_MONTHS, *(m[:3] for m in _MONTHS), "sept"])
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_CN = r"[零〇一二两三四五六七八九十]"
_DATES = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?<![\d.])(?P<year>\d{{4}}|{_CN}{{4}})\s*年\s*(?P<month>\d{{1,2}}|{_CN}{{1,3}})\s*月"
        rf"\s*(?P<day>\d{{1,2}}|{_CN}{{1,3}})\s*[日号]?",
        rf"(?<![\d.个])(?P<month>\d{{1,2}}|{_CN}{{1,3}})\s*月\s*(?P<day>\d{{1,2}}|{_CN}{{1,3}})\s*[日号]",
        r"(?<![\d.\w/-])(?P<year>\d{4})(?P<s>[-/.])(?P<month>\d{1,2})(?P=s)(?P<day>\d{1,2})(?![\d/-])",
        rf"\b{_DAY}\s+(?:of\s+)?(?P<name>{_MONTH})\b\.?(?:,?\s+(?P<year>\d{{4}})\b)?",
        rf"\b(?P<name>{_MONTH})\b\.?\s+(?:the\s+)?{_DAY}\b(?!\s*(?:%|[a-z]))(?:,?\s+(?P<year>\d{{4}})\b)?",
        rf"\b(?P<name>{_MONTH})\b\.?\s+(?:the\s+)?{_DAY},?\s+(?P<year>\d{{4}})\b",
        rf"\b(?P<name>{_MONTH})\b\.?\s+(?:the\s+)?{_DAY}\b(?=\s+(?:and|to|until|at|in|for|on)\b)",
    )
)
_HOURS = "one two three four five six seven eight nine ten eleven twelve".split()
_HOUR_WORD = "|".join(_HOURS)
_MINUTES = r"twenty[\s-]five|twenty|ten|five|[1-5]?\d"
_DIAL = re.compile(r"\b(?:clock|watch|hands?|dial|time|o'?clock)\b", re.IGNORECASE)
"""What makes a time of day of "ten to four"."""
_HALF_OF_DAY = r"(?P<part>早上|清晨|早晨|凌晨|上午|中午|下午|傍晚|晚上|夜里|夜晚|深夜|半夜)?的?\s*"
_CLOCKS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        r"(?<![\d:.])(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?::[0-5]\d)?(?![\d:])"
        r"(?:\s*(?P<half>[ap])\.?m\b\.?)?",
        r"(?<![\d:.])(?P<hour>1[0-2]|0?[1-9])\s*(?P<half>[ap])\.?m\b\.?",
        rf"\b(?P<hour>1[0-2]|[1-9]|{_HOUR_WORD})\s+o'?clock\b"
        r"(?:\s+(?:in the|at)\s+(?P<en>morning|afternoon|evening|night))?",
        rf"(?<=\bat )(?P<hour>1[0-2]|[1-9]|{_HOUR_WORD})\s+(?:in the|at)\s+"
        r"(?P<en>morning|afternoon|evening|night)\b",
        rf"\b(?:a\s+)?(?P<past>half|quarter)\s+(?P<way>past|to)\s+(?P<hour>1[0-2]|[1-9]|{'|'.join(_HOURS)})\b"
        r"(?:\s+(?:in the|at)\s+(?P<en>morning|afternoon|evening|night)\b)?",
        rf"\b(?P<past>{_MINUTES})(?P<said>[\s-]+min(?:ute)?s?)?\s+(?P<way>past|to|after|before)\s+"
        rf"(?P<hour>1[0-2]|[1-9]|{_HOUR_WORD})\b(?!\s*[%:.]\d)"
        r"(?:\s+(?:in the|at)\s+(?P<en>morning|afternoon|evening|night)\b)?",
        rf"{_HALF_OF_DAY}差(?P<past>一刻|(?:\d{{1,2}}|{_CN}{{1,3}})分)钟?(?P<way>不?到?)(?P<hour>\d{{1,2}}|{_CN}{{1,3}})点(?:钟|整)?",
        rf"{_HALF_OF_DAY}(?P<hour>\d{{1,2}}|{_CN}{{1,3}})点(?P<way>差)(?P<past>一刻|(?:\d{{1,2}}|{_CN}{{1,3}})分)钟?",
        rf"{_HALF_OF_DAY}(?P<hour>\d{{1,2}}|{_CN}{{1,3}})\s*[点时](?P<minute>半|[一三]刻|过?\d{{1,2}}分?|过?{_CN}{{1,3}}分|过?{_CN}{{2,3}})",
        rf"{_HALF_OF_DAY}(?P<hour>\d{{1,2}}|{_CN}{{1,3}})\s*点(?P<sharp>钟|整)?",
    )
)
_SPAN_HOUR = rf"(?:\d{{1,2}}|{_CN}{{1,3}})"
_SPANS = (
    re.compile(
        rf"(?<![\d.])(?P<a>{_SPAN_HOUR})点(?P<ah>半)?钟?\s*(?:到|至|和|~|～|-|—)\s*"
        rf"(?P<b>{_SPAN_HOUR})点(?P<bh>半)?钟?(?!\d|[一二三四五六七八九])"
    ),
    re.compile(
        r"\b(?P<a>noon|midday|midnight)\s+(?:and|to|till|until)\s+"
        rf"(?P<b>1[0-2]|[1-9]|{_HOUR_WORD})\b(?!\s*(?:hours?|%|[:.]\d))",
        re.IGNORECASE,
    ),
)
"""Two times of day with what lies between them: 12点到1点, "noon and one"."""
_DICE = re.compile("骰|色子|掷|扑克|纸牌")
"""What has points that are no hours."""
_LATER = ("下午", "傍晚", "晚上", "夜晚", "深夜", "夜里")


def read_moments(text: str) -> list[Mention]:
    """Return every date and time of day of the text."""
    found: list[Mention] = []
    for form in _DATES:
        for match in form.finditer(text):
            if (value := _date(match)) is not None:
                found.append(_mention(match, value, DATE))
    for form in () if _DICE.search(text) else _SPANS:
        for match in form.finditer(text):
            found += _both_ends(match)
    found += [_elapsed(match) for match in _ELAPSED.finditer(text)]
    for form in _CLOCKS:
        for match in form.finditer(text):
            if (hours := _hours(match)) is not None:
                found.append(_mention(match, hours, CLOCK))
    return found


_ELAPSED = re.compile(
    r"(?<![\d:.])(?P<h>\d{1,2}):(?P<m>[0-5]\d):(?P<s>[0-5]\d(?:\.\d+)?)(?![\d:])"
    r"|(?<![\d:.])(?P<m1>\d{1,3}):(?P<s1>[0-5]\d(?:\.\d+)?)(?=\s*(?:min\w*\s*)?(?:per|a|an|each|/|每)\s*"
    r"(?:km|kilomet|mile|公里|千米|lap|圈))"
    r"|(?:\bpace of\s+|配速(?:为|是)?\s*|\bran\b[^.,;:]{0,24}\bin\s+|用时\s*)"
    r"(?P<m2>\d{1,3}):(?P<s2>[0-5]\d(?:\.\d+)?)(?![\d:])",
    re.IGNORECASE,
)
"""A time that something takes: "3:45:10", "5:30 per km", "a pace of 4:50"."""


def _elapsed(match: re.Match[str]) -> Mention:
    group = next(g for g in ("m1", "m2", "m") if match[g])
    hours = float(match["h"] or 0)
    seconds = match["s"] or match["s1"] or match["s2"]
    start = match.start("h") if match["h"] else match.start(group)
    value = 3600 * hours + 60 * float(match[group]) + float(seconds)
    said = match.string[start : match.end()]
    return Mention("number", value, start, match.end(), said, by_name()["s"])


def _both_ends(match: re.Match[str]) -> list[Mention]:
    found = []
    groups = match.groupdict()
    for name in ("a", "b"):
        said = groups[name].lower()
        if said in ("noon", "midday", "midnight"):
            hour: int | None = 0 if said == "midnight" else 12
        else:
            hour = _HOURS.index(said) + 1 if said in _HOURS else _count(said)
        if hour is None or hour > 24:
            return []
        half = groups.get(f"{name}h")
        start, end = match.start(name), match.end(f"{name}h" if half else name)
        value = hour + (0.5 if half else 0)
        found.append(Mention("number", value, start, end, match.string[start:end], CLOCK))
    return found


def _mention(match: re.Match[str], value: float, unit: Unit) -> Mention:
    said = match.group().strip()
    start = match.start() + len(match.group()) - len(match.group().lstrip())
    return Mention("number", value, start, start + len(said), said, unit)


def _count(said: str | None) -> int | None:
    if not said:
        return None
    value = float(said) if said.isascii() else chinese_value(said)
    return None if value is None else int(value)


def _date(match: re.Match[str]) -> int | None:
    groups = match.groupdict()
    if groups.get("name"):
        month: int | None = 1 + [m[:3] for m in _MONTHS].index(groups["name"][:3].lower())
    else:
        month = _count(groups.get("month"))
    day, year = _count(groups.get("day")), _count(groups.get("year")) or 0
    if month is None or day is None or not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return year * 10_000 + month * 100 + day


def _hours(match: re.Match[str]) -> float | None:
    groups = match.groupdict()
    if groups.get("past"):
        return _past(match)
    name = groups["hour"].lower()
    hour = _HOURS.index(name) + 1 if name in _HOURS else _count(name)
    said = (groups.get("minute") or "").removeprefix("过")
    if hour is None or hour > 24:
        return None
    part = groups.get("part")
    spoken_minutes = said.endswith(("分", "半", "刻")) or "十" in said or len(said) >= 2
    if "part" in groups and not (part or spoken_minutes or groups.get("sharp")):
        return None  # 三点五 is a number; 三点 may be three dots
    minute = {"半": 30, "一刻": 15, "三刻": 45}.get(said)
    if minute is None:
        minute = _count(said.removesuffix("分")) or 0
    if minute >= 60:
        return None
    half = (groups.get("half") or "").lower()
    if half == "a" and hour == 12:
        hour = 0
    late = half == "p" or part in _LATER or groups.get("en") in ("afternoon", "evening", "night")
    if (late and hour < 12) or (part == "中午" and hour < 4):
        hour += 12
    elif part in ("凌晨", "半夜") and hour == 12:
        hour = 0
    return hour + minute / 60


def _past(match: re.Match[str]) -> float | None:
    """Return the hours of "twenty past four", "a quarter to nine", 差五分三点."""
    groups = match.groupdict()
    name, past, way = groups["hour"].lower(), groups["past"].lower(), groups["way"].lower()
    hour = _HOURS.index(name) + 1 if name in _HOURS else _count(name)
    parts = {"half": 30, "quarter": 15, "一刻": 15}
    words = {"twenty": 20, "ten": 10, "five": 5}
    minutes = parts.get(past) or words.get(past) or (25 if past.startswith("twenty") else None)
    if minutes is None:
        minutes = _count(past.removesuffix("分"))
    if hour is None or minutes is None or not (hour <= 24 and 0 < minutes < 60):
        return None
    if past not in parts and way in ("to", "before", "after") and not groups["said"]:
        if not _DIAL.search(match.string):
            return None  # "odds of ten to one"
    earlier = way in ("to", "before", "差", "", "到", "不到")
    said = hour + (-minutes if earlier else minutes) / 60
    later = (groups.get("en") or "").lower() in ("afternoon", "evening", "night")
    if (later or groups.get("part") in _LATER) and said < 12:
        said += 12
    return said % 24


def between(first: float, second: float) -> float:
    """Return the hours from one time of day to the next other one: 12点到1点 is an hour."""
    apart = second - first
    return apart if apart > 0 else apart + (12 if apart > -12 else 24)
