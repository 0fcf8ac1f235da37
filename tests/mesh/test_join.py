"""Joining: an invite lets one key in, once, for a while; and whoever is put out is out at once."""

from __future__ import annotations

import asyncio
import os
import time

import aiohttp
import pytest

from intentos import cli_join
from intentos.cli_join import link_for
from intentos.errors import ExecutorUnavailable, UsageError
from intentos.mesh import discovery, invite, pin
from intentos.mesh.address import read_address
from intentos.mesh.door import GUESSES
from intentos.mesh.identity import Identity
from intentos.mesh.invite import Joining, Link, read_link
from intentos.mesh.line import Line, join
from intentos.mesh.wire import seal
from intentos.terminal import Terminal

from .village import Village, until


async def test_an_invite_lets_one_key_in(village: Village) -> None:
    link = village.link(owner="bob", role="node")
    one, other = Identity.new(), Identity.new()
    began = time.monotonic()
    membership = await join(link, one, "laptop")
    async with Line(one, membership):
        assert time.monotonic() - began < 10
    assert (membership.owner, membership.role) == ("bob", "node")
    again = await join(link, one, "laptop")  # its first answer may have been lost
    assert again == membership
    with pytest.raises(UsageError) as error:
        await join(link, other, "thief")
    assert error.value.code == "mesh.invite_used"
    assert other.id not in village.hub._let_in()


async def test_an_invite_runs_out_and_cannot_be_guessed(village: Village) -> None:
    with pytest.raises(UsageError) as error:
        await join(village.link(hours=-1), Identity.new(), "late")
    assert error.value.code == "mesh.invite_expired"
    guess = village.link()._replace(token="x" * 32)
    with pytest.raises(UsageError) as error:
        await join(guess, Identity.new(), "guesser")
    assert error.value.code == "mesh.invite_unknown"


async def test_who_guesses_on_has_to_wait(village: Village) -> None:
    good = village.link()
    for _ in range(GUESSES):
        with pytest.raises(UsageError):
            await join(good._replace(token="y" * 32), Identity.new(), "guesser")
    with pytest.raises(UsageError) as error:
        await join(good, Identity.new(), "guesser")
    assert error.value.code == "mesh.invite_slow_down"


async def test_a_signature_for_another_key_or_hub_joins_nothing(village: Village) -> None:
    link = village.link()
    me, other = Identity.new(), Identity.new()
    honest = Joining(token=link.token, fingerprint=link.fingerprint, name="n")
    elsewhere = honest.model_copy(update={"fingerprint": "0" * 64})
    url = f"https://127.0.0.1:{link.port}/join"
    pin = aiohttp.Fingerprint(bytes.fromhex(link.fingerprint))
    async with aiohttp.ClientSession() as session:
        for key, body in (
            (other.id, seal(me, honest)),
            (me.id, seal(me, elsewhere)),
            (me.id, b"x" * 900_000),
            ("U" + "A" * 55, seal(me, honest)),
            (me.id, b""),
        ):
            async with session.post(url, data=body, headers={"Intentos-Key": key}, ssl=pin) as got:
                assert got.status in (400, 413)
    assert not village.hub.book.members()
    await join(link, me, "n")  # none of it has used the invite up


async def test_another_hub_at_the_address_is_noticed(village: Village) -> None:
    link = village.link()._replace(fingerprint="ab" * 32)
    with pytest.raises(UsageError) as error:
        await join(link, Identity.new(), "n")
    assert error.value.code == "mesh.another_hub"


async def test_no_hub_at_the_address_is_told(village: Village) -> None:
    with pytest.raises(ExecutorUnavailable) as error:
        await join(village.link()._replace(port=1), Identity.new(), "n")
    assert error.value.code == "mesh.unreachable"


async def test_who_is_put_out_is_out_at_once(village: Village) -> None:
    ann, bo = await village.join("ann"), await village.join("bo")
    out = asyncio.Event()
    async with Line(ann.identity, ann.membership, closed=out.set) as line, bo.line() as other:
        assert await village.hub.revoke(ann.identity.id, "test")
        await until(out.is_set)
        with pytest.raises(ExecutorUnavailable):
            await line.ask(what="peers")
        await other.ask(what="peers")  # nobody else notices anything
    with pytest.raises(UsageError) as error:
        await join(village.link(), ann.identity, "ann again")
    assert error.value.code == "mesh.invite_revoked"


async def test_another_process_may_put_somebody_out(village: Village) -> None:
    from intentos.mesh.book import Book

    ann = await village.join("ann")
    out = asyncio.Event()
    async with Line(ann.identity, ann.membership, closed=out.set):
        await asyncio.sleep(0.4)  # the hub has looked since ann joined
        book = Book(village.hub.folder / "book.db")
        book.revoke(ann.identity.id, "owner")
        book.close()
        await until(out.is_set)


