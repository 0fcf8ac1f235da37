"""Traffic: nobody gets lost, GPU and NumPy agree, and broken rules are noticed."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from intentos.errors import InvalidProgram
from intentos.gpu_kernels.traffic import kernel

from .drawing import broken, play, run

CITY: dict[str, Any] = {
    "cars": 120, "streets": 3, "block_cells": 9, "width": 192, "height": 160, "frames": 60,
    "frames_per_step": 2,
}  # fmt: skip
RING: dict[str, Any] = {
    "layout": "ring", "cars": 60, "lanes": 2, "road_cells": 100, "max_speed": 5,
    "width": 128, "height": 128, "frames": 40, "frames_per_step": 1,
}  # fmt: skip
ROAD: dict[str, Any] = {**RING, "layout": "road", "cars": 40}


@pytest.mark.parametrize("arguments", [CITY, RING, ROAD], ids=["city", "ring", "road"])
def test_gpu_and_numpy_agree_on_every_car(arguments: dict[str, Any]) -> None:
    evidence, pictures = run(kernel, arguments)
    twin = list(kernel.reference(arguments, seed=7))
    assert np.array_equal(evidence.outputs["road"], twin[-1].buffers["road"])
    assert np.array_equal(evidence.outputs["cars"], twin[-1].buffers["cars"])
    for name, points in evidence.series.items():
        assert [v for _, v in points] == pytest.approx([s.probes[name] for s in twin], rel=1e-6)
    for picture, snapshot in zip(pictures, twin, strict=True):
        difference = np.abs(picture.astype(int) - snapshot.pixels)
        assert difference.mean() < kernel.compare.pixels


@pytest.mark.parametrize("arguments", [CITY, RING, ROAD], ids=["city", "ring", "road"])
def test_all_checks_pass_and_values_say_how_fast(arguments: dict[str, Any]) -> None:
    evidence, _ = run(kernel, arguments)
    values, checks = kernel.conclude(evidence)
    assert {c.status for c in checks} == {"passed"}
    assert values["cars_end"].value == arguments["cars"]
    assert values["mean_speed"].unit == "km/h"
    assert 0 < values["mean_speed"].value < arguments.get("max_speed", 2) * 27
    assert 0 < values["flow"].value < 3600


def test_free_road_without_dawdling_runs_at_the_limit() -> None:
    arguments = {**RING, "cars": 10, "slowdown": 0.0, "frames": 60}
    evidence, _ = run(kernel, arguments)
    values, _ = kernel.conclude(evidence)
    assert values["mean_speed"].value == pytest.approx(5 * 27)
    assert values["flow"].value == pytest.approx(10 / 200 * 5 * 3600)


def test_full_road_stands_still() -> None:
    evidence, _ = run(kernel, {**RING, "cars": 200})
    assert kernel.conclude(evidence)[0]["stopped"].value == 100


def test_cars_move_smoothly_between_two_seconds() -> None:
    _, pictures = run(kernel, {**CITY, "frames": 13, "frames_per_step": 6})
    changes = [np.any(a != b) for a, b in pairwise(pictures[1:])]
    assert all(changes)


def test_two_cars_in_one_cell_are_noticed() -> None:
    # A driver who does not look ahead on his own link runs into the car in front.
    seen = "&& road[cell + ahead + 1u] == 0u"
    assert broken(kernel, RING, seen, "")["no_car_is_lost"] == "failed"


def test_running_the_red_light_into_another_car_is_noticed() -> None:
    red = "if (lamp(crossing, heading, second) != 2u) { return false; }"
    assert broken(kernel, CITY, red, "")["no_car_is_lost"] == "failed"


def test_speeding_is_noticed() -> None:
    limit = "min(fleet[car].y + 1u, uniforms.max_speed)"
    found = broken(kernel, {**RING, "cars": 4}, limit, "(fleet[car].y + 1u)")
    assert found["speed_limit"] == "failed"


def test_impossible_flow_is_noticed() -> None:
    # Ghost cars: everybody claims one cell a second more than he drove.
    told = "fleet[car] = vec4u(to, speed, cell, 0u);"
    found = broken(
        kernel, {**RING, "cars": 190}, told, "fleet[car] = vec4u(to, speed + 1u, cell, 0u);"
    )
    assert found["flow_is_possible"] == "failed"


@pytest.mark.parametrize("slowdown", [0.0, 0.25, 0.5])
@pytest.mark.parametrize("cars", [40, 90, 150])
def test_the_flow_on_a_ring_is_that_of_theory(slowdown: float, cars: int) -> None:
    arguments = {**RING, "cars": cars, "max_speed": 1, "slowdown": slowdown, "frames": 400}
    assert play(kernel, arguments).verdicts["flow_is_exact"] == "passed"


def test_drivers_who_dawdle_more_than_asked_are_noticed() -> None:
    arguments = {**RING, "cars": 90, "max_speed": 1, "slowdown": 0.25, "frames": 400}
    found = broken(kernel, arguments, "uniforms.slowdown", "(2.0 * uniforms.slowdown)")
    assert found["flow_is_exact"] == "failed"


def test_a_short_film_leaves_the_flow_open() -> None:
    assert play(kernel, {**RING, "slowdown": 0.0}).verdicts["flow_is_exact"] == "unknown"


def test_more_cars_than_cells_are_refused_with_the_maximum() -> None:
    with pytest.raises(InvalidProgram, match="at most 216"):
        kernel.build({**CITY, "cars": 2000})


def test_the_same_seed_gives_the_same_film() -> None:
    first, second = run(kernel, CITY)[1], run(kernel, CITY)[1]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
