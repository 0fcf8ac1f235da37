"""What the executors that draw frames share: the worker process, its watchdog, the artifacts.

``FrameExecutor.execute`` starts a worker, builds the program while the worker imports, reads its
lines, and turns what it left into artifacts, values and checks. Whatever happens (cancellation,
the wall time, a worker that is silent), the worker's whole session is killed and waited for.
"""

from __future__ import annotations

import asyncio
import math
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from intentos.bindings import connect
from intentos.config import load as load_settings
from intentos.errors import ExecutorError, IntentOSError, InvalidProgram, NotApproved, StoreError
from intentos.events import FrameDrawn, ProbeRead, ProgressMade
from intentos.plan import Step
from intentos.program import DTYPES, GpuProgram, Pass, entry_points
from intentos.program import load as load_program
from intentos.protocols import Evidence, Kernel, StepContext
from intentos.registry import Registry
from intentos.run import StepResult, StepStatus
from intentos.types import (
    Artifact,
    Check,
    Estimate,
    Isolation,
    Json,
    Problem,
    Quantity,
    Value,
    Words,
    canonical_json,
    now,
)

from .arrays import InputArrays
from .worker import Spare, Stopped, Worker

RAW_SHARE = 16
"""Raw frames may take this many times the artifacts' bytes: a film is far smaller than they are."""


@dataclass(frozen=True)
class Work:
    """A step made ready: its program, and its kernel where it has one."""

    program: GpuProgram
    arguments: Mapping[str, Json]
    kernel: Kernel | None
    arrays: Mapping[str, str] = field(default_factory=dict)
    """sha256 → file, of the input arrays that the arguments name."""


@dataclass
class Drawn:
    """What the worker left."""

    raw: Path
    device: str = ""
    frames: int = 0
    distinct: int = 0
    series: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    outputs: dict[str, Path] = field(default_factory=dict)


