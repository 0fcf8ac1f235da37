"""The field kernel's picture in NumPy: twin of ``paint`` in field.wgsl."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from . import prelude
from .lettering import glyphs
from .scale import Scale

if TYPE_CHECKING:
    from .field import FieldArguments

LEAST_WIDTH = 240
"""Of a picture that has room for a legend, in pixels."""
WALL = (0.16, 0.17, 0.20)
ALARM = ((1.0, 0.0, 0.85), (0.25, 0.0, 0.2))
"""Stripes where there is no number."""


def legend(arguments: FieldArguments) -> Scale | None:
    """Return the palette with its numbers, which stands beside the picture; None without one."""
    if not arguments.bar or arguments.width < LEAST_WIDTH:
        return None
    known = all(character in glyphs() for character in arguments.unit)
    unit = arguments.unit if known else ""
    return Scale(width=arguments.width, height=arguments.height, low="range().x", high="range().y",
                 unit=unit, shade=0.0, span=0.84)  # fmt: skip


def strip(arguments: FieldArguments) -> float:
    """Return the share of the picture's width that the legend takes."""
    scale = legend(arguments)
    return 0.0 if scale is None else 1 - scale.panel[0] / arguments.width


def paint(arguments: FieldArguments, shown: Any, low: float, high: float, walls: Any) -> Any:
    """Twin of ``paint``: sRGB, shape (height, width, 3); ``walls`` is a mask of cells, or None."""
    size = np.array([arguments.width, arguments.height], np.float64)
    across, up = np.arange(arguments.width) + 0.5, np.arange(arguments.height)[::-1] + 0.5
    place = np.stack(np.meshgrid(across, up), axis=-1)
    room = size - [size[0] * strip(arguments), 0]
    grid = np.array([arguments.columns, arguments.rows], np.float64)
    extent = grid * (room / grid).min()
    corner = (room - extent) / 2
    view = (place - corner) / extent
    inside = ((place >= corner) & (place < corner + extent)).all(axis=-1)

    def level(at: Any) -> Any:
        with np.errstate(all="ignore"):
            return prelude.finite((_sample(shown, at) - low) / (high - low))

    here = level(view)
    slope = [level(view + step) - here for step in ([1 / extent[0], 0], [0, 1 / extent[1]])]
    colour = np.full((*here.shape, 3), (0.035, 0.043, 0.063))
    shade = _shaded(arguments, here, slope[0], slope[1], extent[0])
    column, row = np.meshgrid(np.arange(arguments.width), np.arange(arguments.height))
    striped = (np.asarray(column + row, np.int64) & 8 != 0)[..., None]
    lost = ~np.isfinite(_sample(shown, view))
    shade[lost] = np.where(striped, ALARM[0], ALARM[1])[lost]
    if walls is not None:
        cell = np.clip(view * grid, 0, grid - 1).astype(np.int64)
        shade[walls[cell[..., 1], cell[..., 0]]] = WALL
    colour[inside] = shade[inside]
    return colour


def _sample(shown: Any, at: Any) -> Any:
    """Twin of ``sample``."""
    rows, columns = shown.shape
    limit = np.array([columns - 1, rows - 1])
    p = np.clip(at * [columns, rows] - 0.5, 0, limit)
    cell = np.minimum(p, limit - 1).astype(np.int64)
    wx, wy = (p - cell)[..., 0], (p - cell)[..., 1]
    i, j = cell[..., 0], cell[..., 1]
    low = shown[j, i] * (1 - wx) + shown[j, i + 1] * wx
    return low * (1 - wy) + (shown[j + 1, i] * (1 - wx) + shown[j + 1, i + 1] * wx) * wy


def _shaded(arguments: FieldArguments, level: Any, right: Any, up: Any, extent: float) -> Any:
    """Twin of ``shaded``."""
    colour = prelude.palette(arguments.palette, level)
    if arguments.relief > 0:
        x, y = right * extent * arguments.relief / 4, up * extent * arguments.relief / 4
        light = (0.6 * x - 0.6 * y + 0.53) / np.sqrt(1 + x * x + y * y) / 0.53
        gloss = np.clip(light - 0.9, 0, 1) ** 2
        colour = colour * np.clip(light, 0.25, 1.6)[..., None] + gloss[..., None] * 0.25
    if arguments.contours:
        steep = np.maximum(np.hypot(right, up) * arguments.contours, 1e-6)
        distance = np.abs((level * arguments.contours + 0.5) % 1 - 0.5) / steep
        line = (1 - prelude.smooth_between(0.4, 1.4, distance)) * prelude.smooth_between(
            0.0, 0.004, steep
        )
        colour = colour + (1 - colour) * (0.35 * line)[..., None]
    return colour
