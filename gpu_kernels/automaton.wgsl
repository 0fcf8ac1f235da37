// Cellular automata on a grid of `columns` x `rows`. A word holds a cell's state in its lower half
// and, in its upper half, for how many steps it has had that state; in the sandpile it is the number
// of grains. counters: 0 and 1 what the probes show, 2 cells in a state that does not exist (counted
// anew every frame), 3 a running sum: the grains lost, or the Ising energy by its changes.

const LIFE: u32 = 0u;
const CYCLIC: u32 = 1u;
const FIRE: u32 = 2u;
const SANDPILE: u32 = 3u;
const ISING: u32 = 4u;
const ELEMENTARY: u32 = 5u;
const CUSTOM: u32 = 6u;
const OUTSIDE: u32 = 0xffffffffu;

override parity: u32 = 0;

fn index_of(x: i32, y: i32) -> u32 {
  let size = vec2i(i32(uniforms.columns), i32(uniforms.rows));
  if (x >= 0 && y >= 0 && x < size.x && y < size.y) { return u32(y * size.x + x); }
  if (uniforms.periodic == 0u) { return OUTSIDE; }
  return u32((y + size.y) % size.y * size.x + (x + size.x) % size.x);
}

// The word at x, y; beyond a dead boundary 0.
fn word(x: i32, y: i32) -> u32 {
  let i = index_of(x, y);
  return select(0u, cells[min(i, arrayLength(&cells) - 1u)], i != OUTSIDE);
}

fn state(x: i32, y: i32) -> u32 { return word(x, y) & 0xffffu; }

fn aged(old: u32, now: u32) -> u32 {
  let age = min((old >> 16u) + 1u, 0xffffu);
  return now | select(0u, age << 16u, (old & 0xffffu) == now);
}

// How many of the eight neighbours are in `wanted`.
fn neighbours(x: i32, y: i32, wanted: u32) -> u32 {
  var count = 0u;
  for (var dy = -1; dy <= 1; dy++) {
    for (var dx = -1; dx <= 1; dx++) {
      let i = index_of(x + dx, y + dy);
      if ((dx != 0 || dy != 0) && i != OUTSIDE && (cells[i] & 0xffffu) == wanted) { count++; }
    }
  }
  return count;
}

@compute @workgroup_size(8, 8)
fn begin(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.columns || id.y >= uniforms.rows) { return; }
  let i = id.y * uniforms.columns + id.x;
  let chance = random(i, 0u, 100u);
  var value = select(0u, 1u, chance < uniforms.density);
  if (uniforms.kind == CYCLIC) {
    value = min(u32(chance * f32(uniforms.states)), uniforms.states - 1u);
  }
  if (uniforms.kind == SANDPILE) { value = u32(chance * 4.0 * uniforms.density); }
  if (uniforms.kind == ELEMENTARY && id.y > 0u) { value = 0u; }
  if (FORMULA_START) { value = as_state(initial_state(vec2i(id.xy), 0.0, chance)); }
  if (uniforms.seeded == 1u) {
    let centre = vec2u(uniforms.columns / 2u, select(uniforms.rows / 2u, 0u, uniforms.kind == ELEMENTARY));
    let mark = pattern_at(vec2i(id.xy) - vec2i(centre));
    if (uniforms.kind == FIRE) {
      value = select(value, 2u, mark == 1u);
    } else if (uniforms.kind == SANDPILE) {
      value = select(0u, uniforms.grains, mark == 1u);
    } else if (uniforms.kind == ISING) {
      value = 1u;
    } else {
      value = mark;
    }
  }
  cells[i] = value;
}

