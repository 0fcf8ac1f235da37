"""What goes over the wire: JSON under a signature, checked before it is believed.

A message is 64 bytes of signature and then the JSON text that was signed. Nothing else is ever
decoded: no pickle, no compression, no code but the text of a step, which runs in a sandbox.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from intentos.events import FrameDrawn, OutputWritten, ProbeRead, ProgressMade
from intentos.plan import Step
from intentos.run import StepResult
from intentos.types import Frozen, Limits, Name, Sha256, Value

from .identity import ID, SIGNATURE_BYTES, Identity, signed
from .pictures import MOST_TEXT

MOST_BYTES = 768 * 1024
"""Of one message; what is larger travels as a blob."""
SCHEMA = 1
_KIND = re.compile(rb'\{"schema":\d{1,9},"kind":"([a-z]{1,20})"')

Id = Annotated[str, Field(pattern=ID)]
Key = Annotated[str, Field(pattern=r"^[0-9a-z]{26}$")]
Nonce = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Short = Annotated[str, Field(max_length=200)]
Role = Literal["member", "node"]
"""``member``: may send steps and run them; ``node``: only runs them."""
Verify = Literal["none", "spot", "jury2", "jury3"]
Device = Literal["cpu", "gpu"]


class BadMessage(ValueError):
    """A message that is not what it must be: too large, badly signed, of another format."""


class Wire(Frozen):
    """Base of everything that is sent."""

    schema_number: Literal[1] = Field(1, alias="schema")


class Blob(Frozen):
    """Bytes that lie at the hub."""

    sha256: Sha256
    size: int = Field(ge=0)


class Offer(Frozen):
    """What a node can do and what its owner lends."""

    name: Short
    version: Short
    languages: frozenset[Short]
    kernels: dict[Short, Short] = {}
    """Name → code hash: a step runs only where the kernel is the very one that was approved."""
    devices: tuple[Short, ...] = ()
    gpu: bool = False
    slots: int = Field(ge=1, le=1024)
    """Steps at a time."""
    memory_bytes: int = Field(ge=0)
    """Most that one step may take."""
    owners: tuple[Short, ...] = ()
    """For whom it works; empty: everybody of the hub."""
    relay: bool = False
    """Whether another mesh stands behind it."""


class Heartbeat(Wire):
    """A node is there; sent twice a second on ``hb.<id>``."""

    kind: Literal["heartbeat"] = "heartbeat"
    paused: Short = ""
    """Why it takes no work: ``owner``, ``hours``, ``battery``, ``stopping``, ``active``, ``busy``,
    ``full`` (its disk), of phones also ``hidden`` and ``hot``; empty: it does."""
    running: Annotated[tuple[Nonce, ...], Field(max_length=2048)] = ()
    """What it has in hand: a task that the hub has handed out and that is missing here never
    arrived, or its answer was lost."""
    offer: Offer | None = None
    """At first, when it has changed, and when the hub asks for it."""


class Relayed(Frozen):
    """Whose job it is that a machine took over from another hub for its own mesh.

    Such a job is never handed on to a third one, so that none goes round in a circle.
    """

    hub: Id
    """That it came from."""
    host: Short
    """Where that is reached."""
    owner: Short
    """Whose wish it is there."""

    @property
    def person(self) -> str:
        """Whose wish it is, as limits name them here."""
        return f"{self.owner}@{self.host}"

    def __str__(self) -> str:
        """Return it as it stands in records."""
        return f"relayed from {self.host} for {self.owner}"


class Job(Wire):
    """One step that somebody wants to have run."""

    kind: Literal["job"] = "job"
    key: Key
    step: Step
    values: dict[str, Value] = {}
    live: frozenset[str] = frozenset()
    seed: int
    limits: Limits
    inputs: dict[Name, Blob] = {}
    language: Literal["zh", "en"] = "en"
    verify: Verify = "spot"
    reply: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    """Which connection of the sender waits for the outcome."""
    node: Id | None = None
    """Only there; for tests and benchmarks."""
    relayed: Relayed | None = None
    """Where it came from, of a job that another hub's node hands on."""

    @property
    def work(self) -> str:
        """What kind of work it is, as the records of nodes are kept."""
        return f"{self.step.language}:{self.step.code_hash[:16]}"

    def allowed(self, owners: tuple[str, ...], owner: str) -> bool:
        """Return whether limits to some people let a job of ``owner``'s through; none: everybody's.

        A relayed one is both its sender's and that other person's.
        """
        whose = {owner} if self.relayed is None else {owner, self.relayed.person}
        return not owners or whose <= set(owners)

    @property
    def device(self) -> Device:
        """What it is priced as, wherever it runs: where there is no GPU, it only takes longer."""
        return "gpu" if self.step.language in ("kernel", "wgsl") else "cpu"


