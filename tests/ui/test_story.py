"""The whole story in a real browser, in both languages, as a person lives it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from intentos.messages import message
from intentos.types import Language

from .opened import SECONDS, Opened, chromium, driver, opened, tab

expect.set_options(timeout=SECONDS)
WISH = {"en": "Lorenz attractor", "zh": "洛伦茨吸引子"}
FOLLOW = {"en": "set rho to 20", "zh": "把 rho 改成 20"}
LOCALE = {"en": "en-US", "zh": "zh-CN"}
RHO, SIGMA = "rho", "sigma"


@dataclass
class Person:
    """Somebody before a window, who speaks one language."""

    page: Page
    language: Language

    def said(self, code: str, **arguments: Any) -> str:
        """Return what a sentence of the window is in this language."""
        return message(code, self.language, **arguments)

    def button(self, code: str) -> Locator:
        """Return the newest button of that name."""
        return self.page.get_by_role("button", name=self.said(code), exact=True).last

    def wish(self, text: str) -> None:
        """Type a wish and send it with Enter."""
        field = self.page.locator(".composer textarea")
        field.click()
        field.fill(text)
        field.press("Enter")

    def plan(self) -> Locator:
        """Return the card of the plan that waits."""
        card = self.page.locator(".part.plan .card").last
        card.locator("[data-action=run]").wait_for()
        return card

    def result(self, count: int = 1) -> Locator:
        """Wait for so many results and return the newest."""
        results = self.page.locator(".result-card")
        expect(results).to_have_count(count)
        return results.last

    def picture(self) -> Locator:
        """Return what moves on the stage."""
        return self.page.locator(".stage-side .stage-picture").first

    def knob(self, place: str, name: str) -> Locator:
        """Return a knob of the plan card or of the stage."""
        return self.page.locator(f'{place} intentos-knob[options*=\'"name": "{name}"\']').last

    def moves(self) -> None:
        """Fail unless the picture changes by itself."""
        self.picture().wait_for()
        before = self.picture().screenshot()
        for _ in range(100):
            self.page.wait_for_timeout(200)
            if self.picture().screenshot() != before:
                return
        raise AssertionError("nothing moves")


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with driver() as one:
        yield one


@pytest.fixture(scope="module", params=["webgpu", "no webgpu"])
def browser(request: pytest.FixtureRequest, playwright: Playwright) -> Iterator[Browser]:
    """Return a browser that plays by itself, then one that the server draws for."""
    with chromium(playwright, gpu=request.param == "webgpu") as one:
        yield one


@pytest.fixture(scope="module")
def plain(playwright: Playwright) -> Iterator[Browser]:
    """Return a browser without WebGPU."""
    with chromium(playwright, gpu=False) as one:
        yield one


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Open a window for the tests that only need one."""
    with opened(tmp_path_factory.mktemp("home")) as one:
        yield one


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Opened]:
    """Open a window in which nothing was approved yet."""
    with opened(tmp_path / "home") as one:
        yield one


@pytest.mark.parametrize("language", ["en", "zh"])
def test_from_a_wish_to_what_is_found_again(
    own: Opened, browser: Browser, language: Language, tmp_path: Path
) -> None:
    with tab(browser, locale=LOCALE[language], accept_downloads=True) as page:
        page.goto(own.owner)
        me = Person(page, language)
        me.wish(WISH[language])
        card = me.plan()

        # An assumption is changed where it is said.
        card.locator(".chip.assumption[type=button]").first.click()
        inside = me.knob(".assumption-panel", SIGMA).locator("input").last
        inside.fill("12")
        inside.press("Tab")
        expect(card.locator(".chip.assumption").first).to_contain_text("12")

        # Approved, it moves; a knob that is turned shows at once.
        card.locator("[data-action=run]").click()
        me.moves()
        me.result()
        knob = me.knob(".stage-side", RHO)
        knob.wait_for()
        knob.locator("input[type=range]").evaluate(
            "(one) => { one.value = one.min; one.dispatchEvent(new Event('input', "
            "{ bubbles: true })); one.dispatchEvent(new Event('change', { bubbles: true })); }"
        )
        expect(page.locator(".stage-side .chip.unsaved")).to_be_visible()
        me.moves()

        # It goes on in words, and two runs are put beside each other.
        me.wish(FOLLOW[language])
        result = me.result(2)  # the plan was approved within its ranges: nobody is asked
        result.get_by_role("button", name=me.said("window_result.compare")).click()
        page.locator(".result-menu .q-item").first.click()
        expect(page.locator(".compare-tables")).to_contain_text("20")
        me.button("window_compare.close").click()

        # A file of it, and the whole conversation after a reload.
        result.get_by_role("button", name=me.said("window_result.export")).click()
        with page.expect_download() as download:
            page.locator(".result-menu .q-item", has_text=".yaml").click()
        saved = tmp_path / "plan.yaml"
        download.value.save_as(saved)
        assert "rho" in saved.read_text("utf-8")
        page.reload()
        me.result(2)
        address = page.url

        # It is found again by what was said.
        page.goto(own.owner + "history")
        page.locator("input[type=search]").fill(WISH[language])
        page.locator(f"a[href='/c/{address.rpartition('/')[2]}']").first.click()
        expect(page.locator(".wish-text").first).to_have_text(WISH[language])


def test_stop_is_one_key_and_keeps_what_is_there(window: Opened, plain: Browser) -> None:
    with tab(plain, locale="en-US") as page:
        page.goto(window.owner)
        me = Person(page, "en")
        me.wish("two galaxies colliding with 8000 stars")
        me.plan().locator("[data-action=run]").click()
        page.locator(".part.progress .progress").wait_for()
        page.wait_for_timeout(1500)
        page.keyboard.press("Escape")
        me.result()
        expect(page.locator(".result-card.canceled")).to_be_visible()