// Life-like rules with dying states: birth and survival are sets of neighbour counts, as bits.
@compute @workgroup_size(8, 8)
fn live(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.columns || id.y >= uniforms.rows) { return; }
  let i = id.y * uniforms.columns + id.x;
  let old = cells[i];
  let now = old & 0xffffu;
  let count = neighbours(i32(id.x), i32(id.y), 1u);
  var next = 0u;
  if (now == 0u) {
    next = (uniforms.birth >> count) & 1u;
  } else if (now == 1u && ((uniforms.survival >> count) & 1u) == 1u) {
    next = 1u;
  } else {
    next = (now + 1u) % uniforms.states;
  }
  cells_next[i] = aged(old, next);
}

// A cell moves on when enough neighbours are already there. Source: Fisch, Gravner and Griffeath,
// Statistics and Computing 1 (1991) 23.
@compute @workgroup_size(8, 8)
fn chase(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.columns || id.y >= uniforms.rows) { return; }
  let i = id.y * uniforms.columns + id.x;
  let old = cells[i];
  let now = old & 0xffffu;
  let next = (now + 1u) % uniforms.states;
  let go = neighbours(i32(id.x), i32(id.y), next) >= uniforms.threshold;
  cells_next[i] = aged(old, select(now, next, go));
}

// Source: Drossel and Schwabl, Phys. Rev. Lett. 69 (1992) 1629.
@compute @workgroup_size(8, 8)
fn burn(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.columns || id.y >= uniforms.rows) { return; }
  let x = i32(id.x);
  let y = i32(id.y);
  let i = id.y * uniforms.columns + id.x;
  let old = cells[i];
  let now = old & 0xffffu;
  let chance = random(i, uniforms.step, 0u);
  var next = 0u;
  if (now == 0u) {
    next = select(0u, 1u, chance < uniforms.growth);
  } else if (now == 1u) {
    let near = state(x - 1, y) == 2u || state(x + 1, y) == 2u || state(x, y - 1) == 2u || state(x, y + 1) == 2u;
    next = select(1u, 2u, near || chance < uniforms.lightning);
  }
  cells_next[i] = aged(old, next);
}

// All cells topple at once; what leaves the grid is counted. Source: Bak, Tang and Wiesenfeld,
// Phys. Rev. Lett. 59 (1987) 381.
@compute @workgroup_size(8, 8)
fn topple(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.columns || id.y >= uniforms.rows) { return; }
  let x = i32(id.x);
  let y = i32(id.y);
  let i = id.y * uniforms.columns + id.x;
  let own = cells[i];
  let moved = own / 4u;
  let lost = select(0u, 1u, index_of(x - 1, y) == OUTSIDE) + select(0u, 1u, index_of(x + 1, y) == OUTSIDE)
    + select(0u, 1u, index_of(x, y - 1) == OUTSIDE) + select(0u, 1u, index_of(x, y + 1) == OUTSIDE);
  if (lost * moved > 0u) { atomicAdd(&counters[3], i32(lost * moved)); }
  var grains = own % 4u + word(x - 1, y) / 4u + word(x + 1, y) / 4u + word(x, y - 1) / 4u + word(x, y + 1) / 4u;
  var place = uniforms.rows / 2u * uniforms.columns + uniforms.columns / 2u;
  if (uniforms.seeded == 0u) { place = random_bits(uniforms.step, 0u, 3u) % (uniforms.columns * uniforms.rows); }
  if (i == place) { grains += uniforms.drop; }
  cells_next[i] = grains;
}

// The grid of an Ising model is cut into TILES x TILES lattices, each joined to itself.
fn tile_of(x: i32, y: i32) -> vec2i { return vec2i(x / i32(TILE_COLUMNS), y / i32(TILE_ROWS)); }

fn tile_share(tile: vec2i) -> f32 {
  return f32(u32(tile.y) * TILES + u32(tile.x)) / f32(max(TILES * TILES, 2u) - 1u);
}

