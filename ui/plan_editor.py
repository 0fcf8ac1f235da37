"""The editor in a plan card: the code of a step, or the whole plan as a text."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from nicegui import ui

from intentos.errors import IntentOSError
from intentos.plan import Plan, Step
from intentos.plan_file import dump_plan, load_plan
from intentos.types import Value, new_id

from .buttons import button, disable
from .page import Page
from .steps_view import CODE_LANGUAGES, follow_theme

QUIET_SECONDS = 0.4
"""After so long without a key the text is read."""
WHOLE = ""
"""Stands for the whole plan where a step's id is meant."""


class PlanEditor:
    """Edits one plan; what it gives is another plan, which is asked about in turn."""

    def __init__(
        self,
        page: Page,
        plan: Plan,
        values: Mapping[str, Value],
        use: Callable[[Plan, Mapping[str, Value]], Awaitable[None]],
        close: Callable[[], None],
    ) -> None:
        self._page = page
        self._before = plan
        self._plan = plan
        self._values = dict(values)
        self._use = use
        coded = [step for step in plan.steps if step.language != "kernel"]
        self._what = coded[0].id if coded else WHOLE
        self._read = ""
        with ui.element("div").classes("plan-editor").mark("editor"):
            names = {step.id: step.title.text(page.language) or step.id for step in coded}
            names[WHOLE] = page.say("window_plan.whole_plan")
            self._tabs: dict[str, ui.element] = {}
            if len(names) > 1:
                label = page.say("window_plan.edit_what")
                with ui.element("div").classes("row").props(f'role=group aria-label="{label}"'):
                    for what, name in names.items():
                        mark, to = f"edit-{what or 'whole'}", partial(self._switch, what)
                        self._tabs[what] = button(name, to, mark, style="tiny tab")
            self._place = ui.element("div").classes("editor-place")
            self._problem = ui.label().classes("error small").props("role=alert")
            self._problem.mark("editor-problem").set_visibility(False)
            ui.label(page.say("window_plan.edit_hint")).classes("tiny muted")
            with ui.element("div").classes("row"):
                text = page.say("window_plan.use")
                self._done = button(text, self._finish, "use-edited", style="primary")
                button(page.say("window_plan.back"), close, "leave-editor", style="quiet")
        self._draw()
        ui.timer(QUIET_SECONDS, self._look)

    def _draw(self) -> None:
        step = self._step()
        text = dump_plan(self._plan, self._values) if step is None else step.code
        language = CODE_LANGUAGES.get("yaml" if step is None else step.language)
        self._place.clear()
        with self._place:
            self._field = ui.codemirror(
                text, language=language, indent="  " if step is None else "    "
            )
            follow_theme(self._field)
            self._field.classes("plan-code").mark("editor-field")
        self._read = text
        for what, tab in self._tabs.items():
            tab.props["aria-pressed"] = "true" if what == self._what else "false"

    def _switch(self, what: str) -> None:
        if self._take():
            self._what = what
            self._draw()

    def _look(self) -> None:
        text = self._field.value or ""
        if text != self._read:
            self._read = text
            self._take(keep=False)

    def _take(self, *, keep: bool = True) -> bool:
        """Read what is written; say what is wrong with it and return False, or return True."""
        try:
            plan, values = self._parsed(self._field.value or "")
        except IntentOSError as error:
            self._say(error.text(self._page.language))
            return False
        self._say("")
        if keep:
            self._plan, self._values = plan, values
        return True

    def _parsed(self, text: str) -> tuple[Plan, dict[str, Value]]:
        step = self._step()
        if step is None:
            found = load_plan(text, self._page.say("window_plan.the_plan"))
            return found.plan, dict(found.values)
        if step.language == "python":
            _compiled(text, step)
        if not text.strip():
            raise IntentOSError("window_plan.no_code")
        changed = Step.model_validate({**step.model_dump(by_alias=True), "code": text})
        steps = tuple(changed if s.id == step.id else s for s in self._plan.steps)
        return self._plan.model_copy(update={"steps": steps}), self._values

    async def _finish(self) -> None:
        if not self._take():
            return
        before, plan = self._before, self._plan
        if plan.digest != before.digest:
            plan = plan.model_copy(
                update={"id": new_id(), "parent": before.id, "origin": "edited", "recipe": None}
            )
        try:
            await self._use(plan, self._values)
        except IntentOSError as error:
            self._say(error.text(self._page.language))

    def _say(self, text: str) -> None:
        self._problem.text = text
        self._problem.set_visibility(bool(text))
        disable(self._done, bool(text))

    def _step(self) -> Step | None:
        return next((step for step in self._plan.steps if step.id == self._what), None)


def _compiled(code: str, step: Step) -> None:
    """Raise where a text is no Python, with the line; nothing of it is run."""
    try:
        ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        line = getattr(error, "lineno", None) or 1
        what = getattr(error, "msg", None) or str(error)
        raise IntentOSError("window_plan.syntax", step=step.id, line=line, what=what) from error
