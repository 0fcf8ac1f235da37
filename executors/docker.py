"""Runs Python steps in containers: the same harness and the same judge as in the sandbox.

A container has no network, a read-only root, no capability, no way to new privileges, limits on
memory and processes, work folders in memory and a user that nobody else is. What comes out of it is
believed by nobody (``outbox.py``). What the walls do not do: containers share a kernel with their
engine, so a hole in that kernel is a hole in them.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from intentos import config
from intentos.errors import UsageError
from intentos.events import OutputWritten, ProgressMade
from intentos.plan import Step
from intentos.presence import Presence, present
from intentos.protocols import StepContext
from intentos.run import StepResult
from intentos.scratch import scratch_folder
from intentos.types import Artifact, Estimate, Isolation, Json, Limits, Value, Words, now

from . import docker_container, docker_engine, docker_files, docker_image, docker_leftovers, verdict
from .outbox import Outbox
from .transcript import Transcript

ADDRESS_SPACE_BEYOND_MEMORY = 512 * 1024**2
"""Libraries reserve addresses that they never use; the engine limits memory itself."""


class DockerExecutor:
    """Runs ``python`` steps in containers of an engine that the ``docker`` command would find."""

    name = "docker"
    languages = frozenset({"python"})
    isolation: Isolation = "container"
    substitute = False

    def __init__(self) -> None:
        self._engine: docker_engine.Engine | None = None
        self._device = ""
        self._presence: Presence | None = None
        self._labels: dict[str, str] = {}
        self._lock = threading.Lock()

    @property
    def image(self) -> str:
        """The name of the image in which steps run, whether it is there or not."""
        return docker_image.name()

    def check(self) -> None:
        """Return if the engine answers and has the image; a yes is remembered.

        What a killed IntentOS left in the engine is removed. Nothing is ever fetched.

        Raises:
            ExecutorUnavailable: no SDK, no engine, no right to use it, or no image.
        """
        with self._lock:
            if self._device:
                return
            engine = docker_engine.connect()
            settings = config.load()
            presence = present(settings)
            with engine.client() as api:
                docker_leftovers.sweep(api, settings)
                version = docker_image.python_version(api)
            self._engine, self._presence = engine, presence
            self._labels = docker_leftovers.labels(settings, presence)
            self._device = f"Python {version}"

    def build(self, source: str | None, progress: Callable[[Words], None]) -> str:
        """Make the image and return how; ``source``: ``dockerfile``, ``system`` or None for either.

        Raises:
            UsageError: there is no such way.
            ExecutorUnavailable: it cannot be built, or containers of it do not start.
        """
        ways: dict[str | None, docker_image.Source | None] = {
            None: None, "dockerfile": "dockerfile", "system": "system"
        }  # fmt: skip
        if source not in ways:
            raise UsageError("docker.no_such_way", source=source)
        with docker_engine.connect().client() as api:
            made = docker_image.build(api, ways[source], progress)
            docker_image.forget_older(api)
        self._device = ""
        self.check()
        # The caller's thread may run an event loop already.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, self._probe()).result()
        return made

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Return that nothing is known: what code costs shows when it runs."""
        return Estimate()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Run the step's code; what it saved before it failed is kept.

        Raises:
            ExecutorUnavailable: no container can be started here.
            StoreError: the disk is full, or cannot be written.
        """
        started = now()
        await asyncio.to_thread(self.check)
        finished = await self._run(step, context)
        return await verdict.result(
            finished, step, context, executor=self.name, device=self._device, started=started
        )

    async def _probe(self) -> None:
        """Start a container that does nothing."""
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
            finished = await self._run(Step(id="probe", language="python", code="pass"), context)
            if not finished.outbox.done:
                raise docker_engine.did_not_start(finished.stderr.text or "timed out")

    async def _run(self, step: Step, context: StepContext) -> verdict.Finished:
        def told(stream: str, text: str) -> None:
            context.emit(
                OutputWritten.model_validate({"step_id": step.id, "stream": stream, "text": text})
            )

        def progressed(fraction: float) -> None:
            context.emit(ProgressMade(stage="stage.computing", fraction=fraction, step_id=step.id))

        limits = context.limits
        values = step.resolved_arguments(context.values) if step.arguments else context.values
        inputs = {name: _place(name, path.suffix) for name, path in context.inputs.items()}
        job: dict[str, Json] = {
            "code": step.code,
            "parameters": dict(values),
            "inputs": dict(inputs),
            "seed": context.seed,
            "language": context.language,
            "user": None,  # the engine has made it the one that it shall be
            "limits": {
                "address_space_bytes": limits.memory_bytes + ADDRESS_SPACE_BEYOND_MEMORY,
                "file_bytes": limits.artifact_bytes,
                "processes": limits.processes + docker_container.OWN_PROCESSES,
            },
        }
        outbox = Outbox(context.workdir, limits, context.save, progressed)
        stdout, stderr = (
            Transcript(most=limits.output_bytes, on_text=partial(told, stream))
            for stream in ("stdout", "stderr")
        )
        container = docker_container.Container(
            image=docker_image.name(),
            labels=self._labels,
            limits=limits,
            inputs=[(inputs[name], path) for name, path in context.inputs.items()],
        )
        assert self._engine is not None
        ending = await docker_container.run(
            self._engine,
            container,
            json.dumps(job).encode(),
            outbox=outbox,
            stdout=stdout,
            stderr=stderr,
        )
        if not outbox.started and not ending.timed_out and ending.violation is None:
            raise docker_engine.did_not_start(stderr.text)
        return verdict.Finished(ending, outbox, stdout, stderr)


async def _refuse(name: str, data: bytes | Path, media_type: str) -> Artifact:
    raise AssertionError("the probe saves nothing")


def _place(name: str, suffix: str) -> str:
    kept = suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else ""
    return f"{docker_files.INPUTS}/{name}{kept}"
