"""Kills under load: server, hub (whose dispatcher dies with it) and nodes, without a word.

Every job that a sender gave up must come to its right result, and count once in the book. The
victims and the moments are drawn from a seed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from intentos.errors import IntentOSError
from intentos.mesh.book import Book, chained
from intentos.mesh.line import Line
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import Entry, Job

from .mesh import Mesh, job

Victim = Literal["server", "hub", "node"]
VICTIMS: tuple[Victim, ...] = ("server", "hub", "node")
NODES = 3
SENDERS = 8
BETWEEN = 12
"""Outcomes between two kills."""
STUCK_SECONDS = 60.0


async def storm(
    kills: int,
    seed: int,
    *,
    victims: Sequence[Victim] = (),
    seconds: float = 0.01,
    tell: Callable[[str], None] = lambda what: None,
) -> dict[str, Any]:
    """Return what came of a load under so many kills.

    ``victims``: these, in order, instead of drawn ones; ``seconds``: what one job takes.
    Raises TimeoutError where nothing comes to a result any more.
    """
    drawn = random.Random(seed)
    order = list(victims) or [drawn.choice(VICTIMS) for _ in range(kills)]
    with tempfile.TemporaryDirectory(prefix="intentos-storm-", ignore_cleanup_errors=True) as name:
        mesh = Mesh(Path(name))
        try:
            await mesh.start_hub()
            for number in range(NODES):
                await mesh.member(f"n{number}", f"owner{number}")
                await mesh.start_node(f"n{number}", 4)
            identity, membership, _ = await mesh.member("person", "person")
            async with Line(identity, membership) as line:
                load = _Load(line, seconds)
                began = time.monotonic()
                async with load:
                    for number, victim in enumerate(order, start=1):
                        await load.more(BETWEEN)
                        await asyncio.sleep(drawn.random() * 0.2)
                        tell(f"{number} of {len(order)}: {victim}")
                        await _kill(mesh, victim, drawn)
                    await load.more(BETWEEN)
                took = time.monotonic() - began
            counts = counted(mesh.folder / "hub" / "book.db")
        finally:
            await mesh.stop()
    keys = {one.key for one in load.sent}
    return {
        "kind": "mesh chaos",
        "seed": seed,
        "kills": len(order),
        **{f"kills_of_{victim}": order.count(victim) for victim in VICTIMS},
        "acknowledged": len(load.sent),
        "lost": sum(not counts[key] for key in keys),
        "counted_twice": sum(counts[key] > 1 for key in keys),
        "wrong": load.wrong,
        "unanswered": load.unanswered.total(),
        "unanswered_why": dict(load.unanswered),
        "seconds": round(took, 1),
        "load": round(os.getloadavg()[0], 1),
    }


class _Load:
    """Senders that each send one job after the other, and end when the block does."""

    def __init__(self, line: Line, seconds: float) -> None:
        self._line = line
        self._seconds = seconds
        self._over = False
        self._senders: list[asyncio.Task[None]] = []
        self.sent: list[Job] = []
        self.wrong = 0
        self.unanswered = Counter[str]()
        """Why jobs came to no result."""
        self.outcomes = 0

    async def __aenter__(self) -> _Load:
        self._senders = [asyncio.create_task(self._send()) for _ in range(SENDERS)]
        return self

    async def __aexit__(self, kind: object, *_: object) -> None:
        self._over = True
        if kind is not None:
            for sender in self._senders:
                sender.cancel()
        async with asyncio.timeout(STUCK_SECONDS):
            await asyncio.gather(*self._senders, return_exceptions=kind is not None)

    async def more(self, outcomes: int) -> None:
        """Wait for so many more outcomes; raises what ended a sender."""
        wanted = self.outcomes + outcomes
        async with asyncio.timeout(STUCK_SECONDS):
            while self.outcomes < wanted:
                for sender in self._senders:
                    if sender.done():
                        sender.result()
                await asyncio.sleep(0.01)

    async def _send(self) -> None:
        while not self._over:
            one = job(self._line, self._seconds, seed=len(self.sent))
            self.sent.append(one)
            while True:
                try:
                    outcome = await outcome_of(self._line, one)
                    break
                except IntentOSError:
                    # The hub is away for longer than a sender waits: the same key, again.
                    await asyncio.sleep(0.2)
            result = outcome.result
            if result is None:
                self.unanswered[outcome.why] += 1
            self.wrong += result is not None and result.values["seed"].value != one.seed
            self.outcomes += 1


async def _kill(mesh: Mesh, victim: Victim, drawn: random.Random) -> None:
    server = int((mesh.folder / "hub" / "nats.pid").read_text())
    if victim == "server":
        os.kill(server, signal.SIGKILL)
        return
    if victim == "hub":
        assert mesh.hub is not None
        mesh.hub.kill()
        await mesh.hub.wait()
        await asyncio.to_thread(_gone, server)  # it goes with its hub
        await mesh.start_hub()
        return
    number = drawn.randrange(NODES)
    mesh.nodes[number].kill()
    await mesh.nodes[number].wait()
    await mesh.start_node(f"n{number}", 4)
    mesh.nodes[number] = mesh.nodes.pop()


def _gone(process: int) -> None:
    until = time.monotonic() + STUCK_SECONDS
    while os.path.exists(f"/proc/{process}"):
        if time.monotonic() > until:
            raise TimeoutError(f"the server {process} outlives its hub")
        time.sleep(0.01)


def counted(path: Path) -> Counter[str]:
    """Return how often each job was paid for and settled, whichever is more, in a book whose
    record is whole; raises AssertionError where it is not."""
    book = Book(path)
    try:
        entries: list[Entry] = []
        while more := book.entries(len(entries)):
            entries += more
        if chained(entries) is not None:
            raise AssertionError("the record is broken")
        paid = Counter(key for (key,) in book._rows("SELECT key FROM payments"))
        settled = Counter(str(_key(entry)) for entry in entries if entry.what == "settled")
        return Counter({key: max(paid[key], settled[key]) for key in {*paid, *settled}})
    finally:
        book.close()


def _key(entry: Entry) -> object:
    import json

    return json.loads(entry.body)["key"]


def missed(result: dict[str, Any]) -> list[str]:
    """Return what must not be and was."""
    return [
        f"{result[what]} {what.replace('_', ' ')} of {result['acknowledged']} ({result['seed']})"
        for what in ("lost", "counted_twice", "wrong", "unanswered")
        if result[what]
    ]
