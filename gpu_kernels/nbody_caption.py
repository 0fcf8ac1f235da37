"""What is written into the picture: the time, a bar of known length, and the bodies' names."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from intentos.program import Pass

from .camera import Camera
from .kernel import workgroups
from .lettering import (
    TALL,
    draw_text,
    lettering_wgsl,
    number_text,
    scale_for,
    text_mask,
    text_wgsl,
    text_width,
)
from .nbody_systems import System
from .prelude import pack_rgba

if TYPE_CHECKING:
    from .nbody import Clock, NbodyArguments

Floats = NDArray[np.floating[Any]]
LETTERS = (0.86, 0.90, 0.98)
SHADOW = 0.6
STRIP = 24
"""Rows at the bottom, times the letters' scale, that the time and the bar may take."""
MARGIN = 10


@dataclass(frozen=True)
class Caption:
    """What is written into one film; nothing where the picture is small."""

    scale: int
    margin: int
    unit: str
    per_unit: float
    """Time of one unit of the clock."""
    decimals: int
    bar: float
    """Length of the bar, 0: none."""
    bar_text: str
    names: tuple[str, ...]
    rise: int
    """Of the strip, in pixels."""

    @classmethod
    def of(cls, a: NbodyArguments, system: System, clock: Clock) -> Caption:
        """Return what fits to the system."""
        from .nbody import reach_of

        reach, logarithmic = reach_of(a, system)
        scale = scale_for(a.width, a.height)
        room = min(a.width, a.height) >= 160
        span = clock.frame * (a.frames - 1) / system.clock[0]
        long = 0.0 if logarithmic or not system.length_unit else _round(0.31 * reach)
        return cls(
            scale=scale,
            margin=MARGIN * scale,
            unit=system.clock[1] if a.labels and room else "",
            per_unit=system.clock[0],
            decimals=0 if span >= 100 else 1 if span >= 20 else 2,
            bar=long if a.labels and room else 0.0,
            bar_text=f"{long:g} {system.length_unit}",
            names=tuple(b.name for b in system.given) if a.labels and room else (),
            rise=STRIP * scale,
        )

    def passes(self, a: NbodyArguments) -> tuple[Pass, ...]:
        """Return the passes that follow the picture."""
        found = []
        if self.unit or self.bar:
            strip = (workgroups(a.width, 8), workgroups(self.rise, 8), 1)
            found.append(Pass(entry="caption", dispatch=strip))
        if any(self.names):
            across = max(text_width(name, self.scale) for name in self.names) + 2 * self.scale
            down = (TALL + 2) * self.scale
            each = (workgroups(across, 8), workgroups(down, 8), len(self.names))
            found.append(Pass(entry="names", dispatch=each))
        return tuple(found)

    def rows(self) -> list[tuple[float, ...]]:
        """Return the names as a table.

        A row for each name (pixels across, numbers in a row of pixels, first row of its bits), then
        the bits, sixteen in a number, which a float holds exactly.
        """
        heads: list[tuple[float, ...]] = []
        bits: list[tuple[float, ...]] = []
        for name in self.names:
            mask = text_mask(name)
            chunks = -(-mask.shape[1] // 16)
            at = len(self.names) + len(bits)
            heads.append((float(mask.shape[1]), float(chunks), float(at), 0.0))
            padded = np.zeros((TALL, 16 * chunks))
            padded[:, : mask.shape[1]] = mask
            numbers = (padded.reshape(-1, 16) * 2.0 ** np.arange(16)).sum(1)
            numbers = np.append(numbers, np.zeros(-len(numbers) % 4))
            bits += [tuple(float(x) for x in row) for row in numbers.reshape(-1, 4)]
        return heads + bits

    def wgsl(self) -> str:
        """Return the letters, ``caption`` and ``names``."""
        letters = f"vec3f{LETTERS}"
        parts = [lettering_wgsl()]
        time, bar = "", ""
        if self.unit:
            parts.append(text_wgsl("time_unit", self.unit))
            time = f"""
  let number = number_text(uniforms.time / {self.per_unit!r}, {self.decimals});
  let left = vec2i(id.xy) - vec2i({self.margin}, {self.rise - self.margin - 7 * self.scale});
  colour = number_on(colour, number, left, {self.scale}, {letters}, {SHADOW});
  let after = vec2i(number_width(number) * {self.scale} + {4 * self.scale}, 0);
  colour = time_unit_on(colour, left - after, {self.scale}, {letters}, {SHADOW});"""
        if self.bar:
            parts.append(text_wgsl("bar_text", self.bar_text))
            bar = f"""
  let long = i32({self.bar!r} / uniforms.reach * 1.2 * side() * uniforms.zoom / uniforms.distance);
  let right = vec2i(id.xy) - vec2i(i32(uniforms.width) - {self.margin}, {self.rise - self.margin});
  let from_end = -right.x;
  if (from_end >= 0 && from_end < long && right.y >= {-self.scale} && right.y < 0) {{
    colour = {letters};
  }}
  let text_at = right + vec2i((long + bar_text_width * {self.scale}) / 2, {11 * self.scale});
  colour = bar_text_on(colour, text_at, {self.scale}, {letters}, {SHADOW});"""
        return "\n".join((*parts, _writer("caption", time + bar, self.rise), NAMES))

    def write(
        self, pixels: NDArray[np.uint8], time: float, camera: Camera, reach: float, pins: Floats
    ) -> NDArray[np.uint8]:
        """Return the picture with everything written, as the shader does."""
        image = pixels[..., :3] / 255
        height, width = image.shape[:2]
        style: dict[str, Any] = {"scale": self.scale, "colour": LETTERS, "shadow": SHADOW}
        top = height - self.margin - 7 * self.scale
        if self.unit:
            number = number_text(time / self.per_unit, self.decimals)
            draw_text(image, number, (self.margin, top), **style)
            after = self.margin + text_width(number, self.scale) + 4 * self.scale
            draw_text(image, self.unit, (after, top), **style)
        if self.bar:
            per = 1.2 * camera.side * camera.zoom / camera.distance
            long, end = int(self.bar / reach * per), height - self.margin
            image[
                end - self.scale : end, width - self.margin - long + 1 : width - self.margin + 1
            ] = LETTERS
            middle = (long + text_width(self.bar_text, 1) * self.scale) // 2
            corner = (width - self.margin - middle, end - 11 * self.scale)
            draw_text(image, self.bar_text, corner, **style)
        taken = np.zeros((height, width, 1), bool)
        for name, pin in zip(self.names, pins, strict=False):
            if name and pin[2] > 0:
                x, y = int(pin[0]), int(pin[1])
                before = image.copy()
                draw_text(image, name, (x, y), **style)
                image = np.where(taken, before, image)
                across, rim = text_width(name, self.scale), self.scale
                low, left = max(y - rim, 0), max(x - rim, 0)
                taken[low : max(y + (TALL + 1) * rim, 0), left : max(x + across + rim, 0)] = True
        return pack_rgba(image)


NAMES = f"""
fn name_ink(head: vec4f, at: vec2i) -> f32 {{
  let p = at / i32(LETTERS);
  if (any(at < vec2i(0)) || p.x >= i32(head.x) || p.y >= {TALL}) {{ return 0.0; }}
  let f = u32(p.y) * u32(head.y) + u32(p.x) / 16u;
  let word = u32(record[TITLES + u32(head.z) + f / 4u][f % 4u]);
  return f32((word >> (u32(p.x) % 16u)) & 1u);
}}

// Whether a pixel is in the frame of a name: then the first such name alone writes there.
fn in_name(k: u32, at: vec2i) -> bool {{
  let pin = record[PINS + k];
  let rim = i32(LETTERS);
  let from_corner = at - vec2i(pin.xy) + rim;
  let size = vec2i(i32(record[TITLES + k].x) * rim, {TALL} * rim) + 2 * rim;
  let there = pin.w > 0.0 && record[TITLES + k].x > 0.0;
  return there && all(from_corner >= vec2i(0)) && all(from_corner < size);
}}

@compute @workgroup_size(8, 8)
fn names(@builtin(global_invocation_id) id: vec3u) {{
  let rim = i32(LETTERS);
  let at = vec2i(record[PINS + id.z].xy) + vec2i(id.xy) - rim;
  let size = vec2i(i32(uniforms.width), i32(uniforms.height));
  if (any(at < vec2i(0)) || any(at >= size)) {{ return; }}
  if (!in_name(id.z, at)) {{ return; }}
  for (var k = 0u; k < id.z; k++) {{ if (in_name(k, at)) {{ return; }} }}
  let head = record[TITLES + id.z];
  let from_corner = at - vec2i(record[PINS + id.z].xy);
  var around = 0.0;
  for (var k = 0; k < 9; k++) {{
    around = max(around, name_ink(head, from_corner + rim * vec2i(k % 3 - 1, k / 3 - 1)));
  }}
  let i = u32(at.y) * uniforms.width + u32(at.x);
  let colour = written(unpack_rgb(pixels[i]), name_ink(head, from_corner), around,
    vec3f{LETTERS}, {SHADOW});
  pixels[i] = pack_rgba(colour);
}}
"""


def _writer(entry: str, body: str, rise: int) -> str:
    """Return a pass over the picture, or over its last ``rise`` rows."""
    top = f"uniforms.height - {rise}u + id.y" if rise else "id.y"
    return f"""
@compute @workgroup_size(8, 8)
fn {entry}(@builtin(global_invocation_id) id: vec3u) {{
  let y = {top};
  if (id.x >= uniforms.width || y >= uniforms.height) {{ return; }}
  let i = y * uniforms.width + id.x;
  let before = unpack_rgb(pixels[i]);
  var colour = before;
{body}
  if (any(colour != before)) {{ pixels[i] = pack_rgba(colour); }}
}}
"""


def _round(x: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten that is at most x."""
    power = 10.0 ** math.floor(math.log10(x))
    return next(k * power for k in (5.0, 2.0, 1.0) if k * power <= x * (1 + 1e-9))
