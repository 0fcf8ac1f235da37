// Random walks. walk.py writes the constants; the other models are in walk_aggregate.wgsl and
// walk_percolate.wgsl.

// ---- random walks: positions in steps (x, y, z), and the last frame's for the trails ----

fn place_of(p: vec4f) -> vec3f { return p.xyz * (STEP / REACH_LENGTH); }

fn heading(i: u32, step: u32) -> vec3f {
  let bits = random_words(i, step, hash(uniforms.seed));
  if (LATTICE) {
    // One step along one axis, forwards or back.
    let axis = (bits.x >> 8u) % DIMENSIONS;
    let sign = select(-1.0, 1.0, (bits.y >> 31u) == 1u);
    return sign * vec3f(f32(axis == 0u), f32(axis == 1u), f32(axis == 2u));
  }
  // Normal in every direction; together they have the mean square 1.
  let far = sqrt(-2.0 * log((f32(bits.x) + 0.5) * (1.0 / 4294967296.0)));
  let far_z = sqrt(-2.0 * log((f32(hash(bits.x ^ 0x9e3779b9u)) + 0.5) * (1.0 / 4294967296.0)));
  let angle = TAU * f32(bits.y >> 8u) * (1.0 / 16777216.0);
  let angle_z = TAU * f32(bits.z >> 8u) * (1.0 / 16777216.0);
  let all = vec3f(far * cos(angle), far * sin(angle), far_z * cos(angle_z));
  return all * vec3f(1.0, f32(DIMENSIONS > 1u), f32(DIMENSIONS > 2u)) * inverseSqrt(f32(DIMENSIONS));
}

@compute @workgroup_size(64)
fn stroll(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= WALKERS) { return; }
  var p = walkers[i].xyz;
  let before = p;
  for (var k = 0u; k < STEPS; k++) { p += heading(i, uniforms.step * STEPS + k); }
  walkers[i] = vec4f(p, 0.0);
  earlier[i] = vec4f(before, 1.0);
}

var<workgroup> sums: array<vec4f, 256>;
var<workgroup> more: array<vec4f, 256>;

// Mean displacement, mean square, mean fourth power, and the share within the root mean square.
@compute @workgroup_size(256)
fn measure(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
  var first = vec4f(0.0);
  var second = vec4f(0.0);
  let steps = f32(uniforms.step * STEPS);
  for (var i = local + 256u * group.x; i < WALKERS; i += 256u * GROUPS) {
    let p = walkers[i].xyz;
    let r2 = dot(p, p);
    first += vec4f(p, r2);
    second += vec4f(r2 * r2, select(0.0, 1.0, r2 < steps), select(1.0, 0.0, is_finite(r2)), 0.0);
  }
  sums[local] = first;
  more[local] = second;
  for (var half = 128u; half > 0u; half = half >> 1u) {
    workgroupBarrier();
    if (local < half) {
      sums[local] += sums[local + half];
      more[local] += more[local + half];
    }
  }
  if (local == 0u) {
    parts[2u * group.x] = sums[0];
    parts[2u * group.x + 1u] = more[0];
  }
}

@compute @workgroup_size(1)
fn conclude() {
  var first = vec4f(0.0);
  var second = vec4f(0.0);
  for (var k = 0u; k < GROUPS; k++) {
    first += parts[2u * k];
    second += parts[2u * k + 1u];
  }
  let n = f32(WALKERS);
  statistics[0] = first.xyzw * (1.0 / n) * vec4f(vec3f(STEP), STEP * STEP);
  statistics[1] = vec4f(second.x * STEP * STEP * STEP * STEP, second.yzw) / n;
  // The path of the mean square displacement, for the curve.
  let k = uniforms.frame;
  if (k < FRAMES) { path[k] = statistics[0].w; }
}

// Neighbours in number get colours far apart on the wheel.
fn tint(i: u32) -> vec3f {
  let wheel = fract(f32(i % 1024u) * 0.61803399) * TAU;
  return linear(0.62 + 0.38 * cos(vec3f(wheel, wheel - 2.0944, wheel + 2.0944)));
}

