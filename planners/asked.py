"""Which quantity of a law a text asks for: the one that is open, while the others are said."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter
from intentos.plan import Assumption
from intentos.protocols import Table
from intentos.types import Value, Words

from . import numbers
from .evidence import COPULA, Spans, occurrences, words_of
from .fitting import unit_of
from .giving import give_rest
from .law import FIND, open_knob
from .linking import link
from .links import Links
from .mention import Mention
from .units import named, read_unit

_UNSAID = 1.0
_UNUSED = 1.6
_GUESSED = 0.5
_UNUSUAL = 0.45
"""What speaks against a quantity being the open one: others are not said, numbers are left or only
guessed, or it is not what the law mostly asks for."""
_CLAIMED = 1.0
"""What speaks against a quantity being the open one that a number is said of: 影子8米."""
_CONSTANT = 1.5
"""What speaks against a constant being open that nobody asks for: gravity is known."""
_MOST = 2.0
_HOW_MANY = re.compile(
    r"\bhow (?:many|much)\s+|\bin\s+(?=[\w°µ/]+\s*[?.!]?$)|多少(?:个)?|(?<!十)几(?:个)?", re.I
)
_MANNERS: tuple[tuple[str, str], ...] = (
    (r"\bhow (?:fast|quick|quickly)\b|\b(?:what|which) (?:\w+ )?speed\b|多快|什么速度", "speed"),
    (r"\bhow (?:far|high|tall|deep|wide|thick|broad|close|near|big a (?:gap|distance))\b"
     r"|\bhow long (?:a|an|is the|must the|should the|does the \w+ have to be)\b"
     r"|\bhow long (?:is|must|should) it(?: be)?(?=\s*(?:[?.,!]|$|in (?:cm|mm|m|met|in|f)))"
     r"|多(?:远|高|深|长(?!时|的时)|宽|厚|粗|近)|几层楼高", "length"),
    (r"\bhow (?:long|soon)\b|\bhow much (?:time|longer)\b|\bwhen\b|\bby what time\b"
     r"|多久|多长时间|什么时候|啥时候|几点|何时", "time"),
    (r"\bhow (?:heavy|much does \w+(?: \w+)? weigh)\b|\bwhat mass\b|多重|多沉", "mass"),
    (r"\bhow (?:hot|warm|cold|cool)\b|\b(?:what|which) temperature\b|\bthermometer\b"
     r"|多(?:热|烫|冷|凉)|多少度|几度|温度(?:是|为|有|会|变成|降到|升到)?多", "temperature"),
    (r"\bhow (?:strong|hard)\b|\b(?:what|which|how much) force\b|多大的?(?:劲|力)|多用力", "force"),
    (r"\bhow steep\b|\b(?:what|which) angle\b|多陡|多斜|多少度|几度|什么角度", "angle"),
    (r"\bhow loud\b|多响|多少分贝", "level"),
    (r"\bhow (?:large|big) (?:an|is the) area\b|\bhow much (?:area|surface|land|cloth|floor)\b"
     r"|多大的?面积|面积多", "area"),
    (r"\bhow much (?:space|volume|room)\b|\bhow big (?:a|is the) (?:tank|volume)\b"
     r"|多大的?体积|体积多|[装盛]多少", "volume"),
    (r"\bhow much (?:energy|heat|work)\b|多少(?:能量|热量|热|功)|做多少功", "energy"),
    (r"\bhow (?:powerful|much power)\b|\bwhat power\b|多大的?功率|功率多", "power"),
    (r"\bhow much pressure\b|\bwhat pressure\b|多大的?压[力强]|压[力强]多", "pressure"),
    (r"\bhow (?:likely|probable)\b|\bwhat (?:percentage|per ?cent|share|fraction|proportion)\b"
     r"|百分之(?:几|多少)|几成|多大(?:的)?(?:可能|概率|机会)|占(?:多少|几)|概率", "percent"),
)  # fmt: skip
_ASKS_BEFORE = re.compile(
    r"\b(?:what|which|what's|find|calculate|compute|give|tell me|determine|need"
    r"|how (?:much|many|big|large))\b[^.?!,;]{0,24}$",
    re.IGNORECASE,
)
_ASKS_BEHIND = re.compile(
    r"^\s*(?:是|为|有|要|等于|大约|大概|会|该|应该|能|得|共|一共|总共|变成|成了|到底|究竟|达到|取)*\s*"
    r"(?:多少|多大|多高|多长|几|啥|什么|怎么)|^\s*[?？]"
)
_NUMBER_WANTED = re.compile(
    r"\bhow (?:many|much|far|fast|long|high|deep|heavy|big|large|hot|strong|likely|old|often)\b"
    r"|\bwhat(?:'s| is| are)\b|\bwhich (?:number|value)\b|\b(?:find|calculate|compute)\b"
    r"|多少|几|多[大高长快久远重深宽厚]|概率|是什么数|求|等于",
    re.IGNORECASE,
)
_PICTURE = frozenset(
    "frames size seed reach degree width height zoom turns rate fps from to".split()
)
_CHINESE_BEFORE = re.compile(
    r"(?:求|算|多少|多大的|什么|哪个|几个?|要多大|算出|问)[^，。？,?]{0,4}$"
)


def link_asked(
    text: str,
    parameters: Sequence[Parameter],
    *,
    context: str = "",
    title: str = "",
    phrasings: Sequence[str] = (),
    constants: Collection[str] = (),
) -> Links:
    """Return the values that a text names, and which quantity it asks for where that is open.

    Each quantity that may be open is tried: the numbers said are linked to the others, and the
    best reading is kept. ``constants`` need not be said.

    Raises:
        ValueOutOfRange: in every reading a number is clearly meant for a knob but out of range.
    """
    find = open_knob(parameters)
    if find is None:
        return link(text, parameters, context=context, title=title, phrasings=phrasings)
    readings: list[tuple[float, Links]] = []
    spans = words_of(numbers.normal(text), parameters)
    failure: ValueOutOfRange | None = None
    for name in find.choices:
        open_one = next(p for p in parameters if p.name == name)
        rest = [p for p in parameters if p.name not in (name, FIND)]
        try:
            links = link(
                text, rest, context=context, title=title, phrasings=phrasings, absolute=True
            )
        except ValueOutOfRange as error:
            failure = failure or error
            continue
        _in_thousands(rest, constants, links)
        unsaid = [p for p in rest if p.name not in links.values and p.name not in constants]
        give_rest(links, unsaid)
        unsaid = [p for p in unsaid if p.name not in links.values]
        cost = _UNSAID * len(unsaid) + _UNUSED * len(links.unused) + _GUESSED * len(links.guessed)
        asked = asks(text, open_one, find.choice_aliases.get(name, ()))
        cost += _UNUSUAL * (name != find.default) - asked
        cost += _CONSTANT * (name in constants and asked < 1)
        cost += _CLAIMED * _claimed(links, spans, name)
        links.values[FIND] = name
        readings.append((cost, links))
    if not readings:
        assert failure is not None
        raise failure
    return min(readings, key=lambda reading: reading[0])[1]


def _in_thousands(
    parameters: Sequence[Parameter], constants: Collection[str], links: Links
) -> None:
    """Read "specific heat 4186" in joules where the plan counts it in kilojoules: a constant is
    known well enough to tell."""
    for p in parameters:
        mention = links.taken.get(p.name)
        if p.name not in constants or mention is None or mention.unit is not None or not p.unit:
            continue
        said, usual = float(links.values[p.name]), float(p.default)
        for factor in (1000.0, 0.001):
            if usual and abs(said / usual / factor - 1) < _NEARLY:
                links.values[p.name] = p.accept(float(f"{said / factor:.12g}"))


_NEARLY = 0.3
"""How far a constant that was said in thousandths may be from the usual one."""


def _claimed(links: Links, spans: Spans, name: str) -> bool:
    """Return whether a number that went to another quantity is said of that of the name."""

    def leads(one: str, mention: Mention) -> bool:
        return any(
            end <= mention.start
            and not generic
            and COPULA.fullmatch(links.plain[end : mention.start])
            for _, end, generic, _ in spans[one]
        )

    return any(leads(name, m) and not leads(other, m) for other, m in links.taken.items())


def unsaid(
    parameters: Sequence[Parameter], values: Mapping[str, Value], constants: Collection[str]
) -> tuple[Assumption, ...]:
    """Return what is assumed of the quantities of a law that were not said."""
    find = open_knob(parameters)
    if find is None:
        return ()
    said = {FIND, str(values.get(FIND, find.default)), *values, *constants}
    return tuple(_assumed(p) for p in parameters if p.name not in said)


def reopened(text: str, table: Table, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return a follow-up's values with the quantity open that it asks for.

    What was open may have been given a number ("and with 3000 N?"); what is no longer open keeps
    the number that was found for it.
    """
    parameters = table.plan.parameters
    find = open_knob(parameters)
    if find is None:
        return dict(values)
    was = str(table.values.get(FIND, find.default))
    given = {p.name for p in parameters if values.get(p.name) != table.values.get(p.name)} - {FIND}
    free = [p for p in parameters if p.name in find.choices and p.name not in given]
    strength = {p.name: asks(text, p, find.choice_aliases.get(p.name, ())) for p in free}
    best = max(strength, key=lambda name: strength[name], default=was)
    if strength.get(best, 0.0) < 1.0:
        usual = [str(find.default), *strength] if was in given else [was]
        best = next((name for name in usual if name not in given), was)
    found = table.quantities.get(was)
    if best == was or was in given or found is None:
        return {**values, FIND: best}
    return {**values, was: table.plan.parameter(was).accept(float(str(found.value))), FIND: best}


