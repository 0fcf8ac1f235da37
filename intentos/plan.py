"""Step, Plan and Approval: what a person reads, consents to and reruns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from intentos.errors import InvalidPlan
from intentos.parameters import Parameter
from intentos.types import (
    AttachmentKind,
    Frozen,
    Json,
    Limits,
    Name,
    Need,
    Origin,
    QuantityName,
    Sha256,
    Value,
    Words,
    canonical_json,
    new_id,
    now,
    sha256,
)


class Assumption(Frozen):
    """Something the planner took for granted; it may point at the parameter that changes it."""

    text: Words
    parameter: Name | None = None


class Step(Frozen):
    """One piece of work of a plan."""

    id: Name
    title: Words = Words()
    language: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    """``kernel``, ``wgsl``, ``python``, or a plugin's."""
    code: str = Field(min_length=1, max_length=1_000_000)
    """Source text, or the kernel's name where the language is ``kernel``."""
    code_hash: str = ""
    """sha256 of what acts; for a kernel it covers WGSL and builder (see ``registry.pin``)."""
    arguments: dict[str, Json] = {}
    """Handed to the code as data; a string ``$name`` stands for the parameter of that name and, in
    a kernel's or a WGSL step's, ``@name`` for the input array of that name."""
    inputs: dict[Name, str] = {}
    """Local name ← ``step_id/artifact name`` of an earlier step, ``attachment/name``, or
    ``run:id/artifact name`` of an earlier run."""
    outputs: tuple[str, ...] = ()
    needs: frozenset[Need] = frozenset()
    executor: str | None = None
    limits: Limits = Limits()

    @model_validator(mode="before")
    @classmethod
    def _hash_code(cls, data: Any) -> Any:
        # Text code is its own identity; a hash written in a file never overrules the text.
        if isinstance(data, dict) and data.get("language") != "kernel":
            data = {**data, "code_hash": sha256(str(data.get("code", "")).encode())}
        return data

    def resolved_arguments(self, values: Mapping[str, Value]) -> dict[str, Json]:
        """Return the arguments with every ``$name`` replaced by its value."""
        return {key: _resolve(argument, values) for key, argument in self.arguments.items()}

    @property
    def parameter_names(self) -> frozenset[str]:
        """The parameters that the arguments mention."""
        return frozenset(_mentions(self.arguments))


class CheckSpec(Frozen):
    """A check that a plan carries: a formula over values and parameters that must hold."""

    name: str
    title: Words = Words()
    kind: Literal["generic", "physical", "oracle"] = "generic"
    expect: str = Field(max_length=500)


class Slot(Frozen):
    """A place in a plan for a file that a person hands in; which file it is, the plan leaves open,
    so that an approval covers the same work on other data."""

    name: Name
    label: Words = Words()
    kind: AttachmentKind
    numbers: int = Field(0, ge=0, le=100)
    """Columns of numbers that a table must have at least."""
    optional: bool = False


ATTACHMENT = "attachment"
RUN = "run:"
"""Where a step's input comes from that no step made."""
_RUN_SOURCE = re.compile(rf"{RUN}[0-9a-z]{{26}}")


