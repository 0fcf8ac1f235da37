"""A chart inside a picture: light axes with numbers, lines, areas, bars, points and marks.

Passes of its own paint it over the finished picture, only where it is:
``draw=(..., *chart.passes)``, ``source = ... + ticks_wgsl() + chart.wgsl()``. Limits and values are
WGSL expressions, so that they may come from uniforms and buffers and change with every frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from intentos.bindings import number_of
from intentos.program import Pass

from .kernel import workgroups
from .lettering import TALL, known_text, scale_for, text_width

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TICKS = 13
"""The most that one axis can have."""
COLOURS = ("#4cc9f0", "#ffb454", "#7ee0a0", "#f472b6", "#b8a4ff", "#ffe066")
"""Of series that name none, one after another."""
LETTERS = (0.86, 0.89, 0.93)
PANEL = (0.03, 0.035, 0.05)


@dataclass(frozen=True, kw_only=True)
class Series:
    """Values to draw.

    ``line`` and ``points``: value ``i`` lies at ``first + i / (count - 1) * (last - first)``;
    ``bars``: the range is split into ``count`` bars that stand on 0; ``level``: a dashed line
    across at ``value``; ``upright``: one from top to bottom.
    """

    value: str
    """WGSL expression of type f32 with ``i: u32``, such as ``f32(counts[i]) / 100.0``."""
    count: int = 1
    kind: Literal["line", "points", "bars", "level", "upright"] = "line"
    first: str = ""
    """WGSL expressions; empty: the ends of the x axis."""
    last: str = ""
    colour: str = ""
    radius: float = 0.9
    """Half the width of a line, or a point's radius, in pixels at scale 1."""
    fill: float = 0.0
    """Opacity of the area between a line and 0."""
    name: str = ""
    """In the legend, in the series' colour."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart over the rectangle ``left``, ``top``, ``wide``, ``high`` of a picture."""

    name: str
    """Prefix of its WGSL names."""
    width: int
    """Of the picture, in pixels."""
    height: int
    left: int
    top: int
    wide: int
    high: int
    x: tuple[str, str]
    """Ends of the x axis: WGSL expressions of type f32."""
    y: tuple[str, str]
    series: tuple[Series, ...] = ()
    title: str = ""
    x_title: str = ""
    y_title: str = ""
    shade: float = 0.75
    """How much the panel hides of the picture."""

    def __post_init__(self) -> None:
        for text in (self.title, self.x_title, self.y_title, *(s.name for s in self.series)):
            known_text(text)
        if not (0 <= self.left <= self.width - self.wide):
            raise ValueError(f"chart {self.name!r} is wider than its picture")
        if not (0 <= self.top <= self.height - self.high):
            raise ValueError(f"chart {self.name!r} is higher than its picture")

    @property
    def size(self) -> int:
        """Scale of the letters."""
        return scale_for(self.width, self.height)

    @property
    def plot(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of the area between the axes, in pixels."""
        s = self.size
        head = 10 + 13 * (bool(self.title) + bool(self.y_title))
        foot = 17 + 13 * bool(self.x_title)
        left, top = self.left + 42 * s, self.top + head * s
        return left, top, max(8, self.wide - 54 * s), max(8, self.high - (head + foot) * s)

    @property
    def counts(self) -> tuple[float, float]:
        """Ticks that fit on x and on y."""
        _, _, wide, high = self.plot
        across, down = wide / (56 * self.size), high / (30 * self.size)
        return max(2.0, min(across, 8.0)), max(2.0, min(down, 6.0))

    @property
    def passes(self) -> tuple[Pass, ...]:
        """The passes; they come after those that fill ``pixels``."""
        _, _, wide, high = self.plot
        made = [
            Pass(entry=f"{self.name}_panel", dispatch=_tiles(self.wide, self.high)),
            Pass(entry=f"{self.name}_ticks_x", dispatch=(TICKS, 1, 1)),
            Pass(entry=f"{self.name}_ticks_y", dispatch=(TICKS, 1, 1)),
        ]
        if self.series:
            made.append(Pass(entry=f"{self.name}_series", dispatch=_tiles(wide, high)))
        if words := self.words():
            longest = max(text_width(text, self.size) for text, _, _ in words)
            across, down, _ = _tiles(longest, TALL * self.size)
            made.append(Pass(entry=f"{self.name}_words", dispatch=(across, down, len(words))))
        return tuple(made)

    def words(self) -> list[tuple[str, tuple[int, int], tuple[float, ...]]]:
        """Return every fixed text with its corner, in pixels, and its colour."""
        s = self.size
        left, top, wide, high = self.plot
        dim = tuple(0.75 * c for c in LETTERS)
        found: list[tuple[str, tuple[int, int], tuple[float, ...]]] = []
        y = self.top + 8 * s
        if self.title:
            found.append((self.title, (self.left + 10 * s, y), LETTERS))
            y += 13 * s
        if self.y_title:
            found.append((self.y_title, (self.left + 10 * s, y), dim))
        if self.x_title:
            x = left + (wide - text_width(self.x_title, s)) // 2
            found.append((self.x_title, (x, top + high + 17 * s), dim))
        y = top + 4 * s
        for series, colour in zip(self.series, self.colours, strict=True):
            if series.name:
                x = left + wide - text_width(series.name, s) - 4 * s
                found.append((series.name, (x, y), colour))
                y += (TALL + 3) * s
        return found

    @property
    def colours(self) -> list[tuple[float, ...]]:
        """Every series' sRGB colour in 0..1."""
        named = (s.colour or COLOURS[k % len(COLOURS)] for k, s in enumerate(self.series))
        return [tuple(number_of(colour)[:3]) for colour in named]

    def wgsl(self) -> str:
        """Return ``<name>_place(p: vec2f) -> vec2f``, from data to pixels, and the entry points.

        It needs ``ticks_wgsl``.
        """
        from .chart_wgsl import chart_wgsl

        return chart_wgsl(self)

    def paint(
        self,
        image: NDArray[np.floating[Any]],
        x: tuple[float, float],
        y: tuple[float, float],
        values: list[Any],
        spans: list[tuple[float, float] | None] | None = None,
    ) -> None:
        """Twin of the passes, on an sRGB picture of shape (height, width, 3), in place.

        ``values`` has one array for each series, ``spans`` their first and last (None: the axis).
        """
        from .chart_twin import paint

        paint(self, image, x, y, values, spans or [None] * len(self.series))


def _tiles(wide: int, high: int) -> tuple[int, int, int]:
    return workgroups(wide, 8), workgroups(high, 8), 1
