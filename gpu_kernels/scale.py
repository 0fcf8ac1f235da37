"""A colour bar with numbers: what the colours of a palette mean.

A pass of its own paints it over the finished picture, only where it is, so that it costs little:
``draw=(..., scale.draw)``, ``source = ... + ticks_wgsl() + scale.wgsl()``. The program's source has
``palette(t)``; ``low`` and ``high`` are WGSL expressions, so that the numbers are the live ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.program import Pass

from .kernel import workgroups
from .lettering import TALL, draw_text, known_text, scale_for, text_wgsl, text_width
from .prelude import palette
from .ticks import ticks

Floats = NDArray[np.floating[Any]]

LETTERS = (0.90, 0.92, 0.95)
PANEL = (0.03, 0.035, 0.05)
NUMBERS = 36
"""Pixels kept for the numbers beside the bar, at scale 1."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """A bar at the right edge of a ``width`` x ``height`` picture, from ``low`` up to ``high``."""

    width: int
    height: int
    low: str
    """WGSL expression of type f32, of the palette's 0."""
    high: str
    """Of the palette's 1."""
    unit: str = ""
    """Above the bar; a title does as well."""
    shade: float = 0.55
    """How much the panel darkens the picture behind it; 0 has no panel."""
    span: float = 0.6
    """Share of the picture's height."""
    left: int | None = None
    """Of the panel, in pixels; it sits at the right edge otherwise."""

    def __post_init__(self) -> None:
        known_text(self.unit)

    @property
    def size(self) -> int:
        """Scale of the letters."""
        return scale_for(self.width, self.height)

    @property
    def panel(self) -> tuple[int, int, int, int]:
        """Left, top, width and height in pixels."""
        s = self.size
        wide = s * max(8 + 10 + 6 + NUMBERS, 16 + text_width(self.unit))
        head = s * (TALL + 6) if self.unit else 0
        high = min(self.height, round(self.span * self.height) + head + 16 * s)
        left = self.width - wide - 6 * s if self.left is None else self.left
        return left, (self.height - high) // 2, wide, high

    @property
    def bar(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the colours."""
        s, (left, top, _, high) = self.size, self.panel
        head = s * (TALL + 6) if self.unit else 0
        return left + 8 * s, top + 8 * s + head, 10 * s, max(1, high - 16 * s - head)

    @property
    def count(self) -> float:
        """Ticks that fit."""
        return max(1.0, min(6.0, self.bar[3] / (22 * self.size)))

    @property
    def draw(self) -> Pass:
        """The pass; it comes after those that fill ``pixels``."""
        _, _, wide, high = self.panel
        return Pass(entry="draw_scale", dispatch=(workgroups(wide, 8), workgroups(high, 8), 1))

    def wgsl(self) -> str:
        """Return the entry point ``draw_scale``; it needs ``ticks_wgsl`` and ``palette``."""
        left, top, wide, high = self.panel
        bar_left, bar_top, bar_wide, bar_high = self.bar
        letters, panel = ("vec3f({}, {}, {})".format(*c) for c in (LETTERS, PANEL))
        unit = text_wgsl("scale_unit", self.unit) if self.unit else ""
        put = f"colour = scale_unit_on(colour, at - vec2i({8 * self.size}), s, {letters}, 0.0);"
        return f"""{unit}
@compute @workgroup_size(8, 8)
fn draw_scale(@builtin(global_invocation_id) id: vec3u) {{
  let place = vec2i(id.xy) + vec2i({left}, {top});
  if (id.x >= {wide}u || id.y >= {high}u || place.x < 0 || place.x >= {self.width}) {{ return; }}
  let i = u32(place.y) * {self.width}u + u32(place.x);
  let s = {self.size};
  let low = {self.low};
  let high = {self.high};
  let at = vec2i(id.xy);
  // Round corners, seen from the nearest one.
  let corner = max(vec2i(4 * s) - min(at, vec2i({wide - 1}, {high - 1}) - at), vec2i(0));
  let inside = dot(corner, corner) <= 16 * s * s;
  var colour = unpack_rgb(pixels[i]);
  colour = mix(colour, {panel}, select(0.0, {self.shade}, inside));
  {put if self.unit else ""}
  let from_bar = place - vec2i({bar_left}, {bar_top});
  let t = 1.0 - (f32(from_bar.y) + 0.5) / {bar_high}.0;
  let in_bar = all(from_bar >= vec2i(0)) && all(from_bar < vec2i({bar_wide}, {bar_high}));
  if (in_bar) {{ colour = palette(t); }}
  let step = tick_step(low, high, {self.count});
  let tick = tick_near(low + t * (high - low), step);
  if (tick_shown(tick, low, high, step) && from_bar.x >= {bar_wide}) {{
    let up = select((tick - low) / (high - low), 0.5, high == low);
    let y = i32(floor((1.0 - up) * {bar_high - 1}.0 + 0.5));
    let beside = from_bar - vec2i({bar_wide}, 0);
    if (beside.y >= 0 && beside.y / s == y / s && beside.x < 3 * s) {{ colour = {letters}; }}
    let corner = vec2i(6 * s, y - 3 * s);
    colour = number_on(colour, tick_text(tick, step), beside - corner, s, {letters}, 0.0);
  }}
  pixels[i] = pack_rgba(colour);
}}
"""

    def paint(
        self, image: Floats, low: float, high: float, colours: str | Callable[[Floats], Floats]
    ) -> None:
        """Twin of ``draw_scale`` on an sRGB picture, shape (height, width, 3), in place."""
        left, top, wide, high_ = self.panel
        s, letters = self.size, np.array(LETTERS)
        y, x = np.mgrid[0:high_, 0:wide]
        near = [np.maximum(4 * s - np.minimum(v, n - 1 - v), 0) for v, n in ((x, wide), (y, high_))]
        inside = near[0] ** 2 + near[1] ** 2 <= 16 * s * s
        shown = slice(max(-left, 0), max(min(wide, self.width - left), 0))
        part = image[top : top + high_, max(left, 0) : max(left + wide, 0)]
        part += (inside * self.shade)[:, shown, None] * (np.array(PANEL) - part)
        if self.unit:
            draw_text(image, self.unit, (left + 8 * s, top + 8 * s), scale=s, colour=LETTERS)
        bx, by, bw, bh = self.bar
        t = 1 - (np.arange(bh) + 0.5) / bh
        ramp = palette(colours, t) if isinstance(colours, str) else colours(t)
        image[by : by + bh, max(bx, 0) : max(bx + bw, 0)] = ramp[:, None]
        for value, text in ticks(low, high, self.count):
            up = 0.5 if high == low else (value - low) / (high - low)
            row = int(np.floor((1 - up) * (bh - 1) + 0.5))
            image[by + row // s * s : by + (row // s + 1) * s, bx + bw : bx + bw + 3 * s] = letters
            at = (bx + bw + 6 * s, by + row - 3 * s)
            draw_text(image, text, at, scale=s, colour=LETTERS)
