// The picture of ode.wgsl's members: axes, trails, curves, bodies and numbers.

// Lowest and highest of what is drawn along axis k, with some room.
fn range_of(k: u32, room: f32) -> vec2f {
  let low = path[2u * k];
  let high = path[2u * k + 1u];
  if (!(high >= low)) { return vec2f(-1.0, 1.0); }
  let least = max(1e-4 * max(abs(low), abs(high)), 1e-20);
  let pad = max(room * (high - low), least);
  return vec2f(low - pad, high + pad);
}

// The step of an axis' numbers, 1, 2 or 5 times a power of ten, and their decimals.
fn ticks_of(range: vec2f, most: f32) -> vec2f {
  let raw = (range.y - range.x) / most;
  var e = floor(log2(raw) * 0.30103);
  var base = integer_power(10.0, i32(e));
  if (base * 10.0 <= raw) {
    base *= 10.0;
    e += 1.0;
  }
  var step = 10.0 * base;
  if (raw <= 2.0 * base) { step = 2.0 * base; } else if (raw <= 5.0 * base) { step = 5.0 * base; }
  if (raw <= base) { step = base; }
  return vec2f(step, clamp(-floor(log2(step * 1.001) * 0.30103), 0.0, 6.0));
}

fn in_rect(p: vec2f, rect: vec4f) -> bool {
  return all(p >= rect.xy) && all(p < rect.xy + rect.zw);
}

// What a panel's axes are, computed once a frame: the ranges, and step and decimals of the numbers.
struct Axes {
  across: vec2f,
  up: vec2f,
  columns: vec2f,
  rows: vec2f,
}

fn axes_of(panel: u32) -> Axes {
  let p = AXES + 8u * panel;
  return Axes(vec2f(path[p], path[p + 1u]), vec2f(path[p + 2u], path[p + 3u]),
    vec2f(path[p + 4u], path[p + 5u]), vec2f(path[p + 6u], path[p + 7u]));
}

fn keep_axes(panel: u32, across: vec2f, up: vec2f) {
  let p = AXES + 8u * panel;
  let columns = ticks_of(across, COLUMNS_OF_TICKS);
  let rows = ticks_of(up, ROWS_OF_TICKS);
  path[p] = across.x;
  path[p + 1u] = across.y;
  path[p + 2u] = up.x;
  path[p + 3u] = up.y;
  path[p + 4u] = columns.x;
  path[p + 5u] = columns.y;
  path[p + 6u] = rows.x;
  path[p + 7u] = rows.y;
}

// Everything in the picture that is the same for all its pixels.
@compute @workgroup_size(64)
fn frame_up(@builtin(local_invocation_index) k: u32) {
  if (k == 0u) { keep_axes(0u, range_of(1u, SCENE_ROOM), range_of(2u, SCENE_ROOM)); }
  if (k == 1u) { keep_axes(1u, vec2f(0.0, DURATION), range_of(0u, 0.08)); }
  if (k == 2u) {
    let z = range_of(3u, SCENE_ROOM);
    path[AXES + 16u] = z.x;
    path[AXES + 17u] = z.y;
  }
}

// How much of a grid line falls on a pixel.
fn grid_at(p: vec2f, rect: vec4f, axes: Axes) -> f32 {
  let span = vec2f(axes.across.y - axes.across.x, axes.up.y - axes.up.x);
  let u = axes.across.x + (p.x - rect.x) / rect.z * span.x;
  let v = axes.up.y - (p.y - rect.y) / rect.w * span.y;
  let x = abs(u - round(u / axes.columns.x) * axes.columns.x) / span.x * rect.z;
  let y = abs(v - round(v / axes.rows.x) * axes.rows.x) / span.y * rect.w;
  let zero = select(1.0, 2.2, abs(v) < 0.5 * axes.rows.x && y < 1.0);
  return max(max(1.0 - x, 0.0), zero * max(1.0 - y, 0.0));
}

fn on_graph(t: f32, v: f32) -> vec2f {
  let up = axes_of(1u).up;
  return vec2f(GRAPH.x + t / DURATION * GRAPH.z, GRAPH.y + (up.y - v) / (up.y - up.x) * GRAPH.w);
}

