"""Stop: whatever runs ends within a second, what was drawn stays, and the next wish runs at once.

The ceilings here are generous, for machines that do ten other things; ``seconds`` shows in a
failure how long it took.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from intentos.config import Settings
from intentos.errors import ExecutorUnavailable
from intentos.events import Event, FrameDrawn, OutputWritten, RunFinished, RunQueued, StepStarted
from intentos.executors.worker import Worker
from intentos.plan import Plan, Step
from intentos.plan_file import dump_plan
from intentos.policy import ApproveAll
from intentos.registry import Registry
from intentos.run import Run, RunStatus
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.testing import descendants, until
from intentos.types import Intent

from .executors.frame_steps import endless, moving
from .parts import plan_of, write

CEILING = 10.0
PATIENCE = 60.0

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1e6)
        time.sleep(1e6)
save("early.txt", "kept")
print("running", flush=True)
while True:
    pass
"""


class Desk:
    """A runtime on what is installed, that says yes."""

    def __init__(self, settings: Settings) -> None:
        self.store = Store(settings)
        self.runtime = Runtime(
            settings=settings,
            store=self.store,
            registry=Registry(),
            approver=ApproveAll("test"),
        )

    async def run(self, plan: Plan, on: Callable[[Event], None] = lambda event: None) -> Run:
        """Run a plan to its end."""
        run_id = ""
        async for event in self.runtime.run(Intent(text="a test", language="en"), plan=plan):
            run_id = event.run_id or run_id
            on(event)
        return self.store.run(run_id)

    async def stopped(
        self, plan: Plan, when: Callable[[Event], bool], *, after: float = 0.0
    ) -> tuple[Run, float]:
        """Stop a run so many seconds after an event; return it and how long stopping took."""
        begun = asyncio.Event()
        first: list[str] = []

        def listen(event: Event) -> None:
            first.append(event.run_id)
            if when(event):
                begun.set()

        task = asyncio.create_task(self.run(plan, listen))
        async with asyncio.timeout(PATIENCE):
            await begun.wait()
        await asyncio.sleep(after)
        start = time.monotonic()
        await self.runtime.cancel(first[0])
        seconds = time.monotonic() - start
        return await task, seconds


@pytest.fixture
async def desk(settings: Settings) -> AsyncIterator[Desk]:
    """A desk of this test alone."""
    made = Desk(settings)
    yield made
    await made.runtime.close()
    made.store.close()


def need(executor: str) -> None:
    """Skip where an executor cannot work."""
    try:
        Registry().executor(executor).check()
    except ExecutorUnavailable as error:
        pytest.skip(str(error))


def film(frames: int, dispatches: int = 1) -> Plan:
    """Return a plan of a film that takes its time."""
    slow = [{"entry": "draw", "dispatch": [8, 6, 1], "repeat": dispatches}]
    return plan_of(steps=(moving(frames, draw=slow),))


async def test_stop_ends_a_film_and_keeps_the_frames_that_were_drawn(desk: Desk) -> None:
    need("webgpu")
    before = descendants()
    run, seconds = await desk.stopped(
        film(5000, 200), lambda event: isinstance(event, FrameDrawn) and event.index >= 20
    )
    assert run.status is RunStatus.CANCELED
    assert seconds < CEILING
    assert descendants() <= before
    kept = {artifact.name for artifact in run.artifacts}
    assert kept <= {"stopped.png", "stopped.mp4"}
    start = time.monotonic()
    assert (await desk.run(film(3))).status is RunStatus.COMPLETED
    assert time.monotonic() - start < PATIENCE


async def test_stop_ends_a_shader_that_never_ends(desk: Desk) -> None:
    need("webgpu")
    before = descendants()
    run, seconds = await desk.stopped(
        plan_of(steps=(endless(),)), lambda event: isinstance(event, StepStarted), after=3
    )
    assert run.status is RunStatus.CANCELED
    assert seconds < CEILING
    assert descendants() <= before


