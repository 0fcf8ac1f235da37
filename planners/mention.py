"""What a person said that can end in a parameter: a number with its unit, a factor, a colour."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Literal

from .units import Unit, by_name

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
    share: bool = False
    """A part of a whole: "1/4", "一半", "a probability of 0.3"."""
    counted: bool = False
    """A whole number with a counting word behind it, such as 6回: never a share or a percentage."""
    per: Unit | None = None
    """What it is counted by: the hour of "80 customers per hour", the month of "每月300元"."""

    @property
    def number(self) -> float:
        """The value of a number or factor."""
        assert not isinstance(self.value, str)
        return self.value


_WIDE = re.compile(r"[！-～]")


def normal(text: str) -> str:
    """Return the text with full-width digits and letters made plain, character by character."""
    return _WIDE.sub(lambda match: _plain(match.group()), text)


def _plain(character: str) -> str:
    plain = unicodedata.normalize("NFKC", character) if "！" <= character <= "～" else character
    return plain if len(plain) == 1 and plain not in ",;:!?()" else character


def whole(number: float) -> int | float:
    """Return an int where the number is one."""
    if not math.isfinite(number):
        return number
    return int(number) if number == int(number) and abs(number) < 1e15 else number


_BELOW = re.compile(
    r"(?:零下\s*|(?<!\d)负\s*|(?:(?:^|\b(?:to|at|of|is|be|by|from|until|and|between|with)\b|[,(=])\s*)"
    r"(?P<sign>\b(?:minus|negative)\s+))$",
    re.IGNORECASE,
)
_BY = re.compile(r"\bby\s+$|升温|降温|温差|(?:升高|降低|升|降)了?$", re.IGNORECASE)
_EITHER = re.compile(r"(?:\bplus\s+(?:and|or)\s+(?:minus\s+)?|正负|±\s*)$", re.IGNORECASE)
"""What stands before a number that is meant with both signs."""
_NEAR = 60
"""Characters before a number that are looked at, lest a text of many numbers take for ever."""
_BELOW_ZERO = re.compile(r"\s+below\s+(?:zero|freezing)\b", re.IGNORECASE)


def number(
    text: str,
    value: float,
    start: int,
    end: int,
    unit: Unit | None,
    *,
    weak: bool = False,
    share: bool = False,
) -> Mention:
    """Return the number that was said at ``text[start:end]``, with what makes it negative."""
    if unit is not None and unit.dimension == "temperature" and _BY.search(text[:start]):
        unit = replace(unit, offset=0.0)  # warmer by 150 K is no temperature of 150 K
    near = max(0, start - _NEAR)
    before, after = _BELOW.search(text, near, start), _BELOW_ZERO.match(text, end)
    if _EITHER.search(text, near, start if before is None else before.end()) or (
        before is not None and _EITHER.search(text, near, max(near, before.start("sign")))
    ):
        before = None
    if before is not None:
        start = before.start("sign") if before["sign"] else before.start()
    elif after is not None:
        end = after.end()
    if before is not None or after is not None:
        value = -abs(value)
    return Mention("number", whole(value), start, end, text[start:end], unit, weak, share)


_TIMES = {
    "second": "s", "sec": "s", "s": "s", "秒": "s", "秒钟": "s", "minute": "min", "min": "min",
    "分钟": "min", "hour": "h", "h": "h", "小时": "h", "hr": "h", "个小时": "h",
    "day": "day", "天": "day", "日": "day", "week": "week", "周": "week", "星期": "week",
    "month": "month", "月": "month", "个月": "month", "year": "year", "年": "year",
    "annum": "year", "metre": "m", "meter": "m", "米": "m", "m": "m", "centimetre": "cm",
    "centimeter": "cm", "cm": "cm", "厘米": "cm", "millimetre": "mm", "millimeter": "mm",
    "mm": "mm", "毫米": "mm", "kilometre": "km", "kilometer": "km", "km": "km", "公里": "km",
    "千米": "km", "inch": "inch",
}  # fmt: skip
_EN_PER = "|".join(sorted((w for w in _TIMES if w.isascii()), key=len, reverse=True))
_CN_PER = "|".join(sorted((w for w in _TIMES if not w.isascii()), key=len, reverse=True))
RATE = re.compile(
    rf"(?:\b(?:per|an?|every|each|in an?|to the)\s+|(?<=[\w%])\s?/\s?)(?P<en>{_EN_PER})(?![A-Za-z])"
    rf"|(?:每一?|(?<![头第前后这那有某哪同])一(?=(?:{_CN_PER})[\u3400-\u9fff]{{0,4}}?[\d一二两三四五六七八九十百](?![角维边体]))"
    rf"(?!(?:{_CN_PER})(?:后|内|之|以|到|半|左)))(?P<zh>{_CN_PER})|"
    r"(?P<adverb>(?<!%, )(?<!apr, )(?<!compounded )\b(?:annual(?:ly)?|yearly|monthly|weekly|daily"
    r"|hourly)\b)"
    r"|(?P<interest>[年月日](?=利|息|化))",
    re.IGNORECASE,
)
"""Words for a rate: "per hour", "a year", "每月", "monthly", 月 of 月利率."""
_ADVERBS = {"ann": "year", "yea": "year", "mon": "month", "wee": "week", "dai": "day", "hou": "h"}
_INTEREST = {"年": "year", "月": "month", "日": "day"}


def rate(match: re.Match[str]) -> Unit:
    """Return the unit that a match of :data:`RATE` counts by."""
    if match["adverb"]:
        return by_name()[_ADVERBS[match["adverb"][:3].lower()]]
    if match["interest"]:
        return by_name()[_INTEREST[match["interest"]]]
    return by_name()[_TIMES[(match["en"] or match["zh"]).lower()]]
