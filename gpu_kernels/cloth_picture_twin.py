"""The NumPy twin of the cloth kernel's picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import number_of
from intentos.program import View

from .camera import Camera
from .cloth_shape import Scene, chain_width, scene_of
from .cloth_twin import normals
from .prelude import pack_rgba, smooth_between

if TYPE_CHECKING:
    from .cloth import ClothArguments

Floats = NDArray[np.floating[Any]]
LIGHT = np.array([-0.45, 0.80, 0.55]) / np.linalg.norm([-0.45, 0.80, 0.55])
REACH = 1.5


def linear(c: Any) -> Floats:
    """sRGB to linear light, by the usual power."""
    return np.asarray(np.maximum(np.asarray(c, float), 0) ** 2.2)


def unit(v: Floats) -> Floats:
    """Return vectors of length 1."""
    return np.asarray(v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9))


def picture(a: ClothArguments, p: Floats, frame: int) -> NDArray[np.uint8]:
    """Return a frame of the vertices ``p`` (rows, columns, 3), uint8 (height, width, 4)."""
    with np.errstate(all="ignore"):
        return Painting(a, p, frame).painted()


class Raster:
    """The nearest cell of a grid at every pixel: ``depth`` (inf where there is none), ``cell``."""

    def __init__(self, at: Floats, wide: int, high: int) -> None:
        self.depth = np.full((high, wide), np.inf)
        self.cell = np.full((high, wide), -1)
        rows, columns = at.shape[:2]
        for j in range(rows - 1):
            for i in range(columns - 1):
                self._cover(at[j : j + 2, i : i + 2].reshape(4, 3), j * (columns - 1) + i)

    def _cover(self, corners: Floats, cell: int) -> None:
        high, wide = self.depth.shape
        if not np.isfinite(corners).all() or corners[:, 2].min() < 0.1:
            return
        low = np.maximum(np.ceil(corners[:, :2].min(0) - 0.5), 0).astype(int)
        top = np.minimum(np.floor(corners[:, :2].max(0) - 0.5), (wide - 1, high - 1)).astype(int)
        if (top < low).any() or (top - low > 600).any():
            return
        x, y = np.meshgrid(np.arange(low[0], top[0] + 1), np.arange(low[1], top[1] + 1))
        point = np.stack([x, y], -1) + 0.5
        a, b, c, d = corners
        depth = np.maximum(_depth(a, b, c, point), _depth(b, d, c, point))
        part = (slice(low[1], top[1] + 1), slice(low[0], top[0] + 1))
        nearer = (depth >= 0) & (depth < self.depth[part])
        self.depth[part][nearer] = depth[nearer]
        self.cell[part][nearer] = cell


def sides(a: Floats, b: Floats, c: Floats, p: Floats) -> Floats:
    """Twin of ``sides``: weights of three corners at p, not yet divided by their sum."""

    def area(q: Floats, r: Floats) -> Floats:
        u, w = q[..., :2] - p, r[..., :2] - p
        return np.asarray(u[..., 0] * w[..., 1] - u[..., 1] * w[..., 0])

    return np.stack([area(b, c), area(c, a), area(a, b)], -1)


def _depth(a: Floats, b: Floats, c: Floats, p: Floats) -> Floats:
    s = sides(a, b, c, p)
    total = s.sum(-1, keepdims=True)
    w = s / np.where(total == 0, 1e-9, total)
    return np.where((w < -1e-4).any(-1), -1.0, w @ np.array([a[2], b[2], c[2]]))


class Painting:
    """One frame."""

    def __init__(self, a: ClothArguments, p: Floats, frame: int) -> None:
        self.a, self.scene = a, scene_of(a)
        self.face = normals(p)
        if a.rows == 1:  # drawn as a ribbon
            apart = np.array([0.0, chain_width(a), 0.0])
            p = np.concatenate([p + apart, p - apart])
            self.face = np.broadcast_to(unit(np.array([0.3, 0.5, 0.8])), p.shape)
        self.p = p
        scene = self.scene
        view = View(
            yaw=math.radians(scene.yaw + a.yaw),
            pitch=math.radians(scene.pitch + a.pitch),
            distance=a.distance,
            spin=math.tau * a.turns * a.frames_per_second / a.frames,
        )
        self.camera = Camera.at(view, frame, a.frames_per_second, a.width, a.height)
        at, depth, _ = self.camera.project(self._staged(p))
        self.corners = np.concatenate([2 * at, depth[..., None]], -1)
        self.seen = Raster(self.corners, 2 * a.width, 2 * a.height)
        from .cloth import LIGHT_SIDE

        self.side = LIGHT_SIDE
        self.lit = Raster(self._on_light(p), LIGHT_SIDE, LIGHT_SIDE)

    def _staged(self, p: Floats) -> Floats:
        return np.asarray((p - np.array(self.scene.centre)) / self.scene.radius)

    def _on_light(self, p: Floats) -> Floats:
        u = unit(np.array([LIGHT[2], 0.0, -LIGHT[0]]))
        w = np.cross(LIGHT, u)
        q, half = self._staged(p), self.side / 2
        return np.stack(
            [half + q @ u / REACH * half, half + q @ w / REACH * half, 3 - q @ LIGHT], -1
        )

    def _light_on(self, p: Floats, spread: Floats, shift: Floats) -> Floats:
        q = self._on_light(p)
        free = np.zeros(p.shape[:-1])
        front = np.pad(self.lit.depth, 1, constant_values=np.inf)
        for n in range(9):
            step = spread[..., None] * np.array([n % 3 - 1, n // 3 - 1])
            at = np.floor(np.nan_to_num(np.clip(q[..., :2] + step, -1, self.side))).astype(int)
            free += front[at[..., 1] + 1, at[..., 0] + 1] + shift > q[..., 2]
        return free / 9

    def painted(self) -> NDArray[np.uint8]:
        """Twin of ``paint``."""
        a, scene = self.a, self.scene
        x, y = np.meshgrid(np.arange(a.width) + 0.5, np.arange(a.height) + 0.5)
        at = np.stack([x, y], -1)
        size = np.array([a.width, a.height])
        side = min(a.width, a.height)
        d = (at - size / 2) / (1.2 * side)
        ray = self._back(unit(np.stack([d[..., 0], -d[..., 1], -np.ones_like(x)], -1)))
        eye = np.array(scene.centre) + scene.radius * self._back(np.array([0, 0, a.distance]))
        place, normal, base, covered = self._cloth(at)
        on = covered > 0
        back = Scenery(self, eye, ray)
        soft = on | back.ball
        spot = np.where(on[..., None], place + 0.03 * LIGHT, back.p)
        free = self._past(spot) * self._light_on(
            np.where(on[..., None], place, back.p), np.where(soft, 1.3, 2.6),
            np.where(soft, 0.025, 0.006),
        )  # fmt: skip
        sky = self._sky(np.maximum(ray[..., 1], 0))
        behind, depth = back.lit(free, sky)
        normal = np.where((np.sum(normal * -ray, -1) < 0)[..., None], -normal, normal)
        cloth = cloth_light(base, normal, -ray, free)
        hidden = np.linalg.norm(place - eye, axis=-1) > depth + 0.004
        weight = np.where(on & ~hidden, covered, 0)[..., None]
        colour = np.where(weight > 0, behind + (cloth - behind) * weight, behind)
        off = (at - size / 2) / side
        fall = 1.10 - 0.28 * np.sum(off * off, -1, keepdims=True)
        mapped = colour / (1 + 0.16 * colour) * fall
        return pack_rgba(np.clip(np.nan_to_num(mapped), 0, 1) ** (1 / 2.2))

    def _back(self, q: Floats) -> Floats:
        c, s, d, e = (
            f(x) for x in (self.camera.yaw, self.camera.pitch) for f in (math.cos, math.sin)
        )
        y, z = d * q[..., 1] + e * q[..., 2], d * q[..., 2] - e * q[..., 1]
        return np.stack([c * q[..., 0] - s * z, y, c * z + s * q[..., 0]], -1)

    def _sky(self, up: Floats) -> Floats:
        top = linear(number_of(self.a.background or self.scene.background))[:3]
        low = linear(self.scene.horizon)
        return np.asarray(low + (top - low) * smooth_between(0.0, 0.75, up)[..., None])

    def _past(self, p: Floats) -> Floats:
        free = np.ones(p.shape[:-1])
        *middle, radius = self.scene.ball
        if radius > 0:
            d = np.array(middle) - p
            s = d @ LIGHT
            miss = np.sqrt(np.maximum(np.sum(d * d, -1) - s * s, 0))
            free = np.where(s > 0, smooth_between(0.86, 1.12, miss / radius), 1.0)
        for beam in self.scene.shading_beams:
            miss, s = nearest_to(p, LIGHT, np.array(beam.start), np.array(beam.end))
            free = free * np.where(
                s > 0.02, smooth_between(0.5, 1.6, np.abs(miss) / beam.radius), 1.0
            )
        return free

    def _cloth(self, at: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return place, normal, colour and coverage at every pixel."""
        a = self.a
        fine, cells = (_by_pixel(each) for each in (self.seen.depth, self.seen.cell))
        first = fine.argmin(-1)[..., None]
        cell = np.maximum(np.take_along_axis(cells, first, -1)[..., 0], 0)
        across = max(a.columns - 1, 1)
        i, j = cell % across, cell // across
        index = [(j, i), (j, i + 1), (j + 1, i), (j + 1, i + 1)]
        ca, cb, cc, cd = (self.corners[one] for one in index)
        upper, lower = sides(ca, cb, cc, 2 * at), sides(cb, cd, cc, 2 * at)
        s, t = (w / w.sum(-1, keepdims=True) for w in (upper, lower))
        nought = np.zeros_like(s[..., :1])
        w = np.where(
            (s.min(-1) >= t.min(-1))[..., None],
            np.concatenate([s, nought], -1),
            np.concatenate([nought, t[..., :1], t[..., 2:], t[..., 1:2]], -1),
        )
        w = np.maximum(np.nan_to_num(w), 0)
        w = w / np.maximum(w.sum(-1, keepdims=True), 1e-6)
        face = self.face
        place = sum(w[..., k : k + 1] * self.p[one] for k, one in enumerate(index))
        normal = sum(w[..., k : k + 1] * face[one] for k, one in enumerate(index))
        u = (i + w[..., 1] + w[..., 3]) / max(a.columns - 1, 1)
        v = (j + w[..., 2] + w[..., 3]) / (max(a.rows, 2) - 1)
        covered = np.isfinite(fine).mean(-1)
        return np.asarray(place), unit(np.asarray(normal)), self._pattern(u, v), covered

    def _pattern(self, u: Floats, v: Floats) -> Floats:
        first, second = (linear(number_of(c))[:3] for c in (self.a.colour, self.a.second))

        def wave(x: Floats) -> Floats:
            return np.asarray(smooth_between(-0.06, 0.06, np.sin(x * math.tau * 5)))

        hem = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v))
        share = {
            "plain": np.zeros_like(u),
            "stripes": wave(v),
            "checks": 0.5 * (wave(u) + wave(v)),
            "border": smooth_between(0.045, 0.05, hem) - smooth_between(0.075, 0.08, hem),
        }[self.a.pattern]
        return np.asarray(first + (second - first) * share[..., None])


