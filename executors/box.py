"""A started sandbox as its parent sees it: four streams, a first process, an end.

:class:`ColdBox` starts bubblewrap for one step; ``template.py`` has the warm kind. Whatever
happens, errors and cancellation included, no process of a box is left when its block is left:
killing the first process of a pid namespace kills all of them, and bubblewrap outside only ends
when the kernel has buried the last.
"""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from intentos.ending import uninterrupted
from intentos.presence import mark
from intentos.types import Limits

from . import bubblewrap, cgroups, seccomp
from .outbox import LINE_BYTES

KERNEL_BYTES = 64 * 1024**2
"""What the kernel may need for a step itself, such as page tables, and counts to its group."""


class Box(Protocol):
    """A sandbox that waits for its job on stdin."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader
    control: asyncio.StreamReader
    group: cgroups.Cgroup | None
    inherited_bytes: int
    """Memory that every process has from its birth and shares with the others."""

    async def first(self) -> int | None:
        """Return the first process inside, which is nobody's code; None: it did not start."""
        ...

    async def confine(self, limits: Limits) -> None:
        """Give the control group its limits, where there is one."""
        ...

    async def wait(self) -> int:
        """Return the exit status when the last process is gone; above 128: a signal."""
        ...

    async def kill(self) -> None:
        """End every process and wait until they are gone."""
        ...


class ColdBox:
    """A bubblewrap of its own, started in ``async with`` and gone after it.

    ``sandbox`` is called with the three file descriptors that bubblewrap is to be given.
    """

    inherited_bytes = 0

    def __init__(
        self, sandbox: Callable[..., bubblewrap.Sandbox], environment: Mapping[str, str]
    ) -> None:
        self._sandbox = sandbox
        self._environment = environment
        self.group: cgroups.Cgroup | None = None
        self._pidfd: int | None = None
        """Of the first process inside."""

    async def __aenter__(self) -> Self:
        self._pipes = Pipes()
        try:
            await self._start()
        except BaseException:
            self._pipes.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await uninterrupted(self.kill())
        finally:
            self._pipes.close()
            if self.group is not None:
                self.group.remove()

    async def first(self) -> int | None:
        """Return bubblewrap's own first process inside."""
        return await asyncio.shield(self._first)

    async def confine(self, limits: Limits) -> None:
        """Make a control group, if this user may, and put the sandbox into it."""
        first = await self.first()
        if first is None:
            return
        with suppress(ProcessLookupError):
            self._pidfd = os.pidfd_open(first)
        if (group := cgroups.make()) is None:
            return
        self.group = group
        await asyncio.to_thread(set_limits, group, limits)
        try:
            await asyncio.to_thread(group.add, first)
        except ProcessLookupError:
            return  # it has ended, and says why

    async def wait(self) -> int:
        """Return bubblewrap's exit status, which is the code's."""
        return await self._process.wait()

    async def kill(self) -> None:
        """End every process of the sandbox and wait until they are gone."""
        if self._process.returncode is None:
            try:
                async with asyncio.timeout(2):
                    first = await asyncio.shield(self._first)
            except TimeoutError:
                first = None
            try:
                if first is None:
                    # With what it has just forked, which may not have been told yet to die with it.
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:  # bubblewrap outside has not reaped it, so the number is still its own
                    os.kill(first, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it ended by itself just now
        else:
            # Somebody else may have killed it while its first process inside waited for its word,
            # which then never comes: that one is of its group, and holds its pipes for ever.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        if self._pidfd is not None:
            # bubblewrap outside ends when the code has; what it left behind may take longer.
            descriptor, self._pidfd = self._pidfd, None
            try:
                await readable(descriptor)
            finally:
                os.close(descriptor)
        self._first.cancel()

    async def _start(self) -> None:
        pipes = self._pipes
        info_here, info = os.pipe()
        control_here, control = os.pipe()
        pipes.hand_down(info, control)
        self.control = await pipes.reader(control_here)
        info_reader = await pipes.reader(info_here)
        rules = None
        if (program := seccomp.program()) is not None:
            rules, write = os.pipe()
            pipes.hand_down(rules)
            os.write(write, program)  # less than a pipe holds
            os.close(write)
        command = self._sandbox(control=control, info=info, seccomp=rules).command()
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *command,
                env=dict(self._environment) | mark(),
                cwd="/",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=pipes.handed_down,
                start_new_session=True,  # no terminal, and Ctrl-C is ours to handle
            )
        )
        try:
            self._process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            self._process = await starting
            self._first = asyncio.ensure_future(first_process(info_reader))
            pipes.close_handed_down()
            await uninterrupted(self.kill())
            raise
        pipes.close_handed_down()
        self._first = asyncio.ensure_future(first_process(info_reader))
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self.stdin = self._process.stdin
        self.stdout, self.stderr = self._process.stdout, self._process.stderr


class Pipes:
    """The file descriptors between this process and a sandbox."""

    def __init__(self) -> None:
        self.handed_down: list[int] = []
        self._transports: list[asyncio.BaseTransport] = []

    def hand_down(self, *descriptors: int) -> None:
        """Note what is the child's, and closed here as soon as it has it."""
        self.handed_down += descriptors

    async def reader(self, descriptor: int) -> asyncio.StreamReader:
        """Return what reads a pipe's end, which is closed with the others."""
        reader = asyncio.StreamReader(limit=LINE_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), io.FileIO(descriptor, "rb")
        )
        self._transports.append(transport)
        return reader

    async def writer(self, descriptor: int) -> asyncio.StreamWriter:
        """Return what writes to a pipe's end, which is closed with the others."""
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()),
            io.FileIO(descriptor, "wb"),
        )
        self._transports.append(transport)
        return asyncio.StreamWriter(transport, protocol, None, loop)

    def close_handed_down(self) -> None:
        """Close the child's ends."""
        while self.handed_down:
            os.close(self.handed_down.pop())

    def close(self) -> None:
        """Close everything."""
        self.close_handed_down()
        for transport in self._transports:
            transport.close()


def set_limits(group: cgroups.Cgroup, limits: Limits) -> None:
    """Limit a group to what a step's code, its files and the kernel's share may take together."""
    files = limits.artifact_bytes + bubblewrap.SHARED_MEMORY_BYTES
    group.limit(
        memory_bytes=limits.memory_bytes + files + KERNEL_BYTES,
        processes=limits.processes + bubblewrap.OWN_PROCESSES,
    )


async def first_process(info: asyncio.StreamReader) -> int | None:
    """Return the process that bubblewrap names on ``--info-fd``; None: it did not get so far."""
    try:
        said = await info.readuntil(b"}")
    except asyncio.IncompleteReadError:
        return None
    found = re.search(rb'"child-pid"\s*:\s*(\d+)', said)
    return int(found[1]) if found else None


async def readable(descriptor: int) -> None:
    """Wait until there is something to read, or, of a process's descriptor, until it has ended."""
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(descriptor, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(descriptor)
