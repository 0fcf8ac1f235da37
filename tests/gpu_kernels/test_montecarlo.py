"""Monte Carlo: known values are met, GPU and NumPy agree, and broken dice are noticed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.errors import InvalidProgram
from intentos.gpu_kernels.montecarlo import Batches, kernel
from intentos.gpu_kernels.montecarlo_variables import unit
from intentos.gpu_kernels.random_words import random_words

from .drawing import broken, draw, play, run, verdicts

PI: dict[str, Any] = {"width": 128, "height": 128, "frames": 4, "samples": 40_000}
MIX: dict[str, Any] = {
    "width": 160, "height": 128, "frames": 4, "samples": 30_000,
    "formula": "a + b*c - d/2 + f",
    "variables": {
        "a": {"distribution": "normal", "mean": 3, "sd": "s"},
        "b": {"distribution": "exponential", "mean": 2},
        "c": {"distribution": "triangular", "low": 0, "mode": 1, "high": 2},
        "d": {"distribution": "choice", "values": [1, 2.5, 7], "weights": [1, 2, 1]},
        "f": {"distribution": "lognormal", "mu": 0, "sigma": 0.5},
    },
    "parameters": {"s": 0.5},
}  # fmt: skip
DICE: dict[str, Any] = {
    "width": 192, "height": 108, "frames": 3, "samples": 20_000, "formula": "a + b + 2*h + n",
    "variables": {
        "a": {"distribution": "dice"},
        "b": {"distribution": "integer", "low": -2, "high": 3},
        "h": {"distribution": "bernoulli", "p": 0.3},
        "n": {"distribution": "poisson", "mean": 2.5},
    },
    "exact": "3.5 + 0.5 + 0.6 + 2.5",
}  # fmt: skip


@pytest.mark.parametrize("arguments", [PI, MIX, DICE], ids=["pi", "mix", "dice"])
def test_gpu_and_numpy_draw_the_same_samples(arguments: dict[str, Any]) -> None:
    evidence, pictures = draw(arguments, kernel.build(arguments))
    twin = list(kernel.reference(arguments, seed=7))
    counts, wanted = (x.astype(int) for x in (evidence.outputs["tally"], twin[-1].buffers["tally"]))
    # A value on the edge of a bar may fall to its other side: float32 against float64.
    assert np.abs(counts - wanted).sum() <= 12
    np.testing.assert_allclose(
        evidence.outputs["history"], twin[-1].buffers["history"], rtol=2e-4, atol=2e-3
    )
    for picture, snapshot in zip(pictures, twin, strict=True):
        assert np.abs(picture.astype(int) - snapshot.pixels).mean() < kernel.compare.pixels


@pytest.mark.parametrize("arguments", [PI, MIX, DICE], ids=["pi", "mix", "dice"])
def test_every_check_passes(arguments: dict[str, Any]) -> None:
    values, checks = kernel.conclude(run(kernel, arguments)[0])
    assert {c.status for c in checks} == {"passed"}
    assert values["samples"].value == arguments["samples"]


def test_pi_comes_out_within_its_own_error() -> None:
    evidence = run(kernel, {**PI, "samples": 20_000_000})[0]
    values, _ = kernel.conclude(evidence)
    error = values["standard_error"].value
    assert error == pytest.approx(math.sqrt(math.pi * (4 - math.pi) / 2e7), rel=1e-2)
    assert abs(values["mean"].value - math.pi) < 5 * error


def test_a_condition_gives_a_probability() -> None:
    arguments = {
        **PI, "formula": "x > 1.96", "samples": 2_000_000, "exact": "0.0249979",
        "variables": {"x": {"distribution": "normal"}},
    }  # fmt: skip
    values, checks = kernel.conclude(run(kernel, arguments)[0])
    assert values["probability"].value == pytest.approx(0.0249979, abs=6e-4)
    assert {c.status for c in checks} == {"passed"}


def test_quantiles_of_a_normal_variable() -> None:
    arguments = {
        **PI, "formula": "x", "samples": 1_000_000, "bins": 400,
        "variables": {"x": {"distribution": "normal", "mean": 10, "sd": 2}},
    }  # fmt: skip
    values, _ = kernel.conclude(run(kernel, arguments)[0])
    assert values["median"].value == pytest.approx(10, abs=0.02)
    assert values["quantile_95"].value == pytest.approx(10 + 2 * 1.64485, abs=0.03)
    assert values["standard_deviation"].value == pytest.approx(2, rel=5e-3)


@pytest.mark.parametrize("pace", ["growing", "even"])
@pytest.mark.parametrize(
    ("samples", "frames"), [(100, 5), (10**9, 120), (12_345_678, 1), (10**6, 999)]
)
def test_batches_add_up_to_the_samples(pace: str, samples: int, frames: int) -> None:
    a = kernel.validate({**PI, "samples": samples, "frames": frames, "pace": pace})
    batches = Batches.of(a)
    ends = batches.ends(samples).astype(int)
    assert ends[0] == 0
    assert ends[-1] == samples
    assert (np.diff(ends) >= 0).all()
    assert np.diff(ends).max() <= 8_000_000 * 1.02
    assert batches.count == batches.opening + batches.a_frame * (frames - 1)


def test_dice_that_repeat_every_batch_are_noticed() -> None:
    verdict = broken(
        kernel, {**PI, "frames": 40, "pace": "even"}, "sample_of(first + k", "sample_of(k"
    )
    assert verdict["batches_agree"] == "failed"


def test_biased_dice_are_noticed() -> None:
    verdict = broken(
        kernel,
        {**MIX, "samples": 400_000},
        "f32(i32(word >> 9u)) + 0.5)",
        "f32(i32(word >> 9u)) * 0.97)",
    )
    assert verdict["independent_samples_agree"] == "failed"


def test_a_wrong_known_value_is_noticed() -> None:
    assert play(kernel, {**PI, "exact": "22/7 + 0.1"}).verdicts["known_value"] == "failed"


def test_what_happens_rarely_is_no_contradiction() -> None:
    rare = {**PI, "variables": {"x": {"distribution": "normal"}}}
    # Four in a million: not once in the trial of another generator.
    often = play(kernel, {**rare, "formula": "x > 4.5", "samples": 10_000_000})
    assert often.verdicts["independent_samples_agree"] == "passed"
    never = play(kernel, {**rare, "formula": "x > 6", "exact": "9.9e-10"})
    assert never.values["probability"] == 0
    assert never.verdicts["known_value"] == "passed"
    wrong = play(kernel, {**rare, "formula": "x > 6", "exact": "0.001"})
    assert wrong.verdicts["known_value"] == "failed"


def test_a_constant_has_itself_as_its_median() -> None:
    one = {"x": {"distribution": "integer", "low": 1, "high": 1}}
    values = play(kernel, {**PI, "formula": "x", "variables": one}).values
    assert values["median"] == values["mean"] == 1


def test_a_sample_that_is_lost_is_noticed() -> None:
    verdict = broken(
        kernel, MIX, "k0 < count) { atomicAdd", "k0 < count && k0 % 100u != 3u) { atomicAdd"
    )
    assert verdict["every_sample_counts_once"] == "failed"


def test_bars_in_the_wrong_place_are_noticed() -> None:
    arguments = {**PI, "formula": "x*y", "samples": 10_000}
    verdict = broken(
        kernel, arguments, "(value - LOW) * (1.0 / BIN)", "(value - LOW) * (0.5 / BIN)"
    )
    assert verdict["histogram_agrees"] == "failed"


def test_undefined_values_fail_a_check() -> None:
    arguments = {**PI, "formula": "sqrt(x)"}
    assert play(kernel, arguments).verdicts["samples_are_numbers"] == "failed"


def test_numbers_from_neighbouring_counters_are_independent() -> None:
    n = 2**16
    words = random_words(np.arange(n, dtype=np.uint32), 0, 99)
    u = np.stack([unit(w) for w in words]) - 0.5
    correlations = [
        *(float((u[i] * u[j]).mean() * 12) for i, j in ((0, 1), (0, 2), (1, 2))),
        *(float((x[1:] * x[:-1]).mean() * 12) for x in u),
    ]
    assert np.abs(correlations).max() < 5 / math.sqrt(n)
    for x in u:
        counts = np.histogram(x, 64, (-0.5, 0.5))[0]
        chi = ((counts - n / 64) ** 2 / (n / 64)).sum()
        assert 20 < chi < 130


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variables": {"x": {"low": 2, "high": 1}}}, "low must be"),
        ({"variables": {"x": {"distribution": "normal", "sides": 3}}}, "sides is none of them"),
        ({"variables": {"x": {"distribution": "choice"}}}, "choice needs values"),
        ({"variables": {"x": {"distribution": "bernoulli", "p": 2}}}, "between 0 and 1"),
        ({"formula": "3"}, "none of the variables"),
        ({"formula": "x", "variables": {"x": {}}, "view": "scatter"}, "two variables"),
        ({"formula": "x + why", "variables": {"x": {}}}, "why"),
        ({"samples": 2 * 10**9}, "1000000000"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProgram, match=said):
        kernel.build({**PI, **change})


KINDS = st.sampled_from([
    {"distribution": "uniform"}, {"distribution": "normal", "sd": 2}, {"distribution": "dice"},
    {"distribution": "poisson", "mean": 30}, {"distribution": "exponential"},
])  # fmt: skip


@settings(max_examples=12, derandomize=True, deadline=None)
@given(
    x=KINDS,
    y=KINDS,
    formula=st.sampled_from(["x + y", "x > y", "x*y", "min(x, y)", "3*(x < 1)"]),
    view=st.sampled_from([None, "histogram", "scatter", "convergence"]),
    samples=st.integers(100, 50_000),
    frames=st.integers(1, 4),
    size=st.tuples(st.integers(96, 200), st.integers(96, 160)),
)
def test_any_arguments_draw_something_that_holds(
    x: Any, y: Any, formula: str, view: Any, samples: int, frames: int, size: tuple[int, int]
) -> None:
    arguments = {
        "formula": formula, "variables": {"x": x, "y": y}, "view": view, "samples": samples,
        "frames": frames, "width": size[0], "height": size[1],
    }  # fmt: skip
    evidence, pictures = draw(arguments, kernel.build(arguments))
    assert "failed" not in verdicts(kernel, evidence).values()
    assert len(np.unique(pictures[-1].reshape(-1, 4), axis=0)) > 10
