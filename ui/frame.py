"""The frame around every page of a tab, drawn once: the rail, the theme, what is said to keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from nicegui import app, ui
from nicegui.events import GenericEventArguments

from .opening import opening
from .page import PLACES, Page, Place
from .palette import palette
from .steps_view import editors_follow

THEMES: dict[str, bool | None] = {"system": None, "light": False, "dark": True}
"""What a person may choose → whether that is dark; None: as the system is."""


class Frame:
    """Rail and content; going from page to page changes only the content."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._dark = ui.dark_mode(THEMES[theme()])
        router = ui.context.client.sub_pages_router
        self._path = _bare(router.current_path)
        with ui.element("div").classes("frame"):
            skip = ui.link(page.say("window.skip"), "#").classes("skip button").mark("skip")
            skip.props("data-action=skip")
            with ui.element("nav").classes("rail").props(_name(page.say("window.rail"))):
                self._rail()
            self._content = ui.element("div").classes("content").props("tabindex=-1")
        palette(page)
        if not page.guest:
            opening(page)
        self._tell_place()
        router.on_path_changed(self._moved)

    def show(self, routes: Mapping[str, Callable[..., object]]) -> None:
        """Draw the page of the address; ``routes``: address → what draws its content."""
        with self._content:
            self._pages = ui.sub_pages(dict(routes))

    def set_theme(self, name: str) -> None:
        """Let this person's window be ``light``, ``dark``, or as the ``system`` is."""
        app.storage.user["dark"] = THEMES[name]
        self._dark.value = THEMES[name]
        # Editors ask for the theme when they are drawn, and the browser has to have changed it.
        ui.timer(0.2, editors_follow, once=True)

    def _rail(self) -> None:
        page = self._page
        ui.html(MARK, sanitize=False).classes("mark").props("aria-hidden=true")
        self._items = {}
        for place, (path, symbol) in PLACES.items():
            if page.guest and place != "talk":
                continue
            with ui.link(target=path).classes("rail-item").mark(f"rail-{place}") as item:
                ui.icon(symbol).props("aria-hidden=true")
                ui.label(page.say(f"window.{place}"))
            self._items[place] = item
        ui.element("div").classes("grow")
        self._button("palette", "search", page.say("window.search"), keys="Control+K")
        self._button("help", "keyboard", page.say("window.keys"), keys="?")
        self._switches()

    def _button(self, action: str, symbol: str, name: str, keys: str = "") -> ui.element:
        with ui.element("button").classes("rail-item") as button:
            button.props(f"type=button data-action={action} {_name(name)}")
            if keys:
                button.props["aria-keyshortcuts"] = keys
            ui.icon(symbol).props("aria-hidden=true")
            ui.label(name)
        return button

    def _switches(self) -> None:
        page = self._page

        def switch_language() -> None:
            app.storage.user["language"] = "en" if page.language == "zh" else "zh"
            ui.navigate.reload()

        def switch_theme(event: GenericEventArguments) -> None:
            self.set_theme("light" if event.args is True else "dark")

        other = "English" if page.language == "zh" else "中文"
        button = self._button("language", "translate", other)
        button.mark("switch-language").on("click", switch_language)
        button = self._button("theme", "contrast", page.say("window.theme")).mark("switch-theme")
        # Which one is shown, only the browser knows where it follows the system.
        dark = "() => emit(document.documentElement.dataset.theme === 'dark')"
        button.on("click", switch_theme, js_handler=dark)

    def _moved(self, path: str) -> None:
        before, self._path = self._path, _bare(path)
        self._tell_place()
        if self._path == before == "/":
            # The address had become that of the conversation which was begun here.
            self._pages.refresh()

    def _tell_place(self) -> None:
        here = place_of(self._path)
        for place, item in self._items.items():
            item.classes(
                add="here" if place == here else "", remove="" if place == here else "here"
            )
            if place == here:
                item.props("aria-current=page")
            else:
                item.props(remove="aria-current")
        name = "" if here in (None, "talk") else self._page.say(f"window.{here}")
        ui.page_title(f"{name} · IntentOS" if name else "IntentOS")


def theme() -> str:
    """Return what this person chose: ``system``, ``light`` or ``dark``."""
    chosen = app.storage.user.get("dark")
    return next((name for name, dark in THEMES.items() if dark is chosen), "system")


def place_of(path: str) -> Place | None:
    """Return the place of the rail to which an address belongs; None: to none."""
    if path.startswith("/c/"):
        return "talk"
    return next((place for place, (own, _) in PLACES.items() if own == path), None)


def _bare(path: str) -> str:
    return path.partition("#")[0].partition("?")[0].rstrip("/") or "/"


def _name(text: str) -> str:
    return f'aria-label="{text}" title="{text}"'


MARK = """<svg viewBox="0 0 36 36" fill="none" stroke="currentColor" stroke-width="2.6"
 stroke-linecap="round"><circle cx="18" cy="18" r="4.2" fill="currentColor" stroke="none"/>
<path d="M18 4.5a13.5 13.5 0 0 1 13.5 13.5"/>
<path d="M18 31.5a13.5 13.5 0 0 1-13.5-13.5"/></svg>"""
