"""What the field kernel's numbers and checks say of a finished run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from intentos.protocols import Evidence
from intentos.types import Check, Words

from .kernel import judged

if TYPE_CHECKING:
    from .field_equations import Equations


LEAST_SWING = 1e-4
"""Of a field's span, from which on a swing from cell to cell is looked at."""


def checks_of(system: Equations, evidence: Evidence) -> list[Check]:
    """Return all checks of one run."""
    arguments = system.arguments
    found = [_finite(evidence), _stable_step(evidence), _smooth(system, evidence)]
    found += [_conserved(name, evidence) for name in arguments.conserved]
    found += [_bounded(name, system, evidence) for name in arguments.bounded]
    return found


def _finite(evidence: Evidence) -> Check:
    fields = evidence.outputs["fields"]
    bad = int(fields.size - np.isfinite(fields).sum())
    return judged(
        "finite",
        Words(en="No value is infinite or undefined", zh="没有无穷或未定义的值"),
        bad == 0,
        f"{bad} of {fields.size} values are not finite",
        "generic",
    )


def _stable_step(evidence: Evidence) -> Check:
    """Judge that the step was never longer than what was stable at the parameters of the moment.

    Parameters may change while the program runs; it then takes shorter steps and shows less time.
    """
    most = max((share for _, share in evidence.series.get("step_share", ())), default=0.0)
    return judged(
        "stable_step",
        Words(
            en="The time step stays below the largest stable one", zh="时间步长不超过最大稳定步长"
        ),
        most <= 1.0001,
        f"at most {most:.3g} of the largest stable step"
        + ("" if most <= 1.0001 else "; a parameter went beyond it, and shorter steps were taken"),
        "generic",
    )


def _smooth(system: Equations, evidence: Evidence) -> Check:
    """Judge that no field swings from cell to cell, which is how every instability begins.

    Of what a cell is beyond the mean of its neighbours, the correlation from one cell to the next
    is -1 on a chequerboard, -0.4 in noise and at a lone cell, and 1 where the field is smooth.
    """
    worst, where = 1.0, ""
    for name, field in zip(system.fields, evidence.outputs["fields"], strict=True):
        with np.errstate(all="ignore"):
            u = np.asarray(field, np.float64)
            beyond = u[1:-1, 1:-1] - (u[1:-1, 2:] + u[1:-1, :-2] + u[2:, 1:-1] + u[:-2, 1:-1]) / 4
        good = np.isfinite(beyond)
        if not good.any():
            continue
        h = np.where(good, beyond, 0.0)
        size, span = float((h * h).mean()), float(np.ptp(u[1:-1, 1:-1][good]))
        if size > (LEAST_SWING * span) ** 2:  # what is smaller can't be seen
            found = ((h[1:] * h[:-1]).mean() + (h[:, 1:] * h[:, :-1]).mean()) / 2 / size
            if found < worst:
                worst, where = float(found), name
    return judged(
        "smooth",
        Words(en="No field swings from cell to cell", zh="没有逐格振荡"),
        worst > -0.7,
        f"correlation of neighbouring cells {worst:.3f}" + (f" in {where}" if where else ""),
        "generic",
    )


def _conserved(name: str, evidence: Evidence) -> Check:
    means = np.array([v for _, v in evidence.series[f"{name}_mean"]])
    scale = max(
        abs(float(means[0])),
        abs(evidence.series[f"{name}_maximum"][0][1] - evidence.series[f"{name}_minimum"][0][1]),
        1e-30,
    )
    drift = float(np.abs(means - means[0]).max()) / scale
    return judged(
        f"{name}_conserved",
        Words(en=f"The total of {name} is kept", zh=f"{name} 的总量守恒"),
        drift < 1e-3,
        f"mean {means[0]:.6g} → {means[-1]:.6g}, largest drift {drift:.2e}",
    )


def _bounded(name: str, system: Equations, evidence: Evidence) -> Check:
    low = [v for _, v in evidence.series[f"{name}_minimum"]]
    high = [v for _, v in evidence.series[f"{name}_maximum"]]
    edge = [low[0], high[0]]
    for side, values in system.outside(system.fields.index(name), 0.0).items():
        if system.sides[side] == "fixed":
            edge += [float(np.min(values)), float(np.max(values))]
    room = 1e-4 * max(max(edge) - min(edge), 1e-6 * max(map(abs, edge)), 1e-30)
    inside = min(low) >= min(edge) - room and max(high) <= max(edge) + room
    return judged(
        f"{name}_bounded",
        Words(en=f"{name} stays between its first extremes", zh=f"{name} 不超出最初的最小和最大值"),
        inside,
        f"{min(low):.6g} … {max(high):.6g} within {min(edge):.6g} … {max(edge):.6g}",
    )
