"""Lies: found by canaries and juries, undone, and told to who had believed them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from intentos.mesh import canaries, corrections, trust
from intentos.mesh.book import Book
from intentos.mesh.line import Line
from intentos.mesh.trust import Standing, Trust
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import Commit, Done, Outcome, Task, kind_of, seal, unseal
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.run import StepResult
from intentos.types import Quantity
from tests.parts import HandRegistry

from .village import Person, Village, WalledExecutor, job, until


class Other(WalledExecutor):
    """Reports other numbers where it is told to, or says that it is another device."""

    def __init__(
        self, add: float = 0, *, device: str = "this process", when: Callable[[], bool] = bool
    ) -> None:
        self._add, self._device, self.when = add, device, when

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Do the work, and change what came of it."""
        result = await super().execute(step, context)
        add = self._add if self.when is bool or self.when() else 0
        values = {n: Quantity(value=q.value + add) for n, q in result.values.items()}
        return result.model_copy(update={"values": values, "device": self._device})


class Late(WalledExecutor):
    """Does nothing before it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Wait, and do the work."""
        await self.may.wait()
        return await super().execute(step, context)


@pytest.fixture
async def ann(village: Village) -> Person:
    return await village.join("ann")


async def lend(village: Village, **executors: WalledExecutor) -> dict[str, Any]:
    nodes = {}
    for name, executor in executors.items():
        person = await village.join(name)
        node, _ = await village.lend(person, HandRegistry(executor), slots=8)
        nodes[name] = node
    return nodes


def standing(village: Village, name: str) -> Standing:
    (id,) = [m.id for m in village.hub.book.members() if m.name == name]
    return village.hub.trust.of(id)


def number(outcome: Outcome | None) -> float:
    assert outcome is not None
    assert outcome.result is not None, outcome.why
    value = outcome.result.values["n"].value
    assert isinstance(value, float)
    return value


async def done(line: Line, numbers: range, verify: str) -> dict[str, Outcome]:
    jobs = [job(line, f"report n {n}", verify=verify) for n in numbers]
    outcomes = await asyncio.gather(*(outcome_of(line, one) for one in jobs))
    return {one.key: outcome for one, outcome in zip(jobs, outcomes, strict=True)}


def right(village: Village, person: Person, keys: list[str], numbers: range) -> bool:
    book = village.hub.book
    return [number(book.outcome(person.identity.id, key)) for key in keys] == list(numbers)


