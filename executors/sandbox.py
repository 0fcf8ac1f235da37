"""Runs Python steps in a bubblewrap sandbox: no network, no files of this machine, hard limits.

Each step gets a sandbox of its own, made for it and gone with it: a read-only system without
programs, an empty work folder in memory, a user and process tree that nobody shares. What the code
saves and reports comes out through one pipe and is believed by nobody (``outbox.py``). What the
walls do not do: they share the host's kernel, so a hole in the kernel is a hole in them.
"""

from __future__ import annotations

import asyncio
import json
import platform
import re
import shutil
import signal
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from intentos import config
from intentos.errors import ExecutorError
from intentos.events import OutputWritten, ProgressMade
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, Estimate, Isolation, Json, Limits, Problem, Value, now

from . import bubblewrap, bytecode, fonts, session
from .outbox import Outbox, size

ADDRESS_SPACE_BEYOND_MEMORY = 512 * 1024**2
"""Libraries reserve addresses that they never use; memory itself is watched from outside."""
DEVICE = f"Python {platform.python_version()}"


@dataclass
class _Finished:
    ending: session.Ending
    outbox: Outbox
    stdout: session.Transcript
    stderr: session.Transcript


class SandboxExecutor:
    """Runs ``python`` steps in bubblewrap.

    Args:
        cache: folder for Matplotlib's list of fonts; by default IntentOS's own cache folder.
    """

    name = "sandbox"
    languages = frozenset({"python"})
    isolation: Isolation = "sandbox"
    substitute = False

    def __init__(self, *, cache: Path | None = None) -> None:
        self._cache = cache
        self._works = False

    def check(self) -> None:
        """Return if a sandbox can be started; a yes is remembered.

        Raises:
            ExecutorUnavailable: not Linux, no or an old bubblewrap, or it is blocked here.
        """
        if self._works:
            return
        bubblewrap.find()
        # The caller's thread may run an event loop already.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, self._probe()).result()
        self._works = True

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Return that nothing is known: what code costs shows when it runs."""
        return Estimate()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Run the step's code; what it saved before it failed is kept.

        Raises:
            ExecutorUnavailable: no sandbox can be started here.
            StoreError: the disk is full, or cannot be written.
        """
        started = now()
        await asyncio.to_thread(self.check)
        await bytecode.compile_for(step.code)
        font_cache = None
        if fonts.are_needed(step.code):
            folder = self._cache or config.load().cache
            font_cache = await fonts.cache(folder / "matplotlib", self._build_fonts)
        finished = await self._run(step, context, font_cache)
        try:
            await _encode_films(finished.outbox, context, step.id)
        finally:
            for film in finished.outbox.films:
                film.raw.unlink(missing_ok=True)
        status, error = _judge(finished, context.limits)
        return StepResult(
            step_id=step.id,
            executor=self.name,
            status=status,
            stdout=finished.stdout.text,
            stderr=finished.stderr.text,
            truncated=finished.stdout.truncated or finished.stderr.truncated,
            values=finished.outbox.values,
            artifacts=tuple(finished.outbox.artifacts),
            error=error,
            device=DEVICE,
            started_at=started,
            finished_at=now(),
        )

    async def _run(self, step: Step, context: StepContext, font_cache: Path | None) -> _Finished:
        def told(stream: str, text: str) -> None:
            context.emit(
                OutputWritten.model_validate({"step_id": step.id, "stream": stream, "text": text})
            )

        def progressed(fraction: float) -> None:
            context.emit(ProgressMade(stage="stage.computing", fraction=fraction, step_id=step.id))

        limits, user = context.limits, bubblewrap.free_user()
        inputs = await asyncio.to_thread(_inputs, context, user)
        values = step.resolved_arguments(context.values) if step.arguments else context.values
        job: dict[str, Json] = {
            "code": step.code,
            "parameters": dict(values),
            "inputs": {name: inside for name, (inside, _) in inputs.items()},
            "seed": context.seed,
            "language": context.language,
            "user": user,
            "limits": {
                "address_space_bytes": limits.memory_bytes + ADDRESS_SPACE_BEYOND_MEMORY,
                "file_bytes": limits.artifact_bytes,
                # In a user namespace bubblewrap's own first process counts as well.
                "processes": limits.processes + (user is None),
            },
        }
        sandbox = partial(
            bubblewrap.Sandbox,
            user=user,
            work_bytes=limits.artifact_bytes,
            inputs=dict(inputs.values()),
            font_cache=font_cache,
        )
        outbox = Outbox(context.workdir, limits, context.save, progressed)
        stdout, stderr = (
            session.Transcript(most=limits.output_bytes, on_text=partial(told, stream))
            for stream in ("stdout", "stderr")
        )
        ending = await session.run(
            sandbox,
            json.dumps(job).encode(),
            environment=bubblewrap.environment(context.seed),
            limits=limits,
            outbox=outbox,
            stdout=stdout,
            stderr=stderr,
        )
        if not outbox.started and not ending.timed_out:
            raise bubblewrap.explain(stderr.text)
        return _Finished(ending, outbox, stdout, stderr)

    async def _probe(self) -> None:
        """Start a sandbox that does nothing."""
        with tempfile.TemporaryDirectory(prefix="intentos-") as folder:
            context = StepContext(
                values={},
                live=frozenset(),
                seed=0,
                inputs={},
                workdir=Path(folder),
                limits=Limits(wall_time=60),
                emit=lambda _: None,
                save=_refuse,
            )
            step = Step(id="probe", language="python", code="pass")
            finished = await self._run(step, context, None)
            if not finished.outbox.done:
                raise bubblewrap.explain(finished.stderr.text or "timed out")

    async def _build_fonts(self, code: str, folder: Path) -> None:
        """Let code of our own save files into a folder."""

        async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
            assert isinstance(data, Path)
            shutil.copyfile(data, folder / name)
            return fonts.artifact(name, data, media_type)

        with tempfile.TemporaryDirectory(prefix="intentos-") as work:
            context = StepContext(
                values={},
                live=frozenset(),
                seed=0,
                inputs={},
                workdir=Path(work),
                limits=Limits(wall_time=300),
                emit=lambda _: None,
                save=save,
            )
            step = Step(id="fonts", language="python", code=code)
            finished = await self._run(step, context, None)
            if not finished.outbox.done:
                raise ExecutorError("sandbox.no_fonts", what=finished.stderr.text[-500:])


