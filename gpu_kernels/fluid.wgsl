// A lattice gas of nine velocities (D2Q9), row 0 at the bottom. A quad is four cells beside one
// another. The builder writes before this: COLUMNS, ROWS, CELLS, ACROSS (quads of a row), QUADS,
// CORNER and SHOWN (the cells of the picture), STEPS (lattice steps of a round), LENGTH (cells),
// FORCED, DYED, BODY, PERIODIC_X, PERIODIC_Y, SPONGE, SPONGE_ENDS, WATCHED (a cell), and the bounds
// LEAST (viscosity), MOST (speed), FASTEST_FALL;
// wanted_viscosity(), obstacle_at, velocity_at, dye_at, source_at, force_at, frame_kind, shown_of;
// after it the entry points even, odd and last, which pull, move and store the populations.
//
// Populations are kept as their difference from the fluid at rest: float32 then holds the small
// deviations to seven digits. Source: Skordos, "Initial and boundary conditions for the lattice
// Boltzmann method", Phys. Rev. E 48 (1993).

const FLUID: u32 = 0u;
const OBSTACLE: u32 = 1u;
const WALL: u32 = 2u;
const SLIP: u32 = 3u;
const LID: u32 = 4u;
const TEAMS: u32 = 64u;
const PARTS: u32 = 2u * QUADS;
const TOTALS: u32 = PARTS + 3u * TEAMS;

// Velocities: rest, east, west, north, south, north-east, south-west, south-east, north-west.
struct Nine {
  f0: vec4f, f1: vec4f, f2: vec4f, f3: vec4f, f4: vec4f, f5: vec4f, f6: vec4f, f7: vec4f, f8: vec4f,
}

struct State { n: Nine, excess: vec4f, u: vec4f, v: vec4f }

fn lattice_speed() -> f32 { return clamp(uniforms.speed, 0.0, MOST); }

fn lattice_viscosity() -> f32 { return max(wanted_viscosity(), LEAST); }

fn held_buoyancy() -> f32 {
  let most = FASTEST_FALL * FASTEST_FALL / max(lattice_speed() * lattice_speed(), 1e-12);
  return clamp(uniforms.buoyancy, -most, most);
}

// Where a cell is, in heights of the picture.
fn place_of(column: u32, row: u32) -> vec2f {
  return (vec2f(f32(column), f32(row)) - CORNER + 0.5) / SHOWN.y;
}

// How strongly the flow is led back to the inflow's, in columns or rows from the picture's edge.
fn sponge(column: f32, row: f32) -> f32 {
  let place = vec2f(column, row) + 0.5 - CORNER;
  if (SPONGE_ENDS) {
    let s = (place.x - SHOWN.x) / SPONGE;
    return 0.3 * smoothstep(0.0, 0.6, s) * (1.0 - smoothstep(0.75, 1.0, s));
  }
  let out = max(max(-place.x, place.x - SHOWN.x), max(-place.y, place.y - SHOWN.y));
  return 0.1 * smoothstep(0.0, 1.0, out / SPONGE);
}

@compute @workgroup_size(64)
fn begin(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= QUADS) { return; }
  let row = id.x / ACROSS;
  let first = (id.x - row * ACROSS) * 4u;
  var u = vec4f(0.0);
  var v = vec4f(0.0);
  var packed = 0u;
  for (var lane = 0u; lane < 4u; lane++) {
    let column = first + lane;
    let place = place_of(column, row);
    var kind = frame_kind(column, row);
    let open = SPONGE == 0.0 || sponge(f32(column), f32(row)) == 0.0;
    if (kind == FLUID && open && obstacle_at(place.x, place.y)) { kind = OBSTACLE; }
    packed |= kind << (8u * lane);
    if (kind == FLUID || kind == SLIP) {
      let start = velocity_at(place.x, place.y) * lattice_speed();
      u[lane] = finite(start.x);
      v[lane] = select(finite(start.y), 0.0, kind == SLIP);
    }
    let cell = id.x * 4u + lane;
    flow[cell] = vec4f(u[lane], v[lane], 0.0, f32(kind));
    dye[cell] = 0.0;
    if (DYED && kind == FLUID) {
      dye[cell] = max(finite(dye_at(place.x, place.y)), finite(source_at(place.x, place.y, 0.0)));
    }
  }
  kinds[id.x] = packed;
  let zero = vec4f(0.0);
  store_gas(id.x, populations(zero, u, v, u * u, v * v, u * v, v * (1.0 / 3.0 + u * u),
    u * (1.0 / 3.0 + v * v), (u * u + v * v) / 3.0 + u * u * v * v));
}

