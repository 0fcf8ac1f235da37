"""How much a plan could do, by rules that always give the same answer and ask no model.

Four things count: what it needs beyond the sandbox, what its code names, how much it may use, and
where it comes from as far as this machine can tell (never as far as a file claims).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from intentos.code_facts import facts_of
from intentos.plan import Plan, Step
from intentos.registry import OWN_DISTRIBUTION
from intentos.types import Estimate, Frozen, Isolation, Json, Problem

Level = Literal["low", "medium", "high"]
LEVELS: tuple[Level, ...] = ("low", "medium", "high")

MEMORY_BYTES = 4 * 1024**3
SECONDS = 600.0
STORAGE_BYTES = 2 * 1024**3
PROCESSES = 64
"""Limits of a step above which it is no small one."""
ESTIMATED_SECONDS = 300.0
ESTIMATED_MEMORY_BYTES = 3 * 1024**3
SHOWN = 6
"""Names that one sentence lists."""
BARE: frozenset[Isolation] = frozenset({"none", "process"})
"""Isolations that hold no foreign code in."""


class Reason(Frozen):
    """One thing that counts, as a sentence in both languages."""

    level: Level
    says: Problem


class Risk(Frozen):
    """What a plan could do, and why it is thought so."""

    reasons: tuple[Reason, ...] = ()

    @property
    def level(self) -> Level:
        """The highest of the reasons' levels; low without any."""
        return max((reason.level for reason in self.reasons), key=LEVELS.index, default="low")

    def text(self, language: str) -> str:
        """Return the reasons that make it as high as it is, in ``zh`` or ``en``."""
        told = [r.says.text(language) for r in self.reasons if r.level == self.level]
        return ("；" if language == "zh" else "; ").join(told)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a step would run."""

    executor: str
    isolation: Isolation
    package: str = OWN_DISTRIBUTION
    """Distribution that brings the executor."""


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What this machine knows of a plan besides the plan."""

    brought_by: str | None = None
    """Distribution whose recipe gives exactly this plan; empty: the person's own folder; None: no
    recipe that is here gives it."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """By step; left out where no executor works."""
    kernels: Mapping[str, str] = field(default_factory=dict)
    """Name of a kernel → distribution that brings it."""
    estimates: Mapping[str, Estimate] = field(default_factory=dict)


def is_bare(step: Step, isolation: Isolation) -> bool:
    """Return whether a step's Python would run with nothing to hold it in."""
    return step.language == "python" and isolation in BARE


def assess(plan: Plan, circumstances: Circumstances) -> Risk:
    """Return what a plan could do here, the gravest first."""
    reasons = [*_origin(plan, circumstances), *_needs(plan)]
    for step in plan.steps:
        reasons += _walls(step, circumstances)
        reasons += _code(step)
        reasons += _sizes(step, circumstances.estimates.get(step.id, Estimate()))
    return Risk(reasons=tuple(sorted(reasons, key=lambda r: -LEVELS.index(r.level))))


def _origin(plan: Plan, circumstances: Circumstances) -> Iterator[Reason]:
    brought_by = circumstances.brought_by
    if plan.origin == "edited":
        yield _reason("medium", Problem(code="risk.edited"))
    elif plan.origin == "generated":
        yield _reason("medium", Problem(code="risk.generated"))
    elif plan.origin == "composed":
        yield _reason("medium", Problem(code="risk.composed"))
    elif brought_by == OWN_DISTRIBUTION:
        yield _reason("low", Problem(code="risk.house"))
    elif brought_by is None:
        yield _reason("medium", Problem(code="risk.unknown"))
    elif brought_by == "":
        yield _reason("medium", Problem(code="risk.own"))
    else:
        yield _reason("medium", Problem(code="risk.package", arguments={"package": brought_by}))


def _needs(plan: Plan) -> Iterator[Reason]:
    if "network" in plan.needs:
        yield _reason("high", Problem(code="risk.network"))
    if "read_files" in plan.needs:
        yield _reason("high", Problem(code="risk.read_files"))
    if "write_files" in plan.needs:
        yield _reason("high", Problem(code="risk.write_files"))


def _walls(step: Step, circumstances: Circumstances) -> Iterator[Reason]:
    place = circumstances.places.get(step.id)
    strangers: dict[str, str] = {}
    if step.language == "kernel":
        strangers[step.code] = circumstances.kernels.get(step.code, OWN_DISTRIBUTION)
    if place is not None:
        strangers[place.executor] = place.package
        about: dict[str, Json] = {"step": step.id}
        if is_bare(step, place.isolation):
            yield _reason("high", Problem(code="risk.bare", arguments=about))
        elif place.isolation in BARE and step.language != "kernel":
            yield _reason("medium", Problem(code="risk.process", arguments=about))
        elif place.isolation == "remote":
            yield _reason("medium", Problem(code="risk.remote", arguments=about))
    for name, package in strangers.items():
        if package != OWN_DISTRIBUTION:
            told: dict[str, Json] = {"step": step.id, "name": name, "package": package}
            yield _reason("medium", Problem(code="risk.stranger", arguments=told))


def _code(step: Step) -> Iterator[Reason]:
    if step.language in ("kernel", "wgsl"):
        return
    if step.language != "python":
        spoken: dict[str, Json] = {"step": step.id, "language": step.language}
        yield _reason("medium", Problem(code="risk.language", arguments=spoken))
        return
    facts = facts_of(step.code)
    if not facts.readable:
        yield _reason("high", Problem(code="risk.unreadable", arguments={"step": step.id}))
    found: tuple[tuple[Level, str, frozenset[str]], ...] = (
        ("high", "risk.reaching", facts.reaching),
        ("high", "risk.opaque", facts.opaque),
        ("medium", "risk.unusual", facts.unusual),
    )
    for level, code, names in found:
        if names:
            arguments: dict[str, Json] = {"step": step.id, "names": _listed(names)}
            yield _reason(level, Problem(code=code, arguments=arguments))


def _sizes(step: Step, estimate: Estimate) -> Iterator[Reason]:
    limits = step.limits
    gigabyte = 1024**3
    found: tuple[tuple[str, float, float, float], ...] = (
        ("risk.memory", limits.memory_bytes, MEMORY_BYTES, gigabyte),
        ("risk.seconds", limits.wall_time, SECONDS, 60),
        ("risk.storage", limits.artifact_bytes, STORAGE_BYTES, gigabyte),
        ("risk.processes", limits.processes, PROCESSES, 1),
        ("risk.long", estimate.seconds or 0, ESTIMATED_SECONDS, 60),
        ("risk.large", estimate.memory_bytes or 0, ESTIMATED_MEMORY_BYTES, gigabyte),
    )
    for code, amount, most, unit in found:
        if amount > most:
            arguments: dict[str, Json] = {"step": step.id, "amount": f"{amount / unit:.4g}"}
            yield _reason("medium", Problem(code=code, arguments=arguments))


def _reason(level: Level, says: Problem) -> Reason:
    return Reason(level=level, says=says)


def _listed(names: frozenset[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:SHOWN]) + (", …" if len(ordered) > SHOWN else "")
