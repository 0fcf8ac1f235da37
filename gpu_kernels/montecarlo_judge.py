"""What finished samples tell: mean, error, quantiles; and whether they can be believed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.protocols import Evidence
from intentos.types import Check, Quantity, Words

from .kernel import judged

if TYPE_CHECKING:
    from .montecarlo import Batches, MontecarloArguments

SIGMAS = 5.0
"""A sound run fails one of these checks once in about two million times."""


def judge(
    a: MontecarloArguments, batches: Batches, evidence: Evidence
) -> tuple[dict[str, Quantity], list[Check]]:
    """Return the values in float64 from the batches' sums, and the checks."""
    sums = evidence.outputs["history"][: batches.count].astype(np.float64)
    tally = evidence.outputs["tally"].astype(np.int64)
    problem = a.problem
    mean, spread, means = moments(a, sums)
    n = sums[:, 0].sum()
    error = spread / math.sqrt(max(n, 1))
    name = "probability" if problem.probability else "mean"
    values = {
        name: Quantity(value=mean, unit=a.unit),
        "standard_error": Quantity(value=error, unit=a.unit),
        "standard_deviation": Quantity(value=spread, unit=a.unit),
        "samples": Quantity(value=int(tally[2:].sum())),
    }
    if not problem.condition:
        levels = (0.05, 0.5, 0.95)
        found = quantiles(a, tally, levels)
        titles = ("quantile_05", "median", "quantile_95")
        values |= {
            t: Quantity(value=q, unit=a.unit)
            for t, q in zip(titles, found, strict=True)
            if q is not None
        }
    checks = [
        _counted(a, batches, evidence, tally, sums),
        _numbers(tally),
        _batches_agree(sums[:, 0], means, mean, spread),
        _independent(a, mean, error),
    ]
    if not problem.condition:
        checks.append(_recount(a, tally, mean))
    if problem.exact is not None:
        if problem.condition:  # of the true probability: no hit at all has no error of its own
            share = problem.exact / problem.factor
            error = max(error, abs(problem.factor) * _binomial(share, n))
        checks.append(_exact(mean, error, problem.exact))
    return values, checks


def _binomial(share: float, n: float) -> float:
    """Return the standard error of a probability; a single hit among n is no miracle."""
    return max(math.sqrt(max(share * (1 - share), 0) / max(n, 1)), 1 / max(n, 1) / SIGMAS)


def moments(a: MontecarloArguments, sums: NDArray[Any]) -> tuple[float, float, Any]:
    """Return mean, standard deviation, and the mean of each batch."""
    n = np.maximum(sums[:, 0], 1)
    total = max(float(sums[:, 0].sum()), 1.0)
    p = a.problem
    if p.condition:
        share = float(sums[:, 3].sum()) / total
        return p.factor * share, abs(p.factor) * math.sqrt(max(share * (1 - share), 0)), (
            p.factor * sums[:, 3] / n
        )  # fmt: skip
    z = float(sums[:, 1].sum()) / total
    apart = math.sqrt(max(float(sums[:, 2].sum()) / total - z * z, 0.0))
    return p.centre + p.spread * z, p.spread * apart, p.centre + p.spread * sums[:, 1] / n


def quantiles(
    a: MontecarloArguments, tally: NDArray[np.int64], levels: tuple[float, ...]
) -> list[float | None]:
    """Return quantiles of the histogram, even within a bin; None outside its range."""
    r, total = a.problem.range, int(tally[3:].sum())
    cumulative = np.concatenate([[tally[3]], tally[3] + np.cumsum(tally[5:])]).astype(float)
    whole = all(v.whole for v in a.problem.variables) and r.width == 1
    found: list[float | None] = []
    for level in levels:
        wanted = level * total
        k = int(np.searchsorted(cumulative, wanted, side="left"))
        if k == 0 or k > r.bins:
            found.append(None)
            continue
        inside = (wanted - cumulative[k - 1]) / max(cumulative[k] - cumulative[k - 1], 1)
        share = 0.5 if whole else inside
        found.append(r.low + (k - 1 + share) * r.width)
    return found


