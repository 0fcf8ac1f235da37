"""A run and its replay: identical, within tolerance, different, or not to be had."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intentos import cli
from intentos.certificate import certificate
from intentos.config import Settings
from intentos.conversation import Conversation, Options, make_intent
from intentos.errors import ExecutorUnavailable, Missing, UsageError
from intentos.plan import Plan, Slot, Step
from intentos.policy import ApproveAll
from intentos.raw_hash import RawHash, Tolerance
from intentos.registry import Registry
from intentos.replay import Comparison, compare, document, replayable
from intentos.run import Run, RunStatus, StepResult
from intentos.store import Store
from intentos.types import Attachment, Intent, Profile, Quantity, Words, canonical_json, now

from .parts import HandRegistry, InstantExecutor, plan_of

RECIPES = (
    "aurora",
    "game_of_life",
    "gray_scott",
    "lissajous",
    "dice_sum",
    "galaxies_collide",
    "gas_mixing",
    "bird_flock",
    "city_traffic",
    "dla_crystal",
    "karman_vortices",
    "waving_flag",
)
"""One of each of twelve kernels."""


@pytest.fixture
async def conversation(settings: Settings) -> AsyncIterator[Conversation]:
    """A conversation on what is installed, that says yes."""
    made = Conversation(settings, ApproveAll("test"), called_at=0)
    yield made
    await made.close()
    made.store.close()


async def run(conversation: Conversation, plan: Plan, **options: Any) -> Run:
    """Run a plan to its end."""
    intent = make_intent("a test", conversation="test", language="en")
    return await conversation.run(intent, Options(**options), lambda event: None, plan=plan)


async def replay(conversation: Conversation, before: Run) -> Comparison:
    """Run a run's plan once more and compare."""
    plan = replayable(before, conversation.registry, conversation.store)
    after = await run(conversation, plan, values=before.values, seed=before.seed)
    return compare(before, after, conversation.store)


def recipe(name: str) -> Path:
    """Return the file of a recipe."""
    folder = Path(__file__).parent.parent / "planners" / "recipes"
    (found,) = folder.rglob(f"{name}.yaml")
    return found


async def test_twelve_kernels_replay_to_the_same_bits(conversation: Conversation) -> None:
    try:
        conversation.registry.executor("webgpu").check()
    except ExecutorUnavailable as error:
        pytest.skip(f"no GPU adapter: {error}")
    planner = conversation.registry.planner(settings=conversation.settings)
    await conversation.runtime.warm()
    kernels = set()
    for name in RECIPES:
        (proposal,) = planner.recipes.read(recipe(name))
        plan = conversation.registry.pin(proposal.plan)
        before = await run(conversation, plan, values=proposal.values)
        assert before.status is RunStatus.COMPLETED, (name, before.error)
        compared = await replay(conversation, before)
        different = [f for f in compared.findings if f.verdict != "identical"]
        assert not different, (name, different)
        assert any(f.output in ("film", "picture") for f in compared.findings), name
        kernels |= {step.code for step in plan.steps if step.language == "kernel"}
    assert len(kernels) == len(RECIPES)


PYTHON = """
import numpy as np, matplotlib.pyplot as plt, random
from scipy import linalg
a = np.random.default_rng().normal(size=(300, 300))
report("largest", np.abs(linalg.eigvals(a @ a.T)).max())
report("any", random.random())
report("order", "".join({"a", "b", "c", "d", "e"}))
plt.plot(np.cumsum(np.random.randn(500)))
save("walk", plt.gcf())
save("walk.svg", plt.gcf())
save("walk.pdf", plt.gcf())
save("all", {"a": a, "b": a @ a})
save("a", a)
save("dance", [np.full((20, 30, 3), i * 20, np.uint8) for i in range(8)])
"""


async def test_a_python_step_replays_to_the_same_bits(conversation: Conversation) -> None:
    try:
        conversation.registry.executor("sandbox").check()
    except ExecutorUnavailable as error:
        pytest.skip(str(error))
    step = Step(id="work", language="python", code=PYTHON)
    before = await run(conversation, plan_of(steps=(step,)))
    assert before.status is RunStatus.COMPLETED, before.error
    compared = await replay(conversation, before)
    assert [f for f in compared.findings if f.verdict != "identical"] == []
    assert {f.output for f in compared.findings} == {
        "largest", "any", "order", "walk.png", "walk.svg", "walk.pdf", "all.npz", "a.npy", "dance",
    }  # fmt: skip
    assert compared.notes == ()


async def test_what_is_drawn_from_the_clock_is_different(conversation: Conversation) -> None:
    try:
        conversation.registry.executor("sandbox").check()
    except ExecutorUnavailable as error:
        pytest.skip(str(error))
    code = 'import time\nreport("same", 1.5)\nreport("clock", time.time_ns())'
    step = Step(id="work", language="python", code=code)
    compared = await replay(conversation, await run(conversation, plan_of(steps=(step,))))
    assert compared.verdict == "different"
    assert compared.first is not None
    assert compared.first.output == "clock"
    assert [f.verdict for f in compared.findings] == ["identical", "different"]


