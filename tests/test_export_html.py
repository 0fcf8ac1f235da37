"""A run as a page of one file, in a real browser, from the disk: it plays, and nothing runs in it
that is not its own."""

from __future__ import annotations

import csv
import io
import json
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from intentos import export_html
from intentos.config import Settings
from intentos.errors import UsageError
from intentos.executors.film import encode_film
from intentos.export import Work, export
from intentos.export_html import in_script
from intentos.export_page import read_table, text
from intentos.inline_script import inlined
from intentos.messages import message
from intentos.parameters import Parameter
from intentos.plan import Approval, Assumption, Plan, Step
from intentos.registry import Registry
from intentos.run import RunStatus, StepResult
from intentos.store import Store
from intentos.types import Check, Problem, Quantity, Words

from .chromium import FLAGS, START_SECONDS, _loop, find_chromium
from .exported import run_with, work_on
from .parts import plan_of
from .test_playable import reading

WATCH = """
  window.ran = []; window.broken = [];
  addEventListener("securitypolicyviolation", (e) => broken.push(e.violatedDirective + " " +
    e.blockedURI + " " + e.sample));
  for (const name of ["alert", "confirm", "prompt"]) window[name] = () => ran.push(name);
"""


@dataclass
class Tab:
    """A page from the disk, and what went wrong in it."""

    page: Any
    call: Callable[..., Any]
    wrong: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def evaluate(self, script: str, argument: Any = None) -> Any:
        return self.call(self.page.evaluate(script, argument), 60.0)

    def until(self, script: str) -> None:
        """Wait until something holds; the page's policy forbids to ask it from the inside."""
        end = time.monotonic() + 60.0
        while not self.evaluate(script):
            assert time.monotonic() < end, script
            time.sleep(0.05)

    def fill(self, selector: str, value: str) -> None:
        """Turn a control as a person does."""
        self.evaluate(
            """([selector, value]) => {
              const control = document.querySelector(selector);
              control.value = value;
              control.dispatchEvent(new Event("input", { bubbles: true }));
            }""",
            [selector, value],
        )

    def click(self, selector: str) -> None:
        self.call(self.page.click(selector), 30.0)

    def colour(self) -> list[float]:
        """Return the mean colour of the stage's canvas."""
        found: list[float] = self.evaluate("""() => {
          const canvas = document.querySelector("#stage canvas.stage-canvas, #stage canvas");
          const small = document.createElement("canvas");
          small.width = small.height = 1;
          const context = small.getContext("2d");
          context.drawImage(canvas, 0, 0, 1, 1);
          return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
        }""")
        return found

    def sound(self) -> None:
        """Make sure that nothing was refused, failed or fetched."""
        assert self.wrong == []
        assert self.evaluate("[window.ran, window.broken]") == [[], []]
        elsewhere = [url for url in self.asked if not url.startswith(("file:", "data:", "blob:"))]
        assert elsewhere == []


class Browser:
    """One Chromium; every page gets a context of its own."""

    def __init__(self, browser: Any, call: Callable[..., Any]) -> None:
        self._browser, self._call = browser, call

    @contextmanager
    def open(self, path: Path, hash_: str = "#en&light", **options: Any) -> Iterator[Tab]:
        made: list[Any] = []

        async def enter() -> Tab:
            made.append(context := await self._browser.new_context(**options))
            await context.add_init_script(WATCH)
            tab = Tab(await context.new_page(), self._call)
            tab.page.on("pageerror", lambda error: tab.wrong.append(str(error)))
            tab.page.on("request", lambda request: tab.asked.append(request.url))
            await tab.page.goto(path.as_uri() + hash_)
            return tab

        try:
            yield self._call(enter(), START_SECONDS)
        finally:
            for context in made:
                self._call(context.close(), START_SECONDS)


@contextmanager
def started(*flags: str) -> Iterator[Browser]:
    executable = find_chromium()
    with _loop() as call:
        from playwright.async_api import async_playwright

        playwright = call(async_playwright().start(), START_SECONDS)
        try:
            launch = playwright.chromium.launch(executable_path=executable, args=list(flags))
            browser = call(launch, START_SECONDS)
            yield Browser(browser, call)
            call(browser.close(), START_SECONDS)
        finally:
            call(playwright.stop(), START_SECONDS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started(*FLAGS) as made:
        yield made


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    made = Store(settings)
    yield made
    made.close()


def picture(colour: str = "red", size: tuple[int, int] = (40, 30)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, colour).save(stream, "PNG")
    return stream.getvalue()


def tone() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(range(256)) * 64)
    return stream.getvalue()


