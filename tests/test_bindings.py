"""The generated header and the uniform block, against WGSL's own rules of alignment."""

from __future__ import annotations

import itertools
import re
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from intentos.bindings import (
    bind,
    connect,
    fold_seed,
    header,
    layout,
    number_of,
    pack,
    standard_values,
    wgsl,
)
from intentos.errors import InvalidProgram
from intentos.program import STANDARD_UNIFORMS, GpuProgram, Uniform, View

# WGSL specification, §14.4.1 "Alignment and Size": AlignOf and SizeOf of each type.
ALIGN = {"f32": 4, "i32": 4, "u32": 4, "vec2f": 8, "vec4f": 16}
SIZE = {"f32": 4, "i32": 4, "u32": 4, "vec2f": 8, "vec4f": 16}
KINDS = st.sampled_from(sorted(ALIGN))
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
NUMBERS: dict[str, st.SearchStrategy[Any]] = {
    "f32": FLOATS,
    "i32": st.integers(-(2**31), 2**31 - 1),
    "u32": st.integers(0, 2**32 - 1),
    "vec2f": st.lists(FLOATS, min_size=2, max_size=2),
    "vec4f": st.lists(FLOATS, min_size=4, max_size=4),
}


def program(*uniforms: Uniform, **more: Any) -> GpuProgram:
    return GpuProgram(
        source="// nothing\n", uniforms=uniforms, buffers=(), width=8, height=4, **more
    )


def of_kinds(kinds: list[str]) -> GpuProgram:
    zero: dict[str, Any] = {"vec2f": [0, 0], "vec4f": [0, 0, 0, 0]}
    return program(
        *(
            Uniform.model_validate({"name": f"u{i}", "type": kind, "value": zero.get(kind, 0)})
            for i, kind in enumerate(kinds)
        )
    )


def reference(kinds: list[str]) -> tuple[list[int], int]:
    """Offsets and size of a struct in the uniform address space, by search instead of rounding."""
    offsets, taken = [], 0
    for kind in kinds:
        offset = next(at for at in itertools.count(taken) if at % ALIGN[kind] == 0)
        offsets.append(offset)
        taken = offset + SIZE[kind]
    # A struct is aligned as its widest member, and in `uniform` to a multiple of 16 at least.
    align = max(16, *(ALIGN[kind] for kind in kinds))
    return offsets, next(at for at in itertools.count(taken) if at % align == 0)


@given(st.lists(KINDS, max_size=30))
def test_the_layout_is_wgsls(kinds: list[str]) -> None:
    made, size = layout(of_kinds(kinds))
    names = [name for name, _ in STANDARD_UNIFORMS] + [f"u{i}" for i in range(len(kinds))]
    every = [kind for _, kind in STANDARD_UNIFORMS] + kinds
    offsets, wanted_size = reference(list(every))
    assert made == dict(zip(names, zip(offsets, every, strict=True), strict=True))
    assert size == wanted_size


@given(st.lists(KINDS, max_size=30))
def test_members_never_overlap(kinds: list[str]) -> None:
    made, size = layout(of_kinds(kinds))
    used: set[int] = set()
    for offset, kind in made.values():
        own = set(range(offset, offset + SIZE[kind]))
        assert not used & own
        used |= own
    assert max(used) < size < max(used) + 1 + 16


