"""What a person is asked: may this plan run, may this text leave the machine.

The runtime waits here; any tab may answer, and the first answer counts. A question ends with its
run, so that Stop voids it; a plan's question is in the store as well and outlives this process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from intentos.consent import Disclosure
from intentos.errors import UsageError
from intentos.pending import Left
from intentos.plan import Approval, Plan
from intentos.protocols import Proposal
from intentos.risk import Place, Risk
from intentos.rules import Rule
from intentos.types import Estimate, Problem, Value

BY = "window"
"""Who approves, as records name it."""


@dataclass
class Question:
    """A plan that waits for a person's word."""

    run: str
    plan: Plan
    values: Mapping[str, Value]
    why: str
    """Message code: why anybody is asked."""
    risk: Risk | None = None
    """None while it is being assessed."""
    rule: Rule | None = None
    """What *always* would save."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """By step, where it would run; known with the risk."""
    missing: Mapping[str, Problem] = field(default_factory=dict)
    """By step, why nothing here can run it; known with the risk."""
    estimates: Mapping[str, Estimate] | None = None
    """By step; None while they are being made."""
    answer: asyncio.Future[Approval | Proposal] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


@dataclass
class Consent:
    """Text that is about to leave this machine, and waits for a person's word."""

    run: str
    disclosure: Disclosure
    answer: asyncio.Future[bool] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Questions:
    """The approver and discloser of the window."""

    def __init__(
        self,
        look_into: Callable[[Question], Coroutine[Any, Any, None]],
        changed: Callable[[str], None],
    ) -> None:
        """``look_into`` fills in what is not known at once; ``changed`` hears the run's id when a
        question comes or goes."""
        self._look_into = look_into
        self._changed = changed
        self._plans: dict[str, Question] = {}
        self._consents: dict[str, Consent] = {}
        self._decided: dict[str, Approval] = {}
        self._left = False

    def open(self, run: str) -> Question | None:
        """Return the plan of a run that waits, if one does."""
        return self._plans.get(run)

    def consent(self, run: str) -> Consent | None:
        """Return the text of a run that waits to be sent, if there is some."""
        return self._consents.get(run)

    def approve(
        self,
        run: str,
        values: Mapping[str, Value] | None = None,
        *,
        scope: Literal["once", "plan", "rule"] = "once",
    ) -> None:
        """Approve the plan that waits, with these values where they differ.

        Raises:
            UsageError: nothing is being asked about this run, or no rule was shown.
            ValueOutOfRange: a value does not fit; the question stays open.
        """
        question = self._waiting(run)
        if scope == "rule" and question.rule is None:
            raise UsageError("pending.not_waiting", run=run, status="")
        approval = Approval(
            plan_digest=question.plan.digest,
            decision="approve",
            by=BY,
            scope=scope,
            rule=question.rule.id if scope == "rule" and question.rule else None,
        )
        chosen = question.plan.accept({**question.values, **(values or {})})
        if chosen == dict(question.values):
            question.answer.set_result(approval)
            return
        # The other values are told first, so that the record holds what was approved.
        self._decided[run] = approval
        question.answer.set_result(Proposal(plan=question.plan, values=chosen))

    def edit(self, run: str, plan: Plan, values: Mapping[str, Value]) -> None:
        """Put another plan in the place of the one that waits; it is asked about in turn.

        Raises:
            UsageError: nothing is being asked about this run.
            InvalidPlan: a value belongs to no parameter of the plan.
            ValueOutOfRange: a value does not fit.
        """
        question = self._waiting(run)
        question.answer.set_result(Proposal(plan=plan, values=plan.accept(values)))

    def reject(self, run: str) -> None:
        """Say no to the plan that waits; raises UsageError where none does."""
        question = self._waiting(run)
        digest = question.plan.digest
        question.answer.set_result(Approval(plan_digest=digest, decision="reject", by=BY))

    def allow(self, run: str, yes: bool) -> None:
        """Say whether the text that waits may leave this machine; raises UsageError where none
        does."""
        waiting = self._consents.get(run)
        if waiting is None or waiting.answer.done():
            raise UsageError("pending.not_waiting", run=run, status="")
        waiting.answer.set_result(yes)

    def leave(self) -> None:
        """Go away: questions about plans stay in the store, those about sending are answered no."""
        self._left = True
        for question in self._plans.values():
            if not question.answer.done():
                question.answer.set_exception(Left())
        for consent in self._consents.values():
            if not consent.answer.done():
                consent.answer.set_result(False)

    def forget(self, run: str) -> None:
        """Let go of what was decided for a run that has ended."""
        self._decided.pop(run, None)

    def _waiting(self, run: str) -> Question:
        question = self._plans.get(run)
        if question is None or question.answer.done():
            raise UsageError("pending.not_waiting", run=run, status="")
        return question

    @property
    def approver(self) -> _Approver:
        """What the runtime asks about plans."""
        return _Approver(self)

    async def ask(self, question: Question) -> Approval | Proposal | None:
        """Put a question and wait for the answer."""
        decided = self._decided.pop(question.run, None)
        if decided is not None and decided.plan_digest == question.plan.digest:
            return decided
        if self._left:  # nobody will answer any more
            raise Left
        self._plans[question.run] = question
        details = asyncio.create_task(self._look_into(question))
        self._changed(question.run)
        try:
            return await question.answer
        finally:
            details.cancel()
            await asyncio.gather(details, return_exceptions=True)
            del self._plans[question.run]
            self._changed(question.run)

    async def may_send(self, disclosure: Disclosure) -> bool:
        """Ask whether text may leave this machine, and wait for the answer."""
        task = asyncio.current_task()
        assert task is not None
        run = task.get_name().removeprefix("run ")  # as the runtime names the task of a run
        waiting = self._consents[run] = Consent(run, disclosure)
        self._changed(run)
        try:
            return await waiting.answer
        finally:
            del self._consents[run]
            self._changed(run)


class _Approver:
    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval | Proposal | None:
        """Return a person's answer."""
        return await self._questions.ask(Question(run, plan, values, why))
