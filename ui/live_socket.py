"""Moving pictures from the server, for browsers without WebGPU and for runs that go on.

``/api/live/{run}/{step}`` plays a step on this machine's GPU for one viewer, who may turn its knobs
and go round it; ``/api/frames/{run}`` shows what a run draws; ``/api/program/{run}/{step}`` is what
a viewer with a GPU of their own plays. Messages: see ``viewer.py`` and docs/design/live.md. Who
may ask is for the guard to say.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse
from starlette.requests import HTTPConnection

from intentos.errors import ExecutorError, IntentOSError, Missing, NotApproved, NotFound
from intentos.live import LiveViews
from intentos.playable import Playable, playable
from intentos.registry import Registry

from .live_show import IDLE, LiveShow
from .run_frames import LiveDesk, RunFrames, Streams
from .viewer import Viewer

LAST_SECONDS = 5.0
"""For the last frame of a run that is over to be shown."""
COMING_SECONDS = 4.0
"""Between two words that the first frame is still to come; a browser gives up without."""
REFUSED, NORMAL = 1008, 1000
PLAIN = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}


class LiveSockets:
    """The routes of one window."""

    def __init__(self, desk: Callable[[], LiveDesk | None], *, keep_ready: bool = True) -> None:
        """``keep_ready``: a process waits once a browser has needed one, as it will again."""
        self._desk = desk
        self._keep_ready = keep_ready
        self._views: LiveViews | None = None
        self._streams = Streams()

    def attach(self, app: FastAPI) -> None:
        """Add the routes to a server."""
        app.add_api_route("/api/program/{run}/{step}", self.program, methods=["GET"])
        app.add_api_route("/api/program/{run}/{step}/arrays/{sha256}", self.array, methods=["GET"])
        app.add_api_websocket_route("/api/live/{run}/{step}", self.live)
        app.add_api_websocket_route("/api/frames/{run}", self.frames)

    async def close(self) -> None:
        """End what is kept ready for the next view."""
        views, self._views = self._views, None
        if views is not None:
            await views.close()

    async def program(self, run: str, step: str, request: Request) -> Response:
        """What ``program.js`` needs to play a step."""
        try:
            found = await self._playable(run, step)
        except IntentOSError as error:
            return _refusal(error, request)
        here = f"/api/program/{found.run}/{found.step}/arrays/"
        headers = {**PLAIN, "Cache-Control": "no-cache"}
        return JSONResponse(found.as_json(lambda sha: here + sha), headers=headers)

    async def array(self, run: str, step: str, sha256: str, request: Request) -> Response:
        """The bytes of one of a program's large inputs."""
        try:
            found = await self._playable(run, step)
            if sha256 not in found.arrays:
                raise NotFound("store.no_artifact", name=sha256[:80])
        except IntentOSError as error:
            return _refusal(error, request)
        headers = {**PLAIN, "Cache-Control": "private, max-age=31536000, immutable"}
        return FileResponse(
            found.arrays[sha256], media_type="application/octet-stream", headers=headers
        )

    async def live(self, socket: WebSocket, run: str, step: str) -> None:
        """Play a step for one viewer."""
        desk = self._desk()
        if desk is None:
            await socket.close(REFUSED)
            return
        await socket.accept()
        viewer = Viewer(socket, _language(socket))
        if self._views is None:
            # Not the desk's own executors: their processes belong to the event loop of the runs.
            registry = Registry(plugins=desk.settings.plugins)
            self._views = LiveViews(desk.settings, registry, keep_ready=self._keep_ready)
        show = LiveShow(viewer, self._views)

        async def play() -> None:
            await show.play(await self._playable(run, step))

        await _until_one_ends(socket, viewer, show.hear(), play())

    async def frames(self, socket: WebSocket, run: str) -> None:
        """Show what a run draws, until it is over."""
        desk = self._desk()
        if desk is None:
            await socket.close(REFUSED)
            return
        await socket.accept()
        viewer = Viewer(socket, _language(socket))

        async def watch() -> None:
            async with self._streams.watching(desk, run) as frames:
                await _pass_on(frames, viewer)

        await _until_one_ends(socket, viewer, _only_take(viewer), watch())

    async def _playable(self, run: str, step: str) -> Playable:
        desk = self._desk()
        if desk is None:
            raise NotFound("store.no_run", name=run[:80])
        found = desk.turn(run).run
        return await asyncio.to_thread(playable, found, step, desk.registry, desk.store)


