"""The functions and operators of the expression language: each in WGSL and in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from . import prelude

Kind = Literal["number", "boolean", "field"]
"""``field``: the name of a whole field, for functions that look at neighbours."""


@dataclass(frozen=True)
class Function:
    """One function of the language."""

    name: str
    takes: tuple[Kind, ...]
    gives: Kind
    wgsl: str
    """Template: ``{0}`` is the first argument's WGSL."""
    numpy: Callable[..., Any]
    """Takes the arguments' values, and the seed where ``seeded``."""
    optional: int = 0
    """So many trailing arguments may be left out; they are 0 then."""
    seeded: bool = False


CONSTANTS = {"pi": math.pi, "π": math.pi, "tau": math.tau, "τ": math.tau, "e": math.e}

_N: Kind = "number"
_B: Kind = "boolean"


def _call(name: str, count: int, numpy: Callable[..., Any], wgsl: str = "") -> Function:
    slots = ", ".join(f"{{{i}}}" for i in range(count))
    return Function(name, (_N,) * count, _N, f"{wgsl or name}({slots})", numpy)


def _infix(name: str, takes: Kind, gives: Kind, numpy: Callable[..., Any], wgsl: str) -> Function:
    return Function(name, (takes, takes), gives, f"({{0}} {wgsl} {{1}})", numpy)


_TABLE = [
    _infix("+", _N, _N, np.add, "+"),
    _infix("-", _N, _N, np.subtract, "-"),
    _infix("*", _N, _N, np.multiply, "*"),
    _infix("/", _N, _N, np.true_divide, "/"),
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
    Function(" neg", (_N,), _N, "(-{0})", np.negative),
    _call("%", 2, prelude.floor_mod, "floor_mod"),
    _call("mod", 2, prelude.floor_mod, "floor_mod"),
    _call("**", 2, prelude.power, "power"),
    _call("pow", 2, prelude.power, "power"),
    _call(" square", 1, np.square, "square"),
    _call(" cube", 1, lambda x: x * x * x, "cube"),
    Function(" integer_power", (_N, _N), _N, "integer_power({0}, N)", prelude.integer_power),
    Function(" number", (_B,), _N, "select(0.0, 1.0, {0})", lambda b: np.where(b, 1.0, 0.0)),
    Function("where", (_B, _N, _N), _N, "select({2}, {1}, {0})", np.where),
    _call("sin", 1, np.sin),
    _call("cos", 1, np.cos),
    _call("tan", 1, np.tan),
    _call("asin", 1, np.arcsin, "arc_sine"),
    _call("acos", 1, np.arccos, "arc_cosine"),
    _call("atan", 1, np.arctan),
    _call("atan2", 2, np.arctan2),
    _call("sinh", 1, np.sinh),
    _call("cosh", 1, np.cosh),
    _call("tanh", 1, np.tanh, "bounded_tanh"),
    _call("exp", 1, np.exp),
    _call("exp2", 1, np.exp2),
    _call("log", 1, np.log),
    _call("log2", 1, np.log2),
    _call("sqrt", 1, np.sqrt),
    _call("abs", 1, np.abs),
    _call("sign", 1, np.sign),
    _call("floor", 1, np.floor),
    _call("ceil", 1, np.ceil),
    _call("fract", 1, lambda x: x - np.floor(x)),
    _call("round", 1, np.round),
    _call("hypot", 2, np.hypot, "hypotenuse"),
    _call("min", 2, np.minimum),
    _call("max", 2, np.maximum),
    # Not WGSL's clamp: it refuses constants of which the lower is the greater.
    Function(
        "clamp", (_N, _N, _N), _N, "min(max({0}, {1}), {2})",
        lambda x, a, b: np.minimum(np.maximum(x, a), b),
    ),
    _call("step", 2, lambda edge, x: np.where(x >= edge, 1.0, 0.0)),
    _call("smoothstep", 3, prelude.smooth_between, "smooth_between"),
    _call("mix", 3, lambda a, b, t: a * (1 - t) + b * t),
    Function("disc", (_N,) * 5, _B, "inside_disc({0}, {1}, {2}, {3}, {4})", prelude.inside_disc),
    Function("box", (_N,) * 6, _B, "inside_box({0}, {1}, {2}, {3}, {4}, {5})", prelude.inside_box),
    Function("noise", (_N,) * 3, _N, "value_noise({0}, {1}, {2})", prelude.value_noise, 1, True),
    Function("fbm", (_N,) * 3, _N, "fractal_noise({0}, {1}, {2})", prelude.fractal_noise, 1, True),
    Function("random", (_N,) * 3, _N, "cell_random({0}, {1}, {2})", prelude.cell_random, 2, True),
]  # fmt: skip

FUNCTIONS: dict[str, Function] = {function.name: function for function in _TABLE}
"""Everything that every kernel's expressions may use, by name or operator."""
