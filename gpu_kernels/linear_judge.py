"""What the results of ``linear`` say, and whether they can be right: checks that cost little."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from intentos.protocols import Evidence
from intentos.types import Check, Quantity, Words

from .kernel import judged

if TYPE_CHECKING:
    from .linear_arguments import LinearArguments

EPSILON = float(np.finfo(np.float32).eps)
VECTORS = 3


def judge(a: LinearArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    """Return values and checks of the operation."""
    match a.operation:
        case "matmul":
            values, checks = _matmul(evidence)
        case "fft" | "fft2d":
            values, checks = _fourier(a, evidence)
        case "sort":
            values, checks = _sort(a, evidence)
        case _:
            values, checks = _lists(a, evidence)
    results = [v for k, v in evidence.outputs.items() if v.dtype == np.float32]
    bad = sum(int(v.size - np.isfinite(v).sum()) for v in results)
    finite = judged(
        "finite", Words(en="No value is infinite or undefined", zh="没有无穷或未定义的值"),
        bad == 0, f"{bad} values are not finite", "generic",
    )  # fmt: skip
    return values, [finite, *checks]


def _matmul(evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    left, right, product = (evidence.outputs[k] for k in ("left", "right", "product"))
    with np.errstate(all="ignore"):
        norm = float(np.linalg.norm(product.astype(np.float64)))
    values = {
        "rows": Quantity(value=product.shape[0]),
        "columns": Quantity(value=product.shape[1]),
        "norm": Quantity(value=norm),
        "trace": Quantity(value=float(np.trace(product, dtype=np.float64))),
    }
    return values, [_freivalds(left, right, product)]


def _freivalds(left: Any, right: Any, product: Any) -> Check:
    """Judge C r = A (B r) for random r of ±1: a wrong C passes one at most half of the time.

    Source: Freivalds, "Probabilistic Machines Can Use Less Running Time", IFIP 1977. The room is
    what rounding in float32 may make of a row: eps sqrt(inner * columns) sum |a| max |b|.
    """
    rows, inner = left.shape
    a, b, c = (m.astype(np.float64) for m in (left, right, product))
    generator = np.random.default_rng(5)
    signs = generator.choice([-1.0, 1.0], (c.shape[1], VECTORS))
    with np.errstate(all="ignore"):
        off = np.abs(c @ signs - a @ (b @ signs)).max(1)
        size = np.abs(a).sum(1) * np.abs(b).max(initial=0.0)
        room = EPSILON * math.sqrt(inner * c.shape[1]) * size + 1e-30
        worst = float((off / room).max())
    return judged(
        "product_holds",
        Words(en="The product passes Freivalds' check", zh="矩阵乘积通过 Freivalds 检验"),
        worst <= 1,
        f"{rows} rows, {VECTORS} random vectors: {worst:.2g} of what rounding allows",
    )


def _fourier(a: LinearArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    values, spectrum, restored = (
        evidence.outputs[k].astype(np.float64) for k in ("values", "spectrum", "restored")
    )
    with np.errstate(all="ignore"):
        found = spectrum[..., 0] + 1j * spectrum[..., 1]
        back = restored[..., 0] + 1j * restored[..., 1]
        energy, power = float((values**2).sum()), float((np.abs(found) ** 2).sum() / values.size)
    strongest = np.abs(found).ravel()
    strongest[0] = 0
    at = np.unravel_index(int(np.argmax(strongest)), found.shape)
    folded = [min(int(k), n - int(k)) for k, n in zip(at, found.shape, strict=True)]
    wave = math.hypot(*folded)
    result = {
        "energy": Quantity(value=energy),
        "mean": Quantity(value=float(found.ravel()[0].real) / values.size),
        "strongest_wave": Quantity(value=wave, unit="1/n"),
    }
    room = 3 * EPSILON * math.log2(values.size) * float(np.abs(values).max(initial=0)) + 1e-30
    scale = math.sqrt(max(energy, 1e-300) * values.size)
    with np.errstate(all="ignore"):
        apart = float(np.abs(found - np.fft.fftn(values)).max()) / scale
        off = float(np.abs(back - values).max())
    return result, [
        judged(
            "parseval",
            Words(en="The spectrum has the signal's energy", zh="频谱能量与信号能量相等"),
            abs(power - energy) <= 1e-5 * energy + 1e-30, f"{power:.8g} against {energy:.8g}",
        ),
        judged(
            "round_trip", Words(en="The inverse gives the signal back", zh="逆变换还原了信号"),
            off <= room, f"off by {off:.2g} at most, {room:.2g} allowed",
        ),
        judged(
            "numpy_agrees", Words(en="NumPy's transform agrees", zh="与 NumPy 的变换结果一致"),
            apart <= 2 * EPSILON * math.log2(values.size), f"off by {apart:.2g} of the norm",
            "oracle",
        ),
    ]  # fmt: skip


def _sort(a: LinearArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    values, ordered = evidence.outputs["values"], evidence.outputs["sorted"]
    order = evidence.outputs["order"].astype(np.int64)
    n = values.size
    known = np.array_equal(np.sort(order), np.arange(n))
    same = known and np.array_equal(values[order], ordered, equal_nan=True)
    falls = int(np.count_nonzero(np.diff(ordered) < 0))
    ties = np.diff(ordered) == 0
    swapped = int(np.count_nonzero(ties & (np.diff(order) < 0)))
    result = {
        "size": Quantity(value=n),
        "minimum": Quantity(value=float(ordered[0]), unit=a.unit),
        "median": Quantity(value=_median(ordered), unit=a.unit),
        "maximum": Quantity(value=float(ordered[-1]), unit=a.unit),
    }
    return result, [
        judged(
            "in_order",
            Words(en="No number is below the one before it", zh="每个数都不小于前一个数"),
            falls == 0, f"{falls} of {n} fall",
        ),
        judged(
            "permutation",
            Words(en="Every number is still there exactly once", zh="所有数都恰好保留一次"), same,
            f"{n} places, {'each once' if known else 'some missing'}",
        ),
        judged(
            "stable", Words(en="Equal numbers keep their order", zh="相等的数保持原有次序"),
            swapped == 0, f"{swapped} of {int(ties.sum())} ties swapped",
        ),
    ]  # fmt: skip


def _median(ordered: Any) -> float:
    """Return the middle of sorted numbers, or half way between the two in the middle."""
    n = ordered.size
    return (float(ordered[(n - 1) // 2]) + float(ordered[n // 2])) / 2


def _lists(a: LinearArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    values = evidence.outputs["values"].astype(np.float64)
    told = {name: float(points[-1][1]) for name, points in evidence.series.items()}
    n = values.size
    with np.errstate(all="ignore"):
        exact, size = float(values.sum()), float(np.abs(values).sum())
        # Not from the sum of squares: where the mean is large, float32 has no room for the rest.
        spread = float(values.std())
    result = {
        "sum": Quantity(value=told["sum"], unit=a.unit),
        "mean": Quantity(value=told["sum"] / n, unit=a.unit),
        "minimum": Quantity(value=told["minimum"], unit=a.unit),
        "maximum": Quantity(value=told["maximum"], unit=a.unit),
        "standard_deviation": Quantity(value=spread, unit=a.unit),
        "size": Quantity(value=n),
    }
    # Each number goes through at most some tens of additions.
    room = 8 * EPSILON * size + 1e-30
    ends = told["minimum"] == values.min() and told["maximum"] == values.max()
    checks = [
        judged(
            "sum_agrees",
            Words(en="NumPy's sum and extremes agree", zh="与 NumPy 的总和及极值一致"),
            abs(told["sum"] - exact) <= room and ends,
            f"{told['sum']:.8g} against {exact:.8g}, {room:.2g} allowed", "oracle",
        ),
        judged(
            "all_took_part", Words(en="Every number took part", zh="所有数都参与了计算"),
            told["count"] == n, f"{told['count']:.0f} of {n}", "generic",
        ),
    ]  # fmt: skip
    if a.operation == "scan":
        checks.append(_running(evidence.outputs["running_sum"], values, told["sum"]))
    if a.operation == "histogram":
        checks += _counted(a, evidence.outputs["counts"].astype(np.int64), values)
    return result, checks


def _running(running: Any, values: Any, total: float) -> Check:
    wanted = np.cumsum(values)
    room = 8 * EPSILON * np.cumsum(np.abs(values)) + 1e-30
    with np.errstate(all="ignore"):
        off = np.abs(running.astype(np.float64) - wanted) / room
    last = abs(float(running[-1]) - total) <= float(room[-1])
    return judged(
        "running_sums_hold",
        Words(
            en="Every running sum is right, the last one is the sum",
            zh="每个前缀和正确，最后一个等于总和",
        ),
        last and float(off.max()) <= 1,
        f"worst {float(off.max()):.2g} of what rounding allows",
        "oracle",
    )


def _counted(a: LinearArguments, counts: Any, values: Any) -> list[Check]:
    wanted = np.zeros(a.bins, np.int64)
    if values.min() == values.max():
        wanted[0] = values.size
    elif np.isfinite(values).all():
        wanted = np.histogram(values, a.bins)[0]
    # A number on the edge of a bin may be rounded to its other side.
    moved = int(np.abs(counts - wanted).sum()) // 2
    allowed = 3 + values.size // 10_000
    return [
        judged(
            "counts_add_up",
            Words(en="The counts add up to the numbers", zh="各区间计数之和等于总数"),
            counts.sum() == values.size, f"{counts.sum()} of {values.size}",
        ),
        judged(
            "histogram_agrees", Words(en="NumPy counts the same", zh="与 NumPy 的直方图一致"),
            moved <= allowed, f"{moved} numbers in another bin, {allowed} allowed", "oracle",
        ),
    ]  # fmt: skip
