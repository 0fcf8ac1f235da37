"""Seven rocks with shadows on a stone plaza under a clear sky: every ray marched, every pixel lit.

The formulas stand once, over NumPy's functions: they serve arrays as they are, and numba compiles
them for single numbers. What differs is the loop around them. NumPy marches blocks of rows and
keeps only the rays that are still on their way; numba marches ray by ray and stops each at its
goal. The GPU's passes find the rocks of a pixel by tiles, the rivals by a sphere around each rock.
"""

import types
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.bench.row import Arrays, Rival, Row
from intentos.gpu_kernels.scene_constants import SOILS
from intentos.gpu_kernels.scene_layout import RECORD, STATE, linear

SIDE = 512
ROCKS = 7
SHADOW = 256
FAR = 1.0e5
WORD = 0xFFFFFFFF
ARGUMENTS: dict[str, Any] = {
    "width": SIDE, "height": SIDE, "frames": 4, "light": True, "wind": 0.0,
    "objects": [{"kind": "rock", "count": ROCKS}], "ground": "stone",
    "time_of_day": "night", "hour": 9.5,  # by the clock it is day; ``night`` means no clouds
}  # fmt: skip
SLAB = linear(SOILS["stone"])
"""Linear light of the plaza's stone."""

Compile = Callable[[Any], Any]


