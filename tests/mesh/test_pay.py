"""What a second look, a canary, a jump of the clock and getting ahead come to in points."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.mesh.book import Book, Member
from intentos.mesh.findings import Finding, Measured, Reviewed, Settlement
from intentos.mesh.ledger import FADING, KEPT, Ledger
from intentos.mesh.open_job import Open, Vote
from intentos.mesh.roster import Roster
from intentos.mesh.trust import Trust
from intentos.mesh.verify import Verifier
from intentos.mesh.wire import Job, Outcome
from intentos.plan import Step
from intentos.run import StepResult, StepStatus
from intentos.types import Limits, Quantity, new_id

from .test_ledger import OWNERS, START, Record, figures

S, A, B, C, D, E = ("U" + letter * 55 for letter in "SABCDE")
WHOSE = {S: "ann", A: "bo", B: "cy", C: "di", D: "flo", E: "ed"}
ANN = Member(S, "ann", "S", "member", revoked=False)


def canary(record: Record, key: str, node: str, seconds: float, beside: dict[str, float]) -> None:
    """Add a canary that a node got right."""
    record.add(
        "checked", submitter="S", key=key, about="", agreed=True, device="cpu",
        paid=[[node, OWNERS[node], seconds]], beside=[list(one) for one in beside.items()],
    )  # fmt: skip


# ---- dawdling ----------------------------------------------------------------------------


def test_a_canary_pays_what_the_quickest_who_ever_did_it_took() -> None:
    record = Record()
    canary(record, "x", "A", 100.0, {"B": 1.0, "C": 1.5})
    assert record.of("bo") == (500, 500, 0)
    canary(record, "y", "A", 1.0, {"B": 100.0})
    assert record.of("bo") == (1000, 1000, 0)
    canary(record, "z", "A", 1.0, {"unheard": 0.1})  # it was not measured: that says nothing
    assert record.of("bo") == (1500, 1500, 0)


def test_a_second_look_pays_what_the_first_took() -> None:
    record = Record()
    record.settled("k", {"A": 1.0})
    record.reviewed("confirmed", "k", "A", {"B": 500.0}, beside=[["A", 1.0]])
    assert record.of("cy") == (500, 500, 0)
    # Also where the line names who was paid already.
    record.settled("j", {"A": 1.0})
    record.reviewed("confirmed", "j", "A", {"A": 1.0, "C": 500.0})
    assert record.of("di") == (500, 500, 0)


def test_a_machine_of_the_senders_own_shows_what_work_takes() -> None:
    record = Record()
    record.add("joined", member="T", owner="bo", role="member")
    record.settled("k", {"A": 1.0, "C": 300.0}, submitter="T")
    assert record.of("di") == (500, 500, 0)
    assert record.of("bo") == (0, 0, 0)


@given(st.floats(1, 50))
def test_dawdling_pays_nothing_at_canaries_nor_at_second_looks(slower: float) -> None:
    record = Record()
    for number in range(5):
        for node, seconds in (("A", slower), ("B", 1.0)):
            record.settled(f"u{node}{number}", {node: seconds})
            canary(record, f"x{node}{number}", node, seconds, {"C": 1.0})
            record.settled(f"r{node}{number}", {"C": 1.0}, checkable=False)
            record.reviewed(
                "confirmed", f"r{node}{number}", "C", {node: seconds}, beside=[["C", 1.0]]
            )
    cheat, honest = record.of("bo"), record.of("cy")
    assert cheat[2] == honest[2] == 0
    assert sum(cheat) <= sum(honest)


def test_a_long_honest_past_pays_for_no_more_than_fifty_answers() -> None:
    record = Record()
    record.confirmed(10 * FADING)
    for number in range(FADING):
        record.settled(f"slow{number}", {"A": 100.0, "B": 1.0})
    before = sum(record.of("bo"))
    for number in range(10):
        record.settled(f"alone{number}", {"A": 100.0})
    record.settled("last", {"A": 100.0, "B": 1.0})
    assert sum(record.of("bo")) - before == 11_000  # of each what it was worth


def points_of(dawdled: Callable[[int], float], takes: Callable[[int], float], jobs: int) -> int:
    """Return what A earns after a long honest past, should it need so many seconds.

    One in 25 of its answers is confirmed, by one who needs what the job ``takes``.
    """
    record = Record()
    record.confirmed(2 * FADING)
    before = sum(record.of("bo")[:2])
    chance = Random(7)
    for number in range(jobs):
        paid = {"A": dawdled(number)}
        again = {"B": takes(number)} if chance.random() < 0.04 else {}
        record.settled(f"k{number}", paid | again)
    return sum(record.of("bo")[:2]) - before


def test_no_way_of_dawdling_pays_more_than_doing_the_work() -> None:
    honest = points_of(lambda number: 1.0, lambda number: 1.0, 1000)
    assert honest > 900_000
    chance = Random(8)
    for dawdled in (
        lambda number: 100.0,
        lambda number: 1.0 + number,
        lambda number: 1000.0 if chance.random() < 0.04 else 1.0,
        lambda number: 100.0 if chance.random() < 0.5 else 1.0,
        lambda number: 1000.0 if number % 500 < 60 else 1.0,
    ):
        assert points_of(dawdled, lambda number: 1.0, 1000) <= 1.05 * honest


def test_honest_long_answers_do_not_hide_dawdling_over_short_ones() -> None:
    def takes(number: int) -> float:
        return 100.0 if number % 2 else 1.0

    honest = points_of(takes, takes, 2500)
    assert points_of(lambda number: max(99.0, takes(number)), takes, 2500) <= 1.05 * honest


# ---- a clock that jumps ------------------------------------------------------------------


def test_what_was_paid_is_known_after_the_clock_has_jumped() -> None:
    record = Record()
    record.settled("k", {"A": 10.0, "B": 10.0})
    once = record.told()
    for jump in (KEPT + timedelta(days=1), timedelta(days=9000), timedelta(days=-9000)):
        record.at += jump
        record.add("points", on=True, prices={"cpu": 1.0, "gpu": 4.0})
        record.at -= jump
        record.reviewed("confirmed", "k", "A", {"A": 10.0, "B": 10.0})
        assert record.told().paid == once.paid
        # Nor is a wrong answer's pay out of reach.
        undone = Record()
        undone.entries = list(record.entries)
        undone.reviewed("corrected", "k", "A", {})
        assert figures(undone.told(), "bo")[:2] == (0, 0)


def test_payments_are_forgotten_when_their_time_has_passed() -> None:
    record = Record()
    ledger = Ledger()
    for number in range(4 * 24 * 60):
        record.settled(f"k{number}", {"A": 1.0, "B": 1.0} if number % 2 else {"A": 1.0})
        record.at += timedelta(minutes=1)
    ledger.fold(record.entries)
    kept = KEPT // timedelta(minutes=1)
    assert all(len(ledger._nodes[id].grants) <= kept + 1 for id in "AB")
    assert len(ledger._recent) <= 2 * kept + 2


# ---- getting ahead -----------------------------------------------------------------------


def spent(paid: dict[str, float], **changes: Any) -> int:
    """Return what getting ahead with a job costs one who has plenty."""
    record = Record()
    record.confirmed(500)
    record.add("joined", member="T", owner="bo", role="member")
    record.settled("mine", paid, submitter="T", ahead=True, **changes)
    return record.told().burnt


def test_getting_ahead_costs_what_the_job_took_whether_or_not_it_was_paid() -> None:
    assert spent({"B": 3.0, "C": 2.0}) == 2000
    assert spent({"C": 3.0}, checkable=False) == 3000  # a gift to its sender
    assert spent({"C": 3.0}) == 3000  # it waits
    assert spent({"A": 0.1, "C": 3.0}) == 3000  # that of one's own machine
    assert spent({"A": 3.0}) == 0
    assert spent({}) == 0


# ---- what the hub writes down ------------------------------------------------------------


class Hub:
    """A verifier, its book, and what its book comes to."""

    def __init__(self, path: Path) -> None:
        self.book = Book(path / "book.db")
        for id, owner in WHOSE.items():
            self.book.add_member(id, owner=owner, name=id, role="member")
        self.book.note("points", {"on": True, "prices": {"cpu": 1.0}})
        self.put: list[Finding] = [Measured(id, "cpu", 1.0, 1.0) for id in WHOSE]
        self.looks: list[Open] = []
        self.verifier = Verifier(
            book=self.book,
            roster=Roster(),
            trust=Trust(),
            put=lambda found, finding: self.put.append(finding),
            again=self.looks.append,
            gone=lambda id: None,
        )
        self.ledger = Ledger()

    def written(self) -> dict[str, Any]:
        """Write down what was found, and return the last line that pays."""
        self.book.settle(self.put)
        self.put.clear()
        entries = self.book.entries(self.ledger.seq)
        self.ledger.fold(entries)
        lines: list[dict[str, Any]] = [json.loads(entry.body) for entry in entries]
        return [line for line in lines if "paid" in line][-1]

    def of(self, owner: str) -> tuple[int, int, int]:
        """Return an owner's points, what is held and what waits."""
        return figures(self.ledger.statement(), owner)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path)
    yield made
    made.book.close()


