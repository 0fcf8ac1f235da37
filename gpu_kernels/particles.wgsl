// Points in space, placed by formulas or moved by rates of change, and drawn with integer atomics:
// surfaces as solid, lit splats behind one another, clouds as light that adds up.
// `accum` holds five numbers a pixel, in fixed point: of a surface the summed normal (across, up),
// weight, shade and glint; of a cloud red, green and blue. After the pixels it counts points: in view,
// not finite.

const FIXED: f32 = 4096.0;
const FAR: u32 = 0xffffffffu;
const DELTA: f32 = 0.002;
// The core of a splat covers the surface: its weights lie above LEAST, within CORE radii.
const LEAST: f32 = 0.15;
const CORE: f32 = 0.783;

// ---- where the points are ----

// Two numbers a point that fill the unit square evenly. Source: Roberts, "The Unreasonable
// Effectiveness of Quasirandom Sequences" (2018), in 32-bit integers.
fn spread(i: u32) -> vec2f {
  let x = (i * 3242174889u + 0x80000000u) >> 8u;
  let y = (i * 2447445414u + 0x80000000u) >> 8u;
  return vec2f(f32(x), f32(y)) * (1.0 / 16777216.0);
}

fn chances(i: u32) -> vec4f {
  return vec4f(random(i, 0u, 1u), random(i, 0u, 2u), random(i, 0u, 3u), random(i, 0u, 4u));
}

fn phase() -> f32 { return f32(uniforms.frame) / uniforms.film; }

// Into the space of the picture: the object's middle at 0, its radius 1, y upwards.
fn stage(p: vec3f) -> vec3f {
  let q = (p - vec3f(uniforms.centre_x, uniforms.centre_y, uniforms.centre_z)) / uniforms.radius;
  if (uniforms.upright == 1u) { return vec3f(q.x, q.z, -q.y); }
  return q;
}

@compute @workgroup_size(64)
fn place(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= uniforms.points) { return; }
  let s = spread(i);
  let h = chances(i);
  let n = f32(i) / f32(uniforms.points);
  let p = point(s.x, s.y, h, n, uniforms.time);
  positions[i] = vec4f(p, tone(s.x, s.y, h, n, uniforms.time, p));
  facing[i] = vec4f(0.0, 0.0, 0.0, max(light_of(s.x, s.y, h, n, uniforms.time, p), 0.0));
  if (uniforms.solid == 1u) {
    let right = stage(point(s.x + DELTA, s.y, h, n, uniforms.time)) - stage(point(s.x - DELTA, s.y, h, n, uniforms.time));
    let upper = stage(point(s.x, s.y + DELTA, h, n, uniforms.time)) - stage(point(s.x, s.y - DELTA, h, n, uniforms.time));
    let across = cross(right, upper);
    let size = length(across);
    var normal = normalize(stage(p) + vec3f(0.0, 0.0, 1e-6));
    if (size > 1e-10) { normal = across / size; }
    // How far apart neighbouring points are.
    let gap = max(1.2 * sqrt(size), 0.62 * max(length(right), length(upper))) / (2.0 * DELTA * sqrt(f32(uniforms.points)));
    facing[i] = vec4f(normal, gap);
  }
}

// One step of the classical Runge-Kutta method of fourth order.
@compute @workgroup_size(64)
fn integrate(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= uniforms.points) { return; }
  let p = positions[i].xyz;
  let d = uniforms.dt;
  let t = uniforms.time;
  let k1 = rate(p, t);
  let k2 = rate(p + 0.5 * d * k1, t + 0.5 * d);
  let k3 = rate(p + 0.5 * d * k2, t + 0.5 * d);
  let k4 = rate(p + d * k3, t + d);
  let q = p + d / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
  let s = spread(i);
  let h = chances(i);
  let n = f32(i) / f32(uniforms.points);
  positions[i] = vec4f(q, tone(s.x, s.y, h, n, t + d, q));
  facing[i] = vec4f(0.0, 0.0, 0.0, max(light_of(s.x, s.y, h, n, t + d, q), 0.0));
}

// ---- the camera ----

fn turned(v: vec3f) -> vec3f {
  let c = cos(uniforms.yaw);
  let s = sin(uniforms.yaw);
  let q = vec3f(c * v.x + s * v.z, v.y, c * v.z - s * v.x);
  let d = cos(uniforms.pitch);
  let e = sin(uniforms.pitch);
  return vec3f(q.x, d * q.y - e * q.z, e * q.y + d * q.z);
}

fn side() -> f32 { return f32(min(uniforms.width, uniforms.height)); }

