"""Reads numbers, units, factors and colours from Chinese and English text, by code.

"5,000", "5k", "ten million", "两万", "一百二十", "3.5 km", "每小时60公里", "50%", "twice", "一半",
"blue", "蓝色": each comes back with its place in the text. What is no number is left alone:
"3D", "三维", "H2O", "三体".
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from .asides import without_asides
from .colours import read_colours
from .mention import RATE, Mention, normal, number, rate, whole
from .moments import read_moments
from .numerals import CN_DIGIT, ENGLISH, ONES, WORD, chinese_value, english_value
from .shares import as_share, read_parts, read_shares, summed
from .spoken import read_spoken
from .units import Unit, by_name, product, read_unit

__all__ = ["Mention", "normal", "read", "whole"]


def read(text: str) -> list[Mention]:
    """Return every mention in the text, in order, without overlaps; longer ones win."""
    return list(_read(text))


@lru_cache(256)
def _read(text: str) -> tuple[Mention, ...]:
    plain = normal(text)
    found: list[Mention] = []
    readers = (
        read_moments, read_spoken, read_parts, _factors, read_shares, read_colours,
        _digits, _chinese, _english,
    )  # fmt: skip
    for reader in readers:
        for mention in reader(plain):
            if not any(mention.start < m.end and m.start < mention.end for m in found):
                found.append(mention)
    found = summed(plain, sorted(found, key=lambda m: m.start))
    found = [as_share(plain, _as_count(plain, mention)) for mention in found]
    return tuple(_rated(plain, without_asides(plain, found)))


_COUNTING = re.compile(r"\s*(?:[回次个只颗枚张遍道趟轮盏栋匹株支枝位名]|times\b)")


def _as_count(text: str, mention: Mention) -> Mention:
    """Return a whole number with a counting word behind it (6回, "6 times") as a count."""
    if mention.kind != "number" or mention.unit is not None or mention.share:
        return mention
    if mention.number != int(mention.number) or not _COUNTING.match(text, mention.end):
        return mention
    return replace(mention, counted=True)


_NEAR_BEHIND = re.compile(r"(?:\s*[A-Za-z]+){0,3}\s*[,，]?\s*|\s*[㐀-鿿]{0,4}\s*")
_NEAR_BEFORE = re.compile(r"[㐀-鿿]{0,7}[:：]?\s*|(?:\s*[A-Za-z]+){0,2}\s+")
_GOES_ON = re.compile(
    r"\s*(?:$|[^A-Za-z\s]|(?:by|for|and|with|at|in|on|end|to|from|when|until|is|are|or|if|then|than|"
    r"how|what|after|over|during|compounded|interest)\b)",
    re.IGNORECASE,
)


def _rated(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return the mentions with what they are counted by: 80 customers *per hour*, *每月*存300元."""
    rates = [match for match in RATE.finditer(text)]
    if not rates:
        return list(mentions)
    # 一年 of 一年捞四百吨 is no year of its own.
    once = [m.span() for m in rates if m.group().startswith("一")]
    mentions = [m for m in mentions if not any(a <= m.start and m.end <= b for a, b in once)]
    found = []
    for i, mention in enumerate(mentions):
        ends = mentions[i + 1].start if i + 1 < len(mentions) else len(text)
        begins = mentions[i - 1].end if i else 0
        for match in rates:
            start, end = match.span()
            behind = mention.end <= start and end <= ends and _behind(text, mention, match)
            before = begins <= start and end <= mention.start and _before(text, mention, match)
            if mention.kind != "number" or not (behind or before):
                continue
            if mention.unit is not None and _speeds_up(text, mention, match):
                second = by_name()["s"]
                mention = replace(mention, unit=product([(mention.unit, 1), (second, -1)]))
                break
            if _countable(mention, match):
                mention = _moving(replace(mention, per=rate(match)))
                break
        found.append(mention)
    return found


