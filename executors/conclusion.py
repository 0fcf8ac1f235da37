"""What a program that has ended comes to: its values, its checks, its table of probes.

The executor that drew it concludes, and whoever had it drawn by somebody else concludes once more
from what was left (``looked_over.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from intentos.program import GpuProgram
from intentos.protocols import Evidence, Kernel
from intentos.raw_hash import Tolerance
from intentos.types import Check, Quantity, Words

JUDGED = Words(en="The result could be judged", zh="结果可以被检验")

Series = Mapping[str, Sequence[tuple[int, float]]]
"""Probe → (frame, number) pairs."""


def concluded(
    kernel: Kernel, evidence: Evidence
) -> tuple[Mapping[str, Quantity], tuple[Check, ...]]:
    """Return a kernel's values and checks, or none and the check that says so."""
    try:
        return kernel.conclude(evidence)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        # A judge that stumbles over a result has not found it right; the result is there all the
        # same.
        detail = f"{type(error).__name__}: {error}"[:300]
        return {}, (Check(name="judged", title=JUDGED, status="failed", detail=detail),)


def frames_judged(program: GpuProgram, *, frames: int, distinct: int) -> Check:
    """Judge a program without a kernel: every frame is there and, in a film, something moved."""
    complete = frames == program.frames
    moves = program.frames == 1 or not program.draw or distinct > 1
    return Check(
        name="frames_drawn",
        title=Words(en="All frames were drawn", zh="所有画面都已绘制"),
        status="passed" if complete and moves else "failed",
        detail=f"{frames}/{program.frames}, distinct {distinct}",
    )


def series_csv(program: GpuProgram, series: Series) -> str:
    """Return the probes as a table: frame, time, one column a probe, empty where not read."""
    rows: dict[int, dict[str, float]] = {}
    for name, pairs in series.items():
        for frame, number in pairs:
            rows.setdefault(frame, {})[name] = number
    lines = [",".join(["frame", "time", *series])]
    for frame, numbers in sorted(rows.items()):
        time = frame * program.steps_per_frame * program.dt
        cells = [repr(numbers[name]) if name in numbers else "" for name in series]
        lines.append(",".join([str(frame), f"{time:.9g}", *cells]))
    return "\n".join(lines) + "\n"


def tolerance_of(kernel: Kernel | None) -> Tolerance | None:
    """Return what a kernel's results may differ by between devices, as its author measured."""
    from intentos.gpu_kernels.kernel import ROUNDING, KernelBase

    if not isinstance(kernel, KernelBase) or kernel.compare.rule == "invariants":
        return None
    compare = kernel.compare
    return Tolerance(
        absolute=compare.absolute,
        relative=compare.relative or ROUNDING,
        outliers=compare.outliers,
        pixels=compare.pixels,
    )
