"""Shaders from strangers: loops without end, indices beyond buffers, buffers beyond memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy
import pytest

from intentos.errors import ExecutorUnavailable
from intentos.executors.webgpu import WebGPUExecutor
from intentos.plan import Step
from intentos.run import StepResult, StepStatus
from intentos.testing import PATIENCE, Recorder, assert_explained, descendants, until
from intentos.types import Limits


@pytest.fixture
def executor() -> WebGPUExecutor:
    made = WebGPUExecutor(silence=4)
    try:
        made.check()
    except ExecutorUnavailable as error:
        pytest.skip(f"no GPU adapter: {error}")
    return made


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "steps")


def shader(code: str, **arguments: Any) -> Step:
    """Return a step that runs ``main`` once and saves the buffer ``out``."""
    usual = {
        "buffers": [{"name": "out", "type": "u32", "length": 64}],
        "start": [{"entry": "main", "dispatch": [1, 1, 1]}],
        "outputs": [{"buffer": "out", "name": "out", "dtype": "uint32", "shape": [64]}],
        "width": 1,
        "height": 1,
        "frames": 1,
    }
    return Step(id="shader", language="wgsl", code=code, arguments=usual | arguments, needs={"gpu"})


async def refused(executor: WebGPUExecutor, recorder: Recorder, step: Step, **limits: float) -> str:
    """Run a step that must fail, and return the code of its error."""
    result: StepResult = await executor.execute(
        step, recorder.context(limits=Limits.model_validate({"wall_time": 60} | limits))
    )
    assert result.status in (StepStatus.FAILED, StepStatus.TIMED_OUT), result
    assert_explained(result)
    assert result.error is not None
    return result.error.code


HONEST = (
    "@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { out[i] = i; }"
)


async def test_an_honest_shader_runs(executor: WebGPUExecutor, recorder: Recorder) -> None:
    result = await executor.execute(shader(HONEST), recorder.context())
    assert result.status is StepStatus.OK, result.error


ENDLESS: dict[str, tuple[str, dict[str, Any]]] = {
    "a loop in one dispatch": (
        """@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id: vec3u) {
          loop { if (atomicAdd(&counter[id.x % 4u], 1u) == 4294967295u
                     && atomicLoad(&counter[5]) == 1u) { break; } } }""",
        {"start": [{"entry": "main", "dispatch": [65_535, 1, 1]}]},
    ),
    "ten thousand dispatches a frame": (
        """@compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id: vec3u) {
          var x = id.x;
          for (var i = 0u; i < 20000u; i++) { x = x * 747796405u + 2891336453u; }
          atomicAdd(&counter[0], x); }""",
        {"start": [{"entry": "main", "dispatch": [4096, 1, 1], "repeat": 10_000}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ENDLESS)
async def test_a_shader_that_never_ends(
    name: str, executor: WebGPUExecutor, recorder: Recorder
) -> None:
    """Stopped by: the worker's silence and the wall clock, seen from another process."""
    code, arguments = ENDLESS[name]
    buffers = [{"name": "counter", "type": "atomic<u32>", "length": 8}]
    before, begun = descendants(), time.monotonic()
    step = shader(code, buffers=buffers, outputs=[], **arguments)
    assert await refused(executor, recorder, step, wall_time=8) in ("gpu.hung", "gpu.wall_time")
    assert time.monotonic() - begun < PATIENCE + 8
    until(lambda: not descendants() - before, "the worker was left behind")


