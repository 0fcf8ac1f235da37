"""Programs that play on this machine's GPU while somebody watches, beside the runs, which go first.

The GPU is asked for anew for each frame, and given up within a slice of time where one takes
longer: so a run waits a moment at most, and a view stands still while a run has the GPU. Where the
GPU is only the processor, a view makes room for the language model as well.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

from pydantic import Field

from intentos.bindings import bind
from intentos.config import Settings
from intentos.errors import ExecutorUnavailable
from intentos.playable import Playable
from intentos.program import View
from intentos.protocols import Live, LiveFrame, Player, Resident
from intentos.queue import POLL_SECONDS, busy, turn
from intentos.registry import Registry
from intentos.types import Frozen, Value

MOST_VIEWS = 6
"""At a time in one process: each is a worker process of some 200 MB."""
SLICE = 0.2
"""Seconds after which a frame that is not ready lets others have the GPU."""
MODEL_SECONDS = 0.5
"""Between two frames while the language model works on the same processor."""

Angle = Annotated[float, Field(ge=-1e4, le=1e4, allow_inf_nan=False)]
Factor = Annotated[float, Field(ge=1e-3, le=1e4, allow_inf_nan=False)]
Place = Annotated[float, Field(ge=-1e5, le=1e5, allow_inf_nan=False)]


class Look(Frozen):
    """What changes of the camera and the pointer; what is None stays."""

    yaw: Angle | None = None
    """Radians, as are the other angles."""
    pitch: Angle | None = None
    distance: Factor | None = None
    zoom: Factor | None = None
    spin: Angle | None = None
    """A second."""
    pan: tuple[Place, Place] | None = None
    pointer: tuple[Place, Place, Place, Place] | None = None
    """x and y in pixels, buttons, and whether it is over the picture."""


class LiveView:
    """One program that plays; used by one task at a time. Canceling :meth:`frame` ends it."""

    def __init__(
        self, playable: Playable, values: dict[str, Value], seed: int, live: Live, turns: Turns
    ) -> None:
        self._playable = playable
        self._values = values
        self._seed = seed
        self._live = live
        self._turns = turns
        self._view = playable.program.view
        self._new_values: dict[str, Value] | None = None
        self._new_view: View | None = None
        self._pointer: tuple[float, ...] | None = None
        self._new_seed: int | None = None

    @property
    def device(self) -> str:
        """What it plays on."""
        return self._live.device

    def set(self, name: str, value: Value) -> None:
        """Turn a knob; the next frame shows it.

        Raises:
            NotFound: the program has no such knob.
            ValueOutOfRange: the value does not fit it.
            InvalidProgram: no uniform can hold it.
        """
        changed = {**self._values, name: self._playable.accept(name, value)}
        bind(self._playable.program, changed)
        self._values = self._new_values = changed

    def look(self, look: Look) -> None:
        """Move the camera and the pointer; the next frame shows it."""
        changed = look.model_dump(exclude_none=True, include=set(View.model_fields))
        if changed:
            self._view = self._new_view = self._view.model_copy(update=changed)
        if look.pointer is not None:
            self._pointer = look.pointer

    def restart(self, seed: int | None = None) -> None:
        """Begin anew with the next frame, with the same seed or another one."""
        self._new_seed = self._seed = self._seed if seed is None else seed

    async def frame(self, frames: int = 1) -> LiveFrame:
        """Go on so many frames and return the last one; 0: return the present one, drawn anew.

        Raises:
            ExecutorError: the device is lost, or did not answer and was stopped.
        """
        if self.device.endswith("· CPU"):
            await self._turns.after_model()
        async with self._turns.mine():
            # Not before: what is turned while others have the GPU is to be seen at once.
            values, view, pointer, seed = (
                self._new_values, self._new_view, self._pointer, self._new_seed,
            )  # fmt: skip
            self._new_values = self._new_view = self._pointer = self._new_seed = None
            drawn = await self._live.draw(
                frames, seconds=SLICE, values=values, view=view, pointer=pointer, seed=seed
            )
        while drawn is None:
            async with self._turns.mine():
                drawn = await self._live.go_on(seconds=SLICE)
        return drawn


class LiveViews:
    """The views of one process; used from one event loop."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        *,
        most: int = MOST_VIEWS,
        keep_ready: bool = False,
    ) -> None:
        """``keep_ready``: once a view has been open, a process waits for the next one."""
        self._settings = settings
        self._registry = registry
        self._most = most
        self._count = 0
        self._lock = asyncio.Lock()
        self._keep_ready = keep_ready
        self._warm: Resident | None = None

    async def close(self) -> None:
        """End what is kept ready for the next view."""
        warm, self._warm = self._warm, None
        if warm is not None:
            await warm.cool()

    @asynccontextmanager
    async def open(
        self,
        playable: Playable,
        *,
        values: Mapping[str, Value] | None = None,
        seed: int | None = None,
        waiting: Callable[[int], None] = lambda place: None,
    ) -> AsyncIterator[LiveView]:
        """Make a program ready to be watched; when the block ends, nothing of it is left.

        ``values``: of its knobs, over those of the run; ``waiting`` hears how many are before it
        when others have the GPU, and 0 when that is over.

        Raises:
            ExecutorUnavailable: nothing here can play it, or too many views are open.
            NotFound: one of the values is of no knob.
            ValueOutOfRange: one of them does not fit.
            InvalidProgram: the device refuses the program.
            ExecutorError: the device broke.
        """
        chosen = dict(playable.values)
        for name, value in (values or {}).items():
            if name in playable.live or chosen.get(name) != value:
                chosen[name] = playable.accept(name, value)
        bind(playable.program, chosen)
        if self._count >= self._most:
            raise ExecutorUnavailable("play.too_many", limit=self._most)
        self._count += 1
        try:
            player = await asyncio.to_thread(find_player, playable.language, self._registry)
            seed = playable.seed if seed is None else seed
            async with player.play(
                playable.program,
                values=chosen,
                seed=seed,
                arrays=playable.arrays,
                limits=playable.limits,
            ) as live:
                if self._keep_ready and self._warm is None and isinstance(player, Resident):
                    self._warm = player
                    await player.warm()
                turns = Turns(self._settings, self._lock, waiting)
                yield LiveView(playable, chosen, seed, live, turns)
        finally:
            self._count -= 1


class Turns:
    """Turns at the GPU: among the views of this process in their order, then among processes."""

    def __init__(
        self, settings: Settings, lock: asyncio.Lock, waiting: Callable[[int], None]
    ) -> None:
        self._settings = settings
        self._lock = lock
        self._waiting = waiting

    async def after_model(self) -> None:
        """Wait while the language model works, but not for ever."""
        until = time.monotonic() + MODEL_SECONDS
        while busy(self._settings, "model") and time.monotonic() < until:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)

    @asynccontextmanager
    async def mine(self) -> AsyncIterator[None]:
        """Hold the GPU while the block runs."""
        async with (
            self._lock,
            turn(self._settings, "gpu", lambda queued: self._waiting(queued.place)),
        ):
            yield


def find_player(language: str, registry: Registry) -> Player:
    """Return an executor that can play steps of a language here.

    Raises:
        ExecutorUnavailable: there is none; the message says what would help.
    """
    problem = ExecutorUnavailable("play.no_player")
    for executor in registry.executors().values():
        if isinstance(executor, Player) and language in executor.languages:
            try:
                executor.check()
            except ExecutorUnavailable as error:
                problem = error
                continue
            return executor
    raise problem
