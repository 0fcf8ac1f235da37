"""``intentos executors build``: makes what an executor needs on this machine."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from intentos import cli, config
from intentos.errors import UsageError
from intentos.protocols import Built
from intentos.registry import Registry
from intentos.terminal import Terminal
from intentos.types import Words


def build(
    name: Annotated[str, typer.Argument(help="Which executor, as `intentos executors` lists it.")],
    source: Annotated[
        str | None,
        typer.Option("--from", help="docker: dockerfile, or system for this machine's own files."),
    ] = None,
) -> None:
    """Make what an executor needs here, such as docker's image; may fetch what it is made of."""
    settings = config.load()
    terminal = Terminal(cli.language_for(settings))

    def told(words: Words) -> None:
        terminal.console.print(Text(words.text(terminal.language), style="dim"), soft_wrap=True)

    def work() -> str:
        executor = Registry(plugins=settings.plugins).executor(name)
        if not isinstance(executor, Built):
            raise UsageError("executor.nothing_to_build", name=name)
        return executor.build(source, told)

    made = cli.guard(terminal, work)
    terminal.note("executor.built", name=name, source=made)
