"""What number words are worth: 一百二十, 两万三, "two and a half", "half a million"."""

from __future__ import annotations

import re

CN_DIGIT = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2, "俩": 2}
_UNIT = {"十": 10, "百": 100, "千": 1000}
CN_BIG = {"万": 10**4, "亿": 10**8, "萬": 10**4, "億": 10**8}


def chinese_value(body: str) -> float | None:
    """Return the value of numerals such as 一百二十, 两万三, 三点五, 二〇二四, 一万半; or None."""
    if re.fullmatch(r"[0-9.]+", body):
        return float(body) if body.count(".") <= 1 and body != "." else None
    if len(body) > 24 or body[0] not in {*CN_DIGIT, "十"}:
        return None
    half = body.endswith("半")
    main, _, fraction = body.removesuffix("半").partition("点")
    if not any(c in _UNIT or c in CN_BIG for c in main):
        value = float("".join(str(CN_DIGIT[c]) for c in main) or 0)
    else:
        value = float(_integer(main))
    if fraction:
        value += float("0." + "".join(str(CN_DIGIT[c]) for c in fraction))
    return value + 0.5 if half else value


def _integer(main: str) -> int:
    total = section = digit = 0
    last = 1
    for character in main:
        if character in CN_DIGIT:
            digit = CN_DIGIT[character]
            if character in "零〇":
                last = 10  # what follows 零 is counted in ones: 一千零五
        elif character in _UNIT:
            last = _UNIT[character]
            section += (digit or 1) * last
            digit = 0
        else:
            last = CN_BIG[character]
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


ONES = {
    w: float(i)
    for i, w in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {
    w: float(10 * (i + 2))
    for i, w in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split())
}
BIG = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
WORD = "|".join(sorted([*ONES, *BIG, "dozen", "half"], key=len, reverse=True))
_AND = r"\s+and\s+(?:an?\s+)?(?=half\b)|(?:(?<=hundred)|(?<=thousand)|(?<=million))\s+and\s+"
ENGLISH = re.compile(
    rf"\b(?:(?:an?|half an?)\s+(?=(?:hundred|thousand|million|billion|trillion|dozen)\b))?"
    rf"(?:{WORD})(?:(?:{_AND}|[\s-]+(?:an?\s+)?)(?:{WORD}))*\b",
    re.IGNORECASE,
)
"""Number words in a row. In "two and three" they are two numbers."""


def english_value(words: list[str]) -> float | None:
    """Return the value of words such as "half a million", "twenty five", "two and a half"."""
    total = section = 0.0
    some = half_first = False
    last_one: float | None = None
    for word in words:
        if word in ("a", "an", "and"):
            continue
        if word not in ONES:
            last_one = None
        if word == "half":
            if some:
                section += 0.5
            else:
                half_first = True
        elif word in ONES:
            if last_one is not None and not (last_one >= 20 and ONES[word] < 10):
                return None  # the "one six" of "at least one six" is no number
            section += ONES[word]
            last_one = ONES[word]
            some = True
            continue
        elif word == "dozen":
            section = (section or 1) * 12
        elif word == "hundred":
            section = (section or 1) * 100
        else:
            total += (section or 1) * BIG[word]
            section = 0.0
        some = True
    if half_first:
        # A bare "half" is no number: half of what is for the reader of factors.
        return (total + section) * 0.5 if total + section else None
    return total + section
