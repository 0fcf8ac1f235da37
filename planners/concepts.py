"""Relative words in both languages: what "hotter", "slower" and "更大" are about, and which way."""

from __future__ import annotations

import re
from dataclasses import dataclass

from intentos.parameters import Parameter

from . import numbers
from .search import stem

USUAL = 1.5
"""What a relative word without a number is worth; "a little" and "much" change it."""
A_LITTLE, MUCH = 1.2, 2.5


@dataclass(frozen=True)
class Concept:
    """A quantity that people speak of with a pair of adjectives."""

    name: str
    up: str
    down: str
    nouns: str
    """Other words by which a parameter shows that it is this quantity."""


CONCEPTS: tuple[Concept, ...] = (
    Concept("speed", "fast faster quick quicker quickly|快", "slow slower slowly|慢",
            "speed velocity spin rate|速度 转速 速率"),
    Concept("temperature", "hot hotter warm warmer|热 烫", "cold colder cool cooler|冷",
            "temperature heat|温度 温 热量"),
    Concept("size", "big bigger large larger wide wider thick|大", "small smaller narrow thin|小",
            "size radius width diameter scale zoom|大小 尺寸 半径 宽度 直径"),
    Concept("number", "more|多", "fewer less|少", "number count amount|数量 个数 数目"),
    Concept("duration", "long longer|长 久", "short shorter|短",
            "duration length time frames|时长 时间 长度 帧数"),
    Concept("height", "high higher tall taller|高", "low lower|低 矮", "height altitude|高度"),
    Concept("strength", "strong stronger|强", "weak weaker|弱",
            "strength force intensity amplitude|强度 力度 振幅"),
    Concept("brightness", "bright brighter|亮", "dark darker dim dimmer|暗",
            "brightness light glow|亮度"),
    Concept("density", "dense denser crowded|密", "sparse sparser|疏 稀", "density|密度"),
    Concept("steepness", "steep steeper|陡", "flat flatter|平缓", "angle slope|角度 坡度"),
)  # fmt: skip


NUMBER = next(concept for concept in CONCEPTS if concept.name == "number")
VERBS = (
    (re.compile(r"\b(?:increase|raise|enlarge)\b|提高|增加|增大|加大|升高|调高|调大"), USUAL),
    (re.compile(r"\b(?:decrease|reduce|lower|shrink)\b|降低|减少|减小|调低|调小"), 1 / USUAL),
)
"""Verbs that ask for more or less of the parameter that they name."""


@dataclass(frozen=True)
class Relative:
    """A relative word in a text: of which concept, which way, and where."""

    concept: Concept
    up: bool
    start: int
    end: int
    bare_factor: float
    """What to multiply by where no number is said."""


def relatives(text: str) -> list[Relative]:
    """Return every relative word of the text, in order."""
    plain = numbers.normal(text).lower()
    found = []
    for concept in CONCEPTS:
        for words, up in ((concept.up, True), (concept.down, False)):
            for match in _form(words).finditer(plain):
                around = plain[max(0, match.start() - 12) : match.end() + 6]
                size = USUAL
                if re.search(r"little|slightly|a bit|一点|稍|略", around):
                    size = A_LITTLE
                elif re.search(r"much|far|a lot|得多|很多|许多", around):
                    size = MUCH
                factor = size if up else 1 / size
                found.append(Relative(concept, up, match.start(), match.end(), factor))
    return sorted(found, key=lambda r: r.start)


def speaks_of(parameter: Parameter, concept: Concept) -> bool:
    """Whether the parameter's own words say that it is this quantity."""
    own = [*parameter.aliases, parameter.label.en, parameter.label.zh, parameter.name]
    english = {stem(w) for text in own for w in re.findall(r"[a-z]+", text.lower())}
    chinese = " ".join(text for text in own if not text.isascii())
    for group in (concept.up, concept.down, concept.nouns):
        latin, _, other = group.partition("|")
        if english & {stem(w) for w in latin.split()}:
            return True
        if any(word in chinese for word in other.split()):
            return True
    return False


def nouns(text: str) -> list[tuple[Concept, int, int]]:
    """Return where the text names a quantity itself: "speed", "温度"."""
    found = []
    for concept in CONCEPTS:
        latin, _, other = concept.nouns.partition("|")
        form = rf"\b(?:{'|'.join(latin.split())})\b|{'|'.join(other.split())}"
        found += [(concept, m.start(), m.end()) for m in re.finditer(form, text.lower())]
    return found


def _form(words: str) -> re.Pattern[str]:
    latin, _, other = words.partition("|")
    # 大 alone is no wish: it must be compared (更大, 大一点, 变大, 两倍大, 大两倍, 加大).
    chinese = "|".join(other.split())
    chinese = f"(?:{chinese})(?<!提高)(?<!降低)(?<!升高)"
    before = "(?<=[更再变加调减些倍太增转])"
    after = r"(?=一?[点些]|[一两二三四五六七八九十\d.]+倍|一半)"
    return re.compile(rf"\b(?:{'|'.join(latin.split())})\b|{before}{chinese}|{chinese}{after}")