@given(st.lists(KINDS.flatmap(lambda k: st.tuples(st.just(k), NUMBERS[k])), max_size=20))
def test_every_number_is_found_where_the_layout_says(fields: list[tuple[str, Any]]) -> None:
    one = of_kinds([kind for kind, _ in fields])
    block = pack(one, {f"u{i}": value for i, (_, value) in enumerate(fields)})
    offsets, size = reference([k for _, k in STANDARD_UNIFORMS] + [k for k, _ in fields])
    assert len(block) == size
    for (kind, value), offset in zip(fields, offsets[len(STANDARD_UNIFORMS) :], strict=True):
        dtype = {"i32": "<i4", "u32": "<u4"}.get(kind, "<f4")
        found = np.frombuffer(block, dtype, count=SIZE[kind] // 4, offset=offset)
        np.testing.assert_array_equal(found, np.atleast_1d(np.array(value, dtype)))
    # What nothing was said about, gaps included, is zero.
    assert not any(block[: offsets[len(STANDARD_UNIFORMS)] if fields else size])


def test_an_integer_wraps_and_a_short_list_is_filled_up() -> None:
    one = of_kinds(["u32", "vec4f", "i32"])
    (at_u, _), (at_v, _), (at_i, _) = (layout(one)[0][f"u{i}"] for i in range(3))
    block = pack(one, {"u0": -1, "u1": 2.5, "u2": -7.9})
    assert struct.unpack_from("<I", block, at_u) == (0xFFFF_FFFF,)
    assert struct.unpack_from("<4f", block, at_v) == (2.5, 0, 0, 0)
    assert struct.unpack_from("<i", block, at_i) == (-7,)


def test_the_header_names_every_uniform_and_binding_in_order() -> None:
    one = GpuProgram.model_validate(
        {
            "source": "fn f() {}\n",
            "uniforms": [{"name": "speed", "value": 1}],
            "buffers": [
                {"name": "places", "type": "vec2f", "length": 3},
                {"name": "counts", "type": "atomic<u32>", "length": 3},
            ],
            "width": 1,
            "height": 1,
        }
    )
    text = header(one)
    members = re.findall(r"^  (\w+): (\w+),$", text, re.MULTILINE)
    assert members == [*STANDARD_UNIFORMS, ("speed", "f32")]
    bindings = re.findall(r"@group\(0\) @binding\((\d)\) var<(.*?)> (\w+): (.*?);", text)
    assert bindings == [
        ("0", "uniform", "uniforms", "Uniforms"),
        ("1", "storage, read_write", "places", "array<vec2f>"),
        ("2", "storage, read_write", "counts", "array<atomic<u32>>"),
    ]
    assert wgsl(one) == text + "fn f() {}\n"
    assert text.endswith("\n")


def test_standard_values_of_a_moment() -> None:
    one = program(dt=0.5, frames_per_second=10, view=View(yaw=1, spin=2, pan=(3, 4), zoom=5))
    values = standard_values(one, frame=20, step=7, seed=2**40 + 3)
    assert values.keys() == {name for name, _ in STANDARD_UNIFORMS}
    assert values["time"] == 3.5
    assert values["yaw"] == 1 + 2 * 20 / 10
    assert values["seed"] == (2**8) ^ 3
    assert (values["width"], values["height"], values["zoom"]) == (8, 4, 5)
    assert values["pan"] == [3, 4]
    other = standard_values(one, frame=0, step=0, seed=0, view=View(pitch=0.25))
    assert (other["pitch"], other["yaw"]) == (0.25, 0)


@given(st.integers(0, 2**63 - 1))
def test_a_seed_folds_into_32_bits(seed: int) -> None:
    high, low = divmod(seed, 2**32)
    assert fold_seed(seed) == high ^ low


def test_a_small_seed_stays_itself() -> None:
    assert fold_seed(20_260_101) == 20_260_101


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (True, 1), (False, 0), (3, 3), (-0.5, -0.5),
        ("#ff0080", [1.0, 0.0, 128 / 255, 1.0]), ("#FFffFF", [1.0, 1.0, 1.0, 1.0]),
    ],
)  # fmt: skip
def test_parameters_become_numbers(value: Any, number: Any) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize("value", ["", "fast", "#ff008", "#ff00800", "ff0080", "#gg0000", "1"])
def test_a_text_that_is_no_colour_is_refused(value: str) -> None:
    with pytest.raises(InvalidProgram, match="neither a number nor a colour"):
        number_of(value)


def test_parameters_are_bound_by_name() -> None:
    one = program(
        Uniform(name="a", value="$speed"),
        Uniform(name="b", type="vec4f", value="$tint"),
        Uniform(name="c", type="u32", value=9),
    )
    bound = bind(one, {"speed": 2.5, "tint": "#000000", "other": "text"})
    assert bound == {"a": 2.5, "b": [0, 0, 0, 1], "c": 9}
    with pytest.raises(InvalidProgram, match="'a' names the parameter 'speed'"):
        bind(one, {"tint": "#000000"})


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("f32", 1e39), ("f32", float("inf")), ("f32", float("nan")), ("i32", 2**31),
        ("i32", -(2**31) - 1), ("i32", float("nan")), ("u32", 10**400), ("vec2f", -1e300),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_is_refused(kind: Any, value: Any) -> None:
    one = program(Uniform(name="a", type=kind, value="$speed"))
    with pytest.raises(InvalidProgram, match=f"'a' of type {kind} cannot hold"):
        bind(one, {"speed": value})


def test_the_extremes_fit() -> None:
    values: dict[str, list[float]] = {
        "f32": [3.4028234663852886e38, -1e-45],
        "i32": [2**31 - 1, -(2**31)],
        "u32": [0, 2**32 - 1, -1, 2**53],
    }
    for kind, numbers in values.items():
        for number in numbers:
            one = program(Uniform.model_validate({"name": "a", "type": kind, "value": "$speed"}))
            block = pack(one, bind(one, {"speed": number}))
            offset, _ = layout(one)[0]["a"]
            stored = {"f32": "<f", "i32": "<i", "u32": "<I"}[kind]
            (read,) = struct.unpack_from(stored, block, offset)
            expected = int(number) & 0xFFFF_FFFF if kind == "u32" else number
            assert read == pytest.approx(expected, rel=1e-7, abs=2e-45), (kind, number)


def test_live_parameters_stay_open_and_the_rest_is_fixed() -> None:
    one = program(Uniform(name="speed", value=2), Uniform(name="force", value=3),
                  Uniform(name="size", value=4), Uniform(name="rate", value=5))  # fmt: skip
    arguments = {
        "speed": "$pace",
        "force": "$push",
        "size": 4,
        "constants": {"rate": "$rate", "absent": "$pace"},
    }
    connected = connect(one, arguments, frozenset({"pace", "rate"}))
    assert [u.value for u in connected.uniforms] == ["$pace", 3, 4, "$rate"]
    assert [u.value for u in one.uniforms] == [2, 3, 4, 5]
    assert bind(connected, {"pace": 7, "rate": 8}) == {
        "speed": 7,
        "force": 3,
        "size": 4,
        "rate": 8,
    }
