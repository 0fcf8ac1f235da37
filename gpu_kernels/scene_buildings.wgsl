// Towers, houses and lanterns. Part of the scene; see scene.wgsl.

// Where a ray enters the box between low and high: distance (or FAR), and the side's normal.
fn box_hit(e: vec3f, d: vec3f, low: vec3f, high: vec3f) -> vec4f {
  let inv = 1.0 / select(d, vec3f(1e-6), abs(d) < vec3f(1e-6));
  let a = (low - e) * inv;
  let b = (high - e) * inv;
  let near = min(a, b);
  let far = max(a, b);
  let s = max(max(near.x, near.y), near.z);
  let out = min(min(far.x, far.y), far.z);
  let n = -sign(d) * select(select(vec3f(0.0, 0.0, 1.0), vec3f(0.0, 1.0, 0.0), near.y == s), vec3f(1.0, 0.0, 0.0), near.x == s);
  return select(vec4f(0.0, 1.0, 0.0, FAR), vec4f(n, s), s < out && s > 0.0);
}

// The roof over a house of half widths w: two slopes up to the ridge, which runs along z.
fn roof_hit(e: vec3f, d: vec3f, w: vec2f, eaves: f32, ridge: f32) -> vec4f {
  let slope = normalize(vec3f(ridge - eaves, w.x, 0.0));
  var s = 0.0;
  var out = FAR;
  var n = vec3f(0.0, 1.0, 0.0);
  for (var i = 0; i < 5; i++) {
    var m = vec3f(0.0, -1.0, 0.0);
    var reach = -eaves;
    if (i == 1) { m = slope; reach = slope.y * ridge; }
    if (i == 2) { m = vec3f(-slope.x, slope.y, 0.0); reach = slope.y * ridge; }
    if (i == 3) { m = vec3f(0.0, 0.0, 1.0); reach = w.y; }
    if (i == 4) { m = vec3f(0.0, 0.0, -1.0); reach = w.y; }
    let speed = dot(m, d);
    let gap = reach - dot(m, e);
    let t = gap / select(speed, 1e-6, abs(speed) < 1e-6);
    if (speed < 0.0) {
      if (t > s) { s = t; n = m; }
    } else {
      out = min(out, t);
    }
  }
  return select(vec4f(0.0, 1.0, 0.0, FAR), vec4f(n, s), s < out && s > 0.0);
}

fn nearer_hit(a: vec4f, b: vec4f) -> vec4f { return select(b, a, a.w < b.w); }

fn warm(h: u32) -> vec3f {
  let a = unit(scramble(h + 11u));
  let b = unit(scramble(h + 12u));
  var c = mix(vec3f(1.0, 0.56, 0.20), vec3f(1.0, 0.76, 0.42), a);
  if (b > 0.86) { c = vec3f(0.72, 0.84, 1.0); }
  return c * (0.45 + 1.1 * unit(scramble(h + 13u)));
}

