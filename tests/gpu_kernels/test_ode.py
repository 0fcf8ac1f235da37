"""Differential equations: known solutions, SciPy's results, and what the checks notice."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.special import ellipk

from intentos.bindings import connect
from intentos.errors import InvalidProgram
from intentos.gpu_kernels.ode import kernel

from .drawing import broken, draw, play, verdicts

SMALL: dict[str, Any] = {"width": 72, "height": 64, "frames": 21}
SPRING: dict[str, Any] = SMALL | {
    "rates": {"x": "v", "v": "-k*x"},
    "initial": {"x": "1"},
    "parameters": {"k": 4.0},
    "exact": {"x": "x_0*cos(sqrt(k)*t)", "v": "-sqrt(k)*x_0*sin(sqrt(k)*t)"},
    "conserved": {"energy": "v*v/2 + k*x*x/2"},
    "duration": 10.0,
    "units": {"x": "m"},
}
PREY: dict[str, Any] = SMALL | {
    "rates": {"prey": "1.1*prey - 0.4*prey*fox", "fox": "0.1*prey*fox - 0.4*fox"},
    "initial": {"prey": "10", "fox": "5"},
    "conserved": {"V": "0.1*prey - 0.4*log(prey) + 0.4*fox - 1.1*log(fox)"},
    "duration": 40,
    "view": "both",
}
LORENZ: dict[str, Any] = SMALL | {
    "rates": {"x": "s*(y - x)", "y": "x*(r - z) - y", "z": "x*y - b*z"},
    "parameters": {"s": 10, "r": 28, "b": 8 / 3},
    "initial": {"x": "1", "y": "1", "z": "20"},
    "view": "phase3d",
}
BALL: dict[str, Any] = SMALL | {
    "rates": {"y": "v", "v": "-10"},
    "initial": {"y": "5"},
    "events": [{"when": "y", "set": {"v": "-0.5*v"}}],
    "points": [["0", "y"]],
    "floor": 0,
    "duration": 4,
}


def scipy_end(rates: Any, start: list[float], end: float) -> Any:
    """Return SciPy's solution at the end, to ten digits."""
    return solve_ivp(rates, (0, end), start, method="DOP853", rtol=1e-10, atol=1e-12).y[:, -1]


@pytest.mark.parametrize("method", ["rk4", "adaptive"])
def test_a_mass_on_a_spring_swings_as_known(method: str) -> None:
    _, _, values, verdicts = play(kernel, SPRING | {"method": method, "steps_per_frame": 32})
    assert set(verdicts.values()) == {"passed"}
    assert {"x_exact", "v_exact", "energy_conserved", "half_step"} <= verdicts.keys()
    assert values["x_end"] == pytest.approx(math.cos(20), abs=2e-4)
    assert values["x_period"] == pytest.approx(math.pi, rel=2e-3)


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_half_the_step_leaves_the_error_that_the_order_says(method: str, order: int) -> None:
    swing = SPRING | {"method": method, "frames": 3, "duration": 1.0, "accuracy": 1}
    off = []
    for steps in (4, 8):
        states = play(kernel, swing | {"steps_per_frame": steps}).evidence.outputs["members"]
        off.append(abs(float(states[0, 0]) - math.cos(2)) + abs(states[1, 0] + 2 * math.sin(2)))
    assert math.log2(off[0] / off[1]) == pytest.approx(order, abs=0.5)


def test_a_step_ten_times_too_long_is_noticed() -> None:
    good = SPRING | {"steps_per_frame": 10}
    assert set(play(kernel, good).verdicts.values()) == {"passed"}
    verdicts = play(kernel, good | {"steps_per_frame": 1}).verdicts
    for check in ("half_step", "energy_conserved", "x_exact"):
        assert verdicts[check] == "failed"


def test_a_wrong_weight_in_the_method_is_noticed() -> None:
    verdicts = broken(kernel, SPRING, "(0.3333333333333333f) * k1.a0", "(0.34f) * k1.a0")
    assert verdicts["x_exact"] == "failed"
    assert verdicts["energy_conserved"] == "failed"


