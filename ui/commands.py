"""The commands of the window, as the palette and the composer's ``/`` menu list them.

Each does what a button or a link of the page does, so that everything can be done by hand as well:
it opens a ``path``, presses the last button that bears its ``action`` in ``data-action``, or, with
neither, goes with the text into the composer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict


@dataclass(frozen=True)
class Command:
    """Something that a person can do by its name."""

    name: str
    """What is typed after ``/``; its sentence is ``commands.<name>``."""
    symbol: str
    action: str = ""
    path: str = ""
    keys: str = ""
    """That do it too, as keyboards name them."""
    guest: bool = False
    """Whether guests may do it as well."""


COMMANDS = (
    Command("new", "add_comment", path="/"),
    Command("plan", "checklist"),
    Command("run", "play_arrow", action="run", keys="Ctrl+Enter"),
    Command("stop", "stop", action="stop", keys="Esc", guest=True),
    Command("rerun", "replay", action="rerun"),
    Command("change", "edit_note", action="change"),
    Command("compare", "compare", action="compare"),
    Command("save", "bookmark_add", action="save"),
    Command("export", "download", action="export"),
    Command("share", "ios_share", action="share"),
    Command("open", "file_open", action="open"),
    Command("history", "history", path="/history"),
    Command("library", "grid_view", path="/library"),
    Command("network", "hub", path="/network"),
    Command("settings", "tune", path="/settings"),
    Command("theme", "contrast", action="theme", guest=True),
    Command("language", "translate", action="language", guest=True),
    Command("help", "keyboard", action="help", keys="?", guest=True),
)


class Listed(TypedDict):
    """A command as the page's scripts get it."""

    name: str
    title: str
    symbol: str
    action: str
    path: str
    keys: str


def listed(say: Callable[[str], str], *, guest: bool = False) -> list[Listed]:
    """Return the commands in a person's language."""
    return [
        Listed(
            name=command.name,
            title=say(f"commands.{command.name}"),
            symbol=command.symbol,
            action=command.action,
            path=command.path,
            keys=command.keys,
        )
        for command in COMMANDS
        if command.guest or not guest
    ]
