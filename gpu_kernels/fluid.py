"""Flowing fluid: a lattice Boltzmann method with nine velocities (D2Q9), obstacles, dye, buoyancy.

Source: Krüger et al., *The Lattice Boltzmann Method* (2017); the parts name theirs in the shader.
Kinematic viscosity ν = (τ - 1/2)/3 in cells² a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from intentos.program import Buffer, GpuProgram, Output, Pass, Probe, Uniform
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from .expression import Formula
from .fluid_lattice import MOST_SPEED, Lattice
from .fluid_shader import constants, formulas, painting, streams
from .kernel import Arguments, Compare, KernelBase, workgroups
from .prelude import known_palette, palette_wgsl, prelude_wgsl
from .scale import Scale
from .ticks import ticks_wgsl

MAX_CELLS = 3_600_000
"""Nine float32 of each fit into one binding of 128 MiB."""
TEAMS = 64
COLOUR = r"^#[0-9a-fA-F]{6}$"


class FluidArguments(Arguments):
    """Lengths are heights of the picture: y runs from 0 to 1 upward, x from 0 to width/height.
    Velocities count in ``speed``, time t in heights over ``speed``. Formulas know x, y and the
    parameters; a source also t, a force also t and dye."""

    frames: int = Field(240, ge=1, le=10_000)
    boundary: Literal["tunnel", "open", "box", "cavity", "channel", "periodic"] = "tunnel"
    """Wind from the left; air all around; four walls; four walls of which the upper one moves to
    the right; periodic between two walls; periodic."""
    sides: Literal["slip", "wall", "periodic"] = "slip"
    """Of a tunnel, above and below."""
    rows: int = Field(224, ge=16, le=1536)
    """Cells over the picture's height."""
    columns: int | None = Field(None, ge=16, le=4096)
    """As many as the picture's shape asks for where none are given."""
    speed: float = Field(0.08, gt=0.001, le=MOST_SPEED)
    """Of the inflow, the lid, or whatever the velocities count in: cells a step. Live."""
    reynolds: float | None = Field(None, gt=0.01, le=1e7)
    """speed · length / viscosity; 180 where neither it nor ``viscosity`` is given. Live."""
    viscosity: float | None = Field(None, gt=0, le=2)
    """In cells² a step, in place of ``reynolds``. Live."""
    length: float | None = Field(None, gt=0, le=100)
    """For the Reynolds number; the obstacle's height, or 1 without an obstacle."""
    obstacle: Formula | None = None
    """Where it is solid. A tunnel has a cylinder where nothing is given; "0" for none."""
    velocity_x: Formula = ""
    """At the beginning; the inflow's in a tunnel where none is given, and else rest."""
    velocity_y: Formula = ""
    force_x: Formula = ""
    """In speed² a height. ``force_y`` likewise."""
    force_y: Formula = ""
    buoyancy: float = Field(0.0, ge=-50, le=50)
    """Upward force of dye 1, in speed² a height (a Richardson number; Boussinesq). Live."""
    dye: Formula | None = None
    """At the beginning, from 0 to 1."""
    source: Formula | None = None
    """The dye that there is at least, at any time. A tunnel has streaks from the left where
    neither is given."""
    fade: float = Field(0.0, ge=0, le=100)
    """Share of the dye that goes, per unit of time. Live."""
    steps_per_frame: int = Field(20, ge=2, le=4000)
    """Lattice steps; rounded up to whole rounds of an even number of steps."""
    view: Literal["dye", "vorticity", "speed", "mixed"] = "mixed"
    """``mixed``: dye, coloured by the vorticity."""
    palette: str | None = None
    """``ice_fire``, ``inferno`` and ``plasma`` for vorticity, dye and speed where none is given."""
    low: FiniteFloat | None = None
    """The value at the palette's beginning: vorticity in speed/length, speed in ``speed``, dye."""
    high: FiniteFloat | None = None
    relief: float = Field(1.0, ge=0, le=10)
    """How strongly light from the upper left shows the slopes of what is seen."""
    bar: bool | None = None
    """Draws the palette with numbers; with vorticity and speed where nothing is given."""
    body: str = Field("#39414f", pattern=COLOUR)
    """Colour of the obstacle."""
    background: str = Field("#0a0e18", pattern=COLOUR)
    """Behind the dye of the mixed view."""
    populations: bool = False
    """Also saves the nine populations of every cell, from which the flow could go on."""
    parameters: dict[str, FiniteFloat] = Field(default={}, max_length=32)

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: dict[str, object]) -> dict[str, object]:
        data = dict(data)
        if data.get("boundary", "tunnel") == "tunnel":
            if data.get("obstacle") is None:
                data["obstacle"] = CYLINDER
            if data.get("dye") is None and data.get("source") is None:
                # Held until the sound of the sudden start is gone.
                data["source"] = f"where(x < 0.01 or t < 0.12, {STREAKS}, 0)"
        for name in ("obstacle", "dye", "source"):
            data[name] = "" if data.get(name) in (None, "0", 0) else data[name]
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.reynolds is not None and self.viscosity is not None:
            raise ValueError("give either reynolds or viscosity")
        if self.palette is not None:
            known_palette(self.palette)
        low, high = self.limits
        if low >= high:
            raise ValueError(f"low is {low:g} and must be below high, {high:g}")
        cells = Lattice(self).cells
        if cells > MAX_CELLS:
            most = int(self.rows * (MAX_CELLS / cells) ** 0.5)
            raise ValueError(f"{cells} cells are too many; with {most} rows they fit")
        return self

    @property
    def reynolds_number(self) -> float:
        """The wanted one."""
        return self.reynolds if self.reynolds is not None else 180.0

    @property
    def limits(self) -> tuple[float, float]:
        """What the palette's ends stand for."""
        usual = {"dye": (0.0, 1.0), "speed": (0.0, 1.6)}.get(self.view, (-4.0, 4.0))
        low, high = self.low, self.high
        if low is None and high is not None and usual[0] < 0:
            low = -high
        if high is None and low is not None and usual[0] < 0:
            high = -low
        return (usual[0] if low is None else low, usual[1] if high is None else high)

    @property
    def colours(self) -> str:
        """The palette's name."""
        usual = {"dye": "inferno", "speed": "plasma"}.get(self.view, "ice_fire")
        return self.palette or usual

    @property
    def scale(self) -> Scale | None:
        """The bar with numbers."""
        if not (self.view in ("vorticity", "speed") if self.bar is None else self.bar):
            return None
        unit = {"dye": "", "speed": "u/U"}.get(self.view, "ωL/U")
        return Scale(width=self.width, height=self.height, low="LOW", high="HIGH", unit=unit)


