// Nagel-Schreckenberg traffic. A link is one lane from one crossing to the next, `cells` cells long
// and one-way; its number is crossing * 4 + heading, for the crossing that it leaves. Headings:
// 0 east, 1 south, 2 west, 3 north, so that +1 is a turn to the right. On the ring and the straight
// road every link is a closed lane of its own. All cars move at once from the old occupancy `road`;
// no two cars can choose one cell, so the writes to `road_next` never race.

const CITY: u32 = 0u;
const RING: u32 = 1u;
const STRAIGHT: u32 = 2u;
const CLEARANCE: u32 = 2u;   // seconds of amber, in which nobody enters a crossing

override recording: u32 = 1;   // 0 in the start pass that writes the first row

// Geometry in cells, as drawn: half a street, where the first car behind and in front of a crossing
// stands, and the kerb.
const HALF: f32 = 0.76;
const EXIT: f32 = 1.05;
const STOP: f32 = 1.65;
const KERB: f32 = 1.00;

fn is_round() -> bool { return uniforms.step % uniforms.substeps == 0u; }

fn offset(heading: u32) -> vec2i {
  if (heading == 0u) { return vec2i(1, 0); }
  if (heading == 1u) { return vec2i(0, 1); }
  if (heading == 2u) { return vec2i(-1, 0); }
  return vec2i(0, -1);
}

// The crossing that one reaches from `crossing`; the city has no edge.
fn neighbour(crossing: u32, heading: u32) -> u32 {
  let size = vec2i(i32(uniforms.across), i32(uniforms.down));
  let at = vec2i(i32(crossing % uniforms.across), i32(crossing / uniforms.across));
  let to = (at + offset(heading) + size) % size;
  return u32(to.y) * uniforms.across + u32(to.x);
}

// 0 red, 1 amber, 2 green for cars with this heading in second `second`. Neighbouring crossings are
// half a cycle apart.
fn lamp(crossing: u32, heading: u32, second: u32) -> u32 {
  let period = uniforms.light_period;
  let shift = (crossing % uniforms.across + crossing / uniforms.across) % 2u * period;
  let phase = (second + shift + (heading % 2u) * period) % (2u * period);
  if (phase >= period) { return 0u; }
  return select(1u, 2u, phase + CLEARANCE < period);
}

fn first_cell(crossing: u32, heading: u32) -> u32 {
  return (crossing * 4u + heading % 4u) * uniforms.cells;
}

// Whether the first car of a queue may enter the crossing: on green and, to turn left, when nobody is
// coming the other way. So no two cars enter one link in the same second.
fn may_enter(crossing: u32, heading: u32, turn: u32, second: u32) -> bool {
  if (lamp(crossing, heading, second) != 2u) { return false; }
  if (turn != 3u) { return true; }
  let last = first_cell(neighbour(crossing, heading), heading + 2u) + uniforms.cells - 1u;
  let look = min(uniforms.max_speed, uniforms.cells);
  for (var i = 0u; i < look; i++) {
    if (road[last - i] != 0u) { return false; }
  }
  return true;
}

// The link after this one for a car that is first in its queue, or this link itself if it must wait.
fn next_link(car: u32, link: u32, second: u32) -> u32 {
  let heading = link % 4u;
  let crossing = neighbour(link / 4u, heading);
  let wish = random(car, second, 1u);
  var turn = 0u;
  if (wish < uniforms.turn_probability) {
    turn = select(3u, 1u, wish < 0.5 * uniforms.turn_probability);
  }
  if (may_enter(crossing, heading, turn, second)) { return crossing * 4u + (heading + turn) % 4u; }
  return link;
}

@compute @workgroup_size(64)
fn place(@builtin(global_invocation_id) id: vec3u) {
  let car = id.x;
  if (car >= uniforms.cars) { return; }
  // Evenly spread by a step that has no common divisor with the number of cells.
  let total = uniforms.links * uniforms.cells;
  let cell = (car * uniforms.stride + hash(uniforms.seed) % total) % total;
  fleet[car] = vec4u(cell, 0u, cell, 0u);
  road[cell] = car + 1u;
}

