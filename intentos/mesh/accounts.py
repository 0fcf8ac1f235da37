"""The hub's own reading of its record: who has how many points, as the newest line leaves it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping

from .book import Book
from .ledger import MILLI, Ledger
from .wire import Points

MOST_AHEAD = 60.0
"""Seconds that points bring a job forward at the most."""
HALF_AHEAD = 100 * MILLI
"""Points that bring it forward by half of that."""
PRICES: Mapping[str, float] = {"cpu": 1.0, "gpu": 4.0}
"""What is posted where nothing else was said."""


class Accounts:
    """Balances for the queue and for who asks; used by several threads."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._ledger = Ledger()
        self._lock = threading.Lock()

    def post(self, on: bool | None, prices: Mapping[str, float]) -> None:
        """Turn points on or off, and post prices for some devices; None: as they were."""
        last = self._book.last("points")
        if not on and (last is None or not json.loads(last.body)["on"]):
            return  # off, as before: nobody need read the record
        with self._lock:
            self._catch_up()
            now_on = self._ledger.on if on is None else on
            posted = {**PRICES, **self._ledger.prices, **prices}
            if (now_on, posted) == (self._ledger.on, self._ledger.prices):
                return
            self._book.note("points", {"on": now_on, "prices": posted})
            self._catch_up()

    @property
    def on(self) -> bool:
        """Whether points are turned on here."""
        return self._ledger.on

    def catch_up(self) -> None:
        """Read the lines that have come, where anybody counts on them."""
        if self._ledger.on:
            with self._lock:
                self._catch_up()

    def bonus(self, owner: str) -> float:
        """Return by how many seconds an owner's points bring their jobs forward."""
        if not self._ledger.on:
            return 0.0
        points = max(0, self._ledger.balance(owner))
        return MOST_AHEAD * points / (points + HALF_AHEAD)

    def speed(self, node: str, device: str) -> float:
        """Return how fast a node was measured to be; 0: it was not."""
        return self._ledger.speed(node, device)

    def statement(self) -> Points:
        """Return all balances as of now."""
        with self._lock:
            self._catch_up()
            return self._ledger.statement()

    def _catch_up(self) -> None:
        while entries := self._book.entries(self._ledger.seq):
            self._ledger.fold(entries)
