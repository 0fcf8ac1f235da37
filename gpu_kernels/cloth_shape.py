"""The shapes of the cloth kernel: where the cloth hangs, and from where it is looked at."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .prelude import random

if TYPE_CHECKING:
    from .cloth import ClothArguments

Floats = NDArray[np.floating[Any]]
Vector = tuple[float, float, float]

POLE_RADIUS = 0.022
GATHER = 0.72
"""Share of its width over which a curtain hangs."""
FOLDS = 6
LADEN = 1.08
"""Length of a hammock at the start, as if somebody had just risen from it; 1 is at rest."""


@dataclass(frozen=True)
class Beam:
    """A round rod from one place to another; ``tone`` is linear RGB."""

    start: Vector
    end: Vector
    radius: float
    tone: Vector = (0.50, 0.48, 0.44)


@dataclass(frozen=True)
class Scene:
    """Where things are, in metres; the ground is at y = 0."""

    top: float
    """Height of the cloth's highest row."""
    centre: Vector
    radius: float
    """What the camera looks at, and how far it reaches."""
    yaw: float
    pitch: float
    """Degrees."""
    horizon: Vector
    ground: Vector
    """sRGB."""
    background: str
    ball: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Middle and radius; 0 where there is none."""
    beams: tuple[Beam, ...] = ()

    @property
    def shading_beams(self) -> tuple[Beam, ...]:
        """Those that are thick enough for a shadow."""
        return tuple(beam for beam in self.beams if beam.radius > 0.008 * self.radius)


DAY: dict[str, Any] = {
    "horizon": (0.80, 0.87, 0.93),
    "ground": (0.47, 0.56, 0.38),
    "background": "#3f78b5",
}
ROOM: dict[str, Any] = {
    "horizon": (0.80, 0.77, 0.73),
    "ground": (0.66, 0.60, 0.54),
    "background": "#8d8a88",
}


GOLD = (0.80, 0.52, 0.14)
WOOD = (0.24, 0.13, 0.06)


def scene_of(a: ClothArguments) -> Scene:
    """Return the scene of a shape, fitted to the size of the cloth."""
    w, h = a.cloth_width, a.cloth_height
    reach = max(w, h)
    thick = POLE_RADIUS * reach / 1.5
    if a.shape == "flag":
        top = h + 0.85 * reach
        x, high = -1.4 * thick, top + 0.05 * reach
        pole = Beam((x, 0.0, 0.0), (x, high, 0.0), thick)
        knob = Beam((x, high, 0.0), (x, high + 0.02 * thick, 0.0), 2.2 * thick, GOLD)
        return Scene(
            top=top, centre=(0.46 * w, top - 0.58 * h, 0.0), radius=0.60 * reach, yaw=-12.0,
            pitch=-3.0, beams=(pole, knob), **DAY,
        )  # fmt: skip
    if a.shape == "curtain":
        top, x = h + 0.08, 0.5 * GATHER * w + 0.08 * reach
        rail = Beam((-x, top + thick, 0.0), (x, top + thick, 0.0), 1.1 * thick, GOLD)
        look = ROOM | {"background": "#b9c4cf", "horizon": (0.90, 0.88, 0.84)}
        return Scene(
            top=top, centre=(0.0, 0.5 * h + 0.05, 0.0), radius=0.60 * max(GATHER * w, h),
            yaw=-20.0, pitch=6.0, beams=(rail,), **look,
        )  # fmt: skip
    if a.shape == "sheet":
        top, x = h + 0.5, 0.5 * w + 0.10 * reach
        posts = (Beam((side * x, 0.0, 0.0), (side * x, top + 0.08 * reach, 0.0), thick, WOOD)
                 for side in (-1, 1))  # fmt: skip
        line = Beam((-x, top, 0.0), (x, top, 0.0), 0.25 * thick, (0.75, 0.74, 0.72))
        return Scene(
            top=top, centre=(0.0, 0.48 * h + 0.42, 0.0), radius=0.66 * reach, yaw=18.0,
            pitch=3.0, beams=(*posts, line), **DAY,
        )  # fmt: skip
    if a.shape == "hammock":
        span, top = w * (1 - a.slack), 0.8 * w
        deep = 0.5 * (h if a.rows > 1 else 0.0) + 0.05 * w
        beams = []
        for side in (-0.5, 0.5):
            x = side * span
            beams.append(Beam((x, top, -deep), (x, top, deep), thick, WOOD))
            beams.append(Beam((x, 0.0, 0.0), (x, top, 0.0), 1.2 * thick, WOOD))
        return Scene(
            top=top, centre=(0.0, 0.54 * w, 0.0), radius=0.56 * max(w, h), yaw=28.0,
            pitch=24.0, beams=tuple(beams), **DAY,
        )  # fmt: skip
    radius = 0.26 * reach
    return Scene(
        top=2 * radius + 0.3 * reach, centre=(0.0, 0.27 * reach, 0.0), radius=0.60 * reach,
        yaw=28.0, pitch=20.0, ball=(0.0, radius, 0.0, radius), **ROOM,
    )  # fmt: skip


def beams_wgsl(scene: Scene) -> str:
    """Return ``beams_on`` and ``past_beams``."""

    def vector(v: Vector) -> str:
        return f"vec3f({', '.join(repr(float(x)) for x in v)})"

    places = [f"{vector(b.start)}, {vector(b.end)}, {b.radius!r}f" for b in scene.beams]
    on = "".join(
        f"  seen = beam_on(seen, eye, ray, {place}, {vector(beam.tone)});\n"
        for place, beam in zip(places, scene.beams, strict=True)
    )
    past = "".join(
        f"  free *= past_beam(p, l, {place});\n"
        for place, beam in zip(places, scene.beams, strict=True)
        if beam in scene.shading_beams
    )
    return (
        "fn beams_on(start: vec4f, eye: vec3f, ray: vec3f) -> vec4f {\n  var seen = start;\n"
        f"{on}  return seen;\n}}\n"
        "fn past_beams(p: vec3f, l: vec3f) -> f32 {\n  var free = 1.0;\n"
        f"{past}  return free;\n}}\n"
    )


def fold(a: ClothArguments) -> tuple[float, float]:
    """Return half the angle and the radius of a curtain's folds, arcs of circles to and fro.

    An arc's chord is sin(angle)/angle of its length: so the cloth is neither stretched nor pressed.
    """
    low, high = 1e-6, math.pi
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if math.sin(middle) / middle > GATHER else (low, middle)
    return low, a.cloth_width / (2 * FOLDS) / (2 * low)


def catenary(span: float, length: float) -> tuple[float, float]:
    """Return c of y = c cosh(x / c) and how deep a chain hangs between points ``span`` apart.

    2 c sinh(span / 2c) is the length (Leibniz, Huygens, Johann Bernoulli, 1691); by bisection.
    """
    low, high = 1e-3, 350.0  # half the span over c
    for _ in range(100):
        middle = (low + high) / 2
        if math.sinh(middle) / middle < length / span:
            low = middle
        else:
            high = middle
    return span / 2 / low, span / 2 / low * (math.cosh(low) - 1)


def hanging(a: ClothArguments) -> tuple[float, float]:
    """Return ``catenary`` of the hammock at the start."""
    return catenary(a.cloth_width * (1 - a.slack), a.cloth_width * LADEN)


PLACES = {
    "flag": "vec3f(s * WIDTH, TOP - r * HEIGHT, 0.04 * WIDTH * s * sin(9.0 * s))",
    "curtain": "vec3f((folded(s).x - 0.5) * WIDTH * GATHER, TOP - r * HEIGHT, folded(s).y)",
    "sheet": "vec3f((s - 0.5) * WIDTH, TOP - r * HEIGHT, 0.0)",
    "hammock": "hung((s - 0.5) * WIDTH * LADEN) + vec3f(0.0, 0.0, (r - 0.5) * HEIGHT)",
    "tablecloth": "vec3f((s - 0.5) * WIDTH, TOP, (r - 0.5) * HEIGHT)",
}
"""WGSL of a vertex' place at s across and r down, both in 0..1."""
PINS = {
    "left": "i == 0",
    "top": "j == 0",
    "corners": "j == 0 && (i <= COLUMNS / 16 || i >= COLUMNS - 1 - COLUMNS / 16)",
    "ends": "i == 0 || i == COLUMNS - 1",
    "none": "false",
}
PINS_OF = {
    "flag": "left",
    "curtain": "top",
    "sheet": "corners",
    "hammock": "ends",
    "tablecloth": "none",
}


