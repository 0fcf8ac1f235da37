"""The command that makes one file of a run: ``intentos export RUN --to FORMAT``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from intentos import cli, config
from intentos.errors import UsageError
from intentos.events import ProgressMade
from intentos.export import FORMS, Work, export, offered
from intentos.registry import Registry
from intentos.store import Store
from intentos.terminal import Terminal


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("export")(export_command)


def export_command(
    run: Annotated[str, typer.Argument(help="A run's id, its beginning or end, or `last`.")],
    to: Annotated[str, typer.Option(help=" | ".join(FORMS))] = "",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File to write, or a folder for it.")
    ] = None,
) -> None:
    """Make one file of a run: a film, a picture, a table, a plan, a page that plays, or all."""
    terminal = Terminal(cli.system_language())

    def work() -> Path:
        settings = config.load()
        terminal.language = cli.language_for(settings)
        store = Store(settings)
        try:
            found = store.run(run)
            if settings.language == "auto":
                terminal.language = found.intent.language
            job = Work(
                run=found,
                store=store,
                registry=Registry(plugins=settings.plugins),
                language=terminal.language,
                progress=lambda fraction: terminal.show(
                    ProgressMade(run_id=found.id, stage="stage.exporting", fraction=fraction)
                ),
            )
            extension = output.suffix[1:].lower() if output is not None else ""
            form = to or (extension if extension in FORMS else "")
            if not form:
                raise UsageError("export.which", known=", ".join(offered(job)) or "—")
            return export(job, form.lower(), output)
        finally:
            store.close()

    path = cli.guard(terminal, work)
    terminal.pause()
    typer.echo(str(path))