def test_the_keyboard_is_enough(window: Opened, plain: Browser) -> None:
    with tab(plain, locale="en-US") as page:
        page.goto(window.owner)
        page.locator(".composer textarea").wait_for()
        page.wait_for_timeout(500)
        for _ in range(40):
            if page.evaluate("document.activeElement?.tagName") == "TEXTAREA":
                break
            page.keyboard.press("Tab")
        page.keyboard.type("how fast does a stone hit the ground from 20 m?")
        page.keyboard.press("Enter")
        Person(page, "en").plan()
        page.keyboard.press("Control+Enter")
        expect(Person(page, "en").result().locator(".answer")).to_contain_text("19.8")
        page.keyboard.press("Control+k")
        page.locator(".palette").wait_for()
        page.keyboard.type("history")
        page.keyboard.press("Enter")
        page.wait_for_url(re.compile("/history"))


def test_a_phone_shows_it_all_without_scrolling_sideways(window: Opened, plain: Browser) -> None:
    phone: dict[str, Any] = {
        "viewport": {"width": 360, "height": 740},
        "has_touch": True,
        "is_mobile": True,
    }
    with tab(plain, locale="zh-CN", **phone) as page:
        page.goto(window.owner)
        me = Person(page, "zh")
        me.wish(WISH["zh"])
        me.plan().locator("[data-action=run]").tap()
        me.moves()
        me.result()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for place in ("history", "library", "network", "settings"):
            page.goto(window.owner + place)
            page.locator(".rail").wait_for()
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, place


def test_two_tabs_show_the_same(window: Opened, plain: Browser) -> None:
    with tab(plain, locale="en-US") as first, tab(plain, locale="en-US") as second:
        first.goto(window.owner)
        me = Person(first, "en")
        me.wish("kinetic energy of a 2 kg ball at 3 m/s")
        me.plan()
        second.goto(first.url)
        other = Person(second, "en")
        other.plan().locator("[data-action=run]").click()
        mine, theirs = me.result().locator(".answer"), other.result().locator(".answer")
        expect(theirs).to_contain_text("9 J")
        expect(mine).to_have_text(theirs.text_content() or "")


def test_a_restarted_server_finds_the_question_where_it_was(plain: Browser, tmp_path: Path) -> None:
    with opened(tmp_path) as before:
        with tab(plain, locale="en-US") as page:
            page.goto(before.owner)
            me = Person(page, "en")
            me.wish("how fast does a stone hit the ground from 40 m?")
            me.plan()
            before.kill()
            with opened(tmp_path, "--port", str(before.port)):
                page.goto(page.url)
                me.plan().locator("[data-action=run]").click()
                expect(me.result().locator(".answer")).to_contain_text("28")


def test_a_run_that_the_closing_server_interrupted_is_one_press_away(
    plain: Browser, tmp_path: Path
) -> None:
    with opened(tmp_path) as before, tab(plain, locale="en-US") as page:
        page.goto(before.owner)
        me = Person(page, "en")
        me.wish("two galaxies colliding with 8000 stars")
        me.plan().locator("[data-action=run]").click()
        page.locator(".part.progress .progress").wait_for()
        before.process.terminate()
        before.process.wait(60)
        with opened(tmp_path, "--port", str(before.port)):
            page.goto(page.url)
            expect(me.result()).to_contain_text(me.said("window_result.ended_interrupted"))
            me.button("window_result.run_again").click()
            page.locator(".part.progress .progress").wait_for()
            page.keyboard.press("Escape")
            expect(me.result(2)).to_contain_text(me.said("window_result.ended_canceled"))


def test_a_reload_right_after_enter_loses_nothing(window: Opened, plain: Browser) -> None:
    with tab(plain, locale="en-US") as page:
        page.goto(window.owner)
        me = Person(page, "en")
        page.locator(".composer textarea").fill("area of a circle with radius 5 m")
        page.wait_for_function("localStorage['intentos.draft.new']")
        page.locator(".composer textarea").press("Enter")
        page.wait_for_url(re.compile("/c/"))
        page.reload()
        me.plan()
        expect(page.locator(".wish-text")).to_have_count(1)
        page.goto(window.owner)
        page.wait_for_timeout(2000)  # drafts come back a moment later
        expect(page.locator(".composer textarea")).to_have_value("")


def test_moving_pictures_rest_while_somebody_writes_or_is_elsewhere(
    window: Opened, plain: Browser
) -> None:
    moving = "[...document.querySelectorAll('.lib-six img')].filter((one) =>"
    moving += " one.currentSrc.includes('living')).length === {}"
    with tab(plain, locale="en-US") as page:
        page.goto(window.owner)
        page.wait_for_function(moving.format(6))
        page.locator(".composer textarea").fill("x")
        page.wait_for_function(moving.format(0))
        page.locator(".composer textarea").fill("")
        page.wait_for_function(moving.format(6))
        page.evaluate("document.hasFocus = () => false; dispatchEvent(new Event('blur'))")
        page.wait_for_function(moving.format(0))
        page.evaluate("delete document.hasFocus; dispatchEvent(new Event('focus'))")
        page.wait_for_function(moving.format(6))


def test_ten_seconds_without_a_network_lose_nothing(window: Opened, plain: Browser) -> None:
    with tab(plain, locale="en-US") as page:
        page.goto(window.owner)
        me = Person(page, "en")
        me.wish("area of a circle with radius 3 m")
        me.plan()
        page.context.set_offline(True)
        page.wait_for_timeout(10_000)
        page.context.set_offline(False)
        me.plan().locator("[data-action=run]").click()
        expect(me.result().locator(".answer")).to_contain_text("28.")
