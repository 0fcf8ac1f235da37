"""What every executor must keep, as a test class; a package that brings one inherits it.

::

    class TestFoo(ExecutorContract):
        samples = Samples(language="foo", hello="say hello", fails="…", sleeps="…")

        @pytest.fixture
        def executor(self):
            return FooExecutor()

A sample that a language cannot express stays None, and its test is skipped. Needs pytest and
pytest-asyncio.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import ClassVar

import pytest

from intentos.errors import ExecutorUnavailable
from intentos.events import LiveEvent
from intentos.plan import Step
from intentos.protocols import Executor, StepContext
from intentos.run import StepResult, StepStatus
from intentos.types import DEFAULT_SEED, Artifact, Limits, Value, sha256

PATIENCE = 30.0
"""Seconds that anything may take which ought to take one; machines are slow at times."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Steps for the contract to run: code as text, or a whole step."""

    language: str
    hello: str | Step
    """Ends well; prints ``stdout``."""
    stdout: str = "hello"
    """What ``hello`` prints, among other things; empty where the language prints nothing."""
    fails: str | Step | None = None
    sleeps: str | Step | None = None
    """Never ends, and starts child processes if it can."""
    makes_file: str | Step | None = None
    """Leaves at least one artifact."""
    floods: str | Step | None = None
    """Prints more than 100,000 bytes and ends well."""
    meets: str | Step | None = None
    """Leaves traces wherever it can write, waits a second, and fails if it sees another's."""
    reads_file: Callable[[Path], str | Step] | None = None
    """Prints the content of a file of the host, or fails."""
    connects: Callable[[int], str | Step] | None = None
    """Connects to a TCP port of the host's 127.0.0.1, or fails."""


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


