"""Lattice Boltzmann (D2Q9, central moments) on 512 x 512 cells, periodic, around one disc."""

from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.bench.row import Arrays, Rival, Row

SIDE = 512
STEPS = 20
"""Lattice steps of a round."""
VISCOSITY = 0.01
KEEP = 1 - 1 / (3 * VISCOSITY + 0.5)
EAST = (0, 1, -1, 0, 0, 1, -1, 1, -1)
NORTH = (0, 0, 0, 1, -1, 1, -1, -1, 1)
BACK = (0, 2, 1, 4, 3, 6, 5, 8, 7)
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def collided(
    f0: Any, f1: Any, f2: Any, f3: Any, f4: Any, f5: Any, f6: Any, f7: Any, f8: Any,
    keep: Any, third: Any,
) -> Any:  # fmt: skip
    """Return nine populations from nine, for arrays or numbers; differences from rest."""
    two = 6 * third
    half = 1.5 * third
    quarter = half * half
    north_east, south_east, slant, cross = f5 + f6, f7 + f8, f5 - f6, f7 - f8
    corners, level, upright = north_east + south_east, f1 + f2, f3 + f4
    d = f0 + level + upright + corners
    jx = f1 - f2 + slant + cross
    jy = f3 - f4 + slant - cross
    inverse = 1 / (1 + d)
    u, v = jx * inverse, jy * inverse
    uu, vv, uv = jx * u, jy * v, jx * v
    stretch = (level - upright - uu + vv) * (half * keep)
    shear = (north_east - south_east - uv) * keep
    d3 = d * third
    cxx, cyy = stretch + d3 + third, d3 - stretch + third
    xx, yy, xy = stretch + d3 + uu, d3 - stretch + vv, shear + uv
    xxy = two * u * shear + v * cxx + uu * v
    xyy = two * v * shear + u * cyy + vv * u
    xxyy = d3 * third + u * u * cyy + v * v * cxx + two * two * u * v * shear + uu * v * v
    side, along = half * (xx - xxyy), half * (yy - xxyy)
    across, up = half * (jx - xyy), half * (jy - xxy)
    same, other = quarter * (xxyy + xy), quarter * (xxyy - xy)
    both, apart = quarter * (xyy + xxy), quarter * (xyy - xxy)
    return (
        d - xx - yy + xxyy, side + across, side - across, along + up, along - up,
        same + both, same - both, other + apart, other - apart,
    )  # fmt: skip


def numpy_rival(start: Arrays) -> Rival:
    """Rows in blocks that stay in the cache; populations are pulled by shifting whole blocks."""
    rows = 16
    keep, third = np.float32(KEEP), np.float32(1 / 3)

    def step(old: Floats, new: Floats, solid: Mask) -> None:
        for first in range(0, SIDE, rows):
            block = slice(first, first + rows)
            pulled = [_shifted(old[k], first, rows, k) for k in range(9)]
            after = collided(*pulled, keep, third)
            body = solid[block]
            for k in range(9):
                new[k, block] = after[k]
            if body.any():
                for k in range(9):
                    new[k, block][body] = pulled[BACK[k]][body]

    return _two_arrays(start, step)


def _shifted(field: Floats, first: int, rows: int, k: int) -> Floats:
    taken = np.take(field, range(first - NORTH[k], first - NORTH[k] + rows), axis=0, mode="wrap")
    return np.roll(taken, EAST[k], axis=1) if EAST[k] else taken


