"""Two runs beside each other: in step, with what was set differently and what came out."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass

from nicegui import ui

from intentos.checks import plain
from intentos.diff import Section, Side, compare
from intentos.quantity_names import quantity_name
from intentos.run import Run
from intentos.stage import stage_words
from intentos.types import Json, Language, Quantity

from .buttons import button, fold
from .numbers import shown
from .output_views import film_option, live_options, view
from .outputs import Output, outputs
from .page import Page, unit_text

VALUES = ("diff.values", "diff.parameters")
"""Sections of a difference that the table of values tells better."""

APART = 3
"""Differing values that a run's name tells."""


@dataclass(frozen=True)
class Row:
    """One thing that two runs have, or one of them."""

    name: str
    left: str
    right: str
    change: str = ""

    @property
    def same(self) -> bool:
        """Whether both have it alike."""
        return self.left == self.right


def parameter_rows(left: Run, right: Run, language: Language) -> list[Row]:
    """Return every parameter with its value in both runs, and the seed."""
    found: dict[str, list[str]] = {}
    amounts: dict[str, list[Quantity | None]] = {}
    labels: dict[str, str] = {}
    for side, run in enumerate((left, right)):
        for parameter in run.plan.parameters if run.plan is not None else ():
            if parameter.name not in run.values:
                continue
            value = parameter.shown(run.values[parameter.name], language)
            text = f"{plain(value)} {unit_text(parameter.unit, language)}".strip()
            labels.setdefault(parameter.name, parameter.label.text(language) or parameter.name)
            found.setdefault(parameter.name, ["—", "—"])[side] = text
            if parameter.kind in ("number", "integer"):
                amount = Quantity(value=run.values[parameter.name], unit=parameter.unit)
                amounts.setdefault(parameter.name, [None, None])[side] = amount
    rows = [
        Row(labels[name], a, b, change(*amounts.get(name, (None, None))))
        for name, (a, b) in found.items()
    ]
    return [*rows, Row("", str(left.seed), str(right.seed))]


def number_rows(left: Run, right: Run, language: Language) -> list[Row]:
    """Return every computed number in both runs, and by how much it changed."""
    before, after = left.quantities, right.quantities
    rows = []
    for name in [*before, *(name for name in after if name not in before)]:
        a, b = before.get(name), after.get(name)
        called = quantity_name(name, language, right.plan if b is not None else left.plan)
        rows.append(Row(called, _text(a, language), _text(b, language), change(a, b)))
    return rows


def change(before: Quantity | None, after: Quantity | None) -> str:
    """Return how much a number grew, as a difference and a share; empty where none can be told."""
    if before is None or after is None or before.unit != after.unit:
        return ""
    a, b = _number(before.value), _number(after.value)
    if a is None or b is None or a == b:
        return ""
    text = ("+" if b > a else "−") + shown(abs(b - a))
    if a:
        share = (b - a) / abs(a) * 100
        if abs(share) < 1e5:
            text += f" ({'+' if share > 0 else '−'}{abs(share):.3g} %)"
    return text


