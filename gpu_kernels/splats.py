"""Points and lines of light: added up in fixed point, with glow, film and trails.

A kernel takes ``splats.buffers`` and ``splats.uniforms`` into its program, ``splats.wgsl()`` into
its source (after the prelude), calls ``add_light`` and ``add_line`` in passes of its own, and ends
``draw`` with ``splats.after``. The last of those empties the sums for the next frame or, with
``persistence``, fades them, so that there is no pass before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from intentos.bindings import number_of
from intentos.program import Buffer, Pass, Uniform

from .kernel import workgroups

if TYPE_CHECKING:
    from .splats_twin import Canvas

FIXED = 8192
"""Steps of one unit of light."""
LARGEST = 64
"""Radius of a light, in pixels."""
HOLD = 2**30
"""What trails may keep; the rest of 32 bits is for one frame's lights."""


@dataclass(frozen=True, kw_only=True)
class Splats:
    """Light in a picture of ``width`` x ``height``.

    Buffers ``pixels``, ``accum``, ``halo``; uniforms ``background``, ``glow``, ``persistence``,
    ``exposure``. ``light_each`` says how bright a point should be.
    """

    width: int
    height: int
    lights: int = 100_000
    """The most lights and lines of one frame: so many may fall on one pixel without overflow. A
    single one counts up to 3 * 2^30 / lights / 8192 there: 3.9 for 100,000, 0.39 for a million."""
    background: str = "#05070f"
    glow: float = 0.35
    persistence: float = 0.0
    """Share of the light that stays for the next frame: 0.9 leaves a trail of some 20 frames."""
    exposure: float = 1.0
    surface: bool = False
    """The kernel supplies ``fn surface_at(i: u32) -> vec4f``, what lies between ground and light:
    linear RGB, and how much of the ground it hides, 0..1."""
    own_ground: bool = False
    """The kernel supplies ``fn ground_at(at: vec2i) -> vec3f``, linear RGB, behind the light;
    otherwise it is ``background``, a little darker in the corners."""
    overlay: bool = False
    """The kernel supplies ``fn overlay(at: vec2i, colour: vec3f) -> vec3f``: sRGB, at the end."""

    @property
    def most(self) -> int:
        """Steps that one light adds to one pixel at most."""
        return 3 * HOLD // max(self.lights, 100)

    @cached_property
    def shrink(self) -> int:
        """Pixels of the picture a side of one pixel of the glow."""
        return max(4, min(self.width, self.height) // 64)

    @property
    def small(self) -> tuple[int, int]:
        """Width and height of the glow."""
        return -(-self.width // self.shrink), -(-self.height // self.shrink)

    @property
    def sigma(self) -> float:
        """Width of the glow, in its own pixels."""
        return 0.064 * min(self.width, self.height) / self.shrink

    @property
    def reach(self) -> int:
        """Of the glow, in its own pixels: where it ends no edge is to be seen."""
        return int(3.3 * self.sigma)

    @property
    def widest(self) -> float:
        """Radius of a line, in pixels: the loops of one must stay below 65,535 rounds."""
        return min(16.0, 50_000 / max(self.width, self.height) / 2.9)

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """Three of the eight that a program may have."""
        pixels, small = self.width * self.height, self.small
        return (
            Buffer(name="pixels", type="u32", length=pixels),
            Buffer(name="accum", type="atomic<u32>", length=3 * pixels),
            Buffer(name="halo", type="vec4f", length=2 * small[0] * small[1]),
        )

    @property
    def uniforms(self) -> tuple[Uniform, ...]:
        """Numbers that may be turned while it runs."""
        real = {"glow": self.glow, "persistence": self.persistence, "exposure": self.exposure}
        ground = Uniform(name="background", type="vec4f", value=number_of(self.background))
        return (ground, *(Uniform(name=name, value=value) for name, value in real.items()))

    @property
    def after(self) -> tuple[Pass, ...]:
        """The passes from light to ``pixels``; they end ``draw``."""
        quads = (workgroups(self.width, 64), workgroups(self.height, 8), 1)
        small = (workgroups(self.small[0], 8), workgroups(self.small[1], 8), 1)
        return (
            Pass(entry="shrink_light", dispatch=small),
            Pass(entry="blur_across", dispatch=small),
            Pass(entry="blur_down", dispatch=small),
            Pass(entry="show_light", dispatch=quads),
        )

    def wgsl(self) -> str:
        """Return the constants and functions; they need the prelude before them."""
        wide, high = self.small
        text = f"""
const WIDE: u32 = {self.width}u;
const HIGH: u32 = {self.height}u;
const FIXED: f32 = {FIXED}.0;
const MOST: f32 = {self.most}.0;
const LARGEST: f32 = {LARGEST}.0;
const WIDEST: f32 = {self.widest};
const SHRINK: u32 = {self.shrink}u;
const SMALL: vec2u = vec2u({wide}u, {high}u);
const SIGMA: f32 = {self.sigma};
const REACH: i32 = {self.reach};
"""
        code = Path(__file__).with_suffix(".wgsl").read_text("utf-8")
        code += LIGHT.replace("BEHIND", "surface_at(i)" if self.surface else "vec4f(0.0)")
        code += "" if self.own_ground else GROUND
        code += (
            ""
            if self.overlay
            else "fn overlay(at: vec2i, colour: vec3f) -> vec3f { return colour; }\n"
        )
        return text + code

    def canvas(self) -> Canvas:
        """Return the NumPy twin."""
        from .splats_twin import Canvas

        return Canvas(self)


LIGHT = f"""
fn light_at(i: u32) -> vec4f {{
  let k = 3u * i;
  let sums = vec3u(atomicLoad(&accum[k]), atomicLoad(&accum[k + 1u]), atomicLoad(&accum[k + 2u]));
  return vec4f(vec3f(sums) / FIXED, 0.0) + BEHIND;
}}

// The light, of which the share `persistence` stays.
fn taken_light(i: u32) -> vec4f {{
  let k = 3u * i;
  let sums = vec3u(atomicLoad(&accum[k]), atomicLoad(&accum[k + 1u]), atomicLoad(&accum[k + 2u]));
  let left = vec3u(vec3f(min(sums, vec3u({HOLD}u))) * uniforms.persistence);
  atomicStore(&accum[k], left.x);
  atomicStore(&accum[k + 1u], left.y);
  atomicStore(&accum[k + 2u], left.z);
  return vec4f(vec3f(sums) / FIXED, 0.0) + BEHIND;
}}
"""

GROUND = """
fn ground_at(at: vec2i) -> vec3f {
  let e = (vec2f(at) + 0.5 - 0.5 * vec2f(f32(WIDE), f32(HIGH))) / f32(min(WIDE, HIGH));
  return linear(uniforms.background.xyz) * (0.3 + 0.7 / (1.0 + 2.5 * dot(e, e)));
}
"""


def light_each(lights: int, radius: float, pixels: int, share: float = 0.2) -> float:
    """Return the colour factor with which ``lights`` of ``radius`` pixels look bright, not burnt.

    They then add up to about 0.7 on average, when spread over ``share`` of the ``pixels``; few
    ones are as bright as 1.5 and no brighter.
    """
    area = math.pi / 3 * max(radius, 1.0) ** 2  # the volume under (1 - d^2)^2
    return min(1.5, 0.7 * share * pixels / (lights * area))
