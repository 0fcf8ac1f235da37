"""A plan after it was decided about: one line that says who, when and for how long."""

from __future__ import annotations

from datetime import datetime

from nicegui import ui

from intentos.errors import IntentOSError
from intentos.plan import Approval, Plan
from intentos.run import Run, RunStatus

from .buttons import button
from .desk import Desk, Turn
from .page import Page


class DecisionLine:
    """The line of one decided plan, with what is left to do about it."""

    def __init__(self, page: Page, turn: Turn) -> None:
        self._page = page
        run = turn.run
        assert run.plan is not None
        approval = run.approval
        approved = approval is not None and approval.decision == "approve"
        with ui.element("div").classes("decision").mark("plan-line"):
            ui.icon("check_circle" if approved else "do_not_disturb_on").props("aria-hidden=true")
            with ui.element("div").classes("decision-text"):
                spoken = run.plan.spoken(run.values, page.language)
                ui.label(run.plan.title.text(page.language, spoken)).classes("decision-title")
                ui.label(self._words(run)).classes("tiny muted").mark("decided")
                if approval is not None and approval.bare:
                    steps = ", ".join(approval.bare)
                    ui.label(page.say("card.was_bare", steps=steps)).classes("tiny bare")
            if not page.guest:
                self._undo(turn, approval if approved else None)

    def _words(self, run: Run) -> str:
        page, approval = self._page, run.approval
        assert run.plan is not None
        if run.status is RunStatus.REJECTED:
            return self._refused(run)
        if approval is None:
            return page.say(f"origin.{run.plan.origin}")
        parts = [page.say("window_plan.decided", who=self._who(approval), when=_when(approval.at))]
        if approval.reason == "policy.unasked":
            parts = [page.say("policy.unasked", what=approval.words.text(page.language))]
        elif approval.reason:
            parts.append(page.say(approval.reason))
        else:
            parts.append(page.say(f"window_plan.scope_{approval.scope}"))
        return " · ".join([*parts, approval.plan_digest[:12]])

    def _refused(self, run: Run) -> str:
        page, approval = self._page, run.approval
        if run.error is not None:
            code = run.error.code
            said = page.say("window_plan.only_planned") if code == "policy.plan_only" else ""
            return said or run.error.text(page.language)
        if approval is None:
            return page.say("window_plan.refused_nobody")
        who, when = self._who(approval), _when(approval.at)
        return page.say("window_plan.refused", who=who, when=when)

    def _who(self, approval: Approval) -> str:
        by = approval.by
        if by in ("window", "terminal"):
            return self._page.say(f"window_plan.by_{by}")
        return self._page.say("window_plan.by_other", who=by)

    def _undo(self, turn: Turn, approval: Approval | None) -> None:
        page, run = self._page, turn.run
        assert run.plan is not None
        if run.status is RunStatus.REJECTED:

            async def again() -> None:
                try:
                    await page.desk.rerun(run.id, {})
                except IntentOSError as error:
                    page.warn(error.text(page.language))

            button(page.say("window_plan.ask_again"), again, "ask-again", style="quiet")
            return
        name = standing(page.desk, run.plan, approval)
        if approval is None or name is None:
            return
        code = "window_plan.undo_rule" if approval.scope == "rule" else "window_plan.ask_next_time"

        async def forget() -> None:
            try:
                await page.desk.forget(name)
            except IntentOSError as error:
                page.warn(error.text(page.language))
                return
            undo.delete()
            page.note("window_plan.forgotten")

        undo = button(page.say(code), forget, "undo", style="quiet")


def standing(desk: Desk, plan: Plan, approval: Approval | None) -> str | None:
    """Return the name of what lets a plan run again without asking, if it still does."""
    if approval is None:
        return None
    if approval.scope == "rule":
        try:
            rules = {rule.id for rule in desk.store.standing.rules()}
        except IntentOSError:  # damaged: doctor says so, and nothing runs by them
            return None
        return approval.rule if approval.rule in rules else None
    found = desk.store.standing.approval(plan.digest)
    return plan.digest if found is not None else None


def _when(at: datetime) -> str:
    local = at.astimezone()
    today = local.date() == datetime.now().astimezone().date()
    return local.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")
