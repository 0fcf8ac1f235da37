"""Partial differential equations for up to four fields on a grid of square cells.

Space: second-order central differences (five-point Laplacian). Time: explicit Euler, or, with
``update: staggered``, field after field (symplectic Euler), which is what waves need. Source of the
step limits: von Neumann analysis, as in LeVeque, *Finite Difference Methods* (2007), ch. 9.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal, Self, get_args

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from intentos.bindings import fold_seed
from intentos.errors import InvalidProgram
from intentos.program import STANDARD_UNIFORMS, Buffer, GpuProgram, Output, Pass, Probe, Uniform
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from . import prelude
from .expression import Formula, check_names, parse
from .field_equations import CELL, STENCILS, Equations
from .field_half_step import half_step
from .field_judge import checks_of
from .field_picture import ALARM, WALL, legend, paint, strip
from .field_wgsl import GROUP, SAFETY, Shader
from .kernel import Arguments, Compare, KernelBase, workgroups
from .ticks import ticks_wgsl

MAX_STEPS_PER_FRAME = 5000
GROUPS = 64


Side = Literal["left", "right", "bottom", "top"]
Boundary = Literal["periodic", "insulated", "fixed"]


class FieldArguments(Arguments):
    """Formulas know every field, x and y (0 to 1 across the grid, y up), i and j (the cell), t
    and the parameters; rates and ``show`` also lap(u), dx(u), dy(u), dxx(u), dyy(u) of a field."""

    rates: dict[str, Formula] = Field(min_length=1, max_length=4)
    """Field → its rate of change, in its unit per unit of time."""
    initial: dict[str, Formula] = {}
    """Field → its beginning; 0 where none is given. Knows no fields."""
    boundary: Boundary = "insulated"
    boundary_values: dict[str, Formula] = {}
    """With a fixed boundary: field → value just outside the grid; x is below 0 beyond the left
    side and above 1 beyond the right one, and so on. Knows no fields."""
    sides: dict[Side, Boundary] = {}
    """What differs from ``boundary`` at single sides; opposite ones are periodic together."""
    walls: Formula = ""
    """Mask of cells in which nothing changes and through whose sides nothing flows. Knows no
    fields; stands as it is at the start."""
    fixed_where: Formula = ""
    """Mask of the cells that are held at ``fixed_values``."""
    fixed_values: dict[str, Formula] = {}
    update: Literal["simultaneous", "staggered"] = "simultaneous"
    """``staggered``: a field's rate sees the new values of the fields before it."""
    columns: int = Field(192, ge=16, le=2048)
    rows: int = Field(192, ge=16, le=2048)
    size: float = Field(1.0, gt=1e-12, le=1e12)
    """Of the grid from left to right, in units of length."""
    diffusivity: Formula = "0"
    """The largest one that occurs; a formula of the parameters, like the next two."""
    wave_speed: Formula = "0"
    reaction_rate: Formula = "0"
    """The fastest rate at which a cell alone may relax, per unit of time."""
    dt: float | None = Field(None, gt=0, le=1e12)
    """Time of one step; the largest safe one where none is given."""
    steps_per_frame: int | None = Field(None, ge=1, le=MAX_STEPS_PER_FRAME)
    duration: float | None = Field(None, gt=0, le=1e12)
    """Time that the whole film shows, in place of ``steps_per_frame``."""
    show: Formula = ""
    """What the picture shows; the first field where nothing is given."""
    palette: str = "inferno"
    low: Formula = ""
    """The value at the palette's beginning, of t and the parameters; the smallest one of each
    frame where nothing is given. ``high`` likewise."""
    high: Formula = ""
    contours: int = Field(0, ge=0, le=64)
    """Lines of equal value."""
    relief: float = Field(0.0, ge=0, le=10)
    """How strongly light from the upper left shows the slopes."""
    bar: bool = True
    """Draws the palette with its numbers beside a picture of 240 pixels or more across."""
    conserved: tuple[str, ...] = ()
    """Fields whose mean must not drift."""
    bounded: tuple[str, ...] = ()
    """Fields that obey the maximum principle: nothing above or below where it began, and what
    the boundary holds."""
    unit: str = Field("", max_length=20)
    """Of what is shown."""
    time_unit: str = Field("s", max_length=20)
    parameters: dict[str, FiniteFloat] = Field(default={}, max_length=32)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what in ("initial", "boundary_values", "fixed_values", "conserved", "bounded"):
            for name in getattr(self, what):
                if name not in self.rates:
                    raise ValueError(
                        f"{what} names {name!r}; the fields are {', '.join(self.rates)}"
                    )
        if bool(self.fixed_where) != bool(self.fixed_values):
            raise ValueError("fixed_where and fixed_values go together")
        every = {side: self.sides.get(side, self.boundary) for side in get_args(Side)}
        for one, other in (("left", "right"), ("bottom", "top")):
            if (every[one] == "periodic") != (every[other] == "periodic"):
                raise ValueError(f"sides: {one} and {other} are periodic together, or neither is")
        prelude.known_palette(self.palette)
        if self.duration is not None and self.steps_per_frame is not None:
            raise ValueError("give either duration or steps_per_frame")
        return self


