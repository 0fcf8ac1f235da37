// Matrices: a on the left, b above, and their product between them.

@compute @workgroup_size(64)
fn fill(@builtin(global_invocation_id) id: vec3u) {
  let n = flat(id);
  if (n < HEIGHT * INNER && MAKE_A) { a[n] = value_of(f32(n / INNER), f32(n % INNER)); }
  if (n < INNER * ACROSS && MAKE_B) { b[n] = other_of(f32(n / ACROSS), f32(n % ACROSS)); }
}

var<workgroup> most: array<f32, 256>;

fn fold_most(local: u32, value: f32) {
  workgroupBarrier();
  most[local] = value;
  for (var half = 128u; half > 0u; half = half >> 1u) {
    workgroupBarrier();
    if (local < half) { most[local] = max(most[local], most[local + half]); }
  }
  workgroupBarrier();
}

// The greatest sizes, of some hundred thousand entries at most: they only scale the colours.
@compute @workgroup_size(256)
fn measure(@builtin(local_invocation_index) local: u32) {
  let steps = vec3u(HEIGHT * INNER, INNER * ACROSS, HEIGHT * ACROSS) / 65536u + 1u;
  var value = vec3f(0.0);
  for (var k = local * steps.x; k < HEIGHT * INNER; k += 256u * steps.x) { value.x = max(value.x, abs(finite(a[k]))); }
  for (var k = local * steps.y; k < INNER * ACROSS; k += 256u * steps.y) { value.y = max(value.y, abs(finite(b[k]))); }
  for (var k = local * steps.z; k < HEIGHT * ACROSS; k += 256u * steps.z) { value.z = max(value.z, abs(finite(c[k]))); }
  for (var part = 0u; part < 3u; part++) {
    fold_most(local, value[part]);
    if (local == 0u) { statistics[4u + part] = most[0]; }
  }
}

fn light_of(p: vec2f) -> vec3f {
  let gap = 0.03;
  let e = p / picture();
  let c_at = share_in(e, vec2f(0.36, 0.36), vec2f(1.0 - gap, 1.0 - gap));
  let a_at = share_in(e, vec2f(gap, 0.36), vec2f(0.33, 1.0 - gap));
  let b_at = share_in(e, vec2f(0.36, gap), vec2f(1.0 - gap, 0.33));
  let swept = f32(min(rounds_done() * SLICE, INNER)) / f32(INNER);
  if (inside_unit(c_at)) {
    let at = u32(c_at.y * f32(HEIGHT)) * ACROSS + u32(c_at.x * f32(ACROSS));
    return heat(c[at], statistics[6]) * 1.15;
  }
  // What has been summed up so far is bright, and the slice at work a line of light.
  if (inside_unit(a_at)) {
    let at = u32(a_at.y * f32(HEIGHT)) * INNER + u32(a_at.x * f32(INNER));
    let line = near_line((a_at.x - swept) * 0.30 * f32(WIDE), 1.6 * thick()) * step(0.001, swept) * step(swept, 0.999);
    return heat(a[at], statistics[4]) * select(0.28, 0.9, a_at.x < swept) + WARM * line;
  }
  if (inside_unit(b_at)) {
    let at = u32(b_at.y * f32(INNER)) * ACROSS + u32(b_at.x * f32(ACROSS));
    let line = near_line((b_at.y - swept) * 0.30 * f32(HIGH), 1.6 * thick()) * step(0.001, swept) * step(swept, 0.999);
    return heat(b[at], statistics[5]) * select(0.28, 0.9, b_at.y < swept) + WARM * line;
  }
  return vec3f(0.0);
}
