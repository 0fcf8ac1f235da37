"""Which small numbers are part of what a recipe is called: the two of two galaxies."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from intentos.parameters import Parameter

from .fitting import accepts, unit_of
from .mention import Mention

_FEW = 12
_BEHIND = re.compile(r"\s*[A-Za-z]+|[\u3400-\u9fff]{1,2}")
_NUMERAL = r"(?<![\w.\-−])"
_SMALL = frozenset("and or to is are in of at for by with the a an on from then times".split())
"""Words behind a number that say nothing of what is counted."""


@dataclass(frozen=True)
class Said:
    """What a recipe says of itself: all of it, what it is called, and how it is asked for."""

    context: str
    title: str
    phrasings: Sequence[str] = ()

    def usual(self, text: str, mention: Mention) -> bool:
        """Whether the number with the word behind it is in the title, or in most phrasings of one
        language."""
        form = _form(text, mention)
        if form is None:
            return False
        if form.search(self.title):
            return True
        latin = [p for p in self.phrasings if p.isascii()]
        for group in (latin, [p for p in self.phrasings if not p.isascii()]):
            if 2 * sum(form.search(phrasing) is not None for phrasing in group) > len(group):
                return True
        return False

    def somewhere(self, text: str, mention: Mention) -> bool:
        """Whether the recipe speaks anywhere of the number with the word behind it."""
        form = _form(text, mention)
        return form is not None and form.search(self.context) is not None

    def holds(
        self,
        text: str,
        mention: Mention,
        parameters: Sequence[Parameter],
        set_ones: Collection[str],
    ) -> bool:
        """Whether the number says nothing new: the recipe is called so, or speaks so and has no
        parameter left that could take it."""
        few = mention.kind == "number" and mention.unit is None and 0 <= mention.number <= _FEW
        if not few:
            return False
        if self.usual(text, mention):
            return True
        places = (
            p for p in parameters
            if p.kind in ("number", "integer") and not unit_of(p) and p.name not in set_ones
        )  # fmt: skip
        return self.somewhere(text, mention) and not any(accepts(mention, p) for p in places)


def _form(text: str, mention: Mention) -> re.Pattern[str] | None:
    behind = _BEHIND.match(text[mention.end :])
    if behind is None or behind.group().strip().lower() in _SMALL:
        return None
    said = re.escape(mention.text + behind.group())
    before = _NUMERAL if mention.text[0].isascii() else r"(?<![第一二两三四五六七八九十百千万点])"
    return re.compile(before + said + (r"(?![a-z])" if behind.group().isascii() else ""), re.I)
