"""The commands that keep and compare: save a run, tell two apart, write and check recipes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from intentos import cli, diff
from intentos.conversation import Conversation, lineage
from intentos.errors import UsageError
from intentos.knobs import Turned, turned
from intentos.policy import ApproveAll
from intentos.protocols import RecipeInfo
from intentos.report import exit_code, report, results_folder
from intentos.run import Run, RunStatus
from intentos.store import Store

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]


def register(app: typer.Typer, recipes: typer.Typer) -> None:
    """Add the commands to the command line, and to those of recipes."""
    app.command()(save)
    app.command("diff")(diff_command)
    recipes.command("new")(recipes_new)
    recipes.command("check")(recipes_check)


def save(
    run: Annotated[str, typer.Argument(help="A run's id, its beginning or end, or `last`.")],
    name: Annotated[str, typer.Option("--as", help="What to call it; ask for it by this name.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over what you saved under this name.")
    ] = False,
    json_: Json = False,
) -> None:
    """Keep what a run did as a recipe of your own, to be asked for by its name."""
    call = cli.Call(language=None, json_=json_, out=None)

    async def work(conversation: Conversation) -> RecipeInfo:
        found = conversation.store.run(run)
        call.terminal.language = found.intent.language
        wishes = [earlier.intent.text for earlier in lineage(conversation.store, found)]
        planner = conversation.registry.planner(settings=conversation.settings)
        return planner.recipes.save(found, name, wishes, replace=replace)

    kept = call.guard(lambda: asyncio.run(call.converse(work, ApproveAll("save"))))
    if json_:
        document = {"id": kept.id, "title": kept.title.model_dump(), "source": str(kept.source)}
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    title = kept.title.text(call.terminal.language)
    told = call.terminal.say("save.saved", name=title, path=str(kept.source))
    call.terminal.stdout().print(Text(told), soft_wrap=True)


def diff_command(
    before: Annotated[str, typer.Argument(help="A run, or a plan file.")],
    after: Annotated[str, typer.Argument(help="Another run, or a plan file.")],
    json_: Json = False,
) -> None:
    """Show what two runs or plans differ in; exit 0: nothing, 1: something."""
    call = cli.Call(language=None, json_=json_, out=None)

    def work() -> tuple[diff.Side, diff.Side]:
        store = Store(call.settings)
        try:
            return diff.side(before, store), diff.side(after, store)
        finally:
            store.close()

    old, new = call.guard(work)
    sections = diff.compare(old, new)
    language = call.terminal.language
    if json_:
        document = {
            "same": not sections,
            "before": {"name": old.name, "plan": old.plan.digest},
            "after": {"name": new.name, "plan": new.plan.digest},
            "sections": [
                {"kind": s.title.partition(".")[2], "step": s.about, "lines": list(s.lines)}
                for s in sections
            ],
        }
        typer.echo(json.dumps(document, ensure_ascii=False))
    elif sections:
        call.terminal.difference(diff.text(sections, old.name, new.name, language))
    else:
        call.terminal.note("diff.same")
    raise typer.Exit(1 if sections else 0)


def recipes_new(
    name: Annotated[str, typer.Argument(help="What the recipe is called.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File to write.")] = None,
) -> None:
    """Write a small recipe that works, with a word on each part, to be filled in."""
    call = cli.Call(language=None, json_=False, out=None)

    async def work(conversation: Conversation) -> Path:
        planner = conversation.registry.planner(settings=conversation.settings)
        id, text = planner.recipes.template(name)
        path = output or Path(f"{id}.yaml")
        if path.stem != id:
            raise UsageError("save.file_name", path=str(path), id=id)
        if path.exists():
            raise UsageError("save.file_there", path=str(path))
        cli.write_text(path, text)
        return path

    path = call.guard(lambda: asyncio.run(call.converse(work, ApproveAll("new"))))
    folder = str(call.settings.recipes)
    told = call.terminal.say("save.template", path=str(path), folder=folder)
    call.terminal.stdout().print(Text(told), soft_wrap=True)


def recipes_check(
    path: Annotated[Path, typer.Argument(help="A file with a recipe, or with laws.")],
    json_: Json = False,
) -> None:
    """Run a recipe at its small test size with its checks, and once more for each knob turned."""
    call = cli.Call(language=None, json_=json_, out=None)
    language = call.terminal.language
    checked: list[tuple[Run, int, tuple[Turned, ...]]] = []

    async def work(conversation: Conversation) -> None:
        planner = conversation.registry.planner(settings=conversation.settings)
        for proposal in planner.recipes.read(path):
            place = len(conversation.runs)
            knobs = await turned(proposal, conversation, call.terminal.show, language)
            run = conversation.store.run(conversation.runs[place])
            checked.append((run, place, knobs))

    call.guard(lambda: asyncio.run(call.converse(work, ApproveAll("recipes check"))))
    conversation = call.conversation
    call.terminal.pause()
    documents, codes = [], []
    for run, place, knobs in checked:
        paths = results_folder(run, call.settings, conversation.store)
        if json_:
            document = report(
                run,
                paths=paths,
                timings=conversation.timings,
                runs=conversation.runs[place:],
                language=language,
            )
            documents.append({**document, "knobs": [knob.as_json(language) for knob in knobs]})
        else:
            call.terminal.result(run, paths, conversation.timings)
            for knob in knobs:
                style = "green" if knob.good else "red"
                told = Text(f"  {knob.text(language)}", style=style)
                call.terminal.stdout().print(told, soft_wrap=True)
        if run.error is not None:
            call.terminal.error(run.error.text(language))
        good = run.status is not RunStatus.COMPLETED or all(knob.good for knob in knobs)
        codes.append(exit_code(run) or (0 if good else 1))
    if json_:  # laws are a list, be it of one
        whole = documents if len(documents) > 1 else documents[0]
        typer.echo(json.dumps(whole, ensure_ascii=False, allow_nan=False))
    raise typer.Exit(max(codes))
