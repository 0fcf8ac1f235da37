"""Jobs: each is done once, whoever dies, lies, pauses or answers for somebody else."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from intentos.mesh import dispatch
from intentos.mesh.identity import Identity
from intentos.mesh.visitor import outcome_of
from intentos.mesh.wire import Done, Offer, Outcome, seal
from intentos.plan import Step
from intentos.protocols import StepContext
from intentos.run import StepResult, StepStatus
from intentos.types import Limits, Problem, Quantity, now
from tests.parts import HandRegistry

from .village import Person, Village, WalledExecutor, job, until


class Liar(WalledExecutor):
    """Adds one to every number that it reports."""

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Do the work and lie about it."""
        result = await super().execute(step, context)
        lies = {n: Quantity(value=q.value + 1) for n, q in result.values.items()}
        return result.model_copy(update={"values": lies})


@pytest.fixture
async def ann(village: Village) -> Person:
    return await village.join("ann")


def number(outcome: Outcome) -> object:
    assert outcome.result is not None, outcome.why
    return outcome.result.values["n"].value


async def test_a_job_is_done_and_paid_once(village: Village, ann: Person) -> None:
    bo = await village.join("bo")
    await village.lend(bo)
    async with ann.line() as line:
        first = job(line, "say hello\nreport n 7")
        outcome = await outcome_of(line, first)
        assert number(outcome) == 7
        assert outcome.result is not None
        assert outcome.result.stdout == "hello\n"
        assert (outcome.node, outcome.owner) == (bo.identity.id, "bo")
        again = await outcome_of(line, first)  # the answer may have been lost
        assert again == outcome
    assert len(village.hub.book.balances()) == 2
    assert village.hub.book.balances()["bo"] > 0
    assert bo.places.ran.read_text().count("\n") == 1
    await until(lambda: village.hub.dispatcher.going == 0)


async def test_many_jobs_are_many_results(village: Village, ann: Person) -> None:
    for name in ("bo", "cy"):
        await village.lend(await village.join(name), slots=8)
    async with ann.line() as line:
        outcomes = await asyncio.gather(
            *(outcome_of(line, job(line, f"report n {n}")) for n in range(100))
        )
    assert [number(outcome) for outcome in outcomes] == list(range(100))
    assert {outcome.owner for outcome in outcomes} == {"bo", "cy"}
    assert sum(seconds > 0 for seconds in village.hub.book.balances().values()) == 2
    info = await village.hub._js.stream_info("JOBS")
    await until(lambda: village.hub.dispatcher.going == 0)
    assert info.state.messages <= 100


async def test_failing_code_is_a_result(village: Village, ann: Person) -> None:
    await village.lend(await village.join("bo"))
    async with ann.line() as line:
        outcome = await outcome_of(line, job(line, "sing"))
    assert outcome.result is not None
    assert outcome.result.status is StepStatus.FAILED


async def test_a_node_that_goes_in_mid_step_is_replaced(village: Village, ann: Person) -> None:
    node, _ = await village.lend(await village.join("bo"))
    async with ann.line() as line:
        work = asyncio.create_task(outcome_of(line, job(line, "wait 0.3\nreport n 1")))
        await until(lambda: village.hub.roster.every()[0].running)
        # As if its cable were cut: it says nothing any more and hears nothing.
        _mute(node)
        gone = time.monotonic()
        await village.lend(await village.join("cy"))
        outcome = await work
        assert outcome.owner == "cy"
        assert time.monotonic() - gone < 10
    assert outcome.attempts == 2


async def test_what_has_waited_long_outlasts_that_nobody_is_there_for_a_moment(
    village: Village, ann: Person
) -> None:
    node, _ = await village.lend(await village.join("bo"))
    async with ann.line() as line:
        work = asyncio.create_task(outcome_of(line, job(line, "wait 0.3\nreport n 1")))
        await until(lambda: village.hub.roster.every()[0].running)
        (found,) = village.hub.dispatcher._open.values()
        found.since -= 1000
        _mute(node)
        await until(lambda: not village.hub.roster.every()[0].running)
        await village.lend(await village.join("cy"))
        assert (await work).owner == "cy"


