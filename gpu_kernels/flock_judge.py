"""What a finished flock tells: speeds, order, flows, and checks that nobody breaks a law."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.protocols import Evidence
from intentos.types import Check, Quantity, Words

from .kernel import judged, series_of

if TYPE_CHECKING:
    from .flock_arguments import FlockArguments

Floats = NDArray[np.floating[Any]]
GONE = 1e30
MOST_OVERLAP = 0.2
"""Of a person's diameter: what soft bodies give in a crush."""
LABELS = {
    "nobody_is_lost": Words(en="Nobody is lost", zh="没有个体丢失"),
    "speed_limits": Words(en="All speeds are within their limits", zh="所有速率都在限定范围内"),
    "within_walls": Words(en="Nobody leaves through a wall", zh="没有个体穿过边界"),
    "no_one_in_walls": Words(en="Nobody walks through a wall", zh="没有人穿墙"),
    "no_overlap": Words(en="Nobody stands inside another", zh="人与人不重叠"),
    "door_agrees": Words(
        en="As many passed the door as are on its other side", zh="通过门的人数与门外人数一致"
    ),
    "all_seen": Words(en="Every neighbour was looked at", zh="没有漏看任何邻居"),
    "chance_order": Words(
        en="Full noise leaves the order that chance gives", zh="完全噪声下的有序度与随机值一致"
    ),
}


