"""The NumPy twin of ``fluid.wgsl``: the same collision and streaming, in float32."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.bindings import fold_seed
from intentos.protocols import Snapshot

from .fluid_lattice import FLUID, LID, OBSTACLE, SLIP, WALL, Lattice
from .fluid_picture import Picture
from .fluid_shader import EAST, NORTH
from .prelude import finite

if TYPE_CHECKING:
    from .fluid import FluidArguments

Floats = NDArray[np.floating[Any]]
BACK = (0, 2, 1, 4, 3, 6, 5, 8, 7)
"""The opposite of each velocity."""
MIRROR = (0, 1, 2, 4, 3, 7, 8, 5, 6)
"""Each velocity upside down."""


def frames(a: FluidArguments, seed: int) -> Iterator[Snapshot]:
    """Yield every frame."""
    from .fluid import probes

    flow = Flow(a, fold_seed(seed))
    picture = Picture(flow.lattice, flow.folded)
    for frame in range(a.frames):
        for _ in range(flow.lattice.rounds if frame else 0):
            flow.round()
        totals = flow.totals()
        buffers = {"flow": flow.flow.astype(np.float32), "dye": flow.dye.astype(np.float32)}
        if a.populations:
            buffers["populations"] = flow.gas.astype(np.float32)
        yield Snapshot(
            pixels=picture.paint(flow.flow, flow.dye),
            probes={p.name: totals[p.name] for p in probes(flow.lattice)},
            buffers=buffers,
        )


def populations(
    d: Any, x: Any, y: Any, xx: Any, yy: Any, xy: Any, xxy: Any, xyy: Any, xxyy: Any
) -> Floats:
    """Twin of ``populations``: shape (9, rows, columns) from the raw moments."""
    side, along = (xx - xxyy) / 2, (yy - xxyy) / 2
    across, up = (x - xyy) / 2, (y - xxy) / 2
    same, other = (xxyy + xy) / 4, (xxyy - xy) / 4
    total, difference = (xyy + xxy) / 4, (xyy - xxy) / 4
    return np.stack(
        [
            d - xx - yy + xxyy, side + across, side - across, along + up, along - up,
            same + total, same - total, other + difference, other - difference,
        ]
    )  # fmt: skip


class Flow:
    """Populations (differences from rest), the flow that was measured from them, and the dye."""

    def __init__(self, a: FluidArguments, folded: int) -> None:
        self.a, self.folded = a, folded
        self.lattice = Lattice(a)
        self.kinds = self.lattice.kinds(folded)
        self.sponge = self.lattice.sponge_weights()
        x, y = self.lattice.places()
        self.place: dict[str, Any] = {"x": x, "y": y, **a.parameters}
        self.step, self.time = 0, 0.0
        fluid = self.kinds == FLUID
        unit, slip = np.float32(a.speed), self.kinds == SLIP
        u = np.where(fluid | slip, finite(self._value("velocity_x")), 0).astype(np.float32) * unit
        v = np.where(fluid, finite(self._value("velocity_y")), 0).astype(np.float32) * unit
        zero, third = np.zeros_like(u), np.float32(1 / 3)
        xxyy = (u * u + v * v) * third + u * u * v * v
        self.gas = populations(zero, u, v, u * u, v * v, u * v, v * (third + u * u),
                               u * (third + v * v), xxyy)  # fmt: skip
        self.flow = np.stack([u, v, zero, self.kinds.astype(np.float32)], axis=-1)
        self.dye = zero
        if self.lattice.dyed:
            dye = np.maximum(finite(self._value("dye")), finite(self._value("source", t=0.0)))
            self.dye = np.where(fluid, dye, 0).astype(np.float32)

    def _value(self, name: str, **more: Any) -> Any:
        with np.errstate(all="ignore"):
            value = self.lattice.formulas[name].numpy({**self.place, **more}, seed=self.folded)
        return np.broadcast_to(np.asarray(value, np.float32), self.kinds.shape)

    def round(self) -> None:
        """Twin of one round of the step passes."""
        push = self._push() if self.lattice.forced else None
        with np.errstate(all="ignore"):
            for _ in range(self.lattice.steps):
                self._stream(push)
        if self.lattice.dyed:
            self.dye = self._carried()
        self.step += 1
        self.time = self.step * self.lattice.dt

    def _push(self) -> tuple[Floats, Floats]:
        unit = np.float32(self.a.speed**2 / self.lattice.shown[1])
        fluid = self.kinds == FLUID
        fx, fy = (self._value(f"force_{axis}", t=self.time, dye=self.dye) for axis in "xy")
        fy = fy + np.float32(self.a.buoyancy) * self.dye
        return np.where(fluid, finite(fx), 0) * unit, np.where(fluid, finite(fy), 0) * unit

    def _stream(self, push: tuple[Floats, Floats] | None) -> None:
        """Twin of ``even``, ``odd`` and ``last``."""
        n = np.stack([np.roll(self.gas[i], (NORTH[i], EAST[i]), (0, 1)) for i in range(9)])
        fx, fy = push or (np.float32(0), np.float32(0))
        d = n.sum(axis=0)
        jx = n[1] - n[2] + n[5] - n[6] + n[7] - n[8] + fx / 2
        jy = n[3] - n[4] + n[5] - n[6] - n[7] + n[8] + fy / 2
        u, v = jx / (1 + d), jy / (1 + d)
        keep = np.float32(1 - 1 / (3 * self.lattice.viscosity + 0.5))
        stretch = (n[1] + n[2] - n[3] - n[4] - jx * u + jy * v + u * fx - v * fy) / 2 * keep
        shear = (n[5] + n[6] - n[7] - n[8] - jx * v + (u * fy + v * fx) / 2) * keep
        third = np.float32(1 / 3)
        cxx, cyy = stretch + (d + 1) * third, (d + 1) * third - stretch
        uu, vv, uv = jx * u, jy * v, jx * v
        moments = [
            d, jx + fx / 2, jy + fy / 2,
            stretch + d * third + uu + u * fx, d * third - stretch + vv + v * fy,
            shear + uv + (u * fy + v * fx) / 2,
            2 * u * shear + v * cxx + uu * v + fy / 6 + u * u * fy / 2 + u * v * fx,
            2 * v * shear + u * cyy + vv * u + fx / 6 + v * v * fx / 2 + u * v * fy,
            d / 9 + u * u * cyy + v * v * cxx + 4 * u * v * shear + uu * v * v
            + (u * fx + v * fy) * third + u * v * (u * fy + v * fx),
        ]  # fmt: skip
        if self.lattice.sponge:
            moments = self._calmed(moments)
        self.gas = populations(*moments).astype(np.float32)
        self._reflect(n, u, v)
        self.flow = np.stack([u, v, d, self.flow[..., 3]], axis=-1)

    def _calmed(self, moments: list[Any]) -> list[Any]:
        """Twin of the sponge in ``advanced``."""
        third = np.float32(1 / 3)
        is_tunnel = self.a.boundary == "tunnel"
        wind = np.float32(self.a.speed if is_tunnel else 0.0)
        lost = self.sponge * moments[0]
        excess = moments[0] - lost
        moments = [excess, *moments[1:]]
        for k, share in ((3, third), (4, third), (8, third * third)):
            moments[k] = moments[k] - lost * share
        rest = (excess, wind, 0, wind**2 + excess * third, excess * third, 0, 0, wind * third,
                wind**2 * third + excess * third * third)  # fmt: skip
        calm = self.sponge * np.float32(1.0 if is_tunnel else 0.15)
        return [m + calm * (r - m) for m, r in zip(moments, rest, strict=True)]

    def _reflect(self, n: Floats, u: Floats, v: Floats) -> None:
        kinds = self.kinds
        solid = (kinds == OBSTACLE) | (kinds == WALL) | (kinds == LID)
        slip, lid = kinds == SLIP, kinds == LID
        self.gas[:, solid] = n[:, solid][list(BACK)]
        self.gas[:, slip] = n[:, slip][list(MIRROR)]
        self.gas[6][lid] -= np.float32(self.a.speed / 6)
        self.gas[7][lid] += np.float32(self.a.speed / 6)
        u[solid] = 0
        v[solid | slip] = 0

    # Dye

    def _at(self, field: Floats, i: Any, j: Any) -> Floats:
        rows, columns = self.kinds.shape
        wraps = self.lattice.wraps
        i = i % columns if wraps[0] else np.clip(i, 0, columns - 1)
        j = j % rows if wraps[1] else np.clip(j, 0, rows - 1)
        return np.asarray(field[j, i])

    def _carried(self) -> Floats:
        """Twin of ``carry``."""
        rows, columns = self.kinds.shape
        j, i = np.mgrid[0:rows, 0:columns]
        p = np.stack([i, j], axis=-1).astype(np.float32)
        far = np.float32(0.45) * np.array([columns, rows], np.float32)
        span = np.float32(self.lattice.steps)
        half = np.clip(span / 2 * self.flow[..., :2], -far, far)
        origin = p - np.clip(span * self._velocity(p - half), -far, far)
        c = np.floor(origin)
        wx, wy = _cubic(origin[..., 0] - c[..., 0]), _cubic(origin[..., 1] - c[..., 1])
        ci, cj = c[..., 0].astype(int), c[..., 1].astype(int)
        taps = np.array(
            [[self._at(self.dye, ci + k, cj + m) for k in range(-1, 3)] for m in range(-1, 3)]
        )
        near = taps[1:3, 1:3].reshape(4, rows, columns)
        value = _blend(taps, wx, wy)
        value = np.clip(value, near.min(axis=0), near.max(axis=0))
        value = value * np.float32(np.exp(-self.a.fade * self.lattice.dt)) * (1 - self.sponge)
        source = finite(self._value("source", t=self.time + self.lattice.dt))
        return np.where(self.kinds == FLUID, np.maximum(value, source), self._beside(i, j)).astype(
            np.float32
        )

    def _velocity(self, p: Floats) -> Floats:
        """Twin of ``velocity_between``."""
        c = np.floor(p)
        w = p - c
        i, j = c[..., 0].astype(int), c[..., 1].astype(int)
        wx, wy = w[..., :1], w[..., 1:]
        flow = self.flow[..., :2]
        low = self._at(flow, i, j) * (1 - wx) + self._at(flow, i + 1, j) * wx
        high = self._at(flow, i, j + 1) * (1 - wx) + self._at(flow, i + 1, j + 1) * wx
        return np.asarray(low * (1 - wy) + high * wy)

    def _beside(self, i: Any, j: Any) -> Floats:
        fluid = (self.kinds == FLUID).astype(np.float32)
        offsets = [(m, k) for m in (-1, 0, 1) for k in (-1, 0, 1)]
        count = sum(self._at(fluid, i + k, j + m) for m, k in offsets)
        total = sum(self._at(fluid * self.dye, i + k, j + m) for m, k in offsets)
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), 0))

    # Numbers

    def totals(self) -> dict[str, float]:
        """Twin of ``measure`` and ``summarize``."""
        a, lattice = self.a, self.lattice
        u, v, d = (self.flow[..., k].astype(float) for k in range(3))
        good = np.isfinite(u + v + d)
        fluid = (self.kinds == FLUID) & good
        squares = np.where(fluid, u * u + v * v, 0)
        count = max(1, int(fluid.sum()))
        column, row = lattice.watched
        drag, lift = self._force() * 2 / (a.speed**2 * lattice.length)
        return {
            "mass": float(d[good].sum()) / lattice.cells,
            "energy": float(squares.sum()) / (count * a.speed**2),
            "flow": float(u[fluid].sum()) / (count * a.speed),
            "dye": float(finite(self.dye)[fluid].sum()) / count,
            "drag": float(drag),
            "lift": float(lift),
            "broken": float((~good).sum()),
            "fastest": float(np.sqrt(squares.max())),
            "viscosity": lattice.viscosity,
            "inflow": a.speed,
            "beyond": 0.0,
            "wake_x": float(u[row, column]) / a.speed,
            "wake_y": float(v[row, column]) / a.speed,
        }

    def _force(self) -> Floats:
        body = self.kinds == OBSTACLE
        total = np.zeros(2)
        if not self.a.obstacle:
            return total
        fluid = self.kinds == FLUID
        for k in range(1, 9):
            shift = (NORTH[k], EAST[k])
            sent = np.where(fluid, self.gas[k], 0).astype(float)
            arrives = np.roll(sent, shift, (0, 1))[body].sum()
            total += 2 * arrives * np.array([EAST[k], NORTH[k]])
        return total


def _cubic(t: Floats) -> list[Floats]:
    """Twin of ``cubic``."""
    s = 1 - t
    return [
        -0.5 * t * s * s, 1 - t * t * (2.5 - 1.5 * t), 1 - s * s * (2.5 - 1.5 * s), -0.5 * s * t * t
    ]  # fmt: skip


def _blend(taps: Floats, wx: list[Floats], wy: list[Floats]) -> Floats:
    rows = [sum(taps[m, k] * wx[k] for k in range(4)) for m in range(4)]
    return np.asarray(sum(rows[m] * wy[m] for m in range(4)))
