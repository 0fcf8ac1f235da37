"""Counts what the processes of a sandbox use together, from outside and without asking them.

The kernel's own limits hold for one process each; the sum is only seen by looking.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")


def family(process: int) -> Iterator[int]:
    """Yield a process and all its descendants; orphans inside a pid namespace included."""
    waiting = [process]
    while waiting:
        member = waiting.pop()
        yield member
        for thread in _folder(_PROC / str(member) / "task"):
            children = _read(_PROC / str(member) / "task" / thread / "children")
            waiting += [int(child) for child in children.split()]


def memory_bytes(members: list[int], *, most: int) -> int:
    """Return the memory of some processes that no file on disk backs.

    Pages that several processes share count once; the slow way to find that out is only taken
    where the quick sum is above ``most``.
    """
    quick = sum(_sum_of(member, "status", ("RssAnon:", "RssShmem:")) for member in members)
    if quick <= most:
        return quick
    return sum(_sum_of(member, "smaps_rollup", ("Pss_Anon:", "Pss_Shmem:")) for member in members)


def files_in(process: int, folder: str) -> int:
    """Return how many files the memory file system at ``folder``, as the process sees it, holds."""
    try:
        status = os.statvfs(f"/proc/{process}/root{folder}")
    except OSError:  # the process is ending
        return 0
    return status.f_files - status.f_ffree


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
