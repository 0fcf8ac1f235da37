"""Who lent how much to whom, and what it is worth in points: a pure fold of the hub's record.

Hub and members fold the same lines by the same rules, so that everybody can recompute all balances.
Points are whole thousandths, so that sums are exact. They are earned by seconds that somebody else
has confirmed, times the speed that the hub has measured, times the posted price; never by claims:

- Of several who did the same, at whatever time, each is paid as the cheapest of them.
- What nobody repeated waits until an answer of the node is confirmed that asked for as much, and is
  paid at the share that its newest ones were worth of what they asked: all of them, or those that
  asked for as much, whichever is less. So neither an honest past nor honest small ones pay for it.
- Half of a node's pay is held until ten of its answers were confirmed and it has been there a week;
  when it is put out, what is held and what waits is burnt.
- A wrong answer's pay is taken back, out of the balance too, which may so fall below zero.
- Whoever got ahead of others by points pays what others did for that job, were they paid for it or
  not, at most what they have.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from .findings import COMMON
from .trust import TRUSTED
from .wire import Account, Earner, Entry, Points

MILLI = 1000
"""Of a point, which is one second of a node of speed 1 at price 1."""
PROBATION = timedelta(days=7)
KEPT = timedelta(days=2)
"""How long single payments are remembered: the hub takes none back after a day."""
MOST_BETWEEN = timedelta(minutes=1)
"""Time that one line can let pass: the hub's clock may jump, and what is forgotten is forgotten."""
FADING = 50
"""Confirmed answers that tell what those are worth which nobody repeated."""
MEASURES = 3
"""Measurements of which the best counts: a busy moment does not make a slow machine."""
FAULT_WEIGHT = 10
"""Right answers that one wrong answer weighs as much as."""
SEASONED = 10_000 * MILLI
"""Earned points at which quantity has half of its say."""


@dataclass
class Grant:
    """What a node got for one job."""

    owner: str
    sender: str
    milliseconds: int
    waiting: int = 0
    held: int = 0
    free: int = 0


@dataclass
class _Node:
    owner: str
    since: datetime
    speeds: dict[str, deque[float]] = field(default_factory=dict)
    confirmed: int = 0
    """In a row, since it joined, was wrong or was taken back."""
    right: int = 0
    wrong: int = 0
    trusted: bool = False
    answers: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=FADING))
    """The newest that were confirmed: what each asked, at its own seconds, and was worth."""
    earned: int = 0
    waiting: int = 0
    held: int = 0
    grants: dict[tuple[str, str], Grant] = field(default_factory=dict)
    open: set[tuple[str, str]] = field(default_factory=set)
    """Of the grants, those that wait."""

    def speed(self, device: str) -> float:
        """Return how fast the hub has measured it to be; 0: it has not."""
        return max(self.speeds.get(device, ()), default=0.0)

    def worth(self, asked: int) -> int | None:
        """Return what is paid for work that nobody repeated; None: none as dear was confirmed."""
        alike = [answer for answer in self.answers if answer[0] >= asked]
        if not alike:
            return None
        return min(
            asked * sum(worth for _, worth in some) // sum(asked for asked, _ in some)
            for some in (alike, self.answers)
        )

    @property
    def reputation(self) -> float:
        """Between 0 and 1; being right counts squared, doing much at most double."""
        quality = (self.right + 1) / (self.right + 1 + FAULT_WEIGHT * self.wrong)
        known = self.right / (self.right + TRUSTED)
        quantity = 0.5 + 0.5 * self.earned / (self.earned + SEASONED)
        return round(quality**2 * known * quantity, 4)


@dataclass
class _Account:
    points: int = 0
    lent: int = 0
    """Milliseconds, also where points are off."""
    borrowed: int = 0


class _Paid(NamedTuple):
    node: str
    owner: str
    seconds: float


