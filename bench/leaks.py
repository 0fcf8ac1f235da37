"""What steps could leave behind: processes, mounts, control groups, files, containers, memory."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intentos.contract import descendants

SETTLING = 5.0
"""Seconds that the kernel has to bury what has ended."""
MOST_GROWTH = 8 * 1024**2
"""Bytes that this process, or its template, may have grown by: allocators keep some."""


@dataclass(frozen=True)
class Traces:
    """How things stand at one moment."""

    processes: frozenset[int]
    mounts: int
    groups: frozenset[str]
    files: frozenset[str]
    descriptors: int
    containers: frozenset[str]
    memory: dict[str, int]
    """This process's and its children's own bytes."""

    @classmethod
    def of_now(cls) -> Traces:
        """Return how things stand now."""
        gc.collect()
        processes = frozenset(descendants())
        temporary = Path(tempfile.gettempdir())
        return cls(
            processes=processes,
            mounts=len(
                re.findall(r"/intentos/|/newroot", Path("/proc/self/mountinfo").read_text())
            ),
            groups=frozenset(
                str(path) for path in Path("/sys/fs/cgroup").rglob(f"intentos-{os.getpid()}-*")
            ),
            files=frozenset(path.name for path in temporary.glob("intentos-*")),
            descriptors=len(os.listdir("/proc/self/fd")),
            containers=_containers(),
            memory={
                "program": _own_bytes(os.getpid()),
                "children": sum(map(_own_bytes, processes)),
            },
        )

    async def left(self) -> dict[str, Any]:
        """Return what has come since, as numbers and as sentences about what should not be."""
        for _ in range(int(SETTLING / 0.1)):
            found = self._compare(Traces.of_now())
            if not found["problems"]:
                break
            await asyncio.sleep(0.1)
        return found

    def _compare(self, now: Traces) -> dict[str, Any]:
        # One child waits for the next step, before as after: as many are fine, others' names not.
        numbers = {
            "processes": len(now.processes) - len(self.processes),
            "mounts": now.mounts - self.mounts,
            "groups": len(now.groups) - len(self.groups),
            "files": len(now.files - self.files),
            "descriptors": now.descriptors - self.descriptors,
            "containers": len(now.containers - self.containers),
        }
        growth = {name: now.memory[name] - before for name, before in self.memory.items()}
        problems = [f"{count} {name}" for name, count in numbers.items() if count > 0]
        problems += [
            f"{grown / 1024**2:.1f} MiB more memory of {name}"
            for name, grown in growth.items()
            if grown > MOST_GROWTH
        ]
        return {**numbers, "memory_growth_bytes": growth, "problems": problems}


def _mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def _own_bytes(process: int) -> int:
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:  # it has ended
        return 0
    found = re.search(r"^RssAnon:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _containers() -> frozenset[str]:
    if shutil.which("docker") is None:
        return frozenset()
    listed = subprocess.run(
        ["docker", "ps", "-aq", "--filter", "label=intentos.owner"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return frozenset(listed.stdout.split())
