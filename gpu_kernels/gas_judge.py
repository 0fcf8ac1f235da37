"""What a finished gas tells: temperature, pressure, mixing, and checks by the laws of mechanics."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.protocols import Evidence
from intentos.types import Check, Quantity, Words

from .gas_arguments import BOLTZMANN, GasArguments
from .kernel import judged, series_of

Floats = NDArray[np.floating[Any]]
MOST_DRIFT = 0.005
"""Of the energy, over the film."""
SETTLED = 8.0
"""Collisions of a disc after which speeds are taken for settled."""
EVEN = 0.05
"""Of the sum: how far apart the temperatures of two halves may be for one distribution."""
MILLINEWTON = 1.66053907
"""mN/m of one u/ps²: pressure in a plane."""
WRAP = 2.0**32 / 4096
"""Where the counters of momentum start again."""
LABELS = {
    "energy_is_kept": Words(en="Energy is kept", zh="能量守恒"),
    "momentum_is_kept": Words(
        en="Momentum changes only by what the walls give", zh="动量变化等于器壁的冲量"
    ),
    "nobody_escapes": Words(en="Every disc is in the box", zh="所有圆盘都在箱内"),
    "grid_keeps_up": Words(
        en="No disc outruns the search for neighbours", zh="没有圆盘快到漏掉碰撞"
    ),
    "maxwell_boltzmann": Words(
        en="Speeds follow Maxwell and Boltzmann", zh="速率符合麦克斯韦–玻尔兹曼分布"
    ),
    "equation_of_state": Words(
        en="Pressure follows the equation of state of discs", zh="压强符合硬圆盘状态方程"
    ),
    "adiabat": Words(en="Compression heats as an adiabat does", zh="压缩升温符合绝热线"),
    "demon_works": Words(en="The demon sorts fast from slow", zh="麦克斯韦妖把快慢分开"),
}


def judge(a: GasArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    """Return values and checks."""
    series = series_of(evidence)
    for name in ("momentum_x", "momentum_y", "impulse_x", "impulse_y", "wall_push"):
        series[name] = series[name] * a.particles
    discs = evidence.outputs["discs"].astype(float)
    seconds = a.pace / a.frames_per_second
    checks = [
        _energy(a, series), _momentum(a, series, evidence), _inside(series, discs),
        _fast_enough(a, series),
    ]  # fmt: skip
    kinetic = series["kinetic"] * a.particles / (a.particles + bool(a.tracer_radius))
    values = {
        "temperature": Quantity(value=round(float(kinetic[-1]) * a.temperature, 1), unit="K"),
        "mean_speed": Quantity(value=round(_mean_speed(discs) * 1000, 1), unit="m/s"),
        "duration": Quantity(value=round((evidence.frames - 1) * seconds, 1), unit="ps"),
        "collisions": Quantity(value=round(_collisions(a, evidence.frames), 1)),
        "box_width": Quantity(value=round(a.box[0], 2), unit="nm"),
    }
    values |= _side_values(a, series)
    if len(kinetic) > 8:
        pressure, _ = _pressure(a, series)
        values["pressure"] = Quantity(value=round(pressure * MILLINEWTON, 4), unit="mN/m")
        if _uniform(a):
            checks.append(_equation_of_state(a, series, evidence.frames))
        if a.piston:
            checks.append(_adiabat(a, series, evidence.frames))
        if a.partition == "demon":
            checks.append(_demon(a, series, evidence.frames))
    if a.tracer_radius:
        way = math.hypot(*evidence.outputs["tracer"][0, :2])
        values["displacement"] = Quantity(value=round(way, 3), unit="nm")
    if a.gravity and a.first:
        values |= _heights(a, discs, float(kinetic[-1]))
    checks.append(_speeds(a, series, discs, float(kinetic[-1]), evidence.frames))
    return values, checks


def _energy(a: GasArguments, series: dict[str, Floats]) -> Check:
    total = series["kinetic"] + series["potential"] - series["work"]
    drift = float(np.abs(total - total[0]).max() / total[0])
    good = math.isfinite(drift) and drift <= MOST_DRIFT
    detail = f"drift {100 * drift:.3f} %, at most {100 * MOST_DRIFT:g} %"
    return judged("energy_is_kept", LABELS["energy_is_kept"], good, detail)


def _momentum(a: GasArguments, series: dict[str, Floats], evidence: Evidence) -> Check:
    """Judge p(t) - p(0) = impulse of the walls - weight * t, in units of one disc's momentum."""
    time = np.arange(len(series["kinetic"])) * a.pace / a.frames_per_second
    mass = a.first * a.mass + (a.particles - a.first) * a.mass_second
    mass += a.tracer_mass if a.tracer_radius else 0
    weight = mass * a.gravity_nm * time / (a.mass * a.speed)
    worst = 0.0
    for axis, pull in (("x", 0.0), ("y", weight)):
        moment, impulse = series[f"momentum_{axis}"], series[f"impulse_{axis}"]
        left = moment - moment[0] - impulse + pull
        left = (left + WRAP / 2) % WRAP - WRAP / 2
        worst = max(worst, float(np.abs(left).max()))
    room = 0.05 + 2e-4 * a.particles + 2e-3 * float(np.max(weight, initial=0.0))
    detail = f"{worst:.3g} discs' momenta unexplained, at most {room:.3g}"
    return judged("momentum_is_kept", LABELS["momentum_is_kept"], worst <= room, detail)


