"""Reads parts and sums: halves, fractions, tenths, discounts, multiples of π, "1 h 20 min"."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from .mention import Mention, normal, number, whole
from .numerals import CN_DIGIT, ONES, chinese_value
from .units import by_name, read_unit

_CN_UNITS = (
    "小时|钟头|分钟|天|年|个月|月|公里|千米|米|公斤|千克|毫克|克(?![拉隆])|斤|升|秒|吨|辈子|尺|寸|里|杯"
    "|厘米|毫米"
)
_N = r"[一二两三四五六七八九十百]+|\d+(?:\.\d+)?"
_HALF = re.compile(
    rf"(?P<cn>(?:(?P<n>{_N})个?)?半个?(?=(?:{_CN_UNITS})))"
    r"|(?P<en>\b(?:(?P<w>\d+|an?|one|two|three|four|five|six)\s+and\s+a\s+half|half(?:\s+of)?\s+an?"
    r"|half(?=\s+(?:hour|minute|second|year|day|month|metre|meter|litre|liter|kilo|mile|inch)\b)"
    r"|(?P<q>(?P<k>three\s+)?(?:a\s+)?quarters?\s+of\s+an?))(?=\s+(?P<u>[A-Za-z]+)))",
    re.IGNORECASE,
)
_AND_HALF = re.compile(r"\b(?:an?|one)\s+(?P<u>[a-z]+)\s+and\s+a\s+half\b", re.IGNORECASE)
_MINUTES = re.compile(rf"(?P<n>{_N})分半钟?")
_ONE = re.compile(
    r"\b(?:after|within|for|wait(?:ing)?)\s+(?P<a>an?)(?=\s+(?:second|minute|hour|day|week|month|year|decade|century)\b)",
    re.IGNORECASE,
)
_EACH = re.compile(
    r"\b(?:doubl|halv|divid|split|tripl)\w*\s+(?:(?:itself|in\s+(?:two|size|number)|once)\s+)?"
    r"(?:every|each|once\s+an?)\s+(?P<en>second|minute|hour|day|week|month|year)\b"
    r"|\b(?:every|each)\s+(?P<zh>second|minute|hour|day|week|month|year)"
    r"(?=,?\s+(?:[a-z]+\s+){0,3}?(?:doubl|halv|divid|split|tripl))"
    r"|(?<=每)一?(?P<cn>秒|分钟|小时|天|周|个月|年)"
    r"(?=[\u3400-\u9fff]{0,4}?(?:翻一?[倍番]|加倍|翻|分裂|减半|多一倍))",
    re.IGNORECASE,
)
"""The one day in which something doubles every day."""
_FRACTION = re.compile(r"(?<![\w./])(?P<a>\d{1,4})\s?/\s?(?P<b>\d{1,4})(?![\w./]|\s*[\w(]*[/^*])")
_FRACTION_ZH = re.compile(
    r"(?<![A-Za-z\d./])(?P<a>\d{1,4})\s?/\s?(?P<b>\d{1,4})(?=[\u3400-\u9fff])(?!月|日|号)"
)
_OF_TENS = re.compile(
    r"(?P<of>[十百千]?[千万]|[十百千]?亿)分之(?P<body>[零〇一二两三四五六七八九十百]+(?:点[零〇一二三四五六七八九]+)?|[\d.]+)"
)
_TENS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_PARTS = re.compile(
    r"(?P<of>[二三四五六七八九十]{1,3}|\d{1,4})分之(?P<n>[一二两三四五六七八九十]{1,3}|\d{1,4})"
)
_TENTHS = re.compile(
    r"(?P<n>[一二两三四五六七八九]|\d(?:\.\d)?)成(?P<half>半|[一二三四五六七八九])?"
    r"(?![为了本立功人都长熟])"
)
_DISCOUNT = re.compile(r"(?P<n>[一二三四五六七八九]{1,2}|\d(?:\.\d)?|\d\d)折(?![叠线射扇断纸])")
_PI = re.compile(
    r"(?<![\w.])(?P<n>\d+(?:\.\d+)?)?\s?(?:π|pi\b)(?:\s?/\s?(?P<d>\d+))?", re.IGNORECASE
)
_PI_ZH = re.compile(r"(?<![A-Za-z\d.])(?P<n>\d+(?:\.\d+)?)?\s?π(?:\s?/\s?(?P<d>\d+))?")
_BARE = re.compile(
    r"(?:\b(?:from|to|and|between|until|at)\s+|[到至从在和~,\[]\s*|=\s*)(?P<name>pi|π|e)"
    r"(?![A-Za-z\d^(*])",
    re.IGNORECASE,
)
_EN_SHARE = re.compile(
    r"\b(?:(?P<n>two|three|four|five|six|seven|eight|nine)[\s-]+|an?\s+|one[\s-]+)?"
    r"(?P<d>thirds?|quarters?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?)"
    r"(?=\s+(?:of|is|are|has|have|remain\w*|left|probability|chance)\b|\s*[.,?!]|\s*$)(?!\s+of\s+an?\b)",
    re.IGNORECASE,
)
_ORDINALS = {
    w: i + 3 for i, w in enumerate("third quarter fifth sixth seventh eighth ninth tenth".split())
}
_PLACES = re.compile(
    r"(?P<n>\d+|[一二两三四五六七八九十]+)(?:\s?(?P<m>米)\s|(?P<unit>米|块|元|公斤|公里|斤|尺|吨))"
    r"(?P<d>[零一二三四五六七八九][一二三四五六七八九](?![十百千万])|[一二三四五六七八九]|\d{1,2})"
    r"(?![\d./]|[\u3400-\u9fff](?<![的长高深宽远多左大厚重那这处以了吧呢啊呀就差不到还])(?<!块[一二三四五六七八九\d][一每钱就和买卖])(?<!米\d\d[我他她你，的身高爸妈体腰坐重]))"
)
_DIMES = re.compile(
    r"(?<![\d.一二两三四五六七八九十百千万块元])(?:(?P<y>\d+|[一二两三四五六七八九十]+)[块元])?"
    r"(?P<n>\d|[一二两三四五六七八九])[毛角](?:(?P<d>\d|[一二三四五六七八九])"
    r"(?=分?(?:钱|[一每][度斤个次张本件分公吨升千瓶]|$|[，。,.？?、])))?"
)
"""五毛六一度 and 三块五毛六: 0.56 and 3.56 of the money."""
_LATIN_LETTER = r"[A-Za-z]"


def read_parts(text: str) -> list[Mention]:
    """Return every part of a whole, and what is said with a half."""
    found = [*_composed(text), *_halves(text), *_fractions(text), *_tens(text)]
    found += _multiples_of_pi(text)
    for match in _PLACES.finditer(text):  # 一米二, 1米75, 三块五
        whole_part, part = _value(match["n"]), _value(match["d"])
        if whole_part is None or part is None:
            continue
        digits = len(match["d"])
        unit = read_unit(f"1{match['unit'] or match['m']}", 0, 1)[0]
        value = whole_part + part / 10**digits
        found.append(number(text, value, *match.span(), unit))
    for match in _DIMES.finditer(text):
        if not match["y"] and not match["d"]:
            continue  # 五毛 is read as it stands
        parts = [_value(match[name] or "0") for name in ("y", "n", "d")]
        whole_part, dimes, cents = (part or 0 for part in parts)
        value = (100 * whole_part + 10 * dimes + cents) / 100
        found.append(number(text, value, *match.span(), read_unit("1块", 0, 1)[0]))
    return found


_FEET = re.compile(
    r"(?<![\w.])(?P<ft>\d)\s*(?:feet|foot|ft|['’′])\s*(?P<in>\d{1,2})(?:[\"”″])?(?![\w.%])"
)
_STONE = re.compile(
    r"(?<![A-Za-z\d.])(?P<st>\d{1,2})\s*(?:stone|st)\s+(?P<lb>\d{1,2})(?:\s*(?:lbs?|pounds?)\b)?(?![\w.%])"
)
_CLOCKED = re.compile(
    rf"(?P<m>{_N})分钟?(?P<s>\d{{1,2}}(?:\.\d+)?|[一二三四五六七八九十]{{1,3}})秒钟?"
)


_HOURS = re.compile(
    rf"(?P<h>{_N})个?(?:小时|钟头)(?:零|又|加)?(?P<m>\d{{1,2}}|[一二三四五六七八九十]{{1,3}})分(?!之)钟?"
)
_DAY_AND_HALF = re.compile(
    rf"(?P<n>{_N})(?P<u>天|年|周|个月|小时|分钟|公里|公斤|斤|米|升)半(?![径衰个天年夜球价数])"
)
_HUNDRED_KM = re.compile(
    r"(?:每?百公里|100公里)(?:的?油耗|耗油|要?[用烧喝])?(?:是|为|要|约)?(?P<n>\d+(?:\.\d+)?)\s*(?:升|L\b|个油)"
)


_HEAD = re.compile(
    r"(?<![\d.])(?P<n>\d+)(?P<u>万|千|亿)(?P<d>[1-9])(?![\d.万千百亿]|[\u3400-\u9fff]*分之)"
)
"""8万8 is 88,000."""


_HEADS = re.compile(
    r"(?<![\d.])(?P<w>\d+)万(?P<q>[1-9])千(?:(?P<b>[1-9])百)?(?![\d.百]|[\u3400-\u9fff]*分之)"
)
"""8万2千 is 82,000."""


def _composed(text: str) -> list[Mention]:
    """Return "6 feet 2" and 5分30秒 as one length and one time."""
    found = []
    for match in _FEET.finditer(text):
        inches = float(match["in"])
        if inches < 12:
            value = 12 * float(match["ft"]) + inches
            found.append(number(text, value, *match.span(), by_name()["inch"]))
    for match in _STONE.finditer(text):
        pounds = float(match["lb"])
        if pounds < 14:
            pound = by_name()["lb"]
            found.append(number(text, 14 * float(match["st"]) + pounds, *match.span(), pound))
    for match in _HEADS.finditer(text):
        value = 1e4 * float(match["w"]) + 1e3 * float(match["q"]) + 100 * float(match["b"] or 0)
        unit, stop = read_unit(text, match.start(), match.end())
        found.append(number(text, value, match.start(), stop, unit))
    for match in _HEAD.finditer(text):
        scale = _TENS[match["u"]]
        count = int(match["n"]) * scale + int(match["d"]) * scale // 10
        found.append(number(text, count, *match.span(), None))
    for match in _HOURS.finditer(text):
        hours, minutes = _value(match["h"]), _value(match["m"])
        if hours is not None and minutes is not None and minutes < 60:
            time = float(f"{hours + minutes / 60:.12g}")
            found.append(number(text, time, *match.span(), by_name()["h"]))
    for match in _DAY_AND_HALF.finditer(text):
        whole_part = _value(match["n"])
        if whole_part is not None:
            unit = read_unit(f"1{match['u']}", 0, 1)[0]
            found.append(number(text, whole_part + 0.5, *match.span(), unit))
    for match in _HUNDRED_KM.finditer(text):
        unit = by_name()["l/100km"]
        found.append(number(text, float(match["n"]), *match.span(), unit))
    for match in _CLOCKED.finditer(text):
        minutes, seconds = _value(match["m"]), _value(match["s"])
        if minutes is not None and seconds is not None:
            found.append(number(text, 60 * minutes + seconds, *match.span(), by_name()["s"]))
    return found


def _value(said: str) -> float | None:
    return float(said) if said.isascii() else chinese_value(said)


def _halves(text: str) -> list[Mention]:
    found = []
    for match in _HALF.finditer(text):
        value = _half_value(match)
        start, end = match.span()
        unit, stop = read_unit(text, start, end)
        if value is not None and unit is not None:
            found.append(number(text, value, start, stop, unit))
    for match in _MINUTES.finditer(text):
        minutes = _value(match["n"])
        if minutes is not None:
            found.append(number(text, minutes + 0.5, *match.span(), by_name()["min"]))
    for match in _ONE.finditer(text):
        unit, stop = read_unit(text, match.start("a"), match.end("a"))
        if unit is not None:
            found.append(number(text, 1.0, match.start("a"), stop, unit))
    for match in _EACH.finditer(text):
        group = next(name for name in ("en", "zh", "cn") if match[name])
        unit = read_unit(f"1 {match[group]}", 0, 1)[0]
        if unit is not None:
            found.append(number(text, 1.0, *match.span(group), unit))
    for match in _AND_HALF.finditer(text):
        unit = read_unit(f"1 {match['u']}", 0, 1)[0]
        if unit is not None:
            found.append(number(text, 1.5, match.start(), match.end(), unit))
    return found


def _half_value(match: re.Match[str]) -> float | None:
    if match["cn"]:
        said = match["n"]
        if said is None:
            return 0.5
        whole_part = _value(said)
        return None if whole_part is None else whole_part + 0.5
    if match["q"]:
        return 0.75 if match["k"] else 0.25
    if match["w"]:
        word = match["w"].lower()
        return 1.5 if word in ("a", "an") else float(word if word.isdigit() else ONES[word]) + 0.5
    return 0.5


def _fractions(text: str) -> list[Mention]:
    found = []
    for form in (_FRACTION, _FRACTION_ZH):
        for match in form.finditer(text):
            below = float(match["b"])
            proper = below and float(match["a"]) < below
            if not proper or re.match(r"\s*(?:shop|service|club)", text[match.end() :]):
                continue
            unit, stop = read_unit(text, *match.span())
            value = float(match["a"]) / below
            found.append(number(text, value, match.start(), stop, unit, share=unit is None))
    return found


def _tens(text: str) -> list[Mention]:
    found = []
    percent = by_name()["%"]
    for match in _OF_TENS.finditer(text):
        value = chinese_value(match["body"])
        if value is not None:
            below = math.prod(_TENS[c] for c in match["of"])
            value = float(f"{100 * value / below:.12g}")
            found.append(number(text, value, *match.span(), percent))
    for match in _TENTHS.finditer(text):
        tens = _value(match["n"])
        if tens is not None:
            half = match["half"]
            value = 10 * tens + (0 if not half else 5 if half == "半" else CN_DIGIT[half])
            found.append(number(text, value, *match.span(), percent))
    for match in _DISCOUNT.finditer(text):
        said = match["n"]
        digits = said if said.isascii() else "".join(str(CN_DIGIT[c]) for c in said)
        value = float(digits) * (1 if len(digits) == 2 else 10)
        found.append(number(text, value, *match.span(), percent))
    return found


def _multiples_of_pi(text: str) -> list[Mention]:
    found = []
    for form in (_PI, _PI_ZH):
        for match in form.finditer(text):
            if match["n"] or match["d"]:
                value = float(match["n"] or 1) * math.pi / float(match["d"] or 1)
                found.append(Mention("number", value, *match.span(), match.group()))
    for match in _BARE.finditer(text):
        value = math.e if match["name"] in "eE" else math.pi
        found.append(Mention("number", value, *match.span("name"), match["name"]))
    return found


def read_shares(text: str) -> list[Mention]:
    """Return parts of something that is not named: "三分之二", "a quarter of"."""
    found = []
    for match in _PARTS.finditer(text):
        below, above = _value(match["of"]), _value(match["n"])
        if below and above is not None:
            share = above / below
            found.append(Mention("factor", share, *match.span(), match.group(), share=True))
    for match in _EN_SHARE.finditer(text):
        below = _ORDINALS[match["d"].lower().removesuffix("s")]
        share = (ONES[match["n"].lower()] if match["n"] else 1) / below
        found.append(Mention("factor", share, *match.span(), match.group(), share=True))
    return found


PROBABLE = re.compile(
    r"(?:probabilit\w+|chances?|odds|likelihood|fraction|proportion|概率|几率|机率|机会|可能性|可能|比例)"
    r"(?:\s+(?:of|is|to \w+|for \w+)|\s*[A-Za-z]?\s*[=:]|[\u3400-\u9fff]{0,6}?[为是有])?\s*$",
    re.IGNORECASE,
)


def plain_percent(mention: Mention) -> Mention:
    """Return "5 % more" or 增加20% as that many per cent."""
    said = _PER_CENT.search(mention.text)
    if mention.kind != "factor" or mention.share or said is None:
        return mention
    start, end = mention.start + said.start(), mention.start + said.end()
    value = whole(float(f"{abs(mention.number - 1) * 100:.12g}"))
    unit = by_name()["%"]
    return Mention("number", value, start, end, said.group(), unit, per=mention.per)


_PER_CENT = re.compile(r"\d+(?:\.\d+)?\s*(?:%|per ?cent)", re.IGNORECASE)


def as_share(text: str, mention: Mention) -> Mention:
    """Return a bare number between 0 and 1 that a word for chances stands before as a share."""
    if mention.kind != "number" or mention.unit is not None or mention.share:
        return mention
    if not 0 < mention.number < 1 or not PROBABLE.search(text[: mention.start]):
        return mention
    return replace(mention, share=True)


def summed(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return the mentions with "1 h 20 min", "6 ft 3 in", "3斤2两" made one each."""
    found: list[Mention] = []
    for mention in mentions:
        before = found[-1] if found else None
        if before is not None and _same_again(text, before, mention):
            said = text[before.start : mention.end]
            found[-1] = replace(mention, start=before.start, text=said)
        elif before is not None and _continues(text, before, mention):
            assert before.unit is not None
            assert mention.unit is not None
            more = mention.number * mention.unit.scale / before.unit.scale
            value = whole(float(f"{before.number + more:.12g}"))
            said = text[before.start : mention.end]
            found[-1] = replace(before, value=value, end=mention.end, text=said)
        else:
            found.append(mention)
    return found