def paid(node: str, seconds: float) -> tuple[str, str, float]:
    return node, WHOSE[node], seconds


def settlement(key: str, *all_paid: tuple[str, str, float]) -> Settlement:
    outcome = Outcome(why="test", verified="agreed", node=A)
    return Settlement(S, "ann", key, "c", outcome, all_paid, "{}", "kind", "cpu", True, False)


def test_a_second_look_names_who_was_paid_and_pays_only_others(hub: Hub) -> None:
    first = settlement("k", paid(A, 1.0), paid(B, 2.0))
    look = Reviewed(
        S, "ann", "k", "confirmed", A, first.outcome, (paid(A, 1.0), paid(C, 9.0)), "cpu", ((D, 7),)
    )
    hub.put += [first, look]
    line = hub.written()
    assert line["paid"] == [[C, "di", 9.0]]
    assert dict(line["beside"]) == {A: 1.0, B: 2.0, D: 7.0}
    assert hub.of("di") == hub.of("bo") == hub.of("cy") == (500, 500, 0)


def test_who_was_wrong_does_not_tell_what_work_takes(hub: Hub) -> None:
    first = settlement("k", paid(A, 0.1), paid(B, 2.0))
    look = Reviewed(
        S, "ann", "k", "corrected", A, first.outcome, (paid(C, 9.0),), "cpu", ((B, 2.0),)
    )
    hub.put += [first, look]
    line = hub.written()
    assert [node for node, *_ in line["unpaid"]] == [A]
    assert line["beside"] == [[B, 2.0]]
    assert {row[0] for row in hub.book._rows("SELECT node FROM vouchers")} == {B, C}
    assert (hub.of("bo"), hub.of("di")) == ((0, 0, 0), (1000, 1000, 0))


