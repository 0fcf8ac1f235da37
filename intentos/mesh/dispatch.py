"""Hands jobs to nodes, hands them on when a node goes, and takes in what they say.

Jobs wait in a JetStream work queue that only the hub touches; an unsettled one is delivered again
after a crash. Whether an answer is right is the verifier's matter, writing it down the settler's.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from .accounts import Accounts
from .blobs import Blobs
from .book import Book, Member
from .choose import Chooser
from .findings import Ejected, Finding, Settlement
from .gauge import Gauge
from .handing import task_for
from .identity import Identity
from .in_hand import compared
from .job_queue import JobQueue
from .open_job import Attempt, Open, Vote
from .roster import Node, Roster
from .settle import Settler, settled
from .trust import RANDOM, TRUSTED, Trust
from .verify import How, Verifier
from .waiting import Waiting
from .wire import (
    BadMessage,
    Command,
    Commit,
    Done,
    Job,
    Outcome,
    Told,
    kind_of,
    opened,
    seal,
    unseal,
)

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg

LEASE_SECONDS = 6.0
"""After which the queue delivers a job again that nobody says is being worked on."""
MOST_OPEN = 512
"""Jobs that are in the hub's hands at a time; the others wait in the queue."""
MOST_ATTEMPTS = 5
PATIENCE = 6.0
"""Seconds on end that a job waits while no node that is there could ever do it."""
GRACE = 30.0
"""Seconds beyond a step's own time that a node may take for files and starting."""


