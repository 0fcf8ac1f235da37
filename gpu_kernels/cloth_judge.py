"""What the cloth kernel says of a finished run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.protocols import Evidence
from intentos.types import Check, Quantity, Words

from .cloth_shape import catenary
from .kernel import judged, series_of

if TYPE_CHECKING:
    from .cloth import ClothArguments

Floats = NDArray[np.floating[Any]]
MOST_STRETCH = 0.35
"""Of one thread, beside what weight and wind explain."""
STILL = 0.15
"""Metres a second below which a cloth hangs still enough: its swing hardly adds to its weight."""


def judge(a: ClothArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    """Return values and checks."""
    series = series_of(evidence)
    places = evidence.outputs["places"][..., :3].astype(np.float64)
    values = {
        "stretch": Quantity(value=_short(100 * series["stretch"].max()), unit="%"),
        "fastest": Quantity(value=_short(series["fastest"].max()), unit="m/s"),
        "steps_per_second": Quantity(value=round(1 / a.step)),
    }
    if np.isfinite(places).all():
        values["lowest"] = Quantity(value=_short(places[..., 1].min()), unit="m")
    checks = [
        _finite(series, evidence),
        _stretch(a, series),
        _pins(series),
        _above(series),
    ]
    if a.breeze == 0:
        checks.append(_energy(a, series))
    if a.shape == "hammock" and a.held == "ends" and a.breeze == 0 and np.isfinite(places).all():
        hangs, depth, wanted = _catenary(a, series, places)
        values["sag"] = Quantity(value=_short(depth), unit="m")
        values["catenary_sag"] = Quantity(value=_short(wanted), unit="m")
        checks.append(hangs)
    return values, checks


def _short(value: Any) -> float:
    return float(f"{float(value):.5g}")


def _finite(series: dict[str, Floats], evidence: Evidence) -> Check:
    lost = float(series["not_finite"].max())
    places = evidence.outputs["places"]
    lost = max(lost, float(places.size - np.isfinite(places).sum()))
    return judged(
        "finite",
        Words(en="Every vertex is somewhere", zh="每个质点都有确定的位置"),
        lost == 0,
        f"{lost:.0f} without a place",
        "generic",
    )


def _stretch(a: ClothArguments, series: dict[str, Floats]) -> Check:
    """Judge the longest thread: half of what the strongest gust and the weight would do to a strip
    of the whole cloth, and a third of its length for jerks and pins, are allowed."""
    most = float(series["stretch"].max())
    gust = a.breeze * (1 + a.gusts)
    load = a.density * a.gravity * a.cloth_height + 0.72 * gust * gust * a.cloth_width
    limit = MOST_STRETCH + 0.5 * load / a.stiffness
    return judged(
        "stretch",
        Words(en="No thread is stretched too far", zh="没有一根线被过度拉伸"),
        most <= limit,
        f"{100 * most:.1f} % at most, allowed {100 * limit:.0f} %",
        "generic",
    )


def _pins(series: dict[str, Floats]) -> Check:
    off = float(series["off_pins"].max())
    return judged(
        "pins_hold",
        Words(en="What is pinned stays", zh="固定点保持不动"),
        off <= 1e-5,
        f"moved {off:.1e} m at most",
        "generic",
    )


def _above(series: dict[str, Floats]) -> Check:
    below = float(series["below"].max())
    return judged(
        "nothing_inside",
        Words(en="Nothing is below the ground or in the ball", zh="没有穿入地面或球体"),
        below <= 1e-4,
        f"{1000 * below:.2f} mm deep at most" if below > 0 else "always outside",
        "generic",
    )


def _energy(a: ClothArguments, series: dict[str, Floats]) -> Check:
    """Without wind nothing adds energy: motion, height and springs together only lose it."""
    total = series["motion"] + series["height_energy"] + series["springs"]
    weight = a.density * a.cloth_width * a.cloth_height * max(a.gravity, 0.1)
    scale = weight * max(a.cloth_width, a.cloth_height)
    gain = float(np.max(np.diff(total), initial=0.0)) / scale
    return judged(
        "energy_falls",
        Words(en="Without wind no energy appears", zh="无风时能量不会凭空增加"),
        gain <= 1e-3 and not series["not_finite"].any(),
        f"{total[0]:.4g} J → {total[-1]:.4g} J, greatest gain {gain:.1e} of its weight",
    )


def _catenary(
    a: ClothArguments, series: dict[str, Floats], places: Floats
) -> tuple[Check, float, float]:
    row = places[places.shape[0] // 2]
    length = float(np.linalg.norm(np.diff(row, axis=0), axis=1).sum())
    span = a.cloth_width * (1 - a.slack)
    # From the line between its ends: it may still swing a little.
    depth = float(np.linalg.norm(row[:, 1:] - row[0, 1:], axis=1).max())
    _, wanted = catenary(span, length)
    off = abs(depth / wanted - 1)
    still = float(series["fastest"][-1]) < STILL
    check = judged(
        "catenary",
        Words(en="At rest it hangs as a catenary", zh="静止时呈悬链线"),
        off <= 0.02 if still else None,
        f"{depth:.4f} m deep, a chain of its length {wanted:.4f} m"
        + ("" if still else f"; it still moves at {series['fastest'][-1]:.2f} m/s"),
        "oracle",
    )
    return check, depth, wanted