fn on_picture(p: vec3f) -> vec4f {
  let middle = 0.5 * vec2f(f32(WIDE), f32(HIGH));
  if (DIMENSIONS == 3u) { return project(place_of(vec4f(p, 0.0))); }
  let q = place_of(vec4f(p, 0.0));
  let unit = 0.5 * f32(min(WIDE, HIGH)) * uniforms.zoom;
  return vec4f(middle + uniforms.pan * f32(min(WIDE, HIGH)) + vec2f(q.x, -q.y) * unit, 1.0, unit);
}

@compute @workgroup_size(64)
fn shine(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= WALKERS) { return; }
  let here = on_picture(walkers[i].xyz);
  var size = 1.3 * side() / 512.0;
  var strength = BRIGHTNESS;
  if (DIMENSIONS == 3u) {
    if (here.z < 0.1) { return; }
    let near = clamp(here.w / (0.42 * side()), 0.3, 2.5);
    strength *= near * near;
    size *= near;
  }
  // The cloud is coloured by how far a walker has come, the few trails by who walks.
  let far = length(walkers[i].xyz) * (STEP / REACH_LENGTH);
  add_light(here.xy, size, linear(palette(0.22 + 0.95 * far)) * strength);
}

// The few whose trails stay: a line from the last frame's place to this one.
@compute @workgroup_size(64)
fn trail(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= TRAILS || uniforms.frame == 0u) { return; }
  let old = on_picture(earlier[i].xyz);
  let here = on_picture(walkers[i].xyz);
  if (min(old.z, here.z) < 0.1) { return; }
  let wide = 1.3 * side() / 512.0;
  add_line(old.xy, here.xy, wide, tint(i) * TRAIL_LIGHT);
  add_light(here.xy, 2.0 * wide, (tint(i) + 0.5) * HEAD_LIGHT);
}

// In one dimension the picture is time across, place upwards.
@compute @workgroup_size(64)
fn unroll(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= TRAILS || uniforms.frame == 0u) { return; }
  let across = f32(WIDE) / f32(max(FRAMES - 1u, 1u));
  let x = f32(uniforms.frame) * across;
  let middle = 0.5 * f32(HIGH);
  let unit = 0.5 * f32(HIGH);
  let a = vec2f(x - across, middle - place_of(earlier[i]).x * unit);
  let b = vec2f(x, middle - place_of(walkers[i]).x * unit);
  add_line(a, b, 1.1 * side() / 512.0, tint(i) * TRAIL_LIGHT);
}

// The circle, or in one dimension the parabola, of the root mean square that diffusion predicts.
@compute @workgroup_size(64)
fn ring(@builtin(global_invocation_id) id: vec3u) {
  let count = 256u;
  let k = id.x;
  if (k >= count || uniforms.frame == 0u) { return; }
  let gold = vec3f(1.0, 0.8, 0.35) * RING_LIGHT;
  let far = sqrt(f32(uniforms.step * STEPS));
  if (DIMENSIONS == 1u) {
    if (k >= 2u) { return; }
    let across = f32(WIDE) / f32(max(FRAMES - 1u, 1u));
    let x = f32(uniforms.frame) * across;
    let before = sqrt(max(f32(uniforms.step * STEPS) - f32(STEPS) * ROUNDS, 0.0));
    let sign = select(-1.0, 1.0, k == 0u);
    let unit = 0.5 * f32(HIGH) * STEP / REACH_LENGTH;
    let middle = 0.5 * f32(HIGH);
    add_line(vec2f(x - across, middle + sign * before * unit), vec2f(x, middle + sign * far * unit),
      1.2 * side() / 512.0, gold / RING_LIGHT * 2.0);
    return;
  }
  let one = TAU * f32(k) / f32(count);
  let two = TAU * f32(k + 1u) / f32(count);
  var a = vec3f(cos(one), sin(one), 0.0) * far;
  var b = vec3f(cos(two), sin(two), 0.0) * far;
  if (DIMENSIONS == 3u) {
    a = a.xzy;
    b = b.xzy;
  }
  let p = on_picture(a);
  let q = on_picture(b);
  if (min(p.z, q.z) < 0.1) { return; }
  add_line(p.xy, q.xy, 1.2 * side() / 512.0, gold);
}
