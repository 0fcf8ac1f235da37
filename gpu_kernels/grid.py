"""A uniform grid over the plane, sorted by counting, for kernels whose things see their neighbours.

See ``grid.wgsl`` for what the kernel's own shader has to give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from intentos.program import Buffer, Pass

MAX_CELLS = 65_536
"""The scan is one workgroup of 256, each of which walks at most 256 cells."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Cells over a rectangle; things outside count to its edge cells.

    ``radius`` is how far neighbours are looked for, ``reach`` how many cells that may be; where the
    plane wraps, it is at least (2 * reach + 1) / reach radii wide, so that nobody is met twice.
    """

    things: int
    left: float
    bottom: float
    width: float
    height: float
    radius: float
    """In the unit of the plane."""
    reach: int = 1
    wraps_x: bool = False
    wraps_y: bool = False

    @property
    def _side(self) -> float:
        # Not more cells than the scan can walk.
        return max(
            self.radius / self.reach, math.sqrt(self.width * self.height / (MAX_CELLS * 0.98))
        )

    @property
    def _least(self) -> int:
        return 2 * self.reach + 1

    @property
    def columns(self) -> int:
        """Cells across."""
        return max(self._least if self.wraps_x else 1, min(int(self.width / self._side), 4096))

    @property
    def rows(self) -> int:
        """Cells from bottom to top."""
        most = MAX_CELLS // self.columns
        return max(self._least if self.wraps_y else 1, min(int(self.height / self._side), most))

    @property
    def cells(self) -> int:
        """Cells in all."""
        return self.columns * self.rows

    def wgsl(self) -> str:
        """Return the constants and functions."""
        scale = (self.columns / self.width, self.rows / self.height)
        return f"""
const GRID_COLUMNS: u32 = {self.columns}u;
const GRID_ROWS: u32 = {self.rows}u;
const GRID_CELLS: u32 = {self.cells}u;
const GRID_THINGS: u32 = {self.things}u;
const GRID_REACH: i32 = {self.reach};
const GRID_ORIGIN = vec2f({self.left!r}, {self.bottom!r});
const GRID_SCALE = vec2f({scale[0]!r}, {scale[1]!r});
const GRID_WRAPS_X: bool = {str(self.wraps_x).lower()};
const GRID_WRAPS_Y: bool = {str(self.wraps_y).lower()};
{_source()}"""

    def buffers(self) -> tuple[Buffer, ...]:
        """Return the two buffers that the grid keeps its lists in."""
        return (
            Buffer(name="cells", type="atomic<u32>", length=self.cells),
            Buffer(name="lists", type="u32", length=2 * self.things + self.cells + 1),
        )

    def passes(self) -> tuple[Pass, ...]:
        """Return the passes that sort all things into their cells."""
        each_cell = (-(-self.cells // 64), 1, 1)
        each_thing = (-(-self.things // 64), 1, 1)
        return (
            Pass(entry="grid_clear", dispatch=each_cell),
            Pass(entry="grid_count", dispatch=each_thing),
            Pass(entry="grid_scan", dispatch=(1, 1, 1)),
            Pass(entry="grid_scatter", dispatch=each_thing),
            Pass(entry="grid_settle", dispatch=each_thing),
        )


@cache
def _source() -> str:
    return Path(__file__).with_suffix(".wgsl").read_text("utf-8")