def largest_step(diffusivity: float, wave_speed: float, reaction: float, spacing: float) -> float:
    """Return the largest stable time step; infinite where nothing limits it.

    Diffusion alone: dx²/4D. Waves alone, staggered: dx/(c √2). Together their inverses add up.
    """
    inverse = 4 * diffusivity / spacing**2 + math.sqrt(2) * wave_speed / spacing + reaction / 2
    return 1 / inverse if inverse > 0 else math.inf


def time_steps(arguments: FieldArguments) -> tuple[float, int, float]:
    """Return the step, steps per frame, and the largest stable step.

    Raises:
        InvalidProgram: the wanted step is unstable, or nothing says how long it may be, or a
            frame would take more than 5000 steps.
    """
    largest = largest_step(
        _speed(arguments, "diffusivity"),
        _speed(arguments, "wave_speed"),
        _speed(arguments, "reaction_rate"),
        arguments.size / arguments.columns,
    )
    if arguments.dt is not None and arguments.dt > largest * (1 + 1e-9):
        raise InvalidProgram("field.unstable", dt=arguments.dt, largest=largest)
    dt = arguments.dt if arguments.dt is not None else SAFETY * largest
    if not math.isfinite(dt):
        raise InvalidProgram("field.no_step")
    if arguments.duration is None:
        return dt, arguments.steps_per_frame or 8, largest
    frame = arguments.duration / max(1, arguments.frames - 1)
    steps = max(1, math.ceil(frame / dt - 1e-9))
    if steps > MAX_STEPS_PER_FRAME:
        most = MAX_STEPS_PER_FRAME * dt * max(1, arguments.frames - 1)
        raise InvalidProgram("field.too_long", steps=steps, limit=MAX_STEPS_PER_FRAME, most=most)
    return frame / steps, steps, largest


def _speed(arguments: FieldArguments, name: str) -> float:
    formula = parse(getattr(arguments, name), arguments.parameters)
    value = float(formula.numpy(arguments.parameters))
    if not 0 <= value < 1e30:
        raise InvalidProgram("field.negative_speed", name=name, value=value)
    return value


def equations(arguments: FieldArguments, seed: int = 0) -> Equations:
    """Return the parsed formulas; raises InvalidProgram where one is wrong."""
    standard = {name for name, _ in STANDARD_UNIFORMS}
    fields = list(arguments.rates)
    check_names(fields, {*CELL, *STENCILS, *standard})
    check_names(arguments.parameters, {*CELL, *STENCILS, *standard, *fields})
    return Equations(arguments, seed)


