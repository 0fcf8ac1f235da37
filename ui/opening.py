"""Opening a plan that somebody shared: from a dialog, a drop or the clipboard; nothing runs.

The plan goes through every limit of a plan file, is called what it is here whatever it says of
itself, and is asked about whatever was approved before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from nicegui import events, ui

from intentos.errors import IntentOSError, InvalidPlan, UsageError
from intentos.messages import message
from intentos.types import Attachment, Language, new_id

from .desk import Desk
from .names import plain_name
from .page import Page

if TYPE_CHECKING:
    from .window import Window

MOST_BYTES = 1_000_000
"""Of a plan that is opened in the window: plans have a few thousand; this many take 5 s to read."""
ENDINGS = (".yaml", ".yml")
"""Nothing else that can be attached is called so."""
TOLD_CHARACTERS = 600


def is_plan(name: str) -> bool:
    """Return whether a file that was handed over is to be opened, and not attached to a wish."""
    return name.lower().endswith(ENDINGS)


async def open_plan(
    desk: Desk,
    data: bytes,
    name: str,
    *,
    conversation: str,
    language: Language,
    attachments: Sequence[Attachment] = (),
) -> str:
    """Start a run of a plan in a file's bytes, and return its id; a person is asked about it.

    Raises:
        InvalidPlan: ``window_open.failed``: it is too large, or no plan that can be read here.
        UsageError: it works on files that are not there.
        StoreError: the store cannot be written.
    """
    try:
        it = message("window_open.file", language)
        if len(data) > MOST_BYTES:
            raise InvalidPlan("plan.too_large", source=it, limit=MOST_BYTES)
        found = await desk.read_plan(data, it)
    except InvalidPlan as error:
        told = error.text(language)
        if len(told) > TOLD_CHARACTERS:
            told = told[:TOLD_CHARACTERS] + " …"
        raise InvalidPlan("window_open.failed", name=name, what=told) from error
    try:
        return await desk.run_plan(
            found.plan,
            found.values,
            conversation=conversation,
            language=language,
            attachments=attachments,
            file=name,
        )
    except UsageError as error:
        if error.code.startswith("attachment.missing_"):
            raise UsageError("window_open.needs_file", name=name) from error
        raise


def opening(page: Page) -> None:
    """Mount what opens plans from any page of a tab; ``static/opening.js`` does the browser's
    part."""
    element = ui.element("intentos-opening").mark("opening").props("data-action=open aria-hidden")

    def refused(event: events.GenericEventArguments) -> None:
        if isinstance(event.args, str):
            page.warn(event.args[: 2 * TOLD_CHARACTERS])

    options = {
        "url": f"/api/plans?language={page.language}",
        "most": MOST_BYTES,
        "too_large": page.say("plan.too_large", source="{name}", limit=MOST_BYTES),
        "failed": page.say("window_composer.not_sent"),
    }
    element.props["options"] = json.dumps(options, ensure_ascii=False)
    element.on("refused", refused, js_handler="(event) => emit(event.detail)")


def attach_opening(app: FastAPI, window: Window) -> None:
    """Add the route that takes a plan file and answers with the conversation that it began."""

    @app.post("/api/plans")
    async def opened(request: Request, name: str = "", language: Language = "en") -> JSONResponse:
        desk = window.desk
        assert desk is not None
        body = bytearray()
        async for block in request.stream():
            body += block
            if len(body) > MOST_BYTES:
                break
        conversation = new_id()
        try:
            await open_plan(
                desk,
                bytes(body),
                plain_name(name),
                conversation=conversation,
                language=language,
            )
        except IntentOSError as error:
            return JSONResponse(
                {"code": error.code, "message": error.text(language)}, status_code=400
            )
        return JSONResponse({"conversation": conversation})


def from_file(page: Page, run: str) -> str:
    """Return the sentence of a plan's card that says from which file it came; empty: from none."""
    name = page.desk.opened.get(run)
    return "" if name is None else message("window_open.from_file", page.language, name=name)
