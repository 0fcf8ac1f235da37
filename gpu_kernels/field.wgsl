// Fields on a grid of square cells, row 0 at the bottom. The builder (field_wgsl.py) writes before
// this: COLUMNS, ROWS, CELLS, FIELDS, CONTOURS, RELIEF, STRIP; state_at(index), shown_at(column, row),
// walled_at(column, row), range(), longest_step() and palette(t); and the entry points begin and
// advance_<n>, which know the formulas.

const GROUPS: u32 = 64u;
const THREADS: u32 = 64u;

var<workgroup> sums: array<vec4f, 64>;
var<workgroup> least: array<vec4f, 64>;
var<workgroup> most: array<vec4f, 64>;
var<workgroup> picture: array<vec4f, 64>;

// The shown value of every cell, and what one workgroup saw of it and of the fields:
// sums, minima, maxima of four fields, then (sum, minimum, maximum) of what is shown.
@compute @workgroup_size(64)
fn measure(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  var sum = vec4f(0.0);
  var low = vec4f(3e38);
  var high = vec4f(-3e38);
  var seen = vec4f(0.0, 3e38, -3e38, 0.0);
  for (var cell = group.x * THREADS + local; cell < CELLS; cell += GROUPS * THREADS) {
    let value = shown_at(i32(cell % COLUMNS), i32(cell / COLUMNS));
    shown[cell] = value;
    if (is_finite(value) && !walled_at(cell % COLUMNS, cell / COLUMNS)) {
      seen = vec4f(seen.x + value, min(seen.y, value), max(seen.z, value), seen.w + 1.0);
    }
    for (var k = 0u; k < FIELDS; k++) {
      let one = state_at(k * CELLS + cell);
      if (is_finite(one)) {
        sum[k] += one;
        low[k] = min(low[k], one);
        high[k] = max(high[k], one);
      }
    }
  }
  sums[local] = sum;
  least[local] = low;
  most[local] = high;
  picture[local] = seen;
  workgroupBarrier();
  for (var half = THREADS / 2u; half > 0u; half = half / 2u) {
    if (local < half) {
      sums[local] += sums[local + half];
      least[local] = min(least[local], least[local + half]);
      most[local] = max(most[local], most[local + half]);
      picture[local] = joined(picture[local], picture[local + half]);
    }
    workgroupBarrier();
  }
  if (local == 0u) {
    parts[group.x * 4u] = sums[0];
    parts[group.x * 4u + 1u] = least[0];
    parts[group.x * 4u + 2u] = most[0];
    parts[group.x * 4u + 3u] = picture[0];
  }
}

fn joined(a: vec4f, b: vec4f) -> vec4f {
  return vec4f(a.x + b.x, min(a.y, b.y), max(a.z, b.z), a.w + b.w);
}

// Four numbers each: means, minima, maxima of the fields; mean, minimum, maximum of the picture.
@compute @workgroup_size(1)
fn summarize() {
  var sum = parts[0];
  var low = parts[1];
  var high = parts[2];
  var seen = parts[3];
  for (var group = 1u; group < GROUPS; group++) {
    sum += parts[group * 4u];
    low = min(low, parts[group * 4u + 1u]);
    high = max(high, parts[group * 4u + 2u]);
    seen = joined(seen, parts[group * 4u + 3u]);
  }
  for (var k = 0u; k < 4u; k++) {
    statistics[k] = sum[k] / f32(CELLS);
    statistics[4u + k] = low[k];
    statistics[8u + k] = high[k];
  }
  statistics[12] = seen.x / max(seen.w, 1.0);
  statistics[13] = seen.y;
  statistics[14] = seen.z;
  statistics[15] = uniforms.dt / longest_step();
}

fn sample(place: vec2f) -> f32 {
  let limit = vec2f(f32(COLUMNS - 1u), f32(ROWS - 1u));
  let p = clamp(place * vec2f(f32(COLUMNS), f32(ROWS)) - 0.5, vec2f(0.0), limit);
  let c = vec2u(min(p, max(limit - 1.0, vec2f(0.0))));
  let w = p - vec2f(c);
  let first = c.y * COLUMNS + c.x;
  let low = mix(shown[first], shown[first + 1u], w.x);
  let high = mix(shown[first + COLUMNS], shown[first + COLUMNS + 1u], w.x);
  return mix(low, high, w.y);
}

@compute @workgroup_size(8, 8)
fn paint(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let size = vec2f(f32(uniforms.width), f32(uniforms.height));
  let place = vec2f(f32(id.x), size.y - 1.0 - f32(id.y)) + 0.5;
  let room = vec2f(size.x - STRIP * size.x, size.y);
  let scale = min(room.x / f32(COLUMNS), room.y / f32(ROWS));
  let extent = vec2f(f32(COLUMNS), f32(ROWS)) * scale;
  let corner = (room - extent) * 0.5;
  let view = ((place - corner) / extent - 0.5 - uniforms.pan) / uniforms.zoom + 0.5;
  var colour = vec3f(0.035, 0.043, 0.063);
  let inside = all(view == clamp(view, vec2f(0.0), vec2f(1.0)));
  if (all(place >= corner) && all(place < corner + extent) && inside) {
    colour = colour_at(view, 1.0 / (extent * uniforms.zoom), extent.x, id.x + id.y);
  }
  pixels[id.y * uniforms.width + id.x] = pack_rgba(colour);
}

fn colour_at(view: vec2f, pixel: vec2f, extent: f32, stripe: u32) -> vec3f {
  let cell = min(vec2u(view * vec2f(f32(COLUMNS), f32(ROWS))), vec2u(COLUMNS - 1u, ROWS - 1u));
  if (walled_at(cell.x, cell.y)) { return WALL; }
  let value = sample(view);
  // Where a field is no number the picture says so.
  if (!is_finite(value)) { return select(ALARM, ALARM_DARK, (stripe & 8u) == 0u); }
  let bounds = range();
  let span = bounds.y - bounds.x;
  let level = (value - bounds.x) / span;
  if (RELIEF == 0.0 && CONTOURS == 0.0) { return palette(finite(level)); }
  let right = finite((sample(view + vec2f(pixel.x, 0.0)) - bounds.x) / span);
  let up = finite((sample(view + vec2f(0.0, pixel.y)) - bounds.x) / span);
  return shaded(finite(level), vec2f(right, up) - level, extent);
}

// The palette's colour, lit from the upper left where there is relief, with contour lines.
fn shaded(level: f32, slope: vec2f, extent: f32) -> vec3f {
  var colour = palette(level);
  if (RELIEF > 0.0) {
    let tilt = slope * extent * RELIEF * 0.25;
    let light = (0.6 * tilt.x - 0.6 * tilt.y + 0.53) / sqrt(1.0 + dot(tilt, tilt)) / 0.53;
    let gloss = pow(clamp(light - 0.9, 0.0, 1.0), 2.0);
    colour = colour * clamp(light, 0.25, 1.6) + vec3f(gloss * 0.25);
  }
  if (CONTOURS > 0.0) {
    let steep = max(length(slope) * CONTOURS, 1e-6);
    let distance = abs(fract(level * CONTOURS + 0.5) - 0.5) / steep;
    let line = (1.0 - smoothstep(0.4, 1.4, distance)) * smoothstep(0.0, 0.004, steep);
    colour = mix(colour, vec3f(1.0), 0.35 * line);
  }
  return colour;
}
