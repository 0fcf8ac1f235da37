"""Points: exact, paid once and only when confirmed, the same for whoever reads the record."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.mesh.book import Book
from intentos.mesh.findings import Checked, Ejected, Finding, Measured, Reviewed, Settlement
from intentos.mesh.ledger import PROBATION, Ledger
from intentos.mesh.wire import Account, Device, Entry, Outcome, Points

START = datetime(2026, 1, 1, tzinfo=UTC)
OWNERS = {"S": "ann", "A": "bo", "B": "cy", "C": "di", "D": "bo"}
"""Whose machines these are: S sends, and all lend."""
NODES = "ABCD"


class Record:
    """Lines as a hub would write them."""

    def __init__(self, *, on: bool = True, speed: float = 1.0) -> None:
        self.entries: list[Entry] = []
        self.at = START
        for id, owner in OWNERS.items():
            self.add("joined", member=id, owner=owner, role="member")
        if on:
            self.add("points", on=True, prices={"cpu": 1.0, "gpu": 4.0})
        for id in NODES:
            self.add("measured", node=id, device="cpu", speed=speed)
            self.add("measured", node=id, device="gpu", speed=speed)

    def add(self, what: str, **body: Any) -> None:
        """Add a line."""
        seq = len(self.entries) + 1
        entry = Entry(
            seq=seq, at=self.at.isoformat(), what=what, body=json.dumps(body),
            previous="0" * 64, hash="0" * 64,
        )  # fmt: skip
        self.entries.append(entry)

    def settled(self, key: str, paid: dict[str, float], **changes: Any) -> None:
        """Add a job of S's: agreed, where several have done it."""
        body = {
            "submitter": "S",
            "key": key,
            "verified": "agreed" if len(paid) > 1 else "none",
            "paid": [[node, OWNERS[node], seconds] for node, seconds in paid.items()],
            "device": "cpu",
            "checkable": True,
        }
        self.add("settled", **{**body, **changes})

    def reviewed(
        self, what: str, key: str, node: str, paid: dict[str, float], **changes: Any
    ) -> None:
        """Add what a second look at a job came to."""
        self.add(
            what,
            submitter="S",
            key=key,
            node=node,
            unpaid=[[node, OWNERS[node], 1.0]] if what == "corrected" else [],
            verified="agreed",
            paid=[[id, OWNERS[id], seconds] for id, seconds in paid.items()],
            device="cpu",
            **changes,
        )

    def confirmed(self, times: int, prefix: str = "c", nodes: str = "AB") -> None:
        """Have some nodes confirm each other so often, for a second each."""
        for number in range(times):
            self.settled(f"{prefix}{number}", dict.fromkeys(nodes, 1.0))

    def told(self) -> Points:
        """Return the balances."""
        return Ledger().fold(self.entries).statement()

    def of(self, owner: str) -> tuple[int, int, int]:
        """Return an owner's points, what is held and what waits."""
        return figures(self.told(), owner)


def figures(told: Points, owner: str) -> tuple[int, int, int]:
    known = [a for a in told.accounts if a.owner == owner]
    return (known[0].points, known[0].held, known[0].waiting) if known else (0, 0, 0)


def left(told: Points) -> int:
    """Return all that there is."""
    return sum(account.points + account.held for account in told.accounts)


# ---- what a record may hold --------------------------------------------------------------

SECONDS = st.floats(0, 1e5, allow_nan=False)
KEYS = st.sampled_from([f"k{number}" for number in range(12)])
PAID = st.dictionaries(st.sampled_from(NODES), SECONDS, min_size=1, max_size=3)
LINES = st.one_of(
    st.tuples(st.just("settled"), KEYS, PAID, st.booleans(), st.booleans()),
    st.tuples(st.just("corrected"), KEYS, PAID, st.sampled_from(NODES)),
    st.tuples(st.just("confirmed"), KEYS, PAID, st.sampled_from(NODES)),
    st.tuples(st.just("checked"), KEYS, PAID),
    st.tuples(st.just("ejected"), st.sampled_from(NODES)),
    st.tuples(st.just("readmitted"), st.sampled_from(NODES)),
    st.tuples(st.just("wait"), st.integers(0, 10)),
    st.tuples(st.just("points"), st.booleans(), st.floats(0, 100)),
    st.tuples(st.just("measured"), st.sampled_from(NODES), st.floats(0, 100)),
)


