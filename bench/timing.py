"""Times side by side: whoever is compared takes turns, so that a noisy machine is noisy for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from statistics import median

LEAST_SECONDS = 0.3
MOST_ROUNDS = 4096
TURNS = 3


def seconds_per_round(
    tasks: Mapping[str, Callable[[int], object]], *, budget: float
) -> dict[str, float]:
    """Return the median seconds of one round of every task.

    Args:
        tasks: Name → does so many rounds. The first call, of one round, lets compilers work.
        budget: Seconds for the turns of one task; a task that needs more has fewer turns.
    """
    rounds: dict[str, int] = {}
    found: dict[str, list[float]] = {}
    for name, task in tasks.items():
        first, rounds[name] = _timed(task, 1), 1
        # A call that is long without compiling anything is a measurement already.
        if first > budget:
            found[name] = [first]
            continue
        found[name] = []
        while _timed(task, rounds[name]) < LEAST_SECONDS and rounds[name] < MOST_ROUNDS:
            rounds[name] *= 2
    for _ in range(TURNS):
        for name, task in tasks.items():
            if not found[name] or sum(found[name]) * rounds[name] < budget / 2:
                found[name].append(_timed(task, rounds[name]) / rounds[name])
    return {name: median(times) for name, times in found.items()}


def _timed(task: Callable[[int], object], rounds: int) -> float:
    start = time.perf_counter()
    task(rounds)
    return time.perf_counter() - start