def judge(a: FlockArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    """Return values and checks."""
    series = series_of(evidence)
    agents = evidence.outputs["agents"].astype(float)
    present = np.maximum(series["present"], 1)
    order = np.hypot(series["heading_x"], series["heading_y"]) * a.count / present
    speed = series["mean_speed"] * a.count / present
    late = slice(len(order) // 2, None)
    values = {
        "count": Quantity(value=a.count),
        "mean_speed": Quantity(value=round(float(speed[late].mean()), 3), unit="m/s"),
    }
    checks = [_nobody_lost(a, series, agents), _speeds(a, series, agents), _seen(series)]
    if a.boundary == "walls":
        worst = round(float(series["outside"].max()))
        checks.append(
            judged(
                "within_walls",
                LABELS["within_walls"],
                worst == 0,
                f"at most {worst} outside",
                "generic",
            )
        )
    if a.kind == "crowd":
        values |= _crowd_values(a, evidence, series, agents)
        checks += _crowd_checks(a, series, agents)
    else:
        values["polarisation"] = Quantity(value=round(float(order[late].mean()), 4))
        values["groups"] = Quantity(value=_groups(a, agents))
    if a.kind == "vicsek" and a.noise == 1 and len(order) > 2:
        checks.append(_chance_order(a, order[1:]))
    return values, checks


def _nobody_lost(a: FlockArguments, series: dict[str, Any], agents: Floats) -> Check:
    nowhere = round(max(series["not_finite"].max(), float((~np.isfinite(agents)).any(1).sum())))
    left = int((agents[:, 0] > GONE).sum())
    here = round(float(series["present"][-1]))
    others = series["present"].min() == a.count or (a.kind == "crowd" and a.scene == "door")
    never_more = bool((np.diff(series["present"]) <= 0).all())
    good = nowhere == 0 and here + left == a.count and others and never_more
    detail = f"{here} here, {left} gone, {nowhere} without a place, of {a.count}"
    return judged("nobody_is_lost", LABELS["nobody_is_lost"], bool(good), detail)


def _speeds(a: FlockArguments, series: dict[str, Any], agents: Floats) -> Check:
    rate = np.hypot(*agents[agents[:, 0] < GONE, 2:].T)
    top = max(series["top_speed"].max(), rate.max(initial=0))
    moving = slice(1, None) if a.kind == "crowd" else slice(None)
    low = float(series["slowest"][moving].min(initial=a.speed_max))
    room = 2e-3 * a.speed_max
    good = top <= a.speed_max + room and (a.kind == "crowd" or low >= a.speed_min - room)
    detail = f"{low:.2f}–{top:.2f} m/s; allowed {a.speed_min:g}–{a.speed_max:g}"
    return judged("speed_limits", LABELS["speed_limits"], bool(good), detail, "generic")


def _seen(series: dict[str, Any]) -> Check:
    rows = round(float(series["cut_off"].max()))
    return judged(
        "all_seen",
        LABELS["all_seen"],
        rows == 0,
        f"{rows} times a row of cells was too full",
        "generic",
    )


def _groups(a: FlockArguments, agents: Floats) -> int:
    """Return how many clusters there are: two in sight of one another belong together."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    places = agents[np.isfinite(agents).all(1), :2]
    everyone, reach = len(places), min(a.radius, 1.5 * a.separation_radius)
    # In a dense heap are more pairs than memory: who shares a tenth of the sight counts as one.
    squares, shared = np.unique(np.floor(places / (reach / 10)), axis=0, return_counts=True)
    members = np.ones(everyone)
    if everyone > 2 * len(squares):
        places, members = (squares + 0.5) * (reach / 10), shared.astype(float)
    if a.boundary == "periodic":
        box = np.array(a.world)
        tree = cKDTree((places + box / 2) % box % box, boxsize=box)
    else:
        tree = cKDTree(places)
    pairs = tree.query_pairs(reach, output_type="ndarray")
    links = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(places), len(places)))
    number, labels = connected_components(links, directed=False)
    # Stragglers make no group.
    sizes = np.bincount(labels, members, minlength=number)
    return int((sizes >= max(3, everyone // 200)).sum())


def _chance_order(a: FlockArguments, order: Floats) -> Check:
    """Judge the order of independent directions: Rayleigh's distribution.

    The mean length of the mean of N unit vectors is sqrt(pi/4N), its spread sqrt((4-pi)/4N).
    """
    wanted = math.sqrt(math.pi / (4 * a.count))
    spread = math.sqrt((4 - math.pi) / (4 * a.count * len(order)))
    got = float(order.mean())
    detail = f"{got:.4f}, by chance {wanted:.4f} ± {spread:.4f}"
    return judged(
        "chance_order", LABELS["chance_order"], abs(got - wanted) < 5 * spread, detail, "oracle"
    )


def _crowd_values(
    a: FlockArguments, evidence: Evidence, series: dict[str, Any], agents: Floats
) -> dict[str, Quantity]:
    seconds = a.pace / a.frames_per_second
    if a.scene != "door":
        return {"lane_order": Quantity(value=round(_lane_order(a, agents), 3))}
    passed = series["passed"]
    values = {
        "passed": Quantity(value=round(float(passed[-1]))),
        "inside": Quantity(value=int((agents[:, 0] < a.door_x).sum())),
        "time": Quantity(value=round((len(passed) - 1) * seconds, 1), unit="s"),
    }
    moving = np.flatnonzero(np.diff(passed) > 0)
    if moving.size > 1:
        # From the first who passes to the last.
        first, last = moving[0] + 1, moving[-1] + 1
        rate = (passed[last] - passed[first]) / ((last - first) * seconds)
        values["flow"] = Quantity(value=round(float(rate), 3), unit="1/s")
        values["flow_per_metre"] = Quantity(
            value=round(float(rate) / a.door_width, 3), unit="1/(m s)"
        )
    if passed[-1] >= a.count:
        frame = int(np.flatnonzero(passed >= a.count)[0])
        values["time_to_empty"] = Quantity(value=round(frame * seconds, 1), unit="s")
    return values


def _lane_order(a: FlockArguments, agents: Floats) -> float:
    """Return the lane order parameter, 0..1, of Rex and Löwen (Phys. Rev. E 75, 2007).

    Of those within a body's width of one's own track: ((same way - other way) / all)², averaged.
    """
    group = np.arange(a.count) % a.groups
    across = agents[:, 1] if a.scene == "counterflow" else agents[:, 1] - agents[:, 0]
    near, same = _near(across, across, 2 * a.body), np.zeros(a.count)
    for k in range(a.groups):
        same[group == k] = _near(across[group == k], across[group == k], 2 * a.body)
    return float((((2 * same - near) / np.maximum(near, 1)) ** 2).mean())


def _near(places: Floats, others: Floats, reach: float) -> NDArray[np.int64]:
    """Return how many others are nearer than ``reach`` to each place on a line."""
    ordered = np.sort(others)
    first = np.searchsorted(ordered, places - reach, "right")
    return np.asarray(np.searchsorted(ordered, places + reach, "left") - first)


def _crowd_checks(a: FlockArguments, series: dict[str, Any], agents: Floats) -> list[Check]:
    through = round(float(series["crossed"].max()))
    deepest = float(series["overlap"].max())
    checks = [
        judged(
            "no_one_in_walls", LABELS["no_one_in_walls"], through == 0,
            f"{through} crossings of walls", "generic",
        ),
        judged(
            "no_overlap", LABELS["no_overlap"], deepest <= MOST_OVERLAP,
            f"deepest {100 * deepest:.1f} % of a diameter, at most {100 * MOST_OVERLAP:.0f} %",
            "generic",
        ),
    ]  # fmt: skip
    if a.scene == "door":
        beyond = int((agents[:, 0] >= a.door_x).sum())
        passed = round(float(series["passed"][-1]))
        # Who is pushed back over the threshold passes it again.
        good = passed >= beyond and passed - beyond <= max(2, 0.02 * a.count)
        checks.append(
            judged(
                "door_agrees",
                LABELS["door_agrees"],
                good,
                f"{passed} passages, {beyond} beyond the door",
            )
        )
    return checks
