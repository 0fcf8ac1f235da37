"""``intentos node --relay`` and ``peers relayed``: a mesh that serves the hub of another one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from intentos import cli
from intentos.cli_line import Json, call, on_line
from intentos.config import Settings
from intentos.errors import UsageError
from intentos.terminal import Terminal

if TYPE_CHECKING:
    from intentos.mesh.hands import Hands
    from intentos.mesh.lending import Lending
    from intentos.mesh.line import Line, Membership
    from intentos.mesh.wire import Entry, Offer

    Lent = Callable[[Membership], Hands]
    """What a node works with, given the hub that it serves."""


def register(app: typer.Typer) -> None:
    """Add the command to those of ``intentos peers``."""
    app.command("relayed")(relayed)


def usual(changes: Mapping[str, object]) -> Lending:
    """Return what a relay lends where its owner says nothing; raises UsageError for a planner."""
    from intentos.mesh.relay import USUAL

    if changes.get("plans"):
        raise UsageError("mesh.relay_no_plans")
    return USUAL


def hands(settings: Settings) -> Lent:
    """Return what makes this machine's mesh the hands of a node.

    Raises:
        ExecutorUnavailable: this machine is a member of none.
    """
    from intentos.mesh.identity import Identity
    from intentos.mesh.line import read_membership
    from intentos.mesh.places import Places
    from intentos.mesh.relay import Relay

    places = Places(settings)
    inner = read_membership(places.membership)

    def lent(outer: Membership) -> Hands:
        own = Identity.kept(places.key)
        return Relay(identity=own, inner=inner, outer=outer, heads=places.heads)

    return lent


def tell(terminal: Terminal, host: str, offer: Offer) -> None:
    """Say that a relay serves, and with what."""
    if offer.languages:
        languages = ", ".join(sorted(offer.languages))
        terminal.note("mesh.relay_serves", host=host, slots=offer.slots, languages=languages)
    else:
        terminal.note("mesh.relay_waits", host=host)
    terminal.note("mesh.relay_how_to_pause")


def relayed(
    json_: Json = False,
) -> None:
    """Tell whose work from other hubs this machine's mesh has done, by the hub's record."""

    terminal, settings = call(json_)

    async def look(line: Line) -> list[Entry]:
        from intentos.mesh.audit import record

        return await record(line)

    found = cli.guard(terminal, lambda: counted(on_line(settings, look)), json_=json_)
    if json_:
        rows = [{"what": w, "steps": n, "seconds": s} for w, (n, s) in found.items()]
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    for what, (steps, seconds) in found.items():
        said = terminal.say("mesh.relay_line", what=what, steps=steps, seconds=f"{seconds:.1f}")
        terminal.stdout().print(Text(said), soft_wrap=True)
    if not found:
        terminal.note("mesh.relay_none")


def counted(entries: list[Entry]) -> dict[str, tuple[int, float]]:
    """Return how many steps, and how many seconds of nodes, the record has for whom elsewhere."""
    found: dict[str, tuple[int, float]] = {}
    for entry in entries:
        body = json.loads(entry.body) if entry.what == "settled" else {}
        what = body.get("relayed", "")
        if what and body["ok"]:
            steps, seconds = found.get(what, (0, 0.0))
            spent = sum(seconds for _, _, seconds in body["paid"])
            found[what] = (steps + 1, seconds + spent)
    return found
