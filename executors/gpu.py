"""Interprets a GpuProgram on wgpu; meant to run inside the GPU worker process.

Work is submitted in batches that take about a tenth of a second each, so that whoever watches the
process sees it move and a display that shares the GPU stays alive. The cost of a dispatch is
measured, not guessed: every pass is first submitted alone.
"""

from __future__ import annotations

import re
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from intentos.bindings import bind, header, layout, pack, standard_values, wgsl
from intentos.errors import ExecutorError, InvalidProgram
from intentos.program import (
    DTYPES,
    MAX_BINDING_BYTES,
    MAX_INVOCATIONS,
    MAX_STORAGE_BUFFERS,
    GpuProgram,
    Pass,
    Probe,
)
from intentos.types import Value, sha256

from .adapter import AdapterInfo, adapters, choose_adapter, describe

if TYPE_CHECKING:
    import numpy

__all__ = ["AdapterInfo", "ProgramRunner", "adapters", "choose_adapter", "describe"]

BATCH_SECONDS = 0.1
STAGED_BLOCKS = 256
"""Uniform blocks, one a round, that one batch can hold."""

DEFAULT_LIMITS: dict[str, int] = {
    "maxStorageBuffersPerShaderStage": MAX_STORAGE_BUFFERS,
    "maxStorageBufferBindingSize": MAX_BINDING_BYTES,
    "maxBufferSize": 256 * 1024**2,
    "maxComputeInvocationsPerWorkgroup": MAX_INVOCATIONS,
    "maxComputeWorkgroupSizeX": 256,
    "maxComputeWorkgroupSizeY": 256,
    "maxComputeWorkgroupSizeZ": 64,
    "maxComputeWorkgroupStorageSize": 16_384,
    "maxComputeWorkgroupsPerDimension": 65_535,
}
"""WebGPU's defaults for what compute passes use. Source: the WebGPU specification, §3.6.2."""


@dataclass
class _Batch:
    """Recorded work that has not been submitted."""

    encoder: Any
    compute: Any = None
    blocks: list[bytes] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)
    """Pass number → dispatches."""
    seconds: float = 0.0
    """What the dispatches are expected to take."""

    def close(self) -> None:
        if self.compute is not None:
            self.compute.end()
            self.compute = None