def _by_pixel(fine: NDArray[Any]) -> NDArray[Any]:
    """Return the four fine pixels of each pixel, shape (height, width, 4)."""
    high, wide = fine.shape[0] // 2, fine.shape[1] // 2
    return np.asarray(fine.reshape(high, 2, wide, 2).transpose(0, 2, 1, 3).reshape(high, wide, 4))


class Scenery:
    """Twin of ``scenery_at``: what is behind the cloth."""

    def __init__(self, painting: Painting, eye: Floats, ray: Floats) -> None:
        self.painting, self.eye, self.ray = painting, eye, ray
        scene: Scene = painting.scene
        up = ray[..., 1]
        far = np.where((up < -1e-6) & (eye[1] > 0), -eye[1] / np.minimum(up, -1e-6), 1e6)
        self.p = eye + far[..., None] * ray
        q = (self.p - np.array(scene.centre)) / scene.radius
        pool = np.exp(-0.16 * np.sum(q * q, -1, keepdims=True))
        self.base = linear(scene.ground) * (0.62 + 0.45 * pool)
        self.n = np.zeros_like(ray)
        self.n[..., 1] = 1
        self.depth = far
        self.fog = smooth_between(1.5, 13.0, far / scene.radius - painting.a.distance)
        self.ball = np.zeros(up.shape, bool)
        *middle, radius = scene.ball
        if radius > 0:
            d = np.array(middle) - eye
            along = ray @ d
            reach = radius**2 - d @ d + along * along
            near = along - np.sqrt(np.maximum(reach, 0))
            self.ball = (reach > 0) & (near < far)
            on = self.ball[..., None]
            self.p = np.where(on, eye + near[..., None] * ray, self.p)
            self.n = np.where(on, (self.p - np.array(middle)) / radius, self.n)
            self.base = np.where(on, np.array([0.30, 0.34, 0.40]), self.base)
            self.fog = np.where(self.ball, 0, self.fog)
            self.depth = np.where(self.ball, near, far)

    def lit(self, free: Floats, sky: Floats) -> tuple[Floats, Floats]:
        """Return colour and depth, beams included."""
        ground = self.base * (0.30 + 0.70 * free[..., None])
        mirrored = self.ray - 2 * np.sum(self.ray * self.n, -1, keepdims=True) * self.n
        gloss = 0.5 * free * np.maximum(mirrored @ LIGHT, 0) ** 60
        ball = cloth_light(self.base, self.n, -self.ray, free) + gloss[..., None]
        still = np.where(self.ball[..., None], ball, ground)
        colour = still + (sky - still) * self.fog[..., None]
        depth = self.depth
        camera = self.painting.camera
        for beam in self.painting.scene.beams:
            miss, s = nearest_to(self.eye, self.ray, np.array(beam.start), np.array(beam.end))
            pixel = np.maximum(s, 1e-3) / (1.2 * camera.side)
            cover = np.clip((beam.radius - np.abs(miss)) / pixel + 0.5, 0, 1)
            cover = cover * np.minimum(1, 2 * beam.radius / pixel)
            front = s - beam.radius
            seen = (s > 0) & (front < depth) & (cover > 0)
            x = np.clip(miss / beam.radius, -1, 1)
            shine = np.maximum(1 - (x + 0.4) ** 2, 0)[..., None]
            ink = np.array(beam.tone) * (0.22 + 0.78 * shine) + 0.35 * shine**12
            mixed = colour + (ink - colour) * cover[..., None]
            colour = np.where(seen[..., None], mixed, colour)
            depth = np.where(seen & (cover > 0.5), front, depth)
        return colour, depth