class FieldKernel(KernelBase[FieldArguments]):
    """Values: mean, minimum, maximum of what is shown, the time reached, and the steps used."""

    name = "field"
    arguments = FieldArguments
    # float32 against float64: errors of 1e-7 a step, a few hundred steps.
    compare = Compare(rule="tolerance", frames=4, absolute=2e-4, relative=2e-4, pixels=1.5)

    def program(self, arguments: FieldArguments) -> GpuProgram:
        dt, steps, _ = time_steps(arguments)
        system = equations(arguments)
        shader = Shader(system)
        cells = arguments.columns * arguments.rows
        count, lanes = len(arguments.rates), shader.lanes
        across = workgroups(shader.quads, GROUP[0])
        grid = (across, workgroups(arguments.rows, GROUP[1]), 1)
        strips = (across, workgroups(shader.strips, GROUP[1]), 1)
        view = (workgroups(arguments.width, 8), workgroups(arguments.height, 8), 1)
        source = [
            prelude.prelude_wgsl(),
            prelude.palette_wgsl(arguments.palette),
            _constants(arguments),
            shader.source,
            self.wgsl,
        ]
        draw = [
            Pass(entry="measure", dispatch=(GROUPS, 1, 1)),
            Pass(entry="summarize", dispatch=(1, 1, 1)),
            Pass(entry="paint", dispatch=view),
        ]
        bar = legend(arguments)
        if bar is not None:
            source += [ticks_wgsl(), bar.wgsl()]
            draw.append(bar.draw)
        buffers = [
            Buffer(name="pixels", type="u32", length=arguments.width * arguments.height),
            Buffer(name="state", type=shader.type, length=count * cells // lanes),
            Buffer(name="next", type=shader.type, length=count * cells // lanes),
            Buffer(name="shown", type="f32", length=cells),
            Buffer(name="parts", type="vec4f", length=GROUPS * 4),
            Buffer(name="statistics", type="f32", length=16),
        ]
        if system.walls is not None:
            buffers.append(Buffer(name="walls", type="u32", length=cells // lanes))
        shape = (arguments.rows, arguments.columns)
        return GpuProgram(
            name=self.name,
            source="\n".join(source),
            uniforms=tuple(Uniform(name=n, value=v) for n, v in arguments.parameters.items()),
            buffers=tuple(buffers),
            start=(Pass(entry="begin", dispatch=grid),),
            step=tuple(Pass(entry=entry, dispatch=strips) for entry in system.entries),
            swaps=(("state", "next"),),
            draw=tuple(draw),
            outputs=(
                Output(buffer="state", name="fields", dtype="float32", shape=(count, *shape)),
                Output(buffer="shown", name="shown", dtype="float32", shape=shape),
            ),
            probes=_probes(arguments),
            width=arguments.width,
            height=arguments.height,
            dt=dt,
            steps_per_frame=steps,
            frames=arguments.frames,
            frames_per_second=arguments.frames_per_second,
        )

    def twin(self, arguments: FieldArguments, *, seed: int) -> Iterator[Snapshot]:
        dt, steps, largest = time_steps(arguments)
        system = equations(arguments, fold_seed(seed))
        share = dt / largest
        bar = legend(arguments)
        state = system.begin()
        step = 0
        for frame in range(arguments.frames):
            if frame:
                for _ in range(steps):
                    state = system.advance(state, step * dt, dt)
                    step += 1
            shown = system.shown(state, step * dt)
            seen = shown if system.wall is None else shown[~system.wall]
            seen = seen[np.isfinite(seen)] if np.isfinite(seen).any() else np.zeros(1)
            low, high = system.range(seen, step * dt)
            statistics = _statistics(state, seen, share)
            picture = paint(arguments, shown, low, high, system.wall)
            if bar is not None:
                bar.paint(picture, low, high, arguments.palette)
            yield Snapshot(
                pixels=prelude.pack_rgba(picture),
                probes={p.name: statistics[p.offset] for p in _probes(arguments)},
                buffers={"fields": state.astype(np.float32), "shown": shown.astype(np.float32)},
            )

    def judge(
        self, arguments: FieldArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        dt, steps, largest = time_steps(arguments)
        values = {
            name: Quantity(value=evidence.series[name][-1][1], unit=arguments.unit)
            for name in ("mean", "minimum", "maximum")
            if evidence.series.get(name)
        }
        if values and values["minimum"].value > values["maximum"].value:
            values = {}  # no cell is a number
        values["time"] = Quantity(
            value=dt * steps * max(0, evidence.frames - 1), unit=arguments.time_unit
        )
        values["dt"] = Quantity(value=dt, unit=arguments.time_unit)
        if math.isfinite(largest):
            values["largest_dt"] = Quantity(value=largest, unit=arguments.time_unit)
        checks = checks_of(equations(arguments), evidence)
        if (count := steps * (evidence.frames - 1)) > 0:
            checks.append(half_step(arguments, dt, count))
        return values, checks


def _constants(arguments: FieldArguments) -> str:
    colours = {"WALL": WALL, "ALARM": ALARM[0], "ALARM_DARK": ALARM[1]}
    lines = [
        f"const COLUMNS: u32 = {arguments.columns}u;",
        f"const ROWS: u32 = {arguments.rows}u;",
        f"const CELLS: u32 = {arguments.columns * arguments.rows}u;",
        f"const FIELDS: u32 = {len(arguments.rates)}u;",
        f"const STRIP: f32 = {strip(arguments)!r};",
        *(f"const {name} = vec3f({r}, {g}, {b});" for name, (r, g, b) in colours.items()),
        f"const CONTOURS: f32 = {float(arguments.contours)!r};",
        f"const RELIEF: f32 = {arguments.relief!r};",
    ]
    return "\n".join(lines) + "\n"


def _probes(arguments: FieldArguments) -> tuple[Probe, ...]:
    """Of what is shown, and of the fields that checks look at."""
    words = {"mean": "平均", "minimum": "最小", "maximum": "最大"}
    found = [
        Probe(buffer="statistics", name=what, unit=arguments.unit, offset=12 + k,
              label_en=what.capitalize(), label_zh=words[what])
        for k, what in enumerate(words)
    ]  # fmt: skip
    found.append(
        Probe(buffer="statistics", name="step_share", offset=15,
              label_en="Step, of the largest stable one", label_zh="步长占最大稳定步长的比例")
    )  # fmt: skip
    watched = {*arguments.conserved, *arguments.bounded}
    for number, name in enumerate(arguments.rates):
        if name in watched:
            found += [
                Probe(buffer="statistics", name=f"{name}_{what}", offset=4 * k + number,
                      label_en=f"{what.capitalize()} of {name}", label_zh=f"{name} {words[what]}")
                for k, what in enumerate(words)
            ]  # fmt: skip
    return tuple(found)


def _statistics(state: Any, shown: Any, share: float) -> list[float]:
    """Twin of ``summarize``."""
    found = [0.0] * 16
    for offset, reduce in ((0, np.mean), (4, np.min), (8, np.max)):
        for k, field in enumerate(state):
            found[offset + k] = float(reduce(field))
    found[12:] = [float(shown.mean()), float(shown.min()), float(shown.max()), share]
    return found


kernel = FieldKernel()
