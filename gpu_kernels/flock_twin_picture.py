"""The NumPy twin of ``flock_picture.wgsl``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .prelude import cell_random, fractal_noise, pack_rgba, palette, random, value_noise
from .prelude import smooth_between as step_between

if TYPE_CHECKING:
    from .flock_arguments import FlockArguments
    from .flock_twin import Flock

Floats = NDArray[np.floating[Any]]


class Picture:
    """The ground, painted once, and everyone on it."""

    def __init__(self, a: FlockArguments, flock: Flock) -> None:
        self.a, self.flock = a, flock
        y, x = np.mgrid[: a.height, : a.width] + 0.5
        self.pixel = np.stack([x, y], -1)
        self.ground = np.round(np.clip(self._ground(), 0, 1) * 1023) / 1023
        number = np.arange(a.width * a.height, dtype=np.uint32).reshape(a.height, a.width)
        self.grain = (random(number, 0, 77, flock.seed) - 0.5)[..., None] / 255

    def ink(self, t: Any) -> Floats:
        """Colours of the palette."""
        return palette(self.a.palette, np.asarray(t, float))

    # ---- the ground ----

    def _ground(self) -> Floats:
        a = self.a
        size = np.array([a.width, a.height])
        q = (self.pixel - size / 2) / size.min()
        p = (self.pixel - size / 2) / a.unit * (1, -1)
        u, h = q[..., 0] + 0.5, 1 - self.pixel[..., 1] / a.height
        square = (q**2).sum(-1)[..., None]
        if a.kind == "birds" and a.colour_by == "depth":
            colour = self._sky(u, h)
        elif a.kind == "fish":
            colour = self._water(u, h)
        elif a.kind == "crowd":
            colour = self._paving(p) * (1.05 - 0.42 * square)
        else:
            colour = np.array([0.030, 0.034, 0.075]) * (1.35 - 0.9 * square) + 0.008
        for disc in a.obstacles:
            colour = self._disc(colour, p, disc)
        return self._walls(colour, p) if a.kind == "crowd" else colour

    def _sky(self, u: Floats, h: Floats) -> Floats:
        seed = self.flock.seed
        cloud = fractal_noise(u * 2.2 + 7, h * 9, 3.0, seed)
        veil = step_between(0.45, 0.75, cloud) * (1 - np.abs(2 * h - 0.9))
        colour = self.ink(0.93 - 0.76 * h**0.62 + 0.10 * veil) * (1 - 0.28 * h)[..., None]
        from_sun = np.hypot(u - 0.66, (h - 0.17) * 1.15)[..., None]
        colour = colour + self.ink(0.92) * (0.34 * np.exp(-from_sun * 5))
        colour = _mix(colour, (1.0, 0.97, 0.88), step_between(0.040, 0.036, from_sun) * 0.9)
        for far in (1.0, 0.0):
            hills = fractal_noise(u * (2 + 3 * (1 - far)) + 31 * far, 0.5, 9.0, seed) - 0.5
            ridge = 0.055 + 0.05 * far + 0.07 * hills
            ridge = ridge + 0.012 * (1 - far) * value_noise(u * 60, 2.0, 1.0, seed)
            tint = _mix(self.ink(0.03) * 0.45, self.ink(0.42), 0.55 * far)
            colour = _mix(colour, tint, step_between(ridge + 0.003, ridge - 0.003, h)[..., None])
        return colour

    def _water(self, u: Floats, h: Floats) -> Floats:
        seed = self.flock.seed
        ray = fractal_noise((u + 0.35 * (h - 1)) * 5, 0.25 * h, 5.0, seed)
        shaft = step_between(0.42, 0.80, ray) * h**1.5
        colour = self.ink(0.10 + 0.40 * h**1.4) * 0.85
        colour = colour + self.ink(0.85) * (0.22 * shaft)[..., None]
        bed = 0.05 + 0.05 * fractal_noise(u * 4, 3.0, 2.0, seed)
        hidden = step_between(bed + 0.02, bed - 0.02, h)[..., None] * 0.8
        return _mix(colour, self.ink(0.03) * 0.7, hidden)

    def _paving(self, p: Floats) -> Floats:
        a, seed = self.a, self.flock.seed
        tile = np.abs(p - np.floor(p) - 0.5).max(-1)
        joint = step_between(0.5 - 0.9 / a.unit, 0.5 - 0.1 / a.unit, tile)[..., None]
        grain = cell_random(np.floor(p[..., 0]), np.floor(p[..., 1]), 4.0, seed)[..., None] - 0.5
        stone = np.array([0.780, 0.775, 0.765]) + 0.030 * grain - 0.060 * joint
        if a.scene != "door":
            return np.asarray(stone)
        x, y = p[..., 0], p[..., 1] / 0.25
        row = np.floor(y)
        board = np.floor(x / 2.4 + 0.37 * row)
        seam = step_between(0.5 - 0.9 / (0.25 * a.unit), 0.5, np.abs(y - row - 0.5))
        shade = (1 + 0.13 * (cell_random(board, row, 6.0, seed) - 0.5)) * (1 - 0.10 * seam)
        wood = np.array([0.760, 0.655, 0.530]) * shade[..., None]
        w, h = 0.47 * self.flock.world
        hall = (x < a.door_x) & (x > -w) & (np.abs(p[..., 1]) < h)
        return np.asarray(np.where(hall[..., None], wood, stone))

    def _disc(self, colour: Floats, p: Floats, disc: tuple[float, float, float]) -> Floats:
        x, y, radius = disc
        d = p - (x, y)
        r = np.hypot(d[..., 0], d[..., 1]) / radius
        fall = np.hypot(d[..., 0] - 0.12 * radius, d[..., 1] + 0.12 * radius) / radius
        colour = colour * (1 - 0.45 * step_between(1.35, 0.9, fall))[..., None]
        up = np.sqrt(np.maximum(1 - r * r, 0))
        normal = np.concatenate([d / radius, up[..., None]], -1)
        light = np.array([-0.5, 0.6, 0.6]) / np.sqrt(0.97)
        shade = np.maximum(normal @ light, 0)[..., None]
        solid = _mix(self.ink(0.30), self.ink(0.75), shade) * (0.30 + 0.75 * shade)
        return _mix(colour, solid, np.clip((1 - r) * radius * self.a.unit + 0.5, 0, 1)[..., None])

    def _walls(self, colour: Floats, p: Floats) -> Floats:
        a, flat = self.a, p.reshape(-1, 2)
        thick = max(0.10, 1.2 / a.unit)

        def away(wall: tuple[float, ...], q: Floats) -> Floats:
            return np.asarray(np.hypot(*(q - nearest(wall, q)).T).reshape(*p.shape[:2], 1))

        for wall in a.barriers:
            fall = away(wall, flat + np.array([-0.16, 0.20]))
            colour = colour * (1 - 0.40 * step_between(0.34, 0.02, fall))
        for wall in a.barriers:
            d = away(wall, flat)
            rim = np.array([0.20, 0.21, 0.25]) * (0.75 + 0.65 * step_between(thick, 0.0, d))
            colour = _mix(colour, rim, np.clip((thick - d) * a.unit + 0.5, 0, 1))
        return np.asarray(colour)

    # ---- everyone ----

    def draw(self) -> NDArray[np.uint8]:
        """Return the picture as it is now."""
        a = self.a
        size = np.array([a.width, a.height])
        total = np.zeros((a.height * a.width, 4))
        for figures in self._figures():
            self._splat(figures, total)
        sums = total.reshape(a.height, a.width, 4)
        cover = sums[..., 3:]
        mean = sums[..., :3] / np.maximum(cover, 1e-9)
        colour = _mix(self.ground, mean, np.minimum(cover, 1))
        if a.kind != "crowd" and a.colour_by != "depth":
            shine = 0.75 * (1 - np.exp(-0.22 * np.maximum(cover - 1, 0)))
            colour = _mix(colour, (1.0, 1.0, 1.0), shine)
        assert colour.shape[:2] == tuple(size[::-1])
        return pack_rgba(np.where(cover > 0, colour, self.ground) + self.grain)

    def _figures(self) -> list[dict[str, Floats]]:
        """Return place, direction, half length, beat and two colours of all figures."""
        a, flock = self.a, self.flock
        here = np.flatnonzero(flock.here)
        figures = [self._everyone(here)]
        if flock.formulas.hunted:
            at = flock.hunter(flock.time)
            ahead = flock.hunter(flock.time + 0.05) - flock.hunter(flock.time - 0.05) + (1e-6, 0)
            dark = a.kind == "birds" and a.colour_by == "depth"
            colour = self.ink(0.02) * 0.3 if dark else np.array([1.0, 0.35, 0.25])
            figures.append(
                {
                    "at": self._pixel(at)[None],
                    "along": (ahead / np.hypot(*ahead) * (1, -1))[None],
                    "half": np.array([max(1.5 * a.size * a.unit, 4.0)]),
                    "beat": np.array([9 * flock.time]),
                    "colour": colour[None],
                    "accent": colour[None],
                }
            )
        return figures

    def _pixel(self, p: Floats) -> Floats:
        size = np.array([self.a.width, self.a.height])
        return np.asarray(0.5 * size + p * (1, -1) * self.a.unit)

    def _everyone(self, here: NDArray[np.int64]) -> dict[str, Floats]:
        a, flock = self.a, self.flock
        p, v = flock.place[here], flock.velocity[here]
        rate, own = np.hypot(*v.T), flock.chance(0, 9)[here]
        forward = v + 0.4 * flock.wanted_direction(here, p) if a.kind == "crowd" else v
        length = np.sqrt(np.maximum((forward**2).sum(1), 1e-20))[:, None]
        along = forward / length * (1, -1)
        half = np.full(len(here), 0.5 * a.size * a.unit)
        beat = 2 * np.pi * (own * 7 + flock.time * (2.2 + own))
        if a.kind == "fish":
            stroke = 0.8 + 0.5 * rate / max(a.size, 0.05) * 0.3
            beat = 2 * np.pi * (own * 7 + flock.time * stroke)
        turn = np.arctan2(v[:, 1], v[:, 0]) / (2 * np.pi)
        fast = np.clip((rate - a.speed_min) / max(a.speed_max - a.speed_min, 1e-6), 0, 1)
        tone = {"speed": 0.30 + 0.70 * fast, "group": np.where(here % a.groups == 1, 0.16, 0.87)}
        colour = self.ink(tone.get(a.colour_by, turn - np.floor(turn)))
        accent = colour
        if a.kind in ("birds", "fish"):
            q = p * (3 / flock.world.min()) + 50
            noise = value_noise(q[:, 0], q[:, 1], np.float64(flock.time * 0.12), flock.seed)
            near = (0.35 * own + 0.65 * noise)[:, None]
            half = half * (0.72 + 0.56 * near[:, 0])
            if a.colour_by == "depth":
                sunny = np.maximum(along[:, :1] * 0.75 - along[:, 1:] * 0.25, 0) ** 2
                glint = sunny * step_between(0.35, 0.75, near)
                dark = _mix(
                    self.ink(0.30) * 0.8, self.ink(0.04) * 0.5, step_between(0.15, 0.75, near)
                )
                colour = accent = dark + self.ink(0.62) * (0.26 * glint)
            else:
                colour = colour * (0.55 + 0.55 * near)
                accent = _mix(colour, (1.0, 1.0, 1.0), 0.45)
        if a.kind == "crowd":
            colour = colour * (0.80 + 0.30 * flock.chance(0, 10)[here])[:, None]
            accent = _mix((0.13, 0.09, 0.07), (0.55, 0.40, 0.26), (own * own)[:, None])
        return {
            "at": self._pixel(p),
            "along": along,
            "half": half,
            "beat": beat,
            "colour": colour,
            "accent": np.broadcast_to(accent, colour.shape),
        }

    def _splat(self, f: dict[str, Floats], total: Floats) -> None:
        """Add every figure's colour times cover, and cover, pixel by pixel around its middle."""
        a = self.a
        share = 1.6 if a.kind == "crowd" else 1.25
        margin = np.minimum(np.maximum(share * f["half"], 1.0) + 0.8, 60.0)
        first = np.ceil(f["at"] - margin[:, None] - 0.5)
        last = np.floor(f["at"] + margin[:, None] - 0.5)
        most = int((last - first).max(initial=-1)) + 1
        for row in range(most):
            for column in range(most):
                at = first + np.array([column, row])
                seen = (at >= 0).all(1) & (at < (a.width, a.height)).all(1) & (at <= last).all(1)
                which = np.flatnonzero(seen)
                offset = at[which] + 0.5 - f["at"][which]
                look = self._look({k: v[which] for k, v in f.items()}, offset)
                look[look[:, 3] <= 0.004] = 0
                slot = (at[which, 1] * a.width + at[which, 0]).astype(np.int64)
                values = np.concatenate([look[:, :3] * look[:, 3:], look[:, 3:]], 1)
                np.add.at(total, slot, np.round(values * 4096) / 4096)

    def _look(self, f: dict[str, Floats], offset: Floats) -> Floats:
        a, half, along = self.a, f["half"], f["along"]
        q = np.stack([(offset * along).sum(1), offset[:, 1] * along[:, 0]], 1)
        q[:, 1] -= offset[:, 0] * along[:, 1]
        q /= half[:, None]
        wide = np.maximum(half, 0.55)
        soft = np.exp(-1.4 * (offset**2).sum(1) / wide**2)
        dot = 0.75 * soft * np.minimum(half / 0.55, 1) ** 2
        match a.kind:
            case "crowd":
                colour, cover = _person(f, q, offset)
            case "fish":
                d = _fish_outline(q, f["beat"])
                back = step_between(-0.02, -0.22, d)[:, None]
                colour = _mix(f["colour"] * 0.75, f["accent"], back)
                cover = np.clip(0.5 - d * half, 0, 1)
            case "birds":
                d = _bird_outline(q, np.sin(f["beat"]))
                colour, cover = f["colour"], np.clip(0.62 - d * half, 0, 1)
            case _:
                d = np.maximum(
                    np.abs(q[:, 1]) - 0.30 * (1 - q[:, 0]),
                    -0.85 - q[:, 0] + 0.9 * (0.5 - np.abs(q[:, 1])),
                )
                colour, cover = f["colour"], np.clip(0.6 - d * half, 0, 1)
        small = half < 1.3
        colour = np.where(small[:, None], f["colour"], colour)
        return np.concatenate([colour, np.where(small, dot, cover)[:, None]], 1)


