"""Keeps a warm template ready: a sandbox with the libraries imported that forks once a step.

The process inside is ``harness_template.py``. One belongs to each program that stays; it ends with
it, by crash too: bubblewrap dies with its parent, and the template when its socket is closed. A
child is forked ahead, so that the next step finds its namespaces and its filter in place. A new
template takes the old one's place when packages were installed or removed, when the old one has
grown, and after so many steps.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from intentos.ending import uninterrupted
from intentos.presence import mark
from intentos.types import Limits

from . import bubblewrap, cgroups
from .box import Pipes, readable, set_limits

START_SECONDS = 120.0
"""Longest time to import the libraries; a cold disk is slow."""
ANSWER_SECONDS = 10.0
"""Longest time to fork; a machine that pages is slow."""
FORK_AHEAD = True
"""Whether a child waits for the next step; without one a step starts three times as late."""
MOST_STEPS = 2_000
MOST_GROWTH = 64 * 1024**2
"""Bytes of its own that a template may add to what it began with."""
MOST_INPUTS = 64
MOST_INPUT_BYTES = 64 * 1024**2
"""Inputs are copied into the step's memory; a cold sandbox binds larger ones."""
KILLED = 128 + signal.SIGKILL


class TemplateBroken(Exception):
    """The template did not start, or cannot make a sandbox."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a step wants of its sandbox."""

    work_bytes: int = Limits().artifact_bytes
    inputs: Mapping[str, Path] = field(default_factory=dict)
    """Path inside → file."""

    @property
    def is_usual(self) -> bool:
        """Whether a child that was forked ahead will do."""
        return self == Wish()

    @property
    def fits(self) -> bool:
        """Whether a template takes the inputs at all."""
        sizes = [path.stat().st_size for path in self.inputs.values()]
        return len(sizes) <= MOST_INPUTS and sum(sizes) <= MOST_INPUT_BYTES


