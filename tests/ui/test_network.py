"""The network page: this machine, nobody else, what runs now, and how a result came to be."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nicegui.testing import User

from intentos.config import Settings
from intentos.mesh.findings import Measured
from intentos.mesh.identity import Identity
from intentos.mesh.line import join, write_membership
from intentos.mesh.places import Places
from intentos.mesh.visitor import outcome_of
from intentos.store import Store
from intentos.ui.desk import Desk
from intentos.ui.provenance import family
from tests.mesh.village import Village, job

from .told import told

WAIT = 150


async def test_it_tells_of_this_machine_and_that_nothing_is_shared(user: User, desk: Desk) -> None:
    await user.open("/network")
    await user.should_see("Nothing is shared now", retries=WAIT)
    await user.should_see("Nothing is running.", retries=WAIT)
    await user.should_see("the way it took is shown here", retries=WAIT)
    machine = await desk.machines.look()
    await user.should_see(str(machine.cores), retries=WAIT)
    await user.should_see("Processor cores")


async def test_what_waits_and_runs_is_listed_as_it_moves(user: User, desk: Desk) -> None:
    await user.open("/network")
    run = told(desk.store, "<img src=x onerror=alert(1)> {{7*7}}", waits=True)
    await user.should_see(marker=f"job-{run}", retries=WAIT)
    await user.should_see("waits for approval")
    await user.should_see("<img src=x onerror=alert(1)> {{7*7}}")


async def test_a_result_is_drawn_from_the_wish_to_what_went_on_from_it(
    user: User, desk: Desk
) -> None:
    first = told(desk.store, "a campfire", conversation="talk-1")
    reads = {"earlier": f"run:{first}/a.txt"}
    then = told(desk.store, "its smoke", conversation="talk-1", parent=first, inputs=reads)
    told(desk.store, "something else", conversation="talk-1")
    await user.open("/network")
    await user.should_see(marker="graph", retries=WAIT)
    (choice,) = user.find(marker="flow-run").elements
    choice.set_value(first)  # type: ignore[attr-defined]
    await user.should_see(marker=f"flow-run-{then}", retries=WAIT)
    drawn = _nodes(user)
    (artifact,) = desk.store.run(first).artifacts
    assert drawn == {
        "intent": "",
        "plan": "intent",
        "step-draw": "plan",
        f"artifact-{artifact.id[:12]}": "step-draw",
        f"run-{then}": f"artifact-{artifact.id[:12]}",
    }


def test_relations_are_read_from_the_runs(settings: Settings) -> None:
    store = Store(settings)
    try:
        first = told(store, "a campfire", conversation="talk-1")
        reads = {"earlier": f"run:{first}/a.txt"}
        then = told(store, "its smoke", conversation="talk-1", inputs=reads)
        other = told(store, "elsewhere", parent=first)
        assert [run.id for run in family(store, first).after] == [then]
        assert [run.id for run in family(store, other).before] == [first]
    finally:
        store.close()


def _nodes(user: User) -> dict[str, str]:
    assert user.client is not None
    found = [e.props for e in user.client.elements.values() if "data-node" in e.props]
    return {props["data-node"]: props["data-from"] for props in found}


async def test_the_hub_and_its_nodes_are_drawn_with_what_they_do(
    user: User, desk: Desk, tmp_path: Path
) -> None:
    village = Village(tmp_path / "village")
    await village.open()
    try:
        own = Identity.kept(Places(desk.settings).key)
        membership = await join(village.link("ann"), own, "window")
        write_membership(Places(desk.settings).membership, membership)
        bo = await village.join("bo")
        await village.lend(bo)
        await user.open("/network")
        await user.should_see(marker=f"mesh-peer-{bo.identity.id}", retries=WAIT)
        await user.should_see("bo · free 0/2")
        async with bo.line() as line:
            work = asyncio.create_task(outcome_of(line, job(line, "wait 30")))
            await user.should_see("1 running", retries=WAIT)
            await user.should_see("free 1/2")
            await line.ask(what="cancel", key=(await _only_job(village)))
            await asyncio.gather(work, return_exceptions=True)
        await user.should_not_see("1 running", retries=WAIT)
    finally:
        await village.close()
    await user.should_see("does not answer", retries=WAIT)


async def test_points_are_shown_only_where_they_are_on(
    user: User, desk: Desk, tmp_path: Path
) -> None:
    village = Village(tmp_path / "village")
    await village.open()
    own = Identity.kept(Places(desk.settings).key)
    membership = await join(village.link("ann"), own, "window")
    write_membership(Places(desk.settings).membership, membership)
    bo, cy = await village.join("bo"), await village.join("cy")
    try:
        for one in (bo, cy):
            await village.lend(one)
        await user.open("/network")
        await user.should_see("bo · free 0/2", retries=WAIT)
        await user.should_not_see(marker="points")
        await user.should_not_see("reputation")
        await asyncio.to_thread(village.hub.accounts.post, True, {})
        measured = [Measured(one.identity.id, "cpu", 1.0, 1.0) for one in (bo, cy)]
        village.hub.book.settle(measured)
        async with bo.line() as line:
            await outcome_of(line, job(line, "wait 0.1", verify="jury2"))
        await user.should_see(marker="points", retries=WAIT)
        await user.should_see("held", retries=WAIT)
        await user.should_see("1 (processor), 4 (GPU)", retries=WAIT)
        await user.should_see("reputation 0.", retries=WAIT)
    finally:
        await village.close()
    await user.should_see("does not answer", retries=WAIT)  # and the page has let go of the hub


async def _only_job(village: Village) -> str:
    (key,) = [key for _, key in village.hub.dispatcher._open]
    return key
