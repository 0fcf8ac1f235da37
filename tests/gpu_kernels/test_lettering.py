"""Letters in pictures: the same ink from both sides, and numbers that say what they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intentos.gpu_kernels.lettering import (
    draw_text,
    glyphs,
    number_text,
    scale_for,
    text_mask,
    text_wgsl,
    text_width,
)
from intentos.gpu_kernels.prelude import pack_rgba, prelude_wgsl
from intentos.gpu_kernels.ticks import tick_decimals, tick_step, ticks, ticks_wgsl
from intentos.program import Buffer, GpuProgram, Pass, Uniform

from .drawing import draw

GROUND = 0.4
NUMBERS = [
    0.0, 1.0, -1.0, 0.5, -0.004, 12.34, -987.65, 99999.94, 999999.4, 1e6, -2.5e9, 3.4e38, 1e-4,
    9.9e-5, -1.24e-7, 1e-30, 0.1 + 0.2, 1 / 3, 123456.0, 9.95e12, float("nan"), float("inf"),
]  # fmt: skip


def paint(body: str, functions: str, values: dict[str, float], size: tuple[int, int]) -> Any:
    """Run ``body``, which changes ``colour`` at ``at``, on every pixel; return the picture."""
    source = (
        prelude_wgsl()
        + ticks_wgsl()
        + functions
        + f"""
@compute @workgroup_size(8, 8)
fn paint(@builtin(global_invocation_id) id: vec3u) {{
  if (id.x >= {size[0]}u || id.y >= {size[1]}u) {{ return; }}
  let at = vec2i(id.xy);
  var colour = vec3f({GROUND});
  {body}
  pixels[id.y * {size[0]}u + id.x] = pack_rgba(colour);
}}
"""
    )
    program = GpuProgram(
        source=source,
        buffers=(Buffer(name="pixels", type="u32", length=size[0] * size[1]),),
        uniforms=tuple(Uniform(name=name, value=value) for name, value in values.items()),
        draw=(Pass(entry="paint", dispatch=((size[0] + 7) // 8, (size[1] + 7) // 8, 1)),),
        width=size[0],
        height=size[1],
        frames=1,
    )
    return draw({}, program)[1][0]


@pytest.mark.parametrize(("scale", "shadow"), [(1, 0.0), (2, 0.7), (4, 0.5)])
def test_text_is_the_twins(scale: int, shadow: float) -> None:
    text = "Gas: 21.5 °C, 3 m²/s (x)"
    size = (text_width(text, scale) + 12, 14 * scale)
    body = f"colour = word_on(colour, at - vec2i(6, 5), {scale}, vec3f(0.9, 0.8, 0.7), {shadow});"
    got = paint(body, text_wgsl("word", text), {}, size)
    image = np.full((size[1], size[0], 3), GROUND)
    draw_text(image, text, (6, 5), scale=scale, colour=(0.9, 0.8, 0.7), shadow=shadow)
    assert np.abs(got.astype(int) - pack_rgba(image)).max() <= 1
    assert (got[..., 0] > 200).sum() == text_mask(text, scale).sum()


@pytest.mark.parametrize("decimals", [0, 2, 6])
def test_numbers_written_by_the_shader_are_the_twins(decimals: int) -> None:
    values = {f"v{k}": v for k, v in enumerate(NUMBERS) if np.isfinite(v)}
    cases = "".join(f"case {k}: {{ return uniforms.{name}; }}\n" for k, name in enumerate(values))
    choose = f"fn value_of(k: i32) -> f32 {{ switch k {{ {cases} default: {{ return 0.0; }} }} }}"
    body = f"""
  let k = at.y / 10;
  let number = number_text(value_of(k), {decimals});
  colour = number_on(colour, number, at - vec2i(3, 2 + 10 * k), 1, vec3f(0.9), 0.6);"""
    size = (100, 10 * len(values))
    got = paint(body, choose, values, size)
    image = np.full((size[1], size[0], 3), GROUND)
    for k, value in enumerate(values.values()):
        text = number_text(value, decimals)
        draw_text(image, text, (3, 2 + 10 * k), colour=(0.9, 0.9, 0.9), shadow=0.6)
    assert np.abs(got.astype(int) - pack_rgba(image)).max() <= 1


def test_what_is_no_number_is_a_dash() -> None:
    body = (
        "colour = number_on(colour, number_text(bitcast<f32>(0x7fc00000u | (uniforms.frame & 1u)),"
        " 2), at - 3, 1, vec3f(0.9), 0.0);"
    )
    got = paint(body, "", {}, (30, 14))
    image = np.full((14, 30, 3), GROUND)
    draw_text(image, "-", (3, 3), colour=(0.9, 0.9, 0.9))
    assert number_text(float("nan"), 2) == "-"
    assert np.array_equal(got, pack_rgba(image))


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.floats(-(2.0**40), 2.0**40, width=32), st.integers(0, 6))
def test_a_number_reads_back_as_itself(value: float, decimals: int) -> None:
    read = float(number_text(value, decimals))
    fixed = np.float32(1e-4) <= abs(value) < 1e6
    fine = 0.5 * 10.0**-decimals if fixed else 0.05 * abs(value)
    assert abs(read - value) <= 1.02 * fine + 2e-7 * abs(value)


def test_every_letter_is_there_and_unlike_the_others() -> None:
    for character in "0123456789" + "abcdefghijklmnopqrstuvwxyz" * 2 + ".,-+=%/()°²³μ×: ":
        assert character in glyphs()
    shapes = [drawn for character, drawn in glyphs().items() if character != "O"]  # like 0
    assert len(set(shapes)) == len(shapes)


def test_a_letter_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="'热'"):
        text_width("热")


def test_letters_grow_with_the_picture() -> None:
    assert [scale_for(*s) for s in ((64, 64), (512, 512), (1920, 1080), (4096, 4096))] == [
        1, 1, 3, 4,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("low", "high", "count", "wanted"),
    [
        (0, 1, 5, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (-20, 45, 4, ["-20", "0", "20", "40"]),
        (5, -2, 3, ["-2", "0", "2", "4"]),
        (0, 3e-7, 3, ["0", "1e-7", "2e-7", "3e-7"]),
        (0, 2.2e6, 4, ["0", "500000", "1e6", "1.5e6", "2e6"]),
        (1, 1, 5, ["1"]),
        (0, float("nan"), 5, []),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, count: float, wanted: list[str]) -> None:
    assert [text for _, text in ticks(low, high, count)] == wanted


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e9), st.integers(2, 8))
def test_an_axis_always_has_some_ticks(low: float, span: float, count: int) -> None:
    found = ticks(low, low + span, count)
    if span > 1e-4 * abs(low):
        assert 1 <= len(found) <= 2 * count + 2
    step = float(tick_step(0, span, count))
    assert 0.45 * span / count < step < 2.1 * span / count
    assert step * 10 ** tick_decimals(np.float32(step)) > 0.9 or tick_decimals(step) == 6
