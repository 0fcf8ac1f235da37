"""Field: known solutions, what must be conserved, and what its checks notice."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.bindings import connect
from intentos.errors import InvalidProgram
from intentos.gpu_kernels.field import kernel, largest_step, time_steps

from .drawing import broken, draw, play, verdicts

SMALL: dict[str, Any] = {"width": 64, "height": 64, "frames": 3, "columns": 64, "rows": 64}
HEAT: dict[str, Any] = SMALL | {
    "rates": {"T": "alpha*lap(T)"},
    "diffusivity": "alpha",
    "parameters": {"alpha": 1e-4, "hot": 300.0, "cold": 20.0},
    "initial": {"T": "cold"},
    "fixed_where": "disc(x, y, 0, 1, 0.2)",
    "fixed_values": {"T": "hot"},
    "bounded": ["T"],
    "size": 0.1,
    "duration": 4.0,
    "unit": "°C",
}
INK: dict[str, Any] = SMALL | {
    "rates": {"c": "D*lap(c)"},
    "diffusivity": "D",
    "parameters": {"D": 1e-3},
    "initial": {"c": "fbm(8*x, 8*y)"},
    "conserved": ["c"],
    "bounded": ["c"],
}


def test_a_hot_corner_warms_the_plate() -> None:
    evidence, pictures, values, verdicts = play(kernel, HEAT)
    assert set(verdicts.values()) == {"passed"}
    assert values["maximum"] == pytest.approx(300)
    assert values["time"] == pytest.approx(4.0)
    means = [mean for _, mean in evidence.series["mean"]]
    assert means == sorted(means)
    assert means[-1] > means[0] + 5
    plate = evidence.outputs["fields"][0]
    assert plate[-1, 0] == 300  # the upper left corner, row 0 being at the bottom
    assert plate[0, -1] < 25
    assert pictures[-1][3, 3].sum() > pictures[-1][-4, 50].sum() + 200


def test_twice_as_hot_is_twice_the_rise() -> None:
    rise = []
    for hot in (300.0, 580.0):
        parameters = HEAT["parameters"] | {"hot": hot}
        rise.append(play(kernel, HEAT | {"parameters": parameters}).values["mean"] - 20)
    assert rise[1] == pytest.approx(2 * rise[0], rel=1e-4)


def test_a_wave_of_heat_decays_at_its_known_rate() -> None:
    """cos(πx) on an insulated rod: exp(-D π² t)."""
    rod = SMALL | {
        "rates": {"u": "lap(u)"}, "initial": {"u": "cos(pi*x)"}, "diffusivity": 1, "duration": 0.1,
    }  # fmt: skip
    field = play(kernel, rod).evidence.outputs["fields"][0]
    assert field.max() == pytest.approx(math.exp(-(math.pi**2) * 0.1), rel=2e-3)


def test_a_steady_plate_between_two_fixed_sides_is_a_straight_line() -> None:
    steady = SMALL | {
        "rates": {"u": "lap(u)"}, "initial": {"u": "x"}, "diffusivity": 1, "duration": 1.0,
        "columns": 32, "rows": 16, "fixed_where": "i < 1 or i > 30",
        "fixed_values": {"u": "where(i < 1, 0, 31)"},
    }  # fmt: skip
    field = play(kernel, steady).evidence.outputs["fields"][0]
    assert field == pytest.approx(np.broadcast_to(np.arange(32), (16, 32)), abs=0.02)


def test_a_standing_wave_comes_back_after_its_period() -> None:
    """cos(2πx) on a periodic grid has the period 1/c."""
    wave = SMALL | {
        "rates": {"u": "v", "v": "c*c*lap(u)"}, "update": "staggered", "boundary": "periodic",
        "initial": {"u": "cos(tau*x)"}, "wave_speed": "c", "parameters": {"c": 2.0},
    }  # fmt: skip
    for duration, amplitude in ((0.5, 1), (0.25, -1)):
        evidence, _, _, _ = play(kernel, wave | {"duration": duration})
        field = evidence.outputs["fields"][0]
        start = np.cos(2 * np.pi * (np.arange(64) + 0.5) / 64)
        assert field[10] == pytest.approx(amplitude * start, abs=0.04)


def test_fishers_front_moves_at_its_known_speed() -> None:
    """2 √(rD), approached from below (Kolmogorov, Petrovsky, Piskunov 1937)."""
    front = SMALL | {
        "rates": {"u": "D*lap(u) + r*u*(1 - u)"}, "initial": {"u": "x < 0.1"}, "columns": 256,
        "rows": 16, "diffusivity": "D", "reaction_rate": "r", "parameters": {"D": 4e-4, "r": 4.0},
        "duration": 8.0, "frames": 5,
    }  # fmt: skip
    arguments = kernel.validate(front)
    places = [
        float((snapshot.buffers["fields"][0][8] > 0.5).mean())
        for snapshot in kernel.twin(arguments, seed=0)
    ]
    speed = (places[-1] - places[-2]) / 2
    assert speed == pytest.approx(2 * math.sqrt(16e-4), rel=0.05)
    assert speed < 2 * math.sqrt(16e-4)
    on_gpu = play(kernel, front).evidence.outputs["fields"][0][8]
    assert float((on_gpu > 0.5).mean()) == pytest.approx(places[-1], abs=1 / 256)


def test_a_schroedinger_packet_keeps_its_norm() -> None:
    packet = SMALL | {
        "rates": {"re": "-0.5*lap(im)", "im": "0.5*lap(re)"}, "update": "staggered",
        "initial": {"re": "exp(-60*hypot(x-.5, y-.5)**2)*cos(40*x)",
                    "im": "exp(-60*hypot(x-.5, y-.5)**2)*sin(40*x)"},
        "boundary": "periodic", "diffusivity": 0.5, "show": "re*re + im*im", "duration": 0.005,
    }  # fmt: skip
    evidence, _, _, _ = play(kernel, packet)
    norms = [mean for _, mean in evidence.series["mean"]]
    assert norms[-1] == pytest.approx(norms[0], rel=0.02)
    assert evidence.outputs["shown"].max() < 0.9  # and it spreads


def test_spots_grow_from_gray_and_scotts_reaction() -> None:
    reaction = SMALL | {
        "rates": {"u": "0.16*lap(u) - u*v*v + 0.037*(1-u)", "v": "0.08*lap(v) + u*v*v - 0.097*v"},
        "initial": {"u": "1 - 0.5*disc(x, y, .5, .5, .12)", "v": "0.25*disc(x, y, .5, .5, .12)"},
        "boundary": "periodic", "size": 64, "diffusivity": 0.16, "reaction_rate": 1, "show": "v",
        "steps_per_frame": 800,
    }  # fmt: skip
    evidence, _, values, _ = play(kernel, reaction)
    assert (evidence.outputs["shown"] > 0.1).mean() > 0.12  # it began with 4.5 %
    assert 0.2 < values["maximum"] < 0.6


def test_ink_spreads_and_none_is_lost() -> None:
    for boundary in ("insulated", "periodic"):
        verdicts = play(kernel, INK | {"boundary": boundary}).verdicts
        assert set(verdicts.values()) == {"passed"}


def test_a_leak_is_noticed() -> None:
    verdicts = broken(kernel, INK, "- 4.0 * here_0", "- 4.002 * here_0")
    assert verdicts["c_conserved"] == "failed"
    assert (
        play(kernel, INK | {"boundary": "fixed", "steps_per_frame": 40}).verdicts["c_conserved"]
        == "failed"
    )


def test_heat_from_nowhere_is_noticed() -> None:
    rates = {"T": "alpha*lap(T) + 3000*disc(x, y, 0, 1, 0.5)"}
    assert play(kernel, HEAT | {"rates": rates}).verdicts["T_bounded"] == "failed"
    assert broken(kernel, HEAT, "- 4.0 * here_0", "- 3.9 * here_0")["T_bounded"] == "failed"


def test_an_exploding_field_is_noticed() -> None:
    runaway = {"rates": {"u": "u*u"}, "initial": {"u": "1 + x"}, "dt": 0.5, "steps_per_frame": 50}
    assert play(kernel, SMALL | runaway).verdicts["finite"] == "failed"
    wrong_speed = HEAT | {"diffusivity": 1e-5, "duration": None, "steps_per_frame": 400}
    assert play(kernel, wrong_speed).verdicts["finite"] == "failed"


def test_a_field_without_a_number_has_no_extremes() -> None:
    arguments = {"rates": {"u": "lap(u)"}, "initial": {"u": "log(-1 - x)"}, "diffusivity": "1"}
    played = play(kernel, {**arguments, "width": 32, "height": 32, "frames": 2})
    assert played.verdicts["finite"] == "failed"
    assert "minimum" not in played.values


def test_a_field_that_does_not_move_leaves_open_whether_that_is_right() -> None:
    still = {"rates": {"u": "0"}, "initial": {"u": "x"}, "dt": 1.0}
    found = play(kernel, SMALL | still).verdicts
    assert (found["frames_drawn"], found["something_moves"]) == ("passed", "unknown")


def test_an_unstable_step_is_refused_with_the_largest_that_works() -> None:
    largest = largest_step(1e-4, 0, 0, 0.1 / 64)
    assert largest == pytest.approx((0.1 / 64) ** 2 / 4e-4)
    with pytest.raises(InvalidProgram) as caught:
        kernel.build(HEAT | {"duration": None, "dt": 1.01 * largest})
    assert caught.value.code == "field.unstable"
    assert f"{largest:.6g}" in str(caught.value)
    noisy = HEAT | {
        "initial": {"T": "cold + random(i, j)"},
        "duration": None,
        "steps_per_frame": 99,
    }
    assert play(kernel, noisy | {"dt": largest}).verdicts["T_bounded"] == "passed"


@pytest.mark.parametrize("kind", ["diffusion", "wave"])
def test_the_largest_step_is_the_edge_of_stability(kind: str) -> None:
    rough = SMALL | {"boundary": "periodic", "initial": {"u": "random(i, j)"}, "frames": 2}
    if kind == "diffusion":
        system = {"rates": {"u": "lap(u)"}, "diffusivity": 1}
        limit = largest_step(1, 0, 0, 1 / 64)
    else:
        system = {"rates": {"u": "v", "v": "lap(u)"}, "wave_speed": 1, "update": "staggered"}
        limit = largest_step(0, 1, 0, 1 / 64)
    for factor, stable in ((0.99, True), (1.05, False)):
        slow = {name: 0.5 for name in ("diffusivity", "wave_speed") if name in system}
        steps = {"dt": factor * limit, "steps_per_frame": 400}
        found = play(kernel, rough | system | slow | steps).evidence.outputs["fields"]
        assert (np.isfinite(found).all() and np.abs(found[0]).max() < 100) == stable


@settings(max_examples=60, derandomize=True, deadline=None, database=None)
@given(
    duration=st.floats(1e-3, 50),
    frames=st.integers(1, 200),
    diffusivity=st.floats(0, 1e-3),
    speed=st.floats(1e-3, 2),
)
def test_a_film_ends_exactly_at_its_duration_with_stable_steps(
    duration: float, frames: int, diffusivity: float, speed: float
) -> None:
    wanted = SMALL | {
        "rates": {"u": "0"}, "frames": frames, "duration": duration, "diffusivity": diffusivity,
        "wave_speed": speed,
    }  # fmt: skip
    try:
        dt, steps, largest = time_steps(kernel.validate(wanted))
    except InvalidProgram as error:
        if error.code != "field.too_long":
            raise
        return
    assert dt <= largest
    assert dt * steps * max(1, frames - 1) == pytest.approx(duration)


def test_a_parameter_stays_a_knob_while_the_film_runs() -> None:
    arguments = HEAT | {"parameters": HEAT["parameters"] | {"hot": "$hot"}}
    program = connect(kernel.build(HEAT), arguments, frozenset({"hot"}))
    evidence, _ = draw(HEAT, program, live={"hot": 90.0})
    assert evidence.outputs["fields"].max() == 90


def twin_of(arguments: dict[str, Any]) -> Any:
    """The twin's last frame."""
    *_, last = kernel.twin(kernel.validate(arguments), seed=7)
    return last


