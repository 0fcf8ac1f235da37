"""``/api/still/{run}.webp``: a small picture of what a run drew, never a broken one."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response

from intentos.errors import IntentOSError

from .families import pattern
from .thumbnails_route import of_run, picture

if TYPE_CHECKING:
    from .window import Window

_ID = re.compile(r"[0-9a-z]{26}")
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "Cache-Control": "private, max-age=86400",
}


def still_url(run: str) -> str:
    """Return where the small picture of a run that has ended is."""
    return f"/api/still/{run}.webp"


def attach_stills(app: FastAPI, window: Window) -> None:
    """Add the route to a server."""

    @app.get("/api/still/{run}.webp")
    async def still(run: str) -> Response:
        desk = window.desk
        assert desk is not None

        if not _ID.fullmatch(run):
            return Response(status_code=404)
        try:
            found = await desk.read(lambda store: store.run(run))
        except IntentOSError:
            return Response(status_code=404)
        data = await asyncio.to_thread(of_run, found, desk.store, desk.settings)
        if data is not None:
            return Response(data, media_type="image/webp", headers=_HEADERS)
        recipe = found.plan.recipe if found.plan else None
        drawn = await picture(recipe, desk) if recipe else None
        content, kind = drawn or (pattern("", found.intent.text).encode(), "image/svg+xml")
        return Response(content, media_type=kind, headers=_HEADERS)
