"""The far side of the ``dask`` executor: a worker runs one step as its machine would run its own.

Dask itself runs whatever reaches it, so this keeps nobody out: it keeps the step within the walls,
limits and kernels of the worker's machine. IntentOS has to be installed there. What goes to and fro
is JSON and bytes.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from intentos.errors import ExecutorError, ExecutorUnavailable, IntentOSError, NotApproved
from intentos.events import FrameDrawn, LiveEvent, OutputWritten, ProbeRead, ProgressMade
from intentos.mesh.pictures import Pace, small
from intentos.plan import Step
from intentos.policy import choose_executor
from intentos.protocols import StepContext
from intentos.registry import Registry
from intentos.run import StepResult
from intentos.scratch import scratch_folder
from intentos.types import Artifact, Frozen, Limits, Problem, Value, sha256

LOOK_SECONDS = 0.1
MOST_HEARD = 200
"""Live events that wait to be fetched; older ones are lost."""


class Errand(Frozen):
    """A step as it travels; its input files are bytes beside it."""

    nonce: str
    step: Step
    values: dict[str, Value]
    live: frozenset[str]
    seed: int
    limits: Limits
    language: str
    silence: float
    """Seconds without a question after which nobody waits for it any more, and it ends."""


class Heard(Frozen):
    """A live event on its way home."""

    event: Annotated[
        OutputWritten | ProgressMade | ProbeRead | FrameDrawn, Field(discriminator="kind")
    ]
    picture: str = ""
    """Of a frame: RGB bytes as base64, small."""


class Returned(Frozen):
    """What came of it: a result whose files are bytes beside it, or why there is none."""

    result: StepResult | None = None
    kind: Literal["", "unavailable", "broken", "stopped"] = ""
    problem: Problem | None = None


@dataclass
class _Going:
    stop: threading.Event = field(default_factory=threading.Event)
    heard: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_HEARD))
    asked: float = field(default_factory=time.monotonic)


_GOING: dict[str, _Going] = {}
_STOPPED: deque[str] = deque(maxlen=1000)
"""Steps that were stopped, perhaps before they had begun."""


def hear(nonce: str) -> list[str] | None:
    """Return the live events since the last question; None: that step does not run here."""
    going = _GOING.get(nonce)
    if going is None:
        return None
    going.asked = time.monotonic()
    told = []
    while going.heard:
        told.append(going.heard.popleft())
    return told


def stop(nonce: str) -> None:
    """End a step, whether it has begun here or might yet."""
    _STOPPED.append(nonce)
    if (going := _GOING.get(nonce)) is not None:
        going.stop.set()


def serve(errand: str, inputs: dict[str, bytes]) -> tuple[str, dict[str, bytes]]:
    """Run a step and return a :class:`Returned` as JSON, and its files by name."""
    asked = Errand.model_validate_json(errand)
    if asked.nonce in _STOPPED:
        return Returned(kind="stopped").model_dump_json(), {}
    _GOING[asked.nonce] = going = _Going()
    try:
        returned, files = asyncio.run(_serve(asked, inputs, going))
    finally:
        del _GOING[asked.nonce]
    return returned.model_dump_json(), files


async def _serve(
    asked: Errand, inputs: Mapping[str, bytes], going: _Going
) -> tuple[Returned, dict[str, bytes]]:
    files: dict[str, bytes] = {}
    with scratch_folder() as folder:
        work = asyncio.create_task(_work(asked, inputs, going, files, folder))
        while not work.done():
            await asyncio.wait({work}, timeout=LOOK_SECONDS)
            if going.stop.is_set() or time.monotonic() - going.asked > asked.silence:
                work.cancel()
        if work.cancelled():
            return Returned(kind="stopped"), {}
        try:
            return Returned(result=work.result()), files
        except IntentOSError as error:
            absent = isinstance(error, ExecutorUnavailable | NotApproved)
            problem = Problem(code=error.code, arguments=dict(error.arguments))
            return Returned(kind="unavailable" if absent else "broken", problem=problem), {}


async def _work(
    asked: Errand,
    inputs: Mapping[str, bytes],
    going: _Going,
    files: dict[str, bytes],
    folder: Path,
) -> StepResult:
    given, workdir = folder / "given", folder / "work"
    given.mkdir()
    workdir.mkdir()
    paths = {}
    for name, data in inputs.items():
        paths[name] = given / sha256(name.encode())
        paths[name].write_bytes(data)
    registry = Registry()
    step = asked.step.model_copy(update={"executor": None})
    if step.language == "kernel" and registry.kernel(step.code).code_hash != step.code_hash:
        raise ExecutorError("mesh.other_kernel", name=step.code)
    executor = await asyncio.to_thread(choose_executor, step, registry)

    async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
        content = data if isinstance(data, bytes) else await asyncio.to_thread(data.read_bytes)
        files[name] = content
        return Artifact(
            id=sha256(content),
            name=name,
            media_type=media_type,
            size=len(content),
            step_id=step.id,
        )

    context = StepContext(
        values=asked.values,
        live=asked.live,
        seed=asked.seed,
        inputs=paths,
        workdir=workdir,
        limits=asked.limits,
        emit=_Teller(going),
        save=save,
        language=asked.language,
        keep_part=False,
    )
    return await executor.execute(step, context)


class _Teller:
    """Keeps live events until they are asked for; what does not fit is lost, as live events may."""

    def __init__(self, going: _Going) -> None:
        self._going = going
        self._loop = asyncio.get_running_loop()
        self._pace = Pace()
        self._showing: set[asyncio.Task[None]] = set()

    def __call__(self, event: LiveEvent) -> None:
        with suppress(RuntimeError):  # the step has ended, and its loop with it
            self._loop.call_soon_threadsafe(self._on_loop, event)

    def _on_loop(self, event: LiveEvent) -> None:
        if isinstance(event, FrameDrawn):
            if self._pace.take():
                task = self._loop.create_task(self._show(event))
                self._showing.add(task)
                task.add_done_callback(self._showing.discard)
        elif isinstance(event, OutputWritten | ProgressMade | ProbeRead):
            self._going.heard.append(Heard(event=event).model_dump_json())

    async def _show(self, event: FrameDrawn) -> None:
        try:
            made = await asyncio.to_thread(small, event)
        finally:
            self._pace.done()
        if made is not None:
            self._going.heard.append(Heard(event=made[0], picture=made[1]).model_dump_json())
