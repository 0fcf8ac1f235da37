"""What a finished run tells, and how far it can be trusted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.protocols import Evidence
from intentos.types import Check, Quantity, Words

from .kernel import judged
from .nbody_systems import Period, System

if TYPE_CHECKING:
    from .nbody import NbodyArguments

Floats = NDArray[np.floating[Any]]

PUSH = 1e-4
"""Of the momentum at most, as a share of the sum of all bodies' momenta; likewise the swing."""
SWING = 1e-3
BALANCE = 0.12
"""Of a system in balance: how far twice the kinetic energy may be from the field's pull."""
CHINESE = {
    "Mercury": "水星", "Venus": "金星", "Earth": "地球", "Mars": "火星",
    "B": "伴星", "moon": "卫星",
}  # fmt: skip
ENOUGH = 200
"""Bodies; fewer are in balance only by and by."""
FALL = 0.08
MOST_OF_A_TURN = 0.45
"""That a body may go from frame to frame, to be followed."""


def judge(a: NbodyArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    """Return values with units, and the checks."""
    system = a.scene
    series = Series(a, evidence)
    values = _values(a, system, series)
    checks = [_places(evidence, series), _energy(system, series, values)]
    if system.sources == system.count or system.given:
        checks += [_kept(series, "push", PUSH, "momentum", "动量")]
        checks += [_kept(series, "swing", SWING, "angular momentum", "角动量")]
    if system.balanced and a.strength == 1 and system.count >= ENOUGH:
        checks.append(_balance(series, values))
    if system.fall and a.heat <= 0.05 and series.span > 1.3 * system.fall:
        checks.append(_fall(system, series, values))
    for period in system.periods:
        found = _period(period, series)
        if found is not None:
            checks.append(found)
            if period.centre is not None:
                values[f"period_{period.name}"] = Quantity(
                    value=_turn(period, series) or 0.0, unit=system.time_unit
                )
    return values, checks


class Series:
    """The probes as arrays, with their times."""

    def __init__(self, a: NbodyArguments, evidence: Evidence) -> None:
        from .nbody import Clock

        self.clock = Clock(a, a.scene)
        self._series = evidence.series

    def __getitem__(self, name: str) -> Floats:
        return np.array([value for _, value in self._series[name]], np.float64)

    def __contains__(self, name: str) -> bool:
        return name in self._series

    def times(self, name: str) -> Floats:
        """Return when a probe was read."""
        return np.array([frame for frame, _ in self._series[name]]) * self.clock.frame

    @property
    def span(self) -> float:
        """The time of the last measurement."""
        return float(self.times("kinetic")[-1])

    def vectors(self, name: str) -> Floats:
        """Return three probes as one, shape (times, 3)."""
        return np.stack([self[f"{name}{c}"] for c in "xyz"], -1)

    @property
    def energy(self) -> Floats:
        """Kinetic and potential together."""
        return self["kinetic"] + self["potential"]

    @property
    def energy_drift(self) -> float:
        """The largest change of the energy over the largest sum of both kinds' sizes."""
        whole = (np.abs(self["kinetic"]) + np.abs(self["potential"])).max()
        return float(np.abs(self.energy - self.energy[0]).max() / max(whole, 1e-300))


def _values(a: NbodyArguments, system: System, series: Series) -> dict[str, Quantity]:
    clock = series.clock
    time = clock.frame * (a.frames - 1)
    values = {
        "bodies": Quantity(value=system.count),
        "time": Quantity(value=time, unit=system.time_unit),
        "dt": Quantity(value=clock.dt, unit=system.time_unit),
        "steps": Quantity(value=clock.steps * (a.frames - 1)),
        "energy_drift": Quantity(value=100 * series.energy_drift, unit="%"),
    }
    if system.clock[1] and system.clock[0] != 1:
        values[system.clock[1]] = Quantity(value=time / system.clock[0], unit="")
    weight = float(series["weight"][-1])
    if weight > 0:
        values["size"] = Quantity(
            value=math.sqrt(max(float(series["spread"][-1]), 0) / weight), unit=system.length_unit
        )
        square = max(2 * float(series["kinetic"][-1]) / weight, 0)
        values["typical_speed"] = Quantity(
            value=system.speed[0] * math.sqrt(square), unit=system.speed[1]
        )
    if "middle_0x" in series:
        apart = np.linalg.norm(series.vectors("middle_0") - series.vectors("middle_1"), axis=-1)
        times = series.times("middle_0x")
        least = int(np.argmin(apart[times <= 1.6 * system.encounter]))
        values["nearest"] = Quantity(value=float(apart[least]), unit=system.length_unit)
        values["nearest_at"] = Quantity(value=float(times[least]), unit=system.time_unit)
        values["apart"] = Quantity(value=float(apart[-1]), unit=system.length_unit)
    return values


def _places(evidence: Evidence, series: Series) -> Check:
    arrays = [evidence.outputs[name] for name in ("bodies", "motion")]
    bad = sum(int(np.count_nonzero(~np.isfinite(x).all(-1))) for x in arrays)
    bad = max(bad, int(np.nan_to_num(series["lost"], nan=1e9).max()))
    return judged(
        "places_finite", Words(en="Every body is somewhere", zh="每个天体都有确定的位置和速度"),
        bad == 0, f"{bad} without a place or a speed", "generic",
    )  # fmt: skip


def _energy(system: System, series: Series, values: dict[str, Quantity]) -> Check:
    drift = series.energy_drift
    e = series.energy
    return judged(
        "energy_kept", Words(en="The energy is kept", zh="总能量守恒"), drift <= system.drift,
        f"{e[0]:.6g} → {e[-1]:.6g}, drift {100 * drift:.2g} % of kinetic and potential, at most "
        f"{100 * system.drift:.2g} %",
    )  # fmt: skip


def _kept(series: Series, name: str, most: float, en: str, zh: str) -> Check:
    parts = series.vectors(f"{name}_")
    whole = float(series[name].max())
    off = float(np.linalg.norm(parts - parts[0], axis=-1).max()) / max(whole, 1e-300)
    return judged(
        f"{name}_kept", Words(en=f"The {en} is kept", zh=f"总{zh}守恒"), off <= most,
        f"changed by {off:.2e} of the bodies' own, at most {most:.0e}",
    )  # fmt: skip


def _balance(series: Series, values: dict[str, Quantity]) -> Check:
    """Judge the virial theorem: in balance 2 K = -W."""
    ratio = 2 * series["kinetic"] / np.maximum(-series["potential"], 1e-300)
    off = float(np.abs(ratio - 1).max())
    values["virial"] = Quantity(value=float(ratio.mean()))
    return judged(
        "in_balance",
        Words(en="Motion and gravity balance each other", zh="运动与引力保持平衡（位力定理）"),
        off <= BALANCE, f"2K/|W| from {ratio.min():.3f} to {ratio.max():.3f}, 1 within {BALANCE}",
    )  # fmt: skip


def _fall(system: System, series: Series, values: dict[str, Quantity]) -> Check:
    """Judge when a cold ball is deepest in its own field against the time of free fall."""
    times, depth = series.times("potential"), series["potential"]
    found = float(times[int(np.argmin(depth))])
    values["collapse_at"] = Quantity(value=found, unit=system.time_unit)
    values["free_fall"] = Quantity(value=system.fall, unit=system.time_unit)
    off = abs(found / system.fall - 1)
    return judged(
        "falls_in_time",
        Words(en="It collapses in the time of free fall", zh="坍缩时间等于自由落体时间"),
        off <= FALL, f"{found:.3f} against {system.fall:.3f}, off by {100 * off:.1f} %", "oracle",
    )  # fmt: skip


def _period(period: Period, series: Series) -> Check | None:
    if period.centre is None:
        return _return(period, series)
    found = _turn(period, series)
    name, title = (
        f"period_{period.name.lower()}",
        Words(
            en=f"{period.name} goes round in the known time",
            zh=f"{CHINESE.get(period.name, period.name)}的公转周期与已知值相符",
        ),
    )
    if found is None:
        late = series.span > period.expected * (1 + 10 * period.tolerance)
        if not late or series.clock.frame > MOST_OF_A_TURN * period.expected:
            return None
        detail = f"not once round in {series.span:.6g}, known {period.expected:.6g}"
        return judged(name, title, False, detail, "oracle")
    off = abs(found / period.expected - 1)
    return judged(
        name,
        title,
        off <= period.tolerance,
        f"{found:.6g} against {period.expected:.6g}, off by {100 * off:.2g} %, at most "
        f"{100 * period.tolerance:.2g} %",
        "oracle",
    )  # fmt: skip


def _turn(period: Period, series: Series) -> float | None:
    """Return the time of one turn of a body round its centre; None where the film is too short.

    The angle is followed from frame to frame and interpolated by a cubic where whole turns end.
    """
    at = series.vectors(f"body{period.body}_") - series.vectors(f"body{period.centre}_")
    times = series.times(f"body{period.body}_x")
    if not np.isfinite(at).all() or series.clock.frame > MOST_OF_A_TURN * period.expected:
        return None
    # The plane of the motion: its normal is the angular momentum's mean direction.
    normal = np.cross(at[:-1], at[1:]).sum(0)
    normal = normal / max(float(np.linalg.norm(normal)), 1e-300)
    first = at[0] - normal * float(at[0] @ normal)
    first = first / max(float(np.linalg.norm(first)), 1e-300)
    second = np.cross(normal, first)
    angle = np.unwrap(np.arctan2(at @ second, at @ first))
    turns = math.floor(float(angle[-1]) / math.tau + 1e-9)
    if turns < 1:
        return None
    k = int(np.searchsorted(angle, turns * math.tau))
    low = max(0, min(k - 2, len(angle) - 4))
    some = slice(low, low + 4)
    return _through(angle[some], times[some], turns * math.tau) / turns


def _through(x: Floats, y: Floats, at: float) -> float:
    """Return Lagrange's polynomial through the points."""
    total = 0.0
    for i in range(len(x)):
        rest = [(at - x[j]) / (x[i] - x[j]) for j in range(len(x)) if j != i]
        total += float(y[i]) * math.prod(rest)
    return total


def _return(period: Period, series: Series) -> Check | None:
    """Judge how far a body is, after a period, from where it began."""
    at, times = series.vectors(f"body{period.body}_"), series.times(f"body{period.body}_x")
    if times[-1] < period.expected or not np.isfinite(at).all():
        return None
    low = max(0, min(int(np.searchsorted(times, period.expected)) - 2, len(times) - 4))
    some = slice(low, low + 4)
    back = [_through(times[some], at[some, c], period.expected) for c in range(3)]
    off = math.dist(back, at[0])
    return judged(
        "comes_back", Words(en="It is back after the known period", zh="经过已知周期后回到起点"),
        off <= period.tolerance,
        f"{off:.2e} from the start after {period.expected:.6g}, at most {period.tolerance}",
        "oracle",
    )  # fmt: skip