@compute @workgroup_size(8, 8)
fn trace_building(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[BUILDING]);
  for (var k = group.x; k < total; k += GROUPS) {
    let tile = lists[ACTIVE + BUILDING * TILES + k];
    let at = tile_pixel(tile, local);
    let inside = at.x < uniforms.width && at.y < uniforms.height;
    let here = min(at.y, uniforms.height - 1u) * uniforms.width + min(at.x, uniforms.width - 1u);
    let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
    let e = eye();
    let list = tile * ROW + BUILDING * (CAP + 1u);
    let count = lists[list];
    let behind = image[here];
    var best = vec4f(0.0, 1.0, 0.0, behind.w);
    var found = 0u;
    var mast = 0.0;
    var beacon = vec3f(0.0);
    let grain = 1.3 / (f32(uniforms.height) * focal());
    for (var j = 1u; j <= count; j++) {
      let i = lists[list + j];
      let o = STATE + 6u * i;
      let base = objects[o];
      let seed = objects[o + 1u].w;
      let size = objects[o + 3u];
      let q = spun(e - base.xyz, size.z);
      let r = spun(d, size.z);
      let setback = select(1.0, 0.66 + 0.14 * fract(seed * 9.0), seed > 0.35);
      let lower = select(1.0, 0.60 + 0.25 * fract(seed * 5.0), seed > 0.35) * base.w;
      let w = vec2f(size.x, size.y);
      var hit = box_hit(q, r, vec3f(-w.x, -3.0, -w.y), vec3f(w.x, lower, w.y));
      hit = nearer_hit(hit, box_hit(q, r, vec3f(-w.x, 0.0, -w.y) * setback, vec3f(w.x * setback, base.w * 0.97, w.y * setback)));
      let cap = 0.45 * setback;
      hit = nearer_hit(hit, box_hit(q, r, vec3f(-w.x * cap, 0.0, -w.y * cap), vec3f(w.x * cap, base.w, w.y * cap)));
      let tall = seed > 0.62 && base.w > 0.75 * TOWER_HEIGHT;
      let m = nearest_to(q, r, vec3f(0.0, base.w, 0.0), vec3f(0.0, base.w * 1.16, 0.0));
      let first = min(best.w, hit.w);
      if (tall && m.z > 0.0 && m.z < first) {
        mast = max(mast, 0.8 * (1.0 - wide(0.12, 0.2 + grain * m.z, m.y)));
        let tip = q + r * m.z - vec3f(0.0, base.w * 1.16, 0.0);
        let blink = 0.25 + 0.75 * wide(0.2, 0.9, sin(uniforms.time * 2.4 + 30.0 * seed));
        beacon += vec3f(3.0, 0.22, 0.12) * blink * exp(-dot(tip, tip) * 0.55) * (0.15 + lamps());
      }
      if (hit.w < best.w) {
        best = hit;
        found = i + 1u;
      }
    }
    if (found > 0u && inside) {
      let o = STATE + 6u * (found - 1u);
      let base = objects[o];
      let ink = objects[o + 1u];
      let size = objects[o + 3u];
      let t = best.w;
      let p = spun(e + d * t - base.xyz, size.z);
      let n = spun(best.xyz, -size.z);
      let flat_ = abs(best.y) > 0.5;
      // Windows: bays and floors, or ribbons, or columns of glass, by the tower.
      let style = fract(ink.w * 7.3);
      let bay = select(2.3 + 1.2 * fract(ink.w * 3.1), 1.5, style > 0.7);
      let floor_ = 3.3;
      let across = select(p.x, p.z, abs(best.x) > 0.5) + 100.0 * bay;
      let uv = vec2f(across / bay, p.y / floor_);
      let cell = floor(uv);
      let f = uv - cell;
      let side = u32(i32(best.x * 2.0 + best.z * 3.0 + 8.0));
      let h = scramble(key2(cell) + found * 6151u + side * 131u);
      let storey = unit(scramble(u32(i32(cell.y)) * 37u + found * 101u));
      let chance = (0.10 + 0.42 * ink.w * ink.w + select(0.0, 0.5, storey > 0.93));
      let on = select(0.0, 1.0, unit(h) < chance);
      let blur = clamp(grain * t / bay * 2.2, 0.0, 0.5);
      let gx = select(0.22, 0.10, style > 0.4);
      let frame = wide(gx - blur, gx + blur, f.x) * wide(1.0 - gx + blur, 1.0 - gx - blur, f.x)
        * wide(0.24 - blur, 0.24 + blur, f.y) * wide(0.86 + blur, 0.86 - blur, f.y);
      let glass = select(frame, 0.0, flat_ || p.y > base.w * 0.965);
      let l = light_way();
      let mirror = reflect(d, n);
      let sheen = air(vec3f(mirror.x, abs(mirror.y), mirror.z));
      let low = 0.55 + 0.45 * wide(0.0, 12.0, p.y);
      let wall = ink.xyz * (light_colour() * max(dot(n, l), 0.0) * 0.85 + (from_sky() * (0.42 + 0.25 * n.y) + from_ground() * 0.2) * low);
      let dark = mix(wall * 0.35, sheen * 0.55, 0.6);
      let shine = warm(h) * on * lamps() * LIT_POWER * (0.75 + 0.5 * f.y);
      var c = mix(wall, dark + shine, glass);
      // Streets shine on the feet of the towers.
      let row = fract(across / 9.0 * bay / bay) - 0.5;
      c += vec3f(1.0, 0.58, 0.24) * lamps() * (0.10 * exp(-p.y * 0.10) + 1.6 * exp(-0.9 * abs(p.y - 1.6) - 18.0 * row * row));
      // Some towers are lit at the top.
      let crest = wide(0.93, 0.97, p.y / base.w) * select(0.0, 1.0, ink.w > 0.55);
      c += crest * lamps() * mix(vec3f(0.25, 0.55, 1.0), vec3f(1.0, 0.45, 0.25), step(0.8, ink.w)) * 0.30;
      image[here] = vec4f(mix(veil(c, d, t), vec3f(0.03), 0.5 * mast) + beacon, t);
    } else if (inside && (mast > 0.02 || beacon.x > 0.005)) {
      image[here] = vec4f(mix(behind.xyz, behind.xyz * 0.25, mast) + beacon, behind.w);
    }
  }
}

