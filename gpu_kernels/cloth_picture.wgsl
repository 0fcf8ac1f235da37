// The picture of cloth.wgsl's vertices: cells as seen and as lit, then every pixel.

const FAR: u32 = 0xffffffffu;
const INKS: u32 = 2u * COUNT + 2u;
const LIGHT_SIDE: i32 = 384;
const LIGHT_REACH: f32 = 1.5;

// Into the space of the camera: the middle at 0, radius 1.
fn staged(p: vec3f) -> vec3f { return (p - CENTRE) / RADIUS; }

@compute @workgroup_size(64)
fn face(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  // The colours in linear light, once instead of at every pixel.
  if (id.x == 0u) {
    air[INKS] = vec4f(linear(uniforms.background.xyz), 0.0);
    air[INKS + 1u] = vec4f(linear(uniforms.colour.xyz), 0.0);
    air[INKS + 2u] = vec4f(linear(uniforms.second.xyz), 0.0);
  }
  let i = i32(id.x) % COLUMNS;
  let j = i32(id.x) / COLUMNS;
  let right = place_a[index(min(i + 1, COLUMNS - 1), j)].xyz - place_a[index(max(i - 1, 0), j)].xyz;
  let below = place_a[index(i, min(j + 1, ROWS - 1))].xyz - place_a[index(i, max(j - 1, 0))].xyz;
  let across = select(cross(below, right), vec3f(0.3, 0.5, 0.8), ROWS == 1);
  air[COUNT + id.x] = vec4f(across / max(length(across), 1e-12), 0.0);
}

@compute @workgroup_size(64)
fn clear(@builtin(global_invocation_id) id: vec3u) {
  let count = 4u * uniforms.width * uniforms.height;
  for (var n = id.x; n < count; n += 65536u) { atomicStore(&nearest[n], FAR); }
  for (var n = id.x; n < u32(LIGHT_SIDE * LIGHT_SIDE); n += 65536u) { atomicStore(&lit[n], FAR); }
}

// Two pixels of the fine picture a side of one; depth in z.
fn on_screen(p: vec3f) -> vec3f {
  let v = project(staged(p));
  return vec3f(2.0 * v.xy, v.z);
}

fn toward_light() -> vec3f { return normalize(vec3f(-0.45, 0.80, 0.55)); }

// The upper and the lower corners of a cell lie apart, also where a chain has one row only.
fn upper(i: u32) -> vec3f { return place_a[i].xyz + vec3f(0.0, CHAIN_WIDTH, 0.0); }
fn lower(i: u32) -> vec3f { return place_a[i].xyz - vec3f(0.0, CHAIN_WIDTH, 0.0); }

// In the light's picture: pixels, and distance from its plane.
fn on_light(p: vec3f) -> vec3f {
  let l = toward_light();
  let u = normalize(vec3f(l.z, 0.0, -l.x));
  let w = cross(l, u);
  let q = staged(p);
  let half = 0.5 * f32(LIGHT_SIDE);
  return vec3f(half + dot(q, u) / LIGHT_REACH * half, half + dot(q, w) / LIGHT_REACH * half, 3.0 - dot(q, l));
}

// Twice the area of a triangle, and of those that a point makes with its sides.
fn sides(a: vec2f, b: vec2f, c: vec2f, p: vec2f) -> vec3f {
  return vec3f(
    (b.x - p.x) * (c.y - p.y) - (b.y - p.y) * (c.x - p.x),
    (c.x - p.x) * (a.y - p.y) - (c.y - p.y) * (a.x - p.x),
    (a.x - p.x) * (b.y - p.y) - (a.y - p.y) * (b.x - p.x));
}

// Depth at a point of a triangle, or -1 outside.
fn depth_in(a: vec3f, b: vec3f, c: vec3f, p: vec2f) -> f32 {
  let s = sides(a.xy, b.xy, c.xy, p);
  let area = s.x + s.y + s.z;
  let w = s / select(area, 1e-9, area == 0.0);
  if (any(w < vec3f(-1e-4))) { return -1.0; }
  return dot(w, vec3f(a.z, b.z, c.z));
}