def formulas(compiled: Compile) -> types.SimpleNamespace:
    """Return the scene's functions of numbers or arrays; vectors are three values."""

    @compiled
    def wide(low: Any, high: Any, x: Any) -> Any:
        t = np.minimum(np.maximum((x - low) / (high - low), np.float32(0)), np.float32(1))
        return t * t * (np.float32(3) - np.float32(2) * t)

    @compiled
    def chance(key: Any) -> Any:
        h = ((key ^ (key >> 16)) * 0x21F0AAAD) & WORD
        h = ((h ^ (h >> 15)) * 0x735A2D97) & WORD
        h = h ^ (h >> 15)
        return np.float32(h >> 8) * np.float32(1 / 16777216)

    @compiled
    def key2(x: Any, y: Any) -> Any:
        return (np.int64(x) * 0x9E3779B1 + np.int64(y) * 0x85EBCA77) & WORD

    @compiled
    def noise2(x: Any, y: Any) -> Any:
        cx, cy = np.floor(x), np.floor(y)
        u, v = x - cx, y - cy
        u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
        k = key2(cx, cy)
        a, b = chance(k), chance((k + 0x9E3779B1) & WORD)
        c, d = chance((k + 0x85EBCA77) & WORD), chance((k + 0x9E3779B1 + 0x85EBCA77) & WORD)
        low, high = a + (b - a) * u, c + (d - c) * u
        return low + (high - low) * v

    @compiled
    def layer(k: Any, u: Any, v: Any) -> Any:
        a, b = chance(k & WORD), chance((k + 0x9E3779B1) & WORD)
        c, d = chance((k + 0x85EBCA77) & WORD), chance((k + 0x9E3779B1 + 0x85EBCA77) & WORD)
        low, high = a + (b - a) * u, c + (d - c) * u
        return low + (high - low) * v

    @compiled
    def noise3(x: Any, y: Any, z: Any) -> Any:
        cx, cy, cz = np.floor(x), np.floor(y), np.floor(z)
        u, v, w = x - cx, y - cy, z - cz
        u, v, w = u * u * (3 - 2 * u), v * v * (3 - 2 * v), w * w * (3 - 2 * w)
        k = (key2(cx, cy) + np.int64(cz) * 0xC2B2AE3D) & WORD
        low, high = layer(k, u, v), layer(k + 0xC2B2AE3D, u, v)
        return low + (high - low) * w

    @compiled
    def clouds(x: Any, y: Any) -> Any:
        total, weight = noise2(x, y) * np.float32(0.5), np.float32(0.25)
        for _ in range(2):
            x, y = (
                np.float32(1.6) * x + np.float32(1.2) * y + np.float32(3.7),
                np.float32(1.6) * y - np.float32(1.2) * x + np.float32(1.3),
            )
            total = total + weight * noise2(x, y)
            weight = weight * np.float32(0.5)
        return total

    @compiled
    def rock(x: Any, y: Any, z: Any, seed: Any) -> Any:
        py = y - np.float32(0.25)
        bx, by, bz = x * np.float32(0.8), py * np.float32(1.15), z * np.float32(0.95)
        body = np.sqrt(bx * bx + by * by + bz * bz) - np.float32(0.62)
        one = (0.6 * x + 0.7 * py + 0.2 * z) * np.float32(1 / np.sqrt(0.89))
        two = (-0.7 * x + 0.5 * py + 0.3 * z) * np.float32(1 / np.sqrt(0.83))
        three = (0.1 * x + 0.6 * py - 0.8 * z) * np.float32(1 / np.sqrt(1.01))
        facets = np.maximum(one, np.maximum(two, three)) - np.float32(0.46)
        s = np.float32(40) * seed
        f = np.float32(2.3)
        coarse = noise3(x * f + s, y * f + s, z * f + s) - np.float32(0.5)
        g = np.float32(7.0)
        fine = noise3(x * g + seed, y * g + seed, z * g + seed) - np.float32(0.5)
        return np.maximum(body, facets) - np.float32(0.2) * coarse - np.float32(0.07) * fine

    @compiled
    def air(dx: Any, dy: Any, dz: Any, c: Any, state: Any) -> Any:
        """One colour channel of clear air in a direction."""
        toward = dx * state[2, 0] + dy * state[2, 1] + dz * state[2, 2]
        side = np.float32(0.5) + np.float32(0.5) * toward
        low = state[5, c] + (state[6, c] - state[5, c]) * side * side * side
        t = np.exp(np.float32(-4.2) * np.maximum(dy, np.float32(0)))
        near = np.maximum(toward, np.float32(0))
        n4 = near * near * near * near
        n16 = n4 * n4 * n4 * n4
        about = np.float32(0.035) * n4 * t + np.float32(0.10) * n16 * n4 * t
        about = about + np.float32(0.06) * n16 * n16 * n16
        return state[4, c] + (low - state[4, c]) * t + state[3, c] * about

    @compiled
    def sky(dx: Any, dy: Any, dz: Any, c: Any, state: Any) -> Any:
        mu = dx * state[0, 0] + dy * state[0, 1] + dz * state[0, 2]
        mu = np.maximum(mu, np.float32(0))
        off = np.arctan2(np.sqrt(np.maximum((1 - mu) * (1 + mu), np.float32(0))), mu)
        soft = np.float32(2.0 / SIDE) / state[7, 3]
        disc = 1 - wide(np.float32(0.019) - soft, np.float32(0.019) + soft, off)
        shine = np.float32(5) * disc + np.float32(0.5) * np.exp(np.float32(-30) * off)
        shine = shine + np.float32(0.16) * np.exp(np.float32(-7) * off)
        return air(dx, dy, dz, c, state) + state[3, c] * shine

    @compiled
    def veil(colour: Any, dx: Any, dy: Any, dz: Any, t: Any, c: Any, state: Any) -> Any:
        clear = np.exp(-state[3, 3] * t)
        far = air(dx, np.abs(dy) * np.float32(0.3), dz, c, state)
        return far + (colour - far) * clear

    @compiled
    def slab(x: Any, z: Any, t: Any) -> Any:
        """Brightness of the stone at a place."""
        row = np.floor(z / np.float32(1.1))
        u, v = x / np.float32(1.7) + np.float32(0.5) * row, z / np.float32(1.1)
        cu, cv = u - np.floor(u), v - np.floor(v)
        edge = np.minimum(
            np.minimum(cu, 1 - cu) * np.float32(1.7), np.minimum(cv, 1 - cv) * np.float32(1.1)
        )
        joint = wide(np.float32(0), np.float32(0.03) + np.float32(0.002) * t, edge)
        fine = clouds(x * np.float32(2.3) + 9, z * np.float32(2.3) + 9)
        tone = np.float32(0.6) + np.float32(0.35) * chance(key2(np.floor(u), np.floor(v)))
        tone = tone + np.float32(0.25) * fine
        return tone * (np.float32(0.45) + np.float32(0.55) * joint)

    @compiled
    def shade(x: Any, z: Any, base: Any, size: Any, state: Any) -> Any:
        """Share of the light that one rock lets through to a place of the ground."""
        rx, ry, rz = size[0], np.float32(0.55) * base[3], size[1]
        qx, qz = (x - base[0]) / rx, (z - base[2]) / rz
        qy = (-base[1] - np.float32(0.25) * base[3]) / ry
        lx, ly, lz = state[2, 0] / rx, state[2, 1] / ry, state[2, 2] / rz
        k = -(qx * lx + qy * ly + qz * lz) / (lx * lx + ly * ly + lz * lz)
        k = np.maximum(k, np.float32(0))
        nx, ny, nz = qx + lx * k, qy + ly * k, qz + lz * k
        d = np.sqrt(nx * nx + ny * ny + nz * nz)
        return 1 - np.float32(0.92) * (1 - wide(np.float32(0.62), np.float32(1.12), d))

    @compiled
    def open_to_light(x: Any, z: Any, chart: Any) -> Any:
        u = (x + np.float32(24)) / np.float32(48) * SHADOW - np.float32(0.5)
        v = (z + np.float32(30)) / np.float32(44) * SHADOW - np.float32(0.5)
        inside = (u > 0) & (v > 0) & (u < SHADOW - 1) & (v < SHADOW - 1)
        u = np.minimum(np.maximum(u, np.float32(0)), np.float32(SHADOW - 1.01))
        v = np.minimum(np.maximum(v, np.float32(0)), np.float32(SHADOW - 1.01))
        i, j = np.int64(u), np.int64(v)
        s, t = np.float32(u - np.floor(u)), np.float32(v - np.floor(v))
        at = j * SHADOW + i
        low = chart[at] + (chart[at + 1] - chart[at]) * s
        high = chart[at + SHADOW] + (chart[at + SHADOW + 1] - chart[at + SHADOW]) * s
        return np.where(inside, low + (high - low) * t, np.float32(1))

    found = {name: one for name, one in locals().items() if name != "compiled"}
    return types.SimpleNamespace(**found)


def numpy_rival(start: Arrays) -> Rival:
    """Blocks of rows; of a rock only the rays that meet its sphere and have not arrived."""
    f = formulas(lambda function: function)
    state, rocks = _scene(start)

    def light(first: int, last: int, chart: NDArray[Any]) -> NDArray[Any]:
        d = _ways(state, first, last)
        dx, dy, dz = d
        found = np.stack([*(f.sky(dx, dy, dz, c, state) for c in range(3)), np.full_like(dx, FAR)])
        t = state[7, 1] / np.maximum(-dy, np.float32(1e-5))
        at = np.flatnonzero(t < 60000)
        if at.size:
            found[:, at] = _ground(f, state, d[:, at], t[at], chart)
        owner = np.full(dx.size, -1)
        t = found[3]
        for number, rock in enumerate(rocks):
            _march(f, state, rock, d, t, owner, number)
        for number, rock in enumerate(rocks):
            at = np.flatnonzero(owner == number)
            if at.size:
                found[:3, at] = _rock_light(f, state, rock, d[:, at], t[at], chart)
        return found.T

    def run(rounds: int) -> Arrays:
        picture = np.empty((SIDE, SIDE, 4), np.float32)
        for _ in range(rounds):
            x, z = _spots()
            chart = np.ones(SHADOW * SHADOW, np.float32)
            for rock in rocks:
                chart = chart * f.shade(x, z, rock[0], rock[3], state)
            for first in range(0, SIDE, 32):
                block = light(first, first + 32, chart)
                picture[first : first + 32] = block.reshape(32, SIDE, 4)
        return {"objects": start["objects"], "light": picture}

    return run


def _scene(start: Arrays) -> tuple[NDArray[Any], NDArray[Any]]:
    rows = np.ascontiguousarray(start["objects"], np.float32)
    return rows[:STATE], rows[STATE : STATE + RECORD * ROCKS].reshape(ROCKS, RECORD, 4)


def _spots() -> tuple[NDArray[Any], NDArray[Any]]:
    middle = (np.arange(SHADOW, dtype=np.float32) + np.float32(0.5)) / np.float32(SHADOW)
    x, z = np.float32(-24) + middle * np.float32(48), np.float32(-30) + middle * np.float32(44)
    return np.tile(x, SHADOW), np.repeat(z, SHADOW)


def _ways(state: NDArray[Any], first: int, last: int) -> NDArray[Any]:
    half = np.float32(SIDE / 2)
    x = (np.arange(SIDE, dtype=np.float32) + np.float32(0.5) - half) / half
    y = (np.arange(first, last, dtype=np.float32) + np.float32(0.5) - half) / half
    across, down = np.tile(x, last - first), np.repeat(y, SIDE)
    d = np.stack(
        [state[10, i] * state[7, 3] + state[8, i] * across - state[9, i] * down for i in range(3)]
    )
    return np.asarray(d / np.sqrt((d * d).sum(axis=0)))


def _ground(f: Any, state: NDArray[Any], d: Any, t: Any, chart: Any) -> NDArray[Any]:
    x, z = state[7, 0] + d[0] * t, state[7, 2] + d[2] * t
    open_, tone = f.open_to_light(x, z, chart), f.slab(x, z, t)
    rows = []
    for c in range(3):
        sun = state[3, c] * max(state[2, 1], np.float32(0)) * open_
        around = state[11, c] * (np.float32(0.7) + np.float32(0.3) * open_) * np.float32(0.62)
        colour = np.float32(SLAB[c]) * tone * (sun + around)
        rows.append(f.veil(colour, d[0], d[1], d[2], t, c, state))
    return np.stack([*rows, t])


def _local(rock: Any, x: Any, y: Any, z: Any) -> tuple[Any, Any, Any]:
    c, s = np.cos(rock[3, 2]), np.sin(rock[3, 2])
    x, y, z = ((v - rock[0, i]) / rock[0, 3] for i, v in enumerate((x, y, z)))
    return c * x - s * z, y, s * x + c * z


def _march(
    f: Any, state: Any, rock: Any, d: Any, t: NDArray[Any], owner: NDArray[Any], number: int
) -> None:
    v = rock[2, :3] - state[7, :3]
    b = v @ d
    gap = rock[2, 3] ** 2 - v @ v + b * b
    half = np.sqrt(np.maximum(gap, 0))
    at = np.flatnonzero((gap > 0) & (np.maximum(b - half, 0.1) < np.minimum(b + half, t)))
    s, end = np.maximum(b - half, np.float32(0.1))[at], np.minimum(b + half, t)[at]
    for _ in range(26):
        if not at.size:
            return
        q = _local(rock, *(state[7, i] + d[i, at] * s for i in range(3)))
        near = f.rock(*q, rock[1, 3])
        hit = near < 0.003
        t[at[hit]], owner[at[hit]] = s[hit], number
        s = s + np.float32(0.8) * near * rock[0, 3]
        going = ~hit & (s < end)
        at, s, end = at[going], s[going], end[going]


