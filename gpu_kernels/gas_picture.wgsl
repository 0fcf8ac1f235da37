// The picture: every pixel looks into the grid for the discs that reach it, little balls of glass; the
// big disc's trail; walls, partition, piston.

fn count_of(which: u32) -> f32 { return f32(atomicLoad(&counters[which])); }

// kT of the discs now.
fn heat_now() -> f32 { return max(count_of(KINETIC) / PER * THERMAL / BODIES, 1e-9); }

// The share of discs in a bar of the chart, in per cent, if their speeds follow Maxwell and Boltzmann.
fn maxwell_of(v: f32) -> f32 {
  let heat = heat_now();
  let of_first = MASS.x * v / heat * exp(-0.5 * MASS.x * v * v / heat);
  let of_second = MASS.y * v / heat * exp(-0.5 * MASS.y * v * v / heat);
  let share = f32(FIRST) / f32(GRID_THINGS);
  return 100.0 * FASTEST / f32(BAR_COUNT) * (share * of_first + (1.0 - share) * of_second);
}

fn measured_bar(i: u32) -> f32 { return 100.0 * count_of(BARS + i) / f32(GRID_THINGS); }

fn place_at(pixel: vec2f) -> vec2f {
  let q = (pixel - MIDDLE) / UNIT;
  return vec2f(q.x, -q.y);
}

fn ball(q: vec2f, base: vec3f, pixels_of: f32) -> vec3f {
  let rr = dot(q, q);
  if (pixels_of < 2.0) { return base * 1.05; }
  let n = vec3f(q, sqrt(max(1.0 - rr, 0.0)));
  let key = vec3f(-0.48, 0.62, 0.62);
  let lit = max(dot(n, key), 0.0);
  let shine = pow(max(dot(n, vec3f(-0.267, 0.345, 0.900)), 0.0), 48.0);
  let through = pow(max(dot(n, vec3f(0.48, -0.62, 0.62)), 0.0), 3.0);
  let rim = pow(1.0 - n.z, 2.0);
  return base * (0.34 + 0.62 * lit) + mix(base, vec3f(1.0), 0.30) * (0.34 * through + 0.22 * rim)
    + vec3f(0.85 * shine);
}

fn disc_tone(i: u32, speed: f32) -> vec3f {
  if (COLOUR_BY == 1u) { return palette(select(0.16, 0.84, is_first(i))); }
  return palette(0.20 + 0.80 * clamp(speed / (2.2 * SPEED), 0.0, 1.0));
}

fn seen_at(p: vec2f) -> vec4f {
  let most = max(RADIUS.x, RADIUS.y) + 1.0 / UNIT + DRIFT;
  let block = Block(grid_at(p - most), grid_at(p + most));
  // Discs hardly overlap: the one that covers most is seen.
  var cover = 0.0;
  var seen_q = vec2f(0.0);
  var seen_speed = 0.0;
  var seen = 0u;
  for (var row = block.low.y; row <= block.high.y; row++) {
    let run = grid_run(block, row);
    for (var k = run.first; k < run.first + run.count; k++) {
      let i = grid_number(k);
      let a = discs[i];
      let r = radius_of(i);
      let d = p - a.xy;
      let c = (r - length(d)) * UNIT + 0.5;
      if (c > cover) {
        cover = c;
        seen_q = d / r;
        seen_speed = dot(a.zw, a.zw);
        seen = i;
      }
    }
  }
  let r = radius_of(seen);
  cover = min(cover, 1.0) * min(1.0, 2.0 * r * UNIT);
  if (cover == 0.0) { return vec4f(0.0); }
  return vec4f(cover * ball(seen_q, disc_tone(seen, sqrt(seen_speed)), r * UNIT), cover);
}

// The way of the big disc: its pixels remember when it passed.
@compute @workgroup_size(64)
fn trace(@builtin(local_invocation_index) me: u32) {
  let from_place = tracer[1].xy;
  let to_place = tracer[0].xy;
  let a = MIDDLE + vec2f(from_place.x, -from_place.y) * UNIT;
  let b = MIDDLE + vec2f(to_place.x, -to_place.y) * UNIT;
  if (uniforms.frame > 0u && is_finite(b.x) && is_finite(b.y)) {
    let low = max(vec2i(floor(min(a, b) - 2.0)), vec2i(0));
    let high = min(vec2i(ceil(max(a, b) + 2.0)), vec2i(vec2u(uniforms.width, uniforms.height)) - 1);
    let wide = high.x - low.x + 1;
    let count = max(wide, 0) * max(high.y - low.y + 1, 0);
    for (var k = i32(me); k < min(count, 60000); k += 64) {
      let at = low + vec2i(k % wide, k / wide);
      let along = b - a;
      let from_a = vec2f(at) + 0.5 - a;
      let t = clamp(dot(from_a, along) / max(dot(along, along), 1e-9), 0.0, 1.0);
      let ink = clamp(1.6 - length(from_a - t * along), 0.0, 1.0);
      let mark = i32(uniforms.frame) * 256 + i32(round(255.0 * ink));
      if (ink > 0.0) { atomicMax(&counters[TRAIL + u32(at.y) * uniforms.width + u32(at.x)], mark); }
    }
  }
}

