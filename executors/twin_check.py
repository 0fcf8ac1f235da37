"""Whether this device does what a kernel's NumPy twin does: tried small, and remembered.

Each kernel, in its exact code and with arguments of one kind, is drawn once at a small size on each
device and driver, in a worker of its own while the film is encoded, and compared with the twin.
What came out is kept in the cache folder, so that a device is asked once.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentos.certificate import versions
from intentos.errors import IntentOSError
from intentos.kept_file import write_kept
from intentos.types import Check, Json, Words, canonical_json, sha256

if TYPE_CHECKING:
    from intentos.gpu_kernels.kernel import KernelBase
    from intentos.gpu_kernels.small import Comparison
    from intentos.program import GpuProgram

NAME = "gpu_and_numpy"
TITLE = Words(
    en="Drawn small, this device and NumPy give the same",
    zh="小尺寸试算时，此设备与 NumPy 结果一致",
)
SECONDS = 20.0
"""That the small run and its twin may take together; with less left it is not tried."""
MOST_KEPT = 500


@dataclass
class Small:
    """What the worker drew."""

    raw: Path
    frames: int = 0
    outputs: Mapping[str, Path] = field(default_factory=dict)


Draw = Callable[["GpuProgram", Mapping[str, Json], Path], Awaitable[Small]]
"""``await draw(program, arguments, folder)`` runs a kernel's program on the device."""


async def twin_check(
    kernel: KernelBase[Any],
    arguments: Mapping[str, Json],
    *,
    device: str,
    seed: int,
    folder: Path,
    cache: Path,
    draw: Draw,
) -> tuple[Check, ...]:
    """Return the check, from memory or from a small run; nothing where there is no small run.

    ``device``: adapter and driver; ``folder``: empty, for the small run's files.
    """
    from intentos.gpu_kernels.small import kind_of

    tools = versions("wgpu", "numpy")
    key = sha256(canonical_json([kernel.code_hash, kind_of(arguments), device, tools]))
    known = await asyncio.to_thread(_read, cache)
    if (entry := known.get(key)) is None:
        try:
            async with asyncio.timeout(SECONDS):
                found = await _compared(kernel, arguments, seed, folder, draw)
        except TimeoutError:
            return ()
        if found is None:
            return ()
        day = f"{datetime.now(UTC):%Y-%m-%d}"
        entry = {"status": found.status, "detail": f"{found.detail}; tried on {day}"}
        await asyncio.to_thread(_keep, cache, key, entry)
    return (Check(name=NAME, title=TITLE, status=entry["status"], detail=entry["detail"]),)


async def _compared(
    kernel: KernelBase[Any], arguments: Mapping[str, Json], seed: int, folder: Path, draw: Draw
) -> Comparison | None:
    from intentos.bindings import fold_seed
    from intentos.gpu_kernels.small import small

    few = await asyncio.to_thread(small, kernel, arguments)
    if few is None:
        return None
    program = kernel.build(few)
    drawn = await draw(program, few, folder)
    stop = threading.Event()
    try:
        return await asyncio.to_thread(_compare, kernel, few, program, drawn, fold_seed(seed), stop)
    finally:
        stop.set()  # or the program would wait for the thread before it ends


def _compare(
    kernel: KernelBase[Any],
    arguments: Mapping[str, Json],
    program: GpuProgram,
    drawn: Small,
    seed: int,
    stop: threading.Event,
) -> Comparison:
    import numpy as np

    from intentos.gpu_kernels.small import compared

    shape = (drawn.frames, program.height, program.width, 4)
    pictures = list(np.fromfile(drawn.raw, np.uint8).reshape(shape))
    outputs = {name: np.load(path) for name, path in drawn.outputs.items()}
    return compared(kernel, arguments, pictures, outputs, seed=seed, stop=stop)


def _read(cache: Path) -> dict[str, dict[str, str]]:
    """Return what is remembered; a broken file is as good as none, and everything is tried anew."""
    with suppress(OSError, ValueError):
        data = json.loads(_file(cache).read_text("utf-8"))
        if isinstance(data, dict):
            return {key: entry for key, entry in data.items() if _is_entry(entry)}
    return {}


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and entry.get("status") in ("passed", "failed", "unknown")
        and isinstance(entry.get("detail"), str)
    )


def _keep(cache: Path, key: str, entry: dict[str, str]) -> None:
    known = _read(cache)
    known.pop(key, None)
    newest = dict([*known.items(), (key, entry)][-MOST_KEPT:])
    # What cannot be kept is tried once more the next time.
    with suppress(OSError, IntentOSError):
        cache.mkdir(parents=True, exist_ok=True)
        write_kept(_file(cache), json.dumps(newest))


def _file(cache: Path) -> Path:
    return cache / "twins.json"
