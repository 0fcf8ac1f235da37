"""Random numbers inside a formula: "x + randn()", "uniform(0, 2) * y", "x + 随机噪声" as variables.

Every call draws anew, so each becomes a variable of its own: ``randn``, ``randn2``, ``randn3`` are
normal with mean 0 and deviation 1, ``rand``, ``rand2``, ``rand3`` uniform from 0 to 1.
"""

from __future__ import annotations

import re

MOST = 3
"""Draws of one kind that a formula may hold."""
CALL = (
    r"(?:(?:np|numpy|random|math)\.(?:random\.)?)?"
    r"(?:randn|rand|(?:random|gauss|normal|uniform)(?=\s*\())(?![A-Za-z_\d])(?:\s*\([^()]*\))?"
)
"""Of a draw, as a regular expression without groups."""
_CALL = re.compile(
    r"(?:(?:np|numpy|random|math)\.(?:random\.)?)?"
    r"(?P<name>randn|rand|(?:random|gauss|normal|uniform)(?=\s*\())(?![A-Za-z_\d])"
    r"(?:\s*\((?P<arguments>[^()]*)\))?",
    re.IGNORECASE,
)


def draws(formula: str) -> bool:
    """Return whether a formula draws random numbers itself."""
    return _CALL.search(formula) is not None


def as_variables(formula: str) -> str:
    """Return the formula with each draw as a variable; one of more than three stays as it is."""
    count = {"rand": 0, "randn": 0}

    def variable(match: re.Match[str]) -> str:
        said = match["name"].lower()
        kind = "randn" if said in ("randn", "gauss", "normal") else "rand"
        arguments = [part.strip() for part in (match["arguments"] or "").split(",") if part.strip()]
        if count[kind] == MOST or len(arguments) > 2:
            return match.group()
        count[kind] += 1
        name = kind if count[kind] == 1 else f"{kind}{count[kind]}"
        if said in ("rand", "randn", "random") or len(arguments) < 2:
            return name  # an argument alone is how many: rand(1000)
        first, second = arguments
        if kind == "randn":
            return f"(({first}) + ({second})*{name})"
        return f"(({first}) + (({second}) - ({first}))*{name})"

    return _CALL.sub(variable, formula)
