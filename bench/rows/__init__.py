"""The rows of the kernels' table, one module for each kind of work."""

from __future__ import annotations

from importlib import import_module

from intentos.bench.row import Row

NAMES = ("nbody", "life", "gray_scott", "lbm", "boids", "pi", "matmul", "fft", "scene")


def every() -> list[Row]:
    """Return all rows, in the order of the table."""
    return [row for name in NAMES for row in import_module(f".{name}", __package__).ROWS]
