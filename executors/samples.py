"""Sample steps of the built-in languages: ``intentos executors check`` tries executors on them."""

from __future__ import annotations

from typing import Any

from intentos.plan import Step
from intentos.registry import Registry
from intentos.samples import Samples

_FORKS = """
import os, time
if os.fork() == 0:
    os.setsid()
    os.fork()
time.sleep(1e9)
"""
_MEETS = """
import os, time
for folder in (".", "/tmp", "/dev/shm"):
    if os.path.isdir(folder):
        open(f"{folder}/trace", "x").close()
time.sleep(1)
assert os.listdir("/dev/shm") == ["trace"], os.listdir("/dev/shm")
"""
_COLUMN = """
@compute @workgroup_size(8, 8) fn draw(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let level = 0xff000000u | (uniforms.seed & 0xffffffu);
  pixels[id.y * uniforms.width + id.x] = select(0xff000000u, level, id.x == uniforms.frame);
  if (id.x == 0u && id.y == 0u) { last[0] = uniforms.seed; }
}
"""
# lavapipe ends every loop after 65,535 rounds in all; so many workgroups take hours all the same.
_SPIN = """
@compute @workgroup_size(256) fn spin(@builtin(global_invocation_id) id: vec3u) {
  loop {
    if (atomicAdd(&counter[id.x % 4u], 1u) == 4294967295u && atomicLoad(&counter[5]) == 1u) {
      break;
    }
  }
}
"""


def python() -> Samples:
    """Return the samples of ``python``."""
    return Samples(
        language="python",
        hello="print('hello')",
        fails="print('so far')\nraise ValueError('a word of mine')",
        complaint="a word of mine",
        sleeps=_FORKS,
        makes_file="save('note', 'done')",
        floods="for i in range(100_000): print('water', i)",
        meets=_MEETS,
        draws="import random\nprint(random.random(), hash('word'))",
        echoes="print(parameters['words'])",
        reads_input="print(open(inputs['given']).read())",
        takes_memory="print(len(b'x' * 2**31))",
        fills_disk="save('big', 'x' * 20_000_000)",
        reads_file=lambda path: f"print(open({str(path)!r}).read())",
        connects=lambda port: f"import socket; socket.create_connection(('127.0.0.1', {port}))",
    )


def wgsl() -> Samples:
    """Return the samples of ``wgsl``."""
    column: dict[str, Any] = {
        "buffers": [
            {"name": "pixels", "type": "u32", "length": 64 * 48},
            {"name": "last", "type": "u32", "length": 1},
        ],
        "draw": [{"entry": "draw", "dispatch": [8, 6, 1]}],
        "outputs": [{"buffer": "last", "name": "last", "dtype": "uint32", "shape": [1]}],
        "width": 64,
        "height": 48,
        "frames": 2,
    }
    spin: dict[str, Any] = {
        "buffers": [{"name": "counter", "type": "atomic<u32>", "length": 8}],
        "step": [{"entry": "spin", "dispatch": [65_535, 1, 1]}],
        "width": 1,
        "height": 1,
        "frames": 2,
    }
    step = Step(id="move", language="wgsl", code=_COLUMN, arguments=column, needs={"gpu"})
    return Samples(
        language="wgsl",
        hello=step,
        stdout="",
        fails=step.model_copy(update={"code": _COLUMN.replace("uniforms.seed;", "nothing;")}),
        complaint="nothing",
        sleeps=step.model_copy(update={"code": _SPIN, "arguments": spin}),
        makes_file=step,
        draws=step,
    )


def kernel() -> Samples:
    """Return the samples of ``kernel``."""
    life = {"rule": "life", "width": 64, "height": 64, "frames": 2}
    # Far from endless, but at half a second a frame it outlasts every limit.
    waves = {"value": "sin(x*y*t)", "width": 2048, "height": 2048, "frames": 200}
    return Samples(
        language="kernel",
        hello=_kernel("automaton", life),
        stdout="",
        fails=_kernel("automaton", {"width": 1}),
        complaint="width",
        sleeps=_kernel("pixels", waves),
        makes_file=_kernel("automaton", life),
        draws=_kernel("automaton", life),
    )


def _kernel(name: str, arguments: dict[str, Any]) -> Step:
    return Step(
        id="kernel",
        language="kernel",
        code=name,
        code_hash=Registry().kernel(name).code_hash,
        arguments=arguments,
        needs={"gpu"},
    )
