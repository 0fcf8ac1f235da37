// Trees, pines, bushes, rocks and flowers. Part of the scene; see scene.wgsl.

fn spun(p: vec3f, angle: f32) -> vec3f {
  let c = cos(angle);
  let s = sin(angle);
  return vec3f(c * p.x - s * p.z, p.y, s * p.x + c * p.z);
}

fn stick(p: vec3f, a: vec3f, b: vec3f, ra: f32, rb: f32) -> f32 {
  let v = b - a;
  let s = clamp(dot(p - a, v) / dot(v, v), 0.0, 1.0);
  return length(p - a - s * v) - mix(ra, rb, s);
}

// ---- crowns: clumps of leaves, in units of the plant's height ----

fn crown(q: vec3f) -> f32 {
  var d = length(q - vec3f(0.00, 0.63, 0.00)) - 0.205;
  d = min(d, length(q - vec3f(0.20, 0.57, 0.06)) - 0.150);
  d = min(d, length(q - vec3f(-0.19, 0.60, 0.09)) - 0.155);
  d = min(d, length(q - vec3f(0.04, 0.55, 0.20)) - 0.145);
  d = min(d, length(q - vec3f(-0.05, 0.58, -0.21)) - 0.150);
  d = min(d, length(q - vec3f(0.13, 0.76, -0.07)) - 0.140);
  d = min(d, length(q - vec3f(-0.11, 0.79, 0.04)) - 0.140);
  d = min(d, length(q - vec3f(0.03, 0.87, 0.04)) - 0.115);
  return min(d, length(q - vec3f(-0.27, 0.50, -0.07)) - 0.105);
}

fn nearer(best: vec4f, q: vec3f, c: vec3f, r: f32) -> vec4f {
  let d = length(q - c) - r;
  return select(best, vec4f(c, d), d < best.w);
}

fn clump(q: vec3f) -> vec4f {
  var b = vec4f(0.0, 0.63, 0.0, length(q - vec3f(0.00, 0.63, 0.00)) - 0.205);
  b = nearer(b, q, vec3f(0.20, 0.57, 0.06), 0.150);
  b = nearer(b, q, vec3f(-0.19, 0.60, 0.09), 0.155);
  b = nearer(b, q, vec3f(0.04, 0.55, 0.20), 0.145);
  b = nearer(b, q, vec3f(-0.05, 0.58, -0.21), 0.150);
  b = nearer(b, q, vec3f(0.13, 0.76, -0.07), 0.140);
  b = nearer(b, q, vec3f(-0.11, 0.79, 0.04), 0.140);
  b = nearer(b, q, vec3f(0.03, 0.87, 0.04), 0.115);
  return nearer(b, q, vec3f(-0.27, 0.50, -0.07), 0.105);
}

// Cells as large as leaves, turned so that their sides follow no axis.
fn leaf_cell(q: vec3f, size: f32) -> vec3f {
  let p = vec3f(0.36 * q.x + 0.48 * q.y - 0.80 * q.z, -0.80 * q.x + 0.60 * q.y, 0.48 * q.x + 0.64 * q.y + 0.60 * q.z);
  return floor(p / size + 0.35 * p.zxy / size);
}

// Lumps as large as twigs, and leaves that stand out by chance.
fn leafy(q: vec3f, seed: f32, size: f32) -> f32 {
  let a = noise3(q * 8.5 + 61.0 * seed) - 0.55;
  let b = noise3(q * 21.0 + 17.0 * seed) - 0.5;
  let c = unit(scramble(key3(leaf_cell(q, size)))) - 0.6;
  return 0.150 * a + 0.075 * b + 0.050 * c;
}

fn wood(q: vec3f, seed: f32) -> f32 {
  let lean = vec3f(0.018 * sin(6.0 * q.y + 6.0 * seed), 0.0, 0.014 * sin(5.0 * q.y + 9.0 * seed));
  let p = q - lean;
  var d = stick(p, vec3f(0.0, -0.02, 0.0), vec3f(0.0, 0.62, 0.0), 0.030, 0.010) - 0.022 * exp(-22.0 * max(q.y, 0.0));
  d = min(d, stick(p, vec3f(0.0, 0.28, 0.0), vec3f(0.19, 0.54, 0.05), 0.014, 0.006));
  d = min(d, stick(p, vec3f(0.0, 0.33, 0.0), vec3f(-0.19, 0.56, 0.08), 0.013, 0.006));
  return min(d, stick(p, vec3f(0.0, 0.36, 0.0), vec3f(-0.04, 0.58, -0.19), 0.012, 0.006));
}

