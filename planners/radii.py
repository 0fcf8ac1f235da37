"""A radius where a plan wants a diameter, and the other way round: the number is told as wanted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from intentos.parameters import Parameter

from .evidence import COPULA
from .fitting import own_words
from .mention import Mention

_RADIUS = re.compile(r"\bradi(?:us|i)\b|(?<!曲率)半径", re.IGNORECASE)
_DIAMETER = re.compile(r"\bdiameters?\b|直径", re.IGNORECASE)
_WIDTH = re.compile(r"diameter|直径|口径|管径|外径|内径")
"""What the words of a knob hold that wants the whole width of something round."""


def halved_or_doubled(
    text: str, mentions: Sequence[Mention], parameters: Sequence[Parameter]
) -> list[Mention]:
    """Return the mentions with a radius doubled where only a diameter can be set, and a diameter
    halved where only a radius can."""
    own = [own_words(p) for p in parameters if p.kind in ("number", "integer")]
    wants_radius = any(_RADIUS.search(words) for words in own)
    wants_diameter = any(_WIDTH.search(words) for words in own)
    if wants_radius == wants_diameter:
        return list(mentions)
    pattern, factor = (_RADIUS, 2.0) if wants_diameter else (_DIAMETER, 0.5)
    return [
        replace(m, value=m.number * factor)
        if m.kind == "number"
        and not m.share
        and (m.unit is None or m.unit.dimension == "length")
        and _said_of(text, m, mentions, pattern)
        else m
        for m in mentions
    ]


def _said_of(
    text: str, mention: Mention, mentions: Sequence[Mention], pattern: re.Pattern[str]
) -> bool:
    """Whether a word stands right before or right behind a number, and belongs to no other."""
    for word in pattern.finditer(text):
        if word.end() <= mention.start and COPULA.fullmatch(text[word.end() : mention.start]):
            return True
        behind = text[mention.end : word.start()] if word.start() >= mention.end else None
        if behind is not None and re.fullmatch(r"\s*(?:in|的|长的)?\s*", behind):
            taken = any(
                m.start >= word.end() and COPULA.fullmatch(text[word.end() : m.start])
                for m in mentions
            )
            if not taken:
                return True
    return False
