"""``intentos replay``: run the same code with the same values once more, and say what came out."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from intentos import cli
from intentos.conversation import Conversation, Options, make_intent
from intentos.replay import Comparison, compare, document, replayable
from intentos.report import export, report, results_folder
from intentos.run import Run
from intentos.terminal import Terminal

_MARKS = {
    "identical": ("✓", "green"),
    "within_tolerance": ("≈", "yellow"),
    "different": ("✗", "red"),
}
SHOWN = 12
"""Differences that are told one by one."""


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(replay)


def replay(
    run: Annotated[str, typer.Argument(help="A run's id, its beginning or end, or `last`.")],
    yes: cli.Yes = False,
    allow: cli.Allow = "",
    out: Annotated[
        Path | None, typer.Option(help="Folder for exactly the replay's artifacts.")
    ] = None,
    json_: cli.Json = False,
) -> None:
    """Run the same code with the same values and seed, and compare; exit 1: something differs."""
    call = cli.Call(language=None, json_=json_, out=out)
    options = call.guard(lambda: Options(allow=cli.needs(allow)))
    found: list[Run] = []

    async def work(conversation: Conversation) -> Run:
        earlier = conversation.store.run(run)
        found.append(earlier)
        call.terminal.language = earlier.intent.language
        plan = await asyncio.to_thread(
            replayable, earlier, conversation.registry, conversation.store
        )
        options.values, options.seed = earlier.values, earlier.seed
        intent = make_intent(
            earlier.intent.text,
            conversation=earlier.intent.conversation,
            language=earlier.intent.language,
            attachments=earlier.intent.attachments,
        )
        return await conversation.run(
            intent, options, call.terminal.show, plan=plan, parent_run=earlier.id
        )

    def tell(after: Run, conversation: Conversation) -> int:
        comparison = compare(found[0], after, conversation.store)
        if out is not None:
            paths = export(after, out, conversation.store)
        else:
            paths = results_folder(after, call.settings, conversation.store)
        if json_:
            whole = report(
                after,
                paths=paths,
                timings=conversation.timings,
                runs=conversation.runs,
                language=call.terminal.language,
            )
            whole["replay"] = document(comparison, found[0], call.terminal.language)
            typer.echo(json.dumps(whole, ensure_ascii=False, allow_nan=False))
        else:
            _show(call.terminal, found[0], after, comparison)
        return 1 if comparison.verdict == "different" else 0

    call.run(work, yes=yes, tell=tell)


def _show(terminal: Terminal, before: Run, after: Run, comparison: Comparison) -> None:
    say, language = terminal.say, terminal.language
    out = terminal.stdout()
    mark, style = _MARKS[comparison.verdict]
    told = say(f"replay.{comparison.verdict}", count=len(comparison.findings))
    out.print(Text.assemble((f"{mark} ", style), told), soft_wrap=True)
    off = [finding for finding in comparison.findings if finding.verdict != "identical"]
    for finding in off[:SHOWN]:
        mark, style = _MARKS[finding.verdict]
        text = finding.detail.text(language) if finding.detail else finding.output
        out.print(Text(f"  {mark} {finding.step}: {text}", style=style), soft_wrap=True)
    if len(off) > SHOWN:
        out.print(Text("  " + say("replay.more", count=len(off) - SHOWN), style="dim"))
    for note in comparison.notes:
        out.print(Text("  ! " + note.text(language), style="yellow"), soft_wrap=True)
    facts = say("replay.runs", before=before.id, after=after.id)
    terminal.console.print(Text(facts, style="dim"), soft_wrap=True)
