"""Where a follow-up names the knobs of the plan that lies there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from intentos.parameters import Parameter

from .linking import occurrences
from .search import stem

_FILLER = re.compile(
    r"一点儿?|点儿|一些|一下子?|[再这上下每两]来?一?次|一样|一起|一块儿?|有点"
    r"|(?<=[快慢大小多少高低长短宽窄亮暗重轻热冷粗细浓淡强弱近远深浅厚薄密稀声久紧松硬软])[点些]"
)
_NO_NAME = frozenset(
    "a an and of the to from at on in for with it is are by as up out over one other again more "
    "fewer less many same now time long short fast faster slow slower big bigger small smaller "
    "和 的 用 从 到 至 做 在 对 个 点 度 次 与 第 , : b c d e f g h i j k l m n o p q r s t u "
    "v w x y z".split()
) - frozenset("time".split())
"""Aliases that a text holds without naming anything: they are for numbers beside them."""
_WORD = re.compile(r"[A-Za-z]{4,}")
_NO_LABEL = frozenset(
    "half with from that each minutes minute seconds second hours hour days number first last many "
    "most least asked beginning wanted shown this these those into between against when what does "
    "time times year years month months week weeks value without before after times than start "
    "starts started begin begins they them there here down "
    "only".split()
)
_CLAUSE = re.compile(r"[,;，；。!?！？]|\.(?!\d)|\b(?:and|but|while|then)\b|而且|并且|同时")
_LETTERS = re.compile(r"[A-Za-zα-ωΑ-Ω](?![A-Za-z])")
_RATE = re.compile(r"\s*(?:rate|chance|probability|strength)\b|\s*(?:率|概率|强度)", re.IGNORECASE)
_CLASSIFIER = re.compile(
    r"^[个颗只辆条张群座棵粒枚块台艘架根滴朵片对扇间盏栋支头匹株家位名](?=[\u3400-\u9fff])"
)
_NUMBER_OF = re.compile(r"的?[只颗棵朵座盏栋条辆个块间枚]?(?:数量|数目|个数|数)$")
_HAN = re.compile(r"[\u3400-\u9fff]+")
_COUNT = re.compile(r"数$|数量|人数|[只颗棵朵座盏栋条辆个]数")


@dataclass(frozen=True)
class Spot:
    """A place where a word for a parameter stands."""

    parameter: Parameter
    start: int
    end: int


def masked(text: str) -> str:
    """Return the text with fillers blanked that hold letters of a knob's name: 快一点 is no 点."""
    return _FILLER.sub(lambda m: " " * len(m.group()), text)


def spots(text: str, parameters: Sequence[Parameter]) -> list[Spot]:
    """Return where parameters are named; of overlapping names only the longest."""
    plain = masked(text)
    found = [
        Spot(p, start, end)
        for p in parameters
        for start, end in _occurrences(plain, p)
        if plain[start:end].lower() not in _NO_NAME
    ]
    found += _by_label(plain, parameters, found)
    return [
        s for s in found
        if not any(
            o.start <= s.start and s.end <= o.end and o.end - o.start > s.end - s.start
            for o in found
        )
    ]  # fmt: skip


def _by_label(text: str, parameters: Sequence[Parameter], found: Sequence[Spot]) -> list[Spot]:
    """Return where a word stands that is in the label of one parameter alone: "to drink at"."""
    more = _by_chinese_label(text, parameters, found)
    owners: dict[str, set[str]] = {}
    for p in parameters:
        for word in _WORD.findall(p.label.en.lower()):
            owners.setdefault(stem(word), set()).add(p.name)
    for match in _WORD.finditer(text):
        names = owners.get(stem(match.group().lower()), set())
        if len(names) != 1 or match.group().lower() in _NO_LABEL:
            continue
        if any(s.start < match.end() and match.start() < s.end for s in found):
            continue
        more += [Spot(p, *match.span()) for p in parameters if p.name in names]
    return more


def _by_chinese_label(
    text: str, parameters: Sequence[Parameter], found: Sequence[Spot]
) -> list[Spot]:
    """Return where a piece of one label stands: of three characters, or what 的 parts off."""
    more: list[Spot] = []
    for parameter in parameters:
        label = parameter.label.zh
        others = " ".join(
            [q.label.zh for q in parameters if q is not parameter]
            + [a for q in parameters if q is not parameter for a in q.aliases]
        )
        pieces = {p for p in re.split(r"的|[（(].*", label) if len(p) >= 2}
        pieces |= {label[i : i + n] for n in (3, 4, 5, 6) for i in range(len(label) - n + 1)}
        for piece in sorted(pieces, key=len, reverse=True):
            if piece in others or piece not in text or not _HAN.fullmatch(piece):
                continue
            start = text.index(piece)
            end = start + len(piece)
            if not any(s.start < end and start < s.end for s in [*found, *more]):
                more.append(Spot(parameter, start, end))
                break
    return more


