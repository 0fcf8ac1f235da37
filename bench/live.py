"""Measures kernels as live views: frames a second, and what a frame's time goes into."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from intentos.executors.film import encode_film
from intentos.executors.gpu import ProgramRunner
from intentos.gpu_kernels.kernel import KernelBase
from intentos.registry import Registry
from intentos.types import Json

from .first_frame import COLD_TARGET, WARM_TARGET, cold, plan_of, warm

SIDE = 512
SECONDS = 1.5
"""Of each kernel's view."""
MOST_FRAMES = 120
TARGET = 30.0
SLOW_TARGETS = {"scene": 10.0}

Result = dict[str, Any]


VIEWS: dict[str, dict[str, Json]] = {
    "field": {
        "rates": {"u": "0.002*lap(u)"},
        "initial": {"u": "fbm(9*x, 9*y)"},
        "diffusivity": 0.002,
    },
    "pixels": {"value": "0.5 + 0.5*sin(9*x + t)*cos(7*y - t)"},
}
"""Of the kernels that draw nothing until somebody says what."""


def views(*, width: int = SIDE, height: int = SIDE) -> Iterator[Result]:
    """Yield the measures of each kernel's view, kernel by kernel."""
    registry = Registry()
    for name in registry.names("kernels"):
        kernel = registry.kernel(name)
        assert isinstance(kernel, KernelBase)
        yield view(kernel, {**VIEWS.get(name, {}), "width": width, "height": height})


def first_frames() -> Result:
    """Return seconds to the first frame: of one view from a cold start, of every one when warm."""
    size: dict[str, Json] = {"width": SIDE, "height": SIDE}
    names = Registry().names("kernels")
    plans = {name: plan_of(name, {**VIEWS.get(name, {}), **size}) for name in names}
    return {"cold_s": cold(plans["automaton"]), "warm_s": asyncio.run(warm(plans))}


def view(kernel: KernelBase[Any], arguments: Mapping[str, Json]) -> Result:
    """Return milliseconds a frame in computing, drawing, reading back and encoding a film.

    ``fps`` is what a live view gets: everything but the encoding, which follows when a film is
    wanted.
    """
    built = time.perf_counter()
    program = kernel.build(dict(arguments))
    runner = ProgramRunner(program, {}, 7)
    runner.begin()
    runner.draw(0)
    runner.read(0)
    first = time.perf_counter() - built
    spent = {"compute": 0.0, "draw": 0.0, "read_back": 0.0}
    frames: list[bytes] = []
    for frame in range(1, min(program.frames, MOST_FRAMES)):
        started = time.perf_counter()
        runner.advance(program.steps_per_frame, frame=frame)
        runner.finish()
        computed = time.perf_counter()
        runner.draw(frame)
        runner.finish()
        drawn = time.perf_counter()
        frames.append(runner.read(frame))
        ended = time.perf_counter()
        spent["compute"] += computed - started
        spent["draw"] += drawn - computed
        spent["read_back"] += ended - drawn
        if sum(spent.values()) > SECONDS and frame > 4:
            break
    count = max(len(frames), 1)
    each = {what: round(1000 * seconds / count, 2) for what, seconds in spent.items()}
    each["encode"] = round(1000 * _encoding(frames, program.width, program.height) / count, 2)
    fps = count / max(sum(spent.values()), 1e-9)
    return {
        "kernel": kernel.name,
        "width": program.width,
        "height": program.height,
        "fps": round(fps, 1),
        "target": SLOW_TARGETS.get(kernel.name, TARGET),
        "first_frame_ms": round(1000 * first),
        "milliseconds": each,
    }


def _encoding(frames: list[bytes], width: int, height: int) -> float:
    if len(frames) < 2:
        return 0.0
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "frames.rgba"
        raw.write_bytes(b"".join(frames))
        started = time.perf_counter()
        asyncio.run(
            encode_film(
                raw,
                width=width,
                height=height,
                count=len(frames),
                frames_per_second=30,
                folder=Path(folder),
            )
        )
        return time.perf_counter() - started


def missed(result: Mapping[str, Any]) -> list[str]:
    """Return each view, and each first frame, that is too slow, in words."""
    if "views" not in result:
        return []
    lines = [
        f"{row['kernel']}: {row['fps']:.0f} frames a second, wanted {row['target']:g}"
        for row in result["views"]
        if row["fps"] < row["target"]
    ]
    first = result["first_frames"]
    lines += [
        f"{name}: first frame after {1000 * seconds:.0f} ms, wanted {1000 * WARM_TARGET:.0f}"
        for name, seconds in first["warm_s"].items()
        if seconds > WARM_TARGET
    ]
    if first["cold_s"] > COLD_TARGET:
        lines.append(f"first frame after {first['cold_s']:.1f} s from a cold start, wanted 2")
    return lines
