// A surface: the points lie on a grid over a and b, and every mesh of the grid is two triangles. `nearest`
// keeps, of every pixel, the nearest triangle: depth in the upper bits, its number in the lower. Then
// every pixel is lit once.

const DELTA: f32 = 0.002;
// Meshes that cover more pixels a side are left out: the loops of an invocation are bounded.
const BROADEST: i32 = 200;

// Points on the grid, their normals and where the camera sees them (x, y, depth, pixels a unit; 0:
// nowhere).
@compute @workgroup_size(64)
fn lay(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= uniforms.points) { return; }
  let p = put(i);
  let s = spread(i);
  let h = chances(i);
  let n = f32(i) / f32(uniforms.points);
  let t = uniforms.time;
  let right = stage(point(s.x + DELTA, s.y, h, n, t)) - stage(point(s.x - DELTA, s.y, h, n, t));
  let upper = stage(point(s.x, s.y + DELTA, h, n, t)) - stage(point(s.x, s.y - DELTA, h, n, t));
  let across = cross(right, upper);
  let size = length(across);
  var normal = normalize(stage(p) + vec3f(0.0, 0.0, 1e-6));
  if (size > 1e-10) { normal = across / size; }
  // How far apart neighbouring points are: where they crowd, their glitter is finer.
  facing[i] = vec4f(turned(normal), sqrt(size) / (2.0 * DELTA * sqrt(f32(uniforms.points))));
  let v = project(stage(p));
  count(i, p, v);
  seen[i] = vec4f(v.xyz, select(0.0, v.w, is_place(p) && v.z > 0.1));
}

// Deeper is more; the lower bits stay free for the triangle's number.
fn depth_bits(depth: f32) -> u32 {
  let near = max(uniforms.distance - 2.0, 0.1);
  return u32((1.0 - min(near / depth, 1.0)) * DEPTHS) << ID_BITS;
}

struct Mesh {
  a: vec4f,
  b: vec4f,
  c: vec4f,
  d: vec4f,
}

fn mesh(first: u32) -> Mesh {
  return Mesh(seen[first], seen[first + 1u], seen[first + COLUMNS], seen[first + COLUMNS + 1u]);
}

fn turn(a: vec2f, b: vec2f) -> f32 { return a.x * b.y - a.y * b.x; }

// Where p lies in the triangle o, o + e, o + f, in shares of e and f.
fn shares(p: vec2f, o: vec2f, e: vec2f, f: vec2f) -> vec2f {
  let area = turn(e, f);
  if (abs(area) < 1e-6) { return vec2f(-1.0); }
  return vec2f(turn(p - o, f), turn(e, p - o)) / area;
}

fn inside(s: vec2f) -> bool { return min(s.x, s.y) >= -1e-3 && s.x + s.y <= 1.002; }

@compute @workgroup_size(64)
fn cover(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x + id.y * 4194240u;
  if (i >= (COLUMNS - 1u) * (ROWS - 1u)) { return; }
  let m = mesh(i / (COLUMNS - 1u) * COLUMNS + i % (COLUMNS - 1u));
  if (min(min(m.a.w, m.b.w), min(m.c.w, m.d.w)) <= 0.0) { return; }
  // Where a formula jumps, the surface has an edge and no mesh across.
  let across = max(length(m.b.xy - m.a.xy), length(m.d.xy - m.c.xy));
  let down = max(length(m.c.xy - m.a.xy), length(m.d.xy - m.b.xy));
  if (across > TORN.x * m.a.w || down > TORN.y * m.a.w) { return; }
  let most = max(max(m.a.xy, m.b.xy), max(m.c.xy, m.d.xy));
  let least = min(min(m.a.xy, m.b.xy), min(m.c.xy, m.d.xy));
  if (any(most < vec2f(0.0)) || any(least > vec2f(f32(WIDE), f32(HIGH)))) { return; }
  if (any(most - least > vec2f(f32(BROADEST)))) { return; }
  let low = max(vec2i(ceil(least - 0.5)), vec2i(0));
  let high = min(vec2i(floor(most - 0.5)), vec2i(i32(WIDE), i32(HIGH)) - 1);
  let ab = m.b - m.a;
  let ac = m.c - m.a;
  let dc = m.c - m.d;
  let db = m.b - m.d;
  for (var y = low.y; y <= high.y; y++) {
    for (var x = low.x; x <= high.x; x++) {
      let p = vec2f(f32(x), f32(y)) + 0.5;
      let s = shares(p, m.a.xy, ab.xy, ac.xy);
      let t = shares(p, m.d.xy, dc.xy, db.xy);
      let first = inside(s);
      if (!first && !inside(t)) { continue; }
      let depth = select(m.d.z + t.x * dc.z + t.y * db.z, m.a.z + s.x * ab.z + s.y * ac.z, first);
      let key = depth_bits(depth) | (2u * i + select(1u, 0u, first));
      let at = u32(y) * WIDE + u32(x);
      if (key < atomicLoad(&nearest[at])) { atomicMin(&nearest[at], key); }
    }
  }
}

