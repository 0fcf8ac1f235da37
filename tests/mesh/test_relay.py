"""A mesh as a node of another hub: its nodes do the work, once, and nothing goes in a circle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from intentos.bench.mesh import Mesh, NothingRegistry
from intentos.bench.mesh import job as sleeping
from intentos.cli_relay import counted
from intentos.errors import ExecutorUnavailable, UsageError
from intentos.mesh import dispatch
from intentos.mesh.audit import record
from intentos.mesh.line import Line
from intentos.mesh.node import Node
from intentos.mesh.proposing import LANGUAGE as PLANNING
from intentos.mesh.relay import USUAL, Relay
from intentos.mesh.visitor import errand, outcome_of
from intentos.mesh.wire import Outcome, Relayed
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.types import Artifact, Limits, sha256
from tests.parts import HandRegistry

from .machines import Machines, heard
from .village import Person, Village, WalledExecutor, job, until

PATIENT = 60.0


class Both:
    """A hub outside, and a village with a hub of its own that serves it."""

    def __init__(self, outer: Village, inner: Village, ann: Person) -> None:
        self.outer, self.inner, self.ann = outer, inner, ann
        self.vera: Person
        """Of the village, where she may send; her machine is a node outside."""
        self.relay: Person
        self.node: Node
        self.hands: Relay
        self.serving: asyncio.Task[None]

    async def serve(self, **limits: Any) -> None:
        """Have the village serve the outer hub."""
        self.hands = relaying(self.vera, self.relay)
        usual = {"slots": USUAL.slots, "memory_bytes": USUAL.memory_bytes}
        self.node, self.serving = await self.outer.lend(
            self.relay, hands=self.hands, **(usual | limits)
        )

    def offers(self, language: str = "words") -> bool:
        """Return whether the outer hub knows the village as somebody who can do that."""
        known = self.outer.hub.roster.get(self.relay.identity.id)
        return known is not None and known.offer is not None and language in known.offer.languages

    async def ask(self, code: str, **changes: Any) -> Outcome:
        """Have ann ask the outer hub for a step."""
        async with self.ann.line() as line:
            return await outcome_of(line, job(line, code, **changes))


def relaying(inner: Person, outer: Person) -> Relay:
    return Relay(
        identity=inner.identity,
        inner=inner.membership,
        outer=outer.membership,
        heads=inner.places.heads,
    )


@pytest.fixture
async def both(village: Village, tmp_path: Path) -> AsyncIterator[Both]:
    """Give a hub outside where ann is a member, and a village with a hub but no nodes yet."""
    inner = Village(tmp_path / "village")
    await inner.open()
    made = Both(village, inner, await village.join("ann"))
    made.vera = await inner.join("vera")
    made.relay = await village.join("relay", owner="vera", role="node")
    yield made
    await inner.close()


async def logged(person: Person) -> list[dict[str, Any]]:
    text = await asyncio.to_thread(person.places.ran.read_text)
    return [json.loads(line) for line in text.splitlines()]


async def entries(person: Person) -> dict[str, tuple[int, float]]:
    async with person.line() as line:
        return counted(await record(line))


async def test_a_step_asked_outside_is_done_in_the_village_and_comes_back(
    both: Both, tmp_path: Path
) -> None:
    bo = await both.inner.join("bo")
    await both.inner.lend(bo, slots=3)
    await both.serve()
    assert both.node.offer is not None
    assert (both.node.offer.slots, both.node.offer.relay) == (3, True)
    saved: dict[str, bytes] = {}

    async def save(name: str, data: bytes | Path, media_type: str) -> Artifact:
        assert isinstance(data, Path)
        saved[name] = content = await asyncio.to_thread(data.read_bytes)
        size = len(content)
        return Artifact(
            id=sha256(content), name=name, media_type=media_type, size=size, step_id="s"
        )

    (tmp_path / "given").write_text("of ann's")
    events: list[Any] = []
    context = StepContext(
        values={"x": 4.0},
        live=frozenset(),
        seed=1,
        inputs={"mine": tmp_path / "given"},
        workdir=tmp_path,
        limits=Limits(wall_time=20),
        emit=events.append,
        save=save,
    )
    step = Step(id="s", language="words", code="read mine\nsay and\nsave a.txt afar\nreport n {x}")
    async with both.ann.line() as line:
        result, outcome, _ = await errand(line, step, context, verify="spot")
    assert (result.stdout, result.values["n"].value) == ("of ann'sand\n", 4.0)
    assert saved == {"a.txt": b"afar"}
    assert any(getattr(event, "text", "") == "and" for event in events)
    # Outside one signed answer of the village's counts, and one line of pay; inside one of bo's.
    assert (outcome.owner, outcome.node, outcome.attempts) == ("vera", both.relay.identity.id, 1)
    assert set(both.outer.hub.book.balances()) == {"ann", "vera"}
    assert set(both.inner.hub.book.balances()) == {"vera", "bo"}
    # Whose it was stands in the village: in its hub's record, and with who did it.
    (line_of_bo,) = await logged(bo)
    assert (line_of_bo["for"], line_of_bo["relayed"]) == (
        "vera",
        "relayed from 127.0.0.1 for ann",
    )
    assert [(w, n) for w, (n, _) in (await entries(both.vera)).items()] == [
        ("relayed from 127.0.0.1 for ann", 1)
    ]
    (line_of_relay,) = await logged(both.relay)
    assert line_of_relay["for"] == "ann"
    assert await asyncio.to_thread(lambda: list(both.relay.places.workspace.iterdir())) == []


async def test_it_offers_what_is_there_in_the_village(both: Both) -> None:
    class Planning(WalledExecutor):
        languages = frozenset({"words", PLANNING})

    await both.serve()
    assert not both.offers()
    _, bo = await both.inner.lend(
        await both.inner.join("bo"), HandRegistry(Planning()), memory_bytes=512 * 1024**2
    )
    await until(both.offers, PATIENT)
    assert both.node.offer is not None
    assert both.node.offer.memory_bytes == 512 * 1024**2
    assert not both.offers(PLANNING)  # wishes are shown to nobody who was not asked about
    bo.cancel()
    await until(lambda: not both.offers(), PATIENT)


async def test_a_node_killed_in_the_village_is_replaced_there(both: Both) -> None:
    mesh = Mesh(both.inner.folder)
    await both.inner.join("bo")
    cy = await both.inner.join("cy")
    process = await mesh.start_node("bo", 4)
    try:
        await both.serve()
        await until(lambda: both.offers("nothing"), PATIENT)
        async with both.ann.line() as line:
            work = asyncio.create_task(outcome_of(line, sleeping(line, 0.5, seed=9)))
            inside = both.inner.hub.roster
            await until(lambda: any(node.running for node in inside.every()), PATIENT)
            process.kill()
            await process.wait()
            await both.inner.lend(cy, NothingRegistry(plugins=False))
            outcome = await work
    finally:
        await mesh.stop()
    assert outcome.result is not None, outcome.why
    assert outcome.result.values["seed"].value == 9
    assert outcome.attempts == 1  # outside nothing of it was noticed
    assert set(both.inner.hub.book.balances()) == {"vera", "cy"}


async def test_the_villages_hub_is_started_again_in_mid_step(both: Both) -> None:
    bo = await both.inner.join("bo")
    node, _ = await both.inner.lend(bo)
    await both.serve()
    work = asyncio.create_task(both.ask("wait 1\nreport n 5"))
    await until(lambda: node._jobs, PATIENT)
    port = both.inner.hub.port
    await both.inner.hub.stop()
    await both.inner.open(port=port)
    outcome = await work
    assert outcome.result is not None, outcome.why
    assert outcome.result.values["n"].value == 5
    assert outcome.attempts == 1
    assert [steps for steps, _ in (await entries(both.vera)).values()] == [1]


async def test_a_cancel_goes_through(both: Both) -> None:
    node, _ = await both.inner.lend(await both.inner.join("bo"))
    await both.serve()
    async with both.ann.line() as line:
        wanted = job(line, "wait 15")
        work = asyncio.create_task(outcome_of(line, wanted))
        await until(lambda: node._jobs, PATIENT)
        await line.ask(what="cancel", key=wanted.key)
        assert (await work).why == "canceled"
    # Long before the step itself would have ended:
    assert await until(lambda: not node._jobs and not both.node._jobs, PATIENT) < 10
    await until(lambda: both.inner.hub.dispatcher.going == 0, PATIENT)
    assert await entries(both.vera) == {}


async def test_a_relay_that_dies_has_nothing_done_twice(both: Both) -> None:
    bo = await both.inner.join("bo")
    node, _ = await both.inner.lend(bo)
    await both.serve()
    work = asyncio.create_task(both.ask("wait 2\nreport n 5"))
    await until(lambda: node._jobs, PATIENT)
    await _killed(both)
    await both.serve()
    outcome = await work
    assert outcome.result is not None, outcome.why
    assert outcome.result.values["n"].value == 5
    assert outcome.attempts == 2
    assert [line["outcome"] for line in await logged(bo)] == ["result"]


async def _killed(both: Both) -> None:
    """End a relay without a word to anybody: neither hub hears what it had in hand."""
    relay: Any = both.node

    async def nothing(*args: object, **more: object) -> None:
        """Say nothing."""

    relay._line.say = relay._hands._line.say = relay._hands._line.ask = nothing
    both.serving.cancel()
    await asyncio.gather(both.serving, return_exceptions=True)


async def test_what_came_to_nothing_may_be_done_when_it_is_handed_over_again(both: Both) -> None:
    """Its owner took the mesh back in mid-step, and lent it again."""
    bo = await both.inner.join("bo")
    node, _ = await both.inner.lend(bo)
    await both.serve()
    work = asyncio.create_task(both.ask("wait 1\nreport n 5"))
    await until(lambda: node._jobs, PATIENT)
    both.relay.places.paused.touch()
    await until(lambda: not node._jobs, PATIENT)
    both.relay.places.paused.unlink()
    outcome = await work
    assert outcome.result is not None, outcome.why
    assert outcome.result.values["n"].value == 5
    assert [line["outcome"] for line in await logged(bo)][-1] == "result"


# ---- circles ----------------------------------------------------------------------------------


async def test_two_hubs_that_serve_each_other_send_nothing_round(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "PATIENCE", 0.5)
    bo = await both.outer.join("bo")
    _, serving = await both.outer.lend(bo)
    await both.serve()
    back = await both.inner.join("back", owner="ann", role="node")
    _, _ = await both.inner.lend(back, hands=relaying(both.ann, back))
    # What the outer hub has comes into the village, and not out again as the village's own.
    known = both.inner.hub.roster.get(back.identity.id)
    await until(lambda: known and known.offer and "words" in known.offer.languages, PATIENT)
    outcomes = await asyncio.gather(*(both.ask(f"report n {n}") for n in range(5)))
    assert {outcome.owner for outcome in outcomes} == {"bo"}
    assert both.inner.hub.dispatcher.handed == 0
    # And what nobody has any more is offered by neither.
    serving.cancel()
    await until(lambda: known and known.offer and not known.offer.languages, PATIENT)
    assert (await both.ask("report n 1")).why == "nobody"


async def test_what_was_relayed_once_is_not_relayed_again(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "PATIENCE", 0.5)
    bo = await both.inner.join("bo")
    await both.inner.lend(bo)
    await both.serve()
    mark = Relayed(hub=both.inner.hub.identity.id, host="elsewhere", owner="zoe")
    handed = both.outer.hub.dispatcher.handed
    assert (await both.ask("report n 1", relayed=mark)).why == "nobody"
    assert both.outer.hub.dispatcher.handed == handed

    # A hub that does not know that a mesh stands behind a node, or does not care:
    known = both.outer.hub.roster.get(both.relay.identity.id)
    assert known is not None
    assert known.offer is not None
    known.offer = known.offer.model_copy(update={"relay": False})
    assert (await both.ask("report n 1", relayed=mark)).why == "relayed"
    assert not bo.places.ran.exists()

    # A hub takes nothing that began with it.
    async with both.vera.line() as line:
        await _refused(line, "loop", relayed=mark)


async def _refused(line: Line, why: str, **changes: Any) -> None:
    with pytest.raises(ExecutorUnavailable) as error:
        await outcome_of(line, job(line, "report n 1", **changes))
    assert error.value.arguments["why"] == why


async def test_a_hub_does_not_serve_itself(both: Both) -> None:
    with pytest.raises(UsageError) as error:
        relaying(both.vera, both.vera)
    assert error.value.code == "mesh.relay_to_itself"
    runs_only = await both.inner.join("only", role="node")
    with pytest.raises(UsageError) as error:
        relaying(runs_only, both.relay)
    assert error.value.code == "mesh.relay_not_member"


async def test_who_is_put_out_of_the_village_lends_it_no_more(both: Both) -> None:
    await both.serve()
    await both.inner.hub.revoke(both.vera.identity.id, "test")
    await until(both.serving.done, PATIENT)
    error = both.serving.exception()
    assert isinstance(error, ExecutorUnavailable)
    assert error.code == "mesh.relay_put_out"


# ---- limits -----------------------------------------------------------------------------------


async def test_who_runs_a_relay_says_for_whom(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "PATIENCE", 0.5)
    await both.inner.lend(await both.inner.join("bo"))
    await both.serve(owners=("zoe",))
    assert (await both.ask("report n 1")).why == "nobody"
    both.ann = await both.outer.join("zoe")
    assert (await both.ask("report n 1")).result is not None


async def test_who_lends_in_the_village_says_for_whom(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who names people does nothing for others that come by way of one of them."""
    monkeypatch.setattr(dispatch, "PATIENCE", 0.5)
    await both.serve()
    # The one is known to do nothing from outside; of the other it shows when it is asked.
    for name, owners in (("bo", ("vera",)), ("cy", ("vera", "zoe@127.0.0.1"))):
        await both.inner.lend(await both.inner.join(name), owners=owners)
        assert bool((await both.hands._look()).languages) == (name == "cy")
        async with both.vera.line() as line:  # the village's own steps are done all the same
            assert (await outcome_of(line, job(line, "report n 1"))).result is not None
    await until(both.offers, PATIENT)
    outcome = await both.ask("report n 1")
    assert outcome.why == "No machine of the mesh is there that could do it."
    await both.inner.lend(await both.inner.join("dee"), owners=("vera", "ann@127.0.0.1"))
    assert (await both.ask("report n 1")).result is not None
    assert set(both.inner.hub.book.balances()) <= {"vera", "bo", "cy", "dee"}
    assert [line["relayed"] for line in await logged(_of(both, "dee"))] == [
        "relayed from 127.0.0.1 for ann"
    ]


def _of(both: Both, name: str) -> Person:
    return Person(both.inner.folder / name)


# ---- the command ------------------------------------------------------------------------------


async def test_the_command(both: Both, tmp_path: Path) -> None:
    await both.inner.lend(await both.inner.join("bo"))
    machines = Machines(both.inner.folder)
    link = str(both.outer.link(owner="vera", role="node"))
    call: Callable[..., Any] = asyncio.to_thread
    try:
        process = machines.start("vera", "node", link, "--relay", "--battery", "--name", "village")
        said = await call(heard, process, "Serving the hub")
        assert "words" in said
        outcome = await both.ask("report n 6")
        assert outcome.result is not None, outcome.why
        assert (outcome.node_name, outcome.owner) == ("village", "vera")
        code, text, _ = await call(machines.run, "vera", "peers", "relayed")
        assert code == 0
        assert text.startswith("relayed from 127.0.0.1 for ann: 1 steps")
        assert (both.inner.folder / "vera" / "mesh" / "relay" / "ran.jsonl").exists()
    finally:
        await call(machines.stop)
