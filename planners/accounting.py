"""Whether a plan has taken up everything that was said: without that no badge says *verified*.

A wrong recipe can pass its own checks. What gives it away are words and numbers of the wish that it
has no use for, so each of them must have ended somewhere, and not by a guess.
"""

from __future__ import annotations

from collections.abc import Sequence

from intentos.parameters import Parameter
from intentos.types import Value

from . import numbers
from .evidence import NEEDED, evidence, value_for, words_of
from .linking import Links


def left_out(text: str, parameters: Sequence[Parameter], links: Links) -> list[str]:
    """Return what was said in numbers, factors and colours that changed nothing, or was guessed.

    A number is guessed where neither its unit nor a word beside it says whose it is: it went to
    the only parameter there is.
    """
    mentions = [m for m in numbers.read(text) if not m.weak]
    found = [m.text for m in links.left if not m.weak]
    found += [m.text for m in mentions if m.kind == "factor" and not _applied(m, parameters, links)]
    exact = [m for m in mentions if m.kind == "number"]
    plain = numbers.normal(text)
    for mention in exact:
        taken = [p for p in parameters if _took(mention, p, links)]
        if taken and all(evidence(plain, mention, p, words_of(plain, parameters), exact) < NEEDED for p in taken):
            found.append(mention.text)
    return found


def _took(mention: numbers.Mention, parameter: Parameter, links: Links) -> bool:
    if parameter.kind not in ("number", "integer") or parameter.name not in links.values:
        return False
    value = value_for(mention, parameter)
    return value is not None and _near(links.values[parameter.name], float(value))


def _applied(factor: numbers.Mention, parameters: Sequence[Parameter], links: Links) -> bool:
    return any(
        _near(links.values[p.name], factor.number * float(p.default))
        for p in parameters
        if p.kind in ("number", "integer") and p.name in links.values
    )


def _near(value: Value, wanted: float) -> bool:
    return (
        abs(float(value) - wanted) <= 0.51
        if isinstance(value, int)
        else (abs(float(value) - wanted) <= 1e-6 * max(1.0, abs(wanted)))
    )
