"""A page with one stage in a real browser, and a server that speaks the stage's protocols."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket, WebSocketDisconnect

import intentos.program
from intentos.program import load
from intentos.stage import stage_words
from intentos.types import Json
from tests.chromium import FLAGS, find_chromium

GPU = tuple(flag for flag in FLAGS if "webgpu" in flag)
PLAIN = tuple(flag for flag in FLAGS if flag not in GPU)
STATIC = Path(__file__).parents[2] / "ui" / "static"
SECONDS = 60.0
SIDE = 64

SOURCE = """
@compute @workgroup_size(1) fn count() { state[0] += uniforms.pace; }
@compute @workgroup_size(8, 8) fn paint(@builtin(global_invocation_id) id: vec3u) {
  let red = u32(uniforms.frame * 7u % 256u);
  let green = u32(255.0 * uniforms.level);
  let blue = u32(128.0 + 60.0 * sin(uniforms.yaw) + 30.0 * uniforms.pan.x)
    + u32(30.0 * (uniforms.zoom - 1.0)) + u32(60.0 * uniforms.pointer.w);
  let colour = red | (green << 8u) | (min(blue, 255u) << 16u) | 0xff000000u;
  pixels[id.y * uniforms.width + id.x] = colour;
}
"""


def program(**changes: Any) -> Json:
    """Return a small program: red is the frame, green the knob `level`, blue the view."""
    data: dict[str, Any] = {
        "schema": 1,
        "name": "small",
        "source": SOURCE,
        "uniforms": [
            {"name": "level", "value": "$level"},
            {"name": "pace", "value": 1.0},
        ],
        "buffers": [
            {"name": "pixels", "type": "u32", "length": SIDE * SIDE},
            {"name": "state", "type": "f32", "length": 2},
        ],
        "step": [{"entry": "count", "dispatch": [1, 1, 1]}],
        "draw": [{"entry": "paint", "dispatch": [SIDE // 8, SIDE // 8, 1]}],
        "probes": [
            {
                "buffer": "state",
                "name": "cars",
                "unit": "km",
                "label_en": "way",
                "label_zh": "路程",
            },
            {"buffer": "state", "name": "wrong", "offset": 1, "label_en": "mistakes"},
        ],
        "width": SIDE,
        "height": SIDE,
        "frames_per_second": 30.0,
    }
    return load({**data, **changes}).model_dump(mode="json", by_alias=True)


@dataclass
class Session:
    """What the server of the live session heard, and how it behaves."""

    heard: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    sent: int = 0
    most_untaken: int = 0
    refuse: bool = False
    end_after: int | None = None
    held: bool = False
    """No frame comes while this is so."""
    coming: bool = False
    """Says meanwhile that one will."""
    error: str = ""
    sockets: list[WebSocket] = field(default_factory=list)

    def kinds(self) -> list[str]:
        """Return the kinds of messages, in order, without the acknowledgements."""
        return [m["kind"] for m in self.heard if m["kind"] != "taken"]

    def last(self, kind: str) -> dict[str, Any]:
        """Return the newest message of a kind."""
        return next(m for m in reversed(self.heard) if m["kind"] == kind)


@cache
def picture(red: int, green: int, kind: str = "PNG") -> bytes:
    """Return an encoded square of one colour."""
    data = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), (red, green, 0)).save(data, kind)
    return data.getvalue()


def frame(index: int, red: int, green: int) -> bytes:
    """Return a frame as it goes over the socket."""
    head = struct.pack("<IIHHB3x", index, index, SIDE, SIDE, 3)
    return head + picture(red, green)


class StageServer:
    """Serves the scripts, a page with a strict policy, and both websockets."""

    POLICY = (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "media-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'"
    )

    def __init__(self, film: Path | None = None) -> None:
        self.session = Session()
        self._film = film
        self.app = Starlette(
            routes=[
                Route("/", self._page),
                Route("/page.js", self._script),
                Route("/program/{run}", self._program),
                Route("/film.mp4", self._movie),
                Route("/still.png", self._still),
                Route(
                    "/static/program.js",
                    lambda _: FileResponse(
                        Path(intentos.program.__file__).with_name("program.js"),
                        media_type="text/javascript",
                    ),
                ),
                Mount("/static", StaticFiles(directory=STATIC)),
                WebSocketRoute("/live", self._live),
                WebSocketRoute("/frames", self._frames),
            ]
        )

    async def _page(self, request: Request) -> Response:
        body = (
            "<!doctype html><html lang='en'><meta charset='utf-8'><title>stage</title>"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>"
            "<link rel='stylesheet' href='/static/theme.css'>"
            "<link rel='stylesheet' href='/static/stage.css'><link rel='icon' href='data:,'>"
            "<body><button id='before'>before</button>"
            "<div id='a' class='place'></div><div id='b' class='place'></div>"
            "<script type='module' src='/page.js'></script></body></html>"
        )
        policy = {"Content-Security-Policy": self.POLICY}
        return Response(body, headers=policy, media_type="text/html")

    async def _script(self, request: Request) -> Response:
        words = json.dumps({lang: stage_words(lang) for lang in ("en", "zh")}, ensure_ascii=False)
        text = f"""
        import * as stage from "/static/stage.js";
        const words = {words};
        for (const place of document.querySelectorAll(".place")) {{
          Object.assign(place.style, {{ maxWidth: "600px", height: "300px" }});
        }}
        window.at = (id) => document.getElementById(id);
        window.mount = (options, id = "a") => {{
          const language = options.language ?? "en";
          window["stage_" + id] = stage.mountStage(at(id), {{
            run: "r-1", seed: "7", parameters: {{ level: 0.25 }}, live: ["level"],
            words: words[language], ...options }});
          window.stage = window.stage_a;
        }};
        window.knob = (run, name, value) => dispatchEvent(
          new CustomEvent("intentos:knob", {{ detail: {{ run, name, value }} }}));
        window.pixel = (one = window.stage) => {{
          const element = one?.source?.element;
          if (!element?.width) return null;
          return [...element.getContext("2d").getImageData(9, 9, 1, 1).data];
        }};
        window.text = (query) => document.querySelector(query)?.textContent ?? null;
        window.shows = (query) => document.querySelector(query)?.checkVisibility(
          {{ opacityProperty: true, visibilityProperty: true }}) ?? false;
        window.violations = [];
        addEventListener("securitypolicyviolation", (event) => violations.push(event.blockedURI));
        window.loaded = true;
        """
        return Response(text, media_type="text/javascript")

    async def _program(self, request: Request) -> Response:
        if request.path_params["run"] != "r-1":
            return Response(status_code=404)
        answer = {"program": program(), "parameters": {"level": 0.75}, "live": ["level"]}
        return JSONResponse({**answer, "seed": "9", "arrays": {}})

    async def _movie(self, request: Request) -> Response:
        return FileResponse(self._film) if self._film else Response(status_code=404)

    async def _still(self, request: Request) -> Response:
        return Response(picture(200, 40), media_type="image/png")

    @asynccontextmanager
    async def _hearing(self, socket: WebSocket) -> AsyncIterator[asyncio.Event]:
        """Accept a client and note what it says until it goes."""
        self.session.paths.append(socket.url.path)
        if self.session.refuse:
            await socket.close(1011)
            yield asyncio.Event()
            return
        await socket.accept()
        self.session.sockets.append(socket)
        gone = asyncio.Event()

        async def hear() -> None:
            try:
                while True:
                    self.session.heard.append(json.loads(await socket.receive_text()))
            except (WebSocketDisconnect, RuntimeError):
                gone.set()

        task = asyncio.create_task(hear())
        try:
            yield gone
        finally:
            task.cancel()

    async def _live(self, socket: WebSocket) -> None:
        session = self.session
        async with self._hearing(socket) as gone:
            if session.refuse:
                return
            if session.error:
                await socket.send_json({"kind": "error", "message": session.error})
                await gone.wait()
                return
            ready = {"kind": "ready", "width": SIDE, "height": SIDE, "frames_per_second": 30}
            await socket.send_json({**ready, "device": "llvmpipe"})
            first = len(session.heard)
            await self._draw(socket, gone, first)

    async def _frames(self, socket: WebSocket) -> None:
        async with self._hearing(socket) as gone:
            await self._draw(socket, gone, len(self.session.heard))

    async def _draw(self, socket: WebSocket, gone: asyncio.Event, first: int) -> None:
        """Send frames: red tells the index, green the parameter `level`."""
        session, index, level, playing, due, mine = self.session, 0, 0.0, True, 0, 0
        position = first
        try:
            while session.held and not gone.is_set():
                if session.coming:
                    await socket.send_json({"kind": "coming"})
                await asyncio.sleep(0.1)
            if session.end_after == 0:
                await socket.send_json({"kind": "end"})
                await gone.wait()
            while not gone.is_set():
                drew = False
                while position < len(session.heard):
                    message = session.heard[position]
                    position += 1
                    match message["kind"]:
                        case "play":
                            level = message["parameters"].get("level", 0.0)
                        case "set":
                            level = message["value"]
                        case "pause":
                            playing = False
                        case "resume":
                            playing = True
                        case "step":
                            due += 1
                        case "restart":
                            index, due = 0, 1
                        case "taken":
                            mine -= 1
                if mine < 2 and (playing or due or index == 0):
                    due = max(0, due - 1)
                    await socket.send_bytes(frame(index, index * 7 % 256, int(255 * level)))
                    if socket.url.path == "/live":
                        probe = {"kind": "probe", "name": "cars", "frame": index}
                        await socket.send_json({**probe, "value": index * 2.0})
                    mine += 1
                    session.sent += 1
                    session.most_untaken = max(session.most_untaken, mine)
                    index, drew = index + 1, True
                    if session.end_after is not None and index >= session.end_after:
                        await socket.send_json({"kind": "end"})
                        await gone.wait()
                await asyncio.sleep(0.03 if drew else 0.005)
        except (WebSocketDisconnect, RuntimeError):
            return


class Page:
    """One page of a browser, called from an ordinary test."""

    def __init__(self, page: Any, call: Callable[[Coroutine[Any, Any, Any], float], Any]) -> None:
        self.raw = page
        self._call = call
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something of Playwright's."""
        return self._call(work, SECONDS)

    def js(self, script: str, argument: Json = None) -> Json:
        """Return what an expression or a function gives."""
        if "=>" not in script.split("\n")[0]:
            script = f"async () => ({script})"
        return self.run(self.raw.evaluate(script, argument))

    def wait(self, script: str, seconds: float = 20.0) -> Json:
        """Return an expression's value as soon as it is true; fail after ``seconds``."""
        look = (
            "async (end) => { for (;;) { const value = (" + script + ");"
            " if (value || performance.now() > end) return value;"
            " await new Promise((go) => setTimeout(go, 20)); } }"
        )
        end = self.js("performance.now()") + seconds * 1000
        value = self.run(self.raw.evaluate(look, end))
        assert value, f"after {seconds} s not yet: {script}"
        return value

    def mount(self, place: str = "a", **options: Any) -> None:
        """Mount a stage and wait until it knows what draws."""
        self.js(
            "async ([options, id]) => { mount(options, id); await window['stage_' + id].ready; }",
            [options, place],
        )

    def press(self, *keys: str) -> None:
        """Press keys, one after another."""
        for key in keys:
            self.run(self.raw.keyboard.press(key))