def _mute(node: Any) -> None:
    async def nothing(subject: str, data: bytes) -> None:
        """Say nothing."""

    node._line.say = nothing


async def test_the_owner_takes_the_machine_back_at_once(village: Village, ann: Person) -> None:
    from intentos.mesh.lending import pause

    bo = await village.join("bo")
    node, _ = await village.lend(bo)
    async with ann.line() as line:
        work = asyncio.create_task(outcome_of(line, job(line, "wait 5\nreport n 1")))
        await until(lambda: node._jobs)
        await asyncio.to_thread(pause, bo.places.paused)
        assert await until(lambda: not node._jobs) < 4
        assert await until(lambda: village.hub.roster.every()[0].paused == "owner") < 4
        quick = asyncio.create_task(outcome_of(line, job(line, "report n 2")))
        await asyncio.sleep(0.3)
        assert not quick.done()
        work.cancel()
        bo.places.paused.unlink()
        assert number(await quick) == 2
        await asyncio.gather(work, return_exceptions=True)
    assert '"returned"' in bo.places.ran.read_text()


async def test_a_job_longer_than_any_lease_is_done_once(
    village: Village, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "LEASE_SECONDS", 0.6)
    await village.hub.stop()
    await village.open()
    ann = await village.join("ann2")
    bo = await village.join("bo")
    await village.lend(bo)
    async with ann.line() as line:
        assert number(await outcome_of(line, job(line, "wait 2\nreport n 3"))) == 3
    assert bo.places.ran.read_text().count("\n") == 1
    info = await village.hub._js.consumer_info("JOBS", "hub")
    assert info.delivered.consumer_seq == 1  # never delivered again


async def test_a_delivery_older_than_any_window_counts_once(village: Village, ann: Person) -> None:
    """The queue knows a message's id for two minutes; the book knows a job for ever."""
    bo = await village.join("bo")
    await village.lend(bo)
    async with ann.line() as line:
        first = job(line, "report n 4")
        outcome = await outcome_of(line, first)
        before = village.hub.book.head()
        await village.hub._js.publish(f"jobs.{ann.identity.id}", seal(ann.identity, first))
        heard = line.listen(first.key)
        answer = await asyncio.wait_for(heard.get(), 20)
        assert getattr(answer, "outcome", None) == outcome
    assert village.hub.book.head() == before
    assert bo.places.ran.read_text().count("\n") == 1


async def test_only_its_own_answer_to_this_attempt_counts(village: Village, ann: Person) -> None:
    bo, cy = await village.join("bo"), await village.join("cy")
    node, _ = await village.lend(bo)
    await village.lend(cy, owners=("nobody",))  # a node like any other, which gets no such job
    dispatcher = village.hub.dispatcher
    async with ann.line() as line:
        work = asyncio.create_task(outcome_of(line, job(line, "wait 1\nreport n 5")))
        await until(lambda: node._jobs)
        ((nonce, found),) = dispatcher._by_nonce.items()
        moment = now()
        lie = StepResult(
            step_id="s",
            executor="x",
            status=StepStatus.OK,
            values={"n": Quantity(value=666)},
            started_at=moment,
            finished_at=moment,
        )

        def forged(by: Identity, **changes: object) -> bytes:
            fields: dict[str, object] = {
                "key": found.job.key,
                "submitter": ann.identity.id,
                "nonce": nonce,
                "outcome": "result",
                "result": lie,
            }
            return seal(by, Done.model_validate(fields | changes))

        honest = village.hub.roster.get(bo.identity.id)
        assert honest is not None
        async with cy.line() as other:
            await other.say("done", forged(cy.identity))  # it is not cy's job
            await other.say("done", forged(bo.identity))
            await asyncio.sleep(0.1)
        dispatcher.done(honest, forged(cy.identity))  # another's signature
        dispatcher.done(honest, forged(bo.identity, nonce="0" * 32))
        dispatcher.done(honest, forged(bo.identity, key="0" * 26))
        dispatcher.done(honest, forged(bo.identity)[:-1])
        assert not found.over
        assert number(await work) == 5


