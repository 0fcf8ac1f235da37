"""The steps of a plan, numbered, with their code folded; and what differs from an earlier plan."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nicegui import ui

from intentos.checks import plain
from intentos.diff import Section, Side, compare
from intentos.plan import Plan, Step
from intentos.types import Value

from .buttons import button
from .page import Page

CODE_LANGUAGES: dict[str, Any] = {"python": "Python", "wgsl": "Rust", "yaml": "YAML"}
"""What CodeMirror colours them as; WGSL is nearest to Rust."""
OPEN_LINES = 40
"""A difference of at most so many lines is shown unfolded."""


def steps_view(page: Page, plan: Plan) -> None:
    """Draw every step; code is put into the page only once it is unfolded."""
    with ui.element("ol").classes("steps").mark("steps"):
        for step in plan.steps:
            with ui.element("li"):
                _step(page, plan, step)


def difference_view(
    page: Page, before: tuple[Plan, Mapping[str, Value]], plan: Plan, values: Mapping[str, Value]
) -> None:
    """Draw what differs from the plan that this one came from: first what it may touch."""
    old, old_values = before
    sections = compare(
        Side(name=old.id, plan=old, values=old_values),
        Side(name=plan.id, plan=plan, values=values),
    )
    title = old.title.text(page.language, old.spoken(old_values, page.language))
    with ui.element("section").classes("difference").mark("difference"):
        head = page.say("diff.from" if sections else "diff.words_only", title=title)
        ui.label(head).classes("section-title")
        if all(section.title != "diff.needs" for section in sections):
            ui.label(page.say("diff.same_needs")).classes("small muted").mark("same-needs")
        for section in sections:
            _section(page, section)


def code_view(code: str, language: str) -> ui.codemirror:
    """Draw code to be read."""
    view = ui.codemirror(code, language=CODE_LANGUAGES.get(language), line_wrapping=True)
    view.classes("plan-code")
    follow_theme(view)
    view.disable()
    return view


def follow_theme(view: ui.codemirror) -> None:
    """Give an editor the colours of the window, light or dark."""
    view.props.pop("theme", None)
    view.props[":theme"] = (
        "document.body.classList.contains('body--dark') ? 'vscodeDark' : 'vscodeLight'"
    )


def editors_follow() -> None:
    """Draw the editors of this tab again, after the window's theme has changed."""
    for element in list(ui.context.client.elements.values()):
        if isinstance(element, ui.codemirror):
            element.update()


def _step(page: Page, plan: Plan, step: Step) -> None:
    title = step.title.text(page.language, plan.defaults) or step.id.replace("_", " ")
    with ui.element("div").classes("step-head"):
        with ui.element("div").classes("grow"):
            ui.label(title).classes("step-title")
            below = ui.label().classes("tiny muted")
        if step.language == "kernel":
            kernel = page.say("card.kernel", name=step.code, hash=step.code_hash[:12])
            opener = page.say("window_plan.arguments")
        else:
            lines = len(step.code.rstrip().splitlines())
            kernel = page.say("window_plan.code_kind", language=step.language, lines=lines)
            opener = page.say("window_plan.code")
        below.text = kernel
        toggle = button(opener, None, f"code-{step.id}", style="quiet tiny")
        toggle.props["aria-expanded"] = "false"
    body = ui.element("div").classes("step-body")
    body.set_visibility(False)

    def fold() -> None:
        shown = not body.visible
        if shown and not body.default_slot.children:
            with body:
                _inside(step)
        body.set_visibility(shown)
        toggle.props["aria-expanded"] = "true" if shown else "false"

    toggle.on("click", fold)


def _inside(step: Step) -> None:
    if step.language != "kernel":
        code_view(step.code, step.language)
    told = [(name, _shown(value)) for name, value in step.arguments.items()]
    told += [(name, f"← {source}") for name, source in step.inputs.items()]
    if not told:
        return
    with ui.element("dl").classes("arguments"):
        for name, value in told:
            with ui.element("dt"):
                ui.label(name)
            with ui.element("dd"):
                ui.label(value)


def _shown(value: object) -> str:
    if isinstance(value, bool | int | float | str):
        return plain(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def _section(page: Page, section: Section) -> None:
    lines = list(section.lines)
    title = page.say(section.title, step=section.about)
    wide = section.title == "diff.needs"
    with ui.element("details").classes("diff-section wide" if wide else "diff-section") as fold:
        if wide or len(lines) <= OPEN_LINES:
            fold.props("open")
        with ui.element("summary"):
            added = sum(line.startswith("+") for line in lines)
            gone = sum(line.startswith("-") for line in lines)
            ui.label(title)
            ui.label(f"+{added} −{gone}").classes("tiny muted")
        element = ui.element("intentos-lines").mark(f"diff-{section.title.split('.')[1]}")
        element.props["options"] = json.dumps({"lines": lines}, ensure_ascii=False)
