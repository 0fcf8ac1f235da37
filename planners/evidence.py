"""How strongly a number that was said speaks of a parameter: by its unit, by words, by symbols."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from intentos.parameters import Parameter

from .fitting import accepted, accepts, other_rate, own_words, unit_of, value_for, wide
from .mention import RATE, Mention
from .shares import PROBABLE
from .units import named, read_unit
from .words import stem

__all__ = [
    "NEEDED", "Span", "Spans", "accepted", "accepts", "evidence", "nearness", "occurrences",
    "other_rate", "unit_of", "value_for", "words_of",
]  # fmt: skip
NEEDED = 2.0
"""Evidence that a link takes: a unit that fits, or a word for the parameter close by."""
_CERTAIN = 3.45
"""How near a word must stand for a number outside the range to be an error: "60 sides", "sides of
60", and not 掷出15, where a verb may speak of anything that comes of it."""
_REACH = 24
_STOP = re.compile(r"[,，;；。]|\.\s")
_CLAUSE = re.compile(r"、|\band\b|\bwith\b|\bat\b(?!\s+(?:most|least))|和|并")
COPULA = re.compile(
    r"\s*(?:(?:is|are|was|of|set|equal|about|around|roughly|only|at|to|by|as)\s+)*"
    r"(?:at|of|is|are|was|by|about|around|roughly|to|as|with|[=:：])?\s*|"
    r"\s*(?:约?为|是|有|只有|大?约|大概|等于|取|在|达到?|共)\s*",
    re.IGNORECASE,
)
"""What may stand between a word and its number without parting them."""
_WORD = re.compile(r"[A-Za-z]+")
_GENERIC = frozenset(
    "to from at of on in by a an for between until after the and is n x per up over with big "
    "个 只 次 条 辆 张 从 到 至 之间 的 点 号 位 名 座 棵 粒 枚 块 台 根 片 朵 对 组 行 列 步 圈 "
    "层 群 种 倍 格 人 大 多 长 高 开始".split()
)
"""Words that stand beside many numbers: they link only where nothing else does, and never so surely
that a number outside the range is an error."""
_LEADING = frozenset("of from at in into on with by until over 从 在 out".split()) | {"out of"}
"""Words that speak of the number behind them only."""
_SYMBOLS: Mapping[str, str] = {
    symbol: words
    for line in """
g: gravity gravitational 重力
m: mass weight 质量
v u: speed velocity 速度 车速
k: stiffness spring constant 劲度 硬度 rate
f: frequency focal 频率 焦距
h: height level 高度 水深
r: radius 半径
R: resistance radius 电阻 半径
C: capacitance capacitor 电容
L: inductance length 电感 长度 摆长
U: voltage 电压
V: voltage volume 电压 体积
n: refractive index amount number 折射率 物质的量
T: temperature tension period time 温度 张力 周期
t: time duration 时间
E: energy field 能量
d: distance spacing gap 距离 间距
D: distance diffusion 距离 扩散
A: area amplitude 面积 振幅
p: probability chance pressure 概率
λ: wavelength 波长
θ α: angle 角
φ: angle phase 角
μ µ: friction mean 摩擦 均值
σ: deviation volatility sigma 标准差 波动率
ρ: density rho 密度
e: eccentricity 偏心率
R0 R₀: reproduction r0 r₀ 再生数 传染数
I: current 电流
q Q: charge heat 电荷
B: field magnetic 磁场
N: people number population 人
S: share 股价 area
K: strike 行权价 capacity
P: power principal pressure amount 功率 本金
W: power 功率
c: heat sound
β: infects infection 传染
γ: recovery 康复
""".strip().splitlines()
    for symbol in line.partition(": ")[0].split()
    for words in (line.partition(": ")[2],)
}
"""What a symbol in front of a number mostly stands for, in textbooks of both languages."""
_SYMBOL = re.compile(r"(?<![A-Za-z])(?P<s>R0|R₀|[A-Za-zλθαφμµσρβγ])(?:_?\d)?\s*(?:=|≈|:|：|＝)\s*$")
_MONEY_BEHIND = re.compile(
    r"\s*(?:dollars?|bucks|euros?|yuan|rmb|usd|eur|cny|元|块钱|块(?![\u3400-\u9fff])|块(?=[去来走就买卖的])"
    r"|美元|欧元|人民币)(?![A-Za-z])",
    re.IGNORECASE,
)
_MONEY_BEFORE = re.compile(r"[$€£¥￥]\s*$")
_MONEY = re.compile(
    r"money|price|cost|amount|capital|paid|pay|dollar|yuan|salary|pension|saving|rent|strike|share|"
    r"fixed|budget|tax|元|块|钱|价|额|本金|成本|资金|资产|存款|月供|费",
    re.IGNORECASE,
)
_TIMES = ("time",)

