"""What the ode kernel says of a finished run: numbers a person wants, and how far to trust them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.protocols import Evidence
from intentos.types import Check, Quantity, Words

from .kernel import judged

if TYPE_CHECKING:
    from .ode import OdeArguments

Floats = NDArray[np.floating[Any]]
STEADY = 0.2
"""Share by which the intervals of an oscillation may differ and still make a period."""


@dataclass(frozen=True)
class Log:
    """The output ``errors`` by what it holds; every array has a row for each sample.

    ``defects``: greatest error of one sample, by variable; ``distances``: greatest distance from
    the twin that has had half the step from the start; ``sizes``: greatest size; ``drifts`` and
    ``scales``: of the conserved; ``off``: from the known solutions.
    """

    rows: Floats
    variables: int
    invariants: int

    @property
    def defects(self) -> Floats:
        return self.rows[:, : self.variables]

    @property
    def distances(self) -> Floats:
        return self.rows[:, self.variables : 2 * self.variables]

    @property
    def sizes(self) -> Floats:
        return self.rows[:, 2 * self.variables : 3 * self.variables]

    @property
    def drifts(self) -> Floats:
        return self._after[:, : 2 * self.invariants : 2]

    @property
    def scales(self) -> Floats:
        return self._after[:, 1 : 2 * self.invariants : 2]

    @property
    def off(self) -> Floats:
        return self._after[:, 2 * self.invariants :]

    @cached_property
    def _after(self) -> Floats:
        return np.asarray(self.rows[:, 3 * self.variables :])

    @property
    def reach(self) -> Floats:
        """Greatest size of each variable in the whole run, never 0."""
        return np.asarray(np.maximum(self.sizes.max(axis=0), 1e-30))

    @property
    def trusted(self) -> Floats:
        """Greatest distance from the twins by sample, as a share of the reach."""
        with np.errstate(over="ignore"):
            return np.asarray((self.distances / self.reach).max(axis=1))


def judge(a: OdeArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    """Return values and checks."""
    members = evidence.outputs["members"].astype(np.float64)
    curves = evidence.outputs["curves"].astype(np.float64)
    rows = evidence.outputs["errors"].astype(np.float64)
    log = Log(rows, len(a.rates), len(a.conserved))
    values = _ends(a, members) | _extremes(a, curves) | _happenings(a, members)
    late = np.flatnonzero(~(log.trusted <= 5 * a.accuracy))
    if late.size:
        until = Quantity(value=_short(max(late[0] - 1, 0) * a.sample), unit=a.time_unit)
        values["trusted_until"] = until
    checks = [_finite(a, members, curves), _half_step(a, log, late)]
    for k, name in enumerate(a.conserved):
        checks.append(_conserved(a, name, log.drifts[:, k], log.scales[:, k]))
    for k, name in enumerate(a.exact):
        reach = log.reach[list(a.rates).index(name)]
        checks.append(_exact(a, name, log.off[:, k], reach))
    if a.method == "adaptive":
        checks.append(_reached(a, members))
    return values, checks


def _short(value: Any) -> float:
    """Seven digits: no more are in a float32."""
    return float(f"{float(value):.7g}")


def _ends(a: OdeArguments, members: Floats) -> dict[str, Quantity]:
    """Where the variables end: of the one member, or on average."""
    found = {}
    for k, name in enumerate(a.rates):
        end = members[k, : a.members]
        if np.isfinite(end).all():
            found[f"{name}_end"] = Quantity(value=_short(end.mean()), unit=a.units.get(name, ""))
    return found


def _extremes(a: OdeArguments, curves: Floats) -> dict[str, Quantity]:
    """Lowest and highest of each curve, and the period of the first member's."""
    found: dict[str, Quantity] = {}
    for k, name in enumerate(a.shown):
        curve, unit = curves[:, k], a.units.get(name, "")
        if not np.isfinite(curve).all():
            continue
        found[f"{name}_min"] = Quantity(value=_short(curve.min()), unit=unit)
        found[f"{name}_max"] = Quantity(value=_short(curve.max()), unit=unit)
        length = period(curve[:, 0], a.sample)
        if length is not None:
            found[f"{name}_period"] = Quantity(value=_short(length), unit=a.time_unit)
    return found


