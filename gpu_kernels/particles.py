"""Up to a million points in space: surfaces, curves and clouds from formulas, and attractors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from intentos.bindings import number_of
from intentos.program import (
    Buffer,
    GpuProgram,
    Output,
    Pass,
    Probe,
    Uniform,
    View,
)
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity, Words

from .camera import camera_wgsl
from .kernel import Arguments, Colour, Compare, KernelBase, in_rows, judged, workgroups
from .particles_formulas import Formulas
from .prelude import known_palette, palette_wgsl, prelude_wgsl
from .splats import Splats

MAX_POINTS = 1_000_000
LEAST_IN_VIEW = 0.05
LEAST_OF_A_SURFACE = 256
EXPOSURE = 1.05
RARE = 17
"""One point of a surface in so many may sparkle."""
TORN = 40.0
"""Radii that a surface's row of points may be long; where two of them are further apart than their
share of it, the surface is torn."""

Formula = Annotated[str, Field(max_length=2000)]

HEART = (
    "16/17 * sin(tau*a)^3 * sin(pi*b)",
    "(13*cos(tau*a) - 5*cos(2*tau*a) - 2*cos(3*tau*a) - cos(4*tau*a) + 2.5)/17 * sin(pi*b)",
    "cos(pi*b) * (0.2 + 0.375*smoothstep(-0.9, 0.5, y))",
)


class ParticlesArguments(Arguments):
    """Formulas in the expression language; without any, a heart."""

    width: int = Field(512, ge=16, le=2048)
    height: int = Field(512, ge=16, le=2048)
    points: int = Field(80_000, ge=1, le=MAX_POINTS)
    x: Formula = HEART[0]
    """Place of a point, of a, b, h1..h4, n, t, phase and the parameters; y is up. The formula of y
    may use x, that of z both."""
    y: Formula = HEART[1]
    z: Formula = HEART[2]
    dx: Formula = ""
    """Rate of change, of x, y, z, t and the parameters; then x, y, z are where points start."""
    dy: Formula = ""
    dz: Formula = ""
    solid: bool = True
    """Whether x, y, z over a and b are a surface, lit and opaque; otherwise points of light."""
    joined: bool = False
    """Whether points of light are a curve: each is joined to the next by a line. Let the formulas
    use n, which runs along it; a few thousand points do."""
    shade: Formula = "1"
    """0..1 picks from the palette; without a palette it multiplies the colour. A surface blends
    it between neighbouring points, so let it meet itself where the surface closes."""
    light: Formula = "1"
    """Brightness of a point that is not part of a surface; 0 hides it."""
    parameters: dict[str, float] = Field(default_factory=dict, max_length=24)
    """Numbers that the formulas may use by name."""
    colour: Colour = "#e0123c"
    background: Colour = "#2a0f24"
    palette: str = ""
    """One of ``prelude.PALETTES``; empty: ``colour`` alone."""
    size: float = Field(1.0, ge=0.2, le=10)
    """Radius of a point of light or of a curve, in pixels of a picture of 512."""
    brightness: float = Field(0.25, ge=0.001, le=20)
    """Of points of light: about 0.25 for 80,000, more for fewer."""
    glow: float = Field(0.35, ge=0, le=5)
    persistence: float = Field(0.0, ge=0, le=0.98)
    """Share of the light of points that stays for the next frame: 0.9 leaves trails, as of a
    camera whose shutter stays open."""
    gloss: float = Field(1.0, ge=0, le=3)
    """Of a surface."""
    glitter: float = Field(0.5, ge=0, le=1)
    """Share of a surface that sparkles."""
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """What the camera looks at."""
    radius: float = Field(1.0, gt=0, le=1e6)
    """How far from the centre the object reaches."""
    up: Literal["y", "z"] = "y"
    yaw: float = Field(0.0, ge=-360, le=360)
    """Degrees, at the start."""
    pitch: float = Field(12.0, ge=-90, le=90)
    """Degrees from above."""
    distance: float = Field(3.0, ge=1.05, le=50)
    """Of the camera, in radii."""
    turns: float = Field(1.0, ge=-20, le=20)
    """Turns of the camera during the film; whole numbers close the loop."""
    speed: float = Field(1.0, ge=0, le=1000)
    """Units of t a second of film."""
    steps_per_frame: int = Field(4, ge=1, le=200)
    """Steps of integration, with rates."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.palette:
            known_palette(self.palette)
        rates = [bool(r) for r in (self.dx, self.dy, self.dz)]
        if any(rates) and not all(rates):
            raise ValueError("dx, dy and dz come together")
        if (any(rates) or self.joined) and self.solid:
            object.__setattr__(self, "solid", False)
        # Its meshes must stay below BROADEST pixels; see particles_surface.wgsl.
        least = max(LEAST_OF_A_SURFACE, (min(self.width, self.height) // 24) ** 2)
        if self.solid and self.points < least:
            raise ValueError(f"a surface in a picture of this size needs at least {least} points")
        return self

    @property
    def moves(self) -> bool:
        """Whether the points follow rates."""
        return bool(self.dx)

    @property
    def steps(self) -> int:
        """Steps a frame; formulas need one."""
        return self.steps_per_frame if self.moves else 1

    @property
    def dt(self) -> float:
        """Time of a step."""
        return max(self.speed, 1e-9) / self.frames_per_second / self.steps


class ParticlesKernel(KernelBase[ParticlesArguments]):
    """Points in space, drawn by splatting."""

    name = "particles"
    arguments = ParticlesArguments
    compare = Compare(rule="tolerance", frames=3, absolute=1e-3, relative=1e-3)

    def program(self, arguments: ParticlesArguments) -> GpuProgram:
        """Return the program; see ``particles.wgsl`` and ``particles_surface.wgsl``.

        Raises:
            InvalidProgram: a formula cannot be read; names it and the place in it.
        """
        a, formulas = arguments, Formulas(arguments)
        splats, tally = splats_of(a), tally_of(a)
        pixels = a.width * a.height
        buffers = [
            *splats.buffers,
            Buffer(name="positions", type="vec4f", length=a.points),
            Buffer(name="facing", type="vec4f", length=a.points),
            Buffer(name="nearest", type="atomic<u32>", length=tally + 2),
        ]
        if a.solid:
            buffers.append(Buffer(name="seen", type="vec4f", length=a.points))
            buffers.append(Buffer(name="image", type="vec4f", length=pixels))
        return GpuProgram(
            name=self.name,
            source=self._source(a, formulas, splats),
            uniforms=(*_uniforms(a), *splats.uniforms),
            buffers=tuple(buffers),
            start=(_each_point(a, "place"),) if a.moves else (),
            step=(_each_point(a, "integrate"),) if a.moves else (),
            draw=(*_draw(a), *splats.after),
            outputs=(
                Output(buffer="positions", name="positions", dtype="float32", shape=(a.points, 4)),
            ),
            probes=_probes(a),
            width=a.width,
            height=a.height,
            dt=a.dt,
            steps_per_frame=a.steps,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
            view=view_of(a),
        )

    def _source(self, a: ParticlesArguments, formulas: Formulas, splats: Splats) -> str:
        ink = "return linear_ink(uniforms.colour.xyz) * t;"
        if a.palette:
            ink = "return linear_ink(palette(t));"
        columns, rows = formulas.grid() if a.solid else (2, 2)
        bits = (2 * (columns - 1) * (rows - 1)).bit_length()
        torn = ", ".join(f"{TORN / n:.5f}" for n in (columns, rows))
        parts = [
            prelude_wgsl(),
            palette_wgsl(a.palette) if a.palette else "",
            f"""
// Colours to light, near enough to the power of 2.2.
fn linear_ink(c: vec3f) -> vec3f {{ return c * c * (0.7106 + 0.2894 * c); }}
fn ink(t: f32) -> vec3f {{ {ink} }}
const SHADED: bool = {str(a.shade.strip() != "1").lower()};
const SOLID: bool = {str(a.solid).lower()};
const STREAKS: bool = {str(a.persistence > 0).lower()};
const COLUMNS: u32 = {columns}u;
const ROWS: u32 = {rows}u;
const TALLY: u32 = {tally_of(a)}u;
const RARE: u32 = {RARE}u;
const COUNTED: u32 = {counted(a)}u;
const ID_BITS: u32 = {bits}u;
const DEPTHS: f32 = {2 ** (32 - bits) - 2}.0;
const TORN: vec2f = vec2f({torn});
""",
            formulas.wgsl(),
            camera_wgsl(),
            splats.wgsl(),
            self.wgsl,
        ]
        if a.solid:
            parts.append(self.part("surface"))
        return "".join(parts)

    def twin(self, arguments: ParticlesArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames; a surface's edge may differ by single points."""
        from .particles_twin import frames

        return frames(arguments, Formulas(arguments), seed)

    def judge(
        self, arguments: ParticlesArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return how much was drawn, and judge that all points exist and are to be seen."""
        a = arguments
        shares = [v for _, v in evidence.series["in_view"]]
        places = evidence.outputs["positions"][:, :3]
        gone = float(np.count_nonzero(~np.isfinite(places).all(axis=1)))
        nowhere = max(gone, *(v for _, v in evidence.series["not_finite"]))
        share = sum(shares) / len(shares)
        values = {
            "points": Quantity(value=a.points),
            "turns": Quantity(value=a.turns),
            "in_view": Quantity(value=round(100 * share, 1), unit="%"),
        }
        return values, [
            judged(
                "positions_finite",
                Words(en="Every point is somewhere", zh="每个点都有确定的位置"),
                nowhere == 0,
                f"{nowhere:.0f} of {a.points} points without a place",
                "generic",
            ),
            judged(
                "points_in_view",
                Words(en="The points are in the picture", zh="点位于画面之内"),
                share >= LEAST_IN_VIEW,
                f"{100 * share:.1f} % on average, at least {100 * LEAST_IN_VIEW:.0f} %",
                "generic",
            ),
        ]


def view_of(a: ParticlesArguments) -> View:
    """Return the camera: its spin makes ``turns`` turns in ``frames`` frames."""
    return View(
        yaw=math.radians(a.yaw),
        pitch=math.radians(a.pitch),
        distance=a.distance,
        spin=math.tau * a.turns * a.frames_per_second / a.frames,
    )


def _each_point(a: ParticlesArguments, entry: str) -> Pass:
    return Pass(entry=entry, dispatch=in_rows(a.points))


def _draw(a: ParticlesArguments) -> tuple[Pass, ...]:
    clear = Pass(entry="clear", dispatch=(min(workgroups(tally_of(a) + 2, 64), 1024), 1, 1))
    if a.solid:
        picture = (workgroups(a.width, 8), workgroups(a.height, 8), 1)
        each = (_each_point(a, entry) for entry in ("lay", "cover"))
        glitter = Pass(entry="glitter", dispatch=(workgroups(-(-a.points // RARE), 64), 1, 1))
        return (clear, *each, glitter, Pass(entry="develop", dispatch=picture))
    if a.joined:
        place = () if a.moves else (_each_point(a, "place"),)
        return (clear, *place, _each_point(a, "join"))
    return (clear, _each_point(a, "light_up" if a.moves else "appear"))


def splats_of(a: ParticlesArguments) -> Splats:
    """Return how light becomes a picture."""
    return Splats(
        width=a.width,
        height=a.height,
        lights=a.points,
        background=a.background,
        glow=a.glow,
        persistence=a.persistence,
        exposure=EXPOSURE,
        surface=a.solid,
    )


def tally_of(a: ParticlesArguments) -> int:
    """Return where the counts lie: behind what a surface keeps of every pixel."""
    return a.width * a.height if a.solid else 0


def counted(a: ParticlesArguments) -> int:
    """Return n: every n-th point is counted, since counting all of them would take long."""
    return max(1, a.points // 8192)


def _probes(a: ParticlesArguments) -> tuple[Probe, ...]:
    return (
        Probe(
            buffer="nearest",
            name="in_view",
            offset=tally_of(a),
            scale=1 / -(-a.points // counted(a)),
            label_en="share of points in view",
            label_zh="可见点的比例",
        ),
        Probe(
            buffer="nearest",
            name="not_finite",
            offset=tally_of(a) + 1,
            label_en="points that are nowhere",
            label_zh="位置无效的点",
        ),
    )


def _uniforms(a: ParticlesArguments) -> tuple[Uniform, ...]:
    whole = {"points": a.points, "upright": int(a.up == "z")}
    real = {
        "film": float(a.frames),
        "centre_x": a.centre[0],
        "centre_y": a.centre[1],
        "centre_z": a.centre[2],
        "radius": a.radius,
        "size": a.size,
        "brightness": a.brightness,
        "gloss": a.gloss,
        "glitter": a.glitter,
        **a.parameters,
    }
    return (
        *(Uniform(name=n, type="u32", value=v) for n, v in whole.items()),
        *(Uniform(name=n, type="f32", value=v) for n, v in real.items()),
        Uniform(name="colour", type="vec4f", value=number_of(a.colour)),
    )


kernel = ParticlesKernel()
