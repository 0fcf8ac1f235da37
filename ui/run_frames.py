"""The frames of a run that goes on, encoded once for all who watch; late ones are left out."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from intentos.config import Settings
from intentos.events import Event, FrameDrawn, ProbeRead, RunFinished, RunInterrupted
from intentos.registry import Registry
from intentos.run import Run
from intentos.store import Store

from .picture import packed

FASTEST = 30.0
"""Frames a second that are encoded."""
PROBES_KEPT = 4000


class Passing(Protocol):
    """What passes by while a run goes on."""

    @property
    def frame(self) -> FrameDrawn | None:
        """The frame drawn last."""
        ...


class Looked(Protocol):
    """A run as the desk tells it."""

    @property
    def run(self) -> Run:
        """What it is now."""
        ...

    @property
    def passing(self) -> Passing | None:
        """None: it does not go on in this process."""
        ...


class LiveDesk(Protocol):
    """What live pictures need of the desk."""

    @property
    def settings(self) -> Settings:
        """The window's."""
        ...

    @property
    def store(self) -> Store:
        """Where runs and artifacts are."""
        ...

    @property
    def registry(self) -> Registry:
        """What is installed."""
        ...

    def turn(self, run_id: str) -> Looked:
        """Return a run; raises NotFound."""
        ...

    def listen(
        self, conversation: str, listener: Callable[[str, Event | None], None]
    ) -> Callable[[], None]:
        """Tell a listener of the events of a conversation's runs; return what ends that."""
        ...


@dataclass(frozen=True)
class Packed:
    """One frame, ready to be sent."""

    number: int
    """How many were encoded before, and one."""
    index: int
    width: int
    height: int
    data: bytes


class RunFrames:
    """The frames and probes of one run; used from one event loop."""

    def __init__(self, desk: LiveDesk, run_id: str) -> None:
        looked = desk.turn(run_id)
        self._run_id = run_id
        self._news = asyncio.Event()
        self._heard = asyncio.Condition()
        self._event = looked.passing.frame if looked.passing is not None else None
        self._probes: deque[tuple[int, ProbeRead]] = deque(maxlen=PROBES_KEPT)
        self._probe_count = 0
        self.latest: Packed | None = None
        self.over = looked.passing is None
        self._stop = desk.listen(looked.run.intent.conversation, self._hear)
        if self._event is not None:
            self._news.set()

    def close(self) -> None:
        """Listen no more."""
        self._stop()

    async def work(self) -> None:
        """Encode the newest frame whenever there is one, until the run is over."""
        while True:
            await self._news.wait()
            self._news.clear()
            started = time.monotonic()
            if (event := self._event) is not None:
                self._event = None
                data = await asyncio.to_thread(_read, event)
                if data is not None:
                    number = self.latest.number + 1 if self.latest else 1
                    self.latest = Packed(number, event.index, event.width, event.height, data)
            async with self._heard:
                self._heard.notify_all()
            if self.over and self._event is None:
                return
            await asyncio.sleep(max(0.0, started + 1 / FASTEST - time.monotonic()))

    async def newer(self, number: int, probes: int) -> None:
        """Wait for a frame after this one, for more probes than so many, or for the end."""
        async with self._heard:
            await self._heard.wait_for(
                lambda: (
                    self.over
                    or (self.latest is not None and self.latest.number > number)
                    or self._probe_count > probes
                )
            )

    def probes_after(self, count: int) -> tuple[int, list[ProbeRead]]:
        """Return how many probes there were so far, and those after the first ``count``."""
        return self._probe_count, [event for place, event in self._probes if place > count]

    def _hear(self, run_id: str, event: Event | None) -> None:
        if run_id != self._run_id:
            return
        match event:
            case FrameDrawn():
                self._event = event
            case ProbeRead():
                self._probe_count += 1
                self._probes.append((self._probe_count, event))
            case RunFinished() | RunInterrupted():
                self.over = True
            case _:
                return
        self._news.set()


class Streams:
    """The runs that are watched: one :class:`RunFrames` each, while somebody does."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[RunFrames, asyncio.Task[None]]] = {}
        self._viewers: dict[str, int] = {}

    @asynccontextmanager
    async def watching(self, desk: LiveDesk, run_id: str) -> AsyncIterator[RunFrames]:
        """Give a run's frames while the block runs; raises NotFound."""
        if run_id not in self._open:
            frames = RunFrames(desk, run_id)
            self._open[run_id] = frames, asyncio.create_task(frames.work())
            self._viewers[run_id] = 0
        self._viewers[run_id] += 1
        frames, task = self._open[run_id]
        try:
            yield frames
        finally:
            self._viewers[run_id] -= 1
            if not self._viewers[run_id]:
                del self._viewers[run_id], self._open[run_id]
                frames.close()
                task.cancel()
                await asyncio.wait([task])


def _read(event: FrameDrawn) -> bytes | None:
    """Return a frame, encoded; None where its file is gone or cut: the step is over."""
    size = event.width * event.height * 4
    try:
        with open(event.reference, "rb") as file:
            file.seek(event.index * size)
            pixels = file.read(size)
    except OSError:
        return None
    if len(pixels) != size:
        return None
    return packed(pixels, index=event.index, rounds=0, width=event.width, height=event.height)