struct Box { low: vec2i, high: vec2i }

fn box_of(a: vec3f, b: vec3f, c: vec3f, d: vec3f, wide: i32, high: i32) -> Box {
  let least = clamp(min(min(a.xy, b.xy), min(c.xy, d.xy)), vec2f(-10.0), vec2f(20000.0));
  let most = clamp(max(max(a.xy, b.xy), max(c.xy, d.xy)), vec2f(-10.0), vec2f(20000.0));
  let low = max(vec2i(ceil(least - 0.5)), vec2i(0));
  var top = min(vec2i(floor(most - 0.5)), vec2i(wide, high) - 1);
  // A cell beyond reason is not drawn: it would hold up all others.
  if (top.x - low.x > 600 || top.y - low.y > 600) { top = low - 1; }
  return Box(low, top);
}

fn cell_of(n: u32) -> vec4u {
  if (ROWS == 1) { return vec4u(n, n + 1u, n, n + 1u); }
  let i = i32(n) % (COLUMNS - 1);
  let j = i32(n) / (COLUMNS - 1);
  return vec4u(index(i, j), index(i + 1, j), index(i, j + 1), index(i + 1, j + 1));
}

// Every cell covers the pixels of its two triangles, the nearer wins: depth above, cell below.
@compute @workgroup_size(64)
fn cover(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= CELLS) { return; }
  let v = cell_of(id.x);
  let a = on_screen(upper(v.x));
  let b = on_screen(upper(v.y));
  let c = on_screen(lower(v.z));
  let d = on_screen(lower(v.w));
  if (!(is_finite(a.x + b.x + c.x + d.x + a.y + b.y + c.y + d.y)) || min(min(a.z, b.z), min(c.z, d.z)) < 0.1) { return; }
  let wide = 2 * i32(uniforms.width);
  let box = box_of(a, b, c, d, wide, 2 * i32(uniforms.height));
  for (var y = box.low.y; y <= box.high.y; y++) {
    for (var x = box.low.x; x <= box.high.x; x++) {
      let p = vec2f(f32(x), f32(y)) + 0.5;
      let depth = max(depth_in(a, b, c, p), depth_in(b, d, c, p));
      if (depth < 0.0) { continue; }
      let scaled = clamp((depth - uniforms.distance + 2.0) * 0.25, 0.0, 1.0);
      let key = (u32(scaled * DEPTHS) << CELL_BITS) | id.x;
      atomicMin(&nearest[u32(y * wide + x)], key);
    }
  }
}

@compute @workgroup_size(64)
fn shade_off(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= CELLS) { return; }
  let v = cell_of(id.x);
  let a = on_light(upper(v.x));
  let b = on_light(upper(v.y));
  let c = on_light(lower(v.z));
  let d = on_light(lower(v.w));
  if (!(is_finite(a.x + b.x + c.x + d.x + a.y + b.y + c.y + d.y))) { return; }
  let box = box_of(a, b, c, d, LIGHT_SIDE, LIGHT_SIDE);
  for (var y = box.low.y; y <= box.high.y; y++) {
    for (var x = box.low.x; x <= box.high.x; x++) {
      let p = vec2f(f32(x), f32(y)) + 0.5;
      let depth = max(depth_in(a, b, c, p), depth_in(b, d, c, p));
      if (depth >= 0.0) { atomicMin(&lit[u32(y * LIGHT_SIDE + x)], u32(clamp(depth, 0.0, 6.0) * 1e8)); }
    }
  }
}

fn linear(c: vec3f) -> vec3f { return pow(max(c, vec3f(0.0)), vec3f(2.2)); }