def _inside(series: dict[str, Floats], discs: Floats) -> Check:
    out = round(float(series["outside"].max()))
    nowhere = round(float(series["not_finite"].max())) + int((~np.isfinite(discs)).any(1).sum())
    detail = f"{out} outside, {nowhere} without a place, of {len(discs)}"
    return judged(
        "nobody_escapes", LABELS["nobody_escapes"], out == 0 and nowhere == 0, detail, "generic"
    )


def _fast_enough(a: GasArguments, series: dict[str, Floats]) -> Check:
    top = float(series["top_speed"].max()) * a.speed
    most = a.drift / a.dt
    detail = f"fastest {1000 * top:.0f} m/s, found up to {1000 * most:.0f} m/s"
    return judged(
        "grid_keeps_up",
        LABELS["grid_keeps_up"],
        math.isfinite(top) and top <= most,
        detail,
        "generic",
    )


def _mean_speed(discs: Floats) -> float:
    return float(np.hypot(discs[:, 2], discs[:, 3]).mean())


def _collisions(a: GasArguments, frames: int) -> float:
    """Return how often a disc has met another: 2 sqrt(2) d n v t, with v = sqrt(pi kT / 2m)."""
    density = a.particles / (a.box[0] * a.box[1])
    mean = math.sqrt(math.pi * a.thermal / (2 * a.mass))
    time = (frames - 1) * a.pace / a.frames_per_second
    return 2 * math.sqrt(2) * 2 * a.radius * density * mean * time


def _uniform(a: GasArguments) -> bool:
    return (
        not (a.gravity or a.piston or a.tracer_radius or a.two_kinds or a.two_areas)
        and a.partition == "none"
        and a.speeds != "hot_cold"
    )


