"""What each number of a text counts, and what it is counted by: "70 g each" are grams for a cat."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from . import numbers
from .conversion import labels
from .mention import Mention
from .units import Unit, by_name, read_unit
from .words import stem

Nouns = frozenset[str]
"""What a thing may be called: 支 and 铅笔 in 12支铅笔. Two that share a name are one."""

_TIMES: Nouns = frozenset({"tim", "time"})
_DID = re.compile(r"\b([a-z]+)\s+$", re.IGNORECASE)
_MONEY: Nouns = frozenset({"money"})
_CURRENCY = re.compile(r"\s*(?:dollars?|euros?|pounds|bucks|yuan|rmb|usd|eur|元|块钱?)", re.I)
_PRICED = re.compile(r"(?:[$€£¥]|\b(?:costs?|pay|pays|earns?|priced at))\s*$", re.IGNORECASE)
_CLAUSE = re.compile(r"[,，;；。!?！？]|\.(?!\d)|\b(?:and|but|if)\b|如果|那么")
_WORD = re.compile(r"\s*([A-Za-z]+)")
_STOP = frozenset(
    "a an and are at be can come comes cost costs did do does drink drinks each eat eats every fit"
    " fits for from had has have hold holds how i if in is it last lasts like need needs of on or"
    " per seat seats so take takes that the they to use uses was we were what which who will with"
    " would you".split()
)
_HAN = r"\u3400-\u9fff"
_EVERYDAY = frozenset({"length", "area", "volume", "mass", "time", "speed", "energy"})
"""Of such quantities twice as much is simply twice as much, whatever laws hold of them."""
_HANZI = re.compile(rf"[{_HAN}]")
_COUNTERS = "个只支本盒箱瓶袋包辆页张杯块颗粒条根头位名口人次件份碗台间层桶罐卷滴字天桌片"
_SAME = {"口": "人", "位": "人", "名": "人", "people": "person", "kid": "child", "kids": "child"}
_NO_NOUN = "个要需能可的是有在多几共每一二两三四五六七八九十半喝吃读用买坐装分花够得和跑走写做打完"
_CHINESE_NOUN = re.compile(rf"\s*([{_COUNTERS}])?([{_HAN}]{{0,2}})")
_PER = re.compile(r"\s*(?:\s(?:an?|per|each|every)\s+(?!of\b)|/\s*|\s*(?=each\b))", re.IGNORECASE)
_EACH_ALONE = re.compile(r"\s*each\b(?!\s+(?:of|one))", re.IGNORECASE)
_EVERY = re.compile(r"\b(?:each|every|per)\s+(?:of\s+(?:them|whom|which)\s+)?", re.IGNORECASE)
_ONE = re.compile(r"(?:^|\s)(?:an?|one)\s+(?=[a-z])", re.IGNORECASE)
_OF = re.compile(r"\b([a-z]+)\s+(?:of|with|hold(?:s|ing)?|contain(?:s|ing)?)\s+$", re.IGNORECASE)
_EVERY_CHINESE = re.compile(rf"每一?(?=[{_HAN}])")
_ONE_CHINESE = re.compile(rf"(?<![{_HAN}每])一(?=[{_HAN}])")
_A_DAY = re.compile(r"\s+(?:an?|per|each|every)\s+", re.IGNORECASE)
_OF_WHAT = re.compile(r"\s+of\s+([a-z]+)", re.IGNORECASE)
_IN = re.compile(r"\bin\s+", re.IGNORECASE)
_HOW_MANY = re.compile(r"\bhow (?:many|much)\s+|(?:多少|(?<!十)几)个?", re.IGNORECASE)
_HOW_LONG = re.compile(r"\bhow (?:long|much time)\b|多久|多长时间", re.IGNORECASE)
_HOW_DEAR = re.compile(
    r"\bhow much (?:money|(?:does|do|will|would|did) .*\b(?:costs?|pay|earn|spend)|for|are|is)\b"
    r"|\bwhat (?:does|do|will|would) .*\bcost\b|多少(?:钱|元|块)|几(?:块|元)钱?",
    re.IGNORECASE,
)


@dataclass
class Amount:
    """One number with what it counts and what it is counted by."""

    mention: Mention
    scale: float = 1.0
    """What makes the number one in SI units; times and lengths are no nouns."""
    powers: Counter[str] = field(default_factory=Counter)
    """Of dimensions such as mass and time."""
    of: Nouns = frozenset()
    per: list[Nouns] = field(default_factory=list)
    """Each must be counted by some other number as well."""
    maybe: list[Nouns] = field(default_factory=list)
    """It may be counted by this: *a printer* prints 15 pages."""
    by: list[Unit] = field(default_factory=list)
    """Units that it is counted by, which its powers hold as well."""
    said: str = ""
    """What it counts, as it was said."""

    @property
    def unit(self) -> str:
        """The symbol of its unit, where that is a whole unit."""
        unit = self.mention.unit
        return unit.symbol if unit is not None and not self.by else ""

    def told(self, number: str) -> str:
        """Return a number of it in the words of the wish: "70 g per cat", 每人每天 1 盒."""
        unit = self.mention.unit
        counted = [_spoken(one) for one in self.per]
        if _HANZI.search(self.said + self.mention.text + "".join(counted)):
            by = "".join(f"每{one}" for one in (*counted, *(labels(one).zh for one in self.by)))
            return f"{by} {number} {labels(unit).zh if unit else ''}{self.said}".strip()
        by = "".join(f" per {one}" for one in (*counted, *(one.symbol for one in self.by)))
        what = " ".join(filter(None, [number, unit.symbol if unit else "", self.said]))
        return (what + by).strip()

    @property
    def label(self) -> str:
        """What its knob is called."""
        named = " ".join(self.told("").split())
        if not named or (self.mention.unit and not (self.by or self.per or self.said)):
            named = self.mention.text
        return named[:1].upper() + named[1:]


@dataclass(frozen=True)
class Asked:
    """What is wanted."""

    unit: Unit | None
    of: Nouns
    per: Unit | None = None
    counted: str = ""
    """Things that are counted, as they were said."""


def amounts(plain: str) -> list[Amount] | None:
    """Return what each number counts; None where there is a share, a date or a change."""
    found: list[Amount] = []
    mentions = numbers.read(plain)
    markers = {m.start for m in mentions if m.weak and _is_marker(plain, m)}
    for mention in mentions:
        if mention.start in markers:
            continue
        often = mention.kind == "factor" and mention.per is None
        if mention.kind == "colour" or mention.share or not float(mention.value) > 0:
            return None
        amount = Amount(mention)
        end = mention.end
        if mention.unit is not None and not _measure(amount, mention.unit):
            return None
        if mention.unit is None:
            currency = _CURRENCY.match(plain, end)
            if currency is not None or _PRICED.search(plain[: mention.start]):
                amount.of, end = _MONEY, currency.end() if currency else end
            else:
                amount.of, end = _noun(plain, end)
            if amount.of & _TIMES and (did := _DID.search(plain[: mention.start])):
                amount.of = frozenset({_called(did[1])})  # "it beats 70 times"
        amount.said = plain[mention.end : end].strip(" 的") if mention.unit is None else ""
        if mention.per is not None:
            amount.by.append(mention.per)
            amount.powers[mention.per.dimension] -= 1
            amount.scale /= mention.per.scale
        counted_by = len(amount.per)
        _counted_behind(plain, amount, end, found)
        _counted_before(plain, amount, found)
        if often and not (amount.powers["time"] < 0 or len(amount.per) > counted_by):
            return None  # "twice as much" is another thing
        if mention.weak and not (amount.of or amount.powers):
            continue
        found.append(amount)
    return found


def _measure(amount: Amount, unit: Unit) -> bool:
    """Enter a unit; False where amounts of it cannot be multiplied."""
    if unit.dimension == "consumption":  # litres of each 100 km
        amount.scale *= 1e-8 * unit.scale
        amount.powers["volume"] += 1
        amount.powers["length"] -= 1
        return True
    if unit.dimension not in _EVERYDAY:
        return False
    amount.scale *= unit.scale
    if unit.dimension == "speed":
        amount.powers += Counter({"length": 1})
        amount.powers["time"] -= 1
    else:
        amount.powers[unit.dimension] += 1
    return True


def _is_marker(plain: str, mention: Mention) -> bool:
    """Return whether 一 or "a" only says of what there is so much: 一箱24盒, 12支一盒."""
    if mention.unit is not None:
        return False
    if plain[mention.start : mention.end] != "一":
        return True
    start, stop = _clause(plain, mention.start)
    led = plain[start : mention.start]
    if _EVERY_CHINESE.search(led):
        return led.endswith("每")
    noun, end = _chinese_noun(plain, mention.end)
    follows = any(c.isdigit() or c in "两三四五六七八九十" for c in plain[end:stop])
    behind = any(c.isdigit() for c in led) and not plain[end:stop].strip(" 的里")
    return bool(noun) and (follows or behind)


def _counted_behind(plain: str, amount: Amount, end: int, before: list[Amount]) -> None:
    """Read what stands behind a number: "each", "per cat", "a day", 一盒."""
    if (one := re.match(rf"\s*一(?=[{_HAN}])", plain[end:])) is not None:
        unit, _ = read_unit(plain, end + one.end(), end + one.end())
        noun, _ = _chinese_noun(plain, end + one.end())
        if unit is not None and amount.mention.per is None:
            amount.powers[unit.dimension] -= 1
            amount.scale /= unit.scale
            amount.by.append(unit)
        elif noun and unit is None:
            amount.maybe.append(noun)
        return
    alone = _EACH_ALONE.match(plain, end)
    if alone is not None and not _noun(plain, alone.end())[0]:
        if before and before[-1].of:
            amount.per.append(before[-1].of)
        return
    if (match := _PER.match(plain, end)) is None or amount.mention.per is not None:
        return
    unit, stop = read_unit(plain, match.end(), match.end())
    if unit is not None and stop > match.end():
        amount.powers[unit.dimension] -= 1
        amount.scale /= unit.scale
        amount.by.append(unit)
        return
    noun, _ = _noun(plain, match.end())
    if noun:
        amount.per.append(noun)


def _counted_before(plain: str, amount: Amount, before: list[Amount]) -> None:
    """Read what stands before a number in its clause: "each cat eats", "a box holds", 每人."""
    mention = amount.mention
    start, _ = _clause(plain, mention.start)
    # What stood behind the number before is that number's.
    led = plain[max([start, *(a.mention.end for a in before)]) : mention.start]
    offset = mention.start - len(led)
    if (of := _OF.search(led)) is not None:
        container = frozenset({_called(of[1])})
        if not amount.of and not amount.powers:
            others = [a.of for a in before if a.of and not a.of & container]
            amount.of = others[-1] if others else _earlier(plain[: offset + of.start()])
        counted = any(a.of & container for a in before)
        if container not in amount.per:
            (amount.per if counted else amount.maybe).append(container)
    elif (one := _last(_EVERY, led)) is not None:
        noun, end = _noun(plain, offset + one.end())
        unit, _ = read_unit(plain, offset + one.end(), offset + one.end())
        if noun and unit is None and end <= mention.start:
            amount.per.append(noun)
        elif not noun and before and before[-1].of and before[-1].of not in amount.per:
            amount.per.append(before[-1].of)  # "3 cats that each eat"
    elif (one := _last(_ONE, led)) is not None:
        noun, end = _noun(plain, offset + one.end())
        if noun and end <= mention.start:
            amount.maybe.append(noun)
    led = plain[start : mention.start]
    for one in _EVERY_CHINESE.finditer(led):
        unit, _ = read_unit(plain, start + one.end(), start + one.end())
        if unit is not None and unit.dimension == "time":
            if mention.per is None:
                amount.powers["time"] -= 1
                amount.scale /= unit.scale
                amount.by.append(unit)
            continue
        noun, _ = _chinese_noun(plain, start + one.end())
        if noun:
            amount.per.append(noun)
    for one in () if amount.per else _ONE_CHINESE.finditer(led):
        noun, end = _chinese_noun(plain, start + one.end())
        unit, _ = read_unit(plain, start + one.end(), start + one.end())
        if noun and unit is None and end <= mention.start:
            amount.maybe.append(noun)


def in_question(plain: str, amount: Amount) -> bool:
    """Return whether the question itself names the amount."""
    forms = (_HOW_DEAR, _HOW_MANY, _HOW_LONG)
    match = next(filter(None, (_last(form, plain) for form in forms)), None)
    start, stop = _clause(plain, match.start()) if match is not None else (0, 0)
    return start <= amount.mention.start < stop


def asked(plain: str, amounts: Sequence[Amount]) -> Asked | None:
    """Return what the question wants, in which unit and a what; None where it cannot be told."""
    if _HOW_DEAR.search(plain) is not None:
        return Asked(None, _MONEY)
    if (match := _last(_HOW_MANY, plain)) is not None:
        unit, end = read_unit(plain, match.end(), match.end())
        if unit is not None and end > match.end() and unit.dimension != "speed":
            return Asked(unit, frozenset(), _a_day(plain, end, amounts))
        noun, end = _noun(plain, match.end())
        for amount in amounts:
            of = _OF_WHAT.match(plain, amount.mention.end)
            if amount.mention.unit is not None and of and _called(of[1]) in noun:
                return Asked(_wished(plain, end, amount.mention.unit), frozenset())
        counted = plain[match.end() : end].strip()
        return Asked(None, noun, _a_day(plain, end, amounts), counted) if noun else None
    if _HOW_LONG.search(plain) is not None:
        return Asked(by_name()["h"], frozenset())
    return None


def _wished(plain: str, end: int, unit: Unit) -> Unit:
    """Return the unit of "… in kg", or the one that was said."""
    for match in _IN.finditer(plain, end):
        other, stop = read_unit(plain, match.end(), match.end())
        if other is not None and stop > match.end() and other.dimension == unit.dimension:
            return other
    return unit


def _a_day(plain: str, end: int, amounts: Sequence[Amount]) -> Unit | None:
    _, stop = _clause(plain, end)
    for match in _A_DAY.finditer(plain, max(0, end - 1), stop):
        unit, after = read_unit(plain, match.end(), match.end())
        said = any(a.mention.start <= match.end() < a.mention.end for a in amounts)
        if unit is not None and after > match.end() and unit.dimension == "time" and not said:
            return unit
    return None


def _noun(plain: str, at: int) -> tuple[Nouns, int]:
    found: list[str] = []
    end = at
    while len(found) < 2 and (match := _WORD.match(plain, end)) is not None:
        if match[1].lower() in _STOP:
            break
        found.append(_called(match[1]))
        end = match.end()
    return (frozenset(found), end) if found else _chinese_noun(plain, at)


def _chinese_noun(plain: str, at: int) -> tuple[Nouns, int]:
    match = _CHINESE_NOUN.match(plain, at)
    assert match is not None
    counter, name = match[1] or "", match[2]
    cut = next((i for i, c in enumerate(name) if c in _NO_NOUN), len(name))
    found = {counter if counter != "个" else "", name[:cut][:1], name[:cut]}
    names = frozenset(_SAME.get(one, one) for one in found if one)
    return names, (match.end(1) if counter else match.start(2)) + cut if names else at


def _spoken(noun: Nouns) -> str:
    """Return what to call a thing: the longest name that is no mere counter."""
    names = [one for one in noun if one not in _COUNTERS] or list(noun)
    return max(names, key=lambda one: (len(one), one))


def _called(word: str) -> str:
    short = stem(word.lower())
    return _SAME.get(word.lower(), _SAME.get(short, short))


def _earlier(led: str) -> Nouns:
    """Return the subject of "eggs come in boxes of 12"."""
    start, _ = _clause(led, len(led))
    return _noun(led, start)[0]


def _clause(plain: str, at: int) -> tuple[int, int]:
    start = max((m.end() for m in _CLAUSE.finditer(plain, 0, at)), default=0)
    match = _CLAUSE.search(plain, at)
    return start, match.start() if match else len(plain)


def _last(form: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = list(form.finditer(text))
    return found[-1] if found else None
