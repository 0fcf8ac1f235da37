"""Random walks, diffusion-limited aggregation and percolation.

Walks: after a time t the mean square displacement is 2 d D t in d dimensions. Source: Einstein,
Ann. Phys. 17, 549 (1905). Aggregates: Witten and Sander, Phys. Rev. Lett. 47, 1400 (1981); the
fractal dimension in the plane is about 1.71 (Meakin, *Fractals, Scaling and Growth Far from
Equilibrium*, 1998). Percolation: of sites on the square lattice the threshold is 0.592746 (Newman
and Ziff, Phys. Rev. Lett. 85, 4104, 2000), with diagonal neighbours 0.407254 (by duality).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from intentos.program import Buffer, GpuProgram, Output, Pass, Probe, View
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from .camera import camera_wgsl
from .captions import BRIGHT, DIM, Captions, Figure, Word
from .chart import Chart, Series
from .kernel import Arguments, Colour, Compare, KernelBase, in_rows, workgroups
from .lettering import scale_for
from .prelude import known_palette, palette_wgsl, prelude_wgsl
from .random_words import random_words_wgsl
from .splats import Splats, light_each
from .ticks import ticks_wgsl

MAX_WALKERS = 2_000_000
GROUPS = 32
SHORTEST, FAR = 1e-9, 1e8
"""Of a step and of a way: beyond, their fourth powers are no float32."""
SEEDS = ("point", "line", "ring")
PALETTES = {"walk": "sunset", "aggregation": "sunset", "percolation": "spectrum"}
THRESHOLDS = {4: 0.592746, 8: 0.407254}
TRAIL_WALKERS = {1: 160, 2: 48, 3: 48}
"""Those whose way is drawn, by dimensions."""


class WalkArguments(Arguments):
    """``model`` decides which of the other arguments count."""

    model: Literal["walk", "aggregation", "percolation"] = "walk"
    frames: int = Field(240, ge=1, le=10_000)
    steps_per_frame: int | None = Field(None, ge=1, le=256)
    """Steps of a walk (by default 4), or rounds of 64 hops of every walker (aggregation, 9)."""
    walkers: int | None = Field(None, ge=1, le=MAX_WALKERS)
    """By default 20,000 (walk), or 4,096 under way at a time (aggregation)."""
    dimensions: Literal[1, 2, 3] = 2
    """Of a walk; in one dimension the picture shows time from left to right."""
    steps: Literal["lattice", "normal"] = "normal"
    """A step along one axis, or a normally distributed one in every direction."""
    diffusivity: float = Field(1.0, gt=0, le=1e12)
    """In ``length_unit`` squared a ``time_unit``."""
    step_time: float = Field(1.0, gt=0, le=1e12)
    """Time of a step."""
    length_unit: str = Field("", max_length=20)
    time_unit: str = Field("", max_length=20)
    trail: float = Field(0.97, ge=0, le=1)
    """Share of a trail's light that stays for the next frame."""
    chart: bool = True
    """Draws the mean square displacement beside its law."""
    cells: int = Field(256, ge=32, le=2048)
    """Of the grid's side (aggregation, percolation)."""
    particles: int = Field(16_000, ge=10, le=1_000_000)
    """After which an aggregate stops growing."""
    start: Literal["point", "line", "ring"] = "point"
    """What an aggregate grows on: a point, the ground, or a ring, from which it grows inwards."""
    stickiness: float = Field(1.0, ge=0.01, le=1)
    """Chance that a walker stays at a contact; below 1 the branches get denser."""
    lowest: float = Field(0.48, ge=0, le=1)
    """Share of open cells at the beginning (percolation)."""
    highest: float = Field(0.63, ge=0, le=1)
    neighbours: Literal[4, 8] = 4
    palette: str = ""
    background: Colour = "#05060f"
    glow: float | None = Field(None, ge=0, le=5)
    """By default what suits the model."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.palette:
            known_palette(self.palette)
        if self.lowest > self.highest:
            raise ValueError("lowest must not be above highest")
        if self.model == "aggregation" and self.count > 65_536:
            raise ValueError("at most 65536 walkers may be under way to an aggregate")
        if self.model == "walk" and self.frames * self.each_frame > 2**24:
            most = 2**24 // self.frames
            raise ValueError(f"steps_per_frame may be at most {most} with {self.frames} frames")
        if self.model == "walk" and not SHORTEST <= self.step_length <= self.reach_length <= FAR:
            raise ValueError(
                f"a step of {self.step_length:g} and a way of {self.reach_length:g} length units; "
                f"choose a unit of length in which they lie between {SHORTEST:g} and {FAR:g}"
            )
        return self

    @property
    def colours(self) -> str:
        """The palette."""
        return self.palette or PALETTES[self.model]

    @property
    def each_frame(self) -> int:
        """Steps or rounds a frame."""
        return self.steps_per_frame or {"walk": 4, "aggregation": 9, "percolation": 1}[self.model]

    @property
    def count(self) -> int:
        """Walkers."""
        if self.walkers is not None:
            return self.walkers
        return {"walk": 20_000, "aggregation": 4096, "percolation": 1}[self.model]

    @property
    def trails(self) -> int:
        """Walkers whose way is drawn."""
        return min(TRAIL_WALKERS[self.dimensions], self.count)

    @property
    def step_length(self) -> float:
        """Root mean square length of a step."""
        return math.sqrt(2 * self.dimensions * self.diffusivity * self.step_time)

    @property
    def all_steps(self) -> int:
        """Of a walk."""
        return max(1, (self.frames - 1) * self.each_frame)

    @property
    def reach_length(self) -> float:
        """What lies at the edge of the picture."""
        wide = {1: 3.4, 2: 2.3, 3: 2.5}[self.dimensions]
        return wide * self.step_length * math.sqrt(self.all_steps)

    @property
    def rounds(self) -> int:
        """Rounds of the aggregation in the whole film."""
        return max(1, (self.frames - 1) * self.each_frame)

    @property
    def levels(self) -> tuple[int, int]:
        """First and last share of open cells, in 65,536ths."""
        return round(self.lowest * 65_536), round(self.highest * 65_536)

    def splats(self) -> Splats:
        """Return the light of the picture."""
        usual = {"walk": 0.3, "aggregation": 0.7, "percolation": 0.12}[self.model]
        usual = 0.12 if self.model == "walk" and self.dimensions == 1 else usual
        glow = usual if self.glow is None else self.glow
        keeps = {"walk": self.trail, "aggregation": 0.0, "percolation": 0.0}[self.model]
        if self.model == "walk" and self.dimensions == 1:
            keeps = 1.0
        lights = self.count + 2 * self.trails + 300
        return Splats(
            width=self.width, height=self.height, lights=max(20_000, lights),
            background=self.background, glow=glow, persistence=keeps,
        )  # fmt: skip


HOPS = 64


class WalkKernel(KernelBase[WalkArguments]):
    """Values: diffusivity and spread; dimension and size of an aggregate; the threshold."""

    name = "walk"
    arguments = WalkArguments
    compare = Compare(rule="tolerance", frames=40, absolute=2e-3, relative=1e-3, pixels=2.0)

    def program(self, arguments: WalkArguments) -> GpuProgram:
        """Return the program of the model."""
        match arguments.model:
            case "walk":
                return self._walk(arguments)
            case "aggregation":
                return self._aggregation(arguments)
            case "percolation":
                return self._percolation(arguments)

    def _walk(self, a: WalkArguments) -> GpuProgram:
        splats, chart = a.splats(), chart_of(a)
        every, lines = in_rows(a.count), (workgroups(a.trails, 64), 1, 1)
        measure = (
            Pass(entry="measure", dispatch=(GROUPS, 1, 1)),
            Pass(entry="conclude", dispatch=(1, 1, 1)),
        )
        draw = [*measure]
        if a.dimensions == 1:
            draw.append(Pass(entry="unroll", dispatch=lines))
        else:
            draw.append(Pass(entry="shine", dispatch=every))
            draw.append(Pass(entry="trail", dispatch=lines))
        draw += [Pass(entry="ring", dispatch=(4, 1, 1)), *splats.after]
        source = [random_words_wgsl(), self.wgsl]
        if chart is not None:
            draw += chart.passes
            source += [ticks_wgsl(), chart.wgsl()]
        return _program(
            a, splats, _constants(a) + "\n".join(source),
            buffers=(
                Buffer(name="walkers", type="vec4f", length=a.count),
                Buffer(name="earlier", type="vec4f", length=a.count),
                Buffer(name="parts", type="vec4f", length=2 * GROUPS),
                Buffer(name="statistics", type="vec4f", length=2),
                Buffer(name="path", type="f32", length=a.frames),
            ),
            step=(Pass(entry="stroll", dispatch=every),),
            draw=draw,
            steps_per_frame=1,
            dt=a.step_time * a.each_frame,
            outputs=(
                Output(buffer="walkers", name="walkers", dtype="float32", shape=(a.count, 4)),
            ),
            probes=_walk_probes(a),
            view=View(pitch=0.35, distance=3.0, spin=0.35),
        )  # fmt: skip

    def _aggregation(self, a: WalkArguments) -> GpuProgram:
        splats, captions = a.splats(), captions_of(a)
        cells = (workgroups(a.cells, 8), workgroups(a.cells, 8), 1)
        every = (workgroups(a.count, 64), 1, 1)
        picture = (workgroups(a.width, 8), workgroups(a.height, 8), 1)
        return _program(
            a, splats, _constants(a) + self.part("aggregate") + captions.wgsl(),
            buffers=(
                Buffer(name="grid", type="u32", length=a.cells**2),
                Buffer(name="claims", type="atomic<u32>", length=a.cells**2),
                Buffer(name="roam", type="vec4u", length=a.count),
                Buffer(name="reach", type="atomic<u32>", length=8),
            ),
            start=(Pass(entry="sow", dispatch=cells), Pass(entry="send_out", dispatch=every)),
            step=(
                Pass(entry="wander", dispatch=every),
                Pass(entry="settle", dispatch=every),
                Pass(entry="take_stock", dispatch=(1, 1, 1)),
            ),
            draw=[
                Pass(entry="glow_cells", dispatch=picture),
                Pass(entry="dust", dispatch=every),
                *splats.after,
                *captions.after,
            ],
            steps_per_frame=a.each_frame,
            dt=1.0,
            outputs=(
                Output(buffer="grid", name="arrivals", dtype="uint32", shape=(a.cells, a.cells)),
            ),
            probes=(
                Probe(buffer="reach", name="arrived", offset=0, label_en="particles in the cluster",
                      label_zh="团簇中的粒子数"),
                Probe(buffer="reach", name="radius", offset=4, unit="cells",
                      label_en="radius (or height)", label_zh="半径（或高度）"),
            ),
            view=View(),
        )  # fmt: skip

    def _percolation(self, a: WalkArguments) -> GpuProgram:
        splats, captions = a.splats(), captions_of(a)
        row = (workgroups(a.cells, 64), a.cells, 1)
        picture = (workgroups(a.width, 8), workgroups(a.height, 8), 1)
        names = (
            ("open_cells", 0, "open cells", "开放格点数"),
            ("largest", 1, "cells of the largest cluster", "最大团簇的格点数"),
            ("spanning", 2, "cells of the cluster that spans", "贯通团簇的格点数"),
            ("clusters", 3, "clusters", "团簇数"),
            ("level", 4, "share of open cells, wanted", "设定的开放比例"),
        )
        return _program(
            a, splats, _constants(a) + self.part("percolate") + captions.wgsl(),
            buffers=(
                Buffer(name="labels", type="atomic<u32>", length=a.cells**2),
                Buffer(name="sizes", type="atomic<u32>", length=a.cells**2),
                Buffer(name="tally", type="atomic<u32>", length=8),
            ),
            draw=[
                Pass(entry="label_rows", dispatch=(workgroups(a.cells, 16), 1, 1)),
                Pass(entry="join_rows", dispatch=row),
                Pass(entry="name_clusters", dispatch=row),
                Pass(entry="survey", dispatch=row),
                Pass(entry="glow_clusters", dispatch=picture),
                *splats.after,
                *captions.after,
            ],
            steps_per_frame=0,
            dt=1.0,
            outputs=(
                Output(buffer="labels", name="clusters", dtype="uint32", shape=(a.cells, a.cells)),
            ),
            probes=tuple(
                Probe(buffer="tally", name=n, offset=k, label_en=en, label_zh=zh,
                      scale=1 / 65_536 if n == "level" else 1.0)
                for n, k, en, zh in names
            ),
            view=View(),
        )  # fmt: skip

    def twin(self, arguments: WalkArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames; cells and lattice walks agree exactly."""
        from .walk_twin import frames

        return frames(arguments, seed)

    def judge(
        self, arguments: WalkArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return the model's numbers and judge them."""
        from .walk_judge import judge

        return judge(arguments, evidence)


def chart_of(a: WalkArguments) -> Chart | None:
    """Return the chart of the mean square displacement, where the picture has room for it."""
    if not a.chart or min(a.width, a.height) < 200:
        return None
    total = a.all_steps * a.step_time
    law = 2 * a.dimensions * a.diffusivity * total
    small = min(a.width, a.height)
    frames = max(a.frames - 1, 1)
    span = repr(float(total))
    top = round(0.03 * small if a.dimensions == 1 else a.height - 0.31 * small)
    return Chart(
        name="spread", width=a.width, height=a.height, left=round(0.03 * small),
        top=top, wide=round(0.42 * small), high=round(0.28 * small),
        x=("0.0", span), y=("0.0", repr(float(1.15 * law))),
        title="mean square distance", x_title="t",
        series=(
            Series(kind="line", count=a.frames, name="walkers", fill=0.15,
                   value="select(bitcast<f32>(0x7fc00000u | (uniforms.frame & 1u)), path[i], "
                         "i <= uniforms.frame)"),
            Series(kind="line", count=2, name="2dDt", value=f"f32(i) * {float(law)!r}"),
        ),
    ) if frames > 1 else None  # fmt: skip


def captions_of(a: WalkArguments) -> Captions:
    """Return the numbers of an aggregate or of percolation."""
    s = scale_for(a.width, a.height)
    big = max(2, round(min(a.width, a.height) / 170))
    left, top = 12 * s, 12 * s
    if a.model == "aggregation":
        return Captions(
            (Word("n = ", (left, top), big, DIM, 0.6),),
            (Figure("f32(atomicLoad(&reach[0]))", (left + 20 * big, top), 0, big, BRIGHT, 0.6),),
        )
    at = f"f32(atomicLoad(&tally[4])) * {1 / 65_536!r}"
    return Captions(
        (Word("p = ", (left, top), big, DIM, 0.8),),
        (Figure(at, (left + 20 * big, top), 4, big, BRIGHT, 0.8),),
    )


def brightness(a: WalkArguments) -> tuple[float, float, float]:
    """Return the light of a walker, of a trail and of the ring, so that trails add up to enough."""
    stays = max(1 - a.trail, 0.02)
    share = 0.14 if a.dimensions < 3 else 0.10
    each = light_each(a.count, 1.3 * min(a.width, a.height) / 512, a.width * a.height, share)
    lines = a.trails
    if a.dimensions == 1:
        return 0.0, min(0.9, 25 / lines), 1.0
    return each * stays * 0.8, min(0.9, 30 / lines), 1.6 * stays


def _constants(a: WalkArguments) -> str:
    walker, trail, ring = brightness(a)
    low, high = a.levels
    whole = {
        "WALKERS": a.count, "STEPS": a.each_frame, "DIMENSIONS": a.dimensions,
        "FRAMES": a.frames, "GROUPS": GROUPS, "TRAILS": a.trails,
        "CELLS": a.cells, "SEED": SEEDS.index(a.start), "HOPS": HOPS, "PARTICLES": a.particles,
        "STICKY": round(65_536 * a.stickiness), "LEVEL_FIRST": low, "LEVEL_LAST": high,
    }  # fmt: skip
    real = {
        "STEP": a.step_length, "REACH_LENGTH": a.reach_length, "BRIGHTNESS": walker,
        "TRAIL_LIGHT": trail, "RING_LIGHT": ring, "HEAD_LIGHT": max(1 - a.trail, 0.05),
        "ROUNDS": 1.0,
        "LAST_ROUND": float(a.rounds), "FRESH": 4.0 * a.each_frame,
    }  # fmt: skip
    true = {"LATTICE": a.steps == "lattice", "DIAGONAL": a.neighbours == 8}
    lines = [f"const {n}: u32 = {v}u;" for n, v in whole.items()]
    lines += [f"const {n}: f32 = {float(v)!r};" for n, v in real.items()]
    lines += [f"const {n}: bool = {str(v).lower()};" for n, v in true.items()]
    return "\n".join(lines) + "\n"


def _walk_probes(a: WalkArguments) -> tuple[Probe, ...]:
    square = f"{a.length_unit}²" if a.length_unit else ""
    told = [
        ("mean_x", 0, a.length_unit, "mean place, x", "平均位置 x"),
        ("mean_square", 3, square, "mean square displacement", "均方位移"),
        ("inside", 5, "", "share within the root mean square", "均方根半径内的比例"),
        ("not_finite", 6, "", "share of walkers that are nowhere", "位置无效的比例"),
    ]
    return tuple(
        Probe(buffer="statistics", name=n, offset=k, unit=unit, label_en=en, label_zh=zh)
        for n, k, unit, en, zh in told
    )


def _program(
    a: WalkArguments,
    splats: Splats,
    source: str,
    *,
    buffers: tuple[Buffer, ...],
    draw: list[Pass],
    steps_per_frame: int,
    dt: float,
    outputs: tuple[Output, ...],
    probes: tuple[Probe, ...],
    view: View,
    start: tuple[Pass, ...] = (),
    step: tuple[Pass, ...] = (),
) -> GpuProgram:
    shared = [prelude_wgsl(), palette_wgsl(a.colours), camera_wgsl(), splats.wgsl()]
    return GpuProgram(
        name="walk",
        source="\n".join([*shared, source]),
        uniforms=splats.uniforms,
        buffers=(*splats.buffers, *buffers),
        start=start,
        step=step,
        draw=tuple(draw),
        outputs=outputs,
        probes=probes,
        width=a.width,
        height=a.height,
        dt=dt,
        steps_per_frame=steps_per_frame,
        frames=a.frames,
        frames_per_second=a.frames_per_second,
        view=view,
    )


kernel = WalkKernel()
