"""The progress of a run: what is going on, how long it will take, and the button to stop it."""

from __future__ import annotations

import json

from nicegui import ui

from intentos.run import Run

from .buttons import button
from .desk import Turn
from .page import Page
from .passing import Passing

TOKENS_SHOWN = 600
OUTPUT_SHOWN = 4000
"""Characters, the newest ones."""


class ProgressLine:
    """One line with a bar, drawn once and changed in place."""

    def __init__(self, page: Page, turn: Turn) -> None:
        self._page = page
        run_id = turn.run.id

        async def stop() -> None:
            await page.desk.stop(run_id)

        with ui.element("div").classes("progress").mark("progress"):
            with ui.element("div").classes("row small"):
                self._label = ui.label().classes("muted grow").mark("stage")
                self._tab = ui.element("intentos-progress").mark("tab-title")
                if not page.guest:
                    text = page.say("window.stop")
                    button(text, stop, "stop", style="quiet", action="stop", symbol="stop")
            self._bar = (
                ui.element("div").classes("bar unknown").mark("bar").props("role=progressbar")
            )
            self._bar.props["aria-label"] = page.say("window_progress.label")
            with self._bar:
                self._done = ui.element("div")
            self._tokens = ui.label().classes("tiny muted tokens").mark("tokens")
            with ui.element("details").classes("output") as self._output:
                with ui.element("summary"):
                    ui.label(page.say("window_progress.output"))
                with ui.element("pre"):
                    self._tail = ui.label().mark("output-tail")
            self._output.set_visibility(False)
        self.update(turn)

    def update(self, turn: Turn) -> None:
        """Show how far the run is."""
        page, run, passing = self._page, turn.run, turn.passing
        if passing is None:
            self._label.text = page.say(f"status.{run.status.value}")
            return
        self._label.text = " · ".join(progress_words(page, run, passing))
        self._tokens.text = passing.tokens[-TOKENS_SHOWN:] if run.plan is None else ""
        if passing.output:
            self._output.set_visibility(True)
            self._tail.text = passing.output[-OUTPUT_SHOWN:]
        fraction = None if passing.queue is not None else passing.fraction
        self._bar.classes(
            add="unknown" if fraction is None else "",
            remove="" if fraction is None else "unknown",
        )
        if fraction is None:
            self._bar.props.pop("aria-valuenow", None)
        else:
            self._bar.props["aria-valuenow"] = f"{100 * fraction:.0f}"
            self._done.style(f"transform: scaleX({fraction:.3f})")
        self._tell_tab(run, passing, fraction)

    def _tell_tab(self, run: Run, passing: Passing, fraction: float | None) -> None:
        page = self._page
        what = (
            page.say(f"stage.queue_{passing.queue[0]}", place=passing.queue[1])
            if (passing.queue)
            else page.say(passing.stage)
        )
        percent = "" if fraction is None else f" {100 * fraction:.0f} %"
        title = run.intent.text
        if run.plan is not None:
            title = run.plan.title.text(page.language, run.plan.spoken(run.values, page.language))
        options = {
            "tab": f"● {what}{percent}",
            "title": title[:120],
            "ended": page.say("window_progress.ended"),
            "ask": page.say("window_progress.tell_me"),
        }
        self._tab.props["options"] = json.dumps(options, ensure_ascii=False)
        self._tab.props["seconds"] = int(passing.seconds)
        self._tab.update()


def progress_words(page: Page, run: Run, passing: Passing) -> list[str]:
    """Return what is going on, the step, the frame and the time that is left, as far as known."""
    if passing.queue is not None:
        resource, place = passing.queue
        return [page.say(f"stage.queue_{resource}", place=place)]
    told = [page.say(passing.stage)]
    steps = run.plan.steps if run.plan is not None else ()
    number = next((n for n, s in enumerate(steps, start=1) if s.id == passing.step_id), None)
    if number is not None and len(steps) > 1:
        step = steps[number - 1]
        title = step.title.text(page.language, run.values) or step.id
        count = len(steps)
        told.append(page.say("window_progress.step", number=number, count=count, title=title))
    if passing.frame is not None and passing.stage == "stage.drawing":
        index, count = passing.frame.index + 1, passing.frame.count
        told.append(page.say("window_progress.frame", number=index, count=count))
    elif passing.executor:
        told.append(passing.executor)
    if (left := passing.left) is not None:
        told.append(page.say("stage.left", span=span(page, left)))
    return told


def span(page: Page, seconds: float) -> str:
    """Return a duration as a person says it."""
    if seconds < 9.5:
        return page.say("card.seconds", number=f"{max(seconds, 0.1):.1f}")
    if seconds < 100:
        return page.say("card.seconds", number=f"{seconds:.0f}")
    return page.say("card.minutes", number=f"{seconds / 60:.0f}")
