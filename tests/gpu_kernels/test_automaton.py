"""Automata: GPU and NumPy agree on every cell, gliders glide, grains are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from intentos.errors import InvalidProgram
from intentos.gpu_kernels.automaton import kernel
from intentos.program import GpuProgram
from intentos.protocols import Evidence

from .drawing import draw

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
    "brain": {**SMALL, "rule": "brain", "density": 0.2},
    "cyclic": {**SMALL, "rule": "cyclic", "states": 6},
    "cyclic dead": {**SMALL, "rule": "cyclic", "states": 6, "boundary": "dead", "threshold": 2},
    "fire": {**SMALL, "rule": "fire", "density": 0.7, "lightning": 0.001},
    "sandpile": SAND,
    "sandpile rain": {**SAND, "start": "random", "density": 1.0},
    "ising": ISING,
    "ising dead": {**ISING, "boundary": "dead", "temperature": 1.2},
    "rule 30": {**SMALL, "rule": "rule30", "start": "centre", "frames": 60},
    "rule 110 dead": {**SMALL, "rule": "Rule 110", "boundary": "dead"},
}


def run(arguments: dict[str, Any], program: GpuProgram | None = None) -> tuple[Evidence, list[Any]]:
    """Run on the GPU; return the evidence and every picture."""
    return draw(arguments, program or kernel.build(arguments))


def broken(arguments: dict[str, Any], right: str, wrong: str) -> dict[str, str]:
    """Return the verdicts on a program in which one piece of the shader is replaced."""
    program = kernel.build(arguments)
    assert program.source.count(right) == 1
    changed = program.model_copy(update={"source": program.source.replace(right, wrong)})
    return {c.name: c.status for c in kernel.conclude(run(arguments, changed)[0])[1]}


def cells(arguments: dict[str, Any]) -> Any:
    """Return the states at the end."""
    return run(arguments)[0].outputs["cells"] & 0xFFFF


@pytest.mark.parametrize("arguments", EVERY.values(), ids=EVERY.keys())
def test_gpu_and_numpy_agree_on_every_cell_and_all_checks_pass(arguments: dict[str, Any]) -> None:
    evidence, pictures = run(arguments)
    twin = list(kernel.reference(arguments, seed=7))
    assert np.array_equal(evidence.outputs["cells"], twin[-1].buffers["cells"])
    for name, points in evidence.series.items():
        assert [v for _, v in points] == pytest.approx([s.probes[name] for s in twin], rel=1e-6)
    for picture, snapshot in zip(pictures, twin, strict=True):
        assert np.abs(picture.astype(int) - snapshot.pixels).mean() < kernel.compare.pixels
    assert {c.status for c in kernel.conclude(evidence)[1]} == {"passed"}


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
    series = run(gun)[0].series["population"]
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
    hot = kernel.conclude(run({**ordered, "temperature": 5.0})[0])[0]
    cold = kernel.conclude(run({**ordered, "temperature": 1.5})[0])[0]
    # Yang, Phys. Rev. 85 (1952) 808: m = (1 - sinh(2/T)^-4)^(1/8) below the critical temperature.
    exact = (1 - np.sinh(2 / 1.5) ** -4) ** (1 / 8)
    assert cold["magnetisation"].value == pytest.approx(exact, abs=0.01)
    assert hot["magnetisation"].value < 0.1


def test_grains_leave_only_over_the_edge() -> None:
    values = kernel.conclude(run(SAND)[0])[0]
    assert values["lost"].value > 0
    assert values["grains_end"].value + values["lost"].value == 3000 + 15 * 40 * 7


def test_a_lost_grain_is_noticed() -> None:
    verdicts = broken(SAND, "var grains = own % 4u +", "var grains = own % 3u +")
    assert verdicts["grains_are_kept"] == "failed"


def test_an_energy_that_drifts_is_noticed() -> None:
    # Both colours of the checkerboard at once: neighbours change together and the sum is wrong.
    verdicts = broken(ISING, "|| (id.x + id.y) % 2u != parity", "")
    assert verdicts["energy_agrees"] == "failed"


def test_a_state_that_does_not_exist_is_noticed() -> None:
    verdicts = broken(
        SMALL,
        "  } else {\n    next = (now + 1u) % uniforms.states;",
        "  } else {\n    next = now + 1u;",
    )
    assert verdicts["states_exist"] == "failed"


def test_a_wrong_count_is_noticed() -> None:
    verdicts = broken(SMALL, "first += select(0, 1, now == 1u);", "first += 1;")
    assert verdicts["counts_agree"] == "failed"


def test_another_rule_than_the_asked_one_is_noticed() -> None:
    arguments = EVERY["rule 30"]
    verdicts = broken(arguments, "(uniforms.number >> key) & 1u", "(110u >> key) & 1u")
    assert verdicts["rule_holds"] == "failed"


@pytest.mark.parametrize("rule", ["B9/S", "rule256", "conway", "", "B0/S1", "B3/S23/C99"])
def test_unknown_rules_are_refused_by_name(rule: str) -> None:
    with pytest.raises(InvalidProgram, match="rule"):
        kernel.build({**SMALL, "rule": rule})


def test_every_palette_may_be_chosen_and_an_unknown_one_is_told_their_names() -> None:
    _, pictures = run({**SMALL, "palette": "aurora"})
    _, own = run(SMALL)
    assert not np.array_equal(pictures[0], own[0])
    with pytest.raises(InvalidProgram, match=r"one of inferno, .*aurora"):
        kernel.build({**SMALL, "palette": "mud"})
