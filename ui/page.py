"""What every page of the window has: its desk, its language and its words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from nicegui import app, ui

from intentos.errors import IntentOSError
from intentos.messages import message
from intentos.types import Language, new_id

from .desk import Desk
from .links import Links

Place = Literal["talk", "history", "library", "network", "settings"]
PLACES: dict[Place, tuple[str, str]] = {
    "talk": ("/", "add_comment"),
    "history": ("/history", "history"),
    "library": ("/library", "grid_view"),
    "network": ("/network", "hub"),
    "settings": ("/settings", "tune"),
}
"""Of the rail: where each leads, and its symbol."""


UNIT_WORDS = frozenset(
    "year years month months week weeks day days hour hours "
    "period periods people frame frames steps turns points".split()
)
"""Units that are words, each with its ``units.<word>``."""
_WORD = re.compile(r"[A-Za-z]+")


def unit_text(unit: str, language: Language) -> str:
    """Return a unit as it is said: symbols stay, words such as years are in the language."""

    def said(word: re.Match[str]) -> str:
        return message(f"units.{word[0]}", language) if word[0] in UNIT_WORDS else word[0]

    return _WORD.sub(said, unit)


@dataclass(frozen=True)
class Page:
    """One tab of one person."""

    desk: Desk
    language: Language
    guest: bool = False
    """Sees and turns knobs on the own GPU, and can neither approve nor run anything here."""
    links: Links = field(default_factory=lambda: Links(""))

    def say(self, code: str, /, **arguments: object) -> str:
        """Return a sentence of the catalogue in this tab's language."""
        return message(code, self.language, **arguments)

    def unit(self, unit: str) -> str:
        """Return a unit in this tab's language."""
        return unit_text(unit, self.language)

    def warn(self, text: str) -> None:
        """Tell that something a person did had no effect, and why."""
        ui.notify(text, type="warning", position="top", multi_line=True)

    async def try_it(self, wish: str, recipe: str | None) -> None:
        """Start a conversation with a recipe, or with a wish in words, and go there."""
        conversation = new_id()
        try:
            if recipe is None:
                await self.desk.ask(wish, conversation=conversation, language=self.language)
            else:
                await self.desk.try_recipe(
                    recipe, conversation=conversation, language=self.language
                )
        except IntentOSError as error:
            self.warn(error.text(self.language))
            return
        ui.navigate.to(f"/c/{conversation}")

    def note(self, code: str, /, **arguments: object) -> None:
        """Tell that something a person did was done."""
        ui.notify(self.say(code, **arguments), position="top")


def spoken_language(accepted: str) -> Language:
    """Return the language of a browser's ``Accept-Language``: Chinese or else English."""
    for part in accepted.lower().split(","):
        name = part.partition(";")[0].strip()
        if name.startswith("zh"):
            return "zh"
        if name.startswith("en"):
            return "en"
    return "en"


def chosen_language(accepted: str, settings_language: str) -> Language:
    """Return a tab's language: as chosen here, else in the settings, else the browser's."""
    chosen = app.storage.user.get("language")
    if chosen in ("zh", "en"):
        return "zh" if chosen == "zh" else "en"
    if settings_language in ("zh", "en"):
        return "zh" if settings_language == "zh" else "en"
    return spoken_language(accepted)
