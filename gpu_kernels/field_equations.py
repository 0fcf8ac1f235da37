"""The formulas of the field kernel, parsed once, and their NumPy twin; see field_wgsl.py."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .expression import Apply, Expression, Name, Node, parse
from .functions import Function

if TYPE_CHECKING:
    from .field import FieldArguments

CELL = ("x", "y", "i", "j", "t")
SIDES = ("left", "right", "bottom", "top")
SPEEDS = ("diffusivity", "wave_speed", "reaction_rate")


@dataclass(frozen=True)
class _Grid:
    """One field with what is beside each of its cells, for the functions that look there."""

    here: Any
    west: Any
    east: Any
    south: Any
    north: Any
    spacing: float

    def lap(self) -> Any:
        around = self.east + self.west + self.north + self.south
        return (around - 4 * self.here) / self.spacing**2

    def dx(self) -> Any:
        return (self.east - self.west) / (2 * self.spacing)

    def dy(self) -> Any:
        return (self.north - self.south) / (2 * self.spacing)

    def dxx(self) -> Any:
        return (self.east + self.west - 2 * self.here) / self.spacing**2

    def dyy(self) -> Any:
        return (self.north + self.south - 2 * self.here) / self.spacing**2


STENCILS = {
    "lap": Function("lap", ("field",), "number", "lap_{0}", _Grid.lap),
    "dx": Function("dx", ("field",), "number", "dx_{0}", _Grid.dx),
    "dy": Function("dy", ("field",), "number", "dy_{0}", _Grid.dy),
    "dxx": Function("dxx", ("field",), "number", "dxx_{0}", _Grid.dxx),
    "dyy": Function("dyy", ("field",), "number", "dyy_{0}", _Grid.dyy),
}


class Equations:
    """All formulas of one set of arguments.

    Raises:
        InvalidProgram: one of them is wrong; names the column and what was expected.
    """

    def __init__(self, arguments: FieldArguments, seed: int = 0) -> None:
        self.arguments = arguments
        self.seed = seed
        """Folded; what noise draws from in the twin."""
        self.fields = list(arguments.rates)
        self.spacing = arguments.size / arguments.columns
        own = list(arguments.parameters)
        place = [*CELL, *own]

        def stencil(text: str) -> Expression:
            return parse(text, place, STENCILS, fields=self.fields)

        def mask(text: str) -> Expression | None:
            return parse(text, place, gives="boolean") if text else None

        self.rates = [stencil(text) for text in arguments.rates.values()]
        self.show = stencil(arguments.show or self.fields[0])
        self.initial = [parse(arguments.initial.get(f, "0"), place) for f in self.fields]
        self.boundary = [parse(arguments.boundary_values.get(f, "0"), place) for f in self.fields]
        self.mask = mask(arguments.fixed_where)
        self.walls = mask(arguments.walls)
        self.fixed = {f: parse(text, place) for f, text in arguments.fixed_values.items()}
        self.limits = [
            parse(text, ["t", *own]) if text else None for text in (arguments.low, arguments.high)
        ]
        self.speeds = [parse(getattr(arguments, name), own) for name in SPEEDS]

    @property
    def sides(self) -> dict[str, str]:
        """What holds at each side of the grid."""
        every: dict[str, str] = dict.fromkeys(SIDES, self.arguments.boundary)
        return every | {side: kind for side, kind in self.arguments.sides.items()}

    @cached_property
    def groups(self) -> list[list[int]]:
        """Fields that one pass can advance together.

        Staggered, a field sees the new values of those before it; of its own cell they are at
        hand, of the cells beside it only the next pass can know them.
        """
        every = range(len(self.fields))
        if self.arguments.update != "staggered":
            return [list(every)]
        groups: list[list[int]] = []
        for k in every:
            beside = {self.fields.index(name) for _, name in self.stencils(k)}
            if groups and not beside & set(groups[-1]):
                groups[-1].append(k)
            else:
                groups.append([k])
        return groups

    @property
    def entries(self) -> list[str]:
        """Entry points of one step, in order."""
        return [f"advance_{n}" for n in range(len(self.groups))]

    def mentions(self, k: int, field: str) -> bool:
        """Return whether the rate of field number k needs the cell's own value of a field."""
        return any(isinstance(n, Name) and (n.name, n.kind) == (field, "number")
                   for n in _nodes(self.rates[k].root))  # fmt: skip

    def stencils(self, k: int) -> list[tuple[str, str]]:
        """Return what the rate of field number k needs of neighbours: (``lap``, field) …"""
        return self.stencils_of(self.rates[k])

    @staticmethod
    def stencils_of(formula: Expression) -> list[tuple[str, str]]:
        """Return what a formula needs of neighbours."""
        found = [
            (node.function.name, argument.name)
            for node in _nodes(formula.root)
            if isinstance(node, Apply)
            for argument in node.arguments
            if isinstance(argument, Name) and argument.kind == "field"
        ]
        return list(dict.fromkeys(found))

    # NumPy

    @cached_property
    def _place(self) -> dict[str, Any]:
        columns, rows = self.arguments.columns, self.arguments.rows
        i, j = np.meshgrid(np.arange(columns, dtype=float), np.arange(rows, dtype=float))
        place = {"x": (i + 0.5) / columns, "y": (j + 0.5) / rows, "i": i, "j": j}
        return place | self.arguments.parameters

    @cached_property
    def wall(self) -> Any:
        """Where walls are: a mask of shape (rows, columns); None without any."""
        if self.walls is None:
            return None
        shape = (self.arguments.rows, self.arguments.columns)
        return np.broadcast_to(self.walls.numpy(self._place | {"t": 0.0}, seed=self.seed), shape)

    def outside(self, k: int, t: float) -> dict[str, Any]:
        """Return what is fixed just outside each side: shapes (rows,) or (columns,)."""
        columns, rows = self.arguments.columns, self.arguments.rows
        found = {}
        for side, column, row in (
            ("left", -1.0, np.arange(rows)),
            ("right", float(columns), np.arange(rows)),
            ("bottom", np.arange(columns), -1.0),
            ("top", np.arange(columns), float(rows)),
        ):
            place = {"x": (column + 0.5) / columns, "y": (row + 0.5) / rows, "i": column, "j": row}
            here = place | {"t": t} | self.arguments.parameters
            found[side] = self.boundary[k].numpy(here, seed=self.seed)
        return found

    def _around(self, field: Any, k: int, t: float) -> _Grid:
        sides = self.sides
        shifts = {"left": (1, 1), "right": (1, -1), "bottom": (0, 1), "top": (0, -1)}
        beside: dict[str, Any] = {}
        for side, (axis, shift) in shifts.items():
            moved = np.roll(field, shift, axis)
            at = 0 if shift > 0 else -1
            edge = np.moveaxis(moved, axis, 0)
            if sides[side] == "insulated":
                edge[at] = np.moveaxis(field, axis, 0)[at]
            elif sides[side] == "fixed":
                edge[at] = self.outside(k, t)[side]
            if self.wall is not None:
                walled = np.roll(self.wall, shift, axis)
                if sides[side] != "periodic":
                    np.moveaxis(walled, axis, 0)[at] = False
                moved = np.where(walled, field, moved)
            beside[side] = moved
        return _Grid(field, beside["left"], beside["right"], beside["bottom"], beside["top"],
                     self.spacing)  # fmt: skip

    def _environment(self, state: Any, t: float, formula: Expression) -> dict[str, Any]:
        here = self._place | {"t": t}
        beside = {name for _, name in self.stencils_of(formula)}
        for k, name in enumerate(self.fields):
            here[name] = state[k]
            if name in beside:
                here[f"&{name}"] = self._around(state[k], k, t)
        return here

    def _hold(self, field: Any, k: int, t: float) -> Any:
        if self.mask is None or self.fields[k] not in self.fixed:
            return field
        here = self._place | {"t": t}
        value = self.fixed[self.fields[k]].numpy(here, seed=self.seed)
        return np.where(self.mask.numpy(here, seed=self.seed), value, field)

    def begin(self) -> Any:
        """Twin of ``begin``: float64, shape (fields, rows, columns)."""
        here = self._place | {"t": 0.0}
        shape = (self.arguments.rows, self.arguments.columns)
        fields = []
        for k, initial in enumerate(self.initial):
            field = np.broadcast_to(initial.numpy(here, seed=self.seed), shape)
            fields.append(self._hold(field, k, 0.0))
        return np.array(fields, np.float64)

    def advance(self, state: Any, t: float, dt: float) -> Any:
        """Twin of one round of ``advance_<n>``."""
        now = state.copy()
        staggered = self.arguments.update == "staggered"
        for k, rate in enumerate(self.rates):
            here = self._environment(now if staggered else state, t, rate)
            with np.errstate(all="ignore"):
                moved = state[k] + dt * rate.numpy(here, seed=self.seed)
            if self.wall is not None:
                moved = np.where(self.wall, state[k], moved)
            now[k] = self._hold(moved, k, t)
        return now

    def shown(self, state: Any, t: float) -> Any:
        """Twin of ``shown_at`` for all cells."""
        value = self.show.numpy(self._environment(state, t, self.show), seed=self.seed)
        return np.broadcast_to(np.asarray(value, np.float64), state.shape[1:])

    def range(self, shown: Any, t: float) -> tuple[float, float]:
        """Twin of ``range``; ``shown`` holds what is not in a wall."""
        here = {"t": t} | self.arguments.parameters
        low, high = (
            float(limit.numpy(here)) if limit else float(found)
            for limit, found in zip(self.limits, (shown.min(), shown.max()), strict=True)
        )
        return low, max(high, low + max(1e-30, 1e-6 * abs(low)))


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Apply):
        for argument in node.arguments:
            yield from _nodes(argument)
