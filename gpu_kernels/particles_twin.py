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
from .prelude import palette, random, random_bits

if TYPE_CHECKING:
    from .particles import Formulas, ParticlesArguments
    from .splats_twin import Canvas

Floats = NDArray[np.floating[Any]]
DELTA = np.float32(0.002)
BROADEST = 200


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


class Surface:
    """A drawing of a surface: of every pixel the nearest triangle, then its light."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing, self.cloud, self.camera = drawing, drawing.cloud, drawing.camera
        columns, rows = self.cloud.grid
        self.width, self.height = self.camera.width, self.camera.height
        i = np.arange((columns - 1) * (rows - 1))
        first = i // (columns - 1) * columns + i % (columns - 1)
        a, b, c, d = first, first + 1, first + columns, first + columns + 1
        self.corners = np.stack([np.stack([a, b, c], -1), np.stack([d, c, b], -1)], 1)
        self.bits = (2 * i.size).bit_length()
        self.depths = 2 ** (32 - self.bits) - 2

    def picture(self) -> NDArray[np.uint8]:
        """Return the frame, uint8 of shape (height, width, 4)."""
        nearest = self._nearest()
        self._glitter(nearest)
        image = np.zeros((self.height * self.width, 4))
        found = nearest != FAR
        image[found, :3] = self._lit(*self._looked_up(nearest, found))
        image[found, 3] = 1
        shown = self._softened(image.reshape(self.height, self.width, 4), nearest)
        return self.drawing.canvas.picture(surface=shown)

    def _softened(self, image: Floats, nearest: NDArray[np.int64]) -> Floats:
        """Return the picture with soft edges: where a neighbour's depth is quite another."""
        own = (nearest >> self.bits).reshape(self.height, self.width)
        edge = np.zeros(own.shape, bool)
        total = np.zeros(image.shape)
        depth = np.pad(own, 1, mode="edge")
        padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
        for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
            part = (slice(dy, dy + self.height), slice(dx, dx + self.width))
            edge |= np.abs(depth[part] - own) > int(0.003 * self.depths)
            total += padded[part]
        return np.where(edge[..., None], 0.5 * image + 0.125 * total, image)

    def _depth_bits(self, depth: Floats) -> Floats:
        near = max(self.camera.distance - 2, 0.1)
        return np.asarray(np.floor((1 - np.minimum(near / depth, 1)) * self.depths) * 2**self.bits)

    def _nearest(self) -> NDArray[np.int64]:
        at, depth = self.drawing.at, self.drawing.depth
        nearest = np.full(self.width * self.height, FAR, np.int64)
        kept = np.flatnonzero(self._kept())
        corners = at[self.corners[kept]]
        low = np.ceil(corners.min((1, 2)) - 0.5).astype(int)
        high = np.floor(corners.max((1, 2)) - 0.5).astype(int)
        most = (high - low).max(0, initial=0)
        for dy in range(most[1] + 1):
            for dx in range(most[0] + 1):
                pixel = low + np.array([dx, dy])
                inside = (pixel <= high).all(-1) & (pixel >= 0).all(-1)
                inside &= (pixel < np.array([self.width, self.height])).all(-1)
                some = np.flatnonzero(inside)
                self._enter(nearest, pixel[some], kept[some], corners[some], depth)
        return nearest

    def _kept(self) -> Any:
        """Return which meshes are drawn: whole, not torn, not too broad."""
        from .particles import TORN

        at, scale = self.drawing.at, self.drawing.scale
        (a, b, c), d = self.corners[:, 0].T, self.corners[:, 1, 0]
        four = np.stack([a, b, c, d], -1)
        whole = self.drawing.finite[four].all(-1) & (self.drawing.depth[four] > 0.1).all(-1)

        def length(p: Any, q: Any) -> Floats:
            return np.asarray(np.linalg.norm(at[p] - at[q], axis=-1))

        across = np.maximum(length(a, b), length(c, d)) <= TORN / self.cloud.grid[0] * scale[a]
        down = np.maximum(length(a, c), length(b, d)) <= TORN / self.cloud.grid[1] * scale[a]
        broad = (np.ptp(at[four], axis=1) > BROADEST).any(-1)
        return whole & across & down & ~broad

    def _enter(self, nearest: Any, pixel: Any, meshes: Any, corners: Floats, depth: Floats) -> None:
        for k in (1, 0):  # where both triangles hold a pixel the first one counts
            o, e, f = (corners[:, k, n] for n in range(3))
            s = shares(pixel + 0.5, o, e - o, f - o)
            held = (s.min(-1) >= -1e-3) & (s.sum(-1) <= 1.002)
            if k == 1:
                first = (corners[:, 0, n] for n in range(3))
                o, e, f = first
                t = shares(pixel + 0.5, o, e - o, f - o)
                held &= ~((t.min(-1) >= -1e-3) & (t.sum(-1) <= 1.002))
            mesh = meshes[held]
            z = depth[self.corners[mesh, k]]
            deep = z[:, 0] + s[held, 0] * (z[:, 1] - z[:, 0]) + s[held, 1] * (z[:, 2] - z[:, 0])
            key = self._depth_bits(deep).astype(np.int64) + 2 * mesh + k
            np.minimum.at(nearest, pixel[held, 1] * self.width + pixel[held, 0], key)

    def _looked_up(self, nearest: NDArray[np.int64], found: Any) -> tuple[Floats, Floats]:
        """Return the normal and the shade of every covered pixel."""
        number = nearest[found] % 2**self.bits
        corners = self.corners[number // 2, number % 2]
        where = np.flatnonzero(found)
        pixel = np.stack([where % self.width, where // self.width], -1) + 0.5
        at = self.drawing.at[corners]
        s = shares(pixel, at[:, 0], at[:, 1] - at[:, 0], at[:, 2] - at[:, 0])
        normals = self.camera.turned(self.cloud.normal)[corners]
        n0 = normals[:, 0]
        n1, n2 = (
            np.where(np.sum(normals[:, k] * n0, -1, keepdims=True) >= 0, 1, -1) * normals[:, k]
            for k in (1, 2)
        )
        normal = n0 + s[:, :1] * (n1 - n0) + s[:, 1:] * (n2 - n0)
        across, down = at[:, 1] - at[:, 0], at[:, 2] - at[:, 0]
        behind = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0] > 0
        normal = np.where(behind[:, None], -normal, normal)
        normal[:, 2] = np.maximum(normal[:, 2], 1e-4)
        tone = self.cloud.tone[corners]
        shade = (
            tone[:, 0] + s[:, 0] * (tone[:, 1] - tone[:, 0]) + s[:, 1] * (tone[:, 2] - tone[:, 0])
        )
        return unit(normal), shade

    def _glitter(self, nearest: NDArray[np.int64]) -> None:
        from .particles import RARE

        cloud, d = self.cloud, self.drawing
        k = np.arange(-(-cloud.a.points // RARE))
        who = RARE * k + random_bits(k, 4, 5, cloud.seed) % RARE
        who = who[who < cloud.a.points]
        sparkles = random(who, 5, 5, cloud.seed) < np.float32(cloud.a.glitter)
        who = who[sparkles & d.in_view[who]]
        column, row = np.floor(d.at[who]).astype(int).T
        front = nearest[row * self.width + column] >> self.bits
        behind = front < self._depth_bits(d.depth[who] * 0.99).astype(np.int64) >> self.bits
        who = who[~behind]
        normal = self.camera.turned(cloud.normal[who])
        normal = np.where(normal[:, 2:] < 0, -normal, normal)
        tilt = np.stack([random(who, k, 5, cloud.seed) for k in (6, 7, 8)], -1) - 0.5
        facet = unit(normal + 0.9 * self.camera.turned(tilt))
        glint = np.maximum(facet @ unit(KEY + EYE), 0) ** 90
        r = np.minimum(1.3 * cloud.gap[who] * d.scale[who], 2.5 * self.camera.side / 512)
        light = np.array([1.0, 0.93, 0.88]) * (2.6 * glint * (glint > 0.002))[:, None]
        d.canvas.light(d.at[who], r, light)

    def _lit(self, normal: Floats, shade: Floats) -> Floats:
        base, gloss = self.drawing.ink(shade), self.cloud.a.gloss
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
        colour = colour + np.array([1.0, 0.95, 0.92]) * (1.10 * shine * gloss)
        return np.asarray(colour + (base * 0.5 + 0.5) * (sheen * gloss))


def shares(p: Floats, o: Floats, e: Floats, f: Floats) -> Floats:
    """Return where p lies in the triangle o, o + e, o + f, in shares of e and f, shape (n, 2)."""

    def turn(u: Floats, v: Floats) -> Floats:
        return np.asarray(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])

    area = turn(e, f)
    flat = np.abs(area) < 1e-6
    safe = np.where(flat, 1, area)
    found = np.stack([turn(p - o, f), turn(e, p - o)], -1) / safe[:, None]
    return np.asarray(np.where(flat[:, None], -1, found))


KEY = unit(np.array([-0.45, 0.65, 0.75]))
EYE = np.array([0, 0, 1])
FAR = 0xFFFFFFFF
