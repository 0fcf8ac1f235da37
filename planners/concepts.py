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
    general: bool = False
    """Whether its adjectives go with any quantity that is named: a bigger wind, a higher rate."""


CONCEPTS: tuple[Concept, ...] = (
    Concept("speed", "fast faster quick quicker quickly rapid|快 急", "slow slower slowly|慢 缓",
            "speed velocity spin rate pace|速度 转速 速率 快慢"),
    Concept("temperature", "hot hotter warm warmer|热 烫 暖", "cold colder cool cooler|冷 凉",
            "temperature heat kelvin|温度 温 热量"),
    Concept("size", "big bigger large larger great greater huge|大", "small smaller tiny|小",
            "size radius width diameter scale zoom thick thickness|大小 尺寸 半径 宽度 直径", True),
    Concept("width", "wide wider broad broader|宽", "narrow narrower|窄",
            "width breadth|宽度 宽"),
    Concept("thickness", "thick thicker fat fatter|粗 厚", "thin thinner slim slimmer|细 薄",
            "thickness diameter radius density|粗细 厚度 截面"),
    Concept("number", "more|多", "fewer less|少", "number count amount|数量 个数 数目", True),
    Concept("duration", "long longer|长 久", "short shorter|短",
            "duration length time minutes seconds|时长 时间 长度 期限"),
    Concept("depth", "deep deeper|深", "shallow shallower|浅",
            "depth zoom magnification|深度 水深 放大"),
    Concept("height", "high higher tall taller|高", "low lower|低 矮",
            "height altitude|高度", True),
    Concept("strength", "strong stronger powerful intense fierce fiercer hard harder|强 猛 烈 厉害",
            "weak weaker gentle gentler mild milder|弱 柔",
            "strength force intensity amplitude power|强度 力度 振幅 威力", True),
    Concept("brightness", "bright brighter|亮", "dark darker dim dimmer faint fainter|暗",
            "brightness light glow|亮度 灯光"),
    Concept("density", "dense denser crowded|密 浓 稠", "sparse sparser|疏 稀 淡",
            "density thick|密度 浓度", True),
    Concept("steepness", "steep steeper|陡", "flat flatter|平缓 缓", "angle slope|角度 坡度 倾角"),
    Concept("hardness", "stiff stiffer hard harder|硬", "soft softer|软", "stiffness|劲度 硬度"),
    Concept("loudness", "loud louder|响", "quiet quieter soft softer|轻",
            "volume loudness|音量 响度"),
    Concept("weight", "heavy heavier|重 沉", "light lighter|轻", "mass weight|质量 重量 体重"),
    Concept("tightness", "tight tighter|紧", "loose looser|松", "winding tension|缠绕 张力"),
    Concept("distance", "far farther further|远", "near nearer close closer|近",
            "distance gap spacing apart separation|距离 间距 相距 缝距"),
    Concept("roughness", "rough rougher choppy choppier wild wilder|汹涌 翻腾",
            "calm calmer smooth smoother still|平静 安静 平稳", "waves wave|波浪 海浪 水波 浪"),
    Concept("elasticity", "bouncy bouncier elastic springy|弹", "dull|", "bounce|弹性"),
    Concept("quality", "better|好", "worse|差", "quality|质量好坏", True),
)  # fmt: skip


NUMBER = next(concept for concept in CONCEPTS if concept.name == "number")
_BY_NAME = {concept.name: concept for concept in CONCEPTS}
VERBS: tuple[tuple[re.Pattern[str], float, Concept | None], ...] = tuple(
    (re.compile(form, re.IGNORECASE), factor, _BY_NAME.get(name))
    for form, factor, name in (
        (r"\bspeed(?:s|ing)?\s+(?:it\s+|them\s+|things\s+)?up\b|\baccelerate\b|加快|加速"
         r"|提速", USUAL, "speed"),
        (r"\bslow(?:s|ing)?\s+(?:it\s+|them\s+|things\s+)?down\b|减慢|放慢|减速"
         r"|降速", 1 / USUAL, "speed"),
        (r"\bwiden\b|加宽|拓宽", USUAL, "width"),
        (r"\bnarrow(?:s|ing)? (?:it|them|the)\b|收窄", 1 / USUAL, "width"),
        (r"\b(?:lengthen|extend|prolong)\b|加长|延长|拉长", USUAL, "duration"),
        (r"\bshorten\b|缩短|剪短", 1 / USUAL, "duration"),
        (r"\bstrengthen\b|加强|增强|加重", USUAL, "strength"),
        (r"\bweaken\b|减弱|削弱", 1 / USUAL, "strength"),
        (r"\bbrighten\b|调亮|提亮", USUAL, "brightness"),
        (r"\b(?:dim|darken)\b|调暗|压暗", 1 / USUAL, "brightness"),
        (r"\b(?:heat|warm)\s+(?:it\s+)?up\b|升温|加热一", USUAL, "temperature"),
        (r"\bcool\s+(?:it\s+)?down\b|降温", 1 / USUAL, "temperature"),
        (r"\btoo (?:many|much)\b", 1 / USUAL, "number"),
        (r"\btoo (?:few|little)\b", USUAL, "number"),
        (r"\b(?:enlarge|magnify)\b", USUAL, "size"),
        (r"\bshrink\b|缩小", 1 / USUAL, "size"),
        (r"\b(?:increase|raise|boost|crank|bump|turn(?=\b[^,.;]{0,30}\bup\b)|pick(?:s|ing)?\s+up"
         r"|grow(?:s|ing)?|get(?:s|ting)? up)\b|提高|提升|增加|增大|加大|升高|调高|调大|变强"
         r"|刮大|拉高|增多",
         USUAL, ""),
        (r"\b(?:decrease|reduce|lower|shrink|turn(?=\b[^,.;]{0,30}\bdown\b)|die(?:s)?\s+down"
         r"|calm(?:s)?\s+down"
         r"|ease(?:s)?\s+off|drop(?:s)?\s+off|subside(?:s)?|settle(?:s)?(?:\s+down)?"
         r"|thin(?:s)?\s+out)\b"
         r"|降低|减少|减小|调低|调小|变弱|拉低|减轻|压低", 1 / USUAL, ""),
    )
)  # fmt: skip
"""Verbs that ask for more or less of what they name, or of the quantity that they are about."""
_LESS = re.compile(
    r"\b(?:less|not (?:so|as|that)|too)\s+\Z|太\Z|没那么\Z|别那么\Z|不那么\Z", re.IGNORECASE
)
"""Before an adjective that is then unwanted: "less bright", "too fast", 太快了."""
_ENOUGH = re.compile(r"\b(?:not|n't|isn't)\s+(?:yet\s+)?\Z|不够\Z", re.IGNORECASE)


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
        for words, upwards in ((concept.up, True), (concept.down, False)):
            for match in _form(words).finditer(plain):
                before = plain[: match.start()]
                missing = _ENOUGH.search(before) and (
                    "不够" in before[-3:] or re.match(r"\s+enough\b", plain[match.end() :])
                )
                # "Less" is a relative of its own only where no adjective follows it.
                up = upwards if missing else upwards ^ (_LESS.search(before) is not None)
                size = degree(plain, match.start(), match.end())
                factor = size if up else 1 / size
                found.append(Relative(concept, up, match.start(), match.end(), factor))
    found = [
        r for r in found
        if not (r.concept is NUMBER and any(o.start in (r.end, r.end + 1) for o in found))
    ]  # fmt: skip
    return sorted(found, key=lambda r: r.start)


