"""Runs Python steps with nothing to hold them in, for whoever says ``--unsafe-no-sandbox``.

The same harness and the same judge as in the sandbox, in a process tree of its own that ends with
the step, under limits of time, memory, output and files. There are no walls: the code may read,
change and send all that the person may. It comes last, is only ever chosen where no sandbox works
and the person said so for this call, and never runs as root.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from intentos import command_guard
from intentos.errors import ExecutorError, ExecutorUnavailable
from intentos.events import OutputWritten, ProgressMade
from intentos.plan import Step
from intentos.presence import mark
from intentos.protocols import StepContext
from intentos.run import StepResult
from intentos.types import Estimate, Isolation, Json, Value, now

from . import bubblewrap, verdict
from .outbox import LINE_BYTES, Outbox, Violation
from .transcript import Transcript

HARNESS = Path(__file__).with_name("harness.py")
DEVICE = f"Python {platform.python_version()}"
NO_LIMIT = 2**20
"""Processes: the kernel counts all of the person's, so a step's own limit would stop it at once."""


class BareExecutor:
    """Runs ``python`` steps in a plain process."""

    name = "bare"
    languages = frozenset({"python"})
    isolation: Isolation = "process"
    substitute = False

    def check(self) -> None:
        """Return if code can run here; raises ExecutorUnavailable on Windows and for root."""
        if sys.platform == "win32":
            raise ExecutorUnavailable("bare.windows")
        if os.geteuid() == 0:
            raise ExecutorUnavailable("bare.root")

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Return that nothing is known: what code costs shows when it runs."""
        return Estimate()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Run the step's code; what it saved before it failed is kept.

        Raises:
            ExecutorUnavailable: on Windows, or as root.
            ExecutorError: the process did not get as far as the code.
            StoreError: the disk is full, or cannot be written.
        """
        self.check()
        started = now()
        finished = await self._run(step, context)
        return await verdict.result(
            finished, step, context, executor=self.name, device=DEVICE, started=started
        )

    async def _run(self, step: Step, context: StepContext) -> verdict.Finished:
        def told(stream: str, text: str) -> None:
            context.emit(
                OutputWritten.model_validate({"step_id": step.id, "stream": stream, "text": text})
            )

        def progressed(fraction: float) -> None:
            context.emit(ProgressMade(stage="stage.computing", fraction=fraction, step_id=step.id))

        limits = context.limits
        values = step.resolved_arguments(context.values) if step.arguments else context.values
        job: dict[str, Json] = {
            "code": step.code,
            "parameters": dict(values),
            "inputs": {name: str(path) for name, path in context.inputs.items()},
            "seed": context.seed,
            "language": context.language,
            "user": None,
            "limits": {
                "address_space_bytes": limits.memory_bytes,
                "file_bytes": limits.artifact_bytes,
                "processes": NO_LIMIT,
            },
        }
        # What is handed out is built where the code has no reason to look.
        inside, outside = context.workdir / "inside", context.workdir / "outside"
        inside.mkdir()
        outside.mkdir()
        outbox = Outbox(outside, limits, context.save, progressed)
        stdout, stderr = (
            Transcript(most=limits.output_bytes, on_text=partial(told, stream))
            for stream in ("stdout", "stderr")
        )
        ending = await _session(
            json.dumps(job).encode(), inside, context, outbox=outbox, stdout=stdout, stderr=stderr
        )
        if not outbox.started and not ending.timed_out:
            raise ExecutorError("bare.not_started", what=stderr.text[-500:])
        return verdict.Finished(ending, outbox, stdout, stderr)


async def _session(
    job: bytes,
    folder: Path,
    context: StepContext,
    *,
    outbox: Outbox,
    stdout: Transcript,
    stderr: Transcript,
) -> verdict.Ending:
    read, write = os.pipe()
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb", buffering=0)
    )
    try:
        process = await _start(write, folder, context)
    finally:
        os.close(write)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    work = [
        asyncio.ensure_future(part)
        for part in (
            _feed(process.stdin, job),
            stdout.read(process.stdout),
            stderr.read(process.stderr),
            outbox.read(reader),
            process.wait(),
        )
    ]
    try:
        done, pending = await asyncio.wait(
            work, timeout=context.limits.wall_time, return_when=asyncio.FIRST_EXCEPTION
        )
        violation = next((v for task in done if (v := _violation(task))), None)
        timed_out = violation is None and bool(pending)
        await _end(process)
        await asyncio.wait(work, timeout=5)
    finally:
        # Whatever happens, cancellation included, the process tree ends here.
        await asyncio.shield(asyncio.ensure_future(_end(process)))
        transport.close()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
    violation = violation or next((v for task in work if (v := _violation(task))), None)
    return verdict.Ending(returncode=process.returncode, timed_out=timed_out, violation=violation)


async def _start(control: int, folder: Path, context: StepContext) -> asyncio.subprocess.Process:
    limits = context.limits
    most = (limits.memory_bytes, limits.artifact_bytes, int(limits.wall_time * 64) + 1)
    guard = [sys.executable, "-I", "-S", command_guard.__file__, str(os.getpid()), *map(str, most)]
    harness = [sys.executable, "-S", "-s", "-P", "-B", str(HARNESS), str(control)]
    environment = bubblewrap.environment() | {
        "INTENTOS_PACKAGES": os.pathsep.join(p for p in sys.path if p.endswith("-packages")),
        "TMPDIR": str(folder),
    }
    environment.pop("LD_LIBRARY_PATH")
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *guard,
            *harness,
            env=environment | mark(),
            cwd=folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=[control],
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _end(await starting)
        raise


async def _feed(stream: asyncio.StreamWriter, job: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it ended before it had read all
        stream.write(job)
        await stream.drain()
        stream.close()
        await stream.wait_closed()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the guard's family and then the guard, which is why orphans are still in the family."""
    if process.returncode is None:
        await asyncio.to_thread(command_guard.kill_family, process.pid)
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
    await process.wait()


def _violation(task: asyncio.Future[Any]) -> Violation | None:
    if not task.done() or task.cancelled() or (error := task.exception()) is None:
        return None
    if isinstance(error, Violation):
        return error
    raise error