def _person(f: dict[str, Floats], q: Floats, offset: Floats) -> tuple[Floats, Floats]:
    half = f["half"]
    shoulders = np.hypot(q[:, 0] / 0.56, q[:, 1])
    trunk = np.clip((1 - shoulders) * 0.62 * half + 0.5, 0, 1)
    head = np.clip((0.46 - np.hypot(q[:, 0] - 0.10, q[:, 1])) * half + 0.5, 0, 1)
    lit = 1.08 - 0.30 * shoulders + 0.10 * (offset / half[:, None]) @ np.array([-0.6, -0.6])
    hair = f["accent"] * (1.25 - 0.4 * np.hypot(*q.T))[:, None]
    body = _mix(f["colour"] * lit[:, None], hair, head[:, None])
    inside = np.maximum(trunk, head)
    fall = offset / half[:, None] - (0.32, 0.38)
    cover = np.maximum(inside, 0.42 * step_between(1.05, 0.45, np.hypot(*fall.T)))
    weight = (inside / np.maximum(cover, 1e-3))[:, None]
    return _mix((0.16, 0.15, 0.20), body, weight), cover


def _bird_outline(q: Floats, flap: Floats) -> Floats:
    v = np.abs(q[:, 1]) / (1.20 * (0.72 + 0.28 * flap))
    body = (np.hypot(q[:, 0] / 0.80, q[:, 1] / 0.15) - 1) * 0.15
    wing = np.abs(q[:, 0] - 0.22 + 0.62 * v * v) - 0.27 * (1 - v)
    return np.asarray(np.minimum(body, np.where(v > 1, 1.0, wing)))


def _fish_outline(at: Floats, beat: Floats) -> Floats:
    x, y = at[:, 0], at[:, 1] - 0.13 * np.sin(2.4 * at[:, 0] - beat) * (0.65 - 0.45 * at[:, 0])
    inner = np.clip(x, -0.72, 1.0)
    body = np.abs(y) - 0.27 * np.sqrt(1 - inner) * (inner + 0.74) ** 0.55
    body = body + np.maximum(np.abs(x - 0.14) - 0.86, 0)
    tail = np.abs(y) - 0.05 - 0.75 * np.maximum(-0.62 - x, 0)
    return np.asarray(np.minimum(body, np.maximum(tail, np.maximum(-1 - x, x + 0.55))))


def nearest(wall: tuple[float, ...], p: Floats) -> Floats:
    """Return the points of a wall that are nearest to p, shape (n, 2)."""
    start, along = np.array(wall[:2]), np.array(wall[2:]) - wall[:2]
    t = np.clip((p - start) @ along / max(along @ along, 1e-9), 0, 1)
    return np.asarray(start + t[:, None] * along)


def _mix(first: Any, second: Any, weight: Any) -> Floats:
    a, b = np.asarray(first), np.asarray(second)
    return np.asarray(a + (b - a) * weight)
