// Shared by all kernels. prelude.py holds the NumPy twin of every function here.

const TAU: f32 = 6.283185307179586;

// PCG hash of a 32-bit integer. Source: Jarzynski and Olano, "Hash Functions for GPU Rendering",
// JCGT 9(3), 2020.
fn hash(x: u32) -> u32 {
  let state = x * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}

// One of 2^32 integers from four keys; the run's seed is always among them.
fn random_bits(a: u32, b: u32, c: u32) -> u32 {
  return hash(a ^ hash(b ^ hash(c ^ hash(uniforms.seed))));
}

// Uniform in [0, 1): the upper 24 bits, which a float32 holds exactly.
fn random(a: u32, b: u32, c: u32) -> f32 {
  return f32(random_bits(a, b, c) >> 8u) * (1.0 / 16777216.0);
}

// sRGB in 0..1 to one RGBA8 word, red in the lowest byte.
fn pack_rgba(colour: vec3f) -> u32 {
  let c = vec3u(clamp(colour, vec3f(0.0), vec3f(1.0)) * 255.0 + 0.5);
  return c.x | (c.y << 8u) | (c.z << 16u) | 0xff000000u;
}

// False for infinities and for what is not a number; comparing floats may be optimised away.
fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }

// x, or 0 where it is not finite.
fn finite(x: f32) -> f32 { return select(0.0, x, is_finite(x)); }

// What the expression language calls; see functions.py.

fn square(x: f32) -> f32 { return x * x; }

fn cube(x: f32) -> f32 { return x * x * x; }

// x to the n by repeated multiplication, for any sign of x.
fn integer_power(x: f32, n: i32) -> f32 {
  var result = 1.0;
  var factor = x;
  for (var left = abs(n); left > 0; left = left >> 1u) {
    if ((left & 1) == 1) { result = result * factor; }
    factor = factor * factor;
  }
  return select(result, 1.0 / result, n < 0);
}

// x to the y; a negative x with a fractional y is not a number, as in NumPy.
fn power(x: f32, y: f32) -> f32 {
  let magnitude = pow(max(abs(x), 1e-38), y);
  if (x > 0.0) { return magnitude; }
  if (x == 0.0) { return select(select(0.0, magnitude, y < 0.0), 1.0, y == 0.0); }
  if (y != floor(y)) { return bitcast<f32>(0x7fc00000u | (bitcast<u32>(x) & 1u)); }
  return select(magnitude, -magnitude, floor_mod(y, 2.0) == 1.0);
}

// The remainder with the sign of the divisor, as in Python.
fn floor_mod(a: f32, b: f32) -> f32 { return a - b * floor(a / b); }

// WGSL's tanh overflows on some devices from about 44 on.
fn bounded_tanh(x: f32) -> f32 { return tanh(clamp(x, -20.0, 20.0)); }

// asin and acos themselves are off by 2e-4 on some devices.
fn arc_sine(x: f32) -> f32 { return atan2(x, sqrt((1.0 - x) * (1.0 + x))); }

fn arc_cosine(x: f32) -> f32 { return atan2(sqrt((1.0 - x) * (1.0 + x)), x); }

// The inverses of sinh, cosh and tanh. WGSL may compute the first as log(x + sqrt(x*x + 1)), which
// is 0 digits good for a large negative x.
fn area_sine(x: f32) -> f32 {
  let a = abs(x);
  let y = log(a + sqrt(a * a + 1.0));
  return select(y, -y, x < 0.0);
}

fn area_cosine(x: f32) -> f32 { return log(x + sqrt(x * x - 1.0)); }

fn area_tangent(x: f32) -> f32 { return 0.5 * log((1.0 + x) / (1.0 - x)); }

fn hypotenuse(x: f32, y: f32) -> f32 { return length(vec2f(x, y)); }

fn smooth_between(low: f32, high: f32, x: f32) -> f32 {
  // Without a distance between the edges it is a step; WGSL leaves that open.
  let wide = select(high - low, 1.0, high == low);
  let t = select(clamp((x - low) / wide, 0.0, 1.0), select(0.0, 1.0, x >= low), high == low);
  return t * t * (3.0 - 2.0 * t);
}

