"""Small real parts to test the runtime with: an executor, planners, a registry that holds them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from intentos.events import OutputWritten
from intentos.plan import Approval, Plan, Step
from intentos.protocols import (
    FAILED,
    TIMED_OUT,
    Executor,
    Kernel,
    Planner,
    PlanningContext,
    Proposal,
    StepContext,
)
from intentos.registry import Registry
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, Estimate, Intent, Isolation, Problem, Quantity, Value, Words


class InstantExecutor:
    """Runs a language of four words at once: say, save, fail, wait. Keeps the whole contract."""

    name = "instant"
    languages = frozenset({"words"})
    isolation: Isolation = "process"
    substitute = False

    def check(self) -> None:
        """Works everywhere."""

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Know nothing."""
        return Estimate()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Run each line of the code."""
        started = datetime.now(UTC)
        status, error, stdout = StepStatus.OK, None, ""
        artifacts: list[Artifact] = []
        values: dict[str, Quantity] = {}
        try:
            async with asyncio.timeout(context.limits.wall_time):
                for line in step.code.splitlines():
                    word, _, rest = line.partition(" ")
                    if word == "say":
                        stdout += rest.format(**context.values) + "\n"
                        context.emit(OutputWritten(step_id=step.id, stream="stdout", text=rest))
                    elif word == "save":
                        name, _, text = rest.partition(" ")
                        artifacts.append(await context.save(name, text.encode(), "text/plain"))
                    elif word == "read":
                        stdout += context.inputs[rest].read_text()
                    elif word == "report":
                        name, _, number = rest.partition(" ")
                        values[name] = Quantity(value=float(number.format(**context.values)))
                    elif word == "wait":
                        await asyncio.sleep(float(rest))
                    elif word == "break":
                        raise RuntimeError("the executor itself broke")
                    else:
                        raise ValueError(f"no such word: {word}")
        except TimeoutError:
            status = StepStatus.TIMED_OUT
            error = Problem(code=TIMED_OUT, arguments={"seconds": context.limits.wall_time})
        except ValueError as problem:
            status = StepStatus.FAILED
            error = Problem(code=FAILED, arguments={"what": str(problem)})
        limit = context.limits.output_bytes
        return StepResult(
            step_id=step.id,
            executor=self.name,
            status=status,
            stdout=stdout[:limit],
            truncated=len(stdout) > limit,
            values=values,
            artifacts=tuple(artifacts),
            error=error,
            device="this process",
            started_at=started,
            finished_at=datetime.now(UTC),
        )


class FixedPlanner:
    """Proposes what a function says."""

    name = "fixed"
    recipes: Any = None
    models: Any = None

    def __init__(self, propose: Callable[[Intent, PlanningContext], Any]) -> None:
        self._propose = propose

    async def propose(self, intent: Intent, context: PlanningContext) -> Proposal:
        """Return what the function returns, or awaits."""
        answer = self._propose(intent, context)
        if asyncio.iscoroutine(answer):
            answer = await answer
        assert isinstance(answer, Proposal)
        return answer

    async def close(self) -> None:
        """Hold nothing."""


class HandRegistry(Registry):
    """Holds parts given by hand instead of those that are installed."""

    def __init__(
        self,
        *executors: Executor,
        planner: Planner | None = None,
        kernels: Mapping[str, Kernel] | None = None,
    ) -> None:
        super().__init__(plugins=False)
        self._executors = {executor.name: executor for executor in executors}
        self._planner = planner
        self._kernels = dict(kernels or {})

    def names(self, kind: str) -> dict[str, str]:
        """Return the executors' names."""
        return dict.fromkeys(self._executors, "hand")

    def executors(self) -> dict[str, Executor]:
        """Return the executors."""
        return dict(self._executors)

    def executor(self, name: str) -> Executor:
        """Return one, or fail as the real registry does."""
        return self._executors[name] if name in self._executors else super().executor(name)

    def planner(self, name: str = "default", **options: object) -> Planner:
        """Return the planner."""
        assert self._planner is not None
        return self._planner

    def kernel(self, name: str) -> Kernel:
        """Return one, or fail as the real registry does."""
        return self._kernels[name] if name in self._kernels else super().kernel(name)


class Reply:
    """An approver that answers from a list and remembers what it was asked."""

    def __init__(self, *answers: str | Proposal | None) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval | Proposal | None:
        """Return the next answer."""
        self.asked.append(why)
        answer = self._answers.pop(0)
        if not isinstance(answer, str):
            return answer
        return Approval.model_validate(
            {"plan_digest": plan.digest, "decision": answer, "by": "test", "scope": "plan"}
        )


def plan_of(*codes: str, **changes: Any) -> Plan:
    """Return a plan whose steps ``s1``, ``s2`` … hold the codes, in the language ``words``."""
    steps = changes.pop("steps", None) or tuple(
        Step(id=f"s{index}", language="words", code=code)
        for index, code in enumerate(codes, start=1)
    )
    fields: dict[str, Any] = {
        "title": Words(en="A test", zh="测试"),
        "interpretation": Words(en="It is a test.", zh="这是测试。"),
        "steps": steps,
        "origin": "recipe",
    }
    return Plan(**(fields | changes))


def write(path: Path, text: str) -> Path:
    """Write a file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path
