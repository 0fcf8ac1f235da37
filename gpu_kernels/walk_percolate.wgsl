// Site percolation: cells that are open for one probability after another, and what hangs together.
// Source of the labels: union by atomic minimum, as in Komura, "GPU-based cluster-labeling algorithm
// without the use of conventional iteration", Comp. Phys. Comm. 194, 54 (2015).
// labels: the first cell of a cluster (CLOSED where nothing is); sizes: of a cluster at its first cell,
// bit 31 where it meets the top row, bit 30 the bottom one.
// tally: 0 open cells, 1 largest cluster, 2 largest that spans, 3 clusters, 4 level in 65,536ths.

const CLOSED: u32 = 0xffffffffu;
const TOP: u32 = 0x80000000u;
const BOTTOM: u32 = 0x40000000u;
const COUNT: u32 = 0x3fffffffu;

fn level() -> u32 {
  let steps = max(FRAMES - 1u, 1u);
  return LEVEL_FIRST + ((LEVEL_LAST - LEVEL_FIRST) * min(uniforms.frame, steps)) / steps;
}

fn open_cell(i: u32) -> bool { return (random_bits(i, 0u, 21u) >> 16u) < level(); }

// One row an invocation: a run of open cells is labelled by its first.
@compute @workgroup_size(16)
fn label_rows(@builtin(global_invocation_id) id: vec3u) {
  if (id.x == 0u) {
    for (var k = 0u; k < 4u; k++) { atomicStore(&tally[k], 0u); }
    atomicStore(&tally[4], level());
  }
  if (id.x >= CELLS) { return; }
  var run = CLOSED;
  for (var x = 0u; x < CELLS; x++) {
    let i = id.x * CELLS + x;
    run = select(CLOSED, min(run, i), open_cell(i));
    atomicStore(&labels[i], run);
    atomicStore(&sizes[i], 0u);
  }
}

fn find(start: u32) -> u32 {
  var a = start;
  for (var k = 0; k < 20000; k++) {
    let up = atomicLoad(&labels[a]);
    if (up == a) { break; }
    a = up;
  }
  return a;
}

fn join(one: u32, other: u32) {
  var a = find(one);
  var b = find(other);
  for (var k = 0; k < 20000; k++) {
    if (a == b) { break; }
    let high = max(a, b);
    let low = min(a, b);
    let old = atomicMin(&labels[high], low);
    if (old == high) { break; }
    a = find(old);
    b = find(low);
  }
}

fn is_open(i: u32) -> bool { return atomicLoad(&labels[i]) != CLOSED; }

@compute @workgroup_size(64)
fn join_rows(@builtin(global_invocation_id) id: vec3u) {
  let x = id.x;
  let y = id.y;
  if (x >= CELLS || y + 1u >= CELLS) { return; }
  let i = y * CELLS + x;
  if (!is_open(i)) { return; }
  let below = i + CELLS;
  // Of two runs that touch along a stretch, its first cell is enough.
  let before = x > 0u && is_open(i - 1u) && is_open(below - 1u);
  if (is_open(below) && !before) { join(i, below); }
  if (DIAGONAL) {
    if (x > 0u && is_open(below - 1u)) { join(i, below - 1u); }
    if (x + 1u < CELLS && is_open(below + 1u)) { join(i, below + 1u); }
  }
}

@compute @workgroup_size(64)
fn name_clusters(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= CELLS || id.y >= CELLS) { return; }
  let i = id.y * CELLS + id.x;
  if (!is_open(i)) { return; }
  let root = find(i);
  atomicStore(&labels[i], root);
  atomicAdd(&sizes[root], 1u);
  if (id.y == 0u) { atomicOr(&sizes[root], TOP); }
  if (id.y == CELLS - 1u) { atomicOr(&sizes[root], BOTTOM); }
}

@compute @workgroup_size(64)
fn survey(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= CELLS || id.y >= CELLS) { return; }
  let i = id.y * CELLS + id.x;
  let size = atomicLoad(&sizes[i]);
  if (size == 0u) { return; }
  atomicAdd(&tally[0], size & COUNT);
  atomicAdd(&tally[3], 1u);
  atomicMax(&tally[1], size & COUNT);
  if ((size & TOP) != 0u && (size & BOTTOM) != 0u) { atomicMax(&tally[2], size & COUNT); }
}

@compute @workgroup_size(8, 8)
fn glow_clusters(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= WIDE || id.y >= HIGH) { return; }
  let p = vec2f(id.xy) + 0.5 - 0.5 * vec2f(f32(WIDE), f32(HIGH));
  let q = p / (f32(min(WIDE, HIGH)) * 0.94) * f32(CELLS) + 0.5 * f32(CELLS);
  if (any(q < vec2f(0.0)) || any(q >= vec2f(f32(CELLS)))) { return; }
  let i = u32(q.y) * CELLS + u32(q.x);
  let root = atomicLoad(&labels[i]);
  if (root == CLOSED) { return; }
  let word = atomicLoad(&sizes[root]);
  let size = f32(word & COUNT);
  let share = clamp(log2(size) / log2(f32(CELLS * CELLS)), 0.0, 1.0);
  let spans = (word & TOP) != 0u && (word & BOTTOM) != 0u;
  var light = linear(palette(f32(hash(root) >> 8u) / 16777216.0)) * (0.04 + 1.6 * share * share * share);
  if (spans) {
    // The way through: from rose at the top to gold at the bottom.
    let e = q.y / f32(CELLS);
    light = mix(vec3f(1.0, 0.16, 0.34), vec3f(1.0, 0.62, 0.12), e) * (0.62 + 0.3 * cell_random(floor(q.x), floor(q.y), 3.0));
  }
  add_amount(vec2i(id.xy), light);
}
