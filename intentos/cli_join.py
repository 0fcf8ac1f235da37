"""Which invite somebody means who joins: a link, or an address with its code and a look at it."""

from __future__ import annotations

import sys

import typer

from intentos.errors import ExecutorUnavailable, UsageError
from intentos.mesh import pin
from intentos.mesh.address import answering, is_same, link_of, read_address
from intentos.mesh.discovery import look
from intentos.mesh.invite import Link, read_link
from intentos.terminal import Terminal

NEARBY = "nearby"
LISTEN_SECONDS = 3.0


async def link_for(terminal: Terminal, what: str, code: str, fingerprint: str) -> Link:
    """Return the invite that ``what`` is: its link, the hub's address, or ``nearby``.

    An address is anybody's until the fingerprint of who answers there was compared with the hub's
    own terminal: by ``fingerprint``, which was read off it, or by asking.

    Raises:
        UsageError: it is none of them, the code is missing, or nobody has compared.
        ExecutorUnavailable: no hub answers, or none calls out.
    """
    if "#" in what or what.lower().startswith("https:"):
        return read_link(what)
    if not code:
        raise UsageError("mesh.code_missing")
    host, port = await _nearby() if what == NEARBY else read_address(what)
    shown = await answering(host, port)
    link = link_of(host, port, code, shown)
    if fingerprint:
        if not is_same(shown, fingerprint):
            raise UsageError("mesh.another_hub", host=host)
        return link
    terminal.note("mesh.compare", host=host, port=port, fingerprint=pin.words(shown))
    if not sys.stdin.isatty() or not typer.confirm(terminal.say("mesh.is_same"), err=True):
        raise UsageError("mesh.not_compared")
    return link


async def _nearby() -> tuple[str, int]:
    found = await look(LISTEN_SECONDS)
    if not found:
        raise ExecutorUnavailable("mesh.nobody_near")
    if len(found) > 1:
        names = ", ".join(f"{hub.name} {hub.host}:{hub.port}" for hub in found)
        raise UsageError("mesh.several_near", names=names)
    return found[0].host, found[0].port
