// Sky, mountains, ground and water. Part of the scene; see scene.wgsl.

// ---- heights ----

// How far inside a lake a place is: above 0 there is water.
fn lake(p: vec2f) -> f32 {
  if (!LAKE) { return -9.0; }
  let q = (p - LAKE_AREA.xy) / LAKE_AREA.zw;
  let a = atan2(q.y, q.x);
  return 1.0 - length(q) + 0.09 * sin(3.0 * a + 1.0) + 0.05 * sin(7.0 * a + 2.0);
}

// Height of the ground near by, in metres.
fn hill(p: vec2f) -> f32 {
  var h = ROLL * (0.5 * sin(0.13 * p.x + 0.07 * p.y + 0.6) + 0.4 * sin(0.11 * p.y - 0.05 * p.x + 2.0)
    + 0.12 * sin(0.34 * p.x + 1.0) * sin(0.29 * p.y));
  if (LAKE) {
    h = mix(0.25 + 0.5 * (h + ROLL), -0.9, wide(-0.10, 0.10, lake(p)));
  }
  return h;
}

fn hill_normal(p: vec2f) -> vec3f {
  let h = hill(p);
  return normalize(vec3f(h - hill(p + vec2f(0.15, 0.0)), 0.15, h - hill(p + vec2f(0.0, 0.15))));
}

// Mountains around the valley. Source of the damped octaves: Quilez, "Value noise derivatives" (2008).
@compute @workgroup_size(8, 8)
fn raise_mountains(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= TERRAIN || id.y >= TERRAIN) { return; }
  let p = (vec2f(f32(id.x), f32(id.y)) / f32(TERRAIN - 1u) - 0.5) * 2.0 * TERRAIN_REACH;
  let away = length(p * vec2f(1.0, 0.9));
  let shift = vec2f(random(1u, 2u, 3u), random(3u, 2u, 1u)) * 512.0;
  var q = p / 560.0 + shift;
  var sum = 0.0;
  var weight = 1.0;
  var damp = 1.0;
  for (var i = 0; i < 9; i++) {
    let n = 1.0 - abs(2.0 * noise2(q) - 1.0);
    let ridge = n * n;
    sum += weight * ridge * damp;
    damp = clamp(damp * (0.35 + 0.9 * ridge), 0.0, 1.0);
    weight *= 0.49;
    q = turned(q) + vec2f(1.7, 9.2);
  }
  // A gap where the sun sets and the moon rises.
  let bearing = atan2(p.x, -p.y) - 0.20;
  let rising = wide(230.0, 900.0, away) * (1.0 - 0.80 * exp(-60.0 * bearing * bearing));
  maps[id.y * TERRAIN + id.x] = MOUNTAINS * rising * (0.10 + 0.60 * sum) - 4.0 * (1.0 - rising);
}

fn mountain(p: vec2f) -> f32 {
  let u = clamp((p / (2.0 * TERRAIN_REACH) + 0.5) * f32(TERRAIN - 1u), vec2f(0.0), vec2f(max(f32(TERRAIN) - 1.01, 0.0)));
  let c = floor(u);
  let t = u - c;
  let i = u32(c.y) * TERRAIN + u32(c.x);
  return mix(mix(maps[i], maps[i + 1u], t.x), mix(maps[i + TERRAIN], maps[i + TERRAIN + 1u], t.x), t.y);
}

// ---- shadows on the ground ----

