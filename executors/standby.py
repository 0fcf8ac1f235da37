"""Keeps one warm template ready, and puts a new one in its place when the old one will not do."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from . import bubblewrap
from .template import Template, TemplateBroken, WarmBox, Wish

MOST_FAILURES = 3
"""In a row; then steps stay cold until the packages change."""


class Standby:
    """The template of a program that stays, from ``begin()`` to ``close()``.

    ``font_cache`` returns the folder that fonts.py makes.
    """

    def __init__(self, font_cache: Callable[[], Awaitable[Path]]) -> None:
        self._font_cache = font_cache
        self._template: Template | None = None
        self._making: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._key: tuple[object, ...] = ()
        self._failures = 0
        self._begun = False
        self.problem = ""
        """Why the last template did not start."""

    def begin(self) -> None:
        """Start a template; steps are cold until it is ready."""
        if self._making is None and self._template is None:
            self._begun = True
            self._renew()

    async def ready(self) -> bool:
        """Wait for the template that is being started; return whether there is one."""
        if self._making is not None:
            await asyncio.shield(self._making)
        return self._template is not None and self._template.works

    def box(self, wish: Wish) -> WarmBox | None:
        """Return a warm sandbox, or None where a cold one has to do."""
        template = self._template
        if not self._begun:
            return None
        changed = self._key != key()
        if template is not None and (changed or not template.works):
            self._retire()
        if changed or (self._failures < MOST_FAILURES and (template is None or template.is_spent)):
            self._renew()
        template = self._template
        return template.box(wish) if template is not None and wish.fits else None

    def failed(self, why: str) -> None:
        """Note that a sandbox of the template did not start, and give the template up."""
        self.problem = why
        self._failures += 1
        self._retire()

    def worked(self) -> None:
        """Note that a step has run."""
        self._failures = 0

    async def close(self) -> None:
        """End the template and what is being made of the next one."""
        self._begun = False
        making, self._making = self._making, None
        if making is not None:
            making.cancel()
            await asyncio.gather(making, return_exceptions=True)
        self._retire()
        while self._retiring:
            await asyncio.gather(*self._retiring)

    def _renew(self) -> None:
        if self._making is None:
            self._making = asyncio.ensure_future(self._make())

    async def _make(self) -> None:
        began = key()
        template: Template | None = None
        try:
            if began != self._key:
                self._failures = 0
            self._key = began
            template = Template(await self._font_cache())
            await template.start()
        except (TemplateBroken, OSError) as error:
            self.problem = str(error)
            self._failures = MOST_FAILURES
        else:
            self._retire()
            self._template = template
        finally:
            self._making = None

    def _retire(self) -> None:
        template, self._template = self._template, None
        if template is not None:
            task = asyncio.ensure_future(template.retire())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)


def key() -> tuple[object, ...]:
    """Return what a template depends on: interpreter, packages, fonts and the harness."""
    found: list[object] = [sys.executable, os.environ.get("PATH")]
    harness = [Path(__file__).with_name(name) for name in bubblewrap.HARNESS_FILES]
    for path in (*(source for source, _ in bubblewrap.packages()), bubblewrap.FONTS, *harness):
        with suppress(OSError):
            status = path.stat()
            found.append((str(path), status.st_mtime_ns, status.st_ino))
    return tuple(found)
