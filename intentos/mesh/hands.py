"""What does a node's work: the executors of its own machine, or whatever stands in for them."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from intentos import policy
from intentos.errors import ExecutorError, ExecutorUnavailable, IntentOSError
from intentos.plan import Step
from intentos.protocols import Described, Executor, Resident, StepContext
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.run import StepResult

from .lending import Lending
from .wire import Offer, Task

CHOICE_SECONDS = 10.0


class Hands(Protocol):
    """What a node offers, and does."""

    async def open(self, name: str, lending: Lending) -> Offer:
        """Return what can be done, within the owner's limits.

        Raises:
            ExecutorUnavailable: nothing, and nothing will be.
        """
        ...

    def news(self) -> Offer | None:
        """Return what can be done where that has changed since it was last told.

        Raises:
            ExecutorUnavailable: nothing any more, for good; the node ends.
        """
        ...

    async def do(self, task: Task, step: Step, context: StepContext) -> StepResult:
        """Do a step; raises IntentOSError where it cannot be done here."""
        ...

    async def close(self) -> None:
        """End whatever is kept ready."""
        ...


class OwnHands:
    """This machine's own executors, as at home."""

    def __init__(self, registry: Registry, *, trusted: frozenset[str]) -> None:
        """``trusted``: packages whose executors may do others' work."""
        self._registry = registry
        self._trusted = trusted
        self._gpu = asyncio.Lock()
        self._executors: dict[str, Executor] = {}
        self._chosen: dict[str, tuple[Executor, float]] = {}
        """By language, and when: asking what works here anew for each step would cost more."""

    async def open(self, name: str, lending: Lending) -> Offer:
        """Return what can be done here; only what has walls, or is our own kernel, counts."""
        return await asyncio.to_thread(self._look_around, name, lending)

    def news(self) -> Offer | None:
        """Return None: what is installed stays."""
        return None

    async def do(self, task: Task, step: Step, context: StepContext) -> StepResult:
        """Run a step here, behind walls; a kernel only if it is the very one that was approved."""
        if step.language == "kernel":
            kernel = self._registry.kernel(step.code)
            if kernel.code_hash != step.code_hash:
                raise ExecutorError("mesh.other_kernel", name=step.code)
        executor = await self._executor(step)
        if "gpu" in step.needs:
            async with self._gpu:
                return await executor.execute(step, context)
        return await executor.execute(step, context)

    async def close(self) -> None:
        """End the processes that executors keep ready."""
        for resident in self._executors.values():
            if isinstance(resident, Resident):
                await resident.cool()

    def _look_around(self, called: str, lending: Lending) -> Offer:
        own = self._registry.names("executors")
        languages: set[str] = set()
        devices: list[str] = []
        for name, executor in self._registry.executors().items():
            if executor.isolation == "remote":
                continue
            if own.get(name) not in self._trusted:
                continue  # whether a stranger's package keeps its walls, nobody here can tell
            with suppress(IntentOSError):
                executor.check()
                able = set(executor.languages)
                if executor.isolation not in ("sandbox", "container"):
                    able -= {"python", "wgsl"}
                if not able:
                    continue
                languages |= able
                if lending.gpu and isinstance(executor, Described):
                    devices.append(executor.describe()[:200])
        if not languages:
            raise ExecutorUnavailable("mesh.nothing_to_offer")
        kernels = {}
        if "kernel" in languages:
            for name in self._registry.names("kernels"):
                with suppress(IntentOSError):
                    kernels[name] = self._registry.kernel(name).code_hash
        return Offer(
            name=called[:200],
            version=version_here(),
            languages=frozenset(languages),
            kernels=kernels,
            devices=tuple(devices),
            gpu=lending.gpu and bool(devices),
            slots=lending.slots,
            memory_bytes=lending.memory_bytes,
            owners=lending.owners,
        )

    async def _executor(self, step: Step) -> Executor:
        """Return the executor, as at home, that has walls for this step."""
        known = self._chosen.get(step.language)
        if known is not None and time.monotonic() - known[1] < CHOICE_SECONDS:
            return known[0]
        free = step.model_copy(update={"executor": None})
        executor = await asyncio.to_thread(policy.choose_executor, free, self._registry)
        walls = executor.isolation in ("sandbox", "container")
        if not walls and step.language in ("python", "wgsl"):
            raise ExecutorUnavailable("mesh.no_walls", executor=executor.name)
        self._executors[executor.name] = executor
        self._chosen[step.language] = (executor, time.monotonic())
        return executor


def version_here() -> str:
    """Return which IntentOS this is."""
    try:
        return version(OWN_DISTRIBUTION)
    except PackageNotFoundError:
        return "?"