async def test_a_task_that_got_lost_is_handed_out_again(village: Village, ann: Person) -> None:
    node, _ = await village.lend(await village.join("bo"))
    assert node._line.nats is not None
    id = node._identity.id
    subscription = next(one for one in node._line.nats._subs.values() if one.subject == f"run.{id}")
    await subscription.unsubscribe()  # as while the server is started again
    await node._line.nats.flush()
    async with ann.line() as line:
        work = asyncio.create_task(outcome_of(line, job(line, "report n 6")))
        await until(lambda: village.hub.roster.every()[0].running)
        await node._line.nats.subscribe(f"run.{id}", cb=node._handed)
        began = time.monotonic()
        outcome = await work
        assert (number(outcome), outcome.attempts) == (6, 2)
        assert time.monotonic() - began < 10


async def test_an_answer_that_got_lost_is_asked_for_again(village: Village, ann: Person) -> None:
    bo = await village.join("bo")
    node, _ = await village.lend(bo)
    say = node._line.say
    lost: list[bytes] = []

    async def lossy(subject: str, data: bytes) -> None:
        if subject == "done" and not lost:
            lost.append(data)
            return
        await say(subject, data)

    node._line.say = lossy  # type: ignore[method-assign]
    async with ann.line() as line:
        outcome = await outcome_of(line, job(line, "report n 6"))
    assert len(lost) == 1
    assert (number(outcome), outcome.attempts) == (6, 1)
    assert bo.places.ran.read_text().count("\n") == 1  # it was not run twice


async def test_what_the_hub_knows_nothing_of_is_stopped(village: Village, ann: Person) -> None:
    """Such as what a hub had handed out that was killed since."""
    node, _ = await village.lend(await village.join("bo"))
    async with ann.line() as line:
        work = asyncio.create_task(outcome_of(line, job(line, "wait 20")))
        await until(lambda: node._jobs)
        village.hub.dispatcher._by_nonce.clear()
        assert await until(lambda: not node._jobs) < 15
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def test_a_canceled_job_stops_where_it_runs(village: Village, ann: Person) -> None:
    node, _ = await village.lend(await village.join("bo"))
    async with ann.line() as line:
        long = job(line, "wait 20")
        work = asyncio.create_task(outcome_of(line, long))
        await until(lambda: node._jobs)
        assert (await line.ask(what="cancel", key=long.key)).status == "ok"
        assert await until(lambda: not node._jobs) < 15
        assert (await work).why == "canceled"


async def test_what_nobody_can_do_is_told(
    village: Village, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "PATIENCE", 0.5)
    await village.lend(await village.join("bo"))
    async with ann.line() as line:
        klingon = job(line, step=Step(id="s", language="klingon", code="x"))
        assert (await outcome_of(line, klingon)).why == "nobody"


async def test_a_node_without_the_kernel_gets_no_such_job(village: Village, ann: Person) -> None:
    bo, cy = await village.join("bo"), await village.join("cy")
    nodes = {}
    for person, version in ((bo, "old"), (cy, "new")):
        node, _ = await village.lend(person)
        assert node.offer is not None
        offer = {"languages": frozenset({"kernel"}), "kernels": {"field": version}}
        node.offer = Offer.model_validate(node.offer.model_dump() | offer)
        node._tell_offer = True
        nodes[version] = node
    await until(lambda: all(n.offer and n.offer.kernels for n in village.hub.roster.every()))
    async with ann.line() as line:
        step = Step(id="s", language="kernel", code="field", code_hash="new")
        wanted = job(line, step=step)
        free = village.hub.roster.free(wanted, "ann")
    assert [node.member.id for node in free] == [cy.identity.id]


async def test_a_step_that_wants_more_than_the_sandbox_is_not_taken(
    village: Village, ann: Person
) -> None:
    from intentos.errors import ExecutorUnavailable

    step = Step(id="s", language="words", code="say x", needs=frozenset({"network"}))
    async with ann.line() as line:
        with pytest.raises(ExecutorUnavailable) as error:
            await outcome_of(line, job(line, step=step))
    assert error.value.arguments["why"] == "needs"


