// A landscape, ray by ray. Objects lie in `objects`, six vec4f each after STATE of the scene's own:
//   base x, y, z, height | colour, variety | bounding sphere | half widths, angle, kind |
//   id of the rank-th nearest, distance, place in the picture |
//   how the wind bends it, or where a flower's head is, and the light that reaches its foot.
// `cull` writes for every tile of 8 x 8 pixels which objects of each kind its rays may meet; the passes
// that trace a kind walk over the tiles in which it is, so that what is absent costs nothing.
// `image` holds linear light and the distance of what is seen there; `beside` the halo of bright things,
// twice, and water before it is laid into the picture.
// Software rasterisers run every instruction of straight code for all lanes, masked or not, and leave out
// only rounds of loops; that is why work is put into loops over lists.

const FAR: f32 = 1.0e5;

// ---- chance and noise ----

// Source: Wellons, "Prospecting for Hash Functions" (2018): lowbias32.
fn scramble(x: u32) -> u32 {
  var h = (x ^ (x >> 16u)) * 0x21f0aaadu;
  h = (h ^ (h >> 15u)) * 0x735a2d97u;
  return h ^ (h >> 15u);
}

fn unit(h: u32) -> f32 { return f32(i32(h >> 8u)) * (1.0 / 16777216.0); }

fn key2(c: vec2f) -> u32 {
  return u32(i32(c.x)) * 0x9e3779b1u + u32(i32(c.y)) * 0x85ebca77u;
}

fn key3(c: vec3f) -> u32 { return key2(c.xy) + u32(i32(c.z)) * 0xc2b2ae3du; }

fn chance2(c: vec2f) -> f32 { return unit(scramble(key2(c))); }

fn noise2(p: vec2f) -> f32 {
  let c = floor(p);
  let t = p - c;
  let w = t * t * (3.0 - 2.0 * t);
  let k = key2(c);
  let a = unit(scramble(k));
  let b = unit(scramble(k + 0x9e3779b1u));
  let e = unit(scramble(k + 0x85ebca77u));
  let f = unit(scramble(k + 0x9e3779b1u + 0x85ebca77u));
  return mix(mix(a, b, w.x), mix(e, f, w.x), w.y);
}

fn noise3(p: vec3f) -> f32 {
  let c = floor(p);
  let t = p - c;
  let w = t * t * (3.0 - 2.0 * t);
  let k = key3(c);
  let l = k + 0xc2b2ae3du;
  let low = mix(
    mix(unit(scramble(k)), unit(scramble(k + 0x9e3779b1u)), w.x),
    mix(unit(scramble(k + 0x85ebca77u)), unit(scramble(k + 0x9e3779b1u + 0x85ebca77u)), w.x),
    w.y);
  let high = mix(
    mix(unit(scramble(l)), unit(scramble(l + 0x9e3779b1u)), w.x),
    mix(unit(scramble(l + 0x85ebca77u)), unit(scramble(l + 0x9e3779b1u + 0x85ebca77u)), w.x),
    w.y);
  return mix(low, high, w.z);
}

fn turned(p: vec2f) -> vec2f { return vec2f(1.6 * p.x + 1.2 * p.y, 1.6 * p.y - 1.2 * p.x); }

// Octaves of noise, each turned and doubled; in 0..1.
fn clouds2(p: vec2f, octaves: i32) -> f32 {
  var q = p;
  var sum = 0.0;
  var weight = 0.5;
  for (var i = 0; i < octaves; i++) {
    sum += weight * noise2(q);
    q = turned(q) + vec2f(3.7, 1.3);
    weight *= 0.5;
  }
  return sum;
}

fn bright(c: vec3f) -> f32 { return dot(c, vec3f(0.2126, 0.7152, 0.0722)); }

fn srgb(r: f32, g: f32, b: f32) -> vec3f { return pow(vec3f(r, g, b) / 255.0, vec3f(2.2)); }

fn wide(edge: f32, other: f32, x: f32) -> f32 {
  let t = clamp((x - edge) / (other - edge), 0.0, 1.0);
  return t * t * (3.0 - 2.0 * t);
}

// ---- light ----

