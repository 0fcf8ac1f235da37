"""``program.js`` in headless Chromium means the same as the Python side on wgpu."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intentos import bindings
from intentos.errors import InvalidProgram
from intentos.executors.gpu import ProgramRunner
from intentos.program import (
    RESERVED,
    STANDARD_UNIFORMS,
    ArrayRef,
    Buffer,
    GpuProgram,
    Output,
    Pass,
    Probe,
    Uniform,
    View,
    load,
)
from intentos.types import Json, sha256

from .chromium import Chromium, Job, Played, chromium, find_chromium, run_here

BROWSER_ONLY = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with chromium() as browser:
        yield browser


def data_of(program: GpuProgram) -> Json:
    return program.model_dump(mode="json", by_alias=True)


# --- the same layout, header and bytes -----------------------------------------------------------

TAKEN = RESERVED | {name for name, _ in STANDARD_UNIFORMS}
NAMES = st.one_of(
    st.from_regex(r"[a-zA-Z][a-zA-Z0-9_]{0,11}", fullmatch=True),
    # What every JavaScript object inherits must not be taken for a value.
    st.sampled_from(["constructor", "toString", "valueOf", "hasOwnProperty", "length"]),
).filter(lambda name: name not in TAKEN)
# A GPU may flush what is below a float32's smallest normal number.
FLOATS = st.floats(-3.4e38, 3.4e38).map(lambda x: x if abs(x) > 1.2e-38 else 0.0)
KNOBS: dict[str, Any] = {
    "speed": 2.5, "count": 70_000, "loud": True, "colour": "#ff8000", "low": -3, "tiny": -1e-30,
}  # fmt: skip


@st.composite
def uniforms(draw: st.DrawFn, name: str) -> Uniform:
    kind = draw(st.sampled_from(["f32", "i32", "u32", "vec2f", "vec4f"]))
    own = {
        "f32": FLOATS | st.integers(-(2**53), 2**53),
        "i32": st.integers(-(2**31), 2**31 - 1) | st.floats(-1e9, 1e9),
        "u32": st.integers(-(2**40), 2**40) | st.floats(-1e12, 1e12),
        "vec2f": st.lists(FLOATS, min_size=2, max_size=2),
        "vec4f": st.lists(FLOATS, min_size=4, max_size=4),
    }[kind]
    value = draw(own | st.sampled_from([f"${knob}" for knob in KNOBS]))
    return Uniform.model_validate({"name": name, "type": kind, "value": value})


@st.composite
def programs(draw: st.DrawFn) -> GpuProgram:
    names = draw(st.lists(NAMES, min_size=1, max_size=14, unique=True))
    split = draw(st.integers(0, min(7, len(names) - 1)))
    kinds = st.sampled_from(["f32", "i32", "u32", "vec2f", "vec2u", "vec4f", "vec4u"])
    kinds |= st.sampled_from(["atomic<u32>", "atomic<i32>"])
    return load(
        {
            "source": "fn nothing() {}",
            "uniforms": [draw(uniforms(name)) for name in names[split:]],
            "buffers": [{"name": n, "type": draw(kinds), "length": 3} for n in names[:split]],
            "width": draw(st.integers(1, 8192)),
            "height": draw(st.integers(1, 8192)),
            "dt": draw(st.floats(1e-6, 1e3)),
            "frames_per_second": draw(st.floats(1, 240)),
            "view": {"yaw": draw(FLOATS), "pan": draw(st.tuples(FLOATS, FLOATS)), "spin": 0.75},
        }
    )


@st.composite
def moments(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "frame": draw(st.integers(0, 100_000)),
        "step": draw(st.integers(0, 2**31)),
        "seed": draw(st.integers(0, 2**63 - 1)),
    }


@BROWSER_ONLY
@given(st.lists(st.tuples(programs(), moments()), min_size=1, max_size=20))
def test_header_layout_and_bytes_are_the_same(
    browser: Chromium, cases: list[tuple[GpuProgram, dict[str, Any]]]
) -> None:
    script = """([cases, knobs]) => cases.map(([program, moment]) => {
      const values = { ...intentos.standardValues(program, moment),
                       ...intentos.bind(program, knobs) };
      return { header: intentos.header(program), layout: intentos.layout(program),
               block: text(intentos.pack(program, values)),
               empty: text(intentos.pack(program, {})) };
    })"""
    sent = [[data_of(p), {**moment, "seed": str(moment["seed"])}] for p, moment in cases]
    for (program, moment), got in zip(cases, browser.evaluate(script, [sent, KNOBS]), strict=True):
        assert got["header"] == bindings.header(program)
        offsets, size = bindings.layout(program)
        assert {n: tuple(place) for n, place in got["layout"]["offsets"].items()} == offsets
        assert got["layout"]["size"] == size
        values = bindings.standard_values(program, **moment) | bindings.bind(program, KNOBS)
        assert base64.b64decode(got["block"]) == bindings.pack(program, values)
        assert base64.b64decode(got["empty"]) == bindings.pack(program, {})


@BROWSER_ONLY
@given(st.lists(programs(), min_size=1, max_size=4))
def test_a_shader_finds_every_uniform_where_it_was_packed(
    browser: Chromium, cases: list[GpuProgram]
) -> None:
    """The GPU itself is the judge of the layout: it reads each uniform by name."""
    jobs = [Job(echo(case.uniforms), KNOBS) for case in cases]
    for case, job, played in zip(cases, jobs, browser.run(jobs), strict=True):
        assert played.problem is None, (played.problem, job.program.source)
        bound = bindings.bind(case, KNOBS)
        wanted = [word for u in case.uniforms for word in words(u.type, bound[u.name])]
        assert played.outputs["out_echoed"].tolist() == wanted


def echo(own: tuple[Uniform, ...]) -> GpuProgram:
    """A program that writes every component of its uniforms into a buffer, bit by bit."""
    fields = {"vec2f": [".x", ".y"], "vec4f": [".x", ".y", ".z", ".w"]}
    reads = [f"uniforms.{u.name}{field}" for u in own for field in fields.get(u.type, [""])]
    echoed = Buffer(name="echoed", type="u32", length=len(reads))
    lines = [f"echoed[{n}] = bitcast<u32>({read});" for n, read in enumerate(reads)]
    source = f"@compute @workgroup_size(1) fn go_() {{ {' '.join(lines)} }}"
    start = [Pass(entry="go_", dispatch=ONE)]
    return program(source, echoed, uniforms=own, start=start, frames=1, outputs=[output(echoed)])


def words(kind: str, value: Json) -> list[int]:
    """The 32-bit words of a uniform, found without the code under test."""
    parts = value if isinstance(value, list) else [value]
    if kind in ("u32", "i32"):
        return [int(parts[0]) % 2**32]
    count = {"f32": 1, "vec2f": 2, "vec4f": 4}[kind]
    return [int.from_bytes(struct.pack("<f", n), "little") for n in [*parts, 0, 0, 0][:count]]


def test_words_that_browsers_reserve_are_refused_as_names_here(browser: Chromium) -> None:
    accepted = []
    for name in sorted(RESERVED):
        with pytest.raises(InvalidProgram, match=name):
            load({"source": "x", "buffers": [{"name": name, "type": "f32", "length": 1}],
                  "width": 1, "height": 1})  # fmt: skip
        accepted.append(name)
    codes = [
        f"@group(0) @binding(0) var<storage, read_write> {name}: array<f32>;" for name in accepted
    ]
    script = """async (codes) => {
      const device = await intentos.requestDevice();
      const errors = await Promise.all(codes.map(async (code) => {
        device.pushErrorScope("validation");
        const info = await device.createShaderModule({ code }).getCompilationInfo();
        await device.popErrorScope();
        return info.messages.filter((m) => m.type === "error").length;
      }));
      device.destroy();
      return errors;
    }"""
    errors = browser.evaluate(script, codes)
    refused = {name for name, count in zip(accepted, errors, strict=True) if count}
    # Names of types may be shadowed by WGSL's rules, but a shader that does so is unreadable.
    assert len(refused) > 150
    assert {"target", "active", "common", "pass", "filter"} <= refused


# --- small programs, each for one rule -----------------------------------------------------------

SIDE = 16
PICTURE = Buffer(name="pixels", type="u32", length=SIDE * SIDE)
ALL = (SIDE * SIDE // 64, 1, 1)
ONE = (1, 1, 1)
ENTRY = "@compute @workgroup_size(64) fn {}(@builtin(global_invocation_id) id: vec3u)"


def entry(name: str, body: str) -> str:
    return f"{ENTRY.format(name)} {{ let i = id.x; {body} }}\n"


def program(source: str, *buffers: Buffer, **more: Any) -> GpuProgram:
    return GpuProgram(source=source, buffers=buffers, width=SIDE, height=SIDE, **more)


def output(buffer: Buffer, dtype: str = "uint32", components: int = 1) -> Output:
    shape = (buffer.length,) if components == 1 else (buffer.length, components)
    return Output.model_validate(
        {"buffer": buffer.name, "name": f"out_{buffer.name}", "dtype": dtype, "shape": shape}
    )


HASH = """fn mix32(x: u32) -> u32 {
  let a = (x ^ (x >> 16u)) * 0x7feb352du; let b = (a ^ (a >> 15u)) * 0x846ca68bu;
  return b ^ (b >> 16u);
}
"""


def ping_pong() -> Job:
    """Life on two buffers that are swapped; an odd number of rounds lies between frames."""
    now = Buffer(name="cells", type="u32", length=SIDE * SIDE)
    then = Buffer(name="previous", type="u32", length=SIDE * SIDE)
    source = (
        HASH
        + entry("seed_cells", "cells[i] = mix32(i ^ uniforms.seed) & 1u;")
        + entry(
            "life",
            """var near = 0u;
            for (var d = 0u; d < 9u; d++) {
              let x = (i % 16u + d % 3u + 15u) % 16u; let y = (i / 16u + d / 3u + 15u) % 16u;
              if (d != 4u) { near += cells[y * 16u + x]; }
            }
            previous[i] = select(0u, 1u, near == 3u || (near == 2u && cells[i] == 1u));""",
        )
        + entry("show", "pixels[i] = (cells[i] * 0xffffffu) | 0xff000000u;")
    )
    return Job(
        program(
            source, now, then, PICTURE,
            start=[Pass(entry="seed_cells", dispatch=ALL)],
            step=[Pass(entry="life", dispatch=ALL)],
            draw=[Pass(entry="show", dispatch=ALL)],
            swaps=[("cells", "previous")], steps_per_frame=3, frames=4,
            outputs=[output(now), output(then)],
            probes=[Probe(buffer="cells", name="alive", reduction="sum", count=SIDE * SIDE)],
        ),
        seed=2**62 + 12345,
    )  # fmt: skip


def three_swaps() -> Job:
    """Swaps act one after another: three buffers turn in a ring."""
    a, b, c = (Buffer(name=n, type="u32", length=64) for n in ("a", "b", "c"))
    source = entry("fill", "a[i] = i; b[i] = 100u + i; c[i] = 200u + i;") + entry("add", "a[i]++;")
    return Job(
        program(
            source, a, b, c,
            start=[Pass(entry="fill", dispatch=ONE)], step=[Pass(entry="add", dispatch=ONE)],
            swaps=[("a", "b"), ("b", "c")], steps_per_frame=2, frames=3,
            outputs=[output(a), output(b), output(c)],
        )
    )  # fmt: skip


def overrides() -> Job:
    """One entry point three times with other constants, and repeated."""
    cells = Buffer(name="cells", type="f32", length=64)
    source = "override rate: f32 = 1.0; override twice: bool = false; override n: u32 = 1u;\n"
    source += entry("grow", "cells[i] += rate * f32(n) * select(1.0, 2.0, twice);")
    return Job(
        program(
            source, cells,
            start=[Pass(entry="grow", dispatch=ONE)],
            step=[
                Pass(entry="grow", dispatch=ONE, constants={"rate": 0.125}, repeat=5),
                Pass(entry="grow", dispatch=ONE, constants={"rate": -8, "twice": 1, "n": 3}),
            ],
            frames=3, outputs=[output(cells, "float32")],
        )
    )  # fmt: skip


def long_frames() -> Job:
    """More rounds and repeats in a frame than one submit holds; each round sees its own step."""
    log = Buffer(name="log", type="u32", length=700)
    total = Buffer(name="total", type="atomic<u32>", length=2)
    source = entry("note", "if (i == 0u) { log[uniforms.step] = uniforms.step * 1000u + "
                   "uniforms.frame; atomicAdd(&total[1], uniforms.step); }")  # fmt: skip
    source += entry("count", "if (i == 0u) { atomicAdd(&total[0], 1u); }")
    return Job(
        program(
            source, log, total,
            step=[
                Pass(entry="note", dispatch=ONE),
                Pass(entry="count", dispatch=ONE, repeat=7),
            ],
            steps_per_frame=230, frames=4, outputs=[output(log), output(total)],
        )
    )  # fmt: skip


def vectors() -> Job:
    """Vectors of floats and integers in memory."""
    place = Buffer(name="place", type="vec2f", length=64)
    colour = Buffer(name="colour", type="vec4f", length=64)
    pair = Buffer(name="pair", type="vec2u", length=64)
    four = Buffer(name="four", type="vec4u", length=64)
    source = entry(
        "shift",
        """let f = f32(i); place[i] += vec2f(f * uniforms.dt, -f) + uniforms.push;
        colour[i] = uniforms.tint * f; pair[i] += vec2u(i, uniforms.step);
        four[i] = vec4u(pair[i], i, bitcast<u32>(uniforms.sign));""",
    )
    return Job(
        program(
            source, place, colour, pair, four,
            uniforms=[
                Uniform(name="push", type="vec2f", value=[0.5, -0.25]),
                Uniform(name="tint", type="vec4f", value="$colour"),
                Uniform(name="sign", type="i32", value=-5),
            ],
            step=[Pass(entry="shift", dispatch=ONE)], dt=0.125, steps_per_frame=2, frames=3,
            outputs=[output(place, "float32", 2), output(colour, "float32", 4),
                     output(pair, "uint32", 2), output(four, "uint32", 4)],
        ),
        {"colour": "#3366cc"},
    )  # fmt: skip


def atomics() -> Job:
    """A histogram of seeded random numbers, with counts of both signs."""
    bins = Buffer(name="bins", type="atomic<u32>", length=8)
    balance = Buffer(name="balance", type="atomic<i32>", length=2)
    source = HASH + entry(
        "throw_dice",
        """let r = mix32(i ^ mix32(uniforms.step ^ mix32(uniforms.seed)));
        atomicAdd(&bins[r & 7u], 1u); atomicAdd(&balance[0], -i32(r & 3u));
        atomicMin(&balance[1], -i32(i));""",
    )
    source += entry("show", "pixels[i] = (atomicLoad(&bins[i % 8u]) * 1000u) | 0xff000000u;")
    return Job(
        program(
            source, bins, balance, PICTURE,
            step=[Pass(entry="throw_dice", dispatch=(3, 2, 2))],
            draw=[Pass(entry="show", dispatch=ALL)], frames=5,
            outputs=[output(bins), output(balance, "int32")],
            probes=[Probe(buffer="balance", name="balance", scale=0.5)],
        ),
        seed=987654321987654321,
    )  # fmt: skip


def reductions() -> Job:
    """Every reduction over every type, with offset, stride, scale and every."""
    floats = Buffer(name="floats", type="f32", length=64)
    pairs = Buffer(name="pairs", type="vec2f", length=64)
    signed = Buffer(name="signed", type="i32", length=64)
    counts = Buffer(name="counts", type="atomic<u32>", length=64)
    source = entry(
        "fill",
        """let k = i + uniforms.frame * 7u; floats[i] = f32(k % 13u) * 0.5 - 2.0;
        pairs[i] = vec2f(f32(k), -f32(k)); signed[i] = 5 - i32(k % 11u);
        atomicStore(&counts[i], 4000000000u + k);""",
    )
    each = [
        Probe(buffer=b.name, name=f"{b.name}_{r}", reduction=r, offset=3, count=9, stride=4,
              scale=0.25, every=1 + n)
        for b in (floats, pairs, signed, counts)
        for n, r in enumerate(("sum", "mean", "minimum", "maximum", "first"))
    ]  # fmt: skip
    return Job(
        program(
            source, floats, pairs, signed, counts,
            start=[Pass(entry="fill", dispatch=ONE)], step=[Pass(entry="fill", dispatch=ONE)],
            frames=7, probes=each,
        )
    )  # fmt: skip


def moments_seen() -> Job:
    """What start, step and draw see of frame, step, time, size, seed and the turning camera."""
    log = Buffer(name="log", type="f32", length=256)
    note = """let at = (uniforms.frame * 4u + {}u) * 8u; if (i == 0u) {{
      log[at] = f32(uniforms.step); log[at + 1u] = uniforms.time; log[at + 2u] = uniforms.yaw;
      log[at + 3u] = uniforms.dt; log[at + 4u] = f32(uniforms.width + 100u * uniforms.height);
      log[at + 5u] = uniforms.pan.y; log[at + 6u] = uniforms.pointer.w + uniforms.zoom;
      log[at + 7u] = f32(uniforms.seed >> 8u); }}"""
    source = "".join(entry(name, note.format(n)) for n, name in enumerate(("a", "b", "c")))
    source += entry("d", "pixels[i] = 255u << 24u;")
    return Job(
        program(
            source, log, PICTURE,
            start=[Pass(entry="a", dispatch=ONE)], step=[Pass(entry="b", dispatch=ONE)],
            draw=[Pass(entry="c", dispatch=ONE), Pass(entry="d", dispatch=ALL)],
            steps_per_frame=3, frames=6, dt=0.1, frames_per_second=24,
            view=View(yaw=0.3, spin=1.7, pan=(1, -2), zoom=2.5), outputs=[output(log, "float32")],
        ),
        seed=2**63 - 1,
    )  # fmt: skip


def given_array() -> Job:
    """A large input by reference."""
    numbers = np.arange(64, dtype=np.float32) ** 2
    ref = ArrayRef(sha256=sha256(numbers.tobytes()), dtype="float32", shape=(8, 8))
    table = Buffer(name="table", type="f32", length=64, data=ref)
    return Job(
        program(
            entry("halve", "table[i] *= 0.5;"), table,
            step=[Pass(entry="halve", dispatch=ONE)], frames=3, outputs=[output(table, "float32")],
        ),
        arrays={ref.sha256: numbers.tobytes()},
    )  # fmt: skip


def knobs() -> Job:
    """Parameters of every kind that a uniform can take."""
    out = Buffer(name="seen", type="vec4f", length=64)
    source = entry(
        "look",
        "seen[i] = vec4f(uniforms.speed, f32(uniforms.count), f32(uniforms.loud), uniforms.grey);",
    )
    return Job(
        program(
            source, out,
            uniforms=[
                Uniform(name="speed", value="$speed"), Uniform(name="grey", value="$colour"),
                Uniform(name="count", type="u32", value="$count"),
                Uniform(name="loud", type="i32", value="$loud"),
            ],
            draw=[], start=[Pass(entry="look", dispatch=ONE)], frames=1,
            outputs=[output(out, "float32", 4)],
        ),
        {"speed": 0.1, "count": 4_000_000_000, "loud": True, "colour": "#804020"},
    )  # fmt: skip


SMALL = (
    ping_pong, three_swaps, overrides, long_frames, vectors, atomics, reductions, moments_seen,
    given_array, knobs,
)  # fmt: skip


@pytest.fixture(scope="module")
def played(browser: Chromium) -> dict[str, tuple[Job, Played]]:
    jobs = {make.__name__: make() for make in SMALL}
    return {
        name: (job, result)
        for (name, job), result in zip(jobs.items(), browser.run([*jobs.values()]), strict=True)
    }


@pytest.mark.parametrize("name", [make.__name__ for make in SMALL])
def test_a_small_program_gives_the_same_in_the_browser(
    played: dict[str, tuple[Job, Played]], name: str
) -> None:
    job, browser = played[name]
    here = run_here(job)
    assert browser.problem is None
    assert len(browser.frames) == len(here.frames)
    for ours, theirs in zip(here.frames, browser.frames, strict=True):
        np.testing.assert_array_equal(theirs, ours)
    assert browser.outputs.keys() == here.outputs.keys()
    for key, wanted in here.outputs.items():
        assert browser.outputs[key].dtype == wanted.dtype
        np.testing.assert_allclose(browser.outputs[key], wanted, rtol=1e-6, atol=0)
    assert browser.series.keys() == here.series.keys()
    for key, series in here.series.items():
        assert [frame for frame, _ in browser.series[key]] == [frame for frame, _ in series]
        np.testing.assert_allclose(
            [number for _, number in browser.series[key]], [number for _, number in series]
        )


def test_the_small_programs_do_what_they_say(played: dict[str, tuple[Job, Played]]) -> None:
    """Both sides could be wrong alike; these numbers were worked out by hand."""
    log, total = (played["long_frames"][1].outputs[f"out_{n}"] for n in ("log", "total"))
    assert log[:690].tolist() == [step * 1000 + step // 230 + 1 for step in range(690)]
    assert total.tolist() == [690 * 7, 690 * 689 // 2]
    ring = [played["three_swaps"][1].outputs[f"out_{n}"][0] for n in "abc"]
    # Each of the four rounds adds one to what a holds, then a takes b's, b c's and c a's content.
    assert ring == [100 + 1, 200 + 1, 0 + 2]
    assert played["overrides"][1].outputs["out_cells"][0] == 1 + 2 * (5 * 0.125 - 48)
    assert played["reductions"][1].series["signed_minimum"][0] == (0, -1.0)
    assert [f for f, _ in played["reductions"][1].series["floats_first"]] == [0, 5]
    knob = played["knobs"][1].outputs["out_seen"][0]
    np.testing.assert_allclose(knob, [0.1, 4e9, 1, 128 / 255], rtol=1e-6)
    seen = played["moments_seen"][1].outputs["out_log"].reshape(8, 4, 8)
    assert seen[:6, 2, 0].tolist() == [0, 3, 6, 9, 12, 15]
    np.testing.assert_allclose(seen[5, 2, 1:3], [1.5, 0.3 + 1.7 * 5 / 24], rtol=1e-6)
    assert len({frame.tobytes() for frame in played["ping_pong"][1].frames}) == 4


# --- what a browser refuses ----------------------------------------------------------------------

BARRIER = """var<workgroup> shared_sum: array<u32, 64>;

