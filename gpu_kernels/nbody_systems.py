"""What can be set going: each system as groups of bodies with its units, step and view."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .nbody_galaxy import Disc, Model, Sphere, disc_table, parabola, sphere_table
from .nbody_planets import (
    ELEMENTS,
    FIGURE_EIGHT_PERIOD,
    GAUSS,
    YEAR,
    Given,
    at_rest,
    binary,
    ellipse_of,
    figure_eight,
    pythagorean,
    solar_system,
)

if TYPE_CHECKING:
    from .nbody import NbodyArguments

Floats = NDArray[np.floating[Any]]
Vector = tuple[float, float, float]

BLUE, ROSE = (0.13, 0.38, 1.0), (1.0, 0.20, 0.46)
"""Of young stars, linear RGB."""
KPC_MYR = 4.49850e-2
"""G in kpc³ per 10¹⁰ solar masses and Myr²; the same number in pc³ per 10 solar masses and Myr²."""
MORE_DARK = 10
LEAST_DARK = 1200
"""Halo bodies beyond the stars: a tenth, but enough of them that the field is smooth."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """Bodies that are drawn by chance in one way; ``shape`` are the numbers of its function."""

    kind: Literal["disc", "sphere", "ball", "belt"]
    count: int
    mass: float = 0.0
    """Of each body."""
    charge: float = 0.0
    shape: tuple[float, ...] = ()
    table: Floats | None = None
    place: Vector = (0.0, 0.0, 0.0)
    drift: Vector = (0.0, 0.0, 0.0)
    tilt: float = 0.0
    """Against the plane, in radians, about an axis at ``node``."""
    node: float = 0.0
    look: Literal["dark", "flat", "arms", "bulge", "stars"] = "flat"
    tint: Vector = (1.0, 1.0, 1.0)
    """Linear RGB."""
    light: float = 1.0
    size: float = 1.2


@dataclass(frozen=True, kw_only=True)
class Period:
    """A motion whose period is known: one body round another, or back to where it was."""

    name: str
    body: int
    centre: int | None
    expected: float
    tolerance: float
    """Relative; where there is no centre, the distance to the beginning after a period."""


@dataclass(frozen=True, kw_only=True)
class System:
    """Everything about a system that is not a person's choice of picture."""

    given: tuple[Given, ...] = ()
    groups: tuple[Group, ...] = ()
    gravity: float = 1.0
    electric: bool = False
    softening: float
    dt: float
    duration: float
    reach: float
    """Distance from the middle that fills the picture's shorter side."""
    length_unit: str = ""
    time_unit: str = ""
    clock: tuple[float, str] = (1.0, "")
    """For the picture: what one unit of the clock is in units of time, and its name."""
    speed: tuple[float, str] = (1.0, "")
    """From length over time to a customary unit."""
    drift: float = 2e-3
    """Of the energy at most, as a share of kinetic and potential energy together."""
    periods: tuple[Period, ...] = ()
    balanced: bool = False
    """Whether twice the kinetic energy should stay what the field's pull on all bodies is."""
    fall: float = 0.0
    """When a cold cloud should be at its smallest; 0: it is none."""
    middles: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    """First and last number of two groups whose distance is told."""
    encounter: float = 0.0
    """When they should be nearest if they were points."""
    logarithmic: float = 0.0
    """The picture shows the logarithm of distances from this one on; 0: distances."""
    pitch: float = 30.0
    yaw: float = 0.0
    turns: float = 0.0
    by_speed: bool = False
    fastest: float = 1.0
    orbits: tuple[tuple[Floats, Floats, Floats], ...] = ()
    kept: int = 2
    """Points of a track."""
    hazy: bool = False
    """Whether there is light between the bodies."""
    glow: float = 0.45
    sky: float = 1.0

    @property
    def count(self) -> int:
        """Of all bodies."""
        return len(self.given) + sum(g.count for g in self.groups)

    @property
    def sources(self) -> int:
        """The bodies that act on others; they come first."""
        if self.electric:
            return self.count
        light = [g.count for g in self.groups if g.mass == 0]
        return self.count - sum(light)


def system_of(a: NbodyArguments) -> System:
    """Return the system that the arguments name; a stronger force is followed in shorter steps."""
    system = SYSTEMS[a.system](a)
    return replace(system, dt=system.dt / math.sqrt(max(a.strength, 1)))


def _kiloparsecs(a: NbodyArguments) -> float:
    """Return a galaxy's softening: wider where few bodies stand for all its stars."""
    return a.softening or 0.45 * max(1, 1500 / a.count) ** (1 / 3)


