"""Small, crisp letters and numbers in a picture: a bitmap font of its own, drawn by WGSL and NumPy.

Letters are 7 pixels high and 3 below the line at scale 1; ``scale_for`` picks the scale for a
picture. Ink is counted from the top left corner of a line of text, in the picture's pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

ASCENT = 7
TALL = 10
"""Rows of a line: capitals have 7, and 3 hang below."""
SPACE = 3
NUMBER_GLYPHS = "0123456789-.e"
"""What a computed number is made of; digits are all equally wide."""
LONGEST_NUMBER = 12

# Each band: the characters, then ten rows; one column of glyphs for every character.
DRAWINGS = """
0 1 2 3 4 5 6 7 8 9
.###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###.
#...# .##.. #...# ....# ..##. #.... .#... ....# #...# #...#
#...# ..#.. ....# ...#. .#.#. ####. #.... ...#. #...# #...#
#...# ..#.. ...#. ..##. #..#. ....# ####. ..#.. .###. .####
#...# ..#.. ..#.. ....# ##### ....# #...# .#... #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#.
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .##..
..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... .....

A B C D E F G H I J
.###. ####. .###. ####. ##### ##### .###. #...# ### ..###
#...# #...# #...# #...# #.... #.... #...# #...# .#. ...#.
#...# #...# #.... #...# #.... #.... #.... #...# .#. ...#.
##### ####. #.... #...# ####. ####. #.### ##### .#. ...#.
#...# #...# #.... #...# #.... #.... #...# #...# .#. ...#.
#...# #...# #...# #...# #.... #.... #...# #...# .#. #..#.
#...# ####. .###. ####. ##### #.... .#### #...# ### .##..
..... ..... ..... ..... ..... ..... ..... ..... ... .....
..... ..... ..... ..... ..... ..... ..... ..... ... .....
..... ..... ..... ..... ..... ..... ..... ..... ... .....

K L M N O P Q R S T
#...# #.... #...# #...# .###. ####. .###. ####. .#### #####
#..#. #.... ##.## ##..# #...# #...# #...# #...# #.... ..#..
#.#.. #.... #.#.# #.#.# #...# #...# #...# #...# #.... ..#..
##... #.... #.#.# #..## #...# ####. #...# ####. .###. ..#..
#.#.. #.... #...# #...# #...# #.... #.#.# #.#.. ....# ..#..
#..#. #.... #...# #...# #...# #.... #..#. #..#. ....# ..#..
#...# ##### #...# #...# .###. #.... .##.# #...# ####. ..#..
..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... .....
..... ..... ..... ..... ..... ..... ..... ..... ..... .....

U V W X Y Z a b c d
#...# #...# #...# #...# #...# ##### .... #... .... ...#
#...# #...# #...# #...# #...# ....# .... #... .... ...#
#...# #...# #...# .#.#. .#.#. ...#. .##. ###. .### .###
#...# #...# #.#.# ..#.. ..#.. ..#.. ...# #..# #... #..#
#...# #...# #.#.# .#.#. ..#.. .#... .### #..# #... #..#
#...# .#.#. ##.## #...# ..#.. #.... #..# #..# #... #..#
.###. ..#.. #...# #...# ..#.. ##### .### ###. .### .###
..... ..... ..... ..... ..... ..... .... .... .... ....
..... ..... ..... ..... ..... ..... .... .... .... ....
..... ..... ..... ..... ..... ..... .... .... .... ....

e f g h i j k l m n
.... .## .... #... # ..# #... #. ..... ....
.... #.. .... #... . ... #... #. ..... ....
.##. ### .### ###. # ..# #..# #. ####. ###.
#..# #.. #..# #..# # ..# #.#. #. #.#.# #..#
#### #.. #..# #..# # ..# ##.. #. #.#.# #..#
#... #.. #..# #..# # ..# #.#. #. #.#.# #..#
.### #.. .### #..# # ..# #..# .# #.#.# #..#
.... ... ...# .... . ..# .... .. ..... ....
.... ... ...# .... . #.# .... .. ..... ....
.... ... .##. .... . .#. .... .. ..... ....

