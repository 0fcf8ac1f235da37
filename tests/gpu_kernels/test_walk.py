"""Walks, aggregates and percolation: theory is met, twins agree, and cheats are noticed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from intentos.errors import InvalidProgram
from intentos.gpu_kernels.walk import kernel
from intentos.gpu_kernels.walk_judge import _spread, dimensions_of
from intentos.protocols import Evidence

from .drawing import broken, draw, play, run, verdicts

SMALL: dict[str, Any] = {"width": 96, "height": 80, "frames": 6}
WALKS: dict[str, dict[str, Any]] = {
    "line": {**SMALL, "dimensions": 1, "steps": "lattice", "walkers": 700},
    "plane": {**SMALL, "dimensions": 2, "walkers": 900, "diffusivity": 0.25, "step_time": 2},
    "space": {**SMALL, "dimensions": 3, "steps": "lattice", "walkers": 800},
    "chart": {"width": 220, "height": 220, "frames": 4, "walkers": 500},
}
GROWTH: dict[str, dict[str, Any]] = {
    start: {**SMALL, "model": "aggregation", "cells": 48, "start": start, "walkers": 300}
    for start in ("point", "line", "ring")
}
GROWTH["sticky"] = {**GROWTH["point"], "stickiness": 0.3}
SITES: dict[str, dict[str, Any]] = {
    "four": {**SMALL, "model": "percolation", "cells": 64, "frames": 8},
    "eight": {**SMALL, "model": "percolation", "cells": 50, "neighbours": 8, "lowest": 0.3,
              "highest": 0.5, "frames": 8},
}  # fmt: skip
ALL = {**WALKS, **GROWTH, **SITES}


@pytest.mark.parametrize("name", sorted(ALL))
def test_gpu_and_numpy_agree(name: str) -> None:
    arguments = ALL[name]
    evidence, pictures = draw(arguments, kernel.build(arguments))
    twin = list(kernel.reference(arguments, seed=7))
    for output, got in evidence.outputs.items():
        wanted = twin[-1].buffers[output]
        if name in WALKS:
            np.testing.assert_allclose(got, wanted, atol=1e-3)
        else:
            np.testing.assert_array_equal(got, wanted)
    for probe, points in evidence.series.items():
        told = [float(s.probes[probe]) for s in twin]
        assert [v for _, v in points] == pytest.approx(told, rel=1e-3, abs=1e-3), probe
    for frame, (picture, snapshot) in enumerate(zip(pictures, twin, strict=True)):
        off = np.abs(picture.astype(int) - snapshot.pixels).mean()
        assert off < kernel.compare.pixels, f"frame {frame} is off by {off:.2f}"


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_check_passes(name: str) -> None:
    assert set(play(kernel, ALL[name]).verdicts.values()) == {"passed"}


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("steps", ["lattice", "normal"])
def test_the_spread_is_twice_the_dimensions_times_d_t(dimensions: int, steps: str) -> None:
    arguments = {
        **SMALL, "dimensions": dimensions, "steps": steps, "walkers": 20_000, "frames": 21,
        "steps_per_frame": 10, "diffusivity": 3.0, "step_time": 0.5,
    }  # fmt: skip
    values, checks = kernel.conclude(run(kernel, arguments, seed=3)[0])
    assert {c.status for c in checks} == {"passed"}
    assert "cloud_is_normal" in {c.name for c in checks}
    assert values["diffusivity"].value == pytest.approx(3.0, rel=0.05)
    assert values["time"].value == 100


def test_walkers_that_prefer_one_side_are_noticed() -> None:
    verdict = broken(
        kernel, {**WALKS["line"], "walkers": 5000, "frames": 30},
        "(bits.y >> 31u) == 1u", "(bits.y >> 28u) >= 7u",
    )  # fmt: skip
    assert verdict["no_drift"] == "failed"
    assert verdict["einstein"] == "failed"


def test_walkers_that_stride_too_far_are_noticed() -> None:
    verdict = broken(
        kernel, {**WALKS["plane"], "walkers": 5000}, "inverseSqrt(f32(DIMENSIONS))", "0.8"
    )
    assert verdict["einstein"] == "failed"
    assert verdict["recount_agrees"] == "passed"


def test_a_cloud_of_another_shape_is_noticed() -> None:
    # All of one length in all: a ring, whose mean square is right.
    evidence = run(kernel, {**WALKS["plane"], "frames": 30, "walkers": 4000})[0]
    steps = 29 * 4
    walkers = evidence.outputs["walkers"]
    r = np.linalg.norm(walkers[:, :2], axis=1, keepdims=True)
    ring = np.concatenate([walkers[:, :2] / r * np.sqrt(steps * 0.999), walkers[:, 2:]], 1)
    told = Evidence(
        arguments=evidence.arguments, series=evidence.series, outputs={"walkers": ring},
        frames=evidence.frames, distinct_frames=evidence.distinct_frames,
    )  # fmt: skip
    assert verdicts(kernel, told)["cloud_is_normal"] == "failed"
    assert verdicts(kernel, told)["einstein"] == "passed"


def test_a_walker_that_gets_lost_is_noticed() -> None:
    verdict = broken(
        kernel, WALKS["plane"], "walkers[i] = vec4f(p, 0.0);",
        "walkers[i] = vec4f(p + select(0.0, bitcast<f32>(0x7fc00000u | i), i == 3u), 0.0);",
    )  # fmt: skip
    assert verdict["positions_finite"] == "failed"


def test_an_aggregate_is_a_fractal() -> None:
    arguments = {"model": "aggregation", "width": 64, "height": 64, "frames": 160, "cells": 220}
    values, checks = kernel.conclude(run(kernel, arguments)[0])
    assert {c.status for c in checks} == {"passed"}
    assert "fractal_dimension" in {c.name for c in checks}
    assert 1.5 < values["fractal_dimension"].value < 1.9


def test_a_full_disc_is_no_fractal() -> None:
    y, x = np.mgrid[-60:61, -60:61]
    r = np.hypot(x, y)
    disc = np.where(r < 58, 2 + r, 0)
    by_mass, by_boxes = dimensions_of(disc)
    assert by_mass == pytest.approx(2, abs=0.05)
    assert by_boxes == pytest.approx(2, abs=0.12)


def test_growth_without_walks_is_noticed() -> None:
    # Whoever arrives sticks two cells away from the cluster.
    verdict = broken(
        kernel, GROWTH["point"], "grid[cell] = 2u + uniforms.step;",
        "grid[cell_at(p.x / 2, p.y)] = 2u + uniforms.step;",
    )  # fmt: skip
    assert verdict["touches_older"] == "failed"


def test_a_particle_that_counts_twice_is_noticed() -> None:
    verdict = broken(
        kernel, GROWTH["point"], "atomicAdd(&reach[0], 1u);", "atomicAdd(&reach[0], 2u);"
    )
    assert verdict["none_is_lost"] == "failed"


def test_a_join_that_is_forgotten_is_noticed() -> None:
    verdict = broken(
        kernel, SITES["four"], "if (is_open(below) && !before) { join(i, below); }",
        "if (is_open(below) && !before && x % 9u > 0u) { join(i, below); }",
    )  # fmt: skip
    assert verdict["clusters_agree"] == "failed"


def test_too_many_open_cells_are_noticed() -> None:
    verdict = broken(
        kernel, SITES["four"], "(random_bits(i, 0u, 21u) >> 16u) < level()",
        "(random_bits(i, 0u, 21u) >> 16u) < level() + 9000u",
    )  # fmt: skip
    assert verdict["open_share"] == "failed"
    assert verdict["threshold"] == "failed"


@pytest.mark.parametrize(("cells", "neighbours", "known"), [(200, 4, 0.592746), (200, 8, 0.407254)])
def test_the_threshold_is_found(cells: int, neighbours: int, known: float) -> None:
    arguments = {
        "model": "percolation", "width": 64, "height": 64, "frames": 41, "cells": cells,
        "neighbours": neighbours, "lowest": known - 0.1, "highest": known + 0.1,
    }  # fmt: skip
    values, checks = kernel.conclude(run(kernel, arguments)[0])
    assert {c.status for c in checks} == {"passed"}
    assert values["threshold"].value == pytest.approx(known, abs=0.045)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lowest": 0.7, "highest": 0.6}, "lowest"),
        ({"model": "aggregation", "walkers": 100_000}, "65536"),
        ({"palette": "mud"}, "one of"),
        ({"frames": 10_000, "steps_per_frame": 3000}, "256"),
        ({"diffusivity": 1e-300}, "unit of length"),
        ({"diffusivity": 1e12, "step_time": 1e12}, "unit of length"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProgram, match=said):
        kernel.build({**SMALL, **change})


@settings(max_examples=12, derandomize=True, deadline=None)
@given(
    model=st.sampled_from(["walk", "aggregation", "percolation"]),
    dimensions=st.sampled_from([1, 2, 3]),
    steps=st.sampled_from(["lattice", "normal"]),
    walkers=st.integers(1, 3000),
    cells=st.integers(32, 90),
    start=st.sampled_from(["point", "line", "ring"]),
    stickiness=st.floats(0.05, 1),
    frames=st.integers(2, 5),
    size=st.tuples(st.integers(16, 260), st.integers(16, 220)),
)
def test_any_arguments_draw_something_that_holds(size: tuple[int, int], **given: Any) -> None:
    arguments = {**given, "width": size[0], "height": size[1]}
    evidence, pictures = draw(arguments, kernel.build(arguments))
    assert "failed" not in verdicts(kernel, evidence).values()
    assert len(np.unique(pictures[-1].reshape(-1, 4), axis=0)) > 2


@pytest.mark.parametrize(("chance", "status"), [(1e-5, "passed"), (1e-9, "failed")])
def test_a_lone_walker_may_go_far_but_not_beyond_all_chance(chance: float, status: str) -> None:
    a = kernel.validate({"walkers": 1, "dimensions": 1})
    far = chi2.isf(chance, 1)  # r² over steps of a single normal walker
    assert _spread(a, np.array([100 * far]), 100).status == status
