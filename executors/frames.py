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
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentos.certificate import versions
from intentos.config import load as load_settings
from intentos.errors import ExecutorError, IntentOSError, InvalidProgram, StoreError
from intentos.events import FrameDrawn, ProbeRead, ProgressMade
from intentos.gpu_step import Work, array_files, prepare
from intentos.input_arrays import InputArrays
from intentos.plan import Step
from intentos.program import GpuProgram, Pass, entry_points
from intentos.protocols import Evidence, StepContext
from intentos.raw_hash import RawHash
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
    canonical_json,
    now,
)

from . import partial, twin_check
from .conclusion import concluded, frames_judged, series_csv, tolerance_of
from .partial import Part, keep
from .raw_hashes import RawFilm, array_hash, beside
from .worker import Spare, Stopped, Worker

if TYPE_CHECKING:
    from .gpu_walls import Walls

RAW_SHARE = 16
"""Raw frames may take this many times the artifacts' bytes: a film is far smaller than they are."""


@dataclass
class Drawn:
    """What the worker left."""

    raw: Path
    device: str = ""
    driver: str = ""
    frames: int = 0
    distinct: int = 0
    series: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    outputs: dict[str, Path] = field(default_factory=dict)
    hashes: list[RawHash] = field(default_factory=list)
    program: GpuProgram | None = None
    """What the worker was given."""


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
            walls = await asyncio.to_thread(self._walls)
            self._spare = Spare(self.work, self.adapter, walls)
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
                work = prepare(step, values, frozenset(), nothing, self._registry, pinned=False)
                program = work.program
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
                twin = asyncio.create_task(self._twin(work, step, context, drawn))
                try:
                    artifacts = await _deliver(work.program, drawn, context, step)
                    values, checks = await asyncio.to_thread(_conclude, work, drawn)
                    checks = (*checks, *await twin)
                finally:
                    twin.cancel()
                    await asyncio.wait([twin])
        except asyncio.CancelledError:
            if context.keep_part:
                await _keep_part(drawn, context)
            raise
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
            hashes=tuple(drawn.hashes),
            versions=versions("wgpu", "numpy"),
            tolerance=tolerance_of(work.kernel),
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

    def _walls(self) -> Walls | None:
        """Return what the worker stands behind, if anything."""
        return None

    async def _draw(self, step: Step, context: StepContext, drawn: Drawn) -> Work:
        async with self._worker(context.workdir) as worker:
            arrays = InputArrays(context.inputs, context.workdir)
            work = await asyncio.to_thread(
                prepare, step, context.values, context.live, arrays, self._registry
            )
            name = canonical_json([step.code_hash, step.resolved_arguments(context.values)])
            self._sized = name, _size(work.program)
            _refuse_excess(work.program, context)
            drawn.program = work.program
            await worker.send(await asyncio.to_thread(_job, work, step, context, drawn.raw))
            await self._follow(worker, work.program, step, context, drawn)
        return work

    async def _twin(
        self, work: Work, step: Step, context: StepContext, drawn: Drawn
    ) -> tuple[Check, ...]:
        """Compare the device with the kernel's twin at a small size; see ``twin_check.py``."""
        from intentos.gpu_kernels.kernel import KernelBase

        kernel = work.kernel
        # A trial is short, and what the twin itself has drawn needs no comparing with it.
        little = context.limits.wall_time < 2 * twin_check.SECONDS
        if self.work != "gpu" or not isinstance(kernel, KernelBase) or little:
            return ()

        async def draw(
            program: GpuProgram, arguments: Mapping[str, Json], folder: Path
        ) -> twin_check.Small:
            small = twin_check.Small(folder / "small.rgba")
            there = replace(context, workdir=folder)
            job = _job(Work(program, arguments, kernel), step, there, small.raw)
            async with self._worker(folder) as worker:
                await worker.send(job)
                while (message := await worker.read(self._silence))["kind"] != "done":
                    small.frames += message["kind"] == "frame"
            small.outputs = {n: _outputs(program, there)[n] for n in message["outputs"]}
            return small

        folder = context.workdir / "small"
        folder.mkdir()
        try:
            return await twin_check.twin_check(
                kernel,
                work.arguments,
                device=f"{drawn.device} · {drawn.driver}",
                seed=context.seed,
                folder=folder,
                cache=load_settings().cache,
                draw=draw,
            )
        except (IntentOSError, Stopped, ArithmeticError, LookupError, ValueError) as error:
            # The run itself went well; this says no more than that its device could not be tried.
            what = f"{type(error).__name__}: {error}"[:300]
            name, title = twin_check.NAME, twin_check.TITLE
            return (Check(name=name, title=title, status="unknown", detail=what),)

    @asynccontextmanager
    async def _worker(self, folder: Path) -> AsyncIterator[Worker]:
        walls = await asyncio.to_thread(self._walls)
        spare = self._spare.take() if self._spare is not None else None
        try:
            if spare is None:
                async with Worker(self.work, self.adapter, folder, walls) as worker:
                    yield worker
            else:
                try:
                    yield spare
                finally:
                    await spare.__aexit__(None, None, None)
        finally:  # after Stop as well: the next wish is not to wait
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
                    drawn.driver = message.get("driver", "")
                case "frame":
                    index = drawn.frames = message["index"]
                    drawn.frames += 1
                    if index == 0:  # not before, when seconds count
                        asyncio.get_running_loop().run_in_executor(None, partial.prepare)
                    for name, number in message["probes"].items():
                        drawn.series.setdefault(name, []).append((index, number))
                    _tell_frame(program, step, context, drawn, message["probes"])
                case "done":
                    drawn.distinct = message["distinct"]
                    files = _outputs(program, context)
                    drawn.outputs = {n: p for n, p in files.items() if n in message["outputs"]}
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
    return {
        "program": work.program.model_dump(mode="json"),
        "values": dict(context.values),
        "seed": context.seed,
        "arrays": array_files(work, context.inputs),
        "kernel": step.code if work.kernel is not None else None,
        "arguments": dict(work.arguments),
        "memory_bytes": context.limits.memory_bytes,
        "frames": str(raw),
        "outputs": {name: str(path) for name, path in _outputs(work.program, context).items()},
    }


