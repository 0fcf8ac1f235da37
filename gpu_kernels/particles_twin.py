"""The NumPy twin of ``particles.wgsl``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed, number_of
from intentos.protocols import Snapshot

from .camera import Camera
from .prelude import palette, random

if TYPE_CHECKING:
    from .particles import ParticlesArguments
    from .particles_formulas import Formulas
    from .splats_twin import Canvas

Floats = NDArray[np.floating[Any]]
DELTA = np.float32(0.002)


def spread(count: int) -> tuple[Floats, Floats]:
    """Return a and b of every point, evenly spread over the unit square."""
    i = np.arange(count, dtype=np.uint32)
    with np.errstate(over="ignore"):
        bits = [i * np.uint32(k) + np.uint32(0x80000000) for k in (3242174889, 2447445414)]
    a, b = ((x >> np.uint32(8)).astype(np.float32) * np.float32(1 / 16777216) for x in bits)
    return a, b


def linear_ink(c: Any) -> Any:
    """Colours to light, as in the shader."""
    return c * c * (0.7106 + 0.2894 * c)


def unit(v: Any) -> Any:
    """Return vectors of length 1."""
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def frames(a: ParticlesArguments, formulas: Formulas, seed: int) -> Iterator[Snapshot]:
    """Yield every frame of the film."""
    from .particles import counted, splats_of, view_of
    from .particles_surface import Surface

    cloud, canvas = Cloud(a, formulas, fold_seed(seed)), splats_of(a).canvas()
    view, step = view_of(a), 0
    for frame in range(a.frames):
        if frame:
            for _ in range(a.steps):
                if a.moves:
                    cloud.integrate(step * a.dt, frame)
                step += 1
        if frame == 0 or not a.moves:
            cloud.place(step * a.dt, frame)
        camera = Camera.at(view, frame, a.frames_per_second, a.width, a.height)
        drawing = Drawing(cloud, camera, canvas)
        with np.errstate(all="ignore"):
            if a.solid:
                pixels = Surface(drawing).picture()
            else:
                drawing.shine(first=frame == 0)
                pixels = canvas.picture()
        some = np.arange(0, a.points, counted(a))
        yield Snapshot(
            pixels=pixels,
            probes={
                "in_view": float(np.count_nonzero(drawing.in_view[some])) / some.size,
                "not_finite": float(np.count_nonzero(~drawing.finite)),
            },
            buffers={
                "positions": np.concatenate([cloud.at, cloud.tone[:, None]], -1).astype(np.float32)
            },
        )


class Cloud:
    """The points: ``at`` (points, 3), ``tone``, ``light``, and of a surface ``normal``, ``gap``."""

    def __init__(self, a: ParticlesArguments, formulas: Formulas, seed: int) -> None:
        self.a, self.formulas, self.seed = a, formulas, seed
        i = np.arange(a.points)
        self.spread = spread(a.points)
        self.grid = formulas.grid() if a.solid else (2, 2)
        if a.solid:
            columns, rows = self.grid
            self.spread = (
                (i % columns / np.float32(columns - 1)).astype(np.float32),
                (np.minimum(i // columns, rows - 1) / np.float32(rows - 1)).astype(np.float32),
            )
        self.fixed: dict[str, Any] = {
            f"h{k}": random(i, 0, k, seed).astype(np.float64) for k in (1, 2, 3, 4)
        }
        self.fixed["n"] = i / a.points
        self.fixed |= a.parameters
        self.at: Floats = np.zeros((a.points, 3))
        self.before: Floats = self.at
        """Where they were when they were last drawn."""
        self.tone: Floats = np.ones(a.points)
        self.light: Floats = np.ones(a.points)
        self.normal: Floats = np.zeros((a.points, 3))
        self.gap: Floats = np.zeros(a.points)

    def _all(self, value: Any) -> Floats:
        return np.asarray(np.broadcast_to(value, (self.a.points,)), np.float64)

    def _point(self, u: Any, v: Any, t: float, phase: float) -> Floats:
        known = {**self.fixed, "a": np.float64(u), "b": np.float64(v), "t": t, "phase": phase}
        for name, formula in zip("xyz", self.formulas.place, strict=True):
            known[name] = self._all(formula.numpy(known, seed=self.seed))
        return np.stack([known["x"], known["y"], known["z"]], axis=-1)

    def _dress(self, t: float, phase: float) -> None:
        known = {**self.fixed, "a": self.spread[0], "b": self.spread[1], "t": t, "phase": phase}
        known |= dict(zip("xyz", self.at.T, strict=True))
        self.tone = self._all(self.formulas.shade.numpy(known, seed=self.seed))
        light = self._all(self.formulas.light.numpy(known, seed=self.seed))
        self.light = np.maximum(light, 0)

    def place(self, t: float, frame: int) -> None:
        """Put every point where its formulas say."""
        (u, v), phase = self.spread, frame / self.a.frames
        self.at = self._point(u, v, t, phase)
        self._dress(t, phase)
        if not self.a.solid:
            return
        right = self.stage(self._point(u + DELTA, v, t, phase))
        right = right - self.stage(self._point(u - DELTA, v, t, phase))
        upper = self.stage(self._point(u, v + DELTA, t, phase))
        upper = upper - self.stage(self._point(u, v - DELTA, t, phase))
        across = np.cross(right, upper)
        size = np.linalg.norm(across, axis=-1)
        outward = unit(self.stage(self.at) + np.array([0, 0, 1e-6]))
        flat = size <= 1e-10
        self.normal = np.where(flat[:, None], outward, across / np.where(flat, 1, size)[:, None])
        self.gap = np.sqrt(size) / (2 * DELTA * math.sqrt(self.a.points))

    def integrate(self, t: float, frame: int) -> None:
        """One step of the classical Runge-Kutta method of fourth order."""
        d = self.a.dt

        def rate(p: Floats, when: float) -> Floats:
            known = {**self.fixed, **dict(zip("xyz", p.T, strict=True)), "t": when}
            return np.stack([self._all(r.numpy(known)) for r in self.formulas.rates], axis=-1)

        with np.errstate(all="ignore"):
            k1 = rate(self.at, t)
            k2 = rate(self.at + 0.5 * d * k1, t + 0.5 * d)
            k3 = rate(self.at + 0.5 * d * k2, t + 0.5 * d)
            k4 = rate(self.at + d * k3, t + d)
            self.at = self.at + d / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        self._dress(t + d, frame / self.a.frames)

    def stage(self, p: Floats) -> Floats:
        """Return places with the object's middle at 0, its radius 1, y upwards."""
        q = (p - np.array(self.a.centre)) / self.a.radius
        if self.a.up == "z":
            return np.stack([q[:, 0], q[:, 2], -q[:, 1]], axis=-1)
        return np.asarray(q)


