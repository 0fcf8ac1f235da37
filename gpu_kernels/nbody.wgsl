// Bodies that attract or repel one another; leapfrog in the form kick, drift, kick.
// bodies: place, and what the body does to others (G m, or -k q; 0 for a body without weight).
// motion: velocity, and how strongly the body answers (1, or q / m). force: the field, and the mass.
// record: colour and size of every body, then the tracks of the first TRACKED bodies, then tables.
// measured: results, sums of workgroups, then every body's potential.
// nbody.py writes the constants, `placed` and `attract`; nbody_twin.py holds the NumPy twin.

override first_tile: u32 = 0u;
override last_tile: u32 = 1u;
override kicks: u32 = 0u;

var<workgroup> tile: array<vec4f, 256>;

struct Body {
  at: vec3f,
  velocity: vec3f,
  mass: f32,
  charge: f32,
  colour: vec3f,
  size: f32,
}

// ---- how they begin ----

fn chance(i: u32, k: u32) -> f32 { return random(i, k, 40u); }

// Two normal numbers. Source: Box and Muller, "A Note on the Generation of Random Normal Deviates"
// (1958).
fn normals(i: u32, k: u32) -> vec2f {
  let r = sqrt(-2.0 * log(1.0 - chance(i, k)));
  let angle = TAU * chance(i, k + 1u);
  return r * vec2f(cos(angle), sin(angle));
}

fn direction(i: u32, k: u32) -> vec3f {
  let z = 2.0 * chance(i, k) - 1.0;
  let angle = TAU * chance(i, k + 1u);
  return vec3f(sqrt(max(1.0 - z * z, 0.0)) * vec2f(cos(angle), sin(angle)), z);
}

fn row(first: u32, s: f32) -> vec4f {
  let x = clamp(s, 0.0, 1.0) * f32(ROWS - 1u);
  let k = min(u32(x), ROWS - 2u);
  return mix(record[TABLES + first + k], record[TABLES + first + k + 1u], x - f32(k));
}

// A body that is listed.
fn given(i: u32) -> Body {
  let p = record[TABLES + 3u * i];
  let v = record[TABLES + 3u * i + 1u];
  let c = record[TABLES + 3u * i + 2u];
  return Body(p.xyz, v.xyz, p.w, v.w, c.xyz, c.w);
}

// The k-th of n bodies of an exponential disc. Rows: radius, mean speed round, and the spreads of
// the speed outwards and round; then the spread upwards.
fn disc(i: u32, k: u32, n: u32, first: u32, height: f32) -> Body {
  var b: Body;
  let s = sqrt((f32(k) + chance(i, 0u)) / f32(n));
  let now = row(first, s);
  let up = row(first + ROWS, s);
  let angle = TAU * chance(i, 1u);
  let out = vec2f(cos(angle), sin(angle));
  let round = vec2f(-out.y, out.x);
  let lift = clamp(chance(i, 2u), 1e-4, 1.0 - 1e-4);
  let heat = normals(i, 3u);
  b.at = vec3f(now.x * out, 0.5 * height * log(lift / (1.0 - lift)));
  b.velocity = vec3f(now.z * heat.x * out + (now.y + now.w * heat.y) * round, up.x * normals(i, 5u).x);
  return b;
}

// The k-th of n bodies of a sphere. Rows: radius, spread of each velocity, largest speed.
fn sphere(i: u32, k: u32, n: u32, first: u32) -> Body {
  var b: Body;
  let now = row(first, pow((f32(k) + chance(i, 0u)) / f32(n), 1.0 / 3.0));
  let v = now.y * vec3f(normals(i, 3u), normals(i, 5u).x);
  b.at = now.x * direction(i, 1u);
  b.velocity = v * min(1.0, now.z / max(length(v), 1e-20));
  return b;
}

// Even in a ball, turning round z like a wheel at `spin`, with a little heat.
fn ball(i: u32, k: u32, n: u32, radius: f32, spin: f32, heat: f32) -> Body {
  var b: Body;
  b.at = radius * pow((f32(k) + chance(i, 0u)) / f32(n), 1.0 / 3.0) * direction(i, 1u);
  b.velocity = spin * vec3f(-b.at.y, b.at.x, 0.0) + heat * vec3f(normals(i, 3u), normals(i, 5u).x);
  return b;
}

