"""What runs without asking, what is asked about, and what never runs: kept by the runtime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from intentos.config import Settings
from intentos.errors import NotApproved
from intentos.events import Event, PlanApproved, StepStarted, TrialRan
from intentos.plan import Approval, Plan, Step
from intentos.policy import ApproveAll
from intentos.protocols import Approver, PlanningContext, Proposal, StepContext
from intentos.registry import OWN_DISTRIBUTION
from intentos.run import Run, RunStatus, StepResult
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, Isolation, Limits, Need, Value, Words

from .parts import FixedPlanner, HandRegistry, InstantExecutor, Reply, plan_of

WISH = Intent(text="say hello", language="en")


class Walls(InstantExecutor):
    """Claims a sandbox or none, and does nothing of what a step's Python says."""

    name = "walls"
    languages = frozenset({"python", "words"})

    def __init__(self, isolation: Isolation) -> None:
        self.isolation = isolation

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Say that it ran."""
        return await super().execute(step.model_copy(update={"code": "say done"}), context)


class Shelf:
    """A library that brings one recipe."""

    def __init__(self, digest: str, brought_by: str) -> None:
        self._digest, self._brought_by = digest, brought_by

    def brought_by(self, id: str, digest: str) -> str | None:
        """Return who brings it."""
        return self._brought_by if digest == self._digest else None

    def vouches(self, *_: object) -> bool:
        """Return that no value was tested."""
        return False


class Ours(HandRegistry):
    """Says that all it holds is IntentOS's own."""

    def names(self, kind: str) -> dict[str, str]:
        """Return the executors' names."""
        return dict.fromkeys(self._executors, OWN_DISTRIBUTION)


