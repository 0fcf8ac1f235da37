"""Badges are never kinder than their evidence."""

from __future__ import annotations

from typing import Any

import pytest

from intentos.checks import answer, badge, judge, presented
from intentos.plan import CheckSpec
from intentos.types import Check, Quantity, Words

from .parts import plan_of


def check(kind: str, status: str) -> Check:
    """Return a judged check."""
    return Check.model_validate({"name": "c", "kind": kind, "status": status})


@pytest.mark.parametrize(
    ("origin", "checks", "accounted", "expected"),
    [
        ("recipe", [("physical", "passed")], True, "verified"),
        ("recipe", [("physical", "passed")], False, "plausible"),
        ("recipe", [("generic", "passed")], True, "plausible"),
        ("recipe", [("physical", "passed"), ("generic", "failed")], True, "failed"),
        ("recipe", [("physical", "passed"), ("oracle", "unknown")], True, "plausible"),
        ("recipe", [], True, "unchecked"),
        ("generated", [("generic", "passed")], True, "unchecked"),
        ("generated", [("physical", "passed")], True, "unchecked"),
        ("generated", [("oracle", "passed")], True, "verified"),
        ("composed", [], True, "unchecked"),
        ("edited", [("physical", "passed")], True, "unchecked"),
    ],
)
def test_badge(origin: str, checks: list[tuple[str, str]], accounted: bool, expected: str) -> None:
    assert badge(origin, [check(*pair) for pair in checks], accounted=accounted) == expected


@pytest.mark.parametrize(
    ("expect", "status"),
    [
        ("cars_end == cars", "passed"),
        ("cars_end == cars + 1", "failed"),
        ("1 / (cars - 500) > 0", "failed"),
        ("trams == 1", "unknown"),
    ],
)
def test_a_plans_checks_are_judged_with_their_numbers(expect: str, status: str) -> None:
    plan = plan_of("say hi", checks=(CheckSpec(name="c", expect=expect),))
    (judged,) = judge(plan, {"cars": 500}, {"cars_end": Quantity(value=500)})
    assert judged.status == status
    assert judged.detail


@pytest.mark.parametrize(
    ("template", "language", "expected"),
    [
        (Words(en="{n} primes", zh="{n} 个素数"), "zh", "78498 个素数"),
        (Words(en="{n:,} primes"), "zh", "78,498 primes"),
        (Words(en="{missing} stays"), "en", "{missing} stays"),
        (Words(en="{n.__class__}"), "en", "{n.__class__}"),
        (Words(), "en", "n: 78498"),
    ],
)
def test_the_answer_holds_the_numbers(template: Words, language: str, expected: str) -> None:
    plan = plan_of("say hi", answer=template)
    quantities: dict[str, Any] = {"n": Quantity(value=78498)}
    assert answer(plan, {}, quantities, language) == expected


def test_an_answer_without_a_template_calls_the_numbers_in_the_persons_language() -> None:
    plan = plan_of("say hi", labels={"stops": Words(en="Stops", zh="停车次数")})
    speed = Quantity(value=42.5, unit="km/h")
    quantities = {"mean_speed": speed, "stops": Quantity(value=3)}
    assert answer(plan, {}, quantities, "zh") == "平均速度：42.5 km/h；停车次数：3"
    assert answer(plan, {}, quantities, "en") == "Mean speed: 42.5 km/h; Stops: 3"


def test_what_fails_its_checks_is_told_as_a_failure() -> None:
    title = Words(en="Energy is kept", zh="能量守恒")
    bad = Check(name="energy", title=title, kind="physical", status="failed")
    for language, words in (("en", "Energy is kept"), ("zh", "能量守恒")):
        told = presented("It is 5.", [check("oracle", "passed"), bad], {}, language)
        assert told != "It is 5."
        assert words in told
        assert "It is 5." in told  # what is known all the same
    assert presented("It is 5.", [check("oracle", "passed")], {}, "en") == "It is 5."


@pytest.mark.parametrize("origin", ["recipe", "composed", "generated", "edited"])
def test_nothing_unaccounted_for_is_verified(origin: str) -> None:
    every = [check(kind, "passed") for kind in ("generic", "physical", "oracle")]
    assert badge(origin, every, accounted=True) == "verified"
    assert badge(origin, every, accounted=False) == "plausible"
