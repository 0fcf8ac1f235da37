"""Nagel–Schreckenberg traffic: a ring road, a straight road in space and time, or a city."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from intentos.program import Buffer, GpuProgram, Output, Pass, Probe, Uniform
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Quantity, Words

from .kernel import Arguments, Compare, KernelBase, judged, workgroups
from .prelude import prelude_wgsl

CELL_METRES = 7.5
KMH = CELL_METRES * 3.6
"""km/h of one cell a second."""
SETTLED = 100.0
"""Seconds after which the flow on a closed lane hardly changes any more."""
MAX_CELLS = 60_000
LAYOUTS = ("city", "ring", "road")


class TrafficArguments(Arguments):
    """Cells are 7.5 m long and a step is one second, so that speeds come out in km/h."""

    width: int = Field(768, ge=64, le=2048)
    height: int = Field(768, ge=64, le=2048)
    frames: int = Field(300, ge=1, le=10_000)
    layout: Literal["city", "ring", "road"] = "city"
    """A city of crossing streets, closed round lanes, or one closed lane drawn over time."""
    cars: int = Field(500, ge=1, le=MAX_CELLS)
    streets: int = Field(6, ge=2, le=20)
    """Streets each way (city), with one lane for each direction."""
    block_cells: int = Field(14, ge=6, le=60)
    """Cells from one crossing to the next (city)."""
    lanes: int = Field(1, ge=1, le=8)
    """Lanes of the ring; nobody changes lanes."""
    road_cells: int = Field(200, ge=20, le=2000)
    """Cells of a lane (ring and road)."""
    max_speed: int = Field(2, ge=1, le=8)
    """Cells a second; 2 is 54 km/h, 5 is 135 km/h."""
    slowdown: float = Field(0.2, ge=0, le=1)
    """Chance, each second, that a driver dawdles."""
    light_period: int = Field(12, ge=4, le=600)
    """Seconds of green and amber for one direction (city)."""
    turn_probability: float = Field(0.3, ge=0, le=1)
    """Chance to turn at a crossing, half of it to each side (city)."""
    frames_per_step: int = Field(6, ge=1, le=60)
    """Pictures a second of simulated time; between seconds, cars are drawn on their way."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.cells_in_all > MAX_CELLS:
            raise ValueError(f"the roads have {self.cells_in_all} cells; at most {MAX_CELLS}")
        if self.cars > self.cells_in_all:
            raise ValueError(
                f"{self.cars} cars do not fit: the roads have room for at most {self.cells_in_all}"
            )
        if self.layout == "road" and self.road_cells > self.width:
            raise ValueError(f"the picture shows at most {self.width} road_cells, its width")
        return self

    @property
    def down(self) -> int:
        """Streets that run from left to right, so that blocks are about square."""
        return max(2, round(self.streets * self.height / self.width))

    @property
    def links(self) -> int:
        """Lanes from one crossing to the next, or closed lanes."""
        if self.layout == "city":
            return 4 * self.streets * self.down
        return self.lanes if self.layout == "ring" else 1

    @property
    def cells(self) -> int:
        """Cells of a link."""
        return self.block_cells if self.layout == "city" else self.road_cells

    @property
    def density(self) -> float:
        """Share of the cells that have a car."""
        return self.cars / self.cells_in_all

    @property
    def cells_in_all(self) -> int:
        """How many cars fit."""
        return self.links * self.cells

    @property
    def rows(self) -> int:
        """Seconds that the space-time picture shows."""
        return max(1, self.height * self.road_cells // self.width)

    @property
    def stride(self) -> int:
        """Step of the first placing: near the golden section, no divisor of the cells in common."""
        step = max(1, round(self.cells_in_all * 0.618))
        while math.gcd(step, self.cells_in_all) != 1:
            step += 1
        return step


class TrafficKernel(KernelBase[TrafficArguments]):
    """Cars on lanes of cells, all moved at once, with traffic lights in the city."""

    name = "traffic"
    arguments = TrafficArguments
    compare = Compare(rule="exact", frames=40)

    def program(self, arguments: TrafficArguments) -> GpuProgram:
        """Return the program; see ``traffic.wgsl``."""
        a = arguments
        every_car = (workgroups(a.cars, 64), 1, 1)
        every_cell = (workgroups(a.cells_in_all, 64), 1, 1)
        one_lane = (workgroups(a.cells, 64), 1, 1)
        picture = (workgroups(a.width, 8), workgroups(a.height, 8), 1)
        pixels = a.width * a.height
        straight = a.layout == "road"
        start = [Pass(entry="place", dispatch=every_car)]
        step = [
            Pass(entry="clear", dispatch=every_cell),
            Pass(entry="advance", dispatch=every_car),
            Pass(entry="settle", dispatch=every_cell),
        ]
        draw = [
            Pass(entry="forget", dispatch=(1024, 1, 1)),
            Pass(entry="count", dispatch=every_cell),
        ]
        if straight:
            start.append(Pass(entry="remember", dispatch=one_lane, constants={"recording": 0}))
            step.append(Pass(entry="remember", dispatch=one_lane))
        else:
            start.append(Pass(entry="paint", dispatch=picture))
            draw.append(Pass(entry="shine", dispatch=every_car))
        draw.append(Pass(entry="show", dispatch=picture))
        return GpuProgram(
            name=self.name,
            source=prelude_wgsl() + self.wgsl,
            uniforms=_uniforms(a),
            buffers=(
                Buffer(name="pixels", type="u32", length=pixels),
                Buffer(name="road", type="u32", length=a.cells_in_all),
                Buffer(name="road_next", type="u32", length=a.cells_in_all),
                Buffer(name="fleet", type="vec4u", length=a.cars),
                Buffer(name="counters", type="atomic<u32>", length=4),
                Buffer(name="ground", type="u32", length=pixels),
                Buffer(name="light", type="atomic<u32>", length=3 * pixels),
            ),
            start=tuple(start),
            step=tuple(step),
            draw=tuple(draw),
            outputs=(
                Output(buffer="road", name="road", dtype="uint32", shape=(a.links, a.cells)),
                Output(buffer="fleet", name="cars", dtype="uint32", shape=(a.cars, 4)),
            ),
            probes=_probes(a),
            width=a.width,
            height=a.height,
            dt=1 / a.frames_per_step,
            steps_per_frame=1,
            frames=a.frames,
            frames_per_second=a.frames_per_second,
        )

    def twin(self, arguments: TrafficArguments, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames; the cars' places agree bit for bit."""
        from .traffic_twin import frames

        return frames(arguments, seed)

    def judge(
        self, arguments: TrafficArguments, evidence: Evidence
    ) -> tuple[dict[str, Quantity], list[Check]]:
        """Return speeds and flow, averaged over the last three quarters of the film.

        Flow is what passes a point of a lane: density times mean speed.
        """
        a = arguments
        series = {name: [v for _, v in points] for name, points in evidence.series.items()}
        late = slice(len(series["mean_speed"]) // 4, None)
        speed = float(np.mean(series["mean_speed"][late]))
        flow = _flow(a, speed)
        values = {
            "mean_speed": Quantity(value=round(speed, 2), unit="km/h"),
            "flow": Quantity(value=round(flow, 1), unit="1/h"),
            "density": Quantity(value=round(1000 * a.density / CELL_METRES, 1), unit="1/km"),
            "cars_end": Quantity(value=round(series["cars"][-1])),
            "stopped": Quantity(
                value=round(100 * float(np.mean(series["stopped"][late])), 1), unit="%"
            ),
        }
        checks = [
            _nobody_is_lost(a, series["cars"], evidence.outputs["road"]),
            _limit_holds(a, series["top_speed"], evidence.outputs["cars"]),
            _flow_is_possible(a, series["mean_speed"]),
        ]
        if (exact := exact_flow(a)) is not None:
            checks.append(_flow_is_exact(a, exact, series["mean_speed"]))
        return values, checks


def _uniforms(a: TrafficArguments) -> tuple[Uniform, ...]:
    whole = {
        "roads": LAYOUTS.index(a.layout),
        "cars": a.cars,
        "across": a.streets,
        "down": a.down,
        "links": a.links,
        "cells": a.cells,
        "rows": a.rows,
        "stride": a.stride,
        "substeps": a.frames_per_step,
        "max_speed": a.max_speed,
        "light_period": a.light_period,
    }
    real = {"slowdown": a.slowdown, "turn_probability": a.turn_probability}
    return tuple(
        [Uniform(name=n, type="u32", value=v) for n, v in whole.items()]
        + [Uniform(name=n, type="f32", value=v) for n, v in real.items()]
    )


def _probes(a: TrafficArguments) -> tuple[Probe, ...]:
    def probe(name: str, offset: int, scale: float, unit: str, en: str, zh: str) -> Probe:
        return Probe(
            buffer="counters",
            name=name,
            offset=offset,
            scale=scale,
            unit=unit,
            label_en=en,
            label_zh=zh,
        )

    return (
        probe("cars", 0, 1.0, "", "cars on the road", "路上的车辆"),
        probe("mean_speed", 1, KMH / a.cars, "km/h", "mean speed", "平均车速"),
        probe("stopped", 2, 1 / a.cars, "", "share of standing cars", "停驶车辆的比例"),
        probe("top_speed", 3, KMH, "km/h", "fastest car", "最快的车"),
    )


def _flow(a: TrafficArguments, speed: float) -> float:
    """Return cars an hour and lane from a mean speed in km/h."""
    return a.density * speed / KMH * 3600


def exact_flow(a: TrafficArguments) -> float | None:
    """Return the steady flow in cars an hour and lane where theory knows it, on a closed lane.

    Without dawdling min(ρ·vmax, 1 − ρ) cars a second; at a limit of one cell a second
    (1 − √(1 − 4qρ(1 − ρ))) / 2 with q = 1 − slowdown. Source: Schadschneider and Schreckenberg,
    J. Phys. A 26 (1993) L679.
    """
    if a.layout == "city":
        return None
    free = a.density * (1 - a.density)
    if a.slowdown == 0:
        return 3600 * min(a.density * a.max_speed, 1 - a.density)
    if a.max_speed == 1:
        return 1800 * (1 - math.sqrt(1 - 4 * (1 - a.slowdown) * free))
    return None


def _flow_is_exact(a: TrafficArguments, exact: float, speeds: list[float]) -> Check:
    seconds = len(speeds) / a.frames_per_step
    found = float(np.mean([_flow(a, speed) for speed in speeds[len(speeds) // 2 :]]))
    # Chance makes the mean of few cars over a short time stray.
    room = 0.03 * exact + (3600 * 3 / math.sqrt(a.cars * seconds * a.lanes) if a.slowdown else 1)
    return judged(
        "flow_is_exact",
        Words(en="The flow is what theory gives", zh="车流量与理论值一致"),
        abs(found - exact) <= room if seconds >= SETTLED else None,
        f"{found:.0f}/h a lane after {seconds:.0f} s, exactly {exact:.0f}/h in the long run",
        "oracle",
    )


def _nobody_is_lost(
    a: TrafficArguments, counts: list[float], road: np.ndarray[tuple[int, ...], np.dtype[np.uint32]]
) -> Check:
    found = np.unique(road[road > 0])
    low, high = round(min(counts)), round(max(counts))
    kept = low == high == a.cars and np.array_equal(found, np.arange(1, a.cars + 1))
    return judged(
        "no_car_is_lost",
        Words(en="No car is lost", zh="没有车辆丢失"),
        kept,
        f"{low}–{high} cars in {len(counts)} frames, {found.size} at the end, of {a.cars}",
    )


def _limit_holds(
    a: TrafficArguments, top: list[float], cars: np.ndarray[tuple[int, ...], np.dtype[np.uint32]]
) -> Check:
    fastest = max(*top, float(cars[:, 1].max()) * KMH)
    limit = a.max_speed * KMH
    return judged(
        "speed_limit",
        Words(en="Nobody drives faster than the limit", zh="没有车辆超速"),
        fastest <= limit + 1e-6,
        f"fastest {fastest:.1f} km/h, limit {limit:.1f} km/h",
        "generic",
    )


def _flow_is_possible(a: TrafficArguments, speeds: list[float]) -> Check:
    """Judge the flow of every second.

    At most every car moves at the limit, and each empty cell is crossed by one car at most:
    flow ≤ min(ρ·vmax, 1 − ρ) cars a second and lane.
    """
    bound = 3600 * min(a.density * a.max_speed, 1 - a.density)
    greatest = max(_flow(a, speed) for speed in speeds)
    return judged(
        "flow_is_possible",
        Words(en="The flow is below the theoretical maximum", zh="车流量低于理论上限"),
        greatest <= bound * (1 + 1e-6) + 1e-6,
        f"greatest {greatest:.0f}/h a lane, at most {bound:.0f}/h",
        "generic",
    )


kernel = TrafficKernel()
