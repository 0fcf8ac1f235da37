"""Malice at a hub that runs: nonsense, too much, old and rewritten things; it goes on as before."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import sqlite3
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intentos.mesh import audit
from intentos.mesh.audit import compare, keep_heads, kept_heads
from intentos.mesh.identity import Identity
from intentos.mesh.invite import Joining
from intentos.mesh.line import join
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import MOST_BYTES, Blob, Done, seal
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, now

from .test_rights import Tapped
from .test_wire import JSON
from .village import Person, Village, job, until

KINDS = ["heartbeat", "job", "request", "done", "commit", "told", "joining", "task", "head", "\x00"]
FIELDS = [
    "schema", "key", "step", "seed", "limits", "inputs", "reply", "verify", "id", "what", "blob",
    "nonce", "outcome", "result", "running", "offer", "paused", "submitter", "sha256", "event",
    "token", "fingerprint", "node", "values", "since", "bytes",
]  # fmt: skip
NONSENSE = st.builds(
    lambda kind, fields: json.dumps({"schema": 1, "kind": kind, **fields}).encode(),
    st.sampled_from(KINDS),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6),
) | st.binary(max_size=200)


def nonsense(count: int) -> list[bytes]:
    """Return so many messages that nobody should believe."""
    made: list[bytes] = []

    @settings(max_examples=count, database=None, suppress_health_check=list(HealthCheck))
    @given(NONSENSE)
    def draw(text: bytes) -> None:
        made.append(text)

    draw()
    return made


async def still_works(village: Village, ann: Person, told: str) -> None:
    """Return if the hub does what it is there for."""
    async with ann.line() as line:
        outcome = await outcome_of(line, job(line, "report n 3"))
    assert outcome.result is not None, told
    assert outcome.result.values["n"].value == 3, told
    assert village.hub.dispatcher.trouble() is None, told


@pytest.fixture
async def ann(village: Village) -> Person:
    await village.lend(await village.join("bo"))
    return await village.join("ann")


async def test_nonsense_of_every_kind_changes_nothing(village: Village, ann: Person) -> None:
    """Signed and unsigned, on every subject that a member may speak on, and at the door."""
    before = village.hub.book.head()
    me = ann.identity
    tapped = Tapped()
    client = await tapped.open(me, village)
    drawn = nonsense(100)
    for text in drawn:
        for subject in ("ask", "hb", "done", "ev"):
            name = f"{subject}.{me.id}" + (".x" if subject == "ev" else "")
            await client.publish(name, me.sign(text) + text)
            await client.publish(name, text)
    await client.flush(timeout=60)
    pinned = aiohttp.Fingerprint(bytes.fromhex(village.hub.fingerprint))
    base = f"https://127.0.0.1:{village.hub.port}"
    async with aiohttp.ClientSession() as session:
        for text in drawn[:25]:
            url, headers = f"{base}/join", {"Intentos-Key": me.id}
            data = me.sign(text) + text
            async with session.post(url, data=data, headers=headers, ssl=pinned) as got:
                assert got.status in (400, 403, 429), text
            async with session.ws_connect(
                f"{base}/phone", ssl=pinned, headers={"Origin": base}
            ) as socket:
                await socket.receive_json()
                await socket.send_str(text.decode("utf-8", "replace"))
                assert (await socket.receive()).data in (4400, 4401, 4403), text
    assert not [error for error in tapped.errors if "permissions" not in error]
    await client.close()
    assert village.hub.book.head() == before  # nothing of it stands in the record
    assert {node.member.name for node in village.hub.roster.every() if node.offer} == {"bo"}
    await still_works(village, ann, "after nonsense")


async def test_too_much_is_refused_and_nobody_else_notices(village: Village, ann: Person) -> None:
    me = ann.identity
    tapped = Tapped()
    client = await tapped.open(me, village)
    text = b'{"schema":1,"kind":"heartbeat"' + b" " * MOST_BYTES + b"}"
    await client.publish(f"hb.{me.id}", me.sign(text) + text)  # the server takes it, the hub not
    await client.flush(timeout=60)
    client._max_payload = 10**9  # what an honest client would not send at all
    await client.publish(f"ask.{me.id}", b"x" * 3_000_000)
    await until(lambda: client.is_closed or not client.is_connected, 60)
    assert any("payload" in error for error in tapped.errors) or client.is_closed
    await still_works(village, ann, "after too much")
    assert village.hub.roster.get(me.id) is None  # the heartbeat was too long to be believed


async def test_a_bomb_at_the_door_does_not_swell(village: Village, ann: Person) -> None:
    bomb = gzip.compress(b"\0" * 100_000_000)
    assert len(bomb) < MOST_BYTES
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pinned = aiohttp.Fingerprint(bytes.fromhex(village.hub.fingerprint))
    url = f"https://127.0.0.1:{village.hub.port}/join"
    headers = {"Intentos-Key": ann.identity.id, "Content-Encoding": "gzip"}
    async with aiohttp.ClientSession() as session:
        for data in (bomb, ann.identity.sign(bomb) + bomb):
            async with session.post(url, data=data, headers=headers, ssl=pinned) as got:
                assert got.status == 400
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000  # kilobytes, of a hundred thousand
    await still_works(village, ann, "after the bomb")


async def test_an_invite_that_was_seen_and_is_sent_again_lets_nobody_in(village: Village) -> None:
    link, me, thief = village.link("bo"), Identity.new(), Identity.new()
    body = seal(me, Joining(token=link.token, fingerprint=link.fingerprint, name="n"))
    await join(link, me, "n")
    before = village.hub.book.head()
    pinned = aiohttp.Fingerprint(bytes.fromhex(link.fingerprint))
    url = f"https://127.0.0.1:{link.port}/join"
    async with aiohttp.ClientSession() as session:

        async def replay(key: str) -> tuple[int, Any]:
            headers = {"Intentos-Key": key}
            async with session.post(url, data=body, headers=headers, ssl=pinned) as got:
                return got.status, await got.json()

        status, told = await replay(thief.id)  # the signature is somebody else's
        assert (status, "signature" in told["why"]) == (400, True)
        status, told = await replay(me.id)  # word for word: it says what anybody may know
        assert status == 200
        assert link.token not in json.dumps(told)
    assert village.hub.book.head() == before
    assert thief.id not in village.hub._let_in()


async def test_names_that_are_paths_come_from_nobody(village: Village, ann: Person) -> None:
    """Neither as an input of a job nor as a file that a node says a step has left."""
    bo = next(node for node in village.hub.roster.every())
    moment = now()
    evil = Artifact.model_construct(
        id="0" * 64, name="../../evil", media_type="x", size=1, step_id="s"
    )
    lie = StepResult.model_construct(
        step_id="s",
        executor="x",
        status=StepStatus.OK,
        artifacts=(evil,),
        started_at=moment,
        finished_at=moment,
    )
    async with ann.line() as line:
        asked = job(line, "wait 1\nreport n 1")
        work = asyncio.create_task(outcome_of(line, asked))
        await until(lambda: bo.running, 60)
        (nonce,) = bo.running
        said = Done.model_construct(
            key=asked.key,
            submitter=ann.identity.id,
            nonce=nonce,
            outcome="result",
            result=lie,
        )
        identity = Person(village.folder / "bo").identity
        village.hub.dispatcher.done(bo, seal(identity, said))
        outcome = await work
        assert outcome.result is not None
        assert outcome.result.artifacts == ()
        wrong = job(line).model_copy(update={"inputs": {"../../x": Blob(sha256="0" * 64, size=1)}})
        heard = line.listen(wrong.key)
        await line.say("ask", seal(ann.identity, wrong))
        await line.ask(what="peers")  # what was said before it was heard before it
        assert heard.empty()
    assert village.hub.dispatcher.going == 0


async def test_who_has_rewritten_the_book_of_a_hub_is_seen(village: Village, ann: Person) -> None:
    """By the heads that a member got with its answers, while the hub itself runs on."""
    async with ann.line() as line:
        for number in range(4):
            await outcome_of(line, job(line, f"report n {number}"))
        keep_heads(ann.places.heads, line.heads)
        heads = kept_heads(ann.places.heads, village.hub.identity.id)
        assert heads
        assert compare(await audit.record(line), heads).verdict == "whole"
        with sqlite3.connect(village.hub.folder / "book.db") as database:
            database.execute("UPDATE record SET body = replace(body, '\"bo\"', '\"eve\"')")
        assert compare(await audit.record(line), heads).verdict == "broken"
        # And by one who makes all the hashes anew.
        from intentos.mesh.book import NOTHING, _hash

        with sqlite3.connect(village.hub.folder / "book.db") as database:
            last = NOTHING
            rows = database.execute("SELECT seq, at, what, body FROM record ORDER BY seq")
            for seq, at, what, body in rows.fetchall():
                digest = _hash(seq, at, what, body, last)
                values = (last, digest, seq)
                database.execute("UPDATE record SET previous = ?, hash = ? WHERE seq = ?", values)
                last = digest
        found = compare(await audit.record(line), heads)
        assert found.verdict == "rewritten"
