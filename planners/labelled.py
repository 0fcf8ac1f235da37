"""Reads named amounts from a text: "apples 34, bananas 51 and pears 12", 苹果34、香蕉51."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence

from intentos.parameters import Parameter
from intentos.types import Value

_AMOUNT = r"[-−]?\d{1,12}(?:,\d{3}){0,4}(?:\.\d{1,9})?"
_UNIT = (
    r"(?P<big>[万亿])?(?:\s?(?P<unit>%|kg|km|cm|g|t|m|l|ml|litres?|pounds?|tons?|[°℃]C?"
    r"|[个只人次件本元块斤杯票辆吨克米升两]|公斤|千克))?"
)
_NAME = (
    r"(?:(?<![A-Za-z'’-])[A-Za-z][A-Za-z'’-]{0,29}(?:\s[A-Za-z][A-Za-z'’-]{0,29}){0,2}?"
    r"|[\u3400-\u9fff]{1,6}?)"
)
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
_LONGEST = 2000
"""Characters of a text that are looked at."""


def labelled(text: str, parameters: Sequence[Parameter], values: MutableMapping[str, Value]) -> str:
    """Set the one text that takes named amounts; return what is left of the wish."""
    places = [p for p in parameters if p.kind == "text" and _DEFAULT.fullmatch(str(p.default))]
    if len(places) != 1:
        return text
    best: list[re.Match[str]] = []
    run: list[re.Match[str]] = []
    for match in _ITEM.finditer(text[:_LONGEST]):
        if run and not _BETWEEN.fullmatch(text, run[-1].end(), match.start()):
            run = []
        run.append(match)
        best = max(best, list(run), key=len)
    units = {match["unit"] for match in best if match["unit"]}
    if len(best) < _LEAST or len(units) > 1:
        return text  # 1.5 t beside 34 kg would make a wrong chart
    items = [(_plain(m["name"], first=i == 0), _amount(m)) for i, m in enumerate(best)]
    said = ", ".join(f"{name} {amount:.12g}" for name, amount in items)
    values[places[0].name] = places[0].accept(said)
    start, end = best[0].start(), best[-1].end()
    return text[:start] + " " * (end - start) + text[end:]


def _amount(match: re.Match[str]) -> float:
    said = float(match["amount"].replace(",", "").replace("−", "-"))
    return said * {"万": 1e4, "亿": 1e8}.get(match["big"] or "", 1)


def _plain(name: str, *, first: bool) -> str:
    """Return a name without the words that lead to the first one: "bar chart of apples"."""
    if first:
        name = _LED_ZH.sub("", _LED.sub("", name)) or name
    return re.sub(r"^(?:and\s+|和|以及)", "", name.strip())