// Populations from their raw moments; d, xx, yy and xxyy are differences from the fluid at rest.
fn populations(
  d: vec4f, x: vec4f, y: vec4f, xx: vec4f, yy: vec4f, xy: vec4f, xxy: vec4f, xyy: vec4f, xxyy: vec4f
) -> Nine {
  let side = 0.5 * (xx - xxyy);
  let along = 0.5 * (yy - xxyy);
  let across = 0.5 * (x - xyy);
  let up = 0.5 * (y - xxy);
  let same = 0.25 * (xxyy + xy);
  let other = 0.25 * (xxyy - xy);
  let sum = 0.25 * (xyy + xxy);
  let difference = 0.25 * (xyy - xxy);
  return Nine(
    d - xx - yy + xxyy, side + across, side - across, along + up, along - up,
    same + sum, same - sum, other + difference, other - difference);
}

// One collision of four cells. Central moments of second order relax, the trace at once; those of
// third and fourth order are put to equilibrium. Source: Geier, Greiner and Korvink, "Cascaded
// digital lattice Boltzmann automata for high Reynolds number flow", Phys. Rev. E 73 (2006); the
// same as the recursive regularisation of Malaspinas (2015). Force: Fei and Luo, "Consistent
// forcing scheme in the cascaded lattice Boltzmann method", Phys. Rev. E 96 (2017).
fn advanced(n: Nine, quad: u32, first: u32, row: u32) -> State {
  var fx = vec4f(0.0);
  var fy = vec4f(0.0);
  if (FORCED) {
    fx = work[quad];
    fy = work[QUADS + quad];
  }
  let north_east = n.f5 + n.f6;
  let south_east = n.f7 + n.f8;
  let slant = n.f5 - n.f6;
  let cross_slant = n.f7 - n.f8;
  let corners = north_east + south_east;
  let level = n.f1 + n.f2;
  let upright = n.f3 + n.f4;
  let d = n.f0 + level + upright + corners;
  let jx = n.f1 - n.f2 + slant + cross_slant + 0.5 * fx;
  let jy = n.f3 - n.f4 + slant - cross_slant + 0.5 * fy;
  let inverse = 1.0 / (1.0 + d);
  let u = jx * inverse;
  let v = jy * inverse;
  let uu = jx * u;
  let vv = jy * v;
  let uv = jx * v;
  let third = d * (1.0 / 3.0);
  let keep = 1.0 - 1.0 / (3.0 * lattice_viscosity() + 0.5);
  var stretch = level - upright - uu + vv;
  var shear = north_east - south_east - uv;
  if (FORCED) {
    stretch += u * fx - v * fy;
    shear += 0.5 * (u * fy + v * fx);
  }
  stretch *= 0.5 * keep;
  shear *= keep;
  let cxx = stretch + third + 1.0 / 3.0;
  let cyy = third - stretch + 1.0 / 3.0;
  var xx = stretch + third + uu;
  var yy = third - stretch + vv;
  var xy = shear + uv;
  var xxy = 2.0 * u * shear + v * cxx + uu * v;
  var xyy = 2.0 * v * shear + u * cyy + vv * u;
  var xxyy = d * (1.0 / 9.0) + u * u * cyy + v * v * cxx + 4.0 * u * v * shear + uu * v * v;
  var x = jx;
  var y = jy;
  if (FORCED) {
    x += 0.5 * fx;
    y += 0.5 * fy;
    xx += u * fx;
    yy += v * fy;
    xy += 0.5 * (u * fy + v * fx);
    xxy += fy / 6.0 + 0.5 * u * u * fy + u * v * fx;
    xyy += fx / 6.0 + 0.5 * v * v * fx + u * v * fy;
    xxyy += (u * fx + v * fy) / 3.0 + u * v * (u * fy + v * fx);
  }
  var excess = d;
  if (SPONGE > 0.0 && in_sponge(first, row)) {
    // The fluid is led to rest or, in the tunnel, to the inflow. Source: Nordström, Nordin and
    // Henningson, "The fringe region technique", SIAM J. Sci. Comput. 20 (1999).
    var w = vec4f(0.0);
    for (var lane = 0u; lane < 4u; lane++) { w[lane] = sponge(f32(first + lane), f32(row)); }
    let inflow = select(0.0, lattice_speed(), SPONGE_ENDS);
    let in2 = inflow * inflow;
    // In the open only the pressure is held; what blows out is slowed down little by little.
    let calm = w * select(0.15, 1.0, SPONGE_ENDS);
    let lost = w * excess;
    excess -= lost;
    xx -= lost / 3.0;
    yy -= lost / 3.0;
    xxyy -= lost / 9.0;
    x += calm * (inflow - x);
    y -= calm * y;
    xx += calm * (in2 + excess / 3.0 - xx);
    yy += calm * (excess / 3.0 - yy);
    xy -= calm * xy;
    xxy -= calm * xxy;
    xyy += calm * (inflow / 3.0 - xyy);
    xxyy += calm * (in2 / 3.0 + excess / 9.0 - xxyy);
  }
  var found = State(populations(excess, x, y, xx, yy, xy, xxy, xyy, xxyy), d, u, v);
  let kind = kinds[quad];
  if (kind != 0u) { found = reflected(n, found, kind); }
  return found;
}