// Where a place lies in the picture: x and y in pixels, and how near it is (1 in the plane).
fn on_scene(p: vec3f) -> vec3f {
  let axes = axes_of(0u);
  let x = axes.across;
  let y = axes.up;
  if (LOOK == 1u) {
    let across = (p.x - x.x) / (x.y - x.x);
    return vec3f(SCENE.x + across * SCENE.z, SCENE.y + (y.y - p.y) / (y.y - y.x) * SCENE.w, 1.0);
  }
  let middle = SCENE.xy + 0.5 * SCENE.zw;
  if (LOOK == 2u) {
    let z = vec2f(path[AXES + 16u], path[AXES + 17u]);
    let centre = 0.5 * vec3f(x.x + x.y, y.x + y.y, z.x + z.y);
    let radius = 0.37 * length(vec3f(x.y - x.x, y.y - y.x, z.y - z.x));
    // The third axis points up.
    let q = (p - centre) / radius;
    let v = project(vec3f(q.x, q.z, -q.y));
    let shift = (v.xy - 0.5 * vec2f(f32(WIDE), f32(HIGH))) * (min(SCENE.z, SCENE.w) / side());
    return vec3f(middle + shift, select(0.0, uniforms.distance / v.z, v.z > 0.1));
  }
  let scale = min(SCENE.z / (x.y - x.x), SCENE.w / (y.y - y.x));
  let centre = 0.5 * vec2f(x.x + x.y, y.x + y.y);
  let q = (p.xy - centre) * (scale * uniforms.zoom);
  return vec3f(middle + uniforms.pan * side() + vec2f(q.x, -q.y), 1.0);
}

fn tint(i: u32) -> f32 { return 0.3 + 0.6 * f32(i) / f32(max(MEMBERS, 2u) - 1u); }

fn now() -> u32 { return min(uniforms.step, SAMPLES - 1u); }

fn trail_at(e: u32, n: u32) -> vec3f {
  let slot = TRAILS + 3u * ((n % max(TRAIL, 1u)) * MEMBERS * TRACES + e);
  return vec3f(path[slot], path[slot + 1u], path[slot + 2u]);
}

@compute @workgroup_size(64)
fn draw_trails(@builtin(global_invocation_id) id: vec3u) {
  let entities = max(MEMBERS * TRACES, 1u);
  let thread = id.x + id.y * 4194240u;
  let e = thread % entities;
  let age = thread / entities;
  if (age + 1u >= TRAIL || age >= max(now(), 1u)) { return; }
  let old = f32(age) / f32(max(TRAIL, 2u) - 1u);
  let share = select(tint(e / max(TRACES, 1u)), 0.92 - 0.62 * old, MEMBERS == 1u);
  let a = on_scene(trail_at(e, now() - age));
  let ink = linear(palette(share));
  let scale = side() / 512.0;
  if (age == 0u && LOOK != 3u) {
    let glare = select(HEAD_LIGHT, 2.2, MEMBERS <= 64u);
    add_light(a.xy, HEAD_RADIUS * scale * clamp(a.z, 0.3, 2.5), (ink + select(0.04, 0.25, MEMBERS <= 64u)) * (glare * a.z));
  }
  if (now() == 0u) { return; }
  let b = on_scene(trail_at(e, now() - age - 1u));
  let fade = (1.0 - old) * (1.0 - old);
  let near = clamp(a.z, 0.3, 2.5);
  if (a.z > 0.0 && b.z > 0.0) {
    add_line(a.xy, b.xy, TRAIL_RADIUS * scale * near, ink * (TRAIL_LIGHT * fade * near * near));
  }
}

@compute @workgroup_size(64)
fn draw_curves(@builtin(global_invocation_id) id: vec3u) {
  let lines = CURVES * CURVE_MEMBERS;
  let which = id.x % lines;
  let part = id.x / lines;
  let first = part * CURVE_STRIDE;
  if (first >= max(now(), 1u)) { return; }
  let last = min(first + CURVE_STRIDE, now());
  let k = which / CURVE_MEMBERS;
  let c = which % CURVE_MEMBERS;
  let of_member = f32(c) / f32(max(CURVE_MEMBERS, 2u) - 1u);
  var ink = linear(ink_of(k));
  if (CURVES == 1u && CURVE_MEMBERS > 1u) { ink = linear(palette(0.3 + 0.6 * of_member)); }
  let weight = select(1.0, max(1.6 / sqrt(f32(CURVE_MEMBERS)), 0.35), CURVE_MEMBERS > 1u);
  let scale = side() / 512.0;
  let a = on_graph(f32(first) * SAMPLE, curves[(first * CURVES + k) * CURVE_MEMBERS + c]);
  let b = on_graph(f32(last) * SAMPLE, curves[(last * CURVES + k) * CURVE_MEMBERS + c]);
  add_line(a, b, 1.7 * scale, ink * (1.5 * weight));
  if (last == now() || now() == 0u) { add_light(b, 5.0 * scale, ink * (1.8 * weight)); }
}