// The light that reaches each spot of the ground, as a map; crowns let spots of light through.
@compute @workgroup_size(8, 8)
fn cast_shadows(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= SHADOW || id.y >= SHADOW) { return; }
  let p = SHADOW_AREA.xy + (vec2f(f32(id.x), f32(id.y)) + 0.5) / f32(SHADOW) * SHADOW_AREA.zw;
  let g = vec3f(p.x, hill(p), p.y);
  let l = light_way();
  var open_ = 1.0;
  for (var i = 0u; i < CASTERS; i++) {
    let o = STATE + 6u * i;
    let base = objects[o];
    let size = objects[o + 3u];
    let shape = SHADOW_SHAPES[u32(size.w)];  // middle of the crown, its half height; 0..1 of the height; density, stem
    let bend = objects[o + 5u].xy * base.w;
    let radii = vec3f(size.x, shape.y * base.w, size.y);
    let q = (g - base.xyz - vec3f(bend.x, shape.x * base.w, bend.y)) / radii;
    let r = l / radii;
    let k = -dot(q, r) / dot(r, r);
    let near = q + r * max(k, 0.0);
    let d = length(near);
    let holes = 1.0 - shape.z * wide(0.45, 0.75, noise2(p * 2.6 + 3.0 * bend));
    open_ *= 1.0 - 0.92 * holes * (1.0 - wide(0.62, 1.12, d));
    if (shape.w > 0.0) {
      let stem = vec3f(shape.w * base.w, shape.x * base.w, shape.w * base.w);
      let qs = (g - base.xyz) / stem;
      let rs = l / stem;
      let ks = max(-dot(qs, rs) / dot(rs, rs), 0.0);
      open_ *= 1.0 - 0.85 * (1.0 - wide(0.6, 1.4, length(qs + rs * ks)));
    }
  }
  maps[SHADOW_AT + id.y * SHADOW + id.x] = open_;
}

fn open_to_light(p: vec2f) -> f32 {
  if (SHADOW == 0u) { return 1.0; }
  let u = (p - SHADOW_AREA.xy) / SHADOW_AREA.zw * f32(SHADOW) - 0.5;
  let inside = u.x > 0.0 && u.y > 0.0 && u.x < f32(SHADOW) - 1.0 && u.y < f32(SHADOW) - 1.0;
  let v = clamp(u, vec2f(0.0), vec2f(max(f32(SHADOW) - 1.01, 0.0)));
  let c = floor(v);
  let t = v - c;
  let i = SHADOW_AT + u32(c.y) * SHADOW + u32(c.x);
  let s = mix(mix(maps[i], maps[i + 1u], t.x), mix(maps[i + SHADOW], maps[i + SHADOW + 1u], t.x), t.y);
  return select(1.0, s, inside);
}

// Warm light of lanterns and lit houses at a place with normal n.
fn lamplight(p: vec3f, n: vec3f) -> vec3f {
  var sum = vec3f(0.0);
  for (var i = 0u; i < LIGHTS; i++) {
    let o = STATE + 6u * (LIGHT_FROM + i);
    let base = objects[o];
    let size = objects[o + 3u];
    let house = size.w != LANTERN_KIND;
    let up = select(0.92, 0.28, house) * base.w;
    let out = select(0.0, size.y + 0.7, house);
    let at = base.xyz + vec3f(sin(size.z) * out, up, cos(size.z) * out);
    let v = at - p;
    let dd = dot(v, v);
    let facing = 0.35 + 0.65 * max(dot(v, n) * inverseSqrt(dd + 0.01), 0.0);
    sum += select(vec3f(2.2, 1.25, 0.5), vec3f(3.0, 1.6, 0.62), house) * facing / (0.7 + dd * select(0.55, 0.25, house));
  }
  return sum * lamps();
}

// ---- the sky ----

fn starlight(d: vec3f) -> vec3f {
  let grain = 2.0 / (f32(uniforms.height) * focal());
  var sum = vec3f(0.0);
  let s = d.xz / (1.15 + d.y);
  let layers = select(0, 2, night() > 0.0 && d.y > 0.0);
  for (var layer = 0; layer < layers; layer++) {
    let cells = select(62.0, 26.0, layer == 1);
    let q = s * cells + 40.0 * f32(layer);
    let cell = floor(q);
    let h = scramble(key2(cell) + 17u * u32(layer));
    let a = unit(h);
    let spot = vec2f(0.2 + 0.6 * unit(scramble(h + 1u)), 0.2 + 0.6 * unit(scramble(h + 2u)));
    let o = (q - cell - spot) / (grain * cells);
    let twinkle = 0.72 + 0.28 * sin(uniforms.time * (2.0 + 5.0 * a) + 97.0 * a);
    let strong = select(pow(a, 6.0) * 0.9, pow(a, 9.0) * 3.4, layer == 1);
    let tint = mix(vec3f(1.0, 0.82, 0.66), vec3f(0.72, 0.84, 1.0), unit(scramble(h + 3u)));
    sum += tint * strong * twinkle * exp(-1.9 * dot(o, o));
  }
  let across = dot(d, normalize(vec3f(0.72, -0.42, 0.55)));
  let band = exp(-22.0 * across * across);
  let dust = clouds2(vec2f(d.x * 5.0 + d.y * 3.0, d.z * 5.0 - d.y * 4.0), select(0, 5, layers > 0));
  sum += band * (0.020 + 0.16 * dust * dust * dust) * vec3f(0.62, 0.70, 1.0);
  return sum * wide(0.0, 0.25, d.y);
}