@compute @workgroup_size(64)
fn clear(@builtin(global_invocation_id) id: vec3u) {
  if (is_round() && id.x < uniforms.links * uniforms.cells) { road_next[id.x] = 0u; }
}

// The four rules: accelerate, keep the gap, dawdle, move. Source: Nagel and Schreckenberg,
// J. Phys. I France 2 (1992) 2221.
@compute @workgroup_size(64)
fn advance(@builtin(global_invocation_id) id: vec3u) {
  let car = id.x;
  if (!is_round() || car >= uniforms.cars) { return; }
  let second = uniforms.step / uniforms.substeps;
  let cell = fleet[car].x;
  let link = cell / uniforms.cells;
  let at = cell % uniforms.cells;
  var speed = min(fleet[car].y + 1u, uniforms.max_speed);
  var target_link = link;
  var ahead = 0u;      // free cells in front, on this link
  while (ahead < speed && at + ahead + 1u < uniforms.cells && road[cell + ahead + 1u] == 0u) {
    ahead++;
  }
  var beyond = 0u;     // and after its end
  if (ahead < speed && at + ahead + 1u == uniforms.cells) {
    if (uniforms.roads == CITY) { target_link = next_link(car, link, second); }
    if (uniforms.roads != CITY || target_link != link) {
      let first = target_link * uniforms.cells;
      while (ahead + beyond < speed && beyond < uniforms.cells && road[first + beyond] == 0u) {
        beyond++;
      }
    }
  }
  speed = min(speed, ahead + beyond);
  if (speed > 0u && random(car, second, 0u) < uniforms.slowdown) { speed -= 1u; }
  var to = cell + speed;
  if (speed > ahead) { to = target_link * uniforms.cells + speed - ahead - 1u; }
  fleet[car] = vec4u(to, speed, cell, 0u);
  road_next[to] = car + 1u;
}

@compute @workgroup_size(64)
fn settle(@builtin(global_invocation_id) id: vec3u) {
  if (is_round() && id.x < uniforms.links * uniforms.cells) { road[id.x] = road_next[id.x]; }
}

// One row of the space-time picture: 0 for an empty cell, else speed + 1.
@compute @workgroup_size(64)
fn remember(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.cells) { return; }
  var row = 0u;
  if (recording == 1u) {
    if (!is_round()) { return; }
    row = (uniforms.step / uniforms.substeps + 1u) % uniforms.rows;
  }
  let car = road[id.x];
  ground[row * uniforms.cells + id.x] = select(0u, fleet[max(car, 1u) - 1u].y + 1u, car > 0u);
}

@compute @workgroup_size(64)
fn forget(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < 4u) { atomicStore(&counters[id.x], 0u); }
  let size = 3u * uniforms.width * uniforms.height;
  for (var i = id.x; i < size; i += 65536u) { atomicStore(&light[i], 0u); }
}

// Cars, the sum of their speeds, how many stand, the greatest speed: counted on the road itself, so
// that a car that another one overwrote is missed.
@compute @workgroup_size(64)
fn count(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.links * uniforms.cells) { return; }
  let car = road[id.x];
  if (car == 0u) { return; }
  let speed = fleet[car - 1u].y;
  atomicAdd(&counters[0], 1u);
  atomicAdd(&counters[1], speed);
  if (speed == 0u) { atomicAdd(&counters[2], 1u); }
  atomicMax(&counters[3], speed);
}

// ---- the picture ----

fn pitch() -> f32 { return f32(uniforms.cells) - 1.0 + EXIT + STOP; }

fn cell_pixels() -> vec2f {
  let size = vec2f(f32(uniforms.width), f32(uniforms.height));
  if (uniforms.roads == CITY) {
    return size / (pitch() * vec2f(f32(uniforms.across), f32(uniforms.down)));
  }
  return vec2f(TAU * ring_radius(0.0) / f32(uniforms.cells));
}

fn ring_radius(lane: f32) -> f32 {
  let size = min(f32(uniforms.width), f32(uniforms.height));
  return size * (0.43 - lane * 0.028);
}

