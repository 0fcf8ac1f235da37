"""Runs a kernel's program on wgpu and keeps everything that its checks look at."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from intentos.executors.gpu import ProgramRunner
from intentos.program import GpuProgram
from intentos.protocols import Evidence


def draw(
    arguments: dict[str, Any], program: GpuProgram, *, seed: int = 7
) -> tuple[Evidence, list[Any]]:
    """Return the evidence and every picture, uint8 of shape (height, width, 4)."""
    runner = ProgramRunner(program, {}, seed)
    shape = (program.height, program.width, 4)
    pictures = [np.frombuffer(data, np.uint8).reshape(shape) for _, data in runner.frames()]
    evidence = Evidence(
        arguments=arguments,
        series={name: tuple(points) for name, points in runner.series.items()},
        outputs=runner.outputs(),
        frames=len(pictures),
        distinct_frames=1 + sum(not np.array_equal(a, b) for a, b in pairwise(pictures)),
    )
    return evidence, pictures
