"""A hub by its address, typed by hand or heard calling out: who answers there, and is it the one.

The certificate's fingerprint is shown to whoever joins, and must be what the hub's own terminal
shows: an address, and a name on a list, may be anybody's.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from intentos.errors import ExecutorUnavailable, UsageError

from .invite import TOKEN, Link

PORT = 7420
ANSWER_SECONDS = 10.0
LEAST_DIGITS = 16
"""Of a fingerprint, which nobody can make a second certificate for."""


def read_address(text: str) -> tuple[str, int]:
    """Return host and port of an address such as ``192.168.1.5``, ``[fe80::1]:7420``, ``hub.lan``.

    Raises:
        UsageError: it is none.
    """
    try:
        parts = urlsplit(f"//{text.strip()}")
        port = parts.port or PORT
    except ValueError as error:
        raise UsageError("mesh.bad_address", text=text[:80]) from error
    whole = parts.hostname and not (parts.path or parts.query or parts.fragment or parts.username)
    if not whole or not re.fullmatch(r"[0-9A-Za-z.:_%-]+", parts.hostname or ""):
        raise UsageError("mesh.bad_address", text=text[:80])
    return parts.hostname or "", port


async def answering(host: str, port: int) -> str:
    """Return the fingerprint of who answers at an address; nothing is said to them.

    Raises:
        ExecutorUnavailable: nobody does.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # a person compares what they show
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError) as error:
        told = {"host": host, "port": port, "what": str(error) or type(error).__name__}
        raise ExecutorUnavailable("mesh.unreachable", **told) from error
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()
    return hashlib.sha256(shown).hexdigest()


def is_same(fingerprint: str, typed: str) -> bool:
    """Return whether a fingerprint begins with what somebody has read off the hub's terminal.

    Raises:
        UsageError: that is too little to tell.
    """
    digits = re.sub(r"[\s:-]", "", typed).lower()
    if len(digits) < LEAST_DIGITS or not re.fullmatch(r"[0-9a-f]+", digits):
        raise UsageError("mesh.bad_fingerprint", digits=LEAST_DIGITS)
    return fingerprint.startswith(digits)


def link_of(host: str, port: int, code: str, fingerprint: str) -> Link:
    """Return the invite that an address, its code and a compared fingerprint are.

    Raises:
        UsageError: the code is none.
    """
    if not re.fullmatch(TOKEN, code.strip()):
        raise UsageError("mesh.bad_code")
    return Link(host, port, code.strip(), fingerprint)