class ProgramRunner:
    """Runs one program once: iterate ``frames()`` to its end, then read ``outputs()``.

    ``values`` are the plan's parameters by name; ``arrays`` holds the bytes of the buffers' data
    by their sha256; ``alive`` is called after every submitted batch.

    Raises:
        InvalidProgram: the shader does not compile, a value or array is missing, or the program
            needs more than the adapter has.
        ExecutorUnavailable: there is no adapter, or none of that name.
        ExecutorError: the device was lost or ran out of memory.
    """

    def __init__(
        self,
        program: GpuProgram,
        values: Mapping[str, Value],
        seed: int,
        adapter: str = "",
        arrays: Mapping[str, bytes] | None = None,
        alive: Callable[[], None] = lambda: None,
        chosen: Any = None,
    ) -> None:
        self.program = program
        self.series: dict[str, list[tuple[int, float]]] = {p.name: [] for p in program.probes}
        self.view = program.view
        self.pointer: Sequence[float] = (0.0, 0.0, 0.0, 0.0)
        """Like the view, it may be changed between frames."""
        self._seed = seed
        self._own = bind(program, values)
        self._alive = alive
        chosen = chosen or choose_adapter(adapter)
        self.device = describe(chosen)
        limits = _limits(program, chosen)
        self._passes = [*program.start, *program.step, *program.draw]
        self._costs: dict[int, float] = {}
        self._step = 0
        with _translated():
            self._gpu = chosen.request_device_sync(required_limits=limits)
            self._compile()
            self._allocate(arrays or {})
        self._mapping = list(range(len(program.buffers)))
        self._bind_groups: dict[tuple[int, ...], Any] = {}
        self._batch = _Batch(self._gpu.create_command_encoder())

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Yield (index, RGBA8 bytes) of every frame; the bytes are empty where nothing draws.

        Shape of the bytes: height x width x 4, top-left first.
        """
        self.begin()
        for frame in range(self.program.frames):
            if frame:
                self.advance(self.program.steps_per_frame, frame=frame)
            self.draw(frame)
            pixels = self.read(frame)
            yield frame, pixels

    def begin(self) -> None:
        """Record the ``start`` passes."""
        with _translated():
            self._round(range(len(self.program.start)), frame=0, step=0)

    def advance(self, rounds: int, *, frame: int = 0) -> None:
        """Record so many rounds of the ``step`` passes, each with its swaps."""
        first = len(self.program.start)
        steps = range(first, first + len(self.program.step))
        with _translated():
            for _ in range(rounds):
                self._round(steps, frame=frame, step=self._step)
                self._swap()
                self._step += 1

    def draw(self, frame: int) -> None:
        """Record the ``draw`` passes."""
        first = len(self.program.start) + len(self.program.step)
        with _translated():
            self._round(range(first, len(self._passes)), frame=frame, step=self._step)

    def finish(self) -> None:
        """Submit what is recorded and wait until it is done."""
        with _translated():
            self._submit()

    def set(self, values: Mapping[str, Value]) -> None:
        """Go on with other values of the parameters that the program leaves open."""
        self._own = bind(self.program, values)

    def restart(self, seed: int, arrays: Mapping[str, bytes]) -> None:
        """Go back to before ``begin``: zero in all buffers but those with data."""
        with _translated():
            self._batch.close()
            for buffer in self._buffers:
                self._batch.encoder.clear_buffer(buffer)
            self._submit()
            self._fill(arrays)
        self._seed, self._step = seed, 0
        self._mapping = list(range(len(self._buffers)))
        for pairs in self.series.values():
            pairs.clear()

    @property
    def rounds(self) -> int:
        """Rounds recorded since the start."""
        return self._step

    def outputs(self) -> dict[str, numpy.ndarray[Any, Any]]:
        """Return the program's outputs as they are now, by output name, in their shapes."""
        import numpy as np

        found: dict[str, numpy.ndarray[Any, Any]] = {}
        names = [buffer.name for buffer in self.program.buffers]
        for output in self.program.outputs:
            index = names.index(output.buffer)
            size = self.program.buffers[index].size
            with _translated():
                target = self._readback(size)
                data = self._read_into(target, [(index, 0, size)])
                target.destroy()
            found[output.name] = np.frombuffer(data, output.dtype).reshape(output.shape)
        return found

    def _compile(self) -> None:
        import wgpu

        gpu, visibility = self._gpu, wgpu.ShaderStage.COMPUTE
        kinds = ["uniform"] + ["storage"] * len(self.program.buffers)
        self._layout = gpu.create_bind_group_layout(
            entries=[
                {"binding": i, "visibility": visibility, "buffer": {"type": kind}}
                for i, kind in enumerate(kinds)
            ]
        )
        pipeline_layout = gpu.create_pipeline_layout(bind_group_layouts=[self._layout])
        try:
            module = gpu.create_shader_module(code=wgsl(self.program))
        except wgpu.GPUValidationError as error:
            raise shader_problem(str(error), self.program) from error
        made: dict[tuple[str, tuple[tuple[str, float], ...]], Any] = {}
        self._pipelines = []
        for one in self._passes:
            key = (one.entry, tuple(sorted(one.constants.items())))
            if key not in made:
                made[key] = self._pipeline(one, module, pipeline_layout)
                self._alive()
            self._pipelines.append(made[key])

    def _pipeline(self, one: Pass, module: Any, pipeline_layout: Any) -> Any:
        import wgpu

        try:
            return self._gpu.create_compute_pipeline(
                layout=pipeline_layout,
                compute={
                    "module": module,
                    "entry_point": one.entry,
                    "constants": dict(one.constants),
                },
            )
        except wgpu.GPUValidationError as error:
            what = " ".join(str(error).split("\n    ")[-1].split())
            raise InvalidProgram("gpu.pipeline", entry=one.entry, what=what) from error

    def _allocate(self, arrays: Mapping[str, bytes]) -> None:
        import wgpu

        usage = wgpu.BufferUsage
        _, self._block = layout(self.program)
        copied = usage.COPY_SRC | usage.COPY_DST
        self._uniforms = self._gpu.create_buffer(size=self._block, usage=usage.UNIFORM | copied)
        self._staging = self._gpu.create_buffer(size=self._block * STAGED_BLOCKS, usage=copied)
        self._fence = self._readback(4)
        self._buffers = [
            self._gpu.create_buffer(size=buffer.size, usage=usage.STORAGE | copied)
            for buffer in self.program.buffers
        ]
        self._fill(arrays)
        self._frame_buffer = self._readback(self._frame_bytes())

    def _fill(self, arrays: Mapping[str, bytes]) -> None:
        for buffer, made in zip(self.program.buffers, self._buffers, strict=True):
            if buffer.data is not None:
                data = arrays.get(buffer.data.sha256)
                if data is None or sha256(data) != buffer.data.sha256:
                    raise InvalidProgram("gpu.no_data", buffer=buffer.name, sha=buffer.data.sha256)
                if len(data) != buffer.size:
                    raise InvalidProgram(
                        "gpu.data_size", buffer=buffer.name, size=len(data), wanted=buffer.size
                    )
                self._gpu.queue.write_buffer(made, 0, data)

    def _frame_bytes(self) -> int:
        pixels = self.program.width * self.program.height * 4 if self.program.draw else 0
        return max(4, pixels + sum(_probe_bytes(probe) for probe in self.program.probes))

    def _readback(self, size: int) -> Any:
        import wgpu

        usage = wgpu.BufferUsage.MAP_READ | wgpu.BufferUsage.COPY_DST
        return self._gpu.create_buffer(size=size, usage=usage)

    def _round(self, numbers: range, *, frame: int, step: int) -> None:
        """Record the passes of these numbers under fresh uniforms."""
        if not numbers:
            return
        if len(self._batch.blocks) == STAGED_BLOCKS:
            self._submit()
        self._batch.close()
        block = self._uniform_block(frame, step)
        offset = len(self._batch.blocks) * self._block
        self._batch.encoder.copy_buffer_to_buffer(
            self._staging, offset, self._uniforms, 0, self._block
        )
        self._batch.blocks.append(block)
        for number in numbers:
            for _ in range(self._passes[number].repeat):
                self._dispatch(number)

    def _dispatch(self, number: int) -> None:
        cost = self._costs.get(number)
        if self._batch.counts and (cost is None or self._batch.seconds + cost > BATCH_SECONDS):
            self._submit()
        batch = self._batch
        if batch.compute is None:
            batch.compute = batch.encoder.begin_compute_pass()
            batch.compute.set_bind_group(0, self._bind_group())
        batch.compute.set_pipeline(self._pipelines[number])
        batch.compute.dispatch_workgroups(*self._passes[number].dispatch)
        batch.counts[number] = batch.counts.get(number, 0) + 1
        batch.seconds += cost or 0.0
        if cost is None:
            self._submit()

    def _submit(self) -> None:
        """Submit what is recorded and wait until it is done."""
        self._read_into(self._fence, [(-1, 0, 4)])

    def _read_into(self, target: Any, ranges: list[tuple[int, int, int]]) -> bytes:
        """Submit, wait, and return the bytes of (buffer, offset, size) ranges, one after another.

        Buffer -1 is the uniform block, of which four bytes serve as a fence: mapping them waits.
        """
        batch, total = self._batch, 0
        batch.close()
        for index, offset, size in ranges:
            source = self._uniforms if index < 0 else self._buffers[self._mapping[index]]
            batch.encoder.copy_buffer_to_buffer(source, offset, target, total, size)
            total += size
        if batch.blocks:
            self._gpu.queue.write_buffer(self._staging, 0, b"".join(batch.blocks))
        start = time.perf_counter()
        self._gpu.queue.submit([batch.encoder.finish()])
        self._batch = _Batch(self._gpu.create_command_encoder())
        target.map_sync("READ", 0, total)
        self._learn(batch, time.perf_counter() - start)
        data = bytes(target.read_mapped(0, total, copy=False))
        target.unmap()
        self._alive()
        return data

    def _learn(self, batch: _Batch, seconds: float) -> None:
        known = {n: c for n, c in batch.counts.items() if n in self._costs}
        if not known:
            for number, count in batch.counts.items():
                self._costs[number] = seconds / count
            return
        ratio = seconds / max(batch.seconds, 1e-9)
        for number in known:
            # Half way to the new measure: one slow moment must not make a hundred small batches.
            self._costs[number] *= (1 + ratio) / 2

    def _swap(self) -> None:
        if not self.program.swaps:
            return
        names = [buffer.name for buffer in self.program.buffers]
        for first, second in self.program.swaps:
            a, b = names.index(first), names.index(second)
            self._mapping[a], self._mapping[b] = self._mapping[b], self._mapping[a]

    def _bind_group(self) -> Any:
        key = tuple(self._mapping)
        if key not in self._bind_groups:
            bound = [self._uniforms, *(self._buffers[i] for i in key)]
            self._bind_groups[key] = self._gpu.create_bind_group(
                layout=self._layout,
                entries=[
                    {"binding": i, "resource": {"buffer": b, "offset": 0, "size": b.size}}
                    for i, b in enumerate(bound)
                ],
            )
        return self._bind_groups[key]

    def _uniform_block(self, frame: int, step: int) -> bytes:
        standard = standard_values(
            self.program,
            frame=frame,
            step=step,
            seed=self._seed,
            view=self.view,
            pointer=self.pointer,
        )
        return pack(self.program, standard | self._own)

    def read(self, frame: int) -> bytes:
        """Submit the frame's work and return its pixels; probes that are due join their series."""
        with _translated():
            return self._read_frame(frame)

    def _read_frame(self, frame: int) -> bytes:
        program = self.program
        names = [buffer.name for buffer in program.buffers]
        due = [probe for probe in program.probes if frame % probe.every == 0]
        size = program.width * program.height * 4 if program.draw else 0
        ranges = [(names.index("pixels"), 0, size)] if size else []
        ranges += [(names.index(p.buffer), p.offset * 4, _probe_bytes(p)) for p in due]
        data = self._read_into(self._frame_buffer, ranges or [(-1, 0, 4)])
        start = size
        for probe in due:
            end = start + _probe_bytes(probe)
            kind = DTYPES[program.buffers[names.index(probe.buffer)].type][0]
            self.series[probe.name].append((frame, reduce(probe, kind, data[start:end])))
            start = end
        return data[:size]


