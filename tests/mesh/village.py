"""A real hub with real neighbours for tests: NATS, HTTPS and SQLite, on ports of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from intentos.bench.mesh import free_port
from intentos.config import Settings
from intentos.mesh import invite
from intentos.mesh.hands import Hands
from intentos.mesh.hub import Hub
from intentos.mesh.identity import Identity
from intentos.mesh.idle import Idle
from intentos.mesh.lending import Lending
from intentos.mesh.line import Line, Membership, join, write_membership
from intentos.mesh.node import Node
from intentos.mesh.places import Places
from intentos.mesh.wire import Job, Role
from intentos.plan import Step
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.types import Isolation, Limits, new_id
from tests.parts import HandRegistry, InstantExecutor


class WalledExecutor(InstantExecutor):
    """Says that it has walls, so that a node offers it."""

    isolation: Isolation = "sandbox"


class Person:
    """Somebody with a key, a state folder and a membership."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder, cache=folder / "cache")
        self.places = Places(self.settings)
        self.identity = Identity.kept(self.places.key)
        self.membership: Membership

    def line(self) -> Line:
        """Return a line to the hub, to be opened."""
        return Line(self.identity, self.membership)


class Village:
    """A hub in this process, and who has joined it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub: Hub
        self._nodes: list[asyncio.Task[None]] = []

    async def open(self, **options: Any) -> Hub:
        """Start the hub; its queue does not force the disk, which tests of speed only need."""
        usual: dict[str, Any] = {"sync": "2m", "port": free_port()}
        self.hub = Hub(self.folder / "hub", **(usual | options))
        await self.hub.start()
        return self.hub

    def link(self, owner: str = "somebody", role: Role = "member", hours: float = 1) -> invite.Link:
        """Return a new invite."""
        return invite.make(
            self.hub.book,
            host="127.0.0.1",
            port=self.hub.port,
            fingerprint=self.hub.fingerprint,
            owner=owner,
            role=role,
            hours=hours,
        )

    async def join(self, name: str, owner: str | None = None, role: Role = "member") -> Person:
        """Let somebody in by an invite."""
        person = Person(self.folder / name)
        person.membership = await join(self.link(owner or name, role), person.identity, name)
        write_membership(person.places.membership, person.membership)
        return person

    async def lend(
        self,
        person: Person,
        registry: Registry | None = None,
        *,
        idle: Idle | None = None,
        hands: Hands | None = None,
        **limits: Any,
    ) -> tuple[Node, asyncio.Task[None]]:
        """Have somebody's machine serve, until the village closes."""
        node = Node(
            identity=person.identity,
            membership=person.membership,
            places=person.places,
            registry=registry or HandRegistry(WalledExecutor()),
            hands=hands,
            limits=Lending(**({"slots": 2, "on_battery": True} | limits)),
            name=person.settings.home.name,
            trusted=frozenset({OWN_DISTRIBUTION, "hand"}),
            idle=idle,
        )
        ready = asyncio.Event()
        task = asyncio.create_task(node.run(ready))
        self._nodes.append(task)
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            task.result()
        await until(lambda: self._offers(person.identity.id))
        return node, task

    async def close(self) -> None:
        """End everything."""
        for task in self._nodes:
            task.cancel()
        await asyncio.gather(*self._nodes, return_exceptions=True)
        await self.hub.stop()

    def _offers(self, id: str) -> bool:
        known = self.hub.roster.get(id)
        return known is not None and known.offer is not None and known.there


def job(line: Line, code: str = "say hello", **changes: Any) -> Job:
    """Return a job in the language ``words``."""
    fields: dict[str, Any] = {
        "key": new_id(),
        "step": Step(id="s", language="words", code=code),
        "seed": 1,
        "limits": Limits(wall_time=20),
        "verify": "none",
        "reply": line.reply,
    }
    return Job(**(fields | changes))


async def until(true: Callable[[], object], seconds: float = 20.0) -> float:
    """Wait for something to be so; return how long it took."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds} s")
        await asyncio.sleep(0.01)
    return time.monotonic() - began
