"""A relay: a node of one hub whose hands are another mesh, of which this machine is a member.

What it is handed it sends on as a job of its own, under that mesh's queue, checks and book, and
answers with what came of it. It keeps no bytes. A job is handed on once, never by a second relay.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from intentos.errors import ExecutorUnavailable, UsageError
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.run import StepResult
from intentos.types import new_id, sha256

from .audit import keep_heads
from .hands import version_here
from .identity import Identity
from .lending import Lending
from .line import Line, Membership
from .proposing import LANGUAGE as PLANNING
from .visitor import errand
from .wire import Offer, Peer, Relayed, Task, Verify

LOOK_SECONDS = 1.0
USUAL = Lending(slots=1024, memory_bytes=1024**4)
"""As much as the mesh behind it has: its nodes have their own limits."""


class Relay:
    """Another mesh, as the hands of a node."""

    def __init__(
        self,
        *,
        identity: Identity,
        inner: Membership,
        outer: Membership,
        heads: Path,
        verify: Verify = "spot",
    ) -> None:
        """``identity`` and ``inner``: this machine's in the mesh that does the work; ``outer``: the
        hub that it serves; ``heads``: where signed heads of the inner record are kept; ``verify``:
        how the inner mesh checks.

        Raises:
            UsageError: both are the same hub, or this machine may send no steps in there.
        """
        if inner.hub == outer.hub:
            raise UsageError("mesh.relay_to_itself", host=outer.host)
        if inner.role != "member":
            raise UsageError("mesh.relay_not_member", host=inner.host)
        self._inner = inner
        self._outer = outer
        self._heads = heads
        self._verify: Verify = verify
        self._line = Line(identity, inner, closed=self._closed)
        self._opened = self._out = False
        self._going: set[str] = set()
        """Keys of what is in the inner mesh's hands."""
        self._offer: Offer
        self._news = False
        self._watching: asyncio.Task[None] | None = None

    async def open(self, name: str, lending: Lending) -> Offer:
        """Return what the inner mesh offers now; raises ExecutorUnavailable: its hub is silent."""
        self._name, self._lending = name, lending
        await self._line.__aenter__()
        self._opened = True
        self._offer = await self._look()
        self._watching = asyncio.create_task(self._watch())
        return self._offer

    def news(self) -> Offer | None:
        """Return what it offers where nodes have come or gone since it was last told.

        Raises:
            ExecutorUnavailable: the inner hub has put this machine out.
        """
        if self._out:
            raise ExecutorUnavailable("mesh.relay_put_out", host=self._inner.host)
        news, self._news = self._news, False
        return self._offer if news else None

    async def do(self, task: Task, step: Step, context: StepContext) -> StepResult:
        """Have some node of the inner mesh do a step, and pass on what it left.

        Raises:
            ExecutorUnavailable: nobody there could do it, or its hub is silent.
            ExecutorError: what came back is not what its hash says.
        """
        key = await self._key(task)
        self._going.add(key)
        try:
            relayed = Relayed(hub=self._outer.hub, host=self._outer.host, owner=task.owner)
            result, _, _ = await errand(
                self._line, step, context, verify=self._verify, key=key, relayed=relayed
            )
        finally:
            self._going.discard(key)
        return result

    async def close(self) -> None:
        """Leave the inner mesh; what it still has in hand is canceled before."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._opened:
            self._keep_heads()
            await self._line.__aexit__(None, None, None)

    async def _key(self, task: Task) -> str:
        """Return under which key a task goes in: the same one if it is handed here once more, as
        after a crash, so that nothing is done and paid for twice inside."""
        named = f"{self._outer.hub} {task.submitter} {task.job.key}"
        key = sha256(named.encode())[:26]
        if key in self._going:
            return new_id()  # an attempt that is not quite over
        known = await self._line.ask(what="result", key=key)
        failed = known.outcome is not None and known.outcome.result is None
        return new_id() if failed else key  # what came to nothing then, may now be done

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                offer = await self._look()
            except ExecutorUnavailable:
                offer = self._of(())  # until it answers again
            if offer != self._offer:
                self._offer, self._news = offer, True
            self._keep_heads()

    async def _look(self) -> Offer:
        return self._of((await self._line.ask(what="peers")).peers)

    def _of(self, peers: Sequence[Peer]) -> Offer:
        offers = [
            (peer, peer.offer)
            for peer in peers
            if peer.offer is not None and peer.state in ("free", "busy") and self._serves(peer)
        ]
        free = sum(max(0, peer.slots - peer.running) for peer, _ in offers)
        kernels: dict[str, Counter[str]] = {}
        for _, offer in offers:
            for name, code in offer.kernels.items():
                kernels.setdefault(name, Counter())[code] += offer.slots
        devices = dict.fromkeys(device for _, offer in offers for device in offer.devices)
        memory = max((offer.memory_bytes for _, offer in offers), default=0)
        return Offer(
            name=self._name[:200],
            version=version_here(),
            # Whom a wish may be shown was asked by name, and they are not those in there.
            languages=frozenset().union(*(offer.languages for _, offer in offers)) - {PLANNING},
            kernels={name: codes.most_common(1)[0][0] for name, codes in kernels.items()},
            devices=tuple(sorted(devices)) if self._lending.gpu else (),
            gpu=self._lending.gpu and any(offer.gpu for _, offer in offers),
            slots=min(self._lending.slots, max(1, len(self._going) + free)),
            memory_bytes=min(self._lending.memory_bytes, memory),
            owners=self._lending.owners,
            relay=True,
        )

    def _serves(self, peer: Peer) -> bool:
        """Return whether a node in there does, for somebody, what comes from out here."""
        assert peer.offer is not None
        owners = peer.offer.owners
        if peer.offer.relay:
            return False
        there = f"@{self._outer.host}"
        return not owners or (
            self._inner.owner in owners and any(owner.endswith(there) for owner in owners)
        )

    def _closed(self) -> None:
        self._out = True

    def _keep_heads(self) -> None:
        with suppress(OSError):  # a full disk: kept, and written when there is room
            keep_heads(self._heads, self._line.heads)
