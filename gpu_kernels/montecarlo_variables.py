"""Random variables of ``montecarlo``: their parameters, their WGSL, and two ways to draw them.

``follow`` draws what the shader draws; ``independent`` uses NumPy's own generator and
distributions, which share no code with it.

Bits come from a counter, so that sample i is the same on every device and in any order.
Source: pcg3d of Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9(3), 2020. Normal
variables: Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from .expression import Formula, parse

Floats = NDArray[np.floating[Any]]
Distribution = Literal[
    "uniform", "normal", "exponential", "integer", "dice", "choice", "bernoulli", "poisson",
    "lognormal", "triangular",
]  # fmt: skip

DEFAULTS: dict[str, dict[str, str]] = {
    "uniform": {"low": "0", "high": "1"},
    "normal": {"mean": "0", "sd": "1"},
    "exponential": {"mean": "1"},
    "integer": {"low": "0", "high": "9"},
    "dice": {"sides": "6"},
    "choice": {},
    "bernoulli": {"p": "0.5"},
    "poisson": {"mean": "4"},
    "lognormal": {"mu": "0", "sigma": "1"},
    "triangular": {"low": "0", "mode": "0.5", "high": "1"},
}
"""Distribution → its parameters and what they are where nothing is given."""

MAX_POISSON = 80.0
MAX_CHOICES = 64
WHOLE = ("integer", "dice", "bernoulli", "poisson")


class Variable(BaseModel):
    """A random variable; each parameter is a number or a formula of the kernel's ``parameters``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    distribution: Distribution = "uniform"
    low: Formula | None = None
    """Of ``uniform``, ``integer`` (both ends belong to it) and ``triangular``."""
    high: Formula | None = None
    mean: Formula | None = None
    """Of ``normal``, ``exponential`` and ``poisson`` (at most 80)."""
    sd: Formula | None = None
    """Standard deviation of ``normal``."""
    p: Formula | None = None
    """Probability that ``bernoulli`` gives 1, else 0."""
    sides: Formula | None = None
    """Of ``dice``: 1 to so many."""
    mu: Formula | None = None
    """Mean of the logarithm, of ``lognormal``."""
    sigma: Formula | None = None
    mode: Formula | None = None
    """Most likely value of ``triangular``."""
    values: tuple[float, ...] = Field((), max_length=MAX_CHOICES)
    """Of ``choice``."""
    weights: tuple[float, ...] = Field((), max_length=MAX_CHOICES)
    """Of ``choice``, in any unit; equal where none are given."""

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        known = {*DEFAULTS[self.distribution], "distribution"}
        known |= {"values", "weights"} if self.distribution == "choice" else set()
        for name in self.model_fields_set:
            if name not in known and getattr(self, name):
                what = ", ".join(sorted(known - {"distribution"}))
                raise ValueError(f"{self.distribution} takes {what}; {name} is none of them")
        if self.distribution == "choice":
            if not self.values:
                raise ValueError("choice needs values")
            if self.weights and len(self.weights) != len(self.values):
                raise ValueError(f"{len(self.weights)} weights for {len(self.values)} values")
            if min(self.weights, default=1) < 0 or sum(self.weights or (1,)) <= 0:
                raise ValueError("weights must not be negative and not all be 0")
        return self


