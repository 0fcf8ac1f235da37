"""The guard: it keeps the window's server to the person it belongs to.

What it stands against: pages of other sites that reach for this server (``Origin``; ``Host``, which
a rebound name betrays), other people on the network (a key in the address, then a cookie), markup
that got into a page in spite of everything (a Content-Security-Policy whose scripts bear a nonce of
that one answer), and bodies without end.

Not covered: other programs of the same person on this machine, who may as well read the files.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intentos.messages import LANGUAGES, message

Role = Literal["owner", "guest"]

COOKIE = "intentos_key"
KEY = "key"
"""Parameter of the address that brings a key, once."""
MOST_BYTES = 300 * 1024 * 1024
"""Of a request's body: the largest file that may be attached, and a little more."""
_SCRIPT = re.compile(rb"<script(?=[\s>])")


@dataclass(frozen=True)
class Door:
    """One address that the server listens on, and what its callers need."""

    port: int
    role: Role
    key: str = ""
    """What a caller must bring; empty: nothing, for a door that only this machine reaches."""
    secure: bool = False


@dataclass
class Doors:
    """All doors of the server, by port; who comes by another is turned away."""

    open: list[Door] = field(default_factory=list)

    def at(self, port: int | None) -> Door | None:
        """Return the door with a port."""
        return next((door for door in self.open if door.port == port), None)


def new_key() -> str:
    """Return a key that nobody guesses: 128 bits."""
    return secrets.token_urlsafe(16)


def is_local(host: str) -> bool:
    """Return whether an address to listen on is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def known_host(header: str, *, local: bool) -> bool:
    """Return whether a ``Host`` is a name of this machine and not one that was made to point here.

    ``local``: the door is reached from this machine only, and so has no other name.
    """
    name = urlsplit(f"//{header}").hostname or ""
    if name in ("localhost", "127.0.0.1", "::1"):
        return True
    if local:
        return False
    own = socket.gethostname().lower()
    if name in (own, f"{own}.local", own.partition(".")[0]):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """ASGI middleware; what it lets through has ``scope["intentos.role"]``."""

    def __init__(
        self, app: ASGIApp, doors: Doors, guest_may: Callable[[str], bool] = lambda path: False
    ) -> None:
        """``guest_may``: whether a guest may have what lies at a path."""
        # NiceGUI looks for its server by following the attribute of this name.
        self.app = app
        self._doors = doors
        self._guest_may = guest_may

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or turn it away."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        door = self._doors.at((scope.get("server") or (None, None))[1])
        if door is None or not known_host(headers.get("host", ""), local=not door.key):
            await _refuse(scope, receive, send, 421, "guard.host")
            return
        if not _same_origin(scope, headers):
            await _refuse(scope, receive, send, 403, "guard.origin")
            return
        if door.key and not _has_key(headers, door):
            if _brings_key(scope, door):
                await _welcome(scope, send, door)
            else:
                await _refuse(scope, receive, send, 401, "guard.key")
            return
        if door.role == "guest" and not self._guest_may(scope["path"]):
            await _refuse(scope, receive, send, 403, "guard.guest")
            return
        scope["intentos.role"] = door.role
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        if _length(headers) > MOST_BYTES:
            await _refuse(scope, receive, send, 413, "guard.size")
            return
        answer = _Answer(send)
        await self.app(scope, _limited(receive), answer.send)


class _Answer:
    """Adds the headers that every answer has; the scripts of a page get this answer's nonce."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message | None = None
        self._body = bytearray()
        self._nonce = secrets.token_urlsafe(16)

    async def send(self, sent: Message) -> None:
        """Pass a message on; a page's is held until it is whole."""
        if sent["type"] == "http.response.start":
            headers = MutableHeaders(scope=sent)
            headers.setdefault("X-Content-Type-Options", "nosniff")
            headers.setdefault("Referrer-Policy", "no-referrer")
            headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
            headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
            headers.setdefault("Content-Security-Policy", policy(self._nonce))
            if headers.get("content-type", "").startswith("text/html"):
                self._start = sent
                return
        elif sent["type"] == "http.response.body" and self._start is not None:
            self._body += sent.get("body", b"")
            if sent.get("more_body"):
                return
            body = _SCRIPT.sub(f'<script nonce="{self._nonce}"'.encode(), bytes(self._body))
            headers = MutableHeaders(scope=self._start)
            headers["Content-Length"] = str(len(body))
            start, self._start = self._start, None
            await self._send(start)
            sent = {"type": "http.response.body", "body": body}
        await self._send(sent)


def policy(nonce: str) -> str:
    """Return the Content-Security-Policy of a page; NiceGUI's own code needs ``unsafe-eval``."""
    return "; ".join(
        (
            "default-src 'self'",
            f"script-src 'self' 'nonce-{nonce}' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "media-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _same_origin(scope: Scope, headers: Headers) -> bool:
    """Whether a page of this server asks, or no page: reading by a link is free to all sites."""
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        navigates = headers.get("sec-fetch-mode") == "navigate" and scope.get("method") == "GET"
        if not navigates:
            return False
    origin = headers.get("origin")
    if origin is None:
        return True
    return urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _has_key(headers: Headers, door: Door) -> bool:
    cookies: SimpleCookie = SimpleCookie()
    for part in headers.getlist("cookie"):
        cookies.load(part)
    found = cookies.get(f"{COOKIE}_{door.role}")
    return found is not None and hmac.compare_digest(found.value.encode(), door.key.encode())


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _brings_key(scope: Scope, door: Door) -> bool:
    if scope["type"] != "http" or scope["method"] != "GET":
        return False
    given = dict(_query(scope)).get(KEY, "")
    return hmac.compare_digest(given.encode(), door.key.encode())


async def _welcome(scope: Scope, send: Send, door: Door) -> None:
    """Put the key into a cookie and take it out of the address, where others would read it."""
    rest = urlencode([(name, value) for name, value in _query(scope) if name != KEY])
    path = "/" + scope["path"].lstrip("/")  # never another host's
    cookie = f"{COOKIE}_{door.role}={door.key}; Path=/; HttpOnly; SameSite=Strict"
    await _answer(
        send,
        303,
        [
            ("Location", path + (f"?{rest}" if rest else "")),
            ("Set-Cookie", cookie + ("; Secure" if door.secure else "")),
            ("Referrer-Policy", "no-referrer"),
        ],
    )


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, code: str) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    # Nobody has chosen a language here yet.
    text = "".join(f"{message(code, language)}\n" for language in LANGUAGES)
    await _answer(send, status, [("Content-Type", "text/plain; charset=utf-8")], text)


async def _answer(
    send: Send, status: int, headers: Iterable[tuple[str, str]], text: str = ""
) -> None:
    body = text.encode()
    pairs = [(name.lower().encode(), value.encode("latin-1", "replace")) for name, value in headers]
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isdecimal() and len(text) < 16 else MOST_BYTES + 1


def _limited(receive: Receive) -> Receive:
    """Return a receive that ends as if the caller had gone where a body never ends."""
    left = MOST_BYTES

    async def limited() -> Any:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        return {"type": "http.disconnect"} if left < 0 else message

    return limited
