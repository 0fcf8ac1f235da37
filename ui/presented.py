"""What guests see: the conversation that the owner shows them, as it goes on."""

from __future__ import annotations

from nicegui import ui

from .conversation import Conversation
from .desk import Desk
from .page import Page


def presented(page: Page) -> None:
    """Draw the conversation that is shown, and another one as soon as the owner shows it."""
    room = ui.element("div").classes("shown")

    def draw() -> None:
        room.clear()
        with room:
            if page.desk.presented is not None:
                Conversation(page, page.desk.presented)
            else:
                ui.label(page.say("window.nothing_shown")).classes("nothing").mark("nothing")

    draw()
    ui.context.client.on_delete(page.desk.on_presented(draw))


def may_see(desk: Desk, path: str) -> bool:
    """Return whether a guest may have what lies at a path: the pages' own files, and of runs only
    what the conversation that is shown has made."""
    parts = path.strip("/").split("/")
    if parts[0] in ("", "_nicegui", "_nicegui_ws", "static", "favicon.ico"):
        # What NiceGUI takes in goes to a page's own handlers; a guest's pages have none.
        return "upload" not in parts
    if parts[0] != "api" or len(parts) < 3 or desk.presented is None:
        return False
    turns = desk.turns(desk.presented)
    if parts[1] in ("program", "frames"):
        return any(turn.run.id == parts[2] for turn in turns)
    if parts[1] == "artifacts":
        return any(artifact.id == parts[2] for turn in turns for artifact in turn.run.artifacts)
    return parts[1] == "thumbnail"