def _moving(mention: Mention) -> Mention:
    """Return so many metres every second as a speed; so many kilometres a day are none."""
    unit, per = mention.unit, mention.per
    if unit is None or per is None or unit.dimension != "length":
        return mention
    if per.dimension != "time" or per.scale > by_name()["h"].scale:
        return mention
    return replace(mention, unit=product([(unit, 1), (per, -1)]), per=None)


def _behind(text: str, mention: Mention, match: re.Match[str]) -> bool:
    if match["interest"] or match["zh"]:
        return False
    ordinal = (match["en"] or "").lower() == "second"
    if ordinal and not _GOES_ON.match(text, match.end()):
        return False  # "hits a second ball"
    return _NEAR_BEHIND.fullmatch(text[mention.end : match.start()]) is not None


def _before(text: str, mention: Mention, match: re.Match[str]) -> bool:
    gap = text[match.end() : mention.start]
    if match["zh"] or match["interest"]:
        return re.fullmatch(r"[㐀-鿿]{0,8}[:：]?\s*", gap) is not None
    return match["adverb"] is not None and _NEAR_BEFORE.fullmatch(gap) is not None


_GAINS = re.compile(r"[减加快慢增降掉]")


def _speeds_up(text: str, mention: Mention, match: re.Match[str]) -> bool:
    """Whether it is so much of a speed every second: "4 m/s per second", 每秒减4米每秒."""
    speed = mention.unit is not None and mention.unit.dimension == "speed"
    if not speed or match["interest"] or match["adverb"] or rate(match).symbol != "s":
        return False
    if match["zh"]:
        return _GAINS.search(text[match.end() : mention.start]) is not None
    return text[mention.end : match.start()].strip() == ""


def _countable(mention: Mention, match: re.Match[str]) -> bool:
    """Whether the number can be so many an hour: neither a moment nor a time or an angle."""
    return mention.unit is None or mention.unit.dimension not in (
        "time", "angle", "temperature", "date", "clock", "speed", "frequency",
    )  # fmt: skip


# Digits ------------------------------------------------------------------------------------------

_SCALES = {"k": 1e3, "K": 1e3, "M": 1e6, "bn": 1e9, "B": 1e9}
_SCALE_WORDS = {
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "millions": 1e6, "billion": 1e9,
    "trillion": 1e12, "dozen": 12.0,
    "百": 1e2, "千": 1e3, "万": 1e4, "百万": 1e6, "千万": 1e7, "亿": 1e8, "萬": 1e4, "億": 1e8,
}  # fmt: skip
_DIGITS = re.compile(
    r"(?:(?<![A-Za-z0-9_#.^])|(?<=\dx)|(?<=\d[×])|(?<=\d\^)(?=\d{3})|(?<=ROT)|(?<=rot))(?P<sign>[-−](?=[\d.])"
    r"(?:(?<=温度-)|(?<=温度−)|(?<![^\W从在到至是为取和与跟于乘除加以有得当由或约变值温差焓熵势锌铁]-))(?<!\)-))?"
    r"(?P<body>(?:\d{1,3}(?:,\d{3})+|\d{1,3}(?: \d{3})*(?: 000)+|\d{1,2}(?: \d{3})+)(?!\d)"
    r"(?:\.\d+)?|\d+(?:_\d+)*(?:\.\d+)?(?!\.?\d)|\.\d+)"
    r"(?:(?:\^|\*\*)(?P<power>\d{1,2})(?!\d)|[eE](?P<exponent>[+-]?\d{1,3})(?![A-Za-z\d_.])"
    r"|\s?[×x*·]\s?10(?:\^|\*\*)(?P<ten>[-−]?\d{1,3})(?![\d.]))?"
    r"(?:(?P<suffix>k|K|M|bn|B)(?![A-Za-z0-9/])"
    r"|(?P<word>(?:\s*(?:hundred|thousand|millions?|billion|trillion|dozen)\b)+)"
    r"|\s*(?P<zh>百万|千万|百(?!分)|千(?![米克])|万|萬|亿|億)+)?"
    r"(?P<half>\s+and\s+a\s+half\b)?(?:st|nd|rd|th)?"
)
_ISOTOPE = re.compile(r"[A-Za-z]-$|[氢氦碳氮氧钾钴碘铯铀钚钍镭氡锶锝铊]$")
"""What stands before the number of a name: carbon-14, 碘131, covid-19."""
_DIME = re.compile(r"毛(?![\u3400-\u9fff]|\d)|毛(?=[一钱每])")
_WARM = re.compile(
    r"(?:temperature|warm|heat|cool|gas at|温|热|\bT\s*=)[^,，;；。]*$", re.IGNORECASE
)
"""What makes 400K kelvins and no thousands."""
_HOURLY = re.compile(r"时速(?:为|是|约)?\s*$")
_DRIVEN = re.compile(r"(?:限速|[开跑](?:到|了|的是?|着)?|车速(?:是|为)?)\s*$")
_DRIVES_ON = re.compile(r"\s*(?:[，。、,.;；?？的]|$|[比要跑得以]|和|跟|改|时)")
_SLOWEST, _QUICKEST = 20, 350
"""Between which a number that somebody drives is so many kilometres an hour: 限速120, 开110."""
_DRIVING = re.compile(r"(?:[车航限船球风]速|速度)(?:为|是|约|达到?|有|在)?\s*$")
_GLUED = re.compile(r"(?!x\d)[A-Za-z_]")


