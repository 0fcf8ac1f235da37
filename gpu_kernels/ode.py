"""Small systems of ordinary differential equations, alone or as an ensemble of up to 100,000.

Time: explicit Runge–Kutta with a fixed step (``euler``, ``midpoint``, ``rk4``) or with a step of
every member's own (``adaptive``: Dormand and Prince, "A family of embedded Runge-Kutta formulae",
1980; step control after Hairer, Nørsett and Wanner, *Solving Ordinary Differential Equations I*,
1993, II.4). All in float32, with compensated sums. Beside the members run twins with half the step:
one kind from the start, which shows how far the result can be trusted, one that begins every sample
anew at its member, which shows the error of the method even where the system itself is chaotic.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, FiniteFloat, model_validator

from intentos.program import STANDARD_UNIFORMS, Buffer, GpuProgram, Output, Pass, Uniform
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity

from .expression import Formula, check_names
from .kernel import Arguments, Colour, Compare, KernelBase, workgroups
from .ode_picture import Picture
from .ode_system import OF_A_MEMBER, System
from .prelude import known_palette, palette_wgsl, prelude_wgsl

MAX_MEMBERS = 100_000
MAX_STEPS = 5_000_000
MAX_CURVE_NUMBERS = 4_000_000
TWINS = 32
"""Members that are computed again with half the step."""
SCOUTS = 64
"""Members that are computed beforehand, so that the picture has room for what comes."""
TRIES = 4000
"""Steps that an adaptive member may take from one sample to the next."""


class Event(BaseModel):
    """Something that happens when a formula passes zero."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: Formula
    direction: Literal["down", "up", "both"] = "down"
    """How it must pass zero."""
    set: dict[str, Formula] = {}
    """Variables that jump, with what they jump to; all see the state before."""
    stop: bool = False
    """Whether the member rests from then on."""


class Point(BaseModel):
    """A body in the picture, at a place that formulas of the state give."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    x: Formula
    y: Formula
    size: float = Field(0.06, ge=0, le=10)
    """Radius, as a share of the picture's reach to one side."""
    look: Literal["ball", "pivot", "star", "none"] = "ball"
    trail: bool = False


def _point(value: Any) -> Any:
    if isinstance(value, list | tuple) and len(value) == 2:
        return {"x": value[0], "y": value[1]}
    return value


def _rod(value: Any) -> Any:
    return (*value, "rod") if isinstance(value, list | tuple) and len(value) == 2 else value


Place = Annotated[Point, BeforeValidator(_point)]
Rod = Annotated[tuple[int, int, Literal["rod", "spring", "string"]], BeforeValidator(_rod)]

PENDULUM: dict[str, Any] = {
    "rates": {
        "a": "u",
        "b": "v",
        "u": "(-g*3*sin(a) - g*sin(a - 2*b) - 2*sin(a - b)*(v^2 + u^2*cos(a - b)))"
        " / (3 - cos(2*a - 2*b))",
        "v": "2*sin(a - b)*(2*u^2 + 2*g*cos(a) + v^2*cos(a - b)) / (3 - cos(2*a - 2*b))",
    },
    "initial": {"a": "2.2", "b": "2.6"},
    "parameters": {"g": 9.81},
    "points": (
        {"x": "0", "y": "0", "look": "pivot"},
        {"x": "sin(a)", "y": "-cos(a)"},
        {"x": "sin(a) + sin(b)", "y": "-cos(a) - cos(b)", "trail": True},
    ),
    "rods": ((0, 1), (1, 2)),
    "conserved": {"energy": "u^2 + v^2/2 + u*v*cos(a - b) - 2*g*cos(a) - g*cos(b)"},
    "curves": ("a", "b"),
    "view": "both",
}
"""What runs where no rates are given: two rods of 1 m with equal masses at their ends."""