fn tree(p: vec2f, block: u32) -> vec3f {
  // x, y of the normal and 1 where a crown covers p, on a jittered grid of one tree a cell.
  let at = floor(p);
  let key = u32(at.x) + u32(at.y) * 64u;
  let r = 0.28 + 0.18 * random(key, block, 11u);
  let centre = at + vec2f(0.5) + 0.3 * (vec2f(random(key, block, 12u), random(key, block, 13u)) - 0.5);
  let d = (p - centre) / r;
  return vec3f(d, select(0.0, 1.0, dot(d, d) < 1.0 && random(key, block, 14u) < 0.72));
}

fn green(p: vec2f, block: u32) -> vec3f {
  var colour = vec3f(0.065, 0.175, 0.115);
  let t = tree(p, block);
  if (t.z > 0.0) {
    let shade = 0.62 - 0.38 * (t.x + t.y) * 0.7;
    colour = vec3f(0.10, 0.33, 0.17) * shade * (1.0 + 0.25 * random(u32(p.x), u32(p.y), block));
  }
  return colour;
}

fn roof_colour(k: u32) -> vec3f {
  let tints = array<vec3f, 6>(
    vec3f(0.30, 0.20, 0.21), vec3f(0.21, 0.23, 0.31), vec3f(0.27, 0.26, 0.30),
    vec3f(0.19, 0.25, 0.29), vec3f(0.33, 0.26, 0.23), vec3f(0.24, 0.21, 0.32));
  var all = tints;
  return all[k % 6u];
}

fn house(f: vec2f, key: u32) -> vec3f {
  let low = 0.07;
  let high = 0.93;
  let paving = vec3f(0.105, 0.115, 0.15);
  if (f.x < low || f.y < low || f.y > high || f.x > high) {
    let shadow = f.x > high || f.y > high;
    return paving * select(1.0, 0.62, shadow);
  }
  let tint = roof_colour(random_bits(key, 1u, 21u));
  let facade = 0.16 + 0.36 * random(key, 2u, 21u);
  let from_top = f.y - (high - facade);
  if (from_top > 0.0) {
    let columns = 4.0 + floor(3.0 * random(key, 3u, 21u));
    let storeys = max(2.0, floor(facade * 13.0));
    let w = vec2f((f.x - low) / (high - low) * columns, from_top / facade * storeys);
    let inside = fract(w);
    let one = u32(w.x) + 32u * u32(w.y);
    let wall = tint * 0.40;
    if (inside.x < 0.22 || inside.x > 0.78 || inside.y < 0.25 || inside.y > 0.80) { return wall; }
    let lit = random(key, one, 22u);
    if (lit < 0.42) { return vec3f(1.0, 0.80, 0.46) * (0.70 + 0.5 * random(key, one, 23u)); }
    if (lit < 0.52) { return vec3f(0.66, 0.82, 1.0) * 0.85; }
    return vec3f(0.07, 0.08, 0.13);
  }
  let edge = min(min(f.x - low, high - f.x), min(f.y - low, -from_top));
  var colour = tint * (1.12 - 0.30 * f.y - 0.12 * f.x);
  if (edge < 0.035) { colour = tint * 1.45; }
  // A hatch or a garden on the roof.
  let box = vec2f(0.22 + 0.4 * random(key, 4u, 21u), 0.14 + 0.16 * random(key, 5u, 21u));
  let inner = f - box;
  if (inner.x > 0.0 && inner.x < 0.16 && inner.y > 0.0 && inner.y < 0.13 && from_top < -0.12) {
    colour = select(tint * 0.62, vec3f(0.14, 0.30, 0.18), random(key, 6u, 21u) < 0.3);
  }
  return colour;
}

fn block_colour(b: vec2f, id: vec2u) -> vec3f {
  let side = pitch() - 2.0 * KERB;
  let e = (b - KERB) / side;
  let block = id.x + id.y * uniforms.across;
  let kind = random(block, 0u, 31u);
  if (kind < 0.2) {
    let d = (e - vec2f(0.5)) / vec2f(0.27, 0.18);
    let pond = length(d);
    if (kind < 0.12 && pond < 1.0) {
      return select(vec3f(0.34, 0.33, 0.28), vec3f(0.09, 0.22, 0.36) + 0.16 * (1.0 - pond), pond < 0.9);
    }
    if (kind >= 0.12 && min(abs(e.x - e.y), abs(e.x + e.y - 1.0)) < 0.03) {
      return vec3f(0.36, 0.32, 0.26);
    }
    return green(b, block);
  }
  let lots = vec2f(2.0 + floor(2.0 * random(block, 1u, 31u)), 2.0 + floor(2.0 * random(block, 2u, 31u)));
  let l = clamp(e, vec2f(0.0), vec2f(0.9999)) * lots;
  let key = block * 16u + u32(l.x) + 4u * u32(l.y);
  if (random(key, 9u, 31u) < 0.10) { return green(b, key); }
  return house(fract(l), key);
}

