// Birds, fish and Vicsek's model. `agents` is in the order of their numbers: x, y, vx, vy in metres and
// metres a second; `sorted` is a copy in the order of the grid's cells. Sums are over sorted neighbours,
// so that they repeat. `accum` holds four numbers a pixel (red, green, blue, cover) and the counters.

const FIXED: f32 = 4096.0;
const COUNTED: f32 = 16384.0;
const GONE: f32 = 1e30;
const MOST: u32 = 4096u;    // neighbours looked at in one row of cells

const PRESENT: u32 = 0u;
const NOT_FINITE: u32 = 1u;
const HEADING_X: u32 = 2u;
const HEADING_Y: u32 = 3u;
const SPEED_SUM: u32 = 4u;
const TOP_SPEED: u32 = 5u;
const SLOWEST: u32 = 6u;
const OUTSIDE: u32 = 7u;
const PASSED: u32 = 8u;     // from here on kept from frame to frame
const CROSSED: u32 = 9u;
const CUT_OFF: u32 = 10u;
const OVERLAP: u32 = 11u;

fn counter(which: u32) -> u32 { return 4u * uniforms.width * uniforms.height + which; }

fn grid_place(i: u32) -> vec2f { return agents[i].xy; }

fn grid_has(i: u32) -> bool { return agents[i].x < GONE; }

fn grid_settled(slot: u32, i: u32) { sorted[slot] = agents[i]; }

// From p to q by the shortest way round.
fn between(p: vec2f, q: vec2f) -> vec2f {
  let d = q - p;
  return d - WRAPS * WORLD * round(d / WORLD);
}

fn towards(angle: f32) -> vec2f { return vec2f(cos(angle), sin(angle)); }

fn unit_of(v: vec2f) -> vec2f { return v * inverseSqrt(max(dot(v, v), 1e-20)); }

@compute @workgroup_size(64)
fn begin(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= GRID_THINGS) { return; }
  if (CROWD) {
    agents[i] = standing(i);
    return;
  }
  let u = random(i, 0u, 1u);
  let w = random(i, 0u, 2u);
  let side = min(WORLD.x, WORLD.y);
  let shared_heading = TAU * random(0u, 1u, 3u);
  var p = (vec2f(u, w) - 0.5) * WORLD;
  var heading = TAU * random(i, 0u, 3u);
  if (BIRDS && WRAPS.x == 0.0) {
    let edge = 0.6 + 0.8 * random(i, 0u, 4u);
    p = ROOST + 0.26 * side * pow(u, 0.6) * edge * towards(TAU * w) * vec2f(1.2, 0.8);
    heading = shared_heading + 0.8 * (random(i, 0u, 3u) - 0.5);
  }
  if (FISH && WRAPS.x == 0.0) {
    p = side * mix(0.10, 0.36, sqrt(u)) * towards(TAU * w);
    heading = TAU * w + 0.25 * TAU + 0.8 * (random(i, 0u, 3u) - 0.5);
  }
  for (var k = 0u; k < DISC_COUNT; k++) {
    let from_middle = p - disc(k).xy;
    if (dot(from_middle, from_middle) < disc(k).z * disc(k).z) {
      p = disc(k).xy + unit_of(from_middle) * disc(k).z * 1.02;
    }
  }
  agents[i] = vec4f(p, uniforms.speed * towards(heading));
}

// Sums over the neighbours within the radius, for four at a time: what is loaded once serves all four.
struct Seen {
  weight: vec4f,
  velocity_x: vec4f,
  velocity_y: vec4f,
  offset_x: vec4f,
  offset_y: vec4f,
  apart_x: vec4f,
  apart_y: vec4f,
}

// In Vicsek's model all within the radius count the same; else one counts less with distance, so that
// nobody jumps into view.
fn look(x: vec4f, y: vec4f, block: Block) -> Seen {
  let radius = min(uniforms.radius, REACH);
  let per_square = 1.0 / (radius * radius);
  let per_near = 1.0 / uniforms.separation_radius;
  let none = vec4f(0.0);
  var seen = Seen(none, none, none, none, none, none, none);
  for (var row = block.low.y; row <= block.high.y; row++) {
    let run = grid_run(block, row);
    let stop = run.first + min(run.count, MOST);
    for (var k = run.first; k < stop; k++) {
      var slot = k;
      if (GRID_WRAPS_X) { slot -= select(0u, run.back, k >= run.end); }
      let other = sorted[slot];
      var dx = other.x - x;
      var dy = other.y - y;
      if (WRAPS.x > 0.0) { dx -= WORLD.x * round(dx * (1.0 / WORLD.x)); }
      if (WRAPS.y > 0.0) { dy -= WORLD.y * round(dy * (1.0 / WORLD.y)); }
      let square_of = dx * dx + dy * dy;
      var w = max(1.0 - square_of * per_square, none);
      if (VICSEK) { w = select(none, vec4f(1.0), w > none); }
      seen.weight += w;
      seen.velocity_x += w * other.z;
      seen.velocity_y += w * other.w;
      if (!VICSEK) {
        let push = max(inverseSqrt(max(square_of, vec4f(1e-12))) - per_near, none);
        seen.offset_x += w * dx;
        seen.offset_y += w * dy;
        seen.apart_x -= dx * push;
        seen.apart_y -= dy * push;
      }
    }
  }
  return seen;
}

