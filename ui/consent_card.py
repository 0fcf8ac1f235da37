"""The question whether text may leave this machine."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from intentos.errors import IntentOSError

from .buttons import button
from .page import Page
from .questions import Consent


def consent_card(page: Page, consent: Consent) -> None:
    """Draw who gets what, with a yes and a no."""
    told = consent.disclosure

    async def answer(yes: bool) -> None:
        try:
            await page.desk.allow(consent.run, yes)
        except IntentOSError as error:  # somebody has answered in another tab
            page.warn(error.text(page.language))

    with ui.element("section").classes("card plan-card").mark("consent") as card:
        card.props["aria-label"] = page.say("window.consent_title", host=told.host)
        ui.label(page.say("window.consent_title", host=told.host)).classes("title")
        ui.label(page.say(told.going, host=told.host, model=told.model))
        with ui.element("ul").classes("consent-list"):
            for what in told.sent:
                with ui.element("li").classes("small"):
                    ui.label(page.say(f"consent.sent_{what}"))
        if told.kept:
            ui.label(page.say("window.consent_kept", host=told.host)).classes("small muted")
        if page.guest:
            return
        with ui.element("div").classes("plan-buttons"):
            # Neither is what Enter does: sending is said by hand.
            for yes, style in ((True, "primary"), (False, "")):
                name = "yes" if yes else "no"
                text = page.say(f"window.consent_{name}")
                button(text, partial(answer, yes), f"consent-{name}", style=style)