_CHANCE = re.compile(r"chance|probab|odds|概率|几率|机率|胜率|机会|可能")

Span = tuple[int, int, bool, bool]
"""Where a word stands; whether it is one that stands beside many numbers, and only before them."""
Spans = Mapping[str, Sequence[Span]]
"""Parameter → where words for it stand."""


def evidence(
    text: str,
    mention: Mention,
    parameter: Parameter,
    spans: Spans,
    others: Sequence[Mention],
    *,
    alone: bool = True,
) -> float:
    """Return how strongly the mention speaks of the parameter; 0 where it cannot.

    ``spans`` tells where the words for all parameters stand, ``alone`` whether no other parameter
    takes this unit. What lies outside the range counts only where the unit or a word of its own
    leaves no doubt whose it is: then the range shall be named.
    """
    if value_for(mention, parameter) is None:
        return 0.0
    if by_a_unit(text, mention, parameter):
        return 0.0
    near, sure = nearness(text, mention, spans.get(parameter.name, ()), others)
    symbol = _by_symbol(text, mention, parameter)
    fits = accepts(mention, parameter)
    if mention.weak and (near < 3.5 or parameter.kind != "integer" or not fits):
        return 0.0
    money = _money(text, mention, parameter)
    if money < 0:
        return 0.0
    if (
        mention.share
        and PROBABLE.search(text[: mention.start])
        and _CHANCE.search(own_words(parameter))
    ):
        near = max(near, 2.5)
    if _counts_things(text, mention) and parameter.kind == "number" and unit_of(parameter):
        near -= 2.5  # "two porters" are no two newtons
    strength = max(near, symbol, money) - mention.weak  # "8 slices, how big is one slice"
    unit = 0.0
    if mention.unit is not None and not mention.weak:
        unit = _by_unit(mention, parameter)
    if (mention.share or mention.kind == "factor") and near < NEEDED:
        return 0.0
    strength += unit
    if other_rate(mention, parameter):
        strength -= 1.0
    if not fits:
        whole_wanted = parameter.kind == "integer" and mention.number != int(mention.number)
        certain = (sure and near >= _CERTAIN) or (unit > 2 and (alone or near > 1)) or symbol > 0
        few = mention.unit is None and mention.number <= 3  # "two people meet"
        if whole_wanted or not certain or mention.share or few or mention.kind == "factor":
            return 0.0
        strength = min(strength - 0.4, NEEDED + 0.1 * (strength - 2.9))
    return strength


_A_UNIT = re.compile(r"\s*(?:[a-z]+\s+)?(?:\b(?:an?|per|each|every)\s+|/\s*)", re.IGNORECASE)
_WORDS_BETWEEN = 5


def by_a_unit(text: str, mention: Mention, parameter: Parameter) -> bool:
    """Return whether a bare number is said of each unit of what the parameter measures: "1.79 a
    litre" is no volume, nor the 128 of 每平方米用128块 an area."""
    wanted = named(unit_of(parameter)) if unit_of(parameter) else None
    if mention.unit is not None or mention.kind != "number" or wanted is None:
        return False
    if wanted.dimension in (*_TIMES, "percent"):
        return False
    if (match := _A_UNIT.match(text, mention.end)) is not None:
        unit, _ = read_unit(text, match.end(), match.end())
        if unit is not None and unit.dimension == wanted.dimension:
            return True
    at = text.rfind("每", max(0, mention.start - 10), mention.start)
    if at < 0:
        return False
    at += 2 if text.startswith("一", at + 1) else 1
    unit, end = read_unit(text, at, at)
    if unit is None or not at < end <= mention.start or mention.start - end > _WORDS_BETWEEN:
        return False
    return unit.dimension == wanted.dimension and not _STOP.search(text[end : mention.start])