def _galaxy(stars: int, dark: int, share: float, softening: float) -> tuple[Model, list[Group]]:
    """Return one galaxy at rest in the middle, ``share`` of the Milky Way's mass."""
    size = share**0.45
    disc = Disc(4.6 * share, 3.0 * size, 0.5 * size)
    bulge, halo = Sphere(1.1 * share, 0.75 * size), Sphere(19.0 * share, 9.0 * size)
    model = Model(KPC_MYR, softening, (bulge, halo), disc)
    in_bulge = max(1, stars // 7)
    in_disc = max(1, stars - in_bulge)
    return model, [
        Group(
            kind="disc", count=in_disc, mass=0.985 * disc.mass / in_disc, shape=(disc.height,),
            table=disc_table(model), look="arms",
        ),
        Group(
            kind="sphere", count=in_bulge, mass=0.96 * bulge.mass / in_bulge,
            table=sphere_table(model, 0), look="bulge",
        ),
        Group(
            kind="sphere", count=dark, mass=0.96 * halo.mass / dark,
            table=sphere_table(model, 1), look="dark",
        ),
    ]  # fmt: skip


def _star_light(count: int, width: int, height: int) -> tuple[float, float]:
    """Return brightness and radius of one of so many stars."""
    radius = min(2.0, max(1.0, 1.9 - 0.3 * math.log10(max(count, 10) / 1000)))
    return min(1.6, 0.87 * (6000 / count) ** 0.75 / radius**2), radius


SPIRAL: dict[str, Any] = {
    "hazy": True,
    "length_unit": "kpc",
    "time_unit": "Myr",
    "speed": (977.792, "km/s"),
}


def _galaxies(a: NbodyArguments) -> System:
    softening = _kiloparsecs(a)
    share = a.mass_ratio
    counts = _split(a.count, share)
    dark = _split(max(LEAST_DARK, a.count // MORE_DARK), share)
    pairs = [
        _galaxy(counts[0], dark[0], 1.0, softening),
        _galaxy(counts[1], dark[1], share, softening),
    ]
    masses = [model.mass for model, _ in pairs]
    place, speed, time = parabola(KPC_MYR, sum(masses), a.nearest, max(46.0, 2.5 * a.nearest))
    lighter = masses[0] / sum(masses)
    tilts = (a.first_tilt, 30.0), (a.second_tilt, -40.0)
    tints = BLUE, ROSE
    light, size = _star_light(a.count, a.width, a.height)
    groups: list[Group] = []
    for k, (_, parts) in enumerate(pairs):
        share_of_way = (lighter - 1.0, lighter)[k]
        for part in parts:
            groups.append(
                _moved(
                    part, share_of_way * place, share_of_way * speed,
                    tilt=math.radians(tilts[k][0]), node=math.radians(tilts[k][1]),
                    tint=tints[k], light=light, size=size,
                )
            )  # fmt: skip
    bulges = _middles(groups, "bulge")
    return System(
        groups=tuple(groups), gravity=KPC_MYR, softening=softening, dt=2.8, duration=650.0,
        reach=33.0, clock=(1.0, "Myr"), pitch=52.0, turns=0.12, yaw=-25.0,
        middles=(bulges[0], bulges[1]), encounter=time, drift=5e-3, **SPIRAL,
    )  # fmt: skip


def _split(count: int, ratio: float) -> tuple[int, int]:
    second = max(1, round(count * ratio / (1 + ratio)))
    return max(1, count - second), second


def _moved(group: Group, place: Floats, drift: Floats, **changes: Any) -> Group:
    at = tuple(float(x) for x in place)
    speed = tuple(float(x) for x in drift)
    return Group(**{**vars(group), "place": at, "drift": speed, **changes})


def _middles(groups: list[Group], look: str) -> list[tuple[int, int]]:
    found, first = [], 0
    for group in groups:
        if group.look == look:
            found.append((first, first + group.count))
        first += group.count
    return found


def _disc(a: NbodyArguments) -> System:
    softening = _kiloparsecs(a)
    dark = max(LEAST_DARK, a.count // MORE_DARK)
    _, parts = _galaxy(a.count, dark, 1.0, softening)
    light, size = _star_light(a.count, a.width, a.height)
    groups = [_moved(p, np.zeros(3), np.zeros(3), tint=BLUE, light=light, size=size) for p in parts]
    return System(
        groups=tuple(groups), gravity=KPC_MYR, softening=softening, dt=2.8, duration=650.0,
        reach=16.0, clock=(1.0, "Myr"), pitch=58.0, turns=0.1, balanced=True, drift=3e-3, **SPIRAL,
    )  # fmt: skip


def _cluster(a: NbodyArguments) -> System:
    softening = a.softening or 0.05
    gravity = KPC_MYR / 10  # pc, solar masses in units of 1, Myr
    total = 0.5 * a.count
    sphere = Sphere(total, 1.0)
    model = Model(gravity, softening, (sphere,))
    light, size = _star_light(a.count, a.width, a.height)
    speed = math.sqrt(gravity * total)
    group = Group(
        kind="sphere", count=a.count, mass=0.96 * total / a.count, table=sphere_table(model, 0),
        look="stars", light=1.5 * light, size=size,
    )  # fmt: skip
    return System(
        groups=(group,), gravity=gravity, softening=softening, dt=0.03 / speed,
        duration=12 / speed, reach=2.6, length_unit="pc", time_unit="Myr", clock=(1.0, "Myr"),
        speed=(0.977792, "km/s"), balanced=True, pitch=15.0, turns=0.2, fastest=speed, drift=1e-3,
    )  # fmt: skip


def _collapse(a: NbodyArguments) -> System:
    softening = a.softening or 0.05
    heat = math.sqrt(0.2 * a.heat * a.strength)  # 3 s² = heat · 3/5 G M / R
    light, size = _star_light(a.count, a.width, a.height)
    group = Group(
        kind="ball", count=a.count, mass=1 / a.count, shape=(1.0, 0.0, heat), look="flat",
        tint=(1.0, 0.6, 0.3), light=light, size=size,
    )  # fmt: skip
    return System(
        groups=(group,), softening=softening, dt=0.0075, duration=3.5, reach=1.15,
        fall=math.pi / 2 / math.sqrt(2 * a.strength), by_speed=True, fastest=2.6, pitch=15.0,
        turns=0.15, drift=5e-3,
    )  # fmt: skip


def _charges(a: NbodyArguments) -> System:
    # Distance between neighbours d; the strength makes a pair's time sqrt(m d³ / k q²) equal 1.
    between = (4 * math.pi / 3 / a.count) ** (1 / 3)
    softening = a.softening or 0.35 * between
    size = min(6.0, max(1.4, 30 * between))
    light = min(1.6, 9000 / a.count / size**2)
    counts = a.count - a.count // 2, a.count // 2
    heat = 0.1 * between
    groups = tuple(
        Group(
            kind="ball", count=n, mass=1.0, charge=charge, shape=(1.0, 0.0, heat), tint=tint,
            light=light, size=size,
        )
        for n, charge, tint in zip(
            counts, (1.0, -1.0), ((1.0, 0.24, 0.04), (0.05, 0.42, 1.0)), strict=True
        )
    )  # fmt: skip
    return System(
        groups=groups, electric=True, gravity=between**3, softening=softening, dt=0.02,
        duration=8.0, reach=1.6, pitch=18.0, turns=0.25, drift=5e-3,
    )  # fmt: skip


def _solar(a: NbodyArguments) -> System:
    given = solar_system("pluto" in a.extras, "moon" in a.extras)
    names = [body.name for body in given]
    groups: tuple[Group, ...] = ()
    if "belt" in a.extras:
        groups = (
            Group(
                kind="belt", count=a.count, shape=(GAUSS * a.strength, 2.15, 3.3, 0.2, 0.3),
                tint=(0.75, 0.62, 0.5), light=0.25, size=1.0,
            ),
        )  # fmt: skip
    turns = {n: YEAR * math.sqrt(ELEMENTS[n][0] ** 3) for n in ("Mercury", "Venus", "Mars")}
    turns["Earth"] = YEAR
    periods = tuple(
        Period(name=n, body=names.index(n), centre=0, expected=t, tolerance=1e-3)
        for n, t in turns.items()
        if a.strength == 1
    )  # fmt: skip
    sun = np.array(given[0].place), np.array(given[0].velocity)
    pull = GAUSS * a.strength
    orbits = [
        ellipse_of(
            pull * (1 + b.mass), np.array(b.place) - sun[0], np.array(b.velocity) - sun[1]
        )
        for b in given[1:]
    ]  # fmt: skip
    shown = [o for o in orbits if o is not None]
    return System(
        given=given, groups=groups, gravity=GAUSS, softening=a.softening or 1e-6, dt=0.5,
        duration=4 * YEAR, reach=44.0 if "pluto" in a.extras else 32.0, length_unit="AU",
        time_unit="d", clock=(YEAR, "years"), speed=(KM_S, "km/s"), drift=1e-5,
        periods=periods, logarithmic=0.3, pitch=55.0, turns=0.06, kept=100, glow=0.6,
        orbits=tuple(shown) if len(shown) == len(orbits) and "moon" not in a.extras else (),
    )  # fmt: skip


KM_S = 1731.4568
"""AU a day in km/s."""


def _few(given: tuple[Given, ...], **changes: Any) -> System:
    common: dict[str, Any] = {
        "softening": 1e-6, "dt": 1e-3, "duration": 12.0, "reach": 1.15, "pitch": 90.0, "kept": 300,
        "drift": 1e-4, "glow": 0.7, "sky": 0.7,
    }  # fmt: skip
    return System(given=given, **{**common, **changes})


def _figure_eight(a: NbodyArguments) -> System:
    period = FIGURE_EIGHT_PERIOD / math.sqrt(a.strength)
    known = Period(name="A", body=0, centre=None, expected=period, tolerance=0.02)
    still = tuple(
        Given(b.name, b.mass, b.place, _times(b.velocity, math.sqrt(a.strength)), b.colour, b.size)
        for b in figure_eight()
    )
    return _few(
        still, duration=2 * period, dt=period / 3200, periods=(known,),
        softening=a.softening or 1e-6,
    )  # fmt: skip


def _times(v: Vector, factor: float) -> Vector:
    return v[0] * factor, v[1] * factor, v[2] * factor


def _three_body(a: NbodyArguments) -> System:
    return _few(
        pythagorean(), softening=a.softening or 0.05, dt=2.5e-4, duration=20.0, reach=4.2,
        drift=1e-3,
    )  # fmt: skip


def _binary(a: NbodyArguments) -> System:
    given = binary(a.mass_ratio, a.eccentricity)
    speed = math.sqrt(a.strength)
    given = tuple(
        Given(b.name, b.mass, b.place, _times(b.velocity, speed), b.colour, b.size) for b in given
    )
    period = math.tau / speed
    known = Period(name="B", body=1, centre=0, expected=period, tolerance=2e-3)
    return _few(
        given, duration=4 * period, dt=period / 1000 * (1 - a.eccentricity) ** 1.5,
        reach=1.15 * (1 + a.eccentricity), periods=(known,), pitch=60.0,
        softening=a.softening or 1e-6,
    )  # fmt: skip


def _ring(a: NbodyArguments) -> System:
    mass, far = 4e-4, 1.42
    speed = math.sqrt(a.strength * (1 + mass) / far)
    moon = np.array([far, 0.0, 0.0]), np.array([0.0, speed, 0.0])
    given = at_rest(
        [
            ("planet", 1.0, np.zeros(3), np.zeros(3), "#f0c890", 13.0),
            ("moon", mass, *moon, "#a8d4ff", 2.6),
        ]
    )
    turn = Period(
        name="moon", body=1, centre=0, expected=math.tau * far / max(speed, 1e-30), tolerance=1e-3
    )
    group = Group(
        kind="belt", count=a.count, shape=(a.strength, 0.62, 1.22, 0.004, 0.004),
        tint=(0.95, 0.8, 0.6), light=_star_light(a.count, a.width, a.height)[0] * 0.5, size=1.2,
    )  # fmt: skip
    return _few(
        given,
        groups=(group,),
        duration=40.0,
        dt=0.04,
        periods=(turn,),
        reach=1.45,
        pitch=38.0,
        kept=120,
        turns=0.1,
    )


def _bodies(a: NbodyArguments) -> System:
    colours = (*THREE_MORE,)
    given = tuple(
        Given(
            b.name, b.mass, b.position, b.velocity, b.colour or colours[k % len(colours)], b.size,
            b.charge,
        )
        for k, b in enumerate(a.bodies)
    )  # fmt: skip
    far = max(math.dist(b.place, (0, 0, 0)) for b in given)
    return _few(
        given, electric=a.force == "charge", reach=1.5 * max(far, 1e-6), drift=1e-2,
        softening=a.softening or 1e-3 * max(far, 1e-6), pitch=60.0,
    )  # fmt: skip


THREE_MORE = ("#ff7a59", "#5ad1ff", "#ffd75a", "#9dff8a", "#d79bff", "#ff9ecb")

SYSTEMS: dict[str, Callable[[NbodyArguments], System]] = {
    "galaxies": _galaxies,
    "disc": _disc,
    "cluster": _cluster,
    "collapse": _collapse,
    "charges": _charges,
    "solar": _solar,
    "figure_eight": _figure_eight,
    "three_body": _three_body,
    "binary": _binary,
    "ring": _ring,
    "bodies": _bodies,
}
