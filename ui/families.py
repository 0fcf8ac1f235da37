"""The subjects of the library: their order, their names, and a pattern for each.

A pattern stands where a recipe has no picture. It is drawn here from the subject's place in the
list and from numbers that a name is hashed to: nothing that somebody wrote gets into it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from hashlib import sha256
from random import Random

from intentos.messages import message

FAMILIES = (
    "scenes",
    "astronomy",
    "mechanics",
    "waves",
    "fluids",
    "heat",
    "electricity",
    "chemistry",
    "quantum",
    "life",
    "traffic",
    "fractals",
    "geometry",
    "algebra",
    "numbers",
    "chance",
    "statistics",
    "algorithms",
    "money",
    "everyday",
)
OTHER = "other"
"""The subject of what says none, or one that is not known here."""
_WIDTH, _HEIGHT = 320, 240


def family_of(name: str) -> str:
    """Return the subject that something stands with which says it is of ``name``."""
    return name if name in FAMILIES else OTHER


def family_title(family: str, language: str) -> str:
    """Return what a subject is called."""
    return message(f"family.{family_of(family)}", language)


def pattern(family: str, name: str) -> str:
    """Return a picture of 320 × 240 as SVG: the subject's shapes and colour, varied by a name."""
    family = family_of(family)
    place = FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)
    hue = round(place * 360 / (len(FAMILIES) + 1) + 205) % 360
    # Not for secrets: the same name gives the same picture on every machine.
    chance = Random(int.from_bytes(sha256(name.encode()).digest()[:8], "big"))
    draw = next(draw for draw, families in _SHAPES.items() if family in families.split())
    shapes = draw(chance)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f'<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">'
        f'<stop offset="0" stop-color="hsl({hue} 46% 30%)"/>'
        f'<stop offset="1" stop-color="hsl({(hue + 38) % 360} 52% 17%)"/></linearGradient></defs>'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="url(#g)"/>'
        f'<g fill="none" stroke="hsl({(hue + 14) % 360} 78% 76%)" stroke-width="1.6"'
        f' stroke-linecap="round" opacity=".75">{shapes}</g></svg>'
    )


def _waves(chance: Random) -> str:
    length, steps = chance.uniform(50, 130), range(0, _WIDTH + 1, 8)
    lines = []
    for row in range(9):
        height, phase = chance.uniform(6, 18), chance.uniform(0, 6.3)
        points = " ".join(
            f"{x},{30 + row * 23 + height * math.sin(x * math.tau / length + phase):.1f}"
            for x in steps
        )
        lines.append(f'<polyline points="{points}" opacity="{0.3 + 0.07 * row:.2f}"/>')
    return "".join(lines)


def _rings(chance: Random) -> str:
    x, y = chance.uniform(90, 230), chance.uniform(80, 160)
    tilt = chance.uniform(-30, 30)
    rings = "".join(
        f'<ellipse rx="{r}" ry="{0.62 * r:.1f}" opacity="{1.1 - 0.0053 * r:.2f}"/>'
        for r in range(18, 188, 17)
    )
    dots = "".join(
        f'<circle cx="{chance.uniform(-140, 140):.0f}" cy="{chance.uniform(-90, 90):.0f}"'
        f' r="{chance.uniform(1.5, 4):.1f}" fill="#fff" stroke="none"/>'
        for _ in range(12)
    )
    return f'<g transform="translate({x:.0f} {y:.0f}) rotate({tilt:.0f})">{rings}{dots}</g>'


def _curve(chance: Random) -> str:
    a, b = chance.choice([(2, 3), (3, 4), (3, 5), (4, 5), (5, 6), (5, 7)])
    phase = chance.uniform(0.3, 1.3)
    points = " ".join(
        f"{160 + 125 * math.sin(a * t + phase):.1f},{120 + 92 * math.sin(b * t):.1f}"
        for t in (k * math.tau / 360 for k in range(361))
    )
    return f'<polyline points="{points}" stroke-width="2.2"/>'


def _bars(chance: Random) -> str:
    middle, width = chance.uniform(6, 14), chance.uniform(2.5, 5)
    bars = []
    for k in range(20):
        high = 24 + 165 * math.exp(-(((k - middle) / width) ** 2) / 2) * chance.uniform(0.85, 1.1)
        bars.append(
            f'<rect x="{12 + k * 15}" y="{222 - high:.0f}" width="9" height="{high:.0f}" rx="2"'
            f' fill="#fff" fill-opacity="{0.25 + 0.02 * k:.2f}" stroke="none"/>'
        )
    return "".join(bars)


def _net(chance: Random) -> str:
    dots = [(chance.uniform(20, 300), chance.uniform(20, 220)) for _ in range(26)]
    lines = [
        f'<path d="M{a[0]:.0f} {a[1]:.0f}L{b[0]:.0f} {b[1]:.0f}" opacity=".5"/>'
        for k, a in enumerate(dots)
        for b in sorted(dots[k + 1 :], key=lambda other: math.dist(a, other))[:2]
    ]
    points = [
        f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{chance.uniform(3, 7):.1f}" fill="#fff"'
        f' fill-opacity=".85" stroke="none"/>'
        for x, y in dots
    ]
    return "".join(lines + points)


_SHAPES: Mapping[Callable[[Random], str], str] = {
    _waves: "scenes waves fluids heat electricity",
    _rings: "astronomy quantum other",
    _curve: "mechanics fractals geometry algebra",
    _bars: "numbers chance statistics money everyday",
    _net: "chemistry life traffic algorithms",
}
"""Each drawing with the subjects that it stands for."""
