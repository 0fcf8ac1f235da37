"""Bodies that attract one another: laws that are known, and what happens when one is broken."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.errors import InvalidProgram
from intentos.gpu_kernels.nbody import NbodyArguments, kernel
from intentos.gpu_kernels.nbody_force import PAIRS, TILE, ranges
from intentos.gpu_kernels.nbody_planets import eccentric_anomaly

from .drawing import broken, draw, play, run, verdicts

TINY: dict[str, Any] = {"width": 48, "height": 40, "labels": False}
SYSTEMS: dict[str, dict[str, Any]] = {
    "galaxies": {"count": 300, "duration": 20},
    "disc": {"count": 300, "duration": 20},
    "cluster": {"count": 300, "duration": 0.1},
    "collapse": {"count": 300, "duration": 0.1},
    "charges": {"count": 300, "duration": 0.1},
    "solar": {"count": 200, "duration": 12, "extras": ["pluto", "moon", "belt"]},
    "figure_eight": {"duration": 0.4},
    "three_body": {"duration": 0.2},
    "binary": {"duration": 0.4},
    "ring": {"count": 200, "duration": 1},
    "bodies": {
        "duration": 1, "force": "charge",
        "bodies": [
            {"name": "p", "charge": 1, "position": [1, 0, 0], "colour": "#ff8844"},
            {"name": "e", "charge": -1, "position": [-1, 0, 0.5], "velocity": [0, 0.3, 0]},
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize("system", SYSTEMS)
def test_gpu_and_numpy_agree_on_every_body(system: str) -> None:
    arguments = {
        "system": system, "frames": 3, "measure_every": 1, "width": 192, "height": 168,
        **SYSTEMS[system],
    }  # fmt: skip
    evidence, pictures = draw(arguments, kernel.build(arguments))
    twin = list(kernel.reference(arguments, seed=7))
    for name, array in evidence.outputs.items():
        assert kernel.compare.agree(array, twin[-1].buffers[name]), name
    whole = np.abs([s.probes["kinetic"] - s.probes["potential"] for s in twin])
    for name in ("kinetic", "potential"):
        got = np.array([v for _, v in evidence.series[name]])
        assert np.abs(got - [s.probes[name] for s in twin]).max() < 1e-4 * whole.max()
    for picture, snapshot in zip(pictures, twin, strict=True):
        # A name may stand a pixel aside where its place lies between two.
        assert np.abs(picture.astype(int) - snapshot.pixels).mean() < 0.5
        assert picture[..., :3].std() > 1


def test_planets_keep_their_years() -> None:
    evidence, _ = run(kernel, TINY | {"system": "solar", "frames": 180, "duration": 2 * 365.256})
    values, checks = kernel.conclude(evidence)
    assert {c.status for c in checks} == {"passed"}
    assert values["period_Earth"].value == pytest.approx(365.256, abs=0.1)
    assert values["period_Mercury"].value == pytest.approx(87.969, abs=0.09)
    assert values["period_Mars"].value == pytest.approx(686.98, abs=0.5)
    assert {c.kind for c in checks if c.name.startswith("period")} == {"oracle"}


def test_the_earth_is_where_the_almanac_puts_it() -> None:
    # 2000-01-01 12:00: heliocentric distance 0.98333 AU, longitude 100.38°. Source: Meeus,
    # "Astronomical Algorithms" (1998), the Sun's apparent place turned round.
    bodies = run(kernel, TINY | {"system": "solar", "frames": 1})[0].outputs["bodies"]
    x, y, z = bodies[3, :3] - bodies[0, :3]
    assert math.hypot(x, y, z) == pytest.approx(0.98333, abs=2e-4)
    assert math.degrees(math.atan2(y, x)) == pytest.approx(100.38, abs=0.02)


def test_three_bodies_chase_one_another_on_an_eight() -> None:
    evidence, _ = run(kernel, TINY | {"system": "figure_eight", "frames": 60})
    assert verdicts(kernel, evidence)["comes_back"] == "passed"


def test_two_stars_follow_keplers_third_law() -> None:
    evidence, _ = run(
        kernel, TINY | {"system": "binary", "frames": 50, "mass_ratio": 0.3, "eccentricity": 0.6}
    )
    values, checks = kernel.conclude(evidence)
    assert {c.status for c in checks} == {"passed"}
    assert values["period_B"].value == pytest.approx(math.tau, rel=1e-3)


def test_a_cold_ball_falls_together_in_the_time_of_free_fall() -> None:
    values, checks = kernel.conclude(
        run(kernel, TINY | {"system": "collapse", "count": 800, "frames": 80, "duration": 1.6})[0]
    )
    assert {c.status for c in checks} == {"passed"}
    assert values["free_fall"].value == pytest.approx(1.1107, abs=1e-3)


@pytest.mark.parametrize("system", ["disc", "cluster"])
def test_a_system_in_balance_stays_in_balance(system: str) -> None:
    values, checks = kernel.conclude(
        run(kernel, TINY | {"system": system, "count": 1500, "frames": 20, "measure_every": 1})[0]
    )
    assert {c.status for c in checks} == {"passed"}
    assert values["virial"].value == pytest.approx(1, abs=0.05)


def test_galaxies_meet_when_and_where_their_orbit_says() -> None:
    evidence, _ = run(
        kernel, TINY | {"count": 600, "frames": 40, "measure_every": 1, "duration": 300}
    )
    values, checks = kernel.conclude(evidence)
    assert {c.status for c in checks} == {"passed"}
    assert 4 < values["nearest"].value < 13
    assert 100 < values["nearest_at"].value < 160


@pytest.mark.parametrize(
    ("system", "more"),
    [
        ("galaxies", {"count": 300}),
        ("disc", {"count": 300}),
        ("cluster", {"count": 1000}),
        ("collapse", {"count": 1000}),
        ("charges", {"count": 800}),
        ("three_body", {}),
        ("binary", {"eccentricity": 0.7}),
    ],
)
def test_a_step_ten_times_too_long_is_noticed(system: str, more: dict[str, Any]) -> None:
    system_arguments = {"system": system, "frames": 40, "measure_every": 1, **more}
    dt = NbodyArguments.model_validate(system_arguments).scene.dt
    assert (
        play(kernel, TINY | {**system_arguments, "dt": 10 * dt}).verdicts["energy_kept"] == "failed"
    )


@pytest.mark.parametrize(
    ("system", "check"), [("solar", "period_mercury"), ("ring", "period_moon")]
)
def test_a_year_with_steps_that_are_too_long_is_off(system: str, check: str) -> None:
    dt = NbodyArguments.model_validate({"system": system}).scene.dt
    arguments = {"system": system, "frames": 100, "duration": 400 if system == "solar" else 40}
    found = play(kernel, TINY | {**arguments, "count": 20, "dt": 10 * dt}).verdicts
    assert found[check] == "failed"


def test_a_planet_that_never_comes_round_is_noticed() -> None:
    # Half the pull is just too little to hold what moves on a circle.
    arguments = TINY | {"system": "solar", "frames": 100, "duration": 400}
    found = broken(kernel, arguments, "total * (motion[i].w", "0.5 * total * (motion[i].w")
    assert found["period_mercury"] == found["period_earth"] == "failed"
    assert "period_mars" not in found


def test_a_pull_without_its_counterpart_is_noticed() -> None:
    # Only bodies with an even number feel the others: action without reaction.
    one_sided = "f32(i % 2u) * total * (motion[i].w"
    found = broken(
        kernel,
        TINY | {"system": "cluster", "count": 500, "frames": 20, "measure_every": 1},
        "total * (motion[i].w",
        one_sided,
    )
    assert found["push_kept"] == "failed"


def test_a_sideways_pull_is_noticed() -> None:
    # Every body is also pulled around the middle.
    found = broken(
        kernel,
        TINY | {"system": "cluster", "count": 500, "frames": 20, "measure_every": 1},
        "var total = field;",
        "var total = field + 0.05 * vec3f(-bodies[i].y, bodies[i].x, 0.0);",
    )
    assert found["swing_kept"] == "failed"
    assert found["energy_kept"] == "failed"


def test_a_weaker_law_of_gravity_is_noticed() -> None:
    # 1/r instead of 1/r²: the eight does not close, and energy is not what is kept.
    found = broken(
        kernel, TINY | {"system": "figure_eight", "frames": 40}, "total += d * (s.w * i * i * i);",
        "total += d * (s.w * i * i);",
    )  # fmt: skip
    assert found["comes_back"] == "failed"
    assert found["energy_kept"] == "failed"


def test_a_cold_ball_that_falls_too_slowly_is_noticed() -> None:
    found = broken(
        kernel,
        TINY | {"system": "collapse", "count": 500, "frames": 80, "duration": 1.8},
        "let does = select(STRENGTH * b.mass",
        "let does = select(0.7 * STRENGTH * b.mass",
    )
    assert found["falls_in_time"] == "failed"


def test_a_system_out_of_balance_is_noticed() -> None:
    found = broken(
        kernel, TINY | {"system": "cluster", "count": 500, "frames": 20, "measure_every": 1},
        "b.velocity = v * min(", "b.velocity = 0.5 * v * min(",
    )  # fmt: skip
    assert found["in_balance"] == "failed"


def test_a_body_that_is_nowhere_is_noticed() -> None:
    found = broken(
        kernel,
        TINY | {"system": "binary", "frames": 3, "duration": 1},
        "bodies[i] = vec4f(b.at, does);",
        "bodies[i] = vec4f(b.at / f32(i), does);",
    )
    assert found["places_finite"] == "failed"


def test_opposite_charges_attract_and_equal_ones_repel() -> None:
    def distance(second: float) -> float:
        bodies = [
            {"charge": 1, "position": [0.5, 0, 0]},
            {"charge": second, "position": [-0.5, 0, 0]},
        ]
        arguments = {"system": "bodies", "force": "charge", "bodies": bodies}
        places = run(kernel, TINY | {**arguments, "frames": 5, "duration": 0.4})[0].outputs[
            "bodies"
        ]
        return float(np.linalg.norm(places[0, :3] - places[1, :3]))

    assert distance(-1) < 1 < distance(1)


def test_asteroids_without_weight_pull_nothing() -> None:
    alone = {"system": "solar", "frames": 4, "duration": 60}
    with_belt = {**alone, "extras": ["belt"], "count": 500}
    first, second = (run(kernel, TINY | a)[0].outputs["bodies"][:9] for a in (alone, with_belt))
    assert np.array_equal(first, second)


def test_the_same_seed_gives_the_same_film() -> None:
    arguments = {"count": 400, "frames": 5, "duration": 30}
    first, second = run(kernel, TINY | arguments)[1], run(kernel, TINY | arguments)[1]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_long_sum_is_split_so_that_stop_comes_through() -> None:
    parts = ranges(65_536, 65_536)
    assert len(parts) > 5
    assert [low for low, _ in parts[1:]] == [high for _, high in parts[:-1]]
    assert all((high - low) * TILE * 65_536 <= PAIRS for low, high in parts)
    assert len(ranges(20_000, 20_000)) == 1


def test_a_split_sum_is_the_same_sum() -> None:
    arguments = {**TINY, "system": "cluster", "count": 1000, "frames": 3, "duration": 0.1}
    program = kernel.build(arguments)

    def in_two(one: Any) -> list[Any]:
        if one.entry not in {"attract", "weigh"}:
            return [one]
        last = one.constants["kicks"]
        return [
            one.model_copy(update={"constants": {"first_tile": 0, "last_tile": 2, "kicks": 0}}),
            one.model_copy(update={"constants": {"first_tile": 2, "last_tile": 4, "kicks": last}}),
        ]

    changed = program.model_copy(
        update={
            part: tuple(p for one in getattr(program, part) for p in in_two(one))
            for part in ("start", "step")
        }
    )
    whole, split = (draw(arguments, p)[0].outputs for p in (program, changed))
    for name, array in whole.items():
        np.testing.assert_allclose(split[name], array, atol=2e-5)


def test_keplers_equation_is_solved() -> None:
    for mean in np.linspace(-9, 9, 41):
        for e in (0.0, 0.2056, 0.6, 0.95):
            anomaly = eccentric_anomaly(float(mean), e)
            left = anomaly - e * math.sin(anomaly) - float(mean)
            assert math.remainder(left, math.tau) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"system": "bodies"}, "go together"),
        ({"system": "solar", "bodies": [{"mass": 1}]}, "go together"),
        ({"count": 70_000}, "65536"),
        ({"count": 4}, "at least 8"),
        ({"system": "solar", "dt": 0.001}, "at most a duration of 1195"),
        ({"palette": "mud"}, "palette must be one of"),
        ({"system": "bodies", "bodies": [{"name": "地球"}]}, "lettering has no"),
    ],
)
def test_what_cannot_be_done_is_refused(arguments: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidProgram, match=what):
        kernel.build(arguments)


@settings(max_examples=10, derandomize=True, deadline=None)
@given(
    st.sampled_from(sorted(SYSTEMS)),
    st.fixed_dictionaries(
        {
            "count": st.integers(8, 400),
            "strength": st.floats(0.2, 3),
            "mass_ratio": st.floats(0.05, 1),
            "eccentricity": st.floats(0, 0.8),
            "heat": st.floats(0, 1),
            "first_tilt": st.floats(-180, 180),
            "nearest": st.floats(0.5, 40),
            "pitch": st.floats(-90, 90),
            "persistence": st.floats(0, 0.9),
            "colour_by": st.sampled_from(["", "kind", "speed"]),
            "width": st.integers(48, 200),
            "logarithmic": st.sampled_from([None, True, False]),
        }
    ),
)
def test_any_arguments_draw_something(system: str, drawn: dict[str, Any]) -> None:
    arguments = {**SYSTEMS[system], **drawn, "system": system, "frames": 3, "height": 64}
    evidence, pictures = draw(arguments, kernel.build(arguments))
    assert pictures[-1][..., :3].std() > 0.5
    assert "failed" not in verdicts(kernel, evidence).values()
