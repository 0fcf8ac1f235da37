"""What works on this machine, what is missing, and the remedy."""

from __future__ import annotations

import platform
import shutil
import sys
from typing import Literal

from intentos.config import Settings
from intentos.errors import ExecutorUnavailable, IntentOSError
from intentos.protocols import Models
from intentos.registry import Registry
from intentos.store import Store
from intentos.types import Frozen, Problem

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
    findings = []
    for name, executor in sorted(registry.executors().items()):
        languages = ", ".join(sorted(executor.languages))
        detail = f"{name} · {languages} · {executor.isolation}"
        try:
            executor.check()
            findings.append(Finding(name="executor", status="ok", detail=detail))
        except ExecutorUnavailable as error:
            findings.append(
                Finding(
                    name="executor",
                    status="limited" if sys.platform != "linux" else "missing",
                    detail=detail,
                    problem=error.problem(),
                )
            )
    return findings


def _models(settings: Settings, models: Models) -> list[Finding]:
    findings = []
    for model in models.every():
        detail = f"{model.name} · {model.size / 1e9:.2f} GB · {model.path}"
        if model.present and model.problem is None:
            findings.append(Finding(name="model", status="ok", detail=detail))
            continue
        problem = model.problem or Problem(code="doctor.no_model")
        status: Literal["limited", "missing"] = "limited" if settings.model == "none" else "missing"
        findings.append(Finding(name="model", status=status, detail=detail, problem=problem))
    return findings
