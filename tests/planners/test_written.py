"""Formulas, lists, polynomials and complex numbers find their parameters."""

from __future__ import annotations

import time

import pytest

from intentos.planners.linking import link
from intentos.planners.written import coefficients

from .plans import knob

COLUMNS = (knob("data", "Data", "数据", "data 数据", "2.1 3.9 6.2", kind="text"),)
QUADRATIC = (
    knob("a", "Factor of x²", "二次项系数", "a", 1, minimum=-1000, maximum=1000),
    knob("b", "Factor of x", "一次项系数", "b", -5, minimum=-1000, maximum=1000),
    knob("c", "Constant", "常数项", "c", 6, minimum=-1000, maximum=1000),
)
COMPLEX = (
    knob("n", "Power", "次数", "n", 2, kind="integer", minimum=1, maximum=60),
    knob("real", "Real part", "实部", "real 实部", 1, minimum=-1000, maximum=1000),
    knob("imaginary", "Imaginary part", "虚部", "imaginary 虚部", 0, minimum=-1000, maximum=1000),
)
EQUATION = (
    knob("equation", "Equation", "方程", "equation 方程", "x^2 = 2", kind="expression"),
    knob("low", "From", "从", "from 从", -10, minimum=-1e6, maximum=1e6),
    knob("high", "To", "到", "to 到", 10, minimum=-1e6, maximum=1e6),
)


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("这几天卖出12、15、11、19斤", "12, 15, 11, 19"),
        ("气温18度、21度、19度", "18, 21, 19"),
        ("x = 1, 2, 3, y = 2.1, 3.9, 6.2", "1, 2, 3; 2.1, 3.9, 6.2"),
        ("y是5,9,13，x是2,4,6", "2, 4, 6; 5, 9, 13"),
        ("1 2 3 4 5 and 2 4 5 4 6", "1, 2, 3, 4, 5; 2, 4, 5, 4, 6"),
        ("五个人身高150,160,165厘米，体重45,52,58公斤", "150, 160, 165; 45, 52, 58"),
        ("the mean of 12 and 30", "12, 30"),
        ("from point (−2, 3) to point (4, −5)", "-2, 3; 4, -5"),
        ("点 (1, 1) 和 (7, 9) 之间", "1, 1; 7, 9"),
        ("y was 2, 4, 7 at x = 1, 2, 3", "1, 2, 3; 2, 4, 7"),
        ("we sold 20, 34, 50, 65 at 18, 22, 26, 30 degrees", "18, 22, 26, 30; 20, 34, 50, 65"),
        ("50 sparrows, 30 pigeons, 15 magpies and 5 jays", "50, 30, 15, 5"),
        ("麻雀50只，鸽子30，喜鹊15，白头鹎5", "50, 30, 15, 5"),
        ("收入2千、3千、2.2万", "2000, 3000, 22000"),
        ("收入1、2、3万", "10000, 20000, 30000"),
        ("salaries of 2k, 3k and 5k", "2000, 3000, 5000"),
    ],
)
def test_lists_are_columns(text: str, data: str) -> None:
    links = link(text, COLUMNS)
    assert links.values == {"data": data}


def test_how_many_there_are_is_no_number_of_its_own() -> None:
    assert link("60 throws: 5, 8, 9, 8, 10, 20", COLUMNS).unused == []
    assert link("3 people: 150, 160 and 165 cm", COLUMNS).unused == []
    assert [m.text for m in link("4 people: 150, 160, 165 cm", COLUMNS).unused] == ["4"]


def test_semicolons_part_lists() -> None:
    groups = (knob("data", "Groups", "分组", "groups 组", "1 2 3; 4 5 6", kind="text"),)
    text = "compare 20 22 19; 25 27 26; 18 17 20"
    assert link(text, groups).values == {"data": "20, 22, 19; 25, 27, 26; 18, 17, 20"}


POWER = (
    knob("number", "Number", "底数", "number of 底数 的", 0, kind="integer", maximum=10**9),
    knob("exponent", "Exponent", "指数", "exponent power 次方", 0, kind="integer", maximum=5000),
)
CURVES = (
    knob("first", "One curve", "一条曲线", "curve 曲线", "x^2 - 4", kind="expression"),
    knob("second", "Other curve", "另一条曲线", "line 直线", "0", kind="expression"),
)


@pytest.mark.parametrize(
    ("text", "number", "exponent"),
    [
        ("last digit of 3^100", 3, 100), ("7 to the power 30", 7, 30),
        ("12 to the 8th power", 12, 8),
        ("二的六十四次方", 2, 64), ("2的100次方的末位", 2, 100), ("7¹² exactly", 7, 12),
        ("5**20", 5, 20),
    ],
)  # fmt: skip
def test_a_power_is_read_with_its_exponent(text: str, number: int, exponent: int) -> None:
    links = link(text, POWER)
    assert links.values == {"number": number, "exponent": exponent}
    assert links.unused == []


