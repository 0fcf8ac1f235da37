"""Buttons as all cards have them: named, of one look, safe to press twice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

Pressed = Callable[[], Awaitable[None] | None]


def button(
    text: str,
    pressed: Pressed | None,
    mark: str,
    *,
    symbol: str = "",
    style: str = "",
    name: str = "",
    action: str = "",
) -> ui.element:
    """Return a button; ``name`` is what it is called where it shows only a symbol, ``action`` what
    keys and commands find it by.

    While what it started has not ended, it cannot be pressed again.
    """
    element = ui.element("button").classes(f"button {style}").props("type=button").mark(mark)
    if name:
        element.props["aria-label"] = element.props["title"] = name

    if action:
        element.props["data-action"] = action

    async def press() -> None:
        assert pressed is not None
        element.props["disabled"] = True
        try:
            found = pressed()
            if found is not None:
                await found
        finally:
            if not element.is_deleted:
                element.props.pop("disabled", None)

    if pressed is not None:
        element.on("click", press)
    with element:
        if symbol:
            ui.icon(symbol).props("aria-hidden=true")
        if text:
            ui.label(text)
    return element


def disable(element: ui.element, disabled: bool) -> None:
    """Let a button be pressed, or not."""
    if disabled:
        element.props["disabled"] = True
    else:
        element.props.pop("disabled", None)
    element.update()


def fold(text: str, mark: str, fill: Callable[[], None], *, opened: bool = False) -> ui.element:
    """Return a line that unfolds what ``fill`` draws; it is drawn only when it is wanted."""
    with ui.element("details").classes("fold").mark(mark) as details:
        with ui.element("summary"):
            ui.label(text)
        inside = ui.element("div").classes("fold-inside")

    def open_() -> None:
        if not inside.default_slot.children:
            with inside:
                fill()

    if opened:
        details.props["open"] = True
        open_()
    details.on("toggle", open_)  # by pointer, by key, or by a search in the page
    return details


def copy_props(element: ui.element, text: str, name: str, done: str) -> ui.element:
    """Make a click on an element copy a text; ``done`` is said when it has."""
    element.classes("copies").props("type=button")
    element.props["data-copy"] = text
    element.props["data-done"] = done
    element.props["aria-label"] = element.props["title"] = name
    return element