HEART = Plan(
    title=Words(en="A heart", zh="一颗爱心"),
    interpretation=Words(en="Turn {turns} times.", zh="转 {turns} 圈。"),
    assumptions=(Assumption(text=Words(en="It is red.", zh="它是红色的。"), parameter="colour"),),
    parameters=(
        Parameter(name="colour", label=Words(en="Colour", zh="颜色"), kind="colour",
                  default="#e0123c", live=True),
        Parameter(name="beat", label=Words(en="Beat", zh="跳动"), default=0.05, minimum=0,
                  maximum=0.3, unit="Hz", live=True),
        Parameter(name="turns", label=Words(en="Turns", zh="圈数"), default=1),
    ),
    steps=(
        Step(
            id="turn",
            language="kernel",
            code="particles",
            code_hash="0" * 64,
            arguments={
                "x": "(1 + beat*sin(2*tau*phase)) * cos(tau*a) * sin(pi*b)",
                "y": "sin(tau*a) * sin(pi*b)", "z": "cos(pi*b)", "points": 4000, "radius": 1.05,
                "colour": "$colour", "turns": "$turns", "frames": 48, "width": 128, "height": 96,
                "parameters": {"beat": "$beat"},
            },
        ),
    ),
    answer=Words(en="It beats at {beat}.", zh="它以 {beat} 跳动。"),
    origin="recipe",
)  # fmt: skip


@pytest.fixture
async def heart(store: Store, registry: Registry, tmp_path: Path) -> Path:
    """Return the page of a run of a kernel with two knobs and a film."""
    raw = tmp_path / "frames.rgba"
    raw.write_bytes(b"".join(bytes((9, 9, 60 + 12 * i, 255)) * 128 * 96 for i in range(12)))
    mp4, gif = await encode_film(
        raw, width=128, height=96, count=12, frames_per_second=12, folder=tmp_path
    )
    plan = registry.pin(HEART)
    run = run_with(
        store,
        {"film.mp4": mp4.read_bytes(), "film.gif": gif.read_bytes()},
        plan=plan,
        approval=Approval(plan_digest=plan.digest, decision="approve", by="test"),
        numbers={"points": Quantity(value=4000)},
        answer="It beats at 0.05.",
    )
    return export(work_on(run, store, registry), "html", tmp_path / "heart.html")


def test_the_page_plays_on_the_viewers_gpu_and_its_knobs_turn(
    browser: Browser, heart: Path
) -> None:
    with browser.open(heart) as tab:
        tab.until("Number(document.querySelector('[data-frame]')?.dataset.frame) > 1")
        first = tab.evaluate("document.querySelector('#stage canvas').toDataURL()")
        tab.until(
            f"document.querySelector('#stage canvas').toDataURL() !== {json.dumps(first)}"
        )  # pixels move
        red, green, _ = tab.colour()
        assert red > green + 5
        assert tab.evaluate("document.querySelector('#knob-colour').disabled") is False
        tab.fill("#knob-colour", "#10e020")
        tab.until("""(() => {
          const small = document.createElement("canvas");
          small.width = small.height = 1;
          const context = small.getContext("2d");
          context.drawImage(document.querySelector("#stage canvas"), 0, 0, 1, 1);
          const [red, green] = context.getImageData(0, 0, 1, 1).data;
          return green > red + 5;
        })()""")
        tab.fill("#knob-beat", "0.2")
        shown = "document.querySelector('#knob-beat').closest('.knob').innerText"
        assert "0.2 Hz" in tab.evaluate(shown)
        # What was computed belongs to the run as it was, and the page says so.
        assert "as it was" in tab.evaluate("document.querySelector('.turned-note').innerText")
        command = tab.evaluate("document.querySelector('#command').textContent")
        assert command.endswith('.yaml --set "colour=#10e020" --set beat=0.2')
        tab.click("#reset")
        assert tab.evaluate("document.body.className") == ""
        assert tab.evaluate("document.querySelector('#knob-colour').value") == "#e0123c"
        tab.sound()


