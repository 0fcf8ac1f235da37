"""A member's line to its hub: NATS for what is said, HTTPS for what is large; outbound only."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from intentos.errors import ExecutorError, ExecutorUnavailable, StoreError, UsageError
from intentos.types import Sha256, new_id

from . import pin
from .blobs import PIECE, proof_of
from .connection import connected, shut
from .identity import Identity
from .invite import Joined, Joining, Link
from .wire import (
    Answer,
    BadMessage,
    Blob,
    Id,
    Request,
    Role,
    Short,
    Told,
    Wire,
    kind_of,
    seal,
    unseal,
)

if TYPE_CHECKING:
    from aiohttp import ClientSession, Fingerprint
    from nats.aio.client import Client
    from nats.aio.msg import Msg

ANSWER_SECONDS = 8.0
AGAIN_SECONDS = 2.0
"""After which the hub is asked once more; no request changes more when it comes twice."""
TRIES = 5


def require() -> None:
    """Return if what the mesh needs is installed, else raise ExecutorUnavailable."""
    missing = [
        name
        for name in ("aiohttp", "nats", "nkeys", "segno", "zeroconf")
        if find_spec(name) is None
    ]
    if missing:
        raise ExecutorUnavailable("mesh.no_packages", names=", ".join(missing))


class Membership(Wire):
    """Of which hub a machine is a member, and how it is reached."""

    kind: str = "membership"
    host: Short
    port: int
    server_port: int
    fingerprint: Sha256
    certificate: Annotated[str, Field(max_length=10_000)]
    hub: Id
    owner: Short
    role: Role


def read_membership(path: Path) -> Membership:
    """Return what a machine has joined.

    Raises:
        ExecutorUnavailable: it has joined no hub.
        StoreError: the file is damaged.
    """
    try:
        return Membership.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ExecutorUnavailable("mesh.no_hub") from None
    except (OSError, ValidationError) as error:
        raise StoreError("mesh.damaged", path=str(path), what=str(error)[:200]) from error


def write_membership(path: Path, membership: Membership) -> None:
    """Keep what a machine has joined."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_text(membership.model_dump_json(indent=1), "utf-8")
    os.replace(temporary, path)


async def join(link: Link, identity: Identity, name: str) -> Membership:
    """Redeem an invite.

    Raises:
        UsageError: the invite is used, has run out or is unknown, or the hub is another one than
            the link says.
        ExecutorUnavailable: the hub cannot be reached.
    """
    import aiohttp

    joining = Joining(token=link.token, fingerprint=link.fingerprint, name=name)
    host = f"[{link.host}]" if ":" in link.host else link.host
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as session,
            session.post(
                f"https://{host}:{link.port}/join",
                data=seal(identity, joining),
                headers={"Intentos-Key": identity.id},
                ssl=aiohttp.Fingerprint(bytes.fromhex(link.fingerprint)),
            ) as response,
        ):
            if response.status != 200:
                why = str((await response.json()).get("why", ""))[:200]
                if why == "full":
                    raise ExecutorUnavailable("mesh.hub_full", why=why)
                known = {"used", "expired", "unknown", "revoked", "slow_down"}
                code = f"mesh.invite_{why}" if why in known else "mesh.invite_refused"
                raise UsageError(code, what=why)
            joined = Joined.model_validate_json(await response.read())
    except aiohttp.ServerFingerprintMismatch as error:
        raise UsageError("mesh.another_hub", host=link.host) from error
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        told = {"host": link.host, "port": link.port, "what": str(error) or type(error).__name__}
        raise ExecutorUnavailable("mesh.unreachable", **told) from error
    if pin.fingerprint(joined.certificate) != link.fingerprint:
        raise UsageError("mesh.another_hub", host=link.host)
    return Membership(
        host=link.host,
        port=link.port,
        server_port=joined.server_port,
        fingerprint=link.fingerprint,
        certificate=joined.certificate,
        hub=joined.hub,
        owner=joined.owner,
        role=joined.role,
    )