// Leaves are some centimetres wide, and never much smaller than a pixel, in steps of the distance.
fn leaf_size(t: f32) -> f32 {
  let pixel = 2.0 * t / (f32(uniforms.height) * focal());
  return 0.045 * exp2(max(ceil(log2(1.7 * pixel / 0.045)), 0.0));
}

// Light on leaves: sun from outside, some of it through the leaf, sky from above, darkness inside.
fn leaves(body: vec3f, n: vec3f, d: vec3f, open_: f32, inner: f32, spark: f32) -> vec3f {
  let l = light_way();
  let facing = clamp(0.25 + 0.75 * dot(n, l), 0.0, 1.0);
  let against = max(dot(d, l), 0.0);
  let through = (0.20 + 0.80 * against * against * against) * open_ * (0.4 + 0.6 * inner);
  let ambient = from_sky() * (0.36 + 0.34 * n.y) + from_ground() * (0.5 - 0.5 * n.y);
  let ao = 0.22 + 0.78 * inner;
  let gleam = pow(max(dot(reflect(d, n), l), 0.0), 10.0) * 0.10 * spark;
  return body * (light_colour() * (facing * open_ * (0.25 + 0.75 * inner)) * 0.95 + ambient * ao)
    + body * body * light_colour() * through * 1.5 * vec3f(1.15, 1.1, 0.7) + light_colour() * gleam * open_ * 0.6;
}

fn cold(c: vec3f, n: vec3f, amount: f32) -> vec3f {
  return mix(c, vec3f(0.86, 0.89, 0.94), SNOWED * wide(0.05, 0.55, n.y + amount));
}

@compute @workgroup_size(8, 8)
fn trace_tree(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[TREE]);
  for (var k = group.x; k < total; k += GROUPS) {
    let tile = lists[ACTIVE + TREE * TILES + k];
    let at = tile_pixel(tile, local);
    let inside = at.x < uniforms.width && at.y < uniforms.height;
    let here = min(at.y, uniforms.height - 1u) * uniforms.width + min(at.x, uniforms.width - 1u);
    let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
    let e = eye();
    let list = tile * ROW + TREE * (CAP + 1u);
    let count = lists[list];
    var t = image[here].w;
    var found = 0u;
    for (var j = 1u; j <= count; j++) {
      let i = lists[list + j];
      let o = STATE + 6u * i;
      let base = objects[o];
      let size = objects[o + 3u];
      let seed = objects[o + 1u].w;
      let bend = objects[o + 5u].xy;
      let span = within_ball(objects[o + 2u], e, d, t);
      let end = span.y;
      var s = span.x;
      let fine = leaf_size(s) / base.w;
      let scale = vec3f(0.36 * base.w / size.x, 1.0, 0.36 * base.w / size.x);
      for (var n = 0; n < 40; n++) {
        if (s >= end) { break; }
        var q = (e + d * s - base.xyz) / base.w;
        q = spun(vec3f(q.x - bend.x * q.y * q.y, q.y, q.z - bend.y * q.y * q.y), size.z) * scale;
        var near = crown(q);
        near -= leafy(q, seed, fine);
        near = min(near, wood(q, seed));
        if (near < 0.0009 + 0.0006 * s / base.w) {
          t = s;
          found = i + 1u;
          break;
        }
        s += max(0.66 * near, 0.006) * base.w;
      }
    }
    if (found > 0u && inside) {
      let o = STATE + 6u * (found - 1u);
      let base = objects[o];
      let ink = objects[o + 1u];
      let size = objects[o + 3u];
      let bend = objects[o + 5u].xy;
      let p = e + d * t;
      let scale = vec3f(0.36 * base.w / size.x, 1.0, 0.36 * base.w / size.x);
      let raw = (p - base.xyz) / base.w;
      let q = spun(vec3f(raw.x - bend.x * raw.y * raw.y, raw.y, raw.z - bend.y * raw.y * raw.y), size.z) * scale;
      let c = clump(q);
      let l = spun(light_way(), size.z);
      let stem = wood(q, ink.w) < c.w - 0.03;
      let h = scramble(key3(leaf_cell(q, leaf_size(t) / base.w)));
      let r = vec3f(unit(h), unit(scramble(h + 1u)), unit(scramble(h + 2u)));
      // How much leaf lies between here and the light.
      var thick = 0.0;
      for (var n = 1; n <= 5; n++) {
        let m = q + l * (0.030 * f32(n * n) * 0.5 + 0.02);
        thick += clamp(0.06 - crown(m) + 0.07 * (noise3(m * 11.0 + 61.0 * ink.w) - 0.5), 0.0, 0.12);
      }
      let open_ = exp(-7.5 * thick);
      let out = normalize(q - c.xyz);
      let whole = normalize(q - vec3f(0.0, 0.58, 0.0));
      let local_n = normalize(out * 0.75 + whole * 0.55 + (r - 0.5) * 1.1);
      let n = spun(local_n, -size.z);
      let inner = wide(-0.055, 0.045, c.w) * wide(0.06, 0.30, length(q - vec3f(0.0, 0.60, 0.0)));
      let body = ink.xyz * (0.55 + 0.80 * r.x) * mix(vec3f(1.0), vec3f(1.25, 1.05, 0.75), 0.6 * r.y * wide(0.4, 0.9, q.y));
      var col = leaves(cold(body, n, 0.3 * r.x - 0.1), n, d, open_, inner, r.z);
      if (stem) {
        let round = normalize(vec3f(q.x, 0.1, q.z));
        let grain = noise3(q * vec3f(90.0, 14.0, 90.0));
        let bark = mix(vec3f(0.050, 0.035, 0.026), vec3f(0.13, 0.095, 0.07), grain);
        let m = spun(round, -size.z);
        col = bark * (light_colour() * max(dot(m, light_way()), 0.0) * open_ + from_sky() * (0.35 + 0.2 * m.y) + from_ground() * 0.5)
          * wide(0.75, 0.35, q.y);
      }
      if (LIGHTS > 0u) { col += ink.xyz * lamplight(p, n) * (0.15 + 0.35 * inner); }
      image[here] = vec4f(veil(col, d, t), t);
    }
  }
}

