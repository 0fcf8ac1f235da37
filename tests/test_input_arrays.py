"""Input arrays: what NumPy saved becomes a reference, and what a GPU cannot hold is refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from intentos.errors import InvalidProgram
from intentos.executors.webgpu import WebGPUExecutor
from intentos.input_arrays import InputArrays, read
from intentos.program import MAX_BINDING_BYTES
from intentos.run import StepStatus
from intentos.testing import Recorder
from intentos.types import sha256

from .executors.frame_steps import moving


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "steps")


def saved(folder: Path, array: Any) -> Path:
    path = folder / "given.npy"
    np.save(path, array)
    return path


def test_names_are_replaced_wherever_they_stand(tmp_path: Path) -> None:
    data = np.arange(6, dtype=np.float64).reshape(2, 3)
    arrays = InputArrays({"data": saved(tmp_path, data)}, tmp_path)
    argument = {"a": ["@data", 1, "text"], "b": {"c": "@data"}, "mail": "me@home"}
    resolved = arrays.resolve(argument)
    plain = data.astype("<f4").tobytes()
    assert resolved["a"][0]["sha256"] == resolved["b"]["c"]["sha256"] == sha256(plain)
    assert (resolved["b"]["c"]["dtype"], resolved["b"]["c"]["shape"]) == ("float32", [2, 3])
    assert (resolved["a"][1:], resolved["mail"]) == ([1, "text"], "me@home")
    assert Path(arrays.files[sha256(plain)]).read_bytes() == plain


def test_an_input_that_is_not_there_is_told_the_others(tmp_path: Path) -> None:
    with pytest.raises(InvalidProgram, match=r"no input called 'other'.*data"):
        InputArrays({"data": tmp_path / "x"}, tmp_path).resolve("@other")


@given(
    array=arrays_of.arrays(
        st.sampled_from(["f2", "f4", "f8", ">f8", "i1", "<i4", "u2", "u4", "?"]),
        arrays_of.array_shapes(max_dims=3, max_side=5),
    ),
    fortran=st.booleans(),
)
@settings(
    max_examples=60, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_array_of_numbers_keeps_its_values(tmp_path: Path, array: Any, fortran: bool) -> None:
    path = saved(tmp_path, np.asfortranarray(array) if fortran else array)
    found = read(path, "given", "float32")
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(found, array.astype(np.float32))
    if array.dtype.kind in "iu" and array.max() < 2**31:
        np.testing.assert_array_equal(read(path, "given", "int32"), array)


@pytest.mark.parametrize(
    ("array", "code"),
    [
        (np.zeros((0, 3)), "array.empty"),
        (np.array([0.5]), "array.not_whole"),
        (np.array([np.nan]), "array.not_whole"),
        (np.zeros(3, complex), "array.kind"),
        (np.array(["text"]), "array.kind"),
        (np.array([2**40]), "array.not_whole"),
        (np.array([2**32], np.uint64), "array.not_whole"),
        (np.broadcast_to(np.float32(0), MAX_BINDING_BYTES // 4 + 1), "array.too_large"),
    ],
    ids=["empty", "half", "no number", "complex", "text", "wide", "wide unsigned", "large"],
)
def test_what_a_buffer_cannot_hold_is_refused(tmp_path: Path, array: Any, code: str) -> None:
    with pytest.raises(InvalidProgram) as refused:
        read(saved(tmp_path, array), "given", "int32")
    assert refused.value.code == code


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    "spoil",
    [lambda data: b"", lambda data: b"PK\x03\x04" + data, _cut, lambda data: b"\x93NUMPY" + data],
    ids=["empty", "archive", "cut", "header"],
)
def test_a_file_that_is_no_array_is_refused(tmp_path: Path, spoil: Any) -> None:
    path = saved(tmp_path, np.arange(100))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InvalidProgram, match="given"):
        read(path, "given", "float32")


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "evil.npy"
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    path.write_bytes(stream.getvalue())
    with pytest.raises(InvalidProgram) as refused:
        read(path, "evil", "float32")
    assert refused.value.code == "array.kind"


async def test_an_input_array_reaches_the_shader(recorder: Recorder, tmp_path: Path) -> None:
    numbers = np.arange(64 * 48, dtype=np.int64) + 0xFF
    buffers = [
        {"name": "pixels", "type": "u32", "length": 64 * 48},
        {"name": "given", "type": "i32", "length": 64 * 48, "data": "@numbers"},
    ]
    code = """@compute @workgroup_size(8, 8) fn draw(@builtin(global_invocation_id) id: vec3u) {
      pixels[id.y * 64u + id.x] = u32(given[id.y * 64u + id.x]) | 0xff000000u;
    }"""
    step = moving(1, code=code, buffers=buffers, outputs=[], probes=[])
    context = recorder.context(inputs={"numbers": saved(tmp_path, numbers)})
    result = await WebGPUExecutor().execute(step, context)
    assert result.status is StepStatus.OK, result.error
    drawn = np.frombuffer((context.workdir / "frames.rgba").read_bytes(), np.uint32)
    np.testing.assert_array_equal(drawn, numbers.astype(np.uint32) | 0xFF000000)
