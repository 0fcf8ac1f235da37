"""The formulas of the field kernel: parsed once, compiled to WGSL entry points and to NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .expression import Expression, parse
from .functions import Function

if TYPE_CHECKING:
    from .field import FieldArguments

CELL = ("x", "y", "i", "j", "t")
_PAD = {"periodic": "wrap", "insulated": "edge", "fixed": "constant"}


@dataclass(frozen=True)
class _Grid:
    """One field with what is around it, for the functions that look at neighbours."""

    padded: Any
    spacing: float

    def lap(self) -> Any:
        p = self.padded
        around = p[1:-1, 2:] + p[1:-1, :-2] + p[2:, 1:-1] + p[:-2, 1:-1]
        return (around - 4 * p[1:-1, 1:-1]) / self.spacing**2

    def dx(self) -> Any:
        return (self.padded[1:-1, 2:] - self.padded[1:-1, :-2]) / (2 * self.spacing)

    def dy(self) -> Any:
        return (self.padded[2:, 1:-1] - self.padded[:-2, 1:-1]) / (2 * self.spacing)


STENCILS = {
    "lap": Function("lap", ("field",), "number", "lap_{0}(column, row)", _Grid.lap),
    "dx": Function("dx", ("field",), "number", "dx_{0}(column, row)", _Grid.dx),
    "dy": Function("dy", ("field",), "number", "dy_{0}(column, row)", _Grid.dy),
}


class Equations:
    """All formulas of one set of arguments.

    Raises:
        InvalidProgram: one of them is wrong; names the column and what was expected.
    """

    def __init__(self, arguments: FieldArguments) -> None:
        self.arguments = arguments
        self.fields = list(arguments.rates)
        self.spacing = arguments.size / arguments.columns
        own = list(arguments.parameters)
        place = [*CELL, *own]

        def stencil(text: str) -> Expression:
            return parse(text, place, STENCILS, fields=self.fields)

        self.rates = [stencil(text) for text in arguments.rates.values()]
        self.show = stencil(arguments.show or self.fields[0])
        self.initial = [parse(arguments.initial.get(f, "0"), place) for f in self.fields]
        self.boundary = [
            parse(arguments.boundary_values.get(f, "0"), ["t", *own]) for f in self.fields
        ]
        mask = arguments.fixed_where
        self.mask = parse(mask, place, gives="boolean") if mask else None
        self.fixed = {f: parse(text, place) for f, text in arguments.fixed_values.items()}
        self.limits = [
            parse(text, ["t", *own]) if text else None for text in (arguments.low, arguments.high)
        ]

    @property
    def _groups(self) -> list[list[int]]:
        """Fields that advance together."""
        every = range(len(self.fields))
        return [[k] for k in every] if self.arguments.update == "staggered" else [list(every)]

    @property
    def entries(self) -> list[str]:
        """Entry points of one step, in order."""
        return [f"advance_{n}" for n in range(len(self._groups))]

    # WGSL

    @cached_property
    def wgsl(self) -> str:
        """Accessors, ``begin``, ``advance_<n>``, ``shown_at`` and ``range``."""
        sources = ["state"]
        if len(self._groups) > 1:
            sources.append("next")
        lines = self._index_wgsl()
        for source in sources:
            for k in range(len(self.fields)):
                lines += self._access_wgsl(source, k)
        lines += self._begin_wgsl()
        for n, group in enumerate(self._groups):
            lines += self._advance_wgsl(n, group)
        show = self.show.wgsl(self._names(len(self.fields) * ["state"]))
        lines += ["fn shown_at(column: i32, row: i32) -> f32 {", *self._cell_wgsl()]
        lines += [f"  return {show};", "}"]
        low, high = (
            limit.wgsl(self._parameters) if limit else f"statistics[{13 + n}]"
            for n, limit in enumerate(self.limits)
        )
        lines += ["fn range() -> vec2f {", "  let t = uniforms.time;", f"  let low = {low};"]
        # A flat field has no range; its colour is the palette's first.
        lines += [f"  return vec2f(low, max({high}, low + max(1e-30, 1e-6 * abs(low))));", "}"]
        return "\n".join(lines) + "\n"

    @property
    def _parameters(self) -> dict[str, str]:
        return {name: f"uniforms.{name}" for name in self.arguments.parameters}

    def _names(self, sources: Sequence[str]) -> dict[str, str]:
        """Return WGSL by name, each field read from the buffer that ``sources`` says."""
        names = self._parameters | {"i": "f32(column)", "j": "f32(row)"}
        for k, (field, source) in enumerate(zip(self.fields, sources, strict=True)):
            names[field] = f"{source}_{k}(column, row)"
            names[f"&{field}"] = f"{source}_{k}"
        return names

    def _index_wgsl(self) -> list[str]:
        columns, rows = self.arguments.columns, self.arguments.rows
        if self.arguments.boundary == "periodic":
            body = [
                f"  let column = (i + {columns}) % {columns};",
                f"  let row = (j + {rows}) % {rows};",
            ]
        else:
            body = [
                f"  let column = clamp(i, 0, {columns - 1});",
                f"  let row = clamp(j, 0, {rows - 1});",
            ]
        return [
            "fn index(i: i32, j: i32) -> u32 {",
            *body,
            f"  return u32(row * {columns} + column);",
            "}",
        ]

    def _access_wgsl(self, source: str, k: int) -> list[str]:
        columns, rows = self.arguments.columns, self.arguments.rows
        name = f"{source}_{k}"
        outside: list[str] = []
        if self.arguments.boundary == "fixed":
            value = self.boundary[k].wgsl(self._parameters)
            outside = [
                f"  if (i < 0 || j < 0 || i >= {columns} || j >= {rows}) {{",
                "    let t = uniforms.time;",
                f"    return {value};",
                "  }",
            ]
        square, double = 1 / self.spacing**2, 1 / (2 * self.spacing)
        signature = "(i: i32, j: i32) -> f32 {"
        return [
            f"fn {name}{signature}",
            *outside,
            f"  return {source}[{k}u * CELLS + index(i, j)];",
            "}",
            f"fn lap_{name}{signature}",
            f"  let across = {name}(i + 1, j) + {name}(i - 1, j);",
            f"  let along = {name}(i, j + 1) + {name}(i, j - 1);",
            f"  return (across + along - 4.0 * {name}(i, j)) * {square!r}f;",
            "}",
            f"fn dx_{name}{signature}",
            f"  return ({name}(i + 1, j) - {name}(i - 1, j)) * {double!r}f;",
            "}",
            f"fn dy_{name}{signature}",
            f"  return ({name}(i, j + 1) - {name}(i, j - 1)) * {double!r}f;",
            "}",
        ]

    def _cell_wgsl(self) -> list[str]:
        return [
            "  let x = (f32(column) + 0.5) / f32(COLUMNS);",
            "  let y = (f32(row) + 0.5) / f32(ROWS);",
            "  let t = uniforms.time;",
        ]

    def _entry_wgsl(self, name: str, body: list[str]) -> list[str]:
        return [
            "@compute @workgroup_size(8, 8)",
            f"fn {name}(@builtin(global_invocation_id) id: vec3u) {{",
            "  if (id.x >= COLUMNS || id.y >= ROWS) { return; }",
            "  let column = i32(id.x);",
            "  let row = i32(id.y);",
            "  let cell = id.y * COLUMNS + id.x;",
            *self._cell_wgsl(),
            *body,
            "}",
        ]

    def _fixed_wgsl(self, k: int) -> list[str]:
        if self.mask is None or self.fields[k] not in self.fixed:
            return []
        names = self._parameters | {"i": "f32(column)", "j": "f32(row)"}
        value = self.fixed[self.fields[k]].wgsl(names)
        return [f"  if ({self.mask.wgsl(names)}) {{ value_{k} = {value}; }}"]

    def _begin_wgsl(self) -> list[str]:
        names = self._parameters | {"i": "f32(column)", "j": "f32(row)"}
        body = []
        for k, initial in enumerate(self.initial):
            body.append(f"  var value_{k} = {initial.wgsl(names)};")
            body += self._fixed_wgsl(k)
            body.append(f"  state[{k}u * CELLS + cell] = value_{k};")
        return self._entry_wgsl("begin", body)

    def _advance_wgsl(self, n: int, group: list[int]) -> list[str]:
        sources = ["next" if k < group[0] else "state" for k in range(len(self.fields))]
        names, body = self._names(sources), []
        for k in group:
            rate = self.rates[k].wgsl(names)
            body.append(f"  var value_{k} = state[{k}u * CELLS + cell] + uniforms.dt * ({rate});")
            body += self._fixed_wgsl(k)
            body.append(f"  next[{k}u * CELLS + cell] = value_{k};")
        return self._entry_wgsl(f"advance_{n}", body)

    # NumPy

    @cached_property
    def _place(self) -> dict[str, Any]:
        columns, rows = self.arguments.columns, self.arguments.rows
        i, j = np.meshgrid(np.arange(columns, dtype=float), np.arange(rows, dtype=float))
        place = {"x": (i + 0.5) / columns, "y": (j + 0.5) / rows, "i": i, "j": j}
        return place | self.arguments.parameters

    def boundary_value(self, field: str, t: float) -> float:
        """Return what is just outside the grid."""
        formula = self.boundary[self.fields.index(field)]
        return float(formula.numpy({"t": t} | self.arguments.parameters))

    def _around(self, field: Any, k: int, t: float) -> _Grid:
        kind = self.arguments.boundary
        more: Any = {}
        if kind == "fixed":
            more = {"constant_values": self.boundary_value(self.fields[k], t)}
        padded: Any = np.pad(field, 1, mode=_PAD[kind], **more)  # type: ignore[call-overload]
        return _Grid(padded, self.spacing)

    def _environment(self, state: Any, t: float, used: frozenset[str]) -> dict[str, Any]:
        here = self._place | {"t": t}
        for k, name in enumerate(self.fields):
            if name in used:
                here |= {name: state[k], f"&{name}": self._around(state[k], k, t)}
        return here

    def _hold(self, field: Any, k: int, t: float, seed: int) -> Any:
        if self.mask is None or self.fields[k] not in self.fixed:
            return field
        here = self._place | {"t": t}
        value = self.fixed[self.fields[k]].numpy(here, seed=seed)
        return np.where(self.mask.numpy(here, seed=seed), value, field)

    def begin(self, seed: int) -> Any:
        """Twin of ``begin``: float64, shape (fields, rows, columns)."""
        here = self._place | {"t": 0.0}
        shape = (self.arguments.rows, self.arguments.columns)
        fields = []
        for k, initial in enumerate(self.initial):
            field = np.broadcast_to(initial.numpy(here, seed=seed), shape)
            fields.append(self._hold(field, k, 0.0, seed))
        return np.array(fields, np.float64)

    def advance(self, state: Any, t: float, dt: float, seed: int) -> Any:
        """Twin of one round of ``advance_<n>``."""
        now = state.copy()
        for group in self._groups:
            before = now.copy()
            for k in group:
                here = self._environment(before, t, self.rates[k].names)
                with np.errstate(all="ignore"):
                    moved = state[k] + dt * self.rates[k].numpy(here, seed=seed)
                now[k] = self._hold(moved, k, t, seed)
        return now

    def shown(self, state: Any, t: float, seed: int) -> Any:
        """Twin of ``shown_at`` for all cells."""
        value = self.show.numpy(self._environment(state, t, self.show.names), seed=seed)
        return np.broadcast_to(np.asarray(value, np.float64), state.shape[1:])

    def range(self, shown: Any, t: float) -> tuple[float, float]:
        """Twin of ``range``."""
        here = {"t": t} | self.arguments.parameters
        low, high = (
            float(limit.numpy(here)) if limit else float(found)
            for limit, found in zip(self.limits, (shown.min(), shown.max()), strict=True)
        )
        return low, max(high, low + max(1e-30, 1e-6 * abs(low)))
