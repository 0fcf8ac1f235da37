"""Rules: what a person said *always* to, as an exact scope that never grows.

A rule is made from one plan that was on the table and covers the plans that ask for no more than
that one did. There are three kinds, one for each origin that is worth one: the same recipe, other
formulas on the same kernels, other code with the same imports. Everything else about a plan is
compared as well: needs, limits, ranges, files, executors, and how risky it is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from intentos.checks import plain
from intentos.code_facts import facts_of
from intentos.messages import message
from intentos.parameters import Parameter
from intentos.plan import RUN, Plan, Step
from intentos.risk import LEVELS, Circumstances, Level, assess
from intentos.types import (
    Frozen,
    Isolation,
    Json,
    Language,
    Limits,
    Need,
    Sha256,
    Words,
    canonical_json,
    now,
    sha256,
)

Kind = Literal["recipe", "kernels", "code"]
_KINDS: dict[str, Kind] = {"recipe": "recipe", "composed": "kernels", "generated": "code"}
ID_LENGTH = 12


class Scope(Frozen):
    """The most that a plan may ask for to be covered."""

    kind: Kind
    recipe: str | None = None
    title: Words = Words()
    """Of the recipe, for the sentence; it decides nothing."""
    brought_by: str | None = None
    """Distribution that the recipe came with; see :class:`~intentos.risk.Circumstances`."""
    acts: tuple[Sha256, ...] = ()
    """Of a recipe: what each step does, in order; all of it must be the same."""
    ranges: dict[str, str] = {}
    """Of a recipe: parameter → its kind, unit and choices, by hash; these must be the same."""
    bounds: dict[str, tuple[float | None, float | None]] = {}
    """Of a recipe: parameter → least and most; None: unbounded."""
    kernels: frozenset[str] = frozenset()
    """``name:code hash``."""
    languages: frozenset[str] = frozenset()
    imports: frozenset[str] = frozenset()
    needs: frozenset[Need] = frozenset()
    files: dict[str, int] = {}
    """Kind of file that is handed in → how many."""
    earlier_runs: bool = False
    """Whether it reads what an earlier run left."""
    executors: frozenset[str] = frozenset()
    """That steps are pinned to, and as ``package:name`` those that run steps whose code is not
    IntentOS's own."""
    isolation: frozenset[Isolation] = frozenset()
    """Of those latter."""
    limits: Limits
    """The highest of each over all steps."""
    steps: int
    level: Level


class Rule(Frozen):
    """A scope that a person said always to."""

    schema_number: Literal[1] = Field(1, alias="schema")
    scope: Scope
    run: str
    """In which it was said."""
    at: datetime = Field(default_factory=now)

    @property
    def id(self) -> str:
        """Twelve characters that name exactly this scope."""
        decides = self.scope.model_dump(mode="json", exclude={"title"})
        for name in ("kernels", "languages", "imports", "needs", "executors", "isolation"):
            decides[name] = sorted(decides[name])  # sets have no order of their own
        return sha256(canonical_json(decides))[:ID_LENGTH]

    def covers(self, plan: Plan, circumstances: Circumstances) -> bool:
        """Return whether a plan asks for no more than this rule allows."""
        asked = scope_of(plan, circumstances)
        return asked is not None and within(asked, self.scope)

    def words(self, language: Language) -> str:
        """Return the rule as a sentence."""
        scope = self.scope
        limits = scope.limits
        parts = [
            message(
                f"rules.{scope.kind}",
                language,
                title=scope.title.text(language) or scope.recipe or "",
                recipe=scope.recipe or "",
                kernels=_listed({name.split(":")[0] for name in scope.kernels}),
                imports=_listed(scope.imports),
                hash=sha256(canonical_json([*scope.acts, *sorted(scope.kernels)]))[:8],
            )
        ]
        if scope.files or scope.earlier_runs:
            parts.append(message("rules.files", language))
        parts.append(
            message(
                "rules.limits",
                language,
                seconds=plain(limits.wall_time),
                megabytes=limits.memory_bytes // 1024**2,
                steps=scope.steps,
            )
        )
        return message("rules.always", language, what="".join(parts), id=self.id)


def rule_for(plan: Plan, circumstances: Circumstances, *, run: str) -> Rule | None:
    """Return the rule that *always* would save for a plan; None where only a plan itself may be
    approved: one of high risk, one edited by hand, or a recipe that nobody here brought."""
    scope = scope_of(plan, circumstances)
    return None if scope is None else Rule(scope=scope, run=run)


