"""The NumPy twin of ``traffic.wgsl``: the same cars bit for bit, the same picture to rounding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed
from intentos.protocols import Snapshot

from .prelude import hash_ as hash_of
from .prelude import pack_rgba, random
from .traffic_picture import CLEARANCE, Picture

if TYPE_CHECKING:
    from .traffic import TrafficArguments

Integers = NDArray[np.int64]
OFFSETS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])


class Roads:
    """Who is where: ``road`` holds car + 1 or 0, ``fleet`` each car's cell, speed, cell before."""

    def __init__(self, a: TrafficArguments, seed: int) -> None:
        self.a, self.seed = a, seed
        total = a.cells_in_all
        first = int(hash_of(np.array([seed], np.uint32))[0]) % total
        cars = np.arange(a.cars)
        cell = (cars * a.stride + first) % total
        self.fleet = np.stack([cell, 0 * cell, cell], axis=1)
        self.road = np.zeros(total, np.int64)
        self.road[cell] = cars + 1

    def advance(self, second: int) -> None:
        """Move every car by the four rules, all from the same old occupancy."""
        a = self.a
        cars = np.arange(a.cars)
        cell = self.fleet[:, 0]
        link, at = cell // a.cells, cell % a.cells
        speed = np.minimum(self.fleet[:, 1] + 1, a.max_speed)
        ahead = self._free(cell + 1, np.minimum(speed, a.cells - 1 - at))
        first_in_queue = (ahead < speed) & (at + ahead + 1 == a.cells)
        target, may = link, np.ones(a.cars, bool)
        if a.layout == "city":
            target, may = self._next_link(cars, link, second)
        room = np.where(first_in_queue & may, np.minimum(speed - ahead, a.cells), 0)
        beyond = self._free(target * a.cells, room)
        speed = np.minimum(speed, ahead + beyond)
        dawdles = random(cars, second, 0, self.seed) < np.float32(a.slowdown)
        speed = np.where((speed > 0) & dawdles, speed - 1, speed)
        after = target * a.cells + speed - ahead - 1
        to = np.where(speed > ahead, after, cell + speed)
        self.fleet = np.stack([to, speed, cell], axis=1)
        self.road = np.zeros_like(self.road)
        self.road[to] = cars + 1

    def _free(self, first: Integers, room: Integers) -> Integers:
        """Return how many of the ``room`` cells from ``first`` on are free without a break."""
        count = np.zeros_like(room)
        open_ = np.ones(room.shape, bool)
        for i in range(self.a.max_speed):
            inside = i < room
            open_ &= inside & (self.road[np.where(inside, first + i, 0)] == 0)
            count += open_
        return count

    def _next_link(self, cars: Integers, link: Integers, second: int) -> tuple[Integers, Any]:
        a = self.a
        heading = link % 4
        crossing = self._neighbour(link // 4, heading)
        wish = random(cars, second, 1, self.seed)
        chance = np.float32(a.turn_probability)
        turn = np.where(wish < chance, np.where(wish < np.float32(0.5) * chance, 1, 3), 0)
        may = lamp(a, crossing, heading, second) == 2
        oncoming = self._neighbour(crossing, heading) * 4 + (heading + 2) % 4
        look = min(a.max_speed, a.cells)
        last = oncoming * a.cells + a.cells - 1
        clear = np.all([self.road[last - i] == 0 for i in range(look)], axis=0)
        may &= (turn != 3) | clear
        return np.where(may, crossing * 4 + (heading + turn) % 4, link), may

    def _neighbour(self, crossing: Integers, heading: Integers) -> Integers:
        a = self.a
        x = (crossing % a.streets + OFFSETS[heading, 0]) % a.streets
        y = (crossing // a.streets + OFFSETS[heading, 1]) % a.down
        return np.asarray(y * a.streets + x)


def lamp(a: TrafficArguments, crossing: Any, heading: Any, second: int) -> Any:
    """Return 0 for red, 1 for amber, 2 for green."""
    shift = (crossing % a.streets + crossing // a.streets) % 2 * a.light_period
    phase = (second + shift + heading % 2 * a.light_period) % (2 * a.light_period)
    green = np.where(phase + CLEARANCE < a.light_period, 2, 1)
    return np.where(phase >= a.light_period, 0, green)


def frames(a: TrafficArguments, seed: int) -> Iterator[Snapshot]:
    """Yield every frame of the film."""
    folded = fold_seed(seed)
    roads = Roads(a, folded)
    picture = Picture(a, folded)
    history = np.zeros((a.rows, a.cells), np.int64) if a.layout == "road" else None
    for frame in range(a.frames):
        step = frame - 1
        if frame > 0 and step % a.frames_per_step == 0:
            roads.advance(step // a.frames_per_step)
        newest = (frame + a.frames_per_step - 1) // a.frames_per_step
        if history is not None:
            car = roads.road[: a.cells]
            history[newest % a.rows] = np.where(car > 0, roads.fleet[car - 1, 1] + 1, 0)
            colour = picture.space_time(history, newest)
        else:
            second = max(step, 0) // a.frames_per_step
            phase = 1.0 if frame == 0 else (step % a.frames_per_step + 1) / a.frames_per_step
            lights = (lambda c, h, s=second: lamp(a, c, h, s)) if a.layout == "city" else None
            colour = picture.show(roads.fleet, phase, lights)
        yield Snapshot(
            pixels=pack_rgba(colour), probes=_probes(a, roads), buffers=_outputs(a, roads)
        )


def _probes(a: TrafficArguments, roads: Roads) -> dict[str, float]:
    from .traffic import KMH

    there = roads.road[roads.road > 0]
    speed = roads.fleet[there - 1, 1]
    return {
        "cars": float(there.size),
        "mean_speed": float(speed.sum()) * KMH / a.cars,
        "stopped": float(np.count_nonzero(speed == 0)) / a.cars,
        "top_speed": float(speed.max()) * KMH,
    }


def _outputs(a: TrafficArguments, roads: Roads) -> dict[str, NDArray[np.uint32]]:
    fleet = np.concatenate([roads.fleet, np.zeros((a.cars, 1), np.int64)], axis=1)
    return {
        "road": roads.road.reshape(a.links, a.cells).astype(np.uint32),
        "cars": fleet.astype(np.uint32),
    }
