"""Reads amounts as people say them: "1 metre 20", "42 mpg", 四十六平, 每立方厘米0.917克."""

from __future__ import annotations

import re

from .mention import Mention, number
from .numerals import WORD, chinese_value, english_value
from .units import by_name, product

_METRES = re.compile(
    r"(?<![\w.])(?P<m>\d{1,2}|one|two|three)\s*(?:m|metres?|meters?)\s+(?P<cm>\d\d)(?![\w.%])"
    r"(?=\s*(?:$|[,;.?!)]|(?:tall|high|deep|long|wide|below|above|under|over|off|up|down|from|of|in|and"
    r"|to|at|away|or|for|thick|across)\b))",
    re.IGNORECASE,
)
_FEET_AND_HALF = re.compile(
    r"(?<![\w.])(?P<ft>\d)\s*(?:feet|foot|ft|['’′])\s*(?P<in>\d{1,2})\s+and\s+a\s+half\b",
    re.IGNORECASE,
)
_SOME = rf"\b(?:{WORD})(?:[\s-](?:and\s)?(?:{WORD})){{0,3}}"
_MONEY = re.compile(
    rf"(?<![\w.])(?P<whole>\d{{1,9}}|{_SOME})\s+(?P<coin>pounds?|quid|dollars?|bucks?|euros?)\s+"
    rf"(?:and\s+)?(?P<part>\d\d|(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
    rf"(?:[\s-](?:one|two|three|four|five|six|seven|eight|nine))?|ten|[a-z]+teen))(?![\w.])"
    rf"(?=\s*(?:$|[,;.?!)]|(?:an?|per|each|for|the|every|and|or|plus|in|to)\b))",
    re.IGNORECASE,
)
_PER_GALLON = re.compile(
    r"(?<![\w.])(?P<n>\d{1,6}(?:\.\d{1,6})?)\s*(?:mpg|miles?\s+(?:to\s+the|per|a)\s+gallon)\b"
    r"(?:\s*\(?(?:(?P<us>us|u\.s\.|american)|uk|imperial|british)\b(?:\s+gallons?)?\)?)?",
    re.IGNORECASE,
)
_BRITISH = re.compile(
    r"\bU\.?K\b|imperial|british|£|pence|\bpounds?\b[^.;]{0,20}\b(?:litre|gallon)", re.IGNORECASE
)
_US_MPG, _UK_MPG = 235.2145833, 282.4809363
"""Litres per 100 km times miles per gallon: 378.5411784 / 1.609344, 454.609 / 1.609344."""
_UNIT_AND_HALF = re.compile(
    r"(?<!\bper )(?<!\bevery )(?<!\beach )(?<!\bhalf )(?<!\d )(?:(?:an?|one)\s+)?"
    r"\b(?P<u>hour|day|week|month|year|mile|kilo|pound|litre|liter)\s+and\s+a\s+half\b",
    re.IGNORECASE,
)


_PER_HUNDRED = re.compile(
    r"(?<![\w.])(?P<n>\d{1,4}(?:\.\d{1,4})?)\s*(?:l|litres?|liters?)\s*(?:/|per|every|on|for(?:\s+every)?"
    r"|to(?:\s+the)?|each)\s*(?:100|a\s+hundred|hundred)\s*(?:kms?|kilomet(?:re|er)s?)\b"
    r"|(?:(?<!\d)100|一?百)公里(?:的?油耗|耗油|要|得|吃|喝|烧|用|费|大?约|大概){1,3}掉?(?:是|为)?\s*"
    r"(?P<cn>\d{1,4}(?:\.\d{1,4})?)\s*(?:升|个油|L\b)",
    re.IGNORECASE,
)
_AND_SECONDS = re.compile(
    r"(?<![A-Za-z\d.:])(?P<n>\d{1,3})(?:\s*(?P<u>minutes?|mins?|hours?|hrs?)\s+(?P<r>[0-5]\d)(?![\w.:%])"
    r"(?=\s*(?:$|[,;.?!)]|(?:for|in|at|on|per|each|and|to|of|with|over|so|how|what|which|,)\b))"
    r"|(?P<cu>分钟?|小时)(?P<cr>[0-5]\d)(?=[，,。；;？?！!、\s]|$))",
    re.IGNORECASE,
)
_RACE = re.compile(
    r"\b(?:ran|runs?|running|jog(?:s|ged|ging)?|race[ds]?|racing)\s+(?:(?:an?|my|the|this|his|her|first)\s+)?"
    r"(?P<n>\d{1,3})\s?k(?=\s*(?:$|[,.;?!]|(?:in|at|on|with|run|race|time|pace|under|every|and)\b))",
    re.IGNORECASE,
)
_SMALL_UNIT = re.compile(r"(?<![A-Za-z\d.])(?P<n>\d{1,5}(?:\.\d{1,4})?)(?P<u>[vw])(?![A-Za-z\d'’])")
"""Units that should be capitals, written right behind their number: 9v, 60w."""
_HOURLY_CN = re.compile(
    r"时速(?:为|是|约|达到?)?\s?(?P<n>[一二两三四五六七八九十百千]{1,7})(?=[，,。；;？?、的]|$)"
)
_AND_HALF_CN = re.compile(
    r"(?<![\d.])(?P<n>\d{1,6}|[一二两三四五六七八九十百]{1,7})(?P<c>[圈个杯碗瓶袋盒箱桶块片张勺盘倍包趟节串页盆])半"
    r"(?![径衰天夜球价数个小大音月年周])"
)
_CODE_SPEED = re.compile(
    r"(?<![\d.])(?P<n>\d{1,3}|[一二两三四五六七八九十百]{1,6})码(?![数头表长布头字农])"
)
_DRIVEN = re.compile(r"[车辆]|时速|开到|高速|限速|超速|油门|飙")


