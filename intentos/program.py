"""GpuProgram: one compute program as plain data, with the same meaning in four homes.

``wgpu`` on this machine, the viewer's browser, a neighbour's node and a phone all interpret the
same JSON. The source holds WGSL *functions only*; the uniform struct and every binding line are
generated from the data, in ``bindings.py`` and by its twin in ``program.js``, so that the
memory layout never depends on who wrote the shader. Everything is a compute pass; ``draw`` writes
RGBA8 into the buffer ``pixels``.

A frame is: ``steps_per_frame`` rounds of the ``step`` passes, each followed by the ``swaps``; then
the ``draw`` passes. Frame 0 is drawn after ``start`` and before the first round. The ``step``
uniform counts rounds from 0 and ``time`` is ``step * dt`` in a round and in a drawing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from intentos.errors import InvalidProgram
from intentos.types import Frozen, Json, Sha256

ScalarType = Literal["f32", "i32", "u32"]
UniformType = Literal["f32", "i32", "u32", "vec2f", "vec4f"]
ElementType = Literal[
    "f32", "i32", "u32", "vec2f", "vec2u", "vec4f", "vec4u", "atomic<u32>", "atomic<i32>"
]
Identifier = Annotated[str, Field(pattern=r"^[a-zA-Z][a-zA-Z0-9_]{0,63}$")]
Integer = Annotated[int, Field(ge=1)]

SIZES: dict[str, int] = {
    "f32": 4, "i32": 4, "u32": 4, "atomic<u32>": 4, "atomic<i32>": 4,
    "vec2f": 8, "vec2u": 8, "vec4f": 16, "vec4u": 16,
}  # fmt: skip
"""Bytes of one element; also its alignment, which for these types is the same number."""

DTYPES: dict[str, tuple[str, int]] = {
    "f32": ("float32", 1), "i32": ("int32", 1), "u32": ("uint32", 1),
    "atomic<u32>": ("uint32", 1), "atomic<i32>": ("int32", 1),
    "vec2f": ("float32", 2), "vec2u": ("uint32", 2),
    "vec4f": ("float32", 4), "vec4u": ("uint32", 4),
}  # fmt: skip
"""NumPy dtype name and number of components of one element."""

FLOAT32_MAX = 3.4028234663852886e38
MAX_STORAGE_BUFFERS = 8
MAX_BINDING_BYTES = 128 * 1024**2
MAX_WORKGROUPS = 65_535
MAX_INVOCATIONS = 256

STANDARD_UNIFORMS: tuple[tuple[str, UniformType], ...] = (
    ("frame", "u32"),
    ("step", "u32"),
    ("time", "f32"),
    ("dt", "f32"),
    ("seed", "u32"),
    ("width", "u32"),
    ("height", "u32"),
    ("yaw", "f32"),
    ("pitch", "f32"),
    ("distance", "f32"),
    ("zoom", "f32"),
    ("spin", "f32"),
    ("pan", "vec2f"),
    ("pointer", "vec4f"),
)
"""Always there, before the program's own. ``pointer`` is x, y in pixels, buttons, and whether it
is over the picture; ``spin`` is how far the camera turns by itself, in radians a second."""


class TooLarge(ValueError):
    """A program needs a buffer or a dispatch beyond what it may have."""


class Uniform(Frozen):
    """A number or vector that the shader reads as ``uniforms.<name>``."""

    name: Identifier
    type: UniformType = "f32"
    value: Json
    """A number, a list of 2 or 4 numbers, or ``$parameter``."""


class ArrayRef(Frozen):
    """A large input by reference: the bytes of an artifact, row-major, little-endian."""

    sha256: Sha256
    dtype: Literal["float32", "int32", "uint32"]
    shape: tuple[Integer, ...]


class Buffer(Frozen):
    """A storage buffer; zero at the start unless ``data`` says otherwise."""

    name: Identifier
    type: ElementType
    length: int = Field(ge=1)
    """Elements."""
    data: ArrayRef | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        return self.length * SIZES[self.type]


class Pass(Frozen):
    """One dispatch of one entry point."""

    model_config = ConfigDict(allow_inf_nan=False)

    entry: Identifier
    dispatch: tuple[Integer, Integer, Integer]
    """Workgroups in x, y, z."""
    constants: dict[Identifier, float] = {}
    """Values of WGSL ``override`` constants."""
    repeat: int = Field(default=1, ge=1, le=10_000)


class Output(Frozen):
    """A buffer that is saved as ``<name>.npy`` when the program ends."""

    buffer: Identifier
    name: Identifier
    dtype: Literal["float32", "int32", "uint32"]
    shape: tuple[Integer, ...]


class Probe(Frozen):
    """A number read from a buffer every few frames: a series for checks, values and charts."""

    model_config = ConfigDict(allow_inf_nan=False)

    buffer: Identifier
    name: Identifier
    unit: str = ""
    label_en: str = ""
    label_zh: str = ""
    reduction: Literal["sum", "mean", "minimum", "maximum", "first"] = "first"
    offset: int = Field(default=0, ge=0)
    """First component that counts; a vec4 has four."""
    count: int = Field(default=1, ge=1)
    """Components that count."""
    stride: int = Field(default=1, ge=1)
    """Distance of one counted component to the next."""
    scale: float = 1.0
    """Factor on the reduced number."""
    every: int = Field(default=1, ge=1)
    """Frames."""


class View(Frozen):
    """The camera at the start; kernels that have none ignore it."""

    model_config = ConfigDict(allow_inf_nan=False)

    yaw: float = 0.0
    pitch: float = 0.0
    distance: float = 3.0
    zoom: float = 1.0
    spin: float = 0.0
    pan: tuple[float, float] = (0.0, 0.0)


class GpuProgram(Frozen):
    """A compute program without host code."""

    model_config = ConfigDict(allow_inf_nan=False)

    schema_number: Literal[1] = Field(1, alias="schema")
    name: str = ""
    source: str = Field(min_length=1, max_length=500_000)
    uniforms: tuple[Uniform, ...] = ()
    buffers: tuple[Buffer, ...]
    start: tuple[Pass, ...] = ()
    step: tuple[Pass, ...] = ()
    draw: tuple[Pass, ...] = ()
    swaps: tuple[tuple[Identifier, Identifier], ...] = ()
    outputs: tuple[Output, ...] = ()
    probes: tuple[Probe, ...] = ()
    width: int = Field(ge=1, le=8192)
    height: int = Field(ge=1, le=8192)
    dt: float = Field(default=1.0, gt=0)
    """Seconds, or whatever the kernel's time is, of one round."""
    steps_per_frame: int = Field(default=1, ge=0, le=100_000)
    frames: int = Field(default=120, ge=1, le=100_000)
    frames_per_second: float = Field(default=30.0, gt=0, le=240)
    view: View = View()
    requires: dict[str, int] = {}
    """WebGPU limits that the program needs beyond the defaults, by their WebGPU names."""

    @model_validator(mode="after")
    def _portable(self) -> Self:
        self._check_names()
        self._check_buffers()
        self._check_passes()
        self._check_readbacks()
        return self

    def _check_names(self) -> None:
        standard = {name for name, _ in STANDARD_UNIFORMS}
        names = [u.name for u in self.uniforms]
        if clash := standard.intersection(names):
            raise ValueError(f"uniform {sorted(clash)[0]!r} is always there; call yours otherwise")
        every = names + [b.name for b in self.buffers]
        for name in every:
            if every.count(name) > 1:
                raise ValueError(f"the name {name!r} is used twice; call one of them otherwise")
            if name in RESERVED:
                raise ValueError(f"the name {name!r} is a word of WGSL")
        for uniform in self.uniforms:
            _check_uniform_value(uniform)
        if re.search(r"@(group|binding)\b|\bvar\s*<\s*(storage|uniform)", self.source):
            raise ValueError("source declares a binding; bindings are generated from the buffers")

    def _check_buffers(self) -> None:
        by_name = {b.name: b for b in self.buffers}
        pixels = by_name.get("pixels")
        if self.draw and (
            pixels is None or pixels.type != "u32" or pixels.length != self.width * self.height
        ):
            raise ValueError("draw needs a u32 buffer 'pixels' of width * height elements")
        allowed = self.requires.get("maxStorageBuffersPerShaderStage", MAX_STORAGE_BUFFERS)
        if len(self.buffers) > allowed:
            raise ValueError(f"{len(self.buffers)} buffers; portable programs have ≤ {allowed}")
        largest = self.requires.get("maxStorageBufferBindingSize", MAX_BINDING_BYTES)
        for buffer in self.buffers:
            if buffer.size > largest:
                raise TooLarge(
                    f"buffer {buffer.name!r} has {buffer.size} bytes; at most {largest}, that is "
                    f"{largest // SIZES[buffer.type]} elements, fit"
                )
            if buffer.data is not None:
                dtype, components = DTYPES[buffer.type]
                if buffer.data.dtype != dtype:
                    raise ValueError(
                        f"data of buffer {buffer.name!r} is {buffer.data.dtype}, not {dtype}"
                    )
                components *= buffer.length
                if _product(buffer.data.shape) != components:
                    raise ValueError(f"data of buffer {buffer.name!r} has another length")
        for first, second in self.swaps:
            if first not in by_name or second not in by_name:
                raise ValueError(f"swap of {first!r} and {second!r}: no such buffer")
            a, b = by_name[first], by_name[second]
            if (a.type, a.length) != (b.type, b.length) or first == second:
                raise ValueError(f"{first!r} and {second!r} cannot be swapped: they differ")

    def _check_passes(self) -> None:
        entries = entry_points(self.source)
        for one in (*self.start, *self.step, *self.draw):
            if one.entry not in entries:
                known = ", ".join(sorted(entries)) or "none"
                raise ValueError(f"no entry point {one.entry!r} in the source (there: {known})")
            if max(one.dispatch) > MAX_WORKGROUPS:
                raise TooLarge(f"pass {one.entry!r}: at most {MAX_WORKGROUPS} workgroups a side")
        invocations = self.requires.get("maxComputeInvocationsPerWorkgroup", MAX_INVOCATIONS)
        for entry, size in entries.items():
            if size is not None and _product(size) > invocations:
                raise ValueError(f"entry {entry!r}: more than {invocations} invocations")

    def _check_readbacks(self) -> None:
        by_name = {b.name: b for b in self.buffers}
        kinds: tuple[tuple[Output | Probe, ...], ...] = (self.outputs, self.probes)
        for readers in kinds:
            names = [item.name for item in readers]
            for item in readers:
                if item.buffer not in by_name:
                    raise ValueError(
                        f"{item.name!r} reads buffer {item.buffer!r}, which is not there"
                    )
                if names.count(item.name) > 1:
                    raise ValueError(f"the name {item.name!r} is used twice")
        for output in self.outputs:
            buffer = by_name[output.buffer]
            dtype, components = DTYPES[buffer.type]
            if output.dtype != dtype or _product(output.shape) != components * buffer.length:
                raise ValueError(f"output {output.name!r} does not fit buffer {buffer.name!r}")
        for probe in self.probes:
            buffer = by_name[probe.buffer]
            last = probe.offset + (probe.count - 1) * probe.stride
            if last >= DTYPES[buffer.type][1] * buffer.length:
                raise ValueError(f"probe {probe.name!r} reads past the end of {probe.buffer!r}")

    @property
    def memory_bytes(self) -> int:
        """All buffers together."""
        return sum(buffer.size for buffer in self.buffers)


