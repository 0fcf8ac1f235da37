"""What can be done with a run that has ended: once more, otherwise, beside another, kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from intentos.run import Run, RunStatus

from .buttons import button
from .compare import apart, name_of
from .export_menu import ExportMenu, share_button
from .page import Page
from .save_form import SaveForm

if TYPE_CHECKING:
    from .conversation import Conversation

MOST_OFFERED = 20
"""Runs that a comparison is offered with."""


def after_run(page: Page, run: Run, conversation: Conversation) -> None:
    """Draw the buttons under a result; a guest may only compare."""
    completed = run.status is RunStatus.COMPLETED
    with ui.element("div").classes("row after").mark("after"):
        if not page.guest and run.plan is not None and run.approval is not None:
            _rerun(page, run, conversation)
        if not page.guest:
            told = page.say("window_result.change")
            change = button(
                told, lambda: conversation.change(run.id), "change", symbol="edit",
                style="small-button",
            )  # fmt: skip
            change.props["title"] = page.say("window_result.change_about")
        if run.approval is not None:
            _compare(page, run, conversation)
        if page.guest or not completed:
            return
        save = SaveForm(page, run, lambda: _to_save(page, run, conversation))
        told = page.say("window_result.save")
        opener = button(told, save.open, "save", symbol="bookmark_add", style="small-button")
        menu = ExportMenu(page, run)
        share_button(page, run)
        # What unfolds comes under the buttons.
        save.root.move(target_index=-1)
        menu.line.move(target_index=-1)
        opener.props["aria-controls"] = f"c{save.root.id}"


def _rerun(page: Page, run: Run, conversation: Conversation) -> None:
    async def again() -> None:
        await conversation.rerun(run.id)

    removed = bool(run.removed)
    if run.status is RunStatus.COMPLETED:
        code = "make_again" if removed else "rerun"
    else:
        code = "run_again"
    style = "primary small-button" if code != "rerun" else "small-button"
    element = button(
        page.say(f"window_result.{code}"), again, "rerun", symbol="replay", style=style
    )
    element.props["title"] = page.say("window_result.rerun_about")


def _compare(page: Page, run: Run, conversation: Conversation) -> None:
    def open_() -> None:
        menu.clear()
        others = conversation.comparable(run.id)
        with menu:
            if not others:
                with ui.element("div").classes("menu-note").mark("nothing-to-compare"):
                    ui.label(page.say("window_result.nothing_to_compare"))
            for other in others[:MOST_OFFERED]:
                chosen = other.id  # the other one is on the left: what came before
                item = ui.menu_item(on_click=lambda o=chosen: conversation.compare(o, run.id))
                with item.mark(f"compare-{other.id}"), ui.element("div").classes("menu-row"):
                    ui.label(name_of(page, other))
                    ui.label(apart(page, other, run)).classes("muted small")
        menu.open()

    told = page.say("window_result.compare")
    opener = button(told, open_, "compare", symbol="compare", style="small-button")
    opener.props["aria-haspopup"] = "menu"
    with opener:
        menu = ui.menu().props("no-parent-event").classes("result-menu").mark("compare-menu")


async def _to_save(page: Page, run: Run, conversation: Conversation) -> str | None:
    if not conversation.stage.turned(run.id):
        return run.id
    new = await conversation.rerun(run.id)
    if new is None:
        return None
    ended = await page.desk.ended(new)
    return new if ended.status is RunStatus.COMPLETED else None
