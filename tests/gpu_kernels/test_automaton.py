"""Automata: GPU and NumPy agree on every cell, gliders glide, grains are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from intentos.errors import InvalidProgram
from intentos.gpu_kernels.automaton import kernel
from intentos.gpu_kernels.automaton_ising import exact_energy

from .drawing import broken, run, verdicts

SMALL: dict[str, Any] = {"columns": 48, "width": 96, "height": 80, "frames": 16}
SAND: dict[str, Any] = {
    **SMALL, "rule": "sandpile", "start": "centre", "columns": 16, "grains": 3000, "drop": 7,
    "steps_per_frame": 40,
}  # fmt: skip
ISING: dict[str, Any] = {**SMALL, "rule": "ising", "density": 0.5}
EVERY: dict[str, dict[str, Any]] = {
    "life": SMALL,
    "life dead": {**SMALL, "boundary": "dead", "density": 0.5},
    "gun": {**SMALL, "start": "gun", "columns": 16 * 3},
    "packed": {**SMALL, "columns": 64, "steps_per_frame": 3, "palette": "aurora"},
    "packed dead": {**SMALL, "columns": 96, "boundary": "dead", "rule": "highlife"},
    "packed seeds": {**SMALL, "columns": 32, "rule": "seeds", "density": 0.1},
    "brain": {**SMALL, "rule": "brain", "density": 0.2},
    "cyclic": {**SMALL, "rule": "cyclic", "states": 6},
    "cyclic dead": {**SMALL, "rule": "cyclic", "states": 6, "boundary": "dead", "threshold": 2},
    "fire": {**SMALL, "rule": "fire", "density": 0.7, "lightning": 0.001},
    "sandpile": SAND,
    "sandpile rain": {**SAND, "start": "random", "density": 1.0},
    "ising": ISING,
    "ising dead": {**ISING, "boundary": "dead", "temperature": 1.2},
    "ising tiles": {
        **ISING,
        "columns": 48,
        "height": 96,
        "tiles": 4,
        "ramp": "temperature + tile - 0.01*t",
        "settle": 3,
        "sample_every": 2,
    },
    "custom life": {
        **SMALL,
        "rule": "custom",
        "states": 2,
        "initial": "chance < 0.3",
        "next": "1 if n1 == 3 or (state == 1 and n1 == 2) else 0",
    },
    "custom epidemic": {
        **SMALL,
        "rule": "custom",
        "states": 3,
        "initial": "chance < 0.02",
        "boundary": "dead",
        "next": "where(state == 0, chance < 1 - (1 - p)**c1, where(chance < q, 2, state))",
        "parameters": {"p": 0.35, "q": 0.1},
    },
    "custom total": {
        **SMALL,
        "rule": "custom",
        "states": 5,
        "initial": "floor(5*chance)",
        "next": "(total + state + n0) % 5",
    },
    "rule 30": {**SMALL, "rule": "rule30", "start": "centre", "frames": 60},
    "rule 110 dead": {**SMALL, "rule": "Rule 110", "boundary": "dead"},
}


def cells(arguments: dict[str, Any]) -> Any:
    """Return the states at the end."""
    return run(kernel, arguments)[0].outputs["cells"] & 0xFFFF


@pytest.mark.parametrize("arguments", EVERY.values(), ids=EVERY.keys())
def test_gpu_and_numpy_agree_on_every_cell_and_all_checks_pass(arguments: dict[str, Any]) -> None:
    evidence, pictures = run(kernel, arguments)
    twin = list(kernel.reference(arguments, seed=7))
    assert np.array_equal(evidence.outputs["cells"], twin[-1].buffers["cells"])
    for name, points in evidence.series.items():
        assert [v for _, v in points] == pytest.approx([s.probes[name] for s in twin], rel=1e-6)
    for picture, snapshot in zip(pictures, twin, strict=True):
        assert np.abs(picture.astype(int) - snapshot.pixels).mean() < kernel.compare.pixels
    statuses = verdicts(kernel, evidence)
    assert set(statuses.values()) <= {"passed", "unknown"}
    # So short a film is too few samples of each tile, and nothing else may be left open.
    assert [n for n, s in statuses.items() if s == "unknown"] == ["energy_is_exact"][
        : "tiles" in arguments
    ]


def test_a_glider_moves_one_cell_down_and_right_in_four_steps() -> None:
    glider = {**SMALL, "start": "glider", "frames": 1}
    before, after = cells(glider), cells({**glider, "frames": 5})
    assert before.sum() == 5
    assert np.array_equal(after, np.roll(before, (1, 1), (0, 1)))


def test_a_glider_comes_back_around_a_periodic_grid() -> None:
    glider = {**SMALL, "columns": 16, "width": 64, "height": 64, "start": "glider", "frames": 1}
    assert np.array_equal(cells(glider), cells({**glider, "frames": 65}))


def test_the_gun_fires_a_glider_every_thirty_steps() -> None:
    gun = {**SMALL, "columns": 96, "width": 96, "height": 96, "start": "gun", "frames": 91}
    series = run(kernel, gun)[0].series["population"]
    assert series[60][1] - series[30][1] == series[90][1] - series[60][1] == 5


def test_a_pulsar_pulses_with_period_three() -> None:
    pulsar = {**SMALL, "start": "pulsar", "frames": 4}
    assert np.array_equal(cells({**pulsar, "frames": 1}), cells(pulsar))


def test_rule_90_draws_pascals_triangle_modulo_two() -> None:
    grid = cells({**SMALL, "rule": "rule90", "start": "dot", "frames": 9})
    assert np.flatnonzero(grid[8]).tolist() == [24 - 8, 24 + 8]
    assert grid[7].sum() == 8


def test_a_hot_magnet_is_disordered_and_a_cold_one_stays_ordered() -> None:
    ordered = {**ISING, "start": "centre", "steps_per_frame": 20, "frames": 20}
    hot = kernel.conclude(run(kernel, {**ordered, "temperature": 5.0})[0])[0]
    cold = kernel.conclude(run(kernel, {**ordered, "temperature": 1.5})[0])[0]
    # Yang, Phys. Rev. 85 (1952) 808: m = (1 - sinh(2/T)^-4)^(1/8) below the critical temperature.
    exact = (1 - np.sinh(2 / 1.5) ** -4) ** (1 / 8)
    assert cold["magnetisation"].value == pytest.approx(exact, abs=0.01)
    assert hot["magnetisation"].value < 0.1


def test_grains_leave_only_over_the_edge() -> None:
    values = kernel.conclude(run(kernel, SAND)[0])[0]
    assert values["lost"].value > 0
    assert values["grains_end"].value + values["lost"].value == 3000 + 15 * 40 * 7


def test_a_lost_grain_is_noticed() -> None:
    verdicts = broken(kernel, SAND, "var grains = own % 4u +", "var grains = own % 3u +")
    assert verdicts["grains_are_kept"] == "failed"


def test_an_energy_that_drifts_is_noticed() -> None:
    # Both colours of the checkerboard at once: neighbours change together and the sum is wrong.
    verdicts = broken(
        kernel, ISING, "let column = 2u * id.x + ((id.y + parity) & 1u);", "let column = id.x;"
    )
    assert verdicts["energy_agrees"] == "failed"


def test_a_state_that_does_not_exist_is_noticed() -> None:
    verdicts = broken(
        kernel,
        SMALL,
        "  } else {\n    next = (now + 1u) % uniforms.states;",
        "  } else {\n    next = now + 1u;",
    )
    assert verdicts["states_exist"] == "failed"


def test_a_wrong_count_is_noticed() -> None:
    verdicts = broken(kernel, SMALL, "first += select(0, 1, now == 1u);", "first += 1;")
    assert verdicts["counts_agree"] == "failed"


def test_another_rule_than_the_asked_one_is_noticed() -> None:
    arguments = EVERY["rule 30"]
    verdicts = broken(kernel, arguments, "(uniforms.number >> key) & 1u", "(110u >> key) & 1u")
    assert verdicts["rule_holds"] == "failed"


TILES: dict[str, Any] = {
    **ISING, "columns": 96, "width": 96, "height": 96, "tiles": 6, "ramp": "1.6 + 1.4*tile",
    "start": "centre", "frames": 12, "steps_per_frame": 120, "settle": 300, "sample_every": 4,
}  # fmt: skip


def test_tiles_have_the_exact_energy_of_lattices_of_their_size() -> None:
    evidence, _ = run(kernel, TILES)
    checks = verdicts(kernel, evidence)
    assert checks["energy_is_exact"] == "passed"
    moments = evidence.outputs["moments"].reshape(36, 8)
    assert (moments[:, 0] == moments[0, 0]).all()
    magnetisation = moments[:, 1] / moments[:, 0]
    assert magnetisation[:6].min() > 0.9 > 0.6 > magnetisation[-6:].max()


def test_a_wrong_temperature_is_noticed_in_the_energy_of_the_tiles() -> None:
    verdicts = broken(kernel, TILES, "exp(-f32(change) / temp", "exp(-1.2 * f32(change) / temp")
    assert verdicts["energy_is_exact"] == "failed"


@pytest.mark.parametrize("temperature", [1.5, 2.2692, 3.5])
def test_the_exact_energy_is_that_of_all_configurations_of_a_small_lattice(
    temperature: float,
) -> None:
    spins = 2 * (np.arange(2**12)[:, None] >> np.arange(12) & 1).reshape(-1, 3, 4) - 1
    energy = -sum((spins * np.roll(spins, 1, axis)).sum((1, 2)) for axis in (1, 2))
    weight = np.exp(-energy / temperature)
    expected = (weight * energy).sum() / weight.sum() / 12
    assert exact_energy(temperature, 3, 4) == pytest.approx(expected, abs=1e-8)


def test_a_custom_rule_gives_the_game_of_life() -> None:
    own = {
        **SMALL, "rule": "custom", "states": 2, "initial": "chance < 0.35",
        "next": "1 if n1 == 3 or (state == 1 and n1 == 2) else 0",
    }  # fmt: skip
    assert np.array_equal(cells(own), cells({**SMALL, "density": 0.35}))


def test_a_custom_rule_that_leaves_its_states_is_noticed_and_seen() -> None:
    own = {**SMALL, "rule": "custom", "states": 3, "initial": "chance < 0.5", "next": "state + 1"}
    evidence, pictures = run(kernel, own)
    found = verdicts(kernel, evidence)
    assert found["states_exist"] == "failed"
    assert (pictures[-1][..., :3] == [255, 0, 255]).all(-1).any()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"rule": "custom"}, "formula of the next state"),
        ({"rule": "custom", "next": "n9 + 1", "states": 3}, "n9"),
        ({"rule": "life", "tiles": 2}, "only the rule ising"),
        ({"rule": "ising", "tiles": 5}, "cannot be cut into 5 x 5"),
        ({"rule": "ising", "ramp": "temperature + foo"}, "foo"),
        ({"rule": "custom", "next": "state", "parameters": {"n1": 2}}, "n1"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(arguments: dict[str, Any], what: str) -> None:
    with pytest.raises(InvalidProgram, match=what):
        kernel.build({**SMALL, **arguments})


@pytest.mark.parametrize("rule", ["B9/S", "rule256", "conway", "", "B0/S1", "B3/S23/C99"])
def test_unknown_rules_are_refused_by_name(rule: str) -> None:
    with pytest.raises(InvalidProgram, match="rule"):
        kernel.build({**SMALL, "rule": rule})


def test_every_palette_may_be_chosen_and_an_unknown_one_is_told_their_names() -> None:
    _, pictures = run(kernel, {**SMALL, "palette": "aurora"})
    _, own = run(kernel, SMALL)
    assert not np.array_equal(pictures[0], own[0])
    with pytest.raises(InvalidProgram, match=r"one of inferno, .*aurora"):
        kernel.build({**SMALL, "palette": "mud"})
