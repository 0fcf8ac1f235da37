"""A neighbour's planner: a node that its owner allows to answers wishes with plans, as data.

What it is asked is words and what it answers is a plan; nothing of that runs here, not even a
trial. It plans with this machine's model and with the recipes that everybody has: the owner's own
recipes, habits and runs lie in a folder that it does not look into, and it asks no model elsewhere.
"""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from intentos.config import Settings
from intentos.errors import ExecutorUnavailable, IntentOSError, ModelUnavailable
from intentos.plan import Plan, Step
from intentos.protocols import TIMED_OUT, Executor, Planner, PlanningContext, StepContext
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.run import StepResult, StepStatus
from intentos.types import (
    MAX_INTENT_CHARACTERS,
    Artifact,
    Estimate,
    Frozen,
    Intent,
    Isolation,
    Limits,
    Name,
    Problem,
    Value,
    now,
)

LANGUAGE = "plan"
WISH = "wish"
FILE = "plan.json"
MOST_BYTES = 256 * 1024
"""Of a plan that is offered."""
LIMITS = Limits(wall_time=120, artifact_bytes=MOST_BYTES)


class Offered(Frozen):
    """A plan as a neighbour proposes it; nothing in it is believed."""

    plan: Plan
    values: dict[Name, Value] = Field({}, max_length=500)
    model: str = Field("", max_length=200)


def request(wish: str) -> tuple[Step, dict[str, Value]]:
    """Return a wish as a step for a neighbour's planner, and its values.

    The words are a value, so that no hash of them stands in the hub's record.
    """
    return Step(id="plan", language=LANGUAGE, code="propose", limits=LIMITS), {WISH: wish}


class PlanExecutor:
    """Answers steps of the language ``plan``; only a node has it, where its owner said so."""

    name = "plan"
    languages = frozenset({LANGUAGE})
    isolation: Isolation = "process"
    substitute = False

    def __init__(self, registry: Registry, settings: Settings, folder: Path) -> None:
        """``folder``: made anew, for the planner to keep its things in."""
        shutil.rmtree(folder, ignore_errors=True)
        own = {"home": folder, "learn": False, "model": _models_here(settings.model)}
        self._settings = settings.model_copy(update=own)
        self._registry = registry
        self._planner: Planner | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()

    def check(self) -> None:
        """Return if its model is here; raises ExecutorUnavailable."""
        try:
            for name in self._settings.model.split(","):
                self._ready().models.check(name)
        except ModelUnavailable as error:
            raise ExecutorUnavailable(error.code, **error.arguments) from error

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Return that nothing is known."""
        return Estimate()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Plan, and leave the plan as the artifact ``plan.json``; no plan is a failure."""
        started = now()
        status, problem = StepStatus.OK, None
        artifacts: tuple[Artifact, ...] = ()
        text = str(context.values.get(WISH, ""))[:MAX_INTENT_CHARACTERS]
        language = "zh" if context.language == "zh" else "en"
        try:
            intent = Intent(text=text or " ", language=language, source="peer")
            async with asyncio.timeout(context.limits.wall_time):
                offered = await self._apart(intent)
            data = offered.model_dump_json(by_alias=True).encode()
            artifacts = (await context.save(FILE, data, "application/json"),)
        except TimeoutError:
            status = StepStatus.TIMED_OUT
            problem = Problem(code=TIMED_OUT, arguments={"seconds": context.limits.wall_time})
        except IntentOSError as error:
            status, problem = StepStatus.FAILED, error.problem()
        return StepResult(
            step_id=step.id,
            executor=self.name,
            device=self._settings.model[:200],
            status=status,
            artifacts=artifacts,
            error=problem,
            started_at=started,
            finished_at=now(),
        )

    async def warm(self) -> None:
        """Do nothing: it is made ready by :meth:`check`."""

    async def cool(self) -> None:
        """End the model's process and the thread."""
        with self._lock:
            loop, self._loop = self._loop, None
            planner, self._planner = self._planner, None
        if loop is not None:
            if planner is not None:
                closing = asyncio.run_coroutine_threadsafe(planner.close(), loop)
                await asyncio.wrap_future(closing)
            loop.call_soon_threadsafe(loop.stop)

    def _ready(self) -> Planner:
        with self._lock:
            if self._planner is None:
                self._planner = self._registry.planner(settings=self._settings)
                # Read now, and not while a neighbour waits.
                self._planner.recipes.search("pendulum")
            return self._planner

    async def _apart(self, intent: Intent) -> Offered:
        """Plan in a thread of its own, lest the node fall silent over it."""
        planner = await asyncio.to_thread(self._ready)

        async def plan() -> Offered:
            context = PlanningContext(trial=None, emit=lambda event: None)
            proposal = await planner.propose(intent, context)
            model = proposal.models[-1].name if proposal.models else ""
            return Offered(plan=proposal.plan, values=dict(proposal.values), model=model)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(plan(), self._thread()))

    def _thread(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = loop = asyncio.new_event_loop()

                def serve() -> None:
                    loop.run_forever()
                    loop.close()

                threading.Thread(target=serve, name="planner for neighbours", daemon=True).start()
            return self._loop


class PlanningRegistry(Registry):
    """What a node offers whose owner lets its planner answer, too."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(plugins=settings.plugins)
        self._proposing = PlanExecutor(self, settings, folder)

    def names(self, kind: str) -> dict[str, str]:
        """Return the names that a registry has, and the planner's among the executors."""
        more = {self._proposing.name: OWN_DISTRIBUTION} if kind == "executors" else {}
        return super().names(kind) | more

    def executors(self) -> dict[str, Executor]:
        """Return the executors that a registry has, and the planner."""
        return super().executors() | {self._proposing.name: self._proposing}


def _models_here(setting: str) -> str:
    """Return the models of a setting that are on this machine; nobody else's is asked."""
    names = [name.strip() for name in setting.split(",")]
    here = [n for n in names if n in ("embedded", "none") or n.casefold().endswith(".gguf")]
    return ",".join(here) or "embedded"
