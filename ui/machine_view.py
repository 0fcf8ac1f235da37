"""What works on this machine and what is missing, with the remedy: the doctor's report."""

from __future__ import annotations

from nicegui import ui

from intentos.doctor import Finding
from intentos.errors import IntentOSError

from .buttons import button
from .history import text
from .page import Page

SYMBOLS = {"ok": "check_circle", "limited": "info", "missing": "error"}


class MachineView:
    """A list that is filled when the machine has been looked at, and again on demand."""

    def __init__(self, page: Page) -> None:
        self._page = page
        with ui.element("div").classes("memory").mark("doctor"):
            with ui.element("div").classes("memory-head"):
                text("h3", page.say("window_settings.doctor"))
                button(page.say("window_settings.look_again"), self._again, "look-again")
            self._body = ui.element("ul").classes("memory-list findings").props("aria-busy=true")
            with self._body:
                text("li", page.say("window_settings.looking")).classes("muted small")
        ui.timer(0, self._show, once=True)

    async def _again(self) -> None:
        await self._show(fresh=True)

    async def _show(self, *, fresh: bool = False) -> None:
        page = self._page
        try:
            machine = await page.desk.machines.look(fresh=fresh)
        except IntentOSError as error:
            page.warn(error.text(page.language))
            return
        if self._body.is_deleted:
            return
        self._body.clear()
        self._body.props(remove="aria-busy")
        with self._body:
            for finding in machine.findings:
                self._line(finding)

    def _line(self, finding: Finding) -> None:
        page = self._page
        with ui.element("li").classes(f"memory-line finding {finding.status}"):
            state = page.say(f"window_settings.state_{finding.status}")
            symbol = ui.icon(SYMBOLS[finding.status]).props("role=img")
            symbol.props["aria-label"] = symbol.props["title"] = state
            with ui.element("div").classes("grow"):
                text("p", page.say(f"doctor.{finding.name}")).classes("finding-name")
                if finding.detail:
                    text("p", finding.detail).classes("small muted")
                if finding.problem is not None:
                    text("p", finding.problem.text(page.language)).classes("small")
