"""Runs to export: completed ones of real artifacts, put together without running anything."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intentos.export import Work
from intentos.plan import Plan
from intentos.registry import Registry
from intentos.run import Run, RunStatus, StepResult, StepStatus
from intentos.store import Store
from intentos.types import Intent, Quantity, now

from .parts import plan_of

PLAN = plan_of("say hello")
MEDIA = {
    ".png": "image/png", ".gif": "image/gif", ".mp4": "video/mp4", ".csv": "text/csv",
    ".npy": "application/x-npy", ".npz": "application/x-npz", ".svg": "image/svg+xml",
    ".wav": "audio/wav", ".jpg": "image/jpeg", ".html": "text/html", ".txt": "text/plain",
}  # fmt: skip


def run_with(
    store: Store,
    files: Mapping[str, bytes],
    *,
    plan: Plan = PLAN,
    text: str = "a test",
    numbers: Mapping[str, Quantity] | None = None,
    **changes: Any,
) -> Run:
    """Return a completed run of one step that left these files and numbers."""
    step = plan.steps[0].id
    artifacts = tuple(
        store.put(data, name=name, media_type=_media_type(name), step_id=step)
        for name, data in files.items()
    )
    result = StepResult(
        step_id=step,
        executor="instant",
        status=StepStatus.OK,
        values=dict(numbers or {}),
        artifacts=artifacts,
        device="this process",
        versions={"python": "3"},
        started_at=now(),
        finished_at=now(),
    )
    fields: dict[str, Any] = {
        "id": "1a205cb9b6ff309abe57ce74cd",
        "intent": Intent(text=text, language="en"),
        "plan": plan,
        "values": plan.defaults,
        "status": RunStatus.COMPLETED,
        "results": (result,),
        "artifacts": artifacts,
        "badge": "plausible",
        "answer": "It is so.",
        "created_at": now(),
        "finished_at": now(),
    }
    return Run(**(fields | changes))


def work_on(run: Run, store: Store, registry: Registry, **changes: Any) -> Work:
    """Return what a writer is given for a run."""
    fields: dict[str, Any] = {
        "run": run,
        "store": store,
        "registry": registry,
        "language": "en",
    }
    return Work(**(fields | changes))


def _media_type(name: str) -> str:
    return MEDIA.get(Path(name).suffix.lower(), "application/octet-stream")
