"""Sweeps: one plan, many values, one answer to the question whether it may run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from intentos.config import Settings
from intentos.conversation import Conversation, Options, make_intent
from intentos.errors import InvalidPlan, UsageError, ValueOutOfRange
from intentos.parameters import Parameter
from intentos.plan import Plan
from intentos.run import RunStatus
from intentos.sweep import Sweep, read_sweep, run_sweep, table
from intentos.types import Intent, Words

from .parts import HandRegistry, InstantExecutor, Reply, plan_of


def plan(code: str = "report twice {x}", kind: str = "number") -> Plan:
    knob: dict[str, Any] = {"name": "x", "kind": kind, "default": 3, "minimum": 0, "maximum": 10}
    return plan_of(code, parameters=(Parameter(label=Words(en="x"), **knob),))


def test_a_span_is_read() -> None:
    assert read_sweep("x=1:2:5", plan()) == Sweep("x", (1.0, 1.25, 1.5, 1.75, 2.0))
    assert read_sweep(" x=4:0:3 ", plan()).values == (4.0, 2.0, 0.0)
    assert read_sweep("x=0:3:9", plan(kind="integer")).values == (0, 1, 2, 3)


@pytest.mark.parametrize("text", ["", "x", "x=1", "x=1:2", "x=1:2:1", "x=a:b:3", "x=1:2:99999"])
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        read_sweep(text, plan())


def test_a_span_stays_within_the_knob() -> None:
    with pytest.raises(ValueOutOfRange):
        read_sweep("x=1:11:3", plan())
    with pytest.raises(InvalidPlan):
        read_sweep("y=1:2:3", plan())


async def swept(settings: Settings, approver: Reply, code: str = "report twice {x}") -> list[Any]:
    conversation = Conversation(settings, approver, called_at=0.0)
    conversation.runtime._registry = HandRegistry(InstantExecutor())
    found = plan(code)
    sweep = read_sweep("x=1:4:4", found)
    told: list[tuple[int, int]] = []

    def intent() -> Intent:
        return make_intent("sweep", conversation="c")

    try:
        runs = await run_sweep(
            conversation, sweep, found, Options(), intent, lambda e: None,
            lambda *how: told.append(how),
        )  # fmt: skip
    finally:
        await conversation.close()
        conversation.store.close()
    return [sweep, runs, told]


async def test_a_person_is_asked_once_and_results_come_in_order(settings: Settings) -> None:
    approver = Reply("approve")
    sweep, runs, told = await swept(settings, approver)
    assert len(approver.asked) == 1
    rows = table(sweep, runs)
    assert [row["x"] for row in rows] == [1.0, 2.0, 3.0, 4.0]
    assert [row["values"]["twice"]["value"] for row in rows] == [1.0, 2.0, 3.0, 4.0]
    assert len({row["run"] for row in rows}) == 4
    assert told[-1] == (4, 4)


async def test_a_no_is_a_no_for_all(settings: Settings, home: Path) -> None:
    _, runs, _ = await swept(settings, Reply("reject"))
    assert [run.status for run in runs] == [RunStatus.REJECTED]


async def test_what_fails_the_first_time_is_not_tried_again(settings: Settings) -> None:
    _, runs, told = await swept(settings, Reply("approve"), "sing")
    assert [run.status for run in runs] == [RunStatus.FAILED]
    assert told == []