def test_the_page_lets_nothing_else_run(browser: Browser, heart: Path) -> None:
    """Even what got into it could neither run nor fetch nor send."""
    with browser.open(heart) as tab:
        got = tab.evaluate("""async () => {
          const tried = [];
          const add = (tag, changes) => {
            const element = Object.assign(document.createElement(tag), changes);
            document.body.append(element);
          };
          add("script", { textContent: "ran.push(1)" });
          add("script", { src: "data:text/javascript,ran.push(2)" });
          add("div", { innerHTML: "<img src=x onerror=ran.push(3)><p style='color:red'>x" });
          add("iframe", { src: "data:text/html,<script>top.ran.push(4)</script>" });
          add("style", { textContent: "body { color: red }" });
          add("img", { src: "https://example.org/x.png" });
          setTimeout(() => { try { eval("ran.push(5)"); } catch { tried.push("eval"); } });
          try { await fetch("https://example.org/"); } catch { tried.push("fetch"); }
          try { new Worker("data:text/javascript,1"); } catch { tried.push("worker"); }
          await new Promise((done) => setTimeout(done, 300));
          return [ran, tried.includes("eval") && tried.includes("fetch"),
            new Set(broken.map((b) => b.split(" ")[0]))].map((x) => x instanceof Set ? [...x] : x);
        }""")
        assert got[:2] == [[], True]
        refused = {"script-src-elem", "script-src-attr", "frame-src", "style-src-elem", "img-src"}
        assert refused | {"connect-src"} <= set(got[2])


