"""Writes down what came of jobs, and tells it: the book first, the queue and the sender after.

Many findings share one transaction, so that the disk is forced once for all of them.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import TYPE_CHECKING

from intentos.errors import StoreError

from .accounts import Accounts
from .book import Book
from .findings import CORRECTING, Finding, Reviewed, Settlement
from .identity import Identity
from .job_queue import JobQueue
from .open_job import Open
from .trust import StandingRow, Trust
from .wire import Answer, Head, Outcome, Told, seal

if TYPE_CHECKING:
    from nats.aio.client import Client

MOST_TOGETHER = 256
"""Findings in one transaction."""


class Settler:
    """Between the dispatcher and the book."""

    def __init__(
        self,
        *,
        identity: Identity,
        nats: Client,
        jobs: JobQueue,
        book: Book,
        trust: Trust,
        accounts: Accounts,
        written: Callable[[Open | None, Finding], None],
    ) -> None:
        """``written`` hears of each finding once it is in the book."""
        self._identity = identity
        self._nats = nats
        self._jobs = jobs
        self._book = book
        self._trust = trust
        self._accounts = accounts
        self._written = written
        self._waiting: asyncio.Queue[tuple[Open | None, Finding]] = asyncio.Queue()
        self._telling: set[asyncio.Task[None]] = set()
        self.head = ""
        """The newest head of the record, sealed."""
        self.settled = 0

    def put(self, found: Open | None, finding: Finding) -> None:
        """Have something written down, in order."""
        self._waiting.put_nowait((found, finding))

    async def settle_all(self) -> None:
        """Write and tell until canceled."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < MOST_TOGETHER and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            standings = self._trust.changed()
            while True:
                try:
                    await asyncio.to_thread(
                        self._write, [finding for _, finding in batch], standings
                    )
                    break
                except StoreError:
                    # A full disk: nothing is acknowledged until it can be kept.
                    await asyncio.sleep(0.5)
            if self._accounts.on:
                await asyncio.to_thread(self._accounts.catch_up)
            for found, finding in batch:
                if found is not None and found.ack:
                    await self._jobs.over(found.ack)
                self._written(found, finding)
                reply = found.job.reply if found is not None else ""
                if isinstance(finding, Settlement):
                    self.settled += 1
                    answer = settled(finding.key, finding.outcome, self.head)
                    await self.tell(finding.submitter, reply, answer)
                elif isinstance(finding, Reviewed) and finding.what in CORRECTING:
                    answer = Answer(
                        id=finding.key,
                        status="corrected",
                        why=finding.what,
                        outcome=finding.outcome,
                        head=self.head,
                    )
                    await self.tell(finding.submitter, reply, answer)

    def _write(self, findings: list[Finding], standings: list[StandingRow]) -> None:
        self._book.settle(findings, standings)
        self.seal_head()

    def seal_head(self) -> None:
        """Sign where the record stands."""
        seq, digest = self._book.head()
        head = Head(hub=self._identity.id, seq=seq, hash=digest)
        self.head = base64.b64encode(seal(self._identity, head)).decode()

    def tell_soon(self, member: str, reply: str, message: Answer) -> None:
        """Say something to a member's connection, without waiting for it."""
        self.soon(f"out.{member}.{reply}", seal(self._identity, message))

    async def tell(self, member: str, reply: str, message: Answer | Told) -> None:
        """Say something to a member's connection."""
        await self._nats.publish(f"out.{member}.{reply}", seal(self._identity, message))

    def soon(self, subject: str, data: bytes) -> None:
        """Publish without waiting; what is lost is asked for again."""

        async def publish() -> None:
            await self._nats.publish(subject, data)

        task = asyncio.create_task(publish())
        self._telling.add(task)
        task.add_done_callback(self._told)

    def _told(self, done: asyncio.Task[None]) -> None:
        self._telling.discard(done)
        if not done.cancelled():
            done.exception()


def settled(key: str, outcome: Outcome, head: str) -> Answer:
    """Return what a member is told of a job that is over."""
    return Answer(id=key, status="settled", outcome=outcome, head=head)