fn inside_disc(x: f32, y: f32, cx: f32, cy: f32, r: f32) -> bool {
  return (x - cx) * (x - cx) + (y - cy) * (y - cy) <= r * r;
}

fn inside_box(x: f32, y: f32, left: f32, bottom: f32, right: f32, top: f32) -> bool {
  return x >= left && x <= right && y >= bottom && y <= top;
}

// Whole cells as hash keys; far away cells share one key rather than overflow.
fn cell_key(x: f32) -> u32 { return u32(i32(clamp(floor(x), -1e9, 1e9))); }

// A number in [0, 1) of its own for every whole (a, b, c).
fn cell_random(a: f32, b: f32, c: f32) -> f32 {
  return random(cell_key(a), cell_key(b), cell_key(c));
}

// Smooth random values in 0..1: a random number at every whole point, blended in between by
// 6t^5 - 15t^4 + 10t^3. Source: Perlin, "Improving Noise", SIGGRAPH 2002 (the blend).
fn value_noise(x: f32, y: f32, z: f32) -> f32 {
  let cell = floor(vec3f(x, y, z));
  let t = vec3f(x, y, z) - cell;
  let w = t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
  let c = cell;
  let low = mix(
    mix(cell_random(c.x, c.y, c.z), cell_random(c.x + 1.0, c.y, c.z), w.x),
    mix(cell_random(c.x, c.y + 1.0, c.z), cell_random(c.x + 1.0, c.y + 1.0, c.z), w.x),
    w.y);
  if (w.z == 0.0) { return low; }
  let d = c.z + 1.0;
  let high = mix(
    mix(cell_random(c.x, c.y, d), cell_random(c.x + 1.0, c.y, d), w.x),
    mix(cell_random(c.x, c.y + 1.0, d), cell_random(c.x + 1.0, c.y + 1.0, d), w.x),
    w.y);
  return mix(low, high, w.z);
}

// Five octaves of value noise, in 0..1.
fn fractal_noise(x: f32, y: f32, z: f32) -> f32 {
  var sum = 0.0;
  var weight = 0.5;
  var scale = 1.0;
  for (var octave = 0; octave < 5; octave++) {
    sum += weight * value_noise(x * scale, y * scale + 17.0 * scale, z * scale);
    weight *= 0.5;
    scale *= 2.0;
  }
  return sum / 0.96875;
}

// Random values at a place.
fn cell_random_at_2(p: vec2f) -> f32 { return cell_random(p.x, p.y, 0.0); }

fn cell_random_at_3(p: vec3f) -> f32 { return cell_random(p.x, p.y, p.z); }

fn value_noise_at_2(p: vec2f) -> f32 { return value_noise(p.x, p.y, 0.0); }

fn value_noise_at_3(p: vec3f) -> f32 { return value_noise(p.x, p.y, p.z); }

fn fractal_noise_at_2(p: vec2f) -> f32 { return fractal_noise(p.x, p.y, 0.0); }

fn fractal_noise_at_3(p: vec3f) -> f32 { return fractal_noise(p.x, p.y, p.z); }

// v turned anticlockwise by an angle in radians.
fn rotated(v: vec2f, angle: f32) -> vec2f {
  let c = cos(angle);
  let s = sin(angle);
  return vec2f(c * v.x - s * v.y, s * v.x + c * v.y);
}

// sRGB of a hue in turns, a saturation and a value in 0..1. Source: Smith, "Color Gamut Transform
// Pairs", SIGGRAPH 1978, in the form without cases.
fn hsv(hue: f32, saturation: f32, value: f32) -> vec3f {
  let pure = abs(fract(hue + vec3f(0.0, 2.0 / 3.0, 1.0 / 3.0)) * 6.0 - 3.0) - 1.0;
  return value * (1.0 - saturation + saturation * clamp(pure, vec3f(0.0), vec3f(1.0)));
}