def _digits(text: str) -> list[Mention]:
    found = []
    for match in _DIGITS.finditer(text):
        try:
            value = _digits_value(match, text)
        except OverflowError:
            continue
        if not math.isfinite(value):
            continue
        unit, end = read_unit(text, match.start(), match.end())
        if match["suffix"] == "K" and _WARM.search(
            text[max(0, match.start() - 16) : match.start()]
        ):
            unit, value = by_name()["K"], value / 1000
        if unit is None and _HOURLY.search(text, max(0, match.start() - 6), match.start()):
            unit = by_name()["km/h"]
        if unit is None and _SLOWEST <= value <= _QUICKEST and _DRIVES_ON.match(text, match.end()):
            if _DRIVEN.search(text, max(0, match.start() - 6), match.start()):
                unit = by_name()["km/h"]
        if unit is not None and unit.symbol == "c" and not 0 < value <= 1:
            unit, end = None, match.end()  # b = 4, c = 5
        if unit is not None and unit.symbol == "km" and _DRIVING.search(text, 0, match.start()):
            unit = by_name()["km/h"]  # 车速100公里
        if unit is None and _GLUED.match(text, match.end()):
            continue  # 3D, 2nd-order names, 1Dplot
        if unit is None and not match["sign"] and _ISOTOPE.search(text[: match.start()]):
            continue
        value, end = _and_half(text, value, unit, end)
        if unit is None and _DIME.match(text, end):
            value, end = float(f"{value / 10:.12g}"), end + 1
        found.append(number(text, value, match.start(), end, unit))
    return found


def _and_half(text: str, value: float, unit: Unit | None, end: int) -> tuple[float, int]:
    """Read the half behind a unit: 一升半, 两年半."""
    if unit is None or not re.match(r"半(?![径衰个天年夜球价数])", text[end:]):
        return value, end
    return value + 0.5, end + 1


def _digits_value(match: re.Match[str], text: str) -> float:
    value = float(re.sub(r"[, _]", "", match["body"]))
    if match["half"]:
        value += 0.5
    if match["power"]:
        value = value ** int(match["power"])
    if match["exponent"]:
        value *= 10.0 ** int(match["exponent"])
    if match["ten"]:
        power = int(match["ten"].replace("−", "-"))
        value = value * 10.0**power if power >= 0 else value / 10.0**-power
    if match["suffix"]:
        value *= _SCALES[match["suffix"]]
    for word in (match["word"] or "").split():
        value *= _SCALE_WORDS[word]
    if match["zh"]:
        value *= _chinese_scale(text[match.start("body") : match.end()])
    return -value if match["sign"] else value


