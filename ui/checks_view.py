"""How far a result can be trusted: the badge, and behind it every check with its numbers."""

from __future__ import annotations

from nicegui import ui

from intentos.check_words import detail_text
from intentos.run import Run
from intentos.types import Check

from .page import Page

SYMBOLS = {"passed": "check_circle", "failed": "cancel", "unknown": "help"}
BADGES = {
    "verified": "verified",
    "plausible": "rule",
    "unchecked": "help_outline",
    "failed": "error_outline",
}


def badge_chip(page: Page, run: Run) -> None:
    """Draw the badge as a button, and the checks that it unfolds."""
    assert run.badge is not None

    def turn() -> None:
        opening = not view.visible
        if opening and not view.default_slot.children:
            with view:
                _checks(page, run)
        view.set_visibility(opening)
        chip.props["aria-expanded"] = "true" if opening else "false"

    chip = ui.element("button").classes(f"chip badge {run.badge} badge-button")
    chip.props("type=button aria-expanded=false").mark("badge").on("click", turn)
    with chip:
        ui.icon(BADGES[run.badge]).props("aria-hidden=true")
        ui.label(page.say(f"badge.{run.badge}"))
        passed = sum(check.status == "passed" for check in run.checks)
        if run.checks:
            ui.label(f"{passed}/{len(run.checks)}").classes("badge-count")
    view = ui.element("section").classes("check-list").mark("checks")
    view.props["aria-label"] = page.say("window_result.checks")
    view.set_visibility(False)


def _checks(page: Page, run: Run) -> None:
    ui.label(page.say(f"window_result.badge_{run.badge}")).mark("badge-means")
    if run.doubts and run.badge != "verified":
        ui.label(page.say("window_result.why_not")).classes("small strong")
        with ui.element("ul").classes("doubts").mark("doubts"):
            for doubt in run.doubts:
                with ui.element("li"):
                    ui.label(doubt.text(page.language))
    for status in ("failed", "unknown"):
        for check in run.checks:
            if check.status == status:
                _check(page, run, check)
    for kind in ("oracle", "physical", "generic"):
        passed = [c for c in run.checks if c.status == "passed" and c.kind == kind]
        if passed:
            ui.label(page.say(f"window_result.kind_{kind}")).classes("small muted check-kind")
        for check in passed:
            _check(page, run, check)
    if not run.checks:
        ui.label(page.say("window_result.no_checks")).classes("small muted")


def _check(page: Page, run: Run, check: Check) -> None:
    status = page.say(f"window_result.check_{check.status}")
    with ui.element("div").classes(f"judged {check.status}").mark(f"check-{check.name}"):
        symbol = ui.icon(SYMBOLS[check.status]).props("role=img")
        symbol.props["aria-label"] = symbol.props["title"] = status
        with ui.element("div").classes("judged-text"):
            title = check.title.text(page.language, run.values) or check.name.replace("_", " ")
            ui.label(title).classes("strong")
            if check.status != "passed":
                told = page.say(f"window_result.kind_{check.kind}")
                ui.label(f"{status} · {told}").classes("small muted")
            if check.given:
                ui.label(page.say("window_result.given")).classes("small muted")
            if check.detail:
                ui.label(detail_text(check.detail, page.language)).classes("mono tiny muted")
