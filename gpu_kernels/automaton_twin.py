"""The NumPy twin of ``automaton.wgsl``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed
from intentos.protocols import Snapshot

from .automaton_rules import Rule, ramp
from .expression import Expression
from .prelude import pack_rgba, palette, random, random_bits

if TYPE_CHECKING:
    from .automaton import AutomatonArguments

Cells = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]
AROUND = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
CROSS = [(-1, 0), (1, 0), (0, -1), (0, 1)]
SAND = [(0.030, 0.040, 0.100), (0.085, 0.300, 0.480), (0.960, 0.720, 0.330),
        (0.720, 0.180, 0.250), (1.0, 0.97, 0.88)]  # fmt: skip


def frames(a: AutomatonArguments, seed: int) -> Iterator[Snapshot]:
    """Yield every frame of the film."""
    grid = Grid(a, fold_seed(seed))
    step = 0
    for frame in range(a.frames):
        before, age = grid.cells, grid.age
        if frame:
            for _ in range(a.steps_per_frame):
                grid.advance(step)
                step += 1
        if a.packed:  # ages are counted from picture to picture
            older = np.minimum(age + (a.steps_per_frame if frame else 0), 0xFFFF)
            grid.age = np.where(grid.cells == before, older, 0)
        words = grid.cells if a.kind == "sandpile" else grid.cells | grid.age << 16
        buffers: dict[str, NDArray[Any]] = {"cells": words.astype(np.uint32)}
        if a.packed:
            bits = np.packbits(grid.cells.astype(np.uint8), axis=1, bitorder="little")
            buffers["bits"] = bits.view("<u4")
        if a.tiles > 1:
            buffers["moments"] = grid.moments.copy()
        yield Snapshot(
            pixels=pack_rgba(grid.picture(step)), probes=grid.probes(step), buffers=buffers
        )


class Grid:
    """``cells`` (states or grains) and ``age`` (steps in that state), both (rows, columns)."""

    def __init__(self, a: AutomatonArguments, seed: int) -> None:
        self.a, self.seed = a, seed
        self.index = np.arange(a.rows * a.columns).reshape(a.rows, a.columns)
        self.rule = Rule(a) if a.kind == "custom" else None
        self.cells = self._begin()
        self.age = np.zeros_like(self.cells)
        self.running = self._energy() if a.kind == "ising" else 0
        self.moments = np.zeros((a.tiles, a.tiles, 8), np.float32)

    def _begin(self) -> Cells:
        a = self.a
        chance = self._chance(0, 100)
        cells = (chance < np.float32(a.density)).astype(np.int64)
        if a.kind == "cyclic":
            cells = np.minimum((chance * np.float32(a.state_count)).astype(np.int64), a.states - 1)
        if a.kind == "sandpile":
            cells = (chance * np.float32(4) * np.float32(a.density)).astype(np.int64)
        if a.kind == "elementary":
            cells[1:] = 0
        if self.rule and self.rule.initial:
            return self._states(self.rule.initial, 0, chance)
        if a.start == "random":
            return cells
        mark = self._pattern()
        match a.kind:
            case "fire":
                return np.where(mark == 1, 2, cells)
            case "sandpile":
                return mark * a.grains
            case "ising":
                return np.ones_like(cells)
            case _:
                return mark

    def _pattern(self) -> Cells:
        a = self.a
        mark = np.zeros((a.rows, a.columns), np.int64)
        middle = 0 if a.kind == "elementary" else a.rows // 2
        height, width = len(a.pattern), max(len(row) for row in a.pattern)
        for y, row in enumerate(a.pattern):
            for x, cell in enumerate(row):
                at = (middle + y - height // 2, a.columns // 2 + x - width // 2)
                if cell == "#" and 0 <= at[0] < a.rows and 0 <= at[1] < a.columns:
                    mark[at] = 1
        return mark

    def advance(self, step: int) -> None:
        """One step of the rule."""
        old = self.cells
        if self.a.kind == "elementary":
            self._unroll(step)
            return
        if self.a.kind == "ising":
            for parity in (0, 1):
                self._flip(step, parity)
            if step >= self.a.settle and step % self.a.sample_every == 0:
                self._survey(step)
            return
        rule = {
            "life": self._live, "cyclic": self._chase, "fire": self._burn, "sandpile": self._topple,
            "custom": self._apply,
        }[self.a.kind]  # fmt: skip
        self.cells = rule(step)
        self.age = np.where(self.cells == old, np.minimum(self.age + 1, 0xFFFF), 0)

    def _live(self, step: int) -> Cells:
        a, now = self.a, self.cells
        count = self._neighbours(1)
        born, lives = a.birth >> count & 1, (now == 1) & (a.survival >> count & 1 == 1)
        return np.where(now == 0, born, np.where(lives, 1, (now + 1) % a.state_count))

    def _chase(self, step: int) -> Cells:
        after = (self.cells + 1) % self.a.states
        count = sum((self._moved(self.cells, d, -1) == after).astype(np.int64) for d in AROUND)
        return np.where(count >= self.a.threshold, after, self.cells)

    def _burn(self, step: int) -> Cells:
        now, chance = self.cells, self._chance(step, 0)
        near = np.any([self._moved(now, d) == 2 for d in CROSS], axis=0)
        grown = (chance < np.float32(self.a.growth)).astype(np.int64)
        caught = np.where(near | (chance < np.float32(self.a.lightning)), 2, 1)
        return np.where(now == 0, grown, np.where(now == 1, caught, 0))

    def _topple(self, step: int) -> Cells:
        a, moved = self.a, self.cells // 4
        grains: Cells = self.cells % 4 + sum(self._moved(moved, d) for d in CROSS)
        edges = moved[0].sum() + moved[-1].sum() + moved[:, 0].sum() + moved[:, -1].sum()
        self.running += int(edges)
        place = a.rows // 2 * a.columns + a.columns // 2
        if a.start == "random":
            place = int(random_bits(step, 0, 3, self.seed)[0]) % grains.size
        grains.flat[place] += a.drop
        return grains

    def _apply(self, step: int) -> Cells:
        assert self.rule is not None
        return self._states(self.rule.next, step, self._chance(step, 0))

    def _states(self, formula: Expression, step: int, chance: NDArray[np.float32]) -> Cells:
        """Return a formula's states; what is no state becomes 0xffff."""
        a = self.a
        j, i = np.indices((a.rows, a.columns)).astype(np.float32)
        place = {"i": i, "j": j, "x": (i + 0.5) / a.columns, "y": 1 - (j + 0.5) / a.rows}
        known: dict[str, Any] = {"t": np.float32(step), "chance": chance, **place}
        known |= {name: np.float32(v) for name, v in a.parameters.items()}
        if self.rule and formula is self.rule.next:
            known["state"] = self.cells.astype(np.float32)
            known["total"] = sum(self._moved(self.cells, d) for d in AROUND).astype(np.float32)
            for kind, wanted in self.rule.counts:
                which = AROUND if kind == "n" else CROSS
                same = self.cells == wanted
                count = sum(self._moved(same * 1, d, int(wanted == 0)) for d in which)
                known[f"{kind}{wanted}"] = count.astype(np.float32)
        value = np.broadcast_to(formula.numpy(known, seed=self.seed), (a.rows, a.columns))
        good = np.isfinite(value) & (value > -0.5)
        whole = np.round(np.clip(np.where(good, value, 0), 0, 65534)).astype(np.int64)
        return np.where(good, whole, 0xFFFF)

    def _tiled(self, values: Any) -> Any:
        """Return an array of shape (tiles, rows, tiles, columns): each lattice on its own."""
        a = self.a
        return values.reshape(a.tiles, a.rows // a.tiles, a.tiles, a.columns // a.tiles)

    def _near(self, spins: Cells, dy: int, dx: int) -> Cells:
        """Return each spin's neighbour in its own tile; beyond a dead edge 0."""
        tiled = self._tiled(spins)
        if self.a.periodic:
            return np.asarray(np.roll(tiled, (-dy, -dx), (1, 3)).reshape(spins.shape))
        padded = np.pad(tiled, ((0, 0), (1, 1), (0, 0), (1, 1)))
        rows, columns = tiled.shape[1], tiled.shape[3]
        inner = padded[:, 1 + dy : 1 + dy + rows, :, 1 + dx : 1 + dx + columns]
        return np.asarray(inner.reshape(spins.shape))

    def _temperatures(self, step: int) -> NDArray[np.float32]:
        """Return the temperature of every tile, shape (tiles, tiles)."""
        a = self.a
        count = a.tiles**2
        tile = (np.arange(count, dtype=np.float32) / max(count - 1, 1)).reshape(a.tiles, a.tiles)
        known = {"temperature": np.float32(a.temperature), "t": np.float32(step), "tile": tile}
        known |= {name: np.float32(v) for name, v in a.parameters.items()}
        value = np.broadcast_to(ramp(a).numpy(known, seed=self.seed), tile.shape)
        return np.maximum(value.astype(np.float32), np.float32(1e-3))

    def _flip(self, step: int, parity: int) -> None:
        a, spins = self.a, 2 * self.cells - 1
        change = 2 * spins * sum(self._near(spins, *d) for d in CROSS)
        each = np.ones((a.tiles, a.rows // a.tiles, a.tiles, a.columns // a.tiles), np.float32)
        heat = (each * self._temperatures(step)[:, None, :, None]).reshape(spins.shape)
        odds = np.exp(-change.astype(np.float32) / heat)
        turn = (change <= 0) | (self._chance(step, 0) < odds)
        mine = self.index // a.columns + self.index % a.columns
        mine = mine % 2 == parity
        turn &= mine
        self.running += int(change[turn].sum())
        older = np.where(mine, np.minimum(self.age + 1, 0xFFFF), self.age)
        self.age = np.where(turn, 0, older)
        self.cells = np.where(turn, 1 - self.cells, self.cells)

    def _survey(self, step: int) -> None:
        spins = 2 * self.cells - 1
        bonds = spins * (self._near(spins, 0, 1) + self._near(spins, 1, 0))
        m = self._tiled(spins).mean((1, 3)).astype(np.float32)
        e = -self._tiled(bonds).mean((1, 3)).astype(np.float32)
        heat = self._temperatures(step)
        self.moments += np.stack(
            [np.ones_like(m), abs(m), m * m, m**4, heat, e, e * e, np.zeros_like(m)], axis=-1
        )

    def _unroll(self, step: int) -> None:
        a = self.a
        row = np.pad(self.cells[step % a.rows], 1, mode="wrap" if a.periodic else "constant")
        key = 4 * row[:-2] + 2 * row[1:-1] + row[2:]
        self.cells[(step + 1) % a.rows] = a.number >> key & 1

    def _moved(self, values: Any, by: tuple[int, int], beyond: int = 0) -> Any:
        """Return each cell's neighbour at ``by``; ``beyond`` outside a dead boundary."""
        if self.a.periodic:
            return np.roll(values, (-by[0], -by[1]), (0, 1))
        padded = np.pad(values, 1, constant_values=beyond)
        rows, columns = values.shape
        return padded[1 + by[0] : 1 + by[0] + rows, 1 + by[1] : 1 + by[1] + columns]

    def _neighbours(self, wanted: int) -> Cells:
        return np.asarray(sum(self._moved((self.cells == wanted) * 1, d) for d in AROUND))

    def _chance(self, b: int, c: int) -> NDArray[np.float32]:
        return random(self.index, b, c, self.seed)

    def _energy(self) -> int:
        spins = 2 * self.cells - 1
        return -int((spins * (self._near(spins, 0, 1) + self._near(spins, 1, 0))).sum())

    def probes(self, step: int) -> dict[str, float]:
        """Return what the program's probes give."""
        a, cells = self.a, self.cells
        invalid = {"invalid": float((cells >= a.state_count).sum())}
        match a.kind:
            case "sandpile":
                return {"grains": float(cells.sum()), "lost": float(self.running)}
            case "fire":
                counts = {"trees": float((cells == 1).sum()), "burning": float((cells == 2).sum())}
                return counts | invalid
            case "ising":
                spins = 2 * cells - 1
                return {
                    "magnetisation": float(spins.mean()),
                    "energy": self._energy() / cells.size,
                    **({"energy_by_changes": self.running / cells.size} if a.tiles == 1 else {}),
                } | invalid
            case "custom":
                counted = range(1, min(a.states, 3))
                return {f"state_{k}": float((cells == k).sum()) for k in counted} | invalid
            case "elementary":
                return {"population": float(cells[step % a.rows].sum())} | invalid
            case _:
                return {"population": float((cells == 1).sum())} | invalid

    # ---- the picture ----

    def picture(self, step: int) -> Floats:
        """Return the colours, shape (height, width, 3)."""
        a = self.a
        draw = {
            "life": self._life,
            "fire": self._fire,
            "ising": self._ising,
            "custom": self._state_colours,
            "elementary": self._strip,
        }
        if a.kind == "cyclic":
            colour = palette(a.colours, (self.cells / np.float32(a.states)).astype(np.float32))
        elif a.kind == "sandpile":
            colour = np.array(SAND, np.float32)[np.minimum(self.cells, 4)]
        else:
            colour = draw[a.kind](step)
        y, x = (np.arange(n) for n in (a.height, a.width))
        row, column = y * a.rows // a.height, x * a.columns // a.width
        picture = colour[row][:, column]
        if a.width >= 5 * a.columns:
            right = (x + 1) * a.columns // a.width != column
            lower = (y + 1) * a.rows // a.height != row
            picture = picture * np.where(right | lower[:, None], 0.72, 1.0)[..., None]
        return np.asarray(picture)

    def _life(self, step: int) -> Floats:
        a, now, age = self.a, self.cells[..., None], self.age[..., None].astype(np.float32)

        def ink(t: float) -> Floats:
            return palette(a.colours, np.array(t, np.float32))

        glow = self._neighbours(1)[..., None] / 8
        dead = np.array([0.016, 0.024, 0.055]) + ink(0.45) * 0.20 * glow
        dead = dead + np.where(age < step, ink(0.30) * 0.55 * np.exp(-age / 14), 0)
        alive = palette(a.colours, (0.62 + 0.38 * np.exp(-age / 6))[..., 0])
        fading = 1 - (self.cells - 1) / max(a.state_count - 1, 1)
        dying = palette(a.colours, (0.14 + 0.46 * fading).astype(np.float32))
        return np.where(now == 1, alive, np.where(now > 1, dying, dead))

    def _fire(self, step: int) -> Floats:
        now, age = self.cells[..., None], self.age[..., None].astype(np.float32)
        grain = self._chance(7, 101)[..., None]
        glow = self._neighbours(2)[..., None] / 8
        flame = _mix((1.0, 0.55, 0.10), (1.0, 0.96, 0.62), grain)
        earth = np.array([0.075, 0.058, 0.052]) * (0.7 + 0.6 * grain)
        embers = np.array([0.95, 0.22, 0.04]) * np.exp(-age / 3.5)
        ash = np.array([0.12, 0.10, 0.10]) * np.exp(-age / 30)
        earth = earth + np.where(age < step, embers + ash, 0)
        tree = _mix((0.30, 0.52, 0.16), (0.05, 0.26, 0.13), 1 - np.exp(-age / 40))
        colour = np.where(now == 1, tree * (0.75 + 0.45 * grain), earth)
        colour = colour + np.array([1.0, 0.42, 0.08]) * 0.9 * glow
        return np.where(now == 2, flame, colour)

    def _ising(self, step: int) -> Floats:
        spins = 2 * self.cells - 1
        around = np.asarray(sum(self._near(spins, *d) for d in CROSS))[..., None] * 0.25
        still = 1 - np.exp(-self.age[..., None].astype(np.float32) / 25)
        warm = _mix((1.0, 0.80, 0.45), (0.93, 0.47, 0.20), still)
        cool = _mix((0.20, 0.34, 0.66), (0.060, 0.095, 0.265), still)
        wall = 0.5 * (1 - spins[..., None] * around)
        colour = np.where(spins[..., None] == 1, warm, cool) + np.array([0.16, 0.18, 0.24]) * wall
        if self.a.tiles > 1:
            j, i = np.indices(self.cells.shape)
            rows, columns = (side // self.a.tiles for side in self.cells.shape)
            colour = colour * np.where((i % columns == 0) | (j % rows == 0), 0.25, 1.0)[..., None]
        return np.asarray(colour)

    def _state_colours(self, step: int) -> Floats:
        share = self.cells.astype(np.float32) / (self.a.states - 1)
        colour = palette(self.a.colours, 0.08 + 0.84 * np.minimum(share, 1))
        return np.where(self.cells[..., None] < self.a.states, colour, np.array([1.0, 0.0, 1.0]))

    def _strip(self, step: int) -> Floats:
        a = self.a
        moment = max(step + 1 - a.rows, 0) + np.arange(a.rows)
        alive = self.cells[moment % a.rows] == 1
        phase = (moment.astype(np.float32) / np.float32(180)) % 1
        wave = np.abs(phase * 2 - 1)[:, None]
        side = np.abs(np.arange(a.columns, dtype=np.float32) / a.columns * 2 - 1)
        ink = palette(a.colours, (0.48 + 0.30 * wave + 0.18 * (1 - side)).astype(np.float32))
        dark = np.array([0.020, 0.022, 0.050])
        colour = np.where(alive[..., None], ink, dark * 1.6)
        return np.where((moment > step)[:, None, None], dark, colour)


def _mix(first: tuple[float, ...], second: tuple[float, ...], weight: Any) -> Floats:
    a, b = np.array(first), np.array(second)
    return np.asarray(a + (b - a) * weight)