def degree(text: str, start: int, end: int) -> float:
    """Return by what factor something is changed that is changed "a little", "much" or plainly."""
    around = text[max(0, start - 12) : end + 6]
    if re.search(r"little|slightly|a bit|一点|稍|略", around):
        return A_LITTLE
    if re.search(r"much|far|a lot|得多|很多|许多|大大", around):
        return MUCH
    return USUAL


def speaks_of(parameter: Parameter, concept: Concept) -> bool:
    """Whether the parameter's own words say that it is this quantity."""
    return any(_words_of(parameter, group) for group in (concept.up, concept.down, concept.nouns))


def has_adjective(parameter: Parameter, concept: Concept) -> bool:
    """Whether the parameter's own words hold an adjective of the quantity, and not only a noun."""
    return _words_of(parameter, concept.up) or _words_of(parameter, concept.down)


def has_size(parameter: Parameter) -> bool:
    """Whether the parameter is how big something is, and not only spoken of as 大 in 大风."""
    size = _BY_NAME["size"]
    plain = {word for group in (size.up, size.down) for word in re.split(r"[ |]", group)}
    return _words_of(parameter, size.nouns) or bool(plain & set(parameter.aliases))


def opposite(parameter: Parameter, concept: Concept) -> bool:
    """Whether the parameter grows with the concept's downward word: what makes birds fly closer
    is their cohesion, which has no word for far, and no noun of distance."""
    return _words_of(parameter, concept.down) and not (
        _words_of(parameter, concept.up) or _words_of(parameter, concept.nouns)
    )


def _words_of(parameter: Parameter, group: str) -> bool:
    own = [*parameter.aliases, parameter.label.en, parameter.label.zh, parameter.name]
    english = {stem(w) for text in own for w in re.findall(r"[a-z]+", text.lower())}
    chinese = " ".join(text for text in own if not text.isascii())
    latin, _, other = group.partition("|")
    if english & {stem(w) for w in latin.split()}:
        return True
    return any(word in chinese for word in other.split())


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
    english = rf"\b(?:{'|'.join(latin.split())})\b"
    if not other:
        return re.compile(english)
    # 大 alone is no wish: it must be compared (更大, 大一点, 变大, 两倍大, 大两倍, 加大).
    chinese = "|".join(other.split())
    chinese = f"(?:{chinese})(?<!提高)(?<!降低)(?<!升高)"
    before = "(?<=[更再变加调减些倍太增转飞放画弄搞得够么])"
    after = r"(?=[声]?(?:一?[点些]|上?[一两二三四五六七八九十\d.]+倍|一半|得多|很多|许多))"
    if "多" in other.split() or "少" in other.split():
        few = r"(?=几|[种放来加养添画弄给](?:几|一?[点些]))"
        return re.compile(
            rf"{english}|{before}{chinese}(?!于|到|至|为|成)|{chinese}{after}|{chinese}{few}"
        )
    return re.compile(rf"{english}|{before}{chinese}(?!于|概|家|到|至|为|成)|{chinese}{after}")


def concept_of(word: str) -> Concept | None:
    """Return the first quantity that an adjective is of, whichever way it goes."""
    for concept in CONCEPTS:
        for group in (concept.up, concept.down):
            latin, _, other = group.partition("|")
            if word in latin.split() or word in other.split():
                return concept
    return None
