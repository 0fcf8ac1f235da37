"""What holds for every registered kernel: GPU and twin agree, seeds repeat, ranges are kept."""

from __future__ import annotations

import inspect
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intentos.errors import InvalidProgram
from intentos.executors.gpu import ProgramRunner
from intentos.gpu_kernels.kernel import Compare, KernelBase, code_files
from intentos.protocols import Evidence
from intentos.registry import Registry

SEED = 2**40 + 12
"""Needs folding into 32 bits, in the program and in the twin."""
SMALL: dict[str, Any] = {"width": 72, "height": 64, "frames": 4}
EXAMPLES: dict[str, list[dict[str, Any]]] = {
    "montecarlo": [{"samples": 30_000}],
    # The twin compares all with all.
    "nbody": [{"system": "solar"}],
    "pixels": [
        {"value": "fbm(3*x, 3*y, t)*where(disc(x, y, .2, 0, .6), 1, a)", "parameters": {"a": 0.4}},
        {"red": "abs(sin(5*r - 4*t))", "green": "x > y", "blue": "0.5 + angle/tau", "samples": 3},
        {"iterate": {"max_iterations": 60}, "center_x": "-0.5", "zoom": "0.8*2**(3*t)"},
        {"iterate": {"start_x": "x", "start_y": "y", "cx": "-0.8 + 0.1*t", "cy": "0.156"}},
    ],
    "fluid": [
        {"rows": 32, "reynolds": 60, "populations": True},
        {"rows": 32, "boundary": "open", "source": "disc(x, y, .5, .1, .08)", "buoyancy": 2,
         "view": "dye", "reynolds": 100},
        {"rows": 32, "columns": 37, "boundary": "box", "dye": "y > 0.5", "force_x": "sin(6*y + a)",
         "view": "vorticity", "obstacle": "box(x, y, .4, .4, .6, .6)", "reynolds": 50,
         "parameters": {"a": 2}},
        {"rows": 32, "columns": 32, "boundary": "cavity", "view": "speed", "reynolds": 100},
        {"rows": 32, "boundary": "channel", "force_x": "1", "view": "speed", "viscosity": 0.05},
        {"rows": 32, "columns": 32, "boundary": "periodic", "velocity_x": "sin(2*pi*y)",
         "dye": "fbm(4*x, 4*y)", "viscosity": 0.02},
        {"rows": 32, "sides": "wall", "obstacle": "fbm(9*x, 9*y) > 0.7", "length": 0.2, "fade": 1,
         "relief": 3, "view": "dye", "reynolds": 50},
        {"rows": 32, "sides": "periodic", "reynolds": 60, "low": -2},
    ],
    "field": [
        {"rates": {"u": "D*lap(u)"}, "initial": {"u": "noise(9*x, 9*y)"}, "diffusivity": "D",
         "parameters": {"D": 1.0}, "columns": 48, "rows": 32, "bounded": ["u"], "conserved": ["u"],
         "contours": 6},
        {"rates": {"u": "lap(u) - dx(u)", "w": "-w"}, "initial": {"u": "x", "w": "random(i, j)"},
         "boundary": "fixed", "boundary_values": {"u": "2 + t", "w": "1"}, "diffusivity": 1,
         "columns": 40, "rows": 40, "relief": 1.0, "size": 40, "show": "u + w*dy(u)",
         "fixed_where": "box(x, y, 0.4, 0.4, 0.6, 0.6)", "fixed_values": {"u": "5 + sin(t)"}},
        {"rates": {"u": "v", "v": "c**2*lap(u)"}, "initial": {"u": "exp(-90*hypot(x-.4, y-.5)**2)"},
         "boundary": "periodic", "update": "staggered", "wave_speed": "c", "parameters": {"c": 2},
         "columns": 64, "rows": 48, "duration": 0.3, "bar": False, "low": -0.5, "high": "c/4"},
    ],
}  # fmt: skip
CASES = [
    pytest.param(name, SMALL | extra, id=f"{name}-{number}")
    for name in sorted(Registry().names("kernels"))
    for number, extra in enumerate(EXAMPLES.get(name, [{}]))
]


def kernel_of(name: str) -> KernelBase[Any]:
    kernel = Registry().kernel(name)
    assert isinstance(kernel, KernelBase)
    return kernel


