"""What members ask the hub, and its answers; whoever speaks was let in."""

from __future__ import annotations

import time

from .accounts import Accounts
from .blobs import Blobs, Grant
from .book import Book, Member
from .dispatch import Dispatcher
from .doubts import Doubts
from .roster import Roster
from .wire import Answer, Request

UPLOAD_SECONDS = 3600.0


class Enquiries:
    """The counter of one hub."""

    def __init__(
        self,
        *,
        book: Book,
        blobs: Blobs,
        roster: Roster,
        accounts: Accounts,
        dispatcher: Dispatcher,
    ) -> None:
        """To be made in the hub's event loop."""
        self._book = book
        self._blobs = blobs
        self._roster = roster
        self._accounts = accounts
        self._dispatcher = dispatcher
        self._doubts = Doubts(book=book, roster=roster, verifier=dispatcher.verifier)

    def answer(self, member: Member, request: Request) -> Answer:
        """Return what a member is told; called from any thread, as it reads the book."""
        answer = Answer(id=request.id, status="ok", head=self._dispatcher.settler.head)
        match request.what:
            case "upload":
                grant = Grant(
                    do="put",
                    by=member.id,
                    owner=member.owner,
                    until=time.time() + UPLOAD_SECONDS,
                    bytes=request.bytes,
                )
                return answer.model_copy(update={"grant": self._blobs.grant(grant)})
            case "download":
                blob = request.blob
                if blob is None or self._book.blob(blob.sha256, member.owner) is None:
                    return answer.model_copy(update={"status": "unknown"})
                until = time.time() + UPLOAD_SECONDS
                grant = Grant(
                    do="get", by=member.id, owner=member.owner, until=until, sha256=blob.sha256
                )
                return answer.model_copy(update={"grant": self._blobs.grant(grant)})
            case "result":
                outcome = self._book.outcome(member.id, request.key or "")
                if outcome is None:
                    return answer.model_copy(update={"status": "unknown"})
                return answer.model_copy(update={"status": "settled", "outcome": outcome})
            case "cancel":
                known = self._dispatcher.cancel_soon(member.id, request.key or "")
                return answer.model_copy(update={"status": "ok" if known else "unknown"})
            case "doubt":
                why = self._doubts.take(member, request.key or "")
                status = "refused" if why else "ok"
                return answer.model_copy(update={"status": status, "why": why})
            case "peers":
                points = self._accounts.statement() if self._accounts.on else None
                peers = self._roster.peers()
                return answer.model_copy(update={"peers": peers, "points": points})
            case "points":
                return answer.model_copy(update={"points": self._accounts.statement()})
            case "corrections":
                found = tuple(self._book.corrections(member.id, request.since))
                return answer.model_copy(update={"corrections": found})
            case "audit":
                entries = tuple(self._book.entries(request.since))
                return answer.model_copy(update={"entries": entries})