def is_count(parameter: Parameter) -> bool:
    """Return whether a parameter counts things: cars, trees, points."""
    if parameter.kind != "integer" or parameter.unit:
        return False
    return _COUNT.search(parameter.label.zh) is not None or parameter.name.endswith("s")


def clause(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where the clause around a place begins and ends."""
    first, last = 0, len(text)
    for match in _CLAUSE.finditer(text):
        if match.end() <= start:
            first = match.end()
        elif match.start() >= end:
            last = match.start()
            break
    return first, last


def nearest(
    text: str, start: int, end: int, found: Sequence[Spot], *, reach: int = 40
) -> list[Parameter]:
    """Return the parameters whose names stand nearest to a place in its clause; one, mostly."""
    first, last = clause(text, start, end)
    gaps: dict[str, tuple[float, Spot]] = {}
    for spot in found:
        if spot.start < first or spot.end > last or (spot.start < end and start < spot.end):
            continue
        gap = max(spot.start - end, start - spot.end)
        # A Chinese name stands before what is said of it, an English one behind it.
        chinese = text[spot.start] > "\u3400"
        behind = spot.start >= end
        distance = float(gap) + (1.5 if chinese == behind else 0.0)
        name = spot.parameter.name
        if gap <= reach and (name not in gaps or distance < gaps[name][0]):
            gaps[name] = distance, spot
    if not gaps:
        return []
    least = min(distance for distance, _ in gaps.values())
    best = [spot for distance, spot in gaps.values() if distance <= least + 0.5]
    if len(best) > 1:
        rated = [s for s in best if _RATE.match(text, s.end)]
        if rated and (rates := [s for s in rated if s.parameter.kind == "number"]):
            best = rates
    if len({s.parameter.name for s in best}) > 1:
        said = {id(s): text[s.start : s.end].lower() for s in best}
        label = {id(s): s.parameter.label for s in best}
        exact = [s for s in best if said[id(s)] in (label[id(s)].zh, label[id(s)].en.lower())]
        best = exact or [s for s in best if _in_label(said[id(s)], s.parameter)] or best
    return list({spot.parameter.name: spot.parameter for spot in best}.values())


def _in_label(said: str, parameter: Parameter) -> bool:
    """Whether a word is one of the label's, and not only of the other names."""
    if said > "\u3400":
        return said in parameter.label.zh
    own = {stem(word) for word in re.findall(r"[a-z]+", parameter.label.en.lower())}
    return any(stem(word) in own for word in re.findall(r"[a-z]+", said.lower()))


def parts(parameter: Parameter) -> tuple[str, ...]:
    """Return further names: the parts of a label such as ρ（加热）, with letters and symbols."""
    words = []
    for label in (parameter.label.en, parameter.label.zh):
        pieces = [p.strip() for p in re.split(r"[（()）,，、]", label)]
        if len(pieces) > 1:
            words += [p for p in pieces[:2] if 0 < len(p) < 20 and not re.search(r"\d", p)]
    for word in parameter.aliases:
        if (bare := _CLASSIFIER.sub("", word)) != word:
            words.append(bare)
    if (counted := _NUMBER_OF.sub("", parameter.label.zh)) != parameter.label.zh and counted:
        words.append(counted)
    if parameter.unit == "m/s^2":
        words.append("g")
    return tuple(words)


def _occurrences(text: str, parameter: Parameter) -> list[tuple[int, int]]:
    found = occurrences(text, parameter)
    for word in parts(parameter):
        if word.isascii():
            form = rf"(?<![A-Za-z]){re.escape(word)}(?![A-Za-z])"
            found += [m.span() for m in re.finditer(form, text, re.IGNORECASE)]
        else:
            found += [m.span() for m in re.finditer(re.escape(word), text)]
    return found


def letters(text: str, parameter: Parameter) -> list[tuple[int, int]]:
    """Return where a name of one letter stands: such a name counts only before "= 3"."""
    names = {parameter.name, *parameter.aliases, *parts(parameter)}
    return [m.span() for m in _LETTERS.finditer(text) if m.group() in names]