class Comparison:
    """Draws two runs where the stage is."""

    def __init__(self, page: Page, left: Run, right: Run, close: Callable[[], None]) -> None:
        """``close`` goes back to the one run."""
        self._page, self._left, self._right = page, left, right
        with ui.element("div").classes("compare-head"):
            ui.label(page.say("window_compare.title")).classes("stage-title grow")
            told = page.say("window_compare.close")
            button(told, close, "leave-comparison", symbol="close", style="quiet").props(
                "data-action=leave-comparison"
            )
        self._pictures()
        parameters = parameter_rows(left, right, page.language)
        seed = parameters[-1]
        parameters[-1] = Row(page.say("window_result.seed"), seed.left, seed.right)
        with ui.element("div").classes("compare-tables"):
            self._table("parameters", parameters)
            self._table("numbers", number_rows(left, right, page.language))
            self._programs()

    def _pictures(self) -> None:
        runs = (self._left, self._right)
        with ui.element("div").classes("compare-names"):
            for side, run in zip(("a", "b"), runs, strict=True):
                with ui.element("div").classes(f"compare-name side-{side}"):
                    ui.label(side.upper()).classes("side-letter")
                    with ui.element("div").classes("compare-what"):
                        ui.label(name_of(self._page, run)).classes("small")
                        other = self._left if run is self._right else self._right
                        ui.label(apart(self._page, run, other)).classes("tiny muted")
        shown_ = [next(iter(outputs(run)), None) for run in runs]
        options = [_stage_options(self._page, r, o) for r, o in zip(runs, shown_, strict=True)]
        if all(options):
            pair = ui.element("intentos-pair").classes("pair").mark("pair")
            pair.props["options"] = json.dumps({"left": options[0], "right": options[1]})
            return
        with ui.element("div").classes("pair"):
            for run, output in zip(runs, shown_, strict=True):
                with ui.element("div").classes("pair-side"):
                    if output is None or output.kind == "live":
                        ui.label(self._page.say("window_compare.nothing")).classes("muted")
                    else:
                        view(self._page, run, output)

    def _table(self, kind: str, rows: list[Row]) -> None:
        if not rows:
            return
        page = self._page
        differing = [row for row in rows if not row.same]
        with ui.element("section").classes("compare-section").mark(f"compare-{kind}"):
            ui.label(page.say(f"window_compare.{kind}")).classes("strong")
            if differing:
                _rows(page, differing)
            alike = len(rows) - len(differing)
            if alike:
                told = page.say(f"window_compare.same_{kind}", count=alike)
                same = [row for row in rows if row.same]
                fold(told, f"same-{kind}", lambda: _rows(page, same))

    def _programs(self) -> None:
        sections = differences(self._left, self._right)
        if not sections:
            return
        page = self._page

        def fill() -> None:
            for section in sections:
                ui.label(page.say(section.title, step=section.about)).classes("small strong")
                with ui.element("div").classes("diff"):
                    for line in section.lines[:2000]:
                        kind = {"+": "more", "-": "less", "@": "place"}.get(line[:1], "")
                        ui.label(line).classes(f"diff-line {kind}")

        fold(page.say("window_compare.programs"), "compare-programs", fill)


def differences(left: Run, right: Run) -> list[Section]:
    """Return what the programs of two runs differ in, besides their values."""
    if left.plan is None or right.plan is None or left.plan.digest == right.plan.digest:
        return []
    sides = [Side(name=run.id, plan=run.plan, values=run.values) for run in (left, right)
             if run.plan is not None]  # fmt: skip
    return [section for section in compare(*sides) if section.title not in VALUES]


def name_of(page: Page, run: Run) -> str:
    """Return what a run is called beside others: its title and what was said."""
    title = run.plan.title.text(page.language, run.values) if run.plan is not None else ""
    said = run.intent.text.strip()
    text = f"{title} · {said}" if title and title != said else title or said
    return text if len(text) <= 80 else text[:79] + "…"


def apart(page: Page, run: Run, other: Run) -> str:
    """Return in a few words what a run was set to where another one was not."""
    if run.plan is None:
        return ""
    parts = []
    for parameter in run.plan.parameters:
        value = run.values.get(parameter.name)
        if value is not None and other.values.get(parameter.name) != value:
            label = parameter.label.text(page.language) or parameter.name
            text = plain(parameter.shown(value, page.language))
            parts.append(f"{label} {text} {page.unit(parameter.unit)}".strip())
    if len(parts) > APART:
        parts[APART:] = ["…"]
    return " · ".join(parts) or page.say("window_result.same_values")


def _rows(page: Page, rows: list[Row]) -> None:
    with ui.element("table").classes("compare-table"):
        with ui.element("thead"), ui.element("tr"):
            for title in ("", "A", "B", page.say("window_compare.change")):
                with ui.element("th").props("scope=col"):
                    ui.label(title)
        with ui.element("tbody"):
            for row in rows:
                with ui.element("tr"):
                    with ui.element("th").props("scope=row"):
                        ui.label(row.name)
                    for text in (row.left, row.right, row.change):
                        with ui.element("td"):
                            ui.label(text)


def _stage_options(page: Page, run: Run, output: Output | None) -> dict[str, object] | None:
    if output is None:
        return None
    if output.kind == "live":
        return live_options(page, run, output.step)
    if output.kind in ("film", "picture") and output.artifact is not None:
        return {
            "run": run.id,
            "film": film_option(output.artifact),
            "words": stage_words(page.language),
            "language": page.language,
            "title": output.artifact.name,
        }
    return None


def _text(quantity: Quantity | None, language: Language) -> str:
    if quantity is None:
        return "—"
    return f"{shown(quantity.value)} {unit_text(quantity.unit, language)}".strip()


def _number(value: Json) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value