@compute @workgroup_size(64) fn go(@builtin(local_invocation_index) i: u32) {
  shared_sum[i] = cells[i];
  if (cells[i] > 3u) {
    workgroupBarrier();
  }
  cells[i] = shared_sum[63u - i];
}
"""
ENDLESS = """@compute @workgroup_size(64) fn go(@builtin(local_invocation_index) i: u32) {
  if (i == 999u) {
    loop { cells[i]++; }
  }
}
"""
MISTYPED = """@compute @workgroup_size(64) fn go(@builtin(local_invocation_index) i: u32) {
  cells[i] = 1.5 * f32(i);
}
"""


def one_pass(source: str, **more: Any) -> GpuProgram:
    cells = Buffer(name="cells", type="u32", length=64)
    return program(source, cells, step=[Pass(entry="go", dispatch=ONE)], frames=2, **more)


@pytest.mark.parametrize(
    ("source", "line", "column", "words"),
    [
        (BARRIER, 6, 5, "uniform control flow"),
        (ENDLESS, 3, 5, "loop"),
        (MISTYPED, 2, 12, "cannot assign"),
    ],
)
def test_what_a_browser_refuses_is_told_with_line_and_column(
    browser: Chromium, source: str, line: int, column: int, words: str
) -> None:
    [played] = browser.run([Job(one_pass(source))])
    assert played.problem is not None
    assert (played.problem.line, played.problem.column) == (line, column)
    assert words in played.problem.message


@pytest.mark.parametrize("source", [BARRIER, ENDLESS])
def test_naga_alone_would_let_it_pass(source: str) -> None:
    """Why kernels and recipes are compiled in Chromium too; they are not run here."""
    assert ProgramRunner(one_pass(source), {}, 1).device


def test_a_refused_program_does_not_disturb_the_next(browser: Chromium) -> None:
    bad, good = browser.run([Job(one_pass(MISTYPED)), ping_pong()])
    assert bad.problem is not None
    assert good.problem is None
    assert len(good.frames) == 4


FINE = "@compute @workgroup_size(64) fn go() { cells[0] = 1u; }"


def changed(**fields: Any) -> Json:
    return data_of(one_pass(FINE)) | fields


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        (changed(schema=2), {}, "format 2"),
        (
            changed(uniforms=[{"name": "speed", "type": "f32", "value": "$fast"}]),
            {"parameters": {}},
            "'speed' needs parameter 'fast'",
        ),
        (
            changed(uniforms=[{"name": "speed", "type": "f32", "value": "$fast"}]),
            {"parameters": {"fast": "very"}},
            "'very' is not a number",
        ),
        (
            changed(step=[{"entry": "go", "dispatch": [1, 1, 1], "constants": {"k": 1},
                           "repeat": 1}]),
            {},
            "entry point 'go'",
        ),
        (changed(requires={"maxStorageBuffersPerShaderStage": 10_000}), {}, "needs maxStorage"),
        (
            changed(buffers=[{"name": "cells", "type": "u32", "length": 64, "data":
                              {"sha256": "0" * 64, "dtype": "uint32", "shape": [64]}}]),
            {},
            "'cells' needs 256 bytes",
        ),
        (
            changed(buffers=[{"name": "cells", "type": "u32", "length": 64, "data":
                              {"sha256": "0" * 64, "dtype": "uint32", "shape": [64]}}]),
            {"arrays": {"0" * 64: "zeros"}},
            "damaged",
        ),
    ],
)  # fmt: skip
def test_what_cannot_run_is_refused_with_a_sentence(
    browser: Chromium, data: Json, options: Json, words: str
) -> None:
    script = """async ([program, options]) => {
      for (const key in options.arrays) options.arrays[key] = new Uint8Array(256);
      try { (await intentos.ProgramPlayer.create(program, options)).destroy(); }
      catch (error) { return [error.name, error.message]; }
    }"""
    name, message = browser.evaluate(script, [data, options])
    assert name == "ProgramError"
    assert words in message


def test_a_buffer_too_large_for_the_gpu_is_refused(browser: Chromium) -> None:
    """A program may ask for more than the defaults; this GPU's own limit then decides."""
    big = Buffer(name="cells", type="u32", length=2**34)
    limits = {"maxStorageBufferBindingSize": 2**36}
    [played] = browser.run([Job(program(FINE, big, requires=limits, frames=1))])
    assert played.problem is not None
    assert "needs max" in played.problem.message