def written(lines: list[tuple[Any, ...]]) -> Record:
    record = Record()
    for what, *rest in lines:
        if what == "settled":
            key, paid, checkable, ahead = rest
            record.settled(key, paid, checkable=checkable, ahead=ahead)
        elif what in ("corrected", "confirmed"):
            record.reviewed(what, rest[0], rest[2], rest[1])
        elif what == "checked":
            paid = [[id, OWNERS[id], seconds] for id, seconds in rest[1].items()][:1]
            record.add(
                "checked", submitter="S", key=f"x{rest[0]}", about="", agreed=True, paid=paid,
                device="gpu",
            )  # fmt: skip
        elif what == "wait":
            record.at += timedelta(days=rest[0])
        elif what == "points":
            record.add("points", on=rest[0], prices={"cpu": rest[1], "gpu": 1.0})
        elif what == "measured":
            record.add("measured", node=rest[0], device="cpu", speed=rest[1])
        else:
            record.add(what, node=rest[0], kind="", why="wrong")
    return record


@given(st.lists(LINES, max_size=40))
def test_nothing_comes_from_nowhere_and_nothing_is_lost(lines: list[tuple[Any, ...]]) -> None:
    ledger = Ledger()
    for entry in written(lines).entries:
        told = ledger.fold([entry]).statement()
        assert left(told) == told.paid - told.burnt
        assert all(account.held >= 0 for account in told.accounts)
        assert all(account.waiting >= 0 for account in told.accounts)
        assert sum(a.lent_ms for a in told.accounts) == sum(a.borrowed_ms for a in told.accounts)


@given(st.lists(LINES, max_size=30), st.data())
def test_a_line_that_comes_again_pays_nothing(lines: list[tuple[Any, ...]], data: Any) -> None:
    record = written([line for line in lines if line[0] != "wait"])
    paying = [e for e in record.entries if e.what in ("settled", "checked", "confirmed")]
    if not paying:
        return
    again = data.draw(st.sampled_from(paying))
    body = {**json.loads(again.body), "ahead": False}
    ledger = Ledger().fold(record.entries)
    before = ledger.statement()
    entry = again.model_copy(update={"seq": before.seq + 1, "body": json.dumps(body)})
    after = ledger.fold([entry]).statement()
    assert after.model_copy(update={"seq": before.seq}) == before


@given(
    st.lists(st.dictionaries(st.sampled_from("ABC"), SECONDS, min_size=2), max_size=25),
    st.randoms(use_true_random=False),
    st.integers(0, 9),
)
def test_confirmed_work_pays_the_same_in_any_order(
    jobs: list[dict[str, float]], random: Any, days: int
) -> None:
    def told(order: list[int]) -> list[Account]:
        record = Record(speed=1.5)
        record.at += timedelta(days=days)
        for number in order:
            record.settled(f"k{number}", jobs[number])
        accounts = record.told().accounts
        # When a node becomes trusted depends on the order; what it has got in all does not.
        return [a.model_copy(update={"points": a.points + a.held, "held": 0}) for a in accounts]

    order = list(range(len(jobs)))
    first = told(order)
    random.shuffle(order)
    assert told(order) == first


@given(st.lists(LINES, max_size=30), st.integers(0, 60))
def test_whoever_reads_on_gets_what_whoever_reads_all_gets(
    lines: list[tuple[Any, ...]], cut: int
) -> None:
    entries = written(lines).entries
    ledger = Ledger().fold(entries[:cut])
    ledger.statement()
    assert ledger.fold(entries[cut:]).statement() == Ledger().fold(entries).statement()


# ---- what it pays ------------------------------------------------------------------------


