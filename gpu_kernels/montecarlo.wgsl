// Monte Carlo: a batch of samples a round, counted and summed on the device.
// montecarlo.py writes the constants, `sample_of` and `tone`; the panels are rectangles in pixels.
// tally: 0 batches done, 1 fullest bin, 2 not a number, 3 below, 4 above the range, then the bins.
// history: of each batch samples, sum of z, of z squared, hits; then, after each batch, samples, mean,
// standard error and standard deviation; last the newest of these. z = (value - CENTRE) / SPREAD.

struct Sample { value: f32, x: f32, y: f32 }

var<workgroup> bins_here: array<atomic<u32>, SLOTS>;
var<workgroup> sums: array<vec4f, 256>;
var<workgroup> highest: array<u32, 256>;

// In (0, 1), in steps of 2^-23: neither end is ever met.
fn unit(word: u32) -> f32 { return (f32(i32(word >> 9u)) + 0.5) * (1.0 / 8388608.0); }

// In (0, 1], finest near 0, for logarithms.
fn fine_unit(word: u32) -> f32 { return (f32(word) + 0.5) * (1.0 / 4294967296.0); }

// Source: Box and Muller, 1958.
fn normal(a: u32, b: u32) -> f32 { return sqrt(-2.0 * log(fine_unit(a))) * cos(TAU * unit(b)); }

// Sequential search of the cumulative distribution; `zero` is the chance of 0.
fn poisson(u: f32, mean: f32, zero: f32) -> f32 {
  var probability = zero;
  var total = zero;
  var count = 0.0;
  for (var k = 1u; k < 256u; k++) {
    if (u <= total) { break; }
    count = f32(k);
    probability *= mean / count;
    total += probability;
  }
  return count;
}

fn triangular(u: f32, low: f32, left: f32, right: f32) -> f32 {
  let wide = left + right;
  let up = sqrt(u * wide * left);
  let down = wide - sqrt((1.0 - u) * wide * right);
  return low + select(down, up, u * wide < left);
}

// ---- the batches ----

fn part_of(n: u32) -> u32 { return (n >> 16u) * RATIO + (((n & 0xffffu) * RATIO) >> 16u); }

// How many samples there are before each batch: growing by a ratio, or evenly.
@compute @workgroup_size(1)
fn arrange() {
  var left = SAMPLES;
  for (var b = BATCHES; b > 0u; b--) {
    schedule[b] = left;
    if (GROWING) {
      left = min(part_of(left), left - min(left, 1u));
    } else {
      left -= left / b;
    }
  }
  schedule[0] = 0u;
}

// Past the last one they begin anew: a film never comes there, a measurement of speed may.
fn batch() -> u32 { return atomicLoad(&tally[0]); }

fn samples_done() -> u32 { return schedule[min(batch(), BATCHES)]; }

@compute @workgroup_size(64)
fn take_samples(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  // WebGPU promises zeros here; not every driver below it keeps the promise.
  for (var k = local; k < SLOTS; k += 64u) { atomicStore(&bins_here[k], 0u); }
  workgroupBarrier();
  let b = batch() % BATCHES;
  let first = schedule[b];
  let count = schedule[b + 1u] - first;
  let key = hash(uniforms.seed);
  var hits = 0u;
  var sum = vec2f(0.0);
  // Several samples a turn: a turn itself costs as much as a sample.
  for (var k = id.x; k < count; k += UNROLLED * THREADS) {
TURNS
  }
  sums[local] = vec4f(sum, f32(hits), 0.0);
  for (var half = 32u; half > 0u; half = half >> 1u) {
    workgroupBarrier();
    if (local < half) { sums[local] += sums[local + half]; }
  }
  if (local == 0u) { partials[group.x] = sums[0]; }
  if (!HITS) {
    for (var k = local; k < SLOTS; k += 64u) {
      let found = atomicLoad(&bins_here[k]);
      if (found > 0u) { atomicAdd(&tally[2u + k], found); }
    }
  }
}

// Slot of a value: 0 no number, 1 below, 2 above, then the bins.
fn slot_of(value: f32) -> u32 {
  let place = clamp(floor((value - LOW) * (1.0 / BIN)), -1.0, f32(BINS));
  let bin = 3u + u32(max(place, 0.0));
  let inside = select(select(bin, 2u, place >= f32(BINS)), 1u, place < 0.0);
  return select(0u, inside, is_finite(value));
}

