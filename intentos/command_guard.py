"""Stands between us and a program of the command line: limits it, and sees to it that all of its
process tree is gone when it ends, or when we do. Runs as a script with the standard library only::

    python command_guard.py PARENT MEMORY FILE_BYTES CPU_SECONDS PROGRAM [ARGUMENT …]
"""

from __future__ import annotations

import os
import signal
import sys
import time

NOT_FOUND = 127
_DIE_WITH_PARENT = 1
_ADOPT_ORPHANS = 36


def kill_family(process: int) -> None:
    """Kill all descendants of a process, those that are born meanwhile included; not itself."""
    if sys.platform != "linux":
        _kill_group(process)
        return
    for _ in range(200):  # a fork bomb may be quicker than one look
        family = _descendants(process)
        if not family:
            return
        for member in family:
            _kill(member, signal.SIGSTOP)  # so that it cannot fork while others are killed
        for member in family:
            _kill(member, signal.SIGKILL)
        time.sleep(0.005)


def _kill_group(leader: int) -> None:
    if sys.platform == "win32":
        return
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _kill(process: int, number: int) -> None:
    try:
        os.kill(process, number)
    except (ProcessLookupError, PermissionError):
        pass


def _descendants(process: int) -> list[int]:
    found: list[int] = []
    waiting = [process]
    while waiting:
        member = waiting.pop()
        for thread in _list(f"/proc/{member}/task"):
            children = [int(pid) for pid in _read(f"/proc/{member}/task/{thread}/children").split()]
            waiting += children
            found += [child for child in children if _alive(child)]
    return found


def _alive(process: int) -> bool:
    return _read(f"/proc/{process}/stat").rpartition(")")[2].split()[:1] not in ([], ["Z"])


def _list(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path) as file:
            return file.read()
    except OSError:  # the process ended while we were looking
        return ""


def _limit(memory: int, file_bytes: int, seconds: int) -> None:
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):  # macOS knows some of them by name only
            pass


def _end(number: int, frame: object) -> None:
    kill_family(os.getpid())
    os._exit(1)


def main(parent: int, memory: int, file_bytes: int, seconds: int, command: list[str]) -> int:
    """Run a command and return its exit status, when nothing of it is left."""
    if sys.platform == "linux":
        import ctypes

        libc = ctypes.CDLL(None)
        libc.prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
        libc.prctl(_DIE_WITH_PARENT, signal.SIGTERM, 0, 0, 0)
        signal.signal(signal.SIGTERM, _end)
        if os.getppid() != parent:  # it died before the kernel was told
            return 1
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _limit(memory, file_bytes, seconds)
        try:
            os.execvp(command[0], command)
        except OSError as error:
            os.write(2, f"{command[0]}: {error.strerror}\n".encode())
            os._exit(NOT_FOUND)
    for descriptor in (0, 1, 2):  # whoever waits for the end of the pipes waits for the program
        os.close(descriptor)
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == child:
            break
    if sys.platform == "linux":  # elsewhere the group is ours as well: the parent ends it
        kill_family(os.getpid())
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code  # as a shell tells of a signal


if __name__ == "__main__":
    parent, memory, file_bytes, seconds = map(int, sys.argv[1:5])
    os._exit(main(parent, memory, file_bytes, seconds, sys.argv[5:]))
