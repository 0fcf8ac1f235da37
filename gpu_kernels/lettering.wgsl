// Numbers computed in the shader, in small letters. lettering.py writes the glyphs and holds the twin.

// A number as glyphs: their codes, four bits each, the first in the lowest.
struct Number {
  codes: vec2u,
  length: u32,
}

fn code_of(number: Number, i: u32) -> u32 {
  let word = select(number.codes.y, number.codes.x, i < 8u);
  return (word >> (4u * (i % 8u))) & 15u;
}

fn with_code(number: Number, code: u32) -> Number {
  var result = number;
  let bits = code << (4u * (number.length % 8u));
  if (number.length < 8u) { result.codes.x |= bits; } else { result.codes.y |= bits; }
  result.length += 1u;
  return result;
}

// A whole number with a point before its last digits.
fn with_digits(start: Number, value: u32, decimals: i32) -> Number {
  var result = start;
  var factor = 1u;
  var digits = 1;
  for (; digits < 10 && (value / factor >= 10u || digits <= decimals); digits++) { factor *= 10u; }
  for (; digits > 0; digits--) {
    if (digits == decimals) { result = with_code(result, 11u); }
    result = with_code(result, (value / factor) % 10u);
    factor /= 10u;
  }
  return result;
}

// Fixed decimals (0 to 6, nine digits in all), or two digits and an exponent from 1e6 on and below 1e-4; a dash for what is
// no number.
fn number_text(value: f32, decimals: i32) -> Number {
  var result: Number;
  let size = abs(value);
  if (!is_finite(value)) { return with_code(result, 10u); }
  if (size >= 1e6 || (size > 0.0 && size < 1e-4)) { return scientific(value); }
  var factor = 1.0;
  var shown = 0;
  for (; shown < decimals && size * factor < 1e8; shown++) { factor *= 10.0; }
  let whole = u32(floor(size * factor + 0.5));
  if (value < 0.0 && whole > 0u) { result = with_code(result, 10u); }
  return with_digits(result, whole, shown);
}

fn scientific(value: f32) -> Number {
  var result: Number;
  if (value < 0.0) { result = with_code(result, 10u); }
  var exponent = 0;
  var mantissa = abs(value);
  for (; mantissa >= 10.0 && exponent < 40; exponent++) { mantissa /= 10.0; }
  for (; mantissa < 1.0 && exponent > -46; exponent--) { mantissa *= 10.0; }
  var tenths = u32(floor(mantissa * 10.0 + 0.5));
  if (tenths >= 100u) {
    tenths = 10u;
    exponent++;
  }
  if (tenths % 10u == 0u) { result = with_digits(result, tenths / 10u, 0); }
  else { result = with_digits(result, tenths, 1); }
  result = with_code(result, 12u);
  if (exponent < 0) { result = with_code(result, 10u); }
  return with_digits(result, u32(abs(exponent)), 0);
}

// Pixels across at scale 1.
fn number_width(number: Number) -> i32 {
  var total = 0u;
  for (var i = 0u; i < number.length; i++) { total += glyph_width(code_of(number, i)) + 1u; }
  return i32(total) - 1;
}

// Enlarged letters: where two pixels of ink touch by a corner only, triangles bridge the slant.
fn corner_of(k: i32) -> vec2i { return vec2i(2 * (k % 2) - 1, 2 * (k / 2) - 1); }

fn bridges(inner: vec2i, corner: vec2i, scale: i32) -> bool {
  let from_corner = select(inner, scale - 1 - inner, corner > vec2i(0));
  return from_corner.x + from_corner.y <= scale - 2;
}

fn glyph_bit(code: u32, p: vec2i) -> bool {
  if (any(p < vec2i(0)) || p.x >= i32(glyph_width(code)) || p.y >= 7) { return false; }
  let bits = glyph_bits(code);
  let word = select(bits.y, bits.x, p.y < 4);
  return ((word >> (8u * (u32(p.y) % 4u) + u32(p.x))) & 1u) == 1u;
}

// Ink, 0 or 1, at a pixel counted from the number's top left corner.
fn number_ink(number: Number, at: vec2i, scale: i32) -> f32 {
  if (any(at < vec2i(0))) { return 0.0; }
  let p = at / scale;
  if (p.y >= 7) { return 0.0; }
  var left = 0;
  for (var i = 0u; i < number.length; i++) {
    let code = code_of(number, i);
    let wide = i32(glyph_width(code));
    if (p.x >= left && p.x < left + wide) {
      let q = p - vec2i(left, 0);
      if (glyph_bit(code, q)) { return 1.0; }
      for (var k = 0; k < 4 && scale > 1; k++) {
        let d = corner_of(k);
        if (bridges(at - scale * p, d, scale) && glyph_bit(code, q + vec2i(d.x, 0))
            && glyph_bit(code, q + vec2i(0, d.y)) && !glyph_bit(code, q + d)
            && !(glyph_bit(code, q - vec2i(d.x, 0)) && glyph_bit(code, q - vec2i(0, d.y)))) {
          return 1.0;
        }
      }
      return 0.0;
    }
    left += wide + 1;
  }
  return 0.0;
}

// A colour with ink on it, and a shadow where there is ink beside.
fn written(colour: vec3f, ink: f32, around: f32, letters: vec3f, shadow: f32) -> vec3f {
  return mix(colour * (1.0 - shadow * around * (1.0 - ink)), letters, ink);
}

// Puts a number on a colour; `at` counts from its top left corner.
fn number_on(colour: vec3f, number: Number, at: vec2i, scale: i32, letters: vec3f, shadow: f32) -> vec3f {
  let wide = (number_width(number) + 1) * scale;
  if (any(at < vec2i(-scale)) || at.x >= wide || at.y >= 8 * scale) { return colour; }
  var around = 0.0;
  for (var k = 0; k < 9 && shadow > 0.0; k++) {
    around = max(around, number_ink(number, at + scale * vec2i(k % 3 - 1, k / 3 - 1), scale));
  }
  return written(colour, number_ink(number, at, scale), around, letters, shadow);
}

fn unpack_rgb(word: u32) -> vec3f {
  return vec3f(f32(word & 255u), f32((word >> 8u) & 255u), f32((word >> 16u) & 255u)) / 255.0;
}
