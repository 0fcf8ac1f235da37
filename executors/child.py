"""Child processes that never outlive the program, whichever way it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

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
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start a child in a session of its own, with three pipes."""
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env=dict(os.environ) | dict(environment or {}),
        start_new_session=True,
        limit=PIPE_BYTES,
    )


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill what is left of the child and its descendants, and wait until it is gone."""
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    if process.stdin is not None:
        process.stdin.close()
    # Not to be left half done: a second cancellation must not turn the child into a zombie.
    await asyncio.shield(process.wait())
