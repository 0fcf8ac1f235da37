"""A kernel's arguments made small enough for its NumPy twin, and what the two then say.

The small run is the same kernel with arguments of the same kind: it shows that the shader, the
compiler and the driver of a device do what the twin does. It shows nothing of the numbers of the
large run, nor whether the formulas are the right ones.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from intentos.errors import InvalidProgram
from intentos.program import GpuProgram, Pass, entry_points
from intentos.types import Json, canonical_json, sha256

from .kernel import KernelBase

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE = 64
"""Pixels of the small picture, and what the other sizes are brought down to."""
MOST_FRAMES = 3
MOST_WORK = 1.5e7
"""Invocations of all passes: a tenth of a second in NumPy, or some."""
FAR = 10.0
"""Times the tolerance, from which on a difference is no longer one of rounding."""
WRONG = 3.0
"""Root mean square difference of an array, of its own size, that chaos within bounds cannot make:
two values that know nothing of each other are 1.4 apart."""


def small(kernel: KernelBase[Any], arguments: Mapping[str, Json]) -> dict[str, Json] | None:
    """Return arguments of the same kind for little work; None where there are none such."""
    typed = kernel.validate(arguments)
    given: dict[str, Json] = typed.model_dump(mode="json", exclude_unset=True)
    if '"sha256"' in canonical_json(given).decode():
        return None  # an input array has the size that it has
    frames = min(typed.frames, MOST_FRAMES, kernel.compare.frames)
    if typed.frames > 1 and isinstance(given.get("duration"), int | float):
        share = (frames - 1) / (typed.frames - 1)
        given["duration"] = given["duration"] * max(share, 1e-6)
    given |= {"width": min(typed.width, SIDE), "height": min(typed.height, SIDE), "frames": frames}
    whole = {
        name: value
        for name in type(typed).model_fields
        if type(value := getattr(typed, name)) is int and value > SIDE and name not in given.keys()
    }
    whole |= {name: value for name, value in given.items() if type(value) is int and value > SIDE}
    for name in sorted(whole, key=lambda name: -whole[name]):
        for least in (SIDE, 4 * SIDE):
            if _work(kernel, smaller := given | {name: least}) is not None:
                given = smaller
                break
    work = _work(kernel, given)
    return given if work is not None and work <= MOST_WORK else None


def kind_of(arguments: Mapping[str, Json]) -> str:
    """Return a name for what arguments are like: words, formulas and switches, without numbers."""
    return sha256(canonical_json(_kind(dict(arguments))))


def _kind(value: Json) -> Json:
    match value:
        case dict():
            return {key: _kind(item) for key, item in value.items()}
        case list() | tuple():
            return [_kind(item) for item in value]
        case str() | bool() | None:
            return value
    return 0


def _work(kernel: KernelBase[Any], arguments: Mapping[str, Json]) -> float | None:
    try:
        return work_of(kernel.build(arguments))
    except InvalidProgram:
        return None


def work_of(program: GpuProgram) -> float:
    """Return how many invocations all passes of a program have together."""
    groups = {
        entry: math.prod(size) if size else 64
        for entry, size in entry_points(program.source).items()
    }

    def invocations(passes: tuple[Pass, ...]) -> int:
        return sum(math.prod(p.dispatch) * groups[p.entry] * p.repeat for p in passes)

    rounds = (program.frames - 1) * program.steps_per_frame
    work = invocations(program.start) + rounds * invocations(program.step)
    return float(work + program.frames * invocations(program.draw))


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How far the device and the twin are apart; ``unknown``: their pictures agree, their numbers
    do not, which is what rounding makes of what is chaotic, or an error that cannot be seen."""

    status: Literal["passed", "failed", "unknown"]
    detail: str


def compared(
    kernel: KernelBase[Any],
    arguments: Mapping[str, Json],
    pictures: list[NDArray[np.uint8]],
    outputs: Mapping[str, NDArray[Any]],
    *,
    seed: int,
    stop: threading.Event | None = None,
) -> Comparison:
    """Compare what a device gave for small arguments with the twin, by the kernel's own rule.

    Its tolerance was measured on a few examples, so that ten times as much is allowed here.

    Raises:
        InterruptedError: ``stop`` was set meanwhile.
    """
    import numpy as np

    compare, off, last = kernel.compare, 0.0, None
    for picture, last in zip(pictures, kernel.reference(arguments, seed=seed), strict=True):
        if stop is not None and stop.is_set():
            raise InterruptedError
        off = max(off, float(np.abs(picture.astype(int) - last.pixels).mean()))
    assert last is not None
    wide, given = compare.widened(FAR), last.buffers
    far = [name for name, got in outputs.items() if not wide.agree(got, given[name])]
    worst = max((_apart(outputs[name], given[name]) for name in far), default=0.0)
    height, width = pictures[0].shape[:2]
    detail = (
        f"{len(pictures)} pictures of {width} × {height} off by {off:.2g} of 255 levels, at most "
        f"{wide.pixels:g}; {len(outputs) - len(far)} of {len(outputs)} arrays agree"
    )
    if far:
        detail += f", not {', '.join(far)}: off by {worst:.2g} of what they hold"
    status: Literal["passed", "failed", "unknown"] = "unknown" if far else "passed"
    if off > wide.pixels or not worst <= WRONG:
        status = "failed"
    return Comparison(status=status, detail=detail)


def _apart(got: NDArray[Any], wanted: NDArray[Any]) -> float:
    """Return the root mean square difference as a share of the wanted values; NaN where the two
    are not undefined at the same places."""
    import numpy as np

    if got.shape != wanted.shape:
        return math.nan
    one, other = got.astype(np.float64), wanted.astype(np.float64)
    good = np.isfinite(other)
    if (np.isfinite(one) != good).any():
        return math.nan
    difference = float(np.sqrt(((one - other)[good] ** 2).mean())) if good.any() else 0.0
    size = float(np.sqrt((other[good] ** 2).mean())) if good.any() else 0.0
    return difference / size if size > 0 else (math.inf if difference > 0 else 0.0)