MAZE: dict[str, Any] = SMALL | {
    "rates": {"u": "D*lap(u)"}, "initial": {"u": "x < 0.25"}, "diffusivity": "D",
    "parameters": {"D": 1.0}, "walls": "abs(x - 0.5) < 0.04 and y < gap", "conserved": ["u"],
    "bounded": ["u"], "steps_per_frame": 400,
}  # fmt: skip


def test_nothing_flows_through_a_wall() -> None:
    shut = MAZE | {"parameters": {"D": 1.0, "gap": 2.0}}
    evidence, _, _, verdicts = play(kernel, shut)
    assert evidence.outputs["fields"][0][:, 40:].max() == 0
    assert set(verdicts.values()) == {"passed"}
    ajar = MAZE | {"parameters": {"D": 1.0, "gap": 0.7}, "show": "u + 0.01*dx(u) + 0.001*lap(u)"}
    evidence, pictures, _, verdicts = play(kernel, ajar)
    beyond = evidence.outputs["fields"][0][:, 40:]
    assert 0 < beyond[10].max() < beyond[60].max()
    assert set(verdicts.values()) == {"passed"}
    twin = twin_of(ajar)
    assert evidence.outputs["fields"] == pytest.approx(twin.buffers["fields"], abs=1e-5)
    assert np.abs(pictures[-1].astype(int) - twin.pixels).mean() < 0.5