fn in_sponge(first: u32, row: u32) -> bool {
  let left = vec2f(f32(first), f32(row)) - CORNER;
  return left.x < 0.0 || left.y < 0.0 || left.x + 4.0 > SHOWN.x || left.y + 1.0 > SHOWN.y;
}

// What cells that are no fluid send back. Solid cells turn everything round, so that the wall lies
// half-way to the fluid (full-way bounce-back; a moving lid adds its momentum), slip cells mirror.
// Source: Krüger et al., "The Lattice Boltzmann Method" (2017), ch. 5.3.
fn reflected(n: Nine, now: State, packed: u32) -> State {
  let kind = (vec4u(packed) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
  let solid = (kind == vec4u(OBSTACLE)) | (kind == vec4u(WALL)) | (kind == vec4u(LID));
  let slip = kind == vec4u(SLIP);
  let push = select(vec4f(0.0), vec4f(lattice_speed() / 6.0), kind == vec4u(LID));
  var found = now;
  found.n.f0 = select(now.n.f0, n.f0, solid | slip);
  found.n.f1 = select(select(now.n.f1, n.f2, solid), n.f1, slip);
  found.n.f2 = select(select(now.n.f2, n.f1, solid), n.f2, slip);
  found.n.f3 = select(now.n.f3, n.f4, solid | slip);
  found.n.f4 = select(now.n.f4, n.f3, solid | slip);
  found.n.f5 = select(select(now.n.f5, n.f6, solid), n.f7, slip);
  found.n.f6 = select(select(now.n.f6, n.f5 - push, solid), n.f8, slip);
  found.n.f7 = select(select(now.n.f7, n.f8 + push, solid), n.f5, slip);
  found.n.f8 = select(select(now.n.f8, n.f7, solid), n.f6, slip);
  found.u = select(now.u, vec4f(0.0), solid);
  found.v = select(now.v, vec4f(0.0), solid | slip);
  return found;
}

fn remember(quad: u32, now: State) {
  let packed = kinds[quad];
  let cell = quad * 4u;
  let kind = vec4f((vec4u(packed) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u));
  flow[cell] = vec4f(now.u.x, now.v.x, now.excess.x, kind.x);
  flow[cell + 1u] = vec4f(now.u.y, now.v.y, now.excess.y, kind.y);
  flow[cell + 2u] = vec4f(now.u.z, now.v.z, now.excess.z, kind.z);
  flow[cell + 3u] = vec4f(now.u.w, now.v.w, now.excess.w, kind.w);
}

fn column_at(i: i32) -> u32 {
  if (PERIODIC_X) { return u32((i + i32(COLUMNS)) % i32(COLUMNS)); }
  return u32(clamp(i, 0, i32(COLUMNS) - 1));
}

fn row_at(j: i32) -> u32 {
  if (PERIODIC_Y) { return u32((j + i32(ROWS)) % i32(ROWS)); }
  return u32(clamp(j, 0, i32(ROWS) - 1));
}

// The velocity between four cells; p counts cells from the middle of the first one.
fn velocity_between(p: vec2f) -> vec2f {
  let c = floor(p);
  let w = p - c;
  let i = vec2i(c);
  let left = column_at(i.x);
  let right = column_at(i.x + 1);
  let low = row_at(i.y) * COLUMNS;
  let high = row_at(i.y + 1) * COLUMNS;
  return mix(
    mix(flow[low + left].xy, flow[low + right].xy, w.x),
    mix(flow[high + left].xy, flow[high + right].xy, w.x), w.y);
}

// Catmull-Rom weights for t in 0..1.
fn cubic(t: f32) -> vec4f {
  let s = 1.0 - t;
  return vec4f(
    -0.5 * t * s * s, 1.0 - t * t * (2.5 - 1.5 * t), 1.0 - s * s * (2.5 - 1.5 * s), -0.5 * s * t * t);
}

// The dye goes with the flow: every cell looks where its fluid was a round ago. Cubic interpolation
// keeps filaments sharp, its limits keep it from overshooting. Source: Staniforth and Cote,
// "Semi-Lagrangian integration schemes for atmospheric models", Mon. Wea. Rev. 119 (1991).
@compute @workgroup_size(64)
fn carry(@builtin(global_invocation_id) id: vec3u) {
  let cell = id.x;
  if (cell >= CELLS) { return; }
  let row = cell / COLUMNS;
  let column = cell - row * COLUMNS;
  let here = flow[cell];
  if (u32(here.w) != FLUID) {
    spare[cell] = beside(i32(column), i32(row));
    return;
  }
  let span = f32(STEPS);
  let p = vec2f(f32(column), f32(row));
  let farthest = vec2f(0.45 * f32(COLUMNS), 0.45 * f32(ROWS));
  let half = clamp(0.5 * span * here.xy, -farthest, farthest);
  let whole = clamp(span * velocity_between(p - half), -farthest, farthest);
  let origin = p - whole;
  let c = floor(origin);
  let wx = cubic(origin.x - c.x);
  let wy = cubic(origin.y - c.y);
  let i = vec2i(c);
  let columns = vec4u(column_at(i.x - 1), column_at(i.x), column_at(i.x + 1), column_at(i.x + 2));
  var sums = vec4f(0.0);
  var least = 3e38;
  var most = -3e38;
  for (var k = 0; k < 4; k++) {
    let base = row_at(i.y + k - 1) * COLUMNS;
    let taps = vec4f(dye[base + columns.x], dye[base + columns.y], dye[base + columns.z], dye[base + columns.w]);
    sums[k] = dot(taps, wx);
    if (k == 1 || k == 2) {
      least = min(least, min(taps.y, taps.z));
      most = max(most, max(taps.y, taps.z));
    }
  }
  var value = clamp(dot(sums, wy), least, most);
  value *= exp(-uniforms.fade * uniforms.dt);
  if (SPONGE > 0.0) { value *= 1.0 - sponge(p.x, p.y); }
  let place = place_of(column, row);
  let t = uniforms.time + uniforms.dt;
  spare[cell] = max(value, finite(source_at(place.x, place.y, t)));
}

// Solid cells take the mean of the dye beside them, so that none is lost along the walls.
fn beside(column: i32, row: i32) -> f32 {
  var sum = 0.0;
  var count = 0.0;
  for (var k = 0; k < 9; k++) {
    let cell = row_at(row + k / 3 - 1) * COLUMNS + column_at(column + k % 3 - 1);
    if (u32(flow[cell].w) == FLUID) {
      sum += dye[cell];
      count += 1.0;
    }
  }
  return select(0.0, sum / count, count > 0.0);
}

// What pushes the fluid in the round that follows; the dye is still that of the round before.
@compute @workgroup_size(64)
fn urge(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= QUADS) { return; }
  let row = id.x / ACROSS;
  let first = (id.x - row * ACROSS) * 4u;
  let unit = lattice_speed() * lattice_speed() / SHOWN.y;
  var fx = vec4f(0.0);
  var fy = vec4f(0.0);
  for (var lane = 0u; lane < 4u; lane++) {
    let cell = id.x * 4u + lane;
    if (u32(flow[cell].w) == FLUID) {
      let place = place_of(first + lane, row);
      let push = force_at(place.x, place.y, uniforms.time, dye[cell]);
      fx[lane] = finite(push.x) * unit;
      fy[lane] = finite(push.y + held_buoyancy() * dye[cell]) * unit;
    }
  }
  work[id.x] = fx;
  work[QUADS + id.x] = fy;
}

