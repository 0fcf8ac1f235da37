"""Judging a run: the plan's checks, the badge, the answer sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from intentos.errors import InvalidPlan
from intentos.evidence import can_fail, is_independent, is_undefined
from intentos.formula import evaluate, names_in
from intentos.messages import message
from intentos.plan import CheckSpec, Plan
from intentos.quantity_names import quantity_name
from intentos.run import StepResult
from intentos.types import Badge, Check, Quantity, Value


def judge(
    plan: Plan,
    values: Mapping[str, Value],
    quantities: Mapping[str, Quantity],
    *,
    results: Sequence[StepResult] | None = None,
    vouched: bool = True,
) -> tuple[Check, ...]:
    """Judge every check that the plan carries against the computed values.

    A check that is only its author's word comes out as a generic one (``evidence.py``).
    ``results``: which step reported what, where that is known.
    """
    names = names_for(values, quantities)
    judged = []
    for spec in plan.checks:
        check = _judge(spec, names, quantities)
        if check.status != "unknown" and results is not None and check.kind != "generic":
            if not is_independent(spec, plan, results, quantities, vouched=vouched):
                check = check.model_copy(update={"kind": "generic"})
        judged.append(check)
    return tuple(judged)


def badge(origin: str, checks: Sequence[Check], *, accounted: bool) -> Badge:
    """Return how far a completed run can be trusted; never kinder than its evidence.

    *verified* takes an independent check that passed, none that failed or stayed unknown, and every
    number and content word of the intent accounted for.
    """
    if any(check.status == "failed" for check in checks):
        return "failed"
    independent = [c for c in checks if c.kind in ("physical", "oracle") and c.status == "passed"]
    if origin in ("generated", "composed", "edited"):
        if not any(check.kind == "oracle" for check in independent):
            return "unchecked"
    unknown = any(check.status == "unknown" for check in checks)
    if independent and accounted and not unknown:
        return "verified"
    return "plausible" if any(check.status == "passed" for check in checks) else "unchecked"


def answer(
    plan: Plan, values: Mapping[str, Value], quantities: Mapping[str, Quantity], language: str
) -> str:
    """Return the answer sentence in a language: the plan's template, else the plain numbers."""
    names = names_for(plan.spoken(values, language), quantities)
    sentence = plan.answer.text(language, names)
    if sentence:
        return sentence
    stop, colon = ("；", "：") if language == "zh" else ("; ", ": ")
    told = []
    for name, quantity in quantities.items():
        measure = f"{plain(quantity.value)} {quantity.unit}".rstrip()
        told.append(f"{quantity_name(name, language, plan)}{colon}{measure}")
    return stop.join(told)


def presented(
    answer: str, checks: Sequence[Check], values: Mapping[str, Value], language: str
) -> str:
    """Return the answer, or where a check failed the failure, with what is known all the same."""
    failed = [c.title.text(language, values) or c.name for c in checks if c.status == "failed"]
    if not failed:
        return answer
    stop = "；" if language == "zh" else "; "
    return message("answer.failed", language, checks=stop.join(failed), computed=answer)


def names_for(values: Mapping[str, Value], quantities: Mapping[str, Quantity]) -> dict[str, Any]:
    """Return what checks and answers may name: parameters, and computed values over them."""
    return {**values, **{name: quantity.value for name, quantity in quantities.items()}}


def plain(value: object) -> str:
    """Return a value as a person would write it."""
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:,.6g}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value}"
    return str(value)


def _judge(spec: CheckSpec, names: Mapping[str, Any], computed: Mapping[str, Quantity]) -> Check:
    status, detail = _verdict(spec, names, computed)
    return Check(name=spec.name, title=spec.title, kind=spec.kind, status=status, detail=detail)


def _verdict(
    spec: CheckSpec, names: Mapping[str, Any], computed: Mapping[str, Quantity]
) -> tuple[Literal["passed", "failed", "unknown"], str]:
    try:
        used = sorted(names_in(spec.expect))
        numbers = ", ".join(f"{n} = {plain(names[n])}" for n in used if n in names)
        detail = f"{spec.expect}; {numbers}" if numbers else spec.expect
        # An unknown name counts also where `or` would have stopped before it.
        for name in used:
            if name not in names:
                evaluate(name, names)
        undefined = [name for name in used if is_undefined(names[name])]
        if undefined:  # NaN passes what begins with `not`
            return "failed", f"{detail}; not finite: {', '.join(undefined)}"
        passed = evaluate(spec.expect, names)
        if not isinstance(passed, bool):
            return "unknown", f"{detail}; = {plain(passed)}, neither true nor false"
        if passed and not can_fail(spec, names, computed):
            return "unknown", f"{detail}; no computed number could fail it, so it says nothing"
        return ("passed" if passed else "failed"), detail
    except InvalidPlan as error:
        return "unknown", str(error)
    except (ArithmeticError, ValueError, TypeError) as error:
        return "failed", f"{spec.expect}: {error}"
