"""Forms that a few formulas can fill: a curve, a surface, a pattern, a motion, a field.

Each knows which formulas it takes, which names they may use, and how they become a kernel's
arguments: framed by looking at where they lead, with knobs for every named number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from intentos.errors import InvalidProgram
from intentos.parameters import Parameter
from intentos.types import Json, Words

SECONDS = 6.0
FRAMES = 144
PALETTES = ("aurora", "sunset", "magma", "viridis", "ocean", "fire", "twilight", "spectrum")


@dataclass(frozen=True)
class Filled:
    """A form with its formulas: everything a kernel step needs."""

    kernel: str
    arguments: dict[str, Json]
    parameters: tuple[Parameter, ...]


@dataclass(frozen=True)
class Form:
    """One way in which formulas become something to look at."""

    name: str
    meaning: str
    """As the model chooses by it."""
    slots: tuple[str, ...]
    """Names of the formulas; empty where the person's own variables are the names."""
    names: tuple[str, ...]
    """What every formula may use."""
    title: Words
    fill: Callable[[Mapping[str, str], Mapping[str, float]], Filled]
    """``fill(formulas, numbers)``; raises InvalidProgram where a formula cannot be used."""


OWN = "own_"
"""Before the names of a plan's own numbers in formulas: "height" means something to a kernel."""
_TAKEN = frozenset({"palette", "turns", "frames", "duration"})


def knob_of(name: str) -> str:
    """Return the name of the parameter that turns a number of the formulas."""
    bare = name.removeprefix(OWN)
    return f"{bare}_own" if bare in _TAKEN else bare


def knobs(numbers: Mapping[str, float]) -> tuple[Parameter, ...]:
    """Return a live parameter for every named number of the formulas."""
    found = []
    for name, number in numbers.items():
        words = name.removeprefix(OWN).replace("_", " ")
        reach = 4 * abs(number) or 4.0
        found.append(
            Parameter(
                name=knob_of(name),
                label=Words(en=words.capitalize(), zh=words),
                default=float(number),
                minimum=-reach if number <= 0 else 0.0,
                maximum=reach,
                live=True,
                aliases=(words,),
            )
        )
    return tuple(found)


def _curve(formulas: Mapping[str, str], numbers: Mapping[str, float]) -> Filled:
    flat = formulas.get("z", "0").strip() in ("", "0", "0.0")
    places = {axis: _renamed(formulas.get(axis, "0"), {"s": "n"}) for axis in "xyz"}
    centre, radius = _framed(places, ("n", "t"), numbers)
    return Filled(
        kernel="particles",
        arguments={
            **places,
            "solid": False,
            "joined": True,
            "points": 4000,
            "size": 1.6,
            "shade": "0.25 + 0.75*n",
            "light": "1 if n <= 1.25*phase else 0.06",
            "palette": "$palette",
            "background": "#0a0e1c",
            "brightness": 0.9,
            "glow": 0.8,
            "centre": list(centre),
            "radius": radius,
            "pitch": 0 if flat else 18,
            "turns": "$turns",
            "frames": "$frames",
            "parameters": {name: f"${knob_of(name)}" for name in numbers},
        },
        parameters=(*knobs(numbers), _palette("aurora"), _turns(0 if flat else 1), _frames()),
    )


def _surface(formulas: Mapping[str, str], numbers: Mapping[str, float]) -> Filled:
    places = {axis: _renamed(formulas.get(axis, "0"), {"u": "a", "v": "b"}) for axis in "xyz"}
    centre, radius = _framed(places, ("a", "b", "t"), numbers)
    return Filled(
        kernel="particles",
        arguments={
            **places,
            "points": 80_000,
            "shade": "0.5 + 0.5*sin(tau*b)",
            "palette": "$palette",
            "background": "#10131f",
            "glitter": 0.1,
            "centre": list(centre),
            "radius": radius,
            "pitch": 22,
            "turns": "$turns",
            "frames": "$frames",
            "parameters": {name: f"${knob_of(name)}" for name in numbers},
        },
        parameters=(*knobs(numbers), _palette("sunset"), _turns(1), _frames()),
    )


def _pattern(formulas: Mapping[str, str], numbers: Mapping[str, float]) -> Filled:
    low, high = _spread(formulas["value"], numbers)
    return Filled(
        kernel="pixels",
        arguments={
            "value": formulas["value"],
            "low": low,
            "high": high,
            "palette": "$palette",
            "frames": "$frames",
            "parameters": {name: f"${knob_of(name)}" for name in numbers},
        },
        parameters=(*knobs(numbers), _palette("magma"), _frames()),
    )