_THING = re.compile(r"\s+[A-Za-z]{3,}")


def _counts_things(text: str, mention: Mention) -> bool:
    """Whether a small number is spelled and a word follows: what is counted is no measure."""
    small = mention.kind == "number" and mention.unit is None and mention.number <= 12
    spelled = small and mention.text.isalpha() and mention.text.isascii()
    return spelled and _THING.match(text, mention.end) is not None


def _by_unit(mention: Mention, parameter: Parameter) -> float:
    assert mention.unit is not None
    wanted = unit_of(parameter)
    if not wanted and wide(parameter):
        return 0.0  # only its own words make it a mean
    if mention.unit.dimension == "percent" and wanted != "%":
        return 2.5 if (parameter.maximum or 0) <= 1 else 1.0
    known = named(wanted)
    return 3.0 if known is not None and known.symbol == mention.unit.symbol else 2.5


def _money(text: str, mention: Mention, parameter: Parameter) -> float:
    if mention.kind != "number" or mention.unit is not None or mention.share:
        return 0.0
    behind = _MONEY_BEHIND.match(text, mention.end)
    inside = re.search(r"[块元毛]", mention.text)  # 12块5
    if behind is None and not inside and not _MONEY_BEFORE.search(text[: mention.start]):
        return 0.0
    if unit_of(parameter):
        return -1.0
    return 2.2 if _is_money(parameter.label.en, parameter.label.zh, parameter.aliases) else 0.0


@lru_cache(4096)
def _is_money(english: str, chinese: str, aliases: tuple[str, ...]) -> bool:
    return _MONEY.search(" ".join((english, chinese, *aliases))) is not None


def _by_symbol(text: str, mention: Mention, parameter: Parameter) -> float:
    """Return the evidence of "g = 1.62" or "R = 220 Ω" for what the symbol mostly stands for."""
    match = _SYMBOL.search(text[max(0, mention.start - 8) : mention.start])
    if match is None:
        return 0.0
    symbol = match["s"]
    if parameter.name == symbol or symbol in parameter.aliases:
        return 4.0
    meanings = _SYMBOLS.get(symbol, "").split()
    own = own_words(parameter)
    return 2.5 if any(meaning in own for meaning in meanings) else 0.0


def nearness(
    text: str, mention: Mention, spans: Sequence[Span], others: Sequence[Mention]
) -> tuple[float, bool]:
    """Return 0..4: how close a word for a parameter stands, 4 right behind the mention; and whether
    it is a word of its own, and not one that stands beside many numbers."""
    blocks = [(m.start, m.end) for m in others if m is not mention]
    best, sure = 0.0, False
    stop = mention.end
    numbers = [(m.start, m.end) for m in others if m is not mention and m.kind == "number"]
    for a, b in sorted(numbers):  # in "3 kg 70 °C water" both numbers are the water's
        if stop <= a <= stop + 1 and not text[stop:a].strip():
            stop = b
    for start, end, generic, leading in spans:
        if start >= stop:
            if leading:
                continue
            gap, base = text[stop:start], 2.7 if generic else 4.0
        elif end <= mention.start:
            gap, base = text[end : mention.start], 2.4 if generic else 3.5
        elif mention.start <= start and end <= mention.end:
            best = max(best, 2.0 if generic else 3.0)  # the unit itself is a word for it
            continue
        else:
            continue
        between = (min(end, stop), max(start, mention.start))
        if len(gap) > _REACH or any(a >= between[0] and b <= between[1] for a, b in blocks):
            continue
        near = base
        if end > mention.start or not COPULA.fullmatch(gap):
            words = len(_WORD.findall(gap)) + 0.5 * sum(c >= "\u3400" for c in gap)
            near -= 0.4 * words + (1.5 if _CLAUSE.search(gap) else 0.0)
            # What stands behind a comma is mostly said of the next number.
            near -= (4.0 if start >= stop else 2.0) if _STOP.search(gap) else 0.0
        if near > best:
            best, sure = near, not generic
    return max(best, 0.0), sure