def _chinese_scale(text: str) -> float:
    scale = 1.0
    for word in re.findall(r"[百千万萬亿億]", text):
        scale *= _SCALE_WORDS[word]
    return scale


# Chinese numerals --------------------------------------------------------------------------------

_CN = re.compile(r"[零〇一二两三四五六七八九十百千万亿萬億]+(?:点[零〇一二三四五六七八九]+)?半?")
_CLASSIFIERS = (
    "个颗只辆条张幅次步圈层群团种位名座棵粒枚块台艘架根滴朵片对组行列格代轮倍帧间桌扇盏栋幢支枝株匹双本封瓶碗"
    "盘盒袋箱罐束串堆排件套页户节遍趟杯桶壶筐篮捆包勺段截"
)
_HOLDS = re.compile(
    r"[箱盒袋桶瓶班组包罐篮筐捆串盘壶](?:里|中|内|有|装|共)*[\d二两三四五六七八九十百]"
)
_ORDER = re.compile(r"[一二三四五六]次(?=方程|函数|曲线|项|多项式|型|元)")
"""A name of equations and no number of them."""
_SOME = ("一二", "两三", "二三", "三四", "四五", "五六", "六七", "七八", "八九")
"""Some, and not 78."""
_NOUN = re.compile(
    r"车道|回(?![合来去头家忆事收])|局(?![部长面势限])|枪(?![口手支])|箭(?![头手])|人(?![工造体民类])|发(?![动现生展明表电射])|面(?=[墙镜旗鼓])|头(?=[牛猪羊鹿狼象狮熊驴骡蒜])"
    r"|口(?=[人井锅钟缸])|(?<=家[二两三四五六七八九])口"
)
"""What is counted without a classifier, or with one that is often another word: 两车道, 三发."""
_PIPS = re.compile(r"点(?:的?(?:概率|几率|可能|机会|机率)|以[上下]|或|[，,。?？]|$)")
"""What follows a number that dice show: 正好十点的概率."""
_FACE = re.compile(r"[\d二两三四五六七八九十]个$")
"""What stands before a number on a die or a card: 4个六."""
_ONE_BY_ONE = re.compile(r"一(?P<c>[\u3400-\u9fff])(?:(?P=c)|一(?P=c))")
"""One after another, and no number: 一粒粒, 一天天, 一个一个."""
_KILO = re.compile(r"[焦瓦米克欧赫帕伏安牛卡]")
"""What makes a unit of the 千 before it."""
_CN_PERCENT = re.compile(
    r"百分之(?P<body>[零〇一二两三四五六七八九十百]+(?:点[零〇一二三四五六七八九]+)?|[\d.]+)"
)


