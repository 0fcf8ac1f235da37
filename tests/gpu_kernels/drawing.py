"""Runs a kernel's program on wgpu and keeps everything that its checks look at."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from intentos.executors.gpu import ProgramRunner
from intentos.gpu_kernels.kernel import KernelBase
from intentos.program import GpuProgram
from intentos.protocols import Evidence


class Played(NamedTuple):
    """A film and what its kernel says of it."""

    evidence: Evidence
    pictures: list[Any]
    values: dict[str, Any]
    """Their numbers, in their units."""
    verdicts: dict[str, str]


def draw(
    arguments: dict[str, Any],
    program: GpuProgram,
    *,
    seed: int = 7,
    live: Mapping[str, float] | None = None,
) -> tuple[Evidence, list[Any]]:
    """Return the evidence and every picture, uint8 of shape (height, width, 4).

    ``live``: the values of ``$parameter``.
    """
    runner = ProgramRunner(program, dict(live or {}), seed)
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


def run(
    kernel: KernelBase[Any],
    arguments: dict[str, Any],
    program: GpuProgram | None = None,
    *,
    seed: int = 7,
) -> tuple[Evidence, list[Any]]:
    """Draw the kernel's program, or another one in its place."""
    return draw(arguments, program or kernel.build(arguments), seed=seed)


def play(
    kernel: KernelBase[Any], arguments: dict[str, Any], program: GpuProgram | None = None
) -> Played:
    """Run, and let the kernel judge."""
    evidence, pictures = run(kernel, arguments, program)
    values, checks = kernel.conclude(evidence)
    numbers = {name: quantity.value for name, quantity in values.items()}
    return Played(evidence, pictures, numbers, {check.name: check.status for check in checks})


def verdicts(kernel: KernelBase[Any], evidence: Evidence) -> dict[str, str]:
    """Return check name → status."""
    return {check.name: check.status for check in kernel.conclude(evidence)[1]}


def changed(program: GpuProgram, right: str, wrong: str) -> GpuProgram:
    """Return the program with one piece of its shader replaced."""
    assert right in program.source
    return program.model_copy(update={"source": program.source.replace(right, wrong)})


def broken(
    kernel: KernelBase[Any], arguments: dict[str, Any], right: str, wrong: str
) -> dict[str, str]:
    """Return the verdicts on a program in which a piece of the shader is replaced."""
    program = changed(kernel.build(arguments), right, wrong)
    return verdicts(kernel, run(kernel, arguments, program)[0])
