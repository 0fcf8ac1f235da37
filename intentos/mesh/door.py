"""The hub's HTTPS door: where invites are redeemed and blobs are put and fetched.

Everything else goes through NATS, where the server knows who speaks. Whatever comes in here is a
stranger's until its signature says otherwise.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from intentos.types import sha256

from .blobs import PIECE, Blobs, Refused
from .book import Book, Member
from .identity import is_id
from .invite import Joined, Joining
from .wire import MOST_BYTES, BadMessage, unseal

if TYPE_CHECKING:
    from aiohttp import web

GUESSES = 10
"""Wrong tokens from one address within a minute, before it has to wait."""
RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")

Admit = Callable[[Member], Awaitable[Joined]]
"""``await admit(member)``: let a new member's key into the server, and say what it must know."""


class Door:
    """The HTTPS server of a hub."""

    def __init__(self, *, book: Book, blobs: Blobs, fingerprint: str, admit: Admit) -> None:
        self._book = book
        self._blobs = blobs
        self._fingerprint = fingerprint
        self._admit = admit
        self._runner: web.AppRunner | None = None
        self._wrong: dict[str, list[float]] = {}

    async def open(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Listen; raises OSError where the port is taken."""
        from aiohttp import web

        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/join", self._join)
        app.router.add_get("/join", self._page)
        app.router.add_get("/blobs/{digest}", self._get)
        app.router.add_put("/blobs/{digest}", self._put)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=1.0,
            auto_decompress=False,  # nothing of a stranger's is ever unpacked
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, ssl_context=context).start()

    async def close(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    # ---- joining ------------------------------------------------------------------------------

    async def _join(self, request: web.Request) -> web.Response:
        from aiohttp import web

        address = request.remote or ""
        recent = [at for at in self._wrong.get(address, []) if at > time.monotonic() - 60]
        if len(recent) >= GUESSES:
            return web.json_response({"why": "slow_down"}, status=429)
        member = request.headers.get("Intentos-Key", "")
        if not is_id(member):
            return web.json_response({"why": "no_key"}, status=400)
        try:
            joining = unseal(Joining, await request.read(), member)
        except BadMessage as error:
            return web.json_response({"why": str(error)}, status=400)
        if joining.fingerprint != self._fingerprint:
            return web.json_response({"why": "fingerprint"}, status=400)
        let_in = self._book.redeem(
            sha256(joining.token.encode()), member=member, name=joining.name, at=time.time()
        )
        if isinstance(let_in, str):
            self._wrong[address] = [*recent, time.monotonic()]
            return web.json_response({"why": let_in}, status=403)
        joined = await self._admit(let_in)
        return web.json_response(text=joined.model_dump_json())

    async def _page(self, request: web.Request) -> web.Response:
        from aiohttp import web

        text = (
            "IntentOS\n\nintentos node 'LINK'\n\n"
            "Copy the whole link, with what stands behind the #, and type the line above on the "
            "machine that shall join.\n"
            "把完整的链接（包括 # 之后的部分）复制到要加入的机器上，并输入上面这一行。\n"
        )
        return web.Response(text=text)

    # ---- blobs --------------------------------------------------------------------------------

    async def _get(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        digest = request.match_info["digest"]
        proof = request.headers.get("Intentos-Proof", "")
        text = request.headers.get("Intentos-Grant", "")
        try:
            if request.method == "HEAD" and request.query.get("upload"):
                grant = self._blobs.granted(text, "put", digest, proof)
                here = self._blobs.offset(digest, grant)
                return web.Response(headers={"Upload-Offset": str(here)})
            grant = self._blobs.granted(text, "get", digest, proof)
            path = self._blobs.readable(digest, grant.owner)
        except Refused as refused:
            return web.json_response({"why": refused.why}, status=refused.status)
        # Ranges are answered by aiohttp itself.
        headers = {"Content-Type": "application/octet-stream", "Cache-Control": "no-store"}
        return web.FileResponse(path, chunk_size=PIECE, headers=headers)

    async def _put(self, request: web.Request) -> web.Response:
        from aiohttp import web

        digest = request.match_info["digest"]
        try:
            grant = self._blobs.granted(
                request.headers.get("Intentos-Grant", ""),
                "put",
                digest,
                request.headers.get("Intentos-Proof", ""),
            )
            start, total = _range(request)
            here = await self._blobs.receive(
                digest, grant, _pieces(request), start=start, total=total
            )
        except Refused as refused:
            return web.json_response({"why": refused.why}, status=refused.status)
        return web.json_response({"bytes": here})


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    # As they are sent: a body that says it is compressed is refused, so nothing can swell.
    async for piece in request.content.iter_chunked(PIECE):
        yield piece


def _range(request: web.Request) -> tuple[int, int]:
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Refused(415, "compressed bytes are not taken")
    told = request.headers.get("Content-Range")
    if told is None:
        if request.content_length is None:
            raise Refused(411, "how many bytes?")
        return 0, request.content_length
    found = RANGE.fullmatch(told)
    if found is None:
        raise Refused(400, "Content-Range")
    return int(found[1]), int(found[3])