// The spin of a cell of this tile or, around its edges, of the other side; beyond a dead one 0.
fn spin_in(tile: vec2i, x: i32, y: i32) -> i32 {
  let size = vec2i(i32(TILE_COLUMNS), i32(TILE_ROWS));
  let low = tile * size;
  let at = vec2i(x, y) - low;
  let outside = any(at < vec2i(0)) || any(at >= size);
  if (outside && uniforms.periodic == 0u) { return 0; }
  let inside = at + select(vec2i(0), size, at < vec2i(0)) - select(vec2i(0), size, at >= size);
  return spin_at(u32((low.y + inside.y) * i32(uniforms.columns) + low.x + inside.x));
}

fn spin_at(i: u32) -> i32 { return 2 * i32(cells[i] & 1u) - 1; }

// The sum of the four nearest spins.
fn around(tile: vec2i, x: i32, y: i32) -> i32 {
  if (uniforms.periodic == 0u) {
    return spin_in(tile, x - 1, y) + spin_in(tile, x + 1, y) + spin_in(tile, x, y - 1) + spin_in(tile, x, y + 1);
  }
  let i = u32(y) * uniforms.columns + u32(x);
  let column = u32(x) - u32(tile.x) * TILE_COLUMNS;
  let row = u32(y) - u32(tile.y) * TILE_ROWS;
  let down = uniforms.columns;
  let left = i + select(0u, TILE_COLUMNS, column == 0u) - 1u;
  let right = i + 1u - select(0u, TILE_COLUMNS, column == TILE_COLUMNS - 1u);
  let upper = i + select(0u, TILE_ROWS * down, row == 0u) - down;
  let lower = i + down - select(0u, TILE_ROWS * down, row == TILE_ROWS - 1u);
  return spin_at(left) + spin_at(right) + spin_at(upper) + spin_at(lower);
}

// Metropolis on one colour of the checkerboard: no two updated spins are neighbours.
// Source: Metropolis et al., J. Chem. Phys. 21 (1953) 1087.
@compute @workgroup_size(64)
fn flip(@builtin(global_invocation_id) id: vec3u) {
  let column = 2u * id.x + ((id.y + parity) & 1u);
  if (column >= uniforms.columns) { return; }
  let x = i32(column);
  let y = i32(id.y);
  let i = id.y * uniforms.columns + column;
  let old = cells[i];
  let now = old & 0xffffu;
  let tile = tile_of(x, y);
  let change = 2 * (2 * i32(now) - 1) * around(tile, x, y);
  let chance = random(i, uniforms.step, 0u);
  let accepted = change <= 0 || chance < exp(-f32(change) / temperature_at(tile_share(tile)));
  if (accepted && change != 0) { moved(change); }
  cells[i] = aged(old, select(now, 1u - now, accepted));
}

fn moved(change: i32) { if (TILES == 1u) { atomicAdd(&counters[3], change); } }

// One row from the row before; the number's bits are the rule (Wolfram's numbering).
@compute @workgroup_size(64)
fn unroll(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.columns) { return; }
  let x = i32(id.x);
  let y = i32(uniforms.step % uniforms.rows);
  var left = state(x - 1, y);
  var right = state(x + 1, y);
  let key = (left << 2u) | (state(x, y) << 1u) | right;
  let to = (uniforms.step + 1u) % uniforms.rows;
  cells[to * uniforms.columns + id.x] = (uniforms.number >> key) & 1u;
}

@compute @workgroup_size(64)
fn first_energy(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < uniforms.rows) { moved(row_energy(id.x)); }
}

fn row_energy(row: u32) -> i32 {
  let y = i32(row);
  var energy = 0;
  for (var x = 0; x < i32(uniforms.columns); x++) {
    let tile = tile_of(x, y);
    energy -= spin_in(tile, x, y) * (spin_in(tile, x + 1, y) + spin_in(tile, x, y + 1));
  }
  return energy;
}

// A formula's next state; what is no state at all becomes one that does not exist.
fn as_state(value: f32) -> u32 {
  return select(0xffffu, u32(clamp(round(value), 0.0, 65534.0)), is_finite(value) && value > -0.5);
}