// The vorticity or speed of every cell, in the inflow's units.
@compute @workgroup_size(64)
fn look(@builtin(global_invocation_id) id: vec3u) {
  let cell = id.x;
  if (cell >= CELLS) { return; }
  let row = i32(cell / COLUMNS);
  let column = i32(cell) - row * i32(COLUMNS);
  spare[cell] = shown_of(column, row);
}

fn speed_of(column: i32, row: i32) -> f32 {
  return length(flow[u32(row) * COLUMNS + u32(column)].xy) / lattice_speed();
}

fn vorticity_of(column: i32, row: i32) -> f32 {
  let here = flow[u32(row) * COLUMNS + u32(column)].xy;
  let east = beyond(column + 1, row, here).y;
  let west = beyond(column - 1, row, here).y;
  let north = beyond(column, row + 1, here).x;
  let south = beyond(column, row - 1, here).x;
  return 0.5 * (east - west - north + south) * LENGTH / lattice_speed();
}

// A neighbour's velocity; along a slippery side the flow is that of the cell beside it.
fn beyond(i: i32, j: i32, here: vec2f) -> vec2f {
  let there = flow[row_at(j) * COLUMNS + column_at(i)];
  return select(there.xy, here, u32(there.w) == SLIP);
}

// The force on one obstacle cell: what the fluid beside it sends in comes back out, so that twice
// its momentum stays. Source: Ladd, "Numerical simulations of particulate suspensions", J. Fluid
// Mech. 271 (1994).
fn force_on(column: i32, row: i32) -> vec2f {
  var sum = vec2f(0.0);
  for (var k = 1u; k < 9u; k++) {
    let c = direction(k);
    // Streaming goes round the lattice whatever lies there.
    let i = u32(column - c.x + i32(COLUMNS)) % COLUMNS;
    let cell = u32(row - c.y + i32(ROWS)) % ROWS * COLUMNS + i;
    if (u32(flow[cell].w) == FLUID) {
      sum += 2.0 * vec2f(c) * gas[k * QUADS + cell / 4u][cell % 4u];
    }
  }
  return sum;
}