class Template:
    """One template process; ``await start()`` it, and ``close()`` it in the end.

    It belongs to no event loop: whoever runs steps in this process may use it.
    """

    def __init__(self, font_cache: Path) -> None:
        self._font_cache = font_cache
        self._process: subprocess.Popen[bytes] | None = None
        self._first: int | None = None
        self._requests, self._there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._spare: WarmBox | None = None
        self._thread = ThreadPoolExecutor(1, "intentos-template")
        self._steps = 0
        self._boxes = 0
        self._retired = False
        self.own_bytes = self.address_bytes = 0
        self.works = False

    async def start(self) -> None:
        """Start it and wait until the libraries are imported.

        Raises:
            TemplateBroken: it did not start; the message says why.
        """
        try:
            # In this thread: bubblewrap dies with the thread that started it.
            info = self._launch()
            await asyncio.wrap_future(self._thread.submit(self._wait, info))
        except BaseException:
            await self.close()
            raise
        self.works = True

    @property
    def is_spent(self) -> bool:
        """Whether it has done its share, or has grown."""
        return self._steps >= MOST_STEPS or self._bytes() > self.own_bytes + MOST_GROWTH

    def box(self, wish: Wish) -> WarmBox:
        """Return a sandbox for one step: the one that was forked ahead, if it will do."""
        self._steps += 1
        if not wish.is_usual:
            return WarmBox(self, wish)
        box, self._spare = self._spare or WarmBox(self, wish), None
        self.fork(box)
        if FORK_AHEAD:
            self._spare = WarmBox(self, Wish())
            self.fork(self._spare)
        return box

    def fork(self, box: WarmBox) -> Future[None]:
        """Let the template fork for a sandbox, if it has not been told to; one after the other."""
        if box.forking is None:
            box.forking = self._thread.submit(box.fork)
        return box.forking

    def opened(self) -> None:
        """Count one more sandbox that stands."""
        self._boxes += 1

    async def closed(self) -> None:
        """Count one that is gone; the last one of a retired template takes it along."""
        self._boxes -= 1
        if self._retired and self._boxes == 0:
            await self.close()

    async def retire(self) -> None:
        """Fork no more, and end when the last step has ended."""
        self.works, self._retired = False, True
        if self._boxes == 0:
            await self.close()

    async def close(self) -> None:
        """End it and everything that it forked."""
        self.works = False
        if self._process is not None:
            await uninterrupted(asyncio.to_thread(self._end))
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                assert pipe is not None
                pipe.close()
        await uninterrupted(asyncio.to_thread(self._thread.shutdown, cancel_futures=True))
        self._requests.close()  # not before: the thread may have waited for an answer
        self._there.close()
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.discard()

    def ask(self, request: dict[str, Any], descriptors: list[int]) -> None:
        """Hand a request to the template.

        Raises:
            TemplateBroken: it has ended.
        """
        try:
            socket.send_fds(self._requests, [json.dumps(request).encode()], descriptors)
        except OSError as error:
            self.works = False
            raise TemplateBroken(str(error)) from error

    def let_go(self, descriptors: list[int], group: cgroups.Cgroup | None) -> None:
        """Clear away what is left of a sandbox, where nobody has to wait for it."""
        try:
            self._thread.submit(_clear, descriptors, group)
        except RuntimeError:  # the thread has ended with the template
            _clear(descriptors, group)

    def _launch(self) -> int:
        """Start bubblewrap and return where it names its first process."""
        info_here, info = os.pipe()
        there = self._there.fileno()
        try:
            self._process = subprocess.Popen(
                bubblewrap.template_command(self._font_cache, there, info),
                env=bubblewrap.environment() | mark(),
                cwd="/",
                # Pipes, because Python makes other objects of what can be sought.
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[there, info],
                start_new_session=True,
            )
        except BaseException:
            os.close(info_here)
            raise
        finally:
            os.close(info)
            self._there.close()
        return info_here

    def _wait(self, info: int) -> None:
        """Wait until it is ready, and let it fork once."""
        with open(info, "rb") as said:
            found = re.search(rb'"child-pid"\s*:\s*(\d+)', said.read())
            self._first = int(found[1]) if found else None
        self._requests.settimeout(START_SECONDS)
        try:
            answer, _ = receive(self._requests)
        except TimeoutError as error:
            raise TemplateBroken(f"not ready after {START_SECONDS:g} s") from error
        if answer.get("kind") != "ready":
            raise TemplateBroken(self._complaint())
        self.own_bytes, self.address_bytes = answer["own_bytes"], answer["address_bytes"]
        self._inside = _only_child(self._first)
        self._requests.settimeout(ANSWER_SECONDS)
        spare = WarmBox(self, Wish())
        spare.fork()
        spare.forking = Future()
        spare.forking.set_result(None)
        self._spare = spare

    def _complaint(self) -> str:
        self._end()
        assert self._process is not None
        assert self._process.stderr is not None
        said = self._process.stderr.read().decode("utf-8", "replace").strip()
        return said[-500:] or "it ended without a word"

    def _end(self) -> None:
        assert self._process is not None
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                if self._first is None:
                    # With what it has just forked, which may not have been told yet to die with it.
                    os.killpg(self._process.pid, signal.SIGKILL)
                else:  # bubblewrap outside has not reaped it, so the number is still its own
                    os.kill(self._first, signal.SIGKILL)
        self._process.wait()
        with suppress(ProcessLookupError):  # as in ``box``: killed by somebody while it began
            os.killpg(self._process.pid, signal.SIGKILL)

    def _bytes(self) -> int:
        try:
            text = Path(f"/proc/{self._inside}/status").read_text()
        except OSError:  # it has ended
            return sys.maxsize
        found = re.search(r"^RssAnon:\s+(\d+) kB", text, re.MULTILINE)
        return int(found[1]) * 1024 if found else sys.maxsize


