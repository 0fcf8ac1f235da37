"""Measures the wait for the first frame: from a cold start, and in a program that stays."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from intentos import config
from intentos.plan import Plan, Step
from intentos.plan_file import dump_plan
from intentos.policy import ApproveAll
from intentos.registry import Registry
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Json, Words

WARM_TARGET = 0.3
COLD_TARGET = 2.0
TURNS = 3
THINKING = 2.0
FRAMES = 8


def plan_of(kernel: str, arguments: Mapping[str, Json]) -> Plan:
    """Return a plan of one step."""
    step = Step(
        id="work",
        language="kernel",
        code=kernel,
        needs=frozenset({"gpu"}),
        arguments={**arguments, "frames": FRAMES},
    )
    words = Words(en=kernel, zh=kernel)
    return Registry().pin(Plan(title=words, interpretation=words, steps=(step,), origin="edited"))


def cold(plan: Plan) -> float:
    """Return seconds from the call of the command line to the first frame."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.yaml"
        file.write_text(dump_plan(plan, {}), "utf-8")
        command = [sys.executable, "-m", "intentos", "run", str(file), "--yes", "--json"]
        command += ["--out", str(Path(folder) / "out")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(json.loads(done.stdout)["timings"]["first_frame_s"])


async def warm(plans: Mapping[str, Plan]) -> dict[str, float]:
    """Return the best seconds from a run's beginning to its first frame, of a program that stays.

    A run before has filled the driver's own store of compiled shaders, as it does in daily use.
    """
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as home:
        settings = config.load().model_copy(update={"home": Path(home)})
        store = Store(settings)
        runtime = Runtime(
            settings=settings, store=store, registry=Registry(), approver=ApproveAll("bench")
        )
        try:
            await runtime.warm()
            for name, plan in plans.items():
                times = []
                for _ in range(TURNS):
                    await asyncio.sleep(THINKING)  # a person takes longer
                    times.append(await _first_frame(runtime, plan))
                found[name] = min(times[1:])
        finally:
            await runtime.close()
            store.close()
    return found


async def _first_frame(runtime: Runtime, plan: Plan) -> float:
    started, first = time.perf_counter(), 0.0
    async for event in runtime.run(Intent(text="bench", language="en"), plan=plan):
        if event.kind == "frame_drawn" and not first:
            first = time.perf_counter() - started
    return first
