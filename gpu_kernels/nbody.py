"""Bodies that attract or repel one another, all with all: galaxies, planets, clusters, charges.

Force: Newton's or Coulomb's, softened by Plummer's length: a = S d / (d² + softening²)^(3/2), with
S = G m, or -k q q'/m. Steps: leapfrog as kick, drift, kick, of second order, reversible and
symplectic. Source: Aarseth, *Gravitational N-Body Simulations* (2003); Hockney and Eastwood,
*Computer Simulation Using Particles* (1988).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from intentos.program import Buffer, GpuProgram, Output, Pass, Probe, Uniform, View
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from .camera import camera_wgsl
from .kernel import Arguments, Compare, KernelBase, workgroups
from .lettering import known_text, scale_for
from .nbody_caption import Caption
from .nbody_force import FEW, TILE, force_wgsl, padded, ranges
from .nbody_galaxy import ROWS
from .nbody_systems import Group, System, system_of
from .prelude import known_palette, palette_wgsl, prelude_wgsl
from .splats import Splats

Floats = NDArray[np.floating[Any]]
MAX_BODIES = 65_536
MAX_STEPS_PER_FRAME = 5000
RESULTS = 24
"""Numbers in ``measured`` that sum up a frame."""
PHI = 32 + 64 * RESULTS
"""Where the potentials of single bodies begin there."""
GIVEN_ROWS = 3

Colour = Annotated[str, Field(pattern=r"^(#[0-9a-fA-F]{6})?$")]
Coordinate = Annotated[FiniteFloat, Field(ge=-1e9, le=1e9)]
Place = tuple[Coordinate, Coordinate, Coordinate]


class Body(BaseModel):
    """One body of ``bodies``, in units in which G (or Coulomb's constant) is ``strength``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mass: float = Field(1.0, ge=1e-9, le=1e12)
    position: Place = (0.0, 0.0, 0.0)
    velocity: Place = (0.0, 0.0, 0.0)
    charge: float = Field(0.0, ge=-1e9, le=1e9)
    name: str = Field("", max_length=24)
    colour: Colour = ""
    """As ``#rrggbb``; one of six where none is given."""
    size: float = Field(4.0, ge=0.5, le=30)
    """Of the disc that is drawn, in pixels of a picture of 512."""


class NbodyArguments(Arguments):
    """A system, and how long and how exactly to follow it; without any, two galaxies meet."""

    width: int = Field(512, ge=16, le=2048)
    height: int = Field(512, ge=16, le=2048)
    frames: int = Field(240, ge=1, le=10_000)
    system: Literal[
        "galaxies", "disc", "cluster", "collapse", "charges", "solar", "figure_eight",
        "three_body", "binary", "ring", "bodies",
    ] = "galaxies"  # fmt: skip
    """``galaxies``: two disc galaxies meet (kpc, Myr) · ``disc``: one galaxy · ``cluster``: a
    Plummer sphere in balance (pc, Myr) · ``collapse``: a cold ball (G = M = R = 1) · ``charges``:
    as many positive as negative ones · ``solar``: Sun and planets from J2000 on (AU, days) ·
    ``figure_eight`` · ``three_body``: masses 3, 4, 5 at rest · ``binary``: two stars (half axis, G
    and mass 1) · ``ring``: a planet's ring and its moon · ``bodies``: those that are listed."""
    count: int = Field(3000, ge=2, le=MAX_BODIES)
    """Stars, charges, or grains of a ring or belt. A galaxy's dark halo comes on top."""
    bodies: tuple[Body, ...] = Field((), max_length=64)
    """For ``system: bodies``."""
    force: Literal["gravity", "charge"] = "gravity"
    """For ``system: bodies``: what acts between them."""
    strength: float = Field(1.0, ge=0, le=1e6)
    """Of the force against the real one; where units are free, G or Coulomb's constant."""
    softening: float | None = Field(None, gt=0, le=1e9)
    """Distance within which bodies pass through one another; the system's own where none is
    given."""
    dt: float | None = Field(None, gt=0, le=1e9)
    """Time of a step at most, in the system's unit; likewise."""
    duration: float | None = Field(None, gt=0, le=1e12)
    """Time that the whole film shows; likewise."""
    extras: frozenset[Literal["pluto", "moon", "belt"]] = frozenset()
    """Of the solar system. The belt's ``count`` asteroids have no weight."""
    mass_ratio: float = Field(1.0, ge=0.05, le=1)
    """Of the second galaxy, or star, to the first."""
    nearest: float = Field(7.0, ge=0.5, le=40)
    """Distance at which the galaxies would pass if they were points, in kpc."""
    first_tilt: float = Field(18.0, ge=-180, le=180)
    """Of a galaxy's disc against the orbit, in degrees; 180 turns against it."""
    second_tilt: float = Field(-55.0, ge=-180, le=180)
    eccentricity: float = Field(0.5, ge=0, le=0.95)
    """Of a binary's orbit."""
    heat: float = Field(0.02, ge=0, le=1)
    """Of a collapsing ball: twice its kinetic energy as a share of what would hold it up."""
    reach: float | None = Field(None, gt=0, le=1e10)
    """Distance from the middle that fills half the picture; the system's own otherwise."""
    logarithmic: bool | None = None
    """Whether distances are drawn by their logarithm, so that inner and outer planets fit."""
    colour_by: Literal["", "kind", "speed"] = ""
    """By what bodies are, or by speed through ``palette``; the system's own otherwise."""
    palette: str = "plasma"
    background: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = "#070a16"
    size: float = Field(1.0, ge=0.3, le=4)
    """Of every body on the screen, times its usual one."""
    brightness: float = Field(1.0, ge=0, le=10)
    glow: float | None = Field(None, ge=0, le=3)
    sky: float | None = Field(None, ge=0, le=3)
    """Brightness of the far stars behind."""
    haze: float = Field(1.0, ge=0, le=5)
    """Brightness of the light between the stars of galaxies and clouds."""
    trail: float = Field(1.0, ge=0, le=5)
    """Brightness of the tracks of planets and other single bodies."""
    persistence: float = Field(0.0, ge=0, le=0.99)
    """Share of all light that stays for the next frame: long exposure."""
    yaw: float | None = Field(None, ge=-360, le=360)
    """Degrees, at the start; the system's own otherwise. ``pitch`` likewise, from above."""
    pitch: float | None = Field(None, ge=-90, le=90)
    distance: float = Field(3.0, ge=1.2, le=50)
    """Of the camera, in times ``reach``."""
    turns: float | None = Field(None, ge=-20, le=20)
    """Of the camera during the film."""
    labels: bool = True
    """Writes the time, a bar of known length and the names of single bodies into the picture."""
    measure_every: int | None = Field(None, ge=1, le=10_000)
    """Frames from one measurement of the energy to the next; about forty in the film where none is
    given."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        known_palette(self.palette)
        if (self.system == "bodies") != bool(self.bodies):
            raise ValueError("bodies and system 'bodies' go together")
        for body in self.bodies:
            known_text(body.name)
        if self.system == "galaxies" and self.count < 8:
            raise ValueError("two galaxies need a count of at least 8")
        system = self.scene
        wanted, dt = (self.duration or system.duration), (self.dt or system.dt)
        steps = math.ceil(wanted / max(1, self.frames - 1) / dt - 1e-6)
        if steps > MAX_STEPS_PER_FRAME:
            longest = MAX_STEPS_PER_FRAME * dt * max(1, self.frames - 1)
            raise ValueError(
                f"a frame would need {steps} steps; with steps of {dt:g} the film can show at most "
                f"a duration of {longest:g}"
            )
        return self

    @property
    def scene(self) -> System:
        """The system with all its own numbers."""
        return system_of(self)


class Clock:
    """How a film's time is divided: steps in a frame, and the time of each."""

    def __init__(self, a: NbodyArguments, system: System) -> None:
        self.frame = (a.duration or system.duration) / max(1, a.frames - 1)
        """Time from one frame to the next."""
        self.steps = max(1, math.ceil(self.frame / (a.dt or system.dt) - 1e-6))
        self.dt = self.frame / self.steps
        self.measure = a.measure_every or max(1, round((a.frames - 1) / 40))
        self.track = max(1, self.steps // 4)
        """Steps from one point of a track to the next."""


class NbodyKernel(KernelBase[NbodyArguments]):
    """Values: time, bodies, drifts of energy and momentum, and what the system is known for."""

    name = "nbody"
    arguments = NbodyArguments
    # Sines and logarithms of the beginning differ by 1e-4 between devices, and close passages
    # amplify what differs.
    compare = Compare(rule="tolerance", frames=3, absolute=2e-3, relative=2e-3, outliers=0.01)

    def program(self, arguments: NbodyArguments) -> GpuProgram:
        """Return the program; see ``nbody.wgsl``."""
        a, system = arguments, arguments.scene
        clock, count = Clock(a, system), system.count
        splats, caption = splats_of(a, system), Caption.of(a, system, clock)
        tracked = len(system.given)
        source = "\n".join(
            (
                prelude_wgsl(), camera_wgsl(), splats.wgsl(), palette_wgsl(a.palette),
                _constants(a, system, clock), _placed(system, caption), force_wgsl(), self.wgsl,
                caption.wgsl(),
            )
        )  # fmt: skip
        each = (workgroups(count, 64), 1, 1)
        drawn = [Pass(entry="stars", dispatch=each)]
        if every := haze_of(system):
            drawn.append(Pass(entry="haze", dispatch=(workgroups(count, 64 * every), 1, 1)))
        if tracked and system.kept > 2:
            drawn.append(
                Pass(entry="trace", dispatch=(workgroups(tracked * (system.kept - 1), 64), 1, 1))
            )
        if system.orbits:
            drawn.append(Pass(entry="orbit", dispatch=(2 * len(system.orbits), 1, 1)))
        remember = (Pass(entry="remember", dispatch=(1, 1, 1)),) if tracked else ()
        first = (Pass(entry="remember_first", dispatch=(1, 1, 1)),) if tracked else ()
        return GpuProgram(
            name=self.name,
            source=source,
            uniforms=(*splats.uniforms, *_uniforms(a, system)),
            buffers=(
                *splats.buffers,
                Buffer(name="bodies", type="vec4f", length=padded(count)),
                Buffer(name="motion", type="vec4f", length=padded(count)),
                Buffer(name="force", type="vec4f", length=padded(count)),
                Buffer(
                    name="record",
                    type="vec4f",
                    length=pins_of(system) + tracked + 1 + len(caption.rows()),
                ),
                Buffer(name="measured", type="f32", length=PHI + count),
            ),
            start=(
                Pass(entry="write_tables", dispatch=(1, 1, 1)),
                Pass(entry="place", dispatch=each),
                *first,
                *_sum(system, "attract", kicks=0),
            ),
            step=(Pass(entry="drift", dispatch=each), *_sum(system, "attract", kicks=1), *remember),
            draw=(
                *_sum(system, "weigh", kicks=0),
                Pass(entry="gather", dispatch=(64, 1, 1)),
                Pass(entry="add_up", dispatch=(1, 1, 1)),
                *drawn,
                *splats.after,
                *caption.passes(a),
            ),
            outputs=(
                Output(buffer="bodies", name="bodies", dtype="float32", shape=(padded(count), 4)),
                Output(buffer="motion", name="motion", dtype="float32", shape=(padded(count), 4)),
            ),
            probes=probes_of(system, clock),
            width=a.width,
            height=a.height,
            dt=clock.dt,
            steps_per_frame=clock.steps,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
            view=view_of(a, system),
        )

    def twin(self, arguments: NbodyArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames; stars that pass close by one another part in time."""
        from .nbody_twin import frames

        return frames(arguments, seed)

    def judge(
        self, arguments: NbodyArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return what was measured, and judge conservation and known periods."""
        from .nbody_judge import judge

        return judge(arguments, evidence)


def splats_of(a: NbodyArguments, system: System) -> Splats:
    """Return the light of a picture."""
    lines = len(system.given) * system.kept + 128 * len(system.orbits)
    return Splats(
        width=a.width, height=a.height, lights=system.count + 2 * len(system.given) + lines,
        background=a.background, glow=system.glow if a.glow is None else a.glow,
        persistence=a.persistence, own_ground=True,
    )  # fmt: skip


def view_of(a: NbodyArguments, system: System) -> View:
    """Return the camera at the start."""
    turns = system.turns if a.turns is None else a.turns
    return View(
        yaw=math.radians(system.yaw if a.yaw is None else a.yaw),
        pitch=math.radians(system.pitch if a.pitch is None else a.pitch),
        distance=a.distance,
        spin=math.tau * turns * a.frames_per_second / a.frames,
    )


def reach_of(a: NbodyArguments, system: System) -> tuple[float, float]:
    """Return the distance that fills the picture, and from which on distances are logarithms."""
    wanted = a.logarithmic if a.logarithmic is not None else system.logarithmic > 0
    reach = a.reach or system.reach
    return reach, (system.logarithmic or reach / 100) if wanted else 0.0


def by_speed(a: NbodyArguments, system: System) -> bool:
    """Return whether colours show speeds."""
    return a.colour_by == "speed" or (a.colour_by == "" and system.by_speed)


def haze_of(system: System) -> int:
    """Return how many bodies share one wide light; 0: there is none."""
    return max(2, system.count // 2000) if system.hazy else 0


def haze_light(system: System) -> float:
    """Return the light of a wide one as a share of its body's: all of them as bright, few or many.

    It was found by eye with every second of 6,000 stars.
    """
    return 0.028 * haze_of(system) / max(2, system.count // 2500)


def shown_uniforms(a: NbodyArguments, system: System) -> dict[str, float]:
    """Return the kernel's own uniforms; a person may turn them while it runs."""
    return {
        "reach": reach_of(a, system)[0],
        "size": a.size,
        "brightness": a.brightness,
        "trail": a.trail,
        "haze": a.haze,
        "sky": system.sky if a.sky is None else a.sky,
        "fastest": system.fastest,
    }


def _uniforms(a: NbodyArguments, system: System) -> tuple[Uniform, ...]:
    return tuple(Uniform(name=n, value=v) for n, v in shown_uniforms(a, system).items())


def _sum(system: System, entry: str, kicks: int) -> tuple[Pass, ...]:
    """Return the dispatches of a sum over all sources."""
    constants = {"kicks": float(kicks)}
    if system.sources <= FEW:
        few = (workgroups(system.count, 64), 1, 1)
        return (Pass(entry=f"{entry}_few", dispatch=few, constants=constants),)
    groups = (padded(system.count) // TILE, 1, 1)
    parts = ranges(system.count, system.sources)
    return tuple(
        Pass(
            entry=entry, dispatch=groups,
            constants={
                "first_tile": float(low), "last_tile": float(high),
                "kicks": float(kicks and high == parts[-1][1]),
            },
        )
        for low, high in parts
    )  # fmt: skip


def probes_of(system: System, clock: Clock) -> tuple[Probe, ...]:
    """Return what is read every few frames, and the places of bodies whose period is known."""
    en_zh = {
        "kinetic": (0, "kinetic energy", "动能"),
        "potential": (1, "potential energy", "势能"),
        "lost": (2, "bodies without a place", "位置无效的天体"),
        "push_x": (4, "momentum x", "动量 x"),
        "push_y": (5, "momentum y", "动量 y"),
        "push_z": (6, "momentum z", "动量 z"),
        "push": (7, "sum of momenta", "动量大小之和"),
        "swing_x": (8, "angular momentum x", "角动量 x"),
        "swing_y": (9, "angular momentum y", "角动量 y"),
        "swing_z": (10, "angular momentum z", "角动量 z"),
        "swing": (11, "sum of angular momenta", "角动量大小之和"),
        "weight": (20, "mass", "质量"),
        "spread": (21, "mass times distance squared", "转动惯量"),
    }
    if system.middles[0][1]:
        en_zh |= {
            f"middle_{k}{c}": (12 + 4 * k + n, f"middle {k + 1} {c}", f"中心 {k + 1} {c}")
            for k in (0, 1)
            for n, c in enumerate("xyz")
        }
    scale = {
        f"middle_{k}{c}": 1 / max(1, system.middles[k][1] - system.middles[k][0])
        for k in (0, 1)
        for c in "xyz"
    }
    found = [
        Probe(buffer="measured", name=name, offset=at, label_en=en, label_zh=zh,
              scale=scale.get(name, 1.0), every=clock.measure)
        for name, (at, en, zh) in en_zh.items()
    ]  # fmt: skip
    for body in watched(system):
        found += [
            Probe(buffer="bodies", name=f"body{body}_{c}", offset=4 * body + n,
                  unit=system.length_unit, label_en=f"{system.given[body].name} {c}",
                  label_zh=f"{system.given[body].name} {c}")
            for n, c in enumerate("xyz")
        ]  # fmt: skip
    return tuple(found)


def watched(system: System) -> list[int]:
    """Return the bodies whose places are told at every frame."""
    centres = {p.centre for p in system.periods if p.centre is not None}
    return sorted({p.body for p in system.periods} | centres)


def _constants(a: NbodyArguments, system: System, clock: Clock) -> str:
    first = reach_of(a, system)[1]
    middles = [f"vec2u({low}u, {high}u)" for low, high in system.middles]
    lines = {
        "COUNT: u32": f"{system.count}u",
        "SOURCES: u32": f"{system.sources}u",
        "STRENGTH: f32": _float(system.gravity * a.strength),
        "ELECTRIC: bool": str(system.electric).lower(),
        "SOFT: f32": _float(soft(system)),
        "DISCS: u32": f"{len(system.given)}u",
        "TRACKED: u32": f"{len(system.given)}u",
        "KEPT: u32": f"{system.kept}u",
        "TRACK_EVERY: u32": f"{clock.track}u",
        "ORBITS: u32": f"{len(system.orbits)}u",
        "MEASURE: u32": f"{clock.measure}u",
        "PHI: u32": f"{PHI}u",
        "TABLES: u32": f"{_tables(system)}u",
        "PINS: u32": f"{pins_of(system)}u",
        "TITLES: u32": f"{pins_of(system) + len(system.given) + 1}u",
        "LETTERS: f32": f"{scale_for(a.width, a.height)}.0",
        "ROWS: u32": f"{ROWS}u",
        "FIRST_MIDDLE: vec2u": middles[0],
        "SECOND_MIDDLE: vec2u": middles[1],
        "LOGARITHMIC: bool": str(first > 0).lower(),
        "LOG_FROM: f32": _float(first or 1.0),
        "HAZE: u32": f"{haze_of(system)}u",
        "HAZE_LIGHT: f32": repr(haze_light(system)),
        "BY_SPEED: bool": str(by_speed(a, system)).lower(),
    }
    return "\n".join(f"const {name} = {value};" for name, value in lines.items()) + "\n"


def _tables(system: System) -> int:
    """Return where the tables begin in ``record``."""
    return system.count + len(system.given) * system.kept


def pins_of(system: System) -> int:
    """Return where in ``record`` the places of the names begin."""
    return _tables(system) + len(rows_of(system))


def soft(system: System) -> float:
    """Return the square of the softening: never 0, so that a body does not meet itself at 1/0."""
    return max(system.softening**2, 1e-18)


def _float(x: float) -> str:
    return f"f32({float(x)!r})"


def _vector(numbers: tuple[float, ...]) -> str:
    return f"vec{len(numbers)}f({', '.join(repr(float(x)) for x in numbers)})"


def _placed(system: System, caption: Caption) -> str:
    """Return ``placed`` and ``write_tables``: the system as code."""
    lines = ["fn placed(i: u32) -> Body {", "  var b: Body;"]
    if system.given:
        lines.append(f"  if (i < {len(system.given)}u) {{ return given(i); }}")
    first, before = len(system.given), GIVEN_ROWS * len(system.given) + 3 * len(system.orbits)
    places, at = {}, before
    for table in tables_of(system):
        places[id(table)] = at
        at += len(table)
    for group in system.groups:
        lines += _of_group(group, first, places.get(id(group.table), 0))
        first += group.count
    rows = "\n".join(
        f"  record[{start} + {k}u] = {_vector(row)};"
        for start, table in (("TABLES", rows_of(system)), ("TITLES", caption.rows()))
        for k, row in enumerate(table)
    )
    # Stored one by one: an array in the shader's own memory takes some drivers minutes to compile.
    write = f"@compute @workgroup_size(1)\nfn write_tables() {{\n{rows}\n}}\n"
    return "\n".join([*lines, "  return b;", "}", write])


def rows_of(system: System) -> list[tuple[float, ...]]:
    """Return all tables: single bodies (three rows each), their orbits, and the groups' own."""
    rows: list[tuple[float, ...]] = []
    for body in system.given:
        rows += [(*body.place, body.mass), (*body.velocity, body.charge)]
        rows.append((*ink_of(body.colour), body.size))
    rows += [(*(float(x) for x in v), 0.0) for orbit in system.orbits for v in orbit]
    rows += [tuple(float(x) for x in row) for table in tables_of(system) for row in table]
    return rows


def tables_of(system: System) -> list[Floats]:
    """Return the groups' tables; two galaxies of one kind share theirs."""
    tables = {id(g.table): g.table for g in system.groups if g.table is not None}
    return list(tables.values())


def ink_of(colour: str) -> tuple[float, float, float]:
    """Return a ``#rrggbb`` as linear RGB."""
    red, green, blue = ((int(colour[i : i + 2], 16) / 255) ** 2.2 for i in (1, 3, 5))
    return red, green, blue


def _of_group(group: Group, first: int, table: int) -> list[str]:
    call = {
        "disc": f"disc(i, k, n, {table}u, ",
        "sphere": f"sphere(i, k, n, {table}u",
        "ball": "ball(i, k, n, ",
        "belt": "belt(i, ",
    }[group.kind] + ", ".join(_float(x) for x in group.shape)
    look = {
        "dark": "vec4f(0.0)",
        "flat": f"vec4f({_vector(group.tint)}, 1.0)",
        "arms": f"arms(i, k, n, {_vector(group.tint)})",
        "bulge": "old_stars(i)",
        "stars": "any_stars(i)",
    }[group.look]
    turn = f"0.0, {_float(group.tilt)}, {_float(group.node)}"
    return [
        f"  if (i >= {first}u && i < {first + group.count}u) {{",
        f"    let k = i - {first}u;",
        f"    let n = {group.count}u;",
        f"    b = {call});",
        f"    let look = {look};",
        f"    b.at = tilted(b.at, {turn}) + {_vector(group.place)};",
        f"    b.velocity = tilted(b.velocity, {turn}) + {_vector(group.drift)};",
        f"    b.mass = {_float(group.mass)};",
        f"    b.charge = {_float(group.charge)};",
        f"    b.colour = look.xyz * {_float(group.light)};",
        f"    b.size = look.w * {_float(group.size)};",
        "  }",
    ]


kernel = NbodyKernel()
