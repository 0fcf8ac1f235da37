"""The shader of a chart, written for its series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lettering import text_wgsl

if TYPE_CHECKING:
    from .chart import Chart, Series

MOST_PIECES = 48
"""Pieces of a line that one pixel looks at; of denser data every second, third … is drawn."""


def chart_wgsl(chart: Chart) -> str:
    """Return the functions and the entry points of one chart."""
    parts = [_place(chart), _panel(chart), _ticks(chart)]
    for k, series in enumerate(chart.series):
        value = f"fn {chart.name}_value{k}(i: u32) -> f32 {{ return {series.value}; }}\n"
        parts += [value, _cover(chart, k, series)]
    if chart.series:
        parts.append(_series(chart))
    if chart.words():
        parts.append(_words(chart))
    return "".join(parts)


def vector(colour: tuple[float, ...]) -> str:
    """Return a colour as WGSL."""
    return "vec3f({:.5f}, {:.5f}, {:.5f})".format(*colour)


def _place(chart: Chart) -> str:
    left, top, wide, high = chart.plot
    n = chart.name
    return f"""
// The axes' ends: x, then y.
fn {n}_ends() -> vec4f {{ return vec4f({chart.x[0]}, {chart.x[1]}, {chart.y[0]}, {chart.y[1]}); }}

fn {n}_put(p: vec2f, ends: vec4f) -> vec2f {{
  let t = (p - ends.xz) / (ends.yw - ends.xz);
  let q = clamp(vec2f(t.x, 1.0 - t.y), vec2f(-4.0), vec2f(5.0));
  return vec2f({left}.0, {top}.0) + q * vec2f({wide}.0, {high}.0);
}}

// From data to the picture's pixels.
fn {n}_place(p: vec2f) -> vec2f {{ return {n}_put(p, {n}_ends()); }}
"""


def _cover(chart: Chart, k: int, series: Series) -> str:
    """How much a series covers a pixel: itself (x) and the area between it and 0 (y)."""
    n = chart.name
    head = f"fn {n}_cover{k}(p: vec2f, x: f32, ends: vec4f) -> vec2f {{\n"
    if series.kind in ("line", "points"):
        return _point(n, k, series) + head + _pieces(chart, k, series) + "}\n"
    if series.kind == "bars":
        return head + _bars(chart, k, series) + "}\n"
    radius = series.radius * chart.size
    if series.kind == "level":
        near = f"let near = abs(p.y - {n}_put(vec2f(x, {n}_value{k}(0u)), ends).y);"
        along = "p.x"
    else:
        near = f"let near = abs(p.x - {n}_put(vec2f({n}_value{k}(0u), 0.0), ends).x);"
        along = "p.y"
    dash = f"fract({along} / {7 * chart.size}.0) < 0.6"
    return (
        head + f"  {near}\n"
        f"  return vec2f(select(0.0, clamp({radius + 0.5} - near, 0.0, 1.0), {dash}), 0.0);\n}}\n"
    )


def _span(series: Series) -> str:
    first, last = series.first or "ends.x", series.last or "ends.y"
    return f"  let first = {first};\n  let last = {last};\n"


def _point(n: str, k: int, series: Series) -> str:
    """Where value ``i`` lies in the picture; not a number stays one."""
    return f"""