fn key_light() -> vec3f {
  var l = vec3f(-0.45, 0.65, 0.75);
  if (uniforms.pointer.w > 0.0) {
    let size = vec2f(f32(WIDE), f32(HIGH));
    let d = (uniforms.pointer.xy - 0.5 * size) / side();
    l = vec3f(2.0 * d.x, -2.0 * d.y, 0.75);
  }
  return normalize(l);
}

// One point in RARE may be a grain of glitter, which has a facet of its own; where that mirrors the
// light, it flashes.
@compute @workgroup_size(64)
fn glitter(@builtin(global_invocation_id) id: vec3u) {
  let k = id.x;
  let i = RARE * k + random_bits(k, 4u, 5u) % RARE;
  if (i >= uniforms.points || random(i, 5u, 5u) >= uniforms.glitter) { return; }
  let v = seen[i];
  if (v.w <= 0.0 || any(v.xy < vec2f(0.0)) || any(v.xy >= vec2f(f32(WIDE), f32(HIGH)))) { return; }
  let front = atomicLoad(&nearest[u32(v.y) * WIDE + u32(v.x)]);
  if ((front >> ID_BITS) < (depth_bits(v.z * 0.99) >> ID_BITS)) { return; }
  var normal = facing[i].xyz;
  if (normal.z < 0.0) { normal = -normal; }
  let tilt = vec3f(random(i, 6u, 5u), random(i, 7u, 5u), random(i, 8u, 5u)) - 0.5;
  let facet = normalize(normal + 0.9 * turned(tilt));
  let between = normalize(key_light() + vec3f(0.0, 0.0, 1.0));
  let glint = power_90(max(dot(facet, between), 0.0));
  let r = min(1.3 * facing[i].w * v.w, 2.5 * side() / 512.0);
  if (glint > 0.002) { add_light(v.xy, r, vec3f(1.0, 0.93, 0.88) * (2.6 * glint)); }
}

// Whole powers by multiplication, which is cheaper than pow.
fn power_10(x: f32) -> f32 { return square(square(square(x)) * x); }
fn power_40(x: f32) -> f32 { return square(square(power_10(x))); }
fn power_70(x: f32) -> f32 { let ten = power_10(x); return power_40(x) * square(ten) * ten; }
fn power_90(x: f32) -> f32 { let ten = power_10(x); return square(power_40(x)) * ten; }

// Light from the upper left, a weaker one from the right, and a bright rim.
fn lit(normal: vec3f, shade: f32) -> vec3f {
  let eye = vec3f(0.0, 0.0, 1.0);
  let key = key_light();
  let fill = normalize(vec3f(0.8, -0.15, 0.45));
  let base = ink(shade);
  let mirrored = max(dot(normal, normalize(key + eye)), 0.0);
  let wrapped = max(0.25 + 0.75 * dot(normal, key), 0.0);
  let edge = cube(1.0 - clamp(normal.z, 0.0, 1.0));
  let second = power_40(max(dot(normal, normalize(fill + eye)), 0.0));
  var colour = base * (0.10 + 0.95 * wrapped * wrapped + 0.22 * max(dot(normal, fill), 0.0));
  colour += mix(base, vec3f(1.0), 0.15) * (0.60 * edge * (0.35 + 0.65 * max(normal.y * 0.5 + 0.5, 0.0)));
  colour += vec3f(1.0, 0.95, 0.92) * (1.10 * power_70(mirrored)) * uniforms.gloss;
  colour += mix(base, vec3f(1.0), 0.5) * (0.09 * power_10(mirrored) + 0.16 * second) * uniforms.gloss;
  return colour;
}

