"""The NumPy twin of ``gas.wgsl`` and ``gas_picture.wgsl``; pairs come from SciPy's tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed
from intentos.protocols import Snapshot

from .gas_arguments import BARS, STEPS, GasArguments
from .prelude import random

Floats = NDArray[np.floating[Any]]
PER = 4096.0


def frames(a: GasArguments, seed: int) -> Iterator[Snapshot]:
    """Yield every frame of the film."""
    from .gas_twin_picture import Picture

    gas = Gas(a, fold_seed(seed))
    picture = Picture(a, gas)
    for frame in range(a.frames):
        if frame:
            for _ in range(a.rounds):
                gas.advance()
        probes = gas.probes()
        discs = np.concatenate([gas.place, gas.velocity], 1).astype(np.float32)
        buffers = {"discs": discs}
        if a.tracer_radius:
            now = np.concatenate([gas.tracer, gas.tracer_velocity])
            buffers["tracer"] = np.stack([now, now]).astype(np.float32)
        yield Snapshot(pixels=picture.draw(frame), probes=probes, buffers=buffers)


class Gas:
    """``place`` at whole steps, ``velocity`` half a step before; the big disc beside them."""

    def __init__(self, a: GasArguments, seed: int) -> None:
        self.a, self.seed = a, seed
        self.number = np.arange(a.particles, dtype=np.uint32)
        self.is_first = self.number < a.first
        self.mass = np.where(self.is_first, a.mass, a.mass_second)
        self.radius = np.where(self.is_first, a.radius, a.radius_second)
        self.h = a.dt / STEPS
        self.time = 0.0
        self.box = np.array(a.box)
        self.unit_of_momentum = a.mass * a.speed
        self.impulse = np.zeros(2)
        self.work = self.wall_push = 0.0
        self.gravity = np.array([0.0, -a.gravity_nm])
        self.tracer = np.zeros(2)
        self.tracer_velocity = -0.5 * self.h * self.gravity
        self.place, self.velocity = self._begin()

    def chance(self, c: int) -> Floats:
        """A number in 0..1 for every disc."""
        return random(self.number, 0, c, self.seed).astype(float)

    def _begin(self) -> tuple[Floats, Floats]:
        a = self.a
        place = np.zeros((a.particles, 2))
        shift = np.stack([self.chance(1), self.chance(2)], 1) * 2 - 1
        radius = max(a.radius, a.radius_second if a.two_kinds else a.radius)
        parts = [self.is_first, ~self.is_first] if a.placed == "apart" else [self.number >= 0]
        for part, area, (columns, rows), stride in zip(
            parts, a.areas, a.lattices, a.strides, strict=True
        ):
            own = np.arange(part.sum())
            slot = (own * stride + 5) % (columns * rows)
            cell = np.array([area[2] / columns, area[3] / rows])
            free = np.maximum(0.5 * cell - 1.005 * radius, 0)
            at = np.stack([slot % columns, slot // columns], 1) + 0.5
            place[part] = area[:2] + at * cell + free * shift[part]
        if a.tracer_radius:
            place[:, 0] += np.where(place[:, 0] > 0, 0.5, -0.5) * a.strip
        speed = np.sqrt(2 * a.thermal / self.mass)
        if a.speeds != "equal":
            speed *= np.sqrt(-np.log(np.maximum(self.chance(4), 1e-7)))
        if a.speeds == "hot_cold":
            speed *= np.sqrt(np.where(place[:, 0] < 0, 1.7, 0.3))
        angle = 2 * np.pi * self.chance(3)
        velocity = speed[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        return place, velocity - 0.5 * self.h * self.gravity

    def right_wall(self) -> float:
        """Where the right wall is."""
        a = self.a
        return float(0.5 * self.box[0] - min(a.piston * self.time, a.piston_way * self.box[0]))

    @property
    def divided(self) -> bool:
        """Whether the partition is there."""
        a = self.a
        return a.partition != "none" and self.time < (a.partition_until or 1e30)

    def felt(self) -> tuple[Floats, Floats, Floats, float]:
        """Return forces, energies, the force on the big disc, and the deepest overlap."""
        from scipy.spatial import cKDTree

        a = self.a
        force, energy = np.zeros_like(self.place), np.zeros(a.particles)
        pairs = cKDTree(self.place).query_pairs(2 * self.radius.max(), output_type="ndarray")
        i, j = pairs.T
        d = self.place[i] - self.place[j]
        r = np.sqrt(np.maximum((d**2).sum(1), 1e-14))
        depth = np.maximum(self.radius[i] + self.radius[j] - r, 0)
        push = d * (a.stiffness * depth**2 / r)[:, None]
        np.add.at(force, i, push)
        np.add.at(force, j, -push)
        np.add.at(energy, i, a.stiffness * depth**3 / 6)
        np.add.at(energy, j, a.stiffness * depth**3 / 6)
        back = np.zeros(2)
        deepest = float(depth.max(initial=0))
        if a.tracer_radius:
            d = self.place - self.tracer
            r = np.sqrt(np.maximum((d**2).sum(1), 1e-14))
            depth = np.maximum(self.radius + a.tracer_radius - r, 0)
            push = d * (a.stiffness * depth**2 / r)[:, None]
            force += push
            energy += a.stiffness * depth**3 / 3
            back = -push.sum(0)
            deepest = max(deepest, float(depth.max()))
        return force, energy, back, deepest

    def advance(self) -> None:
        """One round."""
        started = self.time
        for sub in range(STEPS):
            self.time = started + sub * self.h
            force, _, back, _ = self.felt()
            kick = 0.5 * self.h * (force / self.mass[:, None] + self.gravity)
            turned = self._walls(self.place, self.velocity + kick, self.radius, self.mass)
            self.velocity = turned + kick
            self.place = self.place + self.h * self.velocity
            if self.a.tracer_radius:
                self._drift(back)
        self.time = started + self.a.dt

    def _drift(self, force: Floats) -> None:
        a = self.a
        kick = 0.5 * self.h * (force / a.tracer_mass + self.gravity)
        radius, mass = np.array([a.tracer_radius]), np.array([a.tracer_mass])
        turned = self._walls(self.tracer[None], (self.tracer_velocity + kick)[None], radius, mass)
        self.tracer_velocity = turned[0] + kick
        self.tracer = self.tracer + self.h * self.tracer_velocity

    def _walls(self, p: Floats, before: Floats, r: Floats, m: Floats) -> Floats:
        a, v = self.a, before.copy()
        wall = self.right_wall()
        way = a.piston_way * self.box[0]
        moving = -a.piston if a.piston * self.time < way else 0.0
        left = (p[:, 0] - r < -0.5 * self.box[0]) & (v[:, 0] < 0)
        v[left, 0] *= -1
        right = (p[:, 0] + r > wall) & (v[:, 0] > moving)
        v[right, 0] = 2 * moving - v[right, 0]
        if a.piston:
            change = v[right, 0] ** 2 - before[right, 0] ** 2
            self.work += float((0.5 * m[right] * change).sum() / a.thermal)
        flat = (np.abs(p[:, 1]) + r > 0.5 * self.box[1]) & (v[:, 1] * p[:, 1] > 0)
        v[flat, 1] *= -1
        given = m[:, None] * (v - before) / self.unit_of_momentum
        self.wall_push += float(np.abs(given).sum())
        self.impulse += given.sum(0)
        if self.divided:
            stop = (np.abs(p[:, 0]) < r) & (v[:, 0] * p[:, 0] < 0)
            if a.partition != "wall":
                opened = np.abs(p[:, 1]) < a.hole * self.box[1] / 2
                if a.partition == "demon":
                    fast = 0.5 * m * (v**2).sum(1) > a.thermal * 0.7
                    opened &= fast == (p[:, 0] < 0)
                stop &= ~opened
            self.impulse[0] -= float((2 * m[stop] * v[stop, 0]).sum() / self.unit_of_momentum)
            v[stop, 0] *= -1
        return v

    def moving(self) -> Floats:
        """Velocities at this step."""
        force, _, _, _ = self.felt()
        kick = 0.5 * self.h * (force / self.mass[:, None] + self.gravity)
        return np.asarray(self.velocity + kick)

    def probes(self) -> dict[str, float]:
        """Return what the program's probes give."""
        a, p = self.a, self.place
        _, energy, _, deepest = self.felt()
        v = self.moving()
        kinetic = 0.5 * self.mass * (v**2).sum(1) / a.thermal
        height = p[:, 1] + 0.5 * self.box[1]
        potential = (energy + self.mass * a.gravity_nm * height) / a.thermal
        slow = self.velocity + 0.5 * self.h * self.gravity
        momentum = (self.mass[:, None] * slow).sum(0)
        left = p[:, 0] < 0
        room = a.drift / STEPS * 1.5 + 0.02 * a.radius - self.radius
        outside = (np.abs(p[:, 1]) > 0.5 * self.box[1] + room) | (
            p[:, 0] < -0.5 * self.box[0] - room
        )
        outside |= p[:, 0] > self.right_wall() + room
        total_kinetic, total_potential = kinetic.sum(), potential.sum()
        if a.tracer_radius:
            whole = self.tracer_velocity + 0.5 * self.h * self.gravity
            total_kinetic += 0.5 * a.tracer_mass * (whole**2).sum() / a.thermal
            high = self.tracer[1] + 0.5 * self.box[1]
            total_potential += a.tracer_mass * a.gravity_nm * high / a.thermal
            momentum = momentum + a.tracer_mass * whole
        momentum = momentum / self.unit_of_momentum / a.particles
        impulse = self.impulse / a.particles
        return {
            "kinetic": float(total_kinetic / a.particles),
            "potential": float(total_potential / a.particles),
            "kinetic_left": float(kinetic[left].sum() / a.particles),
            "on_left": float(left.sum()),
            "momentum_x": float(momentum[0]),
            "momentum_y": float(momentum[1]),
            "not_finite": float((~np.isfinite(p).all(1)).sum()),
            "outside": float(outside.sum()),
            "top_speed": float(np.sqrt((v**2).sum(1)).max() / a.speed),
            "overlap": deepest / (2 * a.radius),
            "first_on_left": float((left & self.is_first).sum()),
            "impulse_x": float(impulse[0]),
            "impulse_y": float(impulse[1]),
            "work": self.work / a.particles,
            "wall_push": self.wall_push / a.particles,
        }

    def bars(self) -> NDArray[np.int64]:
        """How many discs have which speed."""
        speed = np.sqrt((self.moving() ** 2).sum(1))
        return np.asarray(np.histogram(speed, BARS, (0, self.a.fastest))[0])
