"""Points at a real hub: its own benchmark, pay for confirmed work, and a place further in front."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.cli_points import prices
from intentos.errors import UsageError
from intentos.mesh import dispatch, gauge
from intentos.mesh.accounts import HALF_AHEAD, MOST_AHEAD, Accounts
from intentos.mesh.audit import record
from intentos.mesh.blobs import Blobs
from intentos.mesh.book import Book, Member
from intentos.mesh.findings import Finding, Measured
from intentos.mesh.ledger import Ledger
from intentos.mesh.line import Line
from intentos.mesh.open_job import Open
from intentos.mesh.roster import Roster
from intentos.mesh.visitor import outcome_of
from intentos.mesh.waiting import Waiting
from intentos.mesh.wire import Heartbeat, Job, Offer, Points
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.registry import Registry
from intentos.run import StepResult
from intentos.types import Limits, Quantity, new_id
from tests.parts import HandRegistry

from .village import Person, Village, WalledExecutor, job, until


def speed(village: Village, person: Person, device: str) -> float:
    return village.hub.accounts.speed(person.identity.id, device)


def say_measured(village: Village, *people: Person) -> None:
    """Write down that nodes which only know words are usual machines."""
    findings: list[Finding] = [Measured(one.identity.id, "cpu", 1.0, 1.0) for one in people]
    village.hub.book.settle(findings)


@pytest.fixture
async def paying(tmp_path: Path) -> Any:
    made = Village(tmp_path)
    await made.open(points=True)
    yield made
    await made.close()


async def test_the_hub_measures_what_a_machine_can_do(
    paying: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the real sandbox and, where there is one, on the real GPU."""
    monkeypatch.setattr(gauge, "LONG_ENOUGH", 0.0)  # the first after the one that warms up
    bo = await paying.join("bo")
    node, _ = await paying.lend(bo, Registry(plugins=False))
    assert node.offer is not None
    for language, device in (("python", "cpu"), ("wgsl", "gpu")):
        if language in node.offer.languages:
            await until(lambda device=device: speed(paying, bo, device) > 0, 120)  # type: ignore[misc]
    assert {json.loads(line)["for"] for line in bo.places.ran.read_text().splitlines()} == {"(hub)"}
    told = paying.hub.accounts.statement()
    assert [set(one.speeds) <= {"cpu", "gpu"} for one in told.nodes] == [True]
    assert (told.paid, told.accounts) == (0, ())  # nobody has lent anything to anybody


async def test_who_does_not_solve_the_puzzle_is_not_measured(paying: Village) -> None:
    class Guesser(WalledExecutor):
        languages = frozenset({"python"})
        asked = 0

        async def execute(self, step: Step, context: StepContext) -> StepResult:
            type(self).asked += 1
            step = step.model_copy(update={"code": "say hello"})
            result = await super().execute(step, context)
            return result.model_copy(update={"values": {"answer": Quantity(value=4)}})

    bo = await paying.join("bo")
    await paying.lend(bo, HandRegistry(Guesser()))
    await until(lambda: Guesser.asked, 60)
    await until(lambda: paying.hub.dispatcher.going == 0, 60)
    ((_, due),) = paying.hub.dispatcher._gauge._due.items()
    await until(lambda: not due.going, 60)
    assert due.at > time.monotonic() + gauge.RETRY
    assert speed(paying, bo, "cpu") == 0


@pytest.mark.parametrize("why", ["for others", "put out"])
def test_no_puzzle_is_kept_for_who_may_not_have_it(why: str) -> None:
    """The hub asks ten times a second, for as long as such a node is there."""
    roster = Roster()
    owners = ("alice",) if why == "for others" else ()
    offer = Offer(
        name="n", version="1", slots=1, languages=frozenset({"python"}), memory_bytes=1,
        owners=owners,
    )  # fmt: skip
    member = Member("U" + "A" * 55, "bob", "n", "node", revoked=False)
    node = roster.hear(member, Heartbeat(offer=offer))
    node.standing.ejected = why if why == "put out" else ""
    accounts = Accounts.__new__(Accounts)
    accounts._ledger = Ledger()
    accounts._ledger.on = True
    measuring = gauge.Gauge(
        hub="H", roster=roster, accounts=accounts, blobs=Blobs.__new__(Blobs),
        put=lambda found, finding: None,
    )  # fmt: skip
    for _ in range(5):
        assert measuring.due() == []
    assert measuring._puzzles == {}
    ((_, due),) = measuring._due.items()
    assert not due.going
    assert due.at > time.monotonic() + gauge.RETRY / 2
    # Later it may be another matter.
    node.standing.ejected, node.offer, due.at = "", offer.model_copy(update={"owners": ()}), 0.0
    (made,) = measuring.due()
    assert set(measuring._puzzles) == {made.key}
    measuring.judge(made)
    assert measuring._puzzles == {}