@compute @workgroup_size(8, 8)
fn trace_house(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[HOUSE]);
  for (var k = group.x; k < total; k += GROUPS) {
    let tile = lists[ACTIVE + HOUSE * TILES + k];
    let at = tile_pixel(tile, local);
    let inside = at.x < uniforms.width && at.y < uniforms.height;
    let here = min(at.y, uniforms.height - 1u) * uniforms.width + min(at.x, uniforms.width - 1u);
    let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
    let e = eye();
    let list = tile * ROW + HOUSE * (CAP + 1u);
    let count = lists[list];
    var best = vec4f(0.0, 1.0, 0.0, image[here].w);
    var found = 0u;
    var part = 0;
    for (var j = 1u; j <= count; j++) {
      let i = lists[list + j];
      let o = STATE + 6u * i;
      let base = objects[o];
      let size = objects[o + 3u];
      let q = spun(e - base.xyz, size.z);
      let r = spun(d, size.z);
      let w = vec2f(size.x, size.y);
      let eaves = 0.52 * base.w;
      // The gable faces the viewer: the ridge runs along z.
      let walls = box_hit(q, r, vec3f(-w.x, -0.5, -w.y), vec3f(w.x, eaves, w.y));
      let gable = roof_hit(q, r, w, eaves - 0.01, base.w * 0.97);
      let over = roof_hit(q, r, vec2f(w.x + 0.32, w.y + 0.30), eaves - 0.16, base.w);
      let inner = roof_hit(q, r, vec2f(w.x + 0.16, w.y + 0.40), eaves - 0.24, base.w - 0.16);
      let smoke = box_hit(q, r, vec3f(0.42 * w.x, eaves, -0.35 * w.y), vec3f(0.42 * w.x + 0.55, base.w * 1.08, -0.35 * w.y + 0.55));
      var hit = walls;
      var what = 1;
      if (gable.w < hit.w && abs(gable.z) > 0.5) { hit = gable; }
      // The roof's rim is thin: its gable side only counts outside the inner slope.
      let rim_open = abs(over.z) > 0.5 && inner.w <= over.w + 0.35 && abs(inner.z) > 0.5;
      if (over.w < hit.w && !rim_open) { hit = over; what = 2; }
      if (smoke.w < hit.w) { hit = smoke; what = 3; }
      if (hit.w < best.w) {
        best = hit;
        found = i + 1u;
        part = what;
      }
    }
    if (found > 0u && inside) {
      let o = STATE + 6u * (found - 1u);
      let base = objects[o];
      let ink = objects[o + 1u];
      let size = objects[o + 3u];
      let t = best.w;
      let world = e + d * t;
      let p = spun(world - base.xyz, size.z);
      let n = spun(best.xyz, -size.z);
      let l = light_way();
      let soft = 1.4 * t / (f32(uniforms.height) * focal());
      var body = ink.xyz * (0.88 + 0.2 * noise2(p.xy * 3.0 + p.zz));
      var shine = vec3f(0.0);
      let front = abs(best.z) > 0.5;
      if (part == 1) {
        let across = select(p.z, p.x, front);
        let half = select(size.y, size.x, front);
        // Two windows on each side of the wall, a door in the middle of the front, one window in the gable.
        let bays = select(2.0, 3.0, half > 2.6);
        let u = (across / half * 0.5 + 0.5) * bays;
        let c = floor(u);
        let x = (u - c - 0.5) * 2.0 * half / bays;
        let middle = front && best.z > 0.0 && c == 1.0 && bays == 3.0;
        let y = p.y - select(0.30, 0.0, middle) * base.w;
        let tall = select(0.11, 0.36, middle) * base.w;
        let wide_ = select(0.36, 0.45, middle) * min(half / bays, 1.3) * 1.1;
        let open_ = (1.0 - wide(wide_ - soft, wide_ + soft, abs(x))) * (1.0 - wide(tall - soft, tall + soft, abs(y)));
        let rim_ = (1.0 - wide(wide_ + 0.10 - soft, wide_ + 0.10 + soft, abs(x))) * (1.0 - wide(tall + 0.10 - soft, tall + 0.10 + soft, abs(y)));
        let bars = (1.0 - wide(0.03, 0.04 + soft, abs(x))) + (1.0 - wide(0.03, 0.04 + soft, abs(y)));
        let h = scramble(u32(i32(c)) + found * 977u + select(0u, 31u, front) + select(0u, 57u, best.x + best.z > 0.0));
        let on = select(0.0, 1.0, unit(scramble(h + 5u)) < 0.85);
        body = mix(body, vec3f(0.62, 0.58, 0.50), rim_ * 0.8);
        let pane = open_ * (1.0 - 0.75 * min(bars, 1.0) * select(1.0, 0.0, middle));
        let mirror = reflect(d, n);
        body = mix(body, select(vec3f(0.05) + 0.15 * air(vec3f(mirror.x, abs(mirror.y), mirror.z)), vec3f(0.17, 0.075, 0.035), middle), pane);
        if (!middle) { shine = pane * on * vec3f(2.4, 1.25, 0.42) * (0.7 + 0.5 * unit(scramble(h + 3u))) * lamps(); }
        let beams = select(0.0, 1.0, abs(p.y - 0.52 * base.w) < 0.10 || abs(abs(across) - half) < 0.12);
        body = mix(body, vec3f(0.12, 0.07, 0.045), beams * 0.85);
      }
      if (part == 2) {
        let row = p.y / 0.26;
        let tile_ = vec2f(p.z / 0.34 + 0.5 * floor(row), row);
        let f = fract(tile_);
        let each = chance2(floor(tile_));
        let fade = wide(60.0, 15.0, t);
        body = ROOF_INK * mix(0.9, 0.70 + 0.5 * each, fade) * mix(1.0, 0.72 + 0.42 * f.y, fade);
        if (best.y < 0.2) { body = ROOF_INK * 0.45; }
        body = cold(body, n, 0.5);
      }
      if (part == 3) { body = vec3f(0.26, 0.13, 0.09) * (0.7 + 0.5 * noise2(p.xy * 7.0)); }
      let under = 0.50 + 0.50 * wide(0.0, 0.9, p.y) * select(wide(0.0, 0.35, abs(0.52 * base.w - p.y) + select(0.0, 1.0, p.y > 0.52 * base.w)), 1.0, part > 1);
      let c = body * (light_colour() * max(dot(n, l), 0.0) * (0.4 + 0.6 * open_to_light(world.xz + n.xz * 0.6)) + (from_sky() * (0.45 + 0.3 * n.y) + from_ground() * (0.4 - 0.2 * n.y)) * under);
      image[here] = vec4f(veil(c + shine + body * lamplight(world + n * 0.2, n) * 0.25, d, t), t);
    }
  }
}

