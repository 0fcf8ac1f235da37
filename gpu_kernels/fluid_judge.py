"""What a finished flow is judged by: conservation, ranges, and flows whose answer is known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.protocols import Evidence
from intentos.types import Check, Quantity, Words

from .expression import Number
from .fluid_lattice import OBSTACLE, SOUND, Lattice
from .kernel import judged, series_of

if TYPE_CHECKING:
    from .fluid import FluidArguments

Floats = NDArray[np.floating[Any]]
MOST_MACH = 0.4
LEAST_CYCLES = 4
LEAST_LENGTHS = 60
"""Of wind, before a wake is expected to have settled."""


def judge(a: FluidArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    """Return the flow's numbers, and the checks that apply to it."""
    lattice = Lattice(a)
    series = series_of(evidence)
    late = slice(len(series["mass"]) // 2, None)
    speed, viscosity = float(series["inflow"][-1]), float(series["viscosity"][-1])
    reynolds = 0.0  # a knob may have stopped the wind
    if speed > 0:
        reynolds = speed * lattice.length / viscosity if viscosity > 0 else math.inf
    drift = _drift(series)
    fastest = float(series["fastest"].max())
    values = {
        "reynolds": Quantity(value=round(reynolds, 2)),
        "mach": Quantity(value=round(fastest / SOUND, 4)),
        "mass_drift": Quantity(value=drift),
        "time": Quantity(value=_time(lattice, evidence.frames - 1), unit="H/U"),
    }
    if speed > 0:
        fast = float(series["fastest"][-1]) / speed
        values["fastest"] = Quantity(value=round(fast, 4), unit="U")
    checks = [_finite(series, evidence), _stable(series), _slow(fastest), _mass(a, drift)]
    if a.obstacle:
        values["drag_coefficient"] = Quantity(value=round(float(series["drag"][late].mean()), 4))
        values["lift_amplitude"] = Quantity(value=round(float(np.ptp(series["lift"][late])) / 2, 4))
        found = strouhal(series["lift"], _time(lattice, 1) * a.rows / lattice.length)
        if found is not None and not 0.03 < found[0] < 1:
            found = None
        if found is not None:
            values["strouhal"] = Quantity(value=round(found[0], 4))
        checks += _shedding(a, lattice, evidence, values, found)
    checks += _decay(a, lattice, series["energy"], evidence.frames)
    checks += _channel(a, lattice, series["flow"], evidence.frames)
    return values, checks


def strouhal(lift: Floats, dt: float) -> tuple[float, int] | None:
    """Return the frequency of the lift and the cycles it was counted over; None without any.

    The second half of the series is looked at, where its mean is crossed upward; ``dt`` is the time
    between two numbers, in lengths over speed, so that the frequency is the Strouhal number.
    """
    settled = lift[len(lift) // 2 :]
    settled = settled - settled.mean()
    up = np.flatnonzero((settled[:-1] < 0) & (settled[1:] >= 0))
    if up.size < 3 or np.ptp(settled) < 1e-3:
        return None
    times = (up - settled[up] / (settled[up + 1] - settled[up])) * dt
    periods = np.diff(times)
    if periods.std() > 0.15 * periods.mean():
        return None
    return 1 / float(periods.mean()), periods.size


def literature(reynolds: float) -> float:
    """Return the Strouhal number of a circular cylinder at 50 ≤ Re ≤ 180.

    Source: Williamson, "Oblique and parallel modes of vortex shedding in the wake of a circular
    cylinder at low Reynolds numbers", J. Fluid Mech. 206 (1989).
    """
    return -3.3265 / reynolds + 0.1816 + 1.6e-4 * reynolds


def _time(lattice: Lattice, frames: int) -> float:
    return lattice.dt * lattice.rounds * max(0, frames)


def _drift(series: dict[str, Floats]) -> float:
    return float(np.abs(series["mass"] - series["mass"][0]).max())


def _finite(series: dict[str, Floats], evidence: Evidence) -> Check:
    flow = evidence.outputs["flow"]
    bad = max(int(flow.size - np.isfinite(flow).sum()), int(series["broken"].max()))
    return judged(
        "finite", Words(en="No value is infinite or undefined", zh="没有无穷或未定义的值"), not bad,
        f"{bad} of {flow.size // 4} cells are not finite", "generic",
    )  # fmt: skip


def _stable(series: dict[str, Floats]) -> Check:
    beyond = float(series["beyond"].max())
    detail = f"viscosity {series['viscosity'].min():.4g}, speed up to {series['inflow'].max():.4g}"
    return judged(
        "stable_range",
        Words(
            en="Viscosity and speed stayed where the method is stable",
            zh="粘度和流速始终在方法的稳定范围内",
        ),
        beyond <= 1e-5, detail + f", beyond by {beyond:.1%}", "generic",
    )  # fmt: skip


def _slow(fastest: float) -> Check:
    return judged(
        "nearly_incompressible",
        Words(en="The flow is much slower than sound", zh="流速远低于声速"),
        fastest / SOUND < MOST_MACH, f"largest Mach number {fastest / SOUND:.3f}", "generic",
    )  # fmt: skip


def _mass(a: FluidArguments, drift: float) -> Check:
    is_open = a.boundary in ("tunnel", "open")
    if is_open:
        title = Words(en="The mass in the tunnel stays bounded", zh="区域内的质量保持有界")
    else:
        title = Words(en="No mass is lost", zh="质量守恒")
    most = 0.03 if is_open else 1e-5
    detail = f"mean density off by at most {drift:.2e}"
    # What stays bounded is not conserved: that says nothing of the flow inside.
    return judged("mass_kept", title, drift < most, detail, "generic" if is_open else "physical")


def _shedding(
    a: FluidArguments,
    lattice: Lattice,
    evidence: Evidence,
    values: dict[str, Quantity],
    found: tuple[float, int] | None,
) -> list[Check]:
    """Compare a lone cylinder's wake with experiment; only where the two can be compared."""
    reynolds = float(values["reynolds"].value)
    blockage = lattice.length / lattice.shown[1]
    alone = a.boundary == "tunnel" and a.sides != "wall" and not lattice.forced
    lengths = float(values["time"].value) / blockage
    if not (alone and 50 <= reynolds <= 180 and blockage <= 0.055 and lengths >= LEAST_LENGTHS):
        return []
    if not _is_disc(evidence.outputs["flow"][..., 3] == OBSTACLE, lattice.length):
        return []
    known = literature(reynolds)
    values["strouhal_literature"] = Quantity(value=round(known, 4))
    good: bool | None = None
    detail = f"too few cycles in {lengths:.0f} lengths of wind at Re {reynolds:.0f}"
    if found is not None and found[1] >= LEAST_CYCLES:
        off = found[0] / known - 1
        good = abs(off) <= 0.08
        detail = (
            f"St {found[0]:.4f} over {found[1]} cycles at Re {reynolds:.0f}, "
            f"literature {known:.4f} ({off:+.1%}), blockage {blockage:.1%}"
        )
    title = Words(
        en="The wake's frequency is that of the literature",
        zh="尾流频率与文献一致（Williamson 1989）",
    )
    return [judged("strouhal", title, good, detail, "oracle")]


def _is_disc(body: NDArray[np.bool_], length: float) -> bool:
    rows, columns = np.nonzero(body)
    if rows.size < 12:
        return False
    radius = np.hypot(rows - rows.mean(), columns - columns.mean())
    round_enough = abs(rows.size / (math.pi * length**2 / 4) - 1) < 0.12
    return bool(round_enough and radius.max() <= length / 2 + 0.5)


def _decay(a: FluidArguments, lattice: Lattice, energy: Floats, frames: int) -> list[Check]:
    """Judge a periodic flow of one wave number k: it decays as exp(-νk²t), whatever its shape.

    Then the vorticity is a function of the stream function, and the advection a mere gradient.
    Source: Taylor, "On the decay of vortices in a viscous fluid", Phil. Mag. 46 (1923).
    """
    if a.boundary != "periodic" or lattice.forced or a.obstacle or frames < 4:
        return []
    square = _one_wave_number(lattice)
    if square is None or not np.isfinite(energy).all() or energy[0] <= 0:
        return []
    steps = lattice.steps * lattice.rounds
    wanted = 2 * lattice.viscosity * square * steps
    use = np.flatnonzero(energy > 1e-3 * energy[0])
    use = use[use >= 1]
    if use.size < 3 or wanted * (use[-1] - use[0]) < 0.02:
        return []
    measured = -float(np.polyfit(use, np.log(energy[use]), 1)[0])
    off = measured / wanted - 1
    return [judged(
        "viscous_decay",
        Words(en="The vortices die away at the known rate", zh="涡旋按已知速率衰减（Taylor 1923）"),
        abs(off) < 0.05, f"energy falls by {measured:.4g} a frame, known {wanted:.4g} ({off:+.1%})",
        "oracle",
    )]  # fmt: skip


def _one_wave_number(lattice: Lattice) -> float | None:
    """Return k² in 1/cells² of the initial velocity, or None where it has several."""
    x, y = lattice.places()
    values = {"x": x, "y": y, **lattice.arguments.parameters}
    parts = []
    for axis in "xy":
        with np.errstate(all="ignore"):
            speed = lattice.formulas[f"velocity_{axis}"].numpy(values)
        parts.append(np.fft.rfft2(np.nan_to_num(np.broadcast_to(speed, x.shape).astype(float))))
    rows, columns = x.shape
    ky = 2 * np.pi * np.fft.fftfreq(rows)[:, None]
    kx = 2 * np.pi * np.fft.rfftfreq(columns)[None, :]
    square = kx**2 + ky**2
    power = np.abs(parts[0]) ** 2 + np.abs(parts[1]) ** 2
    total = float(power.sum())
    if total <= 0:
        return None
    mean = float((power * square).sum()) / total
    spread = float((power * (square - mean) ** 2).sum()) / total
    source = float((np.abs(kx * parts[0] + ky * parts[1]) ** 2).sum()) / total
    if mean <= 0 or spread > 1e-4 * mean**2 or source > 1e-4 * mean:
        return None
    return mean


def _channel(a: FluidArguments, lattice: Lattice, flow: Floats, frames: int) -> list[Check]:
    """Judge a channel that a steady force sets going: the mean speed is known at every time.

    Source: Batchelor, *An Introduction to Fluid Dynamics* (1967), §4.3.
    """
    force = lattice.formulas["force_x"].root
    plain = not (a.obstacle or a.velocity_x or a.velocity_y or a.force_y or a.buoyancy)
    if a.boundary != "channel" or not isinstance(force, Number) or not plain or frames < 2:
        return []
    high, push = lattice.shown[1], force.value * a.speed**2 / lattice.shown[1]
    decay = math.pi**2 * lattice.viscosity / high**2
    time = (frames - 1) * lattice.steps * lattice.rounds
    lag = sum(96 / (math.pi * n) ** 4 * math.exp(-decay * n * n * time) for n in range(1, 200, 2))
    known = push * high**2 / (12 * lattice.viscosity) * (1 - lag) / a.speed
    off = float(flow[-1]) / known - 1 if known else math.inf
    return [judged(
        "channel_flow",
        Words(en="The channel flows as fast as theory says", zh="通道流速与理论一致（泊肃叶流）"),
        abs(off) < 0.05, f"mean speed {flow[-1]:.4g} U, known {known:.4g} U ({off:+.1%})", "oracle",
    )]  # fmt: skip
