"""The NumPy twin of ``fluid_paint.wgsl``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import prelude
from .fluid_lattice import SLIP, Lattice
from .fluid_shader import rgb

Floats = NDArray[np.floating[Any]]
DARK = (0.035, 0.043, 0.063)


class Picture:
    """What every pixel looks at, and how its colour comes about."""

    def __init__(self, lattice: Lattice, folded: int) -> None:
        a = lattice.arguments
        self.a, self.lattice, self.folded = a, lattice, folded
        across, up = np.arange(a.width) + 0.5, np.arange(a.height)[::-1] + 0.5
        at = np.stack(np.meshgrid(across, up), axis=-1)
        shown = np.array(lattice.shown)
        self.unit = min(a.width / shown[0], a.height / shown[1])
        self.p = (at - np.array([a.width, a.height]) / 2) / self.unit + shown / 2
        self.inside = ((self.p >= 0) & (self.p <= shown)).all(axis=-1)
        self.cover = self._cover()
        self.body = self._body_colour()

    def paint(self, flow: Floats, dye: Floats) -> NDArray[np.uint8]:
        """Return RGBA8, shape (height, width, 4)."""
        a, p = self.a, self.p + self.lattice.corner
        limit = np.array(self.lattice.size) - 1
        cell = np.clip(p, 0, limit).astype(int)
        good = np.isfinite(flow[..., :3].sum(axis=-1))[cell[..., 1], cell[..., 0]]
        with np.errstate(all="ignore"):
            fluid = self._fluid_colour(p, flow, dye)
        colour = np.where(good[..., None], fluid, (1.0, 0.0, 0.8))
        colour = colour + (self.body - colour) * self.cover[..., None]
        colour = np.clip(np.where(self.inside[..., None], colour, DARK), 0, 1)
        if a.scale:
            # The bar reads back what was rounded to bytes.
            colour = prelude.pack_rgba(colour)[..., :3] / 255
            a.scale.paint(colour, *a.limits, a.colours)
        return prelude.pack_rgba(colour)

    def _fluid_colour(self, p: Floats, flow: Floats, dye: Floats) -> Floats:
        a = self.a
        (low, high), rows = a.limits, self.lattice.shown[1]
        if a.view == "dye":
            ink, right, up = self._sample(dye, p)
            light = self._lit(right * rows, up * rows)
            gloss = np.maximum(light - 1, 0) * ink
            base = prelude.palette(a.colours, (ink - low) / (high - low))
            return np.asarray(base * light[..., None] + 0.12 * gloss[..., None])
        seen, right, up = self._sample(self._shown(flow), p)
        level = (seen - low) / (high - low)
        base = prelude.palette(a.colours, level)
        if a.view != "mixed":
            far = np.abs(2 * level - 1)
            steep = rows / (high - low) * (1 - prelude.smooth_between(0.7, 1.0, far))
            return np.asarray(base * self._lit(right * steep, up * steep)[..., None])
        ink, right, up = self._sample(dye, p)
        strength = np.clip(np.abs(level - 0.5) * 3, 0, 1)[..., None]
        hue = np.array([0.93, 0.91, 0.86]) * (1 - strength) + base * strength
        ground = np.array(rgb(a.background)) + base * 0.4 * strength
        light = self._lit(right * rows, up * rows)[..., None]
        return np.asarray(ground + (hue * light - ground) * np.clip(ink, 0, 1)[..., None])

    def _shown(self, flow: Floats) -> Floats:
        """Twin of ``look``."""
        speed, length = self.a.speed, self.lattice.length
        u, v = flow[..., 0], flow[..., 1]
        if self.a.view == "speed":
            return np.hypot(u, v) / speed
        slip = flow[..., 3] == SLIP

        def beyond(field: Floats, shift: int, axis: int) -> Floats:
            wraps = self.lattice.wraps[1 - axis]

            def moved(what: Any) -> Any:
                if wraps:
                    return np.roll(what, -shift, axis)
                places = np.clip(np.arange(what.shape[axis]) + shift, 0, what.shape[axis] - 1)
                return np.take(what, places, axis)

            return np.where(moved(slip), field, moved(field))

        turn = beyond(v, 1, 1) - beyond(v, -1, 1) - beyond(u, 1, 0) + beyond(u, -1, 0)
        return np.asarray(0.5 * turn * length / speed)

    def _sample(self, field: Floats, p: Floats) -> tuple[Floats, Floats, Floats]:
        """Twin of ``dye_field`` and ``spare_field``: value and slopes."""
        c = np.floor(p)
        tx, ty = (p - c - 0.5)[..., 0], (p - c - 0.5)[..., 1]
        wx, wy = _spline(tx), _spline(ty)
        sx, sy = _spline_slope(tx), _spline_slope(ty)
        rows, columns = field.shape
        wraps = self.lattice.wraps
        found = [np.zeros_like(tx) for _ in range(3)]
        for m in range(3):
            j = c[..., 1].astype(int) + m - 1
            j = j % rows if wraps[1] else np.clip(j, 0, rows - 1)
            for k in range(3):
                i = c[..., 0].astype(int) + k - 1
                i = i % columns if wraps[0] else np.clip(i, 0, columns - 1)
                tap = field[j, i]
                found[0] += tap * wx[k] * wy[m]
                found[1] += tap * sx[k] * wy[m]
                found[2] += tap * wx[k] * sy[m]
        return found[0], found[1], found[2]

    def _lit(self, right: Floats, up: Floats) -> Floats:
        """Twin of ``lit``."""
        x, y = right * self.a.relief * 0.012, up * self.a.relief * 0.012
        light = (1 + 0.75 * x - 0.75 * y) / np.sqrt(1 + x * x + y * y)
        return np.asarray(np.clip(light, 0.35, 1.7))

    def _in_body(self, right: float, up: float) -> NDArray[np.bool_]:
        place = self.p / self.lattice.shown[1]
        values = {"x": place[..., 0] + right, "y": place[..., 1] + up, **self.a.parameters}
        with np.errstate(all="ignore"):
            found = self.lattice.formulas["obstacle"].numpy(values, seed=self.folded)
        return np.broadcast_to(np.asarray(found, bool), place.shape[:2])

    def _cover(self) -> Floats:
        pixel = 1 / (self.unit * self.lattice.shown[1])
        corners = ((-0.375, -0.125), (0.125, -0.375), (0.375, 0.125), (-0.125, 0.375))
        if not self.a.obstacle:
            return np.zeros(self.p.shape[:2])
        return np.asarray(sum(self._in_body(x * pixel, y * pixel) * 0.25 for x, y in corners))

    def _body_colour(self) -> Floats:
        """Twin of ``body_colour``."""
        light = np.zeros(self.p.shape[:2])
        for k in range(1, 5):
            far = 0.003 * k * 0.7
            light = light + 0.12 * (1.0 - self._in_body(-far, far))
            light = light - 0.12 * (1.0 - self._in_body(far, -far))
        base = np.array(rgb(self.a.body))
        lit = base * (1 + light[..., None]) + np.maximum(light, 0)[..., None] * 0.25
        return np.asarray(np.clip(lit, 0, 1))


def _spline(t: Floats) -> tuple[Floats, Floats, Floats]:
    return 0.5 * (0.5 - t) ** 2, 0.75 - t * t, 0.5 * (0.5 + t) ** 2


def _spline_slope(t: Floats) -> tuple[Floats, Floats, Floats]:
    return t - 0.5, -2 * t, t + 0.5
