"""Slow machines: asked less often, replaced when they come to no end, and not put out for it."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from intentos.mesh import dispatch
from intentos.mesh.visitor import outcome_of
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.run import StepResult
from intentos.types import Limits
from tests.parts import HandRegistry

from .village import Village, WalledExecutor, job, until


class Slow(WalledExecutor):
    """Takes its time before it works."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Wait, and do the work."""
        await asyncio.sleep(self.seconds)
        return await super().execute(step, context)


async def test_a_slow_machine_is_asked_less_often_and_stays(village: Village) -> None:
    ann = await village.join("ann")
    for name, seconds in (("slow", 0.5), ("quick", 0.02)):
        person = await village.join(name)
        await village.lend(person, HandRegistry(Slow(seconds)), slots=1)
    async with ann.line() as line:
        await until(lambda: sum(node.offer is not None for node in village.hub.roster.every()) == 2)
        outcomes = [await outcome_of(line, job(line, "report n 1")) for _ in range(24)]
    served = Counter(outcome.owner for outcome in outcomes)
    assert served.total() == 24
    assert served["quick"] > 2 * served["slow"]
    assert not any(node.standing.ejected for node in village.hub.roster.every())


async def test_a_machine_that_comes_to_no_end_is_replaced(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "GRACE", 0.2)
    ann = await village.join("ann")
    await village.lend(await village.join("stuck"), HandRegistry(Slow(600)), slots=1)
    async with ann.line() as line:
        asked = job(line, "report n 2", limits=Limits(wall_time=1))
        work = asyncio.create_task(outcome_of(line, asked))
        await until(lambda: village.hub.roster.every()[0].running)
        await village.lend(await village.join("cy"))
        outcome = await work
    assert (outcome.owner, outcome.attempts) == ("cy", 2)
    stuck = next(node for node in village.hub.roster.every() if node.member.owner == "stuck")
    assert stuck.there
    assert not stuck.standing.ejected