def numba_rival(start: Arrays) -> Rival:
    """Parallel over rows, the columns vectorised: no branch but the wrap at both ends.

    Solid cells are mended in a second pass over the few rows that have some.
    """
    from numba import njit, prange

    collide = njit(inline="always", fastmath=True)(collided)
    keep, third = np.float32(KEEP), np.float32(1 / 3)

    @njit(inline="always", fastmath=True)
    def cell(
        old: Any, new: Any, south: int, y: int, north: int, west: int, x: int, east: int
    ) -> None:
        new[0, y, x], new[1, y, x], new[2, y, x], new[3, y, x], new[4, y, x], new[5, y, x], \
            new[6, y, x], new[7, y, x], new[8, y, x] = collide(
                old[0, y, x], old[1, y, west], old[2, y, east], old[3, south, x],
                old[4, north, x], old[5, south, west], old[6, north, east], old[7, north, west],
                old[8, south, east], keep, third,
            )  # fmt: skip

    @njit(parallel=True, fastmath=True)
    def step(old: Floats, new: Floats, solid: Mask, busy: Mask) -> None:
        last = SIDE - 1
        for y in prange(SIDE):
            south, north = y - 1 if y else last, y + 1 if y < last else 0
            for x in range(1, last):
                cell(old, new, south, y, north, x - 1, x, x + 1)
            cell(old, new, south, y, north, last, 0, 1)
            cell(old, new, south, y, north, last - 1, last, 0)
            if busy[y]:
                for x in range(1, last):
                    if solid[y, x]:
                        new[0, y, x] = old[0, y, x]
                        new[1, y, x], new[2, y, x] = old[2, y, x + 1], old[1, y, x - 1]
                        new[3, y, x], new[4, y, x] = old[4, north, x], old[3, south, x]
                        new[5, y, x], new[6, y, x] = old[6, north, x + 1], old[5, south, x - 1]
                        new[7, y, x], new[8, y, x] = old[8, south, x + 1], old[7, north, x - 1]

    busy = (start["flow"][..., 3] > 0).any(axis=1)
    return _two_arrays(start, lambda old, new, solid: step(old, new, solid, busy))


def taichi_rival(start: Arrays) -> Rival:
    """One kernel over all cells."""
    import taichi as ti

    nine = ti.types.ndarray(dtype=ti.f32, ndim=3)
    mask = ti.types.ndarray(dtype=ti.u8, ndim=2)
    untyped = FunctionType(collided.__code__, globals())  # Taichi reads annotations as its own
    collide = ti.func(untyped)

    @ti.kernel
    def step(old: nine, new: nine, solid: mask):
        for y, x in solid:
            south, north = (y + SIDE - 1) % SIDE, (y + 1) % SIDE
            west, east = (x + SIDE - 1) % SIDE, (x + 1) % SIDE
            f0, f1, f2 = old[0, y, x], old[1, y, west], old[2, y, east]
            f3, f4, f5 = old[3, south, x], old[4, north, x], old[5, south, west]
            f6, f7, f8 = old[6, north, east], old[7, north, west], old[8, south, east]
            if solid[y, x] > 0:
                new[0, y, x], new[1, y, x], new[2, y, x] = f0, f2, f1
                new[3, y, x], new[4, y, x], new[5, y, x] = f4, f3, f6
                new[6, y, x], new[7, y, x], new[8, y, x] = f5, f8, f7
            else:
                n = collide(f0, f1, f2, f3, f4, f5, f6, f7, f8, KEEP, 1 / 3)
                new[0, y, x], new[1, y, x], new[2, y, x] = n[0], n[1], n[2]
                new[3, y, x], new[4, y, x], new[5, y, x] = n[3], n[4], n[5]
                new[6, y, x], new[7, y, x], new[8, y, x] = n[6], n[7], n[8]

    def bytes_step(old: Floats, new: Floats, solid: Mask) -> None:
        step(old, new, solid.view(np.uint8))

    return _two_arrays(start, bytes_step)


def _two_arrays(start: Arrays, step: Any) -> Rival:
    solid = np.ascontiguousarray(start["flow"][..., 3] > 0)

    def run(rounds: int) -> Arrays:
        old = start["populations"].copy()
        new = np.empty_like(old)
        for _ in range(rounds * STEPS):
            step(old, new, solid)
            old, new = new, old
        return {"populations": old}

    return run


def agree(got: Arrays, wanted: Arrays) -> str:
    """Populations are about 0.01 off rest; rounding may move them by some 1e-7."""
    off = float(np.abs(got["populations"] - wanted["populations"]).max())
    assert off < 5e-6, f"off by {off:.1e}"
    return f"max difference {off:.0e}"


ROWS = (
    Row(
        label="LBM 512²",
        kernel="fluid",
        arguments={
            "boundary": "periodic", "rows": SIDE, "columns": SIDE, "speed": 0.05,
            "viscosity": VISCOSITY, "velocity_x": "sin(2*pi*x)*cos(2*pi*y)",
            "velocity_y": "-cos(2*pi*x)*sin(2*pi*y)", "obstacle": "disc(x, y, 0.5, 0.5, 0.06)",
            "view": "vorticity", "steps_per_frame": STEPS, "populations": True, "frames": 4,
        },
        unit="cells",
        work=SIDE**2 * STEPS,
        floating_operations=108,
        bytes=73,
        rivals={"numpy": numpy_rival, "numba": numba_rival, "taichi": taichi_rival},
        agree=agree,
        check_rounds=1,
    ),
)  # fmt: skip
