// Points in space, placed by formulas or moved by rates of change, and drawn as light that adds up;
// particles_surface.wgsl draws them as a lit surface instead. particles.py writes the constants.
// `facing` holds, of a surface, the normal; of a point of light, where it was last drawn (x, y, z) and
// how bright it is. `nearest` counts points from the place TALLY on: in view, not finite.

// Two numbers a point that fill the unit square: evenly, or for a surface on a grid with its edges.
// Source: Roberts, "The Unreasonable Effectiveness of Quasirandom Sequences" (2018), in 32-bit
// integers.
fn spread(i: u32) -> vec2f {
  if (SOLID) {
    let place = vec2f(f32(i % COLUMNS), f32(min(i / COLUMNS, ROWS - 1u)));
    return place / vec2f(f32(COLUMNS - 1u), f32(ROWS - 1u));
  }
  let x = (i * 3242174889u + 0x80000000u) >> 8u;
  let y = (i * 2447445414u + 0x80000000u) >> 8u;
  return vec2f(f32(x), f32(y)) * (1.0 / 16777216.0);
}

fn chances(i: u32) -> vec4f {
  return vec4f(random(i, 0u, 1u), random(i, 0u, 2u), random(i, 0u, 3u), random(i, 0u, 4u));
}

fn phase() -> f32 { return f32(uniforms.frame) / uniforms.film; }

// Into the space of the camera: the object's middle at 0, its radius 1, y upwards.
fn stage(p: vec3f) -> vec3f {
  let q = (p - vec3f(uniforms.centre_x, uniforms.centre_y, uniforms.centre_z)) / uniforms.radius;
  if (uniforms.upright == 1u) { return vec3f(q.x, q.z, -q.y); }
  return q;
}

fn is_place(p: vec3f) -> bool { return is_finite(p.x) && is_finite(p.y) && is_finite(p.z); }

@compute @workgroup_size(64)
fn clear(@builtin(global_invocation_id) id: vec3u) {
  for (var i = id.x; i < TALLY + 2u; i += 65536u) {
    atomicStore(&nearest[i], select(0u, FAR, i < TALLY));
  }
}

const FAR: u32 = 0xffffffffu;

// Counts every COUNTED-th point that is in the picture, and all that are nowhere.
fn count(i: u32, p: vec3f, v: vec4f) {
  if (!is_place(p)) {
    atomicAdd(&nearest[TALLY + 1u], 1u);
  } else if (i % COUNTED == 0u && v.z > 0.1) {
    let shown = all(v.xy >= vec2f(0.0)) && all(v.xy < vec2f(f32(WIDE), f32(HIGH)));
    if (shown) { atomicAdd(&nearest[TALLY], 1u); }
  }
}

// Puts a point where its formulas say.
fn put(i: u32) -> vec3f {
  let s = spread(i);
  let h = chances(i);
  let n = f32(i) / f32(uniforms.points);
  let p = point(s.x, s.y, h, n, uniforms.time);
  positions[i] = vec4f(p, tone(s.x, s.y, h, n, uniforms.time, p));
  facing[i].w = max(light_of(s.x, s.y, h, n, uniforms.time, p), 0.0);
  return p;
}

@compute @workgroup_size(64)
fn place(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= uniforms.points) { return; }
  let p = put(i);
  facing[i] = vec4f(p, facing[i].w);
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
  facing[i].w = max(light_of(s.x, s.y, h, n, t + d, q), 0.0);
}

// ---- points and lines of light ----

// Radius in pixels of a point that the camera sees at v; nearer ones are larger, and look brighter.
fn radius_at(v: vec4f) -> f32 { return uniforms.size * side() / 512.0 * uniforms.distance / v.z; }

fn light_from(v: vec4f, shade: f32, bright: f32) -> vec3f {
  return ink(shade) * (bright * uniforms.brightness * uniforms.distance / v.z);
}

fn shine(i: u32) {
  let here = positions[i];
  let v = project(stage(here.xyz));
  count(i, here.xyz, v);
  let bright = facing[i].w;
  if (!is_place(here.xyz) || v.z < 0.1 || bright <= 0.0) { return; }
  let wide = radius_at(v);
  let r = min(wide, 12.0 * side() / 512.0);
  let light = light_from(v, here.w, bright) * (wide * wide / (r * r));
  if (!STREAKS) {
    add_light(v.xy, r, light);
    return;
  }
  // The way since the last frame, as a camera sees it whose shutter stays open: the same light, spread
  // over the way.
  let before = project(stage(facing[i].xyz));
  facing[i] = vec4f(here.xyz, bright);
  let way = length(v.xy - before.xy);
  // What jumps, such as a rocket that starts anew, leaves no line.
  if (!(way > 1.0 && way < 0.2 * side()) || before.z < 0.1 || uniforms.frame == 0u) {
    add_light(v.xy, r, light);
    return;
  }
  add_line(before.xy, v.xy, r, light * (max(r, 1.0) / (max(r, 1.0) + way)));
}

// Points placed anew in every frame; points moved by rates.
@compute @workgroup_size(64)
fn appear(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= uniforms.points) { return; }
  _ = put(i);
  shine(i);
}

@compute @workgroup_size(64)
fn light_up(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= uniforms.points) { return; }
  shine(i);
}

// A curve: every point is joined to the next, with a light that does not depend on how many there are.
@compute @workgroup_size(64)
fn join(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= uniforms.points) { return; }
  let a = positions[i];
  let v = project(stage(a.xyz));
  count(i, a.xyz, v);
  if (i + 1u >= uniforms.points) { return; }
  let b = positions[i + 1u];
  let w = project(stage(b.xyz));
  let bright = 0.5 * (facing[i].w + facing[i + 1u].w);
  if (!is_place(a.xyz) || !is_place(b.xyz) || min(v.z, w.z) < 0.1 || bright <= 0.0) { return; }
  let r = min(radius_at(v), 12.0 * side() / 512.0);
  add_line(v.xy, w.xy, r, light_from(v, 0.5 * (a.w + b.w), bright));
}