o p q r s t u v w x
.... .... .... ... .... ... .... ..... ..... .....
.... .... .... ... .... #.. .... ..... ..... .....
.##. ###. .### #.# .### ### #..# #...# #...# #...#
#..# #..# #..# ##. #... #.. #..# #...# #...# .#.#.
#..# #..# #..# #.. .##. #.. #..# #...# #.#.# ..#..
#..# #..# #..# #.. ...# #.. #..# .#.#. #.#.# .#.#.
.##. ###. .### #.. ###. .## .### ..#.. .#.#. #...#
.... #... ...# ... .... ... .... ..... ..... .....
.... #... ...# ... .... ... .... ..... ..... .....
.... #... ...# ... .... ... .... ..... ..... .....

y z . , - + = % / (
.... .... . .. .... ..... .... ##..# ...# .#
.... .... . .. .... ..... .... ##.#. ...# #.
#..# #### . .. .... ..#.. .... ...#. ..#. #.
#..# ..#. . .. .... ..#.. #### ..#.. ..#. #.
#..# .#.. . .. #### ##### .... .#... .#.. #.
#..# #... . .. .... ..#.. #### .#.## .#.. #.
.### #### # .# .... ..#.. .... #..## #... #.
...# .... . .# .... ..... .... ..... #... .#
#..# .... . #. .... ..... .... ..... .... ..
.##. .... . .. .... ..... .... ..... .... ..

) : ° ² ³ μ × < > _
#. . .#. ##. ##. .... ... ... ... ....
.# . #.# ..# ..# .... ... ... ... ....
.# # .#. .#. .#. #..# ... ..# #.. ....
.# . ... #.. ..# #..# #.# .#. .#. ....
.# . ... ### ##. #..# .#. #.. ..# ....
.# . ... ... ... #..# #.# .#. .#. ....
.# # ... ... ... ###. ... ..# #.. ....
#. . ... ... ... #... ... ... ... ####
.. . ... ... ... #... ... ... ... ....
.. . ... ... ... #... ... ... ... ....

σ π λ Δ Ω ρ θ ω ± ·
..... ..... ##... ..#.. .###. .... .##. ..... ..#.. .
..... ..... ..#.. ..#.. #...# .... #..# ..... ..#.. .
.#### ##### ..#.. .#.#. #...# .##. #..# .#.#. ##### .
#..#. .#.#. ..#.. .#.#. #...# #..# #### #...# ..#.. #
#...# .#.#. .#.#. #...# #...# #..# #..# #.#.# ..#.. .
#...# .#.#. .#.#. #...# .#.#. #..# #..# #.#.# ..... .
.###. .#.## #...# ##### ##.## ###. .##. .#.#. ##### .
..... ..... ..... ..... ..... #... .... ..... ..... .
..... ..... ..... ..... ..... #... .... ..... ..... .
..... ..... ..... ..... ..... #... .... ..... ..... .
"""


@cache
def glyphs() -> dict[str, tuple[int, tuple[int, ...]]]:
    """Return every character's width and its ten rows; bit 0 of a row is its leftmost pixel."""
    found: dict[str, tuple[int, tuple[int, ...]]] = {" ": (SPACE, (0,) * TALL)}
    for band in DRAWINGS.strip("\n").split("\n\n"):
        characters, *rows = (line.split() for line in band.splitlines())
        for character, *drawn in zip(characters, *rows, strict=True):
            bits = tuple(sum(1 << x for x, c in enumerate(row) if c == "#") for row in drawn)
            found[character] = (len(drawn[0]), bits)
    return found


def known_text(text: str) -> str:
    """Return the text; raises ValueError naming the first character that the font lacks."""
    for character in text:
        if character not in glyphs():
            raise ValueError(f"the lettering has no {character!r}")
    return text


def scale_for(width: int, height: int) -> int:
    """Return a scale, 1 to 4, with which text reads well in a picture of this size."""
    return max(1, min(4, round(min(width, height) / 400)))


def text_width(text: str, scale: int = 1) -> int:
    """Return the pixels across; one pixel (times scale) lies between characters."""
    return max(0, sum(glyphs()[c][0] + 1 for c in known_text(text)) - 1) * scale


def text_mask(text: str, scale: int = 1) -> NDArray[np.bool_]:
    """Return where the ink is, shape (10 * scale, text_width)."""
    mask = np.zeros((TALL, text_width(text)), bool)
    at = 0
    for character in text:
        width, rows = glyphs()[character]
        for y, row in enumerate(rows):
            mask[y, at : at + width] = [row >> x & 1 for x in range(width)]
        at += width + 1
    return _smoothed(mask, scale)


