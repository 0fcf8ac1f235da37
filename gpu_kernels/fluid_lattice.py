"""From a person's words to lattice units: cells, steps, viscosity, and where the walls are.

Lengths are heights of the picture, velocities the argument ``speed``, and so time is how long the
fluid needs at that speed for one height.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.errors import InvalidProgram
from intentos.program import STANDARD_UNIFORMS

from .expression import Expression, check_names, parse

if TYPE_CHECKING:
    from .fluid import FluidArguments

Floats = NDArray[np.floating[Any]]

LEAST_VISCOSITY = 2e-4
"""In lattice units: a relaxation time of 0.5006. Below, rounding and under-resolved eddies win."""
MOST_SPEED = 0.15
"""Cells a step: Mach 0.26. Errors of compressibility grow with its square."""
FASTEST_FALL = 0.25
"""What free fall over one height would reach, cells a step; plumes come to about half of it."""
SOUND = 1 / math.sqrt(3)
"""Speed of sound of D2Q9, cells a step."""
FLUID, OBSTACLE, WALL, SLIP, LID = range(5)
OWN = ("x", "y", "t", "dye", "speed", "reynolds", "viscosity", "buoyancy", "fade")


@dataclass(frozen=True)
class Lattice:
    """The cells of a run, what they are, and the times and lengths that belong to them."""

    arguments: FluidArguments

    @cached_property
    def formulas(self) -> dict[str, Expression]:
        """Every formula by its argument; raises InvalidProgram where one is wrong."""
        a = self.arguments
        check_names(a.parameters, {*OWN, *(name for name, _ in STANDARD_UNIFORMS)})
        place = ["x", "y", *a.parameters]
        known = {
            "obstacle": place, "velocity_x": place, "velocity_y": place, "dye": place,
            "source": [*place, "t"], "force_x": [*place, "t", "dye"],
            "force_y": [*place, "t", "dye"],
        }  # fmt: skip
        texts = {name: getattr(a, name) or "0" for name in known}
        if a.boundary == "tunnel" and not (a.velocity_x or a.velocity_y):
            texts["velocity_x"], texts["velocity_y"] = self._wind()
        return {name: parse(text, known[name], gives=_gives(name)) for name, text in texts.items()}

    def _wind(self) -> tuple[str, str]:
        """A wind that already gives way to the obstacle as to a disc, so that it starts without a
        bang, and a whirl behind it, so that the wake need not wait for rounding errors."""
        if self.body is None or self.body[3] > 0.6 * self.shown[0]:  # none, or the ground
            return "1", "0"
        right, middle, high, _ = (v / self.shown[1] for v in self.body)
        radius = high / 2
        x, y = f"(x - {right - radius!r})", f"(y - {middle!r})"
        far = f"({x}**2 + {y}**2 + {0.3 * radius**2!r})**2"
        behind = f"(x - {right + high!r})"
        whirl = f"{0.7 / radius!r}*exp(-({behind}**2 + {y}**2)/{2 * radius**2!r})"
        return (
            f"1 - {radius**2!r}*({x}**2 - {y}**2)/{far} - {y}*{whirl}",
            f"-{2 * radius**2!r}*{x}*{y}/{far} + {behind}*{whirl}",
        )

    @cached_property
    def body(self) -> tuple[float, float, float, float] | None:
        """The obstacle's right edge, middle height, height and width, in cells of the picture.

        None where there is no obstacle, or where it depends on the run's seed.
        """
        a = self.arguments
        if not a.obstacle or self.random:
            return None
        formula = parse(a.obstacle, ["x", "y", *a.parameters], gives="boolean")
        x, y = self.places()
        found = formula.numpy({"x": x, "y": y, **a.parameters})
        solid = np.broadcast_to(found, x.shape) & (self.frame() == FLUID)
        rows, columns = np.nonzero(solid & (self.sponge_weights() == 0))
        if not rows.size:
            return None
        left, bottom = self.corner
        right, high = columns.max() + 1 - left, rows.max() + 1 - rows.min()
        middle = (rows.max() + rows.min() + 1) / 2 - bottom
        return float(right), float(middle), float(high), float(np.ptp(columns) + 1)

    @property
    def random(self) -> bool:
        """Whether the obstacle depends on the run's seed."""
        return any(word in (self.arguments.obstacle or "") for word in ("noise", "fbm", "random"))

    @property
    def forced(self) -> bool:
        """Whether anything but the inflow and the walls pushes."""
        a = self.arguments
        return bool(a.force_x or a.force_y) or a.buoyancy != 0

    @property
    def dyed(self) -> bool:
        """Whether there is any dye."""
        a = self.arguments
        return bool(a.dye or a.source)

    # Cells

    @property
    def shown(self) -> tuple[int, int]:
        """Columns and rows of the picture."""
        a = self.arguments
        columns = a.columns or max(16, round(a.rows * a.width / a.height))
        if a.boundary in ("periodic", "channel"):
            columns = (columns + 3) // 4 * 4
        return columns, a.rows

    @property
    def sponge(self) -> int:
        """Cells beyond the picture in which the flow is led back; 0 where the edges are others."""
        a = self.arguments
        if a.boundary == "tunnel":
            return max(24, a.rows // 4)
        return max(16, a.rows // 8) if a.boundary == "open" else 0

    @property
    def corner(self) -> tuple[int, int]:
        """Column and row of the picture's lower left cell."""
        match self.arguments.boundary:
            case "open":
                return self.sponge, self.sponge
            case "tunnel":
                return 0, int(self.arguments.sides != "periodic")
            case "channel":
                return 0, 1
            case "periodic":
                return 0, 0
        return 1, 1

    @cached_property
    def size(self) -> tuple[int, int]:
        """Columns and rows of the lattice; columns come in fours."""
        (columns, rows), (left, bottom) = self.shown, self.corner
        columns += self.sponge if self.arguments.boundary == "tunnel" else 2 * left
        return (columns + 3) // 4 * 4, rows + 2 * bottom

    @property
    def cells(self) -> int:
        """Of the whole lattice."""
        return self.size[0] * self.size[1]

    @property
    def walls(self) -> tuple[bool, bool]:
        """Whether something keeps the fluid in at the left and right, and below and above."""
        a = self.arguments
        around = a.boundary in ("box", "cavity")
        return around, around or a.boundary == "channel" or self._sided

    @property
    def wraps(self) -> tuple[bool, bool]:
        """Whether the picture goes on at its other side, across and upward."""
        a = self.arguments
        open_tunnel = a.boundary == "tunnel" and a.sides == "periodic"
        return a.boundary in ("channel", "periodic"), a.boundary == "periodic" or open_tunnel

    @property
    def _sided(self) -> bool:
        return self.arguments.boundary == "tunnel" and self.arguments.sides != "periodic"

    def places(self) -> tuple[Floats, Floats]:
        """x and y of every cell, each of the lattice's shape."""
        (columns, rows), (left, bottom) = self.size, self.corner
        x = (np.arange(columns, dtype=np.float32) - left + 0.5) / np.float32(self.shown[1])
        y = (np.arange(rows, dtype=np.float32) - bottom + 0.5) / np.float32(self.shown[1])
        across, up = np.meshgrid(x, y)
        return across.astype(np.float32), up.astype(np.float32)

    def sponge_weights(self) -> Floats:
        """Twin of ``sponge`` for every cell."""
        x, y = (v * self.shown[1] for v in self.places())
        if not self.sponge:
            return np.zeros_like(x)
        wide, high = self.shown
        if self.arguments.boundary == "tunnel":
            s = (x - wide) / self.sponge
            return np.asarray(0.3 * _smooth(s / 0.6) * (1 - _smooth((s - 0.75) / 0.25)), np.float32)
        out = np.maximum(np.maximum(-x, x - wide), np.maximum(-y, y - high))
        return np.asarray(0.1 * _smooth(out / self.sponge), np.float32)

    def frame(self) -> NDArray[np.uint8]:
        """Kinds of the cells outside the picture; fluid everywhere else."""
        (columns, rows), (left, bottom), shown = self.size, self.corner, self.shown
        a = self.arguments
        kinds = np.zeros((rows, columns), np.uint8)
        if self.walls[1]:
            slips = a.boundary == "tunnel" and a.sides == "slip"
            kinds[:bottom] = kinds[bottom + shown[1] :] = SLIP if slips else WALL
        if a.boundary == "cavity":
            kinds[bottom + shown[1] :] = LID
        if self.walls[0]:
            kinds[:, :left] = kinds[:, left + shown[0] :] = WALL
        return kinds

    def kinds(self, seed: int = 0) -> NDArray[np.uint8]:
        """Kinds of all cells."""
        x, y = self.places()
        kinds = self.frame()
        values = {"x": x, "y": y, **self.arguments.parameters}
        body = np.broadcast_to(self.formulas["obstacle"].numpy(values, seed=seed), kinds.shape)
        kinds[body & (kinds == FLUID) & (self.sponge_weights() == 0)] = OBSTACLE
        return kinds

    # Lengths and times

    @cached_property
    def length(self) -> float:
        """The Reynolds number's length, in cells.

        Raises:
            InvalidProgram: it is to be the obstacle's and that depends on the run's seed.
        """
        a = self.arguments
        if a.length is not None:
            return a.length * a.rows
        if a.obstacle and self.random:
            raise InvalidProgram("fluid.random_length")
        return self.body[2] if self.body else float(a.rows)

    @property
    def viscosity(self) -> float:
        """In cells² a step, from either argument."""
        a = self.arguments
        if a.viscosity is not None:
            return a.viscosity
        return a.speed * self.length / a.reynolds_number

    @property
    def reynolds(self) -> float:
        """Speed times length over viscosity."""
        return self.arguments.speed * self.length / self.viscosity

    @property
    def rounds(self) -> int:
        """Rounds of a frame: the dye moves once a round, by about a cell."""
        a = self.arguments
        return max(1, round(a.steps_per_frame * a.speed))

    @property
    def steps(self) -> int:
        """Lattice steps of a round; an even number."""
        return 2 * math.ceil(self.arguments.steps_per_frame / (2 * self.rounds))

    @property
    def dt(self) -> float:
        """Time of a round, in heights over speed."""
        return self.steps * self.arguments.speed / self.arguments.rows

    @property
    def watched(self) -> tuple[int, int]:
        """Column and row of the velocity probe: two lengths behind the obstacle, or the middle."""
        (left, bottom), (columns, rows) = self.corner, self.shown
        x, y = columns / 2, rows / 2
        if self.body:
            x, y = self.body[0] + 2 * self.body[2], self.body[1] + 0.5 * self.body[2]
        column, row = min(max(int(x), 0), columns - 1), min(max(int(y), 0), rows - 1)
        return column + left, row + bottom

    def check(self) -> None:
        """Raise InvalidProgram where the flow would be unstable or too fast for the lattice."""
        a = self.arguments
        if self.viscosity < LEAST_VISCOSITY:
            most = a.speed * self.length / LEAST_VISCOSITY
            raise InvalidProgram("fluid.unstable", reynolds=self.reynolds, largest=most,
                                 viscosity=self.viscosity, least=LEAST_VISCOSITY)  # fmt: skip
        most = (FASTEST_FALL / a.speed) ** 2
        if abs(a.buoyancy) > most * (1 + 1e-9):
            raise InvalidProgram("fluid.too_buoyant", buoyancy=a.buoyancy, most=most)
        if not (a.velocity_x or a.velocity_y):
            return
        x, y = self.places()
        values = {"x": x, "y": y, **a.parameters}
        with np.errstate(all="ignore"):
            u, v = (self.formulas[f"velocity_{axis}"].numpy(values) for axis in "xy")
            fastest = float(np.max(np.nan_to_num(np.hypot(u, v), nan=0.0)))
        if fastest * a.speed > 0.3 * SOUND:
            raise InvalidProgram("fluid.fast_start", fastest=fastest, most=0.3 * SOUND / a.speed)


def _gives(name: str) -> Any:
    return "boolean" if name == "obstacle" else "number"


def _smooth(t: Floats) -> Floats:
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))