def _outputs(program: GpuProgram, context: StepContext) -> dict[str, Path]:
    return {output.name: context.workdir / f"{output.name}.npy" for output in program.outputs}


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


async def _keep_part(drawn: Drawn, context: StepContext) -> None:
    """Save the frames that were drawn before a person said Stop."""
    program = drawn.program
    if program is not None and program.draw:
        part = Part(
            raw=drawn.raw,
            width=program.width,
            height=program.height,
            count=drawn.frames,
            rate=program.frames_per_second,
        )
        await keep(part, context.save)


async def _deliver(
    program: GpuProgram, drawn: Drawn, context: StepContext, step: Step
) -> list[Artifact]:
    """Encode, and save everything that the step leaves."""
    from .film import encode_film, encode_png

    made: list[tuple[Path, str]] = []
    if program.draw and drawn.frames == 1:
        picture = context.workdir / "picture.png"
        pixels = await asyncio.to_thread(drawn.raw.read_bytes)
        still = _film(program, drawn, "picture", picture.name)
        drawn.hashes.append(await asyncio.to_thread(still.hash))
        png = await asyncio.to_thread(encode_png, pixels, program.width, program.height)
        await asyncio.to_thread(picture.write_bytes, png)
        made.append((picture, "image/png"))
    elif program.draw:
        encoding = encode_film(
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
        (film, gif), hashed = await beside(
            encoding, _film(program, drawn, "film", "film.mp4", "film.gif")
        )
        drawn.hashes.append(hashed)
        made += [(film, "video/mp4"), (gif, "image/gif")]
    if drawn.series:
        table = context.workdir / "series.csv"
        await asyncio.to_thread(table.write_text, series_csv(program, drawn.series), "utf-8")
        made.append((table, "text/csv"))
    made += [(path, "application/x-npy") for path in drawn.outputs.values()]
    drawn.hashes += await asyncio.to_thread(_output_hashes, drawn.outputs)
    _refuse_weight([path for path, _ in made], context.limits.artifact_bytes)
    return [await context.save(path.name, path, media) for path, media in made]


def _film(program: GpuProgram, drawn: Drawn, name: str, *files: str) -> RawFilm:
    return RawFilm(
        drawn.raw,
        name=name,
        files=files,
        width=program.width,
        height=program.height,
        count=drawn.frames,
    )


def _output_hashes(outputs: Mapping[str, Path]) -> list[RawHash]:
    if not outputs:
        return []
    import numpy as np

    return [
        array_hash(name, path.name, np.load(path, mmap_mode="r")) for name, path in outputs.items()
    ]


def _refuse_weight(paths: list[Path], limit: int) -> None:
    size = sum(path.stat().st_size for path in paths)
    if size > limit:
        problem = Problem(code="gpu.artifacts", arguments={"size": size, "limit": limit})
        raise Stopped(StepStatus.FAILED, problem)


def _conclude(work: Work, drawn: Drawn) -> tuple[Mapping[str, Quantity], tuple[Check, ...]]:
    if work.kernel is None:
        units = {probe.name: probe.unit for probe in work.program.probes}
        values = {
            name: Quantity(value=pairs[-1][1], unit=units[name])
            for name, pairs in drawn.series.items()
        }
        check = frames_judged(work.program, frames=drawn.frames, distinct=drawn.distinct)
        return values, (check,)
    import numpy as np

    evidence = Evidence(
        arguments=work.arguments,
        series={name: tuple(pairs) for name, pairs in drawn.series.items()},
        outputs={name: np.load(path) for name, path in drawn.outputs.items()},
        frames=drawn.frames,
        distinct_frames=drawn.distinct,
    )
    return concluded(work.kernel, evidence)
