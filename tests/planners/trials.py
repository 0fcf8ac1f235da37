"""Trials in the real executors, for tests of planners."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from intentos.plan import Step
from intentos.policy import choose_executor
from intentos.protocols import StepContext
from intentos.registry import Registry
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, Value, sha256


class Trials:
    """Runs steps as a trial does, with files of ours, and keeps what came out."""

    def __init__(
        self, registry: Registry, folder: Path, inputs: Mapping[str, Path] | None = None
    ) -> None:
        self.results: list[StepResult] = []
        self.values: list[Mapping[str, Value]] = []
        self._registry = registry
        self._folder = folder
        self._inputs = inputs or {}

    async def __call__(self, step: Step, values: Mapping[str, Value]) -> StepResult:
        """Run one step in the executor that would run it."""
        executor = await asyncio.to_thread(choose_executor, step, self._registry)
        folder = self._folder / f"trial-{len(self.results)}"
        folder.mkdir()

        async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
            raw = data if isinstance(data, bytes) else await asyncio.to_thread(data.read_bytes)
            return Artifact(
                id=sha256(raw), name=name, media_type=media_type, size=len(raw), step_id=step.id
            )

        context = StepContext(
            values=values, live=frozenset(), seed=1, workdir=folder, emit=lambda event: None,
            inputs={n: self._inputs[n] for n in step.inputs if n in self._inputs},
            limits=step.limits.model_copy(update={"wall_time": 30}), save=save,
        )  # fmt: skip
        result = await executor.execute(step, context)
        if result.status is StepStatus.TIMED_OUT:
            result = result.model_copy(update={"status": StepStatus.OK, "error": None})
        self.values.append(values)
        self.results.append(result)
        return result
