"""Gives formulas, lists of numbers, polynomials and complex numbers to the parameters for them."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence

from intentos.parameters import Parameter
from intentos.types import Value

from . import numbers
from .formulas import Written, counted, couple, written
from .labelled import labelled
from .numerals import chinese_value
from .roads import network

_LIST = re.compile(r"[\d\s.,;:()（）+eE−-]+")
"""What the default of a text that holds numbers looks like."""
_QUOTED = re.compile(r"[\"“「『']([^\"”」』']{1,200})[\"”」』']")
_SIGNED = r"[-+−]?\s*\d+(?:\.\d+)?"
_COMPLEX = re.compile(
    rf"(?<![A-Za-z\d_.)])\(?\s*(?:(?P<re>{_SIGNED})(?![\d.]*\s*i))?"
    r"\s*(?P<im>[-+−]?\s*\d*(?:\.\d+)?)\s*\*?\s*i(?![A-Za-z\d])\s*\)?"
    r"(?:\s*(?:\^|\*\*|to the power(?:\s+of)?|的)\s*(?P<n>\d+)\s*(?:次[方幂])?)?",
    re.IGNORECASE,
)
_ROOT = re.compile(
    r"(?<![A-Za-z])[zxw]\s*(?:(?:\^|\*\*)\s*(?P<n>\d+)|(?P<raised>[²³⁴⁵⁶⁷⁸⁹]))\s*=\s*(?:(?P<re>[-−]?\d+(?:\.\d+)?)(?!\s*[-+\d.i−]))?"
)
_TERM = re.compile(r"([+-]?)(\d*\.?\d*)\*?([a-z])?(?:\^(\d))?", re.IGNORECASE)
_COLUMN = re.compile(
    r"(?<![A-Za-z])(?P<name>[xyXY])\s*(?:=|＝|:|：|的?值|为|是|取|分别[是为取]?"
    r"|\b(?:are|is|was|were|values?|data|of|equals?)\b|\s)*$"
)
_POWERS = ("power", "exponent", "n")


def blank_formulas(
    text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]
) -> tuple[str, set[int]]:
    """Set what takes a formula, a list of numbers or a complex number.

    Return the text with those blanked, and what the lists tell of themselves: how long they are
    ("five people: 150, 160 …") and their sum ("60 throws: 5, 8, 9 …").
    """
    sizes: set[int] = set()
    places = {
        "formula": [p for p in parameters if p.kind == "expression"],
        "list": [p for p in parameters if p.kind == "text" and _LIST.fullmatch(str(p.default))],
    }
    for kind, parameter in [(kind, p) for kind, group in places.items() for p in group]:
        items = [item for item in written(text) if item.kind == kind]
        if kind == "list" and ";" in str(parameter.default):
            items = [part for item in items for part in _parted(text, item)]
        if kind == "list":
            items = _columns(text, items) or counted(text) or couple(text)
        alone = len(places[kind]) == 1
        several = alone and ";" in str(parameter.default)
        systems = several and "=" in str(parameter.default)
        if systems:
            items = [item for item in items if item.right]
        if not items:
            continue
        table = kind == "list" and alone and len({len(item.text.split(",")) for item in items}) == 1
        taken = items if systems or table or (several and kind == "list") else items[:1]
        if systems:
            value = "; ".join(f"{item.left} = {item.right}" for item in taken)
        else:
            value = "; ".join(item.text for item in taken)
        values[parameter.name] = parameter.accept(value)
        for item in taken:
            if kind == "list":
                sizes |= _told_by(item.text)
            text = text[: item.start] + " " * (item.end - item.start) + text[item.end :]
    text = labelled(network(text, parameters, values), parameters, values)
    text = _levels(text, places["formula"], values)
    text = _polynomial(text, parameters, values)
    text = _power(text, parameters, values)
    text = _through(text, parameters, values)
    return _complex(text, parameters, values), sizes


def half_given(parameters: Sequence[Parameter], values: Mapping[str, Value]) -> list[str]:
    """Return the lists that were not said while others were: the second matrix of a product."""
    lists = [p for p in parameters if p.kind == "text" and _LIST.fullmatch(str(p.default))]
    given = [p for p in lists if p.name in values]
    return [p.name for p in lists if p.name not in values] if given else []


def _parted(text: str, item: Written) -> list[Written]:
    """Return a list that holds semicolons or line ends as several: "20 22 19; 25 27 26"."""
    said = text[item.start : item.end]
    pieces = list(re.finditer(r"[^;；\n]+", said))
    if len(pieces) < 2 or ";" in item.text or "(" in said or "（" in said or "[" in said:
        return [item]
    return [
        Written("list", inner.text, item.start + piece.start(), item.start + piece.end())
        for piece in pieces
        for inner in [
            *(w for w in written(piece.group()) if w.kind == "list"),
            *couple(piece.group()),
        ][:1]
    ]


def _told_by(row: str) -> set[int]:
    values = [float(value) for value in re.findall(r"-?\d+(?:\.\d+)?", row)]
    total = sum(values)
    counts = ";" not in row and all(value >= 0 and value == int(value) for value in values)
    return {len(row.split(",")), *([int(total)] if counts else [])}


_LEVEL = re.compile(r"(?<![A-Za-z])y\s*=\s*(?P<n>[-−]?\d+(?:\.\d+)?)(?![\d.]|\s*[a-z+*/^(−-])")


def _levels(text: str, places: Sequence[Parameter], values: MutableMapping[str, Value]) -> str:
    """Set the second of two curves to a level line: "between y = x^2 and y = 4"."""
    free = [p for p in places if p.name not in values]
    if len(places) != 2 or len(free) != 1 or (match := _LEVEL.search(text)) is None:
        return text
    values[free[0].name] = free[0].accept(match["n"].replace("−", "-"))
    return text[: match.start()] + " " * len(match.group()) + text[match.end() :]


_RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_NUMERAL = r"\d+(?:,\d{3})*|[零一二两三四五六七八九十百千万]+"
_POWER = re.compile(
    rf"(?<![A-Za-z\d_.])(?P<base>{_NUMERAL})"
    r"(?:\s*(?:\^|\*\*)\s*[({]?(?P<sign>\d+)[)}]?|(?P<raised>[⁰¹²³⁴⁵⁶⁷⁸⁹]+)"
    r"|\s+(?:raised\s+)?to\s+(?:the\s+)?(?:power\s+(?:of\s+)?(?P<power>\d+)"
    r"|(?P<nth>\d+)(?:st|nd|rd|th)?(?:\s+power)?\b)"
    rf"|\s*的\s*(?P<zh>{_NUMERAL})\s*次[方幂])",
    re.IGNORECASE,
)
_BASES = ("number", "base")
_AT_START = re.compile(
    rf"(?<![A-Za-z])y\s*\(\s*(?P<x>{_SIGNED})\s*\)\s*[=＝]\s*(?P<y>{_SIGNED})(?![\d.]*\s*[a-z*/^])"
)
_AT_END = re.compile(
    rf"(?<![A-Za-z])y\s*\(\s*(?P<x>{_SIGNED})\s*\)(?!\s*[=＝])"
    rf"|(?<![A-Za-z])x\s*[=＝]\s*(?P<at>{_SIGNED})\s*(?:时|处|的时候)|\bat\s+x\s*=\s*(?P<en>{_SIGNED})",
    re.IGNORECASE,
)


def _through(text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]) -> str:
    """Set where a solution begins and which of its values is asked for: "y(0) = 0.5, find y(2)"."""
    names = {p.name: p for p in parameters}
    if not {"x0", "y0", "end"} <= names.keys():
        return text
    for form, places in ((_AT_START, ("x0", "y0")), (_AT_END, ("end",))):
        match = form.search(text)
        if match is None:
            continue
        said = (group for group in match.groups() if group is not None)
        for name, number in zip(places, said, strict=True):
            plain = re.sub(r"\s", "", number.replace("−", "-"))
            values[name] = names[name].accept(numbers.whole(float(plain)))
        text = text[: match.start()] + " " * len(match.group()) + text[match.end() :]
    return text


def _power(text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]) -> str:
    """Set a number and its exponent from "3^100", "7 to the power 30", 2的64次方, together."""
    whole = [p for p in parameters if p.kind == "integer" and p.name not in values]
    bases = [p for p in whole if p.name in _BASES]
    powers = [p for p in whole if p.name in _POWERS]
    match = _POWER.search(text)
    if match is None or len(bases) != 1 or len(powers) != 1:
        return text
    said = match["raised"] or match["sign"] or match["power"] or match["nth"] or match["zh"]
    exponent = float("".join(str(_RAISED.index(c)) for c in said)) if match["raised"] else None
    exponent = chinese_value(said) if exponent is None else exponent
    base = chinese_value(match["base"].replace(",", ""))
    if base is None or exponent is None:
        return text
    values[bases[0].name] = bases[0].accept(int(base))
    values[powers[0].name] = powers[0].accept(int(exponent))
    return text[: match.start()] + " " * len(match.group()) + text[match.end() :]


def _columns(text: str, items: list[Written]) -> list[Written]:
    """Return the lists with the one called x before the one called y."""
    plain = numbers.normal(text)
    names = [_COLUMN.search(plain[: item.start]) for item in items]
    if len(items) != 2:
        return items
    if names[0] is not None and names[1] is not None:
        turned = names[0]["name"].lower() == "y" and names[1]["name"].lower() == "x"
    else:  # "sold 20, 34, 50 at 18, 22, 26 degrees"
        turned = _AT.search(plain[: items[1].start]) is not None
        turned = turned and _AT.search(plain[: items[0].start]) is None
    return items[::-1] if turned else items


_AT = re.compile(
    r"\b(?:at|for|when)\s+(?:[a-z]+\s+){0,2}$|(?:对应|在|当)[\u3400-\u9fff]{0,5}\s*$", re.IGNORECASE
)
"""What stands before the values at which others were measured."""


def coefficients(formula: str) -> dict[int, float] | None:
    """Return power → factor of a polynomial such as "3x^2 - 4x = 7", or None."""
    plain = re.sub(r"\s", "", formula.replace("²", "^2").replace("³", "^3").replace("−", "-"))
    plain = plain.replace("**", "^")
    left, _, right = plain.partition("=")
    found: dict[int, float] = {}
    letters: set[str] = set()
    for side, sign in ((left, 1.0), (right, -1.0)):
        position = 0
        while position < len(side):
            match = _TERM.match(side, position)
            if match is None or match.end() == position or (position and not match[1]):
                return None
            if not (match[2] or match[3]) or (match[4] and not match[3]) or match[2] == ".":
                return None
            power = int(match[4] or 1) if match[3] else 0
            letters.add((match[3] or "").lower())
            factor = float(match[2] or 1) * (-1 if match[1] == "-" else 1)
            found[power] = found.get(power, 0.0) + sign * factor
            position = match.end()
    return found if len(letters - {""}) == 1 else None


def _polynomial(
    text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]
) -> str:
    """Set the factors of a quadratic equation, where there are parameters for them."""
    names = {p.name: p for p in parameters}
    if not {"a", "b", "c"} <= names.keys() or "x²" not in names["a"].label.en:
        return text
    for item in written(text):
        said = f"{item.left} = {item.right}" if item.right else item.text
        factors = coefficients(said if item.left not in ("y", "f(x)") else item.right)
        if item.kind != "formula" or factors is None or max(factors) != 2:
            continue
        for power, name in ((2, "a"), (1, "b"), (0, "c")):
            number = numbers.whole(factors.get(power, 0.0))
            values[name] = names[name].accept(number)
        return text[: item.start] + " " * (item.end - item.start) + text[item.end :]
    return text


def _complex(text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]) -> str:
    """Set a real and an imaginary part from "-0.8 + 0.156i", and the power that it is raised to."""
    parts = {}
    for part in ("real", "imaginary"):
        parts[part] = [p for p in parameters if part in p.name.split("_")]
    plain = numbers.normal(text)
    if any(len(group) != 1 for group in parts.values()):
        degrees = [p for p in parameters if p.name == "degree"]
        if len(degrees) == 1 and (root := _ROOT.search(plain)) is not None and root["re"]:
            values["degree"] = degrees[0].accept(_degree(root))
            return text[: root.start()] + " " * len(root.group()) + text[root.end() :]
        return text
    powers = [p for p in parameters if p.name in _POWERS]
    if powers and (root := _ROOT.search(plain)) is not None:
        values[powers[0].name] = powers[0].accept(_degree(root))
        real = parts["real"][0]
        if root["re"]:
            values[real.name] = real.accept(numbers.whole(float(root["re"].replace("−", "-"))))
        text = text[: root.start()] + " " * len(root.group()) + text[root.end() :]
        plain = numbers.normal(text)
    match = _COMPLEX.search(plain)
    if match is None or not (match["re"] or re.search(r"\d", match["im"])):
        return text
    for name, group in (("real", "re"), ("imaginary", "im")):
        said = re.sub(r"\s", "", (match[group] or "0").replace("−", "-"))
        number = float(said + "1" if said in ("", "+", "-") else said)
        place = parts[name][0]
        values[place.name] = place.accept(numbers.whole(number))
    if match["n"] and powers:
        values[powers[0].name] = powers[0].accept(int(match["n"]))
    start, end = match.span()
    return text[:start] + " " * (end - start) + text[end:]


def _degree(root: re.Match[str]) -> int:
    return int(root["n"] or _RAISED.index(root["raised"]))


def quoted_text(
    text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]
) -> None:
    """Set the one parameter for a text to the one text that stands in quotation marks."""
    places = [p for p in parameters if p.kind == "text"]
    quoted = _QUOTED.findall(text)
    if len(places) == 1 and len(quoted) == 1:
        values[places[0].name] = places[0].accept(quoted[0])
