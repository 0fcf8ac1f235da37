"""Somebody who has a step run elsewhere: sends it, hears of it, and takes home what it left.

What comes back is checked before it is believed: the bytes of every artifact against the hash that
the node signed for. The same key is sent until the hub has it, so that nothing runs twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from intentos.errors import ExecutorError, ExecutorUnavailable, IntentOSError
from intentos.events import FrameDrawn, OutputWritten, ProbeRead, ProgressMade
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.run import StepResult
from intentos.types import Artifact, new_id, now

from .line import Line
from .pictures import Pictures
from .wire import Answer, Blob, Job, Outcome, Relayed, Told, Verify, seal

AGAIN_SECONDS = 2.0
"""After which a job is sent again that the hub has not accepted."""
ACCEPT_SECONDS = 10.0
ASK_SECONDS = 3.0
"""How often the hub is asked about a job of which nothing was heard."""
CUT_SECONDS = 30.0
"""Without a word of the hub the mesh has failed, and the step runs elsewhere."""


async def errand(
    line: Line,
    step: Step,
    context: StepContext,
    *,
    verify: Verify = "spot",
    node: str | None = None,
    key: str = "",
    relayed: Relayed | None = None,
) -> tuple[StepResult, Outcome, str]:
    """Return what a step came to on the mesh, with its artifacts saved here, and the job's key.

    ``key``: under which it is one and the same job, however often it is sent; a new one by default.
    ``relayed``: where it came from, if it is handed on.

    Raises:
        ExecutorUnavailable: nobody could do it, or the mesh failed.
        ExecutorError: what came back is not what its hash says.
    """
    began = now()
    inputs = await _send_inputs(line, context)
    job = Job(
        key=key or new_id(),
        step=step.model_copy(update={"executor": None}),
        values=dict(context.values),
        live=context.live,
        seed=context.seed,
        limits=context.limits,
        inputs=inputs,
        language="zh" if context.language == "zh" else "en",
        verify=verify,
        reply=line.reply,
        node=node,
        relayed=relayed,
    )
    try:
        outcome = await outcome_of(line, job, context)
    except asyncio.CancelledError:
        with suppress(IntentOSError):
            await asyncio.shield(line.ask(what="cancel", key=job.key))
        raise
    if outcome.result is None:
        known = ("nobody", "lost", "disagreement", "canceled")
        code = f"mesh.no_{outcome.why}" if outcome.why in known else "mesh.no_taker"
        raise ExecutorUnavailable(code, why=outcome.why)
    home = await _taken_home(line, job, outcome, outcome.result, context, began)
    return home, outcome, job.key


async def outcome_of(line: Line, job: Job, context: StepContext | None = None) -> Outcome:
    """Return what the book says of a job, once it is over.

    Raises:
        ExecutorUnavailable: the hub refuses it, or is silent for too long.
    """
    loop = asyncio.get_running_loop()
    heard = line.listen(job.key)
    data = seal(line.identity, job)
    accepted, word = False, loop.time()
    seen = Pictures(context.workdir, job.step.id) if context is not None else None
    try:
        await line.say("ask", data)
        while True:
            wait = ASK_SECONDS if accepted else AGAIN_SECONDS
            try:
                async with asyncio.timeout(wait):
                    told = await heard.get()
            except TimeoutError:
                if loop.time() - word > (CUT_SECONDS if accepted else ACCEPT_SECONDS):
                    raise ExecutorUnavailable("mesh.cut_off", what="silence") from None
                # The hub may have been away: under the same key, asking again changes nothing.
                with suppress(ExecutorUnavailable):
                    if accepted and await _goes_on(line):
                        word = loop.time()
                    await line.say("ask", data)
                continue
            if told is None:
                with suppress(ExecutorUnavailable):
                    await line.say("ask", data)
                continue
            word = loop.time()
            if isinstance(told, Told):
                if isinstance(told.event, FrameDrawn):
                    if context is not None and seen is not None:
                        frame = await asyncio.to_thread(seen.put, told.event, told.picture)
                        if frame is not None:
                            context.emit(frame)
                elif context is not None and isinstance(
                    told.event, OutputWritten | ProgressMade | ProbeRead
                ):
                    context.emit(told.event)
            elif told.status == "accepted":
                accepted = True
            elif told.status == "settled" and told.outcome is not None:
                return told.outcome
            elif told.status == "refused":
                code = "mesh.hub_full" if told.why == "full" else "mesh.refused"
                raise ExecutorUnavailable(code, why=told.why)
    finally:
        line.deaf(job.key)


async def _goes_on(line: Line) -> bool:
    answer = await line.ask(what="peers")
    return isinstance(answer, Answer)


async def _send_inputs(line: Line, context: StepContext) -> dict[str, Blob]:
    blobs = {}
    for name, path in context.inputs.items():
        blob = await asyncio.to_thread(_blob, path)
        answer = await line.ask(what="upload", bytes=blob.size)
        await line.put(path, blob, answer.grant)
        blobs[name] = blob
    return blobs


async def _taken_home(
    line: Line,
    job: Job,
    outcome: Outcome,
    result: StepResult,
    context: StepContext,
    began: datetime,
) -> StepResult:
    artifacts: list[Artifact] = []
    folder = context.workdir / "home"
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    if sum(artifact.size for artifact in result.artifacts) > job.limits.artifact_bytes:
        raise ExecutorError("mesh.too_large", name=job.step.id)
    for number, artifact in enumerate(result.artifacts):
        blob = Blob(sha256=artifact.id, size=artifact.size)
        answer = await line.ask(what="download", blob=blob)
        if answer.status != "ok":
            raise ExecutorError("mesh.blob_refused", what=artifact.name)
        path = folder / str(number)
        await line.fetch(blob, answer.grant, path)
        saved = await context.save(artifact.name, path, artifact.media_type)
        path.unlink(missing_ok=True)
        artifacts.append(saved)
    # When that was by their clock is not for us to believe; how long it took fits in our own time.
    ended = now()
    took = min(max(result.finished_at - result.started_at, timedelta()), ended - began)
    return result.model_copy(
        update={
            "started_at": ended - took,
            "finished_at": ended,
            "step_id": job.step.id,
            "artifacts": tuple(artifacts),
            "node": outcome.node_name or outcome.node or "?",
        }
    )


def _blob(path: Path) -> Blob:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Blob(sha256=digest, size=path.stat().st_size)