fn sun_way() -> vec3f { return objects[0].xyz; }
fn night() -> f32 { return objects[0].w; }
fn moon_way() -> vec3f { return objects[1].xyz; }
fn moonlit() -> f32 { return objects[1].w; }
fn light_way() -> vec3f { return objects[2].xyz; }
fn lamps() -> f32 { return objects[2].w; }
fn light_colour() -> vec3f { return objects[3].xyz; }
fn haze() -> f32 { return objects[3].w; }
fn zenith() -> vec3f { return objects[4].xyz; }
fn rim() -> vec3f { return objects[5].xyz; }
fn glow() -> vec3f { return objects[6].xyz; }
fn eye() -> vec3f { return objects[7].xyz; }
fn focal() -> f32 { return objects[7].w; }
fn to_right() -> vec3f { return objects[8].xyz; }
fn to_top() -> vec3f { return objects[9].xyz; }
fn ahead() -> vec3f { return objects[10].xyz; }
fn from_sky() -> vec3f { return objects[11].xyz; }
fn from_ground() -> vec3f { return objects[12].xyz; }

fn blend6(t: f32, a: vec3f, b: vec3f, c: vec3f, d: vec3f, e: vec3f, f: vec3f) -> vec3f {
  // Heights of the sun in degrees: -14, -5, 0, 6, 18, 50.
  var v = mix(a, b, clamp((t + 14.0) / 9.0, 0.0, 1.0));
  v = mix(v, c, clamp((t + 5.0) / 5.0, 0.0, 1.0));
  v = mix(v, d, clamp(t / 6.0, 0.0, 1.0));
  v = mix(v, e, clamp((t - 6.0) / 12.0, 0.0, 1.0));
  return mix(v, f, clamp((t - 18.0) / 32.0, 0.0, 1.0));
}

@compute @workgroup_size(1)
fn light() {
  let now = uniforms.hour + uniforms.hours_per_second * uniforms.time;
  let clock = now - 24.0 * floor(now / 24.0);
  // The camera looks north in a high latitude: the sun rises before it on the left, passes behind it
  // and sets on the right.
  let height = 56.0 * sin((clock - 6.0) * TAU / 24.0);
  let noon = 1.0 - abs(clock - 12.0) / 12.0;
  let side = select(1.0, -1.0, clock < 12.0);
  let azimuth = side * (13.0 + 150.0 * wide(0.52, 1.0, noon)) * TAU / 360.0;
  let e = height * TAU / 360.0;
  let sun = vec3f(sin(azimuth) * cos(e), sin(e), -cos(azimuth) * cos(e));
  let me = MOON_HEIGHT * TAU / 360.0;
  let ma = MOON_AZIMUTH * TAU / 360.0;
  let moon = vec3f(sin(ma) * cos(me), sin(me), -cos(ma) * cos(me));
  let dark = 1.0 - wide(-9.0, 1.0, height);
  let shine = MOON * dark;
  var z = blend6(height, srgb(7.0, 10.0, 27.0), srgb(22.0, 36.0, 80.0), srgb(46.0, 76.0, 138.0),
    srgb(62.0, 108.0, 178.0), srgb(52.0, 112.0, 192.0), srgb(36.0, 98.0, 186.0));
  var r = blend6(height, srgb(16.0, 25.0, 48.0), srgb(64.0, 64.0, 112.0), srgb(176.0, 128.0, 152.0),
    srgb(206.0, 178.0, 182.0), srgb(192.0, 202.0, 216.0), srgb(172.0, 206.0, 234.0));
  var g = blend6(height, srgb(20.0, 30.0, 56.0), srgb(206.0, 104.0, 84.0), srgb(255.0, 130.0, 62.0),
    srgb(255.0, 178.0, 98.0), srgb(255.0, 212.0, 150.0), srgb(206.0, 226.0, 242.0));
  z += shine * srgb(18.0, 34.0, 74.0);
  r += shine * srgb(66.0, 92.0, 142.0);
  g += shine * srgb(78.0, 104.0, 150.0);
  // Under clouds the night is lit by what it reflects.
  let grey = vec3f(bright(mix(z, r, 0.6)) * 0.9 + 0.012 * dark);
  z = mix(z, grey * vec3f(0.9, 0.98, 1.1), OVERCAST);
  r = mix(r, grey * vec3f(1.15, 1.18, 1.22), OVERCAST);
  g = mix(g, grey * vec3f(1.3, 1.25, 1.18), OVERCAST);
  let day = wide(-5.0, 3.0, height);
  var sunlight = blend6(height, vec3f(0.0), vec3f(0.06, 0.02, 0.02), vec3f(1.6, 0.62, 0.26),
    vec3f(3.0, 1.65, 0.80), vec3f(3.5, 2.45, 1.45), vec3f(3.2, 2.95, 2.55));
  sunlight += shine * vec3f(0.30, 0.42, 0.68);
  sunlight *= 1.0 - 0.82 * OVERCAST;
  objects[0] = vec4f(sun, dark);
  objects[1] = vec4f(moon, shine);
  objects[2] = vec4f(select(moon, normalize(vec3f(sun.x, max(sun.y, 0.05), sun.z)), height > -6.0),
    1.0 - wide(-1.0, 14.0, height + 2.0 - 8.0 * OVERCAST));
  objects[3] = vec4f(sunlight, uniforms.fog);
  objects[4] = vec4f(z, 0.0);
  objects[5] = vec4f(r, 0.0);
  objects[6] = vec4f(g, 0.0);
  objects[11] = vec4f(z * 0.75 + r * 0.35 + vec3f(0.016, 0.022, 0.036) * dark, day);
  objects[12] = vec4f((r * 0.3 + sunlight * 0.05) * GROUND_BOUNCE, clock);
  // The camera.
  let phase = f32(uniforms.frame) / FILM;
  let swing = select(0.0, 1.0, CAMERA_PATH == 1) * sin(phase * TAU) * SWING;
  let yaw = uniforms.yaw + swing;
  let go = select(0.0, TRAVEL * phase, CAMERA_PATH >= 2);
  let bob = select(0.0, 0.05 * sin(uniforms.time * 7.0), CAMERA_PATH == 3);
  let away = uniforms.distance;
  let flat_ = away * cos(uniforms.pitch);
  let target_ = vec3f(uniforms.pan.x, AIM_HEIGHT + uniforms.pan.y, -go);
  let place = vec3f(target_.x + flat_ * sin(yaw),
    max(EYE_HEIGHT + away * sin(uniforms.pitch) + bob, 0.3), target_.z + flat_ * cos(yaw));
  let forward = normalize(target_ - place);
  let right = normalize(cross(forward, vec3f(0.0, 1.0, 0.0)));
  objects[7] = vec4f(place, FOCAL * uniforms.zoom);
  objects[8] = vec4f(right, 0.0);
  objects[9] = vec4f(cross(right, forward), 0.0);
  objects[10] = vec4f(forward, 0.0);
  objects[13] = vec4f(f32(uniforms.seed >> 16u), f32(uniforms.seed & 0xffffu), 0.0, 0.0);
}

