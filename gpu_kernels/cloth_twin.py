"""The NumPy twin of ``cloth.wgsl``: the same masses and springs in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed
from intentos.protocols import Snapshot

from .cloth_shape import initial, pinned, scene_of
from .prelude import value_noise

if TYPE_CHECKING:
    from .cloth import ClothArguments

Floats = NDArray[np.floating[Any]]
AIR_DENSITY, PRESSURE, SKIN = 1.2, 1.2, 0.03


def frames(a: ClothArguments, seed: int) -> Iterator[Snapshot]:
    """Yield every frame of the film."""
    from .cloth import MEASURED
    from .cloth_picture_twin import picture

    cloth = Cloth(a, fold_seed(seed))
    for frame in range(a.frames):
        if frame:
            for _ in range(a.rounds):
                cloth.round()
        measured = cloth.measure()
        flat = np.zeros((a.rows, a.columns, 1))
        yield Snapshot(
            pixels=picture(a, cloth.p, frame),
            probes={name: measured[name] for name, *_ in MEASURED},
            buffers={
                "places": np.concatenate([cloth.p, flat], -1).astype(np.float32),
                "speeds": np.concatenate([cloth.v, flat], -1).astype(np.float32),
            },
        )


class Cloth:
    """Places ``p`` and speeds ``v``, shape (rows, columns, 3)."""

    def __init__(self, a: ClothArguments, seed: int) -> None:
        self.a, self.seed = a, seed
        self.start = initial(a, seed)
        self.held = pinned(a)[..., None]
        self.p, self.v = self.start.copy(), np.zeros_like(self.start)
        self.time = 0.0
        k = a.stiffness
        self.springs = [  # columns on, rows on, rest, stiffness, whether its change is damped
            (1, 0, a.dx, k * a.dy / a.dx, True),
            (0, 1, a.dy, k * a.dx / a.dy, True),
            (1, 1, math.hypot(a.dx, a.dy), k * a.shear, True),
            (-1, 1, math.hypot(a.dx, a.dy), k * a.shear, True),
            (2, 0, 2 * a.dx, k * a.bending, False),
            (0, 2, 2 * a.dy, k * a.bending, False),
        ]

    def round(self) -> None:
        """As many steps as one round of the program has, in the wind of its beginning."""
        a = self.a
        wind = self._wind()
        with np.errstate(all="ignore"):
            for _ in range(a.passes):
                self._step(wind)
        self.time += a.frame / a.rounds

    def _wind(self) -> Floats:
        a, t = self.a, self.time
        turn = math.radians(a.whence)
        ahead = np.array([math.cos(turn), 0.0, math.sin(turn)])
        aside = np.array([-ahead[2], 0.0, ahead[0]])
        s = self.p @ ahead - 0.6 * max(a.breeze, 1.0) * t

        def noise(x: Any, y: Any, z: float) -> Floats:
            y = np.broadcast_to(y, s.shape)
            return np.asarray(2 * value_noise(x, y, np.full(s.shape, z), self.seed) - 1)[..., None]

        strength = noise(1.1 * s, 0.7 * t, 3.5)
        swing = noise(2.3 * s, 1.3 * self.p[..., 1] + 0.9 * t, 9.5)
        lift = noise(2.0 * s, 0.8 * t, 17.5)
        up = np.array([0.0, 1.0, 0.0])
        gusts = a.gusts * (ahead * strength + aside * 1.1 * swing + up * 0.4 * lift)
        return np.asarray(a.breeze * (ahead + gusts))

    def pairs(self, across: int, down: int) -> tuple[Any, Any]:
        """Return the slices of both ends of all springs of a kind."""
        first = (slice(None, -down or None), slice(max(0, -across), -max(0, across) or None))
        second = (slice(down, None), slice(max(0, across), min(0, across) or None))
        return first, second

    def _step(self, wind: Floats) -> None:
        a = self.a
        force = np.zeros_like(self.p)
        force[..., 1] -= a.mass * a.gravity
        loss = 2 * a.damping / a.fastest
        for across, down, rest, k, damped in self.springs:
            one, two = self.pairs(across, down)
            d = self.p[two] - self.p[one]
            long = np.maximum(np.linalg.norm(d, axis=-1, keepdims=True), 1e-9)
            along = d / long
            pull = k * (long - rest)
            if damped:
                closing = np.sum((self.v[two] - self.v[one]) * along, -1, keepdims=True)
                pull = pull + k * loss * closing
            force[one] += pull * along
            force[two] -= pull * along
        normal = normals(self.p)
        flow = wind - self.v
        through = np.sum(flow * normal, -1, keepdims=True)
        drag = SKIN * np.linalg.norm(flow, axis=-1, keepdims=True) * flow
        press = PRESSURE * np.abs(through) * through * normal
        if a.rows == 1:
            right = np.gradient(self.p, axis=1)
            along = right / np.maximum(np.linalg.norm(right, axis=-1, keepdims=True), 1e-12)
            beside = flow - np.sum(flow * along, -1, keepdims=True) * along
            press = PRESSURE * np.linalg.norm(beside, axis=-1, keepdims=True) * beside
        force += 0.5 * AIR_DENSITY * a.dx * a.dy * (press + drag)
        faster = self.v + force * (a.step / a.mass)
        moved, v = self._settled(self.p + faster * a.step, faster)
        self.p = np.where(self.held, self.p, moved)
        self.v = np.where(self.held, 0.0, v)

    def _settled(self, p: Floats, v: Floats) -> tuple[Floats, Floats]:
        from .cloth import THICKNESS

        up = np.broadcast_to(np.array([0.0, 1.0, 0.0]), p.shape)
        p, v = self._touched(p, v, up, THICKNESS - p[..., 1:2])
        *middle, radius = scene_of(self.a).ball
        if radius > 0:
            d = p - np.array(middle)
            far = np.maximum(np.linalg.norm(d, axis=-1, keepdims=True), 1e-6)
            p, v = self._touched(p, v, d / far, radius + THICKNESS - far)
        return p, v

    def _touched(
        self, p: Floats, v: Floats, normal: Floats, depth: Floats
    ) -> tuple[Floats, Floats]:
        into = np.sum(v * normal, -1, keepdims=True)
        slip = v - into * normal
        speed = np.maximum(np.linalg.norm(slip, axis=-1, keepdims=True), 1e-9)
        brake = self.a.friction * np.maximum(-into, 0) / speed + self.a.step * 6
        slower = slip * (1 - np.minimum(brake, 1)) + normal * np.maximum(into, 0)
        inside = depth > 0
        return np.where(inside, p + normal * depth, p), np.where(inside, slower, v)

    def measure(self) -> dict[str, float]:
        """Twin of ``measure``."""
        a = self.a
        energy, stretch = 0.0, 0.0
        midway = self.p - 0.5 * a.step * self.v
        for across, down, rest, k, _ in self.springs:
            one, two = self.pairs(across, down)
            longer = np.linalg.norm(midway[two] - midway[one], axis=-1) - rest
            energy += 0.5 * k * float((longer**2).sum())
            if abs(across) + down == 1 and longer.size:
                stretch = max(stretch, float(longer.max()) / rest)
        below = -self.p[..., 1]
        *middle, radius = scene_of(a).ball
        if radius > 0:
            below = np.maximum(below, radius - np.linalg.norm(self.p - np.array(middle), axis=-1))
        moved = np.linalg.norm(self.p - self.start, axis=-1)
        return {
            "motion": 0.5 * a.mass * float((self.v**2).sum()),
            "height_energy": a.mass * a.gravity * float(midway[..., 1].sum()),
            "springs": energy,
            "not_finite": float((~np.isfinite(self.p).all(-1)).sum()),
            "stretch": stretch,
            "below": float(below.max()),
            "fastest": float(np.linalg.norm(self.v, axis=-1).max()),
            "off_pins": float(np.max(moved[self.held[..., 0]], initial=0.0)),
        }


def normals(p: Floats) -> Floats:
    """Return the unit normals of a grid, by central differences; one-sided at its edges."""
    padded = np.pad(p, ((1, 1), (1, 1), (0, 0)), mode="edge")
    right = padded[1:-1, 2:] - padded[1:-1, :-2]
    below = padded[2:, 1:-1] - padded[:-2, 1:-1]
    across = np.cross(below, right)
    return np.asarray(across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-12))