def shape_wgsl(a: ClothArguments) -> str:
    """Return ``initial`` and ``pinned``."""
    return f"""
// A catenary, this far along from its middle.
fn hung(along: f32) -> vec3f {{
  let u = along / CATENARY;
  let x = sign(u) * log(abs(u) + sqrt(u * u + 1.0));
  return vec3f(CATENARY * x, TOP - SAG - CATENARY + CATENARY * cosh(x), 0.0);
}}
// Arcs to and fro, at s of their length: x in 0..1, and z in metres.
fn folded(s: f32) -> vec2f {{
  let n = min(floor(2.0 * FOLDS * s), 2.0 * FOLDS - 1.0);
  let angle = FOLD_ANGLE * (2.0 * (2.0 * FOLDS * s - n) - 1.0);
  let x = (n + 0.5 + 0.5 * sin(angle) / sin(FOLD_ANGLE)) / (2.0 * FOLDS);
  let z = FOLD_RADIUS * (cos(angle) - cos(FOLD_ANGLE));
  return vec2f(x, select(z, -z, floor_mod(n, 2.0) == 1.0));
}}
fn initial(i: i32, j: i32) -> vec3f {{
  let s = f32(i) * {1 / max(1, a.columns - 1)!r}f;
  let r = f32(j) * {1 / max(1, a.rows - 1)!r}f;
  let rough = ROUGH * (random(u32(i), u32(j), 5u) - 0.5);
  return {PLACES[a.shape]} + vec3f({_rough(a)});
}}
fn pinned(i: i32, j: i32) -> bool {{ return {PINS[a.held]}; }}
"""


