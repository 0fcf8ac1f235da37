"""One plan with many values of one knob: ``gravity=1:20:64``, run side by side where there is room.

The first value is run alone, so that a person is asked once; the approval covers the others. On the
mesh many runs go on at a time and their results come together in the order of the values.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from intentos.conversation import Conversation, Listener, Options
from intentos.errors import UsageError
from intentos.events import Event, StepStarted
from intentos.parameters import Parameter
from intentos.placement import Where
from intentos.plan import Plan
from intentos.run import Run, RunStatus
from intentos.types import Intent, Json, Value

MOST = 1000
"""Values of one sweep."""
TOGETHER = 16
"""Runs at a time where the steps go to other machines; here they would wait for one another."""
_FORM = re.compile(r"([a-z][a-z0-9_]*)=([^:=]+):([^:=]+):(\d{1,6})")


class Sweep(NamedTuple):
    """A knob and the values that it takes."""

    name: str
    values: tuple[Value, ...]


def read_sweep(text: str, plan: Plan) -> Sweep:
    """Return what ``name=from:to:count`` means for a plan.

    Raises:
        UsageError: it is not of this form, or counts too many.
        InvalidPlan: the plan has no such parameter.
        ValueOutOfRange: an end lies outside its range.
    """
    found = _FORM.fullmatch(text.strip())
    try:
        low, high = (float(found[2]), float(found[3])) if found else (0.0, 0.0)
    except ValueError:
        found = None
    count = int(found[4]) if found else 0
    if found is None or not 2 <= count <= MOST:
        raise UsageError("sweep.form", text=text[:80], most=MOST)
    parameter = plan.parameter(found[1])
    values: list[Value] = []
    for index in range(count):
        value = low + (high - low) * index / (count - 1)
        accepted = parameter.accept(_fitting(parameter, value))
        if accepted not in values:  # whole numbers between near ends come more than once
            values.append(accepted)
    return Sweep(found[1], tuple(values))


async def run_sweep(
    conversation: Conversation,
    sweep: Sweep,
    plan: Plan,
    options: Options,
    intent: Callable[[], Intent],
    listen: Listener,
    told: Callable[[int, int], None],
) -> list[Run]:
    """Return the runs in the order of the values; only the first if it does not complete.

    ``listen`` hears of the first; ``told`` how many of how many are over.
    """
    remote = False

    def hear(event: Event) -> None:
        nonlocal remote
        remote = remote or (isinstance(event, StepStarted) and event.where != "here")
        listen(event)

    def of(value: Value) -> Options:
        return replace(options, values={**options.values, sweep.name: value})

    first = await conversation.run(intent(), of(sweep.values[0]), hear, plan=plan)
    if first.status is not RunStatus.COMPLETED:
        return [first]
    # Where it ran is what was agreed to, for all of them.
    away: Where = "cluster" if options.where == "cluster" else "peer"
    options = replace(options, where=away if remote else "here")
    turn = asyncio.Semaphore(TOGETHER if remote else 1)
    over = 1

    async def one(value: Value) -> Run:
        nonlocal over
        async with turn:
            run = await conversation.run(intent(), of(value), lambda event: None, plan=plan)
        over += 1
        told(over, len(sweep.values))
        return run

    rest = [asyncio.create_task(one(value)) for value in sweep.values[1:]]
    try:
        return [first, *await asyncio.gather(*rest)]
    finally:
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


def table(sweep: Sweep, runs: Sequence[Run]) -> list[dict[str, Json]]:
    """Return a row for each run: its id, status, the knob's value and the numbers it gave."""
    return [
        {
            "run": run.id,
            "status": run.status.value,
            "badge": run.badge,
            "where": run.results[-1].node if run.results else "here",
            sweep.name: value,
            "values": {name: q.model_dump() for name, q in run.quantities.items()},
        }
        for value, run in zip(sweep.values, runs, strict=False)
    ]


def _fitting(parameter: Parameter, value: float) -> Value:
    return round(value) if parameter.kind == "integer" else value
