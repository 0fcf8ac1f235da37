"""Measures the kernels: against NumPy, numba and Taichi on the same work, and as live views.

Everything is a ratio within one run. The GPU's side goes through the project's own ProgramRunner,
without drawing and read-back; the rivals start from the very state that the program starts from,
and their results are compared with the program's.
"""

from __future__ import annotations

import fnmatch
import importlib.util
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from intentos.executors.gpu import ProgramRunner
from intentos.gpu_kernels.kernel import KernelBase
from intentos.program import GpuProgram
from intentos.protocols import Evidence
from intentos.registry import Registry

from . import rows
from .row import Arrays, Row
from .timing import seconds_per_round

SEED = 7
CHECKED_FRAMES = 4
BUDGET = 6.0
"""Seconds for the turns of one rival in one row."""
NUMPY_TARGET = 20.0
NUMBA_TARGET = 0.8

Result = dict[str, Any]
Tell = Callable[[str], None]


def measure(pattern: str = "*", tell: Tell = lambda line: None) -> Result:
    """Return the table as data: every row whose label matches, and the geometric means."""
    registry = Registry()
    found: list[Result] = []
    for row in rows.every():
        if not fnmatch.fnmatch(row.label.casefold(), f"*{pattern.casefold()}*"):
            continue
        kernel = registry.kernel(row.kernel)
        assert isinstance(kernel, KernelBase)
        tell(row.label)
        started = time.monotonic()
        found.append(measure_row(row, kernel))
        found[-1]["took_s"] = round(time.monotonic() - started, 1)
    return {"rows": found, "geometric_means": means(found)}


def means(found: Iterable[Result]) -> dict[str, float]:
    """Return how many times faster than each rival the GPU is, as geometric means over rows."""
    by_rival: dict[str, list[float]] = {}
    for row in found:
        for rival, ratio in row["times_faster"].items():
            by_rival.setdefault(rival, []).append(ratio)
    return {
        rival: round(math.exp(sum(map(math.log, ratios)) / len(ratios)), 3)
        for rival, ratios in by_rival.items()
    }


def measure_row(row: Row, kernel: KernelBase[Any]) -> Result:
    """Return seconds a round of the GPU and of every rival that is installed, and the checks."""
    program = kernel.build(row.arguments)
    start, end = outputs_after(program, 0), outputs_after(program, row.check_rounds)
    tasks: dict[str, Callable[[int], object]] = {"gpu": rounds_of(program)}
    agreement: dict[str, str] = {}
    for name, make in row.rivals.items():
        if not _ready(name):
            continue
        rival = make(start)
        agreement[name] = row.agree(end, rival(row.check_rounds))
        tasks[name] = rival
    seconds = seconds_per_round(tasks, budget=BUDGET)
    rate = row.work / seconds["gpu"]
    return {
        "label": row.label,
        "kernel": row.kernel,
        "seconds": {name: float(f"{value:.4g}") for name, value in seconds.items()},
        "times_faster": {
            name: round(value / seconds["gpu"], 3)
            for name, value in seconds.items()
            if name != "gpu"
        },
        "unit": row.unit,
        "rate": float(f"{rate:.4g}"),
        "gflops": round(rate * row.floating_operations / 1e9, 2),
        "gigabytes_per_second": round(rate * row.bytes / 1e9, 2),
        "library": row.library,
        "agreement": agreement,
        "checks": verdicts(row, kernel),
    }


def outputs_after(program: GpuProgram, rounds: int) -> Arrays:
    """Return the program's outputs after so many rounds of its ``step`` passes."""
    runner = ProgramRunner(program, {}, SEED)
    runner.begin()
    runner.advance(rounds)
    runner.finish()
    return runner.outputs()


def rounds_of(program: GpuProgram) -> Callable[[int], object]:
    """Return what does that many rounds on a device that is already warm."""
    runner = ProgramRunner(program, {}, SEED)
    runner.begin()

    def work(rounds: int) -> None:
        runner.advance(rounds)
        runner.finish()

    return work


def verdicts(row: Row, kernel: KernelBase[Any]) -> dict[str, str]:
    """Return check → status of a few frames that are drawn as people see them."""
    arguments = {**row.arguments, "frames": CHECKED_FRAMES}
    program = kernel.build(arguments)
    runner = ProgramRunner(program, {}, SEED)
    before, distinct, count = b"", 0, 0
    for _, pixels in runner.frames():
        distinct += pixels != before
        before, count = pixels, count + 1
    evidence = Evidence(
        arguments=arguments,
        series={name: tuple(points) for name, points in runner.series.items()},
        outputs=runner.outputs(),
        frames=count,
        distinct_frames=distinct,
    )
    return {check.name: check.status for check in kernel.conclude(evidence)[1]}


def copy_bandwidth(megabytes: int = 64) -> float:
    """Return bytes a second, read and written, of a plain copy between two buffers."""
    count = megabytes * 1024**2 // 16
    groups = count // 256
    width = min(groups, 4096)
    program = GpuProgram.model_validate(
        {
            "schema": 1,
            "name": "copy",
            "source": f"""
@compute @workgroup_size(256) fn fill(@builtin(global_invocation_id) id: vec3u) {{
  source[id.x + id.y * {width * 256}u] = vec4f(f32(id.x));
}}
@compute @workgroup_size(256) fn copy(@builtin(global_invocation_id) id: vec3u) {{
  let i = id.x + id.y * {width * 256}u;
  target_[i] = source[i];
}}""",
            "buffers": [
                {"name": "source", "type": "vec4f", "length": count},
                {"name": "target_", "type": "vec4f", "length": count},
            ],
            "start": [{"entry": "fill", "dispatch": [width, groups // width, 1]}],
            "step": [{"entry": "copy", "dispatch": [width, groups // width, 1]}],
            "width": 16,
            "height": 16,
        }
    )
    seconds = seconds_per_round({"copy": rounds_of(program)}, budget=BUDGET)["copy"]
    return 2 * count * 16 / seconds


def missed(result: Mapping[str, Any]) -> list[str]:
    """Return each target that was missed, in words."""
    lines = [
        f"{row['label']}: {row['times_faster']['numpy']:.1f} times NumPy, wanted {NUMPY_TARGET:g}"
        for row in result["rows"]
        if not row["library"] and row["times_faster"].get("numpy", math.inf) < NUMPY_TARGET
    ]
    mean = result["geometric_means"].get("numba", math.inf)
    if mean < NUMBA_TARGET:
        lines.append(f"geometric mean: {mean:.2f} times numba, wanted {NUMBA_TARGET:g}")
    return lines


def _ready(rival: str) -> bool:
    """Import a rival, set it up, and say whether it is there."""
    if importlib.util.find_spec(rival) is None:
        return False
    if rival == "taichi":
        os.environ["ENABLE_TAICHI_HEADER_PRINT"] = "0"
        import taichi

        taichi.init(arch=taichi.cpu, log_level=taichi.ERROR, offline_cache=False)
    return True
