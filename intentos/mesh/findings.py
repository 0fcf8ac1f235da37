"""What the hub finds out about jobs and nodes, and how each finding is written into the book.

A wrong answer is replaced and its pay taken back; who had got it finds the correction.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from typing import Literal, NamedTuple

from intentos.types import Json, now, sha256

from .wire import Device, Outcome

CORRECTING = ("corrected", "doubtful")
"""What a review may come to that the sender must hear of."""
COMMON = "(all)"
"""Who pays for canaries."""


class Settlement(NamedTuple):
    """One job that is over."""

    submitter: str
    owner: str
    """The submitter's."""
    key: str
    code_hash: str
    outcome: Outcome
    paid: tuple[tuple[str, str, float], ...] = ()
    """(node, its owner, seconds) of everybody whose work counted."""
    job: str = ""
    """As JSON, where it is to be done again should who vouches for it turn out to lie."""
    kind: str = ""
    device: Device = "cpu"
    checkable: bool = False
    """Whether chance alone decided that nobody repeated it."""
    ahead: bool = False
    """Whether its sender's points got it ahead of others."""
    relayed: str = ""
    """From where and for whom, if it came from another hub."""


class Checked(NamedTuple):
    """A node's answer to a canary."""

    submitter: str
    key: str
    """The canary's own."""
    about: str
    """The key of the job that it repeats."""
    agreed: bool
    paid: tuple[tuple[str, str, float], ...]
    device: Device = "cpu"
    beside: tuple[tuple[str, float], ...] = ()
    """(node, seconds) of those who had said what the right answer is."""


class Measured(NamedTuple):
    """How fast a node has done a job of the hub's own."""

    node: str
    device: Device
    speed: float
    """Times a usual machine."""
    seconds: float


class Ejected(NamedTuple):
    """A node that gets no work any more, or none of a kind."""

    node: str
    why: str
    kind: str = ""


class Reviewed(NamedTuple):
    """What a look at a settled job that nobody of good standing vouches for has come to."""

    submitter: str
    owner: str
    key: str
    what: Literal["confirmed", "corrected", "doubtful", "undecided"]
    """``undecided``: its sender did not believe it, and others could not tell."""
    node: str
    """Whose answer it was."""
    outcome: Outcome
    """What it is now."""
    paid: tuple[tuple[str, str, float], ...] = ()
    device: Device = "cpu"
    beside: tuple[tuple[str, float], ...] = ()
    """(node, seconds) of others who say the same and were paid already."""


Finding = Settlement | Checked | Measured | Ejected | Reviewed


def keep(database: sqlite3.Connection, finding: Finding, lines: list[tuple[str, Json]]) -> bool:
    """Write one finding, and add its line to those for the record; False: it was known."""
    match finding:
        case Settlement():
            return _settle(database, finding, lines)
        case Checked():
            _pay(database, finding.submitter, finding.key, COMMON, finding.paid)
            body = finding._asdict() | {
                "paid": [list(paid) for paid in finding.paid],
                "beside": [list(one) for one in finding.beside],
            }
            lines.append(("checked", body))
        case Ejected():
            lines.append(("ejected", finding._asdict()))
        case Measured():
            lines.append(("measured", finding._asdict()))
        case Reviewed():
            return _review(database, finding, lines)
    return True


def _settle(database: sqlite3.Connection, one: Settlement, lines: list[tuple[str, Json]]) -> bool:
    outcome = one.outcome.model_dump_json()
    added = database.execute(
        "INSERT INTO jobs VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (one.submitter, one.key, one.outcome.node, now().isoformat(), outcome),
    ).rowcount
    if not added:
        return False
    _pay(database, one.submitter, one.key, one.owner, one.paid)
    if one.job:
        database.execute(
            "INSERT OR IGNORE INTO settled_jobs VALUES (?, ?, ?, ?, ?)",
            (one.submitter, one.key, one.kind, time.time(), one.job),
        )
        _vouch(database, one.submitter, one.key, [node for node, *_ in one.paid])
    body: Json = {
        "submitter": one.submitter,
        "key": one.key,
        "code": one.code_hash,
        "outcome": sha256(outcome.encode()),
        "ok": one.outcome.result is not None,
        "verified": one.outcome.verified,
        "paid": [list(paid) for paid in one.paid],
        "device": one.device,
        "checkable": one.checkable,
        "ahead": one.ahead,
    }
    if one.relayed:
        body["relayed"] = one.relayed
    lines.append(("settled", body))
    return True


def _review(database: sqlite3.Connection, one: Reviewed, lines: list[tuple[str, Json]]) -> bool:
    """Keep what a second look came to: a wrong answer is replaced, and its pay taken back."""
    where = (one.submitter, one.key)
    row = database.execute(
        "SELECT outcome FROM jobs WHERE submitter = ? AND key = ?", where
    ).fetchone()
    if row is None:
        return False
    outcome = one.outcome.model_dump_json()
    unpaid: list[Json] = []
    known: list[tuple[str, str, float]] = database.execute(
        "SELECT node, to_owner, seconds FROM payments WHERE submitter = ? AND key = ?", where
    ).fetchall()
    right = {paid[0] for paid in one.paid} | {said[0] for said in one.beside}
    if one.what == "corrected":
        for wrong in (paid for paid in known if paid[0] not in right):
            unpaid.append(list(wrong))
            database.execute(
                "DELETE FROM payments WHERE submitter = ? AND key = ? AND node = ?",
                (*where, wrong[0]),
            )
            database.execute(
                "DELETE FROM vouchers WHERE submitter = ? AND key = ? AND node = ?",
                (*where, wrong[0]),
            )
        known = [paid for paid in known if paid[0] in right]
    beside = dict(one.beside) | {node: seconds for node, _, seconds in known}
    one = one._replace(paid=tuple(paid for paid in one.paid if paid[0] not in beside))
    database.execute(
        "UPDATE jobs SET outcome = ?, node = ? WHERE submitter = ? AND key = ?",
        (outcome, one.outcome.node, *where),
    )
    _pay(database, one.submitter, one.key, one.owner, one.paid)
    _vouch(database, one.submitter, one.key, right)
    if one.what in CORRECTING:
        database.execute(
            "INSERT INTO corrections (submitter, key, at, node, what, before) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (*where, now().isoformat(), one.node, one.what, row[0]),
        )
    body: Json = {
        "submitter": one.submitter,
        "key": one.key,
        "node": one.node,
        "before": sha256(row[0].encode()),
        "outcome": sha256(outcome.encode()),
        "unpaid": unpaid,
        "verified": one.outcome.verified,
        "paid": [list(paid) for paid in one.paid],
        "device": one.device,
        "beside": [list(item) for item in beside.items()],
    }
    lines.append((one.what, body))
    return True


def _pay(
    database: sqlite3.Connection,
    submitter: str,
    key: str,
    owner: str,
    paid: Iterable[tuple[str, str, float]],
) -> None:
    for node, to, seconds in paid:
        database.execute(
            "INSERT INTO payments VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (submitter, key, owner, to, node, seconds),
        )


def _vouch(
    database: sqlite3.Connection,
    submitter: str,
    key: str,
    nodes: Iterable[str],
) -> None:
    database.executemany(
        "INSERT OR IGNORE INTO vouchers VALUES (?, ?, ?)",
        [(node, submitter, key) for node in nodes],
    )
