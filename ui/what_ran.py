"""What ran: code, log, seed, device, versions, seconds, where, tokens and what they cost."""

from __future__ import annotations

from nicegui import ui

from intentos.model_use import total_cost
from intentos.plan import Step
from intentos.run import Run, StepResult
from intentos.types import Problem, canonical_json

from .buttons import copy_props, fold
from .page import Page

LOG = 20_000
"""Characters of a log that are shown: its end, where the error is."""


def what_ran(page: Page, run: Run, *, open_log: bool = False) -> None:
    """Draw the folded line; ``open_log``: unfolded, with the log, as after a failure."""
    if run.plan is None:
        return
    facts = [page.say("window_result.what_ran")]
    seconds = sum(result.seconds for result in run.results)
    if run.results:
        facts.append(page.say("window_result.took", seconds=f"{seconds:.1f}"))
        facts.append(_where(page, run.results[-1]))
    line = " · ".join(facts)
    fold(line, "what-ran", lambda: _fill(page, run, open_log=open_log), opened=open_log)


def _fill(page: Page, run: Run, *, open_log: bool) -> None:
    results = {result.step_id: result for result in run.results}
    plan = run.plan
    assert plan is not None
    for number, step in enumerate(plan.steps, start=1):
        result = results.get(step.id)
        _step(page, number, step, result, told_error=run.error, open_log=open_log)
    with ui.element("dl").classes("facts").mark("facts"):
        _fact(page.say("window_result.seed"), str(run.seed), page, copies=True)
        devices = dict.fromkeys(r.device for r in run.results if r.device)
        if devices:
            _fact(page.say("window_result.device"), ", ".join(devices), page)
        versions = {name: v for r in run.results for name, v in r.versions.items()}
        if versions:
            text = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
            _fact(page.say("window_result.versions"), text, page)
        if run.tokens or run.models:
            _fact(page.say("window_result.model"), _models(page, run), page)
        _fact(page.say("window_result.fingerprint"), plan.digest[:12], page, copy=plan.digest)
        _fact(page.say("window_result.run_id"), run.id[-8:], page, copy=run.id)


def _step(
    page: Page,
    number: int,
    step: Step,
    result: StepResult | None,
    *,
    told_error: Problem | None,
    open_log: bool,
) -> None:
    with ui.element("section").classes("ran").mark(f"ran-{step.id}"):
        title = step.title.text(page.language) or step.id
        ui.label(f"{number}. {title}").classes("strong")
        if result is None:
            ui.label(page.say("window_result.not_reached")).classes("small muted")
        else:
            told = [
                page.say(f"window_result.step_{result.status.value}"),
                result.executor,
                _where(page, result),
                page.say("window_result.took", seconds=f"{result.seconds:.1f}"),
            ]
            ui.label(" · ".join(told)).classes("small muted")
            if result.note is not None:
                ui.label(result.note.text(page.language)).classes("small notice")
            if result.error is not None and result.error != told_error:
                ui.label(result.error.text(page.language)).classes("small error")
        if step.language == "kernel":
            ui.label(
                page.say("card.kernel", name=step.code, hash=step.code_hash[:12])
            ).classes("small")  # fmt: skip
            lines = [f"{key} = {canonical_json(a).decode()}" for key, a in step.arguments.items()]
            fold_text(page.say("window_result.arguments"), "\n".join(lines), f"code-{step.id}")
        else:
            fold_text(page.say("window_result.code"), step.code.rstrip(), f"code-{step.id}")
        if result is not None:
            _log(page, step, result, open_log=open_log)


def _log(page: Page, step: Step, result: StepResult, *, open_log: bool) -> None:
    for stream in ("stdout", "stderr"):
        text: str = getattr(result, stream).rstrip()
        if not text:
            continue
        cut = len(text) > LOG
        notes = []
        if cut:
            notes.append(page.say("window_result.log_end", count=f"{LOG:,}"))
        if result.truncated:
            notes.append(page.say("window_result.log_truncated"))
        fold_text(
            page.say(f"window_result.{stream}"),
            text[-LOG:],
            f"{stream}-{step.id}",
            notes=notes,
            opened=open_log,
        )


def fold_text(
    title: str, text: str, mark: str, *, notes: list[str] | None = None, opened: bool = False
) -> None:
    """Draw a text of fixed width under a line that unfolds it; it is sent only then."""

    def fill() -> None:
        for note in notes or ():
            ui.label(note).classes("small notice")
        # The browser can reach it by keyboard, to scroll it.
        shown = ui.label(text).classes("code").props("tabindex=0 role=region")
        shown.props["aria-label"] = title

    fold(title, mark, fill, opened=opened)


def _fact(name: str, text: str, page: Page, *, copy: str = "", copies: bool = False) -> None:
    with ui.element("dt"):
        ui.label(name)
    with ui.element("dd"):
        if not (copy or copies):
            ui.label(text)
            return
        told = page.say("window_result.copy", what=name)
        element = copy_props(
            ui.element("button").classes("fact-copy"), copy or text, told,
            page.say("window_result.copied"),
        )  # fmt: skip
        with element:
            ui.label(text)
            ui.icon("content_copy").props("aria-hidden=true")


def _models(page: Page, run: Run) -> str:
    names = dict.fromkeys(use.name for use in run.models)
    parts = [", ".join(names)] if names else []
    parts.append(page.say("card.tokens", tokens=run.tokens))
    if any(use.host for use in run.models):
        cost = total_cost(run.models)
        parts.append(page.say("models.cost_unknown") if cost is None else f"${cost:.4f}")
    return " · ".join(parts)


def _where(page: Page, result: StepResult) -> str:
    if result.node == "here":
        return page.say("card.here")
    return page.say("window_result.there", node=result.node)