def test_what_grows_beyond_all_numbers_is_noticed() -> None:
    runaway = SMALL | {"rates": {"y": "y*y"}, "initial": {"y": "1"}, "duration": 3}
    assert play(kernel, runaway).verdicts["finite"] == "failed"
    stuck = play(kernel, runaway | {"method": "adaptive"}).verdicts
    assert stuck["tolerance_reached"] == "failed"
    assert stuck["half_step"] == "failed"


def test_foxes_and_prey_keep_volterras_invariant_and_scipys_end() -> None:
    _, _, values, verdicts = play(kernel, PREY)
    assert set(verdicts.values()) == {"passed"}
    wanted = scipy_end(
        lambda _, y: [1.1 * y[0] - 0.4 * y[0] * y[1], 0.1 * y[0] * y[1] - 0.4 * y[1]], [10, 5], 40
    )
    assert [values["prey_end"], values["fox_end"]] == pytest.approx(wanted, rel=1e-3)


def test_a_pendulum_takes_longer_for_a_wide_swing() -> None:
    """4 K(sin(a/2)) √(l/g) for every amplitude a of an ensemble."""
    wide = SMALL | {
        "rates": {"a": "u", "u": "-9.81*sin(a)"}, "vary": {"a0": [0.1, 2.9]}, "members": 5,
        "initial": {"a": "a0"}, "duration": 20, "frames": 101,
        "points": [[0, 0], ["sin(a)", "-cos(a)"]], "rods": [[0, 1]],
    }  # fmt: skip
    curves = play(kernel, wide).evidence.outputs["curves"]
    from intentos.gpu_kernels.ode_judge import period

    sample = kernel.validate(wide).sample
    for k, amplitude in enumerate(np.linspace(0.1, 2.9, 5)):
        wanted = 4 * ellipk(math.sin(amplitude / 2) ** 2) / math.sqrt(9.81)
        assert period(curves[:, 0, k], sample) == pytest.approx(wanted, rel=2e-3)


def test_a_planet_comes_back_after_keplers_period() -> None:
    speed = 0.7
    axis = 1 / (2 - speed**2)
    orbit = SMALL | {
        "rates": {"x": "u", "y": "v", "u": "-x/hypot(x, y)^3", "v": "-y/hypot(x, y)^3"},
        "initial": {"x": "1", "v": f"{speed}"}, "method": "adaptive",
        "duration": 3 * 2 * math.pi * axis**1.5, "view": "mechanism",
        "points": [{"x": 0, "y": 0, "look": "star"}, {"x": "x", "y": "y", "trail": True}],
        "conserved": {"energy": "(u*u + v*v)/2 - 1/hypot(x, y)", "spin": "x*v - y*u"},
    }  # fmt: skip
    _, _, values, verdicts = play(kernel, orbit)
    assert set(verdicts.values()) == {"passed"}
    assert [values[f"{n}_end"] for n in "xyuv"] == pytest.approx([1, 0, 0, speed], abs=2e-3)


def test_van_der_pols_oscillator_ends_on_its_cycle() -> None:
    """Amplitude near 2 wherever it starts; the end as SciPy has it."""
    swing = SMALL | {
        "rates": {"x": "y", "y": "mu*(1 - x^2)*y - x"}, "parameters": {"mu": 1.5},
        "initial": {"x": "0.2 + 3*h1", "y": "h2"}, "members": 200, "duration": 30,
        "view": "phase", "steps_per_frame": 80,
    }  # fmt: skip
    evidence, _, _, verdicts = play(kernel, swing)
    assert set(verdicts.values()) == {"passed"}
    start = evidence.outputs["curves"][0, :, 0].astype(float)
    wanted = scipy_end(lambda _, s: [s[1], 1.5 * (1 - s[0] ** 2) * s[1] - s[0]], list(start), 30)
    assert evidence.outputs["members"][:2, 0] == pytest.approx(wanted, abs=2e-3)
    late = evidence.outputs["curves"][-40:, 0]
    assert np.abs(late).max() == pytest.approx(2.0, abs=0.05)


