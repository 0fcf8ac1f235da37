"""Who is there: the nodes that a hub hears from, what they offer, and which of them fits a job."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from .book import Member
from .trust import TRUSTED, Standing, Trust
from .wire import Heartbeat, Job, Offer, Peer

SILENCE = 1.5
"""Seconds without a heartbeat after which a node is gone."""


@dataclass
class Node:
    """One node as the hub knows it."""

    member: Member
    offer: Offer | None = None
    paused: str = ""
    heard: float = 0.0
    """``time.monotonic()`` of its last heartbeat."""
    running: set[str] = field(default_factory=set)
    """Nonces of what it was handed and has not answered."""
    owing: set[str] = field(default_factory=set)
    """Nonces of what it has bound itself to and has not said."""
    device: str = ""
    """What its last answer was worked out on."""
    standing: Standing = field(default_factory=Standing)
    trouble: int = 0
    """Refusals in a row; who refuses everything is asked last."""

    @property
    def there(self) -> bool:
        """Whether it was heard just now."""
        return time.monotonic() - self.heard < SILENCE

    @property
    def load(self) -> float:
        """Share of its places that are taken."""
        return len(self.running) / self.offer.slots if self.offer is not None else 1.0

    def could(self, job: Job, owner: str) -> bool:
        """Return whether it could ever do this job for that owner."""
        offer = self.offer
        if offer is None or not job.allowed(offer.owners, owner):
            return False
        if offer.relay and job.relayed is not None:
            return False  # once is enough, and a circle takes twice
        step = job.step
        if step.language not in offer.languages or (job.node and job.node != self.member.id):
            return False
        if step.language == "kernel" and offer.kernels.get(step.code) != step.code_hash:
            return False
        return self.standing.serves(job.work)

    def free_for(self, job: Job, owner: str) -> bool:
        """Return whether it can do this job now."""
        if not self.there or self.paused or not self.could(job, owner):
            return False
        assert self.offer is not None
        return len(self.running) < self.offer.slots


class Roster:
    """All nodes of a hub."""

    def __init__(self, trust: Trust | None = None) -> None:
        self._trust = trust or Trust()
        self._nodes: dict[str, Node] = {}

    def hear(self, member: Member, heartbeat: Heartbeat) -> Node:
        """Take in a heartbeat, and return the node."""
        node = self._nodes.get(member.id)
        if node is None:
            node = Node(member, standing=self._trust.of(member.id))
            self._nodes[member.id] = node
        node.heard = time.monotonic()
        node.paused = heartbeat.paused
        if heartbeat.offer is not None:
            node.offer = heartbeat.offer
        return node

    def forget(self, id: str) -> None:
        """Know a node no more: it was revoked."""
        self._nodes.pop(id, None)

    def get(self, id: str) -> Node | None:
        """Return a node that was ever heard."""
        return self._nodes.get(id)

    def every(self) -> list[Node]:
        """Return all that were ever heard, as they joined."""
        return list(self._nodes.values())

    def free(
        self,
        job: Job,
        owner: str,
        *,
        without: frozenset[str] = frozenset(),
        proven: bool = False,
    ) -> list[Node]:
        """Return who can do a job now, those who lend as much memory as it may take if any do.

        ``without``: owners or ids that are not asked; ``proven``: only who was often right.
        """
        free = [n for n in self._but(without, proven=proven) if n.free_for(job, owner)]
        return [
            n for n in free if n.offer and n.offer.memory_bytes >= job.limits.memory_bytes
        ] or free

    def able(
        self,
        job: Job,
        owner: str,
        *,
        without: frozenset[str] = frozenset(),
        proven: bool = False,
    ) -> bool:
        """Return whether anybody who is there could do a job sooner or later."""
        others = self._but(without, proven=proven)
        return any(node.there and node.could(job, owner) for node in others)

    def _but(self, without: frozenset[str], *, proven: bool) -> list[Node]:
        return [
            node
            for node in self.every()  # a copy: other threads ask as well
            if node.member.id not in without
            and node.member.owner not in without
            and (not proven or node.standing.verified >= TRUSTED)
        ]

    def peers(self) -> tuple[Peer, ...]:
        """Return the nodes as members are told of them."""
        found = []
        for node in self._nodes.values():
            slots = node.offer.slots if node.offer is not None else 0
            busy = bool(slots) and len(node.running) >= slots
            state = "busy" if busy else "free"
            if node.paused:
                state = "paused"
            if not node.there:
                state = "gone"
            if node.standing.ejected:
                state = "ejected"
            found.append(
                Peer.model_validate(
                    {
                        "id": node.member.id,
                        "name": node.offer.name if node.offer else node.member.name,
                        "owner": node.member.owner,
                        "state": state,
                        "paused": node.paused,
                        "verified": node.standing.verified,
                        "running": len(node.running),
                        "slots": slots,
                        "offer": node.offer,
                    }
                )
            )
        return tuple(found)
