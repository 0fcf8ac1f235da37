"""Measures the stage in headless Chromium: frames a second, and a knob's way to its picture.

The browser draws on SwiftShader, a GPU in software, so that it is the same on every machine.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from statistics import median, quantiles
from typing import Any, cast

from intentos.bindings import connect
from intentos.config import load as load_settings
from intentos.gpu_kernels.kernel import KernelBase
from intentos.planners.library import Library
from intentos.registry import Registry
from intentos.sketch import sketch_of
from intentos.stage import stage_words

from .browser import chromium

KNOBS = {
    "rotating_heart": ("sparkle", (0.1, 0.9)),
    "lorenz_attractor": ("rho", (20.0, 30.0)),
    "bird_flock": ("cohesion", (0.2, 0.8)),
    "gray_scott": None,
    "ring_traffic": None,
    "game_of_life": None,
}
"""Recipes that are looked at, and the live parameter of each that is turned to and fro."""
TURNS = 12
SECONDS = 4.0
START_MS = 60_000
TARGET_KNOB_MS, TARGET_FRAMES = 50.0, 24.0
PAGE = b"""<!doctype html><meta charset="utf-8"><title>stage</title>
<link rel="stylesheet" href="/static/stage.css"><body><div id="place"></div>
<script type="module">
import { mountStage } from "/static/stage.js";
Object.assign(place.style, { width: "640px", height: "640px" });
const wait = (ms) => new Promise((go) => setTimeout(go, ms));
window.look = async (options, knob, turns, seconds) => {
  const began = performance.now();
  const stage = mountStage(place, options);
  const kind = await stage.ready;
  const readyMs = performance.now() - began;
  if (kind !== "gpu") {
    const why = document.querySelector(".stage-cover")?.textContent;
    stage.destroy();
    return { error: why };
  }
  await wait(1000);
  const from = stage.index, at = performance.now();
  await wait(seconds * 1000);
  const framesPerSecond = (stage.index - from) * 1000 / (performance.now() - at);
  const { frameMs } = stage.figures, knobMs = [];
  for (let i = 0; knob && i < turns; i++) {
    const detail = { run: options.run, name: knob[0], value: knob[1][i % 2] };
    dispatchEvent(new CustomEvent("intentos:knob", { detail }));
    for (let n = 0; n < 400 && stage.figures.knobMs === null; n++) await wait(5);
    knobMs.push(stage.figures.knobMs);
    await wait(100 + 37 * (i % 5));
  }
  stage.destroy();
  return { readyMs, framesPerSecond, frameMs, knobMs };
};
window.loaded = true;
</script>"""


def measure(recipes: tuple[str, ...] = tuple(KNOBS)) -> dict[str, Any]:
    """Return figures of each recipe on the stage: frames a second, and milliseconds.

    Raises:
        RuntimeError: there is no Chromium here, or Playwright is not installed.
    """
    rows: dict[str, Any] = {}
    with _served() as address, chromium() as browser:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_function("window.loaded", timeout=START_MS)
        for recipe in recipes:
            arguments = [_options(recipe), KNOBS[recipe], TURNS, SECONDS]
            rows[recipe] = _row(page.evaluate("(given) => look(...given)", arguments))
    knobs = [row["knob_ms"] for row in rows.values() if row.get("knob_ms") is not None]
    frames = [row["frames_per_second"] for row in rows.values() if "frames_per_second" in row]
    return {
        "rows": rows,
        "knob_ms": max(knobs, default=None),
        "frames_per_second": min(frames, default=None),
        "targets": {"knob_ms": TARGET_KNOB_MS, "frames_per_second": TARGET_FRAMES},
    }


def _row(found: dict[str, Any]) -> dict[str, Any]:
    if "error" in found:
        return {"error": found["error"]}
    turns = [ms for ms in found["knobMs"] if ms is not None]
    return {
        "ready_ms": round(found["readyMs"]),
        "frames_per_second": round(found["framesPerSecond"], 1),
        "frame_ms": round(found["frameMs"], 1),
        "knob_ms": round(median(turns), 1) if turns else None,
        "knob_ms_95": round(quantiles(turns, n=20)[-1], 1) if len(turns) > 1 else None,
        "knobs_lost": len(found["knobMs"]) - len(turns),
    }


def _options(recipe: str) -> dict[str, Any]:
    registry = Registry()
    library = Library(registry, load_settings())
    plan = next(one for one in library.all() if one.id == recipe).plan(registry)
    step = plan.steps[0]
    kernel = cast("KernelBase[Any]", registry.kernel(step.code))
    live = frozenset(p.name for p in plan.parameters if p.live)
    arguments = step.resolved_arguments(plan.defaults)
    program = connect(kernel.build(arguments), step.arguments, live)
    return {
        "run": recipe,
        "program": program.model_dump(mode="json", by_alias=True),
        "parameters": dict(plan.defaults),
        "live": sorted(live),
        "seed": "7",
        "sketch": sketch_of(program, arguments, kernel.build),
        "words": stage_words("en"),
    }


@contextmanager
def _served() -> Iterator[str]:
    static = Path(str(resources.files("intentos.ui"))) / "static"
    program = Path(str(resources.files("intentos"))) / "program.js"
    kinds = {".js": "text/javascript", ".css": "text/css"}
    files = {
        f"/static/{path.name}": (kinds[path.suffix], path.read_bytes())
        for path in [*static.iterdir(), program]
        if path.suffix in kinds
    }
    files["/"] = ("text/html", PAGE)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, body = files.get(self.path, ("text/plain", b""))
            self.send_response(200 if self.path in files else 404)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing: a request is no news."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
