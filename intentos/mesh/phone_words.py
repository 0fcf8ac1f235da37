"""What a phone and the hub's door say to each other over the page's websocket, as JSON.

Bytes (a frame's pixels, an output's numbers) follow the message that announces them, in binary
messages of at most a megabyte. Nothing is compressed, so nothing can swell.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from intentos.types import Frozen

from .wire import Id, Nonce, Short

Signature = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{86}$")]
"""64 bytes, URL-safe base64 without padding."""
MOST_PIXELS = 64 * 1024**2
MOST_OUTPUT = 128 * 1024**2


class Proof(Frozen):
    """Who it is: the answer to the door's nonce."""

    kind: Literal["proof"]
    id: Id
    signature: Signature
    name: Short
    device: Short = ""
    """Its GPU, as the browser tells it."""


class State(Frozen):
    """It is there; said twice a second."""

    kind: Literal["state"]
    paused: Literal["", "owner", "hidden", "hot", "battery"]


class Device(Frozen):
    """It has begun with a task."""

    kind: Literal["device"]
    nonce: Nonce
    text: Short


class FrameMade(Frozen):
    """A frame is drawn; its pixels follow."""

    kind: Literal["frame"]
    nonce: Nonce
    index: int = Field(ge=0)
    probes: dict[Short, float] = {}
    bytes: int = Field(ge=0, le=MOST_PIXELS)


class OutputMade(Frozen):
    """An output's bytes follow."""

    kind: Literal["output"]
    nonce: Nonce
    name: Short
    bytes: int = Field(ge=0, le=MOST_OUTPUT)


class AllMade(Frozen):
    """The task's frames and outputs are all sent."""

    kind: Literal["done"]
    nonce: Nonce


class Failed(Frozen):
    """It cannot do the task."""

    kind: Literal["failed"]
    nonce: Nonce
    what: Annotated[str, Field(max_length=2000)]


class Signed(Frozen):
    """Its signature under the outcome of a task that it has done."""

    kind: Literal["signed"]
    nonce: Nonce
    signature: Signature


Said = State | Device | FrameMade | OutputMade | AllMade | Failed | Signed
said: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="kind")])


def challenge(fingerprint: str, nonce: str) -> bytes:
    """Return what a phone signs to show that its key is its own, to this hub and only now."""
    return f"intentos phone {fingerprint} {nonce}".encode()
