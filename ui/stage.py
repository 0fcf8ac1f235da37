"""The stage beside the conversation: what a run draws, alive where it can be, and its knobs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from nicegui import ui

from intentos.run import Run, RunStatus
from intentos.types import Value

from .compare import Comparison
from .desk import Turn
from .island import Island
from .knob_panel import KnobPanel, Turned
from .output_views import address, download, live_options, stage_element, view
from .outputs import Output, outputs
from .page import Page

Rerun = Callable[[str], Awaitable[object]]
TAB_SYMBOLS = {
    "live": "play_circle",
    "film": "movie",
    "picture": "image",
    "table": "table_chart",
    "array": "data_array",
    "sound": "graphic_eq",
    "numbers": "tag",
    "text": "notes",
    "file": "draft",
}


class StageSide:
    """Shows one run at a time, or two beside each other."""

    def __init__(self, page: Page, rerun: Rerun | None = None) -> None:
        """``rerun`` makes a run of the knobs as they are; None where nobody may."""
        self._page = page
        self._rerun = rerun
        self._keys: dict[str, object] = {}
        self._run = ""
        self._chosen: dict[str, str] = {}
        self._turned: dict[str, Turned] = {}
        self._live: ui.element | None = None
        with Island("aside").classes("stage-side").mark("stage") as self._root:
            self._root.props["aria-label"] = page.say("window_output.stage")
            self._single = ui.element("div").classes("stage-single")
            with self._single:
                self._parts = {
                    name: ui.element("div").classes(f"stage-{name}")
                    for name in ("head", "tabs", "body", "knobs")
                }
            self._pair = ui.element("div").classes("stage-pair")
            self._pair.set_visibility(False)

    def turned(self, run_id: str) -> dict[str, Value]:
        """Return what was turned on a run's knobs here and not run."""
        turned = self._turned.get(run_id)
        return turned.values if turned is not None else {}

    @property
    def shown(self) -> str:
        """The id of the run that is on the stage."""
        return self._run

    def show(self, turn: Turn) -> None:
        """Put a run on the stage."""
        self.leave_comparison()
        if turn.run.id != self._run:
            self._keys.clear()
        self._run = turn.run.id
        self.update(turn)

    def update(self, turn: Turn) -> None:
        """Draw again what has changed, if this run is on the stage."""
        run = turn.run
        if run.id != self._run:
            return
        found = outputs(run) if run.status.ended or run.approval is not None else []
        if not run.status.ended:  # a step's files are told when all is there
            found = [output for output in found if output.kind == "live"]
        chosen = self._output(run, found)
        offered = tuple(output.key for output in found)
        self._part("head", (run.status, run.badge, chosen and chosen.key, run.plan is not None),
                   lambda: self._head(run, chosen))  # fmt: skip
        self._part("tabs", (offered, chosen and chosen.key) if len(offered) > 1 else None,
                   lambda: self._tabs(run, found, chosen))  # fmt: skip
        if chosen is None:
            self._part("body", self._nothing_key(turn), lambda: self._nothing(turn))
        else:
            gone = chosen.artifact is not None and chosen.artifact.id in run.removed
            self._part("body", (chosen.key, chosen.kind, gone), lambda: self._draw(run, chosen))
            if chosen.kind == "live" and self._live is not None:
                self._tell_live(live_options(self._page, run, chosen.step))
        turnable = run.status.ended and run.approval is not None and bool(run.values)
        self._part("knobs", run.id if turnable else None, lambda: self._knobs(run))
        self._mark_stale()

    def compare(self, left: Turn, right: Turn) -> None:
        """Put two runs beside each other, in step."""
        self._pair.clear()
        with self._pair:
            Comparison(self._page, left.run, right.run, self.leave_comparison)
        self._single.set_visibility(False)
        self._pair.set_visibility(True)

    def leave_comparison(self) -> None:
        """Go back to the one run."""
        if self._pair.visible:
            self._pair.clear()
            self._pair.set_visibility(False)
            self._single.set_visibility(True)

    # ---- its parts ----------------------------------------------------------------------------

    def _part(self, name: str, key: object, draw: Callable[[], None]) -> None:
        if name in self._keys and self._keys[name] == key:
            return
        self._keys[name] = key
        part = self._parts[name]
        if name == "body":
            self._live = None
        part.clear()
        part.set_visibility(key is not None)
        if key is not None:
            with part:
                draw()
                if name == "body":
                    ui.label(self._page.say("window_knobs.stale_mark")).classes("stale-mark")

    def _output(self, run: Run, found: list[Output]) -> Output | None:
        wanted = self._chosen.get(run.id)
        by_key = {output.key: output for output in found}
        return by_key.get(wanted or "") or (found[0] if found else None)

    def _head(self, run: Run, chosen: Output | None) -> None:
        page = self._page
        if run.plan is None:
            return
        spoken = run.plan.spoken(run.values, page.language)
        ui.label(run.plan.title.text(page.language, spoken)).classes("stage-title").mark("on-stage")
        if run.badge is not None:
            ui.label(page.say(f"badge.{run.badge}")).classes(f"chip badge tiny {run.badge}")
        elif run.status is not RunStatus.COMPLETED:
            ui.label(page.say(f"status.{run.status.value}")).classes("chip tiny")
        if chosen is not None and chosen.artifact is not None:
            download(page, chosen.artifact, small=True)
        self._collapser()

    def _collapser(self) -> None:
        """On a phone the stage may make room for the words."""
        name = self._page.say("window_output.collapse")
        button = ui.element("button").classes("round collapse").props("type=button")
        button.props["aria-label"] = button.props["title"] = name
        button.props["aria-expanded"] = "true"

        def turn() -> None:
            folded = "folded" in self._root.classes
            self._root.classes(remove="folded" if folded else "", add="" if folded else "folded")
            button.props["aria-expanded"] = "true" if folded else "false"

        with button.on("click", turn).mark("collapse"):
            ui.icon("expand_less").props("aria-hidden=true")

    def _tabs(self, run: Run, found: list[Output], chosen: Output | None) -> None:
        with ui.element("div").classes("tabs").props("role=tablist").mark("tabs") as tabs:
            tabs.props["aria-label"] = self._page.say("window_output.outputs")
            for output in found:
                here = chosen is not None and output.key == chosen.key
                tab = ui.element("button").classes("tab").props("type=button role=tab")
                tab.props["aria-selected"] = "true" if here else "false"
                tab.on("click", lambda key=output.key: self._choose(run.id, key))
                with tab.mark(f"tab-{output.key}"):
                    ui.icon(TAB_SYMBOLS[output.kind]).props("aria-hidden=true")
                    ui.label(self._called(output))

    def _called(self, output: Output) -> str:
        if output.artifact is not None:
            return output.artifact.name
        return self._page.say(f"window_output.tab_{output.kind}")

    def _choose(self, run_id: str, key: str) -> None:
        self._chosen[run_id] = key
        self.update(self._page.desk.turn(run_id))

    def _draw(self, run: Run, chosen: Output) -> None:
        if chosen.kind == "live":
            self._live = stage_element(live_options(self._page, run, chosen.step)).mark("live")
            return
        assert chosen.artifact is not None or chosen.kind == "numbers"
        if chosen.artifact is not None and chosen.artifact.id in run.removed:
            why = run.removed[chosen.artifact.id]
            text = self._page.say(f"window_result.removed_{why}", names=chosen.artifact.name)
            self._message("inventory_2", text)
            return
        view(self._page, run, chosen)
        if chosen.kind == "picture":
            sound = next((o.artifact for o in outputs(run) if o.kind == "sound"), None)
            if sound is not None:
                player = ui.element("audio").props("controls preload=metadata")
                player.props["src"] = address(sound)
                player.props["aria-label"] = sound.name

    def _tell_live(self, options: dict[str, Any]) -> None:
        assert self._live is not None
        text = json.dumps(options)
        if self._live.props.get("options") != text:
            self._live.props["options"] = text

    def _nothing_key(self, turn: Turn) -> object:
        passing = turn.passing
        return (turn.run.status, turn.question is not None, passing and passing.step_id)

    def _nothing(self, turn: Turn) -> None:
        run, page = turn.run, self._page
        if run.status.ended:
            code = f"window_output.nothing_{run.status.value}"
            symbol = "done_all" if run.status is RunStatus.COMPLETED else "blur_off"
            self._message(symbol, page.say(code))
        elif turn.question is not None or turn.consent is not None:
            self._message("fact_check", page.say("window_output.asked"))
        else:
            step_id = turn.passing.step_id if turn.passing is not None else None
            steps = run.plan.steps if run.plan is not None and run.approval is not None else ()
            step = next((s for s in steps if s.id == step_id), steps[0] if steps else None)
            title = step.title.text(page.language) if step is not None else ""
            text = title or page.say("window_output.thinking")
            with ui.element("div").classes("stage-message working").mark("working"):
                ui.element("div").classes("orbit").props("aria-hidden=true")
                ui.label(text)

    def _message(self, symbol: str, text: str) -> None:
        with ui.element("div").classes("stage-message").mark("stage-message"):
            ui.icon(symbol).props("aria-hidden=true")
            ui.label(text)

    def _knobs(self, run: Run) -> None:
        async def rerun() -> None:
            assert self._rerun is not None
            await self._rerun(run.id)

        turned = self._turned.setdefault(run.id, Turned(self._page, run))
        may = self._rerun is not None and not self._page.guest
        KnobPanel(self._page, turned, rerun=rerun if may else None, changed=self._mark_stale)

    def _mark_stale(self) -> None:
        turned = self._turned.get(self._run)
        stale = turned is not None and turned.stale
        self._root.classes(add="stale" if stale else "", remove="" if stale else "stale")