// ---- the sky, where nothing is in the way ----

// Clear air in direction d; also what distant things fade into.
fn air(d: vec3f) -> vec3f {
  let h = max(d.y, 0.0);
  let toward = dot(d, light_way());
  let side = 0.5 + 0.5 * toward;
  let low = mix(rim(), glow(), side * side * side);
  let t = exp(-4.2 * h);
  let near = max(toward, 0.0);
  let n4 = near * near * near * near;
  let n16 = n4 * n4 * n4 * n4;
  let about = light_colour() * (0.035 * n4 * t + 0.10 * n16 * n4 * t + 0.06 * n16 * n16 * n16);
  return mix(zenith(), low, t) + about * (1.0 - 0.7 * OVERCAST);
}

fn veil(c: vec3f, d: vec3f, distance: f32) -> vec3f {
  let clear = exp(-haze() * distance);
  return mix(air(vec3f(d.x, abs(d.y) * 0.3, d.z)), c, clear);
}

// ---- rays and tiles ----

fn way_of(x: f32, y: f32) -> vec3f {
  let across = (x - 0.5 * f32(uniforms.width)) / (0.5 * f32(uniforms.height));
  let down = (y - 0.5 * f32(uniforms.height)) / (0.5 * f32(uniforms.height));
  return normalize(ahead() * focal() + to_right() * across - to_top() * down);
}

// Where a point is seen, in pixels, and how far ahead it lies.
fn seen_at(p: vec3f) -> vec3f {
  let v = p - eye();
  let depth = dot(v, ahead());
  let s = 0.5 * f32(uniforms.height) * focal() / max(depth, 1e-3);
  return vec3f(0.5 * f32(uniforms.width) + s * dot(v, to_right()),
    0.5 * f32(uniforms.height) - s * dot(v, to_top()), depth);
}

