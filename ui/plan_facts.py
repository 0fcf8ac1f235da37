"""What a plan may touch, what it costs, where it runs and how risky it is, in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from nicegui import ui

from intentos.plan import Plan
from intentos.policy import WITHIN_SANDBOX
from intentos.registry import OWN_DISTRIBUTION, strangers
from intentos.types import Estimate

from .page import Page
from .progress_line import span
from .questions import Question

SYMBOLS = {"low": "verified_user", "medium": "shield", "high": "gpp_maybe"}


def needs_view(page: Page, plan: Plan) -> None:
    """Draw what a plan needs: one calm line, or in red each thing that reaches outside."""
    wide = sorted(plan.needs - WITHIN_SANDBOX)
    others = sorted(strangers(plan).items())
    if not wide and not others:
        code = "card.needs_gpu" if "gpu" in plan.needs else "card.needs_nothing"
        _fact("lock", page.say(code)).mark("needs")
        return
    with ui.element("div").classes("wide-needs").props("role=note").mark("wide-needs"):
        with ui.element("div").classes("row"):
            ui.icon("warning").props("aria-hidden=true")
            ui.label(page.say("window_plan.wide")).classes("section-title")
        for need in wide:
            ui.label(page.say(f"window_plan.need_{need}")).classes("small")
        for executor, package in others:
            ui.label(page.say("card.stranger", executor=executor, package=package)).classes("small")


def facts_view(page: Page, plan: Plan, question: Question | None) -> None:
    """Draw the estimate and the risk, and folded what is behind them."""
    if question is not None:
        _estimate(page, question)
        _risk(page, question)
        for step, problem in question.missing.items():
            text = page.say("window_plan.nowhere", step=_title(page, plan, step))
            with ui.element("div").classes("error small").mark("nowhere"):
                ui.label(f"{text} {problem.text(page.language)}")
    with ui.element("details").classes("more-facts"):
        with ui.element("summary"):
            ui.label(page.say("window_plan.details"))
        _fact("auto_stories", page.say(f"window_plan.origin_{plan.origin}"))
        if plan.model:
            _fact("psychology", page.say("window_plan.by_model", model=plan.model))
        if question is not None:
            _fact("help_outline", page.say(question.why)).mark("why-asked")
            _places(page, plan, question)
        _limits(page, plan)
        for check in plan.checks:
            title = check.title.text(page.language) or check.name
            _fact("rule", page.say("card.check", title=title, formula=check.expect))
        digest = page.say("window_plan.fingerprint", digest=plan.digest[:12])
        _fact("fingerprint", digest).props["title"] = plan.digest


def estimate_words(page: Page, estimates: Mapping[str, Estimate]) -> str:
    """Return what all steps together will cost, as far as it is known; never a guess."""
    seconds = [e.seconds for e in estimates.values() if e.seconds is not None]
    memory = [e.memory_bytes for e in estimates.values() if e.memory_bytes is not None]
    known = []
    if seconds and len(seconds) == len(estimates):
        known.append(page.say("card.about", span=span(page, sum(seconds))))
    if memory:
        known.append(size_words(max(memory)))
    if not known:
        return page.say("card.estimate_unknown")
    known.append(page.say("card.here"))
    if len(seconds) < len(estimates):
        known.append(page.say("card.time_unknown"))
    return page.say("card.estimate", text=" · ".join(known))


def size_words(number: int) -> str:
    """Return bytes of memory as a person reads them."""
    megabytes = number / 1024**2
    if megabytes >= 1024:
        return f"{megabytes / 1024:.3g} GB"
    return f"{megabytes:.0f} MB" if megabytes >= 1 else f"{megabytes:.1f} MB"


def _estimate(page: Page, question: Question) -> None:
    if question.estimates is None:
        _fact("schedule", page.say("window_plan.estimating")).classes("waiting").mark("estimate")
        return
    _fact("schedule", estimate_words(page, question.estimates)).mark("estimate")


def _risk(page: Page, question: Question) -> None:
    risk = question.risk
    if risk is None:
        _fact("shield", page.say("window_plan.assessing")).classes("waiting").mark("risk")
        return
    level = page.say(f"risk.level_{risk.level}")
    text = page.say("risk.line", level=level, why=risk.text(page.language))
    _fact(SYMBOLS[risk.level], text).classes(f"risk-{risk.level}").mark("risk")


def _places(page: Page, plan: Plan, question: Question) -> None:
    executors = page.desk.registry.executors()
    for step in plan.steps:
        place = question.places.get(step.id)
        if place is None:
            continue
        where = page.say(f"window_plan.where_{place.isolation}", executor=place.executor)
        if place.package != OWN_DISTRIBUTION:
            why = page.say("window_plan.place_package", package=place.package)
        elif step.executor is not None:
            why = page.say("window_plan.place_named")
        elif (executor := executors.get(place.executor)) is not None and executor.substitute:
            why = page.say("window_plan.place_substitute")
        else:
            why = page.say("window_plan.place_safest")
        about = f"{_title(page, plan, step.id)}: " if len(plan.steps) > 1 else ""
        _fact("memory", f"{about}{where} {why}").mark("where")


def _limits(page: Page, plan: Plan) -> None:
    most = max(step.limits.wall_time for step in plan.steps)
    memory = max(step.limits.memory_bytes for step in plan.steps)
    told = page.say("window_plan.limits", span=span(page, most), memory=size_words(memory))
    _fact("hourglass_bottom", told)


def _title(page: Page, plan: Plan, id: str) -> str:
    step = next(step for step in plan.steps if step.id == id)
    return step.title.text(page.language, plan.defaults) or id


def _fact(symbol: str, text: str) -> ui.element:
    with ui.element("div").classes("fact small") as fact:
        ui.icon(symbol).props("aria-hidden=true")
        ui.label(text)
    return fact
