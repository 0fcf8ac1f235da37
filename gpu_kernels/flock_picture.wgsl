// The picture: a ground that is painted once, and a little shape for everyone, added up with integer
// atomics: colour times cover, and cover.

fn pixel_of(p: vec2f) -> vec2f {
  return 0.5 * vec2f(f32(uniforms.width), f32(uniforms.height)) + vec2f(p.x, -p.y) * UNIT;
}

fn place_of(pixel: vec2f) -> vec2f {
  let q = (pixel - 0.5 * vec2f(f32(uniforms.width), f32(uniforms.height))) / UNIT;
  return vec2f(q.x, -q.y);
}

// ---- the ground ----

fn keep_ground(i: u32, colour: vec3f) {
  let c = vec3u(round(clamp(colour, vec3f(0.0), vec3f(1.0)) * 1023.0));
  ground[i] = c.x | (c.y << 10u) | (c.z << 20u);
}

fn kept_ground(i: u32) -> vec3f {
  let c = ground[i];
  return vec3f(f32(c & 1023u), f32((c >> 10u) & 1023u), f32((c >> 20u) & 1023u)) / 1023.0;
}

// u runs from 0 to 1 across the shorter side, h from 0 at the bottom to 1 at the top.
fn sky(u: f32, h: f32) -> vec3f {
  let cloud = fractal_noise(u * 2.2 + 7.0, h * 9.0, 3.0);
  let veil = smooth_between(0.45, 0.75, cloud) * (1.0 - abs(2.0 * h - 0.9));
  let level = 0.93 - 0.76 * pow(h, 0.62) + 0.10 * veil;
  var colour = palette(level) * (1.0 - 0.28 * h);
  let from_sun = length(vec2f(u - 0.66, (h - 0.17) * 1.15));
  colour += palette(0.92) * (0.34 * exp(-from_sun * 5.0));
  colour = mix(colour, vec3f(1.0, 0.97, 0.88), smooth_between(0.040, 0.036, from_sun) * 0.9);
  for (var k = 0; k < 2; k++) {
    let far = 1.0 - f32(k);
    let ridge = 0.055 + 0.05 * far
      + 0.07 * (fractal_noise(u * (2.0 + 3.0 * (1.0 - far)) + 31.0 * far, 0.5, 9.0) - 0.5)
      + 0.012 * (1.0 - far) * value_noise(u * 60.0, 2.0, 1.0);
    let tint = mix(palette(0.03) * 0.45, palette(0.42), 0.55 * far);
    colour = mix(colour, tint, smooth_between(ridge + 0.003, ridge - 0.003, h));
  }
  return colour;
}

fn water(u: f32, h: f32) -> vec3f {
  let ray = fractal_noise((u + 0.35 * (h - 1.0)) * 5.0, 0.25 * h, 5.0);
  let shaft = smooth_between(0.42, 0.80, ray) * pow(h, 1.5);
  var colour = palette(0.10 + 0.40 * pow(h, 1.4)) * 0.85;
  colour += palette(0.85) * (0.22 * shaft);
  let bed = 0.05 + 0.05 * fractal_noise(u * 4.0, 3.0, 2.0);
  return mix(colour, palette(0.03) * 0.7, smooth_between(bed + 0.02, bed - 0.02, h) * 0.8);
}

fn night(q: vec2f) -> vec3f {
  return vec3f(0.030, 0.034, 0.075) * (1.35 - 0.9 * dot(q, q)) + 0.008;
}