def test_an_epidemic_ends_at_its_final_size() -> None:
    """log(S∞/S₀) = R₀ (S∞ - 1), where all were susceptible but a few (Kermack, McKendrick 1927)."""
    epidemic = SMALL | {
        "rates": {"S": "-b*S*I", "I": "b*S*I - g*I", "R": "g*I"},
        "initial": {"S": "0.999", "I": "0.001"}, "parameters": {"b": 0.5, "g": 0.2},
        "conserved": {"all": "S + I + R"}, "duration": 200, "time_unit": "d",
    }  # fmt: skip
    _, _, values, verdicts = play(kernel, epidemic)
    assert set(verdicts.values()) == {"passed"}
    end = values["S_end"]
    assert math.log(end / 0.999) == pytest.approx(2.5 * (end - 1), abs=2e-3)


def test_lorenz_agrees_with_scipy_while_it_can_and_says_how_long() -> None:
    def rates(_: float, s: Any) -> list[float]:
        x, y, z = s
        return [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]

    _, _, values, verdicts = play(kernel, LORENZ | {"duration": 4, "steps_per_frame": 40})
    assert set(verdicts.values()) == {"passed"}
    wanted = scipy_end(rates, [1, 1, 20], 4)
    assert [values[f"{n}_end"] for n in "xyz"] == pytest.approx(wanted, abs=5e-3)
    assert "trusted_until" not in values
    _, _, values, verdicts = play(kernel, LORENZ | {"duration": 40, "steps_per_frame": 400})
    assert verdicts["half_step"] == "passed"
    assert 5 < values["trusted_until"] < 39


def test_neighbouring_double_pendulums_part() -> None:
    from intentos.gpu_kernels.ode import PENDULUM

    near = PENDULUM | SMALL | {
        "frames": 121, "frames_per_second": 10, "members": 3, "steps_per_frame": 48,
        "initial": {"a": "2.2 + 0.001*share", "b": "2.6"},
    }  # fmt: skip
    evidence, _, _, verdicts = play(kernel, near)
    assert verdicts["energy_conserved"] == "passed"
    curves = evidence.outputs["curves"][:, 0]
    assert abs(curves[0, 2] - curves[0, 0]) < 2e-3
    assert abs(curves[-1, 2] - curves[-1, 0]) > 0.3


def test_a_ball_bounces_when_it_should_and_comes_to_rest() -> None:
    """It falls for 1 s, then each flight takes half as long as the one before: 3 s in all."""
    evidence, _, values, verdicts = play(kernel, BALL)
    assert set(verdicts.values()) == {"passed"}
    assert values["first_event"] == pytest.approx(1.0, abs=1e-4)
    assert values["last_event"] == pytest.approx(3.0, abs=0.05)
    assert values["events"] > 8
    assert evidence.outputs["curves"][:, 0].min() >= 0
    assert values["y_end"] == pytest.approx(0, abs=1e-6)


def test_a_shot_stops_where_it_lands() -> None:
    shot = SMALL | {
        "rates": {"x": "3", "y": "v", "v": "-10"}, "initial": {"v": "5"}, "duration": 2,
        "events": [{"when": "y", "stop": True}], "points": [{"x": "x", "y": "y", "trail": True}],
    }  # fmt: skip
    values = play(kernel, shot).values
    assert values["x_end"] == pytest.approx(3.0, abs=1e-3)
    assert values["last_event"] == pytest.approx(1.0, abs=1e-3)


def test_a_push_that_does_not_turn_back_happens_once() -> None:
    kicked = SMALL | {
        "rates": {"x": "1", "y": "0"}, "initial": {"x": "-1"}, "duration": 2,
        "events": [{"when": "x", "direction": "up", "set": {"y": "y + 1"}}],
    }  # fmt: skip
    values = play(kernel, kicked).values
    assert values["y_end"] == 1
    assert values["events"] == 1