async def _until_one_ends(
    socket: WebSocket,
    viewer: Viewer,
    hearing: Coroutine[Any, Any, None],
    showing: Coroutine[Any, Any, None],
) -> None:
    """Listen and show at once until one of them ends; then nothing of either is left."""
    tasks = [asyncio.create_task(hearing), asyncio.create_task(showing)]
    beside = asyncio.create_task(_say_it_comes(viewer))
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (*tasks, beside):
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.wait([beside])
    errors = [one for one in results if isinstance(one, Exception)]
    expected = (IntentOSError, WebSocketDisconnect, TimeoutError)
    bug = next((one for one in errors if not isinstance(one, expected)), None)
    if any(isinstance(one, WebSocketDisconnect) and one.code != REFUSED for one in errors):
        return
    code = NORMAL
    try:
        for error in errors:
            if isinstance(error, IntentOSError):
                await viewer.complain(error)
            elif isinstance(error, WebSocketDisconnect):
                code = REFUSED
            elif error is bug:
                what = f"{type(error).__name__}: {error}"[:500]
                await viewer.complain(ExecutorError("runtime.unexpected", what=what))
        await viewer.say("end")
        await socket.close(code)
    except (WebSocketDisconnect, RuntimeError, TimeoutError):
        pass  # it has gone meanwhile
    if bug is not None:
        raise bug


async def _say_it_comes(viewer: Viewer) -> None:
    """Say now and then that the first frame is still to come, as long as it is."""
    with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):  # gone: found out by listening
        while True:
            await asyncio.sleep(COMING_SECONDS)
            if viewer.shown:
                return
            await viewer.say("coming")


async def _only_take(viewer: Viewer) -> None:
    """Hear which frames were shown; there is nothing else to say."""
    while True:
        await viewer.hear(IDLE)


async def _pass_on(frames: RunFrames, viewer: Viewer) -> None:
    """Send the newest frame whenever the viewer has room for it, and all probes."""
    number, probes, size = 0, 0, (0, 0)
    while True:
        await frames.newer(number, probes)
        probes, read = frames.probes_after(probes)
        for event in read:
            value = event.value if math.isfinite(event.value) else None
            await viewer.say("probe", name=event.name, frame=event.frame, value=value)
        latest = frames.latest
        if latest is not None and latest.number > number:
            try:
                async with asyncio.timeout(LAST_SECONDS):
                    await viewer.room()
            except TimeoutError:
                if frames.over:
                    return
                continue
            latest = frames.latest
            assert latest is not None
            if (latest.width, latest.height) != size:
                size = latest.width, latest.height
                await viewer.say(
                    "ready", width=size[0], height=size[1], frames_per_second=30, device=""
                )
            number = latest.number
            viewer.reserve(latest.index)
            await viewer.show(latest.data)
        elif frames.over:
            return


def _language(connection: HTTPConnection) -> str:
    asked = connection.query_params.get("language", "")
    if asked in ("zh", "en"):
        return asked
    return "zh" if connection.headers.get("accept-language", "").startswith("zh") else "en"


def _refusal(error: IntentOSError, request: Request) -> Response:
    status = 400
    for kind, code in ((NotFound, 404), (NotApproved, 403), (Missing, 503)):
        if isinstance(error, kind):
            status = code
    body = {"code": error.code, "message": error.text(_language(request))}
    return JSONResponse(body, status_code=status, headers=PLAIN)