class WarmBox:
    """A child of a template, waiting for its job; gone when its block is left."""

    def __init__(self, template: Template, wish: Wish) -> None:
        self._template = template
        self._wish = wish
        self._ends: list[int] = []
        """Of our side, until they are read: stdin, stdout, stderr, the report."""
        self.forking: Future[None] | None = None
        self._held: list[int] = []
        """Namespaces."""
        self._answers: socket.socket | None = None
        self._pidfd: int | None = None
        self._first: int | None = None
        self._pipes = Pipes()
        self._end: asyncio.Future[int] | None = None
        self.group: cgroups.Cgroup | None = None
        self.inherited_bytes = template.own_bytes
        self.address_bytes = template.address_bytes

    async def __aenter__(self) -> Self:
        self._template.opened()
        try:
            await uninterrupted(_result(self._template.fork(self)))
            await self._connect()
        except BaseException:
            await uninterrupted(self._close())
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await uninterrupted(self._close())

    def fork(self) -> None:
        """Let the template fork; blocks for some milliseconds.

        Raises:
            TemplateBroken: it could not.
        """
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._answers = here
        inside = [there.detach()]
        try:
            for reads_here in (False, True, True, True):
                reading, writing = os.pipe()
                self._ends.append(reading if reads_here else writing)
                inside.append(writing if reads_here else reading)
            inside += [os.open(path, os.O_RDONLY) for path in self._wish.inputs.values()]
            sizes = [os.fstat(descriptor).st_size for descriptor in inside[5:]]
            request = {
                "user": bubblewrap.free_user(),
                "work_bytes": self._wish.work_bytes,
                "shared_bytes": bubblewrap.SHARED_MEMORY_BYTES,
                "inputs": list(zip(self._wish.inputs, sizes, strict=True)),
            }
            self._template.ask(request, inside)
        finally:
            for descriptor in inside:
                os.close(descriptor)
        here.settimeout(ANSWER_SECONDS)
        try:
            answer, descriptors = receive(here, 1)
        except TimeoutError as error:
            raise TemplateBroken("no answer") from error
        if answer.get("kind") != "started" or not descriptors:
            raise TemplateBroken(str(answer.get("what", "it ended")))
        self._pidfd = descriptors[0]
        self._first = _process_of(self._pidfd)
        here.setblocking(False)
        self._hold(self._first)
        group = cgroups.make()
        if group is not None and self._first is not None:
            self.group = group
            set_limits(group, Limits())
            with suppress(ProcessLookupError):  # it has ended, and says why
                group.add(self._first)

    def discard(self) -> None:
        """Let go of everything that belonged to a sandbox that has ended."""
        self._template.let_go([*self._ends, *self._held], self.group)
        self._ends.clear()
        self._held.clear()
        self.group = None
        if self._answers is not None:
            self._answers.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None

    def _hold(self, process: int | None) -> None:
        # The kernel takes its time to clear a namespace away. Whoever holds the last handle waits
        # for it: not the step's end, but the thread that closes these.
        with suppress(OSError):
            for kind in ("mnt", "net"):
                self._held.append(os.open(f"/proc/{process}/ns/{kind}", os.O_RDONLY))

    async def first(self) -> int | None:
        """Return the first process inside."""
        return self._first

    async def confine(self, limits: Limits) -> None:
        """Limit the control group, if there is one, where a step wants other limits than most."""
        if self.group is not None and limits != Limits(wall_time=limits.wall_time):
            set_limits(self.group, limits)

    async def wait(self) -> int:
        """Return the exit status; that of a killed process where the template itself died."""
        assert self._end is not None
        return await asyncio.shield(self._end)

    async def kill(self) -> None:
        """End every process and wait until they are gone."""
        if self._pidfd is None:
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        await readable(self._pidfd)  # the first process ends after all others
        if self._end is not None:
            await asyncio.wait([self._end])

    async def _connect(self) -> None:
        stdin, *outputs = self._ends
        self._ends.clear()
        self.stdin = await self._pipes.writer(stdin)
        self.stdout, self.stderr, self.control = [await self._pipes.reader(e) for e in outputs]
        self._end = asyncio.ensure_future(self._listen())

    async def _listen(self) -> int:
        assert self._answers is not None
        await readable(self._answers.fileno())
        answer, _ = receive(self._answers)
        status: int = answer.get("status", KILLED)
        return status

    async def _close(self) -> None:
        await self.kill()
        self._pipes.close()
        if self._end is not None:
            self._end.cancel()
            await asyncio.gather(self._end, return_exceptions=True)
        self.discard()
        await self._template.closed()


def receive(end: socket.socket, most: int = 0) -> tuple[dict[str, Any], list[int]]:
    """Return the next message and its file descriptors; empty where the other side has gone."""
    try:
        data, descriptors, _, _ = socket.recv_fds(end, 65536, most)
    except ConnectionResetError:
        return {}, []
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return (json.loads(data) if data else {}), descriptors


def _clear(descriptors: list[int], group: cgroups.Cgroup | None) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
    if group is not None:
        group.remove()


async def _result(future: Future[None]) -> None:
    await asyncio.wrap_future(future)


def _process_of(pidfd: int) -> int | None:
    text = Path(f"/proc/self/fdinfo/{pidfd}").read_text()
    found = re.search(r"^Pid:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else None


def _only_child(process: int | None) -> int | None:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return int(children[0]) if children else None
