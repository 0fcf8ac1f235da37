"""The server's rights: a node speaks and hears under its own name, and nothing else at all."""

from __future__ import annotations

import asyncio
import json

import nats.errors
import pytest
from nats.aio.client import Client

from intentos.errors import ExecutorUnavailable
from intentos.mesh import pin
from intentos.mesh.connection import connected
from intentos.mesh.identity import Identity
from intentos.mesh.wire import seal

from .village import Person, Village, job, until

FORBIDDEN_TO_HEAR = [
    "jobs.>", "jobs.{other}", "run.{other}", "ctl.{other}", "out.{other}.*", "out.>", "done.>",
    "deliver.jobs", "_INBOX.>", "_INBOX_{other}.>", "$JS.>", "$SYS.>", ">",
]  # fmt: skip
FORBIDDEN_TO_SAY = [
    "jobs.{me}", "jobs.{other}", "run.{other}", "done.{other}", "hb.{other}", "ask.{other}",
    "ev.{other}.x", "out.{other}.x", "deliver.jobs", "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.DELETE.JOBS", "$JS.API.STREAM.PURGE.JOBS", "$JS.API.STREAM.MSG.GET.JOBS",
    "$JS.API.DIRECT.GET.JOBS", "$JS.API.CONSUMER.CREATE.JOBS", "$JS.API.CONSUMER.DELETE.JOBS.hub",
    "$JS.API.CONSUMER.MSG.NEXT.JOBS.hub", "$JS.ACK.JOBS.hub.1.1.1.0.0", "$KV.x.y", "$O.x.y",
    "$SYS.REQ.SERVER.PING", "_INBOX.x",
]  # fmt: skip


class Tapped:
    """A bare client with a member's key, that hears what the server refuses."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.client = Client()

    async def open(self, identity: Identity, village: Village) -> Client:
        """Connect."""

        async def heard(error: Exception) -> None:
            self.errors.append(str(error).lower())

        await self.client.connect(
            f"tls://127.0.0.1:{village.hub.port + 1}",
            tls=pin.trusting(village.hub.certificate),
            tls_hostname="x",
            tls_handshake_first=True,
            nkeys_seed_str=identity.nats_seed,
            error_cb=heard,
            allow_reconnect=False,
        )
        return self.client

    async def refused(self) -> bool:
        """Return whether the server has said no to what was done last."""
        for _ in range(2):  # the client's first ping may overtake what it still has in hand
            await self.client.flush()
            await asyncio.sleep(0.01)
        return any("permissions violation" in error for error in self.errors)


@pytest.fixture
async def two(village: Village) -> tuple[Person, Person]:
    return await village.join("ann"), await village.join("bo")


async def test_every_foreign_subject_is_forbidden(
    village: Village, two: tuple[Person, Person]
) -> None:
    names = {"me": two[0].identity.id, "other": two[1].identity.id}
    tapped = Tapped()
    client = await tapped.open(two[0].identity, village)
    allowed = []
    for subject in FORBIDDEN_TO_HEAR:
        tapped.errors.clear()
        await client.subscribe(subject.format(**names))
        if not await tapped.refused():
            allowed.append(f"hear {subject}")
    for subject in FORBIDDEN_TO_SAY:
        tapped.errors.clear()
        await client.publish(subject.format(**names), b"{}")
        if not await tapped.refused():
            allowed.append(f"say {subject}")
    await client.close()
    assert len(FORBIDDEN_TO_HEAR) + len(FORBIDDEN_TO_SAY) >= 23
    assert allowed == []


async def test_its_own_subjects_are_not(village: Village, two: tuple[Person, Person]) -> None:
    me = two[0].identity.id
    tapped = Tapped()
    client = await tapped.open(two[0].identity, village)
    for subject in (f"run.{me}", f"ctl.{me}", f"out.{me}.abc"):
        await client.subscribe(subject)
    for subject in (f"hb.{me}", f"ev.{me}.k", f"done.{me}", f"ask.{me}"):
        await client.publish(subject, b"nonsense")
    assert not await tapped.refused()
    await client.close()


async def test_a_chosen_reply_reaches_no_stream(
    village: Village, two: tuple[Person, Person]
) -> None:
    """What the server answers for a client would be sent under the server's own rights."""
    me, other = two[0].identity.id, two[1].identity.id
    js = village.hub._js
    before = (await js.stream_info("JOBS")).state.messages
    tapped = Tapped()
    client = await tapped.open(two[0].identity, village)
    for reply in (f"jobs.{me}", f"done.{other}", f"run.{other}", "$JS.ACK.JOBS.hub.1.1.1.0.0"):
        await client.publish("$JS.API.CONSUMER.MSG.NEXT.JOBS.hub", b'{"batch":1}', reply=reply)
        await client.publish(f"ask.{me}", b"{}", reply=reply)
        await client.publish(f"hb.{me}", b"{}", reply=reply)
    assert await tapped.refused()
    await asyncio.sleep(0.1)
    assert (await js.stream_info("JOBS")).state.messages == before
    await client.close()


async def test_a_forged_acknowledgement_changes_nothing(
    village: Village, two: tuple[Person, Person]
) -> None:
    ann, bo = two
    async with ann.line() as line:
        await line.say("ask", seal(ann.identity, job(line)))
        await until(lambda: village.hub.dispatcher.going == 1)
        (found,) = village.hub.dispatcher._open.values()
        tapped = Tapped()
        client = await tapped.open(bo.identity, village)
        for forged in (b"+TERM", b"+ACK"):
            await client.publish(found.ack, forged)
        assert await tapped.refused()
        await client.close()
        info = await village.hub._js.consumer_info("JOBS", "hub")
        assert info.num_ack_pending == 1


@pytest.mark.parametrize("who", ["nobody", "stranger"])
async def test_who_was_not_invited_is_not_let_in(village: Village, who: str) -> None:
    if who == "stranger":
        with pytest.raises(ExecutorUnavailable):
            await connected(
                Identity.new(),
                ["127.0.0.1"],
                village.hub.port + 1,
                village.hub.certificate,
                seconds=0.7,
            )
        return
    client = Client()
    with pytest.raises((nats.errors.Error, nats.errors.NoServersError)):
        await client.connect(
            f"tls://127.0.0.1:{village.hub.port + 1}",
            tls=pin.trusting(village.hub.certificate),
            tls_hostname="x",
            tls_handshake_first=True,
            allow_reconnect=False,
            max_reconnect_attempts=0,
            connect_timeout=1,
        )


async def test_the_servers_file_names_no_wildcard(village: Village) -> None:
    await village.join("cy")
    told = json.loads((village.hub.folder / "nats.conf").read_text())
    members = [user for user in told["authorization"]["users"] if "permissions" in user]
    assert members
    for user in members:
        subjects = (
            user["permissions"]["publish"]["allow"] + user["permissions"]["subscribe"]["allow"]
        )
        assert all(user["nkey"] in subject for subject in subjects)
        assert not any(">" in subject or subject.startswith("$") for subject in subjects)
        assert "allow_responses" not in user["permissions"]
    assert told["jetstream"]["sync_interval"] == "2m"
