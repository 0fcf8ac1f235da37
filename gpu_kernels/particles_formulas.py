"""The formulas of ``particles``, parsed, and the grid on which they lay a surface."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from intentos.errors import InvalidProgram
from intentos.program import STANDARD_UNIFORMS

from .expression import Expression, check_names, parse

if TYPE_CHECKING:
    from .particles import ParticlesArguments

OF_A_POINT = ("a", "b", "h1", "h2", "h3", "h4", "n", "t", "phase")
"""What a formula knows: a and b spread the points evenly over 0..1, h1..h4 are chances in 0..1 that
stay with a point, n runs from 0 to 1 through the points, t is time, phase the share of the film."""
PLACED = (*OF_A_POINT, "x", "y", "z")
MOVING = ("x", "y", "z", "t")

OWN_UNIFORMS = (
    "points", "upright", "film", "centre_x", "centre_y", "centre_z", "radius", "size", "brightness",
    "gloss", "glitter", "colour", "background", "glow", "persistence", "exposure",
)  # fmt: skip


class Formulas:
    """The parsed expressions of one set of arguments."""

    def __init__(self, a: ParticlesArguments) -> None:
        own = tuple(a.parameters)
        check_names(own, {*PLACED, *(name for name, _ in STANDARD_UNIFORMS), *OWN_UNIFORMS})
        self.place = [
            _parsed(n, getattr(a, n), (*OF_A_POINT, *"xyz"[:i], *own)) for i, n in enumerate("xyz")
        ]
        self.shade = _parsed("shade", a.shade, (*PLACED, *own))
        self.light = _parsed("light", a.light, (*PLACED, *own))
        self.rates: list[Expression] = []
        if a.moves:
            self.rates = [_parsed(n, getattr(a, n), (*MOVING, *own)) for n in ("dx", "dy", "dz")]
        self._own = {name: f"uniforms.{name}" for name in own}
        self._values, self._points = a.parameters, a.points

    def wgsl(self) -> str:
        """Return the functions point, tone, light_of and rate."""
        known = "a: f32, b: f32, h: vec4f, n: f32, t: f32"
        of_point = {"h1": "h.x", "h2": "h.y", "h3": "h.z", "h4": "h.w", "phase": "phase()"}
        here = {"x": "p.x", "y": "p.y", "z": "p.z"}
        before = {"x": "at_x", "y": "at_y"}
        place = "\n".join(
            f"  let at_{name} = {e.wgsl(of_point | before | self._own)};"
            for name, e in zip("xyz", self.place, strict=True)
        )
        rates = ", ".join(e.wgsl(here | self._own) for e in self.rates) or "0.0, 0.0, 0.0"
        of_place = of_point | here | self._own
        return f"""
fn point({known}) -> vec3f {{
{place}
  return vec3f(at_x, at_y, at_z);
}}
fn tone({known}, p: vec3f) -> f32 {{ return {self.shade.wgsl(of_place)}; }}
fn light_of({known}, p: vec3f) -> f32 {{ return {self.light.wgsl(of_place)}; }}
fn rate(p: vec3f, t: f32) -> vec3f {{ return vec3f({rates}); }}
"""

    def grid(self) -> tuple[int, int]:
        """Return columns (along a) and rows (along b) of a surface's points: meshes near a square.

        Their shape is that of the surface at the start, measured between 24 x 24 points.
        """
        between = np.linspace(0, 1, 24)
        across, down = np.meshgrid(between, between)
        known: dict[str, Any] = {
            "a": across,
            "b": down,
            "n": down,
            "t": 0.0,
            "phase": 0.0,
            **self._values,
        }
        known |= dict.fromkeys(("h1", "h2", "h3", "h4"), 0.5)
        with np.errstate(all="ignore"):
            for name, formula in zip("xyz", self.place, strict=True):
                known[name] = np.broadcast_to(formula.numpy(known, seed=0), across.shape)
            p: Any = np.stack([known[name] for name in "xyz"], -1)
            lengths = [np.linalg.norm(np.diff(p, axis=k), axis=-1) for k in (1, 0)]
        along = [max(float(np.nanmean(np.where(np.isfinite(d), d, 0))), 1e-6) for d in lengths]
        shape = min(max(along[0] / along[1], 1 / 40), 40)
        columns = min(max(round(math.sqrt(self._points * shape)), 4), self._points // 4)
        return columns, self._points // columns


def _parsed(name: str, text: str, names: tuple[str, ...]) -> Expression:
    try:
        return parse(text, names)
    except InvalidProgram as error:
        raise InvalidProgram(
            "program.argument", kernel="particles", argument=name, what=str(error)
        ) from error
