"""A thread that reads the store for pages that list much, so that no tab waits meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from intentos.config import Settings
from intentos.store import Store

T = TypeVar("T")


class Reading:
    """One connection for reading, in the one thread that may use it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reading")
        self._store: Store | None = None

    async def do(self, work: Callable[[Store], T]) -> T:
        """Return what work on the store returns, or raise what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)

    async def close(self) -> None:
        """Close the connection when the work that was handed over is done."""
        await asyncio.to_thread(self._thread.submit(self._end).result)
        self._thread.shutdown()

    def _do(self, work: Callable[[Store], T]) -> T:
        if self._store is None:
            self._store = Store(self._settings)
        return work(self._store)

    def _end(self) -> None:
        if self._store is not None:
            self._store.close()
