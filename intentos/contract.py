"""What every executor must keep: a list of promises, each tried on a few sample steps.

``intentos.testing`` makes tests of them, ``intentos executors check NAME`` tries them on what is
installed; the promises themselves stand in ``intentos.promises``. Needs no test framework.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from intentos.errors import ExecutorUnavailable
from intentos.events import LiveEvent
from intentos.patience import within
from intentos.plan import Step
from intentos.protocols import Executor, StepContext
from intentos.run import StepResult
from intentos.samples import Sample, Samples
from intentos.types import DEFAULT_SEED, Artifact, Json, Limits, Value, sha256

PATIENCE = 30.0
"""Seconds that anything may take which ought to take one; machines are slow at times."""
SETTLING = 5.0
"""Seconds in which killed processes disappear."""


class Unkept(AssertionError):
    """An executor does not keep a promise; says what was seen instead."""


class Untried(Exception):
    """A promise could not be tried: no sample, or the executor cannot work here."""


@dataclass
class Recorder:
    """Stands where the runtime stands: gives a step its context and keeps what comes back."""

    folder: Path
    """The steps' work folders are made in it."""
    events: list[LiveEvent] = field(default_factory=list)
    saved: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """Artifact name → bytes and media type."""

    def context(
        self,
        *,
        values: Mapping[str, Value] | None = None,
        inputs: Mapping[str, Path] | None = None,
        seed: int = DEFAULT_SEED,
        limits: Limits | None = None,
        step_id: str = "sample",
    ) -> StepContext:
        """Return a context with a new work folder."""
        workdir = self.folder / secrets.token_hex(8)
        workdir.mkdir(parents=True)

        async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
            content = data if isinstance(data, bytes) else await asyncio.to_thread(data.read_bytes)
            self.saved[name] = (content, media_type)
            return Artifact(
                id=sha256(content),
                name=name,
                media_type=media_type,
                size=len(content),
                step_id=step_id,
            )

        return StepContext(
            values=values or {},
            live=frozenset(),
            seed=seed,
            inputs=inputs or {},
            workdir=workdir,
            limits=limits or Limits(wall_time=120),
            emit=self.events.append,
            save=save,
        )


@dataclass
class Bench:
    """An executor on trial: its samples, and a folder for what they leave."""

    executor: Executor
    samples: Samples
    folder: Path

    async def usable(self) -> None:
        """Return if the executor can work here.

        Raises:
            Untried: it says that it cannot, or does not say anything.
        """
        try:
            await asyncio.to_thread(within, PATIENCE, self.executor.check)
        except (ExecutorUnavailable, TimeoutError) as error:
            raise Untried(str(error) or "check() does not answer") from error

    def step(self, sample: Sample | None, **changes: Json) -> Step:
        """Return a sample as a step, under other limits where ``changes`` says so.

        Raises:
            Untried: there is no such sample.
        """
        if sample is None:
            raise Untried(f"no such sample in {self.samples.language}")
        if isinstance(sample, str):
            sample = Step(id="sample", language=self.samples.language, code=sample)
        limits = Limits.model_validate(sample.limits.model_dump() | changes)
        return sample.model_copy(update={"limits": limits})

    async def execute(
        self,
        sample: Sample | None,
        *,
        recorder: Recorder | None = None,
        values: Mapping[str, Value] | None = None,
        inputs: Mapping[str, Path] | None = None,
        seed: int = DEFAULT_SEED,
        save: Callable[[str, bytes | Path, str], Awaitable[Artifact]] | None = None,
        **limits: Json,
    ) -> StepResult:
        """Run a sample as the runtime would, under some limits of its own.

        Raises:
            Untried: there is no such sample, or the executor cannot work here.
        """
        step = self.step(sample, **limits)
        await self.usable()
        recorder = recorder or self.recorder()
        context = recorder.context(
            values=values, inputs=inputs, seed=seed, limits=step.limits, step_id=step.id
        )
        if save is not None:
            context = replace(context, save=save)
        return await self.executor.execute(step, context)

    def recorder(self) -> Recorder:
        """Return a new recorder."""
        return Recorder(self.folder)


Keep = Callable[[Bench], Awaitable[None]]


@dataclass(frozen=True)
class Promise:
    """One thing that an executor keeps."""

    name: str
    """Message code without its section ``contract``."""
    keep: Keep
    """``await keep(bench)`` returns where it is kept; raises Unkept, or Untried."""


def expect(holds: bool, seen: str) -> None:
    """Raise Unkept with what was seen, unless something holds."""
    if not holds:
        raise Unkept(seen)


async def settle(holds: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    """Wait until something holds; raise Unkept if it does not within seconds."""
    end = time.monotonic() + SETTLING
    while not holds():
        if time.monotonic() > end:
            raise Unkept(otherwise())
        await asyncio.sleep(0.02)


def until(holds: Callable[[], bool], otherwise: str, seconds: float = SETTLING) -> None:
    """Wait until something holds, for tests that are no coroutines; fail if it does not."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise Unkept(otherwise)
        time.sleep(0.02)


def adopt_orphans() -> None:
    """Let processes that lose their parent become children of this one, so that they are seen."""
    if sys.platform == "linux":
        import ctypes

        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)


def lives(process: int) -> bool:
    """Return whether a process has not ended; one that nobody has buried yet has."""
    try:
        stat = Path("/proc", str(process), "stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def descendants(of: int | None = None) -> set[int]:
    """Return the process ids of all children of a process, this one if none is named, and theirs
    (empty but on Linux)."""
    first = of or os.getpid()
    if sys.platform != "linux":
        return set()
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text()
            except OSError:  # it ended while we were looking
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry)] = int(parent)
    found, waiting = set[int](), {first}
    while waiting:
        found |= waiting
        waiting = {p for p, parent in parents.items() if parent in waiting} - found
    return found - {first}