// ---- bushes ----

fn bush(q: vec3f) -> f32 {
  var d = length(q - vec3f(0.0, 0.36, 0.0)) - 0.40;
  d = min(d, length(q - vec3f(0.38, 0.24, 0.08)) - 0.30);
  d = min(d, length(q - vec3f(-0.36, 0.26, 0.14)) - 0.31);
  d = min(d, length(q - vec3f(0.06, 0.22, 0.40)) - 0.28);
  return min(d, length(q - vec3f(-0.10, 0.26, -0.38)) - 0.29);
}

@compute @workgroup_size(8, 8)
fn trace_bush(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[BUSH]);
  for (var k = group.x; k < total; k += GROUPS) {
    let tile = lists[ACTIVE + BUSH * TILES + k];
    let at = tile_pixel(tile, local);
    let inside = at.x < uniforms.width && at.y < uniforms.height;
    let here = min(at.y, uniforms.height - 1u) * uniforms.width + min(at.x, uniforms.width - 1u);
    let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
    let e = eye();
    let list = tile * ROW + BUSH * (CAP + 1u);
    let count = lists[list];
    var t = image[here].w;
    var found = 0u;
    for (var j = 1u; j <= count; j++) {
      let i = lists[list + j];
      let o = STATE + 6u * i;
      let base = objects[o];
      let size = objects[o + 3u];
      let seed = objects[o + 1u].w;
      let span = within_ball(objects[o + 2u], e, d, t);
      let end = span.y;
      var s = span.x;
      let scale = vec3f(0.66 * base.w / size.x, 1.0, 0.66 * base.w / size.x);
      for (var n = 0; n < 26; n++) {
        if (s >= end) { break; }
        let q = spun((e + d * s - base.xyz) / base.w, size.z) * scale;
        let near = bush(q) - 1.5 * leafy(q * 0.55, seed, 0.55 * leaf_size(s) / base.w);
        if (near < 0.003) {
          t = s;
          found = i + 1u;
          break;
        }
        s += 0.75 * near * base.w;
      }
    }
    if (found > 0u && inside) {
      let o = STATE + 6u * (found - 1u);
      let base = objects[o];
      let ink = objects[o + 1u];
      let size = objects[o + 3u];
      let p = e + d * t;
      let scale = vec3f(0.66 * base.w / size.x, 1.0, 0.66 * base.w / size.x);
      let q = spun((p - base.xyz) / base.w, size.z) * scale;
      let h = scramble(key3(leaf_cell(q, leaf_size(t) / base.w)));
      let r = vec3f(unit(h), unit(scramble(h + 1u)), unit(scramble(h + 2u)));
      let l = spun(light_way(), size.z);
      var thick = 0.0;
      for (var n = 1; n <= 4; n++) {
        thick += clamp(0.10 - bush(q + l * 0.11 * f32(n)), 0.0, 0.25);
      }
      let n = spun(normalize(normalize(q - vec3f(0.0, 0.1, 0.0)) + (r - 0.5) * 1.1), -size.z);
      let inner = wide(-0.12, 0.07, bush(q)) * wide(-0.05, 0.35, q.y);
      let blossom = step(1.0 - BLOSSOM, r.z) * wide(0.3, 0.7, inner);
      let body = mix(ink.xyz * (0.65 + 0.7 * r.x), BLOSSOM_INK, blossom);
      let col = leaves(cold(body, n, 0.0), n, d, exp(-4.0 * thick), inner, r.y);
      image[here] = vec4f(veil(col + select(vec3f(0.0), ink.xyz * lamplight(p, n) * 0.6, LIGHTS > 0u), d, t), t);
    }
  }
}