@compute @workgroup_size(8, 8)
fn trace_lantern(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) group: vec3u) {
  let total = atomicLoad(&counters[LANTERN]);
  for (var k = group.x; k < total; k += GROUPS) {
    let tile = lists[ACTIVE + LANTERN * TILES + k];
    let at = tile_pixel(tile, local);
    let inside = at.x < uniforms.width && at.y < uniforms.height;
    let here = min(at.y, uniforms.height - 1u) * uniforms.width + min(at.x, uniforms.width - 1u);
    let d = way_of(f32(at.x) + 0.5, f32(at.y) + 0.5);
    let e = eye();
    let grain = 1.2 / (f32(uniforms.height) * focal());
    let list = tile * ROW + LANTERN * (CAP + 1u);
    let count = lists[list];
    let behind = image[here];
    var c = behind.xyz;
    var depth = behind.w;
    for (var j = 1u; j <= count; j++) {
      // From the farthest to the nearest, each over the ones before.
      let o = STATE + 6u * lists[list + count + 1u - j];
      let base = objects[o];
      let ink = objects[o + 1u];
      let top = base.xyz + vec3f(0.0, 0.92 * base.w, 0.0);
      let m = nearest_to(e, d, base.xyz, base.xyz + vec3f(0.0, 0.84 * base.w, 0.0));
      let soft = grain * m.z;
      let pole = (1.0 - wide(0.028 - soft, 0.030 + soft, m.y)) * select(0.0, 1.0, m.z > 0.1 && m.z < depth);
      c = mix(c, veil(vec3f(0.035) * (light_colour() + from_sky()) + ink.xyz * 0.06 * lamps() * m.x, d, m.z), pole);
      depth = select(depth, m.z, pole > 0.5);
      let r = 0.075 * base.w;
      let v = top - e;
      let along = dot(v, d);
      let off = length(v - along * d);
      let s = grain * along;
      let cover = (1.0 - wide(r - s, r + s, off)) * select(0.0, 1.0, along > 0.1 && along < depth + r);
      let facing = sqrt(max(1.0 - off * off / (r * r), 0.0));
      let lamp = ink.xyz * (light_colour() * 0.4 + from_sky() * 0.5) + ink.xyz * (1.1 + 2.6 * facing) * lamps();
      c = mix(c, lamp, cover);
      depth = select(depth, along, cover > 0.5);
      let glow_ = select(0.0, 1.0, along > 0.1 && along < behind.w + 0.5);
      c += ink.xyz * lamps() * glow_ * (0.30 * exp(-off * off / (r * r) * 0.35) + 0.10 * exp(-off / r * 0.5));
    }
    if (inside && count > 0u) { image[here] = vec4f(c, depth); }
  }
}
