"""Conway's Game of Life on 2048 x 2048 joined cells, each with its state and its age.

A word holds the state in its lower and the age in its upper half, for the rivals as for the kernel.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..row import Arrays, Rival, Row

SIDE = 2048
OLDEST = 0xFFFF


def numpy_rival(start: Arrays) -> Rival:
    """Sum eight shifted views of the alive cells, in bands that fit into the cache."""
    cells = start["cells"]

    def run(rounds: int) -> Arrays:
        words = cells.copy()
        padded = np.empty((SIDE + 2, SIDE + 2), np.uint8)
        for _ in range(rounds):
            alive = (words & 1).astype(np.uint8)
            padded[1:-1, 1:-1] = alive
            padded[0, 1:-1], padded[-1, 1:-1] = alive[-1], alive[0]
            padded[:, 0], padded[:, -1] = padded[:, -2], padded[:, 1]
            across = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
            count = across[:-2] + across[1:-1] + across[2:] - alive
            following = (count == 3) | ((count == 2) & (alive == 1))
            age = np.minimum((words >> 16) + 1, OLDEST) << 16
            words = following | np.where(following == alive, age, 0).astype(np.uint32)
        return {"cells": words}

    return run


def numba_rival(start: Arrays) -> Rival:
    """One parallel loop over the rows."""
    from numba import njit, prange

    @njit(parallel=True, fastmath=True)  # type: ignore[untyped-decorator]
    def step(old: NDArray[np.uint32], new: NDArray[np.uint32]) -> None:
        rows, columns = old.shape
        for y in prange(rows):
            up = old[y - 1 if y else rows - 1]
            own = old[y]
            down = old[y + 1 if y + 1 < rows else 0]
            for x in range(columns):
                left = x - 1 if x else columns - 1
                right = x + 1 if x + 1 < columns else 0
                count = (
                    (up[left] & 1) + (up[x] & 1) + (up[right] & 1)
                    + (own[left] & 1) + (own[right] & 1)
                    + (down[left] & 1) + (down[x] & 1) + (down[right] & 1)
                )  # fmt: skip
                alive = own[x] & 1
                following = np.uint32((count == 3) | ((count == 2) & (alive == 1)))
                age = min((own[x] >> 16) + 1, OLDEST) << 16
                new[y, x] = following | (age if following == alive else 0)

    return _two_arrays(start, step)


def taichi_rival(start: Arrays) -> Rival:
    """One kernel over all cells."""
    import taichi as ti

    cells = ti.types.ndarray(dtype=ti.u32, ndim=2)

    @ti.kernel  # type: ignore[untyped-decorator]
    def step(old: cells, new: cells):  # type: ignore[no-untyped-def,valid-type]
        for y, x in old:
            up, down = (y + SIDE - 1) % SIDE, (y + 1) % SIDE
            left, right = (x + SIDE - 1) % SIDE, (x + 1) % SIDE
            count = (
                (old[up, left] & 1) + (old[up, x] & 1) + (old[up, right] & 1)
                + (old[y, left] & 1) + (old[y, right] & 1)
                + (old[down, left] & 1) + (old[down, x] & 1) + (old[down, right] & 1)
            )  # fmt: skip
            alive = old[y, x] & 1
            following = ti.u32((count == 3) | ((count == 2) & (alive == 1)))
            age = ti.min((old[y, x] >> 16) + 1, ti.u32(OLDEST)) << 16
            new[y, x] = following | ti.select(following == alive, age, ti.u32(0))

    return _two_arrays(start, step)


def _two_arrays(start: Arrays, step: Any) -> Rival:
    def run(rounds: int) -> Arrays:
        old, new = start["cells"].copy(), np.empty_like(start["cells"])
        for _ in range(rounds):
            step(old, new)
            old, new = new, old
        return {"cells": old}

    return run


def agree(got: Arrays, wanted: Arrays) -> str:
    """Every cell and every age is the same."""
    np.testing.assert_array_equal(got["cells"], wanted["cells"])
    return "identical"


ROWS = (
    Row(
        label="Life 2048²",
        kernel="automaton",
        arguments={"rule": "life", "columns": SIDE, "width": 512, "height": 512, "frames": 4},
        unit="cells",
        work=SIDE**2,
        bytes=8,
        rivals={"numpy": numpy_rival, "numba": numba_rival, "taichi": taichi_rival},
        agree=agree,
        check_rounds=3,
    ),
)
