"""Decides whether answers are right, and what follows for those who gave them.

An outcome stands as long as a node in good standing vouches for it. When a node is put out, what
only it, or only such nodes, had vouched for is done again by others; who had got a wrong answer is
told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from intentos.types import new_id

from .book import Book, Member
from .canaries import Canaries, Known
from .findings import Checked, Ejected, Finding, Reviewed, Settlement
from .open_job import Attempt, Open, Vote
from .roster import Node, Roster
from .trust import RANDOM, Trust, comparable
from .votes import agree
from .wire import Job, Outcome

SPOT = 0.1
"""Share of jobs that a sender repeats where no second owner's node is there."""
CONVICTING = 3
"""Owners who must agree against a node before it is put out at once."""

How = Literal["none", "agreed", "alone"]
"""Who vouches for an outcome: whoever did it, others as well, or nobody else although asked."""
Put = Callable[[Open | None, Finding], None]


class Verifier:
    """What the hub knows of right and wrong."""

    def __init__(
        self,
        *,
        book: Book,
        roster: Roster,
        trust: Trust,
        put: Put,
        again: Callable[[Open], None],
        gone: Callable[[str], None],
    ) -> None:
        """``put`` has a finding written down; ``again`` takes a job of the hub's own in; ``gone``
        takes everything from a node that is out."""
        self._book = book
        self._roster = roster
        self._trust = trust
        self._put = put
        self._again = again
        self._gone = gone
        self._canaries = Canaries()
        self._known: dict[tuple[str, str], Known] = {}

    # ---- before -----------------------------------------------------------------------------

    def sample(self, found: Open, node: Node, *, others: bool) -> None:
        """Decide whether somebody else repeats what a node is about to be handed.

        ``others``: whether somebody else could.
        """
        if found.purpose != "job" or found.job.verify != "spot" or found.wanted > 1:
            return
        rate = self._trust.of(node.member.id).rate if others else SPOT
        found.checkable = others
        found.sampled = RANDOM.random() < rate
        found.wanted = 2 if found.sampled and others else 1

    def canary(self, found: Open, node: Node) -> Open | None:
        """Return a canary that is to follow what a node was just handed; None: not now."""
        if found.purpose != "job" or not found.commits or not self._canaries.due(node):
            return None
        drawn = self._canaries.draw(node)
        if drawn is None:
            return None
        canary, known = drawn
        self._known[canary.key] = known
        return canary

    # ---- one answer ---------------------------------------------------------------------------

    def heard(self, found: Open, vote: Vote, *, others: bool) -> None:
        """Doubt an answer that came faster than its node can be: somebody else repeats it."""
        if found.purpose != "job" or found.job.verify != "spot" or found.wanted > 1:
            return
        if self._trust.of(vote.node).too_fast(found.job.work, vote.seconds):
            self._trust.hasty(vote.node)
            found.sampled = True
            if others:
                found.wanted = 2

    def broke_word(self, attempt: Attempt) -> None:
        """Put out a node whose answer is not the one that it had bound itself to."""
        self.eject(attempt.node.member.id, "changed")

    def judge_canary(self, found: Open, vote: Vote) -> None:
        """Compare an answer with the one that is known."""
        known = self._known.pop(found.key)
        beside = tuple((one.node, one.seconds) for one in known.votes)
        right = agree(known.outcome.result, vote.result) if known.outcome.result else True
        if right:
            self._trust.confirmed(vote.node, found.job.work, vote.seconds)
            known.votes = (*known.votes, vote)
        paid = ((vote.node, vote.owner, vote.seconds),) if right else ()
        submitter, about = found.about or ("", "")
        device = found.job.device
        self._put(found, Checked(submitter, found.job.key, about, right, paid, device, beside))
        if right:
            return
        if not any(comparable(vote.result, one.result) for one in known.votes):
            self._differs(vote.node, found.job.work)
            return
        # What is known may rest on two: then a third decides who of them is wrong.
        self._trust.of(vote.node).accused = True
        again = self._look_again(
            known.submitter, known.job, known.job.key, known.outcome, CONVICTING
        )
        again.votes = [replace(one, nonce="") for one in (*known.votes, vote)]
        again.without = set(known.seen)
        again.accused = vote.node
        self._again(again)

    # ---- a verdict ----------------------------------------------------------------------------

    def wants_more(self, found: Open) -> bool:
        """Return whether it now takes more answers that agree than before."""
        groups, wanted = found.groups, found.wanted
        if not groups:
            return False
        if found.before is not None and found.before.result is not None and wanted == 1:
            # One against what was settled is no more than that one.
            if not agree(found.before.result, groups[0][0].result):
                found.wanted = 2
        if len(groups) > 1 and wanted < CONVICTING:
            # A third of one opinion proves the other wrong.
            if comparable(groups[0][0].result, groups[1][0].result):
                found.wanted = CONVICTING
        return found.wanted > wanted

    def accept(self, found: Open, group: Sequence[Vote], how: How) -> None:
        """Settle a job by the answer of a group, and learn who was right."""
        new = [vote for vote in group if vote.nonce]
        if len(group) > 1:
            for vote in new:
                self._trust.confirmed(vote.node, found.job.work, vote.seconds)
        if found.purpose == "job":
            self._settle(found, group, how)
        else:
            self._review(found, group, how)
        self._blame(found, group)

    def _settle(self, found: Open, group: Sequence[Vote], how: How) -> None:
        outcome = _outcome(found, group[0], how)
        if len(group) > 1:
            self._canaries.keep(found, tuple(group), outcome)
        self._put(
            found,
            Settlement(
                submitter=found.submitter.id,
                owner=found.submitter.owner,
                key=found.job.key,
                code_hash=found.job.step.code_hash,
                outcome=outcome,
                paid=tuple((v.node, v.owner, v.seconds) for v in group),
                job=found.job.model_dump_json() if found.commits else "",
                kind=found.job.work,
                device=found.job.device,
                checkable=found.checkable,
                ahead=found.ahead,
                relayed=str(found.job.relayed or ""),
            ),
        )

    def _review(self, found: Open, group: Sequence[Vote], how: How) -> None:
        before, right = found.before, group[0]
        assert before is not None
        assert found.about is not None
        same = before.result is not None and agree(before.result, right.result)
        if found.doubted and not (same and len(group) > 1) and not _differ(before, group):
            self._undecided(found)  # nobody looked, or both may be right on their devices
            return
        outcome = before if same else _outcome(found, right, how)
        if same and len(group) + (before.node not in {v.node for v in group}) > 1:
            outcome = before.model_copy(update={"verified": "agreed"})
        # What is known already was paid when it was said, but for what had seemed wrong.
        new = [v for v in group if v.nonce or v.node == found.accused]
        self._put(
            found,
            Reviewed(
                submitter=found.submitter.id,
                owner=found.submitter.owner,
                key=found.about[1],
                what="confirmed" if same else "corrected",
                node=before.node or "",
                outcome=outcome,
                paid=tuple((v.node, v.owner, v.seconds) for v in new),
                device=found.job.device,
                beside=tuple((v.node, v.seconds) for v in group if v not in new),
            ),
        )

    def _blame(self, found: Open, group: Sequence[Vote]) -> None:
        if found.accused:
            self._trust.of(found.accused).accused = False
        for vote in found.votes:
            if vote in group or self._trust.of(vote.node).ejected:
                continue
            if not any(comparable(vote.result, one.result) for one in group):
                if not found.doubted:  # nobody is set aside by complaints
                    self._differs(vote.node, found.job.work)
            elif len(group) >= CONVICTING:
                self.eject(vote.node, "wrong")
            elif len(group) > 1 and self._trust.doubted(vote.node):
                self.eject(vote.node, "doubted")

    def _differs(self, node: str, kind: str) -> None:
        if self._trust.differed(node, kind):
            self._put(None, Ejected(node, "incomparable", kind))

    def give_up(self, found: Open) -> None:
        """Tell of a settled job that nobody can look at again."""
        assert found.before is not None
        assert found.about is not None
        if found.doubted:
            self._undecided(found)
            return
        if found.accused:
            self._trust.of(found.accused).accused = False
            if self._trust.doubted(found.accused):
                self.eject(found.accused, "doubted")
        what: Literal["confirmed", "doubtful"] = "confirmed" if found.accused else "doubtful"
        self._put(
            found,
            Reviewed(
                submitter=found.submitter.id,
                owner=found.submitter.owner,
                key=found.about[1],
                what=what,
                node=found.before.node or "",
                outcome=found.before,
            ),
        )

    # ---- complaints ---------------------------------------------------------------------------

    def doubted(
        self, submitter: Member, job: Job, before: Outcome, vouched: frozenset[str]
    ) -> Open:
        """Return a settled job to be done again, as its sender does not believe what came of it.

        ``vouched``: the nodes that the outcome rests on; neither they nor the sender decide.
        """
        assert before.node is not None
        assert before.result is not None
        again = self._look_again(submitter, job, job.key, before, 2)
        again.doubted = True
        owners = [known.member.owner for id in vouched if (known := self._roster.get(id))]
        again.without = {before.node, before.owner, submitter.owner, *vouched, *owners}
        seconds = before.seconds
        again.votes = [Vote(before.node, before.node_name, before.owner, before.result, seconds)]
        return again

    def take_up(self, again: Open) -> None:
        """Have it done; to be called in the hub's event loop."""
        self._again(again)

    def _undecided(self, found: Open) -> None:
        """Leave a settled job as it was: others could not tell."""
        assert found.before is not None
        assert found.about is not None
        self._put(
            found,
            Reviewed(
                submitter=found.submitter.id,
                owner=found.submitter.owner,
                key=found.about[1],
                what="undecided",
                node=found.before.node or "",
                outcome=found.before,
            ),
        )

    # ---- being put out ------------------------------------------------------------------------

    def eject(self, node: str, why: str) -> None:
        """Give a node no work any more, and have what it did done again."""
        if self._trust.of(node).ejected:
            return
        known = self._roster.get(node)
        others = [
            other.member.id
            for other in self._roster.every()
            if known is not None and other.member.owner == known.member.owner
        ]
        self._trust.eject(node, why, others=others)
        self._canaries.forget(node)
        self._gone(node)
        self._put(None, Ejected(node, why))

    def look_again_at(self, node: str, kind: str, member: Callable[[str], Member | None]) -> None:
        """Have everything done again that a node vouched for and nobody of good standing."""
        out = self._roster.get(node)
        for submitter, key, text in self._book.unvouched(node, kind):
            sender, before = member(submitter), self._book.outcome(submitter, key)
            if sender is None or sender.revoked or before is None:
                continue
            again = self._look_again(sender, Job.model_validate_json(text), key, before, 1)
            again.without = {node} | ({out.member.owner} if out is not None else set())
            self._again(again)

    def _look_again(
        self, submitter: Member, job: Job, key: str, before: Outcome, wanted: int
    ) -> Open:
        job = job.model_copy(update={"key": new_id(), "node": None})
        return Open(
            job,
            submitter,
            wanted=wanted,
            purpose="again",
            about=(submitter.id, key),
            before=before,
        )


def _differ(before: Outcome, group: Sequence[Vote]) -> bool:
    """Return whether an answer and those of a group cannot both be right."""
    right = group[0].result
    return (
        before.result is not None
        and not agree(before.result, right)
        and any(comparable(before.result, vote.result) for vote in group)
    )


def _outcome(found: Open, vote: Vote, how: How) -> Outcome:
    return Outcome(
        result=vote.result,
        node=vote.node,
        node_name=vote.name,
        owner=vote.owner,
        seconds=vote.seconds,
        verified=how,
        attempts=len(found.attempts),
    )