// The cells around a chunk; told once if one of their rows is too full to be looked at.
fn around(chunk: u32, size: u32, lane: u32) -> Block {
  let last = min((chunk + 1u) * size, grid_total()) - 1u;
  let block = grid_block(sorted[chunk * size].xy, sorted[last].xy);
  if (lane == 0u) {
    for (var row = block.low.y; row <= block.high.y; row++) {
      if (grid_run(block, row).count > MOST) { atomicAdd(&accum[counter(CUT_OFF)], 1); }
    }
  }
  return block;
}

fn chance(i: u32) -> f32 { return random(i, uniforms.step, 11u) * 2.0 - 1.0; }

fn turned_by(v: vec2f, angle: f32) -> vec2f {
  let c = cos(angle);
  let s = sin(angle);
  return vec2f(c * v.x - s * v.y, s * v.x + c * v.y);
}

// Away from discs, walls and the hunter, and whatever the formulas add.
fn outer_force(p: vec2f, v: vec2f) -> vec2f {
  var force = vec2f(0.0);
  for (var k = 0u; k < DISC_COUNT; k++) {
    let d = between(disc(k).xy, p);
    let gap = length(d) - disc(k).z;
    let room = 0.5 * uniforms.radius + 0.2 * disc(k).z;
    force += unit_of(d) * (uniforms.turn * 1.5 * square(clamp(1.0 - gap / room, 0.0, 1.0)));
  }
  if (WALLED) {
    let room = 0.09 * min(WORLD.x, WORLD.y);
    let depth = clamp((abs(p) - 0.5 * WORLD) / room + 1.0, vec2f(0.0), vec2f(1.0));
    force -= sign(p) * depth * depth * uniforms.turn;
  }
  if (HUNTED) {
    let d = between(hunter(uniforms.time), p);
    force += unit_of(d) * (uniforms.fear * square(clamp(1.0 - length(d) / uniforms.predator_reach, 0.0, 1.0)));
  }
  if (uniforms.pointer.w > 0.0) {
    let at = vec2f(uniforms.pointer.x - 0.5 * f32(uniforms.width), 0.5 * f32(uniforms.height) - uniforms.pointer.y) / UNIT;
    let d = between(at, p);
    force += unit_of(d) * (uniforms.turn * 1.5 * square(clamp(1.0 - length(d) / (0.12 * min(WORLD.x, WORLD.y)), 0.0, 1.0)));
  }
  if (STEERED) { force += steering(p, v, uniforms.time); }
  return force;
}

// To where the step leads, without leaving the world or entering a disc.
fn arrived(before: vec2f, velocity: vec2f) -> vec4f {
  var v = velocity;
  var p = before + v * uniforms.dt;
  for (var k = 0u; k < DISC_COUNT; k++) {
    let d = between(disc(k).xy, p);
    if (dot(d, d) < disc(k).z * disc(k).z) {
      let n = unit_of(d);
      p += n * (disc(k).z - length(d));
      v -= n * min(2.0 * dot(v, n), 0.0);
    }
  }
  if (WALLED) {
    let limit = 0.5 * WORLD;
    v = select(v, -v, abs(p) > limit);
    p = clamp(p, -limit, limit);
  }
  p -= WRAPS * WORLD * round(p / WORLD);
  return vec4f(p, v);
}

// Eight lanes of four each look round together.
@compute @workgroup_size(8)
fn steer(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let total = grid_total();
  if (group.x * 32u >= total) { return; }
  let block = around(group.x, 32u, lane);
  let slot = group.x * 32u + lane;
  let a = sorted[slot];
  let b = sorted[min(slot + 8u, total - 1u)];
  let c = sorted[min(slot + 16u, total - 1u)];
  let d = sorted[min(slot + 24u, total - 1u)];
  let all = look(vec4f(a.x, b.x, c.x, d.x), vec4f(a.y, b.y, c.y, d.y), block);
  for (var k = 0u; k < 4u; k++) {
    let mine = slot + 8u * k;
    if (mine >= total) { break; }
    let velocity = vec2f(all.velocity_x[k], all.velocity_y[k]);
    if (VICSEK) {
      follow(mine, velocity);
    } else {
      let offset = vec2f(all.offset_x[k], all.offset_y[k]);
      steer_by(mine, all.weight[k], velocity, offset, vec2f(all.apart_x[k], all.apart_y[k]));
    }
  }
}

