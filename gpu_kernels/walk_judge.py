"""What walks, aggregates and percolation tell, and whether theory agrees."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from intentos.protocols import Evidence
from intentos.types import Check, Quantity, Words

from .kernel import judged, series_of

if TYPE_CHECKING:
    from .walk import WalkArguments

SIGMAS = 5.0
INSIDE = {1: math.erf(math.sqrt(0.5)), 2: 1 - math.exp(-1), 3: 0.608375}
"""Share of a normal cloud within its root mean square radius, in 1, 2 and 3 dimensions."""
DIMENSION = 1.71
ROOM = 0.16
"""Clusters of some thousand particles came out between 1.63 and 1.79."""
LEAST_PARTICLES = 2000
"""Below, an aggregate is too small for a dimension."""


def judge(a: WalkArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    """Return values and checks of the model."""
    series = series_of(evidence)
    match a.model:
        case "walk":
            return _walk(a, evidence, series)
        case "aggregation":
            return _aggregate(a, evidence, series)
        case "percolation":
            return _percolation(a, evidence, series)


# ---- walks ----


def _walk(
    a: WalkArguments, evidence: Evidence, series: dict[str, Any]
) -> tuple[dict[str, Quantity], list[Check]]:
    places = evidence.outputs["walkers"][:, : a.dimensions].astype(np.float64)
    steps = (evidence.frames - 1) * a.each_frame
    r2 = (places**2).sum(1)
    found = float(r2.mean()) * a.step_length**2
    time = steps * a.step_time
    measured = found / (2 * a.dimensions * time) if time else 0.0
    length = a.length_unit
    values = {
        "mean_square": Quantity(value=found, unit=f"{length}²" if length else ""),
        "root_mean_square": Quantity(value=math.sqrt(max(found, 0)), unit=length),
        "time": Quantity(value=time, unit=a.time_unit),
        "walkers": Quantity(value=a.count),
    }
    if time:
        unit = f"{length}²/{a.time_unit}" if length and a.time_unit else ""
        values["diffusivity"] = Quantity(value=measured, unit=unit)
    checks = [_finite(places), _spread(a, r2, steps), _drift(a, places, steps)]
    checks.append(_recounted(a, series, found))
    if steps >= 40 and a.count >= 200:
        checks.append(_normal(a, r2, steps))
    return values, checks


def _finite(places: Any) -> Check:
    bad = int(np.count_nonzero(~np.isfinite(places).all(1)))
    return judged(
        "positions_finite",
        Words(en="Every walker is somewhere", zh="每个行走者都有确定的位置"),
        bad == 0,
        f"{bad} of {len(places)} walkers without a place",
        "generic",
    )


def _spread(a: WalkArguments, r2: Any, steps: int) -> Check:
    """Judge r² by Einstein's law; its relative error is sqrt(2/dN) for a normal cloud."""
    title = Words(en="The spread follows 2dDt", zh="均方位移符合 2dDt")
    if steps == 0:
        return judged("einstein", title, float(r2.max()) == 0, "no step was made", "generic")
    ratio = float(r2.mean()) / steps
    # A single lattice step has no spread at all in r²: the error is at most the normal one.
    error = math.sqrt(2 / (a.dimensions * a.count))
    detail = f"{ratio:.4f} of 2dDt, {(ratio - 1) / error:+.1f} standard errors of {error:.4f}"
    # Few walkers are a chi-square with a long tail; its cube root is nearly normal. Source:
    # Wilson and Hilferty, "The Distribution of Chi-Square", PNAS 17, 1931.
    low, high = (max(1 - error**2 / 9 + side * error / 3, 0.0) ** 3 for side in (-SIGMAS, SIGMAS))
    return judged("einstein", title, low - 1e-4 <= ratio <= high + 1e-4, detail, "oracle")


def _drift(a: WalkArguments, places: Any, steps: int) -> Check:
    error = math.sqrt(max(steps, 1) / a.dimensions / a.count)
    worst = float(np.abs(places.mean(0)).max()) / error
    return judged(
        "no_drift",
        Words(en="There is no drift", zh="没有整体漂移"),
        worst <= SIGMAS,
        f"mean place off by {worst:.1f} standard errors",
    )


