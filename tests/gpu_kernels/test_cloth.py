"""Cloth: what hangs, falls and blows, and what the checks notice."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.bindings import connect
from intentos.errors import InvalidProgram
from intentos.gpu_kernels.cloth import kernel

from .drawing import broken, draw, play, verdicts

SMALL: dict[str, Any] = {"width": 96, "height": 80, "frames": 12, "columns": 20, "rows": 14}
TABLE: dict[str, Any] = SMALL | {
    "shape": "tablecloth", "rows": 20, "cloth_height": 1.5, "frames": 60,
}  # fmt: skip
CHAIN: dict[str, Any] = SMALL | {
    "shape": "hammock", "columns": 40, "rows": 1, "cloth_width": 2.0, "frames": 400,
}  # fmt: skip


@pytest.mark.parametrize("shape", ["flag", "curtain", "sheet", "tablecloth", "hammock"])
def test_gpu_and_numpy_agree(shape: str) -> None:
    pattern = {"curtain": "border", "sheet": "stripes", "tablecloth": "checks"}
    arguments = SMALL | {"shape": shape, "pattern": pattern.get(shape, "plain"), "frames": 4}
    evidence, pictures = draw(arguments, kernel.build(arguments))
    twin = list(kernel.reference(arguments, seed=7))
    for output, got in evidence.outputs.items():
        assert kernel.compare.agree(got, twin[-1].buffers[output]), output
    for name, points in evidence.series.items():
        for (_, number), snapshot in zip(points, twin, strict=True):
            assert number == pytest.approx(snapshot.probes[name], rel=2e-2, abs=1e-3), name
    for picture, snapshot in zip(pictures, twin, strict=True):
        assert np.abs(picture.astype(int) - snapshot.pixels).mean() < 1


@pytest.mark.parametrize("slack", [0.1, 0.3, 0.5])
def test_a_chain_hangs_as_a_catenary(slack: float) -> None:
    """Within 2 % of c (cosh(span/2c) - 1); a parabola of that length hangs 4 % less at 0.5."""
    arguments = CHAIN | {"slack": slack}
    evidence, _, values, verdicts = play(kernel, arguments)
    assert set(verdicts.values()) == {"passed"}
    assert values["sag"] == pytest.approx(values["catenary_sag"], rel=0.02)
    row = evidence.outputs["places"][0, :, :2].astype(float)
    length = np.linalg.norm(np.diff(row, axis=0), axis=1).sum()
    c = next(
        c for c in np.geomspace(0.05, 5, 20_000) if 2 * c * math.sinh((1 - slack) / c) <= length
    )
    wanted = row[20, 1] + c * (np.cosh(row[:, 0] / c) - np.cosh(row[20, 0] / c))
    assert row[:, 1] == pytest.approx(wanted, abs=0.02 * values["sag"] + 0.004)


def test_a_broken_chain_does_not_pass_for_a_catenary() -> None:
    # A weight that grows towards the middle.
    heavy = "-MASS * uniforms.gravity * (1.0 + 3.0 * exp(-0.02 * square(f32(i) - 19.5)))"
    verdicts = broken(kernel, CHAIN | {"slack": 0.5}, "-MASS * uniforms.gravity", heavy)
    assert verdicts["catenary"] == "failed"


def test_a_cloth_falls_on_the_ball_and_loses_energy() -> None:
    evidence, _, values, verdicts = play(kernel, TABLE)
    assert set(verdicts.values()) == {"passed"}
    total = np.sum(
        [[v for _, v in evidence.series[n]] for n in ("motion", "height_energy", "springs")], axis=0
    )
    assert total[-1] < 0.7 * total[0]
    places = evidence.outputs["places"][..., :3]
    middle = np.array([0.0, 0.26 * 1.5, 0.0])
    assert np.linalg.norm(places - middle, axis=-1).min() >= 0.26 * 1.5
    assert values["lowest"] >= 0


def test_a_flag_flies_with_the_wind_and_hangs_without() -> None:
    reach = {}
    for wind in (0.0, 9.0):
        evidence, _, _, verdicts = play(kernel, SMALL | {"wind": wind, "frames": 60})
        assert "failed" not in verdicts.values()
        reach[wind] = evidence.outputs["places"][:, -1, 0].mean()
    assert reach[9.0] > 1.1
    assert reach[0.0] < 0.6


def test_the_wind_is_a_knob_while_the_film_runs() -> None:
    arguments = SMALL | {"wind": "$wind", "frames": 40}
    program = connect(kernel.build(SMALL | {"frames": 40}), arguments, frozenset({"wind"}))
    reach = []
    for wind in (0.0, 12.0):
        evidence, _ = draw(arguments, program, live={"wind": wind})
        reach.append(evidence.outputs["places"][:, -1, 0].mean())
    assert reach[1] > reach[0] + 0.2


def test_a_stiffness_beyond_what_the_step_can_follow_stays_stable() -> None:
    arguments = TABLE | {"stiffness": "$stiffness", "frames": 12}
    program = connect(kernel.build(TABLE | {"frames": 12}), arguments, frozenset({"stiffness"}))
    evidence, _ = draw(arguments, program, live={"stiffness": 1e6})
    assert np.abs(evidence.outputs["speeds"]).max() < 20


def test_a_step_ten_times_too_long_is_noticed() -> None:
    program = kernel.build(TABLE)
    found = re.search(r"const STEP: f32 = (\S+);", program.source)
    assert found
    longer = f"const STEP: f32 = {10 * float(found[1])!r};"
    verdicts = broken(kernel, TABLE, found[0], longer)
    assert "failed" in {verdicts["finite"], verdicts["stretch"]}
    assert verdicts["energy_falls"] == "failed"


@cache
def unbroken(shape: str) -> dict[str, str]:
    return play(kernel, TABLE | {"shape": shape, "frames": 30, "gravity": 20}).verdicts


@pytest.mark.parametrize(
    ("shape", "right", "wrong", "check"),
    [
        ("flag", "select(moved.p, p, held)", "moved.p", "pins_hold"),
        ("tablecloth", "THICKNESS - start.p.y", "-1.0", "nothing_inside"),
        ("tablecloth", "BALL.w + THICKNESS - far", "-1.0", "nothing_inside"),
        ("flag", "k * (long - rest)", "0.02 * k * (long - rest)", "stretch"),
        ("tablecloth", "k * loss * dot", "-k * loss * dot", "energy_falls"),
        ("flag", "let faster = v +", "let faster = v * 1e30 +", "finite"),
    ],
)
def test_each_check_notices_what_is_broken(shape: str, right: str, wrong: str, check: str) -> None:
    arguments = TABLE | {"shape": shape, "frames": 30, "gravity": 20}
    assert unbroken(shape)[check] == "passed"
    assert broken(kernel, arguments, right, wrong)[check] == "failed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"columns": 200, "rows": 200}, "at most 20000, that is 100 rows, fit"),
        ({"steps_per_frame": 3}, "must be at least"),
        ({"stiffness": 20_000, "density": 0.01, "columns": 100}, "takes"),
        ({"stiffness": 0}, "greater than or equal to 1"),
        ({"shape": "carpet"}, "'flag', 'curtain'"),
        ({"colour": "red"}, "should match pattern"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProgram) as caught:
        kernel.build(SMALL | arguments)
    assert said in str(caught.value)


def test_the_fewest_steps_that_are_stable_are_named_and_work() -> None:
    with pytest.raises(InvalidProgram) as caught:
        kernel.build(TABLE | {"steps_per_frame": 1})
    least = int(re.findall(r"at least (\d+)", str(caught.value))[0])
    verdicts = play(kernel, TABLE | {"steps_per_frame": least}).verdicts
    assert set(verdicts.values()) == {"passed"}


@settings(max_examples=8, derandomize=True, deadline=None, database=None)
@given(
    shape=st.sampled_from(["flag", "curtain", "sheet", "tablecloth", "hammock"]),
    pins=st.sampled_from([None, "left", "top", "corners", "ends", "none"]),
    grid=st.tuples(st.integers(4, 20), st.integers(2, 16)),
    cloth=st.tuples(st.floats(0.8, 3), st.floats(0.8, 3)),
    stuff=st.tuples(st.floats(0.1, 2), st.floats(20, 600), st.floats(0, 1), st.floats(0, 0.5)),
    wind=st.tuples(st.floats(0, 15), st.floats(-180, 180), st.floats(0, 1)),
    gravity=st.floats(1, 30),
    damping=st.floats(0, 1),
    size=st.tuples(st.integers(16, 128), st.integers(16, 128)),
)
def test_any_arguments_give_a_picture_and_pass(
    shape: str, pins: str | None, grid: tuple[int, int], cloth: tuple[float, float],
    stuff: tuple[float, float, float, float], wind: tuple[float, float, float], gravity: float,
    damping: float, size: tuple[int, int],
) -> None:  # fmt: skip
    arguments: dict[str, Any] = {
        "shape": shape, "pins": pins, "columns": grid[0], "rows": grid[1], "gravity": gravity,
        "cloth_width": cloth[0], "cloth_height": cloth[1], "density": stuff[0],
        "stiffness": stuff[1], "shear": stuff[2], "bending": stuff[3], "damping": damping,
        "wind": wind[0], "wind_direction": wind[1], "gusts": wind[2],
        "width": size[0], "height": size[1], "frames": 4,
    }  # fmt: skip
    evidence, pictures = draw(arguments, kernel.build(arguments))
    assert pictures[-1][..., :3].std() > 1
    found = verdicts(kernel, evidence)
    assert "failed" not in found.values(), found