# --- a living player -----------------------------------------------------------------------------

LIVE = entry("go", "sum_[i] += uniforms.speed;") + entry(
    "show",
    """pixels[i] = u32(sum_[0]) | (u32(uniforms.yaw * 10.0) << 8u) | 0xff000000u
      | (u32(uniforms.pointer.x) << 16u);""",
)


def live_program() -> GpuProgram:
    return program(
        LIVE, Buffer(name="sum_", type="f32", length=64), PICTURE,
        uniforms=[Uniform(name="speed", value="$speed")],
        step=[Pass(entry="go", dispatch=ONE)], draw=[Pass(entry="show", dispatch=ALL)], frames=2,
        probes=[Probe(buffer="sum_", name="total")],
    )  # fmt: skip


def test_knobs_and_view_act_on_the_next_frame_and_restart_forgets(browser: Chromium) -> None:
    script = """async (data) => {
      const player = await intentos.ProgramPlayer.create(data, { parameters: { speed: 1 } });
      const seen = [], look = async () => seen.push([...(await player.readPixels()).slice(0, 4)]);
      await player.start(); await look();
      await player.frame(); await look();
      player.setParameter("speed", 10);
      player.setView({ yaw: 1.5, pointer: [7, 0, 0, 1] });
      await player.frame(); await look();
      const before = player.probes;
      await player.restart(); await player.frame(); await look();
      let wrong = null;
      try { player.setParameter("speed", "fast"); } catch (error) { wrong = error.message; }
      await player.frame(); await look();
      const after = [player.probes, player.index, player.rounds];
      player.destroy();
      let gone = null;
      try { await player.frame(); } catch (error) { gone = error.message; }
      return { seen, before, after, wrong, gone };
    }"""
    result = browser.evaluate(script, data_of(live_program()))
    assert result["seen"] == [
        [0, 0, 0, 255],
        [1, 0, 0, 255],
        [11, 15, 7, 255],
        [10, 15, 7, 255],
        [20, 15, 7, 255],
    ]
    assert result["before"] == {"total": [[0, 0], [1, 1], [2, 11]]}
    assert result["after"] == [{"total": [[0, 0], [1, 10], [2, 20]]}, 2, 2]
    assert "'fast' is not a number" in result["wrong"]
    assert "destroyed" in result["gone"]


