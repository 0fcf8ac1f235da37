import pytest

from intentos.planners.chance_terms import as_variables, draws
from intentos.planners.formulas import strangers, written


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("sin(x)+x*randn", "sin(x)+x*randn"),
        ("x + randn()", "x + randn"),
        ("np.random.rand() * 6", "rand * 6"),
        ("random() * 6", "rand * 6"),
        ("rand(1000) + y", "rand + y"),
        ("uniform(2, 5)", "((2) + ((5) - (2))*rand)"),
        ("normal(10, 0.5) / z", "((10) + (0.5)*randn) / z"),
    ],
)
def test_a_draw_is_a_variable(said: str, means: str) -> None:
    assert as_variables(said) == means


def test_every_draw_is_another_one() -> None:
    assert as_variables("randn() - randn() + rand()") == "randn - randn2 + rand"


def test_more_draws_than_there_are_variables_stay_unknown() -> None:
    assert as_variables("rand()+rand()+rand()+rand()").endswith("rand3+rand()")


def test_words_of_a_sentence_draw_nothing() -> None:
    assert not draws("a uniform circle of normal size, random colours")
    assert written("a random walk of normal steps") == []


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("这个公式在1000个样本下会怎样：sin(x)+x*randn", "sin(x)+x*randn"),
        ("y = x + randn() 这个公式在1000个样本下会怎样", "x + randn"),
        ("sample 3*rand() + 2 5000 times", "3*rand + 2"),
        ("what does 3*rand() do 500 times", "3*rand"),
    ],
)
def test_a_formula_with_draws_is_read_whole(text: str, formula: str) -> None:
    assert next(item.text for item in written(text)).startswith(formula)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("how does x*foo(y)+2 behave", ["foo"]),
        ("sin(x)*bar over 1000 samples", ["bar"]),
        ("2*x+gamma(x)", ["gamma"]),
        ("对 erf(x)+1 取样1000次", ["erf"]),
        ("plot x^2 - drawn in red", []),
        ("sin(x)+x*randn", []),
        ("3x*sin(x) and exp(-x)*cos(x)", []),
    ],
)
def test_names_that_nobody_knows_are_told(text: str, names: list[str]) -> None:
    assert strangers(text) == names
