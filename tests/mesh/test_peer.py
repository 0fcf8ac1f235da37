"""A run whose steps go to a neighbour: asked for, told, and here after all when the mesh fails."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

import pytest

from intentos import placement
from intentos.config import Settings
from intentos.conversation import Conversation, Options, make_intent
from intentos.errors import ExecutorUnavailable
from intentos.events import RunFinished, StepFinished, StepStarted
from intentos.executors.peer import PeerExecutor
from intentos.mesh.line import Line
from intentos.mesh.places import Places
from intentos.parameters import Parameter
from intentos.placement import place
from intentos.plan import Step
from intentos.policy import choose_executor
from intentos.protocols import StepContext
from intentos.run import RunStatus, StepResult
from intentos.store import Store
from intentos.sweep import read_sweep, run_sweep, table
from intentos.types import Estimate, Quantity, Words
from tests.parts import HandRegistry, Reply, plan_of

from .runs import OwnRegistry, ran
from .village import Village, WalledExecutor


class WordsPeer(PeerExecutor):
    """Sends steps in the language of the tests."""

    languages = frozenset({"words"})


@pytest.fixture
def registry() -> OwnRegistry:
    return OwnRegistry(WalledExecutor(), WordsPeer(verify="none"))


async def test_a_step_runs_on_a_neighbours_machine_and_its_files_come_home(
    joined: Village, settings: Settings, store: Store, registry: OwnRegistry
) -> None:
    await joined.lend(await joined.join("bo"))
    plan = plan_of("save a.txt from afar\nreport n 3", "read a")
    steps = (plan.steps[0], plan.steps[1].model_copy(update={"inputs": {"a": "s1/a.txt"}}))
    plan = plan.model_copy(update={"steps": steps})
    events = await ran(settings, store, registry, plan, "peer")
    assert [e.where for e in events if isinstance(e, StepStarted)] == ["peer", "peer"]
    one, two = [e.result for e in events if isinstance(e, StepFinished)]
    assert (one.node, two.node) == ("bo", "bo")
    assert two.stdout == "from afar"
    assert one.note is not None
    assert "bo" in one.note.text("zh")
    (artifact,) = one.artifacts
    assert store.path(artifact.id).read_bytes() == b"from afar"
    assert any(isinstance(e, RunFinished) and e.status is RunStatus.COMPLETED for e in events)


async def test_the_line_is_closed_even_where_somebody_stops_while_it_is_given_back(
    joined: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, lines = asyncio.Event(), []

    async def for_ever(line: Line, places: Places) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def use() -> None:
        async with WordsPeer(verify="none")._connected() as line:
            lines.append(line)

    monkeypatch.setattr("intentos.executors.peer.fetch", for_ever)
    task = asyncio.create_task(use())
    async with asyncio.timeout(60):
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert lines[0].nats is not None
    assert lines[0].nats.is_closed


async def test_it_runs_here_when_nobody_there_can(
    joined: Village,
    settings: Settings,
    store: Store,
    registry: OwnRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from intentos.mesh import dispatch

    monkeypatch.setattr(dispatch, "PATIENCE", 0.3)
    events = await ran(settings, store, registry, plan_of("report n 3"), "peer")
    assert [e.where for e in events if isinstance(e, StepStarted)] == ["peer", "here"]
    (result,) = [e.result for e in events if isinstance(e, StepFinished)]
    assert (result.node, result.values["n"].value) == ("here", 3)
    assert result.note is not None
    assert result.note.code == "placement.fell_back"


async def test_it_runs_here_when_the_hub_is_gone(
    joined: Village, settings: Settings, store: Store, registry: OwnRegistry
) -> None:
    await joined.hub.server.stop()
    events = await ran(settings, store, registry, plan_of("report n 3"), "peer")
    (result,) = [e.result for e in events if isinstance(e, StepFinished)]
    assert (result.node, result.values["n"].value) == ("here", 3)


async def test_nothing_goes_anywhere_unasked(
    joined: Village, settings: Settings, store: Store, registry: OwnRegistry
) -> None:
    events = await ran(settings, store, registry, plan_of("say x"), "here")
    assert [e.where for e in events if isinstance(e, StepStarted)] == ["here"]
    # Nor where nothing here could do it:
    only = OwnRegistry(WordsPeer())
    with pytest.raises(ExecutorUnavailable):
        choose_executor(plan_of("say x").steps[0], only)


async def test_without_a_hub_the_remedy_is_told(
    settings: Settings, store: Store, registry: OwnRegistry
) -> None:
    events = await ran(settings, store, registry, plan_of("say x"), "peer")
    (finished,) = [e for e in events if isinstance(e, RunFinished)]
    assert finished.status is RunStatus.FAILED
    assert finished.error is not None
    assert (finished.error.code, finished.error.exit_code) == ("mesh.no_hub", 4)


class Liar(WalledExecutor):
    """Adds one to every number."""

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Do the work and lie about it."""
        result = await super().execute(step, context)
        lies = {n: Quantity(value=q.value + 1) for n, q in result.values.items()}
        return result.model_copy(update={"values": lies})