@dataclass(frozen=True)
class Drawn:
    """A variable whose parameters are numbers."""

    name: str
    distribution: Distribution
    numbers: Mapping[str, float]
    values: tuple[float, ...] = ()
    weights: tuple[float, ...] = ()

    @property
    def draws(self) -> int:
        """Random words that one value takes."""
        return 2 if self.distribution in ("normal", "lognormal") else 1

    @property
    def whole(self) -> bool:
        """Whether its values are integers."""
        if self.distribution == "choice":
            return all(v == round(v) for v in self.values)
        return self.distribution in WHOLE

    def wgsl(self, words: list[str]) -> str:
        """Return the WGSL of one value from the names of its random words."""
        n = {name: f"{_f32(value)}" for name, value in self.numbers.items()}
        u, v = f"unit({words[0]})", f"fine_unit({words[0]})"
        match self.distribution:
            case "uniform":
                wide = _f32(self.numbers["high"] - self.numbers["low"])
                return f"({n['low']} + {wide} * {u})"
            case "normal":
                return f"({n['mean']} + {n['sd']} * normal({words[0]}, {words[1]}))"
            case "lognormal":
                return f"exp({n['mu']} + {n['sigma']} * normal({words[0]}, {words[1]}))"
            case "exponential":
                return f"({n['mean']} * -log({v}))"
            case "integer" | "dice":
                low = n.get("low", _f32(1.0))
                return f"({low} + floor({u} * {_f32(self._count)}))"
            case "bernoulli":
                return f"select(0.0, 1.0, {u} < {n['p']})"
            case "poisson":
                return f"poisson({u}, {n['mean']}, {_f32(math.exp(-self.numbers['mean']))})"
            case "triangular":
                left = _f32(self.numbers["mode"] - self.numbers["low"])
                right = _f32(self.numbers["high"] - self.numbers["mode"])
                return f"triangular({u}, {n['low']}, {left}, {right})"
            case "choice":
                text = _f32(self.values[-1])
                for value, edge in reversed(list(zip(self.values[:-1], self.edges, strict=True))):
                    text = f"select({text}, {_f32(value)}, {words[0]} < {edge}u)"
                return text

    @property
    def _count(self) -> float:
        if self.distribution == "dice":
            return self.numbers["sides"]
        return self.numbers["high"] - self.numbers["low"] + 1

    @property
    def edges(self) -> list[int]:
        """Of ``choice``: below which random word each value but the last one is taken."""
        shares = np.cumsum(self.weights or (1.0,) * len(self.values))
        return [min(round(2**32 * s / shares[-1]), 2**32 - 1) for s in shares[:-1]]

    def follow(self, words: list[NDArray[np.uint32]]) -> Floats:
        """Return the values that the shader draws from these random words."""
        n, u, v = self.numbers, unit(words[0]), fine_unit(words[0])
        match self.distribution:
            case "uniform":
                return np.asarray(n["low"] + (n["high"] - n["low"]) * u)
            case "normal":
                return np.asarray(n["mean"] + n["sd"] * normal(*words))
            case "lognormal":
                return np.asarray(np.exp(n["mu"] + n["sigma"] * normal(*words)))
            case "exponential":
                return np.asarray(-n["mean"] * np.log(v))
            case "integer" | "dice":
                return np.asarray(n.get("low", 1.0) + np.floor(u * self._count))
            case "bernoulli":
                return np.where(u < n["p"], 1.0, 0.0)
            case "poisson":
                return poisson(u, n["mean"])
            case "triangular":
                return triangular(u, n["low"], n["mode"] - n["low"], n["high"] - n["mode"])
            case "choice":
                place = np.searchsorted(self.edges, words[0], side="right")
                return np.asarray(np.array(self.values)[place])

    def independent(self, generator: np.random.Generator, size: int) -> Floats:
        """Return values from NumPy's own distributions."""
        n: dict[str, Any] = dict(self.numbers)
        sources: dict[str, Callable[[], Any]] = {
            "uniform": lambda: generator.uniform(n["low"], n["high"], size),
            "normal": lambda: generator.normal(n["mean"], n["sd"], size),
            "lognormal": lambda: generator.lognormal(n["mu"], n["sigma"], size),
            "exponential": lambda: generator.exponential(n["mean"], size),
            "integer": lambda: generator.integers(
                int(n["low"]), int(n["high"]), size, endpoint=True
            ),
            "dice": lambda: generator.integers(1, int(n["sides"]), size, endpoint=True),
            "bernoulli": lambda: generator.random(size) < n["p"],
            "poisson": lambda: generator.poisson(n["mean"], size),
            "triangular": lambda: generator.triangular(n["low"], n["mode"], n["high"], size),
            "choice": lambda: generator.choice(np.array(self.values), size, p=self._shares),
        }
        return np.asarray(sources[self.distribution](), np.float64)

    @property
    def _shares(self) -> Floats:
        weights = np.array(self.weights or (1.0,) * len(self.values))
        return np.asarray(weights / weights.sum())