// ---- rocks ----

fn rock(q: vec3f, seed: f32) -> f32 {
  let p = q - vec3f(0.0, 0.25, 0.0);
  let body = length(p * vec3f(0.8, 1.15, 0.95)) - 0.62;
  let facets = max(dot(p, normalize(vec3f(0.6, 0.7, 0.2))), max(dot(p, normalize(vec3f(-0.7, 0.5, 0.3))),
    dot(p, normalize(vec3f(0.1, 0.6, -0.8))))) - 0.46;
  return max(body, facets) - 0.20 * (noise3(q * 2.3 + 40.0 * seed) - 0.5) - 0.07 * (noise3(q * 7.0 + seed) - 0.5);
}

@compute @workgroup_size(8, 8)
fn trace_rock(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[ROCK]);
  for (var k = group.x; k < total; k += GROUPS) {
    let tile = lists[ACTIVE + ROCK * TILES + k];
    let at = tile_pixel(tile, local);
    let inside = at.x < uniforms.width && at.y < uniforms.height;
    let here = min(at.y, uniforms.height - 1u) * uniforms.width + min(at.x, uniforms.width - 1u);
    let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
    let e = eye();
    let list = tile * ROW + ROCK * (CAP + 1u);
    let count = lists[list];
    var t = image[here].w;
    var found = 0u;
    for (var j = 1u; j <= count; j++) {
      let i = lists[list + j];
      let o = STATE + 6u * i;
      let base = objects[o];
      let size = objects[o + 3u];
      let span = within_ball(objects[o + 2u], e, d, t);
      let end = span.y;
      var s = span.x;
      for (var n = 0; n < 26; n++) {
        if (s >= end) { break; }
        let near = rock(spun((e + d * s - base.xyz) / base.w, size.z), objects[o + 1u].w);
        if (near < 0.003) {
          t = s;
          found = i + 1u;
          break;
        }
        s += 0.8 * near * base.w;
      }
    }
    if (found > 0u && inside) {
      let o = STATE + 6u * (found - 1u);
      let base = objects[o];
      let ink = objects[o + 1u];
      let angle = objects[o + 3u].z;
      let p = e + d * t;
      let q = spun((p - base.xyz) / base.w, angle);
      var g = vec3f(0.0);
      for (var n = 0; n < 4; n++) {
        let w = vec3f(select(-1.0, 1.0, n == 0 || n == 3), select(-1.0, 1.0, n == 1 || n == 3), select(-1.0, 1.0, n == 2 || n == 3));
        g += w * rock(q + w * 0.012, ink.w);
      }
      let n = spun(normalize(g), -angle);
      let grain = clouds2(q.xy * 9.0 + q.zz * 4.0, 3);
      let moss = wide(0.55, 0.85, n.y + 0.4 * (grain - 0.4)) * select(0.0, 0.6, GROUND == 0);
      let body = cold(mix(ink.xyz * (0.55 + 0.8 * grain), vec3f(0.07, 0.11, 0.03), moss), n, 0.0);
      let low = 0.35 + 0.65 * wide(-0.05, 0.4, q.y);
      let c = body * (light_colour() * max(dot(n, light_way()), 0.0) * open_to_light(p.xz + 0.3 * light_way().xz) + (from_sky() * (0.45 + 0.35 * n.y) + from_ground() * 0.4) * low);
      image[here] = vec4f(veil(c + select(vec3f(0.0), body * lamplight(p, n), LIGHTS > 0u), d, t), t);
    }
  }
}

