"""A thread with an event loop of its own, where runs are planned and followed.

Planning reads thousands of texts and folds runs from the store; on the loop that serves the pages
it would freeze every tab. Nothing but values passes between the two.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Workshop:
    """Runs coroutines beside the loop that calls it."""

    def __init__(self) -> None:
        """Start the thread."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._work, name="desk", daemon=True)
        self._thread.start()

    async def do(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what a coroutine that is made and run there returns, or raise what it raises."""
        future = asyncio.run_coroutine_threadsafe(work(), self._loop)
        return await asyncio.wrap_future(future)

    def wait(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the same, holding up the caller meanwhile: for the start of the program."""
        return asyncio.run_coroutine_threadsafe(work(), self._loop).result()

    async def close(self) -> None:
        """End the thread; what still runs there is canceled."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
