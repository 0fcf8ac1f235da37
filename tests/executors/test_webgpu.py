"""The executor ``webgpu`` on a real adapter (lavapipe where there is no GPU)."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from intentos.errors import ExecutorUnavailable, NotApproved, StoreError
from intentos.events import FrameDrawn, ProbeRead, ProgressMade
from intentos.executors.webgpu import WebGPUExecutor
from intentos.plan import Step
from intentos.registry import Registry
from intentos.run import StepStatus
from intentos.testing import ExecutorContract, Recorder, Samples, descendants, until
from intentos.types import Limits, sha256

from .frame_steps import endless, moving, processes

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes in /proc")


class TestContract(ExecutorContract):
    samples = Samples(
        language="wgsl",
        hello=moving(2),
        stdout="",
        fails=moving(code="@compute @workgroup_size(1) fn draw() { let x = ; }"),
        sleeps=endless(),
        makes_file=moving(2),
        meets=moving(3),
    )

    @pytest.fixture
    def executor(self) -> WebGPUExecutor:
        return WebGPUExecutor()


@pytest.fixture
def executor() -> WebGPUExecutor:
    made = WebGPUExecutor()
    try:
        made.check()
    except ExecutorUnavailable as error:
        pytest.skip(f"no GPU adapter: {error}")
    return made


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "steps")


async def test_a_film_with_its_series_outputs_values_and_events(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    context = recorder.context()
    result = await executor.execute(moving(40), context)
    assert result.status is StepStatus.OK
    assert [(a.name, a.media_type) for a in result.artifacts] == [
        ("film.mp4", "video/mp4"),
        ("film.gif", "image/gif"),
        ("series.csv", "text/csv"),
        ("total.npy", "application/x-npy"),
    ]
    assert np.load(io.BytesIO(recorder.saved["total.npy"][0])).tolist() == [78]
    lines = recorder.saved["series.csv"][0].decode().splitlines()
    assert lines[:3] == ["frame,time,double", "0,0,0.0", "3,3,6.0"]
    assert len(lines) == 1 + 14
    assert (result.values["double"].value, result.values["double"].unit) == (78.0, "px")
    assert [(c.name, c.status) for c in result.checks] == [("frames_drawn", "passed")]
    assert result.checks[0].detail == "40/40, distinct 40"
    assert result.device.count(" · ") == 2

    drawn = [e for e in recorder.events if isinstance(e, FrameDrawn)]
    assert [e.index for e in drawn] == list(range(40))
    assert {(e.step_id, e.count, e.width, e.height) for e in drawn} == {("move", 40, 64, 48)}
    raw = np.fromfile(drawn[0].reference, np.uint8).reshape(40, 48, 64, 4)
    assert all(np.flatnonzero(raw[i, 0, :, 0]).tolist() == [i] for i in range(40))
    with Image.open(io.BytesIO(recorder.saved["film.gif"][0])) as gif:
        assert getattr(gif, "n_frames", 1) == 40
    probes = [e for e in recorder.events if isinstance(e, ProbeRead)]
    assert [(e.name, e.frame, e.value) for e in probes[:2]] == [("double", 0, 0), ("double", 3, 6)]
    progress = [e for e in recorder.events if isinstance(e, ProgressMade)]
    assert {e.stage for e in progress} == {"stage.drawing", "stage.encoding"}
    assert [e.fraction for e in progress if e.stage == "stage.drawing"][-1] == 1


async def test_one_frame_is_a_picture_and_parameters_reach_the_shader(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    step = moving(
        "$frames",  # type: ignore[arg-type]
        uniforms=[
            {"name": "level", "value": "$level"},
            {"name": "colour", "type": "vec4f", "value": "$colour"},
        ],
    )
    values: dict[str, Any] = {"level": 123, "colour": "#003300", "frames": 1}
    result = await executor.execute(step, recorder.context(values=values))
    assert result.status is StepStatus.OK, result.error
    assert [a.name for a in result.artifacts] == ["picture.png", "series.csv", "total.npy"]
    with Image.open(io.BytesIO(recorder.saved["picture.png"][0])) as picture:
        assert picture.size == (64, 48)
        assert [picture.getpixel((x, 5)) for x in (0, 1)] == [(123, 0, 0), (0, 0, 0)]
    assert result.values["double"].value == pytest.approx(0x33 / 255)


async def test_a_film_that_does_not_move_fails_its_check(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    still = moving(3, uniforms=[*_uniforms(level=0)])
    result = await executor.execute(still, recorder.context())
    assert [(c.status, c.detail) for c in result.checks] == [("failed", "3/3, distinct 1")]


async def test_a_kernel_runs_and_judges_itself(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    step = _kernel_step()
    assert (executor.estimate(step, {}).memory_bytes or 0) >= 64 * 64 * 4
    result = await executor.execute(step, recorder.context())
    assert result.status is StepStatus.OK, result.error
    assert {"film.mp4", "film.gif"} <= recorder.saved.keys()
    assert "frames_drawn" in [c.name for c in result.checks]
    assert all(c.status != "failed" for c in result.checks), result.checks


async def test_a_kernel_that_was_not_approved_is_refused(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    step = _kernel_step().model_copy(update={"code_hash": "0" * 64})
    with pytest.raises(NotApproved) as error:
        await executor.execute(step, recorder.context())
    assert error.value.code == "gpu.code_changed"
    assert recorder.saved == {}


async def test_an_argument_out_of_range_is_a_failed_step(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    step = _kernel_step(width=7)
    result = await executor.execute(step, recorder.context())
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert "width" in result.error.text("en")


async def test_a_shader_error_names_its_line_in_both_languages(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    code = "// one\n// two\n@compute @workgroup_size(1) fn draw() { pixels[0] = nothing; }"
    result = await executor.execute(moving(code=code), recorder.context())
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert "line 3" in result.error.text("en")
    assert "nothing" in result.error.text("en")
    assert "第 3 行" in result.error.text("zh")


async def test_the_same_seed_gives_the_same_bytes(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    code = """@compute @workgroup_size(8, 8) fn draw(@builtin(global_invocation_id) id: vec3u) {
      pixels[id.y * 64u + id.x] = (id.x * 747796405u + id.y) ^ uniforms.seed ^ uniforms.frame;
    }"""
    raw = []
    for seed in (1, 1, 2):
        context = recorder.context(seed=seed)
        await executor.execute(moving(3, code=code), context)
        raw.append((context.workdir / "frames.rgba").read_bytes())
    assert raw[0] == raw[1] != raw[2]


async def test_inputs_become_buffers_by_their_hash(
    executor: WebGPUExecutor, recorder: Recorder, tmp_path: Path
) -> None:
    array = np.arange(64 * 48, dtype=np.uint32) | np.uint32(0xFF000000)
    path = tmp_path / "array"
    path.write_bytes(array.tobytes())
    data = {"sha256": sha256(array.tobytes()), "dtype": "uint32", "shape": [64 * 48]}
    buffers = [
        {"name": "pixels", "type": "u32", "length": 64 * 48},
        {"name": "given", "type": "u32", "length": 64 * 48, "data": data},
    ]
    code = """@compute @workgroup_size(8, 8) fn draw(@builtin(global_invocation_id) id: vec3u) {
      pixels[id.y * 64u + id.x] = given[id.y * 64u + id.x];
    }"""
    step = moving(1, code=code, buffers=buffers, outputs=[], probes=[])
    context = recorder.context(inputs={"array": path})
    result = await executor.execute(step, context)
    assert result.status is StepStatus.OK, result.error
    assert (context.workdir / "frames.rgba").read_bytes() == array.tobytes()
    without = await executor.execute(step, recorder.context())
    assert without.error is not None
    assert without.error.code == "gpu.no_data"


async def test_a_program_without_pictures_still_computes(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    code = "@compute @workgroup_size(1) fn add() { sum[0] += 1.0; }"
    one = [{"entry": "add", "dispatch": [1, 1, 1]}]
    step = moving(5, code=code, draw=[], step=one, steps_per_frame=4)
    result = await executor.execute(step, recorder.context())
    assert result.status is StepStatus.OK, result.error
    assert [a.name for a in result.artifacts] == ["series.csv", "total.npy"]
    assert np.load(io.BytesIO(recorder.saved["total.npy"][0])).tolist() == [16]
    assert result.checks[0].status == "passed"


@pytest.mark.parametrize(
    ("limits", "changes", "code"),
    [
        ({"memory_bytes": 64 * 1024**2}, {"length": 20_000_000}, "gpu.memory"),
        ({"artifact_bytes": 2048}, {"frames": 40}, "gpu.film_too_long"),
        ({"artifact_bytes": 1024}, {"frames": 1, "length": 2000}, "gpu.artifacts"),
    ],
)
async def test_limits_are_refused_with_what_would_fit(
    executor: WebGPUExecutor,
    recorder: Recorder,
    limits: dict[str, int],
    changes: dict[str, int],
    code: str,
) -> None:
    length = changes.get("length", 1)
    step = moving(
        changes.get("frames", 1),
        buffers=[
            {"name": "pixels", "type": "u32", "length": 64 * 48},
            {"name": "sum", "type": "f32", "length": length},
        ],
        outputs=[{"buffer": "sum", "name": "sum", "dtype": "float32", "shape": [length]}],
    )
    result = await executor.execute(step, recorder.context(limits=Limits(**limits)))
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert result.error.code == code
    assert recorder.saved == {}


async def test_an_endless_shader_is_found_out_by_its_silence(recorder: Recorder) -> None:
    executor = WebGPUExecutor(silence=4)
    before, begun = descendants(), time.monotonic()
    result = await executor.execute(endless(), recorder.context())
    assert result.status is StepStatus.TIMED_OUT
    assert result.error is not None
    assert result.error.code == "gpu.hung"
    assert time.monotonic() - begun < 60
    assert descendants() <= before


async def test_slow_work_that_goes_on_is_not_taken_for_silence(recorder: Recorder) -> None:
    """One frame takes longer than the silence allowed; its batches say that it lives."""
    code = """
    @compute @workgroup_size(64) fn slow(@builtin(global_invocation_id) id: vec3u) {
      var x = id.x;
      for (var i = 0u; i < 60000u; i++) { x = x * 747796405u + 2891336453u; }
      sum[0] = f32(x);
    }"""
    passes = [{"entry": "slow", "dispatch": [256, 1, 1], "repeat": 10_000}]
    step = moving(2, code=code, draw=[], start=passes, probes=[], outputs=[])
    context = recorder.context(limits=Limits(wall_time=12))
    result = await WebGPUExecutor(silence=6).execute(step, context)
    assert result.error is not None
    assert result.error.code == "gpu.wall_time"


@on_linux
async def test_a_killed_worker_is_a_failed_step_that_says_so(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    context = recorder.context()
    task = asyncio.create_task(executor.execute(endless(), context))
    await asyncio.sleep(2)
    for pid in processes(context.workdir):
        os.kill(pid, signal.SIGKILL)
    result = await task
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert result.error.code == "gpu.worker_died"
    assert "signal 9" in result.error.text("en")


@on_linux
async def test_a_judge_that_stumbles_is_a_failed_check_and_the_result_stays(
    executor: WebGPUExecutor, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = _kernel_step()
    kernel = executor._registry.kernel(step.code)

    def stumble(evidence: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(kernel, "conclude", stumble)
    result = await executor.execute(step, recorder.context())
    assert result.status is StepStatus.OK
    assert result.artifacts
    # What else is judged needs no judge of the kernel's.
    judged = {c.name: c.status for c in result.checks}
    assert judged == {"judged": "failed", "gpu_and_numpy": "passed"}
    assert "division by zero" in result.checks[0].detail


async def test_a_warm_executor_has_a_fresh_worker_ready_for_every_step(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    await executor.warm()
    spare = executor._spare
    assert spare is not None
    for _ in range(2):
        first = spare._worker
        assert first is not None
        result = await executor.execute(moving(3), recorder.context())
        assert result.status is StepStatus.OK, result.error
        assert spare._worker is not first
        assert not first.lives
    # One that was killed while it waited is not handed out.
    assert spare._worker is not None
    spare._worker._process.kill()
    await spare._worker._process.wait()
    assert (await executor.execute(moving(3), recorder.context())).status is StepStatus.OK
    last = spare._worker
    await executor.cool()
    assert not last.lives
    assert (await executor.execute(moving(3), recorder.context())).status is StepStatus.OK


async def test_canceling_while_the_film_is_made_leaves_no_process_and_a_quick_film(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    noise = """@compute @workgroup_size(8, 8) fn draw(@builtin(global_invocation_id) id: vec3u) {
      let i = id.y * 512u + id.x;
      pixels[i] = ((i + uniforms.frame * 262144u) * 747796405u + 2891336453u) | 0xff000000u;
    }"""
    step = moving(
        60,
        code=noise,
        width=512,
        height=512,
        buffers=[{"name": "pixels", "type": "u32", "length": 512 * 512}],
        draw=[{"entry": "draw", "dispatch": [64, 64, 1]}],
        outputs=[],
        probes=[],
    )
    encoding = asyncio.Event()
    before = descendants()

    def emit(event: object) -> None:
        if isinstance(event, ProgressMade) and event.stage == "stage.encoding":
            encoding.set()

    context = replace(recorder.context(), emit=emit)
    task = asyncio.create_task(executor.execute(step, context))
    await asyncio.wait_for(encoding.wait(), 60)
    begun = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - begun < 5
    assert descendants() <= before
    assert processes(context.workdir) == set()
    assert recorder.saved.keys() <= {"stopped.png", "stopped.mp4"}  # as far as there was time


@on_linux
def test_kill_9_of_the_program_leaves_no_worker(tmp_path: Path) -> None:
    script = """
    import asyncio, sys
    from dataclasses import replace
    from pathlib import Path
    from intentos.executors.webgpu import WebGPUExecutor
    from intentos.plan import Step
    from intentos.testing import Recorder

    step = Step.model_validate_json(sys.argv[2])
    context = Recorder(Path(sys.argv[1])).context()
    context = replace(context, emit=lambda event: print(event.kind, flush=True))
    asyncio.run(WebGPUExecutor().execute(step, context))
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), str(tmp_path), endless().model_dump_json()],
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    with parent.stdout as told:
        assert told.readline() == b"progress_made\n"  # frame 0; the endless round comes next
        time.sleep(1)
        working = processes(tmp_path)
        parent.kill()
        parent.wait()
    assert len(working) == 1
    until(lambda: not processes(tmp_path), "the worker outlived the program")