fn paving(p: vec2f) -> vec3f {
  let tile = abs(fract(p / 1.0) - 0.5);
  let joint = smooth_between(0.5 - 0.9 / UNIT, 0.5 - 0.1 / UNIT, max(tile.x, tile.y));
  let cell = floor(p / 1.0);
  let grain = cell_random(cell.x, cell.y, 4.0) - 0.5;
  let stone = vec3f(0.780, 0.775, 0.765) + 0.030 * grain - 0.060 * joint;
  let hall = p.x < DOOR_X && p.x > -0.47 * WORLD.x && abs(p.y) < 0.47 * WORLD.y;
  if (SCENE != 0u || !hall) { return stone; }
  // Boards in the hall.
  let row = floor(p.y / 0.25);
  let board = floor(p.x / 2.4 + 0.37 * row);
  let seam = smooth_between(0.5 - 0.9 / (0.25 * UNIT), 0.5, abs(fract(p.y / 0.25) - 0.5));
  let tone_of = cell_random(board, row, 6.0) - 0.5;
  return vec3f(0.760, 0.655, 0.530) * (1.0 + 0.13 * tone_of) * (1.0 - 0.10 * seam);
}

@compute @workgroup_size(8, 8)
fn prepare(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let pixel = vec2f(id.xy) + 0.5;
  let side = f32(min(uniforms.width, uniforms.height));
  let q = (pixel - 0.5 * vec2f(f32(uniforms.width), f32(uniforms.height))) / side;
  let h = 1.0 - pixel.y / f32(uniforms.height);
  let p = place_of(pixel);
  var colour = night(q);
  if (BIRDS && COLOUR_BY == 3u) { colour = sky(q.x + 0.5, h); }
  if (FISH) { colour = water(q.x + 0.5, h); }
  if (CROWD) { colour = paving(p) * (1.05 - 0.42 * dot(q, q)); }
  for (var k = 0u; k < DISC_COUNT; k++) {
    let d = p - disc(k).xy;
    let r = length(d) / disc(k).z;
    let shadow = 0.45 * smooth_between(1.35, 0.9, length(d + vec2f(-0.12, 0.12) * disc(k).z) / disc(k).z);
    colour *= 1.0 - shadow;
    let up = sqrt(max(1.0 - r * r, 0.0));
    let n = vec3f(d / disc(k).z, up);
    let shade = max(dot(n, normalize(vec3f(-0.5, 0.6, 0.6))), 0.0);
    let solid = mix(palette(0.30), palette(0.75), shade) * (0.30 + 0.75 * shade);
    colour = mix(colour, solid, clamp((1.0 - r) * disc(k).z * UNIT + 0.5, 0.0, 1.0));
  }
  if (CROWD) {
    let thick = max(0.10, 1.2 / UNIT);
    for (var k = 0u; k < WALL_COUNT; k++) {
      let w = wall(k);
      let fall = p + vec2f(-0.16, 0.20);
      colour *= 1.0 - 0.40 * smooth_between(0.34, 0.02, length(fall - nearest_of(w, fall)));
    }
    for (var k = 0u; k < WALL_COUNT; k++) {
      let d = length(p - nearest_of(wall(k), p));
      let rim = vec3f(0.20, 0.21, 0.25) * (0.75 + 0.65 * smooth_between(thick, 0.0, d));
      colour = mix(colour, rim, clamp((thick - d) * UNIT + 0.5, 0.0, 1.0));
    }
  }
  keep_ground(id.y * uniforms.width + id.x, colour);
}

// ---- everyone ----

// How far to the left of its nose a point is outside the shape, in half lengths; below 0 is inside.
fn bird_outline(q: vec2f, flap: f32) -> f32 {
  let span = 1.20 * (0.72 + 0.28 * flap);
  let v = abs(q.y) / span;
  let body = (length(q / vec2f(0.80, 0.15)) - 1.0) * 0.15;
  let wing = abs(q.x - 0.22 + 0.62 * v * v) - 0.27 * (1.0 - v);
  return min(body, select(wing, 1.0, v > 1.0));
}

fn fish_outline(at: vec2f, beat: f32) -> f32 {
  let q = vec2f(at.x, at.y - 0.13 * sin(2.4 * at.x - beat) * (0.65 - 0.45 * at.x));
  let x = clamp(q.x, -0.72, 1.0);
  let body = abs(q.y) - 0.27 * sqrt(1.0 - x) * pow(x + 0.74, 0.55) + max(abs(q.x - 0.14) - 0.86, 0.0);
  let tail = max(abs(q.y) - 0.05 - 0.75 * max(-0.62 - q.x, 0.0), max(-1.0 - q.x, q.x + 0.55));
  return min(body, tail);
}

