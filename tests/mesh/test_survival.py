"""Kills: hub, server and nodes are processes of their own here, and die without a word."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intentos.bench.mesh import Mesh, NothingRegistry, job, serve
from intentos.mesh.book import Book, chained
from intentos.mesh.line import Line
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import Entry, Job, Outcome

from .village import Village, until


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    """Give a hub in a process of its own; nodes and sender live on here."""
    made = Mesh(tmp_path)
    await made.start_hub()
    yield made
    await made.stop()


def server_of(mesh: Mesh) -> int:
    return int((mesh.folder / "hub" / "nats.pid").read_text())


def paid(path: Path) -> dict[str, int]:
    """Return how often each job was paid for, and see that the record is whole."""
    book = Book(path)
    try:
        entries: list[Entry] = []
        while more := book.entries(len(entries)):
            entries += more
        assert chained(entries) is None
        counts: dict[str, int] = {}
        for (key,) in book._rows("SELECT key FROM payments"):
            counts[key] = counts.get(key, 0) + 1
        return counts
    finally:
        book.close()


async def gone(process: int) -> None:
    await until(lambda: not os.path.exists(f"/proc/{process}"))


def seed(outcome: Outcome) -> object:
    assert outcome.result is not None, outcome.why
    return outcome.result.values["seed"].value


async def test_kills_of_hub_and_server_lose_nothing_and_count_nothing_twice(mesh: Mesh) -> None:
    nodes = []
    for name in ("bo", "cy"):
        await mesh.member(name, name)
        nodes.append(asyncio.create_task(serve(mesh.folder / name, 4)))
    identity, membership, _ = await mesh.member("ann", "ann")
    sent: list[Job] = []
    outcomes: list[Outcome] = []
    over = asyncio.Event()

    async with Line(identity, membership) as line:

        async def send() -> None:
            while not over.is_set():
                sent.append(one := job(line, 0.02, seed=len(sent)))
                outcome = await outcome_of(line, one)
                assert seed(outcome) == one.seed
                outcomes.append(outcome)

        senders = [asyncio.create_task(send()) for _ in range(6)]
        for victim in ("server", "hub", "server"):
            before = len(outcomes)
            await until(lambda before=before: len(outcomes) > before + 20, 20)  # type: ignore[misc]
            server = server_of(mesh)
            if victim == "server":
                os.kill(server, signal.SIGKILL)
            else:
                assert mesh.hub is not None
                mesh.hub.kill()
                await mesh.hub.wait()
                await gone(server)  # it goes with its hub
                await mesh.start_hub()
        await asyncio.sleep(0.3)
        over.set()
        await asyncio.wait_for(asyncio.gather(*senders), 25)
    for node in nodes:
        node.cancel()
    await asyncio.gather(*nodes, return_exceptions=True)
    assert len(outcomes) == len(sent) > 60
    assert paid(mesh.folder / "hub" / "book.db") == {one.key: 1 for one in sent}


async def test_a_killed_node_is_replaced_within_two_seconds(village: Village) -> None:
    ann, bo = await village.join("ann"), await village.join("bo")
    mesh = Mesh(village.folder)
    process = await mesh.start_node("bo", 4)
    try:
        async with ann.line() as line:
            await until(lambda: village.hub.roster.every())
            work = asyncio.create_task(outcome_of(line, job(line, 0.5, seed=9)))
            await until(lambda: any(node.running for node in village.hub.roster.every()))
            cy = await village.join("cy")
            await village.lend(cy, NothingRegistry(plugins=False))
            process.kill()
            await process.wait()
            killed = time.monotonic()
            assert seed(await work) == 9
            # Its silence is noticed after 1.5 s, and the step itself takes half a second.
            assert time.monotonic() - killed < 2 + 0.5
    finally:
        await mesh.stop()
    gone = village.hub.roster.get(bo.identity.id)
    assert gone is not None
    assert not gone.there
    assert list(paid(village.hub.folder / "book.db").values()) == [1]