async def test_stop_ends_code_that_will_not_end_and_keeps_what_it_saved(desk: Desk) -> None:
    need("sandbox")
    before = descendants()
    plan = plan_of(steps=(Step(id="s1", language="python", code=STUBBORN),))
    run, seconds = await desk.stopped(plan, lambda event: isinstance(event, OutputWritten), after=1)
    assert run.status is RunStatus.CANCELED
    assert seconds < CEILING
    assert descendants() <= before
    assert [artifact.name for artifact in run.artifacts] == ["early.txt"]
    after = plan_of(steps=(Step(id="s1", language="python", code='report("two", 2)'),))
    assert (await desk.run(after)).status is RunStatus.COMPLETED


async def test_the_next_in_line_takes_the_place_of_a_stopped_run(desk: Desk) -> None:
    need("webgpu")
    waiting, done = asyncio.Event(), asyncio.Event()

    def heard(event: Event) -> None:
        if isinstance(event, RunQueued):
            waiting.set()
        if isinstance(event, RunFinished):
            done.set()

    next_one: list[asyncio.Task[Run]] = []

    def then(event: Event) -> bool:
        if isinstance(event, StepStarted) and not next_one:
            next_one.append(asyncio.create_task(desk.run(film(2), heard)))
        return isinstance(event, StepStarted)

    first, seconds = await desk.stopped(plan_of(steps=(endless(),)), then, after=2)
    assert first.status is RunStatus.CANCELED
    assert waiting.is_set()
    assert seconds < CEILING
    async with asyncio.timeout(PATIENCE):
        assert (await next_one[0]).status is RunStatus.COMPLETED


async def test_who_leaves_the_line_holds_nobody_up(desk: Desk) -> None:
    need("webgpu")
    first = asyncio.create_task(desk.run(film(400, 50)))
    await asyncio.sleep(0.5)
    queued, seconds = await desk.stopped(film(2), lambda event: isinstance(event, RunQueued))
    assert queued.status is RunStatus.CANCELED
    assert queued.artifacts == ()
    assert seconds < CEILING
    assert (await first).status is RunStatus.COMPLETED


@pytest.mark.parametrize("moments", range(6))
async def test_a_stop_that_comes_together_with_a_frame_is_not_lost(
    tmp_path: Path, moments: int
) -> None:
    worker = Worker("gpu", "", tmp_path)
    worker._process = cast(Any, SimpleNamespace(stdout=asyncio.StreamReader()))
    reading = asyncio.create_task(worker.read(60))
    await asyncio.sleep(0.01)
    worker._process.stdout.feed_data(b'{"kind": "alive"}\n')  # type: ignore[union-attr]
    for _ in range(moments):
        await asyncio.sleep(0)
    was_done = reading.done()
    reading.cancel()
    await asyncio.wait([reading])
    assert reading.cancelled() != was_done


@pytest.mark.skipif(sys.platform == "win32", reason="there is no Ctrl-C to send to one process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_stubborn_code_with_130(
    tmp_path: Path, settings: Settings, number: signal.Signals
) -> None:
    need("sandbox")
    plan = plan_of(steps=(Step(id="s1", language="python", code=STUBBORN),))
    file = write(tmp_path / "plan.yaml", dump_plan(plan, {}))
    command = [sys.executable, "-m", "intentos", "run", str(file), "--yes", "--json"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        until(lambda: _saved(settings), "the code did not start", PATIENCE)
        below = _below(process.pid)
        start = time.monotonic()
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    seconds = time.monotonic() - start
    assert process.returncode == 130, stderr
    assert seconds < CEILING
    told: dict[str, Any] = json.loads(stdout)
    assert told["status"] == "canceled"
    assert [artifact["name"] for artifact in told["artifacts"]] == ["early.txt"]
    assert not any(_lives(pid) for pid in below)


def _saved(settings: Settings) -> bool:
    store = Store(settings)
    try:
        return any(run.artifacts for run in store.runs())
    finally:
        store.close()


def _below(pid: int) -> list[int]:
    from intentos.executors.watch import family

    return list(family(pid))[1:]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
