"""Who may run what, and where: needs, approvals, the choice of an executor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from intentos.errors import ExecutorUnavailable, NotApproved, WrongSystem
from intentos.messages import message
from intentos.plan import Approval, Plan, Step
from intentos.protocols import Clustered, Executor, Proposal, Side
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.risk import Place, Risk
from intentos.types import Mode, Need, Value, Words, now

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


class Answered:
    """Gives the answer that a person has given already."""

    def __init__(self, approval: Approval) -> None:
        self._approval = approval

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval | Proposal | None:
        """Return it; for a plan with another digest it approves nothing."""
        return self._approval


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
    if plan.needs - WITHIN_SANDBOX:
        return "policy.why_wide"
    if plan.origin == "edited":
        return "policy.why_edited"
    if plan.origin in ("generated", "composed"):
        return "policy.why_generated"
    return "policy.why_first"


def stays_within(plan: Plan, places: Mapping[str, Place]) -> bool:
    """Return whether nothing of a plan reaches outside a sandbox; ``places``: by step."""
    if plan.needs - WITHIN_SANDBOX:
        return False
    for step in plan.steps:
        place = places.get(step.id)
        if place is None:  # nothing can run it now; the runtime looks again before anything does
            continue
        if place.package != OWN_DISTRIBUTION:  # how isolated it is, is its own word only
            return False
        ours = step.language == "kernel"
        if not ours and place.isolation not in ("sandbox", "container"):
            return False
    return True


def mode_words(mode: Mode, risk: Risk) -> Words:
    """Return why nobody was asked about a plan in this mode."""
    if mode == "risky":
        return Words(
            en=message("policy.mode_risky", "en", why=risk.text("en")),
            zh=message("policy.mode_risky", "zh", why=risk.text("zh")),
        )
    return Words(en=message("policy.mode_machine", "en"), zh=message("policy.mode_machine", "zh"))


def again(earlier: Approval) -> Approval:
    """Return the approval of a plan that was approved before, within its ranges."""
    return earlier.model_copy(update={"reason": "policy.approved_before", "at": now()})


def choose_executor(
    step: Step,
    registry: Registry,
    *,
    unsafe_no_sandbox: bool = False,
    where: Side = "here",
) -> Executor:
    """Return the executor for a step: the pinned one, else the most isolated that works here; with
    ``where`` as ``peer`` the one that sends it to a neighbour's machine and as ``cluster`` to one
    of the person's own, neither of which is ever taken unasked.

    Raises:
        ExecutorUnavailable: none works; says why, and the remedy, for the first that could.
        NotApproved: only an executor without isolation could run Python.
    """
    if step.executor is not None:
        # A pin chooses among those that know the language; it never changes what a step is.
        candidates = [e for e in [registry.executor(step.executor)] if step.language in e.languages]
    else:
        own = registry.names("executors")
        candidates = [e for e in registry.executors().values() if step.language in e.languages]
        # What IntentOS runs itself goes to nobody else because a sandbox is missing: a plan that
        # wants another package's executor names it, and so does its approval (``Registry.pin``).
        ours = [e for e in candidates if own.get(e.name) == OWN_DISTRIBUTION]
        candidates = ours or candidates
        candidates = [e for e in candidates if _side(e) == where] or (
            [e for e in candidates if e not in ours] if where == "here" else []
        )
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
            # How to get a sandbox is better advice than how to do without one.
            raise first or NotApproved("policy.no_sandbox", executor=executor.name)
        try:
            executor.check()
        except ExecutorUnavailable as error:
            if first is None or isinstance(first, WrongSystem):
                first = error
            continue
        return executor
    assert first is not None
    raise first


def is_replaced(executor: Executor, working: Iterable[Executor]) -> bool:
    """Return whether executors that work run all that one runs that does not, as safely."""
    enough = min(ISOLATION_RANK[executor.isolation], ISOLATION_RANK["remote"])
    # Another machine stands in for nothing: it is never used unasked.
    here = [e for e in working if not e.substitute and e.isolation != "remote"]
    others = [e for e in here if ISOLATION_RANK[e.isolation] >= enough]
    return all(any(language in e.languages for e in others) for language in executor.languages)


def _side(executor: Executor) -> Side:
    if executor.isolation != "remote":
        return "here"
    return "cluster" if isinstance(executor, Clustered) else "peer"


def _isolated_enough(step: Step, executor: Executor) -> bool:
    return step.language != "python" or executor.isolation in ("sandbox", "container", "remote")
