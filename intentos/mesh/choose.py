"""Ways to choose a node among those that could do a job: one interface, compared in the bench."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
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

    A node is drawn with a chance that grows with its trail and its free places; now and then one
    is drawn whatever its trail, so that a newcomer, or one that has recovered, is found.
    """

    FADING = 0.995
    """What is left of a trail after a second."""
    EXPLORING = 0.05
    LEAST = 0.02

    def __init__(self) -> None:
        self._trails: dict[tuple[str, str], tuple[float, float]] = {}

    def choose(self, kind: str, nodes: Sequence[Node]) -> Node:
        """Draw one."""
        if random.random() < self.EXPLORING:
            return random.choice(nodes)
        weights = [self._trail(kind, node.member.id) * (1.001 - node.load) for node in nodes]
        return random.choices(
            nodes,
            [weight / (1 + node.trouble) for weight, node in zip(weights, nodes, strict=True)],
        )[0]

    def learned(self, kind: str, node: str, seconds: float) -> None:
        """Leave a trail that is the stronger the quicker it went."""
        trail = 0.7 * self._trail(kind, node) + 0.3 / max(seconds, 0.001)
        self._trails[kind, node] = (trail, time.monotonic())

    def _trail(self, kind: str, node: str) -> float:
        trail, at = self._trails.get((kind, node), (1.0, time.monotonic()))
        return max(self.LEAST, trail * math.pow(self.FADING, time.monotonic() - at))
