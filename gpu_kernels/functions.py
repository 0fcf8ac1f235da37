"""The functions and operators of the expression language: each in WGSL and in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from . import prelude

Kind = Literal["number", "boolean", "vec2", "vec3", "field", "same", "vector"]
"""``field``: the name of a whole field, for functions that look at neighbours. Two stand for
others: ``same`` is a number or a vector, and all of one call are alike, numbers being widened to
vectors; ``vector`` is a vec2 or vec3, all of one call alike, and no number."""

SIZES: dict[Kind, int] = {"vec2": 2, "vec3": 3}


@dataclass(frozen=True)
class Function:
    """One function of the language."""

    name: str
    takes: tuple[Kind, ...]
    gives: Kind
    wgsl: str
    """Template: ``{0}`` is the first argument's WGSL; ``@`` becomes ``_2`` or ``_3`` where
    ``same`` or ``vector`` is a vector, because functions of WGSL's users have one type each."""
    numpy: Callable[..., Any]
    """Takes the arguments' values, and the seed where ``seeded``; the components of a vector lie
    along the last axis."""
    optional: int = 0
    """So many trailing arguments may be left out; they are 0 then."""
    seeded: bool = False
    others: tuple[Function, ...] = ()
    """The same for other arguments: the first that fits is taken, before this one."""