def _recounted(a: WalkArguments, series: dict[str, Any], found: float) -> Check:
    told = float(series["mean_square"][-1])
    good = abs(told - found) <= 1e-3 * abs(found) + 1e-12
    return judged(
        "recount_agrees",
        Words(en="A recount gives the same spread", zh="重新计算得到相同的均方位移"),
        good,
        f"{told:.6g} on the GPU, {found:.6g} here",
        "generic",
    )


def _normal(a: WalkArguments, r2: Any, steps: int) -> Check:
    """Judge the share within the root mean square radius, where a normal cloud has INSIDE."""
    wanted = INSIDE[a.dimensions]
    share = float((r2 < steps).mean())
    error = math.sqrt(wanted * (1 - wanted) / a.count)
    # On a lattice whole shells of places lie inside or outside; they thin out like 1/sqrt(n).
    grain = 1.2 / math.sqrt(steps) if a.steps == "lattice" else 0.0
    detail = f"{100 * share:.2f} % within the root mean square, {100 * wanted:.2f} % expected"
    return judged(
        "cloud_is_normal",
        Words(en="The cloud is a normal distribution", zh="位置服从正态分布"),
        abs(share - wanted) <= SIGMAS * error + grain,
        detail,
        "oracle",
    )


# ---- aggregates ----


def _aggregate(
    a: WalkArguments, evidence: Evidence, series: dict[str, Any]
) -> tuple[dict[str, Quantity], list[Check]]:
    grid = evidence.outputs["arrivals"].astype(np.int64)
    count = int((grid > 1).sum())
    values = {"particles": Quantity(value=count)}
    if a.start == "line":
        rows = np.nonzero((grid > 1).any(1))[0]
        height = int(a.cells - 1 - rows.min()) if rows.size else 0
        values["height"] = Quantity(value=height, unit="cells")
    elif a.start == "point":
        values["radius"] = Quantity(value=float(series["radius"][-1]), unit="cells")
    told = round(float(series["arrived"][-1]))
    checks = [
        judged(
            "none_is_lost",
            Words(en="Every arrival is in the grid once", zh="每个到达的粒子恰好占一格"),
            told == count and (np.diff(series["arrived"]) >= 0).all(),
            f"{told} counted, {count} in the grid",
        ),
        _connected(grid),
    ]
    if a.start == "point" and count >= LEAST_PARTICLES:
        by_mass, by_boxes = dimensions_of(grid)
        values["fractal_dimension"] = Quantity(value=round(by_mass, 3))
        values["box_dimension"] = Quantity(value=round(by_boxes, 3))
        if a.stickiness == 1:
            checks.append(_fractal(by_mass))
    return values, checks


def _connected(grid: Any) -> Check:
    """Judge that each particle arrived beside something older: nothing hangs in the air."""
    age = np.where(grid > 0, grid, np.iinfo(np.int64).max)
    around = np.full(age.shape, np.iinfo(np.int64).max)
    for axis in (0, 1):
        for shift in (1, -1):
            around = np.minimum(around, np.roll(age, shift, axis))
    loose = int(np.count_nonzero((grid > 1) & (around >= age)))
    return judged(
        "touches_older",
        Words(en="Every particle stuck to an older one", zh="每个粒子都粘附在更早的粒子上"),
        loose == 0,
        f"{loose} particles touch nothing older",
    )


