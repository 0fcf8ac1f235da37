"""What a check found, in the language of who reads it.

Kernels and checks say in English what they found, with the numbers in it: that is what the store
keeps and the certificate compares. Here each such sentence is known by its form, ``detail.*`` of
the catalogue, and said in another language with the same numbers. What has no known form, a
formula of a plan above all, stays as it is.
"""

from __future__ import annotations

import re
from functools import cache

from intentos.messages import catalogue, message
from intentos.types import Language

SECTION = "detail."
BETWEEN = {"zh": "；"}
"""What stands between two findings; in English ``; ``."""
LONGEST = 400
"""Characters of a finding; one that is longer, a stranger's, is not looked into."""


def detail_text(detail: str, language: Language) -> str:
    """Return what a check found, in a language."""
    if language not in BETWEEN:
        return detail
    return BETWEEN[language].join(_said(part, language) for part in detail.split("; "))


def _said(part: str, language: Language) -> str:
    for name, form in _forms() if len(part) <= LONGEST else ():
        if (found := form.fullmatch(part)) is not None:
            given = found.groupdict()
            if "first" in given:
                given["first"] = _said(given["first"], language)
            return message(f"detail.{name}", language, **given)
    return part


@cache
def _forms() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the English sentences as patterns, those that say most of themselves first.

    A placeholder of one letter is one number or name; others may hold spaces.
    """
    found = []
    one, several = r"\S+?", ".+?"
    for code, sentence in catalogue("en").items():
        if not code.startswith(SECTION):
            continue
        literal, pattern = 0, ""
        for piece in re.split(r"(\{\w+\})", sentence):
            if piece.startswith("{"):
                pattern += f"(?P<{piece[1:-1]}>{one if len(piece) == 3 else several})"
            else:
                pattern += re.escape(piece)
                literal += len(piece)
        found.append((literal, code.removeprefix(SECTION), re.compile(pattern)))
    found.sort(key=lambda one: -one[0])
    return tuple((name, form) for _, name, form in found)
