"""One line of arithmetic means the same in WGSL (float32, on wgpu) and in NumPy (float64)."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from intentos.bindings import fold_seed
from intentos.errors import InvalidProgram
from intentos.executors.gpu import ProgramRunner
from intentos.gpu_kernels.expression import Expression, Kind, Name, Node, Number, Vector, parse
from intentos.gpu_kernels.functions import FUNCTIONS, SIZES
from intentos.gpu_kernels.prelude import PALETTES, dot, length, prelude_wgsl
from intentos.program import Buffer, GpuProgram, Output, Pass

POINTS = 64
SEED = 7
KINDS: dict[str, Kind] = {"p": "vec2", "q": "vec3"}

SAMPLES = np.random.default_rng(3).uniform(-3, 3, (7, POINTS)).astype(np.float32)
INPUTS: dict[str, Any] = {
    "x": SAMPLES[0],
    "y": SAMPLES[1],
    "p": SAMPLES[2:4].T,
    "q": SAMPLES[4:].T,
}
EXACTLY = {name: values.astype(np.float64) for name, values in INPUTS.items()}


def on_gpu(expressions: list[Expression]) -> list[Any]:
    """Return every expression at all points: float32, shape (points,) or (points, components)."""
    sizes = [SIZES.get(e.kind, 1) for e in expressions]
    ends = list(itertools.accumulate(sizes))
    rows = []
    for i, (expression, size, end) in enumerate(zip(expressions, sizes, ends, strict=True)):
        rows.append(f"  let v{i} = {expression.wgsl()};")
        for k in range(size):
            component = f".{'xyz'[k]}" if size > 1 else ""
            rows.append(f"  out[{(end - size + k) * POINTS}u + i] = f32(v{i}{component});")
    # The points come through a buffer, so that no compiler may compute anything beforehand.
    given_ = [f"  points[{i}u] = {float(v)!r}f;" for i, v in enumerate(SAMPLES.ravel())]
    x, y, *more = (f"points[i + {k * POINTS}u]" for k in range(7))
    source = (
        prelude_wgsl()
        + "@compute @workgroup_size(1) fn give() {\n"
        + "\n".join(given_)
        + f"\n}}\n@compute @workgroup_size({POINTS})\n"
        + "fn evaluate(@builtin(global_invocation_id) id: vec3u) {\n  let i = id.x;\n"
        + f"  let x = {x};\n  let y = {y};\n"
        + f"  let p = vec2f({', '.join(more[:2])});\n  let q = vec3f({', '.join(more[2:])});\n"
        + "\n".join(rows)
        + "\n}\n"
    )
    program = GpuProgram(
        source=source,
        buffers=(
            Buffer(name="points", type="f32", length=7 * POINTS),
            Buffer(name="out", type="f32", length=ends[-1] * POINTS),
        ),
        start=(
            Pass(entry="give", dispatch=(1, 1, 1)),
            Pass(entry="evaluate", dispatch=(1, 1, 1)),
        ),
        outputs=(Output(buffer="out", name="out", dtype="float32", shape=(ends[-1], POINTS)),),
        width=1,
        height=1,
        frames=1,
    )
    runner = ProgramRunner(program, {}, SEED)
    assert len(list(runner.frames())) == 1
    out = runner.outputs()["out"]
    return [
        out[end - size] if size == 1 else out[end - size : end].T
        for size, end in zip(sizes, ends, strict=True)
    ]


# What WGSL's own functions may be off by, relative to max(1, |value|); arithmetic is exact to
# half a unit in the last place, but a fused multiply-add may round once less.
ROUNDING = 2.0**-22
ROUGH = 2.0**-17
EXACT = {
    "+", "-", "*", " neg", " number", "abs", "min", "max", "where", "sign", "floor", "ceil",
    "trunc", "vec2", "vec3", " widen_2", " widen_3",
}  # fmt: skip
TERMS = {"mix", "fma", "dot", "cross", "distance", "reflect", "refract", "rotate", "mod", "%"}


def perturbed(node: Node, noise: Any, sizes: list[Any]) -> Any:
    """Evaluate in float64 with every intermediate result off by as much as float32 may be."""
    if isinstance(node, Number) and float(np.float32(node.value)) == node.value:
        return node.value
    if isinstance(node, Number | Vector):
        constant = np.asarray(node.value, np.float64)
        off = (constant.astype(np.float32) != constant) * ROUNDING
        return constant * (1 + noise.uniform(-1, 1, (POINTS, *constant.shape)) * off)
    if isinstance(node, Name):
        return EXACTLY[node.name]
    values = [perturbed(a, noise, sizes) for a in node.arguments]
    if node.function.seeded:
        values.append(fold_seed(SEED))
    with np.errstate(all="ignore"):
        value = node.function.numpy(*values)
    if node.kind == "boolean":
        return value
    value = np.broadcast_to(value, shape_of(node.kind))
    exact = node.function.name in EXACT or node.function.name.startswith(".")
    terms = [value]
    if node.function.name in TERMS:  # their sums may cancel
        terms += [v for v in values[: len(node.arguments)] if np.shape(v) != ()]
    if node.function.name == "refract":  # its two parts may nearly cancel
        terms.append(values[2] * dot(values[0], values[1]) * length(values[1]))
    sizes += [np.abs(term).reshape(POINTS, -1).max(axis=1) for term in terms]
    scale = np.abs(value)
    if not exact:
        # A component that nearly vanishes beside the others is as far off as they are.
        rough = np.maximum(1, np.max(sizes[-len(terms) :], axis=0))
        scale = rough.reshape(POINTS, *[1] * (value.ndim - 1))
    return value + scale * noise.uniform(-1, 1, value.shape) * (ROUNDING if exact else ROUGH)


def shape_of(kind: Kind) -> tuple[int, ...]:
    return (POINTS, SIZES[kind]) if kind in SIZES else (POINTS,)


def tolerance(expression: Expression, exact: Any) -> Any:
    """Return how far off float32 may be at each point; NaN where the point is ill-conditioned."""
    noise = np.random.default_rng(11)
    spread = np.zeros(exact.shape)
    fits = np.isfinite(exact).reshape(POINTS, -1).all(axis=1)
    with np.errstate(all="ignore"):
        for _ in range(12):
            sizes: list[Any] = []
            value = perturbed(expression.root, noise, sizes)
            spread = np.maximum(spread, np.abs(value - exact))
            for size in sizes:
                fits &= (size < 1e18) & ((size == 0) | (size > 1e-18))
        allowed = 6 * spread + 1e-6 * np.maximum(1, np.abs(exact))
        good = allowed < 1e-2 * np.maximum(1, np.abs(exact))
        fits &= good.reshape(POINTS, -1).all(axis=1)
    return np.where(fits.reshape(POINTS, *[1] * (exact.ndim - 1)), allowed, np.nan)


def compared(expression: Expression, got: Any) -> tuple[Any, Any]:
    """Return which points are well-conditioned, and by how much those exceed what is allowed."""
    value = expression.numpy(EXACTLY, seed=fold_seed(SEED))
    exact = np.broadcast_to(np.asarray(value, np.float64), shape_of(expression.kind))
    allowed = tolerance(expression, exact)
    judged = np.isfinite(allowed)
    return judged, np.abs(got[judged] - exact[judged]) - allowed[judged]


def signatures() -> dict[Kind, list[tuple[str, tuple[Kind, ...]]]]:
    """Return, for what is wanted, every function and operator with the kinds that it takes."""
    found: dict[Kind, list[tuple[str, tuple[Kind, ...]]]] = {
        "number": [], "boolean": [], "vec2": [], "vec3": [],
    }  # fmt: skip
    everything = [f for one in FUNCTIONS.values() for f in (one, *one.others)]
    every: tuple[Kind, ...] = ("number", "vec2", "vec3")
    for function in everything:
        if function.name.startswith(" "):
            continue
        general = {"same", "vector"} & set(function.takes)
        for joint in every if general == {"same"} else every[1:] if general else every[:1]:
            takes = tuple(joint if k in ("same", "vector") else k for k in function.takes)
            gives = joint if function.gives in ("same", "vector") else function.gives
            found[gives].append((function.name, takes))
    return found


SIGNATURES = signatures()
LEAVES: dict[Kind, list[str]] = {
    "number": ["x", "y", "x", "y", "p.x", "q.z", "q.g", "0.5", "pi", "1e-3", "(-3)", "2", "7.25"],
    "boolean": ["x > 0", "y < p.y", "True"],
    "vec2": ["p", "q.xy", "q.zx", "vec2(x, 2)", "p.yx", "vec2(1, -0.5)"],
    "vec3": ["q", "vec3(p, y)", "vec3(x, y, 1)", "q.bgr", "vec3(0.1, 2, -3)", "p.xyx"],
}


@st.composite
def trees(draw: st.DrawFn, kind: Kind, depth: int) -> str:
    """Draw the text of an expression of that kind."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(LEAVES[kind]))
    shape = draw(st.integers(0, 9))
    if shape == 0 and kind != "boolean":
        return f"({draw(trees(kind, depth - 1))})**{draw(st.integers(-3, 6))}"
    if shape == 1:
        parts = [draw(trees(k, depth - 1)) for k in ("boolean", kind, kind)]
        return f"({parts[1]} if {parts[0]} else {parts[2]})"
    if shape == 2 and kind == "vec3":
        name = draw(st.sampled_from(sorted(PALETTES)))
        return f"palette({name!r}, {draw(trees('number', depth - 1))})"
    name, takes = draw(st.sampled_from(SIGNATURES[kind]))
    vectors = sum(k in SIZES for k in takes)
    parts = []
    for k in takes:
        # Beside another vector, a number may stand for one.
        as_number = vectors > 1 and name in "+-*/%" and draw(st.integers(0, 3)) == 0
        vectors -= as_number
        parts.append(draw(trees("number" if as_number else k, depth - 1)))
    if name == "not":
        return f"(not ({parts[0]}))"
    if not name.isidentifier() or name in ("and", "or"):
        return f"(({parts[0]}) {name} ({parts[1]}))"
    return f"{name}({', '.join(parts)})"