fn moon_disc(d: vec3f) -> vec4f {
  let m = moon_way();
  let side = normalize(cross(m, vec3f(0.0, 1.0, 0.0)));
  let top = cross(side, m);
  let q = vec2f(dot(d, side), dot(d, top)) / MOON_SIZE;
  let r = length(q);
  let soft = 2.5 / (f32(uniforms.height) * focal() * MOON_SIZE);
  let cover = (1.0 - wide(1.0 - soft, 1.0 + soft, r)) * select(0.0, 1.0, dot(d, m) > 0.0);
  let seas = wide(0.38, 0.66, clouds2(q * 1.7 + 4.3, 4));
  let rim_ = sqrt(max(1.0 - r * r, 0.0));
  return vec4f(vec3f(1.9, 1.84, 1.64) * (0.62 + 0.38 * rim_) * (1.0 - 0.42 * seas), cover);
}

fn heaven(d: vec3f) -> vec3f {
  var c = air(d);
  let up = max(d.y, 0.0);
  let sun = sun_way();
  let mu = max(dot(d, sun), 0.0);
  c += starlight(d) * night() * (1.0 - 0.45 * moonlit());
  if (MOON > 0.0) {
    let m = moon_disc(d);
    let near = max(dot(d, moon_way()), 0.0);
    let far = acos_like(near);
    c += vec3f(0.34, 0.42, 0.60) * (0.30 * exp(-9.0 * far) + 0.9 * exp(-42.0 * max(far - MOON_SIZE, 0.0))) * moonlit();
    c = mix(c, m.xyz, m.w * moonlit());
  }
  let soft = 2.0 / (f32(uniforms.height) * focal());
  let off = acos_like(mu);
  let disc = 1.0 - wide(0.019 - soft, 0.019 + soft, off);
  let above = wide(-0.02, 0.01, sun.y + 0.03);
  let sunlight = light_colour() * (1.0 - night()) * above;
  c += sunlight * (disc * 5.0 + 0.50 * exp(-30.0 * off) + 0.16 * exp(-7.0 * off)) * (1.0 - 0.93 * OVERCAST);
  if (CLOUDS) {
    let q = d.xz / (up + 0.20) * 1.35 + vec2f(0.022, 0.008) * uniforms.time + 7.3;
    let n = clouds2(q, select(0, 6, d.y > 0.0));
    let l = light_way();
    let n2 = clouds2(q + l.xz * 0.22 / (0.35 + l.y) * 0.6, select(0, 3, d.y > 0.0)) + 0.06;
    let cover = wide(CLOUD_FROM, CLOUD_FROM + 0.26, n) * wide(0.0, 0.10, d.y);
    let lit = clamp(0.55 + 2.6 * (n2 - n) * -1.0, 0.0, 1.0);
    let low = wide(0.35, 0.0, l.y) * (1.0 - night());
    let body = mix(from_sky() * 0.50 + rim() * 0.28, mix(rim(), glow(), 0.45) * 0.75 + light_colour() * 0.24, lit);
    let warm = mix(body, glow() * (0.35 + 0.75 * lit), 0.55 * low * (0.35 + 0.65 * mu));
    let lining = light_colour() * pow(max(dot(d, l), 0.0), 10.0) * (1.0 - cover) * 0.35;
    c = mix(c, warm + lining, cover * (0.94 - 0.25 * low));
  }
  if (RAINBOW) {
    let anti = acos_like(clamp(-dot(d, light_way()), -1.0, 1.0));
    let t = (anti - 0.70) / 0.045;
    let bow = wide(0.0, 0.2, t) * wide(1.0, 0.8, t);
    let hue = vec3f(wide(0.35, 0.95, t), wide(0.0, 0.5, t) * wide(0.95, 0.5, t), wide(0.6, 0.05, t));
    c += 0.30 * bow * hue * bright(light_colour()) * 0.4;
  }
  return c;
}