_ABOUT = 0.07
"""How far apart two ways to say one time may lie: a month is 30 days, and a year is 365."""


def _same_again(text: str, one: Mention, other: Mention) -> bool:
    """Whether the second says the first once more in a smaller unit: 一个月30天, "a year (365
    days)"."""
    if one.unit is None or other.unit is None or one.kind != "number" or other.kind != "number":
        return False
    if one.unit.dimension != "time" or other.unit.dimension != "time" or one.number <= 0:
        return False
    if one.unit.scale <= other.unit.scale or other.number == int(other.number) <= 1:
        return False
    gap = text[one.end : other.start]
    ratio = other.number * other.unit.scale / (one.number * one.unit.scale)
    return abs(ratio - 1) <= _ABOUT and re.fullmatch(r"\s*[(（]?\s*(?:即|也就是)?", gap) is not None


def _continues(text: str, one: Mention, other: Mention) -> bool:
    if one.unit is None or other.unit is None or one.kind != "number" or other.kind != "number":
        return False
    if one.unit.dimension != other.unit.dimension or one.unit.dimension not in _SUMMED:
        return False
    gap = normal(text[one.end : other.start])
    smaller = other.unit.scale < one.unit.scale and other.number * other.unit.scale < one.unit.scale
    whole_part = one.number == int(one.number) and one.number >= 0 <= other.number
    return smaller and whole_part and re.fullmatch(r"\s*(?:and\s+)?零?", gap) is not None


_SUMMED = ("time", "length", "mass", "angle")
