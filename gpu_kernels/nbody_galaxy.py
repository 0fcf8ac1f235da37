"""Discs and spheres of stars in equilibrium, as tables from which the device draws stars.

A galaxy is an exponential disc, a bulge and a dark halo (both Plummer spheres), all of live
bodies. Velocities follow the moments of the Jeans equations in the softened field of all three.
Source: Hernquist, "N-body realizations of compound galaxies", ApJS 86 (1993); Plummer, MNRAS 71
(1911).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

ROWS = 32
"""Of each table; they stand at even steps of the square root (disc) or the cube root (sphere) of
the share of the mass within."""
DISC_SHARE = 0.985
SPHERE_SHARE = 0.96
"""Of a model's mass that is drawn: the rest would be far outside."""
STABLE = 1.12
"""Toomre's Q of a disc: cool enough for arms, warm enough not to break up."""


@dataclass(frozen=True)
class Sphere:
    """A Plummer sphere: ``scale`` is the radius within which 35 % of ``mass`` lie."""

    mass: float
    scale: float

    def within(self, r: Floats) -> Floats:
        """Return the mass within radius r."""
        return np.asarray(self.mass * r**3 / (r * r + self.scale**2) ** 1.5)

    def density(self, r: Floats) -> Floats:
        """Return the mass in a unit of volume."""
        full = 3 * self.mass / (4 * math.pi * self.scale**3)
        return np.asarray(full * (1 + (r / self.scale) ** 2) ** -2.5)


@dataclass(frozen=True)
class Disc:
    """An exponential disc of a ``scale`` and a sech² ``height``."""

    mass: float
    scale: float
    height: float

    def within(self, r: Floats) -> Floats:
        """Return the mass within the cylinder of radius r."""
        x = r / self.scale
        return np.asarray(self.mass * (1 - (1 + x) * np.exp(-x)))

    def pull(self, r: Floats, softening: float) -> Floats:
        """Return the inward acceleration over G in the plane, by summing over softened rings."""
        edges = np.linspace(0, 9 * self.scale, 181)
        masses, middles = np.diff(self.within(edges)), (edges[1:] + edges[:-1]) / 2
        angle = (np.arange(64) + 0.5) * (math.tau / 64)
        soft = softening**2 + (0.6 * self.height) ** 2
        across = r[:, None, None] - middles[:, None] * np.cos(angle)
        square = r[:, None, None] ** 2 + middles[:, None] ** 2 + soft
        square = square - 2 * r[:, None, None] * middles[:, None] * np.cos(angle)
        return np.asarray(((across * square**-1.5).mean(-1) * masses).sum(-1))


@dataclass(frozen=True)
class Model:
    """What makes the field: spheres and perhaps a disc, with gravity and softening."""

    gravity: float
    softening: float
    spheres: tuple[Sphere, ...]
    disc: Disc | None = None

    @property
    def mass(self) -> float:
        """Of all that is drawn."""
        total = SPHERE_SHARE * sum(s.mass for s in self.spheres)
        return total + (DISC_SHARE * self.disc.mass if self.disc else 0.0)

    def pull(self, r: Floats) -> Floats:
        """Return the mean inward acceleration at distance r."""
        mass: Any = sum(np.minimum(s.within(r), SPHERE_SHARE * s.mass) for s in self.spheres)
        if self.disc:
            mass = mass + self.disc.within(r)
        return np.asarray(self.gravity * mass * r / (r * r + self.softening**2) ** 1.5)


@cache
def sphere_table(model: Model, number: int) -> Floats:
    """Return rows (radius, spread of each velocity component, largest speed, 0), shape (32, 4)."""
    sphere = model.spheres[number]
    r = sphere.scale * np.geomspace(1e-3, 60, 4000)
    inward = model.pull(r)
    rho = sphere.density(r)
    # Jeans: rho sigma² is the weight of what lies above; the potential, what is left to climb.
    pressure = _above(r, rho * inward)
    depth = _above(r, inward)
    share = SPHERE_SHARE * np.linspace(0, 1, ROWS) ** 3
    with np.errstate(divide="ignore"):
        radius = sphere.scale / np.sqrt(np.maximum(share, 1e-30) ** (-2 / 3) - 1)
    sigma = np.interp(radius, r, np.sqrt(pressure / rho))
    escape = np.interp(radius, r, np.sqrt(2 * depth))
    return np.stack([radius, sigma, 0.95 * escape, np.zeros(ROWS)], -1)


@cache
def disc_table(model: Model) -> Floats:
    """Return rows (radius, mean speed round, spreads outwards and round), then (spread upwards, …).

    Shape (64, 4).
    """
    disc = model.disc
    assert disc is not None
    r = np.linspace(0.02, 9, 128) * disc.scale
    spheres = Model(model.gravity, model.softening, model.spheres)
    inward = spheres.pull(r) + model.gravity * disc.pull(r, model.softening)
    square = np.maximum(r * inward, 1e-12)  # of the speed on a circle
    omega = np.sqrt(square) / r
    # kappa² = 4 omega² + d(omega²)/d ln r, between a falling and a rising rotation curve
    kappa = omega * np.sqrt(np.clip(4 + np.gradient(np.log(omega**2), np.log(r)), 1, 4))
    density = disc.mass / (math.tau * disc.scale**2) * np.exp(-r / disc.scale)
    out = STABLE * 3.36 * model.gravity * density / kappa
    out = np.minimum(out, 0.45 * np.sqrt(square))
    round_ = out * kappa / (2 * omega)
    lag = out**2 * (1 - (kappa / (2 * omega)) ** 2 - 2 * r / disc.scale)
    mean = np.sqrt(np.maximum(square + lag, 0.04 * square))
    up = np.sqrt(math.pi * model.gravity * density * disc.height)
    wanted = DISC_SHARE * np.linspace(0, 1, ROWS) ** 2
    radius = np.interp(wanted, disc.within(r) / disc.mass, r)
    radius[0] = 0
    rows = np.stack([np.interp(radius, r, each) for each in (mean, out, round_, up)], -1)
    first = np.concatenate([radius[:, None], rows[:, :3]], -1)
    second = np.zeros((ROWS, 4))
    second[:, 0] = rows[:, 3]
    return np.concatenate([first, second])


def _above(r: Floats, each: Floats) -> Floats:
    """Integrate from each r to the last one, by the trapezoidal rule."""
    pieces = (each[1:] + each[:-1]) / 2 * np.diff(r)
    return np.concatenate([np.cumsum(pieces[::-1])[::-1], [0.0]])


def parabola(
    gravity: float, mass: float, nearest: float, start: float
) -> tuple[Floats, Floats, float]:
    """Return place and velocity of one body as seen from another, and the time to their encounter.

    They fall from infinity and pass at the distance ``nearest``. Source: Barker's equation.
    """
    half = math.sqrt(start / nearest - 1)  # tan of half the true anomaly
    angle = -2 * math.atan(half)
    place = start * np.array([math.cos(angle), math.sin(angle), 0.0])
    speed = math.sqrt(gravity * mass / (2 * nearest))
    velocity = speed * np.array([-math.sin(angle), 1 + math.cos(angle), 0.0])
    time = math.sqrt(2 * nearest**3 / (gravity * mass)) * (half + half**3 / 3)
    return place, velocity, time
