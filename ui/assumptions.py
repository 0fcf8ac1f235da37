"""What was taken for granted, as chips: a click offers what else it could be."""

from __future__ import annotations

from collections.abc import Callable

from nicegui import ui

from intentos.plan import Assumption, Plan

from .buttons import button
from .knobs_form import KnobsForm
from .page import Page


class Assumptions:
    """The chips of one plan; their words follow the values that are set."""

    def __init__(
        self, page: Page, plan: Plan, form: KnobsForm, *, on_change: Callable[[], None] | None
    ) -> None:
        """``on_change``: puts the cursor where changes are said in words; None: nothing can be
        changed any more."""
        self._page = page
        self._plan = plan
        self._form = form
        self._on_change = on_change
        self._labels: list[tuple[Assumption, ui.label]] = []
        self._chips: list[ui.element] = []
        self._open: int | None = None
        if not plan.assumptions:
            return
        name = page.say("window_plan.assumptions")
        with ui.element("div").classes("assumptions").props(f'role=group aria-label="{name}"'):
            for place, assumption in enumerate(plan.assumptions):
                self._chip(place, assumption)
        self._panel = ui.element("div").classes("assumption-panel")
        self._panel.set_visibility(False)
        self.update()

    def update(self) -> None:
        """Say the values as they are set now."""
        spoken = self._plan.spoken(self._form.values, self._page.language)
        for assumption, label in self._labels:
            label.text = assumption.text.text(self._page.language, spoken)

    def _chip(self, place: int, assumption: Assumption) -> None:
        if self._on_change is None:
            with ui.element("span").classes("chip assumption"):
                self._labels.append((assumption, ui.label()))
            return
        chip = ui.element("button").classes("chip assumption").props("type=button")
        chip.props["aria-expanded"] = "false"
        chip.on("click", lambda: self._toggle(place)).mark(f"assumption-{place}")
        with chip:
            self._labels.append((assumption, ui.label()))
            if assumption.parameter is not None:
                ui.icon("tune").props("aria-hidden=true")
        self._chips.append(chip)

    def _toggle(self, place: int) -> None:
        self._open = None if self._open == place else place
        for number, chip in enumerate(self._chips):
            chip.props["aria-expanded"] = "true" if number == self._open else "false"
        self._panel.clear()
        self._panel.set_visibility(self._open is not None)
        if self._open is None:
            return
        assumption = self._plan.assumptions[place]
        with self._panel:
            if assumption.parameter is not None:
                self._form.draw([assumption.parameter])
                return
            ui.label(self._page.say("window_plan.no_knob")).classes("small").mark("no-knob")
            text = self._page.say("window_plan.change")
            button(text, self._on_change, "assumption-change", style="quiet")
