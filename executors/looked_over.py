"""Looks at what a neighbour says came of a kernel's step, before anything of it is believed.

A kernel's judge costs little beside its program: Freivalds for a product, order for a sort, a law
that must hold. So what was left is judged once more here: arrays and series as they came home, by
the program that the kernel builds from these arguments. Values and checks are then this machine's
own. What is no such array, fails where it was said to pass, or gives other numbers is not believed.
What stays the neighbour's word: the pictures, and that the inputs of the work were the right ones
where a kernel's judge does not look at them.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intentos.errors import InvalidProgram
from intentos.film_length import frames_in
from intentos.gpu_step import Work, prepare
from intentos.input_arrays import InputArrays
from intentos.mesh.votes import same
from intentos.plan import Step
from intentos.program import GpuProgram, Output
from intentos.protocols import Evidence, StepContext
from intentos.raw_hash import RawHash, Tolerance, changes_in
from intentos.registry import Registry
from intentos.run import StepResult, StepStatus
from intentos.types import Artifact, Check, Quantity

from . import twin_check
from .conclusion import concluded, tolerance_of
from .raw_hashes import array_hash

if TYPE_CHECKING:
    import numpy

MOST_HEADER = 10_240
"""Of an array's file."""
CELL = 32
"""Characters that a number takes in a table, at most."""
LEAST = Tolerance(relative=1e-5, absolute=1e-9)
"""By how much numbers from one array may differ between two machines' NumPy."""
MOVES = "something_moves"
"""Rests on frames that nobody has here; the film itself is looked at, as everybody's is."""

Save = Callable[[str, bytes | Path, str], Awaitable[Artifact]]


class Implausible(Exception):
    """What came home cannot be what the kernel's program leaves."""


class Held:
    """Files that came home and are not believed yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[tuple[Artifact, Path]] = []

    async def save(self, name: str, data: bytes | Path, media_type: str) -> Artifact:
        """Hold a file; one that is given by its path is taken away from there."""
        path = self._folder / str(len(self._files))
        artifact = await asyncio.to_thread(self._take, path, name, data, media_type)
        self._files.append((artifact, path))
        return artifact

    def named(self) -> dict[str, Path]:
        """Return the files; raises Implausible where two have one name."""
        found = {artifact.name: path for artifact, path in self._files}
        if len(found) < len(self._files):
            raise Implausible("two files of one name")
        return found

    async def give(self, save: Save) -> tuple[Artifact, ...]:
        """Have everything kept for good, in the order in which it came."""
        return tuple([await save(a.name, path, a.media_type) for a, path in self._files])

    def _take(self, path: Path, name: str, data: bytes | Path, media_type: str) -> Artifact:
        self._folder.mkdir(exist_ok=True)
        if isinstance(data, bytes):
            path.write_bytes(data)
        else:
            os.replace(data, path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        return Artifact(id=digest, name=name, media_type=media_type, size=size, step_id="held")


async def looked_over(
    step: Step, context: StepContext, result: StepResult, held: Held, registry: Registry
) -> StepResult:
    """Return a kernel step's result with the values and checks that come out here.

    Raises:
        Implausible: it is not believed; says why.
        NotApproved: the kernel here is another one than the plan was approved with.
    """
    if result.status is not StepStatus.OK:
        return result
    folder = context.workdir / "looked_over"
    await asyncio.to_thread(folder.mkdir)
    arrays = InputArrays(context.inputs, folder)
    try:
        async with asyncio.timeout(context.limits.wall_time):
            work = await asyncio.to_thread(
                prepare, step, context.values, context.live, arrays, registry
            )
            return await asyncio.to_thread(_judged, work, result, held)
    except InvalidProgram as error:
        raise Implausible("a result of arguments that make no program") from error
    except TimeoutError as error:
        raise Implausible("judging it takes longer than the step may") from error


def _judged(work: Work, result: StepResult, held: Held) -> StepResult:
    import numpy as np

    try:
        with np.errstate(all="ignore"):
            return _agreed(work, result, _evidence(work, result, held.named()))
    except Implausible:
        raise
    except Exception as error:  # whatever a stranger's bytes make a judge do
        raise Implausible(f"{type(error).__name__}: {error}"[:200]) from error


def _evidence(work: Work, result: StepResult, files: Mapping[str, Path]) -> Evidence:
    program = work.program
    told = {one.name: one for one in result.hashes}
    outputs = {o.name: _array(files, o, told.get(o.name)) for o in program.outputs}
    frames, distinct = program.frames, 1
    if program.draw:
        film = told.get("picture" if program.frames == 1 else "film")
        frames, distinct = _drawn(files, program, film)
    return Evidence(
        arguments=work.arguments,
        series=_series(files, program),
        outputs=outputs,
        frames=frames,
        distinct_frames=distinct,
    )


def _array(
    files: Mapping[str, Path], output: Output, told: RawHash | None
) -> numpy.ndarray[Any, Any]:
    """Return an output as it came home: never unpickled, and of the program's size or not read."""
    import numpy as np
    from numpy.lib import format as npy

    name = f"{output.name}.npy"
    wanted = np.dtype(output.dtype).newbyteorder("<")
    size = math.prod(output.shape) * wanted.itemsize
    path = _there(files, name)
    if path.stat().st_size > size + MOST_HEADER:
        raise Implausible(f"{name} is too large")
    with path.open("rb") as file:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(file)
        if shape != tuple(output.shape) or dtype != wanted:
            raise Implausible(f"{name} holds {shape} {dtype}, not {output.shape} {wanted}"[:200])
        if path.stat().st_size != file.tell() + size:
            raise Implausible(f"{name} has another length")
        file.seek(0)
        array: numpy.ndarray[Any, Any] = npy.read_array(file, allow_pickle=False)
    # Other machines compare the hash, which must be that of what came home.
    if told is None or told.sha256 != array_hash(output.name, name, array).sha256:
        raise Implausible(f"{name} is not what was signed for")
    return array