class ExecutorContract:
    """Tests of any executor; a subclass gives ``samples`` and the fixture ``executor``."""

    samples: ClassVar[Samples]

    @pytest.fixture
    def executor(self) -> Executor:
        raise NotImplementedError("the subclass gives the fixture 'executor'")

    @pytest.fixture
    def usable(self, executor: Executor) -> Executor:
        """The executor, or a skipped test where it says that it cannot work."""
        try:
            executor.check()
        except ExecutorUnavailable as unavailable:
            pytest.skip(str(unavailable))
        return executor

    @pytest.fixture
    def recorder(self, tmp_path: Path) -> Recorder:
        return Recorder(tmp_path)

    @pytest.fixture
    def nothing_left(self, usable: Executor) -> Iterator[None]:
        """Fails the test if it leaves a process behind."""
        before = descendants()
        yield
        until(lambda: not descendants() - before, "processes were left behind")

    def test_it_is_called_as_its_entry_point(self, executor: Executor) -> None:
        kind = type(executor)
        points = entry_points(group="intentos.executors")
        names = [p.name for p in points if p.value == f"{kind.__module__}:{kind.__qualname__}"]
        if not names:
            pytest.skip("not registered as an entry point")
        assert names == [executor.name]

    def test_it_describes_itself(self, executor: Executor) -> None:
        assert self.samples.language in executor.languages
        assert executor.isolation in ("none", "process", "sandbox", "container", "remote")

    def test_check_says_what_is_missing_and_what_to_do(self, executor: Executor) -> None:
        try:
            executor.check()
        except ExecutorUnavailable as unavailable:
            assert_said(unavailable.code, unavailable.text)

    def test_estimate_is_a_number_or_unknown(self, executor: Executor) -> None:
        estimate = executor.estimate(self._step(self.samples.hello), {})
        assert estimate.seconds is None or estimate.seconds >= 0

    @pytest.mark.asyncio
    async def test_hello(self, usable: Executor, recorder: Recorder, nothing_left: None) -> None:
        result = await self._execute(usable, recorder, self.samples.hello)
        assert result.status is StepStatus.OK, result.error and result.error.text("en")
        assert result.executor == usable.name
        assert result.device
        assert result.error is None
        assert result.started_at <= result.finished_at
        assert self.samples.stdout in result.stdout

    @pytest.mark.asyncio
    async def test_a_result_survives_json(self, usable: Executor, recorder: Recorder) -> None:
        result = await self._execute(usable, recorder, self.samples.hello)
        assert StepResult.model_validate_json(result.model_dump_json()) == result

    @pytest.mark.asyncio
    async def test_failing_code_is_a_result(
        self, usable: Executor, recorder: Recorder, nothing_left: None
    ) -> None:
        result = await self._execute(usable, recorder, self.samples.fails)
        assert result.status is StepStatus.FAILED
        assert_explained(result)

    @pytest.mark.asyncio
    async def test_the_time_limit_ends_everything(
        self, usable: Executor, recorder: Recorder, nothing_left: None
    ) -> None:
        begun = time.monotonic()
        result = await self._execute(usable, recorder, self.samples.sleeps, wall_time=2)
        assert result.status is StepStatus.TIMED_OUT
        assert time.monotonic() - begun < PATIENCE
        assert_explained(result)

    @pytest.mark.asyncio
    async def test_cancellation_ends_everything(
        self, usable: Executor, recorder: Recorder, nothing_left: None
    ) -> None:
        running = asyncio.ensure_future(self._execute(usable, recorder, self.samples.sleeps))
        await asyncio.wait([running], timeout=1.5)
        running.cancel()
        begun = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert time.monotonic() - begun < PATIENCE

    @pytest.mark.asyncio
    async def test_cancellation_at_once_ends_everything(
        self, usable: Executor, recorder: Recorder, nothing_left: None
    ) -> None:
        running = asyncio.ensure_future(self._execute(usable, recorder, self.samples.sleeps))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    @pytest.mark.asyncio
    async def test_a_flood_is_cut_and_says_so(self, usable: Executor, recorder: Recorder) -> None:
        result = await self._execute(usable, recorder, self.samples.floods, output_bytes=10_000)
        assert result.status is StepStatus.OK
        assert result.truncated
        assert 0 < len((result.stdout + result.stderr).encode()) <= 20_000

    @pytest.mark.asyncio
    async def test_an_artifact_has_bytes_and_a_media_type(
        self, usable: Executor, recorder: Recorder
    ) -> None:
        result = await self._execute(usable, recorder, self.samples.makes_file)
        assert result.status is StepStatus.OK
        assert result.artifacts
        for artifact in result.artifacts:
            content, media_type = recorder.saved[artifact.name]
            assert content
            assert artifact.id == sha256(content)
            assert artifact.size == len(content)
            assert "/" in media_type

    @pytest.mark.asyncio
    async def test_two_runs_do_not_see_each_other(
        self, usable: Executor, recorder: Recorder, nothing_left: None
    ) -> None:
        results = await asyncio.gather(
            self._execute(usable, recorder, self.samples.meets),
            self._execute(usable, recorder, self.samples.meets),
        )
        assert [result.status for result in results] == [StepStatus.OK, StepStatus.OK]

    @pytest.mark.asyncio
    async def test_files_of_the_host_cannot_be_read(
        self, usable: Executor, recorder: Recorder, tmp_path: Path
    ) -> None:
        self._skip_unless_isolated(usable, self.samples.reads_file)
        assert self.samples.reads_file is not None
        secret = secrets.token_hex(16)
        path = tmp_path / "secret.txt"
        path.write_text(secret)
        path.chmod(0o644)
        result = await self._execute(usable, recorder, self.samples.reads_file(path))
        assert result.status is StepStatus.FAILED
        assert secret not in result.model_dump_json()
        assert not any(secret.encode() in content for content, _ in recorder.saved.values())

    @pytest.mark.asyncio
    async def test_the_network_cannot_be_reached(
        self, usable: Executor, recorder: Recorder
    ) -> None:
        self._skip_unless_isolated(usable, self.samples.connects)
        assert self.samples.connects is not None
        callers: list[str] = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            callers.append("somebody")
            writer.close()

        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            result = await self._execute(usable, recorder, self.samples.connects(port))
        assert result.status in (StepStatus.FAILED, StepStatus.TIMED_OUT)
        assert callers == []

    def _step(self, sample: str | Step | None) -> Step:
        if sample is None:
            pytest.skip(f"no such sample in {self.samples.language}")
        if isinstance(sample, Step):
            return sample
        return Step(id="sample", language=self.samples.language, code=sample)

    async def _execute(
        self,
        executor: Executor,
        recorder: Recorder,
        sample: str | Step | None,
        *,
        wall_time: float | None = None,
        output_bytes: int | None = None,
    ) -> StepResult:
        step = self._step(sample)
        limits = step.limits
        if wall_time is not None:
            limits = limits.model_copy(update={"wall_time": wall_time})
        if output_bytes is not None:
            limits = limits.model_copy(update={"output_bytes": output_bytes})
        context = replace(recorder.context(step_id=step.id), limits=limits)
        return await executor.execute(step, context)

    def _skip_unless_isolated(self, executor: Executor, sample: object) -> None:
        if executor.isolation not in ("sandbox", "container", "remote"):
            pytest.skip(f"isolation {executor.isolation!r} promises nothing")
        if sample is None:
            pytest.skip(f"no such sample in {self.samples.language}")


def assert_explained(result: StepResult) -> None:
    """Fail unless the result says in both languages why it is not ok."""
    assert result.error is not None
    assert_said(result.error.code, result.error.text)


def assert_said(code: str, text: Callable[[str], str]) -> None:
    """Fail unless there is a complete sentence for a message code in both languages."""
    for language in ("en", "zh"):
        sentence = text(language)
        assert sentence
        assert not sentence.startswith(code), f"no sentence for {code} in {language}"
        assert not re.search(r"\{[a-z_]+\}", sentence), f"unfilled: {sentence}"


def until(holds: Callable[[], bool], otherwise: str, seconds: float = 5.0) -> None:
    """Wait until something holds; fail if it does not within a few seconds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)


def descendants() -> set[int]:
    """Return the process ids of all children of this process and theirs (empty but on Linux)."""
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
    found, waiting = set[int](), {os.getpid()}
    while waiting:
        found |= waiting
        waiting = {p for p, parent in parents.items() if parent in waiting} - found
    return found - {os.getpid()}
