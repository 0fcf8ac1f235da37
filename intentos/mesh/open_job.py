"""A job that is not over: who tries it, what they said, and who may still be asked."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

from intentos.run import StepResult

from .book import Member
from .roster import Node
from .votes import agree
from .wire import Job, Outcome


@dataclass
class Attempt:
    """One node's try at a job."""

    nonce: str
    node: Node
    since: float
    missed: int = 0
    """Heartbeats in a row of its node that do not name it."""
    lost: bool = False
    """Nothing is expected of it any more, but a late answer is still good."""
    commit: str = ""
    """Hash of the answer that its node has bound itself to."""
    seconds: float = 0.0
    """Until that, or until the answer."""
    asked: float = 0.0
    """When the answer itself was asked for; 0: not yet."""


@dataclass(frozen=True)
class Vote:
    """What one node says came of a job."""

    node: str
    name: str
    owner: str
    result: StepResult
    seconds: float
    nonce: str = ""
    """Of the attempt that it is the answer to; empty: it was given at another time."""


@dataclass
class Open:
    """One job that is not over."""

    job: Job
    submitter: Member
    ack: str = ""
    """Where the queue hears that it is over; empty: the hub itself wants it."""
    wanted: int = 1
    """Answers that must agree."""
    purpose: Literal["job", "canary", "again", "measure"] = "job"
    """``canary``: its right answer is known; ``again``: what was settled is looked at anew;
    ``measure``: it tells how fast a node is."""
    about: tuple[str, str] | None = None
    """Of ``canary`` and ``again``: the key of the settled job."""
    before: Outcome | None = None
    """Of ``again``: how that was settled."""
    accused: str = ""
    """Of ``again``: the node whose answer to a canary was another one."""
    doubted: bool = False
    """Of ``again``: whether its sender wants it; only proven nodes then decide."""
    sampled: bool = False
    """Whether it is to be repeated: where no other owner can, its sender does."""
    checkable: bool = False
    """Whether somebody else could have repeated it, and chance decided."""
    ahead: bool = False
    """Whether its sender's points got it ahead of others."""
    since: float = field(default_factory=time.monotonic)
    left: float | None = None
    """Since when there is nobody who could do it; None: there is somebody."""
    attempts: dict[str, Attempt] = field(default_factory=dict)
    votes: list[Vote] = field(default_factory=list)
    without: set[str] = field(default_factory=set)
    """Nodes that refused it, and owners that are not to do it."""
    why: str = ""
    waiting: bool = False
    over: bool = False

    def stranded(self, now: float, alone: bool) -> float:
        """Return for how many seconds nobody has been there who could do it, ``alone``: as now."""
        self.left = (now if self.left is None else self.left) if alone else None
        return 0.0 if self.left is None else now - self.left

    @property
    def key(self) -> tuple[str, str]:
        """Unique among all jobs ever."""
        return self.submitter.id, self.job.key

    @property
    def commits(self) -> bool:
        """Whether its nodes bind themselves to their answers before any is shown."""
        return self.job.verify != "none"

    @property
    def going(self) -> list[Attempt]:
        """Attempts that an answer is expected of."""
        voted = {vote.nonce for vote in self.votes}
        return [a for a in self.attempts.values() if not a.lost and a.nonce not in voted]

    @property
    def asked(self) -> frozenset[str]:
        """Ids and, among those that voted or try, owners that are not asked again."""
        owners = {a.node.member.owner for a in self.going}
        owners |= {vote.owner for vote in self.votes}
        return frozenset(owners | self.without)

    @property
    def missing(self) -> int:
        """How many more nodes it wants."""
        first = 3 if self.job.verify == "jury3" and self.purpose == "job" else self.wanted
        best = max((len(group) for group in self.groups), default=0)
        # Disagreement asks for one more at a time.
        need = first if not self.votes else max(self.wanted - best, first - len(self.votes))
        if self.votes and best >= self.wanted:
            need = 0
        return need - len(self.going)

    @property
    def groups(self) -> list[list[Vote]]:
        """The votes by what they say, the largest group first."""
        groups: list[list[Vote]] = []
        for vote in self.votes:
            for group in groups:
                if agree(group[0].result, vote.result):
                    group.append(vote)
                    break
            else:
                groups.append([vote])
        return sorted(groups, key=len, reverse=True)
