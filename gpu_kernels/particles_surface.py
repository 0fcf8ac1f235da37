"""The NumPy twin of ``particles_surface.wgsl``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .particles_twin import unit
from .prelude import random, random_bits

if TYPE_CHECKING:
    from .particles_twin import Drawing

Floats = NDArray[np.floating[Any]]
BROADEST = 200
KEY = unit(np.array([-0.45, 0.65, 0.75]))
EYE = np.array([0, 0, 1])
FAR = 0xFFFFFFFF


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
        wound = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0] > 0
        behind = np.where(np.abs(normal[:, 2]) < 0.25, wound, normal[:, 2] < 0)
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