@compute @workgroup_size(64)
fn clear_counts(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < COUNTERS) { atomicStore(&counters[id.x], 0u); }
}

@compute @workgroup_size(64)
fn cull(@builtin(global_invocation_id) id: vec3u) {
  let tile = id.x;
  if (tile >= TILES) { return; }
  let x = f32((tile % TILES_X) * 8u);
  let y = f32((tile / TILES_X) * 8u);
  let from_ = eye();
  let way = way_of(x + 4.0, y + 4.0);
  let corner = way_of(x + 8.5, y + 8.5);
  let other = way_of(x - 0.5, y - 0.5);
  let least = min(dot(way, corner), dot(way, other));
  let slope = sqrt(max(1.0 - least * least, 0.0)) / max(least, 0.01);
  for (var kind = 0u; kind < KINDS; kind++) {
    let range = RANGES[kind];
    let list = tile * ROW + kind * (CAP + 1u);
    var count = 0u;
    for (var rank = 0u; rank < range.y; rank++) {
      let one = u32(objects[STATE + 6u * (range.x + rank) + 4u].x);
      let ball = objects[STATE + 6u * one + 2u];
      let v = ball.xyz - from_;
      let along = dot(v, way);
      let reach = ball.w + max(along, 0.0) * slope;
      if (dot(v, v) - along * along < reach * reach && along > -ball.w && count < CAP) {
        count++;
        lists[list + count] = one;
      }
    }
    lists[list] = count;
    if (count > 0u) {
      lists[ACTIVE + kind * TILES + atomicAdd(&counters[kind], 1u)] = tile;
    }
  }
  // Hills reach a little above the horizon, mountains a little below it.
  let lowest = min(corner.y, other.y);
  let highest = max(corner.y, other.y);
  if (lowest < LAND_TOP) {
    lists[ACTIVE + LAND * TILES + atomicAdd(&counters[LAND], 1u)] = tile;
  }
  if (highest > SKY_BOTTOM) {
    lists[ACTIVE + SKY * TILES + atomicAdd(&counters[SKY], 1u)] = tile;
  }
  if (highest > SKY_BOTTOM && lowest < MOUNTAIN_TOP) {
    lists[ACTIVE + RIDGE * TILES + atomicAdd(&counters[RIDGE], 1u)] = tile;
  }
  if (lowest < 0.0) {
    lists[ACTIVE + WATER * TILES + atomicAdd(&counters[WATER], 1u)] = tile;
  }
}

fn tile_pixel(tile: u32, local: vec3u) -> vec2u {
  return vec2u((tile % TILES_X) * 8u + local.x, (tile / TILES_X) * 8u + local.y);
}

// From where to where a ray is inside a ball and no farther than t; both at the end where it passes by.
fn within_ball(ball: vec4f, e: vec3f, d: vec3f, t: f32) -> vec2f {
  let v = ball.xyz - e;
  let b = dot(v, d);
  let gap = ball.w * ball.w - dot(v, v) + b * b;
  let half = sqrt(max(gap, 0.0));
  let end = min(b + half, t);
  return vec2f(select(end, max(b - half, 0.1), gap > 0.0), end);
}

// ---- objects ----