fn street_colour(c: vec2f, b: vec2f) -> vec3f {
  let a = abs(c);
  let across = min(a.x, a.y);   // from the middle of this street
  let along = max(a.x, a.y);    // from the middle of the crossing
  if (across > HALF) { return vec3f(0.215, 0.215, 0.26); }
  var colour = vec3f(0.082, 0.086, 0.118);
  if (along < HALF) { return colour; }
  if (along > 0.82 && along < 1.16 && fract(across * 4.0 + 0.25) < 0.5) {
    return vec3f(0.40, 0.40, 0.44);
  }
  if (along > 1.34 && across < 0.035) { return vec3f(0.50, 0.42, 0.20); }
  return colour;
}

fn city(p: vec2f) -> vec3f {
  let blocks = vec2f(f32(uniforms.across), f32(uniforms.down));
  let q = p / vec2f(f32(uniforms.width), f32(uniforms.height)) * blocks;
  let c = (fract(q) - 0.5) * pitch();
  let b = fract(q + 0.5) * pitch();
  let id = vec2u(q + 0.5) % vec2u(uniforms.across, uniforms.down);
  let a = abs(c);
  var colour = block_colour(b, id);
  if (min(a.x, a.y) < KERB) { colour = street_colour(c, b); }
  // Street lamps along both kerbs throw warm pools of light.
  let gap = pitch() / 6.0;
  let v = vec2f(a.x - 0.92, b.y - (floor(b.y / gap) + 0.5) * gap);
  let h = vec2f(a.y - 0.92, b.x - (floor(b.x / gap) + 0.5) * gap);
  let pool = exp(-dot(v, v) / 0.42) + exp(-dot(h, h) / 0.42);
  let bulb = exp(-dot(v, v) / 0.012) + exp(-dot(h, h) / 0.012);
  return colour * (1.0 + vec3f(1.5, 1.05, 0.55) * pool) + vec3f(0.30, 0.22, 0.10) * pool * 0.22
    + vec3f(0.9, 0.75, 0.45) * bulb * 0.7;
}

fn country(p: vec2f) -> vec3f {
  let size = vec2f(f32(uniforms.width), f32(uniforms.height));
  let d = p - 0.5 * size;
  let r = length(d);
  let width = min(size.x, size.y) * 0.028;
  let lane = (ring_radius(-0.5) - r) / width;
  let lanes = f32(uniforms.links);
  if (lane > 0.0 && lane < lanes) {
    let turn = (atan2(d.y, d.x) / TAU + 1.0) * 72.0;
    let line = abs(lane - round(lane)) * width;
    if (line < 0.8 && (round(lane) == 0.0 || round(lane) == lanes || fract(turn) < 0.5)) {
      return vec3f(0.42, 0.42, 0.46);
    }
    return vec3f(0.085, 0.089, 0.12);
  }
  if (lane > -0.35 && lane < lanes + 0.35) { return vec3f(0.19, 0.19, 0.21); }
  let pond = length(d / vec2f(1.25, 0.8)) / min(size.x, size.y);
  if (pond < 0.125) { return vec3f(0.07, 0.19, 0.33) + 0.9 * (0.125 - pond); }
  if (pond < 0.132) { return vec3f(0.34, 0.32, 0.26); }
  return green(p / size.x * 42.0, 7u);
}