# What two machines give is made by hand: two results with other bytes under one plan.


@pytest.fixture
def store(settings: Settings) -> Store:
    """An empty store."""
    return Store(settings)


def made(store: Store, *, number: float = 1.0, device: str = "card A", **changes: Any) -> Run:
    """Return a completed run with one number, an array, a table and a film."""
    array = changes.pop("array", np.arange(100.0))
    table = changes.pop("table", "frame,time\n0,0.0\n1,0.5\n")
    sketch = changes.pop("sketch", bytes(192))
    tolerance = changes.pop("tolerance", Tolerance(relative=1e-3, absolute=1e-6, pixels=2))
    buffer = io.BytesIO()
    np.save(buffer, array)
    files = [
        store.put(buffer.getvalue(), name="a.npy", media_type="application/x-npy", step_id="s1"),
        store.put(table.encode(), name="t.csv", media_type="text/csv", step_id="s1"),
        store.put(b"film" + sketch, name="film.mp4", media_type="video/mp4", step_id="s1"),
    ]
    from intentos.executors.raw_hashes import array_hash
    from intentos.raw_hash import encoded
    from intentos.types import sha256

    film = RawHash(
        name="film",
        kind="film",
        sha256=sha256(sketch),
        files=("film.mp4",),
        shape=changes.pop("shape", (1, 8, 8)),
        dtype="rgba8",
        marks=encoded(sketch[:8]),
        sketch=encoded(sketch),
    )
    result = StepResult(
        step_id="s1",
        executor="webgpu",
        status="ok",
        values={"number": Quantity(value=number)},
        artifacts=tuple(files),
        device=device,
        versions={"python": "3", "wgpu": changes.pop("wgpu", "1")},
        hashes=(array_hash("a", "a.npy", array), film),
        tolerance=tolerance,
        started_at=now(),
        finished_at=now(),
    )
    run = Run(
        id="0" * 26,
        intent=Intent(text="x", language="en"),
        plan=plan_of("say hi"),
        status=RunStatus.COMPLETED,
        results=(result,),
        created_at=now(),
    )
    return run.model_copy(update=changes)


def judged(store: Store, **changes: Any) -> tuple[str, str]:
    """Return the verdict, and in English what differs first, of a run whose replay has changes."""
    compared = compare(made(store), made(store, **changes), store)
    first = compared.first
    return compared.verdict, first.detail.text("en") if first and first.detail else ""


def test_the_same_is_identical(store: Store) -> None:
    assert judged(store) == ("identical", "")


@pytest.mark.parametrize(
    ("changes", "verdict", "said"),
    [
        ({"number": 1.0005}, "within_tolerance", "0.0005 of the value (tolerance 0.001)"),
        ({"number": 1.01}, "different", "number was 1 and is 1.01"),
        ({"number": float("1e300")}, "different", "number was 1"),
        ({"array": np.arange(100.0) * 1.0001}, "within_tolerance", "0.0099"),
        ({"array": np.arange(100.0) * 1.01}, "different", "99.00% of it"),
        ({"array": np.arange(99.0)}, "different", "was float64 (100,) and is float64 (99,)"),
        ({"table": "frame,time\n0,0.0\n1,0.5001\n"}, "within_tolerance", "from line 3 on"),
        ({"table": "frame,time\n0,0.0\n1,0.6\n"}, "different", "from line 3 on"),
        ({"table": "frame,time\n0,0.0\n"}, "different", "other cells in line 3"),
        ({"sketch": bytes([1] * 192)}, "within_tolerance", "at most 1 of 255 levels"),
        ({"sketch": bytes([9] * 192)}, "different", "from frame 0 on, by at most 9"),
        ({"shape": (2, 8, 8), "sketch": bytes([1] * 192)}, "different", "1 × 8 × 8"),
    ],
)
def test_how_far_off_is_told(
    store: Store, changes: dict[str, Any], verdict: str, said: str
) -> None:
    found, text = judged(store, **changes)
    assert found == verdict
    assert said in text


def test_a_single_worse_result_decides(store: Store) -> None:
    assert judged(store, number=1.0005, array=np.arange(100.0) * 2)[0] == "different"


def test_another_device_and_another_version_are_told(store: Store) -> None:
    compared = compare(made(store), made(store, device="card B", wgpu="2"), store)
    assert compared.verdict == "identical"
    assert [note.text("en") for note in compared.notes] == [
        "The device is another one: card A then, card B now.",
        "wgpu is another version: 1 then, 2 now.",
    ]
    whole = document(compared, made(store), "zh")
    assert "设备不同" in whole["notes"][0]
    json.dumps(whole, allow_nan=False)


def test_a_file_that_is_no_array_is_only_compared_by_its_bytes(store: Store) -> None:
    before, after = made(store), made(store, array=np.array([{"a": 1}], dtype=object))
    assert compare(before, after, store).verdict == "different"  # and nothing was unpickled


