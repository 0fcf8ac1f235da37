"""Colour bars and charts: the same pixels from both sides, whatever the limits are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from intentos.gpu_kernels.chart import Chart, Series
from intentos.gpu_kernels.prelude import pack_rgba, palette, palette_wgsl, prelude_wgsl
from intentos.gpu_kernels.scale import Scale
from intentos.gpu_kernels.ticks import ticks_wgsl
from intentos.program import Buffer, GpuProgram, Pass, Uniform

from .drawing import draw

SIZES = [(512, 300), (256, 144), (1100, 900)]


def over(painted: Scale | Chart, low: float, high: float, more: str = "") -> Any:
    """Return the picture of ``painted`` over a ramp of colours."""
    wide, tall = painted.width, painted.height
    source = (
        prelude_wgsl()
        + palette_wgsl("viridis")
        + ticks_wgsl()
        + more
        + painted.wgsl()
        + f"""
@compute @workgroup_size(8, 8)
fn ramp(@builtin(global_invocation_id) id: vec3u) {{
  if (id.x >= {wide}u || id.y >= {tall}u) {{ return; }}
  pixels[id.y * {wide}u + id.x] = pack_rgba(palette(f32(id.x) / {wide}.0));
}}
"""
    )
    program = GpuProgram(
        source=source,
        buffers=(Buffer(name="pixels", type="u32", length=wide * tall),),
        uniforms=(Uniform(name="low", value=low), Uniform(name="high", value=high)),
        draw=(
            Pass(entry="ramp", dispatch=((wide + 7) // 8, (tall + 7) // 8, 1)),
            *(painted.passes if isinstance(painted, Chart) else (painted.draw,)),
        ),
        width=wide,
        height=tall,
        frames=1,
    )
    return draw({}, program)[1][0]


def ramp(painted: Scale | Chart) -> Any:
    colours = palette("viridis", np.arange(painted.width) / painted.width)
    return np.broadcast_to(colours, (painted.height, painted.width, 3)).copy()


@pytest.mark.parametrize(
    ("size", "low", "high", "unit"),
    [
        (SIZES[0], -0.35, 1.24, "K"),
        (SIZES[1], 0.0, 3e-7, ""),
        (SIZES[2], 5.0, -2.0, "m/s"),
        ((64, 64), 0.0, 1.0, "x"),
        ((16, 16), 0.0, 1.0, ""),
        ((200, 200), 3.0, 3.0, "flat"),
    ],
)
def test_a_colour_bar_is_the_twins(
    size: tuple[int, int], low: float, high: float, unit: str
) -> None:
    scale = Scale(
        width=size[0], height=size[1], low="uniforms.low", high="uniforms.high", unit=unit
    )
    got, wanted = over(scale, low, high), ramp(scale)
    before = pack_rgba(wanted)
    scale.paint(wanted, low, high, "viridis")
    apart = np.abs(got.astype(int) - pack_rgba(wanted)).max(-1)
    assert (apart > 2).sum() == 0
    assert not np.array_equal(got, before)


WAVE = "1.4 + sin(0.15 * f32(i))"
GAP = "select(0.4 * f32(i), bitcast<f32>(0x7fc00000u | (uniforms.frame & 1u)), i == 3u)"


def chart(size: tuple[int, int]) -> Chart:
    return Chart(
        name="speeds",
        width=size[0],
        height=size[1],
        left=6,
        top=6,
        wide=size[0] - 12,
        high=size[1] - 12,
        x=("uniforms.low", "uniforms.high"),
        y=("-0.5", "3.2"),
        title="Speeds",
        x_title="v (m/s)",
        y_title="share (%)",
        series=(
            Series(kind="bars", value="0.25 * f32((i * 7u) % 11u)", count=31, name="measured"),
            Series(value=WAVE, count=201, name="theory", fill=0.2),
            Series(value="0.3 * cos(0.3 * f32(i))", count=2001, radius=0.5),
            Series(value=GAP, kind="points", count=8, radius=2.5, last="0.5 * uniforms.high"),
            Series(kind="level", value="1.7"),
            Series(kind="upright", value="0.4 * uniforms.high"),
        ),
    )


@pytest.mark.parametrize("size", SIZES)
def test_a_chart_is_the_twins(size: tuple[int, int]) -> None:
    low, high = -3.0, 730.0
    made = chart(size)
    got, wanted = over(made, low, high), ramp(made)
    points = 0.4 * np.arange(8)
    points[3] = np.nan
    values = [
        0.25 * ((np.arange(31) * 7) % 11),
        1.4 + np.sin(0.15 * np.arange(201)),
        0.3 * np.cos(0.3 * np.arange(2001)),
        points,
        1.7,
        0.4 * high,
    ]
    made.paint(
        wanted, (low, high), (-0.5, 3.2), values, [None, None, None, (low, high / 2), None, None]
    )
    apart = np.abs(got.astype(int) - pack_rgba(wanted)).max(-1)
    # Edges of bars and of dashes that fall on the middle of a pixel may go to either side.
    assert (apart > 2).mean() < 2e-3


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (7.0, -2.0), (0.0, 1e30)])
def test_odd_limits_still_give_a_picture(low: float, high: float) -> None:
    got = over(chart((256, 200)), low, high)
    assert got[..., :3].std() > 10


def test_data_maps_to_the_pixels_of_the_axes() -> None:
    made = chart((256, 200))
    mark = """
@compute @workgroup_size(1)
fn mark() {
  let p = vec2u(speeds_place(vec2f(uniforms.high, -0.5)));
  pixels[p.y * 256u + p.x] = 0xff0000ffu;
}
"""
    got = over(made, 0.0, 10.0)
    left, top, wide, high = made.plot
    assert 0 < left < left + wide < 256
    assert 0 < top < top + high < 200
    marked = with_mark(made, mark)
    ys, xs = np.nonzero((marked != got).any(-1))
    assert (xs.tolist(), ys.tolist()) == ([left + wide], [top + high])


def with_mark(made: Chart, mark: str) -> Any:
    """Return the chart's picture with one more pass after it."""
    source = prelude_wgsl() + ticks_wgsl() + palette_wgsl("viridis") + made.wgsl() + mark + RAMP
    program = GpuProgram(
        source=source,
        buffers=(Buffer(name="pixels", type="u32", length=256 * 200),),
        uniforms=(Uniform(name="low", value=0.0), Uniform(name="high", value=10.0)),
        draw=(
            Pass(entry="ramp", dispatch=(32, 25, 1)),
            *made.passes,
            Pass(entry="mark", dispatch=(1, 1, 1)),
        ),
        width=256,
        height=200,
        frames=1,
    )
    return draw({}, program)[1][0]


RAMP = """
@compute @workgroup_size(8, 8)
fn ramp(@builtin(global_invocation_id) id: vec3u) {
  pixels[id.y * 256u + id.x] = pack_rgba(palette(f32(id.x) / 256.0));
}
"""


def test_a_chart_outside_its_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="wider"):
        Chart(name="a", width=64, height=64, left=20, top=0, wide=60, high=60, x=("0.0", "1.0"),
              y=("0.0", "1.0"))  # fmt: skip
