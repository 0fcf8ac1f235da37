"""A rule covers what it was made from and what asks for less, and nothing that asks for more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.parameters import Parameter
from intentos.plan import Plan, Slot, Step
from intentos.registry import OWN_DISTRIBUTION
from intentos.risk import Circumstances, Place
from intentos.rules import Rule, rule_for
from intentos.types import Limits, Origin, Words

from .parts import plan_of

SANDBOX = Place(executor="sandbox", isolation="sandbox")
KNOWN = Circumstances(brought_by=OWN_DISTRIBUTION, places={"s": SANDBOX})
CARS = Parameter(
    name="cars", label=Words(en="cars"), kind="integer", default=5, minimum=1, maximum=100
)
BASE: dict[Origin, Step] = {
    "recipe": Step(id="s", language="python", code="import math\nreport('x', 1)"),
    "generated": Step(id="s", language="python", code="import math, numpy\nreport('x', 1)"),
    "composed": Step(
        id="s", language="kernel", code="pixels", code_hash="a" * 64,
        arguments={"colour": "x"}, needs=frozenset({"gpu"}),
    ),
}  # fmt: skip


def base(origin: Origin) -> Plan:
    """Return a plan that a rule is made from."""
    return plan_of(steps=(BASE[origin],), origin=origin, recipe="primes", parameters=(CARS,))


def step(plan: Plan, **changes: Any) -> Plan:
    """Return the plan with its step changed."""
    changed = Step.model_validate(plan.steps[0].model_dump() | changes)
    return plan.model_copy(update={"steps": (changed,)})


def rule_of(plan: Plan) -> Rule:
    """Return the rule that *always* saves for a plan."""
    rule = rule_for(plan, KNOWN, run="r")
    assert rule is not None
    return rule


def limits(plan: Plan, **changes: Any) -> Plan:
    """Return the plan with other limits."""
    return step(plan, limits=plan.steps[0].limits.model_dump() | changes)


def parameter(plan: Plan, **changes: Any) -> Plan:
    """Return the plan with its knob changed."""
    changed = Parameter.model_validate(CARS.model_dump() | changes)
    return plan.model_copy(update={"parameters": (changed,)})


EVERY: list[Origin] = ["recipe", "generated", "composed"]
WIDER: dict[str, Callable[[Plan], Plan]] = {
    "network": lambda p: step(p, needs=[*p.steps[0].needs, "network"]),
    "files": lambda p: step(p, needs=[*p.steps[0].needs, "read_files"]),
    "time": lambda p: limits(p, wall_time=p.steps[0].limits.wall_time + 1),
    "memory": lambda p: limits(p, memory_bytes=p.steps[0].limits.memory_bytes + 1),
    "processes": lambda p: limits(p, processes=33),
    "output": lambda p: limits(p, output_bytes=1_000_001),
    "artifacts": lambda p: limits(p, artifact_bytes=256 * 1024**2 + 1),
    "executor": lambda p: step(p, executor="other"),
    "earlier run": lambda p: step(p, inputs={"a": f"run:{'0' * 26}/a.csv"}),
    "attachment": lambda p: p.model_copy(update={"attachments": (Slot(name="t", kind="table"),)}),
    "more steps": lambda p: p.model_copy(
        update={"steps": (*p.steps, p.steps[0].model_copy(update={"id": "t"}))}
    ),
    "edited": lambda p: p.model_copy(update={"origin": "edited"}),
    "another origin": lambda p: p.model_copy(
        update={"origin": "generated" if p.origin == "recipe" else "recipe"}
    ),
}


@pytest.mark.parametrize("origin", EVERY)
def test_a_rule_covers_the_plan_that_it_was_made_from(origin: Origin) -> None:
    plan = base(origin)
    rule = rule_of(plan)
    assert rule.covers(plan, KNOWN)
    assert Rule.model_validate_json(rule.model_dump_json()) == rule
    assert Rule.model_validate_json(rule.model_dump_json()).id == rule.id


@pytest.mark.parametrize("origin", EVERY)
@pytest.mark.parametrize("how", WIDER)
def test_a_request_that_widens_anything_is_never_covered(origin: Origin, how: str) -> None:
    plan = base(origin)
    assert not rule_of(plan).covers(WIDER[how](plan), KNOWN)


@given(
    origin=st.sampled_from(EVERY),
    deltas=st.fixed_dictionaries(
        {
            "wall_time": st.integers(-60, 60),
            "memory_bytes": st.integers(-(2**30), 2**31),
            "processes": st.integers(-31, 64),
            "output_bytes": st.integers(-900_000, 10**6),
            "artifact_bytes": st.integers(-(10**6), 10**6),
        }
    ),
    low=st.integers(-50, 50),
    high=st.integers(-49, 1000),
    needs=st.sets(st.sampled_from(["gpu", "network", "read_files", "write_files"])),
    imports=st.sets(st.sampled_from(["math", "numpy", "scipy", "json", "os", "foo"])),
)
def test_covered_means_no_more_than_before_in_any_respect(
    origin: Origin,
    deltas: dict[str, int],
    low: int,
    high: int,
    needs: set[Any],
    imports: set[str],
) -> None:
    plan = base(origin)
    rule = rule_of(plan)
    before = plan.steps[0]
    code = before.code
    if origin == "generated":
        code = "".join(f"import {name}\n" for name in sorted(imports)) + "report('x', 2)"
    minimum, maximum = min(5, 1 + low), max(5, 100 + high)  # the default stays inside
    asked = parameter(
        limits(
            step(plan, needs=sorted(needs), code=code, code_hash=before.code_hash),
            **{name: getattr(before.limits, name) + delta for name, delta in deltas.items()},
        ),
        minimum=minimum,
        maximum=maximum,
    )
    no_wider = (
        all(delta <= 0 for delta in deltas.values())
        and asked.needs <= plan.needs
        and (origin != "generated" or imports <= {"math", "numpy"})
        and (origin != "recipe" or (minimum >= 1 and maximum <= 100))
    )
    assert rule.covers(asked, KNOWN) == no_wider


def test_the_gpu_is_a_need_like_any_other() -> None:
    plan = base("generated")
    assert not rule_of(plan).covers(step(plan, needs=["gpu"]), KNOWN)
    assert rule_of(step(plan, needs=["gpu"])).covers(plan, KNOWN)


def test_a_recipe_is_covered_with_these_very_steps_only() -> None:
    plan = base("recipe")
    rule = rule_of(plan)
    assert not rule.covers(step(plan, code="import math\nreport('x', 2)"), KNOWN)
    assert not rule.covers(step(plan, arguments={"n": 2}), KNOWN)
    assert not rule.covers(plan.model_copy(update={"recipe": "other"}), KNOWN)
    assert not rule.covers(parameter(plan, unit="km"), KNOWN)
    assert not rule.covers(parameter(plan, maximum=None), KNOWN)
    assert rule.covers(parameter(plan, minimum=2, default=3), KNOWN)
    for brought_by in (None, "", "intentos-cats"):  # not the library's, whatever it calls itself
        theirs = Circumstances(brought_by=brought_by, places={"s": SANDBOX})
        assert not rule.covers(plan, theirs)


def test_formulas_are_covered_on_the_same_kernel_as_it_is_now() -> None:
    plan = base("composed")
    rule = rule_of(plan)
    assert rule.covers(step(plan, arguments={"colour": "y + 1"}), KNOWN)
    assert not rule.covers(step(plan, code="field"), KNOWN)
    assert not rule.covers(step(plan, code_hash="b" * 64), KNOWN)


def test_code_is_covered_with_the_same_imports_and_no_way_around_them() -> None:
    plan = base("generated")
    rule = rule_of(plan)
    assert rule.covers(step(plan, code="import numpy\nreport('y', 3)"), KNOWN)
    for code in ("import scipy", "eval('1')", "import numpy.ctypeslib", "def", "import math.x"):
        assert not rule.covers(step(plan, code=code), KNOWN), code


def test_weaker_walls_or_another_executor_are_not_covered() -> None:
    plan = base("generated")
    rule = rule_of(plan)
    for place in (
        Place(executor="sandbox", isolation="container"),
        Place(executor="sandbox", isolation="process"),
        Place(executor="other", isolation="sandbox"),
        Place(executor="sandbox", isolation="sandbox", package="stranger"),
    ):
        known = Circumstances(brought_by=OWN_DISTRIBUTION, places={"s": place})
        assert not rule.covers(plan, known), place


@pytest.mark.parametrize(
    "plan",
    [
        base("recipe").model_copy(update={"origin": "edited"}),
        base("recipe").model_copy(update={"recipe": None}),
        step(base("generated"), code="import os"),
        step(base("generated"), needs=["network"]),
        step(base("generated"), language="sql"),
    ],
)
def test_no_rule_is_offered_where_none_could_be_exact(plan: Plan) -> None:
    assert rule_for(plan, KNOWN, run="r") is None


@pytest.mark.parametrize("origin", EVERY)
def test_a_rule_says_in_both_languages_what_it_covers(origin: Origin) -> None:
    rule = rule_of(base(origin))
    named = {"recipe": "primes", "generated": "math, numpy", "composed": "pixels"}[origin]
    for language in ("en", "zh"):
        words = rule.words(language)
        for part in (named, rule.id, "120", "2048"):
            assert part in words, (part, words)
    assert rule.words("en") != rule.words("zh")


def test_the_sentence_shows_no_less_than_the_rule() -> None:
    tabled = base("generated").model_copy(update={"attachments": (Slot(name="t", kind="table"),)})
    assert "files that you hand in" in rule_of(tabled).words("en")
    assert "files that you hand in" not in rule_of(base("generated")).words("en")


def test_the_same_scope_has_the_same_id_whatever_it_is_called() -> None:
    plan = base("recipe")
    named = plan.model_copy(update={"title": Words(en="Another title")})
    assert rule_of(plan).id == rule_of(named).id
    assert rule_of(plan).id != rule_of(limits(plan, wall_time=7)).id


def test_limits_of_several_steps_are_compared_one_by_one() -> None:
    first = BASE["generated"].model_copy(update={"id": "a", "limits": Limits(wall_time=10)})
    second = first.model_copy(update={"id": "b", "limits": Limits(wall_time=20)})
    two = plan_of(steps=(first, second), origin="generated")
    known = Circumstances(places={"a": SANDBOX, "b": SANDBOX})
    rule = rule_for(two, known, run="r")
    assert rule is not None
    assert rule.covers(plan_of(steps=(first,), origin="generated"), known)
    assert not rule.covers(limits(plan_of(steps=(first,), origin="generated"), wall_time=21), known)