// The depth of a pixel's nearest triangle, in steps; the ground is the deepest.
fn depth_at(at: vec2i) -> i32 {
  let p = vec2u(clamp(at, vec2i(0), vec2i(i32(WIDE), i32(HIGH)) - 1));
  return i32(atomicLoad(&nearest[p.y * WIDE + p.x]) >> ID_BITS);
}

// Whether a pixel lies at an edge: something much nearer or deeper is beside it.
fn at_edge(at: vec2i) -> bool {
  let own = depth_at(at);
  let beside = vec4i(
    depth_at(at - vec2i(1, 0)), depth_at(at + vec2i(1, 0)),
    depth_at(at - vec2i(0, 1)), depth_at(at + vec2i(0, 1)));
  return any(abs(beside - own) > vec4i(i32(0.003 * DEPTHS)));
}

// The normal to go with another: a surface has two sides, and their normals must not cancel out.
fn beside(normal: vec3f, other: vec3f) -> vec3f { return select(-normal, normal, dot(normal, other) >= 0.0); }

@compute @workgroup_size(8, 8)
fn develop(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= WIDE || id.y >= HIGH) { return; }
  let i = id.y * WIDE + id.x;
  let found = atomicLoad(&nearest[i]);
  let edge = select(0.0, EDGE, at_edge(vec2i(id.xy)));
  if (found == FAR) {
    image[i] = vec4f(0.0, 0.0, 0.0, edge);
    return;
  }
  let number = found & ((1u << ID_BITS) - 1u);
  let first = number / 2u / (COLUMNS - 1u) * COLUMNS + number / 2u % (COLUMNS - 1u);
  // The triangle's corner, and the two beside it.
  let upper = (number & 1u) == 0u;
  let o = select(first + COLUMNS + 1u, first, upper);
  let e = select(first + COLUMNS, first + 1u, upper);
  let f = select(first + 1u, first + COLUMNS, upper);
  let at = seen[o].xy;
  let across = seen[e].xy - at;
  let down = seen[f].xy - at;
  let s = shares(vec2f(id.xy) + 0.5, at, across, down);
  let n0 = facing[o].xyz;
  let n1 = beside(facing[e].xyz, n0);
  let n2 = beside(facing[f].xyz, n0);
  var normal = n0 + s.x * (n1 - n0) + s.y * (n2 - n0);
  // From behind, normals turn round. Near the rim they look this way and that; there the triangle
  // tells.
  let towards = select(normal.z, -turn(across, down), abs(normal.z) < 0.25);
  if (towards < 0.0) { normal = -normal; }
  normal = normalize(vec3f(normal.xy, max(normal.z, 1e-4)));
  var shade = 1.0;
  if (SHADED) {
    let w = positions[o].w;
    shade = w + s.x * (positions[e].w - w) + s.y * (positions[f].w - w);
  }
  image[i] = vec4f(lit(normal, shade), 1.0 + edge);
}

const EDGE: f32 = 4.0;

fn plain(i: u32) -> vec4f {
  let found = image[i];
  return vec4f(found.xyz, found.w - select(0.0, EDGE, found.w >= EDGE));
}

// Edges are soft: half of a pixel there is what is beside it.
fn surface_at(i: u32) -> vec4f {
  let found = image[i];
  if (found.w < EDGE) { return found; }
  let x = i % WIDE;
  let y = i / WIDE;
  let sum = plain(i - min(x, 1u)) + plain(i + select(0u, 1u, x + 1u < WIDE))
    + plain(i - select(0u, WIDE, y > 0u)) + plain(i + select(0u, WIDE, y + 1u < HIGH));
  return 0.5 * plain(i) + 0.125 * sum;
}
