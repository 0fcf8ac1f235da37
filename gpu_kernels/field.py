"""Partial differential equations for up to four fields on a grid of square cells.

Space: second-order central differences (five-point Laplacian). Time: explicit Euler, or, with
``update: staggered``, field after field (symplectic Euler), which is what waves need. Source of the
step limits: von Neumann analysis, as in LeVeque, *Finite Difference Methods* (2007), ch. 9.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, FiniteFloat, model_validator

from intentos.bindings import fold_seed
from intentos.errors import InvalidProgram
from intentos.program import STANDARD_UNIFORMS, Buffer, GpuProgram, Output, Pass, Probe, Uniform
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity, Words

from . import prelude
from .expression import Formula, check_names, parse
from .field_equations import CELL, Equations
from .kernel import Arguments, Compare, KernelBase, workgroups

MAX_STEPS_PER_FRAME = 5000
SAFETY = 0.9
BAR_WIDTH = 0.09
GROUPS = 64


class FieldArguments(Arguments):
    """Formulas know every field, x and y (0 to 1 across the grid, y up), i and j (the cell), t
    and the parameters; rates and ``show`` also lap(u), dx(u), dy(u) of a field u."""

    rates: dict[str, Formula] = Field(min_length=1, max_length=4)
    """Field → its rate of change, in its unit per unit of time."""
    initial: dict[str, Formula] = {}
    """Field → its beginning; 0 where none is given. Knows no fields."""
    boundary: Literal["periodic", "insulated", "fixed"] = "insulated"
    boundary_values: dict[str, Formula] = {}
    """With a fixed boundary: field → value just outside the grid, of t and the parameters."""
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
    """Draws the palette beside the picture."""
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


def equations(arguments: FieldArguments) -> Equations:
    """Return the parsed formulas; raises InvalidProgram where one is wrong."""
    standard = {name for name, _ in STANDARD_UNIFORMS}
    fields = list(arguments.rates)
    check_names(fields, {*CELL, "lap", "dx", "dy", *standard})
    check_names(arguments.parameters, {*CELL, "lap", "dx", "dy", *standard, *fields})
    return Equations(arguments)


class FieldKernel(KernelBase[FieldArguments]):
    """Values: mean, minimum, maximum of what is shown, the time reached, and the steps used."""

    name = "field"
    arguments = FieldArguments
    # float32 against float64: errors of 1e-7 a step, a few hundred steps.
    compare = Compare(rule="tolerance", frames=4, absolute=2e-4, relative=2e-4, pixels=1.5)

    def program(self, arguments: FieldArguments) -> GpuProgram:
        dt, steps, _ = time_steps(arguments)
        system = equations(arguments)
        cells = arguments.columns * arguments.rows
        count = len(arguments.rates)
        grid = (workgroups(arguments.columns, 8), workgroups(arguments.rows, 8), 1)
        view = (workgroups(arguments.width, 8), workgroups(arguments.height, 8), 1)
        source = [
            prelude.prelude_wgsl(),
            prelude.palette_wgsl(arguments.palette),
            _constants(arguments),
            system.wgsl,
            self.wgsl,
        ]
        shape = (arguments.rows, arguments.columns)
        return GpuProgram(
            name=self.name,
            source="\n".join(source),
            uniforms=tuple(Uniform(name=n, value=v) for n, v in arguments.parameters.items()),
            buffers=(
                Buffer(name="pixels", type="u32", length=arguments.width * arguments.height),
                Buffer(name="state", type="f32", length=count * cells),
                Buffer(name="next", type="f32", length=count * cells),
                Buffer(name="shown", type="f32", length=cells),
                Buffer(name="parts", type="vec4f", length=GROUPS * 4),
                Buffer(name="statistics", type="f32", length=16),
            ),
            start=(Pass(entry="begin", dispatch=grid),),
            step=tuple(Pass(entry=entry, dispatch=grid) for entry in system.entries),
            swaps=(("state", "next"),),
            draw=(
                Pass(entry="measure", dispatch=(GROUPS, 1, 1)),
                Pass(entry="summarize", dispatch=(1, 1, 1)),
                Pass(entry="paint", dispatch=view),
            ),
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
        dt, steps, _ = time_steps(arguments)
        system, folded = equations(arguments), fold_seed(seed)
        state = system.begin(folded)
        step = 0
        for frame in range(arguments.frames):
            if frame:
                for _ in range(steps):
                    state = system.advance(state, step * dt, dt, folded)
                    step += 1
            shown = system.shown(state, step * dt, folded)
            low, high = system.range(shown, step * dt)
            statistics = _statistics(state, shown)
            yield Snapshot(
                pixels=_paint(arguments, shown, low, high),
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
        values["time"] = Quantity(
            value=dt * steps * max(0, evidence.frames - 1), unit=arguments.time_unit
        )
        values["dt"] = Quantity(value=dt, unit=arguments.time_unit)
        if math.isfinite(largest):
            values["largest_dt"] = Quantity(value=largest, unit=arguments.time_unit)
        checks = [_finite(evidence)]
        checks += [_conserved(name, evidence) for name in arguments.conserved]
        checks += [_bounded(name, arguments, evidence) for name in arguments.bounded]
        return values, checks


def _constants(arguments: FieldArguments) -> str:
    lines = [
        f"const COLUMNS: u32 = {arguments.columns}u;",
        f"const ROWS: u32 = {arguments.rows}u;",
        f"const CELLS: u32 = {arguments.columns * arguments.rows}u;",
        f"const FIELDS: u32 = {len(arguments.rates)}u;",
        f"const BAR: bool = {str(arguments.bar).lower()};",
        f"const BAR_WIDTH: f32 = {BAR_WIDTH!r};",
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
    watched = {*arguments.conserved, *arguments.bounded}
    for number, name in enumerate(arguments.rates):
        if name in watched:
            found += [
                Probe(buffer="statistics", name=f"{name}_{what}", offset=4 * k + number,
                      label_en=f"{what.capitalize()} of {name}", label_zh=f"{name} {words[what]}")
                for k, what in enumerate(words)
            ]  # fmt: skip
    return tuple(found)


def _statistics(state: Any, shown: Any) -> list[float]:
    """Twin of ``summarize``."""
    found = [0.0] * 16
    for offset, reduce in ((0, np.mean), (4, np.min), (8, np.max)):
        for k, field in enumerate(state):
            found[offset + k] = float(reduce(field))
    found[12:15] = [float(shown.mean()), float(shown.min()), float(shown.max())]
    return found


def _finite(evidence: Evidence) -> Check:
    fields = evidence.outputs["fields"]
    bad = int(fields.size - np.isfinite(fields).sum())
    return Check(
        name="finite",
        title=Words(en="No value is infinite or undefined", zh="没有无穷或未定义的值"),
        kind="physical",
        status="failed" if bad else "passed",
        detail=f"{bad} of {fields.size} values are not finite",
    )


def _conserved(name: str, evidence: Evidence) -> Check:
    means = np.array([v for _, v in evidence.series[f"{name}_mean"]])
    scale = max(
        abs(float(means[0])),
        abs(evidence.series[f"{name}_maximum"][0][1] - evidence.series[f"{name}_minimum"][0][1]),
        1e-30,
    )
    drift = float(np.abs(means - means[0]).max()) / scale
    return Check(
        name=f"{name}_conserved",
        title=Words(en=f"The total of {name} is kept", zh=f"{name} 的总量守恒"),
        kind="physical",
        status="passed" if drift < 1e-3 else "failed",
        detail=f"mean {means[0]:.6g} → {means[-1]:.6g}, largest drift {drift:.2e}",
    )


def _bounded(name: str, arguments: FieldArguments, evidence: Evidence) -> Check:
    low = [v for _, v in evidence.series[f"{name}_minimum"]]
    high = [v for _, v in evidence.series[f"{name}_maximum"]]
    edge = [low[0], high[0]]
    if arguments.boundary == "fixed":
        edge.append(equations(arguments).boundary_value(name, 0.0))
    room = 1e-4 * max(max(edge) - min(edge), 1e-6 * max(map(abs, edge)), 1e-30)
    inside = min(low) >= min(edge) - room and max(high) <= max(edge) + room
    return Check(
        name=f"{name}_bounded",
        title=Words(
            en=f"{name} stays between its first extremes", zh=f"{name} 不超出最初的最小和最大值"
        ),
        kind="physical",
        status="passed" if inside else "failed",
        detail=f"{min(low):.6g} … {max(high):.6g} within {min(edge):.6g} … {max(edge):.6g}",
    )


def _paint(arguments: FieldArguments, shown: Any, low: float, high: float) -> Any:
    """Twin of ``paint``."""
    size = np.array([arguments.width, arguments.height], np.float64)
    across, up = np.arange(arguments.width) + 0.5, np.arange(arguments.height)[::-1] + 0.5
    place = np.stack(np.meshgrid(across, up), axis=-1)
    strip = BAR_WIDTH * size[0] if arguments.bar else 0.0
    room = size - [strip, 0]
    grid = np.array([arguments.columns, arguments.rows], np.float64)
    extent = grid * (room / grid).min()
    corner = (room - extent) / 2
    view = (place - corner) / extent
    inside = ((place >= corner) & (place < corner + extent)).all(axis=-1)

    def level(at: Any) -> Any:
        with np.errstate(all="ignore"):
            return prelude.finite((_sample(shown, at) - low) / (high - low))

    here = level(view)
    slope = [level(view + step) - here for step in ([1 / extent[0], 0], [0, 1 / extent[1]])]
    colour = np.full((*here.shape, 3), (0.035, 0.043, 0.063))
    shade = _shaded(arguments, here, slope[0], slope[1], extent[0])
    colour[inside] = shade[inside]
    if arguments.bar:
        _paint_bar(arguments, colour, place, strip)
    return prelude.pack_rgba(colour)


def _paint_bar(arguments: FieldArguments, colour: Any, place: Any, strip: float) -> None:
    corner = np.array([arguments.width - strip + strip * 0.22, arguments.height * 0.08])
    size = np.array([strip * 0.36, arguments.height * 0.84])
    inside = (place - corner) / size
    on = ((inside >= 0) & (inside <= 1)).all(axis=-1)
    colour[on] = prelude.palette(arguments.palette, inside[..., 1])[on]
    upward = inside[..., 1]
    tick = np.abs((upward * 4 + 0.5) % 1 - 0.5) * size[1] / 4 < 0.75
    beside = place[..., 0] - corner[0] - size[0]
    tick &= (upward > -0.01) & (upward < 1.01) & (beside > 2) & (beside < strip * 0.14)
    colour[tick] = (0.75, 0.78, 0.84)


def _sample(shown: Any, at: Any) -> Any:
    """Twin of ``sample``."""
    rows, columns = shown.shape
    limit = np.array([columns - 1, rows - 1])
    p = np.clip(at * [columns, rows] - 0.5, 0, limit)
    cell = np.minimum(p, limit - 1).astype(np.int64)
    wx, wy = (p - cell)[..., 0], (p - cell)[..., 1]
    i, j = cell[..., 0], cell[..., 1]
    low = shown[j, i] * (1 - wx) + shown[j, i + 1] * wx
    return low * (1 - wy) + (shown[j + 1, i] * (1 - wx) + shown[j + 1, i + 1] * wx) * wy


def _shaded(arguments: FieldArguments, level: Any, right: Any, up: Any, extent: float) -> Any:
    """Twin of ``shaded``."""
    colour = prelude.palette(arguments.palette, level)
    if arguments.relief > 0:
        x, y = right * extent * arguments.relief / 4, up * extent * arguments.relief / 4
        light = (0.6 * x - 0.6 * y + 0.53) / np.sqrt(1 + x * x + y * y) / 0.53
        gloss = np.clip(light - 0.9, 0, 1) ** 2
        colour = colour * np.clip(light, 0.25, 1.6)[..., None] + gloss[..., None] * 0.25
    if arguments.contours:
        steep = np.maximum(np.hypot(right, up) * arguments.contours, 1e-6)
        distance = np.abs((level * arguments.contours + 0.5) % 1 - 0.5) / steep
        line = (1 - prelude.smooth_between(0.4, 1.4, distance)) * prelude.smooth_between(
            0.0, 0.004, steep
        )
        colour = colour + (1 - colour) * (0.35 * line)[..., None]
    return colour


kernel = FieldKernel()
