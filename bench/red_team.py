"""A red team over the real protocol: nodes that lie, among honest ones, and what is left of it.

Hub and server are processes of their own; the nodes are real clients in this one, each of another
owner. Some honest nodes have another device, on which chaotic work parts from what the others get.
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from intentos.config import Settings
from intentos.errors import IntentOSError
from intentos.mesh import lending
from intentos.mesh.book import Book
from intentos.mesh.line import Line
from intentos.mesh.node import Node
from intentos.mesh.places import Places
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import Job, Outcome
from intentos.plan import Step
from intentos.protocols import Executor, StepContext
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.run import StepResult, StepStatus
from intentos.types import Estimate, Isolation, Limits, Quantity, Value, new_id, now

from .mesh import Mesh

NODES = 20
ODD = 2
"""Honest ones with another device."""
CHAOTIC = 0.02
"""Share of the jobs whose result depends on the device."""
AT_A_TIME = 96
QUIET_SECONDS = 1.5
COLUMNS = (
    "team", "liars", "jobs", "jobs_per_s", "found", "first_found_s", "all_found_s", "lies",
    "wrong_when_told", "wrong_at_end", "wrong_percent", "overhead_percent", "corrected",
    "honest_ejected", "unanswered",
)  # fmt: skip


@dataclass(frozen=True)
class Team:
    """How some nodes lie."""

    name: str
    liars: int
    rate: float
    """Share of the jobs that they lie about."""
    collude: bool = False
    """Whether they lie about the same jobs, the same, and tell each other what they were asked: of
    what one of them has had before, another says the same."""


TEAMS = (
    Team("always", 2, 1.0),
    Team("5 %", 2, 0.05),
    Team("0.5 %", 2, 0.005),
    Team("always, colluding", 2, 1.0, collude=True),
    Team("5 %, colluding", 2, 0.05, collude=True),
    Team("30 % of all, 5 %, colluding", 6, 0.05, collude=True),
)


@dataclass
class Tally:
    """What the executors of all nodes count."""

    runs: int = 0
    lies: int = 0
    secret: str = field(default_factory=lambda: secrets.token_hex(8))
    """What colluders share and the hub does not know."""
    said: dict[str, bool] = field(default_factory=dict)
    """Of jobs that a colluder had: whether it lied."""


class PlantedExecutor:
    """Computes something quick; a liar's says something else."""

    name = "planted"
    languages = frozenset({"planted"})
    isolation: Isolation = "sandbox"
    substitute = False

    def __init__(self, number: int, team: Team, tally: Tally, device: str) -> None:
        self._number = number
        self._team = team
        self._tally = tally
        self._device = device
        self._random = random.Random()

    def check(self) -> None:
        """Works everywhere."""

    def describe(self) -> str:
        """Return the device's name."""
        return self._device

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Know nothing."""
        return Estimate()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Do it, or lie about it."""
        started = now()
        self._tally.runs += 1
        value = right(step.code, context.seed, self._device)
        if self._lies(f"{step.code} {context.seed}"):
            self._tally.lies += 1
            value += 1 if self._team.collude else 1 + self._number
        return StepResult(
            step_id=step.id,
            executor=self.name,
            status=StepStatus.OK,
            values={"answer": Quantity(value=value)},
            device=self._device,
            started_at=started,
            finished_at=now(),
        )

    def _lies(self, asked: str) -> bool:
        team = self._team
        if self._number >= team.liars:
            return False
        if not team.collude:
            return self._random.random() < team.rate
        if asked not in self._tally.said:
            drawn = random.Random(f"{self._tally.secret} {asked}").random()
            self._tally.said[asked] = drawn < team.rate
        return self._tally.said[asked]


class PlantedRegistry(Registry):
    """Holds only such an executor."""

    def __init__(self, executor: PlantedExecutor) -> None:
        super().__init__(plugins=False)
        self._only = executor

    def names(self, kind: str) -> dict[str, str]:
        """Return its name."""
        return {"planted": OWN_DISTRIBUTION} if kind == "executors" else {}

    def executors(self) -> dict[str, Executor]:
        """Return it."""
        return {"planted": self._only}


def right(code: str, seed: int, device: str) -> float:
    """Return what honest nodes get."""
    value = float(seed * 7919 % 1_000_003)
    return value + 0.25 if code == "chaotic" and device == "odd" else value


def wrong(one: Job, outcome: Outcome) -> bool:
    """Return whether a result is none that an honest node could get."""
    if outcome.result is None:
        return False
    got = outcome.result.values["answer"].value
    return got not in [right(one.step.code, one.seed, device) for device in ("usual", "odd")]