def _motion(formulas: Mapping[str, str], numbers: Mapping[str, float]) -> Filled:
    starts = {f"{name}_start": numbers.get(f"{name}_start", 1.0) for name in formulas}
    own = {name: number for name, number in numbers.items() if name not in starts}
    length = Parameter(
        name="duration",
        label=Words(en="Time that is shown", zh="显示的时间"),
        default=20.0,
        minimum=0.1,
        maximum=1000.0,
        aliases=("seconds", "time", "until", "秒", "时间", "到"),
    )
    return Filled(
        kernel="ode",
        arguments={
            "rates": dict(formulas),
            "initial": {name: f"{name}_start" for name in formulas},
            "parameters": {name: f"${knob_of(name)}" for name in {**own, **starts}},
            "duration": "$duration",
            "method": "adaptive",
            "tolerance": 1e-5,
            "view": "both" if len(formulas) > 1 else "series",
            "palette": "$palette",
            "frames": "$frames",
        },
        parameters=(*knobs(own), *_starts(starts), length, _palette("sunset"), _frames()),
    )


def _field(formulas: Mapping[str, str], numbers: Mapping[str, float]) -> Filled:
    fastest = [abs(float(n)) for text in formulas.values() for n in re.findall(r"\d*\.?\d+", text)]
    spreads = [
        abs(float(match[1] or 1))
        for text in formulas.values()
        for match in re.finditer(r"(\d*\.?\d+)?\s*\*?\s*lap\(", text)
    ]
    return Filled(
        kernel="field",
        arguments={
            "rates": dict(formulas),
            "initial": {
                name: f"exp(-400*((x - 0.4 - {0.1 * i})^2 + (y - 0.5)^2))"
                " + 0.6*exp(-900*((x - 0.75)^2 + (y - 0.3)^2))"
                for i, name in enumerate(formulas)
            },
            "boundary": "periodic",
            "columns": 160,
            "rows": 160,
            "size": 160,
            "diffusivity": f"{max([*spreads, *_diffusion(formulas, numbers), 0.1]):.6g}",
            "reaction_rate": f"{2 * max([*fastest, *map(abs, numbers.values()), 0.5]):.6g}",
            "duration": "$duration",
            "palette": "$palette",
            "frames": "$frames",
            "parameters": {name: f"${knob_of(name)}" for name in numbers},
        },
        parameters=(
            # The step is chosen for the largest number, so a knob may not go far beyond it.
            *(
                p.model_copy(update={"maximum": max(float(p.default) * 1.25, 0.1)})
                for p in knobs(numbers)
            ),
            Parameter(
                name="duration",
                label=Words(en="Time that is shown", zh="显示的时间"),
                default=40.0,
                minimum=1.0,
                maximum=2000.0,
                work=True,
                aliases=("seconds", "time", "秒", "时间"),
            ),
            _palette("viridis"),
            _frames(),
        ),
    )


def _diffusion(formulas: Mapping[str, str], numbers: Mapping[str, float]) -> list[float]:
    text = " ".join(formulas.values())
    return [
        abs(value) for name, value in numbers.items() if re.search(rf"\b{name}\s*\*?\s*lap\(", text)
    ]


def _starts(starts: Mapping[str, float]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(
            name=name,
            label=Words(
                en=f"{name.removesuffix('_start')} at the start",
                zh=f"{name.removesuffix('_start')} 的初值",
            ),
            default=number,
            minimum=-1e6,
            maximum=1e6,
            aliases=(f"initial {name.removesuffix('_start')}", f"{name[0]}0", f"{name[0]}(0)"),
        )
        for name, number in starts.items()
    )


def _palette(default: str) -> Parameter:
    return Parameter(
        name="palette",
        label=Words(en="Colours", zh="配色"),
        kind="choice",
        default=default,
        choices=PALETTES,
        aliases=("colour", "colours", "palette", "颜色", "配色"),
    )


def _turns(default: float) -> Parameter:
    return Parameter(
        name="turns",
        label=Words(en="Turns", zh="圈数"),
        default=float(default),
        minimum=-10,
        maximum=10,
        aliases=("turns", "spin", "fast", "faster", "slow", "slower", "转", "圈", "快", "慢"),
    )


def _frames() -> Parameter:
    return Parameter(
        name="frames",
        label=Words(en="Frames", zh="画面数"),
        kind="integer",
        default=FRAMES,
        minimum=4,
        maximum=1200,
        work=True,
        aliases=("frames", "帧"),
    )


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        text = re.sub(rf"(?<![A-Za-z_]){old}(?![A-Za-z_\d(])", new, text)
    return text


