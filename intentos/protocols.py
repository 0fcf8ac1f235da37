"""What the parts know of one another: planners, executors, approvers, kernels and their contexts.

Implementations live in the other folders and are found through entry points; none of them imports
another, and the runtime joins them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from intentos.events import LiveEvent
from intentos.model_use import ModelUse
from intentos.plan import Approval, Plan, Step
from intentos.program import GpuProgram
from intentos.run import Run, StepResult
from intentos.types import (
    Artifact,
    Attachment,
    Check,
    Estimate,
    Intent,
    Isolation,
    Json,
    Limits,
    Problem,
    Quantity,
    Value,
    Words,
)

if TYPE_CHECKING:
    import numpy

FAILED = "executor.failed"
"""Message code of a step whose code failed, with ``what``: for executors of other packages, which
have no sentences of their own in the catalogue."""
TIMED_OUT = "executor.timed_out"
"""Likewise for a step that ran out of its wall time, with ``seconds``."""

Emit = Callable[[LiveEvent], None]


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """What an executor is given besides the step."""

    values: Mapping[str, Value]
    """All parameters of the plan."""
    live: frozenset[str]
    """Names of parameters that may change while the step runs."""
    seed: int
    inputs: Mapping[str, Path]
    """Local name → file to read, never to write."""
    workdir: Path
    """Empty folder of this step alone, deleted when the step ends."""
    limits: Limits
    emit: Emit
    """Tells live events; never blocks, and may drop."""
    save: Callable[[str, bytes | Path, str], Awaitable[Artifact]]
    """``await save(name, bytes or file, media_type)`` stores an artifact durably."""
    language: str = "en"


class Executor(Protocol):
    """Runs steps. Canceling the task is the only stop signal; no child process outlives it."""

    name: str
    """The entry point's name."""
    languages: frozenset[str]
    isolation: Isolation
    substitute: bool
    """Only stands in where no other executor can do the work."""

    def check(self) -> None:
        """Return if this machine can run steps, else raise ExecutorUnavailable with a remedy."""

    def estimate(self, step: Step, values: Mapping[str, Value]) -> Estimate:
        """Return what the step will cost as far as it is known; must be quick."""
        ...

    async def execute(self, step: Step, context: StepContext) -> StepResult:
        """Run the step under the context's limits.

        Code that fails is a result with status ``failed`` or ``timed_out``; a broken executor
        raises ExecutorError, an unusable one ExecutorUnavailable.
        """
        ...


@runtime_checkable
class Resident(Protocol):
    """What an executor may be besides: it keeps a process ready in programs that stay."""

    async def warm(self) -> None:
        """Make the next step start sooner."""

    async def cool(self) -> None:
        """End what is kept ready."""


Trial = Callable[[Step, Mapping[str, Value]], Awaitable[StepResult]]
"""``await trial(step, values)`` runs code before approval: in isolation, at most two seconds, no
needs; attachments are made-up ones of the same shape. Running out of time counts as ok."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What is on the table when a person goes on talking: the last plan and its values."""

    run: str
    plan: Plan
    values: Mapping[str, Value]
    attachments: tuple[Attachment, ...] = ()
    accounted: bool = False
    """Whether everything that was said so far ended in the plan."""
    answer: str = ""
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    earlier: Table | None = None
    """What lay there before; what was taken back is not among it."""


@dataclass(frozen=True, kw_only=True)
class PlanningContext:
    """What a planner is given besides the intent."""

    trial: Trial | None
    """None where nothing may run before approval (``intentos plan``)."""
    emit: Emit
    table: Table | None = None
    model: str | None = None
    """The name of the model to use; None: the configured one; ``none``: no model at all."""
    jury: bool = False
    """Where code is written for a number, several programs of different methods shall vote."""
    disclose: Callable[[str, str], Awaitable[None]] | None = None
    """``await disclose(host, model)`` before anything is sent to a model that is not here; raises
    NotApproved where it may not be sent. None: nothing may."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A planner's answer: a plan with values, which may be the plan already on the table."""

    plan: Plan
    values: Mapping[str, Value] = field(default_factory=dict)
    tokens: int = 0
    """Model tokens read and written."""
    accounted: bool = False
    """Every number and content word of the intent ended in the plan."""
    samples: Mapping[str, str] = field(default_factory=dict)
    """Of a recipe that is only tried: small tables, as CSV, for the files it cannot do without."""
    models: tuple[ModelUse, ...] = ()
    """Models that were asked, in their order."""
    preferred: frozenset[str] = frozenset()
    """Names of values that come from earlier choices of the person, not from this wish."""


