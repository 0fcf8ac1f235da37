"""The Sun and its planets from their orbital elements, and other small systems of known motion.

Elements: Standish, "Keplerian Elements for Approximate Positions of the Major Planets" (JPL Solar
System Dynamics), table 1, epoch J2000. Masses: IAU and JPL DE405, as shares of the Sun's. The Moon:
JPL, "Planetary Satellite Mean Elements".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

GAUSS = 0.01720209895**2
"""G times the Sun's mass, in AU³ a day². Source: Gauss's gravitational constant."""
YEAR = 365.256363
"""Days in which the Earth goes round the Sun against the stars. Source: IERS conventions."""
KILOMETRES = 1.495978707e8
EARTH_TO_MOON = 81.30057


@dataclass(frozen=True)
class Given:
    """One body by its numbers."""

    name: str
    mass: float
    place: tuple[float, float, float]
    velocity: tuple[float, float, float]
    colour: str
    size: float
    charge: float = 0.0


# Half axis (AU), eccentricity, inclination, mean longitude, longitude of perihelion and of the
# ascending node (degrees); Sun's masses for one of its own; colour and size on the screen.
ELEMENTS: dict[str, tuple[float, float, float, float, float, float, float, str, float]] = {
    "Mercury": (0.38709927, 0.20563593, 7.00497902, 252.25032350, 77.45779628, 48.33076593,
                6023600.0, "#c9b8a2", 2.0),
    "Venus": (0.72333566, 0.00677672, 3.39467605, 181.97909950, 131.60246718, 76.67984255,
              408523.71, "#ffd98a", 2.7),
    "Earth": (1.00000261, 0.01671123, -0.00001531, 100.46457166, 102.93768193, 0.0,
              328900.56, "#4f9dff", 2.8),
    "Mars": (1.52371034, 0.09339410, 1.84969142, -4.55343205, -23.94362959, 49.55953891,
             3098708.0, "#ff6a3c", 2.3),
    "Jupiter": (5.20288700, 0.04838624, 1.30439695, 34.39644051, 14.72847983, 100.47390909,
                1047.3486, "#ffb877", 4.6),
    "Saturn": (9.53667594, 0.05386179, 2.48599187, 49.95424423, 92.59887831, 113.66242448,
               3497.898, "#f2d59b", 4.2),
    "Uranus": (19.18916464, 0.04725744, 0.77263783, 313.23810451, 170.95427630, 74.01692503,
               22902.98, "#8ff0f0", 3.4),
    "Neptune": (30.06992276, 0.00859048, 1.77004347, -55.12002969, 44.96476227, 131.78422574,
                19412.24, "#5b7cff", 3.4),
    "Pluto": (39.48211675, 0.24882730, 17.14001206, 238.92903833, 224.06891629, 110.30393684,
              1.352e8, "#d8b89a", 1.9),
}  # fmt: skip


def eccentric_anomaly(mean: float, eccentricity: float) -> float:
    """Solve Kepler's equation E - e sin E = M by Newton's method; angles in radians."""
    mean = math.remainder(mean, math.tau)
    anomaly = mean + math.copysign(0.85 * eccentricity, mean)  # Danby's start
    for _ in range(50):
        change = (anomaly - eccentricity * math.sin(anomaly) - mean) / (
            1 - eccentricity * math.cos(anomaly)
        )
        anomaly -= change
        if abs(change) < 1e-14:
            break
    return anomaly


def on_ellipse(
    pull: float, axis: float, e: float, tilt: float, mean: float, turn: float, node: float
) -> tuple[Floats, Floats]:
    """Return place and velocity on an orbit.

    ``pull`` is G times both masses, ``turn`` the argument of the pericentre; angles in radians.
    """
    anomaly = eccentric_anomaly(mean, e)
    c, s, w = math.cos(anomaly), math.sin(anomaly), math.sqrt(1 - e * e)
    speed = math.sqrt(pull / axis) / (1 - e * c)
    flat = axis * np.array([c - e, w * s, 0.0]), speed * np.array([-s, w * c, 0.0])
    return tilted(flat[0], turn, tilt, node), tilted(flat[1], turn, tilt, node)


def tilted(v: Any, first: Any, lean: Any, last: Any) -> Floats:
    """Turn vectors, shape (..., 3), round z, then x, then z."""

    def about(p: Any, q: Any, angle: Any) -> tuple[Any, Any]:
        c, s = np.cos(angle), np.sin(angle)
        return c * p - s * q, s * p + c * q

    v = np.asarray(v)
    x, y = about(v[..., 0], v[..., 1], first)
    y, z = about(y, v[..., 2], lean)
    x, y = about(x, y, last)
    return np.stack([x, y, z], axis=-1)


def solar_system(pluto: bool, moon: bool) -> tuple[Given, ...]:
    """Return the Sun, the planets and what else was asked for, in AU and days, at rest."""
    found: list[tuple[str, float, Floats, Floats, str, float]] = [
        ("Sun", 1.0, np.zeros(3), np.zeros(3), "#ffd27a", 6.5)
    ]
    for name, (a, e, tilt, longitude, perihelion, node, inverse, colour, size) in ELEMENTS.items():
        if name == "Pluto" and not pluto:
            continue
        angles = [math.radians(x) for x in (longitude - perihelion, perihelion - node, node, tilt)]
        mass = 1 / inverse
        place, speed = on_ellipse(GAUSS * (1 + mass), a, e, angles[3], *angles[:3])
        if name == "Earth" and moon:
            here, there = _earth_and_moon(mass)
            share = 1 / (1 + EARTH_TO_MOON)
            found.append((name, mass * (1 - share), place + here[0], speed + here[1], colour, size))
            found.append(("Moon", mass * share, place + there[0], speed + there[1], "#c8ccd4", 1.6))
            continue
        found.append((name, mass, place, speed, colour, size))
    return at_rest(found)


def _earth_and_moon(mass: float) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """Return place and velocity of both against their common middle."""
    angles = [math.radians(x) for x in (5.16, 135.27, 318.15, 125.08)]
    place, speed = on_ellipse(GAUSS * mass, 384_400 / KILOMETRES, 0.0554, *angles)
    moon = EARTH_TO_MOON / (1 + EARTH_TO_MOON)
    return (place * (moon - 1), speed * (moon - 1)), (place * moon, speed * moon)


def at_rest(bodies: list[tuple[str, float, Floats, Floats, str, float]]) -> tuple[Given, ...]:
    """Return bodies whose common middle rests at the origin."""
    masses = np.array([b[1] for b in bodies])
    middle = sum(b[1] * b[2] for b in bodies) / masses.sum()
    push = sum(b[1] * b[3] for b in bodies) / masses.sum()
    return tuple(
        Given(name, mass, _three(place - middle), _three(speed - push), colour, size)
        for name, mass, place, speed, colour, size in bodies
    )


def _three(v: Any) -> tuple[float, float, float]:
    return float(v[0]), float(v[1]), float(v[2])


FIGURE_EIGHT_PERIOD = 6.32591398
THREE = ("#ff7a59", "#5ad1ff", "#ffd75a")


def figure_eight() -> tuple[Given, ...]:
    """Return three equal bodies that chase one another on an eight, with G = 1.

    Source: Chenciner and Montgomery, "A remarkable periodic solution of the three-body problem",
    Annals of Mathematics 152 (2000); numbers by Simó.
    """
    x, y, u, v = 0.97000436, -0.24308753, -0.93240737, -0.86473146
    state = [((x, y), (-u / 2, -v / 2)), ((-x, -y), (-u / 2, -v / 2)), ((0.0, 0.0), (u, v))]
    return tuple(
        Given("ABC"[i], 1.0, (*p, 0.0), (*w, 0.0), THREE[i], 4.5) for i, (p, w) in enumerate(state)
    )


def pythagorean() -> tuple[Given, ...]:
    """Return masses 3, 4, 5 at rest in the corners opposite to the sides 3, 4, 5, with G = 1.

    Source: Burrau, Astronomische Nachrichten 195 (1913); Szebehely and Peters, AJ 72 (1967).
    """
    corners = {3.0: (1.0, 3.0, 0.0), 4.0: (-2.0, -1.0, 0.0), 5.0: (1.0, -1.0, 0.0)}
    rest = (0.0, 0.0, 0.0)
    return tuple(
        Given(f"{m:.0f}", m, p, rest, THREE[i], 3.4 + 0.4 * m)
        for i, (m, p) in enumerate(corners.items())
    )


def binary(ratio: float, eccentricity: float) -> tuple[Given, ...]:
    """Return two bodies at apocentre, with G, half axis and mass of both together 1."""
    second = ratio / (1 + ratio)
    place = np.array([1 + eccentricity, 0.0, 0.0])
    speed = np.array([0.0, math.sqrt((1 - eccentricity) / (1 + eccentricity)), 0.0])
    names = ("A", 1 - second, -second), ("B", second, 1 - second)
    return tuple(
        Given(n, m, _three(f * place), _three(f * speed), THREE[i], 4 + 5 * m)
        for i, (n, m, f) in enumerate(names)
    )


def ellipse_of(
    pull: float, place: Floats, velocity: Floats
) -> tuple[Floats, Floats, Floats] | None:
    """Return middle and both half axes of the orbit round the origin; None if it is not closed."""
    r = float(np.linalg.norm(place))
    energy = float(velocity @ velocity) / 2 - pull / r
    if energy >= 0:
        return None
    a = -pull / (2 * energy)
    swing = np.cross(place, velocity)
    towards = np.cross(velocity, swing) / pull - place / r
    e = float(np.linalg.norm(towards))
    if e < 1e-9:
        towards, e = place / r, 0.0
    else:
        towards = towards / e
    across = np.cross(swing, towards)
    across = across / max(float(np.linalg.norm(across)), 1e-300)
    return -a * e * towards, a * towards, a * math.sqrt(max(1 - e * e, 0.0)) * across
