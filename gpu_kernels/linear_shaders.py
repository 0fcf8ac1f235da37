"""The WGSL of ``linear`` that Python unrolls: matrix products and Fourier transforms.

Loops cost as much as what is in them on a CPU, and registers are the fastest memory everywhere, so
both are written out: a product's invocation holds a block of the result, a transform's a butterfly.
Transforms: Stockham's, which needs no reordering. Source: Govindaraju et al., "High Performance
Discrete Fourier Transforms on Graphics Processors", SC 2008, fig. 2.
"""

from __future__ import annotations

import math

ROWS, LANES, VECTOR = 16, 64, 8
"""A product's workgroup: rows that all invocations share, invocations, and how many of these take
neighbouring columns."""
RADICES = (32, 16, 8, 4, 2)


def columns_of(across: int) -> int:
    """Return how many columns, VECTOR apart, an invocation of a product has."""
    return 8 if across > 4 * LANES else 4


def packed_sizes(rows: int, inner: int, across: int) -> tuple[int, int]:
    """Return how many numbers the packed left and right factor take."""
    tall, wide = ROWS, LANES * columns_of(across)
    return -(-rows // tall) * tall * inner, -(-across // wide) * wide * inner


def matmul_wgsl(rows: int, inner: int, across: int) -> str:
    """Return ``pack`` and ``multiply``: c = a b, or c += a b for one slice of the inner length.

    A workgroup covers ROWS rows and LANES * ``columns_of`` columns. ``pack`` puts what is read
    together side by side: rows that are a power of two apart would all fall on the same lines of
    a cache. Source: Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication",
    ACM Trans. Math. Softw. 34 (2008).
    """
    columns, size = range(columns_of(across)), columns_of(across) * VECTOR
    quads, left_size = range(len(columns) // 4), packed_sizes(rows, inner, across)[0]
    sums = "\n".join(f"  var s{r}_{q} = vec4f(0.0);" for r in range(ROWS) for q in quads)

    def turn(k: str) -> str:
        lines = [f"    let x = from_a + ({k}) * {ROWS}u;", f"    let y = from_b + ({k}) * {size}u;"]
        for q in quads:
            loads = ", ".join(f"packed[y + {(4 * q + c) * VECTOR}u]" for c in range(4))
            lines.append(f"    let q{q} = vec4f({loads});")
        for r in range(ROWS):
            lines.append(f"    let p{r} = packed[x + {r}u];")
            lines += [f"    s{r}_{q} += p{r} * q{q};" for q in quads]
        return "    {\n" + "\n".join(lines) + "\n    }"

    body = "\n".join(turn(f"k + {j}u") for j in range(4))
    stores = "\n".join(_store(r, c) for r in range(ROWS) for c in columns)
    return f"""
@compute @workgroup_size(64)
fn pack(@builtin(global_invocation_id) id: vec3u) {{
  let n = flat(id);
  if (n < {left_size}u) {{
    let row = n / {ROWS}u / INNER * {ROWS}u + n % {ROWS}u;
    packed[n] = a[min(row, HEIGHT - 1u) * INNER + n / {ROWS}u % INNER];
  }} else if (n < {sum(packed_sizes(rows, inner, across))}u) {{
    let m = n - {left_size}u;
    let column = m / {size}u / INNER * {size}u + m % {size}u;
    packed[n] = b[m / {size}u % INNER * ACROSS + min(column, ACROSS - 1u)];
  }}
}}

@compute @workgroup_size({LANES})
fn multiply(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {{
  let slice = uniforms.step % ROUNDS;
  let top = group.y * {ROWS}u;
  let strip = group.x * {LANES // VECTOR}u + local / {VECTOR}u;
  let left = strip * {size}u + local % {VECTOR}u;
  let from_a = top * INNER;
  let from_b = {left_size}u + strip * INNER * {size}u + local % {VECTOR}u;
{sums}
  let begin = slice * SLICE;
  let end = min(begin + SLICE, INNER);
  let whole = begin + (max(end, begin) - begin) / 4u * 4u;
  var k = begin;
  for (; k < whole; k += 4u) {{
{body}
  }}
  for (; k < end; k++) {{
{turn("k")}
  }}
{stores}
}}
"""


def _store(r: int, c: int) -> str:
    place = f"c[(top + {r}u) * ACROSS + left + {c * VECTOR}u]"
    sum_ = f"s{r}_{c // 4}.{'xyzw'[c % 4]}"
    return (
        f"  if (top + {r}u < HEIGHT && left + {c * VECTOR}u < ACROSS) {{"
        f" {place} = {sum_} + select({place}, 0.0, slice == 0u); }}"
    )


def radices(length: int) -> list[int]:
    """Return the factors of a power of two, as few and as even as they can be, largest first."""
    bits = length.bit_length() - 1
    passes = -(-bits // 5)
    return sorted((1 << (bits + k) // passes for k in range(passes)), reverse=True)


def fourier_wgsl() -> str:
    """Return ``fourier32`` to ``fourier2``.

    Overrides: DONE, the length that is transformed already; DOWN, 1 for columns; BACK, 1 for the
    inverse; FROM, 0 where ``first`` is read and ``second`` written; LOAD, 1 where ``values`` are
    read; SCALE, a factor on what is written.
    """
    return TURN + "\n".join(_butterfly(r) for r in RADICES)


TURN = """
override DONE: u32 = 1u;
override DOWN: u32 = 0u;
override BACK: u32 = 0u;
override FROM: u32 = 0u;
override LOAD: u32 = 0u;
override SCALE: f32 = 1.0;

fn product(a: vec2f, b: vec2f) -> vec2f {
  return vec2f(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}

// exp(-2 pi i k / n), or its conjugate: the quarter by whole numbers, then Taylor's series, so that
// it is right to the last digit on every device.
fn turn(k: u32, n: u32) -> vec2f {
  let quarter = (4u * k + n / 2u) / n;
  let x = TAU * (f32(i32(4u * k) - i32(quarter * n)) / f32(4u * n));
  let s = x * x;
  let sine = x * (1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0 * (1.0 - s / 72.0))));
  let rest = 1.0 - s / 30.0 * (1.0 - s / 56.0 * (1.0 - s / 90.0));
  let cosine = 1.0 - s / 2.0 * (1.0 - s / 12.0 * rest);
  let odd = (quarter & 1u) == 1u;
  var w = select(vec2f(cosine, sine), vec2f(-sine, cosine), odd);
  w = select(w, -w, (quarter & 2u) == 2u);
  return vec2f(w.x, select(-w.y, w.y, BACK == 1u));
}

// A quarter turn in the direction of the transform.
fn quarter_turn(a: vec2f) -> vec2f {
  return select(vec2f(a.y, -a.x), vec2f(-a.y, a.x), BACK == 1u);
}

fn fetch(i: u32) -> vec2f {
  if (LOAD == 1u) { return vec2f(values[i], 0.0); }
  if (FROM == 0u) { return first[i]; }
  return second[i];
}

fn put(i: u32, v: vec2f) {
  if (FROM == 0u) { second[i] = v * SCALE; } else { first[i] = v * SCALE; }
}
"""


def _butterfly(radix: int) -> str:
    loads = "\n".join(
        f"  var v{r} = fetch(base + ({r}u * part + j) * stride);" for r in range(radix)
    )
    turns = [f"  let w1 = turn(k, DONE * {radix}u);"]
    turns += [f"  let w{r} = product(w{r // 2}, w{r - r // 2});" for r in range(2, radix)]
    turns += [f"  v{r} = product(v{r}, w{r});" for r in range(1, radix)]
    values, lines = _transform(radix)
    stores = "\n".join(
        f"  put(base + (to + {r}u * DONE) * stride, {name});" for r, name in enumerate(values)
    )
    return f"""
@compute @workgroup_size(64)
fn fourier{radix}(@builtin(global_invocation_id) id: vec3u) {{
  let length = select(ACROSS, HEIGHT, DOWN == 1u);
  let part = length / {radix}u;
  // Neighbouring invocations take neighbouring numbers: along the line, or the lines side by side.
  let here = select(id.x, id.y, DOWN == 1u);
  let line = select(id.y, id.x, DOWN == 1u);
  let lines = select(HEIGHT, ACROSS, DOWN == 1u);
  if (here >= part || line >= lines) {{ return; }}
  let stride = select(1u, ACROSS, DOWN == 1u);
  let base = line * select(ACROSS, 1u, DOWN == 1u);
  let j = here;
  let k = j % DONE;
{loads}
{chr(10).join(turns)}
{lines}
  let to = (j / DONE) * (DONE * {radix}u) + k;
{stores}
}}
"""


def _transform(radix: int) -> tuple[list[str], str]:
    """Return the names of a small transform's results in order, and the lines that make them."""
    lines: list[str] = []
    count = 0

    def name(text: str) -> str:
        nonlocal count
        count += 1
        lines.append(f"  let t{count} = {text};")
        return f"t{count}"

    def recurse(values: list[str]) -> list[str]:
        if len(values) == 1:
            return values
        even, odd = recurse(values[0::2]), recurse(values[1::2])
        half = len(even)
        turned = []
        for k, value in enumerate(odd):
            if k == 0:
                turned.append(value)
                continue
            quarter = name(f"quarter_turn({value})")
            angle = math.tau * k / len(values)
            if 4 * k == len(values):
                turned.append(quarter)
            else:
                text = f"{value} * {math.cos(angle):.9f} + {quarter} * {math.sin(angle):.9f}"
                turned.append(name(text))
        return [name(f"{even[k]} + {turned[k]}") for k in range(half)] + [
            name(f"{even[k]} - {turned[k]}") for k in range(half)
        ]

    return recurse([f"v{r}" for r in range(radix)]), "\n".join(lines)
