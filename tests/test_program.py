"""A program that would not mean the same everywhere is refused, and the message says why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from intentos.errors import InvalidProgram
from intentos.program import (
    DTYPES,
    MAX_BINDING_BYTES,
    RESERVED,
    SIZES,
    STANDARD_UNIFORMS,
    GpuProgram,
    entry_points,
    load,
)

SOURCE = """
@compute @workgroup_size(8, 8) fn show(@builtin(global_invocation_id) id: vec3u) { }
@compute @workgroup_size(64) fn move_all() { }
"""


def data(**changes: Any) -> dict[str, Any]:
    """A right program as JSON, with some fields replaced."""
    right: dict[str, Any] = {
        "schema": 1,
        "source": SOURCE,
        "uniforms": [{"name": "speed", "type": "f32", "value": 2}],
        "buffers": [
            {"name": "now", "type": "f32", "length": 64},
            {"name": "then", "type": "f32", "length": 64},
            {"name": "places", "type": "vec4f", "length": 10},
            {"name": "pixels", "type": "u32", "length": 16 * 8},
        ],
        "start": [{"entry": "move_all", "dispatch": [1, 1, 1]}],
        "step": [{"entry": "move_all", "dispatch": [4, 1, 1], "constants": {"k": 2}, "repeat": 3}],
        "draw": [{"entry": "show", "dispatch": [2, 1, 1]}],
        "swaps": [["now", "then"]],
        "outputs": [{"buffer": "places", "name": "p", "dtype": "float32", "shape": [10, 4]}],
        "probes": [{"buffer": "places", "name": "x", "offset": 1, "count": 10, "stride": 4}],
        "width": 16,
        "height": 8,
    }
    return right | changes


def buffers(**one: Any) -> list[dict[str, Any]]:
    return [*data()["buffers"], one]


def test_a_right_program_comes_back_from_its_json() -> None:
    program = load(data())
    assert load(program.model_dump_json(by_alias=True)) == program
    assert load(json.dumps(data()).encode()) == program
    assert program.memory_bytes == 64 * 4 * 2 + 10 * 16 + 128 * 4


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    # The format.
    "newer format": (data(schema=2), "schema"),
    "unknown field": (data(shader="x"), "shader"),
    "no source": (data(source=""), "source"),
    "too much source": (data(source="x" * 500_001), "source"),
    "no width": ({k: v for k, v in data().items() if k != "width"}, "width"),
    "huge width": (data(width=8193), "width"),
    "no height": (data(height=0), "height"),
    "time stands still": (data(dt=0), "dt"),
    "negative steps": (data(steps_per_frame=-1), "steps_per_frame"),
    "no frames": (data(frames=0), "frames"),
    "too fast": (data(frames_per_second=241), "frames_per_second"),
    "unknown type": (data(buffers=buffers(name="b", type="vec3f", length=1)), "buffers.4.type"),
    "empty buffer": (data(buffers=buffers(name="b", type="f32", length=0)), "buffers.4.length"),
    "name with a space": (data(buffers=buffers(name="a b", type="f32", length=1)), "buffers.4"),
    "code as a name": (
        data(uniforms=[{"name": "a: f32, }", "value": 1}]),
        "uniforms.0.name",
    ),
    "bad hash": (
        data(buffers=buffers(name="b", type="f32", length=1,
                             data={"sha256": "xyz", "dtype": "float32", "shape": [1]})),
        "sha256",
    ),
    "empty dispatch": (data(start=[{"entry": "move_all", "dispatch": [0, 1, 1]}]), "dispatch"),
    "flat dispatch": (data(start=[{"entry": "move_all", "dispatch": [1, 1]}]), "dispatch"),
    "endless repeat": (
        data(start=[{"entry": "move_all", "dispatch": [1, 1, 1], "repeat": 10_001}]), "repeat",
    ),
    "negative offset": (
        data(probes=[{"buffer": "now", "name": "x", "offset": -1}]), "probes.0.offset",
    ),
    "unknown reduction": (
        data(probes=[{"buffer": "now", "name": "x", "reduction": "median"}]), "reduction",
    ),
    # Names.
    "standard uniform": (data(uniforms=[{"name": "frame", "value": 1}]), "'frame' is always there"),
    "uniform twice": (
        data(uniforms=[{"name": "a", "value": 1}, {"name": "a", "value": 2}]), "'a' is used twice",
    ),
    "uniform like a buffer": (data(uniforms=[{"name": "now", "value": 1}]), "'now' is used twice"),
    "buffer twice": (
        data(buffers=buffers(name="now", type="f32", length=1)), "'now' is used twice",
    ),
    "word of WGSL": (
        data(buffers=buffers(name="target", type="f32", length=1)), "'target' is a word",
    ),
    "uniform a word of WGSL": (data(uniforms=[{"name": "loop", "value": 1}]), "'loop' is a word"),
    # Values of uniforms.
    "bare text": (data(uniforms=[{"name": "a", "value": "fast"}]), "'a': a text must be"),
    "list for a number": (data(uniforms=[{"name": "a", "value": [1, 2]}]), "'a' of type f32"),
    "number for a list": (
        data(uniforms=[{"name": "a", "type": "vec2f", "value": 1}]), "'a' of type vec2f",
    ),
    "too short a list": (
        data(uniforms=[{"name": "a", "type": "vec4f", "value": [1, 2]}]), "'a' of type vec4f",
    ),
    "text in a list": (
        data(uniforms=[{"name": "a", "type": "vec2f", "value": [1, "x"]}]), "'a' of type vec2f",
    ),
    "nothing": (data(uniforms=[{"name": "a", "value": None}]), "'a' of type f32"),
    "not finite": (data(uniforms=[{"name": "a", "value": float("inf")}]), "'a' of type f32 cannot"),
    "beyond f32": (
        data(uniforms=[{"name": "a", "type": "vec2f", "value": [0, -1e39]}]), "cannot hold",
    ),
    "beyond i32": (data(uniforms=[{"name": "a", "type": "i32", "value": 2**31}]), "cannot hold"),
    "beyond what JavaScript counts": (
        data(uniforms=[{"name": "a", "type": "u32", "value": 10**400}]), "cannot hold",
    ),
    "no number": (
        data(uniforms=[{"name": "a", "type": "i32", "value": float("nan")}]), "cannot hold",
    ),
    "endless time": (data(dt=float("inf")), "dt"),
    "constant without a value": (
        data(start=[{"entry": "move_all", "dispatch": [1, 1, 1], "constants":
                     {"k": float("nan")}}]),
        "constants",
    ),
    "scale without a value": (
        data(probes=[{"buffer": "now", "name": "x", "scale": float("nan")}]), "scale",
    ),
    "view from nowhere": (data(view={"distance": float("inf")}), "distance"),
    # Bindings written by hand.
    "own binding": (
        data(source=SOURCE + "@group(0) @binding(9) var t: f32;"), "declares a binding",
    ),
    "own storage": (data(source=SOURCE + "var < storage > t: f32;"), "declares a binding"),
    "own uniform": (data(source=SOURCE + "var<uniform> t: f32;"), "declares a binding"),
    # Buffers.
    "nothing to draw on": (data(buffers=data()["buffers"][:3]), "needs a u32 buffer 'pixels'"),
    "pixels of another type": (
        data(buffers=[*data()["buffers"][:3], {"name": "pixels", "type": "f32", "length": 128}]),
        "needs a u32 buffer 'pixels'",
    ),
    "pixels of another size": (data(width=17), "needs a u32 buffer 'pixels'"),
    "nine buffers": (
        data(buffers=data()["buffers"]
             + [{"name": f"b{i}", "type": "f32", "length": 1} for i in range(5)]),
        "9 buffers; portable programs have ≤ 8",
    ),
    "buffer too large": (
        data(buffers=buffers(name="big", type="vec4f", length=MAX_BINDING_BYTES // 16 + 1)),
        r"'big' has 134217744 bytes; at most 134217728, that is 8388608 elements",
    ),
    "data of another length": (
        data(buffers=buffers(name="b", type="vec2f", length=8,
                             data={"sha256": "0" * 64, "dtype": "float32", "shape": [8]})),
        "data of buffer 'b' has another length",
    ),
    "data of another type": (
        data(buffers=buffers(name="b", type="f32", length=8,
                             data={"sha256": "0" * 64, "dtype": "uint32", "shape": [8]})),
        "data of buffer 'b' is uint32",
    ),
    "swap with nothing": (data(swaps=[["now", "other"]]), "swap of 'now' and 'other'"),
    "swap with itself": (data(swaps=[["now", "now"]]), "'now' and 'now' cannot be swapped"),
    "swap of unlike": (data(swaps=[["now", "places"]]), "'now' and 'places' cannot be swapped"),
    # Passes.
    "no such entry": (
        data(step=[{"entry": "fly", "dispatch": [1, 1, 1]}]),
        r"no entry point 'fly' in the source \(there: move_all, show\)",
    ),
    "entry in a comment": (
        data(source=SOURCE + "// @compute @workgroup_size(1) fn fly() {}",
             step=[{"entry": "fly", "dispatch": [1, 1, 1]}]),
        "no entry point 'fly'",
    ),
    "too many workgroups": (
        data(step=[{"entry": "move_all", "dispatch": [1, 65_536, 1]}]),
        "'move_all': at most 65535 workgroups",
    ),
    "too many invocations": (
        data(source=SOURCE + "@compute @workgroup_size(16, 17) fn wide() {}"),
        "'wide': more than 256 invocations",
    ),
    # What is read back.
    "output of nothing": (
        data(outputs=[{"buffer": "gone", "name": "o", "dtype": "float32", "shape": [1]}]),
        "'o' reads buffer 'gone'",
    ),
    "probe of nothing": (data(probes=[{"buffer": "gone", "name": "o"}]), "'o' reads buffer 'gone'"),
    "output of another shape": (
        data(outputs=[{"buffer": "places", "name": "o", "dtype": "float32", "shape": [10]}]),
        "'o' does not fit buffer 'places'",
    ),
    "output of another type": (
        data(outputs=[{"buffer": "now", "name": "o", "dtype": "uint32", "shape": [64]}]),
        "'o' does not fit buffer 'now'",
    ),
    "probe past the end": (
        data(probes=[{"buffer": "places", "name": "o", "offset": 4, "count": 10, "stride": 4}]),
        "'o' reads past the end of 'places'",
    ),
    "two outputs of one name": (
        data(outputs=[{"buffer": b, "name": "o", "dtype": "float32", "shape": [64]}
                      for b in ("now", "then")]),
        "'o' is used twice",
    ),
    "two probes of one name": (
        data(probes=[{"buffer": b, "name": "o"} for b in ("now", "then")]), "'o' is used twice",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_broken_program_is_refused_by_name(case: str) -> None:
    broken, words = WRONG[case]
    with pytest.raises(InvalidProgram, match=words):
        load(broken)
    with pytest.raises(InvalidProgram) as both:
        load(json.dumps(broken))
    assert both.value.text("zh") != both.value.text("en")


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\x00", b"\xff\xfe", '{"width": 1e999}'])
def test_what_is_no_program_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidProgram):
        load(text)


def test_a_program_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        setattr(load(data()), "width", 32)  # noqa: B010


def test_requires_raises_the_limits_it_names_and_no_other() -> None:
    many = buffers()[:4] + [{"name": f"b{i}", "type": "f32", "length": 1} for i in range(6)]
    more = load(data(buffers=many, requires={"maxStorageBuffersPerShaderStage": 10}))
    assert len(more.buffers) == 10
    big = buffers(name="big", type="vec4f", length=MAX_BINDING_BYTES // 16 + 1)
    load(data(buffers=big, requires={"maxStorageBufferBindingSize": 2 * MAX_BINDING_BYTES}))
    wide = SOURCE + "@compute @workgroup_size(32, 32) fn wide() {}"
    load(data(source=wide, requires={"maxComputeInvocationsPerWorkgroup": 1024}))
    with pytest.raises(InvalidProgram, match="more than 256"):
        load(data(source=wide, requires={"maxStorageBuffersPerShaderStage": 10}))


def test_a_probe_may_read_up_to_the_last_component() -> None:
    load(data(probes=[{"buffer": "places", "name": "o", "offset": 3, "count": 10, "stride": 4}]))
    load(data(probes=[{"buffer": "places", "name": "o", "offset": 39}]))
    with pytest.raises(InvalidProgram, match="past the end"):
        load(data(probes=[{"buffer": "places", "name": "o", "offset": 40}]))


def test_without_draw_no_pixels_are_needed() -> None:
    program = load(data(draw=[], buffers=data()["buffers"][:3]))
    assert "pixels" not in {buffer.name for buffer in program.buffers}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("@compute @workgroup_size(8, 4) fn a() {}", {"a": (8, 4)}),
        ("@workgroup_size( 64u , ) @compute fn a() {}", {"a": (64,)}),
        ("@compute\n@workgroup_size(8,8,2)\n  fn  name_9 (x: u32) {}", {"name_9": (8, 8, 2)}),
        ("const n = 8; @compute @workgroup_size(n) fn a() {}", {"a": None}),
        ("/* @compute @workgroup_size(1) fn a() {} */ fn b() {}", {}),
        ("// x\n@compute @workgroup_size(1) fn a() {} // @compute @workgroup_size(1) fn b() {}",
         {"a": (1,)}),
        ("@must_use fn helper() -> u32 { return 1u; }", {}),
        ("@compute @workgroup_size(1) fn a() {} @compute @workgroup_size(2) fn b() {}",
         {"a": (1,), "b": (2,)}),
    ],
)  # fmt: skip
def test_entry_points_are_found_with_their_size(source: str, found: dict[str, Any]) -> None:
    assert entry_points(source) == found


@given(
    st.lists(st.sampled_from(["one", "two", "three", "four"]), unique=True),
    st.lists(st.sampled_from([" ", "\n", "/* fn x() {} */", "// @compute\n"]), max_size=4),
)
def test_entry_points_survive_spaces_and_comments(names: list[str], spaces: list[str]) -> None:
    gap = " " + "".join(spaces)
    text = gap.join(f"@compute{gap}@workgroup_size(4){gap}fn {name}() {{ }}" for name in names)
    assert entry_points(text) == {name: (4,) for name in names}


def test_the_tables_of_types_agree() -> None:
    assert SIZES.keys() == DTYPES.keys()
    for kind, (_, components) in DTYPES.items():
        assert SIZES[kind] == 4 * components
    names = [name for name, _ in STANDARD_UNIFORMS]
    assert len(set(names)) == len(names)
    assert not RESERVED.intersection(names)


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([*GpuProgram.model_fields, "schema", "name"]), inner,
                      max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_no_json_gets_in_or_out_another_way(value: Any) -> None:
    """Whatever the data, the answer is a program or InvalidProgram."""
    changed = data() | value if isinstance(value, dict) else data(uniforms=value, start=value)
    for form in (changed, json.dumps(changed)):
        try:
            program = load(form)
        except InvalidProgram:
            continue
        assert load(program.model_dump_json(by_alias=True)) == program
