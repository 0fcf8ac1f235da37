"""What the parts know of one another: planners, executors, approvers, kernels and their contexts.

Implementations live in the other folders and are found through entry points; none of them imports
another, and the runtime joins them.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from intentos.events import LiveEvent
from intentos.model_use import ModelUse
from intentos.plan import Approval, Plan, Step
from intentos.program import GpuProgram, View
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
    import threading

    import numpy

FAILED = "executor.failed"
"""Message code of a step whose code failed, with ``what``: for executors of other packages, which
have no sentences of their own in the catalogue."""
TIMED_OUT = "executor.timed_out"
"""Likewise for a step that ran out of its wall time, with ``seconds``."""

Emit = Callable[[LiveEvent], None]
Side = Literal["here", "peer", "cluster"]
"""Whose machine a step runs on: this one, a neighbour's, or another of the person's own."""


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
    keep_part: bool = True
    """Whether a step that is stopped saves what it has made so far. Not where the machine is wanted
    back at once and the step begins anew elsewhere."""
    run: str = ""
    """Id of the run, for records; empty where there is none, as in a trial."""


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


@dataclass(frozen=True, kw_only=True)
class LiveFrame:
    """One frame of a program that is played live."""

    index: int
    """From 0, which is drawn after ``start``."""
    rounds: int
    """Done since the start."""
    pixels: bytes
    """RGBA8, height x width x 4, top-left first."""
    probes: Mapping[str, float]
    """Those that were due at this frame."""


class Live(Protocol):
    """A program that waits for its next frame to be asked for; nothing of it runs in between."""

    device: str

    async def draw(
        self,
        frames: int = 1,
        *,
        seconds: float,
        values: Mapping[str, Value] | None = None,
        view: View | None = None,
        pointer: Sequence[float] | None = None,
        seed: int | None = None,
    ) -> LiveFrame | None:
        """Go on so many frames and draw the last one; 0: draw the same one again.

        What is given has changed since the last call; ``seed`` begins anew, at frame 0. None: it
        takes longer than ``seconds`` and lies still until :meth:`go_on`.

        Raises:
            ExecutorError: the device is lost, or did not answer and was stopped.
            InvalidProgram: the program cannot do this.
        """
        ...

    async def go_on(self, *, seconds: float) -> LiveFrame | None:
        """Go on with the frame that lies still; None: it still takes longer."""
        ...


@runtime_checkable
class Player(Protocol):
    """What an executor may be besides: it plays programs live, each in a process of its own."""

    languages: frozenset[str]

    def check(self) -> None:
        """Return if this machine can do it, else raise ExecutorUnavailable with a remedy."""

    def play(
        self,
        program: GpuProgram,
        *,
        values: Mapping[str, Value],
        seed: int,
        arrays: Mapping[str, Path],
        limits: Limits,
    ) -> AbstractAsyncContextManager[Live]:
        """Make a program ready; when the block ends nothing of it is left.

        ``arrays``: sha256 → file, of the data that its buffers name.

        Raises:
            ExecutorUnavailable: there is no device.
            InvalidProgram: the device refuses the program, or it wants more memory than allowed.
        """
        ...


class Drawing(Protocol):
    """A device that draws one program and is not this machine's own."""

    async def send(self, job: Mapping[str, Any]) -> None:
        """Say what to draw: ``program``, ``values``, ``seed``, ``arrays`` (sha256 → file), and the
        files to write: ``frames`` (raw RGBA8, one after the other) and ``outputs`` (``.npy``)."""
        ...

    async def read(self, silence: float | None) -> dict[str, Any]:
        """Return what comes next: kind ``device`` (text), ``frame`` (index, probes) when its pixels
        are in the file, or ``done`` (distinct, outputs) in the end.

        Raises:
            ExecutorError: it refused the program, broke, or was silent for too long.
        """
        ...


@runtime_checkable
class Relaying(Protocol):
    """What an executor may be besides: it can have another device do the drawing alone."""

    def through(self, device: Callable[[], AbstractAsyncContextManager[Drawing]]) -> Executor:
        """Return an executor that does everything here but the drawing."""
        ...


@runtime_checkable
class Built(Protocol):
    """What an executor may be besides: something of it is made on each machine before it works."""

    def build(self, source: str | None, progress: Callable[[Words], None]) -> str:
        """Make it and return how; ``source``: one way of several, None: the best that works.

        Raises:
            UsageError: there is no such way.
            ExecutorUnavailable: it cannot be made.
        """
        ...


@runtime_checkable
class Roomy(Protocol):
    """What a remote executor may be besides: it can tell how many places there are elsewhere."""

    async def room(self, step: Step) -> int:
        """Return how many places are free for such a step now; raises ExecutorUnavailable."""
        ...


