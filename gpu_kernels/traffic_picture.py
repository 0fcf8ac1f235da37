"""How the NumPy twin draws traffic: the functions of ``traffic.wgsl`` on whole pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .prelude import pack_rgba, random, random_bits

if TYPE_CHECKING:
    from .traffic import TrafficArguments

Floats = NDArray[np.floating[Any]]
Lamps = Callable[[Any, int], Any]

CLEARANCE = 2
HALF, EXIT, STOP, KERB = (np.float32(x) for x in (0.76, 1.05, 1.65, 1.00))
FORWARD = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)], np.float32)
ROOFS = np.array(
    [
        (0.30, 0.20, 0.21), (0.21, 0.23, 0.31), (0.27, 0.26, 0.30),
        (0.19, 0.25, 0.29), (0.33, 0.26, 0.23), (0.24, 0.21, 0.32),
    ],
    np.float32,
)  # fmt: skip
DARK = (0.035, 0.04, 0.07)


def rgb(r: float, g: float, b: float) -> Floats:
    """Return one colour as float32."""
    return np.array([r, g, b], np.float32)


def fract(x: Any) -> Any:
    """WGSL's fract."""
    return x - np.floor(x)


def pick(condition: Any, yes: Any, no: Any) -> Any:
    """Return ``yes`` where the condition holds; colours on the last axis."""
    return np.where(np.asarray(condition)[..., None], yes, no)


def speed_colour(v: Any) -> Any:
    """Red for standing, amber, green for the limit."""
    slow, medium, fast = rgb(1.0, 0.13, 0.09), rgb(1.0, 0.66, 0.16), rgb(0.42, 1.0, 0.72)
    w = np.asarray(v, np.float32)[..., None]
    return np.where(w < 0.5, slow + (medium - slow) * 2 * w, medium + (fast - medium) * (2 * w - 1))


