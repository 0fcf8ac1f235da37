"""What a plan's own check is worth: whether it can fail at all, and whose word it is.

A plan says of its checks that they are physical or an oracle. That is believed of the house's own
recipes, which are tested with wrong values. Of code that a model or a stranger wrote it is not:
whoever writes the numbers can write a check that they pass.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from intentos.errors import InvalidPlan
from intentos.formula import evaluate, names_in
from intentos.plan import CheckSpec, Plan
from intentos.run import StepResult

FAR = 1e9
"""How many times too large a number is at most, that a check must find wrong."""
MOST_TOGETHER = 3
"""So many computed names are put wrong together, beyond that one by one."""


def can_fail(spec: CheckSpec, names: Mapping[str, Any], computed: Collection[str]) -> bool:
    """Return whether some wrong number in the place of a computed one breaks the check.

    ``expect: true`` cannot fail, nor can a comparison of parameters, ``x == x`` or ``x*x >= 0``.
    Only a generic check may ask no more than whether a number is finite.
    """
    used = sorted(names_in(spec.expect) & set(computed))
    if spec.kind != "generic":
        finite = [list(_wrong(names[name])) for name in used]
    else:
        finite = [[*_wrong(names[name]), math.nan, math.inf] for name in used]
    for name, others in zip(used, finite, strict=True):
        if any(_fails(spec, {**names, name: other}) for other in others):
            return True
    if 1 < len(used) <= MOST_TOGETHER:
        for together in product(*finite):
            if _fails(spec, {**names, **dict(zip(used, together, strict=True))}):
                return True
    return False


def is_undefined(value: Any) -> bool:
    """Return whether a value is, or holds, a number that is not finite."""
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, list | tuple) and any(map(is_undefined, value))


def is_independent(
    spec: CheckSpec,
    plan: Plan,
    results: Sequence[StepResult],
    computed: Collection[str],
    *,
    vouched: bool,
) -> bool:
    """Return whether a check of a plan may count as more than its author's word.

    ``vouched``: the plan is what this house's recipes and planner made, unchanged. Programs that
    a model wrote count only where two that differ reported the numbers that are compared, each
    name once, so that neither can speak for the other.
    """
    if not vouched or plan.origin == "edited":
        return False
    if plan.origin != "generated":
        return True
    code = {step.id: step.code_hash for step in plan.steps}
    said: set[str] = set()
    for name in names_in(spec.expect) & set(computed):
        by = [result.step_id for result in results if name in result.values]
        if len(by) != 1:
            return False
        said.add(code[by[0]])
    return len(said) > 1


def _wrong(value: Any) -> Iterator[Any]:
    match value:
        case bool():
            yield not value
        case int() | float():
            yield from (1.5 * value + 1, -abs(value) - 1, 0.0, 0.5, -0.5)
            yield from (FAR * (abs(value) + 1), -FAR * (abs(value) + 1))
        case str():
            yield from (value + "?", "")


def _fails(spec: CheckSpec, names: Mapping[str, Any]) -> bool:
    try:
        return not evaluate(spec.expect, names)
    except (InvalidPlan, ArithmeticError, ValueError, TypeError):
        return False
