"""Gray and Scott's reaction on a periodic grid of 1024²: two fields, five-point Laplacians."""

from typing import Any

import numpy as np

from intentos.bench.row import Arrays, Rival, Row

SIDE = 1024
FEED, KILL = 0.037, 0.06
DU, DV = 0.16, 0.08
Float = np.float32
BLOCK = 32
"""Rows that NumPy works on at a time, so that its temporary arrays stay in the cache."""


def numpy_rival(start: Arrays) -> Rival:
    """Slices of a padded grid, block by block, into buffers made once."""
    fields = start["fields"]
    now = np.empty((2, SIDE + 2, SIDE + 2), Float)
    new = np.empty_like(now)
    lap, reaction, scratch = (np.empty((BLOCK, SIDE), Float) for _ in range(3))

    def around(field: Any, row: int, out: Any) -> Any:
        rows = slice(row, row + BLOCK)
        np.add(field[rows, 1:-1], field[row + 2 : row + BLOCK + 2, 1:-1], out=out)
        out += field[row + 1 : row + BLOCK + 1, :-2]
        out += field[row + 1 : row + BLOCK + 1, 2:]
        np.multiply(field[row + 1 : row + BLOCK + 1, 1:-1], Float(4), out=scratch)
        out -= scratch
        return out

    def wrap(grid: Any) -> None:
        grid[:, 0], grid[:, -1] = grid[:, -2], grid[:, 1]
        grid[:, :, 0], grid[:, :, -1] = grid[:, :, -2], grid[:, :, 1]

    def advance() -> None:
        for row in range(0, SIDE, BLOCK):
            at = (slice(row + 1, row + BLOCK + 1), slice(1, -1))
            u, v, next_u, next_v = now[0][at], now[1][at], new[0][at], new[1][at]
            np.multiply(v, v, out=reaction)
            np.multiply(reaction, u, out=reaction)
            around(now[0], row, lap)
            np.multiply(lap, Float(DU), out=next_u)
            next_u -= reaction
            next_u += Float(FEED)
            np.multiply(u, Float(1 - FEED), out=scratch)
            next_u += scratch
            around(now[1], row, lap)
            np.multiply(lap, Float(DV), out=next_v)
            next_v += reaction
            np.multiply(v, Float(1 - FEED - KILL), out=scratch)
            next_v += scratch

    def run(rounds: int) -> Arrays:
        nonlocal now, new
        now[:, 1:-1, 1:-1] = fields
        for _ in range(rounds):
            wrap(now)
            advance()
            now, new = new, now
        return {"fields": now[:, 1:-1, 1:-1].copy()}

    return run


def numba_rival(start: Arrays) -> Rival:
    """Rows in parallel; the two columns at the edges by themselves, so that the rest is SIMD."""
    import numba

    one, four, du, dv, feed, both = (Float(x) for x in (1, 4, DU, DV, FEED, FEED + KILL))

    @numba.njit(parallel=True, fastmath=True)
    def advance(now: Any, new: Any) -> None:
        rows, columns = now.shape[1:]
        for j in numba.prange(rows):
            up, down = (j + 1) % rows, (j - 1) % rows
            for i in range(columns):
                if 0 < i < columns - 1:
                    continue
                right, left = (i + 1) % columns, (i - 1) % columns
                u, v = now[0, j, i], now[1, j, i]
                lu = now[0, j, right] + now[0, j, left] + now[0, up, i] + now[0, down, i] - four * u
                lv = now[1, j, right] + now[1, j, left] + now[1, up, i] + now[1, down, i] - four * v
                new[0, j, i] = u + (du * lu - u * v * v + feed * (one - u))
                new[1, j, i] = v + (dv * lv + u * v * v - both * v)
            for i in range(1, columns - 1):
                u, v = now[0, j, i], now[1, j, i]
                lu = now[0, j, i + 1] + now[0, j, i - 1] + now[0, up, i] + now[0, down, i]
                lv = now[1, j, i + 1] + now[1, j, i - 1] + now[1, up, i] + now[1, down, i]
                new[0, j, i] = u + (du * (lu - four * u) - u * v * v + feed * (one - u))
                new[1, j, i] = v + (dv * (lv - four * v) + u * v * v - both * v)

    return _in_turns(start, advance)


def taichi_rival(start: Arrays) -> Rival:
    """One kernel over all cells, two grids that change places."""
    import taichi

    cells = taichi.types.ndarray(dtype=taichi.f32, ndim=3)

    @taichi.kernel
    def advance(now: cells, new: cells):
        for j, i in taichi.ndrange(SIDE, SIDE):
            up, down = (j + 1) % SIDE, (j + SIDE - 1) % SIDE
            right, left = (i + 1) % SIDE, (i + SIDE - 1) % SIDE
            u, v = now[0, j, i], now[1, j, i]
            lu = now[0, j, right] + now[0, j, left] + now[0, up, i] + now[0, down, i] - 4 * u
            lv = now[1, j, right] + now[1, j, left] + now[1, up, i] + now[1, down, i] - 4 * v
            new[0, j, i] = u + (DU * lu - u * v * v + FEED * (1 - u))
            new[1, j, i] = v + (DV * lv + u * v * v - (FEED + KILL) * v)

    return _in_turns(start, advance)


def _in_turns(start: Arrays, advance: Any) -> Rival:
    """Advance from one of two grids to the other, and back."""

    def run(rounds: int) -> Arrays:
        now = start["fields"].astype(Float)
        new = np.empty_like(now)
        for _ in range(rounds):
            advance(now, new)
            now, new = new, now
        return {"fields": now}

    return run


def agree(gpu: Arrays, rival: Arrays) -> str:
    """Compare both fields cell by cell."""
    off = float(np.abs(gpu["fields"] - rival["fields"]).max())
    assert off < 1e-5, f"the fields differ by {off:.2e}"
    return f"max difference {off:.0e}"


ROWS = (
    Row(
        label="Gray–Scott 1024²",
        kernel="field",
        arguments={
            "rates": {
                "u": "0.16*lap(u) - u*v*v + feed*(1 - u)",
                "v": "0.08*lap(v) + u*v*v - (feed + kill)*v",
            },
            "initial": {
                "u": "1 - 0.5*(noise(40*x, 40*y) > 0.8)",
                "v": "0.25*(noise(40*x, 40*y) > 0.8)",
            },
            "boundary": "periodic",
            "columns": SIDE,
            "rows": SIDE,
            "size": SIDE,
            "diffusivity": "0.16",
            "reaction_rate": "0.2",
            "dt": 1.0,
            "steps_per_frame": 20,
            "frames": 6,
            "show": "v",
            "low": "0",
            "high": "0.4",
            "bar": False,
            "parameters": {"feed": FEED, "kill": KILL},
        },
        unit="cells",
        work=float(SIDE * SIDE),
        floating_operations=26.0,
        bytes=16.0,
        rivals={"numpy": numpy_rival, "numba": numba_rival, "taichi": taichi_rival},
        agree=agree,
        check_rounds=20,
    ),
)
