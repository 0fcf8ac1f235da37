"""The composer: where a wish is typed, spoken, given files, or said about an earlier run.

The keys, the menu of commands, drafts and what was said before are the browser's (composer.js);
what is sent, and why it is not, is decided here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from nicegui import ui

from intentos.errors import IntentOSError, UsageError
from intentos.run import Run
from intentos.types import MAX_INTENT_CHARACTERS, Attachment, Mode

from .attaching import Attaching
from .commands import COMMANDS, listed
from .island import Island
from .page import Page
from .voice import VoiceButton

FIELD_CHARACTERS = 10 * MAX_INTENT_CHARACTERS
"""More is not even taken from the clipboard: every key would carry it to the server."""
_COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person sends off."""

    text: str
    on: str | None = None
    """The run that it is about; None: the last one that completed."""
    attachments: tuple[Attachment, ...] = ()
    spoken: bool = False
    mode: Mode | None = None


class Composer:
    """A field that grows, with its buttons; one for each conversation in a tab."""

    def __init__(
        self,
        page: Page,
        send: Callable[[Wish], Awaitable[None]],
        *,
        open_plan: Callable[[bytes, str, tuple[Attachment, ...]], Awaitable[None]],
        conversation: str = "",
        said: Sequence[str] = (),
    ) -> None:
        """``send`` raises why a wish is not taken; then it stays to be mended. ``open_plan``
        takes a plan file, its name and the files beside it. ``conversation``: whose drafts are
        kept; ``said``: earlier wishes, the oldest first."""
        self._page = page
        self._send = send
        self._open_plan = open_plan
        self._on: str | None = None
        self._spoken = False
        self._busy = False
        self._waits = False
        with Island().classes("composer-side"):
            self._problem = ui.label().classes("composer-problem").props("role=alert")
            self._problem.mark("composer-problem").set_visibility(False)
            with ui.element("div").classes("composer").mark("composer") as self.root:
                self._notes = ui.element("div").classes("composer-notes")
                with ui.element("div").classes("composer-row"):
                    self._attaching = Attaching(
                        page, self._notes, self._say, self._opened, self._read
                    )
                    self.field = (
                        ui.textarea(placeholder=page.say("window.placeholder"))
                        .props(f"borderless dense autogrow maxlength={FIELD_CHARACTERS}")
                        .classes("grow")
                        .mark("wish")
                    )
                    self.field.props["aria-label"] = page.say("window.placeholder")
                    self.tools = ui.element("div").classes("row")
                    with self.tools:
                        VoiceButton(page.language, self._heard).mark("speak")
                    send_ = ui.element("button").classes("round primary").on("click", self._clicked)
                    name = page.say("window.send")
                    send_.props(f'type=button data-action=send aria-label="{name}" title="{name}"')
                    with send_.mark("send"):
                        ui.icon("arrow_upward")
        self.root.props["data-commands"] = json.dumps(listed(page.say), ensure_ascii=False)
        self.root.props["data-said"] = json.dumps(list(said), ensure_ascii=False)
        self.root.props["data-words"] = json.dumps(
            {
                "commands": page.say("window_composer.commands"),
                "nothing": page.say("window_composer.nothing_there"),
                "drop": page.say("window_composer.drop"),
                "still": page.say("window_composer.still_reading"),
            },
            ensure_ascii=False,
        )
        self.belongs_to(conversation)

    def belongs_to(self, conversation: str) -> None:
        """Say whose drafts are kept from now on; empty: of a conversation that has not begun."""
        self.root.props["data-conversation"] = conversation or "new"

    def follow(self, run: Run) -> None:
        """Let what is said next be about a run, and put the cursor there."""
        self._on = run.id
        title = run.intent.text
        if run.plan is not None:
            spoken = run.plan.spoken(run.values, self._page.language)
            title = run.plan.title.text(self._page.language, spoken)
        self._drop_following()
        with self._notes:
            with ui.element("span").classes("chip following").mark("following") as self._following:
                ui.icon("subdirectory_arrow_right").props("aria-hidden=true")
                ui.label(self._page.say("window_composer.following", title=title))
                close = ui.element("button").classes("chip-close").props("type=button")
                close.props["aria-label"] = self._page.say("window_composer.unfollow")
                with close.on("click", self._unfollow).mark("unfollow"):
                    ui.icon("close")
        self.field.props["placeholder"] = self._page.say("window_composer.what_differs")
        ui.run_javascript("document.querySelector('.composer textarea')?.focus()")

    def _unfollow(self) -> None:
        self._on = None
        self._drop_following()
        self.field.props["placeholder"] = self._page.say("window.placeholder")

    def _drop_following(self) -> None:
        following = getattr(self, "_following", None)
        if following is not None and not following.is_deleted:
            following.delete()

    def _heard(self, text: str) -> None:
        """Put what was heard behind what was typed; it is sent by hand."""
        typed = (self.field.value or "").rstrip()
        self.field.value = f"{typed} {text}" if typed else text
        self.field.run_method("focus")
        self._spoken = True

    async def _opened(self, data: bytes, name: str) -> None:
        await self._open_plan(data, name, self._attaching.attachments)
        self._attaching.clear()

    async def _read(self, taken: bool) -> None:
        waited, self._waits = self._waits, False
        if waited and taken:  # Enter was pressed meanwhile
            await self._clicked()

    def _say(self, text: str) -> None:
        self._problem.text = text
        self._problem.set_visibility(bool(text))

    async def _clicked(self) -> None:
        if self._busy:  # Enter twice in haste sends once
            return
        text = self.field.value or ""
        if not text.strip():
            if self._attaching.attachments:
                self._say(self._page.say("window_composer.say_what"))
            return
        self._waits = bool(self._attaching.reading)
        if self._waits:
            self._say(self._page.say("window_composer.still_reading"))
            return
        self._busy = True
        try:
            await self._send(self._wish(text))
        except IntentOSError as error:
            self._say(error.text(self._page.language))
            return
        finally:
            self._busy = False
        self._say("")
        self.field.value = ""
        self._spoken = False
        self._attaching.clear()
        self._unfollow()

    def _wish(self, text: str) -> Wish:
        mode: Mode | None = None
        if (match := _COMMAND.fullmatch(text.strip())) is not None:
            name, rest = match.group(1), (match.group(2) or "").strip()
            if name == "plan":
                if not rest:
                    raise UsageError("window_composer.plan_what")
                text, mode = rest, "plan"
            elif name in {command.name for command in COMMANDS} or not rest:
                # What buttons do, the browser has done already; this one was not there to press.
                known = " ".join(f"/{command.name}" for command in COMMANDS)
                raise UsageError("window_composer.no_command", name=name, known=known)
        return Wish(
            text=text,
            on=self._on,
            attachments=self._attaching.attachments,
            spoken=self._spoken,
            mode=mode,
        )