class Picture:
    """The ground, painted once, and what moves on it."""

    def __init__(self, a: TrafficArguments, seed: int) -> None:
        self.a, self.seed = a, seed
        self.size = np.array([a.width, a.height], np.float32)
        self.blocks = np.array([a.streets, a.down], np.float32)
        self.pitch = np.float32(a.cells - 1) + EXIT + STOP
        if a.layout == "city":
            self.cell = self.size / (self.pitch * self.blocks)
        else:
            self.cell = np.repeat(np.float32(2 * np.pi * self._radius(0.0) / a.cells), 2)
        if a.layout != "road":
            self.base = self._paint()

    def show(self, fleet: NDArray[np.int64], phase: float, lamps: Lamps | None) -> Floats:
        """Return the colours of one frame."""
        glow = self._shine(fleet, np.float32(phase))
        if lamps is not None:
            glow = glow + self._lamps(lamps)
        return np.asarray(self.base + (1 - self.base) * (1 - np.exp(-glow)))

    def space_time(self, history: NDArray[np.int64], newest: int) -> Floats:
        """Return the road over time, the newest second at the bottom."""
        a = self.a
        age = (a.height - 1 - np.arange(a.height)) * a.rows // a.height
        cell = np.arange(a.width) * a.cells // a.width
        mark = history[(newest - age) % a.rows][:, cell]
        shown = (mark > 0) & (age <= newest)[:, None]
        colour = speed_colour((mark - 1) / np.float32(a.max_speed)) * np.float32(0.95)
        return np.asarray(pick(shown, colour, rgb(*DARK)))

    # ---- ground ----

    def _paint(self) -> Floats:
        a = self.a
        x, y = np.meshgrid(np.arange(a.width), np.arange(a.height))
        corner = np.stack([x, y], axis=-1).astype(np.float32)
        colour: Any = 0
        for i in range(4):
            p = corner + np.float32(0.25) + np.float32(0.5) * np.array([i % 2, i // 2], np.float32)
            colour = colour + 0.25 * (self._city(p) if a.layout == "city" else self._country(p))
        e = (corner + np.float32(0.5)) / self.size
        west, east = rgb(1.22, 0.98, 0.96), rgb(0.84, 0.96, 1.26)
        dusk = west + (east - west) * (e[..., :1] * 0.6 + e[..., 1:] * 0.4)
        shade = 1 - 0.55 * np.sum((e - 0.5) ** 2, axis=-1, keepdims=True)
        return np.asarray(pack_rgba(colour * dusk * shade)[..., :3] / np.float32(255))

    def _city(self, p: Floats) -> Any:
        q = p / self.size * self.blocks
        c = (fract(q) - np.float32(0.5)) * self.pitch
        b = fract(q + np.float32(0.5)) * self.pitch
        block_at = np.floor(q + np.float32(0.5)).astype(np.int64) % self.blocks.astype(np.int64)
        a = np.abs(c)
        street = np.min(a, axis=-1) < KERB
        colour = pick(street, self._street(a), self._block(b, block_at))
        gap = self.pitch / 6
        pool: Any = 0
        bulb: Any = 0
        for i, j in ((0, 1), (1, 0)):
            along = b[..., j] - (np.floor(b[..., j] / gap) + np.float32(0.5)) * gap
            d = (a[..., i] - np.float32(0.92)) ** 2 + along**2
            pool = pool + np.exp(-d / np.float32(0.42))
            bulb = bulb + np.exp(-d / np.float32(0.012))
        pool, bulb = pool[..., None], bulb[..., None]
        return (
            colour * (1 + rgb(1.5, 1.05, 0.55) * pool)
            + rgb(0.30, 0.22, 0.10) * pool * 0.22
            + rgb(0.9, 0.75, 0.45) * bulb * 0.7
        )

    def _street(self, a: Floats) -> Any:
        across, along = np.min(a, axis=-1), np.max(a, axis=-1)
        stripes = (along > 0.82) & (along < 1.16) & (fract(across * 4 + 0.25) < 0.5)
        colour = pick(
            (along > 1.34) & (across < 0.035), rgb(0.50, 0.42, 0.20), rgb(0.082, 0.086, 0.118)
        )
        colour = pick(stripes & (along >= HALF), rgb(0.40, 0.40, 0.44), colour)
        return pick(across > HALF, rgb(0.215, 0.215, 0.26), colour)

    def _block(self, b: Floats, at: NDArray[np.int64]) -> Any:
        side = self.pitch - 2 * KERB
        e = (b - KERB) / side
        block = at[..., 0] + at[..., 1] * self.a.streets
        kind = self._random(block, 0, 31)
        pond = np.sqrt(np.sum(((e - 0.5) / rgb(0.27, 0.18, 1)[:2]) ** 2, axis=-1))
        water = rgb(0.09, 0.22, 0.36) + 0.16 * (1 - pond)[..., None]
        lake = pick(pond < 0.9, water, rgb(0.34, 0.33, 0.28))
        diagonal = np.minimum(np.abs(e[..., 0] - e[..., 1]), np.abs(e[..., 0] + e[..., 1] - 1))
        park = pick((kind < 0.12) & (pond < 1), lake, self._green(b, block))
        park = pick((kind >= 0.12) & (diagonal < 0.03), rgb(0.36, 0.32, 0.26), park)
        lots = 2 + np.floor(
            2 * np.stack([self._random(block, 1, 31), self._random(block, 2, 31)], axis=-1)
        )
        lot = np.clip(e, 0, np.float32(0.9999)) * lots
        whole = np.floor(lot).astype(np.int64)
        key = block * 16 + whole[..., 0] + 4 * whole[..., 1]
        built = pick(
            self._random(key, 9, 31) < 0.10, self._green(b, key), self._house(fract(lot), key)
        )
        return pick(kind < 0.2, park, built)

    def _green(self, p: Floats, block: Any) -> Any:
        at = np.maximum(np.floor(p), 0)
        column, row = (at[..., i].astype(np.int64) for i in (0, 1))
        key = column + row * 64
        r = 0.28 + 0.18 * self._random(key, block, 11)
        jitter = np.stack([self._random(key, block, k) for k in (12, 13)], axis=-1) - 0.5
        d = (p - (at + 0.5 + 0.3 * jitter)) / r[..., None]
        crown = (np.sum(d * d, axis=-1) < 1) & (self._random(key, block, 14) < 0.72)
        shade = 0.62 - 0.38 * (d[..., 0] + d[..., 1]) * 0.7
        shade = shade * (1 + 0.25 * self._random(column, row, block))
        return pick(crown, rgb(0.10, 0.33, 0.17) * shade[..., None], rgb(0.065, 0.175, 0.115))

    def _house(self, f: Floats, key: Any) -> Any:
        x, y = f[..., 0], f[..., 1]
        low, high = 0.07, 0.93
        tint = ROOFS[random_bits(key, 1, 21, self.seed) % 6]
        facade = 0.16 + 0.36 * self._random(key, 2, 21)
        below = y - (high - facade)
        roof = self._roof(x, y, below, tint, key)
        colour = pick(below > 0, self._facade(x, below, facade, tint, key), roof)
        paving = rgb(0.105, 0.115, 0.15) * np.where((x > high) | (y > high), 0.62, 1.0)[..., None]
        return pick((x < low) | (y < low) | (y > high) | (x > high), paving, colour)

    def _facade(self, x: Any, below: Any, facade: Any, tint: Any, key: Any) -> Any:
        columns = 4 + np.floor(3 * self._random(key, 3, 21))
        storeys = np.maximum(2, np.floor(facade * 13))
        across, down = (x - 0.07) / 0.86 * columns, below / facade * storeys
        one = np.maximum(np.floor(across), 0).astype(np.int64)
        one = one + 32 * np.maximum(np.floor(down), 0).astype(np.int64)
        u, v = fract(across), fract(down)
        lit = self._random(key, one, 22)
        warm = rgb(1.0, 0.80, 0.46) * (0.70 + 0.5 * self._random(key, one, 23))[..., None]
        pane = pick(
            lit < 0.42, warm, pick(lit < 0.52, rgb(0.561, 0.697, 0.85), rgb(0.07, 0.08, 0.13))
        )
        return pick((u < 0.22) | (u > 0.78) | (v < 0.25) | (v > 0.80), tint * 0.40, pane)

    def _roof(self, x: Any, y: Any, below: Any, tint: Any, key: Any) -> Any:
        edge = np.minimum(np.minimum(x - 0.07, 0.93 - x), np.minimum(y - 0.07, -below))
        colour = tint * (1.12 - 0.30 * y - 0.12 * x)[..., None]
        colour = pick(edge < 0.035, tint * 1.45, colour)
        u = x - (0.22 + 0.4 * self._random(key, 4, 21))
        v = y - (0.14 + 0.16 * self._random(key, 5, 21))
        hatch = (u > 0) & (u < 0.16) & (v > 0) & (v < 0.13) & (below < -0.12)
        top = pick(self._random(key, 6, 21) < 0.3, rgb(0.14, 0.30, 0.18), tint * 0.62)
        return pick(hatch, top, colour)

    def _country(self, p: Floats) -> Any:
        d = p - self.size / 2
        small = np.float32(min(self.a.width, self.a.height))
        r = np.sqrt(np.sum(d * d, axis=-1))
        width = small * np.float32(0.028)
        lane = (self._radius(-0.5) - r) / width
        lanes = self.a.links
        turn = (np.arctan2(d[..., 1], d[..., 0]) / (2 * np.pi) + 1) * 72
        near = np.round(lane)
        line = np.abs(lane - near) * width < 0.8
        line &= (near == 0) | (near == lanes) | (fract(turn) < 0.5)
        road = pick(line, rgb(0.42, 0.42, 0.46), rgb(0.085, 0.089, 0.12))
        pond = np.sqrt(np.sum((d / rgb(1.25, 0.8, 1)[:2]) ** 2, axis=-1)) / small
        colour = self._green(p / self.size[0] * 42, 7)
        colour = pick(pond < 0.132, rgb(0.34, 0.32, 0.26), colour)
        water = rgb(0.07, 0.19, 0.33) + 0.9 * (0.125 - pond)[..., None]
        colour = pick(pond < 0.125, water, colour)
        colour = pick((lane > -0.35) & (lane < lanes + 0.35), rgb(0.19, 0.19, 0.21), colour)
        return pick((lane > 0) & (lane < lanes), road, colour)

    def _radius(self, lane: Any) -> Any:
        return np.float32(min(self.a.width, self.a.height)) * (0.43 - lane * 0.028)

    def _random(self, a: Any, b: Any, c: Any) -> NDArray[np.float32]:
        return random(a, b, c, self.seed)

    # ---- what moves ----

    def _place_on(self, cell: NDArray[np.int64]) -> tuple[Any, Any]:
        a = self.a
        link = cell // a.cells
        crossing = link // 4
        forward = FORWARD[link % 4]
        right = np.stack([-forward[:, 1], forward[:, 0]], axis=-1)
        at = np.stack([crossing % a.streets, crossing // a.streets], axis=-1) + np.float32(0.5)
        along = (EXIT + (cell % a.cells))[:, None]
        return at * self.pitch + forward * along + right * (np.float32(0.5) * HALF), forward

    def _poses(self, fleet: NDArray[np.int64], phase: np.float32) -> tuple[Any, Any]:
        a = self.a
        if a.layout == "ring":
            place = fleet[:, 0] % a.cells - fleet[:, 1] * (1 - phase)
            angle = 2 * np.pi * (place + 0.5) / a.cells
            out = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
            r = self._radius(fleet[:, 0] // a.cells)[:, None]
            return (self.size / 2 + r * out) / self.cell, np.stack([-out[:, 1], out[:, 0]], axis=-1)
        old, before = self._place_on(fleet[:, 2])
        new, heading = self._place_on(fleet[:, 0])
        whole = self.pitch * self.blocks
        way = new - old
        way = way - np.round(way / whole) * whole
        straight = np.abs(np.sum(before * heading, axis=-1, keepdims=True)) > 0.5
        bend = before * np.sum(way * before, axis=-1, keepdims=True)
        curve = 2 * phase * (1 - phase) * bend + phase * phase * way
        mixed = before + (heading - before) * phase
        mixed = mixed / np.linalg.norm(np.where(straight, heading, mixed), axis=-1, keepdims=True)
        return old + np.where(straight, way * phase, curve), np.where(straight, heading, mixed)

    def _shine(self, fleet: NDArray[np.int64], phase: np.float32) -> Floats:
        a = self.a
        at, heading = self._poses(fleet, phase)
        reach = int(np.ceil(np.float32(2.1) * np.max(self.cell)))
        span = np.arange(-reach, reach + 1)
        patch = np.stack(np.meshgrid(span, span), axis=-1).reshape(-1, 2)
        total = np.zeros((a.height * a.width, 3), np.float64)
        middle = np.floor(at * self.cell).astype(np.int64)
        for first in range(0, a.cars, 256):  # bounded memory: 256 patches at once
            some = slice(first, first + 256)
            pixel = middle[some, None, :] + patch
            d = (pixel + np.float32(0.5)) / self.cell - at[some, None, :]
            h = heading[some, None, :]
            f = np.sum(d * h, axis=-1)
            s = d[..., 1] * h[..., 0] - d[..., 0] * h[..., 1]
            light = np.floor(_car_light(f, s, fleet[some, 1], a.max_speed) * 1024)
            index = (pixel[..., 1] % a.height * a.width + pixel[..., 0] % a.width).ravel()
            for channel in range(3):
                weights = light[..., channel].ravel()
                total[:, channel] += np.bincount(index, weights, a.height * a.width)
        return (total / 1024).reshape(a.height, a.width, 3).astype(np.float32)

    def _lamps(self, lamps: Lamps) -> Floats:
        a = self.a
        x, y = np.meshgrid(np.arange(a.width), np.arange(a.height))
        p = np.stack([x, y], axis=-1).astype(np.float32) + np.float32(0.5)
        q = p / self.size * self.blocks
        c = (fract(q) - np.float32(0.5)) * self.pitch
        near = np.max(np.abs(c), axis=-1) <= 2.2
        whole = np.floor(q[near]).astype(np.int64)
        crossing = whole[:, 1] * a.streets + whole[:, 0]
        c = c[near]
        colours = np.array([(1.0, 0.10, 0.08), (1.0, 0.66, 0.10), (0.15, 1.0, 0.45)], np.float32)
        bars: Any = 0
        for heading, (fx, fy) in enumerate(FORWARD):
            f = c[:, 0] * fx + c[:, 1] * fy + np.float32(1.25)
            s = c[:, 1] * fx - c[:, 0] * fy - np.float32(0.5) * HALF
            d = f**2 + np.maximum(np.abs(s) - np.float32(0.22), 0) ** 2
            amount = 2.6 * np.exp(-d / np.float32(0.008)) + 0.42 * np.exp(-d / np.float32(0.12))
            bars = bars + colours[lamps(crossing, heading)] * amount[:, None]
        glow = np.zeros((a.height, a.width, 3), np.float32)
        glow[near] = bars
        return glow


def _car_light(f: Any, s: Any, speed: NDArray[np.int64], limit: int) -> Any:
    """Light that cars send to points: f cells in front of the middle, s beside it."""
    body = np.exp(-((f / 0.36) ** 4) - (s / 0.23) ** 4)[..., None]
    wide = 0.13 + 0.2 * np.maximum(f, 0)
    cone = np.where(f > 0.25, np.exp(-(((f - 0.5) / 0.7) ** 2) - (s / wide) ** 2), 0)[..., None]
    rear = np.exp(-((f + 0.42) ** 2 + s**2 * 1.3) / 0.045)[..., None]
    halo = np.exp(-(f * f + s * s) / 0.28)[..., None]
    colour = speed_colour(speed / np.float32(limit))[:, None, :]
    standing = (speed == 0)[:, None, None]
    return (
        colour * (2.2 * body + 0.14 * halo)
        + rgb(1.0, 0.93, 0.72) * (0.40 * cone)
        + rgb(1.0, 0.08, 0.05) * rear * (0.35 + 0.55 * standing)
    )
