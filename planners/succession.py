"""Steps that are named and not counted: "grass to grasshopper to frog to snake" has three."""

from __future__ import annotations

import re
from collections.abc import Sequence

from intentos.parameters import Parameter

from .links import Links

_STEPS = frozenset({"steps", "links"})
_LEVELS = frozenset({"levels", "级"})
"""An alias of what goes on from level to level; other steps are no food chain."""
_NAME = r"(?:(?:the|an?|some)\s+)?[a-z]{1,30}"
_CHINESE = r"(?:(?!传给|传到|喂给|到)[\u3400-\u9fff]){1,5}"
"""A name holds no word that leads on to the next, or there would be ever more ways to read it."""
_LONGEST = 1000
"""Characters of a text that are looked at: a row of names is short."""
_ROWS = tuple(
    (re.compile(row, re.IGNORECASE), re.compile(step, re.IGNORECASE))
    for row, step in (
        (rf"\b{_NAME}(?:,?\s+(?:and\s+)?(?:then\s+)?to\s+{_NAME}){{2,20}}\b", r"\bto\b"),
        (r"(?<![^\W\d])[^\W\d]{1,30}(?:\s*(?:→|->|=>|—>)\s*[^\W\d]{1,30}){2,20}", r"→|->|=>|—>"),
        (rf"{_CHINESE}(?:[，,]?[再又]?(?:传给|传到|喂给|到){_CHINESE}){{2,20}}(?=[，,。；？?]|$)",
         r"传给|传到|喂给|到"),
        (rf"\b{_NAME}\s+eats?\s+{_NAME}(?:[,;.]?\s+(?:and\s+)?{_NAME}\s+eats?\s+{_NAME})+",
         r"\beats?\b"),
        (r"[^\W\d吃]{1,5}吃[^\W\d吃]{1,5}(?:[，,、；][^\W\d吃]{1,5}吃[^\W\d吃]{1,5})+", "吃"),
    )
)  # fmt: skip
"""A row of names, and what stands for one step of it."""


def named_steps(plain: str) -> int:
    """Return how many steps the longest row of names in a text has; 0 where there is none."""
    read = plain[:_LONGEST]
    rows = [(row.group(), step) for form, step in _ROWS for row in form.finditer(read)]
    return max((len(step.findall(row)) for row, step in rows), default=0)


def count_steps(plain: str, parameters: Sequence[Parameter], links: Links) -> None:
    """Set the steps from level to level that a text names one after another and counts nowhere."""
    for parameter in parameters:
        if parameter.name in _STEPS and _LEVELS & set(parameter.aliases):
            counted = parameter.name in links.values
            steps = 0 if counted else named_steps(plain)
            if steps and steps <= (parameter.maximum or steps):
                links.values[parameter.name] = parameter.accept(steps)
                links.told.add(parameter.name)
