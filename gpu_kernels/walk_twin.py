"""The NumPy twin of ``walk.wgsl``, ``walk_aggregate.wgsl`` and ``walk_percolate.wgsl``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed
from intentos.program import View
from intentos.protocols import Snapshot

from .camera import Camera
from .prelude import cell_random, hash_, palette, random_bits
from .random_words import random_words
from .splats_twin import linear

if TYPE_CHECKING:
    from .walk import WalkArguments

Floats = NDArray[np.floating[Any]]
U = np.uint32
CLOSED = 0xFFFFFFFF
GOLD = np.array([1.0, 0.8, 0.35])


def frames(a: WalkArguments, seed: int) -> Iterator[Snapshot]:
    """Yield every frame of the film."""
    model = {"walk": Walk, "aggregation": Aggregate, "percolation": Percolation}[a.model]
    return model(a, fold_seed(seed)).frames()


class Model:
    """What the three have in common: light, a key, cells."""

    def __init__(self, a: WalkArguments, seed: int) -> None:
        self.a, self.seed = a, seed
        self.key = int(hash_(np.array([seed], U))[0])
        self.canvas = a.splats().canvas()
        self.side = min(a.width, a.height)

    def frames(self) -> Iterator[Snapshot]:
        """Yield every frame."""
        raise NotImplementedError

    def add(self, y: Any, x: Any, colour: Floats) -> None:
        """Add light to whole pixels."""
        self.canvas.light(np.stack([x + 0.5, y + 0.5], -1), 1.0, colour)


class Walk(Model):
    """Walkers as float32, like the shader's."""

    def frames(self) -> Iterator[Snapshot]:
        from .walk import chart_of

        a, chart = self.a, chart_of(self.a)
        self.p = np.zeros((a.count, 3), np.float32)
        self.before = self.p
        path = np.full(a.frames, np.nan)
        for frame in range(a.frames):
            if frame:
                self.before = self.p
                for k in range(a.each_frame):
                    self.p = self.p + self.step((frame - 1) * a.each_frame + k)
            found = self.measured(frame * a.each_frame)
            path[frame] = found["mean_square"]
            self.light(frame)
            pixels = self.canvas.picture()
            if chart is not None:
                image = pixels[..., :3] / 255.0
                total = a.all_steps * a.step_time
                law = 2 * a.dimensions * a.diffusivity * total
                chart.paint(image, (0.0, total), (0.0, 1.15 * law), [path, np.array([0.0, law])])
                pixels[..., :3] = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
            walkers = np.concatenate([self.p, np.zeros((a.count, 1), np.float32)], 1)
            yield Snapshot(pixels=pixels, probes=found, buffers={"walkers": walkers})

    def step(self, number: int) -> NDArray[np.float32]:
        """Twin of ``heading``."""
        a = self.a
        x, y, z = random_words(np.arange(a.count, dtype=U), number, self.key)
        if a.steps == "lattice":
            axis = (x >> U(8)) % U(a.dimensions)
            sign = np.where(y >> U(31) == 1, 1, -1)
            every = sign[:, None] * (axis[:, None] == np.arange(3))
            return np.asarray(every, np.float32)
        far, far_z = (
            np.sqrt(-2 * np.log((w.astype(np.float32) + np.float32(0.5)) * np.float32(2**-32)))
            for w in (x, hash_(x ^ U(0x9E3779B9)))
        )
        turn, turn_z = (math.tau * (w >> U(8)).astype(np.float32) / 2**24 for w in (y, z))
        every = np.stack([far * np.cos(turn), far * np.sin(turn), far_z * np.cos(turn_z)], 1)
        every[:, a.dimensions :] = 0
        return np.asarray(every / math.sqrt(a.dimensions), np.float32)

    def measured(self, steps: int) -> dict[str, float]:
        """Twin of ``measure``."""
        p, length = self.p.astype(np.float64), self.a.step_length
        r2 = (p**2).sum(1)
        return {
            "mean_x": float(p[:, 0].mean()) * length,
            "mean_square": float(r2.mean()) * length**2,
            "inside": float((r2 < steps).mean()),
            "not_finite": 0.0,
        }

    def on_picture(self, p: Floats, frame: int) -> tuple[Floats, Any, Any]:
        """Twin of the shader's: pixels, depth, pixels a unit."""
        a = self.a
        q = p * (a.step_length / a.reach_length)
        if a.dimensions == 3:
            camera = Camera.at(
                View(pitch=0.35, distance=3.0, spin=0.35), frame, a.frames_per_second, a.width,
                a.height,
            )  # fmt: skip
            return camera.project(q)
        unit = 0.5 * self.side
        at = np.array([a.width, a.height]) / 2 + np.stack([q[:, 0], -q[:, 1]], 1) * unit
        return at, np.ones(len(q)), np.full(len(q), unit)

    def tint(self) -> Floats:
        """Twin of ``tint``."""
        i = np.arange(self.a.trails) % 1024
        wheel = np.float32(i * np.float32(0.61803399))
        turn = (wheel - np.floor(wheel)) * math.tau
        shifts = np.array([0, -2.0944, 2.0944])
        return linear(0.62 + 0.38 * np.cos(turn[:, None] + shifts))

    def light(self, frame: int) -> None:
        """Twins of ``shine``, ``trail``, ``unroll`` and ``ring``."""
        from .walk import brightness

        a, scale = self.a, self.side / 512
        walker, trail, ring = brightness(a)
        far = math.sqrt(frame * a.each_frame)
        before = math.sqrt(max((frame - 1) * a.each_frame, 0))
        if a.dimensions == 1:
            if frame:
                self.unroll(frame, trail, before, far)
            return
        at, _, unit = self.on_picture(self.p, frame)
        size: Any = 1.3 * scale
        strength: Any = walker
        if a.dimensions == 3:
            near = np.clip(unit / (0.42 * self.side), 0.3, 2.5)
            size, strength = size * near, strength * near**2
        out = np.linalg.norm(self.p, axis=1) * (a.step_length / a.reach_length)
        colour = linear(palette(a.colours, 0.22 + 0.95 * out))
        self.canvas.light(at, size, colour * np.broadcast_to(strength, len(at))[:, None])
        if frame == 0:
            return
        n, tint = a.trails, self.tint()
        old, _, _ = self.on_picture(self.before[:n], frame)
        self.canvas.line(old, at[:n], 1.3 * scale, tint * trail)
        self.canvas.light(at[:n], 2.6 * scale, (tint + 0.5) * max(1 - a.trail, 0.05))
        turn = math.tau * np.arange(257) / 256
        circle = np.stack([np.cos(turn), np.sin(turn), np.zeros(257)], 1) * far
        circle = circle[:, [0, 2, 1]] if a.dimensions == 3 else circle
        p, _, _ = self.on_picture(circle, frame)
        self.canvas.line(p[:-1], p[1:], 1.2 * scale, GOLD * ring)

    def unroll(self, frame: int, trail: float, before: float, far: float) -> None:
        """Twin of ``unroll`` and of the parabola."""
        a, scale = self.a, self.side / 512
        across = a.width / max(a.frames - 1, 1)
        unit = 0.5 * a.height * a.step_length / a.reach_length
        middle, n = 0.5 * a.height, a.trails

        def at(column: int, place: Any) -> Floats:
            y = middle - np.atleast_1d(place) * unit
            return np.stack([np.full(y.shape, column * across), y], 1)

        old, new = at(frame - 1, self.before[:n, 0]), at(frame, self.p[:n, 0])
        self.canvas.line(old, new, 1.1 * scale, self.tint() * trail)
        for sign in (1, -1):
            self.canvas.line(
                at(frame - 1, -sign * before), at(frame, -sign * far), 1.2 * scale, GOLD * 2.0
            )