fn direction(k: u32) -> vec2i {
  let x = array<i32, 9>(0, 1, -1, 0, 0, 1, -1, 1, -1);
  let y = array<i32, 9>(0, 0, 0, 1, -1, 1, -1, -1, 1);
  return vec2i(x[k], y[k]);
}

var<workgroup> sums: array<vec4f, 64>;
var<workgroup> pulls: array<vec4f, 64>;

// What one workgroup saw: sums of (density excess, speed², eastward speed, dye), then the force on
// the obstacle, cells that are not finite, fluid cells; then the greatest speed².
@compute @workgroup_size(64)
fn measure(
  @builtin(local_invocation_index) local: u32,
  @builtin(workgroup_id) team: vec3u,
) {
  var sum = vec4f(0.0);
  var pull = vec4f(0.0);
  var fastest = 0.0;
  for (var cell = team.x * 64u + local; cell < CELLS; cell += TEAMS * 64u) {
    let here = flow[cell];
    if (!is_finite(here.x + here.y + here.z)) {
      pull.z += 1.0;
      continue;
    }
    let kind = u32(here.w);
    sum.x += here.z;
    if (kind == FLUID) {
      let square = dot(here.xy, here.xy);
      sum += vec4f(0.0, square, here.x, finite(dye[cell]));
      fastest = max(fastest, square);
      pull.w += 1.0;
    }
    if (BODY && kind == OBSTACLE) {
      let found = force_on(i32(cell % COLUMNS), i32(cell / COLUMNS));
      pull += vec4f(found, 0.0, 0.0);
    }
  }
  sums[local] = sum;
  pulls[local] = pull;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half = half / 2u) {
    if (local < half) {
      sums[local] += sums[local + half];
      pulls[local] += pulls[local + half];
    }
    workgroupBarrier();
  }
  if (local == 0u) {
    work[PARTS + team.x * 3u] = sums[0];
    work[PARTS + team.x * 3u + 1u] = pulls[0];
  }
  workgroupBarrier();
  sums[local] = vec4f(fastest);
  workgroupBarrier();
  for (var half = 32u; half > 0u; half = half / 2u) {
    if (local < half) { sums[local] = max(sums[local], sums[local + half]); }
    workgroupBarrier();
  }
  if (local == 0u) { work[PARTS + team.x * 3u + 2u] = sums[0]; }
}

