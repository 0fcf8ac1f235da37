"""Steps in WGSL for the tests of the executors that draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from intentos.plan import Step

MOVING = """
@compute @workgroup_size(8, 8) fn draw(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let on = id.x == uniforms.frame;
  let level = u32(uniforms.level);
  pixels[id.y * uniforms.width + id.x] = select(0xff000000u, 0xff000000u | level, on);
  if (id.x == 0u && id.y == 0u) { sum[0] = f32(uniforms.frame) * 2.0 + uniforms.colour.g; }
}
"""

# lavapipe ends every loop after 65,535 rounds in all; so many workgroups take hours all the same.
ENDLESS = """
@compute @workgroup_size(256) fn spin(@builtin(global_invocation_id) id: vec3u) {
  loop {
    if (atomicAdd(&counter[id.x % 4u], 1u) == 4294967295u && atomicLoad(&counter[5]) == 1u) {
      break;
    }
  }
}
"""


def moving(frames: int = 40, *, code: str = MOVING, **changes: Any) -> Step:
    """A column that walks to the right; ``level`` may be changed to a parameter."""
    arguments: dict[str, Any] = {
        "uniforms": [
            {"name": "level", "value": 200},
            {"name": "colour", "type": "vec4f", "value": [0, 0, 0, 0]},
        ],
        "buffers": [
            {"name": "pixels", "type": "u32", "length": 64 * 48},
            {"name": "sum", "type": "f32", "length": 1},
        ],
        "draw": [{"entry": "draw", "dispatch": [8, 6, 1]}],
        "outputs": [{"buffer": "sum", "name": "total", "dtype": "float32", "shape": [1]}],
        "probes": [{"buffer": "sum", "name": "double", "unit": "px", "every": 3}],
        "width": 64,
        "height": 48,
        "frames": frames,
    }
    return Step(id="move", language="wgsl", code=code, arguments=arguments | changes, needs={"gpu"})


def endless() -> Step:
    """A program whose only dispatch never ends."""
    return Step(
        id="spin",
        language="wgsl",
        code=ENDLESS,
        arguments={
            "buffers": [{"name": "counter", "type": "atomic<u32>", "length": 8}],
            "step": [{"entry": "spin", "dispatch": [65_535, 1, 1]}],
            "width": 1,
            "height": 1,
            "frames": 2,
        },
        needs={"gpu"},
    )


def processes(mention: Path) -> set[int]:
    """The running processes that work in a folder or below it."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            folder = (entry / "cwd").readlink()
        except OSError:
            continue  # it ended meanwhile, or is not ours
        if folder.is_relative_to(mention):
            found.add(int(entry.name))
    return found
