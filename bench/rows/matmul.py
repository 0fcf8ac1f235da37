"""The product of two matrices of 1024 x 1024 in float32."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.bench.row import Arrays, Rival, Row

SIDE = 1024
Matrix = NDArray[np.float32]


def numpy_rival(start: Arrays) -> Rival:
    """The library call: BLAS."""

    def product(a: Matrix, b: Matrix, c: Matrix) -> None:
        np.matmul(a, b, out=c)

    return _runs(start, product)


def numba_rival(start: Arrays) -> Rival:
    """Blocks of rows in parallel; the inner loop goes along the rows of b and c, in vectors."""
    from numba import njit, prange

    @njit(parallel=True, fastmath=True)
    def product(a: Matrix, b: Matrix, c: Matrix) -> None:
        tall, deep, wide = 8, 64, 256
        for block in prange(SIDE // tall):
            top = block * tall
            c[top : top + tall] = 0
            for left in range(0, SIDE, wide):
                for begin in range(0, SIDE, deep):
                    for i in range(top, top + tall):
                        for k in range(begin, begin + deep, 4):
                            p, q, r, s = a[i, k], a[i, k + 1], a[i, k + 2], a[i, k + 3]
                            for j in range(left, left + wide):
                                c[i, j] += (
                                    p * b[k, j] + q * b[k + 1, j] + r * b[k + 2, j]
                                    + s * b[k + 3, j]
                                )  # fmt: skip

    return _runs(start, product)


def taichi_rival(start: Arrays) -> Rival:
    """Rows in parallel; the inner loop goes along the rows of b and c."""
    import taichi as ti

    matrix = ti.types.ndarray(dtype=ti.f32, ndim=2)

    @ti.kernel
    def product(a: matrix, b: matrix, c: matrix):
        for i in range(SIDE):
            for j in range(SIDE):
                c[i, j] = 0.0
            for k in range(SIDE):
                p = a[i, k]
                for j in range(SIDE):
                    c[i, j] += p * b[k, j]

    return _runs(start, product)


def _runs(start: Arrays, product: Any) -> Rival:
    a, b = (np.ascontiguousarray(start[name]) for name in ("left", "right"))

    def run(rounds: int) -> Arrays:
        c = np.zeros((SIDE, SIDE), np.float32)
        for _ in range(rounds):
            product(a, b, c)
        return {"product": c}

    return run


def agree(got: Arrays, wanted: Arrays) -> str:
    """Sums of 1024 products in different orders."""
    scale = float(np.abs(wanted["product"]).max())
    apart = float(np.abs(got["product"] - wanted["product"]).max()) / scale
    assert apart < 1e-5
    return f"max difference {apart:.1g} of the greatest"


ROWS = (
    Row(
        label="matmul 1024³",
        kernel="linear",
        arguments={"operation": "matmul", "size": SIDE, "frames": 2,
                   "values": "random(i, j) - 0.5", "other": "random(j, i, 1) - 0.4"},
        unit="multiply-adds",
        work=float(SIDE**3),
        floating_operations=2.0,
        rivals={"numpy": numpy_rival, "numba": numba_rival, "taichi": taichi_rival},
        library=True,
        agree=agree,
    ),
)  # fmt: skip