// The angle whose cosine this is; the device's own is not the same everywhere.
fn acos_like(x: f32) -> f32 { return atan2(sqrt(max((1.0 - x) * (1.0 + x), 0.0)), x); }

// Wooded hills at the edge of the plain, one behind the other.
fn far_hills(d: vec3f, c: vec3f) -> vec3f {
  var seen = c;
  let flat_ = max(length(d.xz), 1e-4);
  let a = atan2(d.x, -d.z);
  let up = d.y / flat_;
  let l = light_way();
  let layers = select(0, 3, up < 0.13);
  for (var i = 0; i < layers; i++) {
    let f = f32(2 - i);
    let u = a * (5.0 + 2.5 * f) + 11.0 * f;
    let crest = 0.012 + 0.020 * f + (0.034 + 0.012 * f) * (noise2(vec2f(u, f)) - 0.35) + 0.0045 * noise2(vec2f(a * 95.0, f)) + 0.0025 * noise2(vec2f(a * 260.0, f));
    let soft = 1.2 / (f32(uniforms.height) * focal());
    let cover = wide(crest + soft, crest - soft, up);
    let trees = noise2(vec2f(a * 150.0, up * 420.0 + 9.0 * f));
    let ink = WOODS * (0.65 + 0.7 * trees);
    let lit = ink * (light_colour() * (0.30 + 0.35 * l.y) * (0.6 + 0.6 * trees) + from_sky() * 0.5);
    let clear = exp(-(260.0 + 380.0 * f) * (haze() + 0.0009));
    seen = mix(seen, mix(air(vec3f(d.x, 0.03, d.z)), lit, clear), cover);
  }
  return seen;
}

@compute @workgroup_size(8, 8)
fn paint_sky(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[SKY]);
  for (var k = group.x; k < total; k += GROUPS) {
    let at = tile_pixel(lists[ACTIVE + SKY * TILES + k], local);
    if (at.x < uniforms.width && at.y < uniforms.height) {
      let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
      var c = heaven(d);
      if (HILLS) { c = far_hills(d, c); }
      image[at.y * uniforms.width + at.x] = vec4f(c, FAR);
    }
  }
}

// ---- mountains ----

// How high the mountains reach in the directions of the view: for each, the steepest look up to a
// mountain within so many metres. Those grow with the distance, so where a ray that rises by so much
// comes to the ground is found by halving. The directions lie within VIEW_WIDE of the camera's own.

fn ridge_distance(step: f32) -> f32 { return 200.0 * exp(step * (2.35 / f32(RIDGE_STEPS - 1u))); }

fn view_wide() -> f32 {
  let steep = abs(ahead().y);
  let f = max(focal() * sqrt(1.0 - steep * steep) - steep, 0.02);
  return min(1.04 * atan2(f32(uniforms.width) / f32(uniforms.height), f) + 0.01, 0.5 * TAU);
}

@compute @workgroup_size(64)
fn scan_mountains(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= RIDGE_WAYS) { return; }
  let e = eye();
  let a = (2.0 * f32(id.x) / f32(RIDGE_WAYS - 1u) - 1.0) * view_wide() + atan2(ahead().x, -ahead().z);
  let way = vec2f(sin(a), -cos(a));
  var most = -1.0e3;
  for (var k = 0u; k < RIDGE_STEPS; k++) {
    let far = ridge_distance(f32(k));
    most = max(most, (mountain(e.xz + way * far) - e.y) / far);
    maps[RIDGE_AT + id.x * RIDGE_STEPS + k] = most;
  }
}