@compute @workgroup_size(256)
fn collect(@builtin(local_invocation_index) local: u32) {
  let b = batch() % BATCHES;
  var mine = vec4f(0.0);
  for (var k = local; k < GROUPS; k += 256u) { mine += partials[k]; }
  add_up(local, mine);
  if (local == 0u) {
    history[b] = vec4f(f32(schedule[b + 1u] - schedule[b]), sums[0].xyz);
  }
  storageBarrier();
  workgroupBarrier();
  mine = vec4f(0.0);
  for (var k = local; k <= b; k += 256u) { mine += history[k]; }
  add_up(local, mine);
  let total = sums[0];
  if (HITS && local == 0u) {
    let missed = history[b].x - history[b].w;
    atomicAdd(&tally[5], u32(missed));
    atomicAdd(&tally[6], u32(history[b].w));
  }
  storageBarrier();
  workgroupBarrier();
  var most = 0u;
  for (var k = local; k < BINS; k += 256u) { most = max(most, atomicLoad(&tally[5u + k])); }
  highest[local] = most;
  for (var half = 128u; half > 0u; half = half >> 1u) {
    workgroupBarrier();
    if (local < half) { highest[local] = max(highest[local], highest[local + half]); }
  }
  if (local == 0u) {
    let now = state_of(total);
    history[BATCHES + b] = now;
    history[2u * BATCHES] = now;
    atomicStore(&tally[0], batch() + 1u);
    atomicStore(&tally[1], highest[0]);
  }
}

// Samples, mean, standard error, standard deviation.
fn state_of(total: vec4f) -> vec4f {
  let n = max(total.x, 1.0);
  if (HITS) {
    let p = total.w / n;
    let apart = FACTOR * sqrt(max(p * (1.0 - p), 0.0));
    return vec4f(total.x, FACTOR * p, abs(apart) / sqrt(n), abs(apart));
  }
  // What is no number is in the count, and in a check.
  let z = total.y / n;
  let apart = SPREAD * sqrt(max(total.z / n - z * z, 0.0));
  return vec4f(total.x, CENTRE + SPREAD * z, apart / sqrt(n), apart);
}

fn add_up(local: u32, mine: vec4f) {
  workgroupBarrier();
  sums[local] = mine;
  for (var half = 128u; half > 0u; half = half >> 1u) {
    workgroupBarrier();
    if (local < half) { sums[local] += sums[local + half]; }
  }
  workgroupBarrier();
}

// ---- the picture ----

// Leaves the newest batch as dots: how many on a pixel, and the sum of their tones.
@compute @workgroup_size(64)
fn cast_dots(@builtin(global_invocation_id) id: vec3u) {
  let b = min(batch(), BATCHES) - 1u;
  let i = schedule[b] + id.x;
  if (i >= min(schedule[b + 1u], SHOWN)) { return; }
  let one = sample_of(i, hash(uniforms.seed));
  let e = (vec2f(one.x, one.y) - DOMAIN.xy) / (DOMAIN.zw - DOMAIN.xy);
  let at = MAIN.xy + vec2f(e.x, 1.0 - e.y) * (MAIN.zw - MAIN.xy);
  let ink = vec2u(16u, u32(16.0 * 255.0 * tone_of(one.value)));
  // The first ones are large, so that few of them are to be seen.
  let wide = select(0, 1, i < BIG);
  let middle = vec2i(floor(at));
  for (var y = -wide; y <= wide; y++) {
    for (var x = -wide; x <= wide; x++) {
      let p = middle + vec2i(x, y);
      let inside = f32(p.x) >= MAIN.x && f32(p.x) < MAIN.z && f32(p.y) >= MAIN.y && f32(p.y) < MAIN.w;
      if (inside) {
        let cell = 2u * (u32(p.y) * WIDE + u32(p.x));
        let share = 1u + u32(abs(x)) * 3u + u32(abs(y)) * 3u;
        atomicAdd(&dots[cell], ink.x / share);
        atomicAdd(&dots[cell + 1u], ink.y / share);
      }
    }
  }
}

fn tone_of(value: f32) -> f32 {
  if (HITS) { return select(0.28, 0.72, value != 0.0); }
  return clamp((value - LOW) / (HIGH_END - LOW), 0.0, 1.0);
}

fn in_panel(p: vec2f, panel: vec4f) -> bool { return all(p >= panel.xy) && all(p < panel.zw); }

fn line_light(away: f32, wide: f32) -> f32 {
  let d = away / wide;
  return exp(-d * d);
}

