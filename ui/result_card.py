"""The result card: the picture, the answer, how far it can be trusted, and what ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from intentos.run import Run, RunStatus
from intentos.turned_out import turned_out
from intentos.types import Artifact

from .after_run import after_run
from .buttons import button
from .checks_view import badge_chip
from .desk import Turn
from .numbers import numbers
from .output_views import address
from .outputs import outputs, still_of
from .page import Page
from .what_ran import what_ran

if TYPE_CHECKING:
    from .conversation import Conversation


def result_card(page: Page, turn: Turn, conversation: Conversation) -> None:
    """Draw what came of a run."""
    run = turn.run
    with ui.element("div").classes(f"card result-card {run.status.value}").mark("result"):
        if run.status is not RunStatus.COMPLETED:
            _not_completed(page, run)
        still = still_of(run)
        if still is not None and page.desk.store.has(still.id):
            _picture(page, run, still, conversation)
        elif outputs(run):
            _to_stage(page, run, conversation)
        if run.answer:
            ui.label(run.answer).classes("answer").mark("answer")
        elif run.status is RunStatus.COMPLETED:
            ui.label(page.say("card.done")).classes("answer").mark("answer")
        numbers(page, run.quantities, run.plan)
        _removed(page, run)
        for problem in turned_out(page.desk.settings, run):
            ui.label(problem.text(page.language)).classes("error").mark("turned-out")
        if run.badge is not None:
            badge_chip(page, run)
        what_ran(page, run, open_log=run.status is RunStatus.FAILED)
        after_run(page, run, conversation)
        if run.plan is None and not page.guest:
            _ask_again(page, run, conversation)


def _picture(page: Page, run: Run, still: Artifact, conversation: Conversation) -> None:
    """Draw the small picture; a click puts the run on the stage, where it is large."""
    frame = ui.element("button").classes("result-picture").props("type=button").mark("to-stage")
    frame.props["aria-label"] = frame.props["title"] = page.say("window_result.to_stage")
    frame.on("click", lambda: conversation.select(run.id))
    with frame:
        if still.media_type == "video/mp4":
            # Plays while the pointer is on it; see result.js.
            film = ui.element("video").props("muted loop playsinline preload=metadata data-hover")
            film.props["src"] = address(still) + "#t=0.8"
            film.props["aria-hidden"] = "true"
        else:
            picture = ui.element("img").props("loading=lazy alt=''")
            picture.props["src"] = address(still)
        with ui.element("span").classes("result-open").props("aria-hidden=true"):
            ui.icon("open_in_full")


def _to_stage(page: Page, run: Run, conversation: Conversation) -> None:
    """Draw what puts a run without a picture on the stage: its numbers, tables and files."""
    told = page.say("window_result.to_stage")

    def select() -> None:
        conversation.select(run.id)

    button(told, select, "to-stage", symbol="open_in_full", style="quiet small-button to-stage")


def _not_completed(page: Page, run: Run) -> None:
    symbol = {RunStatus.FAILED: "error_outline", RunStatus.CANCELED: "stop_circle"}
    with ui.element("div").classes("row ending").mark("ending"):
        ui.icon(symbol.get(run.status, "bolt")).props("aria-hidden=true")
        ui.label(page.say(f"window_result.ended_{run.status.value}")).classes("strong")
    if run.error is not None:
        ui.label(run.error.text(page.language)).classes("error").mark("error")
    kept = len({artifact.name for artifact in run.artifacts})
    if kept and run.status is not RunStatus.FAILED:
        ui.label(page.say("window_result.kept", count=kept)).classes("small muted").mark("kept")
    for tried in _tried(page, run):
        ui.label(tried).classes("small muted").mark("tried")


def _tried(page: Page, run: Run) -> list[str]:
    """Return what was done before it failed."""
    if run.status is not RunStatus.FAILED:
        return []
    told = []
    names = dict.fromkeys(use.name for use in run.models)
    if names:
        told.append(page.say("window_result.tried_models", models=", ".join(names)))
    for event in page.desk.store.events(run.id):
        if event.kind == "trial_ran":
            status = page.say(f"window_result.step_{event.status.value}")
            told.append(
                page.say("window_result.tried_trial", step=event.step_id, status=status)
            )  # fmt: skip
    done = sum(result.error is None for result in run.results)
    if run.plan is not None and run.results:
        told.append(
            page.say("window_result.tried_steps", done=done, count=len(run.plan.steps))
        )  # fmt: skip
    return told


def _removed(page: Page, run: Run) -> None:
    for why in ("cleaned", "lost"):
        names = [a.name for a in run.artifacts if run.removed.get(a.id) == why]
        if names:
            text = page.say(f"window_result.removed_{why}", names=", ".join(dict.fromkeys(names)))
            ui.label(text).classes("small notice").mark("removed")


def _ask_again(page: Page, run: Run, conversation: Conversation) -> None:
    async def again() -> None:
        await conversation.say(run.intent.text)

    with ui.element("div").classes("row"):
        told = page.say("window_result.ask_again")
        button(told, again, "ask-again", symbol="replay", style="primary small-button")
        ui.label(page.say("window_result.ask_otherwise")).classes("small muted")