@compute @workgroup_size(8, 8)
fn paint_mountains(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[RIDGE]);
  for (var k = group.x; k < total; k += GROUPS) {
    let at = tile_pixel(lists[ACTIVE + RIDGE * TILES + k], local);
    let inside = at.x < uniforms.width && at.y < uniforms.height;
    let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
    let e = eye();
    let flat_ = max(length(d.xz), 1e-3);
    let rise = d.y / flat_;
    let turn = atan2(d.x, -d.z) - atan2(ahead().x, -ahead().z);
    let off = turn - TAU * floor(turn / TAU + 0.5);
    let share_ = clamp(off / view_wide() * 0.5 + 0.5, 0.0, 1.0);
    let row = RIDGE_AT + u32(share_ * f32(RIDGE_WAYS - 1u) + 0.5) * RIDGE_STEPS;
    let crest = maps[row + RIDGE_STEPS - 1u];
    var low = 0u;
    var high = RIDGE_STEPS - 1u;
    for (var i = 0; i < 8; i++) {
      let middle = (low + high) / 2u;
      let beyond = maps[row + middle] < rise;
      low = select(low, middle, beyond);
      high = select(middle, high, beyond);
    }
    let under = maps[row + low];
    let over = maps[row + high];
    let part = clamp((rise - under) / max(over - under, 1e-6), 0.0, 1.0);
    let t = ridge_distance(f32(low) + part * f32(high - low)) / flat_;
    let pixel = 2.0 / (f32(uniforms.height) * focal());
    let cover = clamp((crest - rise) / pixel + 0.5, 0.0, 1.0);
    let hit = cover > 0.0 && t > 201.0;
    if (hit && inside) {
      let p = e + d * t;
      let w = 5.0 + 0.002 * t;
      let h = mountain(p.xz);
      let detail = clouds2(p.xz * 0.045, 4) - 0.5;
      let n = normalize(vec3f(h - mountain(p.xz + vec2f(w, 0.0)) + 2.4 * detail, w,
        h - mountain(p.xz + vec2f(0.0, w)) - 2.4 * detail));
      let share = h / MOUNTAINS;
      let snow = wide(SNOW_LINE - 0.10, SNOW_LINE + 0.10, share + 0.34 * (n.y - 0.62) + 0.16 * detail);
      let rock = mix(vec3f(0.115, 0.105, 0.100), vec3f(0.20, 0.18, 0.165), clouds2(p.xz * 0.02 + p.y * 0.03, 3));
      let woods = mix(vec3f(0.020, 0.045, 0.022), vec3f(0.05, 0.085, 0.03), detail + 0.5);
      let low = mix(woods, rock, wide(0.16, 0.34, share + 0.3 * detail - 0.25 * (n.y - 0.7)));
      let body = mix(low, vec3f(0.86, 0.89, 0.95), snow);
      let l = light_way();
      let facing = max(dot(n, l), 0.0);
      let sky_ = from_sky() * (0.40 + 0.45 * n.y) * (0.55 + 0.45 * wide(0.0, 0.5, share));
      let after = glow() * 0.55 * wide(0.30, 0.02, l.y) * (1.0 - night()) * (0.35 + 0.65 * share) * (0.6 + 0.4 * n.x * sign(l.x));
      let c = body * (light_colour() * facing * 0.92 + sky_ + after);
      let clear = exp(-(t - 200.0) * (0.00022 + 0.16 * haze()) * (1.0 - 0.35 * share));
      let far_air = air(vec3f(d.x, 0.02 + 0.35 * abs(d.y), d.z));
      let here = at.y * uniforms.width + at.x;
      let sky_here = image[here];
      image[here] = vec4f(mix(sky_here.xyz, mix(far_air, c, clear), cover), select(sky_here.w, t, cover > 0.5));
    }
  }
}

// ---- the ground ----

fn path_at(z: f32) -> f32 { return 1.6 * sin(0.21 * z + 0.4) + 0.05 * z; }

