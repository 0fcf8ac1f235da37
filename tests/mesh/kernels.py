"""Machines that work kernels out in the process of the tests, and may lie about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from intentos.bindings import fold_seed
from intentos.executors.conclusion import tolerance_of
from intentos.executors.frames import Drawn, _conclude, _deliver
from intentos.gpu_step import Work, prepare
from intentos.input_arrays import InputArrays
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.run import StepResult, StepStatus
from intentos.types import now
from tests.parts import HandRegistry

from .village import WalledExecutor

Lie = Callable[[StepResult], StepResult]
Change = Callable[[Path], None]


def drawn_by_the_twin(step: Step, context: StepContext) -> tuple[Work, Drawn]:
    """Return what a kernel's NumPy twin makes, in files as a worker leaves them."""
    arrays = InputArrays(context.inputs, context.workdir)
    registry = Registry(plugins=False)
    work = prepare(step, context.values, context.live, arrays, registry, pinned=False)
    drawn = Drawn(context.workdir / "frames.rgba", device="NumPy")
    assert work.kernel is not None
    before = None
    every = {probe.name: probe.every for probe in work.program.probes}
    buffers: Mapping[str, Any] = {}
    with drawn.raw.open("wb") as raw:
        seed = fold_seed(context.seed)
        for index, shot in enumerate(work.kernel.reference(work.arguments, seed=seed)):
            pixels = np.ascontiguousarray(shot.pixels, np.uint8).tobytes()
            raw.write(pixels)
            drawn.frames, drawn.distinct = index + 1, drawn.distinct + (pixels != before)
            before, buffers = pixels, shot.buffers
            for name, number in shot.probes.items():
                if index % every[name] == 0:
                    drawn.series.setdefault(name, []).append((index, float(number)))
    for output in work.program.outputs:
        drawn.outputs[output.name] = context.workdir / f"{output.name}.npy"
        np.save(drawn.outputs[output.name], buffers[output.name], allow_pickle=False)
    return work, drawn


class KernelHand(WalledExecutor):
    """Works kernels out by their twins, at once."""

    name = "kernelhand"
    languages = frozenset({"kernel"})

    def __init__(
        self,
        lie: Lie | None = None,
        change: Change | None = None,
        *,
        device: str = "this process",
    ) -> None:
        """``lie`` changes what is told; ``change`` the folder with the arrays, before anything is
        told of them."""
        self._lie, self._change, self._device = lie, change, device
        self.done = 0
        self.may = asyncio.Event()
        self.may.set()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Do the work, and lie about it."""
        self.done += 1
        await self.may.wait()
        started = now()
        work, drawn = drawn_by_the_twin(step, context)
        if self._change is not None:
            self._change(context.workdir)
        numbers, checks = _conclude(work, drawn)
        result = StepResult(
            step_id=step.id,
            executor=self.name,
            device=self._device,
            status=StepStatus.OK,
            values=dict(numbers),
            checks=checks,
            artifacts=tuple(await _deliver(work.program, drawn, context, step)),
            hashes=tuple(drawn.hashes),
            tolerance=tolerance_of(work.kernel),
            started_at=started,
            finished_at=now(),
        )
        return result if self._lie is None else self._lie(result)


class KernelRegistry(HandRegistry):
    """Holds one executor and offers a kernel."""

    def names(self, kind: str) -> dict[str, str]:
        """Return the executor's name and the kernel's, as if both had come with IntentOS."""
        names = ["linear"] if kind == "kernels" else list(self._executors)
        return dict.fromkeys(names, OWN_DISTRIBUTION)
