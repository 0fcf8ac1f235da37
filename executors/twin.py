"""The executor ``numpy``: a kernel's NumPy twin does the work where there is no GPU adapter."""

from __future__ import annotations

from intentos.errors import ExecutorUnavailable
from intentos.types import Problem

from .frames import FrameExecutor
from .webgpu import WebGPUExecutor


class NumPyExecutor(FrameExecutor):
    """Runs kernels through their twins in a process that can be killed, and says so."""

    name = "numpy"
    languages = frozenset({"kernel"})
    work = "twin"
    substitute = True

    def __init__(self) -> None:
        # A twin may think about one frame for as long as the step has time.
        super().__init__(adapter="", silence=None)

    def _note(self) -> Problem | None:
        try:
            WebGPUExecutor().check()
        except ExecutorUnavailable:
            return Problem(code="numpy.substitute")
        return None  # somebody asked for NumPy although there is a GPU
