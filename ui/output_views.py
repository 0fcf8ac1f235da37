"""Each kind of output as it is drawn on the stage."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from nicegui import background_tasks, ui

from intentos.errors import IntentOSError
from intentos.export_data import is_series, probes_of
from intentos.quantity_names import column_name
from intentos.run import Run
from intentos.stage import stage_words
from intentos.terminal import shown_size
from intentos.types import Artifact, Json

from .buttons import fold
from .chart_view import field, grid, lines
from .numbers import numbers
from .outputs import Output, film_of
from .page import Page
from .tables import Arrays, Field, Table, Unreadable, chart_of, read_array, read_csv

TEXT = 200_000
"""Characters of a text that are shown."""
TREE = 1_000_000
"""Bytes of JSON that are opened as a tree."""
BRANCHES = 200
T = TypeVar("T")


def stage_element(options: dict[str, Any]) -> ui.element:
    """Return the element that becomes a stage in the browser."""
    element = ui.element("intentos-stage").classes("stage-element")
    element.props["options"] = json.dumps(options)
    return element


def live_options(page: Page, run: Run, step: str) -> dict[str, Any]:
    """Return what ``mountStage`` needs for a step that draws."""
    film = film_of(run, step)
    plan = run.plan
    title = plan.title.text(page.language, plan.spoken(run.values, page.language)) if plan else ""
    return {
        "run": run.id,
        "programUrl": f"/api/program/{run.id}/{step}",
        "socketUrl": f"/api/live/{run.id}/{step}",
        "framesUrl": None if run.status.ended else f"/api/frames/{run.id}",
        "film": film and film_option(film),
        "words": stage_words(page.language),
        "language": page.language,
        "title": title,
    }


def film_option(artifact: Artifact) -> dict[str, str]:
    """Return a finished film or picture as ``mountStage`` takes it."""
    return {"url": address(artifact), "media_type": artifact.media_type}


def address(artifact: Artifact, *, save: bool = False) -> str:
    """Return where a browser gets an artifact's bytes."""
    return f"/api/artifacts/{artifact.id}" + ("?save=true" if save else "")


def view(page: Page, run: Run, output: Output) -> None:
    """Draw an output; what is read from a file appears a moment later."""
    artifact = output.artifact
    if output.kind == "numbers":
        with ui.element("div").classes("stage-numbers"):
            if run.answer:
                ui.label(run.answer).classes("stage-answer")
            numbers(page, run.quantities, run.plan, large=True)
    elif artifact is None:
        raise ValueError(output.kind)
    elif output.kind in ("film", "picture"):
        stage_element(
            {
                "run": run.id,
                "film": film_option(artifact),
                "words": stage_words(page.language),
                "language": page.language,
                "title": artifact.name,
            }
        ).mark("picture")
    elif output.kind == "sound":
        _sound(artifact)
    elif output.kind == "table":
        named = partial(_named, page, run, artifact)
        _read(page, artifact, named, lambda table: _table(page, table))
    elif output.kind == "array":
        _read(page, artifact, read_array, lambda found: _array(page, artifact, found))
    elif output.kind == "text":
        _read(page, artifact, _read_text, lambda text: _text(page, artifact, text))
    else:
        _file(page, artifact)


def _sound(artifact: Artifact) -> None:
    with ui.element("div").classes("stage-sound"):
        ui.icon("graphic_eq").props("aria-hidden=true")
        ui.label(artifact.name).classes("strong")
        player = ui.element("audio").props("controls preload=metadata").mark("sound")
        player.props["src"] = address(artifact)
        player.props["aria-label"] = artifact.name


def _read(
    page: Page, artifact: Artifact, read: Callable[[Path], T], draw: Callable[[T], None]
) -> None:
    with ui.element("div").classes("stage-data") as place:
        ui.label(page.say("window_output.reading")).classes("muted").mark("reading")

    async def work() -> None:
        error = ""
        try:
            path = await asyncio.to_thread(page.desk.store.path, artifact.id)
            found = await asyncio.to_thread(read, path)
        except IntentOSError as problem:
            error = problem.text(page.language)
        except (Unreadable, OSError) as problem:
            what = str(problem)[:200]
            error = page.say("window_output.unreadable", name=artifact.name, what=what)
        if place.is_deleted:
            return
        place.clear()
        with place:
            if error:
                ui.label(error).classes("notice").mark("unreadable")
                _file(page, artifact)
            else:
                draw(found)

    _background(work())


def _background(work: Coroutine[Any, Any, None]) -> None:
    background_tasks.create(work, name="read an output")


