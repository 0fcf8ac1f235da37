"""``intentos bench mesh``: the figures for people and for the record."""

from __future__ import annotations

import asyncio
import json
from importlib.util import find_spec
from pathlib import Path

import typer


def red_team(out: Path | None, json_: bool, jobs: int) -> None:
    """Plant liars, show and keep what came of it; end with 1 where a target was missed."""
    from rich.console import Console
    from rich.table import Table

    from . import record
    from . import red_team as planting

    progress = Console(stderr=True, highlight=False)
    rows = []
    for team in planting.TEAMS:
        progress.print(f"… {jobs} jobs, {team.name}", markup=False)
        rows.append(asyncio.run(planting.play(team, jobs)))
        if out is not None:  # each by itself, so that what was measured is kept
            record.add(out, record.cpu(), rows[-1])
    lines = [line for row in rows for line in planting.missed(row)]
    if json_:
        typer.echo(json.dumps({"teams": rows, "missed": lines}, ensure_ascii=False))
    else:
        table = Table(*planting.COLUMNS)
        for row in rows:
            table.add_row(*(str(row[column]) for column in planting.COLUMNS))
        Console(highlight=False, width=160).print(table)
        for line in lines:
            typer.echo(f"missed: {line}")
    if lines:
        raise typer.Exit(1)


def ways(out: Path | None, json_: bool, seconds: float, seed: int) -> None:
    """Compare the ways to choose a node; end with 1 where hubs do not use the best one."""
    from rich.console import Console
    from rich.table import Table

    from intentos.mesh.choose import DEFAULT

    from . import choosing, choosing_trace, record

    progress = Console(stderr=True, highlight=False)

    def tell(what: str) -> None:
        progress.print(f"… {what}", markup=False)

    tell("traces in virtual time")
    traced = choosing_trace.table(seeds=range(seed, seed + 5))
    played = asyncio.run(choosing.compare(tell, seconds=seconds, seed=seed))
    lines = choosing_trace.missed(traced, DEFAULT)
    if out is not None:
        for row in played:
            record.add(out, record.cpu(), row)
        record.add(out, record.cpu(), {"kind": "choosing, traces", "seed": seed, "rows": traced})
    if json_:
        typer.echo(json.dumps({"traces": traced, "played": played, "missed": lines}))
    else:
        for rows in (traced, played):
            columns = [name for name in rows[0] if name != "kind"]
            table = Table(*columns)
            for row in rows:
                table.add_row(*(str(row[column]) for column in columns))
            Console(highlight=False, width=120).print(table)
        for line in lines:
            typer.echo(f"missed: {line}")
    if lines:
        raise typer.Exit(1)


def chaos(out: Path | None, json_: bool, kills: int, seed: int | None) -> None:
    """Kill, count and keep; end with 1 where a job was lost or counted twice."""
    import secrets

    from rich.console import Console

    from . import mesh_chaos as killing
    from . import record

    progress = Console(stderr=True, highlight=False)
    seed = secrets.randbelow(10**6) if seed is None else seed
    progress.print(f"seed {seed}", markup=False)

    def tell(what: str) -> None:
        progress.print(f"… {what}", markup=False)

    result = asyncio.run(killing.storm(kills, seed, tell=tell))
    lines = killing.missed(result)
    if out is not None:
        record.add(out, record.cpu(), result)
    if json_:
        typer.echo(json.dumps({**result, "missed": lines}))
    else:
        for name, figure in result.items():
            typer.echo(f"{name}: {figure}")
        for line in lines:
            typer.echo(f"missed: {line}")
    if lines:
        raise typer.Exit(1)


def run(out: Path | None, json_: bool, quick: bool) -> None:
    """Measure, show and keep; end with 1 where a target was missed, with 4 where nothing works."""
    from rich.console import Console
    from rich.table import Table

    from intentos.errors import ExecutorUnavailable

    if find_spec("nats") is None or find_spec("aiohttp") is None:
        typer.echo("the mesh is missing: pip install 'intentos-runtime[mesh]'", err=True)
        raise typer.Exit(4)
    from . import mesh as measuring
    from . import mesh_rivals, record

    progress = Console(stderr=True, highlight=False)

    def tell(what: str) -> None:
        progress.print(f"… {what}", markup=False)

    try:
        result = asyncio.run(
            measuring.measure(tell, one_by_one=100 if quick else 500, many=1000 if quick else 5000)
        )
    except ExecutorUnavailable as unavailable:
        typer.echo(str(unavailable), err=True)
        raise typer.Exit(4) from unavailable
    device = record.cpu()
    lines = measuring.missed(result)
    if out is not None:
        record.add(out, device, result)
    if json_:
        typer.echo(json.dumps({"device": device, **result, "missed": lines}, ensure_ascii=False))
    else:
        console = Console(highlight=False)
        console.print(f"{device}, load {result['load']}\n")
        table = Table("", *mesh_rivals.FIGURES)
        for row in mesh_rivals.rows(result):
            table.add_row(*row)
        console.print(table)
        shown = ("kind", "load", *(f"{name}_" for name in mesh_rivals.COMPARED))
        for name, figure in result.items():
            if not name.startswith(shown):
                console.print(f"{name}: {figure}", markup=False)
        for name, how in mesh_rivals.missing().items():
            console.print(f"not compared with {name}, which is not installed: {how}", markup=False)
        for line in lines:
            typer.echo(f"missed: {line}")
    if lines:
        raise typer.Exit(1)