class Dispatcher:
    """Between the queue, the nodes and the book."""

    def __init__(
        self,
        *,
        identity: Identity,
        nats: Client,
        book: Book,
        blobs: Blobs,
        roster: Roster,
        chooser: Chooser,
        trust: Trust,
        accounts: Accounts,
        member: Callable[[str], Member | None],
    ) -> None:
        """``member``: somebody who is let in, by id."""
        self._identity = identity
        self._nats = nats
        self._book = book
        self._blobs = blobs
        self._roster = roster
        self._chooser = chooser
        self._member = member
        self._open: dict[tuple[str, str], Open] = {}
        self._by_nonce: dict[str, Open] = {}
        self._waiting = Waiting(accounts.bonus)
        self._trust = trust
        self._jobs = JobQueue(nats)
        self.settler = Settler(
            identity=identity,
            nats=nats,
            jobs=self._jobs,
            book=book,
            trust=trust,
            accounts=accounts,
            written=self._written,
        )
        self._gauge = Gauge(
            hub=identity.id, roster=roster, accounts=accounts, blobs=blobs, put=self._put
        )
        self.verifier = Verifier(
            book=book,
            roster=roster,
            trust=trust,
            put=self._put,
            again=self._take_in,
            gone=self.gone,
        )
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self.reassigned = 0
        self.handed = 0
        """Tasks given to nodes, jobs, repetitions and canaries alike."""

    async def start(self) -> None:
        """Bind to the queue, and work until :meth:`stop`."""
        await self._jobs.open(self._delivered, lease=LEASE_SECONDS, most=MOST_OPEN)
        await asyncio.to_thread(self.settler.seal_head)
        self._tasks = [
            asyncio.create_task(work(), name=work.__name__)
            for work in (self._place_all, self.settler.settle_all, self._look_after)
        ]
        # What a hub before this one did not come to do again.
        for node in self._trust.ejected():
            self.verifier.look_again_at(node, "", self._member)

    async def stop(self) -> None:
        """Work no more; what is not settled stays in the queue."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def trouble(self) -> BaseException | None:
        """Return what ended one of its tasks, which only a mistake of ours can."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and task.exception() is not None:
                return task.exception()
        return None

    @property
    def waiting(self) -> int:
        """Jobs that no node has."""
        return len(self._waiting)

    @property
    def going(self) -> int:
        """Jobs that are not over."""
        return len(self._open)

    # ---- in -------------------------------------------------------------------------------------

    async def _delivered(self, message: Msg) -> None:
        submitter = self._member(message.subject.removeprefix("jobs."))
        try:
            if submitter is None or submitter.revoked:
                raise BadMessage("nobody who is let in")
            # Its signature was checked before it was queued, and only the hub can queue.
            job = opened(Job, message.data)
        except BadMessage:
            await self._jobs.refuse(message.reply)
            return
        known = self._open.get((submitter.id, job.key))
        if known is not None:
            known.ack = message.reply
            return
        outcome = self._book.outcome(submitter.id, job.key)
        if outcome is not None:
            await self._jobs.over(message.reply)
            answer = settled(job.key, outcome, self.settler.head)
            await self.settler.tell(submitter.id, job.reply, answer)
            return
        wanted = {"none": 1, "jury2": 2, "jury3": 2}.get(job.verify, 1)
        self._take_in(Open(job, submitter, message.reply, wanted))

    def _take_in(self, found: Open) -> None:
        self._open[found.key] = found
        self._queue(found)
        if found.purpose != "job":
            self._judge(found)

    def done(self, node: Node, data: bytes) -> None:
        """Take in an answer of a node, or its hash; one to nothing that it has is dropped."""
        if kind_of(data) == "commit":
            self._committed(node, data)
            return
        try:
            done = unseal(Done, data, node.member.id)
        except BadMessage:
            return
        known = self._attempt(node, done)
        if known is None:
            return
        found, attempt = known
        if done.result is not None and found.commits:
            if not attempt.asked:
                return  # before it was asked for, nobody may show anything
            if hashlib.sha256(data).hexdigest() != attempt.commit:
                self.verifier.broke_word(attempt)
                return
        node.running.discard(done.nonce)
        node.owing.discard(done.nonce)
        self._wake.set()
        if done.result is not None:
            seconds = attempt.seconds or time.monotonic() - attempt.since
            node.trouble = 0
            node.device = done.result.device
            member = node.member
            vote = Vote(member.id, member.name, member.owner, done.result, seconds, attempt.nonce)
            found.votes.append(vote)
            self._chooser.learned(found.job.work, member.id, seconds)
            self.verifier.heard(found, vote, others=self._another_for(found))
        else:
            attempt.lost = True
            if done.outcome == "returned":  # until its next heartbeat, which may be on the way
                node.paused = node.paused or "owner"
            if done.outcome == "refused":
                node.trouble += 1
                found.without.add(node.member.id)
                found.why = done.why
        self._judge(found)

    def _committed(self, node: Node, data: bytes) -> None:
        try:
            commit = unseal(Commit, data, node.member.id)
        except BadMessage:
            return
        known = self._attempt(node, commit)
        if known is None:
            return
        found, attempt = known
        if not attempt.commit and found.commits:  # the first word counts
            self._bind(found, attempt, commit.sha256)

    def held(self, node: Node, data: bytes) -> None:
        """Take in an answer of a node that speaks through the hub: it lies here, and binds it."""
        try:
            done = unseal(Done, data, node.member.id)
        except BadMessage:
            return
        known = self._attempt(node, done)
        if known is None or done.result is None or not known[0].commits or known[1].commit:
            self.done(node, data)
        else:
            self._bind(*known, hashlib.sha256(data).hexdigest())

    def _bind(self, found: Open, attempt: Attempt, digest: str) -> None:
        attempt.commit = digest
        attempt.seconds = time.monotonic() - attempt.since
        attempt.node.running.discard(attempt.nonce)
        attempt.node.owing.add(attempt.nonce)
        self._wake.set()
        self._reveal(found)

    def _attempt(self, node: Node, said: Done | Commit) -> tuple[Open, Attempt] | None:
        """Return what a node speaks of, if it was handed to just this node and is not over."""
        found = self._by_nonce.get(said.nonce)
        attempt = found.attempts.get(said.nonce) if found is not None else None
        if found is None or attempt is None or attempt.node is not node or found.over:
            return None
        voted = any(vote.nonce == said.nonce for vote in found.votes)
        return None if voted or (said.submitter, said.key) != found.key else (found, attempt)

    def _reveal(self, found: Open) -> None:
        """Ask for the answers once everybody who is to give one is bound to it."""
        going = found.going
        if found.over or not going or not all(attempt.commit for attempt in going):
            return
        if found.missing > 0 and self._another_for(found):
            return
        for attempt in going:
            if not attempt.asked:
                attempt.asked = time.monotonic()
                self._command(attempt, "reveal")

    def _command(self, attempt: Attempt, what: Literal["cancel", "reveal"]) -> None:
        command = Command(what=what, nonce=attempt.nonce)
        self.settler.soon(f"ctl.{attempt.node.member.id}", seal(self._identity, command))

    def compare(self, node: Node, running: tuple[str, ...]) -> list[Command]:
        """Compare what a node says it has in hand with what it was handed; return what to tell."""
        return compared(node, running, self._by_nonce, self._lose)

    def event(self, node: Node, told: Told) -> tuple[str, str] | None:
        """Return who waits for a live event, as member and reply; None: nobody."""
        found = self._by_nonce.get(told.nonce)
        if found is None or found.over or (told.submitter, told.key) != found.key:
            return None
        if found.purpose != "job":
            return None
        attempt = found.attempts.get(told.nonce)
        first = next(iter(found.going), None)
        # Of several that do the same, one is heard.
        if attempt is None or attempt is not first or attempt.node is not node:
            return None
        return found.submitter.id, found.job.reply

    def knows(self, submitter: str, key: str) -> bool:
        """Return whether a job is in hand."""
        return (submitter, key) in self._open

    def cancel(self, submitter: str, key: str) -> bool:
        """End a job that its sender no longer wants; False: there is none that goes on."""
        found = self._open.get((submitter, key))
        if found is None or found.over or found.purpose != "job":
            return False
        self._settle(found, Outcome(why="canceled"))
        return True

    def gone(self, id: str) -> None:
        """Take everything from a node that is not there any more, or may not be."""
        out = self._trust.of(id).ejected
        for found in list(self._open.values()):
            if out and any(vote.node == id for vote in found.votes) and not found.over:
                found.votes = [vote for vote in found.votes if vote.node != id]
                self._judge(found)
            for attempt in found.going:
                if attempt.node.member.id == id:
                    self._lose(found, attempt)

    def cancel_soon(self, submitter: str, key: str) -> bool:
        """Cancel from another thread; False: no such job goes on."""
        self._loop.call_soon_threadsafe(self.cancel, submitter, key)
        return self.knows(submitter, key)

    def look(self) -> None:
        """Look for nodes for what waits: somebody is free."""
        self._wake.set()

    # ---- out ------------------------------------------------------------------------------------

    def _queue(self, found: Open) -> None:
        self._waiting.put(found)
        self._wake.set()

    async def _place_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            skipped: list[Open] = []
            # What nobody can take now must not hold up the others, nor be looked at for ever.
            while self._waiting and len(skipped) < 64 and self._anybody_free():
                found = self._waiting.take()
                if found.over:
                    continue
                if not await self._place(found):
                    skipped.append(found)
            for found in skipped:
                self._waiting.put(found)
            await asyncio.sleep(0)

    def _anybody_free(self) -> bool:
        return any(
            node.there and not node.paused and node.load < 1 for node in self._roster.every()
        )

    async def _place(self, found: Open) -> bool:
        """Hand a job to as many nodes as it still wants; False: not to all of them."""
        while True:
            if found.missing <= 0:
                self._reveal(found)
                return True
            owner = found.submitter.owner
            nodes = self._roster.free(found.job, owner, without=found.asked, proven=found.doubted)
            if not nodes:
                return False
            if found.purpose == "again":
                nodes = [n for n in nodes if n.standing.verified >= TRUSTED] or nodes
            node = self._chosen(found, nodes)
            others = self._roster.able(found.job, owner, without=found.asked | {node.member.owner})
            self.verifier.sample(found, node, others=others)
            self._waiting.handed(found)
            await self._hand(found, node)
            canary = self.verifier.canary(found, node)
            if canary is not None:
                self._take_in(canary)

    def _chosen(self, found: Open, nodes: list[Node]) -> Node:
        """Return who is to have a job, of those who could."""
        if found.purpose == "job" and not found.attempts:
            return self._chooser.choose(found.job.work, nodes)
        # Two that compute on the same kind of device can be compared, whatever they compute.
        asked = next((a.node for a in found.attempts.values() if not a.lost), None)
        if asked is not None and asked.offer is not None:
            devices = asked.offer.devices
            nodes = [n for n in nodes if n.offer and n.offer.devices == devices] or nodes
        return RANDOM.choice(nodes)  # which nobody can foresee

    async def _hand(self, found: Open, node: Node) -> None:
        nonce = secrets.token_hex(16)
        task = task_for(found, node, nonce, self._blobs, head=self.settler.head)
        self.handed += 1
        attempt = Attempt(nonce, node, time.monotonic())
        found.attempts[nonce] = attempt
        self._by_nonce[nonce] = found
        node.running.add(nonce)
        await self._nats.publish(f"run.{node.member.id}", seal(self._identity, task))

    def _lose(self, found: Open, attempt: Attempt) -> None:
        attempt.lost = True
        attempt.node.running.discard(attempt.nonce)
        attempt.node.owing.discard(attempt.nonce)
        self.reassigned += 1
        self._judge(found)

    # ---- judging --------------------------------------------------------------------------------

    def _judge(self, found: Open) -> None:
        """Settle a job if it can be, else look for another node."""
        if found.over:
            return
        if found.purpose in ("canary", "measure"):
            self._judge_own(found)
            return
        another = self._another_for(found)
        if another and self.verifier.wants_more(found):
            self._queue(found)
        groups = found.groups
        best = groups[0] if groups else []
        if len(best) >= found.wanted:
            if any(attempt.asked for attempt in found.going):
                return  # who is bound to an answer gives it, also one that is outvoted
            alone: How = "alone" if found.sampled else "none"
            self._accept(found, best, "agreed" if len(best) > 1 else alone)
            return
        if found.going:
            if found.missing > 0 and another:  # who is bound waits for one who has gone
                self._queue(found)
            self._reveal(found)
            return
        tried = len(found.attempts) >= MOST_ATTEMPTS
        if tried and not found.votes:
            self._fail(found, found.why or "lost")
        elif best and (tried or not another):
            split = len(groups) > 1 and len(groups[1]) == len(best)
            if not split:
                self._accept(found, best, "agreed" if len(best) > 1 else "alone")
            else:  # they disagree and nobody is left to decide: the sender's own machine does
                self._fail(found, "disagreement")
        else:
            self._queue(found)

    def _judge_own(self, found: Open) -> None:
        lost = any(attempt.lost for attempt in found.attempts.values())
        if not found.votes and not lost:
            return
        self._close(found)
        if found.votes and found.purpose == "canary":
            self.verifier.judge_canary(found, found.votes[0])
        else:
            self._drop(found)

    def _drop(self, found: Open) -> None:
        if found.purpose == "measure":
            self._gauge.judge(found)
        self._forget(found)

    def _another_for(self, found: Open) -> bool:
        owner, proven = found.submitter.owner, found.doubted
        return self._roster.able(found.job, owner, without=found.asked, proven=proven)

    def _accept(self, found: Open, group: list[Vote], how: How) -> None:
        self._close(found)
        self.verifier.accept(found, group, how)

    def _fail(self, found: Open, why: str) -> None:
        if found.purpose == "job":
            self._settle(found, Outcome(why=why))
            return
        self._close(found)
        if found.purpose == "again":
            self.verifier.give_up(found)
        else:
            self._drop(found)

    def _settle(self, found: Open, outcome: Outcome) -> None:
        self._close(found)
        settlement = Settlement(
            submitter=found.submitter.id,
            owner=found.submitter.owner,
            key=found.job.key,
            code_hash=found.job.step.code_hash,
            outcome=outcome,
            relayed=str(found.job.relayed or ""),
        )
        self._put(found, settlement)

    def _close(self, found: Open) -> None:
        found.over = True
        for attempt in found.going:
            attempt.node.running.discard(attempt.nonce)
            attempt.node.owing.discard(attempt.nonce)
            self._command(attempt, "cancel")

    def _put(self, found: Open | None, finding: Finding) -> None:
        self.settler.put(found, finding)

    def _written(self, found: Open | None, finding: Finding) -> None:
        """Hear that something is in the book."""
        if found is not None:
            self._forget(found)
        if isinstance(finding, Ejected):
            self.verifier.look_again_at(finding.node, finding.kind, self._member)

    def _forget(self, found: Open) -> None:
        self._open.pop(found.key, None)
        for nonce in found.attempts:
            self._by_nonce.pop(nonce, None)

    # ---- looking after --------------------------------------------------------------------------

    async def _look_after(self) -> None:
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(0.1)
            now = time.monotonic()
            if now - renewed > LEASE_SECONDS / 3:
                renewed = now
                for found in list(self._open.values()):
                    if found.ack:
                        await self._jobs.renew(found.ack)
            for found in list(self._open.values()):
                for attempt in found.going:
                    taken = now - attempt.since
                    if taken > found.job.limits.wall_time + GRACE:
                        found.without.add(attempt.node.member.id)
                        self._chooser.learned(found.job.work, attempt.node.member.id, taken)
                        self._command(attempt, "cancel")
                        self._lose(found, attempt)
                    elif not attempt.node.there:
                        self._lose(found, attempt)
                self._reveal(found)
                idle = found.waiting and not found.going and not found.over
                if found.stranded(now, idle and not self._another_for(found)) > PATIENCE:
                    if found.votes:
                        self._judge(found)
                    else:
                        self._fail(found, found.why or "nobody")
            for made in self._gauge.due():
                self._take_in(made)
            if self._waiting:
                self._wake.set()
