"""Counts what the processes of a sandbox use together, from outside and without asking them.

The kernel's own limits hold for one process each; the sum is only seen by looking.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
SOCKET_BYTES = 2 * 212_992
"""Memory of the kernel's that one local socket can fill, and no limit on processes counts."""

_QUICK = ("RssAnon:", "RssShmem:")


def family(process: int) -> Iterator[int]:
    """Yield a process and all its descendants; orphans inside a pid namespace included."""
    waiting = [process]
    while waiting:
        member = waiting.pop()
        yield member
        waiting += children(member)


def children(process: int) -> list[int]:
    """Return the processes that a process has started and not outlived; none where there is no
    such list."""
    threads = _folder(_PROC / str(process) / "task")
    texts = (_read(_PROC / str(process) / "task" / thread / "children") for thread in threads)
    return [int(child) for text in texts for child in text.split()]


def memory_bytes(members: list[int], *, most: int) -> int:
    """Return the memory of some processes that no file on disk backs.

    Pages that several processes share count once; the slow way to find that out is only taken
    where the quick sum is above ``most``.
    """
    quick = sum(_sum_of(member, "status", _QUICK) for member in members)
    if quick <= most:
        return quick
    return sum(_shared_out(member) for member in members)


def socket_bytes(process: int) -> int:
    """Return the memory that the sockets of a process's network namespace may hold."""
    found = re.search(r"sockets: used (\d+)", _read(_PROC / str(process) / "net" / "sockstat"))
    return int(found[1]) * SOCKET_BYTES if found else 0


def files_in(process: int, folder: str) -> int:
    """Return how many files the memory file system at ``folder``, as the process sees it, holds."""
    try:
        status = os.statvfs(f"/proc/{process}/root{folder}")
    except OSError:  # the process is ending
        return 0
    return status.f_files - status.f_ffree


def _shared_out(process: int) -> int:
    fields = ("Pss_Anon:", "Pss_Shmem:")
    # A process may have made its details unreadable: then what it shares counts in full.
    return _sum_of(process, "smaps_rollup", fields) or _sum_of(process, "status", _QUICK)


def _sum_of(process: int, file: str, fields: tuple[str, ...]) -> int:
    lines = _read(_PROC / str(process) / file).splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(fields))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process ended while we were looking
        return ""


def _folder(path: Path) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []
