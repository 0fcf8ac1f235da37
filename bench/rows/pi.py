"""Monte-Carlo pi: points of a square that lie in its circle, 8 million a round.

Every rival draws the same points: pcg3d of a counter, so that the hits agree to the last one but
for points that lie on the circle to within float32.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.bench.row import Arrays, Rival, Row
from intentos.bindings import fold_seed
from intentos.gpu_kernels.prelude import hash_

ROUND = 8_000_000
ROUNDS = 125
SEED = 7
CHUNK = 1 << 16
SCALE = np.float32(1 / 8388608)


def key() -> int:
    """Return what the shader mixes in from the seed."""
    return int(hash_(np.array([fold_seed(SEED)], np.uint32))[0])


def numpy_rival(start: Arrays) -> Rival:
    """Whole-array arithmetic on pieces that stay in the cache."""
    u = np.uint32
    y0 = u(1013904223)
    z0 = u((key() * 1664525 + 1013904223) & 0xFFFFFFFF)

    def hits(first: int, count: int) -> int:
        index = np.arange(first, first + count, dtype=u)
        x = index * u(1664525) + u(1013904223)
        x += u((int(y0) * int(z0)) & 0xFFFFFFFF)
        y = y0 + z0 * x
        z = z0 + x * y
        for v in (x, y, z):
            v ^= v >> u(16)
        x += y * z
        y += z * x
        px, py = ((v >> u(9)).astype(np.float32) for v in (x, y))
        for v in (px, py):
            v += np.float32(0.5)
            v *= np.float32(2) * SCALE
            v -= np.float32(1)
        return int(np.count_nonzero(px * px + py * py < np.float32(1)))

    def count(first: int, last: int) -> int:
        with np.errstate(over="ignore"):
            return sum(hits(k, min(CHUNK, last - k)) for k in range(first, last, CHUNK))

    return _runs(start, count)


def numba_rival(start: Arrays) -> Rival:
    """One parallel loop over pieces, whose inner loop the compiler turns into vectors."""
    from numba import njit, prange

    u, f = np.uint32, np.float32

    @njit(parallel=True, fastmath=True)
    def count(first: int, last: int, mixed: int) -> int:
        z0 = u(u(mixed) * u(1664525) + u(1013904223))
        y0 = u(1013904223)
        pieces = (last - first + CHUNK - 1) // CHUNK
        total = 0
        for piece in prange(pieces):
            begin = first + piece * CHUNK
            found = u(0)
            for k in range(min(CHUNK, last - begin)):
                x = u(u(u(begin) + u(k)) * u(1664525) + u(1013904223))
                y, z = y0, z0
                x = u(x + u(y * z))
                y = u(y + u(z * x))
                z = u(z + u(x * y))
                x = u(x ^ (x >> u(16)))
                y = u(y ^ (y >> u(16)))
                z = u(z ^ (z >> u(16)))
                x = u(x + u(y * z))
                y = u(y + u(z * x))
                px = (f(np.int32(x >> u(9))) + f(0.5)) * f(2 * SCALE) - f(1)
                py = (f(np.int32(y >> u(9))) + f(0.5)) * f(2 * SCALE) - f(1)
                found = u(found + u(px * px + py * py < f(1)))
            total += found
        return total

    mixed = key()
    return _runs(start, lambda first, last: int(count(first, last, mixed)))


def taichi_rival(start: Arrays) -> Rival:
    """One kernel over all samples of a round, in 64-sample pieces."""
    import taichi as ti

    mixed = key()

    @ti.kernel
    def count(first: ti.i32, pieces: ti.i32) -> ti.i32:
        total = 0
        for piece in range(pieces):
            found = 0
            for k in range(512):
                x = ti.u32(first + piece * 512 + k) * ti.u32(1664525) + ti.u32(1013904223)
                y = ti.u32(1013904223)
                z = ti.u32(mixed) * ti.u32(1664525) + ti.u32(1013904223)
                x += y * z
                y += z * x
                z += x * y
                x ^= ti.bit_shr(x, ti.u32(16))
                y ^= ti.bit_shr(y, ti.u32(16))
                z ^= ti.bit_shr(z, ti.u32(16))
                x += y * z
                y += z * x
                px = (ti.f32(ti.i32(ti.bit_shr(x, ti.u32(9)))) + 0.5) * ti.f32(2 * SCALE) - 1.0
                py = (ti.f32(ti.i32(ti.bit_shr(y, ti.u32(9)))) + 0.5) * ti.f32(2 * SCALE) - 1.0
                found += ti.i32(px * px + py * py < 1.0)
            total += found
        return total

    return _runs(start, lambda first, last: int(count(first, (last - first) // 512)))


def _runs(start: Arrays, count: Any) -> Rival:
    before: NDArray[Any] = start["tally"]

    def run(rounds: int) -> Arrays:
        tally = before.astype(np.int64)
        for k in range(rounds):
            first = ROUND * (1 + k % (ROUNDS - 1))
            hits = count(first, first + ROUND)
            tally[5:7] += ROUND - hits, hits
        return {"tally": tally}

    return run


def agree(got: Arrays, wanted: Arrays) -> str:
    """Points on the very circle may fall to either side."""
    apart = int(np.abs(got["tally"][5:7].astype(np.int64) - wanted["tally"][5:7]).max())
    total = int(wanted["tally"][5:7].sum())
    assert int(got["tally"][5:7].sum()) == total
    assert apart <= total * 2e-6
    return f"{apart} of {total} points apart"


ROWS = (
    Row(
        label="Monte-Carlo π 10⁸",
        kernel="montecarlo",
        arguments={"samples": ROUND * ROUNDS, "pace": "even", "frames": ROUNDS, "view": "scatter",
                   "width": 512, "height": 512},
        unit="samples",
        work=ROUND,
        floating_operations=8.0,
        rivals={"numpy": numpy_rival, "numba": numba_rival, "taichi": taichi_rival},
        agree=agree,
        check_rounds=12,
    ),
)  # fmt: skip
