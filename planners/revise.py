"""Revise: a follow-up changes values of the plan that is on the table.

The model emits operations (parameter, action, value) and code does the arithmetic. What can be
read from the text by rule, is: explicit numbers, factors, relative words, colours, switches. An
explicit value outside the range is an error that names the range; a relative one stops at the edge
of the range and says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Literal

from pydantic import BaseModel, create_model, model_validator

from intentos.errors import PlanningError
from intentos.parameters import Parameter
from intentos.plan import Assumption, Plan
from intentos.protocols import Proposal, Table
from intentos.types import Value, Words

from . import numbers
from .concepts import NUMBER, VERBS, Relative, nouns, relatives, speaks_of
from .generate import not_used
from .linking import Links, link, occurrences
from .model import Model, Prompt
from .numbers import Mention
from .recall import quoted, scaled
from .recall import system as choosing

Action = Literal["set", "multiply", "add", "toggle", "default"]
_NEAR = 14

_REFERS = re.compile(
    r"\b(?:make|change|turn|set|now|instead|again|increase|decrease|reduce|double|halve|twice|half|times|more|fewer|less"
    r"|without|remove|hide|off|reset|faster|slower|bigger|smaller|hotter|colder|warmer|cooler)\b|\b(?:it|them|this)\b"
    r"|不要|去掉|关掉|关闭|改|换|变|调|设为|设成|提高|降低|增加|减少|现在|再|更|加快|减慢|加倍|翻倍|减半|恢复|重置|把它|让它|一点|一些|两倍|一半",
    re.IGNORECASE,
)
_RESET = re.compile(
    r"\b(?:reset|default|defaults|back to normal)\b|恢复默认|重置|默认", re.IGNORECASE
)
_OFF = re.compile(
    r"\b(?:off|without|disable|no|hide|remove)\b|关闭|关掉|不要|去掉|没有|隐藏",
    re.IGNORECASE,
)
_ON = re.compile(
    r"\b(?:turn on|switch on|with|enable|show|add)\b|打开|开启|显示|加上|启用", re.IGNORECASE
)


@dataclass(frozen=True)
class Operation:
    """One change of one parameter."""

    parameter: str
    action: Action
    value: Value | None = None


@dataclass
class Reading:
    """What code could read from a follow-up."""

    operations: list[Operation] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    """Pieces of the text that say something about this plan, but not plainly which parameter."""
    unused: list[Mention] = field(default_factory=list)

    @property
    def plain(self) -> bool:
        """Whether rules have read it all, so that no model is needed."""
        return bool(self.operations) and not self.unclear


def refers(text: str) -> bool:
    """Whether the text speaks of something that is already there."""
    return _REFERS.search(text) is not None or any(m.kind == "factor" for m in numbers.read(text))


def read(text: str, plan: Plan) -> Reading:
    """Return the operations that can be read by rule.

    Raises:
        ValueOutOfRange: a number that is clearly meant for a parameter is outside its range.
    """
    reading = Reading()
    links = link(text, plan.parameters)
    for name, value in links.values.items():
        reading.operations.append(Operation(name, "set", value))
    if not _RESET.search(text):
        _read_relatives(text, plan, links, reading)
        _read_switches(text, plan, links, reading)
    else:
        named = [p.name for p in plan.parameters if occurrences(text, p)]
        for name in named or [p.name for p in plan.parameters]:
            reading.operations.append(Operation(name, "default"))
    reading.unused = links.unused
    reading.unclear += [m.text for m in links.left if not m.weak]
    return reading


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
        changed[parameter.name] = new
    return changed, notes


async def follows(text: str, table: Table, model: Model) -> tuple[bool, int]:
    """Return whether the model takes the text for a change of what is on the table; tokens."""
    lines = [
        f"On the table: {table.plan.title.en or table.plan.title.zh}",
        f"The person now says: {' '.join(text.split())[:600]}",
        "change: they want something about it to be different",
        "new: they want something else, which has nothing to do with it",
    ]
    prompt = Prompt(system=choosing(), user="\n".join(lines), prefill='{"meant": "')
    answer = await model.choose(prompt, ["change", "new"])
    return answer.name == "change", answer.tokens


async def revise(text: str, table: Table, model: Model | None) -> Proposal:
    """Return the same plan with other values.

    Raises:
        PlanningError: it is not clear what to change.
        ValueOutOfRange: an explicit value is outside its parameter's range.
        ModelUnavailable: the model cannot be used.
    """
    plan = table.plan
    reading = read(text, plan)
    operations = list(reading.operations)
    tokens = 0
    if model is not None and plan.parameters and not reading.plain:
        asked, tokens = await ask(text, table, operations, model)
        taken = {operation.parameter for operation in operations}
        operations += [o for o in asked if o.parameter not in taken]
    values, notes = apply(operations, plan, table.values)
    if values == dict(table.values) and not operations:
        raise _nothing_to_change(plan)
    used_numbers = [o.value for o in operations]
    notes += [not_used(m.text) for m in reading.unused if m.value not in used_numbers]
    # Assumptions are words, not acts: the digest stays, and so does an approval.
    kept = tuple(a for a in plan.assumptions if not is_note(a))
    if (*kept, *notes) != plan.assumptions:
        plan = plan.model_copy(update={"assumptions": (*kept, *notes)})
    return Proposal(plan=plan, values=values, tokens=tokens, accounted=not notes)


async def ask(
    text: str, table: Table, known: Sequence[Operation], model: Model
) -> tuple[list[Operation], int]:
    """Return the operations that the model reads from the text, and the tokens it took."""
    lines = [f"Program: {table.plan.title.en or table.plan.title.zh}", "Parameters:"]
    for p in table.plan.parameters:
        now = json.dumps(table.values.get(p.name, p.default), ensure_ascii=False)
        choices = f", one of {', '.join(p.choices)}" if p.choices else ""
        unit = f" {p.unit}" if p.unit else ""
        label = " / ".join(part for part in (p.label.en, p.label.zh) if part)
        lines.append(f"- {p.name} ({label}): {p.kind}, now {now}{unit}{choices}")
    lines.append(f"Wish: {' '.join(text.split())[:600]}")
    prompt = Prompt(system=system(), user="\n".join(lines))
    parameters = table.plan.parameters
    done = await model.typed(prompt, _operations(parameters), grammar=grammar(parameters))
    found = done.value.operations if done.value else []  # none: it ran into its limit
    operations = [Operation(o.parameter, o.action, o.value) for o in found]
    taken = {operation.parameter for operation in known}
    return [o for o in operations if o.parameter not in taken and _possible(o, table)], done.tokens


class _Asked(BaseModel):
    """One operation as a model writes it."""

    parameter: str
    action: Action
    value: Value | None = None

    @model_validator(mode="after")
    def _complete(self) -> _Asked:
        if self.value is None and self.action in ("set", "multiply", "add"):
            raise ValueError(f"{self.action} needs a value")
        return self


class _Operations(BaseModel):
    operations: list[_Asked]


def _operations(parameters: Sequence[Parameter]) -> type[_Operations]:
    """Return the type of {"operations": [...]} over these parameters."""
    names: Any = Literal[tuple(parameter.name for parameter in parameters)]
    asked: Any = create_model("Operation", __base__=_Asked, parameter=(names, ...))
    return create_model("Operations", __base__=_Operations, operations=(list[asked], ...))


@cache
def system() -> str:
    """Return the constant part of the prompt."""
    return resources.files(__package__).joinpath("prompts/revise.md").read_text("utf-8")


def grammar(parameters: Sequence[Parameter]) -> str:
    """Return the GBNF of {"operations": [...]} over these parameters, each by its kind."""
    rules = [
        'root ::= "{\\"operations\\": [" (operation (", " operation){0,4})? "]}"',
        'number ::= "-"? [0-9]{1,12} ("." [0-9]{1,6})?',
        'colour ::= "\\"#" [0-9a-f]{6} "\\""',
        'text ::= "\\"" [^"\\\\\\n]{0,80} "\\""',
    ]
    forms = []
    for i, parameter in enumerate(parameters):
        name = quoted(parameter.name)
        head = f'"{{\\"parameter\\": {name}, \\"action\\": '
        match parameter.kind:
            case "number" | "integer":
                body = (
                    f'{head}\\"" ("set" | "multiply" | "add") "\\", \\"value\\": " number "}}" '
                    f'| {head}\\"default\\"}}"'
                )
            case "boolean":
                body = (
                    f'{head}\\"set\\", \\"value\\": " ("true" | "false") "}}" '
                    f'| {head}\\"toggle\\"}}"'
                )
            case "choice":
                values = " | ".join(f'"{quoted(choice)}"' for choice in parameter.choices)
                body = f'{head}\\"set\\", \\"value\\": " ({values}) "}}"'
            case "colour":
                body = f'{head}\\"set\\", \\"value\\": " colour "}}"'
            case "text" | "expression":
                body = f'{head}\\"set\\", \\"value\\": " text "}}"'
        forms.append(f"p{i}")
        rules.append(f"p{i} ::= {body}")
    rules.append("operation ::= " + " | ".join(forms))
    return "\n".join(rules)


def _read_relatives(text: str, plan: Plan, links: Links, reading: Reading) -> None:
    """Pair factors with the words they are about: "twice as hot", "速度减半", "faster"."""
    plain = numbers.normal(text)
    factors = [m for m in numbers.read(text) if m.kind == "factor"]
    words = relatives(text)
    numeric = [p for p in plan.parameters if p.kind in ("number", "integer")]
    for word in words:
        if any(word.start < m.end and m.start < word.end for m in factors):
            continue  # "20% faster" is one factor
        factor = _nearest_factor(word, factors)
        if factor is not None:
            factors.remove(factor)
        free = [p for p in numeric if p.name not in links.values]
        places = [p for p in free if speaks_of(p, word.concept)]
        # "More cars" is about the cars, whatever they call their number.
        among = free if word.concept is NUMBER else places
        places = [p for p in among if _noun_behind(plain, word, p)] or places
        # Where two are of one kind, the one whose own word was said: "hot" is the corner's.
        named = [p for p in places if (word.start, word.end) in occurrences(plain, p)]
        places = named if len(named) == 1 else places
        amount = word.bare_factor if factor is None else factor.number
        if factor is not None and not word.up and amount > 1:
            amount = 1 / amount  # twice as slow
        _settle(plain[word.start : word.end], places, amount, reading)
    for factor in factors:
        places = _places_beside(plain, factor.start, factor.end, numeric)
        places = [p for p in places if p.name not in links.values]
        inside = [w for w in words if factor.start <= w.start < factor.end]
        if not places and inside:
            places = [p for p in numeric if speaks_of(p, inside[0].concept)]
        if not places and len(numeric) == 1:
            places = numeric
        _settle(factor.text, places, factor.number, reading)
    if not words and not any(m.kind == "factor" for m in numbers.read(text)):
        _read_verbs(plain, [p for p in numeric if p.name not in links.values], reading)


def _read_verbs(text: str, parameters: Sequence[Parameter], reading: Reading) -> None:
    """Read "increase the speed", "降低温度"."""
    for form, factor in VERBS:
        for match in form.finditer(text):
            places = _places_beside(text, match.start(), match.end(), parameters)
            _settle(match.group(), places, factor, reading)


def _settle(said: str, places: list[Parameter], factor: float, reading: Reading) -> None:
    done = {operation.parameter for operation in reading.operations}
    places = [p for p in places if p.name not in done]
    if len(places) == 1:
        reading.operations.append(Operation(places[0].name, "multiply", factor))
    else:
        reading.unclear.append(said)


def _nearest_factor(word: Relative, factors: Sequence[Mention]) -> Mention | None:
    near = [
        (gap, factor.start, factor)
        for factor in factors
        if (gap := max(word.start - factor.end, factor.start - word.end)) < _NEAR
    ]
    return min(near)[2] if near else None


def _noun_behind(text: str, word: Relative, parameter: Parameter) -> bool:
    """Whether the parameter's own word stands close: "more cars", "速度快一点"."""
    return any(
        0 <= start - word.end < 8 or 0 <= word.start - end < 4
        for start, end in occurrences(text, parameter)
        if (start, end) != (word.start, word.end)
    )


