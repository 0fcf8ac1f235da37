"""Ways to choose a node on traces in virtual time: many seeds and loads, and no machine to be busy.

Jobs come at random moments; those that find no place wait in one queue. One node slows down at half
time. Only the choice is real: the hub's own code chooses among the hub's own records of nodes.
"""

from __future__ import annotations

import heapq
import random
import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from intentos.mesh.book import Member
from intentos.mesh.choose import CHOOSERS, Chooser, Trail
from intentos.mesh.roster import Node
from intentos.mesh.wire import Offer

KIND = "python:0"
SLOTS = 4
SPEEDS = (1.0, 1.0, 1.0, 1.0, 2.0, 2.0)
SLOWED = 8.0
STEP_SECONDS = 0.4
LOADS = (0.2, 0.4, 0.6, 0.8)
"""Of what all nodes can take before one slows down."""


def trace(name: str, *, load: float, seed: int, jobs: int = 1200) -> tuple[float, float]:
    """Return the 95th percentile of seconds from coming to answer, before and after half time."""
    now = 0.0
    made: Chooser = Trail(clock=lambda: now) if name == "trail" else CHOOSERS[name]()
    random.seed(seed)
    drawn = random.Random(seed)
    nodes = [_node(number) for number in range(len(SPEEDS))]
    rate = load * SLOTS * sum(1 / speed for speed in SPEEDS) / STEP_SECONDS
    coming: list[float] = []
    for _ in range(jobs):
        coming.append((coming[-1] if coming else 0.0) + drawn.expovariate(rate))
    half = coming[jobs // 2]
    felt: tuple[list[float], list[float]] = ([], [])
    ends: list[tuple[float, int, int, float, float]] = []  # at, job, node, came, began
    waiting: deque[tuple[int, float]] = deque()
    upcoming = deque(enumerate(coming))
    while upcoming or ends:
        if upcoming and (not ends or upcoming[0][1] <= ends[0][0]):
            number, now = upcoming.popleft()
            waiting.append((number, now))
        else:
            now, number, who, came, began = heapq.heappop(ends)
            nodes[who].running.discard(str(number))
            made.learned(KIND, nodes[who].member.id, now - began)
            felt[came >= half].append(now - came)
        while waiting and (free := [n for n in nodes if len(n.running) < SLOTS]):
            number, came = waiting.popleft()
            node = made.choose(KIND, free)
            node.running.add(str(number))
            who = nodes.index(node)
            slower = SPEEDS[who] * (SLOWED if who == 0 and now >= half else 1.0)
            took = STEP_SECONDS * slower * drawn.uniform(0.8, 1.2)
            heapq.heappush(ends, (now + took, number, who, came, now))
    return _p95(felt[False]), _p95(felt[True])


def table(*, seeds: Sequence[int] = range(5)) -> list[dict[str, Any]]:
    """Return a row for each way and load: the medians over the seeds, in milliseconds."""
    rows: list[dict[str, Any]] = []
    for load in LOADS:
        for name in CHOOSERS:
            runs = [trace(name, load=load, seed=seed) for seed in seeds]
            before, after = (statistics.median(run[i] for run in runs) for i in (0, 1))
            rows.append(
                {
                    "way": name,
                    "load": load,
                    "before_p95": round(1000 * before),
                    "after_p95": round(1000 * after),
                }
            )
    return rows


def missed(rows: Sequence[Mapping[str, Any]], default: str) -> list[str]:
    """Return where another way is quicker than the one that hubs use unless told otherwise."""
    lines = []
    for used in (row for row in rows if row["way"] == default):
        for figure in ("before_p95", "after_p95"):
            best = min((r for r in rows if r["load"] == used["load"]), key=lambda r: r[figure])
            if used[figure] > 1.05 * best[figure]:
                what = f"{figure} {used[figure]} ms, {best['way']} {best[figure]} ms"
                lines.append(f"{default} at load {used['load']}: {what}")
    return lines


def _node(number: int) -> Node:
    member = Member(str(number), str(number), str(number), "node", revoked=False)
    offer = Offer(
        name=str(number), version="1", languages=frozenset({"python"}), slots=SLOTS, memory_bytes=0
    )
    return Node(member, offer)


def _p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[18]
