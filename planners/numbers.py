"""Reads numbers, units, factors and colours from Chinese and English text, by code.

"5,000", "5k", "ten million", "两万", "一百二十", "3.5 km", "每小时60公里", "50%", "twice", "一半",
"blue", "蓝色": each comes back with its place in the text. What is no number is left alone:
"3D", "三维", "H2O", "三体".
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Literal

from .units import Unit, read_unit

Kind = Literal["number", "factor", "colour"]


@dataclass(frozen=True)
class Mention:
    """Something countable or colourful that a person said."""

    kind: Kind
    value: float | str
    start: int
    end: int
    """Of the whole, unit included."""
    text: str
    unit: Unit | None = None
    weak: bool = False
    """Says hardly more than an article: "one", "一个"."""

    @property
    def number(self) -> float:
        """The value of a number or factor."""
        assert not isinstance(self.value, str)
        return self.value


def normal(text: str) -> str:
    """Return the text with full-width digits and letters made plain, character by character."""
    return "".join(_plain(character) for character in text)


def read(text: str) -> list[Mention]:
    """Return every mention in the text, in order, without overlaps; longer ones win."""
    plain = normal(text)
    found: list[Mention] = []
    for reader in (_parts, _factors, _colours, _digits, _chinese, _english):
        for mention in reader(plain):
            if not any(mention.start < m.end and m.start < mention.end for m in found):
                found.append(mention)
    return sorted(found, key=lambda m: m.start)


def whole(number: float) -> int | float:
    """Return an int where the number is one."""
    return int(number) if number == int(number) and abs(number) < 1e15 else number


# Parts: halves, fractions, tenths, multiples of pi ------------------------------------------------

_CN_UNITS = "小时|钟头|分钟|天|年|个月|月|公里|米|斤|公斤|升|秒"
_HALF = re.compile(
    rf"(?P<cn>(?:(?P<n>[一二两三四五六七八九十]+|\d+)个?)?半个?(?=(?:{_CN_UNITS})))"
    r"|(?P<en>\b(?:(?P<w>\d+|an?|one|two|three|four|five|six)\s+and\s+a\s+half|half(?:\s+of)?\s+an?"
    r"|(?P<q>(?P<k>three\s+)?(?:a\s+)?quarters?\s+of\s+an?))(?=\s+(?P<u>[A-Za-z]+)))",
    re.IGNORECASE,
)
_AND_HALF = re.compile(r"\b(?:an?|one)\s+(?P<u>[a-z]+)\s+and\s+a\s+half\b", re.IGNORECASE)
_FRACTION = re.compile(r"(?<![\w./])(?P<a>\d{1,4})\s?/\s?(?P<b>\d{1,4})(?![\w./]|\s*[\w(]*[/^*])")
_TENTHS = re.compile(
    r"(?P<n>[一二两三四五六七八九]|\d(?:\.\d)?)成(?P<half>半)?(?![为了本立功人都长熟])"
)
_PI = re.compile(
    r"(?<![\w.])(?P<n>\d+(?:\.\d+)?)?\s?(?:π|pi\b)(?:\s?/\s?(?P<d>\d+))?", re.IGNORECASE
)


def _parts(text: str) -> list[Mention]:
    found = []
    for match in _HALF.finditer(text):
        value = _half_value(match)
        start, end = match.span()
        unit, stop = read_unit(text, start, end)
        if value is not None and unit is not None:
            found.append(_number(text, value, start, stop, unit))
    for match in _AND_HALF.finditer(text):
        unit = read_unit(f"1 {match['u']}", 0, 1)[0]
        if unit is not None:
            found.append(_number(text, 1.5, match.start(), match.end(), unit))
    for match in _TENTHS.finditer(text):
        tens = _CN_DIGIT.get(match["n"]) if match["n"] in _CN_DIGIT else float(match["n"])
        if tens is not None:
            value = 10 * tens + (5 if match["half"] else 0)
            percent = read_unit("0%", 0, 1)[0]
            found.append(_number(text, value, match.start(), match.end(), percent))
    for match in _PI.finditer(text):
        if match["n"] or match["d"]:
            value = float(match["n"] or 1) * math.pi / float(match["d"] or 1)
            found.append(Mention("number", value, *match.span(), match.group()))
    for match in _FRACTION.finditer(text):
        below = float(match["b"])
        proper = below and float(match["a"]) < below
        if proper and not re.match(r"\s*(?:shop|service|club)", text[match.end() :]):
            value = float(match["a"]) / below
            found.append(Mention("number", value, *match.span(), match.group()))
    return found


def _half_value(match: re.Match[str]) -> float | None:
    if match["cn"]:
        said = match["n"]
        if said is None:
            return 0.5
        whole_part = float(said) if said.isascii() else _chinese_value(said)
        return None if whole_part is None else whole_part + 0.5
    if match["q"]:
        return 0.75 if match["k"] else 0.25
    if match["w"]:
        word = match["w"].lower()
        return 1.5 if word in ("a", "an") else float(word if word.isdigit() else _ONES[word]) + 0.5
    return 0.5


# Digits ------------------------------------------------------------------------------------------

_SCALES = {"k": 1e3, "K": 1e3, "M": 1e6, "bn": 1e9, "B": 1e9}
_SCALE_WORDS = {
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "millions": 1e6, "billion": 1e9,
    "trillion": 1e12, "dozen": 12.0,
    "百": 1e2, "千": 1e3, "万": 1e4, "百万": 1e6, "千万": 1e7, "亿": 1e8, "萬": 1e4, "億": 1e8,
}  # fmt: skip
_DIGITS = re.compile(
    r"(?:(?<![A-Za-z0-9_#.^])|(?<=\dx)|(?<=\d[×]))(?P<sign>[-−](?=[\d.])(?<![\w)]-))?"
    r"(?P<body>\d{1,3}(?:[,， ]\d{3})+(?!\d)(?:\.\d+)?|\d+(?:_\d+)*(?:\.\d+)?(?!\.?\d)|\.\d+)"
    r"(?:(?:\^|\*\*)(?P<power>\d{1,2})(?!\d)|[eE](?P<exponent>[+-]?\d{1,3})(?![\w.]))?"
    r"(?:(?P<suffix>k|K|M|bn|B)(?![A-Za-z0-9/])"
    r"|(?P<word>(?:\s*(?:hundred|thousand|millions?|billion|trillion|dozen)\b)+)"
    r"|\s*(?P<zh>百万|千万|百|千(?![米克])|万|萬|亿|億)+)?"
    r"(?P<half>\s+and\s+a\s+half\b)?(?:st|nd|rd|th)?"
)
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
        if unit is None and _GLUED.match(text, match.end()):
            continue  # 3D, 2nd-order names, 1Dplot
        found.append(_number(text, value, match.start(), end, unit))
    return found


def _digits_value(match: re.Match[str], text: str) -> float:
    value = float(re.sub(r"[,， _]", "", match["body"]))
    if match["half"]:
        value += 0.5
    if match["power"]:
        value = value ** int(match["power"])
    if match["exponent"]:
        value *= 10.0 ** int(match["exponent"])
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

_CN_DIGIT = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2}
_CN_UNIT = {"十": 10, "百": 100, "千": 1000}
_CN_BIG = {"万": 10**4, "亿": 10**8, "萬": 10**4, "億": 10**8}
_CN = re.compile(r"[零〇一二两三四五六七八九十百千万亿萬億]+(?:点[零〇一二三四五六七八九]+)?半?")
_CLASSIFIERS = "个颗只辆条张幅次步圈层群团种位名座棵粒枚块台艘架根滴朵片根对组行列格代轮倍帧"
_CN_PERCENT = re.compile(
    r"百分之(?P<body>[零〇一二两三四五六七八九十百]+(?:点[零〇一二三四五六七八九]+)?|[\d.]+)"
)


def _chinese(text: str) -> list[Mention]:
    found = []
    for match in _CN_PERCENT.finditer(text):
        value = _chinese_value(match["body"])
        if value is not None:
            percent = read_unit("0%", 0, 1)[0]
            found.append(_number(text, value, match.start(), match.end(), percent))
    for match in _CN.finditer(text):
        body, end = match.group(), match.end()
        value = _chinese_value(body)
        if value is None:
            continue
        unit, stop = read_unit(text, match.start(), end)
        classified = text[end : end + 1] in _CLASSIFIERS and end < len(text)
        ordinal = text[: match.start()].endswith("第")
        # One numeral alone is often part of a word: 三体, 一起, 万花筒, 十字.
        if len(body) == 1 and unit is None and not classified and not ordinal:
            continue
        if text.startswith(("一点", "一些", "一下"), match.start()):
            continue
        if unit is None and re.match(r"[维角边体]", text[end:]) and len(body) == 1:
            continue
        weak = value == 1 and len(body) == 1 and unit is None
        found.append(_number(text, value, match.start(), stop, unit, weak=weak))
    return found


def _chinese_value(body: str) -> float | None:
    """Return the value of numerals such as 一百二十, 两万三, 三点五, 二〇二四, 一万半; or None."""
    if re.fullmatch(r"[0-9.]+", body):
        return float(body) if body.count(".") <= 1 and body != "." else None
    if len(body) > 24 or body[0] not in {*_CN_DIGIT, "十"}:
        return None
    half = body.endswith("半")
    main, _, fraction = body.removesuffix("半").partition("点")
    if not any(c in _CN_UNIT or c in _CN_BIG for c in main):
        value = float("".join(str(_CN_DIGIT[c]) for c in main) or 0)
    else:
        value = float(_chinese_integer(main))
    if fraction:
        value += float("0." + "".join(str(_CN_DIGIT[c]) for c in fraction))
    return value + 0.5 if half else value


def _chinese_integer(main: str) -> int:
    total = section = digit = 0
    last = 1
    for character in main:
        if character in _CN_DIGIT:
            digit = _CN_DIGIT[character]
            if character in "零〇":
                last = 10  # what follows 零 is counted in ones: 一千零五
        elif character in _CN_UNIT:
            last = _CN_UNIT[character]
            section += (digit or 1) * last
            digit = 0
        else:
            last = _CN_BIG[character]
            section += digit
            # 一亿两千万: a smaller big unit closes only its own section.
            total = (
                (total + section) * last
                if total < last and section == 0
                else (total + (section or 1) * last)
            )
            section = digit = 0
    if digit and last >= 100 and not main.endswith(("零", "〇")) and main[-2] not in "零〇":
        digit *= last // 10  # 两万三 is 23,000
    return total + section + digit


# English number words ----------------------------------------------------------------------------

_ONES = {
    w: float(i)
    for i, w in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {
    w: float(10 * (i + 2))
    for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())
}
_BIG = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_WORD = "|".join(sorted([*_ONES, *_BIG, "dozen", "half"], key=len, reverse=True))
_ENGLISH = re.compile(
    rf"\b(?:(?:an?|half an?)\s+(?=(?:hundred|thousand|million|billion|trillion|dozen)\b))?"
    rf"(?:{_WORD})(?:(?:\s+and\s+(?:an?\s+)?|[\s-]+(?:an?\s+)?)(?:{_WORD}))*\b",
    re.IGNORECASE,
)
_NOT_A_NUMBER = re.compile(r"[\s-]*(?:dimension|body\b|bodies|of\b|another\b|way\b)", re.IGNORECASE)


def _english(text: str) -> list[Mention]:
    found = []
    for match in _ENGLISH.finditer(text):
        words = re.findall(r"[a-z]+", match.group().lower())
        value = _english_value(words)
        unit, end = read_unit(text, match.start(), match.end())
        if value is None or (unit is None and _NOT_A_NUMBER.match(text, match.end())):
            continue
        weak = words == ["one"]
        found.append(_number(text, value, match.start(), end, unit, weak=weak))
    return found


def _english_value(words: list[str]) -> float | None:
    """Return the value of words such as "half a million", "twenty five", "two and a half"."""
    total = section = 0.0
    some = half_first = False
    for word in words:
        if word in ("a", "an", "and"):
            continue
        if word == "half":
            if some:
                section += 0.5
            else:
                half_first = True
        elif word in _ONES:
            section += _ONES[word]
        elif word == "dozen":
            section = (section or 1) * 12
        elif word == "hundred":
            section = (section or 1) * 100
        else:
            total += (section or 1) * _BIG[word]
            section = 0.0
        some = True
    if half_first:
        # A bare "half" is no number: half of what is for the reader of factors.
        return (total + section) * 0.5 if total + section else None
    return total + section


# Factors -----------------------------------------------------------------------------------------

_CN_NUMERAL = r"[零〇一二两三四五六七八九十百千]+(?:点[零〇一二三四五六七八九]+)?半?|\d+(?:\.\d+)?"
_ONE = "|".join(sorted(_ONES, key=len, reverse=True))
# "Three times as hot" is a factor, "roll it 1000 times" is a number.
_TIMES = r"(?=\s+(?:as|more|less|fewer|the|that|its|\w+er)\b)"
_BY = r"[^.,;\d]{0,40}?(?P<at>\bby\s+(?P<n>\d+(?:\.\d+)?)\s*%)"
_FACTORS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(form, re.IGNORECASE), meaning)
    for form, meaning in (
        (r"\b(?:twice|double[ds]?|doubling)\b|翻一?倍|翻番|加倍|增加一倍|[多快大高热]一倍", "2"),
        (r"\b(?:triple[ds]?|thrice)\b", "3"),
        (r"\bquadruple[ds]?\b", "4"),
        (r"\b(?:half(?!\s+an?\s+(?:hundred|thousand|million|billion|dozen))|halve[ds]?)\b"
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

_AND_A_HALF = re.compile(rf"(?:\d|\b(?:{_WORD}))\s+and\s+(?:an?\s+)?\Z", re.IGNORECASE)


def _factors(text: str) -> list[Mention]:
    found = []
    for form, meaning in _FACTORS:
        for match in form.finditer(text):
            if _AND_A_HALF.search(text, max(0, match.start() - 24), match.start()):
                continue
            groups = {k: v for k, v in match.groupdict().items() if v and k != "at"}
            said = next(iter(groups.values()), "")
            if meaning in ("n", "more", "less"):
                value = _ONES.get(said.lower()) or _chinese_value(said)
                if value is None:
                    continue
                if meaning != "n":
                    value = 1 + value / 100 * (1 if meaning == "more" else -1)
            else:
                value = float(meaning)
            start, end = match.span("at" if "at" in form.groupindex else 0)
            found.append(Mention("factor", value, start, end, text[start:end]))
    return found


# Colours -----------------------------------------------------------------------------------------

_COLOURS = {
    "#e02424": "red|红|赤", "#1f6feb": "blue|蓝", "#22a447": "green|绿", "#f5c518": "yellow|黄",
    "#8b3fd9": "purple|紫", "#7f3fe0": "violet|紫罗兰", "#f28c28": "orange|橙|橘",
    "#ff7ab6": "pink|粉|粉红", "#111111": "black|黑", "#ffffff": "white|白",
    "#8a8a8a": "gray|grey|灰", "#8b5a2b": "brown|棕|褐|咖啡", "#19c5d9": "cyan|青",
    "#d6249f": "magenta|品红|洋红", "#ffd700": "gold|golden|金", "#c0c0c0": "silver|银",
    "#14b8a6": "teal|蓝绿|青绿", "#5bb8ff": "sky blue|light blue|天蓝|浅蓝|淡蓝",
    "#1e3a8a": "navy|dark blue|深蓝|藏青", "#4f46e5": "indigo|靛蓝|靛",
    "#40e0d0": "turquoise|绿松石", "#dc143c": "crimson|深红|绯红", "#a3e635": "lime|黄绿|草绿",
    "#800000": "maroon|栗", "#e6e6fa": "lavender|薰衣草", "#14532d": "dark green|深绿|墨绿",
    "#86efac": "light green|浅绿|淡绿",
}  # fmt: skip
_NO_COLOUR = re.compile(
    r"\b(?:black\s?holes?|black\s?bod(?:y|ies)|black[- ]scholes|white\s?noise|pink\s?noise|"
    r"brown\s?noise|red\s?noise|white\s?dwarfs?|red\s?giants?|red[- ]black|green'?s\b|"
    r"game of gold|golden\s+(?:ratio|angle|spiral|section)|gray\s?code|grey[- ]scott|"
    r"gray[- ]scott)\b",
    re.IGNORECASE,
)


@cache
def _colour_names() -> tuple[re.Pattern[str], dict[str, str]]:
    names = {name: code for code, group in _COLOURS.items() for name in group.split("|")}
    english = sorted((n for n in names if n.isascii()), key=len, reverse=True)
    chinese = "|".join(sorted((n for n in names if not n.isascii()), key=len, reverse=True))
    form = (
        r"(?P<hex>#[0-9a-fA-F]{6})(?![0-9a-fA-F])"
        rf"|\b(?P<en>{'|'.join(english).replace(' ', chr(92) + 's+')})\b"
        # A Chinese colour needs 色 or 的 behind it, or 成/为 before it: 红楼梦 is no colour.
        rf"|(?P<zh>{chinese})(?:色|的(?!士))|(?<=[成为])(?P<zh2>{chinese})(?![\u4e00-\u9fff])"
    )
    return re.compile(form, re.IGNORECASE), names


def _colours(text: str) -> list[Mention]:
    form, names = _colour_names()
    no = [m.span() for m in _NO_COLOUR.finditer(text)]
    found = []
    for match in form.finditer(text):
        start, end = match.span()
        if any(a <= start < b for a, b in no):
            continue
        said = match["en"] or match["zh"] or match["zh2"]
        code = match["hex"] or names[re.sub(r"\s+", " ", said.lower())]
        found.append(Mention("colour", code.lower(), start, end, text[start:end]))
    return found


# -------------------------------------------------------------------------------------------------


_BELOW = re.compile(
    r"(?:零下\s*|(?<!\d)负\s*|(?:(?:^|\b(?:to|at|of|is|be|by|from|until|and|between|with)\b|[,(])\s*)"
    r"(?P<sign>\b(?:minus|negative)\s+))$",
    re.IGNORECASE,
)
_BELOW_ZERO = re.compile(r"\s+below\s+(?:zero|freezing)\b", re.IGNORECASE)


def _number(
    text: str, value: float, start: int, end: int, unit: Unit | None, *, weak: bool = False
) -> Mention:
    before, after = _BELOW.search(text[:start]), _BELOW_ZERO.match(text, end)
    if before is not None:
        start = before.start("sign") if before["sign"] else before.start()
    elif after is not None:
        end = after.end()
    if before is not None or after is not None:
        value = -abs(value)
    return Mention("number", whole(value), start, end, text[start:end], unit, weak)


def _plain(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character) if "！" <= character <= "～" else character
    return plain if len(plain) == 1 and plain not in ",;:!?()" else character
