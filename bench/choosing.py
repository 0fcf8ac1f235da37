"""Ways to choose a node, compared: the same arrivals at a real hub, while one node slows down.

Hub and nodes are in this process; steps sleep as long as they would compute, so that the nodes, not
this machine's cores, are what is scarce. The honest figure is the 95th percentile after a node has
slowed down: what a sender feels when somebody's machine gets hot or busy.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from intentos.config import Settings
from intentos.mesh import invite, lending
from intentos.mesh.choose import CHOOSERS
from intentos.mesh.hub import Hub
from intentos.mesh.identity import Identity
from intentos.mesh.line import Line, Membership, join
from intentos.mesh.node import Node
from intentos.mesh.places import Places
from intentos.mesh.visitor import outcome_of
from intentos.plan import Step
from intentos.protocols import Executor, StepContext
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.run import StepResult

from .mesh import NothingExecutor, free_port, job

SLOTS = 4
SPEEDS = (1.0, 1.0, 1.0, 2.0)
"""Of the nodes: seconds of a step are multiplied by these."""
SLOWED = 8.0
"""Times that the first one is slower from half time on."""
STEP_SECONDS = 0.4
RATE = 15.0
"""Steps that come in a second, on average: about half of what the nodes can take."""


class PacedExecutor(NothingExecutor):
    """Sleeps so many times longer than it is told."""

    def __init__(self, times: float) -> None:
        self.times = times

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Sleep."""
        longer = step.model_copy(update={"code": str(float(step.code) * self.times)})
        return await super().execute(longer, context)


class PacedRegistry(Registry):
    """Holds only such an executor."""

    def __init__(self, executor: PacedExecutor) -> None:
        super().__init__(plugins=False)
        self._only = executor

    def names(self, kind: str) -> dict[str, str]:
        """Return its name."""
        return {"nothing": OWN_DISTRIBUTION} if kind == "executors" else {}

    def executors(self) -> dict[str, Executor]:
        """Return it."""
        return {"nothing": self._only}


async def compare(
    tell: Callable[[str], None], *, seconds: float, seed: int
) -> list[dict[str, Any]]:
    """Return a row for each way: milliseconds before and after a node slowed down."""
    rows = []
    for name in CHOOSERS:
        tell(f"{seconds:g} s of steps, {name}")
        row: dict[str, Any] = {"kind": "choosing", "way": name, "seed": seed}
        for figure, value in (await play(name, seconds=seconds, seed=seed)).items():
            row[figure] = round(value, 3)
        rows.append(row | {"load": round(os.getloadavg()[0], 1)})
    return rows


async def play(name: str, *, seconds: float, seed: int) -> dict[str, float]:
    """Return what senders felt, in ms, with one way of choosing, and the share the slow one got."""
    with tempfile.TemporaryDirectory(prefix="intentos-choose-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        hub = Hub(folder / "hub", port=free_port(), chooser=CHOOSERS[name](), sync="2m")
        await hub.start()
        serving: list[asyncio.Task[None]] = []
        try:
            executors = []
            for number, times in enumerate(SPEEDS):
                executors.append(PacedExecutor(times))
                identity, membership = await _joined(hub, folder, f"n{number}")
                node = Node(
                    identity=identity,
                    membership=membership,
                    places=Places(Settings(home=folder / f"n{number}", cache=folder)),
                    registry=PacedRegistry(executors[-1]),
                    limits=lending.Lending(slots=SLOTS, on_battery=True),
                    name=f"n{number}",
                )
                ready = asyncio.Event()
                serving.append(asyncio.create_task(node.run(ready)))
                await ready.wait()
            identity, membership = await _joined(hub, folder, "person")
            async with Line(identity, membership) as line:
                return await _played(line, executors[0], seconds, random.Random(seed))
        finally:
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
            await hub.stop()


async def _played(
    line: Line, slows: PacedExecutor, seconds: float, drawn: random.Random
) -> dict[str, float]:
    felt: dict[bool, list[float]] = {False: [], True: []}
    took: Counter[tuple[bool, str]] = Counter()

    async def one(later: bool) -> None:
        began = time.perf_counter()
        outcome = await outcome_of(line, job(line, STEP_SECONDS))
        felt[later].append(1000 * (time.perf_counter() - began))
        took[later, outcome.node_name] += 1

    work = []
    began = time.perf_counter()
    due = 0.0
    while due < seconds:
        await asyncio.sleep(max(0.0, began + due - time.perf_counter()))
        later = due >= seconds / 2
        if later:
            slows.times = SLOWED
        work.append(asyncio.create_task(one(later)))
        due += drawn.expovariate(RATE)
    await asyncio.gather(*work)
    before, after = sorted(felt[False]), sorted(felt[True])
    return {
        "steps": len(work),
        "before_p50": statistics.median(before),
        "before_p95": statistics.quantiles(before, n=20)[18],
        "after_p50": statistics.median(after),
        "after_p95": statistics.quantiles(after, n=20)[18],
        "to_slowed": took[True, "n0"] / len(after),
    }


async def _joined(hub: Hub, folder: Path, name: str) -> tuple[Identity, Membership]:
    link = invite.make(
        hub.book,
        host="127.0.0.1",
        port=hub.port,
        fingerprint=hub.fingerprint,
        owner=name,
        role="member",
    )
    identity = Identity.kept(Places(Settings(home=folder / name, cache=folder)).key)
    return identity, await join(link, identity, name)
