"""A program in fewer pixels is one only where it computes the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from intentos.bindings import connect
from intentos.config import Settings
from intentos.errors import InvalidProgram
from intentos.planners.library import Library
from intentos.program import GpuProgram, load
from intentos.registry import Registry
from intentos.sketch import sketch_of

SOURCE = """
fn colour() -> u32 { return state[0] | ground[0]; }
@compute @workgroup_size(8, 8) fn lay(@builtin(global_invocation_id) id: vec3u) {
  ground[id.y * uniforms.width + id.x] = 7u; // not trail
}
@compute @workgroup_size(1) fn go() { state[0] += 1u; ground[arrayLength(&ground) - 1u] += 1u; }
@compute @workgroup_size(8, 8) fn show(@builtin(global_invocation_id) id: vec3u) {
  let i = id.y * uniforms.width + id.x;
  trail[2u * i] += colour();
  pixels[i] = trail[2u * i];
}"""


def build(arguments: Mapping[str, Any]) -> GpuProgram:
    """Return a program with a state, a ground painted once with a count behind it, and a trail."""
    wide, high = arguments["width"], arguments["height"]
    picture = [-(-wide // 8), -(-high // 8), 1]
    data = {
        "source": arguments.get("source", SOURCE),
        "uniforms": [{"name": "pace", "value": 1.0}, *arguments.get("uniforms", [])],
        "buffers": [
            {"name": "pixels", "type": "u32", "length": wide * high},
            {"name": "state", "type": "u32", "length": arguments.get("states", 1)},
            {"name": "ground", "type": "u32", "length": wide * high + arguments.get("behind", 3)},
            {"name": "trail", "type": "u32", "length": 2 * wide * high},
        ],
        "start": [{"entry": "lay", "dispatch": picture}],
        "step": [{"entry": "go", "dispatch": [arguments.get("steps", 1), 1, 1]}],
        "draw": [{"entry": "show", "dispatch": picture}],
        "width": wide,
        "height": high,
    }
    return load(data)


def test_what_differs_is_told_and_what_was_painted_once_is_kept() -> None:
    given = {"width": 512, "height": 256}
    program = build(given)
    found = sketch_of(program, given, build)
    assert found is not None
    assert found["kept"] == ["ground"]
    assert set(found["program"]) == {"width", "height", "buffers", "start", "draw"}
    small = GpuProgram.model_validate({**program.model_dump(by_alias=True), **found["program"]})
    assert small == build({"width": 192, "height": 96})


@pytest.mark.parametrize(
    "change",
    [
        {"width": 200, "height": 200},  # too small already
        {"width": 512, "height": 333},  # would be of another shape
        {"source": SOURCE + "fn glyph_row() {}"},  # writes
        {"uniforms": [{"name": "columns", "type": "u32", "value": 128}]},  # shows cells
    ],
)
def test_some_pictures_have_none(change: dict[str, Any]) -> None:
    given = {"width": 512, "height": 512}
    assert sketch_of(build(given), given, build) is not None
    given |= change
    assert sketch_of(build(given), given, build) is None


@pytest.mark.parametrize(
    "small",
    [
        {"behind": 4},  # what lies behind the pixels is another thing
        {"steps": 2},
        {"uniforms": [{"name": "more", "value": 1.0}]},
        {"width": 190},
    ],
)
def test_another_computation_is_no_sketch(small: dict[str, Any]) -> None:
    given = {"width": 512, "height": 512}
    program = build(given)
    assert sketch_of(program, given, lambda few: build({**few, **small})) is None


def test_a_kernel_that_refuses_so_small_a_picture_has_none() -> None:
    given = {"width": 512, "height": 512}

    def refuses(few: Mapping[str, Any]) -> GpuProgram:
        raise InvalidProgram("program.invalid", where="width", what="too small")

    assert sketch_of(build(given), given, refuses) is None


@pytest.mark.parametrize(
    ("recipe", "kept"),
    [
        ("rotating_heart", []),
        ("lorenz_attractor", []),
        ("bird_flock", ["accum", "ground"]),
        ("ring_traffic", ["ground"]),
        ("gray_scott", []),
        ("solar_system", None),  # writes the names of the planets
        ("game_of_life", None),  # shows cells
    ],
)
def test_recipes_of_the_house(recipe: str, kept: list[str] | None, settings: Settings) -> None:
    registry = Registry()
    plan = Library(registry, settings).get(recipe).plan(registry)
    (step,) = plan.steps
    arguments = step.resolved_arguments(plan.defaults)
    kernel = registry.kernel(step.code)
    live = frozenset(p.name for p in plan.parameters if p.live)
    program = connect(kernel.build(arguments), step.arguments, live)
    found = sketch_of(program, arguments, kernel.build)
    assert (found and found["kept"]) == kept