// ---- pines ----

fn pine(q: vec3f, seed: f32, fine: f32) -> f32 {
  let a = length(q.xz);
  let way = q.xz / (a + 0.015);
  let branch = noise3(vec3f(way.x * 2.6, q.y * 13.0, way.y * 2.6) + 31.0 * seed);
  let s = fract(q.y * 10.0 + 1.5 * branch + 2.4 * a);
  let r = 0.245 * pow(max(1.0 - q.y, 0.0), 0.9) * (0.50 + 0.50 * (1.0 - s) * wide(0.0, 0.15, s)) * (0.62 + 0.72 * branch) + 0.004 - 0.4 * max(q.y - 0.97, 0.0);
  let lumps = 0.034 * wide(1.04, 0.70, q.y) * (unit(scramble(key3(leaf_cell(q, fine)))) - 0.5);
  let needles = max((a - r) * 0.62, 0.13 - q.y) - lumps;
  return min(needles, stick(q, vec3f(0.0, -0.02, 0.0), vec3f(0.0, 0.5, 0.0), 0.018, 0.010));
}

@compute @workgroup_size(8, 8)
fn trace_pine(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[PINE]);
  for (var k = group.x; k < total; k += GROUPS) {
    let tile = lists[ACTIVE + PINE * TILES + k];
    let at = tile_pixel(tile, local);
    let inside = at.x < uniforms.width && at.y < uniforms.height;
    let here = min(at.y, uniforms.height - 1u) * uniforms.width + min(at.x, uniforms.width - 1u);
    let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
    let e = eye();
    let list = tile * ROW + PINE * (CAP + 1u);
    let count = lists[list];
    var t = image[here].w;
    var found = 0u;
    for (var j = 1u; j <= count; j++) {
      let i = lists[list + j];
      let o = STATE + 6u * i;
      let base = objects[o];
      let size = objects[o + 3u];
      let seed = objects[o + 1u].w;
      let bend = objects[o + 5u].xy * 0.6;
      // Inside an upright cylinder.
      let v = e.xz - base.xz;
      let flat_ = dot(d.xz, d.xz) + 1e-6;
      let b = -dot(v, d.xz) / flat_;
      let reach = size.x * 1.05 + 0.1 * base.w * length(bend);
      let gap = b * b - (dot(v, v) - reach * reach) / flat_;
      let half = sqrt(max(gap, 0.0));
      let end = min(b + half, t);
      var s = select(end, max(b - half, 0.1), gap > 0.0);
      let wide_ = 0.5 * base.w / size.x * 0.46;
      let scale = vec3f(wide_, 1.0, wide_);
      let fine = leaf_size(s) / base.w;
      for (var n = 0; n < 34; n++) {
        let y = (e.y + d.y * s - base.y) / base.w;
        if (s >= end || (y > 1.15 && d.y > 0.0)) { break; }
        var q = (e + d * s - base.xyz) / base.w;
        q = spun(vec3f(q.x - bend.x * q.y * q.y, q.y, q.z - bend.y * q.y * q.y), size.z) * scale;
        let near = pine(q, seed, fine);
        if (near < 0.0015 + 0.0006 * s / base.w) {
          t = s;
          found = i + 1u;
          break;
        }
        s += max(0.8 * near, 0.004) * base.w;
      }
    }
    if (found > 0u && inside) {
      let o = STATE + 6u * (found - 1u);
      let base = objects[o];
      let ink = objects[o + 1u];
      let size = objects[o + 3u];
      let bend = objects[o + 5u].xy * 0.6;
      let p = e + d * t;
      let wide_ = 0.5 * base.w / size.x * 0.46;
      let raw = (p - base.xyz) / base.w;
      let q = spun(vec3f(raw.x - bend.x * raw.y * raw.y, raw.y, raw.z - bend.y * raw.y * raw.y), size.z) * vec3f(wide_, 1.0, wide_);
      let h = scramble(key3(leaf_cell(q, leaf_size(t) / base.w)));
      let r = vec3f(unit(h), unit(scramble(h + 1u)), unit(scramble(h + 2u)));
      let a = length(q.xz);
      let full = 0.26 * pow(max(1.0 - q.y, 0.0), 0.9);
      let way = q.xz / (a + 0.015);
      let level = fract(q.y * 10.0 + 1.5 * noise3(vec3f(way.x * 2.6, q.y * 13.0, way.y * 2.6) + 31.0 * ink.w) + 2.4 * a);
      let inner = wide(0.25, 1.0, a / (full + 0.01)) * (1.0 - 0.6 * wide(0.45, 1.0, level));
      let local_n = normalize(vec3f(q.x, 0.35 * a + 0.02, q.z) / (a + 0.02) + (r - 0.5) * 0.9 + vec3f(0.0, 0.5 * (1.0 - level), 0.0));
      let n = spun(local_n, -size.z);
      let l = spun(light_way(), size.z);
      let shade_ = 0.25 + 0.75 * wide(-0.5, 0.5, dot(normalize(vec3f(q.x, 0.15, q.z)), l));
      let stem = q.y < 0.13 && a < 0.03;
      let body = select(ink.xyz * (0.7 + 0.6 * r.x), vec3f(0.07, 0.05, 0.036), stem);
      let c = leaves(cold(body, n, 0.25 * (1.0 - level) - 0.1 * level), n, d, shade_, inner, r.z);
      image[here] = vec4f(veil(c + select(vec3f(0.0), ink.xyz * lamplight(p, n) * 0.5, LIGHTS > 0u), d, t), t);
    }
  }
}