def test_calls_that_are_not_waited_for_take_their_turns(browser: Chromium) -> None:
    script = """async (data) => {
      const player = await intentos.ProgramPlayer.create(data, { parameters: { speed: 1 } });
      const work = [player.start(), player.frame(), player.readPixels(), player.frame(),
                    player.readPixels()];
      const done = await Promise.all(work);
      player.destroy();
      return [done[2][0], done[4][0]];
    }"""
    assert browser.evaluate(script, data_of(live_program())) == [1, 2]


SHOWN = """async ([data, kind]) => {
  const player = await intentos.ProgramPlayer.create(data, { parameters: { speed: 200 } });
  await player.start(); await player.frame();
  const canvas = document.createElement("canvas"), copy = document.createElement("canvas");
  canvas.getContext(kind);
  await player.present(canvas);
  [copy.width, copy.height] = [canvas.width, canvas.height];
  const flat = copy.getContext("2d");
  flat.drawImage(canvas, 0, 0);
  const shown = flat.getImageData(0, 0, copy.width, copy.height);
  const wanted = await player.readPixels();
  player.destroy();
  return [text(shown.data), text(wanted), shown.width, shown.height];
}"""


def gradient() -> GpuProgram:
    draw = entry("show", "pixels[i] = i | ((255u - i) << 8u) | ((i % 16u) << 20u) | 0xff000000u;")
    return program(draw, PICTURE, draw=[Pass(entry="show", dispatch=ALL)], frames=2)


