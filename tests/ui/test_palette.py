"""The palette and the keys: everything by its name, from the keyboard alone, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from nicegui.testing import User

from intentos.messages import message
from intentos.plan_file import dump_plan
from intentos.ui.commands import COMMANDS, listed
from intentos.ui.desk import Desk
from intentos.ui.frame import place_of

from .opened import Opened, chromium, driver, opened, tab
from .told import plan_of, told

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WAIT = 300


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_command_has_a_name_of_its_own(language: str) -> None:
    names = [one["title"] for one in listed(lambda code: message(code, language))]
    assert len(set(names)) == len(COMMANDS)


def test_guests_are_offered_only_what_they_may_do() -> None:
    names = {one["name"] for one in listed(lambda code: code, guest=True)}
    assert names == {"stop", "theme", "language", "help"}


def test_addresses_belong_to_places() -> None:
    assert place_of("/") == place_of("/c/1a2b") == "talk"
    assert place_of("/history") == "history"
    assert place_of("/nowhere") is None


async def test_it_knows_recipes_and_conversations(user: User, desk: Desk) -> None:
    told(desk.store, "<b>a campfire</b>", conversation="talk-1")
    found = (await user.http_client.get("/api/palette?language=zh")).json()
    assert found["talks"] == [["talk-1", "<b>a campfire</b>"]]
    hearts = [recipe for recipe in found["recipes"] if recipe[0] == "rotating_heart"]
    assert hearts == [["rotating_heart", "一颗旋转的爱心", "A rotating heart", False]]


async def test_a_chosen_recipe_begins_a_conversation(user: User, desk: Desk) -> None:
    await user.open("/")
    user.find(marker="palette").trigger("try", {"recipe": "percent_change"})
    await user.should_see(marker="plan", retries=WAIT)
    (talk,) = desk.talks()
    assert desk.turns(talk.id)[0].run.plan.recipe == "percent_change"  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    """Return an open window over a state folder of its own."""
    with opened(tmp_path_factory.mktemp("home")) as window:
        yield window


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return a browser."""
    with driver() as playwright, chromium(playwright, gpu=False) as browser:
        yield browser


def test_everything_is_reached_from_the_keyboard(
    window: Opened, browser: Browser, tmp_path: Path
) -> None:
    with tab(browser) as page:
        page.on("filechooser", lambda _: None)  # from now on none is shown
        page.goto(window.owner)
        page.wait_for_selector(".composer textarea")

        # The first thing that is reached leads past the rail.
        first = "document.querySelector('.frame').querySelector('a[href], button, textarea')"
        assert page.evaluate(f"{first}.dataset.action") == "skip"
        page.evaluate(f"{first}.focus()")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.classList.contains('content')")

        page.keyboard.press("?")
        page.wait_for_selector("dialog .palette-help")
        page.keyboard.press("Escape")
        page.wait_for_selector("dialog", state="detached")

        page.keyboard.press("Control+k")
        field = page.wait_for_selector("dialog [role=combobox]")
        assert field is not None
        page.keyboard.type("histo")
        page.wait_for_selector("dialog a[href='/history'][aria-selected=true]")
        active = field.get_attribute("aria-activedescendant")
        assert page.evaluate(f"document.getElementById('{active}').ariaSelected") == "true"
        page.evaluate("document.querySelector('.rail').dataset.same = 'yes'")
        page.keyboard.press("Enter")
        page.wait_for_url("**/history")
        page.wait_for_selector("[aria-current=page][href='/history']")
        assert page.evaluate("document.querySelector('.rail').dataset.same") == "yes"  # no reload
        assert page.title() == "History · IntentOS"

        page.keyboard.press("Control+k")
        page.keyboard.type("rotating heart")
        page.wait_for_selector("dialog [role=option]:has-text('A rotating heart')")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        page.wait_for_url("**/c/*")
        page.wait_for_selector("[data-action=run]")

        # A plan that somebody shared, from a page without a field for wishes.
        page.click(".rail [href='/settings']")
        page.wait_for_url("**/settings")
        page.keyboard.press("Control+k")
        page.keyboard.type("open a plan")
        page.wait_for_selector("dialog [aria-selected=true]:has-text('Open a plan')")
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        (tmp_path / "theirs.yaml").write_text(dump_plan(plan_of("a shared plan"), {}))
        chooser.value.set_files(tmp_path / "theirs.yaml")
        page.wait_for_url("**/c/*")
        page.wait_for_selector(".from-file:has-text('Opened from theirs.yaml')")


def test_the_right_theme_is_there_at_once_and_a_phone_shows_all(
    window: Opened, browser: Browser
) -> None:
    with tab(browser, color_scheme="dark", viewport={"width": 360, "height": 740}) as page:
        page.goto(window.owner, wait_until="commit")
        page.wait_for_selector("body", state="attached")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.wait_for_selector(".rail")
        for place in ("history", "library", "network", "settings", ""):
            page.click(f".rail [href='/{place}']")
            page.wait_for_selector(f"[aria-current=page][href='/{place}']")
            page.wait_for_selector("main")
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
