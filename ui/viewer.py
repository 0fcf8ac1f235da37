"""One browser at the other end of a websocket: what it says, and how many frames it has taken."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Annotated, Any, Literal

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from intentos.errors import IntentOSError
from intentos.live import Look
from intentos.messages import message
from intentos.types import Frozen, Value

UNTAKEN = 2
"""Frames on the way; the next one is drawn when one of them has been shown."""
LONGEST = 16_384
"""Characters of a message."""
PATIENCE = 50
"""Messages that are not understood, after which nothing more is listened to."""
SENDING_SECONDS = 20.0


def _fits(seed: str) -> str:
    if int(seed) >= 2**63:
        raise ValueError("a seed is less than 2^63")
    return seed


Seed = Annotated[str, Field(pattern=r"^[0-9]{1,19}$"), AfterValidator(_fits)]
"""Decimal text: JavaScript's numbers lose what is beyond 2^53."""


class Play(Frozen):
    """Begin."""

    kind: Literal["play"]
    parameters: dict[str, Value] = Field({}, max_length=256)
    seed: Seed | None = None


class Set(Frozen):
    """Turn a knob."""

    kind: Literal["set"]
    name: str = Field(max_length=64)
    value: Value


class See(Look):
    """Move the camera or the pointer."""

    kind: Literal["view"]


class Pause(Frozen):
    """Stand still."""

    kind: Literal["pause"]


class Resume(Frozen):
    """Go on."""

    kind: Literal["resume"]


class OneStep(Frozen):
    """Stand still after one more frame."""

    kind: Literal["step"]


class Restart(Frozen):
    """Begin anew."""

    kind: Literal["restart"]
    seed: Seed | None = None


class Speed(Frozen):
    """How many times as fast as real time."""

    kind: Literal["speed"]
    value: float = Field(ge=0.05, le=16, allow_inf_nan=False)


class Taken(Frozen):
    """A frame has been shown."""

    kind: Literal["taken"]
    index: int = Field(ge=0, lt=2**32)


Said = Play | Set | See | Pause | Resume | OneStep | Restart | Speed | Taken
_said: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="kind")])


class Viewer:
    """One websocket that was accepted."""

    def __init__(self, socket: WebSocket, language: str) -> None:
        self._socket = socket
        self._language = language
        self._untaken: deque[int] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._speaking = asyncio.Lock()
        self._bad = 0
        self.shown = False
        """Whether a frame has been sent."""

    async def hear(self, idle: float) -> Said:
        """Return the next message but ``taken``; one that is not understood is answered.

        ``idle``: seconds without a word after which nobody is taken to watch any more.

        Raises:
            WebSocketDisconnect: it is gone, or says too much that is not understood.
            TimeoutError: it is silent.
        """
        while True:
            async with asyncio.timeout(idle):
                received = await self._socket.receive()
            if received["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(received.get("code") or 1006)
            try:
                said = _understood(received.get("text"))
            except _NotUnderstood as problem:
                self._bad += 1
                await self.complain(problem.text(self._language))
                if self._bad > PATIENCE:
                    raise WebSocketDisconnect(1008) from None
                continue
            if not isinstance(said, Taken):
                return said
            self._take(said.index)

    async def room(self) -> None:
        """Wait until another frame may be sent."""
        await self._room.wait()

    def reserve(self, index: int) -> None:
        """Count a frame that is going to be sent."""
        self._untaken.append(index)
        if len(self._untaken) >= UNTAKEN:
            self._room.clear()

    async def show(self, frame: bytes) -> None:
        """Send a frame that has its place."""
        async with self._speaking, asyncio.timeout(SENDING_SECONDS):
            self.shown = True
            await self._socket.send_bytes(frame)

    async def say(self, kind: str, **data: Any) -> None:
        """Send a message."""
        async with self._speaking, asyncio.timeout(SENDING_SECONDS):
            await self._socket.send_text(json.dumps({"kind": kind, **data}, ensure_ascii=False))

    async def complain(self, problem: str | IntentOSError) -> None:
        """Say what is wrong, in the viewer's language."""
        text = problem if isinstance(problem, str) else problem.text(self._language)
        await self.say("error", message=text)

    def _take(self, index: int) -> None:
        """Count a frame as shown, and those before it, which it replaced."""
        if index in self._untaken:
            while self._untaken.popleft() != index:
                continue
            self._room.set()


class _NotUnderstood(Exception):
    def __init__(self, code: str, **arguments: object) -> None:
        super().__init__(code)
        self._code = code
        self._arguments = arguments

    def text(self, language: str) -> str:
        return message(self._code, language, **self._arguments)


def _understood(text: str | None) -> Said:
    if text is None:
        raise _NotUnderstood("play.bad_message", what="bytes")
    if len(text) > LONGEST:
        raise _NotUnderstood("play.long_message", limit=LONGEST)
    try:
        return _said.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = f"{where}: {first['msg']}" if where else first["msg"]
        raise _NotUnderstood("play.bad_message", what=what[:200]) from error
