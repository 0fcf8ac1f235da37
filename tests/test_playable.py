"""What a viewer's GPU is given to play a step of a run, and what it never gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from intentos import playable as module
from intentos.config import Settings
from intentos.errors import ExecutorError, IntentOSError, InvalidProgram, NotApproved, NotFound
from intentos.parameters import Parameter
from intentos.plan import Step
from intentos.playable import playable, playable_steps
from intentos.registry import Registry
from intentos.run import StepResult, StepStatus
from intentos.store import Store
from intentos.types import Words, now, sha256

from .executors.frame_steps import moving
from .live_runs import run_of, walking

READING = """@compute @workgroup_size(8, 8) fn draw(@builtin(global_invocation_id) id: vec3u) {
  pixels[id.y * 64u + id.x] = u32(given[id.y * 64u + id.x]) | 0xff000000u;
}"""


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    opened = Store(settings)
    yield opened
    opened.close()


def test_live_parameters_stay_open_and_the_others_are_there_too(
    registry: Registry, store: Store
) -> None:
    run = run_of(values={"level": 120, "colour": "#00ff00"}, seed=2**60 + 1)
    found = playable(run, "move", registry, store)
    assert [u.value for u in found.program.uniforms] == ["$level", "$colour"]
    assert found.values == {"level": 120, "colour": "#00ff00"}
    assert found.live == {"level"}
    assert found.accept("level", "7") == 7
    sent = json.loads(json.dumps(found.as_json(lambda sha: f"/x/{sha}"), allow_nan=False))
    assert sent["program"]["schema"] == 1
    assert sent["live"] == ["level"]
    assert sent["seed"] == "1152921504606846977"  # a JavaScript number would lose the 1
    assert sent["arrays"] == {}


def test_live_charts_are_called_as_the_plan_calls_its_numbers(
    registry: Registry, store: Store
) -> None:
    (probe,) = playable(run_of(), "move", registry, store).program.probes
    assert (probe.label_en, probe.label_zh) == ("double", "double")  # nobody has named it
    run = run_of()
    assert run.plan is not None
    plan = run.plan.model_copy(update={"labels": {"double": Words(en="Twice", zh="两倍")}})
    found = playable(run.model_copy(update={"plan": plan}), "move", registry, store)
    (sent,) = found.as_json(str)["program"]["probes"]
    assert (sent["name"], sent["label_en"], sent["label_zh"]) == ("double", "Twice", "两倍")


def test_a_kernels_live_argument_becomes_a_knob_and_the_rest_is_built_in(
    registry: Registry, store: Store
) -> None:
    number = {"label": Words(en="n", zh="数")}
    run = run_of(
        Step(
            id="draw",
            language="kernel",
            code="pixels",
            arguments={
                "value": "0.5 + 0.5*sin(k*x + t)",
                "parameters": {"k": "$k"},
                "width": "$side",
                "height": 64,
            },
        ),
        parameters=(
            Parameter(name="k", default=9, live=True, **number),
            Parameter(name="side", kind="integer", default=96, live=True, **number),
        ),
    )
    found = playable(run, "draw", registry, store)
    assert found.program.width == 96
    assert found.live == {"k"}  # the size is built in, whatever the plan says of it
    assert found.values == {"k": 9}


def test_arrays_come_as_the_plain_bytes_that_a_buffer_takes(
    registry: Registry, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = np.arange(64 * 48, dtype=np.int64)
    run = reading(store, numbers)
    found = playable(run, "move", registry, store)
    plain = numbers.astype("<i4").tobytes()
    assert {sha: path.read_bytes() for sha, path in found.arrays.items()} == {sha256(plain): plain}
    assert playable(run, "move", registry, store).arrays == found.arrays
    assert found.as_json(lambda sha: f"/{sha}")["arrays"] == {sha256(plain): f"/{sha256(plain)}"}

    monkeypatch.setattr(module, "KEPT_BYTES", len(plain))
    other = playable(reading(store, numbers + 1), "move", registry, store)
    assert [path.exists() for path in found.arrays.values()] == [False]
    assert [path.exists() for path in other.arrays.values()] == [True]


@pytest.mark.parametrize(
    ("run", "step", "kind", "code"),
    [
        (run_of(decision=None), "move", NotApproved, "play.not_approved"),
        (run_of(decision="reject"), "move", NotApproved, "play.not_approved"),
        (run_of(), "other", NotFound, "play.no_step"),
        (run_of().model_copy(update={"plan": None}), "move", NotFound, "play.no_step"),
        (
            run_of(Step(id="s", language="python", code="print(1)"), parameters=()),
            "s",
            InvalidProgram,
            "play.no_program",
        ),
        (run_of(walking(draw=[])), "move", InvalidProgram, "play.no_picture"),
    ],
)
def test_what_cannot_be_played_is_told(
    run: Any, step: str, kind: type[IntentOSError], code: str, registry: Registry, store: Store
) -> None:
    with pytest.raises(kind) as refused:
        playable(run, step, registry, store)
    assert refused.value.code == code


def test_the_steps_that_can_be_played_are_known_without_building_them() -> None:
    makes = Step(id="make", language="python", code="pass")
    assert playable_steps(run_of(makes, walking())) == ["move"]
    assert playable_steps(run_of(decision="reject")) == []
    assert playable_steps(run_of().model_copy(update={"plan": None})) == []


def test_another_plans_approval_does_not_count(registry: Registry, store: Store) -> None:
    run = run_of()
    edited = run_of(walking(frames=41)).plan
    with pytest.raises(NotApproved):
        playable(run.model_copy(update={"plan": edited}), "move", registry, store)


def test_a_kernel_that_has_changed_since_is_not_played(registry: Registry, store: Store) -> None:
    run = run_of(Step(id="draw", language="kernel", code="automaton"), parameters=())
    assert run.plan is not None
    step = run.plan.steps[0].model_copy(update={"code_hash": "0" * 64})
    plan = run.plan.model_copy(update={"steps": (step,)})
    approval = run.approval and run.approval.model_copy(update={"plan_digest": plan.digest})
    changed = run.model_copy(update={"plan": plan, "approval": approval})
    with pytest.raises(NotApproved) as refused:
        playable(changed, "draw", registry, store)
    assert refused.value.code == "gpu.code_changed"


def test_an_array_that_is_not_made_yet_or_gone_is_told(registry: Registry, store: Store) -> None:
    run = reading(store, np.arange(64 * 48))
    with pytest.raises(ExecutorError) as early:
        playable(run.model_copy(update={"results": ()}), "move", registry, store)
    assert early.value.code == "runtime.no_input"
    store.path(run.results[0].artifacts[0].id).unlink()
    with pytest.raises(NotFound) as gone:
        playable(run, "move", registry, store)
    assert gone.value.code == "store.no_artifact"


def reading(store: Store, numbers: Any) -> Any:
    """A run whose first step left an array that the second one draws."""
    file = BytesIO()
    np.save(file, numbers)
    artifact = store.put(
        file.getvalue(), name="n.npy", media_type="application/x-npy", step_id="make"
    )
    moment = now()
    made = StepResult(
        step_id="make",
        executor="sandbox",
        status=StepStatus.OK,
        artifacts=(artifact,),
        started_at=moment,
        finished_at=moment,
    )
    buffers = [
        {"name": "pixels", "type": "u32", "length": 64 * 48},
        {"name": "given", "type": "i32", "length": 64 * 48, "data": "@numbers"},
    ]
    draws = moving(2, code=READING, buffers=buffers, outputs=[], probes=[])
    draws = draws.model_copy(update={"inputs": {"numbers": "make/n.npy"}})
    makes = Step(id="make", language="python", code="save('n.npy', n)")
    return run_of(makes, draws, parameters=(), results=(made,))
