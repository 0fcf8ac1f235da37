"""The command ``preferences``: what is remembered of a person's choices, and how to change it."""

from __future__ import annotations

import json
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from intentos import cli, config
from intentos.checks import plain
from intentos.conversation import assignments
from intentos.errors import UsageError
from intentos.preferences import Preference, Preferences
from intentos.terminal import Terminal

app = typer.Typer(help="What you chose before.", rich_markup_mode=None)

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.callback(invoke_without_command=True)
def every(context: typer.Context, json_: Json = False) -> None:
    """List what is remembered, and where it comes from."""
    if context.invoked_subcommand is not None:
        return
    terminal, kept = _open()
    found = cli.guard(terminal, kept.every, json_=json_)
    if json_:
        document = [p.model_dump(mode="json") for _, p in sorted(found.items())]
        typer.echo(json.dumps(document, ensure_ascii=False))
        return
    lines = [_line(terminal, preference) for _, preference in sorted(found.items())]
    for line in lines or [terminal.say("preferences.nothing")]:
        terminal.stdout().print(Text(line), soft_wrap=True)


@app.command("set")
def set_(
    choices: Annotated[list[str], typer.Argument(help="name=value; several are possible.")],
) -> None:
    """Say how you like something: colour=#3a7bd5 frames=96 speed=km/h language=zh."""
    terminal, kept = _open()
    given = cli.guard(terminal, lambda: assignments(choices))
    for name, value in given.items():
        preference = cli.guard(terminal, partial(kept.set, name, value))
        terminal.stdout().print(Text(_line(terminal, preference)), soft_wrap=True)


@app.command()
def forget(
    name: Annotated[str | None, typer.Argument(help="As `intentos preferences` lists it.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Forget everything.")] = False,
) -> None:
    """Forget a choice, or all of them."""
    terminal, kept = _open()

    def work() -> None:
        if all_:
            kept.forget_all()
        elif name is None:
            raise UsageError("preferences.which")
        else:
            kept.forget(name)

    cli.guard(terminal, work)
    terminal.note("preferences.forgotten_all" if all_ else "preferences.forgotten", name=name)


def _open() -> tuple[Terminal, Preferences]:
    terminal = Terminal(cli.system_language())
    settings = cli.guard(terminal, config.load)
    terminal.language = cli.language_for(settings)
    return terminal, Preferences(settings)


def _line(terminal: Terminal, preference: Preference) -> str:
    return terminal.say(
        f"preferences.entry_{preference.how}",
        name=preference.name,
        value=plain(preference.value),
        date=f"{preference.at.astimezone():%Y-%m-%d}",
        wish=preference.wish,
        run=(preference.run or "")[-8:],
    )
