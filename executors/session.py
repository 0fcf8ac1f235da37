"""One sandbox from its first process to its last: started, listened to, stopped.

Whatever happens, errors and cancellation included, no process of the sandbox is left when
:func:`run` returns or raises. Killing the first process of a pid namespace kills all of them, and
bubblewrap outside only ends when the kernel has buried the last.
"""

from __future__ import annotations

import asyncio
import codecs
import io
import os
import re
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from intentos.types import Limits

from . import bubblewrap, seccomp, watch
from .outbox import LINE_BYTES, Outbox, Violation, size

MAX_FILES_INSIDE = 100_000
OWN_PROCESSES = 1
"""bubblewrap's first process inside."""
LOOK_EVERY = 0.1
"""Seconds between two looks at what the sandbox uses."""


@dataclass(kw_only=True)
class Transcript:
    """What was printed on one stream, up to a number of bytes; the rest is read and forgotten."""

    most: int
    on_text: Callable[[str], None]
    truncated: bool = False
    _parts: list[str] = field(default_factory=list)
    _bytes: int = 0
    _waiting: str = ""
    _decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    async def read(self, stream: asyncio.StreamReader) -> None:
        """Read to the end, passing on whole lines as they come."""
        while piece := await stream.read(65536):
            room = self.most - self._bytes
            self.truncated = self.truncated or len(piece) > room
            self._bytes += len(piece[:room])
            if room > 0:
                self._take(self._decoder.decode(piece[:room]))
        self._take(self._decoder.decode(b"", final=True))
        if self._waiting:
            self.on_text(self._waiting + "\n")

    @property
    def text(self) -> str:
        """All that was kept so far."""
        return "".join(self._parts)

    def _take(self, text: str) -> None:
        self._parts.append(text)
        whole, newline, rest = (self._waiting + text).rpartition("\n")
        self._waiting = rest
        if newline:
            self.on_text(whole + newline)


@dataclass(kw_only=True)
class Ending:
    """How a sandbox ended."""

    returncode: int | None
    timed_out: bool = False
    violation: Violation | None = None


async def run(
    sandbox: Callable[..., bubblewrap.Sandbox],
    job: bytes,
    *,
    environment: Mapping[str, str],
    limits: Limits,
    outbox: Outbox,
    stdout: Transcript,
    stderr: Transcript,
) -> Ending:
    """Run a job in a new sandbox and return how it ended.

    ``sandbox`` is called with the three file descriptors that bubblewrap is to be given.
    """
    async with _Pipes() as pipes:
        command = sandbox(control=pipes.control, info=pipes.info, seccomp=pipes.seccomp).command()
        info = await pipes.reader(pipes.info_here)
        control = await pipes.reader(pipes.control_here)
        guard = await _start(command, environment, pipes.handed_down, info)
        pipes.close_handed_down()
        process = guard.process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        work = [
            asyncio.ensure_future(part)
            for part in (
                _feed(process.stdin, job),
                stdout.read(process.stdout),
                stderr.read(process.stderr),
                outbox.read(control),
                process.wait(),
            )
        ]
        looking = asyncio.ensure_future(guard.look(limits))
        work[-1].add_done_callback(lambda _: looking.cancel())
        try:
            done, pending = await asyncio.wait(
                [*work, looking], timeout=limits.wall_time, return_when=asyncio.FIRST_EXCEPTION
            )
            violation = next((v for task in done if (v := _violation(task))), None)
            timed_out = violation is None and bool(pending)
            await guard.kill()
            # What was written before the end is still in the pipes.
            await asyncio.wait([task for task in work if not task.done()] or [looking], timeout=5)
        finally:
            await _uninterrupted(_bury(guard, [*work, looking]))
        violation = violation or next((v for task in work if (v := _violation(task))), None)
        return Ending(returncode=process.returncode, timed_out=timed_out, violation=violation)