@compute @workgroup_size(8, 8)
fn paint(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  var colour = vec3f(0.0);
  for (var i = 0u; i < 4u; i++) {
    let p = vec2f(id.xy) + vec2f(0.25) + 0.5 * vec2f(f32(i % 2u), f32(i / 2u));
    if (uniforms.roads == CITY) { colour += 0.25 * city(p); } else { colour += 0.25 * country(p); }
  }
  // Dusk: the last warmth in the west, blue in the east, darker corners.
  let e = (vec2f(id.xy) + 0.5) / vec2f(f32(uniforms.width), f32(uniforms.height));
  let dusk = mix(vec3f(1.22, 0.98, 0.96), vec3f(0.84, 0.96, 1.26), e.x * 0.6 + e.y * 0.4);
  let corner = 1.0 - 0.55 * dot(e - 0.5, e - 0.5);
  ground[id.y * uniforms.width + id.x] = pack_rgba(colour * dusk * corner);
}

// x, y in cells from the top left, and the heading's direction, for a place on a link.
fn place_on(cell: u32) -> vec4f {
  let link = cell / uniforms.cells;
  let crossing = link / 4u;
  let heading = link % 4u;
  let forward = vec2f(offset(heading));
  let right = vec2f(-forward.y, forward.x);
  let along = EXIT + f32(cell % uniforms.cells);
  let at = vec2f(f32(crossing % uniforms.across) + 0.5, f32(crossing / uniforms.across) + 0.5);
  return vec4f(at * pitch() + forward * along + right * (0.5 * HALF), forward);
}

fn wrapped(d: vec2f) -> vec2f {
  let size = pitch() * vec2f(f32(uniforms.across), f32(uniforms.down));
  return d - round(d / size) * size;
}

// Where a car is drawn between two seconds: on a line, or on a curve through the crossing.
fn pose(car: vec4u, phase: f32) -> vec4f {
  if (uniforms.roads == RING) {
    let from_place = f32(car.x % uniforms.cells) - f32(car.y) * (1.0 - phase);
    let angle = TAU * (from_place + 0.5) / f32(uniforms.cells);
    let r = ring_radius(f32(car.x / uniforms.cells));
    let out = vec2f(cos(angle), sin(angle));
    let centre = 0.5 * vec2f(f32(uniforms.width), f32(uniforms.height));
    return vec4f((centre + r * out) / cell_pixels(), -out.y, out.x);
  }
  let a = place_on(car.z);
  let b = place_on(car.x);
  let way = wrapped(b.xy - a.xy);
  if (abs(dot(a.zw, b.zw)) > 0.5) { return vec4f(a.xy + way * phase, b.zw); }
  let bend = a.zw * dot(way, a.zw);      // along the old heading to the corner, then the new one
  let t = phase;
  let at = 2.0 * t * (1.0 - t) * bend + t * t * way;
  return vec4f(a.xy + at, normalize(mix(a.zw, b.zw, t)));
}

fn phase_now() -> f32 {
  if (uniforms.step == 0u) { return 1.0; }
  return f32((uniforms.step - 1u) % uniforms.substeps + 1u) / f32(uniforms.substeps);
}

fn speed_colour(v: f32) -> vec3f {
  let slow = vec3f(1.0, 0.13, 0.09);
  let medium = vec3f(1.0, 0.66, 0.16);
  let fast = vec3f(0.42, 1.0, 0.72);
  return select(mix(medium, fast, 2.0 * v - 1.0), mix(slow, medium, 2.0 * v), v < 0.5);
}

// Light that a car sends to a point: f cells in front of its middle, s beside it.
fn car_light(f: f32, s: f32, v: f32, standing: f32) -> vec3f {
  let body = exp(-square(square(f / 0.36)) - square(square(s / 0.23)));
  var cone = 0.0;
  if (f > 0.25) { cone = exp(-square((f - 0.5) / 0.7) - square(s / (0.13 + 0.2 * f))); }
  let rear = exp(-(square(f + 0.42) + square(s) * 1.3) / 0.045);
  let halo = exp(-(f * f + s * s) / 0.28);
  let colour = speed_colour(v);
  return colour * (2.2 * body + 0.14 * halo) + vec3f(1.0, 0.93, 0.72) * (0.40 * cone)
    + vec3f(1.0, 0.08, 0.05) * rear * (0.35 + 0.55 * standing);
}

