"""The NumPy twin of the ode kernel's picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import number_of

from .camera import Camera
from .lettering import draw_text, number_text, text_width
from .ode_picture import INKS, MOST_ROD_MEMBERS, Picture
from .prelude import pack_rgba, palette
from .splats_twin import linear

if TYPE_CHECKING:
    from .ode import OdeArguments
    from .ode_picture import Rect
    from .ode_twin import Film

Floats = NDArray[np.floating[Any]]
GREY = (0.66, 0.71, 0.80)


def ticks_of(low: float, high: float, most: float) -> tuple[float, int]:
    """Return step and decimals of an axis' numbers: 1, 2 or 5 times a power of ten."""
    raw = (high - low) / most
    base = 10.0 ** math.floor(math.log2(raw) * 0.30103)
    if base * 10 <= raw:
        base *= 10
    factor = next((f for f in (1, 2, 5) if raw <= f * base), 10)
    step = factor * base
    return step, int(np.clip(-math.floor(math.log2(step * 1.001) * 0.30103), 0, 6))


class Sketch:
    """Draws a film's frames."""

    def __init__(self, a: OdeArguments, film: Film) -> None:
        self.a, self.film, self.picture_of = a, film, Picture(a)
        self.canvas = self.picture_of.splats.canvas()
        self.unit = min(a.width, a.height) / 512
        self.ranges = film.ranges

    def picture(self, frame: int) -> NDArray[np.uint8]:
        """Return a frame, uint8 of shape (height, width, 4)."""
        a, p = self.a, self.picture_of
        self.camera = Camera.at(p.view, frame, a.frames_per_second, a.width, a.height)
        with np.errstate(all="ignore"):
            if p.trail:
                self._trails()
            if a.with_series:
                self._curves()
            if a.look == "mechanism":
                self._stars() if p.solid else self._rods()
            drawn = self.canvas.picture(ground=self._ground())
        colour = drawn[..., :3] / 255
        if p.solid:
            self._bodies(colour)
        for panel, number in ((p.scene, 0), (p.graph, 1)):
            if (a.look == "phase") if number == 0 else a.with_series:
                self._numbers(colour, panel, *self._axes(number))
        for text, left, top, ink in p.words:
            draw_text(colour, text, (left, top), scale=p.letters, colour=ink)
        return pack_rgba(colour)

    def _range(self, k: int, room: float) -> tuple[float, float]:
        low, high = self.ranges[k]
        if not high >= low:
            return -1.0, 1.0
        pad = max(room * (high - low), 1e-4 * max(abs(low), abs(high)), 1e-20)
        return low - pad, high + pad

    def _axes(self, panel: int) -> tuple[tuple[float, float], tuple[float, float]]:
        if panel == 1:
            return (0.0, self.a.span), self._range(0, 0.08)
        room = self.picture_of.room
        return self._range(1, room), self._range(2, room)

    def _on_graph(self, t: Any, v: Any) -> Floats:
        x, y, w, h = self.picture_of.graph
        low, high = self._range(0, 0.08)
        across = x + np.asarray(t) / self.a.span * w
        return np.stack([across, y + (high - np.asarray(v)) / (high - low) * h], -1)

    def _on_scene(self, p: Floats) -> tuple[Floats, Floats]:
        """Return pixels, shape (..., 2), and how near it is."""
        left, top, w, h = self.picture_of.scene
        room = self.picture_of.room
        (x0, x1), (y0, y1) = self._range(1, room), self._range(2, room)
        ones = np.ones(p.shape[:-1])
        middle = np.array([left + w / 2, top + h / 2])
        if self.a.look == "phase":
            across = left + (p[..., 0] - x0) / (x1 - x0) * w
            return np.stack([across, top + (y1 - p[..., 1]) / (y1 - y0) * h], -1), ones
        if self.a.look == "phase3d":
            z0, z1 = self._range(3, room)
            centre = np.array([x0 + x1, y0 + y1, z0 + z1]) / 2
            radius = 0.37 * float(np.linalg.norm([x1 - x0, y1 - y0, z1 - z0]))
            q = (p - centre) / radius
            at, depth, _ = self.camera.project(np.stack([q[..., 0], q[..., 2], -q[..., 1]], -1))
            half = np.array([self.a.width, self.a.height]) / 2
            shift = (at - half) * (min(w, h) / self.camera.side)
            near = np.where(depth > 0.1, self.camera.distance / depth, 0)
            return middle + shift, near
        scale = min(w / (x1 - x0), h / (y1 - y0))
        q = (p[..., :2] - np.array([x0 + x1, y0 + y1]) / 2) * scale
        return middle + q * np.array([1, -1]), ones

    def _tint(self, i: Any) -> Any:
        return 0.3 + 0.6 * np.asarray(i) / (max(self.a.members, 2) - 1)

    def _ink(self, tone: Any) -> Floats:
        return np.asarray(linear(palette(self.a.palette, np.asarray(tone, np.float64))))

    def _trails(self) -> None:
        a, p, now = self.a, self.picture_of, self.film.sample
        entities = np.arange(p.entities)
        for age in range(min(p.trail - 1, max(now, 1))):
            old = age / (p.trail - 1)
            tone = 0.92 - 0.62 * old if a.members == 1 else self._tint(entities // len(p.traces))
            ink = np.broadcast_to(self._ink(tone), (entities.size, 3))
            first, near = self._on_scene(self._followed(now - age))
            kept = np.clip(near, 0.3, 2.5)
            if age == 0 and a.look != "mechanism":
                glare = 2.2 if a.members <= 64 else p.head_light
                white = 0.25 if a.members <= 64 else 0.04
                light = (ink + white) * (glare * near)[:, None]
                self.canvas.light(first, p.head_radius * self.unit * kept, light)
            if now == 0:
                return
            second, far = self._on_scene(self._followed(now - age - 1))
            fade = p.trail_light * (1 - old) ** 2 * kept * kept
            good = (near > 0) & (far > 0)
            wide = p.real["TRAIL_RADIUS"] * self.unit * kept
            self.canvas.line(first[good], second[good], wide[good], (ink * fade[:, None])[good])

    def _followed(self, sample: int) -> Floats:
        places = self.film.trails[sample][:, list(self.picture_of.traces)]
        return np.asarray(places.reshape(-1, 3))

    def _curves(self) -> None:
        a, p = self.a, self.picture_of
        now = min(self.film.sample, a.samples - 1)
        weight = max(1.6 / math.sqrt(a.curve_members), 0.35) if a.curve_members > 1 else 1.0
        for k in range(len(a.shown)):
            for c in range(a.curve_members):
                ink = linear(np.array(INKS[k % len(INKS)]))
                if len(a.shown) == 1 and a.curve_members > 1:
                    ink = self._ink(0.3 + 0.6 * c / (a.curve_members - 1))
                moments = np.array([*range(0, now, p.stride), now])
                at = self._on_graph(moments * a.sample, self.film.curves[moments, k, c])
                if now:
                    self.canvas.line(at[:-1], at[1:], 1.7 * self.unit, ink * (1.5 * weight))
                self.canvas.light(at[-1:], 5.0 * self.unit, ink * (1.8 * weight))

    def _rods(self) -> None:
        a, p = self.a, self.picture_of
        if not a.rods or a.members > MOST_ROD_MEMBERS:
            return
        at, _ = self._on_scene(self.film.places(np.arange(a.members)))
        ink = self._ink(self._tint(np.arange(a.members))) * p.real["ROD_LIGHT"]
        for first, second, _ in a.rods:
            self.canvas.line(at[:, first], at[:, second], 1.4 * self.unit, ink)
            self.canvas.light(at[:, second], 3.2 * self.unit, 2 * ink)

    def _tone(self, i: int, k: int) -> Floats:
        if self.a.members > 1:
            return np.asarray(palette(self.a.palette, np.asarray(self._tint(i))))
        tone = 0.88 - 0.5 * k / (max(len(self.a.points), 2) - 1)
        return np.asarray(palette(self.a.palette, np.asarray(tone)))

    def _radius(self, k: int) -> float:
        _, _, w, h = self.picture_of.scene
        return max(0.5 * min(w, h) * self.a.points[k].size, 2 * self.unit)

    def _stars(self) -> None:
        at, _ = self._on_scene(self.film.places(np.arange(self.picture_of.solid)))
        for i, places in enumerate(at):
            for k, point in enumerate(self.a.points):
                if point.look == "star":
                    r = self._radius(k)
                    glare = linear(self._tone(i, k)) * 1.2
                    self.canvas.light(places[None, k], min(3.4 * r, 60), glare)
                    self.canvas.light(places[None, k], min(1.3 * r, 60), (2.5, 2.3, 2.0))

    def _bodies(self, colour: Floats) -> None:
        """Paint rods and points over the sRGB picture, in place."""
        at, _ = self._on_scene(self.film.places(np.arange(self.picture_of.solid)))
        bodies = Bodies(colour, self.picture_of.scene, self.unit)
        for i, places in enumerate(at):
            for first, second, look in self.a.rods:
                bodies.rod(places[first], places[second], look)
            for k, point in enumerate(self.a.points):
                if point.look == "ball":
                    bodies.ball(places[k], self._radius(k), self._tone(i, k))
                elif point.look == "pivot":
                    bodies.pivot(places[k])

    def _ground(self) -> Floats:
        a, p = self.a, self.picture_of
        x, y = np.meshgrid(np.arange(a.width) + 0.5, np.arange(a.height) + 0.5)
        e2 = ((x - a.width / 2) ** 2 + (y - a.height / 2) ** 2) / min(a.width, a.height) ** 2
        base = linear(np.array(number_of(a.background))[:3])
        colour = base * (0.45 + 1.1 * np.exp(-2.2 * e2))[..., None]
        for rect, panel, on in ((p.graph, 1, a.with_series), (p.scene, 0, a.look == "phase")):
            if on:
                left, top, w, h = rect
                inside = (x >= left) & (y >= top) & (x < left + w) & (y < top + h)
                grid = _grid(x, y, rect, *self._axes(panel), p)
                plate = base * 1.5 + np.array([0.0022, 0.0026, 0.0036])
                lined = plate + np.array([0.018, 0.021, 0.028]) * grid[..., None]
                colour[inside] = lined[inside]
        if p.floor:
            self._floor(colour, y, base)
        return np.asarray(colour)

    def _floor(self, colour: Floats, y: Floats, base: Floats) -> None:
        _, top, _, h = self.picture_of.scene
        at, _ = self._on_scene(np.array([0.0, self.a.floor or 0.0, 0.0]))
        below = y - at[1]
        under = (below > 0) & (y >= top) & (y < top + h)
        weight = np.exp(-np.maximum(below, 0) / (0.12 * h))[..., None]
        deep = colour + (base * 3 + np.array([0.012, 0.014, 0.018]) - colour) * weight
        edge = np.exp(-np.maximum(below, 0) / (1.2 * self.unit))[..., None]
        colour[under] = (deep + np.array([0.25, 0.27, 0.32]) * edge)[under]

    def _numbers(
        self, colour: Floats, rect: Rect, across: tuple[float, float], up: tuple[float, float]
    ) -> None:
        p = self.picture_of
        left, top, w, h = rect
        scale = p.letters
        for (low, high), most, upward in (
            (across, p.real["COLUMNS_OF_TICKS"], False),
            (up, p.real["ROWS_OF_TICKS"], True),
        ):
            step, decimals = ticks_of(low, high, most)
            first = math.ceil(low / step - 1e-4)
            for k in range(10):
                value = (first + k) * step
                share = (value - low) / (high - low)
                if share > 1.001:
                    break
                text = number_text(0.0 if abs(value) < 1e-3 * step else value, decimals)
                wide = text_width(text, scale)
                if upward:
                    at = (int(left) - 4 * scale - wide, round(top + (1 - share) * h) - 3 * scale)
                else:
                    at = (round(left + share * w) - wide // 2, int(top + h) + 4 * scale)
                draw_text(colour, text, at, scale=scale, colour=GREY)


def _grid(
    x: Floats, y: Floats, rect: Rect, across: tuple[float, float], up: tuple[float, float],
    p: Picture,
) -> Floats:  # fmt: skip
    left, top, w, h = rect
    columns, _ = ticks_of(*across, p.real["COLUMNS_OF_TICKS"])
    rows, _ = ticks_of(*up, p.real["ROWS_OF_TICKS"])
    wide, high = across[1] - across[0], up[1] - up[0]
    u, v = across[0] + (x - left) / w * wide, up[1] - (y - top) / h * high
    near_x = np.abs(u - np.round(u / columns) * columns) / wide * w
    near_y = np.abs(v - np.round(v / rows) * rows) / high * h
    zero = np.where((np.abs(v) < 0.5 * rows) & (near_y < 1), 2.2, 1.0)
    return np.asarray(np.maximum(np.maximum(1 - near_x, 0), zero * np.maximum(1 - near_y, 0)))


class Bodies:
    """Rods and balls, painted into an sRGB picture in place."""

    def __init__(self, colour: Floats, rect: Rect, unit: float) -> None:
        self.colour, self.unit = colour, unit
        left, top, w, h = (int(v) for v in rect)
        self.part = (slice(top, top + h), slice(left, left + w))
        x, y = np.meshgrid(np.arange(left, left + w) + 0.5, np.arange(top, top + h) + 0.5)
        self.p = np.stack([x, y], -1)

    def _mix(self, ink: Any, weight: Floats) -> None:
        here = self.colour[self.part]
        mixed = here + (ink - here) * np.clip(0.5 - weight, 0, 1)[..., None]
        self.colour[self.part] = np.floor(np.clip(mixed, 0, 1) * 255 + 0.5) / 255

    def rod(self, a: Floats, b: Floats, look: str) -> None:
        """Twin of ``rod_on``."""
        unit = self.unit
        long = max(float(np.linalg.norm(b - a)), 1e-3)
        along = (b - a) / long
        d = self.p - a
        s = d @ along
        v = d[..., 0] * along[1] - d[..., 1] * along[0]
        if look == "spring":
            wide, tip = 9 * unit, min(10 * unit, 0.2 * long)
            coil = max(long - 2 * tip, 1e-3)
            angle = np.clip((s - tip) / coil, 0, 1) * 11 * math.tau
            steep = wide * np.cos(angle) * 11 * math.tau / coil
            inside = ((s > tip) & (s < long - tip)) * 1.0
            off = np.abs(v - inside * wide * np.sin(angle))
            off = off / np.sqrt(1 + inside * steep * steep) - 1.5 * unit
            light = 0.62 + 0.38 * inside * np.cos(angle) + 0.2 * (1 - inside)
            far = (np.abs(v) > wide + 3 * unit) | (s < -2) | (s > long + 2)
            off = np.where(far, 1.0, np.maximum(off, np.maximum(-s, s - long)))
            self._mix(np.array([0.72, 0.77, 0.86]) * light[..., None], off)
            return
        half = (0.9 if look == "string" else 3.2) * unit
        off = np.hypot(v, np.maximum(np.maximum(-s, s - long), 0)) - half
        if look == "string":
            self._mix(np.array([0.78, 0.80, 0.85]), off)
            return
        light = (1 - np.clip(v / half + 0.25, -1, 1) ** 2)[..., None]
        dark, bright = np.array([0.30, 0.34, 0.42]), np.array([0.86, 0.90, 0.97])
        self._mix(dark + (bright - dark) * light, off)

    def ball(self, at: Floats, r: float, base: Floats) -> None:
        """Twin of ``ball_on``."""
        d = (self.p - at) / r
        far = np.sum(d * d, -1)
        n = np.stack([d[..., 0], -d[..., 1], np.sqrt(np.maximum(1 - far, 0))], -1)
        light = np.array([-0.5, 0.65, 0.7])
        light /= np.linalg.norm(light)
        half = light + np.array([0, 0, 1])
        half /= np.linalg.norm(half)
        lit = np.maximum(n @ light, 0)[..., None]
        shine = (np.maximum(n @ half, 0) ** 48)[..., None]
        rim = (1 - n[..., 2:]) ** 3
        body = base * (0.30 + 0.85 * lit) + 0.95 * shine + (base * 0.6 + 0.4) * (0.35 * rim)
        self._mix(body, (np.sqrt(far) - 1) * r)

    def pivot(self, at: Floats) -> None:
        """Twin of ``pivot_on``."""
        r = 6.0 * self.unit
        d = np.linalg.norm(self.p - at, axis=-1)
        self._mix(np.array([0.55, 0.60, 0.70]), d - r)
        self._mix(np.array([0.13, 0.15, 0.20]), d - 0.5 * r)