class _Pipes:
    """The file descriptors between this process and a sandbox."""

    async def __aenter__(self) -> _Pipes:
        self._transports: list[asyncio.BaseTransport] = []
        control, self.control = os.pipe()
        info, self.info = os.pipe()
        self.control_here = os.fdopen(control, "rb", buffering=0)
        self.info_here = os.fdopen(info, "rb", buffering=0)
        self.handed_down = [self.control, self.info]
        self.seccomp: int | None = None
        if (rules := seccomp.program()) is not None:
            self.seccomp, write = os.pipe()
            os.write(write, rules)  # less than a pipe holds
            os.close(write)
            self.handed_down.append(self.seccomp)
        return self

    async def reader(self, end: io.FileIO) -> asyncio.StreamReader:
        reader = asyncio.StreamReader(limit=LINE_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), end
        )
        self._transports.append(transport)
        return reader

    def close_handed_down(self) -> None:
        while self.handed_down:
            os.close(self.handed_down.pop())

    async def __aexit__(self, *_: object) -> None:
        self.close_handed_down()
        for transport in self._transports:
            transport.close()
        self.control_here.close()
        self.info_here.close()


class _Guard:
    """Watches a sandbox from outside and ends it."""

    def __init__(self, process: asyncio.subprocess.Process, info: asyncio.StreamReader) -> None:
        self.process = process
        self._first = asyncio.ensure_future(_first_process(info))

    async def look(self, limits: Limits) -> None:
        """Look at the sandbox's processes, memory and files until it ends.

        Raises:
            Violation: its processes together use more than they may.
        """
        first = await asyncio.shield(self._first)
        while first is not None and self.process.returncode is None:
            members = list(watch.family(first))
            # The kernel keeps this limit too, but not everywhere for everybody.
            if len(members) > limits.processes + OWN_PROCESSES:
                raise Violation("sandbox.processes_together", processes=limits.processes)
            used = watch.memory_bytes(members, most=limits.memory_bytes)
            if used > limits.memory_bytes:
                raise Violation("sandbox.memory_together", memory=size(limits.memory_bytes))
            if watch.files_in(first, bubblewrap.WORK) > MAX_FILES_INSIDE:
                raise Violation("sandbox.many_files", count=MAX_FILES_INSIDE)
            await asyncio.sleep(LOOK_EVERY)

    async def kill(self) -> None:
        """End every process of the sandbox and wait until they are gone."""
        if self.process.returncode is None:
            try:
                first = await asyncio.wait_for(asyncio.shield(self._first), timeout=2)
            except TimeoutError:
                first = None
            try:
                if first is None:
                    self.process.kill()
                else:  # bubblewrap outside has not reaped it, so the number is still its own
                    os.kill(first, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it ended by itself just now
        await self.process.wait()
        self._first.cancel()


async def _start(
    command: list[str],
    environment: Mapping[str, str],
    descriptors: list[int],
    info: asyncio.StreamReader,
) -> _Guard:
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            env=dict(environment),
            cwd="/",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            pass_fds=descriptors,
            start_new_session=True,  # no terminal, and Ctrl-C is ours to handle
        )
    )
    try:
        return _Guard(await asyncio.shield(starting), info)
    except asyncio.CancelledError:
        await _uninterrupted(_Guard(await starting, info).kill())
        raise


async def _first_process(info: asyncio.StreamReader) -> int | None:
    try:
        said = await info.readuntil(b"}")
    except asyncio.IncompleteReadError:
        return None
    found = re.search(rb'"child-pid"\s*:\s*(\d+)', said)
    return int(found[1]) if found else None


async def _feed(stream: asyncio.StreamWriter, job: bytes) -> None:
    try:
        stream.write(job)
        await stream.drain()
        stream.close()
        await stream.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        return  # it ended before it had read all; the exit status tells why


async def _bury(guard: _Guard, tasks: list[asyncio.Future[Any]]) -> None:
    await guard.kill()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _uninterrupted(work: Coroutine[Any, Any, None]) -> None:
    """Finish ``work`` even if the task is canceled meanwhile; the cancellation comes after it."""
    task, canceled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            canceled = True
    task.result()
    if canceled:
        raise asyncio.CancelledError


def _violation(task: asyncio.Future[Any]) -> Violation | None:
    if not task.done() or task.cancelled() or (error := task.exception()) is None:
        return None
    if isinstance(error, Violation):
        return error
    raise error
