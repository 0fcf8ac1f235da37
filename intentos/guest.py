"""Executors of other packages: held to their word, so that a bad one spoils its own step only.

An executor that is installed runs with the rights of the person; this is no wall against a hostile
package but order among honest ones with mistakes. What needs a wall runs in the sandbox.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from intentos.errors import ExecutorError, ExecutorUnavailable, IntentOSError
from intentos.patience import within
from intentos.plan import Step
from intentos.protocols import TIMED_OUT, Executor, Resident, StepContext
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, Estimate, Isolation, Problem, Value, now
from intentos.warning import warn

CHECK_SECONDS = 10.0
ESTIMATE_SECONDS = 2.0
GRACE = 5.0
"""Seconds beyond the wall time after which the step is taken away from the executor."""
STOPPING = 3.0
"""Seconds that it may take to stop."""


def guest(executor: Any, name: str, package: str) -> Executor:
    """Return an executor of another package as the runtime meets it.

    Raises:
        TypeError: it is no executor; says why.
    """
    if wrong := _wrong(executor, name):
        raise TypeError(wrong)
    kind = _ResidentGuest if isinstance(executor, Resident) else _Guest
    return kind(executor, package)


def bare(executor: Executor) -> Executor:
    """Return an executor as its package made it."""
    return executor.inner if isinstance(executor, _Guest) else executor


def _wrong(executor: Any, name: str) -> str:
    for method in ("check", "estimate", "execute"):
        if not callable(getattr(executor, method, None)):
            return f"it has no {method}()"
    if getattr(executor, "name", None) != name:
        return f"its name is {getattr(executor, 'name', None)!r} and its entry point's {name!r}"
    languages = getattr(executor, "languages", None)
    if not isinstance(languages, frozenset) or not all(isinstance(n, str) for n in languages):
        return "its languages are no frozenset of texts"
    if getattr(executor, "isolation", None) not in get_args(Isolation):
        return f"its isolation is none of {', '.join(get_args(Isolation))}"
    return ""


class _Guest:
    def __init__(self, inner: Any, package: str) -> None:
        self.inner: Executor = inner
        self.name: str = inner.name
        self.languages: frozenset[str] = inner.languages
        self.isolation: Isolation = inner.isolation
        self.substitute = bool(getattr(inner, "substitute", False))
        self._package = package
        self._silent = False

    def check(self) -> None:
        """Ask it, and do not wait for ever; raises nothing but ExecutorUnavailable."""
        who = {"name": self.name, "package": self._package}
        try:
            if self._silent:
                raise TimeoutError
            within(CHECK_SECONDS, self.inner.check)
        except ExecutorUnavailable:
            raise
        except TimeoutError as error:
            self._silent = True
            raise ExecutorUnavailable("guest.silent", **who, seconds=CHECK_SECONDS) from error
        except (Exception, SystemExit) as error:
            raise ExecutorUnavailable("guest.check_broke", **who, what=_short(error)) from error

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Ask it; what is no estimate counts as unknown."""
        try:
            estimate = within(ESTIMATE_SECONDS, lambda: self.inner.estimate(step, values))
            numbers = (estimate.seconds, estimate.memory_bytes, estimate.work)
        except (Exception, SystemExit):
            return Estimate()
        if all(number is None or (math.isfinite(number) and number >= 0) for number in numbers):
            return estimate
        return Estimate()

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Run the step; raises ExecutorError for whatever is no result."""
        started = now()
        saved: list[Artifact] = []

        async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
            saved.append(await context.save(name, data, media_type))
            return saved[-1]

        try:
            task = asyncio.ensure_future(self.inner.execute(step, replace(context, save=save)))
        except Exception as error:
            raise self._broke(_short(error)) from error
        try:
            done, _ = await asyncio.wait([task], timeout=context.limits.wall_time + GRACE)
        except asyncio.CancelledError:
            await self._stop(task)
            raise
        if not done:
            await self._stop(task)
            return StepResult(
                step_id=step.id,
                executor=self.name,
                status=StepStatus.TIMED_OUT,
                artifacts=tuple(saved),
                error=Problem(code=TIMED_OUT, arguments={"seconds": context.limits.wall_time}),
                started_at=started,
                finished_at=now(),
            )
        if task.cancelled():
            raise self._broke("it canceled itself")
        thrown = task.exception()
        if isinstance(thrown, IntentOSError):
            raise thrown
        if thrown is not None:
            raise self._broke(_short(thrown)) from thrown
        return self._believed(task.result(), step, context, saved)

    def _believed(
        self, result: object, step: Step, context: StepContext, saved: list[Artifact]
    ) -> StepResult:
        if not isinstance(result, StepResult):
            raise self._broke(f"its result is {type(result).__name__}, no StepResult")
        if (result.step_id, result.executor) != (step.id, self.name):
            raise self._broke(f"its result is {result.executor!r}'s of step {result.step_id!r}")
        try:
            document = result.model_dump(mode="json", warnings="error")
            json.dumps(document, allow_nan=False)
            if StepResult.model_validate(document) != result:  # NaN has become null, for one
                raise ValueError("it is another after the way through JSON")
        except (ValueError, TypeError) as error:
            raise self._broke(f"its result is not to be written as JSON: {error}") from error
        if strange := [artifact.name for artifact in result.artifacts if artifact not in saved]:
            raise self._broke(f"its result names artifacts that it has not saved: {strange[:3]}")
        most = context.limits.output_bytes
        stdout, stderr = (_cut(text, most) for text in (result.stdout, result.stderr))
        changes: dict[str, object] = {
            "node": "here",
            "stdout": stdout,
            "stderr": stderr,
            "truncated": result.truncated or (stdout, stderr) != (result.stdout, result.stderr),
            # A stranger's judgement on itself makes nothing "verified".
            "checks": tuple(c.model_copy(update={"kind": "generic"}) for c in result.checks),
        }
        if result.status is not StepStatus.OK and result.error is None:
            changes["error"] = Problem(code="guest.no_reason", arguments={"name": self.name})
        return result.model_copy(update=changes)

    async def _stop(self, task: asyncio.Future[StepResult]) -> None:
        task.cancel()
        await asyncio.wait([task], timeout=STOPPING)
        if not task.done():
            warn("guest.does_not_stop", name=self.name, package=self._package)
        elif not task.cancelled():
            task.exception()  # taken note of: nobody else will ask

    def _broke(self, what: str) -> ExecutorError:
        return ExecutorError("guest.broke", name=self.name, package=self._package, what=what[:1000])


class _ResidentGuest(_Guest):
    async def warm(self) -> None:
        """Make the next step start sooner; where it cannot, the step starts later."""
        try:
            await self.inner.warm()  # type: ignore[attr-defined]
        except Exception as error:
            warn("guest.broke", name=self.name, package=self._package, what=_short(error))

    async def cool(self) -> None:
        """End what is kept ready."""
        try:
            await self.inner.cool()  # type: ignore[attr-defined]
        except Exception as error:
            warn("guest.broke", name=self.name, package=self._package, what=_short(error))


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _cut(text: str, most: int) -> str:
    data = text.encode(errors="replace")
    return text if len(data) <= most else data[:most].decode(errors="ignore")
