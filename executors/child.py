"""Child processes that never outlive the program, whichever way it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from intentos.ending import uninterrupted
from intentos.presence import mark

from . import watch

PIPE_BYTES = 4 * 1024**2
"""The longest line that a child may write."""

# Tells the kernel to kill this process with its parent, then becomes the command. The parent may
# have died before the kernel was told: then there is nobody left to work for.
_TIED = """import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 9)
if os.getppid() == int(sys.argv[1]): os.execv(sys.argv[2], sys.argv[2:])
"""


def tied(command: Sequence[str]) -> list[str]:
    """Return a command that runs ``command`` and dies with this process, where that is possible."""
    if sys.platform != "linux":
        return list(command)
    return [sys.executable, "-I", "-S", "-c", _TIED, str(os.getpid()), *command]


async def start(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    inherited: Sequence[int] = (),
    bare: bool = False,
) -> asyncio.subprocess.Process:
    """Start a child in a session of its own, with three pipes and some open file descriptors;
    ``bare``: without this process's own environment."""
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            env=({} if bare else dict(os.environ)) | mark() | dict(environment or {}),
            start_new_session=True,
            limit=PIPE_BYTES,
            pass_fds=inherited,
        )
    )

    async def undo() -> None:
        with suppress(OSError):  # it did not start at all
            await end(await starting)

    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # Left to itself asyncio kills it and then waits for pipes that nobody has connected yet.
        await uninterrupted(undo())
        raise


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the child and its descendants, and wait until it is gone."""
    try:
        if process.returncode is None:
            await _end_inside(process)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
    if process.stdin is not None:
        process.stdin.close()
    # Not to be left half done: a second cancellation must not turn the child into a zombie.
    await asyncio.shield(process.wait())


async def _end_inside(process: asyncio.subprocess.Process) -> None:
    """Kill the children of a child first: bubblewrap ends when the kernel has buried the last
    process of its sandbox, and only then is nothing left."""
    children = watch.children(process.pid)
    if not children:
        return
    for pid in children:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):
            await asyncio.shield(process.wait())
