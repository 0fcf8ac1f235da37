"""A small server of the chat completions API on the loopback, which may also misbehave.

What it answers is given for each test: recordings in the wire format, or raw bytes. It keeps what
it was asked, headers included. Real sockets and real HTTP: only the intelligence is missing.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORDINGS = Path(__file__).parent / "recordings"

Answer = Callable[[dict[str, Any], asyncio.StreamWriter], Coroutine[None, None, None]]
"""What to write for a question."""


@dataclass
class ChatServer:
    """The running server: its address, and what came in."""

    base: str
    questions: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client closes its connection while it waits for an answer."""


@asynccontextmanager
async def serving(*answers: Answer) -> AsyncIterator[ChatServer]:
    """Run a server that gives these answers in turn, the last one for ever."""
    waiting = list(answers)
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        handlers.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
            headers = {name.lower(): value for name, _, value in lines}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            server.headers.append(headers)
            server.questions.append(json.loads(body))
            server.asked.set()
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            answering = asyncio.create_task(answer(server.questions[-1], writer))
            gone = asyncio.create_task(reader.read(1))
            await asyncio.wait([answering, gone], return_when=asyncio.FIRST_COMPLETED)
            if not answering.done():
                server.hung_up.set()
                answering.cancel()
            gone.cancel()
            await asyncio.gather(answering, gone, return_exceptions=True)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            server.hung_up.set()  # or the test is over
        finally:
            writer.close()
            handlers.discard(task)

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    server = ChatServer(base=f"http://127.0.0.1:{port}/v1")
    try:
        yield server
    finally:
        listening.close()
        for task in list(handlers):
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


def raw(data: bytes) -> Answer:
    """Write these bytes and close."""

    async def answer(question: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return answer


def status(code: int, body: Any = None, **headers: str) -> Answer:
    """Answer with an HTTP status and a JSON body."""
    data = json.dumps(body if body is not None else {"error": {"message": "no"}}).encode()
    lines = [f"HTTP/1.1 {code} X", "Content-Type: application/json", f"Content-Length: {len(data)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\r\n".join([*lines, "Connection: close", "", ""]).encode() + data)


def completion(text: str, *, finish: str = "stop", **message: Any) -> Answer:
    """Answer with a text, as the API writes it."""
    return status(
        200,
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1763800000,
            "model": "local",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, **message},
                    "finish_reason": finish,
                }
            ],
            "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
        },
    )


def recording(name: str) -> Sequence[Answer]:
    """Return the answers that a file of recordings holds, in their order."""
    document = json.loads((RECORDINGS / f"{name}.json").read_text("utf-8"))
    return [status(entry.get("status", 200), entry["body"]) for entry in document["responses"]]


async def stall(question: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.Event().wait()


async def close(question: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    """Close the connection without a word."""


async def trickle(question: dict[str, Any], writer: asyncio.StreamWriter) -> None:
    """Begin an answer that never ends, a byte at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


def by_schema(preferred: Sequence[str], text: str) -> Answer:
    """Answer a question that has a schema with the first of the preferred names that it allows and
    null for what may be null, and any other with the text."""

    async def answer(question: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        said = text
        if wanted := question.get("response_format", {}).get("json_schema"):
            said = json.dumps(
                {
                    name: next((p for p in preferred if p in field.get("enum", ())), None)
                    for name, field in wanted["schema"]["properties"].items()
                }
            )
        await completion(said)(question, writer)

    return answer