def nearest_to(p: Floats, d: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Twin of ``nearest_to``: signed distance, and how far along the ray."""
    e, w = b - a, p - a
    de, ee = d @ e, e @ e
    wd = np.sum(w * d, -1)
    along = np.clip((w @ e - de * wd) / np.maximum(ee - de * de, 1e-9), 0, 1)
    s = along * de - wd
    off = w + s[..., None] * d - along[..., None] * e
    side = np.sign(np.sum(off * np.cross(d, e), -1))
    return np.linalg.norm(off, axis=-1) * np.where(side == 0, 1, side), s


def cloth_light(base: Floats, n: Floats, view: Floats, free: Floats) -> Floats:
    """Twin of ``cloth_light``."""
    free = free[..., None]
    facing = (n @ LIGHT)[..., None]
    front, behind = np.maximum(facing, 0), np.maximum(-facing, 0)
    wrapped = np.maximum((facing + 0.35) / 1.35, 0)
    half = unit(LIGHT + view)
    gloss = np.maximum(np.sum(n * half, -1, keepdims=True), 0) ** 18
    edge = (1 - np.clip(np.abs(np.sum(n * view, -1, keepdims=True)), 0, 1)) ** 3
    above = 0.5 + 0.5 * n[..., 1:2]
    light = base * (np.array([0.16, 0.18, 0.22]) * (0.6 + 0.4 * above))
    light = light + base * np.array([0.10, 0.09, 0.08]) * (1 - above)
    light = light + base * np.array([1.15, 1.08, 0.98]) * (0.75 * front + 0.25 * wrapped) * free
    light = light + base * base * np.array([1.1, 1.0, 0.9]) * (0.45 * behind)
    sheen = base + (1 - base) * 0.35
    return np.asarray(light + sheen * (0.16 * gloss * free + 0.10 * edge))
