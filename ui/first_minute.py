"""The empty window: what it is for, things to try, and what is good to know, said once."""

from __future__ import annotations

from nicegui import ui

from .library import Try, six
from .model_card import ModelCard
from .notices import Notices
from .page import Page


class FirstMinute:
    """Greeting above the composer, things to try below it; gone when something was said."""

    def __init__(self, page: Page, attempt: Try) -> None:
        self._page = page
        self._attempt = attempt
        self._parts: list[ui.element] = []

    def greet(self) -> None:
        """Draw what stands above the composer."""
        page = self._page
        with ui.element("div").classes("first").mark("first") as root:
            ui.label(page.say("window.greeting")).classes("greeting").props("role=heading")
            ui.label(page.say("window.greeting_more")).classes("muted")
        self._parts.append(root)

    def offer(self) -> None:
        """Draw what stands below it."""
        page = self._page
        if page.guest:
            return
        with ui.element("div").classes("offers").mark("offers") as root:
            ModelCard(page, only_missing=True)
            six(page.desk, page.language, self._attempt)
            Notices(page)
        self._parts.append(root)

    def delete(self) -> None:
        """Take everything away."""
        while self._parts:
            self._parts.pop().delete()
