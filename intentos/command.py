"""Executors that run each step with a program of the command line, in a few lines::

    class AwkExecutor(CommandExecutor):
        name = "awk"
        languages = frozenset({"awk"})
        program = "awk"

        def command(self, step, context):
            return ["awk", "-f", "-", *map(str, context.inputs.values())]

The program gets the step's code on stdin, the parameters, inputs and seed in its environment, and
an empty work folder; what files it leaves there become artifacts. It runs in a process tree of its
own that ends with the step, under limits of time, memory, output and files. That is isolation
``process``: it may read what the person may read, and use the network.
"""

from __future__ import annotations

import asyncio
import codecs
import mimetypes
import os
import shutil
import signal
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from intentos import command_guard
from intentos.ending import uninterrupted
from intentos.errors import ExecutorUnavailable
from intentos.events import OutputWritten
from intentos.plan import Step
from intentos.protocols import FAILED, TIMED_OUT, StepContext
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, Estimate, Isolation, Limits, Problem, Quantity, Value, now

ENVIRONMENT = ("PATH", "SYSTEMROOT")
"""Variables of this process that the program gets too."""
MAX_FILES = 1000


@dataclass
class Ended:
    """How a program ended."""

    status: int | None
    """Its exit status; above 128: the signal that killed it; None: the time was over."""
    stdout: str
    stderr: str
    truncated: bool


class CommandExecutor:
    """Base of executors that run each step as one program; a subclass says how it is called."""

    name: str
    languages: frozenset[str]
    isolation: Isolation = "process"
    substitute = False
    program: str
    """What must be installed: the name of a program, or its path."""
    remedy = ""
    """How to install it, if that takes more than a package manager and the program's name."""

    def command(self, step: Step, context: StepContext) -> Sequence[str]:
        """Return the program and its arguments."""
        return [self.program]

    def stdin(self, step: Step, context: StepContext) -> bytes:
        """Return what the program reads on its standard input: the code, its last line ended."""
        return (step.code.removesuffix("\n") + "\n").encode()

    def environment(self, step: Step, context: StepContext) -> dict[str, str]:
        """Return the variables of the program: parameters and inputs by their names, ``SEED``."""
        values = step.resolved_arguments(context.values) if step.arguments else context.values
        given = {name: str(value) for name, value in values.items() if isinstance(value, Value)}
        return (
            {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
            | {name: text.replace("\0", "") for name, text in given.items()}
            | {name: str(path) for name, path in context.inputs.items()}
            | {"SEED": str(context.seed), "LC_ALL": "C.UTF-8"}
            | {name: str(context.workdir) for name in ("HOME", "TMPDIR", "TEMP")}
        )

    def failure(self, ended: Ended) -> str:
        """Return what went wrong when the program has ended; empty: nothing."""
        if ended.status == 0:
            return ""
        lines = ended.stderr.strip().splitlines()
        return lines[-1][:500] if lines else f"{self.program}: exit status {ended.status}"

    def values(self, folder: Path) -> Mapping[str, Quantity]:
        """Return numbers that the program left in its work folder; files that are removed from it
        here become no artifacts."""
        return {}

    def device(self) -> str:
        """Return what did the work, as a person knows it."""
        return self.program

    def check(self) -> None:
        """Return if the program is installed, else raise ExecutorUnavailable."""
        if shutil.which(self.program) is None:
            raise ExecutorUnavailable(
                "executor.no_program", name=self.program, remedy=self.remedy or self.program
            )

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Return that nothing is known."""
        return Estimate()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Run the program; what files it left are kept where it ended well or failed.

        Raises:
            ExecutorUnavailable: the program is not installed.
            StoreError: the disk is full.
        """
        started, limits = now(), context.limits
        self.check()
        ended = await run(
            self.command(step, context),
            folder=context.workdir,
            environment=self.environment(step, context),
            stdin=self.stdin(step, context),
            limits=limits,
            told=lambda stream, text: context.emit(
                OutputWritten.model_validate({"step_id": step.id, "stream": stream, "text": text})
            ),
        )
        status, error = StepStatus.OK, None
        values: Mapping[str, Quantity] = {}
        artifacts: list[Artifact] = []
        if ended.status is None:
            status = StepStatus.TIMED_OUT
            error = Problem(code=TIMED_OUT, arguments={"seconds": limits.wall_time})
        else:
            what = self.failure(ended)
            values = {} if what else await asyncio.to_thread(self.values, context.workdir)
            files = await asyncio.to_thread(_files, context.workdir)
            size = sum(path.stat().st_size for path in files)
            if size > limits.artifact_bytes or len(files) > MAX_FILES:
                files = []
                what = what or f"{size} bytes of files, of {limits.artifact_bytes} allowed"
            for path in files:
                media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
                artifacts.append(await context.save(path.name, path, media_type))
            if what:
                status, error = StepStatus.FAILED, Problem(code=FAILED, arguments={"what": what})
        return StepResult(
            step_id=step.id,
            executor=self.name,
            status=status,
            stdout=ended.stdout,
            stderr=ended.stderr,
            truncated=ended.truncated,
            values=dict(values),
            artifacts=tuple(artifacts),
            error=error,
            device=self.device(),
            started_at=started,
            finished_at=now(),
        )


async def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    stdin: bytes,
    limits: Limits,
    told: Callable[[str, str], None] = lambda stream, text: None,
) -> Ended:
    """Run a program in a folder until it or its time ends; no process of its tree outlives this.

    ``told`` hears each piece of output with the name of its stream, up to the limits.
    """
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *_guarded(command, limits),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=dict(environment),
            start_new_session=True,  # no terminal, and Ctrl-C is ours to handle
        )
    )
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await uninterrupted(_end(await starting))
        raise
    assert process.stdout is not None
    assert process.stderr is not None
    streams = {name: _Stream(name, limits.output_bytes, told) for name in ("stdout", "stderr")}
    work = [
        asyncio.ensure_future(_feed(process, stdin)),
        asyncio.ensure_future(streams["stdout"].read(process.stdout)),
        asyncio.ensure_future(streams["stderr"].read(process.stderr)),
        asyncio.ensure_future(process.wait()),
    ]
    try:
        _, pending = await asyncio.wait([work[-1]], timeout=limits.wall_time)
        if not pending:
            # A child of the program may hold its pipes open for ever.
            await asyncio.wait(work, timeout=1)
    finally:
        await uninterrupted(_end(process))
        await asyncio.wait(work, timeout=1)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
    return Ended(
        status=None if pending else process.returncode,
        stdout="".join(streams["stdout"].parts),
        stderr="".join(streams["stderr"].parts),
        truncated=any(stream.truncated for stream in streams.values()),
    )