class Ledger:
    """The balances after some line of the record."""

    def __init__(self) -> None:
        self.seq = 0
        self.on = False
        self.prices: dict[str, float] = {}
        self.paid = 0
        self.burnt = 0
        self._owners: dict[str, str] = {}
        self._joined: dict[str, datetime] = {}
        self._accounts: dict[str, _Account] = {}
        self._nodes: dict[str, _Node] = {}
        self._recent: deque[tuple[timedelta, str, tuple[str, str]]] = deque()
        self._last: datetime | None = None
        self._passed = timedelta()
        """Since the first line, and never back."""

    def fold(self, entries: Iterable[Entry]) -> Ledger:
        """Take lines in, in order; raises ValueError where one is no line of a hub's."""
        for entry in entries:
            try:
                self._take(entry)
            except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
                raise ValueError(f"line {entry.seq}: {error}") from error
            self.seq = entry.seq
        return self

    def balance(self, owner: str) -> int:
        """Return the points that an owner can spend, in thousandths."""
        account = self._accounts.get(owner)
        return account.points if account is not None else 0

    def speed(self, node: str, device: str) -> float:
        """Return how fast a node was measured to be; 0: it was not."""
        known = self._nodes.get(node)
        return known.speed(device) if known is not None else 0.0

    def statement(self) -> Points:
        """Return all balances, as the hub tells them and as anybody can compare them."""
        held: dict[str, list[int]] = {}
        for node in self._nodes.values():
            sums = held.setdefault(node.owner, [0, 0])
            sums[0] += node.held
            sums[1] += node.waiting
        return Points(
            seq=self.seq,
            on=self.on,
            prices=dict(sorted(self.prices.items())),
            paid=self.paid,
            burnt=self.burnt,
            accounts=tuple(
                Account(
                    owner=owner,
                    lent_ms=account.lent,
                    borrowed_ms=account.borrowed,
                    points=account.points,
                    held=held.get(owner, [0, 0])[0],
                    waiting=held.get(owner, [0, 0])[1],
                )
                for owner, account in sorted(self._accounts.items())
            ),
            nodes=tuple(
                Earner(
                    node=id,
                    owner=node.owner,
                    speeds={d: round(node.speed(d), 3) for d in sorted(node.speeds)},
                    right=node.right,
                    wrong=node.wrong,
                    earned=node.earned,
                    reputation=node.reputation,
                )
                for id, node in sorted(self._nodes.items())
            ),
        )

    # ---- lines ------------------------------------------------------------------------------

    def _take(self, entry: Entry) -> None:
        at = datetime.fromisoformat(entry.at)
        step = at - self._last if self._last is not None else timedelta()
        self._last = at
        self._passed += min(max(step, timedelta()), MOST_BETWEEN)
        self._forget()
        body: dict[str, Any] = json.loads(entry.body)
        match entry.what:
            case "joined":
                self._owners[body["member"]] = body["owner"]
                self._joined.setdefault(body["member"], at)
            case "points":
                self.on = bool(body["on"])
                self.prices = {str(name): float(price) for name, price in body["prices"].items()}
            case "measured":
                node = self._node(body["node"], self._owners.get(body["node"], "?"), at)
                speeds = node.speeds.setdefault(body["device"], deque(maxlen=MEASURES))
                speeds.append(float(body["speed"]))
            case "settled":
                agreed = body["verified"] == "agreed"
                sender = self._owners.get(body["submitter"], "?")
                self._done(at, body, sender, agreed, bool(body.get("checkable")))
                if body.get("ahead") and self.on:
                    self._spend(sender, self._cost(body, sender))
            case "checked":
                self._done(at, body, COMMON, bool(body["agreed"]), False)
            case "confirmed" | "corrected" | "doubtful":
                for id, *_ in body["unpaid"]:
                    self._take_back(id, (body["submitter"], body["key"]))
                if entry.what == "corrected":
                    for id in {body["node"], *(id for id, *_ in body["unpaid"])}:
                        if id in self._nodes:
                            self._was_wrong(self._nodes[id])
                sender = self._owners.get(body["submitter"], "?")
                self._done(at, body, sender, body.get("verified") == "agreed", False)
            case "ejected" if not body["kind"] and body["node"] in self._nodes:
                self._put_out(self._nodes[body["node"]])
            case "readmitted" if body["node"] in self._nodes:
                self._nodes[body["node"]].since = at

    def _done(
        self, at: datetime, body: dict[str, Any], sender: str, agreed: bool, checkable: bool
    ) -> None:
        """Count work that was done: as confirmed, as what could have been repeated, or as lent."""
        key = (body["submitter"], body["key"])
        new: list[tuple[_Node, Grant, int]] = []
        all_asked = [self._asked(body, id, seconds) for id, seconds in body.get("beside", ())]
        for paid in (_Paid(*one) for one in body["paid"]):
            node = self._node(paid.node, paid.owner, at)
            asked = self._asked(body, paid.node, paid.seconds)
            all_asked.append(asked)
            if key in node.grants:
                continue
            grant = Grant(paid.owner, sender, _milliseconds(paid.seconds))
            node.grants[key] = grant
            self._recent.append((self._passed, paid.node, key))
            self._lend(grant, grant.milliseconds)
            new.append((node, grant, asked if paid.owner != sender else 0))
        if not self.on:
            return
        worth = min((asked for asked in all_asked if asked), default=0)
        for node, grant, asked in new:
            if agreed:
                self._confirm(at, node, grant, asked, worth if asked else 0)
            elif checkable and asked:
                grant.waiting = asked
                node.waiting += asked
                node.open.add(key)

    def _asked(self, body: dict[str, Any], node: str, seconds: float) -> int:
        """Return what a node's seconds come to; 0: it was not measured."""
        device = str(body.get("device", ""))
        # A second of a node of speed 1 at price 1 is a point, and a millisecond a thousandth of it.
        price = self.prices.get(device, 0.0)
        return int(_milliseconds(seconds) * self.speed(node, device) * price)

    def _cost(self, body: dict[str, Any], sender: str) -> int:
        paid = [_Paid(*one) for one in body["paid"]]
        others = [self._asked(body, one.node, one.seconds) for one in paid if one.owner != sender]
        return min((asked for asked in others if asked), default=0)

    # ---- points -----------------------------------------------------------------------------

    def _confirm(self, at: datetime, node: _Node, grant: Grant, asked: int, worth: int) -> None:
        node.confirmed += 1
        node.right += 1
        if asked:
            node.answers.append((asked, worth))
        seasoned = node.confirmed >= TRUSTED and at - node.since >= PROBATION
        node.trusted = node.trusted or seasoned
        self._pay(node, grant, worth)
        for key in sorted(node.open):
            waited = node.grants[key]
            amount = node.worth(waited.waiting)
            if amount is not None:
                self._pay(node, waited, amount)
                node.waiting -= waited.waiting
                waited.waiting = 0
                node.open.discard(key)
        if node.trusted and node.held:
            self._account(node.owner).points += node.held
            node.held = 0
            for kept in node.grants.values():
                kept.free, kept.held = kept.free + kept.held, 0

    def _pay(self, node: _Node, grant: Grant, amount: int) -> None:
        held = 0 if node.trusted else amount // 2
        grant.held += held
        grant.free += amount - held
        node.held += held
        node.earned += amount
        self._account(node.owner).points += amount - held
        self.paid += amount

    def _take_back(self, id: str, key: tuple[str, str]) -> None:
        node = self._nodes.get(id)
        grant = node.grants.get(key) if node is not None else None
        if node is None or grant is None:
            return
        self._lend(grant, -grant.milliseconds)
        node.waiting -= grant.waiting
        node.held -= grant.held
        node.open.discard(key)
        node.earned -= grant.held + grant.free
        self._account(node.owner).points -= grant.free
        self.burnt += grant.held + grant.free
        # It stays known, so that the same line again pays nothing.
        node.grants[key] = Grant(grant.owner, grant.sender, 0)

    def _put_out(self, node: _Node) -> None:
        self.burnt += node.held
        node.held = node.waiting = 0
        node.open.clear()
        for grant in node.grants.values():
            grant.held = grant.waiting = 0
        self._was_wrong(node)

    def _was_wrong(self, node: _Node) -> None:
        node.wrong += 1
        node.confirmed = 0
        node.trusted = False

    def _spend(self, owner: str, cost: int) -> None:
        account = self._account(owner)
        spent = max(0, min(account.points, cost))
        account.points -= spent
        self.burnt += spent

    # -----------------------------------------------------------------------------------------

    def _lend(self, grant: Grant, milliseconds: int) -> None:
        if grant.owner != grant.sender:
            self._account(grant.owner).lent += milliseconds
            self._account(grant.sender).borrowed += milliseconds

    def _account(self, owner: str) -> _Account:
        return self._accounts.setdefault(owner, _Account())

    def _node(self, id: str, owner: str, at: datetime) -> _Node:
        known = self._nodes.get(id)
        if known is None:
            known = self._nodes[id] = _Node(owner, self._joined.get(id, at))
        return known

    def _forget(self) -> None:
        while self._recent and self._recent[0][0] < self._passed - KEPT:
            _, id, key = self._recent.popleft()
            node = self._nodes[id]
            if key in node.open:  # it waits on; what it is worth is still to be seen
                self._recent.append((self._passed, id, key))
            else:
                node.grants.pop(key, None)


def _milliseconds(seconds: float) -> int:
    return max(0, int(float(seconds) * 1000))