def test_an_answer_of_a_gpu_is_believed_as_far_as_it_was_mixed(tmp_path: Path) -> None:
    """What a node sends in its place is refused, and nothing of it is executed."""
    puzzle = gauge.mixed(2**18)
    count = int(puzzle.size) // (gauge.ROUNDS * puzzle.times)
    v = np.arange(count, dtype=np.uint32) ^ np.uint32(puzzle.base)
    for _ in range(gauge.ROUNDS * puzzle.times):
        v = v * np.uint32(747796405) + np.uint32(2891336453)
        v = ((v >> ((v >> np.uint32(28)) + np.uint32(4))) ^ v) * np.uint32(277803737)
        v = (v >> np.uint32(22)) ^ v
    book = Book(tmp_path / "book.db")
    blobs = Blobs(tmp_path / "blobs", book)
    judge = gauge.Gauge.__new__(gauge.Gauge)
    judge._blobs = blobs

    def believed(write: Callable[[Path], object]) -> bool:
        path = blobs.place("0" * 64)
        path.parent.mkdir(exist_ok=True)
        write(path)
        return judge._mixed_well(puzzle, "0" * 64)

    def saved(array: Any) -> Callable[[Path], object]:
        def write(path: Path) -> None:
            with path.open("wb") as out:
                np.save(out, array, allow_pickle=True)

        return write

    assert believed(saved(v))
    assert not believed(saved(v + np.uint32(1)))
    assert not believed(saved(v[:-1]))
    assert not believed(saved(v.astype(np.float64)))
    assert not believed(saved(np.array([{"a": 1}], dtype=object)))
    assert not believed(lambda path: path.write_bytes(b""))
    assert not believed(lambda path: path.write_bytes(b"PK\x03\x04"))
    assert not believed(lambda path: path.write_bytes(pickle.dumps([1, 2])))
    book.close()


class Pythonic(WalledExecutor):
    """Could be measured."""

    languages = frozenset({"words", "python"})


async def test_nobody_is_measured_or_paid_where_points_are_off(village: Village) -> None:
    ann, bo, cy = [await village.join(name) for name in ("ann", "bo", "cy")]
    for one in (bo, cy):
        await village.lend(one, HandRegistry(Pythonic()))
    say_measured(village, bo, cy)
    async with ann.line() as line:
        await outcome_of(line, job(line, "report n 1", verify="jury2"))
        assert (await line.ask(what="peers")).points is None
        told = (await line.ask(what="points")).points
    assert told is not None
    assert (told.on, told.paid, told.burnt) == (False, 0, 0)
    assert {one.owner for one in told.accounts} == {"ann", "bo", "cy"}
    assert village.hub.dispatcher._gauge._due == {}


async def test_confirmed_work_is_paid_and_everybody_can_recompute_it(paying: Village) -> None:
    ann, bo, cy = [await paying.join(name) for name in ("ann", "bo", "cy")]
    for one in (bo, cy):
        await paying.lend(one)
    say_measured(paying, bo, cy)
    async with ann.line() as line:
        first = job(line, "wait 0.1\nreport n 1", verify="jury2")
        await outcome_of(line, first)
        await outcome_of(line, first)  # its answer may have been lost
        await outcome_of(line, job(line, "report n 1", verify="none"))
        told = (await line.ask(what="points")).points
        entries = await record(line)
        peers = await line.ask(what="peers")
    assert told is not None
    assert Ledger().fold(entries).statement() == told == peers.points
    accounts = {one.owner: one for one in told.accounts}
    # As the cheaper of the two, and half of it held: a week has not passed.
    assert accounts["bo"].points == accounts["cy"].points >= 50
    assert 0 <= accounts["bo"].points - accounts["bo"].held <= 1
    assert accounts["ann"].points == accounts["bo"].waiting == 0
    assert told.paid == 2 * (accounts["bo"].points + accounts["bo"].held)


