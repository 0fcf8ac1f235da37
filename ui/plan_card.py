"""The plan card: how the wish was understood, what will run, and the question whether it may.

It stands in the conversation, never over it. While it waits, what a person has typed stays there
whatever arrives meanwhile; afterwards it folds to one line that unfolds on a click.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from nicegui import background_tasks, ui

from intentos.checks import plain
from intentos.errors import IntentOSError
from intentos.plan import Plan
from intentos.policy import WITHIN_SANDBOX
from intentos.run import RunStatus
from intentos.types import Estimate, Value

from .assumptions import Assumptions
from .buttons import button, disable
from .decision_line import DecisionLine
from .desk import Turn
from .knobs_form import KnobsForm
from .opening import from_file
from .page import Page
from .plan_editor import PlanEditor
from .plan_facts import facts_view, needs_view
from .questions import Question
from .steps_view import difference_view, steps_view

if TYPE_CHECKING:
    from .conversation import Conversation

KNOBS_SHOWN = 6
"""Of a plan with more parameters the others are folded."""

QUIET_SECONDS = 0.8
"""How long nothing is turned before its cost is found out anew."""

Scope = Literal["once", "plan", "rule"]


class PlanCard:
    """The plan of one run in one tab."""

    def __init__(self, page: Page, turn: Turn, conversation: Conversation) -> None:
        self._page = page
        self._run = turn.run.id
        self._conversation = conversation
        self._known: tuple[bool, bool] | None = None
        self._question = turn.question
        self._estimated: dict[str, Value] = {}
        self._estimating: asyncio.Task[None] | None = None
        plan = turn.run.plan
        assert plan is not None
        self._plan = plan
        self._values: Mapping[str, Value] = turn.run.values
        if turn.question is None:
            self._decided(turn)
            return
        values = turn.question.values
        self._estimated = _costs(plan, values)
        self._form = KnobsForm(page, self._run, plan.parameters, values, self._turned, live=True)
        with ui.element("section").classes("card plan-card").mark("plan") as self._card:
            self._card.props["aria-label"] = self._title(values)
            self._asking(turn.question)
        # A card may be taller than the window: its beginning is to be seen, not its end.
        ui.run_javascript(
            f"""setTimeout(() => {{
              const turn = document.getElementById("c{self._card.id}")?.closest(".turn");
              const talk = turn?.closest(".talk");
              if (talk) talk.scrollTo({{ top: talk.scrollTop - 12
                + turn.getBoundingClientRect().top - talk.getBoundingClientRect().top }});
            }}, 60)"""
        )

    def update(self, turn: Turn) -> None:
        """Show what has become known of a plan that waits: risk, rule, places, then the cost."""
        question = turn.question
        if question is None or self._question is None:
            return
        known = (question.risk is not None, question.estimates is not None)
        if known == self._known:
            return
        rule_came = self._known is not None and known[0] and not self._known[0]
        self._known = known
        self._facts.clear()
        with self._facts:
            facts_view(self._page, self._plan, question)
        if rule_came and not self._page.guest:
            self._draw_scopes(question)

    # ---- while it waits -----------------------------------------------------------------------

    def _asking(self, question: Question) -> None:
        page, plan = self._page, self._plan
        self._head(question.values)
        change = None if page.guest else self._change
        self._assumptions = Assumptions(page, plan, self._form, on_change=change)
        self._knobs()
        self._editor_place = ui.element("div")
        self._editor_place.set_visibility(False)
        before = page.desk.before(plan)
        if before is not None:
            difference_view(page, before, plan, question.values)
        steps_view(page, plan)
        needs_view(page, plan)
        self._facts = ui.element("div").classes("plan-facts").props("aria-live=polite")
        self._known = (question.risk is not None, question.estimates is not None)
        with self._facts:
            facts_view(page, plan, question)
        if not page.guest:
            self._buttons(question)

    def _head(self, values: Mapping[str, Value]) -> None:
        page, plan = self._page, self._plan
        with ui.element("div").classes("plan-head"):
            ui.label(self._title(values)).classes("title").mark("plan-title")
            badge = ui.label(page.say(f"origin.{plan.origin}")).classes(f"chip tiny {plan.origin}")
            badge.mark("origin").props["title"] = page.say(f"window_plan.origin_{plan.origin}")
        spoken = plan.spoken(values, page.language)
        text = plan.interpretation.text(page.language, spoken)
        if told := from_file(page, self._run):
            with ui.element("div").classes("from-file small").mark("from-file"):
                ui.icon("file_open").props("aria-hidden=true")
                ui.label(told)
        self._understood = ui.label(page.say("card.understood", text=text)).mark("understood")

    def _title(self, values: Mapping[str, Value]) -> str:
        plan, language = self._plan, self._page.language
        return plan.title.text(language, plan.spoken(values, language))

    def _knobs(self) -> None:
        page, plan = self._page, self._plan
        if not plan.parameters:
            return
        # What only makes the work longer comes last.
        ordered = [p.name for p in sorted(plan.parameters, key=lambda p: p.work)]
        label = page.say("window_plan.knobs")
        with ui.element("div").classes("knobs").props(f'role=group aria-label="{label}"'):
            if page.guest:
                values_view(page, plan, self._values)
                return
            self._form.draw(ordered[:KNOBS_SHOWN])
            rest = ordered[KNOBS_SHOWN:]
            if rest:
                with ui.element("details").classes("more-knobs"):
                    with ui.element("summary"):
                        ui.label(page.say("window_plan.more_knobs", count=len(rest)))
                    with ui.element("div").classes("knobs"):
                        self._form.draw(rest)

    def _buttons(self, question: Question) -> None:
        page = self._page
        wide = "danger" if self._plan_is_wide() else "primary"
        with ui.element("div").classes("plan-foot"):
            with ui.element("div").classes("plan-buttons"):
                with ui.element("div").classes("split"):
                    text = page.say("window_plan.run_wide" if wide == "danger" else "window.run")
                    go = partial(self._approve, "plan")
                    self._go = button(text, go, "run", style=wide, action="run")
                    self._go.props["title"] = page.say("window_plan.run_hint")
                    name = page.say("window_plan.how_long")
                    self._more = button(
                        "", self._fold_scopes, "scopes", style=wide, symbol="expand_more", name=name
                    )
                    self._more.props["aria-expanded"] = "false"
                button(page.say("window_plan.edit"), self._edit, "edit", action="edit")
                button(page.say("window_plan.change"), self._change, "change", action="change")
                text = page.say("window.cancel")
                button(text, self._reject, "cancel", style="quiet", action="stop")
            self._waits = ui.label(page.say("window_plan.fields_wrong")).classes("small bare")
            self._waits.mark("fields-wrong").set_visibility(False)
            self._scopes = ui.element("div").classes("scopes").props("role=menu").mark("scope-menu")
            self._scopes.set_visibility(False)
        self._draw_scopes(question)

    def _draw_scopes(self, question: Question) -> None:
        page = self._page
        told: list[tuple[Scope, str]] = [("once", page.say("window_plan.only_once"))]
        if not self._plan_is_wide():
            told.append(("plan", page.say("window_plan.in_ranges")))
            if question.rule is not None:
                told.append(("rule", question.rule.words(page.language)))
        self._scopes.clear()
        with self._scopes:
            for scope, words in told:
                item = ui.element("button").classes("scope").props("type=button role=menuitem")
                item.on("click", lambda scope=scope: self._approve(scope)).mark(f"scope-{scope}")
                with item:
                    ui.label(page.say(f"window_plan.run_{scope}")).classes("scope-name")
                    ui.label(words).classes("small muted")

    def _plan_is_wide(self) -> bool:
        return bool(self._plan.needs - WITHIN_SANDBOX)

    def _turned(self) -> None:
        plan, page = self._plan, self._page
        values = self._form.values
        spoken = plan.spoken(values, page.language)
        text = plan.interpretation.text(page.language, spoken)
        self._understood.text = page.say("card.understood", text=text)
        self._assumptions.update()
        self._estimate_again()
        wrong = bool(self._form.problems)
        self._waits.set_visibility(wrong)
        disable(self._go, wrong)
        disable(self._more, wrong)

    def _estimate_again(self) -> None:
        """Find out anew what it will cost, once nobody turns what the cost depends on."""
        if self._question is None or self._question.estimates is None:
            return
        values = _costs(self._plan, self._form.values)
        if values == self._estimated:
            return
        self._estimated, question = values, self._question

        def show(estimates: Mapping[str, Estimate] | None) -> None:
            self._facts.clear()
            with self._facts:
                facts_view(self._page, self._plan, replace(question, estimates=estimates))

        async def work() -> None:
            await asyncio.sleep(QUIET_SECONDS)
            if values is not self._estimated or self._card.is_deleted or self._form.problems:
                return
            show(None)
            found: Mapping[str, Estimate] = {}
            with suppress(IntentOSError):  # then it is unknown; a run that has begun tells its own
                found = await self._page.desk.estimate(self._run, self._form.values)
            if values is self._estimated and not self._card.is_deleted:
                show(found)

        if self._estimating is not None:
            self._estimating.cancel()
        self._estimating = background_tasks.create(work(), name="estimate")

    async def _estimate_no_more(self) -> None:
        """Let go of the GPU that a trial for an estimate may hold, before anything runs on it."""
        if self._estimating is not None:
            self._estimating.cancel()
            await asyncio.wait([self._estimating])

    def _fold_scopes(self) -> None:
        shown = not self._scopes.visible
        self._scopes.set_visibility(shown)
        self._more.props["aria-expanded"] = "true" if shown else "false"

    async def _approve(self, scope: Scope) -> None:
        if self._form.problems:
            return
        desk, values = self._page.desk, self._form.values
        try:
            if any(self._plan.parameter(name).kind == "expression" for name in self._form.turned):
                await desk.try_formulas(self._plan, values)
            await self._estimate_no_more()
            await desk.approve(self._run, values, scope=scope)
        except IntentOSError as error:
            self._page.warn(error.text(self._page.language))

    async def _reject(self) -> None:
        try:
            await self._page.desk.reject(self._run)
        except IntentOSError as error:
            self._page.warn(error.text(self._page.language))

    def _change(self) -> None:
        self._conversation.change(self._run)

    def _edit(self) -> None:
        if self._editor_place.default_slot.children:
            self._close_editor()
            return
        with self._editor_place:
            PlanEditor(
                self._page, self._plan, self._form.values, self._use_edited, self._close_editor
            )
        self._editor_place.set_visibility(True)

    def _close_editor(self) -> None:
        self._editor_place.clear()
        self._editor_place.set_visibility(False)

    async def _use_edited(self, plan: Plan, values: Mapping[str, Value]) -> None:
        await self._page.desk.edit(self._run, plan, values)

    # ---- afterwards ---------------------------------------------------------------------------

    def _decided(self, turn: Turn) -> None:
        page, run = self._page, turn.run
        if run.status is RunStatus.AWAITING_APPROVAL and turn.passing is None:
            self._asked_elsewhere()
            return
        with ui.element("div").classes("decided").mark("decided-plan"):
            with ui.element("button").classes("decided-toggle").props("type=button") as toggle:
                toggle.props["aria-expanded"] = "false"
                toggle.props["aria-label"] = page.say("window_plan.unfold")
                ui.icon("expand_more").props("aria-hidden=true")
            toggle.mark("unfold")
            DecisionLine(page, turn)
        body = ui.element("section").classes("card plan-card folded").mark("whole-plan")
        body.set_visibility(False)

        def fold() -> None:
            shown = not body.visible
            if shown and not body.default_slot.children:
                with body:
                    self._whole(turn)
            body.set_visibility(shown)
            toggle.props["aria-expanded"] = "true" if shown else "false"

        toggle.on("click", fold)

    def _whole(self, turn: Turn) -> None:
        page, plan, run = self._page, self._plan, turn.run
        self._head(run.values)
        form = KnobsForm(page, run.id, plan.parameters, run.values)
        Assumptions(page, plan, form, on_change=None)
        values_view(page, plan, run.values)
        before = page.desk.before(plan)
        if before is not None:
            difference_view(page, before, plan, run.values)
        steps_view(page, plan)
        needs_view(page, plan)
        facts_view(page, plan, None)

    def _asked_elsewhere(self) -> None:
        page = self._page

        async def here() -> None:
            try:
                await page.desk.adopt(self._conversation.id)
            except IntentOSError as error:
                page.warn(error.text(page.language))

        with ui.element("div").classes("decision").mark("elsewhere"):
            ui.icon("hourglass_empty").props("aria-hidden=true")
            with ui.element("div").classes("decision-text"):
                ui.label(self._title(self._values)).classes("decision-title")
                ui.label(page.say("window_plan.elsewhere")).classes("tiny muted")
            if not page.guest:
                button(page.say("window_plan.ask_here"), here, "ask-here", style="quiet")


def _costs(plan: Plan, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values on which it depends what a plan costs."""
    decides = [p for p in plan.parameters if p.work] or plan.parameters
    return {p.name: values.get(p.name, p.default) for p in decides if not p.live}


def values_view(page: Page, plan: Plan, values: Mapping[str, Value]) -> None:
    """Draw what the parameters were, to be read."""
    if not plan.parameters:
        return
    with ui.element("dl").classes("arguments values").mark("values"):
        for parameter in plan.parameters:
            with ui.element("dt"):
                ui.label(parameter.label.text(page.language) or parameter.name)
            value = parameter.shown(values.get(parameter.name, parameter.default), page.language)
            with ui.element("dd"):
                ui.label(f"{plain(value)} {page.unit(parameter.unit)}".strip())
