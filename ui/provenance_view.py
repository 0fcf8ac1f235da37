"""Draws how a run came to be, from left to right: what was said, plan, steps, what they left.

Columns of cards, and curves between those that belong together, drawn by ``static/flow.js`` from
what each card names; all of it is text, links and lists without the curves too.
"""

from __future__ import annotations

from nicegui import ui

from intentos.export_prov import machine
from intentos.run import Run
from intentos.types import Artifact

from .history import text
from .page import Page
from .provenance import Family
from .still_route import still_url

ARTIFACTS = 8
"""Shown of each run; the others are counted."""


def draw(page: Page, found: Family) -> None:
    """Draw the columns."""
    run, say = found.run, page.say
    plan = run.plan
    with ui.element("intentos-flow").classes("flow").mark("graph"):
        if found.before:
            with _column(page, "before"):
                for earlier in found.before:
                    _relation(page, earlier, f"run-{earlier.id}", ())
        with _column(page, "intent"):
            came_from = [f"run-{earlier.id}" for earlier in found.before]
            with _card("intent", came_from, f"/c/{run.intent.conversation}"):
                text("span", run.intent.text[:200]).classes("flow-name")
                text("span", f"{run.intent.created_at.astimezone():%Y-%m-%d %H:%M}").classes(
                    "tiny muted"
                )
        if plan is None:
            return
        with _column(page, "plan"), _card("plan", ["intent"]):
            text("span", plan.title.text(page.language, plan.spoken(run.values, page.language)))
            text("span", say(f"origin.{plan.origin}")).classes("tiny muted")
            text("span", plan.digest[:12]).classes("tiny muted mono")
            for name in dict.fromkeys(use.name for use in run.models):
                text("span", name).classes("tiny muted")
        made: dict[str, list[Artifact]] = {}
        for artifact in run.artifacts:
            made.setdefault(artifact.step_id, []).append(artifact)
        results = {result.step_id: result for result in run.results}
        with _column(page, "steps"):
            for step in plan.steps:
                inputs = [s.partition("/")[0] for s in step.inputs.values()]
                links = [f"step-{i}" for i in inputs if any(s.id == i for s in plan.steps)]
                with _card(f"step-{step.id}", links or ["plan"]):
                    title = step.title.text(page.language, run.values) or step.id
                    text("span", title).classes("flow-name")
                    result = results.get(step.id)
                    where = (
                        f"{result.executor} · {result.seconds:.1f} s" if result else step.language
                    )
                    text("span", where).classes("tiny muted")
                    if result is not None and result.node != "here":
                        node, owner = machine(result)
                        text("span", say("window_network.whose", node=node, owner=owner or "?"))
        if run.artifacts:
            with _column(page, "artifacts"):
                for artifact in run.artifacts[:ARTIFACTS]:
                    _artifact(run, artifact)
                if (more := len(run.artifacts) - ARTIFACTS) > 0:
                    text("span", say("window_network.more", count=more)).classes("tiny muted")
        if found.after:
            with _column(page, "after"):
                left = [f"artifact-{a.id[:12]}" for a in run.artifacts[:1]] or ["plan"]
                for later in found.after:
                    _relation(page, later, f"run-{later.id}", left)


def _column(page: Page, name: str) -> ui.element:
    column = ui.element("div").classes(f"flow-column flow-{name}")
    with column:
        text("h3", page.say(f"window_network.column_{name}"))
    return column


def _card(name: str, links: list[str] | tuple[str, ...], target: str = "") -> ui.element:
    card = ui.link(target=target) if target else ui.element("div")
    card.classes("flow-card", remove="nicegui-link").mark(f"flow-{name}")
    card.props["data-node"], card.props["data-from"] = name, " ".join(links)
    return card


def _relation(page: Page, run: Run, name: str, links: list[str] | tuple[str, ...]) -> None:
    with _card(name, links, f"/c/{run.intent.conversation}"):
        image = ui.element("img").props("loading=lazy alt='' width=120 height=90")
        image.props["src"] = still_url(run.id)
        text("span", run.intent.text[:120]).classes("flow-name")
        text("span", page.say(f"status.{run.status.value}")).classes("tiny muted")


def _artifact(run: Run, artifact: Artifact) -> None:
    gone = artifact.id in run.removed
    target = "" if gone else f"/api/artifacts/{artifact.id}"
    with _card(f"artifact-{artifact.id[:12]}", [f"step-{artifact.step_id}"], target) as card:
        if target:
            card.props("target=_blank rel=noopener")
        text("span", artifact.name).classes("flow-name")
        text("span", f"{artifact.media_type} · {_size(artifact.size)}").classes("tiny muted")


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{max(count / 1e3, 0.1):.1f} kB"
