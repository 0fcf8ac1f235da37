"""Where a step runs: here, or on another machine, and the reason as a person reads it.

Nothing leaves this machine unless the call says so: ``here`` is the default, ``peer`` sends what
can be sent to neighbours, ``cluster`` to the person's own machines, ``auto`` to neighbours what
would have to wait here, and the plan's card tells which and why.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Literal

from intentos.errors import IntentOSError
from intentos.plan import Plan, Step
from intentos.policy import choose_executor
from intentos.protocols import Roomy, Side
from intentos.registry import Registry
from intentos.types import Estimate, Frozen, Problem

Where = Literal["auto", "here", "peer", "cluster"]
WORTH_SECONDS = 5.0
"""Of work below which sending it costs more than waiting here."""


class Placement(Frozen):
    """Where one step runs."""

    where: Side
    why: Problem


async def place(
    where: Where, plan: Plan, registry: Registry, estimates: Mapping[str, Estimate]
) -> dict[str, Placement]:
    """Return where each step of a plan runs; ``estimates``: what each costs here.

    Raises:
        ExecutorUnavailable: it shall run on the mesh, and this machine has joined none.
    """
    found = {}
    for step in plan.steps:
        if where == "here":
            found[step.id] = _said("here", "asked_here")
        elif step.executor is not None or step.needs - {"gpu"}:
            found[step.id] = _said("here", "bound")
        elif where != "auto":
            choose_executor(step, registry, where=where)
            found[step.id] = _said(where, "asked" if where == "peer" else "asked_cluster")
        else:
            found[step.id] = await _weighed(step, registry, estimates.get(step.id, Estimate()))
    return found


def fallen_back(error: IntentOSError, where: Side, note: Problem | None, language: str) -> Problem:
    """Return what to say of a step that ran here as it could not, or was not believed, there.

    ``note``: what this machine's executor has to say itself, which a failed mesh does not hide.
    """
    if error.code == "mesh.implausible":
        told = {"node": str(error.arguments["node"])}
        return Problem(code="placement.implausible", arguments=told)
    code = "placement.fell_back" if where == "peer" else "placement.no_cluster"
    return note or Problem(code=code, arguments={"why": error.text(language)})


async def _weighed(step: Step, registry: Registry, estimate: Estimate) -> Placement:
    seconds = estimate.seconds
    if seconds is None:
        return _said("here", "unknown_time")
    if seconds < WORTH_SECONDS:
        return _said("here", "short", seconds=round(seconds, 1))
    load = os.getloadavg()[0] / (os.cpu_count() or 1) if hasattr(os, "getloadavg") else 0.0
    if load < 1.0:
        return _said("here", "idle_here", seconds=round(seconds, 1))
    try:
        executor = choose_executor(step, registry, where="peer")
        room = await executor.room(step) if isinstance(executor, Roomy) else 1
    except IntentOSError as error:
        return _said("here", "no_mesh", why=str(error))
    if not room:
        return _said("here", "no_room")
    return _said("peer", "busy_here", load=round(load, 1), room=room)


def _said(where: Side, code: str, **arguments: object) -> Placement:
    return Placement(where=where, why=Problem(code=f"placement.{code}", arguments=dict(arguments)))
