"""The network: this machine, its neighbours, work as it moves, and how a result came to be."""

from __future__ import annotations

from contextlib import suppress

from nicegui import ui

from intentos.errors import IntentOSError
from intentos.events import Event
from intentos.run import Run, RunStatus
from intentos.store import Store

from .history import text
from .machine import Machine
from .neighbours import Neighbours
from .page import Page
from .provenance import Family, family
from .provenance_view import draw

RECENT = 12
"""Runs whose coming to be can be chosen."""
REDRAW_SECONDS = 0.3
LOOK_SECONDS = 3.0
PEERS_SECONDS = 1.0


class Network:
    """The page's content."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._stale = True
        self._chosen: str | None = None
        self._drawn: object = None
        say = page.say
        with (
            ui.element("main").classes("scroll"),
            ui.element("div").classes("page network") as root,
        ):
            self._root = root
            with ui.element("header").classes("page-head"):
                text("h1", say("window.network")).classes("page-title")
            with ui.element("section").classes("panel").mark("here"):
                text("h2", say("window_network.here"))
                self._here = ui.element("dl").classes("machine-facts").props("aria-busy=true")
                with self._here:
                    text("p", say("window_settings.looking")).classes("muted small")
            with ui.element("section").classes("panel").mark("peers"):
                text("h2", say("window_network.peers"))
                self._neighbours = Neighbours(page, ui.element("div"))
            with ui.element("section").classes("panel").mark("jobs"):
                text("h2", say("window_network.jobs"))
                self._jobs = ui.element("ul").classes("memory-list")
            with ui.element("section").classes("panel").mark("flow"):
                with ui.element("div").classes("memory-head"):
                    text("h2", say("window_network.flow"))
                    self._choice = ui.select({}, on_change=self._choose).props("outlined dense")
                    self._choice.classes("flow-choice").mark("flow-run")
                    self._choice.props["aria-label"] = say("window_network.flow_run")
                text("p", say("window_network.flow_help")).classes("small muted")
                self._flow = ui.element("div").classes("flow-body")
        self._stop = page.desk.listen("", self._hear)
        ui.context.client.on_delete(self._stop)
        ui.context.client.on_delete(self._neighbours.close)
        ui.timer(0, self._tell_machine, once=True)
        ui.timer(PEERS_SECONDS, self._neighbours.look)
        ui.timer(REDRAW_SECONDS, self._redraw)
        ui.timer(LOOK_SECONDS, self._look, immediate=False)

    # ---- this machine -------------------------------------------------------------------------

    async def _tell_machine(self) -> None:
        page = self._page
        try:
            machine = await page.desk.machines.look()
        except IntentOSError as error:
            page.warn(error.text(page.language))
            return
        if self._here.is_deleted:
            return
        self._here.clear()
        self._here.props(remove="aria-busy")
        with self._here:
            for name, told in self._facts(machine):
                with ui.element("div").classes("machine-fact"):
                    text("dt", page.say(f"window_network.{name}"))
                    text("dd", told)

    def _facts(self, machine: Machine) -> list[tuple[str, str]]:
        page = self._page
        working = [
            finding.detail.split(" · ")[0]
            for finding in machine.findings
            if finding.name == "executor" and finding.status == "ok"
        ]
        used = f"{machine.artifacts / 1e9:.2f} / {machine.budget / 1e9:.0f} GB"
        free = page.say("window_network.free", size=f"{machine.free / 1e9:.0f}")
        facts = [
            ("gpu", machine.device or page.say("window_network.no_gpu")),
            ("cores", str(machine.cores)),
            ("executors", ", ".join(working) or "—"),
            ("model", self._model(page.desk.settings.model)),
            ("disk", f"{used} · {free}"),
        ]
        if machine.memory is not None:
            facts.insert(2, ("memory", f"{machine.memory / 2**30:.0f} GB"))
        return facts

    def _model(self, name: str) -> str:
        if name not in ("embedded", "none"):
            return name
        return self._page.say(f"window_settings.model_{name}")

    # ---- work as it moves ---------------------------------------------------------------------

    def _hear(self, run_id: str, event: Event | None) -> None:
        if self._root.is_deleted:  # the tab shows another page
            self._stop()
        else:
            self._stale = True

    async def _look(self) -> None:
        self._stale = True  # other programs tell nobody here what they do

    async def _redraw(self) -> None:
        if not self._stale:
            return
        self._stale = False
        try:
            going, recent = await self._page.desk.read(_runs)
        except IntentOSError as error:
            self._page.warn(error.text(self._page.language))
            return
        if self._root.is_deleted:
            return
        self._jobs.clear()
        with self._jobs:
            for run in going:
                self._job(run)
            if not going:
                text("li", self._page.say("window_network.no_jobs")).classes("small muted")
        language = self._page.language
        options = {run.id: _title(run, language) for run in recent}
        if options != self._choice.options:
            done = [run.id for run in recent if run.status is RunStatus.COMPLETED]
            chosen = (
                self._chosen if self._chosen in options else next(iter([*done, *options]), None)
            )
            self._choice.set_options(options, value=chosen)
        await self._draw_flow()

    def _job(self, run: Run) -> None:
        page = self._page
        passing = page.desk.turn(run.id).passing
        with ui.element("li").classes("memory-line").mark(f"job-{run.id}"):
            waits = run.status is RunStatus.AWAITING_APPROVAL
            with ui.element("span").classes("chip going waits" if waits else "chip going"):
                ui.element("span").classes("dot").props("aria-hidden=true")
                text("span", page.say(f"status.{run.status.value}"))
            target = f"/c/{run.intent.conversation}"
            ui.link(_title(run, page.language), target).classes("grow job-link")
            told = []
            if passing is not None and passing.queue is not None:
                resource, place = passing.queue
                told.append(page.say(f"stage.queue_{resource}", place=place))
            elif passing is not None and not waits:
                told += [page.say(passing.stage), passing.executor]
                if passing.fraction is not None:
                    told.append(f"{passing.fraction:.0%}")
            text("span", " · ".join(part for part in told if part)).classes("small muted")

    # ---- how a result came to be --------------------------------------------------------------

    async def _choose(self) -> None:
        self._chosen = str(self._choice.value) if self._choice.value else None
        await self._draw_flow()

    async def _draw_flow(self) -> None:
        page, run_id = self._page, self._choice.value
        found: Family | None = None
        if run_id is not None:
            with suppress(IntentOSError):
                found = await page.desk.read(lambda store: family(store, run_id))
        if self._root.is_deleted or (self._drawn is not None and found == self._drawn):
            return
        self._drawn = found
        self._flow.clear()
        with self._flow:
            if found is None:
                text("p", page.say("window_network.no_flow")).classes("small muted")
            else:
                draw(page, found)


def _runs(store: Store) -> tuple[list[Run], list[Run]]:
    """Return the runs that go on, the oldest first, and the latest that have a plan."""
    going = []
    for run_id in store.unfinished():
        with suppress(IntentOSError):
            run = store.run(run_id)
            if not run.status.ended:
                going.append(run)
    recent = [run for run in store.runs(3 * RECENT) if run.plan is not None]
    return going, recent[:RECENT]


def _title(run: Run, language: str) -> str:
    if run.plan is None:
        return " ".join(run.intent.text.split())[:80]
    return run.plan.title.text(language, run.plan.spoken(run.values, language))