// ---- flowers ----

// Where a ray comes nearest to a line from a to b: share of the line, distance, distance along the ray.
fn nearest_to(e: vec3f, d: vec3f, a: vec3f, b: vec3f) -> vec3f {
  let u = b - a;
  let w = e - a;
  let uu = dot(u, u);
  let ud = dot(u, d);
  let s = clamp((dot(u, w) - ud * dot(d, w)) / max(uu - ud * ud, 1e-6), 0.0, 1.0);
  let p = a + s * u;
  let along = dot(p - e, d);
  return vec3f(s, length(e + along * d - p), along);
}

@compute @workgroup_size(8, 8)
fn trace_flower(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[FLOWER]);
  for (var k = group.x; k < total; k += GROUPS) {
    let tile = lists[ACTIVE + FLOWER * TILES + k];
    let at = tile_pixel(tile, local);
    let inside = at.x < uniforms.width && at.y < uniforms.height;
    let here = min(at.y, uniforms.height - 1u) * uniforms.width + min(at.x, uniforms.width - 1u);
    let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
    let e = eye();
    let l = light_way();
    let grain = 1.2 / (f32(uniforms.height) * focal());
    let list = tile * ROW + FLOWER * (CAP + 1u);
    let count = lists[list];
    let behind = image[here];
    var colour = vec3f(0.0);
    var left = 1.0;
    var depth = behind.w;
    for (var j = 1u; j <= count; j++) {
      if (left < 0.02) { break; }
      let o = STATE + 6u * lists[list + j];
      let base = objects[o];
      let head = objects[o + 5u];
      let top = head.xyz;
      let open_ = 0.35 + 0.65 * head.w;
      // Two whorls of petals around a heart, the inner one raised.
      let past = cross(top - e, d);
      let whorls = select(0, 2, dot(past, past) < 0.0784 * base.w * base.w);
      for (var ring = 0; ring < whorls; ring++) {
        let ink = objects[o + 1u];
        let size = objects[o + 3u];
        let toward = normalize(e - top);
        let face = normalize(vec3f(0.0, 0.55, 0.0) + toward * 0.75
          + 0.55 * vec3f(sin(size.z * 3.0), 0.0, cos(size.z * 5.0)) + (top - base.xyz) * vec3f(0.3, 0.0, 0.3) / base.w);
        let side = normalize(cross(face, vec3f(0.3, 0.1, 1.0)));
        let other = cross(side, face);
        let inner = ring == 0;
        let reach = size.x * select(1.0, 0.66, inner);
        let mid = top + face * size.x * select(0.02, 0.20, inner);
        let s = dot(mid - e, face) / min(dot(d, face), -0.05);
        let p = e + d * s - mid;
        let uv = vec2f(dot(p, side), dot(p, other)) / reach;
        let r = length(uv);
        let a = atan2(uv.y, uv.x) + size.z * 4.0 + select(0.0, TAU * 0.5 / PETALS, inner);
        let turn_ = a * PETALS / TAU;
        let f = fract(turn_) - 0.5;
        let edge = 1.0 - PETAL_CUT * 4.0 * f * f * (0.35 + 0.65 * r);
        let soft = max(grain * s / reach, 0.03);
        let cover = (1.0 - wide(edge - soft, edge + soft, r)) * select(0.0, 1.0, s > 0.1 && s < behind.w);
        let one = unit(scramble(u32(i32(floor(turn_))) + u32(i32(size.z * 4096.0))));
        // Petals are cupped: each leans outwards, and dark folds part them.
        let n = normalize(face + 0.75 * (side * uv.x + other * uv.y) / (r + 0.15) * (0.35 - 0.75 * r) + 0.45 * f * (other * uv.x - side * uv.y) / (r + 0.15));
        let facing = clamp(0.35 + 0.65 * dot(n, l), 0.0, 1.0);
        let through = pow(max(dot(d, l), 0.0), 2.0) * 0.55;
        let vein = 0.90 + 0.10 * sin(26.0 * f) * wide(0.3, 0.9, r);
        let petal = ink.xyz * (0.55 + 0.55 * wide(0.0, 0.9, r)) * (0.82 + 0.30 * one) * vein * (1.0 - 1.6 * f * f * f * f * 4.0)
          * select(0.80, 1.08, inner);
        var c = petal * (light_colour() * (facing + through) * open_ * 0.80 + from_sky() * (0.50 + 0.2 * n.y) + from_ground() * 0.2);
        if (inner) {
          let heart = 1.0 - wide(0.30 - soft, 0.34 + soft, r);
          let dots = 0.65 + 0.5 * chance2(floor(uv * 18.0));
          c = mix(c, HEART_INK * dots * (light_colour() * (0.4 + 0.5 * facing) * open_ + from_sky() * 0.5), heart);
        }
        if (LIGHTS > 0u) { c += ink.xyz * lamplight(top, face) * 0.8; }
        if (s > 0.1) { depth = select(depth, s, cover > 0.5 && s < depth); }
        colour += left * cover * veil(c, d, s);
        left *= 1.0 - cover;
      }
      // The stem and a leaf.
      let axis = nearest_to(e, d, base.xyz, top);
      let parts = select(0, 2, axis.y < 0.17 * base.w);
      for (var part = 0; part < parts; part++) {
        let leaf = part == 1;
        let seed = objects[o + 1u].w;
        let out = vec3f(sin(17.0 * seed), 0.0, cos(17.0 * seed));
        let from_ = mix(base.xyz, top, 0.18 + 0.2 * seed);
        let to = from_ + base.w * (0.16 * out + vec3f(0.0, 0.26, 0.0)) + 0.15 * (top - base.xyz) * vec3f(1.0, 0.0, 1.0);
        let m = select(axis, nearest_to(e, d, from_, to), leaf);
        let thick = select(0.007 + 0.008 * base.w, 0.045 * base.w * sqrt(max(m.x * (1.0 - m.x), 0.0)) * 2.0, leaf);
        let soft = grain * m.z;
        let cover = (1.0 - wide(thick - soft, thick + soft, m.y)) * select(0.0, 1.0, m.z > 0.1 && m.z < behind.w);
        let green = vec3f(0.070, 0.150, 0.030) * (0.7 + 0.5 * seed);
        let c = green * (light_colour() * (0.40 + 0.35 * m.x) * open_ + from_sky() * (0.25 + 0.45 * m.x))
          + green * light_colour() * pow(max(dot(d, l), 0.0), 3.0) * 0.6 * open_;
        depth = select(depth, m.z, cover > 0.5 && m.z < depth && m.z > 0.1);
        colour += left * cover * veil(c, d, m.z);
        left *= 1.0 - cover;
      }
    }
    if (inside && left < 0.999) { image[here] = vec4f(colour + left * behind.xyz, depth); }
  }
}