// x and y in pixels, the distance from the camera, and how many pixels one unit is there.
fn project(p: vec3f) -> vec4f {
  let q = turned(stage(p));
  let depth = uniforms.distance - q.z;
  let unit = 1.2 * side() * uniforms.zoom / max(depth, 0.05);
  let middle = 0.5 * vec2f(f32(uniforms.width), f32(uniforms.height)) + uniforms.pan * side();
  return vec4f(middle + vec2f(q.x, -q.y) * unit, depth, unit);
}

// ---- splats ----

struct Splat {
  at: vec2f,
  depth: f32,
  r: f32,
  low: vec2i,
  high: vec2i,
}

fn splat_of(i: u32) -> Splat {
  var s: Splat;
  let p = positions[i].xyz;
  s.high = vec2i(-1, -1);
  if (!(is_finite(p.x) && is_finite(p.y) && is_finite(p.z))) {
    s.depth = -1.0;
    return s;
  }
  let v = project(p);
  s.at = v.xy;
  s.depth = v.z;
  if (v.z < 0.1) { return s; }
  let scale = side() / 512.0;
  if (uniforms.solid == 1u) {
    s.r = clamp(facing[i].w * v.w * uniforms.size, 1.1 * scale, 7.0 * scale);
  } else {
    s.r = clamp(uniforms.size * scale * uniforms.distance / v.z, 0.8, 12.0 * scale);
  }
  let size = vec2f(f32(uniforms.width), f32(uniforms.height));
  if (any(v.xy < vec2f(-s.r)) || any(v.xy > size + s.r)) { return s; }
  return s;
}

// The pixels within a share of a splat's radius.
fn reaching(splat: Splat, share: f32) -> Splat {
  var s = splat;
  if (s.r == 0.0) { return s; }
  s.low = max(vec2i(ceil(s.at - share * s.r - 0.5)), vec2i(0));
  s.high = min(vec2i(floor(s.at + share * s.r - 0.5)), vec2i(vec2u(uniforms.width, uniforms.height)) - 1);
  return s;
}

// From 1 in the middle of a splat to 0 at its edge.
fn weight_at(s: Splat, x: i32, y: i32) -> f32 {
  let d = (vec2f(f32(x), f32(y)) + 0.5 - s.at) / s.r;
  let w = max(1.0 - dot(d, d), 0.0);
  return w * w;
}

@compute @workgroup_size(64)
fn clear(@builtin(global_invocation_id) id: vec3u) {
  let count = uniforms.width * uniforms.height;
  for (var i = id.x; i < 5u * count + 2u; i += 131072u) { atomicStore(&accum[i], 0); }
  for (var i = id.x; i < count; i += 131072u) { atomicStore(&nearest[i], FAR); }
}

@compute @workgroup_size(64)
fn cover(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= uniforms.points) { return; }
  let s = reaching(splat_of(i), CORE);
  for (var y = s.low.y; y <= s.high.y; y++) {
    for (var x = s.low.x; x <= s.high.x; x++) {
      if (weight_at(s, x, y) > LEAST) {
        atomicMin(&nearest[u32(y) * uniforms.width + u32(x)], bitcast<u32>(s.depth));
      }
    }
  }
}

fn key_light() -> vec3f {
  var l = vec3f(-0.45, 0.65, 0.75);
  if (uniforms.pointer.w > 0.0) {
    let size = vec2f(f32(uniforms.width), f32(uniforms.height));
    let d = (uniforms.pointer.xy - 0.5 * size) / side();
    l = vec3f(2.0 * d.x, -2.0 * d.y, 0.75);
  }
  return normalize(l);
}

// A grain of glitter has a facet of its own; it flashes when that mirrors the light.
fn glint_of(i: u32, normal: vec3f) -> f32 {
  if (random(i, 5u, 5u) >= 0.06 * uniforms.glitter) { return 0.0; }
  let tilt = vec3f(random(i, 6u, 5u), random(i, 7u, 5u), random(i, 8u, 5u)) - 0.5;
  let facet = normalize(normal + 0.9 * turned(tilt));
  let between = normalize(key_light() + vec3f(0.0, 0.0, 1.0));
  return pow(max(dot(facet, between), 0.0), 90.0);
}

fn add(slot: u32, value: f32) {
  let amount = i32(round(value * FIXED));
  if (amount != 0) { atomicAdd(&accum[slot], amount); }
}