def test_a_wall_with_a_hole_is_noticed() -> None:
    shut = MAZE | {"parameters": {"D": 1.0, "gap": 2.0}}
    assert (
        broken(kernel, shut, "let east_0 = select(", "let east_0 = select(0.9*")["u_conserved"]
        == "failed"
    )


@pytest.mark.parametrize("columns", [64, 50])
@pytest.mark.parametrize("update", ["simultaneous", "staggered"])
def test_every_side_is_what_it_was_told_to_be(columns: int, update: str) -> None:
    mixed = SMALL | {
        "columns": columns,
        "rows": 37,
        "rates": {"u": "v + 0.1*dxx(u)", "v": "0.3*dyy(u) + lap(u) - 0.1*v*dx(u) + dy(v)"},
        "initial": {"u": "noise(5*x, 5*y)", "v": "x*y"},
        "update": update,
        "boundary": "insulated",
        "sides": {"left": "fixed", "top": "fixed"},
        "boundary_values": {"u": "where(x < 0, y, 2*x) + sin(t)", "v": "0.5"},
        "wave_speed": 1.3,
        "diffusivity": 0.1,
        "reaction_rate": 20,
        "show": "u + 0.1*dy(v)",
        "walls": "disc(x, y, 0.5, 0.5, 0.153)",
    }
    for sides in ({"left": "fixed", "top": "fixed"}, {"left": "periodic", "right": "periodic"}):
        arguments = mixed | {"sides": sides}
        evidence = play(kernel, arguments).evidence
        twin = twin_of(arguments).buffers
        assert evidence.outputs["fields"] == pytest.approx(twin["fields"], abs=1e-4, rel=1e-4)
        assert evidence.outputs["shown"] == pytest.approx(twin["shown"], abs=1e-3, rel=1e-3)


