"""Control groups: the kernel's own account of what all processes of a step use together.

They are a second wall behind the limits of single processes and the look from outside
(``watch.py``), and only there where this user may make groups: as root, or where systemd or a
container's engine has handed a branch over. Linux's ``cgroup-v1`` and ``cgroup-v2`` documents name
the files.
"""

from __future__ import annotations

import itertools
import os
import re
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PREFIX = "intentos-"
CONTROLLERS = ("memory", "pids")
AGAIN_AFTER = 0.25
"""Seconds after which a group that was busy is removed."""
_numbers = itertools.count()


@dataclass(frozen=True)
class _Branch:
    """A folder in which groups can be made."""

    folder: Path
    version: int
    controllers: tuple[str, ...]


class Cgroup:
    """A new group, in every hierarchy that is ours to use, and without limits at first."""

    def __init__(self, branches: tuple[_Branch, ...]) -> None:
        name = f"{PREFIX}{os.getpid()}-{next(_numbers)}"
        self._groups = [(branch, branch.folder / name) for branch in branches]
        for _, group in self._groups:
            group.mkdir()

    def add(self, process: int) -> None:
        """Put a process into the group, and with it all children it will have."""
        for _, group in self._groups:
            (group / "cgroup.procs").write_text(str(process))

    def limit(self, *, memory_bytes: int, processes: int) -> None:
        """Set the most that all processes of the group may use together."""
        for branch, group in self._groups:
            if "memory" in branch.controllers:
                file = "memory.max" if branch.version == 2 else "memory.limit_in_bytes"
                (group / file).write_text(str(memory_bytes))
            if "pids" in branch.controllers:
                (group / "pids.max").write_text(str(processes))

    def ran_out_of_memory(self) -> bool:
        """Return whether the kernel has killed a process of the group for its memory."""
        for branch, group in self._groups:
            file = "memory.events" if branch.version == 2 else "memory.oom_control"
            with suppress(OSError):
                if re.search(r"^oom_kill [1-9]", (group / file).read_text(), re.MULTILINE):
                    return True
        return False

    def remove(self) -> None:
        """Remove the group; its processes have ended."""
        for _, group in self._groups:
            _remove(group)


def make() -> Cgroup | None:
    """Return a new group, or None where this user may not make one."""
    if branches := _branches():
        _sweep()
        with suppress(OSError):  # the branch was taken away, or is full
            return Cgroup(branches)
    return None


@cache
def _sweep() -> None:
    """Remove the empty groups of programs that were killed."""
    for branch in _branches():
        for group in branch.folder.glob(f"{PREFIX}*"):
            owner = group.name.removeprefix(PREFIX).partition("-")[0]
            if owner.isdigit() and not Path("/proc", owner).exists():
                _remove(group)


def _remove(group: Path, tries: int = 8) -> None:
    try:
        group.rmdir()
    except FileNotFoundError:
        return
    except OSError:  # a moment after its last process has been buried the kernel still counts it
        if tries:
            again = threading.Timer(AGAIN_AFTER, _remove, (group, tries - 1))
            again.daemon = True
            again.start()


@cache
def _branches() -> tuple[_Branch, ...]:
    try:
        own = Path("/proc/self/cgroup").read_text()
        mounts = Path("/proc/self/mountinfo").read_text()
    except OSError:
        return ()
    return tuple(find(own, mounts))


def find(own: str, mounts: str) -> list[_Branch]:
    """Return where groups can be made; the texts are ``/proc/self/cgroup`` and ``mountinfo``."""
    found: list[_Branch] = []
    left = list(CONTROLLERS)
    for line in own.splitlines():
        _, names, path = line.split(":", 2)
        wanted = tuple(name for name in left if name in names.split(","))
        if names and not wanted:
            continue
        for place, root, kind, options in _mounted(mounts):
            version = 2 if kind == "cgroup2" else 1
            if (version == 2) != (not names) or (names and not set(names.split(",")) <= options):
                continue
            relative = os.path.relpath(path, root)
            if relative.startswith(".."):
                continue
            branch = (
                _unified(place, place / relative, left)
                if version == 2
                else _Branch(place / relative, 1, wanted)
            )
            if branch is not None and _is_ours(branch.folder):
                found.append(branch)
                left = [name for name in left if name not in branch.controllers]
                break
    return found


def _mounted(mounts: str) -> list[tuple[Path, str, str, set[str]]]:
    """Return place, root, kind and options of every mounted hierarchy."""
    found = []
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            words = before.split()
            found.append((Path(words[4]), words[3], kind, set(options.split(","))))
    return found


def _unified(root: Path, own: Path, wanted: list[str]) -> _Branch | None:
    """Return the nearest group above our own that hands controllers on: one with processes of its
    own, as ours is, cannot."""
    for folder in own.parents:
        if folder != root and root not in folder.parents:
            return None
        with suppress(OSError):
            handed = (folder / "cgroup.subtree_control").read_text().split()
            controllers = tuple(name for name in wanted if name in handed)
            if controllers and _is_ours(folder):
                return _Branch(folder, 2, controllers)
    return None


def _is_ours(folder: Path) -> bool:
    return os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK)
