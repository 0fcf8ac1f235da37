"""The NumPy twin of a chart's pass."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .chart_wgsl import MOST_PIECES
from .lettering import draw_text, text_width
from .ticks import ticks

if TYPE_CHECKING:
    from .chart import Chart, Series

Floats = NDArray[np.floating[Any]]
Ends = tuple[float, float, float, float]


def paint(
    chart: Chart,
    image: Floats,
    x: tuple[float, float],
    y: tuple[float, float],
    values: list[Any],
    spans: list[tuple[float, float] | None],
) -> None:
    """Paint the chart over an sRGB picture, in place; see ``Chart.paint``."""
    from .chart import LETTERS

    ends, letters, s = (*x, *y), np.array(LETTERS), chart.size
    left, top, wide, high = chart.plot
    _panel(chart, image)
    plot = image[top : top + high, left : left + wide]
    x_ticks, y_ticks = ticks(*x, chart.counts[0]), ticks(*y, chart.counts[1])
    columns = [math.floor(put(chart, v, y[0], ends)[0]) for v, _ in x_ticks]
    rows = [math.floor(put(chart, x[0], v, ends)[1]) for v, _ in y_ticks]
    for column in (c - left for c in columns if left <= c < left + wide):
        plot[:, column] += 0.09 * (letters - plot[:, column])
    for row in (r - top for r in rows if top <= r < top + high):
        plot[row] += 0.09 * (letters - plot[row])
    for series, colour, value, span in zip(chart.series, chart.colours, values, spans, strict=True):
        cover = _cover(chart, series, np.asarray(value, np.float64), span or x, ends)
        plot += cover[..., None] * (np.array(colour) - plot)
    for axis in (
        image[top + high : top + high + s, left : left + wide],
        image[top : top + high + s, left - s : left],
    ):
        axis += 0.45 * (letters - axis)
    dim = (0.8 * LETTERS[0], 0.8 * LETTERS[1], 0.8 * LETTERS[2])
    for column, (_, text) in zip(columns, x_ticks, strict=True):
        at = (column - text_width(text) * s // 2, top + high + 6 * s)
        draw_text(image, text, at, scale=s, colour=dim)
    for row, (_, text) in zip(rows, y_ticks, strict=True):
        draw_text(
            image, text, (left - 5 * s - text_width(text, s), row - 3 * s), scale=s, colour=dim
        )
    for text, at, colour in chart.words():
        draw_text(image, text, at, scale=s, colour=(colour[0], colour[1], colour[2]))


def put(chart: Chart, x: Any, y: Any, ends: Ends) -> tuple[Any, Any]:
    """Twin of ``<name>_put``."""
    left, top, wide, high = chart.plot
    across = np.clip((x - ends[0]) / (ends[1] - ends[0]), -4, 5)
    down = np.clip(1 - (y - ends[2]) / (ends[3] - ends[2]), -4, 5)
    return left + across * wide, top + down * high


def _panel(chart: Chart, image: Floats) -> None:
    from .chart import PANEL

    s = chart.size
    y, x = np.mgrid[0 : chart.high, 0 : chart.wide]
    near = [
        np.maximum(5 * s - np.minimum(v, n - 1 - v), 0)
        for v, n in ((x, chart.wide), (y, chart.high))
    ]
    inside = near[0] ** 2 + near[1] ** 2 <= 25 * s * s
    part = image[chart.top : chart.top + chart.high, chart.left : chart.left + chart.wide]
    part += (inside * chart.shade)[..., None] * (np.array(PANEL) - part)


def _cover(
    chart: Chart, series: Series, values: Floats, span: tuple[float, float], ends: Ends
) -> Floats:
    """Return how much a series covers of each pixel between the axes, shape (high, wide)."""
    left, top, wide, high = chart.plot
    px, py = left + np.arange(wide) + 0.5, top + np.arange(high) + 0.5
    x = ends[0] + (px - left) / wide * (ends[1] - ends[0])
    radius = series.radius * chart.size
    if series.kind in ("level", "upright"):
        level = series.kind == "level"
        value = float(values.ravel()[0])
        where = put(chart, ends[0], value, ends)[1] if level else put(chart, value, 0, ends)[0]
        near = np.abs((py[:, None] if level else px[None]) - where)
        along = (px[None] if level else py[:, None]) / (7 * chart.size)
        drawn = np.clip(radius + 0.5 - near, 0, 1) * (along - np.floor(along) < 0.6)
        return np.asarray(np.broadcast_to(drawn, (high, wide)))
    if series.kind == "bars":
        return _bars(chart, series, values, span, ends, x, py)
    return _pieces(chart, series, values, span, ends, x, px, py)


def _bars(
    chart: Chart, series: Series, values: Floats, span: Any, ends: Ends, x: Floats, py: Floats
) -> Floats:
    t = (x - span[0]) / (span[1] - span[0]) * series.count
    i = np.clip(np.floor(t), 0, series.count - 1).astype(int)
    broad = chart.plot[2] * abs((span[1] - span[0]) / (ends[1] - ends[0])) / series.count
    beside = np.minimum(t - i, 1 - (t - i)) * broad
    gap = 0.5 * chart.size if broad >= 4 * chart.size else 0.0
    value = values[i]
    inside = (t >= 0) & (t < series.count) & np.isfinite(value) & (beside >= gap)
    edge = put(chart, 0.0, np.where(inside, value, 0), ends)[1]
    base = put(chart, 0.0, 0.0, ends)[1]
    within = np.minimum(py[:, None] - np.minimum(edge, base), np.maximum(edge, base) - py[:, None])
    return np.asarray(np.clip(within + 0.5, 0, 1) * inside)


def _pieces(
    chart: Chart,
    series: Series,
    values: Floats,
    span: Any,
    ends: Ends,
    x: Floats,
    px: Floats,
    py: Floats,
) -> Floats:
    most, last = max(series.count - 1, 1), series.count - 1
    radius = series.radius * chart.size
    joined = series.kind == "line" and series.count > 1
    with np.errstate(invalid="ignore"):
        at_x = span[0] + np.arange(series.count) / most * (span[1] - span[0])
        ax, ay = put(chart, at_x, np.nan_to_num(values), ends)
    ay = np.broadcast_to(ay, (series.count,))
    known = np.isfinite(values)
    t = (x - span[0]) / (span[1] - span[0]) * most
    dense = abs((ends[1] - ends[0]) / (span[1] - span[0])) * most / chart.plot[2]
    reach = (radius + 1) * dense + 1
    stride = max(math.ceil((2 * reach + 2) / MOST_PIECES), 1)
    i = np.clip(np.floor(t - reach), 0, most).astype(int) // stride * stride
    stop = np.clip(np.ceil(t + reach), 0, last).astype(int)
    near = np.full((py.size, px.size), 1e9)
    if not joined:
        first = np.hypot(px - ax[np.minimum(i, last)], py[:, None] - ay[np.minimum(i, last)])
        near = np.where(known[np.minimum(i, last)], first, near)
    while (i < stop).any():
        j = np.minimum(i + stride, last)
        a, b = np.minimum(i, last), j
        if joined:
            distance = _distance(px, py[:, None], ax[a], ay[a], ax[b], ay[b])
            good = known[a] & known[b]
        else:
            distance = np.hypot(px - ax[b], py[:, None] - ay[b])
            good = known[b]
        near = np.where((i < stop) & good, np.minimum(near, distance), near)
        i = np.where(i < stop, i + stride, i)
    near = np.where((t >= -reach) & (t <= most + reach), near, 1e9)
    cover = np.clip(radius + 0.5 - near, 0, 1)
    if not (series.fill and joined):
        return np.asarray(cover)
    under = np.clip(np.floor(t), 0, most - 1).astype(int)
    edge = ay[under] + (ay[under + 1] - ay[under]) * (t - under)
    base = put(chart, 0.0, 0.0, ends)[1]
    between = (py[:, None] > np.minimum(edge, base)) & (py[:, None] < np.maximum(edge, base))
    shown = (t >= 0) & (t <= most) & known[under] & known[under + 1]
    return np.asarray(np.maximum(cover, series.fill * (between & shown)))


def _distance(px: Any, py: Any, ax: Any, ay: Any, bx: Any, by: Any) -> Any:
    """From pixels to pieces of a line; twin of ``piece_distance``."""
    ux, uy = bx - ax, by - ay
    t = np.clip(((px - ax) * ux + (py - ay) * uy) / np.maximum(ux * ux + uy * uy, 1e-9), 0, 1)
    return np.hypot(px - ax - t * ux, py - ay - t * uy)
