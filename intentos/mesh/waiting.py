"""Jobs that no node has yet, in the order in which they are to be had.

They go in the order of their coming. Where points are turned on, those of their sender let a job
count as if it had come earlier, by a minute at the most: so nobody is shut out, and whatever has
waited for a minute is overtaken by nothing that comes.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

from .open_job import Open


class Waiting:
    """The jobs that wait."""

    def __init__(self, bonus: Callable[[str], float]) -> None:
        """``bonus``: by how many seconds an owner's points bring a job forward."""
        self._bonus = bonus
        self._heap: list[tuple[float, int, Open]] = []
        self._numbers = count()

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._heap)

    def put(self, found: Open) -> None:
        """Have a job wait; one that waits already is there once."""
        if found.waiting or found.over:
            return
        found.waiting = True
        bonus = self._bonus(found.submitter.owner) if found.purpose == "job" else 0.0
        heapq.heappush(self._heap, (found.since - bonus, next(self._numbers), found))

    def take(self) -> Open:
        """Return the next one, which waits no more; there is at least one."""
        found = heapq.heappop(self._heap)[2]
        found.waiting = False
        return found

    def handed(self, found: Open) -> None:
        """Note that one was given to a node: whether that was ahead of other owners' that wait."""
        owner = found.submitter.owner
        if found.purpose != "job" or self._bonus(owner) <= 0:
            return
        # The hub's own jobs do not mind, and who overtakes oneself has got ahead of nobody.
        found.ahead = found.ahead or any(
            other.purpose == "job"
            and other.submitter.owner != owner
            and other.since < found.since
            and not other.over
            for _, _, other in self._heap
        )