class Task(Wire):
    """A job as the hub hands it to a node, on ``run.<id>``."""

    kind: Literal["task"] = "task"
    job: Job
    submitter: Id
    owner: Short
    """Whose wish it is."""
    nonce: Nonce
    """Names this attempt; only an answer with it counts."""
    downloads: dict[Name, str] = {}
    """Local name → grant."""
    upload: str
    """Grant for what the step leaves."""
    head: str = ""
    """The sealed :class:`Head` of the record, base64; the node keeps some."""
    commit: bool = False
    """Whether it is to say the hash of its answer first, and the answer when it is asked to."""


class Commit(Wire):
    """A node binds itself to its answer, on ``done.<id>``, before any other's is shown.

    The answer is signed and holds the nonce, so that nobody can guess it from its hash.
    """

    kind: Literal["commit"] = "commit"
    key: Key
    submitter: Id
    nonce: Nonce
    sha256: Sha256
    """Of the sealed :class:`Done`."""


class Done(Wire):
    """What came of a task, on ``done.<id>``."""

    kind: Literal["done"] = "done"
    key: Key
    submitter: Id
    nonce: Nonce
    outcome: Literal["result", "returned", "refused"]
    """``returned``: the owner wants the machine back; ``refused``: it cannot do this."""
    why: Annotated[str, Field(max_length=2000)] = ""
    result: StepResult | None = None

    @classmethod
    def of(cls, task: Task, outcome: str, why: str, result: StepResult | None) -> Done:
        """Return the answer to a task; raises pydantic's ValidationError for what is none."""
        said = {"outcome": outcome, "why": why, "result": result}
        named = {"key": task.job.key, "submitter": task.submitter, "nonce": task.nonce}
        return cls.model_validate(named | said)

    @model_validator(mode="after")
    def _whole(self) -> Done:
        if (self.outcome == "result") != (self.result is not None):
            raise ValueError("a result comes with the outcome 'result' and with no other")
        return self


class Told(Wire):
    """A live event of a step that runs, on ``ev.<id>.<key>``."""

    kind: Literal["told"] = "told"
    key: Key
    submitter: Id
    nonce: Nonce
    event: Annotated[
        OutputWritten | ProgressMade | ProbeRead | FrameDrawn, Field(discriminator="kind")
    ]
    picture: Annotated[str, Field(max_length=MOST_TEXT)] = ""
    """Of a frame: RGB bytes as base64, small."""


class Command(Wire):
    """What the hub asks of a node, on ``ctl.<id>``."""

    kind: Literal["command"] = "command"
    what: Literal["hello", "cancel", "again", "reveal"]
    nonce: Nonce | None = None
    """Of ``cancel``; ``again``, which asks once more for what was said last; and ``reveal``, which
    asks for the answer that the node has bound itself to."""


class Head(Wire):
    """Where the hub's record stands; signed, so that a record that is rewritten shows."""

    kind: Literal["head"] = "head"
    hub: Id
    seq: int = Field(ge=0)
    hash: Sha256


class Request(Wire):
    """What a member asks the hub, on ``ask.<id>``; the answer comes on ``out.<id>.<reply>``."""

    kind: Literal["request"] = "request"
    id: Key
    reply: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    what: Literal[
        "upload", "result", "cancel", "peers", "audit", "download", "corrections", "points", "doubt"
    ]
    key: Key | None = None
    """Of ``result``, ``cancel``, ``download`` and ``doubt``: a result that is not believed."""
    blob: Blob | None = None
    since: int = Field(0, ge=0)
    """Of ``audit`` and ``corrections``."""
    bytes: int = Field(0, ge=0)
    """Of ``upload``: how much."""


class Peer(Frozen):
    """A node as others see it."""

    id: Id
    name: Short
    owner: Short
    state: Literal["free", "busy", "paused", "gone", "ejected"]
    paused: Short = ""
    verified: int = 0
    """Answers in a row that others confirmed."""
    running: int = 0
    slots: int = 0
    offer: Offer | None = None


class Entry(Frozen):
    """One line of the hub's record."""

    seq: int
    at: str
    what: str
    body: str
    """Canonical JSON."""
    previous: Sha256
    hash: Sha256