fn dart_outline(q: vec2f) -> f32 {
  return max(abs(q.y) - 0.30 * (1.0 - q.x), -0.85 - q.x + 0.9 * (0.5 - abs(q.y)));
}

struct Figure {
  at: vec2f,
  along: vec2f,
  half: f32,
  beat: f32,
  colour: vec3f,
  accent: vec3f,
}

fn figure(i: u32) -> Figure {
  var f: Figure;
  let a = agents[i];
  let rate = length(a.zw);
  let side = min(WORLD.x, WORLD.y);
  let own = random(i, 0u, 9u);
  f.at = pixel_of(a.xy);
  var forward = a.zw;
  if (CROWD) { forward += 0.4 * wanted_direction(i, a.xy); }
  f.along = unit_of(forward) * vec2f(1.0, -1.0);
  f.half = 0.5 * uniforms.size * UNIT;
  f.beat = TAU * (own * 7.0 + uniforms.time * (2.2 + own));
  if (FISH) { f.beat = TAU * (own * 7.0 + uniforms.time * (0.8 + 0.5 * rate / max(uniforms.size, 0.05) * 0.3)); }
  var t = atan2(a.w, a.z) / TAU;
  t -= floor(t);
  let fast = clamp((rate - uniforms.speed_min) / max(uniforms.speed_max - uniforms.speed_min, 1e-6), 0.0, 1.0);
  f.colour = palette(t);
  if (COLOUR_BY == 1u) { f.colour = palette(0.30 + 0.70 * fast); }
  if (COLOUR_BY == 2u) { f.colour = palette(select(0.87, 0.16, i % GROUPS == 1u)); }
  f.accent = f.colour;
  if (BIRDS || FISH) {
    let q = a.xy * (3.0 / side) + 50.0;
    let near = 0.35 * own + 0.65 * value_noise(q.x, q.y, uniforms.time * 0.12);
    f.half *= 0.72 + 0.56 * near;
    if (COLOUR_BY == 3u) {
      // Against the light: far ones fade into the haze, and wings that bank catch the sun.
      let glint = square(max(f.along.x * 0.75 - f.along.y * 0.25, 0.0)) * smooth_between(0.35, 0.75, near);
      f.colour = mix(palette(0.30) * 0.8, palette(0.04) * 0.5, smooth_between(0.15, 0.75, near));
      f.accent = f.colour + palette(0.62) * (0.26 * glint);
      f.colour = f.accent;
    } else {
      f.colour *= 0.55 + 0.55 * near;
      f.accent = mix(f.colour, vec3f(1.0), 0.45);
    }
  }
  if (CROWD) {
    f.colour *= 0.80 + 0.30 * random(i, 0u, 10u);
    f.accent = mix(vec3f(0.13, 0.09, 0.07), vec3f(0.55, 0.40, 0.26), own * own);
  }
  return f;
}

// Colour and cover of a figure at a pixel; q in half lengths, along and across.
fn look_of(f: Figure, offset: vec2f) -> vec4f {
  let q = vec2f(dot(offset, f.along), dot(offset, vec2f(-f.along.y, f.along.x))) / f.half;
  if (f.half < 1.3) {
    // Too small for a shape: a dot of the same area.
    let wide = max(f.half, 0.55);
    let soft = exp(-1.4 * dot(offset, offset) / (wide * wide));
    return vec4f(f.colour, 0.75 * soft * square(min(f.half / 0.55, 1.0)));
  }
  if (CROWD) {
    let shoulders = length(q / vec2f(0.56, 1.0));
    let trunk = clamp((1.0 - shoulders) * 0.62 * f.half + 0.5, 0.0, 1.0);
    let head = clamp((0.46 - length(q - vec2f(0.10, 0.0))) * f.half + 0.5, 0.0, 1.0);
    let lit = 1.08 - 0.30 * shoulders + 0.10 * dot(offset / f.half, vec2f(-0.6, -0.6));
    let body = mix(f.colour * lit, f.accent * (1.25 - 0.4 * length(q)), head);
    let inside = max(trunk, head);
    let fall = offset / f.half - vec2f(0.32, 0.38);
    let shadow = 0.42 * smooth_between(1.05, 0.45, length(fall));
    let cover = max(inside, shadow);
    return vec4f(mix(vec3f(0.16, 0.15, 0.20), body, inside / max(cover, 1e-3)), cover);
  }
  if (FISH) {
    let d = fish_outline(q, f.beat);
    let back = smooth_between(-0.02, -0.22, d);
    return vec4f(mix(f.colour * 0.75, f.accent, back), clamp(0.5 - d * f.half, 0.0, 1.0));
  }
  if (BIRDS) {
    let d = bird_outline(q, sin(f.beat));
    return vec4f(f.colour, clamp(0.62 - d * f.half, 0.0, 1.0));
  }
  let d = dart_outline(q);
  return vec4f(f.colour, clamp(0.6 - d * f.half, 0.0, 1.0));
}