def _places_beside(
    text: str, start: int, end: int, parameters: Sequence[Parameter]
) -> list[Parameter]:
    """Return the parameters whose words stand nearest to a place, or whose quantity does."""
    named = {p.name: occurrences(text, p) for p in parameters}
    kinds = nouns(text)
    spoken = {p.name: [(a, b) for c, a, b in kinds if speaks_of(p, c)] for p in parameters}
    for spans in (named, spoken):
        gaps = [
            (min(max(a - end, start - b) for a, b in spans[p.name]), p)
            for p in parameters
            if spans[p.name]
        ]
        nearest = min((gap for gap, _ in gaps), default=_NEAR)
        if nearest < _NEAR:
            return [parameter for gap, parameter in gaps if gap == nearest]
    return []


def _read_switches(text: str, plan: Plan, links: Links, reading: Reading) -> None:
    plain = numbers.normal(text)
    for parameter in plan.parameters:
        if parameter.name in links.values:
            continue
        if parameter.kind == "boolean" and occurrences(plain, parameter):
            if _OFF.search(plain):
                reading.operations.append(Operation(parameter.name, "set", False))
            elif _ON.search(plain):
                reading.operations.append(Operation(parameter.name, "set", True))
            else:
                reading.unclear.append(parameter.name)
        elif parameter.minimum == 0 and _beside(_OFF, plain, parameter):
            # Nothing of a quantity that may be nothing: "without air resistance", "不要云".
            reading.operations.append(Operation(parameter.name, "set", 0))


