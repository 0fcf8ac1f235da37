// Discs in a box. Lengths in nm, times in ps, masses in u. `discs` is in the order of their numbers
// (x, y, vx, vy); a round copies them in the order of the grid's cells to `now`, goes four steps back
// and forth between `now` and `later`, and writes them back. Positions are at whole steps, velocities
// half a step before (leapfrog). Sums over neighbours are in the order of the grid, all other sums are
// of whole numbers, so that a run repeats.

override sub: u32 = 0;      // which step of the round

const PER: f32 = 4096.0;    // of counters: energies in kT, momenta in m v, speeds in v
const KINETIC: u32 = 0u;
const POTENTIAL: u32 = 1u;
const KINETIC_LEFT: u32 = 2u;
const ON_LEFT: u32 = 3u;
const MOMENTUM_X: u32 = 4u;
const MOMENTUM_Y: u32 = 5u;
const NOT_FINITE: u32 = 6u;
const OUTSIDE: u32 = 7u;
const TOP_SPEED: u32 = 8u;
const OVERLAP: u32 = 9u;
const FIRST_ON_LEFT: u32 = 10u;
const IMPULSE_X: u32 = 12u;      // from here on kept from frame to frame
const IMPULSE_Y: u32 = 13u;
const WORK: u32 = 14u;
const WALL_PUSH: u32 = 15u;
const FORCE_X: u32 = 16u;
const FORCE_Y: u32 = 17u;
const BARS: u32 = 24u;
const PER_FORCE: f32 = 1048576.0;

fn grid_place(i: u32) -> vec2f { return discs[i].xy; }

fn grid_has(i: u32) -> bool { return is_finite(discs[i].x) && is_finite(discs[i].y); }

fn grid_settled(slot: u32, i: u32) { now[slot] = discs[i]; }

fn is_first(i: u32) -> bool { return i < FIRST; }

fn mass_of(i: u32) -> f32 { return select(MASS.y, MASS.x, is_first(i)); }

fn radius_of(i: u32) -> f32 { return select(RADIUS.y, RADIUS.x, is_first(i)); }

fn step_length() -> f32 { return uniforms.dt * 0.25; }

fn moment() -> f32 { return uniforms.time + f32(sub) * step_length(); }

// Where the right wall is.
fn right_wall(t: f32) -> f32 { return 0.5 * BOX.x - min(PISTON * t, PISTON_WAY); }

fn right_speed(t: f32) -> f32 { return select(0.0, -PISTON, PISTON * t < PISTON_WAY); }

fn tell(which: u32, value: f32) { atomicAdd(&counters[which], i32(round(value * PER))); }

// The repulsion of discs that overlap by `depth`: a force of K depth², whose energy is K depth³ / 3.
fn force_of(depth: f32) -> f32 { return STIFFNESS * depth * depth; }

fn energy_of(depth: f32) -> f32 { return STIFFNESS * depth * depth * depth / 3.0; }

// ---- the start ----

@compute @workgroup_size(64)
fn begin(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i == 0u) { tracer[0] = vec4f(0.0, 0.0, 0.0, 0.5 * step_length() * GRAVITY); }
  if (i >= GRID_THINGS) { return; }
  // Each kind has a lattice of its own where they start apart.
  let second = APART && !is_first(i);
  let lattice = select(LATTICE.xy, LATTICE.zw, second);
  let area = select(AREA_FIRST, AREA_SECOND, second);
  let stride = select(STRIDE.x, STRIDE.y, second);
  let number = select(i, i - FIRST, second);
  let places = lattice.x * lattice.y;
  let place = (number * stride + 5u) % places;
  let cell = area.zw / vec2f(lattice);
  let free = max(0.5 * cell - 1.005 * max(RADIUS.x, RADIUS.y), vec2f(0.0));
  let shift = vec2f(random(i, 0u, 1u), random(i, 0u, 2u)) * 2.0 - 1.0;
  var p = area.xy + (vec2f(f32(place % lattice.x), f32(place / lattice.x)) + 0.5) * cell + free * shift;
  // The big disc takes a strip in the middle.
  if (TRACER > 0.0) { p.x += select(-0.5, 0.5, p.x > 0.0) * STRIP; }
  let angle = TAU * random(i, 0u, 3u);
  var speed = sqrt(2.0 * THERMAL / mass_of(i));
  if (START != 0u) { speed *= sqrt(-log(max(random(i, 0u, 4u), 1e-7))); }
  if (START == 2u) { speed *= sqrt(select(0.3, 1.7, p.x < 0.0)); }
  let v = speed * vec2f(cos(angle), sin(angle));
  discs[i] = vec4f(p, v + vec2f(0.0, 0.5 * step_length() * GRAVITY));
}

