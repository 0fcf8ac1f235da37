"""Particles: formulas become places and light, GPU and NumPy agree, and lost points are noticed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.errors import InvalidProgram
from intentos.gpu_kernels.particles import kernel

from .drawing import play, run, verdicts

HEART: dict[str, Any] = {"width": 128, "height": 96, "points": 12_000, "frames": 3}
GALAXY: dict[str, Any] = {
    **HEART, "solid": False, "x": "r*cos(tau*a*3 + 4*r + t)", "y": "0.1*(h1 - h2)",
    "z": "0", "shade": "1 - hypot(x, z)", "palette": "inferno", "parameters": {"r": 0.8},
}  # fmt: skip
LORENZ: dict[str, Any] = {
    **HEART, "dx": "s*(y - x)", "dy": "x*(28 - z) - y", "dz": "x*y - 8/3*z",
    "x": "20*h1 - 10", "y": "20*h2 - 10", "z": "20*h3 + 10", "parameters": {"s": 10.0},
    "centre": [0, 0, 25], "radius": 30, "up": "z", "shade": "n", "palette": "viridis",
}  # fmt: skip


CURVE: dict[str, Any] = {
    **HEART, "joined": True, "points": 600, "x": "cos(5*tau*n)", "y": "sin(4*tau*n)",
    "z": "sin(7*tau*n + t)", "shade": "n", "palette": "spectrum", "brightness": 0.8,
}  # fmt: skip
TRAILS: dict[str, Any] = {**LORENZ, "points": 200, "persistence": 0.9, "brightness": 1}


def redness(picture: Any) -> Any:
    """Return where red stands out."""
    red, green, blue = (picture[..., k].astype(int) for k in range(3))
    return (red > 90) & (red > 1.6 * green) & (red > 1.6 * blue)


@pytest.mark.parametrize(
    "arguments",
    [HEART, GALAXY, LORENZ, CURVE, TRAILS],
    ids=["surface", "points of light", "rates", "curve", "trails"],
)
def test_gpu_and_numpy_agree(arguments: dict[str, Any]) -> None:
    evidence, pictures = run(kernel, arguments)
    twin = list(kernel.reference(arguments, seed=7))
    rule = kernel.compare
    expected = twin[-1].buffers["positions"]
    assert evidence.outputs["positions"] == pytest.approx(expected, abs=rule.absolute, rel=1e-4)
    for name, points in evidence.series.items():
        assert [v for _, v in points] == pytest.approx([s.probes[name] for s in twin], abs=1e-3)
    for picture, snapshot in zip(pictures, twin, strict=True):
        apart = np.abs(picture.astype(int) - snapshot.pixels)
        assert apart.mean() < rule.pixels
        # Single pixels at a surface's edge may show another triangle.
        assert (apart.max(-1) > 3).mean() < 0.01
    assert set(verdicts(kernel, evidence).values()) == {"passed"}


def test_without_formulas_there_is_a_red_heart_without_holes() -> None:
    _, pictures = run(kernel, {**HEART, "width": 256, "height": 256, "points": 60_000, "frames": 1})
    red = redness(pictures[0])
    assert 0.15 < red.mean() < 0.5
    # Two lobes with a cleft between them, and a point at the bottom.
    rows = np.flatnonzero(red.any(axis=1))
    upper, lower = red[rows[0] + 8], red[rows[-1] - 4]
    assert np.count_nonzero(np.diff(upper.astype(int)) == 1) == 2
    assert lower.sum() < 30
    # No hole: between the first and the last red pixel of a lower row all is surface.
    background = pictures[0][4, 4, :3].astype(int)
    middle = red[(rows[0] + rows[-1]) // 2 + 20]
    inside = slice(np.flatnonzero(middle)[0], np.flatnonzero(middle)[-1])
    colours = pictures[0][(rows[0] + rows[-1]) // 2 + 20, inside, :3].astype(int)
    assert (colours[:, 0] > background[0] + 40).all()


def test_the_heart_turns_and_the_loop_closes() -> None:
    turning = {**HEART, "frames": 36}
    evidence, pictures = run(kernel, turning)
    assert evidence.distinct_frames == 36
    widths = [np.count_nonzero(redness(p).any(axis=0)) for p in pictures]
    assert min(widths) < 0.75 * max(widths)  # seen from the side it is thinner
    steps = [np.abs(a.astype(int) - b).mean() for a, b in pairwise([*pictures, pictures[0]])]
    assert steps[-1] < 1.5 * max(steps[:-1])


def test_the_colour_can_change_while_it_runs() -> None:
    program = kernel.build(HEART)
    assert [u.name for u in program.uniforms if u.type == "vec4f"] == ["colour", "background"]
    _, pictures = run(kernel, {**HEART, "colour": "#2060ff", "frames": 1})
    assert not redness(pictures[0]).any()


def test_attractor_follows_its_equations() -> None:
    # Decay has a closed solution; the fourth-order method is close to it.
    decay = {**LORENZ, "dx": "-x", "dy": "-y", "dz": "-z", "parameters": {}, "frames": 31}
    start = run(kernel, {**decay, "frames": 1})[0].outputs["positions"][:, :3]
    end = run(kernel, decay)[0].outputs["positions"][:, :3]
    assert end == pytest.approx(start * np.exp(-1.0), rel=1e-4)


def test_points_behind_the_surface_are_hidden() -> None:
    # A green sheet behind a red one: only red is to be seen.
    sheets = {
        **HEART, "x": "1.2*fract(2*a) - 0.6", "y": "1.2*b - 0.6", "z": "where(a < 0.5, 0.4, -0.4)",
        "shade": "where(a < 0.5, 1, 0)", "pitch": 0, "turns": 0, "frames": 1, "glow": 0,
    }  # fmt: skip
    _, pictures = run(kernel, sheets)
    middle = pictures[0][40:56, 50:78]
    assert redness(middle).mean() > 0.95


def test_points_that_are_nowhere_are_noticed() -> None:
    assert play(kernel, {**GALAXY, "x": "log(a - 0.5)"}).verdicts["positions_finite"] == "failed"


def test_points_outside_the_picture_are_noticed() -> None:
    assert play(kernel, {**GALAXY, "y": "50 + h1"}).verdicts["points_in_view"] == "failed"


def test_a_million_points_fit() -> None:
    million = {**GALAXY, "points": 1_000_000, "brightness": 0.01, "frames": 1}
    evidence, _ = run(kernel, million)
    assert evidence.outputs["positions"].shape == (1_000_000, 4)
    assert verdicts(kernel, evidence)["positions_finite"] == "passed"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"x": "sin("}, "x"),
        ({"shade": "speed"}, "shade"),
        ({"dx": "1"}, "dx"),
        ({"points": 2_000_000}, "points"),
        ({"points": 255}, "at least 256 points"),
        ({"points": 1000, "width": 2048, "height": 2048}, "at least 7225 points"),
        ({"colour": "red"}, "colour"),
        ({"palette": "mud"}, "one of inferno, .*spectrum"),
        ({"parameters": {"yaw": 1.0}}, "yaw"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidProgram, match=named):
        kernel.build({**HEART, **wrong})


def test_a_streak_has_the_light_of_the_point() -> None:
    # 40 points that fly far in every frame: their light is spread over the way, not multiplied.
    flight = {
        **LORENZ, "points": 40, "dx": "9", "dy": "0", "dz": "0", "parameters": {}, "size": 4,
        "width": 256, "height": 256, "brightness": 0.4, "glow": 0, "turns": 0, "yaw": 0,
        "speed": 4, "frames": 2, "background": "#000000",
    }  # fmt: skip
    sums = []
    for persistence in (0.0, 0.01):
        _, pictures = run(kernel, {**flight, "persistence": persistence})
        sums.append((pictures[1][..., :3].astype(float) / 255) ** 2.2)
    lit = [(light.max(-1) > 0.001).sum() for light in sums]
    assert lit[1] > 1.5 * lit[0]
    assert sums[1].sum() == pytest.approx(sums[0].sum(), rel=0.35)


FORMULAS = st.sampled_from(
    ["sin(tau*a)", "cos(pi*b)", "2*h1 - 1", "n", "0", "0.3*sin(t + 9*b)", "a*b - 0.5", "fract(7*a)"]
)


@settings(max_examples=8, derandomize=True, deadline=None)
@given(
    places=st.tuples(FORMULAS, FORMULAS, FORMULAS),
    kind=st.sampled_from(["surface", "light", "curve", "rates"]),
    points=st.integers(300, 2000),
    size=st.tuples(st.integers(24, 80), st.integers(24, 80)),
    numbers=st.fixed_dictionaries(
        {
            "glow": st.floats(0, 5),
            "size": st.floats(0.2, 10),
            "brightness": st.floats(0.05, 20),
            "persistence": st.floats(0, 0.98),
            "distance": st.floats(1.5, 8),
            "pitch": st.floats(-90, 90),
            "turns": st.floats(-20, 20),
            "gloss": st.floats(0, 3),
            "glitter": st.floats(0, 1),
        }
    ),
    palette=st.sampled_from(["", "aurora", "spectrum"]),
)
def test_whatever_is_asked_for_something_is_drawn(
    places: tuple[str, str, str],
    kind: str,
    points: int,
    size: tuple[int, int],
    numbers: dict[str, float],
    palette: str,
) -> None:
    x, y, z = places
    arguments: dict[str, Any] = {
        **numbers, "x": x, "y": y, "z": z, "points": points, "width": size[0], "height": size[1],
        "frames": 2, "palette": palette, "solid": kind == "surface", "joined": kind == "curve",
    }  # fmt: skip
    if kind == "rates":
        arguments |= {"dx": "y", "dy": "-x", "dz": "0"}
    evidence, pictures = run(kernel, arguments)
    statuses = verdicts(kernel, evidence)
    assert statuses["positions_finite"] == "passed"
    assert statuses["points_in_view"] == "passed"
    assert pictures[0][..., :3].std() > 1