def test_a_link_is_read_as_it_was_written() -> None:
    for host in ("192.168.1.5", "hub.example", "fe80::1"):
        link = Link(host, 7420, "t" * 32, "f0" * 32)
        assert read_link(f" {link}\n") == link
    assert "#" in str(link)  # what stands behind it never reaches a server's log


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://h:1/join",
        "http://h:1/join#" + "t" * 32 + "." + "0" * 64,
        "https://h/join#" + "t" * 32 + "." + "0" * 64,
        "https://h:99999/join#" + "t" * 32 + "." + "0" * 64,
        "https://h:1/join#" + "t" * 31 + "." + "0" * 64,
        "https://[h:1/join#" + "t" * 32 + "." + "0" * 64,
    ],
)
def test_half_a_link_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_link(text)


def test_where_a_page_is_can_be_said_as_people_say_it() -> None:
    for text in ("mesh.example.org", " https://mesh.example.org/ ", "mesh.example.org:443"):
        assert invite.read_page(text) == ("mesh.example.org", 443)
    assert invite.read_page("[fe80::1]:8443") == ("fe80::1", 8443)


@pytest.mark.parametrize(
    "text",
    ["https://", "http://a.org", "a.org/join", "a.org#x", "me@a.org", "a b", "a:99999", "[a"],
)
def test_where_no_page_can_be_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        invite.read_page(text)
    assert refused.value.code == "mesh.bad_page"


def test_a_link_can_be_photographed() -> None:
    code = invite.qr(str(Link("192.168.1.5", 7420, "t" * 32, "f0" * 32)))
    assert len(code.splitlines()) > 15


# ---- by address -------------------------------------------------------------------------------


async def test_a_typed_address_joins_once_its_fingerprint_was_compared(village: Village) -> None:
    link, terminal = village.link(owner="bob"), Terminal("en")
    typed = f"127.0.0.1:{link.port}"
    shown = pin.words(village.hub.fingerprint)  # as the hub's own terminal says it
    found = await link_for(terminal, typed, link.token, shown)
    assert found == link
    me = Identity.new()
    async with Line(me, await join(found, me, "laptop")) as line:
        await line.ask(what="peers")
    for code, fingerprint, why in (
        ("", shown, "mesh.code_missing"),
        ("x" * 31, shown, "mesh.bad_code"),
        (link.token, "ab " * 8, "mesh.another_hub"),
        (link.token, shown[:8], "mesh.bad_fingerprint"),  # too little to tell hubs apart
        (link.token, "", "mesh.not_compared"),  # nobody is at a terminal here to compare
    ):
        with pytest.raises(UsageError) as error:
            await link_for(terminal, typed, code, fingerprint)
        assert error.value.code == why
    with pytest.raises(ExecutorUnavailable) as unreachable:
        await link_for(terminal, "127.0.0.1:1", link.token, shown)
    assert unreachable.value.code == "mesh.unreachable"


async def test_what_calls_out_is_joined_only_by_an_invite_and_a_comparison(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else calls out under the hub's own name and fingerprint: that shows at the door."""
    monkeypatch.setattr(discovery, "KIND", f"_io{os.getpid() % 100000}._tcp.local.")
    here = ["127.0.0.1"]

    async def look_here(seconds: float) -> list[discovery.Found]:
        return await discovery.look(1.5, here)

    monkeypatch.setattr(cli_join, "look", look_here)
    terminal, link = Terminal("en"), village.link(owner="bob")
    shown = village.hub.fingerprint
    async with discovery.announced("attic", link.port, shown, here):
        assert await link_for(terminal, "nearby", link.token, shown[:16]) == link
        with pytest.raises(UsageError) as error:
            await link_for(terminal, "nearby", link.token, "")
        assert error.value.code == "mesh.not_compared"
    other = Village(village.folder / "other")
    await other.open()
    try:
        async with discovery.announced("attic", other.hub.port, shown, here):
            with pytest.raises(UsageError) as error:
                await link_for(terminal, "nearby", link.token, shown[:16])
            assert error.value.code == "mesh.another_hub"
    finally:
        await other.close()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.168.1.5", ("192.168.1.5", 7420)),
        (" hub.lan:7421\n", ("hub.lan", 7421)),
        ("[fe80::1]:7420", ("fe80::1", 7420)),
    ],
)
def test_an_address_is_read(text: str, found: tuple[str, int]) -> None:
    assert read_address(text) == found


@pytest.mark.parametrize("text", ["", "a b", "h:99999", "http://h:1", "h/join", "u@h", "h?x"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_address(text)