// ---- one step ----

struct Felt {
  force: vec2f,
  energy: f32,
  deepest: f32,
}

fn touch(felt: Felt, d: vec2f, reach: f32) -> Felt {
  let square_of = dot(d, d);
  if (square_of >= reach * reach || square_of < 1e-14) { return felt; }
  let r = sqrt(square_of);
  let depth = reach - r;
  return Felt(felt.force + d * (force_of(depth) / r), felt.energy + energy_of(depth),
    max(felt.deepest, depth));
}

fn settle_walls(p: vec2f, velocity: vec2f, r: f32, m: f32, t: f32) -> vec2f {
  var v = velocity;
  let wall = right_wall(t);
  let moving = right_speed(t);
  if (p.x - r < -0.5 * BOX.x && v.x < 0.0) { v.x = -v.x; }
  if (p.x + r > wall && v.x > moving) {
    v.x = 2.0 * moving - v.x;
    if (PISTON > 0.0) { tell(WORK, 0.5 * m * (v.x * v.x - velocity.x * velocity.x) / THERMAL); }
  }
  if (abs(p.y) + r > 0.5 * BOX.y && v.y * p.y > 0.0) { v.y = -v.y; }
  if (any(v != velocity)) {
    let given = m * (v - velocity) / MOMENTUM;
    tell(WALL_PUSH, abs(given.x) + abs(given.y));
    tell(IMPULSE_X, given.x);
    tell(IMPULSE_Y, given.y);
  }
  if (PARTITION > 0u && t < PARTITION_UNTIL && abs(p.x) < r && v.x * p.x < 0.0) {
    var open = PARTITION > 1u && abs(p.y) < HOLE;
    if (PARTITION == 3u) {
      // The demon lets the fast pass to the right and the slow to the left.
      let fast = 0.5 * m * dot(v, v) > THERMAL * 0.7;
      open = open && (fast == (p.x < 0.0));
    }
    if (!open) {
      tell(IMPULSE_X, -2.0 * m * v.x / MOMENTUM);
      v.x = -v.x;
    }
  }
  return v;
}

fn neighbour(slot: u32) -> vec4f {
  if (sub % 2u == 0u) { return now[slot]; }
  return later[slot];
}

@compute @workgroup_size(64)
fn advance(@builtin(global_invocation_id) id: vec3u) {
  let slot = id.x;
  if (slot >= grid_total()) { return; }
  let i = grid_number(slot);
  let me = neighbour(slot);
  let r = radius_of(i);
  let m = mass_of(i);
  let at = grid_at(me.xy);
  let block = Block(at - 1, at + 1);
  var felt = Felt(vec2f(0.0), 0.0, 0.0);
  for (var row = block.low.y; row <= block.high.y; row++) {
    let run = grid_run(block, row);
    for (var k = run.first; k < run.first + run.count; k++) {
      let other = neighbour(k);
      var reach = r;
      if (TWO_KINDS) { reach += radius_of(grid_number(k)); } else { reach += r; }
      felt = touch(felt, me.xy - other.xy, reach);
    }
  }
  let h = step_length();
  if (TRACER > 0.0) {
    let before = felt.force;
    felt = touch(felt, me.xy - tracer[0].xy, TRACER + r);
    let push = (felt.force - before) * (h / MOMENTUM) * PER_FORCE;
    if (any(push != vec2f(0.0))) {
      atomicAdd(&counters[FORCE_X], -i32(round(push.x)));
      atomicAdd(&counters[FORCE_Y], -i32(round(push.y)));
    }
  }
  // Walls turn the velocity at the whole step, which keeps the energy.
  let half_kick = 0.5 * h * (felt.force / m - vec2f(0.0, GRAVITY));
  let v = settle_walls(me.xy, me.zw + half_kick, r, m, moment()) + half_kick;
  let after = vec4f(me.xy + h * v, v);
  if (sub == 3u) {
    discs[i] = after;
  } else if (sub % 2u == 0u) {
    later[slot] = after;
  } else {
    now[slot] = after;
  }
}

// The big disc, after the small ones have pushed it.
@compute @workgroup_size(1)
fn drift() {
  let h = step_length();
  let given = vec2f(f32(atomicLoad(&counters[FORCE_X])), f32(atomicLoad(&counters[FORCE_Y])));
  atomicStore(&counters[FORCE_X], 0);
  atomicStore(&counters[FORCE_Y], 0);
  let p = tracer[0].xy;
  let half_kick = 0.5 * (given * (MOMENTUM / PER_FORCE / TRACER_MASS) - vec2f(0.0, h * GRAVITY));
  let v = settle_walls(p, tracer[0].zw + half_kick, TRACER, TRACER_MASS, moment()) + half_kick;
  tracer[0] = vec4f(p + h * v, v);
}

