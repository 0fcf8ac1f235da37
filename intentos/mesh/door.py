"""The hub's HTTPS door: where invites are redeemed and blobs are put and fetched.

Everything else goes through NATS, where the server knows who speaks. Whatever comes in here is a
stranger's until its signature says otherwise.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from intentos.errors import StoreError
from intentos.messages import LANGUAGES, catalogue, message
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
PAGE_FILES = {
    "phone.css": "text/css",
    "phone.js": "text/javascript",
    "phone_worker.js": "text/javascript",
    "phone_key.js": "text/javascript",
    "phone_rules.js": "text/javascript",
    "program.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""What the page for phones is made of."""
PAGE_HEADERS = {
    # Nothing from elsewhere, no frame around it, and nobody is told where its reader came from.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; "
        "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")

Admit = Callable[[Member], Awaitable[Joined]]
"""``await admit(member)``: let a new member's key into the server, and say what it must know."""
PhoneLine = Callable[["web.Request"], Awaitable["web.WebSocketResponse"]]


class Door:
    """The HTTPS server of a hub."""

    def __init__(
        self, *, book: Book, blobs: Blobs, fingerprint: str, certificate: str, admit: Admit
    ) -> None:
        """``certificate``: PEM, which whoever comes by may have."""
        self._book = book
        self._blobs = blobs
        self._fingerprint = fingerprint
        self._certificate = certificate
        self._admit = admit
        self.phone_line: PhoneLine | None = None
        """Serves a phone's websocket."""
        self._runner: web.AppRunner | None = None
        self._wrong: dict[str, list[float]] = {}

    async def open(self, host: str, port: int, context: ssl.SSLContext) -> None:
        """Listen; raises OSError where the port is taken."""
        from aiohttp import web

        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/join", self._join)
        app.router.add_get("/join", self._page)
        app.router.add_get("/page/{name}", self._file)
        app.router.add_get("/certificate", self._own_certificate)
        app.router.add_get("/phone", self._phone)
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
        try:
            let_in = self._book.redeem(
                sha256(joining.token.encode()), member=member, name=joining.name, at=time.time()
            )
        except StoreError:
            return web.json_response({"why": "full"}, status=507)
        if isinstance(let_in, str):
            self._wrong[address] = [*recent, time.monotonic()]
            return web.json_response({"why": let_in}, status=403)
        joined = await self._admit(let_in)
        return web.json_response(text=joined.model_dump_json())

    async def _page(self, request: web.Request) -> web.Response:
        """Show what an invite's link leads to: in a browser, the page by which a phone joins."""
        from aiohttp import web

        if "text/html" not in request.headers.get("Accept", ""):
            text = (
                "IntentOS\n\nintentos node 'LINK'\n\n"
                "Copy the whole link, with what stands behind the #, and type the line above on "
                "the machine that shall join.\n"
                "把完整的链接（包括 # 之后的部分）复制到要加入的机器上，并输入上面这一行。\n"
            )
            return web.Response(text=text)
        html = await asyncio.to_thread(page_file, "phone.html")
        text = html.decode().replace("FINGERPRINT", self._fingerprint)
        return web.Response(text=text, content_type="text/html", headers=PAGE_HEADERS)

    async def _file(self, request: web.Request) -> web.Response:
        from aiohttp import web

        name = request.match_info["name"]
        if name == "words.json":
            return web.json_response(_words(), headers=PAGE_HEADERS)
        kind = PAGE_FILES.get(name)
        if kind is None:
            raise web.HTTPNotFound
        body = await asyncio.to_thread(page_file, name)
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=PAGE_HEADERS)

    async def _own_certificate(self, request: web.Request) -> web.Response:
        from aiohttp import web

        return web.Response(
            body=self._certificate.encode(),
            content_type="application/x-x509-ca-cert",
            headers={"Content-Disposition": 'attachment; filename="intentos-hub.crt"'},
        )

    async def _phone(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        if self.phone_line is None:
            raise web.HTTPServiceUnavailable
        return await self.phone_line(request)

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


def page_file(name: str) -> bytes:
    """Return a file of the page for phones; the interpreter of programs is the window's own."""
    folder = Path(__file__).parent
    return (folder.parent / name if name == "program.js" else folder / "page" / name).read_bytes()


def _words() -> dict[str, dict[str, str]]:
    """Return the page's sentences, by language and key."""
    keys = [
        key for section, _, key in (c.partition(".") for c in catalogue("en")) if section == "phone"
    ]
    return {
        language: {key: message(f"phone.{key}", language) for key in keys} for language in LANGUAGES
    }
