// People who walk: each wants to go somewhere at a speed, keeps away from others and from walls, and is
// pushed and rubbed where bodies touch. Constants of contact: Helbing, Farkas and Vicsek (2000), for
// 80 kg.

const STIFFNESS: f32 = 1500.0;     // 1/s²
const RUBBING: f32 = 3000.0;       // 1/(m s)
const BEHIND: f32 = 0.15;          // how much one minds those behind

// A place of one's own in the area of the start.
fn standing(i: u32) -> vec4f {
  let places = LATTICE.x * LATTICE.y;
  let place = (i * STRIDE + 7u) % places;
  let cell = START_AREA.zw / vec2f(LATTICE);
  let free = max(0.5 * cell - 1.02 * BODY, vec2f(0.0));
  let shift = vec2f(random(i, 0u, 5u), random(i, 0u, 6u)) * 2.0 - 1.0;
  let at = vec2f(f32(place % LATTICE.x), f32(place / LATTICE.x)) + 0.5;
  var p = START_AREA.xy + at * cell + free * shift;
  for (var k = 0u; k < DISC_COUNT; k++) {
    let from_middle = p - disc(k).xy;
    if (length(from_middle) < disc(k).z + BODY) {
      p = disc(k).xy + unit_of(from_middle) * (disc(k).z + BODY);
    }
  }
  return vec4f(p, 0.0, 0.0);
}

// Some walk faster than others.
fn wanted_speed(i: u32) -> f32 { return uniforms.speed * (0.85 + 0.3 * random(i, 0u, 8u)); }

fn wanted_direction(i: u32, p: vec2f) -> vec2f {
  if (SCENE == 1u) { return vec2f(select(-1.0, 1.0, i % 2u == 0u), 0.0); }
  if (SCENE == 2u) { return select(vec2f(0.0, 1.0), vec2f(1.0, 0.0), i % 2u == 0u); }
  if (p.x > DOOR_X) { return vec2f(1.0, 0.0); }
  let free = max(DOOR - 1.2 * BODY, 0.0);
  return unit_of(vec2f(DOOR_X + 0.15, clamp(p.y, -free, free)) - p);
}

// A push away from something at the distance `gap`, in the direction n, that passes with velocity `slip`.
fn push(n: vec2f, gap: f32, slip: vec2f, regard: f32) -> vec2f {
  let depth = max(-gap, 0.0);
  let along = vec2f(-n.y, n.x);
  let rub = min(RUBBING * depth, 0.12 / uniforms.dt);
  return n * (uniforms.repulsion * regard * exp(-gap / uniforms.reach) + STIFFNESS * depth)
    + along * (rub * dot(slip, along));
}

fn nearest_of(w: vec4f, p: vec2f) -> vec2f {
  let along = w.zw - w.xy;
  let t = dot(p - w.xy, along) / max(dot(along, along), 1e-9);
  return w.xy + clamp(t, 0.0, 1.0) * along;
}

fn crosses(w: vec4f, p: vec2f, q: vec2f) -> bool {
  let along = w.zw - w.xy;
  let path = q - p;
  let a = along.x * (p.y - w.y) - along.y * (p.x - w.x);
  let b = along.x * (q.y - w.y) - along.y * (q.x - w.x);
  let c = path.x * (w.y - p.y) - path.y * (w.x - p.x);
  let d = path.x * (w.w - p.y) - path.y * (w.z - p.x);
  return a * b < 0.0 && c * d < 0.0;
}

fn crowding(me: vec4f, block: Block, looking: vec2f) -> vec3f {
  let radius = min(uniforms.radius, REACH);
  var force = vec2f(0.0);
  var deepest = 0.0;
  for (var row = block.low.y; row <= block.high.y; row++) {
    let run = grid_run(block, row);
    let count = min(run.count, MOST);
    for (var k = 0u; k < count; k++) {
      var slot = run.first + k;
      if (GRID_WRAPS_X) { slot -= select(0u, run.back, slot >= run.end); }
      let other = sorted[slot];
      let d = between(other.xy, me.xy);
      let apart = dot(d, d);
      if (apart < radius * radius && apart > 1e-12) {
        let n = unit_of(d);
        let gap = sqrt(apart) - 2.0 * BODY;
        deepest = max(deepest, -gap);
        let regard = BEHIND + (1.0 - BEHIND) * 0.5 * (1.0 - dot(n, looking));
        force += push(n, gap, other.zw - me.zw, regard);
      }
    }
  }
  return vec3f(force, deepest);
}

@compute @workgroup_size(16)
fn walk(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  if (group.x * 16u >= grid_total()) { return; }
  let block = around(group.x, 16u, lane);
  let slot = group.x * 16u + lane;
  if (slot >= grid_total()) { return; }
  let i = grid_number(slot);
  let me = sorted[slot];
  let p = me.xy;
  let v = me.zw;
  let wish = turned_by(wanted_direction(i, p), uniforms.noise * chance(i));
  let felt = crowding(me, block, wish);
  var force = (wanted_speed(i) * wish - v) / uniforms.relaxation + felt.xy;
  for (var k = 0u; k < WALL_COUNT; k++) {
    let d = p - nearest_of(wall(k), p);
    force += push(unit_of(d), length(d) - BODY, -v, 1.0);
  }
  for (var k = 0u; k < DISC_COUNT; k++) {
    let d = between(disc(k).xy, p);
    force += push(unit_of(d), length(d) - disc(k).z - BODY, -v, 1.0);
  }
  if (STEERED) { force += steering(p, v, uniforms.time); }
  force *= min(1.0, uniforms.turn / max(length(force), 1e-6));
  var next = v + force * uniforms.dt;
  next *= min(1.0, uniforms.speed_max / max(length(next), 1e-6));
  var after = p + next * uniforms.dt;
  for (var k = 0u; k < WALL_COUNT; k++) {
    if (crosses(wall(k), p, after)) { atomicAdd(&accum[counter(CROSSED)], 1); }
  }
  if (SCENE == 0u && p.x < DOOR_X && after.x >= DOOR_X) { atomicAdd(&accum[counter(PASSED)], 1); }
  // Those who stood where a disc is were put at its edge and need a second to make room.
  let settled = DISC_COUNT == 0u || uniforms.time > 1.0;
  if (settled && felt.z > 0.1 * BODY) { atomicMax(&accum[counter(OVERLAP)], fixed(felt.z / (2.0 * BODY))); }
  after -= WRAPS * WORLD * round(after / WORLD);
  if (SCENE == 0u && after.x > 0.5 * WORLD.x + 1.0) { after = vec2f(2e30, 0.0); }
  agents[i] = vec4f(after, next);
}
