"""ProgramRunner on a real adapter (lavapipe where there is no GPU)."""

from __future__ import annotations

import math
import re
import struct
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intentos.bindings import fold_seed, layout, pack, standard_values
from intentos.errors import ExecutorError, ExecutorUnavailable, InvalidProgram
from intentos.executors import gpu
from intentos.executors.gpu import ProgramRunner, adapters, choose_adapter, shader_problem
from intentos.program import GpuProgram, load
from intentos.types import sha256

try:
    choose_adapter()
except ExecutorUnavailable as error:
    pytest.skip(f"no GPU adapter: {error}", allow_module_level=True)

HEAT = """
override rate: f32 = 0.1;
@compute @workgroup_size(8, 8) fn start(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  u[id.y * uniforms.width + id.x] = select(0.0, uniforms.hot, id.x == 0u && id.y == 0u);
}
fn at(x: i32, y: i32) -> f32 {
  let w = i32(uniforms.width); let h = i32(uniforms.height);
  return u[u32(((y + h) % h) * w + (x + w) % w)];
}
@compute @workgroup_size(8, 8) fn diffuse(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let x = i32(id.x); let y = i32(id.y);
  let lap = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4.0 * at(x, y);
  v[id.y * uniforms.width + id.x] = at(x, y) + rate * lap;
}
@compute @workgroup_size(8, 8) fn draw(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  let i = id.y * uniforms.width + id.x;
  pixels[i] = u32(clamp(u[i], 0.0, 255.0)) | (uniforms.step << 8u) | 0xff000000u;
}
"""


