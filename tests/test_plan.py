"""Plans: what their fingerprint covers, and what a plan may not be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from intentos.errors import InvalidPlan, ValueOutOfRange
from intentos.parameters import Parameter
from intentos.plan import Assumption, CheckSpec, Plan, Step
from intentos.types import Limits, Words, sha256

from .parts import plan_of

CARS = Parameter(
    name="cars", label=Words(en="cars"), kind="integer", default=500, minimum=1, maximum=1000
)
KERNEL = Step(id="s1", language="kernel", code="traffic", arguments={"cars": "$cars"})


def test_words_and_language_do_not_act() -> None:
    one = plan_of("say hi", title=Words(en="Hello"), model="small", planner="a")
    other = plan_of("say hi", title=Words(zh="你好"), origin="edited", recipe="hello")
    assert one.id != other.id
    assert one.digest == other.digest


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": (Step(id="s1", language="words", code="say ho"),)},
        {"steps": (Step(id="s1", language="words", code="say hi", needs=frozenset({"gpu"})),)},
        {"steps": (Step(id="s1", language="words", code="say hi", arguments={"a": 1}),)},
        {"steps": (Step(id="s1", language="words", code="say hi", limits=Limits(wall_time=9)),)},
        {"steps": (Step(id="s1", language="words", code="say hi", executor="x"),)},
        {"parameters": (CARS.model_copy(update={"maximum": 2000}),)},
        {"parameters": ()},
        {"checks": (CheckSpec(name="c", expect="1 == 1"),)},
    ],
)
def test_everything_that_acts_changes_the_fingerprint(changes: dict[str, Any]) -> None:
    before = plan_of("say hi", parameters=(CARS,))
    fields: dict[str, Any] = {"parameters": (CARS,)} | changes
    assert plan_of("say hi", **fields).digest != before.digest


def test_a_default_is_no_part_of_the_fingerprint() -> None:
    other = CARS.model_copy(update={"default": 7})
    before, after = (plan_of("say hi", parameters=(knob,)) for knob in (CARS, other))
    assert before.digest == after.digest


def test_a_kernels_hash_counts_and_not_what_a_file_claims_for_text_code() -> None:
    upgraded = KERNEL.model_copy(update={"code_hash": sha256(b"new")})
    assert (
        plan_of(steps=(KERNEL,), parameters=(CARS,)).digest
        != plan_of(steps=(upgraded,), parameters=(CARS,)).digest
    )
    forged = Step.model_validate(
        {"id": "s1", "language": "python", "code": "evil()", "code_hash": sha256(b"good()")}
    )
    assert forged.code_hash == sha256(b"evil()")


def test_survives_json() -> None:
    plan = plan_of(steps=(KERNEL,), parameters=(CARS,))
    again = Plan.model_validate_json(plan.model_dump_json())
    assert again == plan
    assert again.digest == plan.digest
    assert '"schema":1' in plan.model_dump_json()


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"steps": ()}, "at least 1"),
        ({"steps": (KERNEL,)}, "uses $cars"),
        ({"steps": (KERNEL, KERNEL), "parameters": (CARS,)}, "two steps"),
        ({"parameters": (CARS, CARS)}, "two parameters"),
        ({"assumptions": (Assumption(text=Words(en="x"), parameter="wind"),)}, "'wind'"),
        (
            {"steps": (Step(id="s1", language="words", code="x", inputs={"a": "later/a"}),)},
            "earlier_step",
        ),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(fields: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=None) as error:
        Plan(**(plan_of("say hi").model_dump() | fields))
    assert what in str(error.value)


def test_arguments_are_data_from_parameters() -> None:
    step = Step(
        id="s1",
        language="kernel",
        code="k",
        arguments={"n": "$cars", "in": {"deep": ["$cars", 1]}, "text": "cars"},
    )
    assert step.resolved_arguments({"cars": 3}) == {
        "n": 3,
        "in": {"deep": [3, 1]},
        "text": "cars",
    }


def test_values_are_checked_by_name_and_range() -> None:
    plan = plan_of("say hi", parameters=(CARS,))
    assert plan.accept({}) == {"cars": 500}
    assert plan.accept({"cars": "200"}) == {"cars": 200}
    with pytest.raises(InvalidPlan, match="It has: cars"):
        plan.accept({"lorries": 1})
    with pytest.raises(ValueOutOfRange, match="1 to 1000"):
        plan.accept({"cars": 1001})