def _rock_light(f: Any, state: Any, rock: Any, d: Any, t: Any, chart: Any) -> NDArray[Any]:
    p = [state[7, i] + d[i] * t for i in range(3)]
    q = _local(rock, *p)
    g = [np.zeros_like(t) for _ in range(3)]
    for way in ((1, -1, -1), (-1, 1, -1), (-1, -1, 1), (1, 1, 1)):
        near = f.rock(*(a + np.float32(0.012 * w) for a, w in zip(q, way, strict=True)), rock[1, 3])
        g = [a + w * near for a, w in zip(g, way, strict=True)]
    size = np.sqrt(g[0] ** 2 + g[1] ** 2 + g[2] ** 2)
    gx, ny, gz = (a / size for a in g)
    c, s = np.cos(rock[3, 2]), np.sin(rock[3, 2])
    nx, nz = c * gx + s * gz, c * gz - s * gx
    grain = f.clouds(q[0] * 9 + q[2] * 4, q[1] * 9 + q[2] * 4)
    low = np.float32(0.35) + np.float32(0.65) * f.wide(np.float32(-0.05), np.float32(0.4), q[1])
    shift = np.float32(0.3)
    open_ = f.open_to_light(p[0] + shift * state[2, 0], p[2] + shift * state[2, 2], chart)
    facing = np.maximum(nx * state[2, 0] + ny * state[2, 1] + nz * state[2, 2], 0) * open_
    rows = []
    for i in range(3):
        around = state[11, i] * (np.float32(0.45) + np.float32(0.35) * ny)
        around = (around + state[12, i] * np.float32(0.4)) * low
        body = rock[1, i] * (np.float32(0.55) + np.float32(0.8) * grain)
        rows.append(f.veil(body * (state[3, i] * facing + around), d[0], d[1], d[2], t, i, state))
    return np.stack(rows)