def presumed(
    text: str,
    parameters: Sequence[Parameter],
    values: Mapping[str, Value],
    constants: Collection[str],
) -> list[str]:
    """Return the numbers that the answer to a question rests on, though nobody said them.

    Those of an assumption are told, and those that only scale the work or the picture don't count.
    """
    if _NUMBER_WANTED.search(text) is None:
        return []
    return [
        p.name
        for p in parameters
        if p.kind in ("number", "integer")
        and p.name not in values
        and p.name not in constants
        and not (p.work or p.live or p.name in _PICTURE or p.default == 0)
    ]


def _assumed(parameter: Parameter) -> Assumption:
    unit = f" {parameter.unit}" if parameter.unit else ""
    value = f"{{{parameter.name}:g}}{unit}"
    return Assumption(
        text=Words(
            en=f"{parameter.label.en} was not said: {value} is taken.",
            zh=f"没有说{parameter.label.zh}，取 {value}。",
        ),
        parameter=parameter.name,
    )


def asks(text: str, parameter: Parameter, words: Sequence[str] = ()) -> float:
    """Return how strongly a text asks for a quantity, from 0 to 2; ``words`` ask for it as well."""
    plain = numbers.normal(text)
    dimension = _dimension(unit_of(parameter))
    lower = plain.lower()
    # The first is its label, which stands beside its number as well.
    strength = 1.2 if any(word.lower() in lower for word in words[1:]) else 0.0
    for match in _HOW_MANY.finditer(plain):
        unit, _ = read_unit(plain, match.end(), match.end())
        if unit is not None and unit.dimension == dimension:
            strength = max(strength, 1.5)
    for pattern, of in _MANNERS:
        if of == dimension and re.search(pattern, plain, re.IGNORECASE):
            strength += 1.0
            break
    for start, end in occurrences(plain, parameter):
        before, behind = plain[max(0, start - 40) : start], plain[end : end + 16]
        if _ASKS_BEFORE.search(before) or _CHINESE_BEFORE.search(before):
            strength += 1.0
            break
        if _ASKS_BEHIND.search(behind):
            strength += 1.2
            break
    return min(strength, _MOST)


@lru_cache(256)
def wanted(text: str) -> frozenset[str]:
    """Return the dimensions that a text asks for: time of "how long", volume of 多少升."""
    plain = numbers.normal(text)
    found = {of for pattern, of in _MANNERS if re.search(pattern, plain, re.IGNORECASE)}
    for match in _HOW_MANY.finditer(plain):
        unit, _ = read_unit(plain, match.end(), match.end())
        if unit is not None:
            found.add(unit.dimension)
    return frozenset(found)


@lru_cache(256)
def _dimension(unit: str) -> str:
    known = named(unit) if unit else None
    return known.dimension if known is not None else unit