@compute @workgroup_size(8, 8)
fn apply(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.columns || id.y >= uniforms.rows) { return; }
  let i = id.y * uniforms.columns + id.x;
  let old = cells[i];
  let value = next_state(vec2i(id.xy), f32(old & 0xffffu), random(i, uniforms.step, 0u));
  cells_next[i] = aged(old, as_state(value));
}

@compute @workgroup_size(1)
fn forget() {
  for (var i = 0u; i < 3u; i++) { atomicStore(&counters[i], 0); }
}

// One thread counts one row.
@compute @workgroup_size(64)
fn count(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.rows) { return; }
  if (uniforms.kind == ELEMENTARY && id.x != uniforms.step % uniforms.rows) { return; }
  var first = 0;
  var second = 0;
  var invalid = 0;
  for (var x = 0u; x < uniforms.columns; x++) {
    let w = cells[id.x * uniforms.columns + x];
    let now = w & 0xffffu;
    if (uniforms.kind == SANDPILE) {
      first += i32(w);
    } else {
      first += select(0, 1, now == 1u);
      second += select(0, 1, now == 2u);
      invalid += select(0, 1, now >= uniforms.states);
    }
  }
  if (uniforms.kind == ISING) {
    first = 2 * first - i32(uniforms.columns);
    second = row_energy(id.x);
  }
  atomicAdd(&counters[0], first);
  atomicAdd(&counters[1], second);
  atomicAdd(&counters[2], invalid);
}

// ---- the picture ----

fn life_colour(x: i32, y: i32, w: u32) -> vec3f {
  let now = w & 0xffffu;
  let age = f32(w >> 16u);
  let glow = f32(neighbours(x, y, 1u)) / 8.0;
  var colour = vec3f(0.016, 0.024, 0.055) + palette(0.45) * 0.20 * glow;
  if (now == 1u) { return palette(0.62 + 0.38 * exp(-age / 6.0)); }
  if (now > 1u) {
    let t = 1.0 - f32(now - 1u) / f32(uniforms.states - 1u);
    return palette(0.14 + 0.46 * t);
  }
  // What died a while ago still glimmers; a cell that never lived has no such past.
  if (age < f32(uniforms.step)) { colour += palette(0.30) * 0.55 * exp(-age / 14.0); }
  return colour;
}

fn fire_colour(x: i32, y: i32, w: u32) -> vec3f {
  let now = w & 0xffffu;
  let age = f32(w >> 16u);
  let i = u32(y) * uniforms.columns + u32(x);
  let grain = random(i, 7u, 101u);
  let glow = f32(neighbours(x, y, 2u)) / 8.0;
  if (now == 2u) { return mix(vec3f(1.0, 0.55, 0.10), vec3f(1.0, 0.96, 0.62), grain); }
  var colour = vec3f(0.075, 0.058, 0.052) * (0.7 + 0.6 * grain);
  if (now == 1u) {
    let grown = 1.0 - exp(-age / 40.0);
    colour = mix(vec3f(0.30, 0.52, 0.16), vec3f(0.05, 0.26, 0.13), grown) * (0.75 + 0.45 * grain);
  } else if (age < f32(uniforms.step)) {
    colour += vec3f(0.95, 0.22, 0.04) * exp(-age / 3.5) + vec3f(0.12, 0.10, 0.10) * exp(-age / 30.0);
  }
  return colour + vec3f(1.0, 0.42, 0.08) * 0.9 * glow;
}

fn sand_colour(grains: u32) -> vec3f {
  if (grains == 0u) { return vec3f(0.030, 0.040, 0.100); }
  if (grains == 1u) { return vec3f(0.085, 0.300, 0.480); }
  if (grains == 2u) { return vec3f(0.960, 0.720, 0.330); }
  if (grains == 3u) { return vec3f(0.720, 0.180, 0.250); }
  return vec3f(1.0, 0.97, 0.88);
}

