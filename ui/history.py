"""The history: every conversation, the newest first, by day; what goes on moves."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from intentos.errors import IntentOSError
from intentos.events import Event
from intentos.run import Run, RunStatus
from intentos.store import Store
from intentos.talks import Talk

from .page import Page
from .still_route import still_url

AT_ONCE = 30
"""Conversations that are mounted together."""
MOST = 10_000
"""Conversations that are listed at all."""
REDRAW_SECONDS = 0.3
LOOK_SECONDS = 3.0
"""How often what other programs do to the store is looked for."""


@dataclass(frozen=True)
class Entry:
    """One conversation as the list shows it."""

    talk: Talk
    run: Run | None
    """The latest of its runs; None: its record cannot be read."""
    completed: tuple[str, ...]
    """Runs whose results can be kept."""

    @property
    def shown(self) -> str | None:
        """The run whose picture stands for the conversation: the latest that has one."""
        return self.completed[-1] if self.completed else None


class History:
    """The page's content; reads in a thread, then shows."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._search = ""
        self._rows: dict[str, Row] = {}
        self._shown: tuple[Sequence[Talk], Sequence[Entry]] = ((), ())
        self._changed: set[str] = set()
        with (
            ui.element("main").classes("scroll"),
            ui.element("div").classes("page history") as root,
        ):
            self._root = root
            with ui.element("header").classes("page-head"):
                text("h1", page.say("window.history")).classes("page-title")
                prompt = page.say("window_history.search")
                field = ui.input(placeholder=prompt, on_change=self._typed).classes("page-search")
                field.props("outlined dense clearable debounce=150 type=search").mark("search")
                field.props["aria-label"] = prompt
                with field.add_slot("prepend"):
                    ui.icon("search").props("aria-hidden=true")
            self._body = ui.element("div").classes("history-body").mark("history")
            text("p", page.say("window_history.clean")).classes("small muted page-foot")
        self._stop = page.desk.listen("", self._hear)
        ui.context.client.on_delete(self._stop)
        ui.timer(0, self._show, once=True)
        ui.timer(REDRAW_SECONDS, self._redraw)
        ui.timer(LOOK_SECONDS, self._look, immediate=False)
        self._latest = page.desk.store.latest()

    async def _typed(self, event: object) -> None:
        wanted = str(getattr(event, "value", "") or "").strip()[:200]
        if wanted != self._search:
            self._search = wanted
            await self._show()

    async def _show(self) -> None:
        search = self._search
        try:
            talks = await self._page.desk.read(lambda store: store.talks.every(search, MOST))
            entries = await self._read(talks[:AT_ONCE])
        except IntentOSError as error:
            self._page.warn(error.text(self._page.language))
            return
        if self._root.is_deleted or search != self._search:
            return  # somebody went on meanwhile
        if talks and (talks, entries) == self._shown:
            return  # built anew, a row would slip away from under the finger that presses it
        self._shown = talks, entries
        self._rows.clear()
        self._body.clear()
        with self._body:
            if not talks:
                self._nothing()
            else:
                self._list(entries, talks[AT_ONCE:], None)

    def _nothing(self) -> None:
        page = self._page
        with ui.element("div").classes("nothing").props("role=status").mark("nothing"):
            ui.icon("search_off" if self._search else "history").props("aria-hidden=true")
            if self._search:
                told = page.say("window_history.nothing_found", text=self._search)
            else:
                told = page.say("window_history.nothing")
            text("p", told)
            if not self._search:
                ui.link(page.say("window_history.begin"), "/").classes("button primary")

    def _list(self, entries: Sequence[Entry], rest: Sequence[Talk], day: str | None) -> None:
        for entry in entries:
            of_day = self._day(entry.talk.at)
            if of_day != day:
                day = of_day
                text("h2", day).classes("history-day")
            self._rows[entry.talk.id] = Row(self._page, entry)
        if rest:
            self._later(rest, day)

    def _later(self, rest: Sequence[Talk], day: str | None) -> None:
        """Mount the rest as soon as its place comes into sight, or a person asks for it."""

        async def now() -> None:
            if later.is_deleted:
                return
            entries = await self._read(rest[:AT_ONCE])
            if not later.is_deleted:
                later.delete()
                with self._body:
                    self._list(entries, rest[AT_ONCE:], day)

        async def seen(event: object) -> None:
            if getattr(event, "args", False):
                await now()

        with ui.element("div").classes("history-later") as later:
            ui.element("q-intersection").classes("history-sight").on("visibility", seen)
            with ui.element("button").classes("button quiet").props("type=button") as more:
                more.on("click", now, []).mark("more")
                ui.label(self._page.say("window_history.more"))

    async def _read(self, talks: Sequence[Talk]) -> list[Entry]:
        return await self._page.desk.read(lambda store: [read(store, talk) for talk in talks])

    def _hear(self, run_id: str, event: Event | None) -> None:
        if self._root.is_deleted:  # the tab shows another page
            self._stop()
        else:
            self._changed.add(run_id)

    async def _redraw(self) -> None:
        changed, self._changed = self._changed, set()
        anew = False
        for run_id in changed:
            with suppress(IntentOSError):
                turn = self._page.desk.turn(run_id)
                row = self._rows.get(turn.run.intent.conversation)
                if row is None or row.entry.talk.latest < run_id or turn.run.status.ended:
                    anew = True
                else:
                    row.update(turn.run)
        if anew:
            await self._show()

    async def _look(self) -> None:
        """Show what the command line did meanwhile, which tells nobody here."""
        latest, before = self._page.desk.store.latest(), self._latest
        self._latest = latest
        runs = [row.entry.run for row in self._rows.values() if row.entry.run]
        going = [run for run in runs if not run.status.ended]
        stale = False
        for run in going:
            with suppress(IntentOSError):
                stale |= self._page.desk.turn(run.id).run.status is not run.status
        if stale or latest != before:
            await self._show()

    def _day(self, at: str) -> str:
        return day_words(self._page, datetime.fromisoformat(at).astimezone().date())


