"""The owner's switch: whether guests see a conversation."""

from __future__ import annotations

from nicegui import ui

from .page import Page


def present_switch(page: Page, conversation: str) -> None:
    """Draw the owner's switch: whether guests see this conversation; nothing where none come."""
    if page.guest or not page.links.guests:
        return

    def toggle() -> None:
        shown = page.desk.presented == conversation
        page.desk.present(None if shown else conversation)

    def draw() -> None:
        shown = page.desk.presented == conversation
        button.props(f"aria-pressed={'true' if shown else 'false'}")
        label.text = page.say("window.guests_see" if shown else "window.show_guests")

    with ui.element("div").classes("present row small"):
        button = ui.element("button").classes("button quiet").on("click", toggle)
        with button.props("type=button").mark("present"):
            label = ui.label()
        ui.label(page.links.guests).classes("mono tiny muted").mark("guests-link")
    draw()
    ui.context.client.on_delete(page.desk.on_presented(draw))
