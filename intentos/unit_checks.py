"""Whether the answer says a number in the unit that it was computed in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from intentos.answer_units import family_of
from intentos.plan import Plan
from intentos.types import Check, Quantity, Words

UNITS = Words(en="The answer's numbers have their units", zh="答案中的数值都带有正确的单位")
_NAMED = re.compile(r"\{(\w+)(?::[^{}]*)?\}\s?([^\s{}，。；,;.)）]{1,12})?")


def of_answer(plan: Plan, quantities: Mapping[str, Quantity]) -> tuple[Check, ...]:
    """Judge the units of the numbers that the answer names.

    A unit behind a number that measures the same in another scale than the number was computed in
    (km/h behind m/s) fails; so does a number of another unit than the parameter whose name it has.
    One with no unit anywhere, where that parameter has one, stays open. What is named in words or
    in a unit of its own is not judged.
    """
    wrong = list(dict.fromkeys(_contradictions(plan, quantities)))
    units = {p.name: p.unit for p in plan.parameters if p.unit}
    bare = []
    for name, unit in _named(plan):
        quantity = quantities.get(name)
        if quantity is None or not _is_number(quantity) or quantity.unit or unit:
            continue
        if name in units:
            bare.append(name)
    named = {name for name, _ in _named(plan)} & quantities.keys()
    if not any(_is_number(quantities[name]) for name in named):
        return ()
    if wrong:
        return (Check(name="units", title=UNITS, status="failed", detail="; ".join(wrong)),)
    if bare:
        detail = f"no unit: {', '.join(dict.fromkeys(bare))}"
        return (Check(name="units", title=UNITS, status="unknown", detail=detail),)
    told = [f"{name} in {quantities[name].unit}" for name in sorted(named) if quantities[name].unit]
    detail = ", ".join(told[:8]) or "no number has one"
    return (Check(name="units", title=UNITS, status="passed", detail=detail),)


def _contradictions(plan: Plan, quantities: Mapping[str, Quantity]) -> Iterator[str]:
    units = {p.name: p.unit for p in plan.parameters if p.unit}
    for name, said in _named(plan):
        quantity = quantities.get(name)
        if quantity is None or not _is_number(quantity) or not quantity.unit:
            continue
        if _differ(said, quantity.unit):
            yield f"{name} is in {quantity.unit}, the answer says {said}"
        if _differ(units.get(name, ""), quantity.unit):
            yield f"{name} is in {quantity.unit}, the parameter in {units[name]}"


def _differ(one: str, other: str) -> bool:
    """Return whether two units measure the same in different scales."""
    first, second = family_of(one), family_of(other)
    if first is None or second is None:
        return False
    return first[0] == second[0] and first[1] != second[1]


def _named(plan: Plan) -> Iterator[tuple[str, str]]:
    for template in (plan.answer.en, plan.answer.zh):
        for match in _NAMED.finditer(template):
            yield match[1], match[2] or ""


def _is_number(quantity: Quantity) -> bool:
    return isinstance(quantity.value, int | float) and not isinstance(quantity.value, bool)