def parsed(text: str) -> Expression | None:
    try:
        return parse(text, {"x", "y"}, kinds=KINDS, gives="any")
    except InvalidProgram as error:
        if error.code not in ("expression.not_finite", "expression.too_long"):
            raise
        return None  # such as 1/0: refused, never compiled


@pytest.mark.parametrize("kind", ["number", "boolean", "vec2", "vec3"])
def test_random_trees_agree(kind: Kind) -> None:
    points = {"judged": 0, "seen": 0}

    @settings(
        max_examples=8,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],  # what is wrong names itself; shrinking takes minutes
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(trees(kind, 4), min_size=12, max_size=24))
    def agree(texts: list[str]) -> None:
        expressions = [e for e in map(parsed, texts) if e is not None]
        if not expressions:
            return
        for expression, got in zip(expressions, on_gpu(expressions), strict=True):
            assert expression.kind == kind
            judged, off = compared(expression, got)
            points["judged"] += int(judged.sum())
            points["seen"] += judged.size
            assert off.size == 0 or off.max() <= 0, (expression.text, expression.wgsl())

    agree()
    assert points["seen"] > 4_000
    assert points["judged"] > 0.5 * points["seen"]


ARGUMENTS: dict[Kind, list[str]] = {
    "number": ["x", "y", "0.5", "y/2", "0.75", "2"],
    "boolean": ["x > 0", "y > 0", "x > y"],
    "vec2": ["p", "vec2(x, y)", "vec2(0.5, 2)"],
    "vec3": ["q", "vec3(x, y, p.x)", "vec3(0.5, 2, x)"],
}


