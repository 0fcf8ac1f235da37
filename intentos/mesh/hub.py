"""The hub: server, door, dispatcher and book of one mesh, in one process.

Whatever it had acknowledged before it was killed is on the disk, and goes on when it is started
again in the same folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from intentos.errors import ExecutorError, StoreError, UsageError
from intentos.registry import Registry
from intentos.types import now

from . import pin, room
from .accounts import Accounts
from .blobs import Blobs
from .book import KEEP_JOBS_SECONDS, Book, Member
from .choose import CHOOSERS, DEFAULT, Chooser
from .connection import connected, shut
from .dispatch import Dispatcher
from .door import Door
from .enquiries import Enquiries
from .identity import Identity
from .invite import Joined
from .phone import Phones
from .roster import Roster
from .server import Server
from .settle import settled
from .trust import READMITTED, Trust
from .wire import (
    Answer,
    BadMessage,
    Command,
    Heartbeat,
    Job,
    Request,
    Told,
    kind_of,
    seal,
    unseal,
)

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.js.api import PubAck

PORT = 7420
"""Of the door; the server has the next one."""
LOOK_SECONDS = 0.3


class Hub:
    """One mesh's hub."""

    def __init__(
        self,
        folder: Path,
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
        hosts: tuple[str, ...] = (),
        chooser: Chooser | None = None,
        sync: str = "always",
        registry: Registry | None = None,
        full: Callable[[bool], None] = lambda full: None,
        points: bool | None = None,
        prices: Mapping[str, float] | None = None,
    ) -> None:
        """``host``: the address to listen on; ``hosts``: names that others reach it by;
        ``registry``: what prepares steps for phones, by default what came with IntentOS;
        ``full`` hears when the disk is, and when it no longer is; ``points``: whether they are on,
        None: as last time; ``prices``: those that change."""
        self._tell_full = full
        self._was_full = False
        self._points = points
        self._prices = prices or {}
        self.folder = folder
        self._registry = registry
        self.host = host
        self.port = port
        self._sync = sync
        self._hosts = (host, *hosts)
        self._chooser = chooser or CHOOSERS[DEFAULT]()
        self._lock = FileLock(folder / "hub.lock", thread_local=False)
        self._members: dict[str, Member] = {}
        self._admitted: set[str] = set()
        """Whom the server lets in."""
        self._admitting = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self.trust = Trust()
        self.roster = Roster(self.trust)
        self._nats: Client | None = None

    async def start(self) -> None:
        """Start everything; returns when it answers.

        Raises:
            UsageError: another hub runs in this folder, or the port is taken.
            ExecutorUnavailable: the server program is missing.
            ExecutorError: the server does not come up.
            StoreError: the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=2)
        except Timeout as error:
            raise UsageError("mesh.hub_runs", path=str(self.folder)) from error
        try:
            await self._open()
        except BaseException:
            await self.stop()
            raise
        self.book.note("started", {"at": now().isoformat()})
        self._watching = asyncio.create_task(self._watch())

    async def _open(self) -> None:
        self.identity = Identity.kept(self.folder / "key")
        self.book = Book(self.folder / "book.db")
        files = pin.certificate(self.folder, self._hosts)
        self.certificate = files[0].read_text("ascii")
        self.fingerprint = pin.fingerprint(self.certificate)
        self.blobs = Blobs(self.folder / "blobs", self.book)
        self.blobs.sweep()
        self._refresh()
        self.trust.load(self.book.standings())
        self.accounts = Accounts(self.book)
        await asyncio.to_thread(self.accounts.post, self._points, self._prices)
        self.server = Server(
            folder=self.folder,
            host=self.host,
            port=self.port + 1,
            certificate=files,
            hub=self.identity.id,
            sync=self._sync,
        )
        self._door = Door(
            book=self.book,
            blobs=self.blobs,
            fingerprint=self.fingerprint,
            certificate=self.certificate,
            admit=self._admit,
        )
        for port in (self.port, self.port + 1):
            _free(self.host, port)
        self._admitted = self._let_in()
        await self.server.start(self._admitted)
        self._nats = await connected(
            self.identity, ["127.0.0.1", self.host], self.port + 1, self.certificate
        )
        self.dispatcher = Dispatcher(
            identity=self.identity,
            nats=self._nats,
            book=self.book,
            blobs=self.blobs,
            roster=self.roster,
            chooser=self._chooser,
            trust=self.trust,
            accounts=self.accounts,
            member=self._members.get,
        )
        await self.dispatcher.start()
        self._enquiries = Enquiries(
            book=self.book,
            blobs=self.blobs,
            roster=self.roster,
            accounts=self.accounts,
            dispatcher=self.dispatcher,
        )
        self._js = self._nats.jetstream(timeout=5)
        await self._nats.subscribe("hb.*", cb=self._heartbeat)
        await self._nats.subscribe("done.*", cb=self._done)
        await self._nats.subscribe("ev.*.*", cb=self._event)
        await self._nats.subscribe("ask.*", cb=self._asked)
        await self._nats.flush()
        self.phones = Phones(
            identity=self.identity,
            fingerprint=self.fingerprint,
            folder=self.folder / "phones",
            nats=self._nats,
            blobs=self.blobs,
            registry=self._made_for_phones,
            member=self._members.get,
            hear=self._hear,
            done=self._phone_done,
            tell=self._pass_on,
            gone=self.dispatcher.gone,
        )
        self._door.phone_line = self.phones.line
        await self._door.open(self.host, self.port, pin.serving(*files))

    async def stop(self) -> None:
        """End everything; what was acknowledged stays."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if hasattr(self, "phones"):
            await self.phones.close()
        if hasattr(self, "_door"):
            await self._door.close()
        if hasattr(self, "dispatcher"):
            await self.dispatcher.stop()
        if self._nats is not None:
            await shut(self._nats)
        if hasattr(self, "server"):
            await self.server.stop()
        if hasattr(self, "book"):
            self.book.close()
        self._lock.release()

    async def serve(self) -> None:
        """Return only when something of the hub itself has broken.

        Raises:
            ExecutorError: it has.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            broken = self.dispatcher.trouble()
            if self._watching is not None and self._watching.done():
                broken = broken or self._watching.exception()
            if broken is not None:
                raise ExecutorError("mesh.hub_broke", what=repr(broken)) from broken

    async def revoke(self, id: str, why: str) -> bool:
        """Put somebody out, now; False: they were not in."""
        found = await asyncio.to_thread(self.book.revoke, id, why)
        await self.renew()
        return found

    # ---- members ----------------------------------------------------------------------------

    def _let_in(self) -> set[str]:
        return {id for id, member in self._members.items() if not member.revoked}

    def _refresh(self) -> bool:
        """Read who is a member; True: it has changed."""
        members = {member.id: member for member in self.book.members()}
        changed = members != self._members
        self._members.clear()
        self._members.update(members)
        return changed

    async def renew(self) -> None:
        """Read the members from the book again, and let exactly them in."""
        async with self._admitting:
            changed = self._refresh()
            before, after = self._admitted, self._let_in()
            if before != after:  # also where it could not be told the last time
                await self.server.admit(after)
                self._admitted = after
            elif not changed:
                return
            for id in before - after:
                self.roster.forget(id)
                self.dispatcher.gone(id)
            await self.phones.keep_only(after)

    async def _admit(self, member: Member) -> Joined:
        await self.renew()
        return Joined.model_validate(
            {
                "hub": self.identity.id,
                "owner": member.owner,
                "role": member.role,
                "certificate": self.certificate,
                "server_port": self.port + 1,
            }
        )

    async def _watch(self) -> None:
        """Notice what other processes write into the book: invites, members put out."""
        swept = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self._look_at_disk()
            with suppress(StoreError, OSError):  # a full disk: once more when there is room
                if await asyncio.to_thread(self.book.changed) or self._admitted != self._let_in():
                    self._readmit()
                    await self.renew()
                if time.monotonic() - swept > 3600:
                    swept = time.monotonic()
                    await asyncio.to_thread(self.blobs.sweep)
                    await asyncio.to_thread(self.book.forget_jobs, time.time() - KEEP_JOBS_SECONDS)

    def _look_at_disk(self) -> None:
        full = room.full(self.folder)
        if full != self._was_full:
            self._was_full = full
            self._tell_full(full)
        if self.server.stuck and not full:
            self.server.renew()

    def _readmit(self) -> None:
        """Give a node work again whose ejection somebody has taken back."""
        self.trust.load([row for row in self.book.standings() if row.doubts == READMITTED])

    # ---- what comes in ------------------------------------------------------------------------

    def _sender(self, message: Msg) -> Member | None:
        # The server lets each key publish under its own id only.
        member = self._members.get(message.subject.split(".")[1])
        return None if member is None or member.revoked else member

    async def _heartbeat(self, message: Msg) -> None:
        member = self._sender(message)
        with suppress(BadMessage):
            if member is None:
                return
            await self._hear(member, unseal(Heartbeat, message.data, member.id))

    async def _hear(self, member: Member, heartbeat: Heartbeat) -> None:
        before = self.roster.get(member.id)
        was_free = before is not None and before.there and not before.paused
        node = self.roster.hear(member, heartbeat)
        commands = self.dispatcher.compare(node, heartbeat.running)
        if node.offer is None:
            commands.append(Command(what="hello"))
        for command in commands:
            assert self._nats is not None
            await self._nats.publish(f"ctl.{member.id}", seal(self.identity, command))
        if not was_free:
            self.dispatcher.look()

    async def _done(self, message: Msg) -> None:
        member = self._sender(message)
        node = self.roster.get(member.id) if member is not None else None
        if node is not None:
            self.dispatcher.done(node, message.data)

    async def _event(self, message: Msg) -> None:
        member = self._sender(message)
        node = self.roster.get(member.id) if member is not None else None
        with suppress(BadMessage):
            if node is None:
                return
            await self._pass_on(node.member.id, unseal(Told, message.data, node.member.id))

    async def _pass_on(self, id: str, told: Told) -> None:
        node = self.roster.get(id)
        to = self.dispatcher.event(node, told) if node is not None else None
        if to is not None:
            await self.dispatcher.settler.tell(*to, told)

    def _phone_done(self, id: str, data: bytes) -> None:
        node = self.roster.get(id)
        if node is not None:
            self.dispatcher.held(node, data)

    def _made_for_phones(self) -> Registry:
        if self._registry is None:
            self._registry = Registry(plugins=False)
        return self._registry

    async def _asked(self, message: Msg) -> None:
        member = self._sender(message)
        if member is None:
            return
        try:
            if kind_of(message.data) == "job":
                await self._job(member, unseal(Job, message.data, member.id), message.data)
            else:
                request = unseal(Request, message.data, member.id)
                answer = await asyncio.to_thread(self._enquiries.answer, member, request)
                await self.dispatcher.settler.tell(member.id, request.reply, answer)
        except BadMessage:
            return  # nobody can be told: where the answer goes stood in what cannot be read

    async def _job(self, member: Member, job: Job, data: bytes) -> None:
        why = self._refusal(member, job)
        if why:
            answer = Answer(id=job.key, status="refused", why=why)
            await self.dispatcher.settler.tell(member.id, job.reply, answer)
            return
        outcome = self.book.outcome(member.id, job.key)
        if outcome is not None:
            answer = settled(job.key, outcome, self.dispatcher.settler.head)
            await self.dispatcher.settler.tell(member.id, job.reply, answer)
            return
        if self._was_full and not self.dispatcher.knows(member.id, job.key):
            # While there is still room to finish what was taken in.
            answer = Answer(id=job.key, status="refused", why="full")
            await self.dispatcher.settler.tell(member.id, job.reply, answer)
            return
        headers = {"Nats-Msg-Id": f"{member.id}.{job.key}"}
        accepting = await self._js.publish_async(f"jobs.{member.id}", data, headers=headers)

        def accepted(done: asyncio.Future[PubAck]) -> None:
            # Unanswered, the sender asks again under the same key.
            if not done.cancelled() and done.exception() is None:
                self.dispatcher.settler.tell_soon(
                    member.id, job.reply, Answer(id=job.key, status="accepted")
                )

        accepting.add_done_callback(accepted)

    def _refusal(self, member: Member, job: Job) -> str:
        if member.role != "member":
            return "role"
        if job.step.needs - {"gpu"}:
            return "needs"
        if job.relayed is not None and job.relayed.hub == self.identity.id:
            return "loop"
        for blob in job.inputs.values():
            if self.book.blob(blob.sha256, member.owner) != blob.size:
                return "input"
        return ""


def _free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            told = {"host": host, "port": port, "what": error.strerror or str(error)}
            raise UsageError("mesh.port", **told) from error