@compute @workgroup_size(64)
fn splat(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= uniforms.points) { return; }
  let s = reaching(splat_of(i), select(1.0, CORE, uniforms.solid == 1u));
  let counters = 5u * uniforms.width * uniforms.height;
  if (s.depth == -1.0 && s.r == 0.0) {
    let p = positions[i].xyz;
    if (!(is_finite(p.x) && is_finite(p.y) && is_finite(p.z))) { atomicAdd(&accum[counters + 1u], 1); }
    return;
  }
  let size = vec2f(f32(uniforms.width), f32(uniforms.height));
  if (s.r > 0.0 && all(s.at >= vec2f(0.0)) && all(s.at < size)) { atomicAdd(&accum[counters], 1); }
  let shade = positions[i].w;
  if (uniforms.solid == 1u) {
    let reach = 0.015 + 1.5 * facing[i].w;
    var normal = turned(facing[i].xyz);
    if (normal.z < 0.0) { normal = -normal; }
    for (var y = s.low.y; y <= s.high.y; y++) {
      for (var x = s.low.x; x <= s.high.x; x++) {
        let at = u32(y) * uniforms.width + u32(x);
        let w = weight_at(s, x, y);
        if (w <= LEAST || s.depth > bitcast<f32>(atomicLoad(&nearest[at])) + reach) { continue; }
        add(5u * at, w * normal.x);
        add(5u * at + 1u, w * normal.y);
        add(5u * at + 2u, w);
        if (SHADED) { add(5u * at + 3u, w * shade); }
      }
    }
    let glint = glint_of(i, normal);
    if (glint < 0.002) { return; }
    for (var y = s.low.y; y <= s.high.y; y++) {
      for (var x = s.low.x; x <= s.high.x; x++) {
        let at = u32(y) * uniforms.width + u32(x);
        let w = weight_at(s, x, y);
        if (w <= LEAST || s.depth > bitcast<f32>(atomicLoad(&nearest[at])) + reach) { continue; }
        add(5u * at + 4u, w * glint);
      }
    }
    return;
  }
  // Light that adds up: each point sends the same, nearer ones look brighter.
  let near = uniforms.distance / s.depth;
  let scale = side() / 512.0;
  let base = uniforms.size * scale;
  let spread_out = base * base / max(s.r * s.r, 0.01);
  let colour = ink(shade) * (facing[i].w * uniforms.brightness * spread_out * near * near * near);
  for (var y = s.low.y; y <= s.high.y; y++) {
    for (var x = s.low.x; x <= s.high.x; x++) {
      let at = u32(y) * uniforms.width + u32(x);
      let w = weight_at(s, x, y);
      add(5u * at, w * colour.x);
      add(5u * at + 1u, w * colour.y);
      add(5u * at + 2u, w * colour.z);
    }
  }
}

// ---- light ----

fn linear(c: vec3f) -> vec3f { return pow(max(c, vec3f(0.0)), vec3f(2.2)); }

fn lit(normal: vec3f, shade: f32, glint: f32) -> vec3f {
  let eye = vec3f(0.0, 0.0, 1.0);
  let key = key_light();
  let fill = normalize(vec3f(0.8, -0.15, 0.45));
  let base = ink(shade);
  let between = normalize(key + eye);
  let facing_key = dot(normal, key);
  let wrapped = max(0.25 + 0.75 * facing_key, 0.0);
  let edge = pow(1.0 - clamp(normal.z, 0.0, 1.0), 3.0);
  let shine = pow(max(dot(normal, between), 0.0), 70.0);
  let sheen = pow(max(dot(normal, between), 0.0), 10.0);
  let second = pow(max(dot(normal, normalize(fill + eye)), 0.0), 40.0);
  var colour = base * (0.10 + 0.95 * wrapped * wrapped + 0.22 * max(dot(normal, fill), 0.0));
  colour += mix(base, vec3f(1.0), 0.15) * (0.60 * edge * (0.35 + 0.65 * max(normal.y * 0.5 + 0.5, 0.0)));
  colour += vec3f(1.0, 0.95, 0.92) * (1.10 * shine) * uniforms.gloss;
  colour += mix(base, vec3f(1.0), 0.5) * (0.09 * sheen + 0.16 * second) * uniforms.gloss;
  return colour + vec3f(1.0, 0.93, 0.88) * (3.0 * glint);
}

// The share of a pixel and its eight neighbours that a surface covers: below 1 at its edge.
fn covered_around(at: vec2i) -> f32 {
  var total = 0;
  for (var dy = -1; dy <= 1; dy++) {
    for (var dx = -1; dx <= 1; dx++) {
      let x = clamp(at.x + dx, 0, i32(uniforms.width) - 1);
      let y = clamp(at.y + dy, 0, i32(uniforms.height) - 1);
      if (atomicLoad(&nearest[u32(y) * uniforms.width + u32(x)]) != FAR) { total += (2 - abs(dx)) * (2 - abs(dy)); }
    }
  }
  return f32(total) / 16.0;
}

fn taken(slot: u32) -> f32 { return f32(atomicLoad(&accum[slot])) / FIXED; }

