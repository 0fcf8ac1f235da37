"""The NumPy twin of ``particles.wgsl``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed, number_of
from intentos.protocols import Snapshot

from .prelude import pack_rgba, palette, random

if TYPE_CHECKING:
    from .particles import Formulas, ParticlesArguments

Floats = NDArray[np.floating[Any]]
FIXED = 4096.0
DELTA = np.float32(0.002)
LEAST = 0.15
EYE = np.array([0, 0, 1], np.float32)


def spread(count: int) -> tuple[Floats, Floats]:
    """Return a and b of every point, evenly spread over the unit square."""
    i = np.arange(count, dtype=np.uint32)
    with np.errstate(over="ignore"):
        bits = [i * np.uint32(k) + np.uint32(0x80000000) for k in (3242174889, 2447445414)]
    a, b = ((x >> np.uint32(8)).astype(np.float32) * np.float32(1 / 16777216) for x in bits)
    return a, b


def linear(c: Any) -> Any:
    """sRGB to linear light, by the usual power."""
    return np.maximum(c, 0) ** 2.2


def unit(v: Any) -> Any:
    """Return vectors of length 1."""
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def frames(a: ParticlesArguments, formulas: Formulas, seed: int) -> Iterator[Snapshot]:
    """Yield every frame of the film."""
    from .particles import view_of

    cloud = Cloud(a, formulas, fold_seed(seed))
    view = view_of(a)
    step = 0
    for frame in range(a.frames):
        if frame:
            for _ in range(a.steps):
                if a.moves:
                    cloud.integrate(step * a.dt, frame)
                step += 1
        if frame == 0 or not a.moves:
            cloud.place(step * a.dt, frame)
        yaw = view.yaw + view.spin * frame / a.frames_per_second
        drawing = Drawing(cloud, (yaw, view.pitch, view.distance))
        finite = np.isfinite(cloud.at).all(axis=-1)
        with np.errstate(all="ignore"):
            pixels = pack_rgba(drawing.picture())
        yield Snapshot(
            pixels=pixels,
            probes={
                "in_view": float(drawing.in_view) / a.points,
                "not_finite": float(np.count_nonzero(~finite)),
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
        self.fixed: dict[str, Any] = {
            f"h{k}": random(i, 0, k, seed).astype(np.float64) for k in (1, 2, 3, 4)
        }
        self.fixed["n"] = i / a.points
        self.fixed |= a.parameters
        self.at: Floats = np.zeros((a.points, 3))
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
        longest = np.maximum(*(np.linalg.norm(d, axis=-1) for d in (right, upper)))
        gap = np.maximum(1.2 * np.sqrt(size), 0.62 * longest)
        self.gap = gap / (2 * DELTA * math.sqrt(self.a.points))

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
    """One picture of a cloud, seen with (yaw, pitch, distance)."""

    def __init__(self, cloud: Cloud, view: tuple[float, float, float]) -> None:
        self.a, self.cloud = cloud.a, cloud
        self.yaw, self.pitch, self.distance = view
        self.side = min(self.a.width, self.a.height)
        self.size = np.array([self.a.width, self.a.height])
        self.in_view = 0

    def turned(self, v: Floats) -> Floats:
        """Return vectors as the camera sees them."""
        c, s, d, e = (f(x) for x in (self.yaw, self.pitch) for f in (math.cos, math.sin))
        x = c * v[:, 0] + s * v[:, 2]
        z = c * v[:, 2] - s * v[:, 0]
        return np.stack([x, d * v[:, 1] - e * z, e * v[:, 1] + d * z], axis=-1)

    def picture(self) -> Floats:
        """Return sRGB colours, shape (height, width, 3)."""
        image = self._surface() if self.a.solid else self._light()
        height, width = self.a.height, self.a.width
        image = image.reshape(height, width, 4)
        glow = self._glow(image)
        y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        e = (np.stack([x, y], -1) + 0.5 - self.size / 2) / self.side
        ground = linear(np.array(number_of(self.a.background))[:3])
        ground = ground * (1.35 * np.exp(-2.6 * np.sum(e * e, -1, keepdims=True)) + 0.22)
        light = ground * (1 - image[..., 3:]) + image[..., :3] + glow * self.a.glow
        toned = np.minimum(light / (1 + 0.35 * light) * 1.12, 1) ** (1 / 2.2)
        noise = random(np.arange(width * height), 0, 77, self.cloud.seed).reshape(height, width)
        return np.asarray(toned + (noise[..., None] - 0.5) / 200)

    def _splats(self) -> tuple[Any, ...]:
        """Return which points are drawn, their pixels, distances, radii and scale."""
        a, cloud = self.a, self.cloud
        finite = np.asarray(np.isfinite(cloud.at).all(axis=-1))
        q = self.turned(cloud.stage(np.where(finite[:, None], cloud.at, 0)))
        depth = self.distance - q[:, 2]
        scale = 1.2 * self.side / np.maximum(depth, 0.05)
        at = self.size / 2 + np.stack([q[:, 0], -q[:, 1]], -1) * scale[:, None]
        zoom = self.side / 512
        if a.solid:
            r = np.clip(cloud.gap * scale * a.size, 1.1 * zoom, 7 * zoom)
        else:
            r = np.clip(a.size * zoom * self.distance / depth, 0.8, 12 * zoom)
        seen = finite & (depth >= 0.1)
        self.in_view = int((seen & (at >= 0).all(-1) & (at < self.size).all(-1)).sum())
        near = (at >= -r[:, None]).all(-1) & (at <= self.size + r[:, None]).all(-1)
        who = np.flatnonzero(seen & near)
        return who, at[who].astype(np.float32), depth[who].astype(np.float32), r[who]

    def _touched(self, at: Any, r: Any) -> Iterator[tuple[Any, Any, Any]]:
        """Yield (splats, pixel indices, weights), one offset of the largest splat at a time."""
        reach = math.ceil(float(r.max(initial=0))) + 1
        middle = np.floor(at).astype(np.int64)
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                pixel = middle + np.array([dx, dy])
                d = (pixel + 0.5 - at) / r[:, None]
                w = np.maximum(1 - np.sum(d * d, -1), 0) ** 2
                inside = (w > 0) & (pixel >= 0).all(-1) & (pixel < self.size).all(-1)
                some = np.flatnonzero(inside)
                yield some, pixel[some, 1] * self.a.width + pixel[some, 0], w[some]

    def _surface(self) -> Floats:
        a, cloud = self.a, self.cloud
        who, at, depth, r = self._splats()
        count = a.width * a.height
        nearest = np.full(count, np.inf)
        for some, pixel, w in self._touched(at, r):
            np.minimum.at(nearest, pixel[w > LEAST], depth[some[w > LEAST]])
        reach = 0.015 + 1.5 * cloud.gap[who]
        normal = self.turned(cloud.normal[who])
        normal = np.where(normal[:, 2:] < 0, -normal, normal)
        glint = self._glints(who, normal)
        values = np.column_stack([normal[:, :2], np.ones(who.size), cloud.tone[who], glint])
        accum = np.zeros((count, 5))
        for some, pixel, w in self._touched(at, r):
            front = (w > LEAST) & (depth[some] <= nearest[pixel] + reach[some])
            some, pixel, w = some[front], pixel[front], w[front]
            for k in range(5):
                amount = np.round(w * values[some, k] * FIXED)
                accum[:, k] += np.bincount(pixel, amount, count)
        return self._developed(accum / FIXED, np.isfinite(nearest))

    def _developed(self, accum: Floats, covered: Any) -> Floats:
        weight = accum[:, 2]
        drawn = weight >= 0.001
        safe = np.where(drawn, weight, 1)[:, None]
        alpha = np.where(drawn, np.clip(2 * self._covered_around(covered) - 0.8, 0, 1), 0)[:, None]
        across = accum[:, :2] / safe
        towards = np.sqrt(np.maximum(1 - np.sum(across**2, -1), 1e-6))
        normal = unit(np.column_stack([across, towards]))
        tones = accum[:, 3:] / safe
        colour = self._lit(normal, tones[:, 0], tones[:, 1])
        return np.where(alpha > 0, np.concatenate([colour * alpha, alpha], -1), 0)

    def _covered_around(self, covered: Any) -> Floats:
        height, width = self.a.height, self.a.width
        padded = np.pad(covered.reshape(height, width).astype(float), 1, mode="edge")
        total = np.zeros((height, width))
        for dy in range(3):
            for dx in range(3):
                part = padded[dy : dy + height, dx : dx + width]
                total += (2 - abs(dx - 1)) * (2 - abs(dy - 1)) * part
        return total.ravel() / 16

    def _glints(self, who: Any, normal: Floats) -> Floats:
        seed = self.cloud.seed
        sparkles = random(who, 5, 5, seed) < np.float32(0.06 * self.a.glitter)
        tilt = np.stack([random(who, k, 5, seed) for k in (6, 7, 8)], -1) - 0.5
        facet = unit(normal + 0.9 * self.turned(tilt))
        between = unit(KEY + EYE)
        return np.where(sparkles, np.maximum(facet @ between, 0) ** 90, 0)

    def _ink(self, shade: Floats) -> Floats:
        if self.a.palette:
            return np.asarray(linear(palette(self.a.palette, shade)))
        return np.asarray(linear(np.array(number_of(self.a.colour))[:3]) * shade[:, None])

    def _lit(self, normal: Floats, shade: Floats, glint: Floats) -> Floats:
        base = self._ink(shade)
        fill = unit(np.array([0.8, -0.15, 0.45]))

        def power(direction: Any, exponent: float) -> Floats:
            return np.asarray(np.maximum(normal @ direction, 0)[:, None] ** exponent)

        wrapped = np.maximum(0.25 + 0.75 * (normal @ KEY), 0)[:, None]
        edge = (1 - np.clip(normal[:, 2:], 0, 1)) ** 3
        above = np.maximum(normal[:, 1:2] * 0.5 + 0.5, 0)
        colour = base * (0.10 + 0.95 * wrapped**2 + 0.22 * power(fill, 1))
        colour = colour + (base * 0.85 + 0.15) * (0.60 * edge * (0.35 + 0.65 * above))
        shine = power(unit(KEY + EYE), 70)
        sheen = 0.09 * power(unit(KEY + EYE), 10) + 0.16 * power(unit(fill + EYE), 40)
        colour = colour + np.array([1.0, 0.95, 0.92]) * (1.10 * shine * self.a.gloss)
        colour = colour + (base * 0.5 + 0.5) * (sheen * self.a.gloss)
        return np.asarray(colour + np.array([1.0, 0.93, 0.88]) * (3 * glint[:, None]))

    def _light(self) -> Floats:
        a, cloud = self.a, self.cloud
        who, at, depth, r = self._splats()
        count = a.width * a.height
        base = a.size * self.side / 512
        near = self.distance / depth.astype(np.float64)
        amount = cloud.light[who] * a.brightness * base**2 / np.maximum(r * r, 0.01) * near**3
        colour = self._ink(cloud.tone[who]) * amount[:, None]
        accum = np.zeros((count, 4))
        for some, pixel, w in self._touched(at, r):
            for k in range(3):
                amount = np.round(w * colour[some, k] * FIXED)
                accum[:, k] += np.bincount(pixel, amount, count)
        return accum / FIXED

    def _glow(self, image: Floats) -> Floats:
        height, width = self.a.height, self.a.width
        tall, wide = -(-height // 4), -(-width // 4)
        light = np.minimum(image[..., :3], 4)
        light = np.pad(light, ((0, 4 * tall - height), (0, 4 * wide - width), (0, 0)), mode="edge")
        halo = light.reshape(tall, 4, wide, 4, 3).mean(axis=(1, 3))
        sigma = 0.016 * self.side
        reach = int(2.5 * sigma)
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
        weights = weights / weights.sum()
        for axis in (1, 0):
            padded = np.pad(halo, [(reach, reach) if k == axis else (0, 0) for k in range(3)])
            length = halo.shape[axis]
            halo = sum(
                w * np.take(padded, range(k, k + length), axis) for k, w in enumerate(weights)
            )
        y, x = ((np.arange(n) + 0.5) / 4 - 0.5 for n in (height, width))
        rows, columns = (np.floor(v).astype(int) for v in (y, x))
        fy, fx = (y - rows)[:, None, None], (x - columns)[None, :, None]

        def at(dy: int, dx: int) -> Floats:
            return np.asarray(
                halo[np.clip(rows + dy, 0, tall - 1)][:, np.clip(columns + dx, 0, wide - 1)]
            )

        upper = at(0, 0) * (1 - fx) + at(0, 1) * fx
        lower = at(1, 0) * (1 - fx) + at(1, 1) * fx
        return np.asarray(upper * (1 - fy) + lower * fy)


KEY = unit(np.array([-0.45, 0.65, 0.75]))
