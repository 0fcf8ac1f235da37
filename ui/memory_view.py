"""What is remembered, as lists from which each thing can be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from nicegui import ui

from intentos.checks import plain
from intentos.consent import Consents
from intentos.errors import IntentOSError
from intentos.preferences import Preferences
from intentos.spending import Spending
from intentos.store import Store

from .buttons import button
from .history import text
from .page import Page


@dataclass(frozen=True)
class Remembered:
    """One line of a list."""

    name: str
    says: str
    about: str = ""


class Listing:
    """A list that reads itself, shows why it cannot, and lets each thing be taken back."""

    mark = ""
    """Of the list; its words are ``window_settings.<mark>…``."""

    def __init__(self, page: Page) -> None:
        self._page = page
        with ui.element("div").classes("memory").mark(self.mark):
            with ui.element("div").classes("memory-head"):
                text("h3", page.say(f"window_settings.{self.mark}"))
                self._end = ui.element("div")
            self._note = text("p", "").classes("small muted")
            self._body = ui.element("ul").classes("memory-list")
        ui.timer(0, self._show, once=True)

    async def read(self) -> Sequence[Remembered]:
        """Return what there is."""
        raise NotImplementedError

    async def forget(self, name: str) -> None:
        """Take one thing back."""
        raise NotImplementedError

    async def _show(self) -> None:
        page = self._page
        try:
            found = await self.read()
        except IntentOSError as error:
            self._note.text = error.text(page.language)
            found = ()
        else:
            self._note.text = "" if found else page.say(f"window_settings.{self.mark}_none")
        if self._body.is_deleted:
            return
        self._body.clear()
        with self._body:
            for entry in found:
                self._line(entry)

    def _line(self, entry: Remembered) -> None:
        with ui.element("li").classes("memory-line").mark(f"{self.mark}-{entry.name}"):
            with ui.element("div").classes("grow"):
                text("p", entry.says)
                if entry.about:
                    text("p", entry.about).classes("small muted")
            said = self._page.say(f"window_settings.{self.mark}_forget")
            name = f"{said}: {entry.says}"[:200]
            button(said, lambda: self._take_back(entry.name), f"forget-{entry.name}", name=name)

    async def _take_back(self, name: str) -> None:
        await self._attempt(lambda: self.forget(name))

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except IntentOSError as error:
            self._page.warn(error.text(self._page.language))
        await self._show()


class Standing(Listing):
    """Rules, and plans that run again without asking."""

    mark = "standing"

    async def read(self) -> Sequence[Remembered]:
        """Return the rules, then the plans."""
        language = self._page.language

        def look(store: Store) -> list[Remembered]:
            found = [
                Remembered(rule.id, rule.words(language), date(rule.at))
                for rule in store.standing.rules()
            ]
            for approval, run_id in store.standing.approvals():
                title = ""
                with suppress(IntentOSError):  # its run may be damaged; the yes holds all the same
                    run = store.run(run_id)
                    if run.plan is not None:
                        title = run.plan.title.text(language, run.plan.spoken(run.values, language))
                about = f"{date(approval.at)} · {approval.plan_digest[:12]}"
                found.append(Remembered(approval.plan_digest, title or "?", about))
            return found

        return await self._page.desk.read(look)

    async def forget(self, name: str) -> None:
        """Ask again from now on."""
        await self._page.desk.forget(name)


class Providers(Listing):
    """Other people's models that may be sent something, and what they cost today."""

    mark = "providers"

    async def read(self) -> Sequence[Remembered]:
        """Return the providers."""
        page, settings = self._page, self._page.desk.settings
        found = await asyncio.to_thread(Consents(settings).every)
        dollars, _ = await asyncio.to_thread(Spending(settings).today)
        self._end.clear()
        if dollars or found:
            with self._end:
                told = page.say(
                    "window_settings.spent",
                    spent=f"{dollars:.2f}",
                    cap=f"{settings.spend_per_day:g}",
                )
                text("p", told).classes("small muted").mark("spent")
        sent = {kind: page.say(f"consent.sent_{kind}") for c in found for kind in c.sent}
        return [
            Remembered(one.host, one.host, "; ".join(sent[kind] for kind in one.sent))
            for one in found
        ]

    async def forget(self, name: str) -> None:
        """Ask again before anything goes there."""
        await asyncio.to_thread(Consents(self._page.desk.settings).forget, name)


class Learned(Listing):
    """What the person chose before."""

    mark = "learned"

    async def read(self) -> Sequence[Remembered]:
        """Return the choices."""
        page = self._page
        known = await asyncio.to_thread(Preferences(page.desk.settings).every)
        self._end.clear()
        if known:
            with self._end:
                said = page.say("window_settings.learned_forget_all")
                button(said, self._forget_all, "forget-all", style="quiet")
        return [
            Remembered(
                name,
                f"{name} = {plain(one.value)}",
                page.say(f"window_settings.how_{one.how}", wish=one.wish) + " · " + date(one.at),
            )
            for name, one in sorted(known.items())
        ]

    async def forget(self, name: str) -> None:
        """Forget one choice."""
        await asyncio.to_thread(Preferences(self._page.desk.settings).forget, name)

    async def _forget_all(self) -> None:
        settings = self._page.desk.settings

        async def work() -> None:
            await asyncio.to_thread(Preferences(settings).forget_all)

        await self._attempt(work)


def date(at: datetime) -> str:
    """Return a day as lists write it."""
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