def period(curve: Floats, sample: float) -> float | None:
    """Return the mean time between rises through the middle; None where it does not oscillate."""
    level = curve - (curve.max() + curve.min()) / 2
    rises = np.flatnonzero((level[:-1] < 0) & (level[1:] >= 0))
    if rises.size < 3:
        return None
    when = (rises + level[rises] / (level[rises] - level[rises + 1])) * sample
    gaps = np.diff(when)
    if gaps.max() - gaps.min() > STEADY * gaps.mean():
        return None
    return float(gaps.mean())


def _happenings(a: OdeArguments, members: Floats) -> dict[str, Quantity]:
    """Events a member, and when the first and the last one were."""
    if not a.events:
        return {}
    rest = 2 * len(a.rates)
    _, counts, first, last = members[rest : rest + 4, : a.members]
    found = {"events": Quantity(value=_short(counts.mean()))}
    happened = counts > 0
    if happened.any():
        for name, when in (("first_event", first), ("last_event", last)):
            found[name] = Quantity(value=_short(when[happened].mean()), unit=a.time_unit)
    return found


def _finite(a: OdeArguments, members: Floats, curves: Floats) -> Check:
    states = members[: len(a.rates), : a.members]
    bad = int(states.size - np.isfinite(states).sum() + curves.size - np.isfinite(curves).sum())
    return judged(
        "finite",
        Words(en="No value is infinite or undefined", zh="没有无穷或未定义的值"),
        bad == 0,
        f"{bad} of {states.size + curves.size} values are not finite",
        "generic",
    )


def _half_step(a: OdeArguments, log: Log, late: NDArray[np.int64]) -> Check:
    """Judge the sum of all samples' errors against the same samples computed with half the step.

    Where a system forgets its past or is chaotic the results themselves may differ by less or by
    far more; the sum says what the method adds.
    """
    with np.errstate(over="ignore"):
        total = float((log.defects / log.reach).sum(axis=0).max())
        distance = float(log.trusted[-1])
    said = f"half the step changes the samples by {total:.2e} in all, at most {a.accuracy:g}"
    if late.size:
        said += f"; the end by {distance:.2g}: from {late[0] * a.sample:.4g} on it is chance"
    else:
        said += f"; the end by {distance:.2e}"
    return judged(
        "half_step",
        Words(en="Half the step gives the same", zh="步长减半，结果不变"),
        total <= a.accuracy,
        said,
    )


def _conserved(a: OdeArguments, name: str, drifts: Floats, scales: Floats) -> Check:
    scale = max(float(scales.max()), 1e-30)
    drift = float(drifts.max()) / scale
    return judged(
        f"{name}_conserved",
        Words(en=f"{name} is kept", zh=f"{name} 守恒"),
        drift <= a.accuracy,
        f"largest drift {drift:.2e} of its terms' size {scale:.4g}, at most {a.accuracy:g}",
    )


def _exact(a: OdeArguments, name: str, off: Floats, reach: float) -> Check:
    share = float(off.max()) / float(reach)
    return judged(
        f"{name}_exact",
        Words(en=f"{name} follows the known solution", zh=f"{name} 与解析解一致"),
        share <= a.accuracy,
        f"largest difference {share:.2e} of {reach:.4g}, at most {a.accuracy:g}",
        "oracle",
        given=True,
    )


def _reached(a: OdeArguments, members: Floats) -> Check:
    stuck = members[2 * len(a.rates) + 5]
    count = int((stuck != 0).sum())
    return judged(
        "tolerance_reached",
        Words(en="The steps kept to the tolerance", zh="每一步都达到了所要求的精度"),
        count == 0,
        f"{count} of {a.all} members needed steps that are too short",
        "generic",
    )