CYLINDER = "disc(x, y, 0.25, 0.5, 0.06)"
STREAKS = "smoothstep(0.2, 0.8, cos(2*pi*12*y))"


class FluidKernel(KernelBase[FluidArguments]):
    """Values: Reynolds and Mach number, mass drift, drag, and the Strouhal number of a wake."""

    name = "fluid"
    arguments = FluidArguments
    compare = Compare(rule="tolerance", frames=4, absolute=2e-4, relative=2e-3, outliers=2e-3)

    def program(self, arguments: FluidArguments) -> GpuProgram:
        """Return the program; see ``fluid.wgsl``."""
        a, lattice = arguments, Lattice(arguments)
        lattice.check()
        source = [
            prelude_wgsl(), palette_wgsl(a.colours), constants(a, lattice), formulas(a, lattice),
            self.wgsl, streams(), painting(a),
        ]  # fmt: skip
        draw = [Pass(entry="measure", dispatch=(TEAMS, 1, 1)),
                Pass(entry="summarize", dispatch=(1, 1, 1))]  # fmt: skip
        if a.view != "dye":
            draw.append(Pass(entry="look", dispatch=(workgroups(lattice.cells, 64), 1, 1)))
        picture = (workgroups(a.width, 8), workgroups(a.height, 8), 1)
        draw.append(Pass(entry="paint", dispatch=picture))
        if a.scale:
            source += [ticks_wgsl(), a.scale.wgsl()]
            draw.append(a.scale.draw)
        return GpuProgram(
            name=self.name,
            source="\n".join(source),
            uniforms=_uniforms(a),
            buffers=_buffers(a, lattice),
            start=(Pass(entry="begin", dispatch=(workgroups(lattice.cells // 4, 64), 1, 1)),),
            step=_round(lattice),
            swaps=(("dye", "spare"),) if lattice.dyed else (),
            draw=tuple(draw),
            outputs=_outputs(a, lattice),
            probes=probes(lattice),
            width=a.width,
            height=a.height,
            dt=lattice.dt,
            steps_per_frame=lattice.rounds,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
        )

    def twin(self, arguments: FluidArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames, in float32."""
        from .fluid_twin import frames

        return frames(arguments, seed)

    def judge(
        self, arguments: FluidArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return the numbers of the flow, and what is known of it in advance."""
        from .fluid_judge import judge

        return judge(arguments, evidence)


def _uniforms(a: FluidArguments) -> tuple[Uniform, ...]:
    values: dict[str, float] = {"speed": a.speed, "buoyancy": a.buoyancy, "fade": a.fade}
    if a.viscosity is not None:
        values["viscosity"] = a.viscosity
    else:
        values["reynolds"] = a.reynolds_number
    return tuple(Uniform(name=n, value=v) for n, v in {**values, **a.parameters}.items())


def _buffers(a: FluidArguments, lattice: Lattice) -> tuple[Buffer, ...]:
    cells = lattice.cells
    quads = cells // 4
    return (
        Buffer(name="pixels", type="u32", length=a.width * a.height),
        Buffer(name="gas", type="vec4f", length=9 * quads),
        Buffer(name="gas_next", type="vec4f", length=9 * quads),
        Buffer(name="kinds", type="u32", length=quads),
        Buffer(name="flow", type="vec4f", length=cells),
        Buffer(name="dye", type="f32", length=cells),
        # The dye of the next round and, while a picture is drawn, what it shows.
        Buffer(name="spare", type="f32", length=cells),
        # The force on every cell, then what the teams measured, then the totals.
        Buffer(name="work", type="vec4f", length=2 * quads + 3 * TEAMS + 4),
    )


def _round(lattice: Lattice) -> tuple[Pass, ...]:
    quads = (workgroups(lattice.cells // 4, 64), 1, 1)
    entries = ["even", "odd"] * (lattice.steps // 2)
    passes = [Pass(entry=entry, dispatch=quads) for entry in [*entries[:-1], "last"]]
    if lattice.forced:
        passes.insert(0, Pass(entry="urge", dispatch=quads))
    if lattice.dyed:
        passes.append(Pass(entry="carry", dispatch=(workgroups(lattice.cells, 64), 1, 1)))
    return tuple(passes)


def _outputs(a: FluidArguments, lattice: Lattice) -> tuple[Output, ...]:
    columns, rows = lattice.size
    found = [
        Output(buffer="flow", name="flow", dtype="float32", shape=(rows, columns, 4)),
        Output(buffer="dye", name="dye", dtype="float32", shape=(rows, columns)),
    ]
    if a.populations:
        found.append(
            Output(buffer="gas", name="populations", dtype="float32", shape=(9, rows, columns))
        )
    return tuple(found)


def probes(lattice: Lattice) -> tuple[Probe, ...]:
    """Numbers of every frame, in the arguments' units."""
    first = 4 * (2 * (lattice.cells // 4) + 3 * TEAMS)
    table = [
        ("mass", 0, "", "density excess", "密度偏差"),
        ("energy", 1, "U²", "mean squared speed", "平均速度平方"),
        ("flow", 2, "U", "mean speed to the right", "平均水平速度"),
        ("dye", 3, "", "mean dye", "平均染料浓度"),
        ("drag", 4, "", "drag coefficient", "阻力系数"),
        ("lift", 5, "", "lift coefficient", "升力系数"),
        ("broken", 6, "", "cells that are not finite", "数值失效的格子"),
        ("fastest", 8, "", "greatest speed, cells a step", "最大速度（格/步）"),
        ("viscosity", 9, "", "viscosity, cells² a step", "粘度（格²/步）"),
        ("inflow", 10, "", "speed, cells a step", "来流速度（格/步）"),
        ("beyond", 11, "", "beyond the stable range", "超出稳定范围"),
        ("wake_x", 12, "U", "speed in the wake", "尾流水平速度"),
        ("wake_y", 13, "U", "cross speed in the wake", "尾流横向速度"),
    ]
    return tuple(
        Probe(buffer="work", name=name, offset=first + offset, unit=unit, label_en=en, label_zh=zh)
        for name, offset, unit, en, zh in table
    )


kernel = FluidKernel()
