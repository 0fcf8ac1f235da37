// Diffusion-limited aggregation. Source: Witten and Sander, Phys. Rev. Lett. 47, 1400 (1981).
// grid: 0 empty, else 1 + the number of the arrival; claims: the walker that wants a cell, inverted.
// roam: place (x, y), 1 where it has arrived, how often it was sent out.
// reach: 0 arrivals, 1 greatest squared distance (a line: height), 2 arrivals at the round's beginning,
// 3 walkers in a cell that is taken, 4 the radius (a line: height) as all walkers know it.

fn cell_at(x: i32, y: i32) -> u32 { return u32(y) * CELLS + u32(x); }

fn taken(x: i32, y: i32) -> bool { return grid[cell_at(x, y)] != 0u; }

// Sine of a share of a turn in 1/512, t in 0..2047: whole numbers, the same on every device.
// Source: Bhaskara I's formula, off by 0.002 at most.
fn whole_sine(t: u32) -> i32 {
  let x = t & 1023u;
  let a = x * (1024u - x);
  let value = i32((8192u * a) / (5242880u - 4u * a));
  return select(value, -value, (t & 1024u) != 0u);
}

// A fresh start for a walker: on a circle just outside the cluster, above a line, or inside a ring.
fn launch(i: u32, times: u32) -> vec2i {
  let chance = random_bits(i, times, 3u);
  let n = i32(CELLS);
  let radius = i32(atomicLoad(&reach[4]));
  if (SEED == 1u) { return vec2i(i32(chance % CELLS), max(n - 8 - radius, 2)); }
  let far = select(min(radius + 5, n / 2 - 3), 2, SEED == 2u);
  let angle = chance >> 21u;
  let turn = vec2i(whole_sine(angle + 512u), whole_sine(angle));
  return vec2i(n / 2) + turn * far / 512;
}

// Few walkers at a time, so that each meets the cluster as it is: more only as it grows.
fn under_way() -> u32 {
  if (SEED != 0u) { return min(WALKERS, select(CELLS, 2u * CELLS, SEED == 2u)); }
  return min(WALKERS, 8u + 3u * atomicLoad(&reach[4]));
}

@compute @workgroup_size(8, 8)
fn sow(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= CELLS || id.y >= CELLS) { return; }
  let n = i32(CELLS);
  let p = vec2i(id.xy);
  let d = p - n / 2;
  var seeded = p.x == n / 2 && p.y == n / 2;
  if (SEED == 1u) { seeded = p.y == n - 1; }
  if (SEED == 2u) {
    let r2 = d.x * d.x + d.y * d.y;
    let edge = n / 2 - 3;
    seeded = r2 >= edge * edge && r2 < (edge + 2) * (edge + 2);
  }
  grid[id.y * CELLS + id.x] = select(0u, 1u, seeded);
  atomicStore(&claims[id.y * CELLS + id.x], 0u);
  if (id.x == 0u && id.y == 0u) {
    for (var k = 0u; k < 5u; k++) { atomicStore(&reach[k], 0u); }
  }
}

@compute @workgroup_size(64)
fn send_out(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < WALKERS) { roam[id.x] = vec4u(vec2u(launch(id.x, 0u)), 0u, 1u); }
}

// Every walker wanders until a neighbour is taken; the grid stays as it is meanwhile, so that no
// order of the walkers matters.
@compute @workgroup_size(64)
fn wander(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= under_way()) { return; }
  let n = i32(CELLS);
  var me = roam[i];
  // One that waited so far starts where the cluster is now.
  if (me.w == 1u) { me = vec4u(vec2u(launch(i, 1u)), 0u, 2u); }
  var p = vec2i(me.xy);
  let limit = 2 * i32(atomicLoad(&reach[4])) + 30;
  let key = hash(uniforms.seed) ^ 0x51ed270bu;
  var arrived = false;
  for (var k = 0u; k < HOPS / 8u; k++) {
    // Eight directions in one word.
    var word = hash(i ^ hash((uniforms.step * (HOPS / 8u) + k) ^ key));
    for (var j = 0; j < 8; j++) {
      if (touching(p)) {
        arrived = STICKY >= 65536u || (hash(word ^ u32(j)) >> 16u) < STICKY;
        if (arrived) { break; }
      }
      let step = hop(word & 3u);
      word = word >> 2u;
      let q = kept(p + step);
      if (!taken(q.x, q.y)) { p = q; }
    }
    if (arrived) { break; }
    let d = p - n / 2;
    if (SEED == 0u && d.x * d.x + d.y * d.y > limit * limit) {
      p = launch(i, me.w);
      me.w += 1u;
    }
  }
  if (arrived) { atomicMax(&claims[cell_at(p.x, p.y)], 0xffffffffu - i); }
  roam[i] = vec4u(vec2u(p), u32(arrived), me.w);
}

fn hop(k: u32) -> vec2i {
  let sign = 1 - 2 * i32(k & 1u);
  return select(vec2i(0, sign), vec2i(sign, 0), k >= 2u);
}