def _chinese(text: str) -> list[Mention]:
    found = []
    for match in _CN_PERCENT.finditer(text):
        value = chinese_value(match["body"])
        if value is not None:
            percent = read_unit("0%", 0, 1)[0]
            found.append(number(text, value, match.start(), match.end(), percent))
    for match in _CN.finditer(text):
        body, end = match.group(), match.end()
        if len(body) > 1 and body[-1] == "一" and text[end : end + 1] in tuple("直般定样共起些"):
            body, end = body[:-1], end - 1  # 加三一直加到一百
        if len(body) > 1 and body[-1] == "千" and body[-2] in "十百千万亿":
            if _KILO.match(text, end):
                body, end = body[:-1], end - 1  # 两万千焦
        if body == "一" and _ONE_BY_ONE.match(text, match.start()):
            continue
        value = chinese_value(body)
        if value is None:
            continue
        unit, stop = read_unit(text, match.start(), end)
        if body[-1] == "两" and len(body) > 1 and (body[-2] in CN_DIGIT or body[-2] == "十"):
            fewer = chinese_value(body[:-1])  # 三两 weighs 150 g
            if fewer is not None:
                liang = by_name()["两"]
                found.append(number(text, fewer, match.start(), end, liang))
            continue
        value, stop = _and_half(text, value, unit, stop)
        classified = text[end : end + 1] in _CLASSIFIERS and end < len(text)
        classified = classified or _NOUN.match(text, end) is not None
        classified = classified or _PIPS.match(text, end) is not None
        ordinal = text[: match.start()].endswith("第")
        if ordinal and body in ("一", "二", "两") and text[end : end + 1] == "次":
            continue  # 第一次
        # One numeral alone is often part of a word: 三体, 一起, 万花筒, 十字.
        face = _FACE.search(text[: match.start()]) and re.match(r"的|\W|$", text[end:])
        if len(body) == 1 and unit is None and not (classified or ordinal or face):
            continue
        if _ORDER.match(text, match.start()) or body in _SOME:
            continue
        if text.startswith(
            ("一点", "一些", "一下", "零件", "零钱", "零售", "零花", "零食"), match.start()
        ):
            continue
        if re.search(r"[哪几某任每]$", text[: match.start()]) and len(body) == 1:
            continue  # 哪一年
        if body == "一" and unit is not None and re.search(r"[头有同]$", text[: match.start()]):
            continue  # 头一天, 有一天
        if unit is None and re.match(r"[维角边体]", text[end:]) and len(body) == 1:
            continue
        if body == "一" and unit is None and _HOLDS.match(text, end):
            continue  # 一箱20个: the box is no number
        weak = len(body) == 1 and unit is None
        weak = weak and (value == 1 or (ordinal and text[end : end + 1] == "次"))
        found.append(number(text, value, match.start(), stop, unit, weak=weak))
    return found


# English number words ----------------------------------------------------------------------------

_NOT_A_NUMBER = re.compile(
    r"[\s-]*(?:dimension|body\b|bodies|of\b(?!\s+(?:us|them|you)\b)|another\b|way\b)", re.IGNORECASE
)


_DIGIT_WORDS = {word: value for word, value in ONES.items() if value < 10} | {
    "oh": 0.0,
    "nought": 0.0,
}
_POINT = re.compile(rf"\s+point((?:\s+(?:{'|'.join(_DIGIT_WORDS)})\b)+)", re.IGNORECASE)


def _english(text: str) -> list[Mention]:
    found = []
    for match in ENGLISH.finditer(text):
        words = re.findall(r"[a-z]+", match.group().lower())
        end = match.end()
        if words[-1] == "half" and re.match(r"[\s-]*(?:steps?|tones?)\b", text[end:]):
            words, end = words[:-1], end - len("half") - 1  # five half steps
        value = english_value(words) if words else None
        if value is not None and (decimals := _POINT.match(text, end)) is not None:
            digits = "".join(f"{_DIGIT_WORDS[w]:g}" for w in decimals[1].lower().split())
            value, end, words = value + float(f"0.{digits}"), decimals.end(), [*words, "point"]
        unit, end = read_unit(text, match.start(), end)
        if value is None or not math.isfinite(value):
            continue
        if unit is None and _NOT_A_NUMBER.match(text, match.end()):
            continue
        weak = words == ["one"] and (unit is None or unit.dimension != "time")
        found.append(number(text, value, match.start(), end, unit, weak=weak))
    for match in _ORDINAL.finditer(text):
        value = float(_ORDINALS.index(match.group().lower()) + 3)
        weak = _NTH.match(text, match.end()) is None
        found.append(number(text, value, *match.span(), None, weak=weak))
    return found


_NTH = re.compile(
    r"\s+(?:powers?|harmonics?|overtones?|terms?|generations?|rows?|iterations?|digits?|order|floor)\b",
    re.I,
)
"""Of what there may be a tenth: then it is as good as the number 10."""
_ORDINALS = "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
_ORDINAL = re.compile(rf"\b(?:{'|'.join(_ORDINALS)})\b", re.IGNORECASE)


