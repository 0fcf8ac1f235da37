// Fourier transforms, there and back with a band of frequencies that grows from frame to frame.

@compute @workgroup_size(64)
fn fill(@builtin(global_invocation_id) id: vec3u) {
  let n = flat(id);
  if (n < HEIGHT * ACROSS && MAKE_A) { values[n] = value_of(f32(n / ACROSS), f32(n % ACROSS)); }
}

// Distance of a frequency from 0, in waves across the picture.
fn waves(n: u32) -> f32 {
  let x = n % ACROSS;
  let y = n / ACROSS;
  let fx = f32(min(x, ACROSS - x));
  let fy = f32(min(y, HEIGHT - y));
  return sqrt(fx * fx + fy * fy);
}

// The last round keeps everything.
fn band(done: u32) -> f32 {
  if (done >= ROUNDS) { return 1e9; }
  // A little beyond the corner, so that no edge of a band falls on a wave.
  let far = 0.5037 * sqrt(f32(ACROSS) * f32(ACROSS) + f32(HEIGHT) * f32(HEIGHT));
  return exp(log(far) * f32(done) / f32(ROUNDS));
}

@compute @workgroup_size(64)
fn keep_band(@builtin(global_invocation_id) id: vec3u) {
  let n = flat(id);
  if (n >= HEIGHT * ACROSS) { return; }
  var v = first[n];
  if (ODD) { v = second[n]; }
  spectrum[n] = v;
  first[n] = select(vec2f(0.0), v, waves(n) <= band(slice_now() + 1u));
}

// After an odd number of passes the result is not where it belongs.
@compute @workgroup_size(64)
fn scale_back(@builtin(global_invocation_id) id: vec3u) {
  let n = flat(id);
  if (n < HEIGHT * ACROSS) { first[n] = second[n] * (1.0 / f32(HEIGHT * ACROSS)); }
}

var<workgroup> most: array<vec2f, 256>;

@compute @workgroup_size(256)
fn measure(@builtin(local_invocation_index) local: u32) {
  let total = HEIGHT * ACROSS;
  let stride = total / 65536u + 1u;
  var found = vec2f(0.0);
  for (var k = local * stride; k < total; k += 256u * stride) { found.x = max(found.x, abs(finite(values[k]))); }
  // The greatest frequencies are at the corners of the spectrum.
  for (var k = local; k < min(total, 16384u); k += 256u) { found.y = max(found.y, dot(spectrum[k], spectrum[k])); }
  most[local] = found;
  for (var half = 128u; half > 0u; half = half >> 1u) {
    workgroupBarrier();
    if (local < half) { most[local] = max(most[local], most[local + half]); }
  }
  if (local == 0u) {
    statistics[4] = most[0].x;
    statistics[5] = most[0].y;
    statistics[6] = select(0.0, min(band(rounds_done()), waves_most()), begun());
  }
}

fn waves_most() -> f32 { return 0.5 * sqrt(f32(ACROSS) * f32(ACROSS) + f32(HEIGHT * HEIGHT) * f32(HEIGHT > 1u)); }

// Six decades of power.
fn decades(n: u32) -> f32 {
  let power = dot(spectrum[n], spectrum[n]) / max(statistics[5], 1e-30);
  return clamp(1.0 + log(max(power, 1e-12)) / 16.0, 0.0, 1.0);
}

fn restored(n: u32) -> f32 { return first[n].x * select(0.0, 1.0, begun()); }

fn light_of(p: vec2f) -> vec3f {
  let e = p / picture();
  if (HEIGHT == 1u) { return lines_of(p, e); }
  let tall = 0.47 * f32(WIDE) / f32(HIGH);
  let low = select(0.5 - 0.5 * tall, 0.02, tall > 0.96);
  let left = share_in(e, vec2f(0.02, low), vec2f(0.49, 1.0 - low));
  let right = share_in(e, vec2f(0.51, low), vec2f(0.98, 1.0 - low));
  if (inside_unit(left)) {
    let at = u32(left.y * f32(HEIGHT)) * ACROSS + u32(left.x * f32(ACROSS));
    return heat(restored(at), statistics[4]) * 1.2;
  }
  if (inside_unit(right) && begun()) {
    // Frequency 0 in the middle.
    let x = (u32(right.x * f32(ACROSS)) + ACROSS / 2u) % ACROSS;
    let y = (u32(right.y * f32(HEIGHT)) + HEIGHT / 2u) % HEIGHT;
    let n = y * ACROSS + x;
    let known = waves(n) <= statistics[6];
    let d = (right - 0.5) * vec2f(f32(ACROSS), f32(HEIGHT));
    let ring = near_line((length(d) - statistics[6]) / f32(ACROSS) * 0.47 * f32(WIDE), 1.3 * thick());
    return linear(palette(0.5 + 0.5 * decades(n))) * select(0.10, 1.0, known) * decades(n) * 2.2 + WARM * ring;
  }
  return vec3f(0.0);
}

// One line: the signal above with what is restored of it, the spectrum below.
fn lines_of(p: vec2f, e: vec2f) -> vec3f {
  let upper = share_in(e, vec2f(0.04, 0.10), vec2f(0.96, 0.52));
  let lower = share_in(e, vec2f(0.04, 0.60), vec2f(0.96, 0.95));
  var light = vec3f(0.0);
  let tall = 0.42 * f32(HIGH);
  if (inside_unit(upper)) {
    let n = min(u32(upper.x * f32(ACROSS)), ACROSS - 1u);
    let next = min(u32((upper.x + 1.0 / (0.92 * f32(WIDE))) * f32(ACROSS)), ACROSS - 1u);
    let scale = 0.40 * tall / max(statistics[4], 1e-30);
    let y = (0.5 - upper.y) * tall;
    light += vec3f(0.25, 0.32, 0.5) * stroke(y, values[n] * scale, values[next] * scale, 1.2 * thick());
    light += linear(palette(0.8)) * 1.5 * stroke(y, restored(n) * scale, restored(next) * scale, 1.3 * thick());
  }
  if (inside_unit(lower) && begun()) {
    // Logarithmic: an octave is as wide as the next.
    let n = u32(exp(lower.x * log(f32(ACROSS) * 0.5)));
    let top = decades(n);
    let body = step(1.0 - lower.y, top);
    let known = select(0.12, 1.0, waves(n) <= statistics[6]);
    light += linear(palette(0.5 + 0.5 * top)) * body * known * (0.35 + 0.65 * (1.0 - lower.y));
  }
  return light;
}

fn stroke(y: f32, a: f32, b: f32, wide: f32) -> f32 {
  let away = max(max(min(a, b) - y, y - max(a, b)), 0.0);
  return near_line(away, wide);
}