class Greedy(WalledExecutor):
    """Wants a gigabyte."""

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Do the work if there is one."""
        result = await super().execute(step, context)
        if context.limits.memory_bytes >= 1024**3:
            return result
        starved = Problem(code="sandbox.memory", arguments={"line": 1, "memory": "", "what": ""})
        return result.model_copy(update={"status": StepStatus.FAILED, "error": starved})


async def test_a_step_that_a_node_has_too_little_memory_for_is_anothers(
    village: Village, ann: Person
) -> None:
    bo, cy = await village.join("bo"), await village.join("cy")
    cy.places.paused.touch()
    await village.lend(bo, HandRegistry(Greedy()), memory_bytes=256 * 1024**2)
    await village.lend(cy, HandRegistry(Greedy()), memory_bytes=2 * 1024**3)
    async with ann.line() as line:
        work = asyncio.create_task(outcome_of(line, job(line, "report n 1")))
        await until(lambda: bo.places.ran.exists() and "256 MB" in bo.places.ran.read_text())
        assert not work.done()
        cy.places.paused.unlink()
        outcome = await work
        assert (number(outcome), outcome.owner) == (1, "cy")
        for _ in range(3):  # from now on who lends enough is asked first
            outcome = await outcome_of(line, job(line, "report n 1"))
            assert (outcome.owner, outcome.attempts) == ("cy", 1)
        small = job(line, "report n 1", limits=Limits(memory_bytes=128 * 1024**2, wall_time=20))
        failed = await outcome_of(line, small)  # by its own limit: that is a result
        assert failed.result is not None
        assert failed.result.status is StepStatus.FAILED


async def test_who_may_only_run_may_not_send(village: Village) -> None:
    from intentos.errors import ExecutorUnavailable

    worker = await village.join("worker", role="node")
    async with worker.line() as line:
        with pytest.raises(ExecutorUnavailable) as error:
            await outcome_of(line, job(line))
    assert error.value.arguments["why"] == "role"


async def test_an_owner_may_serve_only_some(village: Village, ann: Person) -> None:
    zoe = await village.join("zoe")
    bo = await village.join("bo")
    await village.lend(bo, owners=("zoe",))
    async with zoe.line() as line:
        assert number(await outcome_of(line, job(line, "report n 1"))) == 1
    async with ann.line() as line:
        assert village.hub.roster.free(job(line), "ann") == []


# ---- verification --------------------------------------------------------------------


async def neighbours(village: Village, **executors: WalledExecutor) -> None:
    for name, executor in executors.items():
        await village.lend(await village.join(name), HandRegistry(executor), slots=8)


@pytest.mark.parametrize("verify", ["jury2", "jury3"])
async def test_a_jury_outvotes_a_liar(village: Village, ann: Person, verify: str) -> None:
    await neighbours(village, bo=WalledExecutor(), cy=WalledExecutor(), liar=Liar())
    async with ann.line() as line:
        outcomes = await asyncio.gather(
            *(outcome_of(line, job(line, "report n 8", verify=verify)) for _ in range(20))
        )
    assert {number(outcome) for outcome in outcomes} == {8}
    assert {outcome.verified for outcome in outcomes} == {"agreed"}
    assert village.hub.book.balances().get("liar", 0) == 0  # a lie is not paid


async def test_jurors_have_different_owners(village: Village, ann: Person) -> None:
    for name in ("one", "two"):
        await village.lend(await village.join(name, owner="bo"), HandRegistry(WalledExecutor()))
    async with ann.line() as line:
        outcome = await outcome_of(line, job(line, "report n 1", verify="jury2"))
    assert outcome.verified == "alone"


async def test_two_that_disagree_are_not_believed(village: Village, ann: Person) -> None:
    await neighbours(village, bo=WalledExecutor(), liar=Liar())
    async with ann.line() as line:
        outcome = await outcome_of(line, job(line, "report n 1", verify="jury2"))
    assert (outcome.result, outcome.why) == (None, "disagreement")
