"""One turn of a conversation: the wish, then its plan, its progress and its result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nicegui import ui

from intentos.run import RunStatus

from .consent_card import consent_card
from .desk import Turn
from .island import Island
from .page import Page
from .plan_card import PlanCard
from .progress_line import ProgressLine
from .result_card import result_card

if TYPE_CHECKING:
    from .conversation import Conversation


class TurnView:
    """Draws a turn, and again only those of its parts that have changed."""

    def __init__(self, page: Page, run_id: str, conversation: Conversation) -> None:
        self._page = page
        self._run_id = run_id
        self._conversation = conversation
        self._keys: dict[str, object] = {}
        turn = page.desk.turn(run_id)
        with Island("article").classes("turn").mark(f"turn-{run_id}") as self.root:
            if turn.run.parent_run is None or not _is_rerun(page, turn):
                with ui.element("div").classes("wish"):
                    ui.label(turn.run.intent.text).classes("wish-text").mark("said")
            self._parts = {
                name: ui.element("div").classes(f"part {name}")
                for name in ("consent", "plan", "progress", "result")
            }
        self._progress: ProgressLine | None = None
        self._card: PlanCard | None = None
        self.update()

    def update(self) -> None:
        """Draw what has changed since the last time."""
        turn = self._page.desk.turn(self._run_id)
        run, question = turn.run, turn.question
        self._part("consent", turn.consent and id(turn.consent), lambda: self._consent(turn))
        elsewhere = run.status is RunStatus.AWAITING_APPROVAL and turn.passing is None
        plan_key = run.plan and (
            run.plan.digest,
            id(question) if question is not None else str(run.values),
            run.approval is not None,
            run.status.ended,
            elsewhere,
        )
        self._part("plan", plan_key, lambda: self._plan(turn))
        if run.plan is not None and self._card is not None:
            self._card.update(turn)
        waiting = question is not None or turn.consent is not None or elsewhere
        going = not run.status.ended and not waiting
        self._part("progress", going or None, lambda: self._begin_progress(turn))
        if going and self._progress is not None:
            self._progress.update(turn)
        ended = run.status.ended or None
        removed = len(run.removed)
        self._part("result", ended and (run.status, removed), lambda: self._result(turn))

    def _part(self, name: str, key: object, draw: object) -> None:
        if self._keys.get(name) == key:
            return
        self._keys[name] = key
        part = self._parts[name]
        part.clear()
        if key is not None and key is not False:
            with part:
                draw()  # type: ignore[operator]

    def _consent(self, turn: Turn) -> None:
        assert turn.consent is not None
        consent_card(self._page, turn.consent)

    def _plan(self, turn: Turn) -> None:
        self._card = PlanCard(self._page, turn, self._conversation)

    def _begin_progress(self, turn: Turn) -> None:
        self._progress = ProgressLine(self._page, turn)

    def _result(self, turn: Turn) -> None:
        if turn.run.status is not RunStatus.REJECTED or turn.run.plan is None:
            result_card(self._page, turn, self._conversation)


def _is_rerun(page: Page, turn: Turn) -> bool:
    """Whether nothing was said for this run: only other values were set."""
    parent = turn.run.parent_run
    if parent is None:
        return False
    before = page.desk.turn(parent).run
    return before.intent.text == turn.run.intent.text and before.plan == turn.run.plan
