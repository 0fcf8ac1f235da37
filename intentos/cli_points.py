"""``intentos peers points``: what everybody has lent and earned, recomputed from the record."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from intentos import cli
from intentos.cli_line import Json, call, on_line
from intentos.errors import UsageError
from intentos.terminal import Terminal

if TYPE_CHECKING:
    from intentos.mesh.line import Line
    from intentos.mesh.wire import Account, Entry, Peer, Points

HIGHEST = 1e6


def register(app: typer.Typer) -> None:
    """Add the command to those of ``intentos peers``."""
    app.command("points")(points)


def prices(given: list[str]) -> dict[str, float]:
    """Return prices such as ``gpu=4`` by device; raises UsageError where they are none."""
    found = {}
    for text in given:
        device, _, number = text.partition("=")
        try:
            price = float(number)
        except ValueError:
            price = math.nan
        if device not in ("cpu", "gpu") or not 0 <= price <= HIGHEST:
            raise UsageError("mesh.bad_price", text=text[:40])
        found[device] = price
    return found


def points(
    json_: Json = False,
) -> None:
    """Recompute from the hub's record who lent what: exit 1 where the hub says something else."""

    terminal, settings = call(json_)

    async def look(line: Line) -> tuple[Points | None, tuple[Peer, ...], list[Entry]]:
        from intentos.mesh.audit import record

        told = (await line.ask(what="points")).points
        peers = (await line.ask(what="peers")).peers
        return told, peers, await record(line)

    def work() -> int:
        from intentos.mesh import audit as auditing
        from intentos.mesh.ledger import Ledger
        from intentos.mesh.line import read_membership
        from intentos.mesh.places import Places

        told, peers, entries = on_line(settings, look)
        places = Places(settings)
        heads = auditing.kept_heads(places.heads, read_membership(places.membership).hub)
        audit = auditing.compare(entries, heads)
        verdict: str = audit.verdict
        recomputed: Points | None = None
        if verdict == "whole":
            try:
                recomputed = Ledger().fold(entries[: told.seq if told else 0]).statement()
                verdict = "same" if recomputed == told else "differs"
            except ValueError:
                verdict = "differs"
        if json_:
            found = {"schema": 1, "verdict": verdict, "entries": len(entries)}
            for name, said in (("hub", told), ("recomputed", recomputed)):
                found[name] = said.model_dump(mode="json") if said is not None else None
            typer.echo(json.dumps(found, ensure_ascii=False))
        else:
            _show(terminal, recomputed or told, peers)
            counts = {"entries": len(entries), "heads": audit.heads, "line": audit.line}
            code = f"points_{verdict}" if verdict in ("same", "differs") else f"audit_{verdict}"
            who = ", ".join(_differing(told, recomputed)) or "?"
            line = terminal.say(f"mesh.{code}", who=who, **counts)
            terminal.stdout().print(Text(line), soft_wrap=True)
        return 0 if verdict == "same" else 1

    raise typer.Exit(cli.guard(terminal, work, json_=json_))


def _show(terminal: Terminal, told: Points | None, peers: tuple[Peer, ...]) -> None:
    if told is None:
        return
    out, names = terminal.stdout(), {peer.id: peer.name for peer in peers}
    for account in told.accounts:
        line = _account(terminal, account, on=told.on)
        out.print(Text(line), soft_wrap=True)
        for node in (n for n in told.nodes if told.on and n.owner == account.owner):
            speeds = [f"{device} × {speed:.2g}" for device, speed in node.speeds.items()]
            facts = {
                "name": names.get(node.node, node.node[:12]),
                "speed": ", ".join(speeds) or terminal.say("mesh.not_measured"),
                "right": node.right,
                "wrong": node.wrong,
                "reputation": f"{node.reputation:.2f}",
            }
            line = terminal.say("mesh.points_node", **facts)
            out.print(Text(f"    {line}", style="dim"), soft_wrap=True)
    if not told.on:
        terminal.note("mesh.points_off")
        return
    posted = {device: f"{price:g}" for device, price in told.prices.items()}
    terminal.note("mesh.points_prices", **{"cpu": "–", "gpu": "–"} | posted)


def _account(terminal: Terminal, account: Account, *, on: bool) -> str:
    from intentos.mesh.findings import COMMON

    common = account.owner == COMMON
    told = {
        "owner": terminal.say("mesh.points_common") if common else account.owner,
        "lent": f"{account.lent_ms / 1000:.1f}",
        "borrowed": f"{account.borrowed_ms / 1000:.1f}",
    }
    line = terminal.say("mesh.points_account", **told)
    if on and not common:
        sums = {"points": account.points, "held": account.held, "waiting": account.waiting}
        told = {name: f"{milli / 1000:.1f}" for name, milli in sums.items()}
        line += terminal.say("mesh.points_earned", **told)
    return line


def _differing(told: Points | None, recomputed: Points | None) -> list[str]:
    """Return whose balances the hub tells otherwise than its record."""
    if told is None or recomputed is None:
        return []
    here = {account.owner: account for account in recomputed.accounts}
    there = {account.owner: account for account in told.accounts}
    return sorted(o for o in here.keys() | there.keys() if here.get(o) != there.get(o))
