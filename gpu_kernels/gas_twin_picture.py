"""The NumPy twin of ``gas_picture.wgsl``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .gas_arguments import BARS, GasArguments
from .prelude import pack_rgba, palette, random

if TYPE_CHECKING:
    from .gas_twin import Gas

Floats = NDArray[np.floating[Any]]


class Picture:
    """The box, its discs and the chart."""

    def __init__(self, a: GasArguments, gas: Gas) -> None:
        self.a, self.gas = a, gas
        left, top, wide, high = a.frame
        self.middle = np.array([left + wide / 2, top + high / 2])
        y, x = np.mgrid[: a.height, : a.width] + 0.5
        self.place = (np.stack([x, y], -1) - self.middle) / a.unit * (1, -1)
        number = np.arange(a.width * a.height, dtype=np.uint32).reshape(a.height, a.width)
        self.grain = (random(number, 0, 77, gas.seed) - 0.5)[..., None] / 255
        self.trail = np.zeros((a.height, a.width), np.int64)
        self.before = np.zeros(2)

    def draw(self, frame: int) -> NDArray[np.uint8]:
        """Return the picture as it is now."""
        a, gas, p = self.a, self.gas, self.place
        box, wall = gas.box, gas.right_wall()
        x, y = p[..., 0], p[..., 1]
        inside = np.minimum(np.minimum(x + 0.5 * box[0], wall - x), 0.5 * box[1] - np.abs(y))
        inside = (inside * a.unit)[..., None]
        square = ((p / box) ** 2).sum(-1)[..., None]
        within = np.array([0.020, 0.026, 0.060]) + np.array([0.030, 0.036, 0.070]) * (
            1 - 1.6 * square
        )
        seen = self._discs()
        cover = seen[..., 3:]
        mean = seen[..., :3] / np.maximum(cover, 1e-9)
        within = np.where(cover > 0, _mix(within, mean, np.minimum(cover, 1)), within)
        if a.tracer_radius:
            within = self._tracer(within, frame)
        colour = np.where(inside > 0, within, (0.050, 0.056, 0.092))
        if a.piston:
            colour = self._piston(colour, wall)
        if gas.divided:
            colour = np.where(inside > 0, self._partition(colour), colour)
        edge = np.clip(1.6 - np.abs(inside + 0.6), 0, 1)
        colour = _mix(colour, (0.50, 0.58, 0.74), 0.9 * edge)
        glow = np.exp(-np.maximum(np.abs(inside) - 1, 0) / 5) * 0.10
        image = pack_rgba(colour + np.array([0.40, 0.55, 0.95]) * glow + self.grain)
        return self._chart(image)

    def _discs(self) -> Floats:
        """Colour times cover, and cover, of all discs at every pixel."""
        a, gas = self.a, self.gas
        total = np.zeros((a.height * a.width, 4))
        at = self.middle + gas.place * (1, -1) * a.unit
        half: Floats = gas.radius * a.unit
        speed = np.sqrt((gas.velocity**2).sum(1))
        tone = 0.20 + 0.80 * np.clip(speed / (2.2 * a.speed), 0, 1)
        if a.colour_by == "kind":
            tone = np.where(gas.is_first, 0.84, 0.16)
        base = palette(a.palette, tone)
        most = int(2 * (float(half.max()) + 1)) + 2
        first = np.ceil(at - (half + 1)[:, None] - 0.5)
        slots, covers, discs, ways = [], [], [], []
        for row in range(most):
            for column in range(most):
                pixel = first + np.array([column, row])
                way = (pixel + 0.5 - at) * (1, -1)
                cover = half - np.hypot(*way.T) + 0.5
                seen = (pixel >= 0).all(1) & (pixel < (a.width, a.height)).all(1) & (cover > 0)
                slots.append((pixel[seen, 1] * a.width + pixel[seen, 0]).astype(np.int64))
                covers.append(cover[seen])
                discs.append(np.flatnonzero(seen))
                ways.append(way[seen])
        slot, cover, disc = (np.concatenate(parts) for parts in (slots, covers, discs))
        # Of those over one pixel the one that covers most is seen.
        order = np.lexsort((cover, slot))
        order = order[np.append(np.diff(slot[order]) > 0, len(order) > 0)[: len(order)]]
        disc = disc[order]
        share = np.minimum(cover[order], 1) * np.minimum(1, 2 * half[disc])
        q = np.concatenate(ways)[order] / half[disc, None]
        light = _ball(q, base[disc], half[disc])
        total[slot[order]] = np.concatenate([light * share[:, None], share[:, None]], 1)
        return total.reshape(a.height, a.width, 4)

    def _tracer(self, colour: Floats, frame: int) -> Floats:
        a, gas = self.a, self.gas
        start = self.middle + self.before * (1, -1) * a.unit
        end = self.middle + gas.tracer * (1, -1) * a.unit
        if frame:
            y, x = np.mgrid[: a.height, : a.width] + 0.5
            pixel = np.stack([x, y], -1) - start
            along = end - start
            t = np.clip(pixel @ along / max(float(along @ along), 1e-9), 0, 1)
            ink = np.clip(1.6 - np.hypot(*np.moveaxis(pixel - t[..., None] * along, -1, 0)), 0, 1)
            mark = np.where(ink > 0, frame * 256 + np.round(255 * ink), 0).astype(np.int64)
            self.trail = np.maximum(self.trail, mark)
        self.before = gas.tracer.copy()
        age = (frame - self.trail // 256) / 30
        shown = np.where(
            self.trail > 0, self.trail % 256 / 255 * (0.25 + 0.75 * np.exp(-age / 4)), 0
        )
        colour = _mix(colour, (1.0, 0.86, 0.55), 0.85 * shown[..., None])
        q = (self.place - gas.tracer) / a.tracer_radius
        half = a.tracer_radius * a.unit
        cover = np.clip((1 - np.hypot(q[..., 0], q[..., 1])) * half + 0.5, 0, 1)[..., None]
        base = np.broadcast_to(np.array([0.95, 0.72, 0.36]), colour.shape)
        ball = _ball(q.reshape(-1, 2), base.reshape(-1, 3), np.full(q[..., 0].size, half))
        return _mix(colour, ball.reshape(colour.shape), cover)

    def _piston(self, colour: Floats, wall: float) -> Floats:
        a, box = self.a, self.gas.box
        x, y = self.place[..., 0], self.place[..., 1]
        thick = (x - wall) * a.unit
        rod = np.abs(y) < 0.06 * box[1]
        plate = thick < 9
        shine = np.where(plate, 1 - np.abs(thick - 4.5) / 6, 1 - np.abs(y) / (0.075 * box[1]))
        metal = np.array([0.52, 0.56, 0.64]) * (0.35 + 0.75 * shine)[..., None]
        there = (x > wall) & (x < 0.5 * box[0]) & (np.abs(y) < 0.5 * box[1]) & (plate | rod)
        return np.where(there[..., None], metal, colour)

    def _partition(self, colour: Floats) -> Floats:
        a = self.a
        x, y = np.abs(self.place[..., :1]), np.abs(self.place[..., 1:])
        gap = 0.0 if a.partition == "wall" else a.hole * self.gas.box[1] / 2
        closed = np.clip((y - gap) * a.unit + 0.5, 0, 1)
        glass = 0.85 * closed * np.clip(1.8 - x * a.unit, 0, 1)
        colour = _mix(colour, (0.72, 0.82, 0.95), glass)
        if a.partition == "demon":
            door = np.clip(1.3 - x * a.unit, 0, 1) * (1 - closed)
            colour = _mix(colour, (1.0, 0.45, 0.30), 0.8 * door)
        return colour

    def _chart(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        from .gas import chart_of

        a, gas = self.a, self.gas
        for chart in chart_of(a):
            kinetic = gas.probes()["kinetic"]
            bodies = a.particles + (1 if a.tracer_radius else 0)
            heat = kinetic * a.particles * a.thermal / bodies
            v = a.fastest * np.arange(100) / 99
            share = a.first / a.particles
            second = a.mass_second if a.two_kinds else a.mass
            curve = sum(
                part * m * v / heat * np.exp(-0.5 * m * v * v / heat)
                for part, m in ((share, a.mass), (1 - share, second))
            )
            bars = 100 * gas.bars() / a.particles
            painted = image[..., :3] / 255.0
            y_limits = (0.0, float(chart.y[1]))
            values = [bars, 100 * a.fastest / BARS * np.asarray(curve)]
            chart.paint(painted, (0.0, 1000 * a.fastest), y_limits, values)
            image = pack_rgba(painted)
        return image


def _ball(q: Floats, base: Floats, half: Floats) -> Floats:
    up = np.sqrt(np.maximum(1 - (q**2).sum(1), 0))
    n = np.concatenate([q, up[:, None]], 1)
    lit = np.maximum(n @ np.array([-0.48, 0.62, 0.62]), 0)[:, None]
    shine = np.maximum(n @ np.array([-0.267, 0.345, 0.900]), 0)[:, None] ** 48
    through = np.maximum(n @ np.array([0.48, -0.62, 0.62]), 0)[:, None] ** 3
    rim = (1 - up[:, None]) ** 2
    glass = base * (0.34 + 0.62 * lit) + 0.85 * shine
    glass = glass + _mix(base, (1.0, 1.0, 1.0), 0.30) * (0.34 * through + 0.22 * rim)
    return np.where((half < 2)[:, None], base * 1.05, glass)


def _mix(first: Any, second: Any, weight: Any) -> Floats:
    a, b = np.asarray(first), np.asarray(second)
    return np.asarray(a + (b - a) * weight)