def reduce(probe: Probe, dtype: str, data: bytes) -> float:
    """Return the probe's number from the bytes of its components, first to last."""
    if probe.count == 1:
        form = {"float32": "<f", "int32": "<i", "uint32": "<I"}[dtype]
        return float(struct.unpack_from(form, data)[0] * probe.scale)
    import numpy as np

    components = np.frombuffer(data, dtype)[:: probe.stride].astype(np.float64)
    match probe.reduction:
        case "sum":
            number = components.sum()
        case "mean":
            number = components.mean()
        case "minimum":
            number = components.min()
        case "maximum":
            number = components.max()
        case "first":
            number = components[0]
    return float(number * probe.scale)


def shader_problem(text: str, program: GpuProgram) -> InvalidProgram:
    """Return naga's complaint as an error whose line counts in the program's own source."""
    lines = text.splitlines()
    place = re.search(r"┌─ [^\n:]*:(\d+):(\d+)", text)
    line, column = (int(place[1]), int(place[2])) if place else (0, 0)
    # A validation error frames the whole function; the expression inside it says more.
    numbered = line
    for each in lines:
        if match := re.match(r"\s*(\d+) │", each):
            numbered = int(match[1])
        if "naga::ir::Expression" in each and place:
            if numbered != line:
                shown = wgsl(program).splitlines()[numbered - 1]
                line, column = numbered, len(shown) - len(shown.lstrip()) + 1
            break
    main = next((each for each in lines if each.startswith("Shader ")), lines[-1] if lines else "")
    what = re.sub(r"^Shader (''|validation) ?(parsing )?(error: )?", "", main).strip()
    details = [each.strip()[2:] for each in lines if each.strip().startswith("= ")]
    what = "; ".join([what, *details])
    line = max(0, line - header(program).count("\n"))
    return InvalidProgram("gpu.shader", line=line, column=column, what=what)


