"""The camera: GPU and NumPy see the same place, and turning goes round the origin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from intentos.gpu_kernels.camera import Camera, camera_wgsl
from intentos.gpu_kernels.prelude import prelude_wgsl
from intentos.program import Buffer, GpuProgram, Output, Pass, View

from .drawing import draw

SOURCE = """
@compute @workgroup_size(64)
fn look(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  let p = 2.0 * vec3f(random(i, 0u, 0u), random(i, 1u, 0u), random(i, 2u, 0u)) - 1.0;
  places[2u * i] = vec4f(p, 0.0);
  places[2u * i + 1u] = project(p);
  pixels[i] = 0u;
}
"""


@pytest.mark.parametrize(
    "view",
    [View(), View(yaw=0.7, pitch=0.4, distance=2.2, zoom=1.7, spin=2.0, pan=(0.1, -0.2))],
)
def test_projection_is_the_twins(view: View) -> None:
    program = GpuProgram(
        source=prelude_wgsl() + camera_wgsl() + SOURCE,
        buffers=(
            Buffer(name="pixels", type="u32", length=160 * 90),
            Buffer(name="places", type="vec4f", length=128),
        ),
        draw=(Pass(entry="look", dispatch=(1, 1, 1)),),
        outputs=(Output(buffer="places", name="places", dtype="float32", shape=(64, 2, 4)),),
        width=160,
        height=90,
        frames=3,
        view=view,
    )
    evidence, _ = draw({}, program)
    places = evidence.outputs["places"]
    camera = Camera.at(view, 2, 30.0, 160, 90)
    at, depth, unit = camera.project(places[:, 0, :3])
    assert np.allclose(places[:, 1, :2], at, atol=2e-3)
    assert np.allclose(places[:, 1, 2], depth, atol=1e-5)
    assert np.allclose(places[:, 1, 3], unit, rtol=1e-4)


def test_a_turn_brings_the_near_side_to_the_right_and_keeps_lengths() -> None:
    camera = Camera(width=100, height=100, yaw=math.pi / 2)
    assert np.allclose(camera.turned(np.array([0.0, 0.0, 1.0])), [1, 0, 0])
    tilted = Camera(width=100, height=100, yaw=0.3, pitch=math.pi / 2)
    assert np.allclose(tilted.turned(np.array([0.0, 1.0, 0.0])), [0, 0, 1])  # seen from above
    v = np.random.default_rng(1).normal(size=(20, 3))
    assert np.allclose(np.linalg.norm(tilted.turned(v), axis=1), np.linalg.norm(v, axis=1))


def test_a_sphere_of_radius_one_fits_the_picture() -> None:
    angles = np.linspace(0, math.tau, 60)
    ring = np.stack([np.cos(angles), np.sin(angles), 0 * angles], -1)
    for size in ((512, 512), (256, 144), (90, 200)):
        at, _, _ = Camera(width=size[0], height=size[1]).project(ring)
        assert (at > 0).all()
        assert (at < np.array(size)).all()
        assert np.ptp(at[:, 0]) > 0.75 * min(size)
