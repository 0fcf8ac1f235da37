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

SIDE = 512
SECONDS = 1.5
"""Of each kernel's view."""
MOST_FRAMES = 120
TARGET = 30.0
SLOW_TARGETS = {"scene": 10.0}

Result = dict[str, Any]


def views(names: list[str], *, width: int = SIDE, height: int = SIDE) -> Iterator[Result]:
    """Yield the measures of each kernel's default view, kernel by kernel."""
    registry = Registry()
    for name in names:
        kernel = registry.kernel(name)
        assert isinstance(kernel, KernelBase)
        yield view(kernel, {"width": width, "height": height})


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


def missed(found: list[Result]) -> list[str]:
    """Return each view that is too slow, in words."""
    return [
        f"{row['kernel']}: {row['fps']:.0f} frames a second, wanted {row['target']:g}"
        for row in found
        if row["fps"] < row["target"]
    ]
