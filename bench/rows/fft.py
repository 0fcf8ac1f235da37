"""A two-dimensional Fourier transform of 1024 x 1024 numbers there and back, in complex64."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.bench.row import Arrays, Rival, Row

SIDE = 1024
Complex = NDArray[np.complex64]


def numpy_rival(start: Arrays) -> Rival:
    """The library call: pocketfft in single precision."""
    values = start["values"].astype(np.complex64)

    def run(rounds: int) -> Arrays:
        for _ in range(rounds):
            spectrum = np.fft.fft2(values)
            restored = np.fft.ifft2(spectrum)
        return _pairs(spectrum, restored)

    return run


def numba_rival(start: Arrays) -> Rival:
    """Stockham's transform in radix 4, sixteen lines side by side in the cache."""
    from numba import njit, prange

    many = 16
    turns = np.exp(-2j * np.pi * np.arange(SIDE) / SIDE).astype(np.complex64)

    @njit(fastmath=True, inline="always")
    def lines(x: Any, y: Any, turns: Any, back: bool) -> None:
        # Real and imaginary parts apart, lines in the last axis: the loops over them are vectors.
        quarter = SIDE // 4
        done = 1
        sign = np.float32(1.0 if back else -1.0)
        while done < SIDE:
            for j in range(quarter):
                k = j % done
                step = SIDE // (4 * done)
                w1, w2, w3 = turns[k * step], turns[2 * k * step], turns[3 * k * step]
                c1, s1 = w1.real, -sign * w1.imag
                c2, s2 = w2.real, -sign * w2.imag
                c3, s3 = w3.real, -sign * w3.imag
                to = (j // done) * (4 * done) + k
                for m in range(many):
                    ar, ai = x[0, j, m], x[1, j, m]
                    p, q = x[0, j + quarter, m], x[1, j + quarter, m]
                    br, bi = p * c1 - q * s1, p * s1 + q * c1
                    p, q = x[0, j + 2 * quarter, m], x[1, j + 2 * quarter, m]
                    cr, ci = p * c2 - q * s2, p * s2 + q * c2
                    p, q = x[0, j + 3 * quarter, m], x[1, j + 3 * quarter, m]
                    dr, di = p * c3 - q * s3, p * s3 + q * c3
                    er, ei, fr, fi = ar + cr, ai + ci, ar - cr, ai - ci
                    gr, gi = br + dr, bi + di
                    hr, hi = -sign * (bi - di), sign * (br - dr)
                    y[0, to, m], y[1, to, m] = er + gr, ei + gi
                    y[0, to + done, m], y[1, to + done, m] = fr + hr, fi + hi
                    y[0, to + 2 * done, m], y[1, to + 2 * done, m] = er - gr, ei - gi
                    y[0, to + 3 * done, m], y[1, to + 3 * done, m] = fr - hr, fi - hi
            x, y = y, x
            done *= 4

    @njit(parallel=True, fastmath=True)
    def transform(source: Complex, target: Complex, turns: Any, back: bool) -> None:
        factor = np.float32(1.0 / (SIDE * SIDE) if back else 1.0)
        for block in prange(SIDE // many):
            x = np.empty((2, SIDE, many), np.float32)
            y = np.empty((2, SIDE, many), np.float32)
            for m in range(many):
                for n in range(SIDE):
                    v = source[block * many + m, n]
                    x[0, n, m], x[1, n, m] = v.real, v.imag
            lines(x, y, turns, back)
            for m in range(many):  # five passes: the result lies in y
                for n in range(SIDE):
                    target[block * many + m, n] = np.complex64(complex(y[0, n, m], y[1, n, m]))
        for block in prange(SIDE // many):
            x = np.empty((2, SIDE, many), np.float32)
            y = np.empty((2, SIDE, many), np.float32)
            for n in range(SIDE):
                for m in range(many):
                    v = target[n, block * many + m]
                    x[0, n, m], x[1, n, m] = v.real, v.imag
            lines(x, y, turns, back)
            for n in range(SIDE):
                for m in range(many):
                    target[n, block * many + m] = np.complex64(
                        complex(factor * y[0, n, m], factor * y[1, n, m])
                    )

    values = start["values"].astype(np.complex64)

    def run(rounds: int) -> Arrays:
        spectrum, restored = np.empty_like(values), np.empty_like(values)
        for _ in range(rounds):
            transform(values, spectrum, turns, False)
            transform(spectrum, restored, turns, True)
        return _pairs(spectrum, restored)

    return run


def _pairs(spectrum: Complex, restored: Complex) -> Arrays:
    shape = (SIDE, SIDE, 2)
    return {
        "spectrum": np.ascontiguousarray(spectrum).view(np.float32).reshape(shape),
        "restored": np.ascontiguousarray(restored.astype(np.complex64))
        .view(np.float32)
        .reshape(shape),
    }


def agree(got: Arrays, wanted: Arrays) -> str:
    """Of the spectrum's norm, and of the numbers that come back."""
    norm = float(np.linalg.norm(wanted["spectrum"])) / SIDE
    apart = float(np.abs(got["spectrum"] - wanted["spectrum"]).max()) / norm
    back = float(np.abs(got["restored"] - wanted["restored"]).max())
    assert apart < 1e-4
    assert back < 1e-5
    return f"spectrum {apart:.1g}, back {back:.1g}"


ROWS = (
    Row(
        label="FFT 1024² and back",
        kernel="linear",
        arguments={"operation": "fft2d", "size": SIDE, "frames": 2, "values": "random(i, j) - 0.5"},
        unit="points",
        work=2.0 * SIDE**2,
        floating_operations=100.0,  # 5 log2(1024 * 1024)
        bytes=2 * 2 * 2 * 8.0,  # there and back again for rows and for columns, complex64
        rivals={"numpy": numpy_rival, "numba": numba_rival},
        library=True,
        agree=agree,
    ),
)