class FrameExecutor:
    """Base of the executors that draw frames in a worker process."""

    name: str
    languages: frozenset[str]
    isolation: Isolation = "process"
    substitute = False
    work: str
    """What the worker is started for: ``gpu`` or ``twin``."""

    def __init__(self, *, adapter: str | None = None, silence: float | None = 30.0) -> None:
        """``adapter``: part of an adapter's name, by default the setting; ``silence``: seconds
        after which a worker that says nothing is killed, or None."""
        self._adapter = adapter
        self._silence = silence
        self._spare: Spare | None = None
        self._sized: tuple[bytes, Estimate] = b"", Estimate()
        """The step that was last made ready, and what it needs."""

    @cached_property
    def adapter(self) -> str:
        """Part of the name of the adapter to prefer."""
        return load_settings().adapter if self._adapter is None else self._adapter

    @cached_property
    def _registry(self) -> Registry:
        return Registry(plugins=load_settings().plugins)

    def check(self) -> None:
        """Return if steps can run here."""

    async def warm(self) -> None:
        """Keep a worker ready from now on, so that a step's first frame comes sooner."""
        if self._spare is None:
            self._spare = Spare(self.work, self.adapter)
        await self._spare.refill()

    async def cool(self) -> None:
        """End the worker that is kept ready."""
        spare, self._spare = self._spare, None
        if spare is not None:
            await spare.close()

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Return the memory that the program's buffers take, and how many invocations it has."""
        name = canonical_json([step.code_hash, step.resolved_arguments(values)])
        if name != self._sized[0]:
            try:
                nothing = InputArrays({}, Path())
                program = self._prepare(step, values, frozenset(), nothing, pinned=False).program
            except IntentOSError:
                # The step itself will say what is wrong, or its inputs are not there yet.
                return Estimate()
            self._sized = name, _size(program)
        return self._sized[1]

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Draw the step's frames under the context's limits.

        Raises:
            ExecutorUnavailable: there is no adapter, or not the one that the settings name.
            NotApproved: the kernel is not the one that the plan was approved with.
            StoreError: the disk is full.
        """
        if step.language not in self.languages:
            raise ExecutorError("gpu.language", executor=self.name, language=step.language)
        started = now()
        drawn = Drawn(context.workdir / "frames.rgba")
        try:
            async with asyncio.timeout(context.limits.wall_time):
                work = await self._draw(step, context, drawn)
                artifacts = await _deliver(work.program, drawn, context, step)
                values, checks = await asyncio.to_thread(_conclude, work, drawn)
        except Stopped as stop:
            return self._result(step, started, drawn, status=stop.status, error=stop.problem)
        except TimeoutError:
            problem = Problem(code="gpu.wall_time", arguments={"seconds": context.limits.wall_time})
            status = StepStatus.TIMED_OUT
            return self._result(step, started, drawn, status=status, error=problem)
        except InvalidProgram as error:
            problem = error.problem()
            return self._result(step, started, drawn, status=StepStatus.FAILED, error=problem)
        return self._result(
            step,
            started,
            drawn,
            status=StepStatus.OK,
            values=dict(values),
            artifacts=tuple(artifacts),
            checks=checks,
            note=await asyncio.to_thread(self._note),
        )

    def _result(self, step: Step, started: Any, drawn: Drawn, **more: Any) -> StepResult:
        return StepResult(
            step_id=step.id,
            executor=self.name,
            device=drawn.device,
            started_at=started,
            finished_at=now(),
            **more,
        )

    def _note(self) -> Problem | None:
        return None

    def _prepare(
        self,
        step: Step,
        values: Mapping[str, Value],
        live: frozenset[str],
        arrays: InputArrays,
        *,
        pinned: bool = True,
    ) -> Work:
        if step.language != "kernel":
            arguments = step.resolved_arguments(values)
            arguments["uniforms"] = _open_uniforms(step.arguments, arguments)
            arguments["buffers"] = _filled(arguments.get("buffers", ()), arrays)
            program = load_program({**arguments, "source": step.code})
            return Work(program, arguments, None, arrays.files)
        kernel = self._registry.kernel(step.code)
        if pinned and step.code_hash != kernel.code_hash:
            raise NotApproved("gpu.code_changed", kernel=step.code)
        # Arrays first: a parameter's text is data, whatever it begins with.
        given = step.model_copy(update={"arguments": arrays.resolve(step.arguments)})
        arguments = given.resolved_arguments(values)
        program = connect(kernel.build(arguments), step.arguments, live)
        return Work(program, arguments, kernel, arrays.files)

    async def _draw(self, step: Step, context: StepContext, drawn: Drawn) -> Work:
        async with self._worker(context.workdir) as worker:
            arrays = InputArrays(context.inputs, context.workdir)
            work = await asyncio.to_thread(
                self._prepare, step, context.values, context.live, arrays
            )
            name = canonical_json([step.code_hash, step.resolved_arguments(context.values)])
            self._sized = name, _size(work.program)
            _refuse_excess(work.program, context)
            await worker.send(await asyncio.to_thread(_job, work, step, context, drawn.raw))
            await self._follow(worker, work.program, step, context, drawn)
        return work

    @asynccontextmanager
    async def _worker(self, folder: Path) -> AsyncIterator[Worker]:
        spare = self._spare.take() if self._spare is not None else None
        if spare is None:
            async with Worker(self.work, self.adapter, folder) as worker:
                yield worker
        else:
            try:
                yield spare
            finally:
                await spare.__aexit__(None, None, None)
        if self._spare is not None:
            await self._spare.refill()

    async def _follow(
        self, worker: Worker, program: GpuProgram, step: Step, context: StepContext, drawn: Drawn
    ) -> None:
        while True:
            message = await worker.read(self._silence)
            match message["kind"]:
                case "device":
                    drawn.device = message["text"]
                case "frame":
                    index = drawn.frames = message["index"]
                    drawn.frames += 1
                    for name, number in message["probes"].items():
                        drawn.series.setdefault(name, []).append((index, number))
                    _tell_frame(program, step, context, drawn, message["probes"])
                case "done":
                    drawn.distinct = message["distinct"]
                    drawn.outputs = {n: Path(path) for n, path in message["outputs"].items()}
                    return


def _size(program: GpuProgram) -> Estimate:
    """Return memory and work: invocations of all passes, and the pixels that become a film."""
    groups = {
        entry: math.prod(size) if size else 64
        for entry, size in entry_points(program.source).items()
    }

    def invocations(passes: Iterable[Pass]) -> int:
        return sum(math.prod(p.dispatch) * groups[p.entry] * p.repeat for p in passes)

    rounds = (program.frames - 1) * program.steps_per_frame
    work = invocations(program.start) + rounds * invocations(program.step)
    work += program.frames * (invocations(program.draw) + program.width * program.height)
    return Estimate(memory_bytes=program.memory_bytes, work=float(work))


def frames_judged(program: GpuProgram, drawn: Drawn) -> Check:
    """Judge a program without a kernel: every frame is there and, in a film, something moved."""
    complete = drawn.frames == program.frames
    moves = program.frames == 1 or not program.draw or drawn.distinct > 1
    return Check(
        name="frames_drawn",
        title=Words(en="All frames were drawn", zh="所有画面都已绘制"),
        status="passed" if complete and moves else "failed",
        detail=f"{drawn.frames}/{program.frames}, distinct {drawn.distinct}",
    )


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


def _refuse_excess(program: GpuProgram, context: StepContext) -> None:
    limits = context.limits
    if program.memory_bytes > limits.memory_bytes:
        raise InvalidProgram("gpu.memory", wanted=program.memory_bytes, limit=limits.memory_bytes)
    if not program.draw:
        return
    frame = program.width * program.height * 4
    wanted, room = frame * program.frames, limits.artifact_bytes * RAW_SHARE
    if wanted > room:
        raise InvalidProgram(
            "gpu.film_too_long",
            frames=program.frames,
            width=program.width,
            height=program.height,
            wanted=wanted,
            largest=room // frame,
        )
    if wanted > shutil.disk_usage(context.workdir).free:
        raise StoreError("film.no_space", path="frames.rgba")


def _job(work: Work, step: Step, context: StepContext, raw: Path) -> dict[str, Any]:
    wanted = {b.data.sha256 for b in work.program.buffers if b.data is not None}
    arrays = dict(work.arrays)
    if wanted - arrays.keys():
        for path in context.inputs.values():
            digest = file_sha256(path)
            if digest in wanted:
                arrays[digest] = str(path)
    return {
        "program": work.program.model_dump(mode="json"),
        "values": dict(context.values),
        "seed": context.seed,
        "arrays": arrays,
        "kernel": step.code if work.kernel is not None else None,
        "arguments": dict(work.arguments),
        "memory_bytes": context.limits.memory_bytes,
        "frames": str(raw),
        "folder": str(context.workdir),
    }


def file_sha256(path: Path) -> str:
    """Return the hexadecimal sha256 of a file."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tell_frame(
    program: GpuProgram,
    step: Step,
    context: StepContext,
    drawn: Drawn,
    probes: Mapping[str, float],
) -> None:
    index = drawn.frames - 1
    if program.draw:
        context.emit(
            FrameDrawn(
                step_id=step.id,
                index=index,
                count=program.frames,
                width=program.width,
                height=program.height,
                reference=str(drawn.raw),
            )
        )
    for name, number in probes.items():
        context.emit(ProbeRead(step_id=step.id, name=name, frame=index, value=number))
    fraction = min(1.0, drawn.frames / program.frames)
    context.emit(ProgressMade(stage="stage.drawing", fraction=fraction, step_id=step.id))