@compute @workgroup_size(64)
fn place(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= OBJECTS) { return; }
  var c = 0u;
  for (var k = 1u; k < CLASSES; k++) {
    if (f32(i) >= objects[TABLE + 5u * k].x) { c = k; }
  }
  let head = objects[TABLE + 5u * c];        // first, count, kind, seed
  let area = objects[TABLE + 5u * c + 1u];   // x, half width, z near, z far
  let size = objects[TABLE + 5u * c + 2u];   // height, spread of heights, width by height, shape
  let ink = objects[TABLE + 5u * c + 3u];    // colour, spread of colours
  let turn = objects[TABLE + 5u * c + 4u];  // gap in the middle, first number, step, numbers in all
  let gap = turn.x;
  let n = turn.y + turn.z * (f32(i) - head.x);
  let key = u32(head.w) * 977u + u32(n);
  let r1 = random(key, 1u, 11u);
  let r2 = random(key, 2u, 11u);
  let r3 = random(key, 3u, 11u);
  let r4 = random(key, 4u, 11u);
  let r5 = random(key, 5u, 11u);
  let start = random(u32(head.w), 6u, 11u);
  // Even in both directions: the points of a rank-1 lattice, jittered.
  let u = (n + 0.5 + 0.40 * (r1 - 0.5)) / turn.w;
  let v = fract(n * 0.6180340 + start + 0.06 * (r2 - 0.5));
  let z = mix(area.z, area.w, v);
  // As wide as the view at that distance.
  let middle = 0.5 * (area.z + area.w);
  let flare = (CAMERA_Z - z) / (CAMERA_Z - middle);
  let way = 2.0 * u - 1.0;
  let x = area.x + select(sign(way) * gap + way * (1.0 - gap), way, gap == 0.0) * area.y * flare;
  let height = size.x * (1.0 + size.y * (2.0 * r3 - 1.0));
  let half = 0.5 * size.z * height * (0.85 + 0.3 * r5);
  let spread = ink.w * (vec3f(r4, fract(r4 * 7.0 + r5), fract(r5 * 5.0 + r3)) - 0.5);
  let o = STATE + 6u * i;
  var angle = TAU * r4;
  var deep = half;
  var reach = 0.56 * height;
  var lift = 0.5 * height;
  if (size.w == 1.0) {  // straight walls
    angle = (r4 - 0.5) * 0.5;
    deep = half * (0.8 + 0.5 * r1);
    reach = sqrt(half * half + deep * deep + 0.25 * height * height) * 1.06;
  }
  if (size.w == 2.0) {  // round
    reach = 1.25 * max(half, 0.5 * height);
    lift = 0.35 * height;
  }
  if (size.w == 4.0) {  // flowers, heavy at the top
    reach = 0.62 * height + 1.3 * half;
    lift = 0.6 * height;
  }
  if (size.w == 3.0) {  // towers
    angle = (r4 - 0.5) * 0.3;
    let tall = 0.35 + 1.3 * r3 * r3 * (0.5 + 0.5 * r2) + 0.25 * exp(-pow((x - area.x) / area.y * 2.0, 2.0));
    let h = size.x * tall;
    let w = 0.5 * size.z * size.x * (0.6 + 0.75 * r5);
    let y0 = hill(vec2f(x, z));
    objects[o] = vec4f(x, y0, z, h);
    objects[o + 1u] = vec4f(max(ink.xyz + spread, vec3f(0.0)), r2);
    objects[o + 2u] = vec4f(x, y0 + 0.62 * h, z, sqrt(3.1 * w * w + 0.40 * h * h) * 1.02);
    objects[o + 3u] = vec4f(w, w * (0.7 + 0.6 * r1), angle, head.z);
    return;
  }
  let ground = hill(vec2f(x, z)) - 0.01 * height;
  objects[o] = vec4f(x, ground, z, height);
  objects[o + 1u] = vec4f(max(ink.xyz * (1.0 + spread), vec3f(0.0)), r2);
  objects[o + 2u] = vec4f(x, ground + lift, z, reach);
  objects[o + 3u] = vec4f(half, deep, angle, head.z);
}

@compute @workgroup_size(64)
fn prepare(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= OBJECTS) { return; }
  let o = STATE + 6u * i;
  let ball = objects[o + 2u];
  let mine = distance(ball.xyz, eye());
  let kind = u32(objects[o + 3u].w);
  let range = RANGES[kind];
  var rank = 0u;
  for (var k = 0u; k < range.y; k++) {
    let other = range.x + k;
    let d = distance(objects[STATE + 6u * other + 2u].xyz, eye());
    if (d < mine || (d == mine && other < i)) { rank++; }
  }
  let at = seen_at(ball.xyz);
  objects[STATE + 6u * (range.x + rank) + 4u].x = f32(i);
  objects[o + 4u].y = select(mine, -mine, at.z <= 0.0);
  objects[o + 4u].z = at.x / f32(uniforms.width);
  objects[o + 4u].w = at.y / f32(uniforms.height);
  let base = objects[o];
  let bend = push(base.xz, objects[o + 1u].w);
  let angle = objects[o + 3u].z;
  let lean = vec3f(0.16 * sin(angle) + 3.2 * bend.x, 1.0 - 6.0 * dot(bend, bend), 0.16 * cos(angle) + 3.2 * bend.y);
  let head = base.xyz + base.w * lean;
  objects[o + 5u] = vec4f(select(vec3f(bend, 0.0), head, kind == FLOWER), 1.0);
}

