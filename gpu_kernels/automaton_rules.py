"""Rules written as a formula, and the temperature of the Ising model as one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .expression import Expression, parse

if TYPE_CHECKING:
    from .automaton import AutomatonArguments

PLACE = ("x", "y", "i", "j", "t", "chance")
AROUND = [(dx, dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dx, dy) != (0, 0)]


def words(a: AutomatonArguments) -> tuple[str, ...]:
    """Return what ``next`` may name beside parameters."""
    counts = [f"{kind}{k}" for kind in "nc" for k in range(a.states)]
    return ("state", "total", "tile", *PLACE, *counts)


NO_RULE = """
const FORMULA_START: bool = false;
fn initial_state(at: vec2i, own: f32, chance: f32) -> f32 { return 0.0; }
fn next_state(at: vec2i, own: f32, chance: f32) -> f32 { return own; }
"""


class Rule:
    """The formulas of a ``custom`` rule."""

    def __init__(self, a: AutomatonArguments) -> None:
        self.next = parse(a.next, (*words(a), *a.parameters))
        self.initial = parse(a.initial, (*PLACE, *a.parameters)) if a.initial else None

    @property
    def counts(self) -> list[tuple[str, int]]:
        """The counts that the rule looks at: n of eight neighbours or c of four, and the state."""
        found = (re.fullmatch(r"([nc])(\d+)", name) for name in sorted(self.next.names))
        return [(m[1], int(m[2])) for m in found if m]

    def wgsl(self, a: AutomatonArguments) -> str:
        """Return ``initial_state`` and ``next_state``, both giving a number."""
        own = {name: f"uniforms.{name}" for name in a.parameters}
        lines = [
            f"let w{k} = state(at.x + {dx}, at.y + {dy});" for k, (dx, dy) in enumerate(AROUND)
        ]
        if "total" in self.next.names:
            lines.append(f"let total = f32({' + '.join(f'w{k}' for k in range(8))});")
        for kind, wanted in self.counts:
            which = range(8) if kind == "n" else (1, 3, 4, 6)
            terms = " + ".join(f"select(0.0, 1.0, w{k} == {wanted}u)" for k in which)
            lines.append(f"let {kind}{wanted} = {terms};")
        initial = self.initial.wgsl(own) if self.initial else None
        return f"""
const FORMULA_START: bool = {str(initial is not None).lower()};
{_place("initial_state", initial or "0.0", "")}
{_place("next_state", self.next.wgsl(own | {"state": "own"}), " ".join(lines))}
"""


def _place(name: str, value: str, before: str) -> str:
    return f"""
fn {name}(at: vec2i, own: f32, chance: f32) -> f32 {{
  let i = f32(at.x);
  let j = f32(at.y);
  let x = (i + 0.5) / f32(uniforms.columns);
  let y = 1.0 - (j + 0.5) / f32(uniforms.rows);
  let t = f32(uniforms.step);
  {before}
  return {value};
}}"""


def ramp(a: AutomatonArguments) -> Expression:
    """Return the temperature as a formula of ``temperature``, ``t`` and ``tile``."""
    return parse(a.ramp or "temperature", ("temperature", "t", "tile", *a.parameters))


def ramp_wgsl(a: AutomatonArguments) -> str:
    """Return ``temperature_at``, and the sizes of a tile."""
    names = {"temperature": "uniforms.temperature", "t": "f32(uniforms.step)"}
    names |= {name: f"uniforms.{name}" for name in a.parameters}
    return f"""
const TILES: u32 = {a.tiles}u;
const TILE_COLUMNS: u32 = {a.columns // a.tiles}u;
const TILE_ROWS: u32 = {a.rows // a.tiles}u;
const SETTLE: u32 = {a.settle}u;
const SAMPLE_EVERY: u32 = {a.sample_every}u;
fn temperature_at(tile: f32) -> f32 {{ return max({ramp(a).wgsl(names)}, 1e-3); }}
"""