class House:
    """A runtime with its store, an approver that counts, and one planner."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings)
        self.asked = Reply(*["approve"] * 9)
        self.walls: Isolation = "sandbox"
        self.brought: tuple[str, str] | None = None
        self.planner = FixedPlanner(lambda intent, context: Proposal(plan=hello()))

    async def events(
        self, plan: Plan | None, approver: Approver | None = None, **options: Any
    ) -> list[Event]:
        """Run and return all events."""
        if self.brought is not None:
            self.planner.recipes = Shelf(*self.brought)
        runtime = Runtime(
            settings=self.settings,
            store=self.store,
            registry=Ours(Walls(self.walls), planner=self.planner),
            approver=approver or self.asked,
        )
        return [event async for event in runtime.run(WISH, plan=plan, **options)]

    async def run(self, plan: Plan | None, approver: Approver | None = None, **options: Any) -> Run:
        """Run and return what the store knows of it."""
        return self.store.run((await self.events(plan, approver, **options))[0].run_id)


@pytest.fixture
async def house(settings: Settings) -> AsyncIterator[House]:
    """Return a house whose planner proposes a recipe of the house."""
    house = House(settings)
    house.brought = (hello().digest, OWN_DISTRIBUTION)
    yield house
    house.store.close()


def hello(code: str = "import math", **changes: Any) -> Plan:
    """Return a plan of a recipe in Python."""
    fields = {"needs": set(), "limits": Limits()} | {
        name: changes.pop(name) for name in ("needs", "limits") if name in changes
    }
    step = Step(id="s", language="python", code=code, **fields)
    return plan_of(steps=(step,), **({"recipe": "hello"} | changes))


# --- the four modes


async def test_ask_asks_about_every_new_plan(house: House) -> None:
    assert (await house.run(hello())).status is RunStatus.COMPLETED
    assert (await house.run(hello("import cmath"))).status is RunStatus.COMPLETED
    assert house.asked.asked == ["policy.why_first"] * 2


async def test_risky_runs_a_small_recipe_of_the_house_and_says_why(house: House) -> None:
    house.brought = None
    asked = await house.run(hello(), mode="risky")  # the library doesn't know it
    assert (asked.status, len(house.asked.asked)) == (RunStatus.COMPLETED, 1)
    house.store.standing.forget(hello().digest)

    house.brought = (hello().digest, OWN_DISTRIBUTION)
    run = await house.run(hello(), mode="risky")
    assert run.status is RunStatus.COMPLETED
    assert len(house.asked.asked) == 1
    assert run.approval is not None
    assert (run.approval.by, run.approval.scope) == ("mode risky", "once")
    assert "comes with IntentOS" in run.approval.words.en
    assert "自带" in run.approval.words.zh


@pytest.mark.parametrize(
    "plan",
    [
        hello(origin="generated"),
        hello(origin="composed"),
        hello(origin="edited"),
        hello(limits=Limits(memory_bytes=8 * 1024**3)),
        hello(limits=Limits(wall_time=3600)),
        hello("import subprocess"),
    ],
)
async def test_risky_asks_about_the_rest(house: House, plan: Plan) -> None:
    house.brought = (plan.digest, OWN_DISTRIBUTION)
    await house.run(plan, mode="risky")
    assert len(house.asked.asked) == 1


async def test_machine_runs_what_stays_within_the_sandbox(house: House) -> None:
    for plan in (hello(origin="generated"), hello("import cmath", origin="edited")):
        run = await house.run(plan, mode="machine")
        assert run.status is RunStatus.COMPLETED
        assert run.approval is not None
        assert run.approval.by == "mode machine"
    assert house.asked.asked == []


async def test_machine_asks_about_what_reaches_further(house: House) -> None:
    wide = hello(needs={"network"})
    refused = await house.run(wide, mode="machine")
    assert refused.error is not None
    assert refused.error.code == "policy.needs"
    assert house.asked.asked == []
    allow: frozenset[Need] = frozenset({"network"})
    await house.run(wide, mode="machine", allow=allow)
    assert house.asked.asked == ["policy.why_wide"]

    house.walls = "process"  # an executor that holds nothing in, for another language
    words = plan_of(steps=(Step(id="s", language="words", code="say hi"),), origin="generated")
    await house.run(words, mode="machine")
    assert len(house.asked.asked) == 2


class Eager:
    """Approves everything in every way that it can, and counts."""

    def __init__(self) -> None:
        self.asked = 0

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval | Proposal | None:
        """Approve."""
        self.asked += 1
        return Approval(plan_digest=plan.digest, decision="approve", by="eager", scope="plan")


async def test_plan_only_runs_nothing_whatever_an_approver_says(house: House) -> None:
    tried: list[str] = []

    async def propose(intent: Intent, context: PlanningContext) -> Proposal:
        assert context.trial is None
        tried.append("looked")
        return Proposal(plan=hello())

    house.planner = FixedPlanner(propose)
    await house.run(hello())  # approved once and for all
    eager = Eager()
    for approver in (eager, ApproveAll("--yes")):
        for plan in (None, hello()):
            events = await house.events(plan, approver, mode="plan")
            run = house.store.run(events[0].run_id)
            assert run.status is RunStatus.REJECTED, run.error
            assert run.plan == hello().model_copy(update={"id": run.plan.id if run.plan else ""})
            assert run.error is not None
            assert (run.error.code, run.error.exit_code) == ("policy.plan_only", 3)
            assert not any(isinstance(event, StepStarted | TrialRan) for event in events)
    assert eager.asked == 0
    assert tried == ["looked", "looked"]


async def test_a_trial_is_refused_by_the_runtime_and_not_only_withheld(house: House) -> None:
    found: list[NotApproved] = []

    async def propose(intent: Intent, context: PlanningContext) -> Proposal:
        (run,) = runtime._runs.values()
        try:
            await run._trial(hello().steps[0], {})
        except NotApproved as error:
            found.append(error)
        return Proposal(plan=hello())

    house.planner = FixedPlanner(propose)
    runtime = Runtime(
        settings=house.settings,
        store=house.store,
        registry=Ours(Walls("sandbox"), planner=house.planner),
        approver=house.asked,
    )
    assert [event async for event in runtime.run(WISH, mode="plan")]
    assert [error.code for error in found] == ["policy.no_trial"]


async def test_the_settings_choose_the_mode_and_a_call_overrules_it(house: House) -> None:
    house.settings = house.settings.model_copy(update={"mode": "plan"})
    assert (await house.run(hello())).status is RunStatus.REJECTED
    assert (await house.run(hello(), mode="machine")).status is RunStatus.COMPLETED


async def test_what_a_mode_let_run_is_asked_about_in_another(house: House) -> None:
    await house.run(hello(), mode="risky")
    await house.run(hello(), mode="machine")
    assert house.asked.asked == []
    await house.run(hello())
    assert house.asked.asked == ["policy.why_first"]


# --- rules


class Always:
    """Says *always*, to the rule that it is shown."""

    def __init__(self, house: House, rule: str | None = None) -> None:
        self.asked = 0
        self._house, self._rule = house, rule

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval | Proposal | None:
        """Approve for good."""
        self.asked += 1
        shown = await self.runtime.gate(run).rule(plan, values)
        name = self._rule or (None if shown is None else shown.id)
        return Approval(
            plan_digest=plan.digest, decision="approve", by="test", scope="rule", rule=name
        )

    async def run(self, plan: Plan) -> Run:
        """Run a plan with this approver."""
        house = self._house
        self.runtime = Runtime(
            settings=house.settings,
            store=house.store,
            registry=Ours(Walls(house.walls), planner=house.planner),
            approver=self,
        )
        events = [event async for event in self.runtime.run(WISH, plan=plan)]
        return house.store.run(events[0].run_id)


GENERATED = hello("import math, cmath", origin="generated", recipe=None)
SIMILAR = hello("import cmath", origin="generated", recipe=None)


async def test_always_saves_the_rule_and_the_next_run_names_it(house: House) -> None:
    always = Always(house)
    first = await always.run(GENERATED)
    (rule,) = house.store.standing.rules()
    assert first.approval is not None
    assert (first.approval.scope, first.approval.rule) == ("rule", rule.id)
    assert first.approval.words == Words(en=rule.words("en"), zh=rule.words("zh"))
    assert (rule.run, first.status) == (first.id, RunStatus.COMPLETED)

    second = await always.run(SIMILAR)
    assert always.asked == 1
    assert second.approval is not None
    assert (second.approval.by, second.approval.rule) == ("rule", rule.id)
    assert rule.id in second.approval.words.en


async def test_a_forgotten_rule_covers_nothing_any_more(house: House) -> None:
    always = Always(house)
    await always.run(GENERATED)
    await always.run(SIMILAR)
    (rule,) = house.store.standing.rules()
    assert house.store.standing.forget(rule.id[:6]) == 1
    assert house.store.standing.rules() == []
    for plan in (GENERATED, SIMILAR):  # also those that once ran by it
        await house.run(plan)
    assert len(house.asked.asked) == 2


async def test_a_wider_request_is_asked_about_though_a_rule_is_there(house: House) -> None:
    await Always(house).run(GENERATED)
    for plan in (
        hello("import json", origin="generated", recipe=None),
        hello("import cmath", origin="generated", recipe=None, limits=Limits(wall_time=500)),
        hello("import cmath", origin="edited", recipe=None),
    ):
        await house.run(plan)
    assert len(house.asked.asked) == 3


async def test_a_rule_other_than_the_one_shown_saves_and_runs_nothing(house: House) -> None:
    run = await Always(house, rule="0" * 12).run(GENERATED)
    assert run.status is RunStatus.REJECTED
    assert run.error is not None
    assert run.error.code == "policy.other_rule"
    assert house.store.standing.rules() == []


# --- without a sandbox


async def test_without_a_sandbox_only_a_persons_yes_of_this_once_counts(house: House) -> None:
    await Always(house).run(GENERATED)
    await house.run(hello())  # both approved for good, in the sandbox
    house.asked.asked.clear()
    house.walls = "process"
    for plan in (GENERATED, hello()):
        for mode in ("ask", "risky", "machine"):
            run = await house.run(plan, mode=mode, unsafe_no_sandbox=True)
            assert run.status is RunStatus.COMPLETED
            assert run.approval is not None
            assert (run.approval.bare, run.approval.scope) == (("s",), "once")
    assert house.asked.asked == ["policy.why_unsafe"] * 6


async def test_without_the_option_nothing_runs_without_a_sandbox(house: House) -> None:
    await house.run(hello())
    house.walls = "process"
    run = await house.run(hello())
    assert run.status is RunStatus.REJECTED
    assert run.error is not None
    assert run.error.code == "policy.no_sandbox"


async def test_with_the_option_what_is_in_a_sandbox_stays_there(house: House) -> None:
    run = await house.run(hello(), mode="machine", unsafe_no_sandbox=True)
    assert run.approval is not None
    assert (run.approval.bare, run.approval.by) == ((), "mode machine")


async def test_a_sandbox_that_breaks_after_the_approval_ends_the_run(house: House) -> None:
    class Breaks(Eager):
        async def approve(self, *arguments: Any, **named: Any) -> Any:
            walls.isolation = "process"
            return await super().approve(*arguments, **named)

    walls = Walls("sandbox")
    runtime = Runtime(
        settings=house.settings, store=house.store, registry=Ours(walls), approver=Breaks()
    )
    events = [e async for e in runtime.run(WISH, plan=GENERATED, unsafe_no_sandbox=True)]
    run = house.store.run(events[0].run_id)
    assert run.status is RunStatus.REJECTED
    assert run.error is not None
    assert run.error.code == "policy.no_sandbox"
    assert not any(isinstance(event, StepStarted) for event in events)


# --- Stop


async def test_an_approval_that_comes_after_stop_does_nothing(house: House) -> None:
    class Deaf(Eager):
        """Swallows being canceled, as a careless approver would."""

        async def approve(self, *arguments: Any, **named: Any) -> Any:
            waiting.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return await super().approve(*arguments, **named)

    waiting = asyncio.Event()
    runtime = Runtime(
        settings=house.settings, store=house.store, registry=Ours(Walls("sandbox")), approver=Deaf()
    )
    stream = runtime.run(WISH, plan=hello(), run_id="r")

    async def stop() -> None:
        await waiting.wait()
        await runtime.cancel("r")

    stopping = asyncio.create_task(stop())
    events = [event async for event in stream]
    await stopping
    assert house.store.run("r").status is RunStatus.CANCELED
    assert not any(isinstance(event, PlanApproved | StepStarted) for event in events)
    with pytest.raises(NotApproved, match="stopped"):
        [event async for event in runtime.answer("r", "approve", by="test")]
    late = Approval(plan_digest=hello().digest, decision="approve", by="late")
    with pytest.raises(NotApproved, match="too late"):
        house.store.append(PlanApproved(run_id="r", approval=late))


def test_doing_without_a_sandbox_cannot_be_set_for_good(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from intentos import config
    from intentos.errors import ConfigError

    home.mkdir()
    (home / "config.toml").write_text("unsafe_no_sandbox = true\n")
    with pytest.raises(ConfigError, match="--unsafe-no-sandbox"):
        config.load()
    (home / "config.toml").unlink()
    config.load()
    monkeypatch.setenv("INTENTOS_UNSAFE_NO_SANDBOX", "true")
    with pytest.raises(ConfigError, match="--unsafe-no-sandbox"):
        config.load()