@dataclass(frozen=True, kw_only=True)
class RecipeInfo:
    """A recipe as lists show it."""

    id: str
    title: Words
    description: Words
    source: Path


class Recipes(Protocol):
    """The library, as the command line and the window see it."""

    def every(self) -> Sequence[RecipeInfo]:
        """Return every recipe, by id."""
        ...

    def search(self, text: str) -> Sequence[RecipeInfo]:
        """Return what comes nearest to a text, best first."""
        ...

    def holds(self, id: str, digest: str) -> bool:
        """Return whether a recipe of this id gives a plan with this digest."""
        ...

    def read(self, path: Path) -> Sequence[Proposal]:
        """Return the plans of a file of a recipe or of laws, with their small ``test`` values.

        Raises InvalidPlan: it holds neither.
        """
        ...

    def save(
        self, run: Run, name: str, wishes: Sequence[str], *, replace: bool = False
    ) -> RecipeInfo:
        """Keep what a completed run did as a recipe of the person's own; ``wishes``: what was said
        on the way to it. Raises UsageError: it has not completed, or the name is bad or taken."""
        ...

    def template(self, name: str) -> tuple[str, str]:
        """Return the id and the text of a recipe to fill in; raises UsageError for a bad name."""
        ...


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A language model as lists show it."""

    name: str
    path: Path
    size: int
    """Bytes that it has when it is whole."""
    licence: str
    present: bool
    problem: Problem | None = None
    """Why the file that is there cannot be used."""


class Models(Protocol):
    """The language models that can be had."""

    def every(self) -> Sequence[ModelInfo]:
        """Return what is here and what can be fetched; the default first."""
        ...

    def pull(
        self,
        name: str,
        *,
        source: Path | None = None,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> Path:
        """Fetch a model, resuming what was begun, and return its file.

        ``progress`` hears bytes done, bytes in all, and where they come from.

        Raises:
            ModelUnavailable: no source has it, or the bytes are wrong.
            StoreError: there is no space for it.
        """
        ...


class Planner(Protocol):
    """Turns an intent into a plan."""

    name: str
    recipes: Recipes
    models: Models

    async def propose(self, intent: Intent, context: PlanningContext) -> Proposal:
        """Return a plan for the intent.

        Raises:
            PlanningError: nothing fits; the message says what would.
            ModelUnavailable: a model is needed and is not there.
        """
        ...

    async def close(self) -> None:
        """End worker processes."""


class Approver(Protocol):
    """Answers one question: may this plan run with these values?"""

    async def approve(
        self, plan: Plan, values: Mapping[str, Value], *, run: str, why: str
    ) -> Approval | Proposal | None:
        """Return an approval or rejection; what a person edited, which is asked about in turn; or
        None where nobody can be asked."""
        ...


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One frame of a kernel's NumPy twin."""

    pixels: numpy.ndarray[Any, Any]
    """uint8, shape (height, width, 4), top-left first."""
    probes: Mapping[str, float]
    buffers: Mapping[str, numpy.ndarray[Any, Any]]
    """The program's outputs by output name, as they are at this frame."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a kernel's checks look at when its program has ended."""

    arguments: Mapping[str, Json]
    series: Mapping[str, tuple[tuple[int, float], ...]]
    """Probe name → (frame, number) pairs."""
    outputs: Mapping[str, numpy.ndarray[Any, Any]]
    frames: int
    """Frames drawn."""
    distinct_frames: int
    """Frames that differ from the frame before."""


class Kernel(Protocol):
    """A general engine: arguments in, GpuProgram out, with a NumPy twin and checks."""

    name: str

    @property
    def code_hash(self) -> str:
        """sha256 over WGSL, pass structure and builder: changes when the kernel's code does."""
        ...

    def build(self, arguments: Mapping[str, Json]) -> GpuProgram:
        """Return the program; raises InvalidProgram naming the argument and its range."""
        ...

    def reference(self, arguments: Mapping[str, Json], *, seed: int) -> Iterator[Snapshot]:
        """Yield the same frames computed with NumPy, one Snapshot a frame."""
        ...

    def conclude(self, evidence: Evidence) -> tuple[Mapping[str, Quantity], tuple[Check, ...]]:
        """Return the values a finished program gives and the kernel's judgement on it."""
        ...
