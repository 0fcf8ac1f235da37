"""What of the fluid's shader depends on the arguments: sizes, formulas, the two streams."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .fluid_lattice import FASTEST_FALL, LEAST_VISCOSITY, MOST_SPEED, Lattice

if TYPE_CHECKING:
    from .fluid import FluidArguments

EAST = (0, 1, -1, 0, 0, 1, -1, 1, -1)
NORTH = (0, 0, 0, 1, -1, 1, -1, -1, 1)


def constants(a: FluidArguments, lattice: Lattice) -> str:
    """Return what the shader knows before it runs."""
    columns, rows = lattice.size
    column, row = lattice.watched
    low, high = a.limits
    whole = {
        "COLUMNS": columns, "ROWS": rows, "CELLS": columns * rows, "ACROSS": columns // 4,
        "QUADS": columns * rows // 4, "STEPS": lattice.steps, "WATCHED": row * columns + column,
    }  # fmt: skip
    real = {
        "SPONGE": float(lattice.sponge), "LENGTH": lattice.length, "LEAST": LEAST_VISCOSITY,
        "MOST": MOST_SPEED, "FASTEST_FALL": FASTEST_FALL, "RELIEF": a.relief, "LOW": low,
        "HIGH": high,
    }  # fmt: skip
    yes = {
        "FORCED": lattice.forced, "DYED": lattice.dyed, "BODY": bool(a.obstacle),
        "PERIODIC_X": lattice.wraps[0], "PERIODIC_Y": lattice.wraps[1],
        "SPONGE_ENDS": a.boundary == "tunnel",
    }  # fmt: skip
    lines = [f"const {name}: u32 = {value}u;" for name, value in whole.items()]
    lines += [f"const {name}: f32 = {value!r};" for name, value in real.items()]
    lines += [f"const {name}: bool = {str(value).lower()};" for name, value in yes.items()]
    lines += [
        f"const {name}: vec2f = vec2f({x}.0, {y}.0);"
        for name, (x, y) in {"CORNER": lattice.corner, "SHOWN": lattice.shown}.items()
    ]
    lines += [
        f"const {name}: vec3f = vec3f({', '.join(f'{v:.6f}' for v in rgb(colour))});"
        for name, colour in {"BODY_COLOUR": a.body, "BACKGROUND": a.background}.items()
    ]
    return "\n".join(lines) + "\n"


def rgb(colour: str) -> tuple[float, float, float]:
    """Return #rrggbb as sRGB in 0..1."""
    r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return r, g, b


def formulas(a: FluidArguments, lattice: Lattice) -> str:
    """Return the functions that hold the arguments' formulas."""
    names = {name: f"uniforms.{name}" for name in a.parameters}
    text = {name: formula.wgsl(names) for name, formula in lattice.formulas.items()}
    wanted = "uniforms.viscosity"
    if a.viscosity is None:
        wanted = "uniforms.speed * LENGTH / uniforms.reynolds"
    shown = "speed_of" if a.view == "speed" else "vorticity_of"
    at = "(x: f32, y: f32)"
    return f"""
fn wanted_viscosity() -> f32 {{ return {wanted}; }}
fn obstacle_at{at} -> bool {{ return {text["obstacle"]}; }}
fn velocity_at{at} -> vec2f {{ return vec2f({text["velocity_x"]}, {text["velocity_y"]}); }}
fn dye_at{at} -> f32 {{ return {text["dye"]}; }}
fn source_at(x: f32, y: f32, t: f32) -> f32 {{ return {text["source"]}; }}
fn force_at(x: f32, y: f32, t: f32, dye: f32) -> vec2f {{
  return vec2f({text["force_x"]}, {text["force_y"]});
}}
fn shown_of(column: i32, row: i32) -> f32 {{ return {shown}(column, row); }}
{_frame(a, lattice)}
"""


def _frame(a: FluidArguments, lattice: Lattice) -> str:
    """Return ``frame_kind``: what a cell outside the picture is."""
    (left, bottom), (columns, rows) = lattice.corner, lattice.shown
    lines = []
    if lattice.walls[0]:
        lines.append(f"if (column < {left}u || column >= {left + columns}u) {{ return WALL; }}")
    if lattice.walls[1]:
        slips = a.boundary == "tunnel" and a.sides == "slip"
        above = "LID" if a.boundary == "cavity" else "SLIP" if slips else "WALL"
        lines.append(f"if (row >= {bottom + rows}u) {{ return {above}; }}")
        lines.append(f"if (row < {bottom}u) {{ return {'SLIP' if slips else 'WALL'}; }}")
    body = "\n  ".join([*lines, "return FLUID;"])
    return f"fn frame_kind(column: u32, row: u32) -> u32 {{\n  {body}\n}}"


def streams() -> str:
    """Return the entry points ``even``, ``odd`` and ``last``, which also remembers the flow.

    Four cells are pulled at once. Going east or west, three of them and one of the next quad are
    read; nothing else is read twice, and every population is read and written once a step.
    """
    source = [_store("gas"), _store("gas_next")]
    for name, before, after in (("even", "gas", "gas_next"), ("odd", "gas_next", "gas")):
        source.append(_stream(name, before, after, ""))
    source.append(_stream("last", "gas_next", "gas", "remember(quad, now);"))
    return "\n".join(source)


def _store(buffer: str) -> str:
    lines = [f"  {buffer}[{i}u * QUADS + quad] = n.f{i};" for i in range(9)]
    return "\n".join([f"fn store_{buffer}(quad: u32, n: Nine) {{", *lines, "}"])


def _stream(name: str, before: str, after: str, extra: str) -> str:
    rows = {0: "here", 1: "south", -1: "north"}
    lines = []
    for i in range(9):
        base = f"{before}[{i}u * QUADS + {rows[NORTH[i]]}"
        lines.append(f"let p{i} = {base} + across];")
        if EAST[i] == 1:
            lines.append(f"let q{i} = vec4f({base} + west].w, p{i}.xyz);")
        elif EAST[i] == -1:
            lines.append(f"let q{i} = vec4f(p{i}.yzw, {base} + east].x);")
    pulled = ", ".join(f"{'q' if EAST[i] else 'p'}{i}" for i in range(9))
    body = "\n  ".join(lines)
    return f"""
@compute @workgroup_size(64)
fn {name}(@builtin(global_invocation_id) id: vec3u) {{
  let quad = id.x;
  if (quad >= QUADS) {{ return; }}
  let row = quad / ACROSS;
  let here = row * ACROSS;
  let across = quad - here;
  let west = select(across - 1u, ACROSS - 1u, across == 0u);
  let east = select(across + 1u, 0u, across == ACROSS - 1u);
  let north = select(here + ACROSS, 0u, row == ROWS - 1u);
  let south = select(here - ACROSS, (ROWS - 1u) * ACROSS, row == 0u);
  {body}
  let now = advanced(Nine({pulled}), quad, across * 4u, row);
  store_{after}(quad, now.n);
  {extra}
}}
"""


def painting(a: FluidArguments) -> str:
    """Return the shader of the picture, with a sampler for each of the two fields."""
    kind = a.view if a.view in ("dye", "mixed") else "plain"
    chosen = f"fn fluid_colour(p: vec2f) -> vec3f {{ return {kind}_colour(p); }}"
    text = Path(__file__).with_name("fluid_paint.wgsl").read_text("utf-8")
    sampler, rest = text.split("//--\n")
    return "\n".join(
        [sampler.replace("FIELD", "dye"), sampler.replace("FIELD", "spare"), rest, chosen]
    )
