// Light that adds up: soft discs and lines, summed in fixed point with integer atomics, so that the
// picture does not depend on the order in which they come; then glow, film and screen. splats.py
// writes the constants and holds the NumPy twin.
// Light is linear RGB; 1 is bright, above it goes to white.

fn linear(c: vec3f) -> vec3f { return pow(max(c, vec3f(0.0)), vec3f(2.2)); }

fn add_amount(at: vec2i, colour: vec3f) {
  let slot = 3u * (u32(at.y) * WIDE + u32(at.x));
  let amount = vec3u(min(colour * FIXED + 0.5, vec3f(MOST)));
  if (amount.x > 0u) { atomicAdd(&accum[slot], amount.x); }
  if (amount.y > 0u) { atomicAdd(&accum[slot + 1u], amount.y); }
  if (amount.z > 0u) { atomicAdd(&accum[slot + 2u], amount.z); }
}

fn is_light(at: vec2f, radius: f32, colour: vec3f) -> bool {
  return is_finite(at.x) && is_finite(at.y) && is_finite(radius) && radius > 0.0
    && is_finite(colour.x) && is_finite(colour.y) && is_finite(colour.z);
}

// A soft disc: `colour` in the middle, nothing from `radius` pixels on, (1 - d^2)^2 in between. Below a
// radius of one pixel it stays one pixel wide and gets darker by the area. At most LARGEST pixels.
fn add_light(at: vec2f, radius: f32, colour: vec3f) {
  if (!is_light(at, radius, colour)) { return; }
  let r = clamp(radius, 1.0, LARGEST);
  let size = vec2f(f32(WIDE), f32(HIGH));
  if (any(at < vec2f(-r)) || any(at > size + r)) { return; }
  let thin = min(radius, 1.0);
  let light = max(colour, vec3f(0.0)) * (thin * thin);
  let low = max(vec2i(ceil(at - r - 0.5)), vec2i(0));
  let high = min(vec2i(floor(at + r - 0.5)), vec2i(i32(WIDE), i32(HIGH)) - 1);
  for (var y = low.y; y <= high.y; y++) {
    for (var x = low.x; x <= high.x; x++) {
      let d = (vec2f(f32(x), f32(y)) + 0.5 - at) / r;
      let w = max(1.0 - dot(d, d), 0.0);
      add_amount(vec2i(x, y), light * (w * w));
    }
  }
}

// A soft line from a to b, `colour` in its middle, nothing from `radius` pixels beside it on. Its ends
// fade over the radius, so that a chain of lines has the same light everywhere, joints included, and
// a line without length has none. Below a radius of one pixel it gets darker by the width.
fn add_line(a: vec2f, b: vec2f, radius: f32, colour: vec3f) {
  if (!is_light(a, radius, colour) || !is_light(b, radius, colour)) { return; }
  if (any(abs(a) > vec2f(1e5)) || any(abs(b) > vec2f(1e5))) { return; }
  let long = length(b - a);
  if (long < 1e-3) { return; }
  let r = clamp(radius, 1.0, WIDEST);
  let along = (b - a) / long;
  let light = max(colour, vec3f(0.0)) * min(radius, 1.0);
  // Walk along the longer side, and across it at every pixel.
  let steep = abs(along.y) > abs(along.x);
  let p = select(a, a.yx, steep);
  let q = select(b, b.yx, steep);
  let size = select(vec2i(i32(WIDE), i32(HIGH)), vec2i(i32(HIGH), i32(WIDE)), steep);
  let slope = (q.y - p.y) / (q.x - p.x);
  let half = r * sqrt(1.0 + slope * slope);
  let beyond = r * (abs(along.x) + abs(along.y));
  let first = max(i32(ceil(min(p.x, q.x) - beyond - 0.5)), 0);
  let last = min(i32(floor(max(p.x, q.x) + beyond - 0.5)), size.x - 1);
  for (var u = first; u <= last; u++) {
    let middle = p.y + slope * (f32(u) + 0.5 - p.x);
    let low = max(i32(ceil(middle - half - 0.5)), 0);
    let high = min(i32(floor(middle + half - 0.5)), size.y - 1);
    for (var v = low; v <= high; v++) {
      let at = select(vec2i(u, v), vec2i(v, u), steep);
      let d = vec2f(at) + 0.5 - a;
      let beside = (d.x * along.y - d.y * along.x) / r;
      let ahead = dot(d, along);
      let w = max(1.0 - beside * beside, 0.0);
      let here = smoothstep(-r, r, ahead) - smoothstep(-r, r, ahead - long);
      add_amount(at, light * (w * w * max(here, 0.0)));
    }
  }
}

// ---- from light to the picture ----

@compute @workgroup_size(8, 8)
fn shrink_light(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= SMALL.x || id.y >= SMALL.y) { return; }
  var total = vec3f(0.0);
  for (var y = 0u; y < SHRINK; y++) {
    for (var x = 0u; x < SHRINK; x++) {
      let px = min(SHRINK * id.x + x, WIDE - 1u);
      let py = min(SHRINK * id.y + y, HIGH - 1u);
      // Above 4 a point counts like 4: a single spark does not light the whole sky.
      total += min(light_at(py * WIDE + px).xyz * uniforms.exposure, vec3f(4.0));
    }
  }
  halo[id.y * SMALL.x + id.x] = vec4f(total / f32(SHRINK * SHRINK), 0.0);
}