def _pressure(a: GasArguments, series: dict[str, Floats]) -> tuple[float, float]:
    """Return pressure over the film's last half in u/ps², and its standard error.

    What a nm of wall receives each ps; centres reach the walls up to a radius.
    """
    pushes = np.diff(series["wall_push"])[len(series["wall_push"]) // 2 :]
    pushes = np.where(pushes < 0, pushes + WRAP, pushes) * a.mass * a.speed
    w, h = a.box
    length = 2 * (w + h) - 8 * a.radius - (2 * _piston_way(a, len(series["kinetic"])))
    per_time = length * a.pace / a.frames_per_second
    # Neighbouring frames are alike; groups of frames much less.
    groups = [part.mean() for part in np.array_split(pushes, min(10, len(pushes)))]
    error = float(np.std(groups, ddof=1) / math.sqrt(len(groups))) if len(groups) > 1 else math.inf
    return float(pushes.mean()) / per_time, error / per_time


def _piston_way(a: GasArguments, frames: int) -> float:
    moved = a.piston * (frames - 1) * a.pace / a.frames_per_second
    return min(moved, a.piston_way * a.box[0])


def _effective_diameter(a: GasArguments, heat: float) -> float:
    """Return the diameter of hard discs that are like ours: Barker and Henderson (1967).

    The integral over r from 0 of 1 - exp(-V(r) / kT).
    """
    r = np.linspace(0, 2 * a.radius, 4001)
    energy = a.stiffness * (2 * a.radius - r) ** 3 / 3
    return float(np.trapezoid(1 - np.exp(-energy / heat), r))


def _compressibility(share: Any) -> Any:
    """Return P / (n kT) of hard discs that cover a share of the plane: Henderson (1975)."""
    return (1 + share**2 / 8) / (1 - share) ** 2


def _equation_of_state(a: GasArguments, series: dict[str, Floats], frames: int) -> Check:
    heat = float(series["kinetic"][len(series["kinetic"]) // 2 :].mean()) * a.thermal
    if not 0 < heat < 100 * a.thermal:  # the energy has run away
        return judged(
            "equation_of_state",
            LABELS["equation_of_state"],
            False,
            f"kT is {heat:.3g} u nm²/ps²",
            "oracle",
        )
    diameter = _effective_diameter(a, heat)
    # Where centres can be.
    w, h = (side - diameter for side in a.box)
    density = a.particles / (w * h)
    wanted = density * heat * _compressibility(density * math.pi * diameter**2 / 4)
    got, error = _pressure(a, series)
    room = 0.03 * wanted + 4 * error
    settled = _collisions(a, frames) >= SETTLED and error < 0.1 * wanted
    detail = (
        f"{got * MILLINEWTON:.3f} mN/m, expected {wanted * MILLINEWTON:.3f} "
        f"± {room * MILLINEWTON:.3f}"
    )
    good = abs(got - wanted) <= room if settled else None
    return judged("equation_of_state", LABELS["equation_of_state"], good, detail, "oracle")


def _adiabat(a: GasArguments, series: dict[str, Floats], frames: int) -> Check:
    """Judge dT/T = -Z dA/A, which a plane gas of discs follows when it is pressed slowly."""
    way = _piston_way(a, frames)
    areas = np.linspace(a.box[0], a.box[0] - way, 2001) - 2 * a.radius
    areas = areas * (a.box[1] - 2 * a.radius)
    diameter = _effective_diameter(a, a.thermal)
    shares = a.particles * math.pi * diameter**2 / 4 / areas
    wanted = math.exp(float(np.trapezoid(_compressibility(shares) / areas, -areas)))
    got = float(series["kinetic"][-1] / series["kinetic"][0])
    slow = a.piston < 0.2 * a.speed and not a.gravity and not a.two_kinds and not a.two_areas
    # The gas in front of the piston lags behind: a first-order share of its speed.
    room = 0.04 + 1.5 * a.piston / a.speed * (wanted - 1)
    detail = f"temperature times {got:.3f}, expected {wanted:.3f} ± {room * wanted:.3f}"
    good = abs(got / wanted - 1) <= room
    return judged(
        "adiabat", LABELS["adiabat"], good if slow and way > 0 else None, detail, "oracle"
    )


def _demon(a: GasArguments, series: dict[str, Floats], frames: int) -> Check:
    left, right = _temperatures(a, series)
    told = f"left {left:.0f} K, right {right:.0f} K"
    good = right > left if _collisions(a, frames) >= 3 * SETTLED else None
    return judged("demon_works", LABELS["demon_works"], good, told, "generic")


def _temperatures(a: GasArguments, series: dict[str, Floats]) -> tuple[float, float]:
    """Return K on the left and on the right, over the film's last quarter."""
    late = slice(-max(1, len(series["kinetic"]) // 4), None)
    left = series["kinetic_left"][late].mean() * a.particles
    both = series["kinetic"][late].mean() * a.particles
    count = series["on_left"][late].mean()
    return (
        float(left / max(count, 1) * a.temperature),
        float((both - left) / max(a.particles - count, 1) * a.temperature),
    )


def _side_values(a: GasArguments, series: dict[str, Floats]) -> dict[str, Quantity]:
    values = {}
    if a.partition != "none" or a.two_areas or a.speeds == "hot_cold":
        left, right = _temperatures(a, series)
        share = 100 * float(series["on_left"][-1]) / a.particles
        values["left"] = Quantity(value=round(share, 1), unit="%")
        values["temperature_left"] = Quantity(value=round(left, 1), unit="K")
        values["temperature_right"] = Quantity(value=round(right, 1), unit="K")
    if a.two_kinds and a.first:
        mixed = 100 * float(series["first_on_left"][-1]) / a.first
        values["first_kind_left"] = Quantity(value=round(mixed, 1), unit="%")
    return values


def _heights(a: GasArguments, discs: Floats, heat: float) -> dict[str, Quantity]:
    """Return the scale height: as weighed (kT / mg), and as the mean height above the floor says.

    For a density that falls as exp(-y / H) up to a lid at L the mean height is
    H - L / (exp(L / H) - 1).
    """
    high = a.box[1] - 2 * a.radius
    mean = float((discs[: a.first, 1] + high / 2).mean())
    low, top = 1e-3 * high, 1e3 * high
    for _ in range(80):
        middle = math.sqrt(low * top)
        expected = middle - high / math.expm1(min(high / middle, 500.0))
        low, top = (middle, top) if expected < mean else (low, middle)
    weighed = heat * a.thermal / (a.mass * a.gravity_nm)
    return {
        "scale_height": Quantity(value=round(math.sqrt(low * top), 3), unit="nm"),
        "scale_height_expected": Quantity(value=round(weighed, 3), unit="nm"),
    }


def _speeds(
    a: GasArguments, series: dict[str, Floats], discs: Floats, heat: float, frames: int
) -> Check:
    """Judge the first kind's speeds by Kolmogorov and Smirnov, at the temperature that it has."""
    from scipy.stats import kstest

    v = np.hypot(discs[: a.first, 2], discs[: a.first, 3])
    v = v[np.isfinite(v)]
    quiet = a.partition in ("none", "hole") and not (a.piston and a.piston > 0.2 * a.speed)
    met = _collisions(a, frames)
    if len(v) < 50 or met < SETTLED or not quiet:
        return judged(
            "maxwell_boltzmann",
            LABELS["maxwell_boltzmann"],
            None,
            f"{met:.1f} collisions of a disc",
            "oracle",
        )
    left, right = _temperatures(a, series)
    if a.speeds == "hot_cold" and abs(left - right) > EVEN * (left + right):
        # Heat crosses a box far more slowly than neighbours share theirs.
        return judged(
            "maxwell_boltzmann",
            LABELS["maxwell_boltzmann"],
            None,
            f"still {left:.0f} K on the left, {right:.0f} K on the right",
            "oracle",
        )
    thermal = heat * BOLTZMANN * a.temperature / a.mass
    if not thermal > 0:
        return judged(
            "maxwell_boltzmann",
            LABELS["maxwell_boltzmann"],
            False,
            f"kT is {heat:.3g} of the first",
            "oracle",
        )
    p = float(kstest(v, lambda s: 1 - np.exp(-(s**2) / (2 * thermal))).pvalue)
    detail = f"p = {p:.3f} (Kolmogorov–Smirnov, {len(v)} discs), at least 0.001"
    return judged("maxwell_boltzmann", LABELS["maxwell_boltzmann"], p >= 0.001, detail, "oracle")
