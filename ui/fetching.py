"""Fetching a model while the window goes on: how far it is, pausing, going on."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Literal

from intentos.errors import IntentOSError
from intentos.protocols import ModelInfo, Models

State = Literal["idle", "going", "paused", "failed"]


class Fetching:
    """The one fetch of a process; every tab shows the same. Used from the pages' loop."""

    def __init__(self, models: Callable[[], Models]) -> None:
        """``models``: what can be had; asked for in a thread."""
        self._models = models
        self._task: asyncio.Task[None] | None = None
        self._canceled = threading.Event()
        self._begun = (0.0, 0)
        self.state: State = "idle"
        self.name = ""
        """The model that is fetched, or was last."""
        self.done = 0
        """Bytes that are here."""
        self.total = 0
        self.error: IntentOSError | None = None
        """Why it failed."""

    async def missing(self, wanted: str = "embedded") -> ModelInfo | None:
        """Return the model that the settings name and that is not here; None: it is here, or it is
        none that could be fetched."""
        every = await asyncio.to_thread(lambda: list(self._models().every()))
        for place, info in enumerate(every):
            if info.name == wanted or (wanted == "embedded" and place == 0):
                return None if info.present and info.problem is None else info
        return None

    @property
    def fraction(self) -> float | None:
        """How much of it is here; None: not known yet."""
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def left(self) -> float | None:
        """Seconds until it is here at the speed so far; None: not known yet."""
        since, before = self._begun
        passed, gained = time.monotonic() - since, self.done - before
        if self.state != "going" or passed < 2 or gained <= 0:
            return None
        return (self.total - self.done) * passed / gained

    def start(self, name: str) -> None:
        """Begin, or go on where it was stopped; nothing where it is going on."""
        if self.state == "going":
            return
        self.state, self.name, self.error = "going", name, None
        self._begun = (0.0, 0)
        self._canceled = threading.Event()
        self._task = asyncio.create_task(self._fetch(name, self._canceled))

    def pause(self) -> None:
        """Stop within a second; what is here stays."""
        if self.state == "going":
            self.state = "paused"
            self._canceled.set()

    async def close(self) -> None:
        """Pause, and wait until nothing is at work."""
        self.pause()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _fetch(self, name: str, canceled: threading.Event) -> None:
        def progress(done: int, total: int, source: str) -> None:
            if self._begun[0] == 0.0:
                self._begun = (time.monotonic(), done)
            self.done, self.total = done, total

        def work() -> None:
            self._models().pull(name, progress=progress, canceled=canceled)

        try:
            await asyncio.to_thread(work)
        except IntentOSError as error:
            if not canceled.is_set():
                self.state, self.error = "failed", error
        else:
            self.state = "idle"
