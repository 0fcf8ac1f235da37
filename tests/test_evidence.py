"""A plan's own check counts for what it can find wrong, and for who wrote it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from intentos.checks import badge, judge
from intentos.plan import CheckSpec, Plan, Step
from intentos.run import StepResult, StepStatus
from intentos.types import Quantity

from .parts import plan_of


def said(step: str, **values: Any) -> StepResult:
    """Return the result of a step that reported these values."""
    moment = datetime.now(UTC)
    quantities = {name: Quantity(value=value) for name, value in values.items()}
    return StepResult(
        step_id=step, executor="test", status=StepStatus.OK, values=quantities,
        started_at=moment, finished_at=moment,
    )  # fmt: skip


def judged(
    expect: str, *results: StepResult, vouched: bool = True, kind: str = "oracle", **plan: Any
) -> tuple[str, str]:
    """Return (kind, status) of a plan's one check, and the badge that it alone would give."""
    spec = CheckSpec(name="c", kind=kind, expect=expect)
    made = plan_of("say one", "say two", **({"checks": (spec,)} | plan))
    quantities = {name: q for result in results for name, q in result.values.items()}
    (check,) = judge(made, {"cars": 500}, quantities, results=results, vouched=vouched)
    return check.kind, check.status


@pytest.mark.parametrize(
    "expect",
    [
        "true",
        "1 == 1",
        "cars == 500",  # a parameter is no result
        "n == n",
        "n - n < 1",
        "n * 0 == 0",
        "abs(n) >= 0",
        "n * n >= 0",
        "n > 0 or true",
        "n < 10 or n >= 10",
        "isfinite(n)",
        "abs(n - m) >= 0",
        "n < m or n >= m",
        "n < 1e300",
    ],
)
def test_what_cannot_fail_says_nothing(expect: str) -> None:
    assert judged(expect, said("s1", n=7, m=7.5)) == ("oracle", "unknown")


@pytest.mark.parametrize(
    "expect",
    ["n == 7", "abs(n - m) < 1", "n > 0", "n > 0 and m < 10", "good", "word == 'yes'", "n != 0"],
)
def test_what_can_fail_is_evidence(expect: str) -> None:
    results = said("s1", n=7, m=7.5, good=True, word="yes")
    assert judged(expect, results) == ("oracle", "passed")


def test_only_a_generic_check_may_ask_for_finite_numbers() -> None:
    assert judged("isfinite(n)", said("s1", n=7.0), kind="generic") == ("generic", "passed")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, [1.0, math.nan]])
def test_no_check_passes_on_what_is_no_number(number: Any) -> None:
    assert judged("not (n > 0.01)", said("s1", n=number)) == ("oracle", "failed")


def test_an_unknown_name_counts_where_or_would_have_stopped_before_it() -> None:
    assert judged("n == 7 or missing == 1", said("s1", n=7)) == ("oracle", "unknown")


@pytest.mark.parametrize("expect", ["n - m", "'yes'", "n", "max(n, m)"])
def test_a_number_or_a_text_is_no_verdict(expect: str) -> None:
    # Of two numbers that differ the difference is "true" for Python.
    assert judged(expect, said("s1", n=7, m=5))[1] == "unknown"


def test_a_strangers_check_is_no_more_than_generic() -> None:
    assert judged("n == 7", said("s1", n=7), vouched=False) == ("generic", "passed")
    assert judged("n == 8", said("s1", n=7), vouched=False) == ("generic", "failed")


@pytest.mark.parametrize("origin", ["edited", "generated"])
def test_a_program_cannot_vouch_for_itself(origin: str) -> None:
    # The model, or whoever edited the plan, wrote the number and what it is compared with.
    results = said("s1", n=7, exact=7)
    assert judged("n == exact", results, origin=origin) == ("generic", "passed")


def test_two_programs_that_agree_are_evidence() -> None:
    one, other = said("s1", n=7), said("s2", n_vote=7)
    assert judged("abs(n - n_vote) <= 0", one, other, origin="generated") == ("oracle", "passed")


def test_a_program_that_also_speaks_for_the_other_is_not_believed() -> None:
    # The second reports under the first one's name, so that both are its own number.
    one, other = said("s1", n=5), said("s2", n=7, n_vote=7)
    kind, _ = judged("abs(n - n_vote) <= 0", one, other, origin="generated")
    assert kind == "generic"


def test_one_program_run_twice_does_not_agree_with_itself() -> None:
    steps = tuple(Step(id=f"s{k}", language="words", code="say one") for k in (1, 2))
    one, other = said("s1", n=7), said("s2", n_vote=7)
    found = judged("n == n_vote", one, other, origin="generated", steps=steps)
    assert found == ("generic", "passed")


def test_where_nothing_could_be_decided_nothing_was_checked() -> None:
    plan: Plan = plan_of("say hi", checks=(CheckSpec(name="c", kind="oracle", expect="true"),))
    assert badge("recipe", judge(plan, {}, {}), accounted=True) == "unchecked"
