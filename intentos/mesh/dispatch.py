"""Hands jobs to nodes, hands them on when a node goes, and settles what comes back.

Jobs wait in a JetStream work queue that only the hub touches; an unsettled one is delivered again
after a crash. What came of a job is settled in the book first and acknowledged to the queue after,
many in one transaction, so that the disk is forced once for all of them.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from intentos.errors import StoreError

from .blobs import Blobs, Grant
from .book import Book, Member, Settlement
from .choose import Chooser
from .identity import Identity
from .roster import Node, Roster
from .votes import agree
from .wire import (
    Answer,
    BadMessage,
    Command,
    Done,
    Head,
    Job,
    Outcome,
    Task,
    Told,
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
MOST_TOGETHER = 256
"""Outcomes in one transaction."""
MOST_ATTEMPTS = 5
PATIENCE = 6.0
"""Seconds that a job waits while no node that is there could ever do it."""
ARRIVAL_SECONDS = 0.75
"""After which a node has surely heard of what it was handed."""
GRACE = 30.0
"""Seconds beyond a step's own time that a node may take for files and starting."""
SPOT = 0.1
"""Share of jobs that a second owner's node repeats."""


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


@dataclass
class Open:
    """One job that is not over."""

    job: Job
    submitter: Member
    ack: str
    """Where the queue hears that it is over."""
    wanted: int
    """Answers that must agree."""
    sampled: bool = False
    """Whether it is to be repeated: where no other owner can, its sender does."""
    since: float = field(default_factory=time.monotonic)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    votes: list[tuple[Attempt, Done, float]] = field(default_factory=list)
    without: set[str] = field(default_factory=set)
    """Nodes that refused it."""
    why: str = ""
    waiting: bool = False
    over: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Unique among all jobs ever."""
        return self.submitter.id, self.job.key

    @property
    def going(self) -> list[Attempt]:
        """Attempts that an answer is expected of."""
        voted = {attempt.nonce for attempt, _, _ in self.votes}
        return [a for a in self.attempts.values() if not a.lost and a.nonce not in voted]

    @property
    def asked(self) -> frozenset[str]:
        """Ids and, among those that voted or try, owners that are not asked again."""
        owners = {a.node.member.owner for a in self.going}
        owners |= {attempt.node.member.owner for attempt, _, _ in self.votes}
        return frozenset(owners | self.without)


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
        self._waiting: deque[Open] = deque()
        self._settling: asyncio.Queue[tuple[Open | None, Settlement, str]] = asyncio.Queue()
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._tasks: list[asyncio.Task[None]] = []
        self.head = ""
        """The newest head of the record, sealed."""
        self.settled = 0
        self.reassigned = 0

    async def start(self) -> None:
        """Bind to the queue, and work until :meth:`stop`."""
        from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig
        from nats.js.errors import NotFoundError

        js = self._nats.jetstream(timeout=5)
        stream = StreamConfig(
            name="JOBS",
            subjects=["jobs.*"],
            retention=RetentionPolicy.WORK_QUEUE,
            duplicate_window=120,
            max_bytes=4 * 1024**3,
        )
        try:
            await js.stream_info("JOBS")
        except NotFoundError:
            await js.add_stream(stream)
        # A new consumer has everything delivered at once that the last hub had in its hands.
        with suppress(NotFoundError):
            await js.delete_consumer("JOBS", "hub")
        await self._nats.subscribe("deliver.jobs", cb=self._delivered)
        await js.add_consumer(
            "JOBS",
            ConsumerConfig(
                durable_name="hub",
                deliver_subject="deliver.jobs",
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=LEASE_SECONDS,
                max_ack_pending=MOST_OPEN,
            ),
        )
        await asyncio.to_thread(self._seal_head)
        self._tasks = [
            asyncio.create_task(work(), name=work.__name__)
            for work in (self._place_all, self._settle_all, self._look_after)
        ]

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
            await self._nats.publish(message.reply, b"+TERM")
            return
        known = self._open.get((submitter.id, job.key))
        if known is not None:
            known.ack = message.reply
            return
        outcome = self._book.outcome(submitter.id, job.key)
        if outcome is not None:
            await self._nats.publish(message.reply, b"+ACK")
            await self.tell(submitter.id, job.reply, settled(job.key, outcome, self.head))
            return
        wanted = {"none": 1, "jury2": 2, "jury3": 2}.get(job.verify, 1)
        sampled = job.verify == "spot" and random.random() < SPOT
        if sampled and self._another_owner(job, submitter):
            wanted = 2
        found = Open(job, submitter, message.reply, wanted, sampled=sampled)
        self._open[found.key] = found
        self._queue(found)

    def done(self, node: Node, data: bytes) -> None:
        """Take in an answer of a node; one that is not its own, or to nothing, is dropped."""
        try:
            done = unseal(Done, data, node.member.id)
        except BadMessage:
            return
        found = self._by_nonce.get(done.nonce)
        attempt = found.attempts.get(done.nonce) if found is not None else None
        if found is None or attempt is None or attempt.node is not node or found.over:
            return
        if (done.submitter, done.key) != found.key:
            return
        node.running.discard(done.nonce)
        self._wake.set()
        if done.outcome == "result":
            seconds = time.monotonic() - attempt.since
            node.trouble = 0
            found.votes.append((attempt, done, seconds))
            self._chooser.learned(_kind(found.job), node.member.id, seconds)
        else:
            attempt.lost = True
            if done.outcome == "refused":
                node.trouble += 1
                found.without.add(node.member.id)
                found.why = done.why
        self._judge(found)

    def compare(self, node: Node, running: tuple[str, ...]) -> list[Command]:
        """Compare what a node says it has in hand with what it was handed; return what to tell it.

        Between the hub and a node a message may be lost when the server is started again.
        """
        commands = [
            Command(what="cancel", nonce=nonce) for nonce in running if nonce not in self._by_nonce
        ]
        now, there = time.monotonic(), set(running)
        for nonce in list(node.running):
            found = self._by_nonce.get(nonce)
            attempt = found.attempts.get(nonce) if found is not None else None
            if found is None or attempt is None:
                node.running.discard(nonce)
                continue
            if nonce in there or now - attempt.since < ARRIVAL_SECONDS:
                attempt.missed = 0
                continue
            attempt.missed += 1
            if attempt.missed == 1:  # its answer may be on the way, or lost
                commands.append(Command(what="again", nonce=nonce))
            elif attempt.missed > 2:
                self._lose(found, attempt)
        return commands

    def event(self, node: Node, told: Told) -> tuple[str, str] | None:
        """Return who waits for a live event, as member and reply; None: nobody."""
        found = self._by_nonce.get(told.nonce)
        if found is None or found.over or (told.submitter, told.key) != found.key:
            return None
        attempt = found.attempts.get(told.nonce)
        first = next(iter(found.going), None)
        # Of several that do the same, one is heard.
        if attempt is None or attempt is not first or attempt.node is not node:
            return None
        return found.submitter.id, found.job.reply

    def cancel(self, submitter: str, key: str) -> bool:
        """End a job that its sender no longer wants; False: there is none that goes on."""
        found = self._open.get((submitter, key))
        if found is None or found.over:
            return False
        self._settle(found, Outcome(why="canceled"), ())
        return True

    def gone(self, id: str) -> None:
        """Take everything from a node that is not there any more, or may not be."""
        for found in list(self._open.values()):
            for attempt in found.going:
                if attempt.node.member.id == id:
                    self._lose(found, attempt)

    def cancel_soon(self, submitter: str, key: str) -> bool:
        """Cancel from another thread; False: no such job goes on."""
        known = (submitter, key) in self._open
        self._loop.call_soon_threadsafe(self.cancel, submitter, key)
        return known

    def look(self) -> None:
        """Look for nodes for what waits: somebody is free."""
        self._wake.set()

    def tell_soon(self, member: str, reply: str, message: Answer) -> None:
        """Say something to a member's connection, without waiting for it."""
        self._soon(f"out.{member}.{reply}", seal(self._identity, message))

    async def tell(self, member: str, reply: str, message: Answer | Told) -> None:
        """Say something to a member's connection."""
        await self._nats.publish(f"out.{member}.{reply}", seal(self._identity, message))

    # ---- out ------------------------------------------------------------------------------------

    def _queue(self, found: Open) -> None:
        if not found.waiting and not found.over:
            found.waiting = True
            self._waiting.append(found)
        self._wake.set()

    async def _place_all(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            skipped: list[Open] = []
            # What nobody can take now must not hold up the others, nor be looked at for ever.
            while self._waiting and len(skipped) < 64 and self._anybody_free():
                found = self._waiting.popleft()
                found.waiting = False
                if found.over:
                    continue
                if not await self._place(found):
                    skipped.append(found)
            for found in reversed(skipped):
                found.waiting = True
                self._waiting.appendleft(found)
            await asyncio.sleep(0)

    def _anybody_free(self) -> bool:
        return any(
            node.there and not node.paused and node.load < 1 for node in self._roster.every()
        )

    async def _place(self, found: Open) -> bool:
        """Hand a job to as many nodes as it still wants; False: not to all of them."""
        while True:
            more = self._missing(found)
            if more <= 0:
                return True
            owner = found.submitter.owner
            nodes = self._roster.free(found.job, owner, without=found.asked)
            if not nodes:
                return False
            await self._hand(found, self._chooser.choose(_kind(found.job), nodes))

    def _missing(self, found: Open) -> int:
        first = 3 if found.job.verify == "jury3" else found.wanted
        best = max((len(group) for group in _groups(found)), default=0)
        # Disagreement asks for one more at a time.
        need = first if not found.votes else max(found.wanted - best, first - len(found.votes))
        if found.votes and best >= found.wanted:
            need = 0
        return need - len(found.going)

    async def _hand(self, found: Open, node: Node) -> None:
        job, now = found.job, time.time()
        nonce = secrets.token_hex(16)
        until = now + job.limits.wall_time + 600
        owner = found.submitter.owner
        downloads = {
            name: self._blobs.grant(
                Grant(do="get", by=node.member.id, owner=owner, until=until, sha256=blob.sha256)
            )
            for name, blob in job.inputs.items()
        }
        upload = Grant(
            do="put",
            by=node.member.id,
            owner=owner,
            until=until,
            bytes=max(job.limits.artifact_bytes, 4 * job.limits.output_bytes),
        )
        task = Task(
            job=job,
            submitter=found.submitter.id,
            owner=owner,
            nonce=nonce,
            downloads=downloads,
            upload=self._blobs.grant(upload),
            head=self.head,
        )
        attempt = Attempt(nonce, node, time.monotonic())
        found.attempts[nonce] = attempt
        self._by_nonce[nonce] = found
        node.running.add(nonce)
        await self._nats.publish(f"run.{node.member.id}", seal(self._identity, task))

    def _lose(self, found: Open, attempt: Attempt) -> None:
        attempt.lost = True
        attempt.node.running.discard(attempt.nonce)
        self.reassigned += 1
        self._judge(found)

    # ---- judging --------------------------------------------------------------------------------

    def _judge(self, found: Open) -> None:
        """Settle a job if it can be, else look for another node."""
        if found.over:
            return
        groups = _groups(found)
        best = max(groups, key=len, default=[])
        if len(best) >= found.wanted:
            checked = len(best) > 1
            alone = "alone" if found.sampled else "none"
            self._accept(found, best, "agreed" if checked else alone)
            return
        if found.going:
            return
        tried = len(found.attempts) >= MOST_ATTEMPTS
        if tried and not found.votes:
            self._settle(found, Outcome(why=found.why or "lost"), ())
        elif best and (tried or not self._another_for(found)):
            if len(groups) == 1:
                self._accept(found, best, "alone")
            else:  # they disagree and nobody is left to decide: the sender's own machine does
                self._settle(found, Outcome(why="disagreement"), ())
        else:
            self._queue(found)

    def _another_for(self, found: Open) -> bool:
        return self._roster.able(found.job, found.submitter.owner, without=found.asked)

    def _another_owner(self, job: Job, submitter: Member) -> bool:
        owners = {
            node.member.owner
            for node in self._roster.every()
            if node.there and node.could(job, submitter.owner)
        }
        return len(owners) > 1

    def _accept(self, found: Open, group: list[tuple[Attempt, Done, float]], how: str) -> None:
        attempt, done, seconds = group[0]
        member = attempt.node.member
        outcome = Outcome.model_validate(
            {
                "result": done.result,
                "node": member.id,
                "node_name": member.name,
                "owner": member.owner,
                "seconds": seconds,
                "verified": how,
                "attempts": len(found.attempts),
            }
        )
        paid = tuple((a.node.member.id, a.node.member.owner, took) for a, _, took in group)
        self._settle(found, outcome, paid)

    def _settle(
        self, found: Open, outcome: Outcome, paid: tuple[tuple[str, str, float], ...]
    ) -> None:
        found.over = True
        for attempt in found.going:
            attempt.node.running.discard(attempt.nonce)
            command = Command(what="cancel", nonce=attempt.nonce)
            self._soon(f"ctl.{attempt.node.member.id}", seal(self._identity, command))
        settlement = Settlement(
            submitter=found.submitter.id,
            owner=found.submitter.owner,
            key=found.job.key,
            code_hash=found.job.step.code_hash,
            outcome=outcome,
            paid=paid,
        )
        self._settling.put_nowait((found, settlement, found.job.reply))

    def _soon(self, subject: str, data: bytes) -> None:
        async def publish() -> None:
            await self._nats.publish(subject, data)

        task = asyncio.create_task(publish())
        task.add_done_callback(lambda done: done.exception() if not done.cancelled() else None)

    async def _settle_all(self) -> None:
        while True:
            batch = [await self._settling.get()]
            while len(batch) < MOST_TOGETHER and not self._settling.empty():
                batch.append(self._settling.get_nowait())
            while True:
                try:
                    await asyncio.to_thread(self._write, [one for _, one, _ in batch])
                    break
                except StoreError:
                    # A full disk: nothing is acknowledged until it can be kept.
                    await asyncio.sleep(0.5)
            for found, one, reply in batch:
                if found is not None:
                    await self._nats.publish(found.ack, b"+ACK")
                    del self._open[found.key]
                    for nonce in found.attempts:
                        self._by_nonce.pop(nonce, None)
                await self.tell(one.submitter, reply, settled(one.key, one.outcome, self.head))
            self.settled += len(batch)

    def _write(self, settlements: list[Settlement]) -> None:
        self._book.settle(settlements)
        self._seal_head()

    def _seal_head(self) -> None:
        import base64

        seq, digest = self._book.head()
        head = Head(hub=self._identity.id, seq=seq, hash=digest)
        self.head = base64.b64encode(seal(self._identity, head)).decode()

    # ---- looking after --------------------------------------------------------------------------

    async def _look_after(self) -> None:
        renewed = time.monotonic()
        while True:
            await asyncio.sleep(0.1)
            now = time.monotonic()
            if now - renewed > LEASE_SECONDS / 3:
                renewed = now
                for found in list(self._open.values()):
                    await self._nats.publish(found.ack, b"+WPI")
            for found in list(self._open.values()):
                for attempt in found.going:
                    overdue = now - attempt.since > found.job.limits.wall_time + GRACE
                    if not attempt.node.there or overdue:
                        self._lose(found, attempt)
                idle = found.waiting and not found.going and not found.over
                if idle and now - found.since > PATIENCE and not self._another_for(found):
                    if found.votes:
                        self._judge(found)
                    else:
                        self._settle(found, Outcome(why=found.why or "nobody"), ())
            if self._waiting:
                self._wake.set()


def settled(key: str, outcome: Outcome, head: str) -> Answer:
    """Return what a member is told of a job that is over."""
    return Answer(id=key, status="settled", outcome=outcome, head=head)


def _kind(job: Job) -> str:
    return f"{job.step.language}:{job.step.code_hash[:16]}"


def _groups(found: Open) -> list[list[tuple[Attempt, Done, float]]]:
    """Return the votes by what they say."""
    groups: list[list[tuple[Attempt, Done, float]]] = []
    for vote in found.votes:
        for group in groups:
            first, own = group[0][1].result, vote[1].result
            if first is not None and own is not None and agree(first, own):
                group.append(vote)
                break
        else:
            groups.append([vote])
    return groups
