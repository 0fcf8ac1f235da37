"""The tree of an expression, and its two compilations: to WGSL and to NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .functions import Function, Kind


@dataclass(frozen=True)
class Number:
    """A constant number or boolean."""

    value: float
    kind: Kind = "number"


@dataclass(frozen=True)
class Vector:
    """A constant vector."""

    value: tuple[float, ...]

    @property
    def kind(self) -> Kind:
        """``vec2`` or ``vec3``."""
        return "vec2" if len(self.value) == 2 else "vec3"


@dataclass(frozen=True)
class Name:
    """A variable that the kernel or the plan provides."""

    name: str
    kind: Kind = "number"


@dataclass(frozen=True)
class Apply:
    """A function or operator on its arguments, for just their kinds."""

    function: Function
    arguments: tuple[Node, ...]

    @property
    def kind(self) -> Kind:
        """What it gives."""
        return self.function.gives


Node = Number | Vector | Name | Apply


def to_wgsl(node: Node, substitutions: Mapping[str, str]) -> str:
    """Return the WGSL of a tree, of type f32, bool, vec2f or vec3f."""
    match node:
        case Number(value=value, kind="boolean"):
            return "true" if value else "false"
        case Number(value=value):
            # A negative number in brackets: "--1" and "1--1" are not WGSL.
            return f"{value!r}f" if value >= 0 else f"({value!r}f)"
        case Vector(value=values):
            different = values[:1] if len(set(values)) == 1 else values
            return f"vec{len(values)}f({', '.join(f'{v!r}f' for v in different)})"
        case Name(name=name, kind="field"):
            return substitutions.get(f"&{name}", name)
        case Name(name=name):
            return substitutions.get(name, name)
        case Apply(function=function, arguments=arguments):
            return function.wgsl.format(*(to_wgsl(a, substitutions) for a in arguments))


def to_numpy(node: Node, environment: Mapping[str, Any], seed: int) -> Any:
    """Return the value of a tree; components of vectors lie along the last axis."""
    match node:
        case Number(value=value, kind="boolean"):
            return bool(value)
        case Number(value=value):
            return value
        case Vector(value=values):
            return np.array(values)
        case Name(name=name, kind="field") if f"&{name}" in environment:
            return environment[f"&{name}"]
        case Name(name=name):
            return environment[name]
        case Apply(function=function, arguments=arguments):
            given = [to_numpy(a, environment, seed) for a in arguments]
            return function.numpy(*given, seed) if function.seeded else function.numpy(*given)