// The light at the foot of every object, after the shadows are cast.
@compute @workgroup_size(64)
fn settle(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= OBJECTS) { return; }
  let o = STATE + 6u * id.x;
  objects[o + 5u].w = open_to_light(objects[o].xz);
}

// How far the wind pushes what stands at `place`, as a share of its height.
fn push(place: vec2f, phase: f32) -> vec2f {
  let t = uniforms.time;
  let gust = 0.55 + 0.45 * sin(0.55 * t - 0.13 * place.x + 0.05 * place.y);
  let flutter = sin(2.3 * t + phase * TAU - 0.4 * place.x) + 0.5 * sin(3.9 * t + 11.0 * phase);
  return uniforms.wind * vec2f(0.07 * gust + 0.030 * flutter * gust, 0.018 * flutter);
}

// ---- light that spreads, and the picture ----

fn curve(c: vec3f) -> vec3f {
  // Source: Narkowicz, "ACES Filmic Tone Mapping Curve" (2016).
  let x = c * EXPOSURE;
  return clamp(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), vec3f(0.0), vec3f(1.0));
}

@compute @workgroup_size(8, 8)
fn shrink(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= SMALL_X || id.y >= SMALL_Y) { return; }
  var sum = vec3f(0.0);
  for (var i = 0u; i < 16u; i++) {
    let x = min(id.x * 4u + i % 4u, uniforms.width - 1u);
    let y = min(id.y * 4u + i / 4u, uniforms.height - 1u);
    sum += image[y * uniforms.width + x].xyz;
  }
  let c = sum / 16.0;
  let level = bright(curve(c));
  if (is_finite(c.x + c.y + c.z)) {
    let l = u32(clamp(level, 0.0, 1.0) * 63.0 + 0.5);
    atomicAdd(&counters[SUMS], l);
    atomicAdd(&counters[SUMS + 1u], l * l);
  } else {
    atomicAdd(&counters[SUMS + 2u], 1u);
  }
  let excess = max(bright(c) - BLOOM_FROM, 0.0);
  beside[id.y * SMALL_X + id.x] = vec4f(min(c * excess / (bright(c) + 1e-4), vec3f(4.0)), 0.0);
}

fn blurred(from_: u32, x: i32, y: i32, dx: i32, dy: i32) -> vec3f {
  var sum = vec3f(0.0);
  var weight = 0.0;
  for (var i = -8; i <= 8; i++) {
    let w = exp(-0.045 * f32(i * i));
    let px = clamp(x + i * dx, 0, i32(SMALL_X) - 1);
    let py = clamp(y + i * dy, 0, i32(SMALL_Y) - 1);
    sum += w * beside[from_ + u32(py) * SMALL_X + u32(px)].xyz;
    weight += w;
  }
  return sum / weight;
}

@compute @workgroup_size(8, 8)
fn blur_across(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= SMALL_X || id.y >= SMALL_Y) { return; }
  let c = blurred(0u, i32(id.x), i32(id.y), 1, 0);
  beside[SMALL_X * SMALL_Y + id.y * SMALL_X + id.x] = vec4f(c, 0.0);
}

@compute @workgroup_size(8, 8)
fn blur_down(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= SMALL_X || id.y >= SMALL_Y) { return; }
  let c = blurred(SMALL_X * SMALL_Y, i32(id.x), i32(id.y), 0, 1);
  beside[id.y * SMALL_X + id.x] = vec4f(c, 0.0);
}

fn halo_at(x: f32, y: f32) -> vec3f {
  let u = clamp(x / 4.0 - 0.5, 0.0, f32(SMALL_X - 1u));
  let v = clamp(y / 4.0 - 0.5, 0.0, f32(SMALL_Y - 1u));
  let i = u32(u);
  let j = u32(v);
  let i1 = min(i + 1u, SMALL_X - 1u);
  let j1 = min(j + 1u, SMALL_Y - 1u);
  let top = mix(beside[j * SMALL_X + i].xyz, beside[j * SMALL_X + i1].xyz, u - f32(i));
  let low = mix(beside[j1 * SMALL_X + i].xyz, beside[j1 * SMALL_X + i1].xyz, u - f32(i));
  return mix(top, low, v - f32(j));
}