def play(kernel: KernelBase[Any], arguments: dict[str, Any], seed: int) -> Any:
    """Run on wgpu; return the pictures, outputs and series."""
    program = kernel.build(arguments)
    runner = ProgramRunner(program, {}, seed)
    shape = (program.height, program.width, 4)
    pictures = [np.frombuffer(data, np.uint8).reshape(shape) for _, data in runner.frames()]
    return pictures, runner.outputs(), runner.series


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_gpu_and_twin_agree(name: str, arguments: dict[str, Any]) -> None:
    kernel = kernel_of(name)
    pictures, outputs, series = play(kernel, arguments, SEED)
    twin = list(kernel.reference(arguments, seed=SEED))
    assert len(twin) == len(pictures) == arguments["frames"]
    assert outputs.keys() == twin[-1].buffers.keys()
    assert series.keys() == twin[-1].probes.keys()
    compare = kernel.compare
    for output, got in outputs.items():
        wanted = twin[-1].buffers[output]
        assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape), output
        if arguments["frames"] <= compare.frames:
            assert compare.agree(got, wanted), output
    for frame, (picture, snapshot) in enumerate(zip(pictures, twin, strict=True)):
        if compare.rule == "invariants" or frame > compare.frames:
            break
        off = np.abs(picture.astype(int) - snapshot.pixels).mean()
        assert off <= compare.pixels, f"frame {frame} is off by {off:.2f} levels"
        for probe, points in series.items():
            number = float(snapshot.probes[probe])
            room = max(compare.absolute, 1e-4 * abs(number), 1e-5)
            assert points[frame][1] == pytest.approx(number, abs=room), probe


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_a_seed_repeats_and_its_checks_pass(name: str, arguments: dict[str, Any]) -> None:
    kernel = kernel_of(name)
    pictures, outputs, series = play(kernel, arguments, SEED)
    again, same_outputs, same_series = play(kernel, arguments, SEED)
    assert all(np.array_equal(a, b) for a, b in zip(pictures, again, strict=True))
    assert all(np.array_equal(outputs[k], same_outputs[k], equal_nan=True) for k in outputs)
    assert series == same_series
    evidence = Evidence(
        arguments=arguments,
        series={k: tuple(points) for k, points in series.items()},
        outputs=outputs,
        frames=len(pictures),
        distinct_frames=1 + sum(not np.array_equal(a, b) for a, b in pairwise(pictures)),
    )
    values, checks = kernel.conclude(evidence)
    assert all(np.isfinite(q.value) for q in values.values() if isinstance(q.value, float))
    assert not [check for check in checks if check.status == "failed"]
    blank = pictures[-1][..., :3].reshape(-1, 3)
    assert (blank != blank[0]).any(), "the last picture has a single colour"


@pytest.mark.parametrize("name", sorted(Registry().names("kernels")))
def test_arguments_out_of_range_are_refused_by_name(name: str) -> None:
    kernel = kernel_of(name)
    good = SMALL | {"width": 128, "height": 128} | EXAMPLES.get(name, [{}])[0]
    for argument, value, said in [
        ("frames", 0, "greater than or equal to"),
        ("width", 100_000, "less than or equal to"),
        ("height", "tall", "valid integer"),
        ("no_such_thing", 1, "not permitted"),
    ]:
        with pytest.raises(InvalidProgram) as caught:
            kernel.build(good | {argument: value})
        assert argument in str(caught.value)
        assert said in str(caught.value)


@pytest.mark.parametrize("name", sorted(Registry().names("kernels")))
def test_the_code_hash_covers_the_shader_and_not_the_numbers(name: str) -> None:
    kernel = kernel_of(name)
    before = kernel.code_hash
    kernel.build(SMALL | EXAMPLES.get(name, [{}])[0] | {"frames": 3})
    assert kernel.code_hash == before
    others = [kernel_of(other).code_hash for other in Registry().names("kernels") if other != name]
    assert before not in others


def test_agreement_follows_the_rule() -> None:
    ones, near, far = np.ones(100), np.full(100, 1.001), np.ones(100)
    far[:2] = 5
    assert Compare(rule="exact").agree(ones, ones.copy())
    assert not Compare(rule="exact").agree(ones, near)
    assert Compare(rule="tolerance", absolute=0.01).agree(ones, near)
    assert not Compare(rule="tolerance", absolute=0.01).agree(far, ones)
    assert Compare(rule="tolerance", outliers=0.02).agree(far, ones)
    assert not Compare(rule="invariants").agree(np.array([np.nan]), np.ones(1))


def test_what_no_buffer_holds_is_refused_with_the_largest_that_fits() -> None:
    kernel = kernel_of("walk")
    large: dict[str, Any] = {"width": 4096, "height": 4096, "frames": 2}
    with pytest.raises(InvalidProgram) as refused:
        kernel.build(large)
    assert refused.value.code == "program.too_large"
    argument = str(refused.value.arguments["argument"])
    largest = int(str(refused.value.arguments["largest"]))
    assert kernel.build(large | {argument: largest})
    with pytest.raises(InvalidProgram):
        kernel.build(large | {argument: largest + 1})


def test_a_kernel_is_made_of_all_that_it_imports() -> None:
    own = Path(inspect.getfile(type(kernel_of("walk"))))
    names = {path.name for path in code_files(own)}
    assert {"walk.py", "walk.wgsl", "walk_percolate.wgsl", "walk_twin.py"} <= names
    assert {"kernel.py", "prelude.wgsl", "splats.wgsl", "camera.py"} <= names
    assert not {"automaton.py", "cloth.wgsl"} & names