def _rough(a: ClothArguments) -> str:
    # A perfectly flat cloth would not know to which side it may fall.
    return "0.0, rough, 0.0" if a.shape in ("tablecloth", "hammock") else "0.0, 0.0, rough"


def chain_width(a: ClothArguments) -> float:
    """Return half the width with which a chain is drawn, in metres; cloth has its own."""
    return 0.006 * a.cloth_width if a.rows == 1 else 0.0


def rough(a: ClothArguments) -> float:
    """Return how uneven the cloth begins, in metres."""
    return 0.0 if a.shape == "hammock" else 0.002 * max(a.cloth_width, a.cloth_height)


def initial(a: ClothArguments, seed: int) -> Floats:
    """Twin of ``initial`` for all vertices, shape (rows, columns, 3); ``seed`` is folded."""
    scene = scene_of(a)
    i, j = np.meshgrid(np.arange(a.columns), np.arange(a.rows))
    s, r = i / max(1, a.columns - 1), j / max(1, a.rows - 1)
    w, h = a.cloth_width, a.cloth_height if a.rows > 1 else 0.0
    zero = np.zeros_like(s)
    c, sag = hanging(a)
    x = np.arcsinh((s - 0.5) * w * LADEN / c)
    deep = (r - 0.5) * h
    half, radius = fold(a)
    n = np.minimum(np.floor(2 * FOLDS * s), 2 * FOLDS - 1)
    angle = half * (2 * (2 * FOLDS * s - n) - 1)
    across = (n + 0.5 + 0.5 * np.sin(angle) / math.sin(half)) / (2 * FOLDS)
    folds = radius * (np.cos(angle) - math.cos(half)) * np.where(n % 2 == 1, -1, 1)
    down = scene.top - r * h
    by_shape = {
        "flag": (s * w, down, 0.04 * w * s * np.sin(9 * s)),
        "curtain": ((across - 0.5) * w * GATHER, down, folds),
        "sheet": ((s - 0.5) * w, down, zero),
        "hammock": (c * x, scene.top - sag - c + c * np.cosh(x), deep),
        "tablecloth": ((s - 0.5) * w, zero + scene.top, deep),
    }  # fmt: skip
    at = np.stack(np.broadcast_arrays(*by_shape[a.shape]), -1)
    axis = 1 if a.shape in ("tablecloth", "hammock") else 2
    chance = random(i.astype(np.uint32), j.astype(np.uint32), np.uint32(5), seed)
    at[..., axis] += rough(a) * (chance - 0.5)
    return np.asarray(at)


def pinned(a: ClothArguments) -> NDArray[np.bool_]:
    """Twin of ``pinned`` for all vertices, shape (rows, columns)."""
    i, j = np.meshgrid(np.arange(a.columns), np.arange(a.rows))
    ends, peg = (i == 0) | (i == a.columns - 1), a.columns // 16
    kinds = {
        "left": i == 0,
        "top": j == 0,
        "corners": (j == 0) & ((i <= peg) | (i >= a.columns - 1 - peg)),
        "ends": ends,
        "none": np.zeros_like(ends),
    }
    return np.asarray(kinds[a.held])
