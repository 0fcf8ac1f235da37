"""The window: what `intentos` does when it is called without a command."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from intentos import cli, config


def register(app: typer.Typer) -> None:
    """Make it what the command line does without a command."""
    app.callback(invoke_without_command=True)(window)


def window(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option(help="Of the window; 0: any that is free.", min=0, max=65535)
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond this machine the link has a key.")
    ] = "127.0.0.1",
    guests: Annotated[
        bool, typer.Option("--guests", help="Let others on your network watch; they run nothing.")
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open it in a browser.")
    ] = True,
) -> None:
    """Open the window. 打开窗口。"""
    if context.invoked_subcommand is not None:
        return
    call = cli.Call(language=None, json_=False, out=None)

    def ready(owner: str, others: str) -> None:
        # Unbroken, however narrow the terminal: people click on links.
        typer.echo(call.terminal.say("window.ready", link=owner), err=True)
        if others:
            typer.echo(call.terminal.say("window.guests_ready", link=others), err=True)

    def serve() -> None:
        # Core knows no other folder; the window is only started from here.
        import_module("intentos.ui.server").serve(
            config.load(),
            host=host,
            port=port,
            with_guests=guests,
            show=browser,
            ready=lambda links: ready(links.owner, links.guests),
        )

    call.guard(serve)
