"""Invites: a link that lets one key in, once, within a day.

The link carries the hub's fingerprint, so that a first visit is safe without any authority, and a
token of which the hub keeps only the hash. Both stand behind the ``#``, which no browser sends.
"""

from __future__ import annotations

import io
import re
import secrets
import time
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field

from intentos.errors import UsageError
from intentos.types import Sha256, sha256

from .wire import Id, Role, Short, Wire

if TYPE_CHECKING:
    from .book import Book

HOURS = 24.0
TOKEN = r"[0-9A-Za-z_-]{32}"


class Joining(Wire):
    """What a machine sends to be let in: signed with the key that it is to be let in by."""

    kind: str = "joining"
    token: Annotated[str, Field(pattern=f"^{TOKEN}$")]
    fingerprint: Sha256
    """Of the hub that it thinks it talks to."""
    name: Short


class Joined(Wire):
    """What the hub answers."""

    kind: str = "joined"
    hub: Id
    owner: Short
    role: Role
    certificate: Annotated[str, Field(max_length=10_000)]
    """PEM."""
    server_port: int = Field(ge=1, le=65535)
    """Of the NATS server, at the same address."""


class Link(NamedTuple):
    """An invite as it is handed over."""

    host: str
    port: int
    token: str
    fingerprint: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}/join#{self.token}.{self.fingerprint}"


def read_link(text: str) -> Link:
    """Return what an invite's link says.

    Raises:
        UsageError: it is none, or not whole.
    """
    try:
        parts = urlsplit(text.strip())
        found = re.fullmatch(rf"({TOKEN})\.([0-9a-f]{{64}})", parts.fragment)
        port = parts.port
    except ValueError as error:
        raise UsageError("mesh.bad_link", what=str(error)) from error
    if parts.scheme != "https" or not parts.hostname or not port or found is None:
        raise UsageError("mesh.bad_link", what=text.strip()[:80])
    return Link(parts.hostname, port, found[1], found[2])


def read_page(text: str) -> tuple[str, int]:
    """Return host and port of ``mesh.example.org``, also with a port or as an https address.

    Raises:
        UsageError: it is no such place; the page of a hub is always at its root.
    """
    text = text.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port or 443
    except ValueError as error:
        raise UsageError("mesh.bad_page", what=str(error)) from error
    plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    if parts.scheme != "https" or not parts.hostname or not plain or re.search(r"\s", text):
        raise UsageError("mesh.bad_page", what=text[:80])
    return parts.hostname, port


def make(
    book: Book,
    *,
    host: str,
    port: int,
    fingerprint: str,
    owner: str,
    role: Role,
    hours: float = HOURS,
) -> Link:
    """Write a new invite into the hub's book and return its link; the token is nowhere else."""
    token = secrets.token_urlsafe(24)
    until = time.time() + hours * 3600
    book.add_invite(sha256(token.encode()), owner=owner, role=role, until=until)
    return Link(host, port, token, fingerprint)


def qr(text: str) -> str:
    """Return a QR code of a text for a terminal."""
    import segno

    out = io.StringIO()
    segno.make(text, error="l").terminal(out, compact=True, border=2)
    return out.getvalue()
