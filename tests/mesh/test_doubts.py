"""A neighbour's kernel results, looked over at home; and what a hub makes of complaints."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from intentos.config import Settings
from intentos.events import ArtifactSaved, Event, RunFinished, StepFinished, StepStarted
from intentos.executors.peer import PeerExecutor
from intentos.mesh import canaries, corrections, doubts, verify
from intentos.mesh.identity import Identity
from intentos.mesh.line import Line, Membership, read_membership
from intentos.mesh.places import Places
from intentos.mesh.trust import Standing
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import Job
from intentos.plan import Plan, Step
from intentos.run import RunStatus, StepResult
from intentos.store import Store
from intentos.types import Quantity, new_id
from tests.parts import plan_of

from .kernels import Change, KernelHand, KernelRegistry, Lie
from .runs import ran
from .village import Village, job, until

ARGUMENTS = {"operation": "sort", "size": 64, "width": 64, "height": 64, "frames": 1}
KERNEL = KernelRegistry().kernel("linear")


def sorting() -> Plan:
    step = Step(id="s1", language="kernel", code="linear", arguments=ARGUMENTS)
    return plan_of(steps=(step,))


def asked(line: Line) -> Job:
    step = Step(
        id="s", language="kernel", code="linear", arguments=ARGUMENTS, code_hash=KERNEL.code_hash
    )
    return job(line, step=step, verify="spot")


def standing(village: Village, name: str) -> Standing:
    (id,) = [member.id for member in village.hub.book.members() if member.name == name]
    return village.hub.trust.of(id)


async def lend(
    village: Village, name: str, hand: KernelHand | None = None, owner: str | None = None
) -> None:
    """Have somebody serve whom nobody checks."""
    person = await village.join(name, owner)
    await village.lend(person, KernelRegistry(hand or KernelHand()), slots=8)
    standing(village, name).verified = 10**9


@pytest.fixture(autouse=True)
def nothing_by_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canaries, "SHARE", 0.0)
    monkeypatch.setattr(verify, "SPOT", 0.0)


def member(settings: Settings) -> tuple[Identity, Membership]:
    """Return who this machine is in the village."""
    places = Places(settings)
    return Identity.kept(places.key), read_membership(places.membership)


def told(events: list[Event]) -> tuple[list[str], StepResult]:
    """Return where it ran, and what came of it."""
    (finished,) = [e for e in events if isinstance(e, RunFinished)]
    assert finished.status is RunStatus.COMPLETED, finished.error
    (result,) = [e.result for e in events if isinstance(e, StepFinished)]
    return [e.where for e in events if isinstance(e, StepStarted)], result


async def test_an_honest_neighbours_result_is_believed_and_not_worked_out_here(
    joined: Village, settings: Settings, store: Store
) -> None:
    await lend(joined, "bo")
    here = KernelHand()
    registry = KernelRegistry(here, PeerExecutor())
    where, result = told(await ran(settings, store, registry, sorting(), "peer"))
    assert (where, result.node, here.done) == (["peer"], "bo", 0)
    assert result.note is not None
    assert result.note.code.startswith("mesh.ran_")
    assert {c.status for c in result.checks if c.name in ("in_order", "permutation")} == {"passed"}
    files = {artifact.name: store.path(artifact.id) for artifact in result.artifacts}
    assert {"picture.png", "sorted.npy"} <= set(files)
    ordered = np.load(files["sorted.npy"])
    assert result.values["minimum"].value == float(ordered[0])
    assert not [e for e in joined.hub.book.entries(0) if e.what == "doubted"]


def other_numbers(result: StepResult) -> StepResult:
    lies = {n: Quantity(value=float(q.value) + 1, unit=q.unit) for n, q in result.values.items()}
    return result.model_copy(update={"values": lies})


def all_well(result: StepResult) -> StepResult:
    passed = {"status": "passed"}
    checks = tuple(check.model_copy(update=passed) for check in result.checks)
    return result.model_copy(update={"checks": checks})


def other_array(folder: Path) -> None:
    ordered = np.load(folder / "sorted.npy")
    np.save(folder / "sorted.npy", ordered + np.float32(0.25))


def other_shape(folder: Path) -> None:
    np.save(folder / "sorted.npy", np.zeros((3, 3), np.float32))


@pytest.mark.parametrize(
    ("lie", "change"),
    [
        pytest.param(other_numbers, None, id="numbers"),
        pytest.param(all_well, other_array, id="array"),
        pytest.param(all_well, other_shape, id="shape"),
    ],
)
async def test_what_does_not_check_out_runs_here_and_counts_against_who_sent_it(
    joined: Village,
    settings: Settings,
    store: Store,
    lie: Lie | None,
    change: Change | None,
) -> None:
    hand, here = KernelHand(lie, change), KernelHand()
    hand.may.clear()
    await lend(joined, "liar", hand)
    registry = KernelRegistry(here, PeerExecutor())
    running = asyncio.create_task(ran(settings, store, registry, sorting(), "peer"))
    await until(lambda: hand.done)
    others = {name: KernelHand() for name in ("bo", "cy")}
    for name, other in others.items():
        await lend(joined, name, other)
    hand.may.set()
    events = await running
    where, result = told(events)
    assert (where, result.node, here.done) == (["peer", "here"], "here", 1)
    assert result.note is not None
    assert result.note.code == "placement.implausible"
    assert "liar" in result.note.text("zh")
    saved = {e.artifact.id for e in events if isinstance(e, ArtifactSaved)}
    assert {artifact.id for artifact in result.artifacts} <= saved
    assert len([e for e in events if isinstance(e, ArtifactSaved)]) == len(saved)
    await until(lambda: standing(joined, "liar").doubts == 1)
    assert [other.done for other in others.values()] == [1, 1]
    assert not any(standing(joined, name).doubts for name in others)
    # The run holds nothing of it, so nothing in it has turned out wrong.
    line = Line(*member(settings))
    async with line:
        (correction,) = await corrections.fetch(line, Places(settings))
    assert (correction.what, correction.believed) == ("corrected", False)
    assert corrections.believed(Places(settings)) == []


async def test_who_is_complained_about_without_reason_is_not_harmed(
    joined: Village, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = {name: KernelHand() for name in ("bo", "cy")}
    for name, hand in hands.items():
        await lend(joined, name, hand)
    monkeypatch.setattr(doubts, "MOST", 3)
    before = {name: standing(joined, name).verified for name in hands}
    async with Line(*member(settings)) as line:
        jobs = [asked(line) for _ in range(5)]
        for one in jobs:
            await outcome_of(line, one)
        done = sum(hand.done for hand in hands.values())
        answers = [await line.ask(what="doubt", key=one.key) for one in jobs * 2]
        assert [answer.why for answer in answers] == ["", "", "", "enough", "enough"] * 2
        assert (await line.ask(what="doubt", key=new_id())).why == "unknown"
        await until(lambda: joined.hub.dispatcher.going == 0)
        assert await corrections.fetch(line, Places(settings)) == []
    assert sum(hand.done for hand in hands.values()) == done + 3  # once a job, however often asked
    for name in hands:
        assert not standing(joined, name).doubts
        assert standing(joined, name).verified >= before[name]
    kinds = [entry.what for entry in joined.hub.book.entries(0)]
    assert (kinds.count("doubted"), kinds.count("confirmed")) == (3, 3)


async def test_only_proven_machines_of_others_decide_about_a_complaint(
    joined: Village, settings: Settings
) -> None:
    """Or whoever complains could bring some along that say what they like."""
    await lend(joined, "bo")
    async with Line(*member(settings)) as line:
        one = asked(line)
        await outcome_of(line, one)
        friends = [KernelHand(other_numbers) for _ in range(3)]
        await lend(joined, "own", friends[0], owner="ann")
        for name, friend in (("eve", friends[1]), ("mal", friends[2])):
            await lend(joined, name, friend)
            standing(joined, name).verified = 0
        assert (await line.ask(what="doubt", key=one.key)).why == "nobody"
        await lend(joined, "cy")
        assert (await line.ask(what="doubt", key=one.key)).status == "ok"
        await until(lambda: joined.hub.dispatcher.going == 0)
    assert [friend.done for friend in friends] == [0, 0, 0]
    assert standing(joined, "bo").verified >= 10**9
    assert not standing(joined, "bo").doubts


async def test_no_complaint_is_right_about_another_kind_of_device(
    joined: Village, settings: Settings
) -> None:
    """Which may part from the others and be right."""
    hand = KernelHand(other_numbers, device="another")
    await lend(joined, "odd", hand)
    async with Line(*member(settings)) as line:
        one = asked(line)
        before = await outcome_of(line, one)
        others = [KernelHand(), KernelHand()]
        for name, other in zip(("bo", "cy"), others, strict=True):
            await lend(joined, name, other)
        assert (await line.ask(what="doubt", key=one.key)).status == "ok"
        await until(lambda: [other.done for other in others] == [1, 1])
        await until(lambda: joined.hub.dispatcher.going == 0)
        assert await corrections.fetch(line, Places(settings)) == []
        assert (await line.ask(what="result", key=one.key)).outcome == before
    odd = standing(joined, "odd")
    assert (odd.doubts, odd.incomparable, odd.aside) == (0, {}, set())
    assert joined.hub.book.last("undecided") is not None