fn ground_at(at: vec2i) -> vec3f {
  let p = vec2f(at) + 0.5;
  let e = (p - 0.5 * vec2f(f32(WIDE), f32(HIGH))) / f32(min(WIDE, HIGH));
  var colour = linear(uniforms.background.xyz) * (0.35 + 0.65 * exp(-1.8 * dot(e, e)));
  if (in_panel(p, MAIN) || in_panel(p, STRIP)) { colour = colour * 1.5 + vec3f(0.0008, 0.001, 0.0014); }
  return colour;
}

// Each panel is a pass of its own: lavapipe runs every branch for every pixel of a pass.
fn pixel_of(id: vec3u, panel: vec4f) -> vec2i { return vec2i(id.xy) + vec2i(panel.xy); }

@compute @workgroup_size(8, 8)
fn light_dots(@builtin(global_invocation_id) id: vec3u) {
  let at = pixel_of(id, MAIN);
  if (f32(at.x) >= MAIN.z || f32(at.y) >= MAIN.w) { return; }
  add_amount(at, dots_light(u32(at.y) * WIDE + u32(at.x)));
}

@compute @workgroup_size(8, 8)
fn light_bars(@builtin(global_invocation_id) id: vec3u) {
  let at = pixel_of(id, MAIN);
  if (f32(at.x) >= MAIN.z || f32(at.y) >= MAIN.w) { return; }
  add_amount(at, bars_light(vec2f(at) + 0.5));
}

// One column of the convergence panel an invocation.
@compute @workgroup_size(64)
fn light_convergence(@builtin(global_invocation_id) id: vec3u) {
  let x = i32(CURVE.x) + i32(id.x);
  if (f32(x) >= CURVE.z) { return; }
  convergence_column(x);
}

fn dots_light(i: u32) -> vec3f {
  let count = f32(atomicLoad(&dots[2u * i])) / 16.0;
  if (count == 0.0) { return vec3f(0.0); }
  let t = f32(atomicLoad(&dots[2u * i + 1u])) / (16.0 * 255.0 * count);
  let strength = 1.0 - exp(-1.6 * count);
  return linear(palette(t)) * strength * 1.35;
}

// The curve of the normal distribution with the same mean and standard deviation.
fn fit_at(x: f32, now: vec4f) -> f32 {
  let z = (x - now.y) / max(now.w, 1e-30);
  return now.x * BIN / max(now.w, 1e-30) * 0.3989423 * exp(-0.5 * z * z);
}

fn bars_light(p: vec2f) -> vec3f {
  let size = MAIN.zw - MAIN.xy;
  let e = (p - MAIN.xy) / size;
  let now = history[2u * BATCHES];
  let peak = max(f32(atomicLoad(&tally[1])), 1.0) * 1.12;
  let x = LOW + e.x * (HIGH_END - LOW);
  let place = clamp(e.x * f32(BINS), 0.0, f32(BINS) - 0.01);
  let bin = u32(place);
  let count = f32(atomicLoad(&tally[5u + bin]));
  let tall = count / peak * size.y;
  let above = MAIN.w - p.y;
  // Bars with a gap where they are wide enough for one.
  let wide = size.x / f32(BINS);
  let edge = min(fract(place), 1.0 - fract(place)) * wide;
  let gap = clamp(edge - select(0.0, max(0.5, 0.08 * wide), wide > 4.0) + 0.5, 0.0, 1.0);
  let body = clamp(tall - above + 0.5, 0.0, 1.0) * gap;
  let rise = clamp(above / max(tall, 1.0), 0.0, 1.0);
  let t = 0.2 + 0.62 * f32(bin) / max(f32(BINS) - 1.0, 1.0);
  var light = linear(palette(t)) * (0.16 + 0.75 * rise * rise) * body;
  light += linear(palette(t)) * 1.3 * line_light(above - tall, 1.3 * thick()) * gap * step(0.5, count);
  if (FIT && now.x > 1.0 && now.w > 0.0) {
    let f = fit_at(x, now) / peak * size.y;
    let slope = -f * (x - now.y) / (now.w * now.w) * (HIGH_END - LOW) / size.x;
    light += vec3f(1.0, 0.93, 0.75) * 1.1 * line_light((above - f) / sqrt(1.0 + slope * slope), 1.1 * thick());
  }
  // The mean, and a bar one standard deviation to each side.
  let middle = MAIN.x + (now.y - LOW) / (HIGH_END - LOW) * size.x;
  light += vec3f(1.0, 0.85, 0.4) * 1.2 * line_light(p.x - middle, 1.0 * thick()) * step(0.06, e.y);
  let reach = now.w / (HIGH_END - LOW) * size.x;
  let level = MAIN.y + 0.06 * size.y;
  let whisker = line_light(p.y - level, thick()) * clamp(reach - abs(p.x - middle) + 1.0, 0.0, 1.0);
  let tip = line_light(abs(p.x - middle) - reach, thick()) * clamp(4.0 * thick() - abs(p.y - level) + 1.0, 0.0, 1.0);
  light += vec3f(1.0, 0.85, 0.4) * max(whisker, tip);
  return light;
}

