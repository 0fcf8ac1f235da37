"""A Plummer sphere of stars, all with all: leapfrog steps with softened gravity in float32."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.bench.row import Arrays, Rival, Row
from intentos.gpu_kernels.nbody import Clock, NbodyArguments, soft

Floats = NDArray[np.float32]
BLOCK = 256
"""Bodies whose distances NumPy holds at a time, so that they stay in the cache."""


def arguments(count: int) -> dict[str, Any]:
    """Return the kernel's arguments: two steps a frame, and a small picture."""
    return {
        "system": "cluster", "count": count, "width": 256, "height": 256, "labels": False,
        "frames": 4, "duration": 0.06 / math.sqrt(count), "dt": 0.01 / math.sqrt(count),
        "measure_every": 1,
    }  # fmt: skip


def numpy_rival(start: Arrays) -> Rival:
    """Distances as a product of matrices and the sum as another, block after block."""

    def accelerate(at: Floats, pull: Floats, soft2: np.float32) -> Floats:
        found = np.empty_like(at)
        square = np.einsum("ij,ij->i", at, at)
        weighted = np.concatenate([at, np.ones((len(at), 1), np.float32)], 1) * pull[:, None]
        for low in range(0, len(at), BLOCK):
            some = at[low : low + BLOCK]
            distance = some @ at.T
            distance *= -2
            distance += square
            distance += square[low : low + BLOCK, None]
            np.maximum(distance, 0, out=distance)
            distance += soft2
            inverse = np.sqrt(distance, out=distance)
            np.reciprocal(inverse, out=inverse)
            cube = inverse * inverse
            cube *= inverse
            sums = cube @ weighted
            found[low : low + BLOCK] = sums[:, :3] - some * sums[:, 3:]
        return found

    return _leapfrog(start, accelerate)


def numba_rival(start: Arrays) -> Rival:
    """One parallel loop over the bodies, with an inner loop that vectorises over the sources."""
    from numba import njit, prange

    @njit(parallel=True, fastmath=True)
    def sums(
        x: Floats, y: Floats, z: Floats, pull: Floats, soft2: np.float32, found: Floats
    ) -> None:
        for i in prange(len(x)):
            ax = ay = az = np.float32(0)
            xi, yi, zi = x[i], y[i], z[i]
            for j in range(len(x)):
                dx, dy, dz = x[j] - xi, y[j] - yi, z[j] - zi
                inverse = np.float32(1) / np.sqrt(dx * dx + dy * dy + dz * dz + soft2)
                f = pull[j] * inverse * inverse * inverse
                ax += f * dx
                ay += f * dy
                az += f * dz
            found[i, 0], found[i, 1], found[i, 2] = ax, ay, az

    def accelerate(at: Floats, pull: Floats, soft2: np.float32) -> Floats:
        x, y, z = (np.ascontiguousarray(at[:, k]) for k in range(3))
        found = np.empty_like(at)
        sums(x, y, z, pull, soft2, found)
        return found

    return _leapfrog(start, accelerate)


def taichi_rival(start: Arrays) -> Rival:
    """One kernel over the bodies."""
    import taichi as ti

    rows = ti.types.ndarray(dtype=ti.f32, ndim=2)
    row = ti.types.ndarray(dtype=ti.f32, ndim=1)

    @ti.kernel
    def sums(at: rows, pull: row, soft2: ti.f32, found: rows):
        for i in range(at.shape[0]):
            ax, ay, az = 0.0, 0.0, 0.0
            xi, yi, zi = at[i, 0], at[i, 1], at[i, 2]
            for j in range(at.shape[0]):
                dx, dy, dz = at[j, 0] - xi, at[j, 1] - yi, at[j, 2] - zi
                inverse = ti.rsqrt(dx * dx + dy * dy + dz * dz + soft2)
                f = pull[j] * inverse * inverse * inverse
                ax += f * dx
                ay += f * dy
                az += f * dz
            found[i, 0], found[i, 1], found[i, 2] = ax, ay, az

    def accelerate(at: Floats, pull: Floats, soft2: np.float32) -> Floats:
        found = np.empty_like(at)
        sums(at, pull, float(soft2), found)
        return found

    return _leapfrog(start, accelerate)


def _leapfrog(start: Arrays, accelerate: Any) -> Rival:
    """Return kick, drift, kick around one way of summing."""
    bodies, motion = start["bodies"], start["motion"]
    count = int(np.count_nonzero(bodies[:, 3]))
    pull = np.ascontiguousarray(bodies[:count, 3])
    a = NbodyArguments.model_validate(arguments(count))
    step, soft2 = np.float32(Clock(a, a.scene).dt), np.float32(soft(a.scene))
    first = accelerate(np.ascontiguousarray(bodies[:count, :3]), pull, soft2)

    def run(rounds: int) -> Arrays:
        at, speed = bodies[:count, :3].copy(), motion[:count, :3].copy()
        field = first
        for _ in range(rounds):
            speed += field * (step / 2)
            at += speed * step
            field = accelerate(at, pull, soft2)
            speed += field * (step / 2)
        return {"bodies": at, "motion": speed}

    return run


def agree(ours: Arrays, theirs: Arrays) -> str:
    """Compare places and speeds after a few steps, as shares of their spread."""
    worst = 0.0
    for name, wanted in theirs.items():
        got = ours[name][: len(wanted), :3]
        scale = float(np.abs(wanted).std())
        worst = max(worst, float(np.abs(got - wanted).max()) / scale)
    assert worst < 2e-3, f"places and speeds differ by {worst:.1e}"
    return f"largest difference {worst:.0e}"


ROWS = tuple(
    Row(
        label=f"N-body {count:,}",
        kernel="nbody",
        arguments=arguments(count),
        unit="interactions",
        work=float(count**2),
        floating_operations=20.0,
        rivals={"numpy": numpy_rival, "numba": numba_rival, "taichi": taichi_rival},
        agree=agree,
        check_rounds=2,
    )
    for count in (4096, 16_384)
)
