"""This machine as pages tell of it: what works, what is missing, what it has."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from intentos import cleaning, doctor
from intentos.artifact_files import ArtifactFiles
from intentos.config import Settings
from intentos.doctor import Finding
from intentos.errors import ExecutorUnavailable
from intentos.protocols import Described, Models
from intentos.registry import Registry

FRESH_SECONDS = 120.0
"""How long what was seen is taken to hold."""


@dataclass(frozen=True)
class Machine:
    """What was seen."""

    findings: tuple[Finding, ...]
    device: str
    """Name, backend and kind of the GPU's adapter; empty: there is none."""
    cores: int
    memory: int | None
    """Bytes in all; None: this system does not say."""
    artifacts: int
    """Bytes that results take."""
    budget: int
    """Bytes that they may take."""
    free: int
    """Bytes of the disk."""

    @property
    def software(self) -> bool:
        """Whether the adapter is the processor, which draws slowly."""
        return self.device.endswith("CPU")

    def executor(self, name: str) -> Finding | None:
        """Return what was seen of an executor."""
        for finding in self.findings:
            if finding.name == "executor" and finding.detail.split(" · ")[0] == name:
                return finding
        return None

    @property
    def runs_python(self) -> bool:
        """Whether anything here runs Python steps safely."""
        seen = [self.executor(name) for name in ("sandbox", "docker")]
        return any(finding is not None and finding.status == "ok" for finding in seen)


class Machines:
    """Looks at this machine in a thread, and again when what was seen is old."""

    def __init__(self, settings: Callable[[], Settings], models: Callable[[], Models]) -> None:
        self._settings = settings
        self._models = models
        self._looking: asyncio.Task[Machine] | None = None
        self._until = 0.0

    async def look(self, *, fresh: bool = False) -> Machine:
        """Return what is there; takes seconds the first time. ``fresh``: look again.

        Raises:
            StoreError: the state folder cannot be read.
        """
        task = self._looking
        stale = task is None or (task.done() and (fresh or time.monotonic() > self._until))
        if task is None or stale or (task.done() and task.exception() is not None):
            settings = self._settings()
            self._until = time.monotonic() + FRESH_SECONDS
            task = asyncio.create_task(asyncio.to_thread(inspect, settings, self._models))
            self._looking = task
        return await asyncio.shield(task)  # a page that is left does not end it for others

    async def close(self) -> None:
        """Wait until nobody looks any more."""
        if self._looking is not None:
            await asyncio.gather(self._looking, return_exceptions=True)


def inspect(settings: Settings, models: Callable[[], Models]) -> Machine:
    """Look at this machine; takes seconds.

    Raises:
        StoreError: the state folder cannot be read.
    """
    # A registry of its own: the runtime's is at work in another thread.
    registry = Registry(plugins=settings.plugins)
    findings = tuple(doctor.examine(settings, registry, models()))
    sizes = []
    for path in ArtifactFiles(settings.artifacts).every():
        with suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return Machine(
        findings=findings,
        device=_device(registry),
        cores=os.cpu_count() or 1,
        memory=_memory(),
        artifacts=sum(sizes),
        budget=cleaning.budget(settings),
        free=shutil.disk_usage(settings.home).free,
    )


def _device(registry: Registry) -> str:
    for executor in registry.executors().values():
        if isinstance(executor, Described):
            with suppress(ExecutorUnavailable):
                return executor.describe()
    return ""


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None