def test_a_second_of_a_usual_machine_is_a_point_and_half_is_held() -> None:
    record = Record()
    record.settled("k", {"A": 2.0, "B": 2.0})
    assert record.of("bo") == record.of("cy") == (1000, 1000, 0)
    record.settled("g", {"A": 2.0, "B": 2.0}, device="gpu")
    assert record.of("bo") == (5000, 5000, 0)
    assert record.of("ann") == (0, 0, 0)


def test_what_is_held_is_given_after_ten_right_answers_and_a_week() -> None:
    record = Record()
    record.confirmed(20)
    assert record.of("bo") == (10_000, 10_000, 0)
    record.at += PROBATION
    record.confirmed(1, "later")
    assert record.of("bo") == (21_000, 0, 0)
    fresh = Record()
    fresh.at += PROBATION
    fresh.confirmed(9)
    assert fresh.of("bo") == (4500, 4500, 0)


def test_what_nobody_repeated_waits_for_the_next_confirmed_answer_that_asked_as_much() -> None:
    record = Record()
    record.settled("alone", {"A": 6.0})
    record.settled("short", {"A": 2.0})
    assert record.of("bo") == (0, 0, 8000)
    assert record.told().paid == 0
    record.settled("k", {"A": 2.0, "B": 2.0})
    assert record.of("bo") == (2000, 2000, 6000)
    record.settled("j", {"A": 6.0, "B": 6.0})
    assert record.of("bo") == (8000, 8000, 0)


def test_what_nobody_could_have_repeated_is_a_gift() -> None:
    record = Record()
    record.settled("alone", {"A": 6.0}, checkable=False)
    record.confirmed(1)
    assert record.of("bo") == (500, 500, 0)
    assert [a.lent_ms for a in record.told().accounts if a.owner == "bo"] == [7000]


def test_who_is_put_out_loses_what_is_held_and_what_waits() -> None:
    record = Record()
    record.confirmed(4)
    record.settled("alone", {"A": 6.0})
    record.add("ejected", node="A", kind="python:1", why="incomparable")  # of one kind only
    assert record.of("bo") == (2000, 2000, 6000)
    record.add("ejected", node="A", kind="", why="wrong")
    assert record.of("bo") == (2000, 0, 0)
    assert record.of("cy") == (2000, 2000, 0)
    # Its lies are paid back, but what it has lost already is not taken twice.
    record.reviewed("corrected", "c0", "A", {"C": 1.0})
    assert record.of("bo") == (1500, 0, 0)
    assert record.of("di") == (500, 500, 0)
    record.reviewed("corrected", "c0", "A", {"C": 1.0})
    assert record.of("bo") == (1500, 0, 0)


def test_spent_pay_is_taken_back_too() -> None:
    record = Record()
    record.settled("k", {"A": 8.0, "B": 8.0})
    record.add("joined", member="T", owner="bo", role="member")
    record.settled("mine", {"B": 4.0, "C": 4.0}, submitter="T", ahead=True)
    assert record.of("bo") == (0, 4000, 0)  # four for the job, which is all that it had
    record.reviewed("corrected", "k", "A", {"C": 8.0})
    assert record.of("bo") == (-4000, 0, 0)


def test_only_who_got_ahead_pays_and_only_what_they_have() -> None:
    record = Record()
    record.settled("k", {"A": 2.0, "B": 2.0})
    record.add("joined", member="T", owner="bo", role="member")
    record.settled("one", {"B": 0.5, "C": 0.5}, submitter="T")
    assert record.of("bo") == (1000, 1000, 0)
    record.settled("two", {"B": 0.5, "C": 0.5}, submitter="T", ahead=True)
    assert record.of("bo") == (500, 1000, 0)
    record.settled("three", {"B": 90, "C": 90}, submitter="T", ahead=True)
    assert record.of("bo") == (0, 1000, 0)