def _smoothed(mask: NDArray[np.bool_], scale: int) -> NDArray[np.bool_]:
    """Enlarge, with slanted strokes bridged where pixels touch by a corner only."""
    large = np.repeat(np.repeat(mask, scale, 0), scale, 1)
    around = np.pad(mask, 1)
    height, width = mask.shape

    def beside(dx: int, dy: int) -> NDArray[np.bool_]:
        return around[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width]

    ring = beside(-1, 0) & beside(1, 0) & beside(0, -1) & beside(0, 1)  # the hole of a °
    inner = np.arange(scale)
    for dx in (-1, 1):
        for dy in (-1, 1):
            bridged = ~mask & ~ring & beside(dx, 0) & beside(0, dy) & ~beside(dx, dy)
            i = inner if dx < 0 else scale - 1 - inner
            j = inner if dy < 0 else scale - 1 - inner
            large |= np.kron(bridged, j[:, None] + i[None] <= scale - 2).astype(bool)
    return large


@cache
def lettering_wgsl() -> str:
    """Return ``number_text``, ``number_width``, ``number_ink``, ``number_on``, ``unpack_rgb``."""
    table = glyphs()
    bits = [_bits(table[c][1]) for c in NUMBER_GLYPHS]
    low, high = (chosen([b >> 32 * k & 0xFFFFFFFF for b in bits], "code") for k in (0, 1))
    widths = chosen([table[c][0] for c in NUMBER_GLYPHS], "code")
    return (
        Path(__file__).with_suffix(".wgsl").read_text("utf-8")
        + f"\nfn glyph_bits(code: u32) -> vec2u {{ return vec2u({low}, {high}); }}\n"
        + f"fn glyph_width(code: u32) -> i32 {{ return i32({widths}); }}\n"
    )


def chosen(words: Sequence[int], index: str) -> str:
    """Return a WGSL expression for one of these u32 by its index, an u32 expression.

    Comparisons compile in a tenth of the time that lavapipe needs for a table.
    """

    def between(low: int, high: int) -> str:
        if len(set(words[low:high])) == 1:
            return f"{words[low]}u"
        middle = (low + high) // 2
        return f"select({between(low, middle)}, {between(middle, high)}, {index} >= {middle}u)"

    return between(0, len(words))


COLUMNS = 30
"""Of a row of text in one word, which has one more on each side."""


