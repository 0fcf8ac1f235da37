"""What a finished automaton tells: counts, and checks that recount them independently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.protocols import Evidence
from intentos.types import Check, Quantity, Words

from .automaton_ising import exact_energy
from .kernel import judged, series_of

if TYPE_CHECKING:
    from .automaton import AutomatonArguments

Cells = NDArray[np.int64]
LEAST_SAMPLES = 200
LABELS = {
    "counts_agree": Words(en="A recount gives the same numbers", zh="重新计数得到相同结果"),
    "states_exist": Words(en="Every cell is in a state of the rule", zh="每个细胞的状态都合法"),
    "grains_are_kept": Words(en="No grain appears or vanishes", zh="沙粒守恒"),
    "energy_agrees": Words(en="The energy equals the sum of its changes", zh="能量等于其变化之和"),
    "energy_is_exact": Words(
        en="The energy is that of the exact solution (Kaufman 1949)",
        zh="能量与精确解（Kaufman 1949）一致",
    ),
    "rule_holds": Words(en="The last row follows from the one before", zh="末行符合规则"),
}


def judge(a: AutomatonArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    """Return values and checks for the rule's family."""
    series = series_of(evidence)
    words = evidence.outputs["cells"].astype(np.int64)
    steps = (evidence.frames - 1) * a.steps_per_frame
    cells = words if a.kind == "sandpile" else words & 0xFFFF
    values = {"steps": Quantity(value=steps)}
    match a.kind:
        case "sandpile":
            values |= _sand_values(series)
            checks = [_grains(a, series, cells, evidence)]
        case "ising" if a.tiles > 1:
            values |= _ising_values(series)
            checks = [_exact_energy(a, evidence.outputs["moments"]), _states(a, series, cells)]
        case "ising":
            values |= _ising_values(series)
            checks = [_energy(a, series, cells), _states(a, series, cells)]
        case "fire":
            values |= {
                "trees": Quantity(value=round(100 * series["trees"][-1] / cells.size, 2), unit="%"),
                "largest_fire": Quantity(value=round(series["burning"].max())),
            }
            counted = {"trees": int((cells == 1).sum()), "burning": int((cells == 2).sum())}
            checks = [_counts(series, counted, cells.size), _states(a, series, cells)]
        case "custom":
            counted = {f"state_{k}": int((cells == k).sum()) for k in (1, 2) if k < a.states}
            values |= {name: Quantity(value=count) for name, count in counted.items()}
            checks = [_counts(series, counted, cells.size), _states(a, series, cells)]
        case "elementary":
            row = cells[steps % a.rows]
            values |= _population(series, row.size)
            counted = {"population": int(row.sum())}
            checks = [_counts(series, counted, row.size), _states(a, series, cells)]
            checks.append(_last_row(a, cells, steps))
        case _:
            values |= _population(series, cells.size)
            counted = {"population": int((cells == 1).sum())}
            checks = [_counts(series, counted, cells.size), _states(a, series, cells)]
    return values, checks


def _population(series: dict[str, Any], size: int) -> dict[str, Quantity]:
    last = round(series["population"][-1])
    return {
        "population_start": Quantity(value=round(series["population"][0])),
        "population_end": Quantity(value=last),
        "share": Quantity(value=round(100 * last / size, 2), unit="%"),
    }


def _counts(series: dict[str, Any], counted: dict[str, int], size: int) -> Check:
    inside = all(0 <= s.min() and s.max() <= size for n, s in series.items() if n in counted)
    same = all(round(series[name][-1]) == n for name, n in counted.items())
    told = ", ".join(f"{name} {round(series[name][-1])} = {n}" for name, n in counted.items())
    return judged(
        "counts_agree", LABELS["counts_agree"], inside and same, f"{told} of {size}", "generic"
    )


def _states(a: AutomatonArguments, series: dict[str, Any], cells: Cells) -> Check:
    wrong = int(series["invalid"].max()) + int((cells >= a.state_count).sum())
    return judged(
        "states_exist",
        LABELS["states_exist"],
        wrong == 0,
        f"{wrong} cells beyond state {a.state_count - 1}",
        "generic",
    )


def _sand_values(series: dict[str, Any]) -> dict[str, Quantity]:
    return {
        "grains_start": Quantity(value=round(series["grains"][0])),
        "grains_end": Quantity(value=round(series["grains"][-1])),
        "lost": Quantity(value=round(series["lost"][-1])),
    }