def test_nobody_is_paid_for_ones_own_work_nor_where_points_are_off() -> None:
    record = Record()
    record.add("joined", member="T", owner="bo", role="member")
    record.settled("k", {"A": 5.0, "C": 5.0}, submitter="T")
    assert record.of("bo") == (0, 0, 0)
    assert record.of("di") == (2500, 2500, 0)
    off = Record(on=False)
    off.confirmed(3)
    told = off.told()
    assert (told.on, told.paid) == (False, 0)
    assert {a.owner: a.lent_ms for a in told.accounts} == {"ann": 0, "bo": 3000, "cy": 3000}
    assert [a.borrowed_ms for a in told.accounts if a.owner == "ann"] == [6000]
    record.add("points", on=False, prices={"cpu": 1.0})
    record.confirmed(3)
    assert record.of("cy") == (0, 0, 0)


# ---- cheats ------------------------------------------------------------------------------


@given(st.floats(1, 50), st.floats(1, 50))
def test_neither_dawdling_nor_a_boosted_benchmark_pays(slower: float, boosted: float) -> None:
    """Of two equal machines, one works slowly or was quicker while it was measured."""
    record = Record()
    for _ in range(3):
        record.add("measured", node="A", device="cpu", speed=boosted)
    for number in range(5):
        record.settled(f"u{number}", {"A": slower})
        record.settled(f"h{number}", {"B": 1.0})
        record.settled(f"k{number}", {"A": slower, "B": 1.0})
    cheat, honest = record.of("bo"), record.of("cy")
    assert cheat[2] == honest[2] == 0
    assert sum(cheat) <= sum(honest)


def test_unmeasured_nodes_are_paid_nothing_and_the_best_of_three_measurements_counts() -> None:
    record = Record(speed=0.0)
    record.confirmed(1)
    assert record.of("bo") == (0, 0, 0)
    for speed in (9.0, 1.0, 3.0, 2.0):
        record.add("measured", node="A", device="cpu", speed=speed)
    record.confirmed(1, "d")
    assert record.of("bo") == (1500, 1500, 0)  # the nine is the fourth last


def test_quality_weighs_more_than_quantity() -> None:
    record = Record()
    record.confirmed(30, nodes="AB")
    for number in range(300):
        record.settled(f"much{number}", {"C": 100.0, "D": 100.0})
    before = {n.node: n.reputation for n in record.told().nodes}
    assert before["D"] > before["A"] > 0  # both never wrong: now quantity decides
    record.reviewed("corrected", "much0", "D", {})
    for number in range(20):
        record.reviewed("corrected", f"much{number}", "D", {})
    after = {n.node: n.reputation for n in record.told().nodes}
    assert after["A"] > after["D"]  # a twentieth wrong, and a thousand times as much


# ---- the hub's own lines -----------------------------------------------------------------


def test_a_hubs_own_record_is_what_the_ledger_reads(tmp_path: Path) -> None:
    """Every kind of line that the book writes, by the book."""
    book = Book(tmp_path / "book.db")
    for id, owner in OWNERS.items():
        book.add_member(id, owner=owner, name=id, role="member")
    book.note("points", {"on": True, "prices": {"cpu": 2.0, "gpu": 4.0}})
    outcome = Outcome(why="test", verified="agreed")
    device: Device = "cpu"
    paid = (("A", "bo", 1.0), ("B", "cy", 1.0))
    job = ("S", "ann", "k", "c", outcome, paid, "{}", "kind", device, True, False)
    findings: list[Finding] = [
        *(Measured(node, "cpu", 1.0, 1.0) for node in NODES),
        Settlement(*job),
        Settlement(*job),
        Checked("S", "canary", "k", True, (("A", "bo", 1.0),)),
        Ejected("A", "wrong"),
        Reviewed("S", "ann", "k", "corrected", "A", outcome, (("C", "di", 1.0),)),
    ]
    for finding in findings:
        book.settle([finding])
    told = Ledger().fold(book.entries(0)).statement()
    book.close()
    assert figures(told, "bo") == (1000, 0, 0)  # of the canary; that of the lie was taken back
    assert figures(told, "cy") == (0, 0, 0)  # it had vouched for the lie
    assert figures(told, "di") == (1000, 1000, 0)
    assert left(told) == told.paid - told.burnt


def test_a_line_that_is_none_is_told_by_its_number() -> None:
    record = Record()
    record.add("settled", submitter="S")
    with pytest.raises(ValueError, match="line 15: 'verified'"):
        record.told()
