"""The knobs of a finished run, beside its stage: turned freely, and a run only when that is said.

A live knob changes the picture in the browser at once; this side hears the same value a moment
later and keeps it as unsaved.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from nicegui import ui

from intentos.run import Run
from intentos.types import Value

from .buttons import button
from .knobs_form import KnobsForm
from .page import Page


class Turned:
    """What was turned on one run's knobs in this tab; it outlives being off the stage."""

    def __init__(self, page: Page, run: Run) -> None:
        """``run`` has a plan."""
        assert run.plan is not None
        self._page, self._run, self._plan = page, run, run.plan
        self.changed: Callable[[], None] = lambda: None
        """Hears of every turn."""
        self.form = self._fresh()

    @property
    def values(self) -> dict[str, Value]:
        """What differs from the run."""
        return self.form.turned

    @property
    def stale(self) -> bool:
        """Whether the picture cannot show what is set: a knob that is not live was turned."""
        return any(not self._plan.parameter(name).live for name in self.values)

    def reset(self) -> None:
        """Go back to the run's own values, in the live picture too."""
        turned = self.values
        self.form = self._fresh()
        for name in turned:
            if self._plan.parameter(name).live:
                told = json.dumps(
                    {"run": self._run.id, "name": name, "value": self._run.values[name]}
                )
                ui.run_javascript(
                    f"window.dispatchEvent(new CustomEvent('intentos:knob', {{detail: {told}}}))"
                )

    def _fresh(self) -> KnobsForm:
        parameters = sorted(self._plan.parameters, key=lambda parameter: not parameter.live)
        return KnobsForm(
            self._page,
            self._run.id,
            parameters,
            self._run.values,
            lambda: self.changed(),
            live=True,
        )


class KnobPanel:
    """Draws the knobs, and under them what is unsaved."""

    def __init__(
        self,
        page: Page,
        turned: Turned,
        *,
        rerun: Callable[[], Awaitable[None]] | None,
        changed: Callable[[], None],
    ) -> None:
        """``rerun`` makes a run of what was turned, None for guests; ``changed`` hears of turns."""
        self._page, self._turned, self._changed = page, turned, changed
        with ui.element("details").classes("knob-panel").mark("knobs") as root:
            root.props["open"] = True
            with ui.element("summary"):
                ui.label(page.say("window_knobs.title"))
                self._count = ui.label().classes("chip tiny unsaved").mark("unsaved")
            self._place = ui.element("div").classes("knob-list")
            with ui.element("div").classes("row knob-actions") as self._bar:
                self._means = ui.label().classes("small muted grow").mark("unsaved-means")
                button(page.say("window_knobs.reset"), self._reset, "reset-knobs", style="quiet")
                if rerun is not None:
                    text = page.say("window_knobs.rerun")
                    button(text, rerun, "rerun-knobs", style="primary", symbol="replay")
        self._draw()
        # A phone has no room for them before they are wanted.
        ui.run_javascript(
            "if (matchMedia('(max-width: 820px)').matches) "
            "document.querySelectorAll('.knob-panel').forEach((panel) => { panel.open = false; })"
        )

    def _draw(self) -> None:
        self._place.clear()
        with self._place:
            self._turned.form.draw()
        self._turned.changed = self._tell
        self._tell()

    def _reset(self) -> None:
        self._turned.reset()
        self._draw()

    def _tell(self) -> None:
        count = len(self._turned.values)
        self._count.set_visibility(bool(count))
        self._bar.set_visibility(bool(count))
        if count:
            self._count.text = self._page.say("window_knobs.unsaved", count=count)
            code = "window_knobs.stale" if self._turned.stale else "window_knobs.only_view"
            self._means.text = self._page.say(code)
        self._changed()
