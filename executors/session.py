"""One job in a sandbox, from its first byte to the last process: fed, listened to, stopped."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Any

from intentos.ending import uninterrupted
from intentos.types import Limits

from . import bubblewrap, watch
from .box import Box
from .outbox import Outbox, Violation, size
from .transcript import Transcript
from .verdict import Ending

MAX_FILES_INSIDE = 100_000
LOOK_EVERY = 0.1
"""Seconds between two looks at what the sandbox uses."""


async def run(
    opening: AbstractAsyncContextManager[Box],
    job: bytes,
    *,
    limits: Limits,
    outbox: Outbox,
    stdout: Transcript,
    stderr: Transcript,
) -> Ending:
    """Run a job in a sandbox and return how it ended; nothing of the sandbox is left then."""
    async with opening as box:
        ending = asyncio.ensure_future(box.wait())
        looking = asyncio.ensure_future(_look(box, limits, ending))
        work: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(part)
            for part in (
                _feed(box, job, limits),
                stdout.read(box.stdout),
                stderr.read(box.stderr),
                outbox.read(box.control),
            )
        ] + [ending]
        ending.add_done_callback(lambda _: looking.cancel())
        try:
            done, pending = await asyncio.wait(
                [*work, looking], timeout=limits.wall_time, return_when=asyncio.FIRST_EXCEPTION
            )
            violation = next((v for task in done if (v := _violation(task))), None)
            timed_out = violation is None and bool(pending)
            await box.kill()
            # What was written before the end is still in the pipes.
            await asyncio.wait([task for task in work if not task.done()] or [looking], timeout=5)
        finally:
            await uninterrupted(_bury(box, [*work, looking]))
        violation = violation or next((v for task in work if (v := _violation(task))), None)
        if violation is None and not timed_out and box.group and box.group.ran_out_of_memory():
            violation = _memory(limits)
        returncode = None if ending.cancelled() else ending.result()
        return Ending(returncode=returncode, timed_out=timed_out, violation=violation)


async def _feed(box: Box, job: bytes, limits: Limits) -> None:
    # Nobody's code runs before the job has come, so the group's limits hold for all of it.
    await box.confine(limits)
    try:
        box.stdin.write(job)
        await box.stdin.drain()
        box.stdin.close()
        await box.stdin.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        return  # it ended before it had read all; the exit status tells why


async def _look(box: Box, limits: Limits, ending: asyncio.Future[int]) -> None:
    """Look at the sandbox's processes, memory and files until it ends.

    Raises:
        Violation: its processes together use more than they may.
    """
    first = await box.first()
    while first is not None and not ending.done():
        await asyncio.sleep(LOOK_EVERY)
        members = list(watch.family(first))
        # The kernel keeps this limit too, but not everywhere for everybody.
        if len(members) > limits.processes + bubblewrap.OWN_PROCESSES:
            raise Violation("sandbox.processes_together", processes=limits.processes)
        most = limits.memory_bytes + box.inherited_bytes
        used = watch.memory_bytes(members, most=most) + watch.socket_bytes(first)
        if used > most:
            raise _memory(limits)
        folders = (bubblewrap.WORK, "/dev/shm")
        if sum(watch.files_in(first, folder) for folder in folders) > MAX_FILES_INSIDE:
            raise Violation("sandbox.many_files", count=MAX_FILES_INSIDE)


def _memory(limits: Limits) -> Violation:
    return Violation("sandbox.memory_together", memory=size(limits.memory_bytes))


async def _bury(box: Box, tasks: list[asyncio.Future[Any]]) -> None:
    await box.kill()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _violation(task: asyncio.Future[Any]) -> Violation | None:
    if not task.done() or task.cancelled() or (error := task.exception()) is None:
        return None
    if isinstance(error, Violation):
        return error
    raise error
