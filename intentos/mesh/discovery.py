"""Hubs in the same network, by what they call out; a name on a list, and never a right.

Whoever calls out may be anybody: joining still takes an invite, and the fingerprint in it is what
counts. Where the network lets no such calls through, the address is typed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from intentos.types import Frozen

if TYPE_CHECKING:
    from zeroconf import ServiceStateChange, Zeroconf

KIND = "_intentos._tcp.local."


class Found(Frozen):
    """A hub that calls out."""

    name: str
    host: str
    port: int
    fingerprint: str
    """As it says itself."""


@asynccontextmanager
async def announced(
    name: str, port: int, fingerprint: str, addresses: Sequence[str]
) -> AsyncIterator[None]:
    """Call out that a hub is here while the block runs; addresses: those it is reached by.

    Where the network or the system does not let us, nobody is called, and that is all.
    """
    from zeroconf import IPVersion, ServiceInfo
    from zeroconf.asyncio import AsyncZeroconf

    packed = [ipaddress.ip_address(address).packed for address in addresses]
    zeroconf: AsyncZeroconf | None = None
    try:
        with suppress(OSError):
            zeroconf = AsyncZeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
            label = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:40] or "hub"
            info = ServiceInfo(
                KIND,
                f"{label}-{fingerprint[:8]}.{KIND}",
                addresses=packed,
                port=port,
                properties={"name": name[:60], "fingerprint": fingerprint},
                server=f"intentos-{fingerprint[:16]}.local.",
            )
            await (await zeroconf.async_register_service(info))
        yield
    finally:
        if zeroconf is not None:
            with suppress(OSError):
                await zeroconf.async_unregister_all_services()
                await zeroconf.async_close()


async def look(seconds: float = 2.0, interfaces: Sequence[str] | None = None) -> list[Found]:
    """Return the hubs that were heard within some seconds, by name."""
    from zeroconf import InterfaceChoice, IPVersion
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

    names: set[str] = set()

    def heard(
        zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        names.add(name)

    chosen = list(interfaces) if interfaces is not None else InterfaceChoice.Default
    async with AsyncZeroconf(interfaces=chosen, ip_version=IPVersion.V4Only) as zeroconf:
        browser = AsyncServiceBrowser(zeroconf.zeroconf, KIND, handlers=[heard])
        await asyncio.sleep(seconds)
        found = []
        for name in sorted(names):
            info = AsyncServiceInfo(KIND, name)
            if await info.async_request(zeroconf.zeroconf, 1000):
                told = info.decoded_properties
                hosts = info.parsed_addresses()
                if hosts and info.port:
                    found.append(
                        Found(
                            name="".join(filter(str.isprintable, told.get("name") or ""))[:60],
                            host=hosts[0],
                            port=info.port,
                            fingerprint=(told.get("fingerprint") or "")[:64],
                        )
                    )
        await browser.async_cancel()
    return found


def own_addresses(listen: str) -> list[str]:
    """Return the IPv4 addresses that a hub which listens there is reached by from elsewhere."""
    if listen != "0.0.0.0":
        try:
            address = ipaddress.ip_address(listen)
        except ValueError:
            return []
        return [listen] if address.version == 4 and not address.is_loopback else []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # no packet is sent
            return [str(probe.getsockname()[0])]
        except OSError:
            return []
