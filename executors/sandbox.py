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
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

from intentos import config
from intentos.errors import ExecutorError
from intentos.events import OutputWritten, ProgressMade
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.run import StepResult
from intentos.scratch import scratch_folder
from intentos.types import Artifact, Estimate, Isolation, Json, Limits, Value, now

from . import bubblewrap, bytecode, fonts, session, verdict
from .box import Box, ColdBox
from .outbox import Outbox
from .standby import Standby
from .template import TemplateBroken, Wish
from .transcript import Transcript

ADDRESS_SPACE_BEYOND_MEMORY = 512 * 1024**2
"""Libraries reserve addresses that they never use; memory itself is watched from outside."""
DEVICE = f"Python {platform.python_version()}"


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
        self._standby = Standby(self._font_cache)

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
        if not self._works:
            await asyncio.to_thread(self.check)
        await bytecode.compile_for(step.code)
        finished = await self._run_warm(step, context)
        if finished is None:
            finished = await self._run_cold(step, context)
        return await verdict.result(
            finished, step, context, executor=self.name, device=DEVICE, started=started
        )

    async def warm(self) -> None:
        """Start a template with the libraries imported; until it is ready steps are cold."""
        await asyncio.to_thread(self.check)
        self._standby.begin()

    async def ready(self) -> bool:
        """Wait for the template that :meth:`warm` began; return whether it works here."""
        return await self._standby.ready()

    @property
    def why_cold(self) -> str:
        """What the last template said that did not start; empty where none failed."""
        return self._standby.problem

    async def cool(self) -> None:
        """End the template."""
        await self._standby.close()

    async def _run_warm(self, step: Step, context: StepContext) -> verdict.Finished | None:
        """Run the step in a child of the template; None: there is none, and nothing has run."""
        inputs = _inputs(context)
        wish = Wish(work_bytes=context.limits.artifact_bytes, inputs=dict(inputs.values()))
        box = self._standby.box(wish)
        if box is None:
            return None
        job = _job(step, context, inputs)
        job["limits"]["address_space_bytes"] += box.address_bytes
        try:
            finished = await _run(step, context, box, job)
        except TemplateBroken as error:
            self._standby.failed(str(error))
            return None
        if _has_begun(finished):
            self._standby.worked()
            return finished
        self._standby.failed(finished.stderr.text)
        return None

    async def _run_cold(
        self, step: Step, context: StepContext, *, fonts_needed: bool | None = None
    ) -> verdict.Finished:
        needed = fonts.are_needed(step.code) if fonts_needed is None else fonts_needed
        user = bubblewrap.free_user()
        inputs = await asyncio.to_thread(_readable, _inputs(context), context.workdir, user)
        sandbox = partial(
            bubblewrap.Sandbox,
            user=user,
            work_bytes=context.limits.artifact_bytes,
            inputs=dict(inputs.values()),
            font_cache=await self._font_cache() if needed else None,
        )
        job = _job(step, context, inputs) | {"user": user}
        if user is not None:  # bubblewrap's own first process is not that user's
            job["limits"]["processes"] -= bubblewrap.OWN_PROCESSES
        box = ColdBox(sandbox, bubblewrap.environment())
        finished = await _run(step, context, box, job)
        if not _has_begun(finished):
            raise bubblewrap.explain(finished.stderr.text)
        return finished

    async def _font_cache(self) -> Path:
        folder = self._cache or config.load().cache
        return await fonts.cache(folder / "matplotlib", self._build_fonts)

    async def _probe(self) -> None:
        """Start a sandbox that does nothing."""
        with scratch_folder() as folder:
            context = StepContext(
                values={},
                live=frozenset(),
                seed=0,
                inputs={},
                workdir=folder,
                limits=Limits(wall_time=60),
                emit=lambda _: None,
                save=_refuse,
            )
            step = Step(id="probe", language="python", code="pass")
            finished = await self._run_cold(step, context, fonts_needed=False)
            if not finished.outbox.done:
                raise bubblewrap.explain(finished.stderr.text or "timed out")

    async def _build_fonts(self, code: str, folder: Path) -> None:
        """Let code of our own save files into a folder."""

        async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
            assert isinstance(data, Path)
            shutil.copyfile(data, folder / name)
            return fonts.artifact(name, data, media_type)

        with scratch_folder() as work:
            context = StepContext(
                values={},
                live=frozenset(),
                seed=0,
                inputs={},
                workdir=work,
                limits=Limits(wall_time=300),
                emit=lambda _: None,
                save=save,
            )
            step = Step(id="fonts", language="python", code=code)
            finished = await self._run_cold(step, context, fonts_needed=False)
            if not finished.outbox.done:
                raise ExecutorError("sandbox.no_fonts", what=finished.stderr.text[-500:])


async def _refuse(name: str, data: bytes | Path, media_type: str) -> Artifact:
    raise AssertionError("the probe saves nothing")


async def _run(
    step: Step, context: StepContext, box: AbstractAsyncContextManager[Box], job: dict[str, Json]
) -> verdict.Finished:
    def told(stream: str, text: str) -> None:
        context.emit(
            OutputWritten.model_validate({"step_id": step.id, "stream": stream, "text": text})
        )

    def progressed(fraction: float) -> None:
        context.emit(ProgressMade(stage="stage.computing", fraction=fraction, step_id=step.id))

    limits = context.limits
    outbox = Outbox(context.workdir, limits, context.save, progressed)
    stdout, stderr = (
        Transcript(most=limits.output_bytes, on_text=partial(told, stream))
        for stream in ("stdout", "stderr")
    )
    ending = await session.run(
        box, json.dumps(job).encode(), limits=limits, outbox=outbox, stdout=stdout, stderr=stderr
    )
    return verdict.Finished(ending, outbox, stdout, stderr)


def _has_begun(finished: verdict.Finished) -> bool:
    return finished.outbox.started or finished.ending.timed_out


def _job(
    step: Step, context: StepContext, inputs: Mapping[str, tuple[str, Path]]
) -> dict[str, Json]:
    limits = context.limits
    values = step.resolved_arguments(context.values) if step.arguments else context.values
    return {
        "code": step.code,
        "parameters": dict(values),
        "inputs": {name: inside for name, (inside, _) in inputs.items()},
        "seed": context.seed,
        "language": context.language,
        "user": None,
        "fonts": fonts.are_needed(step.code),
        "limits": {
            "address_space_bytes": limits.memory_bytes + ADDRESS_SPACE_BEYOND_MEMORY,
            "file_bytes": limits.artifact_bytes,
            "processes": limits.processes + bubblewrap.OWN_PROCESSES,
        },
    }


def _inputs(context: StepContext) -> dict[str, tuple[str, Path]]:
    """Return local name → (path inside, file)."""
    found = {}
    for name, path in context.inputs.items():
        suffix = path.suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", path.suffix) else ""
        found[name] = (f"{bubblewrap.INSIDE}/inputs/{name}{suffix}", path)
    return found


def _readable(
    inputs: Mapping[str, tuple[str, Path]], folder: Path, user: int | None
) -> dict[str, tuple[str, Path]]:
    """Return the inputs as files that the sandbox's user can read."""
    found = {}
    for name, (inside, path) in inputs.items():
        if user is not None and not path.stat().st_mode & 0o004:
            path = Path(shutil.copyfile(path, folder / f"input-{name}"))
            path.chmod(0o444)
        found[name] = (inside, path)
    return found