async def test_a_canary_finds_a_trusted_liar_and_what_it_did_is_undone_and_told(
    village: Village, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = await lend(village, bo=WalledExecutor(), cy=WalledExecutor(), di=WalledExecutor())
    async with ann.line() as line:
        known = await done(line, range(100, 130), "jury2")
        assert {outcome.verified for outcome in known.values()} == {"agreed"}
        nodes |= await lend(village, liar=Other(add=1))
        for name in ("bo", "cy", "di", "liar"):
            standing(village, name).verified = 10**9  # nobody repeats what they do
        monkeypatch.setattr(canaries, "SHARE", 0.0)
        told = await done(line, range(40), "spot")
        lies = [key for key, n in zip(told, range(40), strict=True) if number(told[key]) != n]
        assert lies
        assert {told[key].node for key in lies} == {nodes["liar"]._identity.id}
        assert not standing(village, "liar").ejected

        monkeypatch.setattr(canaries, "SHARE", 1.0)
        later = await done(line, range(40, 60), "spot")
        await until(lambda: standing(village, "liar").ejected)
        assert standing(village, "liar").ejected == "wrong"
        keys = [*told, *later]
        await until(lambda: right(village, ann, keys, range(60)))
        await until(lambda: village.hub.dispatcher.going == 0)
        # The sender hears of each at once, and again whenever it asks.
        lies += [k for k, n in zip(later, range(40, 60), strict=True) if number(later[k]) != n]
        await until(lambda: len(line.corrected) == len(lies))
        assert {answer.id for answer in line.corrected} == set(lies)
        corrections.remember(ann.places, lies[0], run="the run", step="s1")
        found = await corrections.fetch(line, ann.places)
        assert {one.key for one in found} == set(lies)
        assert {one.run for one in found if one.key == lies[0]} == {"the run"}
        assert await corrections.fetch(line, ann.places) == []
        # It gets no work any more, nor is it paid for its lies.
        more = await done(line, range(20), "spot")
        assert nodes["liar"]._identity.id not in {outcome.node for outcome in more.values()}
    paid = village.hub.book._rows(
        "SELECT count(*) FROM payments WHERE node = ?", nodes["liar"]._identity.id
    )
    assert paid == [(0,)]
    kinds = {entry.what for entry in village.hub.book.entries(0)}
    assert {"checked", "ejected", "corrected"} <= kinds
    assert not any(standing(village, name).ejected for name in ("bo", "cy", "di"))


async def test_a_canary_looks_like_any_other_job(
    village: Village, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lend(village, bo=WalledExecutor(), cy=WalledExecutor())
    monkeypatch.setattr(canaries, "SHARE", 1.0)
    async with ann.line() as line:
        known = await done(line, range(5), "jury2")
        dave = (await lend(village, dave=WalledExecutor()))["dave"]
        standing(village, "dave").verified = 10**9
        tasks: list[Task] = []
        handed = dave._handed

        async def seen(message: Any) -> None:
            tasks.append(unseal(Task, message.data, dave._membership.hub))
            await handed(message)

        assert dave._line.nats is not None
        id = dave._identity.id
        for one in dave._line.nats._subs.values():
            if one.subject == f"run.{id}":
                one._cb = seen
        fresh = await done(line, range(50, 60), "spot")
        await until(lambda: village.hub.dispatcher.going == 0)
        own = [task for task in tasks if task.job.key in fresh]
        planted = [task for task in tasks if task.job.key not in fresh]
        assert own
        assert planted
        assert {task.job.step.code for task in planted} <= {f"report n {n}" for n in range(5)}
        assert not {task.job.key for task in planted} & set(known)
        for both in (own, planted):
            assert {task.commit for task in both} == {True}
            assert {task.job.verify for task in both} == {"spot"}
            assert {task.job.node for task in both} == {None}
            assert {(task.submitter, task.owner) for task in both} == {(ann.identity.id, "ann")}
            # Who waits where says nothing.
            assert len({task.job.reply for task in both}) == len(both)
            assert line.reply not in {task.job.reply for task in both}
        assert len({task.job.key[:6] for task in tasks}) == 1  # made at the same time
    paid = village.hub.book._rows("SELECT count(*) FROM payments WHERE node = ?", id)
    assert paid == [(len(tasks),)]


async def test_a_jury_of_three_against_one_puts_a_liar_out_at_once(
    village: Village, ann: Person
) -> None:
    await lend(village, **dict.fromkeys(("bo", "cy", "di"), WalledExecutor()), liar=Other(add=1))
    async with ann.line() as line:
        outcomes = await done(line, range(12), "jury2")
        assert [number(outcome) for outcome in outcomes.values()] == list(range(12))
    assert standing(village, "liar").ejected == "wrong"
    peers = {peer.name: peer.state for peer in village.hub.roster.peers()}
    assert peers["liar"] == "ejected"
    assert not any(standing(village, name).ejected for name in ("bo", "cy", "di"))


async def test_where_only_two_can_speak_against_it_doubts_add_up(
    village: Village, ann: Person
) -> None:
    await lend(village, bo=WalledExecutor(), cy=WalledExecutor(), liar=Other(add=1))
    async with ann.line() as line:
        await done(line, range(3), "jury3")
        doubts = standing(village, "liar").doubts
        assert 0 < doubts < trust.MOST_DOUBTS
        assert not standing(village, "liar").ejected
        await done(line, range(3, 20), "jury3")
    assert standing(village, "liar").ejected == "doubted"


async def test_an_ejection_outlives_the_hub_until_it_is_taken_back(
    village: Village, ann: Person
) -> None:
    nodes = await lend(
        village, **dict.fromkeys(("bo", "cy", "di"), WalledExecutor()), liar=Other(add=1)
    )
    async with ann.line() as line:
        await done(line, range(12), "jury2")
    assert standing(village, "liar").ejected
    await until(lambda: village.hub.dispatcher.going == 0)
    port = village.hub.port
    await village.hub.stop()
    village.hub = type(village.hub)(village.folder / "hub", port=port, sync="2m")
    await village.hub.start()
    assert standing(village, "liar").ejected == "wrong"
    assert standing(village, "bo").verified > 0
    other = Book(village.folder / "hub" / "book.db")  # as `intentos peers readmit` does
    assert other.readmit(nodes["liar"]._identity.id)
    assert not other.readmit(nodes["bo"]._identity.id)
    other.close()
    await until(lambda: not standing(village, "liar").ejected)
    assert standing(village, "liar").rate == 1.0


async def test_honest_nodes_whose_device_parts_from_the_others_stay(
    village: Village, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chaotic kernel is right on both devices, and differs."""
    monkeypatch.setattr(canaries, "SHARE", 0.3)
    same = {name: WalledExecutor() for name in ("bo", "cy", "di")}
    await lend(village, **same, odd=Other(add=0.25, device="another"))
    async with ann.line() as line:
        chaos = [job(line, "report n 1", verify="jury2") for _ in range(60)]
        outcomes = await asyncio.gather(*(outcome_of(line, one) for one in chaos))
    assert {number(outcome) for outcome in outcomes if outcome.result is not None} == {1}
    odd = standing(village, "odd")
    assert (odd.ejected, odd.doubts) == ("", 0)
    assert odd.aside == {chaos[0].work}  # for just this kind it is asked no more
    assert not any(standing(village, name).ejected for name in same)
    found = next(node for node in village.hub.roster.every() if node.standing is odd)
    assert found.could(job(line, "report n 2"), "ann")


# ---- commit and reveal ---------------------------------------------------------------


async def test_nobody_shows_an_answer_before_all_are_bound_to_theirs(
    village: Village, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = await lend(village, bo=WalledExecutor(), cy=WalledExecutor(), di=WalledExecutor())
    said: list[tuple[str, str]] = []
    hear = village.hub.dispatcher.done

    def heard(node: Any, data: bytes) -> None:
        said.append((kind_of(data), node.member.name))
        hear(node, data)

    monkeypatch.setattr(village.hub.dispatcher, "done", heard)
    async with ann.line() as line:
        outcome = await outcome_of(line, job(line, "report n 3", verify="jury3"))
    assert outcome.verified == "agreed"
    assert [kind for kind, _ in said[:3]] == ["commit"] * 3
    assert {name for _, name in said[:3]} == set(nodes)
    assert {kind for kind, _ in said[3:]} == {"done"}


async def test_who_shows_another_answer_than_it_was_bound_to_is_put_out(
    village: Village, ann: Person
) -> None:
    nodes = await lend(village, bo=WalledExecutor(), di=WalledExecutor())
    cheat = nodes["di"]
    say = cheat._line.say

    async def swapped(subject: str, data: bytes) -> None:
        if kind_of(data) == "done":  # as if it had copied from somebody since
            own = unseal(Done, data, cheat._identity.id)
            data = seal(cheat._identity, own.model_copy(update={"why": "copied"}))
        await say(subject, data)

    cheat._line.say = swapped
    async with ann.line() as line:
        outcomes = await done(line, range(6), "jury2")
    assert [number(outcome) for outcome in outcomes.values()] == list(range(6))
    assert standing(village, "di").ejected == "changed"
    assert {outcome.owner for outcome in outcomes.values()} == {"bo"}


async def test_an_answer_before_its_time_is_not_heard(village: Village, ann: Person) -> None:
    slow = Late()
    nodes = await lend(village, bo=WalledExecutor(), cy=slow)
    async with ann.line() as line:
        work = asyncio.create_task(outcome_of(line, job(line, "report n 3", verify="jury2")))
        await until(lambda: nodes["bo"]._answers)
        (found,) = village.hub.dispatcher._open.values()
        (data,) = nodes["bo"]._answers.values()
        known = village.hub.roster.get(nodes["bo"]._identity.id)
        assert known is not None
        village.hub.dispatcher.done(known, data)  # while the other has bound itself to nothing
        assert found.votes == []
        slow.may.set()
        assert number(await work) == 3


async def test_a_request_for_the_answer_that_got_lost_is_made_again(
    village: Village, ann: Person
) -> None:
    nodes = await lend(village, bo=WalledExecutor())
    node = nodes["bo"]
    settler = village.hub.dispatcher.settler
    soon, lost = settler.soon, list[bytes]()

    def lossy(subject: str, data: bytes) -> None:
        if subject.startswith("ctl.") and not lost:
            lost.append(data)
            return
        soon(subject, data)

    settler.soon = lossy  # type: ignore[method-assign]
    async with ann.line() as line:
        outcome = await outcome_of(line, job(line, "report n 6", verify="jury2"))
    assert len(lost) == 1
    assert (number(outcome), outcome.attempts) == (6, 1)
    assert node.served == 1


async def test_who_is_bound_does_not_wait_for_one_who_has_gone(
    village: Village, ann: Person
) -> None:
    nodes = await lend(village, bo=WalledExecutor(), cy=WalledExecutor())
    gone = nodes["cy"]

    async def nothing(subject: str, data: bytes) -> None:
        """Say nothing."""

    gone._line.say = nothing
    async with ann.line() as line:
        work = asyncio.create_task(outcome_of(line, job(line, "report n 4", verify="jury2")))
        await until(lambda: len(gone._answers) + len(nodes["bo"]._answers) == 2)
        await lend(village, di=WalledExecutor())
        outcome = await asyncio.wait_for(work, 6)
    assert (number(outcome), outcome.verified, outcome.attempts) == (4, "agreed", 3)


def test_a_commitment_says_nothing_of_the_answer() -> None:
    """The hash is over a signature that only its maker can make, and over the attempt's nonce."""
    assert set(Commit.model_fields) == {
        "schema_number", "kind", "key", "submitter", "nonce", "sha256",
    }  # fmt: skip


# ---- how closely somebody is watched ----------------------------------------------------


def test_the_check_rate_falls_with_the_record_and_rises_after_doubt() -> None:
    known = Trust()
    own = known.of("N")
    rates = []
    for _ in range(100):
        rates.append(own.rate)
        known.confirmed("N", "k", 1.0)
    assert rates[:10] == [1.0] * 10
    assert rates[10] == 0.1
    assert own.rate == 0.01
    assert rates == sorted(rates, reverse=True)
    known.hasty("N")
    assert own.rate == 0.1
    assert not known.doubted("N")
    assert own.rate == 1.0
    assert [row.node for row in known.changed()] == ["N"]
    assert known.changed() == []


def test_one_owners_other_machines_start_anew_when_one_is_put_out() -> None:
    known = Trust()
    for _ in range(20):
        known.confirmed("B", "k", 1.0)
    known.eject("A", "wrong", others=["A", "B"])
    assert (known.of("A").serves("k"), known.of("B").serves("k")) == (False, True)
    assert known.of("B").rate == 1.0


async def test_fewer_are_checked_as_nodes_prove_themselves(village: Village, ann: Person) -> None:
    await lend(village, bo=WalledExecutor(), cy=WalledExecutor())
    async with ann.line() as line:
        first = [await outcome_of(line, job(line, "report n 1", verify="spot")) for _ in range(8)]
        assert {outcome.verified for outcome in first} == {"agreed"}
        for name in ("bo", "cy"):
            standing(village, name).verified = 10**9
        later = await done(line, range(20), "spot")
        assert {outcome.verified for outcome in later.values()} == {"none"}


async def test_an_answer_faster_than_its_node_has_ever_been_is_checked(
    village: Village, ann: Person
) -> None:
    class Lazy(Other):
        async def execute(self, step: Step, context: StepContext) -> StepResult:
            if self.when():
                step = step.model_copy(update={"code": "report n 0"})
            return await WalledExecutor.execute(self, step, context)

    lazy = {"now": False}
    await lend(village, lazy=Lazy(when=lambda: lazy["now"]), bo=WalledExecutor())
    slow = "wait 0.2\nreport n 5"
    async with ann.line() as line:
        verified = [job(line, slow, verify="jury2") for _ in range(6)]
        await asyncio.gather(*(outcome_of(line, one) for one in verified))
        for name in ("lazy", "bo"):
            standing(village, name).verified = 10**9
        lazy["now"] = True
        (id,) = [m.id for m in village.hub.book.members() if m.name == "lazy"]
        began = time.monotonic()
        # Given to it alone, and repeated by the other, who gets something else.
        roster = village.hub.roster
        bo = next(node for node in roster.every() if node.member.id != id)
        bo.trouble = 1  # asked last
        outcome = await outcome_of(line, job(line, slow, verify="spot"))
        assert outcome.result is None or number(outcome) == 5
        assert time.monotonic() - began > 0.2
    assert standing(village, "lazy").verified <= trust.TRUSTED
