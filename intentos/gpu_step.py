"""A step of a plan made ready for a GPU: its program, whoever plays it, here or in a browser."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from intentos.bindings import connect
from intentos.errors import NotApproved
from intentos.input_arrays import InputArrays
from intentos.plan import Step
from intentos.program import DTYPES, GpuProgram, load
from intentos.protocols import Kernel
from intentos.registry import Registry
from intentos.types import Json, Value

LANGUAGES = frozenset({"kernel", "wgsl"})
"""Of the steps that become programs."""


@dataclass(frozen=True)
class Work:
    """A step made ready: its program, and its kernel where it has one."""

    program: GpuProgram
    arguments: Mapping[str, Json]
    kernel: Kernel | None
    arrays: Mapping[str, str] = field(default_factory=dict)
    """sha256 → file, of the input arrays that the arguments name."""


def prepare(
    step: Step,
    values: Mapping[str, Value],
    live: frozenset[str],
    arrays: InputArrays,
    registry: Registry,
    *,
    pinned: bool = True,
) -> Work:
    """Return the step's program, with live parameters left open.

    ``pinned``: a kernel must be the one that the plan was approved with.

    Raises:
        InvalidProgram: the arguments make no program.
        NotApproved: the kernel has changed.
    """
    if step.language != "kernel":
        arguments = step.resolved_arguments(values)
        arguments["uniforms"] = _open_uniforms(step.arguments, arguments)
        arguments["buffers"] = _filled(arguments.get("buffers", ()), arrays)
        program = load({**arguments, "source": step.code})
        return Work(program, arguments, None, arrays.files)
    kernel = registry.kernel(step.code)
    if pinned and step.code_hash != kernel.code_hash:
        raise NotApproved("gpu.code_changed", kernel=step.code)
    # Arrays first: a parameter's text is data, whatever it begins with.
    given = step.model_copy(update={"arguments": arrays.resolve(step.arguments)})
    arguments = given.resolved_arguments(values)
    program = connect(kernel.build(arguments), step.arguments, live)
    return Work(program, arguments, kernel, arrays.files)


def array_files(work: Work, inputs: Mapping[str, Path]) -> dict[str, str]:
    """Return sha256 → file of what fills the program's buffers, as far as the inputs hold it."""
    wanted = {b.data.sha256 for b in work.program.buffers if b.data is not None}
    arrays = dict(work.arrays)
    if wanted - arrays.keys():
        for path in inputs.values():
            digest = file_sha256(path)
            if digest in wanted:
                arrays[digest] = str(path)
    return arrays


def file_sha256(path: Path) -> str:
    """Return the hexadecimal sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _open_uniforms(given: Mapping[str, Json], resolved: Mapping[str, Json]) -> list[Json]:
    """Leave ``$parameter`` in uniforms as it is: binding turns colours into numbers too."""
    pairs = zip(given.get("uniforms", ()), resolved.get("uniforms", ()), strict=True)
    return [
        {**new, "value": old["value"]}
        if isinstance(old, dict) and isinstance(old.get("value"), str)
        else new
        for old, new in pairs
    ]


def _filled(buffers: Json, arrays: InputArrays) -> Json:
    """Return buffers whose ``@name`` data are references, in the dtype of the buffer."""
    filled = []
    for buffer in buffers:
        if isinstance(buffer, dict) and isinstance(buffer.get("data"), str):
            dtype, _ = DTYPES.get(str(buffer.get("type")), ("float32", 1))
            data = arrays.resolve(buffer["data"], dtype)
            if isinstance(data, dict):  # where the bytes lie is not of the program
                data = {key: item for key, item in data.items() if key != "path"}
            buffer = {**buffer, "data": data}
        filled.append(buffer)
    return filled
