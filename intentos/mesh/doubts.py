"""Results that who asked for them does not believe: done once more by others, who alone decide.

A member's own look at a kernel's result proves nothing to anybody else. So the very job is done
again, once, by proven nodes of other owners than the doubted and the doubting one; what they get
counts as it does in any second look. Complaining without reason so costs the complainer, and no
more than a few times a day.
"""

from __future__ import annotations

import asyncio
import threading
import time

from intentos.errors import StoreError

from .book import Book, Member
from .roster import Roster
from .verify import Verifier
from .wire import Job

MOST = 20
"""Doubts of one owner's within :data:`SPAN`."""
SPAN = 24 * 3600.0


class Doubts:
    """What members do not believe."""

    def __init__(self, *, book: Book, roster: Roster, verifier: Verifier) -> None:
        """To be made in the hub's event loop."""
        self._book = book
        self._roster = roster
        self._verifier = verifier
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()

    def take(self, member: Member, key: str) -> str:
        """Have a settled job of a member's done again, from any thread; return why not, or nothing.

        One that is done again already stays that: a member asks more than once for an answer.
        """
        with self._lock:
            return "" if self._book.doubted(member.id, key) else self._take(member, key)

    def _take(self, member: Member, key: str) -> str:
        kept = self._book.kept_job(member.id, key)
        before = self._book.outcome(member.id, key)
        if kept is None or before is None or before.result is None or not before.node:
            return "unknown"
        text, vouched = kept
        job = Job.model_validate_json(text)
        if job.step.language != "kernel":
            return "unknown"  # nobody can judge it by looking at it
        again = self._verifier.doubted(member, job, before, vouched)
        if not self._roster.able(job, member.owner, without=again.asked, proven=True):
            return "nobody"
        try:
            if not self._book.doubt(member, key, since=time.time() - SPAN, most=MOST):
                return "enough"
        except StoreError:  # a full disk, of which the hub itself tells
            return "full"
        self._loop.call_soon_threadsafe(self._verifier.take_up, again)
        return ""
