"""Makes the pictures of the window: twelve states and two on a phone, in both languages, light and
dark, from a real window with real runs in a real browser.

    PYTHONPATH=. .venv/bin/python scripts/screenshots.py [STATE …] [--language en] [--folder FOLDER]

Needs Chromium. No language model is used: plans come from the library, so that the same recipes
with the same seeds are seen each time. States that build on another one run that one first.
"""

from __future__ import annotations

import argparse
import io
import math
import random
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from intentos.messages import message
from intentos.scratch import scratch_folder
from intentos.types import Language
from tests.ui.opened import chromium, driver, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

FOLDER = Path(__file__).parent.parent / "docs/images/window"
MOST_BYTES = 150_000
SECONDS = 60_000
"""Longest wait for anything in a page, in milliseconds."""
DESKTOP: dict[str, Any] = {"viewport": {"width": 1360, "height": 820}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
LOCALE = {"en": "en-US", "zh": "zh-CN"}
BIRDS = {"en": "A flock of 6000 starlings at dusk", "zh": "6000 只椋鸟群飞"}
LONG_RUN = "2000"
MANY_BIRDS = {"en": f"{BIRDS['en']}, {LONG_RUN} frames", "zh": f"{BIRDS['zh']}，{LONG_RUN} 帧"}
"""So long that it still runs when it is photographed."""
TOGETHER = {"en": "set cohesion to 8", "zh": "把聚拢程度改成 8"}
PARTY = {
    "en": "How likely is a shared birthday in a class of 30?",
    "zh": "班里有 30 个同学，有人同一天生日的概率是多少？",
}
STONE = {
    "en": "How fast does a stone hit the ground from 20 m?",
    "zh": "石头从 20 米高处落下，落地时有多快？",
}
HEART = {"en": "Draw me a turning heart", "zh": "帮我画一颗旋转的爱心"}
TABLE = {
    "en": ("Summarise this table", "garden.csv", "day,warmth,rain,visitors,ice cream"),
    "zh": ("概括一下这个表格", "花园.csv", "日期,气温,雨量,游客数,冰淇淋"),
}
CHANGED = ("simulated = shared / groups", "simulated = round(shared / groups, 4)")
"""What a person edits in the plan about birthdays, and into what."""


@dataclass
class Scene:
    """A person before the window, and the camera."""

    page: Page
    language: Language
    address: str
    folder: Path
    phone: Page
    talks: dict[str, str] = field(default_factory=dict)
    """What was begun → the address of its conversation."""

    def said(self, code: str) -> str:
        """Return what a sentence of the window is in this language."""
        return message(code, self.language)

    def shoot(
        self,
        name: str,
        page: Page | None = None,
        *,
        steered: bool = False,
        still: bool = True,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        """Take a picture in both themes; ``steered``: with what the stage is steered with;
        ``still``: once what moves was stopped; ``prepare``: what is done in each of them before."""
        page = page or self.page
        # What moves is drawn in few pixels here, where the GPU is software; at rest in all of them.
        moving = page.locator(".stage-frame--playing")
        stopped = moving.count() if still else 0
        for frame in [moving.nth(place) for place in range(stopped)][::-1]:
            frame.press(" ")
            page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(2000 if stopped else 0)
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.locator(f"html[data-theme={theme}]").wait_for(state="attached")
            if prepare is not None:
                prepare()
            if steered:
                page.locator(".stage-side .stage-frame").first.hover(position={"x": 300, "y": 200})
                page.locator(".stage-side .stage-frame").first.hover(position={"x": 310, "y": 190})
            elif page is self.page:
                page.mouse.move(2, 2)
            page.wait_for_timeout(600)  # colours pass over slowly, editors and charts by a script
            path = self.folder / f"{name}-{self.language}-{theme}.webp"
            path.write_bytes(small(page.screenshot(type="png")))
        page.emulate_media(color_scheme="light")

    def go(self, place: str, page: Page | None = None) -> None:
        """Open a page of the window."""
        (page or self.page).goto(self.address + place)

    def wish(self, text: str, file: tuple[str, bytes] | None = None) -> Locator:
        """Say something in a new conversation and return the plan that is asked about."""
        self.go("")
        self.page.locator(".composer textarea").wait_for()
        if file is not None:
            with self.page.expect_file_chooser() as chooser:
                self.page.locator(".composer [data-action=attach]").click()
            name, data = file
            chooser.value.set_files({"name": name, "mimeType": "text/csv", "buffer": data})
            self.page.locator(".composer-side .attachment .chip-close").first.wait_for()
        self.tell(text)
        return self.plan()

    def tell(self, text: str) -> None:
        """Type and send."""
        box = self.page.locator(".composer textarea")
        box.click()
        box.fill(text)
        box.press("Enter")

    def plan(self) -> Locator:
        """Return the card of the plan that waits, with all that is estimated."""
        card = self.page.locator(".part.plan .card").last
        card.locator("[data-action=run]").wait_for()
        self.page.locator(".plan-facts .waiting").first.wait_for(state="detached")
        return card

    def run(self) -> None:
        """Approve what waits."""
        self.page.locator(".part.plan [data-action=run]").last.click()

    def result(self, count: int = 1) -> Locator:
        """Wait for so many results and return the newest."""
        card = self.page.locator(".result-card").nth(count - 1)
        card.wait_for()
        return card

    def drawn(self, frames: int, page: Page | None = None) -> None:
        """Wait until the living picture has gone so far."""
        page = page or self.page
        page.wait_for_function(
            "(n) => Number(document.querySelector('.stage-side [data-frame]')?.dataset.frame) >= n",
            arg=frames,
            timeout=SECONDS,
        )


def small(png: bytes) -> bytes:
    """Return a picture as WebP of at most ``MOST_BYTES``, as good as that allows."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in (92, 88, 84, 78, 70, 60, 50):
        data = io.BytesIO()
        image.save(data, "WEBP", quality=quality, method=6)
        if data.tell() <= MOST_BYTES:
            break
    return data.getvalue()


def season() -> str:
    """Return made-up days of a garden from April to September, as the lines of a table."""
    rng = random.Random(7)
    lines = []
    for day in range(183):
        warmth = 9 + 14 * math.sin(math.pi * (day + 12) / 207) + rng.gauss(0, 2.2)
        rain = max(0.0, rng.gauss(0.5, 4))
        weekend = 45 * (day % 7 in (3, 4))
        visitors = max(8, 14 * warmth - 60 - 9 * rain + weekend + rng.gauss(0, 22))
        cones = visitors * warmth / 45
        told = f"{warmth:.1f},{rain:.1f},{visitors:.0f},{cones:.0f}"
        lines.append(f"{date(2026, 4, 1) + timedelta(day)},{told}")
    return "\n".join(lines)


def first(scene: Scene) -> None:
    """1: the empty window."""
    scene.go("")
    scene.page.locator(".lib-six img").last.wait_for()
    scene.page.locator(".notices .button").last.click()  # read
    scene.page.locator(".notices").wait_for(state="hidden")
    scene.page.wait_for_timeout(1000)
    scene.shoot("1-first")


def table(scene: Scene) -> None:
    """7: a table and its chart."""
    text, name, head = TABLE[scene.language]
    scene.wish(text, (name, f"{head}\n{season()}".encode()))
    scene.run()
    scene.result()
    scene.page.locator(".tab", has_text=".csv").first.click()
    scene.page.locator(".switch-item").last.click()
    scene.page.locator(".result-grid .ag-row").first.wait_for()
    scene.page.wait_for_timeout(1500)
    scene.shoot("7-table")


def code(scene: Scene) -> None:
    """6: a plan with Python, edited: its code and what differs."""
    card = scene.wish(PARTY[scene.language])
    card.locator("[data-action=edit]").click()
    content = card.locator(".plan-editor .cm-content")
    content.wait_for()
    before = scene.page.url
    line = content.locator(".cm-line", has_text=CHANGED[0]).first
    line.click()
    scene.page.keyboard.press("End")
    scene.page.keyboard.press("Shift+Home")
    scene.page.keyboard.insert_text(CHANGED[1])
    scene.page.wait_for_timeout(800)
    card.get_by_role("button", name=scene.said("window_plan.use"), exact=True).click()
    scene.page.locator(".difference").wait_for()
    assert scene.page.url == before
    scene.plan()

    def unfold() -> None:
        # An editor that is open keeps its colours when the system's theme changes.
        scene.page.reload()
        card = scene.plan()
        card.locator(".steps button").first.click()
        card.locator(".step-body .cm-content").wait_for()
        scene.page.wait_for_timeout(500)
        scene.page.locator(".difference").evaluate(
            "(one) => { const talk = one.closest('.talk');"
            " talk.style.scrollBehavior = 'auto';"
            " talk.scrollTop += one.getBoundingClientRect().top - 40; }"
        )

    scene.shoot("6-code", prepare=unfold)
    scene.run()
    scene.result()


def stone(scene: Scene) -> None:
    """Something else for the history: an equation, and a heart."""
    scene.wish(STONE[scene.language])
    scene.run()
    scene.result()
    scene.wish(HEART[scene.language])
    scene.run()
    scene.result()


def plan(scene: Scene) -> None:
    """2: a plan that waits."""
    scene.wish(BIRDS[scene.language])
    scene.page.wait_for_timeout(800)
    scene.shoot("2-plan")


def running(scene: Scene) -> None:
    """3: it runs, and is seen alive: so long that it still runs when the last picture is taken.
    Then the run that the other states show."""
    page, waiting = scene.page, scene.page.url
    scene.wish(MANY_BIRDS[scene.language])
    scene.run()
    line = page.locator("div.progress:not(.part)")
    line.filter(has_text=LONG_RUN).wait_for()  # frame n of so many, and how long it will take
    scene.drawn(60)
    scene.shoot("3-running", steered=True)
    line.locator("[data-action=stop]").click()
    line.wait_for(state="detached")
    page.goto(waiting)
    scene.plan()
    scene.run()


def result(scene: Scene) -> None:
    """4: what came of it; and the same on a phone."""
    scene.result()
    scene.page.wait_for_timeout(1500)
    scene.drawn(120)
    scene.shoot("4-result")


def checks(scene: Scene) -> None:
    """5: what was checked."""
    card = scene.result()
    card.locator(".badge-button").click()
    card.locator(".check-list .judged").first.wait_for()
    card.locator(".badge-button").evaluate("(one) => one.scrollIntoView({ block: 'start' })")
    scene.page.wait_for_timeout(600)
    scene.drawn(1)
    scene.shoot("5-checks")
    card.locator(".badge-button").click()


def phone(scene: Scene) -> None:
    """1 and 4 on a phone."""
    page = scene.phone
    scene.go("", page)
    page.locator(".lib-six img").last.wait_for()
    page.wait_for_timeout(2500)
    scene.shoot("phone-1-first", page)
    page.goto(scene.page.url)
    page.locator(".result-card").first.wait_for()
    scene.drawn(60, page)
    page.locator(".answer").first.evaluate(
        """(one) => { const talk = one.closest('.talk');
             talk.style.scrollBehavior = 'auto';
             talk.scrollTop += one.getBoundingClientRect().top
               - talk.getBoundingClientRect().top - 16; }"""
    )
    scene.shoot("phone-4-result", page)


def compare(scene: Scene) -> None:
    """8: two runs beside each other."""
    page = scene.page
    scene.tell(TOGETHER[scene.language])
    page.wait_for_timeout(1500)
    if page.locator(".part.plan .card [data-action=run]").count():
        scene.run()
    card = scene.result(2)
    card.get_by_role("button", name=scene.said("window_result.compare")).click()
    page.locator(".result-menu .q-item").first.click()
    page.locator(".compare-tables").wait_for()
    page.wait_for_function(
        """() => [...document.querySelectorAll('.pair [data-frame]')]
                 .filter((one) => Number(one.dataset.frame) >= 75).length === 2""",
        timeout=SECONDS,
    )
    scene.shoot("8-compare", still=False)  # two in step stop and go together


def library(scene: Scene) -> None:
    """9: the library."""
    scene.go("library")
    scene.page.locator(".lib-shelf img").first.wait_for()
    scene.page.wait_for_timeout(2000)
    scene.shoot("9-library")


def history(scene: Scene) -> None:
    """10: the history."""
    scene.go("history")
    scene.page.locator(".history-day").first.wait_for()
    scene.page.wait_for_function(
        "() => [...document.querySelectorAll('.history-still img')].every((i) => i.naturalWidth)"
    )
    scene.page.wait_for_timeout(800)
    scene.shoot("10-history")


def network(scene: Scene) -> None:
    """11: this machine, and how a result came to be."""
    scene.go("network")
    scene.page.locator(".flow-card").first.wait_for()
    scene.page.locator(".machine-fact dd").first.wait_for()
    # Taller than the others: cut in the middle, neither the machine nor the flow can be read.
    scene.page.set_viewport_size({"width": DESKTOP["viewport"]["width"], "height": 1090})
    scene.page.wait_for_timeout(1500)
    scene.shoot("11-network")
    scene.page.set_viewport_size(DESKTOP["viewport"])


def settings(scene: Scene) -> None:
    """12: the settings."""
    scene.go("settings")
    scene.page.locator(".setting").first.wait_for()
    scene.page.wait_for_timeout(1500)
    scene.shoot("12-settings")


STATES: Sequence[Callable[[Scene], None]] = (
    first, table, code, stone, plan, running, result, checks, phone, compare, library, history,
    network, settings,
)  # fmt: skip
NEEDS = {"running": ["plan"], "result": ["running"], "checks": ["result"], "phone": ["result"],
         "compare": ["result"], "network": ["compare"], "history": ["table", "stone"]}  # fmt: skip
"""State → those without which it shows nothing."""


@contextmanager
def pages(browser: Browser, language: Language) -> Iterator[tuple[Page, Page]]:
    """Open a tab on a desk, and one on a phone."""
    contexts = [browser.new_context(locale=LOCALE[language], **size) for size in (DESKTOP, PHONE)]
    for context in contexts:
        context.set_default_timeout(SECONDS)
    try:
        desk, phone = (context.new_page() for context in contexts)
        yield desk, phone
    finally:
        for context in contexts:
            context.close()


@contextmanager
def state_folder() -> Iterator[Path]:
    """Give a state folder whose settings say that there is no language model."""
    with scratch_folder() as home:
        (home / "config.toml").write_text('model = "none"\n', "utf-8")
        yield home


def with_needs(names: Sequence[str]) -> set[str]:
    """Return states with all that they build on."""
    found = set(names)
    while True:
        more = {need for name in found for need in NEEDS.get(name, [])} - found
        if not more:
            return found
        found |= more


def main() -> int:
    """Make what is asked for; 1: a state could not be made."""
    every = [state.__name__ for state in STATES]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("states", nargs="*", metavar="STATE", help=f"of {', '.join(every)}")
    parser.add_argument("--language", choices=("en", "zh"), help="only this one")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    if unknown := set(options.states) - set(every):
        parser.error(f"no such state: {', '.join(sorted(unknown))}")
    wanted = with_needs(options.states or every)
    options.folder.mkdir(parents=True, exist_ok=True)
    languages: list[Language] = [options.language] if options.language else ["en", "zh"]
    failed = []
    with driver() as playwright, chromium(playwright) as browser:
        for language in languages:
            with (
                state_folder() as home,
                opened(home, INTENTOS_LANGUAGE="", INTENTOS_MODEL="") as window,
                pages(browser, language) as (desk, phone_page),
            ):
                scene = Scene(desk, language, window.owner, options.folder, phone_page)
                for state in STATES:
                    if state.__name__ not in wanted:
                        continue
                    began = time.monotonic()
                    try:
                        state(scene)
                    except Exception as error:
                        told = re.sub(r"\s+", " ", str(error))[:400]
                        failed.append(f"{state.__name__} ({language})")
                        with suppress(Exception):  # a picture of it helps, and is no more than that
                            desk.screenshot(path=options.folder / f"failed-{language}.png")
                        print(f"{language} {state.__name__}: FAILED: {told}", flush=True)
                    else:
                        seconds = time.monotonic() - began
                        print(f"{language} {state.__name__}: {seconds:.1f} s", flush=True)
    if failed:
        print(f"not made: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