@pytest.mark.parametrize(
    ("text", "second"), [("y = x^2 and y = x", "x"), ("y=x^2 和 y=4 之间", "4")]
)
def test_the_second_of_two_curves_may_be_a_plain_line(text: str, second: str) -> None:
    assert link(text, CURVES).values == {"first": "x^2", "second": second}


def test_lines_of_demand_and_supply_are_formulas() -> None:
    assert link("Q = 120 - 4p and Q = 20 + 6p", CURVES).values == {
        "first": "120 - 4p",
        "second": "20 + 6p",
    }


@pytest.mark.parametrize(
    ("formula", "factors"),
    [
        ("3x^2 + 4x - 7", {2: 3, 1: 4, 0: -7}),
        ("x² - 6x + 8 = 0", {2: 1, 1: -6, 0: 8}),
        ("2x^2 = 8", {2: 2, 0: -8}),
        ("-x^2 + 0.5x", {2: -1, 1: 0.5}),
        ("x*y + 1", None),
        ("sin(x)", None),
        ("2^x", None),
    ],
)
def test_factors_of_polynomials(formula: str, factors: dict[int, float] | None) -> None:
    assert coefficients(formula) == factors


def test_a_quadratic_equation_is_taken_apart_and_a_cubic_is_not() -> None:
    assert link("solve 3x^2 + 4x - 7 = 0", QUADRATIC).values == {"a": 3, "b": 4, "c": -7}
    cubic = link("solve x^3 - 6x + 1 = 0", QUADRATIC)
    assert cubic.unread == ["x^3 - 6x + 1 = 0"]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("c = -0.8 + 0.156i", {"real": -0.8, "imaginary": 0.156}),
        ("取c=-0.4+0.6i", {"real": -0.4, "imaginary": 0.6}),
        ("(3+4i)^5", {"real": 3, "imaginary": 4, "n": 5}),
        ("(3+4i) to the power of 5", {"real": 3, "imaginary": 4, "n": 5}),
        ("3-2i的4次方", {"real": 3, "imaginary": -2, "n": 4}),
        ("z^4 = 16", {"real": 16, "n": 4}),
        ("2i", {"real": 0, "imaginary": 2}),
    ],
)
def test_complex_numbers(text: str, values: dict[str, object]) -> None:
    assert link(text, COMPLEX).values == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("does cos(x) equal x itself", {"equation": "cos(x) - (x)"}),
        ("cos(x) 跟 x 正好相等", {"equation": "cos(x) - (x)"}),
        ("解方程 2^x 和 x+3 相等", {"equation": "2^x - (x+3)"}),
        ("x的立方等于x加5", {"equation": "x^3 - (x+5)"}),
        ("x的平方乘e的负x次方，从0积到3", {"equation": "x^2*e^(-x)", "low": 0, "high": 3}),
        ("x squared times e to the minus x from 0 to 5",
         {"equation": "x^2*e^(-x)", "low": 0, "high": 5}),
        ("when are ln(x) and 2 - x equal", {"equation": "ln(x) - (2 - x)"}),
        ("sin(x)的平方从0到π", {"equation": "sin(x)^2", "low": 0, "high": 3.141592653589793}),
        ("根号x在1到4之间", {"equation": "sqrt(x)", "low": 1, "high": 4}),
        ("1/x between 1 and e", {"equation": "1/x", "low": 1, "high": 2.718281828459045}),
    ],
)  # fmt: skip
def test_equations_said_in_words(text: str, values: dict[str, object]) -> None:
    assert link(text, EQUATION).values == values


def test_a_solution_begins_at_a_point_and_is_asked_for_at_another() -> None:
    knobs = (
        knob("slope", "Slope", "斜率", "slope", "x - y", kind="expression"),
        *(knob(n, n, n, n, 1, minimum=-99, maximum=99) for n in ("x0", "y0", "end")),
    )
    for text in ("y' = y - x², y(0) = 0.5, find y(2)", "y'=y-x^2，y(0)=0.5，求x=2时的y"):
        values = link(text, knobs).values
        assert {n: values[n] for n in ("x0", "y0", "end")} == {"x0": 0, "y0": 0.5, "end": 2}
        assert str(values["slope"]).replace(" ", "") == "y-x^2"


def test_the_degree_of_an_equation_is_its_power() -> None:
    degree = knob("degree", "Degree", "次数", "degree", 5, kind="integer", minimum=2, maximum=9)
    for text in ("用牛顿法解z³=1的分形", "Newton fractal of z^3 = 1"):
        assert link(text, (degree,)).values == {"degree": 3}


@pytest.mark.parametrize("text", ["x and y " * 300, "x和y" * 600, "1, " * 800, "(" * 2000])
def test_long_and_odd_texts_are_read_in_time(text: str) -> None:
    began = time.perf_counter()
    link(text, EQUATION)
    assert time.perf_counter() - began < 10


def test_one_of_two_lists_is_half_of_what_was_meant() -> None:
    pair = tuple(COLUMNS[0].model_copy(update={"name": name}) for name in ("left", "right"))
    assert link("[[1, 2], [3, 4]] squared", pair).unread == ["right"]
    assert link("[[1, 2], [3, 4]] by [[0, 1], [1, 0]]", pair).unread == []