class Line:
    """One connection of a member's; closes with the block that it is opened for."""

    def __init__(
        self,
        identity: Identity,
        membership: Membership,
        *,
        closed: Callable[[], None] = lambda: None,
        up: Callable[[], None] = lambda: None,
    ) -> None:
        self.identity = identity
        self.membership = membership
        self.reply = secrets.token_hex(8)
        self.nats: Client | None = None
        self._closed = closed
        self._up = up
        self._session: ClientSession | None = None
        self._answers: dict[str, asyncio.Queue[Answer | Told | None]] = {}
        self.heads: list[str] = []
        """Sealed heads of the hub's record that came with answers, the newest last."""
        self.corrected: list[Answer] = []
        """What the hub told of results that had been settled otherwise before."""

    async def __aenter__(self) -> Line:
        """Connect; raises ExecutorUnavailable where the hub does not answer."""
        import aiohttp

        there = self.membership
        self.nats = await connected(
            self.identity,
            [there.host],
            there.server_port,
            there.certificate,
            closed=self._closed,
            up=self._on_up,
        )
        await self.nats.subscribe(f"out.{self.identity.id}.{self.reply}", cb=self._answered)
        await self.nats.flush()
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, connect=10, sock_read=60),
            auto_decompress=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Let go of the hub."""
        if self._session is not None:
            await self._session.close()
        if self.nats is not None:
            await shut(self.nats)

    # ---- asking -------------------------------------------------------------------------------

    def _on_up(self) -> None:
        for heard in self._answers.values():
            heard.put_nowait(None)
        self._up()

    def listen(self, id: str) -> asyncio.Queue[Answer | Told | None]:
        """Return where what is told about an id comes in, until :meth:`deaf`.

        None: the line was cut and is up again, and something may have been lost.
        """
        return self._answers.setdefault(id, asyncio.Queue())

    def deaf(self, id: str) -> None:
        """Hear no more about an id."""
        self._answers.pop(id, None)

    async def say(self, subject: str, data: bytes) -> None:
        """Publish under this member's own name; raises ExecutorUnavailable when cut off."""
        import nats.errors

        assert self.nats is not None
        try:
            await self.nats.publish(f"{subject}.{self.identity.id}", data)
        except nats.errors.Error as error:
            raise ExecutorUnavailable("mesh.cut_off", what=str(error)) from error

    async def ask(self, **what: object) -> Answer:
        """Return the hub's answer to a request.

        Raises:
            ExecutorUnavailable: it does not answer.
        """
        request = Request.model_validate({"id": new_id(), "reply": self.reply, **what})
        heard = self.listen(request.id)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                while True:
                    await self.say("ask", seal(self.identity, request))
                    with suppress(TimeoutError):
                        async with asyncio.timeout(AGAIN_SECONDS):
                            answer = await heard.get()
                            if isinstance(answer, Answer):
                                return answer
        except TimeoutError as error:
            raise ExecutorUnavailable("mesh.cut_off", what=str(what.get("what"))) from error
        finally:
            self.deaf(request.id)

    async def _answered(self, message: Msg) -> None:
        with suppress(BadMessage):
            if kind_of(message.data) == "told":
                told = unseal(Told, message.data, self.membership.hub)
                if told.key in self._answers:
                    self._answers[told.key].put_nowait(told)
                return
            answer = unseal(Answer, message.data, self.membership.hub)
            if answer.head and (not self.heads or self.heads[-1] != answer.head):
                self.heads.append(answer.head)
                del self.heads[:-100]
            if answer.status == "corrected":
                self.corrected.append(answer)
            elif answer.id in self._answers:
                self._answers[answer.id].put_nowait(answer)

    # ---- blobs --------------------------------------------------------------------------------

    async def put(self, path: Path, blob: Blob, grant: str) -> None:
        """Send a file's bytes, going on where an earlier try ended.

        Raises:
            ExecutorError: the hub refuses them.
            ExecutorUnavailable: it cannot be reached.
        """
        import aiohttp

        assert self._session is not None
        what = "?"
        for attempt in range(TRIES):
            await asyncio.sleep(0.2 * attempt)
            try:
                async with self._session.head(
                    f"{self._url(blob.sha256)}?upload=1",
                    headers=self._headers("put", blob.sha256, grant),
                    ssl=self._pinned(),
                ) as response:
                    if response.status != 200:
                        raise ExecutorError("mesh.blob_refused", what=str(response.status))
                    start = int(response.headers["Upload-Offset"])
                if start < 0:
                    return
                told = f"bytes {start}-{max(blob.size - 1, 0)}/{blob.size}"
                async with self._session.put(
                    self._url(blob.sha256),
                    data=_from(path, start),
                    headers=self._headers("put", blob.sha256, grant) | {"Content-Range": told},
                    ssl=self._pinned(),
                ) as response:
                    body = (await response.read()).decode("utf-8", "replace")[:200]
                    if response.status == 200:
                        return
                    what = f"{response.status} {body}"
                    if response.status == 507:
                        why = body.removeprefix('{"why": "').removesuffix('"}')
                        raise ExecutorUnavailable("mesh.hub_full", why=why)
                    if response.status not in (409, 503):
                        raise ExecutorError("mesh.blob_refused", what=what)
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                what = str(error) or type(error).__name__
        raise ExecutorUnavailable("mesh.cut_off", what=what)

    async def fetch(self, blob: Blob, grant: str, path: Path) -> None:
        """Write a blob's bytes to a file; it is there whole and right, or not at all.

        Raises:
            ExecutorError: the hub refuses it, or its bytes are not what the hash says.
            ExecutorUnavailable: it cannot be reached.
        """
        import aiohttp

        assert self._session is not None
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        what = "?"
        hasher, here = hashlib.sha256(), 0
        for attempt in range(TRIES):
            await asyncio.sleep(0.2 * attempt)
            headers = self._headers("get", blob.sha256, grant)
            if here:
                headers["Range"] = f"bytes={here}-"
            try:
                async with self._session.get(
                    self._url(blob.sha256), headers=headers, ssl=self._pinned()
                ) as response:
                    if response.status not in (200, 206):
                        raise ExecutorError("mesh.blob_refused", what=str(response.status))
                    if here and response.status == 200:
                        hasher, here = hashlib.sha256(), 0
                        part.unlink(missing_ok=True)
                    with part.open("ab") as out:
                        async for piece in response.content.iter_chunked(PIECE):
                            here += len(piece)
                            if here > blob.size:
                                raise ExecutorError("mesh.blob_wrong", name=path.name)
                            await asyncio.to_thread(_both, out.write, hasher.update, piece)
                if here == blob.size:
                    break
                what = f"{here} / {blob.size}"
            except (aiohttp.ClientError, TimeoutError) as error:
                what = str(error) or type(error).__name__
        else:
            part.unlink(missing_ok=True)
            raise ExecutorUnavailable("mesh.cut_off", what=what)
        if hasher.hexdigest() != blob.sha256:
            part.unlink(missing_ok=True)
            raise ExecutorError("mesh.blob_wrong", name=path.name)
        os.replace(part, path)

    def _url(self, digest: str) -> str:
        host = self.membership.host
        return (
            f"https://{f'[{host}]' if ':' in host else host}:{self.membership.port}/blobs/{digest}"
        )

    def _headers(self, do: str, digest: str, grant: str) -> dict[str, str]:
        proof = base64.urlsafe_b64encode(self.identity.sign(proof_of(do, digest, grant)))
        return {"Intentos-Grant": grant, "Intentos-Proof": proof.decode().rstrip("=")}

    def _pinned(self) -> Fingerprint:
        import aiohttp

        return aiohttp.Fingerprint(bytes.fromhex(self.membership.fingerprint))


async def _from(path: Path, start: int) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


def _both(write: Callable[[bytes], object], update: Callable[[bytes], object], data: bytes) -> None:
    write(data)
    update(data)
