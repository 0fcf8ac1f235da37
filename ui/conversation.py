"""A conversation: what was wished and what came of it, one turn below the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress

from nicegui import background_tasks, ui

from intentos.errors import IntentOSError
from intentos.events import Event
from intentos.run import Run
from intentos.types import Attachment, new_id

from .composer import Composer, Wish
from .first_minute import FirstMinute
from .island import Island
from .opening import open_plan
from .page import Page
from .present_switch import present_switch
from .stage import StageSide
from .turn import TurnView

SHOWN = 20
"""Turns that are drawn at once; earlier ones on demand."""
REDRAW_SECONDS = 0.1
"""What passes by is drawn at most this often."""


class Conversation:
    """The view of one conversation in one tab; every tab that shows it draws the same."""

    def __init__(self, page: Page, id: str | None) -> None:
        self._page = page
        self.id = id or new_id()
        self._views: dict[str, TurnView] = {}
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        desk = page.desk
        if id is not None and not page.guest:
            background_tasks.create(desk.adopt(id))
        turns = desk.turns(self.id)
        with ui.element("main").classes("room") as self._room:
            with ui.element("section").classes("talk-side"):
                present_switch(page, self.id)
                with Island().classes("talk").props("role=log aria-live=polite") as talk:
                    self._talk = talk.mark("talk")
                    self._hidden = [turn.run.id for turn in turns[:-SHOWN]]
                    self._earlier_button()
                    if not turns:
                        self._first = FirstMinute(page, self.attempt)
                        self._first.greet()
                    for turn in turns[-SHOWN:]:
                        self._add(turn.run.id)
                if not page.guest:
                    self.composer = Composer(
                        page,
                        self.send,
                        open_plan=self.open_plan,
                        conversation=id or "",
                        said=[turn.run.intent.text for turn in turns],
                    )
                if not turns:
                    self._first.offer()
            self.stage = StageSide(page, None if page.guest else self.rerun)
        self._room.classes(add="" if turns else "alone")
        if turns:
            self.stage.show(turns[-1])
        self._stop = desk.listen(self.id, self._hear)
        ui.context.client.on_delete(self._stop)
        self._timer = ui.timer(REDRAW_SECONDS, self._redraw)
        self._bottom()

    async def say(self, text: str) -> bool:
        """Start a run for a wish; return whether it was taken."""
        return await self._begin(self._page.desk.ask(text, conversation=self.id))

    async def attempt(self, wish: str, recipe: str | None) -> None:
        """Start a run of a recipe as it is, or else for a wish."""
        desk, language = self._page.desk, self._page.language
        if recipe is None:
            await self.say(wish)
        else:
            begun = desk.try_recipe(recipe, conversation=self.id, language=language)
            await self._begin(begun)

    async def _begin(self, begun: Awaitable[str]) -> bool:
        try:
            with self._addressed():
                run_id = await begun
        except IntentOSError as error:
            self._page.warn(error.text(self._page.language))
            return False
        self._begun(run_id)
        return True

    async def send(self, wish: Wish) -> None:
        """Start a run for what was composed; raises as :meth:`Desk.ask`.

        What is said about a plan that waits takes that plan's place.
        """
        desk = self._page.desk
        with self._addressed():
            run_id = await desk.ask(
                wish.text,
                conversation=self.id,
                on=wish.on,
                attachments=wish.attachments,
                spoken=wish.spoken,
                mode=wish.mode,
            )
        self._begun(run_id)
        if wish.on is not None and desk.turn(wish.on).question is not None:
            with suppress(IntentOSError):  # somebody has answered it meanwhile
                await desk.reject(wish.on)

    async def open_plan(self, data: bytes, name: str, files: tuple[Attachment, ...]) -> None:
        """Ask about a plan that somebody shared; raises as :func:`open_plan`."""
        with self._addressed():
            run_id = await open_plan(
                self._page.desk,
                data,
                name,
                conversation=self.id,
                language=self._page.language,
                attachments=files,
            )
        self._begun(run_id)

    @contextmanager
    def _addressed(self) -> Iterator[None]:
        """Give the tab the conversation's address before anything of it begins: whoever reloads,
        or loses the server, in whatever moment, comes back to it."""
        self._move(f"/c/{self.id}", self.id)
        try:
            yield
        except BaseException:
            if not self._views:  # nothing has begun
                self._move("/", "")
            raise

    def _move(self, address: str, drafts: str) -> None:
        if not self._room.is_deleted:
            ui.navigate.history.replace(address)
            self.composer.belongs_to(drafts)

    def _begun(self, run_id: str) -> None:
        if not self._room.is_deleted:
            self._show(run_id)

    def _show(self, run_id: str) -> None:
        if run_id in self._views:
            return
        if not self._views and hasattr(self, "_first"):
            self._first.delete()
            self._room.classes(remove="alone")
        with self._talk:
            self._add(run_id)
        self.stage.show(self._page.desk.turn(run_id))
        self._bottom()

    def _add(self, run_id: str) -> None:
        self._views[run_id] = TurnView(self._page, run_id, self)

    def _hear(self, run_id: str, event: Event | None) -> None:
        if self._room.is_deleted:  # the tab shows another page
            self._stop()
            return
        self._changed.add(run_id)

    def _redraw(self) -> None:
        changed, self._changed = self._changed, set()
        for run_id in sorted(changed):  # ids sort by time
            self._show(run_id)
            self._views[run_id].update()
            turn = self._page.desk.turn(run_id)
            self.stage.update(turn)
            if turn.run.status.ended and run_id == next(reversed(self._views), None):
                self._bottom()  # its result has come

    def _earlier_button(self) -> None:
        if not self._hidden:
            return

        def earlier() -> None:
            shown, self._hidden = self._hidden[-SHOWN:], self._hidden[:-SHOWN]
            button.delete()
            with self._talk:
                for place, run_id in enumerate(shown):
                    self._add(run_id)
                    self._views[run_id].root.move(target_index=place)
                self._earlier_button()

        text = self._page.say("window.earlier", count=len(self._hidden))
        button = ui.element("button").classes("button quiet").on("click", earlier)
        with button.props("type=button data-action=earlier").mark("earlier"):
            ui.label(text)
        button.move(target_index=0)

    def _bottom(self) -> None:
        ui.run_javascript(
            "document.querySelectorAll('.talk').forEach((t) => { t.scrollTop = t.scrollHeight; })"
        )

    def select(self, run_id: str) -> None:
        """Show a turn on the stage."""
        self.stage.show(self._page.desk.turn(run_id))

    async def rerun(self, run_id: str) -> str | None:
        """Run a turn's plan once more with its knobs as they are in this tab, and return the new
        run's id; None where that cannot be, which is then told."""
        try:
            new = await self._page.desk.rerun(run_id, self.stage.turned(run_id))
        except IntentOSError as error:
            self._page.warn(error.text(self._page.language))
            return None
        self._show(new)
        return new

    def change(self, run_id: str) -> None:
        """Let what is said next be about a turn, and put the cursor where it is said."""
        self.composer.follow(self._page.desk.turn(run_id).run)

    def compare(self, left: str, right: str) -> None:
        """Show two runs beside each other on the stage."""
        desk = self._page.desk
        self.stage.compare(desk.turn(left), desk.turn(right))

    def comparable(self, run_id: str) -> list[Run]:
        """Return the runs that one can be compared with: its parent first, then the newest."""
        desk = self._page.desk
        own = desk.turn(run_id).run
        found = [turn.run for turn in reversed(desk.turns(self.id))]
        if own.parent_run is not None and all(run.id != own.parent_run for run in found):
            with suppress(IntentOSError):
                found.append(desk.turn(own.parent_run).run)
        found = [r for r in found if r.id != run_id and r.approval is not None and r.status.ended]
        return sorted(found, key=lambda run: run.id != own.parent_run)
