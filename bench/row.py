"""One row of the kernels' table: a kernel's work, and the same work in NumPy, numba and Taichi."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from intentos.types import Json

Arrays = Mapping[str, NDArray[Any]]
Rival = Callable[[int], Arrays]
"""Does so many rounds from the start state and returns arrays named like the program's outputs."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A kernel with arguments, and its rivals."""

    label: str
    kernel: str
    arguments: Mapping[str, Json]
    unit: str
    """Of the work: ``cells``, ``interactions``, ``samples`` …"""
    work: float
    """Units in one round of the program's ``step`` passes."""
    rivals: Mapping[str, Callable[[Arrays], Rival]]
    """``numpy``, ``numba``, ``taichi`` → from the outputs before the first round to a rival."""
    agree: Callable[[Arrays, Arrays], str]
    """Says how well the GPU's and a rival's arrays agree; raises AssertionError if they do not."""
    check_rounds: int = 1
    """Rounds after which they are compared."""
    library: bool = False
    """NumPy has a library call for this work, so it need not be beaten twentyfold."""
    floating_operations: float = 0.0
    """Of one unit of work."""
    bytes: float = 0.0
    """Read and written for one unit of work, at the least."""