@compute @workgroup_size(1)
fn summarize() {
  var sum = vec4f(0.0);
  var pull = vec4f(0.0);
  var fastest = 0.0;
  for (var team = 0u; team < TEAMS; team++) {
    sum += work[PARTS + team * 3u];
    pull += work[PARTS + team * 3u + 1u];
    fastest = max(fastest, work[PARTS + team * 3u + 2u].x);
  }
  let fluid = max(pull.w, 1.0);
  let speed = lattice_speed();
  work[TOTALS] = vec4f(sum.x / f32(CELLS), sum.y / (fluid * speed * speed), sum.z / (fluid * speed), sum.w / fluid);
  // Force coefficients: force over half the dynamic pressure on the length.
  work[TOTALS + 1u] = vec4f(pull.xy * 2.0 / (speed * speed * LENGTH), pull.z, fluid / f32(CELLS));
  var beyond = max(LEAST / max(wanted_viscosity(), 1e-30) - 1.0, uniforms.speed / MOST - 1.0);
  beyond = max(max(beyond, abs(uniforms.buoyancy) / max(abs(held_buoyancy()), 1e-30) - 1.0), 0.0);
  work[TOTALS + 2u] = vec4f(sqrt(fastest), wanted_viscosity(), uniforms.speed, beyond);
  work[TOTALS + 3u] = vec4f(flow[WATCHED].xy / speed, 0.0, 0.0);
}
