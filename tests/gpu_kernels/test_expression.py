"""One line of arithmetic means the same in WGSL (float32, on wgpu) and in NumPy (float64)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intentos.bindings import fold_seed
from intentos.errors import InvalidProgram
from intentos.executors.gpu import ProgramRunner
from intentos.gpu_kernels.expression import (
    Expression,
    Name,
    Node,
    Number,
    check_names,
    parse,
)
from intentos.gpu_kernels.functions import FUNCTIONS, Function
from intentos.gpu_kernels.prelude import prelude_wgsl
from intentos.program import Buffer, GpuProgram, Output, Pass

POINTS = 64
SEED = 7


def on_gpu(expressions: list[Expression], x: Any, y: Any) -> Any:
    """Return all expressions at all points: float32, shape (expressions, points)."""
    rows = [
        f"  out[{i * POINTS}u + p] = {e.wgsl({'x': 'x', 'y': 'y'})};"
        for i, e in enumerate(expressions)
    ]
    count = len(expressions) * POINTS
    # The points come through a buffer, so that no compiler may compute anything beforehand.
    points = [
        f"  points[{i}u] = {float(v)!r}f;" for i, v in enumerate([*np.asarray(x), *np.asarray(y)])
    ]
    source = (
        prelude_wgsl()
        + "@compute @workgroup_size(1) fn give() {\n"
        + "\n".join(points)
        + f"\n}}\n@compute @workgroup_size({POINTS})\n"
        + "fn evaluate(@builtin(global_invocation_id) id: vec3u) {\n  let p = id.x;\n"
        + f"  let x = points[p];\n  let y = points[p + {POINTS}u];\n"
        + "\n".join(rows)
        + "\n}\n"
    )
    program = GpuProgram(
        source=source,
        buffers=(
            Buffer(name="points", type="f32", length=2 * POINTS),
            Buffer(name="out", type="f32", length=count),
        ),
        start=(
            Pass(entry="give", dispatch=(1, 1, 1)),
            Pass(entry="evaluate", dispatch=(1, 1, 1)),
        ),
        outputs=(
            Output(buffer="out", name="out", dtype="float32", shape=(len(expressions), POINTS)),
        ),
        width=1,
        height=1,
        frames=1,
    )
    runner = ProgramRunner(program, {}, SEED)
    assert len(list(runner.frames())) == 1
    return runner.outputs()["out"]


SAMPLES = np.random.default_rng(3)
X = SAMPLES.uniform(-3, 3, POINTS).astype(np.float32)
Y = SAMPLES.uniform(-3, 3, POINTS).astype(np.float32)

# What WGSL's own functions may be off by, relative to max(1, |value|); arithmetic is exact to
# half a unit in the last place, but a fused multiply-add may round once less.
ROUNDING = 2.0**-22
ROUGH = 2.0**-17
EXACT = {"+", "-", "*", " neg", " number", "abs", "min", "max", "where", "sign", "floor", "ceil"}


def perturbed(node: Node, inputs: dict[str, Any], noise: Any, sizes: list[Any]) -> Any:
    """Evaluate in float64 with every intermediate result off by as much as float32 may be."""
    if isinstance(node, Number):
        if float(np.float32(node.value)) == node.value:
            return node.value
        return node.value * (1 + noise.uniform(-1, 1, X.shape) * ROUNDING)
    if isinstance(node, Name):
        return inputs[node.name]
    values = [perturbed(a, inputs, noise, sizes) for a in node.arguments]
    if node.function.seeded:
        values.append(fold_seed(SEED))
    with np.errstate(all="ignore"):
        value = node.function.numpy(*values)
    if node.kind == "boolean":
        return value
    sizes.append(np.broadcast_to(np.abs(value), X.shape))
    exact = node.function.name in EXACT
    scale = np.abs(value) if exact else np.maximum(1, np.abs(value))
    off = scale * noise.uniform(-1, 1, X.shape)
    return value + off * (ROUNDING if exact else ROUGH)


def tolerance(expression: Expression, exact: Any) -> Any:
    """Return how far off float32 may be at each point; NaN where the point is ill-conditioned."""
    inputs = {"x": X.astype(np.float64), "y": Y.astype(np.float64)}
    noise = np.random.default_rng(11)
    spread = np.zeros(POINTS)
    fits = np.isfinite(exact)
    with np.errstate(all="ignore"):
        for _ in range(12):
            sizes: list[Any] = []
            value = perturbed(expression.root, inputs, noise, sizes)
            spread = np.maximum(spread, np.abs(value - exact))
            for size in sizes:
                fits &= (size < 1e18) & ((size == 0) | (size > 1e-18))
        allowed = 6 * spread + 1e-6 * np.maximum(1, np.abs(exact))
        fits &= allowed < 1e-2 * np.maximum(1, np.abs(exact))
    return np.where(fits, allowed, np.nan)


def trees() -> st.SearchStrategy[str]:
    constant = st.one_of(
        st.integers(-4, 9).map(str),
        st.floats(-8, 8, allow_nan=False, width=16).map(lambda v: f"({v!r})"),
        st.sampled_from(["pi", "tau", "1e-3", "0.5"]),
    )
    leaf = st.one_of(st.sampled_from(["x", "y"]), st.sampled_from(["x", "y"]), constant)

    def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        infix = st.builds(
            lambda a, o, b: f"({a} {o} {b})", inner, st.sampled_from("+ - * / %".split()), inner
        )
        power = st.builds(lambda a, n: f"({a})**{n}", inner, st.integers(-3, 6))
        test = st.builds(
            lambda a, o, b: f"({a}) {o} ({b})",
            inner,
            st.sampled_from("< <= > >= == !=".split()),
            inner,
        )
        logic = st.one_of(
            test,
            st.builds(
                lambda a, o, b: f"({a}) {o} ({b})", test, st.sampled_from(["and", "or"]), test
            ),
            test.map(lambda t: f"(not {t})"),
        )
        choice = st.builds(lambda c, a, b: f"(({a}) if {c} else ({b}))", logic, inner, inner)
        calls = [
            st.builds(
                lambda f, args: f"{f.name}({', '.join(args)})",
                st.just(f),
                st.lists(inner, min_size=len(f.takes), max_size=len(f.takes)),
            )
            for f in FUNCTIONS.values()
            if f.name.isidentifier() and f.name not in ("and", "or", "not", "where")
        ]
        return st.one_of(infix, infix, power, choice, logic.map(lambda t: f"({t})"), *calls)

    return st.recursive(leaf, grow, max_leaves=9)


def parsed(text: str) -> Expression | None:
    try:
        return parse(text, {"x", "y"})
    except InvalidProgram as error:
        if error.code != "expression.not_finite":
            raise
        return None  # such as 1/0: refused, never compiled


def test_random_trees_agree() -> None:
    points = {"judged": 0, "seen": 0}

    @settings(
        max_examples=20,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(trees(), min_size=12, max_size=24))
    def agree(texts: list[str]) -> None:
        expressions = [e for e in map(parsed, texts) if e is not None]
        if not expressions:
            return
        found = on_gpu(expressions, X, Y)
        for expression, got in zip(expressions, found, strict=True):
            judged, off = compared(expression, got)
            points["judged"] += int(judged.sum())
            points["seen"] += POINTS
            assert off.size == 0 or off.max() <= 0, (expression.text, expression.wgsl())

    agree()
    assert points["seen"] > 10_000
    assert points["judged"] > 0.6 * points["seen"]


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n.isidentifier()])
def test_every_function_alone(name: str) -> None:
    function = FUNCTIONS[name]
    if name in ("and", "or", "not"):
        text = {"not": "not x > 0"}.get(name, f"x > 0 {name} y > 0")
    else:
        first = ["x > 0"] if function.takes[0] == "boolean" else []
        rest = ["x", "y", "0.5", "y/2", "0.75", "2"][: len(function.takes) - len(first)]
        text = f"{name}({', '.join(first + rest)})"
    expression = parse(text, {"x", "y"})
    judged, off = compared(expression, on_gpu([expression], X, Y)[0])
    assert judged.sum() > POINTS / 4
    assert off.max() <= 0


def compared(expression: Expression, got: Any) -> tuple[Any, Any]:
    """Return which points are well-conditioned, and by how much those exceed what is allowed."""
    inputs = {"x": X.astype(np.float64), "y": Y.astype(np.float64)}
    value = expression.numpy(inputs, seed=fold_seed(SEED))
    exact = np.broadcast_to(np.asarray(value, np.float64), X.shape)
    allowed = tolerance(expression, exact)
    judged = np.isfinite(allowed)
    return judged, np.abs(got[judged] - exact[judged]) - allowed[judged]


def value(text: str, **variables: float) -> float:
    return float(parse(text, variables).numpy(variables))


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
        ("1j", "not_allowed", 1),
        ("True.real", "not_allowed", 1),
        ("x + 变量", "unknown_name", 5),
        ("变 + x", "unknown_name", 1),
        ("x + z", "unknown_name", 5),
        ("x + __import__('os')", "unknown_function", 5),
        ("sin(x, y)", "wrong_count", 1),
        ("noise(x)", "wrong_count", 1),
        ("where(x, 1, 2)", "wants_boolean", 1),
        ("x and y", "wants_boolean", 1),
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
        parse(text, {"x", "y"})
    assert caught.value.code == f"expression.{code}"
    assert caught.value.arguments.get("column") == column
    for language in ("en", "zh"):
        assert "{" not in caught.value.text(language).replace(text[:120], "")
        assert len(caught.value.text(language)) < 900


@settings(max_examples=400, derandomize=True, deadline=None, database=None)
@given(
    st.text(max_size=80)
    | st.text("xy0123456789.+-*/%()<>=,_ifelsandorotσ\\'\"[]{}:#@", max_size=80)
)
def test_any_text_is_an_expression_or_an_error(text: str) -> None:
    try:
        expression = parse(text, {"x", "y"})
    except InvalidProgram as error:
        if not error.code.startswith("expression."):
            raise
    else:
        expression.numpy({"x": X, "y": Y})
        assert expression.wgsl().isascii()


def test_names_of_a_plan_may_not_hide_what_is_there() -> None:
    check_names(["D", "feed_rate"], taken={"x"})
    for name in ("sin", "x", "pi", "a b", "_a", "", "é"):
        with pytest.raises(InvalidProgram):
            check_names([name], taken={"x"})


def test_smoothstep_without_a_distance_is_a_step() -> None:
    expression = parse("smoothstep(0.25, 0.25, x)", {"x", "y"})
    got = on_gpu([expression], X, Y)[0]
    assert np.array_equal(got, (np.asarray(X, np.float32) >= 0.25).astype(np.float32))
    assert np.array_equal(got, expression.numpy({"x": X, "y": Y}, seed=SEED))
