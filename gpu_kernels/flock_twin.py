"""The NumPy twin of ``flock.wgsl`` and ``flock_crowd.wgsl``; neighbours come from SciPy's tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed
from intentos.protocols import Snapshot

from .flock_twin_picture import Picture, nearest
from .prelude import random, value_noise

if TYPE_CHECKING:
    from .flock import Formulas
    from .flock_arguments import FlockArguments

Floats = NDArray[np.floating[Any]]
GONE = 1e30
STIFFNESS, RUBBING, BEHIND = 1500.0, 3000.0, 0.15


def frames(a: FlockArguments, formulas: Formulas, seed: int) -> Iterator[Snapshot]:
    """Yield every frame of the film."""
    flock = Flock(a, formulas, fold_seed(seed))
    picture = Picture(a, flock)
    for frame in range(a.frames):
        if frame:
            for _ in range(a.steps_per_frame):
                flock.advance()
        agents = np.concatenate([flock.place, flock.velocity], axis=1).astype(np.float32)
        yield Snapshot(
            pixels=picture.draw(), probes=flock.probes(), buffers={"agents": agents.copy()}
        )


class Flock:
    """``place`` and ``velocity``, shape (count, 2), in metres and metres a second."""

    def __init__(self, a: FlockArguments, formulas: Formulas, seed: int) -> None:
        self.a, self.formulas, self.seed = a, formulas, seed
        self.number = np.arange(a.count, dtype=np.uint32)
        self.world = np.array(a.world)
        self.wraps = np.array([a.grid.wraps_x, a.grid.wraps_y], float)
        self.roost = np.array([0.0, 0.05 * a.world[1] if a.kind == "birds" else 0.0])
        self.step = 0
        self.passed = self.crossed = 0
        self.overlap = 0.0
        self.place, self.velocity = self._standing() if a.kind == "crowd" else self._flying()

    @property
    def time(self) -> float:
        """Seconds."""
        return self.step * self.a.dt

    @property
    def here(self) -> NDArray[np.bool_]:
        """Who has not left."""
        return np.asarray(self.place[:, 0] < GONE)

    def chance(self, b: int, c: int) -> Floats:
        """A number in 0..1 for everyone."""
        return random(self.number, b, c, self.seed).astype(float)

    def _flying(self) -> tuple[Floats, Floats]:
        a, side = self.a, self.world.min()
        u, w, h = (self.chance(0, k) for k in (1, 2, 3))
        place = (np.stack([u, w], 1) - 0.5) * self.world
        heading = 2 * np.pi * h
        if a.kind == "birds" and not self.wraps[0]:
            edge = 0.6 + 0.8 * self.chance(0, 4)
            out = (0.26 * side * u**0.6 * edge)[:, None] * np.array([1.2, 0.8])
            place = self.roost + out * _towards(2 * np.pi * w)
            heading = 2 * np.pi * float(random(0, 1, 3, self.seed)[0]) + 0.8 * (h - 0.5)
        if a.kind == "fish" and not self.wraps[0]:
            place = (side * (0.10 + 0.26 * np.sqrt(u)))[:, None] * _towards(2 * np.pi * w)
            heading = 2 * np.pi * (w + 0.25) + 0.8 * (h - 0.5)
        for x, y, r in a.obstacles:
            out = place - (x, y)
            inside = (out**2).sum(1) < r * r
            place = np.where(inside[:, None], (x, y) + _unit(out) * r * 1.02, place)
        return place, a.speed * _towards(heading)

    def _standing(self) -> tuple[Floats, Floats]:
        a = self.a
        columns, rows = a.lattice
        left, bottom, width, height = a.start_area
        slot = (self.number.astype(np.int64) * a.stride + 7) % (columns * rows)
        cell = np.array([width / columns, height / rows])
        free = np.maximum(0.5 * cell - 1.02 * a.body, 0)
        shift = np.stack([self.chance(0, 5), self.chance(0, 6)], 1) * 2 - 1
        place = np.stack([slot % columns, slot // columns], 1) + 0.5
        place = (left, bottom) + place * cell + free * shift
        for x, y, r in a.obstacles:
            out = place - (x, y)
            inside = np.hypot(*out.T) < r + a.body
            place = np.where(inside[:, None], (x, y) + _unit(out) * (r + a.body), place)
        return place, np.zeros_like(place)

    def advance(self) -> None:
        """One step."""
        here = np.flatnonzero(self.here)
        if self.a.kind == "crowd":
            self._walk(here)
        else:
            self._fly()
        self.step += 1

    def between(self, p: Any, q: Any) -> Floats:
        """From p to q by the shortest way round."""
        d = q - p
        return np.asarray(d - self.wraps * self.world * np.round(d / self.world))

    def _pairs(self, place: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """Return who sees whom, and the way from one to the other."""
        from scipy.spatial import cKDTree

        radius = self.a.radius
        if self.wraps.any():
            # What does not wrap gets a box that nothing reaches across.
            box = np.where(self.wraps > 0, self.world, 1e4 * self.world + 1e4)
            tree = cKDTree((place + box / 2) % box, boxsize=box)
        else:
            tree = cKDTree(place)
        pairs = tree.query_pairs(radius * (1 + 1e-9), output_type="ndarray")
        i = np.concatenate([pairs[:, 0], pairs[:, 1]])
        j = np.concatenate([pairs[:, 1], pairs[:, 0]])
        return i, j, self.between(place[i], place[j])

    def _fly(self) -> None:
        a, p, v = self.a, self.place, self.velocity
        i, j, d = self._pairs(p)
        square = (d**2).sum(1)
        w = np.maximum(1 - square / a.radius**2, 0)
        chance = 2 * self.chance(self.step, 11) - 1
        if a.kind == "vicsek":
            total = v + _sums(i, (w > 0)[:, None] * v[j], a.count)
            v = _turned(_unit(total) * a.speed, a.noise * np.pi * chance)
            v = _unit(v + self._outer(p, v) * a.dt) * a.speed
            self._arrive(p, v)
            return
        weight = _sums(i, w[:, None], a.count)
        push = np.maximum(1 / np.sqrt(np.maximum(square, 1e-12)) - 1 / a.separation_radius, 0)
        force = a.separation * _sums(i, -d * push[:, None], a.count)
        force -= a.home * (p - self.roost)
        safe = np.where(weight > 1e-4, weight, 1)
        drawn = a.alignment * (_sums(i, w[:, None] * v[j], a.count) / safe - v)
        drawn += a.cohesion * _sums(i, w[:, None] * d, a.count) / safe
        force += np.where(weight > 1e-4, drawn, 0)
        if a.wander > 0:
            x, y = (p * (3.2 / self.world.min())).T
            t = np.float64(self.time)
            wide = value_noise(0.8 * x - 0.6 * y + 50, 0.6 * x + 0.8 * y + 50, t * 0.35, self.seed)
            small = value_noise(1.1 * x + 1.7 * y + 80, 1.1 * y - 1.7 * x + 80, t * 0.5, self.seed)
            force += a.wander * _towards(4 * np.pi * (0.6 * wide + 0.4 * small))
        force += self._outer(p, v)
        rate = np.maximum(np.hypot(*v.T), 1e-6)[:, None]
        force += v * (2 * (a.speed - rate) / rate)
        force *= np.minimum(1, a.turn / np.maximum(np.hypot(*force.T), 1e-6))[:, None]
        v = _turned(v + force * a.dt, a.noise * np.sqrt(3 * a.dt) * chance)
        fast = np.maximum(np.hypot(*v.T), 1e-6)
        self._arrive(p, v * (np.clip(fast, a.speed_min, a.speed_max) / fast)[:, None])

    def _outer(self, p: Floats, v: Floats) -> Floats:
        a, force = self.a, np.zeros_like(p)
        for x, y, r in a.obstacles:
            d = self.between(np.array([x, y]), p)
            room = 0.5 * a.radius + 0.2 * r
            near = np.clip(1 - (np.hypot(*d.T) - r) / room, 0, 1) ** 2
            force += _unit(d) * (a.turn * 1.5 * near)[:, None]
        if a.boundary == "walls":
            room = 0.09 * self.world.min()
            depth = np.clip((np.abs(p) - 0.5 * self.world) / room + 1, 0, 1)
            force -= np.sign(p) * depth**2 * a.turn
        if self.formulas.hunted:
            d = self.between(self.hunter(self.time), p)
            near = np.clip(1 - np.hypot(*d.T) / a.predator_reach, 0, 1) ** 2
            force += _unit(d) * (a.fear * near)[:, None]
        return force + self._steering(p, v)

    def _steering(self, p: Floats, v: Floats) -> Floats:
        known = {"x": p[:, 0], "y": p[:, 1], "vx": v[:, 0], "vy": v[:, 1], "t": self.time}
        known |= self.a.parameters
        found = [e.numpy(known, seed=self.seed) for e in self.formulas.steering]
        return np.stack([np.broadcast_to(f, len(p)) for f in found], 1)

    def hunter(self, time: float) -> Floats:
        """Where the hunter is."""
        known = {"t": time} | self.a.parameters
        return np.array([float(e.numpy(known, seed=self.seed)) for e in self.formulas.hunter])

    def _arrive(self, before: Floats, v: Floats) -> None:
        p = before + v * self.a.dt
        for x, y, r in self.a.obstacles:
            d = self.between(np.array([x, y]), p)
            inside = ((d**2).sum(1) < r * r)[:, None]
            n = _unit(d)
            p = np.where(inside, p + n * (r - np.hypot(*d.T))[:, None], p)
            speed = np.minimum(2 * (v * n).sum(1), 0)[:, None]
            v = np.where(inside, v - n * speed, v)
        if self.a.boundary == "walls":
            limit = 0.5 * self.world
            v = np.where(np.abs(p) > limit, -v, v)
            p = np.clip(p, -limit, limit)
        self.place = p - self.wraps * self.world * np.round(p / self.world)
        self.velocity = v

    # ---- people ----

    def wanted_direction(self, number: Any, p: Floats) -> Floats:
        """Where everyone wants to go, a unit vector."""
        a, even = self.a, (np.asarray(number) % 2 == 0)[:, None]
        if a.scene == "counterflow":
            return np.where(even, (1.0, 0.0), (-1.0, 0.0))
        if a.scene == "crossing":
            return np.where(even, (1.0, 0.0), (0.0, 1.0))
        free = max(a.door_width / 2 - 1.2 * a.body, 0)
        target = np.stack([np.full(len(p), a.door_x + 0.15), np.clip(p[:, 1], -free, free)], 1)
        return np.where(p[:, :1] > a.door_x, (1.0, 0.0), _unit(target - p))

    def _push(self, n: Floats, gap: Floats, slip: Floats, regard: Any) -> Floats:
        a = self.a
        depth = np.maximum(-gap, 0)
        along = np.stack([-n[:, 1], n[:, 0]], 1)
        rub = np.minimum(RUBBING * depth, 0.12 / a.dt) * (slip * along).sum(1)
        strength = a.repulsion * regard * np.exp(-gap / a.reach) + STIFFNESS * depth
        return np.asarray(n * strength[:, None] + along * rub[:, None])

    def _walk(self, here: NDArray[np.int64]) -> None:
        a, p, v = self.a, self.place[here], self.velocity[here]
        chance = (2 * self.chance(self.step, 11) - 1)[here]
        wish = _turned(self.wanted_direction(here, p), a.noise * chance)
        wanted = a.speed * (0.85 + 0.3 * self.chance(0, 8)[here])
        force = (wanted[:, None] * wish - v) / a.relaxation
        i, j, d = self._pairs(p)
        n, gap = _unit(-d), np.hypot(*d.T) - 2 * a.body
        regard = BEHIND + (1 - BEHIND) * 0.5 * (1 - (n * wish[i]).sum(1))
        force += _sums(i, self._push(n, gap, v[j] - v[i], regard), len(here))
        for wall in a.barriers:
            d = p - nearest(wall, p)
            force += self._push(_unit(d), np.hypot(*d.T) - a.body, -v, 1.0)
        for x, y, r in a.obstacles:
            d = self.between(np.array([x, y]), p)
            force += self._push(_unit(d), np.hypot(*d.T) - r - a.body, -v, 1.0)
        force += self._steering(p, v)
        force *= np.minimum(1, a.turn / np.maximum(np.hypot(*force.T), 1e-6))[:, None]
        v = v + force * a.dt
        v *= np.minimum(1, a.speed_max / np.maximum(np.hypot(*v.T), 1e-6))[:, None]
        after = p + v * a.dt
        self.crossed += sum(int(_crosses(wall, p, after).sum()) for wall in a.barriers)
        deepest = float(np.max(-gap, initial=0.0))
        if deepest > 0.1 * a.body and (not a.obstacles or self.time > 1):
            self.overlap = max(self.overlap, deepest / (2 * a.body))
        if a.scene == "door":
            self.passed += int(((p[:, 0] < a.door_x) & (after[:, 0] >= a.door_x)).sum())
        after -= self.wraps * self.world * np.round(after / self.world)
        if a.scene == "door":
            left = after[:, 0] > 0.5 * self.world[0] + 1
            after[left] = (2e30, 0)
        self.place[here], self.velocity[here] = after, v

    def probes(self) -> dict[str, float]:
        """Return what the program's probes give."""
        a, here = self.a, self.here
        v = self.velocity[here]
        rate = np.hypot(*v.T)
        # In the fixed point of the counters.
        share = np.round(rate / a.speed_max * 16384) / 16384
        moving = rate > 1e-6
        heading = (np.round(v[moving] / rate[moving, None] * 16384) / 16384).sum(0)
        outside = np.abs(self.place[here]) > 0.5 * self.world * 1.0001
        found = {
            "present": float(here.sum()),
            "not_finite": float((~np.isfinite(self.place).all(1)).sum()),
            "heading_x": float(heading[0]) / a.count,
            "heading_y": float(heading[1]) / a.count,
            "mean_speed": float(share.sum()) * a.speed_max / a.count,
            "top_speed": float(share.max(initial=0)) * a.speed_max,
            "slowest": float(share.min(initial=0x7FFFFFFF / 16384)) * a.speed_max,
            "outside": float(outside.any(1).sum()) if a.boundary == "walls" else 0.0,
            "cut_off": 0.0,
        }
        if a.kind == "crowd":
            found |= {"passed": float(self.passed), "crossed": float(self.crossed)}
            found |= {"overlap": self.overlap}
        return found


def _towards(angle: Any) -> Floats:
    angle = np.asarray(angle)
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def _unit(v: Floats) -> Floats:
    return np.asarray(v / np.sqrt(np.maximum((v**2).sum(-1, keepdims=True), 1e-20)))


def _turned(v: Floats, angle: Floats) -> Floats:
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * v[:, 0] - s * v[:, 1], s * v[:, 0] + c * v[:, 1]], 1)


def _sums(i: NDArray[np.int64], values: Floats, count: int) -> Floats:
    return np.stack([np.bincount(i, column, count) for column in values.T], 1)


def _crosses(wall: tuple[float, ...], p: Floats, q: Floats) -> NDArray[np.bool_]:
    def side(a: Any, b: Any, c: Any) -> Any:
        return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
            c[..., 0] - a[..., 0]
        )

    start, end = np.array(wall[:2]), np.array(wall[2:])
    over = side(start, end, p) * side(start, end, q) < 0
    return np.asarray(over & (side(p, q, start) * side(p, q, end) < 0))
