"""Flocks, shoals and crowds: nobody is lost, GPU and NumPy agree, known phenomena appear."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.errors import InvalidProgram
from intentos.gpu_kernels.flock import kernel
from intentos.gpu_kernels.flock_judge import _groups, _lane_order
from intentos.protocols import Evidence

from .drawing import broken, play, run, verdicts

SMALL: dict[str, Any] = {"width": 96, "height": 80, "frames": 4, "count": 200}
VICSEK: dict[str, Any] = {
    "kind": "vicsek", "width": 64, "height": 64, "count": 400, "span": 10.0, "frames": 60,
    "steps_per_frame": 8,
}  # fmt: skip
DOOR: dict[str, Any] = {
    "kind": "crowd", "width": 96, "height": 96, "count": 40, "span": 12, "frames": 150,
}  # fmt: skip


def order(evidence: Evidence) -> float:
    """Return the polarisation over the last half of the film."""
    return float(kernel.conclude(evidence)[0]["polarisation"].value)


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"kind": "fish", "width": 160},
        {"kind": "vicsek"},
        {"kind": "crowd", "span": 20},
        {"kind": "crowd", "scene": "counterflow", "span": 20},
        {"kind": "crowd", "scene": "crossing", "span": 20, "obstacles": [[1, 2, 1.5]]},
        {
            "predator_x": "5*sin(t)", "predator_y": "3", "obstacles": [[3, 2, 4]],
            "boundary": "walls", "colour_by": "heading", "steer_x": "a*y", "parameters": {"a": 0.1},
        },
        {"boundary": "periodic", "span": 6.1, "radius": 2.0},
    ],
    ids=["birds", "fish", "vicsek", "door", "counterflow", "crossing", "hunted", "narrow"],
)  # fmt: skip
def test_gpu_and_numpy_agree(extra: dict[str, Any]) -> None:
    arguments = SMALL | extra
    evidence, pictures = run(kernel, arguments)
    twin = list(kernel.reference(arguments, seed=7))
    assert kernel.compare.agree(evidence.outputs["agents"], twin[-1].buffers["agents"])
    for name, points in evidence.series.items():
        assert [v for _, v in points] == pytest.approx([s.probes[name] for s in twin], abs=5e-3)
    for picture, snapshot in zip(pictures, twin, strict=True):
        assert np.abs(picture.astype(int) - snapshot.pixels).mean() < kernel.compare.pixels
    assert "failed" not in verdicts(kernel, evidence).values()


def test_everyone_sees_every_neighbour_however_many_share_a_cell() -> None:
    # 3000 in a few cells: lists that are long and chunks that lie in one cell.
    arguments = {**SMALL, "kind": "vicsek", "count": 3000, "span": 6.0, "radius": 1.9, "frames": 2}
    evidence, _ = run(kernel, arguments)
    twin = list(kernel.reference(arguments, seed=7))
    assert kernel.compare.agree(evidence.outputs["agents"], twin[-1].buffers["agents"])


def test_vicsek_orders_at_low_noise_and_not_at_high_noise() -> None:
    # Vicsek et al. 1995, fig. 2: order near 1 without noise, near 0 at full noise, falling between.
    found = [order(run(kernel, {**VICSEK, "noise": noise})[0]) for noise in (0.05, 0.5, 1.0)]
    assert found[0] > 0.9
    assert found[2] < 3 / math.sqrt(VICSEK["count"])
    assert found[0] > found[1] > found[2]


def test_full_noise_gives_the_order_of_chance_and_less_noise_does_not() -> None:
    arguments = {**VICSEK, "noise": 1.0}
    assert play(kernel, arguments).verdicts["chance_order"] == "passed"
    assert broken(kernel, arguments, "uniforms.noise * 0.5", "uniforms.noise * 0.3")[
        "chance_order"
    ] == ("failed")


def test_birds_take_one_direction_and_form_groups() -> None:
    arguments = {**SMALL, "count": 400, "frames": 60, "wander": 0, "home": 0, "noise": 0.05}
    values, _ = kernel.conclude(run(kernel, arguments)[0])
    assert values["polarisation"].value > 0.9
    assert values["mean_speed"].unit == "m/s"
    assert 1 <= values["groups"].value < 40


def test_people_flow_through_a_door_as_people_do() -> None:
    # 1.2 to 1.9 persons a second and metre; Kretz, Grünebohm and Schreckenberg, J. Stat. Mech.
    # (2006) P10014, and the experiments cited there.
    arguments = {**DOOR, "count": 100, "span": 12, "door_width": 1.4, "frames": 420}
    values, checks = kernel.conclude(run(kernel, arguments)[0])
    assert {c.status for c in checks} == {"passed"}
    assert 1.0 < values["flow_per_metre"].value < 2.3
    assert values["flow"].unit == "1/s"


def test_everybody_gets_out_and_a_wider_door_is_faster() -> None:
    emptied = []
    for width in (1.0, 3.0):
        values, _ = kernel.conclude(run(kernel, {**DOOR, "frames": 500, "door_width": width})[0])
        assert values["passed"].value >= DOOR["count"]
        emptied.append(values["time_to_empty"].value)
    assert emptied[1] < emptied[0]


def test_two_flows_form_lanes() -> None:
    arguments = {**DOOR, "scene": "counterflow", "count": 90, "span": 14, "frames": 2}
    before = play(kernel, arguments).values["lane_order"]
    after = play(kernel, {**arguments, "frames": 450}).values["lane_order"]
    assert after > 0.5 > before


@pytest.mark.parametrize(
    ("arguments", "right", "wrong", "check"),
    [
        (SMALL, "clamp(fast, uniforms.speed_min, uniforms.speed_max)", "fast * 3.0",
         "speed_limits"),
        (SMALL, "agents[i] = arrived(p, next);", "agents[i] = arrived(p, next * sqrt(-p.x * p.x));",
         "nobody_is_lost"),
        ({**SMALL, "kind": "fish", "frames": 60}, "p = clamp(p, -limit, limit);", "p *= 1.01;",
         "within_walls"),
        (DOOR, "force += push(unit_of(d), length(d) - BODY, -v, 1.0);", "", "no_one_in_walls"),
        (DOOR, "force += push(n, gap, other.zw - me.zw, regard);", "", "no_overlap"),
        (DOOR, "p.x < DOOR_X && after.x >= DOOR_X", "p.x < DOOR_X", "door_agrees"),
        (SMALL, "const MOST: u32 = 4096u;", "const MOST: u32 = 3u;", "all_seen"),
    ],
    ids=["speeding", "nowhere", "through-the-glass", "no-wall", "no-body", "miscounted", "blind"],
)  # fmt: skip
def test_a_broken_rule_is_noticed(
    arguments: dict[str, Any], right: str, wrong: str, check: str
) -> None:
    assert play(kernel, arguments).verdicts[check] == "passed"
    assert broken(kernel, arguments, right, wrong)[check] == "failed"


def test_the_order_of_arrival_in_a_cell_does_not_show() -> None:
    arguments = {**SMALL, "count": 3000, "span": 20, "frames": 12}
    first, second = run(kernel, arguments)[1], run(kernel, arguments)[1]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
    assert any(not np.array_equal(a, b) for a, b in pairwise(first))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "crowd", "count": 5000, "span": 10}, "room for at most"),
        ({"radius": 9, "span": 20}, "radius is at most 6.66"),
        ({"predator_x": "t"}, "come together"),
        ({"walls": [[0, 0, 1, 1]]}, "walls are for crowds"),
        ({"kind": "vicsek", "noise": 2}, "at most 1"),
        ({"steer_x": "foo + 1"}, "steer_x"),
        ({"palette": "mud"}, "palette must be one of"),
        ({"count": 200_000}, "100000"),
        ({"speed_min": 0, "speed_max": 1}, "speed is 9.5; it must lie between"),
        ({"count": 100_000, "span": 1, "radius": 0.3}, "radius is at most 0.0516"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidProgram, match=said):
        kernel.build(SMALL | wrong)


def test_a_heap_of_a_hundred_thousand_is_counted_without_all_its_pairs() -> None:
    a = kernel.validate({"count": 100_000})
    heaps = np.random.default_rng(3).normal(scale=0.2, size=(100_000, 4))
    heaps[::2, 0] += 20
    assert _groups(a, heaps) == 2


def test_lanes_are_counted_as_by_comparing_everyone_with_everyone() -> None:
    a = kernel.validate({"kind": "crowd", "scene": "counterflow", "count": 300, "span": 40})
    agents = np.random.default_rng(4).uniform(-5, 5, (300, 4))
    across, group = agents[:, 1], np.arange(300) % 2
    near = np.abs(across[:, None] - across) < 2 * a.body
    same, every = (near & (group[:, None] == group)).sum(1), near.sum(1)
    assert _lane_order(a, agents) == pytest.approx((((2 * same - every) / every) ** 2).mean())
    many = a.model_copy(update={"count": 100_000})
    assert 0 <= _lane_order(many, np.zeros((100_000, 4))) <= 1


def test_more_birds_take_more_sky() -> None:
    few, many = (kernel.validate({"count": n}) for n in (1000, 4000))
    assert many.span == pytest.approx(2 * few.span)
    assert kernel.validate({"count": 4000, "span": 80}).span == 80


@settings(max_examples=15, derandomize=True, deadline=None)
@given(
    kind=st.sampled_from(["birds", "fish", "vicsek", "crowd"]),
    scene=st.sampled_from(["door", "counterflow", "crossing"]),
    count=st.integers(1, 300),
    colour_by=st.sampled_from(["heading", "speed", "group", "depth"]),
    noise=st.floats(0, 1),
    speed=st.floats(0.5, 20),
    size=st.floats(0.2, 4),
)
def test_any_arguments_draw_something(**arguments: Any) -> None:
    arguments |= {"width": 64, "height": 48, "frames": 5}
    if arguments["kind"] == "crowd":
        arguments |= {"span": 30, "speed": min(arguments["speed"], 2.0)}
    evidence, pictures = run(kernel, arguments)
    assert "failed" not in verdicts(kernel, evidence).values()
    flat = pictures[-1].reshape(-1, 4)
    assert (flat != flat[0]).any()
