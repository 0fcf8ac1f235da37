"""The palette (Ctrl+K) and the list of keys (?): everything by its name, from the keyboard."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from nicegui import ui
from nicegui.events import GenericEventArguments

from intentos.errors import IntentOSError
from intentos.types import MAX_INTENT_CHARACTERS

from .commands import listed
from .page import Page

if TYPE_CHECKING:
    from .window import Window

TALKS = 300
"""Conversations among which the palette looks, the newest."""
KEYS = (
    (("Enter",), "send"),
    (("Shift", "Enter"), "new_line"),
    (("↑",), "earlier"),
    (("/",), "commands"),
    (("Ctrl", "Enter"), "run"),
    (("Esc",), "stop"),
    (("Ctrl", "K"), "palette"),
    (("?",), "help"),
)
"""What is pressed → what it does, as ``window_palette.key_…``."""
WORDS = (
    "title", "prompt", "nothing", "ask", "recipe", "talk", "command", "help_title", "close", "hint",
)  # fmt: skip


def palette(page: Page) -> ui.element:
    """Mount the palette of a tab; it is drawn by ``static/palette.js`` when it is opened."""
    words = {name: page.say(f"window_palette.{name}") for name in WORDS}
    options = {
        "words": words,
        "commands": listed(page.say, guest=page.guest),
        "keys": [[list(keys), page.say(f"window_palette.key_{does}")] for keys, does in KEYS],
        "guest": page.guest,
        "source": f"/api/palette?language={page.language}",
    }

    async def chosen(event: GenericEventArguments) -> None:
        asked = event.args if isinstance(event.args, dict) else {}
        recipe, wish = asked.get("recipe"), asked.get("wish")
        if page.guest:
            return
        if isinstance(recipe, str):
            await page.try_it(recipe, recipe)
        elif isinstance(wish, str) and 0 < len(wish.strip()) <= MAX_INTENT_CHARACTERS:
            await page.try_it(wish, None)

    element = ui.element("intentos-palette").mark("palette")
    element.props["options"] = json.dumps(options, ensure_ascii=False)
    element.on("try", chosen, js_handler="(event) => emit(event.detail)")
    return element


def attach_palette(app: FastAPI, window: Window) -> None:
    """Add the route from which the palette gets recipes and conversations."""

    @app.get("/api/palette")
    async def found(language: str = "en") -> Response:
        desk = window.desk
        assert desk is not None
        other = "en" if language == "zh" else "zh"

        def recipes() -> list[list[object]]:
            infos = desk.recipes.every()
            return [[i.id, i.title.text(language), i.title.text(other), i.law] for i in infos]

        try:
            talks = await desk.read(lambda store: store.talks.every("", TALKS))
        except IntentOSError as error:
            return Response(error.text(language), status_code=500, media_type="text/plain")
        document = {
            "recipes": await asyncio.to_thread(recipes),
            "talks": [[talk.id, talk.title[:200]] for talk in talks],
        }
        text = json.dumps(document, ensure_ascii=False)
        headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        return Response(text, media_type="application/json", headers=headers)