fn {n}_point{k}(i: u32, ends: vec4f) -> vec3f {{
{_span(series)}
  let y = {n}_value{k}(i);
  let x = first + f32(i) / {max(series.count - 1, 1)}.0 * (last - first);
  return vec3f({n}_put(vec2f(x, finite(y)), ends), select(0.0, 1.0, is_finite(y)));
}}
"""


def _pieces(chart: Chart, k: int, series: Series) -> str:
    n, radius, most = chart.name, series.radius * chart.size, max(series.count - 1, 1)
    joined = series.kind == "line" and series.count > 1
    distance = "piece_distance(p, a.xy, b.xy)" if joined else "length(p - b.xy)"
    area = f"""
  if (t >= 0.0 && t <= {most}.0) {{
    let under = u32(min(t, {most - 1}.0));
    let a = {n}_point{k}(under, ends);
    let b = {n}_point{k}(under + 1u, ends);
    let edge = mix(a.y, b.y, t - f32(under));
    let base = {n}_put(vec2f(x, 0.0), ends).y;
    if (a.z * b.z > 0.0 && p.y > min(edge, base) && p.y < max(edge, base)) {{
      area = {series.fill};
    }}
  }}"""
    return f"""{_span(series)}
  let t = (x - first) / (last - first) * {most}.0;
  let dense = abs((ends.y - ends.x) / (last - first)) * {most}.0 / {chart.plot[2]}.0;
  let reach = {radius + 1.0} * dense + 1.0;
  if (!(t >= -reach && t <= {most}.0 + reach)) {{ return vec2f(0.0); }}
  let stride = max(u32(ceil((2.0 * reach + 2.0) / {MOST_PIECES}.0)), 1u);
  var i = u32(clamp(floor(t - reach), 0.0, {most}.0)) / stride * stride;
  let stop = u32(clamp(ceil(t + reach), 0.0, {series.count - 1}.0));
  var a = {n}_point{k}(i, ends);
  var near = select(1e9, length(p - a.xy), a.z > 0.0 && {str(not joined).lower()});
  for (; i < stop; i += stride) {{
    let b = {n}_point{k}(min(i + stride, {series.count - 1}u), ends);
    if ({"a.z * b.z" if joined else "b.z"} > 0.0) {{ near = min(near, {distance}); }}
    a = b;
  }}
  var area = 0.0;{area if series.fill and joined else ""}
  return vec2f(clamp({radius + 0.5} - near, 0.0, 1.0), area);
"""


def _bars(chart: Chart, k: int, series: Series) -> str:
    n = chart.name
    return f"""{_span(series)}
  let t = (x - first) / (last - first) * {series.count}.0;
  if (!(t >= 0.0 && t < {series.count}.0)) {{ return vec2f(0.0); }}
  let i = min(u32(t), {series.count - 1}u);
  let value = {n}_value{k}(i);
  if (!is_finite(value)) {{ return vec2f(0.0); }}
  let broad = {chart.plot[2]}.0 * abs((last - first) / (ends.y - ends.x)) / {series.count}.0;
  let f = t - f32(i);
  let beside = min(f, 1.0 - f) * broad;
  let gap = select(0.0, {0.5 * chart.size}, broad >= {4 * chart.size}.0);
  let edge = {n}_put(vec2f(x, value), ends).y;
  let base = {n}_put(vec2f(x, 0.0), ends).y;
  let inside = min(p.y - min(edge, base), max(edge, base) - p.y);
  return vec2f(clamp(inside + 0.5, 0.0, 1.0) * select(1.0, 0.0, beside < gap), 0.0);
"""


def _panel(chart: Chart) -> str:
    from .chart import LETTERS, PANEL

    left, top, wide, high = chart.plot
    return f"""
@compute @workgroup_size(8, 8)
fn {chart.name}_panel(@builtin(global_invocation_id) id: vec3u) {{
  if (id.x >= {chart.wide}u || id.y >= {chart.high}u) {{ return; }}
  let s = {chart.size};
  let here = vec2i(id.xy);
  let at = here + vec2i({chart.left}, {chart.top});
  let beside = min(here, vec2i({chart.wide - 1}, {chart.high - 1}) - here);
  let corner = max(vec2i(5 * s) - beside, vec2i(0));
  let panel = dot(corner, corner) <= 25 * s * s;
  let below = at - vec2i({left}, {top + high});
  let axis_x = below.y >= 0 && below.y < s && below.x >= 0 && below.x < {wide};
  let axis_y = below.x < 0 && below.x >= -s && below.y >= -{high} && below.y < s;
  let i = u32(at.y) * {chart.width}u + u32(at.x);
  var colour = unpack_rgb(pixels[i]);
  colour = mix(colour, {vector(PANEL)}, select(0.0, {chart.shade}, panel));
  colour = mix(colour, {vector(LETTERS)}, select(0.0, 0.45, axis_x || axis_y));
  pixels[i] = pack_rgba(colour);
}}

fn {chart.name}_blend(at: vec2i, colour: vec3f, share: f32) {{
  if (any(at < vec2i(0)) || any(at >= vec2i({chart.width}, {chart.height}))) {{ return; }}
  let i = u32(at.y) * {chart.width}u + u32(at.x);
  pixels[i] = pack_rgba(mix(unpack_rgb(pixels[i]), colour, share));
}}