class Plan(Frozen):
    """The typed proposal that a person reads, approves, edits and reruns; frozen from birth."""

    schema_number: Literal[1] = Field(1, alias="schema")
    id: str = Field(default_factory=new_id)
    title: Words
    interpretation: Words
    """One sentence: how the intent was understood. May hold ``{parameter}``."""
    assumptions: tuple[Assumption, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    steps: tuple[Step, ...] = Field(min_length=1, max_length=64)
    attachments: tuple[Slot, ...] = Field((), max_length=8)
    """Files that the steps work on."""
    checks: tuple[CheckSpec, ...] = ()
    answer: Words = Words()
    """Template of the answer sentence over values and parameters."""
    labels: dict[QuantityName, Words] = Field({}, max_length=500)
    """What the numbers, series and columns that it reports are called, for people."""
    origin: Origin
    recipe: str | None = None
    planner: str = ""
    model: str | None = None
    parent: str | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _unique("parameter", (p.name for p in self.parameters))
        _unique("step", (s.id for s in self.steps))
        _unique("attachment", (slot.name for slot in self.attachments))
        names = {p.name for p in self.parameters}
        slots = {slot.name for slot in self.attachments}
        for parameter in self.parameters:
            if parameter.table is not None and parameter.table not in slots:
                raise ValueError(f"parameter {parameter.name!r} is a column of no attachment")
        seen: set[str] = set()
        for step in self.steps:
            for unknown in sorted(step.parameter_names - names):
                raise ValueError(f"step {step.id!r} uses ${unknown}, which is no parameter")
            if step.language in ("kernel", "wgsl"):
                for unknown in sorted(set(_mentions(step.arguments, "@")) - step.inputs.keys()):
                    raise ValueError(f"step {step.id!r} uses @{unknown}, which is no input of it")
            for source in step.inputs.values():
                origin, slash, name = source.partition("/")
                known = name in slots if origin == ATTACHMENT else origin in seen
                known = known or bool(_RUN_SOURCE.fullmatch(origin))
                if not (slash and known):
                    raise ValueError(
                        f"step {step.id!r}: input {source!r} is not 'earlier_step/artifact', "
                        f"'{ATTACHMENT}/name' of an attachment or '{RUN}id/artifact'"
                    )
            if step.id == ATTACHMENT:
                raise ValueError(f"a step cannot be called {ATTACHMENT!r}")
            seen.add(step.id)
        for assumption in self.assumptions:
            if assumption.parameter is not None and assumption.parameter not in names:
                raise ValueError(f"an assumption names {assumption.parameter!r}, no parameter")
        return self

    def spoken(self, values: Mapping[str, Value], language: str) -> dict[str, Value]:
        """Return the values as sentences in ``language`` say them."""
        by_name = {p.name: p for p in self.parameters}
        return {
            name: by_name[name].shown(value, language) if name in by_name else value
            for name, value in values.items()
        }

    @property
    def digest(self) -> str:
        """The fingerprint of what acts: an approval names it, and any other plan differs in it.

        Covers steps with code hashes and arguments, parameter names, kinds, ranges and choices,
        needs, limits and checks; not words, labels, language, origin, model or default values. Of
        attachments it covers what they are called and must be, not what is in them.
        """
        acts: dict[str, Json] = {
            "schema": self.schema_number,
            "steps": [
                {
                    "id": s.id,
                    "language": s.language,
                    "code": s.code if s.language == "kernel" else "",
                    "code_hash": s.code_hash,
                    "arguments": s.arguments,
                    "inputs": s.inputs,
                    "outputs": list(s.outputs),
                    "needs": sorted(s.needs),
                    "executor": s.executor,
                    "limits": s.limits.model_dump(),
                }
                for s in self.steps
            ],
            "parameters": [
                {
                    "name": p.name,
                    "kind": p.kind,
                    "minimum": p.minimum,
                    "maximum": p.maximum,
                    "choices": [] if p.kind == "column" else list(p.choices),
                    "unit": p.unit,
                }
                | ({"table": p.table, "takes": p.takes} if p.kind == "column" else {})
                for p in sorted(self.parameters, key=lambda p: p.name)
            ],
            "checks": [c.model_dump(include={"name", "kind", "expect"}) for c in self.checks],
        }
        if self.attachments:  # plans from before there were any keep their fingerprint
            acts["attachments"] = [s.model_dump(exclude={"label"}) for s in self.attachments]
        return sha256(canonical_json(acts))

    @property
    def needs(self) -> frozenset[Need]:
        """Everything that any step needs."""
        return frozenset().union(*(step.needs for step in self.steps))

    @property
    def defaults(self) -> dict[str, Value]:
        """Every parameter at its default."""
        return {p.name: p.default for p in self.parameters}

    def parameter(self, name: str) -> Parameter:
        """Return the parameter called ``name``.

        Raises:
            InvalidPlan: there is none; the message lists those there are.
        """
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        known = ", ".join(p.name for p in self.parameters) or "—"
        raise InvalidPlan("plan.unknown_parameter", name=name, known=known)

    def accept(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return all parameters' values: the given ones, checked, over the defaults.

        Raises:
            InvalidPlan: a name is not a parameter of this plan.
            ValueOutOfRange: a value does not fit.
        """
        accepted = {name: self.parameter(name).accept(value) for name, value in values.items()}
        return self.defaults | accepted


class Approval(Frozen):
    """Consent, bound to the digest of one exact plan."""

    plan_digest: Sha256
    decision: Literal["approve", "reject"]
    by: str
    scope: Literal["once", "plan", "rule"] = "once"
    """``plan``: this plan within its parameters' ranges, from now on; ``rule``: by a rule, and for
    this run only."""
    rule: str | None = None
    """The rule's id, which a person who says *always* names as well."""
    words: Words = Words()
    """The rule, or the mode, by which nobody was asked, as it was then."""
    bare: tuple[str, ...] = ()
    """Steps whose Python may run without a sandbox, this once."""
    reason: str = ""
    at: datetime = Field(default_factory=now)


def _resolve(argument: Json, values: Mapping[str, Value]) -> Json:
    if isinstance(argument, str) and argument.startswith("$"):
        return values[argument[1:]]
    if isinstance(argument, dict):
        return {key: _resolve(item, values) for key, item in argument.items()}
    if isinstance(argument, list | tuple):
        return [_resolve(item, values) for item in argument]
    return argument


def _mentions(argument: Json, sign: str = "$") -> Iterable[str]:
    if isinstance(argument, str):
        if argument.startswith(sign):
            yield argument[1:]
    elif isinstance(argument, dict):
        for item in argument.values():
            yield from _mentions(item, sign)
    elif isinstance(argument, list | tuple):
        for item in argument:
            yield from _mentions(item, sign)


def _unique(what: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"two {what}s are called {name!r}")
        seen.add(name)