async def test_work_that_nobody_repeats_waits_if_somebody_could_have(paying: Village) -> None:
    ann, bo, cy = [await paying.join(name) for name in ("ann", "bo", "cy")]
    await paying.lend(bo)
    say_measured(paying, bo, cy)
    paying.hub.trust.of(bo.identity.id).verified = 10**9
    paying.hub.trust.of(cy.identity.id).verified = 10**9

    async def waiting(line: Line) -> int:
        await outcome_of(line, job(line, "wait 0.1", verify="spot"))
        return sum(one.waiting for one in paying.hub.accounts.statement().accounts)

    async with ann.line() as line:
        assert await waiting(line) == 0
        await paying.lend(cy)
        assert await waiting(line) >= 100


async def asked(person: Person, *arguments: str, language: str = "en") -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of ``intentos peers points`` on somebody's machine."""
    home = {"INTENTOS_HOME": str(person.settings.home), "INTENTOS_LANGUAGE": language}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "intentos", "peers", "points", *arguments,
        env=os.environ | home, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_command_recomputes_and_finds_a_hub_that_says_otherwise(
    paying: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bo, cy = [await paying.join(name) for name in ("ann", "bo", "cy")]
    for one in (bo, cy):
        await paying.lend(one)
    say_measured(paying, bo, cy)
    async with ann.line() as line:
        await outcome_of(line, job(line, "wait 0.2\nreport n 1", verify="jury2"))
    code, out, err = await asked(ann)
    assert code == 0, err
    assert "every balance is what the hub says" in out
    assert "bo: lent 0." in out
    assert "1 confirmed, 0 wrong" in out
    assert "1 (processor), 4 (GPU)" in err
    accounts = paying.hub.accounts
    honest = accounts.statement

    def generous() -> Points:
        told = honest()
        mine = next(a for a in told.accounts if a.owner == "bo")
        others = tuple(a for a in told.accounts if a.owner != "bo")
        more = mine.model_copy(update={"points": mine.points + 1})
        return told.model_copy(update={"accounts": (more, *others)})

    monkeypatch.setattr(accounts, "statement", generous)
    code, out, _ = await asked(ann, language="zh")
    assert code == 1
    assert "涉及：bo" in out


@pytest.mark.parametrize("text", ["gpu", "tpu=1", "gpu=-1", "cpu=nan", "cpu=1e9", "cpu=x"])
def test_a_price_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        prices([text])
    assert prices(["gpu=2", "cpu=0.5", "gpu=0"]) == {"gpu": 0.0, "cpu": 0.5}


async def test_points_stay_on_until_somebody_turns_them_off(tmp_path: Path) -> None:
    states: list[tuple[bool, dict[str, float]]] = []
    for points, posted in ((None, {}), (True, {}), (None, {"gpu": 9.0}), (None, {}), (False, {})):
        village = Village(tmp_path)
        await village.open(points=points, prices=posted)
        told = village.hub.accounts.statement()
        states.append((told.on, told.prices))
        lines = [e.what for e in village.hub.book.entries(0)].count("points")
        await village.close()
    usual = {"cpu": 1.0, "gpu": 4.0}
    dear = {"cpu": 1.0, "gpu": 9.0}
    assert states == [(False, {}), (True, usual), (True, dear), (True, dear), (False, dear)]
    assert lines == 3  # what changes nothing is not written down


# ---- a place in front --------------------------------------------------------------------


def waits(owner: str, since: float, purpose: Any = "job") -> Open:
    made = Job(
        key=new_id(),
        step=Step(id="s", language="words", code="say hello"),
        seed=1,
        limits=Limits(),
        reply="0" * 16,
    )
    return Open(made, Member(owner, owner, owner, "member", revoked=False), since=since,
                purpose=purpose)  # fmt: skip


def order(queue: Waiting) -> list[str]:
    found = []
    while len(queue):
        one = queue.take()
        queue.handed(one)
        found.append(one.submitter.owner + "!" * one.ahead)
    return found


def test_without_points_the_queue_goes_by_coming() -> None:
    queue = Waiting(lambda owner: 0.0)
    for number in (3, 1, 2):
        queue.put(waits(str(number), number))
    assert order(queue) == ["1", "2", "3"]


def test_points_bring_forward_and_only_who_gets_ahead_is_marked() -> None:
    queue = Waiting({"poor": 0.0, "rich": 30.0, "richer": 31.0}.__getitem__)
    for owner, since in (("poor", 0), ("rich", 10), ("richer", 10.5), ("poor", 45)):
        queue.put(waits(owner, since))
    assert order(queue) == ["richer!", "rich!", "poor", "poor"]
    queue.put(waits("rich", 0))
    queue.put(waits("poor", 1))
    assert order(queue) == ["rich", "poor"]
    queue.put(waits("poor", 1))
    queue.put(waits("rich", 2, "again"))  # the hub's own wish, not that of the sender's purse
    assert order(queue) == ["poor", "rich"]


@pytest.mark.parametrize(
    ("owner", "purpose"),
    [("rich", "job"), ("(hub)", "measure"), ("poor", "canary"), ("poor", "again")],
)
def test_nobody_pays_where_nobody_was_overtaken(owner: str, purpose: str) -> None:
    """One's own earlier job, and what is the hub's own wish, have nothing to lose."""
    queue = Waiting({"rich": 30.0, "poor": 0.0}.__getitem__)
    later = waits("rich", 101.0)
    queue.put(waits(owner, 100.0, purpose))
    queue.handed(later)
    assert not later.ahead
    queue.put(waits("poor", 100.5))
    queue.handed(later)
    assert later.ahead


@given(st.lists(st.integers(-5000, 10**12), min_size=1, max_size=30), st.integers(0, 10**12))
def test_nobody_waits_longer_than_a_minute_for_who_comes_later(
    purses: list[int], purse: int
) -> None:
    """However many rich ones come, and however rich: who has waited for a minute is next."""
    accounts = Accounts.__new__(Accounts)
    accounts._ledger = Ledger()
    accounts._ledger.on = True
    balances = {str(number): purse for number, purse in enumerate(purses)}
    accounts._ledger.balance = lambda owner: balances.get(owner, 0)  # type: ignore[method-assign]
    assert all(0 <= accounts.bonus(owner) <= MOST_AHEAD for owner in balances)
    queue = Waiting(accounts.bonus)
    queue.put(waits("poor", 0.0))
    for owner in balances:
        queue.put(waits(owner, MOST_AHEAD + 0.001))
    assert order(queue)[0] == "poor"
    balances["a"], balances["b"] = purse, purse + HALF_AHEAD
    assert accounts.bonus("a") < accounts.bonus("b") or accounts.bonus("a") > 0.99 * MOST_AHEAD


async def test_a_job_of_who_has_lent_goes_before_and_costs_points(
    paying: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "PATIENCE", 600.0)
    ann, bo, cy = [await paying.join(name) for name in ("ann", "bo", "cy")]
    say_measured(paying, bo, cy)
    earned = {"submitter": ann.identity.id, "key": "k", "verified": "agreed", "device": "cpu"}
    paid = [[one.identity.id, name, 600.0] for one, name in ((bo, "bo"), (cy, "cy"))]
    paying.hub.book.note("settled", {**earned, "paid": paid})
    paying.hub.accounts.catch_up()
    assert paying.hub.accounts.bonus("bo") > 30
    dispatcher = paying.hub.dispatcher
    async with ann.line() as one, bo.line() as other:
        jobs = [(one, job(one)), (one, job(one)), (other, job(other)), (one, job(one))]
        work = []
        for number, (line, wanted) in enumerate(jobs, 1):
            work.append(asyncio.create_task(outcome_of(line, wanted)))
            await until(lambda number=number: dispatcher.going == number, 60)  # type: ignore[misc]
        await paying.lend(cy, slots=1)
        await asyncio.gather(*work)
        entries = await record(other)
    ran = [json.loads(line) for line in cy.places.ran.read_text().splitlines()]
    assert [line["for"] for line in ran] == ["bo", "ann", "ann", "ann"]
    settled = [json.loads(e.body) for e in entries if e.what == "settled" and "ahead" in e.body]
    assert [b["submitter"] for b in settled if b["ahead"]] == [bo.identity.id]
