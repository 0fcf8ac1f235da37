"""Operations on what lies on the table: a parameter, what is done with it, and by how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from intentos.parameters import Parameter
from intentos.plan import Assumption, Plan
from intentos.types import Value, Words

from .recall import scaled

Action = Literal["set", "multiply", "add", "toggle", "default"]
RAISED = 2.0
"""What a quantity is multiplied by that is only named: "let wind move the trees"."""
_NO_AMOUNT = "因为没有说多少。"
_EDGE = "所以取了这个值。"
_NOT_USED = "没有用到。"


@dataclass(frozen=True)
class Operation:
    """One change of one parameter."""

    parameter: str
    action: Action
    value: Value | None = None
    named_only: bool = False
    """Whether nothing was said of how much; the card then tells what was taken."""


def apply(
    operations: Sequence[Operation], plan: Plan, values: Mapping[str, Value]
) -> tuple[dict[str, Value], list[Assumption]]:
    """Return the new values, and what a person should know about how they came.

    Raises:
        ValueOutOfRange: an explicit value is outside its parameter's range.
    """
    changed = dict(values)
    notes: list[Assumption] = []
    for operation in operations:
        parameter = plan.parameter(operation.parameter)
        old = changed.get(parameter.name, parameter.default)
        match operation.action:
            case "set":
                new = parameter.accept(_given(operation))
            case "default":
                new = parameter.default
            case "toggle":
                new = not old if parameter.kind == "boolean" else old
            case "multiply" | "add":
                new = _moved(parameter, old, operation)
                notes += _edge(parameter, old, new, operation)
        if operation.named_only and new != old:
            notes.append(_taken(parameter, new))
        changed[parameter.name] = new
    return changed, notes


def is_note(assumption: Assumption) -> bool:
    """Return whether an assumption speaks of one text only, and not of the plan."""
    return assumption.text.zh.endswith((_NOT_USED, _EDGE, _NO_AMOUNT))


def is_loss(assumption: Assumption) -> bool:
    """Return whether a note tells of something that was said and not done."""
    return assumption.text.zh.endswith((_NOT_USED, _EDGE))


def _given(operation: Operation) -> Value:
    assert operation.value is not None
    return operation.value


def _moved(parameter: Parameter, old: Value, operation: Operation) -> Value:
    amount = float(_given(operation))
    if operation.action == "add":
        return scaled(parameter, float(old) + amount, 1.0)
    new = scaled(parameter, old, amount)
    if new == old and parameter.kind == "integer" and amount not in (0, 1):
        # A small count moves by one at least: "a few more" than one house are two.
        new = scaled(parameter, float(old) + (1 if amount > 1 else -1), 1.0)
    return new


def _edge(parameter: Parameter, old: Value, new: Value, operation: Operation) -> list[Assumption]:
    """Say so where the range stopped a relative change."""
    amount = float(_given(operation))
    wanted = float(old) * amount if operation.action == "multiply" else float(old) + amount
    rounding = 0.5 if parameter.kind == "integer" else 1e-9 * abs(wanted)
    if abs(wanted - float(new)) <= rounding or new not in (
        parameter.minimum,
        parameter.maximum,
    ):
        return []
    label = parameter.label
    return [
        Assumption(
            text=Words(
                en=f"{label.text('en')} goes only to {new:g}, so it was set to that.",
                zh=f"{label.text('zh')}最多只能到 {new:g}，{_EDGE}",
            ),
            parameter=parameter.name,
        )
    ]


def _taken(parameter: Parameter, new: Value) -> Assumption:
    label, shown = parameter.label, f"{new:g}" if isinstance(new, float) else str(new)
    return Assumption(
        text=Words(
            en=f"{label.text('en')} was set to {shown}, since no number was said.",
            zh=f"{label.text('zh')}取了 {shown}，{_NO_AMOUNT}",
        ),
        parameter=parameter.name,
    )
