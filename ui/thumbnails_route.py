"""``/api/thumbnail/{recipe}.webp``: the picture of a recipe, never a broken one.

What came with IntentOS has a file. What a person saved shows the run that it was saved from: that
picture is foreign (code drew it), so it is made anew, pixel by pixel, small. Whatever else there is
shows its subject's pattern.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response

from intentos.config import Settings
from intentos.errors import IntentOSError
from intentos.run import Run
from intentos.store import Store

from . import stills, thumbnails
from .families import pattern
from .thumbnails import LIVING

if TYPE_CHECKING:
    from .desk import Desk
    from .window import Window

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}(\.living)?")
_YEAR = 365 * 24 * 3600
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}


def thumbnail_url(id: str, saved: str | None = None, *, living: bool = False) -> str:
    """Return where a recipe's picture is; another place after it was made anew. ``saved``: the run
    that a person's own is from."""
    mark = thumbnails.index().get(id, saved or "")[:12]
    return f"/api/thumbnail/{id}{LIVING if living else ''}.webp?v={mark}"


def attach_thumbnails(app: FastAPI, window: Window) -> None:
    """Add the route to a server."""

    @app.get("/api/thumbnail/{name}.webp")
    async def thumbnail(name: str, v: str = "") -> Response:
        desk = window.desk
        assert desk is not None
        found = await picture(name, desk)
        data, kind = found or (pattern("", name).encode(), "image/svg+xml")
        kept = f"private, max-age={_YEAR}, immutable" if v and found else "no-cache"
        return Response(data, media_type=kind, headers={**_HEADERS, "Cache-Control": kept})


async def picture(name: str, desk: Desk) -> tuple[bytes, str] | None:
    """Return a recipe's picture and its media type; None: there is no such recipe."""
    if not _NAME.fullmatch(name):
        return None
    with suppress(FileNotFoundError):
        return thumbnails.path(name).read_bytes(), "image/webp"
    name = name.removesuffix(LIVING)
    every = await asyncio.to_thread(lambda: desk.recipes.every())
    info = next((one for one in every if one.id == name), None)
    if info is None:
        return None
    data = None
    if info.saved:
        with suppress(IntentOSError):  # the run was cleaned away
            run = desk.store.run(info.saved)
            data = await asyncio.to_thread(of_run, run, desk.store, desk.settings)
    if data is None:
        with suppress(FileNotFoundError):
            data = thumbnails.path(info.base or info.id).read_bytes()
    if data is None:
        return pattern(info.family, info.id).encode(), "image/svg+xml"
    return data, "image/webp"


def of_run(run: Run, store: Store, settings: Settings) -> bytes | None:
    """Return a small picture of what a run drew, as WebP; None: it is gone, or drew nothing."""
    for artifact in run.artifacts:
        if artifact.media_type not in ("image/gif", "image/png", "image/jpeg"):
            continue
        kept = settings.cache / "thumbnails" / f"{artifact.id}.webp"
        with suppress(OSError):
            return kept.read_bytes()
        with suppress(IntentOSError, OSError, ValueError):
            frames = stills.picture_frames(store.path(artifact.id), count=8)
            data = stills.still(stills.fitted(frames[stills.most_telling(frames)]))
            _remember(kept, data)
            return data
    return None


def _remember(path: Path, data: bytes) -> None:
    with suppress(OSError):  # then it is made again the next time
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(name, path)