fn hunter_figure() -> Figure {
  var f: Figure;
  let at = hunter(uniforms.time);
  let ahead = hunter(uniforms.time + 0.05) - hunter(uniforms.time - 0.05);
  f.at = pixel_of(at);
  f.along = unit_of(ahead + vec2f(1e-6, 0.0)) * vec2f(1.0, -1.0);
  f.half = max(1.5 * uniforms.size * UNIT, 4.0);
  f.beat = 9.0 * uniforms.time;
  f.colour = select(vec3f(1.0, 0.35, 0.25), palette(0.02) * 0.3, BIRDS && COLOUR_BY == 3u);
  f.accent = f.colour;
  return f;
}

fn add(slot: u32, value: f32) { atomicAdd(&accum[slot], i32(round(value * FIXED))); }

@compute @workgroup_size(64)
fn paint(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  var f: Figure;
  if (i < GRID_THINGS) {
    if (!grid_has(i)) { return; }
    f = figure(i);
  } else {
    if (!HUNTED || i > GRID_THINGS) { return; }
    f = hunter_figure();
  }
  let size = vec2f(f32(uniforms.width), f32(uniforms.height));
  let margin = min(max(select(1.25, 1.6, CROWD) * f.half, 1.0) + 0.8, 60.0);
  if (!all(f.at > -vec2f(margin)) || !all(f.at < size + margin)) { return; }
  let low = max(vec2i(ceil(f.at - margin - 0.5)), vec2i(0));
  let high = min(vec2i(floor(f.at + margin - 0.5)), vec2i(size) - 1);
  for (var y = low.y; y <= high.y; y++) {
    for (var x = low.x; x <= high.x; x++) {
      let seen = look_of(f, vec2f(f32(x), f32(y)) + 0.5 - f.at);
      if (seen.w > 0.004) {
        let at = 4u * (u32(y) * uniforms.width + u32(x));
        add(at, seen.x * seen.w);
        add(at + 1u, seen.y * seen.w);
        add(at + 2u, seen.z * seen.w);
        add(at + 3u, seen.w);
      }
    }
  }
}

fn taken(slot: u32) -> f32 {
  let value = f32(atomicLoad(&accum[slot])) / FIXED;
  atomicStore(&accum[slot], 0);
  return value;
}

@compute @workgroup_size(8, 8)
fn show(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let i = id.y * uniforms.width + id.x;
  var colour = kept_ground(i);
  if (atomicLoad(&accum[4u * i + 3u]) > 0) {
    let light = vec3f(taken(4u * i), taken(4u * i + 1u), taken(4u * i + 2u));
    let cover = taken(4u * i + 3u);
    colour = mix(colour, light / cover, min(cover, 1.0));
    if (!CROWD && COLOUR_BY != 3u) {
      // Where many are on one another, they shine.
      colour = mix(colour, vec3f(1.0), 0.75 * (1.0 - exp(-0.22 * max(cover - 1.0, 0.0))));
    }
  }
  pixels[i] = pack_rgba(colour + (random(i, 0u, 77u) - 0.5) / 255.0);
}