# Factors -----------------------------------------------------------------------------------------

_CN_NUMERAL = r"[零〇一二两三四五六七八九十百千]+(?:点[零〇一二三四五六七八九]+)?半?|\d+(?:\.\d+)?"
_ONE = "|".join(sorted(ONES, key=len, reverse=True))
# "Three times as hot" is a factor, "roll it 1000 times" is a number.
_TIMES = r"(?=\s+(?:as|more|less|fewer|the|that|its|\w+er)\b)"
_BY = r"[^.,;\d]{0,40}?(?P<at>\bby\s+(?P<n>\d+(?:\.\d+)?)\s*%)"
_FACTORS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(form, re.IGNORECASE), meaning)
    for form, meaning in (
        (r"\b(?:twice|double[ds]?|doubling)\b|翻一?倍|翻番|加倍|增加一倍"
         r"|[多快大高热贵涨重]一倍", "2"),
        (r"\b(?:triple[ds]?|thrice)\b", "3"),
        (r"\bquadruple[ds]?\b", "4"),
        (r"\b(?:half(?![\s-]*(?:li[fv]e|steps?|tones?|ax[ei]s|turns?|moons?|planes?))(?!\s+an?\s+(?:hundred|thousand|million|billion|dozen))|halve[ds]?)\b"
         r"|减半|一半|减少一半", "0.5"),
        (r"\b(?:a\s+)?third as\b|三分之一", str(1 / 3)),
        (r"\b(?:a\s+)?quarter as\b|四分之一", "0.25"),
        (rf"(?<![\d.])(?P<n>\d+(?:\.\d+)?)\s*(?:x\b(?!\s*\d)|times\b{_TIMES}|×(?!\s*\d))", "n"),
        (rf"(?P<n>{_CN_NUMERAL})倍", "n"),
        (rf"\b(?P<n>{_ONE})\s+times\b{_TIMES}", "n"),
        (rf"\b(?:increase|raise|speed)\w*\b{_BY}", "more"),
        (rf"\b(?:decrease|reduce|lower|slow)\w*\b{_BY}", "less"),
        (r"(?P<n>\d+(?:\.\d+)?)\s*(?:%|percent)\s+(?:more|faster|bigger|larger|higher|hotter|"
         r"longer|stronger|greater)\b|(?:增加|提高|加快|增大|加大)了?(?P<m>\d+(?:\.\d+)?)%",
         "more"),
        (r"(?P<n>\d+(?:\.\d+)?)\s*(?:%|percent)\s+(?:less|fewer|slower|smaller|lower|cooler|"
         r"colder|shorter|weaker)\b|(?:减少|降低|减慢|减小)了?(?P<m>\d+(?:\.\d+)?)%", "less"),
    )
)  # fmt: skip

_AND_A_HALF = re.compile(rf"(?:\d|\b(?:{WORD}))\s+and\s+(?:an?\s+)?\Z", re.IGNORECASE)


def _factors(text: str) -> list[Mention]:
    found = []
    for form, meaning in _FACTORS:
        for match in form.finditer(text):
            if _AND_A_HALF.search(text, max(0, match.start() - 24), match.start()):
                continue
            groups = {k: v for k, v in match.groupdict().items() if v and k != "at"}
            said = next(iter(groups.values()), "")
            if meaning in ("n", "more", "less"):
                value = ONES.get(said.lower()) or chinese_value(said)
                if value is None:
                    continue
                if meaning != "n":
                    value = 1 + value / 100 * (1 if meaning == "more" else -1)
            else:
                value = float(meaning)
            start, end = match.span("at" if "at" in form.groupindex else 0)
            part = text[start:end].lower() in ("half", "一半", "三分之一", "四分之一")
            found.append(Mention("factor", value, start, end, text[start:end], share=part))
    return found
