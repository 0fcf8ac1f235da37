"""The gate between a plan and its run: kept by the runtime, whatever an approver says.

A plan passes with an approval that names its digest and in no other way. The approval is an earlier
one, or a rule's, or the mode's, or a person's; without a sandbox only a person's, for this once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Literal

from intentos import policy
from intentos.config import Settings
from intentos.errors import ExecutorUnavailable, NotApproved
from intentos.estimates import Durations, estimated
from intentos.placement import Placement, Where, place
from intentos.plan import Approval, Plan, Step
from intentos.protocols import Executor, Recipes, Side
from intentos.registry import Registry
from intentos.risk import Circumstances, Place, Risk, assess, is_bare
from intentos.rules import Rule, rule_for
from intentos.store import Store
from intentos.types import Mode, Need, Value, Words


class Gate:
    """Decides about the plans of one run."""

    def __init__(
        self,
        *,
        run: str,
        mode: Mode,
        allow: frozenset[Need],
        unsafe_no_sandbox: bool,
        settings: Settings,
        store: Store,
        registry: Registry,
        recipes: Callable[[], Recipes | None],
        asks_needs: bool = False,
        anew: bool = False,
        where: Where = "here",
    ) -> None:
        """``recipes`` is only called where it matters whether a plan is a recipe. ``asks_needs``: a
        person who is asked may allow what reaches outside the sandbox, each time anew. ``anew``: a
        person is asked whatever was approved before. ``where``: whether steps may go to other
        machines."""
        self.mode = mode
        self._where: Where = where
        self._placed: dict[str, Placement] = {}
        self.unsafe_no_sandbox = unsafe_no_sandbox
        self._run = run
        self._allow = allow
        self._settings = settings
        self._store = store
        self._registry = registry
        self._recipes = recipes
        self._asks_needs = asks_needs
        self._anew = anew
        self._bare: frozenset[str] = frozenset()

    @property
    def may_try(self) -> bool:
        """Whether code may run before its approval, for two seconds."""
        # Where code may run without a sandbox it must not do so before anybody has read it.
        return self.mode != "plan" and not self.unsafe_no_sandbox

    async def unasked(self, plan: Plan, values: Mapping[str, Value]) -> Approval | None:
        """Return the approval of a plan that nobody has to be asked about; None: ask.

        Raises:
            NotApproved: the plan may not run whatever anybody says: only plans are made, it needs
                more than was allowed, or only an executor without a sandbox could run it.
        """
        if self.mode == "plan":
            raise NotApproved("policy.plan_only")
        if not self._asks_needs:
            policy.refuse_needs(plan, self._allow)
        await self._place(plan, values)
        self._bare = await self._without_walls(plan)
        if self._bare or self._wide(plan) or self._anew:
            return None
        if self._where == "auto" and any(p.where == "peer" for p in self._placed.values()):
            return None  # that it leaves this machine was nobody's word yet
        if (earlier := self._store.standing.approval(plan.digest)) is not None:
            return policy.again(earlier)
        rules = self._store.standing.rules()
        if self.mode == "ask" and not rules:
            return None
        known = await self.circumstances(plan, values)
        for rule in rules:
            if rule.covers(plan, known):
                words = Words(en=rule.words("en"), zh=rule.words("zh"))
                return self._approval(plan, by="rule", words=words, scope="rule", rule=rule.id)
        risk = assess(plan, known)
        if self.mode == "ask" or (self.mode == "risky" and risk.level != "low"):
            return None
        if not policy.stays_within(plan, known.places):
            return None
        words = policy.mode_words(self.mode, risk)
        return self._approval(plan, by=f"mode {self.mode}", words=words, scope="once")

    async def accepted(
        self, decision: Approval, plan: Plan, values: Mapping[str, Value]
    ) -> Approval | None:
        """Return a person's approval as it is to be recorded; None where it approves nothing.

        *Always* saves the rule, if it is the one that was shown.
        """
        if decision.decision != "approve" or decision.plan_digest != plan.digest:
            return None
        if self._bare:
            once = {"scope": "once", "rule": None, "bare": tuple(sorted(self._bare))}
            return decision.model_copy(update=once)
        if self._wide(plan):  # as with --allow, it is said each time
            return decision.model_copy(update={"scope": "once", "rule": None})
        if decision.scope != "rule":
            return decision
        rule = await self.rule(plan, values)
        if rule is None or rule.id != decision.rule:
            raise NotApproved("policy.other_rule")
        self._store.standing.remember(rule)
        words = Words(en=rule.words("en"), zh=rule.words("zh"))
        return decision.model_copy(update={"words": words})

    def permit(self, step: Step, executor: Executor) -> None:
        """Return if a step of an approved plan may run there.

        Raises:
            NotApproved: the sandbox that it was approved for is gone.
        """
        if is_bare(step, executor.isolation) and step.id not in self._bare:
            raise NotApproved("policy.no_sandbox", executor=executor.name)

    def where(self, step: Step) -> Side:
        """Return on which side a step runs."""
        placed = self.placed(step)
        return placed.where if placed is not None else "here"

    def placed(self, step: Step) -> Placement | None:
        """Return where a step of the plan runs that was last looked at; None: here, unasked."""
        return self._placed.get(step.id) if self._where != "here" else None

    async def _place(self, plan: Plan, values: Mapping[str, Value]) -> None:
        self._placed = {}
        if self._where != "here":
            estimates = (await self.circumstances(plan, values)).estimates
            self._placed = await place(self._where, plan, self._registry, estimates)

    def why(self, plan: Plan) -> str:
        """Return the message code that says why a person is asked about this plan."""
        return "policy.why_unsafe" if self._bare else policy.why(plan)

    async def risk(self, plan: Plan, values: Mapping[str, Value]) -> Risk:
        """Return what a plan could do here."""
        return assess(plan, await self.circumstances(plan, values))

    async def rule(self, plan: Plan, values: Mapping[str, Value]) -> Rule | None:
        """Return the rule that *always* would save for a plan, if there is one."""
        if self._bare or self._wide(plan):
            return None
        return rule_for(plan, await self.circumstances(plan, values), run=self._run)

    def _approval(
        self,
        plan: Plan,
        *,
        by: str,
        words: Words,
        scope: Literal["once", "rule"],
        rule: str | None = None,
    ) -> Approval:
        return Approval(
            plan_digest=plan.digest,
            decision="approve",
            by=by,
            scope=scope,
            rule=rule,
            words=words,
            reason="policy.unasked",
        )

    def _wide(self, plan: Plan) -> bool:
        return bool(plan.needs - policy.WITHIN_SANDBOX - self._allow)

    async def circumstances(self, plan: Plan, values: Mapping[str, Value]) -> Circumstances:
        """Return what this machine knows of a plan: where it would run, and who brought it."""
        executors = await self._executors(plan)
        return await asyncio.to_thread(self._known, plan, values, executors)

    def _known(
        self, plan: Plan, values: Mapping[str, Value], executors: Mapping[str, Executor]
    ) -> Circumstances:
        brought_by = None
        if plan.origin == "recipe" and plan.recipe and (recipes := self._recipes()) is not None:
            brought_by = recipes.brought_by(plan.recipe, plan.digest)
        # What runs nowhere costs nothing, and is told when it is to run.
        there = tuple(step for step in plan.steps if step.id in executors)
        runnable = plan.model_copy(update={"steps": there})
        packages = self._registry.names("executors")
        return Circumstances(
            brought_by=brought_by,
            places={
                id: Place(
                    executor=executor.name,
                    isolation=executor.isolation,
                    package=packages.get(executor.name, "?"),
                )
                for id, executor in executors.items()
            },
            kernels=self._registry.names("kernels"),
            estimates=estimated(runnable, values, executors, Durations(self._settings)),
        )

    async def _executors(self, plan: Plan) -> dict[str, Executor]:
        found = {}
        for step in plan.steps:
            # One that is missing is told, with its remedy, when the step is to run.
            with suppress(ExecutorUnavailable):
                found[step.id] = await asyncio.to_thread(
                    policy.choose_executor,
                    step,
                    self._registry,
                    unsafe_no_sandbox=self.unsafe_no_sandbox,
                    where=self.where(step),
                )
        return found

    async def _without_walls(self, plan: Plan) -> frozenset[str]:
        if not self.unsafe_no_sandbox:
            return frozenset()
        executors = await self._executors(plan)
        return frozenset(
            step.id
            for step in plan.steps
            if step.id in executors and is_bare(step, executors[step.id].isolation)
        )
