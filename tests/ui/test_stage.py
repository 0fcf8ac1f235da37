"""The stage in a real browser: on its own GPU, from a server, and when things break."""

from __future__ import annotations

import base64
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from intentos.config import Settings
from intentos.messages import catalogue
from intentos.planners.library import Library
from intentos.registry import Registry
from intentos.stage import SECTION, stage_words

from .stage_page import GPU, SIDE, STATIC, Browser, Page, Session, browser, program

SCRIPTS = ["chart.js", *sorted(path.name for path in STATIC.glob("stage*.js"))]
CEILING_MS = 1500
"""A knob's way to its picture, on any machine; `intentos bench window` measures it."""
MIDDLE = """(() => {
  const { x, y, width, height } = at("a").querySelector(".stage-picture").getBoundingClientRect();
  return [x + width / 2, y + height / 2];
})()"""
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True,
    "device_scale_factor": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a short film."""
    import imageio

    path = tmp_path_factory.mktemp("film") / "film.mp4"
    frames = [np.full((SIDE, SIDE, 3), (20 * i, 90, 30), np.uint8) for i in range(12)]
    imageio.mimwrite(path, frames, fps=30, macro_block_size=1)
    return path


@pytest.fixture(scope="module")
def gpu(film: Path) -> Iterator[Browser]:
    """Return a browser that has WebGPU."""
    with browser(*GPU, film=film) as one:
        yield one


@pytest.fixture(scope="module")
def plain(film: Path) -> Iterator[Browser]:
    """Return a browser that has none."""
    with browser(film=film) as one:
        yield one


# --- on the viewer's own GPU ---------------------------------------------------------------------


def test_a_program_moves_and_never_faster_than_its_own_time(gpu: Browser) -> None:
    with gpu.page() as page:
        page.mount(program=program())
        assert page.js("stage.kind") == "gpu"
        first = page.js("pixel()")
        page.wait("stage.index >= 12")
        later = page.js("pixel()")
        assert later[0] != first[0]  # red is the frame
        assert later[1] == first[1] == 63  # green is the knob, a quarter
        script = """async () => {
          const began = performance.now(), from = stage.index;
          await new Promise((go) => setTimeout(go, 1000));
          return (stage.index - from) / ((performance.now() - began) / 1000);
        }"""
        assert 1 < page.js(script) <= 33
        page.js("stage.setSpeed(0.25)")
        assert page.js(script) <= 9


def test_a_knob_changes_the_next_picture(gpu: Browser) -> None:
    with gpu.page() as page:
        page.mount(program=program())
        page.wait("stage.index > 3")
        page.js("knob('another-run', 'level', 1)")
        page.js("knob('r-1', 'pace', 1)")  # not live
        page.js("stage.pause()")
        assert page.js("pixel()[1]") == 63
        page.js("knob('r-1', 'level', 1)")
        page.wait("pixel()[1] === 255")  # paused, and still drawn anew
        page.js("stage.play()")
        took = page.js("""async () => {
          const began = performance.now();
          knob('r-1', 'level', 0.5);
          while (pixel()[1] !== 127) await new Promise(requestAnimationFrame);
          return performance.now() - began;
        }""")
        assert took < CEILING_MS
        page.js("knob('r-1', 'level', 'hot')")
        page.wait("text('.stage-line').includes('level')")
        assert page.js("pixel()[1]") == 127


def test_it_is_played_with_keys_alone(gpu: Browser) -> None:
    with gpu.page() as page:
        page.mount(program=program(view={"yaw": 0.0, "spin": 0.0}))
        page.js("at('before').focus()")
        page.press("Tab")
        assert page.js("document.activeElement.className").startswith("stage-frame")
        assert page.js("document.activeElement.getAttribute('aria-label')") == "Live view"
        page.press("Space")
        page.wait("!stage.playing")
        page.js("stage.step()")
        at = page.js("stage.index")
        page.press(".", ".")
        page.wait(f"stage.index === {at + 2}")
        page.press("0")
        page.wait("stage.index === 0 && pixel()[0] === 0")
        before = page.js("pixel()[2]")
        page.press("ArrowRight", "ArrowRight", "ArrowRight")
        page.wait(f"pixel()[2] > {before + 10}")
        page.press("Home")
        page.wait(f"pixel()[2] === {before}")
        page.press("+", "+")
        page.wait(f"pixel()[2] > {before}")
        page.press("-", "-")
        page.wait(f"Math.abs(pixel()[2] - {before}) < 2")
        page.press("f")
        page.wait("document.fullscreenElement?.className.includes('stage-frame')")
        page.press("f")
        page.wait("!document.fullscreenElement")
        for _ in range(3):  # the badge, then play
            page.press("Tab")
            if page.js("document.activeElement.dataset.act") == "play":
                break
        assert page.js("document.activeElement.getAttribute('aria-label')") == "Play"
        page.press("Space")
        page.wait("stage.playing")
        names = "[...document.querySelectorAll('.stage button')].map((b) => b.checkVisibility() ? "
        names += "(b.getAttribute('aria-label') || b.textContent.trim()) : 'hidden')"
        assert all(page.js(names))


def test_a_mouse_turns_zooms_and_points(gpu: Browser) -> None:
    with gpu.page() as page:
        page.mount(program=program(), paused=True)
        page.js("stage.step()")
        x, y = page.js(MIDDLE)
        mouse = page.raw.mouse
        before = page.js("pixel()[2]")
        page.run(mouse.move(x, y))
        page.wait(f"pixel()[2] === {before + 60}")  # the pointer is over the picture
        page.run(mouse.down())
        page.run(mouse.move(x + 60, y, steps=3))
        page.run(mouse.up())
        page.wait(f"pixel()[2] > {before + 75}")
        page.run(mouse.dblclick(x, y))
        page.wait(f"pixel()[2] === {before + 60}")
        page.run(mouse.wheel(0, -300))
        page.wait(f"pixel()[2] > {before + 60}")
        page.run(page.raw.locator("[data-act=view]").click())
        page.run(mouse.move(5, 5))
        page.wait(f"pixel()[2] === {before}")


@pytest.mark.parametrize(
    "recipe", ["mandelbrot", "gray_scott", "karman_vortices", "rotating_heart"]
)
def test_what_is_dragged_goes_with_the_hand(
    gpu: Browser, registry: Registry, settings: Settings, recipe: str
) -> None:
    plan = Library(registry, settings).get(recipe).plan(registry)
    step = plan.steps[0]
    kernel: Any = registry.kernel(step.code)
    built = kernel.build(step.resolved_arguments({**plan.defaults}))
    data = built.model_dump(mode="json", by_alias=True)
    side = min(built.width, built.height)
    right, down = side // 8, side // 16

    def look(page: Page) -> Any:
        script = """() => {
          const { element, width, height } = stage.source;
          const { data } = element.getContext("2d").getImageData(0, 0, width, height);
          let text = "";
          for (let i = 0; i < data.length; i += 4) text += String.fromCharCode(data[i + 1]);
          return btoa(text);
        }"""
        page.wait("!stage.stale")
        page.js("stage.seek(6)")  # waits for what is being drawn
        flat = np.frombuffer(base64.b64decode(page.js(script)), np.uint8).astype(float)
        return flat.reshape(built.height, built.width)

    with gpu.page(viewport={"width": 1280, "height": 900}) as page:
        page.js(f"Object.assign(at('a').style, {{ maxWidth: 'none', width: '{built.width}px',"
                f" height: '{built.height}px' }})")  # fmt: skip
        page.mount(program=data, parameters=plan.defaults, paused=True, charts=False)
        page.js("stage.seek(6)")
        page.js("document.querySelector('.stage-frame').focus()")
        page.press("+", "+", "+", "+", "+")  # 2 ×
        before = look(page)
        x, y = page.js(MIDDLE)
        mouse = page.raw.mouse
        page.run(page.raw.keyboard.down("Shift"))  # a camera is moved then, not turned
        page.run(mouse.move(x, y))
        page.run(mouse.down())
        page.run(mouse.move(x + right, y + down, steps=4))
        page.run(mouse.up())
        page.run(mouse.move(1, 1))  # some light what the pointer is over
        after = look(page)
    edge = side // 4
    moved = np.roll(before, (down, right), (0, 1))[edge:-edge, edge:-edge]
    stayed = before[edge:-edge, edge:-edge]
    now = after[edge:-edge, edge:-edge]
    errors = [float(np.abs(now - one).mean()) for one in (moved, stayed)]
    assert errors[0] < 0.35 * errors[1]


def tap(page: Page, control: str, until: str) -> None:
    """Tap a control; again where a busy machine took it for a long press, which clicks nothing."""
    for _ in range(5):
        page.run(page.raw.locator(control).tap())
        with suppress(AssertionError):
            page.wait(until, seconds=4)
            return
    page.wait(until)


def test_fingers_turn_and_zoom_on_a_phone(gpu: Browser) -> None:
    with gpu.page(**PHONE) as page:
        page.mount(program=program(), paused=True)
        page.js("stage.step()")
        x, y = page.js(MIDDLE)
        touch = page.run(page.raw.context.new_cdp_session(page.raw))

        def fingers(kind: str, *points: tuple[float, float]) -> None:
            where = [{"x": px, "y": py, "id": i} for i, (px, py) in enumerate(points)]
            page.run(touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": where}))

        before = page.js("pixel()[2]")
        fingers("touchStart", (x, y))
        fingers("touchMove", (x + 20, y))
        fingers("touchMove", (x + 50, y))
        fingers("touchEnd")
        page.wait(f"pixel()[2] > {before + 15}")
        turned = page.js("pixel()[2]")
        fingers("touchStart", (x - 20, y), (x + 20, y))
        fingers("touchMove", (x - 40, y), (x + 40, y))
        fingers("touchMove", (x - 60, y), (x + 60, y))
        fingers("touchEnd")
        page.wait(f"pixel()[2] > {turned + 20}")
        # A narrow stage keeps the rest of its buttons one touch away, all large enough for a thumb.
        assert not page.js("shows('[data-act=shot]')")
        tap(page, "[data-act=more]", "shows('[data-act=shot]')")
        buttons = (
            "[...document.querySelectorAll('.stage-button')].filter((b) => b.checkVisibility())"
        )
        sizes = page.js(buttons + ".map((b) => Math.min(b.offsetWidth, b.offsetHeight))")
        assert min(sizes) >= 44
        assert page.js("document.documentElement.scrollWidth") <= 390


def test_a_picture_and_a_film_are_saved(gpu: Browser, tmp_path: Path) -> None:
    from PIL import Image

    def saved(page: Page, key: str) -> Path:
        async def press() -> Any:
            async with page.raw.expect_download() as download:
                await page.raw.keyboard.press(key)
            return await download.value

        download = page.run(press())
        target: Path = tmp_path / download.suggested_filename
        page.run(download.save_as(target))
        return target

    with gpu.page() as page:
        page.mount(program=program(), title="../<b>heart</b>", paused=True)
        page.js("document.querySelector('.stage-frame').focus()")
        shot = saved(page, "s")
        assert re.fullmatch(r"[\w.-]+\.png", shot.name)
        with Image.open(shot) as picture:
            assert picture.size == (SIDE, SIDE)
        assert page.js("document.querySelectorAll('.stage b').length") == 0
        page.press("r")
        page.wait("shows('.stage-recording') && stage.playing")
        page.wait("stage.index > 10")
        film = saved(page, "r")
        assert film.suffix in {".webm", ".mp4"}
        assert film.stat().st_size > 200
        page.wait("!shows('.stage-recording')")


HEAVY = """
@compute @workgroup_size(8, 8) fn paint(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= uniforms.width || id.y >= uniforms.height) { return; }
  var x = uniforms.level + f32(id.x);
  for (var i = 0u; i < uniforms.rounds; i++) { x = fract(sin(x) * 91.7); }
  pixels[id.y * uniforms.width + id.x] = u32(255.0 * x) | 0xff000000u;
}"""
"""Takes so many rounds for every pixel."""


def heavy(side: int, rounds: int) -> dict[str, Any]:
    """Return a program that takes so many rounds for every pixel."""
    picture = [-(-side // 8), -(-side // 8), 1]
    made: dict[str, Any] = program(
        source=HEAVY,
        uniforms=[
            {"name": "level", "value": "$level"},
            {"name": "rounds", "type": "u32", "value": rounds},
        ],
        buffers=[{"name": "pixels", "type": "u32", "length": side * side}],
        step=[],
        draw=[{"entry": "paint", "dispatch": picture}],
        probes=[],
        width=side,
        height=side,
    )
    return made


def sketch_of(small: dict[str, Any]) -> dict[str, Any]:
    """Return what a stage needs to draw a smaller program in the place of another one."""
    keys = ("buffers", "draw", "width", "height")
    return {"program": {key: small[key] for key in keys}, "kept": []}


def count_as(page: Page, whole_ms: float, coarse_ms: float) -> None:
    """Let every frame of a page count as having taken so long, whatever this machine does."""
    page.js(
        """async ([whole, coarse]) => {
          const { Detail } = await import("/static/stage_detail.js");
          const took = Detail.prototype.took;
          Detail.prototype.took = function (measured) {
            if (measured > 0) took.call(this, this.coarse ? coarse : whole);
          };
        }""",
        [whole_ms, coarse_ms],
    )


def test_a_slow_gpu_draws_fewer_pixels_and_all_of_them_at_rest(
    gpu: Browser, tmp_path: Path
) -> None:
    from PIL import Image

    canvas = "document.querySelector('.stage-canvas')"
    whole, small = heavy(256, 20), heavy(64, 20)
    with gpu.page() as page:
        count_as(page, 90, 21)
        page.mount(program=whole, sketch=sketch_of(small), parameters={"level": 0.4})
        page.wait(f"{canvas}?.width === 64", 60)
        page.js("document.querySelector('.stage-frame').focus()")

        async def press(key: str) -> Any:
            async with page.raw.expect_download() as download:
                await page.raw.keyboard.press(key)
            return await download.value

        shot = tmp_path / "shot.png"
        page.run(page.run(press("s")).save_as(shot))
        with Image.open(shot) as picture:
            assert picture.size == (256, 256)
        page.press("r")
        page.wait("shows('.stage-recording')")
        assert page.js(f"{canvas}.width") == 256  # at once, and for as long as it records
        page.wait("(window.from ??= stage.index, stage.index > window.from + 3)", 60)
        assert page.js(f"{canvas}.width") == 256
        page.run(press("r"))
        page.wait(f"{canvas}.width === 64", 60)
        page.js("stage.pause()")
        page.wait(f"{canvas}.width === 256", 60)
        page.js("stage.set('level', 0.7)")
        page.wait(f"{canvas}.width === 64", 60)  # a knob that is turned, at once
        page.wait(f"{canvas}.width === 256", 60)


def test_a_quick_gpu_draws_all_pixels_always(gpu: Browser) -> None:
    with gpu.page() as page:
        count_as(page, 25, 5)
        page.mount(program=heavy(64, 1), sketch=sketch_of(heavy(24, 1)), parameters={"level": 0.4})
        page.wait("stage.index > 20")
        assert page.js("document.querySelector('.stage-canvas').width") == 64


def test_measured_times_decide_how_finely_is_drawn(gpu: Browser) -> None:
    """Times in milliseconds; after each, whether fewer pixels are drawn."""
    script = """async (runs) => {
      const { Detail } = await import("/static/stage_detail.js");
      return runs.map((times) => {
        const detail = new Detail();
        return times.map(([whole, coarse]) => {
          detail.took(detail.coarse ? coarse : whole);
          return detail.coarse;
        });
      });
    }"""
    quick, slow, in_vain = [(20, 8)] * 100, [(90, 30)] * 100, [(90, 85)] * 100
    hiccup = [*quick, (200, 70), (200, 70), *quick]
    recovers, began_badly = [*slow, *[(15, 5)] * 100], [*[(90, 8)] * 8, *[(12, 8)] * 200]
    never_quick = [(60, 10)] * 1000
    runs = [quick, slow, in_vain, hiccup, recovers, began_badly, never_quick]
    found = page_js(gpu, script, runs)
    assert not any(found[0])
    assert found[1] == [*[False] * 4, *[True] * 96]
    assert found[2][4:10] == [*[True] * 5, False]  # fewer pixels take as long: they are no use
    assert not any(found[2][9:])
    assert not any(found[3])
    assert (found[4][99], found[4][-1]) == (True, False)
    assert (found[5][20], found[5][-1]) == (True, False)
    assert 0 < found[6][4:].count(False) < 12  # tried anew, and ever more seldom


def page_js(browser: Browser, script: str, argument: Any) -> Any:
    """Run a script in a page without a stage."""
    with browser.page() as page:
        return page.js(script, argument)


def test_numbers_become_charts_under_the_picture(gpu: Browser) -> None:
    with gpu.page() as page:
        page.mount(program=program(), language="zh")
        page.wait("text('.stage-chart:not([hidden]) .stage-chart-value')?.includes('km')")
        shown = "[...document.querySelectorAll('.stage-chart:not([hidden]) .stage-chart-title')]"
        assert page.js(f"{shown}.map((t) => t.textContent)") == ["路程"]
        page.wait("stage.index > 20")
        page.js("stage.pause()")
        chart = page.raw.locator(".stage-chart:not([hidden]) canvas")
        page.run(chart.hover(position={"x": 3, "y": 9}))
        page.wait("text('.stage-chart:not([hidden]) .stage-chart-value').includes('第')")
        label = "document.querySelector('.stage-chart:not([hidden]) canvas').ariaLabel"
        assert page.js(label).startswith("路程: ")
        drawn = "[...document.querySelector('.stage-chart canvas').getContext('2d')"
        drawn += ".getImageData(0, 0, 40, 40).data].some((v) => v > 0)"
        assert page.js(drawn)
        # What never changed is there for who asks.
        page.run(page.raw.locator(".stage-charts-more").click())
        assert page.js(f"{shown}.map((t) => t.textContent)") == ["路程", "mistakes"]
        page.js("stage.restart()")
        page.wait("stage.index === 0")


def test_less_motion_is_respected(gpu: Browser) -> None:
    with gpu.page(reduced_motion="reduce") as page:
        page.mount(program=program())
        page.wait("stage.index === 0 && shows('.stage-begin')")
        page.js("new Promise((go) => setTimeout(go, 300))")
        assert page.js("stage.index") == 0
        page.run(page.raw.locator(".stage-begin").click())
        page.wait("stage.index > 2 && !shows('.stage-begin')")


def test_only_what_is_seen_plays_and_all_share_one_device(gpu: Browser) -> None:
    with gpu.page() as page:
        page.js("""() => {
          const ask = GPUAdapter.prototype.requestDevice;
          window.devices = 0;
          GPUAdapter.prototype.requestDevice = function (...given) {
            window.devices += 1;
            return ask.apply(this, given);
          };
          at('b').style.marginTop = '3000px';
        }""")
        page.mount(program=program())
        page.js("mount({ program: null, programUrl: '/program/r-1', run: 'r-2' }, 'b')")
        page.wait("stage.index > 3")
        assert page.js("stage_b.kind") is None  # not even compiled
        page.js("at('b').scrollIntoView()")
        page.wait("stage_b.index > 3 && !stage.awake")
        assert page.js("pixel(stage_b)[1]") == 63  # what the page said goes before the address
        stopped = page.js("stage.index")
        page.wait("stage_b.index > 12")
        assert page.js("stage.index") <= stopped + 1
        assert page.js("devices") == 1
        page.js("""() => {
          Object.defineProperty(document, 'hidden', { value: true, configurable: true });
          document.dispatchEvent(new Event('visibilitychange'));
        }""")
        page.wait("!stage_b.awake")
        page.js("new Promise((go) => setTimeout(go, 200))")
        stopped = page.js("stage_b.index")
        page.js("new Promise((go) => setTimeout(go, 300))")
        assert page.js("stage_b.index") == stopped


def test_two_stages_go_in_step(gpu: Browser) -> None:
    with gpu.page() as page:
        page.mount(program=program())
        page.mount("b", program=program(steps_per_frame=3), run="r-2", parameters={"level": 1})
        page.wait("stage_a.index > 2 && stage_b.index > 0")
        page.js("stage_a.join(stage_b)")
        page.wait("stage_a.index > 5")
        page.js("stage_b.pause()")
        page.js("stage_a.step()")
        assert page.js("stage_a.index") == page.js("stage_b.index") > 5
        assert not page.js("stage_a.playing || stage_b.playing")
        page.js("stage_a.seek(3)")
        assert page.js("[stage_a.index, stage_b.index, pixel(stage_b)[0]]") == [3, 3, 21]
        before = page.js("pixel(stage_b)[2]")
        page.js("document.querySelector('#a .stage-frame').focus()")
        page.press("ArrowRight", "ArrowRight", "ArrowRight")
        page.wait(f"pixel(stage_b)[2] > {before}")  # they are looked at from one side
        page.js("knob('r-2', 'level', 0)")
        page.wait("pixel(stage_b)[1] === 0")
        assert page.js("pixel(stage_a)[1]") == 63
        page.js("stage_b.leave().then(() => stage_b.play())")
        page.wait("stage_b.index > 6")
        assert page.js("stage_a.index") == 3


def test_fifty_stages_leave_nothing_behind(gpu: Browser) -> None:
    with gpu.page() as page:
        left = page.js(
            """async (program) => {
              let bytes = 0, most = 0, devices = 0;
              const make = GPUDevice.prototype.createBuffer, end = GPUBuffer.prototype.destroy;
              const ask = GPUAdapter.prototype.requestDevice, drop = GPUDevice.prototype.destroy;
              GPUDevice.prototype.createBuffer = function (given) {
                most = Math.max(most, (bytes += given.size));
                return make.call(this, given);
              };
              GPUBuffer.prototype.destroy = function () {
                if (!this.ended) bytes -= this.size;
                this.ended = true;
                return end.call(this);
              };
              GPUAdapter.prototype.requestDevice = function (...given) {
                devices += 1;
                return ask.apply(this, given);
              };
              GPUDevice.prototype.destroy = function () { devices -= 1; return drop.call(this); };
              for (let i = 0; i < 50; i++) {
                mount({ program });
                if (i % 5) await stage.ready; // and some are gone before they are ready
                stage.destroy();
              }
              await new Promise((go) => setTimeout(go, 300));
              return { bytes, most, devices, nodes: at('a').childElementCount };
            }""",
            program(),
        )
        assert left["most"] > SIDE * SIDE * 4
        assert (left["bytes"], left["devices"], left["nodes"]) == (0, 0, 0)


def test_a_container_that_left_the_page_is_let_go(gpu: Browser) -> None:
    with gpu.page() as page:
        page.mount(program=program())
        page.js("at('a').remove()")
        page.wait("stage.source === null", seconds=10)


def test_a_run_that_ends_does_not_stop_its_picture(gpu: Browser) -> None:
    with gpu.page() as page:
        options = {"run": "r-1", "programUrl": "/program/r-1", "framesUrl": "/frames"}
        page.mount(**options)
        page.wait("stage.index > 5")
        assert page.js("pixel()[1]") == 63
        ended = {**options, "framesUrl": None, "film": "/film.mp4"}
        assert page.js("(options) => stage.update(options)", ended) is True
        assert page.js("stage.kind === 'gpu' && stage.index > 4")
        assert page.js("(options) => stage.update(options)", {**ended, "run": "r-2"}) is False


# --- when the GPU fails --------------------------------------------------------------------------


LOSE = """() => {
  const ask = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...given) {
    return window.device = await ask.apply(this, given);
  };
}"""


def test_a_lost_gpu_hands_over_to_the_server(gpu: Browser) -> None:
    with gpu.page() as page:
        page.js(LOSE)
        page.mount(program=program(), socketUrl="/live")
        page.wait("stage.kind === 'gpu' && stage.index > 2")
        page.js("knob('r-1', 'level', 1)")
        page.js("device.destroy()")
        page.wait("stage.kind === 'server' && stage.index > 2")
        assert page.js("pixel()[1]") == 255  # the knob is where it was
        assert "GPU" in page.js("text('.stage-line')")
        assert page.js("text('.stage-badge')") == "from the server"
        assert gpu.server.session.last("play")["parameters"] == {"level": 1}


def test_a_lost_gpu_with_nothing_else_says_so_and_can_be_tried_again(gpu: Browser) -> None:
    with gpu.page() as page:
        page.js(LOSE)
        page.mount(program=program())
        page.js("device.destroy()")
        page.wait("shows('.stage-cover--failed')")
        assert "GPU" in page.js("text('.stage-cover--failed p')")
        page.run(page.raw.locator(".stage-again").click())
        page.wait("stage.kind === 'gpu' && stage.index > 2")


@pytest.mark.parametrize(
    "broken",
    [
        {"source": "fn nothing( {"},
        {"requires": {"maxStorageBuffersPerShaderStage": 4096}},
        {"buffers": [{"name": "pixels", "type": "u32", "length": SIDE * SIDE},
                     {"name": "state", "type": "f32", "length": 2,
                      "data": {"sha256": "0" * 64, "dtype": "float32", "shape": [2]}}]},
        {"schema": 99},
    ],
    ids=["shader", "limit", "array", "schema"],
)  # fmt: skip
def test_a_program_that_cannot_be_played_gives_way_to_the_film(
    gpu: Browser, broken: dict[str, Any]
) -> None:
    with gpu.page() as page:
        page.mount(program={**program(), **broken}, film="/film.mp4")
        assert page.js("stage.kind") == "film"
        assert page.js("text('.stage-badge')") == "the finished result"
        page.js("document.querySelector('.stage-badge').focus()")
        assert "cannot play it" in page.js("text('.stage-tip')")


def test_a_hostile_program_is_shown_as_text(gpu: Browser) -> None:
    evil = "<img src=x onerror=window.owned=1>"
    probe = {"buffer": "state", "name": "cars", "unit": evil, "label_en": evil}
    with gpu.page() as page:
        page.mount(program=program(probes=[probe]), title=evil, run=evil)
        page.wait("stage.index > 3")
        page.js("[knob(stage, 'level', 1), knob(null), dispatchEvent(new Event('intentos:knob'))]")
        page.mount("b", program={**program(), "source": evil})
        page.wait("shows('#b .stage-cover--failed')")
        assert page.js("document.querySelectorAll('.stage img').length") == 0
        assert page.js("window.owned") is None


# --- without WebGPU ------------------------------------------------------------------------------


def heard(page: Page, what: Callable[[], bool]) -> None:
    """Wait until the server has heard something."""
    for _ in range(1000):
        if what():
            return
        page.js("new Promise((go) => setTimeout(go, 20))")
    raise AssertionError("the server has not heard of it")


def playing(plain: Browser, page: Page) -> Session:
    page.mount(program=program(), socketUrl="/live", film="/film.mp4", language="en")
    page.wait("stage.kind === 'server' && stage.index > 5")
    return plain.server.session


def test_the_server_draws_where_the_browser_cannot(plain: Browser) -> None:
    with plain.page() as page:
        session = playing(plain, page)
        play = session.last("play")
        assert (play["parameters"], play["seed"]) == ({"level": 0.25}, "7")
        first = page.js("pixel()")
        page.wait(f"pixel()[0] !== {first[0]}")
        assert abs(first[1] - 63) <= 1
        assert session.most_untaken <= 2
        assert "no WebGPU" in page.js("text('.stage-tip')")
        assert "llvmpipe" in page.js("text('.stage-tip')")
        page.wait("text('.stage-chart:not([hidden]) .stage-chart-value')?.includes('km')")


def test_the_same_controls_reach_the_server(plain: Browser) -> None:
    with plain.page() as page:
        session = playing(plain, page)
        page.js("knob('r-1', 'level', 1)")
        page.wait("pixel()[1] === 255")
        page.js("document.querySelector('.stage-frame').focus()")
        page.press("Space")
        page.wait("new Promise((go) => setTimeout(() => go(true), 300))")
        assert session.kinds()[-1] == "pause"
        stopped = page.js("stage.index")
        page.press(".")
        page.wait(f"stage.index === {stopped + 1}")
        page.press("0")
        page.wait("stage.index === 0")
        page.press("ArrowRight", "ArrowLeft", "ArrowLeft")
        page.run(page.raw.select_option(".stage-speed", "2"))
        page.js("document.querySelector('.stage-frame').focus()")
        page.press("Space")
        page.wait("stage.index > 4")
        assert session.last("view")["yaw"] == pytest.approx(-0.12)
        assert session.last("speed") == {"kind": "speed", "value": 2}
        assert session.kinds()[-1] == "resume"


def test_a_cut_connection_comes_back_as_it_was(plain: Browser) -> None:
    with plain.page() as page:
        session = playing(plain, page)
        page.js("knob('r-1', 'level', 1)")
        page.wait("pixel()[1] === 255")
        page.js("""() => {
          window.said = [];
          const line = document.querySelector('.stage-line');
          const note = () => said.push(line.textContent);
          new MutationObserver(note).observe(line, { childList: true });
        }""")
        page.run(session.sockets[-1].close(1011))
        page.wait("said.some((line) => line.includes('come back'))")
        heard(page, lambda: session.kinds().count("play") == 2)
        page.wait("stage.kind === 'server' && stage.index > 5 && !shows('.stage-line')")
        assert len(session.sockets) == 2
        assert session.last("play")["parameters"] == {"level": 1}
        assert page.js("pixel()[1]") == 255


def test_a_server_that_refuses_gives_way_to_the_film(plain: Browser) -> None:
    with plain.page() as page:
        plain.server.session.refuse = True
        page.mount(program=program(), socketUrl="/live", film="/film.mp4")
        assert page.js("stage.kind") == "film"
        page.wait("stage.source.element.currentTime > 0.1")
        page.js("stage.pause()")
        page.js("stage.seek(6)")
        assert page.js("stage.index") == 6
        page.js("stage.step()")
        page.wait("stage.index === 7")


def test_an_error_of_the_server_is_a_sentence(plain: Browser) -> None:
    with plain.page() as page:
        plain.server.session.error = "the GPU is busy <b>now</b>"
        page.mount(program=program(), socketUrl="/live")
        assert "the GPU is busy <b>now</b>" in page.js("text('.stage-cover--failed p')")


def test_a_running_runs_frames_are_watched_until_its_film_is_there(plain: Browser) -> None:
    with plain.page() as page:
        session = plain.server.session
        session.end_after = 30
        page.mount(framesUrl="/frames", film="/film.mp4")
        assert page.js("stage.kind") == "frames"
        assert page.js("shows('[data-act=restart]')") is False
        page.js("knob('r-1', 'level', 1)")
        page.wait("stage.kind === 'film'")
        assert {m["kind"] for m in session.heard} == {"taken"}
        assert session.sent == 30


def test_the_last_frame_stays_until_the_film_is_there(plain: Browser) -> None:
    with plain.page() as page:
        plain.server.session.end_after = 10
        page.mount(framesUrl="/frames")
        page.wait("stage.kind === 'frames' && stage.index === 9")
        page.js("new Promise((go) => setTimeout(go, 200))")
        assert not page.js("shows('.stage-line')")
        page.js("stage.update({ run: 'r-1', film: '/film.mp4' })")
        page.wait("stage.kind === 'film'")


def test_a_run_that_goes_on_is_seen_itself_and_then_played(plain: Browser) -> None:
    with plain.page() as page:
        session = plain.server.session
        session.end_after = 20
        page.mount(program=program(), socketUrl="/live", framesUrl="/frames", film="/film.mp4")
        assert page.js("stage.kind") == "frames"
        assert session.paths == ["/frames"]  # nothing else asks for the GPU that the run has
        page.js("""() => {
          window.gaps = [];
          const look = () => {
            if (!at('a').querySelector('.stage-picture > canvas')?.width) gaps.push('no picture');
            if (!document.querySelector('.stage-cover').hidden) gaps.push('covered');
          };
          const all = { childList: true, subtree: true, attributes: true };
          new MutationObserver(look).observe(at('a'), all);
        }""")
        page.wait("stage.kind === 'server' && stage.index > 3")
        assert session.paths == ["/frames", "/live"]
        assert page.js("gaps") == []  # its last picture stayed until the next one was there


def test_a_run_whose_only_frame_is_its_last_gives_way_to_its_film(plain: Browser) -> None:
    with plain.page() as page:
        plain.server.session.end_after = 1
        page.mount(framesUrl="/frames", film="/film.mp4")
        page.wait("stage.kind === 'film'")


def test_a_film_that_comes_while_the_frames_are_waited_for_is_shown(plain: Browser) -> None:
    with plain.page() as page:
        session = plain.server.session
        session.held, session.end_after = True, 0
        page.js("mount({ framesUrl: '/frames' })")
        page.wait("document.querySelector('.stage-cover--loading')")
        heard(page, lambda: bool(session.sockets))
        page.js("stage.update({ run: 'r-1', framesUrl: null, film: '/film.mp4' })")
        session.held = False
        page.wait("stage.kind === 'film'", seconds=5)  # told, not found out by waiting


HURRY = """() => {
  const wait = window.setTimeout;
  window.setTimeout = (act, time, ...more) => wait(act, time > 5000 ? time / 10 : time, ...more);
}"""


@pytest.mark.parametrize("options", [{"socketUrl": "/live"}, {"framesUrl": "/frames"}])
def test_a_view_is_waited_for_while_the_server_says_that_it_comes(
    plain: Browser, options: dict[str, str]
) -> None:
    with plain.page() as page:
        session = plain.server.session
        session.held = session.coming = True
        page.js(HURRY)
        page.js("(options) => mount(options)", {"program": program(), **options})
        page.js("new Promise((go) => setTimeout(go, 3000))")  # twice the patience with silence
        assert page.js("stage.kind === null && !document.querySelector('.stage-cover--failed')")
        session.held = False
        page.wait("stage.index > 3")
        session.held, session.coming = True, False
        page.js("mount({ socketUrl: '/live' })")
        page.wait("shows('.stage-cover--failed')")


def test_the_film_is_shown_while_the_server_cannot_draw_yet(plain: Browser) -> None:
    with plain.page() as page:
        session = plain.server.session
        session.held = session.coming = True
        page.js(HURRY)
        page.mount(program=program(), socketUrl="/live", film="/film.mp4")
        assert page.js("stage.kind") == "film"


def test_a_session_that_the_server_ended_begins_again_when_it_is_played(plain: Browser) -> None:
    with plain.page() as page:
        session = plain.server.session
        session.end_after = 10
        page.mount(program=program(), socketUrl="/live")
        page.wait("!stage.playing && text('.stage-line').includes('Play')")
        assert page.js("stage.index") == 9
        session.end_after = None
        page.js("stage.play()")
        page.wait("stage.index > 15")
        assert len(session.sockets) == 2


def test_a_picture_is_shown_and_looked_at_closely(plain: Browser) -> None:
    with plain.page() as page:
        page.mount(film={"url": "/still.png", "media_type": "image/png"})
        assert page.js("stage.kind") == "film"
        assert not page.js("shows('[data-act=play]')")
        wide = page.js("document.querySelector('.stage-picture').getBoundingClientRect().width")
        page.js("document.querySelector('.stage-frame').focus()")
        page.press("+", "+", "+")
        zoomed = page.js("document.querySelector('.stage-picture').getBoundingClientRect().width")
        assert zoomed > 1.3 * wide


@pytest.mark.parametrize("options", [{}, {"film": "/nowhere.mp4"}, {"programUrl": "/program/x"}])
def test_nothing_to_show_is_said(plain: Browser, options: dict[str, Any]) -> None:
    with plain.page() as page:
        page.mount(language="zh", **options)
        assert re.search("[一-鿿]", page.js("text('.stage-cover--failed p')"))
        assert page.js("text('.stage-again')") == "再试一次"


# --- words and files -----------------------------------------------------------------------------


def test_every_word_that_the_scripts_say_is_there_and_no_other() -> None:
    text = "".join((STATIC / name).read_text("utf-8") for name in SCRIPTS)
    kinds = ("gpu", "server", "frames", "film")
    parts = {f"{word}_{kind}" for word in ("badge", "refused", "lost") for kind in kinds}
    parts |= {f"badge_{kind}_about" for kind in kinds}
    says = r'(?:say\([\w.#]+|#button\("\w+", "\w+"|#tell\(|#name\(\w+),? ?"(\w+)"'
    named = set(re.findall(says, text))
    assert len(named) > 15  # the search itself works
    keys = set(stage_words("en"))
    assert keys == set(stage_words("zh"))
    assert named | parts <= keys
    literals = set(re.findall(r'"(\w+)"', text))
    assert keys <= literals | parts
    assert all(f"{SECTION}.{key}" in catalogue("zh") for key in keys)


def test_the_wheel_brings_the_scripts(built: Path) -> None:
    with zipfile.ZipFile(built) as wheel:
        names = set(wheel.namelist())
    wanted = {*SCRIPTS, "stage.css"}
    assert {f"intentos/ui/static/{name}" for name in wanted} <= names
