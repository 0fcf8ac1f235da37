"""Runs steps on other machines: on whichever node of the mesh the hub finds for them.

What a step is, its inputs and its values leave this machine, so it is used only where a person has
said so (``--where peer`` or ``auto``), never of itself. What comes back is believed as far as its
hashes go: every artifact's bytes are compared, and the hub has a share of the steps done twice. A
kernel's step is judged once more here; what does not check out is not kept, and the hub is told.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import cached_property

from intentos import config
from intentos.ending import uninterrupted
from intentos.errors import ExecutorUnavailable
from intentos.mesh.audit import keep_heads
from intentos.mesh.corrections import fetch, remember
from intentos.mesh.identity import Identity
from intentos.mesh.line import Line, read_membership, require
from intentos.mesh.places import Places
from intentos.mesh.visitor import errand
from intentos.mesh.wire import Outcome, Verify
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.registry import Registry
from intentos.run import StepResult
from intentos.types import Estimate, Isolation, Problem, Value

from .looked_over import Held, Implausible, looked_over


class PeerExecutor:
    """Runs steps on the mesh that this machine has joined.

    Args:
        verify: how results are checked: ``none``, ``spot``, ``jury2`` or ``jury3``.
    """

    name = "peer"
    languages = frozenset({"kernel", "python", "wgsl"})
    isolation: Isolation = "remote"
    substitute = False

    def __init__(self, *, verify: Verify = "spot") -> None:
        self._verify: Verify = verify
        self._line: Line | None = None
        self._users = 0
        self._opening = asyncio.Lock()

    def check(self) -> None:
        """Return if this machine has joined a hub; whether it answers shows when it is asked.

        Raises:
            ExecutorUnavailable: it has not, or packages are missing.
        """
        require()
        read_membership(Places(config.load()).membership)

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Return that nothing is known: it depends on whose machine it will be."""
        return Estimate(where="peer")

    async def room(self, step: Step) -> int:
        """Return how many places nodes have free that could run such a step.

        Raises:
            ExecutorUnavailable: the hub does not answer.
        """
        async with self._connected() as line:
            peers = (await line.ask(what="peers")).peers
        free = 0
        for peer in peers:
            offer = peer.offer
            if peer.state != "free" or offer is None or step.language not in offer.languages:
                continue
            if step.language != "kernel" or offer.kernels.get(step.code) == step.code_hash:
                free += peer.slots - peer.running
        return free

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Run the step on some node, and bring home what it left.

        Raises:
            ExecutorUnavailable: no node could do it, the mesh failed, or what a node sent does not
                check out.
        """
        async with self._connected() as line:
            if step.language == "kernel":
                result, outcome = await self._judged(line, step, context)
            else:
                result, outcome, key = await errand(line, step, context, verify=self._verify)
                remember(Places(config.load()), key, run=context.run, step=step.id)
        told = {
            "node": outcome.node_name,
            "owner": outcome.owner,
            "seconds": round(outcome.seconds, 2),
        }
        note = Problem(code=f"mesh.ran_{outcome.verified}", arguments=told)
        if outcome.verified != "alone":  # what a node itself has to say hides no doubt
            note = result.note or note
        return result.model_copy(update={"note": note})

    async def _judged(
        self, line: Line, step: Step, context: StepContext
    ) -> tuple[StepResult, Outcome]:
        """Have a kernel's step done, and believe what its judge believes here as well."""
        held = Held(context.workdir / "held")
        there = replace(context, save=held.save)
        result, outcome, key = await errand(line, step, there, verify=self._verify)
        places = Places(config.load())
        try:
            result = await looked_over(step, context, result, held, self._registry)
        except Implausible as why:
            remember(places, key, run=context.run, step=step.id, believed=False)
            with suppress(ExecutorUnavailable):  # the step runs elsewhere, whatever the hub does
                await line.ask(what="doubt", key=key)
            told = {"node": result.node, "owner": outcome.owner, "what": str(why)}
            raise ExecutorUnavailable("mesh.implausible", **told) from why
        remember(places, key, run=context.run, step=step.id)
        artifacts = await held.give(context.save)
        return result.model_copy(update={"artifacts": artifacts}), outcome

    @cached_property
    def _registry(self) -> Registry:
        return Registry(plugins=config.load().plugins)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Line]:
        """Share one line among the steps that run at a time."""
        async with self._opening:
            if self._line is None:
                places = Places(config.load())
                line = Line(Identity.kept(places.key), read_membership(places.membership))
                self._line = await line.__aenter__()
            self._users += 1
            line = self._line
        try:
            yield line
        finally:
            self._users -= 1
            if not self._users:
                self._line = None
                places = Places(config.load())
                try:
                    keep_heads(places.heads, line.heads)
                    with suppress(ExecutorUnavailable):  # it is told the next time
                        await fetch(line, places)
                finally:
                    await uninterrupted(line.close())