// How much of the light reaches a place past the cloth: nine looks, further apart on the ground.
fn light_on(p: vec3f, spread: f32, shift: f32) -> f32 {
  let q = on_light(p);
  var free = 0.0;
  for (var n = 0; n < 9; n++) {
    let at = vec2i(floor(q.xy + spread * vec2f(f32(n % 3 - 1), f32(n / 3 - 1))));
    let near = clamp(at, vec2i(0), vec2i(LIGHT_SIDE - 1));
    let front = atomicLoad(&lit[u32(near.y * LIGHT_SIDE + near.x)]);
    let open = any(at != near) || front == FAR || f32(front) * 1e-8 + shift > q.z;
    free += select(0.0, 1.0, open);
  }
  return free / 9.0;
}

// Where a ray from `p` along `d` comes nearest to the rod from `a` to `b`: its distance there, how far
// along the ray, and on which side (with the distance's sign).
fn nearest_to(p: vec3f, d: vec3f, a: vec3f, b: vec3f) -> vec2f {
  let e = b - a;
  let w = p - a;
  let de = dot(d, e);
  let ee = dot(e, e);
  let free = max(ee - de * de, 1e-9);
  let along = clamp((dot(w, e) - de * dot(w, d)) / free, 0.0, 1.0);
  let s = along * de - dot(w, d);
  let off = w + s * d - along * e;
  let side = sign(dot(off, cross(d, e)));
  return vec2f(length(off) * select(1.0, side, side != 0.0), s);
}

// How much light passes the ball and the beams.
fn past_things(p: vec3f) -> f32 {
  let l = toward_light();
  var free = 1.0;
  if (BALL.w > 0.0) {
    let d = BALL.xyz - p;
    let s = dot(d, l);
    let miss = sqrt(max(dot(d, d) - s * s, 0.0));
    free = select(1.0, smoothstep(0.86, 1.12, miss / BALL.w), s > 0.0);
  }
  return free * past_beams(p, l);
}

fn past_beam(p: vec3f, l: vec3f, a: vec3f, b: vec3f, r: f32) -> f32 {
  let near = nearest_to(p, l, a, b);
  return select(1.0, smoothstep(0.5, 1.6, abs(near.x) / r), near.y > 0.02);
}

fn sky_at(up: f32) -> vec3f {
  let low = linear(HORIZON);
  return mix(low, air[INKS].xyz, smoothstep(0.0, 0.75, up));
}

// Direction of a pixel's ray, in the scene.
fn ray_of(at: vec2f) -> vec3f {
  let size = vec2f(f32(uniforms.width), f32(uniforms.height));
  let d = (at - 0.5 * size - uniforms.pan * side()) / (1.2 * side() * uniforms.zoom);
  return back_turned(normalize(vec3f(d.x, -d.y, -1.0)));
}

// The reverse of `turned`.
fn back_turned(q: vec3f) -> vec3f {
  let d = cos(uniforms.pitch);
  let e = sin(uniforms.pitch);
  let r = vec3f(q.x, d * q.y + e * q.z, d * q.z - e * q.y);
  let c = cos(uniforms.yaw);
  let s = sin(uniforms.yaw);
  return vec3f(c * r.x - s * r.z, r.y, c * r.z + s * r.x);
}

fn pattern_at(u: f32, v: f32) -> vec3f {
  let first = air[INKS + 1u].xyz;
  let second = air[INKS + 2u].xyz;
  if (PATTERN == 1u) { return mix(first, second, smoothstep(-0.06, 0.06, sin(v * TAU * 5.0))); }
  if (PATTERN == 2u) {
    let a = smoothstep(-0.06, 0.06, sin(u * TAU * 5.0));
    let b = smoothstep(-0.06, 0.06, sin(v * TAU * 5.0));
    return mix(first, second, 0.5 * (a + b));
  }
  if (PATTERN == 3u) {
    let hem = min(min(u, 1.0 - u), min(v, 1.0 - v));
    return mix(first, second, smoothstep(0.045, 0.050, hem) - smoothstep(0.075, 0.080, hem));
  }
  return first;
}

