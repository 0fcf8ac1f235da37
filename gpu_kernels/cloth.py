"""Cloth of masses and springs in the wind: flags, curtains, sheets, hammocks and table cloths.

A grid of equal masses with springs to the next ones across and down, along both diagonals (shear)
and to the next but one (bending), after Provot, "Deformation Constraints in a Mass-Spring Model to
Describe Rigid Cloth Behavior" (1995). Time: semi-implicit Euler, which is stable while
(dt ω)² + 4 ζ dt ω < 4 for the stiffest mode ω with damping ratio ζ. The wind presses on every
vertex with ρ/2 · c · A · |u·n| (u·n) and drags along it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from intentos.bindings import number_of
from intentos.program import Buffer, GpuProgram, Output, Pass, Probe, Uniform, View
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from .camera import camera_wgsl
from .cloth_shape import (
    FOLDS,
    GATHER,
    LADEN,
    PINS_OF,
    beams_wgsl,
    chain_width,
    fold,
    hanging,
    rough,
    scene_of,
    shape_wgsl,
)
from .kernel import Arguments, Compare, KernelBase, workgroups
from .prelude import prelude_wgsl

MAX_VERTICES = 20_000
MAX_STEPS = 2000
PASSES = 64
"""Steps of one round; more are spread over several rounds."""
SAFETY = 0.8
THICKNESS = 0.012
"""Metres between the middle of the cloth and what it lies on."""
PATTERNS = ("plain", "stripes", "checks", "border")

Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]


class ClothArguments(Arguments):
    """Lengths in metres, forces in newtons; the camera's angles come from the shape."""

    width: int = Field(512, ge=16, le=2048)
    height: int = Field(512, ge=16, le=2048)
    frames: int = Field(240, ge=1, le=10_000)
    shape: Literal["flag", "curtain", "sheet", "tablecloth", "hammock"] = "flag"
    """A flag on its pole; a curtain on its rail; washing on a line; a cloth that falls on a ball;
    a cloth between two bars."""
    columns: int = Field(48, ge=2, le=400)
    """Vertices across; so many masses."""
    rows: int = Field(32, ge=1, le=400)
    """Vertices down; a single row is a chain."""
    cloth_width: float = Field(1.5, ge=0.05, le=50)
    cloth_height: float = Field(1.0, ge=0.05, le=50)
    pins: Literal["left", "top", "corners", "ends", "none"] | None = None
    """What is held; the shape's own where nothing is given."""
    slack: float = Field(0.25, ge=0.01, le=0.8)
    """Share of its length by which a hammock's bars are nearer to each other."""
    density: float = Field(0.22, ge=0.01, le=20)
    """kg a square metre; silk has 0.08, cotton 0.2, canvas 0.5."""
    stiffness: float = Field(200.0, ge=1, le=20_000)
    """Newtons that stretch a strip of 1 m width to twice its length."""
    shear: float = Field(0.25, ge=0, le=1)
    """Share of the stiffness that the diagonals have."""
    bending: float = Field(0.03, ge=0, le=0.5)
    """Share of the stiffness that works against folds."""
    damping: float = Field(0.25, ge=0, le=1)
    """Of the stiffest mode, as a share of what would stop it at once."""
    gravity: float = Field(9.81, ge=0, le=50)
    wind: float | None = Field(None, ge=0, le=40)
    """Metres a second; the shape's own where nothing is given."""
    wind_direction: float | None = Field(None, ge=-360, le=360)
    """Degrees; 0 blows to the right, 90 towards the camera; the shape's own where none is given."""
    gusts: float = Field(0.45, ge=0, le=1)
    """Share by which the wind changes."""
    friction: float = Field(0.4, ge=0, le=2)
    """On the ground and on the ball."""
    steps_per_frame: int | None = Field(None, ge=1, le=MAX_STEPS)
    """Of equal length; as few as stay stable where nothing is given."""
    pattern: Literal["plain", "stripes", "checks", "border"] = "plain"
    colour: Colour = "#d3122a"
    second: Colour = "#f3ead8"
    """The pattern's other colour."""
    background: Colour | None = None
    """The sky's upper part; the shape's own where nothing is given."""
    yaw: float = Field(0.0, ge=-360, le=360)
    """Degrees beside the shape's own."""
    pitch: float = Field(0.0, ge=-60, le=80)
    distance: float = Field(3.0, ge=1.8, le=20)
    """Of the camera, in radii of the scene."""
    turns: float = Field(0.0, ge=-20, le=20)
    """Of the camera during the film."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.columns * self.rows > MAX_VERTICES:
            raise ValueError(
                f"{self.columns} x {self.rows} vertices; at most {MAX_VERTICES}, that is "
                f"{MAX_VERTICES // self.columns} rows, fit"
            )
        least = math.ceil(self.frame / self.largest_step - 1e-9)
        if least > MAX_STEPS:
            raise ValueError(
                f"so stiff and fine a cloth takes {least} steps a frame, at most {MAX_STEPS}; "
                "take fewer columns and rows, less stiffness or more density"
            )
        if self.steps_per_frame is not None and self.steps_per_frame < least:
            raise ValueError(f"steps_per_frame must be at least {least} to be stable")
        return self

    @property
    def held(self) -> str:
        """What is pinned."""
        return self.pins or PINS_OF[self.shape]

    @property
    def breeze(self) -> float:
        """Metres a second."""
        own = {"flag": 7.5, "curtain": 1.2, "sheet": 2.5, "tablecloth": 0.0, "hammock": 0.0}
        return own[self.shape] if self.wind is None else self.wind

    @property
    def whence(self) -> float:
        """Degrees in which the wind blows."""
        own = {"flag": 12.0, "curtain": 80.0, "sheet": 65.0, "tablecloth": 0.0, "hammock": 60.0}
        return own[self.shape] if self.wind_direction is None else self.wind_direction

    @property
    def frame(self) -> float:
        """Seconds."""
        return 1 / self.frames_per_second

    @property
    def dx(self) -> float:
        """Metres from column to column."""
        return self.cloth_width / (self.columns - 1)

    @property
    def dy(self) -> float:
        """Metres from row to row; of a chain, what makes its one row a square."""
        return self.cloth_height / (self.rows - 1) if self.rows > 1 else self.dx

    @property
    def mass(self) -> float:
        """Of a vertex, in kg."""
        return self.density * self.dx * self.dy

    @property
    def fastest(self) -> float:
        """An upper bound of the stiffest mode, in radians a second.

        Each spring adds at most 2k along its own direction (Gershgorin); the diagonals, whichever
        way the cloth is turned, at most all their 8k in all.
        """
        k = self.stiffness
        straight = 4 * max(self.dy / self.dx, self.dx / self.dy) * k
        return math.sqrt((straight + 4 * self.shear * k + 4 * self.bending * k) / self.mass)

    @property
    def largest_step(self) -> float:
        """Seconds that one step may last."""
        loss = max(self.damping, 0.25)
        return SAFETY * 2 * (math.sqrt(loss * loss + 1) - loss) / self.fastest

    @property
    def rounds(self) -> int:
        """Rounds of a frame."""
        return math.ceil(self.least_steps / PASSES)

    @property
    def least_steps(self) -> int:
        """Steps of a frame that are wanted."""
        return self.steps_per_frame or max(2, math.ceil(self.frame / self.largest_step - 1e-9))

    @property
    def passes(self) -> int:
        """Steps of a round: an even number, so that it ends where it began."""
        each = math.ceil(self.least_steps / self.rounds)
        return each + each % 2

    @property
    def step(self) -> float:
        """Seconds of one step."""
        return self.frame / (self.rounds * self.passes)


class ClothKernel(KernelBase[ClothArguments]):
    """Values: stretch, energy, speed, lowest point, sag of a hammock. Outputs: ``places`` and
    ``speeds`` (rows, columns, 4)."""

    name = "cloth"
    arguments = ClothArguments
    compare = Compare(rule="tolerance", frames=4, absolute=5e-3, relative=5e-3, pixels=2.0)

    def program(self, arguments: ClothArguments) -> GpuProgram:
        """Return the program; see ``cloth.wgsl``, ``cloth_step.wgsl``, ``cloth_picture.wgsl``."""
        a = arguments
        count, pixels = a.columns * a.rows, a.width * a.height
        vertices = (workgroups(count, 64), 1, 1)
        cells = (workgroups((a.columns - 1) * max(1, a.rows - 1), 64), 1, 1)
        picture = (workgroups(a.width, 8), workgroups(a.height, 8), 1)
        there = Pass(entry="step_there", dispatch=vertices)
        back = Pass(entry="step_back", dispatch=vertices)
        scene = scene_of(a)
        return GpuProgram(
            name=self.name,
            source=prelude_wgsl()
            + camera_wgsl()
            + _constants(a)
            + shape_wgsl(a)
            + beams_wgsl(scene)
            + self.wgsl
            + _there_and_back(self.part("step"))
            + self.part("picture"),
            uniforms=_uniforms(a),
            buffers=(
                Buffer(name="pixels", type="u32", length=pixels),
                Buffer(name="place_a", type="vec4f", length=count),
                Buffer(name="place_b", type="vec4f", length=count),
                Buffer(name="speed_a", type="vec4f", length=count),
                Buffer(name="speed_b", type="vec4f", length=count),
                Buffer(name="air", type="vec4f", length=2 * count + 5),
                Buffer(name="nearest", type="atomic<u32>", length=4 * pixels),
                Buffer(name="lit", type="atomic<u32>", length=LIGHT_SIDE**2),
            ),
            start=(Pass(entry="begin", dispatch=vertices),),
            step=(Pass(entry="blow", dispatch=vertices), *((there, back) * (a.passes // 2))),
            draw=(
                Pass(entry="measure", dispatch=(1, 1, 1)),
                Pass(entry="face", dispatch=vertices),
                Pass(entry="clear", dispatch=(1024, 1, 1)),
                Pass(entry="cover", dispatch=cells),
                Pass(entry="shade_off", dispatch=cells),
                Pass(entry="paint", dispatch=picture),
            ),
            outputs=tuple(
                Output(buffer=buffer, name=name, dtype="float32", shape=(a.rows, a.columns, 4))
                for buffer, name in (("place_a", "places"), ("speed_a", "speeds"))
            ),
            probes=_probes(count),
            width=a.width,
            height=a.height,
            dt=a.frame / a.rounds,
            steps_per_frame=a.rounds,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
            view=View(
                yaw=math.radians(scene.yaw + a.yaw),
                pitch=math.radians(scene.pitch + a.pitch),
                distance=a.distance,
                spin=math.tau * a.turns * a.frames_per_second / a.frames,
            ),
        )

    def twin(self, arguments: ClothArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames, computed in float64."""
        from .cloth_twin import frames

        return frames(arguments, seed)

    def judge(
        self, arguments: ClothArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return the numbers a person wants, and judge them."""
        from .cloth_judge import judge

        return judge(arguments, evidence)


def _there_and_back(step: str) -> str:
    """Return the step, and the same with the two pairs of buffers in each other's place."""
    other = {"a": "b", "b": "a"}
    back = re.sub(r"\b(place|speed)_([ab])\b", lambda m: f"{m[1]}_{other[m[2]]}", step)
    return step + back.replace("fn step_there", "fn step_back")


LIGHT_SIDE = 384
"""Pixels of the light's picture; also in ``cloth_picture.wgsl``."""

MEASURED = (
    # name, unit, English, Chinese; in the order of ``measure``.
    ("motion", "J", "energy of motion", "动能"),
    ("height_energy", "J", "energy of height", "重力势能"),
    ("springs", "J", "energy of the springs", "弹性势能"),
    ("not_finite", "", "vertices that are nowhere", "位置无效的质点"),
    ("stretch", "", "greatest stretch", "最大伸长率"),
    ("below", "m", "deepest below a surface", "最大穿透深度"),
    ("fastest", "m/s", "fastest vertex", "最快的质点"),
    ("off_pins", "m", "greatest way of a pin", "固定点的最大位移"),
)


def _probes(count: int) -> tuple[Probe, ...]:
    return tuple(
        Probe(buffer="air", name=name, unit=unit, offset=8 * count + k, label_en=en, label_zh=zh)
        for k, (name, unit, en, zh) in enumerate(MEASURED)
    )


def _constants(a: ClothArguments) -> str:
    scene = scene_of(a)
    cells = (a.columns - 1) * max(1, a.rows - 1)
    chain, sag = hanging(a)
    half, radius = fold(a)
    bits = max(1, (cells - 1).bit_length())
    whole = {
        "COUNT": a.columns * a.rows,
        "CELLS": cells,
        "CELL_BITS": bits,
        "PATTERN": PATTERNS.index(a.pattern),
    }
    real = {
        "DX": a.dx,
        "DY": a.dy,
        "DIAGONAL": math.hypot(a.dx, a.dy),
        "MASS": a.mass,
        "STEP": a.step,
        "STIFFEST": a.stiffness,
        "MOST_DAMPING": max(a.damping, 0.25),
        "FASTEST": a.fastest,
        "SHEAR": a.shear,
        "BEND": a.bending,
        "THICKNESS": THICKNESS,
        "FRICTION": a.friction,
        "WIDTH": a.cloth_width,
        "HEIGHT": a.cloth_height if a.rows > 1 else 0.0,
        "TOP": scene.top,
        "GATHER": GATHER,
        "FOLDS": FOLDS,
        "FOLD_ANGLE": half,
        "FOLD_RADIUS": radius,
        "CATENARY": chain,
        "SAG": sag,
        "LADEN": LADEN,
        "ROUGH": rough(a),
        "CHAIN_WIDTH": chain_width(a),
        "RADIUS": scene.radius,
        "DEPTHS": float(2 ** (32 - bits) - 2),
    }
    lines = [f"const COLUMNS: i32 = {a.columns};", f"const ROWS: i32 = {a.rows};"]
    lines += [f"const {name}: u32 = {value}u;" for name, value in whole.items()]
    lines += [f"const {name}: f32 = {float(value)!r};" for name, value in real.items()]
    for name, vector in (
        ("CENTRE", scene.centre), ("HORIZON", scene.horizon), ("GROUND", scene.ground),
        ("BALL", scene.ball),
    ):  # fmt: skip
        listed = ", ".join(repr(float(v)) for v in vector)
        lines.append(f"const {name}: vec{len(vector)}f = vec{len(vector)}f({listed});")
    return "\n".join(lines) + "\n"


def _uniforms(a: ClothArguments) -> tuple[Uniform, ...]:
    real = {
        "stiffness": a.stiffness,
        "damping": a.damping,
        "gravity": a.gravity,
        "wind": a.breeze,
        "wind_direction": a.whence,
        "gusts": a.gusts,
    }
    colours = {
        "colour": a.colour,
        "second": a.second,
        "background": a.background or scene_of(a).background,
    }
    return (
        *(Uniform(name=n, value=v) for n, v in real.items()),
        *(Uniform(name=n, type="vec4f", value=number_of(v)) for n, v in colours.items()),
    )


kernel = ClothKernel()
