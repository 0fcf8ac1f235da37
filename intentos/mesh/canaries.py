"""Canaries: settled jobs whose right answer the hub has, handed out again as if they were new.

A node cannot tell one from another job: the key, the nonce and the grants are fresh, it is handed
out between others, asks for a commitment like them and is paid like them; and none of its owner's
nodes has ever had it.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field

from intentos.types import new_id

from .book import Member
from .open_job import Open, Vote
from .roster import Node
from .trust import RANDOM
from .wire import Job, Outcome

SHARE = 0.03
"""Of the checked jobs that a node gets."""
DAY = 24 * 3600.0
"""Within which every node that works gets at least one."""
MOST_KNOWN = 256
MOST_USES = 3
KEEP_SECONDS = 12 * 3600.0
"""Then their inputs may be gone."""
MOST_BYTES = 64 * 1024
"""Of a job that is kept; values and code, not inputs."""


@dataclass
class Known:
    """A job with its right answer."""

    job: Job
    submitter: Member
    outcome: Outcome
    votes: tuple[Vote, ...]
    """Of different owners, who agree."""
    seen: set[str]
    """Owners whose nodes have had it."""
    at: float = field(default_factory=time.monotonic)
    uses: int = 0


class Canaries:
    """Those that a hub keeps."""

    def __init__(self) -> None:
        self._known: deque[Known] = deque(maxlen=MOST_KNOWN)
        self._last: dict[str, float] = {}

    def keep(self, found: Open, votes: tuple[Vote, ...], outcome: Outcome) -> None:
        """Keep a job that different owners have agreed on."""
        if len(found.job.step.code) + len(str(found.job.values)) > MOST_BYTES:
            return
        seen = {attempt.node.member.owner for attempt in found.attempts.values()}
        self._known.append(Known(found.job, found.submitter, outcome, votes, seen))

    def forget(self, node: str) -> None:
        """Drop what a node has vouched for that turned out to lie."""
        kept = [k for k in self._known if all(vote.node != node for vote in k.votes)]
        self._known = deque(kept, maxlen=MOST_KNOWN)

    def due(self, node: Node) -> bool:
        """Return whether a node that has just got work is to get one."""
        now = time.monotonic()
        last = self._last.setdefault(node.member.id, now)
        return RANDOM.random() < SHARE or now - last > DAY

    def draw(self, node: Node) -> tuple[Open, Known] | None:
        """Return one for a node, as a new job; None: there is none that it does not know."""
        now = time.monotonic()
        while self._known and now - self._known[0].at > KEEP_SECONDS:
            self._known.popleft()
        fitting = [
            known
            for known in self._known
            if known.uses < MOST_USES
            and node.member.owner not in known.seen
            and node.member.owner != known.submitter.owner
            and node.could(known.job, known.submitter.owner)
        ]
        if not fitting:
            return None
        # Best one that was worked out by the same kind of device, where a difference is a proof.
        alike = [k for k in fitting if node.device in {v.result.device for v in k.votes}]
        known = RANDOM.choice(alike or fitting)
        known.uses += 1
        known.seen.add(node.member.owner)
        self._last[node.member.id] = now
        job = known.job.model_copy(update={"key": new_id(), "node": node.member.id})
        about = (known.submitter.id, known.job.key)
        return Open(job, known.submitter, purpose="canary", about=about), known