// Members beyond the first few, as rods of light.
@compute @workgroup_size(64)
fn draw_rods(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x / max(RODS, 1u);
  if (i >= MEMBERS) { return; }
  let t = f32(now()) * SAMPLE;
  let m = member_of(i);
  let y = load(i);
  let ends = rod_of(id.x % max(RODS, 1u));
  let a = on_scene(place_of(ends.x, y, t, m)).xy;
  let b = on_scene(place_of(ends.y, y, t, m)).xy;
  let ink = linear(palette(tint(i)));
  let scale = side() / 512.0;
  add_line(a, b, 1.4 * scale, ink * ROD_LIGHT);
  add_light(b, 3.2 * scale, ink * (2.0 * ROD_LIGHT));
}

// Bodies of the first members, ten numbers each: both ends in pixels, kind, radius, colour.
// Kinds: 0 rod, 1 spring, 2 string, 3 ball, 4 pivot, 5 nothing.
@compute @workgroup_size(64)
fn pose(@builtin(global_invocation_id) id: vec3u) {
  let each = RODS + PLACES;
  if (id.x >= SOLID * each) { return; }
  let i = id.x / each;
  let k = id.x % each;
  let t = f32(now()) * SAMPLE;
  let m = member_of(i);
  let y = load(i);
  let slot = BODIES + 10u * id.x;
  if (k < RODS) {
    let ends = rod_of(k);
    keep_body(slot, on_scene(place_of(ends.x, y, t, m)).xy, on_scene(place_of(ends.y, y, t, m)).xy, ends.z, 12.0 * side() / 512.0, vec3f(0.0));
    return;
  }
  let place = k - RODS;
  let p = on_scene(place_of(place, y, t, m)).xy;
  let look = look_of(place);
  let r = max(0.5 * min(SCENE.z, SCENE.w) * radius_of(place), 2.0 * side() / 512.0);
  let tone = tone_of(i, place);
  if (look == 2u) {
    add_light(p, min(3.4 * r, 60.0), linear(tone) * 1.2);
    add_light(p, min(1.3 * r, 60.0), vec3f(2.5, 2.3, 2.0));
  }
  let kind = select(select(5u, 4u, look == 1u), 3u, look == 0u);
  keep_body(slot, p, p, kind, select(r, 6.0 * side() / 512.0, look == 1u), tone);
}

fn keep_body(slot: u32, a: vec2f, b: vec2f, kind: u32, r: f32, colour: vec3f) {
  path[slot] = a.x;
  path[slot + 1u] = a.y;
  path[slot + 2u] = b.x;
  path[slot + 3u] = b.y;
  path[slot + 4u] = f32(kind);
  path[slot + 5u] = r;
  path[slot + 6u] = colour.x;
  path[slot + 7u] = colour.y;
  path[slot + 8u] = colour.z;
}

fn tone_of(i: u32, k: u32) -> vec3f {
  if (MEMBERS > 1u) { return palette(tint(i)); }
  return palette(0.88 - 0.5 * f32(k) / f32(max(PLACES, 2u) - 1u));
}

