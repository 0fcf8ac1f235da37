"""GpuPrograms in a real browser: headless Chromium with WebGPU on SwiftShader.

One :class:`Chromium` holds one browser and one page that imports ``intentos/program.js``, as the
live canvas does. Playwright runs in a thread of its own, so that no event loop stays behind in the
tests' thread and every call has a hard end.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import intentos.program
from intentos.executors.gpu import ProgramRunner
from intentos.program import GpuProgram
from intentos.types import DEFAULT_SEED, Json, Value

START_SECONDS = 60.0
CLOSE_SECONDS = 15.0
FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
)
PAGE = b"""<!doctype html><meta charset="utf-8"><title>program.js</title>
<script type="module">
import * as program from "/program.js";
window.intentos = program;
window.bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
window.text = (data) => {
  const view = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let all = "";
  for (let i = 0; i < view.length; i += 8192) {
    all += String.fromCharCode(...view.subarray(i, i + 8192));
  }
  return btoa(all);
};
window.play = async (job, device) => {
  const result = { frames: [], outputs: {}, probes: {}, error: null };
  let player = null;
  try {
    const arrays = Object.fromEntries(
      Object.entries(job.arrays).map(([hash, data]) => [hash, bytes(data)]));
    const own = Object.keys(job.program.requires).length > 0;
    player = await program.ProgramPlayer.create(job.program, {
      device: own ? null : device, parameters: job.values, seed: job.seed, arrays });
    await player.start();
    for (let i = 0; ; i++) {
      if (job.program.draw.length) result.frames.push(text(await player.readPixels()));
      if (i + 1 === job.program.frames) break;
      await player.frame();
    }
    for (const { name } of job.program.outputs) {
      const output = await player.readOutput(name);
      result.outputs[name] = { ...output, data: text(output.data) };
    }
    result.probes = player.probes;
  } catch (error) {
    result.error = {
      message: String(error.message ?? error),
      line: error.line ?? null, column: error.column ?? null };
  }
  player?.destroy();
  return result;
};
</script>"""


@dataclass(frozen=True)
class Job:
    """One program to run from its first frame to its last."""

    program: GpuProgram
    values: Mapping[str, Value] = field(default_factory=dict)
    seed: int = DEFAULT_SEED
    arrays: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Problem:
    """Why a program did not run; ``line`` counts in its own source, None where there is none."""

    message: str
    line: int | None
    column: int | None


@dataclass(frozen=True)
class Played:
    """What came of a job."""

    frames: list[NDArray[np.uint8]]
    """RGBA8, shape (height, width, 4)."""
    outputs: dict[str, NDArray[Any]]
    series: dict[str, list[tuple[int, float]]]
    problem: Problem | None


class Chromium:
    """One browser with one page; made by :func:`chromium`."""

    def __init__(self, page: Any, call: Callable[[Coroutine[Any, Any, Any], float], Any]) -> None:
        self._page = page
        self._call = call

    def evaluate(self, script: str, argument: Json = None, *, seconds: float = 60.0) -> Json:
        """Return the JSON result of a JavaScript function, called with one JSON argument."""
        return self._call(self._page.evaluate(script, argument), seconds)

    def run(self, jobs: Sequence[Job], *, seconds: float = 120.0) -> list[Played]:
        """Run programs one after another on one device; a refused one is a result too."""
        script = """async (jobs) => {
          const device = await intentos.requestDevice(), results = [];
          for (const job of jobs) results.push(await play(job, device));
          device.destroy();
          return results;
        }"""
        results = self.evaluate(script, [_packed(job) for job in jobs], seconds=seconds)
        return [_played(job, result) for job, result in zip(jobs, results, strict=True)]


@contextmanager
def chromium(*flags: str) -> Iterator[Chromium]:
    """Start a local server and a browser; both are gone afterwards, whatever happened.

    ``flags`` are given to the browser besides those that it always needs.
    """
    executable = find_chromium()
    with _server() as address, _loop() as call:
        playwright = browser = None
        try:
            from playwright.async_api import async_playwright

            playwright = call(async_playwright().start(), START_SECONDS)
            browser = call(
                playwright.chromium.launch(executable_path=executable, args=[*FLAGS, *flags]),
                START_SECONDS,
            )
            page = call(browser.new_page(), START_SECONDS)
            call(page.goto(address), START_SECONDS)
            call(page.wait_for_function("window.play !== undefined"), START_SECONDS)
            yield Chromium(page, call)
        finally:
            # Ending Playwright's driver also ends a browser that no longer answers.
            try:
                if browser is not None:
                    call(browser.close(), CLOSE_SECONDS)
            finally:
                if playwright is not None:
                    call(playwright.stop(), CLOSE_SECONDS)


def run_in_browser(jobs: Sequence[Job], *, seconds: float = 120.0) -> list[Played]:
    """Run programs in a browser that is started for them alone."""
    with chromium() as browser:
        return browser.run(jobs, seconds=seconds)


def run_here(job: Job) -> Played:
    """Run the same job on wgpu."""
    runner = ProgramRunner(job.program, job.values, job.seed, arrays=job.arrays)
    shape = (job.program.height, job.program.width, 4)
    frames = [np.frombuffer(data, np.uint8).reshape(shape) for _, data in runner.frames() if data]
    return Played(frames, runner.outputs(), runner.series, None)


def find_chromium() -> str:
    """Return the browser's path; without one skip the test, or fail it where CI=true."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    reason = "no Chromium on the PATH: install the package 'chromium' to test program.js"
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(reason)
    pytest.skip(reason)


class _Handler(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != "/":
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: a request is no news."""


@contextmanager
def _server() -> Iterator[str]:
    """Serve program.js and the page; the loopback address makes it a secure context."""
    folder = Path(intentos.program.__file__).parent
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join(CLOSE_SECONDS)


@contextmanager
def _loop() -> Iterator[Callable[[Coroutine[Any, Any, Any], float], Any]]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(work: Coroutine[Any, Any, Any], seconds: float) -> Any:
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise

    try:
        yield call
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CLOSE_SECONDS)
        loop.close()


def _packed(job: Job) -> Json:
    return {
        "program": job.program.model_dump(mode="json", by_alias=True),
        "values": dict(job.values),
        "seed": str(job.seed),
        "arrays": {sha: base64.b64encode(data).decode() for sha, data in job.arrays.items()},
    }


def _played(job: Job, result: Json) -> Played:
    shape = (job.program.height, job.program.width, 4)
    error = result["error"]
    return Played(
        frames=[
            np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)
            for text in result["frames"]
        ],
        outputs={
            name: np.frombuffer(base64.b64decode(o["data"]), o["dtype"]).reshape(o["shape"])
            for name, o in result["outputs"].items()
        },
        series={
            name: [(int(frame), float(number)) for frame, number in pairs]
            for name, pairs in result["probes"].items()
        },
        problem=Problem(**error) if error else None,
    )