def settle(name: str, variable: Variable, parameters: Mapping[str, float]) -> Drawn:
    """Return the variable with its formulas worked out.

    Raises:
        ValueError: a parameter is out of its distribution's range; says which.
        InvalidProgram: a formula cannot be read.
    """
    kind = variable.distribution
    numbers = {}
    for key, default in DEFAULTS[kind].items():
        text = getattr(variable, key)
        formula = parse(default if text is None else text, parameters)
        number = float(formula.numpy(parameters))
        if not math.isfinite(number) or abs(number) > 1e30:
            raise ValueError(f"{key} of {name} is not a number between ±1e30")
        numbers[key] = number
    _ranges(name, kind, numbers)
    if kind == "integer":
        numbers = {"low": math.ceil(numbers["low"]), "high": math.floor(numbers["high"])}
    if kind == "dice":
        numbers = {"sides": float(round(numbers["sides"]))}
    return Drawn(name, kind, numbers, variable.values, variable.weights)


def _ranges(name: str, kind: str, n: Mapping[str, float]) -> None:
    def need(good: bool, what: str) -> None:
        if not good:
            raise ValueError(f"{name}: {what}")

    if "low" in n:
        need(n["low"] < n["high"] or kind == "integer", "low must be below high")
        need(math.ceil(n["low"]) <= n["high"] or kind != "integer", "no integer lies in its range")
        need(n["high"] - n["low"] < 2**22 or kind != "integer", "at most 4194304 integers")
    if "mode" in n:
        need(n["low"] <= n["mode"] <= n["high"], "mode must lie between low and high")
    if "p" in n:
        need(0 <= n["p"] <= 1, "p must be between 0 and 1")
    for key in ("sd", "sigma"):
        need(n.get(key, 0) >= 0, f"{key} must not be negative")
    if "sides" in n:
        need(1 <= round(n["sides"]) < 2**22, "sides must be between 1 and 4194303")
    if kind == "exponential":
        need(n["mean"] > 0, "mean must be above 0")
    if kind == "poisson":
        need(0 <= n["mean"] <= MAX_POISSON, f"mean must be between 0 and {MAX_POISSON:g}")


# ---- twins of the functions in montecarlo.wgsl ----


def unit(word: NDArray[np.uint32]) -> Floats:
    """Return numbers in (0, 1), in steps of 2^-23: neither end is ever met."""
    return np.asarray(((word >> np.uint32(9)).astype(np.float64) + 0.5) / 2**23)


def fine_unit(word: NDArray[np.uint32]) -> Floats:
    """Return numbers in (0, 1], finest near 0, for logarithms."""
    return np.asarray((word.astype(np.float32) + np.float32(0.5)) * np.float32(2**-32))


def normal(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> Floats:
    """Return standard normal numbers."""
    far = np.sqrt(-2 * np.log(fine_unit(a).astype(np.float64)))
    return np.asarray(far * np.cos(math.tau * unit(b)))


def poisson(u: Floats, mean: float) -> Floats:
    """Return counts: sequential search of the cumulative distribution, in float32."""
    one = np.float32
    probability = np.full(u.shape, math.exp(-mean), one)
    total, count = probability.copy(), np.zeros(u.shape, one)
    for k in range(1, 256):
        more = u > total
        if not more.any():
            break
        probability = probability * (one(mean) / one(k))
        count = np.where(more, one(k), count)
        total = total + np.where(more, probability, one(0))
    return count


def triangular(u: Floats, low: float, left: float, right: float) -> Floats:
    """Return numbers from low, rising over ``left``, falling over ``right``."""
    wide = left + right
    up = np.sqrt(u * wide * left)
    down = wide - np.sqrt((1 - u) * wide * right)
    return np.asarray(low + np.where(u * wide < left, up, down))


def _f32(number: float) -> str:
    """Return a WGSL literal."""
    value = float(np.float32(number))
    return f"{value!r}f" if value >= 0 else f"({value!r}f)"