fn ground_at(at: vec2i) -> vec3f {
  let p = vec2f(at) + 0.5;
  let e = (p - 0.5 * vec2f(f32(WIDE), f32(HIGH))) / f32(min(WIDE, HIGH));
  let base = linear(uniforms.background.xyz);
  var colour = base * (0.45 + 1.1 * exp(-2.2 * dot(e, e)));
  if (HAS_GRAPH && in_rect(p, GRAPH)) {
    colour = base * 1.5 + vec3f(0.0022, 0.0026, 0.0036);
    colour += vec3f(0.018, 0.021, 0.028) * grid_at(p, GRAPH, axes_of(1u));
  }
  if (LOOK == 1u && in_rect(p, SCENE)) {
    colour = base * 1.5 + vec3f(0.0022, 0.0026, 0.0036);
    colour += vec3f(0.018, 0.021, 0.028) * grid_at(p, SCENE, axes_of(0u));
  }
  if (FLOOR && in_rect(p, SCENE)) {
    let y = on_scene(vec3f(0.0, FLOOR_HEIGHT, 0.0)).y;
    let below = p.y - y;
    if (below > 0.0) {
      colour = mix(colour, base * 3.0 + vec3f(0.012, 0.014, 0.018), exp(-below / (0.12 * SCENE.w)));
      colour += vec3f(0.25, 0.27, 0.32) * exp(-below / (1.2 * side() / 512.0));
    }
  }
  return colour;
}

fn edge(distance: f32) -> f32 { return clamp(0.5 - distance, 0.0, 1.0); }

fn rod_on(colour: vec3f, p: vec2f, a: vec2f, b: vec2f, look: u32) -> vec3f {
  let long = max(length(b - a), 1e-3);
  let along = (b - a) / long;
  let d = p - a;
  let s = dot(d, along);
  let v = d.x * along.y - d.y * along.x;
  let unit = side() / 512.0;
  if (look == 1u) {
    // A coil: eleven turns between two straight ends.
    let wide = 9.0 * unit;
    if (abs(v) > wide + 3.0 * unit || s < -2.0 || s > long + 2.0) { return colour; }
    let tip = min(10.0 * unit, 0.2 * long);
    let inner = clamp((s - tip) / max(long - 2.0 * tip, 1e-3), 0.0, 1.0);
    let angle = inner * 11.0 * TAU;
    let steep = wide * cos(angle) * 11.0 * TAU / max(long - 2.0 * tip, 1e-3);
    let inside = select(0.0, 1.0, s > tip && s < long - tip);
    let off = abs(v - inside * wide * sin(angle)) / sqrt(1.0 + inside * steep * steep) - 1.5 * unit;
    let outside = max(-s, s - long);
    let light = 0.62 + 0.38 * inside * cos(angle) + 0.2 * (1.0 - inside);
    return mix(colour, vec3f(0.72, 0.77, 0.86) * light, edge(max(off, outside)));
  }
  let half = select(3.2, 0.9, look == 2u) * unit;
  let beyond = max(max(-s, s - long), 0.0);
  let off = length(vec2f(v, beyond)) - half;
  let round_light = 1.0 - square(clamp(v / half + 0.25, -1.0, 1.0));
  let metal = mix(vec3f(0.30, 0.34, 0.42), vec3f(0.86, 0.90, 0.97), round_light);
  return mix(colour, select(metal, vec3f(0.78, 0.80, 0.85), look == 2u), edge(off));
}

fn ball_on(colour: vec3f, p: vec2f, at: vec2f, r: f32, base: vec3f) -> vec3f {
  let d = (p - at) / r;
  let far = dot(d, d);
  if (far > square(1.0 + 1.5 / r)) { return colour; }
  let n = vec3f(d.x, -d.y, sqrt(max(1.0 - far, 0.0)));
  let light = normalize(vec3f(-0.5, 0.65, 0.7));
  let lit = max(dot(n, light), 0.0);
  let half = normalize(light + vec3f(0.0, 0.0, 1.0));
  let shine = pow(max(dot(n, half), 0.0), 48.0);
  let rim = pow(1.0 - n.z, 3.0);
  let body = base * (0.30 + 0.85 * lit) + vec3f(0.95 * shine) + mix(base, vec3f(1.0), 0.4) * (0.35 * rim);
  return mix(colour, body, edge((sqrt(far) - 1.0) * r));
}

fn pivot_on(colour: vec3f, p: vec2f, at: vec2f, r: f32) -> vec3f {
  let d = length(p - at);
  let ring = mix(colour, vec3f(0.55, 0.60, 0.70), edge(d - r));
  return mix(ring, vec3f(0.13, 0.15, 0.20), edge(d - 0.5 * r));
}