def dimensions_of(grid: Any) -> tuple[float, float]:
    """Return the fractal dimension by the radius of gyration, and by counting boxes.

    N ~ R^D between a tenth of the particles and all of them; boxes of 2 to 1/16 of the cluster.
    """
    y, x = np.nonzero(grid > 1)
    order = np.argsort(grid[y, x], kind="stable")
    p = np.stack([x, y], 1)[order].astype(np.float64)
    n = np.arange(1, len(p) + 1)
    centre = np.cumsum(p, 0) / n[:, None]
    gyration = np.cumsum((p**2).sum(1)) / n - (centre**2).sum(1)
    use = np.unique(np.geomspace(max(50, len(p) // 20), len(p), 40).astype(int)) - 1
    slope = np.polyfit(0.5 * np.log(gyration[use]), np.log(n[use]), 1)[0]
    wide = max(np.ptp(x), np.ptp(y)) + 1
    sides = [s for s in (2, 3, 4, 6, 8, 12, 16, 24, 32) if s <= wide / 8]
    boxes = [len(np.unique((x // s) * 100_000 + y // s)) for s in sides]
    by_boxes = -np.polyfit(np.log(sides), np.log(boxes), 1)[0] if len(sides) > 2 else math.nan
    return float(slope), float(by_boxes)


def _fractal(found: float) -> Check:
    """Judge the dimension; single clusters of some thousand particles scatter by about 0.06."""
    return judged(
        "fractal_dimension",
        Words(en="The fractal dimension is that of an aggregate", zh="分形维数符合扩散限制聚集"),
        abs(found - DIMENSION) <= ROOM,
        f"{found:.3f} by the radius of gyration, {DIMENSION} ± {ROOM} in the literature",
        "oracle",
    )


# ---- percolation ----


def _percolation(
    a: WalkArguments, evidence: Evidence, series: dict[str, Any]
) -> tuple[dict[str, Quantity], list[Check]]:
    from .walk import THRESHOLDS

    labels = evidence.outputs["clusters"]
    level, spanning = series["level"], series["spanning"]
    size = a.cells**2
    values = {
        "open_share": Quantity(value=float(series["open_cells"][-1]) / size),
        "largest_share": Quantity(value=float(series["largest"][-1]) / size),
        "clusters": Quantity(value=round(float(series["clusters"][-1]))),
    }
    checks = [_labels_agree(a, labels, series), _open_share(a, series)]
    crossed = np.nonzero(spanning > 0)[0]
    known = THRESHOLDS[a.neighbours]
    room = 2.2 * a.cells**-0.75
    if crossed.size and crossed[0] > 0:
        threshold = float(level[crossed[0]])
        values["threshold"] = Quantity(value=round(threshold, 4))
        step = float(level[crossed[0]] - level[crossed[0] - 1])
        good = abs(threshold - known) <= room + step
        detail = f"first path at {threshold:.4f}, infinite lattice {known:.4f} ± {room + step:.4f}"
    else:
        # Beyond the threshold's width there is a path above it, and none below.
        wrong = ((spanning == 0) & (level > known + room)) | (
            (spanning > 0) & (level < known - room)
        )
        good, detail = (
            not wrong.any(),
            f"{int(wrong.sum())} frames on the wrong side of {known:.4f}",
        )
    checks.append(
        judged(
            "threshold",
            Words(en="The first path comes at the known threshold", zh="贯通出现在已知的阈值附近"),
            good, detail, "oracle",
        )
    )  # fmt: skip
    return values, checks


def _labels_agree(a: WalkArguments, labels: Any, series: dict[str, Any]) -> Check:
    """Judge the clusters of the last frame against SciPy's."""
    from scipy import ndimage

    structure = np.ones((3, 3)) if a.neighbours == 8 else None
    here, count = ndimage.label(labels != 0xFFFFFFFF, structure)
    pairs = np.unique(np.stack([labels[here > 0], here[here > 0].astype(np.uint32)], 1), axis=0)
    told = round(float(series["clusters"][-1]))
    both = set(here[0][here[0] > 0]) & set(here[-1][here[-1] > 0])
    spans = (series["spanning"][-1] > 0) == bool(both)
    same = len(pairs) == count == told and spans
    detail = f"{told} clusters counted, {len(pairs)} pairs, {count} by SciPy"
    return judged(
        "clusters_agree",
        Words(en="Another method finds the same clusters", zh="另一种算法得到相同的团簇"), same,
        detail, "oracle",
    )  # fmt: skip


def _open_share(a: WalkArguments, series: dict[str, Any]) -> Check:
    level, n = series["level"], a.cells**2
    error = np.sqrt(np.maximum(level * (1 - level), 1e-9) / n)
    worst = float((np.abs(series["open_cells"] / n - level) / error).max())
    return judged(
        "open_share",
        Words(en="As many cells are open as wanted", zh="开放格点的比例与设定相符"),
        worst <= SIGMAS + 0.5,
        f"off by {worst:.1f} standard errors at most",
        "generic",
    )
