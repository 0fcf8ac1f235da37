"""Conway's Game of Life on 2048 x 2048 joined cells; the rivals keep a byte for each cell."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.bench.row import Arrays, Rival, Row

SIDE = 2048
Cells = NDArray[np.uint8]


def numpy_rival(start: Arrays) -> Rival:
    """Add up shifted views of a padded array, three across and three down."""

    def step(old: Cells, new: Cells) -> None:
        padded = np.empty((SIDE + 2, SIDE + 2), np.uint8)
        padded[1:-1, 1:-1] = old
        padded[0, 1:-1], padded[-1, 1:-1] = old[-1], old[0]
        padded[:, 0], padded[:, -1] = padded[:, -2], padded[:, 1]
        across = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
        count = across[:-2] + across[1:-1] + across[2:] - old
        np.copyto(new, (count == 3) | ((count == 2) & (old == 1)))

    return _two_arrays(start, step)


def numba_rival(start: Arrays) -> Rival:
    """One parallel loop over the rows, whose inner columns need no wrapping."""
    from numba import njit, prange

    @njit(inline="always")
    def follow(up: Cells, own: Cells, down: Cells, left: int, x: int, right: int) -> int:
        count = up[left] + up[x] + up[right] + own[left] + own[right]
        count += down[left] + down[x] + down[right]
        return int((count == 3) | ((count == 2) & (own[x] == 1)))

    @njit(parallel=True, fastmath=True)
    def step(old: Cells, new: Cells) -> None:
        rows, columns = old.shape
        for y in prange(rows):
            up = old[y - 1 if y else rows - 1]
            down = old[y + 1 if y + 1 < rows else 0]
            row = new[y]
            for x in range(1, columns - 1):
                row[x] = follow(up, old[y], down, x - 1, x, x + 1)
            row[0] = follow(up, old[y], down, columns - 1, 0, 1)
            row[columns - 1] = follow(up, old[y], down, columns - 2, columns - 1, 0)

    return _two_arrays(start, step)


def taichi_rival(start: Arrays) -> Rival:
    """One kernel over all cells."""
    import taichi as ti

    cells = ti.types.ndarray(dtype=ti.u8, ndim=2)

    @ti.kernel
    def step(old: cells, new: cells):
        for y, x in old:
            up, down = (y + SIDE - 1) % SIDE, (y + 1) % SIDE
            left, right = (x + SIDE - 1) % SIDE, (x + 1) % SIDE
            count = (
                old[up, left] + old[up, x] + old[up, right] + old[y, left]
                + old[y, right] + old[down, left] + old[down, x] + old[down, right]
            )  # fmt: skip
            new[y, x] = ti.u8((count == 3) | ((count == 2) & (old[y, x] == 1)))

    return _two_arrays(start, step)


def _two_arrays(start: Arrays, step: Any) -> Rival:
    first = (start["cells"] & 1).astype(np.uint8)

    def run(rounds: int) -> Arrays:
        old, new = first.copy(), np.empty_like(first)
        for _ in range(rounds):
            step(old, new)
            old, new = new, old
        return {"cells": old}

    return run


def agree(got: Arrays, wanted: Arrays) -> str:
    """Every cell is the same."""
    bits = np.packbits(wanted["cells"], axis=1, bitorder="little").view("<u4")
    np.testing.assert_array_equal(got["bits"], bits)
    return "identical"


ROWS = (
    Row(
        label="Life 2048²",
        kernel="automaton",
        arguments={"rule": "life", "columns": SIDE, "width": 512, "height": 512, "frames": 4},
        unit="cells",
        work=SIDE**2,
        bytes=0.25,
        rivals={"numpy": numpy_rival, "numba": numba_rival, "taichi": taichi_rival},
        agree=agree,
        check_rounds=5,
    ),
)