def _beside(form: re.Pattern[str], text: str, parameter: Parameter) -> bool:
    """Whether a word for the parameter stands close to a match, in the same clause."""
    for match in form.finditer(text):
        for start, end in occurrences(text, parameter):
            between = text[min(end, match.end()) : max(start, match.start())]
            if len(between) < _NEAR and not re.search(r"[,.;，。；、]|\b(?:and|but)\b", between):
                return True
    return False


def _given(operation: Operation) -> Value:
    assert operation.value is not None
    return operation.value


def _moved(parameter: Parameter, old: Value, operation: Operation) -> Value:
    amount = float(_given(operation))
    if operation.action == "multiply":
        return scaled(parameter, old, amount)
    return scaled(parameter, float(old) + amount, 1.0)


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
                zh=f"{label.text('zh')}最多只能到 {new:g}，所以取了这个值。",
            ),
            parameter=parameter.name,
        )
    ]


def _possible(operation: Operation, table: Table) -> bool:
    """Whether a model's operation can be done at all; what it makes up is left out."""
    try:
        apply([operation], table.plan, table.values)
    except (PlanningError, ValueError, ArithmeticError):
        return False
    return True


def is_note(assumption: Assumption) -> bool:
    """Return whether an assumption speaks of one text only, and not of the plan."""
    text = assumption.text
    return text.zh.endswith(("没有用到。", "所以取了这个值。"))


def _nothing_to_change(plan: Plan) -> PlanningError:
    known = ", ".join(p.name for p in plan.parameters) or "—"
    first = plan.parameters[0] if plan.parameters else None
    example = f"{first.name} = {first.default}" if first else ""
    return PlanningError("planning.nothing_to_change", known=known, example=example)