// Reynolds' rules from the sums over the neighbours, which hold oneself as well.
fn steer_by(slot: u32, weights: f32, velocities: vec2f, offset: vec2f, apart: vec2f) {
  let i = grid_number(slot);
  let p = sorted[slot].xy;
  let v = sorted[slot].zw;
  let weight = weights - 1.0;
  var force = uniforms.separation * apart - uniforms.home * (p - ROOST);
  if (weight > 1e-4) {
    force += uniforms.alignment * ((velocities - v) / weight - v);
    force += uniforms.cohesion * offset / weight;
  }
  if (uniforms.wander > 0.0) {
    // Two layers, turned against each other, so that the lattice of the noise does not show.
    let q = p * (3.2 / min(WORLD.x, WORLD.y));
    let wide = value_noise(0.8 * q.x - 0.6 * q.y + 50.0, 0.6 * q.x + 0.8 * q.y + 50.0, uniforms.time * 0.35);
    let small = value_noise(1.1 * q.x + 1.7 * q.y + 80.0, 1.1 * q.y - 1.7 * q.x + 80.0, uniforms.time * 0.5);
    force += uniforms.wander * towards(2.0 * TAU * (0.6 * wide + 0.4 * small));
  }
  force += outer_force(p, v);
  let rate = max(length(v), 1e-6);
  force += v * (2.0 * (uniforms.speed - rate) / rate);
  force *= min(1.0, uniforms.turn / max(length(force), 1e-6));
  var next = v + force * uniforms.dt;
  next = turned_by(next, uniforms.noise * sqrt(3.0 * uniforms.dt) * chance(i));
  let fast = max(length(next), 1e-6);
  next *= clamp(fast, uniforms.speed_min, uniforms.speed_max) / fast;
  agents[i] = arrived(p, next);
}

fn follow(slot: u32, velocities: vec2f) {
  let i = grid_number(slot);
  let p = sorted[slot].xy;
  var v = unit_of(velocities) * uniforms.speed;
  v = turned_by(v, uniforms.noise * 0.5 * TAU * chance(i));
  v += outer_force(p, v) * uniforms.dt;
  agents[i] = arrived(p, unit_of(v) * uniforms.speed);
}

// ---- what the checks look at ----

@compute @workgroup_size(64)
fn forget(@builtin(local_invocation_index) me: u32) {
  if (me < PASSED) { atomicStore(&accum[counter(me)], select(0, 0x7fffffff, me == SLOWEST)); }
}


fn fixed(x: f32) -> i32 { return i32(round(clamp(x, -1e4, 1e4) * COUNTED)); }

// Few invocations, each over many: contended atomics are slow. All sums are of whole numbers.
@compute @workgroup_size(64)
fn measure(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  var present = 0;
  var lost = 0;
  var outside = 0;
  var heading = vec2i(0);
  var speed_sum = 0;
  var top = 0;
  var slowest = 0x7fffffff;
  let step_by = groups.x * 64u;
  for (var i = id.x; i < GRID_THINGS; i += step_by) {
    let a = agents[i];
    if (!(is_finite(a.x) && is_finite(a.y) && is_finite(a.z) && is_finite(a.w))) {
      lost += 1;
      continue;
    }
    if (!grid_has(i)) { continue; }
    present += 1;
    let rate = length(a.zw);
    let share = rate / uniforms.speed_max;
    speed_sum += fixed(share);
    top = max(top, fixed(share));
    slowest = min(slowest, fixed(share));
    if (rate > 1e-6) { heading += vec2i(fixed(a.z / rate), fixed(a.w / rate)); }
    if (WALLED && any(abs(a.xy) > 0.5 * WORLD * 1.0001)) { outside += 1; }
  }
  atomicAdd(&accum[counter(PRESENT)], present);
  atomicAdd(&accum[counter(NOT_FINITE)], lost);
  atomicAdd(&accum[counter(HEADING_X)], heading.x);
  atomicAdd(&accum[counter(HEADING_Y)], heading.y);
  atomicAdd(&accum[counter(SPEED_SUM)], speed_sum);
  atomicMax(&accum[counter(TOP_SPEED)], top);
  atomicMin(&accum[counter(SLOWEST)], slowest);
  atomicAdd(&accum[counter(OUTSIDE)], outside);
}