// The light of a blurred pixel: Gaussian weights, each from the one before it.
fn blurred(at: vec2i, along: vec2i, source: u32) -> vec4f {
  let spread = 1.0 / (2.0 * SIGMA * SIGMA);
  var weight = 1.0;
  var factor = exp(-spread);
  let change = exp(-2.0 * spread);
  var total = halo[source + u32(at.y) * SMALL.x + u32(at.x)];
  var weights = 1.0;
  // Told by the uniforms, so that the loop is not unrolled, which takes ten times as long to compile.
  let reach = select(0, REACH, uniforms.width > 0u);
  for (var d = 1; d <= reach; d++) {
    weight *= factor;
    factor *= change;
    weights += 2.0 * weight;
    let low = at - d * along;
    let high = at + d * along;
    if (all(low >= vec2i(0))) { total += weight * halo[source + u32(low.y) * SMALL.x + u32(low.x)]; }
    if (all(high < vec2i(SMALL))) { total += weight * halo[source + u32(high.y) * SMALL.x + u32(high.x)]; }
  }
  return total / weights;
}

@compute @workgroup_size(8, 8)
fn blur_across(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= SMALL.x || id.y >= SMALL.y) { return; }
  halo[SMALL.x * SMALL.y + id.y * SMALL.x + id.x] = blurred(vec2i(id.xy), vec2i(1, 0), 0u);
}

@compute @workgroup_size(8, 8)
fn blur_down(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= SMALL.x || id.y >= SMALL.y) { return; }
  halo[id.y * SMALL.x + id.x] = blurred(vec2i(id.xy), vec2i(0, 1), SMALL.x * SMALL.y);
}

fn halo_at(x: i32, y: i32) -> vec3f {
  let at = clamp(vec2i(x, y), vec2i(0), vec2i(SMALL) - 1);
  return halo[u32(at.y) * SMALL.x + u32(at.x)].xyz;
}

// An even pattern in 0..1 that hides bands in the dark. Source: Jimenez, "Next Generation
// Post Processing in Call of Duty: Advanced Warfare", SIGGRAPH 2014 (interleaved gradient noise).
fn grain(at: vec2u) -> f32 {
  return fract(52.9829189 * fract(dot(vec2f(at), vec2f(0.06711056, 0.00583715))));
}

// Linear light in 0..1 to sRGB: x^(1/2.2) within half a level, by square roots, which are cheaper.
fn on_screen(c: vec3f) -> vec3f {
  let root = sqrt(c);
  return 1.0082 * root + 0.0698 * sqrt(root) - 0.078 * c;
}

fn show_pixel(at: vec2u, glow: vec3f) {
  if (at.x >= WIDE) { return; }
  let i = at.y * WIDE + at.x;
  let front = taken_light(i);
  // Film: every bit of light darkens what is left of the negative, a little more the more there is,
  // which keeps colours strong. Where no light falls, the ground shows as it is.
  let light = front.xyz * uniforms.exposure + glow * uniforms.glow;
  let exposed = light * (1.0 + 0.35 * light);
  let ground = ground_at(vec2i(at)) * (1.0 - front.w);
  let film = 1.0 - (1.0 - clamp(ground, vec3f(0.0), vec3f(1.0))) * exp(-exposed);
  let colour = overlay(vec2i(at), on_screen(film));
  pixels[i] = pack_rgba(colour + (grain(at) - 0.5) / 255.0);
}

// Four pixels of a row, whose glow lies between the same three columns of the small picture.
@compute @workgroup_size(16, 8)
fn show_light(@builtin(global_invocation_id) id: vec3u) {
  if (id.y >= HIGH) { return; }
  let x = 4u * id.x;
  let q = (vec2f(f32(x), f32(id.y)) + 0.5) / f32(SHRINK) - 0.5;
  let c = vec2i(floor(q));
  let down = q.y - floor(q.y);
  let g0 = mix(halo_at(c.x, c.y), halo_at(c.x, c.y + 1), down);
  let g1 = mix(halo_at(c.x + 1, c.y), halo_at(c.x + 1, c.y + 1), down);
  let g2 = mix(halo_at(c.x + 2, c.y), halo_at(c.x + 2, c.y + 1), down);
  let f = q.x - f32(c.x);
  let pixels_here = select(0u, 4u, uniforms.width > 0u);
  for (var k = 0u; k < pixels_here; k++) {
    show_pixel(vec2u(x + k, id.y), between(g0, g1, g2, f + f32(k) / f32(SHRINK)));
  }
}

fn between(a: vec3f, b: vec3f, c: vec3f, t: f32) -> vec3f {
  return mix(mix(a, b, min(t, 1.0)), c, max(t - 1.0, 0.0));
}