class Browser:
    """A browser and a server; each page has storage of its own."""

    def __init__(
        self,
        browser: Any,
        address: str,
        server: StageServer,
        call: Callable[[Coroutine[Any, Any, Any], float], Any],
    ) -> None:
        self._browser = browser
        self._address = address
        self._call = call
        self.server = server

    @contextmanager
    def page(self, **options: Any) -> Iterator[Page]:
        """Open a page; afterwards nothing in it broke or offended the policy."""
        self.server.session = Session()
        context = self._call(self._browser.new_context(**options), SECONDS)
        try:
            page = Page(self._call(context.new_page(), SECONDS), self._call)
            page.run(page.raw.goto(self._address))
            page.wait("window.loaded")
            yield page
            assert page.problems == []
            assert page.js("violations") == []
        finally:
            self._call(context.close(), SECONDS)


@contextmanager
def browser(*flags: str, film: Path | None = None) -> Iterator[Browser]:
    """Start a browser and a server; both are gone afterwards."""
    executable = find_chromium()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(work: Coroutine[Any, Any, Any], seconds: float) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(seconds)

    stage = StageServer(film)
    server = uvicorn.Server(
        uvicorn.Config(stage.app, port=0, log_level="error", lifespan="off", ws="websockets-sansio")
    )
    serving = asyncio.run_coroutine_threadsafe(server.serve(), loop)
    playwright = started = None
    try:
        from playwright.async_api import async_playwright

        playwright = call(async_playwright().start(), SECONDS)
        started = call(
            playwright.chromium.launch(executable_path=executable, args=[*PLAIN, *flags]), SECONDS
        )
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Browser(started, f"http://127.0.0.1:{port}/", stage, call)
    finally:
        try:
            if started is not None:
                call(started.close(), SECONDS)
        finally:
            if playwright is not None:
                call(playwright.stop(), SECONDS)
            server.should_exit = server.force_exit = True
            serving.result(SECONDS)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(SECONDS)
            loop.close()
