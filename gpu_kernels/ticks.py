"""The numbers on an axis: steps of 1, 2 or 5 times a power of ten, in WGSL and in NumPy."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .lettering import lettering_wgsl, number_text


@cache
def ticks_wgsl() -> str:
    """Return the lettering's and the axes' functions; see ``lettering.wgsl``, ``ticks.wgsl``."""
    return lettering_wgsl() + Path(__file__).with_suffix(".wgsl").read_text("utf-8")


def tick_step(low: float, high: float, count: float) -> Any:
    """Return the distance of ticks, a float32, so that about ``count`` of them fit."""
    raw = abs(np.float32(high) - np.float32(low)) / np.float32(count)
    if not np.isfinite(raw) or raw < 1e-30 or raw > 1e30:
        return np.float32(1)
    ten = np.float32(10)
    power = np.float32(1)
    while power * ten <= raw:
        power = power * ten
    while power > raw:
        power = power / ten
    share = raw / power
    return power * np.float32(1 if share < 1.5 else 2 if share < 3 else 5 if share < 7 else 10)


def tick_decimals(step: Any) -> int:
    """Return how many decimals tell one tick from the next, at most 6."""
    decimals = 0
    while step < np.float32(0.999) and decimals < 6:
        step, decimals = step * np.float32(10), decimals + 1
    return decimals


def tick_text(tick: Any, step: Any) -> str:
    """Return the number at a tick."""
    return number_text(float(tick), 0 if tick == 0 else tick_decimals(step))


def ticks(low: float, high: float, count: float) -> list[tuple[float, str]]:
    """Return (value, text) of every tick between the ends."""
    step = tick_step(low, high, count)
    ends = sorted((np.float32(low), np.float32(high)))
    if not np.isfinite(ends).all():
        return []
    first, last = math.floor(ends[0] / step) - 1, math.ceil(ends[1] / step) + 1
    values = (np.float32(k) * step for k in range(first, min(last, first + 100) + 1))
    slack = np.float32(0.01) * step
    return [(float(v), tick_text(v, step)) for v in values if ends[0] - slack < v < ends[1] + slack]