fn body_on(colour: vec3f, p: vec2f, slot: u32) -> vec3f {
  let a = vec2f(path[slot], path[slot + 1u]);
  let b = vec2f(path[slot + 2u], path[slot + 3u]);
  let kind = u32(path[slot + 4u]);
  if (kind < 3u) { return rod_on(colour, p, a, b, kind); }
  if (kind == 3u) {
    return ball_on(colour, p, a, path[slot + 5u], vec3f(path[slot + 6u], path[slot + 7u], path[slot + 8u]));
  }
  if (kind == 4u) { return pivot_on(colour, p, a, path[slot + 5u]); }
  return colour;
}

fn pixel_at(at: vec2i) -> vec3f { return unpack_rgb(pixels[u32(at.y) * WIDE + u32(at.x)]); }

fn set_pixel(at: vec2i, colour: vec3f) { pixels[u32(at.y) * WIDE + u32(at.x)] = pack_rgba(colour); }

// Bodies one after another, each by all threads: along its longer side, and across it at every pixel.
@compute @workgroup_size(256)
fn paint_bodies(@builtin(local_invocation_index) local: u32) {
  let low = vec2i(SCENE.xy);
  let high = vec2i(SCENE.xy + SCENE.zw) - 1;
  for (var n = 0u; n < SOLID * (RODS + PLACES); n++) {
    let slot = BODIES + 10u * n;
    let a = vec2f(path[slot], path[slot + 1u]);
    let b = vec2f(path[slot + 2u], path[slot + 3u]);
    let reach = path[slot + 5u] + 2.0;
    let steep = abs(b.y - a.y) > abs(b.x - a.x);
    let p = select(a, a.yx, steep);
    let q = select(b, b.yx, steep);
    let least = select(low, low.yx, steep);
    let most = select(high, high.yx, steep);
    let slope = select((q.y - p.y) / (q.x - p.x), 0.0, abs(q.x - p.x) < 1e-3);
    let half = reach * sqrt(1.0 + slope * slope);
    let begin = max(i32(clamp(min(p.x, q.x) - reach, -1e4, 1e4)), least.x);
    let end = min(i32(clamp(max(p.x, q.x) + reach, -1e4, 1e4)), most.x);
    for (var u = begin + i32(local); u <= end; u += 256) {
      let middle = clamp(p.y + slope * (f32(u) + 0.5 - p.x), -1e4, 1e4);
      let last = min(i32(middle + half), most.y);
      for (var v = max(i32(middle - half), least.y); v <= last; v++) {
        let at = select(vec2i(u, v), vec2i(v, u), steep);
        set_pixel(at, body_on(pixel_at(at), vec2f(at) + 0.5, slot));
      }
    }
    storageBarrier();
  }
}

// ---- letters ----

const GREY: vec3f = vec3f(0.66, 0.71, 0.80);
const TICKS: u32 = 10u;

// A workgroup row for every number: ten of each axis of each panel; a thread for every pixel.
@compute @workgroup_size(64)
fn write_numbers(@builtin(global_invocation_id) id: vec3u) {
  let box = vec2u(64u, 8u) * u32(LETTERS);
  if (id.x >= box.x * box.y) { return; }
  let place = vec2i(vec2u(id.x % box.x, id.x / box.x));
  let panel = select(id.y / (2u * TICKS), 1u, LOOK != 1u);
  let upward = (id.y / TICKS) % 2u == 1u;
  let axes = axes_of(panel);
  let rect = select(SCENE, GRAPH, panel == 1u);
  let range = select(axes.across, axes.up, upward);
  let tick = select(axes.columns, axes.rows, upward);
  let first = ceil(range.x / tick.x - 1e-4);
  let value = (first + f32(id.y % TICKS)) * tick.x;
  let share = (value - range.x) / (range.y - range.x);
  if (share > 1.001) { return; }
  let number = number_text(select(value, 0.0, abs(value) < 1e-3 * tick.x), i32(tick.y));
  let wide = LETTERS * number_width(number);
  let below = vec2i(i32(round(rect.x + share * rect.z)) - wide / 2, i32(rect.y + rect.w) + 4 * LETTERS);
  let beside = vec2i(i32(rect.x) - 4 * LETTERS - wide, i32(round(rect.y + (1.0 - share) * rect.w)) - 3 * LETTERS);
  let at = select(below, beside, upward) + place;
  if (any(at < vec2i(0)) || at.x >= i32(WIDE) || at.y >= i32(HIGH)) { return; }
  if (number_ink(number, place, LETTERS) > 0.0) { set_pixel(at, GREY); }
}