fn {chart.name}_number(number: Number, at: vec2i, lane: u32) {{
  let size = vec2i(number_width(number), 7) * {chart.size};
  for (var k = i32(lane); k < size.x * size.y; k += 64) {{
    let place = vec2i(k % size.x, k / size.x);
    if (number_ink(number, place, {chart.size}) > 0.0) {{
      {chart.name}_blend(at + place, {vector(tuple(0.8 * c for c in LETTERS))}, 1.0);
    }}
  }}
}}
"""


def _ticks(chart: Chart) -> str:
    """One workgroup writes one tick's line and number."""
    from .chart import LETTERS

    n, s = chart.name, chart.size
    left, top, wide, high = chart.plot
    parts = []
    for axis, low, high_end, count in (
        ("x", "ends.x", "ends.y", chart.counts[0]),
        ("y", "ends.z", "ends.w", chart.counts[1]),
    ):
        if axis == "x":
            place = f"{n}_put(vec2f(tick, ends.z), ends).x"
            line = f"vec2i(q, {top} + k)"
            within, length = f"q >= {left} && q < {left + wide}", high
            corner = f"vec2i(q - number_width(number) * {s} / 2, {top + high + 6 * s})"
        else:
            place = f"{n}_put(vec2f(ends.x, tick), ends).y"
            line = f"vec2i({left} + k, q)"
            within, length = f"q >= {top} && q < {top + high}", wide
            corner = f"vec2i({left - 5 * s} - number_width(number) * {s}, q - {3 * s})"
        parts.append(f"""
@compute @workgroup_size(64)
fn {n}_ticks_{axis}(
  @builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32
) {{
  let ends = {n}_ends();
  let step = tick_step({low}, {high_end}, {count});
  let first = ceil(min({low}, {high_end}) / step - 0.01);
  let tick = (first + f32(group.x)) * step;
  if (!tick_shown(tick, {low}, {high_end}, step)) {{ return; }}
  let q = i32(floor({place}));
  if ({within}) {{
    for (var k = i32(lane); k < {length}; k += 64) {{
      {n}_blend({line}, {vector(LETTERS)}, 0.09);
    }}
  }}
  let number = tick_text(tick, step);
  {n}_number(number, {corner}, lane);
}}
""")
    return "".join(parts)


def _series(chart: Chart) -> str:
    n = chart.name
    left, top, wide, high = chart.plot
    each = "\n".join(
        f"  let c{k} = {n}_cover{k}(p, x, ends);\n"
        f"  colour = mix(colour, {vector(c)}, max(c{k}.x, c{k}.y));"
        for k, c in enumerate(chart.colours)
    )
    return f"""
@compute @workgroup_size(8, 8)
fn {n}_series(@builtin(global_invocation_id) id: vec3u) {{
  if (id.x >= {wide}u || id.y >= {high}u) {{ return; }}
  let i = (id.y + {top}u) * {chart.width}u + id.x + {left}u;
  let ends = {n}_ends();
  let p = vec2f(id.xy) + vec2f({left}.5, {top}.5);
  let x = ends.x + (f32(id.x) + 0.5) / {wide}.0 * (ends.y - ends.x);
  var colour = unpack_rgb(pixels[i]);
{each}
  pixels[i] = pack_rgba(colour);
}}
"""


def _words(chart: Chart) -> str:
    """Every word has a layer of the dispatch."""
    n, parts, cases = chart.name, [], []
    for k, (text, at, colour) in enumerate(chart.words()):
        parts.append(text_wgsl(f"{n}_word{k}", text))
        cases.append(
            f"    case {k}u: {{ if ({n}_word{k}(at, {chart.size}) > 0.0) "
            f"{{ {n}_blend(at + vec2i({at[0]}, {at[1]}), {vector(colour)}, 1.0); }} }}\n"
        )
    return f"""{"".join(parts)}
@compute @workgroup_size(8, 8)
fn {n}_words(@builtin(global_invocation_id) id: vec3u) {{
  let at = vec2i(id.xy);
  switch id.z {{
{"".join(cases)}    default: {{}}
  }}
}}
"""
