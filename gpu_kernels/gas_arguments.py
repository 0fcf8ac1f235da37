"""What a gas takes, and the sizes that follow from it."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from .grid import Grid
from .kernel import Arguments
from .prelude import known_palette

BOLTZMANN = 0.0083144626
"""u nm²/ps² per kelvin: the gas constant in kJ/(mol K)."""
MAX_PARTICLES = 20_000
MAX_ROUNDS = 200
STEPS = 4
"""Steps of a round: between two sortings into the grid."""
TOP = 5.5
"""Speeds beyond so many root mean squares are told by a check: the grid might miss a neighbour."""
BARS = 40


class GasArguments(Arguments):
    """Discs that repel one another where they overlap, in nm, ps, u and K; defaults are argon's.

    Molecular dynamics with the leapfrog rule and a soft repulsion, which keeps the energy: Allen
    and Tildesley, "Computer Simulation of Liquids" (1987). The plane has two dimensions, so the
    mean kinetic energy of a disc is kT and speeds follow m v / kT exp(-m v² / 2kT).
    """

    width: int = Field(512, ge=16, le=2048)
    height: int = Field(512, ge=16, le=2048)
    frames: int = Field(300, ge=1, le=10_000)
    particles: int = Field(700, ge=1, le=MAX_PARTICLES)
    packing: float = Field(0.16, ge=0.0001, le=0.6)
    """Share of the box that discs cover."""
    radius: float = Field(0.17, ge=0.01, le=10)
    """nm."""
    mass: float = Field(39.95, ge=0.1, le=10_000)
    """u."""
    share_second: float = Field(0.0, ge=0, le=1)
    """Share of discs that are of a second kind."""
    radius_second: float = Field(0.17, ge=0.01, le=10)
    mass_second: float = Field(4.0, ge=0.1, le=10_000)
    temperature: float = Field(300.0, ge=1, le=100_000)
    """K, at the start."""
    speeds: Literal["equal", "maxwell", "hot_cold"] = "equal"
    """At the start: all of one kind as fast as one another; spread as in equilibrium; the left half
    hot and the right half cold."""
    placed: Literal["everywhere", "left", "apart"] = "everywhere"
    """At the start: all over the box; in its left half; the kinds in a half each."""
    partition: Literal["none", "wall", "hole", "demon"] = "none"
    """In the middle. Through the demon's hole the fast pass to the right, the slow to the left."""
    partition_until: float = Field(0.0, ge=0, le=1e6)
    """ps after which the partition is taken away; 0: it stays."""
    hole: float = Field(0.12, gt=0, le=1)
    """Share of the partition that is open."""
    piston: float = Field(0.0, ge=0, le=10)
    """nm/ps: speed at which the right wall moves in."""
    piston_way: float = Field(0.4, ge=0, le=0.8)
    """Share of the width after which it stops."""
    gravity: float = Field(0.0, ge=0, le=50)
    """How many times kT a disc of the first kind weighs from the bottom to the top."""
    tracer_radius: float = Field(0.0, ge=0, le=100)
    """nm: of a big disc among the small ones, which draws its way (Brownian motion); 0: none."""
    tracer_mass: float = Field(400.0, ge=1, le=1e7)
    """u."""
    softness: float = Field(0.08, ge=0.01, le=0.3)
    """How deep two discs of mean energy overlap, in diameters."""
    step: float = Field(0.25, ge=0.01, le=10)
    """Way of a disc in one step, in that depth: the accuracy."""
    pace: float = Field(10.0, gt=0, le=10_000)
    """ps a second of film."""
    colour_by: Literal["speed", "kind"] = "speed"
    palette: str = "plasma"
    """One of ``prelude.PALETTES``."""
    chart: bool = True
    """Show how the speeds are spread; pictures from 200 x 200 on have room for it."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        known_palette(self.palette)
        if self.tracer_radius and (self.partition != "none" or self.piston or self.two_areas):
            raise ValueError("a tracer goes with neither partition nor piston nor placed halves")
        if self.tracer_radius and self.tracer_radius < self.radius:
            raise ValueError("tracer_radius is at least radius")
        if self.partition != "none" and self.piston:
            raise ValueError("a partition and a piston do not go together")
        if self.placed == "apart" and not 0 < self.first < self.particles:
            raise ValueError("placed apart needs two kinds: share_second between 0 and 1")
        least = min(
            min(area[2] / columns, area[3] / rows)
            for area, (columns, rows) in zip(self.areas, self.lattices, strict=True)
        )
        wanted = 2.02 * max(self.radius, self.radius_second if self.two_kinds else 0)
        if least < wanted or self.tracer_radius * 2.2 > min(self.box):
            most = self.packing * max(least / wanted, 0) ** 2 * 0.98
            raise ValueError(f"the discs do not fit side by side; packing is at most {most:.2g}")
        if self.rounds > MAX_ROUNDS:
            most = self.pace * MAX_ROUNDS / self.rounds
            raise ValueError(f"that takes {self.rounds} rounds a frame; pace is at most {most:.3g}")
        if self.box[0] / self.reach * (self.box[1] / self.reach) < 1:
            raise ValueError("the box is too small for one disc")
        return self

    @property
    def first(self) -> int:
        """How many are of the first kind; they have the lower numbers."""
        return self.particles - round(self.share_second * self.particles)

    @property
    def two_kinds(self) -> bool:
        """Whether there are discs of the second kind."""
        return self.first < self.particles

    @property
    def two_areas(self) -> bool:
        """Whether discs start in halves of the box."""
        return self.placed != "everywhere"

    @property
    def charted(self) -> bool:
        """Whether the picture has room for the chart, and it is wanted."""
        return self.chart and min(self.width, self.height) >= 200

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the box in pixels."""
        margin = max(4.0, 0.028 * min(self.width, self.height))
        wide, high = self.width - 2 * margin, self.height - 2 * margin
        if self.charted and self.width > 1.45 * self.height:
            wide = 0.64 * self.width - 1.5 * margin
        elif self.charted:
            high = 0.66 * self.height - 1.5 * margin
        return margin, margin, wide, high

    @property
    def panel(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the chart in pixels."""
        left, top, wide, high = self.frame
        if self.width > 1.45 * self.height:
            x = round(left + wide + left)
            return x, round(top), round(self.width - x - left), round(high)
        y = round(top + high + top)
        return round(left), y, round(wide), round(self.height - y - top)

    @property
    def unit(self) -> float:
        """Pixels a nm."""
        return self.frame[2] / self.box[0]

    @property
    def box(self) -> tuple[float, float]:
        """Width and height in nm."""
        second = self.particles - self.first
        area = math.pi * (self.first * self.radius**2 + second * self.radius_second**2)
        area = (area + math.pi * self.tracer_radius**2 * self.packing) / self.packing
        _, _, wide, high = self.frame
        return math.sqrt(area * wide / high), math.sqrt(area * high / wide)

    @property
    def strip(self) -> float:
        """Width in nm that the big disc keeps free at the start."""
        return 2 * (self.tracer_radius + self.radius) if self.tracer_radius else 0.0

    @property
    def areas(self) -> tuple[tuple[float, float, float, float], ...]:
        """Left, bottom, width and height of where the kinds, or all, are at the start."""
        w, h = self.box
        edge = 0.5 * max(self.radius, self.radius_second if self.two_kinds else 0)
        left = (-w / 2 + edge, -h / 2 + edge, w / 2 - 2 * edge, h - 2 * edge)
        if self.placed == "left":
            return (left,)
        if self.placed == "apart":
            return left, (edge, *left[1:])
        free = w - self.strip
        return ((-free / 2 + edge, -h / 2 + edge, free - 2 * edge, h - 2 * edge),)

    @property
    def lattices(self) -> tuple[tuple[int, int], ...]:
        """Columns and rows of the places at the start, for every area."""
        counts = (
            (self.first, self.particles - self.first)
            if self.placed == "apart"
            else (self.particles,)
        )
        found = []
        for count, (_, _, w, h) in zip(counts, self.areas, strict=True):
            columns = max(1, math.ceil(math.sqrt(count * max(w, 1e-9) / max(h, 1e-9))))
            if self.strip and columns % 2:
                columns += 1  # none may sit across the strip
            found.append((columns, -(-count // columns)))
        return tuple(found)

    @property
    def strides(self) -> tuple[int, ...]:
        """What mixes the numbers of the places."""
        return tuple(_stride(columns * rows) for columns, rows in self.lattices)

    @property
    def thermal(self) -> float:
        """kT at the start in u nm²/ps²."""
        return BOLTZMANN * self.temperature

    @property
    def speed(self) -> float:
        """Root mean square of the fastest kind's speed at the start, nm/ps."""
        light = min(self.mass, self.mass_second) if self.two_kinds else self.mass
        return math.sqrt(2 * self.thermal / light)

    @property
    def hottest(self) -> float:
        """How many times the first temperature the gas may reach."""
        heat = 1.7 if self.speeds == "hot_cold" else 1.0
        heat *= 1 + 0.6 * self.gravity
        return heat / (1 - self.piston_way) ** 1.5 if self.piston else heat

    @property
    def depth(self) -> float:
        """nm by which two discs of mean energy overlap."""
        least = min(self.radius, self.radius_second) if self.two_kinds else self.radius
        return 2 * self.softness * least

    @property
    def stiffness(self) -> float:
        """K of the force K depth²: the energy K depth³/3 is kT at that depth."""
        return 3 * self.thermal / self.depth**3

    @property
    def dt(self) -> float:
        """ps of a round."""
        return self.pace / self.frames_per_second / self.rounds

    @property
    def rounds(self) -> int:
        """Rounds a frame."""
        longest = self.step * self.depth / (self.speed * math.sqrt(2 * self.hottest))
        return max(1, math.ceil(self.pace / self.frames_per_second / (STEPS * longest)))

    @property
    def drift(self) -> float:
        """nm that the fastest moves between two sortings."""
        return self.dt * TOP * self.speed * math.sqrt(self.hottest) + self.dt * self.piston

    @property
    def reach(self) -> float:
        """How far neighbours are looked for, nm."""
        return 2 * max(self.radius, self.radius_second if self.two_kinds else 0) + self.drift

    @property
    def grid(self) -> Grid:
        """The grid that neighbours are found with."""
        w, h = self.box
        return Grid(
            things=self.particles, left=-w / 2, bottom=-h / 2, width=w, height=h, radius=self.reach
        )

    @property
    def gravity_nm(self) -> float:
        """nm/ps²."""
        return self.gravity * self.thermal / (self.mass * self.box[1])

    @property
    def fastest(self) -> float:
        """Right end of the chart, nm/ps."""
        return 2.5 * self.speed * math.sqrt(min(self.hottest, 2.0))


def _stride(slots: int) -> int:
    step = max(1, min(round(slots * 0.618), (2**32 - 1) // (slots + 1)))
    while math.gcd(step, slots) != 1:
        step -= 1
    return max(step, 1)
