"""Kills: hub, server and nodes are processes of their own here, and die without a word."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intentos.bench.mesh import Mesh, job
from intentos.mesh.book import Book, chained
from intentos.mesh.line import Line
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import Job, Outcome

from .village import until


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    made = Mesh(tmp_path)
    await made.start_hub()
    yield made
    await made.stop()


async def kill(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGKILL)
    await process.wait()


def server_of(mesh: Mesh) -> int:
    return int((mesh.folder / "hub" / "nats.pid").read_text())


async def nodes(mesh: Mesh, *names: str) -> None:
    for name in names:
        await mesh.member(name, name)
        await mesh.start_node(name, 4)


def paid(mesh: Mesh) -> dict[str, int]:
    """Return how often each job was paid for, and see that the record is whole."""
    book = Book(mesh.folder / "hub" / "book.db")
    try:
        entries = []
        while more := book.entries(len(entries)):
            entries += more
        assert chained(entries) is None
        counts: dict[str, int] = {}
        for (key,) in book._rows("SELECT key FROM payments"):
            counts[key] = counts.get(key, 0) + 1
        return counts
    finally:
        book.close()


async def test_a_killed_hub_goes_on_where_it_was(mesh: Mesh) -> None:
    await nodes(mesh, "bo")
    identity, membership, _ = await mesh.member("ann", "ann")
    async with Line(identity, membership) as line:
        jobs = [job(line, 0.5, seed=n) for n in range(12)]
        waiting = [asyncio.create_task(outcome_of(line, one)) for one in jobs]
        await asyncio.sleep(0.7)
        old = server_of(mesh)
        assert mesh.hub is not None
        await kill(mesh.hub)
        await until(lambda: not os.path.exists(f"/proc/{old}"))  # its server goes with it
        await mesh.start_hub()
        outcomes = await asyncio.wait_for(asyncio.gather(*waiting), 20)
    assert [seed(outcome) for outcome in outcomes] == list(range(12))
    assert paid(mesh) == {one.key: 1 for one in jobs}


async def test_kills_of_everybody_lose_nothing_and_count_nothing_twice(mesh: Mesh) -> None:
    await nodes(mesh, "bo", "cy")
    identity, membership, _ = await mesh.member("ann", "ann")
    sent: list[Job] = []
    outcomes: list[Outcome] = []
    over = asyncio.Event()

    async with Line(identity, membership) as line:

        async def send() -> None:
            while not over.is_set():
                sent.append(job(line, 0.02, seed=len(sent)))
                outcomes.append(await outcome_of(line, sent[-1]))

        senders = [asyncio.create_task(send()) for _ in range(6)]
        for victim in ("server", "node", "hub", "node", "server"):
            await asyncio.sleep(0.5)
            if victim == "server":
                os.kill(server_of(mesh), signal.SIGKILL)
            elif victim == "hub":
                assert mesh.hub is not None
                await kill(mesh.hub)
                await mesh.start_hub()
            else:
                await kill(mesh.nodes.pop(0))
                (name,) = [name for name in ("bo", "cy") if not _serves(mesh, name)]
                await mesh.start_node(name, 4)
        await asyncio.sleep(0.5)
        over.set()
        await asyncio.wait_for(asyncio.gather(*senders), 25)
    assert len(outcomes) == len(sent) > 30
    assert all(outcome.result is not None for outcome in outcomes)
    assert paid(mesh) == {one.key: 1 for one in sent}


def _serves(mesh: Mesh, name: str) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(mesh.folder / name / "mesh" / "node.lock", timeout=0):
            return False
    except Timeout:
        return True


def seed(outcome: Outcome) -> object:
    assert outcome.result is not None, outcome.why
    return outcome.result.values["seed"].value
