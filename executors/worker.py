"""The parent's side of the worker process: start it, hand over a job, read its lines, kill it."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from intentos import errors
from intentos.errors import ExecutorError, IntentOSError, StoreError
from intentos.run import StepStatus
from intentos.scratch import scratch_folder
from intentos.types import Problem

from . import child

if TYPE_CHECKING:
    from .gpu_walls import Walls

STDERR_BYTES = 4000

# Which errors of the worker are about the program, and so a failed step and not a broken executor.
_FAULTS = {"gpu.out_of_memory", "gpu.device_lost", "numpy.failed"}


class Stopped(Exception):
    """The step ends here with this status."""

    def __init__(self, status: StepStatus, problem: Problem) -> None:
        super().__init__(problem.code)
        self.status = status
        self.problem = problem


class Worker:
    """One worker process, for one job; leaving the block kills it."""

    def __init__(self, work: str, adapter: str, folder: Path, walls: Walls | None = None) -> None:
        self._work = work
        self._adapter = adapter
        self._folder = folder
        self._walls = walls
        self._files: socket.socket | None = None
        self._stderr = b""

    async def __aenter__(self) -> Self:
        if self._walls is None:
            command = worker_command(self._work, self._adapter)
            # Graphics libraries complain on stderr where a headless machine has no such folder.
            none = "XDG_RUNTIME_DIR" not in os.environ
            runtime = {"XDG_RUNTIME_DIR": str(self._folder)} if none else {}
            self._process = await child.start(command, folder=self._folder, environment=runtime)
        else:
            self._process = await self._start_inside(self._walls)
        self._complaints = asyncio.create_task(self._listen())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await child.end(self._process)
        finally:
            self.forget()

    def forget(self) -> None:
        """Let go of a process that has ended."""
        self._complaints.cancel()
        if self._files is not None:
            self._files.close()

    async def _start_inside(self, walls: Walls) -> asyncio.subprocess.Process:
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                arguments = [self._work, "0", self._adapter, str(theirs.fileno())]
                with walls.command(arguments) as (command, inherited):
                    process = await child.start(
                        command,
                        folder=self._folder,
                        environment=walls.environment(),
                        inherited=[*inherited, theirs.fileno()],
                        bare=True,
                    )
        except BaseException:  # stopped while it started: nobody else knows of this end
            ours.close()
            raise
        self._files = ours
        return process

    @property
    def lives(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process.returncode is None

    async def send(self, job: Mapping[str, Any]) -> None:
        """Hand the job over, and with it the files that it reads and writes.

        Raises:
            StoreError: one of those that it writes cannot be made.
        """
        if self._files is not None:
            job = _handed_over(job, self._files)
        await self.tell(job)

    async def tell(self, line: Mapping[str, Any]) -> None:
        """Say something more about a job that is played live."""
        assert self._process.stdin is not None
        # A worker that is gone already is found out by reading.
        with suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(json.dumps(line).encode() + b"\n")
            await self._process.stdin.drain()

    async def read(self, silence: float | None) -> dict[str, Any]:
        """Return the worker's next message."""
        assert self._process.stdout is not None
        try:
            # Not wait_for: Python 3.11's swallows a Stop that comes together with a line.
            async with asyncio.timeout(silence):
                line = await self._process.stdout.readline()
        except TimeoutError:
            problem = Problem(code="gpu.hung", arguments={"seconds": silence})
            raise Stopped(StepStatus.TIMED_OUT, problem) from None
        if not line.endswith(b"\n"):
            code = await self._process.wait()
            await self._complaints
            tail = self._stderr.decode("utf-8", "replace").strip()[-500:]
            what = f"{_ending(code)}{': ' if tail else ''}{tail}"
            raise Stopped(
                StepStatus.FAILED, Problem(code="gpu.worker_died", arguments={"what": what})
            )
        message: dict[str, Any] = json.loads(line)
        if message["kind"] == "error":
            raise _error(message)
        return message

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        while piece := await self._process.stderr.read(65_536):
            self._stderr = (self._stderr + piece)[-STDERR_BYTES:]


class Spare:
    """A worker that is started ahead: its imports are done and the driver is awake.

    It is handed out once. ``refill`` starts the next one; leaving it out costs nothing but time.
    """

    def __init__(self, work: str, adapter: str, walls: Walls | None = None) -> None:
        self._work = work
        self._adapter = adapter
        self._walls = walls
        self._worker: Worker | None = None
        self._folder: Path | None = None
        self._made = ExitStack()

    async def refill(self) -> None:
        """Start a worker if none is waiting."""
        if self._worker is not None and not self._worker.lives:
            self._worker.forget()
            self._worker = None
        if self._worker is None:
            if self._folder is None:
                self._folder = self._made.enter_context(scratch_folder())
            worker = Worker(self._work, self._adapter, self._folder, self._walls)
            self._worker = await worker.__aenter__()

    def take(self) -> Worker | None:
        """Return the waiting worker, which is the caller's to end, if there is one."""
        worker, self._worker = self._worker, None
        if worker is None or worker.lives:
            return worker
        worker.forget()
        return None

    async def close(self) -> None:
        """End the waiting worker."""
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.__aexit__(None, None, None)
        self._folder = None
        self._made.close()


def worker_command(work: str, adapter: str) -> list[str]:
    """Return the command that starts a worker; ``-P``: nothing is imported from its folder."""
    module = "intentos.executors.gpu_worker"
    return [sys.executable, "-P", "-m", module, work, str(os.getpid()), adapter]


def _handed_over(job: Mapping[str, Any], channel: socket.socket) -> dict[str, Any]:
    """Open a job's files, send them, and return the job with their places in the place of paths.

    The worker can neither name nor reach any other file.
    """
    arrays: dict[str, str] = job["arrays"]
    outputs: dict[str, str] = job["outputs"]
    opened: list[int] = []
    try:
        for path in arrays.values():
            opened.append(os.open(path, os.O_RDONLY))
        for path in (job["frames"], *outputs.values()):
            opened.append(_made(path))
        socket.send_fds(channel, [b"."], opened)
    finally:
        for descriptor in opened:
            os.close(descriptor)
    places = iter(range(len(opened)))
    return {
        **job,
        "arrays": {name: next(places) for name in arrays},
        "frames": next(places),
        "outputs": {name: next(places) for name in outputs},
    }


def _made(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        name = os.path.basename(path)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError("film.no_space", path=name) from error
        what = error.strerror or str(error)
        raise StoreError("store.cannot_write", name=name, path=path, what=what) from error


def _error(message: dict[str, Any]) -> Exception:
    """Return the exception to raise for an error that the worker told."""
    code, arguments = message["code"], message["arguments"]
    if code in _FAULTS:
        return Stopped(StepStatus.FAILED, Problem(code=code, arguments=arguments))
    kind: type[IntentOSError] = getattr(errors, message["error"], ExecutorError)
    return kind(code, **arguments)


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
