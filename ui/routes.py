"""The plain routes beside the pages: bytes of artifacts, and the player's own file."""

from __future__ import annotations

import asyncio
from importlib import resources
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from fastapi.responses import FileResponse

from intentos.errors import IntentOSError

from .voice_routes import voice_router

if TYPE_CHECKING:
    from .window import Window

SHOWN = frozenset(
    {
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "video/mp4",
        "audio/wav",
        "audio/mpeg",
        "text/csv",
        "application/json",
        "text/plain",
    }
)
"""Media types that a browser shows and never executes; all others are saved as files."""
ALONE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self'; media-src 'self'",
    "Cache-Control": "private, max-age=31536000, immutable",
}


def attach(app: FastAPI, window: Window) -> None:
    """Add the routes to a server."""
    app.include_router(voice_router(lambda: window.voice))

    @app.get("/static/program.js")
    def program_js() -> Response:
        text = resources.files("intentos").joinpath("program.js").read_text("utf-8")
        return Response(text, media_type="text/javascript")

    @app.get("/api/artifacts/{sha256}")
    async def artifact(sha256: str, save: bool = False) -> Response:
        desk = window.desk
        assert desk is not None
        try:
            found = desk.store.artifact(sha256)
            # Its bytes are hashed before they are believed: a film takes a moment.
            path = await asyncio.to_thread(desk.store.path, found.id)
        except IntentOSError as error:
            return Response(error.text("en"), status_code=404, media_type="text/plain")
        shown = found.media_type in SHOWN
        return FileResponse(
            path,
            media_type=found.media_type if shown else "application/octet-stream",
            headers=ALONE,
            filename=found.name,
            content_disposition_type="inline" if shown and not save else "attachment",
        )
