"""Plans as readable YAML files: written to be read and edited, read back with exact errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from intentos.documents import MAX_CHARACTERS, read_document, validate, write_document
from intentos.errors import InvalidPlan
from intentos.plan import Plan
from intentos.types import Value, new_id

SCHEMA = 1


class _Document(Plan):
    digest_when_written: str = Field("", alias="digest")
    values: dict[str, Value] = {}


@dataclass(frozen=True, kw_only=True)
class PlanFile:
    """What a plan file holds."""

    plan: Plan
    values: Mapping[str, Value]
    recorded_digest: str
    """The plan's digest when the file was written; empty where a person wrote it."""

    @property
    def edited(self) -> bool:
        """Whether what acts was changed since the file was written."""
        return self.recorded_digest not in ("", self.plan.digest)


def dump_plan(plan: Plan, values: Mapping[str, Value]) -> str:
    """Return the plan as YAML: words and values first, then parameters, steps and checks."""
    data = plan.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    first = ("title", "interpretation", "assumptions", "answer")
    ordered: dict[str, Any] = {"schema": SCHEMA, "digest": plan.digest}
    ordered |= {key: data[key] for key in first if key in data}
    ordered["values"] = dict(values)
    last = ("attachments", "parameters", "steps", "checks", "labels")
    meta = ("id", "origin", "recipe", "planner", "model", "parent")
    ordered |= {key: data[key] for key in (*last, *meta) if key in data}
    return write_document(ordered)


def load_plan(text: str, source: str) -> PlanFile:
    """Return the plan that a YAML text holds; an edited plan says so in its origin.

    Raises:
        InvalidPlan: names the line, the field and what is wrong with it.
    """
    data = read_document(text, source)
    schema = data.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        raise InvalidPlan("plan.newer", source=source, version=schema, known=SCHEMA)
    document = validate(_Document, data, text=text, source=source)
    fields = {name: getattr(document, name) for name in Plan.model_fields}
    plan = Plan.model_construct(**fields)
    found = PlanFile(
        plan=plan, values=document.values, recorded_digest=document.digest_when_written
    )
    if found.edited:
        # Another plan, which came from the one that was written.
        changes = {"origin": "edited", "recipe": None, "id": new_id(), "parent": plan.id}
        edited = plan.model_copy(update=changes)
        found = PlanFile(plan=edited, values=document.values, recorded_digest=found.recorded_digest)
    plan.accept(found.values)
    return found


def open_plan_file(data: bytes, name: str) -> PlanFile:
    """Return the plan in a file's bytes, which somebody handed over; errors call it ``name``.

    Raises:
        InvalidPlan: it is too large, is no text, or holds no valid plan; says where.
    """
    if len(data) > MAX_CHARACTERS:
        raise InvalidPlan("plan.too_large", source=name, limit=MAX_CHARACTERS)
    try:
        return load_plan(data.decode("utf-8-sig"), name)
    except UnicodeDecodeError as error:
        raise InvalidPlan("plan.unreadable", path=name, what=str(error)) from error


def read_plan(path: Path) -> PlanFile:
    """Return the plan in a file.

    Raises:
        InvalidPlan: the file cannot be read, is too large, or holds no valid plan.
    """
    try:
        with path.open("rb") as file:  # a device or a pipe has no size that could be believed
            data = file.read(MAX_CHARACTERS + 1)
    except OSError as error:
        what = error.strerror or str(error)
        raise InvalidPlan("plan.unreadable", path=str(path), what=what) from error
    return open_plan_file(data, str(path))
