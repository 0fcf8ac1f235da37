"""What passes by while a run goes on: its stage, tokens, output, frames and probes.

None of it is in the store; a tab that is opened later sees what this still holds.
"""

from __future__ import annotations

import time
from collections import deque
from typing import assert_never

from intentos.events import (
    ApprovalRequested,
    ArtifactSaved,
    ArtifactsRemoved,
    CheckJudged,
    Event,
    FrameDrawn,
    OutputWritten,
    PlanApproved,
    PlanProposed,
    PlanRejected,
    ProbeRead,
    ProgressMade,
    RunFinished,
    RunInterrupted,
    RunKept,
    RunQueued,
    RunStarted,
    StepFinished,
    StepStarted,
    TokenWritten,
    TrialRan,
)

TEXT_KEPT = 20_000
"""Characters of tokens and of output; the beginning goes first."""
POINTS_KEPT = 2000
"""Of each probe."""


class Passing:
    """The live side of one run."""

    def __init__(self, since: float) -> None:
        """``since``: when the run began, on the monotonic clock."""
        self.since = since
        self.stage = "stage.planning"
        """Message code: what is going on."""
        self.queue: tuple[str, int] | None = None
        """Resource that is waited for, and how many are before."""
        self.fraction: float | None = None
        self.step_id: str | None = None
        self.executor = ""
        self.tokens = ""
        self.output = ""
        self.frame: FrameDrawn | None = None
        self.probes: dict[str, deque[tuple[int, float]]] = {}
        self._first: tuple[float, float] | None = None
        """Fraction and time when it was first known in this stage."""

    @property
    def seconds(self) -> float:
        """How long the run has been going on."""
        return time.monotonic() - self.since

    @property
    def left(self) -> float | None:
        """Seconds until this stage is over, once a second of it has been seen; else None."""
        if self._first is None or self.fraction is None:
            return None
        fraction, since = self._first
        passed, done = time.monotonic() - since, self.fraction - fraction
        if passed < 1.0 or done <= 0:
            return None
        return passed / done * (1 - self.fraction)

    def hear(self, event: Event) -> None:
        """Take note of one event."""
        match event:
            case RunQueued():
                self.queue = (event.resource, event.place) if event.place else None
            case ProgressMade():
                self._go_on(event.stage, event.fraction)
                self.step_id = event.step_id or self.step_id
            case TokenWritten():
                self.tokens = (self.tokens + event.text)[-TEXT_KEPT:]
            case OutputWritten():
                self.output = (self.output + event.text)[-TEXT_KEPT:]
            case FrameDrawn():
                self.frame = event
                self._go_on("stage.drawing", (event.index + 1) / event.count)
            case ProbeRead():
                series = self.probes.setdefault(event.name, deque(maxlen=POINTS_KEPT))
                series.append((event.frame, event.value))
            case StepStarted():
                self.step_id, self.executor, self.queue = event.step_id, event.executor, None
                self.frame = None
                self._go_on("stage.running", None)
            case (
                RunStarted()
                | PlanProposed()
                | TrialRan()
                | ApprovalRequested()
                | PlanApproved()
                | PlanRejected()
                | ArtifactSaved()
                | StepFinished()
                | CheckJudged()
                | RunFinished()
                | RunInterrupted()
                | ArtifactsRemoved()
                | RunKept()
            ):
                pass
            case _:
                assert_never(event)

    def _go_on(self, stage: str, fraction: float | None) -> None:
        if stage != self.stage or (fraction is not None and fraction < (self.fraction or 0)):
            self._first = None
        if fraction is not None and self._first is None:
            self._first = (fraction, time.monotonic())
        self.stage, self.fraction = stage, fraction