def _table(page: Page, table: Table) -> None:
    if not table.columns:
        ui.label(page.say("window_output.empty_table")).classes("muted")
        return
    chart = chart_of(table)
    if chart is None:
        grid(page, table)
        return
    tabs = {
        "chart": lambda: lines(chart),
        "table": lambda: grid(page, table),
    }

    def switch(name: str) -> None:
        for other, button in buttons.items():
            button.props["aria-pressed"] = "true" if other == name else "false"
        place.clear()
        with place:
            tabs[name]()

    with ui.element("div").classes("switch").props("role=group") as bar:
        buttons = {name: _switch(page, name, partial(switch, name)) for name in tabs}
    bar.props["aria-label"] = page.say("window_output.shown_as")
    place = ui.element("div").classes("stage-data")

    switch("chart")


def _named(page: Page, run: Run, artifact: Artifact, path: Path) -> Table:
    """Read a table, with its columns called as people call them; builds the program of a series."""
    table = read_csv(path)
    seen = is_series(run, artifact)
    probes = probes_of(run, page.desk.registry, page.desk.store) if seen else None
    names = (column_name(name, page.language, run.plan, probes) for name in table.columns)
    return replace(table, columns=tuple(names))


def _switch(page: Page, name: str, pressed: Callable[[], None]) -> ui.element:
    button = ui.element("button").classes("switch-item").props("type=button")
    with button.on("click", pressed).mark(f"as-{name}"):
        ui.label(page.say(f"window_output.as_{name}"))
    return button


def _array(page: Page, artifact: Artifact, found: Table | Field | Arrays) -> None:
    match found:
        case Table():
            _table(page, found)
        case Field():
            size = " × ".join(str(n) for n in found.shape)
            ui.label(page.say("window_output.field", shape=size)).classes("small muted")
            field(found)
        case Arrays():
            _file(page, artifact)
            with ui.element("dl").classes("facts"):
                for name, shape, dtype in found.members:
                    with ui.element("dt"):
                        ui.label(name or artifact.name)
                    with ui.element("dd"):
                        ui.label(" × ".join(str(n) for n in shape) + f"  {dtype}")


def _read_text(path: Path) -> tuple[str, Json]:
    """Return the beginning of a text, and what it means where it is JSON of a modest size."""
    with path.open("r", encoding="utf-8", errors="replace") as file:
        text = file.read(max(TEXT, TREE) + 1)
    if len(text) <= TREE:
        try:
            return text[: TEXT + 1], json.loads(text)
        except (ValueError, RecursionError):
            pass
    return text[: TEXT + 1], None


def _text(page: Page, artifact: Artifact, read: tuple[str, Json]) -> None:
    text, tree = read
    if artifact.media_type == "application/json" and isinstance(tree, dict | list):
        with ui.element("div").classes("tree").mark("tree"):
            _branches(page, tree)
        return
    if len(text) > TEXT:
        ui.label(page.say("window_output.text_cut", count=f"{TEXT:,}")).classes("small notice")
    shown = ui.label(text[:TEXT]).classes("code whole").props("tabindex=0 role=region").mark("text")
    shown.props["aria-label"] = artifact.name


def _branches(page: Page, tree: dict[str, Json] | list[Json]) -> None:
    pairs = list(tree.items() if isinstance(tree, dict) else enumerate(tree, start=1))
    for name, value in pairs[:BRANCHES]:
        if isinstance(value, dict | list) and value:
            fold(f"{str(name)[:200]} ({len(value)})", "branch", partial(_branches, page, value))
        else:
            with ui.element("div").classes("leaf"):
                ui.label(str(name)[:200]).classes("muted")
                ui.label(json.dumps(value, ensure_ascii=False)[:2000]).classes("mono")
    if len(pairs) > BRANCHES:
        ui.label(page.say("window_output.more", count=len(pairs) - BRANCHES)).classes("small muted")


def _file(page: Page, artifact: Artifact) -> None:
    with ui.element("div").classes("stage-file"):
        ui.icon("draft").props("aria-hidden=true")
        ui.label(artifact.name).classes("strong")
        ui.label(f"{artifact.media_type} · {shown_size(artifact.size)}").classes("small muted")
        download(page, artifact)


def download(page: Page, artifact: Artifact, *, small: bool = False) -> None:
    """Draw a link that saves an artifact's file."""
    text = page.say("window_output.download", name=artifact.name)
    link = ui.element("a").classes("round" if small else "button").mark("download")
    link.props["href"] = address(artifact, save=True)
    link.props["download"] = artifact.name
    link.props["title"] = link.props["aria-label"] = text
    with link:
        ui.icon("download").props("aria-hidden=true")
        if not small:
            ui.label(page.say("window_output.save_file"))
