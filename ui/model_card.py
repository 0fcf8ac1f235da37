"""The embedded model: what it is for, whether it is here, and fetching it with its progress."""

from __future__ import annotations

from nicegui import ui

from intentos.protocols import ModelInfo

from .page import Page
from .progress_line import span

REDRAW_SECONDS = 0.4


class ModelCard:
    """A card that follows the fetch, whichever tab began it."""

    def __init__(self, page: Page, *, only_missing: bool) -> None:
        """``only_missing``: draw nothing where the model is here, or is none that is fetched."""
        self._page = page
        self._only_missing = only_missing
        self._info: ModelInfo | None = None
        self._drawn: object = None
        self._root = ui.element("div").classes("model-card").mark("model-card")
        self._root.set_visibility(False)
        ui.timer(0, self._look, once=True)
        self._timer = ui.timer(REDRAW_SECONDS, self._redraw, active=False)

    async def _look(self) -> None:
        desk = self._page.desk
        self._info = await desk.fetching.missing(desk.settings.model)
        if self._root.is_deleted:
            return
        if self._info is None and self._only_missing:
            return
        self._root.set_visibility(True)
        self._timer.activate()
        self._redraw()

    def _redraw(self) -> None:
        fetching = self._page.desk.fetching
        if self._drawn != fetching.state:
            was, self._drawn = self._drawn, fetching.state
            if was == "going" and fetching.state == "idle":
                self._info = None  # it is here now
            self._root.clear()
            with self._root:
                self._draw()
        if fetching.state == "going":
            self._follow()

    def _draw(self) -> None:
        page, fetching, info = self._page, self._page.desk.fetching, self._info
        ui.icon("check_circle" if info is None else "downloading").props("aria-hidden=true")
        with ui.element("div").classes("grow"):
            if info is None:
                ui.label(page.say("window_model.here")).mark("model-here")
                return
            size = f"{info.size / 1e9:.1f} GB"
            ui.label(page.say("window_model.title", size=size)).classes("strong")
            if fetching.state == "failed" and fetching.error is not None:
                ui.label(fetching.error.text(page.language)).classes("small bad").mark("failed")
            elif fetching.state == "idle":
                ui.label(page.say("window_model.what_for")).classes("small muted")
            else:
                with ui.element("div").classes("bar") as bar:
                    bar.props(
                        f'role=progressbar aria-valuemin=0 aria-valuemax=100 aria-label="{size}"'
                    )
                    self._bar = bar
                    self._done = ui.element("div")
                self._told = ui.label().classes("small muted").mark("fetch-told")
                self._follow()
        going = fetching.state == "going"
        label = {"idle": "fetch", "going": "pause", "paused": "go_on", "failed": "again"}
        button = ui.element("button").classes("button" if going else "button primary")
        with button.props("type=button").mark("fetch").on("click", self._press, []):
            ui.label(page.say(f"window_model.{label[fetching.state]}"))

    def _press(self) -> None:
        fetching, info = self._page.desk.fetching, self._info
        if fetching.state == "going":
            fetching.pause()
        elif info is not None:
            fetching.start(info.name)
        self._redraw()

    def _follow(self) -> None:
        page, fetching = self._page, self._page.desk.fetching
        fraction = fetching.fraction or 0.0
        self._done.style(f"transform: scaleX({fraction:.4f})")
        self._bar.props(f"aria-valuenow={fraction * 100:.0f}")
        told = f"{fetching.done / 1e9:.2f} / {(fetching.total or 0) / 1e9:.2f} GB"
        if fetching.total == 0:
            told = page.say("window_model.connecting")
        elif fetching.state == "paused":
            told += " · " + page.say("window_model.paused")
        elif (left := fetching.left) is not None:
            told += " · " + page.say("stage.left", span=span(page, left))
        self._told.text = told