TWINS: dict[str, dict[str, Any]] = {
    "pendulum": {},
    "spring": {
        "rates": {"x": "v", "v": "-k*x"}, "initial": {"x": "1"}, "parameters": {"k": 4},
        "points": [{"x": -2, "y": 0, "look": "pivot"}, ["x", 0], {"x": 1, "y": 1, "look": "star"}],
        "rods": [[0, 1, "spring"], [1, 2, "string"]], "floor": -0.5, "view": "both",
    },
    "phase": {
        "rates": {"x": "v", "v": "-x"}, "initial": {"x": "1"}, "view": "phase",
        "exact": {"x": "x_0*cos(t)"}, "conserved": {"E": "x*x + v*v"}, "method": "midpoint",
    },
    "space": LORENZ | {"members": 30, "duration": 1, "method": "adaptive"},
    "bounces": BALL | {"members": 6, "initial": {"y": "1 + share"}, "duration": 1, "view": "both"},
    "many": {
        "rates": {"a": "u", "u": "-sin(a)"}, "initial": {"a": "share + 0.5"}, "members": 40,
        "points": [[0, 0], {"x": "sin(a)", "y": "-cos(a)", "trail": True}], "rods": [[0, 1]],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", TWINS)
def test_gpu_and_numpy_agree(name: str) -> None:
    arguments = SMALL | TWINS[name] | {"frames": 4}
    evidence, pictures = draw(arguments, kernel.build(arguments))
    twin = list(kernel.reference(arguments, seed=7))
    for output, got in evidence.outputs.items():
        assert kernel.compare.agree(got, twin[-1].buffers[output]), output
    for picture, snapshot in zip(pictures, twin, strict=True):
        assert np.abs(picture.astype(int) - snapshot.pixels).mean() < 0.5


def test_a_parameter_stays_a_knob_while_the_film_runs() -> None:
    arguments = SPRING | {"parameters": {"k": "$k"}, "exact": {}}
    program = connect(kernel.build(SPRING), arguments, frozenset({"k"}))
    evidence, _ = draw(arguments, program, live={"k": 1.0})
    assert evidence.outputs["members"][0, 0] == pytest.approx(math.cos(10), abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"rates": {n: "0" for n in "abcdfghij"}}, "at most 8 items"),
        ({"rates": {"x": "w"}}, "'w' at column 1 is no variable"),
        ({"initial": {"q": "0"}}, "initial names 'q'; there are x, v"),
        ({"exact": {"q": "0"}}, "exact names 'q'"),
        ({"curves": ["q"]}, "curves names 'q'"),
        ({"events": [{"when": "x", "set": {"q": "0"}}]}, "events names 'q'"),
        ({"rates": {"t": "0"}, "initial": {}}, "already means"),
        ({"view": "mechanism"}, "needs points"),
        ({"view": "phase3d"}, "needs three axes"),
        ({"points": [[0, 0]], "rods": [[0, 1]]}, "rods name point 1; there are 1"),
        ({"members": 200_000}, "less than or equal to 100000"),
        ({"members": 100_000, "steps_per_frame": 5000}, "leave room for 20000 members"),
        ({"frames": 10_000, "steps_per_frame": 600}, "room for steps_per_frame of 500"),
        ({"palette": "mud"}, "palette must be one of"),
        ({"tolerance": 1e-9}, "greater than or equal to"),
        ({"rates": {}, "curves": ["a"], "derived": {"d": "a"}}, "needs rates"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProgram) as caught:
        kernel.build(SPRING | {"exact": {}, "conserved": {}} | arguments)
    assert said in str(caught.value)


@settings(max_examples=12, derandomize=True, deadline=None, database=None)
@given(
    system=st.sampled_from([SPRING, PREY, LORENZ, BALL]),
    view=st.sampled_from(["series", "phase", "both"]),
    method=st.sampled_from(["rk4", "adaptive"]),
    members=st.integers(1, 300),
    duration=st.floats(0.1, 3),
    size=st.tuples(st.integers(64, 160), st.integers(64, 160)),
    trail=st.floats(0, 1),
)
def test_any_arguments_give_a_picture_and_pass(
    system: dict[str, Any], view: str, method: str, members: int, duration: float,
    size: tuple[int, int], trail: float,
) -> None:  # fmt: skip
    arguments = system | {
        "view": view, "method": method, "members": members, "duration": duration, "frames": 4,
        "width": size[0], "height": size[1], "trail": trail, "steps_per_frame": 60,
    }  # fmt: skip
    evidence, pictures = draw(arguments, kernel.build(arguments))
    assert pictures[-1][..., :3].std() > 1
    assert "failed" not in verdicts(kernel, evidence).values()