// On Kepler's ellipses round the origin, of half axes between low and high.
fn belt(i: u32, pull: f32, low: f32, high: f32, eccentricity: f32, tilt: f32) -> Body {
  var b: Body;
  let a = mix(low, high, chance(i, 0u));
  let e = eccentricity * chance(i, 1u);
  let anomaly = TAU * chance(i, 2u);
  let turn = TAU * chance(i, 3u);
  let node = TAU * chance(i, 4u);
  let lean = tilt * chance(i, 5u);
  let c = cos(anomaly);
  let s = sin(anomaly);
  let w = sqrt(1.0 - e * e);
  let speed = sqrt(pull / a) / (1.0 - e * c);
  b.at = tilted(a * vec3f(c - e, w * s, 0.0), turn, lean, node);
  b.velocity = tilted(speed * vec3f(-s, w * c, 0.0), turn, lean, node);
  return b;
}

// Round z, then round x, then round z.
fn tilted(v: vec3f, first: f32, lean: f32, last: f32) -> vec3f {
  let p = vec3f(about(v.xy, first), v.z);
  let q = vec3f(p.x, about(p.yz, lean));
  return vec3f(about(q.xy, last), q.z);
}

fn about(v: vec2f, angle: f32) -> vec2f {
  let c = cos(angle);
  let s = sin(angle);
  return vec2f(c * v.x - s * v.y, s * v.x + c * v.y);
}

// How a star looks: linear RGB, and its size. Brightness varies as it does among stars.
fn brightness_of(i: u32) -> f32 {
  let h = chance(i, 20u);
  return 0.45 + 0.6 * h + 2.4 * h * h * h * h * h * h * h * h;
}

// Gold within, the galaxy's own colour without, and here and there a pink cloud of hydrogen.
fn arms(i: u32, k: u32, n: u32, tint: vec3f) -> vec4f {
  let s = sqrt(f32(k) / f32(n)) + 0.34 * (chance(i, 21u) - 0.5);
  var colour = mix(vec3f(1.0, 0.56, 0.20), tint, smoothstep(0.16, 0.52, s));
  let young = chance(i, 22u);
  if (young < 0.05 && s > 0.35) { return vec4f(1.6 * vec3f(1.0, 0.20, 0.34), 1.35); }
  if (young > 0.93) { colour = mix(colour, vec3f(0.80, 0.90, 1.0), 0.75) * 1.8; }
  return vec4f(colour * brightness_of(i), 1.0);
}

fn old_stars(i: u32) -> vec4f {
  let colour = mix(vec3f(1.0, 0.40, 0.10), vec3f(1.0, 0.68, 0.34), chance(i, 21u));
  return vec4f(colour * (0.36 * brightness_of(i)), 1.0);
}

// From red through gold and white to blue.
fn any_stars(i: u32) -> vec4f {
  let t = chance(i, 21u);
  var colour = mix(vec3f(1.0, 0.30, 0.10), vec3f(1.0, 0.68, 0.32), smoothstep(0.0, 0.45, t));
  colour = mix(colour, vec3f(0.95, 0.92, 1.0), smoothstep(0.45, 0.7, t));
  colour = mix(colour, vec3f(0.32, 0.55, 1.0), smoothstep(0.7, 1.0, t));
  return vec4f(colour * brightness_of(i), 1.0);
}

@compute @workgroup_size(64)
fn place(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= COUNT) { return; }
  let b = placed(i);
  let answer = select(1.0, b.charge / max(b.mass, 1e-30), ELECTRIC);
  let does = select(STRENGTH * b.mass, -STRENGTH * b.charge, ELECTRIC);
  bodies[i] = vec4f(b.at, does);
  motion[i] = vec4f(b.velocity, answer);
  force[i] = vec4f(0.0, 0.0, 0.0, b.mass);
  record[i] = vec4f(b.colour, b.size);
}

// ---- a step ----

// The first half of the kick, and the drift.
@compute @workgroup_size(64)
fn drift(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= COUNT) { return; }
  let v = motion[i].xyz + force[i].xyz * (motion[i].w * 0.5 * uniforms.dt);
  motion[i] = vec4f(v, motion[i].w);
  bodies[i] = vec4f(bodies[i].xyz + v * uniforms.dt, bodies[i].w);
}

// Keep the field of body i; and the second half of the kick when it is complete.
fn settle(i: u32, field: vec3f, goes_on: bool, kick: bool) {
  var total = field;
  if (goes_on) { total += force[i].xyz; }
  force[i] = vec4f(total, force[i].w);
  if (kick) {
    motion[i] = vec4f(motion[i].xyz + total * (motion[i].w * 0.5 * uniforms.dt), motion[i].w);
  }
}

@compute @workgroup_size(64)
fn remember(@builtin(global_invocation_id) id: vec3u) {
  let done = uniforms.step + 1u;
  if (id.x >= TRACKED || done % TRACK_EVERY != 0u) { return; }
  record[COUNT + (done / TRACK_EVERY) % KEPT * TRACKED + id.x] = vec4f(bodies[id.x].xyz, 1.0);
}

