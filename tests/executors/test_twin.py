"""The executor ``numpy``: the same step, artifacts, values and checks without a GPU."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from intentos.errors import ExecutorError, ExecutorUnavailable
from intentos.executors.twin import NumPyExecutor
from intentos.executors.webgpu import WebGPUExecutor
from intentos.gpu_kernels.kernel import KernelBase
from intentos.plan import Step
from intentos.registry import Registry
from intentos.run import StepResult, StepStatus
from intentos.testing import ExecutorContract, Recorder, Samples, descendants
from intentos.types import Limits

from .frame_steps import moving


def life(frames: int = 6) -> Step:
    """Conway's life: exact on every device, with probes and a seed."""
    return _kernel("automaton", {"rule": "life", "width": 64, "height": 64, "frames": frames})


def _kernel(name: str, arguments: dict[str, Any]) -> Step:
    return Step(
        id="twin",
        language="kernel",
        code=name,
        code_hash=Registry().kernel(name).code_hash,
        arguments=arguments,
        needs={"gpu"},
    )


# Far from endless, but at half a second a frame it outlasts every limit below.
ENDLESS = {"value": "sin(x*y*t)", "width": 2048, "height": 2048, "frames": 200}


class TestContract(ExecutorContract):
    samples = Samples(
        language="kernel",
        hello=life(),
        stdout="",
        fails=life().model_copy(update={"arguments": {"width": 1}}),
        sleeps=_kernel("pixels", ENDLESS),
        makes_file=life(2),
        meets=life(3),
    )

    @pytest.fixture
    def executor(self) -> NumPyExecutor:
        return NumPyExecutor()


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "steps")


async def test_the_twin_leaves_what_the_gpu_leaves(recorder: Recorder, tmp_path: Path) -> None:
    gpu = WebGPUExecutor()
    try:
        gpu.check()
    except ExecutorUnavailable as error:
        pytest.skip(f"no GPU adapter: {error}")
    kernel = Registry().kernel("automaton")
    assert isinstance(kernel, KernelBase)
    assert kernel.compare.rule == "exact"
    other = Recorder(tmp_path / "gpu")
    seed = 2**40 + 5  # more than 32 bits: both fold it
    mine = await NumPyExecutor().execute(life(), recorder.context(seed=seed))
    theirs = await gpu.execute(life(), other.context(seed=seed))
    assert mine.status is theirs.status is StepStatus.OK
    assert mine.device.startswith("NumPy ")
    assert [a.name for a in mine.artifacts] == [a.name for a in theirs.artifacts]
    assert recorder.saved["series.csv"] == other.saved["series.csv"]
    arrays = [name for name in recorder.saved if name.endswith(".npy")]
    assert arrays
    for name in arrays:
        one, two = (np.load(io.BytesIO(saved[name][0])) for saved in (recorder.saved, other.saved))
        assert (one.dtype, one.shape) == (two.dtype, two.shape)
        assert np.array_equal(one, two)
    assert mine.values == theirs.values
    assert [(c.name, c.status) for c in mine.checks] == [
        (c.name, c.status) for c in theirs.checks if c.name != "gpu_and_numpy"
    ]
    assert "failed" not in [c.status for c in mine.checks]
    with Image.open(io.BytesIO(recorder.saved["film.gif"][0])) as gif:
        assert getattr(gif, "n_frames", 1) == 6


async def test_it_says_that_it_stands_in_where_there_is_no_gpu(
    recorder: Recorder, without_drivers: None
) -> None:
    result = await NumPyExecutor().execute(life(2), recorder.context())
    assert result.status is StepStatus.OK
    assert result.note is not None
    assert result.note.code == "numpy.substitute"
    assert "NumPy" in result.note.text("zh")
    assert result.note.text("zh") != result.note.text("en")


async def test_it_does_not_say_so_where_there_is_one(recorder: Recorder) -> None:
    try:
        WebGPUExecutor().check()
    except ExecutorUnavailable as error:
        pytest.skip(f"no GPU adapter: {error}")
    result = await NumPyExecutor().execute(life(2), recorder.context())
    assert result.note is None


async def test_too_much_memory_is_a_failed_step(recorder: Recorder) -> None:
    step = _kernel("pixels", {"value": "x*y", "width": 4096, "height": 4096, "frames": 1})
    result = await NumPyExecutor().execute(
        step, recorder.context(limits=Limits(memory_bytes=128 * 1024**2))
    )
    assert result.status is StepStatus.FAILED
    assert result.error is not None
    assert result.error.code == "gpu.out_of_memory"


async def test_wgsl_has_no_twin(recorder: Recorder) -> None:
    with pytest.raises(ExecutorError) as error:
        await NumPyExecutor().execute(moving(), recorder.context())
    assert error.value.code == "gpu.language"


async def test_a_canceled_twin_is_gone_within_a_second_or_so(recorder: Recorder) -> None:
    before = descendants()
    sample = TestContract.samples.sleeps
    assert isinstance(sample, Step)
    task = asyncio.create_task(NumPyExecutor().execute(sample, recorder.context()))
    await asyncio.sleep(2)
    assert descendants() - before
    begun = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - begun < 15
    assert descendants() <= before


async def test_two_seeds_give_two_worlds(recorder: Recorder) -> None:
    async def ran(seed: int) -> tuple[StepResult, bytes]:
        context = recorder.context(seed=seed)
        result = await NumPyExecutor().execute(life(2), context)
        return result, await asyncio.to_thread((context.workdir / "frames.rgba").read_bytes)

    (_, first), (_, again), (_, other) = await ran(1), await ran(1), await ran(2)
    assert first == again != other
