"""The NumPy twin of ``nbody.wgsl``, in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed, number_of
from intentos.protocols import Snapshot

from .camera import Camera
from .nbody_force import padded
from .nbody_galaxy import ROWS
from .nbody_planets import tilted
from .nbody_systems import Group, System
from .prelude import palette, random
from .splats_twin import linear

if TYPE_CHECKING:
    from .nbody import Clock, NbodyArguments

Floats = NDArray[np.floating[Any]]
BLOCK = 1024
"""Bodies whose pairs are summed at a time."""


def frames(a: NbodyArguments, seed: int) -> Iterator[Snapshot]:
    """Yield every frame of the film."""
    from .nbody import Clock, probes_of, splats_of, view_of
    from .nbody_caption import Caption

    system = a.scene
    clock = Clock(a, system)
    crowd = Crowd(a, system, clock, fold_seed(seed))
    picture = Picture(a, system, clock, crowd)
    canvas, view = splats_of(a, system).canvas(), view_of(a, system)
    probes = probes_of(system, clock)
    caption = Caption.of(a, system, clock)
    measured: dict[str, float] = {}
    for frame in range(a.frames):
        if frame:
            for _ in range(clock.steps):
                crowd.advance()
        if frame % clock.measure == 0:
            measured = crowd.measured()
        camera = Camera.at(view, frame, a.frames_per_second, a.width, a.height)
        picture.draw(canvas, camera)
        shown = canvas.picture(ground=picture.ground())
        time = np.float32(crowd.step) * np.float32(clock.dt)
        shown = caption.write(shown, float(time), camera, picture.reach, picture.pins)
        places = {f"body{k}_{c}": float(v) for k, at in enumerate(crowd.at[: len(system.given)])
                  for c, v in zip("xyz", at, strict=True)}  # fmt: skip
        rows = np.zeros((2, padded(system.count), 4), np.float32)
        rows[0, : system.count] = np.column_stack([crowd.at, crowd.does])
        rows[1, : system.count] = np.column_stack([crowd.speed, crowd.answer])
        yield Snapshot(
            pixels=shown,
            probes={p.name: (measured | places)[p.name] for p in probes},
            buffers={"bodies": rows[0], "motion": rows[1]},
        )


class Crowd:
    """All bodies: ``at``, ``speed``, ``field`` (count, 3); ``mass``, ``does``, ``answer``."""

    def __init__(self, a: NbodyArguments, system: System, clock: Clock, seed: int) -> None:
        from .nbody import ink_of, soft

        self.system, self.clock, self.soft, self.seed = system, clock, soft(system), seed
        parts = [Drawn(group, first, seed) for group, first in _groups(system)]
        listed = system.given
        self.at = _joined([[b.place for b in listed], *(p.at for p in parts)])
        self.speed = _joined([[b.velocity for b in listed], *(p.speed for p in parts)])
        self.mass = np.array([b.mass for b in listed] + [p.group.mass for p in parts for _ in p.i])
        charge = np.array([b.charge for b in listed] + [p.group.charge for p in parts for _ in p.i])
        self.colour = _joined([[ink_of(b.colour) for b in listed], *(p.colour for p in parts)])
        self.size = np.concatenate([[b.size for b in listed], *(p.size for p in parts)])
        strength = system.gravity * a.strength
        self.does, self.answer = strength * self.mass, np.ones(len(self.mass))
        if system.electric:
            self.does, self.answer = -strength * charge, charge / np.maximum(self.mass, 1e-30)
        # Where float32 rounds in the beginning, the twin begins.
        self.at, self.speed = (
            x.astype(np.float32).astype(np.float64) for x in (self.at, self.speed)
        )
        self.field = self._field()
        self.step = 0
        self.track = [self.at[: len(listed)].copy()]

    def advance(self) -> None:
        """Kick, drift, kick."""
        half = 0.5 * self.clock.dt * self.answer[:, None]
        self.speed = self.speed + self.field * half
        self.at = self.at + self.speed * self.clock.dt
        self.field = self._field()
        self.speed = self.speed + self.field * half
        self.step += 1
        if self.step % self.clock.track == 0:
            self.track.append(self.at[: len(self.system.given)].copy())

    def _pairs(self, low: int) -> tuple[Floats, Floats]:
        """Return the differences and inverse distances of a block of bodies to the sources."""
        sources = self.at[: self.system.sources]
        d = sources[None] - self.at[low : low + BLOCK, None]
        return d, 1 / np.sqrt((d * d).sum(-1) + self.soft)

    def _field(self) -> Floats:
        found = []
        does = self.does[: self.system.sources]
        for low in range(0, len(self.at), BLOCK):
            d, inverse = self._pairs(low)
            found.append(np.einsum("ijk,ij->ik", d, does * inverse**3))
        return np.concatenate(found)

    def _potential(self) -> Floats:
        found = []
        does = self.does[: self.system.sources]
        for low in range(0, len(self.at), BLOCK):
            _, inverse = self._pairs(low)
            own = np.arange(low, low + len(inverse))
            both = np.nonzero(own < self.system.sources)[0]
            inverse[both, own[both]] = 0
            found.append(inverse @ does)
        return np.concatenate(found)

    def measured(self) -> dict[str, float]:
        """Return what ``gather`` sums."""
        m, x, v = self.mass, self.at, self.speed
        push, swing = m[:, None] * v, m[:, None] * np.cross(x, v)
        far, fast = np.linalg.norm(x, axis=-1), np.linalg.norm(v, axis=-1)
        found = {
            "kinetic": 0.5 * float(m @ fast**2),
            "potential": -0.5 * float((m * self.answer) @ self._potential()),
            "lost": float(np.count_nonzero(~np.isfinite(far + fast))),
            "push": float(m @ fast),
            "swing": float(m @ (far * fast)),
            "weight": float(m.sum()),
            "spread": float(m @ far**2),
        }
        for k, c in enumerate("xyz"):
            found |= {f"push_{c}": float(push[:, k].sum()), f"swing_{c}": float(swing[:, k].sum())}
            for n, (low, high) in enumerate(self.system.middles):
                found[f"middle_{n}{c}"] = float(x[low:high, k].mean()) if high > low else 0.0
        return found


def _groups(system: System) -> list[tuple[Group, int]]:
    found, first = [], len(system.given)
    for group in system.groups:
        found.append((group, first))
        first += group.count
    return found


def _joined(parts: list[Any]) -> Floats:
    return np.concatenate([np.asarray(p, np.float64).reshape(-1, 3) for p in parts])


class Drawn:
    """One group as the device draws it by chance."""

    def __init__(self, group: Group, first: int, seed: int) -> None:
        self.group, self.seed = group, seed
        self.k = np.arange(group.count)
        self.i = self.k + first
        at, speed = getattr(self, f"_{group.kind}")()
        turn = (0.0, group.tilt, group.node)
        self.at: Floats = tilted(at, *turn) + np.array(group.place)
        self.speed: Floats = tilted(speed, *turn) + np.array(group.drift)
        colour, size = self._look()
        self.colour: Floats = colour * group.light
        self.size: Floats = size * group.size

    def chance(self, k: int) -> Floats:
        return random(self.i, k, 40, self.seed).astype(np.float64)

    def normals(self, k: int) -> tuple[Floats, Floats]:
        r = np.sqrt(-2 * np.log(1 - self.chance(k)))
        angle = math.tau * self.chance(k + 1)
        return r * np.cos(angle), r * np.sin(angle)

    def direction(self, k: int) -> Floats:
        z = 2 * self.chance(k) - 1
        angle, flat = math.tau * self.chance(k + 1), np.sqrt(np.maximum(1 - z * z, 0))
        return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], -1)

    def row(self, s: Floats, first: int = 0) -> Floats:
        assert self.group.table is not None
        rows = self.group.table[first : first + ROWS].astype(np.float32)
        x = np.clip(s, 0, 1) * (ROWS - 1)
        k = np.minimum(x.astype(int), ROWS - 2)
        w = (x - k)[:, None]
        return np.asarray(rows[k] * (1 - w) + rows[k + 1] * w)

    def _share(self) -> Floats:
        return np.asarray((self.k + self.chance(0)) / self.group.count)

    def _disc(self) -> tuple[Floats, Floats]:
        s = np.sqrt(self._share())
        now, up = self.row(s), self.row(s, ROWS)
        angle = math.tau * self.chance(1)
        out = np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1)
        around = np.stack([-out[:, 1], out[:, 0], 0 * angle], -1)
        lift = np.clip(self.chance(2), 1e-4, 1 - 1e-4)
        heat = self.normals(3)
        at = now[:, :1] * out
        at[:, 2] = 0.5 * self.group.shape[0] * np.log(lift / (1 - lift))
        speed = (now[:, 2] * heat[0])[:, None] * out
        speed = speed + (now[:, 1] + now[:, 3] * heat[1])[:, None] * around
        speed[:, 2] = up[:, 0] * self.normals(5)[0]
        return at, speed

    def _sphere(self) -> tuple[Floats, Floats]:
        now = self.row(np.cbrt(self._share()))
        v = now[:, 1:2] * self._heat()
        fast = np.maximum(np.linalg.norm(v, axis=-1), 1e-20)
        return now[:, :1] * self.direction(1), v * np.minimum(1, now[:, 2] / fast)[:, None]

    def _heat(self) -> Floats:
        return np.stack([*self.normals(3), self.normals(5)[0]], -1)

    def _ball(self) -> tuple[Floats, Floats]:
        radius, spin, heat = self.group.shape
        at = radius * np.cbrt(self._share())[:, None] * self.direction(1)
        around = np.stack([-at[:, 1], at[:, 0], 0 * at[:, 0]], -1)
        return at, spin * around + heat * self._heat()

    def _belt(self) -> tuple[Floats, Floats]:
        pull, low, high, eccentricity, tilt = self.group.shape
        a, e = low + (high - low) * self.chance(0), eccentricity * self.chance(1)
        anomaly = math.tau * self.chance(2)
        turn = math.tau * self.chance(3), tilt * self.chance(5), math.tau * self.chance(4)
        c, s, w = np.cos(anomaly), np.sin(anomaly), np.sqrt(1 - e * e)
        speed = np.sqrt(pull / a) / (1 - e * c)
        flat = np.stack([a * (c - e), a * w * s, 0 * a], -1)
        fast = np.stack([-speed * s, speed * w * c, 0 * a], -1)
        return tilted(flat, *turn), tilted(fast, *turn)

    def _look(self) -> tuple[Floats, Floats]:
        """Return linear RGB and size of every body."""
        n, look = len(self.i), self.group.look
        tint, ones = np.array(self.group.tint), np.ones(n)
        if look == "dark":
            return np.zeros((n, 3)), 0 * ones
        if look == "flat":
            return np.tile(tint, (n, 1)), ones
        h, t = self.chance(20), self.chance(21)[:, None]
        bright = (0.45 + 0.6 * h + 2.4 * h**8)[:, None]
        if look == "bulge":
            warm = _mix([1.0, 0.40, 0.10], [1.0, 0.68, 0.34], t)
            return warm * (0.36 * bright), ones
        if look == "stars":
            colour = _mix([1.0, 0.30, 0.10], [1.0, 0.68, 0.32], _smooth(0.0, 0.45, t))
            colour = _mix(colour, [0.95, 0.92, 1.0], _smooth(0.45, 0.7, t))
            return _mix(colour, [0.32, 0.55, 1.0], _smooth(0.7, 1.0, t)) * bright, ones
        s = np.sqrt(self.k / n)[:, None] + 0.34 * (t - 0.5)
        colour = _mix([1.0, 0.56, 0.20], tint, _smooth(0.16, 0.52, s))
        young = self.chance(22)[:, None]
        hot = young > 0.93
        colour = np.where(hot, _mix(colour, [0.80, 0.90, 1.0], 0.75) * 1.8, colour) * bright
        cloud = (young < 0.05) & (s > 0.35)
        colour = np.where(cloud, 1.6 * np.array([1.0, 0.20, 0.34]), colour)
        return colour, np.where(cloud[:, 0], 1.35, 1.0)


def _mix(a: Any, b: Any, t: Any) -> Any:
    return np.asarray(a) * (1 - t) + np.asarray(b) * t


def _smooth(low: float, high: float, x: Any) -> Any:
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


class Picture:
    """Draws a crowd like the shader."""

    def __init__(self, a: NbodyArguments, system: System, clock: Clock, crowd: Crowd) -> None:
        from .nbody import by_speed, reach_of, shown_uniforms

        self.a, self.system, self.clock, self.crowd = a, system, clock, crowd
        self.reach, self.first = reach_of(a, system)
        self.shown = shown_uniforms(a, system)
        self.by_speed = by_speed(a, system)
        self.pins = np.zeros((len(system.given), 3))

    def stage(self, p: Floats) -> Floats:
        q = np.stack([p[..., 0], p[..., 2], -p[..., 1]], -1)
        if not self.first:
            return np.asarray(q / self.reach)
        r = np.linalg.norm(q, axis=-1, keepdims=True)
        far = np.log(1 + r / self.first) / math.log(1 + self.reach / self.first)
        return np.asarray(np.where(r > 0, q / np.maximum(r, 1e-30) * far, q))

    def draw(self, canvas: Any, camera: Camera) -> None:
        """Add the light of one frame."""
        from .nbody import haze_light, haze_of

        crowd, given = self.crowd, len(self.system.given)
        pixel = camera.side / 512
        at, depth, _ = camera.project(self.stage(crowd.at))
        seen = (depth > 0.1) & (crowd.size > 0)
        near = np.clip(camera.distance / np.maximum(depth, 1e-9), 0.25, 3)
        colour = crowd.colour
        if self.by_speed:
            fast = np.linalg.norm(crowd.speed, axis=-1) / self.shown["fastest"]
            colour = linear(palette(self.a.palette, 0.15 + 0.85 * np.clip(fast, 0, 1)))
            light = crowd.colour.max(-1) * (1.1 + np.clip(fast, 0, 1.5))
            colour = colour * light[:, None]
        radius = crowd.size * self.a.size * near * pixel
        some = seen & (np.arange(len(seen)) >= given)
        light = colour * self.a.brightness
        canvas.light(at[some], radius[some], light[some])
        if every := haze_of(self.system):
            wide = some & (np.arange(len(seen)) % every == 0)
            share = self.shown["haze"] * haze_light(self.system)
            canvas.light(at[wide], 6.5 * radius[wide], light[wide] * share)
        self.pins = np.zeros((given, 3))
        for k in np.nonzero(seen[:given])[0]:
            wide = crowd.size[k] * self.a.size * (0.5 + 0.5 * near[k]) * pixel
            for times, ink in planet(colour[k]):
                canvas.light(at[k : k + 1], times * wide, ink)
            self.pins[k] = (*np.trunc(at[k] + pin_offset(self.a, wide)), 1)
        if given and self.system.kept > 2:
            self._tracks(canvas, camera, pixel)
        if self.system.orbits:
            self._orbits(canvas, camera, pixel)

    def _tracks(self, canvas: Any, camera: Camera, pixel: float) -> None:
        crowd, kept = self.crowd, self.system.kept
        newest = len(crowd.track) - 1
        given = crowd.at[: len(self.system.given)]
        for age in range(min(newest + 1, kept - 1)):
            a = given if age == 0 else crowd.track[newest - age + 1]
            fresh = 1 - age / (kept - 1)
            ink = dim(crowd.colour[: len(given)]) * (self.a.trail * 0.8 * fresh * fresh)
            self._lines(
                canvas, camera, a, crowd.track[newest - age], 1.2 * self.a.size * pixel, ink
            )

    def _orbits(self, canvas: Any, camera: Camera, pixel: float) -> None:
        share = np.arange(129) / 128 * math.tau
        for k, (centre, u, v) in enumerate(self.system.orbits):
            ring = centre + np.cos(share)[:, None] * u + np.sin(share)[:, None] * v
            ring = ring + self.crowd.at[0]
            ink = dim(self.crowd.colour[k + 1]) * (0.16 * self.a.trail)
            self._lines(canvas, camera, ring[:-1], ring[1:], pixel, np.tile(ink, (128, 1)))

    def _lines(
        self, canvas: Any, camera: Camera, a: Floats, b: Floats, radius: float, ink: Floats
    ) -> None:
        p, near, _ = camera.project(self.stage(a))
        q, far, _ = camera.project(self.stage(b))
        seen = (near > 0.1) & (far > 0.1)
        canvas.line(p[seen], q[seen], radius, ink[seen])

    def ground(self) -> Floats:
        """Return linear RGB of deep space."""
        a = self.a
        side, seed = min(a.width, a.height), self.crowd.seed
        x, y = np.meshgrid(np.arange(a.width), np.arange(a.height))
        at = np.stack([x, y], -1) + 0.5
        e = (at - np.array([a.width, a.height]) / 2) / side
        ink = number_of(a.background)
        assert isinstance(ink, list)
        fall = 0.35 + 0.65 * np.exp(-1.8 * (e * e).sum(-1, keepdims=True))
        colour = linear(np.array(ink[:3], np.float64)) * fall
        p = at / side * 26
        cell = np.floor(p)
        i, j = (cell[..., n].ravel().astype(np.uint32) for n in (0, 1))
        h = [random(i, j, k, seed).reshape(x.shape).astype(np.float64) for k in (50, 51, 52, 53)]
        star = cell + 0.15 + 0.7 * np.stack(h[1:3], -1)
        d = (p - star) * side / (26 * max(0.9, side / 620))
        tint = _mix([1.0, 0.82, 0.62], [0.65, 0.80, 1.0], h[3][..., None])
        size = np.maximum(h[0] - 0.68, 0) / 0.32
        light = self.shown["sky"] * (0.03 + 0.4 * size**4) * np.exp(-(d * d).sum(-1))
        return np.asarray(colour + tint * np.where(h[0] < 0.68, 0, light)[..., None])


def planet(colour: Floats) -> list[tuple[float, Floats]]:
    """Return radius and light of the three discs of which a planet is made."""
    return [(7.0, colour * 0.10), (3.0, colour * 0.45), (1.5, colour * 2.5 + 0.5)]


def pin_offset(a: NbodyArguments, wide: float) -> Floats:
    """Return where a name stands, from its body's middle, in pixels."""
    from .lettering import scale_for

    scale = scale_for(a.width, a.height)
    return np.array([1.5 * wide + 4 * scale, -4.0 * scale])


def dim(colour: Floats) -> Floats:
    """Return colours whose largest part is 1."""
    return np.asarray(colour / np.maximum(colour.max(-1, keepdims=True), 1e-6))
