"""What was said yes to for good: kept, listed, forgotten, and found again after an update."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

import pytest

from intentos import database
from intentos.config import Settings
from intentos.errors import StoreError
from intentos.events import PlanApproved, PlanProposed, RunStarted
from intentos.plan import Approval, Plan
from intentos.store import Store
from intentos.types import Intent, new_id

from .parts import plan_of
from .test_cli import PRIMES, intentos
from .test_rules import base, rule_of


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """Return an open store."""
    store = Store(settings)
    yield store
    store.close()


def approve(store: Store, plan: Plan) -> str:
    """Let a plan run again without asking, and return the run in which that was said."""
    run_id = new_id()
    store.append(RunStarted(run_id=run_id, intent=Intent(text="x", language="en"), seed=1))
    store.append(PlanProposed(run_id=run_id, plan=plan, values=plan.defaults))
    approval = Approval(plan_digest=plan.digest, decision="approve", by="test", scope="plan")
    store.append(PlanApproved(run_id=run_id, approval=approval))
    return run_id


def test_what_stands_is_listed_and_can_be_forgotten(store: Store) -> None:
    one, two = plan_of("say one"), plan_of("say two")
    approve(store, one)
    last, other = approve(store, one), approve(store, two)
    rule = rule_of(base("generated"))
    store.standing.remember(rule)
    store.standing.remember(rule)
    assert store.standing.rules() == [rule]
    listed = [(a.plan_digest, run) for a, run in store.standing.approvals()]
    assert listed == [(two.digest, other), (one.digest, last)]

    assert store.standing.forget("") == 0
    assert store.standing.forget("zz") == 0
    assert store.standing.forget("\udcff") == 0
    assert store.standing.forget(one.digest[:12]) == 1
    assert store.approval(one.digest) is None
    assert store.approval(two.digest) is not None
    assert store.run(last).approval is not None  # history stays


def test_a_beginning_that_means_several_forgets_none(store: Store) -> None:
    plans = [plan_of(f"say {number}") for number in range(40)]
    for plan in plans:
        approve(store, plan)
    first = next(p for p in plans if sum(q.digest[0] == p.digest[0] for q in plans) > 1)
    assert store.standing.forget(first.digest[0]) > 1
    assert len(store.standing.approvals()) == 40


def test_a_rule_that_cannot_be_read_lets_nothing_run(store: Store, settings: Settings) -> None:
    store.standing.remember(rule_of(base("generated")))
    with sqlite3.connect(settings.database) as connection:
        connection.execute("UPDATE rules SET body = '{}'")
    connection.close()
    with pytest.raises(StoreError, match="rules are damaged"):
        store.standing.rules()


def test_a_store_of_before_there_were_rules_keeps_its_approvals(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    old = sqlite3.connect(settings.database)
    old.executescript(database.MIGRATIONS[0])
    old.execute("PRAGMA user_version = 1")
    plan = plan_of("say hello")
    # As the first version wrote it, which knew neither rules nor bare steps.
    body = {
        "plan_digest": plan.digest, "decision": "approve", "by": "terminal", "scope": "plan",
        "reason": "", "at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    row = (plan.digest, "2026-01-01T00:00:00+00:00", json.dumps(body))
    old.execute("INSERT INTO approvals VALUES (?, ?, ?)", row)
    old.commit()
    old.close()

    store = Store(settings)
    try:
        found = store.approval(plan.digest)
        assert found is not None
        assert (found.by, found.bare, found.rule) == ("terminal", (), None)
        assert [run for _, run in store.standing.approvals()] == [""]
        assert store.standing.rules() == []
        store.standing.remember(rule_of(base("recipe")))
        assert len(store.standing.rules()) == 1
    finally:
        store.close()


def test_the_command_lists_and_forgets() -> None:
    assert intentos(*PRIMES, "--yes", "--json").returncode == 0
    assert intentos(*PRIMES, "--json").returncode == 0  # the same plan is not asked about again
    (plan,) = json.loads(intentos("approvals", "--json").stdout)["plans"]
    assert plan["by"] == "--yes"
    assert plan["title"] in intentos("approvals", "list").stdout
    assert intentos("approvals", "forget", "nothing").returncode == 2
    assert intentos("approvals", "forget", plan["digest"][:12]).returncode == 0
    assert intentos(*PRIMES, "--json").returncode == 3
