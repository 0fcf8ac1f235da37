"""Formulas and lists of numbers are found in what people write."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.planners.formulas import written


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("plot x^2 - 3x + 1", "x^2 - 3x + 1"),
        ("draw the graph of y = sin(x)/x from -10 to 10", "sin(x)/x"),
        ("画出 y = x^3 - 2x 在 -3 到 3 之间的图像", "x^3 - 2x"),
        ("画函数f(x)=e^(-x^2)的图像", "e^(-x^2)"),
        ("solve x^2 - 5x + 6 = 0", "x^2 - 5x + 6"),
        ("求方程 cos(x) = x 的根", "cos(x) - (x)"),
        ("integrate x squared from 0 to 3", "x^2"),
        ("x的平方加3的图像", "x^2+3"),
        ("the derivative of x cubed at x = 2", "x^3"),
        ("这个公式 sqrt(x**2 + y**2) < 1 在1000个样本下会怎样", "sqrt(x**2 + y**2) < 1"),
        ("what does sin(x)*cos(y) look like as a surface", "sin(x)*cos(y)"),
        ("a plot of 2x+1", "2x+1"),
        ("x的三次方减x", "x^3-x"),
        ("plot sin x", "sin(x)"),
        ("area under x·sin x between 0 and pi", "x*sin(x)"),
        ("plot 2 sin x cos x", "2 sin(x) cos(x)"),
        ("a sine wave y = sin 3x", "sin(3x)"),
        ("ln x / x", "ln(x) / x"),
        ("解 y' = y - x²", "y - x^2"),
        ("x的三次方减2x再减5等于0", "x^3-2x-5"),
        ("1+2i的五次方，模是多少", "(1+2i)^5"),
        ("graph |x - 2|", "|x - 2|"),
        ("simulate z = x*y over 5000 samples", "x*y"),
    ],
)
def test_a_formula_is_found(text: str, formula: str) -> None:
    assert [w.text for w in written(text) if w.kind == "formula"] == [formula]


@pytest.mark.parametrize(
    "text",
    [
        "how much does it cost to fill a tank", "a sink that sings", "掷骰子，一点到六点",
        "a ball thrown at 20 m/s", "three-body problem", "3D garden", "I want a heart",
        "traffic with 500 cars at 60 km/h", "50-50 chance", "A/B test", "9选3有多少种选法",
        "每小时60公里", "plan B", "draw a rotating heart - please", "x", "the letter x",
        "24/7 shop", "2026-11-22 到 2027-01-01", "the moon (at night)", "1/4 of a pie",
    ],
)  # fmt: skip
def test_sentences_are_no_formulas(text: str) -> None:
    assert [w for w in written(text) if w.kind == "formula"] == []


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("the mean of 2, 4, 4, 5 and 9", "2, 4, 4, 5, 9"),
        ("求 3、5、8、13 的平均数", "3, 5, 8, 13"),
        ("sort 5 3 9 1 please", "5, 3, 9, 1"),
        ("fit a line to (1, 2), (2, 3.9), (3, 6.1)", "1, 2; 2, 3.9; 3, 6.1"),
        ("用(1,2)和(3,4)拟合一条直线", "1, 2; 3, 4"),
        ("数据：-1.5，2，3.25", "-1.5, 2, 3.25"),
    ],
)
def test_a_list_of_numbers_is_found(text: str, numbers: str) -> None:
    assert [w.text for w in written(text) if w.kind == "list"] == [numbers]


def test_places_are_those_of_the_text() -> None:
    text = "画出 x的平方 的图像"
    (found,) = written(text)
    assert text[found.start : found.end] == "x的平方"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_every_text_can_be_read(text: str) -> None:
    for found in written(text):
        assert 0 <= found.start < found.end <= len(text)


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("which x makes exp(-2x) the same as x", "exp(-2x) - (x)"),
        ("3^x=50 x是多少", "3^x - (50)"),
        ("e to the i pi", "e^(i*pi)"),
        ("e的iπ次方", "e^(i*π)"),
        ("the size of 7-24i", "7-24i"),
        ("draw x^2 + 2 x 从0到1", "x^2 + 2 x"),
    ],
)
def test_what_is_said_with_a_formula_keeps_out_of_it(text: str, formula: str) -> None:
    assert [w.text for w in written(text) if w.kind == "formula"] == [formula]


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("graph of x cubed plus two x", "x^3+2x"),
        ("y equals half x squared", "0.5*x^2"),
        ("the absolute value of cosine", "abs(cos(x))"),
        ("x的平方减两x", "x^2-2x"),
        ("there are two x and y chromosomes", None),
    ],
)
def test_factors_may_be_words(text: str, formula: str | None) -> None:
    found = [item.text.replace(" ", "") for item in written(text) if item.kind == "formula"]
    assert found == ([] if formula is None else [formula])