def numba_rival(start: Arrays) -> Rival:
    """Ray by ray, rows in parallel, each march ending where it arrives."""
    from numba import njit, prange

    f = formulas(njit(fastmath=True, inline="never"))
    rock_at, shade, sky, slab, veil = f.rock, f.shade, f.sky, f.slab, f.veil
    open_to_light, clouds, wide = f.open_to_light, f.clouds, f.wide
    state, rocks = _scene(start)
    ways = _ways(state, 0, SIDE).T.copy()
    x_of, z_of = _spots()

    @njit(parallel=True, fastmath=True)  # type: ignore[untyped-decorator]
    def shadows(x: Any, z: Any, rocks: Any, state: Any, chart: Any) -> Any:
        for j in prange(SHADOW):
            for i in range(j * SHADOW, (j + 1) * SHADOW):
                left = np.float32(1)
                for k in range(ROCKS):
                    left *= shade(x[i], z[i], rocks[k, 0], rocks[k, 3], state)
                chart[i] = left

    @njit(fastmath=True)  # type: ignore[untyped-decorator]
    def meet(d: Any, rocks: Any, state: Any, farthest: Any) -> Any:
        """Distance and number of the nearest rock, or the farthest and -1."""
        t, owner = farthest, -1
        for k in range(ROCKS):
            b, vv = np.float32(0), np.float32(0)
            for i in range(3):
                v = rocks[k, 2, i] - state[7, i]
                b += v * d[i]
                vv += v * v
            gap = rocks[k, 2, 3] * rocks[k, 2, 3] - vv + b * b
            if gap <= 0:
                continue
            half = np.sqrt(gap)
            s, end = max(b - half, np.float32(0.1)), min(b + half, t)
            c, n = np.cos(rocks[k, 3, 2]), np.sin(rocks[k, 3, 2])
            h = rocks[k, 0, 3]
            for _ in range(26):
                if s >= end:
                    break
                x = (state[7, 0] + d[0] * s - rocks[k, 0, 0]) / h
                y = (state[7, 1] + d[1] * s - rocks[k, 0, 1]) / h
                z = (state[7, 2] + d[2] * s - rocks[k, 0, 2]) / h
                near = rock_at(c * x - n * z, y, n * x + c * z, rocks[k, 1, 3])
                if near < 0.003:
                    t, owner = s, k
                    break
                s += np.float32(0.8) * near * h
        return t, owner

    @njit(fastmath=True)  # type: ignore[untyped-decorator]
    def light_of(d: Any, t: Any, rock: Any, state: Any, chart: Any, found: Any) -> Any:
        px, py, pz = (state[7, 0] + d[0] * t, state[7, 1] + d[1] * t, state[7, 2] + d[2] * t)
        c, n, h = np.cos(rock[3, 2]), np.sin(rock[3, 2]), rock[0, 3]
        x, y, z = (px - rock[0, 0]) / h, (py - rock[0, 1]) / h, (pz - rock[0, 2]) / h
        qx, qz = c * x - n * z, n * x + c * z
        a, e = np.float32(0.012), rock[1, 3]
        g0 = rock_at(qx + a, y - a, qz - a, e)
        g1 = rock_at(qx - a, y + a, qz - a, e)
        g2 = rock_at(qx - a, y - a, qz + a, e)
        g3 = rock_at(qx + a, y + a, qz + a, e)
        gx, gy, gz = g0 - g1 - g2 + g3, g1 - g0 - g2 + g3, g2 - g0 - g1 + g3
        size = np.sqrt(gx * gx + gy * gy + gz * gz)
        nx, ny, nz = (c * gx + n * gz) / size, gy / size, (c * gz - n * gx) / size
        grain = clouds(qx * 9 + qz * 4, y * 9 + qz * 4)
        low = np.float32(0.35) + np.float32(0.65) * wide(np.float32(-0.05), np.float32(0.4), y)
        spot_x = px + np.float32(0.3) * state[2, 0]
        spot_z = pz + np.float32(0.3) * state[2, 2]
        facing = nx * state[2, 0] + ny * state[2, 1] + nz * state[2, 2]
        facing = max(facing, np.float32(0)) * open_to_light(spot_x, spot_z, chart)
        for i in range(3):
            around = state[11, i] * (np.float32(0.45) + np.float32(0.35) * ny)
            around = (around + state[12, i] * np.float32(0.4)) * low
            body = rock[1, i] * (np.float32(0.55) + np.float32(0.8) * grain)
            lit = body * (state[3, i] * facing + around)
            found[i] = veil(lit, d[0], d[1], d[2], t, i, state)

    @njit(parallel=True, fastmath=True)  # type: ignore[untyped-decorator]
    def picture_of(ways: Any, rocks: Any, state: Any, chart: Any, picture: Any) -> Any:
        for row in prange(SIDE):
            for i in range(row * SIDE, (row + 1) * SIDE):
                d, found = ways[i], picture[i]
                plane = state[7, 1] / max(-d[1], np.float32(1e-5))
                farthest = plane if plane < 60000 else np.float32(FAR)
                t, owner = meet(d, rocks, state, farthest)
                found[3] = t
                if owner >= 0:
                    light_of(d, t, rocks[owner], state, chart, found)
                elif plane < 60000:
                    x, z = state[7, 0] + d[0] * t, state[7, 2] + d[2] * t
                    left, tone = open_to_light(x, z, chart), slab(x, z, t)
                    for c in range(3):
                        sun = state[3, c] * max(state[2, 1], np.float32(0)) * left
                        share = np.float32(0.7) + np.float32(0.3) * left
                        colour = sun + state[11, c] * share * np.float32(0.62)
                        colour = np.float32(SLAB[c]) * tone * colour
                        found[c] = veil(colour, d[0], d[1], d[2], t, c, state)
                else:
                    for c in range(3):
                        found[c] = sky(d[0], d[1], d[2], c, state)

    def run(rounds: int) -> Arrays:
        picture = np.empty((SIDE * SIDE, 4), np.float32)
        chart = np.empty(SHADOW * SHADOW, np.float32)
        for _ in range(rounds):
            shadows(x_of, z_of, rocks, state, chart)
            picture_of(ways, rocks, state, chart, picture)
        return {"objects": start["objects"], "light": picture.reshape(SIDE, SIDE, 4)}

    return run


def agree(gpu: Arrays, rival: Arrays) -> str:
    """Judge light and distance; where a ray grazes a rock, one may hit and the other pass."""
    mine, other = gpu["light"], rival["light"]
    off = np.abs(mine - other) > 0.01 + 0.01 * np.abs(other)
    share = float(off.any(axis=2).mean())
    assert share < 0.005, f"{100 * share:.2f} % of the pixels differ by more than 1 %"
    return f"{100 * share:.3f} % of the pixels differ by more than 1 %"


ROWS = (
    Row(
        label="ray-marched scene 512²",
        kernel="scene",
        arguments=ARGUMENTS,
        unit="pixels",
        work=SIDE * SIDE,
        rivals={"numpy": numpy_rival, "numba": numba_rival},
        agree=agree,
    ),
)
