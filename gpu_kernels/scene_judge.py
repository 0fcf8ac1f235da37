"""What a finished scene is judged by: who stands where, the sun's height, what one sees."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from intentos.protocols import Evidence
from intentos.types import Check, Quantity, Words

from .kernel import judged
from .prelude import random
from .scene_layout import KINDS, RECORD, STATE, Group, Layout

if TYPE_CHECKING:
    from .scene import SceneArguments

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]

LEAST_IN_VIEW = 0.5
MOST_BENT = 0.13
"""Share of its height by which a storm moves the top of a tree."""
NOON_HEIGHT = 56.0
"""Degrees of the sun above the horizon at noon."""
BRIGHTNESS = {"day": (0.15, 0.80), "low": (0.05, 0.70), "night": (0.008, 0.45)}
"""Mean brightness of a picture by day, with a low sun, and at night; 1 is a white picture."""


def judge(a: SceneArguments, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
    """Return counts, brightness and the sun's height, and the checks of a scene."""
    plan = Layout(a)
    rows = np.asarray(evidence.outputs["objects"], np.float64)
    series = {name: [v for _, v in points] for name, points in evidence.series.items()}
    clock = _clock(a, evidence)
    height = _sun_height(clock)
    brightness = float(np.mean(series["brightness"]))
    contrast = math.sqrt(max(0.0, float(np.mean(series["squared_brightness"])) - brightness**2))
    seen = _share_in_view(plan, rows)
    values = {
        **{name: Quantity(value=plan.ranges[name][1]) for name in plan.kinds},
        "objects": Quantity(value=plan.objects),
        "in_view": Quantity(value=round(100 * seen, 1), unit="%"),
        "sun_height": Quantity(value=round(height, 1), unit="°"),
        "brightness": Quantity(value=round(100 * brightness, 1), unit="%"),
        "contrast": Quantity(value=round(100 * contrast, 1), unit="%"),
    }
    return values, [
        _placed(plan, rows),
        _sun(rows, height),
        _standing(plan, rows),
        _in_view(plan, seen, zoomed=a.zoom > 1),
        _finite(series["not_finite"]),
        _seeable(a, height, brightness, contrast),
    ]


def _clock(a: SceneArguments, evidence: Evidence) -> float:
    passed = (evidence.frames - 1) / a.frames_per_second * a.hours_per_second
    return (a.clock + passed) % 24.0


def _sun_height(clock: float) -> float:
    return NOON_HEIGHT * math.sin((clock - 6.0) * math.tau / 24.0)


def places(plan: Layout, seed: int) -> Floats:
    """Return x, ground height, z and height of every object, computed anew: shape (objects, 4)."""
    rows = [_group(plan, group, seed) for group in plan.groups]
    return np.concatenate(rows) if rows else np.zeros((0, 4))


def _group(plan: Layout, g: Group, seed: int) -> Floats:
    kind = KINDS[g.kind]
    n = g.offset + g.stride * np.arange(g.count)
    key = np.uint32(g.key * 977) + n.astype(np.uint32)
    r1, r2, r3 = (random(key, i, 11, seed).astype(np.float64) for i in (1, 2, 3))
    start = float(random(np.uint32(g.key), 6, 11, seed)[0])
    across = 2 * (n + 0.5 + 0.40 * (r1 - 0.5)) / g.total - 1
    deep = (n * 0.6180340 + start + 0.06 * (r2 - 0.5)) % 1.0
    z = g.near + (g.far - g.near) * deep
    flare = (plan.distance - z) / (plan.distance - 0.5 * (g.near + g.far))
    if g.gap:
        across = np.sign(across) * g.gap + across * (1 - g.gap)
    x = g.x + across * g.half_width * flare
    ground = _hill(plan, x, z)
    if kind.shape == 3:
        middle = 0.25 * np.exp(-(((x - g.x) / g.half_width * 2) ** 2))
        height = g.height * (0.35 + 1.3 * r3 * r3 * (0.5 + 0.5 * r2) + middle)
    else:
        height = g.height * (1 + kind.spread * (2 * r3 - 1))
        ground = ground - 0.01 * height
    return np.stack([x, ground, z, height], axis=1)


def _hill(plan: Layout, x: Floats, z: Floats) -> Floats:
    """Return the height of the ground, metres: waves, and a lake's bed with its banks."""
    waves = 0.5 * np.sin(0.13 * x + 0.07 * z + 0.6) + 0.4 * np.sin(0.11 * z - 0.05 * x + 2.0)
    height = plan.roll * (waves + 0.12 * np.sin(0.34 * x + 1.0) * np.sin(0.29 * z))
    if not plan.vista:
        return np.asarray(height)
    cx, cz, rx, rz = plan.lake_area
    u, v = (x - cx) / rx, (z - cz) / rz
    bank = np.arctan2(v, u)
    inside = 1 - np.hypot(u, v) + 0.09 * np.sin(3 * bank + 1) + 0.05 * np.sin(7 * bank + 2)
    t = np.clip((inside + 0.1) / 0.2, 0, 1)
    wet = t * t * (3 - 2 * t)
    return np.asarray((0.25 + 0.5 * (height + plan.roll)) * (1 - wet) - 0.9 * wet)


