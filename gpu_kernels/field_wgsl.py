"""The shader of the field kernel: the formulas as entry points over rows of cells.

Cells lie in vectors of four neighbours along a row where the columns allow it, and an invocation
goes up a strip of rows, so that of three rows it reads only the next one: a fifth of the loads
that a cell by itself would need, which is what both a graphics card and a processor wait for.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from .expression import Expression

if TYPE_CHECKING:
    from .field_equations import Equations

STRIP = 8
"""Rows that one invocation advances."""
SAFETY = 0.9
"""Share of the largest stable step that is taken."""
TINY = 1e-36
"""What is closer to 0 becomes 0."""
GROUP = (64, 1)
"""Invocations of a workgroup along a row and across rows."""


class Shader:
    """Writes the WGSL of one set of equations."""

    def __init__(self, equations: Equations) -> None:
        self.equations = equations
        arguments = equations.arguments
        self.columns, self.rows = arguments.columns, arguments.rows
        self.lanes = 4 if self.columns % 4 == 0 else 1
        self.type = "vec4f" if self.lanes == 4 else "f32"
        self.own = {name: f"uniforms.{name}" for name in arguments.parameters}
        self.place = self.own | {"i": "f32(column)", "j": "f32(row)"}

    @property
    def quads(self) -> int:
        """Elements of a buffer in one row."""
        return self.columns // self.lanes

    @property
    def strips(self) -> int:
        """Strips of rows."""
        return (self.rows + STRIP - 1) // STRIP

    @cached_property
    def source(self) -> str:
        """Accessors, ``begin``, ``advance_<n>``, ``shown_at``, ``range`` and ``step_length``."""
        system = self.equations
        lines = self._accessors()
        lines += self._values()
        for k, field in enumerate(system.fields):
            lines += self._rate(k, field)
        for n, group in enumerate(system.groups):
            lines += self._advance(n, group)
        lines += self._begin()
        lines += self._shown()
        lines += self._range()
        return "\n".join([*lines, *self._step_length()]) + "\n"

    def _accessors(self) -> list[str]:
        """One cell of a buffer, and the cells beside it."""
        element = "[i / 4u][i & 3u]" if self.lanes == 4 else "[i]"
        lines = [
            f"const QUADS: u32 = {self.quads}u;",
            f"const SPAN: u32 = {self.quads * self.rows}u;",
            f"fn state_at(i: u32) -> f32 {{ return state{element}; }}",
        ]
        for name, last, low, high in (
            ("column", self.columns, "left", "right"),
            ("row", self.rows, "bottom", "top"),
        ):
            around = self.equations.sides[low] == "periodic"
            back, forth = (f"{last}u - 1u", "0u") if around else ("0u", f"{last}u - 1u")
            lines += [
                f"fn {low}_{name}(i: u32) -> u32 {{ return select(i - 1u, {back}, i == 0u); }}",
                f"fn {high}_{name}(i: u32) -> u32 "
                f"{{ return select(i + 1u, {forth}, i == {last}u - 1u); }}",
            ]
        return lines

    def _cell(self) -> list[str]:
        return [
            f"  let x = (f32(column) + 0.5) / {float(self.columns)!r}f;",
            f"  let y = (f32(row) + 0.5) / {float(self.rows)!r}f;",
            "  let t = uniforms.time;",
        ]

    def _function(self, name: str, formula: Expression, kind: str = "f32") -> list[str]:
        """A function of the cell, from a formula that knows no fields."""
        return [
            f"fn {name}(column: i32, row: i32) -> {kind} {{",
            *self._cell(),
            f"  return {formula.wgsl(self.place)};",
            "}",
        ]

    def _values(self) -> list[str]:
        """The formulas of the place: the beginning, what is held, what is outside, walls."""
        system = self.equations
        lines: list[str] = []
        for k, field in enumerate(system.fields):
            lines += self._function(f"initial_{k}", system.initial[k])
            if field in system.fixed:
                lines += self._function(f"held_{k}", system.fixed[field])
            if "fixed" in system.sides.values():
                lines += self._function(f"outside_{k}", system.boundary[k])
        if system.mask is not None:
            lines += self._function("is_held", system.mask, "bool")
        if system.walls is not None:
            lines += self._function("is_wall", system.walls, "bool")
        return lines

    def _rate(self, k: int, field: str) -> list[str]:
        """What one cell's field changes by, from all that the formula mentions."""
        system = self.equations
        takes, names = ["column: i32", "row: i32"], dict(self.place)
        for name in system.fields:
            if system.mentions(k, name):
                takes.append(f"field_{name}: f32")
                names[name] = f"field_{name}"
        for stencil, name in system.stencils(k):
            takes.append(f"{stencil}_{name}: f32")
            names[f"&{name}"] = name
        return [
            f"// The rate of {field}.",
            f"fn rate_{k}({', '.join(takes)}) -> f32 {{",
            *self._cell(),
            f"  return {system.rates[k].wgsl(names)};",
            "}",
        ]

    # One step

    def _advance(self, n: int, group: list[int]) -> list[str]:
        system, lanes = self.equations, self.lanes
        around = sorted({system.fields.index(f) for k in group for _, f in system.stencils(k)})
        seen = sorted({j for k in group for j, f in enumerate(system.fields)
                       if system.mentions(k, f)} | {*around, *group})  # fmt: skip
        lines = [
            f"@compute @workgroup_size({GROUP[0]}, {GROUP[1]})",
            f"fn advance_{n}(@builtin(global_invocation_id) id: vec3u) {{",
            f"  if (id.x >= QUADS || id.y >= {self.strips}u) {{ return; }}",
            "  let quad = id.x;",
            f"  let first = id.y * {STRIP}u;",
            f"  let end = min(first + {STRIP}u, {self.rows}u);",
            "  let dt = step_length();",
        ]
        if around:
            last = self.columns - 1
            lines += [
                f"  let west_column = left_column(quad * {lanes}u);",
                f"  let east_column = right_column(quad * {lanes}u + {lanes - 1}u);",
                f"  let at_left = quad == 0u; let at_right = quad * {lanes}u + {lanes - 1}u "
                f"== {last}u;",
            ]
        for k in around:
            source = self._source(k, group)
            lines += [
                f"  var here_{k} = {source}[{k}u * SPAN + first * QUADS + quad];",
                f"  var below_{k} = {source}[{k}u * SPAN + bottom_row(first) * QUADS + quad];",
                *self._outside(k, "below", "bottom", "first == 0u", -1),
            ]
        lines.append("  for (var row = first; row < end; row++) {")
        lines += [f"  {line}" for line in self._row(group, seen, around)]
        return [*lines, "  }", "}"]

    def _source(self, k: int, group: list[int]) -> str:
        """The buffer that holds what a rate of this group sees of a field."""
        staggered = self.equations.arguments.update == "staggered"
        return "next" if staggered and k < group[0] else "state"

    def _row(self, group: list[int], seen: list[int], around: list[int]) -> list[str]:
        system = self.equations
        lines = ["  let cell = row * QUADS + quad;"]
        if system.walls is not None:
            lines.append("  let walled = walls[cell];")
        if around:
            lines.append("  let higher = top_row(row) * QUADS + quad;")
        for k in seen:
            source = self._source(k, group)
            if k not in around:
                lines.append(f"  let here_{k} = {source}[{k}u * SPAN + cell];")
                continue
            lines.append(f"  var above_{k} = {source}[{k}u * SPAN + higher];")
            lines += self._outside(k, "above", "top", f"row == {self.rows - 1}u", self.rows)
            lines += self._beside(k, source)
        for k in group:
            lines += self._change(k, group)
        lines += [f"  below_{k} = here_{k}; here_{k} = above_{k};" for k in around]
        return lines

    def _outside(self, k: int, name: str, side: str, where: str, row: int) -> list[str]:
        """Put the fixed value in place of what is above or below the grid."""
        if self.equations.sides[side] != "fixed":
            return []
        columns = [f"outside_{k}({c}, {row})" for c in self._lane_columns()]
        return [f"  if ({where}) {{ {name}_{k} = {self._joined(columns)}; }}"]

    def _lane_columns(self) -> list[str]:
        base = f"i32(quad * {self.lanes}u)"
        return [f"{base} + {lane}" if lane else base for lane in range(self.lanes)]

    def _joined(self, parts: list[str]) -> str:
        return f"vec4f({', '.join(parts)})" if self.lanes == 4 else parts[0]

    def _beside(self, k: int, source: str) -> list[str]:
        """The fields to the left and right of the cells, and what follows from all neighbours."""
        row = "row * QUADS"
        lines = []
        for side, name in (("left", "west"), ("right", "east")):
            if self.lanes == 4:
                value = f"{source}[{k}u * SPAN + {row} + {name}_column / 4u][{name}_column & 3u]"
            else:
                value = f"{source}[{k}u * SPAN + {row} + {name}_column]"
            if self.equations.sides[side] == "fixed":
                column = -1 if side == "left" else self.columns
                value = f"select({value}, outside_{k}({column}, i32(row)), at_{side})"
            lines.append(f"  let {name}_{k}_edge = {value};")
        if self.lanes == 4:
            west, east = (
                f"vec4f(west_{k}_edge, here_{k}.xyz)",
                f"vec4f(here_{k}.yzw, east_{k}_edge)",
            )
        else:
            west, east = f"west_{k}_edge", f"east_{k}_edge"
        sides = {"west": west, "east": east, "south": f"below_{k}", "north": f"above_{k}"}
        for bit, (name, value) in enumerate(sides.items(), start=1):
            lines.append(f"  let {name}_{k} = {self._open(value, f'here_{k}', bit)};")
        square, double = 1 / self.equations.spacing**2, 1 / (2 * self.equations.spacing)
        formulas = {
            "lap": f"(east_{k} + west_{k} + north_{k} + south_{k} - 4.0 * here_{k}) * {square!r}f",
            "dx": f"(east_{k} - west_{k}) * {double!r}f",
            "dy": f"(north_{k} - south_{k}) * {double!r}f",
            "dxx": f"(east_{k} + west_{k} - 2.0 * here_{k}) * {square!r}f",
            "dyy": f"(north_{k} + south_{k} - 2.0 * here_{k}) * {square!r}f",
        }
        return lines + [f"  let {name}_{k} = {value};" for name, value in formulas.items()]

    def _open(self, value: str, here: str, bit: int) -> str:
        """A neighbour's value, or the cell's own where the neighbour is a wall."""
        if self.equations.walls is None:
            return value
        return f"select({value}, {here}, {self._walled(bit)})"

    def _walled(self, bit: int) -> str:
        masks = [f"{1 << (4 * bit + lane)}u" for lane in range(self.lanes)]
        if self.lanes == 1:
            return f"(walled & {masks[0]}) != 0u"
        return f"(vec4u(walled) & vec4u({', '.join(masks)})) != vec4u(0u)"

    def _change(self, k: int, group: list[int]) -> list[str]:
        system = self.equations
        staggered = system.arguments.update == "staggered"
        rates = []
        for lane, column in enumerate(self._lane_columns()):
            part = f".{'xyzw'[lane]}" if self.lanes == 4 else ""
            given = [column, "i32(row)"]
            for j, name in enumerate(system.fields):
                if system.mentions(k, name):
                    new = staggered and j in group and j < k
                    given.append(f"{'new' if new else 'here'}_{j}{part}")
            for stencil, name in system.stencils(k):
                given.append(f"{stencil}_{system.fields.index(name)}{part}")
            rates.append(f"rate_{k}({', '.join(given)})")
        moved = f"here_{k} + dt * {self._joined(rates)}"
        if system.walls is not None:
            moved = f"select({moved}, here_{k}, {self._walled(0)})"
        lines = [f"  var new_{k} = {moved};"]
        if system.mask is not None and system.fields[k] in system.fixed:
            for lane, column in enumerate(self._lane_columns()):
                part = f".{'xyzw'[lane]}" if self.lanes == 4 else ""
                lines.append(
                    f"  if (is_held({column}, i32(row))) "
                    f"{{ new_{k}{part} = held_{k}({column}, i32(row)); }}"
                )
        # Numbers below float32's normal range take a processor a hundred times as long.
        tiny = f"abs(new_{k}) < {self.type}({TINY!r}f)"
        lines.append(f"  new_{k} = select(new_{k}, {self.type}(0.0), {tiny});")
        return [*lines, f"  next[{k}u * SPAN + cell] = new_{k};"]

    # The beginning, the picture

    def _begin(self) -> list[str]:
        system = self.equations
        lines = [
            f"@compute @workgroup_size({GROUP[0]}, {GROUP[1]})",
            "fn begin(@builtin(global_invocation_id) id: vec3u) {",
            f"  if (id.x >= QUADS || id.y >= {self.rows}u) {{ return; }}",
            "  let quad = id.x; let row = i32(id.y); let cell = id.y * QUADS + quad;",
        ]
        for k, field in enumerate(system.fields):
            values = []
            for column in self._lane_columns():
                value = f"initial_{k}({column}, row)"
                if system.mask is not None and field in system.fixed:
                    value = f"select({value}, held_{k}({column}, row), is_held({column}, row))"
                values.append(value)
            lines.append(f"  state[{k}u * SPAN + cell] = {self._joined(values)};")
        if system.walls is not None:
            lines += [
                "  var walled = 0u;",
                f"  for (var lane = 0u; lane < {self.lanes}u; lane++) {{",
                f"    let column = quad * {self.lanes}u + lane;",
                "    let places = array<vec2u, 5>(vec2u(column, id.y),",
                "      vec2u(left_column(column), id.y), vec2u(right_column(column), id.y),",
                "      vec2u(column, bottom_row(id.y)), vec2u(column, top_row(id.y)));",
                "    for (var side = 0u; side < 5u; side++) {",
                "      let one = vec2i(places[side]);",
                "      if (is_wall(one.x, one.y)) { walled |= 1u << (4u * side + lane); }",
                "    }",
                "  }",
                "  walls[cell] = walled;",
            ]
        return [*lines, "}"]

    def _shown(self) -> list[str]:
        """``shown_at`` and ``walled_at`` of one cell."""
        system = self.equations
        names = dict(self.place)
        lines = ["fn shown_at(column: i32, row: i32) -> f32 {", *self._cell()]
        lines += ["  let i = u32(column); let j = u32(row);"]
        for k, field in enumerate(system.fields):
            base = f"{k}u * SPAN * {self.lanes}u"
            if field in system.show.names:
                lines.append(f"  let field_{field} = state_at({base} + j * COLUMNS + i);")
                names[field] = f"field_{field}"
        for field in dict.fromkeys(f for _, f in system.stencils_of(system.show)):
            lines += self._shown_stencils(system.fields.index(field), field)
            names[f"&{field}"] = field
        lines += [f"  return {system.show.wgsl(names)};", "}"]
        wall = "false"
        if system.walls is not None:
            place = f"row * QUADS + column / {self.lanes}u"
            wall = f"((walls[{place}] >> (column % {self.lanes}u)) & 1u) != 0u"
        return [*lines, "fn walled_at(column: u32, row: u32) -> bool {", f"  return {wall};", "}"]

    def _shown_stencils(self, k: int, field: str) -> list[str]:
        base, sides = f"{k}u * SPAN * {self.lanes}u", self.equations.sides
        lines = []
        places = {
            "west": ("left", "j", "left_column(i)", "column == 0", "-1, row"),
            "east": ("right", "j", "right_column(i)", f"column == {self.columns - 1}",
                     f"{self.columns}, row"),
            "south": ("bottom", "bottom_row(j)", "i", "row == 0", "column, -1"),
            "north": ("top", "top_row(j)", "i", f"row == {self.rows - 1}", f"column, {self.rows}"),
        }  # fmt: skip
        for name, (side, row, column, where, outside) in places.items():
            value = f"state_at({base} + {row} * COLUMNS + {column})"
            if sides[side] == "fixed":
                value = f"select({value}, outside_{k}({outside}), {where})"
            if self.equations.walls is not None:
                value = f"select({value}, field_{field}, walled_at({column}, {row}))"
            lines.append(f"  let {name}_{field} = {value};")
        square, double = 1 / self.equations.spacing**2, 1 / (2 * self.equations.spacing)
        e, w, n, s = (f"{side}_{field}" for side in ("east", "west", "north", "south"))
        here = f"field_{field}"
        if field not in self.equations.show.names:
            lines.insert(0, f"  let {here} = state_at({base} + j * COLUMNS + i);")
        return [
            *lines,
            f"  let lap_{field} = ({e} + {w} + {n} + {s} - 4.0 * {here}) * {square!r}f;",
            f"  let dx_{field} = ({e} - {w}) * {double!r}f;",
            f"  let dy_{field} = ({n} - {s}) * {double!r}f;",
            f"  let dxx_{field} = ({e} + {w} - 2.0 * {here}) * {square!r}f;",
            f"  let dyy_{field} = ({n} + {s} - 2.0 * {here}) * {square!r}f;",
        ]

    def _range(self) -> list[str]:
        low, high = (
            limit.wgsl(self.own) if limit else f"statistics[{13 + n}]"
            for n, limit in enumerate(self.equations.limits)
        )
        return [
            "fn range() -> vec2f {",
            "  let t = uniforms.time;",
            f"  let low = {low};",
            # A flat field has no range; its colour is the palette's first.
            f"  return vec2f(low, max({high}, low + max(1e-30, 1e-6 * abs(low))));",
            "}",
        ]

    def _step_length(self) -> list[str]:
        """The step, never longer than what is stable at the parameters as they are now."""
        diffusivity, speed, reaction = (e.wgsl(self.own) for e in self.equations.speeds)
        h = self.equations.spacing
        return [
            "fn longest_step() -> f32 {",
            f"  let inverse = {4 / h**2!r}f * ({diffusivity})",
            f"    + {2**0.5 / h!r}f * ({speed}) + 0.5 * ({reaction});",
            "  return 1.0 / max(inverse, 1e-37);",
            "}",
            "fn step_length() -> f32 {",
            "  let longest = longest_step();",
            f"  return select(uniforms.dt, {SAFETY} * longest, uniforms.dt > 1.0001 * longest);",
            "}",
        ]
