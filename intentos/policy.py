"""Who may run what, and where: needs, approvals, the choice of an executor."""

from __future__ import annotations

from collections.abc import Mapping

from intentos.errors import ExecutorUnavailable, NotApproved
from intentos.plan import Approval, Plan, Step
from intentos.protocols import Executor, Proposal
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.types import Need, Value, now

WITHIN_SANDBOX: frozenset[Need] = frozenset({"gpu"})
"""Needs that reach nothing outside the sandbox or the GPU worker."""

ISOLATION_RANK = {"none": 0, "process": 1, "remote": 2, "container": 3, "sandbox": 4}


class ApproveAll:
    """Approves every plan for its ranges: what ``--yes`` means. Needs are judged elsewhere."""

    def __init__(self, by: str) -> None:
        self._by = by

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval | Proposal | None:
        """Return an approval of the plan within its ranges."""
        return Approval(plan_digest=plan.digest, decision="approve", by=self._by, scope="plan")


class AskNobody:
    """Approves nothing: there is no terminal and no ``--yes``."""

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval | Proposal | None:
        """Return None."""
        return None


def refuse_needs(plan: Plan, allow: frozenset[Need]) -> None:
    """Raise NotApproved where a plan needs something beyond the sandbox that is not allowed."""
    missing = sorted(plan.needs - WITHIN_SANDBOX - allow)
    if missing:
        raise NotApproved("policy.needs", needs=", ".join(missing))


def why(plan: Plan) -> str:
    """Return the message code that says why a person is asked about this plan."""
    if plan.origin == "edited":
        return "policy.why_edited"
    if plan.origin in ("generated", "composed"):
        return "policy.why_generated"
    return "policy.why_first"


def again(earlier: Approval) -> Approval:
    """Return the approval of a plan that was approved before, within its ranges."""
    return earlier.model_copy(update={"reason": "policy.approved_before", "at": now()})


def choose_executor(step: Step, registry: Registry, *, unsafe_no_sandbox: bool = False) -> Executor:
    """Return the executor for a step: the pinned one, else the most isolated that works here.

    Raises:
        ExecutorUnavailable: none works; carries the first candidate's reason and remedy.
        NotApproved: only an executor without isolation could run Python.
    """
    if step.executor is not None:
        # A pin chooses among those that know the language; it never changes what a step is.
        candidates = [e for e in [registry.executor(step.executor)] if step.language in e.languages]
    else:
        own = registry.names("executors")
        candidates = [e for e in registry.executors().values() if step.language in e.languages]
        candidates.sort(
            key=lambda e: (
                e.substitute,
                own.get(e.name) != OWN_DISTRIBUTION,
                -ISOLATION_RANK[e.isolation],
            )
        )
    if not candidates:
        raise ExecutorUnavailable("executor.no_language", language=step.language)
    first: ExecutorUnavailable | None = None
    for executor in candidates:
        if not _isolated_enough(step, executor) and not unsafe_no_sandbox:
            raise NotApproved("policy.no_sandbox", executor=executor.name)
        try:
            executor.check()
        except ExecutorUnavailable as error:
            first = first or error
            continue
        return executor
    assert first is not None
    raise first


def _isolated_enough(step: Step, executor: Executor) -> bool:
    return step.language != "python" or executor.isolation in ("sandbox", "container", "remote")