_ASKED = re.compile(r"\bhow\s+$|多$", re.IGNORECASE)
"""What makes a question of a word: "how warm", 多长."""
_AFTER = re.compile(r"(?:之后|以后|以外|之外)")
"""What follows a word that is over, and speaks of no number behind it: 首付之后还差80万."""
_Tokens = list[tuple[str, int, int]]


def occurrences(text: str, parameter: Parameter) -> list[tuple[int, int]]:
    """Return where words for the parameter stand: aliases, label and name."""
    return [(start, end) for start, end, *_ in _said(text, _tokens(text), parameter)]


def _tokens(text: str) -> _Tokens:
    return [(stem(m.group().lower()), m.start(), m.end()) for m in _WORD.finditer(text)]


def _said(text: str, tokens: _Tokens, parameter: Parameter) -> list[Span]:
    found: list[Span] = []
    lowered = text.lower()
    words = _names(parameter.name, parameter.label.en, parameter.label.zh, parameter.aliases)
    said = {token[0] for token in tokens}
    for name, row, stems, generic, leading in words:
        if stems:
            if not stems.issubset(said):
                continue
            for i in range(len(tokens) - len(row) + 1):
                if tokens[i][0] == row[0] and all(tokens[i + k][0] == s for k, s in enumerate(row)):
                    found.append((tokens[i][1], tokens[i + len(row) - 1][2], generic, leading))
        elif name in lowered:
            at = lowered.find(name)
            while at >= 0:
                found.append((at, at + len(name), generic, leading))
                at = lowered.find(name, at + 1)
    return found


@lru_cache(4096)
def _names(
    name: str, english: str, chinese: str, aliases: tuple[str, ...]
) -> tuple[tuple[str, tuple[str, ...], frozenset[str], bool, bool], ...]:
    """Return the parameter's words with their stems, of which those without Latin letters have
    none; and whether they stand beside many numbers, and only before them."""
    found = []
    for word in {*aliases, english, chinese, name}:
        if word:
            stems = tuple(stem(w.lower()) for w in _WORD.findall(word))
            small = word.lower()
            general = (small in _GENERIC, small in _LEADING)
            found.append((word if stems else small, stems, frozenset(stems), *general))
    return tuple(found)


_COMPOUND = re.compile(
    r"摩尔质量|摩尔浓度|摩尔体积|相对分子质量|原子质量|加速度|角速度|波长|半衰期|时间常数|比热容|热容"
    r"|\bmolar\s+mass(?:es)?\b|\bmolar\s+volume\b|\bfocal\s+length\b|\btime\s+constant\b"
    r"|\bangular\s+(?:speed|velocity)\b|\bheat\s+capacity\b|\bmass\s+number\b",
    re.IGNORECASE,
)
"""Terms that mean another thing than the words in them: a molar mass is no mass."""


def words_of(text: str, parameters: Sequence[Parameter]) -> dict[str, list[Span]]:
    """Return where the words of every parameter stand, without those that are part of a longer
    one of another ("mass" in "other mass") or of a rate ("year" in "3 % a year")."""
    tokens = _tokens(text)
    found = {p.name: _said(text, tokens, p) for p in parameters}
    rates = [match.span() for match in RATE.finditer(text)]
    terms = [match.span() for match in _COMPOUND.finditer(text)]
    times = {p.name for p in parameters if _is_time(unit_of(p))}
    longer = [(a, b, name) for name, spans in found.items() for a, b, *_ in spans]
    kept = {}
    for name, spans in found.items():
        kept[name] = [
            (a, b, generic, leading)
            for a, b, generic, leading in spans
            if not (name in times and any(x <= a and b <= y for x, y in rates))
            and not _ASKED.search(text[:a])
            and not (b - a > 1 and name not in times and _AFTER.match(text, b))
            and not any(x <= a and b <= y and y - x > b - a for x, y in terms)
            and not any(
                x <= a and b <= y and y - x > b - a and other != name for x, y, other in longer
            )
        ]
    return kept


@cache
def _is_time(symbol: str) -> bool:
    unit = named(symbol) if symbol else None
    return unit is not None and unit.dimension in _TIMES
