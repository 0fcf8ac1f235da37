// Sums, running sums and counts of a list: trees over blocks of 1024, the same on every run.
// Source of the running sums: Blelloch, "Prefix Sums and Their Applications", CMU-CS-90-190 (1990).

@compute @workgroup_size(64)
fn fill(@builtin(global_invocation_id) id: vec3u) {
  let n = flat(id);
  if (n < ACROSS && MAKE_A) { values[n] = value_of(0.0, f32(n)); }
}

// How much of the list takes part in this round: the film shows it growing.
fn used(done: u32) -> u32 {
  if (done >= ROUNDS) { return ACROSS; }
  return max((ACROSS / ROUNDS) * done + (ACROSS % ROUNDS) * done / ROUNDS, 1u);
}

var<workgroup> tree: array<vec4f, 256>;

fn joined(a: vec4f, b: vec4f) -> vec4f {
  return vec4f(a.x + b.x, min(a.y, b.y), max(a.z, b.z), a.w + b.w);
}

fn fold_tree(local: u32, mine: vec4f) {
  workgroupBarrier();
  tree[local] = mine;
  for (var half = 128u; half > 0u; half = half >> 1u) {
    workgroupBarrier();
    if (local < half) { tree[local] = joined(tree[local], tree[local + half]); }
  }
  workgroupBarrier();
}

// Running sums of the 256 parts, at distance 1, 2, 4 and so on: what comes before one's own.
fn sum_before(local: u32, mine: vec4f) -> f32 {
  workgroupBarrier();
  tree[local] = mine;
  for (var far = 1u; far < 256u; far = far << 1u) {
    workgroupBarrier();
    var more = 0.0;
    if (local >= far) { more = tree[local - far].x; }
    workgroupBarrier();
    tree[local].x += more;
  }
  workgroupBarrier();
  if (local == 0u) { return 0.0; }
  return tree[local - 1u].x;
}

const NOTHING: vec4f = vec4f(0.0, 3.4e38, -3.4e38, 0.0);

// Sum, least, greatest and sum of squares of a block; and each number's sum within the block.
@compute @workgroup_size(256)
fn sum_blocks(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
  let block = group.x + group.y * 65535u;
  let count = used(slice_now() + 1u);
  let start = block * 1024u + local * 4u;
  var mine = NOTHING;
  var here = vec4f(0.0);
  for (var k = 0u; k < 4u; k++) {
    if (start + k < count) {
      let v = values[start + k];
      mine = joined(mine, vec4f(v, v, v, v * v));
    }
    here[k] = mine.x;
  }
  fold_tree(local, mine);
  if (local == 0u && block < BLOCKS) { parts[block] = tree[0]; }
  if (SCAN) {
    let before = sum_before(local, mine);
    for (var k = 0u; k < 4u; k++) {
      if (start + k < ACROSS) { result[start + k] = before + here[k]; }
    }
  }
}

// All blocks into one; and what comes before each block.
@compute @workgroup_size(256)
fn sum_parts(@builtin(local_invocation_index) local: u32) {
  let each = (BLOCKS + 255u) / 256u;
  var mine = NOTHING;
  for (var k = 0u; k < each; k++) {
    let block = local * each + k;
    if (block < BLOCKS) { mine = joined(mine, parts[block]); }
  }
  fold_tree(local, mine);
  let total = tree[0];
  var before = sum_before(local, mine);
  for (var k = 0u; k < each; k++) {
    let block = local * each + k;
    if (block < BLOCKS) {
      let sum = parts[block].x;
      parts[block].x = before;
      before += sum;
    }
  }
  if (local == 0u) {
    for (var k = 0u; k < 4u; k++) { statistics[k] = total[k]; }
    statistics[5] = f32(used(slice_now() + 1u));
    statistics[7] = statistics[0] / max(statistics[5], 1.0);
  }
}

@compute @workgroup_size(64)
fn add_before(@builtin(global_invocation_id) id: vec3u) {
  let n = flat(id);
  if (n < ACROSS) { result[n] += parts[n / 1024u].x; }
}

var<workgroup> counts_here: array<atomic<u32>, 1024>;

@compute @workgroup_size(64)
fn clear_counts(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < BINS) { atomicStore(&counts[id.x], 0u); }
}