def _placed(plan: Layout, rows: Floats) -> Check:
    """Judge that there are exactly as many objects as wanted, where the seed puts them."""
    high, low = rows[13, 0], rows[13, 1]
    seed = (int(high) << 16) + int(low) if np.isfinite([high, low]).all() else 0
    wanted = places(plan, seed)
    got = rows[STATE : STATE + RECORD * plan.objects : RECORD]
    right = np.isclose(got, wanted, rtol=2e-3, atol=0.05).all(axis=1)
    counts = ", ".join(f"{plan.ranges[name][1]} {name}" for name in plan.kinds) or "no objects"
    return judged(
        "objects_in_place",
        Words(en="Every object is there, in its place", zh="每个物体都在，且位置正确"),
        right.all() and len(got) == len(wanted),
        f"{counts}; {int(right.sum())} of {plan.objects} where a second formula puts them",
        "oracle",
    )


def _sun(rows: Floats, height: float) -> Check:
    shown = math.degrees(math.asin(float(np.clip(np.nan_to_num(rows[0, 1], nan=9.0), -1, 1))))
    return judged(
        "sun_height",
        Words(en="The sun stands as high as the hour says", zh="太阳高度与时刻相符"),
        abs(shown - height) < 0.2,
        f"{shown:.1f}° in the scene, {height:.1f}° by the clock",
        "oracle",
    )


def _share_in_view(plan: Layout, rows: Floats) -> float:
    if not plan.objects:
        return 1.0
    marks = rows[STATE + 4 : STATE + RECORD * plan.objects : RECORD]
    distance, x, y = marks[:, 1], marks[:, 2], marks[:, 3]
    return float(((distance > 0) & (np.abs(x - 0.5) < 0.56) & (np.abs(y - 0.5) < 0.62)).mean())


def _standing(plan: Layout, rows: Floats) -> Check:
    """Judge how far the wind bends what grows: its top moves by a share of its height.

    ``push`` gives at most 0.07 + 0.045 along the wind and 0.027 across; flowers bend 3.2 times as
    far and lean by 0.16 of themselves.
    """
    worst = 0.0
    for name in plan.kinds:
        first, count = plan.ranges[name]
        if not count:
            continue  # none of the kind was wanted
        own = rows[STATE + RECORD * first : STATE + RECORD * (first + count)]
        base, top = own[::RECORD], own[5::RECORD]
        bend = np.hypot(top[:, 0], top[:, 1])
        if name == "flower":
            lean = np.hypot(top[:, 0] - base[:, 0], top[:, 2] - base[:, 2]) / base[:, 3]
            bend = np.maximum(lean - 0.16, 0) / 3.2
        worst = max(worst, float(np.nan_to_num(bend, nan=9.0).max()))
    return judged(
        "plants_stand",
        Words(en="The wind bends plants no further than it can", zh="植物弯曲不超过风力所及"),
        worst <= MOST_BENT,
        f"at most {100 * worst:.1f} % of the height, {100 * MOST_BENT:.0f} % in a storm",
        "generic",
    )


def _in_view(plan: Layout, seen: float, *, zoomed: bool) -> Check:
    # Who looks closer wants to see less.
    good = True if seen >= LEAST_IN_VIEW else None if zoomed else False
    return judged(
        "objects_in_view",
        Words(en="The objects are in the picture", zh="物体位于画面之内"),
        good,
        f"{100 * seen:.0f} % of {plan.objects} in view, least {100 * LEAST_IN_VIEW:.0f} %",
        "generic",
    )


def _finite(counts: list[float]) -> Check:
    return judged(
        "light_is_finite",
        Words(en="Light is a number everywhere", zh="画面各处的亮度均有效"),
        max(counts) == 0,
        f"at most {max(counts):.0f} cells of a frame without a number",
        "generic",
    )


def _seeable(a: SceneArguments, height: float, brightness: float, contrast: float) -> Check:
    """Judge that the picture is neither black nor white nor of one grey, for its time of day."""
    time = "day" if height > 12 else ("low" if height > -4 else "night")
    if a.hours_per_second:  # light and dark pass by
        low, high = BRIGHTNESS["night"][0], BRIGHTNESS["day"][1]
    else:
        low, high = BRIGHTNESS[time]
    if a.ground == "snow" or a.weather == "snow":
        high = min(1.0, high + 0.12)
    least = 0.006 if time == "night" or a.weather in ("fog", "snow", "rain") else 0.03
    good = low <= brightness <= high and contrast >= least
    return judged(
        "picture_is_seeable",
        Words(en="Neither too dark nor too bright nor dull", zh="画面不过暗、不过亮、不沉闷"),
        good,
        f"brightness {100 * brightness:.1f} % ({100 * low:.1f}–{100 * high:.0f} %), "
        f"contrast {100 * contrast:.1f} % (at least {100 * least:.1f} %)",
        "generic",
    )
