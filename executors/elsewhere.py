"""Frames that a device draws which is not this machine's: a phone that opened a hub's page.

Everything around the drawing is as at home: the program is built and the result judged here, and
the film is encoded here. The device is told a program and gives pixels, numbers and arrays.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from intentos.protocols import Drawing
from intentos.types import Isolation

from .frames import FrameExecutor

if TYPE_CHECKING:
    from .worker import Worker


class ElsewhereExecutor(FrameExecutor):
    """Draws a step's frames on a device that is reached by a :class:`~intentos.protocols.Drawing`.

    Its kernel's twin is not asked here: whoever sent the step compares what comes home.
    """

    name = "webgpu"
    languages = frozenset({"kernel", "wgsl"})
    isolation: Isolation = "remote"
    work = "elsewhere"

    def __init__(
        self,
        device: Callable[[], AbstractAsyncContextManager[Drawing]],
        *,
        silence: float | None = None,
    ) -> None:
        """``device``: opens the way to it; ``silence``: as of every executor of frames."""
        super().__init__(adapter="", silence=silence)
        self._device = device

    @asynccontextmanager
    async def _worker(self, folder: Path) -> AsyncIterator[Worker]:
        async with self._device() as drawing:
            # Told and heard in the words of a worker process; nothing else of one is used.
            yield cast("Worker", drawing)
