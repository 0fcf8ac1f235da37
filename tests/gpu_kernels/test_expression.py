"""What the expression language means, and what it refuses, naming the place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.errors import InvalidProgram
from intentos.gpu_kernels.expression import Kind, check_names, parse
from intentos.gpu_kernels.functions import Function
from intentos.gpu_kernels.prelude import palette

X = np.linspace(-3, 3, 64)
Y = np.linspace(2, -5, 64)
KINDS: dict[str, Kind] = {"p": "vec2", "q": "vec3"}


def value(text: str, **variables: float) -> float:
    return float(parse(text, variables).numpy(variables))


def vector(text: str, **variables: float) -> list[float]:
    found: list[float] = parse(text, variables, gives="any").numpy(variables).tolist()
    return found


def test_arithmetic_is_pythons() -> None:
    assert value("-2**2") == -4
    assert value("-7 % 3") == 2
    assert value("x**3", x=-2.0) == -8
    assert value("x**-2", x=-2.0) == 0.25
    assert value("x^2 + 1", x=3.0) == 10
    assert value("2×x² − 1", x=3.0) == 17
    assert value("1 < x < 3", x=2.0) == 1
    assert value("5 if x > 0 else 6", x=-1.0) == 6
    assert value("min(x, 1, 7, -3)", x=2.0) == -3
    assert value("cos(π)") == -1
    assert value("(x > 0) & (x < 5)", x=4.0) == 1
    assert np.isnan(value("x**0.5", x=-1.0))


def test_a_boolean_counts_as_a_number_and_a_mask_as_a_boolean() -> None:
    assert value("3 * disc(x, 0, 0, 0, 1)", x=0.5) == 3
    mask = parse("disc(x, y, 0, 0, 1) + box(x, y, 2, 2, 3, 3)", {"x", "y"}, gives="boolean")
    assert mask.wgsl().endswith("!= 0.0f)")
    inside = mask.numpy({"x": np.array([0.0, 2.5, 1.5]), "y": np.array([0.0, 2.5, 1.5])})
    assert inside.tolist() == [True, True, False]


def test_substitutions_name_the_variables_in_wgsl() -> None:
    lap = Function("lap", ("field",), "number", "lap_{0}(cell)", lambda field: field * 0 + 2)
    rate = parse("D*lap(u) + u", {"D"}, {"lap": lap}, fields=["u", "v"])
    assert rate.names == {"D", "u"}
    assert rate.wgsl({"D": "uniforms.D", "u": "here.x"}) == "((uniforms.D * lap_u(cell)) + here.x)"
    assert rate.numpy({"D": 3.0, "u": 1.0}) == 7


def test_noise_is_the_same_for_the_same_seed_only() -> None:
    field = parse("noise(9*x, 9*y) + random(x*100)", {"x", "y"})
    one, again, other = (field.numpy({"x": X, "y": Y}, seed=s) for s in (1, 1, 2))
    assert (one == again).all()
    assert (one != other).mean() > 0.9


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("", "empty", 1),
        ("x +", "syntax", 1),
        ("x + (y", "syntax", 5),
        ("().__class__", "not_allowed", 1),
        ("x + y.real", "not_allowed", 5),
        ("[x for x in y]", "not_allowed", 1),
        ("lambda: x", "not_allowed", 1),
        ("x[0]", "not_allowed", 1),
        ("'x'", "not_allowed", 1),
        ("sin(x=1)", "not_allowed", 1),
        ("sin(*x)", "not_allowed", 5),
        ("x in y", "not_allowed", 1),
        ("(y := x)", "not_allowed", 2),
        ("True.real", "not_allowed", 1),
        ("x + 变量", "unknown_name", 5),
        ("变 + x", "unknown_name", 1),
        ("x + z", "unknown_name", 5),
        ("x + __import__('os')", "unknown_function", 5),
        ("sin(x, y)", "wrong_count", 1),
        ("noise(x)", "wants_vec3", 7),
        ("noise()", "wrong_count", 1),
        ("where(x, 1, 2)", "wants_boolean", 7),
        ("1 if x else 2", "wants_boolean", 6),
        ("x and y", "wants_boolean", 1),
        ("y + x.y", "no_components", 7),
        ("(x > 0).x", "no_components", 9),
        ("vec2(x, y)", "gives_number", 1),
        ("x + q", "gives_number", 1),
        ("q > 0", "wants_number", 1),
        ("sin(p)*q.x", "gives_number", 1),
        ("(p + q).x", "mixed_vectors", 2),
        ("dot(q, p)", "mixed_vectors", 1),
        ("cross(q, x).x", "wants_vec3", 10),
        ("dot(x, y)", "wants_vector", 5),
        ("length(x + y)", "wants_vector", 8),
        ("1 + q.w", "unknown_component", 7),
        ("p.z", "unknown_component", 3),
        ("q.xg", "unknown_component", 3),
        ("q.xyzx", "unknown_component", 3),
        ("q.__class__", "unknown_component", 3),
        ("q.x.x", "no_components", 5),
        ("vec3(1, 2)", "wants_vec2", 6),
        ("vec3(p)", "wants_number", 6),
        ("vec2(1, 2, 3).x", "wrong_count", 1),
        ("normalize(vec3(0, 0, 1)/0).x", "not_finite", 11),
        ("palette('mud', x).x", "wants_palette", 1),
        ("palette(x).x", "wants_palette", 1),
        ("palette('magma', q).x", "wants_number", 18),
        ("palette(f'{x}', x)", "wants_palette", 1),
        ("f'{x}'", "not_allowed", 1),
        ("p[0]", "not_allowed", 1),
        ("{x: y}", "not_allowed", 1),
        ("[x, y]", "not_allowed", 1),
        ("x, y", "not_allowed", 1),
        ("...", "not_allowed", 1),
        ("None", "not_allowed", 1),
        ("sin(**x)", "not_allowed", 1),
        ("q.x(y)", "not_allowed", 1),
        ("await x", "not_allowed", 1),
        ("(yield x)", "not_allowed", 2),
        ("x // y", "not_allowed", 1),
        ("x @ y", "not_allowed", 1),
        ("x is y", "not_allowed", 1),
        ("x << y", "not_allowed", 1),
        ("import os", "syntax", 1),
        ("x; y", "syntax", 2),
        ("x + 1/0", "not_finite", 5),
        ("9**9**9", "not_finite", 1),
        ("1e39", "not_finite", 1),
        ("9" * 1999, "not_finite", 1),
        ("x\0", "syntax", 2),
        ("(" * 900 + "x" + ")" * 900, "syntax", 201),
        ("-" * 1900 + "x", "too_deep", 41),
        ("x" + "+x" * 900, "too_deep", 1),
        ("x**" * 600 + "x", "too_deep", 118),
        ("max(" + "x," * 900 + "x)", "too_large", 1003),
        ("x" * 2001, "too_long", None),
        ("(" * 10_000 + "x" + ")" * 10_000, "too_long", None),
    ],
)
def test_what_is_refused_and_where(text: str, code: str, column: int | None) -> None:
    with pytest.raises(InvalidProgram) as caught:
        parse(text, {"x", "y"}, kinds=KINDS)
    assert caught.value.code == f"expression.{code}"
    assert caught.value.arguments.get("column") == column
    for language in ("en", "zh"):
        assert "{" not in caught.value.text(language).replace(text[:120], "")
        assert len(caught.value.text(language)) < 900


PIECES = (
    "x y p q .x .xy .__class__ .real [0] ( ) (( )) , : := = == < ** // @ ~ ! 1e999 0x10 1_0 "
    "9999999999 \0 \n \\ ' \" f'' {x} lambda yield await *x **x (*x) in is if else for not and "
    "or None True ... sin( vec2( vec3( palette( 'magma' noise( max( × ² π ∞ ＋ 变 \u202e"
).split(" ")
HOSTILE = st.one_of(
    st.text(max_size=80),
    st.text("xypq0123456789.+-*/%()<>=,_ifelsandorotσ\\'\"[]{}:#@", max_size=80),
    st.lists(st.sampled_from(PIECES), max_size=24).map(" ".join),
    st.builds(
        lambda a, n, b: a * n + b,
        st.sampled_from(["(", "-", "x+", "sin(", "q.x*", "not "]),
        st.integers(1, 900),
        st.sampled_from(["x", "", ")", "1e308"]),
    ),
)


@settings(max_examples=600, derandomize=True, deadline=None, database=None)
@given(HOSTILE)
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    try:
        expression = parse(text, {"x", "y"}, kinds=KINDS, gives="any")
    except InvalidProgram as error:
        if not error.code.startswith("expression."):
            raise
    else:
        place = {"x": X, "y": Y, "p": np.stack([X, Y], -1), "q": np.stack([X, Y, X], -1)}
        value: Any = np.asarray(expression.numpy(place))
        vector = {"vec2": (2,), "vec3": (3,)}.get(expression.kind, ())
        assert value.shape in ((*X.shape, *vector), vector)
        assert expression.wgsl().isascii()


def test_vectors_have_components_and_numbers_count_as_vectors() -> None:
    assert vector("vec2(x, 2)*3 + 1", x=1.0) == [4, 7]
    assert vector("vec3(1, 2, 3).zyx") == [3, 2, 1]
    assert vector("vec3(1, 2, 3).bg") == [3, 2]
    assert vector("vec3(vec2(1, 2), 3) - vec3(1)") == [0, 1, 2]
    assert vector("mix(vec2(0, 1), vec2(4, 3), 0.5)") == [2, 2]
    assert vector("vec2(1, 2) if x > 0 else vec2(3, 4)", x=-1.0) == [3, 4]
    assert vector("max(vec2(x, 2), 1, vec2(0, 3))", x=5.0) == [5, 3]
    assert vector("-vec2(1, -2)**2") == [-1, -4]
    assert vector("cross(vec3(1, 0, 0), vec3(0, 1, 0))") == [0, 0, 1]
    assert vector("rotate(vec2(1, 0), pi/2)") == pytest.approx([0, 1])
    assert vector("hsv(1/3, 1, 0.5)") == pytest.approx([0, 0.5, 0])
    assert vector("normalize(vec2(3, 4))*length(vec3(2, 3, 6))") == pytest.approx([4.2, 5.6])
    assert value("distance(vec2(1, 1), vec2(4, 5)) + dot(vec2(1, 2), vec2(3, 4))") == 16
    assert (
        value("box(vec2(x, 0), vec2(0, -1), vec2(2, 1)) + disc(vec2(x, 0), vec2(1, 1), 1)", x=1.0)
        == 2
    )
    assert vector("palette('magma', x)", x=0.3) == pytest.approx(palette("magma", np.array(0.3)))


def test_what_is_wanted_decides_what_is_given() -> None:
    grey = parse("x", {"x"}, gives="vec3")
    assert grey.kind == "vec3"
    assert grey.wgsl() == "vec3f(x)"
    assert grey.numpy({"x": X}).shape == (64, 3)
    assert parse("0.25", (), gives="vec2").wgsl() == "vec2f(0.25f)"
    assert parse("x > 0", {"x"}, gives="vec2").kind == "vec2"
    assert [parse(t, {"x"}, gives="any").kind for t in ("x", "x>0", "vec2(x, 1)", "vec3(x)")] == [
        "number", "boolean", "vec2", "vec3",
    ]  # fmt: skip
    for text, wanted in [("vec2(x, x)", "vec3"), ("vec3(x)", "vec2"), ("vec3(x)", "boolean")]:
        with pytest.raises(InvalidProgram) as caught:
            parse(text, {"x"}, gives=wanted)  # type: ignore[arg-type]
        assert caught.value.code == f"expression.gives_{wanted}"


def test_a_vector_may_be_a_variable_and_a_constant_is_computed_at_once() -> None:
    place = parse("length(q - vec3(1, 2, 2 + 1)) - p.y", (), kinds=KINDS)
    assert (
        place.wgsl({"q": "at", "p": "here"}) == "(length((at - vec3f(1.0f, 2.0f, 3.0f))) - here.y)"
    )
    assert place.numpy({"q": np.array([1.0, 2, 7]), "p": np.array([0.0, 1])}) == 3
    assert parse("normalize(vec3(0, 3, 4)).z*x", {"x"}).wgsl() == "(0.8f * x)"
    assert parse(
        "vec3(1, 2, 3) + cross(vec3(1, 0, 0), vec3(0, 0, 1))", (), gives="vec3"
    ).wgsl() == ("vec3f(1.0f, 1.0f, 3.0f)")


def test_names_of_a_plan_may_not_hide_what_is_there() -> None:
    check_names(["D", "feed_rate"], taken={"x"})
    for name in ("sin", "x", "pi", "a b", "_a", "", "é"):
        with pytest.raises(InvalidProgram):
            check_names([name], taken={"x"})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2x + 3(x + 1)", "2*x + 3*(x + 1)"),
        ("(x + 1)(x - 1)", "(x + 1)*(x - 1)"),
        ("2e3x", "2000*x"),
        ("2e^x", "2*e^x"),
        ("1 if x > 2 else 3", "(1) if (x > 2) else (3)"),
        ("4π", "4*pi"),
    ],
)
def test_products_are_written_as_on_paper(written: str, meant: str) -> None:
    assert parse(written, ["x", "y"]).root == parse(meant, ["x", "y"]).root
