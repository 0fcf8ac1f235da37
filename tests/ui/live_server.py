"""A real server with the live routes, and a browser's end of a websocket, for their tests."""

from __future__ import annotations

import asyncio
import io
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI
from PIL import Image
from websockets.asyncio.client import ClientConnection, connect

from intentos.config import Settings
from intentos.events import Event, FrameDrawn
from intentos.plan import Plan
from intentos.policy import ApproveAll
from intentos.registry import Registry
from intentos.run import Run
from intentos.runtime import Runtime
from intentos.store import Store
from intentos.types import Intent, new_id
from intentos.ui.live_socket import LiveSockets


@dataclass
class Passed:
    """What passed by of a run that goes on."""

    frame: FrameDrawn | None = None


@dataclass
class Looked:
    """A run, as these tests' desk tells it."""

    run: Run
    passing: Passed | None


class SmallDesk:
    """Runs plans through the real runtime and tells what happens; holds runs made by hand too."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings)
        self.registry = Registry(plugins=False)
        self.runtime = Runtime(
            settings=settings,
            store=self.store,
            registry=self.registry,
            approver=ApproveAll("test"),
        )
        self.made: dict[str, Run] = {}
        self.going: dict[str, Passed] = {}
        self.listeners: set[Callable[[str, Event | None], None]] = set()

    def turn(self, run_id: str) -> Looked:
        """Return a run."""
        run = self.made.get(run_id) or self.store.run(run_id)
        return Looked(run, self.going.get(run_id))

    def listen(
        self, conversation: str, listener: Callable[[str, Event | None], None]
    ) -> Callable[[], None]:
        """Tell a listener of everything."""
        self.listeners.add(listener)
        return lambda: self.listeners.discard(listener)

    async def run(self, plan: Plan, run_id: str) -> None:
        """Run a plan to its end."""
        self.going[run_id] = passed = Passed()
        intent = Intent(text="test", language="en")
        async for event in self.runtime.run(intent, plan=plan, run_id=run_id):
            if isinstance(event, FrameDrawn):
                passed.frame = event
            for listener in list(self.listeners):
                listener(run_id, event)
        del self.going[run_id]

    def hold(self, run: Run) -> str:
        """Keep a run made by hand, and return its id."""
        self.made[run.id] = run
        return run.id

    def new(self) -> str:
        """Return an id for a run."""
        return new_id()


@dataclass(frozen=True)
class Frame:
    """A frame as a browser gets it."""

    index: int
    rounds: int
    pixels: Any

    @property
    def column(self) -> tuple[int, int]:
        """Where the bright column of ``live_runs.walking`` is, and how bright."""
        row = self.pixels[24, :, 0]
        return int(row.argmax()), int(row.max())


class Browser:
    """A browser's end of a websocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.said: list[dict[str, Any]] = []

    async def say(self, kind: str, **data: Any) -> None:
        """Send a message."""
        await self.connection.send(json.dumps({"kind": kind, **data}))

    async def next(self, seconds: float = 20) -> Frame | dict[str, Any]:
        """Return what comes next: a frame, or a message."""
        async with asyncio.timeout(seconds):
            received = await self.connection.recv()
        if isinstance(received, str):
            message: dict[str, Any] = json.loads(received)
            self.said.append(message)
            return message
        index, rounds, width, height, form = struct.unpack("<IIHHB", received[:13])
        with Image.open(io.BytesIO(received[16:])) as picture:
            assert (picture.format, picture.size, form) == ("JPEG", (width, height), 1)
            return Frame(index, rounds, np.asarray(picture.convert("RGB")))

    async def frame(self, *, take: bool = True, seconds: float = 20) -> Frame:
        """Return the next frame, and say that it is shown."""
        while not isinstance(found := await self.next(seconds), Frame):
            assert found["kind"] not in ("error", "end"), found
        if take:
            await self.say("taken", index=found.index)
        return found

    async def message(self, kind: str) -> dict[str, Any]:
        """Return the next message of a kind; frames before it are taken."""
        while True:
            found = await self.next()
            if isinstance(found, Frame):
                await self.say("taken", index=found.index)
            elif found["kind"] == kind:
                return found

    async def quiet(self, seconds: float = 0.4) -> list[Frame]:
        """Return the frames that still come until there is silence for so long."""
        found: list[Frame] = []
        while True:
            try:
                frame = await self.next(seconds)
            except TimeoutError:
                return found
            if isinstance(frame, Frame):
                found.append(frame)


@dataclass
class Server:
    """A server that is up."""

    desk: SmallDesk
    sockets: LiveSockets
    port: int

    @asynccontextmanager
    async def browser(self, path: str, **more: Any) -> AsyncIterator[Browser]:
        """Open a websocket."""
        address = f"ws://127.0.0.1:{self.port}{path}"
        async with connect(address, max_size=None, **more) as connection:
            yield Browser(connection)

    @asynccontextmanager
    async def playing(self, run: Run, **more: Any) -> AsyncIterator[Browser]:
        """Open a live view of a run's step ``move`` and wait until it is ready."""
        self.desk.hold(run)
        async with self.browser(f"/api/live/{run.id}/move") as browser:
            await browser.say("play", **more)
            await browser.message("ready")
            yield browser


@asynccontextmanager
async def serving(settings: Settings, **more: Any) -> AsyncIterator[Server]:
    """Serve the live routes on a free port while the block runs."""
    desk = SmallDesk(settings)
    sockets = LiveSockets(lambda: desk, **{"keep_ready": False, **more})
    app = FastAPI()
    sockets.attach(app)
    # As the window is served.
    config = uvicorn.Config(
        app,
        port=0,
        lifespan="off",
        log_level="error",
        ws="wsproto",
        ws_per_message_deflate=False,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        yield Server(desk, sockets, server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        await task
        await sockets.close()
        await desk.runtime.close()
        desk.store.close()