async def _refuse(name: str, data: bytes | Path, media_type: str) -> Artifact:
    raise AssertionError("the probe saves nothing")


async def _encode_films(outbox: Outbox, context: StepContext, step_id: str) -> None:
    def encoded(fraction: float) -> None:
        context.emit(ProgressMade(stage="stage.encoding", fraction=fraction, step_id=step_id))

    for film in outbox.films:
        from .film import encode_film

        made = await encode_film(
            film.raw,
            width=film.width,
            height=film.height,
            count=film.count,
            frames_per_second=film.rate,
            folder=context.workdir,
            name=film.name,
            progress=encoded,
        )
        film.raw.unlink()
        for path in made:
            await outbox.keep(path.name, path)


def _inputs(context: StepContext, user: int | None) -> dict[str, tuple[str, Path]]:
    """Return local name → (path inside, file that the sandbox's user can read)."""
    found = {}
    for name, path in context.inputs.items():
        suffix = path.suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", path.suffix) else ""
        if user is not None and not path.stat().st_mode & 0o004:
            path = Path(shutil.copyfile(path, context.workdir / f"input-{name}"))
            path.chmod(0o444)
        found[name] = (f"{bubblewrap.INSIDE}/inputs/{name}{suffix}", path)
    return found


def _judge(finished: _Finished, limits: Limits) -> tuple[StepStatus, Problem | None]:
    ending, outbox = finished.ending, finished.outbox
    if ending.timed_out:
        arguments: dict[str, Json] = {"seconds": limits.wall_time}
        return StepStatus.TIMED_OUT, Problem(code="sandbox.timed_out", arguments=arguments)
    if ending.violation is not None:
        return StepStatus.FAILED, ending.violation.problem
    if outbox.error is not None:
        extra: dict[str, Json] = {
            "memory": size(limits.memory_bytes),
            "storage": size(limits.artifact_bytes),
            "processes": limits.processes,
        }
        arguments = extra | outbox.error.arguments
        return StepStatus.FAILED, outbox.error.model_copy(update={"arguments": arguments})
    if outbox.done:
        return StepStatus.OK, None
    code = ending.returncode or 0
    if code > 128 and (number := code - 128) in signal.valid_signals():
        arguments = {"signal": signal.Signals(number).name, "memory": size(limits.memory_bytes)}
        return StepStatus.FAILED, Problem(code="sandbox.killed", arguments=arguments)
    return StepStatus.FAILED, Problem(code="sandbox.ended_early", arguments={"status": code})
