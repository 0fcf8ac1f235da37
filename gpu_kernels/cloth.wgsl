// Cloth as masses and springs. cloth.py writes the constants and the shape before this.
// Vertex i + j * COLUMNS; row 0 is the upper edge. Each pass reads one pair of buffers and writes the
// other, so that every vertex sees its neighbours as they were. `air`: the wind at every vertex, then
// its normal, then two rows of measured numbers.

const AIR_DENSITY: f32 = 1.2;
const PRESSURE: f32 = 1.2;
const SKIN: f32 = 0.03;

fn index(i: i32, j: i32) -> u32 { return u32(j * COLUMNS + i); }

// ---- motion ----

struct Springs {
  // Newtons a metre; per (m/s) of damping.
  across: f32,
  down: f32,
  shear: f32,
  bend: f32,
  loss: f32,
}

// A knob that is turned beyond what the step can follow stays at what it can.
fn springs() -> Springs {
  let k = clamp(uniforms.stiffness, 0.0, STIFFEST);
  return Springs(k * DY / DX, k * DX / DY, k * SHEAR, k * BEND, 2.0 * clamp(uniforms.damping, 0.0, MOST_DAMPING) / FASTEST);
}

// The force of one spring on `p`; `loss` damps its change of length, in seconds.
fn pull(p: vec3f, v: vec3f, q: vec3f, w: vec3f, rest: f32, k: f32, loss: f32) -> vec3f {
  let d = q - p;
  let long = max(length(d), 1e-9);
  let along = d / long;
  return along * (k * (long - rest) + k * loss * dot(w - v, along));
}

// Pushes a vertex out of the ground and the ball, and slows it there.
struct Mover { p: vec3f, v: vec3f }

fn touched(m: Mover, normal: vec3f, depth: f32) -> Mover {
  if (depth <= 0.0) { return m; }
  let into = dot(m.v, normal);
  let slip = m.v - into * normal;
  let speed = max(length(slip), 1e-9);
  let brake = min(FRICTION * max(-into, 0.0) / speed + STEP * 6.0, 1.0);
  return Mover(m.p + normal * depth, slip * (1.0 - brake) + normal * max(into, 0.0));
}

fn settled(start: Mover) -> Mover {
  var m = touched(start, vec3f(0.0, 1.0, 0.0), THICKNESS - start.p.y);
  if (BALL.w > 0.0) {
    let d = m.p - BALL.xyz;
    let far = max(length(d), 1e-6);
    m = touched(m, d / far, BALL.w + THICKNESS - far);
  }
  return m;
}

@compute @workgroup_size(64)
fn begin(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let at = initial(i32(id.x) % COLUMNS, i32(id.x) / COLUMNS);
  place_a[id.x] = vec4f(at, 0.0);
  place_b[id.x] = vec4f(at, 0.0);
  speed_a[id.x] = vec4f(0.0);
  speed_b[id.x] = vec4f(0.0);
}

// The wind of this moment: it comes in gusts that travel with it.
@compute @workgroup_size(64)
fn blow(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let p = place_a[id.x].xyz;
  let t = uniforms.time;
  let turn = uniforms.wind_direction * TAU / 360.0;
  let ahead = vec3f(cos(turn), 0.0, sin(turn));
  let aside = vec3f(-ahead.z, 0.0, ahead.x);
  let s = dot(p, ahead) - 0.6 * max(uniforms.wind, 1.0) * t;
  let strength = 2.0 * value_noise(1.1 * s, 0.7 * t, 3.5) - 1.0;
  let swing = 2.0 * value_noise(2.3 * s, 1.3 * p.y + 0.9 * t, 9.5) - 1.0;
  let lift = 2.0 * value_noise(2.0 * s, 0.8 * t, 17.5) - 1.0;
  let gust = uniforms.gusts;
  let wind = ahead * (1.0 + gust * strength) + aside * (1.1 * gust * swing) + vec3f(0.0, 0.4 * gust * lift, 0.0);
  air[id.x] = vec4f(uniforms.wind * wind, 0.0);
}

// ---- what the checks look at ----

var<workgroup> sums: array<vec4f, 256>;
var<workgroup> most: array<vec4f, 256>;

// Speeds belong to the middle of the step that was made last, so energies take the places there:
// with those at its end the sum would waver by a step's share.
fn midway(n: u32) -> vec3f { return place_a[n].xyz - 0.5 * STEP * speed_a[n].xyz; }

fn stretch_of(a: u32, b: u32, rest: f32) -> f32 { return length(midway(b) - midway(a)) - rest; }

// Joules of motion, height and springs, and lengths beyond rest; one workgroup, always in one order.
@compute @workgroup_size(256)
fn measure(@builtin(local_invocation_index) local: u32) {
  let k = springs();
  var sum = vec4f(0.0);
  var high = vec4f(0.0, -1e30, 0.0, 0.0);
  for (var n = local; n < COUNT; n += 256u) {
    let i = i32(n) % COLUMNS;
    let j = i32(n) / COLUMNS;
    let p = place_a[n].xyz;
    let v = speed_a[n].xyz;
    let fine = is_finite(p.x + p.y + p.z) && is_finite(v.x + v.y + v.z);
    if (!fine) {
      sum.w += 1.0;
      continue;
    }
    sum.x += 0.5 * MASS * dot(v, v);
    sum.y += MASS * uniforms.gravity * midway(n).y;
    if (i + 1 < COLUMNS) {
      let d = stretch_of(n, index(i + 1, j), DX);
      sum.z += 0.5 * k.across * d * d;
      high.x = max(high.x, d / DX);
    }
    if (j + 1 < ROWS) {
      let d = stretch_of(n, index(i, j + 1), DY);
      sum.z += 0.5 * k.down * d * d;
      high.x = max(high.x, d / DY);
    }
    if (i + 1 < COLUMNS && j + 1 < ROWS) {
      let d = stretch_of(n, index(i + 1, j + 1), DIAGONAL);
      let e = stretch_of(index(i + 1, j), index(i, j + 1), DIAGONAL);
      sum.z += 0.5 * k.shear * (d * d + e * e);
    }
    if (i + 2 < COLUMNS) {
      let d = stretch_of(n, index(i + 2, j), 2.0 * DX);
      sum.z += 0.5 * k.bend * d * d;
    }
    if (j + 2 < ROWS) {
      let d = stretch_of(n, index(i, j + 2), 2.0 * DY);
      sum.z += 0.5 * k.bend * d * d;
    }
    var below = -p.y;
    if (BALL.w > 0.0) { below = max(below, BALL.w - length(p - BALL.xyz)); }
    high.y = max(high.y, below);
    high.z = max(high.z, length(v));
    if (pinned(i, j)) { high.w = max(high.w, length(p - initial(i, j))); }
  }
  sums[local] = sum;
  most[local] = high;
  workgroupBarrier();
  for (var half = 128u; half > 0u; half = half / 2u) {
    if (local < half) {
      sums[local] += sums[local + half];
      most[local] = max(most[local], most[local + half]);
    }
    workgroupBarrier();
  }
  if (local == 0u) {
    air[2u * COUNT] = sums[0];
    air[2u * COUNT + 1u] = most[0];
  }
}