@compute @workgroup_size(64)
fn shine(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.cars) { return; }
  let car = fleet[id.x];
  let p = pose(car, phase_now());
  let scale = cell_pixels();
  let size = vec2i(i32(uniforms.width), i32(uniforms.height));
  let middle = vec2i(floor(p.xy * scale));
  let reach = i32(ceil(2.1 * max(scale.x, scale.y)));
  let v = f32(car.y) / f32(uniforms.max_speed);
  let standing = select(0.0, 1.0, car.y == 0u);
  for (var y = -reach; y <= reach; y++) {
    for (var x = -reach; x <= reach; x++) {
      let pixel = middle + vec2i(x, y);
      let d = (vec2f(pixel) + 0.5) / scale - p.xy;
      let glow = car_light(dot(d, p.zw), dot(d, vec2f(-p.w, p.z)), v, standing);
      let amount = vec3u(glow * 1024.0);
      if (amount.x + amount.y + amount.z == 0u) { continue; }
      let at = u32((pixel.y % size.y + size.y) % size.y * size.x + (pixel.x % size.x + size.x) % size.x);
      atomicAdd(&light[3u * at], amount.x);
      atomicAdd(&light[3u * at + 1u], amount.y);
      atomicAdd(&light[3u * at + 2u], amount.z);
    }
  }
}

// A bar of light at each stop line, seen by the cars that wait there.
fn lamps(p: vec2f) -> vec3f {
  let blocks = vec2f(f32(uniforms.across), f32(uniforms.down));
  let q = p / vec2f(f32(uniforms.width), f32(uniforms.height)) * blocks;
  let c = (fract(q) - 0.5) * pitch();
  if (max(abs(c.x), abs(c.y)) > 2.2) { return vec3f(0.0); }
  let at = vec2u(q);
  let crossing = at.y * uniforms.across + at.x;
  let second = select((uniforms.step - 1u) / uniforms.substeps, 0u, uniforms.step == 0u);
  var glow = vec3f(0.0);
  for (var heading = 0u; heading < 4u; heading++) {
    let forward = vec2f(offset(heading));
    let f = dot(c, forward) + 1.25;
    let s = dot(c, vec2f(-forward.y, forward.x)) - 0.5 * HALF;
    let d = vec2f(f, max(abs(s) - 0.22, 0.0));
    let state = lamp(crossing, heading, second);
    var colour = vec3f(1.0, 0.10, 0.08);
    if (state == 1u) { colour = vec3f(1.0, 0.66, 0.10); }
    if (state == 2u) { colour = vec3f(0.15, 1.0, 0.45); }
    glow += colour * (2.6 * exp(-dot(d, d) / 0.008) + 0.42 * exp(-dot(d, d) / 0.12));
  }
  return glow;
}

fn unpack(word: u32) -> vec3f {
  return vec3f(f32(word & 255u), f32((word >> 8u) & 255u), f32((word >> 16u) & 255u)) / 255.0;
}

// Space-time picture: places from left to right, time downwards, the newest second at the bottom.
fn space_time(p: vec2u) -> vec3f {
  let age = (uniforms.height - 1u - p.y) * uniforms.rows / uniforms.height;
  let newest = (uniforms.step + uniforms.substeps - 1u) / uniforms.substeps;
  if (age > newest || age >= uniforms.rows) { return vec3f(0.035, 0.04, 0.07); }
  let row = (newest - age) % uniforms.rows;
  let cell = p.x * uniforms.cells / uniforms.width;
  let mark = ground[row * uniforms.cells + cell];
  if (mark == 0u) { return vec3f(0.035, 0.04, 0.07); }
  return speed_colour(f32(mark - 1u) / f32(uniforms.max_speed)) * 0.95;
}

@compute @workgroup_size(8, 8)
fn show(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let i = id.y * uniforms.width + id.x;
  if (uniforms.roads == STRAIGHT) {
    pixels[i] = pack_rgba(space_time(id.xy));
    return;
  }
  var glow = vec3f(
    f32(atomicLoad(&light[3u * i])), f32(atomicLoad(&light[3u * i + 1u])), f32(atomicLoad(&light[3u * i + 2u]))) / 1024.0;
  if (uniforms.roads == CITY) { glow += lamps(vec2f(id.xy) + 0.5); }
  let base = unpack(ground[i]);
  pixels[i] = pack_rgba(base + (1.0 - base) * (1.0 - exp(-glow)));
}
