"""A device that does not do what a kernel's twin does is found out, and asked once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intentos.executors import twin_check
from intentos.executors.gpu import ProgramRunner
from intentos.executors.twin_check import NAME, Small
from intentos.executors.webgpu import WebGPUExecutor
from intentos.gpu_kernels.kernel import KernelBase
from intentos.gpu_kernels.small import MOST_WORK, kind_of, small, work_of
from intentos.plan import Step
from intentos.program import GpuProgram
from intentos.registry import Registry
from intentos.testing import Recorder
from intentos.types import Check, Json, Limits

SEED = 2**40 + 7
LIFE: dict[str, Json] = {"rule": "life", "columns": 512, "density": 0.3, "frames": 60}


def kernel_of(name: str) -> KernelBase[Any]:
    """Return an installed kernel."""
    kernel = Registry().kernel(name)
    assert isinstance(kernel, KernelBase)
    return kernel


class Device:
    """This machine's adapter, whose compiler may put something else in the place of some code."""

    def __init__(self, right: str = "", wrong: str = "") -> None:
        self._right, self._wrong = right, wrong
        self.asked: list[Mapping[str, Json]] = []

    async def draw(self, program: GpuProgram, arguments: Mapping[str, Json], folder: Path) -> Small:
        """Draw a program."""
        self.asked.append(arguments)
        assert self._right in program.source
        source = program.source.replace(self._right, self._wrong) if self._right else program.source
        runner = ProgramRunner(program.model_copy(update={"source": source}), {}, SEED)
        raw, outputs = folder / "raw", {}
        frames = [pixels for _, pixels in runner.frames()]
        raw.write_bytes(b"".join(frames))
        for name, array in runner.outputs().items():
            outputs[name] = folder / f"{name}.npy"
            np.save(outputs[name], array)
        return Small(raw=raw, frames=len(frames), outputs=outputs)


async def asked(
    device: Device, folder: Path, arguments: Mapping[str, Json] = LIFE, *,
    kernel: str = "automaton", name: str = "llvmpipe",
) -> Check:  # fmt: skip
    """Return the check of a run on a device."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    (check,) = await twin_check.twin_check(
        kernel_of(kernel), arguments, device=name, seed=SEED, folder=work, cache=folder / "cache",
        draw=device.draw,
    )  # fmt: skip
    return check


async def test_a_device_that_agrees_is_asked_once(tmp_path: Path) -> None:
    device = Device()
    first = await asked(device, tmp_path)
    assert (first.kind, first.status) == ("generic", "passed"), first.detail
    assert "64 × 64" in first.detail
    assert await asked(device, tmp_path) == first
    # Other numbers are of the same kind; another rule, device or kernel is not.
    assert await asked(device, tmp_path, {**LIFE, "columns": 300, "density": 0.5}) == first
    assert len(device.asked) == 1
    await asked(device, tmp_path, {**LIFE, "rule": "fire"})
    await asked(device, tmp_path, name="another")
    assert len(device.asked) == 3


@pytest.mark.parametrize(
    ("kernel", "arguments", "right", "wrong"),
    [
        ("pixels", {"value": "sin(9*x)"}, "sin(", "cos("),
        ("field", {"rates": {"u": "lap(u)"}, "initial": {"u": "x*x*x"}, "diffusivity": 1,
                   "columns": 64, "rows": 64, "size": 64, "frames": 3}, "- 4.0 *", "+ 4.0 *"),
    ],
)  # fmt: skip
async def test_a_device_that_computes_otherwise_fails(
    tmp_path: Path, kernel: str, arguments: dict[str, Json], right: str, wrong: str
) -> None:
    assert (await asked(Device(), tmp_path, arguments, kernel=kernel)).status == "passed"
    broken = await asked(Device(right, wrong), tmp_path, arguments, kernel=kernel, name="broken")
    assert broken.status == "failed", broken.detail
    # It stays so without being asked again.
    assert await asked(Device(), tmp_path, arguments, kernel=kernel, name="broken") == broken


async def test_numbers_that_differ_under_equal_pictures_stay_open(tmp_path: Path) -> None:
    # What is chaotic parts on every device; *verified* is kept back all the same.
    arguments: dict[str, Json] = {
        "rates": {"u": "lap(u)"}, "initial": {"u": "x*x*x"}, "diffusivity": 1,
        "columns": 64, "rows": 64, "size": 64, "frames": 3,
    }  # fmt: skip
    check = await asked(Device("- 4.0 *", "- 3.9 *"), tmp_path, arguments, kernel="field")
    assert check.status == "unknown", check.detail
    assert "not fields, shown: off by" in check.detail


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"KEY": {"status": "verified"}}'])
async def test_a_broken_memory_is_no_evidence(tmp_path: Path, text: str) -> None:
    device = Device()
    await asked(device, tmp_path)
    kept = tmp_path / "cache" / "twins.json"
    key = kept.read_text().split('"')[1]
    kept.write_text(text.replace("KEY", key))
    assert (await asked(device, tmp_path)).status == "passed"
    assert len(device.asked) == 2


@pytest.mark.parametrize("name", sorted(Registry().names("kernels")))
def test_every_kernel_can_be_made_small(name: str) -> None:
    kernel = kernel_of(name)
    given: dict[str, Json] = {"width": 1024, "height": 1024, "frames": 200}
    if name == "pixels":
        given |= {"value": "x"}
    if name == "field":
        given |= {"rates": {"u": "lap(u)"}, "diffusivity": 1, "duration": 1000, "size": 192}
    few = small(kernel, given)
    assert few is not None
    assert work_of(kernel.build(few)) <= MOST_WORK
    assert (few["width"], few["height"]) == (64, 64)


def test_what_cannot_be_made_small_is_not_tried() -> None:
    array = {"sha256": "0" * 64, "dtype": "float32", "shape": [4096]}
    assert small(kernel_of("linear"), {"operation": "sort", "input": array}) is None


def test_kinds_are_told_by_words_and_not_by_numbers() -> None:
    one = {"rates": {"u": "lap(u)"}, "size": 1.5, "bar": True, "list": [1, 2]}
    assert kind_of(one) == kind_of({**one, "size": 7, "list": [8, 9]})
    for other in ({"rates": {"u": "2*lap(u)"}}, {"bar": False}, {"list": [1, 2, 3]}):
        assert kind_of(one) != kind_of({**one, **other})


@pytest.mark.parametrize(("wall_time", "told"), [(120.0, True), (2.0, False)])
async def test_a_run_on_the_gpu_is_told_of_it_and_a_trial_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wall_time: float, told: bool
) -> None:
    monkeypatch.setenv("INTENTOS_CACHE", str(tmp_path / "cache"))
    step = Step(
        id="s", language="kernel", code="automaton", code_hash=kernel_of("automaton").code_hash,
        arguments={"rule": "life", "width": 64, "height": 64, "frames": 2}, needs={"gpu"},
        limits=Limits(wall_time=wall_time),
    )  # fmt: skip
    recorder = Recorder(tmp_path / "work")
    context = recorder.context(limits=step.limits)
    result = await WebGPUExecutor().execute(step, context)
    checks = {check.name: check.status for check in result.checks}
    if result.status == "ok":  # two seconds are not always enough on a slow machine
        assert checks.get(NAME) == ("passed" if told else None)
    assert result.status == "ok" or not told
