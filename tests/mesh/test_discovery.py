"""Discovery: a hub that calls out is heard, and is no more than a suggestion."""

from __future__ import annotations

import pytest

from intentos.mesh.discovery import announced, look, own_addresses


async def test_a_hub_that_calls_out_is_heard_and_then_gone() -> None:
    mark = "ab" * 32
    async with announced("Bo's attic", 7421, mark, ["127.0.0.1"]):
        found = [hub for hub in await look(1.5, ["127.0.0.1"]) if hub.fingerprint == mark]
    assert [(hub.name, hub.host, hub.port) for hub in found] == [("Bo's attic", "127.0.0.1", 7421)]
    assert [hub for hub in await look(0.5, ["127.0.0.1"]) if hub.fingerprint == mark] == []


@pytest.mark.parametrize("listen", ["127.0.0.1", "::1", "hub.example"])
def test_what_only_this_machine_reaches_is_not_called_out(listen: str) -> None:
    assert own_addresses(listen) == []


def test_an_address_of_the_network_is() -> None:
    assert own_addresses("192.168.1.5") == ["192.168.1.5"]