def _counted(
    a: MontecarloArguments,
    batches: Batches,
    evidence: Evidence,
    tally: NDArray[np.int64],
    sums: NDArray[np.float64],
) -> Check:
    done = batches.opening + (evidence.frames - 1) * batches.a_frame
    wanted = int(batches.ends(a.samples)[min(done, batches.count)])
    counted, summed = int(tally[2:].sum()), round(float(sums[:, 0].sum()))
    return judged(
        "every_sample_counts_once",
        Words(en="Every sample counts exactly once", zh="每个样本恰好计入一次"),
        counted == summed == wanted,
        f"{counted} in the histogram, {summed} in the sums, {wanted} wanted",
        "generic",
    )


def _numbers(tally: NDArray[np.int64]) -> Check:
    bad = int(tally[2])
    return judged(
        "samples_are_numbers",
        Words(en="Every sample gives a number", zh="每个样本都得到有效数值"),
        bad == 0,
        f"{bad} samples are infinite or undefined",
        "generic",
    )


def _batches_agree(n: Any, means: Any, mean: float, spread: float) -> Check:
    """Judge the batches' scatter around the mean by chi-square.

    Sum of n_b (m_b - m)²/s² has B - 1 degrees of freedom; its cube root is nearly normal. Source:
    Wilson and Hilferty, "The Distribution of Chi-Square", PNAS 17, 1931. Batches that repeat one
    another scatter too little, those that hang together too much.
    """
    use = n >= 200
    free = int(use.sum()) - 1
    title = Words(en="The batches scatter as chance says", zh="各批样本的波动符合统计规律")
    name = "batches_agree"
    if free < 4 or spread == 0:
        alike = bool(np.isfinite(means).all()) and (spread > 0 or np.ptp(means[n > 0]) == 0)
        return judged(name, title, alike, f"{free + 1} batches, deviation {spread:g}")
    # Sum z in float32 may itself be off by a few parts in 10^7.
    chi = float((n[use] * (means[use] - np.average(means[use], weights=n[use])) ** 2).sum())
    chi /= spread**2
    z = ((chi / free) ** (1 / 3) - (1 - 2 / (9 * free))) / math.sqrt(2 / (9 * free))
    detail = f"chi-square {chi:.1f} of {free} degrees of freedom, {z:+.1f} sigma"
    return judged(name, title, abs(z) <= SIGMAS, detail)


def _independent(a: MontecarloArguments, mean: float, error: float) -> Check:
    """Judge against the trial: NumPy's own generator and distributions."""
    values = a.problem.known
    other = float(values.mean())
    apart = math.hypot(error, float(values.std()) / math.sqrt(values.size))
    if a.problem.condition:
        # What happens rarely may not happen in the trial at all: take the spread that is larger.
        factor = abs(a.problem.factor)
        share = max(abs(mean), abs(other)) / factor
        apart = max(apart, factor * math.sqrt(share * (1 - share) / values.size))
    z = (mean - other) / apart if apart > 0 else float(mean != other) * 99
    detail = f"{mean:.6g} against {other:.6g}, {z:+.1f} standard errors"
    return judged(
        "independent_samples_agree",
        Words(en="Samples from another generator agree", zh="另一个随机数生成器的结果一致"),
        abs(z) <= SIGMAS,
        detail,
        "oracle",
    )


def _recount(a: MontecarloArguments, tally: NDArray[np.int64], mean: float) -> Check:
    """Judge the sums by the bars: their mean is off by half a bin at most."""
    r, bars = a.problem.range, tally[5:]
    outside = int(tally[3] + tally[4])
    inside = int(bars.sum())
    title = Words(en="The histogram has the same mean", zh="直方图的均值与总和一致")
    if outside > 0 or inside == 0:
        # What lies outside is only known to lie outside.
        return judged("histogram_agrees", title, inside > 0, f"{outside} samples outside the range")
    middle = r.low + (np.arange(r.bins) + 0.5) * r.width
    other = float((bars * middle).sum() / inside)
    room = 0.5 * r.width * (1 + 1e-4) + 1e-5 * abs(mean)
    detail = f"{mean:.6g} against {other:.6g}, bars {r.width:.3g} wide"
    return judged("histogram_agrees", title, abs(mean - other) <= room, detail)


def _exact(mean: float, error: float, exact: float) -> Check:
    # The sums are float32: a few parts in 10^7 whatever the number of samples.
    room = SIGMAS * error + 3e-7 * abs(exact)
    detail = f"{mean:.8g} against {exact:.8g}, allowed {room:.2g}"
    return judged(
        "known_value",
        Words(en="The known value is met", zh="与已知的精确值相符"),
        abs(mean - exact) <= room,
        detail,
        "oracle",
        given=True,
    )
