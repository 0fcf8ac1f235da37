"""From a GpuProgram to what a GPU needs: the generated WGSL header and the uniform block's bytes.

``program.js`` does the same in the browser; a test compares the two byte by byte.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence

from intentos.errors import InvalidProgram
from intentos.program import SIZES, STANDARD_UNIFORMS, GpuProgram, UniformType, View, fits
from intentos.types import Json, Value


def wgsl(program: GpuProgram) -> str:
    """Return the whole shader: generated header and the source."""
    return header(program) + program.source


def bind(program: GpuProgram, values: Mapping[str, Value]) -> dict[str, Json]:
    """Return each own uniform's value with ``$parameter`` replaced.

    Raises:
        InvalidProgram: a parameter has no value, is no number, or is one that does not fit.
    """
    bound: dict[str, Json] = {}
    for uniform in program.uniforms:
        value = uniform.value
        if isinstance(value, str):
            if value[1:] not in values:
                raise InvalidProgram("program.no_value", name=uniform.name, parameter=value[1:])
            value = number_of(values[value[1:]])
            if not fits(uniform.type, value):
                raise InvalidProgram(
                    "program.does_not_fit", name=uniform.name, type=uniform.type, value=value
                )
        bound[uniform.name] = value
    return bound


def connect(program: GpuProgram, arguments: Mapping[str, Json], live: frozenset[str]) -> GpuProgram:
    """Return the program with live parameters left open as ``$parameter``.

    A step's argument ``"$name"`` (or one inside a mapping argument) that became a uniform of the
    same name may change while the program runs; everything else is fixed at build.
    """
    named: dict[str, str] = {}
    for key, argument in arguments.items():
        inner = argument.items() if isinstance(argument, dict) else [(key, argument)]
        for name, value in inner:
            if isinstance(value, str) and value.startswith("$") and value[1:] in live:
                named[name] = value
    uniforms = tuple(
        u.model_copy(update={"value": named[u.name]}) if u.name in named else u
        for u in program.uniforms
    )
    return program.model_copy(update={"uniforms": uniforms})


def layout(program: GpuProgram) -> tuple[dict[str, tuple[int, UniformType]], int]:
    """Return the byte offset and type of every uniform, and the size of the struct.

    WGSL's rules for the uniform address space: a member starts at a multiple of its alignment
    (its size, for these types); the struct's size is rounded up to 16.
    """
    offsets: dict[str, tuple[int, UniformType]] = {}
    end = 0
    for name, kind in (*STANDARD_UNIFORMS, *((u.name, u.type) for u in program.uniforms)):
        size = SIZES[kind]
        start = (end + size - 1) // size * size
        offsets[name] = (start, kind)
        end = start + size
    return offsets, (end + 15) // 16 * 16


def header(program: GpuProgram) -> str:
    """Return the generated WGSL: the uniform struct and all bindings of group 0."""
    members = [*STANDARD_UNIFORMS, *((u.name, u.type) for u in program.uniforms)]
    lines = ["struct Uniforms {"]
    lines += [f"  {name}: {kind}," for name, kind in members]
    lines += ["}", "@group(0) @binding(0) var<uniform> uniforms: Uniforms;"]
    for binding, buffer in enumerate(program.buffers, start=1):
        lines.append(
            f"@group(0) @binding({binding}) var<storage, read_write> "
            f"{buffer.name}: array<{buffer.type}>;"
        )
    return "\n".join(lines) + "\n"


def pack(program: GpuProgram, values: Mapping[str, Json]) -> bytes:
    """Return the uniform block: little-endian bytes of every uniform at its place.

    ``values`` holds a number or a list for each name; a missing one is zero.
    """
    offsets, size = layout(program)
    block = bytearray(size)
    for name, (offset, kind) in offsets.items():
        value = values.get(name, 0)
        components = value if isinstance(value, list | tuple) else [value]
        match kind:
            case "u32":
                struct.pack_into("<I", block, offset, int(components[0]) & 0xFFFF_FFFF)
            case "i32":
                struct.pack_into("<i", block, offset, int(components[0]))
            case "f32":
                struct.pack_into("<f", block, offset, float(components[0]))
            case "vec2f" | "vec4f":
                count = 2 if kind == "vec2f" else 4
                padded = [*components, 0.0, 0.0, 0.0, 0.0][:count]
                struct.pack_into(f"<{count}f", block, offset, *padded)
    return bytes(block)


def standard_values(
    program: GpuProgram,
    *,
    frame: int,
    step: int,
    seed: int,
    view: View | None = None,
    pointer: Sequence[float] = (0.0, 0.0, 0.0, 0.0),
) -> dict[str, Json]:
    """Return the standard uniforms' values at one moment."""
    view = view or program.view
    return {
        "frame": frame,
        "step": step,
        "time": step * program.dt,
        "dt": program.dt,
        "seed": fold_seed(seed),
        "width": program.width,
        "height": program.height,
        "yaw": view.yaw + view.spin * frame / program.frames_per_second,
        "pitch": view.pitch,
        "distance": view.distance,
        "zoom": view.zoom,
        "spin": view.spin,
        "pan": list(view.pan),
        "pointer": list(pointer),
    }


def fold_seed(seed: int) -> int:
    """Return the run's seed folded into 32 bits."""
    return (seed ^ (seed >> 32)) & 0xFFFF_FFFF


def number_of(value: Value) -> Json:
    """Return a parameter's value as a uniform: colours become linear-light-free sRGB vec4."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str):
        if re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            return [int(value[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0]
        raise InvalidProgram("program.not_a_number", value=value[:80])
    return value