class Drawing:
    """A cloud as one camera sees it: ``at`` (points, 2) pixels, ``depth``, ``scale``."""

    def __init__(self, cloud: Cloud, camera: Camera, canvas: Canvas) -> None:
        self.cloud, self.camera, self.canvas = cloud, camera, canvas
        self.finite = np.asarray(np.isfinite(cloud.at).all(axis=-1))
        self.at, self.depth, self.scale = self.seen(cloud.at)
        size = np.array([camera.width, camera.height])
        shown = (self.at >= 0).all(-1) & (self.at < size).all(-1)
        self.in_view = self.finite & (self.depth > 0.1) & shown

    def seen(self, places: Floats) -> tuple[Floats, Floats, Floats]:
        """Return pixels, depths and scales; what is nowhere counts as the middle."""
        there = np.isfinite(places).all(axis=-1, keepdims=True)
        safe = np.where(there, places, 0)
        return self.camera.project(self.cloud.stage(safe))

    def ink(self, shade: Any) -> Floats:
        """Return the light of a colour."""
        a = self.cloud.a
        if a.palette:
            return np.asarray(linear_ink(palette(a.palette, np.asarray(shade))))
        colour = np.array(number_of(a.colour))[:3]
        return np.asarray(linear_ink(colour) * np.asarray(shade)[..., None])

    def _radius(self) -> Floats:
        a = self.cloud.a
        return a.size * self.camera.side / 512 * self.camera.distance / self.depth

    def _light(self, shade: Floats, bright: Floats) -> Floats:
        strength = bright * self.cloud.a.brightness * self.camera.distance / self.depth
        return self.ink(shade) * strength[:, None]

    def shine(self, *, first: bool) -> None:
        """Draw points, streaks or a curve of light."""
        cloud, most = self.cloud, 12 * self.camera.side / 512
        wide = self._radius()
        r = np.minimum(wide, most)
        if cloud.a.joined:
            self._join(r)
            return
        light = self._light(cloud.tone, cloud.light) * (wide * wide / (r * r))[:, None]
        good = self.finite & (self.depth >= 0.1) & (cloud.light > 0)
        way, before = np.zeros(cloud.a.points), self.at
        if cloud.a.persistence > 0 and not first:
            before, depth, _ = self.seen(cloud.before)
            way = np.linalg.norm(self.at - before, axis=-1)
            way[(depth < 0.1) | ~np.isfinite(cloud.before).all(-1)] = 0
        moved = good & (way > 1) & (way < 0.2 * self.camera.side)
        still = good & ~moved
        self.canvas.light(self.at[still], r[still], light[still])
        thick = np.maximum(r, 1)
        share = (thick / (thick + way))[:, None]
        self.canvas.line(before[moved], self.at[moved], r[moved], (light * share)[moved])
        cloud.before = np.where(good[:, None], cloud.at, cloud.before)

    def _join(self, r: Floats) -> None:
        cloud = self.cloud
        light = self._light(
            0.5 * (cloud.tone + np.roll(cloud.tone, -1)),
            0.5 * (cloud.light + np.roll(cloud.light, -1)),
        )
        good = self.finite & (self.depth >= 0.1)
        good = good[:-1] & good[1:] & (cloud.light[:-1] + cloud.light[1:] > 0)
        a, b = self.at[:-1][good], self.at[1:][good]
        self.canvas.line(a, b, r[:-1][good], light[:-1][good])
