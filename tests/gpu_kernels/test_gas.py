"""Discs in a box: energy and momentum are kept, and the laws of gases come out by themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.errors import InvalidProgram
from intentos.gpu_kernels.gas import kernel

from .drawing import broken, play, run, verdicts

SMALL: dict[str, Any] = {"width": 80, "height": 72, "frames": 4, "particles": 300}
FILM: dict[str, Any] = {**SMALL, "frames": 150}
MIXTURE: dict[str, Any] = {
    **SMALL, "share_second": 0.4, "mass_second": 20, "radius_second": 0.12, "placed": "apart",
    "partition": "wall", "partition_until": 0.4,
}  # fmt: skip


@pytest.mark.parametrize(
    "extra",
    [
        {"width": 220, "height": 200, "frames": 1, "particles": 100},
        MIXTURE,
        {"piston": 0.1, "speeds": "hot_cold"},
        {"partition": "demon", "gravity": 2, "placed": "left"},
        {"tracer_radius": 1.2, "gravity": 3},
    ],
    ids=["chart", "mixture", "piston", "demon", "brown"],
)  # fmt: skip
def test_gpu_and_numpy_agree(extra: dict[str, Any]) -> None:
    arguments = SMALL | extra
    evidence, pictures = run(kernel, arguments)
    twin = list(kernel.reference(arguments, seed=7))
    for name, got in evidence.outputs.items():
        assert kernel.compare.agree(got, twin[-1].buffers[name])
    for name, points in evidence.series.items():
        wanted = [s.probes[name] for s in twin]
        assert [v for _, v in points] == pytest.approx(wanted, rel=2e-3, abs=5e-3), name
    for picture, snapshot in zip(pictures, twin, strict=True):
        assert np.abs(picture.astype(int) - snapshot.pixels).mean() < kernel.compare.pixels
    assert "failed" not in verdicts(kernel, evidence).values()


def test_equal_speeds_become_those_of_maxwell_and_boltzmann() -> None:
    before, after = (run(kernel, {**FILM, "frames": n})[0] for n in (1, 150))
    at_first = np.hypot(*before.outputs["discs"][:, 2:].T)
    assert at_first.std() < 0.01 * at_first.mean()
    values, checks = kernel.conclude(after)
    assert {c.status for c in checks} == {"passed"}
    assert values["collisions"].value > 20
    # Mean over root mean square of the plane's distribution: sqrt(pi) / 2.
    speed = np.hypot(*after.outputs["discs"][:, 2:].T)
    assert speed.mean() / np.sqrt((speed**2).mean()) == pytest.approx(np.sqrt(np.pi) / 2, abs=0.04)


@pytest.mark.parametrize("packing", [0.05, 0.35])
def test_pressure_is_that_of_hard_discs(packing: float) -> None:
    # Henderson's equation of state: at 0.35 about 2.4 times that of an ideal gas.
    arguments = {**FILM, "packing": packing, "pace": 30, "speeds": "maxwell"}
    status = play(kernel, arguments).verdicts
    assert status["equation_of_state"] == "passed"
    assert status["energy_is_kept"] == "passed"


def test_compression_heats_the_gas() -> None:
    arguments = {**FILM, "piston": 0.06, "pace": 20, "speeds": "maxwell"}
    values, checks = kernel.conclude(run(kernel, arguments)[0])
    assert {c.name: c.status for c in checks}["adiabat"] == "passed"
    assert values["temperature"].value > 1.3 * 300


def test_two_kinds_mix_when_the_wall_is_gone() -> None:
    arguments = {**MIXTURE, "frames": 120, "pace": 20, "partition_until": 8}
    apart = play(kernel, {**arguments, "frames": 10}).values["first_kind_left"]
    mixed = play(kernel, arguments).values["first_kind_left"]
    assert apart == 100
    assert mixed < 85


def test_the_demon_makes_one_side_hot() -> None:
    arguments = {**FILM, "partition": "demon", "hole": 0.5, "pace": 20, "speeds": "maxwell"}
    values, checks = kernel.conclude(run(kernel, arguments)[0])
    assert {c.name: c.status for c in checks}["demon_works"] == "passed"
    assert values["temperature_right"].value > values["temperature_left"].value + 20


def test_discs_thin_out_with_height() -> None:
    arguments = {**FILM, "gravity": 3, "packing": 0.05, "pace": 40, "speeds": "maxwell"}
    values, checks = kernel.conclude(run(kernel, arguments)[0])
    assert "failed" not in {c.status for c in checks}
    expected = values["scale_height_expected"].value
    assert values["scale_height"].value == pytest.approx(expected, rel=0.35)


def test_a_big_disc_is_pushed_about() -> None:
    evidence, _ = run(kernel, {**FILM, "tracer_radius": 0.6, "tracer_mass": 100})
    values, checks = kernel.conclude(evidence)
    assert "failed" not in {c.status for c in checks}
    assert values["displacement"].value > 0.05


@pytest.mark.parametrize(
    ("extra", "right", "wrong", "check"),
    [
        ({}, "let square_of = dot(d, d);\n  if (square_of >= reach",
         "let square_of = dot(d, d);\n  if (square_of >= 0.9 * reach", "energy_is_kept"),
        ({}, "if (p.x - r < -0.5 * BOX.x && v.x < 0.0) { v.x = -v.x; }", "", "nobody_escapes"),
        ({}, "let after = vec4f(me.xy + h * v, v);", "let after = vec4f(me.xy + h * v, v * 1.001);",
         "momentum_is_kept"),
        ({}, "felt = touch(felt, me.xy - other.xy, reach);", "", "maxwell_boltzmann"),
        ({"packing": 0.35, "pace": 30, "speeds": "maxwell"},
         "tell(WALL_PUSH, abs(given.x) + abs(given.y));",
         "tell(WALL_PUSH, 2.0 * (abs(given.x) + abs(given.y)));", "equation_of_state"),
        ({"piston": 0.06, "pace": 20, "speeds": "maxwell"}, "v.x = 2.0 * moving - v.x;",
         "v.x = -v.x;", "adiabat"),
        ({"partition": "demon", "hole": 0.5, "pace": 20, "speeds": "maxwell"},
         "open && (fast == (p.x < 0.0))", "open && (fast == (p.x > 0.0))", "demon_works"),
    ],
    ids=["kink", "hole-in-the-wall", "gain", "no-collisions", "gauge", "cold-piston", "angel"],
)  # fmt: skip
def test_a_broken_law_is_noticed(extra: dict[str, Any], right: str, wrong: str, check: str) -> None:
    assert broken(kernel, {**FILM, **extra}, right, wrong)[check] == "failed"


def test_a_step_ten_times_too_long_is_noticed() -> None:
    status = play(kernel, {**FILM, "step": 2.5}).verdicts
    assert status["energy_is_kept"] == "failed"
    assert status["grid_keeps_up"] == "failed"


def test_halves_that_are_not_yet_alike_are_not_held_to_one_distribution() -> None:
    halves = {"particles": 2000, "speeds": "hot_cold", "frames": 40, "pace": 20}
    played = play(kernel, SMALL | halves)
    assert played.verdicts["maxwell_boltzmann"] == "unknown"


def test_what_is_not_a_number_fails() -> None:
    right = "let after = vec4f(me.xy + h * v, v);"
    wrong = "let after = vec4f(me.xy + h * v, v * sqrt(-v.x * v.x));"
    assert broken(kernel, SMALL, right, wrong)["nobody_escapes"] == "failed"


def test_the_same_seed_gives_the_same_film() -> None:
    arguments = {**SMALL, "particles": 3000, "frames": 8, "tracer_radius": 1.5}
    first, second = run(kernel, arguments)[1], run(kernel, arguments)[1]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"packing": 0.6, "placed": "left"}, "packing is at most"),
        ({"pace": 9000}, "pace is at most"),
        ({"piston": 0.1, "partition": "wall"}, "do not go together"),
        ({"tracer_radius": 1, "partition": "hole"}, "neither partition nor piston"),
        ({"placed": "apart"}, "two kinds"),
        ({"palette": "mud"}, "palette must be one of"),
        ({"particles": 30_000}, "20000"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProgram, match=said):
        kernel.build(SMALL | wrong)


def test_a_gas_of_the_second_kind_alone_has_no_scale_height_of_the_first() -> None:
    arguments = {**SMALL, "particles": 20, "share_second": 1.0, "gravity": 1.0}
    assert "scale_height" not in play(kernel, arguments).values


@settings(max_examples=10, derandomize=True, deadline=None)
@given(
    particles=st.integers(1, 400),
    packing=st.floats(0.001, 0.25),
    share_second=st.floats(0, 1),
    mass_second=st.floats(1, 400),
    temperature=st.floats(1, 5000),
    speeds=st.sampled_from(["equal", "maxwell", "hot_cold"]),
    placed=st.sampled_from(["everywhere", "left"]),
    partition=st.sampled_from(["none", "wall", "hole", "demon"]),
    gravity=st.floats(0, 8),
    colour_by=st.sampled_from(["speed", "kind"]),
)
def test_any_arguments_draw_something(**arguments: Any) -> None:
    arguments |= {"width": 64, "height": 48, "frames": 5, "pace": 2}
    try:
        program = kernel.build(arguments)
    except InvalidProgram as refused:  # few discs may not fit, however little they cover
        if "packing is at most" not in str(refused):
            raise
        return
    evidence, pictures = run(kernel, arguments, program)
    assert "failed" not in verdicts(kernel, evidence).values()
    flat = pictures[-1].reshape(-1, 4)
    assert (flat != flat[0]).any()
