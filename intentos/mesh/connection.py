"""A connection to the hub's NATS server: pinned, lasting, and over at once for who is put out."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from intentos.errors import ExecutorUnavailable

from . import pin
from .identity import Identity

if TYPE_CHECKING:
    from nats.aio.client import Client

CLOSE_SECONDS = 3.0
PING_SECONDS = 5
"""Two pings that nobody answers, and the line is made anew."""


async def connected(
    identity: Identity,
    hosts: Sequence[str],
    port: int,
    certificate: str,
    *,
    closed: Callable[[], None] = lambda: None,
    up: Callable[[], None] = lambda: None,
    seconds: float = 4.0,
) -> Client:
    """Return a connection to the server of the hub that has this certificate.

    ``closed`` hears, once, that the server no longer lets us in or that it is closed for good;
    ``up``, that it is there again.

    Raises:
        ExecutorUnavailable: it cannot be reached, or does not let us in.
    """
    import nats.errors

    refused = asyncio.Event()
    was_up = over = False
    closing: list[asyncio.Task[None]] = []

    def tell() -> None:
        nonlocal over
        if not over:
            over = True
            closed()

    def put_out() -> None:
        """Stop trying where the server knows the key no more; what is closed then, and when, is
        nothing that anybody need wait for."""
        if not refused.is_set():
            refused.set()
            if was_up:
                tell()
            closing.append(asyncio.create_task(client.close()))

    async def heard(error: Exception) -> None:
        if "authori" in str(error).lower():
            put_out()

    async def on_closed() -> None:
        tell()

    async def on_up() -> None:
        up()

    # What asyncio remarks of every TLS connection of this client is nothing anybody can use.
    logging.getLogger("asyncio").addFilter(_no_remark)
    client = _client()(put_out)
    servers = [f"tls://{f'[{h}]' if ':' in h else h}:{port}" for h in dict.fromkeys(hosts)]
    connecting = asyncio.create_task(
        client.connect(
            servers,
            dont_randomize=True,
            tls=pin.trusting(certificate),
            tls_hostname="intentos",
            tls_handshake_first=True,
            nkeys_seed_str=identity.nats_seed,
            inbox_prefix=f"_INBOX_{identity.id}",
            error_cb=heard,
            closed_cb=on_closed,
            reconnected_cb=on_up,
            connect_timeout=5,
            allow_reconnect=True,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.2,  # type: ignore[arg-type]  # seconds, and it sleeps them
            ping_interval=PING_SECONDS,
            pending_size=16 * 1024**2,
        )
    )
    waiting = asyncio.create_task(refused.wait())
    try:
        await asyncio.wait(
            {connecting, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        if refused.is_set():
            raise ExecutorUnavailable("mesh.put_out")
        if not connecting.done():
            raise TimeoutError
        connecting.result()
        was_up = True
    except (nats.errors.Error, OSError, TimeoutError) as error:
        what = str(error) or type(error).__name__
        told = {"host": hosts[-1], "port": port, "what": what}
        raise ExecutorUnavailable("mesh.unreachable", **told) from error
    finally:
        waiting.cancel()
        if not client.is_connected:
            while not connecting.done():  # the client may swallow one cancellation
                connecting.cancel()
                await asyncio.wait({connecting}, timeout=0.1)
            await shut(client)
    return client


async def shut(client: Client) -> None:
    """Close a connection, also one whose other end says nothing any more."""
    closing = asyncio.create_task(client.close())
    await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
    if not closing.done():
        closing.cancel()
    await asyncio.wait({closing}, timeout=0.5)
    if closing.done() and not closing.cancelled():
        closing.exception()  # it is closed either way


def _no_remark(record: logging.LogRecord) -> bool:
    return "eof_received()" not in str(record.msg)


@cache
def _client() -> Callable[[Callable[[], None]], Client]:
    """Return a NATS client that ends for one reason only: that the server does not know its key.

    The one that it is made of closes for good whatever the server complains of, such as somebody
    being slow to say who they are after a restart; and it tells so when the other side has said
    goodbye, which may take half a minute.
    """
    from nats import errors
    from nats.aio.client import Client

    class Lasting(Client):
        def __init__(self, put_out: Callable[[], None]) -> None:
            super().__init__()
            self._put_out = put_out

        async def _attempt_reconnect(self) -> None:
            # Who is behind a cut cable says no goodbye, and would be waited for.
            writer = getattr(self._transport, "_io_writer", None)
            if writer is not None:
                writer.transport.abort()
            await super()._attempt_reconnect()

        async def _process_err(self, err_msg: str) -> None:
            said = err_msg.lower()
            if "authorization" in said or "revoked" in said:
                self._put_out()
            elif "permissions violation" in said or self.is_connecting:
                await super()._process_err(err_msg)
            else:
                await self._process_op_err(errors.Error(f"nats: {err_msg}"))

    return Lasting