// A pass of its own, so that no invocation reads what another writes.
@compute @workgroup_size(1)
fn mark_place() {
  tracer[1] = tracer[0];
}

fn over(colour: vec3f, p: vec2f, i: u32) -> vec3f {
  var found = colour;
  if (TRACER > 0.0) {
    let mark = atomicLoad(&counters[TRAIL + i]);
    if (mark > 0) {
      let age = f32(i32(uniforms.frame) - mark / 256) / 30.0;
      let ink = f32(mark % 256) / 255.0 * (0.25 + 0.75 * exp(-age / 4.0));
      found = mix(found, vec3f(1.0, 0.86, 0.55), 0.85 * ink);
    }
    let q = (p - tracer[0].xy) / TRACER;
    let c = clamp((1.0 - length(q)) * TRACER * UNIT + 0.5, 0.0, 1.0);
    if (c > 0.0) { found = mix(found, ball(q, vec3f(0.95, 0.72, 0.36), TRACER * UNIT), c); }
  }
  return found;
}

@compute @workgroup_size(8, 8)
fn show(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let i = id.y * uniforms.width + id.x;
  let pixel = vec2f(id.xy) + 0.5;
  let p = place_at(pixel);
  let wall = right_wall(uniforms.time);
  // How far inside the box, in pixels.
  let inside = min(min(p.x + 0.5 * BOX.x, wall - p.x), 0.5 * BOX.y - abs(p.y)) * UNIT;
  let q = p / BOX;
  var colour = vec3f(0.050, 0.056, 0.092);
  if (inside > 0.0) {
    colour = vec3f(0.020, 0.026, 0.060) + vec3f(0.030, 0.036, 0.070) * (1.0 - 1.6 * dot(q, q));
    let seen = seen_at(p);
    if (seen.w > 0.0) { colour = mix(colour, seen.xyz / seen.w, min(seen.w, 1.0)); }
    colour = over(colour, p, i);
  } else if (PISTON > 0.0 && p.x > wall && p.x < 0.5 * BOX.x && abs(p.y) < 0.5 * BOX.y) {
    let thick = (p.x - wall) * UNIT;
    let rod = abs(p.y) < 0.06 * BOX.y;
    if (thick < 9.0 || rod) {
      let round_of = select(1.0 - abs(thick - 4.5) / 6.0, 1.0 - abs(p.y) / (0.075 * BOX.y), rod && thick >= 9.0);
      colour = vec3f(0.52, 0.56, 0.64) * (0.35 + 0.75 * round_of);
    }
  }
  if (PARTITION > 0u && uniforms.time < PARTITION_UNTIL && inside > 0.0) {
    let gap = select(0.0, HOLE, PARTITION > 1u);
    let closed = clamp((abs(p.y) - gap) * UNIT + 0.5, 0.0, 1.0);
    colour = mix(colour, vec3f(0.72, 0.82, 0.95), 0.85 * closed * clamp(1.8 - abs(p.x) * UNIT, 0.0, 1.0));
    if (PARTITION == 3u) {
      let door = clamp(1.3 - abs(p.x) * UNIT, 0.0, 1.0) * (1.0 - closed);
      colour = mix(colour, vec3f(1.0, 0.45, 0.30), 0.8 * door);
    }
  }
  let edge = clamp(1.6 - abs(inside + 0.6), 0.0, 1.0);
  colour = mix(colour, vec3f(0.50, 0.58, 0.74), 0.9 * edge);
  let glow = exp(-max(abs(inside) - 1.0, 0.0) / 5.0) * 0.10;
  colour += vec3f(0.40, 0.55, 0.95) * glow;
  pixels[i] = pack_rgba(colour + (random(i, 0u, 77u) - 0.5) / 255.0);
}