class Row:
    """One conversation of the list."""

    def __init__(self, page: Page, entry: Entry) -> None:
        self._page = page
        self.entry = entry
        talk = entry.talk
        with ui.element("div").classes("history-row").mark(f"talk-{talk.id}"):
            with ui.link(target=f"/c/{talk.id}").classes("history-link").mark(f"open-{talk.id}"):
                _still(entry)
                with ui.element("span").classes("history-words"):
                    text("span", talk.title).classes("history-title")
                    clock = datetime.fromisoformat(talk.at).astimezone()
                    told = f"{clock:%H:%M} · " + page.say(
                        "window_history.run" if talk.runs == 1 else "window_history.runs",
                        count=talk.runs,
                    )
                    text("span", told).classes("small muted")
                self._status = ui.element("span").classes("history-status")
            if entry.completed and entry.run is not None:
                self._keeper(entry.run.kept)
        if entry.run is not None:
            self.update(entry.run)

    def update(self, run: Run) -> None:
        """Show where the conversation's latest run stands."""
        page = self._page
        self._status.clear()
        with self._status:
            if run.badge is not None:
                text("span", page.say(f"badge.{run.badge}")).classes(f"chip badge {run.badge}")
                return
            said = page.say(f"status.{run.status.value}")
            if run.status.ended:
                text("span", said).classes("chip")
                return
            with ui.element("span").classes("chip going") as chip:
                waits = run.status is RunStatus.AWAITING_APPROVAL
                chip.classes("waits" if waits else "")
                ui.element("span").classes("dot").props("aria-hidden=true")
                passing = page.desk.turn(run.id).passing
                if passing is not None and passing.fraction is not None and not waits:
                    said += f" {passing.fraction:.0%}"
                text("span", said)

    def _keeper(self, kept: bool) -> None:
        button = ui.element("button").classes("round history-keep").props("type=button")
        button.mark(f"keep-{self.entry.talk.id}")
        with button:
            icon = ui.icon("bookmark" if kept else "bookmark_border").props("aria-hidden=true")

        def tell(kept: bool) -> None:
            name = self._page.say("window_history.unkeep" if kept else "window_history.keep")
            button.props["aria-label"] = button.props["title"] = name
            button.props["aria-pressed"] = "true" if kept else "false"
            button.classes(add="kept" if kept else "", remove="" if kept else "kept")
            icon.set_name("bookmark" if kept else "bookmark_border")

        async def change() -> None:
            wanted = button.props["aria-pressed"] != "true"
            try:
                await self._page.desk.keep(self.entry.completed, wanted)
            except IntentOSError as error:
                self._page.warn(error.text(self._page.language))
                return
            tell(wanted)
            self._page.note("window_history.kept" if wanted else "window_history.unkept")

        tell(kept)
        button.on("click", change, [])


def read(store: Store, talk: Talk) -> Entry:
    """Return what the list shows of a conversation."""
    runs = []
    for run_id in store.talks.runs(talk.id):
        with suppress(IntentOSError):
            runs.append(store.run(run_id))
    completed = tuple(run.id for run in runs if run.status is RunStatus.COMPLETED)
    return Entry(talk, runs[-1] if runs else None, completed)


def day_words(page: Page, day: date, today: date | None = None) -> str:
    """Return how people call a day: today, yesterday, a weekday of this week, else its date."""
    back = ((today or datetime.now().astimezone().date()) - day).days
    if back in (0, 1):
        return page.say("window_history.today" if back == 0 else "window_history.yesterday")
    if 1 < back < 7:
        return page.say(f"window_history.weekday_{day.weekday()}")
    month = page.say(f"window_history.month_{day.month}")
    return page.say("window_history.date", day=day.day, month=month, year=day.year)


def text(tag: str, words: str) -> TextElement:
    """Show a text as text, whoever wrote it."""
    return TextElement(tag=tag, text=words)


def _still(entry: Entry) -> None:
    with ui.element("span").classes("history-still"):
        if entry.shown is None:
            ui.icon("notes").props("aria-hidden=true")
            return
        image = ui.element("img").props("loading=lazy decoding=async width=96 height=72")
        image.props["src"], image.props["alt"] = still_url(entry.shown), ""
