"""The shader of a chart, written for its series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .lettering import text_wgsl

if TYPE_CHECKING:
    from .chart import Chart, Series

MOST_PIECES = 48
"""Pieces of a line that one pixel looks at; of denser data every second, third … is drawn."""


def chart_wgsl(chart: Chart) -> str:
    """Return the functions and the entry point of one chart."""
    parts, words = [_place(chart)], []
    for k, series in enumerate(chart.series):
        value = f"fn {chart.name}_value{k}(i: u32) -> f32 {{ return {series.value}; }}\n"
        parts += [value, _cover(chart, k, series)]
    for k, (text, at, colour) in enumerate(chart.words()):
        name = f"{chart.name}_word{k}"
        parts.append(text_wgsl(name, text))
        corner = f"at - vec2i({at[0]}, {at[1]})"
        words.append(
            f"  colour = {name}_on(colour, {corner}, {chart.size}, {vector(colour)}, 0.0);"
        )
    return "".join(parts) + _entry(chart, "\n".join(words))


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


def _entry(chart: Chart, words: str) -> str:
    from .chart import LETTERS, PANEL

    n, s = chart.name, chart.size
    left, top, wide, high = chart.plot
    series = "\n".join(
        f"    let c{k} = {n}_cover{k}(p, x, ends);\n"
        f"    colour = mix(colour, {vector(c)}, max(c{k}.x, c{k}.y));"
        for k, c in enumerate(chart.colours)
    )
    count_x, count_y = chart.counts
    letters, dim = vector(LETTERS), vector(tuple(0.8 * c for c in LETTERS))
    return f"""
@compute @workgroup_size(8, 8)
fn {n}_draw(@builtin(global_invocation_id) id: vec3u) {{
  if (id.x >= {chart.wide}u || id.y >= {chart.high}u) {{ return; }}
  let at = vec2i(id.xy) + vec2i({chart.left}, {chart.top});
  let i = u32(at.y) * {chart.width}u + u32(at.x);
  let s = {s};
  let here = vec2i(id.xy);
  let beside = min(here, vec2i({chart.wide - 1}, {chart.high - 1}) - here);
  let corner = max(vec2i(5 * s) - beside, vec2i(0));
  var colour = unpack_rgb(pixels[i]);
  let panel = dot(corner, corner) <= 25 * s * s;
  colour = mix(colour, {vector(PANEL)}, select(0.0, {chart.shade}, panel));
  let ends = {n}_ends();
  let p = vec2f(at) + 0.5;
  let share = (p - vec2f({left}.0, {top}.0)) / vec2f({wide}.0, {high}.0);
  let x = ends.x + share.x * (ends.y - ends.x);
  let y = ends.w + share.y * (ends.z - ends.w);
  let step_x = tick_step(ends.x, ends.y, {count_x});
  let step_y = tick_step(ends.z, ends.w, {count_y});
  let tick = vec2f(tick_near(x, step_x), tick_near(y, step_y));
  let shown_x = tick_shown(tick.x, ends.x, ends.y, step_x);
  let shown_y = tick_shown(tick.y, ends.z, ends.w, step_y);
  let q = vec2i(floor({n}_put(tick, ends)));
  if (all(share >= vec2f(0.0)) && all(share < vec2f(1.0))) {{
    let line_x = shown_x && at.x == q.x;
    let line_y = shown_y && at.y == q.y;
    colour = mix(colour, {letters}, select(0.0, 0.09, line_x || line_y));
{series}
  }}
  let below = at - vec2i({left}, {top + high});
  let axis_x = below.y >= 0 && below.y < s && below.x >= 0 && below.x < {wide};
  let axis_y = below.x < 0 && below.x >= -s && below.y >= -{high} && below.y < s;
  colour = mix(colour, {letters}, select(0.0, 0.45, axis_x || axis_y));
  if (shown_x && at.y >= {top + high} + 4 * s && at.y < {top + high} + 15 * s) {{
    let number = tick_text(tick.x, step_x);
    let corner_x = q.x - number_width(number) * s / 2;
    colour = number_on(colour, number, at - vec2i(corner_x, {top + high} + 6 * s), s, {dim}, 0.0);
  }}
  if (shown_y && at.x < {left} - 2 * s) {{
    let number = tick_text(tick.y, step_y);
    let corner_x = {left} - 5 * s - number_width(number) * s;
    colour = number_on(colour, number, at - vec2i(corner_x, q.y - 3 * s), s, {dim}, 0.0);
  }}
{words}
  pixels[i] = pack_rgba(colour);
}}
"""
