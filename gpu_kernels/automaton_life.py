"""Life-like rules with two states, 32 cells to a word: the adders of a computer, made of masks."""

from __future__ import annotations

ROWS_EACH = 8
"""One invocation goes down so many rows and keeps the sums of the rows that it has seen."""


def packed_wgsl(birth: int, survival: int, *, periodic: bool) -> str:
    """Return the passes ``pack``, ``live_packed``, ``unpack`` and ``drawn`` of one rule.

    Args:
        birth: Neighbour counts that give birth, as bits; ``survival`` likewise.
        periodic: Whether the edges are joined.
    """
    return _PASSES.replace("BIRTH", _any_of(birth)).replace("SURVIVAL", _any_of(survival)).replace(
        "PERIODIC", str(periodic).lower()
    )  # fmt: skip


def _any_of(counts: int) -> str:
    masks = [_equals(count) for count in range(9) if counts >> count & 1]
    return " | ".join(masks) or "0u"


def _equals(count: int) -> str:
    bits = [f"{'' if count >> k & 1 else '~'}t{k}" for k in range(4)]
    return f"({' & '.join(bits)})"


_PASSES = f"""
const JOINED: bool = PERIODIC;
const ROWS_EACH: u32 = {ROWS_EACH}u;

fn words() -> u32 {{ return uniforms.columns / 32u; }}

@compute @workgroup_size(64)
fn pack(@builtin(global_invocation_id) id: vec3u) {{
  let i = id.x + id.y * 4194240u;
  if (i >= words() * uniforms.rows) {{ return; }}
  var word = 0u;
  for (var k = 0u; k < 32u; k++) {{ word |= (cells[32u * i + k] & 1u) << k; }}
  bits[i] = word;
}}

// Of the three cells around each of a word's: how many live, as two bits, and the outer two alone.
struct RowSums {{ ones: u32, twos: u32, own: u32, outer: u32, both: u32 }}

fn row_sums(x: u32, y: i32) -> RowSums {{
  let last = words() - 1u;
  let rows = i32(uniforms.rows);
  if (!JOINED && (y < 0 || y >= rows)) {{ return RowSums(0u, 0u, 0u, 0u, 0u); }}
  let start = u32(y + select(0, rows, y < 0) - select(0, rows, y >= rows)) * words();
  let own = bits[start + x];
  var before = bits[start + select(x - 1u, last, x == 0u)];
  var after = bits[start + select(x + 1u, 0u, x == last)];
  if (!JOINED && x == 0u) {{ before = 0u; }}
  if (!JOINED && x == last) {{ after = 0u; }}
  let west = (own << 1u) | (before >> 31u);
  let east = (own >> 1u) | (after << 31u);
  let outer = west ^ east;
  let both = west & east;
  return RowSums(outer ^ own, both | (outer & own), own, outer, both);
}}

@compute @workgroup_size(32)
fn live_packed(@builtin(global_invocation_id) id: vec3u) {{
  let x = id.x;
  let top = id.y * ROWS_EACH;
  if (x >= words() || top >= uniforms.rows) {{ return; }}
  var above = row_sums(x, i32(top) - 1);
  var row = row_sums(x, i32(top));
  for (var y = top; y < min(top + ROWS_EACH, uniforms.rows); y++) {{
    let below = row_sums(x, i32(y) + 1);
    // t0 to t3 are the bits of the count: three ones, then four twos, are added up.
    let t0 = above.ones ^ below.ones ^ row.outer;
    let carried = (above.ones & below.ones) | (row.outer & (above.ones ^ below.ones));
    let a = above.twos ^ below.twos;
    let b = row.both ^ carried;
    let aa = above.twos & below.twos;
    let bb = row.both & carried;
    let t1 = a ^ b;
    let t2 = aa ^ bb ^ (a & b);
    let t3 = aa & bb;
    bits_next[y * words() + x] = (~row.own & (BIRTH)) | (row.own & (SURVIVAL));
    above = row;
    row = below;
  }}
}}

// Cells and their ages as they are drawn. `counters[3]` is the step of the picture before.
@compute @workgroup_size(8, 8)
fn unpack(@builtin(global_invocation_id) id: vec3u) {{
  if (id.x >= uniforms.columns || id.y >= uniforms.rows) {{ return; }}
  let i = id.y * uniforms.columns + id.x;
  let old = cells[i];
  let now = (bits[i / 32u] >> (i % 32u)) & 1u;
  let passed = uniforms.step - u32(atomicLoad(&counters[3]));
  let age = min((old >> 16u) + passed, 0xffffu);
  cells[i] = now | select(0u, age << 16u, (old & 0xffffu) == now);
}}

@compute @workgroup_size(1)
fn drawn() {{ atomicStore(&counters[3], i32(uniforms.step)); }}
"""
