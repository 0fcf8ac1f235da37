"""Speaking to the window: one service for all tabs, and the button that a page shows.

The browser records, this machine understands, and what comes back is text to be read and changed
before anything is done with it.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

from nicegui import ui
from nicegui.events import GenericEventArguments

from intentos.config import Settings
from intentos.errors import IntentOSError, ModelUnavailable
from intentos.messages import catalogue, message
from intentos.protocols import Models
from intentos.recording import MOST_SECONDS
from intentos.registry import Registry
from intentos.speech import MODEL, Speech, Transcript
from intentos.types import Frozen, Language

WAITING = 3
"""Recordings that may wait for their turn; more are turned away."""
GONE_SECONDS = 0.2
"""How often it is looked whether anybody still waits for the words."""
_SECTION = "window_voice"


class Readiness(Frozen):
    """Whether speech can be understood now, and what there is to say about it."""

    state: Literal["ready", "no_library", "no_model", "fetching"]
    message: str = ""
    done: int = 0
    """Bytes of the model that are here."""
    total: int = 0


class Busy(Exception):
    """Too many recordings wait already."""


class Voice:
    """Understands recordings, and fetches the model for it; lives in the pages' event loop."""

    def __init__(self, settings: Settings, models: Callable[[], Models] | None = None) -> None:
        """``models`` is called in another thread; None: those of the default planner."""
        self._settings = settings
        self._find = models or (
            lambda: Registry(plugins=settings.plugins).planner(settings=settings).models
        )
        self._speech: Speech | None = None
        self._models: Models | None = None
        self._opening = asyncio.Lock()
        self._waiting = 0
        self._fetch: asyncio.Task[None] | None = None
        self._canceled = threading.Event()
        self._progress = (0, 0)
        self._problem: IntentOSError | None = None

    async def readiness(self, language: Language) -> Readiness:
        """Return whether speech can be understood now, told in a language."""
        speech = await self._open()
        if self._fetch is not None:
            done, total = self._progress
            percent = 100 * done // total if total else 0
            told = message("window_voice.fetching_model", language, percent=percent)
            return Readiness(state="fetching", message=told, done=done, total=total)
        try:
            await asyncio.to_thread(speech.check)
        except ModelUnavailable as error:
            if error.code != "speech.no_model":
                return Readiness(state="no_library", message=error.text(language))
            told = message("window_voice.no_model", language)
            if self._problem is not None:
                told = self._problem.text(language)
            return Readiness(state="no_model", message=told)
        return Readiness(state="ready")

    async def fetch(self) -> None:
        """Begin to fetch the model, unless that is going on already; return at once."""
        await self._open()
        if self._fetch is None:
            self._problem = None
            self._progress = (0, 0)
            self._fetch = asyncio.get_running_loop().create_task(self._fetched())

    async def hear(
        self, audio: bytes, language: Language, gone: Callable[[], Awaitable[bool]]
    ) -> Transcript | None:
        """Return what is said in a WAV file; None where ``gone`` said that nobody waits for it.

        Raises:
            Busy: too many wait already.
            UsageError, ModelUnavailable: see :meth:`Speech.transcribe`.
        """
        if self._waiting > WAITING:
            raise Busy
        self._waiting += 1
        speech = await self._open()
        task = asyncio.ensure_future(speech.transcribe(audio, language))
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=GONE_SECONDS)
                if not task.done() and await gone():
                    return None
            return task.result()
        finally:
            self._waiting -= 1
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, IntentOSError):
                    await task

    async def close(self) -> None:
        """End the worker and what is being fetched; what has arrived stays for the next time."""
        self._canceled.set()
        if self._fetch is not None:
            await asyncio.wait({self._fetch})
        if self._speech is not None:
            await self._speech.close()

    async def _open(self) -> Speech:
        async with self._opening:  # finding the models imports the planners, which takes a moment
            if self._speech is None:
                self._models = await asyncio.to_thread(self._find)
                self._speech = Speech(self._settings, self._models)
            return self._speech

    async def _fetched(self) -> None:
        models = self._models
        assert models is not None

        def progress(done: int, total: int, source: str) -> None:
            self._progress = (done, total)

        try:
            await asyncio.to_thread(models.pull, MODEL, progress=progress, canceled=self._canceled)
        except IntentOSError as error:
            self._problem = error
        finally:
            self._fetch = None


def voice_words(language: Language) -> dict[str, str]:
    """Return what voice.js says, by the names that it knows."""
    section = f"{_SECTION}."
    names = (code.removeprefix(section) for code in catalogue(language) if code.startswith(section))
    return {name: message(f"window_voice.{name}", language) for name in names}


class VoiceButton(ui.element):
    """The button of voice.js; ``on_heard`` gets the text, which is not acted on by itself."""

    def __init__(self, language: Language, on_heard: Callable[[str], None]) -> None:
        super().__init__("intentos-voice")
        options = {
            "language": language,
            "seconds": MOST_SECONDS - 1,  # what the microphone still gives while it is closed
            "words": voice_words(language),
        }
        self._props["options"] = json.dumps(options, ensure_ascii=False)

        def heard(event: GenericEventArguments) -> None:
            text = event.args.get("text") if isinstance(event.args, dict) else None
            if isinstance(text, str):
                on_heard(text)

        self.on("heard", heard, js_handler="(event) => emit(event.detail)")
