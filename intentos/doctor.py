"""What works on this machine, what is missing, and the remedy."""

from __future__ import annotations

import platform
import shutil
import sys
from typing import Literal

from intentos import leftovers, orphans, repair, speech
from intentos.config import Settings
from intentos.errors import ExecutorUnavailable, IntentOSError
from intentos.policy import is_replaced
from intentos.protocols import Models
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.store import Store
from intentos.types import Frozen, Json, Problem

ENOUGH_SPACE = 1024**3


class Finding(Frozen):
    """One thing that was looked at."""

    name: str
    """Message code without its section ``doctor``."""
    status: Literal["ok", "limited", "missing"]
    detail: str = ""
    problem: Problem | None = None


def examine(settings: Settings, registry: Registry, models: Models) -> list[Finding]:
    """Return the findings, in the order in which a person would mend them."""
    return [
        Finding(
            name="system",
            status="ok",
            detail=f"{platform.system()} {platform.machine()} · Python {platform.python_version()}",
        ),
        _state(settings),
        *_kept(settings),
        _space(settings),
        *_executors(registry),
        *_models(settings, models),
    ]


def _state(settings: Settings) -> Finding:
    try:
        Store(settings).close()
    except IntentOSError as error:
        return Finding(
            name="state", status="missing", detail=str(settings.home), problem=error.problem()
        )
    return Finding(name="state", status="ok", detail=str(settings.home))


def _kept(settings: Settings) -> list[Finding]:
    """Look at what is stored: the database, the artifacts, what a crash left."""
    broken = repair.damage(settings) if settings.home.is_dir() else None
    if broken is not None:
        arguments: dict[str, Json] = {"path": str(settings.database), "what": broken}
        problem = Problem(code="store.broken", arguments=arguments)
        return [Finding(name="database", status="missing", problem=problem)]
    if not settings.database.exists():
        return []
    findings = [Finding(name="database", status="ok", detail=str(settings.database))]
    left = leftovers.find(settings)
    if left:
        shown = ", ".join(f"{thing.kind} {thing.path}" for thing in left[:5])
        problem = Problem(code="doctor.left_over", arguments={"count": len(left), "things": shown})
        findings.append(Finding(name="leftovers", status="limited", problem=problem))
    else:
        findings.append(Finding(name="leftovers", status="ok"))
    try:
        found = orphans.find(settings)
    except IntentOSError as error:
        return [*findings, Finding(name="artifacts", status="missing", problem=error.problem())]
    for kind in sorted({orphan.kind for orphan in found}):
        some = [orphan for orphan in found if orphan.kind == kind]
        runs = sorted({run[-8:] for orphan in some for run in orphan.runs})
        arguments = {"count": len(some), "runs": ", ".join(runs[:8])}
        problem = Problem(code=f"doctor.{kind}", arguments=arguments)
        findings.append(Finding(name="artifacts", status="limited", problem=problem))
    if not found:
        findings.append(Finding(name="artifacts", status="ok", detail=str(settings.artifacts)))
    return findings


def _space(settings: Settings) -> Finding:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB"
    if free < ENOUGH_SPACE:
        problem = Problem(code="doctor.little_space", arguments={"path": str(folder)})
        return Finding(name="space", status="limited", detail=detail, problem=problem)
    return Finding(name="space", status="ok", detail=detail)


def _executors(registry: Registry) -> list[Finding]:
    problems: dict[str, Problem | None] = {}
    executors = dict(sorted(registry.executors().items()))
    for name, executor in executors.items():
        try:
            executor.check()
            problems[name] = None
        except ExecutorUnavailable as error:
            problems[name] = error.problem()
    packages = registry.names("executors")
    working = [executors[name] for name, problem in problems.items() if problem is None]
    findings = []
    for name, executor in executors.items():
        languages = ", ".join(sorted(executor.languages))
        status: Literal["ok", "limited", "missing"] = "missing"
        if problems[name] is None:
            status = "ok"
        elif sys.platform != "linux" or is_replaced(executor, working):
            status = "limited"
        detail = f"{name} · {languages} · {executor.isolation}"
        if (package := packages.get(name, OWN_DISTRIBUTION)) != OWN_DISTRIBUTION:
            detail += f" · {package}"
        found = Finding(name="executor", status=status, detail=detail, problem=problems[name])
        findings.append(found)
    return findings


def _models(settings: Settings, models: Models) -> list[Finding]:
    findings = []
    for model in models.every():
        detail = f"{model.name} · {model.size / 1e9:.2f} GB · {model.path}"
        spoken = model.kind == "speech"
        problem = model.problem
        if problem is None and not model.present:
            problem = Problem(code="doctor.no_speech_model" if spoken else "doctor.no_model")
        if spoken and not speech.installed():
            problem = Problem(code="doctor.no_speech_library", arguments={"remedy": speech.REMEDY})
        status: Literal["ok", "limited", "missing"] = "ok"
        if problem is not None:  # what could be said can be typed
            status = "limited" if spoken or settings.model == "none" else "missing"
        name = "speech" if spoken else "model"
        findings.append(Finding(name=name, status=status, detail=detail, problem=problem))
    return findings
