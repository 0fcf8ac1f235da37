"""Files that go with a wish: taken from a button, a drop or the clipboard, and shown as chips."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from nicegui import events, ui

from intentos.errors import IntentOSError, UsageError
from intentos.intake import MAX_BYTES, MAX_FILES
from intentos.scratch import scratch_folder
from intentos.types import Attachment

from .names import plain_name
from .opening import is_plan
from .page import Page


class Attaching:
    """The files of the next wish."""

    def __init__(
        self,
        page: Page,
        place: ui.element,
        say: Callable[[str], None],
        open_plan: Callable[[bytes, str], Awaitable[None]],
        done: Callable[[bool], Awaitable[None]],
    ) -> None:
        """``place``: where the chips go; ``say`` tells why a file was not taken; ``open_plan``
        takes a plan that somebody shared, which is no file of a wish; ``done`` hears that none is
        being read any more, and whether this one was taken."""
        self._page = page
        self._place = place
        self._say = say
        self._open_plan = open_plan
        self._done = done
        self._found: dict[str, Attachment] = {}
        self._one = asyncio.Lock()
        self.reading = 0
        """Files that are being looked into."""
        name = page.say("window_composer.attach")
        attach = ui.element("button").classes("round").props("type=button data-action=attach")
        attach.props["aria-label"] = attach.props["title"] = name
        with attach.mark("attach"):
            ui.icon("attach_file")
        self.upload = ui.upload(multiple=True, on_upload=self._arrived).classes("hidden-upload")
        self.upload.mark("upload").props("aria-hidden=true tabindex=-1")
        attach.props["data-upload"] = json.dumps(
            {
                "url": self.upload.props["url"],
                "most": MAX_BYTES,
                "files": MAX_FILES,
                "too_large": page.say("window_composer.too_large", limit=MAX_BYTES // 1024**2),
                "too_many": page.say("window_composer.too_many", limit=MAX_FILES),
                "failed": page.say("window_composer.not_sent"),
            },
            ensure_ascii=False,
        )

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The files that have been taken in."""
        return tuple(self._found.values())

    def clear(self) -> None:
        """Let go of all of them: they went with a wish."""
        self._found.clear()
        for chip in list(self._place.default_slot.children):
            if "attachment" in chip.classes:
                chip.delete()

    async def _arrived(self, event: events.UploadEventArguments) -> None:
        file, name = event.file, plain_name(event.file.name)
        page = self._page
        if len(self._found) + self.reading >= MAX_FILES:
            self._say(page.say("window_composer.too_many", limit=MAX_FILES))
            return
        with self._place:
            with ui.element("span").classes("chip attachment").mark("attachment") as chip:
                ui.icon("hourglass_top").props("aria-hidden=true")
                ui.label(page.say("window_composer.reading", name=name))
        self.reading += 1
        try:
            if file.size() > MAX_BYTES:
                size, limit = file.size() // 1024**2, MAX_BYTES // 1024**2
                raise UsageError("attachment.too_large", name=name, size=size, limit=limit)
            if is_plan(name):
                await self._open_plan(await file.read(), name)
                if not chip.is_deleted:  # it went with the files of that plan
                    chip.delete()
                self._say("")
                return
            with scratch_folder() as folder:
                await file.save(folder / name)
                async with self._one:  # the second of two of one name is called otherwise
                    path, keys = folder / name, tuple(self._found)
                    attachment = await page.desk.take_in(path, taken=keys)
                    self._found[attachment.key] = attachment
        except (IntentOSError, OSError) as error:
            chip.delete()
            told = error.text(page.language) if isinstance(error, IntentOSError) else str(error)
            self._say(told)
            taken = False
        else:
            self._say("")
            self._show(chip, attachment)
            taken = True
        finally:
            self.reading -= 1
        if not self.reading:
            await self._done(taken)

    def _show(self, chip: ui.element, attachment: Attachment) -> None:
        page, profile = self._page, attachment.profile
        told = profile_words(page, attachment)
        chip.clear()
        chip.props["title"] = told
        with chip:
            symbol = {"table": "table_chart", "image": "image", "sound": "graphic_eq"}
            ui.icon(symbol.get(profile.kind, "description")).props("aria-hidden=true")
            ui.label(told).classes("chip-text")

            def remove() -> None:
                self._found.pop(attachment.key, None)
                chip.delete()

            close = ui.element("button").classes("chip-close").props("type=button")
            close.props["aria-label"] = page.say("window_composer.detach", name=attachment.name)
            with close.on("click", remove).mark("detach"):
                ui.icon("close")


def profile_words(page: Page, attachment: Attachment) -> str:
    """Return what was found in a file, and what had to be put right, in one line."""
    profile = attachment.profile
    names = [column.name for column in profile.columns]
    told = page.say(
        f"attachment.taken_{profile.kind}",
        name=attachment.name,
        rows=profile.rows,
        columns=len(names),
        names=", ".join(names[:8]) + (", …" if len(names) > 8 else ""),
        width=profile.width,
        height=profile.height,
        seconds=profile.seconds,
        rate=profile.rate,
        shape=" × ".join(map(str, profile.shape)),
        count=profile.rows,
    )
    notes = [page.say(f"attachment.note_{note}") for note in profile.notes]
    return "; ".join([told, *notes])