@on_linux
async def test_a_full_disk_is_told(executor: WebGPUExecutor, recorder: Recorder) -> None:
    context = recorder.context()
    (context.workdir / "frames.rgba").symlink_to("/dev/full")
    with pytest.raises(StoreError) as error:
        await executor.execute(moving(2), context)
    assert error.value.code == "film.no_space"


@on_linux
def test_check_without_a_driver_names_the_remedy(
    monkeypatch: pytest.MonkeyPatch, without_drivers: None
) -> None:
    with pytest.raises(ExecutorUnavailable) as error:
        WebGPUExecutor().check()
    assert error.value.code == "gpu.no_adapter"
    assert "mesa-vulkan-drivers" in error.value.text("zh")


def test_check_of_an_adapter_that_is_not_there_lists_those_that_are(
    executor: WebGPUExecutor,
) -> None:
    with pytest.raises(ExecutorUnavailable) as error:
        WebGPUExecutor(adapter="no such adapter").check()
    assert error.value.code == "gpu.unknown_adapter"
    assert " · " in str(error.value.arguments["known"])


def _uniforms(level: int) -> list[dict[str, Any]]:
    return [
        {"name": "level", "value": level},
        {"name": "colour", "type": "vec4f", "value": [0, 0, 0, 0]},
    ]


def _kernel_step(**changes: Any) -> Step:
    arguments = {"value": "0.5 + 0.5*sin(6*x + t)", "width": 64, "height": 64, "frames": 6}
    kernel = Registry().kernel("pixels")
    return Step(
        id="wave",
        language="kernel",
        code="pixels",
        code_hash=kernel.code_hash,
        arguments=arguments | changes,
        needs={"gpu"},
    )
