"""Fluid: known flows, what must be conserved, and what its checks notice."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.bindings import connect
from intentos.errors import InvalidProgram
from intentos.gpu_kernels.fluid import kernel
from intentos.gpu_kernels.fluid_judge import literature, strouhal
from intentos.gpu_kernels.fluid_lattice import LEAST_VISCOSITY, OBSTACLE, Lattice
from intentos.protocols import Evidence

from .drawing import broken, changed, draw, play, verdicts

SMALL: dict[str, Any] = {"width": 72, "height": 64, "rows": 32, "frames": 4, "reynolds": 60}
WHIRLS: dict[str, Any] = {
    "boundary": "periodic", "rows": 48, "columns": 48, "width": 64, "height": 64, "frames": 30,
    "velocity_x": "sin(2*pi*x)*cos(2*pi*y)", "velocity_y": "-cos(2*pi*x)*sin(2*pi*y)",
    "viscosity": 0.02, "speed": 0.05, "view": "vorticity",
}  # fmt: skip
CHANNEL: dict[str, Any] = {
    "boundary": "channel", "rows": 24, "columns": 16, "width": 64, "height": 64, "frames": 11,
    "force_x": "0.2", "viscosity": 0.05, "steps_per_frame": 100, "view": "speed",
}  # fmt: skip
WAKE: dict[str, Any] = {
    "reynolds": 100, "speed": 0.12, "rows": 160, "columns": 120, "width": 48, "height": 64,
    "obstacle": "disc(x, y, 0.25, 0.5, 0.025)", "source": "0", "view": "vorticity", "bar": False,
    "steps_per_frame": 40, "frames": 151,
}  # fmt: skip
"""A cylinder of eight cells in a tunnel twenty times as high."""


def kinds(evidence: Evidence) -> dict[str, str]:
    """Return check name → kind."""
    return {check.name: check.kind for check in kernel.conclude(evidence)[1]}


# Known flows


def test_whirls_die_away_as_taylor_found() -> None:
    evidence, _, _, checks = play(kernel, WHIRLS)
    assert set(checks.values()) == {"passed"}
    steps = Lattice(kernel.validate(WHIRLS)).steps * 29
    energy = [v for _, v in evidence.series["energy"]]
    rate = 2 * 0.02 * 2 * (2 * math.pi / 48) ** 2
    assert energy[-1] / energy[0] == pytest.approx(math.exp(-rate * steps), rel=0.01)


def test_a_wrong_viscosity_is_noticed() -> None:
    wrong = "/ (2.0 * lattice_viscosity() + 0.5)"
    found = broken(kernel, WHIRLS, "/ (3.0 * lattice_viscosity() + 0.5)", wrong)
    assert found["viscous_decay"] == "failed"


def test_only_a_flow_of_one_wave_number_has_a_known_decay() -> None:
    two = WHIRLS | {"velocity_x": "cos(2*pi*y) + 0.5*cos(6*pi*y)", "velocity_y": "0"}
    assert "viscous_decay" not in play(kernel, two).verdicts


def test_a_channel_starts_and_flows_as_poiseuille_found() -> None:
    evidence, _, _, checks = play(kernel, CHANNEL)
    assert set(checks.values()) == {"passed"}
    assert kinds(evidence)["channel_flow"] == "oracle"
    # Nearly steady: a parabola of F H² / 8 ν in the middle.
    steady = CHANNEL | {"frames": 61}
    u = play(kernel, steady).evidence.outputs["flow"][1:-1, 8, 0] / 0.08
    y = (np.arange(24) + 0.5) / 24
    push = 0.2 * 0.08**2 / 24
    wanted = push * 24**2 / (8 * 0.05) / 0.08 * 4 * y * (1 - y)
    assert u == pytest.approx(wanted, rel=0.01, abs=0.005 * wanted.max())


def test_a_leaking_wall_is_noticed() -> None:
    right = "found.n.f3 = select(now.n.f3, n.f4, solid | slip);"
    found = broken(
        kernel, CHANNEL, right, "found.n.f3 = select(now.n.f3, n.f4 - 1e-5, solid | slip);"
    )
    assert found["mass_kept"] == "failed"
    rough = broken(
        kernel, CHANNEL, "jx = n.f1 - n.f2 + slant", "jx = 0.999 * (n.f1 - n.f2) + slant"
    )
    assert rough["channel_flow"] == "failed"


def test_the_lid_drives_the_cavity_as_ghia_found() -> None:
    """Ghia, Ghia and Shin, J. Comput. Phys. 48 (1982), Re 100, u on the vertical middle line."""
    cavity = {
        "boundary": "cavity", "rows": 48, "columns": 48, "width": 64, "height": 64, "reynolds": 100,
        "speed": 0.1, "steps_per_frame": 1200, "frames": 9, "view": "speed",
    }  # fmt: skip
    evidence, _, values, checks = play(kernel, cavity)
    assert set(checks.values()) == {"passed"}
    assert values["mass_drift"] < 1e-6
    u = evidence.outputs["flow"][1:49, 24:26, 0].mean(axis=1) / 0.1
    heights = (0.0547, 0.1016, 0.2813, 0.4531, 0.6172, 0.7344, 0.8516, 0.9531)
    known = (-0.03717, -0.06434, -0.15662, -0.21090, -0.13641, 0.00332, 0.23151, 0.68717)
    found = np.interp(heights, (np.arange(48) + 0.5) / 48, u)
    assert found == pytest.approx(known, abs=0.02)


def test_a_wake_sheds_at_williamsons_frequency_and_a_wrong_viscosity_does_not() -> None:
    evidence, pictures, values, checks = play(kernel, WAKE)
    assert set(checks.values()) == {"passed"}
    assert kinds(evidence)["strouhal"] == "oracle"
    assert values["strouhal"] == pytest.approx(0.164, rel=0.08)
    assert values["strouhal_literature"] == pytest.approx(literature(100), abs=1e-4)
    assert values["reynolds"] == pytest.approx(100, rel=1e-3)
    assert 1.2 < values["drag_coefficient"] < 1.8
    assert 0.2 < values["lift_amplitude"] < 0.7
    assert pictures[-1].std() > 5
    thin = broken(
        kernel,
        WAKE,
        "/ (3.0 * lattice_viscosity() + 0.5)",
        "/ (1.5 * lattice_viscosity() + 0.5)",
    )
    assert thin["strouhal"] == "failed"


def test_a_wake_that_does_not_shed_where_it_should_is_unknown() -> None:
    evidence = play(kernel, WAKE | {"frames": 2}).evidence
    calm = {name: ((0, points[0][1]),) * 151 for name, points in evidence.series.items()}
    arguments = WAKE | {"frames": 151}
    still = replace(evidence, arguments=arguments, series=calm, frames=151)
    found = verdicts(kernel, still)
    assert found["strouhal"] == "unknown"


def test_the_frequency_of_a_known_lift_is_found() -> None:
    t = np.arange(200) * 0.4
    found = strouhal(np.sin(math.tau * 0.17 * t) + 3, 0.4)
    assert found is not None
    assert found[0] == pytest.approx(0.17, rel=1e-3)
    assert found[1] == 6
    assert strouhal(np.zeros(200), 0.4) is None
    assert strouhal(np.random.default_rng(3).normal(size=200), 0.4) is None
    assert literature(100) == pytest.approx(0.164, abs=5e-4)
    assert literature(150) == pytest.approx(0.183, abs=5e-4)


def test_warm_smoke_rises_and_cold_smoke_sinks() -> None:
    def height(buoyancy: float) -> float:
        smoke = SMALL | {"boundary": "open", "dye": "disc(x, y, 0.5, 0.5, 0.15)", "frames": 12,
                         "buoyancy": buoyancy, "reynolds": 100}  # fmt: skip
        dye = play(kernel, smoke).evidence.outputs["dye"]
        rows = np.arange(len(dye))[:, None]
        return float((dye * rows).sum() / dye.sum())

    middle = height(0)
    assert height(4) > middle + 1
    assert height(-4) < middle - 1


def test_free_fall_has_the_argument_as_its_acceleration() -> None:
    """Dye everywhere in a periodic box: the fluid speeds up as a whole."""
    fall = WHIRLS | {"velocity_x": "", "velocity_y": "", "dye": "1", "buoyancy": -2}
    evidence, _, values, _ = play(kernel, fall)
    assert evidence.outputs["flow"][..., 1].mean() / 0.05 == pytest.approx(
        -2 * values["time"], rel=0.01
    )


def test_dye_keeps_its_range_and_fades_at_its_rate() -> None:
    ink = WHIRLS | {"dye": "disc(x, y, 0.5, 0.5, 0.2)"}
    evidence, _, _, _ = play(kernel, ink)
    dye = evidence.outputs["dye"]
    assert dye.min() >= 0
    assert dye.max() <= 1
    assert dye.sum() == pytest.approx(evidence.series["dye"][0][1] * dye.size, rel=0.06)
    fading, _, values, _ = play(kernel, ink | {"fade": 2})
    assert fading.outputs["dye"].sum() / dye.sum() == pytest.approx(
        math.exp(-2 * values["time"]), rel=0.01
    )


# What the checks notice


def test_a_lost_density_is_noticed() -> None:
    leak = broken(kernel, WHIRLS, "let d = n.f0 + level", "let d = 0.9999 * n.f0 - 1e-6 + level")
    assert leak["mass_kept"] == "failed"
    open_leak = broken(
        kernel,
        SMALL | {"frames": 40},
        "let d = n.f0 + level",
        "let d = n.f0 - 1e-3 + level",
    )
    assert open_leak["mass_kept"] == "failed"


def test_what_is_not_a_number_is_noticed_and_shown() -> None:
    program = kernel.build(SMALL)
    wrong = "let inverse = sqrt(-1.0 - 0.0 * d.x) / (1.0 + d);"
    program = changed(program, "let inverse = 1.0 / (1.0 + d);", wrong)
    _, pictures, _, checks = play(kernel, SMALL, program)
    assert checks["finite"] == "failed"
    assert (pictures[-1][..., :3] == (255, 0, 204)).all(axis=-1).mean() > 0.5


def test_a_flow_near_the_speed_of_sound_is_noticed() -> None:
    push = WHIRLS | {"force_x": "60", "frames": 12}
    assert play(kernel, push).verdicts["nearly_incompressible"] == "failed"


def test_a_live_viscosity_below_the_stable_range_is_held_and_noticed() -> None:
    arguments = WHIRLS | {"viscosity": "$viscosity"}
    program = connect(kernel.build(WHIRLS), arguments, frozenset({"viscosity"}))
    evidence, _ = draw(WHIRLS, program, live={"viscosity": 1e-6})
    found = verdicts(kernel, evidence)
    assert found["stable_range"] == "failed"
    assert found["finite"] == "passed"


# What is refused, and what is drawn


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"reynolds": 1e6}, "largest Reynolds number that works here is"),
        ({"viscosity": LEAST_VISCOSITY / 2, "reynolds": None}, "may break up"),
        ({"speed": 0.4}, "less than or equal to 0.15"),
        ({"viscosity": 0.1}, "either reynolds or viscosity"),
        ({"boundary": "periodic", "velocity_x": "5*sin(x)"}, "speed of sound"),
        ({"buoyancy": 20}, "at this speed at most 9.77 works"),
        ({"obstacle": "fbm(9*x, 9*y) > 0.6"}, "Give length"),
        ({"rows": 1500, "columns": 4000}, "rows they fit"),
        ({"low": 2, "high": 1}, "below high"),
        ({"palette": "mud"}, "palette must be one of"),
        ({"parameters": {"dye": 1}}, "dye"),
        ({"source": "u"}, "u"),
        ({"body": "blue"}, "match"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProgram, match=said):
        kernel.build(SMALL | arguments)


def test_the_largest_reynolds_number_that_is_named_works() -> None:
    with pytest.raises(InvalidProgram) as caught:
        kernel.build(SMALL | {"reynolds": 1e6})
    most = float(str(caught.value.arguments["largest"]))
    assert kernel.build(SMALL | {"reynolds": most * 0.999})


def test_an_obstacle_is_solid_and_seen_where_its_formula_says() -> None:
    evidence, pictures, _, _ = play(kernel, SMALL | {"obstacle": "box(x, y, 0.4, 0.3, 0.6, 0.7)"})
    solid = evidence.outputs["flow"][1:-1, :, 3] == OBSTACLE
    assert solid[16, 16]
    assert solid.sum() == pytest.approx(0.2 * 0.4 * 32 * 32, rel=0.2)
    assert (evidence.outputs["flow"][1:-1][solid][:, :2] == 0).all()
    grey = pictures[-1][32, 36, :3].astype(int)
    assert np.abs(grey - (0x39, 0x41, 0x4F)).max() < 40


def test_views_and_palettes_differ() -> None:
    seen = [
        play(kernel, SMALL | more).pictures[-1]
        for more in (
            {"view": "dye"}, {"view": "speed"}, {"view": "vorticity"}, {"view": "mixed"},
            {"view": "dye", "palette": "ocean"}, {"view": "dye", "relief": 0},
            {"view": "dye", "bar": True},
        )
    ]  # fmt: skip
    for k, one in enumerate(seen):
        assert all(np.abs(one.astype(int) - other).mean() > 0.3 for other in seen[:k])


FORMULAS = st.sampled_from(
    ["0", "1", "0.5*sin(5*x)", "cos(3*y)", "y > 0.5", "disc(x, y, .3, .4, .1)", "noise(4*x, 4*y)"]
)


@settings(max_examples=15, derandomize=True, deadline=None)
@given(
    arguments=st.fixed_dictionaries(
        {
            "boundary": st.sampled_from(["tunnel", "open", "box", "cavity", "channel", "periodic"]),
            "sides": st.sampled_from(["slip", "wall", "periodic"]),
            "rows": st.integers(16, 40),
            "columns": st.none() | st.integers(16, 40),
            "speed": st.floats(0.01, 0.1),
            "viscosity": st.floats(0.002, 0.5),
            "length": st.floats(0.1, 1),
            "obstacle": st.sampled_from(["0", "disc(x, y, 0.4, 0.5, 0.1)", "x > 2", "y < 0.2"]),
            "velocity_x": FORMULAS,
            "velocity_y": st.just(""),
            "dye": st.just("1 - y") | FORMULAS,
            "source": FORMULAS,
            "buoyancy": st.floats(-2, 2),
            "fade": st.floats(0, 10),
            "steps_per_frame": st.integers(2, 30),
            "view": st.sampled_from(["dye", "vorticity", "speed", "mixed"]),
            "relief": st.floats(0, 5),
            "width": st.integers(16, 80),
            "height": st.integers(16, 80),
            "frames": st.just(3),
        }
    )
)
def test_no_arguments_within_their_ranges_break_it(arguments: dict[str, Any]) -> None:
    evidence, pictures, values, found = play(kernel, arguments)
    found.pop("frames_drawn")  # at rest nothing moves
    assert "failed" not in found.values()
    assert all(math.isfinite(value) for value in values.values())
    assert len(pictures) == evidence.frames == 3


def test_a_wind_that_a_knob_has_stopped_is_judged_too() -> None:
    arguments = {"rows": 32, "reynolds": 50, "width": 64, "height": 64, "frames": 3}
    program = kernel.build(arguments)
    still = tuple(
        u.model_copy(update={"value": 0.0}) if u.name == "speed" else u for u in program.uniforms
    )
    played = play(kernel, arguments, program.model_copy(update={"uniforms": still}))
    assert played.values["reynolds"] == 0
    assert "fastest" not in played.values
    assert played.verdicts["finite"] == "passed"