def heat(size: int = 16, **changes: Any) -> GpuProgram:
    groups = ((size + 7) // 8, (size + 7) // 8, 1)
    data: dict[str, Any] = {
        "source": HEAT,
        "uniforms": [{"name": "hot", "value": "$hot"}],
        "buffers": [
            {"name": "u", "type": "f32", "length": size * size},
            {"name": "v", "type": "f32", "length": size * size},
            {"name": "pixels", "type": "u32", "length": size * size},
        ],
        "start": [{"entry": "start", "dispatch": groups}],
        "step": [{"entry": "diffuse", "dispatch": groups, "constants": {"rate": 0.2}}],
        "draw": [{"entry": "draw", "dispatch": groups}],
        "swaps": [["u", "v"]],
        "outputs": [{"buffer": "u", "name": "u", "dtype": "float32", "shape": [size, size]}],
        "probes": [
            {"buffer": "u", "name": "total", "reduction": "sum", "count": size * size},
            {"buffer": "u", "name": "corner", "every": 2},
        ],
        "width": size,
        "height": size,
        "steps_per_frame": 3,
        "frames": 5,
    }
    return load(data | changes)


def rolled(u: np.ndarray[Any, Any], rounds: int) -> np.ndarray[Any, Any]:
    for _ in range(rounds):
        around = sum(np.roll(u, shift, axis) for axis in (0, 1) for shift in (1, -1))
        u = u + 0.2 * (around - 4 * u)
    return u


def test_heat_matches_numpy_with_swaps_constants_probes_and_outputs() -> None:
    runner = ProgramRunner(heat(), {"hot": 200.0}, seed=1)
    frames = list(runner.frames())
    assert [index for index, _ in frames] == [0, 1, 2, 3, 4]
    expected = np.zeros((16, 16))
    expected[0, 0] = 200
    first = np.frombuffer(frames[0][1], np.uint8).reshape(16, 16, 4)
    assert tuple(first[0, 0]) == (200, 0, 0, 255)
    for index, pixels in frames:
        red = np.frombuffer(pixels, np.uint8).reshape(16, 16, 4)[..., 0]
        assert np.abs(red - rolled(expected, 3 * index)).max() <= 1
    np.testing.assert_allclose(runner.outputs()["u"], rolled(expected, 12), rtol=1e-4, atol=1e-4)
    assert [frame for frame, _ in runner.series["total"]] == [0, 1, 2, 3, 4]
    assert [frame for frame, _ in runner.series["corner"]] == [0, 2, 4]
    assert all(abs(total - 200) < 1e-2 for _, total in runner.series["total"])
    assert runner.series["corner"][1][1] == pytest.approx(rolled(expected, 6)[0, 0], rel=1e-4)


def test_every_round_sees_its_own_step_and_time() -> None:
    """Passes run in order, ``repeat`` times, and a round's uniforms are the round's own."""
    source = """
    fn note(kind: u32) {
      let at = log[0] + 1u;
      log[0] = at;
      log[at] = kind * 1000000u + uniforms.frame * 10000u + uniforms.step * 100u
        + u32(uniforms.time * 2.0);
    }
    @compute @workgroup_size(1) fn s() { note(1u); }
    @compute @workgroup_size(1) fn a() { note(2u); }
    @compute @workgroup_size(1) fn b() { note(3u); }
    @compute @workgroup_size(1) fn d() { note(4u); pixels[0] = 0u; }
    """
    one = [1, 1, 1]
    program = load(
        {
            "source": source,
            "buffers": [
                {"name": "log", "type": "u32", "length": 1000},
                {"name": "pixels", "type": "u32", "length": 1},
            ],
            "start": [{"entry": "s", "dispatch": one}],
            "step": [{"entry": "a", "dispatch": one}, {"entry": "b", "dispatch": one, "repeat": 2}],
            "draw": [{"entry": "d", "dispatch": one}],
            "outputs": [{"buffer": "log", "name": "log", "dtype": "uint32", "shape": [1000]}],
            "width": 1,
            "height": 1,
            "dt": 0.5,
            "steps_per_frame": 2,
            "frames": 20,
        }
    )
    runner = ProgramRunner(program, {}, seed=0)
    assert len(list(runner.frames())) == 20
    log = runner.outputs()["log"]

    def entry(kind: int, frame: int, step: int) -> int:
        return kind * 1_000_000 + frame * 10_000 + step * 100 + step

    wanted = [entry(1, 0, 0), entry(4, 0, 0)]
    for frame in range(1, 20):
        for step in (2 * frame - 2, 2 * frame - 1):
            wanted += [entry(2, frame, step), entry(3, frame, step), entry(3, frame, step)]
        wanted.append(entry(4, frame, 2 * frame))
    assert log[0] == len(wanted)
    assert log[1 : len(wanted) + 1].tolist() == wanted


TYPES = {"f32": 1, "i32": 1, "u32": 1, "vec2f": 2, "vec4f": 4}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(kinds=st.lists(st.sampled_from(sorted(TYPES)), max_size=9), seed=st.integers(0, 2**63 - 1))
def test_shader_reads_every_uniform_where_pack_put_it(kinds: list[str], seed: int) -> None:
    own = [
        {
            "name": f"own{i}",
            "type": kind,
            "value": i + 1 if TYPES[kind] == 1 else [i + 1 + c / 8 for c in range(TYPES[kind])],
        }
        for i, kind in enumerate(kinds)
    ]
    base: dict[str, Any] = {
        "source": "@compute @workgroup_size(1) fn read() {}",
        "uniforms": own,
        "buffers": [{"name": "seen", "type": "u32", "length": 100}],
        "step": [{"entry": "read", "dispatch": [1, 1, 1]}],
        "outputs": [{"buffer": "seen", "name": "seen", "dtype": "uint32", "shape": [100]}],
        "width": 640,
        "height": 480,
        "dt": 0.25,
        "frames": 2,
        "view": {"yaw": 1.5, "pitch": -0.5, "spin": 3.0, "pan": [0.5, 2.0]},
    }
    offsets, _ = layout(load(base))
    lines: list[str] = []
    places: list[int] = []
    for name, (offset, kind) in offsets.items():
        for component in range(TYPES[kind]):
            part = f"uniforms.{name}" + (f"[{component}]" if TYPES[kind] > 1 else "")
            lines.append(f"seen[{len(places)}] = bitcast<u32>({part});")
            places.append(offset + 4 * component)
    base["source"] = "@compute @workgroup_size(1) fn read() {\n" + "\n".join(lines) + "\n}"
    program = load(base)
    runner = ProgramRunner(program, {}, seed=seed)
    list(runner.frames())
    values = standard_values(program, frame=1, step=0, seed=seed)
    block = pack(program, values | {str(u["name"]): u["value"] for u in own})
    wanted = [struct.unpack_from("<I", block, place)[0] for place in places]
    assert runner.outputs()["seen"][: len(places)].tolist() == wanted
    assert wanted[[*offsets].index("seed")] == fold_seed(seed)


def test_a_rotation_of_three_buffers_comes_back_after_three_rounds() -> None:
    source = "@compute @workgroup_size(1) fn mark() { if (a[0] == 0u) { a[0] = uniforms.step; } }"
    names = ["a", "b", "c"]
    program = load(
        {
            "source": source,
            "buffers": [{"name": n, "type": "u32", "length": 1} for n in names],
            "step": [{"entry": "mark", "dispatch": [1, 1, 1]}],
            "swaps": [["a", "b"], ["b", "c"]],
            "outputs": [{"buffer": n, "name": n, "dtype": "uint32", "shape": [1]} for n in names],
            "width": 1,
            "height": 1,
            "frames": 5,
        }
    )
    runner = ProgramRunner(program, {}, seed=0)
    list(runner.frames())
    # Rounds 0..3 mark A, B, C, A: round 0 writes 0, so A takes 3. Four rotations are one.
    assert {name: int(value[0]) for name, value in runner.outputs().items()} == {
        "a": 1,
        "b": 2,
        "c": 3,
    }


def test_data_is_handed_in_by_hash() -> None:
    array = np.arange(256, dtype=np.float32)
    digest = sha256(array.tobytes())
    ref = {"sha256": digest, "dtype": "float32", "shape": [16, 16]}
    buffers = [b.model_dump() for b in heat().buffers]
    buffers[0]["data"] = ref
    program = heat(buffers=buffers, start=[], step=[], frames=1)
    runner = ProgramRunner(program, {"hot": 0}, 0, arrays={digest: array.tobytes()})
    list(runner.frames())
    assert runner.outputs()["u"].ravel().tolist() == array.tolist()
    with pytest.raises(InvalidProgram) as missing:
        ProgramRunner(program, {"hot": 0}, 0)
    assert missing.value.code == "gpu.no_data"
    with pytest.raises(InvalidProgram) as forged:
        ProgramRunner(program, {"hot": 0}, 0, arrays={digest: bytes(1024)})
    assert forged.value.code == "gpu.no_data"


@pytest.mark.parametrize(
    ("wrong", "line", "what"),
    [
        ("fn ok() {}\n\n  let = 3;", 3, "expected"),
        ("fn f() -> f32 {\n  let x = 1.0;\n  return y;\n}", 3, "y"),
        ("fn f(x: u32) -> f32 {\n  let y = x\n    + 1u;\n  return y;\n}", 3, "return"),
    ],
)
def test_a_shader_that_does_not_compile_names_the_line_of_the_source(
    wrong: str, line: int, what: str
) -> None:
    with pytest.raises(InvalidProgram) as error:
        ProgramRunner(heat(source=wrong + HEAT), {"hot": 1}, 0)
    assert error.value.code == "gpu.shader"
    assert error.value.arguments["line"] == line
    assert what in str(error.value.arguments["what"])


def test_an_unknown_complaint_is_still_an_error() -> None:
    assert shader_problem("", heat()).code == "gpu.shader"
    assert shader_problem("something odd", heat()).arguments["what"] == "something odd"


def test_a_constant_that_is_not_in_the_shader_is_refused() -> None:
    step = [{"entry": "diffuse", "dispatch": [2, 2, 1], "constants": {"speed": 1}}]
    with pytest.raises(InvalidProgram) as error:
        ProgramRunner(heat(step=step), {"hot": 1}, 0)
    assert error.value.code == "gpu.pipeline"
    assert "speed" in str(error.value)


def test_what_the_adapter_cannot_give_is_refused_before_allocation() -> None:
    with pytest.raises(InvalidProgram) as error:
        ProgramRunner(heat(requires={"maxStorageBuffersPerShaderStage": 10**6}), {"hot": 1}, 0)
    assert error.value.code == "gpu.limit"
    assert int(str(error.value.arguments["largest"])) >= 8
    with pytest.raises(InvalidProgram) as unknown:
        ProgramRunner(heat(requires={"maxWishes": 3}), {"hot": 1}, 0)
    assert unknown.value.code == "gpu.unknown_limit"


def test_the_device_has_the_portable_limits_and_what_the_program_requires() -> None:
    """The adapter would allow more; another home of the program would not."""
    limits = ProgramRunner(heat(), {"hot": 1}, 0)._gpu.limits
    assert limits["max-storage-buffers-per-shader-stage"] == 8
    assert limits["max-compute-invocations-per-workgroup"] == 256
    wide = heat(requires={"maxStorageBuffersPerShaderStage": 9})
    if choose_adapter().limits["max-storage-buffers-per-shader-stage"] >= 9:
        limits = ProgramRunner(wide, {"hot": 1}, 0)._gpu.limits
        assert limits["max-storage-buffers-per-shader-stage"] == 9


def test_batches_stay_short_whatever_a_dispatch_costs() -> None:
    """Forty slow dispatches in one frame are submitted a few at a time."""
    source = """
    @compute @workgroup_size(64) fn slow(@builtin(global_invocation_id) id: vec3u) {
      var x = id.x;
      for (var i = 0u; i < 20000u; i++) { x = x * 747796405u + 2891336453u; }
      sink[id.x] = x;
    }"""
    program = load(
        {
            "source": source,
            "buffers": [{"name": "sink", "type": "u32", "length": 16_384}],
            "step": [{"entry": "slow", "dispatch": [256, 1, 1], "repeat": 40}],
            "width": 1,
            "height": 1,
            "frames": 2,
        }
    )
    seen: list[float] = []

    class Timed(ProgramRunner):
        def _learn(self, batch: Any, seconds: float) -> None:
            if batch.counts:
                seen.append(seconds)
            super()._learn(batch, seconds)

    list(Timed(program, {}, 0).frames())
    each = sum(seen) / 40
    assert len(seen) >= min(40, 40 * each / (4 * gpu.BATCH_SECONDS))
    assert max(seen[1:]) < max(10 * gpu.BATCH_SECONDS, 5 * each)


def test_adapters_are_told_best_first() -> None:
    order = ["DiscreteGPU", "IntegratedGPU", "VirtualGPU", "Unknown", "CPU"]
    kinds = [order.index(a.kind) for a in adapters()]
    assert kinds == sorted(kinds)
    first = adapters()[0]
    assert re.fullmatch(r".+ · \w+ · \w+", first.text)
    assert gpu.describe(choose_adapter(first.name.upper())).name == first.name
    with pytest.raises(ExecutorUnavailable) as error:
        choose_adapter("no such adapter")
    assert first.name in str(error.value.arguments["known"])


def test_probe_reductions() -> None:
    data = np.array([5, 1, 9, 2, 7], np.float32)
    probe = {"buffer": "u", "name": "p", "count": 3, "stride": 2, "scale": 2.0}
    got = {}
    for reduction in ("sum", "mean", "minimum", "maximum", "first"):
        program = heat(probes=[probe | {"reduction": reduction}])
        got[reduction] = gpu.reduce(program.probes[0], "float32", data.tobytes())
    assert got == {"sum": 42.0, "mean": 14.0, "minimum": 10.0, "maximum": 18.0, "first": 10.0}
    assert not math.isnan(sum(got.values()))


SPENDER = """
import resource
from intentos.executors.gpu import ProgramRunner
from intentos.program import GpuProgram

def program(length):
    return GpuProgram.model_validate({
        "schema": 1, "width": 16, "height": 16, "frames": 2,
        "source": "@compute @workgroup_size(1) fn go() { a0[0] += 1.0; }",
        "buffers": [{"name": f"a{i}", "type": "f32", "length": length} for i in range(8)],
        "step": [{"entry": "go", "dispatch": [1, 1, 1]}],
    })

for _ in ProgramRunner(program(64), {}, 1).frames():
    pass  # the driver's own memory is there now
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
unlimited = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, unlimited[1]))
try:
    for _ in ProgramRunner(program(2**25), {}, 1).frames():
        pass
except Exception as error:
    print(type(error).__name__, error.code)
resource.setrlimit(resource.RLIMIT_AS, unlimited)
print(sum(1 for _ in ProgramRunner(program(64), {}, 1).frames()))
"""


def test_a_device_without_memory_is_told_and_the_next_program_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SPENDER], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.stdout.splitlines() == ["ExecutorError gpu.out_of_memory", "2"], done.stderr


def test_a_lost_device_is_told_and_the_next_program_runs() -> None:
    program, values = heat(frames=6), {"hot": 200.0}
    runner = ProgramRunner(program, values, 1)
    frames = runner.frames()
    next(frames)
    runner._gpu.destroy()
    with pytest.raises(ExecutorError) as lost:
        list(frames)
    assert lost.value.code == "gpu.device_lost"
    assert len(list(ProgramRunner(program, values, 1).frames())) == 6