@pytest.mark.parametrize("kind", ["number", "boolean", "vec2", "vec3"])
def test_every_function_alone(kind: Kind) -> None:
    texts = []
    for name, takes in SIGNATURES[kind]:
        left = {k: list(v) for k, v in ARGUMENTS.items()}
        parts = [left[k].pop(0) for k in takes]
        if name == "not":
            texts.append(f"not {parts[0]}")
        elif name.isidentifier() and name not in ("and", "or"):
            texts.append(f"{name}({', '.join(parts)})")
        else:
            texts.append(f"({parts[0]}) {name} ({parts[1]})")
    expressions = [parse(text, {"x", "y"}, kinds=KINDS, gives="any") for text in texts]
    for expression, got in zip(expressions, on_gpu(expressions), strict=True):
        judged, off = compared(expression, got)
        assert judged.any(), expression.text
        assert off.max() <= 0, expression.text


def test_what_has_edges_has_them_at_one_place() -> None:
    texts = ["smoothstep(0.25, 0.25, x)", "normalize(p*0)", "x**0.5", "refract(p, vec2(0, 1), 9)"]
    step, zero, root, bent = on_gpu([parse(t, {"x", "y"}, kinds=KINDS, gives="any") for t in texts])
    assert np.array_equal(step, (INPUTS["x"] >= 0.25).astype(np.float32))
    assert (zero == 0).all()
    assert np.array_equal(np.isnan(root), INPUTS["x"] < 0)
    # All of the light is reflected but where the ray is steep.
    assert 0.2 < (bent == 0).all(axis=1).mean() < 0.8
