"""The nouns of IntentOS: Intent, Parameter, Step, Plan, Approval, Run and what they are made of.

Everything here is a frozen value. Stored and sent forms carry ``schema``, their format number.
Ids belong to intents, plans and runs; content is named by its sha256.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from intentos.messages import fill, message

Value = bool | int | float | str
Language = Literal["zh", "en"]
Need = Literal["gpu", "network", "read_files", "write_files"]
Origin = Literal["recipe", "composed", "generated", "edited"]
Badge = Literal["verified", "plausible", "unchecked", "failed"]
Isolation = Literal["none", "process", "sandbox", "container", "remote"]
Mode = Literal["ask", "risky", "machine", "plan"]
"""When a person is asked: about every new plan, about risky ones, about what reaches beyond the
sandbox; ``plan``: nothing runs at all."""
Json = Any  # a JSON value; pydantic's JsonValue is recursive and costs 30 ms at import

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
QuantityName = Annotated[str, Field(pattern=r"^\w{1,64}$")]
"""What code calls a number that it reports, or a column of a table."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

MAX_INTENT_CHARACTERS = 20_000
DEFAULT_SEED = 20_260_101


def new_id() -> str:
    """Return a fresh id: 26 lowercase characters that sort by the time of their making."""
    milliseconds = int(datetime.now(UTC).timestamp() * 1000)
    return f"{milliseconds:011x}{uuid.uuid4().hex[:15]}"


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def sha256(data: bytes) -> str:
    """Return the hexadecimal sha256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: Json) -> bytes:
    """Return the one JSON text of a value: sorted keys, no spaces, UTF-8, no NaN."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


class Frozen(BaseModel):
    """Base of all values: frozen, and unknown fields are an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True
    )


class Words(Frozen):
    """A short text in both languages; either may be empty when only one is known."""

    en: str = Field("", max_length=10_000)
    zh: str = Field("", max_length=10_000)

    def text(self, language: str, values: Mapping[str, Any] | None = None) -> str:
        """Return the text in ``language``, or in the other one, with ``{names}`` filled in."""
        template = (self.zh or self.en) if language == "zh" else (self.en or self.zh)
        return fill(template, dict(values)) if values is not None else template


class Problem(Frozen):
    """An error as data: a message code with arguments, readable in both languages."""

    code: str
    arguments: dict[str, Json] = {}
    exit_code: int = 1
    """What the command line ends with; see the error tree."""

    def text(self, language: str) -> str:
        """Return the sentence in ``zh`` or ``en``."""
        return message(self.code, language, **self.arguments)


class Artifact(Frozen):
    """A file that a step left behind, named by the sha256 of its bytes."""

    id: Sha256
    name: str = Field(min_length=1, max_length=200, pattern=r"^[^/\\\x00]+$")
    media_type: str
    size: int = Field(ge=0)
    step_id: str


class Column(Frozen):
    """One column of a table that a person handed in; its cells are never in it."""

    name: str = Field(min_length=1, max_length=60)
    """Cleaned: no control characters, no marks that mean something to a model."""
    type: Literal["integer", "number", "date", "text", "empty"]
    missing: int = Field(0, ge=0)
    minimum: float | str | None = None
    """Of numbers, and of dates as ISO text."""
    maximum: float | str | None = None
    distinct: int | None = Field(None, ge=0)


AttachmentKind = Literal["table", "image", "sound", "array", "document"]


class Profile(Frozen):
    """What is known about a file that a person handed in: all of it that a model ever sees."""

    kind: AttachmentKind
    media_type: str = Field(max_length=100)
    rows: int = Field(0, ge=0)
    columns: tuple[Column, ...] = Field((), max_length=1000)
    """Of a table; of a document its keys."""
    width: int = Field(0, ge=0)
    """Pixels of an image."""
    height: int = Field(0, ge=0)
    rate: int = Field(0, ge=0)
    """Samples a second of a sound."""
    channels: int = Field(0, ge=0)
    seconds: float = Field(0.0, ge=0)
    shape: tuple[int, ...] = Field((), max_length=32)
    dtype: str = Field("", max_length=20)
    minimum: float | None = None
    """Of an array."""
    maximum: float | None = None
    missing: int = Field(0, ge=0)
    """Numbers of an array that are not finite."""
    encoding: str = Field("", max_length=20)
    notes: tuple[Literal["extension", "ragged", "unreadable", "cut", "scaled"], ...] = ()
    """What had to be put right, as endings of message codes ``attachment.note_…``."""


class Attachment(Artifact):
    """A file that a person handed in with a wish, named by the hash of its bytes as they were."""

    step_id: Literal["attachment"] = "attachment"
    key: Name
    """What steps call it."""
    plain: Sha256
    """The same content as steps get it: UTF-8 CSV with commas, PNG, 16-bit WAV, NPY, JSON."""
    profile: Profile


class Intent(Frozen):
    """What a person said."""

    schema_number: Literal[1] = Field(1, alias="schema")
    id: str = Field(default_factory=new_id)
    text: str = Field(min_length=1, max_length=MAX_INTENT_CHARACTERS)
    language: Language
    source: Literal["typed", "spoken", "api", "peer"] = "typed"
    conversation: str = Field(default_factory=new_id)
    attachments: tuple[Attachment, ...] = ()
    created_at: datetime = Field(default_factory=now)


class Limits(Frozen):
    """What one step may use. Network access is a need, not a limit, and off by default."""

    wall_time: float = Field(default=120.0, gt=0, le=86_400)
    """Seconds from start to end."""
    memory_bytes: int = Field(default=2 * 1024**3, ge=64 * 1024**2)
    processes: int = Field(default=32, ge=1, le=4096)
    output_bytes: int = Field(default=1_000_000, ge=1024)
    """Of stdout and of stderr, each; what is beyond is cut and said so."""
    artifact_bytes: int = Field(default=256 * 1024**2, ge=1024)
    """All artifacts and scratch files of the step together."""

    def at_most(self, other: Limits) -> Limits:
        """Return the lower of both, each."""
        pairs = {name: getattr(other, name) for name in Limits.model_fields}
        lower = {name: min(getattr(self, name), most) for name, most in pairs.items()}
        return Limits.model_validate(lower)


class Quantity(Frozen):
    """A computed value with its unit."""

    value: Json
    unit: str = ""


class Check(Frozen):
    """A judgement on a run with its numbers."""

    name: str
    title: Words = Words()
    kind: Literal["generic", "physical", "oracle"] = "generic"
    status: Literal["passed", "failed", "unknown"]
    detail: str = ""
    given: bool = False
    """What it compares with came with the plan: no more than its author's word."""


class Estimate(Frozen):
    """What a step will cost; a field that is not known is None, never a guess."""

    seconds: float | None = None
    memory_bytes: int | None = None
    tokens: int | None = None
    where: str = "here"
    work: float | None = None
    """How much there is to do, in the executor's own unit: the time of one step grows with it."""
    placed: Problem | None = None
    """Why it runs there, where that was a question."""


def language_of(text: str) -> Language:
    """Return ``zh`` where a text holds Chinese characters, else ``en``."""
    return "zh" if re.search(r"[㐀-鿿豈-﫿]", text) else "en"
