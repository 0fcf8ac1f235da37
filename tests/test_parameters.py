"""Knobs accept what fits and say what would."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from intentos.errors import ValueOutOfRange
from intentos.parameters import Parameter
from intentos.types import Words


def knob(kind: str, default: Any, **fields: Any) -> Parameter:
    """Return a parameter."""
    return Parameter(name="knob", label=Words(en="knob"), kind=kind, default=default, **fields)


@pytest.mark.parametrize(
    ("parameter", "given_", "accepted"),
    [
        (knob("number", 1), "2.5", 2.5),
        (knob("integer", 1), "20", 20),
        (knob("integer", 1), 1e6, 1_000_000),
        (knob("integer", 1), "9007199254740993", 9007199254740993),
        (knob("integer", 1), 2**70 + 1, 2**70 + 1),
        (knob("boolean", True), "否", False),
        (knob("boolean", False), "Yes", True),
        (knob("choice", "a", choices=("a", "b")), "b", "b"),
        (knob("colour", "#FF0000"), "#00Ff7f", "#00ff7f"),
        (knob("text", ""), "$(rm -rf /)", "$(rm -rf /)"),
    ],
)
def test_accepts_its_own_kind(parameter: Parameter, given_: Any, accepted: Any) -> None:
    value = parameter.accept(given_)
    assert value == accepted
    assert type(value) is type(accepted)


@pytest.mark.parametrize(
    ("parameter", "given_", "says"),
    [
        (knob("number", 1, minimum=0, maximum=2, unit="km"), 3, "0 to 2 km"),
        (knob("number", 1, minimum=0), -1, "0 to ∞"),
        (knob("number", 1), "fast", "a number"),
        (knob("number", 1), math.nan, "a number"),
        (knob("number", 1), "1e999", "a number"),
        (knob("number", 1), True, "a number"),
        (knob("integer", 1), 2.5, "whole"),
        (knob("boolean", True), "perhaps", "yes or no"),
        (knob("choice", "a", choices=("a", "b")), "c", "a, b"),
        (knob("colour", "#ff0000"), "red; }", "#e0245e"),
        (knob("text", ""), "x" * 10_001, "10000"),
    ],
)
def test_refuses_anything_else_and_says_what_fits(
    parameter: Parameter, given_: Any, says: str
) -> None:
    with pytest.raises(ValueOutOfRange) as error:
        parameter.accept(given_)
    assert says in error.value.text("en")
    assert error.value.text("zh") != error.value.text("en")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "choice", "default": "a"},
        {"kind": "number", "default": 1, "minimum": 2, "maximum": 1},
        {"kind": "number", "default": 9, "maximum": 5},
        {"name": "Not a name", "default": 1},
        {"name": "__class__", "default": 1},
    ],
)
def test_a_knob_that_contradicts_itself_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Parameter.model_validate({"name": "knob", "label": {"en": "knob"}} | fields)


@given(st.floats(allow_nan=True, allow_infinity=True), st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_what_is_accepted_lies_in_the_range(value: float, low: float, width: float) -> None:
    parameter = knob("number", low, minimum=low, maximum=low + width)
    try:
        accepted = parameter.accept(value)
    except ValueOutOfRange:
        assert not low <= value <= low + width
    else:
        assert low <= float(accepted) <= low + width


def test_a_choice_is_said_in_the_language_of_the_sentence() -> None:
    season = Parameter(
        name="season",
        label=Words(en="Season", zh="季节"),
        kind="choice",
        default="late_autumn",
        choices=("late_autumn", "1024"),
        choice_aliases={"late_autumn": ("end of autumn", "深秋"), "1024": ("1024个采样",)},
    )
    assert season.shown("late_autumn", "zh") == "深秋"
    assert season.shown("late_autumn", "en") == "late autumn"
    assert season.shown("1024", "zh") == "1024"
