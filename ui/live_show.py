"""A live view for one browser: it hears what the person does, and sends frame after frame.

While one frame is encoded and sent the next one is drawn. Where the browser is slower than the
program, whole frames are left out: they are computed, so that time goes on as it should, but
neither drawn nor sent.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress

from intentos.errors import IntentOSError
from intentos.live import LiveView, LiveViews
from intentos.playable import Playable
from intentos.protocols import LiveFrame

from .picture import packed
from .viewer import OneStep, Pause, Play, Restart, Resume, Said, See, Set, Speed, Viewer

FASTEST = 60.0
"""Frames a second that are sent."""
MOST_LEFT_OUT = 4
"""Times as many frames may be computed as are sent, to make up for a slow browser."""
IDLE = 300.0
"""Seconds without a word: nobody watches."""
LONG = 0.05
"""Seconds until the next frame, beyond which a change is shown before it."""
EARLY = 256
"""Messages that may come before the program is ready."""


class LiveShow:
    """One program for one viewer, from ``play`` to the end."""

    def __init__(self, viewer: Viewer, views: LiveViews) -> None:
        self._viewer = viewer
        self._views = views
        self._begin: asyncio.Future[Play] = asyncio.get_running_loop().create_future()
        self._view: LiveView | None = None
        self._early: list[Said] = []
        self._wake = asyncio.Event()
        self._playing = True
        self._speed = 1.0
        self._steps = 1
        """Frames to go on whatever else is said; the first one is always drawn."""
        self._changed = False
        self._due = 0.0
        self._notices: set[asyncio.Task[None]] = set()

    async def hear(self) -> None:
        """Do what the viewer says.

        Raises:
            WebSocketDisconnect: it is gone.
            TimeoutError: it has not said anything for long.
        """
        while True:
            said = await self._viewer.hear(IDLE)
            try:
                await self._obey(said)
            except IntentOSError as problem:
                await self._viewer.complain(problem)

    async def play(self, playable: Playable) -> None:
        """Wait for ``play``, and send frames until this is canceled.

        Raises:
            IntentOSError: the program cannot be played, or no longer.
        """
        begin = await self._begin
        program = playable.program
        self._playing = program.frames > 1  # a picture stands still until something changes
        async with self._views.open(
            playable,
            values=begin.parameters,
            seed=None if begin.seed is None else int(begin.seed),
            waiting=self._tell_waiting,
        ) as view:
            self._view = view
            for said in self._early:
                try:
                    await self._obey(said)
                except IntentOSError as problem:
                    await self._viewer.complain(problem)
            await self._viewer.say(
                "ready",
                width=program.width,
                height=program.height,
                frames_per_second=program.frames_per_second,
                device=view.device,
            )
            sending: asyncio.Task[None] | None = None
            try:
                while True:
                    frames = await self._next(program.frames_per_second)
                    frame = await view.frame(frames)
                    if sending is not None:
                        await sending
                    self._viewer.reserve(frame.index)
                    sending = asyncio.create_task(self._send(frame, playable))
            finally:
                if sending is not None:
                    sending.cancel()
                    with suppress(asyncio.CancelledError, Exception):
                        await sending

    async def _obey(self, said: Said) -> None:
        if isinstance(said, Play):
            if self._begin.done():
                said = Restart(kind="restart", seed=said.seed)
            else:
                self._begin.set_result(said)
                return
        view = self._view
        if view is None:
            if self._begin.done() and len(self._early) < EARLY:
                self._early.append(said)
            else:
                await self._viewer.complain(_first())
            return
        match said:
            case Set():
                view.set(said.name, said.value)
                self._changed = True
            case See():
                view.look(said)
                self._changed = True
            case Pause():
                self._playing = False
            case Resume():
                self._playing = True
            case OneStep():
                self._playing = False
                self._steps = min(self._steps + 1, 1000)
            case Restart():
                view.restart(None if said.seed is None else int(said.seed))
                self._steps = 1
            case Speed():
                self._speed = said.value
        self._wake.set()

    async def _next(self, rate: float) -> int:
        """Wait until there is something to draw, and return how many frames to go on for it."""
        asked = time.monotonic()
        await self._viewer.room()
        while True:
            now = time.monotonic()
            rate_now = rate * self._speed
            left: float | None = None
            if self._steps:
                self._steps -= 1
                self._changed = False
                self._due = now + 1 / rate_now
                return 1
            if self._playing:
                left = self._due - now
                if left <= 0:
                    frames = max(1, math.ceil(rate_now / FASTEST - 1e-9))
                    missed = int(max(0.0, now - max(asked, self._due)) * rate_now)
                    most = frames * MOST_LEFT_OUT
                    frames = min(frames + missed, most)
                    self._due = max(self._due + frames / rate_now, now)
                    self._changed = False
                    return frames
            if self._changed and (left is None or left > LONG):
                self._changed = False
                return 0
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._wake.wait()

    async def _send(self, frame: LiveFrame, playable: Playable) -> None:
        program = playable.program
        data = await asyncio.to_thread(
            packed,
            frame.pixels,
            index=frame.index,
            rounds=frame.rounds,
            width=program.width,
            height=program.height,
        )
        for name, number in frame.probes.items():
            value = number if math.isfinite(number) else None
            await self._viewer.say("probe", name=name, frame=frame.index, value=value)
        await self._viewer.show(data)

    def _tell_waiting(self, place: int) -> None:
        notice = asyncio.create_task(self._viewer.say("waiting", place=place))
        self._notices.add(notice)
        notice.add_done_callback(self._noticed)

    def _noticed(self, notice: asyncio.Task[None]) -> None:
        self._notices.discard(notice)
        if not notice.cancelled():
            notice.exception()  # who is gone is found out by listening


def _first() -> IntentOSError:
    from intentos.errors import UsageError

    return UsageError("play.play_first")