def load(data: str | bytes | Mapping[str, Any]) -> GpuProgram:
    """Return a validated program from its JSON.

    Raises:
        InvalidProgram: the data is not a program, or not a portable one; says what is wrong.
    """
    try:
        if isinstance(data, str | bytes):
            return GpuProgram.model_validate_json(data)
        return GpuProgram.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise InvalidProgram("program.invalid", where=where or "program", what=what) from error


def entry_points(source: str) -> dict[str, tuple[int, ...] | None]:
    """Return each ``@compute`` entry point with its workgroup size (None if not all literal)."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", " ", source, flags=re.DOTALL)
    found: dict[str, tuple[int, ...] | None] = {}
    for match in re.finditer(r"((?:@\w+(?:\s*\([^)]*\))?\s*)+)fn\s+(\w+)", text):
        attributes, name = match.groups()
        if "@compute" not in attributes:
            continue
        size = re.search(r"@workgroup_size\s*\(([^)]*)\)", attributes)
        parts = (
            [p.strip().rstrip("u") for p in size.group(1).split(",") if p.strip()] if size else []
        )
        found[name] = tuple(int(p) for p in parts) if all(p.isdigit() for p in parts) else None
    return found


def _check_uniform_value(uniform: Uniform) -> None:
    value = uniform.value
    if isinstance(value, str):
        if not value.startswith("$"):
            raise ValueError(f"uniform {uniform.name!r}: a text must be '$parameter'")
        return
    components = {"vec2f": 2, "vec4f": 4}.get(uniform.type)
    numbers = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(n, int | float) for n in numbers) or (
        isinstance(value, list | tuple) != (components is not None)
        or (components is not None and len(numbers) != components)
    ):
        raise ValueError(f"uniform {uniform.name!r} of type {uniform.type} got {value!r}")
    if not fits(uniform.type, value):
        raise ValueError(f"uniform {uniform.name!r} of type {uniform.type} cannot hold {value!r}")


def fits(kind: UniformType, value: Json) -> bool:
    """Return whether a uniform can hold a number or list; a u32 wraps, nothing else does."""
    numbers = value if isinstance(value, list | tuple) else [value]
    if kind == "i32":
        return all(-(2**31) <= n < 2**31 for n in numbers[:1])
    # Beyond 2^53 JavaScript no longer knows every whole number.
    most = 2**53 if kind == "u32" else FLOAT32_MAX
    return all(abs(n) <= most for n in numbers)


def _product(numbers: tuple[int, ...]) -> int:
    result = 1
    for number in numbers:
        result *= number
    return result


RESERVED = frozenset(
    # Keywords and reserved words. Source: the WGSL specification, §16.1 and §16.2.
    "alias break case const const_assert continue continuing default diagnostic discard else "
    "enable false fn for if let loop override requires return struct switch true var while "
    "NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await "
    "become cast catch class co_await co_return co_yield coherent column_major common compile "
    "compile_fragment concept const_cast consteval constexpr constinit crate debugger decltype "
    "delete demote demote_to_helper do dynamic_cast enum explicit export extends extern external "
    "fallthrough filter final finally friend from fxgroup get goto groupshared highp impl "
    "implements import inline instanceof interface layout lowp macro macro_rules match mediump "
    "meta mod module move mut mutable namespace new nil noexcept noinline nointerpolation "
    "non_coherent noncoherent noperspective null nullptr of operator package packoffset partial "
    "pass patch pixelfragment precise precision premerge priv protected pub public readonly ref "
    "regardless register reinterpret_cast require resource restrict self set shared sizeof smooth "
    "snorm static static_assert static_cast std subroutine super target template this "
    "thread_local throw trait try type typedef typeid typename typeof union unless unorm unsafe "
    "unsized use using varying virtual volatile wgsl where with writeonly yield "
    # Types that the generated header or most shaders name.
    "array atomic bool f16 f32 i32 u32 mat2x2 mat3x3 mat4x4 ptr sampler texture vec2 vec3 vec4 "
    "vec2f vec3f vec4f vec2u vec3u vec4u uniforms Uniforms".split()
)