def test_present_shows_the_pixels_on_a_canvas(browser: Chromium) -> None:
    shown, wanted, width, height = browser.evaluate(SHOWN, [data_of(gradient()), "2d"])
    assert (width, height) == (SIDE, SIDE)
    assert shown == wanted
    assert len(set(base64.b64decode(wanted))) > 100


def test_present_without_leaving_the_gpu() -> None:
    """A canvas whose WebGPU context somebody asked for; compositing needs Vulkan here."""
    vulkan = ("--enable-features=Vulkan", "--use-vulkan=swiftshader", "--use-angle=swiftshader")
    with chromium(*vulkan) as browser:
        shown, wanted, *_ = browser.evaluate(SHOWN, [data_of(gradient()), "webgpu"])
    assert shown == wanted


TRAIL = """
@compute @workgroup_size(1) fn go() { state[0] += 1.0; }
@compute @workgroup_size(8, 8) fn leave(@builtin(global_invocation_id) id: vec3u) {
  let i = id.y * uniforms.width + id.x;
  trail[i] += state[0];
  pixels[i] = u32(trail[i]) | (uniforms.step << 8u) | 0xff000000u;
}"""


def test_a_moment_between_two_frames_changes_nothing_that_comes(browser: Chromium) -> None:
    """Not even where a drawing leaves a trail that the next one goes on from."""
    trail = load(
        {
            "source": TRAIL,
            "buffers": [
                {"name": "pixels", "type": "u32", "length": SIDE * SIDE},
                {"name": "state", "type": "f32", "length": 1},
                {"name": "trail", "type": "f32", "length": SIDE * SIDE},
            ],
            "step": [{"entry": "go", "dispatch": [1, 1, 1]}],
            "draw": [{"entry": "leave", "dispatch": [SIDE // 8, SIDE // 8, 1]}],
            "steps_per_frame": 4,
            "probes": [{"buffer": "state", "name": "rounds"}],
            "width": SIDE,
            "height": SIDE,
        }
    )
    script = """async ([program, moments]) => {
      const player = await intentos.ProgramPlayer.create(program);
      await player.start();
      const frames = [], between = [];
      for (let i = 0; i < 3; i++) {
        for (const ahead of moments) {
          await player.between(ahead);
          between.push((await player.readPixels())[1]); // the rounds done
        }
        await player.frame();
        frames.push(text(await player.readPixels()));
      }
      const { probes, rounds } = player;
      player.destroy();
      return { frames, between, probes, rounds };
    }"""
    plain = browser.evaluate(script, [data_of(trail), []])
    gliding = browser.evaluate(script, [data_of(trail), [0, 0.5, 0.3, 1]])
    assert gliding["between"] == [0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12]
    assert plain.pop("between") == []
    del gliding["between"]
    assert gliding == plain
    assert len(set(plain["frames"])) == 3


SKETCHED = """
@compute @workgroup_size(8, 8) fn lay(@builtin(global_invocation_id) id: vec3u) {
  ground[id.y * uniforms.width + id.x] = 100u * (id.x / 2u % 2u);
}
@compute @workgroup_size(1) fn go() {
  state[0] += 1u;
  ground[uniforms.width * uniforms.height] += 2u; // behind the pixels
}
@compute @workgroup_size(8, 8) fn leave(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width) { return; }
  let i = id.y * uniforms.width + id.x;
  trail[i] += 1u;
  let behind = ground[uniforms.width * uniforms.height];
  pixels[i] = ground[i] | (state[0] << 8u) | (behind << 16u) | (trail[i] << 24u);
}"""


def sketched(side: int) -> Json:
    """Return a program of a picture of this side: a state, a ground that is painted once and has a
    count behind it, and a trail."""
    picture = [-(-side // 8), -(-side // 8), 1]
    return data_of(
        load(
            {
                "source": SKETCHED,
                "buffers": [
                    {"name": "pixels", "type": "u32", "length": side * side},
                    {"name": "state", "type": "u32", "length": 1},
                    {"name": "ground", "type": "u32", "length": side * side + 1},
                    {"name": "trail", "type": "u32", "length": side * side},
                ],
                "start": [{"entry": "lay", "dispatch": picture}],
                "step": [{"entry": "go", "dispatch": [1, 1, 1]}],
                "draw": [{"entry": "leave", "dispatch": picture}],
                "probes": [{"buffer": "ground", "name": "behind", "offset": side * side}],
                "width": side,
                "height": side,
            }
        )
    )


def test_fewer_pixels_change_nothing_that_is_computed(browser: Chromium) -> None:
    """The state, the count behind the pixels and the trail go on; the ground comes back as it was
    painted, and so does every pixel."""
    script = """async ([program, sketch, when]) => {
      const player = await intentos.ProgramPlayer.create(program, { sketch });
      await player.start();
      const ready = await player.prepareSketch(), frames = [], canvas = new OffscreenCanvas(1, 1);
      for (let i = 0; i < 6; i++) {
        if (ready && i === when[0]) await player.sketch(true);
        if (ready && i === when[1]) await player.sketch(false);
        await player.frame();
        await player.present(canvas);
        const pixels = await player.readPixels();
        frames.push([player.sketched, canvas.width, canvas.height, pixels.length,
          ...pixels.slice(0, 4), ...pixels.slice(-4), text(pixels)]);
      }
      if (ready) await player.sketch(true);
      await player.restart();
      const again = [player.sketched, text(await player.readPixels())];
      const { probes } = player;
      player.destroy();
      return { ready, frames, probes, again };
    }"""
    whole, small = sketched(64), sketched(24)
    sketch = {"program": {k: small[k] for k in small if small[k] != whole[k]}, "kept": ["ground"]}
    plain = browser.evaluate(script, [whole, None, [2, 4]])
    found = browser.evaluate(script, [whole, sketch, [2, 4]])
    assert (plain["ready"], found["ready"]) == (False, True)
    assert [frame[:3] for frame in found["frames"]] == [
        [at in (2, 3), *[24 if at in (2, 3) else 64] * 2] for at in range(6)
    ]
    for at, (one, other) in enumerate(zip(plain["frames"], found["frames"], strict=True)):
        assert other[4:12] == one[4:12], at  # ground, state, count and trail of two corners
        if not other[0]:
            assert other == one, at
    assert (found["probes"], found["again"]) == (plain["probes"], plain["again"])


def test_what_cannot_be_compiled_is_not_drawn_in_fewer_pixels(browser: Chromium) -> None:
    script = """async ([program, sketch]) => {
      const player = await intentos.ProgramPlayer.create(program, { sketch });
      await player.start();
      const ready = await player.prepareSketch();
      await player.frame();
      const { index } = player;
      player.destroy();
      return { ready, index };
    }"""
    broken = {**sketched(24), "source": "fn nothing() {}"}
    sketch = {"program": broken, "kept": []}
    assert browser.evaluate(script, [sketched(64), sketch]) == {"ready": False, "index": 1}


# --- the helper itself ---------------------------------------------------------------------------


def test_without_chromium_the_tests_are_skipped_but_fail_in_ci(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="chromium"):
        find_chromium()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="chromium"):
        find_chromium()


def test_a_page_that_never_answers_ends_in_time() -> None:
    with chromium() as browser, pytest.raises(TimeoutError):
        browser.evaluate("() => { for (;;); }", seconds=1.0)