class Aggregate(Model):
    """The grid, claims and walkers, all whole numbers."""

    def frames(self) -> Iterator[Snapshot]:
        from .walk import captions_of

        a, captions = self.a, captions_of(self.a)
        self.sow()
        step = 0
        for frame in range(a.frames):
            for _ in range(a.each_frame if frame else 0):
                self.round(step)
                step += 1
            self.light(step)
            yield Snapshot(
                pixels=captions.paint(self.canvas.picture(), [self.arrived]),
                probes={"arrived": self.arrived, "radius": self.radius},
                buffers={"arrivals": self.grid.astype(np.uint32)},
            )

    def sow(self) -> None:
        """Twin of ``sow`` and ``send_out``."""
        a, n = self.a, self.a.cells
        y, x = np.mgrid[:n, :n]
        r2 = (x - n // 2) ** 2 + (y - n // 2) ** 2
        edge = n // 2 - 3
        seeded = {
            "point": r2 == 0,
            "line": y == n - 1,
            "ring": (r2 >= edge**2) & (r2 < (edge + 2) ** 2),
        }[a.start]
        self.grid = seeded.astype(np.int64)
        self.arrived = self.known = self.square = self.radius = 0
        self.p = self.launch(np.arange(a.count), np.zeros(a.count, np.int64))
        self.times = np.ones(a.count, np.int64)
        self.claims = np.full((n, n), -1, np.int64)

    def launch(self, i: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Twin of ``launch``."""
        a, n = self.a, self.a.cells
        chance = random_bits(i.astype(U), times.astype(U), U(3), self.seed).astype(np.int64)
        if a.start == "line":
            return np.stack([chance % n, np.full(len(i), max(n - 8 - self.radius, 2))], 1)
        far = 2 if a.start == "ring" else min(self.radius + 5, n // 2 - 3)
        angle = chance >> 21
        turn = np.stack([_whole_sine(angle + 512), _whole_sine(angle)], 1) * far
        return np.asarray(n // 2 + np.sign(turn) * (np.abs(turn) // 512))

    @property
    def under_way(self) -> int:
        """Walkers that walk."""
        a = self.a
        most = {"point": 8 + 3 * self.radius, "line": a.cells, "ring": 2 * a.cells}[a.start]
        return min(a.count, most)

    def round(self, step: int) -> None:
        """Twin of ``wander``, ``settle`` and ``take_stock``."""
        from .walk import HOPS

        a, n = self.a, self.a.cells
        i = np.arange(self.under_way)
        fresh = i[self.times[i] == 1]
        self.p[fresh] = self.launch(fresh, np.ones(len(fresh), np.int64))
        self.times[fresh] = 2
        p, arrived = self.p[i], np.zeros(len(i), bool)
        key = self.key ^ 0x51ED270B
        limit = 2 * self.radius + 30
        for k in range(HOPS // 8):
            inner = hash_(np.array([((step * (HOPS // 8) + k) & CLOSED) ^ key], U))
            word = hash_(i.astype(U) ^ inner)
            for j in range(8):
                p, arrived = self.hop(p, arrived, word, j)
                word = word >> U(2)
            d = p - n // 2
            lost = ~arrived & ((d**2).sum(1) > limit**2) & (a.start == "point")
            p[lost] = self.launch(i[lost], self.times[i[lost]])
            self.times[i[lost]] += 1
        self.p[i] = p
        self.settle(i[arrived], step)

    def hop(
        self, p: Any, arrived: Any, word: NDArray[np.uint32], j: int
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        a, n = self.a, self.a.cells
        sticky = round(65_536 * a.stickiness)
        stays = self.touching(p)
        if sticky < 65_536:
            stays = stays & ((hash_(word ^ U(j)) >> U(16)) < sticky)
        arrived = arrived | stays
        code = (word & U(3)).astype(np.int64)
        sign = 1 - 2 * (code & 1)
        step = np.where((code >= 2)[:, None], np.stack([sign, 0 * sign], 1),
                        np.stack([0 * sign, sign], 1))  # fmt: skip
        q = p + step
        if a.start == "line":
            q = np.stack([q[:, 0] % n, np.clip(q[:, 1], 1, n - 2)], 1)
        else:
            q = np.clip(q, 1, n - 2)
        free = ~arrived & (self.grid[q[:, 1], q[:, 0]] == 0)
        return np.where(free[:, None], q, p), arrived

    def touching(self, p: Any) -> Any:
        """Whether a neighbour is taken."""
        n, (x, y) = self.a.cells, p.T
        left, right = (x - 1) % n, (x + 1) % n
        near = self.grid[y, left] + self.grid[y, right] + self.grid[y - 1, x] + self.grid[y + 1, x]
        return near > 0

    def settle(self, i: NDArray[np.int64], step: int) -> None:
        """Twin of ``settle``; the walker of the smallest number wins a cell."""
        a, n = self.a, self.a.cells
        x, y = self.p[i].T
        np.maximum.at(self.claims, (y, x), CLOSED - i)
        won = (self.claims[y, x] == CLOSED - i) & (self.grid[y, x] == 0) & (not self.complete)
        self.grid[y[won], x[won]] = 2 + step
        self.arrived += int(won.sum())
        d2 = (x - n // 2) ** 2 + (y - n // 2) ** 2
        far = {"point": d2, "line": n - 1 - y, "ring": np.maximum(n * n // 4 - d2, 0)}[a.start]
        square = max(self.square, int(far[won].max(initial=0)))
        # Those who arrived start anew from where the cluster was in this round.
        self.p[i] = self.launch(i, self.times[i])
        self.times[i] += 1
        self.square, self.known = square, self.arrived
        self.radius = square if a.start == "line" else math.isqrt(square)

    @property
    def complete(self) -> bool:
        """Whether nothing is added any more."""
        n = self.a.cells
        far = {"point": n // 2 - 9, "line": n - 12, "ring": n // 2 - 1}[self.a.start]
        return self.known >= self.a.particles or self.radius >= far

    def light(self, step: int) -> None:
        """Twin of ``glow_cells`` and ``dust``."""
        a, n = self.a, self.a.cells
        each = n / a.width if a.start == "line" else n / self.side
        size = np.array([a.width, a.height]) * each
        corner = np.array([0.0, n - size[1]]) if a.start == "line" else 0.5 * (n - size)
        y, x = np.mgrid[: a.height, : a.width]
        cx = np.floor(corner[0] + (x + 0.5) * each).astype(np.int64)
        cy = np.floor(corner[1] + (y + 0.5) * each).astype(np.int64)
        inside = (cx >= 1) & (cy >= 1) & (cx < n - 1) & (cy < n - 1)
        age = np.where(inside, self.grid[np.clip(cy, 0, n - 1), np.clip(cx, 0, n - 1)], 0)
        use = age > 0
        y, x, cx, cy, age = y[use], x[use], cx[use], cy[use], age[use]
        taken = self.grid > 0
        beside = sum(
            taken[cy + dy, cx + dx].astype(float) for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1))
        )
        fresh = np.exp(-(step + 1 - (age - 1)) / (4.0 * a.each_frame))
        body = linear(palette(a.colours, 0.18 + 0.8 * (age - 1) / a.rounds))
        light = body * (0.75 + 0.12 * np.asarray(beside))[:, None]
        self.add(y, x, light + np.array([1.0, 0.95, 0.85]) * (1.6 * fresh)[:, None])
        at = (self.p[: self.under_way] + 0.5 - corner) / each
        self.canvas.light(at, self.side / 512, np.array([0.45, 0.6, 0.9]) * 0.5)


def _whole_sine(t: NDArray[np.int64]) -> NDArray[np.int64]:
    x = t & 1023
    product = x * (1024 - x)
    value = 8192 * product // (5_242_880 - 4 * product)
    return np.asarray(np.where(t & 1024, -value, value))


class Percolation(Model):
    """Clusters by spreading the smallest number until nothing changes."""

    def frames(self) -> Iterator[Snapshot]:
        from .walk import captions_of

        a, n, captions = self.a, self.a.cells, captions_of(self.a)
        chance = random_bits(np.arange(n * n, dtype=U), U(0), U(21), self.seed) >> U(16)
        low, high = a.levels
        steps = max(a.frames - 1, 1)
        for frame in range(a.frames):
            level = low + (high - low) * min(frame, steps) // steps
            labels = self.labels((chance < level).reshape(n, n))
            roots, sizes = np.unique(labels[labels != CLOSED], return_counts=True)
            both = np.intersect1d(labels[0], labels[-1])
            spanning = np.isin(roots, both)
            self.light(labels, dict(zip(roots, sizes, strict=True)), both)
            yield Snapshot(
                pixels=captions.paint(self.canvas.picture(), [level / 65_536]),
                probes={
                    "open_cells": int(sizes.sum()),
                    "largest": int(sizes.max(initial=0)),
                    "spanning": int(sizes[spanning].max(initial=0)),
                    "clusters": len(roots),
                    "level": level / 65_536,
                },
                buffers={"clusters": labels.astype(np.uint32)},
            )

    def labels(self, open_: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return each cell's cluster: the number of its first cell."""
        n = self.a.cells
        far = n * n
        label = np.where(open_, np.arange(n * n).reshape(n, n), far)
        shifts = [(0, 1), (1, 0)] + ([(1, 1), (1, -1)] if self.a.neighbours == 8 else [])
        while True:
            padded = np.pad(label, 1, constant_values=far)
            new = label
            for dy, dx in shifts:
                for s in (1, -1):
                    part = padded[1 + s * dy : 1 + s * dy + n, 1 + s * dx : 1 + s * dx + n]
                    new = np.minimum(new, part)
            new = np.where(open_, new, far)
            # Jump to the label of the label: distances halve.
            flat = np.append(new.ravel(), far)
            new = flat[flat[:-1]].reshape(n, n)
            if np.array_equal(new, label):
                return np.where(open_, label, CLOSED)
            label = new

    def light(self, labels: NDArray[np.int64], sizes: dict[int, int], both: Any) -> None:
        """Twin of ``glow_clusters``."""
        a, n = self.a, self.a.cells
        y, x = np.mgrid[: a.height, : a.width]
        each = n / (self.side * 0.94)
        qx = (x + 0.5 - 0.5 * a.width) * each + 0.5 * n
        qy = (y + 0.5 - 0.5 * a.height) * each + 0.5 * n
        inside = (qx >= 0) & (qy >= 0) & (qx < n) & (qy < n)
        cx, cy = (np.clip(np.floor(q), 0, n - 1).astype(np.int64) for q in (qx, qy))
        root = np.where(inside, labels[cy, cx], CLOSED)
        use = root != CLOSED
        if not use.any():
            return
        y, x, root, qx, qy = y[use], x[use], root[use], qx[use], qy[use]
        size = np.array([sizes[r] for r in root], float)
        share = np.clip(np.log2(size) / math.log2(n * n), 0, 1)
        hue = (hash_(root.astype(U)) >> U(8)).astype(np.float32) / 2**24
        light = linear(palette(a.colours, hue)) * (0.04 + 1.6 * share**3)[:, None]
        spans = np.isin(root, both)[:, None]
        e = (qy / n)[:, None]
        way = np.array([1.0, 0.16, 0.34]) * (1 - e) + np.array([1.0, 0.62, 0.12]) * e
        grain = cell_random(np.floor(qx), np.floor(qy), np.full(len(qx), 3.0), self.seed)
        way = way * (0.62 + 0.3 * np.asarray(grain))[:, None]
        self.add(y, x, np.where(spans, way, light))
