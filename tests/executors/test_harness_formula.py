"""Formulas inside the sandbox are read, not run."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.executors.harness_formula import formula


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x^2 + sin(2x)", 9 + math.sin(6)),
        ("y = 3(x+1)(x-1)", 24),
        ("f(x) = x² − 2x", 3),
        ("2e3x", 6000),
        ("2e^x", 2 * math.e**3),
        ("x(x+1)/2", 6),
        ("|x - 5|", 2),
        ("√x", math.sqrt(3)),
        ("1 if x > 2 else 0", 1),
        ("π*x", 3 * math.pi),
        ("ln(x) + atan2(1, x)", math.log(3) + math.atan2(1, 3)),
        ("7", 7),
    ],
)
def test_it_reads_what_people_write(text: str, expected: float) -> None:
    assert formula(text, "x")(3.0) == pytest.approx(expected)


def test_it_works_on_arrays_and_complex_numbers() -> None:
    x = np.linspace(-1, 1, 5)
    assert formula("5", "x")(x).tolist() == [5.0] * 5
    assert formula("9**9**9**9")() == math.inf
    assert np.isnan(formula("sqrt(x)", "x")(x)).sum() == 2
    assert formula("z^2 + i", "z")(1 + 1j) == pytest.approx(3j)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x +", "no formula"),
        ("__import__('os')", "not known"),
        ("x.__class__", "no part"),
        ("(lambda: 1)()", "no part"),
        ("[x]", "no part"),
        ("'a'*9", "no part"),
        ("q + x", "'q' is not known"),
        ("sin(x, 1, 2, 3, 4)", "sin"),
        ("x" * 2000, "characters"),
        ("((((" * 200, "no formula"),
    ],
)
def test_what_is_no_formula_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        formula(text, "x")


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(alphabet="xyez0123456789.+-*/^() sincolg√π|=,", max_size=30))
def test_nothing_but_a_value_error_comes_out(text: str) -> None:
    try:
        values = formula(text, "x")(np.array([0.5, 2.0]))
    except ValueError:
        return
    assert values.shape == (2,)
