"""Twenty thousand birds who see their neighbours through a uniform grid.

All rivals sort into the same cells and sum over the same neighbours in float32. Gusts, hunters and
chance are off, so that a round is the grid, the neighbours and Reynolds' three rules; the steps are
short, so that the flock is as dense in the last round as in the first.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.bench.row import Arrays, Rival, Row
from intentos.gpu_kernels.flock import kernel

COUNT = 20_000
ARGUMENTS: dict[str, Any] = {
    "count": COUNT, "width": 512, "height": 512, "frames": 4, "steps_per_frame": 1, "wander": 0.0,
    "noise": 0.0, "pace": 0.05,
}  # fmt: skip
A = kernel.validate(ARGUMENTS)
F = np.float32
COLUMNS, LINES = A.grid.columns, A.grid.rows
LEFT, BOTTOM = F(A.grid.left), F(A.grid.bottom)
ACROSS, UP = F(COLUMNS / A.grid.width), F(LINES / A.grid.height)
RADIUS, NEAR = F(A.radius), F(A.separation_radius)
PER_SQUARE, PER_NEAR = F(1 / A.radius**2), F(1 / A.separation_radius)
SEPARATION, ALIGNMENT, COHESION = F(A.separation), F(A.alignment), F(A.cohesion)
HOME, ROOST = F(A.home), F(0.05 * A.world[1])
SPEED, SLOWEST, FASTEST, TURN, DT = (
    F(v) for v in (A.speed, A.speed_min, A.speed_max, A.turn, A.dt)
)


def numpy_rival(start: Arrays) -> Rival:
    """Sort by cells, then all pairs of the nine neighbouring cells at once, in blocks of birds."""

    def step(agents: NDArray[np.float32]) -> NDArray[np.float32]:
        column = np.clip(((agents[:, 0] - LEFT) * ACROSS).astype(np.int32), 0, COLUMNS - 1)
        row = np.clip(((agents[:, 1] - BOTTOM) * UP).astype(np.int32), 0, LINES - 1)
        cell = row * COLUMNS + column
        order = np.argsort(cell, kind="stable")
        birds, column, row = agents[order], column[order], row[order]
        begins = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=COLUMNS * LINES))])
        new = np.empty_like(birds)
        for block in np.array_split(np.arange(COUNT), COUNT // 500):
            new[block] = _numpy_block(birds, block, column[block], row[block], begins)
        agents = np.empty_like(agents)
        agents[order] = new
        return agents

    def run(rounds: int) -> Arrays:
        agents = start["agents"]
        for _ in range(rounds):
            agents = step(agents)
        return {"agents": agents}

    return run


def _numpy_block(
    birds: NDArray[np.float32],
    block: NDArray[np.intp],
    column: NDArray[np.int32],
    row: NDArray[np.int32],
    begins: NDArray[np.intp],
) -> NDArray[np.float32]:
    first, last = np.maximum(column - 1, 0), np.minimum(column + 1, COLUMNS - 1)
    sums = np.zeros((7, len(block)), F)
    for shift in (-1, 0, 1):
        line = row + shift
        inside = (line >= 0) & (line < LINES)
        line = np.clip(line, 0, LINES - 1)
        begin = begins[line * COLUMNS + first]
        count = np.where(inside, begins[line * COLUMNS + last + 1] - begin, 0)
        mine = np.repeat(np.arange(len(block)), count)
        other = np.arange(len(mine)) - np.repeat(np.cumsum(count) - count - begin, count)
        d = birds[other, :2] - birds[block[mine], :2]
        square = (d * d).sum(1)
        near = square < RADIUS * RADIUS
        mine, other, d, square = mine[near], other[near], d[near], square[near]
        w = 1 - square * PER_SQUARE
        push = np.maximum(1 / np.sqrt(np.maximum(square, F(1e-12))) - PER_NEAR, 0)
        values = (w, w * birds[other, 2], w * birds[other, 3], w * d[:, 0], w * d[:, 1],
                  -d[:, 0] * push, -d[:, 1] * push)  # fmt: skip
        for k, value in enumerate(values):
            sums[k] += np.bincount(mine, value, len(block)).astype(F)
    return _numpy_steer(birds[block], sums)


def _numpy_steer(birds: NDArray[np.float32], sums: NDArray[np.float32]) -> NDArray[np.float32]:
    p, v = birds[:, :2], birds[:, 2:]
    weight = (sums[0] - 1)[:, None]
    seen = weight > 1e-4
    weight = np.where(seen, weight, F(1))
    force = SEPARATION * sums[5:7].T - HOME * (p - np.array([0, ROOST], F))
    drawn = ALIGNMENT * ((sums[1:3].T - v) / weight - v) + COHESION * sums[3:5].T / weight
    force += np.where(seen, drawn, F(0))
    rate = np.maximum(np.sqrt((v * v).sum(1, keepdims=True)), F(1e-6))
    force += v * (2 * (SPEED - rate) / rate)
    strength = np.sqrt((force * force).sum(1, keepdims=True))
    force *= np.minimum(F(1), TURN / np.maximum(strength, F(1e-6)))
    v = v + force * DT
    fast = np.maximum(np.sqrt((v * v).sum(1, keepdims=True)), F(1e-6))
    v = v * (np.clip(fast, SLOWEST, FASTEST) / fast)
    return np.concatenate([p + v * DT, v], 1)


def numba_rival(start: Arrays) -> Rival:
    """A counting sort, then one parallel loop over the birds in the order of their cells."""
    from numba import njit, prange

    @njit(fastmath=True)  # type: ignore[untyped-decorator]
    def sort(agents: Any, cells: Any, begins: Any, cursor: Any, order: Any, birds: Any) -> None:
        begins[:] = 0
        for i in range(COUNT):
            column = min(max(int((agents[i, 0] - LEFT) * ACROSS), 0), COLUMNS - 1)
            row = min(max(int((agents[i, 1] - BOTTOM) * UP), 0), LINES - 1)
            cells[i] = row * COLUMNS + column
            begins[cells[i] + 1] += 1
        for c in range(COLUMNS * LINES):
            begins[c + 1] += begins[c]
            cursor[c] = begins[c]
        for i in range(COUNT):
            slot = cursor[cells[i]]
            cursor[cells[i]] += 1
            order[slot] = i
            for k in range(4):
                birds[slot, k] = agents[i, k]

    @njit(parallel=True, fastmath=True)  # type: ignore[untyped-decorator]
    def steer(birds: Any, order: Any, begins: Any, cells: Any, agents: Any) -> None:
        for slot in prange(COUNT):
            x, y, vx, vy = birds[slot, 0], birds[slot, 1], birds[slot, 2], birds[slot, 3]
            cell = cells[order[slot]]
            row, column = cell // COLUMNS, cell % COLUMNS
            weight = sx = sy = ox = oy = ax = ay = F(0)
            for line in range(max(row - 1, 0), min(row + 2, LINES)):
                begin = begins[line * COLUMNS + max(column - 1, 0)]
                end = begins[line * COLUMNS + min(column + 1, COLUMNS - 1) + 1]
                for k in range(begin, end):
                    dx, dy = birds[k, 0] - x, birds[k, 1] - y
                    square = dx * dx + dy * dy
                    w = F(1) - square * PER_SQUARE
                    if w > F(0):
                        weight += w
                        sx += w * birds[k, 2]
                        sy += w * birds[k, 3]
                        ox += w * dx
                        oy += w * dy
                        push = F(1) / np.sqrt(max(square, F(1e-12))) - PER_NEAR
                        if push > F(0):
                            ax -= dx * push
                            ay -= dy * push
            weight -= F(1)
            fx = SEPARATION * ax - HOME * x
            fy = SEPARATION * ay - HOME * (y - ROOST)
            if weight > F(1e-4):
                fx += ALIGNMENT * ((sx - vx) / weight - vx) + COHESION * ox / weight
                fy += ALIGNMENT * ((sy - vy) / weight - vy) + COHESION * oy / weight
            rate = max(np.sqrt(vx * vx + vy * vy), F(1e-6))
            pull = F(2) * (SPEED - rate) / rate
            fx += vx * pull
            fy += vy * pull
            limit = min(F(1), TURN / max(np.sqrt(fx * fx + fy * fy), F(1e-6)))
            vx += fx * limit * DT
            vy += fy * limit * DT
            fast = max(np.sqrt(vx * vx + vy * vy), F(1e-6))
            kept = min(max(fast, SLOWEST), FASTEST) / fast
            vx *= kept
            vy *= kept
            i = order[slot]
            agents[i, 0], agents[i, 1] = x + vx * DT, y + vy * DT
            agents[i, 2], agents[i, 3] = vx, vy

    return _sorted_and_steered(start, sort, steer)


def taichi_rival(start: Arrays) -> Rival:
    """The same two halves as Taichi kernels: a serial counting sort, a parallel loop."""
    import taichi as ti

    reals, whole = ti.types.ndarray(ti.f32, 2), ti.types.ndarray(ti.i32, 1)

    @ti.kernel  # type: ignore[untyped-decorator]
    def sort(agents: reals, cells: whole, begins: whole, cursor: whole, order: whole, birds: reals):  # type: ignore[no-untyped-def,valid-type]
        ti.loop_config(serialize=True)
        for c in range(COLUMNS * LINES + 1):
            begins[c] = 0
        for i in range(COUNT):
            column = ti.math.clamp(ti.cast((agents[i, 0] - LEFT) * ACROSS, ti.i32), 0, COLUMNS - 1)
            row = ti.math.clamp(ti.cast((agents[i, 1] - BOTTOM) * UP, ti.i32), 0, LINES - 1)
            cells[i] = row * COLUMNS + column
            ti.atomic_add(begins[cells[i] + 1], 1)
        ti.loop_config(serialize=True)
        for c in range(COLUMNS * LINES):
            begins[c + 1] += begins[c]
            cursor[c] = begins[c]
        ti.loop_config(serialize=True)
        for i in range(COUNT):
            slot = cursor[cells[i]]
            cursor[cells[i]] += 1
            order[slot] = i
            for k in ti.static(range(4)):
                birds[slot, k] = agents[i, k]

    @ti.kernel  # type: ignore[untyped-decorator]
    def steer(birds: reals, order: whole, begins: whole, cells: whole, agents: reals):  # type: ignore[no-untyped-def,valid-type]
        for slot in range(COUNT):
            p = ti.Vector([birds[slot, 0], birds[slot, 1]])
            v = ti.Vector([birds[slot, 2], birds[slot, 3]])
            cell = cells[order[slot]]
            row, column = cell // COLUMNS, cell % COLUMNS
            weight = 0.0
            velocity, offset, apart = (
                ti.Vector([0.0, 0.0]),
                ti.Vector([0.0, 0.0]),
                ti.Vector([0.0, 0.0]),
            )
            for line in range(ti.max(row - 1, 0), ti.min(row + 2, LINES)):
                begin = begins[line * COLUMNS + ti.max(column - 1, 0)]
                end = begins[line * COLUMNS + ti.min(column + 1, COLUMNS - 1) + 1]
                for k in range(begin, end):
                    d = ti.Vector([birds[k, 0], birds[k, 1]]) - p
                    square = d.dot(d)
                    w = 1.0 - square * PER_SQUARE
                    if w > 0.0:
                        weight += w
                        velocity += w * ti.Vector([birds[k, 2], birds[k, 3]])
                        offset += w * d
                        push = ti.rsqrt(ti.max(square, 1e-12)) - PER_NEAR
                        if push > 0.0:
                            apart -= d * push
            weight -= 1.0
            force = SEPARATION * apart - HOME * (p - ti.Vector([0.0, ROOST]))
            if weight > 1e-4:
                force += ALIGNMENT * ((velocity - v) / weight - v) + COHESION * offset / weight
            rate = ti.max(v.norm(), 1e-6)
            force += v * (2.0 * (SPEED - rate) / rate)
            force *= ti.min(1.0, TURN / ti.max(force.norm(), 1e-6))
            v += force * DT
            fast = ti.max(v.norm(), 1e-6)
            v *= ti.math.clamp(fast, SLOWEST, FASTEST) / fast
            p += v * DT
            i = order[slot]
            agents[i, 0], agents[i, 1], agents[i, 2], agents[i, 3] = p.x, p.y, v.x, v.y

    return _sorted_and_steered(start, sort, steer)


def _sorted_and_steered(start: Arrays, sort: Any, steer: Any) -> Rival:
    """Every round sort by cells, into arrays made once, and steer."""
    cells, order = np.empty(COUNT, np.int32), np.empty(COUNT, np.int32)
    begins, cursor = np.empty(COLUMNS * LINES + 1, np.int32), np.empty(COLUMNS * LINES, np.int32)
    birds = np.empty((COUNT, 4), F)

    def run(rounds: int) -> Arrays:
        agents = start["agents"].copy()
        for _ in range(rounds):
            sort(agents, cells, begins, cursor, order, birds)
            steer(birds, order, begins, cells, agents)
        return {"agents": agents}

    return run


def agree(got: Mapping[str, NDArray[Any]], wanted: Mapping[str, NDArray[Any]]) -> str:
    """Birds are at the same places but for rounding."""
    off = np.abs(got["agents"] - wanted["agents"])
    assert (off > 2e-3).mean() < 1e-3, f"{(off > 2e-3).mean():.2%} of the numbers are off"
    return f"median difference {np.median(off):.0e}, largest {off.max():.0e}"


ROWS = (
    Row(
        label="Boids 20,000",
        kernel="flock",
        arguments=ARGUMENTS,
        unit="birds",
        work=COUNT,
        rivals={"numpy": numpy_rival, "numba": numba_rival, "taichi": taichi_rival},
        agree=agree,
        check_rounds=3,
    ),
)