// Counts in the workgroup's memory first, then all together; bins from the least to the greatest.
@compute @workgroup_size(256)
fn count_values(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
  for (var k = local; k < BINS; k += 256u) { atomicStore(&counts_here[k], 0u); }
  workgroupBarrier();
  let count = used(slice_now() + 1u);
  for (var k = group.x * 256u + local; k < count; k += 256u * COUNTERS) {
    atomicAdd(&counts_here[bin_of(values[k])], 1u);
  }
  workgroupBarrier();
  for (var k = local; k < BINS; k += 256u) {
    let found = atomicLoad(&counts_here[k]);
    if (found > 0u) { atomicAdd(&counts[k], found); }
  }
}

fn bin_of(v: f32) -> u32 {
  let wide = max(statistics[2] - statistics[1], 1e-30);
  return u32(clamp((v - statistics[1]) / wide * f32(BINS), 0.0, f32(BINS) - 1.0));
}

@compute @workgroup_size(256)
fn measure(@builtin(local_invocation_index) local: u32) {
  var found = NOTHING;
  let count = select(0u, used(rounds_done()), begun());
  if (KIND == 2u) {
    for (var k = local; k < BINS; k += 256u) { found.z = max(found.z, f32(atomicLoad(&counts[k]))); }
  } else {
    let stride = ACROSS / 65536u + 1u;
    for (var k = local * stride; k < ACROSS; k += 256u * stride) {
      var v = values[k];
      if (SCAN) { v = select(0.0, result[k], k < count); }
      found = vec4f(0.0, min(found.y, v), max(found.z, v), 0.0);
    }
  }
  fold_tree(local, found);
  if (local == 0u) {
    statistics[8] = tree[0].y;
    statistics[9] = tree[0].z;
    statistics[10] = f32(count);
  }
}

fn light_of(p: vec2f) -> vec3f {
  let e = share_in(p / picture(), vec2f(0.04, 0.14), vec2f(0.96, 0.96));
  if (!inside_unit(e) || !begun()) { return vec3f(0.0); }
  let tall = 0.82 * f32(HIGH);
  let above = (1.0 - e.y) * tall;
  if (KIND == 2u) {
    let place = e.x * f32(BINS);
    let bin = min(u32(place), BINS - 1u);
    let top = f32(atomicLoad(&counts[bin])) / max(statistics[9], 1.0) * 0.96 * tall;
    let wide = 0.92 * f32(WIDE) / f32(BINS);
    let edge = min(fract(place), 1.0 - fract(place)) * wide;
    let gap = select(1.0, clamp(edge - 0.08 * wide + 0.5, 0.0, 1.0), wide > 4.0);
    let ink = linear(palette(0.15 + 0.7 * f32(bin) / f32(BINS)));
    let body = clamp(top - above + 0.5, 0.0, 1.0) * gap;
    let rise = clamp(above / max(top, 1.0), 0.0, 1.0);
    return ink * (0.14 + 0.7 * rise * rise) * body + ink * 1.4 * near_line(above - top, 1.3 * thick()) * gap;
  }
  let size = max(statistics[9] - statistics[8], 1e-30);
  let n = min(u32(e.x * f32(ACROSS)), ACROSS - 1u);
  let next = min(u32((e.x + 1.0 / (0.92 * f32(WIDE))) * f32(ACROSS)), ACROSS - 1u);
  let zero = clamp((0.0 - statistics[8]) / size, 0.0, 1.0) * tall;
  var y = values[n];
  var y_next = values[next];
  if (SCAN) {
    y = result[n];
    y_next = result[next];
  }
  let known = f32(n) < statistics[10];
  let a = (y - statistics[8]) / size * tall;
  let b = (y_next - statistics[8]) / size * tall;
  let t = clamp(a / tall, 0.0, 1.0);
  let away = max(max(min(a, b) - above, above - max(a, b)), 0.0);
  let between = clamp(min(above - min(a, zero), max(a, zero) - above) + 0.5, 0.0, 1.0);
  var light = linear(palette(0.15 + 0.75 * t)) * (1.5 * near_line(away, 1.2 * thick()) + 0.16 * between);
  light *= select(select(0.18, 0.0, SCAN), 1.0, known);
  if (KIND == 0u) {
    let mean = (statistics[7] - statistics[8]) / size * tall;
    light += WARM * 1.3 * near_line(above - mean, 1.1 * thick());
  }
  return light;
}