def test_the_arrays_that_a_program_works_on_are_in_the_page(
    browser: Browser,
    store: Store,
    registry: Registry,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = work_on(reading(store, np.full(64 * 48, 0x00C080)), store, registry)
    with browser.open(export(job, "html", tmp_path / "array.html")) as tab:
        tab.until("document.querySelector('[data-frame]')?.dataset.frame >= 0")
        assert tab.colour() == [0x80, 0xC0, 0]
        tab.sound()
    monkeypatch.setattr(export_html, "MOST_ARRAYS", 1000)
    with pytest.raises(UsageError, match="zip or an mp4"):
        export(job, "html", tmp_path / "large.html")


def test_both_languages_and_both_looks(browser: Browser, heart: Path) -> None:
    with browser.open(heart) as tab:
        seen = "document.body.innerText"
        english = tab.evaluate(seen)
        assert "A heart" in english
        assert "It beats at 0.05." in english
        assert "It is red." in english
        assert "爱心" not in english
        tab.click("#language")
        chinese = tab.evaluate(seen)
        assert "一颗爱心" in chinese
        assert "它以 0.05 跳动。" in chinese
        assert "A heart" not in chinese
        assert tab.evaluate("[document.title, document.documentElement.lang]") == [
            "一颗爱心", "zh-Hans",
        ]  # fmt: skip
        tab.until("document.querySelector('.stage-badge')?.textContent.includes('GPU')")
        ground = "getComputedStyle(document.body).backgroundColor"
        light = tab.evaluate(ground)
        tab.click("#look")
        assert tab.evaluate(ground) != light
        tab.sound()
    with browser.open(heart, "", locale="zh-CN", color_scheme="dark") as tab:
        assert "一颗爱心" in tab.evaluate("document.body.innerText")
        assert tab.evaluate("document.body.className") == "body--dark"


CONTRAST = """() => {
  const light = (colour) => colour.map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const pale = [];
  for (const element of document.querySelectorAll("body *")) {
    if (element.closest(".stage-frame, :disabled") || !element.offsetParent) continue;
    if (![...element.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
    let ground = null, opacity = 1;
    for (let one = element; one; one = one.parentElement) {
      const style = getComputedStyle(one), colour = parts(style.backgroundColor);
      opacity *= Number(style.opacity);
      if (!ground && (colour[3] ?? 1) > 0.9) ground = colour.slice(0, 3);
    }
    const ink = parts(getComputedStyle(element).color).slice(0, 3)
      .map((v, i) => v * opacity + ground[i] * (1 - opacity));
    const [low, high] = [light(ink), light(ground)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < 4.5) pale.push([element.className, element.textContent.slice(0, 30), ratio]);
  }
  return pale;
}"""


@pytest.mark.parametrize("look", ["light", "dark"])
def test_every_text_can_be_read(browser: Browser, heart: Path, look: str) -> None:
    """A contrast of 4.5 or more, also where a knob was turned."""
    with browser.open(heart, f"#en&{look}") as tab:
        tab.evaluate("""() => {
          document.querySelectorAll("details").forEach((d) => d.open = true);
          document.body.classList.add("turned");
          document.querySelector(".turned-note").hidden = false;
        }""")
        assert tab.evaluate(CONTRAST) == []


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_sticks_out(browser: Browser, heart: Path, width: int) -> None:
    with browser.open(heart, "#zh", viewport={"width": width, "height": 800}) as tab:
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.evaluate(over) <= 0
        small = """[...document.querySelectorAll("header button, #take")].filter((b) =>
          b.offsetParent && b.getBoundingClientRect().height < 36).length"""
        assert tab.evaluate(small) == 0


def test_without_webgpu_the_film_is_shown(heart: Path) -> None:
    with started("--no-sandbox", "--disable-gpu") as plain, plain.open(heart) as tab:
        tab.until("document.querySelector('#stage video')?.videoWidth === 128")
        tab.until("document.querySelector('#stage video').currentTime > 0.1")
        assert tab.evaluate("document.querySelector('#knob-beat').disabled") is True
        assert "WebGPU" in tab.evaluate("document.querySelector('#knobs').innerText")
        tab.sound()


def test_without_a_script_it_can_be_read(browser: Browser, heart: Path) -> None:
    with browser.open(heart, "", java_script_enabled=False) as tab:
        html = tab.call(tab.page.content(), 30.0)
        assert tab.call(tab.page.inner_text(".answer span[lang=en]"), 30.0) == "It beats at 0.05."
        assert tab.call(tab.page.is_visible("#stage img"), 30.0)
        assert "<noscript>" in html


def test_the_plan_comes_out_of_the_page(browser: Browser, heart: Path) -> None:
    from intentos.plan_file import open_plan_file

    with browser.open(heart) as tab:

        async def take() -> str:
            async with tab.page.expect_download() as waiting:
                await tab.page.click("#take")
            return str(await (await waiting.value).path())

        data = Path(tab.call(take(), 60.0)).read_bytes()
    assert open_plan_file(data, "p").plan.title == HEART.title


def test_pictures_tables_and_sounds_of_python(
    browser: Browser, store: Store, registry: Registry, tmp_path: Path
) -> None:
    svg = b"""<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20" onload="ran.push(1)">
      <script>ran.push(2); parent.ran.push(3)</script><rect width="30" height="20"/></svg>"""
    files = {
        "plot.png": picture(),
        "drawing.svg": svg,
        "tone.wav": tone(),
        "cities.csv": "城市,size\n北京,2189.3\nA & B,-4\n".encode(),
        "page.html": b"<script>ran.push(4)</script>",
    }
    numbers = {"speed": Quantity(value=3.25, unit="m/s"), "count": Quantity(value=1234567)}
    run = run_with(store, files, numbers=numbers)
    path = export(work_on(run, store, registry), "html", tmp_path / "python.html")
    with browser.open(path) as tab:
        tab.until("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
        assert tab.evaluate("[...document.images].map((i) => i.naturalWidth)") == [40, 30]
        assert tab.evaluate("document.querySelectorAll('svg rect').length") == 0  # not inlined
        tab.until("document.querySelector('audio').duration > 1")
        cells = "[...document.querySelectorAll('td')].map((c) => c.textContent + c.className)"
        assert tab.evaluate(cells) == ["北京", "2189.3number", "A & B", "-4number"]
        seen = tab.evaluate("document.body.innerText")
        assert "3.25 m/s" in seen
        assert "1,234,567" in seen
        assert "page.html" in seen  # named, never opened
        tab.sound()


HOSTILE = [
    "<script>ran.push(1)</script>",
    "</script><script>ran.push(1)</script>",
    "<!--<script>ran.push(1)</script>-->",
    "<!--<script>",
    "--><script>ran.push(1)</script>",
    "<img src=x onerror=ran.push(1)>",
    "\"><img src=x onerror='ran.push(1)'>",
    "'><svg onload=ran.push(1)>",
    "\" onmouseover=\"ran.push(1)\" autofocus onfocus=\"ran.push(1)\" x=\"",
    "' onfocus='ran.push(1)' autofocus='",
    "` onload=ran.push(1) `",
    "<svg><script>ran.push(1)</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=ran.push(1)>",
    "<iframe srcdoc='<script>parent.ran.push(1)</script>'></iframe>",
    "<iframe src='javascript:parent.ran.push(1)'></iframe>",
    "<a href='javascript:ran.push(1)' id=look>x</a>",
    "<object data='data:text/html,<script>parent.ran.push(1)</script>'></object>",
    "<base href='https://example.org/'><link rel=stylesheet href=x.css>",
    "<meta http-equiv=refresh content='0;url=javascript:ran.push(1)'>",
    "</style><script>ran.push(1)</script><style>",
    "</title><script>ran.push(1)</script>",
    "</textarea></noscript><img src=x onerror=ran.push(1)>",
    "</code></pre></details><form action=//example.org><button>ok",
    "<details open ontoggle=ran.push(1)>",
    "<video><source onerror=ran.push(1)></video>",
    "<body onload=ran.push(1)>",
    "&lt;script&gt;ran.push(1)&lt;/script&gt;&#60;img src=x onerror=ran.push(1)&#62;",
    "\\u003cscript\\u003eran.push(1)\\u003c/script\\u003e\\x3cimg\\x3e",
    "{{constructor.constructor('ran.push(1)')()}}${ran.push(1)}{beat.__class__}",
    "[x](javascript:ran.push(1)) ![x](x\" onerror=\"ran.push(1)) \u202egnp.exe\u2028ran.push(1)",
    "__proto__\": {\"polluted\": 1}, \"",
]  # fmt: skip


def hostile_run(store: Store, evil: str) -> Work:
    """Return a run with one text wherever text comes from outside."""
    said = Words(en=evil, zh="中" + evil)
    name = evil.replace("/", "∕").replace("\\", "").replace("\0", "")[:90]
    table = io.StringIO()
    csv.writer(table).writerows([[evil, "b"], [evil, evil]])
    plan = plan_of(
        steps=(Step(id="s1", title=said, language="words", code=evil, arguments={"a": evil}),),
        title=said,
        interpretation=said,
        answer=said,
        assumptions=(Assumption(text=said),),
        parameters=(
            Parameter(name="p", label=said, kind="text", default=evil, unit=evil),
            Parameter(name="q", label=said, kind="choice", default=evil, choices=(evil,)),
        ),
    )
    run = run_with(
        store,
        {name + ".csv": table.getvalue().encode(), name + ".png": picture(), name + ".wav": tone()},
        plan=plan,
        text=evil,
        numbers={evil[:40]: Quantity(value=evil + ".", unit=evil), "n": Quantity(value=[evil])},
        answer=evil,
        checks=(
            Check(name=evil, title=said, kind="physical", status="failed", detail=evil),
            Check(name="c", title=said, status="passed", detail=evil),
        ),
        doubts=(Problem(code=evil, arguments={"a": evil}),),
        badge="failed",
    )
    hurt: StepResult = run.results[0].model_copy(
        update={
            "stdout": evil, "stderr": evil, "device": evil, "executor": evil,
            "versions": {evil: evil}, "error": Problem(code=evil, arguments={"a": evil}),
            "note": Problem(code=evil),
        }
    )  # fmt: skip
    run = run.model_copy(
        update={"results": (hurt,), "error": Problem(code="x", arguments={"w": evil})}
    )
    return work_on(run, store, Registry(plugins=False))


def test_no_hostile_text_runs_anywhere(browser: Browser, store: Store, tmp_path: Path) -> None:
    """The page has the same elements as one of harmless words: what came in is text."""
    elements = """() => [...document.querySelectorAll("*")].map((e) => e.tagName + "." +
      [...e.attributes].map((a) => a.name).join(".")).join(" ")"""
    assert len(HOSTILE) > 30
    shapes: dict[str, str] = {}
    pages = {
        evil: export(hostile_run(store, evil), "html", tmp_path / f"{number}.html")
        for number, evil in enumerate(["harmless", *HOSTILE])
    }
    with browser.open(pages["harmless"]) as tab:
        for evil, page in pages.items():
            tab.call(tab.page.goto(page.as_uri() + "#en"), 30.0)
            tab.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)")
            tab.evaluate("for (const _ of 'ab') document.querySelector('#language').click()")
            assert tab.evaluate("document.querySelector('#again').hidden") is False  # it works
            shapes[evil] = tab.evaluate(elements)
            tab.sound()
            if evil.isascii():
                assert tab.evaluate("document.body.textContent").count(evil) >= 20, evil
    different = [evil for evil, shape in shapes.items() if shape != shapes["harmless"]]
    assert different == []


@pytest.mark.parametrize("evil", [*HOSTILE, "\u2028\u2029", "𝒳 中文"])
def test_json_in_a_script_stays_json(evil: str) -> None:
    held = in_script({"a": [evil, {evil: 1}]})
    assert not set(held) & set("<>&\u2028\u2029")
    assert json.loads(held) == {"a": [evil, {evil: 1}]}


def test_what_is_too_large_is_told(
    heart: Path, store: Store, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_with(store, {"film.mp4": b"0" * 3_000_000, "a.png": picture()})
    job = work_on(run, store, registry)
    with monkeypatch.context() as patch:
        patch.setattr(export_html, "MOST_FILM", 1_000_000)
        patch.setattr(export_html, "MOST_PART", 10)
        page = export(job, "html", tmp_path / "big.html").read_text("utf-8")
        assert "The film has 3 MB" in page
        assert "a.png has 0 MB" in page
        assert len(page) < 1_000_000
    with monkeypatch.context() as patch:
        patch.setattr(export_html, "MOST_PAGE", 1_000_000)
        with pytest.raises(UsageError, match="4 MB"):
            export(job, "html", tmp_path / "huge.html")
    assert not (tmp_path / "huge.html").exists()
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_a_program_that_changed_since_is_not_played(
    store: Store, registry: Registry, tmp_path: Path
) -> None:
    yes = Approval(plan_digest=HEART.digest, decision="approve", by="test")
    run = run_with(store, {"film.mp4": b"film"}, plan=HEART, approval=yes)
    page = export(work_on(run, store, registry), "html", tmp_path).read_text("utf-8")
    held = json.loads(page.partition('id="data">')[2].partition("</script>")[0])
    assert "program" not in held
    assert held["film"]["media_type"] == "video/mp4"
    assert text(message("gpu.code_changed", "zh", kernel="particles")) in page
    assert 'id="knobs"' not in page


def test_a_run_that_failed_says_why(store: Store, registry: Registry, tmp_path: Path) -> None:
    error = Problem(code="executor.timed_out", arguments={"seconds": 3})
    run = run_with(store, {}, status=RunStatus.FAILED, badge=None, answer="", error=error)
    page = export(work_on(run, store, registry), "html", tmp_path).read_text("utf-8")
    assert error.text("en") in page
    assert error.text("zh") in page


@pytest.mark.parametrize("data", [b"", b"\0\0\0", b'"', b"a,b\n" + b"1,2\n" * 500, b"\xff\xfe,\n"])
def test_any_table_is_read_or_left(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(data)
    found = read_table(path)
    if len(data) > 100:
        assert found is not None
        assert (len(found.rows), found.total) == (60, 500)


# Modules as one script.


def modules(folder: Path, **sources: str) -> dict[str, Path]:
    for name, source in sources.items():
        (folder / f"{name}.js").write_text(source, "utf-8")
    return {f"{name}.js": folder / f"{name}.js" for name in sources}


def test_modules_become_one_script(browser: Browser, tmp_path: Path) -> None:
    found = modules(
        tmp_path,
        a='import { b as c, d } from "./b.js";\nimport { d as e } from "./b.js";\n'
        "globalThis.told = [c(), d, e, count];\nconst count2 = 1;\nvar count;",
        b='import { own } from "./own.js";\nconst count = 3;\n'
        "export const b = () => count + own;\nexport class d {}\nexport async function f() {}",
        own="const count = 4;\nexport const own = count;",
    )
    script = inlined("a.js", found)
    assert "import" not in script
    page = tmp_path / "p.html"
    page.write_text(f'<script type="module">{script}</script>', "utf-8")
    with browser.open(page) as tab:
        assert tab.evaluate("[told[0], told[1] === told[2], told[3] === undefined]") == [
            7, True, True,
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        ({"a": 'import x from "./b.js";', "b": ""}, "cannot be inlined"),
        ({"a": 'import { x } from "./c.js";'}, "not there"),
        ({"a": "export { x };"}, "cannot be inlined"),
        ({"a": "export default 1;"}, "cannot be inlined"),
        ({"a": 'const x = await import("./b.js");'}, "cannot be inlined"),
        ({"a": 'import { x } from "https://example.org/x.js";'}, "cannot be inlined"),
        ({"a": 'import { b } from "./b.js";', "b": 'import { a } from "./a.js";'}, "each other"),
        ({"a": 'const x = "</script>";'}, "end a script"),
    ],
)
def test_what_cannot_be_one_script_is_an_error(
    tmp_path: Path, sources: dict[str, str], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        inlined("a.js", modules(tmp_path, **sources))