// Grass: rows of blades across the view, from the nearest that the ray meets to the soil. Colour and cover.
fn blades(at: vec3f, d: vec3f, t: f32, tint: vec3f, lit: f32) -> vec4f {
  let back = min(GRASS_HEIGHT / max(-d.y, 0.05), 2.4);
  let fine = exp2(floor(log2(max(t / 4.5, 1.0))));
  let along_z = abs(d.z) >= abs(d.x);
  let speed = select(d.x, d.z, along_z);
  let row = 0.15 * fine;
  let first = at - d * back;
  let from_ = select(first.x, first.z, along_z) / row;
  let way = sign(speed);
  let l = light_way();
  let sun = light_colour() * lit * (0.42 + 0.4 * l.y);
  let against = max(dot(d, l), 0.0);
  let through = light_colour() * lit * 0.55 * against * against * against * vec3f(1.1, 1.15, 0.45);
  let pixel = 2.4 * t / (f32(uniforms.height) * focal());
  var colour = vec3f(0.0);
  var left = 1.0;
  for (var i = 0; i < 9; i++) {
    let number = select(floor(from_) - f32(i), ceil(from_) + f32(i), way > 0.0);
    let s = (number * row - select(first.x, first.z, along_z)) / speed;
    if (s > back || left < 0.03) { break; }
    let p = first + d * s;
    let y = (back - s) * -d.y;
    let share = y / GRASS_HEIGHT;
    let bend = push(p.xz * 2.5, 0.3) * 1.5 * share * share * GRASS_HEIGHT * 2.0;
    let across = select(p.z, p.x, along_z) - select(bend.y, bend.x, along_z);
    let u = across / (0.028 * fine) + 0.5 * number;
    for (var side = 0; side < 2; side++) {
      let cell = floor(u + 0.5 * f32(side));
      let h = scramble(u32(i32(cell)) * 0x9e3779b1u + u32(i32(number)) * 0x85ebca77u + u32(side) + u32(fine));
      let a = unit(h);
      let b = unit(scramble(h + 1u));
      let tall = GRASS_HEIGHT * (0.30 + 0.70 * a);
      let up = clamp(y / tall, 0.0, 1.0);
      let o = (u + 0.5 * f32(side) - cell - 0.5 - (b - 0.5) * (0.4 + 1.0 * up * up)) * 0.028 * fine;
      let half = 0.011 * fine * (1.0 - up);
      let there = select(0.0, clamp((half - abs(o)) / pixel + 0.5, 0.0, 1.0), y < tall);
      let ink = tint * mix(vec3f(0.70, 0.85, 0.75), vec3f(1.30, 1.15, 0.80), b);
      let deep = 0.12 + 0.88 * share;
      let one = ink * (sun * (0.35 + 0.65 * share) + from_sky() * 0.60 * deep + through * share);
      colour += left * there * one * deep;
      left *= 1.0 - there;
    }
  }
  return vec4f(colour, 1.0 - left);
}

fn soil(p: vec2f, t: f32, n: vec3f) -> vec3f {
  let broad = clouds2(p * 0.16, 3);
  let fine = clouds2(p * 2.3 + 9.0, 3);
  if (GROUND == 1) {  // sand
    let ripples = 0.5 + 0.5 * sin(9.0 * p.y + 3.0 * p.x + 5.0 * noise2(p * 0.6));
    return SOIL * (0.82 + 0.22 * broad + 0.12 * fine + 0.10 * (ripples - 0.5) * wide(40.0, 6.0, t));
  }
  if (GROUND == 2) {  // snow
    return SOIL * (0.88 + 0.10 * broad + 0.07 * fine);
  }
  if (GROUND == 3) {  // stone slabs
    let row = floor(p.y / 1.1);
    let q = vec2f(p.x / 1.7 + 0.5 * row, p.y / 1.1);
    let c = fract(q);
    let edge = min(min(c.x, 1.0 - c.x) * 1.7, min(c.y, 1.0 - c.y) * 1.1);
    let joint = wide(0.0, 0.03 + 0.002 * t, edge);
    return SOIL * (0.60 + 0.35 * chance2(floor(q)) + 0.25 * fine) * mix(0.45, 1.0, joint);
  }
  return SOIL * (0.55 + 0.55 * broad + 0.35 * fine);
}

