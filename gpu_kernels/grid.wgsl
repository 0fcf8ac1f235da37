// A uniform grid over the plane, by counting sort: count, scan, scatter, settle. Inside a cell things
// are ordered by their number, so that sums over neighbours come out the same on every run; the order
// in which the atomics of `grid_scatter` arrive does not show.
//
// Generated with it: GRID_COLUMNS, GRID_ROWS, GRID_CELLS, GRID_THINGS, GRID_ORIGIN, GRID_SCALE (cells
// a unit), GRID_WRAPS_X, GRID_WRAPS_Y, GRID_REACH. The kernel gives grid_has(i), grid_place(i) and
// grid_settled(slot, i), which is told where thing i went.
// `lists` holds the numbers in cell order, then in order of arrival, then where each cell begins.

fn grid_at(p: vec2f) -> vec2i {
  let last = vec2f(f32(GRID_COLUMNS) - 1.0, f32(GRID_ROWS) - 1.0);
  return vec2i(clamp(floor((p - GRID_ORIGIN) * GRID_SCALE), vec2f(0.0), last));
}

fn grid_cell(p: vec2f) -> u32 {
  let at = grid_at(p);
  return u32(at.y) * GRID_COLUMNS + u32(at.x);
}

fn grid_begin(cell: u32) -> u32 { return lists[2u * GRID_THINGS + cell]; }

// How many things are in the grid.
fn grid_total() -> u32 { return grid_begin(GRID_CELLS); }

fn grid_number(slot: u32) -> u32 { return lists[slot]; }

// The cells around a chunk of slots that follow one another. All who are in the chunk walk through all
// of its cells together: what is loaded is the same for each of them, which is what makes it fast.
struct Block {
  low: vec2i,
  high: vec2i,
}

fn grid_block(first: vec2f, last: vec2f) -> Block {
  let a = grid_at(first);
  let b = grid_at(last);
  if (a.y == b.y) { return Block(a - GRID_REACH, b + GRID_REACH); }
  // A chunk that goes on in another row: whole rows.
  var high = b.y + GRID_REACH;
  if (GRID_WRAPS_Y) { high = min(high, a.y - GRID_REACH + i32(GRID_ROWS) - 1); }
  return Block(vec2i(0, a.y - GRID_REACH), vec2i(i32(GRID_COLUMNS), high));
}

// The slots of a row of cells: the first, how many, the slot at which the row ends, and how far to step
// back there where the grid wraps.
struct Run {
  first: u32,
  count: u32,
  end: u32,
  back: u32,
}

fn grid_run(block: Block, at_row: i32) -> Run {
  var row = at_row;
  if (GRID_WRAPS_Y) {
    row = (row + i32(GRID_ROWS)) % i32(GRID_ROWS);
  } else if (row < 0 || row >= i32(GRID_ROWS)) {
    return Run(0u, 0u, 1u, 0u);
  }
  let columns = i32(GRID_COLUMNS);
  let base = u32(row) * GRID_COLUMNS;
  let whole = block.high.x - block.low.x + 1 >= columns;
  if (GRID_WRAPS_X && !whole && (block.low.x < 0 || block.high.x >= columns)) {
    let left = (block.low.x + columns) % columns;
    let right = block.high.x % columns;
    let from_row = grid_begin(base);
    let end = grid_begin(base + GRID_COLUMNS);
    let first = grid_begin(base + u32(left));
    let rest = grid_begin(base + u32(right) + 1u) - from_row;
    return Run(first, end - first + rest, end, end - from_row);
  }
  let left = select(max(block.low.x, 0), 0, whole);
  let right = select(min(block.high.x, columns - 1), columns - 1, whole);
  let first = grid_begin(base + u32(left));
  let end = grid_begin(base + u32(right) + 1u);
  return Run(first, end - first, end, 0u);
}

@compute @workgroup_size(64)
fn grid_clear(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < GRID_CELLS) { atomicStore(&cells[id.x], 0u); }
}

@compute @workgroup_size(64)
fn grid_count(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= GRID_THINGS || !grid_has(id.x)) { return; }
  atomicAdd(&cells[grid_cell(grid_place(id.x))], 1u);
}

var<workgroup> grid_sums: array<u32, 256>;

// One workgroup: every invocation sums a stretch of cells, the 256 sums are scanned in workgroup
// memory, and the stretches are walked again.
@compute @workgroup_size(256)
fn grid_scan(@builtin(local_invocation_index) me: u32) {
  let stretch = (GRID_CELLS + 255u) / 256u;
  let from_cell = min(me * stretch, GRID_CELLS);
  let to_cell = min(from_cell + stretch, GRID_CELLS);
  var sum = 0u;
  for (var c = from_cell; c < to_cell; c++) { sum += atomicLoad(&cells[c]); }
  grid_sums[me] = sum;
  workgroupBarrier();
  for (var d = 1u; d < 256u; d = d << 1u) {
    var before = 0u;
    if (me >= d) { before = grid_sums[me - d]; }
    workgroupBarrier();
    grid_sums[me] += before;
    workgroupBarrier();
  }
  var running = grid_sums[me] - sum;
  for (var c = from_cell; c < to_cell; c++) {
    let count = atomicLoad(&cells[c]);
    lists[2u * GRID_THINGS + c] = running;
    atomicStore(&cells[c], running);
    running += count;
  }
  if (me == 255u) { lists[2u * GRID_THINGS + GRID_CELLS] = running; }
}

@compute @workgroup_size(64)
fn grid_scatter(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= GRID_THINGS || !grid_has(id.x)) { return; }
  let slot = atomicAdd(&cells[grid_cell(grid_place(id.x))], 1u);
  lists[GRID_THINGS + slot] = id.x;
}

// A thing's place in its cell is the count of smaller numbers there.
@compute @workgroup_size(64)
fn grid_settle(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= grid_total()) { return; }
  let mine = lists[GRID_THINGS + id.x];
  let cell = grid_cell(grid_place(mine));
  let from_slot = grid_begin(cell);
  let to_slot = grid_begin(cell + 1u);
  var slot = from_slot;
  for (var k = from_slot; k < to_slot; k++) { slot += select(0u, 1u, lists[GRID_THINGS + k] < mine); }
  lists[slot] = mine;
  grid_settled(slot, mine);
}
