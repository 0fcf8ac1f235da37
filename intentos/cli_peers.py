"""``intentos peers``: who is in the mesh, and whether its record holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from intentos import cli, cli_points, cli_relay
from intentos.cli_line import Json, call, on_line, own_hub, require_mesh
from intentos.config import Settings
from intentos.errors import NotFound, UsageError
from intentos.terminal import Terminal

if TYPE_CHECKING:
    from intentos.mesh.book import Book, Member
    from intentos.mesh.line import Line
    from intentos.mesh.wire import Peer

app = typer.Typer(help="Who is in the mesh.", rich_markup_mode=None)


def register(to: typer.Typer) -> None:
    """Add the commands to the command line."""
    cli_points.register(app)
    cli_relay.register(app)
    to.add_typer(app, name="peers")


@app.callback(invoke_without_command=True)
def peers(context: typer.Context, json_: Json = False) -> None:
    """List the nodes of the hub that this machine has joined."""
    if context.invoked_subcommand is not None:
        return
    terminal, settings = call(json_)

    async def look(line: Line) -> tuple[Peer, ...]:
        from intentos.mesh.corrections import fetch
        from intentos.mesh.places import Places

        await fetch(line, Places(settings))
        return (await line.ask(what="peers")).peers

    found = cli.guard(terminal, lambda: on_line(settings, look), json_=json_)
    if json_:
        typer.echo(json.dumps([peer.model_dump(mode="json") for peer in found]))
        return
    out = terminal.stdout()
    marks = {
        "free": ("● ", "green"),
        "busy": ("● ", "yellow"),
        "paused": ("○ ", "dim"),
        "ejected": ("✗ ", "red"),
    }
    for peer in found:
        offer = peer.offer
        can = ", ".join([*sorted(offer.languages), *offer.devices]) if offer else ""
        state = terminal.say(f"mesh.state_{peer.state}")
        line = f"{peer.name} · {peer.owner} · {state} {peer.running}/{peer.slots} · {can}"
        out.print(Text.assemble(marks.get(peer.state, ("○ ", "dim")), line), soft_wrap=True)
        out.print(Text(f"    {peer.id}", style="dim"), soft_wrap=True)
    if not found:
        terminal.note("mesh.nobody_here")
    _tell_corrections(terminal, settings)


def _tell_corrections(terminal: Terminal, settings: Settings) -> None:
    from intentos.mesh import corrections
    from intentos.mesh.places import Places

    for one in corrections.believed(Places(settings)):
        told = {"run": one.run, "step": one.step, "node": one.node[:12], "key": one.key}
        terminal.note(f"mesh.was_{one.what}", **told)


@app.command()
def audit(json_: Json = False) -> None:
    """Compare the hub's record with what it has signed for before: exit 1 where it differs."""
    terminal, settings = call(json_)

    def work() -> int:
        from intentos.mesh import audit as auditing
        from intentos.mesh.line import read_membership
        from intentos.mesh.places import Places

        places = Places(settings)
        hub = read_membership(places.membership).hub
        entries = on_line(settings, auditing.record)
        found = auditing.compare(entries, auditing.kept_heads(places.heads, hub))
        if json_:
            typer.echo(found.model_dump_json())
        else:
            told = {"entries": found.entries, "heads": found.heads, "line": found.line}
            terminal.stdout().print(
                terminal.say(f"mesh.audit_{found.verdict}", **told), soft_wrap=True
            )
        return 0 if found.verdict == "whole" else 1

    raise typer.Exit(cli.guard(terminal, work, json_=json_))


@app.command()
def nearby(
    seconds: Annotated[float, typer.Option(min=0.1, max=30, help="How long to listen.")] = 2.0,
    json_: Json = False,
) -> None:
    """List the hubs that call out in this network; to join one takes an invite all the same."""
    terminal, _ = call(json_)

    def work() -> None:
        from intentos.mesh import pin
        from intentos.mesh.discovery import look

        require_mesh()
        found = asyncio.run(look(seconds))
        if json_:
            typer.echo(json.dumps([hub.model_dump() for hub in found]))
            return
        for hub in found:
            line = f"{hub.name} · {hub.host}:{hub.port} · {pin.words(hub.fingerprint)}"
            terminal.stdout().print(Text(line), soft_wrap=True)
        terminal.note("mesh.nearby" if found else "mesh.nobody_near")

    cli.guard(terminal, work, json_=json_)


@contextmanager
def _member(settings: Settings, id: str) -> Iterator[tuple[Book, Member]]:
    """Open the book of this machine's own hub at one member; raises NotFound."""
    from intentos.mesh.book import Book
    from intentos.mesh.places import Places

    places = Places(settings)
    own_hub(places)
    book = Book(places.hub / "book.db")
    try:
        members = [m for m in book.members() if m.id.startswith(id) and not m.revoked]
        if len(members) != 1 or not id:
            raise NotFound("mesh.no_member", name=id[:80])
        yield book, members[0]
    finally:
        book.close()


@app.command()
def revoke(
    id: Annotated[str, typer.Argument(help="A member's id, or its beginning.")],
) -> None:
    """Put a machine out of this machine's hub, at once."""
    terminal, settings = call()

    def work() -> None:
        with _member(settings, id) as (book, member):
            book.revoke(member.id, "owner")
        terminal.note("mesh.revoked", name=member.name, owner=member.owner)

    cli.guard(terminal, work)


@app.command()
def readmit(
    id: Annotated[str, typer.Argument(help="A node's id, or its beginning.")],
) -> None:
    """Give a node work again that was found to lie, as to a newcomer."""
    terminal, settings = call()

    def work() -> None:
        with _member(settings, id) as (book, member):
            if not book.readmit(member.id):
                raise UsageError("mesh.not_ejected", name=member.name)
        terminal.note("mesh.readmitted", name=member.name, owner=member.owner)

    cli.guard(terminal, work)
