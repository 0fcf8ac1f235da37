"""Conversions: so much of one unit in another, by what units are worth.

A text that says nothing else becomes a law of its own ("how many feet in a mile"), without a recipe
and without a model. A text with any other word in it is for recall.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from intentos.errors import InvalidPlan
from intentos.protocols import Proposal
from intentos.registry import Registry
from intentos.types import Words

from . import numbers
from .law import Law, Measure
from .library import Recipe
from .unit_table import TABLE, Unit
from .units import read_unit

_TARGET = re.compile(
    r"\b(?:how (?:many|much)|(?:in)?to|in|into|as|is it in|make it)\s+(?:units? of\s+)?"
    r"|(?:多少|几|成|为|等于|合|是|有)(?:个)?",
    re.IGNORECASE,
)
_ONE = re.compile(r"\b(?:an?|one|per)\s+(?=[a-z])", re.IGNORECASE)
_TALK = re.compile(
    r"\b(?:convert|change|turn|express|what|what's|whats|is|are|how|many|much|there|does|do|make|makes"
    r"|equal|equals|to|in|into|as|of|the|please|tell|me|give|would|be|for|exactly|about|it|that|degrees?"
    r"|if|have|i|number|same|value|units?)\b"
    r"|换算|折算|折合|相当于|等于|转换|转成|变成|是多少|多少|请问|请|帮我|一下|大约|大概|究竟|到底"
    r"|[把将换成为转合算是有几个问呢吗的啊地相当约]|[\s,.?!:;=，。？！：；、≈]",
    re.IGNORECASE,
)
_LATIN = re.compile(r"(?!mins|secs|inch$)[A-Za-z-]{4,}")
_CHINESE = re.compile(r"[\u3400-\u9fff]+")


@dataclass(frozen=True)
class Conversion:
    """So much of one unit, wanted in another."""

    number: float
    unit: Unit
    wanted: Unit


_ASKED = re.compile(
    r"\b(?:what(?:'s| is| would)|how much is|convert|put|turn|give me|make) (?:that|it|this)"
    r"(?: be)?(?: in)?(?:to)?\s+(?:degrees?\s+)?"
    r"|\b(?:in|into|to)\s+(?=[a-z°² ]+(?:,? (?:pls|please|thanks?|then))?[.?!]*$)"
    r"|(?:换算成|折合成?|换成|合成?|相当于|等于|也就是|是)(?:多少|几)(?:个)?",
    re.IGNORECASE,
)
"""What asks for another unit of what was said before."""
_LONGEST = 400
"""Characters of a text with talk in it; a longer one asks for more than a unit."""
_COUNTS = re.compile(
    r"\b(?:how (?:long|far|fast|many|much) (?:do|does|did|will|would|can)"
    r"|per|every|each|cost|price)\b|每|价|钱|费",
    re.IGNORECASE,
)


def conversion(text: str, registry: Registry, *, loosely: bool = False) -> Proposal | None:
    """Return the plan of a conversion; None where the text is none, or more than one.

    ``loosely``: also where there is talk around it: "the star is 4 light years off, what's that in
    kilometres". Only for a text that nothing else is likely to understand.
    """
    read = _loose(text) if loosely else conversion_of(text)
    if read is None:
        return None
    try:
        recipe = Recipe.model_validate(_law(read, text).recipe())
    except (InvalidPlan, ValueError):  # no number, such as infinitely many metres
        return None
    checks = tuple(check.model_copy(update={"kind": "oracle"}) for check in recipe.checks)
    plan = recipe.plan(registry).model_copy(
        update={"origin": "composed", "recipe": None, "checks": checks}
    )
    return Proposal(plan=plan, values=plan.defaults, accounted=not loosely)


def conversion_of(text: str) -> Conversion | None:
    """Return what is to be converted into what; None where anything else is said."""
    plain = numbers.normal(text)
    for number, unit, start, end in _amounts(plain):
        for match in _TARGET.finditer(plain):
            wanted, stop = read_unit(plain, match.end(), match.end())
            apart = stop <= start or match.end() >= end
            if wanted is None or wanted == unit or not apart:
                continue
            if wanted.dimension == "angle" and unit.dimension == "temperature":
                continue
            if wanted.dimension != unit.dimension:
                continue
            spans = sorted([(start, end), (match.end(), stop)], reverse=True)
            rest = plain
            for begin, finish in spans:
                rest = rest[:begin] + " " + rest[finish:]
            if not _TALK.sub("", rest):
                return Conversion(number, unit, wanted)
    return None


def _loose(text: str) -> Conversion | None:
    """Return the one amount of a text and the unit that it is asked for in."""
    if len(text) > _LONGEST:
        return None
    plain = numbers.normal(text)
    said = [m for m in numbers.read(plain) if m.kind == "number" and not m.weak]
    if len(said) != 1 or said[0].per is not None or _COUNTS.search(plain):
        return None
    unit = said[0].unit
    for match in _ASKED.finditer(plain):
        if match.start() < said[0].start:
            continue
        wanted, end = read_unit(plain, match.end(), match.end())
        if wanted is None:
            continue
        apart = plain[: match.start()] + " " * (end - match.start()) + plain[end:]
        own = unit if unit is not None else _named_unit(apart, wanted)
        if own is not None and own != wanted and own.dimension == wanted.dimension:
            return Conversion(said[0].number, own, wanted)
    return None


def _named_unit(plain: str, wanted: Unit) -> Unit | None:
    """Return the unit that stands apart from its number: "only does fahrenheit and says 101"."""
    for word in re.finditer(r"(?<![a-z])(?=[a-z]{4})|(?=[\u3400-\u9fff]{2})", plain, re.IGNORECASE):
        unit, _ = read_unit(plain, word.start(), word.start())
        if unit is not None and unit != wanted and unit.dimension == wanted.dimension:
            return unit
    return None


def _amounts(plain: str) -> Iterator[tuple[float, Unit, int, int]]:
    """Yield the only amount that a text says; where it says none, what "a mile" is."""
    said = [m for m in numbers.read(plain) if m.kind == "number" and not m.weak]
    if said:
        if len(said) == 1 and said[0].unit is not None:
            yield said[0].number, said[0].unit, said[0].start, said[0].end
        return
    for match in _ONE.finditer(plain):
        unit, end = read_unit(plain, match.end(), match.end())
        if unit is not None:
            yield 1.0, unit, match.start(), end


def _law(read: Conversion, text: str) -> Law:
    unit, wanted = read.unit, read.wanted
    factor = _exact(unit.scale / wanted.scale)
    offset = _exact((unit.offset - wanted.offset) / wanted.scale)
    plus = f" + {offset!r}" if offset > 0 else f" - {-offset!r}" if offset else ""
    source, target = labels(unit), labels(wanted)
    drawn = f"{factor:.10g}".replace("e+", "e")
    mantissa, _, power = drawn.partition("e")
    drawn = rf"{mantissa}\cdot 10^{{{int(power)}}}" if power else mantissa
    drawn_plus = f" {'+' if offset > 0 else '-'} {abs(offset):.10g}" if offset else ""
    return Law(
        id="unit_conversion",
        title=Words(en=f"{source.en} in {_inside(target.en)}", zh=f"{source.zh}换算成{target.zh}"),
        description=Words(en="What units are worth.", zh="单位之间的换算。"),
        formula=rf"y = {drawn}\,x{drawn_plus}",
        asks="wanted",
        quantities=(
            Measure(
                name="wanted", symbol="y", label=Words(en="That is", zh="合"),
                unit=wanted.symbol, minimum=None,
                by=f"given * {factor!r}{plus}",
            ),
            Measure(
                name="given", symbol="x", label=Words(en="Given", zh="给定"),
                unit=unit.symbol, minimum=None,
                example=read.number, by=f"(wanted - {offset!r}) / {factor!r}",
            ),
        ),
        phrasings={"en": (text[:200],), "zh": (text[:200],)},
    )  # fmt: skip


def _inside(name: str) -> str:
    return name.lower() if name.isalpha() and len(name) > 3 else name


def _exact(number: float) -> float:
    """Return a ratio of decimals as the decimal that it is: 3.6, not 3.5999999999999996."""
    return float(f"{number:.14g}")


def labels(unit: Unit) -> Words:
    """Return what a unit is called in both languages; its symbol where it has no name."""
    names = next((names for one, names in TABLE if one == unit), "").split()
    latin = [name.replace("-", " ") for name in names if _LATIN.fullmatch(name)]
    chinese = next((name for name in names if _CHINESE.fullmatch(name)), None)
    shown = unit.symbol.replace("^2", "²").replace("^3", "³")
    return Words(
        en=next((name for name in latin if name.endswith("res")), latin[0]).capitalize()
        if latin
        else shown,
        zh=chinese.removeprefix("个") if chinese else shown,
    )
