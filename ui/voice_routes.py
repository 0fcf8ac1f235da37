"""The routes of speech: a recording comes in, text goes out; and the fetching of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from intentos.errors import IntentOSError, UsageError
from intentos.messages import message
from intentos.types import Language

from .voice import Busy, Voice

MOST_BYTES = 4_000_000
"""Of an upload: twice a minute of what voice.js records."""
WAV = frozenset({"audio/wav", "audio/wave", "audio/x-wav", "audio/vnd.wave"})


def voice_router(voice: Callable[[], Voice]) -> APIRouter:
    """Return the routes; who may use them is judged by whoever includes them."""
    router = APIRouter(prefix="/api/voice")

    @router.get("")
    async def readiness(language: Language = "en") -> dict[str, Any]:
        return (await voice().readiness(language)).model_dump()

    @router.post("/model", status_code=202)
    async def fetch(language: Language = "en") -> dict[str, Any]:
        await voice().fetch()
        return (await voice().readiness(language)).model_dump()

    @router.post("")
    async def hear(request: Request, language: Language = "en") -> JSONResponse:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in WAV:
            return _told(415, "window_voice.no_wav", language)
        ready = await voice().readiness(language)
        if ready.state != "ready":
            status = 409 if ready.state == "fetching" else 503
            return JSONResponse(ready.model_dump(), status_code=status)
        audio = await _body(request)
        if len(audio) > MOST_BYTES:
            size = request.headers.get("content-length", len(audio))
            return _told(413, "speech.too_large", language, size=size, limit=MOST_BYTES)
        try:
            heard = await voice().hear(audio, language, request.is_disconnected)
        except Busy:
            return _told(429, "window_voice.busy_here", language)
        except IntentOSError as error:
            status = 400 if isinstance(error, UsageError) else 503
            return JSONResponse(
                {"code": error.code, "message": error.text(language)}, status_code=status
            )
        if heard is None:  # nobody is there to read it
            return JSONResponse({}, status_code=499)
        told = "" if heard.text else message("speech.nothing_heard", language)
        return JSONResponse({**heard.model_dump(), "message": told})

    return router


async def _body(request: Request) -> bytes:
    """Return what is uploaded, or its beginning where it is more than may be."""
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > MOST_BYTES:
            break
    return bytes(body)


def _told(status: int, code: str, language: Language, **arguments: object) -> JSONResponse:
    told = message(code, language, **arguments)
    return JSONResponse({"code": code, "message": told}, status_code=status)
