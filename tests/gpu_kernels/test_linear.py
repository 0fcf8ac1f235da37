"""Building blocks: NumPy agrees, cheap checks hold, and every kind of mistake is noticed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.errors import InvalidProgram
from intentos.executors.gpu import ProgramRunner
from intentos.gpu_kernels.linear import kernel
from intentos.gpu_kernels.linear_shaders import radices
from intentos.types import sha256

from .drawing import broken, draw, play, run, verdicts

SMALL: dict[str, Any] = {"width": 96, "height": 80, "frames": 4}
CASES: dict[str, dict[str, Any]] = {
    "matmul": {**SMALL, "operation": "matmul", "size": 70},
    "fft": {**SMALL, "operation": "fft", "size": 512},
    "fft2d": {**SMALL, "operation": "fft2d", "size": 32},
    "reduce": {**SMALL, "operation": "reduce", "size": 3000},
    "scan": {**SMALL, "operation": "scan", "size": 5000},
    "sort": {**SMALL, "operation": "sort", "size": 100},
    "histogram": {**SMALL, "operation": "histogram", "size": 20_000, "bins": 30},
}
STILL = {f"{name}-still": {**case, "frames": 1} for name, case in CASES.items()}
ALL = {**CASES, **STILL}


@pytest.mark.parametrize("name", sorted(ALL))
def test_gpu_and_numpy_agree(name: str) -> None:
    arguments = ALL[name]
    evidence, pictures = draw(arguments, kernel.build(arguments))
    twin = list(kernel.reference(arguments, seed=7))
    for output, got in evidence.outputs.items():
        np.testing.assert_allclose(got, twin[-1].buffers[output], atol=2e-3, rtol=1e-4)
    for probe, points in evidence.series.items():
        told = [float(s.probes[probe]) for s in twin]
        assert [v for _, v in points] == pytest.approx(told, rel=1e-4, abs=1e-3), probe
    for frame, (picture, snapshot) in enumerate(zip(pictures, twin, strict=True)):
        off = np.abs(picture.astype(int) - snapshot.pixels).mean()
        assert off < kernel.compare.pixels, f"frame {frame} is off by {off:.2f}"


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_check_passes(name: str) -> None:
    assert set(play(kernel, ALL[name]).verdicts.values()) == {"passed"}


@pytest.mark.parametrize(
    ("operation", "size"),
    [("matmul", 300), ("fft", 2**16), ("fft2d", 256), ("scan", 300_001), ("sort", 70_000),
     ("histogram", 1_000_000), ("reduce", 1_000_000)],
)  # fmt: skip
def test_large_sizes_hold(operation: str, size: int) -> None:
    arguments = {"operation": operation, "size": size, "frames": 2, "width": 64, "height": 64}
    assert set(play(kernel, arguments).verdicts.values()) == {"passed"}


@pytest.mark.parametrize("length", [2, 4, 8, 16, 32, 64, 128, 1024])
def test_every_length_of_a_transform(length: int) -> None:
    arguments = {**CASES["fft"], "size": length, "values": "random(i) - 0.5"}
    evidence = run(kernel, arguments)[0]
    found = evidence.outputs["spectrum"].view(np.complex64)[:, 0]
    np.testing.assert_allclose(found, np.fft.fft(evidence.outputs["values"]), atol=2e-4)
    assert int(np.prod(radices(length))) == length


def test_a_wave_is_found_where_it_is() -> None:
    arguments = {**CASES["fft"], "values": "cos(tau*a*x)", "parameters": {"a": 37}}
    assert play(kernel, arguments).values["strongest_wave"] == 37


def test_sorting_keeps_ties_and_puts_what_is_no_number_last() -> None:
    arguments = {**CASES["sort"], "values": "floor(5*random(i)) - 2"}
    evidence = run(kernel, arguments)[0]
    assert set(verdicts(kernel, evidence).values()) == {"passed"}
    values = evidence.outputs["values"]
    np.testing.assert_array_equal(evidence.outputs["order"], np.argsort(values, kind="stable"))


def test_arrays_from_earlier_steps_go_in(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    left, right = (generator.normal(size=s).astype(np.float32) for s in ((20, 30), (30, 50)))
    given, arrays = {}, {}
    for name, array in (("input", left), ("other_input", right)):
        data = array.tobytes()
        file = tmp_path / name
        file.write_bytes(data)
        arrays[sha256(data)] = data
        given[name] = {
            "sha256": sha256(data), "dtype": "float32", "shape": list(array.shape),
            "path": str(file),
        }  # fmt: skip
    arguments = {**SMALL, "operation": "matmul", **given}
    program = kernel.build(arguments)
    runner = ProgramRunner(program, {}, 7, arrays=arrays)
    frames = list(runner.frames())
    np.testing.assert_allclose(runner.outputs()["product"], left @ right, atol=1e-4)
    twin = list(kernel.reference(arguments, seed=7))
    assert len(twin) == len(frames)
    np.testing.assert_allclose(runner.outputs()["product"], twin[-1].buffers["product"], atol=1e-4)
    with pytest.raises(InvalidProgram, match="needs float32 with 1"):
        kernel.build({**SMALL, "operation": "sort", "input": given["input"]})


def test_a_wrong_entry_of_a_product_is_noticed() -> None:
    loop = "for (; k < whole; k += 4u) {"
    verdict = broken(
        kernel,
        CASES["matmul"],
        loop,
        "if (top == 16u && local == 3u) { s2_0.x += 2.0; }\n  " + loop,
    )
    assert verdict["product_holds"] == "failed"


def test_a_slice_that_is_left_out_is_noticed() -> None:
    verdict = broken(
        kernel, CASES["matmul"], "let begin = slice * SLICE;", "let begin = slice * SLICE + 1u;"
    )
    assert verdict["product_holds"] == "failed"


@pytest.mark.parametrize("name", ["fft", "fft2d"])
def test_a_transform_that_turns_wrongly_is_noticed(name: str) -> None:
    verdict = broken(kernel, CASES[name], "* 0.70710678", "* 0.7")
    assert verdict["parseval"] == "failed"
    assert verdict["numpy_agrees"] == "failed"


def test_a_band_that_loses_waves_is_noticed() -> None:
    verdict = broken(kernel, CASES["fft"], "return 1e9;", "return 40.0;")
    assert verdict["round_trip"] == "failed"
    assert verdict["parseval"] == "passed"


def test_a_comparison_that_is_left_out_is_noticed() -> None:
    verdict = broken(kernel, CASES["sort"], "if (behind(a, b)) {", "if (behind(a, b) && i != 7u) {")
    assert verdict["in_order"] == "failed"
    assert verdict["permutation"] == "passed"


def test_a_number_that_is_copied_is_noticed() -> None:
    verdict = broken(kernel, CASES["sort"], "    pairs[high] = a;\n", "")
    assert verdict["permutation"] == "failed"


def test_ties_in_another_order_are_noticed() -> None:
    arguments = {**CASES["sort"], "values": "floor(5*random(i))"}
    verdict = broken(kernel, arguments, "a.x == b.x && a.y > b.y", "a.x == b.x && a.y < b.y")
    assert verdict["stable"] == "failed"


def test_a_block_that_is_lost_is_noticed() -> None:
    assert (
        broken(
            kernel, CASES["reduce"], "if (block < BLOCKS) { mine", "if (block < BLOCKS - 1u) { mine"
        )["sum_agrees"]
        == "failed"
    )
    assert (
        broken(kernel, CASES["scan"], "result[n] += parts[n / 1024u].x;", "result[n] += 0.0;")[
            "running_sums_hold"
        ]
        == "failed"
    )


def test_counts_that_are_lost_or_misplaced_are_noticed() -> None:
    case = CASES["histogram"]
    lost = broken(kernel, case, "k += 256u * COUNTERS", "k += 257u * COUNTERS")
    assert lost["counts_add_up"] == "failed"
    moved = broken(kernel, case, "(v - statistics[1]) / wide", "square((v - statistics[1]) / wide)")
    assert moved["counts_add_up"] == "passed"
    assert moved["histogram_agrees"] == "failed"


def test_undefined_values_fail_a_check() -> None:
    assert (
        play(kernel, {**CASES["matmul"], "values": "sqrt(x - 0.5)"}).verdicts["finite"] == "failed"
    )


@pytest.mark.parametrize("operation", ["sort", "reduce", "scan", "histogram", "fft"])
def test_infinite_values_fail_a_check_and_are_no_result(operation: str) -> None:
    done = play(kernel, {**SMALL, "operation": operation, "size": 64, "values": "1/(3 - i)"})
    assert done.verdicts["finite"] == "failed"
    assert all(math.isfinite(value) for value in done.values.values())


def test_numbers_that_are_all_alike_fall_into_one_bin() -> None:
    assert play(kernel, {**CASES["histogram"], "values": "3"}).verdicts["histogram_agrees"] == (
        "passed"
    )


def test_values_are_exact_where_the_spread_is_small_and_the_count_even() -> None:
    reduced = play(kernel, {**CASES["reduce"], "values": "10000 + sin(i)"})
    assert reduced.values["standard_deviation"] == pytest.approx(math.sqrt(0.5), rel=0.01)
    ordered = play(kernel, {**CASES["sort"], "size": 4, "values": "i*i"})
    assert ordered.values["median"] == 2.5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"operation": "fft", "size": 100}, "powers of two"),
        ({"operation": "fft2d", "size": 4096}, "at most 2048"),
        ({"operation": "matmul", "size": 5000}, "at most 4096"),
        ({"operation": "sort", "size": 2**23}, "at most 4194304"),
        ({"values": "u + 1"}, "u"),
        ({"parameters": {"x": 1}}, "x"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProgram, match=said):
        kernel.build({**SMALL, **change})


@settings(max_examples=12, derandomize=True, deadline=None)
@given(
    operation=st.sampled_from(sorted(CASES)),
    power=st.integers(1, 6),
    size=st.integers(1, 2000),
    values=st.sampled_from(["", "random(i, j) - 0.5", "x - y", "sin(20*x)"]),
    frames=st.integers(1, 4),
    bins=st.integers(2, 100),
    picture=st.tuples(st.integers(64, 200), st.integers(64, 160)),
)
def test_any_arguments_draw_something_that_holds(
    operation: str, power: int, size: int, picture: tuple[int, int], **given: Any
) -> None:
    size = 2**power if operation.startswith("fft") else size
    size = size % 60 + 1 if operation == "matmul" else max(size, 2)
    arguments = {
        **given, "operation": operation, "size": size, "width": picture[0], "height": picture[1],
    }  # fmt: skip
    evidence, pictures = draw(arguments, kernel.build(arguments))
    found = {k: v for k, v in verdicts(kernel, evidence).items() if k != "frames_drawn"}
    assert "failed" not in found.values()
    assert len(np.unique(pictures[-1].reshape(-1, 4), axis=0)) > 2
