"""Light that adds up: the same picture from the GPU and from NumPy, for few points and for many."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from intentos.gpu_kernels.kernel import workgroups
from intentos.gpu_kernels.prelude import prelude_wgsl, random
from intentos.gpu_kernels.splats import FIXED, HOLD, Splats, light_each
from intentos.program import GpuProgram, Pass

from .drawing import draw

SEED = 7
EACH = """
@compute @workgroup_size(64)
fn scatter(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let at = vec2f(random(id.x, 0u, uniforms.frame), random(id.x, 1u, uniforms.frame));
  let wide = RADIUS * (0.2 + random(id.x, 2u, 0u));
  let place = (1.3 * at - 0.15) * vec2f(f32(WIDE), f32(HIGH));
  add_light(place, wide, COLOUR);
}
@compute @workgroup_size(64)
fn strokes(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= 12u) { return; }
  let a = vec2f(random(id.x, 5u, 0u), random(id.x, 6u, 0u)) * vec2f(f32(WIDE), f32(HIGH));
  let b = vec2f(random(id.x, 7u, 0u), random(id.x, 8u, 0u)) * vec2f(f32(WIDE), f32(HIGH));
  add_line(a * 1.4 - 20.0, b * 1.4 - 20.0, 0.4 + 0.5 * f32(id.x), vec3f(0.2, 0.9, 0.4));
}
"""
COLOUR = np.array([0.9, 0.5, 0.2])


def program(splats: Splats, source: str, passes: dict[str, int], frames: int = 3) -> GpuProgram:
    return GpuProgram(
        source=prelude_wgsl() + splats.wgsl() + source,
        buffers=splats.buffers,
        uniforms=splats.uniforms,
        draw=(
            *(Pass(entry=name, dispatch=(workgroups(n, 64), 1, 1)) for name, n in passes.items()),
            *splats.after,
        ),
        width=splats.width,
        height=splats.height,
        frames=frames,
    )


def scattered(splats: Splats, count: int, radius: float, frames: int) -> list[Any]:
    """Return the twin's pictures of the passes above."""
    from intentos.bindings import fold_seed

    seed, canvas, pictures = fold_seed(SEED), splats.canvas(), []
    size = np.array([splats.width, splats.height])
    i, k = np.arange(count), np.arange(12)
    colour = COLOUR * light_each(count, radius, splats.width * splats.height)
    for frame in range(frames):
        at = np.stack([random(i, n, frame, seed) for n in (0, 1)], -1)
        canvas.light((1.3 * at - 0.15) * size, radius * (0.2 + random(i, 2, 0, seed)), colour)
        ends = [np.stack([random(k, n, 0, seed) for n in pair], -1) for pair in ((5, 6), (7, 8))]
        a, b = (end * size * 1.4 - 20 for end in ends)
        canvas.line(a, b, 0.4 + 0.5 * k, np.array([0.2, 0.9, 0.4]))
        pictures.append(canvas.picture())
    return pictures


@pytest.mark.parametrize(
    ("size", "count", "radius", "persistence"),
    [((96, 64), 100, 5.0, 0.0), ((130, 97), 4000, 1.0, 0.8), ((512, 40), 2000, 1.5, 0.5)],
)
def test_the_picture_is_the_twins(
    size: tuple[int, int], count: int, radius: float, persistence: float
) -> None:
    splats = Splats(width=size[0], height=size[1], lights=count, persistence=persistence)
    colour = COLOUR * light_each(count, radius, size[0] * size[1])
    constants = (
        f"const COUNT = {count}u;\nconst RADIUS = {radius};\n"
        f"const COLOUR = vec3f({', '.join(str(c) for c in colour)});\n"
    )
    made = program(splats, constants + EACH, {"scatter": count, "strokes": 12})
    _, pictures = draw({}, made, seed=SEED)
    for got, wanted in zip(pictures, scattered(splats, count, radius, 3), strict=True):
        apart = np.abs(got.astype(int) - wanted.astype(int))
        assert apart.max() <= 2
        assert got[..., :3].std() > 10


def test_a_million_points_on_one_pixel_saturate() -> None:
    splats = Splats(width=32, height=32, lights=1_000_000, persistence=0.95, glow=0)
    assert splats.most * 1_000_000 + HOLD < 2**32
    source = """
@compute @workgroup_size(64)
fn pile(@builtin(global_invocation_id) id: vec3u) { add_light(vec2f(16.5), 1.0, vec3f(9.0)); }
"""
    _, pictures = draw({}, program(splats, source, {"pile": 1_000_000}, frames=2))
    for picture in pictures:
        assert tuple(picture[16, 16]) == (255, 255, 255, 255)
        assert picture[:15, :, :3].max() < 40


def test_what_is_nowhere_or_endless_draws_nothing() -> None:
    splats = Splats(width=64, height=64)
    source = """
fn odd(i: u32) -> f32 {
  if (i % 3u == 0u) { return bitcast<f32>(0x7fc00000u | (uniforms.frame & 1u)); }
  if (i % 3u == 1u) { return bitcast<f32>(0x7f800000u | (uniforms.frame & 0u)); }
  return -1e30;
}
@compute @workgroup_size(64)
fn nowhere(@builtin(global_invocation_id) id: vec3u) {
  let x = odd(id.x);
  add_light(vec2f(x, 32.0), 2.0, vec3f(1.0));
  add_light(vec2f(32.0), x, vec3f(1.0));
  add_line(vec2f(32.0), vec2f(x, 3.0), 2.0, vec3f(1.0));
  if (id.x % 3u < 2u) { add_light(vec2f(32.0), 2.0, vec3f(x)); }
}
"""
    empty = splats.canvas().picture()
    _, pictures = draw({}, program(splats, source, {"nowhere": 64}, frames=1))
    assert np.abs(pictures[0].astype(int) - empty).max() <= 1


def test_a_chain_of_lines_is_as_bright_as_one() -> None:
    splats = Splats(width=100, height=40)
    whole, chain = splats.canvas(), splats.canvas()
    whole.line(np.array([[10.0, 12.0]]), np.array([[90.0, 30.0]]), 3.0, np.ones(3))
    joints = np.linspace([10.0, 12.0], [90.0, 30.0], 21)
    chain.line(joints[:-1], joints[1:], 3.0, np.ones(3))
    assert np.abs(whole.accum - chain.accum).max() <= 21  # one rounding for every piece
    assert whole.accum.max() > 0.9 * FIXED


def test_a_small_light_keeps_its_energy() -> None:
    sums = []
    for radius in (0.25, 0.5, 1.0, 2.0, 8.0):
        canvas = Splats(width=64, height=64).canvas()
        places = np.random.default_rng(1).uniform(20, 40, (400, 2))
        canvas.light(places, radius, np.ones(3))
        sums.append(canvas.accum.sum() / radius**2)
    assert np.ptp(sums) / np.mean(sums) < 0.02


@pytest.mark.parametrize("count", [1, 100, 10_000, 1_000_000])
def test_few_points_and_many_are_bright_and_not_burnt(count: int) -> None:
    splats = Splats(width=64, height=64, lights=count)
    canvas = splats.canvas()
    chance = np.random.default_rng(3)
    places = np.concatenate([chance.uniform(16, 45, (min(count, 20_000), 2))])
    fewer = count / len(places)
    canvas.light(places, 1.0, np.ones(3) * light_each(count, 1.0, 64 * 64, 0.2) * fewer)
    shown = canvas.picture()[16:45, 16:45, :3]
    assert shown.max() > 100
    assert np.median(shown) < 235
