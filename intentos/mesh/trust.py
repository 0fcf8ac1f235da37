"""What the hub has seen of a node: how often it was right, when it was doubted, whether it is out.

A node's check rate falls with its verified record and rises after a doubt. A node is put out where
three owners agree against it on the same kind of device; where so many cannot be asked, after
several doubts. Devices that cannot be compared prove nothing: whoever differs for such a reason is
only not asked for that kind of work any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from secrets import SystemRandom
from typing import NamedTuple

from intentos.run import StepResult

RANDOM = SystemRandom()
"""What nobody who sees the hub's choices can foresee."""
TRUSTED = 10
"""Verified answers before which everything is checked."""
MOST_DOUBTS = 5
FORGETTING = 50
"""Verified answers after which old doubts count no more."""
READMITTED = -1
"""In place of doubts: somebody has taken back that a node is out."""
MOST_ASIDE = 3
"""Times that a node may differ incomparably in one kind of work."""
HASTE = 5.0
"""So many times faster than the node's own quickest verified answer is too fast."""
PACE_SEEN = 5
PACE_SECONDS = 0.05
"""Shorter ones are all noise."""


class StandingRow(NamedTuple):
    """A node's standing as the book keeps it."""

    node: str
    verified: int
    doubts: int
    ejected: str
    aside: tuple[str, ...]


@dataclass
class Standing:
    """One node's."""

    verified: int = 0
    """Answers in a row that others confirmed."""
    doubts: int = 0
    ejected: str = ""
    """Why it gets no work any more; empty: it does."""
    accused: bool = False
    """Whether its answer to a canary is being looked at: until then it gets nothing."""
    aside: set[str] = field(default_factory=set)
    """Kinds of work that it is not asked for, as its device cannot be compared."""
    incomparable: dict[str, int] = field(default_factory=dict)
    pace: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Kind → seconds of the quickest verified answer, and how many there were."""

    @property
    def rate(self) -> float:
        """The share of its answers that somebody else repeats."""
        return 1.0 if self.verified < TRUSTED else 1.0 / self.verified

    def serves(self, kind: str) -> bool:
        """Return whether it may be asked for such work."""
        return not self.ejected and not self.accused and kind not in self.aside

    def too_fast(self, kind: str, seconds: float) -> bool:
        """Return whether an answer came faster than this node has ever shown to be able to."""
        quickest, seen = self.pace.get(kind, (0.0, 0))
        return seen >= PACE_SEEN and quickest >= PACE_SECONDS and seconds < quickest / HASTE


class Trust:
    """The standings of all nodes of a hub."""

    def __init__(self) -> None:
        self._standings: dict[str, Standing] = {}
        self._changed: set[str] = set()

    def of(self, node: str) -> Standing:
        """Return a node's, which is a newcomer's where nothing is known of it."""
        return self._standings.setdefault(node, Standing())

    def load(self, rows: Iterable[StandingRow]) -> None:
        """Take over what the book has kept."""
        for row in rows:
            own = self.of(row.node)
            own.verified, own.doubts, own.ejected = row.verified, max(0, row.doubts), row.ejected
            own.aside = set(row.aside)
            if row.doubts == READMITTED:
                self._changed.add(row.node)  # taken note of

    def changed(self) -> list[StandingRow]:
        """Return what has changed since this was last asked."""
        rows = []
        for node in self._changed:
            own = self._standings[node]
            aside = tuple(sorted(own.aside))
            rows.append(StandingRow(node, own.verified, own.doubts, own.ejected, aside))
        self._changed.clear()
        return rows

    def ejected(self) -> list[str]:
        """Return who is out."""
        return [node for node, standing in self._standings.items() if standing.ejected]

    # ---- what is learned ------------------------------------------------------------------------

    def confirmed(self, node: str, kind: str, seconds: float) -> None:
        """Somebody else got the same."""
        own = self.of(node)
        own.verified += 1
        if own.verified % FORGETTING == 0:
            own.doubts = 0
        quickest, seen = own.pace.get(kind, (seconds, 0))
        own.pace[kind] = (min(quickest, seconds), seen + 1)
        self._changed.add(node)

    def hasty(self, node: str) -> None:
        """Its answer came too fast: it is checked twice as often, at least one time in ten."""
        own = self.of(node)
        own.verified = min(own.verified // 2, TRUSTED)
        self._changed.add(node)

    def doubted(self, node: str) -> bool:
        """Others got something else, and too few to prove it: return whether that is enough now."""
        own = self.of(node)
        own.verified = 0
        own.doubts += 1
        self._changed.add(node)
        return own.doubts >= MOST_DOUBTS

    def differed(self, node: str, kind: str) -> bool:
        """Others with other devices got something else; return whether it is set aside now."""
        own = self.of(node)
        own.incomparable[kind] = own.incomparable.get(kind, 0) + 1
        if own.incomparable[kind] < MOST_ASIDE or kind in own.aside:
            return False
        own.aside.add(kind)
        self._changed.add(node)
        return True

    def eject(self, node: str, why: str, *, others: Iterable[str]) -> None:
        """Give a node no work any more; ``others``: its owner's, which start anew."""
        own = self.of(node)
        own.ejected, own.accused, own.verified = why, False, 0
        self._changed.add(node)
        for other in others:
            self.of(other).verified = 0
            self._changed.add(other)


def comparable(one: StepResult, other: StepResult) -> bool:
    """Return whether two that differ cannot both be right: the same code on the same device.

    Chaotic work parts on different devices, within any tolerance, and is right on both.
    """
    return (one.executor, one.device, one.versions) == (
        other.executor,
        other.device,
        other.versions,
    )
