"""Measures what a browser without WebGPU gets: frames a second over the websocket, and how soon a
knob or a turn of the camera shows. The window is the real one, in a process of its own.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentos import config
from intentos.parameters import Parameter
from intentos.plan import Plan, Step
from intentos.policy import ApproveAll
from intentos.registry import Registry
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Json, Words

from .live import VIEWS

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

SIDE = 512
SECONDS = 5.0
TURNS = 12
FRAMES_TARGET = 24.0
CHANGE_TARGET = 0.15
UP_SECONDS = 60.0
SETTLING = 5.0
"""What the window does besides at its start is not what is measured."""
STEP = "work"
_BACKGROUND = Parameter(
    name="background",
    label=Words(en="Background", zh="背景"),
    kind="colour",
    default="#000000",
    live=True,
)
SHOWN: dict[str, dict[str, Json]] = {
    "particles": {"background": "$background"},
    "field": VIEWS["field"],
    "automaton": {},
}


def measure(seconds: float = SECONDS) -> dict[str, Any]:
    """Return, for each kernel at 512², what arrives in a browser on this machine.

    ``frames_per_second``: shown one after another; ``first_frame_s``: from ``play``;
    ``kilobytes``: of a frame; ``view_ms``: from a turn of the camera, while it stands still, to the
    frame that shows it; ``knob_ms``: from a knob to the first frame that shows it, while it plays.
    """
    with tempfile.TemporaryDirectory() as home:
        return asyncio.run(_measure(Path(home), seconds))


def missed(result: Mapping[str, Any]) -> list[str]:
    """Return what is too slow, in words."""
    lines = []
    for row in result["kernels"]:
        if row["frames_per_second"] < FRAMES_TARGET:
            frames = row["frames_per_second"]
            lines.append(f"{row['kernel']}: {frames} frames a second, wanted {FRAMES_TARGET:g}")
        for what in ("knob_ms", "view_ms"):
            if row.get(what, 0) > 1000 * CHANGE_TARGET:
                lines.append(f"{row['kernel']}: {what} {row[what]}, wanted {1000 * CHANGE_TARGET}")
    return lines


async def _measure(home: Path, seconds: float) -> dict[str, Any]:
    runs = await _runs(home)
    async with _window(home) as port:
        rows = []
        for kernel, run in runs.items():
            address = f"ws://127.0.0.1:{port}/api/live/{run}/{STEP}"
            rows.append({"kernel": kernel, **await _watch(address, seconds, kernel)})
    return {"kind": "window_stream", "width": SIDE, "height": SIDE, "kernels": rows}


async def _runs(home: Path) -> dict[str, str]:
    """Run each kernel for two frames, so that there is an approved run to play."""
    settings = config.load().model_copy(update={"home": home})
    store, registry = Store(settings), Registry()
    runtime = Runtime(
        settings=settings, store=store, registry=registry, approver=ApproveAll("bench")
    )
    found = {}
    try:
        for kernel, arguments in SHOWN.items():
            step = Step(
                id=STEP,
                language="kernel",
                code=kernel,
                needs=frozenset({"gpu"}),
                arguments={**arguments, "width": SIDE, "height": SIDE, "frames": 2},
            )
            words = Words(en=kernel, zh=kernel)
            knobs = (_BACKGROUND,) if step.parameter_names else ()
            plan = Plan(
                title=words, interpretation=words, steps=(step,), parameters=knobs, origin="edited"
            )
            async for event in runtime.run(
                Intent(text=kernel, language="en"), plan=registry.pin(plan)
            ):
                found[kernel] = event.run_id
    finally:
        await runtime.close()
        store.close()
    return found


@asynccontextmanager
async def _window(home: Path) -> AsyncIterator[int]:
    """Open the real window while the block runs."""
    import httpx

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-m", "intentos", "--no-browser", "--port", str(port)],
        env={**os.environ, "INTENTOS_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + UP_SECONDS
        async with httpx.AsyncClient(timeout=UP_SECONDS) as client:
            while True:
                try:
                    await client.get(f"http://127.0.0.1:{port}/static/program.js")
                    break
                except httpx.HTTPError:
                    if process.poll() is not None or time.monotonic() > until:
                        raise
                    await asyncio.sleep(0.1)
        await asyncio.sleep(SETTLING)
        yield port
    finally:
        process.terminate()
        process.wait()


async def _watch(address: str, seconds: float, kernel: str) -> dict[str, Any]:
    from websockets.asyncio.client import connect

    async with connect(address, max_size=None, open_timeout=UP_SECONDS) as viewer:
        asked = time.perf_counter()
        await _say(viewer, "play")
        await _frame(viewer)
        first = time.perf_counter() - asked
        for _ in range(10):
            await _frame(viewer)
        started, frames, size = time.perf_counter(), 0, 0
        while time.perf_counter() - started < seconds:
            size += len(await _frame(viewer))
            frames += 1
        passed = time.perf_counter() - started
        found: dict[str, Any] = {
            "frames_per_second": round(frames / passed, 1),
            "first_frame_s": round(first, 2),
            "kilobytes": round(size / frames / 1024),
        }
        if kernel == "particles":
            found["knob_ms"] = await _knob(viewer)
        await _say(viewer, "pause")
        await asyncio.sleep(0.5)
        found["view_ms"] = await _view(viewer)
        return found


async def _knob(viewer: ClientConnection) -> int:
    """Return milliseconds from a knob to a frame that shows it, while it plays."""
    times = []
    for turn in range(TURNS):
        bright = turn % 2 == 0
        asked = time.perf_counter()
        await _say(viewer, "set", name="background", value="#ffffff" if bright else "#000000")
        while (_corner(await _frame(viewer)) > 128) != bright:
            continue
        times.append(time.perf_counter() - asked)
        await asyncio.sleep(0.11 * (turn % 3))  # not always at the same moment of a frame
    return round(1000 * statistics.median(times))


async def _view(viewer: ClientConnection) -> int:
    """Return milliseconds from a turn of the camera to its frame, while all stands still."""
    while await _drained(viewer):
        continue
    times = []
    for turn in range(TURNS):
        asked = time.perf_counter()
        await _say(viewer, "view", yaw=0.1 * turn, zoom=1 + 0.01 * turn)
        await _frame(viewer)
        times.append(time.perf_counter() - asked)
    return round(1000 * statistics.median(times))


async def _drained(viewer: ClientConnection) -> bool:
    try:
        async with asyncio.timeout(0.5):
            await _frame(viewer)
    except TimeoutError:
        return False
    return True


async def _frame(viewer: ClientConnection) -> bytes:
    """Return the picture of the next frame, and say that it is shown."""
    while isinstance(received := await viewer.recv(), str):
        message = json.loads(received)
        if message["kind"] in ("error", "end"):
            raise RuntimeError(received)
    await _say(viewer, "taken", index=struct.unpack_from("<I", received)[0])
    return received[16:]


async def _say(viewer: ClientConnection, kind: str, **data: Any) -> None:
    await viewer.send(json.dumps({"kind": kind, **data}))


def _corner(jpeg: bytes) -> int:
    from PIL import Image

    with Image.open(io.BytesIO(jpeg)) as picture:
        level = picture.convert("L").getpixel((4, 4))
    assert isinstance(level, int)
    return level
