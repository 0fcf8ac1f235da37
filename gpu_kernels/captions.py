"""Words and computed numbers at fixed places in a finished picture, written by small passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from intentos.program import Pass

from . import lettering
from .kernel import workgroups

Floats = NDArray[np.floating[Any]]
Colour = tuple[float, float, float]

BRIGHT: Colour = (0.97, 0.95, 0.88)
GOLD: Colour = (1.0, 0.85, 0.4)
DIM: Colour = (0.62, 0.66, 0.76)
LONGEST = 12
"""Glyphs of a number."""


@dataclass(frozen=True)
class Word:
    """A fixed text; ``at`` is its top left corner in pixels."""

    text: str
    at: tuple[int, int]
    scale: int = 1
    colour: Colour = DIM
    shadow: float = 0.0


@dataclass(frozen=True)
class Figure:
    """A number that the shader computes; ``value`` is a WGSL expression of type f32."""

    value: str
    at: tuple[int, int]
    decimals: int = 0
    scale: int = 1
    colour: Colour = BRIGHT
    shadow: float = 0.0


@dataclass(frozen=True)
class Captions:
    """All the lettering of one picture. Needs the prelude; brings the lettering's functions."""

    words: tuple[Word, ...]
    figures: tuple[Figure, ...] = ()

    @property
    def after(self) -> tuple[Pass, ...]:
        """The passes that come after the picture's last one: each writes into its own box."""
        found = []
        for k, item in enumerate(self._items):
            wide, tall = self._box(item)
            found.append(
                Pass(entry=f"caption{k}", dispatch=(workgroups(wide, 16), workgroups(tall, 4), 1))
            )
        return tuple(found)

    @property
    def _items(self) -> list[Word | Figure]:
        return [*self.words, *self.figures]

    @staticmethod
    def _box(item: Word | Figure) -> tuple[int, int]:
        s = item.scale
        if isinstance(item, Word):
            return lettering.text_width(item.text, s) + 2 * s, (lettering.TALL + 2) * s
        return 6 * LONGEST * s + 2 * s, (lettering.ASCENT + 2) * s

    def wgsl(self) -> str:
        """Return the passes and what they call.

        A pass for every text: lavapipe runs all branches of a shader for every invocation.
        """
        parts = [lettering.lettering_wgsl()]
        for k, item in enumerate(self._items):
            wide, tall = self._box(item)
            s, ink = item.scale, f"vec3f({item.colour[0]}, {item.colour[1]}, {item.colour[2]})"
            if isinstance(item, Word):
                parts.append(lettering.text_wgsl(f"text{k}", item.text))
                call = f"text{k}_on(colour, at, {s}, {ink}, {item.shadow})"
                plain = f"mix(colour, {ink}, text{k}(at, {s}))"
            else:
                number = f"number_text({item.value}, {item.decimals})"
                call = f"number_on(colour, {number}, at, {s}, {ink}, {item.shadow})"
                plain = f"mix(colour, {ink}, number_ink({number}, at, {s}))"
            call = call if item.shadow else plain  # without a rim it compiles four times faster
            parts.append(f"""
@compute @workgroup_size(16, 4)
fn caption{k}(@builtin(global_invocation_id) id: vec3u) {{
  let at = vec2i(id.xy) - {s};
  let p = at + vec2i({item.at[0]}, {item.at[1]});
  let size = vec2i(i32(uniforms.width), i32(uniforms.height));
  if (any(vec2i(id.xy) >= vec2i({wide}, {tall}))) {{ return; }}
  if (any(p < vec2i(0)) || any(p >= size)) {{ return; }}
  let i = u32(p.y * size.x + p.x);
  let colour = unpack_rgb(pixels[i]);
  pixels[i] = pack_rgba({call});
}}
""")
        return "\n".join(parts)

    def paint(self, pixels: NDArray[np.uint8], values: Sequence[float]) -> NDArray[np.uint8]:
        """Return the picture with its lettering; ``values`` are the figures', in their order."""
        image = pixels[..., :3] / 255.0
        told = [
            lettering.number_text(v, f.decimals) for f, v in zip(self.figures, values, strict=True)
        ]
        texts: list[tuple[str, Word | Figure]] = [
            *((w.text, w) for w in self.words),
            *zip(told, self.figures, strict=True),
        ]
        for text, item in texts:
            lettering.draw_text(
                image, text, item.at, scale=item.scale, colour=item.colour, shadow=item.shadow
            )
        result = pixels.copy()
        result[..., :3] = (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)
        return result


def fits(text: str) -> bool:
    """Return whether the lettering has every character."""
    return all(c in lettering.glyphs() for c in text)


def short(value: float, digits: int = 6) -> str:
    """Return a number in few letters, all of which the lettering has."""
    return f"{value:.{digits}g}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
