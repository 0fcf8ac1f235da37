"""Seconds from a cold command line: each case as a process of its own, ``intentos ask``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from tempfile import TemporaryDirectory
from typing import Any

from .cases import Case
from .summary import spread

SECONDS_EACH = 600


def pick(cases: Sequence[Case], count: int) -> list[Case]:
    """Return some single wishes that give a picture, spread evenly over the list."""
    single = [
        case
        for case in cases
        if case.kind == "wish" and (case.oracles[0].picture or case.oracles[0].moves)
    ]
    count = min(count, len(single))
    return [single[place * len(single) // count] for place in range(count)]


def measure(
    cases: Sequence[Case], model: str | None, tell: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Return the spread of seconds to the plan, to the first frame and to the end.

    Times are the command's own, which count from the start of its process; ``end`` is the clock's.
    """
    times: dict[str, list[float]] = {"plan": [], "first_frame": [], "end": []}
    with TemporaryDirectory(prefix="intentos-cold-", ignore_cleanup_errors=True) as home:
        for place, case in enumerate(cases, start=1):
            tell(f"cold {place}/{len(cases)}")
            found = _ask(case.says[0], model, home)
            for name, seconds in found.items():
                times[name].append(seconds)
    return {name: spread(numbers) for name, numbers in times.items()}


def _ask(text: str, model: str | None, home: str) -> dict[str, float]:
    """Return the seconds of one process; one that tells no result gives only its end."""
    command = [sys.executable, "-m", "intentos", "ask", text, "--yes", "--json"]
    if model is not None:
        command += ["--model", model]
    started = time.monotonic()
    try:
        ended = subprocess.run(
            command,
            env={**os.environ, "INTENTOS_HOME": home},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS_EACH,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"end": float(SECONDS_EACH)}
    found = {"end": time.monotonic() - started}
    try:
        timings = json.loads(ended.stdout)["timings"]
    except (ValueError, KeyError):
        return found
    for name, key in (("plan", "plan_s"), ("first_frame", "first_frame_s")):
        if timings.get(key) is not None:
            found[name] = timings[key]
    return found
