"""Handing a run on: files of every format that it can become, and its plan alone."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from nicegui import background_tasks, ui

from intentos.errors import IntentOSError
from intentos.export import FORMS, Stopped, Work, export, offered
from intentos.export_plan import share
from intentos.run import Run
from intentos.scratch import scratch_folder

from .buttons import button
from .page import Page

KEPT_SECONDS = 600.0
"""How long a file waits to be fetched by the browser."""
REDRAW_SECONDS = 0.2


class ExportMenu:
    """The button, its menu, and the line that tells how far a file is."""

    def __init__(self, page: Page, run: Run) -> None:
        self._page, self._run = page, run
        self._work: Work | None = None
        self._fraction = 0.0
        told = page.say("window_result.export")
        opener = button(told, self._open, "export", symbol="ios_share", style="small-button")
        opener.props["aria-haspopup"] = "menu"
        with opener:
            self._menu = (
                ui.menu().props("no-parent-event").classes("result-menu").mark("export-menu")
            )
        with ui.element("div").classes("row small exporting").props("role=status") as self.line:
            self._label = ui.label().classes("muted grow").mark("exporting")
            button(page.say("window.stop"), self._stop, "stop-export", style="quiet")
        self.line.set_visibility(False)

    async def _open(self) -> None:
        formats = await asyncio.to_thread(offered, self._job())
        self._menu.clear()
        with self._menu:
            for name in formats:
                item = ui.menu_item(on_click=lambda name=name: self._make(name))
                with item.mark(f"export-{name}"):
                    with ui.element("div").classes("menu-row"):
                        ui.label(FORMS[name].extension).classes("mono strong")
                        ui.label(self._page.say(f"window_result.export_{name}")).classes("muted")
        self._menu.open()

    def _job(self) -> Work:
        return Work(
            run=self._run,
            store=self._page.desk.store,
            registry=self._page.desk.registry,
            language=self._page.language,
            progress=self._progress,
        )

    def _progress(self, fraction: float) -> None:
        self._fraction = fraction  # in the thread that writes

    async def _make(self, name: str) -> None:
        if self._work is not None:
            return
        self._work, self._fraction = self._job(), 0.0
        self._label.text = self._page.say("window_result.exporting", format=FORMS[name].extension)
        self.line.set_visibility(True)
        timer = ui.timer(REDRAW_SECONDS, lambda: self._tell(name))
        try:
            with ExitStack() as stack:
                folder = stack.enter_context(scratch_folder())
                path = await asyncio.to_thread(export, self._work, name, folder)
                ui.download.file(path, path.name, FORMS[name].media_type)
                background_tasks.create(_keep(stack.pop_all()), name="keep an export")
        except Stopped:
            pass
        except IntentOSError as error:
            self._page.warn(error.text(self._page.language))
        finally:
            timer.cancel()
            self._work = None
            if not self.line.is_deleted:
                self.line.set_visibility(False)

    def _tell(self, name: str) -> None:
        extension = FORMS[name].extension
        percent = f"{self._fraction * 100:.0f}"
        self._label.text = self._page.say(
            "window_result.exporting_at", format=extension, percent=percent
        )

    def _stop(self) -> None:
        if self._work is not None:
            self._work.stop.set()


async def _keep(folder: ExitStack) -> None:
    """Let a file be fetched for a while; the end of the program ends that too."""
    with folder:
        await asyncio.sleep(KEPT_SECONDS)


def share_button(page: Page, run: Run) -> None:
    """Draw the button that hands the plan on as a file; whoever opens it is asked anew."""

    def hand_on() -> None:
        try:
            shared = share(run)
        except IntentOSError as error:
            page.warn(error.text(page.language))
            return
        ui.download.content(shared.data, shared.name, "application/yaml")
        ui.notify(page.say("window_result.shared"), position="top", multi_line=True)

    told = page.say("window_result.share")
    element = button(told, hand_on, "share", symbol="send", style="small-button")
    element.props["title"] = page.say("window_result.share_about")
