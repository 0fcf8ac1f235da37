"""Pixels: pictures from formulas, fractals, and what its checks notice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from intentos.bindings import connect
from intentos.errors import InvalidProgram
from intentos.gpu_kernels.pixels import kernel

from .drawing import draw, run, verdicts

SMALL: dict[str, Any] = {"width": 96, "height": 64, "frames": 1, "samples": 1}


def play(arguments: dict[str, Any]) -> tuple[list[Any], Any, dict[str, str]]:
    """Run on wgpu; return the pictures, the values of the last one, and the verdicts."""
    evidence, pictures = run(kernel, arguments)
    return pictures, evidence.outputs["value"], verdicts(kernel, evidence)


def test_the_scene_is_upright_and_undistorted() -> None:
    pictures, _, _ = play(SMALL | {"red": "x", "green": "y", "blue": "disc(x, y, 0, 0, 1)"})
    picture = pictures[0].astype(int)
    assert picture[32, 95, 0] == 255  # x grows to the right, beyond 1 on the long side
    assert picture[32, 0, 0] == 0
    assert picture[0, 48, 1] > 245  # y grows upwards
    assert picture[63, 48, 1] == 0
    round_ = picture[..., 2] > 0
    assert round_.any(axis=1).sum() == 64  # as high as the picture
    assert round_.any(axis=0).sum() == 64  # and as wide as high


def test_a_film_follows_its_time() -> None:
    arguments = SMALL | {"value": "t + 0*x", "frames": 5, "frames_per_second": 4.0, "high": 2.0}
    _, values, _ = play(arguments)
    assert values == pytest.approx(1.0)
    _, values, _ = play(arguments | {"value": "phase", "frames": 5})
    assert values == pytest.approx(0.8)


def test_mandelbrots_set_has_its_area() -> None:
    """Known: 1.5066 (Mitchell 2001, pixel counting); 300 iterations leave a little more."""
    inside = {"iterate": {"max_iterations": 300}, "value": "inside", "samples": 2}
    view = {"width": 360, "height": 360, "center_x": "-0.75", "zoom": "0.75"}
    _, values, verdicts = play(SMALL | inside | view)
    side = 2 / 0.75
    assert values.mean() * side**2 == pytest.approx(1.5066, abs=0.03)
    assert set(verdicts.values()) == {"passed"}


def test_julias_set_of_zero_is_the_unit_disc() -> None:
    disc = {"iterate": {"start_x": "x", "start_y": "y", "cx": "0", "cy": "0"}, "value": "inside"}
    _, values, _ = play(SMALL | disc | {"width": 200, "height": 200, "zoom": "0.8"})
    assert values.mean() * (2 / 0.8) ** 2 == pytest.approx(np.pi, abs=0.03)


def test_smooth_counting_has_no_bands() -> None:
    smooth = {"iterate": {}, "value": "n", "center_x": "-3", "zoom": "2"}
    _, values, _ = play(SMALL | smooth)
    steps = np.abs(np.diff(values[32]))
    assert values[32].min() < 2.5 < 3.5 < values[32].max()  # a whole count lies between
    assert steps.max() < 0.25  # and no jump from one to the next


def test_a_colour_is_a_vector() -> None:
    parts = {"red": "abs(x)", "green": "0.5 + 0.5*sin(9*y)", "blue": "r/2"}
    apart, whole = (
        play(SMALL | given)
        for given in (parts, {"colour": "vec3(abs(x), 0.5 + 0.5*sin(9*y), r/2)"})
    )
    assert np.array_equal(apart[0][0], whole[0][0])
    assert np.array_equal(apart[1], whole[1])
    assert set(whole[2].values()) == {"passed"}
    grey = play(SMALL | {"colour": "x"})[0][0]
    assert np.array_equal(grey[..., 0], grey[..., 2])
    named = play(SMALL | {"colour": "palette('ocean', x)"})[0][0]
    assert np.array_equal(named, play(SMALL | {"value": "x", "palette": "ocean"})[0][0])


def test_a_colour_that_is_not_finite_is_noticed() -> None:
    for colour in ("vec3(0.5, log(x), 0.5)", "vec3(x, 1/(x*0), 0)"):
        assert play(SMALL | {"colour": colour})[2]["finite"] == "failed"
    assert play(SMALL | {"red": "x", "green": "log(x)", "blue": "x"})[2]["finite"] == "failed"


def test_a_fractal_is_as_smooth_as_with_all_samples() -> None:
    seahorses = SMALL | {
        "iterate": {"max_iterations": 203}, "center_x": "-0.7436", "center_y": "0.1318",
        "zoom": "60", "samples": 3, "width": 128, "height": 128, "palette": "twilight",
        "value": "0.5 + 0.5*sin(0.4*n)",
    }  # fmt: skip
    picture = play(seahorses)[0][0].astype(int)
    # Every pixel by itself: a formula that knows nothing of neighbours, at three times the size.
    large = seahorses | {"width": 384, "height": 384, "samples": 1}
    every = play(large)[0][0].astype(float).reshape(128, 3, 128, 3, 4).mean(axis=(1, 3))
    assert np.abs(picture - every).mean() < 1
    assert (np.abs(picture - every).max(axis=-1) > 12).mean() < 0.01


def test_more_samples_make_edges_smooth() -> None:
    edge = {"value": "disc(x, y, 0, 0, 0.7)", "palette": "grey"}
    hard, soft = (play(SMALL | edge | {"samples": n})[0][0] for n in (1, 4))
    assert len(np.unique(hard[..., 0])) == 2
    assert len(np.unique(soft[..., 0])) > 6


def test_a_parameter_stays_a_knob_while_the_film_runs() -> None:
    arguments = SMALL | {"value": "a*x", "parameters": {"a": "$a"}, "high": "$high"}
    program = kernel.build(arguments | {"parameters": {"a": 0.5}, "high": 1.0})
    program = connect(program, arguments, frozenset({"a", "high"}))
    assert {u.name: u.value for u in program.uniforms} == {
        "a": "$a", "high": "$high", "low": 0.0,
    }  # fmt: skip
    evidence, _ = draw(arguments, program, live={"a": 3.0, "high": 2.0})
    assert evidence.outputs["value"].max() == pytest.approx(3 * 95 / 64, rel=0.02)


def test_a_value_that_is_not_finite_is_noticed() -> None:
    assert play(SMALL | {"value": "log(x)"})[2]["finite"] == "failed"
    assert play(SMALL | {"value": "log(abs(x) + 1)"})[2]["finite"] == "passed"


def test_a_blank_picture_is_noticed() -> None:
    assert play(SMALL | {"value": "0.5"})[2]["contrast"] == "failed"


def test_a_zoom_beyond_float32_is_noticed() -> None:
    deep = SMALL | {"iterate": {}, "center_x": "-0.7436438870", "center_y": "0.1318259042"}
    assert play(deep | {"zoom": "1e3"})[2]["resolution"] == "passed"
    assert play(deep | {"zoom": "1e6"})[2]["resolution"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "value, or colour, or red and green and blue"),
        ({"value": "x", "colour": "vec3(x)"}, "either value"),
        ({"colour": "vec2(x, y)"}, "a vector of three is wanted"),
        ({"value": "x", "red": "y"}, "either value"),
        ({"red": "x", "green": "y"}, "red and green and blue"),
        ({"value": "x", "palette": "mud"}, "palette must be one of inferno"),
        ({"value": "x", "low": 2, "high": 2}, "must differ"),
        ({"value": "x", "samples": 9}, "less than or equal to 4"),
        ({"value": "q"}, "'q' at column 1 is no variable"),
        ({"value": "n"}, "'n' at column 1 is no variable"),
        ({"value": "x", "zoom": "x"}, "'x' at column 1 is no variable"),
        ({"value": "x", "parameters": {"sin": 1.0}}, "'sin' already means something"),
        ({"value": "x", "parameters": {"time": 1.0}}, "'time' already means something"),
        ({"value": "x", "parameters": {"while": 1.0}}, "word of WGSL"),
        ({"iterate": {"max_iterations": 0}}, "iterate.max_iterations"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProgram) as caught:
        kernel.build(SMALL | arguments)
    assert said in str(caught.value)