@compute @workgroup_size(64)
fn remember_first(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < TRACKED) { record[COUNT + id.x] = vec4f(bodies[id.x].xyz, 1.0); }
}

// ---- energy and momentum ----

var<workgroup> sums: array<vec4f, 384>;

@compute @workgroup_size(64)
fn gather(@builtin(local_invocation_index) lid: u32, @builtin(workgroup_id) group: vec3u) {
  if (uniforms.frame % MEASURE != 0u) { return; }
  var energy = vec4f(0.0);    // kinetic, potential, bodies without a place, weighed bodies
  var push = vec4f(0.0);      // momentum; sum of its sizes
  var swing = vec4f(0.0);     // angular momentum; sum of the largest it could be
  var first = vec4f(0.0);     // middles of two groups
  var second = vec4f(0.0);
  var spread = vec4f(0.0);    // mass, mass times distance squared
  for (var i = group.x * 64u + lid; i < COUNT; i += 4096u) {
    let x = bodies[i].xyz;
    let v = motion[i].xyz;
    let m = force[i].w;
    if (!(is_finite(dot(x, x)) && is_finite(dot(v, v)))) {
      energy.z += 1.0;
      continue;
    }
    energy += vec4f(0.5 * m * dot(v, v), -0.5 * m * motion[i].w * measured[PHI + i], 0.0, 1.0);
    push += m * vec4f(v, length(v));
    swing += m * vec4f(cross(x, v), length(x) * length(v));
    if (i >= FIRST_MIDDLE.x && i < FIRST_MIDDLE.y) { first += vec4f(x, 1.0); }
    if (i >= SECOND_MIDDLE.x && i < SECOND_MIDDLE.y) { second += vec4f(x, 1.0); }
    spread += vec4f(m, m * dot(x, x), 0.0, 0.0);
  }
  sums[lid * 6u] = energy;
  sums[lid * 6u + 1u] = push;
  sums[lid * 6u + 2u] = swing;
  sums[lid * 6u + 3u] = first;
  sums[lid * 6u + 4u] = second;
  sums[lid * 6u + 5u] = spread;
  workgroupBarrier();
  if (lid < 6u) {
    var total = vec4f(0.0);
    for (var k = 0u; k < 64u; k++) { total += sums[k * 6u + lid]; }
    let at = 32u + (group.x * 6u + lid) * 4u;
    for (var c = 0u; c < 4u; c++) { measured[at + c] = total[c]; }
  }
}

@compute @workgroup_size(64)
fn add_up(@builtin(local_invocation_index) lid: u32) {
  if (uniforms.frame % MEASURE != 0u || lid >= 24u) { return; }
  var total = 0.0;
  for (var k = 0u; k < 64u; k++) { total += measured[32u + k * 24u + lid]; }
  measured[lid] = total;
}

// ---- the picture ----

fn stage(p: vec3f) -> vec3f {
  let q = vec3f(p.x, p.z, -p.y);
  if (!LOGARITHMIC) { return q / uniforms.reach; }
  let r = length(q);
  if (r == 0.0) { return q; }
  return q / r * (log(1.0 + r / LOG_FROM) / log(1.0 + uniforms.reach / LOG_FROM));
}

@compute @workgroup_size(64)
fn stars(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= COUNT) { return; }
  let look = record[i];
  if (i < DISCS) { record[PINS + i] = vec4f(0.0); }
  if (look.w <= 0.0) { return; }
  let seen = project(stage(bodies[i].xyz));
  if (!(seen.z > 0.1)) { return; }
  let near = nearness(seen.z);
  let colour = colour_of(i, look.xyz);
  if (i < DISCS) {
    let wide = look.w * uniforms.size * mix(1.0, near, 0.5) * side() / 512.0;
    planet(seen.xy, wide, colour);
    record[PINS + i] = vec4f(trunc(seen.xy + vec2f(1.5 * wide + 4.0 * LETTERS, -4.0 * LETTERS)), 0.0, 1.0);
    return;
  }
  let r = look.w * uniforms.size * near * side() / 512.0;
  add_light(seen.xy, r, colour * uniforms.brightness);
}

// The light of the many stars that one body stands for; a pass of its own, as the wide ones among the
// small ones would keep all waiting.
@compute @workgroup_size(64)
fn haze(@builtin(global_invocation_id) id: vec3u) {
  let i = HAZE * id.x;
  if (i >= COUNT || i < DISCS) { return; }
  let look = record[i];
  if (look.w <= 0.0) { return; }
  let seen = project(stage(bodies[i].xyz));
  if (!(seen.z > 0.1)) { return; }
  let r = look.w * uniforms.size * nearness(seen.z) * side() / 512.0;
  add_light(seen.xy, 6.5 * r, colour_of(i, look.xyz) * (uniforms.brightness * uniforms.haze * HAZE_LIGHT));
}