def _framed(
    places: Mapping[str, str], names: tuple[str, ...], numbers: Mapping[str, float]
) -> tuple[tuple[float, float, float], float]:
    """Return the middle and the reach of where the formulas lead.

    Raises:
        InvalidProgram: a formula cannot be read, or leads nowhere finite.
    """
    import numpy

    from intentos.gpu_kernels import expression

    grid = numpy.meshgrid(*(numpy.linspace(0, 1, 97),) * (len(names) - 1), [0.0, 2.0, 5.0])
    known: dict[str, Any] = dict(zip(names, (g.ravel() for g in grid), strict=True))
    known |= {"phase": known["t"] / SECONDS, "h1": 0.5, "h2": 0.5, "h3": 0.5, "h4": 0.5, **numbers}
    points = []
    for axis in "xyz":
        if axis in numbers:
            raise InvalidProgram("compose.no_shape", what=f"{axis} is an axis and a number")
        value = expression.parse(places[axis], known.keys()).numpy(known)
        known[axis] = numpy.broadcast_to(numpy.asarray(value, float), known["t"].shape)
        points.append(known[axis])
    cloud = numpy.array(points)
    cloud = cloud[:, numpy.isfinite(cloud).all(axis=0)]
    if cloud.shape[1] < 0.5 * known["t"].size:
        raise InvalidProgram("compose.no_shape", what="it has no finite points")
    low, high = numpy.quantile(cloud, [0.005, 0.995], axis=1)
    centre = (low + high) / 2
    reach = float(numpy.quantile(numpy.linalg.norm(cloud - centre[:, None], axis=0), 0.995))
    if not 1e-6 < reach < 1e6:
        raise InvalidProgram("compose.no_shape", what="all its points are one, or it has no end")
    return (float(centre[0]), float(centre[1]), float(centre[2])), 1.05 * reach


def _spread(text: str, numbers: Mapping[str, float]) -> tuple[float, float]:
    """Return between which values a pattern lies; raises InvalidProgram where it is none."""
    import numpy

    from intentos.gpu_kernels import expression

    x, y, t = (
        g.ravel() for g in numpy.meshgrid(*(numpy.linspace(-1, 1, 49),) * 2, [0.0, 1.3, 4.0])
    )
    known: dict[str, Any] = {
        "x": x, "y": y, "t": t, "r": numpy.hypot(x, y), "angle": numpy.arctan2(y, x),
        "phase": t / SECONDS, **numbers,
    }  # fmt: skip
    value = expression.parse(text, known.keys()).numpy(known)
    value = numpy.broadcast_to(numpy.asarray(value, float), x.shape)
    value = value[numpy.isfinite(value)]
    if value.size < 0.5 * x.size or float(numpy.ptp(value)) < 1e-6:
        raise InvalidProgram("compose.no_shape", what="it is the same everywhere")
    low, high = (float(v) for v in numpy.quantile(value, [0.01, 0.99]))
    return (low, high) if high > low else (float(value.min()), float(value.max()))


CURVE = Form(
    "curve",
    "one line or curve in the plane or in space: a spiral, a knot, a wave, a rose, an orbit",
    ("x", "y", "z"),
    ("s", "t"),
    Words(en="A curve", zh="一条曲线"),
    _curve,
)
SURFACE = Form(
    "surface",
    "one solid shape that turns in space: a shell, a vase, a ring, an egg, a mountain",
    ("x", "y", "z"),
    ("u", "v", "t"),
    Words(en="A surface in space", zh="空间曲面"),
    _surface,
)
PATTERN = Form(
    "pattern",
    "a flat moving pattern of colours: stripes, rings, waves, plasma, a chessboard, a kaleidoscope",
    ("value",),
    ("x", "y", "r", "angle", "t", "phase"),
    Words(en="A moving pattern", zh="流动的图案"),
    _pattern,
)
MOTION = Form(
    "motion",
    "quantities that change in time by given rates (ordinary differential equations)",
    (),
    ("t",),
    Words(en="Quantities that change in time", zh="随时间变化的量"),
    _motion,
)
FIELD = Form(
    "field",
    "a quantity spread over a plane that changes by a partial differential equation",
    (),
    ("x", "y", "t"),
    Words(en="A field that changes in time", zh="随时间变化的场"),
    _field,
)
FORMS = {form.name: form for form in (CURVE, SURFACE, PATTERN, MOTION, FIELD)}
