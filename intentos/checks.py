"""Judging a run: the plan's checks, the badge, the answer sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from intentos.errors import InvalidPlan
from intentos.formula import evaluate, names_in
from intentos.messages import message
from intentos.plan import CheckSpec, Plan
from intentos.types import Badge, Check, Quantity, Value


def judge(
    plan: Plan, values: Mapping[str, Value], quantities: Mapping[str, Quantity]
) -> tuple[Check, ...]:
    """Judge every check that the plan carries against the computed values."""
    names = names_for(values, quantities)
    return tuple(_judge(spec, names) for spec in plan.checks)


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
    return "plausible" if checks else "unchecked"


def answer(
    plan: Plan, values: Mapping[str, Value], quantities: Mapping[str, Quantity], language: str
) -> str:
    """Return the answer sentence in a language: the plan's template, else the plain numbers."""
    names = names_for(plan.spoken(values, language), quantities)
    sentence = plan.answer.text(language, names)
    if sentence:
        return sentence
    stop, colon = ("；", "：") if language == "zh" else ("; ", ": ")
    return stop.join(
        f"{name}{colon}{plain(quantity.value)}{' ' if quantity.unit else ''}{quantity.unit}"
        for name, quantity in quantities.items()
    )


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


def _judge(spec: CheckSpec, names: Mapping[str, Any]) -> Check:
    try:
        passed = bool(evaluate(spec.expect, names))
        status = "passed" if passed else "failed"
        used = sorted(name for name in names_in(spec.expect) if name in names)
        detail = f"{spec.expect}; " + ", ".join(f"{n} = {plain(names[n])}" for n in used)
    except InvalidPlan as error:
        status, detail = "unknown", str(error)
    except (ArithmeticError, ValueError, TypeError) as error:
        status, detail = "failed", f"{spec.expect}: {error}"
    return Check(
        name=spec.name,
        title=spec.title,
        kind=spec.kind,
        status=status,
        detail=detail,
    )