fn ising_colour(x: i32, y: i32, w: u32) -> vec3f {
  let age = f32(w >> 16u);
  let up = (w & 0xffffu) == 1u;
  let tile = tile_of(x, y);
  let near = f32(around(tile, x, y)) * 0.25;
  let own = select(-1.0, 1.0, up);
  let still = 1.0 - exp(-age / 25.0);
  let warm = mix(vec3f(1.0, 0.80, 0.45), vec3f(0.93, 0.47, 0.20), still);
  let cool = mix(vec3f(0.20, 0.34, 0.66), vec3f(0.060, 0.095, 0.265), still);
  let wall = 0.5 * (1.0 - own * near);
  let at = vec2i(x, y) - tile * vec2i(i32(TILE_COLUMNS), i32(TILE_ROWS));
  let seam = TILES > 1u && (at.x == 0 || at.y == 0);
  return (select(cool, warm, up) + vec3f(0.16, 0.18, 0.24) * wall) * select(1.0, 0.25, seam);
}

fn strip_colour(x: u32, y: u32) -> vec3f {
  let oldest = select(0u, uniforms.step + 1u - uniforms.rows, uniforms.step + 1u > uniforms.rows);
  let moment = oldest + y;
  let dark = vec3f(0.020, 0.022, 0.050);
  if (moment > uniforms.step) { return dark; }
  let row = moment % uniforms.rows;
  if (cells[row * uniforms.columns + x] == 0u) { return dark * 1.6; }
  let wave = abs(fract(f32(moment) / 180.0) * 2.0 - 1.0);
  let side = abs(f32(x) / f32(uniforms.columns) * 2.0 - 1.0);
  return palette(0.48 + 0.30 * wave + 0.18 * (1.0 - side));
}

fn state_colour(now: u32) -> vec3f {
  if (now >= uniforms.states) { return vec3f(1.0, 0.0, 1.0); }
  return palette(0.08 + 0.84 * f32(now) / f32(uniforms.states - 1u));
}

fn cell_colour(x: u32, y: u32) -> vec3f {
  let w = cells[y * uniforms.columns + x];
  let at = vec2i(i32(x), i32(y));
  if (uniforms.kind == LIFE) { return life_colour(at.x, at.y, w); }
  if (uniforms.kind == CUSTOM) { return state_colour(w & 0xffffu); }
  if (uniforms.kind == CYCLIC) { return palette(f32(w & 0xffffu) / f32(uniforms.states)); }
  if (uniforms.kind == FIRE) { return fire_colour(at.x, at.y, w); }
  if (uniforms.kind == SANDPILE) { return sand_colour(w); }
  if (uniforms.kind == ISING) { return ising_colour(at.x, at.y, w); }
  return strip_colour(x, y);
}

// Every cell's colour, once, into the buffer that the next step overwrites.
@compute @workgroup_size(8, 8)
fn colour(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.columns || id.y >= uniforms.rows) { return; }
  cells_next[id.y * uniforms.columns + id.x] = pack_rgba(cell_colour(id.x, id.y));
}

@compute @workgroup_size(8, 8)
fn show(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let x = id.x * uniforms.columns / uniforms.width;
  let y = id.y * uniforms.rows / uniforms.height;
  let shade = cells_next[y * uniforms.columns + x];
  // Large cells get a thin seam on their right and lower side.
  let seam = (id.x + 1u) * uniforms.columns / uniforms.width != x || (id.y + 1u) * uniforms.rows / uniforms.height != y;
  var out = shade;
  if (seam && uniforms.width >= 5u * uniforms.columns) {
    let parts = vec3f(f32(shade & 255u), f32((shade >> 8u) & 255u), f32((shade >> 16u) & 255u));
    out = pack_rgba(parts * (0.72 / 255.0));
  }
  pixels[id.y * uniforms.width + id.x] = out;
}