// Light on the cloth: wrapped over its edge, shining through it, with the sheen of threads.
fn cloth_light(base: vec3f, n: vec3f, view: vec3f, free: f32) -> vec3f {
  let l = toward_light();
  let facing = dot(n, l);
  let front = max(facing, 0.0);
  let wrapped = max((facing + 0.35) / 1.35, 0.0);
  let behind = max(-facing, 0.0);
  let half = normalize(l + view);
  let gloss = pow(max(dot(n, half), 0.0), 18.0);
  let edge = pow(1.0 - clamp(abs(dot(n, view)), 0.0, 1.0), 3.0);
  let above = 0.5 + 0.5 * n.y;
  var light = base * (vec3f(0.16, 0.18, 0.22) * (0.6 + 0.4 * above) + vec3f(0.10, 0.09, 0.08) * (1.0 - above));
  light += base * vec3f(1.15, 1.08, 0.98) * (0.75 * front + 0.25 * wrapped) * free;
  light += base * base * vec3f(1.1, 1.0, 0.9) * (0.45 * behind);
  light += mix(base, vec3f(1.0), 0.35) * (0.16 * gloss * free + 0.10 * edge);
  return light;
}

fn beam_on(under: vec4f, eye: vec3f, ray: vec3f, a: vec3f, b: vec3f, r: f32, tone: vec3f) -> vec4f {
  let near = nearest_to(eye, ray, a, b);
  let pixel = max(near.y, 1e-3) / (1.2 * side() * uniforms.zoom);
  let cover = clamp((r - abs(near.x)) / pixel + 0.5, 0.0, 1.0) * min(1.0, 2.0 * r / pixel);
  // Its front: a knob lies before the pole that carries it.
  let front = near.y - r;
  let seen = near.y > 0.0 && front < under.w && cover > 0.0;
  let x = clamp(near.x / r, -1.0, 1.0);
  let shine = max(1.0 - square(x + 0.4), 0.0);
  let colour = tone * (0.22 + 0.78 * shine) + vec3f(0.35) * pow(shine, 12.0);
  return select(under, vec4f(mix(under.xyz, colour, cover), select(under.w, front, cover > 0.5)), seen);
}

// What the cloth hides.
struct Scenery {
  p: vec3f,
  n: vec3f,
  base: vec3f,
  fog: f32,
  depth: f32,
  ball: bool,
}

fn scenery_at(eye: vec3f, ray: vec3f) -> Scenery {
  let far = select(1e6, -eye.y / min(ray.y, -1e-6), ray.y < -1e-6 && eye.y > 0.0);
  let p = eye + far * ray;
  let q = (p - CENTRE) / RADIUS;
  let pool = exp(-0.16 * dot(q, q));
  var s = Scenery(p, vec3f(0.0, 1.0, 0.0), linear(GROUND) * (0.62 + 0.45 * pool), 1.0, far, false);
  s.fog = smoothstep(1.5, 13.0, far / RADIUS - uniforms.distance);
  if (BALL.w > 0.0) {
    let d = BALL.xyz - eye;
    let along = dot(d, ray);
    let reach = BALL.w * BALL.w - dot(d, d) + along * along;
    let near = along - sqrt(max(reach, 0.0));
    if (reach > 0.0 && near < far) {
      let at = eye + near * ray;
      s = Scenery(at, (at - BALL.xyz) / BALL.w, vec3f(0.30, 0.34, 0.40), 0.0, near, true);
    }
  }
  return s;
}

// A vertex' cell under a pixel, as weights of its corners.
struct Spot { v: vec4u, w: vec4f, place: vec3f }

