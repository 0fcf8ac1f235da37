"""Text from outside is text: thirty hostile strings in every place that shows one; none runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright

from intentos import config
from intentos.store import Store

from .hostile import STRINGS, hostile_home, recipe_file
from .opened import Opened, chromium, driver, opened, tab

WATCH = """
window.ran = [];
window.pwned = () => { window.ran.push(new Error().stack ?? "ran"); };
for (const name of ["alert", "confirm", "prompt", "open"]) window[name] = () => window.pwned();
"""
FIELDS = "input:visible:not([readonly]), textarea:visible"
OPEN_ALL = """async () => {
  // Whatever can be unfolded is, a few times over: what unfolds may hold more of it.
  const seen = new WeakSet();
  for (let round = 0; round < 3; round++) {
    for (const one of document.querySelectorAll(
      "details:not([open]), [aria-expanded=false], [data-fold], .chip, .badge")) {
      if (seen.has(one) || one.closest("nav, .composer")) continue;
      seen.add(one);
      if (one.tagName === "DETAILS") one.open = true; else one.click();
    }
    await new Promise((go) => setTimeout(go, 250));
  }
}"""


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with driver() as one:
        yield one


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return a state folder that is full of hostile text, and its conversations."""
    home = tmp_path_factory.mktemp("home")
    settings = config.load().model_copy(update={"home": home})
    ids = hostile_home(settings)
    plain = [text for text in STRINGS if "{" not in text]
    for number, text in enumerate(plain):
        recipe_file(home / "recipes", text, number)
    return home, ids


@pytest.fixture(scope="module")
def window(talks: tuple[Path, list[str]]) -> Iterator[Opened]:
    with opened(talks[0]) as one:
        yield one


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with chromium(playwright, gpu=False) as one:
        yield one


def nothing_ran(page: Page) -> None:
    """Fail if any of the strings was more than text."""
    assert page.evaluate("window.ran") == []
    assert page.evaluate("document.querySelectorAll('iframe, object, embed, base').length") == 0
    handlers = (
        "[...document.querySelectorAll('*')].filter((e) => e.matches("
        "'[onerror],[onload],[onclick],[onfocus],[ontoggle],[onmouseover],a[href^=javascript]')).length"
    )
    assert page.evaluate(handlers) == 0


def test_conversations_show_hostile_text_as_text(
    window: Opened, browser: Browser, talks: tuple[Path, list[str]]
) -> None:
    with tab(browser) as page:
        page.add_init_script(WATCH)
        for text, talk in zip(STRINGS, talks[1], strict=True):
            page.goto(f"{window.owner}c/{talk}")
            page.wait_for_selector(".wish-text")
            page.wait_for_selector("[data-action=run]")
            assert page.locator(".wish-text").first.text_content() == text
            page.evaluate(OPEN_ALL)
            nothing_ran(page)


@pytest.mark.parametrize("place", ["", "history", "library", "network", "settings"])
def test_pages_show_hostile_text_as_text(window: Opened, browser: Browser, place: str) -> None:
    with tab(browser) as page:
        page.add_init_script(WATCH)
        page.goto(window.owner + place)
        page.wait_for_selector(".rail")
        for text in STRINGS[:6]:
            for field in page.locator(FIELDS).all()[:2]:
                field.fill(text)
                page.wait_for_timeout(150)
        page.evaluate(OPEN_ALL)
        page.wait_for_timeout(500)
        nothing_ran(page)


def test_artifacts_are_never_pages(
    window: Opened, browser: Browser, talks: tuple[Path, list[str]]
) -> None:
    store = Store(config.load().model_copy(update={"home": talks[0]}))
    run = store.run(store.talks.runs(talks[1][0])[0])
    store.close()
    kinds = {}
    with tab(browser) as page:
        page.add_init_script(WATCH)
        for artifact in run.artifacts:
            answer = page.request.get(f"{window.owner}api/artifacts/{artifact.id}")
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in answer.headers["content-security-policy"]
            kinds[artifact.media_type] = (
                answer.headers["content-type"].partition(";")[0],
                answer.headers["content-disposition"].partition(";")[0],
            )
    saved = ("application/octet-stream", "attachment")
    assert kinds["text/html"] == kinds["image/svg+xml"] == saved
    assert kinds["text/csv"] == ("text/csv", "inline")


def test_the_strings_do_run_where_nothing_holds_them(browser: Browser) -> None:
    """What is tried is worth trying: most of them run in a page without any care."""
    ran = 0
    for text in STRINGS:
        with tab(browser) as page:
            page.evaluate(f"() => {{ {WATCH} }}")
            page.set_content(f"<div>{text}</div>", wait_until="load")
            page.wait_for_timeout(50)
            ran += bool(page.evaluate("window.ran.length"))
    assert ran >= 10
