"""The first process of a container: takes the job in, brings everything out, ends with its host.

A container has one way in and one way out that work with every engine, on this machine or in a
virtual one: its standard input and output. In comes one line of JSON, ``{"files": [[path, bytes],
…], "job": bytes}``, then the content of the files, then the job. Out come pieces, each with a
header of five bytes: what it is a piece of (1 stdout, 2 stderr, 3 the harness's report) and its
length. The last one is of kind 0, and says in JSON how it ended.

The input stays open as long as the host wants the step to run: when it ends, because the host has
everything or because the host was killed, this process ends, and the kernel ends all others.

The code's process is a child of this one and has the same rights, so it can spoil what comes out of
its own container; the reader believes none of it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import select
import signal
import struct
import sys
import traceback
from types import ModuleType

OVER, STDOUT, STDERR, REPORT = range(4)
HEADER = struct.Struct(">BI")
PIECE_BYTES = 65536
LOOK_EVERY = 250
"""Milliseconds between two looks at whether memory ran out."""
_KILLED = {
    "/sys/fs/cgroup/memory.events": "oom_kill",
    "/sys/fs/cgroup/memory/memory.oom_control": "oom_kill",
}
"""Where control groups of version 2 and 1 count the processes that were killed for memory."""


def main() -> None:
    """Run one job and say how it ended."""
    job = _take_in()
    harness = _harness()
    ends = {kind: os.pipe() for kind in (STDOUT, STDERR, REPORT)}
    job_in, job_out = os.pipe()
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _become(harness, job_in, {kind: writer for kind, (_, writer) in ends.items()})
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.close(job_in)
    for _, writer in ends.values():
        os.close(writer)
    _give(job_out, job)
    status, memory = _bring_out({reader: kind for kind, (reader, _) in ends.items()}, child, woken)
    _send(OVER, json.dumps({"status": status, "memory": memory}).encode())
    while os.read(0, PIECE_BYTES):
        continue  # the host closes its end when it has read everything
    os._exit(0)


def _take_in() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += _exactly(1)
    header = json.loads(line)
    for path, size in header["files"]:
        with open(path, "wb") as file:
            while size:
                size -= file.write(_some(min(size, 2**20)))
        os.chmod(path, 0o444)
    return _exactly(header["job"])


def _exactly(size: int) -> bytes:
    pieces = []
    while size:
        pieces.append(_some(size))
        size -= len(pieces[-1])
    return b"".join(pieces)


def _some(most: int) -> bytes:
    piece = os.read(0, most)
    if not piece:
        os._exit(1)  # the host went away
    return piece


def _harness() -> ModuleType:
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "harness.py")
    spec = importlib.util.spec_from_file_location("harness", beside)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _become(harness: ModuleType, job: int, writers: dict[int, int]) -> None:
    """Be the harness, with descriptors 0 to 3 and no others."""
    try:
        os.setsid()
        # Above all others first, so that none is overwritten before it is moved.
        moved = [os.dup(fd) for fd in (job, writers[STDOUT], writers[STDERR], writers[REPORT])]
        for number, fd in enumerate(moved):
            os.dup2(fd, number)
        os.closerange(4, 256)
        harness.main(3)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def _give(descriptor: int, job: bytes) -> None:
    try:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            view = memoryview(job)
            while view:
                view = view[file.write(view) :]
    except BrokenPipeError:
        return  # it ended before it had read all; its status tells


def _bring_out(readers: dict[int, int], child: int, woken: int) -> tuple[int | None, bool]:
    """Pass on what the child and its descendants write until the child has ended.

    Return its status, and whether something was killed because memory ran out.
    """
    waiting = select.poll()
    for descriptor in (0, woken, *readers):
        waiting.register(descriptor, select.POLLIN)
    status, memory = None, False
    while status is None and not memory:
        for descriptor, _ in waiting.poll(LOOK_EVERY):
            if descriptor == 0:
                if not os.read(0, PIECE_BYTES):
                    os._exit(1)
            elif descriptor == woken:
                os.read(woken, PIECE_BYTES)
            elif piece := os.read(descriptor, PIECE_BYTES):
                _send(readers[descriptor], piece)
            else:
                waiting.unregister(descriptor)
        status = _bury(child)
        memory = _memory_ran_out()
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass  # nobody is left
    for descriptor, kind in readers.items():  # what was written before the end is still there
        while piece := os.read(descriptor, PIECE_BYTES):
            _send(kind, piece)
    return status, memory or _memory_ran_out()


def _bury(child: int) -> int | None:
    """Take leave of all who ended, orphans included; return the child's status if it is one."""
    status = None
    while True:
        try:
            process, how = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if process == 0:
            return status
        if process == child:
            code = os.waitstatus_to_exitcode(how)
            status = code if code >= 0 else 128 - code


def _memory_ran_out() -> bool:
    for path, name in _KILLED.items():
        try:
            with open(path) as file:
                lines = file.read().split("\n")
        except OSError:
            continue
        return any(line.startswith(f"{name} ") and line != f"{name} 0" for line in lines)
    return False


def _send(kind: int, data: bytes) -> None:
    view = memoryview(HEADER.pack(kind, len(data)) + data)
    while view:
        view = view[os.write(1, view) :]


if __name__ == "__main__":
    main()