fn spot_at(key: u32, p: vec2f) -> Spot {
  let v = cell_of(min(key & ((1u << CELL_BITS) - 1u), max(CELLS, 1u) - 1u));
  let rise = vec3f(0.0, CHAIN_WIDTH, 0.0);
  let p0 = place_a[v.x].xyz;
  let p1 = place_a[v.y].xyz;
  let p2 = place_a[v.z].xyz;
  let p3 = place_a[v.w].xyz;
  let a = on_screen(p0 + rise).xy;
  let b = on_screen(p1 + rise).xy;
  let c = on_screen(p2 - rise).xy;
  let d = on_screen(p3 - rise).xy;
  let one = sides(a, b, c, p);
  let two = sides(b, d, c, p);
  let s = one / (one.x + one.y + one.z);
  let t = two / (two.x + two.y + two.z);
  let first = min(s.x, min(s.y, s.z)) >= min(t.x, min(t.y, t.z));
  // A pixel that only grazes the cell stays on its edge.
  let held = max(select(vec4f(0.0, t.x, t.z, t.y), vec4f(s.x, s.y, s.z, 0.0), first), vec4f(0.0));
  let w = held / max(held.x + held.y + held.z + held.w, 1e-6);
  return Spot(v, w, w.x * p0 + w.y * p1 + w.z * p2 + w.w * p3);
}

@compute @workgroup_size(8, 8)
fn paint(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let at = vec2f(id.xy) + 0.5;
  let eye = CENTRE + RADIUS * back_turned(vec3f(0.0, 0.0, uniforms.distance));
  let ray = ray_of(at);
  let back = scenery_at(eye, ray);
  var covered = 0.0;
  var key = FAR;
  for (var n = 0u; n < 4u; n++) {
    let one = atomicLoad(&nearest[(2u * id.y + n / 2u) * 2u * uniforms.width + 2u * id.x + n % 2u]);
    covered += select(0.25, 0.0, one == FAR);
    key = min(key, one);
  }
  // All look at the light once: for the cloth where it is seen, else for what is behind it.
  let spot = spot_at(key, 2.0 * at);
  let v = spot.v;
  let w = spot.w;
  let on_cloth = covered > 0.0;
  let place = spot.place;
  let shown = select(back.p, place + 0.03 * toward_light(), on_cloth);
  let past = past_things(shown);
  let free = past * light_on(select(back.p, place, on_cloth), select(2.6, 1.3, on_cloth || back.ball), select(0.006, 0.025, on_cloth || back.ball));
  let sky = sky_at(max(ray.y, 0.0));
  let view = -ray;
  let ground = back.base * (0.30 + 0.70 * free);
  let ball = cloth_light(back.base, back.n, view, free) + vec3f(0.5 * free) * pow(max(dot(reflect(ray, back.n), toward_light()), 0.0), 60.0);
  let still = mix(select(ground, ball, back.ball), sky, back.fog);
  let behind = beams_on(vec4f(still, back.depth), eye, ray);
  var n = w.x * air[COUNT + v.x].xyz + w.y * air[COUNT + v.y].xyz + w.z * air[COUNT + v.z].xyz + w.w * air[COUNT + v.w].xyz;
  n = n / max(length(n), 1e-6);
  n = select(n, -n, dot(n, view) < 0.0);
  let i = f32(v.x % u32(COLUMNS)) + w.y + w.w;
  let j = f32(v.x / u32(COLUMNS)) + w.z + w.w;
  let base = pattern_at(i / f32(COLUMNS - 1), j / f32(max(ROWS, 2) - 1));
  let cloth = cloth_light(base, n, view, free);
  let hidden = length(place - eye) > behind.w + 0.004;
  let weight = select(0.0, covered, on_cloth && !hidden);
  let colour = mix(behind.xyz, cloth, weight);
  let off = (at - 0.5 * vec2f(f32(uniforms.width), f32(uniforms.height))) / side();
  let mapped = colour / (1.0 + 0.16 * colour) * (1.10 - 0.28 * dot(off, off));
  let toned = pow(clamp(mapped, vec3f(0.0), vec3f(1.0)), vec3f(1.0 / 2.2));
  pixels[id.y * uniforms.width + id.x] = pack_rgba(toned + (random(id.x, id.y, 77u) - 0.5) / 255.0);
}