@compute @workgroup_size(8, 8)
fn paint_land(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[LAND]);
  for (var k = group.x; k < total; k += GROUPS) {
    let at = tile_pixel(lists[ACTIVE + LAND * TILES + k], local);
    let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
    let e = eye();
    var t = e.y / max(-d.y, 1e-5);
    if (ROLL > 0.0 || LAKE) {
      t = max((e.y - ROLL - 0.8) / max(-d.y, 0.02), 0.5);
      for (var i = 0; i < 24; i++) {
        let p = e + d * t;
        let gap = p.y - hill(p.xz);
        t += gap / (max(-d.y, 0.0) + 0.14);
        if (gap < 0.0015 * t || t > 400.0) { break; }
      }
      if (t > 380.0) { t = e.y / max(-d.y, 1e-5); }
    }
    let inside = at.x < uniforms.width && at.y < uniforms.height;
    let here = at.y * uniforms.width + at.x;
    let open_sky = d.y > SKY_BOTTOM;  // only there was something drawn before, in this frame
    if (GROUND == 4) {
      if (inside && !open_sky) { image[here] = vec4f(0.0, 0.0, 0.0, FAR); }
    } else if (inside && t > 0.0 && t < 60000.0 && (!open_sky || t < image[here].w)) {
      let p = e + d * t;
      let n = hill_normal(p.xz);
      let l = light_way();
      let open_ = open_to_light(p.xz);
      let facing = max(dot(n, l), 0.0);
      var body = soil(p.xz, t, n);
      var c = body * (light_colour() * facing * open_ + from_sky() * (0.7 + 0.3 * open_) * 0.62);
      if (GROUND == 2) {
        let spark = unit(scramble(key2(floor(p.xz * 40.0))));
        c += light_colour() * open_ * step(0.985, spark) * 0.5 * wide(14.0, 3.0, t);
      }
      if (GROUND == 0) {
        let patch_ = clouds2(p.xz * 0.35 + 3.0, 3);
        let meadow = clouds2(p.xz * 0.045 + 11.0, 4);
        let tint = SOIL * mix(vec3f(0.66, 0.82, 0.66), vec3f(1.32, 1.16, 0.78), clamp(0.6 * patch_ + 1.5 * (meadow - 0.47) + 0.25, 0.0, 1.0));
        let g = blades(p, d, t, tint * 1.35, open_);
        // Far away the blades melt into their mean.
        let mean = body * 0.0 + tint * 0.62 * (light_colour() * open_ * (0.42 + 0.4 * l.y) + from_sky() * 0.5);
        c = mix(mix(c * 0.45, mean, wide(16.0, 60.0, t)), mix(g.xyz / max(g.w, 0.01), mean, wide(18.0, 60.0, t)), g.w);
      }
      if (PATH) {
        let off = abs(p.x - path_at(p.z)) + 0.25 * (noise2(p.xz * 2.0) - 0.5);
        let way = (1.0 - wide(0.62, 0.80, off)) * wide(-30.0, -22.0, p.z);
        let gravel = vec3f(0.36, 0.31, 0.25) * (0.55 + 0.45 * noise2(p.xz * 14.0) + 0.3 * noise2(p.xz * 37.0));
        c = mix(c, gravel * (light_colour() * facing * open_ + from_sky() * 0.6), way * 0.95);
      }
      if (LAKE) {
        let wet = wide(0.16, -0.02, p.y);
        c = mix(c, c * vec3f(0.42, 0.42, 0.45), wet);
      }
      if (LIGHTS > 0u) { c += mix(body, SOIL, 0.5) * lamplight(p, n) * 0.8; }
      image[here] = vec4f(veil(c, d, t), t);
    }
  }
}

// ---- water ----

// Slope of the noise, and its value.
fn slope2(p: vec2f) -> vec3f {
  let c = floor(p);
  let t = p - c;
  let w = t * t * (3.0 - 2.0 * t);
  let s = 6.0 * t * (1.0 - t);
  let k = key2(c);
  let a = unit(scramble(k));
  let b = unit(scramble(k + 0x9e3779b1u));
  let e = unit(scramble(k + 0x85ebca77u));
  let f = unit(scramble(k + 0x9e3779b1u + 0x85ebca77u));
  let g = a - b - e + f;
  return vec3f(s.x * (b - a + g * w.y), s.y * (e - a + g * w.x), a + (b - a) * w.x + (e - a) * w.y + g * w.x * w.y);
}

// Waves shorter than what a pixel covers, along the view, would only be noise.
fn resolved(long: f32, cover: f32) -> f32 { return 0.2 + 0.8 * wide(1.1, 0.25, cover / long); }

