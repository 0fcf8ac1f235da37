"""The WGSL of the sum over all pairs, unrolled: eight bodies in each invocation's registers.

A workgroup of 256 holds 256 bodies: 32 lanes with eight bodies each, times eight parts of every
tile of 256 sources, which all read from workgroup memory; then the parts are added up, each
invocation those of one body. So N bodies keep N invocations busy, and a source that has been read
serves eight bodies. Source of the tiles: Nyland, Harris and Prins, "Fast N-Body Simulation with
CUDA", GPU Gems 3 (2007), ch. 31.
"""

from __future__ import annotations

TILE = 256
"""Bodies of a workgroup, and sources of a tile."""
EACH = 8
LANES = TILE // EACH
UNROLLED = 2
FEW = 64
"""With so few sources every invocation reads them all by itself."""
PAIRS = 5 * 10**8
"""Of one dispatch at most, so that Stop comes through within a second on any machine."""


def padded(count: int) -> int:
    """Return the length of the buffers: whole tiles."""
    return -(-count // TILE) * TILE


def ranges(count: int, sources: int) -> list[tuple[int, int]]:
    """Return the tiles, from and to, that each dispatch of a step sums."""
    tiles = padded(sources) // TILE
    most = max(1, PAIRS // (padded(count) * TILE))
    return [(first, min(first + most, tiles)) for first in range(0, tiles, most)]


def force_wgsl() -> str:
    """Return ``attract`` and ``weigh``, and their versions for few sources."""
    return (
        _pairs("attract", "vec3f", _pull, "settle(i, total, first_tile > 0u, kicks == 1u);")
        + _pairs("weigh", "f32", _potential, "measured[PHI + i] = total;", guard=GUARD)
        + COMMON
    )


GUARD = "  if (uniforms.frame % MEASURE != 0u) { return; }\n"


def _pull(p: int, k: int) -> str:
    """Add what source s does to body p."""
    return f"""
      let d{p} = s.xyz - x{p};
      let i{p} = inverseSqrt(dot(d{p}, d{p}) + SOFT);
      sum{p} += d{p} * (s.w * i{p} * i{p} * i{p});"""


def _potential(p: int, k: int) -> str:
    return f"""
      let d{p} = s.xyz - x{p};
      let e{p} = s.w * inverseSqrt(dot(d{p}, d{p}) + SOFT);
      sum{p} += select(e{p}, 0.0, t * {TILE}u + j + {k}u == base + {p * LANES}u);"""


def _pairs(name: str, kind: str, each: object, last: str, guard: str = "") -> str:
    assert callable(each)
    begin = "\n".join(
        f"  let x{p} = bodies[base + {p * LANES}u].xyz;\n  var sum{p} = {kind}(0.0);"
        for p in range(EACH)
    )
    inner = "\n".join(
        f"    {{\n      let s = tile[j + {k}u];{''.join(each(p, k) for p in range(EACH))}\n    }}"
        for k in range(UNROLLED)
    )
    of_tile = f"vec4f(sum{{p}}, {'0.0' if kind == 'vec3f' else '0.0, 0.0, 0.0'})"
    swizzle = "xyz" if kind == "vec3f" else "x"
    joined = "\n".join(
        f"""  tile[lid] = {of_tile.format(p=p)};
  workgroupBarrier();
  if (part == {p}u) {{
    for (var q = 0u; q < {EACH}u; q++) {{ total += tile[q * {LANES}u + lane].{swizzle}; }}
  }}
  workgroupBarrier();"""
        for p in range(EACH)
    )
    return f"""
@compute @workgroup_size({TILE})
fn {name}(@builtin(local_invocation_index) lid: u32, @builtin(workgroup_id) group: vec3u) {{
{guard}  let lane = lid % {LANES}u;
  let part = lid / {LANES}u;
  let base = group.x * {TILE}u + lane;
{begin}
  for (var t = first_tile; t < last_tile; t++) {{
    tile[lid] = bodies[t * {TILE}u + lid];
    workgroupBarrier();
    for (var j = part * {LANES}u; j < part * {LANES}u + {LANES}u; j += {UNROLLED}u) {{
{inner}
    }}
    workgroupBarrier();
  }}
  var total = {kind}(0.0);
{joined}
  let i = group.x * {TILE}u + lid;
  if (i < COUNT) {{ {last} }}
}}
"""


COMMON = """
@compute @workgroup_size(64)
fn attract_few(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let x = bodies[id.x].xyz;
  var total = vec3f(0.0);
  for (var j = 0u; j < SOURCES; j++) {
    let s = bodies[j];
    let d = s.xyz - x;
    let i = inverseSqrt(dot(d, d) + SOFT);
    total += d * (s.w * i * i * i);
  }
  settle(id.x, total, false, kicks == 1u);
}

@compute @workgroup_size(64)
fn weigh_few(@builtin(global_invocation_id) id: vec3u) {
  if (uniforms.frame % MEASURE != 0u || id.x >= COUNT) { return; }
  let x = bodies[id.x].xyz;
  var total = 0.0;
  for (var j = 0u; j < SOURCES; j++) {
    let s = bodies[j];
    let d = s.xyz - x;
    total += select(s.w * inverseSqrt(dot(d, d) + SOFT), 0.0, j == id.x);
  }
  measured[PHI + id.x] = total;
}
"""