class Account(Frozen):
    """What one owner has lent and borrowed, and their points, in thousandths."""

    owner: str
    lent_ms: int
    borrowed_ms: int
    points: int
    """Below zero where pay was taken back that had been spent."""
    held: int
    """Of confirmed pay, until their nodes are trusted."""
    waiting: int
    """Asked for work that nobody repeated, until their nodes' next confirmed answer."""


class Earner(Frozen):
    """What the record says of one node."""

    node: str
    owner: str
    speeds: dict[str, float] = {}
    """Device → how many times a usual machine, as the hub has measured it."""
    right: int
    wrong: int
    earned: int
    """Thousandths of points."""
    reputation: float
    """From 0 to 1."""


class Points(Frozen):
    """All balances after a line of the record; everybody can recompute them from it."""

    seq: int
    on: bool
    prices: dict[str, float]
    """Device → points for a second of a usual machine."""
    paid: int
    """Thousandths that were ever paid out."""
    burnt: int
    """Thousandths that were spent, taken back or lost: all that is left is ``paid - burnt``."""
    accounts: tuple[Account, ...]
    nodes: tuple[Earner, ...]


class Correction(Frozen):
    """A result that a member already has and that turned out wrong."""

    seq: int
    key: Key
    """Of the job; what is right now is asked for with ``result``."""
    at: str
    node: Id
    """Whose answer it was."""
    what: Literal["corrected", "doubtful"]
    """``doubtful``: whoever did it has lied elsewhere, and nobody else could do it again."""


class Answer(Wire):
    """What the hub answers to a request or a job, on ``out.<id>.<reply>``."""

    kind: Literal["answer"] = "answer"
    id: Key
    """Of the request, or the job's key."""
    status: Literal["ok", "accepted", "settled", "refused", "unknown", "corrected"]
    why: Annotated[str, Field(max_length=2000)] = ""
    grant: str = ""
    outcome: Outcome | None = None
    peers: tuple[Peer, ...] = ()
    entries: tuple[Entry, ...] = ()
    corrections: tuple[Correction, ...] = ()
    points: Points | None = None
    """Of ``points``; of ``peers`` where they are turned on."""
    head: str = ""
    """The sealed :class:`Head`, base64."""


class Outcome(Frozen):
    """What the book says of a job that is over."""

    result: StepResult | None = None
    """None: nobody could do it, or it was canceled; ``why`` tells."""
    why: str = ""
    node: Id | None = None
    node_name: Short = ""
    owner: Short = ""
    seconds: float = 0.0
    """Between its handing out and its answer."""
    verified: Literal["none", "spot", "agreed", "alone"] = "none"
    """``agreed``: other owners' nodes got the same; ``alone``: nobody else was there to check."""
    attempts: int = 0


Answer.model_rebuild()

M = TypeVar("M", bound=Wire)


def seal(by: Identity, message: Wire) -> bytes:
    """Return a message under its sender's signature; raises BadMessage where it is too large."""
    text = message.model_dump_json().encode()
    if len(text) > MOST_BYTES:
        raise BadMessage(f"{len(text)} bytes, of {MOST_BYTES} allowed")
    return by.sign(text) + text


def kind_of(data: bytes) -> str:
    """Return what kind of message this says it is, without believing it; empty: none."""
    found = _KIND.match(data, SIGNATURE_BYTES)
    return found[1].decode() if found is not None else ""


def unseal(kind: type[M], data: bytes, by: str) -> M:
    """Return the message of that kind that ``by`` has signed.

    Raises:
        BadMessage: it is too large, not signed by them, or not of this kind and format.
    """
    if len(data) > MOST_BYTES + SIGNATURE_BYTES:
        raise BadMessage(f"{len(data)} bytes, of {MOST_BYTES} allowed")
    if not signed(by, data[SIGNATURE_BYTES:], data[:SIGNATURE_BYTES]):
        raise BadMessage("the signature is not the sender's")
    return opened(kind, data)


def opened(kind: type[M], data: bytes) -> M:
    """Return a message whose signature was checked before it was kept.

    Raises:
        BadMessage: it is not of this kind and format.
    """
    text = data[SIGNATURE_BYTES:]
    try:
        return kind.model_validate_json(text)
    except (ValidationError, RecursionError) as error:
        raise BadMessage(_newer(text) or str(error)[:500]) from error


def _newer(text: bytes) -> str:
    """Return what to say of a message in a format from the future; empty: it is not."""
    with suppress(ValueError, RecursionError, AttributeError):
        number = json.loads(text).get("schema")
        if isinstance(number, int) and number > SCHEMA:
            return f"format {number}, and this IntentOS knows formats up to {SCHEMA}: update it"
    return ""
