// Numbers computed in the shader, in small letters. lettering.py writes the glyphs and holds the twin.
// All of it is inlined into every pass that writes: so there is one copy of each loop and each glyph,
// and what is constant is chosen by comparing, as tables take lavapipe very long to compile.

// A number as glyphs: their codes, four bits each, the first in the lowest; `wide` pixels at scale 1,
// with the gap that follows.
struct Number {
  codes: vec2u,
  length: u32,
  wide: i32,
}

fn with_code_before(number: Number, code: u32, wanted: bool) -> Number {
  let codes = vec2u((number.codes.x << 4u) | code, (number.codes.y << 4u) | (number.codes.x >> 28u));
  let wide = number.wide + glyph_width(code) + 1;
  return Number(
    select(number.codes, codes, wanted),
    number.length + select(0u, 1u, wanted),
    select(number.wide, wide, wanted),
  );
}

// Fixed decimals (0 to 6, nine digits in all), or two digits and an exponent from 1e6 on and below 1e-4; a dash for what is
// no number.
fn number_text(value: f32, decimals: i32) -> Number {
  let size = abs(value);
  let told = is_finite(value);
  let far = told && (size >= 1e6 || (size > 0.0 && size < 1e-4));
  var exponent = 0;
  var mantissa = size;
  for (var k = 0; k < 46 && far && !(mantissa >= 1.0 && mantissa < 10.0); k++) {
    let large = mantissa >= 10.0;
    mantissa = select(mantissa * 10.0, mantissa / 10.0, large);
    exponent += select(-1, 1, large);
  }
  var factor = 1.0;
  var shown = 0;
  for (; shown < decimals && size * factor < 1e8; shown++) { factor *= 10.0; }
  var whole = u32(floor(select(size * factor, mantissa * 10.0, far) + 0.5));
  if (far) {
    if (whole >= 100u) {
      whole = 10u;
      exponent++;
    }
    shown = select(1, 0, whole % 10u == 0u);
    whole = select(whole, whole / 10u, shown == 0);
  }
  // From the last glyph to the first.
  var result: Number;
  let power = u32(abs(exponent));
  result = with_code_before(result, power % 10u, far);
  result = with_code_before(result, power / 10u, far && power >= 10u);
  result = with_code_before(result, 10u, far && exponent < 0);
  result = with_code_before(result, 12u, far);
  let minus = !told || (value < 0.0 && whole > 0u);
  var digits = 0;
  var more = told;
  while (more) {
    result = with_code_before(result, 11u, digits == shown && digits > 0);
    result = with_code_before(result, whole % 10u, true);
    whole /= 10u;
    digits++;
    more = whole > 0u || digits <= shown;
  }
  return with_code_before(result, 10u, minus);
}

// Pixels across at scale 1.
fn number_width(number: Number) -> i32 { return number.wide - 1; }

// Whether a pixel is ink, from the ink around it before it was enlarged: nine bits, `near`, row by row.
// Where two pixels of ink touch by a corner only, triangles bridge the slant; `inner` counts within.
fn inked(near: u32, inner: vec2i, scale: i32) -> bool {
  let other = scale - 1 - inner;
  let bridged = bridge(near, 3u, 1u, 0u, 5u, 7u, inner.x + inner.y, scale)
    || bridge(near, 5u, 1u, 2u, 3u, 7u, other.x + inner.y, scale)
    || bridge(near, 3u, 7u, 6u, 5u, 1u, inner.x + other.y, scale)
    || bridge(near, 5u, 7u, 8u, 3u, 1u, other.x + other.y, scale);
  return ((near >> 4u) & 1u) == 1u || (scale > 1 && bridged);
}

// Ink at both sides of a corner, none beyond it, and not on all four sides, as in the hole of a °.
fn bridge(
  near: u32, across: u32, along: u32, beyond: u32, back_across: u32, back_along: u32, apart: i32, scale: i32,
) -> bool {
  let sides = (near >> across) & (near >> along) & 1u;
  let others = (near >> back_across) & (near >> back_along) & 1u;
  return sides == 1u && others == 0u && ((near >> beyond) & 1u) == 0u && apart <= scale - 2;
}

// One row of a glyph, with a column without ink before it.
fn glyph_row(bits: vec2u, y: i32) -> u32 {
  let word = select(bits.y, bits.x, y < 4);
  return select(0u, ((word >> (8u * (u32(y) % 4u))) & 255u) << 1u, y >= 0 && y < 7);
}

// Ink, 0 or 1, at a pixel counted from the number's top left corner.
fn number_ink(number: Number, at: vec2i, scale: i32) -> f32 {
  let p = at / scale;
  var codes = number.codes;
  var left = 0;
  var code = 15u;
  var column = 0u;
  for (var i = 0u; i < number.length; i++) {
    let next = left + glyph_width(codes.x & 15u) + 1;
    if (p.x >= left && p.x < next) {
      code = codes.x & 15u;
      column = u32(p.x - left);
    }
    left = next;
    codes = vec2u((codes.x >> 4u) | (codes.y << 28u), codes.y >> 4u);
  }
  let wide = i32(column) < glyph_width(code);
  if (any(at < vec2i(0)) || p.y >= 7 || code == 15u || !wide) { return 0.0; }
  let bits = glyph_bits(code);
  let above = (glyph_row(bits, p.y - 1) >> column) & 7u;
  let here = (glyph_row(bits, p.y) >> column) & 7u;
  let below = (glyph_row(bits, p.y + 1) >> column) & 7u;
  return select(0.0, 1.0, inked(above | (here << 3u) | (below << 6u), at - scale * p, scale));
}

// A colour with ink on it, and a shadow where there is ink beside.
fn written(colour: vec3f, ink: f32, around: f32, letters: vec3f, shadow: f32) -> vec3f {
  return mix(colour * (1.0 - shadow * around * (1.0 - ink)), letters, ink);
}

// Pixels that a shadow looks at; told by the uniforms, so that the loop over them is not unrolled.
fn shadow_looks(shadow: f32) -> i32 { return select(0, 9, shadow > 0.0 && uniforms.width > 0u); }

// Puts a number on a colour; `at` counts from its top left corner.
fn number_on(colour: vec3f, number: Number, at: vec2i, scale: i32, letters: vec3f, shadow: f32) -> vec3f {
  let wide = number.wide * scale;
  if (any(at < vec2i(-scale)) || at.x >= wide || at.y >= 8 * scale) { return colour; }
  var around = 0.0;
  var ink = 0.0;
  // The last one is the pixel itself.
  let looks = shadow_looks(shadow);
  for (var k = 0; k < looks + 1; k++) {
    let beside = select(vec2i(k % 3 - 1, k / 3 - 1), vec2i(0), k == looks);
    ink = number_ink(number, at + scale * beside, scale);
    around = max(around, ink);
  }
  return written(colour, ink, around, letters, shadow);
}

fn unpack_rgb(word: u32) -> vec3f {
  return vec3f(f32(word & 255u), f32((word >> 8u) & 255u), f32((word >> 16u) & 255u)) / 255.0;
}