class OdeArguments(Arguments):
    """Formulas know the variables, t, the parameters and, of their member, ``share`` (0 to 1
    through the members), ``member`` (its number) and the chances h1..h4. Without rates it is a
    double pendulum."""

    width: int = Field(512, ge=64, le=2048)
    height: int = Field(512, ge=64, le=2048)
    frames: int = Field(360, ge=1, le=10_000)
    rates: dict[str, Formula] = Field({}, max_length=8)
    """Variable → its rate of change, in its unit per unit of time."""
    initial: dict[str, Formula] = {}
    """Variable → where it begins; 0 where nothing is given. Knows the variables before it."""
    parameters: dict[str, FiniteFloat] = Field({}, max_length=24)
    members: int = Field(1, ge=1, le=MAX_MEMBERS)
    vary: dict[str, tuple[FiniteFloat, FiniteFloat]] = Field({}, max_length=8)
    """Parameter → its value for the first and for the last member."""
    derived: dict[str, Formula] = Field({}, max_length=8)
    """More names, of the state, for all formulas below; each may use those before it."""
    duration: float | None = Field(None, gt=0, le=1e12)
    """Time that the film shows; as long as the film takes where none is given."""
    method: Literal["rk4", "adaptive", "midpoint", "euler"] = "rk4"
    steps_per_frame: int = Field(16, ge=1, le=10_000)
    """Steps of equal length; the adaptive method finds its own."""
    tolerance: float = Field(1e-5, ge=1e-6, le=0.1)
    """Relative error of one step of the adaptive method."""
    small: float = Field(1e-3, gt=0, le=1e12)
    """Size of a variable below which it needs no relative accuracy (adaptive)."""
    events: tuple[Event, ...] = Field((), max_length=4)
    conserved: dict[str, Formula] = Field({}, max_length=8)
    """Name → formula of the state that must not drift, such as the energy."""
    exact: dict[str, Formula] = Field({}, max_length=8)
    """Variable → the known solution, of t, the parameters and ``<variable>_0``, where it began."""
    accuracy: float = Field(2e-3, gt=0, le=1)
    """Share of a variable's range by which the checks let results differ."""
    view: Literal["series", "phase", "phase3d", "mechanism", "both"] | None = None
    """Curves over time; one variable against another, in the plane or in space; the thing itself,
    of points and rods; or the thing (else the phase plot) with the curves below."""
    curves: tuple[str, ...] = Field((), max_length=8)
    """Variables and derived names that are drawn over time; all variables where none is given."""
    axes: tuple[Formula, ...] = Field((), max_length=3)
    """Of the phase plot; the first variables where none is given."""
    points: tuple[Place, ...] = Field((), max_length=12)
    """Bodies of the thing itself; ``[x, y]`` is a ball."""
    rods: tuple[Rod, ...] = Field((), max_length=16)
    """Pairs of points' numbers from 0, with "rod", "spring" or "string"."""
    floor: FiniteFloat | None = None
    """Height of a floor that is drawn below the points."""
    trail: float = Field(0.35, ge=0, le=1)
    """Share of the film that a trail stays."""
    units: dict[str, str] = {}
    """Variable or derived name → its unit."""
    time_unit: str = Field("s", max_length=20)
    palette: str = "sunset"
    background: Colour = "#070a14"
    glow: float = Field(0.4, ge=0, le=3)
    yaw: float = Field(35.0, ge=-360, le=360)
    """Degrees (phase3d)."""
    pitch: float = Field(18.0, ge=-90, le=90)
    distance: float = Field(3.2, ge=1.2, le=20)
    turns: float = Field(0.25, ge=-20, le=20)
    """Of the camera during the film (phase3d)."""

    @model_validator(mode="before")
    @classmethod
    def _something(cls, given: Any) -> Any:
        if isinstance(given, dict) and not given.get("rates"):
            if alone := {"initial", "points", "rods", "curves", "derived"} & given.keys():
                raise ValueError(f"{sorted(alone)[0]} needs rates")
            return (
                PENDULUM
                | given
                | {"rates": PENDULUM["rates"]}
                | {"parameters": PENDULUM["parameters"] | given.get("parameters", {})}
            )
        return given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for what in ("initial", "exact"):
            for name in getattr(self, what):
                self._known(what, name, self.rates)
        for event in self.events:
            for name in event.set:
                self._known("events", name, self.rates)
        for name in self.curves:
            self._known("curves", name, {**self.rates, **self.derived})
        for rod in self.rods:
            if not all(0 <= end < len(self.points) for end in rod[:2]):
                raise ValueError(f"rods name point {max(rod[:2])}; there are {len(self.points)}")
        known_palette(self.palette)
        if self.view == "mechanism" and not self.points:
            raise ValueError("view mechanism needs points")
        if self.axes and len(self.axes) < 2:
            raise ValueError("axes are two or three formulas")
        if self.look == "phase3d" and not self.axes and len(self.rates) < 3:
            raise ValueError("view phase3d needs three axes")
        most = MAX_STEPS // self.frames
        if self.steps_per_frame > most:
            raise ValueError(f"{self.frames} frames leave room for steps_per_frame of {most}")
        work = self.members * self.steps_per_frame * len(self.rates)
        if work > 2e8:
            fits = int(2e8 / (self.steps_per_frame * len(self.rates)))
            raise ValueError(f"so many steps a frame leave room for {fits} members")
        numbers = self.samples * len(self.shown) * self.curve_members
        if numbers > MAX_CURVE_NUMBERS:
            raise ValueError(
                f"curves of {self.frames} frames have {numbers} numbers; "
                f"at most {MAX_CURVE_NUMBERS}"
            )
        return self

    def _known(self, what: str, name: str, known: Any) -> None:
        if name not in known:
            raise ValueError(f"{what} names {name!r}; there are {', '.join(known)}")

    @property
    def look(self) -> str:
        """The main view: series, phase, phase3d or mechanism."""
        if self.view in ("series", "phase", "phase3d", "mechanism"):
            return self.view
        if self.points:
            return "mechanism"
        if self.view == "both":
            return (
                "phase3d" if len(self.axes) == 3 else "phase" if len(self.rates) > 1 else "series"
            )
        return "series"

    @property
    def with_series(self) -> bool:
        """Whether curves are drawn."""
        return self.look == "series" or self.view == "both"

    @property
    def shown(self) -> tuple[str, ...]:
        """Names of the curves."""
        return self.curves or tuple(self.rates)

    @property
    def places(self) -> tuple[tuple[str, ...], ...]:
        """Formulas of all that is followed through space: points, or the one place in phase."""
        if self.look == "mechanism":
            return tuple((p.x, p.y) for p in self.points)
        count = 3 if self.look == "phase3d" else 2
        axes = (*self.axes, *self.rates)[:count] if not self.axes else self.axes[:count]
        return (axes,)

    @property
    def samples_per_frame(self) -> int:
        """Moments of a frame that are kept for curves and trails."""
        if self.members > 1000 or self.frames > 2000:
            return 1
        most = 8 if self.members <= 64 and self.frames <= 600 else 4
        if self.method == "adaptive":
            return most
        return next(n for n in range(most, 0, -1) if self.steps_per_frame % n == 0)

    @property
    def samples(self) -> int:
        """Moments in the film."""
        return (self.frames - 1) * self.samples_per_frame + 1

    @property
    def span(self) -> float:
        """Time that the film shows."""
        return self.duration or max(1, self.frames - 1) / self.frames_per_second

    @property
    def sample(self) -> float:
        """Time from one kept moment to the next."""
        return self.span / max(1, self.samples - 1)

    @property
    def steps(self) -> int:
        """Steps of a sample."""
        return max(1, self.steps_per_frame // self.samples_per_frame)

    @property
    def curve_members(self) -> int:
        """Members whose curves are kept, spread over all."""
        return min(self.members, 24)

    @property
    def twins(self) -> int:
        """Members that have twins, spread over all."""
        return min(self.members, TWINS)

    @property
    def all(self) -> int:
        """Members and twins."""
        return self.members + 2 * self.twins


OWN_UNIFORMS = ("background", "glow", "persistence", "exposure")


def system(arguments: OdeArguments) -> System:
    """Return the parsed formulas; raises InvalidProgram where one is wrong."""
    a = arguments
    taken = {"t", *OF_A_MEMBER, *OWN_UNIFORMS, *(name for name, _ in STANDARD_UNIFORMS)}
    check_names(a.rates, taken)
    check_names(a.derived, taken | a.rates.keys())
    check_names([*a.parameters, *a.vary], taken | a.rates.keys() | a.derived.keys())
    return System(a)


def log_width(arguments: OdeArguments) -> int:
    """Return the numbers of one row of the log: see ``ode_judge.Log``."""
    a = arguments
    return 3 * len(a.rates) + 2 * len(a.conserved) + len(a.exact)


class OdeKernel(KernelBase[OdeArguments]):
    """Values: where the variables end, their extremes, periods, events, and how far it can be
    trusted. Outputs: ``members`` (rows of ``ode.wgsl``), ``curves`` (samples, curves, members), and
    ``errors`` (samples, numbers)."""

    name = "ode"
    arguments = OdeArguments
    compare = Compare(rule="tolerance", frames=3, absolute=2e-3, relative=2e-3, outliers=0.02)

    def program(self, arguments: OdeArguments) -> GpuProgram:
        """Return the program; see ``ode.wgsl`` and ``ode_picture.wgsl``."""
        a = arguments
        formulas, picture = system(a), Picture(a)
        rows = 2 * len(a.rates) + 6
        everyone = (workgroups(a.all, 64), 1, 1)
        source = (
            prelude_wgsl()
            + palette_wgsl(a.palette)
            + picture.wgsl()
            + _constants(a, picture)
            + formulas.wgsl
            + _needed(a, self.wgsl)
            + self.part("picture")
        )
        adjustable = {n: v for n, v in a.parameters.items() if n not in a.vary}
        return GpuProgram(
            name=self.name,
            source=source,
            uniforms=(
                *picture.splats.uniforms,
                *(Uniform(name=n, value=v) for n, v in adjustable.items()),
            ),
            buffers=(
                *picture.splats.buffers,
                Buffer(name="state", type="f32", length=rows * a.all),
                Buffer(name="next", type="f32", length=rows * a.all),
                Buffer(
                    name="curves",
                    type="f32",
                    length=a.samples * len(a.shown) * a.curve_members,
                ),
                Buffer(name="path", type="f32", length=picture.path_length),
                Buffer(name="errors", type="f32", length=a.samples * log_width(a)),
            ),
            start=(
                Pass(entry="begin", dispatch=everyone),
                Pass(entry="scout", dispatch=(1, 1, 1), repeat=max(1, a.frames - 1)),
                Pass(entry="settle", dispatch=(1, 1, 1)),
            ),
            step=(
                Pass(entry="advance", dispatch=everyone),
                Pass(entry="watch", dispatch=(1, 1, 1)),
            ),
            swaps=(("state", "next"),),
            draw=picture.passes,
            outputs=(
                Output(buffer="state", name="members", dtype="float32", shape=(rows, a.all)),
                Output(
                    buffer="curves",
                    name="curves",
                    dtype="float32",
                    shape=(a.samples, len(a.shown), a.curve_members),
                ),
                Output(
                    buffer="errors", name="errors", dtype="float32", shape=(a.samples, log_width(a))
                ),
            ),
            width=a.width,
            height=a.height,
            dt=a.sample,
            steps_per_frame=a.samples_per_frame,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
            view=picture.view,
        )

    def twin(self, arguments: OdeArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames, integrated in float64."""
        from .ode_twin import frames

        return frames(arguments, seed)

    def judge(
        self, arguments: OdeArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return the numbers that a person wants, and judge how far they can be trusted."""
        from .ode_judge import judge

        return judge(arguments, evidence)


def _needed(a: OdeArguments, wgsl: str) -> str:
    """Return the shader without what these arguments never call: it compiles in half the time."""
    parts = wgsl.split("// ---- ")
    unused = {"by errors\n" if a.method != "adaptive" else "by steps\n"}
    if not a.events:
        unused.add("events\n")
    kept = [part for part in parts if not any(part.startswith(name) for name in unused)]
    text = "// ---- ".join(kept)
    way = "by_errors" if a.method == "adaptive" else "by_steps"
    if not a.events:
        text = text.replace("r = travel(r, ", "r = glide(r, ")
    return text.replace("onward_by_method", way)


def _constants(a: OdeArguments, picture: Picture) -> str:
    whole = {
        "VARIABLES": len(a.rates),
        "MEMBERS": a.members,
        "TWINS": a.twins,
        "ALL": a.all,
        "APART": a.members // a.twins,
        "STEPS": a.steps,
        "CURVES": len(a.shown),
        "CURVE_MEMBERS": a.curve_members,
        "CURVE_APART": a.members // a.curve_members,
        "SAMPLES": a.samples,
        "SAMPLES_A_FRAME": a.samples_per_frame,
        "INVARIANTS": len(a.conserved),
        "EXACT": len(a.exact),
        "LOG_WIDTH": log_width(a),
        "SCOUTS": min(a.members, SCOUTS),
        "SCOUTS_APART": a.members // min(a.members, SCOUTS),
        "TRIES": TRIES,
        "PLACES": len(a.places),
        **picture.whole,
    }
    real = {
        "SAMPLE": a.sample,
        "TOLERANCE": a.tolerance,
        "LITTLE": a.small,
        "DURATION": a.span,
        **picture.real,
    }
    lines = [f"const {name}: u32 = {value}u;" for name, value in whole.items()]
    lines += [f"const {name}: f32 = {float(value)!r};" for name, value in real.items()]
    return "\n".join(lines) + "\n"


kernel = OdeKernel()