async def play(team: Team, jobs: int, *, nodes: int = NODES, sync: str = "2m") -> dict[str, Any]:
    """Return what came of so many jobs with a team among the nodes."""
    with tempfile.TemporaryDirectory(prefix="intentos-red-", ignore_cleanup_errors=True) as name:
        mesh = Mesh(Path(name), sync=sync)
        serving: list[asyncio.Task[None]] = []
        try:
            await mesh.start_hub()
            tally = Tally()
            ids = []
            for number in range(nodes):
                identity, membership, _ = await mesh.member(f"n{number}", f"owner{number}")
                ids.append(identity.id)
                places = Places(Settings(home=mesh.folder / f"n{number}", cache=mesh.folder))
                device = "odd" if number >= nodes - ODD else "usual"
                node = Node(
                    identity=identity,
                    membership=membership,
                    places=places,
                    registry=PlantedRegistry(PlantedExecutor(number, team, tally, device)),
                    limits=lending.Lending(slots=8, on_battery=True),
                    name=f"n{number}",
                )
                ready = asyncio.Event()
                serving.append(asyncio.create_task(node.run(ready)))
                await ready.wait()
            identity, membership, _ = await mesh.member("person", "person")
            async with Line(identity, membership) as line:
                result = await _played(mesh, line, team, jobs, tally, ids)
        finally:
            for task in serving:
                task.cancel()
            await asyncio.gather(*serving, return_exceptions=True)
            await mesh.stop()
    return result


async def _played(
    mesh: Mesh, line: Line, team: Team, jobs: int, tally: Tally, ids: list[str]
) -> dict[str, Any]:
    began = time.perf_counter()
    found: dict[str, float] = {}
    watching = asyncio.create_task(_watch(line, found, began))
    turn = asyncio.Semaphore(AT_A_TIME)
    sent: list[Job] = []
    told_wrong = 0

    async def one(seed: int) -> None:
        nonlocal told_wrong
        async with turn:
            code = "chaotic" if random.random() < CHAOTIC else "usual"
            made = Job(
                key=new_id(),
                step=Step(id="s", language="planted", code=code),
                seed=seed,
                limits=Limits(wall_time=60),
                reply=line.reply,
            )
            sent.append(made)
            while True:
                try:
                    outcome = await outcome_of(line, made)
                    told_wrong += wrong(made, outcome)
                    return
                except IntentOSError:  # the hub is silent for too long: the same key, again
                    await asyncio.sleep(0.5)

    try:
        await asyncio.gather(*(one(seed) for seed in range(jobs)))
        took = time.perf_counter() - began
        await _quiet(line)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    book = Book(mesh.folder / "hub" / "book.db")
    try:
        ejected = {row.node for row in book.standings() if row.ejected}
        corrections = len(_corrections(book, line.identity.id))
        outcomes = [(one, book.outcome(line.identity.id, one.key)) for one in sent]
    finally:
        book.close()
    left = sum(outcome is None or wrong(one, outcome) for one, outcome in outcomes)
    liars = set(ids[: team.liars])
    times = sorted(found[id] for id in liars & found.keys())
    return {
        "kind": "red team",
        "team": team.name,
        "liars": f"{team.liars} of {len(ids)}",
        "jobs": jobs,
        "jobs_per_s": round(jobs / took),
        "found": f"{len(liars & ejected)} of {team.liars}",
        "first_found_s": round(times[0], 2) if times else None,
        "all_found_s": round(times[-1], 2) if len(times) == team.liars else None,
        "lies": tally.lies,
        "wrong_when_told": told_wrong,
        "wrong_at_end": left,
        "wrong_percent": round(100 * left / jobs, 4),
        "overhead_percent": round(100 * (tally.runs / jobs - 1), 2),
        "corrected": corrections,
        "honest_ejected": len(ejected - liars),
        "unanswered": sum(o is None or o.result is None for _, o in outcomes),
        "load": round(os.getloadavg()[0], 1),
    }


async def _watch(line: Line, found: dict[str, float], began: float) -> None:
    """Note when somebody is put out."""
    while True:
        for peer in (await line.ask(what="peers")).peers:
            if peer.state == "ejected":
                found.setdefault(peer.id, time.perf_counter() - began)
        await asyncio.sleep(0.2)


async def _quiet(line: Line) -> None:
    """Wait until nothing is done again any more."""
    since = time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        if any(peer.running for peer in (await line.ask(what="peers")).peers):
            since = time.monotonic()
        await asyncio.sleep(0.05)


def _corrections(book: Book, submitter: str) -> list[int]:
    found: list[int] = []
    while more := book.corrections(submitter, found[-1] if found else 0):
        found += [one.seq for one in more]
    return found


def missed(row: Mapping[str, Any]) -> list[str]:
    """Return the targets that were not reached; those of few liars only."""
    lines = []
    few = row["liars"].startswith("2 ")
    if few and row["wrong_percent"] > 0.1:
        lines.append(f"{row['team']}: {row['wrong_percent']} % wrong, target ≤ 0.1")
    if few and row["overhead_percent"] > 12:
        lines.append(f"{row['team']}: {row['overhead_percent']} % overhead, target ≤ 12")
    if row["honest_ejected"]:
        lines.append(f"{row['team']}: {row['honest_ejected']} honest nodes were put out")
    return lines
