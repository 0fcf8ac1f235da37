"""The book: once is once, and a record that somebody has rewritten shows."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from intentos.errors import StoreError
from intentos.mesh.audit import compare, keep_heads, kept_heads
from intentos.mesh.book import Book, chained
from intentos.mesh.findings import Settlement
from intentos.mesh.identity import Identity
from intentos.mesh.wire import Head, Outcome, seal


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path / "book.db")
    yield made
    made.close()


def settlement(key: str, node: str = "N", seconds: float = 2.0, giver: str = "bo") -> Settlement:
    return Settlement(
        submitter="S",
        owner="ann",
        key=key,
        code_hash="c",
        outcome=Outcome(why="test", seconds=seconds),
        paid=((node, giver, seconds),),
    )


def test_a_job_counts_once_however_often_it_is_settled(book: Book) -> None:
    assert book.settle([settlement("a"), settlement("b")]) == [True, True]
    lines = book.head()[0]
    assert book.settle([settlement("a", seconds=99), settlement("a")]) == [False, False]
    assert book.head()[0] == lines
    assert book.balances() == {"bo": 4.0, "ann": -4.0}
    kept = book.outcome("S", "a")
    assert kept is not None
    assert kept.seconds == 2.0


def test_the_same_key_of_another_sender_is_another_job(book: Book) -> None:
    assert book.settle([settlement("a"), settlement("a")._replace(submitter="T")]) == [True, True]


def test_who_works_for_oneself_is_owed_nothing(book: Book) -> None:
    book.settle([settlement("a", giver="ann")])
    assert book.balances() == {}


def test_half_a_settlement_is_none(book: Book, tmp_path: Path) -> None:
    broken = settlement("b")._replace(paid=(("N", "bo", None),))  # type: ignore[arg-type]
    before = book.head()
    with pytest.raises((StoreError, sqlite3.IntegrityError)):
        book.settle([settlement("a"), broken])
    assert book.head() == before
    assert book.outcome("S", "a") is None
    assert book.balances() == {}


def test_the_record_is_a_chain(book: Book) -> None:
    for number in range(20):
        book.settle([settlement(f"k{number}")])
    entries = book.entries(0)
    assert len(entries) == 20
    assert chained(entries) is None
    assert chained(entries[10:], after=(10, entries[9].hash)) is None
    changed = entries[7].model_copy(update={"body": entries[7].body.replace("k7", "k8")})
    assert chained([*entries[:7], changed, *entries[8:]]) == 8
    assert chained([*entries[:7], *entries[8:]]) == 8
    assert chained(list(reversed(entries))) == 1


def sealed(hub: Identity, book: Book) -> str:
    seq, digest = book.head()
    return base64.b64encode(seal(hub, Head(hub=hub.id, seq=seq, hash=digest))).decode()


def test_a_record_that_was_rewritten_shows(book: Book, tmp_path: Path) -> None:
    """Whoever holds the file can make a new chain that is whole, but not one that was signed."""
    hub, path = Identity.new(), tmp_path / "heads.jsonl"
    for number in range(6):
        book.settle([settlement(f"k{number}")])
        if number == 3:
            keep_heads(path, [sealed(hub, book)])
    heads = kept_heads(path, hub.id)
    assert compare(book.entries(0), heads).verdict == "whole"
    assert kept_heads(path, Identity.new().id) == []  # signed by somebody else: no proof

    other = Book(tmp_path / "other.db")
    for number in range(6):
        seconds = 99.0 if number == 1 else 2.0
        other.settle([settlement(f"k{number}", seconds=seconds)])
    rewritten = compare(other.entries(0), heads)
    assert (rewritten.verdict, rewritten.line) == ("rewritten", 4)
    other.close()

    assert compare(book.entries(0)[:3], heads).verdict == "shortened"
    assert compare(book.entries(0)[1:], heads).verdict == "broken"


def test_two_processes_write_one_chain(book: Book, tmp_path: Path) -> None:
    other = Book(tmp_path / "book.db")
    assert book.changed() in (True, False)
    for number in range(5):
        book.settle([settlement(f"a{number}")])
        other.note("invited", {"n": number})
    assert book.changed()
    assert not book.changed()
    assert chained(book.entries(0)) is None
    assert len(other.entries(0)) == 10
    other.close()


def test_a_book_from_the_future_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    Book(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError) as error:
        Book(path)
    assert error.value.code == "store.newer"
