"""``intentos executors``: what can run steps here, and whether it keeps what it promises."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Annotated, Any

import typer
from rich.text import Text

from intentos import cli, config
from intentos.errors import ExecutorUnavailable
from intentos.policy import is_replaced
from intentos.registry import OWN_DISTRIBUTION, Registry
from intentos.terminal import Terminal

app = typer.Typer(help="What can run steps here.", rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.callback(invoke_without_command=True)
def executors(context: typer.Context, json_: Json = False) -> None:
    """List what can run steps here, and what is missing for the others."""
    if context.invoked_subcommand is not None:
        return
    terminal, registry = _call()
    rows = _rows(registry, terminal)
    if json_:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    out = terminal.stdout()
    for row in rows:
        mark = ("✓ ", "green") if row["available"] else ("✗ ", "red")
        text = f"{row['name']}  {', '.join(row['languages'])} · {row['isolation']}"
        strange = row["package"] != OWN_DISTRIBUTION
        origin = terminal.say("executor.from_package", package=row["package"]) if strange else ""
        out.print(
            Text.assemble(mark, f"{text} · {origin or row['package']}"),
            soft_wrap=True,
        )
        if row["problem"]:
            out.print(Text(f"    {row['problem']}"), soft_wrap=True)


@app.command()
def check(
    name: Annotated[
        str | None, typer.Argument(help="Which one to try on its samples, promise by promise.")
    ] = None,
    json_: Json = False,
) -> None:
    """Ask every executor whether it works here (exit 4 if one is missed); or try one thoroughly:
    exit 0 if it keeps everything that an executor promises, 1 if not."""
    terminal, registry = _call()
    if name is None:
        _ask_all(terminal, registry, json_)
        return
    cli.guard(terminal, lambda: _try(terminal, registry, name, json_), json_=json_)


def _ask_all(terminal: Terminal, registry: Registry, json_: bool) -> None:
    rows = _rows(registry, terminal)
    if json_:
        typer.echo(json.dumps(rows, ensure_ascii=False))
    for row in () if json_ else rows:
        mark = ("✓ ", "green") if row["available"] else ("✗ ", "red")
        text = f"{row['name']}: {row['problem']}" if row["problem"] else row["name"]
        terminal.stdout().print(Text.assemble(mark, text), soft_wrap=True)
    if any(row["missed"] for row in rows):
        raise typer.Exit(4)


def _try(terminal: Terminal, registry: Registry, name: str, json_: bool) -> None:
    from intentos.inspection import Verdict, inspect

    settings = config.load()
    registry.executor(name).check()  # what cannot work here has nothing to keep: exit 4
    out = terminal.stdout()
    styles = {"kept": ("✓ ", "green"), "broken": ("✗ ", "red"), "skipped": ("– ", "dim")}

    async def work() -> list[Verdict]:
        found = []
        async with aclosing(inspect(name, plugins=settings.plugins)) as verdicts:
            async for verdict in verdicts:
                found.append(verdict)
                if not json_:
                    title = terminal.say(f"contract.{verdict.promise}")
                    line = Text.assemble(styles[verdict.status], title)
                    if verdict.detail:
                        line.append(f"\n    {verdict.detail}", style="dim")
                    out.print(line, soft_wrap=True)
        return found

    verdicts = asyncio.run(work())
    counts = {s: sum(v.status == s for v in verdicts) for s in ("kept", "broken", "skipped")}
    package = registry.names("executors").get(name, "?")
    if json_:
        document: dict[str, Any] = {
            "executor": name,
            "package": package,
            "keeps": not counts["broken"],
            **counts,
            "promises": [verdict.model_dump() for verdict in verdicts],
        }
        typer.echo(json.dumps(document, ensure_ascii=False))
    else:
        terminal.note("executor.tried", name=name, package=package, **counts)
    if counts["broken"]:
        raise typer.Exit(1)


def _rows(registry: Registry, terminal: Terminal) -> list[dict[str, Any]]:
    origins = registry.names("executors")
    executors = registry.executors()
    problems: dict[str, str] = {}
    for name, executor in executors.items():
        try:
            executor.check()
        except ExecutorUnavailable as error:
            problems[name] = error.text(terminal.language)
    working = [executor for name, executor in executors.items() if name not in problems]
    return [
        {
            "name": name,
            "languages": sorted(executor.languages),
            "isolation": executor.isolation,
            "package": origins.get(name, "?"),
            "available": name not in problems,
            "missed": name in problems and not is_replaced(executor, working),
            "problem": problems.get(name),
        }
        for name, executor in executors.items()
    ]


def _call() -> tuple[Terminal, Registry]:
    settings = config.load()
    terminal = Terminal(cli.language_for(settings))
    return terminal, Registry(plugins=settings.plugins)
