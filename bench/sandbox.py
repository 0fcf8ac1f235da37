"""Measures what the walls around Python steps cost, and that they leave nothing behind.

Every way runs the same two steps in turns, so that a noisy machine is noisy for all: one whose
first line comes when NumPy and Matplotlib are imported, and one that is empty. *first line* counts
from the call to that line, *step* from the call to the result of the empty one.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from intentos.errors import ExecutorUnavailable
from intentos.executors.sandbox import SandboxExecutor
from intentos.plan import Step
from intentos.protocols import Executor
from intentos.registry import Registry
from intentos.run import StepStatus
from intentos.testing import Recorder

from .leaks import Traces

BACK_TO_BACK = 200
TURNS = {"warm": 100, "cold": 20, "subprocess": 20, "docker": 20, "docker run": 20}
SETTLING = 1.0
"""Seconds before things are counted: a child is forked ahead after each step."""
PAUSE = 0.05
"""Seconds between two steps that come one at a time."""
WARM_P50, WARM_P99 = 0.015, 0.060
COLD_FACTOR, COLD_BEYOND = 1.10, 0.015
FIRST_LINE = """import numpy
import matplotlib.pyplot
import time
report("at", time.monotonic())
"""
PLAIN = FIRST_LINE.replace('report("at", time.monotonic())', "print(time.monotonic())")

Times = dict[str, list[float]]
Way = Callable[[], Awaitable[tuple[float, float]]]
"""Does both steps; returns seconds to the first line, and of the empty step."""


async def measure(tell: Callable[[str], None]) -> dict[str, Any]:
    """Return the figures of every way that works here, one at a time and back to back."""
    with tempfile.TemporaryDirectory(prefix="intentos-bench-") as folder, _temporary(folder):
        recorder = Recorder(Path(folder, "steps"))
        ways, missing = _ways(recorder)
        warm = SandboxExecutor()
        await warm.warm()
        if await warm.ready():
            ways = {"warm": lambda: _steps(warm, recorder), **ways}
        else:
            missing["warm"] = warm.why_cold
        try:
            alone = await _in_turns(ways, tell)
            result: dict[str, Any] = {
                "kind": "sandbox",
                "one_at_a_time": {name: _spreads(times) for name, times in alone.items()},
                "missing": missing,
            }
            if "warm" in ways:
                tell(f"warm, {BACK_TO_BACK} back to back")
                await asyncio.sleep(SETTLING)
                traces = Traces.of_now()
                times: Times = {"first_line": [], "step": []}
                for _ in range(BACK_TO_BACK // 2):  # two steps each
                    _add(times, await _steps(warm, recorder, pause=0))
                result["back_to_back"] = {"warm": _spreads(times)}
                result["left"] = await traces.left()
        finally:
            await warm.cool()
    return result


@contextmanager
def _temporary(folder: str) -> Iterator[None]:
    """Let everything that wants a temporary folder make it here, where it is seen if it stays."""
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        yield
    finally:
        tempfile.tempdir = before


def _ways(recorder: Recorder) -> tuple[dict[str, Way], dict[str, str]]:
    cold = SandboxExecutor()
    ways: dict[str, Way] = {"cold": lambda: _steps(cold, recorder), "subprocess": _plain}
    missing = {}
    registry = Registry()
    if "docker" in registry.names("executors"):
        docker = registry.executor("docker")
        try:
            docker.check()
        except ExecutorUnavailable as unavailable:
            missing["docker"] = str(unavailable)
        else:
            ways["docker"] = lambda: _steps(docker, recorder)
            if shutil.which("docker"):
                ways["docker run"] = _by_hand
            else:
                missing["docker run"] = "no docker command"
    else:
        missing["docker"] = "no executor of this name is installed"
    return ways, missing


async def _in_turns(ways: dict[str, Way], tell: Callable[[str], None]) -> dict[str, Times]:
    found: dict[str, Times] = {name: {"first_line": [], "step": []} for name in ways}
    for name, way in ways.items():
        tell(f"{name}, first time")
        await way()  # what is made once: bytecode, the list of fonts, pages of the files
    most = max(TURNS[name] for name in ways)
    for turn in range(most):
        if turn % 20 == 0:
            tell(f"{turn} of {most}, in turns")
        for name, way in ways.items():
            if turn % (most // TURNS[name]) == 0:
                await asyncio.sleep(PAUSE)
                _add(found[name], await way())
    return found


async def _steps(
    executor: Executor, recorder: Recorder, pause: float = PAUSE
) -> tuple[float, float]:
    started = time.monotonic()
    context = recorder.context()
    result = await executor.execute(Step(id="bench", language="python", code=FIRST_LINE), context)
    if result.status is not StepStatus.OK:
        raise RuntimeError(f"{executor.name}: {result.error} {result.stderr}")
    first = result.values["at"].value - started
    await asyncio.sleep(pause)
    context = recorder.context()
    empty = time.monotonic()
    await executor.execute(Step(id="bench", language="python", code="pass"), context)
    return first, time.monotonic() - empty


async def _plain() -> tuple[float, float]:
    return await _program([sys.executable, "-s", "-P", "-c"])


async def _by_hand() -> tuple[float, float]:
    from intentos.executors import bubblewrap, docker_files, docker_image

    packages = f"PYTHONPATH={docker_files.PACKAGES}"
    run = ["docker", "run", "--rm", "--network", "none", "--env", packages]
    python = ["--entrypoint", f"{bubblewrap.PYTHON}/bin/python", docker_image.name()]
    return await _program([*run, *python, "-s", "-P", "-c"])


async def _program(command: list[str]) -> tuple[float, float]:
    """Return the times of a command that is given Python code as its last word."""
    environment = os.environ | {"MPLBACKEND": "agg"}

    async def run(code: str) -> bytes:
        process = await asyncio.create_subprocess_exec(
            *command,
            code,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        said, complaint = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"{command[0]}: {complaint.decode(errors='replace')[-500:]}")
        return said

    started = time.monotonic()
    first = float(await run(PLAIN)) - started
    empty = time.monotonic()
    await run("pass")
    return first, time.monotonic() - empty


def _add(times: Times, one: tuple[float, float]) -> None:
    for name, seconds in zip(("first_line", "step"), one, strict=True):
        times[name].append(seconds)


def _spreads(times: Times) -> dict[str, dict[str, float]]:
    return {name: spread(seconds) for name, seconds in times.items()}


def spread(seconds: list[float]) -> dict[str, float]:
    """Return how many there are, the median, the 99th percentile and the longest, in ms."""
    ordered = sorted(seconds)
    at = {"p50": 0.50, "p99": 0.99}
    last = len(ordered) - 1
    found = {name: ordered[min(last, round(share * last))] for name, share in at.items()}
    each = {name: round(1000 * value, 2) for name, value in (found | {"max": ordered[-1]}).items()}
    return {"count": len(ordered), **each}


def missed(result: dict[str, Any]) -> list[str]:
    """Return each target that was not reached, in words."""
    lines = []
    alone = result["one_at_a_time"]
    for how, figures in (
        ("one at a time", alone),
        ("back to back", result.get("back_to_back", {})),
    ):
        for what, times in figures.get("warm", {}).items():
            for name, target in (("p50", WARM_P50), ("p99", WARM_P99)):
                if times[name] > 1000 * target:
                    lines.append(
                        f"warm, {how}, {what}: {name} {times[name]:.1f} ms, "
                        f"wanted {1000 * target:.0f}"
                    )
    if {"cold", "subprocess"} <= alone.keys():
        most = COLD_FACTOR * alone["subprocess"]["first_line"]["p50"] + 1000 * COLD_BEYOND
        if alone["cold"]["first_line"]["p50"] > most:
            lines.append(f"cold: {alone['cold']['first_line']['p50']:.0f} ms, wanted {most:.0f}")
    if {"docker", "docker run"} <= alone.keys():
        by_hand = alone["docker run"]["step"]["p50"]
        if alone["docker"]["step"]["p50"] > by_hand:
            lines.append(f"docker: {alone['docker']['step']['p50']:.0f} ms, by hand {by_hand:.0f}")
    lines += [f"left behind: {line}" for line in result.get("left", {}).get("problems", ())]
    return lines
