"""Computed numbers with their units, to be read and copied."""

from __future__ import annotations

import json
from collections.abc import Mapping

from nicegui import ui

from intentos.plan import Plan
from intentos.quantity_names import quantity_name
from intentos.types import Json, Quantity

from .buttons import copy_props
from .page import Page

FEW = 6
"""Numbers that a card shows before "more"."""
LISTED = 6
MOST = 200
LONG = 24
"""Characters from which on a value is set small."""


def shown(value: Json) -> str:
    """Return a value as a person reads it: six digits, thousands set apart, lists cut short."""
    match value:
        case bool() | None:
            return str(value)
        case int():
            return f"{value:,}"
        case float() if 1e6 <= abs(value) < 1e15:
            return f"{value:,.0f}"  # an amount of money reads badly with an exponent
        case float():
            return f"{value:,.6g}"
        case list() | tuple():
            parts = [shown(item) for item in value[:LISTED]]
            more = f", … ({len(value)})" if len(value) > LISTED else ""
            return "[" + ", ".join(parts) + more + "]"
        case dict():
            return json.dumps(value, ensure_ascii=False)[:400]
    return str(value)[:400]


def numbers(
    page: Page,
    quantities: Mapping[str, Quantity],
    plan: Plan | None = None,
    *,
    large: bool = False,
) -> ui.element | None:
    """Draw the numbers of a run; a click on one copies it in full. None where there are none."""
    if not quantities:
        return None
    few = MOST if large else FEW
    with ui.element("div").classes("tiles large" if large else "tiles").mark("numbers") as root:
        for place, (name, quantity) in enumerate(list(quantities.items())[:MOST]):
            tile = _number(page, name, quantity, plan)
            if place >= few:
                tile.set_visibility(False)
                tile.classes("later")
        if len(quantities) > few:
            rest = [e for e in root.default_slot.children if "later" in e.classes]

            def unfold() -> None:
                for element in rest:
                    element.set_visibility(True)
                more.delete()

            more = ui.element("button").classes("tile more").props("type=button")
            with more.on("click", unfold).mark("more-numbers"):
                ui.label(page.say("window_result.more_numbers", count=len(quantities) - few))
    return root


def _number(page: Page, name: str, quantity: Quantity, plan: Plan | None) -> ui.element:
    value = quantity.value
    whole = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = shown(value)
    unit = page.unit(quantity.unit)
    title = quantity_name(name, page.language, plan)
    told = page.say("window_result.copy", what=f"{title} = {text} {unit}".strip())
    tile = ui.element("button").classes("tile")
    with copy_props(tile, whole, told, page.say("window_result.copied")).mark(f"number-{name}"):
        ui.label(title).classes("tile-name")
        with ui.element("span").classes("tile-value" + (" long" if len(text) > LONG else "")):
            ui.label(text)
            if unit:
                ui.label(unit).classes("tile-unit")
        ui.icon("content_copy").classes("tile-copy").props("aria-hidden=true")
    return tile
