"""What becomes of a Python step that has ended, whichever walls it ran behind."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from datetime import datetime

from intentos.certificate import versions
from intentos.events import ProgressMade
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.raw_hash import Tolerance
from intentos.run import StepResult, StepStatus
from intentos.types import Json, Limits, Problem, now

from .outbox import Outbox, Violation, size
from .raw_hashes import beside
from .transcript import Transcript

OTHER_PROCESSOR = Tolerance(relative=1e-9, pixels=0.5)
"""What libraries may differ by that add up in another order on another processor."""


@dataclass(kw_only=True)
class Ending:
    """How a sandbox or container ended."""

    returncode: int | None
    timed_out: bool = False
    violation: Violation | None = None


@dataclass
class Finished:
    """All that is known of a step when its last process is gone."""

    ending: Ending
    outbox: Outbox
    stdout: Transcript
    stderr: Transcript


async def result(
    finished: Finished,
    step: Step,
    context: StepContext,
    *,
    executor: str,
    device: str,
    started: datetime,
) -> StepResult:
    """Encode the films that the step left and return its result.

    Raises:
        StoreError: the disk is full, or cannot be written.
    """
    try:
        await _encode_films(finished.outbox, context, step.id)
    finally:
        for film in finished.outbox.films:
            film.raw.unlink(missing_ok=True)
    status, error = _judge(finished, context.limits)
    return StepResult(
        step_id=step.id,
        executor=executor,
        status=status,
        stdout=finished.stdout.text,
        stderr=finished.stderr.text,
        truncated=finished.stdout.truncated or finished.stderr.truncated,
        values=finished.outbox.values,
        artifacts=tuple(finished.outbox.artifacts),
        error=error,
        device=device,
        versions=versions("numpy", "scipy", "matplotlib"),
        hashes=tuple(finished.outbox.hashes),
        tolerance=OTHER_PROCESSOR,
        started_at=started,
        finished_at=now(),
    )


async def _encode_films(outbox: Outbox, context: StepContext, step_id: str) -> None:
    def encoded(fraction: float) -> None:
        context.emit(ProgressMade(stage="stage.encoding", fraction=fraction, step_id=step_id))

    for film in outbox.films:
        from .film import encode_film

        encoding = encode_film(
            film.raw,
            width=film.width,
            height=film.height,
            count=film.count,
            frames_per_second=film.rate,
            folder=context.workdir,
            name=film.name,
            progress=encoded,
        )
        made, hashed = await beside(encoding, film.to_hash())
        outbox.hashes.append(hashed)
        film.raw.unlink()
        for path in made:
            await outbox.keep(path.name, path)


def _judge(finished: Finished, limits: Limits) -> tuple[StepStatus, Problem | None]:
    ending, outbox = finished.ending, finished.outbox
    if ending.timed_out:
        arguments: dict[str, Json] = {"seconds": limits.wall_time}
        return StepStatus.TIMED_OUT, Problem(code="sandbox.timed_out", arguments=arguments)
    if ending.violation is not None:
        return StepStatus.FAILED, ending.violation.problem
    if outbox.error is not None:
        extra: dict[str, Json] = {
            "memory": size(limits.memory_bytes),
            "storage": size(limits.artifact_bytes),
            "processes": limits.processes,
        }
        arguments = extra | outbox.error.arguments
        return StepStatus.FAILED, outbox.error.model_copy(update={"arguments": arguments})
    if outbox.done and not ending.returncode:  # anybody inside can say "done" and kill the rest
        return StepStatus.OK, None
    code = ending.returncode or 0
    if code > 128 and (number := code - 128) in signal.valid_signals():
        arguments = {"signal": signal.Signals(number).name, "memory": size(limits.memory_bytes)}
        return StepStatus.FAILED, Problem(code="sandbox.killed", arguments=arguments)
    return StepStatus.FAILED, Problem(code="sandbox.ended_early", arguments={"status": code})
