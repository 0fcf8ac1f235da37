"""Keeping a run as a recipe of one's own: a name, and how one would ask for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nicegui import ui

from intentos.errors import IntentOSError
from intentos.run import Run
from intentos.types import language_of

from .buttons import button
from .page import Page

PHRASE = 200
"""Characters of a way to ask."""
TAKEN = "save.taken"


class SaveForm:
    """Unfolds in the card where the button was pressed."""

    def __init__(self, page: Page, run: Run, to_save: Callable[[], Awaitable[str | None]]) -> None:
        """``to_save`` gives the id of the run to keep: this one, or one with the knobs as they are
        now, which it makes; None where it did not complete."""
        self._page, self._to_save = page, to_save
        plan = run.plan
        title = plan.title.text(page.language, run.values) if plan is not None else ""
        with ui.element("div").classes("save-form").props("role=group") as self.root:
            self.root.mark("save-form").props["aria-label"] = page.say("window_result.save")
            self._name = self._field("name", title[:80])
            # Enter saves, unless it ends a word that is being composed.
            handler = "(e) => { if (!e.isComposing && e.keyCode !== 229) emit(); }"
            self._name.on("keydown.enter", self._save, js_handler=handler)
            with ui.element("div").classes("save-phrases"):
                self._phrases = [self._field(f"phrase_{other}", "") for other in ("en", "zh")]
            self._error = ui.label().classes("error small").mark("save-error")
            self._error.set_visibility(False)
            with ui.element("div").classes("row"):
                told = page.say("window_result.save_now")
                button(told, self._save, "save-now", style="primary")
                told = page.say("window_result.save_replace")
                self._over = button(told, self._replace, "save-replace", style="danger")
                self._over.set_visibility(False)
                button(page.say("window.cancel"), self.close, "save-cancel", style="quiet")
        self.close()

    def open(self) -> None:
        """Show the form, or hide it where it is shown."""
        self.root.set_visibility(not self.root.visible)
        self._error.set_visibility(False)
        self._over.set_visibility(False)
        if self.root.visible:
            self._name.run_method("focus")
            ui.run_javascript(
                f"document.getElementById('c{self.root.id}')?.scrollIntoView({{block: 'nearest'}})"
            )

    def close(self) -> None:
        """Hide the form."""
        self.root.set_visibility(False)

    def _field(self, what: str, value: str) -> ui.input:
        label = self._page.say(f"window_result.save_{what}")
        field = ui.input(label, value=value).props("dense outlined").classes("grow")
        field.props["maxlength"] = PHRASE
        return field.mark(f"save-{what.replace('_', '-')}")

    async def _save(self) -> None:
        await self._keep(replace=False)

    async def _replace(self) -> None:
        await self._keep(replace=True)

    async def _keep(self, *, replace: bool) -> None:
        page, name = self._page, str(self._name.value or "").strip()
        phrases = [text for field in self._phrases if (text := str(field.value or "").strip())]
        wrong = [
            page.say("window_result.save_language", phrase=text)
            for field, spoken in zip(self._phrases, ("en", "zh"), strict=True)
            if (text := str(field.value or "").strip()) and language_of(text) != spoken
        ]
        if wrong:
            self._say(wrong[0])
            return
        try:
            run_id = await self._to_save()
            if run_id is None:
                self._say(page.say("window_result.save_not_run"))
                return
            kept = await page.desk.save(run_id, name, phrases, replace=replace)
        except IntentOSError as error:
            taken = error.code == TAKEN
            self._over.set_visibility(taken)
            self._say(
                page.say("window_result.save_taken", name=name)
                if taken
                else error.text(page.language)
            )
            return
        self.close()
        title = kept.title.text(page.language)
        ui.notify(page.say("window_result.saved", name=title), type="positive", position="top")

    def _say(self, text: str) -> None:
        if not self._error.is_deleted:
            self._error.text = text
            self._error.set_visibility(True)