def test_a_source_may_follow_the_time() -> None:
    lamp = SMALL | {
        "rates": {"u": "disc(x, y, 0.5, 0.5, 2)*cos(t)"}, "dt": 0.01, "steps_per_frame": 50,
    }  # fmt: skip
    evidence, _, values, _ = play(kernel, lamp)
    assert evidence.outputs["fields"] == pytest.approx(math.sin(1.0), abs=0.01)
    assert values["dt"] == pytest.approx(0.01)


def test_a_live_parameter_cannot_make_the_step_unstable_unseen() -> None:
    noise = INK | {"initial": {"c": "random(i, j)"}}
    live = noise | {"parameters": {"D": "$D"}}
    program = connect(kernel.build(noise), live, frozenset({"D"}))
    for value, status in ((1e-3, "passed"), (5e-4, "passed"), (5e-3, "failed")):
        evidence, _ = draw(noise, program, live={"D": value})
        found = verdicts(kernel, evidence)
        assert found["stable_step"] == status
        assert found["smooth"] == "passed"
        assert found["c_bounded"] == "passed"
        assert np.abs(evidence.outputs["fields"]).max() <= 1


def test_a_chequerboard_is_noticed_though_nothing_overflows() -> None:
    # The step is what 0.3 would allow, and the swing can't grow beyond what tanh gives.
    wrong = SMALL | {
        "rates": {"u": "tanh(lap(u))"}, "initial": {"u": "0.1*random(i, j) + x"},
        "size": 64, "diffusivity": 0.3, "steps_per_frame": 300, "boundary": "periodic",
    }  # fmt: skip
    evidence, _, _, verdicts = play(kernel, wrong)
    assert np.isfinite(evidence.outputs["fields"]).all()
    assert verdicts["smooth"] == "failed"
    assert play(kernel, wrong | {"diffusivity": 1}).verdicts["smooth"] == "passed"


