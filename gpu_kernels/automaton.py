"""Cellular automata: life-like and cyclic rules, forest fire, sandpile, Ising, elementary rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, Self, get_args

from pydantic import Field, FiniteFloat, field_validator, model_validator

from intentos.program import STANDARD_UNIFORMS, Buffer, GpuProgram, Output, Pass, Probe, Uniform
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from .automaton_ising import SURVEY
from .automaton_life import ROWS_EACH, packed_wgsl
from .automaton_rules import NO_RULE, Rule, ramp, ramp_wgsl, words
from .expression import Formula, check_names
from .kernel import Arguments, Compare, KernelBase, workgroups
from .prelude import known_palette, palette_wgsl, prelude_wgsl

Kind = Literal["life", "cyclic", "fire", "sandpile", "ising", "elementary", "custom"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MAX_TILE_CELLS = 2**16
"""So many cells one workgroup can add up."""
NAMED = {
    "life": "B3/S23",
    "highlife": "B36/S23",
    "seeds": "B2/S",
    "daynight": "B3678/S34678",
    "maze": "B3/S12345",
    "coral": "B3/S45678",
    "brain": "B2/S/C3",
    "starwars": "B2/S345/C4",
}
PATTERNS: dict[str, tuple[str, ...]] = {
    "glider": (".#.", "..#", "###"),
    "acorn": (".#.....", "...#...", "##..###"),
    "pentomino": (".##", "##.", ".#."),
    "block": ("##", "##"),
    "dot": ("#",),
    "gun": (
        "........................#...........",
        "......................#.#...........",
        "............##......##............##",
        "...........#...#....##............##",
        "##........#.....#...##..............",
        "##........#...#.##....#.#...........",
        "..........#.....#.......#...........",
        "...........#...#....................",
        "............##......................",
    ),
    "pulsar": (
        "..###...###..", ".............", "#....#.#....#", "#....#.#....#", "#....#.#....#",
        "..###...###..", ".............", "..###...###..", "#....#.#....#", "#....#.#....#",
        "#....#.#....#", ".............", "..###...###..",
    ),
}  # fmt: skip
"""The gun is Gosper's (1970)."""


