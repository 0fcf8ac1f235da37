"""The base of every kernel: typed arguments, a program, a NumPy twin, checks."""

from __future__ import annotations

import inspect
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from intentos.errors import InvalidProgram
from intentos.program import ArrayRef, GpuProgram, TooLarge
from intentos.protocols import Evidence, Snapshot
from intentos.types import Check, Json, Quantity, Words, sha256

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Arguments(BaseModel):
    """What every kernel takes; a kernel adds its own fields with ranges, units and docstrings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(512, ge=16, le=4096)
    """Of the picture, in pixels."""
    height: int = Field(512, ge=16, le=4096)
    frames: int = Field(120, ge=1, le=10_000)
    frames_per_second: float = Field(30.0, ge=1, le=120)


Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
"""``#rrggbb``."""


class InputArray(ArrayRef):
    """An argument that an earlier step's array goes into; a plan writes ``@name``."""

    path: str = ""
    """File of the plain bytes on this machine; not part of the program."""

    @property
    def reference(self) -> ArrayRef:
        """For the program's buffer."""
        return ArrayRef(sha256=self.sha256, dtype=self.dtype, shape=self.shape)

    def read(self) -> NDArray[Any]:
        """Return the array, for the twin and the checks."""
        import numpy as np

        return np.fromfile(self.path, self.dtype).reshape(self.shape)


ROUNDING = 1e-5
"""Of sums of float32, which compilers may fuse."""

A = TypeVar("A", bound=Arguments)

_LANGUAGE = ("expression", "expression_parser", "expression_tree")
"""Modules of the expression language, which every program may hold code of."""


@dataclass(frozen=True, kw_only=True)
class Compare:
    """How the GPU's result is compared with the twin's."""

    rule: Literal["exact", "tolerance", "invariants"]
    frames: int = 4
    """Frames after which chaotic systems may part."""
    absolute: float = 0.0
    """On outputs, in their own unit."""
    relative: float = 0.0
    outliers: float = 0.0
    """Share of an output's elements that may be further off: the edges of formulas and fractals."""
    pixels: float = 2.0
    """Mean absolute difference of the pictures, in 0–255 levels."""

    def widened(self, factor: float) -> Compare:
        """Return the same rule with so many times the room."""
        return replace(
            self,
            absolute=self.absolute * factor,
            relative=self.relative * factor,
            outliers=min(0.5, self.outliers * factor),
            pixels=self.pixels * factor,
        )

    def agree(self, got: NDArray[Any], wanted: NDArray[Any]) -> bool:
        """Judge two outputs of one shape by the rule.

        ``exact`` is said of whole numbers; others may differ by their rounding. ``invariants``
        asks for finite ones only.
        """
        import numpy as np

        if got.shape != wanted.shape:
            return False
        if self.rule == "exact":
            if wanted.dtype.kind == "f":
                return bool(np.allclose(got, wanted, rtol=ROUNDING, atol=0))
            return bool(np.array_equal(got, wanted))
        if self.rule == "invariants":
            return bool(np.isfinite(got).all())
        close = np.isclose(got, wanted, rtol=self.relative, atol=self.absolute, equal_nan=True)
        return bool((~close).mean() <= self.outliers)


