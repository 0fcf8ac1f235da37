"""Filling by a large model: all parameters in one typed call, each number held against the text."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from intentos.errors import IntentOSError
from intentos.parameters import Parameter
from intentos.plan import Assumption, Plan
from intentos.types import Value, Words

from . import numbers
from .linking import Links, value_for
from .model import Model, Prompt
from .numbers import Mention

SYSTEM = (
    "A program with parameters will run for a person. Read from their wish, in Chinese or English, "
    "the value of every parameter that the wish speaks of, converted into the parameter's unit. "
    "Give null for a parameter that it does not speak of. Never make a value up."
)


async def fill(
    text: str, plan: Plan, links: Links, model: Model
) -> tuple[tuple[Assumption, ...], int]:
    """Add to the links what the model reads; return what a person should know, and the tokens.

    A value that the model gives overrules what code has linked, as far as a number in the text
    bears it out; one that comes from words alone ("slowly") is named in an assumption. What the
    parameter cannot hold is left out.

    Raises:
        ModelUnavailable: the model cannot be used.
    """
    lines = [f"Program: {plan.title.en} ({plan.title.zh})", "Parameters:"]
    lines += [_line(parameter, links) for parameter in plan.parameters]
    lines.append(f"Wish: {' '.join(text.split())[:2000]}")
    prompt = Prompt(system=SYSTEM, user="\n".join(lines))
    done = await model.typed(prompt, kind_of(plan.parameters), grammar="", max_tokens=400)
    given = done.value.model_dump(by_alias=True) if done.value else {}
    said = [m for m in numbers.read(text) if m.kind == "number" and not m.weak]
    factors = any(m.kind == "factor" for m in numbers.read(text))
    notes: list[Assumption] = []
    for parameter in plan.parameters:
        value = _accepted(parameter, given.get(parameter.name))
        linked = links.values.get(parameter.name)
        if value is None or value == (parameter.default if linked is None else linked):
            continue
        borne_out = any(_same(m, parameter, value) for m in said) or factors
        if parameter.kind in ("number", "integer") and not borne_out:
            if linked is not None:
                continue
            notes.append(_by_words(parameter, value))
        if linked is not None:  # its number is free again, and must end somewhere
            links.left += [m for m in said if _same(m, parameter, linked)]
        links.values[parameter.name] = value
    links.left = [m for m in links.left if not _used(m, plan, links)]
    return tuple(notes), done.tokens


def kind_of(parameters: Sequence[Parameter]) -> type[BaseModel]:
    """Return the type of one object with a value, or null, for each parameter."""
    kinds: dict[str, Any] = {
        "number": float,
        "integer": int,
        "boolean": bool,
        "colour": str,
        "text": str,
        "expression": str,
    }
    # By alias: a parameter may bear the name of something that every model has, such as "copy".
    fields: dict[str, Any] = {}
    for i, parameter in enumerate(parameters):
        kind = Literal[parameter.choices] if parameter.kind == "choice" else kinds[parameter.kind]
        fields[f"p{i}"] = (kind | None, Field(None, alias=parameter.name))
    return create_model("Values", __config__=ConfigDict(extra="forbid"), **fields)


def _line(parameter: Parameter, links: Links) -> str:
    label = " / ".join(part for part in (parameter.label.en, parameter.label.zh) if part)
    parts = [f"- {parameter.name} ({label}): {parameter.kind}"]
    if parameter.unit:
        parts.append(f"in {parameter.unit}")
    if parameter.minimum is not None or parameter.maximum is not None:
        parts.append(f"from {parameter.minimum} to {parameter.maximum}")
    if parameter.choices:
        parts.append(f"one of {', '.join(parameter.choices)}")
    parts.append(f"default {json.dumps(parameter.default, ensure_ascii=False)}")
    if parameter.name in links.values:
        read = json.dumps(links.values[parameter.name], ensure_ascii=False)
        parts.append(f"read by rule: {read}")
    return ", ".join(parts)


def _accepted(parameter: Parameter, value: Any) -> Value | None:
    try:
        return None if value is None else parameter.accept(value)
    except IntentOSError:  # out of its range, or no formula: the rules' reading stays
        return None


def _same(mention: Mention, parameter: Parameter, value: Value) -> bool:
    if parameter.kind not in ("number", "integer"):
        return False
    said = value_for(mention, parameter)
    return said is not None and math.isclose(float(said), float(value), rel_tol=1e-3)


def _used(mention: Mention, plan: Plan, links: Links) -> bool:
    """Whether a number of the text ended in a parameter, or was never a parameter's to take."""
    named = (p for p in plan.parameters if p.name in links.values)
    if any(_same(mention, parameter, links.values[parameter.name]) for parameter in named):
        return True
    texts = (str(v) for v in links.values.values() if isinstance(v, str))
    return any(mention.text in text for text in texts)


def _by_words(parameter: Parameter, value: Value) -> Assumption:
    label = parameter.label
    return Assumption(
        text=Words(
            en=f"{label.text('en')} = {value:g} was guessed from your words.",
            zh=f"{label.text('zh')}取 {value:g}，是从你的话里推测的。",
        ),
        parameter=parameter.name,
    )