def answer(number: float) -> StepResult:
    return StepResult(
        step_id="s",
        status=StepStatus.OK,
        executor="words",
        device="cpu",
        started_at=START,
        finished_at=START,
        values={"n": Quantity(value=number)},
    )


def vote(node: str, seconds: float, number: float = 1.0, nonce: str = "") -> Vote:
    return Vote(node, node, WHOSE[node], answer(number), seconds, nonce)


def job() -> Job:
    step = Step(id="s", language="words", code="report n 1")
    return Job(key=new_id(), step=step, seed=1, limits=Limits(), reply="0" * 16, verify="spot")


def test_canaries_and_second_looks_are_compared_with_what_is_known(hub: Hub) -> None:
    first = Open(job(), ANN)
    hub.verifier.accept(first, [vote(A, 1.0, nonce="1"), vote(B, 2.0, nonce="2")], "agreed")
    (known,) = hub.verifier._canaries._known

    def planted(said: Vote) -> None:
        canary = Open(job(), ANN, purpose="canary", about=first.key)
        hub.verifier._known[canary.key] = known
        hub.verifier.judge_canary(canary, said)

    planted(vote(C, 300.0, nonce="3"))
    assert hub.written()["beside"] == [[A, 1.0], [B, 2.0]]
    assert hub.of("di") == (500, 500, 0)
    # Then somebody says something else, and a newcomer decides: nobody is paid once more.
    planted(vote(D, 1.0, 2.0, nonce="4"))
    (look,) = hub.looks
    look.votes.append(vote(E, 500.0, nonce="5"))
    hub.verifier.accept(look, look.groups[0], "agreed")
    line = hub.written()
    assert line["paid"] == [[E, "ed", 500.0]]
    assert dict(line["beside"]) == {A: 1.0, B: 2.0, C: 300.0}
    assert hub.of("ed") == hub.of("di") == (500, 500, 0)
    assert hub.ledger.paid == 4000


def test_who_was_accused_and_turns_out_right_is_paid(hub: Hub) -> None:
    before = Outcome(result=answer(2.0), node=A)
    hub.put.append(settlement("k", paid(A, 1.0))._replace(outcome=before))
    look = Open(job(), ANN, purpose="again", about=(S, "k"), before=before, accused=C)
    look.votes = [vote(A, 1.0, 2.0), vote(B, 1.0, nonce="1"), vote(C, 2.0)]
    hub.verifier.accept(look, look.groups[0], "agreed")
    line = hub.written()
    assert {node for node, *_ in line["unpaid"]} == {A}
    assert {node for node, *_ in line["paid"]} == {B, C}