async def _deliver(
    program: GpuProgram, drawn: Drawn, context: StepContext, step: Step
) -> list[Artifact]:
    """Encode, and save everything that the step leaves."""
    from .film import encode_film, encode_png

    made: list[tuple[Path, str]] = []
    if program.draw and drawn.frames == 1:
        picture = context.workdir / "picture.png"
        pixels = await asyncio.to_thread(drawn.raw.read_bytes)
        png = await asyncio.to_thread(encode_png, pixels, program.width, program.height)
        await asyncio.to_thread(picture.write_bytes, png)
        made.append((picture, "image/png"))
    elif program.draw:
        film, gif = await encode_film(
            drawn.raw,
            width=program.width,
            height=program.height,
            count=drawn.frames,
            frames_per_second=program.frames_per_second,
            folder=context.workdir,
            progress=lambda fraction: context.emit(
                ProgressMade(stage="stage.encoding", fraction=fraction, step_id=step.id)
            ),
        )
        made += [(film, "video/mp4"), (gif, "image/gif")]
    if drawn.series:
        table = context.workdir / "series.csv"
        await asyncio.to_thread(table.write_text, series_csv(program, drawn.series), "utf-8")
        made.append((table, "text/csv"))
    made += [(path, "application/x-npy") for path in drawn.outputs.values()]
    _refuse_weight([path for path, _ in made], context.limits.artifact_bytes)
    return [await context.save(path.name, path, media) for path, media in made]


def _refuse_weight(paths: list[Path], limit: int) -> None:
    size = sum(path.stat().st_size for path in paths)
    if size > limit:
        problem = Problem(code="gpu.artifacts", arguments={"size": size, "limit": limit})
        raise Stopped(StepStatus.FAILED, problem)


def series_csv(program: GpuProgram, series: Mapping[str, list[tuple[int, float]]]) -> str:
    """Return the probes as a table: frame, time, one column a probe, empty where not read."""
    rows: dict[int, dict[str, float]] = {}
    for name, pairs in series.items():
        for frame, number in pairs:
            rows.setdefault(frame, {})[name] = number
    lines = [",".join(["frame", "time", *series])]
    for frame, numbers in sorted(rows.items()):
        time = frame * program.steps_per_frame * program.dt
        cells = [repr(numbers[name]) if name in numbers else "" for name in series]
        lines.append(",".join([str(frame), f"{time:.9g}", *cells]))
    return "\n".join(lines) + "\n"


def _conclude(work: Work, drawn: Drawn) -> tuple[Mapping[str, Quantity], tuple[Check, ...]]:
    if work.kernel is None:
        units = {probe.name: probe.unit for probe in work.program.probes}
        values = {
            name: Quantity(value=pairs[-1][1], unit=units[name])
            for name, pairs in drawn.series.items()
        }
        return values, (frames_judged(work.program, drawn),)
    import numpy as np

    evidence = Evidence(
        arguments=work.arguments,
        series={name: tuple(pairs) for name, pairs in drawn.series.items()},
        outputs={name: np.load(path) for name, path in drawn.outputs.items()},
        frames=drawn.frames,
        distinct_frames=drawn.distinct,
    )
    try:
        return work.kernel.conclude(evidence)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        # A judge that stumbles over a result has not found it right; the result is there all the
        # same.
        check = Check(
            name="judged",
            title=Words(en="The result could be judged", zh="结果可以被检验"),
            status="failed",
            detail=f"{type(error).__name__}: {error}"[:300],
        )
        return {}, (check,)