@runtime_checkable
class Clustered(Protocol):
    """What a remote executor may be besides: its machines are all the person's own."""

    own_machines: bool


@runtime_checkable
class Described(Protocol):
    """What an executor may be besides: it can tell which device does its work."""

    def describe(self) -> str:
        """Return the device's name; may take seconds. Raises ExecutorUnavailable."""
        ...


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
    vouched: bool = False
    """Whether this house made the plan."""
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
    vouched: bool = False
    """This house made the plan: set by the runtime, never by a planner's own word."""
    preferred: frozenset[str] = frozenset()
    """Names of values that come from earlier choices of the person, not from this wish."""


@dataclass(frozen=True, kw_only=True)
class RecipeInfo:
    """A recipe as lists show it."""

    id: str
    title: Words
    description: Words
    source: Path
    family: str = ""
    """The subject that it stands with, such as ``waves``; empty: none."""
    law: bool = False
    """An equation of a book of laws, which has no picture of its own."""
    package: str | None = None
    """The distribution of somebody else that brought it; empty: the person's own; None: it came
    with IntentOS."""
    saved: str | None = None
    """The run that a person's own was saved from."""
    base: str | None = None
    """The recipe that was on the table when it was saved."""


@runtime_checkable
class Leavable(Protocol):
    """What a library may be besides: it can be told that nobody waits for it any more."""

    def leave(self) -> None:
        """Let go who still waits for it to be read: the program ends."""


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

    def brought_by(self, id: str, digest: str) -> str | None:
        """Return the distribution whose recipe of this id gives a plan with this digest; empty: it
        is the person's own; None: there is no such recipe."""
        ...

    def vouches(self, id: str, digest: str) -> bool:
        """Return whether that holds of a recipe that came with IntentOS, which is tested."""
        ...

    def read(self, path: Path) -> Sequence[Proposal]:
        """Return the plans of a file of a recipe or of laws, with their small ``test`` values.

        Raises InvalidPlan: it holds neither.
        """
        ...

    def save(
        self,
        run: Run,
        name: str,
        wishes: Sequence[str],
        *,
        phrases: Sequence[str] = (),
        replace: bool = False,
    ) -> RecipeInfo:
        """Keep what a completed run did as a recipe of the person's own; ``wishes``: what was said
        on the way to it; ``phrases``: how else it may be asked for. Raises UsageError: it has not
        completed, or the name is bad or taken."""
        ...

    def get(self, id: str) -> Proposal:
        """Return a recipe's plan as it starts, and tables to try it with; raises NotFound."""
        ...

    def rename(self, id: str, name: str) -> RecipeInfo:
        """Call one of the person's own recipes something else; it is asked for by its new name.

        Raises:
            NotFound: there is no such recipe.
            UsageError: it is not the person's own, or the name is bad or taken.
            StoreError: it cannot be written.
        """
        ...

    def delete(self, id: str) -> None:
        """Delete one of the person's own recipes; raises as :meth:`rename` does."""
        ...

    def template(self, name: str) -> tuple[str, str]:
        """Return the id and the text of a recipe to fill in; raises UsageError for a bad name."""
        ...


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """A model as lists show it."""

    name: str
    path: Path
    size: int
    """Bytes that it has when it is whole."""
    licence: str
    present: bool
    problem: Problem | None = None
    """Why the file that is there cannot be used."""
    kind: Literal["language", "speech"] = "language"


class Models(Protocol):
    """The models that can be had: for language, and for speech."""

    def every(self) -> Sequence[ModelInfo]:
        """Return what is here and what can be fetched; the default first."""
        ...

    def check(self, name: str) -> None:
        """Return where ``name`` can be set as the model; nobody is asked whether it answers.

        Takes seconds the first time a model of somebody else's is named.

        Raises:
            ModelUnavailable: no model is called so, or its file is missing or damaged.
        """
        ...

    def verified(self, name: str) -> Path:
        """Return the folder of a model whose bytes are right; each file is read whole once.

        Raises ModelUnavailable: it is not here, or holds other bytes.
        """
        ...

    def pull(
        self,
        name: str,
        *,
        source: Path | None = None,
        progress: Callable[[int, int, str], None] | None = None,
        canceled: threading.Event | None = None,
    ) -> Path:
        """Fetch a model, resuming what was begun, and return its file.

        ``progress`` hears bytes done, bytes in all, and where they come from. ``source``: a file
        that is here, or a folder of files. ``canceled`` stops it within a second, and what is here
        stays.

        Raises:
            ModelUnavailable: no source has it, the bytes are wrong, or it was canceled.
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