def _guarded(command: Sequence[str], limits: Limits) -> list[str]:
    """Return the command under its limits, tied to this process, where the system can do that."""
    if sys.platform == "win32":
        return list(command)
    most = (limits.memory_bytes, limits.artifact_bytes, int(limits.wall_time * 64) + 1)
    script = str(Path(command_guard.__file__))
    # Its own folder must not come first on the path of what it imports.
    return [sys.executable, "-I", "-S", script, str(os.getpid()), *map(str, most), *command]


@dataclass
class _Stream:
    name: str
    most: int
    told: Callable[[str, str], None]
    truncated: bool = False
    parts: list[str] = field(default_factory=list)
    bytes: int = 0

    async def read(self, stream: asyncio.StreamReader) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while piece := await stream.read(65536):
            room = self.most - self.bytes
            kept = piece[:room]
            self.truncated = self.truncated or len(piece) > room
            self.bytes += len(kept)
            # What is no UTF-8 grows when it is replaced.
            if text := decoder.decode(kept).encode()[: max(0, room)].decode("utf-8", "ignore"):
                self.parts.append(text)
                self.told(self.name, text)


async def _feed(process: asyncio.subprocess.Process, data: bytes) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # it ended before it had read all
        process.stdin.write(data)
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the guard's family and then the guard, which is why orphans are still in the family."""
    if process.returncode is None or sys.platform != "linux":
        await asyncio.to_thread(command_guard.kill_family, process.pid)
    if process.returncode is None:
        # Not process.kill(): it may take the exit status away from who waits for it.
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
    await process.wait()


def _files(folder: Path) -> list[Path]:
    """Return the plain files in a work folder itself that can be artifacts, by name."""
    found = []
    for entry in os.scandir(folder):
        plain = stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
        if plain and not entry.name.startswith(".") and entry.name.isprintable():
            found.append(Path(entry.path))
    return sorted(found)
