"""The uniform grid: every thing is in its cell, in the order of the numbers, and is found there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.executors.gpu import ProgramRunner
from intentos.gpu_kernels.grid import MAX_CELLS, Grid
from intentos.gpu_kernels.prelude import prelude_wgsl, random
from intentos.program import Buffer, GpuProgram, Output, Pass

# Where nothing wraps some are outside the rectangle; one in five is not in the grid, and a third
# share one place.
SHADER = """
fn grid_place(i: u32) -> vec2f {
  if (i % 3u == 0u) { return vec2f(0.3, -0.2); }
  return (vec2f(random(i, 0u, 1u), random(i, 0u, 2u)) - 0.5) * SPREAD;
}
fn grid_has(i: u32) -> bool { return i % 5u != 4u; }
fn grid_settled(slot: u32, i: u32) { told[slot] = i + 1u; }

@compute @workgroup_size(64)
fn look(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= GRID_THINGS || !grid_has(id.x)) { return; }
  let p = grid_place(id.x);
  let at = grid_at(p);
  let block = Block(at - GRID_REACH, at + GRID_REACH);
  var count = 0u;
  for (var row = block.low.y; row <= block.high.y; row++) {
    let run = grid_run(block, row);
    for (var k = run.first; k < run.first + run.count; k++) {
      let slot = k - select(0u, run.back, k >= run.end);
      var d = abs(grid_place(grid_number(slot)) - p);
      if (GRID_WRAPS_X) { d.x = min(d.x % 10.0, 10.0 - d.x % 10.0); }
      if (GRID_WRAPS_Y) { d.y = min(d.y % 6.0, 6.0 - d.y % 6.0); }
      count += select(0u, 1u, dot(d, d) < RADIUS * RADIUS);
    }
  }
  found[id.x] = count;
}
"""


def sort(grid: Grid) -> dict[str, Any]:
    """Run the grid's passes and count everyone's neighbours."""
    constants = f"const RADIUS: f32 = {grid.radius!r};\nconst SPREAD = vec2f{spread(grid)};\n"
    program = GpuProgram(
        source=f"{prelude_wgsl()}{grid.wgsl()}\n{constants}{SHADER}",
        buffers=(
            *grid.buffers(),
            Buffer(name="told", type="u32", length=grid.things),
            Buffer(name="found", type="u32", length=grid.things),
        ),
        start=(*grid.passes(), Pass(entry="look", dispatch=(-(-grid.things // 64), 1, 1))),
        outputs=tuple(
            Output(buffer=name, name=name, dtype="uint32", shape=(grid.things,))
            for name in ("told", "found")
        ),
        width=16, height=16, frames=1,
    )  # fmt: skip
    runner = ProgramRunner(program, {}, 7)
    list(runner.frames())
    return runner.outputs()


def spread(grid: Grid) -> tuple[float, float]:
    """Return over what the things are spread."""
    return (9.9, 5.9) if grid.wraps_x or grid.wraps_y else (11.0, 7.0)


def places(grid: Grid) -> tuple[Any, Any]:
    """Return where the shader's things are, and which of them are in the grid."""
    i = np.arange(grid.things, dtype=np.uint32)
    share = np.stack([random(i, 0, 1, 7), random(i, 0, 2, 7)], 1) - np.float32(0.5)
    place = share * np.array(spread(grid), np.float32)
    place[i % 3 == 0] = np.array([0.3, -0.2], np.float32)
    return place, i % 5 != 4


@settings(max_examples=12, derandomize=True, deadline=None)
@given(
    count=st.integers(1, 1500),
    radius=st.floats(0.02, 1.9),
    reach=st.integers(1, 2),
    wraps_x=st.booleans(),
    wraps_y=st.booleans(),
)
def test_everyone_is_in_order_and_is_found(
    count: int, radius: float, reach: int, wraps_x: bool, wraps_y: bool
) -> None:
    grid = Grid(
        things=count, left=-5, bottom=-3, width=10, height=6, radius=radius,
        reach=reach if radius < 1.1 else 1, wraps_x=wraps_x, wraps_y=wraps_y,
    )  # fmt: skip
    got = sort(grid)
    place, there = places(grid)
    number = np.flatnonzero(there)
    scale = np.array([grid.columns / 10, grid.rows / 6], np.float32)
    at = np.floor((place + np.array([5, 3], np.float32)) * scale)
    column, row = np.clip(at, 0, (grid.columns - 1, grid.rows - 1)).T
    wanted = number[np.argsort((row * grid.columns + column)[there], kind="stable")]
    assert np.array_equal(got["told"][: len(wanted)], wanted + 1)
    assert not got["told"][len(wanted) :].any()
    d = np.abs(place[number][:, None] - place[number])
    for axis, side in ((0, 10 * wraps_x), (1, 6 * wraps_y)):
        if side:
            d[..., axis] = np.minimum(d[..., axis], side - d[..., axis])
    near = ((d**2).sum(-1) < radius**2).sum(1)
    # But for rounding at the very edge of the radius.
    assert (got["found"][number] != near).mean() < 0.01


def test_a_fine_grid_stays_within_what_one_workgroup_scans() -> None:
    grid = Grid(things=9, left=0, bottom=0, width=1000, height=30, radius=0.001)
    assert grid.cells <= MAX_CELLS
    assert grid.columns > 4 * grid.rows


@pytest.mark.parametrize("wraps", [False, True])
def test_a_plane_that_wraps_has_cells_enough_to_meet_nobody_twice(wraps: bool) -> None:
    grid = Grid(things=9, left=0, bottom=0, width=3, height=3, radius=1, reach=1, wraps_x=wraps)
    assert grid.columns == 3