// ---- what the checks look at ----

fn felt_by(i: u32) -> Felt {
  let me = discs[i];
  let r = radius_of(i);
  let at = grid_at(me.xy);
  let block = Block(at - 1, at + 1);
  var felt = Felt(vec2f(0.0), 0.0, 0.0);
  for (var row = block.low.y; row <= block.high.y; row++) {
    let run = grid_run(block, row);
    for (var k = run.first; k < run.first + run.count; k++) {
      let other = grid_number(k);
      if (other != i) { felt = touch(felt, me.xy - discs[other].xy, r + radius_of(other)); }
    }
  }
  felt.energy *= 0.5;
  if (TRACER > 0.0) { felt = touch(felt, me.xy - tracer[0].xy, TRACER + r); }
  return felt;
}

@compute @workgroup_size(64)
fn forget(@builtin(local_invocation_index) me: u32) {
  if (me < IMPULSE_X) { atomicStore(&counters[me], 0); }
  if (me < BAR_COUNT) { atomicStore(&counters[BARS + me], 0); }
}

fn whole(x: f32) -> i32 { return i32(round(clamp(x, -1e5, 1e5) * PER)); }

@compute @workgroup_size(64)
fn measure(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  var kinetic = 0;
  var potential = 0;
  var kinetic_left = 0;
  var on_left = 0;
  var first_on_left = 0;
  var momentum = vec2i(0);
  var lost = 0;
  var outside = 0;
  var top = 0;
  var deepest = 0;
  let h = step_length();
  let wall = right_wall(uniforms.time);
  for (var i = id.x; i < GRID_THINGS; i += groups.x * 64u) {
    let a = discs[i];
    if (!(is_finite(a.x) && is_finite(a.y) && is_finite(a.z) && is_finite(a.w))) {
      lost += 1;
      continue;
    }
    let m = mass_of(i);
    let felt = felt_by(i);
    let v = a.zw + 0.5 * h * (felt.force / m - vec2f(0.0, GRAVITY));
    let own = whole(0.5 * m * dot(v, v) / THERMAL);
    kinetic += own;
    potential += whole((felt.energy + m * GRAVITY * (a.y + 0.5 * BOX.y)) / THERMAL);
    if (a.x < 0.0) {
      kinetic_left += own;
      on_left += 1;
      first_on_left += select(0, 1, is_first(i));
    }
    // Half a step before, where the forces between discs cancel in the sum.
    momentum += vec2i(whole(m * a.z / MOMENTUM), whole(m * (a.w - 0.5 * h * GRAVITY) / MOMENTUM));
    let room = SLACK - radius_of(i);
    if (abs(a.y) > 0.5 * BOX.y + room || a.x < -0.5 * BOX.x - room || a.x > wall + room) { outside += 1; }
    let speed = length(v);
    top = max(top, whole(speed / SPEED));
    deepest = max(deepest, whole(felt.deepest / (RADIUS.x + RADIUS.x)));
    let bar = u32(speed / FASTEST * f32(BAR_COUNT));
    if (bar < BAR_COUNT) { atomicAdd(&counters[BARS + bar], 1); }
  }
  if (id.x == 0u && TRACER > 0.0) {
    let a = tracer[0];
    let v = a.zw - vec2f(0.0, 0.5 * h * GRAVITY);
    kinetic += whole(0.5 * TRACER_MASS * dot(v, v) / THERMAL);
    potential += whole(TRACER_MASS * GRAVITY * (a.y + 0.5 * BOX.y) / THERMAL);
    momentum += vec2i(whole(TRACER_MASS * v.x / MOMENTUM), whole(TRACER_MASS * v.y / MOMENTUM));
    if (!(is_finite(a.x) && is_finite(a.y))) { lost += 1; }
  }
  atomicAdd(&counters[KINETIC], kinetic);
  atomicAdd(&counters[POTENTIAL], potential);
  atomicAdd(&counters[KINETIC_LEFT], kinetic_left);
  atomicAdd(&counters[ON_LEFT], on_left);
  atomicAdd(&counters[FIRST_ON_LEFT], first_on_left);
  atomicAdd(&counters[MOMENTUM_X], momentum.x);
  atomicAdd(&counters[MOMENTUM_Y], momentum.y);
  atomicAdd(&counters[NOT_FINITE], lost);
  atomicAdd(&counters[OUTSIDE], outside);
  atomicMax(&counters[TOP_SPEED], top);
  atomicMax(&counters[OVERLAP], deepest);
}
