"""By how much: "20 more", "少10%", "加5", "halve", "减少三分之一", "as high as possible"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from . import numbers
from .numbers import Mention

Kind = Literal["add", "multiply", "most", "least"]


@dataclass(frozen=True)
class Amount:
    """How much more or less something shall be, and where that was said."""

    kind: Kind
    value: float
    start: int
    end: int
    text: str
    mention: Mention | None = None
    """The number of what is added, with its unit; its sign is in ``value``."""
    per_cent: bool = False
    """Whether it was said in per cent, which are points of what is itself a percentage."""


_NUMERAL = r"(?:[零〇一二两三四五六七八九十百千]+(?:点[零〇一二三四五六七八九]+)?半?|\d+(?:\.\d+)?)"
_UP = (
    r"增加|增大|增高|增长|加大|加长|加宽|加高|加深|加快|加速|加到|追加|提高|提升|提速|升高|上升"
    r"|上调|调高|延长|拉长|拉大"
    r"|扩大|放大|多|加|增|添|涨|升|快|大|高|长|宽|厚|粗|重|深|远|热|亮|强|硬|密|浓|响|久"
)
_DOWN = (
    r"提前|提早|减少|减小|减慢|减速|减短|减低|减轻|减弱|减掉|降低|降速|下降|下调|下跌|调低|缩短"
    r"|缩小|少|减|降|跌|扣|扣掉|去掉|拿走|撤掉"
    r"|砍掉|删掉|省|慢|小|低|短|窄|薄|细|轻|浅|近|冷|凉|暗|弱|软|疏|稀|淡"
)
_DOWNWARD = re.compile(rf"(?:{_DOWN})\Z")
_PURE_UP = (
    r"推迟|延后|增加|增大|增长|加大|加长|加宽|加高|加深|追加|提高|提升|升高|上升|上调"
    r"|调高|延长|拉长|扩大|多|加|增|添|涨|升|快|提速|加速|加快"
)
_PURE_DOWN = (
    r"提前|提早|减少|减小|减慢|减速|减短|减掉|降低|降速|下降|下调|下跌|调低|缩短|缩小"
    r"|少|减|降|跌|扣|扣掉|去掉|拿走|撤掉|砍掉|删掉|慢"
)
_COMPARED = (
    r"陡|密|稀|硬|软|响|久|晚|长|短|高|低|宽|窄|大|小|重|轻|深|浅|远|近|厚|薄|粗|细|热"
    r"|冷|亮|暗|强|弱"
)
_BEFORE_ZH = re.compile(
    rf"(?<![最至不])(?:(?P<up>{_PURE_UP}|再[来盖开放种建养挂点摆造买存画撒扔招派修])"
    rf"|(?P<down>{_PURE_DOWN})"
    rf"|(?:[再更]|多|要)(?P<adj>{_COMPARED}))(?:了|上|个|出|掉|下|它)?"
    r"(?P<verb>(?<=[多少])(?!到|至|为|成|于|达)[\u4e00-\u9fff]{1,2})?\s*\Z"
)
_BEFORE_EN = re.compile(
    r"\b(?:(?P<up>add(?:ing)?|plus|another|an? (?:extra|additional)|extra|additional)"
    r"|(?P<down>remove|removing|minus|subtract|take away|take out|takes? off|without another"
    r"|drop|cut out))"
    r"\s+(?:another\s+|an? extra\s+|some\s+)?\Z",
    re.IGNORECASE,
)
_BY = re.compile(
    r"\b(?:(?P<up>increas\w*|rais\w*|lengthen\w*|extend\w*|widen\w*|up|grow\w*|boost\w*|higher"
    r"|longer|bigger|faster)"
    r"|(?P<down>decreas\w*|reduc\w*|lower\w*|shorten\w*|cut\w*|down|drop\w*|shrink\w*|narrow\w*"
    r"|less|slower|smaller))"
    r"\b[^,.;]{0,40}\bby\s+\Z",
    re.IGNORECASE,
)
_ADJECTIVE_UP = (
    "faster|longer|higher|taller|bigger|larger|wider|hotter|warmer|heavier|deeper|thicker|brighter|louder|"
    "stronger|further|farther|steeper|denser"
)
_ADJECTIVE_DOWN = (
    "slower|shorter|lower|smaller|narrower|colder|cooler|lighter|shallower|thinner|darker|quieter|weaker|"
    "closer|nearer|flatter|sooner|earlier"
)
_AFTER_EN = re.compile(
    rf"\s*(?:[a-z]+\s+(?=(?:more|fewer|less)\b(?!\s+(?:than|[a-z]))))?"
    rf"(?:(?P<up>more|extra|additional|{_ADJECTIVE_UP})|(?P<down>fewer|less"
    rf"|{_ADJECTIVE_DOWN}))\b(?!\s+times?\b)",
    re.IGNORECASE,
)
_STEP_ZH = re.compile(
    r"(?<![最至不])(?:再?(?P<up>加|多|添|增加|来|(?<=再)[盖开放种建养挂点摆造买存画撒扔招派修])"
    r"|再?(?P<down>少|减|减少|去掉|拿走))[了上个\u4e00-\u9fff]{0,1}?"
    r"(?P<n>[一二两三四五六七八九十]{1,3})[盏座栋间扇匹头支双道枝株所面口套名位家份]"
)
_ONE_MORE = re.compile(
    r"\b(?:another|an? (?:extra|additional)|one more)\s+(?=[a-z])(?!(?:one|time|go|try|look|run"
    r"|way)\b)",
    re.IGNORECASE,
)
_PARTS = re.compile(rf"(?P<below>{_NUMERAL})分之(?P<above>{_NUMERAL})(?!\d)")
_TO = re.compile(r"(?:到|至|为|成|的|只有|剩|原来的?|变成?)(?:原来的?|只有|了)?\s*\Z")
_TIMES_ZH = re.compile(rf"(?P<n>{_NUMERAL})倍")
_HALF_ZH = re.compile(r"一半|减半|折半|对半")
_FOLD = re.compile(rf"打(?P<n>{_NUMERAL})折")
_DOUBLED = re.compile(rf"翻(?P<n>{_NUMERAL})?番|翻一?倍|加倍|翻个?倍")
_ENGLISH: tuple[tuple[re.Pattern[str], float], ...] = tuple(
    (re.compile(form, re.IGNORECASE), value)
    for form, value in (
        (r"\bhalf\s+again\s+as\s+(?:much|many|big|fast|long)\b", 1.5),
        (r"\bone\s+and\s+a\s+half\s+times\b", 1.5),
        (r"\bby\s+(?:a\s+)?half\b", 0.5),
        (r"\btwo[- ]thirds?\b(?:\s+of|\s+as)?", 2 / 3),
        (r"\b(?:a|one)[- ]third\b(?:\s+of|\s+as)?", 1 / 3),
        (r"\bthree[- ]quarters?\b(?:\s+of|\s+as)?", 0.75),
        (r"\b(?:a|one)[- ]quarter\b(?:\s+of|\s+as)?", 0.25),
        (r"\b(?:a|one)[- ]fifth\b(?:\s+of|\s+as)?", 0.2),
        (r"\b(?:a|one)[- ]tenth\b(?:\s+of|\s+as)?", 0.1),
        (r"\btenfold\b|\bten[- ]fold\b", 10.0), (r"\btwofold\b", 2.0), (r"\bthreefold\b", 3.0),
        (r"\bhundredfold\b", 100.0),
    )
)  # fmt: skip
_LESS_BY = re.compile(
    r"\b(?:reduc\w*|cut\w*|lower\w*|decreas\w*|shrink\w*|slow\w*|shorten\w*|drop\w*|take\s+away"
    r"|remov\w*|fewer|less)\b[^,.;]{0,40}\Z",
    re.IGNORECASE,
)
_MORE_BY = re.compile(
    r"\b(?:increas\w*|rais\w*|boost\w*|lengthen\w*|grow\w*)\b[^,.;]{0,40}\Z", re.IGNORECASE
)
_LESS_AFTER = re.compile(rf"\s*(?:fewer|less|{_ADJECTIVE_DOWN})\b", re.IGNORECASE)
_MOST = re.compile(
    r"\bas\s+(?P<adj>\w+)(?:\s+\w+)?\s+as\s+(?:possible|you can|it (?:can|will|goes)|they come"
    r"|it gets)\b"
    r"|\b(?:to|at|on)\s+(?:the\s+|its\s+)?(?P<top>max(?:imum)?|full|top|highest|minimum|min"
    r"|lowest)\b"
    r"|\b(?P<set>max(?:imum|imi[sz]e)?|minimum|minimi[sz]e)\b(?: out)?"
    r"|(?:(?:调|放|开|设|拉|提|降|加|减|升|取|变|到|成|为)+(?:成|到"
    r"|为)?)最(?P<zh>[大高深快多强亮长远宽热重响小低浅慢少弱暗短近窄冷轻])"
    r"|(?P<can>能[有]?多?)(?P<zh2>[大高深快多强亮长远宽热重小低浅慢少弱暗短近窄冷轻])就(?:多)?[大高深快多强亮长远宽热重小低浅慢少弱暗短近窄冷轻]"
    r"|尽(?:量|可能)(?:的|地)?(?P<zh3>[大高深快多强亮长远宽热重小低浅慢少弱暗短近窄冷轻])",
    re.IGNORECASE,
)
_LEAST_WORDS = frozenset(
    "min minimum minimise minimize lowest low small little few slow short dark dim quiet soft "
    "cold cool "
    "weak narrow thin light near close shallow gentle calm 小 低 浅 慢 少 弱 暗 短 近 窄 冷 "
    "轻".split()
)


def amounts(text: str) -> list[Amount]:
    """Return what the text says of by how much, in order and without overlaps."""
    found = _extremes(text)
    for reader in (_chinese_factors, _english_factors, _steps, _known_factors):
        for amount in reader(text):
            if not any(amount.start < o.end and o.start < amount.end for o in found):
                found.append(amount)
    return sorted(found, key=lambda amount: amount.start)


def _extremes(text: str) -> list[Amount]:
    found = []
    for match in _MOST.finditer(text):
        word = next(v for k, v in match.groupdict().items() if v and k not in ("can",)).lower()
        kind: Kind = "least" if word in _LEAST_WORDS else "most"
        found.append(Amount(kind, 0.0, *match.span(), match.group()))
    return found


def _chinese_factors(text: str) -> list[Amount]:
    """Read 翻两番, 打八折, 加长一倍, 慢一半, 少三分之一, 减到三分之一, 缩小三倍."""
    found = []
    for match in _DOUBLED.finditer(text):
        said = _value(match["n"]) if match["n"] else None
        found.append(_times(2.0**said if said else 2.0, match.start(), match.end(), text))
    for match in _FOLD.finditer(text):
        if (said := _value(match["n"])) is not None:
            found.append(_times(said / (10 if said < 10 else 100), *match.span(), text))
    for form in (_PARTS, _HALF_ZH, _TIMES_ZH):
        for match in form.finditer(text):
            amount = _part(text, match, form)
            if amount is not None:
                found.append(amount)
    return found


def _part(text: str, match: re.Match[str], form: re.Pattern[str]) -> Amount | None:
    before = text[: match.start()].rstrip("了上个 ")
    target = _TO.search(text[: match.start()]) is not None
    down = _DOWNWARD.search(before) is not None
    up = not down and re.search(rf"(?:{_UP})\Z", before) is not None
    if form is _PARTS:
        below, above = _value(match["below"]), _value(match["above"])
        if not below or above is None or below == 100:
            return None
        value = above / below
    elif form is _HALF_ZH:
        value = 0.5
    else:
        said = _value(match["n"])
        if said is None:
            return None
        if said == 1 and not target:
            said = 2.0  # 长一倍 is twice as long
        return _times(1 / said if down and not target else said, *match.span(), text)
    if target or not (up or down) or ("半" in match.group() and match.group() != "一半"):
        return _times(value, *match.span(), text)
    return _times(1 + value if up else 1 - value, *match.span(), text)


def _english_factors(text: str) -> list[Amount]:
    found = []
    for form, value in _ENGLISH:
        for match in form.finditer(text):
            said = match.group().lower()
            before = text[: match.start()]
            by = re.search(r"\bby\s*\Z", before) is not None or said.startswith("by")
            factor = value
            less = _LESS_BY.search(before) is not None or (
                _LESS_AFTER.match(text, match.end()) is not None
            )
            if value < 1 and by and _MORE_BY.search(before):
                factor = 1 + value
            elif value < 1 and less and (by or not said.endswith(("of", "as"))):
                factor = 1 - value
            elif value < 1 and less and re.search(r"\b(?:remov\w*|take\s+away)\b[^,.;]*\Z", before):
                factor = 1 - value
            found.append(_times(factor, *match.span(), text))
    return found


def _steps(text: str) -> list[Amount]:
    """Read what is added or taken away: "20 more", "加5", "少10%", "by 3 m", "another lane"."""
    found = []
    for mention in numbers.read(text):
        if mention.kind != "number":
            continue
        before = text[: mention.start]
        start, end, up = mention.start, mention.end, True
        if (match := _BEFORE_ZH.search(before)) is not None:
            said = match["up"] or match["down"] or match["adj"]
            up = _DOWNWARD.search(said) is None
            start = match.start()
        elif (match := _BY.search(before)) is not None:
            up = match["up"] is not None
            start = match.end() - 3
        elif (match := _BEFORE_EN.search(before)) is not None:
            up, start = match["up"] is not None, match.start()
            if (more := _AFTER_EN.match(text, end)) is not None and more["up"]:
                end = more.end()
        elif (match := _AFTER_EN.match(text, mention.end)) is not None:
            up, end = match["up"] is not None, match.end()
        else:
            continue
        sign = 1 if up else -1
        per_cent = mention.unit is not None and mention.unit.dimension == "percent"
        share = mention.unit is None and 0 < mention.number < 1
        if per_cent or share:
            part = mention.number / 100 if per_cent else mention.number
            value = 1 + sign * part
            found.append(Amount("multiply", value, start, end, text[start:end], mention, per_cent))
        else:
            value = sign * mention.number
            found.append(Amount("add", value, start, end, text[start:end], mention))
    for match in _STEP_ZH.finditer(text):
        said = _value(match["n"])
        if said is not None and not any(
            match.start() < a.end and a.start < match.end() for a in found
        ):
            step = Mention("number", said, match.start("n"), match.end(), match.group())
            value = said if match["up"] else -said
            found.append(Amount("add", value, *match.span(), match.group(), step))
    for match in _ONE_MORE.finditer(text):
        one = Mention("number", 1, *match.span(), match.group(), None, True)
        found.append(Amount("add", 1.0, *match.span(), match.group(), one))
    return found


def _known_factors(text: str) -> list[Amount]:
    """Read what the number reader knows as factors: twice, halve, three times as, 20% faster."""
    found = []
    for mention in numbers.read(text):
        if mention.kind != "factor":
            continue
        value = mention.number
        per_cent = "%" in mention.text or "percent" in mention.text
        before, after = text[: mention.start], text[mention.end :]
        if (
            value > 1
            and not per_cent
            and (
                _LESS_AFTER.match(after)
                or re.match(
                    r"\s+as\s+(?:slow|small|short|low|few|narrow|thin|cold|dark|weak|light"
                    r"|quiet)\b",
                    after,
                )
            )
        ):
            value = 1 / value
        elif value == 0.5 and re.search(r"\bby\s+\Z", before) and _MORE_BY.search(before):
            value = 1.5
        found.append(
            Amount("multiply", value, mention.start, mention.end, mention.text, mention, per_cent)
        )
    return found


def _times(value: float, start: int, end: int, text: str) -> Amount:
    return Amount("multiply", value, start, end, text[start:end])


def _value(said: str) -> float | None:
    mention = next((m for m in numbers.read(f"{said}个") if m.kind == "number"), None)
    return None if mention is None else mention.number