class AutomatonArguments(Arguments):
    """A grid of ``columns`` cells across and as many rows as the picture's shape gives."""

    frames: int = Field(240, ge=1, le=10_000)
    rule: str = Field("B3/S23", max_length=40)
    """``B3/S23`` and the like, with ``/C3`` for dying states; a name (life, highlife, seeds,
    daynight, maze, coral, brain, starwars); cyclic, fire, sandpile, ising; or rule0 to rule255,
    which may be given as the number alone."""
    columns: int = Field(256, ge=16, le=2048, multiple_of=2)
    start: Literal[
        "random", "centre", "glider", "acorn", "pentomino", "block", "dot", "gun", "pulsar"
    ] = "random"
    """Random cells, or one pattern in the middle. ``centre`` is the rule's usual seed: a pentomino,
    a burning tree, a heap of grains, all spins up, one cell."""
    density: float = Field(0.35, ge=0, le=1)
    """Share of living cells, trees or up spins in a random start."""
    boundary: Literal["periodic", "dead"] = "periodic"
    """Whether the edges are joined; those of the sandpile are always open."""
    steps_per_frame: int = Field(1, ge=1, le=1000)
    states: int = Field(14, ge=2, le=64)
    """Of the cyclic or custom rule."""
    threshold: int = Field(1, ge=1, le=8)
    """Neighbours that make a cell of the cyclic rule move on."""
    growth: float = Field(0.01, ge=0, le=1)
    """Chance of a tree on an empty cell, each step (fire)."""
    lightning: float = Field(0.00002, ge=0, le=1)
    """Chance of lightning on a tree, each step (fire)."""
    grains: int = Field(20_000, ge=0, le=2_000_000)
    """In the heap of a start in the centre (sandpile)."""
    drop: int = Field(0, ge=0, le=1000)
    """Grains added each step, in the middle or, after a random start, anywhere (sandpile)."""
    temperature: float = Field(2.269, ge=0.01, le=100)
    """In units of the coupling over Boltzmann's constant; critical at 2.269 (ising)."""
    ramp: Formula = ""
    """Temperature as a formula of ``temperature``, ``t`` (steps), ``tile`` (0 to 1 through the
    tiles) and the parameters (ising); ``temperature`` alone where nothing is given."""
    tiles: int = Field(1, ge=1, le=64)
    """The grid is cut into tiles by tiles lattices of their own, which are measured (ising)."""
    settle: int = Field(200, ge=0, le=1_000_000)
    """Steps before tiles are measured; then one step in ``sample_every``."""
    sample_every: int = Field(5, ge=1, le=10_000)
    next: Formula = ""
    """The next state (custom): a formula of ``state``, ``n0`` to ``n<states - 1>`` (how many of the
    eight neighbours are in that state), ``c0`` … (of the four nearest), ``total`` (the sum of the
    eight states), ``chance`` (0 to 1, new each step), x and y (0 to 1), i and j, t, parameters."""
    initial: Formula = ""
    """The state at the start (custom): a formula of x, y, i, j, ``chance`` and the parameters."""
    parameters: dict[str, FiniteFloat] = Field(default={}, max_length=24)
    palette: str = ""
    """One of ``prelude.PALETTES``; empty: the rule's own."""

    @field_validator("rule", mode="before")
    @classmethod
    def _by_number(cls, value: object) -> object:
        """A whole number is that of an elementary rule."""
        return f"rule{value}" if isinstance(value, int) else value

    @model_validator(mode="after")
    def _known_rule(self) -> Self:
        if not re.fullmatch(
            r"b[0-8]*/s[0-8]*(/c\d{1,2})?|cyclic|fire|sandpile|ising|custom|rule\d{1,3}",
            self.notation,
        ) or (self.kind == "elementary" and self.number > 255):
            names = ", ".join([*NAMED, "cyclic, fire, sandpile, ising"])
            raise ValueError(
                f"there is no rule {self.rule!r}; write B3/S23, B2/S/C3, rule30 or one of {names}"
            )
        if self.kind == "life" and not 2 <= self.state_count <= 64:
            raise ValueError(f"rule {self.rule!r}: C is from 2 to 64")
        if self.kind == "life" and self.birth & 1:
            raise ValueError(f"rule {self.rule!r}: birth without neighbours (B0) is not possible")
        known_palette(self.colours)
        if (self.kind == "custom") != bool(self.next) or (self.initial and not self.next):
            raise ValueError("rule custom goes with next, the formula of the next state")
        self._check_tiles()
        return self

    def _check_tiles(self) -> None:
        if self.tiles == 1:
            return
        if self.kind != "ising":
            raise ValueError("only the rule ising has tiles")
        sides = self.columns, self.rows
        if any(side % (2 * self.tiles) or side // self.tiles < 4 for side in sides):
            raise ValueError(
                f"{self.columns} x {self.rows} cells cannot be cut into {self.tiles} x "
                f"{self.tiles} tiles with sides of 4, 6, 8 … cells"
            )
        if sides[0] * sides[1] // self.tiles**2 > MAX_TILE_CELLS:
            raise ValueError(f"a tile may have at most {MAX_TILE_CELLS} cells")

    @property
    def notation(self) -> str:
        """The rule in lower case without spaces, names replaced."""
        plain = re.sub(r"[\s_]", "", self.rule.lower())
        return NAMED.get(plain, plain).lower()

    @property
    def kind(self) -> Kind:
        """Which family the rule belongs to."""
        if self.notation.startswith("b"):
            return "life"
        if self.notation.startswith("rule"):
            return "elementary"
        return next((k for k in KINDS if k == self.notation), "life")

    @property
    def number(self) -> int:
        """Of an elementary rule."""
        return int(self.notation[4:]) if self.kind == "elementary" else 0

    @property
    def birth(self) -> int:
        """Neighbour counts that give birth, as bits."""
        return _bits(self.notation.partition("/")[0])

    @property
    def survival(self) -> int:
        """Neighbour counts that keep alive, as bits."""
        return _bits(self.notation.partition("/s")[2].partition("/")[0])

    @property
    def state_count(self) -> int:
        """States that a cell can have; the sandpile's cells have no limit."""
        if self.kind == "life":
            return int(self.notation.partition("/c")[2] or 2)
        return {"cyclic": self.states, "custom": self.states, "fire": 3}.get(self.kind, 2)

    @property
    def rows(self) -> int:
        """Rows of square cells, an even number."""
        return max(8, 2 * round(self.columns * self.height / self.width / 2))

    @property
    def periodic(self) -> bool:
        """Whether the edges are joined."""
        return self.boundary == "periodic" and self.kind != "sandpile"

    @property
    def ramp_moves(self) -> bool:
        """Whether the temperature changes while the film runs."""
        return "t" in ramp(self).names

    @property
    def packed(self) -> bool:
        """Whether 32 cells share a word; then ages are counted from picture to picture."""
        return self.kind == "life" and self.state_count == 2 and self.columns % 32 == 0

    @property
    def pattern(self) -> tuple[str, ...]:
        """What stands in the middle at the start; nothing in a random one."""
        if self.start == "random":
            return (".",)
        usual = {"life": "pentomino" if self.state_count == 2 else "block"}.get(self.kind, "dot")
        return PATTERNS[usual if self.start == "centre" else self.start]

    @property
    def colours(self) -> str:
        """Name of the palette."""
        usual = {"cyclic": "twilight", "elementary": "magma", "custom": "magma"}.get(
            self.kind, "ocean"
        )
        return self.palette or usual


def _bits(digits: str) -> int:
    return sum(1 << int(d) for d in set(digits) if d.isdigit())


class AutomatonKernel(KernelBase[AutomatonArguments]):
    """Cells that change together, by their neighbours and by chance."""

    name = "automaton"
    arguments = AutomatonArguments
    compare = Compare(rule="exact", frames=20)

    def program(self, arguments: AutomatonArguments) -> GpuProgram:
        """Return the program; see ``automaton.wgsl``."""
        a = arguments
        grid = (workgroups(a.columns, 8), workgroups(a.rows, 8), 1)
        picture = (workgroups(a.width, 8), workgroups(a.height, 8), 1)
        each_row = (workgroups(a.rows, 64), 1, 1)
        start = [Pass(entry="begin", dispatch=grid)]
        if a.kind == "ising":
            start.append(Pass(entry="first_energy", dispatch=each_row))
        draw = [
            Pass(entry="forget", dispatch=(1, 1, 1)),
            Pass(entry="count", dispatch=each_row),
            Pass(entry="colour", dispatch=grid),
            Pass(entry="show", dispatch=picture),
        ]
        shape = (a.rows, a.columns)
        buffers = [
            Buffer(name="pixels", type="u32", length=a.width * a.height),
            Buffer(name="cells", type="u32", length=a.columns * a.rows),
            Buffer(name="cells_next", type="u32", length=a.columns * a.rows),
            Buffer(name="counters", type="atomic<i32>", length=4),
        ]
        outputs = [Output(buffer="cells", name="cells", dtype="uint32", shape=shape)]
        check_names(a.parameters, {*words(a), *OWN_UNIFORMS, *(n for n, _ in STANDARD_UNIFORMS)})
        source = [prelude_wgsl(), palette_wgsl(a.colours), _pattern_wgsl(a.pattern), ramp_wgsl(a)]
        source += [Rule(a).wgsl(a) if a.kind == "custom" else NO_RULE, self.wgsl]
        swaps = () if a.kind in ("ising", "elementary") else (("cells", "cells_next"),)
        if a.packed:
            count = a.columns * a.rows // 32
            source.append(packed_wgsl(a.birth, a.survival, periodic=a.periodic))
            buffers += [Buffer(name=n, type="u32", length=count) for n in ("bits", "bits_next")]
            shape = (a.rows, a.columns // 32)
            outputs.append(Output(buffer="bits", name="bits", dtype="uint32", shape=shape))
            start.append(Pass(entry="pack", dispatch=(workgroups(count, 64), 1, 1)))
            draw.insert(0, Pass(entry="unpack", dispatch=grid))
            draw.append(Pass(entry="drawn", dispatch=(1, 1, 1)))
            swaps = (("bits", "bits_next"),)
        if a.tiles > 1:
            count = 2 * a.tiles**2
            source.append(SURVEY)
            buffers.append(Buffer(name="moments", type="vec4f", length=count))
            each = (a.tiles, a.tiles, 8)
            outputs.append(Output(buffer="moments", name="moments", dtype="float32", shape=each))
        return GpuProgram(
            name=self.name,
            source="".join(source),
            uniforms=_uniforms(a),
            buffers=tuple(buffers),
            start=tuple(start),
            step=_step(a, grid),
            draw=tuple(draw),
            swaps=swaps,
            outputs=tuple(outputs),
            probes=_probes(a),
            width=a.width,
            height=a.height,
            steps_per_frame=a.steps_per_frame,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
        )

    def twin(self, arguments: AutomatonArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames; cells agree bit for bit."""
        from .automaton_twin import frames

        return frames(arguments, seed)

    def judge(
        self, arguments: AutomatonArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return how many cells are in which state, and recount them."""
        from .automaton_judge import judge

        return judge(arguments, evidence)


ENTRIES: dict[Kind, str] = {
    "life": "live", "cyclic": "chase", "fire": "burn", "sandpile": "topple", "custom": "apply",
}  # fmt: skip


def _step(a: AutomatonArguments, grid: tuple[int, int, int]) -> tuple[Pass, ...]:
    match a.kind:
        case "ising":
            half = (workgroups(a.columns // 2, 64), a.rows, 1)
            passes = [Pass(entry="flip", dispatch=half, constants={"parity": k}) for k in (0, 1)]
            if a.tiles > 1:
                passes.append(Pass(entry="survey", dispatch=(a.tiles, a.tiles, 1)))
            return tuple(passes)
        case "elementary":
            return (Pass(entry="unroll", dispatch=(workgroups(a.columns, 64), 1, 1)),)
        case "life" if a.packed:
            strips = (workgroups(a.columns // 32, 32), workgroups(a.rows, ROWS_EACH), 1)
            return (Pass(entry="live_packed", dispatch=strips),)
        case kind:
            return (Pass(entry=ENTRIES[kind], dispatch=grid),)


def _pattern_wgsl(pattern: tuple[str, ...]) -> str:
    """Return ``fn pattern_at(offset from the middle)``: 1 on a living cell of the pattern."""
    words = []
    for row in pattern:
        bits = sum(1 << x for x, mark in enumerate(row) if mark == "#")
        words.append(f"vec2u({bits & 0xFFFFFFFF}u, {bits >> 32}u)")
    height, width = len(pattern), max(len(row) for row in pattern)
    return f"""
fn pattern_at(offset: vec2i) -> u32 {{
  var rows = array<vec2u, {height}>({", ".join(words)});
  let at = offset + vec2i({width // 2}, {height // 2});
  if (at.x < 0 || at.y < 0 || at.x >= {width} || at.y >= {height}) {{ return 0u; }}
  let row = rows[at.y];
  return (select(row.y, row.x, at.x < 32) >> u32(at.x % 32)) & 1u;
}}
"""


def _own_uniforms(a: AutomatonArguments) -> dict[str, int | float]:
    return {
        "kind": KINDS.index(a.kind),
        "columns": a.columns,
        "rows": a.rows,
        "periodic": int(a.periodic),
        "seeded": int(a.start != "random"),
        "states": a.state_count,
        "birth": a.birth if a.kind == "life" else 0,
        "survival": a.survival if a.kind == "life" else 0,
        "number": a.number,
        "threshold": a.threshold,
        "grains": a.grains,
        "drop": a.drop,
        "density": a.density,
        "growth": a.growth,
        "lightning": a.lightning,
        "temperature": a.temperature,
    }


OWN_UNIFORMS = frozenset(_own_uniforms(AutomatonArguments()))


def _uniforms(a: AutomatonArguments) -> tuple[Uniform, ...]:
    own = {n: ("u32" if isinstance(v, int) else "f32", v) for n, v in _own_uniforms(a).items()}
    given = {n: ("f32", v) for n, v in a.parameters.items()}
    return tuple(
        Uniform.model_validate({"name": n, "type": kind, "value": v})
        for n, (kind, v) in (own | given).items()
    )


def _probes(a: AutomatonArguments) -> tuple[Probe, ...]:
    cells = a.columns * a.rows
    one = 1.0 / cells
    rows: dict[str, list[tuple[str, int, float, str, str]]] = {
        "life": [("population", 0, 1.0, "living cells", "活细胞")],
        "cyclic": [("population", 0, 1.0, "cells in state 1", "状态 1 的细胞")],
        "elementary": [("population", 0, 1.0, "living cells in the row", "该行的活细胞")],
        "fire": [("trees", 0, 1.0, "trees", "树木"), ("burning", 1, 1.0, "burning", "燃烧的树")],
        "sandpile": [("grains", 0, 1.0, "grains", "沙粒"), ("lost", 3, 1.0, "lost", "流失的沙粒")],
        "ising": [
            ("magnetisation", 0, one, "magnetisation per spin", "每自旋磁化强度"),
            ("energy", 1, one, "energy per spin", "每自旋能量"),
            ("energy_by_changes", 3, one, "energy, summed from its changes", "由变化累加的能量"),
        ][: 3 if a.tiles == 1 else 2],
        "custom": [
            ("state_1", 0, 1.0, "cells in state 1", "状态 1 的细胞"),
            ("state_2", 1, 1.0, "cells in state 2", "状态 2 的细胞"),
        ][: a.states - 1],
    }
    probes = [
        Probe(buffer="counters", name=n, offset=o, scale=s, label_en=en, label_zh=zh)
        for n, o, s, en, zh in rows[a.kind]
    ]
    if a.kind != "sandpile":
        probes.append(Probe(buffer="counters", name="invalid", offset=2))
    return tuple(probes)


kernel = AutomatonKernel()