fn thick() -> f32 { return f32(min(WIDE, HIGH)) / 512.0; }

fn samples_at(panel: vec4f, x: f32) -> f32 {
  return exp(mix(LOG_FIRST, LOG_LAST, (x - panel.x) / (panel.z - panel.x)));
}

// The last batch that ends with at most n samples.
fn batch_at(n: f32) -> u32 {
  var low = 0u;
  var high = BATCHES;
  for (var k = 0; k < 20; k++) {
    let middle = (low + high + 1u) / 2u;
    if (low < high) {
      if (f32(schedule[middle]) <= n) { low = middle; } else { high = middle - 1u; }
    }
  }
  return low;
}

// Mean and standard error after n samples, between the batches before and after.
fn state_at(n: f32) -> vec2f {
  let done = min(batch(), BATCHES);
  let k = batch_at(n);
  let after = history[BATCHES + min(k, done - 1u)];
  if (k == 0u) { return after.yz; }
  let before = history[BATCHES + min(k, done) - 1u];
  if (after.x <= before.x) { return before.yz; }
  let t = clamp((log(n) - log(before.x)) / (log(after.x) - log(before.x)), 0.0, 1.0);
  return mix(before.yz, after.yz, t);
}

fn convergence_column(x: i32) {
  let panel = CURVE;
  let px = f32(x) + 0.5;
  let now = history[2u * BATCHES];
  let unit_pixels = (panel.w - panel.y) / (2.0 * REACH_VALUE);
  let middle = 0.5 * (panel.y + panel.w);
  if (KNOWN) {
    let y = middle - (EXACT - AIM) * unit_pixels;
    let dash = step(fract((px - panel.x) / (10.0 * thick())), 0.6);
    glow_line(x, y, 0.0, 0.9, vec3f(0.25, 0.9, 0.65) * 0.55 * dash);
  }
  let n = samples_at(panel, px);
  if (n > now.x * 1.0001) { return; }
  let here = state_at(n);
  let next = state_at(min(samples_at(panel, px + 1.0), now.x));
  let y = middle - (here.x - AIM) * unit_pixels;
  let slope = (next.x - here.x) * unit_pixels;
  let reach = max(2.0 * here.y * unit_pixels, 0.001);
  let ink = linear(palette(0.55));
  let low = max(i32(floor(y - reach)), i32(panel.y));
  let high = min(i32(ceil(y + reach)), i32(panel.w) - 1);
  for (var row = low; row <= high; row++) {
    let band = clamp(reach - abs(f32(row) + 0.5 - y) + 0.5, 0.0, 1.0);
    add_amount(vec2i(x, row), ink * (0.13 * band));
  }
  glow_line(x, y - reach, slope, 0.8, ink * 0.35);
  glow_line(x, y + reach, slope, 0.8, ink * 0.35);
  glow_line(x, y, slope, 1.1, vec3f(1.0, 0.85, 0.4) * 1.3);
  let head = panel.x + (log(max(now.x, 1.0)) - LOG_FIRST) / (LOG_LAST - LOG_FIRST) * (panel.z - panel.x);
  let fade = exp(-square(head - px) / (6.0 * thick() * thick()));
  glow_line(x, middle - (now.y - AIM) * unit_pixels, 0.0, 2.4, vec3f(1.0, 0.9, 0.6) * 1.6 * fade);
}

// The light of a line through one column: `wide` in pixels of a 512 picture.
fn glow_line(x: i32, y: f32, slope: f32, wide: f32, colour: vec3f) {
  let steep = sqrt(1.0 + slope * slope);
  let reach = min(2.5 * wide * thick() * steep, 200.0);
  let low = max(i32(floor(y - reach)), i32(CURVE.y));
  let high = min(i32(ceil(y + reach)), i32(CURVE.w) - 1);
  for (var row = low; row <= high; row++) {
    add_amount(vec2i(x, row), colour * line_light((f32(row) + 0.5 - y) / steep, wide * thick()));
  }
}