@compute @workgroup_size(8, 8)
fn develop(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let i = id.y * uniforms.width + id.x;
  if (uniforms.solid == 0u) {
    image[i] = vec4f(taken(5u * i), taken(5u * i + 1u), taken(5u * i + 2u), 0.0);
    return;
  }
  let w = taken(5u * i + 2u);
  if (w < 0.001) {
    image[i] = vec4f(0.0);
    return;
  }
  let alpha = clamp(2.0 * covered_around(vec2i(id.xy)) - 0.8, 0.0, 1.0);
  let across = vec2f(taken(5u * i), taken(5u * i + 1u)) / w;
  let normal = normalize(vec3f(across, sqrt(max(1.0 - dot(across, across), 1e-6))));
  var shade = 1.0;
  if (SHADED) { shade = taken(5u * i + 3u) / w; }
  let colour = lit(normal, shade, taken(5u * i + 4u) / w);
  image[i] = vec4f(colour * alpha, alpha);
}

// The glow: a quarter of the picture, blurred across and down.

fn small() -> vec2u { return vec2u((uniforms.width + 3u) / 4u, (uniforms.height + 3u) / 4u); }

@compute @workgroup_size(8, 8)
fn shrink(@builtin(global_invocation_id) id: vec3u) {
  let size = small();
  if (id.x >= size.x || id.y >= size.y) { return; }
  var total = vec4f(0.0);
  for (var y = 0u; y < 4u; y++) {
    for (var x = 0u; x < 4u; x++) {
      let px = min(4u * id.x + x, uniforms.width - 1u);
      let py = min(4u * id.y + y, uniforms.height - 1u);
      total += min(image[py * uniforms.width + px], vec4f(4.0));
    }
  }
  halo[id.y * size.x + id.x] = total / 16.0;
}

fn sigma() -> f32 { return 0.016 * side(); }

@compute @workgroup_size(8, 8)
fn blur_across(@builtin(global_invocation_id) id: vec3u) {
  let size = small();
  if (id.x >= size.x || id.y >= size.y) { return; }
  let reach = i32(2.5 * sigma());
  var total = vec4f(0.0);
  var weights = 0.0;
  for (var d = -reach; d <= reach; d++) {
    let w = exp(-0.5 * square(f32(d) / sigma()));
    let x = i32(id.x) + d;
    if (x >= 0 && x < i32(size.x)) { total += w * halo[id.y * size.x + u32(x)]; }
    weights += w;
  }
  halo[size.x * size.y + id.y * size.x + id.x] = total / weights;
}

@compute @workgroup_size(8, 8)
fn blur_down(@builtin(global_invocation_id) id: vec3u) {
  let size = small();
  if (id.x >= size.x || id.y >= size.y) { return; }
  let reach = i32(2.5 * sigma());
  var total = vec4f(0.0);
  var weights = 0.0;
  for (var d = -reach; d <= reach; d++) {
    let w = exp(-0.5 * square(f32(d) / sigma()));
    let y = i32(id.y) + d;
    if (y >= 0 && y < i32(size.y)) { total += w * halo[size.x * size.y + u32(y) * size.x + id.x]; }
    weights += w;
  }
  halo[id.y * size.x + id.x] = total / weights;
}

fn halo_at(x: i32, y: i32) -> vec3f {
  let size = vec2i(small());
  let at = clamp(vec2i(x, y), vec2i(0), size - 1);
  return halo[u32(at.y * size.x + at.x)].xyz;
}

@compute @workgroup_size(8, 8)
fn show(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let i = id.y * uniforms.width + id.x;
  let size = vec2f(f32(uniforms.width), f32(uniforms.height));
  let e = (vec2f(id.xy) + 0.5 - 0.5 * size) / side();
  let ground = linear(uniforms.background.xyz) * (1.35 * exp(-2.6 * dot(e, e)) + 0.22);
  let q = (vec2f(id.xy) + 0.5) / 4.0 - 0.5;
  let f = q - floor(q);
  let c = vec2i(floor(q));
  let glow = mix(
    mix(halo_at(c.x, c.y), halo_at(c.x + 1, c.y), f.x),
    mix(halo_at(c.x, c.y + 1), halo_at(c.x + 1, c.y + 1), f.x), f.y);
  let front = image[i];
  let light = ground * (1.0 - front.w) + front.xyz + glow * uniforms.glow;
  // Bright light goes to white smoothly; a little noise keeps the dark from showing bands.
  let mapped = light / (1.0 + 0.35 * light) * 1.12;
  let toned = pow(min(mapped, vec3f(1.0)), vec3f(1.0 / 2.2));
  pixels[i] = pack_rgba(toned + (random(i, 0u, 77u) - 0.5) / 200.0);
}