// Sideways the world of a line is closed; elsewhere the edge turns a walker back.
fn kept(p: vec2i) -> vec2i {
  let n = i32(CELLS);
  if (SEED == 1u) { return vec2i((p.x + n) % n, clamp(p.y, 1, n - 2)); }
  return clamp(p, vec2i(1), vec2i(n - 2));
}

fn touching(p: vec2i) -> bool {
  let n = i32(CELLS);
  let left = select(p.x - 1, (p.x + n - 1) % n, SEED == 1u);
  let right = select(p.x + 1, (p.x + 1) % n, SEED == 1u);
  return taken(left, p.y) || taken(right, p.y) || taken(p.x, p.y - 1) || taken(p.x, p.y + 1);
}

// Those that arrived: one a cell stays, and everybody who arrived is sent out again.
@compute @workgroup_size(64)
fn settle(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= WALKERS || roam[i].z == 0u) { return; }
  let me = roam[i];
  let p = vec2i(me.xy);
  let cell = cell_at(p.x, p.y);
  let first = atomicLoad(&claims[cell]) == 0xffffffffu - i;
  let n = i32(CELLS);
  let d = p - n / 2;
  var far = u32(d.x * d.x + d.y * d.y);
  if (SEED == 1u) { far = u32(n - 1 - p.y); }
  // A ring's growth is measured inwards.
  if (SEED == 2u) { far = u32(max(n * n / 4 - d.x * d.x - d.y * d.y, 0)); }
  if (first && grid[cell] == 0u && !complete()) {
    grid[cell] = 2u + uniforms.step;
    atomicAdd(&reach[0], 1u);
    atomicMax(&reach[1], far);
  }
  let q = launch(i, me.w);
  roam[i] = vec4u(vec2u(q), 0u, me.w + 1u);
}

// All particles have come, or the cluster has nearly reached the edge, the sky or the middle.
fn complete() -> bool {
  let n = CELLS;
  var far = n / 2u - 9u;
  if (SEED == 1u) { far = n - 12u; }
  if (SEED == 2u) { far = n / 2u - 1u; }
  return atomicLoad(&reach[2]) >= PARTICLES || atomicLoad(&reach[4]) >= far;
}

// The new radius and count come into force for the next round only.
@compute @workgroup_size(1)
fn take_stock() {
  atomicStore(&reach[2], atomicLoad(&reach[0]));
  let square = atomicLoad(&reach[1]);
  var root = square;
  if (SEED != 1u) {
    root = u32(sqrt(f32(square)));
    if (root * root > square) { root -= 1u; }
    if ((root + 1u) * (root + 1u) <= square) { root += 1u; }
  }
  atomicStore(&reach[4], root);
}

// Cells a pixel; a line's ground lies along the whole lower edge.
fn cells_a_pixel() -> f32 {
  if (SEED == 1u) { return f32(CELLS) / f32(WIDE); }
  return f32(CELLS) / (f32(min(WIDE, HIGH)) * uniforms.zoom);
}

fn corner() -> vec2f {
  let size = vec2f(f32(WIDE), f32(HIGH)) * cells_a_pixel();
  return select(0.5 * (vec2f(f32(CELLS)) - size), vec2f(0.0, f32(CELLS) - size.y), SEED == 1u);
}

fn cell_under(at: vec2f) -> vec2f { return corner() + at * cells_a_pixel(); }

// A cell on the picture: brightness and colour by the time of arrival.
@compute @workgroup_size(8, 8)
fn glow_cells(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= WIDE || id.y >= HIGH) { return; }
  let q = cell_under(vec2f(id.xy) + 0.5);
  let c = vec2i(floor(q));
  if (any(c < vec2i(1)) || any(c >= vec2i(i32(CELLS) - 1))) { return; }
  let age = grid[cell_at(c.x, c.y)];
  if (age == 0u) { return; }
  let now = f32(uniforms.step) + 1.0;
  let t = f32(age - 1u) / LAST_ROUND;
  let fresh = exp(-(now - f32(age - 1u)) / FRESH);
  // A ridge of light: cells with few neighbours are the tips.
  let beside = f32(taken(c.x - 1, c.y)) + f32(taken(c.x + 1, c.y)) + f32(taken(c.x, c.y - 1)) + f32(taken(c.x, c.y + 1));
  let body = linear(palette(0.18 + 0.8 * t)) * (0.75 + 0.12 * beside);
  add_amount(vec2i(id.xy), body + vec3f(1.0, 0.95, 0.85) * (1.6 * fresh));
}

// The walkers that are under way, as dust.
@compute @workgroup_size(64)
fn dust(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= under_way()) { return; }
  let p = vec2f(roam[id.x].xy) + 0.5;
  add_light((p - corner()) / cells_a_pixel(), side() / 512.0, vec3f(0.45, 0.6, 0.9) * 0.5);
}