fn ripple(p: vec2f, cover: f32) -> vec2f {
  let time = uniforms.time;
  let rough = WAVES * (0.55 + 0.9 * uniforms.wind);
  var sum = slope2(p * vec2f(0.35, 0.8) + vec2f(0.25, 0.5) * time).xy * 0.034 * resolved(2.6, cover);
  sum += slope2(turned(p) * vec2f(0.6, 1.0) - vec2f(0.5, 0.62) * time).xy * vec2f(0.022, 0.030) * resolved(1.1, cover);
  sum += slope2(p * vec2f(2.2, 3.6) + vec2f(0.9, -1.1) * time).xy * 0.018 * resolved(0.4, cover);
  return sum * rough;
}

@compute @workgroup_size(8, 8)
fn paint_water(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[WATER]);
  for (var k = group.x; k < total; k += GROUPS) {
    let at = tile_pixel(lists[ACTIVE + WATER * TILES + k], local);
    let inside = at.x < uniforms.width && at.y < uniforms.height;
    let here = min(at.y, uniforms.height - 1u) * uniforms.width + min(at.x, uniforms.width - 1u);
    let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
    let e = eye();
    let t = (e.y - WATER_LEVEL) / max(-d.y, 1e-5);
    let p = e + d * t;
    let before = image[here];
    if (inside && t < before.w && (!LAKE || GROUND == 4 || lake(p.xz) > -0.2)) {
      let calm = 1.0 / (1.0 + 0.0022 * t);
      let cover = 2.0 * t / (f32(uniforms.height) * focal() * max(-d.y, 0.004));
      let s = ripple(p.xz, cover) * calm;
      let n = normalize(vec3f(-s.x, 1.0, -s.y));
      let facing = max(-dot(d, n), 0.0);
      let gloss = 0.02 + 0.98 * pow(1.0 - facing, 5.0);
      var r = reflect(d, n);
      r.y = abs(r.y) + 0.003;
      r = normalize(r);
      // What the picture shows where the mirrored ray goes.
      var far = 1.2;
      var seen = air(r);
      var found = false;
      for (var i = 0; i < 17; i++) {
        let q = seen_at(p + r * far);
        if (q.z <= 0.1 || q.x < 0.0 || q.y < 0.0 || q.x >= f32(uniforms.width) || q.y >= f32(uniforms.height)) {
          break;
        }
        let there = image[u32(q.y) * uniforms.width + u32(q.x)];
        let reach = distance(p + r * far, e);
        let last = i == 16;
        if ((there.w < reach && there.w > reach - max(0.55 * far, 2.0) && there.w > t) || (last && there.w > 0.5 * FAR)) {
          seen = there.xyz;
          found = true;
          break;
        }
        far *= 1.52;
      }
      let l = light_way();
      let mirror = max(dot(r, l), 0.0);
      let glint = light_colour() * (pow(mirror, 900.0) * 9.0 + pow(mirror, 120.0) * 0.55);
      let deep = (from_sky() * vec3f(0.035, 0.085, 0.10) + light_colour() * vec3f(0.004, 0.012, 0.012)) * 1.3;
      var c = mix(deep, seen, gloss) + glint * gloss * select(1.0, 0.3, found);
      if (LAKE && GROUND != 4) {
        let shallow = exp(-5.0 * max(WATER_LEVEL - hill(p.xz), 0.0));
        c = mix(c, before.xyz * 0.8 + 0.5 * c, shallow * (1.0 - gloss));
      }
      let out = veil(c, d, t);
      beside[2u * SMALL_X * SMALL_Y + here] = vec4f(out, t);
    } else if (inside) {
      beside[2u * SMALL_X * SMALL_Y + here] = before;
    }
  }
}

// Reflections read the picture, so water is written beside it first.
@compute @workgroup_size(8, 8)
fn lay_water(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[WATER]);
  for (var k = group.x; k < total; k += GROUPS) {
    let at = tile_pixel(lists[ACTIVE + WATER * TILES + k], local);
    if (at.x < uniforms.width && at.y < uniforms.height) {
      let here = at.y * uniforms.width + at.x;
      image[here] = beside[2u * SMALL_X * SMALL_Y + here];
    }
  }
}
