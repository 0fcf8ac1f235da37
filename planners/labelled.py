"""Reads named amounts from a text: "apples 34, bananas 51 and pears 12", 苹果34、香蕉51."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence

from intentos.parameters import Parameter
from intentos.types import Value

_AMOUNT = r"[-−]?\d+(?:,\d{3})*(?:\.\d+)?"
_UNIT = r"(?:\s?(?:%|kg|km|cm|[°℃]C?|[个只人次件本元块斤杯票辆万]))?"
_NAME = r"(?:[A-Za-z][A-Za-z'’-]*(?:\s[A-Za-z][A-Za-z'’-]*){0,2}?|[\u3400-\u9fff]{1,6}?)"
_LINK = r"\s*(?:[:：=]|是|为|有|卖了?|得了?|\b(?:is|are|was|got|had|has|sold|with)\b)?\s*"
_ITEM = re.compile(rf"(?P<name>{_NAME}){_LINK}(?P<amount>{_AMOUNT}){_UNIT}(?![\d.A-Za-z])")
_BETWEEN = re.compile(r"\s*(?:[,，、;；]\s*(?:and\s+|和)?|\s+and\s+|\s+|和)")
_LED = re.compile(
    r"^(?:.*\b(?:chart|graph|plot|diagram|of|for|show|draw|and|with|the|my|our|please)\s+)+",
    re.IGNORECASE,
)
_LED_ZH = re.compile(r"^.*(?:图|统计|画|表示|数据|分别)(?:[是为])?")
_DEFAULT = re.compile(r"[^\d,]+ \d+(?:, [^\d,]+ \d+)+")
"""What the default of a text for named amounts looks like."""
_LEAST = 3


def labelled(text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]) -> str:
    """Set the one text that takes named amounts; return what is left of the wish."""
    places = [p for p in parameters if p.kind == "text" and _DEFAULT.fullmatch(str(p.default))]
    if len(places) != 1:
        return text
    best: list[re.Match[str]] = []
    run: list[re.Match[str]] = []
    for match in _ITEM.finditer(text):
        if run and not _BETWEEN.fullmatch(text, run[-1].end(), match.start()):
            run = []
        run.append(match)
        best = max(best, list(run), key=len)
    if len(best) < _LEAST:
        return text
    items = [(_plain(m["name"], first=i == 0), m["amount"]) for i, m in enumerate(best)]
    said = ", ".join(
        f"{name} {amount.replace(',', '').replace('−', '-')}" for name, amount in items
    )
    values[places[0].name] = places[0].accept(said)
    start, end = best[0].start(), best[-1].end()
    return text[:start] + " " * (end - start) + text[end:]


def _plain(name: str, *, first: bool) -> str:
    """Return a name without the words that lead to the first one: "bar chart of apples"."""
    if first:
        name = _LED_ZH.sub("", _LED.sub("", name)) or name
    return re.sub(r"^(?:and\s+|和|以及)", "", name.strip())
