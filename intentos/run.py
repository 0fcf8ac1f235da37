"""Run and StepResult: what happened when a plan was executed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import Field

from intentos.model_use import ModelUse
from intentos.plan import Approval, Plan
from intentos.raw_hash import RawHash, Tolerance
from intentos.types import (
    DEFAULT_SEED,
    Artifact,
    Badge,
    Check,
    Frozen,
    Intent,
    Problem,
    Quantity,
    Value,
)


class StepStatus(StrEnum):
    """How a step ended."""

    OK = "ok"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELED = "canceled"


class StepResult(Frozen):
    """What one step gave; failing code is a result, a broken executor is an exception."""

    step_id: str
    executor: str
    node: str = "here"
    status: StepStatus
    stdout: str = ""
    stderr: str = ""
    truncated: bool = False
    values: dict[str, Quantity] = {}
    artifacts: tuple[Artifact, ...] = ()
    checks: tuple[Check, ...] = ()
    """What the executor itself could judge: the kernel's own checks."""
    error: Problem | None = None
    note: Problem | None = None
    """Something a person should know although it worked: a substitute executor, for one."""
    device: str = ""
    """Adapter or interpreter that did the work."""
    versions: dict[str, str] = {}
    """Package → version, of what the outcome may depend on."""
    hashes: tuple[RawHash, ...] = ()
    """What it left as it was before encoding; an artifact that none of them names is hashed as
    it is."""
    tolerance: Tolerance | None = None
    """How far the same step may be off on another device, where the executor knows."""
    started_at: datetime
    finished_at: datetime

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished_at - self.started_at).total_seconds()


class RunStatus(StrEnum):
    """Where a run stands."""

    PLANNING = "planning"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"
    REJECTED = "rejected"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """Whether nothing will happen any more."""
        return self in _ENDED


_ENDED = frozenset(
    {
        RunStatus.COMPLETED,
        RunStatus.FAILED,
        RunStatus.CANCELED,
        RunStatus.REJECTED,
        RunStatus.INTERRUPTED,
    }
)


class Run(Frozen):
    """One execution of a plan: the fold of its events."""

    schema_number: Literal[1] = Field(1, alias="schema")
    id: str
    intent: Intent
    plan: Plan | None = None
    parent_run: str | None = None
    values: dict[str, Value] = {}
    seed: int = DEFAULT_SEED
    tokens: int = 0
    accounted: bool = False
    vouched: bool = False
    models: tuple[ModelUse, ...] = ()
    status: RunStatus = RunStatus.PLANNING
    approval: Approval | None = None
    results: tuple[StepResult, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    removed: dict[str, Literal["cleaned", "lost"]] = {}
    """Artifacts whose bytes are gone, unless they were made again, and why."""
    kept: bool = False
    """Whether its artifacts are never cleaned away."""
    checks: tuple[Check, ...] = ()
    badge: Badge | None = None
    doubts: tuple[Problem, ...] = ()
    """Why the badge is no better one."""
    answer: str = ""
    error: Problem | None = None
    created_at: datetime
    finished_at: datetime | None = None

    @property
    def quantities(self) -> dict[str, Quantity]:
        """All computed values, later steps over earlier ones."""
        merged: dict[str, Quantity] = {}
        for result in self.results:
            merged |= result.values
        return merged
