"""Plans that wait for an answer, also after the program that asked is gone.

A run that waits has its whole state in the store: the plan, the values, the digest that was asked
about. Nothing of it is going on, so the death of its owner interrupts nothing; the question stays,
until somebody answers it or it is taken back. What was stopped (canceled) waits no longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intentos.errors import NotApproved, UsageError
from intentos.run import Run, RunStatus

if TYPE_CHECKING:
    from intentos.store import Store

_ANSWERS = frozenset({"plan_proposed", "plan_approved", "plan_rejected"})


class Left(BaseException):
    """Who asked goes away and leaves the question in the store; no error, and no answer."""


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A run whose plan waits."""

    run: Run
    asked_elsewhere: bool
    """A program that is alive is asking about it, and only that one takes the answer."""


def waits(kinds: Sequence[str]) -> bool:
    """Return whether a run of these kinds of events, in order, waits for an answer."""
    for kind in reversed(kinds):
        if kind == "approval_requested":
            return True
        if kind in _ANSWERS:
            return False
    return False


def pending(store: Store) -> list[Pending]:
    """Return the plans that wait, the oldest first."""
    found = []
    for run_id in store.unfinished():
        events = store.events(run_id)
        if waits([event.kind for event in events]):
            run = store.run(run_id)
            found.append(Pending(run=run, asked_elsewhere=store.owned(run_id)))
    return found


def waiting(store: Store, name: str) -> Run:
    """Return the run of that name, whose plan waits.

    Raises:
        NotFound: no run, or more than one, is meant.
        NotApproved: it was stopped, so that no approval counts any more.
        UsageError: it waits for nothing, as it runs or has ended.
    """
    run = store.run(name)
    if run.status is RunStatus.CANCELED:
        raise NotApproved("pending.void", run=run.id)
    if run.status.ended or not waits([event.kind for event in store.events(run.id)]):
        raise UsageError("pending.not_waiting", run=run.id, status=run.status.value)
    return run