// Falling snow or rain: three curtains of cells, each with one flake or drop.
fn falling(x: f32, y: f32) -> f32 {
  let s = vec2f(x, y) / f32(uniforms.height);
  var sum = 0.0;
  for (var layer = 0; layer < FALL_LAYERS; layer++) {
    let f = f32(layer);
    let cells = select(9.0 + 7.0 * f, 22.0 + 12.0 * f, RAIN);
    let speed = select(0.16 / (1.0 + 0.45 * f), 1.9 / (1.0 + 0.3 * f), RAIN);
    let slant = select(0.05 * sin(uniforms.time * 0.7 + f) + 0.1 * uniforms.wind, 0.06 + 0.2 * uniforms.wind, RAIN);
    var q = vec2f(s.x - slant * s.y, s.y - uniforms.time * speed - 0.37 * f) * cells;
    if (!RAIN) { q.x += 0.35 * sin(uniforms.time * 0.9 + 2.0 * s.y * 3.0 + f) - uniforms.wind * uniforms.time; }
    if (RAIN) { q.y *= 0.16; }
    let cell = floor(q);
    let t = q - cell;
    let h = scramble(key2(cell) + u32(layer) * 7919u);
    let spot = vec2f(0.2 + 0.6 * unit(h), 0.2 + 0.6 * unit(scramble(h + 1u)));
    let there = select(0.0, 1.0, unit(scramble(h + 2u)) < FALL);
    let o = t - spot;
    let flake = 1.0 - wide(0.02, 0.075 + 0.06 * unit(scramble(h + 3u)), length(o));
    let drop = (1.0 - wide(0.0, 0.04, abs(o.x))) * (1.0 - wide(0.1, 0.42, abs(o.y)));
    sum += there * select(0.75 * flake, 0.30 * drop, RAIN) / (1.0 + 0.25 * f);
  }
  return min(sum, 1.0);
}

@compute @workgroup_size(8, 8)
fn develop(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let i = id.y * uniforms.width + id.x;
  let x = f32(id.x) + 0.5;
  let y = f32(id.y) + 0.5;
  var c = image[i].xyz + BLOOM * halo_at(x, y);
  if (FALL_LAYERS > 0) {
    let light_ = 0.55 * rim() + 0.12 * light_colour() + 0.03;
    c = mix(c, light_ * 1.25, falling(x, y));
  }
  let centre = vec2f(x / f32(uniforms.width), y / f32(uniforms.height)) - 0.5;
  c *= 1.0 - 0.42 * dot(centre, centre);
  let shown = curve(c);
  // A little warmer and stronger colours, then sRGB.
  let strong = mix(vec3f(bright(shown)), shown, SATURATION);
  let coded = pow(max(strong, vec3f(0.0)), vec3f(1.0 / 2.2));
  let grain = (unit(scramble(i ^ 0x9e37u)) - 0.5) / 255.0;
  lists[LDR + i] = pack_rgba(coded + grain);
}

fn shown_at(x: i32, y: i32) -> vec3f {
  let px = u32(clamp(x, 0, i32(uniforms.width) - 1));
  let py = u32(clamp(y, 0, i32(uniforms.height) - 1));
  let w = lists[LDR + py * uniforms.width + px];
  return vec3f(f32(w & 255u), f32((w >> 8u) & 255u), f32((w >> 16u) & 255u)) * (1.0 / 255.0);
}

// Smooths along edges. Source: after Lottes, "FXAA" (2009): find the edge's direction from the corners'
// brightness and average along it.
@compute @workgroup_size(8, 8)
fn smooth_edges(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let x = i32(id.x);
  let y = i32(id.y);
  let m = shown_at(x, y);
  let n = shown_at(x, y - 1);
  let s = shown_at(x, y + 1);
  let w = shown_at(x - 1, y);
  let e = shown_at(x + 1, y);
  let ln = bright(n);
  let ls = bright(s);
  let lw = bright(w);
  let le = bright(e);
  let lm = bright(m);
  let contrast = max(max(ln, ls), max(max(lw, le), lm)) - min(min(ln, ls), min(min(lw, le), lm));
  let across = abs(ln + ls - 2.0 * lm);
  let along = abs(lw + le - 2.0 * lm);
  let softer = select(mix(n, s, 0.5), mix(w, e, 0.5), along > across);
  let amount = SMOOTH * wide(0.03, 0.22, contrast);
  let c = mix(m, mix(softer, 0.25 * (n + s + w + e), 0.35), amount);
  pixels[id.y * uniforms.width + id.x] = pack_rgba(c);
}
