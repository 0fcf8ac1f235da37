"""What two plans or runs differ in: values, parameters, checks, needs, limits and code."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from intentos.checks import plain
from intentos.errors import UsageError
from intentos.messages import message
from intentos.parameters import Parameter
from intentos.plan import Plan, Step
from intentos.plan_file import read_plan
from intentos.store import Store
from intentos.types import Value, canonical_json

CONTEXT = 3


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of two things that are compared."""

    name: str
    plan: Plan
    values: Mapping[str, Value]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One kind of difference, as lines of a unified diff without its head."""

    title: str
    """Message code."""
    about: str = ""
    """Which step, where it is about one."""
    lines: tuple[str, ...]


def side(name: str, store: Store) -> Side:
    """Return the plan file or run of that name.

    Raises:
        NotFound: it is neither.
        InvalidPlan: the file holds no plan.
        UsageError: the run never got a plan.
    """
    path = Path(name)
    if path.is_file():
        found = read_plan(path)
        return Side(name=name, plan=found.plan, values=found.plan.accept(found.values))
    run = store.run(name)
    if run.plan is None:
        raise UsageError("diff.no_plan", run=run.id)
    return Side(name=run.id, plan=run.plan, values=run.values)


def compare(before: Side, after: Side) -> tuple[Section, ...]:
    """Return what is different, in the order in which a person asks for it; empty: nothing.

    Words (title, interpretation, labels) and where a plan comes from do not count.
    """
    old, new = before.plan, after.plan
    sections = [
        Section(title="diff.needs", lines=_lines(_capabilities(old), _capabilities(new), 0)),
        Section(title="diff.values", lines=_lines(_values(before), _values(after), 0)),
        Section(title="diff.parameters", lines=_lines(_parameters(old), _parameters(new), 0)),
        Section(title="diff.checks", lines=_lines(_checks(old), _checks(new), 0)),
    ]
    steps = {step.id: step for step in old.steps}
    later = {step.id: step for step in new.steps}
    for id in [*steps, *(id for id in later if id not in steps)]:
        lines = _lines(_code(steps.get(id)), _code(later.get(id)), CONTEXT)
        sections.append(Section(title="diff.code", about=id, lines=lines))
    order = [step.id for step in old.steps], [step.id for step in new.steps]
    if order[0] != order[1] and set(order[0]) == set(order[1]):
        sections.append(Section(title="diff.steps", lines=_lines(order[0], order[1], 0)))
    return tuple(section for section in sections if section.lines)


def capabilities(before: Plan, after: Plan) -> tuple[str, ...]:
    """Return how what a plan may touch differs: needs, imports, limits, isolation, files."""
    return _lines(_capabilities(before), _capabilities(after), 0)


def text(sections: tuple[Section, ...], before: str, after: str, language: str) -> str:
    """Return the sections as one unified diff that other tools can colour."""
    if not sections:
        return ""
    lines = [f"--- {before}", f"+++ {after}"]
    for section in sections:
        lines.append(f"@@ {message(section.title, language, step=section.about)} @@")
        lines += section.lines
    return "\n".join(lines)


def _lines(before: list[str], after: list[str], context: int) -> tuple[str, ...]:
    found = list(difflib.unified_diff(before, after, lineterm="", n=context))
    # The head names no files, and the places of lines say nothing in a list.
    return tuple(line for line in found[2:] if context or not line.startswith("@@"))


def _values(one: Side) -> list[str]:
    units = {parameter.name: parameter.unit for parameter in one.plan.parameters}
    return [
        f"{name} = {plain(value)} {units.get(name, '')}".rstrip()
        for name, value in sorted(one.values.items())
    ]


def _parameters(plan: Plan) -> list[str]:
    return [_parameter(p) for p in sorted(plan.parameters, key=lambda p: p.name)]


def _parameter(parameter: Parameter) -> str:
    parts = [f"{parameter.name}: {parameter.kind}"]
    low, high = parameter.minimum, parameter.maximum
    if low is not None or high is not None:
        ends = ("−∞" if low is None else plain(low), "∞" if high is None else plain(high))
        parts.append(f"{ends[0]} … {ends[1]} {parameter.unit}".rstrip())
    elif parameter.unit:
        parts.append(parameter.unit)
    if parameter.choices:
        parts.append(" | ".join(parameter.choices))
    return ", ".join(parts)


def _checks(plan: Plan) -> list[str]:
    return [f"{check.name} ({check.kind}): {check.expect}" for check in plan.checks]


def _capabilities(plan: Plan) -> list[str]:
    """Return a line for each thing that a plan may use."""
    lines = [f"need: {need}" for need in sorted(plan.needs)]
    lines += [
        f"file: {slot.name} ({slot.kind}{', optional' if slot.optional else ''})"
        for slot in plan.attachments
    ]
    for step in plan.steps:
        lines += [f"{step.id}: import {name}" for name in _imports(step)]
        if step.executor is not None:
            lines.append(f"{step.id}: executor {step.executor}")
        limits = step.limits.model_dump()
        lines += [f"{step.id}: {name} {plain(value)}" for name, value in limits.items()]
    return lines


def _imports(step: Step) -> list[str]:
    """Return the modules that a Python step imports, wherever in it."""
    if step.language != "python":
        return []
    try:
        tree = ast.parse(step.code)
    except (SyntaxError, ValueError):  # it says so when it runs
        return []
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or ""))
    return sorted(found)


def _code(step: Step | None) -> list[str]:
    if step is None:
        return []
    head = f"{step.language} {step.code_hash[:12]}" if step.language == "kernel" else step.language
    lines = [f"# {head}"]
    lines += [f"{key} = {_json(argument)}" for key, argument in sorted(step.arguments.items())]
    lines += [f"{name} ← {source}" for name, source in sorted(step.inputs.items())]
    return [*lines, *step.code.rstrip().splitlines()]


def _json(argument: object) -> str:
    return canonical_json(argument).decode()