@pytest.mark.parametrize(("executor", "code"), [(WalledExecutor, "repeated"), (Liar, "differs")])
async def test_where_nobody_else_can_check_this_machine_does(
    joined: Village,
    settings: Settings,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    executor: type[WalledExecutor],
    code: str,
) -> None:
    from intentos.mesh import verify

    monkeypatch.setattr(verify, "SPOT", 1.0)
    await joined.lend(await joined.join("bo"), HandRegistry(executor()))
    registry = OwnRegistry(WalledExecutor(), WordsPeer())
    events = await ran(settings, store, registry, plan_of("report n 3"), "peer")
    assert [e.where for e in events if isinstance(e, StepStarted)] == ["peer", "here"]
    (result,) = [e.result for e in events if isinstance(e, StepFinished)]
    assert result.values["n"].value == 3
    assert result.note is not None
    assert result.note.code == f"placement.{code}"


async def test_a_sweep_fans_out_and_comes_together(
    joined: Village, settings: Settings, registry: OwnRegistry
) -> None:
    lenders = [await joined.join(name) for name in ("bo", "cy")]
    for lender in lenders:
        await joined.lend(lender, slots=4)
    knob = Parameter(name="x", label=Words(en="x"), kind="number", default=1, minimum=0, maximum=99)
    plan = plan_of("report n {x}\nwait 0.7", parameters=(knob,))
    sweep = read_sweep("x=1:9:9", plan)
    conversation = Conversation(settings, Reply("approve"), called_at=0.0)
    conversation.runtime._registry = registry
    try:
        runs = await run_sweep(
            conversation,
            sweep,
            plan,
            Options(where="peer"),
            lambda: make_intent("sweep", conversation="c"),
            lambda event: None,
            lambda over, count: None,
        )
    finally:
        await conversation.close()
        conversation.store.close()
    rows = table(sweep, runs)
    assert [row["values"]["n"]["value"] for row in rows] == list(range(1, 10))
    assert {row["where"] for row in rows} == {"bo", "cy"}
    told = [
        json.loads(line) for one in lenders for line in one.places.ran.read_bytes().splitlines()
    ]
    began = sorted(datetime.fromisoformat(line["at"]).timestamp() for line in told)
    assert len(began) == 9
    assert began[4] < began[1] + 0.7  # one alone, the others side by side


# ---- auto -------------------------------------------------------------------------------------


async def placed(registry: HandRegistry, seconds: float | None) -> placement.Placement:
    plan = plan_of("say x")
    return (await place("auto", plan, registry, {"s1": Estimate(seconds=seconds)}))["s1"]


async def test_auto_sends_what_would_have_to_wait_here(
    joined: Village, registry: OwnRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    assert (await placed(registry, None)).why.code == "placement.unknown_time"
    assert (await placed(registry, 1.0)).why.code == "placement.short"
    assert (await placed(registry, 60.0)).why.code == "placement.idle_here"
    monkeypatch.setattr("os.getloadavg", lambda: (99.0, 0.0, 0.0))
    assert (await placed(registry, 60.0)).why.code == "placement.no_room"
    await joined.lend(await joined.join("bo"), slots=3)
    there = await placed(registry, 60.0)
    assert (there.where, there.why.arguments["room"]) == ("peer", 3)
    await joined.hub.server.stop()
    assert (await placed(registry, 60.0)).where == "here"


async def test_auto_asks_before_anything_leaves_even_if_the_plan_was_approved(
    joined: Village,
    settings: Settings,
    store: Store,
    registry: OwnRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await joined.lend(await joined.join("bo"))
    plan = plan_of("report n 1")
    await ran(settings, store, registry, plan, "here")
    again = Reply()
    await ran(settings, store, registry, plan, "here", again)
    assert again.asked == []
    monkeypatch.setattr(placement, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr("os.getloadavg", lambda: (99.0, 0.0, 0.0))
    asked = Reply("reject")
    events = await ran(settings, store, registry, plan, "auto", asked)
    assert len(asked.asked) == 1
    assert not [e for e in events if isinstance(e, StepStarted)]