def row_words(mask: NDArray[np.bool_]) -> list[list[int]]:
    """Return every row's words: bit k of word w is column ``w * COLUMNS + k - 1``."""
    across = max(1, -(-mask.shape[1] // COLUMNS))
    padded = np.zeros((len(mask), across * COLUMNS + 2), bool)
    padded[:, 1 : 1 + mask.shape[1]] = mask
    starts = range(0, across * COLUMNS, COLUMNS)
    powers = 1 << np.arange(COLUMNS + 2, dtype=np.uint64)
    return [[int((row[s : s + COLUMNS + 2] * powers).sum()) for s in starts] for row in padded]


def text_wgsl(name: str, text: str) -> str:
    """Return functions that write one fixed text.

    ``fn <name>(at: vec2i, scale: i32) -> f32`` is the ink, 0 or 1, at a pixel counted from the
    text's top left corner; ``fn <name>_on(colour: vec3f, at: vec2i, scale: i32, letters: vec3f,
    shadow: f32) -> vec3f`` puts it on a colour, with a dark rim where ``shadow`` > 0;
    ``const <name>_width: i32`` is the width at scale 1.
    """
    mask = text_mask(text)
    rows = row_words(mask)
    across = len(rows[0])
    words = chosen([word for row in rows for word in row], "index")
    return f"""
const {name}_width: i32 = {mask.shape[1]};
fn {name}_row(p: vec2i) -> u32 {{
  let index = u32(p.y * {across} + p.x / {COLUMNS});
  let near = ({words} >> (u32(p.x) % {COLUMNS}u)) & 7u;
  return select(0u, near, p.y >= 0 && p.y < {TALL});
}}
fn {name}(at: vec2i, scale: i32) -> f32 {{
  let p = at / scale;
  if (any(at < vec2i(0)) || p.x >= {mask.shape[1]} || p.y >= {TALL}) {{ return 0.0; }}
  var near = {name}_row(p) << 3u;
  if (scale > 1) {{ near |= {name}_row(p - vec2i(0, 1)) | ({name}_row(p + vec2i(0, 1)) << 6u); }}
  return select(0.0, 1.0, inked(near, at - scale * p, scale));
}}
fn {name}_on(colour: vec3f, at: vec2i, scale: i32, letters: vec3f, shadow: f32) -> vec3f {{
  let end = vec2i({name}_width + 1, {TALL + 1}) * scale;
  if (any(at < vec2i(-scale)) || any(at >= end)) {{ return colour; }}
  var around = 0.0;
  var ink = 0.0;
  let looks = shadow_looks(shadow);
  for (var k = 0; k < looks + 1; k++) {{
    let beside = select(vec2i(k % 3 - 1, k / 3 - 1), vec2i(0), k == looks);
    ink = {name}(at + scale * beside, scale);
    around = max(around, ink);
  }}
  return written(colour, ink, around, letters, shadow);
}}
"""


def _bits(rows: tuple[int, ...]) -> int:
    """Seven rows of a number's glyph in one integer, eight bits a row (nothing hangs below)."""
    return sum(row << (8 * y) for y, row in enumerate(rows[:ASCENT]))


def number_text(value: float, decimals: int) -> str:
    """Return what the shader writes for a float32: fixed decimals, or 1.5e-7 where that is unfit.

    From 1e6 on, and below 1e-4 where the decimals would show nothing, two digits and an exponent.
    """
    v = np.float32(value)
    if not np.isfinite(v):
        return "-"
    size = abs(v)
    sign = "-" if v < 0 else ""
    if size >= 1e6 or (size > 0 and size < np.float32(1e-4)):
        return _scientific(size, sign)
    factor, shown = np.float32(1), 0
    while shown < decimals and size * factor < np.float32(1e8):
        factor, shown = factor * np.float32(10), shown + 1
    decimals = shown
    whole = int(np.floor(size * factor + np.float32(0.5)))
    digits = str(whole).rjust(decimals + 1, "0")
    text = digits[: len(digits) - decimals] + ("." + digits[-decimals:] if decimals else "")
    return text if whole == 0 else sign + text


def _scientific(size: Any, sign: str) -> str:
    exponent, mantissa = 0, np.float32(size)
    while mantissa >= 10 and exponent < 40:
        mantissa, exponent = np.float32(mantissa / np.float32(10)), exponent + 1
    while mantissa < 1 and exponent > -46:
        mantissa, exponent = np.float32(mantissa * np.float32(10)), exponent - 1
    tenths = int(np.floor(mantissa * np.float32(10) + np.float32(0.5)))
    if tenths >= 100:
        tenths, exponent = 10, exponent + 1
    first = str(tenths // 10) + (f".{tenths % 10}" if tenths % 10 else "")
    return f"{sign}{first}e{exponent}"


def draw_text(
    image: Floats,
    text: str,
    at: tuple[int, int],
    *,
    scale: int = 1,
    colour: tuple[float, float, float] = (0.92, 0.94, 0.97),
    strength: float = 1.0,
    shadow: float = 0.0,
) -> None:
    """Write into an sRGB picture, shape (height, width, 3), in place, from the corner ``at`` on.

    ``shadow`` darkens one pixel (times scale) around the ink, twin of ``written``.
    """
    mask = np.pad(text_mask(text, scale), scale)
    around = mask.copy()
    for dy in (-scale, 0, scale):
        for dx in (-scale, 0, scale):
            around |= np.roll(mask, (dy, dx), (0, 1))
    top, left = at[1] - scale, at[0] - scale
    height, width = image.shape[:2]
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + mask.shape[0], height), min(left + mask.shape[1], width)
    if y0 >= y1 or x0 >= x1:
        return
    part = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    ink, dark = mask[part][..., None], around[part][..., None]
    here = image[y0:y1, x0:x1]
    here = here * (1 - shadow * (dark & ~ink))
    image[y0:y1, x0:x1] = here + ink * strength * (np.array(colour) - here)
