"""Reads colours from Chinese and English text."""

from __future__ import annotations

import re
from functools import cache

from .mention import Mention

_COLOURS = {
    "#e02424": "red|红|赤", "#1f6feb": "blue|蓝", "#22a447": "green|绿", "#f5c518": "yellow|黄",
    "#8b3fd9": "purple|紫", "#7f3fe0": "violet|紫罗兰", "#f28c28": "orange|橙|橘",
    "#ff7ab6": "pink|粉|粉红", "#111111": "black|黑", "#ffffff": "white|白",
    "#8a8a8a": "gray|grey|灰", "#8b5a2b": "brown|棕|褐|咖啡", "#19c5d9": "cyan|青",
    "#d6249f": "magenta|品红|洋红", "#ffd700": "gold|golden|金", "#c0c0c0": "silver|银",
    "#14b8a6": "teal|蓝绿|青绿", "#5bb8ff": "sky blue|light blue|天蓝|浅蓝|淡蓝",
    "#1e3a8a": "navy|dark blue|深蓝|藏青", "#4f46e5": "indigo|靛蓝|靛",
    "#40e0d0": "turquoise|绿松石", "#dc143c": "crimson|深红|绯红", "#a3e635": "lime|黄绿|草绿",
    "#800000": "maroon|栗", "#e6e6fa": "lavender|薰衣草", "#14532d": "dark green|深绿|墨绿",
    "#86efac": "light green|浅绿|淡绿",
}  # fmt: skip
_NO_COLOUR = re.compile(
    r"\b(?:black\s?holes?|black\s?bod(?:y|ies)|black[- ]scholes|white\s?noise|pink\s?noise|"
    r"brown\s?noise|red\s?noise|white\s?dwarfs?|red\s?giants?|red[- ]black|green'?s\b|"
    r"game of gold|golden\s+(?:ratio|angle|spiral|section)|gray\s?code|grey[- ]scott|"
    r"gray[- ]scott)\b",
    re.IGNORECASE,
)


_TWO = re.compile(
    r"(?P<one>[红白黑蓝绿黄紫粉金银灰橙青])(?:色?[和与、]|色)?(?P<two>[红白黑蓝绿黄紫粉金银灰橙青])色?"
    r"(?=相间|[两双]色|条纹|格|棋盘|方格|渐变|交错|斑马|花纹|图案|的?同心)"
    r"|[从由](?P<from>[红白黑蓝绿黄紫粉金银灰橙青])色?(?:慢慢|逐渐|渐渐|一点点)?[到变渐过][成到渡]*"
    r"(?P<to>[红白黑蓝绿黄紫粉金银灰橙青])"
)
"""Two colours of a pattern: 红白相间, 黑白棋盘, 从蓝到粉."""


@cache
def _colour_names() -> tuple[re.Pattern[str], dict[str, str]]:
    names = {name: code for code, group in _COLOURS.items() for name in group.split("|")}
    english = sorted((n for n in names if n.isascii()), key=len, reverse=True)
    chinese = "|".join(sorted((n for n in names if not n.isascii()), key=len, reverse=True))
    form = (
        r"(?P<hex>#[0-9a-fA-F]{6})(?![0-9a-fA-F])"
        rf"|\b(?P<en>{'|'.join(english).replace(' ', chr(92) + 's+')})\b"
        # A Chinese colour needs 色 or 的 behind it, or 成/为 before it: 红楼梦 is no colour.
        rf"|(?P<zh>{chinese})(?:色|的(?!士))|(?<=[成为])(?P<zh2>{chinese})(?![\u4e00-\u9fff])"
    )
    return re.compile(form, re.IGNORECASE), names


def read_colours(text: str) -> list[Mention]:
    """Return every colour that the text names, as a code such as "#e02424"."""
    form, names = _colour_names()
    no = [m.span() for m in _NO_COLOUR.finditer(text)]
    found = []
    for match in form.finditer(text):
        start, end = match.span()
        if any(a <= start < b for a, b in no):
            continue
        said = match["en"] or match["zh"] or match["zh2"]
        code = match["hex"] or names[re.sub(r"\s+", " ", said.lower())]
        found.append(Mention("colour", code.lower(), start, end, text[start:end]))
    for match in _TWO.finditer(text):
        for group in ("one", "two", "from", "to"):
            start, end = match.span(group)
            if start >= 0 and not any(m.start <= start < m.end for m in found):
                said = text[start:end]
                found.append(Mention("colour", names[said].lower(), start, end, said))
    return sorted(found, key=lambda mention: mention.start)
