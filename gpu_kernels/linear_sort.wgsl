// A bitonic network over pairs of key and place: equal keys stay in their order. Source: Batcher,
// "Sorting Networks and Their Applications", AFIPS 1968.

@compute @workgroup_size(64)
fn fill(@builtin(global_invocation_id) id: vec3u) {
  let n = flat(id);
  if (n < ACROSS && MAKE_A) { values[n] = value_of(0.0, f32(n)); }
}

// Keys as whole numbers in the same order; what is beyond the end or no number comes last.
@compute @workgroup_size(64)
fn make_pairs(@builtin(global_invocation_id) id: vec3u) {
  let n = flat(id);
  if (n >= PADDED) { return; }
  var key = 0xffffffffu;
  if (n < ACROSS) {
    let bits = bitcast<u32>(values[n]);
    key = select(bits | 0x80000000u, ~bits, (bits & 0x80000000u) != 0u);
    key = select(key, 0xfffffffeu, (bits & 0x7fffffffu) > 0x7f800000u);
    if ((bits & 0x7fffffffu) == 0u) { key = 0x80000000u; }
  }
  pairs[n] = vec2u(key, n);
}

fn behind(a: vec2u, b: vec2u) -> bool { return a.x > b.x || (a.x == b.x && a.y > b.y); }

// Of a still picture: which stage this pass is, from 1 on.
override STAGE: u32 = 0u;

// The film's rounds are spread evenly over the network's; a round may have nothing to do.
@compute @workgroup_size(64)
fn exchange(@builtin(global_invocation_id) id: vec3u) {
  let i = flat(id);
  let now = select(stage_of(uniforms.step + 1u), STAGE, STAGE > 0u);
  if (i >= PADDED / 2u || (STAGE == 0u && now == stage_of(uniforms.step))) { return; }
  var left = now - 1u;
  var level = 1u;
  for (; left >= level && level < 32u; level++) { left -= level; }
  let distance = 1u << (level - 1u - left);
  let low = (i / distance) * (2u * distance) + i % distance;
  // The first step of a level compares from both ends, so that all others go upwards.
  let high = select(low + distance, low ^ (2u * distance - 1u), left == 0u);
  let a = pairs[low];
  let b = pairs[high];
  if (behind(a, b)) {
    pairs[low] = b;
    pairs[high] = a;
  }
}

// Stages done after so many rounds; rounds and stages are below 65,536.
fn stage_of(round: u32) -> u32 {
  if (round >= ROUNDS) { return STAGES; }
  return round * STAGES / ROUNDS;
}

@compute @workgroup_size(64)
fn reveal(@builtin(global_invocation_id) id: vec3u) {
  let n = flat(id);
  if (n >= ACROSS) { return; }
  let place = min(pairs[n].y, ACROSS - 1u);
  ordered[n] = values[place];
  order[n] = pairs[n].y;
}

var<workgroup> ends: array<vec2f, 256>;

@compute @workgroup_size(256)
fn measure(@builtin(local_invocation_index) local: u32) {
  let stride = ACROSS / 65536u + 1u;
  var found = vec2f(3e38, -3e38);
  for (var k = local * stride; k < ACROSS; k += 256u * stride) {
    let v = finite(values[k]);
    found = vec2f(min(found.x, v), max(found.y, v));
  }
  ends[local] = found;
  for (var half = 128u; half > 0u; half = half >> 1u) {
    workgroupBarrier();
    if (local < half) {
      ends[local] = vec2f(min(ends[local].x, ends[local + half].x), max(ends[local].y, ends[local + half].y));
    }
  }
  if (local == 0u) {
    statistics[1] = ends[0].x;
    statistics[2] = ends[0].y;
    statistics[6] = select(f32(stage_of(uniforms.step)), f32(STAGES), STILL);
  }
}

fn light_of(p: vec2f) -> vec3f {
  let e = share_in(p / picture(), vec2f(0.03, 0.10), vec2f(0.97, 0.97));
  if (!inside_unit(e)) { return vec3f(0.0); }
  let place = e.x * f32(ACROSS);
  let n = min(u32(place), ACROSS - 1u);
  let t = (ordered[n] - statistics[1]) / max(statistics[2] - statistics[1], 1e-30);
  let wide = 0.94 * f32(WIDE) / f32(ACROSS);
  let edge = min(fract(place), 1.0 - fract(place)) * wide;
  let gap = select(1.0, clamp(edge - 0.08 * wide + 0.5, 0.0, 1.0), wide > 4.0);
  let top = 0.02 + 0.97 * t;
  let above = 1.0 - e.y;
  let tall = 0.87 * f32(HIGH);
  let body = clamp((top - above) * tall + 0.5, 0.0, 1.0) * gap;
  let crest = near_line((above - top) * tall, 1.8 * thick()) * gap;
  let ink = linear(palette(0.97 * t));
  return ink * (0.10 + 0.62 * square(above / max(top, 0.01))) * body + ink * 1.5 * crest;
}