fn nearness(depth: f32) -> f32 { return clamp(uniforms.distance / depth, 0.25, 3.0); }

fn colour_of(i: u32, look: vec3f) -> vec3f {
  if (!BY_SPEED) { return look; }
  let fast = length(motion[i].xyz) / uniforms.fastest;
  let light = max(look.x, max(look.y, look.z));
  return linear(palette(0.15 + 0.85 * clamp(fast, 0.0, 1.0))) * (light * (1.1 + clamp(fast, 0.0, 1.5)));
}

// A bright disc with a hot middle and a wide, soft glow.
fn planet(at: vec2f, r: f32, colour: vec3f) {
  add_light(at, 7.0 * r, colour * 0.10);
  add_light(at, 3.0 * r, colour * 0.45);
  add_light(at, 1.5 * r, colour * 2.5 + 0.5);
}

fn dim(colour: vec3f) -> vec3f {
  return colour / max(max(colour.x, max(colour.y, colour.z)), 1e-6);
}

// One piece of a track: from where a body was to where it was a little later.
@compute @workgroup_size(64)
fn trace(@builtin(global_invocation_id) id: vec3u) {
  let body = id.x % max(TRACKED, 1u);
  let age = id.x / max(TRACKED, 1u);
  let newest = uniforms.step / TRACK_EVERY;
  if (age >= min(newest + 1u, KEPT - 1u)) { return; }
  let now = newest - age;
  var from_place = bodies[body].xyz;
  var to_place = record[COUNT + newest % KEPT * TRACKED + body].xyz;
  if (age > 0u) {
    from_place = record[COUNT + (now + 1u) % KEPT * TRACKED + body].xyz;
    to_place = record[COUNT + now % KEPT * TRACKED + body].xyz;
  }
  let a = project(stage(from_place));
  let b = project(stage(to_place));
  if (!(a.z > 0.1 && b.z > 0.1)) { return; }
  let fresh = 1.0 - f32(age) / f32(KEPT - 1u);
  let wide = uniforms.size * side() / 512.0;
  add_line(a.xy, b.xy, 1.2 * wide, dim(record[body].xyz) * (0.8 * uniforms.trail * fresh * fresh));
}

// The ellipse on which a body would go without the others.
@compute @workgroup_size(64)
fn orbit(@builtin(global_invocation_id) id: vec3u) {
  let body = id.x / 128u;
  if (body >= ORBITS) { return; }
  let a = project(stage(on_orbit(body, f32(id.x % 128u) / 128.0)));
  let b = project(stage(on_orbit(body, f32(id.x % 128u + 1u) / 128.0)));
  if (!(a.z > 0.1 && b.z > 0.1)) { return; }
  let colour = dim(record[body + 1u].xyz) * (0.16 * uniforms.trail);
  add_line(a.xy, b.xy, side() / 512.0, colour);
}

fn on_orbit(body: u32, share: f32) -> vec3f {
  let first = TABLES + 3u * DISCS + 3u * body;
  let centre = record[first].xyz;
  let u = record[first + 1u].xyz;
  let v = record[first + 2u].xyz;
  return bodies[0].xyz + centre + cos(TAU * share) * u + sin(TAU * share) * v;
}

// Deep space: darker towards the corners, with far stars that stand still.
fn ground_at(at: vec2i) -> vec3f {
  let e = (vec2f(at) + 0.5 - 0.5 * vec2f(f32(WIDE), f32(HIGH))) / side();
  var colour = linear(uniforms.background.xyz) * (0.35 + 0.65 * exp(-1.8 * dot(e, e)));
  let p = (vec2f(at) + 0.5) / side() * 26.0;
  let cell = floor(p);
  let a = u32(cell.x);
  let b = u32(cell.y);
  let bright = random(a, b, 50u);
  if (bright < 0.68) { return colour; }
  let star = cell + 0.15 + 0.7 * vec2f(random(a, b, 51u), random(a, b, 52u));
  let d = (p - star) * side() / (26.0 * max(0.9, side() / 620.0));
  let tint = mix(vec3f(1.0, 0.82, 0.62), vec3f(0.65, 0.80, 1.0), random(a, b, 53u));
  let size = (bright - 0.68) / 0.32;
  return colour + tint * (uniforms.sky * (0.03 + 0.4 * size * size * size * size) * exp(-dot(d, d)));
}