def _probe_bytes(probe: Probe) -> int:
    return ((probe.count - 1) * probe.stride + 1) * 4


def _limits(program: GpuProgram, adapter: Any) -> dict[str, int]:
    """Return the limits to ask for; refuse what the adapter cannot give, before any allocation."""
    largest = max((buffer.size for buffer in program.buffers), default=0)
    wanted = DEFAULT_LIMITS | program.requires
    wanted["maxBufferSize"] = max(wanted["maxBufferSize"], largest)
    needed = dict(program.requires)
    for name, least in (
        ("maxStorageBuffersPerShaderStage", len(program.buffers)),
        ("maxStorageBufferBindingSize", largest),
        ("maxBufferSize", largest),
    ):
        needed[name] = max(needed.get(name, 0), least)
    limits: dict[str, int] = {}
    for name, value in wanted.items():
        key = re.sub(r"([A-Z])", lambda m: "-" + m[1].lower(), name)
        if key not in adapter.limits:
            raise InvalidProgram("gpu.unknown_limit", limit=name)
        most = int(adapter.limits[key])
        if needed.get(name, 0) > most:
            raise InvalidProgram("gpu.limit", limit=name, wanted=needed[name], largest=most)
        limits[key] = min(value, most)
    return limits


class _translated:
    """Turns what wgpu raises into our own errors."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if not isinstance(error, Exception):
            return
        import wgpu

        what = " ".join(str(error).split())[:500]
        # wgpu-native tells these two as validation errors of the call that met them.
        short = "Not enough memory left" in what
        if short or isinstance(error, wgpu.GPUOutOfMemoryError | MemoryError):
            raise ExecutorError("gpu.out_of_memory", what=what) from error
        lost = "device is lost" in what
        if isinstance(error, wgpu.GPUValidationError) and not lost:
            raise InvalidProgram("gpu.refused", what=what) from error
        if isinstance(error, wgpu.GPUError | RuntimeError):
            raise ExecutorError("gpu.device_lost", what=what) from error