def _drawn(files: Mapping[str, Path], program: GpuProgram, film: RawHash | None) -> tuple[int, int]:
    """Return how many frames were drawn, and how many of them differ from the one before."""
    if film is None or film.shape[1:] != (program.height, program.width):
        raise Implausible("frames of another size")
    frames = film.shape[0]
    if program.frames == 1:
        _there(files, "picture.png")
    elif (frames_in(_there(files, "film.mp4")) or 0) < frames:
        raise Implausible("the film lacks frames")
    return frames, 1 + changes_in(film)


def _series(
    files: Mapping[str, Path], program: GpuProgram
) -> dict[str, tuple[tuple[int, float], ...]]:
    """Return the probes' series from their table, which has all of them, whole."""
    every = {probe.name: probe.every for probe in program.probes}
    if not every:
        return {}
    path = _there(files, "series.csv")
    row = CELL * (2 + len(every))
    if path.stat().st_size > row * program.frames + sum(map(len, every)) + row:
        raise Implausible("series.csv is too large")
    head, *lines = path.read_text("utf-8").splitlines()
    first, second, *names = head.split(",")
    if (first, second) != ("frame", "time") or sorted(names) != sorted(every):
        raise Implausible("series.csv has other columns")
    due = [f for f in range(program.frames) if any(f % n == 0 for n in every.values())]
    found: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
    for frame, line in zip(due, lines, strict=True):
        number, time, *cells = line.split(",")
        told = frame * program.steps_per_frame * program.dt
        if int(number) != frame or not math.isclose(float(time), told, rel_tol=1e-6):
            raise Implausible("series.csv has other rows")
        for name, cell in zip(names, cells, strict=True):
            if bool(cell) != (frame % every[name] == 0):
                raise Implausible("series.csv has gaps")
            if cell:
                found[name].append((frame, float(cell)))
    return {name: tuple(pairs) for name, pairs in found.items()}


def _agreed(work: Work, result: StepResult, evidence: Evidence) -> StepResult:
    """Return the result as judged here, if that is what the node has said."""
    assert work.kernel is not None
    values, checks = concluded(work.kernel, evidence)
    # As the node's have come: as JSON.
    own = {n: Quantity.model_validate_json(q.model_dump_json()) for n, q in values.items()}
    if own.keys() != result.values.keys():
        raise Implausible("other numbers than its arrays give")
    tolerance = _room(tolerance_of(work.kernel))
    for name, quantity in own.items():
        told = result.values[name]
        if quantity.unit != told.unit or not same(quantity.value, told.value, tolerance):
            raise Implausible(f"{name} is {quantity.value!r}, not {told.value!r}"[:200])
    beside = (MOVES, twin_check.NAME)
    said = {check.name: check.status for check in result.checks if check.name not in beside}
    kept = tuple(check for check in checks if check.name != MOVES)
    if {check.name: check.status for check in kept} != said:
        failed = [c.name for c in kept if c.status == "failed" and said.get(c.name) != "failed"]
        raise Implausible(", ".join(failed) or "other checks than its kernel makes")
    return result.model_copy(
        update={
            "values": own,
            "checks": (*kept, *_of_its_device(result)),
            "tolerance": tolerance_of(work.kernel),
        }
    )


def _of_its_device(result: StepResult) -> tuple[Check, ...]:
    """Return what only the machine itself can say: how its device compares with NumPy."""
    return tuple(
        check.model_copy(update={"kind": "generic", "title": twin_check.TITLE, "given": False})
        for check in result.checks[:64]
        if check.name == twin_check.NAME
    )[:1]


def _room(tolerance: Tolerance | None) -> Tolerance:
    if tolerance is None:
        return LEAST
    return Tolerance(
        relative=max(tolerance.relative, LEAST.relative),
        absolute=max(tolerance.absolute, LEAST.absolute),
    )


def _there(files: Mapping[str, Path], name: str) -> Path:
    if name not in files:
        raise Implausible(f"{name} is missing")
    return files[name]