def test_the_picture_shows_where_a_field_is_no_number() -> None:
    hole = SMALL | {
        "rates": {"u": "lap(u) + 0.01*log(x - 0.5)"}, "initial": {"u": "y"}, "diffusivity": 1,
        "steps_per_frame": 1, "frames": 2, "palette": "grey",
    }  # fmt: skip
    _, pictures, _, verdicts = play(kernel, hole)
    assert verdicts["finite"] == "failed"
    assert (pictures[0][..., 0] == pictures[0][..., 1]).all()
    left, right = pictures[1][:, :30].astype(int), pictures[1][:, 34:]
    assert (left[..., 0] > left[..., 1] + 50).all()
    assert (left[..., 0] == 255).any()
    assert (right[..., 0] == right[..., 1]).all()
    twin = twin_of(hole).pixels
    assert np.abs(pictures[1].astype(int) - twin).mean() < 1


def test_a_legend_has_numbers() -> None:
    wide = INK | {"width": 320, "height": 320, "frames": 1, "initial": {"c": "x"}}
    with_bar, without = (
        play(kernel, wide | {"bar": bar}).pictures[0].astype(int) for bar in (True, False)
    )
    assert np.abs(with_bar[:, 300:] - without[:, 300:]).mean() > 20
    assert np.abs(with_bar - twin_of(wide).pixels).mean() < 0.5


def test_an_automatic_range_uses_the_whole_palette() -> None:
    faint = INK | {"initial": {"c": "1000 + 0.1*x"}, "palette": "grey", "bar": False}
    picture = play(kernel, faint).pictures[0][..., 0]
    assert picture.min() < 8
    assert picture.max() > 247


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"rates": {}}, "at least 1 item"),
        ({"rates": {n: "0" for n in "abcdf"}}, "at most 4 items"),
        ({"rates": {"c": "D*lap(D)"}}, "takes the name of one field. Use one of: c"),
        ({"rates": {"c": "D*lap(c*c)"}}, "takes the name of one field"),
        ({"rates": {"sin": "0"}, "conserved": [], "bounded": [], "initial": {}}, "already means"),
        ({"initial": {"q": "0"}}, "initial names 'q'; the fields are c"),
        ({"initial": {"c": "c"}}, "'c' at column 1 is no variable"),
        ({"conserved": ["q"]}, "conserved names 'q'"),
        ({"fixed_where": "x > 0.5"}, "fixed_where and fixed_values"),
        ({"diffusivity": "0"}, "Nothing says how long a time step may be"),
        ({"diffusivity": "-D"}, "diffusivity is -0.001"),
        ({"duration": 1e9}, "Shorten the duration to"),
        ({"duration": 1, "steps_per_frame": 2}, "either duration or steps_per_frame"),
        ({"columns": 4096}, "less than or equal to 2048"),
        ({"palette": "mud"}, "palette must be one of"),
        ({"sides": {"left": "periodic"}}, "left and right are periodic together"),
        ({"sides": {"front": "fixed"}}, "sides.front"),
        ({"walls": "c > 0"}, "'c' at column 1 is no variable"),
        ({"walls": "x" * 3000}, "at most 2000"),
        ({"parameters": {"D": math.nan}}, "finite"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProgram) as caught:
        kernel.build(INK | arguments)
    assert said in str(caught.value)