def _grains(
    a: AutomatonArguments, series: dict[str, Any], cells: Cells, evidence: Evidence
) -> Check:
    """Judge in every frame: grains on the grid + lost = grains at the start + added."""
    frames = np.array([frame for frame, _ in evidence.series["grains"]])
    added = frames * a.steps_per_frame * a.drop
    missing = series["grains"] + series["lost"] - series["grains"][0] - added
    if a.start != "random":
        missing = missing + series["grains"][0] - a.grains * "".join(a.pattern).count("#")
    worst = round(float(np.abs(missing).max()))
    same = int(cells.sum()) == round(series["grains"][-1])
    detail = f"{cells.sum()} on the grid, {round(series['lost'][-1])} lost, {worst} unexplained"
    return judged("grains_are_kept", LABELS["grains_are_kept"], worst == 0 and same, detail)


def _ising_values(series: dict[str, Any]) -> dict[str, Quantity]:
    late = slice(len(series["energy"]) // 2, None)
    return {
        "magnetisation": Quantity(
            value=round(float(np.abs(series["magnetisation"][late]).mean()), 4)
        ),
        "energy": Quantity(value=round(float(series["energy"][late].mean()), 4), unit="J"),
    }


def _energy(a: AutomatonArguments, series: dict[str, Any], cells: Cells) -> Check:
    """Judge the energy: kept up by its changes, counted on the GPU, and counted here at the end."""
    spins = 2 * cells - 1
    if a.periodic:
        bonds = (spins * np.roll(spins, -1, 0)).sum() + (spins * np.roll(spins, -1, 1)).sum()
    else:
        bonds = (spins[1:] * spins[:-1]).sum() + (spins[:, 1:] * spins[:, :-1]).sum()
    apart = np.abs(series["energy"] - series["energy_by_changes"]).max() * cells.size
    here = abs(-float(bonds) - series["energy"][-1] * cells.size)
    detail = f"E = {-bonds} J; greatest difference {max(apart, here):.3g} J"
    return judged("energy_agrees", LABELS["energy_agrees"], apart < 0.5 and here < 0.5, detail)


def _exact_energy(a: AutomatonArguments, moments: NDArray[np.float32]) -> Check:
    """Judge the tiles' mean energies against the exact ones of lattices of their size."""
    samples = int(moments[0, 0, 0])
    if samples < LEAST_SAMPLES or a.ramp_moves or not a.periodic:
        why = f"{samples} samples of each tile; {LEAST_SAMPLES} at one temperature are needed"
        return judged("energy_is_exact", LABELS["energy_is_exact"], None, why, "oracle")
    each = moments.reshape(-1, 8).astype(float) / samples
    rows, columns = a.rows // a.tiles, a.columns // a.tiles
    exact = np.array([exact_energy(round(float(t), 6), rows, columns) for t in each[:, 4]])
    # Neighbouring samples resemble one another, the more so in a large lattice near the critical
    # temperature: count one in ten.
    error = np.sqrt(np.maximum(each[:, 6] - each[:, 5] ** 2, 0) * 10 / samples)
    worst = float(np.abs((each[:, 5] - exact) / np.maximum(error, 2e-3)).max())
    mean = float(np.abs(each[:, 5] - exact).mean())
    detail = (
        f"{len(each)} tiles of {columns} x {rows}, {samples} samples: mean difference "
        f"{mean:.4f} J, at most {worst:.1f} standard errors"
    )
    return judged(
        "energy_is_exact", LABELS["energy_is_exact"], worst < 8 and mean < 0.05, detail, "oracle"
    )


def _last_row(a: AutomatonArguments, cells: Cells, steps: int) -> Check:
    if steps == 0:
        return judged("rule_holds", LABELS["rule_holds"], True, "no step was made", "generic")
    before, after = cells[(steps - 1) % a.rows], cells[steps % a.rows]
    padded = np.pad(before, 1, mode="wrap" if a.periodic else "constant")
    key = 4 * padded[:-2] + 2 * padded[1:-1] + padded[2:]
    wrong = int(np.count_nonzero((a.number >> key & 1) != after))
    return judged(
        "rule_holds",
        LABELS["rule_holds"],
        wrong == 0,
        f"{wrong} of {a.columns} cells differ",
        "oracle",
    )
