"""Ways to choose a node among those that could do a job: one interface, compared in the bench."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from .roster import Node


class Chooser(Protocol):
    """Chooses, and hears how it went."""

    def choose(self, kind: str, nodes: Sequence[Node]) -> Node:
        """Return one of the nodes, of which there is at least one, for work of a kind."""
        ...

    def learned(self, kind: str, node: str, seconds: float) -> None:
        """Hear how long a node took for work of a kind."""


class LeastLoaded:
    """Takes the node with the smallest share of its places taken; chance decides a tie."""

    def choose(self, kind: str, nodes: Sequence[Node]) -> Node:
        """Return it."""
        return min(nodes, key=lambda node: (node.trouble, node.load, random.random()))

    def learned(self, kind: str, node: str, seconds: float) -> None:
        """Learn nothing."""


class TwoChoices:
    """Draws two nodes and takes the one with less to do."""

    def choose(self, kind: str, nodes: Sequence[Node]) -> Node:
        """Return it."""
        drawn = random.sample(nodes, 2) if len(nodes) > 1 else list(nodes)
        return min(drawn, key=lambda node: (node.trouble, node.load))

    def learned(self, kind: str, node: str, seconds: float) -> None:
        """Learn nothing."""


class Trail:
    """Follows a trail that quick answers leave and that fades: ants' way to the near food.

    A node is drawn with a chance that grows with the square of its trail and with its free places;
    now and then one is drawn whatever its trail, so that one that has recovered is found.
    """

    FADING = 0.995
    """What is left of a trail after a second."""
    EXPLORING = 0.05
    LEAST = 0.02
    SHORTEST = 0.02
    """Seconds; what takes less tells more of the way than of the node."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock``: in seconds; trails fade by it."""
        self._clock = clock
        self._trails: dict[tuple[str, str], tuple[float, float]] = {}

    def choose(self, kind: str, nodes: Sequence[Node]) -> Node:
        """Draw one."""
        least = min(node.trouble for node in nodes)
        nodes = [node for node in nodes if node.trouble == least]
        if random.random() < self.EXPLORING:
            return random.choice(nodes)
        known = [self._trail(kind, node.member.id) for node in nodes]
        # Nobody knows how good a newcomer is: it is taken for as good as the best.
        best = max(known) or 1.0
        pairs = zip(known, nodes, strict=True)
        weights = [(trail or best) ** 2 * (1.001 - node.load) for trail, node in pairs]
        return random.choices(nodes, weights)[0]

    def learned(self, kind: str, node: str, seconds: float) -> None:
        """Leave a trail that is the stronger the quicker it went."""
        quick = 1 / max(seconds, self.SHORTEST)
        before = self._trail(kind, node) or quick
        # A trail is lost more quickly than it is made: who slows down has the work of all to lose.
        new = 0.3 if quick > before else 0.6
        trail = (1 - new) * before + new * quick
        self._trails[kind, node] = (trail, self._clock())

    def _trail(self, kind: str, node: str) -> float:
        """Return how strong it is; 0: there is none."""
        if (kind, node) not in self._trails:
            return 0.0
        trail, at = self._trails[kind, node]
        return max(self.LEAST, trail * math.pow(self.FADING, self._clock() - at))


CHOOSERS: Mapping[str, Callable[[], Chooser]] = {
    "least loaded": LeastLoaded,
    "two choices": TwoChoices,
    "trail": Trail,
}
"""By name, as the bench compares them."""
DEFAULT = "trail"
"""Which won on the traces (docs/design/mesh.md) and lost nowhere."""