async def test_reading_beyond_a_buffer(executor: WebGPUExecutor, recorder: Recorder) -> None:
    """Stopped by: wgpu clamps indices; what lies behind a buffer cannot be read."""
    code = """
    @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {
      out[i] = secret[1000000u + i * 4096u] + secret[4294967295u - i];
    }"""
    step = shader(
        code,
        buffers=[
            {"name": "out", "type": "u32", "length": 64},
            {"name": "secret", "type": "u32", "length": 4},
            {"name": "beside", "type": "u32", "length": 1_000_000},
        ],
        start=[
            {"entry": "fill", "dispatch": [3907, 1, 1]},
            {"entry": "main", "dispatch": [1, 1, 1]},
        ],
    )
    fill = """
    @compute @workgroup_size(256) fn fill(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < 1000000u) { beside[id.x] = 0xdeadbeefu; }
    }"""
    step = step.model_copy(update={"code": fill + code})
    result = await executor.execute(step, recorder.context())
    assert result.status is StepStatus.OK, result.error
    assert not _saved(recorder).any()
    seen = step.code.replace("secret[1000000u + i * 4096u]", "beside[i * 4096u]")
    result = await executor.execute(step.model_copy(update={"code": seen}), recorder.context())
    assert result.status is StepStatus.OK, result.error
    assert (_saved(recorder) == 0xDEADBEEF).all(), "it would be seen"


async def test_writing_beyond_a_buffer(executor: WebGPUExecutor, recorder: Recorder) -> None:
    """Stopped by: wgpu clamps indices; nothing but the buffer's own cells can change."""
    code = """
    @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {
      small[4u + i * 1024u] = 7u;
      small[4294967295u - i] = 7u;
    }"""
    step = shader(
        code,
        buffers=[
            {"name": "small", "type": "u32", "length": 4},
            {"name": "out", "type": "u32", "length": 64},
        ],
    )
    result = await executor.execute(step, recorder.context())
    assert result.status is StepStatus.OK, result.error
    assert not _saved(recorder).any()


def _saved(recorder: Recorder) -> Any:
    import io

    return numpy.load(io.BytesIO(recorder.saved["out.npy"][0]))


HUGE: dict[str, tuple[dict[str, Any], dict[str, float]]] = {
    "a buffer of 16 GB": ({"buffers": [{"name": "out", "type": "u32", "length": 4 * 10**9}]}, {}),
    "a buffer of 2**62 elements": (
        {"buffers": [{"name": "out", "type": "vec4f", "length": 2**62}]},
        {},
    ),
    "buffers of more than the step's memory together": (
        {"buffers": [{"name": "out" if n == 0 else f"b{n}", "type": "u32", "length": 30 * 2**20}
                     for n in range(6)]},
        {"memory_bytes": 256 * 1024**2},
    ),
    "a picture of a million squared": ({"width": 10**6, "height": 10**6}, {}),
    "a thousand million frames": ({"frames": 10**9}, {}),
    "a dispatch of 2**40 groups": (
        {"start": [{"entry": "main", "dispatch": [2**40, 1, 1]}]},
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HUGE)
async def test_a_shader_that_asks_for_too_much(
    name: str, executor: WebGPUExecutor, recorder: Recorder
) -> None:
    """Stopped by: the program is measured before any device is touched."""
    changes, limits = HUGE[name]
    begun = time.monotonic()
    changes = {"outputs": []} | changes
    code = await refused(executor, recorder, shader(HONEST, **changes), **limits)
    assert code.startswith(("program.", "gpu.")), code
    assert time.monotonic() - begun < PATIENCE


async def test_a_shader_that_is_no_shader(executor: WebGPUExecutor, recorder: Recorder) -> None:
    """Stopped by: the compiler's errors are results, whatever the text."""
    for code in (
        "}{" * 10_000,
        "fn main() {" + "{" * 5_000,
        "\x1b[2J@compute",
        "fn main() { a" + "(a" * 3000,
    ):
        assert (await refused(executor, recorder, shader(code))).startswith(("program.", "gpu."))


async def test_a_shader_cannot_bring_bindings_of_its_own(
    executor: WebGPUExecutor, recorder: Recorder
) -> None:
    """Stopped by: bindings are generated from the data; a source that has some is refused."""
    code = "@group(0) @binding(9) var<storage, read_write> other: array<u32>;\n" + HONEST
    assert (await refused(executor, recorder, shader(code))).startswith(("program.", "gpu."))