def scope_of(plan: Plan, circumstances: Circumstances) -> Scope | None:
    """Return all that a plan asks for; None where no rule can be about it."""
    risk, brought_by = assess(plan, circumstances), circumstances.brought_by
    kind = _KINDS.get(plan.origin)
    if kind is None or risk.level == "high" or (kind == "recipe" and not plan.recipe):
        return None
    if kind == "recipe" and brought_by is None:
        return None
    languages = {step.language for step in plan.steps}
    if kind == "kernels" and languages != {"kernel"}:
        return None
    if kind == "code" and not languages <= {"python", "kernel"}:
        return None  # what other languages could do is not read here
    files: dict[str, int] = {}
    for slot in plan.attachments:
        files[slot.kind] = files.get(slot.kind, 0) + 1
    recipe = kind == "recipe"
    foreign = [step.id for step in plan.steps if step.language != "kernel"]
    places = [circumstances.places[id] for id in foreign if id in circumstances.places]
    return Scope(
        kind=kind,
        recipe=plan.recipe if recipe else None,
        title=plan.title if recipe else Words(),
        brought_by=brought_by if recipe else None,
        acts=tuple(_act(step) for step in plan.steps) if recipe else (),
        ranges={p.name: _range(p) for p in plan.parameters} if recipe else {},
        bounds={p.name: (p.minimum, p.maximum) for p in plan.parameters} if recipe else {},
        kernels=frozenset(f"{s.code}:{s.code_hash}" for s in plan.steps if s.language == "kernel"),
        languages=frozenset(languages),
        imports=frozenset().union(*(_imports(step) for step in plan.steps)),
        needs=plan.needs,
        files=files,
        earlier_runs=any(_is_earlier(step) for step in plan.steps),
        executors=frozenset(f"{place.package}:{place.executor}" for place in places)
        | frozenset(step.executor for step in plan.steps if step.executor is not None),
        isolation=frozenset(place.isolation for place in places),
        limits=_highest(plan),
        steps=len(plan.steps),
        level=risk.level,
    )


def within(asked: Scope, allowed: Scope) -> bool:
    """Return whether one scope asks for nothing that another does not allow."""
    limits, most = asked.limits.model_dump(), allowed.limits.model_dump()
    return (
        (asked.kind, asked.recipe, asked.acts, asked.ranges, asked.brought_by)
        == (allowed.kind, allowed.recipe, allowed.acts, allowed.ranges, allowed.brought_by)
        and all(_inside(asked.bounds[name], allowed.bounds[name]) for name in asked.bounds)
        and asked.kernels <= allowed.kernels
        and asked.languages <= allowed.languages
        and asked.imports <= allowed.imports
        and asked.needs <= allowed.needs
        and all(count <= allowed.files.get(kind, 0) for kind, count in asked.files.items())
        and asked.earlier_runs <= allowed.earlier_runs
        and asked.executors <= allowed.executors
        and asked.isolation <= allowed.isolation
        and all(limits[name] <= most[name] for name in limits)
        and asked.steps <= allowed.steps
        and LEVELS.index(asked.level) <= LEVELS.index(allowed.level)
    )


def _act(step: Step) -> str:
    acts: dict[str, Json] = {
        "id": step.id,
        "language": step.language,
        "code": step.code if step.language == "kernel" else "",
        "code_hash": step.code_hash,
        "arguments": step.arguments,
        "inputs": step.inputs,
        "outputs": list(step.outputs),
    }
    return sha256(canonical_json(acts))


def _range(parameter: Parameter) -> str:
    choices = [] if parameter.kind == "column" else list(parameter.choices)
    parts: list[Json] = [parameter.kind, parameter.unit, choices, parameter.table, parameter.takes]
    return sha256(canonical_json(parts))


def _inside(
    asked: tuple[float | None, float | None], allowed: tuple[float | None, float | None]
) -> bool:
    low, high = allowed
    return (low is None or (asked[0] is not None and asked[0] >= low)) and (
        high is None or (asked[1] is not None and asked[1] <= high)
    )


def _imports(step: Step) -> frozenset[str]:
    return facts_of(step.code).imports if step.language == "python" else frozenset()


def _is_earlier(step: Step) -> bool:
    return any(source.startswith(RUN) for source in step.inputs.values())


def _highest(plan: Plan) -> Limits:
    every = [step.limits.model_dump() for step in plan.steps]
    return Limits(**{name: max(limits[name] for limits in every) for name in every[0]})


def _listed(names: frozenset[str] | set[str]) -> str:
    return ", ".join(sorted(names)) or "—"