_CN = "一二两三四五六七八九十百千"
_NUMBER = rf"(?:[{_CN}]{{1,9}}(?:点[零一二三四五六七八九]{{1,9}})?|\d{{1,12}}(?:\.\d{{1,9}})?)"
_AREA = re.compile(
    rf"(?<![\d.胜{_CN}])(?P<n>{_NUMBER})\s?平"
    rf"(?![均方行面静衡时安台坦淡稳移]|和(?![\d{_CN}])|\d{{0,3}}负)"
)
_MASS = r"(?P<mass>毫克|千克|公斤|克|吨)"
_DENSITY = re.compile(
    rf"每一?(?P<of>立方厘米|立方分米|立方米|毫升|升)(?:的?[\u3400-\u9fff]{{0,4}}?)?"
    rf"(?:重|有|是|为|约)?\s?(?P<n>{_NUMBER})\s?{_MASS}"
)
_AS_WELL = re.compile(
    rf"[，,、]\s?[\u3400-\u9fff]{{1,4}}?(?:则?是|则?为)\s?(?P<n>{_NUMBER})\s?{_MASS}"
    rf"(?=[，,。；;？?]|$)"
)
"""The same of something else, said shorter in the next clause: 冰每立方厘米0.9克，水是1克."""


def read_spoken(text: str) -> list[Mention]:
    """Return those amounts; money has no unit."""
    names, found = by_name(), []
    british = _BRITISH.search(text) is not None
    for match in _FEET_AND_HALF.finditer(text):
        inches = 12 * float(match["ft"]) + float(match["in"]) + 0.5
        found.append(number(text, inches, *match.span(), names["inch"]))
    for match in _METRES.finditer(text):
        metres = _value(match["m"]) + float(match["cm"]) / 100
        found.append(number(text, metres, *match.span(), names["m"]))
    for match in _MONEY.finditer(text):
        sum_of_money = _value(match["whole"]) + _value(match["part"]) / 100
        found.append(number(text, float(f"{sum_of_money:.12g}"), *match.span(), None))
    for match in _PER_GALLON.finditer(text):
        per_gallon = float(match["n"])
        if per_gallon > 0:
            of_a_gallon = _UK_MPG if british else _US_MPG
            of_a_gallon = _US_MPG if match["us"] else of_a_gallon
            litres = float(f"{of_a_gallon / per_gallon:.6g}")
            found.append(number(text, litres, *match.span(), names["l/100km"]))
    for match in _UNIT_AND_HALF.finditer(text):
        found.append(number(text, 1.5, *match.span(), names[match["u"].lower()]))
    found += _of_ways(text)
    for match in _AREA.finditer(text):
        if (area := _value(match["n"])) > 0:
            found.append(number(text, area, *match.span(), names["m^2"]))
    return found + _densities(text)


def _of_ways(text: str) -> list[Mention]:
    """Return what is said of driving, running and plugs: "6 l per 100 km", "52 minutes 30", "10k",
    80码, 12圈半, 9v."""
    names, found = by_name(), []
    for match in _PER_HUNDRED.finditer(text):
        litres = float(match["n"] or match["cn"])
        found.append(number(text, litres, *match.span(), names["l/100km"]))
    for match in _AND_SECONDS.finditer(text):
        minutes = float(match["n"]) + float(match["r"] or match["cr"]) / 60
        hours = (match["u"] or match["cu"])[0].lower() in "h小"
        unit = names["h" if hours else "min"]
        found.append(number(text, float(f"{minutes:.12g}"), *match.span(), unit))
    for match in _RACE.finditer(text):
        start, end = match.start("n"), match.end()
        found.append(number(text, float(match["n"]), start, end, names["km"]))
    for match in _SMALL_UNIT.finditer(text):
        found.append(number(text, float(match["n"]), *match.span(), names[match["u"].upper()]))
    for match in _HOURLY_CN.finditer(text):
        start, end = match.span("n")
        found.append(number(text, _value(match["n"]), start, end, names["km/h"]))
    for match in _CODE_SPEED.finditer(text) if _DRIVEN.search(text) else ():
        found.append(number(text, _value(match["n"]), *match.span(), names["km/h"]))
    for match in _AND_HALF_CN.finditer(text):
        found.append(number(text, _value(match["n"]) + 0.5, *match.span(), None))
    return found


def _densities(text: str) -> list[Mention]:
    names, found = by_name(), []
    for match in _DENSITY.finditer(text):
        unit = product([(names[match["mass"]], 1), (names[match["of"]], -1)])
        found.append(number(text, _value(match["n"]), *match.span(), unit))
        other = _AS_WELL.match(text, match.end())
        if other is not None and other["mass"] == match["mass"]:
            start, end = other.start("n"), other.end()
            found.append(number(text, _value(other["n"]), start, end, unit))
    return found


def _value(said: str) -> float:
    if said.isascii() and said[0].isdigit():
        return float(said)
    if not said.isascii():
        return chinese_value(said) or 0.0
    return english_value(re.findall(r"[a-z]+", said.lower())) or 0.0