# Certificates.


def test_a_certificate_says_what_went_in_and_what_came_out(store: Store) -> None:
    run = made(store)
    proof = certificate(run)
    assert proof is not None
    assert run.plan is not None
    assert proof.plan_digest == run.plan.digest
    (step,) = proof.steps
    assert [(o.name, o.kind) for o in step.outputs] == [
        ("a", "array"),
        ("film", "film"),
        ("t.csv", "file"),
    ]
    assert step.code_hash == run.plan.steps[0].code_hash
    text = canonical_json(proof.document())
    assert json.loads(text)["schema"] == 1
    assert type(proof).model_validate_json(proof.model_dump_json()) == proof


def test_two_runs_that_gave_the_same_share_the_certificates_digest(store: Store) -> None:
    digests = {
        proof.digest
        for run in (made(store), made(store, id="1" * 26), made(store, number=2.0))
        if (proof := certificate(run)) is not None
    }
    assert len(digests) == 2


def test_a_run_of_an_older_version_has_none_and_can_be_run_again(store: Store) -> None:
    run = made(store)
    old = run.results[0].model_copy(update={"versions": {}, "hashes": ()})
    run = run.model_copy(update={"results": (old,)})
    assert certificate(run) is None
    with pytest.raises(Missing) as error:
        replayable(run, HandRegistry(InstantExecutor()), store)
    assert error.value.exit_code == 4
    assert "intentos rerun" in error.value.text("en")


def test_a_run_that_did_not_complete_is_no_run_to_replay(store: Store) -> None:
    with pytest.raises(UsageError):
        replayable(made(store, status=RunStatus.CANCELED), HandRegistry(), store)


def test_other_code_under_the_same_name_is_no_replay(store: Store) -> None:
    step = Step(id="s1", language="kernel", code="pixels", code_hash="0" * 64)
    run = made(store, plan=plan_of(steps=(step,)))
    with pytest.raises(Missing) as error:
        replayable(run, Registry(), store)
    assert error.value.code == "replay.code_changed"
    assert "000000000000" in error.value.text("zh")
    gone = step.model_copy(update={"code": "nowhere"})
    with pytest.raises(Missing) as error:
        replayable(made(store, plan=plan_of(steps=(gone,))), Registry(), store)
    assert error.value.code == "replay.no_kernel"


def test_an_attachment_that_is_gone_is_named(store: Store) -> None:
    slot = Slot(name="data", label=Words(en="data"), kind="table")
    kept = store.put(b"a\n1\n", name="x.csv", media_type="text/csv", step_id="attachment")
    attachment = Attachment(
        id=kept.id,
        name="x.csv",
        media_type="text/csv",
        size=4,
        key="data",
        plain=kept.id,
        profile=Profile(kind="table", media_type="text/csv"),
    )
    intent = Intent(text="x", language="en", attachments=(attachment,))
    step = Step(id="s1", language="words", code="read data", inputs={"data": "attachment/data"})
    run = made(store, plan=plan_of(steps=(step,), attachments=(slot,)), intent=intent)
    proof = certificate(run)
    assert proof is not None
    assert proof.steps[0].inputs == {"data": kept.id}
    registry = HandRegistry(InstantExecutor())
    assert replayable(run, registry, store) == run.plan
    store.path(kept.id).unlink()
    with pytest.raises(Missing) as error:
        replayable(run, registry, store)
    assert error.value.code == "replay.no_attachment"


# The command.


def test_the_command_says_identical_and_asks_nobody(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    from typer.testing import CliRunner

    from intentos import cli_replay

    try:
        Registry().executor("sandbox").check()
    except ExecutorUnavailable as error:
        pytest.skip(str(error))
    app = _app(cli_replay.register)
    before = _python_run(settings, 'report("six", 2 * 3)')
    done = CliRunner().invoke(app, ["replay", before.id, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["replay"]["verdict"] == "identical"
    assert told["replay"]["of"] == told["parent_run"] == before.id
    assert told["values"] == {"six": {"value": 6, "unit": ""}}

    other = _python_run(settings, 'import time\nreport("now", time.time() % 1)')
    done = CliRunner().invoke(app, ["replay", other.id])
    assert done.exit_code == 1
    assert "now was" in done.stdout

    done = CliRunner().invoke(app, ["replay", "nothing", "--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout)["error"]["code"] == "store.no_run"


def _app(register: Any) -> Any:
    import typer

    app = typer.Typer()
    register(app)
    app.command("unused")(lambda: None)  # so that `replay` is a command of several
    cli.Call.at = 0.0
    return app


def _python_run(settings: Settings, code: str) -> Run:
    import asyncio

    async def work() -> Run:
        conversation = Conversation(settings, ApproveAll("test"), called_at=0)
        step = Step(id="work", language="python", code=code)
        try:
            return await run(conversation, plan_of(steps=(step,)))
        finally:
            await conversation.close()
            conversation.store.close()

    return asyncio.run(work())
