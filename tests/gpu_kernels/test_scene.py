"""Landscapes: three trees are three trees, night is darker than day, GPU and NumPy agree."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.errors import InvalidProgram
from intentos.gpu_kernels.scene import SceneArguments, kernel
from intentos.gpu_kernels.scene_judge import places
from intentos.gpu_kernels.scene_layout import RECORD, STATE, Layout
from intentos.program import GpuProgram
from intentos.protocols import Evidence

from .drawing import broken, draw, verdicts

SMALL: dict[str, Any] = {"width": 64, "height": 64, "frames": 2}
GARDEN: dict[str, Any] = SMALL | {
    "objects": [{"kind": "tree", "count": 3}, {"kind": "flowers", "count": 40}, {"kind": "bush"}]
}
GROVE: dict[str, Any] = SMALL | {"objects": [{"kind": "tree", "count": 3}]}
CITY: dict[str, Any] = SMALL | {
    "objects": [{"kind": "city", "count": 30}], "ground": "water", "time_of_day": "moonlight",
}  # fmt: skip
VALLEY: dict[str, Any] = SMALL | {
    "objects": [{"kind": k} for k in ("mountains", "water", "pine", "rock")], "time_of_day": "dusk",
}  # fmt: skip
VILLAGE: dict[str, Any] = SMALL | {
    "objects": [{"kind": "house"}, {"kind": "lantern"}, {"kind": "path"}], "weather": "snow",
    "time_of_day": "dawn", "season": "winter",
}  # fmt: skip
DESERT: dict[str, Any] = SMALL | {
    "objects": [{"kind": "rock"}], "ground": "sand", "light": True, "frames": 3,
}  # fmt: skip
SCENES = {"garden": GARDEN, "city": CITY, "valley": VALLEY, "village": VILLAGE, "desert": DESERT}


@cache
def drawn(name: str) -> tuple[Evidence, list[Any]]:
    """Return the evidence and pictures of one of the scenes."""
    return draw(SCENES[name], kernel.build(SCENES[name]))


def records(arguments: dict[str, Any]) -> tuple[Any, GpuProgram, list[Any]]:
    """Draw; return the rows of the scene and its objects, the program and the pictures."""
    program = kernel.build(arguments)
    evidence, pictures = draw(arguments, program)
    return evidence.outputs["objects"], program, pictures


def light_of(arguments: dict[str, Any]) -> float:
    """Return the mean brightness of a picture, as the kernel measures it."""
    evidence, _ = draw(arguments, kernel.build(arguments | {"frames": 1}))
    return evidence.series["brightness"][-1][1]


@pytest.mark.parametrize("name", SCENES)
def test_gpu_and_numpy_draw_the_same(name: str) -> None:
    arguments = SCENES[name]
    evidence, pictures = drawn(name)
    twin = list(kernel.reference(arguments, seed=7))
    for picture, snapshot in zip(pictures, twin, strict=True):
        assert np.abs(picture.astype(int) - snapshot.pixels).mean() < kernel.compare.pixels
    for output, array in evidence.outputs.items():
        assert kernel.compare.agree(array, twin[-1].buffers[output])
    for probe, points in evidence.series.items():
        assert [v for _, v in points] == pytest.approx([s.probes[probe] for s in twin], abs=2e-3)


@pytest.mark.parametrize("name", SCENES)
def test_all_checks_pass(name: str) -> None:
    evidence, _ = drawn(name)
    assert set(verdicts(kernel, evidence).values()) == {"passed"}


def test_three_trees_are_three_trees_where_the_seed_puts_them() -> None:
    evidence, _ = drawn("garden")
    rows = evidence.outputs["objects"]
    plan = Layout(SceneArguments.model_validate(GARDEN))
    assert plan.ranges["tree"] == (0, 3)
    wanted = places(plan, seed=7)
    got = rows[STATE : STATE + RECORD * plan.objects : RECORD]
    assert got == pytest.approx(wanted, rel=1e-3, abs=0.02)
    assert len(np.unique(got[:3, 0].round(2))) == 3
    values, _ = kernel.conclude(evidence)
    assert (values["tree"].value, values["flower"].value) == (3, 40)


def test_another_seed_plants_elsewhere() -> None:
    program = kernel.build(GARDEN)
    first = drawn("garden")[0].outputs["objects"]
    second = draw(GARDEN, program, seed=8)[0].outputs["objects"]
    assert not np.allclose(first[STATE, :3], second[STATE, :3])


def test_the_horizon_lies_where_the_camera_puts_it() -> None:
    # Far water shows the sky's light at the horizon, the mirrored dusk below differs: the row at
    # which the picture changes is that of the direction with no slope.
    arguments = SMALL | {
        "objects": [], "ground": "sand", "camera": "still", "width": 96, "height": 96, "fog": 0.0,
        "frames": 1,
    }  # fmt: skip
    rows, _, pictures = records(arguments)
    ahead, focal = rows[10, :3].astype(float), float(rows[7, 3])
    assert np.hypot(ahead[0], ahead[2]) > 0.9
    slope = ahead[1] / math.hypot(ahead[0], ahead[2])
    predicted = 48 + 48 * focal * slope
    column = pictures[0][:, 20, :3].astype(int)
    steps = np.abs(np.diff(column, axis=0)).sum(axis=1)
    assert int(np.argmax(steps)) + 1 == pytest.approx(predicted, abs=1.5)


def test_a_tower_is_as_far_and_as_high_as_geometry_says() -> None:
    # One tower alone against the sky: its roof's edge, seen from the eye, by similar triangles.
    arguments = CITY | {
        "objects": [{"kind": "building", "count": 1, "z": -150, "depth": 1, "height": 60}],
        "time_of_day": "day", "camera": "still", "width": 128, "height": 128, "frames": 1,
    }  # fmt: skip
    rows, _, pictures = records(arguments)
    x, _, z, height = rows[STATE].astype(float)
    half = max(rows[STATE + 3, :2].astype(float))
    eye, focal, ahead = rows[7, :3].astype(float), float(rows[7, 3]), rows[10, :3].astype(float)
    up, right = rows[9, :3].astype(float), rows[8, :3].astype(float)

    def row_of(depth: float) -> float:
        way = np.array([x, height, depth]) - eye
        return 64 - 64 * focal * float(way @ up) / float(way @ ahead)

    middle = np.array([x, height / 2, z]) - eye
    column = round(64 + 64 * focal * float(middle @ right) / float(middle @ ahead))
    roof = int(np.argmax(pictures[0][:, column, 2] < 150))
    assert min(row_of(z - half), row_of(z + half)) - 2 <= roof
    assert roof <= max(row_of(z - half), row_of(z + half)) + 2


def test_the_distance_to_flat_ground_is_that_of_similar_triangles() -> None:
    arguments = DESERT | {"objects": [], "ground": "stone", "camera": "still"}
    evidence, _ = draw(arguments, kernel.build(arguments))
    rows, light = evidence.outputs["objects"].astype(float), evidence.outputs["light"]
    eye, focal, right, up, ahead = rows[7, :3], rows[7, 3], rows[8, :3], rows[9, :3], rows[10, :3]
    for x, y in ((5, 60), (32, 50), (60, 63)):
        across, down = (x + 0.5 - 32) / 32, (y + 0.5 - 32) / 32
        way = ahead * focal + right * across - up * down
        slope = -way[1] / float(np.linalg.norm(way))
        assert light[y, x, 3] == pytest.approx(eye[1] / slope, rel=1e-3)
    assert (light[:20, :, 3] == 1e5).all()


def test_night_is_darker_than_dusk_and_dusk_than_day() -> None:
    lights = [light_of(GARDEN | {"time_of_day": t}) for t in ("night", "moonlight", "dusk", "day")]
    assert lights == sorted(lights)
    assert lights[0] < 0.3 * lights[3]


def test_windows_are_lit_at_night_only() -> None:
    city = CITY | {"frames": 1, "width": 128, "height": 128}

    def warm(hour: float) -> float:
        picture = records(city | {"hour": hour})[2][0].astype(int)
        return float(((picture[..., 0] > 170) & (picture[..., 0] > picture[..., 2] + 30)).mean())

    assert warm(23.0) > 10 * max(warm(12.0), 1e-4)


def test_wind_moves_the_plants_and_calm_does_not() -> None:
    still = GARDEN | {"camera": "still", "frames": 6, "width": 96, "height": 96}

    def change(wind: float) -> float:
        # The lower half: clouds drift in any case.
        pictures = records(still | {"wind": wind})[2]
        return float(np.abs(pictures[0].astype(int) - pictures[-1])[56:].mean())

    assert change(0.0) == 0.0
    assert change(0.3) > 0.1
    assert change(1.0) > change(0.3)


def test_the_sun_rises_while_hours_pass() -> None:
    arguments = GARDEN | {"hour": 5.0, "hours_per_second": 12.0, "frames": 8}
    evidence, _ = draw(arguments, kernel.build(arguments))
    brightness = [v for _, v in evidence.series["brightness"]]
    assert brightness[-1] > 1.3 * brightness[0]
    assert verdicts(kernel, evidence)["sun_height"] == "passed"


def test_the_same_seed_gives_the_same_film() -> None:
    first, second = drawn("village")[1], records(VILLAGE)[2]
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_forgotten_object_is_noticed() -> None:
    changed = broken(
        kernel, GROVE, "if (i >= OBJECTS) { return; }\n  var c", "if (i >= 2u) { return; }\n  var c"
    )
    assert changed["objects_in_place"] == "failed"


def test_an_object_in_a_wrong_place_is_noticed() -> None:
    changed = broken(kernel, GROVE, "n * 0.6180340 + start", "n * 0.5 + start")
    assert changed["objects_in_place"] == "failed"


def test_a_storm_that_throws_trees_over_is_noticed() -> None:
    changed = broken(kernel, GROVE | {"wind": 1.0}, "vec2f(0.07 * gust", "vec2f(0.4 * gust")
    assert changed["plants_stand"] == "failed"
    changed = broken(kernel, GROVE, "kind == FLOWER), 1.0)", "kind != FLOWER), 1.0)")
    assert changed["plants_stand"] == "failed"


def test_a_clock_that_goes_wrong_is_noticed() -> None:
    changed = broken(
        kernel, GROVE, "sin((clock - 6.0) * TAU / 24.0)", "sin((clock - 7.0) * TAU / 24.0)"
    )
    assert changed["sun_height"] == "failed"


def test_light_that_is_no_number_is_noticed() -> None:
    changed = broken(kernel, GROVE, "let t = exp(-4.2 * h);", "let t = sqrt(-4.2 - h);")
    assert changed["light_is_finite"] == "failed"


def test_a_camera_that_looks_away_is_noticed() -> None:
    changed = broken(kernel, GROVE, "normalize(target_ - place)", "normalize(place - target_)")
    assert changed["objects_in_view"] == "failed"


@pytest.mark.parametrize("factor", ["0.02", "60.0"])
def test_a_black_or_burnt_out_picture_is_noticed(factor: str) -> None:
    changed = broken(kernel, GROVE, "let x = c * EXPOSURE;", f"let x = c * {factor};")
    assert changed["picture_is_seeable"] == "failed"


def test_a_picture_of_one_grey_is_noticed() -> None:
    changed = broken(kernel, GROVE, "let x = c * EXPOSURE;", "let x = c * 0.0 + 0.35;")
    assert changed["picture_is_seeable"] == "failed"


def test_too_many_objects_are_refused_with_the_limit() -> None:
    with pytest.raises(InvalidProgram, match="at most 1200"):
        kernel.build({"objects": [{"kind": "flowers", "count": 600}] * 3})
    with pytest.raises(InvalidProgram, match="kind: Input should be 'tree'"):
        kernel.build({"objects": [{"kind": "dragon"}]})


def test_only_what_a_scene_has_is_in_its_passes() -> None:
    entries = {one.entry for one in kernel.build(CITY).draw}
    assert "trace_building" in entries
    assert not {"trace_tree", "trace_flower", "paint_mountains", "cast_shadows"} & entries


KINDS = ("tree", "pine", "bush", "rock", "flowers", "house", "lantern", "city", "mountains",
         "water", "moon", "rainbow", "clouds", "grass", "path")  # fmt: skip


@settings(max_examples=8, derandomize=True, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(KINDS), max_size=4, unique=True),
    count=st.integers(1, 12),
    ground=st.sampled_from(("grass", "sand", "snow", "stone", "water")),
    time=st.sampled_from(("dawn", "day", "dusk", "night", "moonlight")),
    weather=st.sampled_from(("clear", "cloudy", "fog", "rain", "snow")),
    season=st.sampled_from(("spring", "summer", "autumn", "winter")),
    camera=st.sampled_from(("orbit", "fly", "walk", "still")),
    wind=st.floats(0, 1),
    size=st.sampled_from(((48, 48), (96, 54), (40, 72))),
)
def test_any_scene_is_drawn(
    kinds: list[str], count: int, ground: str, time: str, weather: str, season: str, camera: str,
    wind: float, size: tuple[int, int],
) -> None:  # fmt: skip
    single = KINDS[8:]
    arguments: dict[str, Any] = {
        "objects": [{"kind": k} | ({} if k in single else {"count": count}) for k in kinds],
        "ground": ground, "time_of_day": time, "weather": weather, "season": season,
        "camera": camera, "wind": wind, "width": size[0], "height": size[1], "frames": 2,
    }  # fmt: skip
    evidence, pictures = draw(arguments, kernel.build(arguments))
    assert pictures[-1][..., :3].std() > 0.5
    found = verdicts(kernel, evidence)
    del found["something_moves"]  # a still, calm picture may not
    assert set(found.values()) == {"passed"}, found