class KernelBase(ABC, Generic[A]):
    """A kernel: subclasses give the four methods, the arguments' model and the compare rule."""

    name: str
    arguments: type[A]
    compare: Compare

    @abstractmethod
    def program(self, arguments: A) -> GpuProgram:
        """Return the program for validated arguments."""

    @abstractmethod
    def twin(self, arguments: A, *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames as the program, computed with NumPy in float32 or better."""

    @abstractmethod
    def judge(self, arguments: A, evidence: Evidence) -> tuple[dict[str, Quantity], list[Check]]:
        """Return the values of a finished program and the kernel's own checks."""

    def build(self, arguments: Mapping[str, Json]) -> GpuProgram:
        """Return the program; raises InvalidProgram naming the argument and its range."""
        typed = self.validate(arguments)
        try:
            return self.program(typed)
        except ValidationError as error:  # a parameter named like a word of WGSL, for one
            first = error.errors(include_url=False)[0]
            if isinstance(first.get("ctx", {}).get("error"), TooLarge):
                self._refuse_size(typed)
            what = first["msg"].removeprefix("Value error, ")
            raise InvalidProgram("program.invalid", where=self.name, what=what) from error

    def reference(self, arguments: Mapping[str, Json], *, seed: int) -> Iterator[Snapshot]:
        """Yield the twin's frames."""
        return self.twin(self.validate(arguments), seed=seed)

    def conclude(self, evidence: Evidence) -> tuple[Mapping[str, Quantity], tuple[Check, ...]]:
        """Return the values, the kernel's checks, and the one check that every picture gets."""
        arguments = self.validate(evidence.arguments)
        values, checks = self.judge(arguments, evidence)
        # What is not a number is no result; that it is none, a check has said.
        told = {n: q for n, q in values.items() if not _undefined(q.value)}
        return told, (*checks, *frames_checks(arguments, evidence))

    def validate(self, arguments: Mapping[str, Json]) -> A:
        """Return typed arguments.

        Raises:
            InvalidProgram: one is unknown, of another type or out of range.
        """
        try:
            return self.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "arguments"
            raise InvalidProgram(
                "program.argument",
                kernel=self.name,
                argument=where,
                what=first["msg"].removeprefix("Value error, ").rstrip("."),
            ) from error

    def _refuse_size(self, arguments: A) -> None:
        """Raise InvalidProgram with the largest value that fits, of the argument that is to blame.

        Which one that is, and how large it may be, is found out by building smaller programs.
        """
        whole = {
            name: value
            for name in type(arguments).model_fields
            if type(value := getattr(arguments, name)) is int and value > 1
        }
        for name, value in sorted(whole.items(), key=lambda item: -item[1]):
            unit = _multiple_of(type(arguments), name)
            low, high = 0, -(-value // unit)  # so many units fit, and do not fit
            while high - low > 1:
                middle = (low + high) // 2
                fits = self._fits(arguments, name, middle * unit)
                low, high = (middle, high) if fits else (low, middle)
            if low:
                raise InvalidProgram(
                    "program.too_large",
                    kernel=self.name,
                    argument=name,
                    value=value,
                    largest=low * unit,
                )

    def _fits(self, arguments: A, name: str, value: int) -> bool:
        given = arguments.model_dump(exclude_unset=True) | {name: value}
        try:
            self.program(self.arguments.model_validate(given))
        except (ValidationError, InvalidProgram):
            return False
        return True

    @cached_property
    def wgsl(self) -> str:
        """The kernel's own shader file."""
        return Path(inspect.getfile(type(self))).with_suffix(".wgsl").read_text("utf-8")

    def part(self, name: str) -> str:
        """Return a further shader file of the kernel, ``<module>_<name>.wgsl``."""
        module = Path(inspect.getfile(type(self)))
        return module.with_name(f"{module.stem}_{name}.wgsl").read_text("utf-8")

    @cached_property
    def code_hash(self) -> str:
        """sha256 over everything that shapes the program except the numbers.

        That is the kernel's module, the kernels' modules that it imports, and theirs, each with its
        shader files: ``<module>.wgsl`` and ``<module>_<part>.wgsl``.
        """
        files = sorted(code_files(Path(inspect.getfile(type(self)))))
        return sha256(b"\0".join(f.read_bytes() for f in files))


_IMPORT = re.compile(r"^\s*from (\S+) import ([^\n]*)", re.MULTILINE)


def code_files(module: Path) -> set[Path]:
    """Return a module's file and all files of kernels that it is made of."""
    here = Path(inspect.getfile(KernelBase)).parent
    found: set[Path] = set()
    waiting = [module]
    while waiting:
        path = waiting.pop()
        if path in found or not path.exists():
            continue
        found |= {path, *path.parent.glob(f"{path.stem}.wgsl")}
        found |= set(path.parent.glob(f"{path.stem}_*.wgsl"))
        for source, names in _IMPORT.findall(path.read_text("utf-8")):
            folder, _, name = source.rpartition(".")
            if source == ".":
                waiting += [path.with_name(f"{name}.py") for name in re.findall(r"\w+", names)]
            elif source.startswith("."):
                waiting.append(path.with_name(f"{name}.py"))
            elif folder == "intentos.gpu_kernels":
                waiting.append(here / f"{name}.py")
    return found


def _multiple_of(arguments: type[BaseModel], name: str) -> int:
    """Return what an argument must be a multiple of."""
    rules = arguments.model_fields[name].metadata
    return next((int(rule.multiple_of) for rule in rules if hasattr(rule, "multiple_of")), 1)


def workgroups(count: int, size: int) -> int:
    """Return how many workgroups of ``size`` cover ``count`` invocations."""
    return (count + size - 1) // size


def in_rows(count: int, size: int = 64) -> tuple[int, int, int]:
    """Return a dispatch over a list, in rows of 65,535 workgroups, which no dimension may exceed.

    The shader's index is ``id.x + id.y * 65535 * size``.
    """
    groups = workgroups(count, size)
    return min(groups, 65_535), workgroups(groups, 65_535), 1


def series_of(evidence: Evidence) -> dict[str, NDArray[np.floating[Any]]]:
    """Return each probe's numbers, without their frames."""
    import numpy as np

    return {name: np.array([v for _, v in points]) for name, points in evidence.series.items()}


def _undefined(value: Json) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def judged(
    name: str,
    title: Words,
    good: bool | np.bool | None,
    detail: str,
    kind: Literal["generic", "physical", "oracle"] = "physical",
    *,
    given: bool = False,
) -> Check:
    """Return a check: passed or failed, or unknown where ``good`` is None.

    ``physical`` says that a law holds which the kernel does not impose; that numbers are finite,
    or within what the kernel clamps them to, is ``generic``. ``given``: what the result is compared
    with is an argument.
    """
    status: Literal["passed", "failed", "unknown"] = "passed" if good else "failed"
    if good is None:
        status = "unknown"
    return Check(name=name, title=title, kind=kind, status=status, detail=detail, given=given)


def frames_checks(arguments: Arguments, evidence: Evidence) -> tuple[Check, ...]:
    """Judge that every frame was drawn and, in a film, that something moves.

    A film in which nothing moves may be right: a block of Life, a body at rest. That stays open.
    """
    drawn = judged(
        "frames_drawn",
        Words(en="All frames were drawn", zh="所有画面都已绘制"),
        evidence.frames == arguments.frames,
        f"{evidence.frames}/{arguments.frames}",
        "generic",
    )
    if arguments.frames == 1:
        return (drawn,)
    moves = judged(
        "something_moves",
        Words(en="Something moves", zh="画面有变化"),
        True if evidence.distinct_frames > 1 else None,
        f"{evidence.distinct_frames} of {evidence.frames} frames differ from the one before",
        "generic",
    )
    return drawn, moves