CONSTANTS = {"pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau, "e": math.e}

_N: Kind = "number"
_B: Kind = "boolean"
_S: Kind = "same"
_V: Kind = "vector"


def _each(name: str, count: int, numpy: Callable[..., Any], wgsl: str = "") -> Function:
    """Return a function of every component alone."""
    slots = ", ".join(f"{{{i}}}" for i in range(count))
    return Function(name, (_S,) * count, _S, f"{wgsl or name}({slots})", numpy)


def _infix(name: str, takes: Kind, gives: Kind, numpy: Callable[..., Any], wgsl: str) -> Function:
    return Function(name, (takes, takes), gives, f"({{0}} {wgsl} {{1}})", numpy)


def _random(name: str, wgsl: str, numpy: Callable[..., Any], optional: int) -> Function:
    """Return a function of a place: of 1 to 3 numbers, of a vec2, or of a vec3."""
    places: tuple[Kind, ...] = ("vec2", "vec3")
    others = tuple(
        Function(name, (kind,), _N, f"{wgsl}_at_{SIZES[kind]}({{0}})",
                 lambda p, seed: numpy(*prelude.three(p), seed), seeded=True)
        for kind in places
    )  # fmt: skip
    return Function(name, (_N,) * 3, _N, f"{wgsl}({{0}}, {{1}}, {{2}})", numpy, optional, True,
                    others)  # fmt: skip


def component(letters: str) -> Function:
    """Return the function that picks components: ``.x``, ``.zy``; letters of xyz or rgb."""
    places = ["xyz".find(c) if c in "xyz" else "rgb".index(c) for c in letters]
    kinds: dict[int, Kind] = {1: "number", 2: "vec2", 3: "vec3"}
    picked: Any = places[0] if len(places) == 1 else places
    return Function(
        f".{letters}", (_V,), kinds[len(letters)], f"{{0}}.{letters}", lambda v: v[..., picked]
    )


def named_palette(name: str) -> Function:
    """Return the function from a number in 0..1 to that palette's colour."""
    return Function(
        "palette", (_N,), "vec3", f"palette_{name}({{0}})", lambda t: prelude.palette(name, t)
    )


def widened(kind: Kind) -> Function:
    """Return the function that makes a number a vector of equal components."""
    size = SIZES[kind]
    return Function(
        f" widen_{size}", (_N,), kind, f"vec{size}f({{0}})", lambda x: prelude.widen(x, size)
    )


_TABLE = [
    _infix("+", _S, _S, np.add, "+"),
    _infix("-", _S, _S, np.subtract, "-"),
    _infix("*", _S, _S, np.multiply, "*"),
    _infix("/", _S, _S, np.true_divide, "/"),
    _infix("<", _N, _B, np.less, "<"),
    _infix("<=", _N, _B, np.less_equal, "<="),
    _infix(">", _N, _B, np.greater, ">"),
    _infix(">=", _N, _B, np.greater_equal, ">="),
    _infix("==", _N, _B, np.equal, "=="),
    _infix("!=", _N, _B, np.not_equal, "!="),
    _infix("and", _B, _B, np.logical_and, "&&"),
    _infix("or", _B, _B, np.logical_or, "||"),
    Function("not", (_B,), _B, "(!{0})", np.logical_not),
    # Names with a space are not in the language: the compiler itself writes them.
    Function(" neg", (_S,), _S, "(-{0})", np.negative),
    _each("%", 2, prelude.floor_mod, "floor_mod@"),
    _each("mod", 2, prelude.floor_mod, "floor_mod@"),
    _each("**", 2, prelude.power, "power@"),
    _each("pow", 2, prelude.power, "power@"),
    _each(" square", 1, np.square, "square@"),
    _each(" cube", 1, lambda x: x * x * x, "cube@"),
    Function(" integer_power", (_S, _N), _S, "integer_power@({0}, N)", prelude.integer_power),
    Function(" number", (_B,), _N, "select(0.0, 1.0, {0})", lambda b: np.where(b, 1.0, 0.0)),
    Function("where", (_B, _S, _S), _S, "select({2}, {1}, {0})",
             lambda c, a, b: np.where(np.asarray(c)[..., None], a, b),
             others=tuple(Function("where", (_B, k, k), k, "select({2}, {1}, {0})", np.where)
                          for k in (_B, _N))),
    _each("sin", 1, np.sin),
    _each("cos", 1, np.cos),
    _each("tan", 1, np.tan),
    _each("asin", 1, np.arcsin, "arc_sine@"),
    _each("acos", 1, np.arccos, "arc_cosine@"),
    _each("atan", 1, np.arctan),
    _each("atan2", 2, np.arctan2),
    _each("sinh", 1, np.sinh),
    _each("cosh", 1, np.cosh),
    _each("tanh", 1, np.tanh, "bounded_tanh@"),
    _each("asinh", 1, np.arcsinh, "area_sine@"),
    _each("acosh", 1, np.arccosh, "area_cosine@"),
    _each("atanh", 1, np.arctanh, "area_tangent@"),
    _each("degrees", 1, np.degrees),
    _each("radians", 1, np.radians),
    _each("exp", 1, np.exp),
    _each("exp2", 1, np.exp2),
    _each("log", 1, np.log),
    _each("log2", 1, np.log2),
    _each("sqrt", 1, np.sqrt),
    _each("inverseSqrt", 1, lambda x: 1 / np.sqrt(x)),
    _each("abs", 1, np.abs),
    _each("sign", 1, np.sign),
    _each("floor", 1, np.floor),
    _each("ceil", 1, np.ceil),
    _each("trunc", 1, np.trunc),
    _each("fract", 1, lambda x: x - np.floor(x)),
    _each("round", 1, np.round),
    _each("hypot", 2, np.hypot, "hypotenuse@"),
    _each("min", 2, np.minimum),
    _each("max", 2, np.maximum),
    # Not WGSL's clamp: it refuses constants of which the lower is the greater.
    Function(
        "clamp", (_S, _S, _S), _S, "min(max({0}, {1}), {2})",
        lambda x, a, b: np.minimum(np.maximum(x, a), b),
    ),
    _each("saturate", 1, lambda x: np.clip(x, 0, 1)),
    _each("step", 2, lambda edge, x: np.where(x >= edge, 1.0, 0.0)),
    _each("smoothstep", 3, prelude.smooth_between, "smooth_between@"),
    _each("mix", 3, lambda a, b, t: a * (1 - t) + b * t),
    _each("fma", 3, lambda a, b, c: a * b + c),
    Function("vec2", (_N, _N), "vec2", "vec2f({0}, {1})", prelude.vector,
             others=(widened("vec2"),)),
    Function("vec3", (_N, _N, _N), "vec3", "vec3f({0}, {1}, {2})", prelude.vector,
             others=(widened("vec3"),
                     Function("vec3", ("vec2", _N), "vec3", "vec3f({0}, {1})", prelude.extended))),
    Function("dot", (_V, _V), _N, "dot({0}, {1})", prelude.dot),
    Function("cross", ("vec3", "vec3"), "vec3", "cross({0}, {1})", np.cross),
    Function("length", (_V,), _N, "length({0})", prelude.length),
    Function("distance", (_V, _V), _N, "distance({0}, {1})", lambda a, b: prelude.length(a - b)),
    Function("normalize", (_V,), _V, "unit@({0})", prelude.unit),
    Function("reflect", (_V, _V), _V, "reflect({0}, {1})", prelude.reflect),
    Function("refract", (_V, _V, _N), _V, "refracted@({0}, {1}, {2})", prelude.refracted),
    Function("faceForward", (_V, _V, _V), _V, "faceForward({0}, {1}, {2})", prelude.face_forward),
    Function("rotate", ("vec2", _N), "vec2", "rotated({0}, {1})", prelude.rotated),
    Function("hsv", (_N, _N, _N), "vec3", "hsv({0}, {1}, {2})", prelude.hsv),
    Function("disc", (_N,) * 5, _B, "inside_disc({0}, {1}, {2}, {3}, {4})", prelude.inside_disc,
             others=(Function("disc", (_V, _V, _N), _B, "(distance({0}, {1}) <= {2})",
                              lambda p, c, r: prelude.length(p - c) <= r),)),
    Function("box", (_N,) * 6, _B, "inside_box({0}, {1}, {2}, {3}, {4}, {5})", prelude.inside_box,
             others=(Function("box", (_V, _V, _V), _B, "between@({0}, {1}, {2})",
                              prelude.between),)),
    _random("noise", "value_noise", prelude.value_noise, 1),
    _random("fbm", "fractal_noise", prelude.fractal_noise, 1),
    _random("random", "cell_random", prelude.cell_random, 2),
]  # fmt: skip

FUNCTIONS: dict[str, Function] = {function.name: function for function in _TABLE}
"""Everything that every kernel's expressions may use, by name or operator."""
